//! What is wrong with a security group that its schema cannot say.

use super::rule::{Direction, Ports, Rule};
use super::spec::SecurityGroupSpec;
use crate::aws::ec2::{Family, lint_block};
use crate::kinds::{Findings, is_open};

const LONGEST: usize = 255;
/// What AWS allows in a direction for each family of addresses, unless the quota is raised.
const RULES: usize = 60;
const SSH: i32 = 22;
/// What names and descriptions may hold beside letters and digits.
const PUNCTUATION: &str = " ._-:/()#,@[]+=&;{}!$*";

pub(super) fn lint(spec: &SecurityGroupSpec, findings: &mut Findings) {
    if let Some(name) = spec.group_name.as_deref().filter(|name| !is_open(name)) {
        lint_text(name, "/groupName", "name", findings);
        if name.is_empty() || name.starts_with("sg-") || name.eq_ignore_ascii_case("default") {
            findings.error("/groupName", "group-name", "a group's name is not empty, not default and not sg-…");
        }
    }
    if let Some(description) = &spec.description {
        lint_text(description, "/description", "description", findings);
        if description.is_empty() {
            findings.error("/description", "text", "AWS takes no empty description of a group");
            findings.help("leave it out");
        }
    }
    for (direction, member) in [(Direction::Ingress, "ingress"), (Direction::Egress, "egress")] {
        let mut seen: Vec<Rule> = Vec::new();
        for (index, rule) in spec.rules(direction).iter().enumerate() {
            let pointer = format!("/{member}/{index}");
            lint_rule(rule, direction, &pointer, findings);
            for atom in rule.atoms(direction, "") {
                if seen.contains(&atom.identity()) {
                    findings.error(&pointer, "rule-twice", "an earlier rule says the same; AWS takes it once");
                } else {
                    seen.push(atom.identity());
                }
            }
        }
        for (family, other) in [("IPv4", "IPv6"), ("IPv6", "IPv4")] {
            // A group or a prefix list counts for both families.
            let of_other =
                |rule: &&Rule| if other == "IPv4" { rule.cidr_ip.is_some() } else { rule.cidr_ipv6.is_some() };
            let count = seen.len() - seen.iter().filter(of_other).count();
            if count > RULES {
                let message =
                    format!("{count} rules of {member} for {family}; AWS takes {RULES} unless the quota is raised");
                findings.warning(format!("/{member}"), "rule-quota", message);
            }
        }
    }
}

fn lint_text(text: &str, pointer: &str, what: &str, findings: &mut Findings) {
    if is_open(text) {
        return;
    }
    if text.chars().count() > LONGEST {
        findings.error(pointer, "text", format!("a {what} has at most {LONGEST} characters"));
    }
    if let Some(wrong) = text.chars().find(|one| !one.is_ascii_alphanumeric() && !PUNCTUATION.contains(*one)) {
        findings.error(pointer, "text", format!("AWS takes no {wrong:?} in a {what}"));
        findings.help(format!("letters and digits of ASCII, spaces and {}", PUNCTUATION.trim()));
    }
}

fn lint_rule(rule: &Rule, direction: Direction, pointer: &str, findings: &mut Findings) {
    lint_protocol(rule, pointer, findings);
    lint_sources(rule, direction, pointer, findings);
    let blocks = rule.ip_ranges.iter().flatten().enumerate();
    let nested = blocks.map(|(index, one)| (format!("{pointer}/ipRanges/{index}/cidrIp"), &one.cidr_ip));
    for (pointer, block) in rule.cidr_ip.iter().map(|block| (format!("{pointer}/cidrIp"), block)).chain(nested) {
        lint_block(Family::Ipv4, block, &pointer, findings);
    }
    let blocks = rule.ipv6_ranges.iter().flatten().enumerate();
    let nested = blocks.map(|(index, one)| (format!("{pointer}/ipv6Ranges/{index}/cidrIpv6"), &one.cidr_ipv6));
    for (pointer, block) in rule.cidr_ipv6.iter().map(|block| (format!("{pointer}/cidrIpv6"), block)).chain(nested) {
        lint_block(Family::Ipv6, block, &pointer, findings);
    }
    for atom in rule.atoms(direction, "") {
        if let Some(text) = &atom.description {
            lint_text(text, pointer, "rule's description", findings);
        }
        let is_world = [&atom.cidr_ip, &atom.cidr_ipv6]
            .into_iter()
            .flatten()
            .any(|block| block.parse::<ipnet::IpNet>().is_ok_and(|block| block.prefix_len() == 0));
        if direction == Direction::Ingress && is_world && reaches_ssh(&atom) {
            findings.warning(pointer, "open-to-the-world", "SSH (port 22) is open to the whole internet");
            findings.help("name the addresses that need it, or use a session of Systems Manager");
        }
    }
}

fn reaches_ssh(atom: &Rule) -> bool {
    match atom.ip_protocol.canonical().as_str() {
        "-1" => true,
        "tcp" => atom.from_port.zip(atom.to_port).is_some_and(|(from, to)| from <= SSH && SSH <= to),
        _ => false,
    }
}

fn lint_protocol(rule: &Rule, pointer: &str, findings: &mut Findings) {
    let protocol = rule.ip_protocol.canonical();
    if is_open(&protocol) {
        return;
    }
    let is_number = protocol.parse::<u8>().is_ok();
    if !["tcp", "udp", "icmp", "icmpv6", "-1"].contains(&protocol.as_str()) && !is_number {
        findings.error(format!("{pointer}/ipProtocol"), "protocol", format!("`{protocol}` is no protocol"));
        findings.help("tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all");
        return;
    }
    match Ports::of(&protocol) {
        Ports::Range => match (rule.from_port, rule.to_port.or(rule.from_port)) {
            (Some(from), Some(to)) => {
                if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) {
                    findings.error(pointer, "ports", format!("{from} to {to} are no ports; they go from 0 to 65535"));
                } else if from > to {
                    findings.error(pointer, "ports", format!("the first port, {from}, is after the last, {to}"));
                }
            }
            _ => {
                findings.error(pointer, "ports", format!("a rule for {protocol} needs fromPort"));
                findings.help("fromPort: 0 and toPort: 65535 for all ports");
            }
        },
        Ports::TypeAndCode => {
            let (kind, code) = (rule.from_port.unwrap_or(-1), rule.to_port.unwrap_or(-1));
            if !(-1..=255).contains(&kind) || !(-1..=255).contains(&code) || (kind == -1 && code != -1) {
                let message =
                    format!("for {protocol}, fromPort is the type and toPort the code, not {kind} and {code}");
                findings.error(pointer, "ports", message);
                findings.help("leave both out for all types and codes");
            }
        }
        Ports::None => {
            let means_all =
                matches!((rule.from_port, rule.to_port), (None | Some(-1 | 0), None | Some(-1 | 0 | 65535)));
            if !means_all {
                let of = if protocol == "-1" { "all protocols".to_owned() } else { format!("protocol {protocol}") };
                findings.error(pointer, "ports", format!("a rule for {of} is for all ports, whatever it says"));
                findings.help("write ipProtocol: tcp or udp, or leave the ports out");
            }
        }
    }
}

fn lint_sources(rule: &Rule, direction: Direction, pointer: &str, findings: &mut Findings) {
    let (own, other) = match direction {
        Direction::Ingress => ("source", "destination"),
        Direction::Egress => ("destination", "source"),
    };
    let flat = [
        ("cidrIp", rule.cidr_ip.is_some()),
        ("cidrIpv6", rule.cidr_ipv6.is_some()),
        ("sourceSecurityGroupId", rule.source_security_group_id.is_some()),
        ("sourcePrefixListId", rule.source_prefix_list_id.is_some()),
        ("destinationSecurityGroupId", rule.destination_security_group_id.is_some()),
        ("destinationPrefixListId", rule.destination_prefix_list_id.is_some()),
        ("self", rule.own_group == Some(true)),
    ];
    let mut given: Vec<&str> = flat.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect();
    for name in &given {
        if let Some(rest) = name.strip_prefix(other) {
            findings.error(format!("{pointer}/{name}"), "rule-source", format!("this direction has no {name}"));
            findings.help(format!("write {own}{rest}"));
        }
    }
    let nested = rule.ip_ranges.iter().flatten().count()
        + rule.ipv6_ranges.iter().flatten().count()
        + rule.prefix_list_ids.iter().flatten().count()
        + rule.user_id_group_pairs.iter().flatten().count();
    if nested > 0 {
        given.push("lists of the API");
    }
    match given[..] {
        [_] => {}
        [] => {
            findings.error(pointer, "rule-source", "the rule does not say who is on the other side");
            findings.help(format!("add cidrIp, cidrIpv6, {own}SecurityGroupId, {own}PrefixListId or self: true"));
        }
        _ => {
            findings.error(pointer, "rule-source", format!("a rule has one source, and this has {}", given.join(", ")));
            findings.help("write a rule for each");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn codes(spec: Value) -> Vec<&'static str> {
        let mut findings = Findings::default();
        lint(&serde_json::from_value(spec).unwrap(), &mut findings);
        findings.0.iter().map(|finding| finding.code).collect()
    }

    fn ingress(rule: Value) -> Vec<&'static str> {
        codes(json!({"vpcId": "vpc-1", "ingress": [rule]}))
    }

    #[test]
    fn ports_fit_the_protocol() {
        let with = |protocol: Value, from: Option<i32>, to: Option<i32>| {
            ingress(json!({"ipProtocol": protocol, "fromPort": from, "toPort": to, "cidrIp": "10.0.0.0/8"}))
        };
        assert!(with(json!("tcp"), Some(80), None).is_empty());
        assert!(with(json!(-1), None, None).is_empty());
        assert!(with(json!("-1"), Some(0), Some(0)).is_empty());
        assert!(with(json!("icmp"), Some(8), None).is_empty());
        assert!(with(json!(50), None, None).is_empty());
        assert_eq!(with(json!("tcp"), None, None), ["ports"]);
        assert_eq!(with(json!("tcp"), Some(90), Some(80)), ["ports"]);
        assert_eq!(with(json!("udp"), Some(0), Some(65536)), ["ports"]);
        assert_eq!(with(json!("-1"), Some(80), Some(80)), ["ports"]);
        assert_eq!(with(json!("icmp"), Some(-1), Some(3)), ["ports"]);
        assert_eq!(with(json!("http"), Some(80), None), ["protocol"]);
    }

    #[test]
    fn a_rule_has_one_source() {
        let with = |source: Value| {
            let mut rule = json!({"ipProtocol": "tcp", "fromPort": 80});
            rule.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
            ingress(rule)
        };
        assert!(with(json!({"self": true})).is_empty());
        assert!(with(json!({"ipRanges": [{"cidrIp": "10.0.0.0/8"}, {"cidrIp": "172.16.0.0/12"}]})).is_empty());
        assert_eq!(with(json!({})), ["rule-source"]);
        assert_eq!(with(json!({"self": false})), ["rule-source"]);
        assert_eq!(with(json!({"self": true, "cidrIp": "10.0.0.0/8"})), ["rule-source"]);
        assert_eq!(with(json!({"destinationPrefixListId": "pl-1"})), ["rule-source"]);
        assert_eq!(with(json!({"cidrIp": "::/0"})), ["cidr"]);
    }

    #[test]
    fn ssh_for_everybody_is_a_warning() {
        let from = |block: &str, port: i32| {
            ingress(json!({"ipProtocol": "tcp", "fromPort": 0, "toPort": port, "cidrIp": block}))
        };
        assert_eq!(from("0.0.0.0/0", 22), ["open-to-the-world"]);
        assert!(from("0.0.0.0/0", 21).is_empty());
        assert!(from("10.0.0.0/8", 22).is_empty());
        assert_eq!(ingress(json!({"ipProtocol": -1, "cidrIpv6": "::/0"})), ["open-to-the-world"]);
        assert!(codes(json!({"vpcId": "v", "egress": [{"ipProtocol": -1, "cidrIp": "0.0.0.0/0"}]})).is_empty());
    }

    #[test]
    fn the_same_rule_twice_is_an_error() {
        let rule = |block: &str| json!({"ipProtocol": "tcp", "fromPort": 80, "cidrIp": block});
        let rules = json!([rule("10.0.0.0/8"), rule("10.0.0.1/8")]);
        assert_eq!(codes(json!({"vpcId": "v", "ingress": rules})), ["cidr-host-bits", "rule-twice"]);
    }

    #[test]
    fn sixty_rules_of_a_family_are_enough() {
        let rules: Vec<Value> =
            (0..61).map(|port| json!({"ipProtocol": "tcp", "fromPort": port + 1000, "cidrIp": "10.0.0.0/8"})).collect();
        assert_eq!(codes(json!({"vpcId": "v", "ingress": rules})), ["rule-quota"]);
        assert!(codes(json!({"vpcId": "v", "ingress": rules[..60]})).is_empty());
    }

    #[test]
    fn names_and_descriptions_are_of_aws_alphabet() {
        let named = |name: &str| codes(json!({"vpcId": "v", "groupName": name}));
        assert!(named("web (edge)").is_empty());
        assert_eq!(named("sg-web"), ["group-name"]);
        assert_eq!(named("wéb"), ["text"]);
        assert_eq!(named(&"x".repeat(256)), ["text"]);
        assert_eq!(codes(json!({"vpcId": "v", "description": "Dana's"})), ["text"]);
    }
}
