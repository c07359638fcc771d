//! EFS: volumes from EFS file systems.

use super::definitions::{title, volumes};
use crate::diagnostic::Severity::Error;
use crate::rules::parts::is_for_fargate;
use crate::rules::workload::is_windows;
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EFS-01",
        severity: Error,
        title: "not the id of a file system",
        why: "A volume from EFS has a name, which the schema says, and the id of a file system: fs- and 8 to 40 \
              hexadecimal digits. Neither a name nor an ARN will do.",
        source: "Amazon ECS API, EFSVolumeConfiguration.fileSystemId; Amazon EFS API, FileSystemId",
        check: Check::Each("TaskDefinition", ids),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, efsVolumeConfiguration: {fileSystemId: store-files}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, efsVolumeConfiguration: {fileSystemId: fs-0123456789abcdef0}}]
",
    },
    Rule {
        id: "EFS-02",
        severity: Error,
        title: "an access point or IAM without encryption on the way",
        why: "Both need transitEncryption ENABLED, which is not the default: \"EFS IAM authorization requires \
              TransitEncryption to be enabled\".",
        source: "Amazon ECS API, EFSAuthorizationConfig",
        check: Check::Each("TaskDefinition", encryption),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes:
    - name: data
      efsVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        authorizationConfig: {accessPointId: fsap-0123456789abcdef0}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes:
    - name: data
      efsVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        transitEncryption: ENABLED
        authorizationConfig: {accessPointId: fsap-0123456789abcdef0}
",
    },
    Rule {
        id: "EFS-03",
        severity: Error,
        title: "a root directory beside an access point",
        why: "An access point has its own root: \"When using an EFS access point, the root directory must either be set to \
              \"/\" or be omitted\".",
        source: "Amazon ECS API, EFSVolumeConfiguration.rootDirectory",
        check: Check::Each("TaskDefinition", root),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes:
    - name: data
      efsVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        rootDirectory: /till
        transitEncryption: ENABLED
        authorizationConfig: {accessPointId: fsap-0123456789abcdef0}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes:
    - name: data
      efsVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        rootDirectory: /
        transitEncryption: ENABLED
        authorizationConfig: {accessPointId: fsap-0123456789abcdef0}
",
    },
    Rule {
        id: "EFS-04",
        severity: Error,
        title: "EFS is to look at a task role that is not there",
        why: "With iam ENABLED the file system is mounted as the task role, so the task definition needs a taskRoleArn.",
        source: "Amazon ECS API, EFSAuthorizationConfig.iam",
        check: Check::Each("TaskDefinition", task_role),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes:
    - name: data
      efsVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        transitEncryption: ENABLED
        authorizationConfig: {iam: ENABLED}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: arn:aws:iam::123456789012:role/till
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes:
    - name: data
      efsVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        transitEncryption: ENABLED
        authorizationConfig: {iam: ENABLED}
",
    },
    Rule {
        id: "EFS-05",
        severity: Error,
        title: "a port for encrypted traffic that is none, or that is not encrypted",
        why: "\"TransitEncryptionPort requires that TransitEncryption is enabled\"; and it is a port, 0 to 65535.",
        source: "Amazon ECS API, EFSVolumeConfiguration.transitEncryptionPort",
        check: Check::Each("TaskDefinition", port),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, efsVolumeConfiguration: {fileSystemId: fs-0123456789abcdef0, transitEncryptionPort: 2999}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes:
    - name: data
      efsVolumeConfiguration:
        fileSystemId: fs-0123456789abcdef0
        transitEncryption: ENABLED
        transitEncryptionPort: 2999
",
    },
    Rule {
        id: "EFS-12",
        severity: Error,
        title: "an EFS volume for Windows containers",
        why: "EFS is NFS, and ECS mounts it on Linux only; Windows containers have FSx for Windows File Server.",
        source: "Amazon ECS Developer Guide, Amazon EFS volumes: considerations",
        check: Check::Each("TaskDefinition", windows),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - {name: app, image: 'store/till:7', memory: 512, mountPoints: [{sourceVolume: data, containerPath: 'C:\\data'}]}
  volumes: [{name: data, efsVolumeConfiguration: {fileSystemId: fs-0123456789abcdef0}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: LINUX}
  containerDefinitions:
    - {name: app, image: 'store/till:7', memory: 512, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, efsVolumeConfiguration: {fileSystemId: fs-0123456789abcdef0}}]
",
    },
];

/// The EFS configurations of a task definition with their volumes.
fn configurations<'a>(definition: Node<'a>) -> impl Iterator<Item = (Node<'a>, Node<'a>)> {
    let all = volumes(definition).map(|volume| (volume, volume.get("efsVolumeConfiguration")));
    all.filter(|(_, efs)| efs.is_given())
}

fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("fs-").unwrap_or_default();
    (8..=40).contains(&digits.len()) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn ids(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (_, efs) in configurations(definition) {
        let id = efs.get("fileSystemId");
        if let Some(text) = id.text().filter(|text| !is_id(text)) {
            hits.add(id, format!("`{text}` is not the id of a file system")).help("fs- and hexadecimal digits");
        }
    }
}

/// Whether the traffic is encrypted, or may be.
fn is_encrypted(efs: Node<'_>) -> bool {
    let mode = efs.get("transitEncryption");
    mode.is("ENABLED") || (mode.is_given() && mode.text().is_none())
}

fn encryption(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (volume, efs) in configurations(definition).filter(|(_, efs)| !is_encrypted(*efs)) {
        let config = efs.get("authorizationConfig");
        let what = if config.get("accessPointId").is_given() {
            "an access point"
        } else if config.get("iam").is("ENABLED") {
            "IAM"
        } else {
            continue;
        };
        hits.add(config, format!("volume `{}` has {what}, which needs transitEncryption ENABLED", title(volume)))
            .help("set transitEncryption: ENABLED")
            .fix(efs, "transitEncryption", "ENABLED");
    }
}

fn root(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (_, efs) in configurations(definition) {
        let (point, directory) = (efs.at("authorizationConfig.accessPointId"), efs.get("rootDirectory"));
        if let Some(text) = directory.text().filter(|text| *text != "/" && point.is_given()) {
            hits.add(directory, format!("rootDirectory {text} beside an access point, which has its own root"))
                .beside(point, "the access point")
                .help("take rootDirectory out");
        }
    }
}

fn task_role(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if definition.get("taskRoleArn").is_given() {
        return;
    }
    for iam in configurations(definition).map(|(_, efs)| efs.at("authorizationConfig.iam")) {
        if iam.is("ENABLED") {
            hits.add(iam, "EFS is to look at the task role, and there is none").help("add taskRoleArn");
        }
    }
}

fn port(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (_, efs) in configurations(definition) {
        let port = efs.get("transitEncryptionPort");
        let Some(number) = port.number() else { continue };
        if !(0..=65_535).contains(&number) {
            hits.add(port, format!("{number} is no port"));
        } else if !is_encrypted(efs) {
            hits.add(port, "a port for encrypted traffic, and the traffic is not encrypted")
                .help("set transitEncryption: ENABLED, or take transitEncryptionPort out");
        }
    }
}

fn windows(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    // Of Fargate its own rule tells.
    if !is_windows(definition) || is_for_fargate(definition, declared) {
        return;
    }
    for (volume, efs) in configurations(definition) {
        hits.add(efs, format!("volume `{}` is from EFS, and the task is for Windows", title(volume)))
            .beside(definition.at("runtimePlatform.operatingSystemFamily"), "the operating system");
    }
}
