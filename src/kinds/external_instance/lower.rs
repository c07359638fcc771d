//! A container instance outside AWS, and its managed node, in the manifest's words.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::ContainerInstance;
use aws_sdk_ssm::types::InstanceInformation;
use serde::{Deserialize, Serialize};

use super::spec::{ExternalInstanceSpec, is_custom};
use crate::aws::ecs::tags_of;
use crate::kinds::{Attributes, Found, Readiness};
use crate::plan::tags;

/// What stands for a tag that the container instance and the managed node do not have alike.
const UNLIKE: &str = "(not on both)";

/// A container instance in its cluster.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) cluster: String,
    pub(super) instance: ContainerInstance,
    pub(super) tags: BTreeMap<String, String>,
}

/// What the calls need beside the spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail {
    /// The managed node: mi-….
    pub(super) node: String,
    /// The container instance; none when ECS does not know it any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) is_connected: bool,
    #[serde(default)]
    pub(super) tasks: i32,
    /// For `farpost status`.
    #[serde(default)]
    pub(super) says: String,
}

impl Host {
    pub(super) fn new(cluster: &str, instance: ContainerInstance) -> Self {
        let tags = tags_of(instance.tags());
        Self { cluster: cluster.to_owned(), instance, tags }
    }

    /// `mi-…`
    pub(super) fn node(&self) -> &str {
        self.instance.ec2_instance_id().unwrap_or_default()
    }

    pub(super) fn arn(&self) -> &str {
        self.instance.container_instance_arn().unwrap_or_default()
    }
}

/// What both have alike; a tag that they do not is none of the values that anybody wants. Whose the host is, the
/// container instance alone tells, and which keys are ours, either of them: a process may have died between the two.
pub(super) fn alike(host: &BTreeMap<String, String>, node: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let keys: BTreeSet<&String> = host.keys().chain(node.keys()).collect();
    let pairs = keys.into_iter().filter(|key| !super::OF_NODE.contains(&key.as_str())).filter_map(|key| {
        let of_host = host.get(key);
        let is_whose = [crate::kinds::STACK_TAG, crate::kinds::RESOURCE_TAG].contains(&key.as_str());
        let value = if of_host == node.get(key) || is_whose { of_host?.clone() } else { UNLIKE.to_owned() };
        Some((key.clone(), value))
    });
    let mut all: BTreeMap<String, String> = pairs.collect();
    all.extend(tags::remembered_by_either(host, node));
    all
}

/// The id of a host: its cluster and its node, both of which it takes to find it.
pub(super) fn id(cluster: &str, node: &str) -> String {
    format!("{cluster}/{node}")
}

/// Both halves of an id.
pub(super) fn parts(id: &str) -> Option<(&str, &str)> {
    id.rsplit_once('/')
}

pub(super) fn lower(host: &Host, info: Option<&InstanceInformation>) -> Found<ExternalInstanceSpec> {
    let instance = &host.instance;
    let custom = instance.attributes().iter().filter(|attribute| is_custom(attribute.name()));
    let attributes = custom
        .map(|one| (one.name().to_owned(), one.value().unwrap_or_default().to_owned()))
        .collect::<BTreeMap<_, _>>();
    let mut known = Attributes::from([
        ("id".to_owned(), host.node().to_owned()),
        ("containerInstanceArn".to_owned(), host.arn().to_owned()),
    ]);
    let version = instance.version_info().and_then(|version| version.agent_version());
    known.extend(version.map(|version| ("agentVersion".to_owned(), version.to_owned())));
    for (resource, attribute) in [("CPU", "cpu"), ("MEMORY", "memory")] {
        let registered = instance.registered_resources().iter().find(|one| one.name() == Some(resource));
        known.extend(registered.map(|one| (attribute.to_owned(), one.integer_value().to_string())));
    }
    let told = info.map(|info| [("computerName", info.computer_name()), ("ipAddress", info.ip_address())]);
    known.extend(told.into_iter().flatten().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
    let detail = Detail {
        node: host.node().to_owned(),
        arn: Some(host.arn().to_owned()),
        status: instance.status().map(str::to_owned),
        is_connected: instance.agent_connected(),
        tasks: instance.running_tasks_count() + instance.pending_tasks_count(),
        says: says(instance, info),
    };
    Found {
        id: id(&host.cluster, host.node()),
        key: None,
        spec: ExternalInstanceSpec {
            cluster: host.cluster.clone(),
            attributes: Some(attributes),
            status: instance.status().map(str::to_owned),
            ..ExternalInstanceSpec::default()
        },
        attributes: known,
        tags: host.tags.clone(),
        readiness: readiness(instance),
        detail: serde_json::to_value(detail).unwrap_or_default(),
    }
}

/// A node that Systems Manager still has and ECS does not.
pub(super) fn left_over(cluster: &str, node: &str, tags: BTreeMap<String, String>) -> Found<ExternalInstanceSpec> {
    let detail = Detail { node: node.to_owned(), says: "in Systems Manager only".to_owned(), ..Detail::default() };
    Found {
        id: id(cluster, node),
        key: None,
        spec: ExternalInstanceSpec { cluster: cluster.to_owned(), ..ExternalInstanceSpec::default() },
        attributes: Attributes::from([("id".to_owned(), node.to_owned())]),
        tags,
        readiness: Readiness::Ready,
        detail: serde_json::to_value(detail).unwrap_or_default(),
    }
}

/// A host that is cut off is no reason for anything: its tasks run on, and it comes back by itself.
fn readiness(instance: &ContainerInstance) -> Readiness {
    match instance.status().unwrap_or_default() {
        "ACTIVE" | "DRAINING" if instance.agent_connected() => Readiness::Ready,
        "ACTIVE" | "DRAINING" => Readiness::Unknown(
            "its agent is not connected, so what runs there is not known; it is left as it is".to_owned(),
        ),
        "REGISTRATION_FAILED" => {
            let why = instance.status_reason().unwrap_or("ECS gives no reason");
            Readiness::Failed(format!("ECS could not register it: {why}"))
        }
        status => Readiness::Pending(format!("container instance {status}")),
    }
}

fn says(instance: &ContainerInstance, info: Option<&InstanceInformation>) -> String {
    let tasks = match instance.running_tasks_count() {
        1 => "1 task".to_owned(),
        count => format!("{count} tasks"),
    };
    let system = info.and_then(|info| Some(format!("{} {}", info.platform_name()?, info.platform_version()?)));
    let name = info.and_then(|info| info.computer_name().map(str::to_owned));
    name.into_iter().chain(system).chain([tasks]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Attribute;

    use super::*;

    fn instance(status: &str, is_connected: bool) -> ContainerInstance {
        ContainerInstance::builder()
            .container_instance_arn("arn:aws:ecs:us-west-2:123456789012:container-instance/stores/1")
            .ec2_instance_id("mi-0123456789abcdef0")
            .status(status)
            .agent_connected(is_connected)
            .attributes(Attribute::builder().name("ecs.capability.external").build().unwrap())
            .attributes(Attribute::builder().name("site").value("oslo").build().unwrap())
            .build()
    }

    #[test]
    fn attributes_of_ecs_itself_are_not_ours() {
        let found = lower(&Host::new("stores", instance("ACTIVE", true)), None);
        assert_eq!(found.id, "stores/mi-0123456789abcdef0");
        assert_eq!(found.spec.attributes, Some(BTreeMap::from([("site".to_owned(), "oslo".to_owned())])));
        assert_eq!((found.readiness, found.attributes["id"].as_str()), (Readiness::Ready, "mi-0123456789abcdef0"));
    }

    #[test]
    fn one_that_is_cut_off_is_unknown() {
        assert!(matches!(readiness(&instance("ACTIVE", false)), Readiness::Unknown(_)));
        assert!(matches!(readiness(&instance("DRAINING", false)), Readiness::Unknown(_)));
        assert!(matches!(readiness(&instance("REGISTERING", true)), Readiness::Pending(_)));
        assert!(matches!(readiness(&instance("REGISTRATION_FAILED", true)), Readiness::Failed(_)));
    }

    #[test]
    fn tags_that_one_half_lacks_count_as_wrong() {
        let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let host = tags(&[
            ("a", "1"),
            ("b", "1"),
            ("c", "1"),
            ("farpost/resource", "ExternalInstance/x"),
            ("farpost/tag-keys", "a + b + c"),
        ]);
        let node = tags(&[
            ("a", "1"),
            ("b", "2"),
            ("d", "1"),
            ("farpost/resource", "Activation/y"),
            ("farpost/tag-keys", "a + d"),
        ]);
        let expected = tags(&[
            ("a", "1"),
            ("b", UNLIKE),
            ("c", UNLIKE),
            ("d", UNLIKE),
            ("farpost/resource", "ExternalInstance/x"),
            ("farpost/tag-keys", "a + b + c + d + "),
        ]);
        assert_eq!(alike(&host, &node), expected);
    }
}
