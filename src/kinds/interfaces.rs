//! Network interfaces that keep something from being deleted, and whose they are.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, InstanceStateName, NetworkInterface};
use aws_sdk_ecs::types::{DesiredStatus, Task, TaskField};

use super::STACK_TAG;
use super::blockers::{Blocker, Fate};
use crate::aws::{Aws, Fault, ec2, ecs, fault};

/// Values that one filter takes.
const FILTER_VALUES: usize = 200;

/// The interfaces that a filter finds: `group-id`, `subnet-id`, `vpc-id`. `tags` are those of what they keep.
pub(super) async fn holders(
    aws: &Aws,
    filter: &str,
    id: &str,
    tags: &BTreeMap<String, String>,
) -> Result<Vec<Blocker>, Fault> {
    let interfaces = of(aws, filter, id).await?;
    named(aws, &interfaces, tags).await
}

/// Those with a public address, which keep a gateway at a VPC.
pub(super) async fn public_holders(
    aws: &Aws,
    vpc: &str,
    tags: &BTreeMap<String, String>,
) -> Result<Vec<Blocker>, Fault> {
    let mut interfaces = of(aws, "vpc-id", vpc).await?;
    let address = |one: &NetworkInterface| one.association().and_then(|to| to.public_ip()).map(str::to_owned);
    interfaces.retain(|one| address(one).is_some());
    let mut blockers = named(aws, &interfaces, tags).await?;
    for (blocker, interface) in blockers.iter_mut().zip(&interfaces) {
        blocker.what = format!("public address {} of {}", address(interface).unwrap_or_default(), blocker.what);
    }
    Ok(blockers)
}

async fn of(aws: &Aws, filter: &str, id: &str) -> Result<Vec<NetworkInterface>, Fault> {
    let filter = Filter::builder().name(filter).values(id).build();
    let pages = aws.ec2().describe_network_interfaces().filters(filter).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeNetworkInterfaces"))
}

/// In the order of `interfaces`.
async fn named(
    aws: &Aws,
    interfaces: &[NetworkInterface],
    tags: &BTreeMap<String, String>,
) -> Result<Vec<Blocker>, Fault> {
    let stack = tags.get(STACK_TAG).map_or("", String::as_str);
    let instances = instances(aws, interfaces, stack).await?;
    // Who may not look at tasks is told the rest.
    let tasks = match interfaces.iter().any(|one| attachment(one).is_some()) {
        true => tasks(aws, stack).await.unwrap_or_default(),
        false => BTreeMap::new(),
    };
    Ok(interfaces.iter().map(|one| describe(one, &instances, &tasks, stack)).collect())
}

/// What becomes of the instances that interfaces are on.
async fn instances(aws: &Aws, interfaces: &[NetworkInterface], stack: &str) -> Result<BTreeMap<String, Fate>, Fault> {
    let ids: Vec<String> = interfaces.iter().filter_map(instance).map(str::to_owned).collect();
    let mut fates = BTreeMap::new();
    for some in ids.chunks(FILTER_VALUES) {
        let filter = Filter::builder().name("instance-id").set_values(Some(some.to_vec())).build();
        let pages = aws.ec2().describe_instances().filters(filter).into_paginator().items().send();
        let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeInstances"))?;
        for one in found.iter().flat_map(|reservation| reservation.instances()) {
            let fate = match one.state().and_then(|state| state.name()) {
                Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated) => Fate::Passing,
                _ => Fate::of(&ec2::tags_of(one.tags()), stack),
            };
            fates.insert(one.instance_id().unwrap_or_default().to_owned(), fate);
        }
    }
    Ok(fates)
}

/// The tasks of the account that have interfaces of their own, by attachment: in words, and what becomes of them.
async fn tasks(aws: &Aws, stack: &str) -> Result<BTreeMap<String, Blocker>, Fault> {
    let clusters = aws.ecs().list_clusters().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut found = BTreeMap::new();
    for cluster in clusters.map_err(fault("ecs:ListClusters"))? {
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let list = aws.ecs().list_tasks().cluster(&cluster).desired_status(status).into_paginator().items();
            let arns = list.send().collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListTasks"))?;
            for hundred in arns.chunks(100) {
                let call = aws.ecs().describe_tasks().cluster(&cluster).include(TaskField::Tags);
                let answer = call.set_tasks(Some(hundred.to_vec())).send().await.map_err(fault("ecs:DescribeTasks"))?;
                for task in answer.tasks() {
                    let ids = task.attachments().iter().filter_map(|one| one.id().map(str::to_owned));
                    found.extend(ids.map(|id| (id, task_in_words(task, stack))));
                }
            }
        }
    }
    Ok(found)
}

/// `task 1f2e (service:web) in cluster edge`
pub(super) fn task_in_words(task: &Task, stack: &str) -> Blocker {
    let last = |arn: Option<&str>| arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned();
    let (id, cluster) = (last(task.task_arn()), last(task.cluster_arn()));
    let group = task.group().map(|group| format!(" ({group})")).unwrap_or_default();
    let fate = match (task.desired_status(), Fate::of(&ecs::tags_of(task.tags()), stack)) {
        (Some("STOPPED"), _) => Fate::Passing,
        (_, Fate::Ours) => Fate::Ours,
        // Tasks carry the tags of their service or definition only where that is asked for.
        _ => Fate::Unknown,
    };
    Blocker::new(format!("task {id}{group} in cluster {cluster}"), fate)
}

/// The instance that an interface is of; one that AWS made for a task is the task's, wherever that runs.
fn instance(interface: &NetworkInterface) -> Option<&str> {
    let of = interface.attachment().and_then(|attachment| attachment.instance_id());
    of.filter(|_| attachment(interface).is_none())
}

/// The attachment that ECS made an interface for.
fn attachment(interface: &NetworkInterface) -> Option<&str> {
    let description = interface.description().filter(|text| text.contains(":ecs:"))?;
    description.split_once(":attachment/").map(|(_, id)| id)
}

fn describe(
    interface: &NetworkInterface,
    instances: &BTreeMap<String, Fate>,
    tasks: &BTreeMap<String, Blocker>,
    stack: &str,
) -> Blocker {
    let id = interface.network_interface_id().unwrap_or_default();
    if let Some(instance) = instance(interface) {
        // An instance that AWS does not list any more has ended.
        let fate = instances.get(instance).copied().unwrap_or(Fate::Passing);
        return Blocker::new(format!("network interface {id} of instance {instance}"), fate);
    }
    if let Some(attachment) = attachment(interface) {
        return match tasks.get(attachment) {
            Some(task) => Blocker::new(format!("network interface {id} of {}", task.what), task.fate),
            None => Blocker::new(
                format!("network interface {id} of a task of ECS (attachment {attachment})"),
                Fate::Unknown,
            ),
        };
    }
    let description = interface.description().filter(|text| !text.is_empty());
    let description = description.map(|text| format!(" ({text})")).unwrap_or_default();
    if interface.requester_managed() == Some(true) {
        let by = interface.requester_id().filter(|by| by.starts_with("amazon")).unwrap_or("another service of AWS");
        return Blocker::new(format!("network interface {id}{description}, managed by {by}"), Fate::Unknown);
    }
    Blocker::new(format!("network interface {id}{description}"), Fate::of(&ec2::tags_of(interface.tag_set()), stack))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    #[test]
    fn who_holds_is_named_as_far_as_aws_says() {
        let card = || NetworkInterface::builder().network_interface_id("eni-1");
        let on = |instance: &str| NetworkInterfaceAttachment::builder().instance_id(instance).build();
        let instances = BTreeMap::from([("i-1".to_owned(), Fate::Ours)]);
        let tasks =
            BTreeMap::from([("7f".to_owned(), Blocker::new("task 1f (service:web) in cluster edge", Fate::Passing))]);
        let said = |interface: NetworkInterface| describe(&interface, &instances, &tasks, "store").to_string();
        assert_eq!(
            said(card().description("Primary").attachment(on("i-1")).build()),
            "network interface eni-1 of instance i-1 (of this stack)"
        );
        assert_eq!(
            said(card().attachment(on("i-2")).build()),
            "network interface eni-1 of instance i-2 (goes by itself)"
        );
        let of_task = |id: &str| {
            let arn = format!("arn:aws:ecs:us-west-2:123456789012:attachment/{id}");
            card().description(arn).requester_managed(true).attachment(on("i-1")).build()
        };
        assert_eq!(
            said(of_task("7f")),
            "network interface eni-1 of task 1f (service:web) in cluster edge (goes by itself)"
        );
        assert_eq!(said(of_task("8f")), "network interface eni-1 of a task of ECS (attachment 8f)");
        let of_balancer = card().description("ELB app/web").requester_managed(true);
        assert_eq!(
            said(of_balancer.clone().requester_id("amazon-elb").build()),
            "network interface eni-1 (ELB app/web), managed by amazon-elb"
        );
        assert_eq!(
            said(of_balancer.requester_id("AROAEXAMPLE").build()),
            "network interface eni-1 (ELB app/web), managed by another service of AWS"
        );
        assert_eq!(said(card().description("mine").build()), "network interface eni-1 (mine) (not of this stack)");
    }
}
