//! Machines that share a sandbox and have a clock, a disk and a line to S3 of their own, in virtual time.

mod holding;
mod record;
mod told;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::*;
use crate::address::Address;
use crate::sandbox::Sandbox;
use crate::sandbox::client::SandboxClient;
use crate::sandbox::world::World;

const BUCKET: &str = "leases";
const KEY: &str = "farpost/store-17.lease";

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mishap {
    /// It does not arrive.
    Reset,
    /// It is carried out, and the answer does not arrive.
    Lost,
    /// It is carried out, and nothing is heard of it.
    Silence,
    /// S3 answers this.
    Answer(u16, &'static str),
}

/// A line to S3.
#[derive(Debug, Clone)]
struct Line {
    sandbox: SandboxClient,
    /// By method.
    mishaps: Arc<Mutex<VecDeque<(&'static str, Mishap)>>>,
    is_cut: Arc<Mutex<bool>>,
}

impl HttpClient for Line {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let reset = || HttpConnectorFuture::ready(Err(ConnectorError::io("connection reset".into())));
        if *self.is_cut.lock().unwrap() {
            return reset();
        }
        let mut mishaps = self.mishaps.lock().unwrap();
        let place = mishaps.iter().position(|(method, _)| *method == request.method());
        let mishap = place.and_then(|place| mishaps.remove(place)).map(|(_, mishap)| mishap);
        match mishap {
            None => self.sandbox.call(request),
            Some(Mishap::Reset) => reset(),
            Some(Mishap::Lost) => {
                let carried_out = self.sandbox.call(request);
                HttpConnectorFuture::new(async move {
                    carried_out.await?;
                    Err(ConnectorError::io("connection reset".into()))
                })
            }
            Some(Mishap::Silence) => {
                let carried_out = self.sandbox.call(request);
                HttpConnectorFuture::new(async move {
                    carried_out.await?;
                    std::future::pending().await
                })
            }
            Some(Mishap::Answer(status, code)) => {
                let body = SdkBody::from(format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>"));
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body)))
            }
        }
    }
}

/// An account, and what all machines share.
struct Account {
    sandbox: Arc<Sandbox>,
    begun: Instant,
}

/// A machine with a disk and a line of its own.
#[derive(Clone)]
struct Machine {
    folder: Arc<tempfile::TempDir>,
    line: Line,
    /// What its wall clock says more than others'.
    ahead: Arc<Mutex<Duration>>,
    begun: Instant,
    said: Arc<Mutex<Vec<String>>>,
}

impl Account {
    async fn new() -> Self {
        let account = Self { sandbox: Arc::new(Sandbox::in_memory(World::default())), begun: Instant::now() };
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
        let create = account.machine().s3().create_bucket().bucket(BUCKET).create_bucket_configuration(place.build());
        create.send().await.unwrap();
        account
    }

    fn machine(&self) -> Machine {
        Machine {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            line: Line {
                sandbox: SandboxClient::new(Arc::clone(&self.sandbox)),
                mishaps: Arc::default(),
                is_cut: Arc::default(),
            },
            ahead: Arc::default(),
            begun: self.begun,
            said: Arc::default(),
        }
    }

    fn calls(&self, operation: &str) -> u64 {
        self.sandbox.calls().get(operation).copied().unwrap_or_default()
    }

    /// What the object says.
    async fn object(&self) -> Value {
        let answer = self.machine().s3().get_object().bucket(BUCKET).key(KEY).send().await.unwrap();
        serde_json::from_slice(&answer.body.collect().await.unwrap().into_bytes()).unwrap()
    }
}

impl Machine {
    fn s3(&self) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-west-2"))
            .credentials_provider(Credentials::new("A", "B", None, None, "test"))
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .http_client(SharedHttpClient::new(self.line.clone()));
        Client::from_conf(config.build())
    }

    fn lease(&self, patience: u64) -> Lease {
        let (ahead, begun) = (Arc::clone(&self.ahead), self.begun);
        let start = Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let said = Arc::clone(&self.said);
        Lease {
            place: Place { account: "123456789012".into(), region: "us-west-2".into(), stack: "store-17".into() },
            world: String::new(),
            folder: self.folder.path().to_owned(),
            object: Some(LeasePlace { bucket: BUCKET.into(), key: KEY.into(), owner: "123456789012".into() }),
            patience: Duration::from_secs(patience),
            clock: Arc::new(move || start + begun.elapsed() + *ahead.lock().unwrap()),
            say: Arc::new(move |line| said.lock().unwrap().push(line.to_owned())),
        }
    }

    async fn take(&self, patience: u64) -> Result<Held, NotTaken> {
        self.lease(patience).acquire(&self.s3()).await
    }

    /// Takes the lock only.
    async fn lock(&self, patience: u64) -> Result<Held, NotTaken> {
        Lease { object: None, ..self.lease(patience) }.acquire(&self.s3()).await
    }

    fn mishap(&self, method: &'static str, mishap: Mishap) {
        self.line.mishaps.lock().unwrap().push_back((method, mishap));
    }

    fn cut(&self, is_cut: bool) {
        *self.line.is_cut.lock().unwrap() = is_cut;
    }

    /// The mishaps that did not happen.
    fn left(&self) -> usize {
        self.line.mishaps.lock().unwrap().len()
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

async fn seconds(number: u64) {
    sleep(Duration::from_secs(number)).await;
}

fn addresses(unfinished: &BTreeMap<Address, Begun>) -> Vec<String> {
    unfinished.keys().map(ToString::to_string).collect()
}
