//! Machine images, from the world.

use serde_json::{Value, json};

use super::Entry;
use super::input::{bad_value, text};
use super::kinds::IMAGE;
use super::listing::{Filter, Listing, PAGES};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::world::Image;

pub(super) const OPERATIONS: &[Entry] =
    &[("DescribeImages", "ImageId Owner ExecutableBy IncludeDeprecated IncludeDisabled FILTERS PAGES", describe)];

/// The size of the snapshot behind each image's root volume, in GiB.
pub(super) const ROOT_SIZE: i64 = 30;
pub(super) const ROOT_DEVICE: &str = "/dev/xvda";

/// Amazon's accounts that own ECS images and plain ones.
const ECS_OWNER: &str = "591542846629";
const AMAZON_OWNER: &str = "137112412989";

impl Image {
    /// Images of Amazon Linux 2023 ask for session tokens and have gp3 volumes, those of Amazon Linux 2 do not.
    pub(super) fn is_recent(&self) -> bool {
        self.name.starts_with("al2023")
    }

    pub(super) fn snapshot_id(&self) -> String {
        format!("snap-{}", self.id.trim_start_matches("ami-"))
    }

    pub(super) fn root_volume_type(&self) -> &'static str {
        if self.is_recent() { "gp3" } else { "gp2" }
    }

    fn wire(&self) -> Value {
        let recent = self.is_recent();
        json!({
            "imageId": self.id,
            "name": self.name,
            "imageLocation": format!("amazon/{}", self.name),
            "imageOwnerId": if self.ecs_agent.is_some() { ECS_OWNER } else { AMAZON_OWNER },
            "imageOwnerAlias": "amazon",
            "imageState": "available",
            "imageType": "machine",
            "isPublic": true,
            "architecture": self.architecture,
            "platformDetails": "Linux/UNIX",
            "usageOperation": "RunInstances",
            "rootDeviceName": ROOT_DEVICE,
            "rootDeviceType": "ebs",
            "virtualizationType": "hvm",
            "hypervisor": "xen",
            "enaSupport": true,
            "sriovNetSupport": "simple",
            "imdsSupport": recent.then_some("v2.0"),
            "blockDeviceMapping": [{
                "deviceName": ROOT_DEVICE,
                "ebs": {
                    "deleteOnTermination": true, "encrypted": false, "snapshotId": self.snapshot_id(),
                    "volumeSize": ROOT_SIZE, "volumeType": self.root_volume_type(),
                },
            }],
            "tagSet": [],
        })
    }
}

const FILTERS: &[Filter] = &[
    ("architecture", "architecture"),
    ("block-device-mapping.device-name", "blockDeviceMapping.deviceName"),
    ("block-device-mapping.volume-type", "blockDeviceMapping.ebs.volumeType"),
    ("ena-support", "enaSupport"),
    ("hypervisor", "hypervisor"),
    ("image-id", "imageId"),
    ("image-type", "imageType"),
    ("is-public", "isPublic"),
    ("name", "name"),
    ("owner-alias", "imageOwnerAlias"),
    ("owner-id", "imageOwnerId"),
    ("root-device-name", "rootDeviceName"),
    ("root-device-type", "rootDeviceType"),
    ("state", "imageState"),
    ("virtualization-type", "virtualizationType"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let owners = call.texts("Owner");
    let public = call.texts("ExecutableBy");
    let rows = state.world.images.iter().map(|image| (image.id.clone(), image.wire()));
    let owned = |row: &Value| {
        owners.is_empty()
            || owners.iter().any(|owner| {
                row["imageOwnerId"] == *owner
                    || row["imageOwnerAlias"] == *owner
                    || (*owner == "self" && row["imageOwnerId"] == state.world.account)
            })
    };
    let executable = public.is_empty() || public.contains(&"all");
    let ids = Some(("ImageId", &IMAGE));
    let rows = rows.filter(|(_, row)| owned(row) && executable).collect();
    Listing { set: "imagesSet", ids, filters: FILTERS, pages: 1..=*PAGES.end() }.answer(call, rows)
}

/// The image that a launch names, by id or through a parameter (`resolve:ssm:NAME`).
pub(super) fn named(state: &State, given: &str) -> Result<Image, AwsError> {
    let id = match given.strip_prefix("resolve:ssm:") {
        Some(name) => state.world.parameters.get(name).map(String::as_str).ok_or_else(|| {
            bad_value(format!("Parameter {name} not found. Please check the parameter name and try again."))
        })?,
        None => given,
    };
    // Some public parameters hold a JSON object that has the id as a member.
    let object: Value = serde_json::from_str(id).unwrap_or(Value::Null);
    let id = text(&object, "image_id").unwrap_or(id);
    IMAGE.check_form(id)?;
    state.world.images.iter().find(|image| image.id == id).cloned().ok_or_else(|| IMAGE.missing(&[id]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn images_by_name_owner_and_parameter() {
        let mut account = Account::new();
        let filter = json!([{"Name": "name", "Value": ["*-ecs-hvm-*"]}, {"Name": "architecture", "Value": ["x86_64"]}]);
        let seen = account.ok("DescribeImages", json!({"Owner": ["amazon"], "Filter": filter}));
        assert_eq!(seen["imagesSet"].as_array().unwrap().len(), 2);
        assert_eq!(account.ok("DescribeImages", json!({"Owner": ["self"]}))["imagesSet"], json!([]));
        let error = account.error("DescribeImages", json!({"ImageId": ["ami-00000000000000000"]}));
        assert_eq!(error.message, "The image id '[ami-00000000000000000]' does not exist");
        let name = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id";
        assert_eq!(named(&account.state, name).unwrap().id, "ami-0a1ec5f00d2023001");
        assert_eq!(named(&account.state, "resolve:ssm:/none").unwrap_err().code, "InvalidParameterValue");
    }
}
