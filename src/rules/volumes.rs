//! VOL, EFS: volumes.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Volumes", rules: &[], left_out: &[] };
