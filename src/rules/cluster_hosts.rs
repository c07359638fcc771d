//! The hosts of each cluster, as far as they are declared: EC2 instances and external ones, with what is known of their
//! attributes.
//!
//! What a rule says about capacity is only as good as what is known about it. So [`Hosts::all_of`] answers only when the
//! cluster is declared, nothing else can bring hosts into it, and all of them take tasks at present.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::declared::Declared;
use super::node::Node;
use super::workload::{constraints_of, launch_type};
use crate::cluster_query::{Comparison, Expression, Operator};
use crate::kinds::is_open;

/// The attribute that ECS gives every host outside AWS.
const EXTERNAL: &str = "ecs.capability.external";

/// A declaration of hosts.
pub(super) struct Host<'a> {
    pub(super) node: Node<'a>,
    pub(super) is_external: bool,
    /// How many there are of it.
    pub(super) count: i64,
    /// Attributes of the user's own. None: something else may set them.
    pub(super) attributes: Option<BTreeMap<String, Value>>,
    /// The member that says them.
    pub(super) attributes_node: Node<'a>,
    /// Whether it takes new tasks at present.
    is_active: bool,
    subnet: Option<Node<'a>>,
}

/// What is known of an attribute of a host.
enum Known {
    Absent,
    Is(String),
    Open,
}

/// All declared hosts, by the names of their clusters.
pub(super) struct Hosts<'a> {
    clusters: BTreeMap<String, Node<'a>>,
    by_cluster: BTreeMap<String, Vec<Host<'a>>>,
    /// Whether a host is declared whose cluster is not known.
    has_strays: bool,
    /// Whether an instance is declared without settings of an agent, which may join `default`, or have no agent.
    has_plain: bool,
    /// Whether an activation is for more external hosts than use it here.
    has_room_for_others: bool,
    eligible: RefCell<BTreeMap<(String, bool, String), Option<i64>>>,
}

/// The name of the cluster that a member of a spec names; `default` where it is absent. None: not known yet.
pub(super) fn cluster_name(member: Node<'_>, declared: &Declared<'_>) -> Option<String> {
    if !member.is_given() {
        return Some("default".to_owned());
    }
    if let Some(text) = member.text() {
        let name = text.split_once(":cluster/").filter(|_| text.starts_with("arn:")).map_or(text, |(_, name)| name);
        return Some(name.to_owned());
    }
    let cluster = declared.target(member).filter(|target| target.address().kind == "Cluster")?;
    name_of(cluster)
}

fn name_of(cluster: Node<'_>) -> Option<String> {
    let name = cluster.get("clusterName");
    match name.is_given() {
        true => name.text().map(str::to_owned),
        false => Some(cluster.address().name.clone()),
    }
}

impl<'a> Hosts<'a> {
    pub(super) fn of(declared: &Declared<'a>) -> Self {
        let mut hosts = Self {
            clusters: declared.of("Cluster").filter_map(|cluster| Some((name_of(cluster)?, cluster))).collect(),
            by_cluster: BTreeMap::new(),
            has_strays: false,
            has_plain: false,
            has_room_for_others: false,
            eligible: RefCell::default(),
        };
        for instance in declared.of("Instance") {
            hosts.add_instance(instance, declared);
        }
        let mut registrations: BTreeMap<String, i64> = BTreeMap::new();
        for host in declared.of("ExternalInstance") {
            if let Some(activation) = declared.target(host.get("activation")) {
                *registrations.entry(activation.address().name.clone()).or_default() += 1;
            }
            let attributes = host.get("attributes");
            let cluster = cluster_name(host.get("cluster"), declared);
            hosts.add(
                cluster,
                Host {
                    node: host,
                    is_external: true,
                    count: 1,
                    attributes: attributes.value().and_then(attributes_of),
                    attributes_node: attributes,
                    is_active: !host.get("status").is("DRAINING"),
                    subnet: None,
                },
            );
        }
        hosts.has_room_for_others = declared.of("Activation").any(|activation| {
            let used = registrations.get(&activation.address().name).copied().unwrap_or(0);
            activation.get("registrationLimit").number().unwrap_or(1) > used
        });
        hosts
    }

    fn add_instance(&mut self, instance: Node<'a>, declared: &Declared<'a>) {
        let config = instance.get("ecsConfig");
        let script = instance.get("userData").written().unwrap_or("");
        let says_cluster = script.contains("ECS_CLUSTER") || script.contains("ecs.config") && !config.is_given();
        let cluster = cluster_name(config.get("ECS_CLUSTER"), declared).filter(|_| !says_cluster);
        let attributes_node = config.get("ECS_INSTANCE_ATTRIBUTES");
        let attributes = match attributes_node.value() {
            _ if script.contains("ECS_INSTANCE_ATTRIBUTES") => None,
            None => Some(BTreeMap::new()),
            Some(value) => attributes_of(value),
        };
        if !config.is_given() {
            self.has_plain = true;
            self.has_strays |= says_cluster;
            return;
        }
        self.add(
            cluster,
            Host {
                node: instance,
                is_external: false,
                count: instance.get("count").number().unwrap_or(1),
                attributes,
                attributes_node,
                is_active: instance.get("running").flag() != Some(false),
                subnet: declared.target(instance.get("subnetId")),
            },
        );
    }

    fn add(&mut self, cluster: Option<String>, host: Host<'a>) {
        match cluster {
            Some(cluster) => self.by_cluster.entry(cluster).or_default().push(host),
            None => self.has_strays = true,
        }
    }

    /// The declared hosts of a cluster.
    pub(super) fn of_cluster(&self, cluster: &str) -> &[Host<'a>] {
        self.by_cluster.get(cluster).map_or(&[], Vec::as_slice)
    }

    /// The declaration of a cluster.
    pub(super) fn cluster(&self, name: &str) -> Option<Node<'a>> {
        self.clusters.get(name).copied()
    }

    /// Every host that tasks of a launch type can run on in a cluster; None when there may be others, or when one of
    /// them is out of service for a while.
    pub(super) fn all_of(&self, cluster: &str, launch_type: &str) -> Option<Vec<&Host<'a>>> {
        self.known_of(cluster, launch_type).filter(|all| all.iter().all(|host| host.is_active))
    }

    /// The instances that a service or a one-off task runs on, when these are all that it can; else none.
    pub(super) fn instances_of(&self, runner: Node<'a>, declared: &Declared<'a>) -> Vec<Node<'a>> {
        let cluster =
            cluster_name(runner.get("cluster"), declared).filter(|_| launch_type(runner, declared) == Some("EC2"));
        let hosts = cluster.and_then(|cluster| self.known_of(&cluster, "EC2")).unwrap_or_default();
        hosts.into_iter().map(|host| host.node).collect()
    }

    /// As [`Hosts::all_of`], with those that are out of service.
    fn known_of(&self, cluster: &str, launch_type: &str) -> Option<Vec<&Host<'a>>> {
        let is_external = match launch_type {
            "EC2" => false,
            "EXTERNAL" => true,
            _ => return None,
        };
        let declaration = self.cluster(cluster)?;
        let has_groups =
            declaration.get("capacityProviders").items().any(|item| !item.is_any(&["FARGATE", "FARGATE_SPOT"]));
        let may_have_more = if is_external { self.has_room_for_others } else { self.has_plain && cluster == "default" };
        if has_groups || self.has_strays || may_have_more {
            return None;
        }
        let all: Vec<&Host<'_>> =
            self.of_cluster(cluster).iter().filter(|host| host.is_external == is_external).collect();
        Some(all).filter(|all| !all.is_empty())
    }

    /// How many hosts the tasks of a service can run on, by its constraints and those of its definition. None: not known.
    pub(super) fn eligible(
        &self,
        service: Node<'a>,
        definition: Option<Node<'a>>,
        launch_type: &str,
        declared: &Declared<'a>,
    ) -> Option<i64> {
        let cluster = cluster_name(service.get("cluster"), declared)?;
        let mut expressions = Vec::new();
        for constraint in constraints_of(service).chain(definition.into_iter().flat_map(constraints_of)) {
            if constraint.get("type").is("memberOf") {
                expressions.push(constraint.get("expression").written()?);
            }
        }
        let key = (cluster, launch_type == "EXTERNAL", expressions.join(" and "));
        if let Some(known) = self.eligible.borrow().get(&key) {
            return *known;
        }
        let found = self.count(&key.0, launch_type, &expressions);
        self.eligible.borrow_mut().insert(key, found);
        found
    }

    fn count(&self, cluster: &str, launch_type: &str, expressions: &[&str]) -> Option<i64> {
        let parsed: Option<Vec<Expression>> = expressions.iter().map(|text| Expression::parse(text).ok()).collect();
        let parsed = parsed?;
        let mut sum = 0;
        for host in self.all_of(cluster, launch_type)? {
            let mut holds = true;
            for expression in &parsed {
                holds &= expression.holds(&|comparison| host.holds(comparison))?;
            }
            sum += if holds { host.count } else { 0 };
        }
        Some(sum)
    }

    /// The zones that the hosts of a cluster are in, by name, as far as they are known.
    pub(super) fn zones(&self, cluster: &str) -> Vec<&'a str> {
        let subnets = self.of_cluster(cluster).iter().filter_map(|host| host.subnet);
        let mut zones: Vec<&str> = subnets
            .filter_map(|subnet| {
                subnet.get("availabilityZone").text().or_else(|| subnet.get("availabilityZoneId").text())
            })
            .collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    }
}

impl Host<'_> {
    /// Whether a comparison holds of it. None: not known.
    pub(super) fn holds(&self, comparison: &Comparison) -> Option<bool> {
        let value = match self.attribute(comparison.attribute()?) {
            Known::Open => return None,
            Known::Absent => return Some(comparison.holds_of(&[])),
            Known::Is(value) => value,
        };
        match comparison.operator {
            Operator::Exists => return Some(true),
            Operator::NotExists => return Some(false),
            // The same reference is the same value.
            Operator::Equal if comparison.values.first() == Some(&value) => return Some(true),
            Operator::NotEqual if comparison.values.first() == Some(&value) => return Some(false),
            _ => {}
        }
        if is_open(&value) || comparison.values.iter().any(|value| is_open(value)) {
            return None;
        }
        Some(comparison.holds_of(&[value]))
    }

    fn attribute(&self, name: &str) -> Known {
        if name == EXTERNAL {
            return if self.is_external { Known::Is(String::new()) } else { Known::Absent };
        }
        let written = |node: Node<'_>| node.written().map_or(Known::Open, |text| Known::Is(text.to_owned()));
        if super::placement::is_built_in(name) {
            return match (name, self.subnet) {
                ("ecs.instance-type", _) if !self.is_external => written(self.node.get("instanceType")),
                ("ecs.subnet-id", _) if !self.is_external => written(self.node.get("subnetId")),
                ("ecs.availability-zone", Some(subnet)) => written(subnet.get("availabilityZone")),
                ("ecs.outpost-arn", Some(subnet)) if !subnet.get("outpostArn").is_given() => Known::Absent,
                ("ecs.outpost-arn", Some(subnet)) => written(subnet.get("outpostArn")),
                _ => Known::Open,
            };
        }
        let Some(attributes) = &self.attributes else { return Known::Open };
        match attributes.get(name) {
            None => Known::Absent,
            Some(Value::String(text)) => Known::Is(text.clone()),
            Some(other) => Known::Is(other.to_string()),
        }
    }
}

/// Attributes in a map, or in a text that is one in JSON.
fn attributes_of(value: &Value) -> Option<BTreeMap<String, Value>> {
    match value {
        Value::Object(members) => Some(members.iter().map(|(name, value)| (name.clone(), value.clone())).collect()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}
