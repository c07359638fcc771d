//! PORT, NET: ports and networks of tasks.

mod hosts;
mod mappings;
mod network;
mod ways;

use super::Group;

pub(super) static GROUP: Group = Group {
    title: "Ports and networks of tasks",
    rules: &[mappings::RULES, hosts::RULES, network::RULES, ways::RULES],
    left_out: &[
        ("NET-05", "NET-02 refuses it already: in these network modes a service can name no security group at all"),
        (
            "NET-08",
            "needs what only AWS knows: how many network interfaces an instance type has, and whether the account trunks them",
        ),
        ("NET-10", "needs what only AWS knows: whether the account has AWSServiceRoleForECS"),
    ],
};

#[cfg(test)]
mod tests;
