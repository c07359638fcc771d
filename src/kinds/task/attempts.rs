//! The tasks that ECS still knows of, by attempt, and how attempts ended.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types as sdk;

use super::marker::started_by;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::task_definition::{describe, is_essential};
use crate::kinds::{HASH_TAG, RESOURCE_TAG, STACK_TAG};

/// The tag that tells the tasks of one attempt from those of another.
pub(super) const ATTEMPT_TAG: &str = "farpost/attempt";

/// Tasks that were started together.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: String,
    /// Of what ran.
    pub(super) digest: String,
    pub(super) tasks: Vec<sdk::Task>,
}

/// How an attempt is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The text says how far it is.
    Runs(String),
    Succeeded,
    /// The text says why.
    Failed(String),
}

/// Whose tasks are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) stack: &'a str,
    pub(super) name: &'a str,
    /// By what the tasks can be listed, where the manifest says that.
    pub(super) started_by: Option<&'a str>,
}

/// The attempts of a declaration that ECS still knows of, the oldest first.
pub(super) async fn attempts(aws: &Aws, cluster: &str, whose: Whose<'_>) -> Result<Vec<Attempt>, Fault> {
    let starter = whose.started_by.map_or_else(|| started_by(whose.stack, whose.name), str::to_owned);
    let resource = format!("Task/{}", whose.name);
    let (running, stopped) = tokio::try_join!(
        list(aws, cluster, &starter, sdk::DesiredStatus::Running),
        list(aws, cluster, &starter, sdk::DesiredStatus::Stopped),
    )?;
    let arns: BTreeSet<String> = running.into_iter().chain(stopped).collect();
    let arns: Vec<String> = arns.into_iter().collect();
    let mut attempts: Vec<Attempt> = Vec::new();
    for some in arns.chunks(100) {
        let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec()));
        let answer = call.include(sdk::TaskField::Tags).send().await.map_err(fault("ecs:DescribeTasks"))?;
        for task in answer.tasks.unwrap_or_default() {
            let tag = |key: &str| task.tags().iter().find(|tag| tag.key() == Some(key)).and_then(sdk::Tag::value);
            let (Some(id), Some(digest)) = (tag(ATTEMPT_TAG), tag(HASH_TAG)) else { continue };
            // What the manifest calls its starter may be another's, too.
            if tag(STACK_TAG) != Some(whose.stack) || tag(RESOURCE_TAG) != Some(&resource) {
                continue;
            }
            match attempts.iter_mut().find(|attempt| attempt.id == id) {
                Some(attempt) => attempt.tasks.push(task),
                None => attempts.push(Attempt { id: id.to_owned(), digest: digest.to_owned(), tasks: vec![task] }),
            }
        }
    }
    let begun = |attempt: &Attempt| attempt.tasks.iter().filter_map(|task| task.created_at().copied()).min();
    attempts.sort_by(|a, b| begun(a).cmp(&begun(b)).then_with(|| a.id.cmp(&b.id)));
    Ok(attempts)
}

async fn list(aws: &Aws, cluster: &str, started_by: &str, status: sdk::DesiredStatus) -> Result<Vec<String>, Fault> {
    let call = aws.ecs().list_tasks().cluster(cluster).started_by(started_by).desired_status(status);
    let arns = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    match arns.map_err(fault("ecs:ListTasks")) {
        // Where there is no cluster, nothing runs.
        Err(fault) if fault.is_gone() => Ok(Vec::new()),
        answer => answer,
    }
}

pub(super) fn is_stopped(task: &sdk::Task) -> bool {
    task.last_status() == Some("STOPPED")
}

impl Attempt {
    /// How it is. Which containers count is asked for only when one has not ended well.
    pub(super) async fn state(&self, aws: &Aws) -> Result<State, Fault> {
        let on_the_way: Vec<&str> =
            self.tasks.iter().filter(|task| !is_stopped(task)).filter_map(sdk::Task::last_status).collect();
        if let Some(status) = on_the_way.first() {
            let (left, all) = (on_the_way.len(), self.tasks.len());
            return Ok(State::Runs(match all {
                1 => format!("the task is {status}"),
                _ => format!("{left} of {all} tasks still run; one is {status}"),
            }));
        }
        let is_perfect = |task: &&sdk::Task| {
            ended_by_itself(task) && task.containers().iter().all(|container| container.exit_code() == Some(0))
        };
        let doubtful: Vec<&sdk::Task> = self.tasks.iter().filter(|task| !is_perfect(task)).collect();
        let Some(first) = doubtful.first() else { return Ok(State::Succeeded) };
        let definition = describe(aws, first.task_definition_arn().unwrap_or_default()).await?;
        let essential: Option<Vec<String>> = definition.map(|definition| {
            let containers = definition.spec.container_definitions.into_iter().filter(is_essential);
            containers.map(|container| container.name).collect()
        });
        // Tasks that failed alike are told together, the most of them first.
        let mut failures: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for task in doubtful {
            if let Some(why) = failure(task, essential.as_deref()) {
                let id = task.task_arn().unwrap_or_default().rsplit('/').next().unwrap_or_default();
                failures.entry(why).or_default().push(id);
            }
        }
        let mut failures: Vec<(String, Vec<&str>)> = failures.into_iter().collect();
        failures.sort_by_key(|(_, tasks)| std::cmp::Reverse(tasks.len()));
        let failures: Vec<String> = failures
            .iter()
            .map(|(why, tasks)| match tasks.as_slice() {
                [task] => format!("task {task} failed: {why}"),
                tasks => format!("{} tasks failed: {why}", tasks.len()),
            })
            .collect();
        Ok(if failures.is_empty() { State::Succeeded } else { State::Failed(failures.join("\n  ")) })
    }

    /// Whether one of its tasks runs, or did.
    pub(super) fn has_started(&self) -> bool {
        self.tasks.iter().any(|task| task.started_at().is_some() || is_stopped(task))
    }
}

fn ended_by_itself(task: &sdk::Task) -> bool {
    task.stop_code() == Some(&sdk::TaskStopCode::EssentialContainerExited)
}

/// Why a stopped task has failed, if it has. Without a list, every container counts.
fn failure(task: &sdk::Task, essential: Option<&[String]>) -> Option<String> {
    let counts = |container: &&sdk::Container| {
        let name = container.name().unwrap_or_default();
        essential.is_none_or(|essential| essential.iter().any(|one| one == name))
    };
    let wrong: Vec<String> = task
        .containers()
        .iter()
        .filter(counts)
        .filter(|container| container.exit_code() != Some(0))
        .map(|container| {
            let name = container.name().unwrap_or_default();
            let end = match container.exit_code() {
                Some(code) => format!("container `{name}` ended with exit code {code}"),
                None => format!("container `{name}` did not run"),
            };
            container.reason().map_or_else(|| end.clone(), |reason| format!("{end} ({reason})"))
        })
        .collect();
    if wrong.is_empty() && ended_by_itself(task) {
        return None;
    }
    let code = task.stop_code().map_or("", sdk::TaskStopCode::as_str);
    let reason = task.stopped_reason().unwrap_or(code);
    let mut parts = wrong;
    parts.push(reason.to_owned());
    Some(parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(code: sdk::TaskStopCode, ends: &[(&str, Option<i32>)]) -> sdk::Task {
        let containers =
            ends.iter().map(|(name, code)| sdk::Container::builder().name(*name).set_exit_code(*code).build());
        sdk::Task::builder()
            .task_arn("arn:aws:ecs:us-west-2:123456789012:task/edge/0123")
            .stop_code(code)
            .stopped_reason("Essential container in task exited")
            .set_containers(Some(containers.collect()))
            .build()
    }

    #[test]
    fn only_essential_containers_count() {
        let essential = ["job".to_owned()];
        let exited = sdk::TaskStopCode::EssentialContainerExited;
        let fine = task(exited.clone(), &[("job", Some(0)), ("sidecar", Some(137))]);
        assert_eq!(failure(&fine, Some(&essential)), None);
        let wrong = failure(&task(exited, &[("job", Some(3)), ("sidecar", None)]), Some(&essential)).unwrap();
        assert!(wrong.contains("`job` ended with exit code 3"), "{wrong}");
        assert!(!wrong.contains("sidecar"), "{wrong}");
    }

    #[test]
    fn a_task_that_was_stopped_has_not_done_its_work() {
        let stopped = task(sdk::TaskStopCode::UserInitiated, &[("job", Some(0))]);
        assert!(failure(&stopped, Some(&["job".to_owned()])).is_some());
        let lost = task(sdk::TaskStopCode::TaskFailedToStart, &[("job", None)]);
        assert!(failure(&lost, None).unwrap().contains("did not run"));
    }
}
