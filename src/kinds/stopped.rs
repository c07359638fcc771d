//! Why tasks stopped, in words: exit codes, what Docker said, what ECS said, and each reason once.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{Container, Task, TaskStopCode};

/// How many different reasons are told.
const REASONS: usize = 3;

/// `3 tasks stopped: exit code 1 of container app (Essential container in task exited)`: a line for each reason, the
/// most frequent first.
pub(super) fn grouped<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        *counts.entry(why(task)).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = counts.len().saturating_sub(REASONS);
    let mut lines: Vec<String> = counts
        .into_iter()
        .take(REASONS)
        .map(|(why, count)| match count {
            1 => format!("1 task stopped: {why}"),
            _ => format!("{count} tasks stopped: {why}"),
        })
        .collect();
    if more > 0 {
        lines.push(format!("tasks stopped for {more} more reasons"));
    }
    lines
}

/// Whether a service stopped a task to have fewer of them, and not because something was wrong with it: for failed
/// health checks AWS gives the same code.
pub(super) fn is_scaled_in(task: &Task) -> bool {
    task.stop_code() == Some(&TaskStopCode::ServiceSchedulerInitiated)
        && task.stopped_reason().is_none_or(|reason| reason.starts_with("Scaling activity initiated"))
}

/// Why one task stopped.
pub(super) fn why(task: &Task) -> String {
    let code = task.stop_code().map_or("no reason given", TaskStopCode::as_str);
    let stopped = task.stopped_reason().unwrap_or(code);
    let containers = task.containers();
    let went_wrong = |container: &&Container| container.reason().is_some() || !is_collateral(container);
    let mut telling: Vec<&Container> = containers.iter().filter(went_wrong).collect();
    if telling.is_empty() {
        telling = containers.iter().filter(|container| container.exit_code().is_some()).collect();
    }
    let ends: Vec<String> = telling.iter().filter_map(|container| end(container)).collect();
    let is_said = telling.iter().any(|container| container.reason() == Some(stopped));
    match ends.as_slice() {
        [] => stopped.to_owned(),
        ends if is_said => ends.join(", "),
        ends => format!("{} ({stopped})", ends.join(", ")),
    }
}

/// Whether a container ended well, or only because others did: by the SIGTERM or SIGKILL that follows.
fn is_collateral(container: &Container) -> bool {
    matches!(container.exit_code(), Some(0 | 137 | 143) | None)
}

fn end(container: &Container) -> Option<String> {
    let name = container.name().unwrap_or_default();
    match (container.exit_code(), container.reason()) {
        (Some(code), None) => Some(format!("exit code {code} of container {name}")),
        (Some(code), Some(reason)) => Some(format!("exit code {code} of container {name}: {reason}")),
        (None, Some(reason)) => Some(format!("{reason} (container {name})")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(reason: &str, containers: &[(&str, Option<i32>, Option<&str>)]) -> Task {
        let containers = containers.iter().map(|(name, code, reason)| {
            let container = Container::builder().name(*name).set_exit_code(*code);
            container.set_reason(reason.map(str::to_owned)).build()
        });
        Task::builder().stopped_reason(reason).set_containers(Some(containers.collect())).build()
    }

    #[test]
    fn each_reason_is_told_once_with_its_count() {
        let exited = "Essential container in task exited";
        let crash = task(exited, &[("app", Some(1), None), ("log", Some(143), None)]);
        let pull = "CannotPullContainerError: not found";
        let missing = task(pull, &[("app", None, Some(pull)), ("log", None, None)]);
        let lines = grouped([&crash, &missing, &crash, &crash]);
        assert_eq!(
            lines,
            [
                "3 tasks stopped: exit code 1 of container app (Essential container in task exited)",
                "1 task stopped: CannotPullContainerError: not found (container app)",
            ]
        );
    }

    #[test]
    fn what_ended_well_and_should_not_have_is_told() {
        let done = task("Essential container in task exited", &[("app", Some(0), None)]);
        assert_eq!(why(&done), "exit code 0 of container app (Essential container in task exited)");
        let killed = "OutOfMemoryError: Container killed due to memory usage";
        let killed = task("Essential container in task exited", &[("app", Some(137), Some(killed)), ("b", None, None)]);
        assert!(why(&killed).starts_with("exit code 137 of container app: OutOfMemoryError"), "{}", why(&killed));
        assert_eq!(why(&task("Host EC2 (instance i-1) terminated.", &[])), "Host EC2 (instance i-1) terminated.");
        assert_eq!(why(&Task::builder().stop_code(TaskStopCode::SpotInterruption).build()), "SpotInterruption");
    }

    #[test]
    fn scaling_in_is_no_failure_and_a_failed_health_check_is() {
        let of = |reason: &str| {
            let task = Task::builder().stop_code(TaskStopCode::ServiceSchedulerInitiated);
            is_scaled_in(&task.stopped_reason(reason).build())
        };
        assert!(of("Scaling activity initiated by (deployment ecs-svc/1)"));
        assert!(!of("Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:…)"));
        assert!(!of("Task failed container health checks"));
    }
}
