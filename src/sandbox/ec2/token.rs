//! Client tokens: the same request twice does once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sandbox::wire::{AwsError, Call};

/// What a client token was used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Use {
    /// The request, without its token.
    request: String,
    /// What it made.
    id: String,
}

/// By operation and token.
pub(super) type Tokens = BTreeMap<String, Use>;

fn key(call: &Call) -> Option<String> {
    Some(format!("{} {}", call.operation, call.text("ClientToken")?))
}

fn request(call: &Call) -> String {
    let mut input = call.input.clone();
    if let Some(members) = input.as_object_mut() {
        members.retain(|name, _| name != "ClientToken" && name != "DryRun");
        members.sort_keys();
    }
    input.to_string()
}

/// What an earlier request with this token made.
pub(super) fn seen<'a>(tokens: &'a Tokens, call: &Call) -> Result<Option<&'a str>, AwsError> {
    let Some(key) = key(call) else { return Ok(None) };
    if call.text("ClientToken").is_some_and(|token| token.len() > 64) {
        return Err(AwsError::invalid("InvalidParameterValue", "The client token is limited to 64 characters"));
    }
    match tokens.get(&key) {
        Some(earlier) if earlier.request != request(call) => Err(AwsError::invalid(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        )),
        earlier => Ok(earlier.map(|earlier| earlier.id.as_str())),
    }
}

/// Remembers what this request made.
pub(super) fn keep(tokens: &mut Tokens, call: &Call, id: &str) {
    if let Some(key) = key(call) {
        tokens.insert(key, Use { request: request(call), id: id.to_owned() });
    }
}
