//! The calls that change something: run, record, stop.

use std::collections::BTreeMap;

use aws_sdk_ecs::operation::run_task::RunTaskOutput;
use aws_sdk_ecs::types as sdk;
use serde_json::Value;

use super::attempts::{ATTEMPT_TAG, State, Whose, attempts, is_stopped};
use super::lower::{Parts, cluster, id, parts};
use super::marker::{Marker, Trace, digest, key, started_by};
use super::read::{Definition, own_attempts};
use super::spec::TaskSpec;
use crate::aws::ecs::tags_of;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::placement::{Unplaced, meaning};
use crate::kinds::task_definition::retag;
use crate::kinds::task_definition::spec_units::Units;
use crate::kinds::{Found, HASH_TAG, Progress, STACK_TAG, Target};

/// Starts the tasks, unless an attempt with the same content runs or has succeeded already.
pub(super) async fn start(aws: &Aws, target: &Target<TaskSpec>) -> Result<String, Fault> {
    let (spec, name, stack) = (&target.full, target.address.name.as_str(), target.place.stack.as_str());
    let (cluster, definition) = (cluster(spec), definition(aws, target).await?);
    let digest = digest(spec, &definition.revision);
    let whose = Whose { stack, name, started_by: spec.started_by.as_deref() };
    let known = attempts(aws, cluster, whose).await?;
    for attempt in known.iter().rev().filter(|attempt| attempt.digest == digest) {
        let is_it = match attempt.state(aws).await? {
            State::Runs(_) => true,
            State::Succeeded => definition.is_begun(&key(stack, name), &digest),
            State::Failed(_) => false,
        };
        if is_it {
            return Ok(id(spec, name, &attempt.id));
        }
    }
    // Counted, so that one that failed is not what a repeated token stands for.
    let own = own_attempts(aws, &target.address);
    let attempt = format!("{own}{}", known.iter().filter(|attempt| attempt.id.starts_with(&own)).count());
    record(aws, target, &definition, false).await?;
    if definition.stack() != Some(stack) {
        remember(aws, target, &definition).await?;
    }
    let mut tags = target.tags.clone();
    tags.extend([(HASH_TAG.to_owned(), digest), (ATTEMPT_TAG.to_owned(), attempt.clone())]);
    let tags: Vec<sdk::Tag> =
        tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect();
    let call = || {
        let call = target.spec.run(aws.ecs())?;
        let call = call.task_definition(&definition.arn).client_token(&attempt);
        let starter = spec.started_by.clone().unwrap_or_else(|| started_by(stack, name));
        Ok(call.started_by(starter).set_tags(Some(tags.clone())))
    };
    let unfit = |error: aws_smithy_types::error::operation::BuildError| {
        Fault::found("ecs:RunTask", Cause::Invalid, error.to_string())
    };
    let answer = aws.eventually(|| async { call().map_err(unfit)?.send().await.map_err(fault("ecs:RunTask")) }).await?;
    if !answer.failures().is_empty() {
        let why = unplaced(aws, target, &definition, &answer).await;
        // A part of a run is none: what did start is stopped, and the next run is whole.
        for task in answer.tasks() {
            stop(aws, cluster, task, "farpost: not all tasks of the run could be placed").await?;
        }
        let mut fault = refused(answer.failures());
        fault.message = why.unwrap_or(fault.message);
        return Err(fault);
    }
    Ok(id(spec, name, &attempt))
}

async fn definition(aws: &Aws, target: &Target<TaskSpec>) -> Result<Definition, Fault> {
    let reference = &target.full.task_definition;
    Definition::ask(aws, reference).await?.ok_or_else(|| {
        let message = format!("there is no active task definition {reference}");
        Fault::found("ecs:DescribeTaskDefinition", Cause::Invalid, message)
    })
}

/// Why no instance takes some of the tasks, in numbers; asked while those that found a place still have it.
async fn unplaced(
    aws: &Aws,
    target: &Target<TaskSpec>,
    definition: &Definition,
    answer: &RunTaskOutput,
) -> Option<String> {
    let spec = &target.full;
    let said = answer.failures().first()?.reason()?;
    let of = |name: &str| spec.launch_type.as_ref().is_some_and(|launch_type| *launch_type == name);
    let overrides = spec.overrides.as_ref();
    let changes_sizes = overrides.and_then(|all| all.container_overrides.as_ref()).is_some_and(|all| {
        all.iter().any(|one| one.cpu.is_some() || one.memory.is_some() || one.memory_reservation.is_some())
    });
    if of("FARGATE") || changes_sizes {
        return None;
    }
    let whole = |units: Option<&Units>| units.and_then(|units| units.as_str().parse().ok());
    let task = Unplaced {
        cluster: cluster(spec),
        definition: &definition.arn,
        is_external: of("EXTERNAL"),
        cpu: whole(overrides.and_then(|all| all.cpu.as_ref())),
        memory: whole(overrides.and_then(|all| all.memory.as_ref())),
        said,
    };
    let count = usize::try_from(spec.count.unwrap_or(1)).unwrap_or(1);
    let missing = count.saturating_sub(answer.tasks().len());
    match task.explain(aws).await {
        Ok(why) => Some(format!("{missing} of {count} tasks: {why} ({said})")),
        Err(fault) => {
            tracing::debug!(%fault, "no resources of instances");
            None
        }
    }
}

/// RunTask can succeed without placing anything; then each instance has its reason.
fn refused(failures: &[sdk::Failure]) -> Fault {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for failure in failures {
        let mut reason = failure.reason().unwrap_or("no reason").to_owned();
        if let Some(detail) = failure.detail() {
            reason.push_str(&format!(" ({detail})"));
        }
        let instance = failure.arn().and_then(|arn| arn.rsplit('/').next());
        reasons.entry(reason).or_default().extend(instance);
    }
    let is_capacity = failures.iter().any(|failure| failure.reason().is_some_and(|text| text.starts_with("RESOURCE:")));
    let words: Vec<String> = reasons
        .iter()
        .map(|(reason, instances)| {
            let meaning = Some(meaning(reason)).filter(|meaning| meaning != reason);
            let meaning = meaning.map(|text| format!(", {text}")).unwrap_or_default();
            match instances.as_slice() {
                [] => format!("{reason}{meaning}"),
                some => format!("{reason}{meaning}, on {}", some.join(", ")),
            }
        })
        .collect();
    let cause = if is_capacity { Cause::Capacity } else { Cause::Invalid };
    Fault::found("ecs:RunTask", cause, format!("no instance can take the task: {}", words.join("; ")))
}

/// Records a run that succeeded, or starts one.
pub(super) async fn update(aws: &Aws, target: &Target<TaskSpec>, live: &Found<TaskSpec>) -> Result<Progress, Fault> {
    if live.detail["hasSucceeded"] == true {
        let definition = definition(aws, target).await?;
        record(aws, target, &definition, true).await?;
        return Ok(Progress::Done);
    }
    start(aws, target).await?;
    Ok(Progress::Waiting("the task is starting".to_owned()))
}

/// Writes on the revision what became of the run.
async fn record(aws: &Aws, target: &Target<TaskSpec>, definition: &Definition, is_done: bool) -> Result<(), Fault> {
    let digest = digest(&target.full, &definition.revision);
    let (cluster, started_by) = (cluster(&target.full).to_owned(), target.full.started_by.clone());
    let marker = Marker { is_done, digest, cluster, started_by };
    let key = key(&target.place.stack, &target.address.name);
    retag(aws, &definition.arn, &BTreeMap::from([(key, marker.value())]), &[]).await
}

/// Writes on the cluster, if it is ours, where the record of a run is: a definition of others is in no survey, and the
/// task has to be found when it is not declared any more.
async fn remember(aws: &Aws, target: &Target<TaskSpec>, definition: &Definition) -> Result<(), Fault> {
    let arn = target.place.arn("ecs", &format!("cluster/{}", cluster(&target.full)));
    let call = aws.ecs().list_tags_for_resource().resource_arn(&arn).send();
    let tags = match call.await.map_err(fault("ecs:ListTagsForResource")) {
        Ok(answer) => tags_of(answer.tags()),
        // RunTask says it better.
        Err(fault) if fault.is_gone() => return Ok(()),
        Err(fault) => return Err(fault),
    };
    if tags.get(STACK_TAG) != Some(&target.place.stack) {
        return Ok(());
    }
    let trace = Trace { revision: definition.revision.clone(), started_by: target.full.started_by.clone() };
    let key = key(&target.place.stack, &target.address.name);
    retag(aws, &arn, &BTreeMap::from([(key, trace.value())]), &[]).await
}

/// Stops what still runs, and forgets that it ran.
pub(super) async fn delete(aws: &Aws, live: &Found<TaskSpec>) -> Result<Progress, Fault> {
    let Some(Parts { cluster, name, started_by, .. }) = parts(&live.id) else { return Ok(Progress::Done) };
    let stack = live.tags.get(STACK_TAG).map_or("", String::as_str);
    for attempt in attempts(aws, cluster, Whose { stack, name, started_by }).await? {
        for task in attempt.tasks.iter().filter(|task| !is_stopped(task)) {
            stop(aws, cluster, task, "farpost: it is not declared any more").await?;
        }
    }
    for arn in live.detail["records"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        match retag(aws, arn, &BTreeMap::new(), &[key(stack, name)]).await {
            Err(fault) if !fault.is_gone() => return Err(fault),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(Progress::Done)
}

async fn stop(aws: &Aws, cluster: &str, task: &sdk::Task, reason: &str) -> Result<(), Fault> {
    let arn = task.task_arn().unwrap_or_default();
    let call = aws.ecs().stop_task().cluster(cluster).task(arn).reason(reason);
    call.send().await.map_err(fault("ecs:StopTask"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_spelled_out() {
        let failure = |instance: &str, reason: &str| {
            let arn = format!("arn:aws:ecs:us-west-2:123456789012:container-instance/edge/{instance}");
            sdk::Failure::builder().arn(arn).reason(reason).build()
        };
        let fault = refused(&[failure("a", "RESOURCE:MEMORY"), failure("b", "RESOURCE:MEMORY"), failure("c", "AGENT")]);
        assert_eq!(fault.cause, Cause::Capacity);
        assert!(fault.message.contains("RESOURCE:MEMORY, too little memory is free, on a, b"), "{fault}");
        assert!(fault.message.contains("AGENT, the agent is not connected, on c"), "{fault}");
        assert_eq!(refused(&[failure("c", "ATTRIBUTE")]).cause, Cause::Invalid);
    }
}
