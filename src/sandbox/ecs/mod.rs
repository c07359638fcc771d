//! TODO
use serde::{Deserialize, Serialize};
use super::Operation;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ecs {}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[];

pub(super) fn advance(_state: &mut super::state::State, _now: jiff::Timestamp) -> bool { false }
