//! What a process did, held against what it said it would do.

use std::collections::{BTreeMap, BTreeSet};

use farpost::kinds::{Found, by_name};
use farpost::plan::{Change, Step, Work};
use serde_json::Value;

use super::inventory::items;
use super::process::Ran;
use super::tap::Called;

/// Every changing call is for a step of the plan, and every step that was done made a call or had nothing to do: what
/// was there already when an answer that lagged hid it. `before` and `after` are the account around the process.
pub(crate) fn calls_are_planned(ran: &Ran, before: &Value, after: &Value) -> Result<(), String> {
    let Some(plan) = &ran.plan else {
        let call = ran.changes().next();
        return call.map_or(Ok(()), |call| Err(format!("{} without a plan", call.operation)));
    };
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in items(after) {
        if let Some(owner) = item.owner {
            names.entry(owner).or_default().push(item.id);
        }
    }
    for (owner, id) in activations(&ran.calls) {
        names.entry(owner).or_default().push(id);
    }
    let there: BTreeSet<String> = items(before).into_iter().filter_map(|item| item.owner).collect();
    let hosts = hosts(&ran.calls);
    let mut made = vec![false; plan.steps.len()];
    for call in ran.changes() {
        let mut planned = false;
        let on: Vec<&str> =
            hosts.iter().filter(|(arn, _)| call.body.contains(arn)).map(|(_, id)| id.as_str()).collect();
        let call = &Called { body: format!("{} {}", call.body, on.join(" ")), ..call.clone() };
        for (index, step) in plan.steps.iter().enumerate() {
            if is_for(call, step, &plan.changes[step.change], &names) {
                planned = true;
                made[index] = true;
            }
        }
        if !planned {
            return Err(format!("no step of the plan has this call: {} {}", call.operation, call.body));
        }
    }
    let done = ran.outcome.iter().flat_map(|outcome| &outcome.done);
    for address in done {
        let mut idle = plan.steps.iter().zip(&made).filter(|(step, made)| {
            step.address == *address
                && !**made
                && match step.work {
                    Work::Create => !there.contains(&address.to_string()),
                    Work::Delete => !is_going(&plan.changes[step.change]),
                    Work::Update | Work::Await => false,
                }
        });
        if let Some((step, _)) = idle.next_back() {
            return Err(format!("{:?} {} was told as done, and no call was made for it", step.work, step.address));
        }
    }
    Ok(())
}

/// Whether somebody has asked for its deletion already, and AWS takes its time.
fn is_going(change: &Change) -> bool {
    let text = |name: &str| change.live.as_ref().and_then(|live| live.detail[name].as_str()).unwrap_or_default();
    text("status") == "DRAINING" || text("state") == "shutting-down"
}

/// Which machine each container instance is, by its ARN, as far as the process was told.
fn hosts(calls: &[Called]) -> Vec<(String, String)> {
    let answers = calls.iter().filter(|call| call.operation == "ecs:DescribeContainerInstances");
    let answers = answers.filter_map(|call| serde_json::from_str::<Value>(&call.answer).ok());
    let told = answers.flat_map(|answer| answer["containerInstances"].as_array().cloned().unwrap_or_default());
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    told.map(|one| (text(&one, "containerInstanceArn"), text(&one, "ec2InstanceId"))).collect()
}

/// Whose the activations are that the process made or was told of, and their ids: one whose code it could not keep, or that
/// it made without an answer, may be gone by the end.
fn activations(calls: &[Called]) -> Vec<(String, String)> {
    let of_tags = |tags: &Value| {
        let owner = tags.as_array()?.iter().find(|tag| tag["Key"] == "farpost/resource")?;
        owner["Value"].as_str().map(str::to_owned)
    };
    let made = calls.iter().filter(|call| call.operation == "ssm:CreateActivation").filter_map(|call| {
        let asked: Value = serde_json::from_str(&call.body).ok()?;
        let answered: Value = serde_json::from_str(&call.answer).ok()?;
        Some((of_tags(&asked["Tags"])?, answered["ActivationId"].as_str()?.to_owned()))
    });
    let answers = calls.iter().filter(|call| call.operation == "ssm:DescribeActivations");
    let answers = answers.filter_map(|call| serde_json::from_str::<Value>(&call.answer).ok());
    let told = answers.flat_map(|answer| answer["ActivationList"].as_array().cloned().unwrap_or_default());
    told.filter_map(|one| Some((of_tags(&one["Tags"])?, one["ActivationId"].as_str()?.to_owned())))
        .chain(made)
        .collect()
}

/// Whether a call is of the step's kind and names its object: by address, id, or anything else that is its own.
fn is_for(call: &Called, step: &Step, change: &Change, names: &BTreeMap<String, Vec<String>>) -> bool {
    let Some(about) = by_name(&step.address.kind).map(|kind| kind.about()) else { return false };
    let mut calls = about.calls.iter().chain(about.permissions);
    if !calls.any(|known| *known == call.operation) {
        return false;
    }
    let address = step.address.to_string();
    let named = names.get(&address).into_iter().flatten().any(|id| mentions(&call.body, id));
    let live = change.live.as_ref().map(|live| serde_json::to_value(live).unwrap_or_default());
    let desired = change.desired.as_ref();
    named
        || mentions(&call.body, &address)
        || mentions(&call.body, &step.address.name)
        || live.is_some_and(|live| any_text(&live, &mut |text| is_own(text) && mentions(&call.body, text)))
        || desired.is_some_and(|desired| any_text(desired, &mut |text| is_own(text) && mentions(&call.body, text)))
}

fn mentions(body: &str, text: &str) -> bool {
    let short = text.rsplit('/').next().unwrap_or(text);
    body.contains(text) || (short.len() > 3 && body.contains(short))
}

/// Whether a text can tell an object from others.
fn is_own(text: &str) -> bool {
    text.len() > 5 && text.contains(['-', '/', ':']) && !text.contains("us-west-2") || text.starts_with("arn:")
}

fn any_text(value: &Value, test: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => test(text),
        Value::Array(values) => values.iter().any(|value| any_text(value, test)),
        Value::Object(members) => members.values().any(|value| any_text(value, test)),
        _ => false,
    }
}

/// The operations that take an object away, by kind.
const DELETES: &[(&str, &str)] = &[
    ("Vpc", "ec2:DeleteVpc"),
    ("Subnet", "ec2:DeleteSubnet"),
    ("InternetGateway", "ec2:DeleteInternetGateway"),
    ("RouteTable", "ec2:DeleteRouteTable"),
    ("SecurityGroup", "ec2:DeleteSecurityGroup"),
    ("KeyPair", "ec2:DeleteKeyPair"),
    ("Role", "iam:DeleteRole"),
    ("InstanceProfile", "iam:DeleteInstanceProfile"),
    ("LogGroup", "logs:DeleteLogGroup"),
    ("Cluster", "ecs:DeleteCluster"),
    ("Activation", "ssm:DeleteActivation"),
    ("Instance", "ec2:TerminateInstances"),
    ("TaskDefinition", "ecs:DeregisterTaskDefinition"),
    ("Service", "ecs:DeleteService"),
];

/// Nothing is deleted before what refers to it: by its declaration, of which `refers` tells about two addresses whether
/// the first refers to the second, and still, when the process looked.
pub(crate) fn deletes_are_in_order(ran: &Ran, refers: &dyn Fn(&str, &str) -> bool) -> Result<(), String> {
    let Some(plan) = &ran.plan else { return Ok(()) };
    let calls: Vec<&Called> = ran.changes().collect();
    let mut deletes: Vec<(String, &Found, usize)> = Vec::new();
    for step in plan.steps.iter().filter(|step| step.work == Work::Delete) {
        let operation = DELETES.iter().find(|(kind, _)| *kind == step.address.kind).map(|(_, operation)| *operation);
        let Some(live) = &plan.changes[step.change].live else { continue };
        let is_it = |call: &&Called| Some(call.operation.as_str()) == operation && mentions(&call.body, &live.id);
        if let Some(place) = calls.iter().position(is_it) {
            deletes.push((step.address.to_string(), live, place));
        }
    }
    for (user, holder, later) in &deletes {
        for (used, held, earlier) in &deletes {
            let still = || serde_json::to_string(holder).unwrap_or_default().contains(&held.id);
            if earlier < later && refers(user, used) && still() {
                return Err(format!("{used} was deleted before {user}, which refers to it"));
            }
        }
    }
    Ok(())
}
