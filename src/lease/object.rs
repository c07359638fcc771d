//! The object in S3: looked at, and written under a condition. The SDK repeats nothing here; who asks looks first.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::record::Record;
use super::trouble::Trouble;
use crate::aws::{Cause, Fault, fault};
use crate::desired::LeasePlace;

/// How long one call may take. A renewal has to fit in several times.
const ATTEMPT: Duration = Duration::from_secs(6);

/// Larger than any lease.
const LARGEST: i64 = 1024 * 1024;

const GET: &str = "s3:GetObject";
const PUT: &str = "s3:PutObject";

/// Where a lease is, or is to be.
#[derive(Debug, Clone)]
pub(super) struct Object {
    s3: Client,
    pub(super) place: LeasePlace,
}

/// What has to be true for a write to happen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'a> {
    Absent,
    Unchanged(&'a str),
}

/// What became of a write.
#[derive(Debug)]
pub(super) enum Written {
    /// It is there, under this ETag.
    Yes(String),
    /// The condition did not hold, or somebody wrote at the same moment.
    No,
    /// There was no answer that says so: it may be there, or still come.
    Unknown(Fault),
    /// It was refused.
    Refused(Trouble),
}

/// What is there.
#[derive(Debug)]
pub(super) enum Seen {
    Nothing,
    Lease(Box<Record>, String),
    /// Something else is.
    Other,
    /// There was no usable answer, and may be one later.
    Unknown(Fault),
    Refused(Trouble),
}

impl Object {
    pub(super) fn new(s3: Client, place: LeasePlace) -> Self {
        Self { s3, place }
    }

    pub(super) async fn write(&self, record: &Record, condition: Condition<'_>) -> Written {
        let call = self.s3.put_object().bucket(&self.place.bucket).key(&self.place.key);
        let call = call.expected_bucket_owner(&self.place.owner).content_type("application/json");
        let call = match condition {
            Condition::Absent => call.if_none_match("*"),
            Condition::Unchanged(etag) => call.if_match(etag),
        };
        let call = call.body(ByteStream::from(record.text().into_bytes()));
        let error = match tokio::time::timeout(ATTEMPT, call.send()).await {
            Ok(Ok(answer)) => match answer.e_tag {
                Some(etag) => return Written::Yes(etag),
                None => return Written::Unknown(no_answer(PUT, "the answer has no ETag")),
            },
            Ok(Err(error)) => error,
            Err(_) => return Written::Unknown(no_answer(PUT, "no answer in time")),
        };
        let answer = Answer::of(&error);
        let fault = fault(PUT)(error);
        match answer.status {
            Some(412 | 409) => Written::No,
            Some(404) if fault.code == "NoSuchKey" => Written::No,
            _ if answer.may_pass(&fault) => Written::Unknown(fault),
            _ => Written::Refused(self.trouble(answer, fault).await),
        }
    }

    pub(super) async fn look(&self) -> Seen {
        match tokio::time::timeout(ATTEMPT, self.get(true)).await {
            Ok(Ok(Some((bytes, etag)))) => match Record::parse(&bytes) {
                Some(record) => Seen::Lease(Box::new(record), etag),
                None => Seen::Other,
            },
            Ok(Ok(None)) => Seen::Other,
            Ok(Err(error)) => {
                let answer = Answer::of(&error);
                let fault = fault(GET)(error);
                match fault.code.as_str() {
                    "NoSuchKey" => Seen::Nothing,
                    _ if answer.may_pass(&fault) => Seen::Unknown(fault),
                    _ => Seen::Refused(self.trouble(answer, fault).await),
                }
            }
            Err(_) => Seen::Unknown(no_answer(GET, "no answer in time")),
        }
    }

    /// The bytes of the object and its ETag; none when it is far too large for a lease.
    async fn get(&self, as_owner: bool) -> Result<Option<(Vec<u8>, String)>, SdkError<GetObjectError, HttpResponse>> {
        let owner = as_owner.then(|| self.place.owner.clone());
        let call = self.s3.get_object().bucket(&self.place.bucket).key(&self.place.key);
        let answer = call.set_expected_bucket_owner(owner).send().await?;
        let etag = answer.e_tag.clone().unwrap_or_default();
        if answer.content_length().is_some_and(|length| length > LARGEST) {
            return Ok(None);
        }
        // A body that is cut off is an answer that did not come.
        let body = answer.body.collect().await.map_err(SdkError::timeout_error)?;
        Ok(Some((body.to_vec(), etag)))
    }

    /// Says why a call was refused. Whether a bucket is somebody else's, S3 does not tell from a missing permission: it
    /// is asked once more, without saying whose it should be.
    async fn trouble(&self, answer: Answer, fault: Fault) -> Trouble {
        let is_denied = answer.status == Some(403) && fault.code == "AccessDenied";
        let mut is_others = false;
        if is_denied {
            let again = tokio::time::timeout(ATTEMPT, self.get(false)).await;
            is_others = match again {
                Ok(Ok(_)) => true,
                Ok(Err(error)) => error.code().is_some_and(|code| code == "NoSuchKey"),
                Err(_) => false,
            };
        }
        match (answer.region, fault.code.as_str()) {
            (_, "NoSuchBucket") => Trouble::NoBucket(fault),
            (Some(region), _) if answer.status.is_some_and(|status| status != 403) => Trouble::Region(region, fault),
            _ if is_others => Trouble::Owner(fault),
            _ if is_denied => Trouble::Denied(fault),
            _ => Trouble::Fault(fault),
        }
    }
}

fn no_answer(operation: &'static str, message: &str) -> Fault {
    Fault::found(operation, Cause::NoAnswer, message)
}

/// What an answer says besides its code.
#[derive(Debug, Clone)]
struct Answer {
    status: Option<u16>,
    region: Option<String>,
}

impl Answer {
    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self {
        let response = error.raw_response();
        let region = response.and_then(|response| response.headers().get("x-amz-bucket-region"));
        Self { status: response.map(|response| response.status().as_u16()), region: region.map(str::to_owned) }
    }

    /// Whether the same call can have another answer in a moment.
    fn may_pass(&self, fault: &Fault) -> bool {
        match self.status {
            None => fault.cause != Cause::Credentials,
            // NotImplemented.
            Some(501) => false,
            Some(200..=299 | 429 | 500..) => true,
            Some(_) => ["RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "OperationAborted"]
                .contains(&fault.code.as_str()),
        }
    }
}
