//! Key pairs, imported or made here.

use aws_smithy_types::base64;
use md5::Md5;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::input::{bad_value, missing_parameter, required, word};
use super::kinds::KEY_PAIR;
use super::listing::{Filter, filtered, pick};
use super::rsa::Key;
use super::{Entry, tags, timestamp};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("ImportKeyPair", "KeyName! PublicKeyMaterial! TAGS", import),
    ("CreateKeyPair", "KeyName! KeyType KeyFormat TAGS", create),
    ("DescribeKeyPairs", "KeyName KeyPairId IncludePublicKey FILTERS", describe),
    ("DeleteKeyPair", "KeyName KeyPairId", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyPair {
    key_pair_id: String,
    pub(super) name: String,
    /// `rsa` or `ed25519`.
    key_type: String,
    fingerprint: String,
    public_key: String,
    created: String,
}

/// A name that does not exist, or a key that a launch wants.
pub(super) fn missing(name: &str) -> AwsError {
    AwsError::invalid("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"))
}

fn bad_key() -> AwsError {
    AwsError::invalid("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}

/// The name of a new pair, which no other has.
fn new_name<'a>(state: &State, call: &'a Call) -> Result<&'a str, AwsError> {
    let name = required(call, "KeyName")?;
    if name.len() > 255 || !name.is_ascii() || name.trim() != name {
        return Err(bad_value(format!("Value ({name}) for parameter KeyName is invalid.")));
    }
    if state.ec2.key_pairs.values().any(|pair| pair.name == name) {
        let message = format!("The keypair '{name}' already exists.");
        return Err(AwsError::invalid("InvalidKeyPair.Duplicate", message));
    }
    Ok(name)
}

fn import(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = new_name(state, call)?;
    let material = base64::decode(required(call, "PublicKeyMaterial")?).map_err(|_| bad_key())?;
    let public_key = String::from_utf8(material).map_err(|_| bad_key())?.trim().to_owned();
    let (key_type, fingerprint) = fingerprint(&public_key).ok_or_else(bad_key)?;
    keep(state, call, name, key_type, fingerprint, public_key)
}

/// Makes an RSA key. The caller gets the private half, and nobody after that.
fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = new_name(state, call)?;
    let kind = word(&call.input, "KeyType", &["rsa", "ed25519"])?;
    let format = word(&call.input, "KeyFormat", &["pem", "ppk"])?;
    if kind.is_some_and(|kind| kind != "rsa") || format.is_some_and(|format| format != "pem") {
        return Err(AwsError::invalid("UnsupportedOperation", "the sandbox makes keys of the type rsa in PEM only"));
    }
    // Like ids, the keys are the same for the same calls.
    let seed = u64::from_str_radix(&state.hex(16), 16).unwrap_or_default();
    let mut random = fastrand::Rng::with_seed(seed);
    let key = Key::new(|| random.u64(..));
    let fields = [b"ssh-rsa".to_vec(), key.exponent.clone(), key.modulus.clone()];
    let blob: Vec<u8> =
        fields.iter().flat_map(|field| [&(field.len() as u32).to_be_bytes(), field.as_slice()].concat()).collect();
    let digits: Vec<String> = Sha1::digest(key.pkcs8()).iter().map(|byte| format!("{byte:02x}")).collect();
    let public_key = format!("ssh-rsa {} {name}", base64::encode(blob));
    let mut answer = keep(state, call, name, "rsa", digits.join(":"), public_key)?;
    let mut material = "-----BEGIN RSA PRIVATE KEY-----\n".to_owned();
    for line in base64::encode(&key.private_key).as_bytes().chunks(64) {
        material.push_str(&String::from_utf8_lossy(line));
        material.push('\n');
    }
    material.push_str("-----END RSA PRIVATE KEY-----");
    answer["keyMaterial"] = material.into();
    Ok(answer)
}

fn keep(
    state: &mut State,
    call: &Call,
    name: &str,
    key_type: &str,
    fingerprint: String,
    public_key: String,
) -> Result<Value, AwsError> {
    let tags = tags::specified(call, &KEY_PAIR)?;
    let pair = KeyPair {
        key_pair_id: state.id("key"),
        name: name.to_owned(),
        key_type: key_type.to_owned(),
        fingerprint,
        public_key,
        created: timestamp(call.now),
    };
    state.ec2.tag(&pair.key_pair_id, tags);
    state.ec2.key_pairs.insert(pair.key_pair_id.clone(), pair.clone());
    Ok(json!({
        "keyName": pair.name,
        "keyPairId": pair.key_pair_id,
        "keyFingerprint": pair.fingerprint,
        "tagSet": state.ec2.tag_set(&pair.key_pair_id),
    }))
}

/// Type and fingerprint of an OpenSSH public key. EC2 takes the MD5 of an RSA key as a DER `SubjectPublicKeyInfo`,
/// and of an ED25519 key what `ssh-keygen -l` shows, with padding.
fn fingerprint(public_key: &str) -> Option<(&'static str, String)> {
    let mut words = public_key.split_whitespace();
    let named = words.next()?;
    let blob = base64::decode(words.next()?).ok()?;
    let mut fields = Vec::new();
    let mut rest = blob.as_slice();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (field, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        fields.push(field);
        rest = after;
    }
    match (named, fields.as_slice()) {
        ("ssh-rsa", [b"ssh-rsa", exponent, modulus]) => {
            let key = der(0x30, &[der(0x02, &[modulus.to_vec()]), der(0x02, &[exponent.to_vec()])]);
            // The object identifier of rsaEncryption, and no parameters.
            let algorithm = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
            let info = der(0x30, &[der(0x30, &[algorithm.to_vec()]), der(0x03, &[vec![0], key])]);
            let digits: Vec<String> = Md5::digest(&info).iter().map(|byte| format!("{byte:02x}")).collect();
            Some(("rsa", digits.join(":")))
        }
        ("ssh-ed25519", [b"ssh-ed25519", point]) if point.len() == 32 => {
            Some(("ed25519", base64::encode(Sha256::digest(&blob))))
        }
        _ => None,
    }
}

/// One DER value.
pub(super) fn der(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    if content.len() < 128 {
        out.extend((content.len() as u8).to_be_bytes());
    } else {
        let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | length.len() as u8);
        out.extend(length);
    }
    out.extend(content);
    out
}

const FILTERS: &[Filter] = &[("fingerprint", "keyFingerprint"), ("key-name", "keyName"), ("key-pair-id", "keyPairId")];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let names = call.texts("KeyName");
    let pairs = &state.ec2.key_pairs;
    if let Some(name) = names.iter().find(|name| !pairs.values().any(|pair| pair.name == **name)) {
        return Err(missing(name));
    }
    let with_key = call.text("IncludePublicKey") == Some("true");
    let rows = pairs
        .iter()
        .filter(|(_, pair)| names.is_empty() || names.contains(&pair.name.as_str()))
        .map(|(id, pair)| {
            let row = json!({
                "keyPairId": id,
                "keyName": pair.name,
                "keyType": pair.key_type,
                "keyFingerprint": pair.fingerprint,
                "createTime": pair.created,
                "publicKey": with_key.then_some(&pair.public_key),
                "tagSet": state.ec2.tag_set(id),
            });
            (id.clone(), row)
        })
        .collect();
    let rows = filtered(call, FILTERS, pick(call, "KeyPairId", &KEY_PAIR, rows)?)?;
    Ok(json!({"keySet": rows.into_iter().map(|(_, row)| row).collect::<Vec<Value>>()}))
}

/// Deleting what is not there succeeds.
fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = match (call.text("KeyName"), call.text("KeyPairId")) {
        (None, None) => return Err(missing_parameter("KeyName")),
        (Some(name), _) => state.ec2.key_pairs.values().find(|pair| pair.name == name).map(|pair| &pair.key_pair_id),
        (None, Some(id)) => state.ec2.key_pairs.get(id).map(|pair| &pair.key_pair_id),
    };
    let id = id.cloned();
    if let Some(id) = &id {
        state.ec2.key_pairs.remove(id);
        state.ec2.tags.remove(id);
    }
    Ok(json!({"return": true, "keyPairId": id}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICE6PNytj4oWOZbP2mjTuD95KJz/hzPCgxROaT6Go3kI ops";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCyUH3rdwjnjYKuTQpKsC7LBC4jK0//r1mx3VR2tsAXD0UDWKMY8l3loX4VNcnfk2dRiGQjA749f/i8H3yVy+c7ORpIBG5q7jDximTlGt4ltXEGPUdK8Xh2w5ZTWr7rHjqXo/n1yzrrAG19ZzUNDoKkMO8Q5J50ohTJ9qF7nN29SjkRx6w2WaTGXPshSm/qlfiUCLfyZKacgIsslk71W2YREZClGcXtjJzBGJnkvMn1ubUeAyOi+B3KZnlWjZTn7gAHZWj42N3/GHjNr8mXtVlReKMwQBGn1aGUb7uTgLbVfsSQzxLqoiGsm9Ov7L8fdfMvwGFKXkt5UIs9YHc3iKVn ops";

    #[test]
    fn fingerprints_are_those_of_the_tools() {
        // Computed with `ssh-keygen -l` and `openssl rsa -pubin -outform DER | openssl md5 -c`.
        assert_eq!(fingerprint(ED25519), Some(("ed25519", "iKMiEtM5Ly+CA0xggSs/xKU56SsT60TpfFnpKUr+9X4=".to_owned())));
        assert_eq!(fingerprint(RSA), Some(("rsa", "6d:10:f0:a5:70:d1:7b:1f:e5:9f:d4:7e:c4:a4:2d:3e".to_owned())));
        assert_eq!(fingerprint("ssh-rsa AAAA"), None);
    }

    #[test]
    fn a_key_that_is_made_is_a_whole_pair() {
        let mut account = Account::new();
        let made = account.ok("CreateKeyPair", json!({"KeyName": "ops"}));
        let material = made["keyMaterial"].as_str().unwrap();
        assert!(material.starts_with("-----BEGIN RSA PRIVATE KEY-----\nMII"), "{material}");
        assert!(material.lines().all(|line| line.len() <= 64));
        let seen = account.ok("DescribeKeyPairs", json!({"KeyName": ["ops"], "IncludePublicKey": "true"}));
        let seen = &seen["keySet"][0];
        assert_eq!((&seen["keyFingerprint"], &seen["keyType"]), (&made["keyFingerprint"], &json!("rsa")));
        assert_eq!(made["keyFingerprint"].as_str().unwrap().len(), 59);
        assert_eq!(fingerprint(seen["publicKey"].as_str().unwrap()).unwrap().0, "rsa");
        assert_eq!(account.error("CreateKeyPair", json!({"KeyName": "ops"})).code, "InvalidKeyPair.Duplicate");
        let other = json!({"KeyName": "other", "KeyType": "ed25519"});
        assert_eq!(account.error("CreateKeyPair", other).code, "UnsupportedOperation");
    }

    #[test]
    fn import_describe_delete() {
        let mut account = Account::new();
        let input = json!({"KeyName": "ops", "PublicKeyMaterial": base64::encode(ED25519)});
        account.ok("ImportKeyPair", input.clone());
        assert_eq!(account.error("ImportKeyPair", input).code, "InvalidKeyPair.Duplicate");
        let junk = json!({"KeyName": "junk", "PublicKeyMaterial": base64::encode("hello")});
        assert_eq!(account.error("ImportKeyPair", junk).code, "InvalidKey.Format");
        let seen = account.ok("DescribeKeyPairs", json!({"KeyName": ["ops"], "IncludePublicKey": "true"}));
        assert_eq!(seen["keySet"][0]["publicKey"], ED25519);
        assert_eq!(account.ok("DescribeKeyPairs", json!({}))["keySet"][0]["publicKey"], Value::Null);
        account.ok("DeleteKeyPair", json!({"KeyName": "ops"}));
        account.ok("DeleteKeyPair", json!({"KeyName": "ops"}));
        assert_eq!(account.error("DescribeKeyPairs", json!({"KeyName": ["ops"]})).code, "InvalidKeyPair.NotFound");
    }
}
