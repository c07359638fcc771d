//! Log groups come, change and go.

use serde_json::{Value, json};

use super::input::{IDENTIFIER, NAME, RESOURCE, class, flag, key, required, text, violation, whole};
use super::{LogGroup, find, invalid, tags};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const RETENTIONS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = required(call, "logGroupName", &NAME)?;
    if name.starts_with("aws/") {
        return Err(invalid("Log groups starting with aws/ are reserved for AWS."));
    }
    let group = LogGroup {
        arn: state.arn("logs", &format!("log-group:{name}")),
        created: call.now.as_millisecond(),
        class: class(call)?.unwrap_or("STANDARD").to_owned(),
        retention: None,
        key: key(call)?.map(str::to_owned),
        is_protected: flag(call, "deletionProtectionEnabled")?.unwrap_or(false),
        tags: tags::read(call)?.unwrap_or_default(),
    };
    if group.tags.len() > tags::MOST {
        return Err(violation(group.tags.len(), "tags", "Member must have length less than or equal to 50"));
    }
    if state.logs.groups.contains_key(name) {
        return Err(AwsError::invalid("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    state.logs.groups.insert(name.to_owned(), group);
    Ok(json!({}))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = required(call, "logGroupName", &NAME)?;
    if find(state, name)?.is_protected {
        let message = "The log group has deletion protection enabled. Disable it before you delete the log group.";
        return Err(AwsError::invalid("ValidationException", message));
    }
    state.logs.groups.remove(name);
    Ok(json!({}))
}

pub(super) fn put_retention(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = required(call, "logGroupName", &NAME)?;
    let member = "retentionInDays";
    let days = whole(call, member)?.ok_or_else(|| violation("null", member, "Member must not be null"))?;
    if !RETENTIONS.contains(&days) {
        let known: Vec<String> = RETENTIONS.iter().map(ToString::to_string).collect();
        let constraint = format!("Member must satisfy enum value set: [{}]", known.join(", "));
        return Err(violation(days, member, &constraint));
    }
    find(state, name)?.retention = Some(days);
    Ok(json!({}))
}

pub(super) fn delete_retention(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    find(state, required(call, "logGroupName", &NAME)?)?.retention = None;
    Ok(json!({}))
}

pub(super) fn associate_key(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let key = key(call)?.ok_or_else(|| violation("null", "kmsKeyId", "Member must not be null"))?;
    encrypted(state, call)?.key = Some(key.to_owned());
    Ok(json!({}))
}

pub(super) fn disassociate_key(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    encrypted(state, call)?.key = None;
    Ok(json!({}))
}

/// The log group that a key is for, by name or by ARN.
fn encrypted<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut LogGroup, AwsError> {
    let (name, resource) = (text(call, "logGroupName", &NAME)?, text(call, "resourceIdentifier", &RESOURCE)?);
    match (name, resource) {
        (Some(one), None) => find(state, one),
        (None, Some(arn)) if arn.contains(":query-result:") => Err(invalid("the sandbox keeps no results of queries")),
        (None, Some(one)) => find(state, one),
        _ => Err(invalid("Specify either logGroupName or resourceIdentifier, but not both.")),
    }
}

pub(super) fn put_protection(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let identifier = required(call, "logGroupIdentifier", &IDENTIFIER)?;
    let member = "deletionProtectionEnabled";
    let enabled = flag(call, member)?.ok_or_else(|| violation("null", member, "Member must not be null"))?;
    find(state, identifier)?.is_protected = enabled;
    Ok(json!({}))
}
