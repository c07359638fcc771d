//! EC2-04: volumes of instances.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static RULES: &[Rule] = &[Rule {
    id: "EC2-04",
    severity: Error,
    title: "a volume that its type does not allow",
    why: "Each type of volume has sizes of its own; iops are chosen for gp3, io1 and io2, throughput for gp3, both \
              within limits: \"InvalidParameterValue\", \"InvalidParameterCombination\".",
    source: "Amazon EC2 API, EbsBlockDevice; Amazon EBS User Guide, Amazon EBS volume types",
    check: Check::Each("Instance", volumes),
    bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  blockDeviceMappings:
    - {deviceName: /dev/xvdb, ebs: {volumeType: st1, volumeSize: 30}}
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
  blockDeviceMappings:
    - {deviceName: /dev/xvdb, ebs: {volumeType: st1, volumeSize: 125}}
",
}];

/// A type of volume: sizes in GiB, operations a second, and how many of those a GiB allows.
struct Volume {
    name: &'static str,
    sizes: (i64, i64),
    iops: Option<(i64, i64)>,
    iops_per_gib: i64,
}

const VOLUMES: &[Volume] = &[
    Volume { name: "gp2", sizes: (1, 16_384), iops: None, iops_per_gib: 0 },
    Volume { name: "gp3", sizes: (1, 65_536), iops: Some((3000, 80_000)), iops_per_gib: 500 },
    Volume { name: "io1", sizes: (4, 16_384), iops: Some((100, 64_000)), iops_per_gib: 50 },
    Volume { name: "io2", sizes: (4, 65_536), iops: Some((100, 256_000)), iops_per_gib: 1000 },
    Volume { name: "st1", sizes: (125, 16_384), iops: None, iops_per_gib: 0 },
    Volume { name: "sc1", sizes: (125, 16_384), iops: None, iops_per_gib: 0 },
    Volume { name: "standard", sizes: (1, 1024), iops: None, iops_per_gib: 0 },
];
/// MiB a second of gp3, at 4 operations for each.
const THROUGHPUT: (i64, i64) = (125, 2000);
/// What gp3 has of both, when nothing is said; every size allows it.
const GP3_IOPS: i64 = 3000;

fn volumes(instance: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for device in instance.get("blockDeviceMappings").items() {
        volume(device.get("ebs"), hits);
    }
}

fn volume(ebs: Node<'_>, hits: &mut Hits) {
    let (kind, size) = (ebs.get("volumeType"), ebs.get("volumeSize"));
    let Some(name) = kind.text() else { return };
    let Some(volume) = VOLUMES.iter().find(|one| one.name == name) else {
        hits.add(kind, format!("`{name}` is not a type of volume"))
            .help(VOLUMES.iter().map(|one| one.name).collect::<Vec<_>>().join(", "));
        return;
    };
    let (least, most) = volume.sizes;
    let gib = size.number();
    if gib.is_some_and(|gib| !(least..=most).contains(&gib)) {
        hits.add(size, format!("{name} volumes have {least} to {most} GiB"));
    }
    let iops = ebs.get("iops");
    match (iops.number(), volume.iops) {
        (Some(_), None) => {
            hits.add(iops, format!("iops cannot be chosen for {name}")).fix_by_removing(ebs, "iops");
        }
        (Some(number), Some((least, most))) if !(least..=most).contains(&number) => {
            hits.add(iops, format!("{name} volumes have {least} to {most} operations a second, and not {number}"));
        }
        (Some(number), Some(_))
            if !(name == "gp3" && number <= GP3_IOPS)
                && gib.is_some_and(|gib| number > gib.saturating_mul(volume.iops_per_gib)) =>
        {
            let message =
                format!("{name} volumes have {} operations a second for each GiB at most", volume.iops_per_gib);
            hits.add(iops, message).help("a larger volume may have more");
        }
        (None, Some(_)) if name != "gp3" && !iops.is_given() => {
            hits.add(ebs, format!("{name} needs iops"));
        }
        _ => {}
    }
    let throughput = ebs.get("throughput");
    let Some(number) = throughput.number() else { return };
    let (least, most) = THROUGHPUT;
    if name != "gp3" {
        hits.add(throughput, format!("throughput cannot be chosen for {name}")).fix_by_removing(ebs, "throughput");
    } else if !(least..=most).contains(&number) {
        hits.add(throughput, format!("gp3 volumes have {least} to {most} MiB a second, and not {number}"));
    } else if (!iops.is_given() || iops.number().is_some()) && number * 4 > iops.number().unwrap_or(GP3_IOPS) {
        hits.add(throughput, format!("{number} MiB a second need {} iops", number * 4)).help("raise iops as well");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::rules::tests::findings;

    #[test]
    fn volumes() {
        let volume = |ebs: Value| -> Vec<String> {
            let spec = json!({"imageId": "ami-0123456789abcdef0", "instanceType": "c5.large",
                "subnetId": "subnet-0123456789abcdef0", "iamInstanceProfile": "ecsInstanceRole",
                "ecsConfig": {"ECS_CLUSTER": "stores"},
                "blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": ebs}]});
            let found = findings(&format!("kind: Instance\nmetadata: {{name: host}}\nspec: {spec}\n"));
            found.iter().map(|one| one.code.to_string()).collect()
        };
        for right in [
            json!({"volumeType": "gp2", "volumeSize": 30, "encrypted": true}),
            json!({"volumeType": "gp3", "volumeSize": 1, "iops": 3000, "throughput": 125}),
            json!({"volumeType": "gp3", "volumeSize": 100, "iops": 4000, "throughput": 1000}),
            json!({"volumeType": "io1", "volumeSize": 4, "iops": 200}),
        ] {
            assert_eq!(volume(right.clone()), [""; 0], "{right}");
        }
        for wrong in [
            json!({"volumeType": "gp4"}),
            json!({"volumeType": "io2"}),
            json!({"volumeType": "gp2", "iops": 3000}),
            json!({"volumeType": "gp2", "throughput": 125}),
            json!({"volumeType": "gp3", "iops": 100}),
            json!({"volumeType": "gp3", "throughput": 1000}),
            json!({"volumeType": "io1", "volumeSize": 4, "iops": 201}),
        ] {
            assert_eq!(volume(wrong.clone()), ["EC2-04"], "{wrong}");
        }
    }
}
