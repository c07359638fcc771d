//! Security groups. Their rules are in [`super::security_group_rule`].

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{bad_value, required};
use super::kinds::{SECURITY_GROUP, VPC};
use super::listing::{Filter, Listing, PAGES};
use super::security_group_rule::{Rule, Source, permissions};
use super::{Ec2, Entry, tags};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("CreateSecurityGroup", "GroupName! GroupDescription! VpcId TAGS", create),
    ("DescribeSecurityGroups", "GroupId GroupName FILTERS PAGES", describe),
    ("DeleteSecurityGroup", "GroupId GroupName", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SecurityGroup {
    pub(super) group_id: String,
    pub(super) name: String,
    description: String,
    pub(super) vpc_id: String,
}

impl SecurityGroup {
    /// Whether it came with its VPC.
    pub(super) fn is_default(&self) -> bool {
        self.name == "default"
    }

    fn wire(&self, state: &State) -> Value {
        let rules = |egress: bool| {
            let rules = state.ec2.rules.values();
            rules.filter(|rule| rule.group_id == self.group_id && rule.egress == egress).collect::<Vec<&Rule>>()
        };
        json!({
            "groupId": self.group_id,
            "groupName": self.name,
            "groupDescription": self.description,
            "vpcId": self.vpc_id,
            "ownerId": state.world.account,
            "securityGroupArn": state.arn("ec2", &format!("security-group/{}", self.group_id)),
            "ipPermissions": permissions(state, &rules(false)),
            "ipPermissionsEgress": permissions(state, &rules(true)),
            "tagSet": state.ec2.tag_set(&self.group_id),
        })
    }
}

/// The group that every VPC has: its members reach each other and everything outside.
pub(super) fn create_default(state: &mut State, vpc_id: &str) {
    let group = SecurityGroup {
        group_id: state.id("sg"),
        name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        vpc_id: vpc_id.to_owned(),
    };
    add_rule(state, &group.group_id, false, Source::Group(group.group_id.clone()));
    add_rule(state, &group.group_id, true, Source::Ipv4("0.0.0.0/0".to_owned()));
    state.ec2.security_groups.insert(group.group_id.clone(), group);
}

fn add_rule(state: &mut State, group_id: &str, egress: bool, source: Source) {
    let rule = Rule {
        rule_id: state.id("sgr"),
        group_id: group_id.to_owned(),
        egress,
        protocol: "-1".to_owned(),
        ports: None,
        source,
        description: None,
    };
    state.ec2.rules.insert(rule.rule_id.clone(), rule);
}

/// Removes a group with its rules and tags.
pub(super) fn remove(ec2: &mut Ec2, group_id: &str) {
    let rules: Vec<String> =
        ec2.rules.values().filter(|rule| rule.group_id == group_id).map(|rule| rule.rule_id.clone()).collect();
    for id in rules.iter().map(String::as_str).chain([group_id]) {
        ec2.rules.remove(id);
        ec2.tags.remove(id);
    }
    ec2.security_groups.remove(group_id);
}

/// The group that a request is about. Names mean groups of the default VPC, and there is none.
pub(super) fn group_of<'a>(state: &State, call: &'a Call) -> Result<&'a str, AwsError> {
    match (call.text("GroupId"), call.text("GroupName")) {
        (Some(id), _) => SECURITY_GROUP.find(&state.ec2.security_groups, id).map(|_| id),
        (None, Some(_)) => Err(no_default_vpc()),
        (None, None) => Err(AwsError::invalid("MissingParameter", "The request must contain the parameter GroupId")),
    }
}

pub(super) fn no_default_vpc() -> AwsError {
    let message = "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.";
    AwsError::invalid("VPCIdNotSpecified", message)
}

fn check_text(text: &str, parameter: &str) -> Result<(), AwsError> {
    if text.chars().count() > 255 {
        return Err(bad_value(format!("Invalid value for {parameter}. It is longer than 255 characters.")));
    }
    let allowed = |character: char| character.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(character);
    if !text.chars().all(allowed) {
        return Err(bad_value(format!(
            "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        )));
    }
    Ok(())
}

fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = required(call, "GroupName")?.trim_end();
    let description = required(call, "GroupDescription")?;
    let vpc_id =
        call.text("VpcId").ok_or_else(|| AwsError::invalid("VPCIdNotSpecified", "No default VPC for this user"))?;
    VPC.find(&state.ec2.vpcs, vpc_id)?;
    check_text(name, "GroupName")?;
    check_text(description, "GroupDescription")?;
    if name.starts_with("sg-") {
        let message = format!("Invalid value '{name}' for groupName. Group names may not be in the format sg-*.");
        return Err(bad_value(message));
    }
    if name.eq_ignore_ascii_case("default") {
        let message = format!("The security group '{name}' is reserved");
        return Err(AwsError::invalid("InvalidGroup.Reserved", message));
    }
    let mut siblings = state.ec2.security_groups.values().filter(|group| group.vpc_id == vpc_id);
    if siblings.any(|group| group.name.eq_ignore_ascii_case(name)) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        return Err(AwsError::invalid("InvalidGroup.Duplicate", message));
    }
    let tags = tags::specified(call, &SECURITY_GROUP)?;
    let group_id = state.id("sg");
    let group = SecurityGroup {
        group_id: group_id.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
        vpc_id: vpc_id.to_owned(),
    };
    add_rule(state, &group_id, true, Source::Ipv4("0.0.0.0/0".to_owned()));
    state.ec2.tag(&group_id, tags);
    state.ec2.security_groups.insert(group_id.clone(), group);
    Ok(json!({
        "groupId": group_id,
        "securityGroupArn": state.arn("ec2", &format!("security-group/{group_id}")),
        "tagSet": state.ec2.tag_set(&group_id),
    }))
}

const FILTERS: &[Filter] = &[
    ("description", "groupDescription"),
    ("egress.ip-permission.cidr", "ipPermissionsEgress.ipRanges.cidrIp"),
    ("egress.ip-permission.from-port", "ipPermissionsEgress.fromPort"),
    ("egress.ip-permission.group-id", "ipPermissionsEgress.groups.groupId"),
    ("egress.ip-permission.ipv6-cidr", "ipPermissionsEgress.ipv6Ranges.cidrIpv6"),
    ("egress.ip-permission.prefix-list-id", "ipPermissionsEgress.prefixListIds.prefixListId"),
    ("egress.ip-permission.protocol", "ipPermissionsEgress.ipProtocol"),
    ("egress.ip-permission.to-port", "ipPermissionsEgress.toPort"),
    ("egress.ip-permission.user-id", "ipPermissionsEgress.groups.userId"),
    ("group-id", "groupId"),
    ("group-name", "groupName"),
    ("ip-permission.cidr", "ipPermissions.ipRanges.cidrIp"),
    ("ip-permission.from-port", "ipPermissions.fromPort"),
    ("ip-permission.group-id", "ipPermissions.groups.groupId"),
    ("ip-permission.ipv6-cidr", "ipPermissions.ipv6Ranges.cidrIpv6"),
    ("ip-permission.prefix-list-id", "ipPermissions.prefixListIds.prefixListId"),
    ("ip-permission.protocol", "ipPermissions.ipProtocol"),
    ("ip-permission.to-port", "ipPermissions.toPort"),
    ("ip-permission.user-id", "ipPermissions.groups.userId"),
    ("owner-id", "ownerId"),
    ("vpc-id", "vpcId"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    if let Some(name) = call.texts("GroupName").first() {
        return Err(SECURITY_GROUP.missing(&[name]));
    }
    let rows = state.ec2.security_groups.iter().map(|(id, group)| (id.clone(), group.wire(state))).collect();
    let ids = Some(("GroupId", &SECURITY_GROUP));
    Listing { set: "securityGroupInfo", ids, filters: FILTERS, pages: PAGES }.answer(call, rows)
}

/// A group that an interface has, or that another group's rule names, stays.
fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = group_of(state, call)?;
    let ec2 = &mut state.ec2;
    if SECURITY_GROUP.find(&ec2.security_groups, id)?.is_default() {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(AwsError::invalid("CannotDelete", message));
    }
    let used = ec2.network_interfaces.values().any(|interface| interface.groups.iter().any(|group| group == id));
    let named = |rule: &Rule| rule.group_id != id && rule.source == Source::Group(id.to_owned());
    if used || ec2.rules.values().any(named) {
        let message = format!("resource {id} has a dependent object");
        return Err(AwsError::invalid("DependencyViolation", message));
    }
    remove(ec2, id);
    Ok(json!({"return": true, "groupId": id}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn names_are_unique_in_a_vpc_whatever_their_case() {
        let mut account = Account::new();
        let (vpc, other) = (account.vpc("10.0.0.0/16"), account.vpc("10.1.0.0/16"));
        let input = |name: &str, vpc: &str| json!({"GroupName": name, "GroupDescription": "hosts", "VpcId": vpc});
        let made = account.ok("CreateSecurityGroup", input("web", &vpc));
        let id = made["groupId"].as_str().unwrap().to_owned();
        assert_eq!(made["securityGroupArn"], format!("arn:aws:ec2:us-west-2:123456789012:security-group/{id}"));
        let error = account.error("CreateSecurityGroup", input("WEB", &vpc));
        assert_eq!(error.code, "InvalidGroup.Duplicate");
        account.ok("CreateSecurityGroup", input("web", &other));
        let lone = json!({"GroupName": "x", "GroupDescription": "y"});
        assert_eq!(account.error("CreateSecurityGroup", lone).code, "VPCIdNotSpecified");
        assert_eq!(account.error("CreateSecurityGroup", input("sg-1", &vpc)).code, "InvalidParameterValue");
        let seen = account.ok("DescribeSecurityGroups", json!({"GroupId": [id]}))["securityGroupInfo"][0].clone();
        let open = json!([{"ipProtocol": "-1", "groups": [], "ipRanges": [{"cidrIp": "0.0.0.0/0"}], "ipv6Ranges": [], "prefixListIds": []}]);
        assert_eq!((&seen["ipPermissions"], &seen["ipPermissionsEgress"]), (&json!([]), &open));
    }

    #[test]
    fn a_group_in_use_stays() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        let (one, other) = (account.group(&vpc, "one"), account.group(&vpc, "other"));
        let pair = json!([{"IpProtocol": "tcp", "FromPort": "80", "ToPort": "80", "Groups": [{"GroupId": one}]}]);
        account.ok("AuthorizeSecurityGroupIngress", json!({"GroupId": other, "IpPermissions": pair}));
        let error = account.error("DeleteSecurityGroup", json!({"GroupId": one}));
        assert_eq!(error.message, format!("resource {one} has a dependent object"));
        account.ok("DeleteSecurityGroup", json!({"GroupId": other}));
        account.ok("DeleteSecurityGroup", json!({"GroupId": one}));
        assert_eq!(account.error("DeleteSecurityGroup", json!({"GroupId": one})).code, "InvalidGroup.NotFound");
        let groups = account.ok("DescribeSecurityGroups", json!({}));
        let default = groups["securityGroupInfo"][0]["groupId"].clone();
        assert_eq!(account.error("DeleteSecurityGroup", json!({"GroupId": default})).code, "CannotDelete");
    }
}
