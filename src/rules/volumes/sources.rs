//! VOL-08 to VOL-11: where volumes are and where they can be.

use super::definitions::{mounts, title, volumes};
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::parts::{declared_hosts, host_count, is_for_fargate};
use crate::rules::workload::{definition as definition_of, is_for, is_windows};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// Directories that every host has of its own, and that are not a task's data.
const OF_THE_HOST: &[&str] = &[
    "/proc",
    "/sys",
    "/dev",
    "/etc",
    "/run",
    "/var/run",
    "/var/log",
    "/lib",
    "/usr",
    "/boot",
    "/tmp",
    "/var/lib/docker",
    "/cgroup",
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "VOL-08",
        severity: Error,
        title: "an FSx for Windows volume where there is no Windows on AWS",
        why: "Volumes from FSx for Windows File Server are for Windows containers on EC2: nothing mounts them on Linux. On \
              external instances they work as far as the network between the data centre and AWS lets them, which is a \
              warning. Of Fargate its own rule tells.",
        source: "Amazon ECS Developer Guide, FSx for Windows File Server volumes",
        check: Check::Each("TaskDefinition", fsx),
        bad: "
kind: TaskDefinition
metadata: {name: reports}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
  runtimePlatform: {operatingSystemFamily: LINUX}
  containerDefinitions:
    - {name: app, image: 'store/reports:7', memory: 512, mountPoints: [{sourceVolume: share, containerPath: /share}]}
  volumes:
    - name: share
      fsxWindowsFileServerVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        rootDirectory: share
        authorizationConfig:
          credentialsParameter: arn:aws:secretsmanager:eu-central-1:123456789012:secret:fsx-AbCdEf
          domain: store.example
",
        good: "
kind: TaskDefinition
metadata: {name: reports}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - {name: app, image: 'store/reports:7', memory: 512, mountPoints: [{sourceVolume: share, containerPath: 'C:\\share'}]}
  volumes:
    - name: share
      fsxWindowsFileServerVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        rootDirectory: share
        authorizationConfig:
          credentialsParameter: arn:aws:secretsmanager:eu-central-1:123456789012:secret:fsx-AbCdEf
          domain: store.example
",
    },
    Rule {
        id: "VOL-09",
        severity: Warning,
        title: "data of a service on whichever host it happens to run",
        why: "A directory of the host stays behind when the task starts on another host, and two tasks on two hosts each \
              have their own: nothing copies it. Looked at are directories that a REPLICA service may write to, unless a \
              memberOf constraint, or a single declared host, keeps one task where its data is. Directories such as \
              /var/run or /etc, which each host has of its own, are meant.",
        source: "Amazon ECS Developer Guide, Bind mounts",
        check: Check::Each("Service", stays_behind),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, host: {sourcePath: /srv/till}}]
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, host: {sourcePath: /srv/till}}]
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
  placementConstraints: [{type: memberOf, expression: 'ec2InstanceId == i-0123456789abcdef0'}]
",
    },
    Rule {
        id: "VOL-10",
        severity: Error,
        title: "a Docker volume where Docker cannot make it",
        why: "On Windows Docker has the volume driver local only. AWS supports Docker volumes on EC2 alone: on external \
              instances they are a warning. Of Fargate, which refuses them, its own rule tells.",
        source: "Amazon ECS API, DockerVolumeConfiguration",
        check: Check::Each("TaskDefinition", docker),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - {name: app, image: 'store/till:7', memory: 512, mountPoints: [{sourceVolume: data, containerPath: 'C:\\data'}]}
  volumes: [{name: data, dockerVolumeConfiguration: {driver: rexray/ebs}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - {name: app, image: 'store/till:7', memory: 512, mountPoints: [{sourceVolume: data, containerPath: 'C:\\data'}]}
  volumes: [{name: data, dockerVolumeConfiguration: {driver: local}}]
",
    },
    Rule {
        id: "VOL-11",
        severity: Error,
        title: "a Docker volume of a task that is to be made when missing",
        why: "autoprovision is for volumes of scope shared; one of scope task, which is the default, is made for each task \
              anyway.",
        source: "Amazon ECS API, DockerVolumeConfiguration.autoprovision",
        check: Check::Each("TaskDefinition", autoprovision),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, dockerVolumeConfiguration: {scope: task, autoprovision: true}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, dockerVolumeConfiguration: {scope: shared, autoprovision: true}}]
",
    },
];

fn fsx(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if is_for_fargate(definition, declared) {
        return;
    }
    let family = definition.at("runtimePlatform.operatingSystemFamily");
    for volume in volumes(definition) {
        let place = volume.get("fsxWindowsFileServerVolumeConfiguration");
        if !place.is_given() {
            continue;
        }
        // Without a family it may be Windows: EC2 does not need to be told.
        if family.text().is_some() && !is_windows(definition) {
            hits.add(
                place,
                format!("volume `{}` is from FSx for Windows, and the task is not for Windows", title(volume)),
            )
            .beside(family, "the operating system");
        } else if is_for(definition, "EXTERNAL", declared) {
            let message = format!("volume `{}` needs a way from the external instance to FSx in AWS", title(volume));
            hits.add_as(Warning, place, message);
        }
    }
}

fn is_of_the_host(path: &str) -> bool {
    let is_below =
        |directory: &&str| path.strip_prefix(*directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    path == "/" || path.ends_with(".sock") || OF_THE_HOST.iter().any(is_below)
}

fn stays_behind(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(definition) = definition_of(service, declared) else { return };
    if !volumes(definition).any(|volume| volume.at("host.sourcePath").is_given())
        || service.get("schedulingStrategy").is("DAEMON")
        || is_for_fargate(definition, declared)
    {
        return;
    }
    let tasks = service.get("desiredCount").number().unwrap_or(1);
    let is_bound = [service, definition].into_iter().any(|node| {
        node.get("placementConstraints").items().any(|constraint| !constraint.get("type").is("distinctInstance"))
    });
    let is_alone = host_count(&declared_hosts(service, declared)) == 1;
    if is_alone || tasks == 0 || (tasks == 1 && is_bound) {
        return;
    }
    for volume in volumes(definition) {
        let path = volume.at("host.sourcePath");
        let Some(text) = path.text().filter(|text| !is_of_the_host(text)) else { continue };
        let mut users = mounts(definition).filter(|mount| mount.get("sourceVolume").is(title(volume)));
        if users.any(|mount| !mount.get("readOnly").is_true()) {
            let message = if tasks == 1 {
                format!("its task may start on any host, and {text} stays on the last one")
            } else {
                format!("its {tasks} tasks may be on as many hosts, each with a {text} of its own")
            };
            hits.add(service.get("taskDefinition"), message)
                .beside(path, "the directory")
                .help("pin it with a memberOf constraint and one task, run a DAEMON, or use a shared file system");
        }
    }
}

fn docker(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if is_for_fargate(definition, declared) {
        return;
    }
    for volume in volumes(definition) {
        let place = volume.get("dockerVolumeConfiguration");
        let driver = place.get("driver");
        if let Some(text) = driver.text().filter(|text| *text != "local" && is_windows(definition)) {
            hits.add(driver, format!("on Windows Docker has the driver local only, not {text}"));
        } else if place.is_given() && is_for(definition, "EXTERNAL", declared) {
            let message = format!("AWS supports Docker volumes on EC2 alone, and `{}` is for EXTERNAL", title(volume));
            hits.add_as(Warning, place, message).help("use a directory of the host: host: {sourcePath: …}");
        }
    }
}

fn autoprovision(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for volume in volumes(definition).map(|volume| volume.get("dockerVolumeConfiguration")) {
        let (scope, flag) = (volume.get("scope"), volume.get("autoprovision"));
        let is_shared = scope.is_given() && (scope.text().is_none() || scope.is("shared"));
        if flag.is_true() && !is_shared {
            hits.add(flag, "only a volume of scope shared is made when missing")
                .help("use scope: shared, or take autoprovision out");
        }
    }
}
