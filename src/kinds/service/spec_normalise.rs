//! The canonical form of a service: what means the same becomes equal. Absent stands for every documented default.

use super::spec::ServiceSpec;
use super::spec_deployment::{
    DeploymentAlarms, DeploymentCircuitBreaker, DeploymentConfiguration, ThresholdConfiguration,
};
use super::spec_network::{
    CapacityProviderStrategyItem, NetworkConfiguration, PlacementStrategy, ServiceManagedEbsVolume,
};
use crate::kinds::mirror::{Choice, drop_default, sort_set};

impl ServiceSpec {
    /// Brings the spec into its canonical form. A task definition keeps its revision, or has none if the manifest gives
    /// the family alone, which means the latest and is for the caller to look up.
    pub fn normalise(&mut self) {
        self.tidy();
        let daemon = self.is_daemon();
        short_name(&mut self.cluster, ":cluster/");
        short_name(&mut self.task_definition, ":task-definition/");
        drop_default(&mut self.cluster, "default");
        drop_default(&mut self.platform_version, "LATEST");
        drop_default(&mut self.health_check_grace_period_seconds, 0);
        drop_default(&mut self.scheduling_strategy, "REPLICA");
        drop_default(&mut self.propagate_tags, "NONE");
        drop_default(&mut self.enable_ecs_managed_tags, false);
        drop_default(&mut self.enable_execute_command, false);
        if self.deployment_controller.as_ref().is_some_and(|controller| controller.r#type == "ECS") {
            self.deployment_controller = None;
        }
        if self.role.as_ref().is_some_and(|role| role.ends_with("/AWSServiceRoleForECS")) {
            self.role = None;
        }
        if daemon {
            // One on every instance: ECS counts.
            self.desired_count = None;
        }
        if self.capacity_provider_strategy.is_some() {
            // AWS answers one or the other.
            self.launch_type = None;
        }
        if let Some(deployment) = &mut self.deployment_configuration {
            deployment.normalise(daemon);
        }
        if let Some(network) = &mut self.network_configuration {
            normalise_network(network);
        }
        if let Some(connect) = &mut self.service_connect_configuration
            && !connect.enabled
        {
            self.service_connect_configuration = None;
        }
        for volume in self.volume_configurations.iter_mut().flatten() {
            if let Some(ebs) = &mut volume.managed_ebs_volume {
                normalise_ebs(ebs);
            }
        }
        normalise_placement(&mut self.placement_strategy);
        normalise_capacity(&mut self.capacity_provider_strategy);
        sort_set(&mut self.load_balancers);
        sort_set(&mut self.service_registries);
        sort_set(&mut self.placement_constraints);
        sort_set(&mut self.volume_configurations);
        sort_set(&mut self.vpc_lattice_configurations);
        sort_set(&mut self.gateway_connectors);
        self.tidy();
    }
}

impl DeploymentConfiguration {
    fn normalise(&mut self, daemon: bool) {
        let (maximum, minimum) = percents(daemon);
        drop_default(&mut self.maximum_percent, maximum);
        drop_default(&mut self.minimum_healthy_percent, minimum);
        drop_default(&mut self.strategy, "ROLLING");
        drop_default(&mut self.bake_time_in_minutes, 0);
        if let Some(breaker) = &mut self.deployment_circuit_breaker {
            drop_default(&mut breaker.reset_on_healthy_task, true);
            drop_default(&mut breaker.threshold_configuration, default_threshold());
        }
        drop_default(&mut self.deployment_circuit_breaker, DeploymentCircuitBreaker::default());
        if let Some(alarms) = &mut self.alarms {
            alarms.alarm_names.sort();
        }
        drop_default(&mut self.alarms, DeploymentAlarms::default());
        for hook in self.lifecycle_hooks.iter_mut().flatten() {
            drop_default(&mut hook.target_type, "AWS_LAMBDA");
            sort_set(&mut hook.lifecycle_stages);
        }
        sort_set(&mut self.lifecycle_hooks);
    }

    /// Writes out the default of what the live configuration has and this one leaves out.
    pub(crate) fn reset_what_is_gone(&mut self, live: &Self, daemon: bool) {
        let (maximum, minimum) = percents(daemon);
        reset(&mut self.maximum_percent, &live.maximum_percent, maximum);
        reset(&mut self.minimum_healthy_percent, &live.minimum_healthy_percent, minimum);
        reset(&mut self.strategy, &live.strategy, "ROLLING".into());
        reset(&mut self.bake_time_in_minutes, &live.bake_time_in_minutes, 0);
        reset(&mut self.alarms, &live.alarms, DeploymentAlarms::default());
        reset(&mut self.lifecycle_hooks, &live.lifecycle_hooks, Vec::new());
        reset(
            &mut self.deployment_circuit_breaker,
            &live.deployment_circuit_breaker,
            DeploymentCircuitBreaker::default(),
        );
        reset(&mut self.early_success_criteria, &live.early_success_criteria, Default::default());
        if let (Some(breaker), Some(live)) = (&mut self.deployment_circuit_breaker, &live.deployment_circuit_breaker) {
            reset(&mut breaker.reset_on_healthy_task, &live.reset_on_healthy_task, true);
            reset(&mut breaker.threshold_configuration, &live.threshold_configuration, default_threshold());
        }
    }
}

fn reset<T>(wanted: &mut Option<T>, live: &Option<T>, default: T) {
    if wanted.is_none() && live.is_some() {
        *wanted = Some(default);
    }
}

fn percents(daemon: bool) -> (i32, i32) {
    if daemon { (100, 0) } else { (200, 100) }
}

fn default_threshold() -> ThresholdConfiguration {
    ThresholdConfiguration { r#type: "BOUNDED_PERCENT".into(), value: 50 }
}

/// Keeps the name of an ARN: what it names is in the same account and region.
pub(crate) fn short_name(reference: &mut Option<String>, before: &str) {
    if let Some(text) = reference
        && text.starts_with("arn:")
        && !text.contains("${")
        && let Some((_, name)) = text.split_once(before)
    {
        *reference = Some(name.to_owned());
    }
}

pub(crate) fn normalise_network(network: &mut NetworkConfiguration) {
    if let Some(awsvpc) = &mut network.awsvpc_configuration {
        awsvpc.subnets.sort();
        sort_set(&mut awsvpc.security_groups);
        drop_default(&mut awsvpc.assign_public_ip, "DISABLED");
    }
}

fn normalise_ebs(ebs: &mut ServiceManagedEbsVolume) {
    for specification in ebs.tag_specifications.iter_mut().flatten() {
        drop_default(&mut specification.propagate_tags, "NONE");
    }
}

/// The order of strategies matters; the spelling of their fields does not.
pub(crate) fn normalise_placement(strategies: &mut Option<Vec<PlacementStrategy>>) {
    for strategy in strategies.iter_mut().flatten() {
        let kind = strategy.r#type.as_ref().map(Choice::as_str);
        match (kind, strategy.field.as_deref()) {
            (Some("random"), _) => strategy.field = None,
            (Some("spread"), Some("host")) => strategy.field = Some("instanceId".to_owned()),
            (Some("binpack"), Some(field)) if !field.contains("${") => {
                strategy.field = Some(field.to_ascii_lowercase())
            }
            _ => {}
        }
    }
    let zones = [PlacementStrategy {
        r#type: Some("spread".into()),
        field: Some("attribute:ecs.availability-zone".to_owned()),
    }];
    // What AWS does, and may answer, when nothing is asked for.
    if strategies.as_deref() == Some(&zones) {
        *strategies = None;
    }
}

pub(crate) fn normalise_capacity(strategy: &mut Option<Vec<CapacityProviderStrategyItem>>) {
    for item in strategy.iter_mut().flatten() {
        drop_default(&mut item.weight, 0);
        drop_default(&mut item.base, 0);
    }
    sort_set(strategy);
}
