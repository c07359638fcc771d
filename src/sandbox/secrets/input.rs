//! Members of requests, within the limits that AWS documents.

use serde_json::Value;

use super::{Content, Tags, invalid_parameter};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const MOST_TAGS: usize = 50;
const LARGEST: usize = 65_536;

/// The answer to a value that the model does not allow.
pub(super) fn violation(member: &str, constraint: &str) -> AwsError {
    invalid_parameter(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// The secret that a call names.
pub(super) fn secret_id(call: &Call) -> Result<&str, AwsError> {
    required(call, "SecretId", 2048)
}

pub(super) fn required<'a>(call: &'a Call, member: &str, longest: usize) -> Result<&'a str, AwsError> {
    let text = text(call, member, longest)?.ok_or_else(|| violation(member, "Member must not be null"))?;
    if text.is_empty() {
        return Err(violation(member, "Member must have length greater than or equal to 1"));
    }
    Ok(text)
}

/// An optional text; an empty one counts as there.
pub(super) fn text<'a>(call: &'a Call, member: &str, longest: usize) -> Result<Option<&'a str>, AwsError> {
    let text = match &call.input[member] {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(AwsError::invalid("SerializationException", format!("{member} must be a String"))),
    };
    if text.chars().count() > longest {
        return Err(violation(member, &format!("Member must have length less than or equal to {longest}")));
    }
    Ok(Some(text))
}

pub(super) fn flag(call: &Call, member: &str) -> bool {
    call.input[member].as_bool().unwrap_or(false)
}

/// What a call wants a secret to hold.
pub(super) fn content(call: &Call) -> Result<Option<Content>, AwsError> {
    let string = text(call, "SecretString", LARGEST)?.filter(|text| !text.is_empty());
    let binary = text(call, "SecretBinary", LARGEST * 4 / 3 + 4)?.filter(|text| !text.is_empty());
    match (string, binary) {
        (Some(_), Some(_)) => Err(invalid_parameter(
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        )),
        (Some(text), None) => Ok(Some(Content::Text(text.to_owned()))),
        (None, Some(text)) if aws_smithy_types::base64::decode(text).is_err() => {
            Err(AwsError::invalid("SerializationException", "SecretBinary is not base64"))
        }
        (None, Some(text)) => Ok(Some(Content::Binary(text.to_owned()))),
        (None, None) => Ok(None),
    }
}

/// The id of the version that a call makes: the caller's token, or one made up, as AWS's own clients do.
pub(super) fn token(state: &mut State, call: &Call) -> Result<String, AwsError> {
    let Some(token) = text(call, "ClientRequestToken", 64)? else {
        let digits = state.hex(32);
        return Ok([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"));
    };
    if token.len() < 32 {
        return Err(invalid_parameter("ClientRequestToken must be 32-64 characters long."));
    }
    Ok(token.to_owned())
}

/// The `Tags` of a call.
pub(super) fn tags(call: &Call) -> Result<Tags, AwsError> {
    let mut tags = Tags::new();
    for tag in call.list("Tags") {
        let (key, value) = (tag["Key"].as_str().unwrap_or(""), tag["Value"].as_str().unwrap_or(""));
        if key.is_empty() || key.chars().count() > 128 {
            return Err(violation("tags.member.key", "Member must have 1 to 128 characters"));
        }
        if value.chars().count() > 256 {
            return Err(violation("tags.member.value", "Member must have length less than or equal to 256"));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid_parameter(format!("Tag keys cannot start with the reserved prefix aws: ({key})")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid_parameter(format!("Duplicate tag keys found: {key}")));
        }
    }
    within_limit(tags.len())?;
    Ok(tags)
}

pub(super) fn within_limit(count: usize) -> Result<(), AwsError> {
    if count > MOST_TAGS {
        return Err(invalid_parameter(format!("A secret can have {MOST_TAGS} tags at most.")));
    }
    Ok(())
}
