//! SG-01 to SG-03 and SG-05: the rules of security groups.

use super::blocks::{self, Family};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::security_group::rule::{Direction, Ports, Rule as GroupRule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "SG-01",
        severity: Error,
        title: "ports that do not go with the protocol of a security group's rule",
        why: "TCP and UDP have ports from 0 to 65535, ICMP a type and a code from -1 to 255, every other protocol \
              neither: AWS refuses ports that are missing or out of range, and opens all of them where a protocol has none, \
              whatever the rule says.",
        source: "Amazon EC2 API, IpPermission",
        check: Check::Each("SecurityGroup", ports),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: -1, fromPort: 8080, toPort: 8080, cidrIp: 10.0.0.0/8}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, toPort: 8080, cidrIp: 10.0.0.0/8}
",
    },
    Rule {
        id: "SG-02",
        severity: Error,
        title: "a security group's rule without one other side",
        why: "A rule names who is on the other side: IPv4 addresses, IPv6 addresses, a prefix list, a group, or itself. \
              With none AWS refuses it, and several are several rules.",
        source: "Amazon EC2 API, AuthorizeSecurityGroupIngress",
        check: Check::Each("SecurityGroup", one_side),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, cidrIp: 10.0.0.0/8, self: true}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, cidrIp: 10.0.0.0/8}
    - {ipProtocol: tcp, fromPort: 8080, self: true}
",
    },
    Rule {
        id: "SG-03",
        severity: Warning,
        title: "a door for administrators or data that is open to the whole internet",
        why: "Ports of SSH, RDP, Docker, the ECS agent, NFS and databases are found within minutes once the whole internet \
              may try them. Who controls Docker's API or the agent's has the host and the roles of its tasks.",
        source: "Amazon VPC User Guide, Security group rules; CIS AWS Foundations Benchmark, 5.2 and 5.3",
        check: Check::Each("SecurityGroup", open),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 22, cidrIp: 0.0.0.0/0}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 22, cidrIp: 10.0.3.0/24}
",
    },
    Rule {
        id: "SG-05",
        severity: Error,
        title: "a security group's rule whose block is none, or that is there twice",
        why: "AWS takes each rule once: \"InvalidPermission.Duplicate\"; rules are equal when protocol, ports and other \
              side are, whatever their descriptions. Bits beyond a prefix are a warning: AWS stores the block without them.",
        source: "Amazon EC2 API, AuthorizeSecurityGroupIngress",
        check: Check::Each("SecurityGroup", duplicates),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, cidrIp: 10.0.0.0/8, description: tills}
    - {ipProtocol: tcp, fromPort: 8080, toPort: 8080, cidrIp: 10.0.0.0/8}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, cidrIp: 10.0.0.0/8, description: tills}
",
    },
];

/// What nobody should offer to the whole internet.
const DOORS: &[(&str, i32, &str)] = &[
    ("tcp", 22, "SSH"),
    ("tcp", 3389, "RDP"),
    ("tcp", 2375, "Docker's API"),
    ("tcp", 2376, "Docker's API"),
    ("tcp", 51678, "the ECS agent"),
    ("tcp", 51679, "the credentials of tasks"),
    ("tcp", 51680, "the ECS agent"),
    ("tcp", 2049, "NFS"),
    ("udp", 2049, "NFS"),
    ("tcp", 1433, "SQL Server"),
    ("tcp", 1521, "Oracle"),
    ("tcp", 3306, "MySQL"),
    ("tcp", 5432, "PostgreSQL"),
    ("tcp", 6379, "Redis"),
    ("tcp", 9200, "OpenSearch"),
    ("tcp", 11211, "memcached"),
    ("udp", 11211, "memcached"),
    ("tcp", 27017, "MongoDB"),
];

/// The lists of rules of a group.
pub(super) const DIRECTIONS: [(Direction, &str); 2] = [(Direction::Ingress, "ingress"), (Direction::Egress, "egress")];

/// A rule as its kind reads it; None while a port or the like is a reference.
pub(super) fn read(rule: Node<'_>) -> Option<GroupRule> {
    serde_json::from_value(rule.value()?.clone()).ok()
}

/// The rules of a direction with one other side each, in canonical form.
pub(super) fn atoms(group: Node<'_>, (direction, member): (Direction, &str)) -> Vec<GroupRule> {
    group.get(member).items().filter_map(read).flat_map(|rule| rule.atoms(direction, "")).collect()
}

fn ports(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (_, member) in DIRECTIONS {
        for node in group.get(member).items() {
            if let Some(rule) = read(node).filter(|_| node.get("ipProtocol").text().is_some() || is_number(node)) {
                ports_of(node, &rule, hits);
            }
        }
    }
}

fn is_number(rule: Node<'_>) -> bool {
    rule.get("ipProtocol").value().is_some_and(serde_json::Value::is_number)
}

fn ports_of(node: Node<'_>, rule: &GroupRule, hits: &mut Hits) {
    let protocol = rule.ip_protocol.canonical();
    let is_number = protocol.parse::<u8>().is_ok();
    if !["tcp", "udp", "icmp", "icmpv6", "-1"].contains(&protocol.as_str()) && !is_number {
        hits.add(node.get("ipProtocol"), format!("`{protocol}` is no protocol"))
            .help("tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all");
        return;
    }
    match Ports::of(&protocol) {
        Ports::Range => match (rule.from_port, rule.to_port.or(rule.from_port)) {
            (Some(from), Some(to)) if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) => {
                hits.add(node, format!("{from} to {to} are no ports; they go from 0 to 65535"));
            }
            (Some(from), Some(to)) if from > to => {
                hits.add(node, format!("the first port, {from}, is after the last, {to}"))
                    .help(format!("write fromPort: {to} and toPort: {from}"));
            }
            (Some(_), Some(_)) => {}
            _ => {
                hits.add(node, format!("a rule for {protocol} needs fromPort"))
                    .help("fromPort: 0 and toPort: 65535 for all ports");
            }
        },
        Ports::TypeAndCode => {
            let (kind, code) = (rule.from_port.unwrap_or(-1), rule.to_port.unwrap_or(-1));
            if !(-1..=255).contains(&kind) || !(-1..=255).contains(&code) || (kind == -1 && code != -1) {
                let message =
                    format!("for {protocol}, fromPort is the type and toPort the code, not {kind} and {code}");
                hits.add(node, message).help("leave both out for all types and codes");
            }
        }
        Ports::None => {
            let means_all =
                matches!((rule.from_port, rule.to_port), (None | Some(-1 | 0), None | Some(-1 | 0 | 65535)));
            if !means_all {
                let of = if protocol == "-1" { "all protocols".to_owned() } else { format!("protocol {protocol}") };
                hits.add(node, format!("a rule for {of} is for all ports, whatever it says"))
                    .help("write ipProtocol: tcp or udp, or leave the ports out");
            }
        }
    }
}

fn one_side(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (direction, member) in DIRECTIONS {
        let (own, other) = match direction {
            Direction::Ingress => ("source", "destination"),
            Direction::Egress => ("destination", "source"),
        };
        for node in group.get(member).items() {
            side_of(node, own, other, hits);
        }
    }
}

fn side_of(node: Node<'_>, own: &str, other: &str, hits: &mut Hits) {
    let flat = [
        "cidrIp",
        "cidrIpv6",
        "sourceSecurityGroupId",
        "sourcePrefixListId",
        "destinationSecurityGroupId",
        "destinationPrefixListId",
    ];
    let mut given: Vec<&str> = flat.into_iter().filter(|member| node.get(member).is_given()).collect();
    given.extend(node.get("self").is_true().then_some("self"));
    if let Some((wrong, rest)) = given.iter().find_map(|name| Some((*name, name.strip_prefix(other)?))) {
        hits.add(node.get(wrong), format!("this direction has no {other}")).help(format!("write {own}{rest}"));
        return;
    }
    let lists = ["ipRanges", "ipv6Ranges", "prefixListIds", "userIdGroupPairs"];
    if lists.into_iter().any(|list| node.get(list).says_something()) {
        given.push("lists of the API");
    }
    match given[..] {
        [_] => {}
        [] => {
            hits.add(node, "the rule does not say who is on the other side")
                .help(format!("add cidrIp, cidrIpv6, {own}SecurityGroupId, {own}PrefixListId or self: true"));
        }
        _ => {
            hits.add(node, format!("a rule has one other side, and this has {}", given.join(", ")))
                .help("write a rule for each");
        }
    }
}

fn open(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for node in group.get("ingress").items() {
        let Some(rule) = read(node) else { continue };
        let atoms = rule.atoms(Direction::Ingress, "");
        let Some(atom) = atoms.iter().find(|atom| is_world(atom)) else { continue };
        let what = match doors(atom)[..] {
            [] => continue,
            _ if is_everything(atom) => "everything".to_owned(),
            ref found => found.join(", "),
        };
        hits.add(node, format!("the whole internet may try {what}")).help(
            "name the addresses that need it; for a shell on a host, Systems Manager's sessions need no open port",
        );
    }
}

fn is_world(atom: &GroupRule) -> bool {
    let blocks = [&atom.cidr_ip, &atom.cidr_ipv6];
    blocks.into_iter().flatten().any(|text| text.parse::<ipnet::IpNet>().is_ok_and(|block| block.prefix_len() == 0))
}

fn is_everything(atom: &GroupRule) -> bool {
    atom.ip_protocol.canonical() == "-1" || (atom.from_port <= Some(1) && atom.to_port == Some(65535))
}

/// The doors that a rule opens, by name and port.
fn doors(atom: &GroupRule) -> Vec<String> {
    let protocol = atom.ip_protocol.canonical();
    let is_open = |(of, port, _): &&(&str, i32, &str)| protocol == "-1" || (protocol == *of && covers(atom, *port));
    DOORS.iter().filter(is_open).map(|(_, port, name)| format!("{name} (port {port})")).collect()
}

/// Whether an atom of TCP or UDP is for a port too.
pub(super) fn covers(atom: &GroupRule, port: i32) -> bool {
    atom.from_port.zip(atom.to_port).is_some_and(|(from, to)| from <= port && port <= to)
}

fn duplicates(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (direction, member) in DIRECTIONS {
        let mut seen: Vec<(GroupRule, Node<'_>)> = Vec::new();
        for node in group.get(member).items() {
            blocks::check(Family::Ipv4, node, "cidrIp", hits);
            blocks::check(Family::Ipv6, node, "cidrIpv6", hits);
            node.get("ipRanges").items().for_each(|range| blocks::check(Family::Ipv4, range, "cidrIp", hits));
            node.get("ipv6Ranges").items().for_each(|range| blocks::check(Family::Ipv6, range, "cidrIpv6", hits));
            for atom in read(node).map(|rule| rule.atoms(direction, "")).unwrap_or_default() {
                let atom = atom.identity();
                match seen.iter().find(|(earlier, _)| *earlier == atom) {
                    Some((_, first)) => {
                        hits.add(node, "an earlier rule says the same; AWS takes it once")
                            .help("take one of them out")
                            .beside(*first, "the earlier one");
                    }
                    None => seen.push((atom, node)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::tests::findings;

    /// What is found about a group with these members.
    fn codes(members: serde_json::Value) -> Vec<String> {
        let mut spec = json!({"vpcId": "vpc-0123456789abcdef0"});
        spec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let found = findings(&format!("kind: SecurityGroup\nmetadata: {{name: hosts}}\nspec: {spec}\n"));
        found.iter().map(|one| one.code.to_string()).collect()
    }

    fn ingress(rule: serde_json::Value) -> Vec<String> {
        codes(json!({"ingress": [rule]}))
    }

    #[test]
    fn ports_fit_the_protocol() {
        let with = |protocol: serde_json::Value, from: Option<i32>, to: Option<i32>| {
            ingress(json!({"ipProtocol": protocol, "fromPort": from, "toPort": to, "cidrIp": "10.0.0.0/8"}))
        };
        for (protocol, from, to) in [
            (json!("tcp"), Some(80), None),
            (json!(-1), None, None),
            (json!("-1"), Some(0), Some(0)),
            (json!("icmp"), Some(8), None),
            (json!(50), None, None),
        ] {
            assert_eq!(with(protocol, from, to), [""; 0]);
        }
        for (protocol, from, to) in [
            ("tcp", None, None),
            ("tcp", Some(90), Some(80)),
            ("udp", Some(0), Some(65536)),
            ("-1", Some(80), Some(80)),
            ("icmp", Some(-1), Some(3)),
            ("http", Some(80), None),
        ] {
            assert_eq!(with(json!(protocol), from, to), ["SG-01"], "{protocol} {from:?} {to:?}");
        }
    }

    #[test]
    fn a_rule_has_one_other_side() {
        let with = |side: serde_json::Value| {
            let mut rule = json!({"ipProtocol": "tcp", "fromPort": 80});
            rule.as_object_mut().unwrap().extend(side.as_object().unwrap().clone());
            ingress(rule)
        };
        assert_eq!(with(json!({"self": true})), [""; 0]);
        assert_eq!(with(json!({"ipRanges": [{"cidrIp": "10.0.0.0/8"}, {"cidrIp": "172.16.0.0/12"}]})), [""; 0]);
        assert_eq!(with(json!({})), ["SG-02"]);
        assert_eq!(with(json!({"self": false})), ["SG-02"]);
        assert_eq!(with(json!({"destinationPrefixListId": "pl-1"})), ["SG-02"]);
        assert_eq!(with(json!({"cidrIp": "::/0"})), ["SG-05"]);
    }

    #[test]
    fn doors_stand_open_for_everybody_only_by_intent() {
        let from = |block: &str, first: i32, last: i32| {
            ingress(json!({"ipProtocol": "tcp", "fromPort": first, "toPort": last, "cidrIp": block}))
        };
        assert_eq!(from("0.0.0.0/0", 0, 22), ["SG-03"]);
        assert_eq!(from("0.0.0.0/0", 0, 65535), ["SG-03"]);
        assert_eq!(from("0.0.0.0/0", 443, 443), [""; 0]);
        assert_eq!(from("0.0.0.0/0", 0, 21), [""; 0]);
        assert_eq!(from("10.0.0.0/8", 22, 22), [""; 0]);
        assert_eq!(ingress(json!({"ipProtocol": -1, "cidrIpv6": "::/0"})), ["SG-03"]);
        assert_eq!(codes(json!({"egress": [{"ipProtocol": -1, "cidrIp": "0.0.0.0/0"}]})), [""; 0]);
    }

    #[test]
    fn one_rule_in_two_spellings_is_there_twice() {
        let rule = |block: &str| json!({"ipProtocol": "tcp", "fromPort": 80, "cidrIp": block});
        assert_eq!(codes(json!({"ingress": [rule("10.0.0.0/8"), rule("10.0.0.1/8")]})), ["SG-05", "SG-05"]);
    }

    #[test]
    fn sixty_rules_of_a_family_are_enough() {
        let rules: Vec<_> =
            (0..61).map(|port| json!({"ipProtocol": "tcp", "fromPort": port + 1000, "cidrIp": "10.0.0.0/8"})).collect();
        assert_eq!(codes(json!({"ingress": rules})), ["SG-08"]);
        assert_eq!(codes(json!({"ingress": rules[..60]})), [""; 0]);
    }
}
