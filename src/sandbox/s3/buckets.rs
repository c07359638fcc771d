//! Buckets: made, looked at, listed, deleted.

use std::collections::BTreeMap;

use aws_smithy_types::base64;
use serde_json::{Value, json};

use super::{Bucket, bucket, required};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// The region that needs no constraint, and whose endpoint makes buckets anywhere.
const FIRST_REGION: &str = "us-east-1";

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = required(call, "Bucket")?;
    check_name(name)?;
    let region = match call.text("LocationConstraint") {
        Some(wanted) if wanted != call.region && call.region != FIRST_REGION => {
            return Err(illegal_location(&format!("The {wanted} location constraint")));
        }
        Some(FIRST_REGION) => {
            let message = "The specified location-constraint is not valid";
            return Err(AwsError::invalid("InvalidLocationConstraint", message));
        }
        Some(wanted) => wanted,
        None if call.region != FIRST_REGION => {
            return Err(illegal_location("The unspecified location constraint"));
        }
        None => FIRST_REGION,
    };
    if let Some(bucket) = state.s3.buckets.get(name) {
        // The oldest region says nothing, as it always did.
        if bucket.region != FIRST_REGION || call.region != FIRST_REGION {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            let mut error = AwsError::new(409, "BucketAlreadyOwnedByYou", message);
            error.members = json!({"BucketName": name});
            return Err(error);
        }
    } else {
        let made = Bucket { region: region.to_owned(), created: call.now, objects: BTreeMap::new() };
        state.s3.buckets.insert(name.to_owned(), made);
    }
    Ok(json!({"Location": format!("/{name}")}))
}

fn illegal_location(what: &str) -> AwsError {
    let message = format!("{what} is incompatible for the region specific endpoint this request was sent to.");
    AwsError::invalid("IllegalLocationConstraintException", message)
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let is_end = |letter: Option<char>| letter.is_some_and(|one| one.is_ascii_lowercase() || one.is_ascii_digit());
    let is_inner = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || matches!(one, '.' | '-');
    let is_good = (3..=63).contains(&name.len())
        && name.chars().all(is_inner)
        && is_end(name.chars().next())
        && is_end(name.chars().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|start| name.starts_with(start))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end));
    if is_good {
        return Ok(());
    }
    let mut error = AwsError::invalid("InvalidBucketName", "The specified bucket is not valid.");
    error.members = json!({"BucketName": name});
    Err(error)
}

pub(super) fn head(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let region = bucket(state, call)?.region.clone();
    Ok(json!({"BucketRegion": region, "AccessPointAlias": "false"}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let most: usize = match call.text("MaxBuckets").map(str::parse) {
        None => 10_000,
        Some(Ok(most @ 1..=10_000)) => most,
        Some(_) => return Err(AwsError::invalid("InvalidArgument", "max-buckets must be between 1 and 10000")),
    };
    let prefix = call.text("Prefix").unwrap_or_default();
    let after = match call.text("ContinuationToken").map(base64::decode) {
        None => None,
        Some(Ok(name)) => Some(String::from_utf8_lossy(&name).into_owned()),
        Some(Err(_)) => return Err(bad_token()),
    };
    let wanted = call.text("BucketRegion");
    let mut found = state.s3.buckets.iter().filter(|(name, bucket)| {
        name.starts_with(prefix)
            && after.as_ref().is_none_or(|after| *name > after)
            && wanted.is_none_or(|region| region == bucket.region)
    });
    let page: Vec<(&String, &Bucket)> = found.by_ref().take(most).collect();
    let next = match (found.next(), page.last()) {
        (Some(_), Some((last, _))) => Some(base64::encode(last.as_bytes())),
        _ => None,
    };
    let shown: Vec<Value> = page
        .iter()
        .map(|(name, bucket)| {
            json!({"Name": name, "CreationDate": super::wire::time(bucket.created), "BucketRegion": bucket.region})
        })
        .collect();
    Ok(json!({
        "Owner": {"ID": super::objects::owner(state)},
        "Buckets": shown,
        "Prefix": call.text("Prefix"),
        "ContinuationToken": next,
    }))
}

pub(super) fn bad_token() -> AwsError {
    AwsError::invalid("InvalidArgument", "The continuation token provided is incorrect")
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    if !bucket(state, call)?.objects.is_empty() {
        let mut error = AwsError::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty");
        error.members = json!({"BucketName": call.text("Bucket")});
        return Err(error);
    }
    state.s3.buckets.remove(required(call, "Bucket")?);
    Ok(json!({}))
}
