//! What a manifest may say of a role.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::policy::{PolicyDocument, Use};

/// An IAM role with its policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleSpec {
    /// The name in IAM, unique in the account whatever the case. Absent: metadata.name. A change needs a new role.
    pub role_name: Option<String>,
    /// Where the role stands among others: /edge/. Absent: /. A change needs a new role.
    pub path: Option<String>,
    /// Who may take on the role: the trust policy.
    pub assume_role_policy_document: PolicyDocument,
    /// What the role is for. Absent: none.
    pub description: Option<String>,
    /// The longest session in seconds, 3600 to 43200. Absent: 3600.
    pub max_session_duration: Option<i32>,
    /// The ARN of the policy that bounds what the role can ever do. Absent: none.
    pub permissions_boundary: Option<String>,
    /// Policies that are part of the role: a map of documents by name, or a list. Owned whole.
    pub inline_policies: Option<InlinePolicies>,
    /// ARNs of managed policies that are attached. Owned whole; the order has no meaning.
    pub managed_policy_arns: Option<Vec<String>>,
}

/// Policies that are part of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InlinePolicies {
    /// As IAM lists them.
    List(Vec<InlinePolicy>),
    /// Documents by name.
    ByName(BTreeMap<String, PolicyDocument>),
}

/// A policy that is part of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InlinePolicy {
    /// Its name within the role.
    pub policy_name: String,
    /// What it allows or denies.
    pub policy_document: PolicyDocument,
}

impl InlinePolicies {
    /// The policies, by name.
    pub fn entries(&self) -> BTreeMap<&str, &PolicyDocument> {
        match self {
            Self::List(list) => list.iter().map(|one| (one.policy_name.as_str(), &one.policy_document)).collect(),
            Self::ByName(map) => map.iter().map(|(name, document)| (name.as_str(), document)).collect(),
        }
    }
}

impl RoleSpec {
    /// The name in IAM of the role that is declared under `name`.
    pub(super) fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.role_name.as_deref().unwrap_or(name)
    }

    /// The inline policies as declared, by name.
    pub(super) fn inline(&self) -> BTreeMap<&str, &PolicyDocument> {
        self.inline_policies.as_ref().map(InlinePolicies::entries).unwrap_or_default()
    }

    pub(super) fn attached(&self) -> &[String] {
        self.managed_policy_arns.as_deref().unwrap_or_default()
    }

    pub(super) fn normalise(&mut self, partition: &str) {
        self.path.get_or_insert_with(|| "/".to_owned());
        self.max_session_duration.get_or_insert(3600);
        self.description = self.description.take().filter(|text| !text.is_empty());
        self.assume_role_policy_document.normalise(Use::Trust, partition);
        let inline = self
            .inline()
            .into_iter()
            .map(|(name, document)| {
                let mut policy_document = document.clone();
                policy_document.normalise(Use::Permissions, partition);
                InlinePolicy { policy_name: name.to_owned(), policy_document }
            })
            .collect();
        self.inline_policies = Some(InlinePolicies::List(inline));
        let attached = self.managed_policy_arns.get_or_insert_default();
        attached.sort();
        attached.dedup();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn role(more: Value) -> RoleSpec {
        let mut spec = json!({"assumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn maps_and_lists_of_policies_are_one() {
        let document =
            json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}});
        let mut map = role(json!({"inlinePolicies": {"b": document, "a": document.to_string()}}));
        let mut list = role(json!({"inlinePolicies": [
            {"policyName": "a", "policyDocument": document}, {"policyName": "b", "policyDocument": document}
        ]}));
        map.normalise("aws");
        list.normalise("aws");
        assert_eq!(map, list);
        assert_eq!(map.path.as_deref(), Some("/"));
        assert_eq!(map.max_session_duration, Some(3600));
    }
}
