//! Tags of nodes and parameters. An activation has those that it was made with.

use serde_json::{Value, json};

use super::input::{self, MOST_TAGS, violation};
use super::{Tags, parameters, put_parameter};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// What can be tagged in AWS; of all but two there are none here.
const TYPES: &[&str] = &[
    "Document",
    "ManagedInstance",
    "MaintenanceWindow",
    "Parameter",
    "PatchBaseline",
    "OpsItem",
    "OpsMetadata",
    "Automation",
    "Association",
    "CloudConnector",
];

/// The tags of what a call names.
fn named<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut Tags, AwsError> {
    let kind = input::required(call, "ResourceType", usize::MAX)?;
    let id = input::required(call, "ResourceId", usize::MAX)?;
    if !TYPES.contains(&kind) {
        let message = format!("The resource type {kind} is not valid.");
        return Err(AwsError::invalid("InvalidResourceType", message));
    }
    find(state, kind, id).ok_or_else(|| {
        let message = format!("The resource ID \"{id}\" is not valid. Verify that the ID is correct and try again.");
        AwsError::invalid("InvalidResourceId", message)
    })
}

fn find<'a>(state: &'a mut State, kind: &str, id: &str) -> Option<&'a mut Tags> {
    match kind {
        "ManagedInstance" => state.ssm.nodes.get_mut(id).map(|node| &mut node.tags),
        "Parameter" => put_parameter::adopt(state, id).map(|parameter| &mut parameter.tags),
        _ => None,
    }
}

pub(super) fn add(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let more = input::tags(call)?;
    merge(named(state, call)?, more)?;
    Ok(json!({}))
}

fn merge(tags: &mut Tags, more: Tags) -> Result<(), AwsError> {
    let added = more.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + added > MOST_TAGS {
        input::within_limit(tags.len() + added)?;
    }
    tags.extend(more);
    Ok(())
}

pub(super) fn remove(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    if call.input["TagKeys"].is_null() {
        return Err(violation("null", "tagKeys", "Member must not be null"));
    }
    let keys = call.texts("TagKeys");
    named(state, call)?.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

/// It only looks, so a parameter of the world's stays where it is.
pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    if call.text("ResourceType") == Some("Parameter")
        && call.text("ResourceId").is_some_and(|id| !state.ssm.parameters.contains_key(id))
        && call.text("ResourceId").is_some_and(|id| parameters::is_of_the_world(state, id))
    {
        return Ok(json!({"TagList": []}));
    }
    Ok(json!({"TagList": input::show_tags(named(state, call)?)}))
}

/// Every node and parameter with its tags, by ARN, for the Resource Groups Tagging API, which knows no activations.
pub(in crate::sandbox) fn tagged(state: &State) -> Vec<(String, Tags)> {
    let nodes = state.ssm.nodes.values();
    let nodes = nodes.map(|node| (state.arn("ssm", &format!("managed-instance/{}", node.id)), node.tags.clone()));
    let parameters = state.ssm.parameters.iter();
    let parameters = parameters.map(|(name, parameter)| (parameters::arn(state, name), parameter.tags.clone()));
    nodes.chain(parameters).collect()
}

/// Sets and removes tags of what [`tagged`] finds.
pub(in crate::sandbox) fn change_tags(
    state: &mut State,
    arn: &str,
    set: Tags,
    removed: &[&str],
) -> Result<(), AwsError> {
    let missing = || AwsError::invalid("InvalidResourceId", format!("{arn} cannot be found."));
    let prefix = state.arn("ssm", "");
    let (kind, id) = arn.strip_prefix(&prefix).and_then(|rest| rest.split_once('/')).ok_or_else(missing)?;
    let tags = match kind {
        "managed-instance" => find(state, "ManagedInstance", id),
        // An ARN has one slash after `parameter`, whether the name begins with one or not.
        "parameter" => {
            let path = format!("/{id}");
            let name = if parameters::is_known(state, &path) { path } else { id.to_owned() };
            find(state, "Parameter", &name)
        }
        _ => None,
    };
    let tags = tags.ok_or_else(missing)?;
    tags.retain(|key, _| !removed.contains(&key.as_str()));
    merge(tags, set)
}
