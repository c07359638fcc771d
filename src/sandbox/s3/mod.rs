//! S3: buckets, and objects that are read and written whole, with conditions; without versions, access lists, copies and
//! parts.
//!
//! Requests and answers are paths, headers and bodies here: [`wire`] turns them into calls and back. A bucket is in the
//! region that it was made in, whichever the sandbox's is.

mod buckets;
mod checksums;
mod chunked;
mod listing;
mod objects;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) use self::wire::{decode, encode, encode_error};
use super::Operation;
use super::state::State;
use super::wire::{AwsError, Call};

/// Everything that exists in S3.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct S3 {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bucket {
    region: String,
    created: Timestamp,
    /// By key, in the order in which S3 lists them.
    objects: BTreeMap<String, Object>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Object {
    content: Content,
    /// In quotes.
    etag: String,
    modified: Timestamp,
    /// What its writer said of it, by the member that says it: `ContentType`.
    headers: BTreeMap<String, String>,
    /// The writer's own, by name.
    metadata: BTreeMap<String, String>,
    /// The checksum that it was written with, as `ChecksumCRC32`.
    checksum: Option<(String, String)>,
}

/// What an object holds. Text is kept as text, so that people can read it in the sandbox's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Content {
    Text(String),
    /// In base64.
    Binary(String),
}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("CreateBucket", buckets::create),
    ("HeadBucket", buckets::head),
    ("ListBuckets", buckets::list),
    ("DeleteBucket", buckets::delete),
    ("PutObject", objects::put),
    ("GetObject", objects::get),
    ("HeadObject", objects::head),
    ("DeleteObject", objects::delete),
    ("ListObjectsV2", listing::list),
];

impl Content {
    fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Binary(aws_smithy_types::base64::encode(bytes)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Binary(encoded) => aws_smithy_types::base64::decode(encoded).unwrap_or_default(),
        }
    }
}

fn not_implemented(message: impl Into<String>) -> AwsError {
    AwsError::new(501, "NotImplemented", message)
}

fn required<'a>(call: &'a Call, member: &str) -> Result<&'a str, AwsError> {
    call.text(member).ok_or_else(|| AwsError::invalid("InvalidRequest", format!("Missing {member}")))
}

/// The bucket that a call names, when the caller may have it in the region that the request was signed for.
fn bucket<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut Bucket, AwsError> {
    let name = required(call, "Bucket")?;
    let is_other_owner = call.text("ExpectedBucketOwner").is_some_and(|owner| owner != state.world.account);
    let Some(bucket) = state.s3.buckets.get_mut(name) else {
        let mut error = AwsError::new(404, "NoSuchBucket", "The specified bucket does not exist");
        error.members = json!({"BucketName": name});
        return Err(error);
    };
    if is_other_owner {
        return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
    }
    if bucket.region != call.region {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                       send all future requests to this endpoint.";
        let mut error = AwsError::new(301, "PermanentRedirect", message);
        let endpoint = format!("{name}.s3.{}.amazonaws.com", bucket.region);
        error.members = json!({"Endpoint": endpoint, "Bucket": name, wire::BUCKET_REGION: bucket.region});
        return Err(error);
    }
    Ok(bucket)
}
