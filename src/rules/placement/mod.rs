//! PLC: placement.

mod attributes;
mod constraints;
mod strategies;

use super::workload::{all_runners, constraints_of};
use super::{Declared, Group, Node};

pub(super) static GROUP: Group = Group {
    title: "Placement",
    rules: &[constraints::RULES, strategies::RULES, attributes::RULES],
    left_out: &[(
        "PLC-11",
        "a matter of changes and not of manifests: other settings of the agent are another instance, and the plan says so",
    )],
};

/// Whether ECS or its agent sets the attribute, and nobody else may.
pub(in crate::rules) fn is_built_in(name: &str) -> bool {
    name.starts_with("ecs.") || name.starts_with("com.amazonaws.")
}

/// Everything that has placement constraints.
fn constrained<'a>(declared: &Declared<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    declared.of("TaskDefinition").chain(all_runners(declared))
}

/// The expressions of memberOf constraints.
pub(in crate::rules) fn expressions<'a>(node: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    constraints_of(node)
        .filter(|constraint| constraint.get("type").is("memberOf"))
        .map(|constraint| constraint.get("expression"))
        .filter(|expression| expression.is_given())
}
