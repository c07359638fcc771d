//! PORT: the port mappings of a task definition by themselves.

use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::parts::{Mapping, mappings};
use crate::rules::workload::{containers, network, runners};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// Ranges of ports that a container may have.
const MOST_RANGES: usize = 100;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PORT-01",
        severity: Error,
        title: "port mappings in a task without a network",
        why: "With networkMode none the containers have no way out or in, and RegisterTaskDefinition refuses port \
              mappings.",
        source: "Amazon ECS API, RegisterTaskDefinition: networkMode",
        check: Check::Each("TaskDefinition", no_network),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: none
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: bridge
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
",
    },
    Rule {
        id: "PORT-02",
        severity: Error,
        title: "a port of the host that is not the container's, with awsvpc or host",
        why: "In these modes nothing translates ports: \"When networkMode=host, the host ports and container ports in \
              port mappings must match\", and the same with awsvpc.",
        source: "Amazon ECS API, PortMapping.hostPort; cfn-lint E3053",
        check: Check::Each("TaskDefinition", other_port),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
",
    },
    Rule {
        id: "PORT-03",
        severity: Error,
        title: "no such port, or no such protocol",
        why: "A containerPort is 1 to 65535; a hostPort may also be 0, which lets the agent choose. The protocol is tcp or \
              udp, in small letters: AWS would take anything else for tcp.",
        source: "Amazon ECS API, PortMapping",
        check: Check::Schema(&[(
            "TaskDefinition",
            &[
                "/containerDefinitions/*/portMappings/*/containerPort",
                "/containerDefinitions/*/portMappings/*/hostPort",
                "/containerDefinitions/*/portMappings/*/protocol",
            ],
        )]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80800}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 8080}]}
",
    },
    Rule {
        id: "PORT-04",
        severity: Error,
        title: "a port of a container is mapped twice",
        why: "RegisterTaskDefinition refuses a second mapping with the same protocol. One for tcp and one for udp it takes \
              (the note against it went from the documentation in 2020), but a service that registers this port with a \
              load balancer or in a registry is refused: \"Container port 53 is used in more than one port mapping for \
              container\".",
        source: "Amazon ECS API, PortMapping; aws/amazon-ecs-agent#3428; awsdocs/amazon-ecs-developer-guide#128",
        check: Check::Each("TaskDefinition", port_twice),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{containerPort: 80, hostPort: 8080}, {containerPort: 80, hostPort: 8081}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{containerPort: 80, hostPort: 8080}, {containerPort: 80, hostPort: 8080, protocol: udp}]
",
    },
    Rule {
        id: "PORT-05",
        severity: Error,
        title: "two mappings of a task want the same port of the host",
        why: "With networkMode bridge each containerPort may be bound to a port of the host, which is there once: \
              RegisterTaskDefinition refuses it, \"TCP host port '3000' is mapped multiple times in task\".",
        source: "Amazon ECS API, PortMapping.hostPort; aws/amazon-ecs-agent#1220",
        check: Check::Each("TaskDefinition", host_port_twice),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
    - {name: admin, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 81, hostPort: 8080}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
    - {name: admin, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 81, hostPort: 8081}]}
",
    },
    Rule {
        id: "PORT-06",
        severity: Error,
        title: "two containers listen on one port of a shared network",
        why: "With awsvpc and host the containers of a task share one network, in which a port is there once: \
              RegisterTaskDefinition refuses it.",
        source: "Amazon ECS API, RegisterTaskDefinition: networkMode",
        check: Check::Each("TaskDefinition", shared_port),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
    - {name: admin, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
    - {name: admin, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 81}]}
",
    },
    Rule {
        id: "PORT-10",
        severity: Error,
        title: "a range of ports that AWS does not take",
        why: "A containerPortRange is two ports, the first below the second, as 8000-8010. It stands alone: \"You cannot \
              specify both single port and port range\", and its ports are in no other mapping: \"container port is used \
              multiple times in task\". It needs networkMode bridge or awsvpc, and a container has up to 100.",
        source: "Amazon ECS API, PortMapping.containerPortRange",
        check: Check::Each("TaskDefinition", ranges),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPortRange: 8010-8000}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPortRange: 8000-8010}]}
",
    },
    Rule {
        id: "PORT-11",
        severity: Error,
        title: "no such protocol of an application",
        why: "appProtocol is http, http2 or grpc; anything else is left out and treated as plain TCP.",
        source: "Amazon ECS API, ApplicationProtocol",
        check: Check::Schema(&[("TaskDefinition", &["/containerDefinitions/*/portMappings/*/appProtocol"])]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{name: web, containerPort: 80, appProtocol: https}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{name: web, containerPort: 80, appProtocol: http}]
",
    },
    Rule {
        id: "PORT-14",
        severity: Error,
        title: "a mapping without a port",
        why: "A mapping is of one containerPort or of a containerPortRange; a hostPort alone leads nowhere.",
        source: "Amazon ECS API, PortMapping",
        check: Check::Each("TaskDefinition", no_port),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{hostPort: 8080}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{hostPort: 8080, containerPort: 80}]}
",
    },
    Rule {
        id: "PORT-15",
        severity: Warning,
        title: "an appProtocol that nothing looks at",
        why: "appProtocol is for Service Connect, which knows ports by their name; without a name it does nothing.",
        source: "Amazon ECS API, PortMapping.appProtocol",
        check: Check::Each("TaskDefinition", nameless),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, appProtocol: http}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{name: web, containerPort: 80, appProtocol: http}]}
",
    },
];

fn no_network(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if network(definition) != Some("none") {
        return;
    }
    for list in containers(definition).map(|container| container.get("portMappings")) {
        if list.says_something() {
            hits.add(list, "networkMode none has no ports").beside(definition.get("networkMode"), "the mode");
        }
    }
}

fn other_port(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let Some(mode) = network(definition).filter(|mode| ["awsvpc", "host"].contains(mode)) else { return };
    for mapping in mappings(definition) {
        let place = mapping.node.get("hostPort");
        if let (Some(inside), Some(outside)) = (mapping.inside, place.number())
            && outside != 0
            && outside != inside
        {
            hits.add(place, format!("hostPort {outside} is not containerPort {inside}, and networkMode is {mode}"))
                .help("leave hostPort out: in this mode it is the container's port");
        }
    }
}

fn title<'a>(mapping: &Mapping<'a>) -> &'a str {
    mapping.container.get("name").written().unwrap_or_default()
}

fn same_container(one: &Mapping<'_>, other: &Mapping<'_>) -> bool {
    one.container.value().zip(other.container.value()).is_some_and(|(one, other)| std::ptr::eq(one, other))
}

/// Calls with each mapping that repeats what an earlier one has, and that one.
fn repeated<'a>(
    all: &[Mapping<'a>],
    is_same: impl Fn(&Mapping<'a>, &Mapping<'a>) -> bool,
    mut tell: impl FnMut(&Mapping<'a>, &Mapping<'a>),
) {
    for (index, mapping) in all.iter().enumerate() {
        if let Some(first) = all[..index].iter().find(|first| is_same(first, mapping)) {
            tell(mapping, first);
        }
    }
}

fn port_twice(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let is_same = |one: &Mapping<'_>, other: &Mapping<'_>| {
        same_container(one, other) && one.inside.is_some() && one.inside == other.inside
    };
    let runners = runners(definition, declared);
    repeated(&mappings(definition), is_same, |mapping, first| {
        let (port, name) = (mapping.inside.unwrap_or_default(), title(mapping));
        if mapping.protocol == first.protocol {
            let message = format!("port {port} of container `{name}` is mapped twice for {}", mapping.protocol);
            hits.add(mapping.node, message).beside(first.node, "the first");
            return;
        }
        let registered = runners.iter().flat_map(|runner| {
            ["loadBalancers", "serviceRegistries"].into_iter().flat_map(move |list| runner.get(list).items())
        });
        for registration in registered {
            let of_port = registration.get("containerPort").number() == Some(port);
            if of_port && registration.get("containerName").is(name) {
                let message = format!(
                    "{} registers port {port} of container `{name}`, which is mapped for tcp and for udp",
                    registration.address()
                );
                hits.add(mapping.node, message)
                    .beside(first.node, "the other mapping")
                    .beside(registration, "the registration")
                    .help("map it for one protocol, or let another container answer the other");
            }
        }
    });
}

fn host_port_twice(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if network(definition) == Some("host") {
        return;
    }
    let is_same = |one: &Mapping<'_>, other: &Mapping<'_>| {
        let told = same_container(one, other) && one.inside == other.inside;
        one.fixed.is_some() && one.fixed == other.fixed && one.protocol == other.protocol && !told
    };
    repeated(&mappings(definition), is_same, |mapping, first| {
        let (port, name) = (mapping.fixed.unwrap_or_default(), title(first));
        let message = format!("port {port} of the host is taken by container `{name}` already");
        hits.add(mapping.node, message).beside(first.node, "the first");
    });
}

fn shared_port(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if !network(definition).is_some_and(|mode| ["awsvpc", "host"].contains(&mode)) {
        return;
    }
    let is_same = |one: &Mapping<'_>, other: &Mapping<'_>| {
        one.inside.is_some()
            && one.inside == other.inside
            && one.protocol == other.protocol
            && !same_container(one, other)
    };
    repeated(&mappings(definition), is_same, |mapping, first| {
        let (port, name) = (mapping.inside.unwrap_or_default(), title(first));
        let message = format!("port {port} is container `{name}`'s already, and they share one network");
        hits.add(mapping.node, message).beside(first.node, "the first");
    });
}

/// The two ends of a range, when it is one.
pub(super) fn ends(range: &str) -> Option<(i64, i64)> {
    let (low, high) = range.split_once('-')?;
    let (low, high) = (low.parse::<u16>().ok()?, high.parse::<u16>().ok()?);
    (low > 0 && low < high).then_some((low.into(), high.into()))
}

fn ranges(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mode = network(definition);
    // What a task has so far: in awsvpc of all containers, else of one.
    let mut taken: Vec<(i64, i64, &str, Node<'_>)> = Vec::new();
    for container in containers(definition) {
        if mode != Some("awsvpc") {
            taken.clear();
        }
        let list = container.get("portMappings");
        let count = list.items().filter(|one| one.get("containerPortRange").is_given()).count();
        if count > MOST_RANGES {
            hits.add(list, format!("{count} ranges of ports; a container has {MOST_RANGES} at most"));
        }
        for mapping in list.items() {
            let range = mapping.get("containerPortRange");
            let protocol = mapping.get("protocol");
            let protocol = if protocol.is_given() { protocol.text().unwrap_or_default() } else { "tcp" };
            let Some(text) = range.text() else {
                if let Some(port) = mapping.get("containerPort").number() {
                    check_overlap((port, port, protocol, mapping), false, &mut taken, hits);
                }
                continue;
            };
            if mode == Some("host") {
                hits.add(range, "a range of ports needs networkMode bridge or awsvpc")
                    .beside(definition.get("networkMode"), "the mode");
            } else if mapping.get("containerPort").is_given() || mapping.get("hostPort").is_given() {
                hits.add(mapping, "this has a port and a range of ports")
                    .help("keep containerPortRange alone; the ports of the host are chosen");
            } else if let Some((low, high)) = ends(text) {
                check_overlap((low, high, protocol, range), true, &mut taken, hits);
            } else {
                hits.add(range, format!("`{text}` is no range of ports, as 8000-8010"));
            }
        }
    }
}

/// Notes ports, and says when they are in an earlier mapping; of two single ports other rules tell.
fn check_overlap<'a>(
    ports: (i64, i64, &'a str, Node<'a>),
    is_range: bool,
    taken: &mut Vec<(i64, i64, &'a str, Node<'a>)>,
    hits: &mut Hits,
) {
    let (low, high, protocol, place) = ports;
    let first = taken
        .iter()
        .find(|(from, to, of, _)| *of == protocol && low <= *to && *from <= high && (is_range || from != to));
    if let Some((from, to, _, first)) = first {
        let (from, to) = (low.max(*from), high.min(*to));
        let which = if from == to { format!("port {from} is") } else { format!("ports {from} to {to} are") };
        hits.add(place, format!("{which} in another mapping already")).beside(*first, "the first");
    }
    taken.push(ports);
}

fn no_port(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for mapping in containers(definition).flat_map(|container| container.get("portMappings").items()) {
        if !mapping.get("containerPort").is_given() && !mapping.get("containerPortRange").is_given() {
            hits.add(mapping, "a mapping of no port").help("add containerPort, or containerPortRange");
        }
    }
}

fn nameless(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for mapping in containers(definition).flat_map(|container| container.get("portMappings").items()) {
        let protocol = mapping.get("appProtocol");
        if protocol.is_given() && !mapping.get("name").is_given() {
            hits.add(protocol, "appProtocol does nothing on a port without a name")
                .help("name the port for Service Connect, or take appProtocol out");
        }
    }
}
