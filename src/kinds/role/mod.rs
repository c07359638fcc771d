//! An IAM role with its policies.
//!
//! Inline policies and attachments belong to the role and are owned whole: what the manifest does not name is taken
//! away. A role counts as ready when its trust policy and all of its policies are read back, so that nothing that
//! uses it starts before it can do its work.
//!
//! `GetAccountAuthorizationDetails` tells everything of all roles in one paged answer but for the description and
//! the session duration, for which each role of ours costs a `GetRole`. Roles that a service made (`/aws-service-role/`)
//! are never ours.

mod calls;
mod lower;
mod spec;

use std::collections::BTreeMap;

pub use self::spec::{InlinePolicies, InlinePolicy, RoleSpec};
use super::{About, Attributes, Blocker, Changed, Found, Kind, Place, Progress, Scope, Target};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct Role;

impl Kind for Role {
    type Spec = RoleSpec;

    const ABOUT: About = About {
        kind: "Role",
        summary: "What an instance, a task or the ECS agent may do, and who may take that on.",
        attributes: &[
            ("arn", "The ARN, known before the role exists"),
            ("name", "The name in IAM, known before the role exists"),
            ("id", "The unique id: AROA…"),
        ],
        replace: &["roleName", "path"],
        unmanaged: &["roleName"],
        calls: &[
            "iam:CreateRole",
            "iam:GetAccountAuthorizationDetails",
            "iam:GetRole",
            "iam:ListRolePolicies",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListInstanceProfilesForRole",
            "iam:UpdateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:DeleteRole",
            "iam:TagRole",
            "iam:UntagRole",
        ],
        ..About::DEFAULT
    };

    fn normalise(spec: &mut RoleSpec, place: &Place) {
        spec.normalise(place.partition());
    }

    fn foretell(name: &str, spec: &RoleSpec, place: &Place) -> Attributes {
        let name = spec.name(name);
        let path = spec.path.as_deref().unwrap_or("/");
        Attributes::from([
            ("arn".to_owned(), place.arn("iam", &format!("role{path}{name}"))),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn key(name: &str, spec: &RoleSpec, _: &Place) -> Option<String> {
        Some(spec.name(name).to_lowercase())
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<RoleSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<RoleSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<RoleSpec>,
        live: &Found<RoleSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<RoleSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<RoleSpec>) -> Result<Vec<Blocker>, Fault> {
        calls::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<RoleSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        calls::retag(aws, live, set, remove).await
    }
}
