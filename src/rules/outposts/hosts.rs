//! OUT-10 to OUT-13: instances on Outposts that would be right in the Region.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::hosts::{outpost_of, setting, subnet_of};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "OUT-10",
        severity: Warning,
        title: "a host on an Outpost that asks the Region for each image",
        why: "With default and always each start of a task asks the registry, over the link to the Region: none starts, \
              and none that failed comes back, while the link is down. With prefer-cached what was pulled once goes on \
              starting.",
        source: "AWS documentation, Amazon ECS on AWS Outposts; aws/amazon-ecs-agent, README, Environment Variables",
        check: Check::Each("Instance", pulls),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
",
    },
    Rule {
        id: "OUT-11",
        severity: Warning,
        title: "a volume on an Outpost that is not gp2",
        why: "First-generation racks have gp2 volumes only, and refuse others when the instance starts. Second-generation \
              racks have more: there the finding can be ignored.",
        source: "AWS Outposts User Guide for racks, Amazon EBS on Outposts",
        check: Check::Each("Instance", volume_types),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
  blockDeviceMappings: [{deviceName: /dev/xvdb, ebs: {volumeType: gp3, volumeSize: 100}}]
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
  blockDeviceMappings: [{deviceName: /dev/xvdb, ebs: {volumeType: gp2, volumeSize: 100}}]
",
    },
    Rule {
        id: "OUT-12",
        severity: Warning,
        title: "a root volume of more than 30 GiB on an Outpost",
        why: "AWS asks for root volumes of 30 GiB at most on Outposts; what needs more room goes on a data volume.",
        source: "Amazon EC2 User Guide, Amazon EC2 instances on AWS Outposts",
        check: Check::Each("Instance", root_size),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
  blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {volumeSize: 200}}]
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
  blockDeviceMappings: [{deviceName: /dev/xvdb, ebs: {volumeSize: 200}}]
",
    },
    Rule {
        id: "OUT-13",
        severity: Error,
        title: "a volume on an Outpost that is not encrypted",
        why: "Volumes on an Outpost, and snapshots that are kept there, are always encrypted: RunInstances refuses \
              encrypted: false.",
        source: "Amazon EBS User Guide, Amazon EBS local snapshots on Outposts",
        check: Check::Each("Instance", encryption),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
  blockDeviceMappings: [{deviceName: /dev/xvdb, ebs: {volumeSize: 100, encrypted: false}}]
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
  blockDeviceMappings: [{deviceName: /dev/xvdb, ebs: {volumeSize: 100, encrypted: true}}]
",
    },
];

/// GiB that the root volume of an instance on an Outpost should not exceed.
const ROOT_SIZE: i64 = 30;
/// What images call their root volume.
pub(super) const ROOTS: &[&str] = &["/dev/xvda", "/dev/sda1"];
/// Ways to pull images that go over the link to the Region each time a task starts.
const NEEDS_LINK: &[&str] = &["default", "always"];

/// The subnet of an instance that is declared to be on an Outpost.
fn on_outpost<'a>(host: Node<'_>, declared: &Declared<'a>) -> Option<Node<'a>> {
    subnet_of(host, declared).filter(|subnet| outpost_of(*subnet).is_some())
}

fn pulls(host: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let config = host.get("ecsConfig");
    let Some(subnet) = on_outpost(host, declared).filter(|_| config.says_something()) else { return };
    let behavior = setting(host, "ECS_IMAGE_PULL_BEHAVIOR");
    if !behavior.is_given() || behavior.is_any(NEEDS_LINK) {
        let message =
            "each start of a task asks the Region for its image, so none starts while the Outpost's link is down";
        hits.add(if behavior.is_given() { behavior } else { config }, message)
            .help("add ECS_IMAGE_PULL_BEHAVIOR: prefer-cached")
            .fix(config, "ECS_IMAGE_PULL_BEHAVIOR", "prefer-cached")
            .beside(subnet.get("outpostArn"), "its subnet is on an Outpost");
    }
}

/// The EBS volumes of an instance on an Outpost, with their devices.
fn volumes<'a>(host: Node<'a>, declared: &Declared<'_>) -> Vec<(Node<'a>, Node<'a>)> {
    if on_outpost(host, declared).is_none() {
        return Vec::new();
    }
    let devices = host.get("blockDeviceMappings").items();
    devices.map(|device| (device.get("deviceName"), device.get("ebs"))).filter(|(_, ebs)| ebs.is_given()).collect()
}

fn volume_types(host: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    for (_, ebs) in volumes(host, declared) {
        let node = ebs.get("volumeType");
        if let Some(kind) = node.text().filter(|kind| *kind != "gp2") {
            hits.add(node, format!("first-generation Outposts racks have gp2 volumes only, and this is {kind}"))
                .help("write volumeType: gp2, unless the Outpost is known to have more");
        }
    }
}

fn root_size(host: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    for (device, ebs) in volumes(host, declared) {
        let size = ebs.get("volumeSize");
        if let Some(gib) = size.number().filter(|gib| device.is_any(ROOTS) && *gib > ROOT_SIZE) {
            hits.add(size, format!("{gib} GiB; on an Outpost a root volume has at most {ROOT_SIZE}"))
                .help("put what needs more room on a volume of its own, as /dev/xvdb");
        }
    }
}

fn encryption(host: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    for (_, ebs) in volumes(host, declared) {
        let node = ebs.get("encrypted");
        if node.flag() == Some(false) {
            hits.add(node, "volumes on an Outpost are encrypted").help("write encrypted: true, or leave it out").fix(
                ebs,
                "encrypted",
                true,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    /// What is found about an instance with these members in a subnet with those.
    fn codes(subnet: &str, members: &str) -> Vec<String> {
        let example = format!(
            "kind: Subnet\nmetadata: {{name: floor}}\nspec: {{vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24, \
             {subnet}}}\n---\nkind: Instance\nmetadata: {{name: host}}\nspec:\n  imageId: ami-0123456789abcdef0\n  \
             instanceType: c5.large\n  subnetId: ${{Subnet.floor}}\n  iamInstanceProfile: ecsInstanceRole\n  {members}\n"
        );
        findings(&example).iter().map(|one| one.code.to_string()).collect()
    }

    const OUTPOST: &str = "availabilityZoneId: euc1-az1, \
        outpostArn: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0'";

    #[test]
    fn images_are_kept_where_the_link_may_fail() {
        let pulls = |how: &str| codes(OUTPOST, &format!("ecsConfig: {{ECS_CLUSTER: stores{how}}}"));
        assert_eq!(pulls(""), ["OUT-10"]);
        assert_eq!(pulls(", ECS_IMAGE_PULL_BEHAVIOR: always"), ["OUT-10"]);
        assert_eq!(pulls(", ECS_IMAGE_PULL_BEHAVIOR: once"), [""; 0]);
        assert_eq!(codes("", "ecsConfig: {ECS_CLUSTER: stores}"), [""; 0]);
    }

    #[test]
    fn volumes_are_what_outposts_have() {
        let config = "ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}";
        let root = |ebs: &str| format!("{config}\n  blockDeviceMappings: [{{deviceName: /dev/xvda, ebs: {{{ebs}}}}}]");
        assert_eq!(codes(OUTPOST, &root("volumeType: gp2, volumeSize: 30, encrypted: true")), [""; 0]);
        assert_eq!(codes(OUTPOST, &root("volumeSize: 31, encrypted: false")), ["OUT-12", "OUT-13"]);
        assert_eq!(codes("", &root("volumeType: gp3, volumeSize: 31, encrypted: false")), [""; 0]);
    }
}
