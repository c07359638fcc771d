//! IAM: roles and policies.

mod documents;
mod external;
mod quotas;
mod roles;
mod trust;
mod workloads;

use super::{Check, Declared, Group, Hits, Node, Rule};

pub(super) static GROUP: Group = Group {
    title: "Roles and policies",
    rules: &[workloads::RULES, trust::RULES, documents::RULES, quotas::RULES, roles::RULES, external::RULES],
    left_out: &[("IAM-06", "there is no kind for repositories and their policies, so nothing tells whom they let in")],
};
