//! Which container instance a task goes to: launch type, agent, constraints, room, and then the strategy.

use std::cmp::Reverse;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::clusters::Cluster;
use super::container_instances::Instance;
use super::query::Expression;
use super::shapes::items;
use super::task_definitions::Definition;
use super::task_life::Needs;

/// A task that looks for an instance.
pub(super) struct Request<'a> {
    pub(super) definition: &'a Definition,
    /// `EC2` or `EXTERNAL`.
    pub(super) launch_type: &'a str,
    pub(super) group: &'a str,
    pub(super) needs: Needs,
    /// Constraints of the service or call; those of the definition are added.
    pub(super) constraints: &'a [Value],
    pub(super) strategy: &'a [Value],
}

/// Why an instance does not take a task; the later, the closer it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Agent,
    Attribute,
    MemberOf,
    Distinct,
    Ports,
    Gpu,
    Cpu,
    Memory,
}

impl Reason {
    /// As in `failures` of `RunTask`.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Agent => "AGENT",
            Self::Attribute => "ATTRIBUTE",
            Self::MemberOf => "MemberOf placement constraint unsatisfied.",
            Self::Distinct => "DistinctInstance placement constraint unsatisfied.",
            Self::Ports => "RESOURCE:PORTS",
            Self::Gpu => "RESOURCE:GPU",
            Self::Cpu => "RESOURCE:CPU",
            Self::Memory => "RESOURCE:MEMORY",
        }
    }

    /// As in service events, after `The closest matching (container-instance ...)`.
    fn words(self) -> &'static str {
        match self {
            Self::Agent => "encountered error \"AGENT\"",
            Self::Attribute => "is missing an attribute required by your task",
            Self::MemberOf => "encountered error \"MemberOf placement constraint unsatisfied.\"",
            Self::Distinct => "encountered error \"DistinctInstance placement constraint unsatisfied.\"",
            Self::Ports => "is already using a port required by your task",
            Self::Gpu => "encountered error \"RESOURCE:GPU\"",
            Self::Cpu => "has insufficient CPU units available",
            Self::Memory => "has insufficient memory available",
        }
    }
}

/// An instance that did not take the task.
#[derive(Debug, Clone)]
pub(super) struct Miss {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) reason: Reason,
}

/// The rest of a service event about misses.
pub(super) fn explain(misses: &[Miss]) -> String {
    let reason = match misses.iter().max_by_key(|miss| miss.reason) {
        None => "Reason: No Container Instances were found in your cluster.".to_owned(),
        Some(miss) => format!("The closest matching (container-instance {}) {}.", miss.id, miss.reason.words()),
    };
    format!(
        "was unable to place a task because no container instance met all of its requirements. {reason} \
         For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )
}

/// The instances of a launch type that take new tasks.
pub(super) fn candidates<'a>(cluster: &'a Cluster, launch_type: &str) -> impl Iterator<Item = &'a Instance> {
    let external = launch_type == "EXTERNAL";
    cluster.instances.values().filter(move |instance| instance.status == "ACTIVE" && instance.is_external() == external)
}

/// The instance, by id, for a task; or why each did not take it.
pub(super) fn place(cluster: &Cluster, request: &Request<'_>) -> Result<String, Vec<Miss>> {
    let mut misses = Vec::new();
    let mut fitting: Vec<&Instance> = Vec::new();
    for instance in candidates(cluster, request.launch_type) {
        match refusal(cluster, instance, request) {
            None => fitting.push(instance),
            Some(reason) => misses.push(Miss { id: instance.id.clone(), arn: instance.arn.clone(), reason }),
        }
    }
    fitting.sort_by_cached_key(|instance| rank(cluster, instance, request));
    fitting.first().map(|instance| instance.id.clone()).ok_or(misses)
}

/// Why an instance does not take a task, if it does not.
pub(super) fn refusal(cluster: &Cluster, instance: &Instance, request: &Request<'_>) -> Option<Reason> {
    if !instance.connected {
        return Some(Reason::Agent);
    }
    let lacks = |attribute: &Value| {
        let name = attribute["name"].as_str().unwrap_or("");
        match (instance.attributes.get(name), attribute["value"].as_str()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(kept), Some(wanted)) => kept.as_deref() != Some(wanted),
        }
    };
    let definition = request.definition;
    if items(definition.value.get("requiresAttributes")).iter().any(lacks) {
        return Some(Reason::Attribute);
    }
    let platform = &definition.value["runtimePlatform"];
    let wanted = [
        (
            "ecs.cpu-architecture",
            platform["cpuArchitecture"].as_str().map(|name| name.replace("X86_64", "x86_64").replace("ARM64", "arm64")),
        ),
        ("ecs.os-family", platform["operatingSystemFamily"].as_str().map(str::to_owned)),
    ];
    for (name, wanted) in wanted {
        let kept = instance.attributes.get(name).cloned().flatten();
        if wanted.is_some() && kept.is_some() && kept != wanted {
            return Some(Reason::Attribute);
        }
    }
    let groups = cluster.groups_on(&instance.id);
    for constraint in request.constraints.iter().chain(items(definition.value.get("placementConstraints"))) {
        if constraint["type"] == "distinctInstance" {
            if groups.contains(&request.group) {
                return Some(Reason::Distinct);
            }
            continue;
        }
        let holds = Expression::parse(constraint["expression"].as_str().unwrap_or(""))
            .is_ok_and(|expression| expression.holds(instance, &groups));
        if !holds {
            return Some(Reason::MemberOf);
        }
    }
    let left = instance.remaining(cluster);
    let needs = &request.needs;
    if needs.tcp.iter().any(|port| left.tcp.contains(port)) || needs.udp.iter().any(|port| left.udp.contains(port)) {
        return Some(Reason::Ports);
    }
    if needs.gpus > super::gpus::free(cluster, instance).len() {
        return Some(Reason::Gpu);
    }
    if needs.cpu > left.cpu {
        return Some(Reason::Cpu);
    }
    (needs.memory > left.memory).then_some(Reason::Memory)
}

/// Orders the instances that fit: the smallest goes first.
fn rank(cluster: &Cluster, instance: &Instance, request: &Request<'_>) -> (Vec<i64>, Reverse<i64>) {
    let peers = |same: &dyn Fn(&Instance) -> bool| -> i64 {
        let tasks = cluster.tasks.values().filter(|task| task.is_wanted() && task.group == request.group);
        let on = tasks.filter_map(|task| cluster.instances.get(task.instance.as_ref()?)).filter(|other| same(other));
        i64::try_from(on.count()).unwrap_or(i64::MAX)
    };
    let spread = |field: &str| match field.strip_prefix("attribute:") {
        Some(name) => peers(&|other| other.attributes.get(name) == instance.attributes.get(name)),
        None => peers(&|other| other.id == instance.id),
    };
    let left = instance.remaining(cluster);
    let mut keys: Vec<i64> = Vec::new();
    for item in request.strategy {
        let field = item["field"].as_str().unwrap_or("");
        keys.push(match item["type"].as_str().unwrap_or("") {
            "spread" => spread(field),
            "binpack" if field.eq_ignore_ascii_case("cpu") => left.cpu,
            "binpack" => left.memory,
            // Random, but the same each time for the same state.
            _ => {
                let digest = Sha256::digest(format!("{} {}", instance.id, cluster.tasks.len()));
                i64::from(u16::from_be_bytes([digest[0], digest[1]]))
            }
        });
    }
    if keys.is_empty() {
        keys.extend([spread("attribute:ecs.availability-zone"), spread("instanceId")]);
    }
    (keys, Reverse(left.memory))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::Fixture;

    fn places(strategy: Value, constraints: Value, count: u32) -> (Vec<String>, Value) {
        let mut aws = Fixture::edge();
        let second = aws.instance("i-2");
        aws.ok(
            "PutAttributes",
            json!({"cluster": "edge", "attributes": [{"name": "rack", "value": "r2", "targetId": second}]}),
        );
        aws.define("web", "nginx");
        let ran = aws.ok(
            "RunTask",
            json!({
                "cluster": "edge", "taskDefinition": "web", "count": count,
                "placementStrategy": strategy, "placementConstraints": constraints,
            }),
        );
        let on = |task: &Value| {
            let first = task["containerInstanceArn"] != json!(second);
            if first { "i-1" } else { "i-2" }.to_owned()
        };
        (ran["tasks"].as_array().unwrap().iter().map(on).collect(), ran["failures"].clone())
    }

    #[test]
    fn strategies() {
        let (mut spread, _) = places(json!([{"type": "spread", "field": "instanceId"}]), json!([]), 2);
        spread.sort();
        assert_eq!(spread, ["i-1", "i-2"]);
        let (packed, _) = places(json!([{"type": "binpack", "field": "memory"}]), json!([]), 3);
        assert!(packed.iter().all(|id| *id == packed[0]), "{packed:?}");
        let (random, _) = places(json!([{"type": "random"}]), json!([]), 3);
        assert_eq!(random.len(), 3);
    }

    #[test]
    fn constraints() {
        let member = json!([{"type": "memberOf", "expression": "attribute:rack == r2"}]);
        assert_eq!(places(json!([]), member, 2).0, ["i-2", "i-2"]);
        let (placed, failures) = places(json!([]), json!([{"type": "distinctInstance"}]), 3);
        assert_eq!(placed.len(), 2);
        assert_eq!(failures.as_array().unwrap().len(), 2);
        assert_eq!(failures[0]["reason"], "DistinctInstance placement constraint unsatisfied.");
        let nowhere = json!([{"type": "memberOf", "expression": "attribute:rack == r9"}]);
        assert_eq!(places(json!([]), nowhere, 1).1[0]["reason"], "MemberOf placement constraint unsatisfied.");
    }
}
