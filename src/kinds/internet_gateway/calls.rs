//! The calls that an internet gateway needs.

use aws_sdk_ec2::types::ResourceType;

use super::lower::lower;
use super::spec::InternetGatewaySpec;
use crate::aws::ec2::{filter, tag_specification};
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Blocker, Changed, Found, Progress, Scope, Target, interfaces};

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<InternetGatewaySpec>>, Fault> {
    let filter = filter(scope, "internet-gateway-id");
    let pages = aws.ec2().describe_internet_gateways().filters(filter).into_paginator().items().send();
    let gateways = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeInternetGateways"))?;
    Ok(gateways.iter().map(lower).collect())
}

pub(super) async fn create(aws: &Aws, target: &Target<InternetGatewaySpec>) -> Result<String, Fault> {
    let answer = aws
        .ec2()
        .create_internet_gateway()
        .tag_specifications(tag_specification(ResourceType::InternetGateway, &target.tags))
        .send()
        .await
        .map_err(fault("ec2:CreateInternetGateway"))?;
    Ok(answer.internet_gateway().and_then(|gateway| gateway.internet_gateway_id()).unwrap_or_default().to_owned())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<InternetGatewaySpec>,
    live: &Found<InternetGatewaySpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    if !changed.has("vpcId") {
        return Ok(Progress::Done);
    }
    if let Some(vpc) = &live.spec.vpc_id {
        match detach(aws, &live.id, vpc).await {
            Err(fault) if fault.cause == Cause::InUse => {
                return Ok(Progress::Waiting(format!("{vpc} does not let go: {}", fault.message)));
            }
            answer => answer?,
        }
    }
    let vpc = target.full.vpc_id.as_deref().unwrap_or_default();
    let call = || aws.ec2().attach_internet_gateway().internet_gateway_id(&live.id).vpc_id(vpc).send();
    match aws.eventually(|| async { call().await.map_err(fault("ec2:AttachInternetGateway")) }).await {
        // Attached by a call whose answer was lost, which the next read shows, or not yet detached from elsewhere.
        Err(fault) if fault.cause == Cause::AlreadyExists => Ok(Progress::Waiting(fault.message)),
        answer => answer.map(|_| Progress::Done),
    }
}

pub(super) async fn delete(aws: &Aws, live: &Found<InternetGatewaySpec>) -> Result<Progress, Fault> {
    if let Some(vpc) = &live.spec.vpc_id {
        detach(aws, &live.id, vpc).await?;
    }
    let call = aws.ec2().delete_internet_gateway().internet_gateway_id(&live.id);
    call.send().await.map_err(fault("ec2:DeleteInternetGateway"))?;
    Ok(Progress::Done)
}

/// AWS keeps it at the VPC while addresses there lead through it.
pub(super) async fn blockers(aws: &Aws, live: &Found<InternetGatewaySpec>) -> Result<Vec<Blocker>, Fault> {
    match &live.spec.vpc_id {
        Some(vpc) => interfaces::public_holders(aws, vpc, &live.tags).await,
        None => Ok(Vec::new()),
    }
}

async fn detach(aws: &Aws, id: &str, vpc: &str) -> Result<(), Fault> {
    let call = aws.ec2().detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
    match call.send().await.map_err(fault("ec2:DetachInternetGateway")) {
        Err(fault) if fault.code == "Gateway.NotAttached" => Ok(()),
        answer => answer.map(drop),
    }
}
