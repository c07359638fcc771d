//! What is wrong with an instance on an Outpost that would be right in the Region.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spec::{BlockDevice, InstanceSpec};
use crate::address::Address;
use crate::kinds::{Findings, is_open};
use crate::manifest::references::whole;

/// GiB that the root volume of an instance on an Outpost should not exceed.
const ROOT_SIZE: i32 = 30;
/// What images call their root volume.
const ROOTS: &[&str] = &["/dev/xvda", "/dev/sda1"];
/// Ways to pull images that go over the link to the Region each time a task starts.
const NEEDS_LINK: &[&str] = &["default", "always"];

/// Finds nothing when the instance's subnet is not declared or not on an Outpost.
pub(super) fn lint(spec: &InstanceSpec, others: &BTreeMap<Address, Value>, findings: &mut Findings) {
    let subnet = whole(&spec.subnet_id).and_then(|reference| others.get(&Address::from(&reference)));
    if subnet.is_none_or(|subnet| subnet["outpostArn"].is_null()) {
        return;
    }
    for (index, device) in spec.block_device_mappings.iter().flatten().enumerate() {
        lint_volume(device, &format!("/blockDeviceMappings/{index}/ebs"), findings);
    }
    let Some(config) = spec.ecs_config.as_ref().filter(|config| !config.is_empty()) else { return };
    let behavior = config.get("ECS_IMAGE_PULL_BEHAVIOR").and_then(|value| value.0.as_str()).unwrap_or("default");
    if NEEDS_LINK.contains(&behavior) {
        findings.warning(
            "/ecsConfig",
            "outpost-image-pull",
            "each start of a task asks the Region for its image, so none starts while the Outpost's link is down",
        );
        findings.help("add ECS_IMAGE_PULL_BEHAVIOR: prefer-cached");
    }
}

fn lint_volume(device: &BlockDevice, at: &str, findings: &mut Findings) {
    let Some(ebs) = &device.ebs else { return };
    if let Some(kind) = ebs.volume_type.as_deref().filter(|kind| *kind != "gp2" && !is_open(kind)) {
        let message = format!("first-generation Outposts racks have gp2 volumes only, and this is {kind}");
        findings.warning(format!("{at}/volumeType"), "outpost-volume", message);
        findings.help("write volumeType: gp2, unless the Outpost is known to have more");
    }
    if ebs.encrypted == Some(false) {
        findings.error(format!("{at}/encrypted"), "outpost-encryption", "volumes on an Outpost are encrypted");
        findings.help("write encrypted: true, or leave it out");
    }
    if ROOTS.contains(&device.device_name.as_str()) && ebs.volume_size.is_some_and(|size| size > ROOT_SIZE) {
        let message = format!("on an Outpost a root volume has at most {ROOT_SIZE} GiB");
        findings.warning(format!("{at}/volumeSize"), "outpost-root-size", message);
        findings.help("put what needs more room on a volume of its own, as /dev/xvdb");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(subnet: &Value, more: Value) -> Vec<(String, &'static str)> {
        let mut spec = json!({
            "imageId": "ami-0123456789abcdef0", "instanceType": "c5.large", "subnetId": "${Subnet.floor.id}",
            "ecsConfig": {"ECS_CLUSTER": "edge", "ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached"}
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let others = BTreeMap::from([(Address::new("Subnet", "floor"), subnet.clone())]);
        let mut findings = Findings::default();
        lint(&serde_json::from_value(spec).unwrap(), &others, &mut findings);
        findings.0.into_iter().map(|finding| (finding.pointer, finding.code)).collect()
    }

    #[test]
    fn volumes_are_what_outposts_have() {
        let (outpost, region) = (json!({"outpostArn": "arn:aws:outposts:…"}), json!({}));
        let root = |ebs: Value| json!({"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": ebs}]});
        let at = |member: &str, code| vec![(format!("/blockDeviceMappings/0/ebs/{member}"), code)];
        let wrong = root(json!({"volumeType": "gp3"}));
        assert_eq!(codes(&outpost, wrong.clone()), at("volumeType", "outpost-volume"));
        assert!(codes(&region, wrong).is_empty());
        assert_eq!(codes(&outpost, root(json!({"encrypted": false}))), at("encrypted", "outpost-encryption"));
        assert_eq!(codes(&outpost, root(json!({"volumeSize": 31}))), at("volumeSize", "outpost-root-size"));
        assert!(codes(&outpost, root(json!({"volumeType": "gp2", "volumeSize": 30, "encrypted": true}))).is_empty());
        let data = json!({"blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": {"volumeSize": 200}}]});
        assert!(codes(&outpost, data).is_empty());
    }

    #[test]
    fn images_are_kept_where_the_link_may_fail() {
        let outpost = json!({"outpostArn": "arn:aws:outposts:…"});
        let found = vec![("/ecsConfig".to_owned(), "outpost-image-pull")];
        let pulls = |config: Value| codes(&outpost, json!({"ecsConfig": config}));
        assert_eq!(pulls(json!({"ECS_CLUSTER": "edge"})), found);
        assert_eq!(pulls(json!({"ECS_IMAGE_PULL_BEHAVIOR": "always"})), found);
        assert!(pulls(json!({"ECS_IMAGE_PULL_BEHAVIOR": "once"})).is_empty());
        assert!(pulls(json!({})).is_empty());
    }
}
