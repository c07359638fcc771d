//! Machines outside of AWS: an admin call plays the vendor's installer on one, and others cut and mend its connection.
//!
//! They are calls that no AWS client can make: the server has paths of its own for them, and tests call the functions
//! of [`Sandbox`]. They are kept like calls of AWS's services.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::state::State;
use super::wire::{AwsError, Call, Service};
use super::{Operation, Sandbox, ecs, ssm};

/// What the installer is told, and what the machine is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostRegistration {
    pub activation_id: String,
    pub activation_code: String,
    /// The name of an ECS cluster; `default` when absent, as for the installer.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// Tells the machine from others: the same name is the same machine. Made up when empty.
    #[serde(default)]
    pub computer_name: String,
    /// `x86_64` or `arm64`.
    #[serde(default = "default_architecture")]
    pub architecture: String,
    /// Such as `ubuntu-22.04` or `windows-2022`.
    #[serde(default = "default_system")]
    pub operating_system: String,
    #[serde(default = "default_address")]
    pub ip_address: String,
    /// In CPU units, 1024 to a processor.
    #[serde(default = "default_cpu")]
    pub cpu: i64,
    /// In MiB.
    #[serde(default = "default_memory")]
    pub memory: i64,
    /// `ECS_INSTANCE_ATTRIBUTES` of the machine's `ecs.config`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// `ECS_CONTAINER_INSTANCE_TAGS` of the machine's `ecs.config`: tags of the container instance.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Whether the installer was told of a GPU.
    #[serde(default)]
    pub gpu: bool,
}

fn default_cluster() -> String {
    "default".into()
}

fn default_architecture() -> String {
    "x86_64".into()
}

fn default_system() -> String {
    "ubuntu-22.04".into()
}

fn default_address() -> String {
    "192.0.2.10".into()
}

fn default_cpu() -> i64 {
    2048
}

fn default_memory() -> i64 {
    3914
}

/// What a machine is known as once it registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredHost {
    /// `mi-...`.
    pub instance_id: String,
    pub container_instance_arn: String,
}

/// Why the installer or its agents gave up: an error of AWS's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct HostRefusal {
    #[serde(skip)]
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl From<AwsError> for HostRefusal {
    fn from(error: AwsError) -> Self {
        Self { status: error.status, code: error.code, message: error.message }
    }
}

impl Sandbox {
    /// Plays the installer on a machine: it registers with Systems Manager, and its ECS agent with a cluster.
    ///
    /// # Errors
    /// What SSM or ECS refuse the agents with. As on a real machine, a node that found no cluster stays registered with
    /// SSM, and the next try with the same computer name goes on from there.
    pub fn register_host(&self, host: &HostRegistration) -> Result<RegisteredHost, HostRefusal> {
        let answer = self.admit("RegisterHost", json!(host))?;
        serde_json::from_value(answer).map_err(|error| HostRefusal {
            status: 500,
            code: "InternalError".into(),
            message: error.to_string(),
        })
    }

    /// Cuts the connection of a registered machine: its tasks go on, and AWS does not hear of it.
    ///
    /// # Errors
    /// `InvalidInstanceId` when there is no such node.
    pub fn disconnect_host(&self, instance_id: &str) -> Result<(), HostRefusal> {
        self.admit("DisconnectHost", json!({"instanceId": instance_id})).map(drop)
    }

    /// Mends the connection of a registered machine.
    ///
    /// # Errors
    /// `InvalidInstanceId` when there is no such node.
    pub fn connect_host(&self, instance_id: &str) -> Result<(), HostRefusal> {
        self.admit("ConnectHost", json!({"instanceId": instance_id})).map(drop)
    }

    fn admit(&self, operation: &str, input: Value) -> Result<Value, HostRefusal> {
        let call = Call {
            service: Service::Hosts,
            operation: operation.into(),
            input,
            region: self.region(),
            now: self.now(),
        };
        self.perform(&call).map_err(HostRefusal::from)
    }

    /// Answers what the server was asked under `/_sandbox/`: status and body.
    pub(super) fn answer_admin(&self, path: &str, body: &[u8]) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let answer = match parts[..] {
            ["_sandbox", "hosts"] => match serde_json::from_slice(body) {
                Ok(host) => self.register_host(&host).map(|host| json!(host)),
                Err(error) => Err(AwsError::invalid("ValidationException", error.to_string()).into()),
            },
            ["_sandbox", "hosts", id, "disconnect"] => self.disconnect_host(id).map(|()| json!({})),
            ["_sandbox", "hosts", id, "connect"] => self.connect_host(id).map(|()| json!({})),
            _ => Err(AwsError::new(404, "NotFound", format!("the sandbox has no {path}")).into()),
        };
        answer.map_or_else(|refusal| (refusal.status, json!(refusal)), |answer| (200, answer))
    }
}

pub(super) const OPERATIONS: &[(&str, Operation)] =
    &[("RegisterHost", register), ("DisconnectHost", disconnect), ("ConnectHost", connect)];

fn register(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let mut host: HostRegistration = serde_json::from_value(call.input.clone())
        .map_err(|error| AwsError::invalid("ValidationException", error.to_string()))?;
    if !["x86_64", "arm64"].contains(&host.architecture.as_str()) {
        let message = format!("the architecture {} is not x86_64 or arm64", host.architecture);
        return Err(AwsError::invalid("ValidationException", message));
    }
    if host.computer_name.is_empty() {
        host.computer_name = format!("host-{}", state.hex(8));
    }
    let node = match known(state, &host)? {
        Known::Running(answer) => return Ok(json!(answer)),
        Known::Waiting(node) => node,
        Known::No => ssm::register(state, &host.activation_id, &host.activation_code, machine(&host), call.now)?,
    };
    let arn = ecs::external::register(state, &node, &host, call.now)?;
    Ok(json!(RegisteredHost { instance_id: node, container_instance_arn: arn }))
}

/// What there is of a machine that the installer runs on.
enum Known {
    No,
    /// It is in the cluster that is asked for: the installer changes nothing.
    Running(RegisteredHost),
    /// It is registered with Systems Manager, which is not done again, and is in no cluster yet.
    Waiting(String),
}

fn known(state: &mut State, host: &HostRegistration) -> Result<Known, AwsError> {
    let Some(node) = state.ssm.nodes_of(&host.computer_name).last().map(|node| node.id.clone()) else {
        return Ok(Known::No);
    };
    match ecs::external::whereabouts(state, &node) {
        ecs::external::Whereabouts::Never => Ok(Known::Waiting(node)),
        ecs::external::Whereabouts::In { cluster, arn } if cluster == host.cluster => {
            Ok(Known::Running(RegisteredHost { instance_id: node, container_instance_arn: arn }))
        }
        ecs::external::Whereabouts::In { cluster, .. } => Err(AwsError::new(
            409,
            "AlreadyRegistered",
            format!(
                "{} is {node} in the cluster {cluster}, and a host is in one cluster at a time: deregister it there first",
                host.computer_name
            ),
        )),
        // To join again it was cleaned, and is another node from here on.
        ecs::external::Whereabouts::Left => {
            ssm::connect(state, &node, false, Timestamp::UNIX_EPOCH);
            Ok(Known::No)
        }
    }
}

/// Names of systems as the SSM agent reports them, by how their ids begin.
const SYSTEMS: &[(&str, &str)] = &[
    ("amazon-linux", "Amazon Linux"),
    ("centos-stream", "CentOS Stream"),
    ("centos", "CentOS Linux"),
    ("debian", "Debian GNU/Linux"),
    ("fedora", "Fedora"),
    ("opensuse", "openSUSE Tumbleweed"),
    ("rhel", "Red Hat Enterprise Linux"),
    ("sles", "SLES"),
    ("suse", "SLES"),
    ("ubuntu", "Ubuntu"),
];

/// Windows by year: the build that is its version.
const WINDOWS: &[(&str, &str)] =
    &[("2016", "10.0.14393"), ("2019", "10.0.17763"), ("2022", "10.0.20348"), ("2025", "10.0.26100")];

impl HostRegistration {
    pub(super) fn is_windows(&self) -> bool {
        self.operating_system.starts_with("windows")
    }

    /// The year of a Windows, or the version of another system.
    pub(super) fn version(&self) -> &str {
        self.operating_system.rsplit_once('-').map_or("", |(_, version)| version)
    }
}

fn machine(host: &HostRegistration) -> ssm::Machine {
    let (id, version) = (host.operating_system.as_str(), host.version());
    let (name, version) = if host.is_windows() {
        let build = WINDOWS.iter().find(|(year, _)| *year == version).map_or("10.0", |(_, build)| build);
        (format!("Microsoft Windows Server {version} Datacenter"), build)
    } else {
        let known = SYSTEMS.iter().find(|(start, _)| id.starts_with(start));
        (known.map_or(id, |(_, name)| name).to_owned(), version)
    };
    ssm::Machine {
        computer_name: host.computer_name.clone(),
        ip_address: host.ip_address.clone(),
        platform_type: if host.is_windows() { "Windows" } else { "Linux" }.into(),
        platform_name: name,
        platform_version: version.into(),
    }
}

fn switch(state: &mut State, call: &Call, connected: bool) -> Result<Value, AwsError> {
    let id = call.text("instanceId").unwrap_or("").to_owned();
    ssm::connect(state, &id, connected, call.now)
        .ok_or_else(|| AwsError::invalid("InvalidInstanceId", format!("Not existing InstanceId {id}")))?;
    ecs::external::connect(state, &id, connected);
    Ok(json!({}))
}

fn disconnect(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    switch(state, call, false)
}

fn connect(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    switch(state, call, true)
}

#[cfg(test)]
mod tests;
