//! Amazon ECS: the operations, and what agents and the service scheduler do by themselves.
//!
//! Containers do not run here. What one does is told by its image and command, by the convention in [`outcomes`]:
//! `image:does-not-exist` cannot be pulled, `image:exit-N` exits with N, and a few shell commands do what they say.

mod accounts;
mod agents;
mod attributes;
mod clusters;
mod container_instances;
mod controllers;
mod definition_checks;
mod definition_defaults;
mod deployments;
mod errors;
pub(super) mod external;
#[cfg(test)]
pub(super) mod fixture;
mod gpus;
mod outcomes;
mod paging;
mod placement;
mod query;
mod rest;
mod rollouts;
mod scheduler;
mod service_checks;
mod service_update;
mod services;
mod shapes;
pub(super) mod tags;
mod task_definitions;
mod task_life;
mod task_network;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Operation;
use super::state::State;

/// Everything that exists in ECS.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Ecs {
    clusters: IndexMap<String, clusters::Cluster>,
    families: BTreeMap<String, task_definitions::Family>,
    /// Account settings that were changed.
    settings: BTreeMap<String, String>,
    /// Cloud Map namespaces that names were made into, by name.
    namespaces: BTreeMap<String, String>,
    /// `RunTask` calls by client token.
    runs: BTreeMap<String, Run>,
    /// The EC2 instances that were there at the last look.
    known_hosts: BTreeSet<String>,
    /// When EC2 instances were deregistered by a call. Their agents stay away until their hosts start again.
    deregistered: BTreeMap<String, Timestamp>,
    /// Whether a task definition may be on its way out.
    #[serde(default)]
    deletes_definitions: bool,
    /// How far time has been let on.
    clock: Timestamp,
}

/// A `RunTask` call that may be repeated.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Run {
    at: Timestamp,
    request: Value,
    /// The ARNs of its tasks.
    tasks: Vec<String>,
}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("CreateCluster", clusters::create),
    ("DescribeClusters", clusters::describe),
    ("ListClusters", clusters::list),
    ("UpdateCluster", clusters::update),
    ("UpdateClusterSettings", clusters::update),
    ("PutClusterCapacityProviders", clusters::put_capacity_providers),
    ("DeleteCluster", clusters::delete),
    ("DescribeCapacityProviders", clusters::describe_capacity_providers),
    ("RegisterTaskDefinition", task_definitions::register),
    ("DescribeTaskDefinition", task_definitions::describe),
    ("ListTaskDefinitions", task_definitions::list),
    ("ListTaskDefinitionFamilies", task_definitions::list_families),
    ("DeregisterTaskDefinition", task_definitions::deregister),
    ("DeleteTaskDefinitions", task_definitions::delete),
    ("CreateService", services::create),
    ("DescribeServices", services::describe),
    ("ListServices", services::list),
    ("UpdateService", service_update::update),
    ("DeleteService", services::delete),
    ("ListServiceDeployments", rollouts::list),
    ("DescribeServiceDeployments", rollouts::describe_deployments),
    ("DescribeServiceRevisions", rollouts::describe_revisions),
    ("RunTask", tasks::run),
    ("StartTask", tasks::start_task),
    ("StopTask", tasks::stop),
    ("DescribeTasks", tasks::describe),
    ("ListTasks", tasks::list),
    ("RegisterContainerInstance", container_instances::register),
    ("DescribeContainerInstances", container_instances::describe),
    ("ListContainerInstances", container_instances::list),
    ("UpdateContainerInstancesState", container_instances::update_state),
    ("DeregisterContainerInstance", container_instances::deregister),
    ("UpdateContainerAgent", container_instances::update_agent),
    ("PutAttributes", attributes::put),
    ("DeleteAttributes", attributes::delete),
    ("ListAttributes", attributes::list),
    ("TagResource", tags::tag_resource),
    ("UntagResource", tags::untag_resource),
    ("ListTagsForResource", tags::list_tags),
    ("PutAccountSetting", accounts::put),
    ("PutAccountSettingDefault", accounts::put),
    ("DeleteAccountSetting", accounts::delete),
    ("ListAccountSettings", accounts::list),
];

/// How long what has ended can still be described. It is not AWS's work, so the world's pace does not shorten it.
const VISIBLE: Duration = Duration::from_secs(3600);

/// More steps than this in one go are a crash loop at the pace of zero; the rest is for the next call.
const STEPS: usize = 2000;

/// Lets agents register, tasks start and end, and services be scheduled, each at its time up to `now`.
pub(super) fn advance(state: &mut State, now: Timestamp) -> bool {
    // Begins at the time of the last call, whose consequences nobody has looked at yet.
    let mut time = if state.ecs.clock == Timestamp::default() { now } else { state.ecs.clock.min(now) };
    let mut changed = false;
    for _ in 0..STEPS {
        let moved = step(state, time);
        changed |= moved;
        state.ecs.clock = time;
        if moved {
            continue;
        }
        if time == now {
            break;
        }
        // What is due and comes to nothing must not hold up the rest.
        time = next_due(state, time).map_or(now, |due| due.min(now));
    }
    changed
}

/// The next time after another at which something happens by itself.
fn next_due(state: &State, after: Timestamp) -> Option<Timestamp> {
    let tasks = state.ecs.clusters.values().flat_map(|cluster| cluster.tasks.values()).filter_map(tasks::Task::due);
    let services = state
        .ecs
        .clusters
        .values()
        .flat_map(|cluster| cluster.services.values())
        .filter(|service| service.status != "INACTIVE")
        .filter_map(|service| service.retry_at);
    tasks.chain(services).chain(agents::dues(state)).filter(|due| *due > after).min()
}

/// When something happens by itself after `now`; none while the last look did not come to its end.
pub(super) fn next_change(state: &State, now: Timestamp) -> Option<Timestamp> {
    if state.ecs.clock != now {
        return None;
    }
    let mut next = next_due(state, now).unwrap_or(Timestamp::MAX);
    let mut consider =
        |time: Option<Timestamp>| next = time.filter(|time| *time > now).map_or(next, |time| next.min(time));
    for cluster in state.ecs.clusters.values() {
        let forgotten = |since: Option<Timestamp>| since.map(|since| since + VISIBLE);
        consider(forgotten(cluster.inactive_since));
        cluster.tasks.values().for_each(|task| consider(forgotten(task.stopped_at)));
        cluster.instances.values().for_each(|instance| consider(forgotten(instance.inactive_since)));
        for service in cluster.services.values() {
            consider(forgotten(service.inactive_since));
            consider(service.complained_at.map(|at| at + scheduler::complaint_pause(state)));
        }
    }
    Some(next)
}

/// Everything that happens at one time; whether anything did.
fn step(state: &mut State, now: Timestamp) -> bool {
    let mut changed = agents::advance(state, now);
    let names: Vec<String> = state.ecs.clusters.keys().cloned().collect();
    for name in names {
        let Some(kept) = state.ecs.clusters.get_mut(&name).filter(|cluster| cluster.status == "ACTIVE") else {
            continue;
        };
        // Apart from the state, which gives ids and definitions, while it is looked at.
        let mut cluster = std::mem::take(kept);
        let mut moved = false;
        // What an agent that is cut off does, ECS does not hear.
        let clusters::Cluster { tasks, instances, .. } = &mut cluster;
        let is_cut_off = |id: &String| instances.get(id).is_some_and(|instance| !instance.connected);
        for task in tasks.values_mut().filter(|task| !task.instance.as_ref().is_some_and(is_cut_off)) {
            moved |= task.advance(now, |seconds| state.takes(seconds));
        }
        for service in rest::restless(&cluster) {
            moved |= scheduler::schedule(state, &mut cluster, &service, now);
            if let Some(service) = cluster.services.get_mut(&service)
                && service.retry_at.is_some_and(|at| at <= now)
            {
                service.retry_at = None;
                moved = true;
            }
        }
        for task in cluster.tasks.values_mut().filter(|task| task.stopped_at.is_some()) {
            if let Some(interface) = task.interface.take() {
                super::ec2::borrowed::give_back(state, &interface);
                moved = true;
            }
        }
        let ended = |since: Option<Timestamp>| since.is_some_and(|since| since + VISIBLE < now);
        let before = (cluster.tasks.len(), cluster.services.len(), cluster.instances.len());
        cluster.tasks.retain(|_, task| !ended(task.stopped_at));
        cluster.services.retain(|_, service| !ended(service.inactive_since));
        cluster.instances.retain(|_, instance| !ended(instance.inactive_since));
        moved |= before != (cluster.tasks.len(), cluster.services.len(), cluster.instances.len());
        changed |= moved;
        state.ecs.clusters.insert(name, cluster);
    }
    let before = state.ecs.clusters.len();
    state.ecs.clusters.retain(|_, cluster| cluster.inactive_since.is_none_or(|since| since + VISIBLE >= now));
    changed |= before != state.ecs.clusters.len();
    changed | task_definitions::purge(state)
}

/// A time as the API writes it: seconds since 1970.
fn epoch(time: Timestamp) -> Value {
    (time.as_millisecond() as f64 / 1000.0).into()
}

/// Why Fargate cannot run in the subnets of a network configuration, if it cannot: there is none on an Outpost.
fn fargate_refusal(state: &State, network: Option<&Value>) -> Option<String> {
    let subnets = shapes::items(network?["awsvpcConfiguration"].get("subnets"));
    let on_outpost = |subnet: &&Value| subnet.as_str().is_some_and(|id| super::ec2::is_on_outpost(state, id));
    let subnet = subnets.iter().find(on_outpost)?;
    Some(format!("The subnet {} is on an Outpost, which AWS Fargate does not support.", subnet.as_str().unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fixture::{Fixture, registration};
    use super::*;
    use crate::sandbox::world::World;

    #[test]
    fn a_state_survives_its_file() {
        let mut aws = Fixture::edge();
        aws.define("web", "nginx");
        aws.ok(
            "CreateService",
            json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 2}),
        );
        aws.wait(60.0);
        let before = aws.service("s");
        let text = serde_json::to_string(&aws.state).unwrap();
        aws.state = serde_json::from_str(&text).unwrap();
        assert_eq!(aws.service("s"), before);
        assert_eq!(before["deployments"][0]["rolloutState"], "COMPLETED");
    }

    #[test]
    fn at_the_pace_of_zero_all_is_done_at_once() {
        let mut aws = Fixture::new();
        aws.state = State::new(World { pace: 0.0, ..World::default() });
        aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        aws.ok("RegisterContainerInstance", registration("i-1", &[]));
        aws.define("web", "nginx");
        aws.define("bad", "nginx:exit-1");
        for name in ["web", "bad"] {
            let input = json!({"cluster": "edge", "serviceName": name, "taskDefinition": name, "desiredCount": 1});
            aws.ok("CreateService", input);
        }
        assert_eq!(aws.service("web")["deployments"][0]["rolloutState"], "COMPLETED");
        assert_eq!(aws.service("bad")["deployments"][0]["rolloutState"], "IN_PROGRESS");
        let tasks = aws.ok("ListTasks", json!({"cluster": "edge", "desiredStatus": "STOPPED"}));
        assert!(tasks["taskArns"].as_array().unwrap().len() < 5);
    }

    #[test]
    fn nothing_happens_twice() {
        let mut aws = Fixture::edge();
        aws.wait(10.0);
        super::advance(&mut aws.state, aws.now);
        aws.wait(10.0);
        assert!(!super::advance(&mut aws.state, aws.now));
    }
}
