//! The deployment circuit breaker: it gives a deployment up, and rolls back when it may.

use super::Turn;
use crate::sandbox::ecs::deployments::MEMBERS;

impl Turn<'_> {
    pub(super) fn break_circuit(&mut self) {
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
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{edge, events, service};

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
}
