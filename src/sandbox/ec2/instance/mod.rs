//! Instances: the record and DescribeInstances. How they start is in [`run`], how they live and end in [`lifecycle`].

mod lifecycle;
mod options;
mod profile;
mod run;
mod status;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::lifecycle::{OPERATIONS as LIFECYCLE_OPERATIONS, advance, dues};
pub(super) use self::options::OPERATIONS as OPTION_OPERATIONS;
pub(super) use self::profile::{OPERATIONS as PROFILE_OPERATIONS, ProfileAssociation};
pub(super) use self::run::OPERATIONS as RUN_OPERATIONS;
pub(super) use self::status::OPERATIONS as STATUS_OPERATIONS;
use super::image::ROOT_DEVICE;
use super::kinds::INSTANCE;
use super::listing::{Filter, PAGES, filtered, ids_or_pages, page, pick};
use super::{Ec2, Entry, network_interface, timestamp};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::world::Zone;

pub(super) const OPERATIONS: &[Entry] = &[("DescribeInstances", "InstanceId FILTERS PAGES", describe)];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) instance_id: String,
    reservation_id: String,
    launch_index: usize,
    client_token: Option<String>,
    pub(super) image_id: String,
    pub(super) instance_type: String,
    pub(super) architecture: String,
    key_name: Option<String>,
    launched: Timestamp,
    pub(super) vpc_id: String,
    pub(super) subnet_id: String,
    pub(super) zone: Zone,
    pub(super) outpost_arn: Option<String>,
    tenancy: String,
    pub(super) phase: Phase,
    /// When the phase that passes by itself is over.
    due: Option<Timestamp>,
    /// Since when it runs.
    pub(super) running_since: Option<Timestamp>,
    /// Why it stopped or went, as the API says it: when, code, message.
    ended: Option<(Timestamp, String, String)>,
    monitoring: bool,
    ebs_optimized: bool,
    disable_api_termination: bool,
    disable_api_stop: bool,
    /// `stop` or `terminate`.
    shutdown_behavior: String,
    /// `standard` or `unlimited`, of burstable types.
    cpu_credits: Option<String>,
    auto_recovery: String,
    metadata: MetadataOptions,
    /// As given: base64.
    pub(super) user_data: Option<String>,
    /// None once it is terminated.
    pub(super) network_interface_id: Option<String>,
}

/// The states of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Phase {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl Phase {
    fn wire(self) -> Value {
        let (code, name) = match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        };
        json!({"code": code, "name": name})
    }

    pub(super) fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct MetadataOptions {
    /// Until when a change is being applied.
    pending_until: Option<Timestamp>,
    tokens: String,
    hop_limit: i64,
    endpoint: String,
    ipv6: String,
    tags: String,
}

impl MetadataOptions {
    fn wire(&self) -> Value {
        json!({
            "state": if self.pending_until.is_some() { "pending" } else { "applied" },
            "httpTokens": self.tokens,
            "httpPutResponseHopLimit": self.hop_limit,
            "httpEndpoint": self.endpoint,
            "httpProtocolIpv6": self.ipv6,
            "instanceMetadataTags": self.tags,
        })
    }
}

impl Instance {
    /// Whether traffic reaches it.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Running)
    }

    /// Whether it takes one of the Outpost's slots.
    fn takes_slot(&self) -> bool {
        !matches!(self.phase, Phase::Stopped | Phase::Terminated)
    }

    fn wire(&self, state: &State) -> Value {
        let ec2 = &state.ec2;
        let interface = self.network_interface_id.as_ref().and_then(|id| ec2.network_interfaces.get(id));
        let groups = interface.map_or(json!([]), |interface| interface.wire_groups(ec2));
        let association = ec2.profile_associations.values().find(|held| held.instance_id == self.instance_id);
        let devices: Vec<Value> =
            ec2.volumes.values().filter_map(|volume| volume.wire_mapping(&self.instance_id)).collect();
        let address = interface.map(|interface| &interface.private_ip);
        let public = interface.and_then(|interface| interface.public_ip.as_ref());
        let mut wire = json!({
            "instanceId": self.instance_id,
            "imageId": self.image_id,
            "instanceType": self.instance_type,
            "instanceState": self.phase.wire(),
            "amiLaunchIndex": self.launch_index,
            "architecture": self.architecture,
            "keyName": self.key_name,
            "clientToken": self.client_token.as_deref().unwrap_or(""),
            "launchTime": timestamp(self.launched),
            "monitoring": {"state": if self.monitoring { "enabled" } else { "disabled" }},
            "placement": {
                "availabilityZone": self.zone.name, "availabilityZoneId": self.zone.id,
                "groupName": "", "tenancy": self.tenancy,
            },
            "subnetId": interface.map(|interface| &interface.subnet_id),
            "vpcId": interface.map(|interface| &interface.vpc_id),
            "privateIpAddress": address,
            "privateDnsName": address.map_or(String::new(), |address| network_interface::private_name(state, address)),
            "ipAddress": public,
            "dnsName": interface.map_or(String::new(), |interface| interface.public_name(state)),
            "sourceDestCheck": interface.map(|interface| interface.source_dest_check),
            "groupSet": groups,
            "networkInterfaceSet": interface.map(|interface| interface.wire_on_instance(state)).into_iter().collect::<Vec<Value>>(),
            "iamInstanceProfile": association.map(ProfileAssociation::wire_profile),
            "outpostArn": self.outpost_arn,
            "blockDeviceMapping": devices,
            "metadataOptions": self.metadata.wire(),
            "reason": self.ended.as_ref().map_or(String::new(), |(when, _, _)| {
                format!("User initiated ({} GMT)", when.strftime("%Y-%m-%d %H:%M:%S"))
            }),
            "stateReason": self.ended.as_ref().map(|(_, code, message)| json!({"code": code, "message": message})),
            "tagSet": ec2.tag_set(&self.instance_id),
        });
        if let (Some(wire), Value::Object(platform)) = (wire.as_object_mut(), self.wire_platform()) {
            wire.extend(platform);
        }
        wire
    }

    /// What is much the same for all instances of the sandbox's images.
    fn wire_platform(&self) -> Value {
        json!({
            "rootDeviceName": ROOT_DEVICE,
            "rootDeviceType": "ebs",
            "virtualizationType": "hvm",
            "hypervisor": "xen",
            "ebsOptimized": self.ebs_optimized,
            "enaSupport": true,
            "productCodes": [],
            "platformDetails": "Linux/UNIX",
            "usageOperation": "RunInstances",
            "usageOperationUpdateTime": timestamp(self.launched),
            "hibernationOptions": {"configured": false},
            "enclaveOptions": {"enabled": false},
            "maintenanceOptions": {"autoRecovery": self.auto_recovery},
            "capacityReservationSpecification": {"capacityReservationPreference": "open"},
            "privateDnsNameOptions": {
                "hostnameType": "ip-name", "enableResourceNameDnsARecord": false,
                "enableResourceNameDnsAAAARecord": false,
            },
        })
    }
}

/// A reservation: the instances of one launch.
fn reservation(state: &State, id: &str, instances: Vec<Value>) -> Value {
    json!({
        "reservationId": id,
        "ownerId": state.world.account,
        "groupSet": [],
        "instancesSet": instances,
    })
}

const FILTERS: &[Filter] = &[
    ("architecture", "architecture"),
    ("availability-zone", "placement.availabilityZone"),
    ("availability-zone-id", "placement.availabilityZoneId"),
    ("block-device-mapping.delete-on-termination", "blockDeviceMapping.ebs.deleteOnTermination"),
    ("block-device-mapping.device-name", "blockDeviceMapping.deviceName"),
    ("block-device-mapping.status", "blockDeviceMapping.ebs.status"),
    ("block-device-mapping.volume-id", "blockDeviceMapping.ebs.volumeId"),
    ("client-token", "clientToken"),
    ("dns-name", "dnsName"),
    ("ebs-optimized", "ebsOptimized"),
    ("ena-support", "enaSupport"),
    ("group-id", "groupSet.groupId"),
    ("group-name", "groupSet.groupName"),
    ("hypervisor", "hypervisor"),
    ("iam-instance-profile.arn", "iamInstanceProfile.arn"),
    ("image-id", "imageId"),
    ("instance-id", "instanceId"),
    ("instance-state-code", "instanceState.code"),
    ("instance-state-name", "instanceState.name"),
    ("instance-type", "instanceType"),
    ("instance.group-id", "groupSet.groupId"),
    ("instance.group-name", "groupSet.groupName"),
    ("ip-address", "ipAddress"),
    ("key-name", "keyName"),
    ("launch-index", "amiLaunchIndex"),
    ("launch-time", "launchTime"),
    ("maintenance-options.auto-recovery", "maintenanceOptions.autoRecovery"),
    ("metadata-options.http-endpoint", "metadataOptions.httpEndpoint"),
    ("metadata-options.http-protocol-ipv6", "metadataOptions.httpProtocolIpv6"),
    ("metadata-options.http-put-response-hop-limit", "metadataOptions.httpPutResponseHopLimit"),
    ("metadata-options.http-tokens", "metadataOptions.httpTokens"),
    ("metadata-options.instance-metadata-tags", "metadataOptions.instanceMetadataTags"),
    ("metadata-options.state", "metadataOptions.state"),
    ("monitoring-state", "monitoring.state"),
    ("network-interface.group-id", "networkInterfaceSet.groupSet.groupId"),
    ("network-interface.network-interface-id", "networkInterfaceSet.networkInterfaceId"),
    ("network-interface.private-ip-address", "networkInterfaceSet.privateIpAddress"),
    ("network-interface.subnet-id", "networkInterfaceSet.subnetId"),
    ("network-interface.vpc-id", "networkInterfaceSet.vpcId"),
    ("outpost-arn", "outpostArn"),
    ("owner-id", "ownerId"),
    ("private-dns-name", "privateDnsName"),
    ("private-ip-address", "privateIpAddress"),
    ("reason", "reason"),
    ("reservation-id", "reservationId"),
    ("root-device-name", "rootDeviceName"),
    ("root-device-type", "rootDeviceType"),
    ("source-dest-check", "sourceDestCheck"),
    ("state-reason-code", "stateReason.code"),
    ("state-reason-message", "stateReason.message"),
    ("subnet-id", "subnetId"),
    ("tenancy", "placement.tenancy"),
    ("virtualization-type", "virtualizationType"),
    ("vpc-id", "vpcId"),
];

/// Pages are of reservations, which stay whole.
fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    ids_or_pages(call, "InstanceId")?;
    let rows = state.ec2.instances.values().map(|instance| {
        // Members of the reservation that filters look at.
        let mut row = instance.wire(state);
        row["reservationId"] = instance.reservation_id.clone().into();
        row["ownerId"] = state.world.account.clone().into();
        (instance.instance_id.clone(), row)
    });
    let mut rows = filtered(call, FILTERS, pick(call, "InstanceId", &INSTANCE, rows.collect())?)?;
    rows.sort_by_key(|(_, row)| row["amiLaunchIndex"].as_u64());
    let mut reservations: Vec<(String, Vec<Value>)> = Vec::new();
    for (_, mut row) in rows {
        let Some(members) = row.as_object_mut() else { continue };
        members.shift_remove("ownerId");
        let id = members.shift_remove("reservationId");
        let id = id.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        match reservations.iter_mut().find(|(known, _)| *known == id) {
            Some((_, instances)) => instances.push(row),
            None => reservations.push((id, vec![row])),
        }
    }
    let reservations =
        reservations.into_iter().map(|(id, instances)| (id.clone(), reservation(state, &id, instances))).collect();
    page(call, "reservationSet", &PAGES, reservations)
}

/// An instance to change, unless it is about to go.
fn living<'a>(ec2: &'a mut Ec2, id: &str) -> Result<&'a mut Instance, AwsError> {
    let instance = INSTANCE.find_mut(&mut ec2.instances, id)?;
    if instance.phase.is_ending() {
        let message = format!("The instance '{id}' is not in a state in which it can be modified.");
        return Err(AwsError::invalid("IncorrectInstanceState", message));
    }
    Ok(instance)
}
