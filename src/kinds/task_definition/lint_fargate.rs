//! What RegisterTaskDefinition refuses when Fargate is among the required compatibilities.

use super::lint::amount;
use super::spec::TaskDefinitionSpec;
use crate::kinds::Findings;

/// The memory in MiB that Fargate offers for each CPU size: first, last, step. Of 256, 1536 is left out.
const SIZES: &[(i64, i64, i64, i64)] = &[
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
    (32_768, 61_440, 249_856, 4096),
];

pub(super) fn lint(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    if spec.network() != "awsvpc" {
        findings.error("/networkMode", "fargate-network", "Fargate needs networkMode awsvpc");
    }
    size(spec, findings);
    let mut refuse = |pointer: String, what: &str| {
        findings.error(pointer, "fargate-unsupported", format!("Fargate does not support {what}"));
    };
    if spec.placement_constraints.as_ref().is_some_and(|list| !list.is_empty()) {
        refuse("/placementConstraints".to_owned(), "placement constraints");
    }
    if spec.ipc_mode.is_some() {
        refuse("/ipcMode".to_owned(), "ipcMode");
    }
    if spec.pid_mode.as_ref().is_some_and(|mode| *mode == "host") {
        refuse("/pidMode".to_owned(), "pidMode host");
    }
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        if volume.host.as_ref().is_some_and(|host| host.source_path.is_some()) {
            refuse(format!("/volumes/{index}/host"), "directories of the host");
        }
        if volume.docker_volume_configuration.is_some() {
            refuse(format!("/volumes/{index}/dockerVolumeConfiguration"), "Docker volumes");
        }
        if volume.fsx_windows_file_server_volume_configuration.is_some() {
            refuse(format!("/volumes/{index}/fsxWindowsFileServerVolumeConfiguration"), "FSx for Windows File Server");
        }
    }
    for (index, container) in spec.container_definitions.iter().enumerate() {
        let at = |member: &str| format!("/containerDefinitions/{index}/{member}");
        if container.privileged == Some(true) {
            refuse(at("privileged"), "privileged containers");
        }
        if container.docker_security_options.as_ref().is_some_and(|list| !list.is_empty()) {
            refuse(at("dockerSecurityOptions"), "dockerSecurityOptions");
        }
        if container.resource_requirements.iter().flatten().any(|one| one.r#type == "GPU") {
            refuse(at("resourceRequirements"), "GPUs");
        }
        if let Some(log) = &container.log_configuration
            && !["awslogs", "splunk", "awsfirelens"].contains(&log.log_driver.as_str())
        {
            refuse(at("logConfiguration/logDriver"), "log drivers other than awslogs, splunk and awsfirelens");
        }
        let Some(linux) = &container.linux_parameters else { continue };
        let given = [
            ("devices", linux.devices.as_ref().is_some_and(|list| !list.is_empty())),
            ("tmpfs", linux.tmpfs.as_ref().is_some_and(|list| !list.is_empty())),
            ("sharedMemorySize", linux.shared_memory_size.is_some()),
            ("maxSwap", linux.max_swap.is_some()),
            ("swappiness", linux.swappiness.is_some()),
        ];
        for (member, _) in given.into_iter().filter(|(_, given)| *given) {
            refuse(at(&format!("linuxParameters/{member}")), member);
        }
        let added = linux.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
        if added.into_iter().any(|name| name != "SYS_PTRACE") {
            refuse(at("linuxParameters/capabilities/add"), "further capabilities but SYS_PTRACE");
        }
    }
    if let Some(storage) = &spec.ephemeral_storage
        && !(21..=200).contains(&storage.size_in_gib)
    {
        findings.error("/ephemeralStorage/sizeInGiB", "ephemeral-storage", "it is 21 to 200 GiB");
    }
}

fn size(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    for (pointer, given) in [("/cpu", spec.cpu.is_some()), ("/memory", spec.memory.is_some())] {
        if !given {
            // There is nothing there yet to point at.
            findings.error("", "fargate-size", format!("Fargate needs {} for the task", &pointer[1..]));
        }
    }
    let (Some(cpu), Some(memory)) = (amount(spec.cpu.as_ref()), amount(spec.memory.as_ref())) else { return };
    let Some((_, first, last, step)) = SIZES.iter().find(|(size, ..)| *size == cpu) else {
        let sizes: Vec<String> = SIZES.iter().map(|(size, ..)| size.to_string()).collect();
        findings.error("/cpu", "fargate-size", format!("Fargate has no size of {cpu} CPU units"));
        findings.help(format!("it has {}", sizes.join(", ")));
        return;
    };
    let fits = (*first..=*last).contains(&memory) && (memory - first) % step == 0 && (cpu, memory) != (256, 1536);
    if !fits {
        let message = format!("Fargate has no size of {cpu} CPU units with {memory} MiB");
        findings.error("/memory", "fargate-size", message);
        findings.help(if cpu == 256 {
            "with 256 CPU units it has 512, 1024 and 2048 MiB".to_owned()
        } else {
            format!("with {cpu} CPU units it has {first} to {last} MiB in steps of {step}")
        });
    }
    if spec.is_windows() && ![1024, 2048, 4096].contains(&cpu) {
        findings.error("/cpu", "fargate-size", "for Windows, Fargate has 1024, 2048 and 4096 CPU units");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn codes(change: Value) -> Vec<String> {
        let mut spec = json!({
            "networkMode": "awsvpc", "cpu": "0.25 vCPU", "memory": 512,
            "containerDefinitions": [{"name": "a", "image": "i:1"}],
        });
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let mut findings = Findings::default();
        lint(&serde_json::from_value(spec).unwrap(), &mut findings);
        findings.0.iter().map(|finding| format!("{} {}", finding.code, finding.pointer)).collect()
    }

    #[test]
    fn sizes() {
        assert_eq!(codes(json!({})), [""; 0]);
        assert_eq!(codes(json!({"memory": "1.5 GB"})), ["fargate-size /memory"]);
        assert_eq!(codes(json!({"cpu": 300})), ["fargate-size /cpu"]);
        assert_eq!(codes(json!({"cpu": null})), ["fargate-size "]);
        assert_eq!(codes(json!({"cpu": 8192, "memory": "20 GB"})), [""; 0]);
        assert_eq!(codes(json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}})).len(), 1);
    }

    #[test]
    fn what_needs_a_host() {
        assert_eq!(codes(json!({"networkMode": "bridge"})), ["fargate-network /networkMode"]);
        let container = json!({"name": "a", "image": "i:1", "privileged": true, "linuxParameters": {"maxSwap": 1}});
        assert_eq!(codes(json!({"containerDefinitions": [container]})).len(), 2);
        assert_eq!(codes(json!({"volumes": [{"name": "v", "host": {"sourcePath": "/x"}}]})).len(), 1);
    }
}
