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
