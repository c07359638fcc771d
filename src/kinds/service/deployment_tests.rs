//! Which deployment an apply waits for, and what it tells meanwhile and afterwards: services on the instances of an
//! Outpost, in the whole engine, against the sandbox. Each test ends by planning again.

use std::sync::Arc;

use aws_sdk_ecs::types::{
    Attribute, ContainerDefinition, DeploymentConfiguration, DeploymentRolloutState, PortMapping, Resource, VersionInfo,
};
use tokio::sync::mpsc;

use crate::apply::{Event, Outcome, Wait};
use crate::kinds::trial::Trial;
use crate::plan::{Action, Plan, Reason};

/// What a test's tasks need.
struct Definition {
    image: &'static str,
    cpu: i32,
    port: i32,
}

const PLAIN: Definition = Definition { image: "nginx", cpu: 64, port: 0 };

/// A cluster `edge` with instances of so many CPU units, and a revision of the family `till` for each definition.
async fn outpost(mut trial: Trial, instances: &[(&str, i32)], definitions: &[Definition]) -> Trial {
    trial.aws.ecs().create_cluster().cluster_name("edge").send().await.unwrap();
    for (id, cpu) in instances {
        register(&trial, id, *cpu).await;
    }
    for definition in definitions {
        define(&mut trial, definition).await;
    }
    trial
}

async fn register(trial: &Trial, id: &str, cpu: i32) {
    let resource = |name: &str, value: i32| Resource::builder().name(name).r#type("INTEGER").integer_value(value);
    let attribute = |name: &str| Attribute::builder().name(name);
    let outpost = "arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0";
    trial
        .aws
        .ecs()
        .register_container_instance()
        .cluster("edge")
        .instance_identity_document(format!(r#"{{"instanceId": "{id}"}}"#))
        .total_resources(resource("CPU", cpu).build())
        .total_resources(resource("MEMORY", 3800).build())
        .version_info(VersionInfo::builder().agent_version("1.102.0").build())
        .attributes(attribute("com.amazonaws.ecs.capability.docker-remote-api.1.18").build().unwrap())
        .attributes(attribute("ecs.outpost-arn").value(outpost).build().unwrap())
        .send()
        .await
        .unwrap();
}

async fn define(trial: &mut Trial, definition: &Definition) {
    let mut container = ContainerDefinition::builder().name("app").image(definition.image);
    container = container.cpu(definition.cpu).memory(64);
    if definition.port > 0 {
        container =
            container.port_mappings(PortMapping::builder().container_port(80).host_port(definition.port).build());
    }
    let call = trial.aws.ecs().register_task_definition().family("till");
    call.container_definitions(container.build()).send().await.unwrap();
}

/// A service `till` on instances, with these members and this lifecycle.
fn till(members: &str, lifecycle: &str) -> String {
    format!(
        "apiVersion: farpost/v1\nkind: Stack\nmetadata: {{name: store}}\nspec: {{account: '123456789012', region: us-west-2}}\n\
         ---\napiVersion: farpost/v1\nkind: Service\nmetadata: {{name: till}}\nlifecycle: {{{lifecycle}}}\n\
         spec: {{cluster: edge, launchType: EC2, {members}}}\n"
    )
}

async fn live(trial: &Trial) -> aws_sdk_ecs::types::Service {
    let answer = trial.aws.ecs().describe_services().cluster("edge").services("till").send().await.unwrap();
    answer.services.unwrap_or_default().remove(0)
}

async fn apply(trial: &mut Trial, text: &str) -> Outcome {
    let plan = trial.plan(text).await;
    assert!(plan.refusals.is_empty(), "{:#?}", plan.refusals);
    trial.carry_out(plan).await
}

fn failure(outcome: &Outcome) -> &str {
    assert_eq!(outcome.failed.len(), 1, "{outcome:#?}");
    &outcome.failed[0].message
}

/// What was waited for, without repetitions.
fn waits(trial: &Trial) -> Vec<&str> {
    let mut waits: Vec<&str> = Vec::new();
    for event in &trial.events {
        if let Event::Waiting { why, .. } = event
            && !waits.contains(&why.as_str())
        {
            waits.push(why);
        }
    }
    waits
}

fn is_not_ready(plan: &Plan) -> bool {
    plan.is_empty() && plan.changes.iter().any(|change| matches!(change.reason, Reason::NotReady(_)))
}

/// Applies, and does something else to the service when the apply first waits.
async fn apply_with_another(trial: &mut Trial, text: &str, definition: &'static str) -> Outcome {
    let (sender, mut events) = mpsc::unbounded_channel();
    trial.tell = Some(sender);
    let aws = Arc::clone(&trial.aws);
    let other = tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if matches!(event, Event::Waiting { .. }) {
                break;
            }
        }
        let call = aws.ecs().update_service().cluster("edge").service("till").task_definition(definition);
        call.force_new_deployment(true).send().await.unwrap();
    });
    let outcome = apply(trial, text).await;
    other.await.unwrap();
    trial.tell = None;
    outcome
}

#[tokio::test]
async fn a_deployment_of_somebody_else_is_no_success_of_ours() {
    let trial = Trial::at_pace(0.02).await;
    let mut trial = outpost(trial, &[("i-1", 2048)], &[PLAIN, PLAIN, PLAIN]).await;
    let text = |revision: u32| till(&format!("taskDefinition: till:{revision}, desiredCount: 1"), "");
    trial.converge(&text(1)).await;
    // With the same definition nothing differs, and it is another deployment all the same.
    let outcome = apply_with_another(&mut trial, &text(2), "till:2").await;
    let why = failure(&outcome);
    assert!(
        why.starts_with("another deployment overtook it: ecs-svc/") && why.contains("of till:2, begun 20"),
        "{why}"
    );
    assert!(why.contains("\n  ours was ecs-svc/"), "{why}");
    trial.converge(&text(2)).await;
    // With another one the next apply takes it back.
    let outcome = apply_with_another(&mut trial, &text(3), "till:1").await;
    assert!(failure(&outcome).contains("of till:1, begun 20"), "{outcome:#?}");
    assert_eq!(trial.plan(&text(3)).await.count(Action::Update), 1);
    trial.converge(&text(3)).await;
}

/// A change that starts no deployment has none that could be overtaken: whichever is primary is waited for.
#[tokio::test]
async fn a_change_of_the_count_waits_for_whichever_deployment_is_primary() {
    let trial = Trial::at_pace(0.02).await;
    let mut trial = outpost(trial, &[("i-1", 2048)], &[PLAIN, PLAIN]).await;
    let lifecycle = "ignoreChanges: [taskDefinition]";
    trial.converge(&till("taskDefinition: till:1, desiredCount: 1", lifecycle)).await;
    let text = till("taskDefinition: till:1, desiredCount: 2", lifecycle);
    let outcome = apply_with_another(&mut trial, &text, "till:2").await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    let done = live(&trial).await;
    assert_eq!(done.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert!(done.task_definition().unwrap().ends_with("till:2") && done.running_count() == 2);
    assert!(trial.plan(&text).await.is_empty());
}

#[tokio::test]
async fn too_little_cpu_is_said_in_numbers() {
    let large = Definition { cpu: 1024, ..PLAIN };
    let mut trial = outpost(Trial::new().await, &[("i-1", 1536)], &[large]).await;
    let text = till("taskDefinition: till:1, desiredCount: 3", "timeouts: {create: 1s}");
    let outcome = apply(&mut trial, &text).await;
    let words = "2 of 3 tasks: no instance on the Outpost has 1,024 CPU units free (the most free is 512 on i-1)";
    assert_eq!(failure(&outcome), format!("gave up after 1 second: 1 of 3 running; {words}"));
    assert!(outcome.failed[0].hint.as_ref().unwrap().contains("lifecycle.timeouts"));
    assert!(waits(&trial).iter().any(|why| why.contains(words)), "{:#?}", waits(&trial));
    // Not at every look is the cluster asked.
    let counts = trial.aws.counts();
    let (looks, asked) = (counts["ecs:DescribeServices"], counts["ecs:DescribeContainerInstances"]);
    assert!(looks > 20 && asked < looks / 4, "{asked} of {looks}");
    assert!(is_not_ready(&trial.plan(&text).await));
    // Once there is room it comes up by itself, and the next apply waits for it.
    register(&trial, "i-2", 2048).await;
    trial.converge(&text.replace("1s", "1m")).await;
}

#[tokio::test]
async fn a_port_that_is_in_use_is_said_and_who_holds_it() {
    let port = || Definition { port: 80, ..PLAIN };
    let mut trial = outpost(Trial::new().await, &[("i-1", 2048)], &[port(), port()]).await;
    let text = |members: &str| till(&format!("taskDefinition: {members}"), "timeouts: 1s");
    let outcome = apply(&mut trial, &text("till:1, desiredCount: 2")).await;
    let words = "1 of 2 tasks: port 80 is in use on every instance on the Outpost (i-1)";
    assert!(failure(&outcome).ends_with(words), "{outcome:#?}");
    trial.converge(&text("till:1, desiredCount: 1").replace("1s", "1m")).await;
    let outcome = apply(&mut trial, &text("till:2, desiredCount: 1")).await;
    let keeps =
        "(i-1), and the tasks of the deployment before keep their places until others run (minimumHealthyPercent)";
    assert!(failure(&outcome).ends_with(keeps), "{outcome:#?}");
    assert!(is_not_ready(&trial.plan(&text("till:2, desiredCount: 1")).await));
    let percent = "deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 200}";
    trial.converge(&text(&format!("till:2, desiredCount: 1, {percent}")).replace("1s", "1m")).await;
}

/// Lint finds such percentages where they are declared with a count.
#[tokio::test]
async fn percentages_that_leave_no_room_are_told_while_waiting() {
    let mut trial = outpost(Trial::new().await, &[("i-1", 2048)], &[PLAIN, PLAIN]).await;
    let text = |revision: u32, timeout: &str| {
        let lifecycle = format!("timeouts: {{update: {timeout}}}, ignoreChanges: [deploymentConfiguration]");
        till(&format!("taskDefinition: till:{revision}, desiredCount: 1"), &lifecycle)
    };
    trial.converge(&text(1, "1m")).await;
    let percentages = async |trial: &Trial, least: i32, most: i32| {
        let configuration = DeploymentConfiguration::builder().minimum_healthy_percent(least).maximum_percent(most);
        let call = trial.aws.ecs().update_service().cluster("edge").service("till");
        call.deployment_configuration(configuration.build()).send().await.unwrap();
    };
    percentages(&trial, 75, 125).await;
    let outcome = apply(&mut trial, &text(2, "1s")).await;
    let why = failure(&outcome);
    assert!(why.contains("0 of 1 running, 1 of the deployment before; was unable to stop or start tasks"), "{why}");
    percentages(&trial, 0, 125).await;
    trial.converge(&text(2, "1m")).await;
}

#[tokio::test]
async fn crashes_are_told_while_waiting_and_mended_by_the_next_apply() {
    let crash = Definition { image: "nginx:exit-7", ..PLAIN };
    let mut trial = outpost(Trial::new().await, &[("i-1", 2048)], &[PLAIN, crash, PLAIN]).await;
    let text = |revision: u32| till(&format!("taskDefinition: till:{revision}, desiredCount: 1"), "");
    trial.converge(&text(1)).await;
    let outcome = apply(&mut trial, &text(2)).await;
    let why = failure(&outcome);
    assert!(why.starts_with("is unable to consistently start tasks successfully.\n  0 of 1 running, "), "{why}");
    let stopped = "stopped: exit code 7 of container app (Essential container in task exited)";
    assert!(why.contains(stopped) && why.contains("1 of the deployment before"), "{why}");
    assert!(waits(&trial).iter().any(|why| why.contains(stopped)), "{:#?}", waits(&trial));
    trial.converge(&text(3)).await;
}

#[tokio::test]
async fn no_tasks_are_enough_where_none_are_wanted() {
    let mut trial = outpost(Trial::new().await, &[], &[PLAIN, PLAIN]).await;
    for wait in [Wait::Stable, Wait::Started] {
        trial.wait = wait;
        for revision in 1..=2 {
            trial.converge(&till(&format!("taskDefinition: till:{revision}, desiredCount: 0"), "")).await;
        }
    }
}

#[tokio::test]
async fn what_is_not_waited_for_is_not_called_ready() {
    let trial = Trial::at_pace(0.02).await;
    let mut trial = outpost(trial, &[("i-1", 2048)], &[PLAIN, PLAIN, PLAIN]).await;
    let text = |revision: u32| till(&format!("taskDefinition: till:{revision}, desiredCount: 1"), "");
    trial.wait = Wait::None;
    let outcome = apply(&mut trial, &text(1)).await;
    assert!(outcome.is_complete() && outcome.left.len() == 1, "{outcome:#?}");
    assert_eq!(live(&trial).await.running_count(), 0);
    assert!(is_not_ready(&trial.plan(&text(1)).await));
    // The next apply goes on where this one left.
    trial.wait = Wait::Started;
    let outcome = apply(&mut trial, &text(1)).await;
    assert!(outcome.is_complete() && outcome.left.len() == 1, "{outcome:#?}");
    let started = live(&trial).await;
    assert_eq!(started.deployments()[0].running_count(), 1);
    assert_eq!(started.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::InProgress));
    // Tasks of the deployment before do not count.
    let outcome = apply(&mut trial, &text(2)).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    let started = live(&trial).await;
    assert!(started.deployments()[0].running_count() == 1, "{started:#?}");
    trial.wait = Wait::Stable;
    trial.converge(&text(2)).await;
}

/// What others need is waited for, whatever is asked.
#[tokio::test]
async fn only_what_nothing_needs_is_left() {
    let trial = Trial::at_pace(0.02).await;
    let mut trial = outpost(trial, &[("i-1", 2048)], &[PLAIN]).await;
    trial.wait = Wait::None;
    let text = till("taskDefinition: till:1, desiredCount: 1, tags: {by: '${Service.first.name}'}", "");
    let first = till("taskDefinition: till:1, desiredCount: 1", "").replace("name: till", "name: first");
    let text = format!("{text}---{}", first.rsplit_once("---").unwrap().1);
    let outcome = apply(&mut trial, &text).await;
    let left: Vec<String> = outcome.left.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["Service/till"], "{outcome:#?}");
    trial.wait = Wait::Stable;
    trial.converge(&text).await;
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_found_again() {
    let mut trial = outpost(Trial::new().await, &[("i-1", 2048)], &[PLAIN, PLAIN]).await;
    let text = |revision: u32| till(&format!("taskDefinition: till:{revision}, desiredCount: 1"), "");
    trial.converge(&text(1)).await;
    trial.lose("UpdateService");
    trial.converge(&text(2)).await;
    // It took effect, and was not done again.
    let listed = trial.aws.ecs().list_service_deployments().cluster("edge").service("till").send().await.unwrap();
    assert_eq!(listed.service_deployments().len(), 2);
}

/// Time is virtual for the client, which tries for a minute.
#[tokio::test(start_paused = true)]
async fn an_update_that_is_never_answered_is_judged_by_what_it_did() {
    let mut trial = outpost(Trial::new().await, &[("i-1", 2048)], &[PLAIN, PLAIN]).await;
    let text = |revision: u32| till(&format!("taskDefinition: till:{revision}, desiredCount: 1"), "");
    trial.converge(&text(1)).await;
    for _ in 0..60 {
        trial.lose("UpdateService");
    }
    trial.converge(&text(2)).await;
    assert!(waits(&trial).iter().any(|why| why.contains("looking whether it took effect")), "{:#?}", waits(&trial));
    assert!(live(&trial).await.task_definition().unwrap().ends_with("till:2"));
}
