//! A role of the API in the manifest's words.

use aws_sdk_iam::types;

use super::spec::{InlinePolicies, InlinePolicy, RoleSpec};
use crate::kinds::iam::tags_of;
use crate::kinds::policy::PolicyDocument;
use crate::kinds::{Attributes, Found, Readiness};

/// The policies of a role, from wherever they were read.
#[derive(Debug)]
pub(super) struct Policies {
    pub(super) inline: Vec<InlinePolicy>,
    pub(super) attached: Vec<String>,
}

pub(super) fn policies(detail: &types::RoleDetail) -> Policies {
    Policies {
        inline: detail
            .role_policy_list()
            .iter()
            .map(|one| inline(one.policy_name().unwrap_or_default(), one.policy_document().unwrap_or_default()))
            .collect(),
        attached: arns(detail.attached_managed_policies()),
    }
}

pub(super) fn inline(name: &str, document: &str) -> InlinePolicy {
    InlinePolicy { policy_name: name.to_owned(), policy_document: PolicyDocument::decode(document) }
}

pub(super) fn arns(attached: &[types::AttachedPolicy]) -> Vec<String> {
    attached.iter().filter_map(|one| one.policy_arn()).map(str::to_owned).collect()
}

pub(super) fn lower(role: &types::Role, policies: Policies) -> Found<RoleSpec> {
    let text = |text: &str| text.to_owned();
    Found {
        id: text(role.role_name()),
        key: Some(role.role_name().to_lowercase()),
        spec: RoleSpec {
            role_name: Some(text(role.role_name())),
            path: Some(text(role.path())),
            assume_role_policy_document: PolicyDocument::decode(role.assume_role_policy_document().unwrap_or_default()),
            description: role.description().map(text),
            max_session_duration: role.max_session_duration(),
            permissions_boundary: role
                .permissions_boundary()
                .and_then(|boundary| boundary.permissions_boundary_arn())
                .map(text),
            inline_policies: Some(InlinePolicies::List(policies.inline)),
            managed_policy_arns: Some(policies.attached),
        },
        attributes: Attributes::from([
            ("arn".to_owned(), text(role.arn())),
            ("name".to_owned(), text(role.role_name())),
            ("id".to_owned(), text(role.role_id())),
        ]),
        tags: tags_of(role.tags()),
        // That everything is there is what comparing with the declaration shows.
        readiness: Readiness::Ready,
        detail: serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    #[test]
    fn a_role_reads_as_it_was_declared() {
        let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        let role = types::Role::builder()
            .path("/edge/")
            .role_name("Host")
            .role_id("AROA1")
            .arn("arn:aws:iam::123456789012:role/edge/Host")
            .create_date(DateTime::from_secs(0))
            .assume_role_policy_document(trust)
            .description("")
            .max_session_duration(3600)
            .build()
            .unwrap();
        let policies = Policies { inline: vec![inline("logs", "%7B%7D")], attached: vec!["b".into(), "a".into()] };
        let mut found = lower(&role, policies);
        found.spec.normalise("aws");
        assert_eq!((found.id.as_str(), found.key.as_deref()), ("Host", Some("host")));
        assert_eq!(found.spec.description, None);
        assert_eq!(found.spec.attached(), ["a", "b"]);
        assert_eq!(found.spec.assume_role_policy_document.0["Version"], "2012-10-17");
        assert_eq!(found.spec.inline().keys().copied().collect::<Vec<_>>(), ["logs"]);
    }
}
