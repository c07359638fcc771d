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
    Found {
        id,
        key: None,
        spec,
        attributes: Attributes::from([("startedBy".to_owned(), started_by(stack, &address.name))]),
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

/// `edge/migrate/0123`: where to look for the tasks of a declaration, and for which of them.
pub(super) fn id(cluster: &str, name: &str, attempt: &str) -> String {
    format!("{cluster}/{name}/{attempt}")
}

/// Cluster, name and attempt of an id.
pub(super) fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (rest, attempt) = id.rsplit_once('/')?;
    let (cluster, name) = rest.split_once('/')?;
    Some((cluster, name, attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_apart_as_they_were_made() {
        assert_eq!(parts(&id("edge", "migrate", "0f-1")), Some(("edge", "migrate", "0f-1")));
        assert_eq!(parts("edge"), None);
    }
}
