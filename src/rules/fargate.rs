//! FG: Fargate.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Fargate", rules: &[], left_out: &[] };
