//! AGT: container instances and their agent.

mod capabilities;
mod cluster;
mod known;
mod scripts;
mod settings;

use super::{Check, Declared, Group, Hits, Node, Rule};

pub(super) static GROUP: Group = Group {
    title: "Container instances and their agent",
    rules: &[cluster::RULES, settings::RULES, scripts::RULES, capabilities::RULES],
    left_out: &[
        ("AGT-01", "needs what only AWS knows: the version of each agent (phase 1)"),
        (
            "AGT-10",
            "cannot happen: a change of userData or ecsConfig is a new instance in farpost's plan, which says so",
        ),
    ],
};
