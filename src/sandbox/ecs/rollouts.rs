//! Service deployments and revisions: the record of what was rolled out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::clusters::active;
use super::paging::{listed, page};
use super::services::Service;
use super::shapes::Input;
use super::{epoch, errors};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// One service deployment with the revision that it brought.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Rollout {
    pub(super) arn: String,
    /// The ARN of the revision.
    pub(super) revision: String,
    /// The revision before.
    pub(super) source: Option<String>,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) failures: i64,
    /// What the revision consists of.
    pub(super) members: Map<String, Value>,
}

impl Rollout {
    fn brief(&self, service: &Service) -> Value {
        let mut shown = json!({
            "serviceDeploymentArn": self.arn,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "startedAt": epoch(self.created_at),
            "createdAt": epoch(self.created_at),
            "targetServiceRevisionArn": self.revision,
            "status": self.status,
        });
        if let Some(at) = self.finished_at {
            shown["finishedAt"] = epoch(at);
        }
        if let Some(reason) = &self.reason {
            shown["statusReason"] = json!(reason);
        }
        shown
    }

    fn full(&self, service: &Service) -> Value {
        let mut shown = self.brief(service);
        if let Some(shown) = shown.as_object_mut() {
            shown.shift_remove("targetServiceRevisionArn");
        }
        let source: Vec<Value> = self.source.iter().map(|arn| json!({"arn": arn})).collect();
        let configuration = service.spec.get("deploymentConfiguration").cloned().unwrap_or_default();
        let enabled = configuration["deploymentCircuitBreaker"]["enable"] == true;
        let breaker = match self.status.as_str() {
            _ if !enabled => "DISABLED",
            "IN_PROGRESS" => "MONITORING",
            "SUCCESSFUL" | "STOPPED" => "MONITORING_COMPLETE",
            _ => "TRIGGERED",
        };
        shown["updatedAt"] = epoch(self.finished_at.unwrap_or(self.created_at));
        shown["sourceServiceRevisions"] = json!(source);
        shown["targetServiceRevision"] = json!({"arn": self.revision, "requestedTaskCount": service.desired});
        shown["deploymentConfiguration"] = configuration;
        shown["deploymentCircuitBreaker"] =
            json!({"status": breaker, "failureCount": self.failures, "threshold": service.threshold()});
        shown
    }
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let service = cluster.find_service(input.text("service").unwrap_or("")).ok_or_else(errors::service_not_found)?;
    let statuses = input.texts("status");
    let time = |member: &str| input.get("createdAt").and_then(|range| range[member].as_f64());
    let wanted = |rollout: &&Rollout| {
        let created = rollout.created_at.as_millisecond() as f64 / 1000.0;
        (statuses.is_empty() || statuses.contains(&rollout.status.as_str()))
            && time("after").is_none_or(|after| created >= after)
            && time("before").is_none_or(|before| created <= before)
    };
    let newest_first: Vec<&Rollout> = service.rollouts.iter().rev().filter(wanted).collect();
    let arns = newest_first.iter().map(|rollout| rollout.arn.clone()).collect();
    let (arns, next) = page(&input, arns, 20, 100)?;
    let shown: Vec<Value> = newest_first
        .iter()
        .filter(|rollout| arns.contains(&rollout.arn))
        .map(|rollout| rollout.brief(service))
        .collect();
    Ok(listed("serviceDeployments", shown, next))
}

/// Describes what the ARNs of a member name; `show` picks it from a service.
fn describe(
    state: &mut State,
    call: &Call,
    (asked, answered): (&str, &str),
    show: impl Fn(&Service, &Rollout, &str) -> Option<Value>,
) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let wanted = input.texts(asked);
    if wanted.is_empty() || wanted.len() > 20 {
        return Err(errors::invalid(format!("{asked} must have between 1 and 20 elements.")));
    }
    let services: Vec<&Service> = state.ecs.clusters.values().flat_map(|cluster| cluster.services.values()).collect();
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in wanted {
        let mut shown = services
            .iter()
            .flat_map(|service| service.rollouts.iter().filter_map(|rollout| show(service, rollout, arn)));
        match shown.next() {
            Some(shown) => found.push(shown),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    let mut answer = json!({"failures": failures});
    answer[answered] = Value::Array(found);
    Ok(answer)
}

pub(super) fn describe_deployments(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    describe(state, call, ("serviceDeploymentArns", "serviceDeployments"), |service, rollout, arn| {
        (rollout.arn == arn).then(|| rollout.full(service))
    })
}

pub(super) fn describe_revisions(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    describe(state, call, ("serviceRevisionArns", "serviceRevisions"), |service, rollout, arn| {
        (rollout.revision == arn).then(|| {
            let mut shown = rollout.members.clone();
            shown.insert("serviceRevisionArn".into(), json!(rollout.revision));
            shown.insert("serviceArn".into(), json!(service.arn));
            shown.insert("clusterArn".into(), json!(service.cluster_arn));
            shown.insert("createdAt".into(), epoch(rollout.created_at));
            Value::Object(shown)
        })
    })
}
