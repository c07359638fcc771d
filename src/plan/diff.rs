//! The difference of two specs, field by field.
//!
//! Both sides are normalised, so what differs here differs in meaning. Objects in a list are matched by their own
//! name or key, never by position; a list of plain values is a bag whose order counts only when nothing else
//! differs (a kind whose list is a set has sorted it).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kinds::{About, covers};

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// `containerDefinitions[app].environment[LOG].value`.
    pub path: String,
    /// What AWS has; absent when nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Value>,
    /// What is declared, or what AWS's default is; absent when nothing. `${…}` in it is known after apply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Value>,
    /// Whether this field alone makes a new object necessary.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub forces_replacement: bool,
}

/// What has to change in `live` to make it `desired`.
pub fn diff(about: &About, desired: &Value, live: &Value, ignored: &[String]) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let ignored: Vec<&str> = ignored.iter().map(String::as_str).collect();
    let walk = Walk { about, ignored: &ignored };
    walk.compare("", Some(desired), Some(live), &mut changes);
    changes
}

/// `wanted` with the live values of the paths that are left to others.
pub fn carry_over(wanted: &Value, live: &Value, ignored: &[String]) -> Value {
    carried("", Some(wanted), Some(live), ignored).unwrap_or_default()
}

fn carried(path: &str, wanted: Option<&Value>, live: Option<&Value>, ignored: &[String]) -> Option<Value> {
    let all: Vec<&str> = ignored.iter().map(String::as_str).collect();
    if covers(&all, path) {
        return live.cloned();
    }
    if !path.is_empty() && !ignored.iter().any(|one| covers(&[path], one)) {
        return wanted.cloned();
    }
    // Where one side has nothing, it has an empty one.
    let members =
        |value: Option<&Value>| value.map_or(Some(serde_json::Map::new()), |value| value.as_object().cloned());
    if let (Some(new), Some(old)) = (members(wanted), members(live)) {
        let gone = old.keys().filter(|name| !new.contains_key(*name));
        let merged: serde_json::Map<String, Value> = new
            .keys()
            .chain(gone)
            .filter_map(|name| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                Some((name.clone(), carried(&path, new.get(name), old.get(name), ignored)?))
            })
            .collect();
        return (wanted.is_some() || !merged.is_empty()).then_some(Value::Object(merged));
    }
    let items = |value: Option<&Value>| value.map_or(Some(Vec::new()), |value| value.as_array().cloned());
    let (Some(new), Some(old)) = (items(wanted), items(live)) else { return wanted.cloned() };
    let Some(name) = names(&new, &old) else { return wanted.cloned() };
    let by_name = |items: &[Value], wanted: &str| items.iter().find(|item| text(&item[name]) == wanted).cloned();
    let mut seen: Vec<String> = new.iter().map(|item| text(&item[name])).collect();
    seen.extend(old.iter().map(|item| text(&item[name])).filter(|item| by_name(&new, item).is_none()));
    let merged: Vec<Value> = seen
        .iter()
        .filter_map(|item| {
            let (wanted, live) = (by_name(&new, item), by_name(&old, item));
            carried(&format!("{path}[{item}]"), wanted.as_ref(), live.as_ref(), ignored)
        })
        .collect();
    (wanted.is_some() || !merged.is_empty()).then_some(Value::Array(merged))
}

/// Members that name an object among its siblings, the first that all of them have.
const NAMES: &[&str] = &[
    "name",
    "key",
    "policyName",
    "destinationCidrBlock",
    "sourceVolume",
    "containerPort",
    "deviceName",
    "Sid",
    "type",
];

struct Walk<'a> {
    about: &'a About,
    ignored: &'a [&'a str],
}

impl Walk<'_> {
    fn compare(&self, path: &str, desired: Option<&Value>, live: Option<&Value>, out: &mut Vec<FieldChange>) {
        if desired == live
            || covers(self.ignored, path)
            || covers(self.about.local, path)
            || (desired.is_none() && covers(self.about.unmanaged, path))
        {
            return;
        }
        match (desired, live) {
            (Some(Value::Object(desired)), Some(Value::Object(live))) => {
                let gone = live.keys().filter(|name| !desired.contains_key(*name));
                for name in desired.keys().chain(gone) {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.compare(&path, desired.get(name), live.get(name), out);
                }
            }
            (Some(Value::Array(desired)), Some(Value::Array(live))) => self.compare_lists(path, desired, live, out),
            // A list that is not there is an empty one, so that each of its items shows.
            (Some(Value::Array(desired)), None) if names(desired, &[]).is_some() => {
                self.compare_lists(path, desired, &[], out);
            }
            (None, Some(Value::Array(live))) if names(live, &[]).is_some() => self.compare_lists(path, &[], live, out),
            (desired, live) => out.push(FieldChange {
                path: path.to_owned(),
                before: live.cloned(),
                after: desired.cloned(),
                forces_replacement: self.about.replaces(path, desired),
            }),
        }
    }

    fn compare_lists(&self, path: &str, desired: &[Value], live: &[Value], out: &mut Vec<FieldChange>) {
        if let Some(name) = names(desired, live) {
            let by_name =
                |items: &[Value], wanted: &str| items.iter().find(|item| text(&item[name]) == wanted).cloned();
            let mut seen: Vec<String> = desired.iter().map(|item| text(&item[name])).collect();
            seen.extend(
                live.iter().map(|item| text(&item[name])).filter(|item| !seen.contains(item)).collect::<Vec<_>>(),
            );
            let before = out.len();
            for item in &seen {
                let (desired, live) = (by_name(desired, item), by_name(live, item));
                self.compare(&format!("{path}[{item}]"), desired.as_ref(), live.as_ref(), out);
            }
            // What neither side may change on the other counts for nothing; what is left can differ in order only.
            let shared = |items: &[Value], others: &[Value]| -> Vec<String> {
                items.iter().map(|item| text(&item[name])).filter(|item| by_name(others, item).is_some()).collect()
            };
            if out.len() > before || shared(desired, live) == shared(live, desired) {
                return;
            }
        }
        let mut gone: Vec<&Value> = live.iter().collect();
        let mut new = Vec::new();
        for item in desired {
            match gone.iter().position(|live| *live == item) {
                Some(place) => drop(gone.remove(place)),
                None => new.push(item),
            }
        }
        let change = |before: Option<&Value>, after: Option<&Value>| FieldChange {
            path: format!("{path}[]"),
            before: before.cloned(),
            after: after.cloned(),
            forces_replacement: self.about.replaces(path, after),
        };
        if new.is_empty() && gone.is_empty() {
            out.push(FieldChange {
                path: path.to_owned(),
                before: Some(live.into()),
                after: Some(desired.into()),
                forces_replacement: self.about.replaces(path, None),
            });
            return;
        }
        out.extend(gone.into_iter().map(|item| change(Some(item), None)));
        out.extend(new.into_iter().map(|item| change(None, Some(item))));
    }
}

/// The member by which the objects of two lists can be matched: all have it and none shares its value.
fn names(desired: &[Value], live: &[Value]) -> Option<&'static str> {
    if desired.is_empty() && live.is_empty() {
        return None;
    }
    let unique = |items: &[Value], name: &str| {
        let mut values: Vec<String> = items.iter().filter_map(|item| item.get(name)).map(text).collect();
        values.sort();
        values.dedup();
        values.len() == items.len()
    };
    NAMES.iter().find(|name| unique(desired, name) && unique(live, name)).copied()
}

/// How each item of a list is called in paths; empty when the items have no names of their own.
pub(super) fn named(items: &[Value]) -> Vec<String> {
    names(items, &[]).map_or_else(Vec::new, |name| items.iter().map(|item| text(&item[name])).collect())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ABOUT: About = About { replace: &["vpcId"], unmanaged: &["zone"], ..About::DEFAULT };

    fn paths(desired: Value, live: Value) -> Vec<String> {
        diff(&ABOUT, &desired, &live, &["tuned".to_owned()]).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn equal_specs_have_no_difference() {
        let spec = json!({"vpcId": "a", "list": [{"name": "x"}]});
        assert!(paths(spec.clone(), spec).is_empty());
    }

    #[test]
    fn objects_in_lists_are_matched_by_name() {
        let desired = json!({"containers": [{"name": "b", "cpu": 1}, {"name": "a", "cpu": 1}]});
        let live = json!({"containers": [{"name": "a", "cpu": 1}, {"name": "b", "cpu": 2}]});
        assert_eq!(paths(desired, live), ["containers[b].cpu"]);
    }

    #[test]
    fn order_shows_only_when_nothing_else_differs() {
        assert_eq!(paths(json!({"command": ["a", "b"]}), json!({"command": ["b", "a"]})), ["command"]);
        assert_eq!(paths(json!({"command": ["a", "c"]}), json!({"command": ["b", "a"]})), ["command[]", "command[]"]);
    }

    #[test]
    fn unmanaged_fields_count_only_when_declared() {
        assert!(paths(json!({}), json!({"zone": "a"})).is_empty());
        assert_eq!(paths(json!({"zone": "b"}), json!({"zone": "a"})), ["zone"]);
    }

    #[test]
    fn what_is_left_to_others_is_carried_over() {
        let ignored =
            ["image", "list[a].image", "list[b]", "more.x", "other[z]", "here.x", "there.x"].map(str::to_owned);
        let wanted = json!({"image": 1, "list": [{"name": "a", "image": 1, "cpu": 1}], "more": {"y": 1}, "gone": 1,
            "here": {"x": 1, "y": 1}});
        let live = json!({"list": [{"name": "a", "image": 2, "cpu": 2}, {"name": "b"}, {"name": "c"}],
            "more": {"x": 2, "y": 2}, "other": [{"name": "z"}, {"name": "y"}], "extra": 2,
            "there": {"x": 2, "y": 2}});
        let expected = json!({"list": [{"name": "a", "image": 2, "cpu": 1}, {"name": "b"}], "more": {"y": 1, "x": 2},
            "gone": 1, "other": [{"name": "z"}], "here": {"y": 1}, "there": {"x": 2}});
        assert_eq!(carry_over(&wanted, &live, &ignored), expected);
        assert_eq!(carry_over(&wanted, &live, &[]), wanted);
    }

    #[test]
    fn ignored_fields_never_count() {
        assert!(paths(json!({"tuned": {"x": 1}}), json!({"tuned": {"x": 2}})).is_empty());
    }

    #[test]
    fn unmanaged_members_of_named_objects_count_only_when_declared() {
        let live = json!({"zone": [{"name": "x", "size": 1, "speed": 2}, {"name": "y"}]});
        assert!(paths(json!({"zone": [{"name": "x", "size": 1}]}), live.clone()).is_empty());
        assert_eq!(paths(json!({"zone": [{"name": "x", "size": 3}]}), live), ["zone[x].size"]);
    }

    #[test]
    fn the_field_that_forces_a_replacement_says_so() {
        let changes = diff(&ABOUT, &json!({"vpcId": "a"}), &json!({"vpcId": "b"}), &[]);
        assert!(changes[0].forces_replacement);
    }

    #[test]
    fn a_new_named_list_shows_each_item() {
        assert_eq!(paths(json!({"env": [{"name": "A"}, {"name": "B"}]}), json!({})), ["env[A]", "env[B]"]);
    }
}
