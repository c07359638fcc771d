//! FG: Fargate.

mod definitions;
mod runs;
pub(super) mod sizes;
mod versions;

use super::{Check, Declared, Group, Hits, Node, Rule};

pub(super) static GROUP: Group =
    Group { title: "Fargate", rules: &[sizes::RULES, definitions::RULES, runs::RULES, versions::RULES], left_out: &[] };
