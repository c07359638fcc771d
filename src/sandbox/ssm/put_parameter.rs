//! Parameters come, change and go.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::input::{self, violation};
use super::parameters::{self, PUBLIC, Parameter, Version};
use super::validation;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const TYPES: &[&str] = &["String", "StringList", "SecureString"];
const TIERS: &[&str] = &["Standard", "Advanced", "Intelligent-Tiering"];
const DATA_TYPES: &[&str] = &["text", "aws:ec2:image", "aws:ssm:integration"];
/// The longest ARN that a parameter may have, less what precedes its name.
const LONGEST_NAME: usize = 1011;
const DEEPEST: usize = 15;
const MOST_VERSIONS: usize = 100;
const STANDARD_SIZE: usize = 4096;
const ADVANCED_SIZE: usize = 8192;
const DEFAULT_KEY: &str = "alias/aws/ssm";

/// A parameter that is to change, which has to be the account's own. One of the world's is from here on one that was put.
pub(super) fn adopt<'a>(state: &'a mut State, name: &str) -> Option<&'a mut Parameter> {
    if !name.starts_with(PUBLIC)
        && let Some(value) = state.world.parameters.remove(name)
    {
        state.ssm.parameters.insert(name.to_owned(), Parameter::of_the_world(&value));
    }
    state.ssm.parameters.get_mut(name)
}

pub(super) fn put(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::required(call, "Name", 2048)?;
    check_name(name)?;
    let value = input::required(call, "Value", usize::MAX)?;
    let kind = input::word(call, "Type", TYPES)?;
    let asked_tier = input::word(call, "Tier", TIERS)?;
    let description = input::text(call, "Description", 1024)?;
    let key = input::text(call, "KeyId", 256)?;
    let tags = input::tags(call)?;
    let overwrite = input::flag(call, "Overwrite");
    let data_type = data_type(call, value)?;
    if overwrite && !tags.is_empty() {
        return Err(validation(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
             remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    for (member, what) in [("AllowedPattern", "patterns"), ("Policies", "policies")] {
        if call.text(member).is_some() {
            return Err(validation(format!("the sandbox does not know {what} of parameters ({member})")));
        }
    }
    let cipher_seed = state.hex(64);
    let held = adopt(state, name);
    if held.is_some() && !overwrite {
        return Err(AwsError::invalid(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    let kind = kind
        .or(held.as_ref().and_then(|held| held.current()).map(|version| version.kind.as_str()))
        .ok_or_else(|| validation("A parameter type is required when you create a parameter."))?
        .to_owned();
    let is_secure = kind == "SecureString";
    if key.is_some() && !is_secure {
        return Err(validation("KeyId is required for SecureString type parameter only."));
    }
    let tier = tier(asked_tier, held.as_deref(), value)?;
    let key = is_secure.then(|| {
        let before = held.as_ref().and_then(|held| held.key.clone());
        key.map(str::to_owned).or(before).unwrap_or_else(|| DEFAULT_KEY.into())
    });
    let new = Version {
        number: held.as_ref().and_then(|held| held.current()).map_or(1, |version| version.number + 1),
        cipher: is_secure.then(|| cipher(&cipher_seed, value.len())),
        value: value.to_owned(),
        kind,
        modified: call.now,
    };
    let answer = json!({"Version": new.number, "Tier": tier});
    let description = description.map(str::to_owned);
    match held {
        Some(held) => {
            held.versions.push(new);
            if held.versions.len() > MOST_VERSIONS {
                held.versions.remove(0);
            }
            held.key = key;
            held.tier = tier;
            held.description = description.or(held.description.take());
            held.data_type = data_type.unwrap_or_else(|| held.data_type.clone());
        }
        None => {
            let data_type = data_type.unwrap_or_else(|| "text".into());
            let made = Parameter { key, description, tier, data_type, versions: vec![new], tags };
            state.ssm.parameters.insert(name.to_owned(), made);
        }
    }
    Ok(answer)
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let small = name.to_lowercase();
    let is_path = name.trim_start_matches('/').contains('/');
    let start = small.trim_start_matches('/');
    if start.starts_with("aws") && is_path {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(AwsError::invalid("AccessDeniedException", message));
    }
    if start.starts_with("aws") || start.starts_with("ssm") {
        return Err(validation("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive)."));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(validation("Parameter name must be a fully qualified name."));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-/".contains(letter);
    if !name.chars().all(allowed) || name.ends_with('/') || name.contains("//") {
        return Err(validation(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
             sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_",
        ));
    }
    if name.len() > LONGEST_NAME {
        return Err(violation(name, "name", "The name of a parameter has at most 1011 characters"));
    }
    if name.matches('/').count() > DEEPEST {
        return Err(AwsError::invalid(
            "HierarchyLevelLimitExceededException",
            "Parameter name hierarchy can have a maximum of 15 levels.",
        ));
    }
    Ok(())
}

fn data_type(call: &Call, value: &str) -> Result<Option<String>, AwsError> {
    let Some(data_type) = input::text(call, "DataType", 128)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    if !DATA_TYPES.contains(&data_type) {
        let message =
            format!("The following data type is not supported: {data_type} (Data type names are all lowercase.)");
        return Err(validation(message));
    }
    if data_type == "aws:ec2:image" && !value.starts_with("ami-") {
        return Err(validation(format!("The value {value} is not the id of an image, as its data type asks for.")));
    }
    Ok(Some(data_type.to_owned()))
}

/// The tier that a parameter is kept in: one that was advanced stays it.
fn tier(asked: Option<&str>, held: Option<&Parameter>, value: &str) -> Result<String, AwsError> {
    let was_advanced = held.is_some_and(|held| held.tier == "Advanced");
    if was_advanced && asked == Some("Standard") {
        return Err(validation(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
             advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
             parameter and recreate it as a standard parameter.",
        ));
    }
    let tier = match asked {
        Some("Intelligent-Tiering") if value.len() > STANDARD_SIZE => "Advanced",
        Some("Advanced") => "Advanced",
        _ if was_advanced => "Advanced",
        _ => "Standard",
    };
    let most = if tier == "Advanced" { ADVANCED_SIZE } else { STANDARD_SIZE };
    if value.len() > most {
        let more = "To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.";
        let message = format!("{tier} tier parameters support a maximum parameter value of {most} characters.");
        return Err(validation(if tier == "Standard" { format!("{message} {more}") } else { message }));
    }
    Ok(tier.to_owned())
}

/// Text that looks as what a key service gives back, and tells nothing of the value but how long it about is.
fn cipher(seed: &str, length: usize) -> String {
    let mut bytes = vec![0x01, 0x02, 0x02, 0x00, 0x78];
    let blocks = (length + 130).div_ceil(32);
    for block in 0..blocks {
        bytes.extend(Sha256::digest(format!("{seed} {block}")));
    }
    aws_smithy_types::base64::encode(bytes)
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::required(call, "Name", 2048)?;
    adopt(state, name);
    match state.ssm.parameters.remove(name) {
        Some(_) => Ok(json!({})),
        None => Err(parameters::not_found()),
    }
}

pub(super) fn delete_several(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
    for name in parameters::asked(call)? {
        adopt(state, name);
        let list = if state.ssm.parameters.remove(name).is_some() { &mut deleted } else { &mut invalid };
        list.push(name);
    }
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": invalid}))
}
