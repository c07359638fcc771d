//! What is in a cluster, by name: AWS refuses to delete it over that.

use aws_sdk_ecs::types::{ContainerInstance, ContainerInstanceField, Service, ServiceField, TaskField};

use super::spec::ClusterSpec;
use crate::aws::ecs::tags_of;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{Blocker, Fate, Found, STACK_TAG, interfaces};

/// What is described of each sort, which is more than is shown.
const SOME: usize = 10;

pub(super) async fn blockers(aws: &Aws, live: &Found<ClusterSpec>) -> Result<Vec<Blocker>, Fault> {
    let stack = live.tags.get(STACK_TAG).map_or("", String::as_str);
    let cluster = live.id.as_str();
    let (services, hosts, tasks) =
        tokio::try_join!(services(aws, cluster, stack), hosts(aws, cluster, stack), tasks(aws, cluster, stack))?;
    let mut blockers: Vec<Blocker> = services.into_iter().chain(hosts).chain(tasks).collect();
    if blockers.is_empty() {
        let providers = live.spec.capacity_providers.iter().flatten();
        let attached = providers.filter(|name| !name.starts_with("FARGATE"));
        blockers.extend(attached.map(|name| Blocker::new(format!("capacity provider {name}"), Fate::Unknown)));
    }
    Ok(blockers)
}

async fn services(aws: &Aws, cluster: &str, stack: &str) -> Result<Vec<Blocker>, Fault> {
    let list = aws.ecs().list_services().cluster(cluster).into_paginator().items().send();
    let arns = list.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListServices"))?;
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let some = arns.iter().take(SOME).cloned().collect();
    let call = aws.ecs().describe_services().cluster(cluster).set_services(Some(some)).include(ServiceField::Tags);
    let answer = call.send().await.map_err(fault("ecs:DescribeServices"))?;
    let name = |service: &Service| {
        let fate = match service.status() {
            Some("DRAINING" | "INACTIVE") => Fate::Passing,
            _ => Fate::of(&tags_of(service.tags()), stack),
        };
        let status = service.status().unwrap_or_default();
        Blocker::new(format!("service {} ({status})", service.service_name().unwrap_or_default()), fate)
    };
    Ok(answer.services().iter().map(name).chain(more("service", arns.len())).collect())
}

async fn hosts(aws: &Aws, cluster: &str, stack: &str) -> Result<Vec<Blocker>, Fault> {
    let list = aws.ecs().list_container_instances().cluster(cluster).into_paginator().items().send();
    let arns = list.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListContainerInstances"))?;
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let some = arns.iter().take(SOME).cloned().collect();
    let call = aws.ecs().describe_container_instances().cluster(cluster).set_container_instances(Some(some));
    let answer = call.include(ContainerInstanceField::Tags).send().await;
    let answer = answer.map_err(fault("ecs:DescribeContainerInstances"))?;
    let name = |host: &ContainerInstance| {
        let id = host.container_instance_arn().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
        let of = host.ec2_instance_id().map(|id| format!(" ({id})")).unwrap_or_default();
        // Instances carry our tags on their side of EC2 only.
        let fate = match Fate::of(&tags_of(host.tags()), stack) {
            Fate::Ours => Fate::Ours,
            _ => Fate::Unknown,
        };
        Blocker::new(format!("container instance {id}{of}"), fate)
    };
    Ok(answer.container_instances().iter().map(name).chain(more("container instance", arns.len())).collect())
}

async fn tasks(aws: &Aws, cluster: &str, stack: &str) -> Result<Vec<Blocker>, Fault> {
    let list = aws.ecs().list_tasks().cluster(cluster).into_paginator().items().send();
    let arns = list.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListTasks"))?;
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let some = arns.iter().take(SOME).cloned().collect();
    let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(some)).include(TaskField::Tags);
    let answer = call.send().await.map_err(fault("ecs:DescribeTasks"))?;
    let named = answer.tasks().iter().map(|task| interfaces::task_in_words(task, stack));
    Ok(named.chain(more("task", arns.len())).collect())
}

/// Those that were not described.
fn more(what: &str, all: usize) -> Option<Blocker> {
    (all > SOME).then(|| Blocker::new(format!("{} more of what it has as {what}", all - SOME), Fate::Unknown))
}
