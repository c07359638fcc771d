//! A revision of the API in the manifest's words, and the digest of what it says.

use std::collections::BTreeMap;

use aws_sdk_ecs::types as sdk;
use serde_json::Value;

use super::spec::TaskDefinitionSpec;
use super::spec_container::ContainerDefinition;
use crate::kinds::{Attributes, Found, Owner, Readiness};

/// The attribute `till:7`, as specs of services and tasks are written in their canonical form.
pub(crate) const FAMILY_REVISION: &str = "familyRevision";

/// A revision with its tags.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) name: RevisionName,
    pub(super) is_active: bool,
    pub(crate) spec: TaskDefinitionSpec,
    pub(super) tags: BTreeMap<String, String>,
}

/// Which revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RevisionName {
    pub(super) arn: String,
    pub(super) family: String,
    pub(super) number: u32,
}

impl RevisionName {
    /// Reads `arn:…:task-definition/till:7`.
    pub(super) fn of_arn(arn: &str) -> Option<Self> {
        let (family, number) = arn.split_once(":task-definition/")?.1.rsplit_once(':')?;
        Some(Self { arn: arn.to_owned(), family: family.to_owned(), number: number.parse().ok()? })
    }
}

impl Revision {
    pub(super) fn of_sdk(definition: &sdk::TaskDefinition, tags: &[sdk::Tag]) -> Option<Self> {
        Some(Self {
            name: RevisionName::of_arn(definition.task_definition_arn()?)?,
            is_active: definition.status() == Some(&sdk::TaskDefinitionStatus::Active),
            spec: TaskDefinitionSpec::from_sdk_task_definition(definition),
            tags: tags_of(tags),
        })
    }

    /// Whom it belongs to.
    pub(super) fn owner(&self, stack: &str) -> Owner {
        found(&self.name, TaskDefinitionSpec::default(), self.tags.clone()).owner(stack)
    }

    pub(super) fn is_of(&self, stack: &str) -> bool {
        matches!(self.owner(stack), Owner::Us(_))
    }

    pub(crate) fn found(self) -> Found<TaskDefinitionSpec> {
        found(&self.name, self.spec, self.tags)
    }
}

/// A revision as the object that a declaration makes.
pub(super) fn found(
    name: &RevisionName,
    mut spec: TaskDefinitionSpec,
    tags: BTreeMap<String, String>,
) -> Found<TaskDefinitionSpec> {
    let RevisionName { arn, family, number } = name;
    spec.family = Some(family.clone());
    Found {
        id: family.clone(),
        key: Some(family.clone()),
        spec,
        attributes: Attributes::from([
            ("arn".to_owned(), arn.clone()),
            ("family".to_owned(), family.clone()),
            ("revision".to_owned(), number.to_string()),
            (FAMILY_REVISION.to_owned(), format!("{family}:{number}")),
        ]),
        tags,
        readiness: Readiness::Ready,
        detail: Value::Null,
    }
}

/// Tags as a map, without those that AWS keeps for itself.
fn tags_of(tags: &[sdk::Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// The digest of a normalised spec: equal for what means the same.
pub(super) fn digest(spec: &TaskDefinitionSpec, family: &str) -> String {
    let spec = TaskDefinitionSpec { family: Some(family.to_owned()), tags: None, ..spec.clone() };
    crate::digest::of_value(&serde_json::to_value(spec).unwrap_or_default())
}

/// Whether the task ends with this container.
pub(crate) fn is_essential(container: &ContainerDefinition) -> bool {
    container.essential != Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_revision_is_in_its_arn() {
        let name = RevisionName::of_arn("arn:aws:ecs:us-west-2:123456789012:task-definition/till:7").unwrap();
        assert_eq!((name.family.as_str(), name.number), ("till", 7));
        assert_eq!(RevisionName::of_arn("arn:aws:ecs:us-west-2:123456789012:cluster/till"), None);
    }

    #[test]
    fn the_digest_is_of_the_meaning() {
        let of = |text: &str| {
            let mut spec: TaskDefinitionSpec = serde_json::from_str(text).unwrap();
            spec.normalise();
            digest(&spec, "till")
        };
        let written = of(r#"{"cpu": "0.25 vCPU", "containerDefinitions": [{"name": "a", "image": "b:1"}]}"#);
        let answered = of(r#"{"family": "till", "cpu": "256", "volumes": [], "containerDefinitions":
                [{"image": "b:1", "name": "a", "cpu": 0, "essential": true, "portMappings": []}]}"#);
        assert_eq!(written, answered);
        assert_ne!(written, of(r#"{"cpu": "256", "containerDefinitions": [{"name": "a", "image": "b:2"}]}"#));
    }
}
