//! Objects of a bucket by key, in pages, with what is below a delimiter as one.

use aws_smithy_types::base64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{bucket, buckets, objects, wire};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const LARGEST_PAGE: usize = 1000;

/// What S3 leaves as it is where it was asked to encode keys.
const KEYS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    if call.text("ListType") != Some("2") {
        return Err(super::not_implemented("the sandbox lists objects with list-type=2 only"));
    }
    let most = match call.text("MaxKeys").map(str::parse::<usize>) {
        None => LARGEST_PAGE,
        Some(Ok(most)) => most.min(LARGEST_PAGE),
        Some(Err(_)) => {
            let message = "Provided max-keys not an integer or within integer range";
            return Err(AwsError::invalid("InvalidArgument", message));
        }
    };
    let is_encoded = match call.text("EncodingType") {
        None => false,
        Some("url") => true,
        Some(_) => {
            return Err(AwsError::invalid("InvalidArgument", "Invalid Encoding Method specified in Request"));
        }
    };
    let after = match call.text("ContinuationToken").map(base64::decode) {
        Some(Ok(marker)) => String::from_utf8_lossy(&marker).into_owned(),
        Some(Err(_)) => return Err(buckets::bad_token()),
        None => call.text("StartAfter").unwrap_or_default().to_owned(),
    };
    let (prefix, delimiter) = (call.text("Prefix").unwrap_or_default(), call.text("Delimiter").unwrap_or_default());
    let owner = (call.text("FetchOwner") == Some("true")).then(|| objects::owner(state));
    let show = |text: &str| match is_encoded {
        true => utf8_percent_encode(text, KEYS).to_string(),
        false => text.to_owned(),
    };
    let (mut contents, mut groups, mut last, mut is_truncated) = (Vec::new(), Vec::new(), String::new(), false);
    for (key, object) in &bucket(state, call)?.objects {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let group = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let name = group.map_or(key.as_str(), |end| &key[..prefix.len() + end + delimiter.len()]);
        if *name <= *after || name == last {
            continue;
        }
        if contents.len() + groups.len() == most {
            is_truncated = true;
            break;
        }
        last = name.to_owned();
        if group.is_some() {
            groups.push(json!({"Prefix": show(name)}));
            continue;
        }
        contents.push(json!({
            "Key": show(name),
            "LastModified": wire::time(object.modified),
            "ETag": object.etag,
            "Size": object.content.bytes().len(),
            "Owner": owner.as_ref().map(|id| json!({"ID": id})),
            "StorageClass": "STANDARD",
        }));
    }
    // A page of nothing has no place to go on from.
    is_truncated &= most > 0;
    Ok(json!({
        "Name": call.text("Bucket"),
        "Prefix": show(prefix),
        "Delimiter": call.text("Delimiter").map(show),
        "StartAfter": call.text("StartAfter").map(show),
        "ContinuationToken": call.text("ContinuationToken"),
        "NextContinuationToken": is_truncated.then(|| base64::encode(last.as_bytes())),
        "KeyCount": contents.len() + groups.len(),
        "MaxKeys": most,
        "EncodingType": call.text("EncodingType"),
        "IsTruncated": is_truncated,
        "Contents": contents,
        "CommonPrefixes": groups,
    }))
}
