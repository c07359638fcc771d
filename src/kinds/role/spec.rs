//! What a manifest may say of a role.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::iam::name_of;
use crate::kinds::policy::{PolicyDocument, Use};
use crate::kinds::{Findings, is_open};

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

/// Characters of a trust policy, before and after the quota is raised.
const TRUST_SIZES: (usize, usize) = (2048, 4096);
/// Characters of all inline policies of a role.
const INLINE_SIZE: usize = 10_240;
/// Managed policies on a role, before and after the quota is raised.
const ATTACHMENTS: (usize, usize) = (10, 20);

/// Managed policies that serve only roles which one of these services may take on.
const MADE_FOR: &[(&str, &[&str])] = &[
    ("AmazonEC2ContainerServiceforEC2Role", &["ec2.amazonaws.com", "ssm.amazonaws.com"]),
    ("AmazonECSTaskExecutionRolePolicy", &["ecs-tasks.amazonaws.com"]),
    ("AmazonECSInfrastructureRolePolicyForVolumes", &["ecs.amazonaws.com"]),
    ("AmazonSSMManagedInstanceCore", &["ec2.amazonaws.com", "ssm.amazonaws.com", "ecs-tasks.amazonaws.com"]),
];

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

    pub(super) fn lint(&self, findings: &mut Findings) {
        if self.path.as_deref().is_some_and(|path| path.starts_with("/aws-service-role/")) {
            findings.error("/path", "iam-service-role", "roles below /aws-service-role/ are made by their services");
        }
        if self.max_session_duration.is_some_and(|seconds| !(3600..=43_200).contains(&seconds)) {
            findings.error("/maxSessionDuration", "iam-session", "sessions last from 3600 to 43200 seconds");
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > 1000) {
            findings.error("/description", "iam-description", "a description has at most 1000 characters");
        }
        if let Some(arn) = &self.permissions_boundary {
            lint_policy_arn(arn, "/permissionsBoundary", findings);
        }
        self.lint_trust(findings);
        self.lint_inline(findings);
        self.lint_attached(findings);
    }

    fn lint_trust(&self, findings: &mut Findings) {
        let pointer = "/assumeRolePolicyDocument";
        let trust = &self.assume_role_policy_document;
        trust.lint(Use::Trust, pointer, findings);
        match trust.size() {
            size if size > TRUST_SIZES.1 => findings.error(
                pointer,
                "iam-size",
                format!("the trust policy has {size} characters; IAM takes {} at the very most", TRUST_SIZES.1),
            ),
            size if size > TRUST_SIZES.0 => findings.warning(
                pointer,
                "iam-size",
                format!("the trust policy has {size} characters; without a raised quota IAM takes {}", TRUST_SIZES.0),
            ),
            _ => {}
        }
    }

    fn lint_inline(&self, findings: &mut Findings) {
        let mut size = 0;
        for (index, (name, document)) in self.inline().into_iter().enumerate() {
            let at = match &self.inline_policies {
                Some(InlinePolicies::ByName(_)) => format!("/inlinePolicies/{}", name.replace('/', "~1")),
                Some(InlinePolicies::List(list)) => {
                    let place = list.iter().position(|one| one.policy_name == name).unwrap_or(index);
                    format!("/inlinePolicies/{place}/policyDocument")
                }
                None => "/inlinePolicies".to_owned(),
            };
            document.lint(Use::Permissions, &at, findings);
            size += document.size();
        }
        if let Some(InlinePolicies::List(list)) = &self.inline_policies
            && list.len() > self.inline().len()
        {
            findings.error("/inlinePolicies", "iam-twice", "two inline policies have the same name");
        }
        if size > INLINE_SIZE {
            let message = format!("the inline policies have {size} characters together; IAM takes {INLINE_SIZE}");
            findings.error("/inlinePolicies", "iam-size", message);
            findings.help("move some into a managed policy");
        }
    }

    fn lint_attached(&self, findings: &mut Findings) {
        let pointer = "/managedPolicyArns";
        match self.attached().len() {
            count if count > ATTACHMENTS.1 => {
                findings.error(
                    pointer,
                    "iam-attachments",
                    format!("a role takes {} policies at the very most", ATTACHMENTS.1),
                );
            }
            count if count > ATTACHMENTS.0 => findings.warning(
                pointer,
                "iam-attachments",
                format!("without a raised quota a role takes {} managed policies", ATTACHMENTS.0),
            ),
            _ => {}
        }
        let services = self.assume_role_policy_document.services();
        for (index, arn) in self.attached().iter().enumerate() {
            let at = format!("{pointer}/{index}");
            lint_policy_arn(arn, &at, findings);
            let made_for = MADE_FOR.iter().find(|(policy, _)| *policy == name_of(arn)).map(|(_, services)| *services);
            let Some(made_for) = made_for.filter(|_| !self.assume_role_policy_document.is_open()) else { continue };
            if !services.iter().any(|service| made_for.contains(&service.as_str())) {
                let message = format!("this policy is for {}, which the role does not trust", made_for.join(" or "));
                findings.warning(at, "iam-trust", message);
                findings.help("check Principal in assumeRolePolicyDocument");
            }
        }
    }
}

fn lint_policy_arn(arn: &str, pointer: &str, findings: &mut Findings) {
    let is_arn = arn.starts_with("arn:") && arn.contains(":iam::") && arn.contains(":policy/");
    if !is_open(arn) && !is_arn {
        findings.error(pointer, "iam-policy-arn", format!("`{arn}` is not the ARN of a policy"));
        findings.help("as arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role");
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

    fn codes(more: Value) -> Vec<&'static str> {
        let mut findings = Findings::default();
        role(more).lint(&mut findings);
        findings.0.into_iter().map(|finding| finding.code).collect()
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

    #[test]
    fn findings() {
        assert!(codes(json!({})).is_empty());
        assert_eq!(codes(json!({"maxSessionDuration": 60})), ["iam-session"]);
        assert_eq!(codes(json!({"managedPolicyArns": ["AmazonSSMManagedInstanceCore"]})), ["iam-policy-arn"]);
        let execution = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
        assert_eq!(codes(json!({"managedPolicyArns": [execution]})), ["iam-trust"]);
        let many: Vec<String> = (0..11).map(|n| format!("arn:aws:iam::123456789012:policy/p{n}")).collect();
        assert_eq!(codes(json!({"managedPolicyArns": many})), ["iam-attachments"]);
    }

    #[test]
    fn inline_policies_share_one_limit() {
        let resources: Vec<String> = (0..200).map(|n| format!("arn:aws:s3:::bucket-number-{n:05}/*")).collect();
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources}
        ]});
        assert!(codes(json!({"inlinePolicies": {"a": document}})).is_empty());
        assert_eq!(codes(json!({"inlinePolicies": {"a": document, "b": document}})), ["iam-size"]);
    }
}
