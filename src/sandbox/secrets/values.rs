//! What secrets hold: versions, and the stages that tell which is the current one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Content, Secret, Version, epoch, find_usable, input, invalid_parameter, invalid_request, not_found};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
/// AWS keeps the newest ones.
const MOST_VERSIONS: usize = 100;

pub(super) fn put(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = input::secret_id(call)?;
    let content = input::content(call)?
        .ok_or_else(|| invalid_request("You must provide either SecretString or SecretBinary."))?;
    let asked = call.texts("VersionStages");
    if asked.len() > 20 {
        return Err(invalid_parameter("A version can have 20 stages at most."));
    }
    let stages = if asked.is_empty() { vec![CURRENT] } else { asked };
    let token = input::token(state, call)?;
    let secret = find_usable(state, id, call.now)?;
    add(secret, &token, content, &stages, call.now)?;
    let held = secret.versions.iter().find(|version| version.id == token);
    Ok(json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": token,
        "VersionStages": held.map(|version| version.stages.clone()).unwrap_or_default(),
    }))
}

/// Adds a version and takes its stages from the others. The same once more changes nothing.
pub(super) fn add(
    secret: &mut Secret,
    token: &str,
    value: Content,
    stages: &[&str],
    now: Timestamp,
) -> Result<(), AwsError> {
    if let Some(held) = secret.versions.iter().find(|version| version.id == token) {
        if held.value == value {
            return Ok(());
        }
        let message = format!(
            "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
            secret.arn
        );
        return Err(AwsError::invalid("ResourceExistsException", message));
    }
    if stages.contains(&CURRENT)
        && let Some(current) = secret.versions.iter().position(|version| version.has(CURRENT))
    {
        for version in &mut secret.versions {
            version.stages.retain(|stage| stage != PREVIOUS);
        }
        secret.versions[current].stages.push(PREVIOUS.to_owned());
    }
    for version in &mut secret.versions {
        version.stages.retain(|stage| !stages.contains(&stage.as_str()));
    }
    let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
    secret.versions.push(Version { id: token.to_owned(), value, created: now, stages });
    if secret.versions.len() > MOST_VERSIONS
        && let Some(oldest) = secret.versions.iter().position(|version| version.stages.is_empty())
    {
        secret.versions.remove(oldest);
    }
    secret.changed = now;
    Ok(())
}

impl Version {
    fn has(&self, stage: &str) -> bool {
        self.stages.iter().any(|held| held == stage)
    }
}

pub(super) fn get(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (id, stage) = (input::text(call, "VersionId", 64)?, input::text(call, "VersionStage", 256)?);
    let secret = find_usable(state, input::secret_id(call)?, call.now)?;
    let found = secret.versions.iter().find(|version| match (id, stage) {
        (Some(id), _) => version.id == id,
        (None, stage) => version.has(stage.unwrap_or(CURRENT)),
    });
    let version = found.ok_or_else(|| {
        let which = match id {
            Some(id) => format!("VersionId: {id}"),
            None => format!("staging label: {}", stage.unwrap_or(CURRENT)),
        };
        not_found(format!("Secrets Manager can't find the specified secret value for {which}"))
    })?;
    if id.is_some() && stage.is_some_and(|stage| !version.has(stage)) {
        let message = "You provided a VersionStage that is not associated to the provided VersionId.";
        return Err(invalid_request(message));
    }
    let mut answer = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.id,
        "VersionStages": version.stages,
        "CreatedDate": epoch(version.created),
    });
    match &version.value {
        Content::Text(text) => answer["SecretString"] = json!(text),
        Content::Binary(text) => answer["SecretBinary"] = json!(text),
    }
    Ok(answer)
}
