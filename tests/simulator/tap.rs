//! The wire between a process and AWS: it sees every call, takes its time, and is where a process dies.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use percent_encoding::percent_decode_str;
use tokio_util::sync::CancellationToken;

/// A call as it went over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    /// As in IAM's actions: `ec2:CreateVpc`.
    pub(crate) operation: String,
    /// Form or JSON, without percent signs.
    pub(crate) body: String,
    /// What was answered; none when nothing was.
    pub(crate) status: Option<u16>,
    pub(crate) answer: String,
}

impl Called {
    pub(crate) fn is_change(&self) -> bool {
        is_change(&self.operation)
    }
}

/// Whether an operation changes something that is declared, by its name. What is in S3 is the lease.
pub(crate) fn is_change(operation: &str) -> bool {
    if operation.starts_with("s3:") {
        return false;
    }
    let name = operation.rsplit(':').next().unwrap_or_default();
    !["Describe", "List", "Get", "Head"].iter().any(|verb| name.starts_with(verb))
}

/// On which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It does not reach AWS.
    Before,
    /// AWS carries it out, and nobody learns of it.
    After,
}

/// What befalls a process at one of its changing calls, counted from zero.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Lives,
    Dies(usize, Side),
    /// It is told to stop.
    Stops(usize),
}

/// The wire of one process.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    below: SharedHttpClient,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fate: Fate,
    /// How long a call is on its way, in milliseconds each way.
    way: Range<u64>,
    state: Mutex<State>,
    dead: CancellationToken,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    changes: usize,
    calls: Vec<Called>,
}

impl Tap {
    pub(crate) fn new(below: SharedHttpClient, fate: Fate, way: Range<u64>) -> Self {
        let (dead, stop) = (CancellationToken::new(), CancellationToken::new());
        Self { below, shared: Arc::new(Shared { fate, way, state: Mutex::default(), dead, stop }) }
    }

    /// Cancelled when the process dies.
    pub(crate) fn dead(&self) -> &CancellationToken {
        &self.shared.dead
    }

    /// Cancelled when the process is told to stop.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.shared.stop
    }

    pub(crate) fn calls(&self) -> Vec<Called> {
        self.shared.state.lock().unwrap().calls.clone()
    }
}

impl HttpClient for Tap {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let below = self.below.http_connector(settings, components);
        SharedHttpConnector::new(Wire { below, shared: Arc::clone(&self.shared) })
    }
}

#[derive(Debug, Clone)]
struct Wire {
    below: SharedHttpConnector,
    shared: Arc<Shared>,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { below, shared } = self.clone();
        HttpConnectorFuture::new(async move {
            shared.travel().await?;
            let called = describe(&request);
            let (entry, change) = {
                let mut state = shared.state.lock().unwrap();
                let change = called.is_change().then_some(state.changes);
                state.changes += usize::from(change.is_some());
                state.calls.push(called);
                (state.calls.len() - 1, change)
            };
            let meets = |fate: usize| change == Some(fate);
            match shared.fate {
                Fate::Dies(at, Side::Before) if meets(at) => shared.die().await,
                Fate::Stops(at) if meets(at) => shared.stop.cancel(),
                _ => {}
            }
            let answer = below.call(request).await;
            if let Ok(answer) = &answer {
                let called = &mut shared.state.lock().unwrap().calls[entry];
                called.status = Some(answer.status().as_u16());
                called.answer = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default()).into_owned();
            }
            if matches!(shared.fate, Fate::Dies(at, Side::After) if meets(at)) {
                shared.die().await;
            }
            shared.travel().await?;
            answer
        })
    }
}

impl Shared {
    /// Nothing of what is under way when the process dies arrives.
    async fn travel(&self) -> Result<(), ConnectorError> {
        if !self.way.is_empty() {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(self.way.clone()))).await;
        }
        if self.dead.is_cancelled() { Err(ConnectorError::user("the process is dead".into())) } else { Ok(()) }
    }

    async fn die(&self) {
        self.dead.cancel();
        std::future::pending::<()>().await;
    }
}

/// What a request asks for.
pub(crate) fn describe(request: &HttpRequest) -> Called {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let scope = request.headers().get("authorization").and_then(|header| header.split_once("Credential="));
    let service = scope.and_then(|(_, scope)| scope.split('/').nth(3)).unwrap_or_default();
    let service = if service == "tagging" { "tag" } else { service };
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next());
    let name = target.or(action).map_or_else(|| of_storage(request), str::to_owned);
    let body = percent_decode_str(&body.replace('+', " ")).decode_utf8_lossy().into_owned();
    Called { operation: format!("{service}:{name}"), body, status: None, answer: String::new() }
}

/// S3 knows methods and paths alone.
fn of_storage(request: &HttpRequest) -> String {
    match request.method() {
        "GET" => "GetObject",
        "HEAD" => "HeadObject",
        "PUT" => "PutObject",
        "DELETE" => "DeleteObject",
        _ => "PostObject",
    }
    .to_owned()
}
