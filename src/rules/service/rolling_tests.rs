//! Deployments that can roll, and those that cannot.

use super::rolling::Rollout;
use crate::rules::tests::findings;

#[test]
fn percentages_are_rounded_as_aws_does() {
    for (count, least_percent, most_percent, goes_on) in [
        (1, 100, 150, false),
        (1, 50, 100, false),
        (2, 75, 149, false),
        (2, 50, 100, true),
        (2, 100, 150, true),
        (3, 67, 133, false),
        (3, 66, 133, true),
        (4, 76, 124, false),
        (10, 91, 109, false),
        (10, 90, 100, true),
    ] {
        let rollout = Rollout { least_percent, most_percent };
        let found = rollout.may_stop_first(count) || rollout.may_start_first(count);
        assert_eq!(found, goes_on, "{count} tasks, {least_percent}, {most_percent}");
    }
}

/// Three instances, one of them as `instance` says, and a service of three on port 8080.
fn shop(cluster: &str, instance: &str, service: &str) -> Vec<String> {
    let host = "imageId: ami-0123456789abcdef0\n  instanceType: c5.large\n  subnetId: subnet-0123456789abcdef0\n  \
                iamInstanceProfile: host\n  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}\n";
    let text = format!(
        "kind: Cluster\nmetadata: {{name: shop}}\nspec: {cluster}\n---\n\
         kind: Instance\nmetadata: {{name: rack}}\nspec:\n  {host}  count: 2\n  \
         ecsConfig: {{ECS_CLUSTER: '${{Cluster.shop}}', ECS_INSTANCE_ATTRIBUTES: {{row: a}}}}\n---\n\
         kind: Instance\nmetadata: {{name: other}}\nspec:\n  {host}  {instance}\n---\n\
         kind: TaskDefinition\nmetadata: {{name: till}}\nspec:\n  requiresCompatibilities: [EC2]\n  \
         containerDefinitions: [{{name: app, image: 'nginx:1.29', memory: 64, portMappings: [{{containerPort: 80, hostPort: 8080}}]}}]\n---\n\
         kind: Service\nmetadata: {{name: till}}\nspec:\n  cluster: ${{Cluster.shop}}\n  \
         taskDefinition: ${{TaskDefinition.till}}\n  launchType: EC2\n  {service}\n"
    );
    let ids = findings(&text).into_iter().map(|finding| finding.code.to_string());
    ids.filter(|id| id.starts_with("SVC-")).collect()
}

#[test]
fn hosts_that_are_not_all_known_are_no_reason() {
    let joins = "ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}";
    assert_eq!(shop("{}", joins, "desiredCount: 3"), ["SVC-07"]);
    assert_eq!(shop("{}", joins, "desiredCount: 4"), ["SVC-08"]);
    assert!(shop("{}", joins, "desiredCount: 2").is_empty());
    // An Auto Scaling group may bring more.
    assert!(shop("{capacityProviders: [racks]}", joins, "desiredCount: 4").is_empty());
    // The other one is in another cluster; in one that nobody knows; and out of service for a while.
    assert_eq!(shop("{}", "ecsConfig: {ECS_CLUSTER: depot}", "desiredCount: 3"), ["SVC-08"]);
    assert!(shop("{}", "userData: echo ECS_CLUSTER=shop > /etc/ecs/ecs.config", "desiredCount: 3").is_empty());
    assert!(shop("{}", &format!("running: false\n  {joins}"), "desiredCount: 3").is_empty());
    // Somebody else counts the tasks.
    assert!(shop("{}", joins, "desiredCount: 3\nlifecycle: {ignoreChanges: [desiredCount]}").is_empty());
}

#[test]
fn constraints_leave_fewer_hosts() {
    let joins = "ecsConfig: {ECS_CLUSTER: '${Cluster.shop}', ECS_INSTANCE_ATTRIBUTES: {row: b}}";
    let on = |expression: &str, count: u8| {
        let constraint = format!("placementConstraints: [{{type: memberOf, expression: \"{expression}\"}}]");
        shop("{}", joins, &format!("desiredCount: {count}\n  {constraint}"))
    };
    assert_eq!(on("attribute:row == a", 2), ["SVC-07"]);
    assert_eq!(on("attribute:row == b", 2), ["SVC-08"]);
    assert!(on("attribute:row == a", 1).is_empty());
    assert_eq!(on("attribute:row != a or attribute:ecs.instance-type == c5.large", 3), ["SVC-07"]);
    // What the agent or AWS says of a host is not known.
    assert!(on("attribute:ecs.os-type == linux", 4).is_empty());
    assert!(on("not(task:group == service:till)", 4).is_empty());
}

#[test]
fn a_daemon_counts_the_hosts() {
    let text = |least: u8| {
        format!(
            "kind: Cluster\nmetadata: {{name: shop}}\nspec: {{}}\n---\nkind: Instance\nmetadata: {{name: rack}}\nspec:\n  \
             imageId: ami-0123456789abcdef0\n  instanceType: c5.large\n  subnetId: subnet-0123456789abcdef0\n  count: 2\n  \
             iamInstanceProfile: host\n  ecsConfig: {{ECS_CLUSTER: '${{Cluster.shop}}'}}\n---\n\
             kind: Service\nmetadata: {{name: logs}}\nspec:\n  cluster: ${{Cluster.shop}}\n  taskDefinition: logs:7\n  \
             launchType: EC2\n  schedulingStrategy: DAEMON\n  deploymentConfiguration: {{minimumHealthyPercent: {least}}}\n"
        )
    };
    let is_found = |least: u8| findings(&text(least)).iter().any(|finding| finding.code == "SVC-05");
    assert!(!is_found(50));
    assert!(is_found(51));
    assert!(is_found(100));
}
