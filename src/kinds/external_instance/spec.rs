//! What a manifest may say of a host outside AWS.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::instance::AgentValue;
use crate::kinds::{Findings, is_open};

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
/// How many attributes of its own a container instance can have.
const MOST_ATTRIBUTES: usize = 10;
/// Settings that are written from something else of the manifest.
const WRITTEN: &[(&str, &str)] =
    &[("ECS_CLUSTER", "cluster"), ("ECS_INSTANCE_ATTRIBUTES", "attributes"), ("ECS_CONTAINER_INSTANCE_TAGS", "tags")];

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

    pub(super) fn lint(&self, findings: &mut Findings) {
        if let Some(id) = self.matching.as_ref().and_then(|matching| matching.instance_id.as_deref()) {
            let is_id = id.strip_prefix("mi-").is_some_and(|rest| {
                rest.len() == 17 && rest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            });
            if !is_id && !is_open(id) {
                findings.error("/match/instanceId", "instance-id", format!("`{id}` is not the id of a managed node"));
                findings
                    .help("it is mi- and 17 digits of 0-9 and a-f; that of an EC2 instance belongs to kind Instance");
            }
        }
        for name in self.ecs_config.iter().flatten().map(|(name, _)| name) {
            if let Some((_, field)) = WRITTEN.iter().find(|(written, _)| written == name) {
                let message = format!("{name} is written from `{field}`");
                findings.error(format!("/ecsConfig/{name}"), "ecs-config", message);
                findings.help("take the line out");
            }
        }
        self.lint_attributes(findings);
    }

    fn lint_attributes(&self, findings: &mut Findings) {
        let Some(attributes) = &self.attributes else { return };
        if attributes.len() > MOST_ATTRIBUTES {
            let message = format!("{} attributes; a container instance takes {MOST_ATTRIBUTES}", attributes.len());
            findings.error("/attributes", "attributes", message);
        }
        let is_fit = |text: &str, marks: &str| {
            (1..=128).contains(&text.chars().count())
                && text.chars().all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter))
        };
        for (name, value) in attributes {
            let pointer = format!("/attributes/{}", name.replace('~', "~0").replace('/', "~1"));
            if !is_custom(name) {
                findings.error(&*pointer, "attributes", format!("{name} is an attribute of ECS itself"));
                findings.help("choose a name that does not begin with ecs. or com.amazonaws.");
            } else if !is_fit(name, "-_/\\.") {
                findings.error(&*pointer, "attributes", format!("`{name}` is not a name that an attribute can have"));
                findings.help("1 to 128 letters, digits and - _ / \\ .");
            }
            let is_value = is_fit(value, "-_.@/\\: ") && value.trim() == value;
            if !is_open(value) && !is_value {
                findings.error(pointer, "attributes", format!("`{value}` is not a value that an attribute can have"));
                findings.help("1 to 128 letters, digits and - _ . @ / \\ :, with spaces inside");
            }
        }
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

    fn findings(more: Value) -> Vec<String> {
        let mut findings = Findings::default();
        spec(more).lint(&mut findings);
        findings.0.into_iter().map(|one| one.pointer).collect()
    }

    #[test]
    fn what_cannot_be_is_said() {
        assert!(findings(json!({"match": {"instanceId": "mi-0123456789abcdef0"}})).is_empty());
        assert_eq!(findings(json!({"match": {"instanceId": "i-0123456789abcdef0"}})), ["/match/instanceId"]);
        assert_eq!(findings(json!({"ecsConfig": {"ECS_CLUSTER": "x"}})), ["/ecsConfig/ECS_CLUSTER"]);
        assert!(findings(json!({"attributes": {"site": "oslo", "rack/row": "b 7"}})).is_empty());
        for (name, value) in [("ecs.os-type", "x"), ("a b", "x"), ("site", ""), ("site", " x"), ("site", "é")] {
            let pointer = format!("/attributes/{name}");
            assert_eq!(findings(json!({"attributes": {name: value}})), [pointer], "{name}: {value}");
        }
        let many: BTreeMap<String, &str> = (0..11).map(|index| (format!("a{index}"), "x")).collect();
        assert_eq!(findings(json!({"attributes": many})), ["/attributes"]);
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
