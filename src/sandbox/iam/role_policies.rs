//! The policies of a role: inline documents and attached managed policies.

use serde_json::{Value, json};

use super::roles::{LONGEST_NAME, changeable};
use super::{Role, catalogue, conflict, document, input, no_entity};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const LONGEST_POLICY_NAME: usize = 128;
/// Of all inline policies of a role together.
const LARGEST_INLINE: usize = 10_240;
const MOST_ATTACHED: usize = 10;

pub(super) fn put(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::name(call, "PolicyName", LONGEST_POLICY_NAME)?;
    let text = input::required(call, "PolicyDocument", 131_072)?;
    let role = changeable(state, call)?;
    document::check_permissions(text)?;
    let others = role.inline.iter().filter(|(other, _)| *other != name).map(|(_, text)| document::size(text));
    if others.sum::<usize>() + document::size(text) > LARGEST_INLINE {
        let message = format!("Maximum policy size of {LARGEST_INLINE} bytes exceeded for role {}", role.name);
        return Err(conflict("LimitExceeded", message));
    }
    role.inline.insert(name.into(), text.into());
    Ok(json!({}))
}

pub(super) fn get(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = named(state, call)?;
    let name = input::name(call, "PolicyName", LONGEST_POLICY_NAME)?;
    let text = role.inline.get(name).ok_or_else(|| no_policy(name))?;
    Ok(json!({"RoleName": role.name, "PolicyName": name, "PolicyDocument": document::encode(text)}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let names = named(state, call)?.inline.keys();
    input::page(call, "PolicyNames", names.map(|name| (name.clone(), json!(name))).collect())
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::name(call, "PolicyName", LONGEST_POLICY_NAME)?;
    changeable(state, call)?.inline.remove(name).ok_or_else(|| no_policy(name))?;
    Ok(json!({}))
}

pub(super) fn attach(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = policy_arn(call)?;
    changeable(state, call)?;
    if !state.iam.is_managed_policy(arn) {
        return Err(no_entity(format!("Policy {arn} does not exist or is not attachable.")));
    }
    if catalogue::find(arn).is_some_and(|entry| !entry.is_attachable()) {
        return Err(AwsError::invalid(
            "PolicyNotAttachable",
            "Cannot attach a Service Role Policy to a Customer Role.",
        ));
    }
    let role = changeable(state, call)?;
    if role.attached.iter().any(|other| other == arn) {
        return Ok(json!({}));
    }
    if role.attached.len() >= MOST_ATTACHED {
        return Err(conflict("LimitExceeded", format!("Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")));
    }
    role.attached.push(arn.into());
    Ok(json!({}))
}

pub(super) fn detach(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = policy_arn(call)?;
    let role = changeable(state, call)?;
    let Some(at) = role.attached.iter().position(|other| other == arn) else {
        return Err(no_entity(format!("Policy {arn} was not found.")));
    };
    role.attached.remove(at);
    Ok(json!({}))
}

pub(super) fn list_attached(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let role = named(state, call)?;
    let below = role.attached.iter().filter(|arn| path(arn).starts_with(prefix));
    input::page(call, "AttachedPolicies", below.map(|arn| (arn.clone(), attached(arn))).collect())
}

pub(super) fn attached(arn: &str) -> Value {
    json!({"PolicyName": arn.rsplit('/').next().unwrap_or(arn), "PolicyArn": arn})
}

/// `/service-role/` of `arn:aws:iam::aws:policy/service-role/X`.
fn path(arn: &str) -> &str {
    let start = arn.find('/').unwrap_or(0);
    let end = arn.rfind('/').map_or(start, |at| at + 1);
    &arn[start..end]
}

/// `PolicyArn`, of the form that an ARN has.
pub(super) fn policy_arn(call: &Call) -> Result<&str, AwsError> {
    let arn = input::required(call, "PolicyArn", 2048)?;
    let is_arn = arn.len() >= 20 && arn.starts_with("arn:") && arn.contains(":iam::") && arn.contains(":policy/");
    if !is_arn {
        return Err(input::invalid(format!("ARN {arn} is not valid.")));
    }
    Ok(arn)
}

fn named<'state>(state: &'state State, call: &Call) -> Result<&'state Role, AwsError> {
    state.iam.role(input::name(call, "RoleName", LONGEST_NAME)?)
}

fn no_policy(name: &str) -> AwsError {
    no_entity(format!("The role policy with name {name} cannot be found."))
}
