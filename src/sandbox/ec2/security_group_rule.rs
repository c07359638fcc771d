//! Security group rules: one record a rule; `IpPermissions` are those that share protocol and ports, merged.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{bad_value, combination, number, required, text};
use super::kinds::{SECURITY_GROUP, SECURITY_GROUP_RULE, well_formed};
use super::listing::{Filter, Listing, PAGES};
use super::security_group::{group_of, no_default_vpc};
use super::{Entry, tags};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("DescribeSecurityGroupRules", "SecurityGroupRuleId FILTERS PAGES", describe),
    (
        "AuthorizeSecurityGroupIngress",
        "GroupId GroupName PERMISSIONS IpProtocol FromPort ToPort CidrIp TAGS",
        |state, call| authorize(state, call, false),
    ),
    ("AuthorizeSecurityGroupEgress", "GroupId! PERMISSIONS TAGS", |state, call| authorize(state, call, true)),
    (
        "RevokeSecurityGroupIngress",
        "GroupId GroupName PERMISSIONS IpProtocol FromPort ToPort CidrIp SecurityGroupRuleId",
        |state, call| revoke(state, call, false),
    ),
    ("RevokeSecurityGroupEgress", "GroupId! PERMISSIONS SecurityGroupRuleId", |state, call| revoke(state, call, true)),
    (
        "ModifySecurityGroupRules",
        "GroupId! SecurityGroupRule.SecurityGroupRuleId! SecurityGroupRule.SecurityGroupRule.IpProtocol \
         SecurityGroupRule.SecurityGroupRule.FromPort SecurityGroupRule.SecurityGroupRule.ToPort \
         SecurityGroupRule.SecurityGroupRule.CidrIpv4 SecurityGroupRule.SecurityGroupRule.CidrIpv6 \
         SecurityGroupRule.SecurityGroupRule.PrefixListId SecurityGroupRule.SecurityGroupRule.ReferencedGroupId \
         SecurityGroupRule.SecurityGroupRule.Description",
        modify,
    ),
    (
        "UpdateSecurityGroupRuleDescriptionsIngress",
        "GroupId GroupName PERMISSIONS SecurityGroupRuleDescription.SecurityGroupRuleId \
         SecurityGroupRuleDescription.Description",
        |state, call| describe_anew(state, call, false),
    ),
    (
        "UpdateSecurityGroupRuleDescriptionsEgress",
        "GroupId GroupName PERMISSIONS SecurityGroupRuleDescription.SecurityGroupRuleId \
         SecurityGroupRuleDescription.Description",
        |state, call| describe_anew(state, call, true),
    ),
];

/// From and to; type and code of ICMP.
pub(super) type Ports = (i64, i64);

/// Rules of one direction that a group may have, for IPv4 and IPv6 each.
const LIMIT: usize = 60;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) rule_id: String,
    pub(super) group_id: String,
    pub(super) egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub(super) protocol: String,
    /// None for protocols without ports.
    pub(super) ports: Option<Ports>,
    pub(super) source: Source,
    pub(super) description: Option<String>,
}

/// Where the traffic comes from, or goes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Source {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
    Group(String),
}

impl Source {
    fn counts_for_ipv4(&self) -> bool {
        !matches!(self, Self::Ipv6(_))
    }

    fn counts_for_ipv6(&self) -> bool {
        !matches!(self, Self::Ipv4(_))
    }

    fn text(&self) -> &str {
        match self {
            Self::Ipv4(text) | Self::Ipv6(text) | Self::PrefixList(text) | Self::Group(text) => text,
        }
    }
}

impl Rule {
    fn is_same(&self, other: &Rule) -> bool {
        (&self.group_id, self.egress, &self.protocol, self.ports, &self.source)
            == (&other.group_id, other.egress, &other.protocol, other.ports, &other.source)
    }

    fn wire(&self, state: &State) -> Value {
        // Rules say -1 where permissions leave the ports out.
        let (from, to) = self.ports.unwrap_or((-1, -1));
        let mut wire = json!({
            "securityGroupRuleId": self.rule_id,
            "securityGroupRuleArn": state.arn("ec2", &format!("security-group-rule/{}", self.rule_id)),
            "groupId": self.group_id,
            "groupOwnerId": state.world.account,
            "isEgress": self.egress,
            "ipProtocol": self.protocol,
            "fromPort": from,
            "toPort": to,
            "description": self.description,
            "tagSet": state.ec2.tag_set(&self.rule_id),
        });
        match &self.source {
            Source::Ipv4(cidr) => wire["cidrIpv4"] = cidr.clone().into(),
            Source::Ipv6(cidr) => wire["cidrIpv6"] = cidr.clone().into(),
            Source::PrefixList(id) => wire["prefixListId"] = id.clone().into(),
            Source::Group(id) => {
                wire["referencedGroupInfo"] = json!({"groupId": id, "userId": state.world.account});
            }
        }
        wire
    }

    /// As a revocation reports it.
    fn wire_revoked(&self, state: &State) -> Value {
        let mut wire = self.wire(state);
        if let Source::Group(id) = &self.source {
            wire["referencedGroupId"] = id.clone().into();
        }
        if let Some(members) = wire.as_object_mut() {
            let absent = ["securityGroupRuleArn", "groupOwnerId", "referencedGroupInfo", "tagSet"];
            members.retain(|name, _| !absent.contains(&name.as_str()));
        }
        wire
    }

    fn duplicate(&self) -> AwsError {
        let protocol = if self.protocol == "-1" { "ALL".to_owned() } else { self.protocol.to_uppercase() };
        let ports = self.ports.map_or(String::new(), |(from, to)| format!(", from port: {from}, to port: {to}"));
        let peer = self.source.text();
        let message = format!("the specified rule \"peer: {peer}, {protocol}{ports}, ALLOW\" already exists");
        AwsError::invalid("InvalidPermission.Duplicate", message)
    }
}

/// Rules as `IpPermissions`: those of one protocol and port range together.
pub(super) fn permissions(state: &State, rules: &[&Rule]) -> Value {
    let mut merged: Vec<(&str, Option<Ports>, Value)> = Vec::new();
    for rule in rules {
        let known = merged.iter().position(|(protocol, ports, _)| *protocol == rule.protocol && *ports == rule.ports);
        let place = known.unwrap_or_else(|| {
            let mut wire = json!({"ipProtocol": rule.protocol});
            if let Some((from, to)) = rule.ports {
                wire["fromPort"] = from.into();
                wire["toPort"] = to.into();
            }
            for list in ["groups", "ipRanges", "ipv6Ranges", "prefixListIds"] {
                wire[list] = json!([]);
            }
            merged.push((&rule.protocol, rule.ports, wire));
            merged.len() - 1
        });
        let (list, mut item) = match &rule.source {
            Source::Ipv4(cidr) => ("ipRanges", json!({"cidrIp": cidr})),
            Source::Ipv6(cidr) => ("ipv6Ranges", json!({"cidrIpv6": cidr})),
            Source::PrefixList(id) => ("prefixListIds", json!({"prefixListId": id})),
            Source::Group(id) => ("groups", json!({"groupId": id, "userId": state.world.account})),
        };
        if let Some(description) = &rule.description {
            item["description"] = description.clone().into();
        }
        if let Some(items) = merged[place].2[list].as_array_mut() {
            items.push(item);
        }
    }
    merged.into_iter().map(|(_, _, wire)| wire).collect()
}

fn protocol(given: Option<&str>) -> Result<String, AwsError> {
    let Some(given) = given else {
        return Err(AwsError::invalid("MissingParameter", "The request must contain the parameter ipProtocol"));
    };
    let known = match given.to_ascii_lowercase().as_str() {
        "tcp" | "6" => "tcp",
        "udp" | "17" => "udp",
        "icmp" | "1" => "icmp",
        "icmpv6" | "58" => "icmpv6",
        "-1" | "all" => "-1",
        number if number.parse::<u8>().is_ok() => return Ok(number.to_owned()),
        _ => return Err(bad_value(format!("Invalid value '{given}' for IP protocol. Unknown protocol."))),
    };
    Ok(known.to_owned())
}

fn ports(value: &Value, protocol: &str) -> Result<Option<Ports>, AwsError> {
    let (from, to) = (number(value, "FromPort")?, number(value, "ToPort")?);
    match (protocol, from, to) {
        ("tcp" | "udp", Some(from), Some(to)) => {
            if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) || from > to {
                let name = protocol.to_uppercase();
                return Err(bad_value(format!("Invalid {name} port range ({from}-{to})")));
            }
            Ok(Some((from, to)))
        }
        ("tcp" | "udp", _, _) => {
            let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
            Err(bad_value(message))
        }
        // Type and code; -1 for all.
        ("icmp" | "icmpv6", from, to) => {
            let (from, to) = (from.unwrap_or(-1), to.unwrap_or(-1));
            if !(-1..=255).contains(&from) || !(-1..=255).contains(&to) || (from == -1 && to != -1) {
                return Err(bad_value(format!("ICMP code ({to}) or type ({from}) out of range")));
            }
            Ok(Some((from, to)))
        }
        _ => Ok(None),
    }
}

fn description(value: &Value) -> Result<Option<String>, AwsError> {
    let Some(text) = text(value, "Description") else { return Ok(None) };
    let allowed = |character: char| character.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(character);
    if text.len() > 255 || !text.chars().all(allowed) {
        return Err(bad_value(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ));
    }
    Ok(Some(text.to_owned()))
}

fn ipv4(text: &str) -> Result<Source, AwsError> {
    let net: ipnet::Ipv4Net = text.parse().map_err(|_| bad_value(format!("CIDR block {text} is malformed")))?;
    Ok(Source::Ipv4(net.trunc().to_string()))
}

fn ipv6(text: &str) -> Result<Source, AwsError> {
    let net: ipnet::Ipv6Net = text.parse().map_err(|_| bad_value(format!("CIDR block {text} is malformed")))?;
    Ok(Source::Ipv6(net.trunc().to_string()))
}

fn prefix_list(id: &str) -> Result<Source, AwsError> {
    if !well_formed(id, "pl-") {
        let message = format!("The prefix list ID '{id}' does not exist");
        return Err(AwsError::invalid("InvalidPrefixListID.NotFound", message));
    }
    Ok(Source::PrefixList(id.to_owned()))
}

/// Another group of the same VPC.
fn peer(state: &State, group_id: &str, id: &str) -> Result<Source, AwsError> {
    let groups = &state.ec2.security_groups;
    let peer = SECURITY_GROUP.find(groups, id)?;
    if groups.get(group_id).is_none_or(|group| group.vpc_id != peer.vpc_id) {
        let message = "You have specified two resources that belong to different networks.";
        return Err(AwsError::invalid("InvalidGroup.NotFound", message));
    }
    Ok(Source::Group(id.to_owned()))
}

/// The rules that a request spells out, without ids.
fn spelled(state: &State, call: &Call, group_id: &str, egress: bool) -> Result<Vec<Rule>, AwsError> {
    let mut rules = Vec::new();
    let mut add = |value: &Value, source: Source, described: &Value| -> Result<(), AwsError> {
        let protocol = protocol(text(value, "IpProtocol"))?;
        let rule = Rule {
            rule_id: String::new(),
            group_id: group_id.to_owned(),
            egress,
            ports: ports(value, &protocol)?,
            protocol,
            source,
            description: description(described)?,
        };
        if rules.iter().any(|other: &Rule| other.is_same(&rule)) {
            return Err(bad_value("The same permission must not appear multiple times"));
        }
        rules.push(rule);
        Ok(())
    };
    if let Some(range) = call.text("CidrIp") {
        if !call.list("IpPermissions").is_empty() {
            return Err(combination("The parameter 'ipPermissions' may not be used in combination with 'cidrIp'"));
        }
        add(&call.input, ipv4(range)?, &Value::Null)?;
    }
    for permission in call.list("IpPermissions") {
        let items = |list: &str| permission[list].as_array().map_or(&[][..], Vec::as_slice);
        for range in items("IpRanges") {
            add(permission, ipv4(text(range, "CidrIp").unwrap_or(""))?, range)?;
        }
        for range in items("Ipv6Ranges") {
            add(permission, ipv6(text(range, "CidrIpv6").unwrap_or(""))?, range)?;
        }
        for list in items("PrefixListIds") {
            add(permission, prefix_list(text(list, "PrefixListId").unwrap_or(""))?, list)?;
        }
        for group in items("Groups") {
            let Some(id) = text(group, "GroupId") else {
                return Err(match text(group, "GroupName") {
                    Some(_) => no_default_vpc(),
                    None => AwsError::invalid("MissingParameter", "Source group ID missing."),
                });
            };
            add(permission, peer(state, group_id, id)?, group)?;
        }
    }
    if rules.is_empty() {
        let message = "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.";
        return Err(AwsError::invalid("MissingParameter", message));
    }
    Ok(rules)
}

fn authorize(state: &mut State, call: &Call, egress: bool) -> Result<Value, AwsError> {
    let group_id = group_of(state, call)?;
    let mut rules = spelled(state, call, group_id, egress)?;
    let tags = tags::specified(call, &SECURITY_GROUP_RULE)?;
    for rule in &mut rules {
        if state.ec2.rules.values().any(|other| other.is_same(rule)) {
            return Err(rule.duplicate());
        }
        rule.rule_id = state.id("sgr");
        state.ec2.tag(&rule.rule_id, tags.clone());
        state.ec2.rules.insert(rule.rule_id.clone(), rule.clone());
    }
    check_limit(state, group_id, egress)?;
    let rules: Vec<Value> = rules.iter().map(|rule| rule.wire(state)).collect();
    Ok(json!({"return": true, "securityGroupRuleSet": rules}))
}

fn check_limit(state: &State, group_id: &str, egress: bool) -> Result<(), AwsError> {
    let rules: Vec<&Rule> =
        state.ec2.rules.values().filter(|rule| rule.group_id == group_id && rule.egress == egress).collect();
    let over = |counts: fn(&Source) -> bool| rules.iter().filter(|rule| counts(&rule.source)).count() > LIMIT;
    if over(Source::counts_for_ipv4) || over(Source::counts_for_ipv6) {
        return Err(AwsError::invalid(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    Ok(())
}

/// A rule of this group and direction by id.
fn rule_by_id<'a>(state: &'a State, group_id: &str, egress: Option<bool>, id: &str) -> Result<&'a Rule, AwsError> {
    let rule = SECURITY_GROUP_RULE.find(&state.ec2.rules, id)?;
    if rule.group_id != group_id || egress.is_some_and(|egress| egress != rule.egress) {
        return Err(SECURITY_GROUP_RULE.missing(&[id]));
    }
    Ok(rule)
}

/// By ids all have to exist; of permissions, those that match nothing are reported, not refused.
fn revoke(state: &mut State, call: &Call, egress: bool) -> Result<Value, AwsError> {
    let group_id = group_of(state, call)?;
    let ids = call.texts("SecurityGroupRuleId");
    let mut unknown = Vec::new();
    let mut revoked = Vec::new();
    if ids.is_empty() {
        for rule in spelled(state, call, group_id, egress)? {
            match state.ec2.rules.values().find(|other| other.is_same(&rule)) {
                Some(found) => revoked.push(found.clone()),
                None => unknown.push(rule),
            }
        }
    } else {
        if !call.list("IpPermissions").is_empty() {
            let message = "The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleIds'";
            return Err(combination(message));
        }
        for id in ids {
            revoked.push(rule_by_id(state, group_id, Some(egress), id)?.clone());
        }
    }
    let wire: Vec<Value> = revoked.iter().map(|rule| rule.wire_revoked(state)).collect();
    for rule in &revoked {
        state.ec2.rules.remove(&rule.rule_id);
        state.ec2.tags.remove(&rule.rule_id);
    }
    let mut answer = json!({"return": true, "revokedSecurityGroupRuleSet": wire});
    if !unknown.is_empty() {
        answer["unknownIpPermissionSet"] = permissions(state, &unknown.iter().collect::<Vec<&Rule>>());
    }
    Ok(answer)
}

/// A rule is replaced as a whole, but for the kind of its source.
fn modify(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let group_id = required(call, "GroupId")?;
    SECURITY_GROUP.find(&state.ec2.security_groups, group_id)?;
    for change in call.list("SecurityGroupRule") {
        let id = text(change, "SecurityGroupRuleId").unwrap_or("");
        let mut rule = rule_by_id(state, group_id, None, id)?.clone();
        let wanted = &change["SecurityGroupRule"];
        let mut sources = Vec::new();
        if let Some(range) = text(wanted, "CidrIpv4") {
            sources.push(ipv4(range)?);
        }
        if let Some(range) = text(wanted, "CidrIpv6") {
            sources.push(ipv6(range)?);
        }
        if let Some(list) = text(wanted, "PrefixListId") {
            sources.push(prefix_list(list)?);
        }
        if let Some(other) = text(wanted, "ReferencedGroupId") {
            sources.push(peer(state, group_id, other)?);
        }
        let [source] = sources.as_slice() else {
            let message = "Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be specified";
            return Err(combination(message));
        };
        if std::mem::discriminant(source) != std::mem::discriminant(&rule.source) {
            return Err(bad_value(format!("You may not change the type of the source of the rule {id}")));
        }
        rule.source = source.clone();
        rule.protocol = protocol(text(wanted, "IpProtocol"))?;
        rule.ports = ports(wanted, &rule.protocol)?;
        rule.description = description(wanted)?;
        if state.ec2.rules.values().any(|other| other.rule_id != rule.rule_id && other.is_same(&rule)) {
            return Err(rule.duplicate());
        }
        state.ec2.rules.insert(rule.rule_id.clone(), rule);
    }
    Ok(json!({"return": true}))
}

/// Sets the descriptions of rules, by id or spelled out; without a description it is taken away.
fn describe_anew(state: &mut State, call: &Call, egress: bool) -> Result<Value, AwsError> {
    let group_id = group_of(state, call)?;
    let mut changes = Vec::new();
    let by_id = call.list("SecurityGroupRuleDescription");
    if by_id.is_empty() {
        for rule in spelled(state, call, group_id, egress)? {
            let Some(found) = state.ec2.rules.values().find(|other| other.is_same(&rule)) else {
                let message = "The specified rule does not exist in this security group.";
                return Err(AwsError::invalid("InvalidPermission.NotFound", message));
            };
            changes.push((found.rule_id.clone(), rule.description));
        }
    } else if !call.list("IpPermissions").is_empty() {
        return Err(combination("Specify either IpPermissions or SecurityGroupRuleDescriptions, not both"));
    }
    for change in by_id {
        let id = text(change, "SecurityGroupRuleId").unwrap_or("");
        changes.push((rule_by_id(state, group_id, Some(egress), id)?.rule_id.clone(), description(change)?));
    }
    for (id, description) in changes {
        SECURITY_GROUP_RULE.find_mut(&mut state.ec2.rules, &id)?.description = description;
    }
    Ok(json!({"return": true}))
}

const FILTERS: &[Filter] = &[("group-id", "groupId"), ("security-group-rule-id", "securityGroupRuleId")];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let rows = state.ec2.rules.iter().map(|(id, rule)| (id.clone(), rule.wire(state))).collect();
    let ids = Some(("SecurityGroupRuleId", &SECURITY_GROUP_RULE));
    Listing { set: "securityGroupRuleSet", ids, filters: FILTERS, pages: PAGES }.answer(call, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    fn tcp(port: u16, ranges: &Value) -> Value {
        json!({"IpProtocol": "6", "FromPort": port.to_string(), "ToPort": port.to_string(), "IpRanges": ranges})
    }

    fn group(account: &mut Account) -> String {
        let vpc = account.vpc("10.0.0.0/16");
        account.group(&vpc, "web")
    }

    #[test]
    fn authorized_rules_have_ids_tags_and_canonical_ranges() {
        let mut account = Account::new();
        let id = group(&mut account);
        let ranges = json!([{"CidrIp": "10.0.0.5/24", "Description": "office"}, {"CidrIp": "192.0.2.0/24"}]);
        let tags = json!([{"ResourceType": "security-group-rule", "Tag": [{"Key": "r", "Value": "1"}]}]);
        let input = json!({"GroupId": id, "IpPermissions": [tcp(80, &ranges)], "TagSpecification": tags});
        let made = account.ok("AuthorizeSecurityGroupIngress", input.clone())["securityGroupRuleSet"].clone();
        assert_eq!(made[0]["cidrIpv4"], "10.0.0.0/24");
        assert_eq!(made[0]["ipProtocol"], "tcp");
        assert_eq!(made[1]["tagSet"], json!([{"key": "r", "value": "1"}]));
        let error = account.error("AuthorizeSecurityGroupIngress", input);
        assert_eq!(error.code, "InvalidPermission.Duplicate");
        assert!(error.message.contains("\"peer: 10.0.0.0/24, TCP, from port: 80, to port: 80, ALLOW\""));
        let seen = account.ok("DescribeSecurityGroups", json!({"GroupId": [id]}));
        let merged = seen["securityGroupInfo"][0]["ipPermissions"].clone();
        assert_eq!(merged.as_array().unwrap().len(), 1);
        assert_eq!(merged[0]["ipRanges"].as_array().unwrap().len(), 2);
        let rules = json!({"Filter": [{"Name": "group-id", "Value": [id]}, {"Name": "tag:r", "Value": ["1"]}]});
        assert_eq!(
            account.ok("DescribeSecurityGroupRules", rules)["securityGroupRuleSet"].as_array().unwrap().len(),
            2
        );
    }

    #[test]
    fn bad_permissions_are_refused() {
        let mut account = Account::new();
        let id = group(&mut account);
        let mut code = |permission: Value| {
            account.error("AuthorizeSecurityGroupIngress", json!({"GroupId": id, "IpPermissions": [permission]})).code
        };
        assert_eq!(code(tcp(80, &json!([{"CidrIp": "10.0.0.0/33"}]))), "InvalidParameterValue");
        assert_eq!(
            code(json!({"IpProtocol": "tcp", "FromPort": "80", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]})),
            "InvalidParameterValue"
        );
        assert_eq!(
            code(json!({"IpProtocol": "carrier-pigeon", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]})),
            "InvalidParameterValue"
        );
        let missing = json!({"IpProtocol": "-1", "Groups": [{"GroupId": "sg-00000000000000000"}]});
        assert_eq!(code(missing), "InvalidGroup.NotFound");
        let odd = json!({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "a\"b"}]});
        assert_eq!(code(odd), "InvalidParameterValue");
    }

    #[test]
    fn sixty_rules_fit() {
        let mut account = Account::new();
        let id = group(&mut account);
        let ranges: Vec<Value> = (0..60).map(|number| json!({"CidrIp": format!("10.0.{number}.0/24")})).collect();
        account.ok("AuthorizeSecurityGroupIngress", json!({"GroupId": id, "IpPermissions": [tcp(80, &ranges.into())]}));
        let more = json!({"GroupId": id, "IpPermissions": [tcp(81, &json!([{"CidrIp": "10.0.0.0/24"}]))]});
        let error = account.error("AuthorizeSecurityGroupIngress", more);
        assert_eq!(error.code, "RulesPerSecurityGroupLimitExceeded");
        let six = json!({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]});
        account.ok("AuthorizeSecurityGroupIngress", json!({"GroupId": id, "IpPermissions": [six]}));
    }

    #[test]
    fn revoking_by_id_or_permission() {
        let mut account = Account::new();
        let id = group(&mut account);
        let both = json!([{"CidrIp": "10.0.0.0/24"}, {"CidrIp": "10.0.1.0/24"}]);
        let input = json!({"GroupId": id, "IpPermissions": [tcp(80, &both)]});
        let made = account.ok("AuthorizeSecurityGroupIngress", input.clone())["securityGroupRuleSet"].clone();
        let first = json!({"GroupId": id, "SecurityGroupRuleId": [made[0]["securityGroupRuleId"]]});
        // An ingress rule is none of egress's.
        assert_eq!(
            account.error("RevokeSecurityGroupEgress", first.clone()).code,
            "InvalidSecurityGroupRuleId.NotFound"
        );
        account.ok("RevokeSecurityGroupIngress", first.clone());
        assert_eq!(account.error("RevokeSecurityGroupIngress", first).code, "InvalidSecurityGroupRuleId.NotFound");
        let answer = account.ok("RevokeSecurityGroupIngress", input);
        assert_eq!(answer["unknownIpPermissionSet"][0]["ipRanges"], json!([{"cidrIp": "10.0.0.0/24"}]));
        assert_eq!(answer["revokedSecurityGroupRuleSet"][0]["securityGroupRuleId"], made[1]["securityGroupRuleId"]);
        let egress = json!({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]});
        account.ok("RevokeSecurityGroupEgress", json!({"GroupId": id, "IpPermissions": [egress]}));
        let left = account.ok("DescribeSecurityGroupRules", json!({"Filter": [{"Name": "group-id", "Value": [id]}]}));
        assert_eq!(left["securityGroupRuleSet"], json!([]));
    }

    #[test]
    fn rules_are_modified_and_described() {
        let mut account = Account::new();
        let id = group(&mut account);
        let input = json!({"GroupId": id, "IpPermissions": [tcp(80, &json!([{"CidrIp": "10.0.0.0/24"}]))]});
        let made = account.ok("AuthorizeSecurityGroupIngress", input)["securityGroupRuleSet"][0].clone();
        let rule = made["securityGroupRuleId"].as_str().unwrap();
        let change = |source: &str, value: &str| {
            let mut wanted = json!({"IpProtocol": "tcp", "FromPort": "443", "ToPort": "443", "Description": "tls"});
            wanted[source] = value.into();
            json!({"GroupId": id, "SecurityGroupRule": [{"SecurityGroupRuleId": rule, "SecurityGroupRule": wanted}]})
        };
        account.ok("ModifySecurityGroupRules", change("CidrIpv4", "10.0.2.0/24"));
        assert_eq!(account.error("ModifySecurityGroupRules", change("CidrIpv6", "::/0")).code, "InvalidParameterValue");
        let described = json!({"GroupId": id, "SecurityGroupRuleDescription": [{"SecurityGroupRuleId": rule, "Description": "new"}]});
        account.ok("UpdateSecurityGroupRuleDescriptionsIngress", described.clone());
        assert_eq!(
            account.error("UpdateSecurityGroupRuleDescriptionsEgress", described).code,
            "InvalidSecurityGroupRuleId.NotFound"
        );
        let seen = account.ok("DescribeSecurityGroupRules", json!({"SecurityGroupRuleId": [rule]}));
        let seen = &seen["securityGroupRuleSet"][0];
        assert_eq!(
            (&seen["cidrIpv4"], &seen["toPort"], &seen["description"]),
            (&json!("10.0.2.0/24"), &json!(443), &json!("new"))
        );
    }
}
