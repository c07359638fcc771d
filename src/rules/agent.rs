//! AGT: container instances and their agent.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Container instances and their agent", rules: &[], left_out: &[] };
