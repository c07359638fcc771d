//! The instance as ECS sees it: a container instance, whether it is ready, and how it is drained.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_ecs::types::{ContainerInstance, ContainerInstanceStatus, DesiredStatus};

use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Progress, Readiness};

/// How long an instance may take to register until it is worth looking why.
const SOON: u64 = 180;

/// What keeps agents from registering, in the order of likelihood.
const HINTS: &str = "check that the profile's role has AmazonEC2ContainerServiceforEC2Role, that its subnet has a route \
    to ECS (internet, NAT or endpoints), and that the image has the ECS agent";

/// The container instance that an EC2 instance is in a cluster.
pub(super) async fn find(aws: &Aws, cluster: &str, id: &str) -> Result<Option<ContainerInstance>, Fault> {
    let list = aws
        .ecs()
        .list_container_instances()
        .cluster(cluster)
        .filter(format!("ec2InstanceId == {id}"))
        .into_paginator()
        .items()
        .send();
    let arns = match list.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListContainerInstances")) {
        Ok(arns) => arns,
        // It may be gone already, or not be there yet.
        Err(fault) if fault.is_gone() => return Ok(None),
        Err(fault) => return Err(fault),
    };
    for hundred in arns.chunks(100) {
        let call = aws.ecs().describe_container_instances().cluster(cluster);
        let answer = call.set_container_instances(Some(hundred.to_vec())).send().await;
        let found = answer.map_err(fault("ecs:DescribeContainerInstances"))?.container_instances.unwrap_or_default();
        let ours = found.into_iter().find(|one| one.ec2_instance_id() == Some(id) && one.status() != Some("INACTIVE"));
        if ours.is_some() {
            return Ok(ours);
        }
    }
    Ok(None)
}

/// Whether tasks can be placed on it. `launched` is in seconds of the epoch.
pub(super) fn readiness(cluster: &str, found: Option<&ContainerInstance>, launched: i64) -> Readiness {
    let Some(found) = found else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let waited = now.saturating_sub(u64::try_from(launched).unwrap_or(now));
        let mut why = format!("not registered in cluster {cluster} yet");
        if waited > SOON {
            why = format!("{why}, {} minutes after launch; {HINTS}", waited / 60);
        }
        return Readiness::Pending(why);
    };
    match found.status().unwrap_or_default() {
        "ACTIVE" if found.agent_connected() => Readiness::Ready,
        "ACTIVE" => Readiness::Pending("registered, and its agent is not connected".to_owned()),
        "DRAINING" => Readiness::Failed(
            "its container instance is draining; when that is over, set it to ACTIVE: \
             aws ecs update-container-instances-state --status ACTIVE"
                .to_owned(),
        ),
        "REGISTRATION_FAILED" => {
            let why = found.status_reason().unwrap_or("ECS gives no reason");
            Readiness::Failed(format!("ECS could not register it: {why}"))
        }
        status => Readiness::Pending(format!("container instance {status}")),
    }
}

/// Takes the next step towards no task running on it. A host whose agent is not connected cannot be drained: what
/// runs there is out of reach, and ECS places it elsewhere once the host is gone.
pub(super) async fn drain(aws: &Aws, cluster: &str, found: &ContainerInstance) -> Result<Progress, Fault> {
    let arn = found.container_instance_arn().unwrap_or_default();
    if !found.agent_connected() {
        return Ok(Progress::Done);
    }
    if found.status() == Some("ACTIVE") {
        return match set_status(aws, cluster, arn, ContainerInstanceStatus::Draining).await {
            // It has left the cluster since it was read.
            Err(fault) if fault.is_gone() => Ok(Progress::Done),
            answer => answer.map(|()| Progress::Waiting("draining".to_owned())),
        };
    }
    match left_on(aws, cluster, arn, found.running_tasks_count() + found.pending_tasks_count()).await {
        Err(fault) if fault.is_gone() => Ok(Progress::Done),
        left => Ok(left?.map_or(Progress::Done, Progress::Waiting)),
    }
}

/// What still runs on a container instance that drains, in words; none when nothing does. `counted` is how many tasks ECS
/// counts there.
pub(in crate::kinds) async fn left_on(
    aws: &Aws,
    cluster: &str,
    arn: &str,
    counted: i32,
) -> Result<Option<String>, Fault> {
    if counted > 0 {
        let tasks = tasks_on(aws, cluster, arn).await?;
        if !tasks.is_empty() {
            return Ok(Some(draining(&tasks)));
        }
    }
    Ok(match stopping(aws, cluster, arn).await? {
        0 => None,
        1 => Some("draining: 1 task has still to stop".to_owned()),
        count => Some(format!("draining: {count} tasks have still to stop")),
    })
}

/// How many tasks are to stop and have not: ECS counts them no more, and until their containers have ended, or where a host
/// is cut off, they run on.
async fn stopping(aws: &Aws, cluster: &str, arn: &str) -> Result<usize, Fault> {
    let list = aws.ecs().list_tasks().cluster(cluster).container_instance(arn).desired_status(DesiredStatus::Stopped);
    let arns = list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let arns = arns.map_err(fault("ecs:ListTasks"))?;
    let mut count = 0;
    for hundred in arns.chunks(100) {
        let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(hundred.to_vec()));
        let answer = call.send().await.map_err(fault("ecs:DescribeTasks"))?;
        count += answer.tasks().iter().filter(|task| task.last_status() != Some("STOPPED")).count();
    }
    Ok(count)
}

/// A task that still runs: its id and what started it.
#[derive(Debug)]
struct Running {
    id: String,
    group: String,
}

async fn tasks_on(aws: &Aws, cluster: &str, arn: &str) -> Result<Vec<Running>, Fault> {
    let list = aws.ecs().list_tasks().cluster(cluster).container_instance(arn).into_paginator().items().send();
    let arns = list.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListTasks"))?;
    let mut tasks = Vec::new();
    for hundred in arns.chunks(100) {
        let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(hundred.to_vec()));
        let answer = call.send().await.map_err(fault("ecs:DescribeTasks"))?;
        tasks.extend(answer.tasks().iter().map(|task| Running {
            id: task.task_arn().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned(),
            group: task.group().unwrap_or_default().to_owned(),
        }));
    }
    Ok(tasks)
}

/// Tasks of services move by themselves; others stay until they end.
fn draining(tasks: &[Running]) -> String {
    let mut services: Vec<&str> = tasks.iter().filter_map(|task| task.group.strip_prefix("service:")).collect();
    services.sort_unstable();
    services.dedup();
    let others: Vec<&str> =
        tasks.iter().filter(|task| !task.group.starts_with("service:")).map(|task| task.id.as_str()).collect();
    let mut parts = Vec::new();
    if !services.is_empty() {
        parts.push(format!("tasks of {} move away", services.join(", ")));
    }
    if !others.is_empty() {
        parts.push(format!("of no service, stop when they end or are stopped: {}", others.join(", ")));
    }
    let left = if tasks.len() == 1 { "1 task left".to_owned() } else { format!("{} tasks left", tasks.len()) };
    format!("draining: {left}: {}", parts.join("; "))
}

pub(in crate::kinds) async fn set_status(
    aws: &Aws,
    cluster: &str,
    arn: &str,
    status: ContainerInstanceStatus,
) -> Result<(), Fault> {
    const OPERATION: &str = "ecs:UpdateContainerInstancesState";
    let call = aws.ecs().update_container_instances_state().cluster(cluster).container_instances(arn).status(status);
    let answer = call.send().await.map_err(fault(OPERATION))?;
    match answer.failures().first() {
        Some(failure) => {
            let reason = failure.reason().unwrap_or("no reason given");
            let cause = if reason == "MISSING" { Cause::NotFound } else { Cause::Invalid };
            Err(Fault::found(OPERATION, cause, format!("{arn}: {reason}")))
        }
        None => Ok(()),
    }
}

/// Lets tasks be placed on it again.
pub(super) async fn activate(aws: &Aws, cluster: &str, found: &ContainerInstance) -> Result<(), Fault> {
    if found.status() != Some("DRAINING") {
        return Ok(());
    }
    let arn = found.container_instance_arn().unwrap_or_default();
    set_status(aws, cluster, arn, ContainerInstanceStatus::Active).await
}

/// Takes it out of the cluster. AWS does so when a running instance is terminated, not when it is stopped or cut off.
pub(super) async fn deregister(aws: &Aws, cluster: &str, found: &ContainerInstance) -> Result<(), Fault> {
    let arn = found.container_instance_arn().unwrap_or_default();
    let call = aws.ecs().deregister_container_instance().cluster(cluster).container_instance(arn).force(true);
    match call.send().await.map_err(fault("ecs:DeregisterContainerInstance")) {
        Err(fault) if !fault.is_gone() => Err(fault),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(status: &str, agent_connected: bool) -> ContainerInstance {
        ContainerInstance::builder().status(status).agent_connected(agent_connected).build()
    }

    #[test]
    fn ready_is_active_and_connected() {
        assert_eq!(readiness("edge", Some(&found("ACTIVE", true)), 0), Readiness::Ready);
        for (status, connected) in [("ACTIVE", false), ("REGISTERING", true)] {
            let readiness = readiness("edge", Some(&found(status, connected)), 0);
            assert!(matches!(readiness, Readiness::Pending(_)), "{status}: {readiness:?}");
        }
        for status in ["DRAINING", "REGISTRATION_FAILED"] {
            let readiness = readiness("edge", Some(&found(status, true)), 0);
            assert!(matches!(readiness, Readiness::Failed(_)), "{status}: {readiness:?}");
        }
    }

    #[test]
    fn what_to_check_is_said_once_it_takes_long() {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let text = |launched| match readiness("edge", None, launched) {
            Readiness::Pending(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(text(now), "not registered in cluster edge yet");
        assert!(text(now - 600).contains("route"), "{}", text(now - 600));
    }

    #[test]
    fn draining_says_what_for() {
        let task = |id: &str, group: &str| Running { id: id.into(), group: group.into() };
        let tasks = [task("1", "service:web"), task("2", "service:web"), task("3", "family:report")];
        assert_eq!(
            draining(&tasks),
            "draining: 3 tasks left: tasks of web move away; of no service, stop when they end or are stopped: 3"
        );
    }
}
