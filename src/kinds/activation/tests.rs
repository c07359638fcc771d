//! Activations in the whole engine, against the sandbox.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::Activation;

use crate::diagnostic::Severity;
use crate::kinds::trial::{Trial, declared, example, findings};
use crate::plan::{Action, Plan};
use crate::sandbox::hosts::HostRegistration;

const STACK: &str = "
apiVersion: farpost/v1
kind: Stack
metadata: {name: store}
spec: {account: '123456789012', region: us-west-2}
---
apiVersion: farpost/v1
kind: Role
metadata: {name: anywhere}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: [{Effect: Allow, Principal: {Service: ssm.amazonaws.com}, Action: 'sts:AssumeRole'}]
  managedPolicyArns:
    - arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
    - arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role
---
apiVersion: farpost/v1
kind: Cluster
metadata: {name: stores}
spec: {}
";
const PLACE: &str = "/ecs-anywhere/stores/code";

fn activation(more: &str) -> String {
    kept("parameter: /ecs-anywhere/stores/code", more)
}

fn kept(place: &str, more: &str) -> String {
    format!(
        "{STACK}---\napiVersion: farpost/v1\nkind: Activation\nmetadata: {{name: stores}}\nspec:\n  iamRole: \
         ${{Role.anywhere.name}}\n  code: {{{place}}}\n{more}"
    )
}

fn count(trial: &Trial, call: &str) -> u64 {
    trial.aws.counts().get(&format!("ssm:{call}")).copied().unwrap_or_default()
}

async fn activations(trial: &Trial) -> Vec<Activation> {
    let answer = trial.aws.ssm().describe_activations().send().await.unwrap();
    answer.activation_list.unwrap_or_default()
}

/// The id of the one that there is.
async fn only(trial: &Trial) -> String {
    let all = activations(trial).await;
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].activation_id().unwrap().to_owned()
}

async fn parameter(trial: &Trial, name: &str) -> Option<String> {
    let call = trial.aws.ssm().get_parameter().name(name).with_decryption(true).send().await;
    call.ok().and_then(|answer| answer.parameter?.value)
}

async fn register(trial: &Trial, computer: &str) -> String {
    let host = HostRegistration {
        activation_id: only(trial).await,
        activation_code: parameter(trial, PLACE).await.unwrap(),
        cluster: "stores".to_owned(),
        computer_name: computer.to_owned(),
        ..serde_json::from_str(r#"{"activationId": "", "activationCode": ""}"#).unwrap()
    };
    trial.sandbox.register_host(&host).unwrap().instance_id
}

/// Why the plan wants a fresh one.
fn due(plan: &Plan) -> Option<String> {
    let change = plan.pending().find(|change| change.address.kind == "Activation")?;
    let field = change.fields.iter().find(|field| field.path == "due")?;
    assert_eq!(change.action, Action::Update);
    field.before.as_ref().and_then(|why| why.as_str()).map(str::to_owned)
}

#[tokio::test]
async fn the_example_converges_and_can_be_destroyed() {
    let text = example("activation");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    trial.destroy(&text).await;
    assert!(activations(&trial).await.is_empty());
}

#[tokio::test]
async fn a_change_makes_a_fresh_one_and_the_code_is_in_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("code.json");
    let mut trial = Trial::new().await;
    let mut last = String::new();
    let in_file = format!("file: '{}'", file.display());
    let in_parameter = "parameter: /ecs-anywhere/stores/code";
    for (place, more) in [
        (in_parameter, ""),
        (in_parameter, "  registrationLimit: 5\n"),
        (in_parameter, "  validForDays: 30\n"),
        (in_parameter, "  tags: {team: tills}\n"),
        (in_parameter, "  tags: {team: stores}\n"),
        (in_parameter, "  description: of all stores\n"),
        ("secret: stores/code", "  defaultInstanceName: store\n"),
        ("secret: stores/code", ""),
        (&in_file, ""),
        (&in_file, "  registrationLimit: 2\n"),
        (in_parameter, ""),
    ] {
        trial.converge(&kept(place, more)).await;
        let id = only(&trial).await;
        assert_ne!(id, last, "{place} {more}");
        let secret = trial.aws.secrets().get_secret_value().secret_id("stores/code").send().await;
        let there = (parameter(&trial, PLACE).await.is_some(), secret.is_ok(), file.exists());
        assert_eq!(there, (place == in_parameter, place.starts_with("secret"), place == in_file), "{place}");
        if place == in_file {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(&id), "{text}");
        }
        last = id;
    }
    // When it is made anew matters to nobody but farpost.
    trial.converge(&activation("")).await;
    let before = only(&trial).await;
    assert!(trial.plan(&activation("  rotateBefore: {registrations: 1}\n")).await.is_empty());
    assert_eq!(only(&trial).await, before);
    trial.destroy(&activation("")).await;
    assert!(activations(&trial).await.is_empty() && parameter(&trial, PLACE).await.is_none());
}

#[tokio::test]
async fn an_answer_that_is_lost_doubles_nothing() {
    for place in ["parameter: /ecs-anywhere/stores/code", "secret: stores/code"] {
        let mut trial = Trial::new().await;
        trial.lose("CreateActivation");
        trial.converge(&kept(place, "")).await;
        let first = only(&trial).await;
        trial.lose("CreateActivation");
        trial.converge(&kept(place, "  registrationLimit: 2\n")).await;
        assert_ne!(only(&trial).await, first);
        trial.destroy(&kept(place, "")).await;
        assert!(activations(&trial).await.is_empty());
    }
}

#[tokio::test]
async fn what_an_interrupted_run_left_goes() {
    let mut trial = Trial::new().await;
    trial.converge(&activation("")).await;
    let first = only(&trial).await;
    // One more with our tags, whose code nobody has.
    let mut create = trial.aws.ssm().create_activation().iam_role("anywhere");
    for (key, value) in [
        ("farpost/stack", "store"),
        ("farpost/resource", "Activation/stores"),
        ("farpost/code", "parameter:/ecs-anywhere/stores/code"),
    ] {
        create = create.tags(aws_sdk_ssm::types::Tag::builder().key(key).value(value).build().unwrap());
    }
    let stray = create.send().await.unwrap().activation_id.unwrap();
    let plan = trial.plan(&activation("")).await;
    let note = format!("deletes what nobody can use, because its code was never stored: {stray}");
    assert_eq!(plan.notes.iter().map(|note| note.message.as_str()).collect::<Vec<_>>(), [note.as_str()]);
    trial.converge(&activation("")).await;
    assert_eq!(only(&trial).await, first);
    assert!(parameter(&trial, PLACE).await.is_some());
}

#[tokio::test]
async fn a_code_that_is_lost_makes_a_fresh_one() {
    let mut trial = Trial::new().await;
    let text = activation("");
    trial.converge(&text).await;
    let first = only(&trial).await;
    trial.aws.ssm().delete_parameter().name(PLACE).send().await.unwrap();
    let plan = trial.plan(&text).await;
    assert_eq!(due(&plan).unwrap(), format!("its code is lost: the parameter {PLACE} does not exist"));
    assert!(plan.notes[0].message.contains("hosts that have registered keep working"), "{:?}", plan.notes);
    trial.converge(&text).await;
    let second = only(&trial).await;
    assert_ne!(first, second);
    let put = trial.aws.ssm().put_parameter().name(PLACE).value("x".repeat(20)).overwrite(true);
    put.description("farpost: code of activation another").send().await.unwrap();
    let why = due(&trial.plan(&text).await).unwrap();
    assert_eq!(why, format!("its code is lost: the parameter {PLACE} holds that of the activation another"));
    trial.converge(&text).await;
    assert_ne!(only(&trial).await, second);
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_overwritten() {
    for (place, is_secret) in [("parameter: /ecs-anywhere/stores/code", false), ("secret: stores/code", true)] {
        let mut trial = Trial::new().await;
        if is_secret {
            let call = trial.aws.secrets().create_secret().name("stores/code").secret_string("theirs");
            call.send().await.unwrap();
        } else {
            let call = trial.aws.ssm().put_parameter().name(PLACE).value("theirs");
            call.r#type(aws_sdk_ssm::types::ParameterType::String).send().await.unwrap();
        }
        let plan = trial.plan(&kept(place, "")).await;
        let outcome = trial.carry_out(plan).await;
        assert!(outcome.failed[0].message.contains("is not this activation's"), "{outcome:#?}");
        assert!(activations(&trial).await.is_empty());
        assert_eq!(count(&trial, "CreateActivation"), 0);
    }
}

#[tokio::test]
async fn a_fresh_one_comes_before_the_registrations_are_used_up() {
    let mut trial = Trial::new().await;
    let text = activation("  registrationLimit: 2\n  rotateBefore: {registrations: 2}\n");
    trial.converge(&text).await;
    let first = only(&trial).await;
    let host = register(&trial, "till-1").await;
    assert_eq!(due(&trial.plan(&text).await).unwrap(), "1 of 2 registrations left, fewer than 2");
    trial.converge(&text).await;
    assert_ne!(only(&trial).await, first);
    // The host that registered with the one before is still there.
    let nodes = trial.aws.ssm().describe_instance_information().send().await.unwrap();
    assert_eq!(nodes.instance_information_list()[0].instance_id(), Some(host.as_str()));
    register(&trial, "till-2").await;
}

#[tokio::test]
async fn one_that_is_used_up_has_served_until_a_host_waits() {
    let mut trial = Trial::new().await;
    let text = activation("");
    trial.converge(&text).await;
    let first = only(&trial).await;
    register(&trial, "till-1").await;
    assert!(trial.plan(&text).await.is_empty());
    // Nobody needs its code any more.
    trial.aws.ssm().delete_parameter().name(PLACE).send().await.unwrap();
    assert!(trial.plan(&text).await.is_empty());
    let host = "---\napiVersion: farpost/v1\nkind: ExternalInstance\nmetadata: {name: till-2}\nspec: {cluster: \
                '${Cluster.stores.name}', activation: '${Activation.stores.id}'}\n";
    let with_host = format!("{text}{host}");
    let plan = trial.plan(&with_host).await;
    assert_eq!(due(&plan).unwrap(), "1 registration used, and ExternalInstance/till-2 has not registered");
    let outcome = trial.carry_out(plan).await;
    assert!(outcome.is_deferred(), "{outcome:#?}");
    assert_ne!(only(&trial).await, first);
    // Asked again, nothing but the host is missing.
    let left = trial.plan(&with_host).await;
    let left: Vec<String> = left.pending().map(|change| change.address.to_string()).collect();
    assert_eq!(left, ["ExternalInstance/till-2"]);
}

#[tokio::test]
async fn the_code_is_told_to_nobody() {
    let mut trial = Trial::new().await;
    let (one, other) = (activation("  registrationLimit: 2\n"), activation("  registrationLimit: 3\n"));
    let mut codes = Vec::new();
    let mut told = String::new();
    for text in [&one, &other] {
        let plan = trial.plan(text).await;
        told.push_str(&format!(
            "{plan:?}{}{}",
            serde_json::to_string(&plan).unwrap(),
            crate::report::plan::text(&plan)
        ));
        let outcome = trial.carry_out(plan).await;
        let survey = trial.survey(&declared(text)).await;
        told.push_str(&format!("{outcome:?}{}{survey:?}", serde_json::to_string(&outcome).unwrap()));
        codes.push(parameter(&trial, PLACE).await.unwrap());
    }
    told.push_str(&format!("{:?}", trial.events));
    assert_ne!(codes[0], codes[1]);
    assert!(codes.iter().all(|code| code.len() >= 20 && !told.contains(code.as_str())));
    for tag in activations(&trial).await.iter().flat_map(Activation::tags) {
        assert!(!codes.iter().any(|code| tag.value().contains(code)));
    }
}

#[tokio::test]
async fn reading_costs_nothing_without_activations_and_two_calls_with_them() {
    let mut trial = Trial::new().await;
    let calls = |trial: &Trial| -> BTreeMap<String, u64> {
        trial
            .aws
            .counts()
            .into_iter()
            .filter(|(call, _)| call.starts_with("ssm:") || call.starts_with("secrets"))
            .collect()
    };
    let (role, cluster) = STACK.split_once("kind: Cluster").unwrap();
    let without_role = role.split("---").next().unwrap().to_owned();
    trial.plan(&format!("{without_role}---\napiVersion: farpost/v1\nkind: Cluster{cluster}")).await;
    assert_eq!(calls(&trial), BTreeMap::new());
    let more = "---\napiVersion: farpost/v1\nkind: Activation\nmetadata: {name: more}\nspec: {iamRole: anywhere, code: \
                {parameter: /more}}\n";
    let text = format!("{}{more}", activation(""));
    trial.converge(&text).await;
    let before = (count(&trial, "DescribeActivations"), count(&trial, "DescribeParameters"), calls(&trial).len());
    assert!(trial.plan(&text).await.is_empty());
    let after = (count(&trial, "DescribeActivations"), count(&trial, "DescribeParameters"), calls(&trial).len());
    assert_eq!(after, (before.0 + 1, before.1 + 1, before.2));
}

#[tokio::test]
async fn one_that_is_not_declared_any_more_is_found_by_what_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("file: '{}'", folder.path().join("code.json").display());
    for place in ["parameter: /ecs-anywhere/stores/code", "secret: stores/code", &file] {
        let mut trial = Trial::new().await;
        trial.converge(&kept(place, "")).await;
        assert_eq!(trial.plan(STACK).await.count(Action::Delete), 1, "{place}");
        trial.converge(STACK).await;
        assert!(activations(&trial).await.is_empty());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn one_of_another_stack_is_no_business_of_ours() {
    let mut trial = Trial::new().await;
    trial.converge(&activation("")).await;
    let other = activation("").replace("{name: store}", "{name: other}").replace("/ecs-anywhere/", "/others/");
    let other = other.replace("{name: anywhere}", "{name: elsewhere}").replace("Role.anywhere", "Role.elsewhere");
    let other = other.replace("metadata: {name: stores}\nspec: {}", "metadata: {name: others}\nspec: {}");
    trial.converge(&other).await;
    assert_eq!(activations(&trial).await.len(), 2);
    trial.destroy(&other).await;
    assert!(trial.plan(&activation("")).await.is_empty());
}

#[test]
fn a_role_is_named_and_the_code_is_in_one_place() {
    let codes = |text: &str| {
        let errors = findings(text).into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.code).collect::<Vec<_>>()
    };
    let arn = activation("").replace("${Role.anywhere.name}", "${Role.anywhere.arn}");
    assert_eq!(codes(&arn), Vec::<&str>::new());
    let arn = activation("").replace("${Role.anywhere.name}", "arn:aws:iam::123456789012:role/anywhere");
    assert_eq!(codes(&arn), ["EXT-24"]);
    assert!(!codes(&kept("parameter: /a, secret: b", "")).is_empty());
    assert!(!codes(&activation("").replace("  code: {parameter: /ecs-anywhere/stores/code}\n", "")).is_empty());
    assert!(!codes(&activation("  due: now\n")).is_empty());
}
