//! AS: auto scaling of services.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Auto scaling of services", rules: &[], left_out: &[] };
