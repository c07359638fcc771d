//! Account settings.

use serde_json::{Value, json};

use super::errors;
use super::paging::{listed, page};
use super::shapes::Input;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// Every setting, what it is when nobody has set it, and what it may be (empty: a whole number).
const SETTINGS: &[(&str, &str, &[&str])] = &[
    ("serviceLongArnFormat", "enabled", SWITCH),
    ("taskLongArnFormat", "enabled", SWITCH),
    ("containerInstanceLongArnFormat", "enabled", SWITCH),
    ("awsvpcTrunking", "disabled", SWITCH),
    ("containerInsights", "disabled", &["enabled", "disabled", "enhanced"]),
    ("fargateFIPSMode", "disabled", SWITCH),
    ("tagResourceAuthorization", "off", &["on", "off"]),
    ("fargateTaskRetirementWaitPeriod", "7", &["0", "7", "14"]),
    ("guardDutyActivate", "off", &["on", "off"]),
    ("defaultLogDriverMode", "non-blocking", &["blocking", "non-blocking"]),
    ("fargateEventWindows", "disabled", SWITCH),
];

const SWITCH: &[&str] = &["enabled", "disabled"];

/// What a setting is in this account.
pub(super) fn effective(state: &State, name: &str) -> String {
    let default = SETTINGS.iter().find(|(known, ..)| *known == name).map_or("", |(_, value, _)| value);
    state.ecs.settings.get(name).cloned().unwrap_or_else(|| default.to_owned())
}

/// `PutAccountSetting` and `PutAccountSettingDefault`, which are one where all calls come from the account itself.
pub(super) fn put(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let (name, value) = (input.text("name").unwrap_or(""), input.text("value").unwrap_or(""));
    let Some((_, _, allowed)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
        return Err(errors::invalid(format!("Invalid setting name: {name}")));
    };
    if !allowed.contains(&value) {
        return Err(errors::invalid(format!(
            "The value {value} is not valid for the setting {name}. Valid values: {}",
            allowed.join(", ")
        )));
    }
    if name.ends_with("LongArnFormat") && value == "disabled" {
        return Err(errors::invalid(format!("The account setting {name} can no longer be disabled.")));
    }
    let root = whole_account(state, &input)?;
    state.ecs.settings.insert(name.to_owned(), value.to_owned());
    Ok(json!({"setting": setting(&root, name, value)}))
}

/// The ARN of the one whose settings are kept: another's cannot be.
fn whole_account(state: &State, input: &Input) -> Result<String, AwsError> {
    let root = state.arn("iam", "root");
    if input.text("principalArn").is_some_and(|principal| principal != root) {
        return Err(errors::unsupported("the sandbox keeps account settings for the whole account only"));
    }
    Ok(root)
}

/// A setting is again what it is when nobody has set it.
pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let name = input.text("name").unwrap_or("");
    let root = whole_account(state, &input)?;
    state.ecs.settings.remove(name);
    Ok(json!({"setting": setting(&root, name, &effective(state, name))}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    if input.text("value").is_some() && input.text("name").is_none() {
        return Err(errors::invalid("You must specify an account setting name to use the value filter."));
    }
    let root = state.arn("iam", "root");
    let everything = input.flag("effectiveSettings").unwrap_or(false);
    let names: Vec<String> = SETTINGS
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .filter(|name| everything || state.ecs.settings.contains_key(name))
        .filter(|name| input.text("name").is_none_or(|wanted| wanted == name))
        .filter(|name| input.text("value").is_none_or(|wanted| wanted == effective(state, name)))
        .collect();
    let (names, next) = page(&input, names, 10, 100)?;
    let settings: Vec<Value> = names.iter().map(|name| setting(&root, name, &effective(state, name))).collect();
    Ok(listed("settings", settings, next))
}

fn setting(root: &str, name: &str, value: &str) -> Value {
    let kind = if name == "guardDutyActivate" { "aws_managed" } else { "user" };
    json!({"name": name, "value": value, "principalArn": root, "type": kind})
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;

    #[test]
    fn settings_are_kept_and_have_defaults() {
        let mut aws = Fixture::new();
        assert_eq!(aws.ok("ListAccountSettings", json!({}))["settings"], json!([]));
        aws.ok("PutAccountSetting", json!({"name": "containerInsights", "value": "enhanced"}));
        let own = aws.ok("ListAccountSettings", json!({}));
        assert_eq!(own["settings"][0]["value"], "enhanced");
        let effective = aws.ok("ListAccountSettings", json!({"effectiveSettings": true, "name": "awsvpcTrunking"}));
        assert_eq!(effective["settings"][0]["value"], "disabled");
        assert_eq!(
            aws.refused("PutAccountSetting", json!({"name": "containerInsights", "value": "maybe"})),
            "InvalidParameterException"
        );
        // A cluster that says nothing follows the account.
        let made = aws.ok("CreateCluster", json!({"clusterName": "a"}));
        assert_eq!(made["cluster"]["settings"][0]["value"], "enhanced");
        let deleted = aws.ok("DeleteAccountSetting", json!({"name": "containerInsights"}));
        assert_eq!(deleted["setting"]["value"], "disabled");
        assert_eq!(aws.ok("ListAccountSettings", json!({}))["settings"], json!([]));
        aws.ok("PutAccountSettingDefault", json!({"name": "awsvpcTrunking", "value": "enabled"}));
        assert_eq!(aws.ok("ListAccountSettings", json!({}))["settings"][0]["name"], "awsvpcTrunking");
    }
}
