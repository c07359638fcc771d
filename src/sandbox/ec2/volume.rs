//! EBS volumes of instances, and their modification.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::image::{ROOT_DEVICE, ROOT_SIZE};
use super::input::{bad_value, combination, flag, number, required, text, word};
use super::instance::Instance;
use super::kinds::VOLUME;
use super::listing::{Filter, Listing, PAGES, ids_or_pages};
use super::tags::Tags;
use super::{Entry, timestamp};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::world::{Image, Zone};

pub(super) const OPERATIONS: &[Entry] = &[
    ("DescribeVolumes", "VolumeId FILTERS PAGES", describe),
    ("DeleteVolume", "VolumeId!", delete),
    ("ModifyVolume", "VolumeId! Size VolumeType Iops Throughput", modify),
    ("DescribeVolumesModifications", "VolumeId FILTERS PAGES", describe_modifications),
];

/// A volume as a launch asks for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) name: String,
    size: i64,
    kind: String,
    iops: Option<i64>,
    throughput: Option<i64>,
    encrypted: bool,
    kms_key_id: Option<String>,
    delete_on_termination: bool,
    snapshot_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Volume {
    pub(super) volume_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) delete_on_termination: bool,
    device: Device,
    created: Timestamp,
    zone: Zone,
    outpost_arn: Option<String>,
    modification: Option<Modification>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Modification {
    /// `modifying`, `optimizing`, `completed`.
    phase: String,
    original: Device,
    target: Device,
    started: Timestamp,
    /// When the phase is over.
    due: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl Volume {
    fn wire(&self, state: &State) -> Value {
        let device = &self.device;
        let attachments: Vec<Value> = self
            .instance_id
            .iter()
            .map(|instance| {
                json!({
                    "volumeId": self.volume_id, "instanceId": instance, "device": device.name, "status": "attached",
                    "attachTime": timestamp(self.created), "deleteOnTermination": self.delete_on_termination,
                })
            })
            .collect();
        json!({
            "volumeId": self.volume_id,
            "status": if self.instance_id.is_some() { "in-use" } else { "available" },
            "size": device.size,
            "volumeType": device.kind,
            "iops": device.iops,
            "throughput": device.throughput,
            "encrypted": device.encrypted,
            "kmsKeyId": device.kms_key_id,
            "snapshotId": device.snapshot_id.as_deref().unwrap_or(""),
            "availabilityZone": self.zone.name,
            "availabilityZoneId": self.zone.id,
            "outpostArn": self.outpost_arn,
            "createTime": timestamp(self.created),
            "multiAttachEnabled": false,
            "attachmentSet": attachments,
            "tagSet": state.ec2.tag_set(&self.volume_id),
        })
    }

    /// The volume as a device of an instance, when it is one of this instance's.
    pub(super) fn wire_mapping(&self, instance_id: &str) -> Option<Value> {
        let here = self.instance_id.as_deref() == Some(instance_id);
        here.then(|| {
            json!({
                "deviceName": self.device.name,
                "ebs": {
                    "volumeId": self.volume_id, "status": "attached", "attachTime": timestamp(self.created),
                    "deleteOnTermination": self.delete_on_termination,
                },
            })
        })
    }
}

const KINDS: &[&str] = &["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"];

/// What a size and a type bring when nothing else is asked for.
fn settle(device: &mut Device, iops: Option<i64>, throughput: Option<i64>) -> Result<(), AwsError> {
    let kind = device.kind.as_str();
    let bounds = match kind {
        "io1" | "io2" => 4..=16_384,
        "st1" | "sc1" => 125..=16_384,
        "standard" => 1..=1_024,
        _ => 1..=16_384,
    };
    if !bounds.contains(&device.size) {
        let message = format!(
            "Volume of {}GiB is not valid for volume type {kind}: {} to {} GiB",
            device.size,
            bounds.start(),
            bounds.end()
        );
        return Err(bad_value(message));
    }
    if iops.is_some() && !matches!(kind, "gp3" | "io1" | "io2") {
        return Err(combination(format!("The parameter iops is not supported for {kind} volumes.")));
    }
    if throughput.is_some() && kind != "gp3" {
        return Err(combination(format!("The parameter throughput is not supported for {kind} volumes.")));
    }
    device.iops = match kind {
        "gp2" => Some((device.size * 3).clamp(100, 16_000)),
        "gp3" => Some(iops.unwrap_or(3_000)),
        "io1" | "io2" if iops.is_none() => {
            let message = "The request must contain the parameter iops";
            return Err(AwsError::invalid("MissingParameter", message));
        }
        "io1" | "io2" => iops,
        _ => None,
    };
    device.throughput = (kind == "gp3").then(|| throughput.unwrap_or(125));
    Ok(())
}

/// The devices of a launch: the image's root, as the request changes it, and what it adds.
pub(super) fn requested(call: &Call, image: &Image, on_outpost: bool) -> Result<Vec<Device>, AwsError> {
    let root = Device {
        name: ROOT_DEVICE.to_owned(),
        size: ROOT_SIZE,
        // Outposts have gp2 unless asked for something else, and everything on them is encrypted.
        kind: if on_outpost { "gp2" } else { image.root_volume_type() }.to_owned(),
        iops: None,
        throughput: None,
        encrypted: on_outpost,
        kms_key_id: None,
        delete_on_termination: true,
        snapshot_id: Some(image.snapshot_id()),
    };
    let mut devices = vec![root.clone()];
    let mut asked_for: Vec<(Option<i64>, Option<i64>)> = vec![(None, None)];
    for mapping in call.list("BlockDeviceMapping") {
        let name = text(mapping, "DeviceName").ok_or_else(|| {
            AwsError::invalid("MissingParameter", "The request must contain the parameter deviceName")
        })?;
        let ebs = &mapping["Ebs"];
        let place = match devices.iter().position(|device| device.name == name) {
            Some(0) => 0,
            Some(_) => {
                let message = format!("The device '{name}' is used in more than one block-device mapping");
                return Err(AwsError::invalid("InvalidBlockDeviceMapping", message));
            }
            None => {
                let kind = if on_outpost { "gp2" } else { "gp3" }.to_owned();
                devices.push(Device { name: name.to_owned(), size: 0, kind, snapshot_id: None, ..root.clone() });
                asked_for.push((None, None));
                devices.len() - 1
            }
        };
        let device = &mut devices[place];
        match (number(ebs, "VolumeSize")?, &device.snapshot_id) {
            (Some(size), Some(snapshot)) if size < ROOT_SIZE => {
                let message = format!(
                    "Volume of size {size}GB is smaller than snapshot '{snapshot}', expect size >= {ROOT_SIZE}GB"
                );
                return Err(AwsError::invalid("InvalidBlockDeviceMapping", message));
            }
            (Some(size), _) => device.size = size,
            (None, Some(_)) => {}
            (None, None) => {
                let message = format!("The block device mapping of {name} needs a volume size");
                return Err(AwsError::invalid("MissingParameter", message));
            }
        }
        if let Some(snapshot) = text(ebs, "SnapshotId").filter(|given| device.snapshot_id.as_deref() != Some(given)) {
            let message = format!("The snapshot '{snapshot}' does not exist.");
            return Err(AwsError::invalid("InvalidSnapshot.NotFound", message));
        }
        if let Some(kind) = word(ebs, "VolumeType", KINDS)? {
            device.kind = kind;
        }
        device.kms_key_id = text(ebs, "KmsKeyId").map(str::to_owned);
        device.encrypted = flag(ebs, "Encrypted")?.unwrap_or(device.encrypted) || on_outpost;
        if device.kms_key_id.is_some() && !device.encrypted {
            return Err(combination("The parameter KmsKeyId requires the parameter Encrypted to be set."));
        }
        device.delete_on_termination = flag(ebs, "DeleteOnTermination")?.unwrap_or(true);
        asked_for[place] = (number(ebs, "Iops")?, number(ebs, "Throughput")?);
    }
    for (device, (iops, throughput)) in devices.iter_mut().zip(asked_for) {
        settle(device, iops, throughput)?;
    }
    Ok(devices)
}

/// Makes a volume for an instance.
pub(super) fn attach(state: &mut State, now: Timestamp, instance: &Instance, device: &Device, tags: Tags) {
    let volume = Volume {
        volume_id: state.id("vol"),
        instance_id: Some(instance.instance_id.clone()),
        delete_on_termination: device.delete_on_termination,
        device: device.clone(),
        created: now,
        zone: instance.zone.clone(),
        outpost_arn: instance.outpost_arn.clone(),
        modification: None,
    };
    state.ec2.tag(&volume.volume_id, tags);
    state.ec2.volumes.insert(volume.volume_id.clone(), volume);
}

const FILTERS: &[Filter] = &[
    ("attachment.attach-time", "attachmentSet.attachTime"),
    ("attachment.delete-on-termination", "attachmentSet.deleteOnTermination"),
    ("attachment.device", "attachmentSet.device"),
    ("attachment.instance-id", "attachmentSet.instanceId"),
    ("attachment.status", "attachmentSet.status"),
    ("availability-zone", "availabilityZone"),
    ("availability-zone-id", "availabilityZoneId"),
    ("create-time", "createTime"),
    ("encrypted", "encrypted"),
    ("multi-attach-enabled", "multiAttachEnabled"),
    ("size", "size"),
    ("snapshot-id", "snapshotId"),
    ("status", "status"),
    ("volume-id", "volumeId"),
    ("volume-type", "volumeType"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    ids_or_pages(call, "VolumeId")?;
    let rows = state.ec2.volumes.iter().map(|(id, volume)| (id.clone(), volume.wire(state))).collect();
    Listing { set: "volumeSet", ids: Some(("VolumeId", &VOLUME)), filters: FILTERS, pages: PAGES }.answer(call, rows)
}

/// For a volume that outlived its instance.
fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "VolumeId")?;
    if let Some(instance) = &VOLUME.find(&state.ec2.volumes, id)?.instance_id {
        let message = format!("Volume {id} is currently attached to {instance}");
        return Err(AwsError::invalid("VolumeInUse", message));
    }
    state.ec2.volumes.remove(id);
    state.ec2.tags.remove(id);
    Ok(json!({"return": true}))
}

/// A volume grows and changes type in place, and then rests for six hours.
fn modify(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "VolumeId")?;
    let rest = state.takes(6.0 * 3600.0);
    let due = call.now + state.takes(5.0);
    let volume = VOLUME.find_mut(&mut state.ec2.volumes, id)?;
    if let Some(earlier) = &volume.modification {
        if earlier.ended.is_none() {
            let message =
                format!("Volume {id} cannot be modified in modification state {}", earlier.phase.to_uppercase());
            return Err(AwsError::invalid("IncorrectModificationState", message));
        }
        if call.now < earlier.started + rest {
            let message = "You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per EBS volume.";
            return Err(AwsError::invalid("VolumeModificationRateExceeded", message));
        }
    }
    let original = volume.device.clone();
    let mut target = original.clone();
    if let Some(size) = number(&call.input, "Size")? {
        if size < original.size {
            let message = format!("New size cannot be smaller than existing size: {} GiB", original.size);
            return Err(bad_value(message));
        }
        target.size = size;
    }
    if let Some(kind) = word(&call.input, "VolumeType", KINDS)? {
        target.kind = kind;
    }
    // What was set stays while the type does.
    let kept = |value: Option<i64>| value.filter(|_| target.kind == original.kind && target.kind != "gp2");
    let iops = number(&call.input, "Iops")?.or(kept(original.iops));
    let throughput = number(&call.input, "Throughput")?.or(kept(original.throughput));
    settle(&mut target, iops, throughput)?;
    let modification = Modification {
        phase: "modifying".to_owned(),
        original,
        target,
        started: call.now,
        due: Some(due),
        ended: None,
    };
    let wire = modification.wire(id);
    volume.modification = Some(modification);
    Ok(json!({"volumeModification": wire}))
}

impl Modification {
    fn wire(&self, volume_id: &str) -> Value {
        let progress = match self.phase.as_str() {
            "modifying" => 0,
            "optimizing" => 50,
            _ => 100,
        };
        json!({
            "volumeId": volume_id,
            "modificationState": self.phase,
            "progress": progress,
            "originalSize": self.original.size,
            "originalVolumeType": self.original.kind,
            "originalIops": self.original.iops,
            "originalThroughput": self.original.throughput,
            "originalMultiAttachEnabled": false,
            "targetSize": self.target.size,
            "targetVolumeType": self.target.kind,
            "targetIops": self.target.iops,
            "targetThroughput": self.target.throughput,
            "targetMultiAttachEnabled": false,
            "startTime": timestamp(self.started),
            "endTime": self.ended.map(timestamp),
        })
    }
}

const MODIFICATION_FILTERS: &[Filter] = &[
    ("modification-state", "modificationState"),
    ("original-iops", "originalIops"),
    ("original-size", "originalSize"),
    ("original-volume-type", "originalVolumeType"),
    ("start-time", "startTime"),
    ("target-iops", "targetIops"),
    ("target-size", "targetSize"),
    ("target-volume-type", "targetVolumeType"),
    ("volume-id", "volumeId"),
];

fn describe_modifications(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let asked = call.texts("VolumeId");
    for id in &asked {
        if VOLUME.find(&state.ec2.volumes, id)?.modification.is_none() {
            let message = format!("Modification for volume '{id}' does not exist.");
            return Err(AwsError::invalid("InvalidVolumeModification.NotFound", message));
        }
    }
    let modified = state.ec2.volumes.iter().filter_map(|(id, volume)| Some((id, volume.modification.as_ref()?)));
    let rows = modified.map(|(id, modification)| (id.clone(), modification.wire(id))).collect();
    let ids = Some(("VolumeId", &VOLUME));
    let filters = MODIFICATION_FILTERS;
    Listing { set: "volumeModificationSet", ids, filters, pages: 5..=500 }.answer(call, rows)
}

/// The new size is there once a volume optimizes.
pub(super) fn advance(state: &mut State, now: Timestamp) -> bool {
    let optimizing = state.takes(30.0);
    let mut moved = false;
    for volume in state.ec2.volumes.values_mut() {
        while let Some(modification) = &mut volume.modification
            && let Some(due) = modification.due.filter(|due| *due <= now)
        {
            moved = true;
            if modification.phase == "modifying" {
                modification.phase = "optimizing".to_owned();
                modification.due = Some(due + optimizing);
                volume.device = modification.target.clone();
            } else {
                modification.phase = "completed".to_owned();
                modification.due = None;
                modification.ended = Some(due);
            }
        }
    }
    moved
}

/// When something happens to volumes by itself, or did.
pub(super) fn dues(state: &State) -> impl Iterator<Item = Timestamp> {
    state.ec2.volumes.values().filter_map(|volume| volume.modification.as_ref()?.due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::{Account, OUTPOST};

    #[test]
    fn volumes_are_where_their_instance_is() {
        let mut account = Account::new();
        let (region, outpost) = account.subnets();
        account.instance(&outpost);
        let mut input = Account::launch(&region);
        input["BlockDeviceMapping"] = json!([
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": "50", "VolumeType": "gp3", "Throughput": "250", "Encrypted": "true"}},
            {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": "10", "VolumeType": "io1", "Iops": "400", "DeleteOnTermination": "false"}},
        ]);
        let made = account.ok("RunInstances", input)["instancesSet"][0].clone();
        assert_eq!(made["blockDeviceMapping"].as_array().unwrap().len(), 2);
        let mut one = |name: &str, value: &str| {
            let filter = json!({"Filter": [{"Name": name, "Value": [value]}]});
            account.ok("DescribeVolumes", filter)["volumeSet"][0].clone()
        };
        let edge = one("volume-type", "gp2");
        assert_eq!(
            (&edge["outpostArn"], &edge["encrypted"], &edge["size"]),
            (&json!(OUTPOST), &json!(true), &json!(30))
        );
        let root = one("size", "50");
        assert_eq!((&root["iops"], &root["throughput"], &root["encrypted"]), (&json!(3000), &json!(250), &json!(true)));
        assert_eq!(one("volume-type", "io1")["iops"], 400);
        // The second volume outlives its instance.
        account.ok("TerminateInstances", json!({"InstanceId": [made["instanceId"]]}));
        account.wait(20);
        let left = account.ok("DescribeVolumes", json!({"Filter": [{"Name": "status", "Value": ["available"]}]}));
        assert_eq!(left["volumeSet"].as_array().unwrap().len(), 1);
        account.ok("DeleteVolume", json!({"VolumeId": left["volumeSet"][0]["volumeId"]}));
        let held = json!({"VolumeId": edge["volumeId"]});
        assert_eq!(account.error("DeleteVolume", held).code, "VolumeInUse");
    }

    #[test]
    fn a_volume_grows_and_rests() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        account.instance(&region);
        let id = account.ok("DescribeVolumes", json!({}))["volumeSet"][0]["volumeId"].clone();
        let size = |size: &str| json!({"VolumeId": id, "Size": size});
        assert_eq!(account.error("ModifyVolume", size("8")).code, "InvalidParameterValue");
        let missing = account.error("DescribeVolumesModifications", json!({"VolumeId": [id]}));
        assert_eq!(missing.code, "InvalidVolumeModification.NotFound");
        let answer = account.ok("ModifyVolume", size("60"));
        assert_eq!(answer["volumeModification"]["modificationState"], "modifying");
        assert_eq!(account.error("ModifyVolume", size("70")).code, "IncorrectModificationState");
        account.wait(5);
        assert_eq!(account.ok("DescribeVolumes", json!({}))["volumeSet"][0]["size"], 60);
        account.wait(30);
        let seen = account.ok("DescribeVolumesModifications", json!({"VolumeId": [id]}));
        assert_eq!(seen["volumeModificationSet"][0]["modificationState"], "completed");
        assert_eq!(account.error("ModifyVolume", size("70")).code, "VolumeModificationRateExceeded");
        account.wait(6 * 3600);
        account.ok("ModifyVolume", size("70"));
    }
}
