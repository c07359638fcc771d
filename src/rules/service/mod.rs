//! SVC, TSK: services and one-off tasks.

mod connect;
mod deployments;
mod rolling;
#[cfg(test)]
mod rolling_tests;
mod shape;
mod tasks;

use super::Group;
use super::of_plan::SIZES;

pub(super) static GROUP: Group = Group {
    title: "Services and one-off tasks",
    rules: &[shape::RULES, rolling::RULES, deployments::RULES, connect::RULES, tasks::RULES, SIZES],
    left_out: &[
        ("SVC-11", "needs what only AWS knows: the CPU and memory that the instances register (phase 1)"),
        ("SVC-21", "no mistake of the manifests: apply waits until the old service of the name is gone"),
        (
            "SVC-22",
            "true of nearly every service at the edge, which has no load balancer by design: a finding on each would be \
             noise",
        ),
        ("SVC-23", "SVC-05 finds every such service, as AWS refuses 100 and 100"),
        ("SVC-24", "a matter of changes and not of manifests: the plan says that the service is replaced, and why"),
        (
            "SVC-26",
            "a matter of changes and not of manifests: farpost forces the deployment, or the plan says which tasks keep \
             the old value",
        ),
    ],
};
