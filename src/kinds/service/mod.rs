//! A service.
//!
//! A service is found by its name within its cluster. INACTIVE ones are still answered for a while and count as
//! absent. One that is DRAINING keeps its name: it is as good as absent for what is declared, and creating it anew
//! waits until it is gone.

mod account;
mod calls;
#[cfg(test)]
mod deployment_tests;
mod lower;
mod read;
mod readiness;
pub mod spec;
pub mod spec_connect;
pub mod spec_deployment;
pub mod spec_network;
pub mod spec_normalise;
#[cfg(test)]
mod tests;
mod together;
mod update;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::spec::ServiceSpec;
use super::{
    About, Attributes, Changed, Found, Kind, Others, Place, Progress, Scope, Target, Together, is_open, of_kind,
};
use crate::address::Address;
use crate::aws::{Aws, Fault};
use crate::plan::FieldChange;

#[derive(Debug)]
pub struct Service;

/// The cluster of whatever names none.
const DEFAULT_CLUSTER: &str = "default";
/// The launch type of ECS Anywhere.
const OUTSIDE: &str = "EXTERNAL";

impl Kind for Service {
    type Spec = ServiceSpec;

    const ABOUT: About = About {
        kind: "Service",
        summary: "Keeps a number of tasks of one definition running in a cluster.",
        attributes: &[("arn", "The ARN"), ("name", "The name")],
        // Some of it depends on the values; see `update.rs`.
        replace: &["serviceName", "cluster", "schedulingStrategy", "role", "launchType", "deploymentController"],
        unmanaged: &ServiceSpec::UNMANAGED_WHEN_ABSENT,
        inherited: &["desiredCount"],
        // Whether a cluster holds services that nobody declares is told by the cluster's own counts.
        read_after: &["Cluster"],
        tagged_as: Some("ecs:service"),
        calls: &[
            "ecs:CreateService",
            "ecs:DescribeServices",
            "ecs:ListServices",
            "ecs:DescribeServiceRevisions",
            "ecs:UpdateService",
            "ecs:DeleteService",
            "ecs:ListContainerInstances",
            "ecs:DescribeContainerInstances",
            "ecs:DescribeTaskDefinition",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ecs:TagResource",
            "ecs:UntagResource",
            "tag:GetResources",
        ],
        permissions: &["iam:PassRole", "iam:CreateServiceLinkedRole"],
        patience_minutes: calls::PATIENCE_MINUTES,
        ..About::DEFAULT
    };

    fn normalise(spec: &mut ServiceSpec, place: &Place) {
        spec.normalise_names(place);
        spec.normalise();
    }

    fn foretell(name: &str, spec: &ServiceSpec, place: &Place) -> Attributes {
        let name = spec.service_name.as_deref().unwrap_or(name);
        let cluster = spec.cluster.as_deref().unwrap_or(DEFAULT_CLUSTER);
        let mut attributes = Attributes::from([("name".to_owned(), name.to_owned())]);
        if !is_open(cluster) {
            attributes.insert("arn".to_owned(), place.arn("ecs", &format!("service/{cluster}/{name}")));
        }
        attributes
    }

    fn key(name: &str, spec: &ServiceSpec, _: &Place) -> Option<String> {
        let cluster = spec.cluster.as_deref().unwrap_or(DEFAULT_CLUSTER);
        let key = format!("{cluster}/{}", spec.service_name.as_deref().unwrap_or(name));
        Some(key).filter(|key| !is_open(key))
    }

    /// The hosts that its tasks run on, and the cluster `default` when no field names it.
    fn runtime_needs(spec: &ServiceSpec, others: &BTreeMap<Address, Value>) -> Vec<Address> {
        let cluster = spec.cluster.as_deref().unwrap_or(DEFAULT_CLUSTER);
        let joins = |other: &Value| {
            let config = &other["ecsConfig"];
            config.is_object() && config["ECS_CLUSTER"].as_str().unwrap_or(DEFAULT_CLUSTER) == cluster
        };
        let instances = of_kind(others, "Instance").filter(|(_, other)| spec.runs_on_instances() && joins(other));
        let is_it =
            |address: &Address, other: &Value| cluster == other["clusterName"].as_str().unwrap_or(&address.name);
        // A host outside AWS that is not there yet is no obstacle: the engine goes on without it.
        let outside = spec.runs_outside();
        let hosts = of_kind(others, "ExternalInstance").filter(|(_, other)| outside && other["cluster"] == *cluster);
        let clusters = of_kind(others, "Cluster").filter(|(address, other)| is_it(address, other));
        clusters.chain(instances).chain(hosts).map(|(address, _)| address.clone()).collect()
    }

    fn judge(fields: &mut [FieldChange], live: &ServiceSpec) {
        update::judge(fields, live);
    }

    fn remarks(fields: &[FieldChange], live: &ServiceSpec) -> Vec<String> {
        update::remarks(fields, live)
    }

    fn together(old: &Found<ServiceSpec>, new: &ServiceSpec, others: &Others<'_>) -> Together {
        together::together(old, new, others)
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<ServiceSpec>>, Fault> {
        read::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<ServiceSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<ServiceSpec>,
        live: &Found<ServiceSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<ServiceSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<ServiceSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ecs::retag(aws, &live.id, set, remove).await
    }
}
