//! EXT: ECS Anywhere.

mod activations;
mod hosts;
mod placing;
mod systems;
mod tasks;

use super::Group;

pub(super) static GROUP: Group = Group {
    title: "ECS Anywhere",
    rules: &[tasks::RULES, placing::RULES, hosts::RULES, systems::RULES, activations::RULES],
    left_out: &[
        (
            "EXT-07",
            "other rules say both parts: IAM-01 that awslogs wants an execution role here, IAM-05 that the hosts' role lacks \
             rights",
        ),
        ("EXT-08", "no mistake of the manifests: farpost never sends UpdateContainerAgent"),
        ("EXT-13", "needs the host: `farpost host check` looks there (phase 1)"),
        ("EXT-14", "needs the host: `farpost host check` tries every endpoint from there (phase 1)"),
        ("EXT-23", "a price is nothing to mend: `farpost host cost` tells it"),
    ],
};
