//! Task definitions driven through the engine.

use aws_sdk_ecs::types::{ContainerDefinition, Tag, TaskDefinition, TaskDefinitionStatus};

use crate::address::Address;
use crate::kinds::trial::{Trial, declared, example};
use crate::plan::{Action, Goal, Guards, Plan, plan};

const STACK: &str = "
apiVersion: farpost/v1
kind: Stack
metadata: {name: branch-17}
spec: {account: \"123456789012\", region: us-west-2}
";

/// A stack with one definition `till`, with members in YAML's flow form.
fn till(members: &str) -> String {
    named("till", members)
}

fn named(name: &str, members: &str) -> String {
    format!(
        "{STACK}---\napiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {{name: {name}}}\nspec: {{{members}}}\n"
    )
}

const PLAIN: &str = "containerDefinitions: [{name: till, image: 'till:1', memory: 64}]";

async fn active(trial: &Trial, family: &str) -> Vec<String> {
    let call = trial.aws.ecs().list_task_definitions().family_prefix(family).status(TaskDefinitionStatus::Active);
    let arns = call.send().await.unwrap().task_definition_arns.unwrap_or_default();
    arns.iter().map(|arn| arn.rsplit('/').next().unwrap().to_owned()).collect()
}

async fn described(trial: &Trial, family: &str) -> TaskDefinition {
    trial.aws.ecs().describe_task_definition().task_definition(family).send().await.unwrap().task_definition.unwrap()
}

async fn register_foreign(trial: &Trial, family: &str) {
    let container = ContainerDefinition::builder().name("x").image("deployed:2").memory(64).build();
    trial.aws.ecs().register_task_definition().family(family).container_definitions(container).send().await.unwrap();
}

fn fields(plan: &Plan) -> Vec<&str> {
    plan.changes.iter().flat_map(|change| &change.fields).map(|field| field.path.as_str()).collect()
}

#[tokio::test]
async fn what_means_the_same_registers_nothing() {
    let mut trial = Trial::new().await;
    trial
        .converge(&till(
            "cpu: 256, memory: 512, containerDefinitions: [{name: till, image: 'till:1', memory: 64,
              environment: [{name: A, value: '1'}, {name: B, value: '2'}],
              secrets: [{name: S, valueFrom: s}, {name: T, valueFrom: t}],
              portMappings: [{containerPort: 80}, {containerPort: 81, hostPort: 8081}]}],
              executionRoleArn: 'arn:aws:iam::123456789012:role/pull'",
        ))
        .await;
    for cpu in ["'256'", "0.25 vCPU"] {
        let plan = trial
            .plan(&till(&format!(
                "cpu: {cpu}, memory: 0.5 GB, executionRoleArn: pull, family: till, containerDefinitions: [
                  {{name: till, image: 'till:1', memory: 64, cpu: 0, essential: true, mountPoints: [],
                  environment: [{{name: B, value: '2'}}, {{name: A, value: '1'}}],
                  secrets: [{{name: T, valueFrom: t}}, {{name: S, valueFrom: s}}],
                  portMappings: [{{containerPort: 81, hostPort: 8081, protocol: tcp}}, {{containerPort: 80, hostPort: 0}}]}}]"
            )))
            .await;
        assert!(plan.is_empty(), "{:?}", fields(&plan));
    }
    assert_eq!(active(&trial, "till").await, ["till:1"]);
}

#[tokio::test]
async fn a_change_registers_a_revision_and_keeps_the_old() {
    let mut trial = Trial::new().await;
    trial.converge(&till(PLAIN)).await;
    let changed = PLAIN.replace("till:1", "till:2");
    let plan = trial.plan(&till(&changed)).await;
    assert_eq!(fields(&plan), ["containerDefinitions[till].image"]);
    assert!(!plan.known[&Address::new("TaskDefinition", "till")].contains_key("arn"));
    trial.converge(&till(&changed)).await;
    assert_eq!(active(&trial, "till").await, ["till:1", "till:2"]);
    // Tags alone need no revision, and who refers to it is not changed.
    let tagged = till(&format!("tags: {{owner: x}}, {changed}"));
    let plan = trial.plan(&tagged).await;
    assert!(!plan.is_empty() && plan.known[&Address::new("TaskDefinition", "till")].contains_key("arn"));
    trial.converge(&tagged).await;
    assert_eq!(active(&trial, "till").await, ["till:1", "till:2"]);
    let calls = |trial: &Trial| -> u64 {
        let counts = trial.aws.counts();
        counts.iter().filter(|(name, _)| name.starts_with("ecs:")).map(|(_, count)| count).sum()
    };
    let before = calls(&trial);
    trial.plan(&till(&changed)).await;
    assert_eq!(calls(&trial) - before, 1);
    trial.destroy(&till(&changed)).await;
    assert_eq!(active(&trial, "till").await, [""; 0]);
}

#[tokio::test]
async fn revisions_of_others_are_no_difference_and_stay() {
    let mut trial = Trial::new().await;
    trial.converge(&till(PLAIN)).await;
    register_foreign(&trial, "till").await;
    assert!(trial.plan(&till(PLAIN)).await.is_empty());
    trial.converge(&till(&PLAIN.replace("till:1", "till:2"))).await;
    trial.destroy(&till(PLAIN)).await;
    assert_eq!(active(&trial, "till").await, ["till:2"]);
    // A family that others have is refused, and may be handed over by its tags.
    let plan = trial.plan(&till(PLAIN)).await;
    assert_eq!(plan.refusals[0].code, "not-ours");
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let arn = described(&trial, "till").await.task_definition_arn.unwrap();
    let tags = vec![tag("farpost/stack", "branch-17"), tag("farpost/resource", "TaskDefinition/till")];
    trial.aws.ecs().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.unwrap();
    let plan = trial.plan(&till("containerDefinitions: [{name: x, image: 'deployed:2', memory: 64}]")).await;
    assert!(plan.is_empty() && plan.refusals.is_empty(), "{:?}", fields(&plan));
}

#[tokio::test]
async fn what_is_left_to_others_survives_a_registration() {
    let mut trial = Trial::new().await;
    let left = |image: &str, memory: u32| {
        let members = format!("containerDefinitions: [{{name: till, image: '{image}', memory: {memory}}}]");
        let ignored = "lifecycle: {ignoreChanges: ['containerDefinitions[till].image']}";
        till(&members).replace("spec: {", &format!("{ignored}\nspec: {{"))
    };
    let live = async |trial: &Trial| {
        let container = described(trial, "till").await.container_definitions.unwrap().remove(0);
        (container.image.unwrap(), container.memory.unwrap())
    };
    trial.converge(&left("till:1", 64)).await;
    // Another program registers a newer image, with memory of its own.
    let container = ContainerDefinition::builder().name("till").image("till:9").memory(80).build();
    trial.aws.ecs().register_task_definition().family("till").container_definitions(container).send().await.unwrap();
    assert!(trial.plan(&left("till:1", 64)).await.is_empty());
    let changed = left("till:1", 128);
    let plan = trial.plan(&changed).await;
    assert_eq!(fields(&plan), ["containerDefinitions[till].memory"]);
    trial.converge(&changed).await;
    assert_eq!(live(&trial).await, ("till:9".to_owned(), 128));
    // The image in the manifest stays what it began with.
    assert!(trial.plan(&left("till:2", 128)).await.is_empty());
    trial.converge(&left("till:2", 96)).await;
    assert_eq!(live(&trial).await, ("till:9".to_owned(), 96));
    assert_eq!(active(&trial, "till").await.len(), 4);
}

#[tokio::test]
async fn a_revision_that_somebody_deregistered_is_registered_again() {
    let mut trial = Trial::new().await;
    let few = till(PLAIN);
    let more: String = (0..5).map(|n| named(&format!("more-{n}"), PLAIN).replace(STACK, "")).collect();
    let many = format!("{few}{more}");
    for manifests in [few, many] {
        trial.converge(&manifests).await;
        let arn = described(&trial, "till").await.task_definition_arn.unwrap();
        trial.aws.ecs().deregister_task_definition().task_definition(arn).send().await.unwrap();
        let plan = trial.plan(&manifests).await;
        assert_eq!(
            plan.pending().map(|change| change.address.to_string()).collect::<Vec<_>>(),
            ["TaskDefinition/till"]
        );
        trial.converge(&manifests).await;
    }
    assert_eq!(active(&trial, "till").await, ["till:3"]);
}

#[tokio::test]
async fn an_equal_revision_of_another_run_is_used() {
    let mut trial = Trial::new().await;
    let desired = declared(&till(PLAIN));
    let empty = trial.survey(&desired).await;
    for _ in 0..2 {
        let plan = plan(&desired, &empty, Goal::Converge, Guards::default(), trial.aws.counts());
        assert_eq!(plan.count(Action::Create), 1);
        assert!(trial.carry_out(plan).await.is_complete());
    }
    assert_eq!(active(&trial, "till").await, ["till:1"]);
}

#[tokio::test]
async fn another_family_replaces() {
    let mut trial = Trial::new().await;
    trial.converge(&till(PLAIN)).await;
    let other = till(&format!("family: counter, {PLAIN}"));
    assert_eq!(trial.plan(&other).await.count(Action::Replace), 1);
    trial.converge(&other).await;
    assert_eq!((active(&trial, "till").await.len(), active(&trial, "counter").await.len()), (0, 1));
    // Not declared any more, it goes.
    trial.converge(&named("kiosk", PLAIN)).await;
    assert_eq!(active(&trial, "counter").await, [""; 0]);
}

#[tokio::test]
async fn a_hundred_definitions_are_planned_with_few_calls() {
    let mut trial = Trial::new().await;
    let many: String = (0..100).map(|n| named(&format!("till-{n}"), PLAIN).replace(STACK, "")).collect();
    let many = format!("{STACK}{many}");
    trial.converge(&many).await;
    let before = trial.aws.counts();
    assert!(trial.plan(&many).await.is_empty());
    let after = trial.aws.counts();
    let of = |name: &str| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
    assert_eq!(of("ecs:DescribeTaskDefinition"), 0);
    assert!(of("ecs:ListTaskDefinitions") <= 3, "{after:?}");
}

#[tokio::test]
async fn the_example_converges_and_goes() {
    let mut trial = Trial::new().await;
    let text = example("task-definition");
    let plan = trial.plan(&text).await;
    assert!(plan.notes.iter().any(|note| note.message.contains("taskDefinitionArn")), "{:?}", plan.notes);
    trial.converge(&text).await;
    trial.destroy(&text).await;
}

#[tokio::test]
async fn what_describe_answers_can_be_pasted() {
    let mut trial = Trial::new().await;
    for sample in ["ec2-bridge", "ec2-gpu-volumes", "external", "fargate-firelens"] {
        let path = format!("{}/tests/task-definitions/{sample}.json", env!("CARGO_MANIFEST_DIR"));
        let mut spec: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        super::TaskDefinitionSpec::accept(&mut spec);
        // Elastic Inference is gone, and AWS refuses it.
        spec.as_object_mut().unwrap().shift_remove("inferenceAccelerators");
        spec["family"] = sample.into();
        if spec.get("executionRoleArn").is_none() {
            spec["executionRoleArn"] = "pull".into();
        }
        let document = serde_json::json!({
            "apiVersion": "farpost/v1", "kind": "TaskDefinition", "metadata": {"name": "pasted"}, "spec": spec,
        });
        let text = format!("{STACK}---\n{document}\n");
        trial.converge(&text).await;
    }
}

/// ECS makes the user of a log router 0, which nobody needs to declare.
#[tokio::test]
async fn a_log_router_converges() {
    let router = "{name: router, image: 'fluent-bit:1', memory: 64, firelensConfiguration: {type: fluentbit}}";
    let text = till(&format!("containerDefinitions: [{{name: till, image: 'till:1', memory: 64}}, {router}]"));
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let containers = described(&trial, "till").await.container_definitions.unwrap();
    assert!(containers.iter().any(|one| one.name() == Some("router") && one.user() == Some("0")));
    assert_eq!(active(&trial, "till").await, ["till:1"]);
}
