//! VOL-01 to VOL-05: the volumes of a task definition and who mounts them.

use crate::diagnostic::Severity::Error;
use crate::manifest::suggest::closest;
use crate::rules::workload::{containers, is_windows};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "VOL-01",
        severity: Error,
        title: "a volume that is two things at once",
        why: "A volume is a directory of the host, a Docker volume, an EFS, FSx or S3 file system, or one that is \
              configured at launch; RegisterTaskDefinition refuses more than one of them.",
        source: "Amazon ECS API, Volume",
        check: Check::Each("TaskDefinition", kinds),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, host: {sourcePath: /srv/till}, dockerVolumeConfiguration: {scope: task}}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data, host: {sourcePath: /srv/till}}]
",
    },
    Rule {
        id: "VOL-02",
        severity: Error,
        title: "a volume that is not there, or two of one name",
        why: "A mount point names a volume of the task: \"Unknown volume 'v'\". Names of volumes are unique.",
        source: "Amazon ECS API, MountPoint.sourceVolume and Volume.name",
        check: Check::Each("TaskDefinition", names),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data}]
",
    },
    Rule {
        id: "VOL-03",
        severity: Error,
        title: "a mount point that is no directory of its own",
        why: "Docker mounts at an absolute path, and one volume at a path: \"Duplicate mount point\". Without a \
              containerPath there is nowhere to mount it.",
        source: "Amazon ECS API, MountPoint.containerPath; Docker, docker run --volume",
        check: Check::Each("TaskDefinition", paths),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: data}]}
  volumes: [{name: data}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data}]
",
    },
    Rule {
        id: "VOL-04",
        severity: Error,
        title: "a volume that no container mounts",
        why: "RegisterTaskDefinition refuses it: \"Volumes [v] are not referenced by any of the containers\".",
        source: "Amazon ECS API, Volume.name",
        check: Check::Each("TaskDefinition", mounted),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
  volumes: [{name: data}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{sourceVolume: data, containerPath: /data}]}
  volumes: [{name: data}]
",
    },
    Rule {
        id: "VOL-05",
        severity: Error,
        title: "two volumes that are configured at launch",
        why: "RegisterTaskDefinition takes one: each task gets one EBS volume of its own at most.",
        source: "Amazon ECS API, Volume.configuredAtLaunch",
        check: Check::Each("TaskDefinition", at_launch),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      mountPoints: [{sourceVolume: data, containerPath: /data}, {sourceVolume: logs, containerPath: /logs}]
  volumes: [{name: data, configuredAtLaunch: true}, {name: logs, configuredAtLaunch: true}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      mountPoints: [{sourceVolume: data, containerPath: /data}, {sourceVolume: logs, containerPath: /logs}]
  volumes: [{name: data, configuredAtLaunch: true}, {name: logs}]
",
    },
];

/// The volumes of a task definition.
pub(super) fn volumes<'a>(definition: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    definition.get("volumes").items()
}

/// Every mount point of a task definition.
pub(super) fn mounts<'a>(definition: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    containers(definition).flat_map(|container| container.get("mountPoints").items())
}

/// What a finding calls a volume.
pub(super) fn title(volume: Node<'_>) -> &str {
    volume.get("name").written().unwrap_or_default()
}

fn kinds(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for volume in volumes(definition) {
        let at_launch = volume.get("configuredAtLaunch");
        let given = [
            // An empty host is in what AWS answers for any volume.
            volume.at("host.sourcePath"),
            volume.get("dockerVolumeConfiguration"),
            volume.get("efsVolumeConfiguration"),
            volume.get("fsxWindowsFileServerVolumeConfiguration"),
            volume.get("s3filesVolumeConfiguration"),
        ];
        let mut given: Vec<Node<'_>> = given.into_iter().filter(|one| one.is_given()).collect();
        given.extend(Some(at_launch).filter(|flag| flag.is_true()));
        if let [first, second, ..] = given[..] {
            hits.add(second, format!("volume `{}` is two things at once", title(volume)))
                .beside(first, "the first")
                .help("keep one of them, or make two volumes");
        }
    }
}

fn names(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mut seen: Vec<Node<'_>> = Vec::new();
    for name in volumes(definition).map(|volume| volume.get("name")) {
        let Some(text) = name.text() else { continue };
        match seen.iter().find(|first| first.is(text)) {
            Some(first) => {
                hits.add(name, format!("a second volume `{text}`")).beside(*first, "the first");
            }
            None => seen.push(name),
        }
    }
    let is_known = volumes(definition).all(|volume| volume.get("name").text().is_some());
    for mount in mounts(definition).filter(|_| is_known) {
        let source = mount.get("sourceVolume");
        if !source.is_given() {
            hits.add(mount, "a mount point of which volume?").help("add sourceVolume");
        }
        let Some(text) = source.text().filter(|text| !seen.iter().any(|name| name.is(text))) else { continue };
        let near = closest(text, seen.iter().filter_map(|name| name.text()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it under `volumes`".to_owned(),
        };
        hits.add(source, format!("no volume is called `{text}`")).help(help);
    }
}

fn is_windows_path(path: &str) -> bool {
    path.as_bytes().get(1) == Some(&b':') || path.starts_with('\\')
}

fn paths(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in containers(definition) {
        let mut seen: Vec<Node<'_>> = Vec::new();
        for mount in container.get("mountPoints").items() {
            let path = mount.get("containerPath");
            if !path.is_given() {
                hits.add(mount, "nothing says where in the container the volume is").help("add containerPath");
            }
            let Some(text) = path.text() else { continue };
            if let Some(first) = seen.iter().find(|first| first.is(text)) {
                hits.add(path, format!("a second volume at {text}")).beside(*first, "the first");
            } else if !text.starts_with('/') && !is_windows_path(text) && !is_windows(definition) {
                hits.add(path, format!("`{text}` is not an absolute path")).help("begin it with /");
            }
            seen.push(path);
        }
    }
}

fn mounted(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let sources: Vec<Node<'_>> = mounts(definition).map(|mount| mount.get("sourceVolume")).collect();
    if sources.iter().any(|source| source.is_given() && source.text().is_none()) {
        return;
    }
    for volume in volumes(definition) {
        let Some(name) = volume.get("name").text() else { continue };
        if !sources.iter().any(|source| source.is(name)) {
            hits.add(volume, format!("no container mounts the volume `{name}`; AWS refuses that"))
                .help("mount it, or take it out");
        }
    }
}

fn at_launch(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mut flags = volumes(definition).map(|one| one.get("configuredAtLaunch")).filter(|flag| flag.is_true());
    let Some(first) = flags.next() else { return };
    for flag in flags {
        hits.add(flag, "a second volume that is configured at launch").beside(first, "the first");
    }
}
