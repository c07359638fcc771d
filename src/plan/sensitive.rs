//! Values that are shown to nobody: those under the paths of `lifecycle.sensitive`, and variables of containers that look
//! like secrets (as rule TD-16 judges).

use serde_json::Value;

use super::diff::named;
use super::{Change, FieldChange, Plan};
use crate::kinds::covers;
use crate::manifest::source::escape;
use crate::rules::is_secret;

/// What is written in place of such a value.
pub const SENSITIVE: &str = "(sensitive)";

impl Plan {
    /// The plan as it may be shown. It cannot be carried out.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut plan = self.clone();
        plan.changes.iter_mut().for_each(Change::hide);
        plan
    }
}

impl Change {
    fn hide(&mut self) {
        let paths: Vec<&str> = self.sensitive.iter().map(String::as_str).collect();
        hide_fields(&mut self.fields, &paths);
        if let Some(desired) = &mut self.desired {
            hide(desired, "", &paths);
        }
        if let Some(live) = &mut self.live {
            hide(&mut live.spec, "", &paths);
            // What is not declared any more has nobody to say what of it is sensitive.
            if self.desired.is_none() {
                hide_texts(&mut live.spec);
                hide_texts(&mut live.detail);
            }
        }
    }

    /// The change as it may be shown.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut change = self.clone();
        change.hide();
        change
    }
}

/// Hides every text.
fn hide_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = SENSITIVE.to_owned(),
        Value::Object(members) => members.values_mut().for_each(hide_texts),
        Value::Array(items) => items.iter_mut().for_each(hide_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Where in a spec the sensitive values are, as JSON pointers.
pub(crate) fn sensitive_pointers(spec: &Value, paths: &[String]) -> Vec<String> {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (mut hidden, mut pointers) = (spec.clone(), Vec::new());
    hide(&mut hidden, "", &paths);
    differing("", spec, &hidden, &mut pointers);
    pointers
}

fn differing(pointer: &str, one: &Value, other: &Value, pointers: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (name, value) in one {
                let pointer = format!("{pointer}/{}", escape(name));
                other.get(name).into_iter().for_each(|other| differing(&pointer, value, other, pointers));
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                differing(&format!("{pointer}/{place}"), one, other, pointers);
            }
        }
        (one, other) if one != other => pointers.push(pointer.to_owned()),
        _ => {}
    }
}

/// Hides what is sensitive in fields that differ.
pub fn hide_fields(fields: &mut [FieldChange], paths: &[&str]) {
    for field in fields {
        let path = field.path.clone();
        for value in [&mut field.before, &mut field.after].into_iter().flatten() {
            match variable(&path) {
                Some(name) if value.as_str().is_some_and(|text| is_secret(name, text)) => *value = SENSITIVE.into(),
                _ => hide(value, &path, paths),
            }
        }
    }
}

/// Hides what is sensitive in a spec.
pub(super) fn hide_spec(spec: &mut Value, paths: &[String]) {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    hide(spec, "", &paths);
}

/// The name of the variable whose value this path is: `….environment[TOKEN].value`.
fn variable(path: &str) -> Option<&str> {
    let (_, name) = path.strip_suffix("].value")?.rsplit_once("environment[")?;
    Some(name)
}

fn hide(value: &mut Value, path: &str, paths: &[&str]) {
    if covers(paths, path) && !path.is_empty() {
        *value = SENSITIVE.into();
        return;
    }
    match value {
        Value::Object(members) => {
            if let (Some(Value::String(name)), Some(Value::String(text))) = (members.get("name"), members.get("value"))
                && path.contains("environment")
                && is_secret(name, text)
            {
                members.insert("value".to_owned(), SENSITIVE.into());
            }
            for (name, member) in members.iter_mut() {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                hide(member, &path, paths);
            }
        }
        Value::Array(items) => {
            let names = named(items);
            for (place, item) in items.iter_mut().enumerate() {
                let name = names.get(place).map_or("", String::as_str);
                hide(item, &format!("{path}[{name}]"), paths);
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
    fn what_is_sensitive_is_hidden_wherever_it_stands() {
        let environment = json!([{"name": "MODE", "value": "blue"}, {"name": "DB_PASSWORD", "value": "hunter2"}]);
        let mut spec = json!({"userData": "secret script", "containerDefinitions": [
            {"name": "till", "environment": environment}, {"name": "side", "environment": environment}]});
        hide(&mut spec, "", &["userData", "containerDefinitions[till].environment[MODE]"]);
        assert_eq!(spec["userData"], SENSITIVE);
        assert_eq!(spec["containerDefinitions"][0]["environment"][0], SENSITIVE);
        assert_eq!(spec["containerDefinitions"][0]["environment"][1]["value"], SENSITIVE);
        assert_eq!(spec["containerDefinitions"][1]["environment"][0]["value"], "blue");
        assert!(!spec.to_string().contains("hunter2"));

        let field = |path: &str, value: &str| FieldChange {
            path: path.to_owned(),
            before: Some(value.into()),
            after: None,
            forces_replacement: false,
        };
        let mut fields = [
            field("containerDefinitions[till].environment[TOKEN].value", "abc"),
            field("containerDefinitions[till].environment[MODE].value", "blue"),
            field("containerDefinitions[till].environment[MODEL].value", "red"),
            field("containerDefinitions[till].image", "nginx"),
        ];
        hide_fields(&mut fields, &["containerDefinitions[till].environment[MODE]"]);
        let shown: Vec<&str> = fields.iter().map(|field| field.before.as_ref().unwrap().as_str().unwrap()).collect();
        assert_eq!(shown, [SENSITIVE, SENSITIVE, "red", "nginx"]);
    }
}
