//! CP, ASG, LT: capacity providers, Auto Scaling groups, launch templates.

use super::Group;

pub(super) static GROUP: Group =
    Group { title: "Capacity providers, Auto Scaling groups, launch templates", rules: &[], left_out: &[] };
