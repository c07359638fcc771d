//! CloudWatch Logs: log groups, without the logs.

mod groups;
mod input;
mod listing;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::tags::Tags;
pub(super) use self::tags::{change_tags, tagged};
use super::Operation;
use super::state::State;
use super::wire::AwsError;

/// Everything that exists in CloudWatch Logs.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Logs {
    /// By name, in the order in which AWS lists them.
    groups: BTreeMap<String, LogGroup>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LogGroup {
    /// Without `:*`.
    arn: String,
    /// Milliseconds since 1970.
    created: i64,
    class: String,
    retention: Option<i64>,
    key: Option<String>,
    is_protected: bool,
    tags: Tags,
}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("CreateLogGroup", groups::create),
    ("DescribeLogGroups", listing::describe),
    ("DeleteLogGroup", groups::delete),
    ("PutRetentionPolicy", groups::put_retention),
    ("DeleteRetentionPolicy", groups::delete_retention),
    ("AssociateKmsKey", groups::associate_key),
    ("DisassociateKmsKey", groups::disassociate_key),
    ("PutLogGroupDeletionProtection", groups::put_protection),
    ("TagResource", tags::tag_resource),
    ("UntagResource", tags::untag_resource),
    ("ListTagsForResource", tags::list_tags),
];

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::invalid("InvalidParameterException", message)
}

/// The log group of a name, or of an ARN without `:*`.
fn find<'a>(state: &'a mut State, identifier: &str) -> Result<&'a mut LogGroup, AwsError> {
    let prefix = state.arn("logs", "log-group:");
    let name = identifier.strip_prefix(&prefix).unwrap_or(identifier);
    state
        .logs
        .groups
        .get_mut(name)
        .ok_or_else(|| AwsError::invalid("ResourceNotFoundException", "The specified log group does not exist."))
}
