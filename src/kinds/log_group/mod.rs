//! A log group of CloudWatch Logs.
//!
//! Its name is its identity, and anybody may have made it: a container's log driver does, with `awslogs-create-group`.
//! Such a group carries no tag of ours and is left alone. Deleting one deletes its logs, so `protected_by` keeps a
//! change of name or class from doing that unasked. DescribeLogGroups tells no tags: those of a survey come from the
//! tagging service's one call, which all stacks make anyway.

mod calls;
mod lower;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::spec::LogGroupSpec;
use super::{About, Attributes, Changed, Found, Kind, Place, Progress, Scope, Target, is_open};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct LogGroup;

impl Kind for LogGroup {
    type Spec = LogGroupSpec;

    const ABOUT: About = About {
        kind: "LogGroup",
        summary: "A log group: where containers write, how long that is kept, and how it is encrypted.",
        attributes: &[
            ("name", "The name"),
            ("arn", "The ARN; in a policy, :* behind it means what is in the log group"),
        ],
        replace: &["logGroupName", "logGroupClass"],
        // Absent the name is that of the document, which the key of the object compares.
        unmanaged: &["logGroupName", "logGroupClass", "deletionProtectionEnabled"],
        protected_by: Some("deletionProtectionEnabled"),
        tagged_as: Some("logs:log-group"),
        calls: &[
            "logs:CreateLogGroup",
            "logs:DescribeLogGroups",
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:PutLogGroupDeletionProtection",
            "logs:DeleteLogGroup",
            "logs:ListTagsForResource",
            "logs:TagResource",
            "logs:UntagResource",
            "tag:GetResources",
        ],
        ..About::DEFAULT
    };

    fn accept(spec: &mut Value) -> Vec<String> {
        spec::accept(spec)
    }

    fn normalise(spec: &mut LogGroupSpec, _: &Place) {
        spec.normalise();
    }

    fn foretell(name: &str, spec: &LogGroupSpec, place: &Place) -> Attributes {
        let name = spec.name(name);
        Attributes::from([
            ("name".to_owned(), name.to_owned()),
            ("arn".to_owned(), place.arn("logs", &format!("log-group:{name}"))),
        ])
    }

    fn key(name: &str, spec: &LogGroupSpec, _: &Place) -> Option<String> {
        Some(spec.name(name)).filter(|name| !is_open(name)).map(str::to_owned)
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<LogGroupSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<LogGroupSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<LogGroupSpec>,
        live: &Found<LogGroupSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<LogGroupSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<LogGroupSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        calls::retag(aws, live, set, remove).await
    }
}
