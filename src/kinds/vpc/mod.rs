//! A VPC.
//!
//! AWS gives each new VPC a main route table, a default security group and a default network ACL; they go with the
//! VPC and are nobody's resources. `DescribeVpcs` leaves out three attributes, which cost a call each.

mod calls;
mod delete;
mod lower;
mod spec;

use std::collections::BTreeMap;

pub(crate) use self::spec::NO_IPV6;
pub use self::spec::VpcSpec;
use super::{About, Blocker, Changed, Found, Kind, Others, Place, Progress, Scope, Target, Together};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct Vpc;

impl Kind for Vpc {
    type Spec = VpcSpec;

    const ABOUT: About = About {
        kind: "Vpc",
        summary: "A virtual network in the Region, which subnets on an Outpost extend to your building.",
        id_prefix: Some("vpc-"),
        attributes: &[("id", "The id: vpc-…")],
        replace: &["cidrBlock", "instanceTenancy"],
        in_place: &[("instanceTenancy", "default")],
        // It costs a call for each VPC and plan, and changes nothing but a metric.
        unmanaged: &["enableNetworkAddressUsageMetrics"],
        held_by_users: true,
        tagged_as: Some("ec2:vpc"),
        calls: &[
            "ec2:CreateVpc",
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:ModifyVpcAttribute",
            "ec2:ModifyVpcTenancy",
            "ec2:DeleteVpc",
            "ec2:DescribeSubnets",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeInstances",
            "ecs:ListClusters",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ec2:DescribeVpcEndpoints",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        ..About::DEFAULT
    };

    fn normalise(spec: &mut VpcSpec, _: &Place) {
        spec.normalise();
    }

    fn together(_: &Found<VpcSpec>, _: &VpcSpec, _: &Others<'_>) -> Together {
        // A gateway is at one VPC at a time, and leaves it only when no public address is there any more.
        Together::No("nothing that is in it can move to another one by one".to_owned())
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<VpcSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<VpcSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<VpcSpec>,
        live: &Found<VpcSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<VpcSpec>) -> Result<Progress, Fault> {
        delete::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<VpcSpec>) -> Result<Vec<Blocker>, Fault> {
        delete::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<VpcSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ec2::retag(aws, &live.id, set, remove).await
    }
}
