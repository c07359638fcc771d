//! The calls that a VPC needs.

use aws_sdk_ec2::types::{
    self, AttributeBooleanValue, ResourceType, Tenancy as SdkTenancy, VpcAttributeName, VpcTenancy,
};
use futures_util::future::try_join_all;
use serde_json::Value;

use super::lower::{VpcAttributes, lower};
use super::spec::{Tenancy, VpcSpec};
use crate::aws::ec2::{filter, tag_specification, tags_of};
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{Changed, Found, Progress, Purpose, RESOURCE_TAG, Scope, Target};

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<VpcSpec>>, Fault> {
    let pages = aws.ec2().describe_vpcs().filters(filter(scope, "vpc-id")).into_paginator().items().send();
    let vpcs = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeVpcs"))?;
    try_join_all(vpcs.iter().map(|vpc| async {
        let id = vpc.vpc_id().unwrap_or_default();
        let metrics = async {
            if !declares_metrics(scope, vpc) {
                return Ok(None);
            }
            attribute(aws, id, VpcAttributeName::EnableNetworkAddressUsageMetrics).await.map(Some)
        };
        let (dns_support, dns_hostnames, usage_metrics) = tokio::try_join!(
            attribute(aws, id, VpcAttributeName::EnableDnsSupport),
            attribute(aws, id, VpcAttributeName::EnableDnsHostnames),
            metrics,
        )?;
        Ok(lower(vpc, VpcAttributes { dns_support, dns_hostnames, usage_metrics }))
    }))
    .await
}

/// Whether anybody wants to know of the metrics of this VPC: its manifest, or a deep read.
fn declares_metrics(scope: &Scope<'_>, vpc: &types::Vpc) -> bool {
    let tags = tags_of(vpc.tags());
    let name = tags.get(RESOURCE_TAG);
    let wanted = scope.wanted.iter().find(|wanted| name == Some(&wanted.address.to_string()));
    scope.purpose == Purpose::Deep
        || wanted
            .is_some_and(|wanted| wanted.spec.get("enableNetworkAddressUsageMetrics").is_some_and(Value::is_boolean))
}

async fn attribute(aws: &Aws, id: &str, name: VpcAttributeName) -> Result<bool, Fault> {
    let call = || aws.ec2().describe_vpc_attribute().vpc_id(id).attribute(name.clone()).send();
    let answer = aws.eventually(|| async { call().await.map_err(fault("ec2:DescribeVpcAttribute")) }).await?;
    let value = match name {
        VpcAttributeName::EnableDnsSupport => answer.enable_dns_support(),
        VpcAttributeName::EnableDnsHostnames => answer.enable_dns_hostnames(),
        _ => answer.enable_network_address_usage_metrics(),
    };
    Ok(value.and_then(AttributeBooleanValue::value).unwrap_or_default())
}

pub(super) async fn create(aws: &Aws, target: &Target<VpcSpec>) -> Result<String, Fault> {
    let spec = &target.spec;
    let answer = aws
        .ec2()
        .create_vpc()
        .cidr_block(&spec.cidr_block)
        .set_instance_tenancy(spec.instance_tenancy.map(|tenancy| match tenancy {
            Tenancy::Default => SdkTenancy::Default,
            Tenancy::Dedicated => SdkTenancy::Dedicated,
        }))
        .tag_specifications(tag_specification(ResourceType::Vpc, &target.tags))
        .send()
        .await
        .map_err(fault("ec2:CreateVpc"))?;
    Ok(answer.vpc().and_then(|vpc| vpc.vpc_id()).unwrap_or_default().to_owned())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<VpcSpec>,
    live: &Found<VpcSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let full = &target.full;
    // EC2 takes one attribute a call, and hostnames only after support.
    let attributes = [
        ("enableDnsSupport", full.enable_dns_support),
        ("enableDnsHostnames", full.enable_dns_hostnames),
        ("enableNetworkAddressUsageMetrics", full.enable_network_address_usage_metrics),
    ];
    // The other way round when support is switched off.
    let in_order: Vec<_> = if full.enable_dns_support == Some(false) {
        attributes.into_iter().rev().collect()
    } else {
        attributes.into_iter().collect()
    };
    for (name, value) in in_order {
        if changed.has(name) {
            modify(aws, &live.id, name, value.unwrap_or_default()).await?;
        }
    }
    if changed.has("instanceTenancy") {
        let call = aws.ec2().modify_vpc_tenancy().vpc_id(&live.id).instance_tenancy(VpcTenancy::Default);
        call.send().await.map_err(fault("ec2:ModifyVpcTenancy"))?;
    }
    Ok(Progress::Done)
}

async fn modify(aws: &Aws, id: &str, name: &str, value: bool) -> Result<(), Fault> {
    let value = Some(AttributeBooleanValue::builder().value(value).build());
    let call = || {
        let call = aws.ec2().modify_vpc_attribute().vpc_id(id);
        match name {
            "enableDnsSupport" => call.set_enable_dns_support(value.clone()),
            "enableDnsHostnames" => call.set_enable_dns_hostnames(value.clone()),
            _ => call.set_enable_network_address_usage_metrics(value.clone()),
        }
    };
    aws.eventually(|| async { call().send().await.map_err(fault("ec2:ModifyVpcAttribute")) }).await?;
    Ok(())
}
