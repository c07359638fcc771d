//! How many calls a plan makes.

use std::fmt::Write as _;

use crate::support::command::{STACK, Tree};

/// The walkthrough without what runs in it, and `number` services with a task definition each.
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

/// Takes the documents of these kinds out of a file.
fn without(tree: &Tree, file: &str, kinds: &[&str]) {
    let text = tree.text(file);
    let is_left = |document: &&str| !kinds.iter().any(|kind| document.contains(&format!("kind: {kind}\n")));
    let left: Vec<&str> = text.split("---\n").filter(is_left).collect();
    assert_eq!(text.split("---\n").count(), left.len() + kinds.len());
    tree.write(file, &left.join("---\n"));
}

/// The calls of a plan that finds nothing, after an apply.
fn calls(tree: &Tree, objects: usize) -> (u64, String) {
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let plan = tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode", "-o", "json"]).ends_with(0).json();
    assert_eq!(plan["changes"].as_array().unwrap().len(), objects);
    let sum = plan["calls"].as_object().unwrap().values().map(|number| number.as_u64().unwrap()).sum();
    (sum, format!("{:#}", plan["calls"]))
}

#[test]
fn a_plan_of_a_hundred_services_that_finds_nothing_makes_few_calls() {
    let tree = tree(100);
    without(&tree, "access.yaml", &["KeyPair"]);
    without(&tree, "cluster.yaml", &["Instance"]);
    let (sum, calls) = calls(&tree, 208);
    assert!(sum <= 25, "{sum} calls: {calls}");
}

/// One for the key pair, one for the instance and one for its volumes.
#[test]
fn a_key_pair_and_an_instance_cost_three_calls_more() {
    let (sum, calls) = calls(&tree(100), 210);
    assert!(sum <= 28, "{sum} calls: {calls}");
}

/// Kinds that a stack has nothing of are not read.
#[test]
fn a_small_stack_is_not_asked_about_what_it_has_not() {
    let tree = Tree::of_example("outposts");
    for file in ["app.yaml", "ecs-task.json", "access.yaml", "network.yaml"] {
        tree.remove(file);
    }
    without(&tree, "cluster.yaml", &["Instance"]);
    let (sum, calls) = calls(&tree, 1);
    assert!(sum <= 4, "{sum} calls: {calls}");
}

#[test]
fn a_plan_of_sixty_log_groups_that_finds_nothing_makes_two_calls_for_them() {
    let mut text = STACK.to_owned();
    for index in 0..60 {
        write!(
            text,
            "---\napiVersion: farpost/v1\nkind: LogGroup\nmetadata: {{name: app-{index}}}\nspec: {{retentionInDays: 30}}\n"
        )
        .unwrap();
    }
    let tree = Tree::new(&[("logs.yaml", &text)]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let plan = tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode", "-o", "json"]).ends_with(0).json();
    let logs: Vec<_> =
        plan["calls"].as_object().unwrap().iter().filter(|(name, _)| name.starts_with("logs:")).collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!((logs[0].0.as_str(), logs[0].1.as_u64()), ("logs:DescribeLogGroups", Some(2)));
    // The stack goes, found by its tags alone.
    tree.remove("logs.yaml");
    tree.in_sandbox(&["destroy", "--stack", "test", "--yes"]).ends_with(0).prints(&["Converged"]);
}
