//! How long an apply waits, and what it says of what it has not waited for.

use crate::support::command::{STACK, Tree};

/// A service that finds no instance.
fn tree() -> Tree {
    let services = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: edge}\nspec: {}\n---\n\
                    apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {name: app}\n\
                    spec: {containerDefinitions: [{name: app, image: 'nginx:1', memory: 64}]}\n---\n\
                    apiVersion: farpost/v1\nkind: Service\nmetadata: {name: app}\nlifecycle: {timeouts: {update: 1s}}\n\
                    spec: {cluster: '${Cluster.edge}', taskDefinition: '${TaskDefinition.app}', desiredCount: 1, launchType: EC2}\n";
    Tree::new(&[("stack.yaml", STACK), ("services.yaml", services)])
}

#[test]
fn what_was_not_waited_for_is_no_convergence() {
    let tree = tree();
    let ran = tree.in_sandbox(&["apply", "manifests", "--yes", "--wait", "none"]).ends_with(0);
    let ran =
        ran.prints(&["3 steps done.", "not waited for: Service/app: 0 of 1 running", "Whether it comes up is not"]);
    assert!(!ran.stdout.contains("Converged"), "{}", ran.stdout);
    // The next run goes on waiting, for as long as the lifecycle says.
    let ran = tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(1);
    let _ran = ran.prints(&[
        "failed: Service/app: gave up after 1 second: 0 of 1 running; 1 of 1 tasks: the cluster edge has no container",
        "lifecycle.timeouts gives it longer",
    ]);
    let ran = tree.in_sandbox(&["apply", "manifests", "--yes", "--wait", "none", "-o", "json"]).ends_with(0);
    let json = ran.json();
    assert_eq!((&json["converged"], &json["outcome"]["failed"]), (&false.into(), &serde_json::json!([])));
    assert!(json["outcome"]["left"]["Service/app"].as_str().unwrap().starts_with("0 of 1 running"), "{json:#}");
}

#[test]
fn a_timeout_that_means_nothing_is_shown_where_it_stands() {
    let tree = tree();
    tree.write("services.yaml", &tree.text("services.yaml").replace("update: 1s", "update: soon"));
    tree.in_sandbox(&["plan", "manifests"]).ends_with(1).complains(&["bad-duration", "services.yaml:14:32", "`soon`"]);
    tree.in_sandbox(&["apply", "manifests", "--wait", "forever"]).ends_with(2).complains(&["none, started, stable"]);
}
