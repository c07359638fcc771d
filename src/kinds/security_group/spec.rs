//! What a manifest may say of a security group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{Direction, Rule};

/// What AWS requires and few people write.
pub(super) const DESCRIPTION: &str = "Managed by farpost";

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroupSpec {
    /// The name in AWS, unique in the VPC. Absent: the name of the document. A change needs a new group.
    pub group_name: Option<String>,
    /// What the group is for. Absent: Managed by farpost. A change needs a new group.
    pub description: Option<String>,
    /// The VPC. A change needs a new group.
    #[schemars(extend("x-ref" = "Vpc", "x-ref-attribute" = "id"))]
    pub vpc_id: String,
    /// What may come in. Absent: nothing. A rule that is not here is revoked.
    pub ingress: Option<Vec<Rule>>,
    /// What may go out. Absent: everything over IPv4, as AWS does; `[]` for nothing. A rule that is not here is
    /// revoked.
    pub egress: Option<Vec<Rule>>,
}

impl SecurityGroupSpec {
    pub(super) fn name<'a>(&'a self, document: &'a str) -> &'a str {
        self.group_name.as_deref().unwrap_or(document)
    }

    /// The rules of one direction.
    pub(super) fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
        .as_deref()
        .unwrap_or_default()
    }

    pub(super) fn normalise(&mut self, account: &str) {
        self.description.get_or_insert_with(|| DESCRIPTION.to_owned());
        self.egress.get_or_insert_with(|| vec![Rule::everywhere()]);
        self.ingress.get_or_insert_default();
        for (direction, rules) in [(Direction::Ingress, &mut self.ingress), (Direction::Egress, &mut self.egress)] {
            let rules = rules.get_or_insert_default();
            *rules = rules.iter().flat_map(|rule| rule.atoms(direction, account)).collect();
            rules.sort();
            rules.dedup();
        }
    }
}

/// What makes a group unique; AWS does not tell the case of names apart.
pub(super) fn key(vpc: &str, name: &str) -> String {
    format!("{vpc}/{}", name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::kinds::{Place, by_name};

    fn normal(spec: Value) -> Value {
        let place =
            Place { account: "123456789012".to_owned(), region: "us-west-2".to_owned(), stack: "edge".to_owned() };
        by_name("SecurityGroup").unwrap().normalise(&spec, &place).unwrap()
    }

    #[test]
    fn order_and_grouping_do_not_matter() {
        let by_a_person = json!({"vpcId": "vpc-1", "egress": [], "ingress": [
            {"ipProtocol": 6, "fromPort": 443, "cidrIp": "10.0.0.9/8", "description": ""},
            {"ipProtocol": "TCP", "fromPort": 443, "toPort": 443, "cidrIpv6": "2001:DB8::/56"},
            {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "sourceSecurityGroupId": "sg-2", "description": "app"},
        ]});
        let by_the_api = json!({"vpcId": "vpc-1", "egress": [], "ingress": [
            {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443,
                "userIdGroupPairs": [{"groupId": "sg-2", "userId": "123456789012", "description": "app"}],
                "ipv6Ranges": [{"cidrIpv6": "2001:db8::/56"}],
                "ipRanges": [{"cidrIp": "10.0.0.0/8"}]},
        ]});
        assert_eq!(normal(by_a_person.clone()), normal(by_the_api));
        assert_eq!(normal(by_a_person)["ingress"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn absent_egress_is_what_aws_does_and_empty_egress_is_none() {
        assert_eq!(normal(json!({"vpcId": "vpc-1"}))["egress"], json!([{"ipProtocol": "-1", "cidrIp": "0.0.0.0/0"}]));
        assert_eq!(normal(json!({"vpcId": "vpc-1", "egress": []}))["egress"], json!([]));
        assert_eq!(normal(json!({"vpcId": "vpc-1"}))["ingress"], json!([]));
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        let once = normal(json!({"vpcId": "${Vpc.a.id}", "ingress": [
            {"ipProtocol": "icmp", "self": true},
            {"ipProtocol": -1, "fromPort": 0, "toPort": 0, "sourcePrefixListId": "pl-1"},
            {"ipProtocol": "udp", "fromPort": 53, "sourceSecurityGroupId": "${SecurityGroup.app.id}"},
        ]}));
        assert_eq!(normal(once.clone()), once);
        let icmp = &once["ingress"].as_array().unwrap().iter().find(|rule| rule["ipProtocol"] == "icmp").unwrap();
        assert_eq!((&icmp["fromPort"], &icmp["toPort"]), (&json!(-1), &json!(-1)));
    }

    #[test]
    fn keys_have_the_vpc_and_no_case() {
        let kind = by_name("SecurityGroup").unwrap();
        let place = Place { account: String::new(), region: String::new(), stack: String::new() };
        let key = |spec: Value| kind.key("App", &spec, &place);
        assert_eq!(key(json!({"vpcId": "vpc-1"})).as_deref(), Some("vpc-1/app"));
        assert_eq!(key(json!({"vpcId": "vpc-1", "groupName": "Web"})).as_deref(), Some("vpc-1/web"));
        assert_eq!(key(json!({"vpcId": "${Vpc.a.id}"})), None);
    }
}
