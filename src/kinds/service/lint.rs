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
        let given: Vec<(&str, bool)> = match launch_type {
            Some("FARGATE") => vec![
                ("placementConstraints", self.placement_constraints.is_some()),
                ("placementStrategy", self.placement_strategy.is_some()),
            ],
            Some("EXTERNAL") => vec![
                ("loadBalancers", self.load_balancers.is_some()),
                ("serviceRegistries", self.service_registries.is_some()),
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
        assert!(codes(json!({"launchType": "FARGATE", "platformVersion": "1.4.0", "desiredCount": 1})).is_empty());
    }
}
