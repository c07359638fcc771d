//! VOL-06, VOL-07: EBS volumes that tasks get when they start.

use super::definitions::{title, volumes};
use crate::diagnostic::Severity::Error;
use crate::rules::workload::{all_runners, definition as definition_of, launch_type};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// Sizes in GiB and I/O operations a second by the type of a volume; no operations: they cannot be chosen.
struct VolumeType {
    name: &'static str,
    size: (i64, i64),
    iops: Option<(i64, i64)>,
}

const TYPES: &[VolumeType] = &[
    VolumeType { name: "gp2", size: (1, 16_384), iops: None },
    VolumeType { name: "gp3", size: (1, 16_384), iops: Some((3000, 16_000)) },
    VolumeType { name: "io1", size: (4, 16_384), iops: Some((100, 64_000)) },
    VolumeType { name: "io2", size: (4, 16_384), iops: Some((100, 256_000)) },
    VolumeType { name: "st1", size: (125, 16_384), iops: None },
    VolumeType { name: "sc1", size: (125, 16_384), iops: None },
    VolumeType { name: "standard", size: (1, 1024), iops: None },
];
/// MiB a second of a gp3 volume.
const MOST_THROUGHPUT: i64 = 1000;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "VOL-06",
        severity: Error,
        title: "a volume to be configured at launch that nobody configures",
        why: "The service or the run says in volumeConfigurations, under the volume's name, what a volume with \
              configuredAtLaunch is; without it no task starts. A DAEMON service cannot have such volumes. A name in a \
              service that no volume has is another rule's, and so are external instances.",
        source: "Amazon ECS API, Volume.configuredAtLaunch and CreateService: volumeConfigurations",
        check: Check::All(configured),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, configuredAtLaunch: true}]
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, configuredAtLaunch: true}]
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  volumeConfigurations:
    - name: data
      managedEBSVolume: {roleArn: 'arn:aws:iam::123456789012:role/ecsInfrastructureRole', sizeInGiB: 20}
",
    },
    Rule {
        id: "VOL-07",
        severity: Error,
        title: "an EBS volume that there is not",
        why: "A volume has a size or a snapshot, and each volumeType its sizes and operations a second: gp2 and gp3 have 1 \
              to 16384 GiB, io1 and io2 4 to 16384, st1 and sc1 125 to 16384, standard 1 to 1024; iops are 3000 to 16000 \
              for gp3, 100 to 64000 for io1 and to 256000 for io2, which need them, and the others take none but gp2's \
              own. throughput is gp3's alone, up to 1000 MiB a second. standard is not for Fargate. That the roleArn is \
              there the schema says.",
        source: "Amazon ECS API, ServiceManagedEBSVolumeConfiguration and TaskManagedEBSVolumeConfiguration",
        check: Check::All(ebs),
        bad: "
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  volumeConfigurations:
    - name: data
      managedEBSVolume:
        {roleArn: 'arn:aws:iam::123456789012:role/ecsInfrastructureRole', volumeType: st1, sizeInGiB: 20}
",
        good: "
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  volumeConfigurations:
    - name: data
      managedEBSVolume:
        {roleArn: 'arn:aws:iam::123456789012:role/ecsInfrastructureRole', volumeType: st1, sizeInGiB: 125}
",
    },
];

fn configured(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        // External instances take no such volumes at all.
        let Some(definition) =
            definition_of(runner, declared).filter(|_| launch_type(runner, declared) != Some("EXTERNAL"))
        else {
            continue;
        };
        let list = runner.get("volumeConfigurations");
        let names = || list.items().map(|one| one.get("name"));
        if names().any(|name| name.text().is_none()) {
            continue;
        }
        let is_service = runner.address().kind == "Service";
        let mut wanting = volumes(definition).filter(|volume| volume.get("configuredAtLaunch").is_true());
        let place = if list.is_given() { list } else { runner.get("taskDefinition") };
        if let Some(volume) = wanting.next() {
            let name = title(volume);
            if runner.get("schedulingStrategy").is("DAEMON") {
                hits.add(
                    place,
                    format!("a DAEMON service cannot have the volume `{name}`, which is configured at launch"),
                )
                .beside(volume, "the volume");
            } else if volume.get("name").text().is_some()
                && !names().any(|one| one.is(name))
                && (!is_service || !list.says_something())
            {
                hits.add(place, format!("nothing says what the volume `{name}` is, which is configured at launch"))
                    .beside(volume, "the volume")
                    .help(format!("add volumeConfigurations: [{{name: {name}, managedEBSVolume: …}}]"));
            }
        } else if !is_service && list.says_something() {
            hits.add(list, "no volume of the task definition is configured at launch")
                .beside(definition.get("volumes"), "its volumes");
        }
    }
}

fn ebs(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let is_fargate = launch_type(runner, declared) == Some("FARGATE");
        for volume in runner.get("volumeConfigurations").items().map(|one| one.get("managedEBSVolume")) {
            if volume.is_given() {
                check(volume, is_fargate, hits);
            }
        }
    }
}

fn check(volume: Node<'_>, is_fargate: bool, hits: &mut Hits) {
    let [size, iops, throughput, rate] =
        ["sizeInGiB", "iops", "throughput", "volumeInitializationRate"].map(|member| volume.get(member));
    let snapshot = volume.get("snapshotId");
    if !size.is_given() && !snapshot.is_given() {
        hits.add(volume, "the volume has neither a size nor a snapshot").help("add sizeInGiB");
    }
    if rate.is_given() && !snapshot.is_given() {
        hits.add(rate, "volumeInitializationRate is for a volume from a snapshot")
            .help("take it out, or add snapshotId");
    }
    let name = volume.get("volumeType");
    let Some(text) = name.text() else { return };
    let Some(kind) = TYPES.iter().find(|kind| kind.name == text) else {
        let names: Vec<&str> = TYPES.iter().map(|kind| kind.name).collect();
        hits.add(name, format!("EBS has no volume type `{text}`")).help(format!("it has {}", names.join(", ")));
        return;
    };
    if is_fargate && text == "standard" {
        hits.add(name, "Fargate takes no volumes of type standard");
    }
    let outside = |value: i64, (low, high): (i64, i64)| !(low..=high).contains(&value);
    if let Some(gib) = size.number().filter(|gib| outside(*gib, kind.size)) {
        let (low, high) = kind.size;
        hits.add(size, format!("a volume of type {text} has {low} to {high} GiB, not {gib}"));
    }
    match (iops.number(), kind.iops) {
        (Some(number), Some(range)) if outside(number, range) => {
            let (low, high) = range;
            hits.add(iops, format!("a volume of type {text} has {low} to {high} operations a second, not {number}"));
        }
        (Some(_), None) if text != "gp2" => {
            hits.add(iops, format!("the operations of a volume of type {text} cannot be chosen")).help("take iops out");
        }
        (None, Some((low, high))) if text.starts_with("io") && !iops.is_given() => {
            hits.add(volume, format!("a volume of type {text} needs iops")).help(format!("{low} to {high}"));
        }
        _ => {}
    }
    if throughput.is_given() && text != "gp3" {
        hits.add(throughput, format!("only a volume of type gp3 has a throughput, not {text}"))
            .help("take throughput out");
    } else if let Some(number) = throughput.number().filter(|number| *number > MOST_THROUGHPUT) {
        hits.add(throughput, format!("a throughput of {number} MiB a second; {MOST_THROUGHPUT} is the most"));
    }
}
