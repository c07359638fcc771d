//! What a manifest may say of a key pair.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::ec2::in_camel_case;

/// The public half of an SSH key. A change of it does not touch instances that run already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyPairSpec {
    /// The name in AWS, unique in the Region. Absent: the name of the document. A change needs a new key pair.
    pub key_name: Option<String>,
    /// The public key as OpenSSH writes it: ssh-ed25519 AAAA… or ssh-rsa AAAA…, one line of a .pub file. A change
    /// needs a new key pair; the comment at its end does not count.
    pub public_key_material: String,
}

/// What EC2 imports.
const TYPES: &[&str] = &["ssh-ed25519", "ssh-rsa"];

impl KeyPairSpec {
    pub(super) fn name<'a>(&'a self, document: &'a str) -> &'a str {
        self.key_name.as_deref().unwrap_or(document)
    }

    pub(super) fn normalise(&mut self) {
        self.public_key_material = without_comment(&self.public_key_material);
    }
}

/// Type and key of an OpenSSH line.
pub(super) fn without_comment(line: &str) -> String {
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// What is wrong with a public key, without a word of it: what should not be here may be a secret.
pub(crate) fn defect(line: &str) -> Option<String> {
    check(line).err()
}

fn check(line: &str) -> Result<(), String> {
    if line.trim().lines().count() > 1 {
        return Err("a public key is one line; this has more".to_owned());
    }
    let mut words = line.split_whitespace();
    let kind = words.next().unwrap_or_default();
    if !TYPES.contains(&kind) {
        return Err(format!("EC2 takes public keys in OpenSSH's form, of the types {}", TYPES.join(" and ")));
    }
    let Some(key) = words.next() else { return Err(format!("nothing follows {kind}")) };
    let bytes = aws_smithy_types::base64::decode(key).map_err(|_| "the key is cut off or not base64".to_owned())?;
    // The key repeats its type behind four bytes of length.
    let repeated = bytes.get(4..4 + kind.len());
    if repeated != Some(kind.as_bytes()) || !is_whole(&bytes) {
        return Err(format!("what follows {kind} is not a whole key of that type"));
    }
    Ok(())
}

/// Whether the fields, each behind its length, end where the key ends.
fn is_whole(mut bytes: &[u8]) -> bool {
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some(rest) = rest.get(length..) else { return false };
        bytes = rest;
    }
    bytes.is_empty()
}

/// Takes an answer of `aws ec2 describe-key-pairs --include-public-key` as well.
pub(super) fn accept(spec: &mut Value) -> Vec<String> {
    in_camel_case(spec);
    let Some(members) = spec.as_object_mut() else { return Vec::new() };
    if let Some(key) = members.shift_remove("publicKey") {
        members.entry("publicKeyMaterial").or_insert(key);
    }
    ["keyPairId", "keyFingerprint", "keyType", "createTime"]
        .into_iter()
        .filter(|name| members.shift_remove(*name).is_some())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4";

    fn spec(material: &str) -> KeyPairSpec {
        KeyPairSpec { key_name: None, public_key_material: material.to_owned() }
    }

    #[test]
    fn comments_and_line_ends_do_not_count() {
        let mut one = spec(&format!("{KEY} dana@desk\n"));
        let mut other = spec(KEY);
        one.normalise();
        other.normalise();
        assert_eq!(one, other);
    }

    #[test]
    fn a_public_key_passes_and_a_cut_one_does_not() {
        assert_eq!(defect(&format!("{KEY} dana@desk\n")), None);
        for wrong in [&KEY[..60], "ssh-ed25519", "ssh-dss AAAA", "hello", &KEY.replace("ed25519 ", "rsa ")] {
            assert!(defect(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_of_the_cli_can_be_pasted() {
        let mut pasted = json!({"KeyPairId": "key-1", "KeyType": "ed25519", "KeyName": "desk", "PublicKey": KEY});
        assert_eq!(accept(&mut pasted), ["keyPairId", "keyType"]);
        assert_eq!(pasted, json!({"keyName": "desk", "publicKeyMaterial": KEY}));
    }
}
