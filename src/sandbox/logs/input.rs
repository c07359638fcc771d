//! Members of requests, held against the API model.

use serde_json::Value;

use super::invalid;
use crate::sandbox::wire::{AwsError, Call};

/// What the model says of a text.
pub(super) struct Rule {
    longest: usize,
    /// What is allowed beside ASCII letters and digits.
    also: &'static str,
    /// The same as the model writes it.
    pattern: &'static str,
}

pub(super) const NAME: Rule = Rule { longest: 512, also: ".-_/#", pattern: r"[\.\-_/#A-Za-z0-9]+" };
pub(super) const IDENTIFIER: Rule = Rule { longest: 2048, also: "_#+=/:,.@-", pattern: r"[\w#+=/:,.@-]*" };
/// Neither `*` nor `#`.
pub(super) const TAGGED_ARN: Rule = Rule { longest: 1011, also: "_+=/:,.@-", pattern: r"[\w+=/:,.@-]*" };
pub(super) const RESOURCE: Rule = Rule { longest: 2048, also: "_+=/:,.@-*", pattern: r"[\w+=/:,.@\-\*]*" };
pub(super) const KEY: Rule = Rule { longest: 256, also: "_+=/:,.@-", pattern: "" };

pub(super) const CLASSES: &[&str] = &["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"];

/// The answer to a value that the model does not allow.
pub(super) fn violation(value: impl std::fmt::Display, member: &str, constraint: &str) -> AwsError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

fn wrong_type(member: &str, wanted: &str) -> AwsError {
    AwsError::invalid("SerializationException", format!("{member} can not be converted to {wanted}"))
}

/// An optional text.
pub(super) fn text<'a>(call: &'a Call, member: &str, rule: &Rule) -> Result<Option<&'a str>, AwsError> {
    let text = match &call.input[member] {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(wrong_type(member, "a String")),
    };
    check(text, member, rule)?;
    Ok(Some(text))
}

/// A text that must be there.
pub(super) fn required<'a>(call: &'a Call, member: &str, rule: &Rule) -> Result<&'a str, AwsError> {
    text(call, member, rule)?.ok_or_else(|| violation("null", member, "Member must not be null"))
}

/// Holds a text against its rule.
pub(super) fn check(text: &str, member: &str, rule: &Rule) -> Result<(), AwsError> {
    if text.is_empty() {
        return Err(violation(text, member, "Member must have length greater than or equal to 1"));
    }
    if text.chars().count() > rule.longest {
        let constraint = format!("Member must have length less than or equal to {}", rule.longest);
        return Err(violation(text, member, &constraint));
    }
    if !text.chars().all(|letter| letter.is_ascii_alphanumeric() || rule.also.contains(letter)) {
        let constraint = format!("Member must satisfy regular expression pattern: {}", rule.pattern);
        return Err(violation(text, member, &constraint));
    }
    Ok(())
}

/// An optional whole number.
pub(super) fn whole(call: &Call, member: &str) -> Result<Option<i64>, AwsError> {
    match &call.input[member] {
        Value::Null => Ok(None),
        value => value.as_i64().map(Some).ok_or_else(|| wrong_type(member, "an Integer")),
    }
}

/// An optional truth value.
pub(super) fn flag(call: &Call, member: &str) -> Result<Option<bool>, AwsError> {
    match &call.input[member] {
        Value::Null => Ok(None),
        value => value.as_bool().map(Some).ok_or_else(|| wrong_type(member, "a Boolean")),
    }
}

/// The class that is asked for.
pub(super) fn class(call: &Call) -> Result<Option<&str>, AwsError> {
    let class = match &call.input["logGroupClass"] {
        Value::Null => return Ok(None),
        value => value.as_str().ok_or_else(|| wrong_type("logGroupClass", "a String"))?,
    };
    if CLASSES.contains(&class) {
        return Ok(Some(class));
    }
    let constraint = format!("Member must satisfy enum value set: [{}]", CLASSES.join(", "));
    Err(violation(class, "logGroupClass", &constraint))
}

/// The ARN of a key; the sandbox has no keys, so any will do.
pub(super) fn key(call: &Call) -> Result<Option<&str>, AwsError> {
    let key = text(call, "kmsKeyId", &KEY)?;
    match key {
        Some(key) if !(key.starts_with("arn:") && key.contains(":kms:") && key.contains(":key/")) => {
            Err(invalid("The specified KMS Key Id could not be found."))
        }
        key => Ok(key),
    }
}
