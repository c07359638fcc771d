//! Managed nodes: machines that registered with an activation, known as `mi-...`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{self, violation};
use super::{Tags, activations, epoch, node_role, validation};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::{ecs, iam};

/// The version of the agent that the installer brings.
const AGENT: &str = "3.3.2299.0";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Node {
    pub(in crate::sandbox) id: String,
    activation: String,
    name: Option<String>,
    role: String,
    registered: Timestamp,
    last_ping: Timestamp,
    pub(in crate::sandbox) connected: bool,
    pub(super) tags: Tags,
    pub(in crate::sandbox) machine: Machine,
}

/// What an agent tells of its machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Machine {
    pub(in crate::sandbox) computer_name: String,
    pub(in crate::sandbox) ip_address: String,
    /// `Linux` or `Windows`.
    pub(in crate::sandbox) platform_type: String,
    pub(in crate::sandbox) platform_name: String,
    pub(in crate::sandbox) platform_version: String,
}

/// An agent registers its machine; the node's id.
pub(in crate::sandbox) fn register(
    state: &mut State,
    activation: &str,
    code: &str,
    machine: Machine,
    now: Timestamp,
) -> Result<String, AwsError> {
    let held = activations::consume(state, activation, code, now)?;
    let (name, role, tags) = (held.default_instance_name.clone(), held.role.clone(), held.tags.clone());
    let id = format!("mi-{}", state.hex(17));
    let connected = may_ping(state, &role);
    let activation = activation.to_owned();
    let node =
        Node { id: id.clone(), activation, name, role, registered: now, last_ping: now, connected, tags, machine };
    state.ssm.nodes.insert(id.clone(), node);
    Ok(id)
}

/// Without this permission nothing is heard of a node but that it registered.
fn may_ping(state: &State, role: &str) -> bool {
    iam::role_allows(state, role, "ssm:UpdateInstanceInformation")
}

/// A node's agent loses its connection, or has it back; none when there is no such node.
pub(in crate::sandbox) fn connect(state: &mut State, id: &str, connected: bool, now: Timestamp) -> Option<()> {
    let role = state.ssm.nodes.get(id)?.role.clone();
    let connected = connected && may_ping(state, &role);
    let node = state.ssm.nodes.get_mut(id)?;
    if node.connected || connected {
        node.last_ping = now;
    }
    node.connected = connected;
    Some(())
}

impl super::Ssm {
    /// The nodes of a machine, by its name, the latest last.
    pub(in crate::sandbox) fn nodes_of(&self, computer_name: &str) -> Vec<&Node> {
        let mut found: Vec<&Node> =
            self.nodes.values().filter(|node| node.machine.computer_name == computer_name).collect();
        found.sort_by_key(|node| node.registered);
        found
    }

    /// The role that a node was given.
    pub(in crate::sandbox) fn role_of(&self, id: &str) -> Option<&str> {
        self.nodes.get(id).map(|node| node.role.as_str())
    }
}

/// What `Filters` can be about; `tag:KEY` and `tag-key` beside these.
const KEYS: &[&str] = &[
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
];

struct Filter<'a> {
    key: &'a str,
    values: Vec<&'a str>,
}

fn filters(call: &Call) -> Result<Vec<Filter<'_>>, AwsError> {
    let (new, old) = (call.list("Filters"), call.list("InstanceInformationFilterList"));
    if !new.is_empty() && !old.is_empty() {
        return Err(validation("Filters and InstanceInformationFilterList cannot be used in one request."));
    }
    let texts = |value: &'_ Value| value.as_array().map_or(&[][..], Vec::as_slice).len();
    let mut filters = Vec::new();
    for filter in new.iter().chain(old) {
        let (key, values) = if new.is_empty() { ("key", "valueSet") } else { ("Key", "Values") };
        let (key, values) = (filter[key].as_str().unwrap_or(""), &filter[values]);
        let is_tag = key == "tag-key" || key.strip_prefix("tag:").is_some_and(|key| !key.is_empty());
        if !KEYS.contains(&key) && (new.is_empty() || !is_tag) {
            let message = format!("The specified filter key {key} is not valid.");
            return Err(AwsError::invalid("InvalidFilterKey", message));
        }
        if texts(values) == 0 || texts(values) > 100 {
            return Err(violation(values, "filters.member.values", "Member must have 1 to 100 values"));
        }
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        check_values(key, &values)?;
        filters.push(Filter { key, values });
    }
    Ok(filters)
}

fn check_values(key: &str, values: &[&str]) -> Result<(), AwsError> {
    let words: &[&str] = match key {
        "PingStatus" => &["Online", "ConnectionLost", "Inactive", "Connection Lost"],
        "PlatformTypes" => &["Windows", "Linux", "MacOS"],
        "ResourceType" => &["ManagedInstance", "EC2Instance"],
        "InstanceIds" => {
            return match values.iter().find(|id| !is_id(id) && !id.starts_with("i-")) {
                Some(id) => Err(invalid_id(id)),
                None => Ok(()),
            };
        }
        _ => return Ok(()),
    };
    match values.iter().find(|value| !words.contains(value)) {
        None => Ok(()),
        Some(value) => {
            let message = format!("The filter {key} can be {}, not {value}.", words.join(", "));
            Err(AwsError::invalid("InvalidInstanceInformationFilterValue", message))
        }
    }
}

fn is_id(text: &str) -> bool {
    text.strip_prefix("mi-")
        .is_some_and(|rest| rest.len() == 17 && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn invalid_id(id: &str) -> AwsError {
    AwsError::invalid("InvalidInstanceId", format!("Not existing InstanceId {id}"))
}

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let filters = filters(call)?;
    let size = input::whole(call, "MaxResults", 5, 50)?.unwrap_or(10);
    let fits = |node: &&Node| filters.iter().all(|filter| filter.fits(node));
    let found = state.ssm.nodes.values().filter(fits).map(|node| (node.id.clone(), show(node)));
    input::page(call, "InstanceInformationList", size, found.collect())
}

impl Filter<'_> {
    fn fits(&self, node: &Node) -> bool {
        let any = |held: &str| self.values.contains(&held);
        match self.key {
            "InstanceIds" => any(&node.id),
            "AgentVersion" => any(AGENT),
            "PingStatus" => any(node.ping_status()) || (!node.connected && any("Connection Lost")),
            "PlatformTypes" => any(&node.machine.platform_type),
            "ActivationIds" => any(&node.activation),
            "IamRole" => any(&node.role),
            "ResourceType" => any("ManagedInstance"),
            "tag-key" => self.values.iter().any(|key| node.tags.contains_key(*key)),
            // Nothing is ever associated here.
            "AssociationStatus" => false,
            key => node.tags.get(key.trim_start_matches("tag:")).is_some_and(|value| any(value)),
        }
    }
}

impl Node {
    fn ping_status(&self) -> &'static str {
        if self.connected { "Online" } else { "ConnectionLost" }
    }
}

fn show(node: &Node) -> Value {
    let Node { id, activation, name, role, registered, last_ping, machine, .. } = node;
    let mut shown = json!({
        "InstanceId": id,
        "PingStatus": node.ping_status(),
        "LastPingDateTime": epoch(*last_ping),
        "AgentVersion": AGENT,
        "IsLatestVersion": true,
        "PlatformType": machine.platform_type,
        "PlatformName": machine.platform_name,
        "PlatformVersion": machine.platform_version,
        "ActivationId": activation,
        "IamRole": role,
        "RegistrationDate": epoch(*registered),
        "ResourceType": "ManagedInstance",
        "IPAddress": machine.ip_address,
        "ComputerName": machine.computer_name,
        "SourceId": id,
        "SourceType": "AWS::SSM::ManagedInstance",
    });
    if let Some(name) = name {
        shown["Name"] = json!(name);
    }
    shown
}

fn named<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut Node, AwsError> {
    let id = input::required(call, "InstanceId", 124)?;
    state.ssm.nodes.get_mut(id).ok_or_else(|| invalid_id(id))
}

/// The machine loses its credentials with this, so its ECS agent goes away, too. What ECS knows of it stays.
pub(super) fn deregister(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = named(state, call)?.id.clone();
    state.ssm.nodes.remove(&id);
    ecs::external::disconnect(state, &id);
    Ok(json!({}))
}

pub(super) fn update_role(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = input::required(call, "IamRole", 64)?;
    named(state, call)?;
    node_role(state, role, call.now)?;
    named(state, call)?.role = role.to_owned();
    Ok(json!({}))
}
