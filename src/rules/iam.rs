//! IAM: roles and policies.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Roles and policies", rules: &[], left_out: &[] };
