//! What `--output json` prints: one shape a command, each with a schema below `schemas/output/`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::address::Address;
use crate::apply::{Event, Outcome};
use crate::aws::AuditLine;
use crate::desired::compare::Difference;
use crate::diagnostic::Severity;
use crate::diagnostic::machine::JsonDiagnostic;
use crate::hosts::cost::Cost;
use crate::hosts::endpoints::Endpoints;
use crate::kinds::{Place, Readiness};
use crate::plan::saved::SavedPlan;
use crate::plan::{Change, Plan, Refusal};
use crate::rules::Rule;

/// The version of every shape here. A change that could break a reader raises it.
pub const FORMAT_VERSION: u32 = 1;

/// `lint`: everything that was found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LintOutput<'a> {
    pub(super) format_version: u32,
    pub(super) findings: Vec<JsonDiagnostic<'a>>,
}

/// `lint --rules`: the rule book.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RulesOutput {
    pub(super) format_version: u32,
    pub(super) rules: Vec<RuleOutput>,
}

/// A rule; also what `lint --explain` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleOutput {
    id: &'static str,
    severity: Severity,
    title: &'static str,
    why: &'static str,
    source: &'static str,
    /// Manifests with exactly this finding.
    bad: &'static str,
    /// The same without a finding.
    good: &'static str,
}

impl RuleOutput {
    pub(super) fn new(rule: &'static Rule) -> Self {
        let Rule { id, severity, title, why, source, bad, good, .. } = rule;
        Self { id, severity: *severity, title, why, source, bad: bad.trim(), good: good.trim() }
    }
}

/// `apply` and `destroy`: what was planned, what came of it, and what a second plan still found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplyOutput<'a> {
    pub(super) format_version: u32,
    pub(super) plan: &'a Plan,
    pub(super) outcome: &'a Outcome,
    /// Whether planning again found nothing.
    pub(super) converged: bool,
    /// What planning again found; absent when it was not asked.
    pub(super) left: Option<Vec<&'a Change>>,
    /// Why planning again failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<ErrorOutput<'a>>,
}

/// `diff`: what changed in the declarations.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiffOutput<'a> {
    pub(super) format_version: u32,
    pub(super) base: &'a str,
    pub(super) changes: &'a [Difference],
}

/// `status`: what exists, and whether it is ready.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusOutput<'a> {
    pub(super) format_version: u32,
    pub(super) place: &'a Place,
    pub(super) objects: Vec<StatusObject<'a>>,
}

/// An object; one that is missing has neither id nor readiness.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusObject<'a> {
    pub(super) address: &'a Address,
    pub(super) id: Option<&'a str>,
    pub(super) readiness: Option<&'a Readiness>,
    /// What else there is to know: when an activation expires, and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) says: Option<&'a str>,
}

/// `host endpoints`: what the hosts of a stack must reach.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostEndpointsOutput<'a> {
    pub(super) format_version: u32,
    #[serde(flatten)]
    pub(super) endpoints: &'a Endpoints,
}

/// `host cost`: what the declared hosts cost.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostCostOutput<'a> {
    pub(super) format_version: u32,
    #[serde(flatten)]
    pub(super) cost: &'a Cost,
}

/// Any command that failed before it had a result.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailureOutput<'a> {
    pub(super) format_version: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<JsonDiagnostic<'a>>,
    #[serde(skip_serializing_if = "<[Refusal]>::is_empty")]
    pub(super) refusals: &'a [Refusal],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<ErrorOutput<'a>>,
}

/// A call that failed, or something that was asked and is not possible.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorOutput<'a> {
    /// `ec2:CreateSubnet`; absent when no call was made.
    pub(super) operation: Option<&'a str>,
    /// AWS's code.
    pub(super) code: Option<&'a str>,
    pub(super) message: &'a str,
    pub(super) help: Option<String>,
}

/// The schemas by name, for `schemas/output/`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("apply", schema::<ApplyOutput<'_>>()),
        ("audit", schema::<AuditLine>()),
        ("diff", schema::<DiffOutput<'_>>()),
        ("event", schema::<Event>()),
        ("failure", schema::<FailureOutput<'_>>()),
        ("host-cost", schema::<HostCostOutput<'_>>()),
        ("host-endpoints", schema::<HostEndpointsOutput<'_>>()),
        ("lint", schema::<LintOutput<'_>>()),
        ("plan", schema::<Plan>()),
        ("rules", schema::<RulesOutput>()),
        ("saved-plan", schema::<SavedPlan>()),
        ("status", schema::<StatusOutput<'_>>()),
    ]
}

/// Of what is written, where a member that is left out when empty is not required.
fn schema<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}
