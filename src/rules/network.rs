//! VPC, SG, EC2, ECR, KEY, QTA: networks, instances, keys, images and quotas.

use super::Group;

pub(super) static GROUP: Group =
    Group { title: "Networks, instances, keys, images and quotas", rules: &[], left_out: &[] };
