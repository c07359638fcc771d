//! EC2-01, EC2-03 and EC2-05 to EC2-10: instances as EC2 sees them.

use std::net::Ipv4Addr;

use super::blocks::block_v4;
use super::routes::are_different;
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;
use crate::kinds::instance::{USER_DATA_SIZE, user_data_size};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EC2-01",
        severity: Error,
        title: "an image of another processor architecture than the instance type",
        why: "RunInstances refuses it: \"The architecture 'arm64' of the specified instance type does not match the \
              architecture 'x86_64' of the specified AMI\". Said of AWS's own image parameters; what stands behind an \
              ami-… or a parameter of your own only AWS knows.",
        source: "Amazon EC2 API, RunInstances; Amazon ECS Developer Guide, Retrieving Amazon ECS-optimized AMI metadata",
        check: Check::Each("Instance", architecture),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c6g.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id
  instanceType: c6g.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "EC2-03",
        severity: Error,
        title: "an instance whose security group is in another VPC than its subnet",
        why: "RunInstances refuses it: \"InvalidParameter: Security group … and subnet … belong to different networks\".",
        source: "Amazon EC2 API, RunInstances.SecurityGroupIds",
        check: Check::Each("Instance", one_network),
        bad: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24}
---
kind: SecurityGroup
metadata: {name: hosts}
spec: {vpcId: vpc-0123456789abcdef1}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24}
---
kind: SecurityGroup
metadata: {name: hosts}
spec: {vpcId: vpc-0123456789abcdef0}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "EC2-05",
        severity: Error,
        title: "an image that is neither an id nor a parameter",
        why: "RunInstances takes ami-… or resolve:ssm: with the name of a parameter that holds one: \
              \"InvalidAMIID.Malformed\".",
        source: "Amazon EC2 API, RunInstances.ImageId",
        check: Check::Each("Instance", image),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: amazon-linux-2023-ecs
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "EC2-06",
        severity: Error,
        title: "an instance type that cannot be one",
        why: "A type is a family and a size, as c5.large: \"InvalidParameterValue: The following supplied instance types \
              do not exist\".",
        source: "Amazon EC2 API, RunInstances.InstanceType",
        check: Check::Each("Instance", instance_type),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "EC2-07",
        severity: Error,
        title: "a private address that the instance cannot have",
        why: "It is one IPv4 address within the subnet's, not among the five that AWS keeps (the first four and the last), \
              and one instance has it: \"InvalidParameterValue\", \"InvalidIPAddress.InUse\".",
        source: "Amazon EC2 API, RunInstances.PrivateIpAddress",
        check: Check::Each("Instance", private_address),
        bad: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  privateIpAddress: 10.17.1.3
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  privateIpAddress: 10.17.1.10
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "EC2-08",
        severity: Error,
        title: "CPU credits of a type that has none",
        why: "Only burstable types (t2, t3, t3a, t4g) have CPU credits: \"InvalidParameterCombination\".",
        source: "Amazon EC2 API, CreditSpecificationRequest",
        check: Check::Each("Instance", credits),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  creditSpecification: {cpuCredits: standard}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "EC2-09",
        severity: Error,
        title: "a hop limit of metadata that is not 1 to 64",
        why: "ModifyInstanceMetadataOptions takes 1 to 64. A task in a bridge network needs 2 hops.",
        source: "Amazon EC2 API, InstanceMetadataOptionsRequest.HttpPutResponseHopLimit",
        check: Check::Schema(&[("Instance", &["/metadataOptions/httpPutResponseHopLimit"])]),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  metadataOptions: {httpPutResponseHopLimit: 65}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  metadataOptions: {httpPutResponseHopLimit: 2}
",
    },
    Rule {
        id: "EC2-10",
        severity: Error,
        title: "user data that are too large",
        why: "EC2 takes 16 KiB: \"User data is limited to 16384 bytes\". The lines that write the agent's settings count.",
        source: "Amazon EC2 API, RunInstances.UserData",
        check: Check::Each("Instance", script_size),
        bad: TOO_LARGE,
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  userData: |
    #!/bin/bash
    curl -s https://example.org/set-up.sh | bash
",
    },
];

/// A text eight times.
macro_rules! eight {
    ($($text:tt)*) => {
        concat!($($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*, $($text)*)
    };
}

const TOO_LARGE: &str = concat!(
    "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  userData: |
    #!/bin/bash
",
    eight!(eight!(eight!("    echo one of very many lines of a script\n"))),
);

fn architecture(instance: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let (image, kind) = (instance.get("imageId"), instance.get("instanceType"));
    let (Some(parameter), Some(family)) = (image.text(), kind.text().and_then(|text| text.split('.').next())) else {
        return;
    };
    let is_aws = ["resolve:ssm:/aws/service/ecs/optimized-ami/", "resolve:ssm:/aws/service/bottlerocket/aws-ecs-"]
        .into_iter()
        .any(|start| parameter.starts_with(start));
    if !is_aws || family.is_empty() {
        return;
    }
    let of_image = if parameter.contains("/arm64/") { "arm64" } else { "x86_64" };
    let of_kind = if is_arm(family) { "arm64" } else { "x86_64" };
    if of_image != of_kind {
        let help = match of_kind {
            "arm64" => "take the parameter with /arm64/ in it, or another instance type",
            _ => "take the parameter without /arm64/, or an instance type with a g after its number, as c6g",
        };
        hits.add(image, format!("the image is for {of_image}, and {family} is {of_kind}"))
            .help(help)
            .beside(kind, of_kind);
    }
}

/// Whether a family has Graviton processors: a g among the letters after its number, as c6gd.
fn is_arm(family: &str) -> bool {
    let after = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = after.trim_start_matches(|c: char| c.is_ascii_digit());
    family == "a1" || (after != letters && letters.contains('g'))
}

fn one_network(instance: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(subnet) = declared.target(instance.get("subnetId")) else { return };
    for item in instance.get("securityGroupIds").items() {
        let Some(group) = declared.target(item) else { continue };
        if are_different(subnet.get("vpcId"), group.get("vpcId")) {
            hits.add(item, format!("{} and {} are in different VPCs", group.address(), subnet.address()))
                .help("take a group of the subnet's VPC")
                .beside(group.get("vpcId"), "the VPC of the group")
                .beside(subnet.get("vpcId"), "the VPC of the subnet");
        }
    }
}

fn image(instance: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = instance.get("imageId");
    let Some(text) = node.text() else { return };
    let is_id = text.strip_prefix("ami-").is_some_and(|id| id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    if !is_id && !text.starts_with("resolve:ssm:") {
        hits.add(node, format!("`{text}` is not an image"))
            .help("an id, ami-…, or resolve:ssm: and the name of a parameter that holds one");
    }
}

fn instance_type(instance: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = instance.get("instanceType");
    if let Some(text) = node.text().filter(|text| !is_instance_type(text)) {
        hits.add(node, format!("`{text}` is not an instance type")).help("family and size, as c5.large");
    }
}

fn is_instance_type(text: &str) -> bool {
    let Some((family, size)) = text.split_once('.') else { return false };
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let sized = ["nano", "micro", "small", "medium", "large"].contains(&size)
        || size.starts_with("metal")
        || size.strip_suffix("xlarge").is_some_and(|times| times.bytes().all(|b| b.is_ascii_digit()));
    is_word(family) && is_word(size) && sized && family.starts_with(|letter: char| letter.is_ascii_lowercase())
}

fn private_address(instance: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let node = instance.get("privateIpAddress");
    let Some(text) = node.text() else { return };
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        hits.add(node, format!("`{text}` is not an IPv4 address"));
        return;
    };
    if instance.get("count").number().is_some_and(|count| count > 1) {
        hits.add(node, "several instances cannot have one address")
            .help("leave it out, or declare each instance for itself")
            .beside(instance.get("count"), "so many");
        return;
    }
    let Some(subnet) = declared.target(instance.get("subnetId")) else { return };
    let Some(block) = block_v4(subnet.get("cidrBlock")) else { return };
    let place = u32::from(address).wrapping_sub(u32::from(block.network()));
    let message = if !block.contains(&address) {
        format!("{address} is not within {block} of {}", subnet.address())
    } else if place < 4 || address == block.broadcast() {
        format!("AWS keeps {address} of {block} for itself, as the first four and the last of each subnet")
    } else {
        return;
    };
    hits.add(node, message).help("choose another, or leave it out").beside(subnet.get("cidrBlock"), "the subnet");
}

fn credits(instance: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let Some(kind) = instance.get("instanceType").text().filter(|kind| is_instance_type(kind)) else { return };
    let is_burstable = kind.strip_prefix('t').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let node = instance.get("creditSpecification");
    if node.is_given() && !is_burstable {
        hits.add(node, format!("{kind} is not a burstable type"))
            .help("leave it out")
            .fix_by_removing(instance, "creditSpecification");
    }
}

fn script_size(instance: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let size = instance.value().map_or(0, user_data_size);
    if size > USER_DATA_SIZE {
        let message = format!("the user data have {size} bytes with the agent's settings; EC2 takes {USER_DATA_SIZE}");
        hits.add(instance.get("userData"), message).help("fetch the script from somewhere, and run it");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::tests::findings;

    /// What is found about a sound instance with something else in it.
    fn codes(more: Value) -> Vec<String> {
        let mut spec = json!({
            "imageId": "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
            "instanceType": "c5.large", "subnetId": "subnet-0123456789abcdef0", "iamInstanceProfile": "ecsInstanceRole",
            "ecsConfig": {"ECS_CLUSTER": "stores"}
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let found = findings(&format!("kind: Instance\nmetadata: {{name: host}}\nspec: {spec}\n"));
        found.iter().map(|one| one.code.to_string()).collect()
    }

    #[test]
    fn shapes() {
        assert_eq!(codes(json!({})), [""; 0]);
        for wrong in ["large", "c5.big", "C5.large", "c5.large "] {
            assert_eq!(codes(json!({"instanceType": wrong})), ["EC2-06"], "{wrong}");
        }
        for right in ["m5.metal", "c6id.12xlarge", "r5.metal-48xl", "t3.nano", "u-6tb1.112xlarge"] {
            assert_eq!(codes(json!({"instanceType": right})), [""; 0], "{right}");
        }
        assert_eq!(codes(json!({"privateIpAddress": "10.0.0.300"})), ["EC2-07"]);
        assert_eq!(codes(json!({"privateIpAddress": "10.0.0.30", "count": 2})), ["EC2-07"]);
        let credits = json!({"cpuCredits": "unlimited"});
        assert_eq!(codes(json!({"instanceType": "t3.small", "creditSpecification": credits})), [""; 0]);
        assert_eq!(codes(json!({"instanceType": "trn1.2xlarge", "creditSpecification": credits})), ["EC2-08"]);
    }

    #[test]
    fn graviton_is_told_by_its_letter() {
        for arm in ["a1", "c6g", "c6gd", "t4g", "im4gn", "x2gd", "is4gen"] {
            assert!(is_arm(arm), "{arm}");
        }
        for intel in ["g4dn", "c5", "m6id", "g5", "u-6tb1", "trn1"] {
            assert!(!is_arm(intel), "{intel}");
        }
    }

    #[test]
    fn metadata_go_some_hops() {
        assert_eq!(codes(json!({"metadataOptions": {"httpPutResponseHopLimit": 0}})), ["EC2-09"]);
        assert_eq!(codes(json!({"metadataOptions": {"httpPutResponseHopLimit": 64}})), [""; 0]);
    }
}
