//! Reading and checking what IAM's operations are given, and paging what they answer.

use serde_json::{Map, Value, json};

use super::{Tags, conflict, tag_list};
use crate::sandbox::wire::{AwsError, Call};

const MOST_TAGS: usize = 50;

pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::invalid("ValidationError", message)
}

/// A member that must be there, of no more than `longest` characters.
pub(super) fn required<'call>(call: &'call Call, member: &str, longest: usize) -> Result<&'call str, AwsError> {
    let wire_name = lower_first(member);
    let text = call.text(member).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value at '{wire_name}' failed to satisfy constraint: Member must not be null"
        ))
    })?;
    within(&wire_name, text, longest)?;
    Ok(text)
}

fn within(wire_name: &str, text: &str, longest: usize) -> Result<(), AwsError> {
    if text.chars().count() > longest {
        return Err(invalid(format!(
            "1 validation error detected: Value at '{wire_name}' failed to satisfy constraint: Member must have length \
             less than or equal to {longest}"
        )));
    }
    Ok(())
}

/// A name that must be there: letters, digits and a few signs.
pub(super) fn name<'call>(call: &'call Call, member: &str, longest: usize) -> Result<&'call str, AwsError> {
    let text = required(call, member, longest)?;
    if !text.chars().all(|character| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)) {
        return Err(invalid(format!(
            "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: \
             +=,.@_-",
            lower_first(member)
        )));
    }
    Ok(text)
}

/// `Path`, by default `/`.
pub(super) fn path(call: &Call) -> Result<String, AwsError> {
    let Some(path) = call.text("Path") else { return Ok("/".into()) };
    within("path", path, 512)?;
    let printable = path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if !path.starts_with('/') || !path.ends_with('/') || path.contains("//") || !printable {
        return Err(invalid(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters.",
        ));
    }
    Ok(path.into())
}

/// `Description`, up to 1000 characters; none when empty.
pub(super) fn description(call: &Call) -> Result<Option<String>, AwsError> {
    let Some(text) = call.text("Description") else { return Ok(None) };
    within("description", text, 1000)?;
    Ok(Some(text.into()))
}

/// `MaxSessionDuration` in seconds, none when absent.
pub(super) fn max_session(call: &Call) -> Result<Option<u32>, AwsError> {
    let Some(text) = call.text("MaxSessionDuration") else { return Ok(None) };
    let seconds = text.parse().ok().filter(|seconds| (3600..=43200).contains(seconds)).ok_or_else(|| {
        let bound = match text.parse::<i64>() {
            Ok(seconds) if seconds < 3600 => "greater than or equal to 3600",
            _ => "less than or equal to 43200",
        };
        invalid(format!(
            "1 validation error detected: Value '{text}' at 'maxSessionDuration' failed to satisfy constraint: Member \
             must have value {bound}"
        ))
    })?;
    Ok(Some(seconds))
}

/// `Tags` of the call, checked. Keys are unique whatever their case.
pub(super) fn tags(call: &Call) -> Result<Tags, AwsError> {
    let mut tags = Tags::new();
    for (index, item) in call.list("Tags").iter().enumerate() {
        let key = item["Key"].as_str().unwrap_or("");
        let value = item["Value"].as_str().unwrap_or("");
        if key.is_empty() {
            return Err(invalid(format!(
                "1 validation error detected: Value '' at 'tags.{}.member.key' failed to satisfy constraint: Member must \
                 have length greater than or equal to 1",
                index + 1
            )));
        }
        within(&format!("tags.{}.member.key", index + 1), key, 128)?;
        within(&format!("tags.{}.member.value", index + 1), value, 256)?;
        for (what, text) in [("key", key), ("value", value)] {
            let usual = |character: char| {
                character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
            };
            if !text.chars().all(usual) {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{text}' at 'tags.{}.member.{what}' failed to satisfy constraint: \
                     Member must satisfy regular expression pattern: [\\p{{L}}\\p{{Z}}\\p{{N}}_.:/=+\\-@]*",
                    index + 1
                )));
            }
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(AwsError::invalid("InvalidInput", "System tags cannot be added/updated by requester."));
        }
        if tags.iter().any(|(other, _)| other.to_lowercase() == key.to_lowercase()) {
            return Err(AwsError::invalid(
                "InvalidInput",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.push((key.into(), value.into()));
    }
    if tags.len() > MOST_TAGS {
        return Err(too_many_tags());
    }
    Ok(tags)
}

fn too_many_tags() -> AwsError {
    conflict("LimitExceeded", "The number of tags has reached the maximum limit.")
}

/// Sets tags: a key that is there in whatever case gets the new case and value.
pub(super) fn merge_tags(kept: &mut Tags, new: Tags) -> Result<(), AwsError> {
    let mut merged = kept.clone();
    for (key, value) in new {
        match merged.iter_mut().find(|(other, _)| other.to_lowercase() == key.to_lowercase()) {
            Some(tag) => *tag = (key, value),
            None => merged.push((key, value)),
        }
    }
    if merged.len() > MOST_TAGS {
        return Err(too_many_tags());
    }
    *kept = merged;
    Ok(())
}

pub(super) fn remove_tags(kept: &mut Tags, call: &Call) {
    let keys: Vec<String> = call.texts("TagKeys").iter().map(|key| key.to_lowercase()).collect();
    kept.retain(|(key, _)| !keys.contains(&key.to_lowercase()));
}

pub(super) fn answer_tags(call: &Call, tags: &Tags) -> Result<Value, AwsError> {
    let rows = tags.iter().map(|tag| (tag.0.clone(), tag_list(&vec![tag.clone()])[0].clone())).collect();
    page(call, "Tags", rows)
}

/// One page of `rows` (key and answer, in the order of the answer) as `{member: [..], IsTruncated, Marker}`. The
/// marker names the first row of the next page.
pub(super) fn page(call: &Call, member: &str, rows: Vec<(String, Value)>) -> Result<Value, AwsError> {
    let (rows, marker) = cut(call, rows)?;
    let mut output = Map::new();
    output.insert(member.into(), rows.into_iter().map(|(_, row)| row).collect());
    output.insert("IsTruncated".into(), json!(marker.is_some()));
    if let Some(marker) = marker {
        output.insert("Marker".into(), json!(marker));
    }
    Ok(Value::Object(output))
}

/// A page of rows and its marker.
type Page<T> = (Vec<(String, T)>, Option<String>);

/// The rows of the page that the call asks for, and the marker of the next.
pub(super) fn cut<T>(call: &Call, mut rows: Vec<(String, T)>) -> Result<Page<T>, AwsError> {
    let size = match call.text("MaxItems") {
        None => 100,
        Some(text) => text.parse().ok().filter(|size| (1..=1000).contains(size)).ok_or_else(|| {
            let bound = if text == "0" || text.starts_with('-') { "greater than or equal to 1" } else { "less than or equal to 1000" };
            invalid(format!(
                "1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint: Member must have \
                 value {bound}"
            ))
        })?,
    };
    if let Some(marker) = call.text("Marker") {
        let first = marker.strip_prefix("next:").ok_or_else(|| invalid("Invalid Marker."))?;
        let start = rows.iter().position(|(key, _)| key == first).unwrap_or(rows.len());
        rows.drain(..start);
    }
    let marker = rows.get(size).map(|(key, _)| format!("next:{key}"));
    rows.truncate(size);
    Ok((rows, marker))
}

fn lower_first(member: &str) -> String {
    let mut characters = member.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
