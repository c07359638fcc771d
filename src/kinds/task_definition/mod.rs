//! A task definition: a family of revisions, of which the newest of ours counts.
//!
//! A revision never changes: a change registers another one, and the old ones stay, because services and rollbacks
//! may still need them. Others may register in the same family too; what they register is not ours and no
//! difference.
//!
//! A survey takes the digest in a revision's tags for its content. That somebody deregistered such a revision is
//! noticed at once with few definitions, which are read one by one, and with many as far as three pages of active
//! revisions reach; a deep read always notices.

mod calls;
mod lower;
mod registered;
pub mod spec;
pub mod spec_accept;
pub mod spec_container;
pub mod spec_normalise;
pub mod spec_units;
pub mod spec_volume;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use self::calls::retag;
pub(crate) use self::lower::{FAMILY_REVISION, is_essential};
pub(crate) use self::registered::describe;
pub use self::spec::TaskDefinitionSpec;
use super::{About, Attributes, Changed, Found, Kind, Place, Progress, Scope, Target};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct TaskDefinition;

impl Kind for TaskDefinition {
    type Spec = TaskDefinitionSpec;

    const ABOUT: About = About {
        kind: "TaskDefinition",
        summary: "What a task runs: containers, ports, volumes, roles. A change registers a new revision.",
        attributes: &[
            ("arn", "The ARN of the newest revision of ours"),
            ("family", "The family"),
            ("revision", "The number of that revision"),
            (FAMILY_REVISION, "Both: till:7"),
        ],
        replace: &["family"],
        moving: &["arn", "revision", FAMILY_REVISION],
        // Absent it is the name in `metadata`; the key tells when that differs.
        unmanaged: &["family"],
        tagged_as: Some("ecs:task-definition"),
        calls: &[
            "ecs:RegisterTaskDefinition",
            "ecs:DescribeTaskDefinition",
            "ecs:ListTaskDefinitions",
            "ecs:DeregisterTaskDefinition",
            "ecs:TagResource",
            "ecs:UntagResource",
            "tag:GetResources",
        ],
        permissions: &["iam:PassRole"],
        ..About::DEFAULT
    };

    fn accept(spec: &mut Value) -> Vec<String> {
        TaskDefinitionSpec::accept(spec).into_iter().map(|dropped| dropped.member).collect()
    }

    fn normalise(spec: &mut TaskDefinitionSpec, place: &Place) {
        spec.normalise();
        spec.complete_roles(place.partition(), &place.account);
    }

    fn foretell(name: &str, spec: &TaskDefinitionSpec, _: &Place) -> Attributes {
        let family = spec.family.as_deref().unwrap_or(name);
        // `name` so that a family written out elsewhere is known to mean this one.
        ["family", "name"].into_iter().map(|attribute| (attribute.to_owned(), family.to_owned())).collect()
    }

    fn key(name: &str, spec: &TaskDefinitionSpec, _: &Place) -> Option<String> {
        Some(spec.family.as_deref().unwrap_or(name).to_owned())
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<TaskDefinitionSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<TaskDefinitionSpec>) -> Result<String, Fault> {
        calls::register(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<TaskDefinitionSpec>,
        _: &Found<TaskDefinitionSpec>,
        _: &Changed,
    ) -> Result<Progress, Fault> {
        calls::register(aws, target).await.map(|_| Progress::Done)
    }

    async fn delete(aws: &Aws, live: &Found<TaskDefinitionSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<TaskDefinitionSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        calls::retag(aws, live.attributes.get("arn").map_or("", String::as_str), set, remove).await
    }
}
