//! DEP: container dependencies.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Container dependencies", rules: &[], left_out: &[] };
