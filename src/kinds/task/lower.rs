//! A run as an object: its id, and what is said of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::marker::started_by;
use super::spec::TaskSpec;
use crate::address::Address;
use crate::kinds::{Attributes, Found, RESOURCE_TAG, Readiness, STACK_TAG};

/// A task as its declaration makes it. What ECS tells of tasks is not what was declared, so the spec comes from
/// elsewhere.
pub(super) fn bare(
    stack: &str,
    address: &Address,
    id: String,
    spec: TaskSpec,
    readiness: Readiness,
    detail: Value,
) -> Found<TaskSpec> {
    let starter = spec.started_by.clone().unwrap_or_else(|| started_by(stack, &address.name));
    Found {
        id,
        key: None,
        spec,
        attributes: Attributes::from([("startedBy".to_owned(), starter)]),
        tags: BTreeMap::from([
            (STACK_TAG.to_owned(), stack.to_owned()),
            (RESOURCE_TAG.to_owned(), address.to_string()),
        ]),
        readiness,
        detail,
    }
}

/// The cluster by name.
pub(super) fn cluster(spec: &TaskSpec) -> &str {
    spec.cluster.as_deref().unwrap_or("default")
}

/// `edge/migrate/0123`: where to look for the tasks of a declaration, and for which of them. `@nightly` follows where
/// the manifest says by what they can be listed.
pub(super) fn id(spec: &TaskSpec, name: &str, attempt: &str) -> String {
    let starter = spec.started_by.as_ref().map(|word| format!("@{word}")).unwrap_or_default();
    format!("{}/{name}/{attempt}{starter}", cluster(spec))
}

/// What an id consists of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) cluster: &'a str,
    pub(super) name: &'a str,
    pub(super) attempt: &'a str,
    pub(super) started_by: Option<&'a str>,
}

pub(super) fn parts(id: &str) -> Option<Parts<'_>> {
    let (id, started_by) = id.split_once('@').map_or((id, None), |(id, word)| (id, Some(word)));
    let (rest, attempt) = id.rsplit_once('/')?;
    let (cluster, name) = rest.split_once('/')?;
    Some(Parts { cluster, name, attempt, started_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_apart_as_they_were_made() {
        let mut spec = TaskSpec { cluster: Some("edge".to_owned()), ..TaskSpec::default() };
        let expected = Parts { cluster: "edge", name: "migrate", attempt: "0f-1", started_by: None };
        assert_eq!(parts(&id(&spec, "migrate", "0f-1")), Some(expected));
        spec.started_by = Some("nightly/7".to_owned());
        let expected = Parts { cluster: "edge", name: "migrate", attempt: "0f-1", started_by: Some("nightly/7") };
        assert_eq!(parts(&id(&spec, "migrate", "0f-1")), Some(expected));
        assert_eq!(parts("edge"), None);
    }
}
