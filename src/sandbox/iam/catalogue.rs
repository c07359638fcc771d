//! The managed policies of AWS's own that people give to ECS roles, each in its default version.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: String,
    /// `v10`.
    pub(super) version: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) document: Value,
}

static ENTRIES: LazyLock<Vec<Entry>> =
    LazyLock::new(|| serde_json::from_str(include_str!("catalogue.json")).unwrap_or_default());

/// All of them, by name.
pub(super) fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The policy of an ARN, in whatever partition.
pub(super) fn find(arn: &str) -> Option<&'static Entry> {
    let (partition, path_and_name) = arn.strip_prefix("arn:")?.split_once(":iam::aws:policy")?;
    if !partition.starts_with("aws") {
        return None;
    }
    ENTRIES.iter().find(|entry| path_and_name.strip_prefix(entry.path.as_str()) == Some(&entry.name))
}

impl Entry {
    pub(super) fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:iam::aws:policy{}{}", self.path, self.name)
    }

    pub(super) fn id(&self) -> String {
        let digits: String = Sha256::digest(&self.name).iter().map(|byte| format!("{byte:02X}")).collect();
        format!("ANPA{}", &digits[..17])
    }

    /// Whether it may be attached to a role that is not service-linked.
    pub(super) fn is_attachable(&self) -> bool {
        self.path != "/aws-service-role/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_one_that_iam_would_accept() {
        assert!(entries().len() > 30);
        for entry in entries() {
            let checked = super::super::document::check_permissions(&entry.document.to_string());
            assert!(checked.is_ok(), "{}: {checked:?}", entry.name);
        }
    }

    #[test]
    fn a_policy_is_found_by_its_whole_arn() {
        let arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
        assert_eq!(find(arn).unwrap().arn("aws"), arn);
        assert!(find("arn:aws:iam::aws:policy/AmazonECSTaskExecutionRolePolicy").is_none());
    }
}
