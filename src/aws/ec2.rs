//! What the kinds of EC2 share: tags in a create call, tags of an answer, filters, CIDR blocks.

use std::collections::BTreeMap;
use std::str::FromStr;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{Aws, Fault, fault};
use crate::kinds::{Purpose, STACK_TAG, Scope};

/// The tags of a create call, so that nothing ever exists without its owner's name.
pub fn tag_specification(resource: ResourceType, tags: &BTreeMap<String, String>) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(sdk_tags(tags))).build()
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags as a map, without those that AWS keeps for itself.
pub fn tags_of(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// What a scope reads: the one object that is waited for, or everything that carries the stack's tag. Filters, not
/// ids, because one missing id fails the whole call.
pub fn filter(scope: &Scope<'_>, id_filter: &str) -> Filter {
    match scope.purpose {
        Purpose::Settle(id) => Filter::builder().name(id_filter).values(id).build(),
        Purpose::Survey | Purpose::Deep | Purpose::Find => {
            Filter::builder().name(format!("tag:{STACK_TAG}")).values(&scope.place.stack).build()
        }
    }
}

/// Sets and removes tags of any object of EC2.
pub async fn retag(aws: &Aws, id: &str, set: &BTreeMap<String, String>, remove: &[String]) -> Result<(), Fault> {
    // What goes, goes first: the tag that names our keys is among what is set, and must not forget one that is there.
    if !remove.is_empty() {
        let tags = remove.iter().map(|key| Tag::builder().key(key).build()).collect();
        let call = aws.ec2().delete_tags().resources(id).set_tags(Some(tags));
        call.send().await.map_err(fault("ec2:DeleteTags"))?;
    }
    if !set.is_empty() {
        let call = aws.ec2().create_tags().resources(id).set_tags(Some(sdk_tags(set)));
        call.send().await.map_err(fault("ec2:CreateTags"))?;
    }
    Ok(())
}

/// The block as EC2 stores it: `10.0.0.5/24` is `10.0.0.0/24`. What is no block stays as it is.
pub fn canonical_cidr(text: &str) -> String {
    IpNet::from_str(text).map_or_else(|_| text.to_owned(), |block| block.trunc().to_string())
}

/// Whether two blocks have an address in common.
pub fn blocks_overlap(one: &str, other: &str) -> bool {
    match (IpNet::from_str(one), IpNet::from_str(other)) {
        (Ok(one), Ok(other)) => one.contains(&other.network()) || other.contains(&one.network()),
        _ => one == other,
    }
}

/// Spells members as manifests do when they are spelled as the AWS CLI prints EC2's: `VpcId`. The keys of tags are
/// no members.
pub fn in_camel_case(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let renamed: Map<String, Value> = std::mem::take(members)
                .into_iter()
                .map(|(name, mut value)| {
                    let mut rest = name.chars();
                    let name: String =
                        rest.next().into_iter().flat_map(char::to_lowercase).chain(rest.as_str().chars()).collect();
                    if name != "tags" || value.is_array() {
                        in_camel_case(&mut value);
                    }
                    (name, value)
                })
                .collect();
            *members = renamed;
        }
        Value::Array(items) => items.iter_mut().for_each(in_camel_case),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_respelled_and_keys_of_tags_are_not() {
        let mut value = json!({"VpcId": "Vpc", "Tags": {"Name": "x"}, "Routes": [{"State": "A"}]});
        in_camel_case(&mut value);
        assert_eq!(value, json!({"vpcId": "Vpc", "tags": {"Name": "x"}, "routes": [{"state": "A"}]}));
    }
}
