//! Why tasks find no place, in words and numbers: what AWS said, read against what the cluster's instances have left.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    ContainerInstance, ContainerInstanceStatus, NetworkMode, ResourceType, TaskDefinition, TransportProtocol,
};

use crate::aws::{Aws, Fault, fault};

/// How many instances one call describes.
const AT_ONCE: usize = 100;
/// How many instances are named.
const NAMED: usize = 3;

/// What AWS said after `unable to place a task`, without what it always says.
pub(super) fn refusal(event: &str) -> Option<&str> {
    let (_, said) = event.split_once("unable to place a task")?;
    let said = said.split(" For more information, see").next().unwrap_or(said);
    let said = said.rsplit("met all of its requirements.").next().unwrap_or(said);
    let said = said.trim_start_matches('.').trim();
    Some(said.strip_prefix("Reason:").unwrap_or(said).trim())
}

/// What AWS says (in events of services and in failures of RunTask), and what it means. Source: the developer guide's
/// "Service event messages" and "API failure reasons".
static MEANINGS: &[(&str, &str)] = &[
    ("insufficient CPU units", "too few CPU units are free"),
    ("RESOURCE:CPU", "too few CPU units are free"),
    ("insufficient memory", "too little memory is free"),
    ("RESOURCE:MEMORY", "too little memory is free"),
    ("already using a port", "a host port that it needs is in use"),
    ("RESOURCE:PORTS", "a host port that it needs is in use"),
    ("RESOURCE:GPU", "too few GPUs are free"),
    ("RESOURCE:ENI", "no network interface is free"),
    ("network interface", "no network interface is free"),
    ("missing an attribute", "an attribute that it needs is missing"),
    ("ATTRIBUTE", "an attribute that it needs is missing"),
    ("AGENT", "the agent is not connected"),
    ("LOCATION", "the instance is in another zone than the subnets"),
    ("MISSING", "there is no such instance"),
    ("MemberOf placement constraint", "a placement constraint rules it out"),
    ("DistinctInstance placement constraint", "each instance has one of these tasks already"),
    ("No Container Instances were found", "the cluster has no container instance"),
    ("Capacity is unavailable", "AWS has no capacity for it at this time"),
];

/// What AWS said, in other words where there are better ones.
pub(super) fn meaning(said: &str) -> &str {
    MEANINGS.iter().find(|(part, _)| said.contains(part)).map_or(said, |(_, meaning)| meaning)
}

/// What a task takes of an instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    pub(super) cpu: i64,
    pub(super) memory: i64,
    gpus: usize,
    tcp: Vec<i32>,
    udp: Vec<i32>,
    attributes: Vec<(String, Option<String>)>,
}

impl Needs {
    fn of(definition: &TaskDefinition) -> Self {
        let mut needs = Self::default();
        for container in definition.container_definitions() {
            needs.cpu += i64::from(container.cpu());
            needs.memory += i64::from(container.memory_reservation().or(container.memory()).unwrap_or(0));
            let gpus = container.resource_requirements().iter().filter(|one| *one.r#type() == ResourceType::Gpu);
            needs.gpus += gpus.filter_map(|one| one.value().parse::<usize>().ok()).sum::<usize>();
            for mapping in container.port_mappings() {
                let port = match definition.network_mode() {
                    Some(NetworkMode::Awsvpc) => None,
                    Some(NetworkMode::Host) => mapping.container_port(),
                    _ => mapping.host_port().filter(|port| *port != 0),
                };
                let is_udp = mapping.protocol() == Some(&TransportProtocol::Udp);
                if is_udp { needs.udp.extend(port) } else { needs.tcp.extend(port) }
            }
        }
        let whole = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        needs.cpu = whole(definition.cpu()).unwrap_or(needs.cpu);
        needs.memory = whole(definition.memory()).unwrap_or(needs.memory);
        needs.attributes = definition
            .requires_attributes()
            .iter()
            .map(|attribute| (attribute.name().to_owned(), attribute.value().map(str::to_owned)))
            .collect();
        needs
    }
}

/// A task that found no place.
pub(super) struct Unplaced<'a> {
    pub(super) cluster: &'a str,
    pub(super) definition: &'a str,
    /// Whether it can run only outside AWS; otherwise only on instances of EC2.
    pub(super) is_external: bool,
    /// What the call says of CPU and memory in place of the definition.
    pub(super) cpu: Option<i64>,
    pub(super) memory: Option<i64>,
    /// As [`refusal`] gives it.
    pub(super) said: &'a str,
}

impl Unplaced<'_> {
    /// Why no instance takes it.
    pub(super) async fn explain(&self, aws: &Aws) -> Result<String, Fault> {
        let call = aws.ecs().describe_task_definition().task_definition(self.definition).send();
        let answer = call.await.map_err(fault("ecs:DescribeTaskDefinition"))?;
        let mut needs = answer.task_definition().map(Needs::of).unwrap_or_default();
        needs.cpu = self.cpu.unwrap_or(needs.cpu);
        needs.memory = self.memory.unwrap_or(needs.memory);
        Ok(self.words(&needs, &self.instances(aws).await?))
    }

    /// The instances that could take it if they had room.
    async fn instances(&self, aws: &Aws) -> Result<Vec<ContainerInstance>, Fault> {
        let list = aws.ecs().list_container_instances().cluster(self.cluster);
        let list = list.status(ContainerInstanceStatus::Active).into_paginator().items().send();
        let arns = list.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListContainerInstances"))?;
        let mut instances = Vec::new();
        for some in arns.chunks(AT_ONCE) {
            let call = aws.ecs().describe_container_instances().cluster(self.cluster);
            let answer = call.set_container_instances(Some(some.to_vec())).send().await;
            instances.extend(
                answer.map_err(fault("ecs:DescribeContainerInstances"))?.container_instances.unwrap_or_default(),
            );
        }
        let is_candidate = |one: &ContainerInstance| {
            has(one, "ecs.capability.external", None) == self.is_external && one.status() == Some("ACTIVE")
        };
        instances.retain(is_candidate);
        Ok(instances)
    }

    fn words(&self, needs: &Needs, instances: &[ContainerInstance]) -> String {
        let cluster = self.cluster;
        if instances.is_empty() {
            return match self.is_external {
                true => format!("the cluster {cluster} has no host outside AWS"),
                false => format!("the cluster {cluster} has no container instance that takes tasks"),
            };
        }
        let is_on_outpost = instances.iter().all(|one| has(one, "ecs.outpost-arn", None));
        let place = if is_on_outpost { "on the Outpost".to_owned() } else { format!("in the cluster {cluster}") };
        let mut lacks: BTreeMap<Lack, Vec<&ContainerInstance>> = BTreeMap::new();
        for instance in instances {
            lacks.entry(Lack::of(needs, instance)).or_default().push(instance);
        }
        if let (Some((lack, instances)), 1) = (lacks.first_key_value(), lacks.len()) {
            return lack.of_all(self, needs, &place, instances);
        }
        let each: Vec<String> = lacks.iter().map(|(lack, instances)| lack.of_some(self, needs, instances)).collect();
        format!("no instance {place} takes it: {}", each.join("; "))
    }
}

/// What keeps a task off an instance, in the order in which AWS looks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lack {
    Agent,
    Attribute(String),
    Port(i32),
    Gpu,
    Cpu,
    Memory,
    /// Nothing that can be seen here.
    Other,
}

impl Lack {
    fn of(needs: &Needs, instance: &ContainerInstance) -> Self {
        if !instance.agent_connected() {
            return Self::Agent;
        }
        if let Some((name, _)) = needs.attributes.iter().find(|(name, value)| !has(instance, name, value.as_deref())) {
            return Self::Attribute(name.clone());
        }
        let taken = |resource: &str| texts(instance, resource);
        let (tcp, udp) = (taken("PORTS"), taken("PORTS_UDP"));
        let is_taken = |taken: &[String], port: &i32| taken.contains(&port.to_string());
        let port = needs.tcp.iter().find(|port| is_taken(&tcp, port));
        if let Some(port) = port.or_else(|| needs.udp.iter().find(|port| is_taken(&udp, port))) {
            return Self::Port(*port);
        }
        if needs.gpus > texts(instance, "GPU").len() {
            return Self::Gpu;
        }
        if needs.cpu > free(instance, "CPU") {
            return Self::Cpu;
        }
        if needs.memory > free(instance, "MEMORY") { Self::Memory } else { Self::Other }
    }

    /// The sentence for a lack of every instance.
    fn of_all(&self, task: &Unplaced<'_>, needs: &Needs, place: &str, instances: &[&ContainerInstance]) -> String {
        match self {
            Self::Agent => format!("no instance {place} has a connected agent ({})", names(instances)),
            Self::Attribute(name) => format!("no instance {place} has the attribute {name}"),
            Self::Port(port) => format!("port {port} is in use on every instance {place} ({})", names(instances)),
            Self::Gpu => format!("no instance {place} has {} GPUs free", needs.gpus),
            Self::Cpu => {
                let cpu = number(needs.cpu);
                format!("no instance {place} has {cpu} CPU units free ({})", most_free(instances, "CPU"))
            }
            Self::Memory => {
                let memory = number(needs.memory);
                format!("no instance {place} has {memory} MiB of memory free ({})", most_free(instances, "MEMORY"))
            }
            Self::Other => format!("no instance {place} takes it: {}", meaning(task.said)),
        }
    }

    /// The same for some of them.
    fn of_some(&self, task: &Unplaced<'_>, needs: &Needs, instances: &[&ContainerInstance]) -> String {
        let on = names(instances);
        match self {
            Self::Agent => format!("the agent is not connected on {on}"),
            Self::Attribute(name) => format!("the attribute {name} is missing on {on}"),
            Self::Port(port) => format!("port {port} is in use on {on}"),
            Self::Gpu => format!("fewer than {} GPUs are free on {on}", needs.gpus),
            Self::Cpu => {
                let (cpu, most) = (number(needs.cpu), most_free(instances, "CPU"));
                format!("fewer than {cpu} CPU units are free on {on} ({most})")
            }
            Self::Memory => {
                let (memory, most) = (number(needs.memory), most_free(instances, "MEMORY"));
                format!("less than {memory} MiB of memory is free on {on} ({most})")
            }
            Self::Other => format!("{} on {on}", meaning(task.said)),
        }
    }
}

fn has(instance: &ContainerInstance, name: &str, value: Option<&str>) -> bool {
    let found = instance.attributes().iter().find(|attribute| attribute.name() == name);
    found.is_some_and(|found| value.is_none() || found.value() == value)
}

fn free(instance: &ContainerInstance, resource: &str) -> i64 {
    let found = instance.remaining_resources().iter().find(|one| one.name() == Some(resource));
    found.map_or(0, |one| i64::from(one.integer_value()))
}

fn texts(instance: &ContainerInstance, resource: &str) -> Vec<String> {
    let found = instance.remaining_resources().iter().find(|one| one.name() == Some(resource));
    found.map(|one| one.string_set_value().to_vec()).unwrap_or_default()
}

fn most_free(instances: &[&ContainerInstance], resource: &str) -> String {
    let most = instances.iter().max_by_key(|one| free(one, resource));
    most.map_or_else(String::new, |one| format!("the most free is {} on {}", number(free(one, resource)), name(one)))
}

fn name(instance: &ContainerInstance) -> &str {
    let arn = || instance.container_instance_arn().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    instance.ec2_instance_id().unwrap_or_else(arn)
}

fn names(instances: &[&ContainerInstance]) -> String {
    let mut text: Vec<&str> = instances.iter().take(NAMED).map(|one| name(one)).collect();
    let more = instances.len().saturating_sub(NAMED);
    let more = format!("{more} more");
    if instances.len() > NAMED {
        text.push(&more);
    }
    text.join(", ")
}

/// `1024` as `1,024`.
fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{Attribute, ContainerDefinition, PortMapping, Resource};

    use super::*;

    fn instance(id: &str, cpu: i32, memory: i32, ports: &[&str]) -> ContainerInstance {
        let number = |name: &str, value| Resource::builder().name(name).r#type("INTEGER").integer_value(value).build();
        let ports = ports.iter().map(|port| (*port).to_owned()).collect();
        let outpost = Attribute::builder().name("ecs.outpost-arn").value("arn:aws:outposts:…").build().unwrap();
        ContainerInstance::builder()
            .ec2_instance_id(id)
            .agent_connected(true)
            .remaining_resources(number("CPU", cpu))
            .remaining_resources(number("MEMORY", memory))
            .remaining_resources(Resource::builder().name("PORTS").set_string_set_value(Some(ports)).build())
            .attributes(outpost)
            .build()
    }

    fn needs() -> Needs {
        let mapping = PortMapping::builder().container_port(8080).host_port(80).build();
        let container = ContainerDefinition::builder().name("app").cpu(1024).memory(256).port_mappings(mapping);
        Needs::of(&TaskDefinition::builder().container_definitions(container.build()).build())
    }

    fn words(needs: &Needs, instances: &[ContainerInstance]) -> String {
        let said = "The closest matching (container-instance x) encountered error \"MemberOf placement constraint unsatisfied.\".";
        let task = Unplaced { cluster: "edge", definition: "till", is_external: false, cpu: None, memory: None, said };
        task.words(needs, instances)
    }

    #[test]
    fn what_every_instance_lacks_is_said_with_numbers() {
        let (small, smaller) = (instance("i-1", 512, 4000, &["22"]), instance("i-2", 256, 100, &["22"]));
        assert_eq!(
            words(&needs(), &[smaller.clone(), small]),
            "no instance on the Outpost has 1,024 CPU units free (the most free is 512 on i-1)"
        );
        let full = instance("i-3", 2048, 1200, &[]);
        let large = Needs { memory: 12_000, ..needs() };
        assert_eq!(
            words(&large, &[full]),
            "no instance on the Outpost has 12,000 MiB of memory free (the most free is 1,200 on i-3)"
        );
        let busy = instance("i-4", 2048, 4000, &["22", "80"]);
        assert_eq!(words(&needs(), &[busy]), "port 80 is in use on every instance on the Outpost (i-4)");
        assert_eq!(words(&needs(), &[]), "the cluster edge has no container instance that takes tasks");
    }

    #[test]
    fn different_lacks_are_told_apart() {
        let lost = ContainerInstance::builder().ec2_instance_id("i-9").build();
        let all = [instance("i-1", 512, 4000, &[]), lost, instance("i-2", 2048, 4000, &["80"])];
        assert_eq!(
            words(&needs(), &all),
            "no instance in the cluster edge takes it: the agent is not connected on i-9; port 80 is in use on i-2; \
             fewer than 1,024 CPU units are free on i-1 (the most free is 512 on i-1)"
        );
        let roomy = instance("i-3", 2048, 4000, &[]);
        assert_eq!(
            words(&needs(), &[roomy]),
            "no instance on the Outpost takes it: a placement constraint rules it out"
        );
    }

    #[test]
    fn what_aws_says_is_taken_out_of_its_events() {
        let of = |said: &str| {
            let end = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
            let event = format!("(service s) was unable to place a task{said} {end}");
            refusal(&event).map(str::to_owned)
        };
        let closest = "The closest matching (container-instance 3f4d) has insufficient CPU units available.";
        let event = format!(" because no container instance met all of its requirements. {closest}");
        assert_eq!(of(&event).as_deref(), Some(closest));
        assert_eq!(meaning(closest), "too few CPU units are free");
        assert_eq!(
            of(". Reason: Capacity is unavailable at this time.").map(|said| meaning(&said).to_owned()).as_deref(),
            Some("AWS has no capacity for it at this time")
        );
        assert_eq!(refusal("(service s) has started 1 tasks: (task 1)."), None);
        assert_eq!(meaning("something new"), "something new");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 512, 1024, 1_234_567].map(number), ["0", "512", "1,024", "1,234,567"]);
    }
}
