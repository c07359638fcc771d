//! Hosts outside AWS in the whole engine, against the sandbox.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{ContainerInstance, ContainerInstanceField};

use crate::apply::Event;
use crate::diagnostic::Severity;
use crate::kinds::trial::{Trial, example, findings};
use crate::plan::{Action, Plan, Reason};
use crate::sandbox::hosts::{HostRegistration, RegisteredHost};

const BASE: &str = "
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
---
apiVersion: farpost/v1
kind: Cluster
metadata: {name: depots}
spec: {}
---
apiVersion: farpost/v1
kind: Activation
metadata: {name: stores}
spec:
  iamRole: ${Role.anywhere.name}
  registrationLimit: 20
  defaultInstanceName: till-2
  tags: {place: shop}
  code: {parameter: /ecs-anywhere/stores/code}
";

const SERVICE: &str = "---
apiVersion: farpost/v1
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions: [{name: till, image: 'public.ecr.aws/nginx/nginx:1.29', memory: 64}]
---
apiVersion: farpost/v1
kind: Service
metadata: {name: till}
spec: {cluster: '${Cluster.stores.name}', taskDefinition: '${TaskDefinition.till}', launchType: EXTERNAL, desiredCount: 2}
";

fn host(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: farpost/v1\nkind: ExternalInstance\nmetadata: {{name: {name}}}\nspec: {{cluster: \
         '${{Cluster.stores.name}}', activation: '${{Activation.stores.id}}'{more}}}\n"
    )
}

/// A computer that the installer has run on. With `as_declared` it is registered as `farpost host bootstrap` does it.
async fn register(trial: &Trial, computer: &str, cluster: &str, as_declared: Option<&str>) -> RegisteredHost {
    let ssm = trial.aws.ssm();
    let activations = ssm.describe_activations().send().await.unwrap().activation_list.unwrap();
    let code = ssm.get_parameter().name("/ecs-anywhere/stores/code").with_decryption(true).send().await.unwrap();
    let tags = as_declared.map(|name| {
        [("farpost/stack", "store".to_owned()), ("farpost/resource", format!("ExternalInstance/{name}"))]
            .map(|(key, value)| (key.to_owned(), value))
    });
    let host = HostRegistration {
        activation_id: activations[0].activation_id().unwrap().to_owned(),
        activation_code: code.parameter.unwrap().value.unwrap(),
        cluster: cluster.to_owned(),
        computer_name: computer.to_owned(),
        tags: tags.into_iter().flatten().collect(),
        ..serde_json::from_str(r#"{"activationId": "", "activationCode": ""}"#).unwrap()
    };
    trial.sandbox.register_host(&host).unwrap()
}

async fn instances(trial: &Trial, cluster: &str) -> Vec<ContainerInstance> {
    let list = trial.aws.ecs().list_container_instances().cluster(cluster).send().await.unwrap();
    let arns = list.container_instance_arns().to_vec();
    if arns.is_empty() {
        return Vec::new();
    }
    let call = trial.aws.ecs().describe_container_instances().cluster(cluster).include(ContainerInstanceField::Tags);
    call.set_container_instances(Some(arns)).send().await.unwrap().container_instances.unwrap()
}

async fn nodes(trial: &Trial) -> Vec<String> {
    let answer = trial.aws.ssm().describe_instance_information().send().await.unwrap();
    answer.instance_information_list().iter().filter_map(|node| node.instance_id().map(str::to_owned)).collect()
}

async fn node_tags(trial: &Trial, node: &str) -> BTreeMap<String, String> {
    let call = trial.aws.ssm().list_tags_for_resource().resource_id(node);
    let call = call.resource_type(aws_sdk_ssm::types::ResourceTypeForTagging::ManagedInstance);
    call.send().await.unwrap().tag_list().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

fn fields(plan: &Plan) -> Vec<&str> {
    plan.pending().flat_map(|change| &change.fields).map(|field| field.path.as_str()).collect()
}

fn pending(plan: &Plan) -> Vec<String> {
    plan.pending().map(|change| format!("{} {}", change.action.glyph(), change.address)).collect()
}

#[tokio::test]
async fn the_example_waits_for_its_host_and_converges_with_it() {
    let text = example("external-instance");
    let mut trial = Trial::new().await;
    let plan = trial.plan(&text).await;
    let outcome = trial.carry_out(plan).await;
    assert!(outcome.is_deferred() && outcome.skipped.is_empty(), "{outcome:#?}");
    let message = &outcome.failed[0].message;
    assert!(message.contains("`farpost host bootstrap ExternalInstance/till-1 PATH`"), "{message}");
    assert!(outcome.failed[0].hint.is_some());
    let ssm = trial.aws.ssm();
    let id = ssm.describe_activations().send().await.unwrap().activation_list.unwrap()[0].activation_id.clone();
    let code = ssm.get_parameter().name("/branch-17/activation-code").with_decryption(true).send().await.unwrap();
    let registration = serde_json::json!({"activationId": id, "activationCode": code.parameter.unwrap().value,
        "cluster": "branch-17", "computerName": "till-1.branch-17.example"});
    trial.sandbox.register_host(&serde_json::from_value(registration).unwrap()).unwrap();
    trial.converge(&text).await;
    trial.destroy(&text).await;
    assert!(nodes(&trial).await.is_empty());
}

#[tokio::test]
async fn a_host_that_is_not_there_holds_up_nothing_that_does_not_name_it() {
    let named = "---\napiVersion: farpost/v1\nkind: LogGroup\nmetadata: {name: of-till}\nspec: {tags: {host: \
                 '${ExternalInstance.till-1.id}'}}\n";
    let text = format!("{BASE}{}{SERVICE}{named}", host("till-1", ""));
    let mut trial = Trial::new().await;
    let plan = trial.plan(&text).await;
    let step = |kind: &str| plan.steps.iter().position(|step| step.address.kind == kind).unwrap();
    assert!(plan.steps[step("Service")].after.contains(&step("ExternalInstance")));
    let outcome = trial.carry_out(plan).await;
    let failed: Vec<String> = outcome.failed.iter().map(|failure| failure.address.to_string()).collect();
    assert_eq!(failed, ["ExternalInstance/till-1", "Service/till"]);
    assert!(outcome.is_deferred(), "{outcome:#?}");
    assert_eq!(outcome.skipped.iter().map(ToString::to_string).collect::<Vec<_>>(), ["LogGroup/of-till"]);
    let message = &outcome.failed[1].message;
    assert!(message.contains("no host outside AWS is connected to the cluster stores"), "{message}");
    register(&trial, "till-1", "stores", Some("till-1")).await;
    trial.converge(&text).await;
    trial.destroy(&text).await;
}

#[tokio::test]
async fn a_service_that_waits_for_one_more_host_waits_a_little() {
    let spread =
        SERVICE.replace("desiredCount: 2}", "desiredCount: 2, placementConstraints: [{type: distinctInstance}]}");
    let text = format!("{BASE}{}{}{spread}", host("till-1", ""), host("till-2", ""));
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    register(&trial, "till-1", "stores", Some("till-1")).await;
    let plan = trial.plan(&text).await;
    let outcome = trial.carry_out(plan).await;
    assert!(outcome.is_deferred(), "{outcome:#?}");
    let message = &outcome.failed[1].message;
    assert!(
        message.starts_with("1 of 2 running") && message.ends_with("ExternalInstance/till-2 is not there yet"),
        "{message}"
    );
    register(&trial, "till-2", "stores", Some("till-2")).await;
    trial.converge(&text).await;
    trial.destroy(&text).await;
}

#[tokio::test]
async fn a_host_is_taken_in_and_follows_the_manifest() {
    let of = |more: &str| format!("{BASE}{}", host("till-1", more));
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    let there = register(&trial, "till-1", "stores", Some("till-1")).await;
    let plan = trial.plan(&of("")).await;
    assert_eq!(pending(&plan), ["~ ExternalInstance/till-1"]);
    for more in [
        "",
        ", attributes: {site: oslo}, tags: {team: tills}",
        ", attributes: {site: bergen, row: '7'}, tags: {team: stores}",
        ", attributes: {}",
        ", status: DRAINING",
        ", attributes: {a: '0', b: '1', c: '2', d: '3', e: '4', f: '5', g: '6', h: '7', i: '8', j: '9'}",
        ", attributes: {k: '0', l: '1', m: '2', n: '3', o: '4', p: '5', q: '6', r: '7', s: '8', t: '9'}, status: ACTIVE",
    ] {
        trial.converge(&of(more)).await;
    }
    let tags = node_tags(&trial, &there.instance_id).await;
    assert_eq!(tags["farpost/resource"], "ExternalInstance/till-1");
    assert_eq!((tags["farpost/external"].as_str(), tags["farpost/cluster"].as_str()), ("store", "stores"));
    assert_eq!(tags.get("team"), None);
    let counts = trial.aws.counts();
    assert!(!counts.contains_key("ecs:UpdateContainerAgent"), "{counts:?}");
    assert_eq!(counts["ecs:PutAttributes"], 4);
    // What is for the bootstrap alone is no difference, and attributes that nobody declares are left alone.
    let bootstrap = ", operatingSystem: debian-12, architecture: arm64, dockerInstallSource: none, gpu: true, ecsConfig: \
                     {ECS_IMAGE_PULL_BEHAVIOR: once}, publish: [8080], match: {computerName: other}";
    assert!(trial.plan(&of(bootstrap)).await.is_empty());
    assert_eq!(fields(&trial.plan(&of(", attributes: {}")).await).len(), 10);
    trial.destroy(&of("")).await;
    assert!(nodes(&trial).await.is_empty());
}

#[tokio::test]
async fn a_host_is_known_by_what_the_manifest_says() {
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    // From the activation it has the name till-2.
    let there = register(&trial, "box.example", "stores", None).await;
    let node = &there.instance_id;
    let by_id = format!(", match: {{instanceId: {node}}}");
    for more in [
        by_id.as_str(),
        ", match: {computerName: box}",
        ", match: {computerName: Box.Example}",
        ", match: {instanceName: till-2}",
        ", match: {tag: {key: place, value: shop}}",
    ] {
        let plan = trial.plan(&format!("{BASE}{}", host("till-1", more))).await;
        assert_eq!(pending(&plan), ["~ ExternalInstance/till-1"], "{more}");
        assert_eq!(fields(&plan)[0], "unclaimed");
    }
    for more in ["", ", match: {computerName: box.elsewhere}", ", match: {tag: {key: place, value: depot}}"] {
        let plan = trial.plan(&format!("{BASE}{}", host("till-1", more))).await;
        assert_eq!(pending(&plan), ["+ ExternalInstance/till-1"], "{more}");
    }
    let text = format!("{BASE}{}", host("till-2", ""));
    trial.converge(&text).await;
    let tags = node_tags(&trial, node).await;
    assert_eq!(tags["farpost/resource"], "ExternalInstance/till-2");
    // From then on its tags say which one it is.
    assert!(trial.plan(&text.replace("activation:", "match: {computerName: lost}, activation:")).await.is_empty());
    trial.destroy(&text).await;
}

#[tokio::test]
async fn more_than_one_that_could_be_meant_are_named() {
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    let one = register(&trial, "a", "stores", None).await;
    let other = register(&trial, "b", "stores", None).await;
    let plan = trial.plan(&format!("{BASE}{}", host("till-2", ""))).await;
    assert_eq!(plan.refusals[0].code, "found-twice");
    let message = &plan.refusals[0].message;
    assert!(message.contains(&one.instance_id) && message.contains(&other.instance_id), "{message}");
    // Between the plan and the apply, it is the same.
    let plan = trial.plan(&format!("{BASE}{}", host("till-3", ", match: {instanceName: till-2}"))).await;
    assert_eq!(plan.refusals[0].code, "found-twice");
}

#[tokio::test]
async fn a_host_of_another_stack_is_left_to_it() {
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    let there = register(&trial, "box", "stores", None).await;
    let tag = aws_sdk_ecs::types::Tag::builder().key("farpost/stack").value("other").build();
    trial.aws.ecs().tag_resource().resource_arn(&there.container_instance_arn).tags(tag).send().await.unwrap();
    let plan = trial.plan(&format!("{BASE}{}", host("till-1", ", match: {computerName: box}"))).await;
    assert_eq!(plan.refusals[0].code, "not-ours");
    assert!(plan.refusals[0].message.contains("belongs to the stack other"), "{:?}", plan.refusals);
}

#[tokio::test]
async fn a_host_that_is_cut_off_is_no_difference() {
    let of = |more: &str| format!("{BASE}{}{SERVICE}", host("till-1", more));
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    let there = register(&trial, "till-1", "stores", Some("till-1")).await;
    trial.converge(&of("")).await;
    trial.sandbox.disconnect_host(&there.instance_id).unwrap();
    let plan = trial.plan(&of("")).await;
    assert!(plan.is_empty() && plan.steps.is_empty(), "{:#?}", plan.steps);
    assert!(plan.notes.iter().any(|note| note.message.contains("not connected")), "{:?}", plan.notes);
    // What is declared otherwise is changed all the same.
    trial.converge(&of(", attributes: {site: oslo}")).await;
    trial.sandbox.connect_host(&there.instance_id).unwrap();
    trial.converge(&of("")).await;
    assert_eq!(instances(&trial, "stores").await[0].ec2_instance_id(), Some(there.instance_id.as_str()));
}

#[tokio::test]
async fn a_host_that_is_cut_off_is_not_deregistered_over_its_tasks() {
    use crate::kinds::{Progress, Purpose, Scope, by_name};
    let text = format!("{BASE}{}{SERVICE}", host("till-1", ""));
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    let there = register(&trial, "till-1", "stores", Some("till-1")).await;
    trial.converge(&text).await;
    trial.sandbox.disconnect_host(&there.instance_id).unwrap();
    let kind = by_name("ExternalInstance").unwrap();
    let (desired, declared) = (crate::kinds::trial::declared(&text), crate::observed::WantedByKind::new());
    let (place, shared) = (desired.place(), crate::observed::Shared::default());
    let survey = trial.survey(&desired).await;
    let mut live = survey.of("ExternalInstance")[0].clone();
    let mut said = Vec::new();
    for _ in 0..5 {
        match kind.delete(&trial.aws, &live).await.unwrap() {
            Progress::Waiting(why) => said.push(why),
            Progress::Done => panic!("{said:?}"),
        }
        let id = live.id.clone();
        let purpose = Purpose::Settle(&id);
        let scope = Scope { place: &place, wanted: &[], purpose, declared: &declared, known: &survey, shared: &shared };
        live = kind.read(&trial.aws, &scope).await.unwrap().remove(0);
    }
    assert_eq!(said[0], "draining");
    let way_out = "aws ecs deregister-container-instance --force --cluster stores --container-instance";
    assert!(said[4].starts_with("its agent is not connected") && said[4].contains(way_out), "{said:?}");
    assert_eq!(trial.aws.counts().get("ecs:DeregisterContainerInstance"), None);
    // What is left once somebody did so goes with the next run.
    let call = trial.aws.ecs().deregister_container_instance().cluster("stores").force(true);
    call.container_instance(&there.container_instance_arn).send().await.unwrap();
    trial.destroy(&text).await;
    assert!(nodes(&trial).await.is_empty());
}

#[tokio::test]
async fn a_host_that_goes_is_drained_and_leaves_both() {
    let (one, both) = (format!("{BASE}{}{SERVICE}", host("till-1", "")), host("till-2", ""));
    let mut trial = Trial::at_pace(0.01).await;
    trial.converge(BASE).await;
    let stays = register(&trial, "till-1", "stores", Some("till-1")).await;
    let goes = register(&trial, "till-2", "stores", Some("till-2")).await;
    trial.converge(&format!("{one}{both}")).await;
    let plan = trial.plan(&one).await;
    assert_eq!(pending(&plan), ["- ExternalInstance/till-2"]);
    trial.converge(&one).await;
    assert_eq!(nodes(&trial).await, [stays.instance_id.as_str()]);
    let left = instances(&trial, "stores").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].running_tasks_count(), 2);
    assert_ne!(stays.instance_id, goes.instance_id);
    let waits =
        trial.events.iter().any(|event| matches!(event, Event::Waiting { why, .. } if why.starts_with("draining")));
    assert!(waits, "{:#?}", trial.events);
    trial.destroy(&one).await;
    assert!(nodes(&trial).await.is_empty());
}

#[tokio::test]
async fn what_an_interrupted_deletion_left_goes() {
    let text = format!("{BASE}{}{}", host("till-1", ""), host("till-2", ""));
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    register(&trial, "till-1", "stores", Some("till-1")).await;
    let goes = register(&trial, "till-2", "stores", Some("till-2")).await;
    trial.converge(&text).await;
    let call = trial.aws.ecs().deregister_container_instance().cluster("stores");
    call.container_instance(&goes.container_instance_arn).force(true).send().await.unwrap();
    // While it is declared it is a host that has to join its cluster.
    assert_eq!(pending(&trial.plan(&text).await), ["+ ExternalInstance/till-2"]);
    let without = format!("{BASE}{}", host("till-1", ""));
    assert_eq!(pending(&trial.plan(&without).await), ["- ExternalInstance/till-2"]);
    trial.converge(&without).await;
    assert_eq!(nodes(&trial).await.len(), 1);
}

#[tokio::test]
async fn another_cluster_is_joined_anew() {
    let text = format!("{BASE}{}", host("till-1", ""));
    let moved =
        text.replace("cluster: '${Cluster.stores.name}', activation", "cluster: '${Cluster.depots.name}', activation");
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    let there = register(&trial, "till-1", "stores", Some("till-1")).await;
    trial.converge(&text).await;
    let plan = trial.plan(&moved).await;
    assert_eq!(pending(&plan), ["± ExternalInstance/till-1"]);
    let host = plan.pending().next().unwrap();
    assert_eq!(host.reason, Reason::CannotUpdate(vec!["cluster".to_owned()]));
    let outcome = trial.carry_out(plan).await;
    assert!(outcome.is_deferred(), "{outcome:#?}");
    assert_eq!((instances(&trial, "stores").await.len(), nodes(&trial).await.len()), (0, 0));
    let anew = register(&trial, "till-1", "depots", Some("till-1")).await;
    assert_ne!(anew.instance_id, there.instance_id);
    trial.converge(&moved).await;
    assert_eq!(instances(&trial, "depots").await.len(), 1);
    trial.destroy(&moved).await;
}

#[tokio::test]
async fn tags_of_the_node_that_somebody_took_are_found_by_a_close_look() {
    use crate::kinds::Purpose;
    let text = format!("{BASE}{}", host("till-1", ", tags: {team: tills}"));
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    let there = register(&trial, "till-1", "stores", Some("till-1")).await;
    trial.converge(&text).await;
    let remove = trial.aws.ssm().remove_tags_from_resource().resource_id(&there.instance_id).tag_keys("team");
    let remove = remove.resource_type(aws_sdk_ssm::types::ResourceTypeForTagging::ManagedInstance);
    remove.send().await.unwrap();
    let desired = crate::kinds::trial::declared(&text);
    let deep = crate::observed::survey(&trial.aws, &desired.place(), &desired.wanted(), Purpose::Deep).await.unwrap();
    let guards = crate::plan::Guards::default();
    let plan = crate::plan::plan(&desired, &deep, crate::plan::Goal::Converge, guards, trial.aws.counts());
    assert_eq!(fields(&plan), ["tags.team"]);
    let outcome = trial.carry_out(plan).await;
    assert!(outcome.is_complete(), "{outcome:#?}");
    assert_eq!(node_tags(&trial, &there.instance_id).await["team"], "tills");
}

#[tokio::test]
async fn a_plan_reads_all_hosts_by_three_calls() {
    let names: Vec<String> = (1..=12).map(|number| format!("till-{number}")).collect();
    let text = names.iter().fold(BASE.to_owned(), |text, name| text + &host(name, ""));
    let mut trial = Trial::new().await;
    trial.converge(BASE).await;
    for name in &names {
        register(&trial, name, "stores", Some(name)).await;
    }
    trial.converge(&text).await;
    let calls = ["ecs:ListContainerInstances", "ecs:DescribeContainerInstances", "ssm:DescribeInstanceInformation"];
    let count = |trial: &Trial| calls.map(|call| trial.aws.counts().get(call).copied().unwrap_or_default());
    // Another run, which has changed nothing itself.
    let before = count(&trial);
    assert!(trial.plan(&text).await.is_empty());
    let after = count(&trial);
    assert_eq!([after[0] - before[0], after[1] - before[1], after[2] - before[2]], [1, 1, 1]);
    assert_eq!(trial.plan(BASE).await.count(Action::Delete), 12);
}

#[tokio::test]
async fn a_stack_without_anything_of_the_sort_is_asked_nothing() {
    let trial = Trial::new().await;
    let (stack, rest) = BASE.split_once("---").unwrap();
    let cluster = rest.split("---").nth(1).unwrap();
    trial.plan(&format!("{stack}---{cluster}")).await;
    let calls: Vec<String> = trial.aws.counts().into_keys().collect();
    assert!(!calls.iter().any(|call| call.starts_with("ssm:") || call.contains("ContainerInstance")), "{calls:?}");
}

#[test]
fn settings_that_are_written_from_elsewhere_are_not_given_twice() {
    let codes = |more: &str| {
        let text = format!("{BASE}{}", host("till-1", more));
        let errors = findings(&text).into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(", ecsConfig: {ECS_CLUSTER: depots}"), ["EXT-27"]);
    assert!(!codes(", status: GONE").is_empty());
    assert!(!codes(", unclaimed: x").is_empty());
    assert!(!codes(", match: {instanceName: a, computerName: b}").is_empty());
}
