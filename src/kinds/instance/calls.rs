//! Creating and deleting instances.

use aws_sdk_ec2::types::{
    BlockDeviceMapping, CreditSpecificationRequest, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceMetadataProtocolState,
    InstanceMetadataTagsState, InstanceNetworkInterfaceSpecification, InstanceType, ResourceType,
    RunInstancesMonitoringEnabled, ShutdownBehavior as SdkShutdownBehavior, Tenancy as SdkTenancy, VolumeType,
};
use aws_smithy_types::base64;

use super::spec::{
    BlockDevice, CpuCredits, HttpTokens, InstanceSpec, MetadataOptions, Placement, ShutdownBehavior, Tenancy, Toggle,
};
use super::{IMAGE_TAG, agent, capacity, remembered};
use crate::aws::ec2::tag_specification;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{Found, HASH_TAG, Progress, Target};

pub(super) async fn create(aws: &Aws, target: &Target<InstanceSpec>) -> Result<String, Fault> {
    let spec = &target.full;
    let mut tags = target.tags.clone();
    tags.insert(HASH_TAG.to_owned(), spec.digest());
    tags.extend(spec.image_parameter().map(|image| (IMAGE_TAG.to_owned(), image.to_owned())));
    tags.extend(remembered::tag(&remembered::apart_from_default(spec)));
    let mut call = aws
        .ec2()
        .run_instances()
        .client_token(aws.token(&target.address.to_string()))
        .min_count(1)
        .max_count(1)
        .image_id(&spec.image_id)
        .instance_type(InstanceType::from(spec.instance_type.as_str()))
        .set_key_name(spec.key_name.clone())
        .set_iam_instance_profile(spec.iam_instance_profile.as_deref().map(profile))
        .set_user_data(spec.script().map(base64::encode))
        .set_metadata_options(spec.metadata_options.as_ref().map(metadata))
        .set_ebs_optimized(spec.ebs_optimized)
        .set_disable_api_termination(spec.disable_api_termination)
        .set_disable_api_stop(spec.disable_api_stop)
        .set_instance_initiated_shutdown_behavior(spec.instance_initiated_shutdown_behavior.map(sdk_shutdown_behavior))
        .set_block_device_mappings(
            spec.block_device_mappings.as_ref().map(|devices| devices.iter().map(device).collect()),
        )
        .set_placement(spec.placement.as_ref().and_then(placement))
        .tag_specifications(tag_specification(ResourceType::Instance, &tags));
    if spec.monitoring == Some(true) {
        call = call.monitoring(RunInstancesMonitoringEnabled::builder().enabled(true).build());
    }
    if let Some(credits) = &spec.credit_specification {
        call = call.credit_specification(
            CreditSpecificationRequest::builder().cpu_credits(sdk_credits(credits.cpu_credits)).build(),
        );
    }
    // A public address is asked of a network interface, and then the interface has the rest as well.
    call = match spec.associate_public_ip_address {
        Some(public) => call.network_interfaces(
            InstanceNetworkInterfaceSpecification::builder()
                .device_index(0)
                .subnet_id(&spec.subnet_id)
                .associate_public_ip_address(public)
                .set_private_ip_address(spec.private_ip_address.clone())
                .set_groups(spec.security_group_ids.clone())
                .build(),
        ),
        None => call
            .subnet_id(&spec.subnet_id)
            .set_private_ip_address(spec.private_ip_address.clone())
            .set_security_group_ids(spec.security_group_ids.clone()),
    };
    let answer = aws.eventually(|| async { call.clone().send().await.map_err(fault("ec2:RunInstances")) }).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return Err(capacity::in_words(aws, &spec.subnet_id, fault).await),
    };
    Ok(answer.instances().first().and_then(|instance| instance.instance_id()).unwrap_or_default().to_owned())
}

pub(super) fn profile(name_or_arn: &str) -> IamInstanceProfileSpecification {
    let profile = IamInstanceProfileSpecification::builder();
    if name_or_arn.starts_with("arn:") { profile.arn(name_or_arn) } else { profile.name(name_or_arn) }.build()
}

pub(super) fn http_tokens(tokens: HttpTokens) -> HttpTokensState {
    match tokens {
        HttpTokens::Optional => HttpTokensState::Optional,
        HttpTokens::Required => HttpTokensState::Required,
    }
}

pub(super) fn toggle(toggle: Toggle) -> &'static str {
    match toggle {
        Toggle::Enabled => "enabled",
        Toggle::Disabled => "disabled",
    }
}

pub(super) fn sdk_credits(credits: CpuCredits) -> &'static str {
    match credits {
        CpuCredits::Standard => "standard",
        CpuCredits::Unlimited => "unlimited",
    }
}

pub(super) fn sdk_shutdown_behavior(behavior: ShutdownBehavior) -> SdkShutdownBehavior {
    match behavior {
        ShutdownBehavior::Stop => SdkShutdownBehavior::Stop,
        ShutdownBehavior::Terminate => SdkShutdownBehavior::Terminate,
    }
}

fn metadata(options: &MetadataOptions) -> InstanceMetadataOptionsRequest {
    InstanceMetadataOptionsRequest::builder()
        .set_http_tokens(options.http_tokens.map(http_tokens))
        .set_http_endpoint(options.http_endpoint.map(|state| InstanceMetadataEndpointState::from(toggle(state))))
        .set_http_put_response_hop_limit(options.http_put_response_hop_limit)
        .set_http_protocol_ipv6(
            options.http_protocol_ipv6.map(|state| InstanceMetadataProtocolState::from(toggle(state))),
        )
        .set_instance_metadata_tags(
            options.instance_metadata_tags.map(|state| InstanceMetadataTagsState::from(toggle(state))),
        )
        .build()
}

fn device(device: &BlockDevice) -> BlockDeviceMapping {
    let ebs = device.ebs.as_ref().map(|ebs| {
        EbsBlockDevice::builder()
            .set_volume_size(ebs.volume_size)
            .set_volume_type(ebs.volume_type.as_deref().map(VolumeType::from))
            .set_iops(ebs.iops)
            .set_throughput(ebs.throughput)
            .set_encrypted(ebs.encrypted)
            .set_kms_key_id(ebs.kms_key_id.clone())
            .set_snapshot_id(ebs.snapshot_id.clone())
            .set_delete_on_termination(ebs.delete_on_termination)
            .build()
    });
    BlockDeviceMapping::builder().device_name(&device.device_name).set_ebs(ebs).build()
}

/// None when there is nothing in it that AWS would not do anyway.
fn placement(placement: &Placement) -> Option<aws_sdk_ec2::types::Placement> {
    let tenancy = match placement.tenancy {
        None | Some(Tenancy::Default) => None,
        Some(Tenancy::Dedicated) => Some(SdkTenancy::Dedicated),
        Some(Tenancy::Host) => Some(SdkTenancy::Host),
    };
    let Placement { group_name, tenancy: _, availability_zone, host_id } = placement;
    if group_name.is_none() && tenancy.is_none() && availability_zone.is_none() && host_id.is_none() {
        return None;
    }
    Some(
        aws_sdk_ec2::types::Placement::builder()
            .set_group_name(group_name.clone())
            .set_tenancy(tenancy)
            .set_availability_zone(availability_zone.clone())
            .set_host_id(host_id.clone())
            .build(),
    )
}

pub(super) async fn delete(aws: &Aws, live: &Found<InstanceSpec>) -> Result<Progress, Fault> {
    if live.detail["state"] == "shutting-down" {
        return Ok(Progress::Done);
    }
    if let Some(cluster) = live.spec.cluster()
        && let Some(container_instance) = agent::find(aws, cluster, &live.id).await?
    {
        if let Progress::Waiting(why) = agent::drain(aws, cluster, &container_instance).await? {
            return Ok(Progress::Waiting(why));
        }
        agent::deregister(aws, cluster, &container_instance).await?;
    }
    match terminate(aws, &live.id).await {
        Err(fault) if fault.code == "OperationNotPermitted" => {
            // That it is to go has been decided, shown and agreed to; the protection is against doing it by accident.
            super::update::allow_termination(aws, &live.id).await?;
            terminate(aws, &live.id).await?;
        }
        answer => answer?,
    }
    Ok(Progress::Done)
}

async fn terminate(aws: &Aws, id: &str) -> Result<(), Fault> {
    aws.ec2().terminate_instances().instance_ids(id).send().await.map_err(fault("ec2:TerminateInstances"))?;
    Ok(())
}
