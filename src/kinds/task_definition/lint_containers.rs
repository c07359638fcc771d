//! What RegisterTaskDefinition refuses in containers, and between them: ports, dependencies, links, checks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::is_essential;
use super::spec::TaskDefinitionSpec;
use super::spec_container::{ContainerDefinition, HealthCheck, PortMapping};
use crate::kinds::{Findings, is_open};
use crate::manifest::suggest::closest;

pub(super) fn lint(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let mut ports = Ports { network: spec.network(), used: BTreeMap::new() };
    for (index, container) in spec.container_definitions.iter().enumerate() {
        let at = format!("/containerDefinitions/{index}");
        dependencies(spec, container, &at, findings);
        neighbours(spec, container, &at, findings);
        variables(container, &at, findings);
        if let Some(check) = &container.health_check {
            health_check(check, &at, findings);
        }
        for (place, limit) in container.ulimits.iter().flatten().enumerate() {
            if limit.soft_limit > limit.hard_limit && limit.hard_limit >= 0 {
                let message = format!("{}: the soft limit is above the hard one", limit.name.as_str());
                findings.error(format!("{at}/ulimits/{place}/softLimit"), "ulimit", message);
            }
        }
        for (place, port) in container.port_mappings.iter().flatten().enumerate() {
            ports.check(container, port, &format!("{at}/portMappings/{place}"), findings);
        }
    }
    cycles(spec, findings);
}

fn unknown(spec: &TaskDefinitionSpec, own: &str, target: &str, pointer: String, findings: &mut Findings) -> bool {
    if is_open(target) || (spec.container(target).is_some() && target != own) {
        return false;
    }
    if target == own {
        findings.error(pointer, "container-missing", format!("container `{own}` refers to itself"));
        return true;
    }
    findings.error(pointer, "container-missing", format!("no container is called `{target}`"));
    let names = spec.container_definitions.iter().map(|container| container.name.as_str());
    if let Some(near) = closest(target, names) {
        findings.help(format!("did you mean `{near}`?"));
    }
    true
}

fn dependencies(spec: &TaskDefinitionSpec, container: &ContainerDefinition, at: &str, findings: &mut Findings) {
    for (place, dependency) in container.depends_on.iter().flatten().enumerate() {
        let at = |member: &str| format!("{at}/dependsOn/{place}/{member}");
        let target = dependency.container_name.as_str();
        if unknown(spec, &container.name, target, at("containerName"), findings) {
            continue;
        }
        let Some(other) = spec.container(target) else { continue };
        match dependency.condition.as_str() {
            "HEALTHY" if other.health_check.is_none() => {
                let message = format!("`{target}` has no healthCheck, so it never becomes HEALTHY");
                findings.error(at("condition"), "dependency-health", message);
                findings.help("a HEALTHCHECK in the image does not count; add healthCheck to the container");
            }
            condition @ ("COMPLETE" | "SUCCESS") if is_essential(other) => {
                let message =
                    format!("`{target}` is essential: when it ends, the task does, and {condition} is too late");
                findings.error(at("condition"), "dependency-essential", message);
                findings.help(format!("set essential: false on `{target}`"));
            }
            _ => {}
        }
    }
}

/// Links and volumes of other containers, and what a network mode rules out.
fn neighbours(spec: &TaskDefinitionSpec, container: &ContainerDefinition, at: &str, findings: &mut Findings) {
    let network = spec.network();
    for (place, link) in container.links.iter().flatten().enumerate() {
        let pointer = format!("{at}/links/{place}");
        if network != "bridge" {
            findings.error(pointer, "links-network", format!("links need networkMode bridge, and it is {network}"));
            continue;
        }
        let target = link.split(':').next().unwrap_or_default();
        unknown(spec, &container.name, target, pointer, findings);
    }
    for (place, source) in container.volumes_from.iter().flatten().enumerate() {
        let target = source.source_container.as_deref().unwrap_or_default();
        unknown(spec, &container.name, target, format!("{at}/volumesFrom/{place}/sourceContainer"), findings);
    }
    if network == "awsvpc" {
        let ruled_out = [
            ("hostname", container.hostname.is_some()),
            ("extraHosts", container.extra_hosts.as_ref().is_some_and(|list| !list.is_empty())),
            ("dnsServers", container.dns_servers.as_ref().is_some_and(|list| !list.is_empty())),
            ("dnsSearchDomains", container.dns_search_domains.as_ref().is_some_and(|list| !list.is_empty())),
            ("disableNetworking", container.disable_networking == Some(true)),
        ];
        for (member, _) in ruled_out.into_iter().filter(|(_, given)| *given) {
            let message = format!("{member} does not go with networkMode awsvpc");
            findings.error(format!("{at}/{member}"), "awsvpc-unsupported", message);
        }
    }
}

fn variables(container: &ContainerDefinition, at: &str, findings: &mut Findings) {
    let environment = container.environment.iter().flatten().map(|pair| pair.name.as_str());
    let secrets = container.secrets.iter().flatten().map(|secret| secret.name.as_str());
    let mut seen = BTreeSet::new();
    let places = environment.enumerate().map(|(place, name)| (format!("environment/{place}"), name));
    for (place, name) in places.chain(secrets.enumerate().map(|(place, name)| (format!("secrets/{place}"), name))) {
        if !is_open(name) && !seen.insert(name) {
            findings.error(format!("{at}/{place}/name"), "variable-twice", format!("a second variable {name}"));
        }
    }
}

fn health_check(check: &HealthCheck, at: &str, findings: &mut Findings) {
    let first = check.command.first().map_or("", String::as_str);
    if !is_open(first) && !["CMD", "CMD-SHELL", "NONE"].contains(&first) {
        let pointer = format!("{at}/healthCheck/command");
        findings.error(pointer, "health-check-command", "the command begins with CMD or CMD-SHELL");
        findings.help("CMD and arguments one by one, or CMD-SHELL and one line for the shell");
    }
    let ranges: [(&str, Option<i32>, RangeInclusive<i32>); 4] = [
        ("interval", check.interval, 5..=300),
        ("timeout", check.timeout, 2..=60),
        ("retries", check.retries, 1..=10),
        ("startPeriod", check.start_period, 0..=300),
    ];
    for (member, value, range) in ranges {
        if value.is_some_and(|value| !range.contains(&value)) {
            let message = format!("{member} is {} to {}", range.start(), range.end());
            findings.error(format!("{at}/healthCheck/{member}"), "health-check-range", message);
        }
    }
}

/// The ports that the containers of a task have taken.
struct Ports<'a> {
    network: &'a str,
    used: BTreeMap<(i32, String), &'a str>,
}

impl<'a> Ports<'a> {
    fn check(&mut self, container: &'a ContainerDefinition, port: &PortMapping, at: &str, findings: &mut Findings) {
        let network = self.network;
        if network == "none" {
            findings.error(at, "port-network", "networkMode none has no ports");
            return;
        }
        let range = |value: Option<i32>, range: RangeInclusive<i32>| value.is_some_and(|value| !range.contains(&value));
        if range(port.container_port, 1..=65_535) || range(port.host_port, 0..=65_535) {
            findings.error(at, "port-range", "a port is 1 to 65535; as host port, 0 lets Docker choose");
            return;
        }
        if let Some(range) = &port.container_port_range {
            if port.container_port.is_some() || port.host_port.is_some() {
                findings.error(at, "port-and-range", "this has a port and a range of ports");
                findings.help("keep containerPortRange alone; the host's ports are chosen");
            }
            let ends =
                range.split_once('-').and_then(|(low, high)| Some((low.parse::<u16>().ok()?, high.parse().ok()?)));
            if !is_open(range) && !ends.is_some_and(|(low, high)| low > 0 && low < high) {
                let message = format!("`{range}` is no range of ports, as 8000-8010");
                findings.error(format!("{at}/containerPortRange"), "port-range", message);
            }
            if network == "host" {
                findings.error(at, "port-network", "a range of ports needs networkMode bridge or awsvpc");
            }
            return;
        }
        let Some(inside) = port.container_port else {
            findings.error(at, "port-missing", "a mapping needs containerPort or containerPortRange");
            return;
        };
        let is_shared = network == "awsvpc" || network == "host";
        let outside = port.host_port.filter(|port| *port != 0);
        if let Some(outside) = outside.filter(|outside| is_shared && *outside != inside) {
            let message = format!("host port {outside} is not container port {inside}, and networkMode is {network}");
            findings.error(format!("{at}/hostPort"), "host-port", message);
            findings.help("leave hostPort out: the container's port is the host's in this mode");
        }
        let Some(taken) = (if is_shared { Some(inside) } else { outside }) else { return };
        let protocol = port.protocol.as_ref().map_or("tcp", |protocol| protocol.as_str()).to_owned();
        if let Some(other) = self.used.insert((taken, protocol), &container.name) {
            let message = format!("port {taken} of the host is taken by the container `{other}`");
            findings.error(at, "port-twice", message);
        }
    }
}

/// Containers that wait for each other never start.
fn cycles(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let needs = |container: &'_ ContainerDefinition| -> Vec<String> {
        let own = container.name.clone();
        let names = container.depends_on.iter().flatten().map(|one| one.container_name.clone());
        names.filter(|name| *name != own).collect()
    };
    let mut waiting: Vec<&ContainerDefinition> = spec.container_definitions.iter().collect();
    loop {
        let names: BTreeSet<&str> = waiting.iter().map(|container| container.name.as_str()).collect();
        let before = waiting.len();
        let blocked = waiting.iter().filter(|one| needs(one).iter().any(|name| names.contains(name.as_str())));
        waiting = blocked.copied().collect();
        if waiting.is_empty() {
            return;
        }
        if waiting.len() == before {
            let names: Vec<&str> = waiting.iter().map(|container| container.name.as_str()).collect();
            let message = format!("these containers wait for each other: {}", names.join(", "));
            findings.error("/containerDefinitions", "dependency-cycle", message);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn codes(network: &str, first: Value, second: Value) -> Vec<&'static str> {
        let mut containers = [json!({"name": "a", "image": "i:1"}), json!({"name": "b", "image": "i:1"})];
        for (container, members) in containers.iter_mut().zip([first, second]) {
            container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        }
        let spec = json!({"networkMode": network, "containerDefinitions": containers});
        let mut findings = Findings::default();
        lint(&serde_json::from_value(spec).unwrap(), &mut findings);
        findings.0.iter().map(|finding| finding.code).collect()
    }

    fn ports(network: &str, first: Value, second: Value) -> Vec<&'static str> {
        codes(network, json!({"portMappings": [first]}), json!({"portMappings": [second]}))
    }

    #[test]
    fn dependencies() {
        let on = |name: &str, condition: &str| json!({"dependsOn": [{"containerName": name, "condition": condition}]});
        let none = json!({});
        assert_eq!(codes("bridge", on("b", "START"), none.clone()), [""; 0]);
        assert_eq!(codes("bridge", on("x", "START"), none.clone()), ["container-missing"]);
        assert_eq!(codes("bridge", on("a", "START"), none.clone()), ["container-missing"]);
        assert_eq!(codes("bridge", on("b", "HEALTHY"), none.clone()), ["dependency-health"]);
        assert_eq!(codes("bridge", on("b", "SUCCESS"), none), ["dependency-essential"]);
        assert_eq!(codes("bridge", on("b", "SUCCESS"), json!({"essential": false})), [""; 0]);
        assert_eq!(codes("bridge", on("b", "START"), on("a", "START")), ["dependency-cycle"]);
    }

    #[test]
    fn ports_follow_the_network_mode() {
        let port = |inside: i32, outside: i32| json!({"containerPort": inside, "hostPort": outside});
        assert_eq!(ports("bridge", port(80, 0), port(80, 0)), [""; 0]);
        assert_eq!(ports("bridge", port(80, 8080), port(81, 8080)), ["port-twice"]);
        assert_eq!(ports("host", port(80, 81), port(82, 82)), ["host-port"]);
        assert_eq!(ports("awsvpc", port(80, 80), port(80, 0)), ["port-twice"]);
        assert_eq!(ports("none", port(80, 80), port(81, 81)), ["port-network", "port-network"]);
        assert_eq!(ports("bridge", port(0, 0), json!({"containerPortRange": "9-8"})), ["port-range", "port-range"]);
    }

    #[test]
    fn the_rest_of_a_container() {
        let one = |network: &str, members: Value| codes(network, members, json!({}));
        assert_eq!(one("awsvpc", json!({"links": ["b"], "hostname": "x"})), ["links-network", "awsvpc-unsupported"]);
        assert_eq!(one("bridge", json!({"links": ["b:web", "c"]})), ["container-missing"]);
        assert_eq!(
            one("bridge", json!({"healthCheck": {"command": ["true"], "interval": 2}})),
            ["health-check-command", "health-check-range"]
        );
        let variable = json!({"name": "A", "value": "1"});
        assert_eq!(
            one("bridge", json!({"environment": [variable], "secrets": [{"name": "A", "valueFrom": "p"}]})),
            ["variable-twice"]
        );
        assert_eq!(one("bridge", json!({"ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 1}]})), ["ulimit"]);
    }
}
