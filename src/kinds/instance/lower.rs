//! An instance of the API in the manifest's words.

use aws_sdk_ec2::types;
use serde_json::json;

use super::IMAGE_TAG;
use super::spec::{
    BlockDevice, CpuCredits, CreditSpecification, Ebs, HttpTokens, InstanceSpec, MetadataOptions, Placement,
    ShutdownBehavior, Tenancy, Toggle,
};
use super::user_data;
use crate::aws::ec2::tags_of;
use crate::kinds::{Attributes, Found, Place, Readiness};

/// What `DescribeInstances` tells, with the profile by ARN. User data, volumes and the attributes that cost a call each
/// are filled in later.
pub(super) fn lower(instance: &types::Instance, place: &Place) -> Found<InstanceSpec> {
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let id = instance.instance_id().unwrap_or_default().to_owned();
    let state = state_of(instance);
    let tags = tags_of(instance.tags());
    let attributes = [
        ("id", Some(id.clone())),
        ("arn", Some(place.arn("ec2", &format!("instance/{id}")))),
        ("privateIpAddress", text(instance.private_ip_address())),
        ("publicIpAddress", text(instance.public_ip_address())),
    ];
    Found {
        key: None,
        attributes: attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect::<Attributes>(),
        spec: InstanceSpec {
            image_id: tags
                .get(IMAGE_TAG)
                .cloned()
                .unwrap_or_else(|| instance.image_id().unwrap_or_default().to_owned()),
            instance_type: instance.instance_type().map(|size| size.as_str().to_owned()).unwrap_or_default(),
            subnet_id: instance.subnet_id().unwrap_or_default().to_owned(),
            iam_instance_profile: instance.iam_instance_profile().and_then(|profile| profile.arn()).map(str::to_owned),
            security_group_ids: Some(groups(instance)),
            key_name: text(instance.key_name()),
            ecs_config: None,
            user_data: None,
            count: None,
            running: Some(!matches!(state, "stopping" | "stopped")),
            associate_public_ip_address: has_public_address(instance, state),
            private_ip_address: text(instance.private_ip_address()),
            metadata_options: instance.metadata_options().map(metadata),
            block_device_mappings: None,
            ebs_optimized: instance.ebs_optimized(),
            monitoring: instance
                .monitoring()
                .and_then(|monitoring| monitoring.state())
                .map(|state| matches!(state, types::MonitoringState::Enabled | types::MonitoringState::Pending)),
            disable_api_termination: None,
            disable_api_stop: None,
            instance_initiated_shutdown_behavior: None,
            credit_specification: None,
            placement: instance.placement().map(|placement| Placement {
                group_name: text(placement.group_name()),
                tenancy: placement.tenancy().map(|tenancy| match tenancy {
                    types::Tenancy::Dedicated => Tenancy::Dedicated,
                    types::Tenancy::Host => Tenancy::Host,
                    _ => Tenancy::Default,
                }),
                availability_zone: text(placement.availability_zone()),
                host_id: text(placement.host_id()),
            }),
            source_dest_check: instance.source_dest_check(),
        },
        tags,
        readiness: readiness(instance, state),
        detail: json!({"state": state, "interface": first_interface(instance).and_then(|card| card.network_interface_id())}),
        id,
    }
}

fn state_of(instance: &types::Instance) -> &str {
    instance.state().and_then(|state| state.name()).map_or("unknown", |name| name.as_str())
}

/// A stopped instance is as it should be, unless it should run, which comparing shows.
fn readiness(instance: &types::Instance, state: &str) -> Readiness {
    match state {
        "running" => match instance.metadata_options().and_then(|options| options.state()) {
            Some(types::InstanceMetadataOptionsState::Pending) => {
                Readiness::Pending("metadata options are being applied".to_owned())
            }
            _ => Readiness::Ready,
        },
        "stopped" => Readiness::Ready,
        "shutting-down" => Readiness::Pending("shutting down".to_owned()),
        "terminated" => {
            let why = instance.state_reason().and_then(|reason| reason.message()).unwrap_or("no reason given");
            Readiness::Failed(format!("the instance was terminated: {why}"))
        }
        state => Readiness::Pending(format!("state {state}")),
    }
}

/// The interface that it was launched with; ECS may attach others for tasks.
fn first_interface(instance: &types::Instance) -> Option<&types::InstanceNetworkInterface> {
    let is_first = |card: &&types::InstanceNetworkInterface| {
        card.attachment().is_none_or(|attachment| attachment.device_index() == Some(0))
    };
    instance.network_interfaces().iter().find(is_first)
}

/// The security groups of that interface.
fn groups(instance: &types::Instance) -> Vec<String> {
    let of_first = first_interface(instance).map(|card| card.groups()).filter(|groups| !groups.is_empty());
    let groups = of_first.unwrap_or_else(|| instance.security_groups());
    groups.iter().filter_map(|group| group.group_id().filter(|id| !id.is_empty()).map(str::to_owned)).collect()
}

/// Addresses that AWS lends go when the instance stops; one of the account's own says nothing about the launch.
fn has_public_address(instance: &types::Instance, state: &str) -> Option<bool> {
    let first = first_interface(instance)?;
    match first.association().filter(|association| association.public_ip().is_some()) {
        Some(association) => Some(association.ip_owner_id() == Some("amazon")),
        None => (state == "running").then_some(false),
    }
}

fn metadata(options: &types::InstanceMetadataOptionsResponse) -> MetadataOptions {
    let toggle =
        |text: Option<&str>| text.map(|text| if text == "enabled" { Toggle::Enabled } else { Toggle::Disabled });
    MetadataOptions {
        http_tokens: options.http_tokens().map(|tokens| match tokens {
            types::HttpTokensState::Required => HttpTokens::Required,
            _ => HttpTokens::Optional,
        }),
        http_endpoint: toggle(options.http_endpoint().map(|state| state.as_str())),
        http_put_response_hop_limit: options.http_put_response_hop_limit(),
        http_protocol_ipv6: toggle(options.http_protocol_ipv6().map(|state| state.as_str())),
        instance_metadata_tags: toggle(options.instance_metadata_tags().map(|state| state.as_str())),
    }
}

/// What an instance's user data says; it comes in base64.
pub(super) fn fill_user_data(spec: &mut InstanceSpec, encoded: Option<&str>) {
    let bytes = encoded.and_then(|text| aws_smithy_types::base64::decode(text.trim()).ok()).unwrap_or_default();
    (spec.ecs_config, spec.user_data) = user_data::parse(&String::from_utf8_lossy(&bytes));
}

pub(super) fn volumes(instance: &str, volumes: &[types::Volume]) -> Vec<BlockDevice> {
    let mut devices: Vec<BlockDevice> = volumes
        .iter()
        .filter_map(|volume| {
            let attachment = volume.attachments().iter().find(|one| one.instance_id() == Some(instance))?;
            Some(BlockDevice {
                device_name: attachment.device()?.to_owned(),
                ebs: Some(Ebs {
                    volume_size: volume.size(),
                    volume_type: volume.volume_type().map(|kind| kind.as_str().to_owned()),
                    iops: volume.iops(),
                    throughput: volume.throughput(),
                    encrypted: volume.encrypted(),
                    kms_key_id: volume.kms_key_id().map(str::to_owned),
                    snapshot_id: volume.snapshot_id().filter(|id| !id.is_empty()).map(str::to_owned),
                    delete_on_termination: attachment.delete_on_termination(),
                }),
            })
        })
        .collect();
    devices.sort_by(|a, b| a.device_name.cmp(&b.device_name));
    devices
}

/// Says of volumes what AWS answers in other words than the launch was asked in, and cannot change in a volume: a key
/// by alias or id, and encryption that the account insists on.
pub(super) fn as_launched(devices: &mut [BlockDevice], asked: &[BlockDevice]) {
    for device in devices {
        let asked = asked.iter().find(|one| one.device_name == device.device_name).and_then(|one| one.ebs.as_ref());
        let (Some(ebs), Some(asked)) = (&mut device.ebs, asked) else { continue };
        if asked.encrypted == Some(false) {
            ebs.encrypted = Some(false);
        }
        if asked.kms_key_id.as_ref().is_some_and(|key| !key.contains(":key/")) {
            ebs.kms_key_id.clone_from(&asked.kms_key_id);
        }
    }
}

pub(super) fn shutdown_behavior(text: &str) -> ShutdownBehavior {
    if text == "terminate" { ShutdownBehavior::Terminate } else { ShutdownBehavior::Stop }
}

pub(super) fn credits(text: &str) -> CreditSpecification {
    let cpu_credits = if text == "unlimited" { CpuCredits::Unlimited } else { CpuCredits::Standard };
    CreditSpecification { cpu_credits }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn place() -> Place {
        Place { account: "123456789012".into(), region: "us-west-2".into(), stack: "store".into() }
    }

    fn instance(state: types::InstanceStateName) -> types::builders::InstanceBuilder {
        types::Instance::builder()
            .instance_id("i-1")
            .image_id("ami-1")
            .instance_type(types::InstanceType::C5Large)
            .subnet_id("subnet-1")
            .state(types::InstanceState::builder().name(state).build())
            .key_name("")
    }

    #[test]
    fn a_running_instance() {
        let running = instance(types::InstanceStateName::Running)
            .iam_instance_profile(
                types::IamInstanceProfile::builder()
                    .arn("arn:aws:iam::123456789012:instance-profile/edge/Host")
                    .build(),
            )
            .tags(types::Tag::builder().key(IMAGE_TAG).value("resolve:ssm:/image").build())
            .network_interfaces(
                types::InstanceNetworkInterface::builder()
                    .association(
                        types::InstanceNetworkInterfaceAssociation::builder()
                            .public_ip("203.0.113.5")
                            .ip_owner_id("amazon")
                            .build(),
                    )
                    .build(),
            )
            .build();
        let found = lower(&running, &place());
        assert_eq!(found.spec.image_id, "resolve:ssm:/image");
        let profile = "arn:aws:iam::123456789012:instance-profile/edge/Host";
        assert_eq!(found.spec.iam_instance_profile.as_deref(), Some(profile));
        assert_eq!(found.spec.key_name, None);
        assert_eq!(found.spec.running, Some(true));
        assert_eq!(found.spec.associate_public_ip_address, Some(true));
        assert_eq!(found.attributes["arn"], "arn:aws:ec2:us-west-2:123456789012:instance/i-1");
        assert_eq!(found.readiness, Readiness::Ready);
    }

    #[test]
    fn what_a_stopped_instance_does_not_show_is_unknown() {
        let stopped = instance(types::InstanceStateName::Stopped)
            .network_interfaces(types::InstanceNetworkInterface::builder().build())
            .build();
        let found = lower(&stopped, &place());
        assert_eq!(found.spec.associate_public_ip_address, None);
        assert_eq!(found.spec.running, Some(false));
        assert_eq!(found.readiness, Readiness::Ready);
    }

    #[test]
    fn an_instance_that_ended_by_itself_says_why() {
        let gone = instance(types::InstanceStateName::Terminated)
            .state_reason(types::StateReason::builder().message("Server.InternalError").build())
            .build();
        let Readiness::Failed(why) = lower(&gone, &place()).readiness else { panic!("it is not ready") };
        assert!(why.contains("Server.InternalError"), "{why}");
    }

    #[test]
    fn a_volume_is_as_it_was_asked_for() {
        let device = |size: i32, encrypted: bool, key: &str| BlockDevice {
            device_name: "/dev/xvda".to_owned(),
            ebs: Some(Ebs {
                volume_size: Some(size),
                encrypted: Some(encrypted),
                kms_key_id: Some(key.to_owned()),
                ..Ebs::default()
            }),
        };
        let arn = "arn:aws:kms:us-west-2:123456789012:key/1";
        let mut devices = [device(50, true, arn)];
        as_launched(&mut devices, &[device(40, false, "alias/edge")]);
        assert_eq!(devices, [device(50, false, "alias/edge")]);
        let mut other = [device(50, false, arn)];
        as_launched(&mut other, &[device(40, true, "arn:aws:kms:us-west-2:123456789012:key/2")]);
        assert_eq!(other, [device(50, false, arn)]);
    }

    #[test]
    fn user_data_reads_back_by_key() {
        let mut spec = lower(&instance(types::InstanceStateName::Running).build(), &place()).spec;
        let config = BTreeMap::from([("ECS_CLUSTER".to_owned(), "edge".into())]);
        let text = user_data::generate(Some(&config), Some("echo é")).unwrap();
        fill_user_data(&mut spec, Some(&aws_smithy_types::base64::encode(text)));
        assert_eq!((spec.cluster(), spec.user_data.as_deref()), (Some("edge"), Some("echo é")));
        fill_user_data(&mut spec, None);
        assert_eq!((spec.cluster(), spec.user_data.as_deref()), (None, None));
    }
}
