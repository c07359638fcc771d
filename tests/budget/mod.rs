//! How many calls a plan makes: throttling is an account's, and a plan runs often.

use std::fmt::Write as _;

use crate::support::command::Tree;

/// The walkthrough's network, roles, cluster and instance, and `number` services with a task definition each.
fn tree(number: usize) -> Tree {
    let tree = Tree::of_example("outposts");
    tree.remove("app.yaml");
    tree.remove("ecs-task.json");
    let mut text = String::new();
    for index in 0..number {
        write!(
            text,
            "---\napiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {{name: app-{index}}}\nspec:\n  \
             containerDefinitions: [{{name: web, image: httpd:2.4, memory: 16}}]\n\
             ---\napiVersion: farpost/v1\nkind: Service\nmetadata: {{name: app-{index}}}\nspec:\n  \
             cluster: ${{Cluster.MyCluster}}\n  taskDefinition: ${{TaskDefinition.app-{index}}}\n  \
             desiredCount: 0\n  launchType: EC2\n"
        )
        .unwrap();
    }
    tree.write("apps.yaml", &text);
    tree
}

#[test]
fn a_plan_of_a_hundred_services_that_finds_nothing_makes_at_most_25_calls() {
    let tree = tree(100);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let plan = tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode", "-o", "json"]).ends_with(0).json();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 210);
    let sum: u64 = plan["calls"].as_object().unwrap().values().map(|number| number.as_u64().unwrap()).sum();
    assert!(sum <= 25, "{sum} calls: {:#}", plan["calls"]);
}

/// A plan takes two members of a role and three of a VPC from a digest; `--deep` reads them.
#[test]
fn deep_finds_what_a_digest_vouches_for() {
    let tree = tree(0);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    let text = std::fs::read_to_string(tree.sandbox()).unwrap();
    let drifted = text.replace("Container instances on the Outpost", "Changed in the console");
    assert_ne!(text, drifted);
    std::fs::write(tree.sandbox(), drifted).unwrap();
    tree.in_sandbox(&["plan", "manifests", "--deep", "--detailed-exitcode"])
        .ends_with(2)
        .prints(&["Role/ecsRole", "description"]);
}

/// The digest is of what is declared, so a change of the declaration is always seen and carried out, and so is its
/// way back.
#[test]
fn a_digest_hides_no_change_of_the_manifests() {
    let tree = tree(0);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    let network = std::fs::read_to_string(tree.path("network.yaml")).unwrap();
    for text in [network.replace("enableDnsHostnames: true", "enableDnsHostnames: false"), network] {
        tree.write("network.yaml", &text);
        tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(2).prints(&["enableDnsHostnames"]);
        tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
        tree.in_sandbox(&["plan", "manifests", "--deep", "--detailed-exitcode"]).ends_with(0);
    }
}
