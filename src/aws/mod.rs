//! What all kinds share when they call AWS: clients, faults, counting, patience.
//!
//! A function that may touch AWS takes [`&Aws`](Aws); one that cannot, must not. Below the clients is one seam,
//! the SDK's HTTP client: the network, the sandbox, or a recorder. Every client counts its calls, repeats what failed by
//! one policy (`repeat`), and passes what changes something through one gate (`write`).

mod count;
mod deployments;
pub mod ec2;
pub mod ecs;
mod fault;
mod not_yet;
mod repeat;
mod services;
mod whole;
mod write;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::count::CountCalls;
pub use self::count::Counts;
pub use self::deployments::{Awaited, Deployments, Told, Which};
pub use self::fault::{Cause, Fault, fault, told};
use self::repeat::Repeat;
pub use self::repeat::is_looked_for;
pub use self::services::Services;
use self::whole::Whole;
use self::write::Writes;
pub use self::write::{Audit, AuditLine, AuditOutcome, in_the_name_of, is_write};
use crate::lease::{Begun, Held};

/// How long one attempt may take. Control-plane calls answer within a second; an Outpost's link may be slow.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Where and as whom to call.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
}

/// Whose the credentials are.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: String,
    pub arn: String,
}

/// An account and region of AWS, ready to be called.
#[derive(Debug)]
pub struct Aws {
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'static str,
    /// How long to wait between looks at something that takes time.
    pub patience: Patience,
    counts: CountCalls,
    writes: Writes,
    run: Mutex<String>,
    /// Objects whose creation an earlier run began, and how that run was called.
    resumed: Mutex<BTreeMap<String, String>>,
    last_create: Mutex<Option<Instant>>,
    /// When something was seen that another run had just created.
    last_new: Mutex<Option<Instant>>,
    /// Cancelled when the run is told to stop.
    stop: Mutex<CancellationToken>,
    ec2: aws_sdk_ec2::Client,
    ecs: aws_sdk_ecs::Client,
    iam: aws_sdk_iam::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    secrets: aws_sdk_secretsmanager::Client,
    ssm: aws_sdk_ssm::Client,
    sts: aws_sdk_sts::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    services: Services,
    deployments: Deployments,
}

/// How long to wait between looks at something that takes time.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub first: Duration,
    pub longest: Duration,
    /// How long answers may lag behind a change: for so long something that may have been made is looked for before it
    /// is made again.
    pub settles: Duration,
}

impl Patience {
    /// For AWS: seconds.
    pub const AWS: Self =
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(10), settles: Duration::from_secs(60) };
    /// For a sandbox, whose time runs faster.
    pub const SANDBOX: Self = Self {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(200),
        settles: Duration::from_millis(300),
    };

    /// The pause before look number `look`, counted from zero.
    pub fn pause(&self, look: u32) -> Duration {
        self.first.mul_f64(1.5_f64.powi(i32::try_from(look).unwrap_or(30).min(30))).min(self.longest)
    }
}

impl Aws {
    /// Finds region and credentials as the AWS CLI does and prepares the clients. Nothing is called yet.
    ///
    /// # Errors
    /// No region.
    pub async fn connect(access: &Access, http: Option<SharedHttpClient>, patience: Patience) -> Result<Self, Fault> {
        let config = sdk_config(access, http).await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(Fault::found(
                "sts:GetCallerIdentity",
                Cause::Invalid,
                "no AWS region is set; pass --region or set AWS_REGION",
            ));
        };
        let (counts, writes) = (CountCalls::default(), Writes::default());
        // Of its own: one in all the process would let one run use up what another may repeat.
        let partition_of_repeats = RetryPartition::custom(run_name()).token_bucket(TokenBucket::unlimited()).build();
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::config::Builder::from(&config)
                        .interceptor(counts.clone())
                        .interceptor(writes.clone())
                        .interceptor(Repeat)
                        .interceptor(Whole)
                        .retry_classifier(Repeat)
                        .retry_partition(partition_of_repeats.clone())
                        .build(),
                )
            };
        }
        let ecs = client!(aws_sdk_ecs);
        Ok(Self {
            partition: partition(&region),
            region,
            patience,
            run: Mutex::new(run_name()),
            resumed: Mutex::default(),
            last_create: Mutex::new(None),
            last_new: Mutex::new(None),
            stop: Mutex::default(),
            ec2: client!(aws_sdk_ec2),
            services: Services::new(ecs.clone(), patience.first / 2),
            ecs,
            iam: client!(aws_sdk_iam),
            logs: client!(aws_sdk_cloudwatchlogs),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(&config)
                    .interceptor(counts.clone())
                    .interceptor(writes.clone())
                    .retry_config(RetryConfig::disabled())
                    // No endpoint but AWS's has a name for each bucket for certain.
                    .force_path_style(access.endpoint_url.is_some())
                    .build(),
            ),
            deployments: Deployments::default(),
            secrets: client!(aws_sdk_secretsmanager),
            ssm: client!(aws_sdk_ssm),
            sts: client!(aws_sdk_sts),
            tagging: client!(aws_sdk_resourcegroupstagging),
            counts,
            writes,
        })
    }

    /// The account that the credentials are for.
    ///
    /// # Errors
    /// `sts:GetCallerIdentity` failed.
    pub async fn account(&self) -> Result<String, Fault> {
        Ok(self.caller().await?.account)
    }

    /// Whose the credentials are.
    ///
    /// # Errors
    /// `sts:GetCallerIdentity` failed.
    pub async fn caller(&self) -> Result<Caller, Fault> {
        let caller = self.sts.get_caller_identity().send().await.map_err(fault("sts:GetCallerIdentity"))?;
        Ok(Caller { account: caller.account.unwrap_or_default(), arn: caller.arn.unwrap_or_default() })
    }

    pub fn ec2(&self) -> &aws_sdk_ec2::Client {
        &self.ec2
    }

    pub fn ecs(&self) -> &aws_sdk_ecs::Client {
        &self.ecs
    }

    /// Describes services of ECS.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// What this run remembers of the services that it changes.
    pub fn deployments(&self) -> &Deployments {
        &self.deployments
    }

    pub fn iam(&self) -> &aws_sdk_iam::Client {
        &self.iam
    }

    pub fn logs(&self) -> &aws_sdk_cloudwatchlogs::Client {
        &self.logs
    }

    /// Repeats nothing: a conditional write that is repeated blindly fails for what it did itself.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.s3
    }

    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        &self.secrets
    }

    pub fn ssm(&self) -> &aws_sdk_ssm::Client {
        &self.ssm
    }

    pub fn tagging(&self) -> &aws_sdk_resourcegroupstagging::Client {
        &self.tagging
    }

    /// How often each operation was called so far, by `service:Operation`; retries count.
    pub fn counts(&self) -> Counts {
        self.counts.so_far()
    }

    /// An idempotency token for creating `what` in this run, of at most 36 characters. It is the token of an earlier run
    /// for what that run began.
    pub fn token(&self, what: &str) -> String {
        crate::digest::hex(&format!("{}{what}", self.run_of(what)))[..32].to_owned()
    }

    /// How the run is called that the token for this is made of: this one, or an earlier one that is taken up.
    pub fn run_of(&self, what: &str) -> String {
        let resumed = self.resumed.lock().unwrap_or_else(PoisonError::into_inner).get(what).cloned();
        resumed.unwrap_or_else(|| self.run())
    }

    /// How this run is called.
    pub fn run(&self) -> String {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the tokens that follow different from those before: what a later run creates is meant to be new, even
    /// when it looks the same. Once `stop` is cancelled nothing is repeated for not being visible yet.
    pub fn start_run(&self, stop: &CancellationToken) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        self.deployments.clear();
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run_name();
        self.resumed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Goes on with what an earlier run of this name may have created: the same token gives the same object.
    pub fn resume(&self, what: &str, run: &str) {
        self.resumed.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned(), run.to_owned());
        self.created();
    }

    /// From now on nothing is written unless the lease is held.
    pub fn write_as(&self, held: Held) {
        self.writes.only_while(held);
    }

    /// What is written under.
    pub fn held(&self) -> Option<Held> {
        self.writes.held()
    }

    /// Whether a run before began to create this object and did not come to the end of it.
    pub fn is_unfinished(&self, address: &crate::address::Address) -> bool {
        self.held().is_some_and(|held| held.unfinished().get(address).is_some_and(|begun| !begun.made))
    }

    /// Whether a run before ended amid the creation or deletion of an object of this kind.
    pub fn has_unfinished(&self, kind: &str) -> bool {
        let is_it = |(address, begun): (&crate::address::Address, &Begun)| address.kind == kind && !begun.made;
        self.held().is_some_and(|held| held.unfinished().iter().any(is_it))
    }

    /// From now on each attempt to change something is recorded.
    pub fn record(&self, audit: Audit) {
        self.writes.record(audit);
    }

    /// Says that this run has just created or changed something, so that answers may lag behind it.
    pub fn created(&self) {
        *self.last_create.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Says that something is there which another run has just created, so that not every service knows it yet.
    pub fn has_seen_new(&self) {
        *self.last_new.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Repeats a call while AWS answers as if something that this run created, or saw new, did not exist yet. What counts as
    /// such an answer, and for how long, is in the table of `not_yet`; when nothing was created lately, the first answer
    /// stands.
    pub async fn eventually<T, F>(&self, call: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut look = 0;
        loop {
            match call().await {
                Err(fault)
                    if !self.is_stopping()
                        && not_yet::patience(&fault).is_some_and(|patience| self.may_lag_within(patience)) =>
                {
                    tracing::debug!(%fault, look, "not visible yet, repeating");
                    tokio::time::sleep(self.patience.pause(look)).await;
                    look += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Whether this run created or changed something so lately that answers may lag behind it.
    pub fn is_propagating(&self) -> bool {
        is_within(not_yet::LONGEST, &self.last_create)
    }

    /// Whether the run was told to stop, so that nothing new is to begin.
    fn is_stopping(&self) -> bool {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).is_cancelled()
    }

    fn may_lag_within(&self, patience: Duration) -> bool {
        [&self.last_create, &self.last_new].into_iter().any(|last| is_within(patience, last))
    }
}

/// Whether no more time than this has passed since.
fn is_within(time: Duration, since: &Mutex<Option<Instant>>) -> bool {
    since.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|moment| moment.elapsed() < time)
}

async fn sdk_config(access: &Access, http: Option<SharedHttpClient>) -> SdkConfig {
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::standard()).timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        );
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &access.profile {
        // Who names one means it, whatever the environment has.
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if let Some(url) = &access.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(http) = http {
        // What answers in process wants no account: any credentials will do.
        loader = loader
            .http_client(http)
            .credentials_provider(aws_sdk_sts::config::Credentials::new("SANDBOX", "SANDBOX", None, None, "sandbox"));
    }
    loader.load().await
}

fn run_name() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// The partition that a region is in.
pub fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
