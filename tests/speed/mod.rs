//! A thousand manifests: that their number costs what it must and no more. The measurements are in
//! docs/architecture.md; they are repeated by hand with the tree that `tree` makes.

use std::fmt::Write as _;

use crate::support::command::Tree;

/// The walkthrough's network, roles, cluster and instance, and `number` services with a task definition each.
fn tree(number: usize, tasks: usize) -> Tree {
    let tree = Tree::of_example("outposts");
    tree.remove("app.yaml");
    tree.remove("ecs-task.json");
    for index in 0..number {
        let mut text = String::new();
        write!(
            text,
            "apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {{name: app-{index}}}\nspec:\n  \
             containerDefinitions: [{{name: web, image: httpd:2.4, memory: 6}}]\n\
             ---\napiVersion: farpost/v1\nkind: Service\nmetadata: {{name: app-{index}}}\nspec:\n  \
             cluster: ${{Cluster.MyCluster}}\n  taskDefinition: ${{TaskDefinition.app-{index}}}\n  \
             desiredCount: {tasks}\n  launchType: EC2\n"
        )
        .unwrap();
        tree.write(&format!("app-{index}.yaml"), &text);
    }
    tree
}

fn calls(plan: &serde_json::Value) -> u64 {
    plan["calls"].as_object().unwrap().values().map(|number| number.as_u64().unwrap()).sum()
}

/// Ten services a call, a hundred of what is tagged, and nothing for each object.
#[test]
fn a_thousand_objects_are_read_in_less_than_a_hundred_calls() {
    let tree = tree(490, 1);
    let plan = tree.in_sandbox(&["plan", "manifests", "-o", "json"]).ends_with(0).json();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 990);
    // Of what is not there, services alone are asked for by name.
    assert!(calls(&plan) <= 75, "{} calls: {:#}", calls(&plan), plan["calls"]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let plan = tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode", "-o", "json"]).ends_with(0).json();
    assert!(calls(&plan) <= 90, "{} calls: {:#}", calls(&plan), plan["calls"]);
}
