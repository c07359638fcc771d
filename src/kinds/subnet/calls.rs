//! The calls that a subnet needs.

use aws_sdk_ec2::operation::modify_subnet_attribute::builders::ModifySubnetAttributeFluentBuilder as Modify;
use aws_sdk_ec2::types::{AttributeBooleanValue, HostnameType as SdkHostnameType, ResourceType};

use super::lower::lower;
use super::spec::{HostnameType, SubnetSpec};
use crate::aws::ec2::{filter, tag_specification};
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{Blocker, Changed, Found, Progress, Scope, Target, interfaces};

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<SubnetSpec>>, Fault> {
    let pages = aws.ec2().describe_subnets().filters(filter(scope, "subnet-id")).into_paginator().items().send();
    let subnets = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeSubnets"))?;
    Ok(subnets.iter().map(lower).collect())
}

pub(super) async fn create(aws: &Aws, target: &Target<SubnetSpec>) -> Result<String, Fault> {
    let spec = &target.spec;
    let call = || {
        aws.ec2()
            .create_subnet()
            .vpc_id(&spec.vpc_id)
            .cidr_block(&spec.cidr_block)
            .set_availability_zone(spec.availability_zone.clone())
            .set_availability_zone_id(spec.availability_zone_id.clone())
            .set_outpost_arn(spec.outpost_arn.clone())
            .tag_specifications(tag_specification(ResourceType::Subnet, &target.tags))
    };
    let answer = aws.eventually(|| async { call().send().await.map_err(fault("ec2:CreateSubnet")) }).await?;
    Ok(answer.subnet().and_then(|subnet| subnet.subnet_id()).unwrap_or_default().to_owned())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<SubnetSpec>,
    live: &Found<SubnetSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    for change in changes(&target.full, changed) {
        let call = || change(aws.ec2().modify_subnet_attribute().subnet_id(&live.id));
        aws.eventually(|| async { call().send().await.map_err(fault("ec2:ModifySubnetAttribute")) }).await?;
    }
    Ok(Progress::Done)
}

/// One call for each attribute.
fn changes<'a>(full: &'a SubnetSpec, changed: &Changed) -> Vec<Box<dyn Fn(Modify) -> Modify + Send + Sync + 'a>> {
    let flag = |value: Option<bool>| AttributeBooleanValue::builder().value(value.unwrap_or_default()).build();
    let mut calls: Vec<Box<dyn Fn(Modify) -> Modify + Send + Sync>> = Vec::new();
    if changed.has("mapPublicIpOnLaunch") {
        calls.push(Box::new(move |call| call.map_public_ip_on_launch(flag(full.map_public_ip_on_launch))));
    }
    if changed.has("mapCustomerOwnedIpOnLaunch") || changed.has("customerOwnedIpv4Pool") {
        calls.push(Box::new(move |call| {
            call.map_customer_owned_ip_on_launch(flag(full.map_customer_owned_ip_on_launch))
                .set_customer_owned_ipv4_pool(full.customer_owned_ipv4_pool.clone())
        }));
    }
    if changed.has("enableDns64") {
        calls.push(Box::new(move |call| call.enable_dns64(flag(full.enable_dns64))));
    }
    if changed.has("enableLniAtDeviceIndex") {
        calls.push(Box::new(move |call| match full.enable_lni_at_device_index {
            Some(index) => call.enable_lni_at_device_index(index),
            None => call.disable_lni_at_device_index(flag(Some(true))),
        }));
    }
    let Some(options) = &full.private_dns_name_options_on_launch else { return calls };
    let path = |member: &str| format!("privateDnsNameOptionsOnLaunch.{member}");
    if changed.has(&path("hostnameType")) {
        calls.push(Box::new(move |call| {
            call.private_dns_hostname_type_on_launch(match options.hostname_type {
                Some(HostnameType::ResourceName) => SdkHostnameType::ResourceName,
                Some(HostnameType::IpName) | None => SdkHostnameType::IpName,
            })
        }));
    }
    if changed.has(&path("enableResourceNameDnsARecord")) {
        calls.push(Box::new(move |call| {
            call.enable_resource_name_dns_a_record_on_launch(flag(options.enable_resource_name_dns_a_record))
        }));
    }
    if changed.has(&path("enableResourceNameDnsAAAARecord")) {
        calls.push(Box::new(move |call| {
            call.enable_resource_name_dns_aaaa_record_on_launch(flag(options.enable_resource_name_dns_aaaa_record))
        }));
    }
    calls
}

pub(super) async fn delete(aws: &Aws, live: &Found<SubnetSpec>) -> Result<Progress, Fault> {
    aws.ec2().delete_subnet().subnet_id(&live.id).send().await.map_err(fault("ec2:DeleteSubnet"))?;
    Ok(Progress::Done)
}

/// Whatever has an address in it.
pub(super) async fn blockers(aws: &Aws, live: &Found<SubnetSpec>) -> Result<Vec<Blocker>, Fault> {
    interfaces::holders(aws, "subnet-id", &live.id, &live.tags).await
}
