//! Log groups in the whole engine, against the sandbox.

use aws_sdk_cloudwatchlogs::types::LogGroupClass;

use crate::kinds::trial::{Trial, declared, example, findings};
use crate::plan::{Action, Goal, Guards, Plan, Work, plan};

const STACK: &str = "
apiVersion: farpost/v1
kind: Stack
metadata: {name: store}
spec: {account: '123456789012', region: us-west-2}
";

fn group(spec: &str) -> String {
    named("till", spec)
}

fn named(name: &str, spec: &str) -> String {
    format!("{STACK}---\napiVersion: farpost/v1\nkind: LogGroup\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

/// A task definition whose container writes to a log group.
fn writer(group: &str) -> String {
    format!(
        "---\napiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {{name: till}}\nspec:\n  containerDefinitions:\n  \
         - name: till\n    image: till:1\n    memory: 64\n    logConfiguration:\n      logDriver: awslogs\n      \
         options: {{awslogs-group: \"{group}\", awslogs-region: us-west-2}}\n"
    )
}

fn count(trial: &Trial, call: &str) -> u64 {
    trial.aws.counts().get(&format!("logs:{call}")).copied().unwrap_or_default()
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.refusals.iter().map(|refusal| refusal.code.as_str()).collect()
}

#[tokio::test]
async fn the_example_converges_and_can_be_destroyed() {
    let text = example("log-group");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    trial.destroy(&text).await;
}

#[tokio::test]
async fn every_member_changes_in_place_and_back() {
    let key = "arn:aws:kms:us-west-2:123456789012:key/1";
    let full = format!("{{retentionInDays: 30, kmsKeyId: '{key}', deletionProtectionEnabled: true, tags: {{a: b}}}}");
    let mut trial = Trial::new().await;
    trial.converge(&group("{}")).await;
    trial.converge(&group(&full)).await;
    trial.converge(&group(&full.replace("30", "60").replace("key/1", "key/2").replace("a: b", "a: c"))).await;
    trial.converge(&group("{deletionProtectionEnabled: false}")).await;
    let found = &trial.survey(&declared(&group("{}"))).await.of("LogGroup")[0].clone();
    assert_eq!(found.spec["retentionInDays"], serde_json::Value::Null);
    assert_eq!(found.tags.get("a"), None);
    trial.destroy(&group("{}")).await;
}

#[tokio::test]
async fn the_class_delivery_has_a_retention_of_its_own() {
    let text = group("{logGroupClass: DELIVERY}");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    assert_eq!(count(&trial, "DeleteRetentionPolicy") + count(&trial, "PutRetentionPolicy"), 0);
    trial.destroy(&text).await;
}

#[tokio::test]
async fn logs_are_not_lost_unasked() {
    let mut trial = Trial::new().await;
    trial.converge(&group("{}")).await;
    for change in ["{logGroupClass: INFREQUENT_ACCESS}", "{logGroupName: /ecs/till}"] {
        let plan = trial.plan(&group(change)).await;
        assert_eq!((codes(&plan), plan.count(Action::Replace)), (vec!["protected"], 1), "{change}");
        assert!(plan.refusals[0].message.contains("what is in it would be lost"), "{:?}", plan.refusals);
    }
    // A class that is taken out of the manifest stays.
    let cheap = "{logGroupClass: INFREQUENT_ACCESS, deletionProtectionEnabled: false}";
    trial.converge(&group(cheap)).await;
    assert!(trial.plan(&group("{}")).await.is_empty());
    trial.converge(&group("{deletionProtectionEnabled: true}")).await;
    let elsewhere = named("other", "{}");
    assert_eq!(codes(&trial.plan(&elsewhere).await), ["protected"]);
    // The protection is on in AWS until it is applied off: not in the step that replaces.
    assert_eq!(codes(&trial.plan(&group(&cheap.replace("INFREQUENT_ACCESS", "STANDARD"))).await), ["protected"]);
    let nothing = crate::desired::Desired::nothing(declared(&elsewhere).stack);
    let destroy = plan(&nothing, &trial.survey(&nothing).await, Goal::Destroy, Guards::default(), trial.aws.counts());
    assert_eq!(codes(&destroy), ["protected"]);
    trial.converge(&group("{deletionProtectionEnabled: false}")).await;
    trial.converge(&elsewhere).await;
    assert_eq!(count(&trial, "DeleteLogGroup"), 2);
}

#[tokio::test]
async fn one_that_a_log_driver_made_is_left_alone_until_it_is_handed_over() {
    let mut trial = Trial::new().await;
    let create = trial.aws.logs().create_log_group().log_group_name("till");
    create.log_group_class(LogGroupClass::InfrequentAccess).send().await.unwrap();
    let text = group("{retentionInDays: 7}");
    let refused = trial.plan(&text).await;
    assert_eq!((codes(&refused), refused.count(Action::Delete)), (vec!["not-ours"], 0));
    let arn = "arn:aws:logs:us-west-2:123456789012:log-group:till";
    let tag = trial.aws.logs().tag_resource().resource_arn(arn);
    tag.tags("farpost/stack", "store").tags("farpost/resource", "LogGroup/till").send().await.unwrap();
    let adopted = trial.plan(&text).await;
    assert_eq!((adopted.count(Action::Update), adopted.count(Action::Replace)), (1, 0));
    trial.converge(&text).await;
}

#[tokio::test]
async fn a_group_that_is_made_anew_by_a_log_driver_does_not_hold_up_its_deletion() {
    let mut trial = Trial::new().await;
    trial.converge(&group("{}")).await;
    let survey = trial.survey(&declared(&group("{}"))).await;
    let live = survey.of("LogGroup")[0].clone();
    let logs = trial.aws.logs();
    logs.delete_log_group().log_group_name("till").send().await.unwrap();
    logs.create_log_group().log_group_name("till").send().await.unwrap();
    let shared = crate::observed::Shared::default();
    let scope = crate::kinds::Scope {
        place: &declared(&group("{}")).place(),
        wanted: &[],
        purpose: crate::kinds::Purpose::Settle(&live.id),
        declared: &crate::observed::WantedByKind::new(),
        known: &survey,
        shared: &shared,
    };
    let kind = crate::kinds::by_name("LogGroup").unwrap();
    assert_eq!(kind.read(&trial.aws, &scope).await.unwrap(), []);
}

#[tokio::test]
async fn a_task_definition_refers_to_it_and_comes_after_it() {
    for written in ["${LogGroup.till}", "${LogGroup.till.name}", "/ecs/till"] {
        let text = format!("{}{}", group("{logGroupName: /ecs/till}"), writer(written));
        let mut trial = Trial::new().await;
        let plan = trial.plan(&text).await;
        let step = |kind: &str| plan.steps.iter().position(|step| step.address.kind == kind).unwrap();
        assert!(plan.steps[step("TaskDefinition")].after.contains(&step("LogGroup")), "{written}");
        trial.converge(&text).await;
        let definition = trial.aws.ecs().describe_task_definition().task_definition("till").send().await.unwrap();
        let container = &definition.task_definition.unwrap().container_definitions.unwrap()[0];
        let options = container.log_configuration().unwrap().options().unwrap();
        assert_eq!(options["awslogs-group"], "/ecs/till");
        deleted_after_its_writer(&trial, &text).await;
        trial.destroy(&text).await;
    }
}

/// Also without the manifests, from what is live.
async fn deleted_after_its_writer(trial: &Trial, text: &str) {
    let nothing = crate::desired::Desired::nothing(declared(text).stack);
    let destroy = plan(&nothing, &trial.survey(&nothing).await, Goal::Destroy, Guards::default(), trial.aws.counts());
    let step = |kind: &str| destroy.steps.iter().position(|step| step.address.kind == kind).unwrap();
    let last = &destroy.steps[step("LogGroup")];
    assert_eq!(last.work, Work::Delete);
    assert!(last.after.contains(&step("TaskDefinition")), "{:#?}", destroy.steps);
}

#[tokio::test]
async fn the_arn_makes_a_policy() {
    let role = "---
apiVersion: farpost/v1
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: 'sts:AssumeRole'}]
  inlinePolicies:
    logs:
      Version: '2012-10-17'
      Statement: [{Effect: Allow, Action: 'logs:PutLogEvents', Resource: '${LogGroup.till.arn}:*'}]
";
    let text = format!("{}{role}", group("{logGroupName: /ecs/till}"));
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let call = trial.aws.iam().get_role_policy().role_name("till").policy_name("logs");
    let policy = call.send().await.unwrap().policy_document;
    assert!(policy.contains("log-group%3A%2Fecs%2Ftill%3A%2A") || policy.contains("log-group:/ecs/till:*"), "{policy}");
}

#[tokio::test]
async fn reading_costs_nothing_without_log_groups_and_one_call_with_one() {
    let mut trial = Trial::new().await;
    let calls = |trial: &Trial| trial.aws.counts().iter().filter(|(name, _)| name.starts_with("logs:")).count();
    trial
        .plan(&format!("{STACK}---\napiVersion: farpost/v1\nkind: Cluster\nmetadata: {{name: edge}}\nspec: {{}}\n"))
        .await;
    assert_eq!(calls(&trial), 0);
    trial.converge(&group("{retentionInDays: 7}")).await;
    let before = count(&trial, "DescribeLogGroups");
    assert!(trial.plan(&group("{retentionInDays: 7}")).await.is_empty());
    assert_eq!(count(&trial, "DescribeLogGroups") - before, 1);
}

#[tokio::test]
async fn an_undeclared_one_is_found_and_deleted() {
    let mut trial = Trial::new().await;
    trial.converge(&format!("{}{}", group("{}"), named("depot", "{}").replace(STACK, ""))).await;
    let plan = trial.plan(&group("{}")).await;
    assert_eq!(plan.count(Action::Delete), 1);
    trial.converge(&group("{}")).await;
    assert_eq!(count(&trial, "DeleteLogGroup"), 1);
}

#[test]
fn a_name_in_another_case_is_a_slip() {
    let text = format!("{}{}", group("{logGroupName: /ecs/till}"), writer("/ecs/Till"));
    assert_eq!(findings(&text)[0].code, "case-differs");
}
