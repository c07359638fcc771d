//! What the kinds of ECS share: tags, and specs that the SDK cannot send.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::Tag;
use aws_smithy_types::error::operation::BuildError;

use super::{Aws, Cause, Fault, fault};

/// Tags as ECS takes them.
pub fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags as a map, without those that AWS keeps for itself.
pub fn tags_of(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// Sets and removes tags of any object of ECS.
pub async fn retag(aws: &Aws, arn: &str, set: &BTreeMap<String, String>, remove: &[String]) -> Result<(), Fault> {
    // What goes, goes first: the tag that names our keys is among what is set, and must not forget one that is there.
    if !remove.is_empty() {
        let call = aws.ecs().untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec()));
        call.send().await.map_err(fault("ecs:UntagResource"))?;
    }
    if !set.is_empty() {
        let call = || aws.ecs().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(set)));
        aws.eventually(|| async { call().send().await.map_err(fault("ecs:TagResource")) }).await?;
    }
    Ok(())
}

/// Turns the SDK's refusal to build a request into a [`Fault`]: `.map_err(unfit("ecs:CreateService"))`.
pub fn unfit(operation: &'static str) -> impl Fn(BuildError) -> Fault {
    move |error| Fault::found(operation, Cause::Invalid, error.to_string())
}
