//! Security groups as the AWS CLI and CloudFormation write them, made into specs.

use serde_json::{Value, json};

use crate::aws::ec2::in_camel_case;

/// Other names of members.
const RENAMED: &[(&str, &str)] = &[
    ("groupDescription", "description"),
    ("ipPermissions", "ingress"),
    ("ipPermissionsEgress", "egress"),
    ("securityGroupIngress", "ingress"),
    ("securityGroupEgress", "egress"),
];

/// What AWS answers and no manifest says.
const READ_ONLY: &[&str] = &["ownerId", "securityGroupArn"];

/// What AWS answers of a group in a rule beside its id and its owner.
const READ_ONLY_OF_PAIRS: &[&str] = &["vpcId", "vpcPeeringConnectionId", "peeringStatus", "groupName"];

pub(super) fn accept(spec: &mut Value) -> Vec<String> {
    in_camel_case(spec);
    let Some(members) = spec.as_object_mut() else { return Vec::new() };
    for (from, to) in RENAMED {
        if !members.contains_key(*to)
            && let Some(value) = members.shift_remove(*from)
        {
            members.insert((*to).to_owned(), value);
        }
    }
    let mut dropped: Vec<String> =
        READ_ONLY.iter().filter(|name| members.shift_remove(**name).is_some()).map(|name| (*name).to_owned()).collect();
    let own = members.shift_remove("groupId").and_then(|id| id.as_str().map(str::to_owned));
    dropped.extend(own.is_some().then(|| "groupId".to_owned()));
    for direction in ["ingress", "egress"] {
        let Some(rules) = members.get_mut(direction).and_then(Value::as_array_mut) else { continue };
        let mut of_itself = Vec::new();
        for rule in rules.iter_mut() {
            accept_rule(rule, own.as_deref(), &mut of_itself, &mut dropped, direction);
        }
        rules.retain(|rule| !is_empty(rule));
        rules.extend(of_itself);
    }
    dropped
}

/// Pairs with the group's own id become rules of their own with `self`.
fn accept_rule(
    rule: &mut Value,
    own: Option<&str>,
    of_itself: &mut Vec<Value>,
    dropped: &mut Vec<String>,
    direction: &str,
) {
    let Some(members) = rule.as_object_mut() else { return };
    if let Some(owner) = members.shift_remove("sourceSecurityGroupOwnerId") {
        members.insert("securityGroupOwnerId".to_owned(), owner);
    }
    let head: Vec<(String, Value)> = ["ipProtocol", "fromPort", "toPort"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), members.get(name)?.clone())))
        .collect();
    let Some(pairs) = members.get_mut("userIdGroupPairs").and_then(Value::as_array_mut) else { return };
    pairs.retain_mut(|pair| {
        let Some(pair) = pair.as_object_mut() else { return true };
        if own.is_some() && pair.get("groupId").and_then(Value::as_str) == own {
            let mut rule = serde_json::Map::from_iter(head.clone());
            rule.insert("self".to_owned(), json!(true));
            rule.extend(pair.get("description").map(|text| ("description".to_owned(), text.clone())));
            of_itself.push(rule.into());
            return false;
        }
        if pair.contains_key("groupId") {
            for name in READ_ONLY_OF_PAIRS {
                let path = format!("{direction}[].userIdGroupPairs[].{name}");
                if pair.shift_remove(*name).is_some() && !dropped.contains(&path) {
                    dropped.push(path);
                }
            }
        }
        true
    });
}

/// Whether all lists of sources are there and empty, as after the group itself was taken out.
fn is_empty(rule: &Value) -> bool {
    let Some(members) = rule.as_object() else { return false };
    let lists = ["ipRanges", "ipv6Ranges", "prefixListIds", "userIdGroupPairs"];
    let sources = members.iter().filter(|(name, _)| !["ipProtocol", "fromPort", "toPort"].contains(&name.as_str()));
    let mut has_list = false;
    for (name, value) in sources {
        has_list = true;
        if !lists.contains(&name.as_str()) || value.as_array().is_none_or(|list| !list.is_empty()) {
            return false;
        }
    }
    has_list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_cli_can_be_pasted() {
        let mut pasted = json!({
            "GroupId": "sg-1", "GroupName": "app", "Description": "App", "VpcId": "vpc-1", "OwnerId": "1",
            "IpPermissionsEgress": [],
            "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [],
                "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "1", "Description": "peers"}]},
                {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "1", "VpcId": "vpc-2"}]}],
        });
        let dropped = accept(&mut pasted);
        assert_eq!(
            pasted,
            json!({
                "groupName": "app", "description": "App", "vpcId": "vpc-1", "egress": [],
                "ingress": [
                    {"ipProtocol": "-1", "userIdGroupPairs": [{"groupId": "sg-2", "userId": "1"}]},
                    {"ipProtocol": "tcp", "fromPort": 80, "toPort": 80, "self": true, "description": "peers"},
                ],
            })
        );
        assert_eq!(dropped, ["ownerId", "groupId", "ingress[].userIdGroupPairs[].vpcId"]);
    }

    #[test]
    fn a_manifest_stays_as_it_is() {
        let spec = json!({"vpcId": "vpc-1", "ingress": [{"ipProtocol": "tcp", "fromPort": 1, "self": true}]});
        let mut accepted = spec.clone();
        assert!(accept(&mut accepted).is_empty());
        assert_eq!(accepted, spec);
    }
}
