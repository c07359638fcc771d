//! What the tasks of a deployment tell while it is waited for and when it has failed: why they stopped, and why they find
//! no place. Asked only when there is something to ask about, and not at every look.

use aws_sdk_ecs::types::{DeploymentRolloutState, DesiredStatus, LaunchType, Service, ServiceEvent, Task};
use tokio::time::Instant;

use super::OUTSIDE;
use super::lower::{long_arn, parts};
use super::readiness::{Judgement, counts, events, is_routine, judge, newest_event, primary, subject, told};
use crate::aws::{Awaited, Aws, Fault, Told, Which, fault};
use crate::kinds::Readiness;
use crate::kinds::placement::{Unplaced, meaning, refusal};
use crate::kinds::stopped::{grouped, is_scaled_in};

/// Between two questions about the tasks of one service lie this many of the longest pauses.
const PAUSES: u32 = 3;
/// How many events a failure tells.
const EVENTS: usize = 3;

/// The readiness of a service that is waited for, with what its tasks tell.
pub(super) async fn readiness(aws: &Aws, service: &Service, wanted: Option<&str>, awaited: &Awaited) -> Readiness {
    match judge(service, wanted, awaited) {
        Judgement::Ready => Readiness::Ready,
        Judgement::Pending(why) => Readiness::Pending(why),
        Judgement::UnderWay => {
            let mut why = vec![counts(service, awaited)];
            why.extend(account(aws, service, awaited, false).await);
            if why.len() == 1 {
                why.extend(newest_event(service, awaited).map(str::to_owned));
            }
            Readiness::Pending(why.join("; "))
        }
        Judgement::Failed(why) => {
            let is_listed = |id: &str| service.deployments().iter().any(|one| one.id() == Some(id));
            // Where the reason has counts they are those of what is primary now; ours are told while there is one.
            let counted = match &awaited.which {
                Which::Ours { id, .. } if is_listed(id) => false,
                _ => why.contains(" running"),
            };
            let counts = (!counted).then(|| counts(service, awaited));
            let events = telling(service, awaited, &why);
            let mut lines = vec![why];
            lines.extend(counts);
            lines.extend(account(aws, service, awaited, true).await);
            lines.extend(events);
            lines.extend(once_more(service));
            Readiness::Failed(lines.join("\n  "))
        }
    }
}

/// How to try again what failed for a reason outside the manifest: AWS does not by itself, and nothing differs.
fn once_more(service: &Service) -> Option<String> {
    primary(service).filter(|primary| primary.rollout_state() == Some(&DeploymentRolloutState::Failed))?;
    let id = long_arn(service);
    let (cluster, name) = parts(&id)?;
    let call = format!("aws ecs update-service --cluster {cluster} --service {name} --force-new-deployment");
    Some(format!("to try the same once more: {call}"))
}

/// The newest events of the deployment that say more than counts do, the oldest of them first.
fn telling(service: &Service, awaited: &Awaited, why: &str) -> Vec<String> {
    let mut texts: Vec<&str> = Vec::new();
    let says_more = |text: &&str| !is_routine(text) && !why.contains(text);
    for text in events(service, awaited).into_iter().map(told).filter(says_more) {
        if !texts.contains(&text) && texts.len() < EVENTS {
            texts.push(text);
        }
    }
    texts.iter().rev().map(|text| format!("event: {text}")).collect()
}

/// One line for each thing that is wrong with the tasks. `asks` also where nothing points to stopped tasks.
async fn account(aws: &Aws, service: &Service, awaited: &Awaited, asks: bool) -> Vec<String> {
    let id = long_arn(service);
    let Some((cluster, name)) = parts(&id) else { return Vec::new() };
    let subject = subject(service, awaited);
    let deployment = match &awaited.which {
        Which::Ours { id, .. } => Some(id.as_str()),
        Which::Primary | Which::NotThis(_) => primary(service).and_then(|primary| primary.id()),
    };
    let failed = subject.map_or(0, |subject| subject.failed_tasks());
    let missing = missing(service);
    let refused =
        events(service, awaited).into_iter().find(|event| refusal(event.message().unwrap_or_default()).is_some());
    let refused = refused.filter(|_| missing > 0);
    if failed == 0 && refused.is_none() && !asks {
        return Vec::new();
    }
    let of = format!("{deployment:?} {failed} {missing} {asks} {:?}", refused.and_then(ServiceEvent::id));
    if let Some(told) = aws.deployments().told(&id)
        && (told.of == of || (!asks && told.at.elapsed() < aws.patience.longest * PAUSES))
    {
        return told.lines;
    }
    let mut lines = Vec::new();
    if failed > 0 || asks {
        // That the reasons cannot be read must not hide the failure.
        match stopped(aws, cluster, name, deployment).await {
            Ok(tasks) => lines.extend(grouped(&tasks)),
            Err(fault) => tracing::debug!(%fault, "no reasons of stopped tasks"),
        }
    }
    if let Some(event) = refused {
        let why = unplaced(aws, service, cluster, event).await;
        let keeps = if keeps_places(service) {
            ", and the tasks of the deployment before keep their places until others run (minimumHealthyPercent)"
        } else {
            ""
        };
        lines.push(format!("{missing} of {} tasks: {why}{keeps}", service.desired_count()));
    }
    aws.deployments().tell(&id, Told { of, at: Instant::now(), lines: lines.clone() });
    lines
}

/// How many tasks of the primary deployment there should be and are not even on their way.
fn missing(service: &Service) -> i32 {
    let there = primary(service).map_or(0, |primary| primary.running_count() + primary.pending_count());
    (service.desired_count() - there).max(0)
}

/// The tasks of a deployment that stopped by themselves, as far as ECS still knows them.
async fn stopped(aws: &Aws, cluster: &str, name: &str, deployment: Option<&str>) -> Result<Vec<Task>, Fault> {
    let list = aws.ecs().list_tasks().cluster(cluster).service_name(name).desired_status(DesiredStatus::Stopped);
    let arns = list.send().await.map_err(fault("ecs:ListTasks"))?.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(arns));
    let mut tasks = call.send().await.map_err(fault("ecs:DescribeTasks"))?.tasks.unwrap_or_default();
    tasks.retain(|task| !is_scaled_in(task) && task.started_by() == deployment);
    Ok(tasks)
}

/// Why a task finds no place.
async fn unplaced(aws: &Aws, service: &Service, cluster: &str, event: &ServiceEvent) -> String {
    let said = refusal(event.message().unwrap_or_default()).unwrap_or_default();
    let providers = service.capacity_provider_strategy();
    let is_fargate = service.launch_type() == Some(&LaunchType::Fargate)
        || providers.iter().any(|item| item.capacity_provider().starts_with("FARGATE"));
    let definition = primary(service).and_then(|primary| primary.task_definition());
    let (Some(definition), false) = (definition, is_fargate) else { return meaning(said).to_owned() };
    let is_external = service.launch_type().is_some_and(|launch_type| launch_type.as_str() == OUTSIDE);
    let task = Unplaced { cluster, definition, is_external, cpu: None, memory: None, said };
    match task.explain(aws).await {
        Ok(why) => why,
        Err(fault) => {
            tracing::debug!(%fault, "no resources of instances");
            meaning(said).to_owned()
        }
    }
}

/// Whether the tasks of the deployment before stand in the way, and may not stop before there are others.
fn keeps_places(service: &Service) -> bool {
    let primary = primary(service).and_then(|primary| primary.id());
    let old = service.deployments().iter().filter(|one| one.id() != primary).any(|one| one.running_count() > 0);
    let least = service.deployment_configuration().and_then(|all| all.minimum_healthy_percent()).unwrap_or(100);
    // Rounded up, as ECS does.
    let least = (i64::from(service.desired_count()) * i64::from(least) + 99) / 100;
    old && least >= i64::from(service.desired_count())
}
