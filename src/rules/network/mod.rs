//! VPC, SG, EC2, ECR, KEY, QTA: networks, instances, keys, images and quotas.

mod blocks;
mod gates;
mod groups;
mod instances;
mod keys;
mod quotas;
mod routes;
mod volumes;
mod vpcs;

use super::of_plan::REGISTRATIONS;
use super::{Check, Declared, Group, Hits, Node, Rule};

pub(super) static GROUP: Group = Group {
    title: "Networks, instances, keys, images and quotas",
    rules: &[
        vpcs::RULES,
        routes::RULES,
        groups::RULES,
        gates::RULES,
        quotas::RULES,
        instances::RULES,
        volumes::RULES,
        keys::RULES,
        REGISTRATIONS,
    ],
    left_out: &[
        (
            "EC2-02",
            "an Instance has one network interface, of subnetId and securityGroupIds: the wrong combination cannot be written",
        ),
        ("ECR-01", "no kind Repository yet, and an image's name does not tell whether its tag can move"),
        ("ECR-03", "no kind Repository yet"),
        ("QTA-01", "needs what only AWS knows: the account's quotas (phase 1)"),
    ],
};
