//! What one set of manifests changes against another, without AWS.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Desired, Resource};
use crate::address::Address;
use crate::plan::{FieldChange, diff, hide_fields};

/// How the declaration of one object differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub address: Address,
    pub change: Kind,
    pub fields: Vec<FieldChange>,
}

/// What happened to a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Added,
    Changed,
    /// A field changed that needs a new object.
    Replaced,
    Removed,
}

/// What `after` changes against `before`, by address.
pub fn compare(before: Option<&Desired>, after: &Desired) -> Vec<Difference> {
    let empty = Value::Object(serde_json::Map::new());
    let mut differences = Vec::new();
    for resource in after.in_order() {
        let address = resource.address.clone();
        let Some(old) = before.and_then(|before| before.get(&address)) else {
            let fields = diff(resource.kind.about(), &resource.spec, &empty, &[]);
            differences.push(Difference { address, change: Kind::Added, fields: calm(fields) });
            continue;
        };
        let mut fields =
            diff(resource.kind.about(), &normal(resource, after), &normal(old, before.unwrap_or(after)), &[]);
        fields.extend(tags(resource, old));
        if !fields.is_empty() {
            let is_replaced = fields.iter().any(|field| field.forces_replacement);
            differences.push(Difference {
                address,
                change: if is_replaced { Kind::Replaced } else { Kind::Changed },
                fields,
            });
        }
    }
    for old in before.iter().flat_map(|before| before.in_order()).filter(|old| after.get(&old.address).is_none()) {
        let fields = diff(old.kind.about(), &empty, &old.spec, &[]);
        differences.push(Difference { address: old.address.clone(), change: Kind::Removed, fields: calm(fields) });
    }
    for difference in &mut differences {
        let declared = before.and_then(|before| before.get(&difference.address));
        let declared = declared.into_iter().chain(after.get(&difference.address));
        let sensitive: Vec<&str> =
            declared.flat_map(|resource| &resource.lifecycle.sensitive).map(String::as_str).collect();
        hide_fields(&mut difference.fields, &sensitive);
    }
    differences.sort_by(|a, b| a.address.cmp(&b.address));
    differences
}

fn normal(resource: &Resource, desired: &Desired) -> Value {
    resource.kind.normalise(&resource.spec, &desired.place()).unwrap_or_else(|_| resource.spec.clone())
}

/// What is new or gone replaces nothing.
fn calm(mut fields: Vec<FieldChange>) -> Vec<FieldChange> {
    fields.iter_mut().for_each(|field| field.forces_replacement = false);
    fields
}

fn tags(new: &Resource, old: &Resource) -> Vec<FieldChange> {
    let mut keys: Vec<&String> = new.tags.keys().chain(old.tags.keys()).collect();
    keys.sort();
    keys.dedup();
    let value =
        |tags: &std::collections::BTreeMap<String, String>, key: &String| tags.get(key).cloned().map(Value::String);
    keys.into_iter()
        .filter(|key| new.tags.get(*key) != old.tags.get(*key))
        .map(|key| FieldChange {
            path: format!("tags.{key}"),
            before: value(&old.tags, key),
            after: value(&new.tags, key),
            forces_replacement: false,
        })
        .collect()
}
