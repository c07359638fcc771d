//! What a plan must not show: values that `lifecycle.sensitive` names, and values that look like secrets.
//!
//! Whoever shows or writes a plan takes [`Plan::masked`]. Only applying sees the values.

use serde_json::Value;

use super::diff::names;
use super::{Change, FieldChange, Plan};
use crate::kinds::covers;
use crate::manifest::source::escape;
use crate::rules::looks_secret;

/// What stands in place of a value that is not shown.
pub const SENSITIVE: &str = "(sensitive)";

impl Plan {
    /// The plan without sensitive values.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut plan = self.clone();
        plan.changes.iter_mut().for_each(Change::mask);
        plan
    }
}

impl Change {
    /// Takes the sensitive values out of it.
    fn mask(&mut self) {
        // What is not declared any more has nobody to say which of its variables are sensitive.
        let is_forgotten = self.desired.is_none();
        let mask = Mask { paths: &self.sensitive, all_variables: is_forgotten };
        mask.fields(&mut self.fields);
        if let Some(desired) = &mut self.desired {
            mask.value("", desired);
        }
        if let Some(live) = &mut self.live {
            mask.value("", &mut live.spec);
            mask.value("", &mut live.detail);
        }
    }
}

/// Takes sensitive values out of differences; `paths` are those that `lifecycle.sensitive` names.
pub fn mask_fields(fields: &mut [FieldChange], paths: &[String]) {
    Mask { paths, all_variables: false }.fields(fields);
}

/// Where in a spec the sensitive values are, as JSON pointers.
pub(crate) fn sensitive_pointers(spec: &Value, paths: &[String]) -> Vec<String> {
    let mut masked = spec.clone();
    Mask { paths, all_variables: false }.value("", &mut masked);
    let mut pointers = Vec::new();
    differing("", spec, &masked, &mut pointers);
    pointers
}

fn differing(pointer: &str, one: &Value, other: &Value, pointers: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (name, value) in one {
                let name_of = escape(name);
                other.get(name).inspect(|other| differing(&format!("{pointer}/{name_of}"), value, other, pointers));
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

struct Mask<'a> {
    paths: &'a [String],
    /// Whether every variable of a container is taken for sensitive.
    all_variables: bool,
}

impl Mask<'_> {
    fn fields(&self, fields: &mut [FieldChange]) {
        for FieldChange { path, before, after, .. } in fields {
            for value in [before, after].into_iter().flatten() {
                self.value(path, value);
            }
        }
    }

    fn value(&self, path: &str, value: &mut Value) {
        if !path.is_empty() && self.covers(path) {
            return conceal(value);
        }
        let is_variable = is_variable(path);
        match value {
            Value::Object(members) => {
                let of = |name: &str| members.get(name).and_then(Value::as_str);
                let is_secret = is_variable
                    && of("value")
                        .is_some_and(|value| self.all_variables || looks_secret(of("name").unwrap_or_default(), value));
                for (name, member) in members {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    match is_secret && name == "value" {
                        true => conceal(member),
                        false => self.value(&path, member),
                    }
                }
            }
            Value::Array(items) => {
                let name = names(items, &[]);
                for item in items {
                    let text = name
                        .and_then(|name| item.get(name))
                        .map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned));
                    let base = path.strip_suffix("[]").unwrap_or(path);
                    self.value(&format!("{base}[{}]", text.unwrap_or_default()), item);
                }
            }
            // `…environment[NAME].value`, in a difference.
            Value::String(text) => {
                let name = path.strip_suffix("].value").filter(|start| is_variable_start(start));
                let name = name.and_then(|start| start.rsplit_once('[')).map(|(_, name)| name);
                if name.is_some_and(|name| self.all_variables || looks_secret(name, text)) {
                    conceal(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn covers(&self, path: &str) -> bool {
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        covers(&paths, path)
    }
}

/// Whether an item of a list is a variable of a container.
fn is_variable(path: &str) -> bool {
    path.strip_suffix(']').is_some_and(is_variable_start)
}

fn is_variable_start(start: &str) -> bool {
    start.rsplit_once('[').is_some_and(|(list, _)| list == "environment" || list.ends_with(".environment"))
}

/// Leaves the names by which an object is told from its siblings.
fn conceal(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (_, member) in members.iter_mut().filter(|(name, _)| *name != "name" && *name != "key") {
                *member = SENSITIVE.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(conceal),
        Value::Null => {}
        other => *other = SENSITIVE.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(paths: &[&str], mut value: Value) -> String {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        Mask { paths: &paths, all_variables: false }.value("", &mut value);
        value.to_string()
    }

    #[test]
    fn what_is_named_is_not_shown() {
        let spec = json!({"containerDefinitions": [
            {"name": "till", "image": "i", "environment": [{"name": "A", "value": "one"}, {"name": "B", "value": "two"}]},
            {"name": "other", "environment": [{"name": "A", "value": "three"}]},
        ]});
        let text = masked(&["containerDefinitions[till].environment[A]"], spec.clone());
        assert!(!text.contains("one") && text.contains("two") && text.contains("three"), "{text}");
        let text = masked(&["containerDefinitions[till].environment"], spec.clone());
        assert!(!text.contains("one") && !text.contains("two") && text.contains(r#""name":"B""#), "{text}");
        assert_eq!(masked(&[], spec.clone()), spec.to_string());
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let variable = |name: &str, value: &str| json!({"name": name, "value": value});
        let list = json!([variable("DB_PASSWORD", "hunter2"), variable("STORE", "17")]);
        let text = masked(&[], json!({"overrides": {"containerOverrides": [{"name": "a", "environment": list}]}}));
        assert!(!text.contains("hunter2") && text.contains("17"), "{text}");
    }

    #[test]
    fn differences_are_masked_wherever_they_stand() {
        let field = |path: &str, before: Value, after: Value| FieldChange {
            path: path.to_owned(),
            before: Some(before),
            after: Some(after),
            forces_replacement: false,
        };
        let one = |value: &str| json!({"name": "B", "value": value});
        let mut fields = [
            field("containerDefinitions[a].environment[API_TOKEN].value", json!("secret1"), json!("secret2")),
            field("containerDefinitions[a].environment[B].value", json!("secret3"), json!("secret4")),
            field("containerDefinitions[a].environment", json!([one("secret5")]), json!([one("secret6")])),
            field("containerDefinitions[a].environment[B]", one("secret7"), one("secret8")),
            field("containerDefinitions[a].image", json!("old"), json!("new")),
        ];
        mask_fields(&mut fields, &["containerDefinitions[a].environment[B]".to_owned()]);
        let text = format!("{fields:?}");
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("old") && text.contains("new"), "{text}");
    }
}
