//! Objects: written, read and deleted whole, under conditions on their ETag.

use std::collections::BTreeMap;

use md5::Md5;
use serde_json::{Map, Value, json};
use sha2::Digest as _;

use super::{Bucket, Content, Object, bucket, not_implemented, required, wire};
use crate::digest;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// In bytes, of UTF-8.
const LONGEST_KEY: usize = 1024;

pub(super) fn put(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let key = required(call, "Key")?;
    if key.len() > LONGEST_KEY {
        return Err(AwsError::invalid("KeyTooLongError", "Your key is too long"));
    }
    let content: Content = serde_json::from_value(call.input["Body"].clone()).unwrap_or(Content::Text(String::new()));
    let bucket = bucket(state, call)?;
    match call.text("IfNoneMatch") {
        Some("*") if bucket.objects.contains_key(key) => return Err(failed_precondition("If-None-Match")),
        Some("*") | None => {}
        Some(_) => {
            let mut error = not_implemented("A header you provided implies functionality that is not implemented");
            error.members = json!({"Header": "If-None-Match"});
            return Err(error);
        }
    }
    if let Some(wanted) = call.text("IfMatch") {
        let object = find(bucket, key)?;
        if !is_same(wanted, &object.etag) {
            return Err(failed_precondition("If-Match"));
        }
    }
    let etag = etag(&content);
    let texts = |member: &str| -> BTreeMap<String, String> {
        serde_json::from_value(call.input[member].clone()).unwrap_or_default()
    };
    let checksum = texts("Checksum").pop_first();
    let object = Object {
        content,
        etag: etag.clone(),
        modified: call.now,
        headers: texts("Headers"),
        metadata: texts("Metadata"),
        checksum: checksum.clone(),
    };
    bucket.objects.insert(key.to_owned(), object);
    let mut answer = json!({"ETag": etag});
    add_checksum(&mut answer, checksum.as_ref());
    Ok(answer)
}

fn etag(content: &Content) -> String {
    let digits: String = Md5::digest(content.bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

fn add_checksum(answer: &mut Value, checksum: Option<&(String, String)>) {
    if let Some((member, value)) = checksum {
        answer[member] = json!(value);
        answer["ChecksumType"] = json!("FULL_OBJECT");
    }
}

/// Whether a condition's ETag is this one; quotes do not matter.
fn is_same(wanted: &str, etag: &str) -> bool {
    wanted.trim_matches('"') == etag.trim_matches('"')
}

fn failed_precondition(header: &str) -> AwsError {
    let message = "At least one of the pre-conditions you specified did not hold";
    let mut error = AwsError::new(412, "PreconditionFailed", message);
    error.members = json!({"Condition": header});
    error
}

fn find<'a>(bucket: &'a Bucket, key: &str) -> Result<&'a Object, AwsError> {
    bucket.objects.get(key).ok_or_else(|| {
        let mut error = AwsError::new(404, "NoSuchKey", "The specified key does not exist.");
        error.members = json!({"Key": key});
        error
    })
}

pub(super) fn get(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let object = read(state, call)?;
    let mut answer = described(object, call);
    answer["Body"] = serde_json::to_value(&object.content).unwrap_or_default();
    Ok(answer)
}

pub(super) fn head(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    read(state, call).map(|object| described(object, call))
}

fn read<'a>(state: &'a mut State, call: &Call) -> Result<&'a Object, AwsError> {
    let object = find(bucket(state, call)?, required(call, "Key")?)?;
    if call.text("IfMatch").is_some_and(|wanted| wanted != "*" && !is_same(wanted, &object.etag)) {
        return Err(failed_precondition("If-Match"));
    }
    if call.text("IfNoneMatch").is_some_and(|known| known == "*" || is_same(known, &object.etag)) {
        return Err(AwsError::new(304, "NotModified", "Not Modified"));
    }
    Ok(object)
}

fn described(object: &Object, call: &Call) -> Value {
    let mut answer = json!({
        "ETag": object.etag,
        "LastModified": wire::http_date(object.modified),
        "ContentLength": object.content.bytes().len().to_string(),
        "ContentType": "binary/octet-stream",
        "AcceptRanges": "bytes",
        "Metadata": object.metadata,
    });
    if let Some(answer) = answer.as_object_mut() {
        let said = object.headers.iter().map(|(member, value)| (member.clone(), json!(value)));
        answer.extend(said.collect::<Map<_, _>>());
    }
    if call.text("ChecksumMode") == Some("ENABLED") {
        add_checksum(&mut answer, object.checksum.as_ref());
    }
    answer
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let key = required(call, "Key")?;
    let bucket = bucket(state, call)?;
    if let Some(wanted) = call.text("IfMatch") {
        let object = find(bucket, key)?;
        if wanted != "*" && !is_same(wanted, &object.etag) {
            return Err(failed_precondition("If-Match"));
        }
    }
    bucket.objects.remove(key);
    Ok(json!({}))
}

/// The canonical id of the account, which S3 shows owners by.
pub(super) fn owner(state: &State) -> String {
    digest::hex(&format!("canonical {}", state.world.account))
}
