//! The canonical form of a service: what means the same becomes equal. Absent stands for every documented default.

use super::spec::ServiceSpec;
use super::spec_deployment::{
    DeploymentAlarms, DeploymentCircuitBreaker, DeploymentConfiguration, ThresholdConfiguration,
};
use super::spec_network::{
    CapacityProviderStrategyItem, NetworkConfiguration, PlacementStrategy, ServiceManagedEbsVolume,
};
use crate::kinds::mirror::{Choice, drop_default, sort_set};
use crate::kinds::{Place, is_open};

impl ServiceSpec {
    /// Writes a cluster as its name, task definition and role as their ARNs: what they are in `place`.
    pub(super) fn normalise_names(&mut self, place: &Place) {
        let cluster = self.cluster.get_or_insert_with(|| "default".to_owned());
        if let Some(name) = cluster.strip_prefix(&place.arn("ecs", "cluster/")) {
            *cluster = name.to_owned();
        }
        if let Some(definition) =
            self.task_definition.as_mut().filter(|text| !text.starts_with("arn:") && !is_open(text))
        {
            *definition = place.arn("ecs", &format!("task-definition/{definition}"));
        }
        self.complete_roles(place.partition(), &place.account);
    }

    /// Brings the rest of the spec into its canonical form.
    pub fn normalise(&mut self) {
        self.tidy();
        let daemon = self.is_daemon();
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
        // What another strategy has is no part of this one; AWS may keep it.
        if self.strategy.as_ref().is_none_or(|strategy| *strategy != "LINEAR") {
            self.linear_configuration = None;
        }
        if self.strategy.as_ref().is_none_or(|strategy| *strategy != "CANARY") {
            self.canary_configuration = None;
        }
        if let Some(linear) = &mut self.linear_configuration {
            drop_default(&mut linear.step_percent, 10.0);
            drop_default(&mut linear.step_bake_time_in_minutes, 6);
        }
        if let Some(canary) = &mut self.canary_configuration {
            drop_default(&mut canary.canary_percent, 5.0);
            drop_default(&mut canary.canary_bake_time_in_minutes, 10);
        }
        if self.early_success_criteria.as_ref().is_some_and(|criteria| !criteria.enable) {
            self.early_success_criteria = None;
        }
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
        // Of these, too, AWS takes what is left out to be as it was.
        let is = |name: &str| self.strategy.as_ref().is_some_and(|strategy| *strategy == name);
        let (is_linear, is_canary) = (is("LINEAR"), is("CANARY"));
        if let Some(live) = live.linear_configuration.as_ref().filter(|_| is_linear) {
            let linear = self.linear_configuration.get_or_insert_default();
            reset(&mut linear.step_percent, &live.step_percent, 10.0);
            reset(&mut linear.step_bake_time_in_minutes, &live.step_bake_time_in_minutes, 6);
        }
        if let Some(live) = live.canary_configuration.as_ref().filter(|_| is_canary) {
            let canary = self.canary_configuration.get_or_insert_default();
            reset(&mut canary.canary_percent, &live.canary_percent, 5.0);
            reset(&mut canary.canary_bake_time_in_minutes, &live.canary_bake_time_in_minutes, 10);
        }
        if self.strategy.as_ref().is_some_and(|strategy| *strategy == "BLUE_GREEN") {
            // It must be given, also when it is none.
            self.bake_time_in_minutes.get_or_insert(0);
        }
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
                strategy.field = Some(field.to_ascii_lowercase());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::mirror::arbitrary;

    const SETS: [&str; 12] = [
        "loadBalancers",
        "serviceRegistries",
        "capacityProviderStrategy",
        "placementConstraints",
        "volumeConfigurations",
        "vpcLatticeConfigurations",
        "alarmNames",
        "lifecycleHooks",
        "lifecycleStages",
        "gatewayConnectors",
        "subnets",
        "securityGroups",
    ];

    fn normal(value: Value) -> Value {
        let mut spec: ServiceSpec = serde_json::from_value(value).unwrap();
        let (account, region, stack) = ("123456789012".to_owned(), "us-west-2".to_owned(), "store".to_owned());
        spec.normalise_names(&Place { account, region, stack });
        spec.normalise();
        serde_json::to_value(spec).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn normalising_twice_changes_nothing(seed: u64) {
            let mut once: ServiceSpec = arbitrary::spec(seed, false);
            once.normalise();
            let mut twice = once.clone();
            twice.normalise();
            prop_assert_eq!(serde_json::to_string(&twice).unwrap(), serde_json::to_string(&once).unwrap());
        }

        #[test]
        fn the_order_of_sets_does_not_matter(seed: u64, other: u64) {
            let mut spec: ServiceSpec = arbitrary::spec(seed, false);
            let mut shuffled = arbitrary::shuffle(&spec, other, &SETS);
            spec.normalise();
            shuffled.normalise();
            prop_assert_eq!(serde_json::to_string(&shuffled).unwrap(), serde_json::to_string(&spec).unwrap());
        }
    }

    #[test]
    fn what_aws_fills_in_equals_nothing() {
        let answered = json!({
            "cluster": "arn:aws:ecs:us-west-2:123456789012:cluster/edge",
            "serviceName": "till",
            "taskDefinition": "arn:aws:ecs:us-west-2:123456789012:task-definition/till:7",
            "role": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "loadBalancers": [], "serviceRegistries": [], "placementConstraints": [],
            "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
            "platformVersion": "LATEST", "schedulingStrategy": "REPLICA", "propagateTags": "NONE",
            "deploymentController": {"type": "ECS"}, "healthCheckGracePeriodSeconds": 0,
            "enableECSManagedTags": false, "enableExecuteCommand": false,
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {"enable": false, "rollback": false, "resetOnHealthyTask": true,
                    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}},
                "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0,
                "alarms": {"alarmNames": [], "enable": false, "rollback": false},
            },
            "networkConfiguration": {"awsvpcConfiguration":
                {"subnets": ["b", "a"], "securityGroups": [], "assignPublicIp": "DISABLED"}},
        });
        assert_eq!(
            normal(answered),
            json!({"cluster": "edge", "serviceName": "till",
                "taskDefinition": "arn:aws:ecs:us-west-2:123456789012:task-definition/till:7",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a", "b"]}}})
        );
    }

    #[test]
    fn a_daemon_has_other_defaults_and_no_count() {
        let written = json!({"schedulingStrategy": "DAEMON", "desiredCount": 4,
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}});
        assert_eq!(normal(written), json!({"cluster": "default", "schedulingStrategy": "DAEMON"}));
        let written = json!({"cluster": "default",
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}});
        assert_eq!(normal(written.clone()), written);
    }

    #[test]
    fn placement_keeps_its_order_and_loses_its_spellings() {
        let written = json!({"cluster": "edge", "placementStrategy": [
            {"type": "spread", "field": "host"}, {"type": "binpack", "field": "MEMORY"}, {"type": "random", "field": "x"}]});
        let expected = json!({"cluster": "edge", "placementStrategy": [
            {"type": "spread", "field": "instanceId"}, {"type": "binpack", "field": "memory"}, {"type": "random"}]});
        assert_eq!(normal(written), expected);
    }

    #[test]
    fn short_names_are_those_of_the_place() {
        let foreign = json!({"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/edge"});
        assert_eq!(normal(foreign.clone()), foreign);
        assert_eq!(
            normal(json!({"taskDefinition": "till"})),
            json!({"cluster": "default", "taskDefinition": "arn:aws:ecs:us-west-2:123456789012:task-definition/till"})
        );
        assert_eq!(
            normal(json!({"role": "lb", "cluster": "edge"})),
            json!({"cluster": "edge", "role": "arn:aws:iam::123456789012:role/lb"})
        );
    }

    #[test]
    fn text_with_a_reference_is_not_touched() {
        let written =
            json!({"cluster": "${Cluster.edge}", "taskDefinition": "arn:aws:ecs:${x}:1:task-definition/till:7"});
        assert_eq!(normal(written.clone()), written);
    }
}
