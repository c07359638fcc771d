//! TODO
use serde::{Deserialize, Serialize};
use super::Operation;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Iam {}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[];
