//! PORT: ports of the hosts that tasks run on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::address::Address;
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::parts::{Mapping, declared_hosts, host_count, is_for_fargate, mappings};
use crate::rules::workload::{containers, definition as definition_of, is_windows, launch_type, network, runners};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// What the agent keeps for SSH, Docker and itself; all of it is TCP.
const RESERVED: &[i64] = &[22, 2375, 2376, 51_678, 51_679, 51_680];
/// Ports that can be reserved on an instance, the agent's five among them.
const MOST_FIXED: usize = 100 - 5;
/// Where the ports begin that Docker hands out.
const EPHEMERAL: i64 = 32_768;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PORT-07",
        severity: Error,
        title: "a port of the host that the agent keeps",
        why: "The agent reports 22, 2375, 2376 and 51678 to 51680, or what ECS_RESERVED_PORTS and ECS_RESERVED_PORTS_UDP \
              say instead, as taken: no instance ever has such a port free, and the task is never placed. Where the \
              instances of the cluster are declared, their settings count.",
        source: "Amazon ECS API, PortMapping.hostPort; amazon-ecs-agent, README: ECS_RESERVED_PORTS",
        check: Check::Each("TaskDefinition", reserved),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 2222, hostPort: 22}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 2222, hostPort: 2222}]}
",
    },
    Rule {
        id: "PORT-08",
        severity: Warning,
        title: "a fixed port where Docker chooses its own",
        why: "Docker gives ports from 32768 up (net.ipv4.ip_local_port_range) to mappings without a hostPort, and the host \
              gives them to outgoing connections: such a port may be taken when the task starts. AWS says not to name \
              one.",
        source: "Amazon ECS API, PortMapping.hostPort",
        check: Check::Each("TaskDefinition", ephemeral),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 40080}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
",
    },
    Rule {
        id: "PORT-09",
        severity: Error,
        title: "more fixed ports than an instance can have",
        why: "An instance has up to 100 reserved ports, the agent's own among them, so a task with more than 95 is never \
              placed. Ports that the agent chooses, and ranges, do not count.",
        source: "Amazon ECS API, PortMapping.hostPort",
        check: Check::Each("TaskDefinition", too_many),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: host
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      user: '101'
      portMappings:
        [{containerPort: 7001}, {containerPort: 7002}, {containerPort: 7003}, {containerPort: 7004},
         {containerPort: 7005}, {containerPort: 7006}, {containerPort: 7007}, {containerPort: 7008},
         {containerPort: 7009}, {containerPort: 7010}, {containerPort: 7011}, {containerPort: 7012},
         {containerPort: 7013}, {containerPort: 7014}, {containerPort: 7015}, {containerPort: 7016},
         {containerPort: 7017}, {containerPort: 7018}, {containerPort: 7019}, {containerPort: 7020},
         {containerPort: 7021}, {containerPort: 7022}, {containerPort: 7023}, {containerPort: 7024},
         {containerPort: 7025}, {containerPort: 7026}, {containerPort: 7027}, {containerPort: 7028},
         {containerPort: 7029}, {containerPort: 7030}, {containerPort: 7031}, {containerPort: 7032},
         {containerPort: 7033}, {containerPort: 7034}, {containerPort: 7035}, {containerPort: 7036},
         {containerPort: 7037}, {containerPort: 7038}, {containerPort: 7039}, {containerPort: 7040},
         {containerPort: 7041}, {containerPort: 7042}, {containerPort: 7043}, {containerPort: 7044},
         {containerPort: 7045}, {containerPort: 7046}, {containerPort: 7047}, {containerPort: 7048},
         {containerPort: 7049}, {containerPort: 7050}, {containerPort: 7051}, {containerPort: 7052},
         {containerPort: 7053}, {containerPort: 7054}, {containerPort: 7055}, {containerPort: 7056},
         {containerPort: 7057}, {containerPort: 7058}, {containerPort: 7059}, {containerPort: 7060},
         {containerPort: 7061}, {containerPort: 7062}, {containerPort: 7063}, {containerPort: 7064},
         {containerPort: 7065}, {containerPort: 7066}, {containerPort: 7067}, {containerPort: 7068},
         {containerPort: 7069}, {containerPort: 7070}, {containerPort: 7071}, {containerPort: 7072},
         {containerPort: 7073}, {containerPort: 7074}, {containerPort: 7075}, {containerPort: 7076},
         {containerPort: 7077}, {containerPort: 7078}, {containerPort: 7079}, {containerPort: 7080},
         {containerPort: 7081}, {containerPort: 7082}, {containerPort: 7083}, {containerPort: 7084},
         {containerPort: 7085}, {containerPort: 7086}, {containerPort: 7087}, {containerPort: 7088},
         {containerPort: 7089}, {containerPort: 7090}, {containerPort: 7091}, {containerPort: 7092},
         {containerPort: 7093}, {containerPort: 7094}, {containerPort: 7095}, {containerPort: 7096}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: bridge
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPortRange: 7001-7096}]}
",
    },
    Rule {
        id: "PORT-12",
        severity: Warning,
        title: "services that need the same port have more tasks than there are hosts",
        why: "A fixed port is there once on each host, so at most one task of all these services runs on each; the rest \
              stays PENDING: \"the closest matching container-instance … is already using a port required by your task\". \
              Counted are the declared hosts of the cluster. A service with memberOf constraints may have hosts of its \
              own, and in a cluster with capacity providers the hosts are not known: then nothing is said.",
        source: "Amazon ECS Developer Guide, Service event messages; task placement",
        check: Check::All(rivals),
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required}
  ecsConfig: {ECS_CLUSTER: '${Cluster.stores.name}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
  deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}
---
kind: Service
metadata: {name: trial}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
  deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}
",
        good: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Instance
metadata: {name: host}
spec:
  count: 2
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required}
  ecsConfig: {ECS_CLUSTER: '${Cluster.stores.name}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
  deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}
---
kind: Service
metadata: {name: trial}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
  deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}
",
    },
    Rule {
        id: "PORT-13",
        severity: Error,
        title: "port 3150 of a Windows task on Fargate",
        why: "Fargate keeps port 3150 of Windows tasks for itself.",
        source: "Amazon ECS Developer Guide, Windows containers on AWS Fargate considerations",
        check: Check::Each("TaskDefinition", windows_port),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 1 vCPU
  memory: 2 GB
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - {name: app, image: 'store/till:7', portMappings: [{containerPort: 3150}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 1 vCPU
  memory: 2 GB
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - {name: app, image: 'store/till:7', portMappings: [{containerPort: 3151}]}
",
    },
];

/// Where the port of a mapping that is fixed stands.
fn place<'a>(mapping: &Mapping<'a>) -> Node<'a> {
    let host = mapping.node.get("hostPort");
    if host.is_given() { host } else { mapping.node.get("containerPort") }
}

/// The ports of a protocol that a host keeps; none when its setting is not known.
fn kept_by(host: Node<'_>, protocol: &str) -> Option<Vec<i64>> {
    let member = if protocol == "udp" { "ECS_RESERVED_PORTS_UDP" } else { "ECS_RESERVED_PORTS" };
    let setting = host.get("ecsConfig").get(member);
    let Some(value) = setting.value() else {
        return Some(if protocol == "udp" { Vec::new() } else { RESERVED.to_vec() });
    };
    let parsed = match setting.text() {
        Some(text) => serde_json::from_str(text).ok()?,
        None => value.clone(),
    };
    let Value::Array(items) = parsed else { return None };
    Some(items.iter().filter_map(Value::as_i64).collect())
}

fn reserved(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let mut clusters = BTreeSet::new();
    let of_each = runners(definition, declared)
        .into_iter()
        .filter(|runner| clusters.insert((runner.get("cluster").written(), launch_type(*runner, declared))));
    let hosts: Vec<Node<'_>> = of_each.flat_map(|runner| declared_hosts(runner, declared)).collect();
    for mapping in mappings(definition) {
        let (Some(port), protocol) = (mapping.fixed, mapping.protocol) else { continue };
        let is_kept = if hosts.is_empty() {
            protocol == "tcp" && RESERVED.contains(&port)
        } else {
            hosts.iter().all(|host| kept_by(*host, protocol).is_some_and(|kept| kept.contains(&port)))
        };
        if is_kept {
            let message = if RESERVED.contains(&port) {
                format!("port {port} of the host is kept for SSH, Docker or the agent")
            } else {
                format!("port {port} of the host is kept by the settings of every declared host of the cluster")
            };
            hits.add(place(&mapping), message).help("take another hostPort, or leave it out and let the agent choose");
        }
    }
}

fn ephemeral(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if network(definition) != Some("bridge") {
        return;
    }
    for mapping in mappings(definition) {
        if let Some(port) = mapping.fixed.filter(|port| *port >= EPHEMERAL && !RESERVED.contains(port)) {
            hits.add(place(&mapping), format!("port {port} is among those that Docker and the host hand out"))
                .help(format!("take one below {EPHEMERAL}, or leave hostPort out"));
        }
    }
}

fn too_many(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let fixed: BTreeSet<(i64, &str)> =
        mappings(definition).iter().filter_map(|mapping| Some((mapping.fixed?, mapping.protocol))).collect();
    if fixed.len() > MOST_FIXED {
        let message =
            format!("the task needs {} ports of its host; {MOST_FIXED} is the most that can be free", fixed.len());
        hits.add(definition.get("containerDefinitions"), message)
            .help("leave hostPort out, or use containerPortRange with networkMode bridge");
    }
}

/// A service that needs a port.
struct Rival<'a> {
    service: Node<'a>,
    mapping: Mapping<'a>,
    tasks: i64,
}

fn rivals(declared: &Declared<'_>, hits: &mut Hits) {
    let mut hosts: BTreeMap<(&Address, &str), i64> = BTreeMap::new();
    let mut groups: BTreeMap<(&Address, &str, i64, &str), Vec<Rival<'_>>> = BTreeMap::new();
    for service in declared.of("Service") {
        let (Some(definition), Some(cluster)) =
            (definition_of(service, declared), declared.target(service.get("cluster")))
        else {
            continue;
        };
        let Some(sort) = launch_type(service, declared) else { continue };
        let is_bound = [service, definition].into_iter().any(|node| {
            node.get("placementConstraints").items().any(|constraint| !constraint.get("type").is("distinctInstance"))
        });
        if is_bound || cluster.get("capacityProviders").says_something() {
            continue;
        }
        let fixed: Vec<Mapping<'_>> = mappings(definition).into_iter().filter(|one| one.fixed.is_some()).collect();
        if fixed.is_empty() {
            continue;
        }
        let count =
            *hosts.entry((cluster.address(), sort)).or_insert_with(|| host_count(&declared_hosts(service, declared)));
        let tasks = if service.get("schedulingStrategy").is("DAEMON") {
            count
        } else {
            service.get("desiredCount").number().unwrap_or(1)
        };
        for mapping in fixed {
            let key = (cluster.address(), sort, mapping.fixed.unwrap_or_default(), mapping.protocol);
            groups.entry(key).or_default().push(Rival { service, mapping, tasks });
        }
    }
    let mut told = BTreeSet::new();
    for ((cluster, sort, port, protocol), rivals) in groups {
        let count = hosts.get(&(cluster, sort)).copied().unwrap_or_default();
        let wanting: Vec<&Rival<'_>> = rivals.iter().filter(|rival| rival.tasks > 0).collect();
        // A service with more tasks than hosts is told by its own rule.
        if wanting.iter().any(|rival| rival.tasks > count) {
            continue;
        }
        let tasks: i64 = wanting.iter().map(|rival| rival.tasks).sum();
        let names: Vec<&Address> = wanting.iter().map(|rival| rival.service.address()).collect();
        let ([first, .., last], true) = (&wanting[..], count > 0 && tasks > count) else { continue };
        if !told.insert(names) {
            continue;
        }
        let hosts = if count == 1 { "1 declared host".to_owned() } else { format!("{count} declared hosts") };
        let message = format!(
            "{} services of {cluster} with {tasks} tasks need port {port}/{protocol}, and it has {hosts}",
            wanting.len()
        );
        hits.add(last.service.get("taskDefinition"), message)
            .beside(first.service.get("taskDefinition"), "the other service")
            .beside(last.mapping.node, "the port")
            .help("declare more hosts, lower desiredCount, or let the agent choose the ports");
    }
}

fn windows_port(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_windows(definition) || !is_for_fargate(definition, declared) {
        return;
    }
    for port in containers(definition)
        .flat_map(|container| container.get("portMappings").items())
        .map(|mapping| mapping.get("containerPort"))
    {
        if port.number() == Some(3150) {
            hits.add(port, "Fargate keeps port 3150 of Windows tasks");
        }
    }
}
