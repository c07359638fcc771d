//! LEX, REF, NAM, TAG: references, names and tags.

use super::Group;

pub(super) static GROUP: Group = Group { title: "References, names and tags", rules: &[], left_out: &[] };
