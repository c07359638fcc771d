//! Where services and one-off tasks run, as far as the manifests tell, and small readings of their task definitions.

use std::collections::BTreeMap;

use super::declared::Declared;
use super::node::Node;
use super::workload::launch_type;
use crate::address::Address;

/// An option of a container's log driver, or the secret that gives it.
pub(super) fn log_option<'a>(container: Node<'a>, option: &str) -> Node<'a> {
    let log = container.get("logConfiguration");
    let secret = log.get("secretOptions").items().find(|secret| secret.get("name").is(option));
    secret.map_or_else(|| log.get("options").get(option), |secret| secret.get("valueFrom"))
}

/// The declared instances by the declared cluster that they join.
pub(super) struct Hosts<'a> {
    by_cluster: BTreeMap<&'a Address, Vec<Node<'a>>>,
    /// Whether it is not known of one which cluster it joins.
    has_stray: bool,
}

impl<'a> Hosts<'a> {
    pub(super) fn new(declared: &Declared<'a>) -> Self {
        let names: BTreeMap<&str, Node<'a>> = declared
            .of("Cluster")
            .filter_map(|cluster| {
                let name = cluster.get("clusterName");
                let name = if name.is_given() { name.text()? } else { cluster.address().name.as_str() };
                Some((name, cluster))
            })
            .collect();
        let mut hosts = Self { by_cluster: BTreeMap::new(), has_stray: false };
        for instance in declared.of("Instance") {
            let joins = instance.at("ecsConfig.ECS_CLUSTER");
            let cluster = declared.target(joins).or_else(|| names.get(joins.text()?).copied());
            match cluster {
                Some(cluster) => hosts.by_cluster.entry(cluster.address()).or_default().push(instance),
                None => hosts.has_stray = true,
            }
        }
        hosts
    }

    /// The instances that a service or a one-off task runs on, when these are all that it can: none where it may run on
    /// others, which no manifest tells.
    pub(super) fn of(&self, runner: Node<'a>, declared: &Declared<'a>) -> &[Node<'a>] {
        let Some(cluster) = declared.target(runner.get("cluster")) else { return &[] };
        let has_own_capacity =
            cluster.get("capacityProviders").items().any(|provider| !provider.is_any(&["FARGATE", "FARGATE_SPOT"]));
        if self.has_stray || has_own_capacity || launch_type(runner, declared) != Some("EC2") {
            return &[];
        }
        self.by_cluster.get(cluster.address()).map_or(&[], Vec::as_slice)
    }
}
