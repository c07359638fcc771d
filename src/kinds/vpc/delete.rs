//! Deleting a VPC, and finding out what is left in it.

use aws_sdk_ec2::types::Filter;

use super::spec::VpcSpec;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Found, Progress, interfaces};

/// Deletes the VPC, or says what is in it, which somebody else put there or which is on its way out.
pub(super) async fn delete(aws: &Aws, live: &Found<VpcSpec>) -> Result<Progress, Fault> {
    let call = aws.ec2().delete_vpc().vpc_id(&live.id).send();
    let refused = match call.await.map_err(fault("ec2:DeleteVpc")) {
        Err(fault) if fault.cause == Cause::InUse => fault,
        answer => return answer.map(|_| Progress::Done),
    };
    let inside = inside(aws, &live.id).await?;
    Ok(Progress::Waiting(match inside[..] {
        [] => refused.message,
        _ => format!("held by {}", inside.join(", ")),
    }))
}

async fn inside(aws: &Aws, vpc: &str) -> Result<Vec<String>, Fault> {
    let filter = |name: &str| Filter::builder().name(name).values(vpc).build();
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
    let named = |what: &str, id: Option<&str>| format!("{what} {}", id.unwrap_or_default());
    let mut inside: Vec<String> = subnets.iter().map(|one| named("subnet", one.subnet_id())).collect();
    inside.extend(gateways.iter().map(|one| named("internet gateway", one.internet_gateway_id())));
    let tables = tables.iter().filter(|table| !is_main(table));
    inside.extend(tables.map(|one| named("route table", one.route_table_id())));
    let groups = groups.iter().filter(|group| group.group_name() != Some("default"));
    inside.extend(groups.map(|one| named("security group", one.group_id())));
    inside.extend(interfaces::holders(aws, "vpc-id", vpc).await?);
    Ok(inside)
}
