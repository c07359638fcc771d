//! PLC: placement.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Placement", rules: &[], left_out: &[] };
