//! What all kinds share when they call AWS: clients, faults, counting, patience.
//!
//! A function that may touch AWS takes [`&Aws`](Aws); one that cannot, must not. Below the clients is one seam,
//! the SDK's HTTP client: the network, the sandbox, or a recorder.

mod count;
pub mod ec2;
pub mod ecs;
mod fault;
mod services;

use std::future::Future;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use self::count::CountCalls;
pub use self::count::Counts;
pub use self::fault::{Cause, Fault, fault, told};
pub use self::services::Services;

/// How often a throttled or failed call is sent, the first time included.
const ATTEMPTS: u32 = 8;
/// How long one attempt may take. Control-plane calls answer within a second; an Outpost's link may be slow.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long after a create in this run AWS may still answer as if the new object did not exist (kinds' retry
/// tables: EC2 propagation takes up to five minutes, IAM's two).
const PROPAGATION: Duration = Duration::from_secs(300);

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
    run: Mutex<String>,
    last_create: Mutex<Option<Instant>>,
    ec2: aws_sdk_ec2::Client,
    ec2_once: aws_sdk_ec2::Client,
    ecs: aws_sdk_ecs::Client,
    ecs_once: aws_sdk_ecs::Client,
    iam: aws_sdk_iam::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    logs_once: aws_sdk_cloudwatchlogs::Client,
    secrets: aws_sdk_secretsmanager::Client,
    ssm: aws_sdk_ssm::Client,
    ssm_once: aws_sdk_ssm::Client,
    sts: aws_sdk_sts::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    services: Services,
}

/// How long to wait between looks at something that takes time.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub first: Duration,
    pub longest: Duration,
}

impl Patience {
    /// For AWS: seconds.
    pub const AWS: Self = Self { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
    /// For a sandbox, whose time runs faster.
    pub const SANDBOX: Self = Self { first: Duration::from_millis(20), longest: Duration::from_millis(200) };

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
        let counts = CountCalls::default();
        let once = RetryConfig::disabled();
        let ec2 = aws_sdk_ec2::config::Builder::from(&config).interceptor(counts.clone());
        let ecs = aws_sdk_ecs::config::Builder::from(&config).interceptor(counts.clone());
        let ecs_client = aws_sdk_ecs::Client::from_conf(ecs.clone().build());
        let logs = aws_sdk_cloudwatchlogs::config::Builder::from(&config).interceptor(counts.clone());
        let ssm = aws_sdk_ssm::config::Builder::from(&config).interceptor(counts.clone());
        Ok(Self {
            partition: partition(&region),
            region,
            patience,
            run: Mutex::new(run_name()),
            last_create: Mutex::new(None),
            ec2: aws_sdk_ec2::Client::from_conf(ec2.clone().build()),
            ec2_once: aws_sdk_ec2::Client::from_conf(ec2.retry_config(once.clone()).build()),
            services: Services::new(ecs_client.clone(), patience.first / 2),
            ecs: ecs_client,
            ecs_once: aws_sdk_ecs::Client::from_conf(ecs.retry_config(once.clone()).build()),
            iam: aws_sdk_iam::Client::from_conf(
                aws_sdk_iam::config::Builder::from(&config).interceptor(counts.clone()).build(),
            ),
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(logs.clone().build()),
            logs_once: aws_sdk_cloudwatchlogs::Client::from_conf(logs.retry_config(once.clone()).build()),
            secrets: aws_sdk_secretsmanager::Client::from_conf(
                aws_sdk_secretsmanager::config::Builder::from(&config).interceptor(counts.clone()).build(),
            ),
            ssm: aws_sdk_ssm::Client::from_conf(ssm.clone().build()),
            ssm_once: aws_sdk_ssm::Client::from_conf(ssm.retry_config(once).build()),
            sts: aws_sdk_sts::Client::from_conf(
                aws_sdk_sts::config::Builder::from(&config).interceptor(counts.clone()).build(),
            ),
            tagging: aws_sdk_resourcegroupstagging::Client::from_conf(
                aws_sdk_resourcegroupstagging::config::Builder::from(&config).interceptor(counts.clone()).build(),
            ),
            counts,
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

    /// For creates without an idempotency token: a repeated one would make a second object, so the caller looks
    /// before it repeats.
    pub fn ec2_once(&self) -> &aws_sdk_ec2::Client {
        &self.ec2_once
    }

    pub fn ecs(&self) -> &aws_sdk_ecs::Client {
        &self.ecs
    }

    /// As [`Aws::ec2_once`]: each `RegisterTaskDefinition` makes a revision.
    pub fn ecs_once(&self) -> &aws_sdk_ecs::Client {
        &self.ecs_once
    }

    /// Describes services of ECS.
    pub fn services(&self) -> &Services {
        &self.services
    }

    pub fn iam(&self) -> &aws_sdk_iam::Client {
        &self.iam
    }

    pub fn logs(&self) -> &aws_sdk_cloudwatchlogs::Client {
        &self.logs
    }

    /// As [`Aws::ec2_once`]: a repeated `CreateLogGroup` would take its own log group for somebody else's.
    pub fn logs_once(&self) -> &aws_sdk_cloudwatchlogs::Client {
        &self.logs_once
    }

    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        &self.secrets
    }

    /// As [`Aws::ec2_once`]: each `CreateActivation` makes an activation.
    pub fn ssm_once(&self) -> &aws_sdk_ssm::Client {
        &self.ssm_once
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

    /// An idempotency token for creating `what` in this run, of at most 36 characters.
    pub fn token(&self, what: &str) -> String {
        let run = self.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        crate::digest::hex(&format!("{}{what}", *run))[..32].to_owned()
    }

    /// Makes the tokens that follow different from those before: what a later run creates is meant to be new, even
    /// when it looks the same.
    pub fn start_run(&self) {
        *self.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = run_name();
    }

    /// Says that this run has just created or changed something, so that answers may lag behind it.
    pub fn created(&self) {
        *self.last_create.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Instant::now());
    }

    /// Repeats a call while AWS answers as if something that this run created did not exist yet. What counts as
    /// such an answer is in the table `NOT_YET`; when nothing was created lately, the first answer stands.
    pub async fn eventually<T, F>(&self, call: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut look = 0;
        loop {
            match call().await {
                Err(fault) if is_not_yet(&fault) && self.is_propagating() => {
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
        self.last_create
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .is_some_and(|moment| moment.elapsed() < PROPAGATION)
    }
}

async fn sdk_config(access: &Access, http: Option<SharedHttpClient>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        );
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
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

/// Answers that a new object causes until it is visible everywhere: code and part of the message. Sources: the
/// retry lists of Terraform's AWS provider for each operation.
const NOT_YET: &[(&str, &str)] = &[
    ("InvalidVpcID.NotFound", ""),
    ("InvalidSubnetID.NotFound", ""),
    ("InvalidGroup.NotFound", ""),
    ("InvalidInternetGatewayID.NotFound", ""),
    ("InvalidGatewayID.NotFound", ""),
    ("InvalidRouteTableID.NotFound", ""),
    ("InvalidInstanceID.NotFound", ""),
    ("InvalidKeyPair.NotFound", ""),
    ("InvalidParameterValue", "Invalid IAM Instance Profile"),
    ("InvalidParameterValue", "has no associated IAM Roles"),
    ("NoSuchEntity", ""),
    ("NoSuchEntityException", ""),
    ("MalformedPolicyDocument", "Invalid principal in policy"),
    ("MalformedPolicyDocumentException", "Invalid principal in policy"),
    ("ClusterNotFoundException", ""),
    ("ClientException", "Cluster not found"),
    ("ClientException", "unable to assume"),
    ("ClientException", "Role is not valid"),
    ("InvalidParameterException", "Unable to assume the service linked role"),
    ("InvalidParameterException", "verify that the ECS service role being passed has the proper permissions"),
    ("InvalidParameterException", "ECS was unable to assume the role"),
    ("InvalidParameterException", "Unable to Start a service that is still Draining"),
    ("ResourceNotFoundException", "log group does not exist"),
    ("ValidationException", "Nonexistent role"),
    ("InvalidParameters", "Nonexistent role"),
];

fn is_not_yet(fault: &Fault) -> bool {
    NOT_YET.iter().any(|(code, text)| fault.says(code, text))
}
