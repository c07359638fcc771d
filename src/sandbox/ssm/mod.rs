//! Systems Manager: parameters, hybrid activations and the nodes that registered with them.
//!
//! Nodes come by the admin call that plays a host's installer (`sandbox::hosts`): no operation of AWS's public API makes
//! one. EC2 instances are not among the nodes.

mod activations;
mod input;
mod nodes;
mod parameters;
mod put_parameter;
mod select;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use self::nodes::{Machine, Node, connect, register};
pub(super) use self::tags::{change_tags, tagged};
use super::Operation;
use super::state::State;
use super::wire::AwsError;

type Tags = BTreeMap<String, String>;

/// Everything that exists in Systems Manager beside the public parameters, which the world has.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Ssm {
    /// By id, deleted ones not among them.
    activations: BTreeMap<String, activations::Activation>,
    /// By `mi-...`.
    nodes: BTreeMap<String, Node>,
    /// By name. A parameter of the world's own moves here when something changes it.
    parameters: BTreeMap<String, parameters::Parameter>,
}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("CreateActivation", activations::create),
    ("DescribeActivations", activations::describe),
    ("DeleteActivation", activations::delete),
    ("DescribeInstanceInformation", nodes::describe),
    ("DeregisterManagedInstance", nodes::deregister),
    ("UpdateManagedInstanceRole", nodes::update_role),
    ("AddTagsToResource", tags::add),
    ("RemoveTagsFromResource", tags::remove),
    ("ListTagsForResource", tags::list),
    ("PutParameter", put_parameter::put),
    ("GetParameter", parameters::get_parameter),
    ("GetParameters", parameters::get_parameters),
    ("GetParametersByPath", parameters::get_parameters_by_path),
    ("DescribeParameters", select::describe_parameters),
    ("DeleteParameter", put_parameter::delete),
    ("DeleteParameters", put_parameter::delete_several),
];

/// Seconds since 1970, with milliseconds.
fn epoch(time: Timestamp) -> f64 {
    std::time::Duration::from_millis(u64::try_from(time.as_millisecond()).unwrap_or_default()).as_secs_f64()
}

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::invalid("ValidationException", message)
}

/// The ARN of a role that Systems Manager may give to nodes, by its name, which may have `service-role/` in front.
///
/// A role is seen a few seconds after it was made, as in AWS, where callers try again for that.
fn node_role(state: &State, name: &str, now: Timestamp) -> Result<String, AwsError> {
    super::iam::trusting_role(state, name, "ssm.amazonaws.com", now).ok_or_else(|| {
        let arn = state.arn("iam", &format!("role/{name}"));
        validation(format!("Nonexistent role or missing ssm service principal in trust policy: {arn}"))
    })
}
