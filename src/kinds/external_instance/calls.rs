//! Changing hosts and letting them go.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{Attribute, ContainerInstanceStatus, TargetType};
use aws_sdk_ssm::types::{ResourceTypeForTagging, Tag};

use super::lower::Detail;
use super::read::{Sought, find};
use super::spec::{DRAINING, ExternalInstanceSpec};
use super::{CLUSTER_TAG, EXTERNAL_TAG};
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::iam::or_gone;
use crate::kinds::instance::agent;
use crate::kinds::{Changed, Found, Progress, Target};

const KIND: &str = "ExternalInstance";
/// How many attributes one call takes.
const ATTRIBUTES: usize = 10;

type Spec = ExternalInstanceSpec;

/// Nobody but the host can register it. Where it has done so meanwhile, it is found.
pub(super) async fn create(aws: &Aws, target: &Target<Spec>) -> Result<String, Fault> {
    let spec = &target.full;
    let sought = Sought { address: target.address.clone(), key: None, spec: spec.clone() };
    let found = find(aws, &target.place.stack, sought).await?;
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => {
            let (name, address, cluster) = (&target.address.name, &target.address, &spec.cluster);
            let by = spec.matching.as_ref().map_or_else(String::new, |_| format!(" ({})", spec.sought(name)));
            let message = format!(
                "{name}{by} has not registered in the cluster {cluster}; what registers it is written by \
                 `farpost host bootstrap {address} PATH`"
            );
            Err(Fault::found(KIND, Cause::Absent, message))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|one| one.id.as_str()).collect();
            let message = format!("more than one host could be {}: {}", target.address, ids.join(", "));
            Err(Fault::found(KIND, Cause::Invalid, message))
        }
    }
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<Spec>,
    live: &Found<Spec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let detail = detail(live)?;
    let Some(arn) = &detail.arn else { return Ok(Progress::Waiting("not in its cluster".to_owned())) };
    let cluster = &live.spec.cluster;
    if changed.has("unclaimed") {
        claim(aws, target, cluster, arn, &detail.node).await?;
    }
    if changed.has("attributes") {
        change_attributes(aws, cluster, arn, &live.spec, &target.full).await?;
    }
    if changed.has("status") {
        let status = if target.full.status.as_deref() == Some(DRAINING) {
            ContainerInstanceStatus::Draining
        } else {
            ContainerInstanceStatus::Active
        };
        agent::set_status(aws, cluster, arn, status).await?;
    }
    Ok(Progress::Done)
}

/// Makes a host one of the stack: first the node, so that one whose container instance is ours can be found by it.
async fn claim(aws: &Aws, target: &Target<Spec>, cluster: &str, arn: &str, node: &str) -> Result<(), Fault> {
    let mut tags = target.tags.clone();
    tags.insert(EXTERNAL_TAG.to_owned(), target.place.stack.clone());
    tags.insert(CLUSTER_TAG.to_owned(), cluster.to_owned());
    tag_node(aws, node, &tags).await?;
    crate::aws::ecs::retag(aws, arn, &target.tags, &[]).await
}

async fn tag_node(aws: &Aws, node: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    const OPERATION: &str = "ssm:AddTagsToResource";
    if tags.is_empty() {
        return Ok(());
    }
    let tags: Result<Vec<Tag>, _> =
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tags = tags.map_err(|error| Fault::found(OPERATION, Cause::Invalid, error.to_string()))?;
    let call = aws.ssm().add_tags_to_resource().resource_type(ResourceTypeForTagging::ManagedInstance);
    or_gone(call.resource_id(node).set_tags(Some(tags)).send().await.map_err(fault(OPERATION)))
}

pub(super) async fn retag(
    aws: &Aws,
    live: &Found<Spec>,
    set: &BTreeMap<String, String>,
    remove: &[String],
) -> Result<(), Fault> {
    let detail = detail(live)?;
    if !remove.is_empty() {
        let call = aws.ssm().remove_tags_from_resource().resource_type(ResourceTypeForTagging::ManagedInstance);
        let call = call.resource_id(&detail.node).set_tag_keys(Some(remove.to_vec())).send();
        or_gone(call.await.map_err(fault("ssm:RemoveTagsFromResource")))?;
    }
    tag_node(aws, &detail.node, set).await?;
    match &detail.arn {
        Some(arn) => crate::aws::ecs::retag(aws, arn, set, remove).await,
        None => Ok(()),
    }
}

async fn change_attributes(aws: &Aws, cluster: &str, arn: &str, live: &Spec, wanted: &Spec) -> Result<(), Fault> {
    let nothing = BTreeMap::new();
    let (live, wanted) = (live.attributes.as_ref().unwrap_or(&nothing), wanted.attributes.as_ref().unwrap_or(&nothing));
    let attribute = |operation: &'static str, name: &String, value: Option<&String>| {
        let value = value.filter(|value| !value.is_empty()).cloned();
        let one = Attribute::builder().name(name).set_value(value).target_type(TargetType::ContainerInstance);
        one.target_id(arn).build().map_err(crate::aws::ecs::unfit(operation))
    };
    // What goes makes room for what comes.
    let gone: Result<Vec<Attribute>, _> = live
        .keys()
        .filter(|name| !wanted.contains_key(*name))
        .map(|name| attribute("ecs:DeleteAttributes", name, None))
        .collect();
    for some in gone?.chunks(ATTRIBUTES) {
        let call = aws.ecs().delete_attributes().cluster(cluster).set_attributes(Some(some.to_vec())).send();
        or_gone(call.await.map_err(fault("ecs:DeleteAttributes")))?;
    }
    let new: Result<Vec<Attribute>, _> = wanted
        .iter()
        .filter(|(name, value)| live.get(*name) != Some(value))
        .map(|(name, value)| attribute("ecs:PutAttributes", name, Some(value)))
        .collect();
    for some in new?.chunks(ATTRIBUTES) {
        let call = aws.ecs().put_attributes().cluster(cluster).set_attributes(Some(some.to_vec())).send();
        call.await.map_err(fault("ecs:PutAttributes"))?;
    }
    Ok(())
}

/// Drains, then takes it out of ECS, then out of Systems Manager. Never by force: tasks of a host that is cut off run on
/// there, and nobody would stop them any more.
pub(super) async fn delete(aws: &Aws, live: &Found<Spec>) -> Result<Progress, Fault> {
    let detail = detail(live)?;
    if let Some(arn) = &detail.arn {
        match leave(aws, &live.spec.cluster, arn, &detail).await {
            // It has left since it was read.
            Err(fault) if fault.is_gone() => {}
            Ok(Progress::Done) => {}
            waiting => return waiting,
        }
    }
    let call = aws.ssm().deregister_managed_instance().instance_id(&detail.node).send();
    or_gone(call.await.map_err(fault("ssm:DeregisterManagedInstance")))?;
    Ok(Progress::Done)
}

/// Takes the next step towards it being out of its cluster.
async fn leave(aws: &Aws, cluster: &str, arn: &str, detail: &Detail) -> Result<Progress, Fault> {
    let waiting = |what: &str| Ok(Progress::Waiting(still_draining(detail, cluster, arn, what)));
    if detail.status.as_deref() == Some("ACTIVE") {
        agent::set_status(aws, cluster, arn, ContainerInstanceStatus::Draining).await?;
        return Ok(Progress::Waiting("draining".to_owned()));
    }
    if let Some(left) = agent::left_on(aws, cluster, arn, detail.tasks).await? {
        return waiting(&left);
    }
    match deregister(aws, cluster, arn).await {
        Err(fault) if fault.message.contains("running") && fault.cause == Cause::Invalid => waiting(&fault.message),
        answer => answer.map(|()| Progress::Done),
    }
}

fn still_draining(detail: &Detail, cluster: &str, arn: &str, what: &str) -> String {
    if detail.is_connected {
        return what.to_owned();
    }
    let id = arn.rsplit('/').next().unwrap_or(arn);
    format!(
        "its agent is not connected, so nobody can stop its tasks ({what}); when the host is gone for good: aws ecs \
         deregister-container-instance --force --cluster {cluster} --container-instance {id}"
    )
}

async fn deregister(aws: &Aws, cluster: &str, arn: &str) -> Result<(), Fault> {
    let call = aws.ecs().deregister_container_instance().cluster(cluster).container_instance(arn).force(false);
    or_gone(call.send().await.map_err(fault("ecs:DeregisterContainerInstance")))
}

fn detail(live: &Found<Spec>) -> Result<Detail, Fault> {
    serde_json::from_value(live.detail.clone())
        .map_err(|error| Fault::found(KIND, Cause::Invalid, format!("a plan of another farpost: {error}")))
}
