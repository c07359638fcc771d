//! What the kinds of IAM share: tags, names, paths.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_iam::types::Tag;
use aws_smithy_types::DateTime;

use super::is_open;
use crate::aws::{Aws, Fault};

/// How long the other services may not know of a new role or profile.
const NEW: Duration = Duration::from_secs(120);

/// Tags for a create call. IAM takes no tag without a key, and our keys are never empty.
pub(super) fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

/// Tags as a map, without those that AWS keeps for itself.
pub(super) fn tags_of(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect()
}

/// The name at the end of an ARN; a name stays as it is.
pub(super) fn name_of(text: &str) -> &str {
    if text.starts_with("arn:") && !is_open(text) { text.rsplit('/').next().unwrap_or(text) } else { text }
}

/// Whether there is nothing any more is as good as having taken it away.
pub(super) fn or_gone<T>(answer: Result<T, Fault>) -> Result<(), Fault> {
    match answer {
        Err(fault) if fault.is_gone() => Ok(()),
        answer => answer.map(drop),
    }
}

/// What another run has made a moment ago is not known everywhere yet, no more than what this one makes.
pub(super) fn notice(aws: &Aws, created: &DateTime) {
    let created = SystemTime::try_from(*created).unwrap_or(SystemTime::UNIX_EPOCH);
    if SystemTime::now().duration_since(created).unwrap_or_default() < NEW {
        aws.has_seen_new();
    }
}
