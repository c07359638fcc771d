//! A task that runs once for each content: a migration, an initial load.
//!
//! ECS forgets a task an hour after it stopped, and farpost keeps no state. That it ran is therefore written as a tag
//! on the task definition's revision: which content of which declaration, and in which cluster. A new revision has no
//! such tag, so that the task runs again. A run that failed leaves no tag that says otherwise, and the next apply
//! runs it again.
//!
//! A definition of somebody else's carries the tag, too, but no survey reads it when the task is not declared any more.
//! A cluster of the stack's therefore remembers where to look. With both of them somebody else's, nothing does.
//!
//! What is not recorded yet shows as `count: 0`: so often has this content run.

mod attempts;
mod calls;
mod lower;
mod marker;
mod read;
pub mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::spec::TaskSpec;
use super::{About, Attributes, Changed, EVERY_OTHER, Found, Kind, Place, Progress, Scope, Target, of_kind};
use crate::address::Address;
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct Task;

impl Kind for Task {
    type Spec = TaskSpec;

    const ABOUT: About = About {
        kind: "Task",
        summary: "A task that runs once, and again when it or its definition changes.",
        attributes: &[("startedBy", "By what its tasks can be listed: farpost/STACK/NAME, unless `startedBy` says")],
        forgets_tags: true,
        // Whether it ran with this content can be told when what it refers to is known.
        read_after: EVERY_OTHER,
        calls: &[
            "ecs:RunTask",
            "ecs:StopTask",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ecs:DescribeTaskDefinition",
            "ecs:ListContainerInstances",
            "ecs:DescribeContainerInstances",
            "ecs:ListTagsForResource",
            "ecs:TagResource",
            "ecs:UntagResource",
        ],
        permissions: &["iam:PassRole"],
        patience_minutes: 60,
        ..About::DEFAULT
    };

    fn normalise(spec: &mut TaskSpec, place: &Place) {
        spec.normalise();
        spec.complete_roles(place.partition(), &place.account);
    }

    fn foretell(name: &str, spec: &TaskSpec, place: &Place) -> Attributes {
        let starter = spec.started_by.clone().unwrap_or_else(|| marker::started_by(&place.stack, name));
        Attributes::from([("startedBy".to_owned(), starter)])
    }

    fn runtime_needs(spec: &TaskSpec, others: &BTreeMap<Address, Value>) -> Vec<Address> {
        let cluster = spec.cluster.as_deref().unwrap_or("default");
        let joins = |other: &Value| other["ecsConfig"]["ECS_CLUSTER"].as_str().unwrap_or("default") == cluster;
        let hosts = of_kind(others, "Instance").filter(|(_, other)| joins(other));
        // As for services: one outside AWS that is not there yet is no obstacle.
        let is_outside = spec.launch_type.as_ref().is_some_and(|launch_type| *launch_type == "EXTERNAL");
        let outside =
            of_kind(others, "ExternalInstance").filter(|(_, other)| is_outside && other["cluster"] == *cluster);
        hosts.chain(outside).map(|(address, _)| address.clone()).collect()
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<TaskSpec>>, Fault> {
        read::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<TaskSpec>) -> Result<String, Fault> {
        calls::start(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<TaskSpec>,
        live: &Found<TaskSpec>,
        _: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live).await
    }

    async fn delete(aws: &Aws, live: &Found<TaskSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    /// The tags of tasks go with them.
    async fn retag(_: &Aws, _: &Found<TaskSpec>, _: &BTreeMap<String, String>, _: &[String]) -> Result<(), Fault> {
        Ok(())
    }
}
