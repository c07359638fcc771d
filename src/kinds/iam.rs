//! What the kinds of IAM share: tags, names, paths.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;

use super::{Findings, is_open};
use crate::aws::Fault;

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

/// Names of IAM: letters, digits and `+=,.@_-`.
pub(super) fn lint_name(name: &str, longest: usize, pointer: &str, findings: &mut Findings) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if is_open(name) {
        return;
    }
    if name.is_empty() || name.len() > longest || !name.bytes().all(fits) {
        findings.error(pointer, "iam-name", format!("`{name}` is not a name that IAM takes"));
        findings.help(format!("1 to {longest} letters, digits and + = , . @ _ -"));
    }
}
