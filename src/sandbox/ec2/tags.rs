//! Tags of everything in EC2: kept in one map by resource id, whatever the resource.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::{bad_value, missing_parameter, text};
use super::kinds::{Kind, TAGGABLE};
use super::listing::{Listing, PAGES};
use super::{Ec2, Entry};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("CreateTags", "ResourceId! Tag.Key! Tag.Value", create),
    ("DeleteTags", "ResourceId! Tag.Key Tag.Value", delete),
    ("DescribeTags", "FILTERS PAGES", describe),
];

/// The tags of one resource.
pub(super) type Tags = BTreeMap<String, String>;

impl Ec2 {
    /// The tags of a resource as on the wire.
    pub(super) fn tag_set(&self, id: &str) -> Value {
        let tags = self.tags.get(id).into_iter().flatten();
        tags.map(|(key, value)| json!({"key": key, "value": value})).collect()
    }

    /// Gives a new resource its tags.
    pub(super) fn tag(&mut self, id: &str, tags: Tags) {
        if !tags.is_empty() {
            self.tags.entry(id.to_owned()).or_default().extend(tags);
        }
    }

    fn has(&self, id: &str) -> bool {
        self.vpcs.contains_key(id)
            || self.subnets.contains_key(id)
            || self.internet_gateways.contains_key(id)
            || self.route_tables.contains_key(id)
            || self.security_groups.contains_key(id)
            || self.rules.contains_key(id)
            || self.key_pairs.contains_key(id)
            || self.instances.contains_key(id)
            || self.network_interfaces.contains_key(id)
            || self.volumes.contains_key(id)
    }
}

/// The tags that a create operation gives to the one type of resource that it makes.
pub(super) fn specified(call: &Call, kind: &Kind) -> Result<Tags, AwsError> {
    Ok(specified_by_type(call, &[kind])?.remove(kind.resource_type).unwrap_or_default())
}

/// The tags that a create operation gives, by type of resource.
pub(super) fn specified_by_type(call: &Call, kinds: &[&Kind]) -> Result<BTreeMap<String, Tags>, AwsError> {
    let mut all = BTreeMap::new();
    for specification in call.list("TagSpecification") {
        let Some(resource_type) = text(specification, "ResourceType") else {
            return Err(bad_value("Tag specification resource type must have a value"));
        };
        if !kinds.iter().any(|kind| kind.resource_type == resource_type) {
            let message = format!("'{resource_type}' is not a valid taggable resource type for this operation.");
            return Err(bad_value(message));
        }
        let tags = read(specification["Tag"].as_array().map_or(&[], Vec::as_slice))?;
        if tags.is_empty() {
            return Err(bad_value("Tag specification must have at least one tag"));
        }
        if all.insert(resource_type.to_owned(), tags).is_some() {
            return Err(bad_value(format!("Duplicate tag specification for resource type '{resource_type}'.")));
        }
    }
    if all.values().any(|tags| tags.len() > 50) {
        return Err(limit());
    }
    Ok(all)
}

fn limit() -> AwsError {
    AwsError::invalid("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
}

fn read(list: &[Value]) -> Result<Tags, AwsError> {
    let mut tags = Tags::new();
    for tag in list {
        let key = text(tag, "Key").ok_or_else(|| bad_value("Tag key cannot be empty"))?;
        let value = text(tag, "Value").unwrap_or("");
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(bad_value("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        if key.chars().count() > 128 {
            return Err(bad_value("Tag key exceeds the maximum length of 128 characters"));
        }
        if value.chars().count() > 256 {
            return Err(bad_value("Tag value exceeds the maximum length of 256 characters"));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(bad_value(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    Ok(tags)
}

fn kind_of(id: &str) -> Result<&'static Kind, AwsError> {
    let known = TAGGABLE.iter().find(|kind| id.starts_with(kind.prefix));
    known.copied().ok_or_else(|| AwsError::invalid("InvalidID", format!("The ID '{id}' is not valid")))
}

fn resources(state: &State, call: &Call) -> Result<Vec<String>, AwsError> {
    let mut ids = Vec::new();
    for id in call.texts("ResourceId") {
        let kind = kind_of(id)?;
        kind.check_form(id)?;
        if !state.ec2.has(id) {
            return Err(kind.missing(&[id]));
        }
        ids.push(id.to_owned());
    }
    Ok(ids)
}

fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let tags = read(call.list("Tag"))?;
    if tags.is_empty() {
        return Err(missing_parameter("Tag"));
    }
    for id in resources(state, call)? {
        let held = state.ec2.tags.entry(id).or_default();
        held.extend(tags.clone());
        if held.len() > 50 {
            return Err(limit());
        }
    }
    Ok(json!({"return": true}))
}

/// A tag with a value is deleted only when it has that value; without tags, all go.
fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    for id in resources(state, call)? {
        let Some(held) = state.ec2.tags.get_mut(&id) else { continue };
        if call.list("Tag").is_empty() {
            held.clear();
        }
        for tag in call.list("Tag") {
            let key = text(tag, "Key").ok_or_else(|| bad_value("Tag key cannot be empty"))?;
            let meant = match tag["Value"].as_str() {
                Some(value) => held.get(key).is_some_and(|held| held == value),
                None => true,
            };
            if meant {
                held.remove(key);
            }
        }
    }
    state.ec2.tags.retain(|_, tags| !tags.is_empty());
    Ok(json!({"return": true}))
}

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let mut rows = Vec::new();
    for (id, tags) in &state.ec2.tags {
        let resource_type = kind_of(id).map_or("", |kind| kind.resource_type);
        for (key, value) in tags {
            // `tagSet` within a row is for the filter tag:KEY.
            let row = json!({
                "resourceId": id, "resourceType": resource_type, "key": key, "value": value,
                "tagSet": [{"key": key, "value": value}],
            });
            rows.push((format!("{id} {key}"), row));
        }
    }
    let listing = Listing {
        set: "tagSet",
        ids: None,
        filters: &[
            ("key", "key"),
            ("value", "value"),
            ("resource-id", "resourceId"),
            ("resource-type", "resourceType"),
        ],
        pages: PAGES,
    };
    let mut answer = listing.answer(call, rows)?;
    for row in answer["tagSet"].as_array_mut().into_iter().flatten() {
        if let Some(members) = row.as_object_mut() {
            members.shift_remove("tagSet");
        }
    }
    Ok(answer)
}

/// Sets and removes tags by the ARN of a resource, for the tagging API.
pub(in crate::sandbox) fn change(state: &mut State, arn: &str, set: Tags, removed: &[&str]) -> Result<(), AwsError> {
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let kind = kind_of(id)?;
    if !state.ec2.has(id) || state.arn("ec2", &format!("{}/{id}", kind.resource_type)) != arn {
        return Err(kind.missing(&[id]));
    }
    let mut tags = state.ec2.tags.get(id).cloned().unwrap_or_default();
    tags.retain(|key, _| !removed.contains(&key.as_str()));
    tags.extend(set);
    if tags.len() > 50 {
        return Err(limit());
    }
    state.ec2.tags.insert(id.to_owned(), tags);
    state.ec2.tags.retain(|_, tags| !tags.is_empty());
    Ok(())
}

/// Every resource that has tags, by ARN, for the tagging API.
pub(in crate::sandbox) fn tagged(state: &State) -> Vec<(String, BTreeMap<String, String>)> {
    let rows = state.ec2.tags.iter().filter_map(|(id, tags)| {
        let kind = kind_of(id).ok()?;
        // A key pair's ARN ends in its id, as all others do.
        Some((state.arn("ec2", &format!("{}/{id}", kind.resource_type)), tags.clone()))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn tags_are_set_changed_deleted_and_listed() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
        account.ok("CreateTags", json!({"ResourceId": [vpc], "Tag": [tag("a", "1"), tag("b", "2")]}));
        account.ok("CreateTags", json!({"ResourceId": [vpc], "Tag": [tag("a", "3")]}));
        // Another value than the tag has: it stays.
        account.ok("DeleteTags", json!({"ResourceId": [vpc], "Tag": [tag("b", "9")]}));
        let input = json!({"Filter": [{"Name": "resource-id", "Value": [vpc]}]});
        let row =
            |key: &str, value: &str| json!({"resourceId": vpc, "resourceType": "vpc", "key": key, "value": value});
        assert_eq!(account.ok("DescribeTags", input.clone())["tagSet"], json!([row("a", "3"), row("b", "2")]));
        account.ok("DeleteTags", json!({"ResourceId": [vpc], "Tag": [{"Key": "b"}]}));
        assert_eq!(account.ok("DescribeTags", input)["tagSet"], json!([row("a", "3")]));
        let arn = format!("arn:aws:ec2:us-west-2:123456789012:vpc/{vpc}");
        assert_eq!(tagged(&account.state), vec![(arn, Tags::from([("a".into(), "3".into())]))]);
    }

    #[test]
    fn reserved_keys_limits_types_and_missing_resources() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        let mut code = |id: &str, key: &str| {
            account.error("CreateTags", json!({"ResourceId": [id], "Tag": [{"Key": key, "Value": "x"}]})).code
        };
        assert_eq!(code(&vpc, "aws:x"), "InvalidParameterValue");
        assert_eq!(code("subnet-00000000000000000", "x"), "InvalidSubnetID.NotFound");
        assert_eq!(code("thing-1", "x"), "InvalidID");
        let many: Vec<Value> = (0..51).map(|number| json!({"Key": format!("k{number}")})).collect();
        let error = account.error("CreateTags", json!({"ResourceId": [vpc], "Tag": many}));
        assert_eq!(error.code, "TagLimitExceeded");
        // What failed left nothing behind.
        assert!(tagged(&account.state).is_empty());
        let specification = json!([{"ResourceType": "subnet", "Tag": [{"Key": "a"}]}]);
        let error = account.error("CreateVpc", json!({"CidrBlock": "10.1.0.0/16", "TagSpecification": specification}));
        assert_eq!(error.message, "'subnet' is not a valid taggable resource type for this operation.");
    }
}
