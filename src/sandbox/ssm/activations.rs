//! Hybrid activations: a code that lets so many machines register until it expires.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::input::{self, violation};
use super::{Tags, epoch, node_role, validation};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How far off an expiry may be.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Activation {
    id: String,
    /// Of the code, which is shown once.
    code_digest: String,
    description: Option<String>,
    pub(super) default_instance_name: Option<String>,
    /// As it was given.
    pub(super) role: String,
    limit: u32,
    count: u32,
    expires: Timestamp,
    created: Timestamp,
    pub(super) tags: Tags,
}

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = input::required(call, "IamRole", 64)?;
    let description = input::text(call, "Description", 256)?;
    let name = input::text(call, "DefaultInstanceName", 256)?;
    if let Some(name) = name.filter(|name| !input::is_plain(name)) {
        let pattern = r"Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";
        return Err(violation(name, "defaultInstanceName", pattern));
    }
    let limit = input::whole(call, "RegistrationLimit", 1, 1000)?.unwrap_or(1);
    let tags = input::tags(call)?;
    let expires = expiry(call)?;
    if !call.list("RegistrationMetadata").is_empty() {
        return Err(validation("RegistrationMetadata is for AWS's own use; the sandbox takes none"));
    }
    node_role(state, role, call.now)?;
    let digits = state.hex(32);
    let id = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
    // Twenty characters, as those that AWS gives out.
    let secret = Sha256::digest(format!("code {}", state.hex(64)));
    let code = aws_smithy_types::base64::encode(&secret[..15]);
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let activation = Activation {
        id: id.clone(),
        code_digest: digest(&code),
        description: text(description),
        default_instance_name: text(name),
        role: role.to_owned(),
        limit: u32::try_from(limit).unwrap_or(1),
        count: 0,
        expires,
        created: call.now,
        tags,
    };
    state.ssm.activations.insert(id.clone(), activation);
    Ok(json!({"ActivationId": id, "ActivationCode": code}))
}

fn expiry(call: &Call) -> Result<Timestamp, AwsError> {
    let given = match &call.input["ExpirationDate"] {
        Value::Null => return Ok(call.now + DAY),
        value => value
            .as_f64()
            .and_then(|seconds| Timestamp::from_millisecond(millis(seconds)?).ok())
            .ok_or_else(|| AwsError::invalid("SerializationException", "ExpirationDate must be a timestamp"))?,
    };
    if given <= call.now {
        return Err(validation("The expiration date of an activation must be in the future."));
    }
    if given > call.now + LONGEST {
        return Err(validation("The expiration date of an activation can be at most 30 days in the future."));
    }
    Ok(given)
}

/// Within the years that timestamps can have.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are within i64")]
fn millis(seconds: f64) -> Option<i64> {
    ((-1e11..1e11).contains(&seconds)).then(|| (seconds * 1000.0).round() as i64)
}

fn digest(code: &str) -> String {
    Sha256::digest(code).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    const KEYS: &[&str] = &["ActivationIds", "DefaultInstanceName", "IamRole"];
    for (filter, number) in call.list("Filters").iter().zip(1..) {
        let key = filter["FilterKey"].as_str().unwrap_or("");
        if !KEYS.contains(&key) {
            let constraint = format!("Member must satisfy enum value set: [{}]", KEYS.join(", "));
            return Err(violation(key, &format!("filters.{number}.member.filterKey"), &constraint));
        }
    }
    let size = input::whole(call, "MaxResults", 1, 50)?.unwrap_or(50);
    let fits = |activation: &Activation| {
        call.list("Filters").iter().all(|filter| {
            let held = match filter["FilterKey"].as_str() {
                Some("ActivationIds") => Some(&activation.id),
                Some("IamRole") => Some(&activation.role),
                _ => activation.default_instance_name.as_ref(),
            };
            let wanted = filter["FilterValues"].as_array().map_or(&[][..], Vec::as_slice);
            held.is_some_and(|held| wanted.iter().any(|wanted| wanted == held))
        })
    };
    let mut found: Vec<&Activation> = state.ssm.activations.values().filter(|activation| fits(activation)).collect();
    found.sort_by_key(|activation| (activation.created, &activation.id));
    let shown = found.into_iter().map(|activation| (activation.id.clone(), show(activation, call.now))).collect();
    input::page(call, "ActivationList", size, shown)
}

fn show(activation: &Activation, now: Timestamp) -> Value {
    let Activation { id, description, default_instance_name, role, limit, count, expires, created, tags, .. } =
        activation;
    let mut shown = json!({
        "ActivationId": id,
        "IamRole": role,
        "RegistrationLimit": limit,
        "RegistrationsCount": count,
        "ExpirationDate": epoch(*expires),
        "Expired": *expires <= now,
        "CreatedDate": epoch(*created),
        "Tags": input::show_tags(tags),
    });
    for (member, text) in [("Description", description), ("DefaultInstanceName", default_instance_name)] {
        if let Some(text) = text {
            shown[member] = json!(text);
        }
    }
    shown
}

/// What is no id at all is `InvalidActivationId`; an id of nothing is `InvalidActivation`.
pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = input::required(call, "ActivationId", usize::MAX)?;
    if !is_id(id) {
        return Err(invalid_id());
    }
    match state.ssm.activations.remove(id) {
        Some(_) => Ok(json!({})),
        None => Err(invalid()),
    }
}

fn is_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn invalid_id() -> AwsError {
    let message = "The activation ID is not valid. Verify that you entered the correct ActivationId or ActivationCode and try again.";
    AwsError::invalid("InvalidActivationId", message)
}

fn invalid() -> AwsError {
    let message = "The activation is not valid. The activation might have been deleted, or the ActivationId and the \
                   ActivationCode do not match.";
    AwsError::invalid("InvalidActivation", message)
}

/// Uses one registration of an activation, or says why it cannot be, as agents hear it from `RegisterManagedInstance`.
pub(super) fn consume<'a>(
    state: &'a mut State,
    id: &str,
    code: &str,
    now: Timestamp,
) -> Result<&'a Activation, AwsError> {
    if !is_id(id) {
        return Err(invalid_id());
    }
    let activation = state.ssm.activations.get_mut(id).ok_or_else(invalid)?;
    if activation.code_digest != digest(code) {
        return Err(invalid());
    }
    if activation.expires <= now {
        // Agents' logs have the code without any text.
        return Err(AwsError::invalid("ActivationExpired", "The activation has expired."));
    }
    if activation.count >= activation.limit {
        // The code is the sandbox's own: AWS documents none, and nobody has quoted one.
        let message = format!("The activation has reached its registration limit of {}.", activation.limit);
        return Err(AwsError::invalid("RegistrationLimitExceeded", message));
    }
    activation.count += 1;
    Ok(activation)
}
