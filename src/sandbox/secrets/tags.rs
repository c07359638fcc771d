//! Tags of secrets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Tags, find_usable, input};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) fn tag_resource(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let more = input::tags(call)?;
    merge(&mut find_usable(state, input::secret_id(call)?, call.now)?.tags, more)?;
    Ok(json!({}))
}

fn merge(tags: &mut Tags, more: Tags) -> Result<(), AwsError> {
    let added = more.keys().filter(|key| !tags.contains_key(*key)).count();
    input::within_limit(tags.len() + added)?;
    tags.extend(more);
    Ok(())
}

pub(super) fn untag_resource(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let keys = call.texts("TagKeys");
    let secret = find_usable(state, input::secret_id(call)?, call.now)?;
    secret.tags.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

/// Every secret with its tags, by ARN, for the Resource Groups Tagging API.
pub(in crate::sandbox) fn tagged(state: &State, now: Timestamp) -> Vec<(String, Tags)> {
    let secrets = state.secrets.secrets.values().filter(|secret| secret.deletion.is_none() && !secret.is_gone(now));
    secrets.map(|secret| (secret.arn.clone(), secret.tags.clone())).collect()
}

/// Sets and removes tags of what [`tagged`] finds.
pub(in crate::sandbox) fn change_tags(
    state: &mut State,
    arn: &str,
    set: Tags,
    removed: &[&str],
    now: Timestamp,
) -> Result<(), AwsError> {
    let tags = &mut find_usable(state, arn, now)?.tags;
    tags.retain(|key, _| !removed.contains(&key.as_str()));
    merge(tags, set)
}
