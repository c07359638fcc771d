//! Secrets are made, changed, given up, taken back and deleted.

use std::time::Duration;

use serde_json::{Value, json};

use super::input::{self, violation};
use super::values::{self, CURRENT};
use super::{Deletion, Secret, Version, epoch, find, find_usable, invalid_parameter, invalid_request};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const DAY: Duration = Duration::from_secs(24 * 3600);
const LONGEST_NAME: usize = 512;

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::required(call, "Name", LONGEST_NAME)?;
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter)) {
        return Err(violation(
            "Name",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    let description = input::text(call, "Description", 2048)?.map(str::to_owned);
    let key = input::text(call, "KmsKeyId", 2048)?.map(str::to_owned);
    let content = input::content(call)?;
    let tags = input::tags(call)?;
    for member in ["AddReplicaRegions", "Type", "CrossAccountPrimaryARN"] {
        if !call.input[member].is_null() {
            return Err(invalid_parameter(format!("the sandbox has no replicas and no managed secrets ({member})")));
        }
    }
    let token = input::token(state, call)?;
    let suffix = suffix(state);
    if let Some(held) = state.secrets.secrets.get(name).filter(|held| !held.is_gone(call.now)) {
        if held.deletion.is_some() {
            let message =
                "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return Err(invalid_request(message));
        }
        return match held.versions.iter().find(|version| version.id == token) {
            Some(version) if Some(&version.value) == content.as_ref() => Ok(answer(held, Some(&version.id))),
            _ => {
                let message = format!("The operation failed because the secret {name} already exists.");
                Err(AwsError::invalid("ResourceExistsException", message))
            }
        };
    }
    let version =
        content.map(|value| Version { id: token, value, created: call.now, stages: vec![CURRENT.to_owned()] });
    let secret = Secret {
        name: name.to_owned(),
        arn: state.arn("secretsmanager", &format!("secret:{name}-{suffix}")),
        description,
        key,
        created: call.now,
        changed: call.now,
        deletion: None,
        versions: version.into_iter().collect(),
        tags,
    };
    let answer = answer(&secret, secret.versions.first().map(|version| version.id.as_str()));
    state.secrets.secrets.insert(name.to_owned(), secret);
    Ok(answer)
}

/// Six letters and digits.
fn suffix(state: &mut State) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut number = u64::from_str_radix(&state.hex(15), 16).unwrap_or_default();
    let mut text = String::new();
    for _ in 0..6 {
        let place = usize::try_from(number % 62).unwrap_or_default();
        text.push(char::from(LETTERS[place]));
        number /= 62;
    }
    text
}

fn answer(secret: &Secret, version: Option<&str>) -> Value {
    let mut answer = json!({"ARN": secret.arn, "Name": secret.name});
    if let Some(version) = version {
        answer["VersionId"] = json!(version);
    }
    answer
}

/// Changes the description and key, and makes a version when there is a value.
pub(super) fn update(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = input::secret_id(call)?;
    let description = input::text(call, "Description", 2048)?;
    let key = input::text(call, "KmsKeyId", 2048)?;
    let content = input::content(call)?;
    let token = input::token(state, call)?;
    let secret = find_usable(state, id, call.now)?;
    let version = content.map(|value| values::add(secret, &token, value, &[CURRENT], call.now)).transpose()?;
    if let Some(description) = description {
        secret.description = Some(description.to_owned());
    }
    if let Some(key) = key {
        secret.key = Some(key.to_owned());
    }
    secret.changed = call.now;
    Ok(answer(secret, version.map(|()| token.as_str())))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = input::secret_id(call)?;
    let forced = input::flag(call, "ForceDeleteWithoutRecovery");
    let window = match &call.input["RecoveryWindowInDays"] {
        Value::Null => None,
        _ if forced => {
            let message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
            return Err(invalid_parameter(message));
        }
        days => match days.as_u64().and_then(|days| u32::try_from(days).ok()) {
            Some(days @ 7..=30) => Some(days),
            _ => {
                let message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
                return Err(invalid_parameter(message));
            }
        },
    };
    if forced {
        return match find(state, id, call.now) {
            Ok(secret) => {
                let (arn, name) = (secret.arn.clone(), secret.name.clone());
                state.secrets.secrets.remove(&name);
                Ok(json!({"ARN": arn, "Name": name, "DeletionDate": epoch(call.now)}))
            }
            // Whatever is not there is deleted, too.
            Err(_) => Ok(json!({"ARN": missing_arn(state, id), "Name": id, "DeletionDate": epoch(call.now)})),
        };
    }
    let secret = find(state, id, call.now)?;
    if secret.deletion.is_some() {
        let message = "You can't perform this operation on the secret because it was already scheduled for deletion.";
        return Err(invalid_request(message));
    }
    let due = call.now + DAY * window.unwrap_or(30);
    secret.deletion = Some(Deletion { asked: call.now, due });
    Ok(json!({"ARN": secret.arn, "Name": secret.name, "DeletionDate": epoch(due)}))
}

fn missing_arn(state: &mut State, id: &str) -> String {
    if id.starts_with("arn:") {
        return id.to_owned();
    }
    let suffix = suffix(state);
    state.arn("secretsmanager", &format!("secret:{id}-{suffix}"))
}

pub(super) fn restore(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let secret = find(state, input::secret_id(call)?, call.now)?;
    secret.deletion = None;
    Ok(answer(secret, None))
}
