//! How many calls a plan makes: throttling is an account's, and a plan runs often.

use std::fmt::Write as _;

use crate::support::command::{STACK, Tree};

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

/// The aim is 25. Reading every field costs four more today: three attributes of the VPC, one call each, and the role's
/// description and session length, which the account's details leave out (docs/decisions/0005-calls.md).
const MOST: u64 = 29;

#[test]
fn a_plan_of_a_hundred_services_that_finds_nothing_makes_few_calls() {
    let tree = tree(100);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let plan = tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode", "-o", "json"]).ends_with(0).json();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 210);
    let sum: u64 = plan["calls"].as_object().unwrap().values().map(|number| number.as_u64().unwrap()).sum();
    assert!(sum <= MOST, "{sum} calls: {:#}", plan["calls"]);
    let logs = |(name, _): (&String, _)| name.starts_with("cloudwatchlogs:");
    assert!(!plan["calls"].as_object().unwrap().iter().any(logs), "no log group is declared: {:#}", plan["calls"]);
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
        plan["calls"].as_object().unwrap().iter().filter(|(name, _)| name.starts_with("cloudwatchlogs:")).collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!((logs[0].0.as_str(), logs[0].1.as_u64()), ("cloudwatchlogs:DescribeLogGroups", Some(2)));
    // The stack goes, found by its tags alone.
    tree.remove("logs.yaml");
    tree.in_sandbox(&["destroy", "--stack", "test", "--yes"]).ends_with(0).prints(&["Converged"]);
}
