//! Reading parameters: those that were put, and those that the world has, of which the public ones name machine images.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{self, violation};
use super::{Tags, epoch, select, validation};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// 2026-11-01, the date of the images that the default world's parameters name.
const WORLD_MODIFIED: i64 = 1_793_491_200;

const MOST_NAMES: usize = 10;
const LONGEST_NAME: usize = 2048;
pub(super) const PUBLIC: &str = "/aws/service/";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Parameter {
    /// Of a `SecureString` only.
    pub(super) key: Option<String>,
    pub(super) description: Option<String>,
    pub(super) tier: String,
    pub(super) data_type: String,
    /// By number, the current one last. Old ones go when there are too many.
    pub(super) versions: Vec<Version>,
    pub(super) tags: Tags,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) number: u64,
    /// `String`, `StringList` or `SecureString`.
    pub(super) kind: String,
    pub(super) value: String,
    /// What those see of a `SecureString` who do not ask for decryption.
    pub(super) cipher: Option<String>,
    pub(super) modified: Timestamp,
}

impl Parameter {
    /// One of the world's, which is as if it was put once.
    pub(super) fn of_the_world(value: &str) -> Self {
        let version = Version {
            number: 1,
            kind: "String".into(),
            value: value.to_owned(),
            cipher: None,
            modified: Timestamp::from_second(WORLD_MODIFIED).unwrap_or_default(),
        };
        Self {
            key: None,
            description: None,
            tier: "Standard".into(),
            // The public image parameters have this type too: only `aws:ec2:image` is checked, and only for own ones.
            data_type: "text".into(),
            versions: vec![version],
            tags: Tags::new(),
        }
    }

    pub(super) fn current(&self) -> Option<&Version> {
        self.versions.last()
    }
}

/// A parameter by its name.
pub(super) fn find<'a>(state: &'a State, name: &str) -> Option<Cow<'a, Parameter>> {
    match state.ssm.parameters.get(name) {
        Some(parameter) => Some(Cow::Borrowed(parameter)),
        None => state.world.parameters.get(name).map(|value| Cow::Owned(Parameter::of_the_world(value))),
    }
}

pub(super) fn is_known(state: &State, name: &str) -> bool {
    state.ssm.parameters.contains_key(name) || state.world.parameters.contains_key(name)
}

/// Whether the world has it as the account's own: public parameters belong to no account.
pub(super) fn is_of_the_world(state: &State, name: &str) -> bool {
    state.world.parameters.contains_key(name) && !name.starts_with(PUBLIC)
}

/// The names of all parameters, in order.
pub(super) fn names(state: &State) -> Vec<&String> {
    let mut names: Vec<&String> = state.world.parameters.keys().chain(state.ssm.parameters.keys()).collect();
    names.sort();
    names.dedup();
    names
}

pub(super) fn get_parameter(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::required(call, "Name", LONGEST_NAME)?;
    Ok(json!({"Parameter": get(state, name, input::flag(call, "WithDecryption"))?}))
}

/// The names of a call on several parameters.
pub(super) fn asked(call: &Call) -> Result<Vec<&str>, AwsError> {
    let names = call.texts("Names");
    if names.is_empty() {
        return Err(violation("[]", "names", "Member must have length greater than or equal to 1"));
    }
    if names.len() > MOST_NAMES {
        let constraint = format!("Member must have length less than or equal to {MOST_NAMES}");
        return Err(violation(format!("[{}]", names.join(", ")), "names", &constraint));
    }
    if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
        return Err(validation(
            "Duplicate parameters detected in the request. Please remove the duplicates and try again.",
        ));
    }
    Ok(names)
}

pub(super) fn get_parameters(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let decrypted = input::flag(call, "WithDecryption");
    let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
    for name in asked(call)? {
        match get(state, name, decrypted) {
            Ok(parameter) => parameters.push(parameter),
            Err(_) => invalid.push(name),
        }
    }
    Ok(json!({"Parameters": parameters, "InvalidParameters": invalid}))
}

pub(super) fn get_parameters_by_path(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let path = call.text("Path").unwrap_or("");
    if !path.starts_with('/') {
        return Err(validation(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        ));
    }
    let filters = select::filters(call.list("ParameterFilters"), &["Type", "KeyId", "Label"])?;
    let size = input::whole(call, "MaxResults", 1, 10)?.unwrap_or(10);
    let decrypted = input::flag(call, "WithDecryption");
    let folder = format!("{}/", path.trim_end_matches('/'));
    let recursive = input::flag(call, "Recursive");
    let mut found = Vec::new();
    for name in names(state) {
        let is_below = name.strip_prefix(&folder).is_some_and(|rest| recursive || !rest.contains('/'));
        if is_below
            && let Some(parameter) = find(state, name)
            && filters.iter().all(|filter| filter.fits(name, &parameter))
            && let Some(version) = parameter.current()
        {
            found.push((name.clone(), show(state, name, &parameter, version, decrypted)));
        }
    }
    input::page(call, "Parameters", size, found)
}

/// The parameter of a name (or ARN), which may end in `:version`.
fn get(state: &State, asked: &str, decrypted: bool) -> Result<Value, AwsError> {
    // An ARN holds colons of its own, before its `parameter/`.
    let start =
        if asked.starts_with("arn:") { asked.find(":parameter/").map_or(0, |at| at + ":parameter".len()) } else { 0 };
    let is_arn = start > 0;
    let asked = &asked[start..];
    let (name, selector) = asked.split_once(':').map_or((asked, None), |(name, selector)| (name, Some(selector)));
    // One whose name has no slash in front has one in its ARN all the same.
    let name = if is_arn && !is_known(state, name) { name.trim_start_matches('/') } else { name };
    let parameter = find(state, name).ok_or_else(not_found)?;
    let Some(selector) = selector else {
        let version = parameter.current().ok_or_else(not_found)?;
        return Ok(show(state, name, &parameter, version, decrypted));
    };
    let version =
        parameter.versions.iter().find(|version| version.number.to_string() == selector).ok_or_else(|| {
            let what = if selector.parse::<u64>().is_ok() { "version" } else { "label" };
            let message =
                format!("Systems Manager could not find {what} {selector} of {name}. Verify the {what} and try again.");
            AwsError::invalid("ParameterVersionNotFound", message)
        })?;
    let mut shown = show(state, name, &parameter, version, decrypted);
    shown["Selector"] = json!(format!(":{selector}"));
    Ok(shown)
}

pub(super) fn not_found() -> AwsError {
    AwsError::invalid("ParameterNotFound", "")
}

fn show(state: &State, name: &str, parameter: &Parameter, version: &Version, decrypted: bool) -> Value {
    let value = version.cipher.as_ref().filter(|_| !decrypted).unwrap_or(&version.value);
    json!({
        "ARN": arn(state, name),
        "DataType": parameter.data_type,
        "LastModifiedDate": epoch(version.modified),
        "Name": name,
        "Type": version.kind,
        "Value": value,
        "Version": version.number,
    })
}

/// Public parameters belong to no account.
pub(super) fn arn(state: &State, name: &str) -> String {
    let path = name.trim_start_matches('/');
    if name.starts_with(PUBLIC) {
        return format!("arn:{}:ssm:{}::parameter/{path}", state.partition(), state.world.region);
    }
    state.arn("ssm", &format!("parameter/{path}"))
}
