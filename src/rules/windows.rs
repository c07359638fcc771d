//! WIN, GPU: Windows and GPUs.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Windows and GPUs", rules: &[], left_out: &[] };
