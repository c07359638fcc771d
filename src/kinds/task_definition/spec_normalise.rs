//! The canonical form of a task definition: what means the same becomes equal.
//!
//! Absent is the canonical form of everything that AWS fills in with a documented default, and of lists and structures
//! that say nothing. Lists without a meaningful order are sorted. Text with a reference in it is never changed.

use super::spec::TaskDefinitionSpec;
use super::spec_container::{ContainerDefinition, KeyValuePair, LinuxParameters, PortMapping};
use super::spec_volume::Volume;
use crate::kinds::mirror::{drop_default, sort_set};

impl TaskDefinitionSpec {
    /// Brings the spec into its canonical form.
    pub fn normalise(&mut self) {
        for volume in self.volumes.iter_mut().flatten() {
            normalise_volume(volume);
        }
        self.tidy();
        // The container's port is the host's in these modes, and AWS answers it as such.
        let own_port = self.network_mode.as_ref().is_some_and(|mode| *mode == "awsvpc" || *mode == "host");
        // Docker's own network, which AWS answers or leaves out.
        if let Some(mode) = &self.network_mode
            && (*mode == "bridge" || *mode == "default")
        {
            self.network_mode = None;
        }
        for container in &mut self.container_definitions {
            normalise_container(container, own_port);
        }
        self.container_definitions.sort_by(|a, b| a.name.cmp(&b.name));
        sort_set(&mut self.volumes);
        sort_set(&mut self.placement_constraints);
        sort_set(&mut self.requires_compatibilities);
        sort_set(&mut self.inference_accelerators);
        if let Some(proxy) = &mut self.proxy_configuration {
            drop_default(&mut proxy.r#type, "APPMESH");
            sort_pairs(&mut proxy.properties);
        }
        drop_default(&mut self.enable_fault_injection, false);
        self.tidy();
    }
}

fn normalise_container(container: &mut ContainerDefinition, own_port: bool) {
    drop_default(&mut container.cpu, 0);
    drop_default(&mut container.essential, true);
    drop_default(&mut container.version_consistency, "enabled");
    // ECS writes it for a log router, and takes no other.
    if container.firelens_configuration.is_some() {
        drop_default(&mut container.user, "0");
    }
    for flag in [
        &mut container.disable_networking,
        &mut container.privileged,
        &mut container.readonly_root_filesystem,
        &mut container.interactive,
        &mut container.pseudo_terminal,
    ] {
        drop_default(flag, false);
    }
    for port in container.port_mappings.iter_mut().flatten() {
        normalise_port(port, own_port);
    }
    for mount in container.mount_points.iter_mut().flatten() {
        drop_default(&mut mount.read_only, false);
    }
    for source in container.volumes_from.iter_mut().flatten() {
        drop_default(&mut source.read_only, false);
    }
    if let Some(check) = &mut container.health_check {
        drop_default(&mut check.interval, 30);
        drop_default(&mut check.timeout, 5);
        drop_default(&mut check.retries, 3);
    }
    if let Some(log) = &mut container.log_configuration {
        sort_set(&mut log.secret_options);
    }
    if let Some(policy) = &mut container.restart_policy {
        sort_set(&mut policy.ignored_exit_codes);
        drop_default(&mut policy.restart_attempt_period, 300);
    }
    if let Some(linux) = &mut container.linux_parameters {
        normalise_linux(linux);
    }
    sort_pairs(&mut container.environment);
    sort_set(&mut container.secrets);
    sort_set(&mut container.port_mappings);
    sort_set(&mut container.mount_points);
    sort_set(&mut container.volumes_from);
    sort_set(&mut container.links);
    sort_set(&mut container.depends_on);
    sort_set(&mut container.extra_hosts);
    sort_set(&mut container.ulimits);
    sort_set(&mut container.system_controls);
    sort_set(&mut container.resource_requirements);
}

fn normalise_port(port: &mut PortMapping, own_port: bool) {
    drop_default(&mut port.protocol, "tcp");
    drop_default(&mut port.host_port, 0);
    if port.container_port_range.is_some() || (own_port && port.host_port == port.container_port) {
        port.host_port = None;
    }
}

fn normalise_linux(linux: &mut LinuxParameters) {
    drop_default(&mut linux.init_process_enabled, false);
    for device in linux.devices.iter_mut().flatten() {
        sort_set(&mut device.permissions);
    }
    sort_set(&mut linux.devices);
    sort_set(&mut linux.tmpfs);
    if let Some(capabilities) = &mut linux.capabilities {
        sort_set(&mut capabilities.add);
        sort_set(&mut capabilities.drop);
    }
}

fn normalise_volume(volume: &mut Volume) {
    drop_default(&mut volume.configured_at_launch, false);
    if let Some(docker) = &mut volume.docker_volume_configuration {
        drop_default(&mut docker.autoprovision, false);
        // Written out, because an empty configuration still says that Docker makes the volume.
        let scope = docker.scope.get_or_insert_with(|| "task".into());
        if *scope == "task" {
            docker.autoprovision = None;
        }
    }
    if let Some(efs) = &mut volume.efs_volume_configuration {
        drop_default(&mut efs.root_directory, "/");
        drop_default(&mut efs.transit_encryption, "DISABLED");
        if let Some(authorization) = &mut efs.authorization_config {
            drop_default(&mut authorization.iam, "DISABLED");
        }
    }
    if let Some(files) = &mut volume.s3files_volume_configuration {
        drop_default(&mut files.root_directory, "/");
    }
}

/// By name: a list of pairs reads best so, and of equal names the last one given counts.
fn sort_pairs(pairs: &mut Option<Vec<KeyValuePair>>) {
    if let Some(pairs) = pairs {
        pairs.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::mirror::arbitrary;

    /// Lists whose order means nothing.
    const SETS: [&str; 24] = [
        "containerDefinitions",
        "volumes",
        "placementConstraints",
        "requiresCompatibilities",
        "inferenceAccelerators",
        "properties",
        "environment",
        "secrets",
        "secretOptions",
        "portMappings",
        "mountPoints",
        "volumesFrom",
        "links",
        "dependsOn",
        "extraHosts",
        "ulimits",
        "systemControls",
        "resourceRequirements",
        "ignoredExitCodes",
        "devices",
        "permissions",
        "tmpfs",
        "add",
        "drop",
    ];

    fn normal(mut value: Value) -> Value {
        if value.get("containerDefinitions").is_none() {
            value["containerDefinitions"] = json!([]);
        }
        let mut spec: TaskDefinitionSpec = serde_json::from_value(value).unwrap();
        spec.normalise();
        serde_json::to_value(spec).unwrap()
    }

    fn container(mut members: Value) -> Value {
        members["name"] = json!("till");
        members["image"] = json!("till:7");
        json!({"containerDefinitions": [members]})
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn normalising_twice_changes_nothing(seed: u64) {
            let mut once: TaskDefinitionSpec = arbitrary::spec(seed, false);
            once.normalise();
            let mut twice = once.clone();
            twice.normalise();
            prop_assert_eq!(serde_json::to_string(&twice).unwrap(), serde_json::to_string(&once).unwrap());
        }

        #[test]
        fn the_order_of_sets_does_not_matter(seed: u64, other: u64) {
            let mut spec: TaskDefinitionSpec = arbitrary::spec(seed, false);
            let mut shuffled = arbitrary::shuffle(&spec, other, &SETS);
            spec.normalise();
            shuffled.normalise();
            prop_assert_eq!(serde_json::to_string(&shuffled).unwrap(), serde_json::to_string(&spec).unwrap());
        }
    }

    #[test]
    fn what_aws_fills_in_for_a_container_equals_nothing() {
        let answered = container(json!({
            "cpu": 0, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
            "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}],
            "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
            "linuxParameters": {"capabilities": {"add": [], "drop": []}}, "privileged": false,
            "logConfiguration": {"logDriver": "awslogs", "options": {}, "secretOptions": []},
            "versionConsistency": "enabled",
        }));
        let written = container(json!({
            "portMappings": [{"containerPort": 80}],
            "healthCheck": {"command": ["CMD", "true"]},
            "logConfiguration": {"logDriver": "awslogs"},
        }));
        assert_eq!(normal(answered), normal(written.clone()));
        assert_eq!(normal(written.clone()), written);
    }

    #[test]
    fn what_differs_from_a_default_stays() {
        let written = container(json!({
            "cpu": 10, "essential": false, "portMappings": [{"containerPort": 80, "hostPort": 8080, "protocol": "udp"}],
            "command": ["b", "a"], "readonlyRootFilesystem": true, "stopTimeout": 0, "dnsServers": ["10.0.0.9", "10.0.0.2"],
        }));
        let normal = &normal(written.clone())["containerDefinitions"][0];
        assert_eq!(*normal, serde_json::from_value::<Value>(written["containerDefinitions"][0].clone()).unwrap());
    }

    #[test]
    fn the_host_port_follows_the_network_mode() {
        let written = |mode: &str, host: Value| {
            let mut value = container(json!({"portMappings": [{"containerPort": 80, "hostPort": host}]}));
            value["networkMode"] = json!(mode);
            normal(value)["containerDefinitions"][0]["portMappings"][0].get("hostPort").cloned()
        };
        assert_eq!(written("awsvpc", json!(80)), None);
        assert_eq!(written("host", json!(80)), None);
        assert_eq!(written("bridge", json!(80)), Some(json!(80)));
        assert_eq!(written("bridge", json!(0)), None);
        assert_eq!(written("awsvpc", Value::Null), None);
    }

    #[test]
    fn volumes_lose_their_defaults_but_not_their_kind() {
        let volumes = json!([
            {"name": "scratch", "host": {}, "configuredAtLaunch": false},
            {"name": "docker", "dockerVolumeConfiguration": {}},
            {"name": "shared", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": true}},
            {"name": "efs", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "DISABLED",
                "authorizationConfig": {"iam": "DISABLED"}}},
        ]);
        assert_eq!(
            normal(json!({"volumes": volumes, "networkMode": "bridge", "enableFaultInjection": false})),
            json!({"containerDefinitions": [], "volumes": [
                {"name": "docker", "dockerVolumeConfiguration": {"scope": "task"}},
                {"name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
                {"name": "scratch"},
                {"name": "shared", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": true}},
            ]})
        );
    }

    #[test]
    fn text_with_a_reference_is_not_touched() {
        let written = json!({
            "taskRoleArn": "${Role.till}", "cpu": "${Stack.cpu}", "family": "${Stack.name}-till",
            "containerDefinitions": [{"name": "${x}", "image": "${Repository.till.uri}:7"}],
        });
        assert_eq!(normal(written.clone()), {
            let mut spec: TaskDefinitionSpec = serde_json::from_value(written).unwrap();
            spec.tidy();
            serde_json::to_value(spec).unwrap()
        });
    }
}
