//! The service scheduler: it keeps as many tasks as wanted, rolls deployments out within the service's percentages,
//! replaces what drains, and gives up or rolls back by the circuit breaker.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::clusters::Cluster;
use super::deployments::MEMBERS;
use super::fargate_refusal;
use super::placement::{self, Miss, Request};
use super::service_checks::launch_type_of;
use super::services::Service;
use super::shapes::items;
use super::tags::Tags;
use super::task_definitions::{Definition, find};
use super::task_life::{Launch, Needs, Task, launch};
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

    fn break_circuit(&mut self) {
        let threshold = self.service.threshold();
        let (now, rolls_back) = (self.now, self.service.breaker("rollback"));
        let enabled = self.service.breaker("enable") && self.service.status == "ACTIVE";
        let Some(primary) = self.service.deployments.first_mut() else { return };
        if !enabled || primary.state != "IN_PROGRESS" || primary.failed < threshold {
            return;
        }
        let id = primary.id.clone();
        let failed = primary.failed;
        primary.settle("FAILED", "ECS deployment circuit breaker: tasks failed to start.".into(), now);
        let candidate = self.service.completed.clone().filter(|completed| rolls_back && completed.id != id);
        if let Some(rollout) = self.service.rollouts.last_mut() {
            rollout.failures = failed;
            rollout.finished_at = Some(now);
            rollout.reason = Some("Service deployment circuit breaker threshold exceeded.".into());
            rollout.status = match (&candidate, rolls_back) {
                (Some(_), _) => "ROLLBACK_SUCCESSFUL",
                (None, true) => "ROLLBACK_FAILED",
                (None, false) => "STOPPED",
            }
            .into();
        }
        self.service.failures = 0;
        self.service.retry_at = None;
        self.tell(&format!("(deployment {id}) deployment failed: tasks failed to start."));
        let Some(mut target) = candidate else {
            if rolls_back {
                self.tell(&format!(
                    "(deployment {id}) deployment failed: no rollback candidate was found to run the rollback."
                ));
                if let Some(primary) = self.service.deployments.first_mut() {
                    primary.reason.push_str(" No rollback candidate was found to run the rollback.");
                }
            }
            return;
        };
        let target_id = target.id.clone();
        self.service.deployments.retain(|deployment| deployment.id != target_id);
        let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {target_id}.");
        target.failed = 0;
        target.settle("IN_PROGRESS", reason, now);
        for member in MEMBERS {
            self.service.spec.shift_remove(*member);
        }
        self.service.spec.extend(target.members.clone());
        self.service.deployments.insert(0, target);
        self.tell(&format!("rolling back to deployment {target_id}."));
    }

    /// Starts and stops tasks.
    fn scale(&mut self) {
        let Some(primary) = self.service.deployments.first() else { return };
        let draining = self.service.status == "DRAINING";
        if primary.state == "FAILED" && !draining && self.service.desired > 0 {
            return;
        }
        let id = primary.id.clone();
        let Some(definition) = find(self.state, primary.definition()).cloned() else { return };
        if self.service.is_daemon() {
            self.scale_daemon(&id, &definition);
        } else {
            self.scale_replicas(&id, &definition);
        }
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

    fn scale_replicas(&mut self, primary: &str, definition: &Definition) {
        let desired = self.service.desired;
        let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        // Too many: tasks that do not run yet go first, then the newest.
        let mut current: Vec<(bool, String)> = self
            .tasks()
            .filter(|task| task.is_wanted() && self.stays(task, primary))
            .map(|task| (task.last_status == "RUNNING", task.id.clone()))
            .collect();
        current.reverse();
        current.sort_by_key(|(running, _)| *running);
        let excess = usize::try_from(size(current.len()) - desired).unwrap_or(0);
        let mut leaving: Vec<String> = current.iter().take(excess).map(|(_, id)| id.clone()).collect();
        // Old ones go as far as enough healthy tasks remain.
        let least = (desired * self.service.percent("minimumHealthyPercent") + 99) / 100;
        let healthy =
            self.tasks().filter(|task| task.is_wanted() && task.healthy && !leaving.contains(&task.id)).count();
        let mut spare = size(healthy) - least;
        let old: Vec<(bool, String)> = self
            .tasks()
            .filter(|task| task.is_wanted() && !self.stays(task, primary))
            .map(|task| (task.healthy, task.id.clone()))
            .collect();
        for (healthy, id) in old {
            if !healthy || spare > 0 {
                spare -= i64::from(healthy);
                leaving.push(id);
            }
        }
        self.stop(&leaving);
        let most = desired * self.service.percent("maximumPercent") / 100;
        let alive = self.tasks().filter(|task| task.last_status != "STOPPED").count();
        let current = self.tasks().filter(|task| task.is_wanted() && self.stays(task, primary)).count();
        let wanted = (desired - size(current)).min(most - size(alive));
        self.start(primary, definition, usize::try_from(wanted).unwrap_or(0), None);
    }

    fn scale_daemon(&mut self, primary: &str, definition: &Definition) {
        let launch_type = self.service.launch_type().to_owned();
        let constraints = items(self.service.spec.get("placementConstraints")).to_vec();
        // Room does not matter for who should have one: a full instance is a placement failure.
        let request = self.request(definition, &launch_type, &constraints, &[], Needs::default());
        let eligible: Vec<String> = placement::candidates(self.cluster, &launch_type)
            .filter(|instance| placement::refusal(self.cluster, instance, &request).is_none())
            .map(|instance| instance.id.clone())
            .collect();
        let eligible = if self.service.status == "DRAINING" { Vec::new() } else { eligible };
        let desired = i64::try_from(eligible.len()).unwrap_or(i64::MAX);
        if self.service.desired != desired {
            self.service.desired = desired;
            self.changed = true;
            self.service.steady = false;
        }
        let healthy = self.tasks().filter(|task| task.is_wanted() && task.healthy).count();
        let least = (desired * self.service.percent("minimumHealthyPercent") + 99) / 100;
        let mut spare = i64::try_from(healthy).unwrap_or(0) - least;
        let mut leaving = Vec::new();
        for task in self.tasks().filter(|task| task.is_wanted()) {
            let at_home = task.instance.as_ref().is_some_and(|id| eligible.contains(id));
            if at_home && self.stays(task, primary) {
                continue;
            }
            if !at_home || !task.healthy || spare > 0 {
                spare -= i64::from(task.healthy && at_home);
                leaving.push(task.id.clone());
            }
        }
        self.stop(&leaving);
        for instance in eligible {
            let taken =
                self.tasks().any(|task| task.instance.as_ref() == Some(&instance) && task.last_status != "STOPPED");
            if !taken {
                self.start(primary, definition, 1, Some(instance));
            }
        }
    }

    fn stop(&mut self, ids: &[String]) {
        if ids.is_empty() {
            return;
        }
        let grace = self.state.takes(3.0);
        let primary = self.primary().unwrap_or_default();
        for id in ids {
            if let Some(task) = self.cluster.tasks.get_mut(id) {
                let deployment = task.deployment.clone().unwrap_or_default();
                let reason = if deployment == primary {
                    format!("Scaling activity initiated by (deployment {primary})")
                } else {
                    format!("Scaling activity initiated by (deployment {deployment})")
                };
                task.stop(self.now, "ServiceSchedulerInitiated", &reason, grace);
            }
        }
        self.service.steady = false;
        let names: Vec<String> = ids.iter().map(|id| format!("(task {id})")).collect();
        self.tell(&format!("has stopped {} running tasks: {}.", ids.len(), names.join(" ")));
    }

    fn request<'a>(
        &'a self,
        definition: &'a Definition,
        launch_type: &'a str,
        constraints: &'a [Value],
        strategy: &'a [Value],
        needs: Needs,
    ) -> Request<'a> {
        Request { definition, launch_type, group: &self.service.group, needs, constraints, strategy }
    }

    /// Starts tasks, as many as find a place; on one instance only when that is given.
    fn start(&mut self, primary: &str, definition: &Definition, count: usize, on: Option<String>) {
        let waits = self.service.failures > 0 && self.service.retry_at.is_some_and(|at| at > self.now);
        if count == 0 || waits {
            return;
        }
        let mut started = Vec::new();
        let mut refusal = None;
        for _ in 0..count {
            match self.start_one(primary, definition, on.as_deref()) {
                Ok(id) => started.push(format!("(task {id})")),
                Err(message) => {
                    refusal = Some(message);
                    break;
                }
            }
        }
        if !started.is_empty() {
            self.service.steady = false;
            self.tell(&format!("has started {} tasks: {}.", started.len(), started.join(" ")));
        }
        if let Some(message) = refusal {
            self.service.steady = false;
            self.complain(&message);
        }
    }

    fn start_one(&mut self, primary: &str, definition: &Definition, on: Option<&str>) -> Result<String, String> {
        let spec = self.service.spec.clone();
        let launch_type = launch_type_of(&spec).to_owned();
        let constraints = items(spec.get("placementConstraints"));
        let strategy = items(spec.get("placementStrategy"));
        let request =
            self.request(definition, &launch_type, constraints, strategy, Needs::of(definition, &Value::Null));
        let instance = if launch_type == "FARGATE" {
            if let Some(reason) = fargate_refusal(self.state, spec.get("networkConfiguration")) {
                return Err(format!("was unable to place a task. Reason: {reason}"));
            }
            None
        } else if let Some(id) = on {
            let instance = self.cluster.instances.get(id).ok_or_else(|| placement::explain(&[]))?;
            if let Some(reason) = placement::refusal(self.cluster, instance, &request) {
                return Err(placement::explain(&[Miss { id: id.to_owned(), arn: instance.arn.clone(), reason }]));
            }
            Some(id.to_owned())
        } else {
            Some(placement::place(self.cluster, &request).map_err(|misses| placement::explain(&misses))?)
        };
        let fargate = launch_type == "FARGATE";
        let version = match spec.get("platformVersion").and_then(Value::as_str) {
            Some("LATEST") | None => "1.4.0",
            Some(version) => version,
        };
        let new = Launch {
            definition,
            launch_type: &launch_type,
            capacity_provider: self.provider(items(spec.get("capacityProviderStrategy"))),
            platform_version: fargate.then(|| version.to_owned()),
            instance,
            group: self.service.group.clone(),
            started_by: primary.to_owned(),
            service: Some((self.service.name.clone(), primary.to_owned())),
            overrides: Value::Null,
            network: spec.get("networkConfiguration"),
            tags: self.task_tags(definition),
            execute_command: spec.get("enableExecuteCommand") == Some(&json!(true)),
        };
        self.changed = true;
        Ok(launch(self.state, self.cluster, new, self.now))
    }

    /// The capacity provider that is furthest behind its base, then its weight.
    fn provider(&self, strategy: &[Value]) -> Option<String> {
        let count = |item: &Value| {
            let name = item["capacityProvider"].as_str();
            let tasks = self.tasks().filter(|task| task.is_wanted() && task.capacity_provider.as_deref() == name);
            i64::try_from(tasks.count()).unwrap_or(i64::MAX)
        };
        let behind_base = strategy.iter().find(|item| count(item) < item["base"].as_i64().unwrap_or(0));
        let by_weight = || {
            let weighted = strategy.iter().filter(|item| item["weight"].as_i64() > Some(0));
            weighted.min_by_key(|item| (count(item) + 1) * 1000 / item["weight"].as_i64().unwrap_or(1).max(1))
        };
        let chosen = behind_base.or_else(by_weight).or(strategy.first())?;
        chosen["capacityProvider"].as_str().map(str::to_owned)
    }

    fn task_tags(&self, definition: &Definition) -> Tags {
        let mut tags = match self.service.spec.get("propagateTags").and_then(Value::as_str) {
            Some("SERVICE") => self.service.tags.clone(),
            Some("TASK_DEFINITION") => definition.tags.clone(),
            _ => Tags::new(),
        };
        if self.service.spec.get("enableECSManagedTags") == Some(&json!(true)) {
            tags.insert("aws:ecs:clusterName".into(), self.cluster.name.clone());
            tags.insert("aws:ecs:serviceName".into(), self.service.name.clone());
        }
        tags
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
    use serde_json::{Value, json};

    use super::super::fixture::Fixture;

    fn edge() -> Fixture {
        let mut aws = Fixture::edge();
        aws.define("web", "nginx");
        aws
    }

    fn service(aws: &mut Fixture, change: Value) {
        let mut input = json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 2});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        aws.ok("CreateService", input);
    }

    fn events(service: &Value) -> String {
        let texts: Vec<&str> =
            service["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect();
        texts.join("\n")
    }

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
    fn new_definitions_roll_out() {
        let mut aws = edge();
        service(&mut aws, json!({}));
        aws.wait(60.0);
        aws.define("web", "nginx:2");
        aws.ok("UpdateService", json!({"cluster": "edge", "service": "s", "taskDefinition": "web:2"}));
        aws.wait(10.0);
        let during = aws.service("s");
        assert_eq!(during["deployments"].as_array().unwrap().len(), 2);
        assert_eq!(during["runningCount"], 4);
        aws.wait(120.0);
        let done = aws.service("s");
        assert_eq!(done["deployments"].as_array().unwrap().len(), 1);
        assert_eq!((&done["runningCount"], &done["deployments"][0]["rolloutState"]), (&json!(2), &json!("COMPLETED")));
    }

    #[test]
    fn what_cannot_be_placed_is_told() {
        let mut aws = edge();
        let port = json!({"name": "c", "image": "nginx", "memory": 64, "portMappings": [{"containerPort": 80, "hostPort": 80}]});
        aws.ok("RegisterTaskDefinition", json!({"family": "port", "containerDefinitions": [port]}));
        service(&mut aws, json!({"taskDefinition": "port", "desiredCount": 3}));
        aws.wait(100.0);
        let stuck = aws.service("s");
        assert_eq!(
            (&stuck["runningCount"], &stuck["deployments"][0]["rolloutState"]),
            (&json!(2), &json!("IN_PROGRESS"))
        );
        let told = events(&stuck);
        assert!(told.contains("is already using a port required by your task"), "{told}");
        assert!(told.matches("unable to place").count() <= 3, "{told}");
        let mut empty = Fixture::new();
        empty.ok("CreateCluster", json!({"clusterName": "edge"}));
        empty.define("web", "nginx");
        service(&mut empty, json!({}));
        empty.wait(5.0);
        assert!(events(&empty.service("s")).contains("No Container Instances were found in your cluster."));
    }

    #[test]
    fn the_circuit_breaker_rolls_back() {
        let mut aws = edge();
        let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
        service(&mut aws, json!({"deploymentConfiguration": breaker}));
        aws.wait(60.0);
        aws.define("web", "nginx:exit-1");
        aws.ok("UpdateService", json!({"cluster": "edge", "service": "s", "taskDefinition": "web:2"}));
        aws.wait(300.0);
        let done = aws.service("s");
        let told = events(&done);
        assert!(told.contains("deployment failed: tasks failed to start."), "{told}");
        assert!(told.contains("rolling back to deployment ecs-svc/"), "{told}");
        assert!(done["taskDefinition"].as_str().unwrap().ends_with("web:1"));
        assert_eq!((&done["runningCount"], &done["deployments"][0]["rolloutState"]), (&json!(2), &json!("COMPLETED")));
        let listed = aws.ok("ListServiceDeployments", json!({"cluster": "edge", "service": "s"}));
        assert_eq!(listed["serviceDeployments"][0]["status"], "ROLLBACK_SUCCESSFUL");
    }

    #[test]
    fn a_first_deployment_has_nothing_to_roll_back_to() {
        let mut aws = edge();
        aws.define("web", "nginx:does-not-exist");
        let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
        service(&mut aws, json!({"deploymentConfiguration": breaker}));
        aws.wait(300.0);
        let failed = aws.service("s");
        assert_eq!(failed["deployments"][0]["rolloutState"], "FAILED");
        assert!(events(&failed).contains("no rollback candidate"));
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

    #[test]
    fn draining_moves_tasks() {
        let mut aws = edge();
        service(&mut aws, json!({}));
        aws.wait(60.0);
        let first = aws.instance("i-1");
        let drain = json!({"cluster": "edge", "containerInstances": [first], "status": "DRAINING"});
        aws.ok("UpdateContainerInstancesState", drain);
        aws.wait(120.0);
        let left = aws.ok("ListTasks", json!({"cluster": "edge", "containerInstance": first}));
        assert_eq!(left["taskArns"], json!([]));
        assert_eq!(aws.service("s")["runningCount"], 2);
    }

    #[test]
    fn daemons_run_on_each_instance() {
        let mut aws = edge();
        let input =
            json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "schedulingStrategy": "DAEMON"});
        aws.ok("CreateService", input);
        aws.wait(60.0);
        let running = aws.service("s");
        assert_eq!((&running["desiredCount"], &running["runningCount"]), (&json!(2), &json!(2)));
        aws.ok("RegisterContainerInstance", super::super::fixture::registration("i-3", &[]));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["runningCount"], 3);
        aws.ok("DeleteService", json!({"cluster": "edge", "service": "s"}));
        aws.wait(10.0);
        assert_eq!(aws.service("s")["status"], "INACTIVE");
    }

    #[test]
    fn external_services_stay_on_external_instances() {
        let mut aws = edge();
        service(&mut aws, json!({"launchType": "EXTERNAL", "desiredCount": 1}));
        aws.wait(10.0);
        assert_eq!(aws.service("s")["runningCount"], 0);
        aws.ok("RegisterContainerInstance", super::super::fixture::registration("mi-1", &["ecs.capability.external"]));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["runningCount"], 1);
        assert_eq!(aws.service("s")["deployments"][0]["rolloutState"], "COMPLETED");
    }

    #[test]
    fn fargate_needs_no_instances() {
        let mut aws = Fixture::new();
        aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        aws.ok(
            "RegisterTaskDefinition",
            json!({
                "family": "fg", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"],
                "containerDefinitions": [{"name": "c", "image": "nginx"}],
            }),
        );
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        service(&mut aws, json!({"taskDefinition": "fg", "launchType": "FARGATE", "networkConfiguration": network}));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["deployments"][0]["rolloutState"], "COMPLETED");
    }
}
