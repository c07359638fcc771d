//! What AWS refuses of a service, as far as the service alone tells.

use super::spec::ServiceSpec;
use crate::kinds::Findings;
use crate::kinds::mirror::Choice;

impl ServiceSpec {
    /// Whether its tasks need container instances that a manifest may declare: Fargate has none, and those of ECS
    /// Anywhere are registered elsewhere.
    pub(super) fn runs_on_instances(&self) -> bool {
        let mut providers = self.capacity_provider_strategy.iter().flatten().peekable();
        if providers.peek().is_some() {
            return providers.any(|item| !item.capacity_provider.starts_with("FARGATE"));
        }
        self.launch_type.as_ref().is_none_or(|launch_type| *launch_type == "EC2")
    }

    pub(super) fn lint(&self, findings: &mut Findings) {
        let launch_type = self.launch_type.as_ref().map(Choice::as_str);
        if launch_type.is_some() && self.capacity_provider_strategy.is_some() {
            findings.error("/launchType", "capacity-twice", "AWS takes a launch type or capacity providers, not both");
            findings.help("keep capacityProviderStrategy, or keep launchType");
        }
        if self.is_daemon() && self.desired_count.is_some() {
            let message = "a DAEMON service runs one task on every instance; AWS refuses a count";
            findings.error("/desiredCount", "daemon-count", message);
            findings.help("take desiredCount out, or use schedulingStrategy: REPLICA");
        }
        if let (Some(launch_type @ ("EC2" | "EXTERNAL")), Some(_)) = (launch_type, &self.platform_version) {
            let message = format!("only Fargate has platform versions; the launch type is {launch_type}");
            findings.error("/platformVersion", "fargate-only", message);
            findings.help("take platformVersion out");
        }
        self.lint_controller(launch_type, findings);
        self.lint_strategy(findings);
        let given: Vec<(&str, bool)> = match launch_type {
            Some("FARGATE") => vec![
                ("placementConstraints", says_something(&self.placement_constraints)),
                ("placementStrategy", says_something(&self.placement_strategy)),
            ],
            Some("EXTERNAL") => vec![
                ("loadBalancers", says_something(&self.load_balancers)),
                ("serviceRegistries", says_something(&self.service_registries)),
                ("networkConfiguration", self.network_configuration.is_some()),
            ],
            _ => Vec::new(),
        };
        for (member, _) in given.into_iter().filter(|(_, given)| *given) {
            let message = format!("launch type {} does not take {member}", launch_type.unwrap_or_default());
            findings.error(format!("/{member}"), "launch-type", message);
            findings.help(format!("take {member} out, or use another launchType"));
        }
    }

    /// What goes with a strategy.
    fn lint_strategy(&self, findings: &mut Findings) {
        let Some(deployment) = &self.deployment_configuration else { return };
        let strategy = deployment.strategy.as_ref().map_or("ROLLING", Choice::as_str);
        let given = [
            ("linearConfiguration", "LINEAR", deployment.linear_configuration.is_some()),
            ("canaryConfiguration", "CANARY", deployment.canary_configuration.is_some()),
            ("earlySuccessCriteria", "ROLLING", deployment.early_success_criteria.is_some()),
        ];
        for (member, of, _) in given.into_iter().filter(|(_, of, given)| *given && *of != strategy) {
            let message = format!("{member} belongs to the strategy {of}; the strategy is {strategy}");
            findings.error(format!("/deploymentConfiguration/{member}"), "deployment-strategy", message);
            findings.help(format!("take {member} out, or use strategy: {of}"));
        }
        if strategy == "BLUE_GREEN" && deployment.bake_time_in_minutes.is_none() {
            let message = "AWS wants to be told for how long both colours run after the traffic has moved";
            findings.error("/deploymentConfiguration/strategy", "deployment-strategy", message);
            findings.help("add bakeTimeInMinutes, which may be 0");
        }
    }

    /// What goes with controllers other than ECS.
    fn lint_controller(&self, launch_type: Option<&str>, findings: &mut Findings) {
        let controller = self.controller();
        if controller == "EXTERNAL" {
            let given = [
                ("taskDefinition", self.task_definition.is_some()),
                ("launchType", self.launch_type.is_some()),
                ("capacityProviderStrategy", says_something(&self.capacity_provider_strategy)),
                ("platformVersion", self.platform_version.is_some()),
                ("networkConfiguration", self.network_configuration.is_some()),
                ("loadBalancers", says_something(&self.load_balancers)),
                ("serviceRegistries", says_something(&self.service_registries)),
            ];
            for (member, _) in given.into_iter().filter(|(_, given)| *given) {
                let message = format!("with controller EXTERNAL, {member} is a matter of the task sets");
                findings.error(format!("/{member}"), "deployment-controller", message);
                findings.help(format!("take {member} out, or use another deploymentController"));
            }
        }
        if controller == "CODE_DEPLOY" && !says_something(&self.load_balancers) {
            let message = "CodeDeploy moves traffic from one target group to another, so the service needs one";
            findings.error("/deploymentController", "deployment-controller", message);
            findings.help("add loadBalancers, or use another deploymentController");
        }
        if ["CODE_DEPLOY", "EXTERNAL"].contains(&controller) {
            if self.is_daemon() {
                let message = format!("controller {controller} takes scheduling strategy REPLICA only");
                findings.error("/schedulingStrategy", "deployment-controller", message);
            }
            let percents = self.deployment_configuration.as_ref().is_some_and(|deployment| {
                deployment.maximum_percent.is_some() || deployment.minimum_healthy_percent.is_some()
            });
            if percents && launch_type == Some("EC2") {
                let message = format!("with controller {controller} on EC2, AWS takes no percentages");
                findings.error("/deploymentConfiguration", "deployment-controller", message);
                findings.help("take maximumPercent and minimumHealthyPercent out");
            }
        }
    }
}

/// An empty list is none.
fn says_something<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_some_and(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn codes(spec: Value) -> Vec<&'static str> {
        let mut findings = Findings::default();
        serde_json::from_value::<ServiceSpec>(spec).unwrap().lint(&mut findings);
        findings.0.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_aws_refuses_is_found_before() {
        let strategy = json!([{"capacityProvider": "edge"}]);
        assert_eq!(codes(json!({"launchType": "EC2", "capacityProviderStrategy": strategy})), ["capacity-twice"]);
        assert_eq!(codes(json!({"schedulingStrategy": "DAEMON", "desiredCount": 2})), ["daemon-count"]);
        assert_eq!(codes(json!({"launchType": "EXTERNAL", "platformVersion": "1.4.0"})), ["fargate-only"]);
        assert_eq!(codes(json!({"launchType": "FARGATE", "placementStrategy": [{"type": "random"}]})), ["launch-type"]);
        assert_eq!(codes(json!({"launchType": "EXTERNAL", "loadBalancers": [{}]})), ["launch-type"]);
        assert!(codes(json!({"launchType": "EXTERNAL", "loadBalancers": [], "serviceRegistries": []})).is_empty());
        let deployed = |configuration: Value| codes(json!({"deploymentConfiguration": configuration}));
        assert_eq!(deployed(json!({"linearConfiguration": {}, "canaryConfiguration": {}})), ["deployment-strategy"; 2]);
        assert_eq!(deployed(json!({"strategy": "BLUE_GREEN"})), ["deployment-strategy"]);
        assert!(deployed(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})).is_empty());
        assert!(deployed(json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 1.0}})).is_empty());
        let by = |controller: &str, mut spec: Value| {
            spec["deploymentController"] = json!({"type": controller});
            codes(spec)
        };
        assert!(by("EXTERNAL", json!({"desiredCount": 1})).is_empty());
        assert_eq!(
            by("EXTERNAL", json!({"taskDefinition": "till", "launchType": "EC2"})),
            ["deployment-controller"; 2]
        );
        assert_eq!(by("CODE_DEPLOY", json!({"taskDefinition": "till"})), ["deployment-controller"]);
        assert!(by("CODE_DEPLOY", json!({"taskDefinition": "till", "loadBalancers": [{}]})).is_empty());
        let daemon = json!({"schedulingStrategy": "DAEMON", "loadBalancers": [{}], "launchType": "EC2",
            "deploymentConfiguration": {"maximumPercent": 150}});
        assert_eq!(by("CODE_DEPLOY", daemon), ["deployment-controller"; 2]);
        assert!(codes(json!({"launchType": "FARGATE", "platformVersion": "1.4.0", "desiredCount": 1})).is_empty());
    }
}
