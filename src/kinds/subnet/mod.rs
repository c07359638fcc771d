//! A subnet, in a zone of the Region or on an Outpost.
//!
//! EC2 takes one attribute a call, but for the two of customer-owned addresses, which must travel together.

mod calls;
mod lower;
mod spec;

use std::collections::BTreeMap;

pub use self::spec::SubnetSpec;
use super::{About, Blocker, Changed, Found, Kind, Others, Place, Progress, Scope, Target, Together};
use crate::aws::ec2::blocks_overlap;
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct Subnet;

impl Kind for Subnet {
    type Spec = SubnetSpec;

    const ABOUT: About = About {
        kind: "Subnet",
        summary: "A range of a VPC's addresses in one zone, or on one Outpost: instances in it run there.",
        id_prefix: Some("subnet-"),
        exclusive: &["vpcId", "cidrBlock"],
        attributes: &[
            ("id", "The id: subnet-…"),
            ("arn", "The ARN"),
            ("availabilityZone", "The zone by name: us-west-2a"),
        ],
        replace: &["vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "outpostArn"],
        unmanaged: &["availabilityZone", "availabilityZoneId"],
        held_by_users: true,
        tagged_as: Some("ec2:subnet"),
        calls: &[
            "ec2:CreateSubnet",
            "ec2:DescribeSubnets",
            "ec2:ModifySubnetAttribute",
            "ec2:DeleteSubnet",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeInstances",
            "ecs:ListClusters",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        ..About::DEFAULT
    };

    fn normalise(spec: &mut SubnetSpec, _: &Place) {
        spec.normalise();
    }

    fn together(_: &Found<SubnetSpec>, new: &SubnetSpec, others: &Others<'_>) -> Together {
        let overlaps = |old: &&Found| {
            old.spec["vpcId"] == *new.vpc_id
                && old.spec["cidrBlock"].as_str().is_some_and(|block| blocks_overlap(block, &new.cidr_block))
        };
        match others.survey.of("Subnet").iter().find(overlaps) {
            Some(old) => Together::No(format!("{} has addresses of its range", old.id)),
            None => Together::Yes,
        }
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<SubnetSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<SubnetSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<SubnetSpec>,
        live: &Found<SubnetSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<SubnetSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<SubnetSpec>) -> Result<Vec<Blocker>, Fault> {
        calls::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<SubnetSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ec2::retag(aws, &live.id, set, remove).await
    }
}
