//! Container instances: how they register, what is left of them, how they drain and go.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clusters::{Cluster, active};
use super::paging::{listed, page};
use super::query::Expression;
use super::shapes::Input;
use super::tags::{self, Tags};
use super::{epoch, errors, gpus};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Instance {
    pub(super) arn: String,
    pub(super) id: String,
    /// `i-...`, or `mi-...` when external.
    pub(super) ec2_id: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub(super) status: String,
    pub(super) connected: bool,
    pub(super) agent_version: String,
    pub(super) docker_version: String,
    pub(super) agent_hash: String,
    pub(super) agent_update: Option<String>,
    pub(super) registered_at: Timestamp,
    pub(super) inactive_since: Option<Timestamp>,
    pub(super) version: u64,
    /// An attribute may have no value.
    pub(super) attributes: BTreeMap<String, Option<String>>,
    pub(super) cpu: i64,
    pub(super) memory: i64,
    pub(super) reserved_tcp: Vec<u16>,
    pub(super) reserved_udp: Vec<u16>,
    /// By id.
    #[serde(default)]
    pub(super) gpus: Vec<String>,
    pub(super) tags: Tags,
}

/// What tasks leave of an instance.
#[derive(Debug, Clone)]
pub(super) struct Remaining {
    pub(super) cpu: i64,
    pub(super) memory: i64,
    pub(super) tcp: Vec<u16>,
    pub(super) udp: Vec<u16>,
}

impl Instance {
    pub(super) fn is_external(&self) -> bool {
        self.attributes.contains_key("ecs.capability.external")
    }

    /// What is left beside the tasks of its cluster that are on it.
    pub(super) fn remaining(&self, cluster: &Cluster) -> Remaining {
        let mut left = Remaining {
            cpu: self.cpu,
            memory: self.memory,
            tcp: self.reserved_tcp.clone(),
            udp: self.reserved_udp.clone(),
        };
        for task in cluster.tasks_on(&self.id) {
            left.cpu -= task.needs.cpu;
            left.memory -= task.needs.memory;
            left.tcp.extend(&task.needs.tcp);
            left.udp.extend(&task.needs.udp);
        }
        left
    }

    fn show(&self, cluster: &Cluster, include: &Input) -> Value {
        let left = self.remaining(cluster);
        let count = |status: &str| cluster.tasks_on(&self.id).filter(|task| task.counts_as() == status).count();
        let attributes: Vec<Value> =
            self.attributes.iter().map(|(name, value)| attribute(name, value.as_deref())).collect();
        let mut shown = json!({
            "containerInstanceArn": self.arn,
            "ec2InstanceId": self.ec2_id,
            "version": self.version,
            "versionInfo": {
                "agentVersion": self.agent_version,
                "agentHash": self.agent_hash,
                "dockerVersion": self.docker_version,
            },
            "remainingResources": resources(left.cpu, left.memory, &left.tcp, &left.udp),
            "registeredResources": resources(self.cpu, self.memory, &self.reserved_tcp, &self.reserved_udp),
            "status": self.status,
            "agentConnected": self.connected,
            "runningTasksCount": count("RUNNING"),
            "pendingTasksCount": count("PENDING"),
            "attributes": attributes,
            "registeredAt": epoch(self.registered_at),
            "attachments": [],
            "tags": if include.includes("TAGS") { tags::show(&self.tags) } else { json!([]) },
        });
        for (member, ids) in [("registeredResources", &self.gpus), ("remainingResources", &gpus::free(cluster, self))] {
            if let (Some(gpus), Some(list)) = (gpus::resource(self, ids), shown[member].as_array_mut()) {
                list.push(gpus);
            }
        }
        if let Some(update) = &self.agent_update {
            shown["agentUpdateStatus"] = json!(update);
        }
        if include.includes("CONTAINER_INSTANCE_HEALTH") {
            let status = if self.connected { "OK" } else { "INSUFFICIENT_DATA" };
            shown["healthStatus"] = json!({
                "overallStatus": status,
                "details": [{"type": "CONTAINER_RUNTIME", "status": status}],
            });
        }
        shown
    }

    #[cfg(test)]
    pub(super) fn blank() -> Self {
        Self {
            arn: String::new(),
            id: String::new(),
            ec2_id: String::new(),
            status: "ACTIVE".into(),
            connected: true,
            agent_version: String::new(),
            docker_version: String::new(),
            agent_hash: String::new(),
            agent_update: None,
            registered_at: Timestamp::UNIX_EPOCH,
            inactive_since: None,
            version: 0,
            attributes: BTreeMap::new(),
            cpu: 1024,
            memory: 1024,
            reserved_tcp: Vec::new(),
            reserved_udp: Vec::new(),
            gpus: Vec::new(),
            tags: Tags::new(),
        }
    }
}

impl Cluster {
    /// The tasks that take up room on an instance.
    pub(super) fn tasks_on(&self, instance: &str) -> impl Iterator<Item = &super::tasks::Task> {
        self.tasks
            .values()
            .filter(move |task| task.instance.as_deref() == Some(instance) && task.last_status != "STOPPED")
    }

    /// The groups of the tasks on an instance.
    pub(super) fn groups_on(&self, instance: &str) -> Vec<&str> {
        self.tasks_on(instance).map(|task| task.group.as_str()).collect()
    }

    /// The instance that an id or ARN names, unless it is long gone.
    pub(super) fn find_instance(&self, reference: &str) -> Option<&Instance> {
        self.instances.get(reference.rsplit('/').next().unwrap_or(reference))
    }
}

pub(super) fn attribute(name: &str, value: Option<&str>) -> Value {
    match value {
        Some(value) => json!({"name": name, "value": value}),
        None => json!({"name": name}),
    }
}

fn resources(cpu: i64, memory: i64, tcp: &[u16], udp: &[u16]) -> Value {
    let whole = |name: &str, value: i64| json!({"name": name, "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": value});
    let set = |name: &str, ports: &[u16]| {
        let texts: Vec<String> = ports.iter().map(u16::to_string).collect();
        json!({"name": name, "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0, "stringSetValue": texts})
    };
    json!([whole("CPU", cpu), whole("MEMORY", memory), set("PORTS", tcp), set("PORTS_UDP", udp)])
}

/// An agent's `RegisterContainerInstance`: anew, or again when it names the ARN it has.
pub(super) fn register(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    active(state, &input)?;
    let document: Value = match input.text("instanceIdentityDocument") {
        None => Value::Null,
        Some(text) => {
            serde_json::from_str(text).map_err(|_| errors::client("Instance identity document was not valid."))?
        }
    };
    let resource = |name: &str| input.list("totalResources").iter().find(|resource| resource["name"] == name);
    let whole = |name: &str| resource(name).and_then(|resource| resource["integerValue"].as_i64()).unwrap_or(0);
    let set = |name: &str| {
        let set = resource(name).map(|resource| super::shapes::items(resource.get("stringSetValue")));
        set.unwrap_or_default().iter().filter_map(Value::as_str)
    };
    let ports = |name: &str| -> Vec<u16> { set(name).filter_map(|port| port.parse().ok()).collect() };
    let gpus: Vec<String> = set("GPU").map(str::to_owned).collect();
    let mut attributes = BTreeMap::new();
    for item in input.list("attributes") {
        let value = item["value"].as_str().map(str::to_owned);
        attributes.insert(item["name"].as_str().unwrap_or("").to_owned(), value);
    }
    let version = |name: &str| input.get("versionInfo").and_then(|info| info[name].as_str()).unwrap_or("").to_owned();
    let known = input.text("containerInstanceArn").and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    let id = known.unwrap_or_else(|| state.hex(32));
    let name = active(state, &input)?.name.clone();
    let arn = state.arn("ecs", &format!("container-instance/{name}/{id}"));
    let (cpu, memory) = (whole("CPU"), whole("MEMORY"));
    let (reserved_tcp, reserved_udp) = (ports("PORTS"), ports("PORTS_UDP"));
    let tags = tags::read(input.list("tags"))?;
    let cluster = active(state, &input)?;
    let ec2_id = document["instanceId"].as_str().unwrap_or("").to_owned();
    if let Some(kept) = cluster.instances.get_mut(&id).filter(|instance| instance.status != "INACTIVE") {
        kept.attributes.extend(attributes);
        kept.connected = true;
        kept.version += 1;
    } else {
        let instance = Instance {
            arn,
            id: id.clone(),
            ec2_id,
            status: "ACTIVE".into(),
            connected: true,
            agent_version: version("agentVersion"),
            docker_version: version("dockerVersion"),
            agent_hash: version("agentHash"),
            agent_update: None,
            registered_at: call.now,
            inactive_since: None,
            version: 1,
            attributes,
            cpu,
            memory,
            reserved_tcp,
            reserved_udp,
            gpus,
            tags,
        };
        cluster.instances.insert(id.clone(), instance);
    }
    let shown = cluster.instances.get(&id).map(|instance| instance.show(cluster, &input));
    Ok(json!({"containerInstance": shown}))
}

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let prefix = state.arn("ecs", "container-instance/");
    let cluster = active(state, &input)?;
    let wanted = input.texts("containerInstances");
    if wanted.is_empty() {
        return Err(errors::invalid("Container instance cannot be empty."));
    }
    if wanted.len() > 100 {
        return Err(errors::too_many("instanceIds", 100));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        match cluster.find_instance(reference) {
            Some(instance) => found.push(instance.show(cluster, &input)),
            None => failures.push(missing(&prefix, &cluster.name, reference)),
        }
    }
    Ok(json!({"containerInstances": found, "failures": failures}))
}

/// A failure of reason `MISSING`, by long ARN.
fn missing(prefix: &str, cluster: &str, reference: &str) -> Value {
    let id = reference.rsplit('/').next().unwrap_or(reference);
    json!({"arn": format!("{prefix}{cluster}/{id}"), "reason": "MISSING"})
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let filter = match input.text("filter") {
        Some(text) => Some(Expression::parse(text).map_err(errors::invalid)?),
        None => None,
    };
    let arns = cluster
        .instances
        .values()
        .filter(|instance| match input.text("status") {
            Some(status) => instance.status == status,
            None => instance.status != "INACTIVE",
        })
        .filter(|instance| {
            filter.as_ref().is_none_or(|filter| filter.holds(instance, &cluster.groups_on(&instance.id)))
        })
        .map(|instance| instance.arn.clone());
    let (arns, next) = page(&input, arns.collect(), 100, 100)?;
    Ok(listed("containerInstanceArns", arns, next))
}

pub(super) fn update_state(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let prefix = state.arn("ecs", "container-instance/");
    let cluster = active(state, &input)?;
    let status = input.text("status").unwrap_or("");
    if !["ACTIVE", "DRAINING"].contains(&status) {
        return Err(errors::invalid("Container instances status should be one of [ACTIVE,DRAINING]"));
    }
    let wanted = input.texts("containerInstances");
    if wanted.is_empty() {
        return Err(errors::invalid("Container instance cannot be empty."));
    }
    if wanted.len() > 10 {
        return Err(errors::too_many("instanceIds", 10));
    }
    let (mut changed, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let id = reference.rsplit('/').next().unwrap_or(reference);
        match cluster.instances.get_mut(id).filter(|instance| instance.status != "INACTIVE") {
            Some(instance) => {
                instance.status = status.to_owned();
                instance.version += 1;
                changed.push(id.to_owned());
            }
            None => failures.push(missing(&prefix, &cluster.name, reference)),
        }
    }
    let shown: Vec<Value> = changed
        .iter()
        .filter_map(|id| cluster.instances.get(id))
        .map(|instance| instance.show(cluster, &input))
        .collect();
    Ok(json!({"containerInstances": shown, "failures": failures}))
}

pub(super) fn deregister(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let reference = input.text("containerInstance").unwrap_or("");
    let found = cluster.find_instance(reference).filter(|instance| instance.status != "INACTIVE");
    let (id, ec2_id) =
        found.map(|instance| (instance.id.clone(), instance.ec2_id.clone())).ok_or_else(|| unknown(reference))?;
    if cluster.tasks_on(&id).next().is_some() && !input.flag("force").unwrap_or(false) {
        return Err(errors::invalid("Found running tasks on the instance."));
    }
    cluster.retire_instance(&id, call.now, "Host deregistered.");
    let shown = cluster.instances.get(&id).map(|instance| instance.show(cluster, &input));
    state.ecs.deregistered.insert(ec2_id, call.now);
    Ok(json!({"containerInstance": shown}))
}

impl Cluster {
    /// Takes an instance out of the cluster. To ECS its tasks are gone.
    pub(super) fn retire_instance(&mut self, id: &str, now: Timestamp, reason: &str) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.status = "INACTIVE".into();
            instance.connected = false;
            instance.inactive_since = Some(now);
        }
        self.lose_tasks(id, now, reason);
    }

    /// Stops, at once, what was on an instance.
    pub(super) fn lose_tasks(&mut self, id: &str, now: Timestamp, reason: &str) {
        for task in self.tasks.values_mut() {
            if task.instance.as_deref() == Some(id) && task.last_status != "STOPPED" {
                task.desired_status = "STOPPED".into();
                task.stop_code.get_or_insert_with(|| "TaskFailedToStart".into());
                task.stopped_reason.get_or_insert_with(|| reason.to_owned());
                task.finish(now, None);
            }
        }
    }
}

fn unknown(reference: &str) -> AwsError {
    let id = reference.rsplit('/').next().unwrap_or(reference);
    errors::invalid(format!("Referenced container instance {id} not found."))
}

pub(super) fn update_agent(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let newest = state.world.images.iter().filter_map(|image| image.ecs_agent.clone()).max();
    let cluster = active(state, &input)?;
    let id = input.text("containerInstance").unwrap_or("").rsplit('/').next().unwrap_or("").to_owned();
    let Some(instance) = cluster.instances.get_mut(&id).filter(|instance| instance.status != "INACTIVE") else {
        return Err(unknown(&id));
    };
    if instance.is_external() {
        return Err(errors::invalid("UpdateContainerAgent is not supported for external instances."));
    }
    if instance.agent_version.is_empty() {
        return Err(AwsError::invalid(
            "MissingVersionException",
            "Amazon ECS cannot determine the current version of the container agent on this instance.",
        ));
    }
    if instance.agent_update.as_deref() == Some("PENDING") {
        return Err(AwsError::invalid(
            "UpdateInProgressException",
            "There's already a current container agent update in progress.",
        ));
    }
    let older = |left: &str, right: &str| {
        let parts = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
        parts(left) < parts(right)
    };
    let Some(newest) = newest.filter(|newest| older(&instance.agent_version, newest)) else {
        return Err(AwsError::invalid(
            "NoUpdateAvailableException",
            "There is no update available for your container agent.",
        ));
    };
    instance.agent_version = newest;
    instance.agent_update = Some("UPDATED".into());
    let shown = cluster.instances.get(&id).map(|instance| instance.show(cluster, &input));
    Ok(json!({"containerInstance": shown}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{Fixture, registration};

    #[test]
    fn instances_register_and_are_found_by_filter() {
        let mut aws = Fixture::edge();
        let all = aws.ok("ListContainerInstances", json!({"cluster": "edge"}));
        assert_eq!(all["containerInstanceArns"].as_array().unwrap().len(), 2);
        let one = json!({"cluster": "edge", "filter": "ec2InstanceId in ['i-1']"});
        let one = aws.ok("ListContainerInstances", one)["containerInstanceArns"].clone();
        assert_eq!(one.as_array().unwrap().len(), 1);
        let described = json!({"cluster": "edge", "containerInstances": [one[0], "nope"], "include": ["TAGS"]});
        let described = aws.ok("DescribeContainerInstances", described);
        let instance = &described["containerInstances"][0];
        assert_eq!(instance["ec2InstanceId"], "i-1");
        assert_eq!(instance["registeredResources"][0]["integerValue"], 2048);
        assert_eq!(described["failures"][0]["reason"], "MISSING");
        let bad = json!({"cluster": "edge", "filter": "rack = 1"});
        assert_eq!(aws.refused("ListContainerInstances", bad), "InvalidParameterException");
        let page = aws.ok("ListContainerInstances", json!({"cluster": "edge", "maxResults": 1}));
        let rest = json!({"cluster": "edge", "maxResults": 1, "nextToken": page["nextToken"]});
        assert_ne!(aws.ok("ListContainerInstances", rest)["containerInstanceArns"], page["containerInstanceArns"]);
    }

    #[test]
    fn busy_instances_are_deregistered_by_force_only() {
        let mut aws = Fixture::edge();
        aws.define("web", "nginx");
        let ran = aws.ok("RunTask", json!({"cluster": "edge", "taskDefinition": "web", "launchType": "EC2"}));
        let instance = ran["tasks"][0]["containerInstanceArn"].clone();
        let input = json!({"cluster": "edge", "containerInstance": instance});
        assert_eq!(aws.refused("DeregisterContainerInstance", input), "InvalidParameterException");
        let forced = json!({"cluster": "edge", "containerInstance": instance, "force": true});
        assert_eq!(aws.ok("DeregisterContainerInstance", forced)["containerInstance"]["status"], "INACTIVE");
        let tasks = json!({"cluster": "edge", "tasks": [ran["tasks"][0]["taskArn"]]});
        assert_eq!(aws.ok("DescribeTasks", tasks)["tasks"][0]["lastStatus"], "STOPPED");
        let left = aws.ok("ListContainerInstances", json!({"cluster": "edge"}));
        assert_eq!(left["containerInstanceArns"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn agents_update_once() {
        let mut aws = Fixture::edge();
        let mut old = registration("i-9", &[]);
        old["versionInfo"]["agentVersion"] = json!("1.90.0");
        let arn = aws.ok("RegisterContainerInstance", old)["containerInstance"]["containerInstanceArn"].clone();
        let input = json!({"cluster": "edge", "containerInstance": arn});
        let updated = aws.ok("UpdateContainerAgent", input.clone());
        assert_eq!(updated["containerInstance"]["versionInfo"]["agentVersion"], "1.102.0");
        assert_eq!(aws.refused("UpdateContainerAgent", input), "NoUpdateAvailableException");
    }
}
