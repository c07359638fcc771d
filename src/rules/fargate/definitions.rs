//! What task definitions for Fargate cannot have, because there is no host to have it on.

use super::super::workload::{containers, is_for, is_windows};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "FG-07",
        severity: Error,
        title: "a task on Fargate wants something of a host",
        why: "There is no host that one could reach into: \"Fargate compatible task definitions do not support\" \
              privileged, dockerSecurityOptions, ipcMode, and of linuxParameters devices, tmpfs, sharedMemorySize, maxSwap \
              and swappiness. GPUs are GPU-01's.",
        source: "Amazon ECS Developer Guide, task definition differences for Fargate",
        check: Check::Each("TaskDefinition", of_a_host),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', linuxParameters: {sharedMemorySize: 64}}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', linuxParameters: {initProcessEnabled: true}}
",
    },
    Rule {
        id: "FG-08",
        severity: Error,
        title: "processes or kernel parameters that Fargate does not share",
        why: "\"Tasks using the Fargate launch type do not support pidMode 'host'\". pidMode task and systemControls need \
              platform version 1.4.0.",
        source: "Amazon ECS API, RegisterTaskDefinition.pidMode and SystemControl",
        check: Check::Each("TaskDefinition", processes),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  pidMode: task
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]",
            run_on_fargate!(),
            "
  platformVersion: 1.3.0
"
        ),
        good: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  pidMode: task
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]",
            run_on_fargate!(),
            "
  platformVersion: LATEST
"
        ),
    },
    Rule {
        id: "FG-10",
        severity: Error,
        title: "a volume that Fargate does not have",
        why: "\"Fargate compatible task definitions do not support\" sourcePath and dockerVolumeConfiguration, which are \
              of a host, nor FSx for Windows File Server.",
        source: "Amazon ECS API, Volume",
        check: Check::Each("TaskDefinition", volumes),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, host: {sourcePath: /srv/data}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data}]
",
    },
    Rule {
        id: "FG-11",
        severity: Error,
        title: "a capability that Fargate does not add",
        why: "Of Linux's capabilities Fargate adds SYS_PTRACE alone, and that from platform version 1.4.0 on.",
        source: "Amazon ECS API, KernelCapabilities.add",
        check: Check::Each("TaskDefinition", capabilities),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', linuxParameters: {capabilities: {add: [NET_ADMIN]}}}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', linuxParameters: {capabilities: {drop: [NET_RAW]}}}
",
    },
    Rule {
        id: "FG-12",
        severity: Error,
        title: "a start or a stop that takes longer than Fargate waits",
        why: "On Fargate startTimeout and stopTimeout are 2 to 120 seconds.",
        source: "Amazon ECS API, ContainerDefinition.startTimeout and ContainerDefinition.stopTimeout",
        check: Check::Each("TaskDefinition", timeouts),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29', stopTimeout: 300}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29', stopTimeout: 120}]
",
    },
    Rule {
        id: "FG-17",
        severity: Error,
        title: "something that Fargate does not have for Windows",
        why: "Windows containers on Fargate have neither EFS, EBS nor S3 volumes, no proxy of App Mesh, and no router of \
              FireLens. What Windows has nowhere is WIN-01's, FSx is FG-10's.",
        source: "Amazon ECS Developer Guide, Windows containers on Fargate",
        check: Check::Each("TaskDefinition", windows),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 1024
  memory: 2048
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      mountPoints: [{sourceVolume: data, containerPath: 'C:\\data'}]
  volumes: [{name: data, efsVolumeConfiguration: {fileSystemId: fs-0123456789abcdef0}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 1024
  memory: 2048
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      mountPoints: [{sourceVolume: data, containerPath: 'C:\\data'}]
  volumes: [{name: data}]
",
    },
];

fn of_a_host(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "FARGATE", declared) {
        return;
    }
    let mut refuse = |place: Node<'_>, what: &str| {
        hits.add(place, format!("Fargate does not support {what}")).help(format!("take {what} out"));
    };
    // Of Windows, WIN-01 tells the same.
    let is_linux = !is_windows(definition);
    let ipc = definition.get("ipcMode");
    if ipc.is_given() && is_linux {
        refuse(ipc, "ipcMode");
    }
    for container in containers(definition) {
        let options = container.get("dockerSecurityOptions");
        if options.says_something() {
            refuse(options, "dockerSecurityOptions");
        }
        let privileged = container.get("privileged");
        if privileged.is_true() && is_linux {
            refuse(privileged, "privileged");
        }
        for member in ["devices", "tmpfs", "sharedMemorySize", "maxSwap", "swappiness"] {
            let place = container.get("linuxParameters").get(member);
            if place.says_something() && is_linux {
                refuse(place, member);
            }
        }
    }
}

fn processes(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "FARGATE", declared) {
        return;
    }
    let mode = definition.get("pidMode");
    if mode.is("host") && !is_windows(definition) {
        hits.add(mode, "on Fargate there is no host whose processes could be seen").help("write pidMode: task");
    }
    super::versions::too_old("FG-08", Some(definition), declared, hits);
}

fn volumes(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "FARGATE", declared) {
        return;
    }
    for volume in definition.get("volumes").items() {
        let name = volume.get("name").written().unwrap_or_default();
        for (path, what) in [
            ("host.sourcePath", "a directory of a host"),
            ("dockerVolumeConfiguration", "a volume of Docker's"),
            ("fsxWindowsFileServerVolumeConfiguration", "FSx for Windows File Server"),
        ] {
            let place = volume.at(path);
            if place.is_given() {
                hits.add(place, format!("the volume `{name}` is {what}, which Fargate does not have")).help(
                    "without a configuration it is a directory of the task; efsVolumeConfiguration is one that stays",
                );
            }
        }
    }
}

fn capabilities(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "FARGATE", declared) || is_windows(definition) {
        return;
    }
    for container in containers(definition) {
        for added in container.at("linuxParameters.capabilities.add").items() {
            if let Some(name) = added.text().filter(|name| *name != "SYS_PTRACE") {
                hits.add(added, format!("Fargate does not add the capability {name}")).help("it adds SYS_PTRACE alone");
            }
        }
    }
    super::versions::too_old("FG-11", Some(definition), declared, hits);
}

fn timeouts(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "FARGATE", declared) {
        return;
    }
    for container in containers(definition) {
        for member in ["startTimeout", "stopTimeout"] {
            let place = container.get(member);
            if let Some(seconds) = place.number().filter(|seconds| !(2..=120).contains(seconds)) {
                hits.add(place, format!("{member} is {seconds} seconds; on Fargate it is 2 to 120"));
                hits.help(if seconds > 120 { "write 120" } else { "write 2 to 120" });
            }
        }
    }
}

fn windows(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_windows(definition) || !is_for(definition, "FARGATE", declared) {
        return;
    }
    let mut refuse = |place: Node<'_>, what: &str| {
        if place.is_given() && place.flag() != Some(false) {
            hits.add(place, format!("Fargate does not support {what} with Windows"));
        }
    };
    refuse(definition.get("proxyConfiguration"), "a proxy of App Mesh");
    for volume in definition.get("volumes").items() {
        refuse(volume.get("efsVolumeConfiguration"), "volumes from EFS");
        refuse(volume.get("s3filesVolumeConfiguration"), "volumes from S3");
        refuse(volume.get("configuredAtLaunch"), "volumes of EBS");
    }
    for container in containers(definition) {
        refuse(container.get("firelensConfiguration"), "a router of FireLens");
    }
}
