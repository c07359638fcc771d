//! Services in the whole engine, against the sandbox.

use std::fmt::Write as _;

use aws_sdk_ecs::types::{Compatibility, ContainerDefinition, NetworkMode};

use crate::address::Address;
use crate::apply::{Event, Outcome};
use crate::kinds::Kind as _;
use crate::kinds::trial::{Trial, declared, example};
use crate::plan::{Action, Reason, Work};

const EDGE: &str = "
apiVersion: farpost/v1
kind: Stack
metadata: {name: store}
spec: {account: '123456789012', region: us-west-2}
---
apiVersion: farpost/v1
kind: Cluster
metadata: {name: edge}
spec: {capacityProviders: [FARGATE, FARGATE_SPOT]}
";

/// The first subnet of a sandbox: the same calls give the same ids.
const SUBNET: &str = "subnet-034943b848c7101dd";

/// The manifests with a Fargate service `till` of these further members.
fn till(members: &str) -> String {
    let network = format!("networkConfiguration: {{awsvpcConfiguration: {{subnets: [{SUBNET}]}}}}");
    let capacity = if members.contains("capacityProviderStrategy") { "" } else { "launchType: FARGATE, " };
    let service = format!("{{cluster: \"${{Cluster.edge}}\", {capacity}{network}, {members}}}");
    format!("{EDGE}---\napiVersion: farpost/v1\nkind: Service\nmetadata: {{name: till}}\nspec: {service}\n")
}

async fn trial_with(images: &[&str]) -> Trial {
    let trial = Trial::new().await;
    let vpc = trial.aws.ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap().vpc.unwrap();
    let call = trial.aws.ec2().create_subnet().vpc_id(vpc.vpc_id.unwrap()).cidr_block("10.0.0.0/20");
    assert_eq!(call.send().await.unwrap().subnet.unwrap().subnet_id.as_deref(), Some(SUBNET));
    for image in images {
        define(&trial, image).await;
    }
    trial
}

/// A revision of the family `till`.
async fn define(trial: &Trial, image: &str) {
    let call = trial.aws.ecs().register_task_definition().family("till").network_mode(NetworkMode::Awsvpc);
    let call = call.requires_compatibilities(Compatibility::Fargate).cpu("256").memory("512");
    call.container_definitions(ContainerDefinition::builder().name("app").image(image).build()).send().await.unwrap();
}

async fn live(trial: &Trial, name: &str) -> aws_sdk_ecs::types::Service {
    let answer = trial.aws.ecs().describe_services().cluster("edge").services(name).send().await.unwrap();
    answer.services.unwrap_or_default().remove(0)
}

async fn apply(trial: &mut Trial, text: &str) -> Outcome {
    let plan = trial.plan(text).await;
    assert!(plan.refusals.is_empty(), "{:#?}", plan.refusals);
    trial.carry_out(plan).await
}

#[tokio::test]
async fn the_example_converges_and_can_be_destroyed() {
    let text = example("service");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    // The definition, and then the service that follows it.
    trial.converge(&text.replace("memory: 128", "memory: 256")).await;
    trial.destroy(&text).await;
}

#[tokio::test]
async fn a_service_lives() {
    let mut trial = trial_with(&["nginx", "nginx:2"]).await;
    trial.converge(&till("taskDefinition: till:1, desiredCount: 1")).await;
    let first = live(&trial, "till").await.deployments()[0].id().map(str::to_owned);
    trial
        .converge(&till(
            "taskDefinition: till:1, desiredCount: 3, enableECSManagedTags: true, propagateTags: SERVICE, tags: {a: b}",
        ))
        .await;
    let scaled = live(&trial, "till").await;
    assert_eq!((scaled.running_count(), scaled.deployments()[0].id().map(str::to_owned)), (3, first));
    trial.converge(&till("taskDefinition: till:2, desiredCount: 1, healthCheckGracePeriodSeconds: 30")).await;
    let updated = live(&trial, "till").await;
    assert!(updated.task_definition().unwrap().ends_with("till:2"));
    assert_eq!((updated.running_count(), updated.deployments().len()), (1, 1));
    // What the manifest drops is reset, and what is not managed stays.
    trial.converge(&till("taskDefinition: till:2")).await;
    let reset = live(&trial, "till").await;
    assert_eq!((reset.desired_count(), reset.health_check_grace_period_seconds()), (1, Some(0)));
    trial.destroy(EDGE).await;
    // Whether a look finds it draining is a matter of speed; that it is waited for is not.
    let gone =
        |event: &Event| matches!(event, Event::Done { address, work: Work::Delete, .. } if address.kind == "Service");
    assert!(trial.events.iter().any(gone), "{:#?}", trial.events);
}

#[tokio::test]
async fn a_family_alone_is_any_revision_of_it() {
    let mut trial = trial_with(&["nginx", "nginx:2"]).await;
    trial.converge(&till("taskDefinition: till, desiredCount: 1")).await;
    assert!(live(&trial, "till").await.task_definition().unwrap().ends_with("till:2"));
    define(&trial, "nginx:3").await;
    assert!(trial.plan(&till("taskDefinition: till, desiredCount: 1")).await.is_empty());
    trial.converge(&till("taskDefinition: till:3, desiredCount: 1")).await;
}

#[tokio::test]
async fn capacity_providers_change_in_place_with_a_new_deployment() {
    let mut trial = trial_with(&["nginx"]).await;
    trial.converge(&till("taskDefinition: till, desiredCount: 1")).await;
    let before = live(&trial, "till").await.deployments()[0].id().map(str::to_owned);
    let providers = till(
        "taskDefinition: till, desiredCount: 1, capacityProviderStrategy: [{capacityProvider: FARGATE_SPOT, weight: 1}]",
    );
    let plan = trial.plan(&providers).await;
    assert!(plan.pending().all(|change| change.action == Action::Update), "{:#?}", plan.changes);
    let notes: Vec<&str> = plan.notes.iter().map(|note| note.message.as_str()).collect();
    let said =
        "forces a new deployment, because AWS would leave the running tasks where they are: capacityProviderStrategy";
    assert_eq!(notes, [said]);
    trial.converge(&providers).await;
    let after = live(&trial, "till").await;
    assert_ne!(after.deployments()[0].id().map(str::to_owned), before);
    assert_eq!(after.capacity_provider_strategy()[0].capacity_provider(), "FARGATE_SPOT");
}

#[tokio::test]
async fn what_is_left_to_others_is_not_sent() {
    let mut trial = trial_with(&["nginx", "nginx:2"]).await;
    let text = |revision: u32| {
        let lifecycle = "metadata: {name: till}\nlifecycle: {ignoreChanges: [desiredCount]}";
        till(&format!("taskDefinition: till:{revision}, desiredCount: 1")).replace("metadata: {name: till}", lifecycle)
    };
    trial.converge(&text(1)).await;
    trial.aws.ecs().update_service().cluster("edge").service("till").desired_count(4).send().await.unwrap();
    trial.converge(&text(2)).await;
    let live = live(&trial, "till").await;
    assert_eq!((live.desired_count(), live.task_definition().unwrap().ends_with("till:2")), (4, true));
}

#[tokio::test]
async fn a_count_to_begin_with_is_sent_once() {
    let mut trial = trial_with(&["nginx"]).await;
    let lifecycle = "metadata: {name: till}\nlifecycle: {ignoreChanges: [desiredCount]}";
    let text = till("taskDefinition: till, desiredCount: 3").replace("metadata: {name: till}", lifecycle);
    trial.converge(&text).await;
    assert_eq!(live(&trial, "till").await.desired_count(), 3);
    // A scaling policy goes both ways.
    for count in [7, 1] {
        trial.aws.ecs().update_service().cluster("edge").service("till").desired_count(count).send().await.unwrap();
        assert!(trial.plan(&text).await.is_empty());
    }
}

#[tokio::test]
async fn a_service_that_replaces_another_keeps_a_count_that_nobody_declares() {
    let mut trial = trial_with(&["nginx"]).await;
    let lifecycle = "metadata: {name: till}\nlifecycle: {ignoreChanges: [desiredCount]}";
    let ignored = |text: &str| text.replace("metadata: {name: till}", lifecycle);
    let scale = async |trial: &Trial, name: &str, count: i32| {
        trial.aws.ecs().update_service().cluster("edge").service(name).desired_count(count).send().await.unwrap();
    };
    trial.converge(&till("taskDefinition: till")).await;
    scale(&trial, "till", 4).await;
    trial.converge(&till("taskDefinition: till, serviceName: other")).await;
    assert_eq!(live(&trial, "other").await.desired_count(), 4);
    let text = ignored(&till("taskDefinition: till, serviceName: third, desiredCount: 2"));
    trial.converge(&text).await;
    assert_eq!(live(&trial, "third").await.desired_count(), 4);
    // What is declared is what counts.
    trial.converge(&till("taskDefinition: till, serviceName: fourth, desiredCount: 2")).await;
    assert_eq!(live(&trial, "fourth").await.desired_count(), 2);
}

#[tokio::test]
async fn what_only_revisions_tell_costs_a_call_where_it_is_declared_or_was() {
    let mut trial = trial_with(&["nginx"]).await;
    let plain = till("taskDefinition: till, desiredCount: 1");
    let measured = "monitoring: {metricConfigurations: [{metricNames: [CPUUtilization], resolutionSeconds: 20}]}";
    let measured = till(&format!("taskDefinition: till, desiredCount: 1, {measured}"));
    let calls = async |trial: &Trial, text: &str| {
        let count = |trial: &Trial| trial.aws.counts().get("ecs:DescribeServiceRevisions").copied().unwrap_or_default();
        let before = count(trial);
        let is_empty = trial.plan(text).await.is_empty();
        (count(trial) - before, is_empty)
    };
    trial.converge(&plain).await;
    assert_eq!(calls(&trial, &plain).await, (0, true));
    trial.converge(&measured).await;
    assert_eq!(calls(&trial, &measured).await, (1, true));
    assert_eq!(calls(&trial, &plain).await, (1, false));
    trial.converge(&plain).await;
    assert_eq!(calls(&trial, &plain).await, (0, true));
}

#[tokio::test]
async fn the_plan_says_what_an_update_does_to_the_tasks() {
    let mut trial = trial_with(&["nginx", "nginx:2"]).await;
    trial.converge(&till("taskDefinition: till:1, desiredCount: 1")).await;
    let notes = async |trial: &Trial, members: &str| -> Vec<String> {
        trial.plan(&till(members)).await.notes.into_iter().map(|note| note.message).collect()
    };
    assert_eq!(notes(&trial, "taskDefinition: till:1, desiredCount: 2").await, [""; 0]);
    let deploys = notes(&trial, "taskDefinition: till:2, desiredCount: 1").await;
    assert_eq!(deploys, ["starts a deployment, which replaces the running tasks: taskDefinition"]);
}

#[tokio::test]
async fn a_rollback_is_a_failure_that_tells_why() {
    let mut trial = trial_with(&["nginx", "nginx:exit-1"]).await;
    let breaker = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";
    let text = |revision: u32| till(&format!("taskDefinition: till:{revision}, desiredCount: 1, {breaker}"));
    trial.converge(&text(1)).await;
    let outcome = apply(&mut trial, &text(2)).await;
    let message = &outcome.failed[0].message;
    let first = "the deployment of till:2 was rolled back by the circuit breaker: tasks failed to start";
    assert_eq!(message.lines().next(), Some(first), "{message}");
    assert!(message.contains("\n  primary is till:1 again (ecs-svc/"), "{message}");
    assert!(message.contains(" tasks stopped: exit code 1 of container app (Essential container"), "{message}");
    let left = trial.plan(&text(2)).await;
    assert!(left.pending().all(|change| change.action == Action::Update) && !left.is_empty());
    // The old failure does not get in the way of what mends it.
    define(&trial, "nginx:3").await;
    trial.converge(&text(3)).await;
}

#[tokio::test]
async fn a_first_deployment_that_fails_says_why() {
    let mut trial = trial_with(&["nginx:does-not-exist"]).await;
    let breaker = "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";
    let text = till(&format!("taskDefinition: till, desiredCount: 1, {breaker}"));
    let outcome = apply(&mut trial, &text).await;
    let message = &outcome.failed[0].message;
    assert!(message.contains("CannotPullContainerError"), "{message}");
    let left = trial.plan(&text).await;
    assert!(matches!(&left.changes[1].reason, Reason::NotReady(why) if why.contains("circuit breaker")));
}

#[tokio::test]
async fn a_crash_loop_without_a_breaker_ends_the_wait() {
    let mut trial = trial_with(&["nginx:exit-3"]).await;
    let outcome = apply(&mut trial, &till("taskDefinition: till, desiredCount: 1")).await;
    let message = &outcome.failed[0].message;
    assert!(message.contains("unable to consistently start tasks successfully"), "{message}");
    assert!(message.contains("exit code 3 of container app"), "{message}");
    let left = trial.plan(&till("taskDefinition: till, desiredCount: 1")).await;
    assert!(matches!(&left.changes[1].reason, Reason::NotReady(_)), "{:?}", left.changes[1].reason);
}

#[tokio::test]
async fn a_name_that_still_drains_is_waited_for() {
    let mut trial = trial_with(&["nginx"]).await;
    let text = till("taskDefinition: till, desiredCount: 1");
    trial.converge(&text).await;
    trial.aws.ecs().delete_service().cluster("edge").service("till").force(true).send().await.unwrap();
    let desired = declared(&text);
    let survey = trial.survey(&desired).await;
    assert!(survey.of("Service").is_empty());
    trial.converge(&text).await;
}

#[tokio::test]
async fn a_service_of_somebody_else_is_left_alone() {
    let mut trial = trial_with(&["nginx"]).await;
    trial.converge(EDGE).await;
    let call = trial.aws.ecs().create_service().cluster("edge").service_name("till").task_definition("till");
    let network = aws_sdk_ecs::types::AwsVpcConfiguration::builder().subnets(SUBNET).build().unwrap();
    let network = aws_sdk_ecs::types::NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let call = call.launch_type(aws_sdk_ecs::types::LaunchType::Fargate).network_configuration(network);
    call.desired_count(0).send().await.unwrap();
    let plan = trial.plan(&till("taskDefinition: till")).await;
    assert_eq!(plan.refusals[0].code, "not-ours");
}

#[tokio::test]
async fn a_hundred_services_are_read_with_ten_calls() {
    let mut trial = trial_with(&["nginx"]).await;
    let mut text = EDGE.to_owned();
    for number in 0..100 {
        let service = till("taskDefinition: till, desiredCount: 0").replace("name: till", &format!("name: s{number}"));
        write!(text, "---{}", service.rsplit_once("---").unwrap().1).unwrap();
    }
    trial.converge(&text).await;
    let before = trial.aws.counts();
    assert!(trial.plan(&text).await.is_empty());
    let after = trial.aws.counts();
    let made: Vec<(&str, u64)> = after
        .iter()
        .map(|(name, count)| (name.as_str(), count - before.get(name).copied().unwrap_or_default()))
        .filter(|(name, count)| *count > 0 && !name.starts_with("ec2:"))
        .collect();
    let tagging = made.iter().find(|(name, _)| name.ends_with(":GetResources")).map(|(_, count)| *count);
    // One page of tags a hundred objects.
    assert_eq!(tagging, Some(2));
    let ecs: Vec<_> = made.into_iter().filter(|(name, _)| name.starts_with("ecs:")).collect();
    assert_eq!(ecs, [("ecs:DescribeClusters", 1), ("ecs:DescribeServices", 10)]);
}

#[tokio::test]
async fn a_service_that_the_tags_do_not_tell_of_yet_is_listed() {
    let mut trial = trial_with(&["nginx"]).await;
    trial.converge(&till("taskDefinition: till, desiredCount: 1")).await;
    let found = trial.survey(&declared(EDGE)).await;
    assert_eq!(found.of("Cluster")[0].detail["activeServices"], 1);
    let untag = |arn: &str| trial.aws.ecs().untag_resource().resource_arn(arn).tag_keys("farpost/stack").send();
    untag(&found.of("Service")[0].id).await.unwrap();
    let before = trial.aws.counts().get("ecs:ListServices").copied().unwrap_or_default();
    let survey = trial.survey(&declared(EDGE)).await;
    assert_eq!(survey.of("Service").len(), 1);
    assert_eq!(trial.aws.counts()["ecs:ListServices"] - before, 1);
}

#[test]
fn hosts_of_its_cluster_are_needed_unless_it_runs_elsewhere() {
    let others = [
        ("Cluster/edge", serde_json::json!({})),
        ("Cluster/fallback", serde_json::json!({"clusterName": "default"})),
        ("Instance/here", serde_json::json!({"ecsConfig": {"ECS_CLUSTER": "${Cluster.edge.name}"}})),
        ("Instance/silent", serde_json::json!({"ecsConfig": {"ECS_LOGLEVEL": "info"}})),
        ("Instance/bare", serde_json::json!({})),
    ];
    let others = others.into_iter().map(|(address, spec)| (address.parse::<Address>().unwrap(), spec)).collect();
    let needs = |spec: serde_json::Value| {
        let needs = super::Service::runtime_needs(&serde_json::from_value(spec).unwrap(), &others);
        needs.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(needs(serde_json::json!({"cluster": "${Cluster.edge.name}"})), ["Instance/here"]);
    assert_eq!(needs(serde_json::json!({"cluster": "edge"})), ["Cluster/edge"]);
    assert_eq!(needs(serde_json::json!({})), ["Cluster/fallback", "Instance/silent"]);
    assert_eq!(needs(serde_json::json!({"launchType": "FARGATE"})), ["Cluster/fallback"]);
    let spot = serde_json::json!([{"capacityProvider": "FARGATE_SPOT"}]);
    assert_eq!(needs(serde_json::json!({"capacityProviderStrategy": spot})), ["Cluster/fallback"]);
}
