//! Deleting a VPC, and finding out what is left in it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Tag};

use super::spec::VpcSpec;
use crate::aws::ec2::tags_of;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{Blocker, Fate, Found, Progress, STACK_TAG, interfaces};

pub(super) async fn delete(aws: &Aws, live: &Found<VpcSpec>) -> Result<Progress, Fault> {
    aws.ec2().delete_vpc().vpc_id(&live.id).send().await.map_err(fault("ec2:DeleteVpc"))?;
    Ok(Progress::Done)
}

/// What is in it, which somebody else put there or which is on its way out.
pub(super) async fn blockers(aws: &Aws, live: &Found<VpcSpec>) -> Result<Vec<Blocker>, Fault> {
    let filter = |name: &str| Filter::builder().name(name).values(&live.id).build();
    let ec2 = aws.ec2();
    let (subnets, gateways, tables, groups) = (
        ec2.describe_subnets().filters(filter("vpc-id")).into_paginator().items().send(),
        ec2.describe_internet_gateways().filters(filter("attachment.vpc-id")).into_paginator().items().send(),
        ec2.describe_route_tables().filters(filter("vpc-id")).into_paginator().items().send(),
        ec2.describe_security_groups().filters(filter("vpc-id")).into_paginator().items().send(),
    );
    let subnets = subnets.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeSubnets"))?;
    let gateways = gateways.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeInternetGateways"))?;
    let tables = tables.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeRouteTables"))?;
    let groups = groups.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeSecurityGroups"))?;
    // The main table and the default group go with the VPC.
    let is_main =
        |table: &aws_sdk_ec2::types::RouteTable| table.associations().iter().any(|one| one.main() == Some(true));
    let mut inside = Inside { tags: &live.tags, blockers: Vec::new() };
    subnets.iter().for_each(|one| inside.add("subnet", one.subnet_id(), one.tags()));
    gateways.iter().for_each(|one| inside.add("internet gateway", one.internet_gateway_id(), one.tags()));
    let tables = tables.iter().filter(|table| !is_main(table));
    tables.for_each(|one| inside.add("route table", one.route_table_id(), one.tags()));
    let groups = groups.iter().filter(|group| group.group_name() != Some("default"));
    groups.for_each(|one| inside.add("security group", one.group_id(), one.tags()));
    // Whoever may not list endpoints is told the rest: the ones with interfaces are named by those.
    let endpoints = ec2.describe_vpc_endpoints().filters(filter("vpc-id")).into_paginator().items().send();
    for one in endpoints.collect::<Result<Vec<_>, _>>().await.unwrap_or_default() {
        inside.add("endpoint", one.vpc_endpoint_id(), one.tags());
    }
    let mut blockers = inside.blockers;
    blockers.extend(interfaces::holders(aws, "vpc-id", &live.id, &live.tags).await?);
    Ok(blockers)
}

struct Inside<'a> {
    /// Those of the VPC.
    tags: &'a BTreeMap<String, String>,
    blockers: Vec<Blocker>,
}

impl Inside<'_> {
    fn add(&mut self, what: &str, id: Option<&str>, tags: &[Tag]) {
        let stack = self.tags.get(STACK_TAG).map_or("", String::as_str);
        let what = format!("{what} {}", id.unwrap_or_default());
        self.blockers.push(Blocker::new(what, Fate::of(&tags_of(tags), stack)));
    }
}
