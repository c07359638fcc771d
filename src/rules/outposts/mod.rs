//! OUT: Outposts.

mod hosts;
mod room;
mod services;
mod subnets;

use super::{Check, Declared, Group, Hits, Node, Rule};

pub(super) static GROUP: Group = Group {
    title: "Outposts",
    rules: &[subnets::RULES, services::RULES, hosts::RULES, room::RULES],
    left_out: &[
        ("OUT-03", "needs what only AWS knows: whether the Outpost is active (phase 1)"),
        ("OUT-07", "needs what only AWS knows: the instance types of the Outpost (phase 1)"),
        ("OUT-08", "needs what only AWS knows: the free capacity of the Outpost (phase 1)"),
        ("OUT-16", "no kind LocalGatewayRouteTable yet, and a subnet does not tell the mode of its Outpost's"),
        ("OUT-17", "no kind LocalGatewayRouteTableVpcAssociation yet: who made it is not in the manifests"),
        ("OUT-19", "no kinds for the routes of a local gateway yet"),
        ("OUT-20", "no kind VpcEndpoint yet"),
        (
            "OUT-23",
            "spot requests and automatic recovery are no fields of an Instance, and AWS documents nothing else of it",
        ),
        ("OUT-24", "no kind for EFS yet"),
    ],
};
