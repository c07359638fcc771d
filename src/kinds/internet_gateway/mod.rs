//! An internet gateway and its attachment to a VPC.
//!
//! The attachment is a field here, not an object of its own: a gateway that is attached to nothing does nothing, and
//! a VPC takes one gateway.

mod calls;
mod lower;
mod spec;

use std::collections::BTreeMap;

pub use self::spec::InternetGatewaySpec;
use super::{About, Blocker, Changed, Found, Kind, Progress, Scope, Target};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct InternetGateway;

impl Kind for InternetGateway {
    type Spec = InternetGatewaySpec;

    const ABOUT: About = About {
        kind: "InternetGateway",
        summary: "The way from a VPC to the internet and back, for addresses that are public.",
        // No prefix: routes refer to virtual private gateways (vgw-) in the same field.
        id_prefix: None,
        exclusive: &["vpcId"],
        attributes: &[("id", "The id: igw-…")],
        tagged_as: Some("ec2:internet-gateway"),
        calls: &[
            "ec2:CreateInternetGateway",
            "ec2:DescribeInternetGateways",
            "ec2:AttachInternetGateway",
            "ec2:DetachInternetGateway",
            "ec2:DeleteInternetGateway",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeInstances",
            "ecs:ListClusters",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        // Addresses that instances leave behind keep the gateway attached for a while.
        patience_minutes: 20,
        ..About::DEFAULT
    };

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<InternetGatewaySpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<InternetGatewaySpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<InternetGatewaySpec>,
        live: &Found<InternetGatewaySpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<InternetGatewaySpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<InternetGatewaySpec>) -> Result<Vec<Blocker>, Fault> {
        calls::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<InternetGatewaySpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ec2::retag(aws, &live.id, set, remove).await
    }
}
