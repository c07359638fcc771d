//! Members of requests, held against the API model, and pages.

use serde_json::{Value, json};

use super::{Tags, validation};
use crate::sandbox::wire::{AwsError, Call};

/// How many tags a resource can have.
pub(super) const MOST_TAGS: usize = 50;

/// The answer to a value that the model does not allow.
pub(super) fn violation(value: impl std::fmt::Display, member: &str, constraint: &str) -> AwsError {
    validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// An optional text of at most so many characters; an empty one counts as there.
pub(super) fn text<'a>(call: &'a Call, member: &str, longest: usize) -> Result<Option<&'a str>, AwsError> {
    let text = match &call.input[member] {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(AwsError::invalid("SerializationException", format!("{member} must be a String"))),
    };
    if text.chars().count() > longest {
        let constraint = format!("Member must have length less than or equal to {longest}");
        return Err(violation(text, &small(member), &constraint));
    }
    Ok(Some(text))
}

/// A text that must be there and have something in it.
pub(super) fn required<'a>(call: &'a Call, member: &str, longest: usize) -> Result<&'a str, AwsError> {
    let text =
        text(call, member, longest)?.ok_or_else(|| violation("null", &small(member), "Member must not be null"))?;
    if text.is_empty() {
        return Err(violation(text, &small(member), "Member must have length greater than or equal to 1"));
    }
    Ok(text)
}

/// A text that is one of some words.
pub(super) fn word<'a>(call: &'a Call, member: &str, words: &[&str]) -> Result<Option<&'a str>, AwsError> {
    match text(call, member, usize::MAX)? {
        Some(text) if !words.contains(&text) => {
            let constraint = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            Err(violation(text, &small(member), &constraint))
        }
        text => Ok(text),
    }
}

/// An optional whole number within bounds.
pub(super) fn whole(call: &Call, member: &str, least: i64, most: i64) -> Result<Option<i64>, AwsError> {
    let value = match &call.input[member] {
        Value::Null => return Ok(None),
        value => value
            .as_i64()
            .ok_or_else(|| AwsError::invalid("SerializationException", format!("{member} must be an Integer")))?,
    };
    if value < least {
        let constraint = format!("Member must have value greater than or equal to {least}");
        return Err(violation(value, &small(member), &constraint));
    }
    if value > most {
        let constraint = format!("Member must have value less than or equal to {most}");
        return Err(violation(value, &small(member), &constraint));
    }
    Ok(Some(value))
}

/// An optional truth value.
pub(super) fn flag(call: &Call, member: &str) -> bool {
    call.input[member].as_bool().unwrap_or(false)
}

/// The name as messages have it.
fn small(member: &str) -> String {
    let mut letters = member.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// What tags and names may be made of, beside letters, digits and spaces.
pub(super) fn is_plain(text: &str) -> bool {
    text.chars().all(|letter| letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter))
}

/// The `Tags` of a call, within AWS's limits.
pub(super) fn tags(call: &Call) -> Result<Tags, AwsError> {
    let mut tags = Tags::new();
    for tag in call.list("Tags") {
        let (key, value) = (tag["Key"].as_str().unwrap_or(""), tag["Value"].as_str().unwrap_or(""));
        if key.is_empty() || key.chars().count() > 128 || !is_plain(key) {
            return Err(violation(key, "tags.member.key", "Member must be 1 to 128 of the allowed characters"));
        }
        if value.chars().count() > 256 || !is_plain(value) {
            return Err(violation(value, "tags.member.value", "Member must be at most 256 of the allowed characters"));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(validation(format!("The tag key {key} is not valid: aws: is reserved for AWS.")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(validation(format!("The tag key {key} is there more than once.")));
        }
    }
    within_limit(tags.len())?;
    Ok(tags)
}

pub(super) fn within_limit(count: usize) -> Result<(), AwsError> {
    if count > MOST_TAGS {
        let message = format!("The Targets parameter includes too many tags: {count}, of {MOST_TAGS} at most.");
        return Err(AwsError::invalid("TooManyTagsError", message));
    }
    Ok(())
}

pub(super) fn show_tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// One page of what was found, each with the key that a token is made of; the answer has the list as `member`.
pub(super) fn page(call: &Call, member: &str, size: i64, found: Vec<(String, Value)>) -> Result<Value, AwsError> {
    let token = |key: &str| key.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let start = match call.text("NextToken") {
        None => 0,
        Some(given) => found
            .iter()
            .position(|(key, _)| token(key) == given)
            .ok_or_else(|| AwsError::invalid("InvalidNextToken", "The specified token is not valid."))?,
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let next = found.get(start.saturating_add(size)).map(|(key, _)| token(key));
    let shown: Vec<Value> = found.into_iter().skip(start).take(size).map(|(_, value)| value).collect();
    let mut answer = json!({});
    answer[member] = shown.into();
    if let Some(token) = next {
        answer["NextToken"] = token.into();
    }
    Ok(answer)
}
