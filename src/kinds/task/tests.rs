//! One-off tasks driven through the engine, on a cluster with one instance.

use aws_sdk_ecs::types as sdk;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::apply::{Outcome, Wait, apply};
use crate::kinds::trial::{Trial, example};
use crate::kinds::{KINDS, by_name};
use crate::plan::{Action, Plan, Reason};

/// What one container does, and what the task says beside its definition.
fn stack(image: &str, task: &str) -> String {
    format!(
        "
apiVersion: farpost/v1
kind: Stack
metadata: {{name: branch-17}}
spec: {{account: \"123456789012\", region: us-west-2, tags: {{owner: ops}}}}
---
apiVersion: farpost/v1
kind: TaskDefinition
metadata: {{name: job}}
spec: {{containerDefinitions: [{{name: job, image: '{image}', memory: 64}}]}}
---
{task}"
    )
}

fn once(members: &str) -> String {
    format!(
        "apiVersion: farpost/v1\nkind: Task\nmetadata: {{name: migrate}}\nspec: {{cluster: edge, taskDefinition: '${{TaskDefinition.job}}'{members}}}\n"
    )
}

async fn edge() -> Trial {
    with_edge(Trial::new().await).await
}

async fn with_edge(trial: Trial) -> Trial {
    let ecs = trial.aws.ecs();
    ecs.create_cluster().cluster_name("edge").send().await.unwrap();
    let resource = |name: &str, value: i32| sdk::Resource::builder().name(name).r#type("INTEGER").integer_value(value);
    let attribute = sdk::Attribute::builder().name("com.amazonaws.ecs.capability.docker-remote-api.1.18");
    ecs.register_container_instance()
        .cluster("edge")
        .instance_identity_document(r#"{"instanceId": "i-1"}"#)
        .total_resources(resource("CPU", 2048).build())
        .total_resources(resource("MEMORY", 3800).build())
        .version_info(sdk::VersionInfo::builder().agent_version("1.102.0").build())
        .attributes(attribute.build().unwrap())
        .send()
        .await
        .unwrap();
    trial
}

/// How many tasks were ever run, as ECS still remembers.
async fn runs(trial: &Trial) -> usize {
    let mut count = 0;
    for status in [sdk::DesiredStatus::Running, sdk::DesiredStatus::Stopped] {
        let answer = trial.aws.ecs().list_tasks().cluster("edge").desired_status(status).send().await.unwrap();
        count += answer.task_arns().len();
    }
    count
}

fn of<'a>(plan: &'a Plan, address: &str) -> &'a crate::plan::Change {
    plan.changes.iter().find(|change| change.address.to_string() == address).unwrap()
}

fn failure(outcome: &Outcome) -> &str {
    assert_eq!(outcome.failed.len(), 1, "{outcome:#?}");
    &outcome.failed[0].message
}

#[tokio::test]
async fn it_runs_once_and_again_when_something_changes() {
    let mut trial = edge().await;
    trial.converge(&stack("job:exit-0", &once(""))).await;
    assert_eq!(runs(&trial).await, 1);
    // The definition changes.
    let newer = stack("registry/job:exit-0", &once(""));
    let plan = trial.plan(&newer).await;
    let change = of(&plan, "Task/migrate");
    assert_eq!(change.action, Action::Update);
    assert_eq!(change.fields[0].path, "taskDefinition");
    trial.converge(&newer).await;
    assert_eq!(runs(&trial).await, 2);
    // The run itself changes.
    let changed = stack("registry/job:exit-0", &once(", group: nightly"));
    let plan = trial.plan(&changed).await;
    assert_eq!(of(&plan, "Task/migrate").fields[0].path, "count");
    trial.converge(&changed).await;
    assert_eq!(runs(&trial).await, 3);
    // Order does not count, nor does what is a default anyway.
    let same = stack("registry/job:exit-0", &once(", propagateTags: NONE, count: 1, group: nightly"));
    assert!(trial.plan(&same).await.is_empty());
    // Not declared any more, its record goes; declared again, it runs again.
    trial.converge(&stack("registry/job:exit-0", "")).await;
    assert_eq!(of(&trial.plan(&changed).await, "Task/migrate").action, Action::Create);
    trial.destroy(&changed).await;
}

#[tokio::test]
async fn a_plan_with_a_task_that_ran_asks_for_nothing_of_it() {
    let mut trial = edge().await;
    let text = stack("job:exit-0", &once(""));
    trial.converge(&text).await;
    let before = trial.aws.counts();
    trial.plan(&text).await;
    let after = trial.aws.counts();
    for name in ["ecs:ListTasks", "ecs:DescribeTasks", "ecs:ListTagsForResource"] {
        assert_eq!(after.get(name), before.get(name), "{name}");
    }
}

#[tokio::test]
async fn a_run_that_fails_says_why_and_runs_again() {
    let mut trial = edge().await;
    let text = stack("job:exit-3", &once(""));
    for run in 1..=2 {
        let plan = trial.plan(&text).await;
        assert_eq!(of(&plan, "Task/migrate").action, Action::Create);
        let outcome = trial.carry_out(plan).await;
        let why = failure(&outcome);
        assert!(why.contains("container `job` ended with exit code 3"), "{why}");
        assert_eq!(runs(&trial).await, run);
    }
    let outcome = trial.carry_out(trial.plan(&stack("job:does-not-exist", &once(""))).await).await;
    assert!(failure(&outcome).contains("CannotPullContainer"), "{outcome:?}");
    trial.converge(&stack("job:exit-0", &once(""))).await;
    assert_eq!(runs(&trial).await, 4);
}

#[tokio::test]
async fn a_sidecar_that_is_stopped_is_no_failure() {
    let mut trial = edge().await;
    let text = stack("job:exit-0", &once("")).replace(
        "containerDefinitions: [",
        "containerDefinitions: [{name: log, image: 'log:exit-9', memory: 64, essential: false}, ",
    );
    trial.converge(&text).await;
}

#[tokio::test]
async fn what_an_interrupted_apply_started_is_waited_for() {
    let trial = edge().await;
    let text = stack("job:runs", &once(", count: 2"));
    let plan = trial.plan(&text).await;
    let (events, mut seen) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let applying = tokio::spawn(apply(std::sync::Arc::clone(&trial.aws), plan, events, stop.clone()));
    while let Some(event) = seen.recv().await {
        if matches!(&event, crate::apply::Event::Waiting { address, .. } if address.kind == "Task") {
            break;
        }
    }
    stop.cancel();
    assert!(applying.await.unwrap().interrupted);
    assert_eq!(runs(&trial).await, 2);
    let plan = trial.plan(&text).await;
    let change = of(&plan, "Task/migrate");
    assert!(matches!(&change.reason, Reason::NotReady(why) if why.contains("2 of 2 tasks")), "{:?}", change.reason);
    // Somebody stops them: that is no success.
    let tasks = trial.aws.ecs().list_tasks().cluster("edge").send().await.unwrap();
    for task in tasks.task_arns() {
        trial.aws.ecs().stop_task().cluster("edge").task(task).send().await.unwrap();
    }
    let mut trial = trial;
    let outcome = trial.carry_out(plan).await;
    assert!(failure(&outcome).contains("failed"), "{outcome:?}");
    assert_eq!(runs(&trial).await, 2);
}

#[tokio::test]
async fn what_runs_is_stopped_when_it_is_not_declared_any_more() {
    let mut trial = edge().await;
    let text = stack("job:runs", &once(""));
    let plan = trial.plan(&text).await;
    let (events, mut seen) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let applying = tokio::spawn(apply(std::sync::Arc::clone(&trial.aws), plan, events, stop.clone()));
    while let Some(event) = seen.recv().await {
        if matches!(&event, crate::apply::Event::Waiting { address, .. } if address.kind == "Task") {
            break;
        }
    }
    stop.cancel();
    applying.await.unwrap();
    trial.converge(&stack("job:runs", "")).await;
    let running = trial.aws.ecs().list_tasks().cluster("edge").send().await.unwrap();
    assert_eq!(running.task_arns().len(), 0);
}

#[tokio::test]
async fn what_does_not_fit_says_what_is_missing() {
    let mut trial = edge().await;
    let text = stack("job:runs", &once(", count: 3")).replace("memory: 64", "memory: 1500");
    let plan = trial.plan(&text).await;
    let outcome = trial.carry_out(plan).await;
    let words =
        "1 of 3 tasks: no instance in the cluster edge has 1,500 MiB of memory free (the most free is 800 on i-1)";
    assert!(failure(&outcome).contains(words), "{outcome:?}");
    // What did start was stopped, so that a run is whole or not at all.
    let running = trial.aws.ecs().list_tasks().cluster("edge").send().await.unwrap();
    assert_eq!(running.task_arns().len(), 0);
    let fits = text.replace("count: 3", "count: 2").replace("job:runs", "job:exit-0");
    trial.converge(&fits).await;
}

#[tokio::test]
async fn a_definition_of_others_carries_the_record_too() {
    let mut trial = edge().await;
    let container = sdk::ContainerDefinition::builder().name("x").image("x:exit-0").memory(64).build();
    let call = trial.aws.ecs().register_task_definition().family("theirs").container_definitions(container);
    call.send().await.unwrap();
    let text = stack("job:exit-0", &once("").replace("${TaskDefinition.job}", "theirs"));
    trial.converge(&text).await;
    assert_eq!(runs(&trial).await, 1);
    let same = text.replace("'theirs'", "'theirs:1'");
    trial.converge(&same).await;
}

/// Applies until the tasks run, and stops there.
async fn begin(trial: &Trial, text: &str) {
    let plan = trial.plan(text).await;
    let (events, mut seen) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let applying = tokio::spawn(apply(std::sync::Arc::clone(&trial.aws), plan, events, stop.clone()));
    while let Some(event) = seen.recv().await {
        if matches!(&event, crate::apply::Event::Waiting { address, .. } if address.kind == "Task") {
            break;
        }
    }
    stop.cancel();
    applying.await.unwrap();
}

#[tokio::test]
async fn a_starter_of_the_manifests_own_finds_its_tasks_alone() {
    let mut trial = edge().await;
    let nightly = |image: &str, name: &str| stack(image, &once(", startedBy: nightly/7").replace("migrate", name));
    trial.converge(&nightly("job:exit-0", "migrate")).await;
    let listed = trial.aws.ecs().list_tasks().cluster("edge").started_by("nightly/7");
    let listed = listed.desired_status(sdk::DesiredStatus::Stopped).send().await.unwrap();
    assert_eq!(listed.task_arns().len(), 1);
    // Another task of that starter is another task.
    begin(&trial, &nightly("job:runs", "load")).await;
    let running =
        async |trial: &Trial| trial.aws.ecs().list_tasks().cluster("edge").send().await.unwrap().task_arns().len();
    assert_eq!(running(&trial).await, 1);
    trial.converge(&stack("job:runs", "")).await;
    assert_eq!(running(&trial).await, 0);
}

#[tokio::test]
async fn what_ran_from_a_definition_of_others_is_found_when_it_is_not_declared_any_more() {
    let cluster = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: shop}\nspec: {}\n---\n";
    let mut trial = edge().await;
    let container = sdk::ContainerDefinition::builder().name("x").image("x:runs").memory(64).cpu(256).build();
    let call = trial.aws.ecs().register_task_definition().family("theirs").container_definitions(container);
    let call = call.network_mode(sdk::NetworkMode::Awsvpc).cpu("256").memory("512");
    let arn = call.requires_compatibilities(sdk::Compatibility::Fargate).send().await.unwrap();
    let arn = arn.task_definition.unwrap().task_definition_arn.unwrap();
    let network = "networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}";
    let task = once(&format!(", launchType: FARGATE, {network}")).replace("${TaskDefinition.job}", "theirs");
    let task = task.replace("cluster: edge", "cluster: '${Cluster.shop}'");
    let without = stack("job:exit-0", cluster.trim_end().trim_end_matches('-'));
    trial.converge(&without).await;
    begin(&trial, &stack("job:exit-0", &format!("{cluster}{task}"))).await;
    let tags = async |arn: &str| {
        let answer = trial.aws.ecs().list_tags_for_resource().resource_arn(arn).send().await.unwrap();
        answer.tags().iter().filter(|tag| tag.key().unwrap().starts_with("farpost/ran/")).count()
    };
    let shop = "arn:aws:ecs:us-west-2:123456789012:cluster/shop";
    assert_eq!((tags(&arn).await, tags(shop).await), (1, 1));
    let plan = trial.plan(&without).await;
    assert_eq!(of(&plan, "Task/migrate").action, Action::Delete);
    assert!(trial.carry_out(plan).await.is_complete());
    let running = trial.aws.ecs().list_tasks().cluster("shop").send().await.unwrap();
    assert_eq!(running.task_arns().len(), 0);
    let answer = trial.aws.ecs().list_tags_for_resource().resource_arn(&arn).send().await.unwrap();
    assert!(answer.tags().is_empty(), "{answer:?}");
    assert!(trial.plan(&without).await.is_empty());
}

#[tokio::test]
async fn the_example_converges_and_goes() {
    let mut trial = edge().await;
    trial.converge(&example("task")).await;
    trial.destroy(&example("task")).await;
}

#[test]
fn instances_of_the_cluster_are_needed() {
    let spec = serde_json::json!({"cluster": "edge", "taskDefinition": "job"});
    let others = [("Instance/a", "edge"), ("Instance/b", "other"), ("Subnet/c", "edge")].map(|(address, cluster)| {
        (address.parse().unwrap(), serde_json::json!({"ecsConfig": {"ECS_CLUSTER": cluster}}))
    });
    let needs = by_name("Task").unwrap().runtime_needs(&spec, &others.into_iter().collect());
    assert_eq!(needs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Instance/a"]);
}

#[test]
fn every_other_kind_is_read_before_and_none_waits_for_tasks() {
    let about = by_name("Task").unwrap().about();
    for other in KINDS.iter().map(|kind| kind.about()).filter(|other| other.kind != "Task") {
        assert!(about.is_read_after(other.kind) && !other.is_read_after("Task"), "{}", other.kind);
    }
    assert!(!about.is_read_after("Task"));
}

#[tokio::test]
async fn a_task_that_is_not_waited_for_is_waited_for_by_the_next_apply() {
    let mut trial = with_edge(Trial::at_pace(0.05).await).await;
    let text = stack("job:exit-0", &once(", count: 2"));
    for wait in [Wait::None, Wait::Started] {
        trial.wait = wait;
        let text = text.replace("job:exit-0", &format!("{wait:?}/job:exit-0").to_lowercase());
        let plan = trial.plan(&text).await;
        let outcome = trial.carry_out(plan).await;
        assert!(outcome.is_complete() && outcome.left.len() == 1, "{outcome:#?}");
        trial.wait = Wait::Stable;
        trial.converge(&text).await;
    }
    assert_eq!(runs(&trial).await, 4);
}

#[tokio::test]
async fn tasks_that_fail_alike_are_told_together() {
    let mut trial = edge().await;
    let outcome = trial.carry_out(trial.plan(&stack("job:exit-3", &once(", count: 3"))).await).await;
    let why = "3 tasks failed: container `job` ended with exit code 3, Essential container in task exited";
    assert_eq!(failure(&outcome), why);
}
