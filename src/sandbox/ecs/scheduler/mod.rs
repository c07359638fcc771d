//! The service scheduler: it keeps as many tasks as wanted, rolls deployments out within the service's percentages,
//! replaces what drains, and gives up or rolls back by the circuit breaker.
//!
//! Here is one look at a service, from what became of its tasks to its steady state; [`breaker`] judges deployments,
//! [`scaling`] tells which tasks go and how many are missing, [`starting`] finds places for those.

mod breaker;
#[cfg(test)]
mod fixture;
mod scaling;
mod starting;

use jiff::Timestamp;
use serde_json::Value;

use super::clusters::Cluster;
use super::services::Service;
use super::task_life::Task;
use crate::sandbox::state::State;

/// One look at a service: whether anything changed.
pub(super) fn schedule(state: &mut State, cluster: &mut Cluster, name: &str, now: Timestamp) -> bool {
    let Some(kept) = cluster.services.get_mut(name).filter(|service| service.status != "INACTIVE") else {
        return false;
    };
    // Apart from the cluster while it is looked at.
    let mut service = std::mem::take(kept);
    let mut turn = Turn { state, cluster, service: &mut service, now, changed: false };
    turn.take_note();
    turn.forget_drained();
    turn.break_circuit();
    turn.scale();
    turn.conclude();
    let changed = turn.changed;
    cluster.services.insert(name.to_owned(), service);
    changed
}

/// How long a service that complained does not do so again.
pub(super) fn complaint_pause(state: &State) -> std::time::Duration {
    state.takes(60.0).max(std::time::Duration::from_secs(1))
}

struct Turn<'a> {
    state: &'a mut State,
    cluster: &'a mut Cluster,
    service: &'a mut Service,
    now: Timestamp,
    changed: bool,
}

impl Turn<'_> {
    fn tell(&mut self, message: &str) {
        self.changed = true;
        self.service.tell(self.state, self.now, message);
    }

    /// Like `tell`, but at most once a minute.
    fn complain(&mut self, message: &str) {
        let pause = complaint_pause(self.state);
        if self.service.complained_at.is_none_or(|at| at + pause <= self.now) {
            self.service.complained_at = Some(self.now);
            self.tell(message);
        }
    }

    fn tasks(&self) -> impl Iterator<Item = &Task> {
        let name = self.service.name.clone();
        self.cluster.tasks.values().filter(move |task| task.service.as_ref() == Some(&name))
    }

    fn primary(&self) -> Option<String> {
        self.service.deployments.first().map(|deployment| deployment.id.clone())
    }

    /// Counts the tasks that became healthy and those that ended before they did.
    fn take_note(&mut self) {
        let name = self.service.name.clone();
        let primary = self.primary();
        for task in self.cluster.tasks.values_mut().filter(|task| task.service.as_ref() == Some(&name)) {
            let deployment =
                self.service.deployments.iter_mut().find(|deployment| Some(&deployment.id) == task.deployment.as_ref());
            if task.healthy && !task.credited {
                task.credited = true;
                self.changed = true;
                if task.deployment == primary {
                    self.service.failures = 0;
                    self.service.retry_at = None;
                    let configuration = self.service.spec.get("deploymentConfiguration").unwrap_or(&Value::Null);
                    if configuration["deploymentCircuitBreaker"]["resetOnHealthyTask"] != false
                        && let Some(deployment) = deployment
                    {
                        deployment.failed = 0;
                    }
                }
            } else if task.last_status == "STOPPED" && !task.counted {
                task.counted = true;
                self.changed = true;
                self.service.steady = false;
                let by_itself = task.stop_code.as_deref().is_some_and(|code| {
                    code == "EssentialContainerExited" || (code == "TaskFailedToStart" && !task.credited)
                });
                if by_itself && task.deployment == primary {
                    if !task.healthy
                        && let Some(deployment) = deployment
                    {
                        deployment.failed += 1;
                    }
                    self.service.failures += 1;
                    // The scheduler waits ever longer, up to a quarter of an hour.
                    let rounds = self.service.failures / self.service.desired.max(1);
                    let seconds = (5.0 * 2f64.powi(i32::try_from(rounds.min(8)).unwrap_or(8))).min(900.0);
                    // Never at once, however quick this world is: a crash loop would have no end.
                    let pause = self.state.takes(seconds).max(std::time::Duration::from_millis(100));
                    self.service.retry_at = Some(self.now + pause);
                }
            }
        }
        if self.service.failures >= self.service.desired.max(3) && self.changed {
            self.complain(
                "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
            );
        }
    }

    /// Drops deployments that have no tasks left.
    fn forget_drained(&mut self) {
        let alive: Vec<String> = self
            .tasks()
            .filter(|task| task.last_status != "STOPPED")
            .filter_map(|task| task.deployment.clone())
            .collect();
        let primary = self.primary();
        let before = self.service.deployments.len();
        self.service
            .deployments
            .retain(|deployment| Some(&deployment.id) == primary.as_ref() || alive.contains(&deployment.id));
        self.changed |= before != self.service.deployments.len();
    }

    /// Whether a task is one of those that stay: of the primary deployment, on an instance that does not drain.
    fn stays(&self, task: &Task, primary: &str) -> bool {
        let drains = task
            .instance
            .as_ref()
            .and_then(|id| self.cluster.instances.get(id))
            .is_some_and(|instance| instance.status == "DRAINING");
        task.deployment.as_deref() == Some(primary) && !drains
    }

    /// Tells of a steady state, completes the deployment, ends a service that is being deleted.
    fn conclude(&mut self) {
        let alive = self.tasks().filter(|task| task.last_status != "STOPPED").count();
        if self.service.status == "DRAINING" {
            if alive == 0 {
                self.service.status = "INACTIVE".into();
                self.service.inactive_since = Some(self.now);
                self.service.deployments.clear();
                self.changed = true;
            }
            return;
        }
        let Some(primary) = self.primary() else { return };
        let good = self.tasks().filter(|task| task.is_wanted() && task.healthy && self.stays(task, &primary)).count();
        let settled = alive == good && i64::try_from(good).unwrap_or(i64::MAX) == self.service.desired;
        let failed = self.service.deployments.first().is_some_and(|deployment| deployment.state == "FAILED");
        if !settled || self.service.steady || failed {
            return;
        }
        self.service.steady = true;
        let now = self.now;
        self.service.complained_at = None;
        if let Some(deployment) =
            self.service.deployments.first_mut().filter(|deployment| deployment.state == "IN_PROGRESS")
        {
            deployment.settle("COMPLETED", format!("ECS deployment {primary} completed."), now);
            self.service.completed = Some(deployment.clone());
            if let Some(rollout) = self.service.rollouts.last_mut().filter(|rollout| rollout.status == "IN_PROGRESS") {
                rollout.status = "SUCCESSFUL".into();
                rollout.finished_at = Some(now);
            }
            self.tell(&format!("(deployment {primary}) deployment completed."));
        }
        self.tell("has reached a steady state.");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fixture::{edge, events, service};

    #[test]
    fn services_become_steady() {
        let mut aws = edge();
        service(&mut aws, json!({}));
        aws.wait(1.0);
        assert_eq!(aws.service("s")["pendingCount"], 2);
        aws.wait(6.0);
        let early = aws.service("s");
        assert_eq!(
            (&early["runningCount"], &early["deployments"][0]["rolloutState"]),
            (&json!(2), &json!("IN_PROGRESS"))
        );
        aws.wait(60.0);
        let done = aws.service("s");
        assert_eq!(done["deployments"][0]["rolloutState"], "COMPLETED");
        let told = events(&done);
        assert!(told.contains("(service s) has reached a steady state."), "{told}");
        assert!(told.contains("(service s) has started 2 tasks: (task "), "{told}");
        let listed = aws.ok("ListServiceDeployments", json!({"cluster": "edge", "service": "s"}));
        assert_eq!(listed["serviceDeployments"][0]["status"], "SUCCESSFUL");
        let arn = listed["serviceDeployments"][0]["targetServiceRevisionArn"].clone();
        let revision = aws.ok("DescribeServiceRevisions", json!({"serviceRevisionArns": [arn]}));
        assert_eq!(revision["serviceRevisions"][0]["launchType"], "EC2");
    }

    #[test]
    fn crash_loops_go_on_without_a_breaker() {
        let mut aws = edge();
        aws.define("web", "nginx:exit-1");
        service(&mut aws, json!({}));
        aws.wait(600.0);
        let looping = aws.service("s");
        assert_eq!(looping["deployments"][0]["rolloutState"], "IN_PROGRESS");
        assert!(looping["deployments"][0]["failedTasks"].as_i64() > Some(4));
        assert!(events(&looping).contains("is unable to consistently start tasks successfully."));
    }
}
