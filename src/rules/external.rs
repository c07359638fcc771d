//! EXT: ECS Anywhere.

use super::Group;

pub(super) static GROUP: Group = Group { title: "ECS Anywhere", rules: &[], left_out: &[] };
