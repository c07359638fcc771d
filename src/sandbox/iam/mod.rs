//! TODO
use serde::{Deserialize, Serialize};
use super::Operation;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Iam {}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[];

/// The ARN of an instance profile by name or ARN, when it exists and is `seconds` old (in AWS's time) at `now`:
/// EC2 accepts a fresh profile only after a while.
pub(super) fn usable_profile(_state: &super::state::State, _name_or_arn: &str, _now: jiff::Timestamp) -> Option<String> { None }

/// Whether the role in an instance profile (by ARN) may call `action` (`ecs:RegisterContainerInstance`).
pub(super) fn profile_allows(_state: &super::state::State, _profile_arn: &str, _action: &str) -> bool { false }

/// Whether a role of this ARN exists.
pub(super) fn role_exists(_state: &super::state::State, _role_arn: &str) -> bool { false }
