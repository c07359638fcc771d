//! Replacements of all kinds in the whole engine: which of the two is there first, and what a run that was cut off
//! leaves.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::trial::{Answer, Trial, declared, example};
use super::{KINDS, by_name};
use crate::apply::{Event, apply};
use crate::plan::{Action, Change, Order, Plan, Reason, Work};
use crate::sandbox::world::World;

/// The one replacement of a plan.
fn replaced<'a>(plan: &'a Plan, address: &str) -> &'a Change {
    let found = plan.changes.iter().find(|change| change.address.to_string() == address);
    found
        .filter(|change| change.action == Action::Replace)
        .unwrap_or_else(|| panic!("{address} is not replaced: {plan:#?}"))
}

/// What was done with an address, in order.
fn done(trial: &Trial, address: &str) -> Vec<Work> {
    let of = |event: &Event| match event {
        Event::Done { address: of, work, .. } if of.to_string() == address => Some(*work),
        _ => None,
    };
    trial.events.iter().filter_map(of).collect()
}

/// How many objects say that they are this one.
async fn copies(trial: &Trial, text: &str, address: &str) -> usize {
    let survey = trial.survey(&declared(text)).await;
    survey.all().filter(|(_, found)| found.tags.get("farpost/resource").is_some_and(|of| of == address)).count()
}

/// A second subnet's range, and a VPC beside the first.
const OTHER_VPC: &str =
    "\n---\napiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: other}\nspec: {cidrBlock: 10.18.0.0/16}\n";

/// The order for each kind: example, what is written instead of what, the address, and why the old one goes first.
#[rustfmt::skip]
const ORDERS: &[(&str, &str, &str, &str, Option<&str>)] = &[
    ("security-group", "groupName: branch-17-database", "groupName: data", "SecurityGroup/database", None),
    ("security-group", "The point-of-sale application", "Tills", "SecurityGroup/app", Some("has its name")),
    ("key-pair", "spec:\n  #", "spec:\n  keyName: other\n  #", "KeyPair/branch-17", None),
    ("key-pair", "ODg4 operations", "ODg5 operations", "KeyPair/branch-17", Some("has its name")),
    ("instance-profile", "spec:\n  role", "spec:\n  instanceProfileName: other\n  role", "InstanceProfile/branch-17-host", None),
    ("instance-profile", "spec:\n  role", "spec:\n  path: /edge/\n  role", "InstanceProfile/branch-17-host", Some("has its name")),
    ("log-group", "/branch-17/till", "/branch-17/tills", "LogGroup/till", None),
    ("log-group", "retentionInDays: 90", "logGroupClass: INFREQUENT_ACCESS\n  retentionInDays: 90", "LogGroup/till", Some("has its name")),
    ("cluster", "name: branch-17\nspec:\n  settings", "name: branch-17\nspec:\n  clusterName: other\n  settings", "Cluster/branch-17", None),
    ("subnet", "cidrBlock: 10.17.1.0/24", "cidrBlock: 10.17.200.0/24", "Subnet/floor", None),
    ("subnet", "cidrBlock: 10.17.1.0/24", "cidrBlock: 10.17.0.0/23", "Subnet/floor", Some("addresses of its range")),
    ("route-table", "vpcId: ${Vpc.branch}\n  routes", "vpcId: ${Vpc.other}\n  routes", "RouteTable/public", None),
    ("vpc", "cidrBlock: 10.17.0.0/16", "cidrBlock: 10.19.0.0/16", "Vpc/branch", Some("one by one")),
    ("service", "name: till\nspec:\n  cluster", "name: till\nspec:\n  serviceName: other\n  cluster", "Service/till", Some("same ports")),
    ("service", "prefer-cached", "once", "Instance/host", None),
];

#[tokio::test]
async fn the_new_one_comes_first_where_names_allow() {
    for (name, old, new, address, because) in ORDERS {
        let text = format!("{}{OTHER_VPC}", example(name));
        assert!(text.contains(old), "{name}: {old}");
        let mut changed = text.replacen(old, new, 1);
        if *name == "route-table" {
            // Nothing of the first VPC goes along.
            let list = changed.split_once("  routes:").unwrap().0.to_owned();
            changed = format!("{list}{OTHER_VPC}");
        }
        let mut trial = Trial::new().await;
        trial.converge(&text).await;
        let plan = trial.plan(&changed).await;
        let order = replaced(&plan, address).order.clone().unwrap();
        match (because, &order) {
            (None, Order::Create { .. }) => {}
            (Some(why), Order::Delete { because }) if because.contains(why) => {}
            _ => panic!("{name}, {new}: {order:?}"),
        }
        trial.events.clear();
        trial.converge(&changed).await;
        let expected = if because.is_none() { [Work::Create, Work::Delete] } else { [Work::Delete, Work::Create] };
        assert_eq!(done(&trial, address), expected, "{name}, {new}");
        assert_eq!(copies(&trial, &changed, address).await, 1, "{name}, {new}");
        trial.destroy(&changed).await;
    }
}

/// A role of another name: what runs with it is led to it before the old one goes.
#[tokio::test]
async fn a_role_of_another_name_is_there_for_its_users_first() {
    let text = example("service")
        .replace("networkMode: bridge", "networkMode: bridge\n  taskRoleArn: ${Role.task.arn}")
        + "\n---\napiVersion: farpost/v1\nkind: Role\nmetadata: {name: task}\nspec:\n  assumeRolePolicyDocument:\n    \
         Version: '2012-10-17'\n    Statement:\n      - {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, \
         Action: sts:AssumeRole}\n";
    let changed = text.replace("metadata: {name: task}\nspec:\n", "metadata: {name: task}\nspec:\n  roleName: tasks\n");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let plan = trial.plan(&changed).await;
    assert!(replaced(&plan, "Role/task").creates_first());
    trial.events.clear();
    trial.converge(&changed).await;
    let place = |address: &str, work: Work| {
        let is = |event: &Event| matches!(event, Event::Done { address: of, work: did, .. } if of.to_string() == address && *did == work);
        trial.events.iter().position(is).unwrap_or_else(|| panic!("{address} {work:?}"))
    };
    assert!(place("Role/task", Work::Create) < place("TaskDefinition/till", Work::Update));
    assert!(place("Service/till", Work::Update) < place("Role/task", Work::Delete));
    trial.destroy(&changed).await;
}

/// Packets of those that still carry the old group are let in until it goes, and a subnet keeps its routes.
#[tokio::test]
async fn what_is_being_left_works_to_the_end() {
    let text = example("service").replace(
        "cidrIp: 10.17.3.0/24\n      description: tills from the floor",
        "sourceSecurityGroupId: ${SecurityGroup.tills}",
    ) + "\n---\napiVersion: farpost/v1\nkind: SecurityGroup\nmetadata: {name: tills}\nspec:\n  vpcId: ${Vpc.branch}\n";
    let text =
        text.replace("    - ${SecurityGroup.hosts}\n", "    - ${SecurityGroup.hosts}\n    - ${SecurityGroup.tills}\n");
    let changed = text
        .replace("metadata: {name: tills}\nspec:\n", "metadata: {name: tills}\nspec:\n  groupName: cash\n")
        .replace("cidrBlock: 10.17.3.0/24", "cidrBlock: 10.17.4.0/24");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let plan = trial.plan(&changed).await;
    for address in ["SecurityGroup/tills", "Subnet/floor", "Instance/host", "Instance/host.1"] {
        assert!(replaced(&plan, address).creates_first(), "{address}");
    }
    let fields = |address: &str| -> Vec<(bool, bool)> {
        let change = plan.changes.iter().find(|change| change.address.to_string() == address).unwrap();
        assert_eq!(change.action, Action::Update);
        change.fields.iter().map(|field| (field.before.is_some(), field.after.is_some())).collect()
    };
    // What is new is added; what is old goes with what it names.
    assert_eq!(
        (fields("SecurityGroup/hosts"), fields("RouteTable/public")),
        (vec![(false, true)], vec![(false, true)])
    );
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    trial.meddle(move |operation| {
        seen.lock().unwrap().push(operation.to_owned());
        None
    });
    trial.converge(&changed).await;
    trial.stop_meddling();
    let calls = calls.lock().unwrap().clone();
    let last = |operation: &str| calls.iter().rposition(|one| one == operation);
    assert!(last("RevokeSecurityGroupIngress") > last("TerminateInstances"), "{calls:?}");
    assert_eq!(last("DisassociateRouteTable"), None);
    trial.destroy(&changed).await;
}

fn in_world(slots: u32) -> World {
    let mut world = World { pace: 0.001, ..World::default() };
    world.outposts[0].slots.insert("c5.large".to_owned(), slots);
    world
}

#[tokio::test]
async fn on_an_outpost_hosts_are_replaced_in_turn_as_far_as_there_are_slots() {
    for (slots, expected) in [(3, "created first"), (2, "deleted first")] {
        let text = example("service");
        let changed = text.replace("prefer-cached", "once");
        let mut trial = Trial::in_world(in_world(slots)).await;
        trial.converge(&text).await;
        let plan = trial.plan(&changed).await;
        for host in ["Instance/host", "Instance/host.1"] {
            assert_eq!(replaced(&plan, host).order, Some(Order::Create { if_room: true, in_turn: true }), "{host}");
        }
        trial.events.clear();
        trial.converge(&changed).await;
        let said = trial.events.iter().filter(
            |event| matches!(event, Event::Waiting { why, .. } if why.starts_with("no room beside the old one")),
        );
        assert_eq!(said.count(), if slots == 3 { 0 } else { 2 }, "{expected}");
        // One host is always there for the service.
        let order: Vec<(String, Work)> = trial
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Done { address, work, .. } if address.kind == "Instance" => Some((address.name.clone(), *work)),
                _ => None,
            })
            .collect();
        let turn = |name: &str| [(name.to_owned(), Work::Create), (name.to_owned(), Work::Delete)];
        assert_eq!(order, [turn("host"), turn("host.1")].concat());
        let drained =
            trial.events.iter().any(|event| matches!(event, Event::Waiting { why, .. } if why.starts_with("draining")));
        assert!(drained, "{:#?}", trial.events);
        trial.destroy(&changed).await;
    }
}

#[tokio::test]
async fn the_users_of_the_manifest_choose() {
    let text = example("service");
    let renamed = text.replace(
        "name: till\nspec:\n  cluster",
        "name: till\nlifecycle: {replace: createFirst}\nspec:\n  serviceName: other\n  cluster",
    );
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    assert!(replaced(&trial.plan(&renamed).await, "Service/till").creates_first());
    let hosts = text.replace("prefer-cached", "once").replace(
        "kind: Instance\nmetadata:\n  name: host\n",
        "kind: Instance\nmetadata:\n  name: host\nlifecycle: {replace: deleteFirst}\n",
    );
    let plan = trial.plan(&hosts).await;
    for host in ["Instance/host", "Instance/host.1"] {
        let because = "its lifecycle says so".to_owned();
        assert_eq!(replaced(&plan, host).order, Some(Order::Delete { because }));
    }
}

#[tokio::test]
async fn guards_count_a_replacement_whatever_its_order() {
    let text = example("security-group");
    let mut trial = Trial::new().await;
    let kept = text
        .replace("metadata:\n  name: database\n", "metadata:\n  name: database\nlifecycle: {preventDestroy: true}\n");
    trial.converge(&kept).await;
    let plan = trial.plan(&kept.replace("branch-17-database", "data")).await;
    let codes: Vec<&str> = plan.refusals.iter().map(|refusal| refusal.code.as_str()).collect();
    assert_eq!(codes, ["prevent-destroy"]);
    assert!(replaced(&plan, "SecurityGroup/database").creates_first());
}

/// Applies until so many events were seen, and then is gone; whether it was cut off.
async fn cut_off(trial: &Trial, text: &str, events: usize) -> bool {
    let plan = trial.plan(text).await;
    assert!(plan.refusals.is_empty(), "{:#?}", plan.refusals);
    let (tell, mut told) = mpsc::unbounded_channel::<Event>();
    let apply = apply(Arc::clone(&trial.aws), plan, tell, CancellationToken::new());
    let enough = async {
        for _ in 0..events {
            if told.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        biased;
        () = enough => true,
        outcome = apply => {
            assert!(outcome.is_complete(), "{outcome:#?}");
            false
        }
    }
}

/// A run that is cut off anywhere is taken up by the next one: one object of each, and nothing left to do.
async fn survives(text: &str, changed: &str, address: &str) {
    for events in 1.. {
        let mut trial = Trial::new().await;
        trial.converge(text).await;
        let is_cut_off = cut_off(&trial, changed, events).await;
        trial.converge(changed).await;
        assert_eq!(copies(&trial, changed, address).await, 1, "{address} after {events} events");
        if !is_cut_off {
            trial.destroy(changed).await;
            return;
        }
    }
}

#[tokio::test]
async fn a_group_survives_being_cut_off() {
    let text = example("security-group");
    let named = text.replace("metadata:\n  name: app\nspec:\n", "metadata:\n  name: app\nspec:\n  groupName: tills\n");
    survives(&text, &named, "SecurityGroup/app").await;
}

#[tokio::test]
async fn a_profile_a_family_and_a_log_group_survive_being_cut_off() {
    let profile = example("instance-profile");
    let named = profile.replace("spec:\n  role", "spec:\n  instanceProfileName: other\n  role");
    survives(&profile, &named, "InstanceProfile/branch-17-host").await;
    let group = example("log-group");
    survives(&group, &group.replace("/branch-17/till", "/branch-17/tills"), "LogGroup/till").await;
    let family = group.replace(
        "kind: TaskDefinition\nmetadata:\n  name: till\nspec:\n",
        "kind: TaskDefinition\nmetadata:\n  name: till\nspec:\n  family: tills\n",
    );
    survives(&group, &family, "TaskDefinition/till").await;
}

#[tokio::test]
async fn hosts_survive_being_cut_off() {
    let text = example("instance").replace("count: 2", "count: 1");
    for events in [1, 2, 3, 4, 5, 6, 8, 12] {
        let changed = text.replace("prefer-cached", "once");
        let mut trial = Trial::new().await;
        trial.converge(&text).await;
        cut_off(&trial, &changed, events).await;
        // Meanwhile somebody wants something else again.
        let again = text.replace("prefer-cached", "always");
        if events % 2 == 0 {
            cut_off(&trial, &again, events).await;
        }
        trial.converge(&again).await;
        assert_eq!(copies(&trial, &again, "Instance/host").await, 1, "after {events} events");
    }
}

/// The new one is there and the old one is not gone, and then the manifest goes back to the old name.
#[tokio::test]
async fn a_name_that_comes_back_is_waited_for() {
    let text = example("security-group");
    let named = text.replace("metadata:\n  name: app\nspec:\n", "metadata:\n  name: app\nspec:\n  groupName: tills\n");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    // The old one cannot be deleted yet.
    trial.meddle(|operation| {
        (operation == "DeleteSecurityGroup").then(|| Answer::refusal("UnauthorizedOperation", "not from here"))
    });
    let plan = trial.plan(&named).await;
    assert!(!trial.carry_out(plan).await.is_complete());
    trial.stop_meddling();
    assert_eq!(copies(&trial, &named, "SecurityGroup/app").await, 2);
    // Taken up, it is the old one that goes.
    let plan = trial.plan(&named).await;
    let left: Vec<&Change> = plan.pending().collect();
    assert!(matches!(&left[..], [Change { action: Action::Delete, reason: Reason::Superseded(_), .. }]), "{left:#?}");
    trial.converge(&text).await;
    assert_eq!(copies(&trial, &text, "SecurityGroup/app").await, 1);
    trial.destroy(&text).await;
}

/// A creation that is refused leaves what was there before.
#[tokio::test]
async fn nothing_is_deleted_before_what_replaces_it_is_there() {
    let text = example("instance").replace("count: 2", "count: 1");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let before = trial.survey(&declared(&text)).await.of("Instance")[0].id.clone();
    trial.meddle(|operation| {
        (operation == "RunInstances").then(|| Answer::refusal("InvalidAMIID.NotFound", "no such image"))
    });
    let changed = text.replace("prefer-cached", "once");
    let plan = trial.plan(&changed).await;
    let outcome = trial.carry_out(plan).await;
    assert_eq!((outcome.failed.len(), outcome.skipped.len()), (1, 1), "{outcome:#?}");
    trial.stop_meddling();
    let after = trial.survey(&declared(&text)).await.of("Instance")[0].id.clone();
    assert_eq!(after, before);
    trial.converge(&changed).await;
}

/// Each kind names what keeps its objects, seen from what is there.
#[tokio::test]
async fn what_keeps_each_kind_is_named() {
    let text = example("service");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let survey = trial.survey(&declared(&text)).await;
    let mut said = std::collections::BTreeMap::new();
    for kind in KINDS {
        for found in survey.of(kind.about().kind) {
            let blockers = kind.blockers(&trial.aws, found).await.unwrap();
            let texts: Vec<String> = blockers.iter().map(ToString::to_string).collect();
            said.entry(kind.about().kind).or_insert_with(Vec::new).extend(texts);
        }
    }
    let instance = &survey.of("Instance")[0].id;
    for (kind, text) in [
        ("Vpc", format!("subnet {} (of this stack)", survey.of("Subnet")[0].id)),
        ("Subnet", format!(" of instance {instance} (of this stack)")),
        ("SecurityGroup", format!(" of instance {instance} (of this stack)")),
        ("InternetGateway", "public address 198.18.".to_owned()),
        ("RouteTable", format!(" with {}", survey.of("Subnet")[0].id)),
        ("Role", "instance profile branch-17-host".to_owned()),
        ("Role", "attached policy arn:aws:iam::aws:policy/".to_owned()),
        ("InstanceProfile", "role branch-17-host in it".to_owned()),
        ("Cluster", "service till (ACTIVE) (of this stack)".to_owned()),
        ("Cluster", format!(" ({instance})")),
        ("Cluster", " (service:till) in cluster branch-17".to_owned()),
    ] {
        assert!(said[kind].iter().any(|one| one.contains(&text)), "{kind}, {text}: {:#?}", said[kind]);
    }
    let silent: Vec<&str> = said.iter().filter(|(_, texts)| texts.is_empty()).map(|(kind, _)| *kind).collect();
    assert_eq!(silent, ["Instance", "Service", "TaskDefinition"]);
}

/// An interface that ECS made for a task is the task's.
#[tokio::test]
async fn a_task_that_has_an_address_in_a_subnet_is_named() {
    let text = "
apiVersion: farpost/v1
kind: Stack
metadata: {name: store}
spec: {account: '123456789012', region: us-west-2}
---
apiVersion: farpost/v1
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
apiVersion: farpost/v1
kind: Subnet
metadata: {name: region}
spec: {vpcId: '${Vpc.branch}', cidrBlock: 10.17.1.0/24}
---
apiVersion: farpost/v1
kind: Cluster
metadata: {name: edge}
spec: {}
---
apiVersion: farpost/v1
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: '256'
  memory: '512'
  containerDefinitions: [{name: till, image: public.ecr.aws/nginx/nginx:1.29}]
---
apiVersion: farpost/v1
kind: Service
metadata: {name: till}
spec:
  cluster: '${Cluster.edge}'
  taskDefinition: '${TaskDefinition.till}'
  launchType: FARGATE
  desiredCount: 1
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.region}']}}
";
    let mut trial = Trial::new().await;
    trial.converge(text).await;
    let subnet = trial.survey(&declared(text)).await.of("Subnet")[0].clone();
    let blockers = by_name("Subnet").unwrap().blockers(&trial.aws, &subnet).await.unwrap();
    assert_eq!(blockers.len(), 1);
    let said = blockers[0].to_string();
    assert!(said.starts_with("network interface eni-") && said.contains(" of task "), "{said}");
    assert!(said.contains(" (service:till) in cluster edge"), "{said}");
    // A service of another name, in a subnet of another range: nothing is down in between.
    let changed = text
        .replace(
            "metadata: {name: till}\nspec:\n  cluster",
            "metadata: {name: till}\nspec:\n  serviceName: tills\n  cluster",
        )
        .replace("10.17.1.0/24", "10.17.2.0/24");
    let plan = trial.plan(&changed).await;
    assert!(replaced(&plan, "Service/till").creates_first() && replaced(&plan, "Subnet/region").creates_first());
    trial.converge(&changed).await;
    trial.destroy(&changed).await;
}
