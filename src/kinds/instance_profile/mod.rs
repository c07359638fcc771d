//! An instance profile: the way by which an EC2 instance gets a role.
//!
//! IAM tells neither tags in a listing nor answers a question by tag. So a survey asks for each declared profile, and
//! for the profiles that hold a role of this stack, which the account's details name. A profile of ours that is no
//! longer declared and holds no role of ours (it was declared elsewhere, or swapped by hand) takes a question for each
//! profile of the account; `--deep` and `destroy` ask it.
//!
//! A profile holds one role. Swapping it is two calls, between which instances that ask get no credentials.

mod calls;
mod lower;
mod spec;

use std::collections::BTreeMap;

pub use self::spec::InstanceProfileSpec;
use super::{About, Attributes, Blocker, Changed, Found, Kind, Place, Progress, Scope, Target};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct InstanceProfile;

impl Kind for InstanceProfile {
    type Spec = InstanceProfileSpec;

    const ABOUT: About = About {
        kind: "InstanceProfile",
        summary: "Gives a role to the EC2 instances that are launched with it.",
        attributes: &[
            ("name", "The name in IAM, known before the profile exists"),
            ("arn", "The ARN, known before the profile exists"),
            ("id", "The unique id: AIPA…"),
        ],
        replace: &["instanceProfileName", "path"],
        unmanaged: &["instanceProfileName"],
        // Without its role, no role leads to it.
        leaves_unseen: true,
        // IAM deletes a role only when it is in no profile.
        loses: &["Role"],
        calls: &[
            "iam:CreateInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:ListInstanceProfiles",
            "iam:GetAccountAuthorizationDetails",
            "iam:AddRoleToInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:TagInstanceProfile",
            "iam:UntagInstanceProfile",
        ],
        permissions: &["iam:PassRole"],
        ..About::DEFAULT
    };

    fn normalise(spec: &mut InstanceProfileSpec, _: &Place) {
        spec.normalise();
    }

    fn foretell(name: &str, spec: &InstanceProfileSpec, place: &Place) -> Attributes {
        let name = spec.name(name);
        let path = spec.path.as_deref().unwrap_or("/");
        Attributes::from([
            ("name".to_owned(), name.to_owned()),
            ("arn".to_owned(), place.arn("iam", &format!("instance-profile{path}{name}"))),
        ])
    }

    fn key(name: &str, spec: &InstanceProfileSpec, _: &Place) -> Option<String> {
        Some(spec.name(name).to_lowercase())
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<InstanceProfileSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<InstanceProfileSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<InstanceProfileSpec>,
        live: &Found<InstanceProfileSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<InstanceProfileSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<InstanceProfileSpec>) -> Result<Vec<Blocker>, Fault> {
        calls::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<InstanceProfileSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        calls::retag(aws, live, set, remove).await
    }
}
