//! Parts of task definitions, hosts and route tables that rules of several groups look at.

use std::collections::{BTreeMap, BTreeSet};

use super::declared::Declared;
use super::node::Node;
use super::workload::{containers, is_for, launch_type, network};
use crate::kinds::task_definition::spec_units::Units;

/// The container of this name.
pub(super) fn container<'a>(definition: Node<'a>, name: &str) -> Option<Node<'a>> {
    containers(definition).find(|container| container.get("name").is(name))
}

/// Whether a task definition is for Fargate, which refuses more than the others.
pub(super) fn is_for_fargate(definition: Node<'_>, declared: &Declared<'_>) -> bool {
    is_for(definition, "FARGATE", declared)
}

/// CPU units or MiB, however they are written: `256`, `0.25 vCPU`, `0.5 GB`.
pub(super) fn units(size: Node<'_>) -> Option<i64> {
    size.number().or_else(|| Units::from(size.text()?).as_str().parse().ok())
}

/// Containers that need each other in a circle, by name; the last one is the first again. That one needs itself is no
/// circle.
pub(super) fn circle<'a>(definition: Node<'a>, needs: impl Fn(Node<'a>) -> Vec<&'a str>) -> Option<Vec<&'a str>> {
    let named = containers(definition).filter_map(|container| Some((container.get("name").text()?, needs(container))));
    let mut waiting: BTreeMap<&str, Vec<&str>> = named.collect();
    loop {
        let names: BTreeSet<&str> = waiting.keys().copied().collect();
        waiting.retain(|own, needed| {
            needed.retain(|name| name != own && names.contains(name));
            !needed.is_empty()
        });
        if waiting.len() == names.len() {
            break;
        }
    }
    let mut path = vec![*waiting.keys().next()?];
    loop {
        let next = *waiting.get(path.last()?)?.first()?;
        let start = path.iter().position(|name| *name == next);
        path.push(next);
        if let Some(start) = start {
            return Some(path.split_off(start));
        }
    }
}

/// The declared container instances of a declared cluster on which tasks of a launch type run: instances, or external
/// ones.
pub(super) fn declared_hosts<'a>(runner: Node<'a>, declared: &Declared<'a>) -> Vec<Node<'a>> {
    let kind = match launch_type(runner, declared) {
        Some("EC2") => "Instance",
        Some("EXTERNAL") => "ExternalInstance",
        _ => return Vec::new(),
    };
    let cluster = declared.target(runner.get("cluster"));
    cluster.map(|cluster| declared.users(cluster, kind).collect()).unwrap_or_default()
}

/// How many container instances a declaration makes.
pub(super) fn host_count(hosts: &[Node<'_>]) -> i64 {
    hosts.iter().map(|host| host.get("count").number().unwrap_or(1)).sum()
}

/// A port mapping of one port, with what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Mapping<'a> {
    pub(super) node: Node<'a>,
    pub(super) container: Node<'a>,
    /// Port in the container.
    pub(super) inside: Option<i64>,
    /// Port of the host that is always this one; none when the agent chooses, or when the host has none.
    pub(super) fixed: Option<i64>,
    pub(super) protocol: &'a str,
}

/// The mappings of single ports of a task definition whose protocol is known.
pub(super) fn mappings<'a>(definition: Node<'a>) -> Vec<Mapping<'a>> {
    let network = network(definition);
    let of = move |container: Node<'a>| {
        container.get("portMappings").items().filter_map(move |node| {
            let protocol = node.get("protocol");
            let protocol = if protocol.is_given() { protocol.text()? } else { "tcp" };
            let inside = node.get("containerPort").number();
            let fixed = match network? {
                "host" => inside,
                "bridge" | "default" => node.get("hostPort").number().filter(|port| *port != 0),
                _ => None,
            };
            Some(Mapping { node, container, inside, fixed, protocol })
        })
    };
    containers(definition).flat_map(of).collect()
}

/// The declared route table that a declared subnet follows: the one that lists it, or else the main one of its VPC.
pub(super) fn route_table<'a>(subnet: Node<'a>, declared: &Declared<'a>) -> Option<Node<'a>> {
    let is_target =
        |node: Node<'a>, of: Node<'a>| declared.target(node).is_some_and(|target| target.address() == of.address());
    let mut lists = declared.users(subnet, "RouteTable");
    if let Some(table) = lists.find(|table| table.get("subnetIds").items().any(|item| is_target(item, subnet))) {
        return Some(table);
    }
    let vpc = declared.target(subnet.get("vpcId"))?;
    let mut mains = declared.users(vpc, "RouteTable").filter(|table| table.get("main").is_true());
    mains.find(|table| is_target(table.get("vpcId"), vpc))
}

/// The route of a route table for everything that no other one is for; the first of two halves where it is in halves.
pub(super) fn default_route(table: Node<'_>) -> Option<Node<'_>> {
    table.get("routes").items().find(|route| route.get("destinationCidrBlock").is_any(&["0.0.0.0/0", "0.0.0.0/1"]))
}

/// Whether a route leads to an internet gateway.
pub(super) fn is_to_internet(route: Node<'_>) -> bool {
    let gateway = route.get("gatewayId").written();
    gateway.is_some_and(|gateway| gateway.starts_with("${InternetGateway.") || gateway.starts_with("igw-"))
}
