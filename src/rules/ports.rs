//! PORT, NET: ports and networks of tasks.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Ports and networks of tasks", rules: &[], left_out: &[] };
