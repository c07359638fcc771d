//! SVC, TSK: services and one-off tasks.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Services and one-off tasks", rules: &[], left_out: &[] };
