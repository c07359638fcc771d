//! What is not kept of a plan: declared values that are shown to nobody, and live values that may be secret.

use serde_json::Value;

use crate::manifest::Declaration;
use crate::plan::sensitive::hide_spec;
use crate::plan::{Change, Plan};

/// What stands for a value that is not kept.
pub(super) const NOT_KEPT: &str = "(not kept)";
/// Members whose value is not kept whatever it is.
const WHOLE: &[&str] = &["userData", "ecsConfig"];
/// The list of environment variables, in containers and in what overrides them.
const ENVIRONMENT: &str = "environment";

/// The plan less what is not kept.
pub(super) fn without_secrets(plan: &Plan) -> Plan {
    let mut plan = plan.shown();
    plan.changes.iter_mut().for_each(hide);
    plan
}

/// A change less the same.
pub(super) fn hidden(change: &Change) -> Change {
    let mut change = change.shown();
    hide(&mut change);
    change
}

/// What is declared, less what is shown to nobody.
pub(super) fn declared(all: &[Declaration]) -> Vec<Declaration> {
    let mut all = all.to_vec();
    all.iter_mut().for_each(|one| hide_spec(&mut one.spec, &one.lifecycle.sensitive));
    all
}

fn hide(change: &mut Change) {
    if let Some(live) = &mut change.live {
        hide_in(&mut live.spec);
        hide_in(&mut live.detail);
    }
    for field in &mut change.fields {
        let Some(before) = &mut field.before else { continue };
        if is_secret(&field.path) {
            hide_whole(before);
        } else if is_list_of_environment(&field.path) {
            hide_variables(before);
        } else {
            hide_in(before);
        }
    }
}

/// `userData`, `ecsConfig.X`, `containerDefinitions[app].environment[LOG].value`.
fn is_secret(path: &str) -> bool {
    let mut segments = path.split('.').map(|segment| segment.split('[').next().unwrap_or_default());
    let in_variable = path.contains(&format!("{ENVIRONMENT}[")) && path.ends_with(".value");
    in_variable || segments.any(|segment| WHOLE.contains(&segment))
}

/// `…environment`, and an item of it: `…environment[LOG]` or `…environment[]`.
fn is_list_of_environment(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    last.split('[').next() == Some(ENVIRONMENT)
}

fn hide_whole(value: &mut Value) {
    *value = Value::String(NOT_KEPT.to_owned());
}

/// A list of variables, or one.
fn hide_variables(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_variables),
        Value::Object(members) => {
            if let Some(value) = members.get_mut("value") {
                hide_whole(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn hide_in(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_in),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if WHOLE.contains(&name.as_str()) && !value.is_null() {
                    hide_whole(value);
                } else if name == ENVIRONMENT {
                    hide_variables(value);
                } else {
                    hide_in(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn live_variables_and_user_data_are_hidden_wherever_they_are() {
        let mut spec = json!({
            "containerDefinitions": [{"name": "app", "environment": [{"name": "KEY", "value": "s3cret"}], "cpu": 1}],
            "overrides": {"containerOverrides": [{"environment": [{"name": "KEY", "value": "s3cret"}]}]},
            "userData": "s3cret", "ecsConfig": {"ECS_ENGINE_AUTH_DATA": "s3cret"}, "image": "a",
        });
        hide_in(&mut spec);
        let text = spec.to_string();
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("KEY") && text.contains("\"cpu\":1") && text.contains("\"image\":\"a\""), "{text}");
    }

    #[test]
    fn what_a_field_was_is_hidden_by_its_path() {
        for (path, before) in [
            ("containerDefinitions[app].environment[KEY].value", json!("s3cret")),
            ("containerDefinitions[app].environment[KEY]", json!({"name": "KEY", "value": "s3cret"})),
            ("containerDefinitions[app].environment[]", json!({"name": "KEY", "value": "s3cret"})),
            ("containerDefinitions[app].environment", json!([{"name": "KEY", "value": "s3cret"}])),
            ("containerDefinitions[app]", json!({"environment": [{"name": "KEY", "value": "s3cret"}]})),
            ("userData", json!("s3cret")),
            ("ecsConfig.ECS_ENGINE_AUTH_DATA", json!("s3cret")),
        ] {
            let field = crate::plan::FieldChange {
                path: path.to_owned(),
                before: Some(before),
                after: None,
                forces_replacement: false,
            };
            let mut change = super::super::tests::change("Task/a", crate::plan::Action::Update);
            change.fields = vec![field];
            hide(&mut change);
            let text = serde_json::to_string(&change).unwrap();
            assert!(!text.contains("s3cret") && text.contains(NOT_KEPT), "{path}: {text}");
        }
        assert!(!is_secret("containerDefinitions[app].image") && !is_secret("tags.value"));
    }
}
