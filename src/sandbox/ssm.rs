//! Systems Manager: reading the parameters of the world, of which the public ones name machine images.

use serde_json::{Value, json};

use super::Operation;
use super::state::State;
use super::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("GetParameter", get_parameter),
    ("GetParameters", get_parameters),
    ("GetParametersByPath", get_parameters_by_path),
];

/// Nothing changes a parameter here, so each has the one version.
const VERSION: u64 = 1;

/// 2026-11-01, the date of the images that the default world's parameters name.
const LAST_MODIFIED: f64 = 1_793_491_200.0;

const MOST_NAMES: usize = 10;
const LONGEST_NAME: usize = 2048;

fn get_parameter(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name").ok_or_else(|| {
        validation("1 validation error detected: Value at 'name' failed to satisfy constraint: Member must not be null")
    })?;
    Ok(json!({"Parameter": find(state, name)?}))
}

fn get_parameters(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let names = call.texts("Names");
    if names.is_empty() || names.len() > MOST_NAMES {
        return Err(validation(format!(
            "1 validation error detected: Value '[{}]' at 'names' failed to satisfy constraint: Member must have length \
             {}",
            names.join(", "),
            if names.is_empty() {
                "greater than or equal to 1".into()
            } else {
                format!("less than or equal to {MOST_NAMES}")
            }
        )));
    }
    if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
        return Err(validation(
            "Duplicate parameters detected in the request. Please remove the duplicates and try again.",
        ));
    }
    let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
    for name in names {
        match find(state, name) {
            Ok(parameter) => parameters.push(parameter),
            Err(_) => invalid.push(name),
        }
    }
    Ok(json!({"Parameters": parameters, "InvalidParameters": invalid}))
}

fn get_parameters_by_path(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let path = call.text("Path").unwrap_or("");
    if !path.starts_with('/') {
        return Err(validation(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        ));
    }
    if !call.list("ParameterFilters").is_empty() {
        return Err(AwsError::invalid("InvalidFilterKey", "the sandbox does not filter parameters"));
    }
    let page = match &call.input["MaxResults"] {
        Value::Null => 10,
        value => value.as_u64().filter(|size| (1..=10).contains(size)).ok_or_else(|| {
            validation(format!(
                "1 validation error detected: Value '{value}' at 'maxResults' failed to satisfy constraint: Member must \
                 have value between 1 and 10"
            ))
        })?,
    };
    let start = match call.text("NextToken") {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| AwsError::invalid("InvalidNextToken", "The specified token is not valid."))?,
    };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let recursive = call.input["Recursive"].as_bool().unwrap_or(false);
    let below: Vec<&String> = state
        .world
        .parameters
        .keys()
        .filter(|name| name.strip_prefix(&folder).is_some_and(|rest| recursive || !rest.contains('/')))
        .collect();
    let end = below.len().min(start.saturating_add(usize::try_from(page).unwrap_or(10)));
    let parameters: Vec<Value> = below
        .get(start..end)
        .unwrap_or_default()
        .iter()
        .map(|name| describe(state, name, &state.world.parameters[*name]))
        .collect();
    let mut output = json!({"Parameters": parameters});
    if end < below.len() {
        output["NextToken"] = json!(end.to_string());
    }
    Ok(output)
}

/// The parameter of a name (or ARN), which may end in `:version`.
fn find(state: &State, asked: &str) -> Result<Value, AwsError> {
    if asked.len() > LONGEST_NAME {
        return Err(validation(
            "1 validation error detected: Value at 'name' failed to satisfy constraint: Member must have length less than or equal to 2048",
        ));
    }
    // An ARN holds colons of its own, before its `parameter/`.
    let start =
        if asked.starts_with("arn:") { asked.find(":parameter/").map_or(0, |at| at + ":parameter".len()) } else { 0 };
    let asked = &asked[start..];
    let (name, selector) = asked.split_once(':').map_or((asked, None), |(name, selector)| (name, Some(selector)));
    let Some(value) = state.world.parameters.get(name) else {
        return Err(AwsError::invalid("ParameterNotFound", ""));
    };
    let mut parameter = describe(state, name, value);
    if let Some(selector) = selector {
        if selector != VERSION.to_string() {
            let message = format!(
                "Systems Manager could not find version {selector} of {name}. Verify the version and try again."
            );
            return Err(AwsError::invalid("ParameterVersionNotFound", message));
        }
        parameter["Selector"] = json!(format!(":{selector}"));
    }
    Ok(parameter)
}

fn describe(state: &State, name: &str, value: &str) -> Value {
    json!({
        "ARN": arn(state, name),
        // The public image parameters have this type too: only `aws:ec2:image` is checked, and only for own ones.
        "DataType": "text",
        "LastModifiedDate": LAST_MODIFIED,
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": VERSION,
    })
}

/// Public parameters belong to no account.
fn arn(state: &State, name: &str) -> String {
    let path = name.trim_start_matches('/');
    if name.starts_with("/aws/service/") {
        return format!("arn:{}:ssm:{}::parameter/{path}", state.partition(), state.world.region);
    }
    state.arn("ssm", &format!("parameter/{path}"))
}

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::invalid("ValidationException", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::wire::Service;
    use crate::sandbox::world::World;

    const AL2023: &str = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id";

    fn ask(operation: &str, input: Value) -> Result<Value, AwsError> {
        let mut world = World::default();
        world.parameters.insert("/site/name".into(), "shop 12".into());
        let mut state = State::new(world);
        let (service, region, now) = (Service::Ssm, "us-west-2".to_owned(), jiff::Timestamp::UNIX_EPOCH);
        let call = Call { service, operation: operation.into(), input, region, now };
        let (_, operation) = OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap();
        operation(&mut state, &call)
    }

    #[test]
    fn a_parameter_is_found_by_name_version_and_arn() {
        let by_name = ask("GetParameter", json!({"Name": AL2023})).unwrap()["Parameter"].clone();
        assert_eq!(by_name["Value"], "ami-0a1ec5f00d2023001");
        let arn = by_name["ARN"].as_str().unwrap();
        assert_eq!(arn, format!("arn:aws:ssm:us-west-2::parameter{AL2023}"));
        let by_arn = ask("GetParameter", json!({"Name": format!("{arn}:1")})).unwrap()["Parameter"].clone();
        assert_eq!((&by_arn["Name"], &by_arn["Selector"]), (&json!(AL2023), &json!(":1")));
        let own = ask("GetParameter", json!({"Name": "/site/name"})).unwrap();
        assert_eq!(own["Parameter"]["ARN"], "arn:aws:ssm:us-west-2:123456789012:parameter/site/name");
    }

    #[test]
    fn what_is_missing_is_an_error_for_one_and_a_list_for_many() {
        assert_eq!(ask("GetParameter", json!({"Name": "/no"})).unwrap_err().code, "ParameterNotFound");
        let version = ask("GetParameter", json!({"Name": format!("{AL2023}:7")})).unwrap_err();
        assert_eq!(version.code, "ParameterVersionNotFound");
        let many = ask("GetParameters", json!({"Names": ["/no", AL2023]})).unwrap();
        assert_eq!(many["InvalidParameters"], json!(["/no"]));
        assert_eq!(many["Parameters"].as_array().unwrap().len(), 1);
        assert_eq!(ask("GetParameters", json!({"Names": ["/a", "/a"]})).unwrap_err().code, "ValidationException");
    }

    #[test]
    fn a_path_lists_its_children_or_all_below_in_pages() {
        let path = "/aws/service/ecs/optimized-ami";
        assert_eq!(ask("GetParametersByPath", json!({"Path": path})).unwrap()["Parameters"], json!([]));
        let first = ask("GetParametersByPath", json!({"Path": path, "Recursive": true, "MaxResults": 4})).unwrap();
        assert_eq!(first["Parameters"].as_array().unwrap().len(), 4);
        let input = json!({"Path": path, "Recursive": true, "MaxResults": 4, "NextToken": first["NextToken"]});
        let second = ask("GetParametersByPath", input).unwrap();
        assert_eq!((second["Parameters"].as_array().unwrap().len(), &second["NextToken"]), (2, &Value::Null));
    }
}
