//! What of a stack concerns hosts: specs as JSON, once as written, once with what is certain already.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::address::Address;
use crate::desired::Desired;
use crate::kinds::{Attributes, Place, RESOURCE_TAG, STACK_TAG};
use crate::manifest::references::{Reference, contains, occurrences, whole};
use crate::manifest::substitute;
use crate::plan::tags;

/// The declared objects of a stack.
#[derive(Debug, Clone)]
pub struct Declarations {
    pub place: Place,
    /// USD for an external instance and hour, where the stack says so.
    pub hourly_price: Option<f64>,
    pub objects: BTreeMap<Address, Declared>,
}

/// A declared object.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// References as written.
    pub written: Value,
    /// References resolved where the answer is certain before anything exists.
    pub spec: Value,
    /// All tags that the object is to have, as far as they are certain.
    pub tags: BTreeMap<String, String>,
}

impl Declarations {
    pub fn of(desired: &Desired) -> Self {
        let place = desired.place();
        let mut known: BTreeMap<Address, Attributes> = BTreeMap::new();
        let mut specs = BTreeMap::new();
        for wanted in desired.wanted().into_values().flatten() {
            if let Some(resource) = desired.get(&wanted.address) {
                let attributes = resource.kind.foretell(&wanted.address.name, &wanted.spec, &place);
                known.insert(wanted.address.clone(), attributes);
            }
            specs.insert(wanted.address, wanted.spec);
        }
        let mut objects = BTreeMap::new();
        for resource in desired.in_order() {
            let mut tags = desired.stack.tags.clone();
            for (key, value) in &resource.tags {
                let value = substitute(&Value::String(value.clone()), &|reference| {
                    let attribute = reference.attribute.as_deref()?;
                    known.get(&Address::from(reference))?.get(attribute).cloned().map(Value::String)
                });
                if let Some(value) = value.as_str().filter(|value| !contains(value)) {
                    tags.insert(key.clone(), value.to_owned());
                }
            }
            tags::remember(&tags.clone(), &mut tags);
            tags.insert(STACK_TAG.to_owned(), place.stack.clone());
            tags.insert(RESOURCE_TAG.to_owned(), resource.address.to_string());
            if let Some(on_delete) = resource.on_delete() {
                tags.insert(tags::ON_DELETE_TAG.to_owned(), on_delete.to_owned());
            }
            let spec = specs.remove(&resource.address).unwrap_or_else(|| resource.spec.clone());
            let declared = Declared { written: resource.spec.clone(), spec, tags };
            objects.insert(resource.address.clone(), declared);
        }
        Self { place, hourly_price: desired.stack.external_instance_hourly_price, objects }
    }

    /// Those of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&Address, &Declared)> {
        let kind = kind.to_owned();
        self.objects.iter().filter(move |(address, _)| address.kind == kind)
    }

    /// The object that a field refers to.
    pub fn target(&self, field: &Value) -> Option<(&Address, &Declared)> {
        let (found, _) = occurrences(field, "");
        self.objects.get_key_value(&Address::from(&found.first()?.reference))
    }

    /// Task definitions that run on hosts: by what they say themselves, or by the launch type of who runs them.
    pub fn external_definitions(&self) -> BTreeMap<&Address, &Declared> {
        let mut found: BTreeMap<&Address, &Declared> = self
            .of_kind("TaskDefinition")
            .filter(|(_, declared)| {
                let list = declared.spec["requiresCompatibilities"].as_array();
                list.is_some_and(|list| list.iter().any(|one| one == "EXTERNAL"))
            })
            .collect();
        for (_, runner) in self.external_runners() {
            found.extend(self.definition_of(runner));
        }
        found
    }

    /// Services and tasks of launch type EXTERNAL.
    pub fn external_runners(&self) -> impl Iterator<Item = (&Address, &Declared)> {
        self.objects
            .iter()
            .filter(|(address, _)| matches!(address.kind.as_str(), "Service" | "Task"))
            .filter(|(_, declared)| declared.spec["launchType"] == "EXTERNAL")
    }

    /// The declared definition of a service or task.
    pub fn definition_of(&self, runner: &Declared) -> Option<(&Address, &Declared)> {
        let field = &runner.written["taskDefinition"];
        if let Some(found) = self.target(field) {
            return Some(found);
        }
        let family = last_part(field.as_str()?).split(':').next()?;
        self.of_kind("TaskDefinition")
            .find(|(address, declared)| declared.spec["family"].as_str().unwrap_or(&address.name) == family)
    }
}

/// `stores` of `arn:aws:ecs:…:cluster/stores`.
pub(super) fn last_part(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The reference that a field is.
pub(super) fn reference(field: &Value) -> Option<Reference> {
    whole(field.as_str()?)
}
