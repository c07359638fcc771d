//! A task and its containers, from launch to `STOPPED`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clusters::Cluster;
use super::outcomes::{Outcome, outcome};
use super::shapes::items;
use super::tags::{self, Tags};
use super::task_definitions::Definition;
use super::task_network::{self, Attached};
use super::{epoch, gpus};
use crate::sandbox::state::State;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Task {
    pub(super) id: String,
    pub(super) arn: String,
    cluster_arn: String,
    /// The ARN of its task definition.
    pub(super) definition: String,
    pub(super) family: String,
    pub(super) service: Option<String>,
    pub(super) deployment: Option<String>,
    pub(super) launch_type: String,
    pub(super) capacity_provider: Option<String>,
    platform_version: Option<String>,
    /// The id of the container instance it is on.
    pub(super) instance: Option<String>,
    instance_arn: Option<String>,
    zone: Option<String>,
    pub(super) last_status: String,
    pub(super) desired_status: String,
    pub(super) created_at: Timestamp,
    started_at: Option<Timestamp>,
    stopping_at: Option<Timestamp>,
    pub(super) stopped_at: Option<Timestamp>,
    pub(super) stop_code: Option<String>,
    pub(super) stopped_reason: Option<String>,
    /// When it is in its next status by itself.
    next_at: Option<Timestamp>,
    healthy_at: Option<Timestamp>,
    pub(super) healthy: bool,
    has_health_check: bool,
    /// Whether its service has taken note of its health, and of its end.
    pub(super) credited: bool,
    pub(super) counted: bool,
    containers: Vec<Container>,
    pub(super) needs: Needs,
    pub(super) group: String,
    pub(super) started_by: String,
    pub(super) tags: Tags,
    overrides: Value,
    execute_command: bool,
    cpu: Option<String>,
    memory: Option<String>,
    attachments: Value,
    /// The network interface that was made for it, as long as it has it.
    #[serde(default)]
    pub(super) interface: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Container {
    arn: String,
    name: String,
    image: String,
    cpu: i64,
    memory: Option<i64>,
    reservation: Option<i64>,
    essential: bool,
    status: String,
    exit_code: Option<i64>,
    reason: Option<String>,
    outcome: Outcome,
    exits_at: Option<Timestamp>,
    bindings: Vec<Value>,
    /// By id.
    #[serde(default)]
    gpus: Vec<String>,
}

/// What a task takes of an instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Needs {
    pub(super) cpu: i64,
    pub(super) memory: i64,
    pub(super) tcp: Vec<u16>,
    pub(super) udp: Vec<u16>,
    #[serde(default)]
    pub(super) gpus: usize,
}

impl Needs {
    /// Of a task of a definition with overrides.
    pub(super) fn of(definition: &Definition, overrides: &Value) -> Self {
        let mut needs = Self::default();
        for container in definition.containers() {
            let other = override_of(overrides, container["name"].as_str().unwrap_or(""));
            needs.gpus += gpus::wanted(container, &other);
            let size = |member: &str| other[member].as_i64().or(container[member].as_i64());
            needs.cpu += size("cpu").unwrap_or(0);
            needs.memory += size("memoryReservation").or(size("memory")).unwrap_or(0);
            for mapping in items(container.get("portMappings")) {
                let host = if definition.is_awsvpc() { 0 } else { mapping["hostPort"].as_u64().unwrap_or(0) };
                let ports = if mapping["protocol"] == "udp" { &mut needs.udp } else { &mut needs.tcp };
                ports.extend(u16::try_from(host).ok().filter(|port| *port != 0));
            }
        }
        let whole = |member: &str| {
            let text = overrides[member].as_str().or(definition.value[member].as_str());
            text.and_then(|text| text.parse().ok())
        };
        needs.cpu = whole("cpu").unwrap_or(needs.cpu);
        needs.memory = whole("memory").unwrap_or(needs.memory);
        needs
    }
}

fn override_of(overrides: &Value, name: &str) -> Value {
    let found = items(overrides.get("containerOverrides")).iter().find(|item| item["name"] == name);
    found.cloned().unwrap_or(Value::Null)
}

/// What a new task is made of.
pub(super) struct Launch<'a> {
    pub(super) definition: &'a Definition,
    pub(super) launch_type: &'a str,
    pub(super) capacity_provider: Option<String>,
    pub(super) platform_version: Option<String>,
    /// The container instance, by id; none on Fargate.
    pub(super) instance: Option<String>,
    pub(super) group: String,
    pub(super) started_by: String,
    /// The service and the deployment it belongs to.
    pub(super) service: Option<(String, String)>,
    pub(super) overrides: Value,
    pub(super) network: Option<&'a Value>,
    pub(super) tags: Tags,
    pub(super) execute_command: bool,
}

/// Puts a new task into a cluster; its id.
pub(super) fn launch(state: &mut State, cluster: &mut Cluster, launch: Launch<'_>, now: Timestamp) -> String {
    let id = state.hex(32);
    let arn = state.arn("ecs", &format!("task/{}/{id}", cluster.name));
    let instance = launch.instance.as_ref().and_then(|id| cluster.instances.get(id));
    let definition = launch.definition;
    let mut free_gpus = instance.map(|instance| gpus::free(cluster, instance)).unwrap_or_default();
    let mut dynamic = 32_767 + u16::from_str_radix(&id[..3], 16).unwrap_or(0);
    // On EC2 Docker has the role of the instance.
    let execution_role =
        launch.overrides["executionRoleArn"].as_str().or(definition.value["executionRoleArn"].as_str());
    let has_no_credentials = launch.launch_type == "EXTERNAL" && execution_role.is_none_or(str::is_empty);
    let mut containers = Vec::new();
    for value in definition.containers() {
        let text = |member: &str| value[member].as_str().unwrap_or("").to_owned();
        let other = override_of(&launch.overrides, value["name"].as_str().unwrap_or(""));
        let words = |value: Option<&Value>| -> Vec<String> {
            items(value).iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut command = words(value.get("entryPoint"));
        command.extend(words(other.get("command").or(value.get("command"))));
        let mut bindings = Vec::new();
        if definition.network_mode() == "bridge" {
            for mapping in
                items(value.get("portMappings")).iter().filter(|mapping| mapping["containerPort"].is_number())
            {
                dynamic += 1;
                let host = mapping["hostPort"].as_u64().filter(|port| *port != 0).unwrap_or(u64::from(dynamic));
                bindings.push(json!({
                    "bindIP": "0.0.0.0",
                    "containerPort": mapping["containerPort"],
                    "hostPort": host,
                    "protocol": mapping["protocol"],
                }));
            }
        }
        let logs_to_aws = value["logConfiguration"]["logDriver"] == "awslogs";
        let outcome = match outcome(&text("image"), &command) {
            Outcome::Runs | Outcome::Exits { .. } if logs_to_aws && has_no_credentials => Outcome::CannotLog,
            outcome => outcome,
        };
        let container_id = state.hex(32);
        containers.push(Container {
            arn: state.arn("ecs", &format!("container/{}/{id}/{container_id}", cluster.name)),
            name: text("name"),
            image: text("image"),
            cpu: value["cpu"].as_i64().unwrap_or(0),
            memory: value["memory"].as_i64(),
            reservation: value["memoryReservation"].as_i64(),
            essential: value["essential"] != false,
            status: "PENDING".into(),
            exit_code: None,
            reason: None,
            outcome,
            exits_at: None,
            bindings,
            gpus: free_gpus.drain(..gpus::wanted(value, &other).min(free_gpus.len())).collect(),
        });
    }
    let Attached { attachments, interface, zone } = if definition.is_awsvpc() {
        task_network::attach(state, launch.network, instance, now)
    } else {
        Attached { attachments: json!([]), interface: None, zone: None }
    };
    let provisioned = definition.is_awsvpc() || launch.launch_type == "FARGATE";
    let size = |member: &str| {
        let text = launch.overrides[member].as_str().or(definition.value[member].as_str());
        text.map(str::to_owned)
    };
    let (cpu, memory) = (size("cpu"), size("memory"));
    let task = Task {
        arn,
        cluster_arn: cluster.arn.clone(),
        definition: definition.arn().to_owned(),
        family: definition.text("family").to_owned(),
        service: launch.service.as_ref().map(|(name, _)| name.clone()),
        deployment: launch.service.as_ref().map(|(_, deployment)| deployment.clone()),
        launch_type: launch.launch_type.to_owned(),
        capacity_provider: launch.capacity_provider,
        platform_version: launch.platform_version,
        instance_arn: instance.map(|instance| instance.arn.clone()),
        zone: instance
            .and_then(|instance| instance.attributes.get("ecs.availability-zone").cloned().flatten())
            .or(zone),
        instance: launch.instance,
        last_status: if provisioned { "PROVISIONING" } else { "PENDING" }.into(),
        desired_status: "RUNNING".into(),
        created_at: now,
        started_at: None,
        stopping_at: None,
        stopped_at: None,
        stop_code: None,
        stopped_reason: None,
        next_at: Some(now + state.takes(if provisioned { 1.0 } else { 5.0 })),
        healthy_at: None,
        healthy: false,
        has_health_check: definition.containers().iter().any(|container| container.get("healthCheck").is_some()),
        credited: false,
        counted: false,
        containers,
        needs: Needs::of(definition, &launch.overrides),
        group: launch.group,
        started_by: launch.started_by,
        tags: launch.tags,
        overrides: launch.overrides,
        execute_command: launch.execute_command,
        cpu,
        memory,
        attachments,
        interface,
        id: id.clone(),
    };
    cluster.tasks.insert(id.clone(), task);
    id
}

impl Task {
    /// `RUNNING`, `PENDING` (on its way there) or nothing, as counts of clusters and services see it.
    pub(super) fn counts_as(&self) -> &'static str {
        match self.last_status.as_str() {
            "RUNNING" => "RUNNING",
            "PROVISIONING" | "PENDING" => "PENDING",
            _ => "",
        }
    }

    /// The GPUs that its containers have.
    pub(super) fn gpus(&self) -> impl Iterator<Item = &String> {
        self.containers.iter().flat_map(|container| &container.gpus)
    }

    /// Whether it runs or is going to.
    pub(super) fn is_wanted(&self) -> bool {
        self.desired_status == "RUNNING" && self.last_status != "STOPPED"
    }

    /// When something happens to it by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let exits = self.containers.iter().filter(|container| container.status == "RUNNING");
        let healthy = self.healthy_at.filter(|_| !self.healthy);
        match self.last_status.as_str() {
            "STOPPED" => None,
            _ if self.desired_status == "STOPPED" => self.next_at,
            _ => exits.filter_map(|container| container.exits_at).chain(self.next_at).chain(healthy).min(),
        }
    }

    /// Asks it to stop.
    pub(super) fn stop(&mut self, now: Timestamp, code: &str, reason: &str, grace: Duration) {
        if self.desired_status == "STOPPED" {
            return;
        }
        self.desired_status = "STOPPED".into();
        self.stopping_at = Some(now);
        self.stop_code = Some(code.to_owned());
        self.stopped_reason = Some(reason.to_owned());
        self.next_at = Some(now + grace);
    }

    /// Ends it. Containers that ran get the exit code, if there is one.
    pub(super) fn finish(&mut self, now: Timestamp, code: Option<i64>) {
        self.desired_status = "STOPPED".into();
        self.last_status = "STOPPED".into();
        self.stopping_at.get_or_insert(now);
        self.stopped_at = Some(now);
        self.next_at = None;
        for container in &mut self.containers {
            if container.status == "RUNNING" {
                container.exit_code = code;
            }
            container.status = "STOPPED".into();
        }
        for attachment in self.attachments.as_array_mut().into_iter().flatten() {
            attachment["status"] = json!("DELETED");
        }
    }

    /// Lets happen what is due; whether anything did.
    pub(super) fn advance(&mut self, now: Timestamp, takes: impl Fn(f64) -> Duration) -> bool {
        if self.due().is_none_or(|due| due > now) {
            return false;
        }
        let is_due = |time: Option<Timestamp>| time.is_some_and(|time| time <= now);
        if self.desired_status == "STOPPED" {
            if is_due(self.next_at) {
                // Killed by the SIGTERM that ECS sends.
                self.finish(now, Some(143));
                return true;
            }
            return false;
        }
        match self.last_status.as_str() {
            "PROVISIONING" => {
                self.last_status = "PENDING".into();
                self.next_at = Some(now + takes(4.0));
            }
            "PENDING" => self.start(now, takes),
            _ => {
                for container in &mut self.containers {
                    if container.status == "RUNNING" && is_due(container.exits_at) {
                        container.status = "STOPPED".into();
                        if let Outcome::Exits { code, .. } = container.outcome {
                            container.exit_code = Some(code);
                        }
                    }
                }
                let stopped = |container: &Container| container.status == "STOPPED";
                let ends = self.containers.iter().any(|container| container.essential && stopped(container));
                if ends || self.containers.iter().all(stopped) {
                    self.stop_code = Some("EssentialContainerExited".into());
                    self.stopped_reason = Some("Essential container in task exited".into());
                    self.finish(now, Some(143));
                } else if is_due(self.healthy_at) {
                    // Only what lives on: at the pace of zero a task ends when it becomes healthy.
                    self.healthy = true;
                }
            }
        }
        true
    }

    fn start(&mut self, now: Timestamp, takes: impl Fn(f64) -> Duration) {
        self.next_at = None;
        let failure = self.containers.iter_mut().find_map(|container| {
            let reason = match container.outcome {
                Outcome::CannotPull => format!(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {}: not found",
                    container.image
                ),
                Outcome::CannotLog => "CannotStartContainerError: Error response from daemon: failed to initialize \
                                       logging driver: failed to create Cloudwatch log stream: NoCredentialProviders: no \
                                       valid providers in chain. Deprecated."
                    .to_owned(),
                Outcome::Runs | Outcome::Exits { .. } => return None,
            };
            container.reason = Some(reason.clone());
            Some(reason)
        });
        if let Some(reason) = failure {
            self.stop_code = Some("TaskFailedToStart".into());
            self.stopped_reason = Some(reason);
            self.finish(now, None);
            return;
        }
        self.last_status = "RUNNING".into();
        self.started_at = Some(now);
        // A task counts as healthy when its health checks pass, or when it has run for 40 seconds.
        self.healthy_at = Some(now + takes(if self.has_health_check { 30.0 } else { 40.0 }));
        for container in &mut self.containers {
            container.status = "RUNNING".into();
            if let Outcome::Exits { after, .. } = container.outcome {
                container.exits_at = Some(now + takes(after));
            }
        }
        for attachment in self.attachments.as_array_mut().into_iter().flatten() {
            attachment["status"] = json!("ATTACHED");
        }
    }

    /// As `DescribeTasks` shows it.
    pub(super) fn show(&self, with_tags: bool) -> Value {
        let health = match (self.has_health_check, self.healthy) {
            (true, true) => "HEALTHY",
            _ => "UNKNOWN",
        };
        let containers: Vec<Value> =
            self.containers.iter().map(|container| self.show_container(container, health)).collect();
        let mut shown = json!({
            "attachments": task_network::shown(&self.attachments),
            "attributes": [],
            "clusterArn": self.cluster_arn,
            "containers": containers,
            "createdAt": epoch(self.created_at),
            "desiredStatus": self.desired_status,
            "enableExecuteCommand": self.execute_command,
            "group": self.group,
            "healthStatus": health,
            "lastStatus": self.last_status,
            "launchType": self.launch_type,
            "overrides": if self.overrides.is_null() { json!({"containerOverrides": []}) } else { self.overrides.clone() },
            "tags": if with_tags { tags::show(&self.tags) } else { json!([]) },
            "taskArn": self.arn,
            "taskDefinitionArn": self.definition,
            "version": 1 + u8::from(self.started_at.is_some()) + u8::from(self.stopped_at.is_some()),
        });
        let times = [
            ("startedAt", self.started_at),
            ("stoppingAt", self.stopping_at),
            ("stoppedAt", self.stopped_at),
            ("pullStartedAt", self.started_at),
            ("pullStoppedAt", self.started_at),
        ];
        for (member, time) in times.into_iter().filter_map(|(member, time)| Some((member, time?))) {
            shown[member] = epoch(time);
        }
        let texts = [
            ("cpu", &self.cpu),
            ("memory", &self.memory),
            ("containerInstanceArn", &self.instance_arn),
            ("availabilityZone", &self.zone),
            ("capacityProviderName", &self.capacity_provider),
            ("platformVersion", &self.platform_version),
            ("stopCode", &self.stop_code),
            ("stoppedReason", &self.stopped_reason),
        ];
        for (member, text) in texts.into_iter().filter_map(|(member, text)| Some((member, text.as_ref()?))) {
            shown[member] = json!(text);
        }
        if !self.started_by.is_empty() {
            shown["startedBy"] = json!(self.started_by);
        }
        if self.launch_type == "FARGATE" {
            shown["platformFamily"] = json!("Linux");
        }
        if self.last_status == "RUNNING" {
            shown["connectivity"] = json!("CONNECTED");
        }
        shown
    }

    fn show_container(&self, container: &Container, health: &str) -> Value {
        let mut shown = json!({
            "containerArn": container.arn,
            "taskArn": self.arn,
            "name": container.name,
            "image": container.image,
            "lastStatus": container.status,
            "networkInterfaces": task_network::interfaces(&self.attachments),
            "networkBindings": if container.status == "RUNNING" { json!(container.bindings) } else { json!([]) },
            "healthStatus": health,
            "cpu": container.cpu.to_string(),
        });
        for (member, size) in [("memory", container.memory), ("memoryReservation", container.reservation)] {
            if let Some(size) = size {
                shown[member] = json!(size.to_string());
            }
        }
        if !container.gpus.is_empty() {
            shown["gpuIds"] = json!(container.gpus);
        }
        if let Some(code) = container.exit_code {
            shown["exitCode"] = json!(code);
        }
        if let Some(reason) = &container.reason {
            shown["reason"] = json!(reason);
        }
        shown
    }
}
