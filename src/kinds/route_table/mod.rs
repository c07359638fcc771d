//! A route table with its routes and the subnets that it serves.
//!
//! A table can be the VPC's main one; when it is not to be any more, or goes, the table that AWS made with the VPC is
//! that again, or a new one like it when that has got routes of somebody's. Routes and subnets are owned whole: one
//! that is not declared goes. What AWS puts there itself is nobody's: the local routes, those that a virtual private
//! gateway or a route server announces, and those of gateway endpoints.
//! A route whose target is gone (`blackhole`) is lowered with its state, which no manifest can say, so it differs.

mod calls;
mod lower;
mod spec;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::spec::{Route, RouteTableSpec};
use super::{About, Blocker, Changed, Found, Kind, Place, Progress, Scope, Target};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct RouteTable;

impl Kind for RouteTable {
    type Spec = RouteTableSpec;

    const ABOUT: About = About {
        kind: "RouteTable",
        summary: "Where packets that leave a subnet go: to the internet, to your building, to another network.",
        id_prefix: Some("rtb-"),
        attributes: &[("id", "The id: rtb-…")],
        replace: &["vpcId"],
        tagged_as: Some("ec2:route-table"),
        // An association goes with its subnet, and a new subnet gets a new one.
        lets_go_of: &["Subnet"],
        calls: &[
            "ec2:CreateRouteTable",
            "ec2:DescribeRouteTables",
            "ec2:CreateRoute",
            "ec2:ReplaceRoute",
            "ec2:DeleteRoute",
            "ec2:AssociateRouteTable",
            "ec2:ReplaceRouteTableAssociation",
            "ec2:DisassociateRouteTable",
            "ec2:DeleteRouteTable",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        ..About::DEFAULT
    };

    fn accept(spec: &mut Value) -> Vec<String> {
        spec::accept(spec)
    }

    fn normalise(spec: &mut RouteTableSpec, _: &Place) {
        spec.normalise();
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<RouteTableSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<RouteTableSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<RouteTableSpec>,
        live: &Found<RouteTableSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<RouteTableSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<RouteTableSpec>) -> Result<Vec<Blocker>, Fault> {
        calls::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<RouteTableSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ec2::retag(aws, &live.id, set, remove).await
    }
}
