//! The cluster query language on container instances: filters and `memberOf` expressions.

use super::container_instances::Instance;
use crate::cluster_query;

/// A parsed expression.
#[derive(Debug)]
pub(super) struct Expression(cluster_query::Expression);

impl Expression {
    /// Parses an expression; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parsed = cluster_query::Expression::parse(text);
        parsed.map(Self).map_err(|mistake| format!("Invalid expression '{text}': {mistake}."))
    }

    /// Whether an instance satisfies the expression. `groups` are the groups of the tasks on it.
    pub(super) fn holds(&self, instance: &Instance, groups: &[&str]) -> bool {
        let test = |comparison: &cluster_query::Comparison| {
            Some(comparison.holds_of(&subjects(&comparison.subject, instance, groups)))
        };
        self.0.holds(&test).unwrap_or(false)
    }
}

/// What a subject stands for on an instance: none when the instance lacks it, several for `task:group`.
fn subjects(subject: &str, instance: &Instance, groups: &[&str]) -> Vec<String> {
    if let Some(name) = subject.strip_prefix("attribute:") {
        return instance.attributes.get(name).map(|value| value.clone().unwrap_or_default()).into_iter().collect();
    }
    match subject {
        "ec2InstanceId" => vec![instance.ec2_id.clone()],
        "agentConnected" => vec![instance.connected.to_string()],
        "agentVersion" => vec![instance.agent_version.clone()],
        "registeredAt" => vec![instance.registered_at.to_string()],
        "runningTasksCount" => vec![groups.len().to_string()],
        "task:group" => groups.iter().map(|group| (*group).to_owned()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::container_instances::Instance;
    use super::*;

    #[test]
    fn expressions_hold_or_not() {
        let mut instance = Instance::blank();
        instance.ec2_id = "i-1".into();
        instance.agent_version = "1.102.0".into();
        instance.connected = true;
        instance.attributes.insert("ecs.instance-type".into(), Some("c5.large".into()));
        instance.attributes.insert("rack".into(), None);
        for (text, expected) in [
            ("ec2InstanceId == i-1", true),
            ("ec2InstanceId in ['i-2', \"i-1\"]", true),
            ("ec2InstanceId in [i-2,i-3]", false),
            ("ec2InstanceId !in [i-2]", true),
            ("attribute:rack exists", true),
            ("attribute:shelf exists", false),
            ("attribute:shelf not_exists", true),
            ("attribute:shelf !exists and agentConnected==true", true),
            ("attribute:ecs.instance-type =~ c5.*", true),
            ("attribute:ecs.instance-type =~ (c4|m5).*", false),
            ("not(attribute:ecs.instance-type == c5.large)", false),
            ("attribute:ecs.instance-type != t3.micro", true),
            ("(attribute:rack exists or attribute:shelf exists) && !(ec2InstanceId == i-9)", true),
            ("agentVersion >= 1.33.0", true),
            ("runningTasksCount < 2", true),
            ("task:group == service:web", true),
        ] {
            let expression = Expression::parse(text).unwrap();
            assert_eq!(expression.holds(&instance, &["service:web"]), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "rack == 1",
            "attribute:a",
            "attribute:a ~ b",
            "(attribute:a exists",
            "attribute:a in b",
            "attribute:a == 'b",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
