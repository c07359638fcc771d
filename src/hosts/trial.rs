//! Stacks for tests, from JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Declarations, Declared, Host};
use crate::kinds::Place;

/// Objects by address, each with its spec. References stay as they are in both forms.
pub(crate) fn stack(objects: &[(&str, &str)]) -> Declarations {
    let place = Place { account: "123456789012".into(), region: "eu-north-1".into(), stack: "shops".into() };
    let declared = |address: &str, spec: &str| {
        let spec: Value = serde_json::from_str(spec).unwrap();
        let tags = BTreeMap::from([
            ("farpost/stack".to_owned(), "shops".to_owned()),
            ("farpost/resource".to_owned(), address.to_owned()),
        ]);
        Declared { written: spec.clone(), spec, tags }
    };
    let objects = objects.iter().map(|(address, spec)| (address.parse().unwrap(), declared(address, spec))).collect();
    Declarations { place, hourly_price: None, objects }
}

/// The activation that [`host`] registers with.
pub(crate) const ACTIVATION: &str = r#"{"iamRole": "anywhere", "code": {"parameter": "/ecs-anywhere/stores/code"}}"#;

/// A host with this spec beside cluster and activation.
pub(crate) fn host(more: &str) -> Host {
    let mut spec: Value = serde_json::from_str(more).unwrap();
    let members = spec.as_object_mut().unwrap();
    members.entry("cluster").or_insert_with(|| "stores".into());
    members.entry("activation").or_insert_with(|| "${Activation.stores.id}".into());
    let spec = spec.to_string();
    let stack = stack(&[("ExternalInstance/till-1", &spec), ("Activation/stores", ACTIVATION)]);
    Host::read(&stack, &"ExternalInstance/till-1".parse().unwrap()).unwrap()
}
