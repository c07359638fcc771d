//! How many tasks a service has too many or too few, and which of them go.

use super::Turn;
use crate::sandbox::ecs::placement;
use crate::sandbox::ecs::shapes::items;
use crate::sandbox::ecs::task_definitions::{Definition, find};
use crate::sandbox::ecs::task_life::Needs;

impl Turn<'_> {
    /// Starts and stops tasks.
    pub(super) fn scale(&mut self) {
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
        let new = self.tasks().filter(|task| task.is_wanted() && task.healthy && self.stays(task, primary)).count();
        if self.service.strategy() != "ROLLING" && size(new) < desired {
            // The traffic moves when the new colour is complete.
            spare = 0;
        }
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
        let is_still =
            self.tasks().filter(|task| task.last_status != "STOPPED").all(|task| task.is_wanted() && task.healthy);
        if size(current) < desired && wanted <= 0 && leaving.is_empty() && is_still && alive > 0 {
            self.complain(
                "was unable to stop or start tasks during a deployment because of the service deployment configuration. \
                 Update the minimumHealthyPercent or maximumPercent value and try again.",
            );
        }
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
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{edge, events, service};
    use crate::sandbox::ecs::fixture::registration;

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
    fn percentages_that_leave_no_room_are_told() {
        let mut aws = edge();
        let percentages = json!({"minimumHealthyPercent": 75, "maximumPercent": 125});
        service(&mut aws, json!({"deploymentConfiguration": percentages}));
        aws.wait(60.0);
        aws.define("web", "nginx:2");
        aws.ok("UpdateService", json!({"cluster": "edge", "service": "s", "taskDefinition": "web:2"}));
        aws.wait(200.0);
        let stuck = aws.service("s");
        assert_eq!((&stuck["runningCount"], &stuck["deployments"][0]["runningCount"]), (&json!(2), &json!(0)));
        assert!(events(&stuck).contains("because of the service deployment configuration"), "{}", events(&stuck));
        let percentages = json!({"minimumHealthyPercent": 50, "maximumPercent": 125});
        let update = json!({"cluster": "edge", "service": "s", "deploymentConfiguration": percentages});
        aws.ok("UpdateService", update);
        aws.wait(200.0);
        assert_eq!(aws.service("s")["deployments"][0]["rolloutState"], "COMPLETED");
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
        aws.ok("RegisterContainerInstance", registration("i-3", &[]));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["runningCount"], 3);
        aws.ok("DeleteService", json!({"cluster": "edge", "service": "s"}));
        aws.wait(10.0);
        assert_eq!(aws.service("s")["status"], "INACTIVE");
    }
}
