//! A cluster.
//!
//! A cluster is found by its name, which is unique in account and region. Creating one whose name exists answers the
//! one that exists, so ownership is a matter of tags alone. INACTIVE clusters are still answered for a while and count
//! as absent.

mod calls;
mod contents;
mod lower;
pub(crate) mod namespace;
pub mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use self::lower::Contents;
pub use self::spec::ClusterSpec;
use super::{About, Attributes, Blocker, Changed, Found, Kind, Place, Progress, Scope, Target, is_open};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct Cluster;

impl Kind for Cluster {
    type Spec = ClusterSpec;

    const ABOUT: About = About {
        kind: "Cluster",
        summary: "A cluster: the group of hosts, services and tasks that ECS places and watches together.",
        attributes: &[("name", "The name"), ("arn", "The ARN")],
        replace: &["clusterName"],
        // Without a name it is that of `metadata`, which the key compares; without settings they are the account's.
        unmanaged: &["clusterName", "settings"],
        held_by_users: true,
        tagged_as: Some("ecs:cluster"),
        calls: &[
            "ecs:CreateCluster",
            "ecs:DescribeClusters",
            "ecs:UpdateCluster",
            "ecs:PutClusterCapacityProviders",
            "ecs:DeleteCluster",
            "ecs:ListServices",
            "ecs:DescribeServices",
            "ecs:ListContainerInstances",
            "ecs:DescribeContainerInstances",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ecs:TagResource",
            "ecs:UntagResource",
            "tag:GetResources",
        ],
        permissions: &["iam:CreateServiceLinkedRole"],
        ..About::DEFAULT
    };

    fn normalise(spec: &mut ClusterSpec, _: &Place) {
        spec.normalise();
    }

    fn foretell(name: &str, spec: &ClusterSpec, place: &Place) -> Attributes {
        let name = spec.cluster_name.as_deref().unwrap_or(name);
        Attributes::from([
            ("name".to_owned(), name.to_owned()),
            ("arn".to_owned(), place.arn("ecs", &format!("cluster/{name}"))),
        ])
    }

    fn key(name: &str, spec: &ClusterSpec, _: &Place) -> Option<String> {
        Some(spec.cluster_name.as_deref().unwrap_or(name)).filter(|name| !is_open(name)).map(str::to_owned)
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<ClusterSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<ClusterSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<ClusterSpec>,
        live: &Found<ClusterSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<ClusterSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<ClusterSpec>) -> Result<Vec<Blocker>, Fault> {
        contents::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<ClusterSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ecs::retag(aws, calls::arn(live), set, remove).await
    }
}
