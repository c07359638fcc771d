//! What RegisterTaskDefinition refuses and a schema cannot say: the definition as a whole.

use std::collections::BTreeSet;

use super::spec::TaskDefinitionSpec;
use super::spec_container::ContainerDefinition;
use super::spec_units::Units;
use super::{lint_containers, lint_secrets};
use crate::kinds::{Findings, is_open};

/// The most containers of a definition, and the least memory of a container in MiB.
const MOST_CONTAINERS: usize = 10;
const LEAST_MEMORY: i32 = 6;

pub(super) fn lint(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    if let Some(family) = &spec.family {
        name(family, "/family", "family", findings);
    }
    containers(spec, findings);
    sizes(spec, findings);
    volumes(spec, findings);
    proxy(spec, findings);
    lint_containers::lint(spec, findings);
    if spec.requires("EXTERNAL") {
        external(spec, findings);
    }
    lint_secrets::lint(spec, findings);
}

impl TaskDefinitionSpec {
    pub(super) fn requires(&self, launch_type: &str) -> bool {
        self.requires_compatibilities.iter().flatten().any(|one| *one == launch_type)
    }

    /// The network mode, Docker's own when none is given.
    pub(super) fn network(&self) -> &str {
        self.network_mode.as_ref().map_or("bridge", |mode| mode.as_str())
    }

    pub(super) fn is_windows(&self) -> bool {
        let family = self.runtime_platform.as_ref().and_then(|platform| platform.operating_system_family.as_ref());
        family.is_some_and(|family| family.as_str().starts_with("WINDOWS"))
    }

    pub(super) fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.container_definitions.iter().find(|container| container.name == name)
    }
}

/// The amount, when it is one already.
pub(super) fn amount(units: Option<&Units>) -> Option<i64> {
    units?.as_str().parse().ok()
}

fn name(text: &str, pointer: &str, what: &str, findings: &mut Findings) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !is_open(text) && (text.is_empty() || text.len() > 255 || !text.bytes().all(allowed)) {
        findings.error(pointer, "task-definition-name", format!("`{text}` cannot be the name of a {what}"));
        findings.help("1 to 255 letters, digits, hyphens and underscores");
    }
}

fn containers(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let containers = &spec.container_definitions;
    if containers.is_empty() {
        findings.error("/containerDefinitions", "no-container", "a task needs a container");
        return;
    }
    if containers.len() > MOST_CONTAINERS {
        let message = format!("{} containers; a task has {MOST_CONTAINERS} at most", containers.len());
        findings.error("/containerDefinitions", "too-many-containers", message);
    }
    for (index, container) in containers.iter().enumerate() {
        let pointer = format!("/containerDefinitions/{index}/name");
        name(&container.name, &pointer, "container", findings);
    }
}

/// CPU and memory of the containers against each other and the task's.
fn sizes(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let (cpu, memory) = (amount(spec.cpu.as_ref()), amount(spec.memory.as_ref()));
    for (index, container) in spec.container_definitions.iter().enumerate() {
        let at = |member: &str| format!("/containerDefinitions/{index}{member}");
        if spec.memory.is_none() && container.memory.is_none() && container.memory_reservation.is_none() {
            findings.error(at(""), "container-memory", format!("container `{}` has no memory", container.name));
            findings.help("add memory or memoryReservation to it, or memory to the task");
        }
        for (member, size) in [("/memory", container.memory), ("/memoryReservation", container.memory_reservation)] {
            if size.is_some_and(|size| size < LEAST_MEMORY) {
                findings.error(
                    at(member),
                    "container-memory-small",
                    format!("Docker needs {LEAST_MEMORY} MiB at least"),
                );
            }
            if let (Some(size), Some(task)) = (size, memory)
                && i64::from(size) > task
            {
                let message = format!("{size} MiB is more than the task's {task} MiB");
                findings.error(at(member), "container-memory-over-task", message);
            }
        }
        if let (Some(limit), Some(reserved)) = (container.memory, container.memory_reservation)
            && limit < reserved
        {
            let message = format!("{reserved} MiB are reserved, and {limit} MiB are the limit");
            findings.error(at("/memoryReservation"), "container-memory-reservation", message);
        }
    }
    let sum = |of: fn(&ContainerDefinition) -> Option<i32>| -> i64 {
        spec.container_definitions.iter().filter_map(of).map(i64::from).sum()
    };
    let used = sum(|container| container.cpu);
    if let Some(cpu) = cpu.filter(|cpu| used > *cpu) {
        let message = format!("the containers reserve {used} CPU units, and the task has {cpu}");
        findings.error("/cpu", "container-cpu-over-task", message);
    }
    let used = sum(|container| container.memory_reservation.or(container.memory));
    if let Some(memory) = memory.filter(|memory| used > *memory) {
        let message = format!("the containers need {used} MiB, and the task has {memory}");
        findings.error("/memory", "container-memory-over-task", message);
    }
    if !spec.requires("FARGATE") && cpu.is_some_and(|cpu| !(128..=196_608).contains(&cpu)) {
        findings.error("/cpu", "task-cpu", "a task has 128 to 196608 CPU units (0.125 to 192 vCPU)");
    }
}

fn volumes(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    let mounted: BTreeSet<&str> = spec
        .container_definitions
        .iter()
        .flat_map(|container| container.mount_points.iter().flatten())
        .filter_map(|mount| mount.source_volume.as_deref())
        .collect();
    let has_open = mounted.iter().any(|name| is_open(name));
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let at = |member: &str| format!("/volumes/{index}{member}");
        if !names.insert(volume.name.as_str()) {
            findings.error(at("/name"), "volume-twice", format!("a second volume `{}`", volume.name));
        }
        if !mounted.contains(volume.name.as_str()) && !is_open(&volume.name) && !has_open {
            let message = format!("no container mounts the volume `{}`; AWS refuses that", volume.name);
            findings.error(at(""), "volume-not-mounted", message);
        }
        let sources = [
            volume.host.as_ref().is_some_and(|host| host.source_path.is_some()),
            volume.docker_volume_configuration.is_some(),
            volume.efs_volume_configuration.is_some(),
            volume.fsx_windows_file_server_volume_configuration.is_some(),
            volume.s3files_volume_configuration.is_some(),
            volume.configured_at_launch == Some(true),
        ];
        if sources.into_iter().filter(|given| *given).count() > 1 {
            findings.error(at(""), "volume-sources", format!("the volume `{}` is two things at once", volume.name));
        }
        if let Some(docker) = &volume.docker_volume_configuration
            && docker.autoprovision == Some(true)
            && docker.scope.as_ref().is_none_or(|scope| *scope != "shared")
        {
            let pointer = at("/dockerVolumeConfiguration/autoprovision");
            findings.error(pointer, "volume-autoprovision", "only a volume of scope shared is provisioned");
        }
        if let Some(efs) = &volume.efs_volume_configuration {
            let is_encrypted = efs.transit_encryption.as_ref().is_some_and(|mode| *mode == "ENABLED");
            let by_iam = efs.authorization_config.as_ref().is_some_and(|config| {
                config.access_point_id.is_some() || config.iam.as_ref().is_some_and(|iam| *iam == "ENABLED")
            });
            if by_iam && !is_encrypted {
                let pointer = at("/efsVolumeConfiguration/authorizationConfig");
                findings.error(pointer, "efs-encryption", "an access point or IAM needs transitEncryption ENABLED");
            }
        }
    }
    for (index, container) in spec.container_definitions.iter().enumerate() {
        let mut paths = BTreeSet::new();
        for (place, mount) in container.mount_points.iter().flatten().enumerate() {
            let at = |member: &str| format!("/containerDefinitions/{index}/mountPoints/{place}{member}");
            let name = mount.source_volume.as_deref().unwrap_or_default();
            if !is_open(name) && !names.contains(name) {
                findings.error(at("/sourceVolume"), "volume-missing", format!("no volume is called `{name}`"));
                let known: Vec<&str> = names.iter().copied().collect();
                let near = crate::manifest::suggest::closest(name, known);
                findings.help(
                    near.map_or_else(
                        || "declare it under `volumes`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    ),
                );
            }
            if let Some(path) = &mount.container_path
                && !paths.insert(path)
            {
                findings.error(at("/containerPath"), "mount-twice", format!("a second volume at {path}"));
            }
        }
    }
}

fn proxy(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let Some(proxy) = &spec.proxy_configuration else { return };
    if spec.network() != "awsvpc" {
        findings.error("/proxyConfiguration", "proxy-network", "a proxy needs networkMode awsvpc");
    }
    if spec.container(&proxy.container_name).is_none() {
        let message = format!("no container is called `{}`", proxy.container_name);
        findings.error("/proxyConfiguration/containerName", "container-missing", message);
    }
}

fn external(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let mut refuse = |pointer: String, what: &str| {
        findings.error(pointer, "external-unsupported", format!("external instances do not support {what}"));
    };
    if spec.network() == "awsvpc" {
        refuse("/networkMode".to_owned(), "networkMode awsvpc");
    }
    if spec.proxy_configuration.is_some() {
        refuse("/proxyConfiguration".to_owned(), "a proxy");
    }
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        if volume.efs_volume_configuration.is_some() || volume.configured_at_launch == Some(true) {
            refuse(format!("/volumes/{index}"), "volumes from EFS or configured at launch");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lints(spec: Value) -> Vec<String> {
        let spec: TaskDefinitionSpec = serde_json::from_value(spec).unwrap();
        let mut findings = Findings::default();
        lint(&spec, &mut findings);
        findings.0.iter().map(|finding| format!("{} {}", finding.code, finding.pointer)).collect()
    }

    /// Two fine containers, with members changed.
    fn changed(whole: Value, first: Value) -> Vec<String> {
        let mut spec = json!({"containerDefinitions": [
            {"name": "a", "image": "nginx:1", "memory": 64},
            {"name": "b", "image": "nginx:1", "memory": 64, "essential": false},
        ]});
        spec["containerDefinitions"][0].as_object_mut().unwrap().extend(first.as_object().unwrap().clone());
        spec.as_object_mut().unwrap().extend(whole.as_object().unwrap().clone());
        lints(spec)
    }

    #[test]
    fn what_is_fine_has_no_finding() {
        assert_eq!(changed(json!({}), json!({})), [""; 0]);
        let samples = [
            include_str!("../../../tests/task-definitions/ec2-gpu-volumes.json"),
            include_str!("../../../tests/task-definitions/external.json"),
            include_str!("../../../tests/task-definitions/fargate-firelens.json"),
        ];
        for text in samples {
            let mut spec: Value = serde_json::from_str(text).unwrap();
            TaskDefinitionSpec::accept(&mut spec);
            assert_eq!(lints(spec), [""; 0]);
        }
    }

    #[test]
    fn the_definition_as_a_whole() {
        let first = "/containerDefinitions/0";
        let cases = [
            (changed(json!({"family": "a b"}), json!({})), "task-definition-name /family".to_owned()),
            (changed(json!({"containerDefinitions": []}), json!({})), "no-container /containerDefinitions".to_owned()),
            (
                changed(json!({}), json!({"essential": false})),
                "no-essential-container /containerDefinitions".to_owned(),
            ),
            (changed(json!({}), json!({"name": "b"})), "container-twice /containerDefinitions/1/name".to_owned()),
            (changed(json!({}), json!({"memory": null})), format!("container-memory {first}")),
            (changed(json!({}), json!({"memory": 2})), format!("container-memory-small {first}/memory")),
            (
                changed(json!({}), json!({"memoryReservation": 65})),
                format!("container-memory-reservation {first}/memoryReservation"),
            ),
            (changed(json!({"cpu": "256"}), json!({"cpu": 257})), "container-cpu-over-task /cpu".to_owned()),
            (changed(json!({"memory": "100"}), json!({})), "container-memory-over-task /memory".to_owned()),
            (changed(json!({"cpu": 64}), json!({})), "task-cpu /cpu".to_owned()),
            (changed(json!({"volumes": [{"name": "v"}]}), json!({})), "volume-not-mounted /volumes/0".to_owned()),
            (
                changed(json!({}), json!({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]})),
                format!("volume-missing {first}/mountPoints/0/sourceVolume"),
            ),
            (
                changed(json!({"requiresCompatibilities": ["EXTERNAL"], "networkMode": "awsvpc"}), json!({})),
                "external-unsupported /networkMode".to_owned(),
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, [expected]);
        }
    }
}
