//! Clusters in the whole engine, against the sandbox.

use crate::apply::Event;
use crate::kinds::trial::{Trial, example};
use crate::plan::{Action, Reason};

const STACK: &str = "
apiVersion: farpost/v1
kind: Stack
metadata: {name: store}
spec: {account: '123456789012', region: us-west-2}
---
";

fn cluster(spec: &str) -> String {
    format!("{STACK}apiVersion: farpost/v1\nkind: Cluster\nmetadata: {{name: edge}}\nspec: {spec}\n")
}

#[tokio::test]
async fn the_example_converges_and_can_be_destroyed() {
    let text = example("cluster");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    trial.destroy(&text).await;
}

#[tokio::test]
async fn every_member_changes_in_place_and_back() {
    let full = "{settings: [{name: containerInsights, value: enhanced}],
      configuration: {executeCommandConfiguration: {logging: NONE}}, serviceConnectDefaults: {namespace: store},
      capacityProviders: [FARGATE, FARGATE_SPOT],
      defaultCapacityProviderStrategy: [{capacityProvider: FARGATE, weight: 1}], tags: {team: edge}}";
    let mut trial = Trial::new().await;
    trial.converge(&cluster("{}")).await;
    trial.converge(&cluster(full)).await;
    let again = trial.plan(&cluster(&full.replace("namespace: store", "namespace: depot"))).await;
    assert_eq!(again.changes[0].fields[0].path, "serviceConnectDefaults.namespace");
    assert_eq!(again.changes[0].action, Action::Update);
    trial.converge(&cluster(&full.replace("namespace: store", "namespace: depot"))).await;
    trial.converge(&cluster("{settings: [{name: containerInsights, value: disabled}]}")).await;
}

#[tokio::test]
async fn created_with_everything_it_needs_no_second_call() {
    let mut trial = Trial::new().await;
    trial.converge(&cluster("{capacityProviders: [FARGATE], serviceConnectDefaults: {namespace: store}}")).await;
    let counts = trial.aws.counts();
    assert_eq!(counts.get("ecs:CreateCluster"), Some(&1));
    assert!(!counts.contains_key("ecs:PutClusterCapacityProviders") && !counts.contains_key("ecs:UpdateCluster"));
}

#[tokio::test]
async fn another_name_is_another_cluster() {
    let mut trial = Trial::new().await;
    trial.converge(&cluster("{}")).await;
    let plan = trial.plan(&cluster("{clusterName: depot}")).await;
    assert_eq!(plan.changes[0].reason, Reason::CannotUpdate(vec!["clusterName".to_owned()]));
    trial.converge(&cluster("{clusterName: depot}")).await;
    let plan = trial.plan(&cluster("{}")).await;
    assert_eq!(plan.changes[0].action, Action::Replace);
}

#[tokio::test]
async fn a_cluster_of_somebody_else_is_left_alone() {
    let trial = Trial::new().await;
    trial.aws.ecs().create_cluster().cluster_name("edge").send().await.unwrap();
    let plan = trial.plan(&cluster("{}")).await;
    assert_eq!(plan.refusals[0].code, "not-ours");
}

#[tokio::test]
async fn nothing_declared_and_nothing_tagged_is_one_call() {
    let trial = Trial::new().await;
    let before = trial.aws.counts();
    trial.plan(STACK.trim_end().trim_end_matches('-')).await;
    let after = trial.aws.counts();
    let ecs = |counts: &crate::aws::Counts| counts.iter().filter(|(name, _)| name.starts_with("ecs:")).count();
    assert_eq!((ecs(&before), ecs(&after)), (0, 0));
}

#[tokio::test]
async fn deleting_waits_for_what_it_holds_and_says_so() {
    let text = cluster("{}");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let ecs = trial.aws.ecs().clone();
    let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("c").image("nginx").memory(64).build();
    ecs.register_task_definition().family("web").container_definitions(container).send().await.unwrap();
    let service = ecs.create_service().cluster("edge").service_name("foreign").task_definition("web").desired_count(0);
    service.send().await.unwrap();
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        ecs.delete_service().cluster("edge").service("foreign").force(true).send().await.unwrap();
    };
    tokio::join!(trial.destroy(&text), late);
    let said = |event: &Event| matches!(event, Event::Waiting { why, .. } if why.starts_with("still in use by: service foreign (ACTIVE) (not of this stack)"));
    assert!(trial.events.iter().any(said), "{:#?}", trial.events);
}
