//! A key pair of the API in the manifest's words.

use aws_sdk_ec2::types;
use serde_json::json;

use super::spec::{KeyPairSpec, without_comment};
use crate::aws::ec2::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

pub(super) fn lower(pair: &types::KeyPairInfo) -> Found<KeyPairSpec> {
    let name = pair.key_name().unwrap_or_default().to_owned();
    let mut attributes = Attributes::from([("name".to_owned(), name.clone())]);
    attributes.extend(pair.key_pair_id().map(|id| ("id".to_owned(), id.to_owned())));
    attributes.extend(pair.key_fingerprint().map(|print| ("fingerprint".to_owned(), print.to_owned())));
    Found {
        key: Some(name.clone()),
        spec: KeyPairSpec {
            key_name: Some(name.clone()),
            public_key_material: without_comment(pair.public_key().unwrap_or_default()),
        },
        id: name,
        attributes,
        tags: tags_of(pair.tags()),
        readiness: Readiness::Ready,
        detail: json!({ "keyPairId": pair.key_pair_id() }),
    }
}

/// The id, which tagging and deleting take.
pub(super) fn key_pair_id(found: &Found<KeyPairSpec>) -> &str {
    found.detail["keyPairId"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_id_and_the_comment_of_aws_is_dropped() {
        let pair =
            types::KeyPairInfo::builder().key_name("desk").key_pair_id("key-1").public_key("ssh-rsa AAAA desk\n");
        let found = lower(&pair.build());
        assert_eq!((&*found.id, found.key.as_deref(), key_pair_id(&found)), ("desk", Some("desk"), "key-1"));
        assert_eq!(found.spec.public_key_material, "ssh-rsa AAAA");
    }
}
