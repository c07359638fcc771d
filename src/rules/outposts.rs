//! OUT: Outposts.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Outposts", rules: &[], left_out: &[] };
