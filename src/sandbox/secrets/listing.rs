//! DescribeSecret and ListSecrets.

use serde_json::{Map, Value, json};

use super::{Secret, epoch, find, input, invalid_parameter, show_tags};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const KEYS: &[&str] = &["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"];

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    Ok(show(find(state, input::secret_id(call)?, call.now)?, "VersionIdsToStages"))
}

/// The two operations have one shape, but for the name of the versions.
fn show(secret: &Secret, versions: &str) -> Value {
    let mut shown = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "CreatedDate": epoch(secret.created),
        "LastChangedDate": epoch(secret.changed),
        "Tags": show_tags(&secret.tags),
    });
    let staged: Map<String, Value> = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty())
        .map(|version| (version.id.clone(), json!(version.stages)))
        .collect();
    if !staged.is_empty() {
        shown[versions] = staged.into();
    }
    for (member, text) in [("Description", &secret.description), ("KmsKeyId", &secret.key)] {
        if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
            shown[member] = json!(text);
        }
    }
    if let Some(deletion) = &secret.deletion {
        shown["DeletedDate"] = json!(epoch(deletion.asked));
    }
    shown
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let size = match &call.input["MaxResults"] {
        Value::Null => 100,
        value => value
            .as_u64()
            .filter(|size| (1..=100).contains(size))
            .ok_or_else(|| input::violation("MaxResults", "Member must have value between 1 and 100"))?,
    };
    let filters = call.list("Filters");
    for filter in filters {
        let key = filter["Key"].as_str().unwrap_or("");
        if !KEYS.contains(&key) {
            let constraint = format!("Member must satisfy enum value set: [{}]", KEYS.join(", "));
            return Err(input::violation("filters.member.key", &constraint));
        }
        if !filter["Values"].as_array().is_some_and(|values| (1..=10).contains(&values.len())) {
            return Err(invalid_parameter(format!("The filter {key} must have 1 to 10 values.")));
        }
    }
    let with_deleted = input::flag(call, "IncludePlannedDeletion");
    let region = state.world.region.clone();
    let mut found: Vec<&Secret> = state
        .secrets
        .secrets
        .values()
        .filter(|secret| !secret.is_gone(call.now) && (with_deleted || secret.deletion.is_none()))
        .filter(|secret| filters.iter().all(|filter| fits(secret, filter, &region)))
        .collect();
    // As AWS: the newest first, unless asked otherwise.
    match call.text("SortBy") {
        Some("name") => found.sort_by(|one, other| other.name.cmp(&one.name)),
        Some("last-changed-date") => found.sort_by_key(|secret| std::cmp::Reverse(secret.changed)),
        _ => found.sort_by_key(|secret| std::cmp::Reverse(secret.created)),
    }
    if call.text("SortOrder") == Some("asc") {
        found.reverse();
    }
    let token = |secret: &Secret| secret.arn.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let start = match call.text("NextToken") {
        None => 0,
        Some(given) => found
            .iter()
            .position(|secret| token(secret) == given)
            .ok_or_else(|| AwsError::invalid("InvalidNextTokenException", "The NextToken value is invalid."))?,
    };
    let size = usize::try_from(size).unwrap_or(100);
    let shown: Vec<Value> =
        found.iter().skip(start).take(size).map(|secret| show(secret, "SecretVersionsToStages")).collect();
    let mut answer = json!({"SecretList": shown});
    if let Some(next) = found.get(start + size) {
        answer["NextToken"] = json!(token(next));
    }
    Ok(answer)
}

/// One of the values must fit; one with `!` in front must not. Names and tags match by how they begin.
fn fits(secret: &Secret, filter: &Value, region: &str) -> bool {
    let key = filter["Key"].as_str().unwrap_or("");
    let keys = || secret.tags.keys().map(String::as_str);
    let values = || secret.tags.values().map(String::as_str);
    let described = || secret.description.as_deref().into_iter();
    let begins = |text: &str, wanted: &str| text.starts_with(wanted);
    // Descriptions match word by word, in any case.
    let words = |text: &str, wanted: &str| {
        text.to_lowercase().split_whitespace().any(|word| word.starts_with(&wanted.to_lowercase()))
    };
    filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).any(|given| {
        let (negated, wanted) = given.strip_prefix('!').map_or((false, given), |rest| (true, rest));
        let matches = match key {
            "name" => begins(&secret.name, wanted),
            "tag-key" => keys().any(|held| begins(held, wanted)),
            "tag-value" => values().any(|held| begins(held, wanted)),
            "description" => described().any(|held| words(held, wanted)),
            "primary-region" => begins(region, wanted),
            "owning-service" => false,
            _ => {
                let mut texts = keys().chain(values()).chain(described()).chain([secret.name.as_str()]);
                texts.any(|held| words(held, wanted))
            }
        };
        matches != negated
    })
}
