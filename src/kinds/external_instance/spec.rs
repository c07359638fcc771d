//! What a manifest may say of a host outside AWS.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::instance::AgentValue;

/// A host outside AWS that runs tasks of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalInstanceSpec {
    /// The cluster that it belongs to, by name. A change drains the host and takes it out of ECS and Systems Manager; it
    /// has to be registered anew, which is for the host to do.
    #[schemars(extend("x-ref" = "Cluster", "x-ref-attribute" = "name"))]
    pub cluster: String,
    /// The activation that it registers with, by id, for `farpost host bootstrap`. Absent: somebody registers it
    /// otherwise. What a registered host once used counts for nothing.
    #[schemars(extend("x-ref" = "Activation", "x-ref-attribute" = "id"))]
    pub activation: Option<String>,
    /// How the host is known before it carries the tags of the stack. Absent: by the tags with which `farpost host
    /// bootstrap` registers it, or by its name in Systems Manager, when that is the name of this document.
    #[serde(rename = "match")]
    pub matching: Option<Match>,
    /// Attributes for placement constraints: those of ECS itself, which begin with ecs., are left alone. Absent: whatever
    /// the host has.
    pub attributes: Option<BTreeMap<String, String>>,
    /// Whether tasks are placed on it. Absent: ACTIVE. With DRAINING those of services move away.
    #[schemars(extend("enum" = ["ACTIVE", "DRAINING"]))]
    pub status: Option<String>,
    /// The operating system, for `farpost host bootstrap` and `farpost host check`: ubuntu-22.04, windows-2022. AWS does
    /// not learn it.
    pub operating_system: Option<String>,
    /// The architecture of its processor. AWS learns it from the host.
    #[schemars(extend("enum" = ["x86_64", "arm64"]))]
    pub architecture: Option<String>,
    /// Where the installer takes Docker from; none when it is there already. Absent: as the operating system needs it.
    #[schemars(extend("enum" = ["all", "docker", "distro", "none"]))]
    pub docker_install_source: Option<String>,
    /// Whether tasks can use its GPUs, for which the installer is told. Absent: false.
    pub gpu: Option<bool>,
    /// Settings of the ECS agent, which `farpost host bootstrap` writes to ecs.config: ECS_IMAGE_PULL_BEHAVIOR and
    /// others. Objects and lists are written as one line of JSON. A host that has registered is not changed.
    pub ecs_config: Option<BTreeMap<String, AgentValue>>,
    /// Ports that a Vagrantfile forwards. Absent: the host ports of the cluster's services.
    #[schemars(inner(range(min = 1, max = 65535)))]
    pub publish: Option<Vec<u16>>,
    /// What is to be taken into the stack; of a live one.
    #[schemars(skip)]
    pub unclaimed: Option<String>,
}

/// How a host is known, by exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Match {
    /// Its name in Systems Manager, which it got from its activation.
    pub instance_name: Option<String>,
    /// A tag of the container instance or of the managed node.
    pub tag: Option<MatchTag>,
    /// Its id: mi-….
    #[schemars(regex(pattern = r"^mi-[0-9a-f]{17}$"))]
    pub instance_id: Option<String>,
    /// Its own name, with its domain or without.
    pub computer_name: Option<String>,
}

/// A tag by which a host is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatchTag {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

pub(super) const ACTIVE: &str = "ACTIVE";
pub(super) const DRAINING: &str = "DRAINING";
/// Whether an attribute is ours to set, and not one of ECS or its agent.
pub(super) fn is_custom(name: &str) -> bool {
    !name.starts_with("ecs.") && !name.starts_with("com.amazonaws.")
}

impl ExternalInstanceSpec {
    pub(super) fn normalise(&mut self) {
        self.status.get_or_insert_with(|| ACTIVE.to_owned());
        if let Some((_, name)) = self.cluster.split_once(":cluster/").filter(|_| self.cluster.starts_with("arn:")) {
            self.cluster = name.to_owned();
        }
        if let Some(config) = &mut self.ecs_config {
            config.values_mut().for_each(AgentValue::normalise);
        }
    }

    /// What is to be looked for, as text.
    pub(super) fn sought(&self, document: &str) -> String {
        let Some(matching) = &self.matching else { return format!("instanceName={document}") };
        let Match { instance_name, tag, instance_id, computer_name } = matching;
        let named = [("instanceName", instance_name), ("instanceId", instance_id), ("computerName", computer_name)];
        let named = named.into_iter().find_map(|(word, value)| Some(format!("{word}={}", value.as_ref()?)));
        named.or_else(|| tag.as_ref().map(|tag| format!("tag:{}={}", tag.key, tag.value))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(more: Value) -> ExternalInstanceSpec {
        let mut spec = json!({"cluster": "stores"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn what_is_sought_is_told_in_words() {
        let sought = |matching: Value| spec(json!({"match": matching})).sought("till-1");
        assert_eq!(spec(json!({})).sought("till-1"), "instanceName=till-1");
        assert_eq!(sought(json!({"computerName": "till-1.example"})), "computerName=till-1.example");
        assert_eq!(sought(json!({"tag": {"key": "a", "value": "b"}})), "tag:a=b");
    }

    #[test]
    fn a_cluster_is_known_by_its_name() {
        let mut live = spec(json!({"cluster": "arn:aws:ecs:us-west-2:123456789012:cluster/stores"}));
        live.normalise();
        assert_eq!((&*live.cluster, live.status.as_deref()), ("stores", Some("ACTIVE")));
    }
}
