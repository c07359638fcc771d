//! Deployments: what a service rolls out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::epoch;
use super::rollouts::Rollout;
use super::services::Service;
use crate::sandbox::state::State;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Deployment {
    /// `ecs-svc/` and nineteen digits.
    pub(super) id: String,
    /// The members of the service that it rolls out.
    pub(super) members: Map<String, Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
    pub(super) failed: i64,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    pub(super) state: String,
    pub(super) reason: String,
}

/// What belongs to a deployment rather than to the service.
pub(super) const MEMBERS: &[&str] = &[
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "platformFamily",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// What only revisions tell, besides.
const REVISION_MEMBERS: &[&str] = &["gatewayConnectors", "monitoring"];

impl Deployment {
    pub(super) fn definition(&self) -> &str {
        self.members.get("taskDefinition").and_then(Value::as_str).unwrap_or("")
    }

    pub(super) fn show(&self, status: &str) -> Value {
        let mut shown = self.members.clone();
        for member in ["loadBalancers", "serviceRegistries"] {
            shown.shift_remove(member);
        }
        if shown.get("platformVersion") == Some(&json!("LATEST")) {
            shown.insert("platformVersion".into(), json!("1.4.0"));
        }
        let more = json!({
            "id": self.id,
            "status": status,
            "failedTasks": self.failed,
            "createdAt": epoch(self.created_at),
            "updatedAt": epoch(self.updated_at),
            "rolloutState": self.state,
            "rolloutStateReason": self.reason,
        });
        shown.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(shown)
    }

    /// Changes the state of the rollout.
    pub(super) fn settle(&mut self, state: &str, reason: String, now: Timestamp) {
        self.state = state.to_owned();
        self.reason = reason;
        self.updated_at = now;
    }
}

impl Service {
    /// Starts a deployment of what the service is now.
    pub(super) fn deploy(&mut self, state: &mut State, now: Timestamp) {
        let digits = u64::from_str_radix(&state.hex(15), 16).unwrap_or(0);
        let id = format!("ecs-svc/{digits:019}");
        let of = |names: &[&str]| -> Map<String, Value> {
            names.iter().filter_map(|name| Some(((*name).to_owned(), self.spec.get(*name)?.clone()))).collect()
        };
        let members = of(MEMBERS);
        let mut revision_members = members.clone();
        revision_members.extend(of(REVISION_MEMBERS));
        let path = self.arn.rsplit_once(":service/").map_or("", |(_, path)| path).to_owned();
        let rollout_id = state.hex(21);
        let source = self.rollouts.last().map(|rollout| rollout.revision.clone());
        if let Some(last) = self.rollouts.last_mut().filter(|last| last.status == "IN_PROGRESS") {
            last.status = "STOPPED".into();
            last.reason = Some("A newer deployment replaced this one.".into());
            last.finished_at = Some(now);
        }
        self.rollouts.push(Rollout {
            arn: state.arn("ecs", &format!("service-deployment/{path}/{rollout_id}")),
            revision: state.arn("ecs", &format!("service-revision/{path}/{digits:019}")),
            source,
            status: "IN_PROGRESS".into(),
            reason: None,
            created_at: now,
            finished_at: None,
            failures: 0,
            members: revision_members,
        });
        let deployment = Deployment {
            reason: format!("ECS deployment {id} in progress."),
            id,
            members,
            created_at: now,
            updated_at: now,
            failed: 0,
            state: "IN_PROGRESS".into(),
        };
        self.deployments.insert(0, deployment);
        self.steady = false;
        self.failures = 0;
        self.retry_at = Some(now);
        self.complained_at = None;
    }

    /// Consecutive failures at which the circuit breaker opens.
    pub(super) fn threshold(&self) -> i64 {
        let breaker = &self.spec.get("deploymentConfiguration").unwrap_or(&Value::Null)["deploymentCircuitBreaker"];
        let configuration = &breaker["thresholdConfiguration"];
        let value = configuration["value"].as_i64().unwrap_or(50);
        let share = (self.desired * value + 99) / 100;
        match configuration["type"].as_str().unwrap_or("") {
            "COUNT" => value.max(1),
            "UNBOUNDED_PERCENT" => share.max(1),
            _ => share.clamp(3, 200),
        }
    }

    /// Percentages are for rolling deployments; the others start all new tasks beside the old ones.
    pub(super) fn percent(&self, member: &str) -> i64 {
        if self.strategy() != "ROLLING" {
            return if member == "maximumPercent" { 200 } else { 100 };
        }
        self.spec.get("deploymentConfiguration").and_then(|configuration| configuration[member].as_i64()).unwrap_or(100)
    }

    /// How it deploys.
    pub(super) fn strategy(&self) -> &str {
        let configuration = self.spec.get("deploymentConfiguration").unwrap_or(&Value::Null);
        configuration["strategy"].as_str().unwrap_or("ROLLING")
    }

    pub(super) fn breaker(&self, member: &str) -> bool {
        let configuration = self.spec.get("deploymentConfiguration").unwrap_or(&Value::Null);
        configuration["deploymentCircuitBreaker"][member] == true
    }
}
