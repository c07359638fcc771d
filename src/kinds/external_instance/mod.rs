//! A host outside AWS that runs tasks: a container instance of ECS, and a managed node of Systems Manager.
//!
//! Nobody but the host itself can register it. A declared host that is not there is no error: creating it is deferred,
//! and everything that does not refer to it goes on. One that has registered is known by the tags that it was registered
//! with, or by what `match` says; then the stack takes it in, by its tags on both halves.
//!
//! A host whose agent is not connected is unknown and not gone: no difference, nothing that is waited for, and never a
//! reason to deregister it. Letting one go drains it first, and is never done by force; see `calls::delete`. Much of a
//! spec is for `farpost host bootstrap` alone and never compared (`About::local`). The agent is never updated by the API,
//! which has no such call for these hosts.

mod calls;
mod lower;
mod read;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::spec::{ExternalInstanceSpec, Match, MatchTag};
use super::{About, Changed, Found, Kind, Others, Place, Progress, Scope, Target, Together, is_open};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct ExternalInstance;

/// The tag of a managed node that says which stack has taken it in. Nodes get the stack's own tags already from their
/// activation.
const EXTERNAL_TAG: &str = "farpost/external";
/// The tag of a managed node that says in which cluster it was then.
const CLUSTER_TAG: &str = "farpost/cluster";
/// Tags that managed nodes alone have: these, and the one that they get from their activation.
const OF_NODE: &[&str] = &[EXTERNAL_TAG, CLUSTER_TAG, "farpost/code"];

impl Kind for ExternalInstance {
    type Spec = ExternalInstanceSpec;

    const ABOUT: About = About {
        kind: "ExternalInstance",
        summary: "A host outside AWS that has registered in a cluster and runs its tasks.",
        id_prefix: Some("mi-"),
        attributes: &[
            ("id", "The id: mi-…"),
            ("containerInstanceArn", "The ARN in ECS"),
            ("computerName", "Its own name, as Systems Manager knows it"),
            ("ipAddress", "Its address, as Systems Manager knows it"),
            ("agentVersion", "The version of its ECS agent, as 1.102.0"),
            ("cpu", "The CPU units that it has for tasks"),
            ("memory", "The MiB of memory that it has for tasks"),
        ],
        replace: &["cluster"],
        local: &[
            "activation",
            "match",
            "operatingSystem",
            "architecture",
            "dockerInstallSource",
            "gpu",
            "ecsConfig",
            "publish",
        ],
        tagged_as: Some("ecs:container-instance"),
        // A role for hosts tells that there may be nodes which ECS does not know any more.
        read_after: &["Role"],
        calls: &[
            "ecs:ListContainerInstances",
            "ecs:DescribeContainerInstances",
            "ecs:PutAttributes",
            "ecs:DeleteAttributes",
            "ecs:UpdateContainerInstancesState",
            "ecs:DeregisterContainerInstance",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ecs:TagResource",
            "ecs:UntagResource",
            "ssm:DescribeInstanceInformation",
            "ssm:ListTagsForResource",
            "ssm:AddTagsToResource",
            "ssm:RemoveTagsFromResource",
            "ssm:DeregisterManagedInstance",
            "tag:GetResources",
        ],
        patience_minutes: 15,
        ..About::DEFAULT
    };

    fn normalise(spec: &mut ExternalInstanceSpec, _: &Place) {
        spec.normalise();
    }

    fn key(name: &str, spec: &ExternalInstanceSpec, _: &Place) -> Option<String> {
        let key = format!("{}/{}", spec.cluster, spec.sought(name));
        Some(key).filter(|key| !is_open(key))
    }

    fn together(_: &Found<ExternalInstanceSpec>, _: &ExternalInstanceSpec, _: &Others<'_>) -> Together {
        Together::No("a host is in one cluster at a time".to_owned())
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<ExternalInstanceSpec>>, Fault> {
        read::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<ExternalInstanceSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<ExternalInstanceSpec>,
        live: &Found<ExternalInstanceSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<ExternalInstanceSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<ExternalInstanceSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        calls::retag(aws, live, set, remove).await
    }
}
