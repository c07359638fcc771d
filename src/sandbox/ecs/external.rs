//! External instances: the agents of machines outside of AWS, as they register, lose their connection and have it back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::agents::{self, AGENT_VERSION};
use super::container_instances::Instance;
use super::errors;
use crate::sandbox::hosts::HostRegistration;
use crate::sandbox::iam;
use crate::sandbox::state::State;
use crate::sandbox::wire::AwsError;

/// What agents leave out on machines outside of AWS.
const MISSING: &[&str] = &[
    "ecs.capability.aws-appmesh",
    "ecs.capability.cni-plugin-version",
    "ecs.capability.efs",
    "ecs.capability.efsAuth",
    "ecs.capability.storage.ebs-task-attach",
    "ecs.capability.task-eni",
];

/// What they leave out on Windows beside that.
const MISSING_ON_WINDOWS: &[&str] = &[
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
    "ecs.capability.firelens.fluentbit",
    "ecs.capability.firelens.fluentd",
    "ecs.capability.pid-ipc-namespace-sharing",
];

/// Where in ECS a managed node is.
pub(in crate::sandbox) enum Whereabouts {
    /// In no cluster, nor ever was.
    Never,
    In {
        cluster: String,
        arn: String,
    },
    /// In none any more.
    Left,
}

pub(in crate::sandbox) fn whereabouts(state: &State, node: &str) -> Whereabouts {
    let mut was = state.ecs.deregistered.contains_key(node);
    for cluster in state.ecs.clusters.values() {
        for instance in cluster.instances.values().filter(|instance| instance.ec2_id == node) {
            if instance.status != "INACTIVE" {
                return Whereabouts::In { cluster: cluster.name.clone(), arn: instance.arn.clone() };
            }
            was = true;
        }
    }
    if was { Whereabouts::Left } else { Whereabouts::Never }
}

/// The agent of a node joins a cluster; the ARN of the container instance.
pub(in crate::sandbox) fn register(
    state: &mut State,
    node: &str,
    host: &HostRegistration,
    now: Timestamp,
) -> Result<String, AwsError> {
    let name = host.cluster.rsplit('/').next().unwrap_or_default().to_owned();
    if state.ecs.clusters.get(&name).is_none_or(|cluster| cluster.status != "ACTIVE") {
        let message = format!("Cluster not found. ({node} is registered with Systems Manager, and in no cluster.)");
        return Err(errors::client(message));
    }
    let role = state.ssm.role_of(node).unwrap_or_default().to_owned();
    if !iam::role_allows(state, &role, "ecs:RegisterContainerInstance") {
        let arn = state.arn("sts", &format!("assumed-role/{role}/{node}"));
        let resource = state.arn("ecs", &format!("cluster/{name}"));
        let message = format!(
            "User: {arn} is not authorized to perform: ecs:RegisterContainerInstance on resource: {resource} because no \
             identity-based policy allows the ecs:RegisterContainerInstance action"
        );
        return Err(AwsError::invalid("AccessDeniedException", message));
    }
    let list = |pairs: &BTreeMap<String, String>, name: &str| -> Vec<serde_json::Value> {
        pairs.iter().map(|(key, value)| serde_json::json!({name: key, "value": value})).collect()
    };
    super::attributes::check_several(&list(&host.attributes, "name"))?;
    let tags = super::tags::read(&list(&host.tags, "key"))?;
    let id = state.hex(32);
    let arn = state.arn("ecs", &format!("container-instance/{name}/{id}"));
    let instance = Instance {
        arn: arn.clone(),
        id: id.clone(),
        ec2_id: node.to_owned(),
        status: "ACTIVE".into(),
        connected: true,
        agent_version: AGENT_VERSION.into(),
        docker_version: "DockerVersion: 25.0.13".into(),
        agent_hash: "a1b2c3d4".into(),
        agent_update: None,
        registered_at: now,
        inactive_since: None,
        version: 1,
        attributes: attributes(host),
        cpu: host.cpu,
        memory: host.memory,
        reserved_tcp: agents::RESERVED_PORTS.to_vec(),
        reserved_udp: Vec::new(),
        tags,
    };
    if let Some(cluster) = state.ecs.clusters.get_mut(&name) {
        cluster.instances.insert(id, instance);
    }
    Ok(arn)
}

/// No availability zone, instance type, image, VPC, subnet or Outpost: there is none of these.
fn attributes(host: &HostRegistration) -> BTreeMap<String, Option<String>> {
    let mut attributes = agents::capabilities(None);
    let gone = if host.is_windows() { MISSING_ON_WINDOWS } else { &[] };
    for name in MISSING.iter().chain(gone) {
        attributes.remove(*name);
    }
    attributes.insert("ecs.capability.external".into(), None);
    if host.gpu {
        attributes.insert("ecs.capability.nvidia-driver-version".into(), Some("550.127".into()));
    }
    let family = if host.is_windows() { format!("WINDOWS_SERVER_{}_CORE", host.version()) } else { "LINUX".into() };
    let valued = [
        ("ecs.os-type", if host.is_windows() { "windows" } else { "linux" }),
        ("ecs.os-family", family.as_str()),
        ("ecs.cpu-architecture", &host.architecture),
    ];
    attributes.extend(valued.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))));
    attributes.extend(host.attributes.iter().map(|(name, value)| (name.clone(), Some(value.clone()))));
    attributes
}

/// The machine lost its credentials, so its agent is not heard of any more.
pub(in crate::sandbox) fn disconnect(state: &mut State, node: &str) {
    connect(state, node, false);
}

/// What an agent says after it was cut off, it says when it is back: its tasks are as they were until then.
pub(in crate::sandbox) fn connect(state: &mut State, node: &str, connected: bool) {
    let instances = state.ecs.clusters.values_mut().flat_map(|cluster| cluster.instances.values_mut());
    for instance in instances.filter(|instance| instance.ec2_id == node && instance.status != "INACTIVE") {
        if instance.connected != connected {
            instance.connected = connected;
            instance.version += 1;
        }
    }
}
