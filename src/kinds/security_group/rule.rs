//! A rule as a person or the API writes it, and the atoms that it is made of: one direction, protocol, range of
//! ports and source each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::ec2::canonical_cidr;

/// Which way packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// A protocol by name (tcp, udp, icmp, icmpv6), by IANA's number, or -1 for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum IpProtocol {
    Number(i64),
    Name(String),
}

/// Who may talk over which ports. Either one source as a field, or lists of sources as the API has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// tcp, udp, icmp, icmpv6, a number of IANA's, or -1 for all protocols and ports.
    pub ip_protocol: IpProtocol,
    /// The first port; for ICMP the type, -1 for all types.
    pub from_port: Option<i32>,
    /// The last port; for ICMP the code. Absent: the first port, or all codes.
    pub to_port: Option<i32>,
    /// IPv4 addresses: 10.0.0.0/8.
    pub cidr_ip: Option<String>,
    /// IPv6 addresses: 2001:db8::/56.
    pub cidr_ipv6: Option<String>,
    /// In ingress: what carries this group. For the group itself write `self: true`.
    #[schemars(extend("x-ref" = "SecurityGroup", "x-ref-attribute" = "id"))]
    pub source_security_group_id: Option<String>,
    /// In ingress: a prefix list, pl-….
    pub source_prefix_list_id: Option<String>,
    /// In egress: what carries this group. For the group itself write `self: true`.
    #[schemars(extend("x-ref" = "SecurityGroup", "x-ref-attribute" = "id"))]
    pub destination_security_group_id: Option<String>,
    /// In egress: a prefix list, pl-….
    pub destination_prefix_list_id: Option<String>,
    /// Whatever carries this group itself. Only true makes sense.
    #[serde(rename = "self")]
    pub own_group: Option<bool>,
    /// The account of the other group, when it is not this stack's.
    pub security_group_owner_id: Option<String>,
    /// What the rule is for.
    pub description: Option<String>,
    /// IPv4 addresses, as the API has them.
    pub ip_ranges: Option<Vec<IpRange>>,
    /// IPv6 addresses, as the API has them.
    pub ipv6_ranges: Option<Vec<Ipv6Range>>,
    /// Prefix lists, as the API has them.
    pub prefix_list_ids: Option<Vec<PrefixList>>,
    /// Security groups, as the API has them.
    pub user_id_group_pairs: Option<Vec<GroupPair>>,
}

/// IPv4 addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IpRange {
    /// The block: 10.0.0.0/8.
    pub cidr_ip: String,
    /// What it is for.
    pub description: Option<String>,
}

/// IPv6 addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ipv6Range {
    /// The block: 2001:db8::/56.
    pub cidr_ipv6: String,
    /// What it is for.
    pub description: Option<String>,
}

/// A prefix list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrefixList {
    /// The id: pl-….
    pub prefix_list_id: String,
    /// What it is for.
    pub description: Option<String>,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupPair {
    /// What carries this group.
    #[schemars(extend("x-ref" = "SecurityGroup", "x-ref-attribute" = "id"))]
    pub group_id: String,
    /// The account of the group. Absent: this stack's.
    pub user_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

impl IpProtocol {
    /// The name where EC2 answers with one, else the number: tcp, 50, -1.
    pub(crate) fn canonical(&self) -> String {
        let text = match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => name.trim().to_lowercase(),
        };
        match text.as_str() {
            "6" => "tcp".to_owned(),
            "17" => "udp".to_owned(),
            "1" => "icmp".to_owned(),
            "58" => "icmpv6".to_owned(),
            "all" => "-1".to_owned(),
            _ => text,
        }
    }
}

/// What the two port fields mean for a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Ports of TCP and UDP.
    Range,
    /// Type and code of ICMP.
    TypeAndCode,
    /// Nothing; EC2 drops them.
    None,
}

impl Ports {
    pub(crate) fn of(protocol: &str) -> Self {
        match protocol {
            "tcp" | "udp" => Self::Range,
            "icmp" | "icmpv6" => Self::TypeAndCode,
            _ => Self::None,
        }
    }
}

impl Rule {
    /// A rule without a source.
    pub(super) fn new(protocol: &str, from_port: Option<i32>, to_port: Option<i32>) -> Self {
        Self {
            ip_protocol: IpProtocol::Name(protocol.to_owned()),
            from_port,
            to_port,
            cidr_ip: None,
            cidr_ipv6: None,
            source_security_group_id: None,
            source_prefix_list_id: None,
            destination_security_group_id: None,
            destination_prefix_list_id: None,
            own_group: None,
            security_group_owner_id: None,
            description: None,
            ip_ranges: None,
            ipv6_ranges: None,
            prefix_list_ids: None,
            user_id_group_pairs: None,
        }
    }

    /// What AWS lets out of every new group.
    pub(super) fn everywhere() -> Self {
        Self { cidr_ip: Some("0.0.0.0/0".to_owned()), ..Self::new("-1", None, None) }
    }

    /// The group on the other side, other than its own.
    pub(crate) fn group(&self) -> Option<&str> {
        self.source_security_group_id.as_deref().or(self.destination_security_group_id.as_deref())
    }

    pub(super) fn with_group(mut self, direction: Direction, group: &str) -> Self {
        match direction {
            Direction::Ingress => self.source_security_group_id = Some(group.to_owned()),
            Direction::Egress => self.destination_security_group_id = Some(group.to_owned()),
        }
        self
    }

    /// The prefix list on the other side.
    pub(crate) fn prefix_list(&self) -> Option<&str> {
        self.source_prefix_list_id.as_deref().or(self.destination_prefix_list_id.as_deref())
    }

    pub(super) fn with_prefix_list(mut self, direction: Direction, list: &str) -> Self {
        match direction {
            Direction::Ingress => self.source_prefix_list_id = Some(list.to_owned()),
            Direction::Egress => self.destination_prefix_list_id = Some(list.to_owned()),
        }
        self
    }

    /// What makes the rule itself: everything but its description.
    pub(crate) fn identity(&self) -> Self {
        Self { description: None, ..self.clone() }
    }

    /// The rules with one source each that this one stands for, in canonical form.
    pub(crate) fn atoms(&self, direction: Direction, account: &str) -> Vec<Self> {
        let protocol = self.ip_protocol.canonical();
        let (from, to) = match Ports::of(&protocol) {
            Ports::Range => (self.from_port, self.to_port.or(self.from_port)),
            Ports::TypeAndCode => (Some(self.from_port.unwrap_or(-1)), Some(self.to_port.unwrap_or(-1))),
            Ports::None => (None, None),
        };
        let bare = |description: &Option<String>| Self {
            description: description.clone().filter(|text| !text.is_empty()),
            ..Self::new(&protocol, from, to)
        };
        let foreign = |owner: &Option<String>| owner.clone().filter(|owner| owner != account);
        let mut atoms = Vec::new();
        let blank = bare(&self.description);
        if let Some(block) = &self.cidr_ip {
            atoms.push(Self { cidr_ip: Some(canonical_cidr(block)), ..blank.clone() });
        }
        if let Some(block) = &self.cidr_ipv6 {
            atoms.push(Self { cidr_ipv6: Some(canonical_cidr(block)), ..blank.clone() });
        }
        if let Some(group) = self.group() {
            let security_group_owner_id = foreign(&self.security_group_owner_id);
            atoms.push(Self { security_group_owner_id, ..blank.clone() }.with_group(direction, group));
        }
        if let Some(list) = self.prefix_list() {
            atoms.push(blank.clone().with_prefix_list(direction, list));
        }
        if self.own_group == Some(true) {
            atoms.push(Self { own_group: Some(true), ..blank.clone() });
        }
        let each = self.ip_ranges.iter().flatten();
        atoms.extend(each.map(|one| Self { cidr_ip: Some(canonical_cidr(&one.cidr_ip)), ..bare(&one.description) }));
        let each = self.ipv6_ranges.iter().flatten();
        atoms
            .extend(each.map(|one| Self { cidr_ipv6: Some(canonical_cidr(&one.cidr_ipv6)), ..bare(&one.description) }));
        let each = self.prefix_list_ids.iter().flatten();
        atoms.extend(each.map(|one| bare(&one.description).with_prefix_list(direction, &one.prefix_list_id)));
        let each = self.user_id_group_pairs.iter().flatten();
        atoms.extend(each.map(|one| {
            Self { security_group_owner_id: foreign(&one.user_id), ..bare(&one.description) }
                .with_group(direction, &one.group_id)
        }));
        atoms
    }
}

/// What has to happen to the rules of one direction.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RuleChanges {
    pub(super) authorize: Vec<Rule>,
    pub(super) describe: Vec<Rule>,
    pub(super) revoke: Vec<Rule>,
}

impl RuleChanges {
    /// From atoms to atoms.
    pub(super) fn between(wanted: &[Rule], live: &[Rule]) -> Self {
        let same = |among: &'_ [Rule], rule: &Rule| -> Option<usize> {
            among.iter().position(|one| one.identity() == rule.identity())
        };
        let mut changes = Self::default();
        for rule in wanted {
            match same(live, rule).map(|index| &live[index]) {
                None => changes.authorize.push(rule.clone()),
                Some(live) if live.description != rule.description => changes.describe.push(rule.clone()),
                Some(_) => {}
            }
        }
        changes.revoke.extend(live.iter().filter(|rule| same(wanted, rule).is_none()).cloned());
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(port: i32, description: Option<&str>) -> Rule {
        Rule {
            cidr_ip: Some("10.0.0.0/8".to_owned()),
            description: description.map(str::to_owned),
            ..Rule::new("tcp", Some(port), Some(port))
        }
    }

    #[test]
    fn protocols_have_one_spelling() {
        let spelled = |name: &str| IpProtocol::Name(name.to_owned()).canonical();
        assert_eq!(IpProtocol::Number(6).canonical(), "tcp");
        assert_eq!(IpProtocol::Number(-1).canonical(), "-1");
        assert_eq!((spelled("58"), spelled("all"), spelled("50")), ("icmpv6".into(), "-1".into(), "50".into()));
    }

    #[test]
    fn a_new_description_is_no_new_rule() {
        let changes = RuleChanges::between(&[open(1, Some("b")), open(2, None)], &[open(1, Some("a")), open(3, None)]);
        assert_eq!(changes.authorize, [open(2, None)]);
        assert_eq!(changes.describe, [open(1, Some("b"))]);
        assert_eq!(changes.revoke, [open(3, None)]);
    }

    #[test]
    fn ports_of_protocols_without_ports_are_dropped() {
        let rule = Rule { from_port: Some(0), to_port: Some(65535), ..Rule::everywhere() };
        assert_eq!(rule.atoms(Direction::Egress, ""), [Rule::everywhere()]);
    }

    #[test]
    fn the_owner_of_a_group_is_told_only_when_it_is_somebody_else() {
        let pair =
            |owner: &str| GroupPair { group_id: "sg-2".to_owned(), user_id: Some(owner.to_owned()), description: None };
        let rule = Rule { user_id_group_pairs: Some(vec![pair("1"), pair("2")]), ..Rule::new("tcp", Some(1), Some(1)) };
        let owners: Vec<Option<String>> =
            rule.atoms(Direction::Ingress, "1").into_iter().map(|atom| atom.security_group_owner_id).collect();
        assert_eq!(owners, [None, Some("2".to_owned())]);
    }
}
