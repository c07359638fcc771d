//! Secrets Manager: secrets and their versions, without rotation, replicas and policies.

mod input;
mod listing;
mod lives;
mod tags;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::tags::{change_tags, tagged};
use super::Operation;
use super::state::State;
use super::wire::AwsError;

type Tags = BTreeMap<String, String>;

/// Everything that exists in Secrets Manager, by name. One whose time has come stays until its name is taken again, and
/// is not seen any more.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Secrets {
    secrets: BTreeMap<String, Secret>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Secret {
    name: String,
    /// With the six characters that tell it from another of its name.
    arn: String,
    description: Option<String>,
    key: Option<String>,
    created: Timestamp,
    changed: Timestamp,
    deletion: Option<Deletion>,
    /// In the order in which they were made.
    versions: Vec<Version>,
    tags: Tags,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Deletion {
    asked: Timestamp,
    due: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    id: String,
    value: Content,
    created: Timestamp,
    /// `AWSCURRENT` and the like. One without any is not listed.
    stages: Vec<String>,
}

/// What a secret holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Content {
    Text(String),
    /// In base64.
    Binary(String),
}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("CreateSecret", lives::create),
    ("DescribeSecret", listing::describe),
    ("ListSecrets", listing::list),
    ("UpdateSecret", lives::update),
    ("DeleteSecret", lives::delete),
    ("RestoreSecret", lives::restore),
    ("PutSecretValue", values::put),
    ("GetSecretValue", values::get),
    ("TagResource", tags::tag_resource),
    ("UntagResource", tags::untag_resource),
];

fn invalid_parameter(message: impl Into<String>) -> AwsError {
    AwsError::invalid("InvalidParameterException", message)
}

fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::invalid("InvalidRequestException", message)
}

fn not_found(message: impl Into<String>) -> AwsError {
    AwsError::invalid("ResourceNotFoundException", message)
}

/// Seconds since 1970, with milliseconds.
fn epoch(time: Timestamp) -> f64 {
    std::time::Duration::from_millis(u64::try_from(time.as_millisecond()).unwrap_or_default()).as_secs_f64()
}

impl Secret {
    /// Whether it is past its recovery.
    fn is_gone(&self, now: Timestamp) -> bool {
        self.deletion.as_ref().is_some_and(|deletion| deletion.due <= now)
    }
}

/// A secret by its name, or by its ARN with or without the six characters.
fn find<'a>(state: &'a mut State, id: &str, now: Timestamp) -> Result<&'a mut Secret, AwsError> {
    let prefix = state.arn("secretsmanager", "secret:");
    let rest = id.strip_prefix(&prefix);
    let name = rest.unwrap_or(id);
    let cut = rest.and_then(|rest| rest.rsplit_once('-')).map(|(name, _)| name);
    let secrets = &mut state.secrets.secrets;
    let key = match cut {
        Some(cut) if secrets.get(cut).is_some_and(|secret| secret.arn == id) => cut,
        _ => name,
    };
    secrets
        .get_mut(key)
        .filter(|secret| !secret.is_gone(now))
        .ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
}

/// As [`find`], for what a secret that waits for its deletion does not do.
fn find_usable<'a>(state: &'a mut State, id: &str, now: Timestamp) -> Result<&'a mut Secret, AwsError> {
    let secret = find(state, id, now)?;
    if secret.deletion.is_some() {
        let message = "You can't perform this operation on the secret because it was marked for deletion.";
        return Err(invalid_request(message));
    }
    Ok(secret)
}

fn show_tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
