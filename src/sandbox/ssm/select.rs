//! DescribeParameters, and the filters that parameters are listed by.

use serde_json::{Value, json};

use super::input;
use super::parameters::{self, PUBLIC, Parameter};
use super::{epoch, validation};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// What `ParameterFilters` of DescribeParameters can be about; `tag:KEY` beside these.
const KEYS: &[&str] = &["Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType"];

pub(super) struct Filter<'a> {
    key: &'a str,
    option: &'a str,
    values: Vec<&'a str>,
}

/// Reads filters, which can be about some keys only; tags count as a key where `Name` does.
pub(super) fn filters<'a>(list: &'a [Value], keys: &[&str]) -> Result<Vec<Filter<'a>>, AwsError> {
    let mut filters: Vec<Filter> = Vec::new();
    for filter in list {
        let key = filter["Key"].as_str().unwrap_or("");
        let is_tag = key.strip_prefix("tag:").is_some_and(|key| !key.is_empty());
        if !keys.contains(&key) && !(is_tag && keys.contains(&"Name")) {
            let message = format!(
                "The following filter key is not valid: {key}. Valid filter keys include: [{}].",
                keys.join(", ")
            );
            return Err(AwsError::invalid("InvalidFilterKey", message));
        }
        if filters.iter().any(|other| other.key == key) {
            let message = "The following filters are duplicated in the request: [".to_owned()
                + key
                + "]. A request can \
                           contain only one occurrence of a specific filter.";
            return Err(AwsError::invalid("InvalidFilterKey", message));
        }
        let options: &[&str] = match key {
            "Path" => &["Recursive", "OneLevel"],
            "Name" => &["Equals", "BeginsWith", "Contains"],
            "Type" | "KeyId" | "DataType" => &["Equals", "BeginsWith"],
            _ => &["Equals"],
        };
        let option = filter["Option"].as_str().unwrap_or(if key == "Path" { "OneLevel" } else { "Equals" });
        if !options.contains(&option) {
            let message = format!(
                "The following filter option is not valid: {option}. Valid options include: [{}].",
                options.join(", ")
            );
            return Err(AwsError::invalid("InvalidFilterOption", message));
        }
        let values: Vec<&str> = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if values.len() > 50 || (values.is_empty() && !is_tag) {
            let message = format!("The following filter values are missing or too many for filter key {key}.");
            return Err(AwsError::invalid("InvalidFilterValue", message));
        }
        if key == "Path" && values.iter().any(|path| !path.starts_with('/')) {
            return Err(validation("The parameter path must begin with a forward slash \"/\"."));
        }
        filters.push(Filter { key, option, values });
    }
    Ok(filters)
}

impl Filter<'_> {
    pub(super) fn fits(&self, name: &str, parameter: &Parameter) -> bool {
        let kind = parameter.current().map(|version| version.kind.as_str());
        match self.key {
            "Name" => self.matches(Some(name)),
            "Type" => self.matches(kind),
            "KeyId" => self.matches(parameter.key.as_deref()),
            "Tier" => self.matches(Some(&parameter.tier)),
            "DataType" => self.matches(Some(&parameter.data_type)),
            "Path" => self.values.iter().any(|path| {
                let folder = format!("{}/", path.trim_end_matches('/'));
                let rest = name.strip_prefix(&folder);
                rest.is_some_and(|rest| self.option == "Recursive" || !rest.contains('/'))
            }),
            // Nothing here has labels.
            "Label" => false,
            key => {
                let held = parameter.tags.get(key.trim_start_matches("tag:"));
                held.is_some() && (self.values.is_empty() || self.matches(held.map(String::as_str)))
            }
        }
    }

    fn matches(&self, held: Option<&str>) -> bool {
        held.is_some_and(|held| {
            self.values.iter().any(|wanted| match self.option {
                "BeginsWith" => held.starts_with(wanted) || held.trim_start_matches('/').starts_with(wanted),
                "Contains" => held.contains(wanted),
                _ => held == *wanted,
            })
        })
    }
}

/// The account's own parameters; the public ones are not among them.
pub(super) fn describe_parameters(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (new, old) = (call.list("ParameterFilters"), call.list("Filters"));
    if !new.is_empty() && !old.is_empty() {
        return Err(validation("You can use either Filters or ParameterFilters in a single request."));
    }
    let mut wanted = filters(new, KEYS)?;
    wanted.extend(filters(old, &["Name", "Type", "KeyId"])?.into_iter().map(|filter| {
        // The old ones match the beginning.
        Filter { option: "BeginsWith", ..filter }
    }));
    let size = input::whole(call, "MaxResults", 1, 50)?.unwrap_or(50);
    if input::flag(call, "Shared") {
        return Ok(json!({"Parameters": []}));
    }
    let mut found = Vec::new();
    for name in parameters::names(state).into_iter().filter(|name| !name.starts_with(PUBLIC)) {
        if let Some(parameter) = parameters::find(state, name)
            && wanted.iter().all(|filter| filter.fits(name, &parameter))
        {
            found.push((name.clone(), show(state, name, &parameter)));
        }
    }
    input::page(call, "Parameters", size, found)
}

fn show(state: &State, name: &str, parameter: &Parameter) -> Value {
    let mut shown = json!({
        "Name": name,
        "ARN": parameters::arn(state, name),
        "LastModifiedUser": super::super::sts::caller(state),
        "Tier": parameter.tier,
        "Policies": [],
        "DataType": parameter.data_type,
    });
    if let Some(version) = parameter.current() {
        shown["Type"] = json!(version.kind);
        shown["LastModifiedDate"] = json!(epoch(version.modified));
        shown["Version"] = json!(version.number);
    }
    for (member, text) in [("KeyId", &parameter.key), ("Description", &parameter.description)] {
        if let Some(text) = text {
            shown[member] = json!(text);
        }
    }
    shown
}
