//! Clusters with the container instances that are declared to join them, and what runs there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::declared::Declared;
use super::node::Node;
use super::workload::launch_type;
use crate::manifest::references::whole;

/// The clusters of a stack, declared or named, each under one key.
pub(super) struct Clusters<'a> {
    /// The address of a declared cluster by its name in AWS.
    declared: BTreeMap<&'a str, String>,
    hosts: BTreeMap<String, Vec<Node<'a>>>,
    runners: BTreeMap<String, Vec<Node<'a>>>,
}

impl<'a> Clusters<'a> {
    pub(super) fn new(declared: &Declared<'a>) -> Self {
        let names = declared.of("Cluster").filter_map(|cluster| {
            let given = cluster.get("clusterName");
            let name = if given.is_given() { given.text()? } else { cluster.address().name.as_str() };
            Some((name, cluster.address().to_string()))
        });
        let mut clusters = Self { declared: names.collect(), hosts: BTreeMap::new(), runners: BTreeMap::new() };
        for host in declared.of("Instance") {
            let in_config = setting(host, "ECS_CLUSTER");
            // What a script writes is not known.
            let key =
                if in_config.is_given() || !host.get("userData").is_given() { clusters.key(in_config) } else { None };
            if let Some(key) = key {
                clusters.hosts.entry(key).or_default().push(host);
            }
        }
        for runner in ["Service", "Task"].into_iter().flat_map(|kind| declared.of(kind)) {
            if let Some(key) = clusters.key(runner.get("cluster"))
                && launch_type(runner, declared) == Some("EC2")
            {
                clusters.runners.entry(key).or_default().push(runner);
            }
        }
        clusters
    }

    /// What stands for the cluster that a value names; `default` where nothing is written.
    fn key(&self, node: Node<'_>) -> Option<String> {
        if let Some(reference) = whole(node.written().unwrap_or_default()) {
            return Some(format!("{}/{}", reference.kind, reference.name));
        }
        let name = if node.is_given() { node.text()? } else { "default" };
        Some(self.declared.get(name).cloned().unwrap_or_else(|| name.to_owned()))
    }

    /// The same of clusters that are declared: of those all hosts may be too.
    pub(super) fn in_declared_use(&self) -> impl Iterator<Item = (&[Node<'a>], &[Node<'a>])> {
        let declared = self.hosts.iter().filter(|(key, _)| key.starts_with("Cluster/"));
        declared.filter_map(|(key, hosts)| Some((&**hosts, &**self.runners.get(key)?)))
    }

    /// The container instances of each cluster with the services and tasks that run on them, where there are both.
    pub(super) fn in_use(&self) -> impl Iterator<Item = (&[Node<'a>], &[Node<'a>])> {
        self.hosts.iter().filter_map(|(key, hosts)| Some((&**hosts, &**self.runners.get(key)?)))
    }
}

/// A setting of the agent.
pub(super) fn setting<'a>(host: Node<'a>, name: &str) -> Node<'a> {
    host.get("ecsConfig").get(name)
}

/// A setting as one word: `true` and `"true"` are the same.
pub(super) fn word(setting: Node<'_>) -> Option<String> {
    match setting.value()? {
        Value::String(_) => setting.text().map(str::to_owned),
        Value::Bool(_) | Value::Number(_) => setting.value().map(Value::to_string),
        _ => None,
    }
}

/// The declared subnet of a container instance.
pub(super) fn subnet_of<'a>(host: Node<'_>, declared: &Declared<'a>) -> Option<Node<'a>> {
    declared.target(host.get("subnetId"))
}

/// The Outpost that a declared subnet is on.
pub(super) fn outpost_of(subnet: Node<'_>) -> Option<&str> {
    subnet.get("outpostArn").written()
}

/// Everything that an agent runs on: EC2 instances, and external ones.
pub(super) fn every_host<'a>(declared: &Declared<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    declared.of("Instance").chain(declared.of("ExternalInstance"))
}

/// The lines of a script that write the cluster's name.
pub(super) fn lines_with_cluster(script: &str) -> impl Iterator<Item = &str> {
    script.lines().filter(|line| !line.trim_start().starts_with('#') && line.contains("ECS_CLUSTER="))
}
