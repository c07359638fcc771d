//! What every call that changes something goes through: the right to write, and the record of what was written.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::count::operation;
use super::fault::of_answer;
use crate::address::Address;
use crate::lease::Held;

tokio::task_local! {
    /// The object that calls are made for.
    static OBJECT: Address;
}

/// Makes the calls of `work` in the name of an object, for the audit.
pub async fn in_the_name_of<F: Future>(address: Address, work: F) -> F::Output {
    OBJECT.scope(address, work).await
}

/// How the operations begin that change nothing.
const READS: &[&str] = &["BatchGet", "Describe", "Get", "Head", "List", "Search", "Simulate"];

/// Whether an operation (`ec2:CreateVpc`) changes something in AWS.
pub fn is_write(operation: &str) -> bool {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    !READS.iter().any(|verb| name.starts_with(verb))
}

/// Of a call that was not sent: nothing to record.
#[derive(Debug)]
struct Unsent;

impl Storable for Unsent {
    type Storer = StoreReplace<Self>;
}

/// The right to write was lost.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct MayNot(pub(super) String);

/// Stands before every write.
#[derive(Debug, Clone, Default)]
pub(super) struct Writes {
    held: Arc<Mutex<Option<Held>>>,
    audit: Arc<Mutex<Option<Audit>>>,
}

impl Writes {
    pub(super) fn only_while(&self, held: Held) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }

    pub(super) fn held(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn record(&self, audit: Audit) {
        *self.audit.lock().unwrap_or_else(PoisonError::into_inner) = Some(audit);
    }
}

/// The lease keeps itself.
fn is_guarded(call: &str) -> bool {
    is_write(call) && !call.starts_with("s3:")
}

#[dyn_dispatch_hint]
impl Intercept for Writes {
    fn name(&self) -> &'static str {
        "Writes"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !operation(config).is_some_and(|call| is_guarded(&call)) {
            return Ok(());
        }
        match self.held().map(|held| held.check()) {
            Some(Err(lost)) => {
                config.interceptor_state().store_put(Unsent);
                Err(MayNot(format!("not sent: {lost}")).into())
            }
            Some(Ok(())) | None => Ok(()),
        }
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(audit) = audit.as_mut() else { return Ok(()) };
        let Some(operation) = operation(config).filter(|call| is_write(call)) else { return Ok(()) };
        if config.load::<Unsent>().is_some() {
            return Ok(());
        }
        let failed = matches!(context.output_or_error(), Some(Err(_)));
        let response = context.response();
        let (outcome, code) = match response.map(of_answer) {
            None => (AuditOutcome::NoAnswer, None),
            Some(_) if !failed => (AuditOutcome::Done, None),
            Some((code, _)) if code.is_empty() => (AuditOutcome::NoAnswer, None),
            Some((code, _)) => (AuditOutcome::Refused, Some(code)),
        };
        let line = AuditLine {
            time: Timestamp::now(),
            operation,
            resource: OBJECT.try_with(Clone::clone).ok(),
            outcome,
            code,
            request_id: response.and_then(request_id),
            attempt: config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts),
        };
        audit.write(&line);
        Ok(())
    }
}

/// AWS's id of the request, for support: a header, or in the XML of the answer.
fn request_id(response: &HttpResponse) -> Option<String> {
    let header = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| response.headers().get(*name));
    let in_body = || {
        let body = std::str::from_utf8(response.body().bytes()?).ok()?;
        let (_, rest) = body.split_once("<requestId>").or_else(|| body.split_once("<RequestId>"))?;
        rest.split_once('<').map(|(id, _)| id)
    };
    header.or_else(in_body).map(str::to_owned)
}

/// How a call that changes something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AuditOutcome {
    Done,
    Refused,
    /// Whether it was carried out is not known.
    NoAnswer,
}

/// One attempt at a call that changes something. No values that were sent or answered are in it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// When it ended.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// `ec2:CreateVpc`.
    pub operation: String,
    /// The declared object that it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Address>,
    pub outcome: AuditOutcome,
    /// AWS's error code, when it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// 1 is the first.
    pub attempt: u32,
}

/// A file that calls are recorded in, a JSON object a line; what it holds already stays.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: File,
    has_failed: bool,
}

impl Audit {
    /// Opens a file to be appended to; in a directory, one named after the stack and the time.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path, stack: &str, now: Timestamp) -> io::Result<Self> {
        let path = match path.is_dir() {
            true => path.join(format!("{stack}-{}.jsonl", now.strftime("%Y%m%dT%H%M%SZ"))),
            false => path.to_owned(),
        };
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok(Self { path, file, has_failed: false })
    }

    /// One write for a line, so that runs may share a file. A full disk is said once, and stops nothing.
    fn write(&mut self, line: &AuditLine) {
        let text = serde_json::to_string(line).map_err(io::Error::other);
        let written = text.and_then(|text| self.file.write_all(format!("{text}\n").as_bytes()));
        if let Err(error) = written
            && !self.has_failed
        {
            self.has_failed = true;
            tracing::warn!("the audit is incomplete: {} cannot be written: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_smithy_runtime_api::client::http::SharedHttpClient;

    use super::*;
    use crate::aws::{Access, Aws, Cause, Patience, fault};
    use crate::kinds::Place;
    use crate::lease::Lease;
    use crate::sandbox::Sandbox;
    use crate::sandbox::client::SandboxClient;
    use crate::sandbox::world::World;

    #[tokio::test]
    async fn writes_need_the_right_and_are_recorded() {
        let sandbox = Arc::new(Sandbox::in_memory(World::default()));
        let http = SharedHttpClient::new(SandboxClient::new(Arc::clone(&sandbox)));
        let access = Access { region: Some("us-west-2".to_owned()), ..Access::default() };
        let aws = Aws::connect(&access, Some(http), Patience::SANDBOX).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        aws.record(Audit::open(folder.path(), "edge", Timestamp::UNIX_EPOCH).unwrap());
        let lease = Lease {
            place: Place { account: "123456789012".into(), region: "us-west-2".into(), stack: "edge".into() },
            world: String::new(),
            folder: folder.path().join("locks"),
            object: None,
            patience: Duration::ZERO,
            clock: Arc::new(Timestamp::now),
            say: Arc::new(|_| {}),
        };
        let held = lease.acquire(aws.s3()).await.unwrap();
        aws.write_as(held.clone());

        let vpc = Address::new("Vpc", "edge");
        let create = || aws.ec2().create_vpc().cidr_block("10.0.0.0/16").send();
        in_the_name_of(vpc, async { create().await.unwrap() }).await;
        aws.ec2().create_vpc().cidr_block("nonsense").send().await.unwrap_err();
        aws.ec2().describe_vpcs().send().await.unwrap();
        held.release().await.unwrap();
        let fault = create().await.map_err(fault("ec2:CreateVpc")).unwrap_err();
        assert_eq!(fault.cause, Cause::MayNotWrite);
        assert!(fault.message.contains("the lease was given up"), "{fault}");
        let left = aws.ec2().describe_vpcs().send().await.unwrap();
        assert_eq!(left.vpcs().iter().filter(|vpc| vpc.is_default() != Some(true)).count(), 1);

        let text = std::fs::read_to_string(folder.path().join("edge-19700101T000000Z.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<(&str, Option<&str>)> =
            lines.iter().map(|line| (line["outcome"].as_str().unwrap(), line["resource"].as_str())).collect();
        assert_eq!(told, [("done", Some("Vpc/edge")), ("refused", None)]);
        assert!(lines[0]["requestId"].is_string(), "{text}");
    }
}
