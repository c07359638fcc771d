//! A key pair: the public half of a key that opens instances by SSH.
//!
//! Only keys that exist already are taken (`ImportKeyPair`). A key that AWS makes has its private half in the answer,
//! once, and a reconciler has no place to keep that. Calls and references take the name; tags take the id.

mod calls;
mod lower;
mod spec;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::spec::KeyPairSpec;
pub(crate) use self::spec::defect;
use super::{About, Attributes, Changed, Found, Kind, Place, Progress, Scope, Target};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct KeyPair;

impl Kind for KeyPair {
    type Spec = KeyPairSpec;

    const ABOUT: About = About {
        kind: "KeyPair",
        summary: "A public key that instances get at their launch, to let its owner in by SSH.",
        attributes: &[("name", "The name"), ("id", "The id: key-…"), ("fingerprint", "The fingerprint of the key")],
        replace: &["keyName", "publicKeyMaterial"],
        // Absent it is the name of the document, which the key of the object compares.
        unmanaged: &["keyName"],
        tagged_as: Some("ec2:key-pair"),
        calls: &["ec2:ImportKeyPair", "ec2:DescribeKeyPairs", "ec2:DeleteKeyPair", "ec2:CreateTags", "ec2:DeleteTags"],
        ..About::DEFAULT
    };

    fn accept(spec: &mut Value) -> Vec<String> {
        spec::accept(spec)
    }

    fn normalise(spec: &mut KeyPairSpec, _: &Place) {
        spec.normalise();
    }

    fn foretell(name: &str, spec: &KeyPairSpec, _: &Place) -> Attributes {
        Attributes::from([("name".to_owned(), spec.name(name).to_owned())])
    }

    fn key(name: &str, spec: &KeyPairSpec, _: &Place) -> Option<String> {
        Some(spec.name(name).to_owned())
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<KeyPairSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<KeyPairSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    /// Everything but tags needs a new key pair.
    async fn update(_: &Aws, _: &Target<KeyPairSpec>, _: &Found<KeyPairSpec>, _: &Changed) -> Result<Progress, Fault> {
        Ok(Progress::Done)
    }

    async fn delete(aws: &Aws, live: &Found<KeyPairSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<KeyPairSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ec2::retag(aws, lower::key_pair_id(live), set, remove).await
    }
}
