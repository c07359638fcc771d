//! Tags of log groups. Their ARN goes without `:*` here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::{TAGGED_ARN, required, violation};
use super::{find, invalid};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) type Tags = BTreeMap<String, String>;

/// How many tags a log group can have.
pub(super) const MOST: usize = 50;

/// The `tags` of a call, within AWS's limits; none when there is no such member.
pub(super) fn read(call: &Call) -> Result<Option<Tags>, AwsError> {
    let members = match &call.input["tags"] {
        Value::Null => return Ok(None),
        Value::Object(members) => members,
        _ => return Err(AwsError::invalid("SerializationException", "tags can not be converted to a Map")),
    };
    if members.is_empty() {
        return Err(violation("{}", "tags", "Member must have length greater than or equal to 1"));
    }
    let mut tags = Tags::new();
    for (key, value) in members {
        let value = value.as_str().unwrap_or("");
        let allowed = |letter: char| letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter);
        if key.is_empty() || key.chars().count() > 128 || !key.chars().all(allowed) {
            return Err(violation(key, "tags", "Map keys must be 1 to 128 letters, digits, spaces and _.:/=+-@"));
        }
        if value.chars().count() > 256 || !value.chars().all(allowed) {
            return Err(violation(
                value,
                "tags",
                "Map values must be 256 letters, digits, spaces and _.:/=+-@ at most",
            ));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
        }
        tags.insert(key.clone(), value.to_owned());
    }
    Ok(Some(tags))
}

pub(super) fn tag_resource(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = required(call, "resourceArn", &TAGGED_ARN)?;
    let more = read(call)?.ok_or_else(|| violation("null", "tags", "Member must not be null"))?;
    let tags = &mut find_by_arn(state, arn)?.tags;
    let added = more.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + added > MOST {
        let mut error = AwsError::invalid("TooManyTagsException", "A resource can have no more than 50 tags.");
        error.members = json!({"resourceName": arn});
        return Err(error);
    }
    tags.extend(more);
    Ok(json!({}))
}

pub(super) fn untag_resource(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = required(call, "resourceArn", &TAGGED_ARN)?;
    let keys = call.texts("tagKeys");
    find_by_arn(state, arn)?.tags.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

pub(super) fn list_tags(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = required(call, "resourceArn", &TAGGED_ARN)?;
    Ok(json!({"tags": find_by_arn(state, arn)?.tags}))
}

fn find_by_arn<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut super::LogGroup, AwsError> {
    if !arn.starts_with("arn:") {
        return Err(invalid(format!("'{arn}' is not a valid resource ARN.")));
    }
    find(state, arn)
}

/// Sets and removes tags of a log group, for the Resource Groups Tagging API.
pub(in crate::sandbox) fn change_tags(
    state: &mut State,
    arn: &str,
    set: Tags,
    removed: &[&str],
) -> Result<(), AwsError> {
    let tags = &mut find_by_arn(state, arn)?.tags;
    tags.retain(|key, _| !removed.contains(&key.as_str()));
    tags.extend(set);
    Ok(())
}

/// Every log group with its tags, by ARN, for the Resource Groups Tagging API.
pub(in crate::sandbox) fn tagged(state: &State) -> Vec<(String, Tags)> {
    state.logs.groups.values().map(|group| (group.arn.clone(), group.tags.clone())).collect()
}
