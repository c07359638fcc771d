//! A hybrid activation of Systems Manager, with which hosts outside AWS register.
//!
//! AWS changes nothing of an activation, and tells its code once. So whatever differs is an update that makes a fresh
//! one, stores its code, and deletes the old one; hosts that have registered keep working. All activations that carry
//! the tags of one declaration are one object here: the one whose code is stored counts, and the others are what a call
//! without an answer, or an interrupted run, has left. `due` and `strays` of a live spec say why there is work though
//! nothing that was declared differs.
//!
//! The code exists in `calls::make` alone, between the call that tells it and the one that stores it (`code.rs`), and
//! neither call is logged. The place remembers which activation the code is of, and a tag of the activation
//! (`farpost/code`) remembers the place.

pub(super) mod calls;
mod code;
mod lower;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::spec::{ActivationSpec, CodeStore, RotateBefore};
use super::{About, Changed, Found, Kind, Place, Progress, Scope, Target};
use crate::aws::{Aws, Fault};
use crate::plan::FieldChange;

#[derive(Debug)]
pub struct Activation;

/// The tag that remembers where the code is.
const CODE_TAG: &str = "farpost/code";

impl Kind for Activation {
    type Spec = ActivationSpec;

    const ABOUT: About = About {
        kind: "Activation",
        summary: "A hybrid activation of Systems Manager: what hosts outside AWS register with.",
        attributes: &[("id", "The id of the activation that counts now; a fresh one has another")],
        local: &["rotateBefore"],
        moving: &["id"],
        fixed_tags: true,
        tagged_as: Some("ssm:parameter"),
        also_tagged: &["secretsmanager:secret"],
        // Which hosts have registered says whether one that is used up is missed; roles tell of one that is not declared.
        read_after: &["ExternalInstance", "Role"],
        calls: &[
            "ssm:CreateActivation",
            "ssm:DescribeActivations",
            "ssm:DeleteActivation",
            "ssm:DescribeParameters",
            "ssm:ListTagsForResource",
            "ssm:PutParameter",
            "ssm:DeleteParameter",
            "secretsmanager:DescribeSecret",
            "secretsmanager:CreateSecret",
            "secretsmanager:UpdateSecret",
            "secretsmanager:RestoreSecret",
            "secretsmanager:DeleteSecret",
            "tag:GetResources",
        ],
        permissions: &["iam:PassRole", "ssm:AddTagsToResource", "secretsmanager:TagResource"],
        ..About::DEFAULT
    };

    fn normalise(spec: &mut ActivationSpec, _: &Place) {
        spec.normalise();
    }

    fn remarks(fields: &[FieldChange], live: &ActivationSpec) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(strays) = &live.strays {
            let strays = strays.join(", ");
            remarks.push(format!("deletes what nobody can use, because its code was never stored: {strays}"));
        }
        if fields.iter().any(|field| !field.path.starts_with("strays")) {
            remarks.push(
                "a fresh activation is made, its code stored, and then the old one deleted; hosts that have registered \
                 keep working"
                    .to_owned(),
            );
        }
        remarks
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<ActivationSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<ActivationSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<ActivationSpec>,
        live: &Found<ActivationSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<ActivationSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    /// Never called: AWS takes tags with the creation alone.
    async fn retag(
        _: &Aws,
        _: &Found<ActivationSpec>,
        _: &BTreeMap<String, String>,
        _: &[String],
    ) -> Result<(), Fault> {
        Ok(())
    }
}
