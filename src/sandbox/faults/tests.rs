//! Each fault over the real SDK clients, in paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;

use super::*;
use crate::sandbox::client::SandboxClient;
use crate::sandbox::clock::Clock;
use crate::sandbox::world::World;

fn sandbox() -> Arc<Sandbox> {
    let clock = Clock::starting_at("2026-11-01T00:00:00Z".parse().unwrap());
    Arc::new(Sandbox::in_memory(World::default()).with_clock(clock))
}

fn config(client: SandboxClient, attempts: u32) -> SdkConfig {
    let retry = RetryConfig::standard().with_max_attempts(attempts);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .http_client(client)
        .retry_config(retry)
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(20)).build())
        .build()
}

/// A caller whose calls meet faults.
struct Caller {
    sandbox: Arc<Sandbox>,
    faults: Arc<Faults>,
    config: SdkConfig,
}

impl Caller {
    fn new(rules: Vec<Rule>) -> Self {
        Self::at(sandbox(), rules, 1)
    }

    fn at(sandbox: Arc<Sandbox>, rules: Vec<Rule>, attempts: u32) -> Self {
        let faults = Arc::new(Faults::new(FaultRules { seed: 7, rules, ..FaultRules::default() }));
        let client = SandboxClient::with_faults(Arc::clone(&sandbox), Arc::clone(&faults));
        Self { sandbox, faults, config: config(client, attempts) }
    }

    fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.config)
    }

    fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&self.config)
    }

    fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    /// Makes a VPC: its id, or why not.
    async fn create_vpc(&self) -> Result<String, String> {
        let made = self.ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.map_err(told)?;
        Ok(made.vpc().and_then(|vpc| vpc.vpc_id()).unwrap_or_default().to_owned())
    }

    async fn vpcs(&self) -> usize {
        let seen = self.ec2().describe_vpcs().send().await.unwrap();
        seen.vpcs().len()
    }

    /// How many there really are.
    async fn vpcs_there(&self) -> usize {
        let config = config(SandboxClient::new(Arc::clone(&self.sandbox)), 1);
        aws_sdk_ec2::Client::new(&config).describe_vpcs().send().await.unwrap().vpcs().len()
    }

    fn last(&self) -> Entry {
        self.faults.log().last().unwrap().clone()
    }
}

fn told<E, R>(error: SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
        None => DisplayErrorContext(&error).to_string(),
    }
}

const THROTTLE: Fault = Fault::Throttle { retry_after: None };

#[tokio::test(start_paused = true)]
async fn refusals_are_in_the_words_of_each_service_and_nothing_is_carried_out() {
    let cases = [
        (THROTTLE, "RequestLimitExceeded", "ThrottlingException", "Throttling"),
        (Fault::InternalError, "InternalError", "ServerException", "ServiceFailure"),
        (Fault::Unavailable, "Unavailable", "ServiceUnavailable", "ServiceUnavailable"),
        (Fault::ExpiredCredentials, "RequestExpired", "ExpiredTokenException", "ExpiredToken"),
        (Fault::Denied, "UnauthorizedOperation", "AccessDeniedException", "AccessDenied"),
    ];
    for (fault, ec2, ecs, iam) in cases {
        let caller = Caller::new(vec![Rule::new(fault)]);
        let error = caller.create_vpc().await.unwrap_err();
        assert!(error.starts_with(&format!("{ec2}: ")), "{error}");
        let error = told(caller.ecs().create_cluster().cluster_name("edge").send().await.unwrap_err());
        assert!(error.starts_with(&format!("{ecs}: ")), "{error}");
        let error = told(caller.iam().get_role().role_name("web").send().await.unwrap_err());
        assert!(error.starts_with(&format!("{iam}: ")), "{error}");
        assert_eq!(caller.vpcs_there().await, 0);
        assert!(caller.faults.log().iter().all(|entry| entry.carried_out.is_none()));
        assert_eq!(caller.faults.counts()[&(fault.class(), "iam:GetRole".to_owned())], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_throttled_comes_again() {
    let throttle = Fault::Throttle { retry_after: Some(7) };
    let caller = Caller::at(sandbox(), vec![Rule::new(throttle).times(2)], 4);
    let start = Instant::now();
    caller.ecs().create_cluster().cluster_name("edge").send().await.unwrap();
    assert!(start.elapsed() > Duration::ZERO, "the pauses are of the paused time");
    let told: Vec<String> = caller.faults.log().into_iter().map(|entry| entry.answer).collect();
    assert_eq!(told, ["400", "400", "200"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_who_what_and_which() {
    let caller = Caller::new(vec![Rule::new(Fault::Denied).on(&["ec2:CreateVpc", "ecs:*"])]);
    let who = "User: arn:aws:sts::123456789012:assumed-role/Administrator/sandbox is not authorized to perform";
    let error = caller.create_vpc().await.unwrap_err();
    let which = "ec2:CreateVpc on resource: arn:aws:ec2:us-west-2:123456789012:vpc/* because no identity-based policy \
                 allows the ec2:CreateVpc action. Encoded authorization failure message: ";
    assert!(error.contains(&format!("{who}: {which}")), "{error}");
    let service = caller.ecs().update_service().cluster("edge").service("web").desired_count(1);
    let error = told(service.send().await.unwrap_err());
    let which = "ecs:UpdateService on resource: arn:aws:ecs:us-west-2:123456789012:service/edge/web because no \
                 identity-based policy allows the ecs:UpdateService action";
    assert_eq!(error, format!("AccessDeniedException: {who}: {which}"));
    assert_eq!(caller.vpcs().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reset_comes_before_the_call_and_a_lost_answer_after_it() {
    let caller = Caller::new(vec![Rule::new(Fault::Reset).on(&["ec2:writes"]).calls(&[1])]);
    let error = caller.create_vpc().await.unwrap_err();
    assert!(error.contains("connection reset"), "{error}");
    assert_eq!(caller.last().carried_out, None);
    assert_eq!(caller.vpcs_there().await, 0);

    let caller = Caller::new(vec![Rule::new(Fault::Lost).on(&["ec2:writes"]).calls(&[1])]);
    let error = caller.create_vpc().await.unwrap_err();
    assert!(error.contains("connection reset"), "{error}");
    assert_eq!(caller.last().carried_out.as_deref(), Some("200"));
    assert_eq!(caller.vpcs_there().await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_never_answered_takes_the_callers_time() {
    let caller = Caller::new(vec![Rule::new(Fault::Timeout)]);
    let start = Instant::now();
    let error = caller.create_vpc().await.unwrap_err();
    assert!(error.contains("timeout"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 20);
    assert_eq!(caller.vpcs_there().await, 0);

    let slow = Caller::new(vec![Rule::new(Fault::Slow(Duration::from_secs(15)))]);
    let start = Instant::now();
    slow.create_vpc().await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_and_one_that_makes_no_sense_are_not_taken_for_answers() {
    for fault in [Fault::Truncated, Fault::Garbled] {
        let caller = Caller::new(vec![Rule::new(fault)]);
        assert!(caller.create_vpc().await.is_err(), "{fault:?}");
        let cluster = caller.ecs().create_cluster().cluster_name("edge").send().await;
        assert!(cluster.is_err(), "{fault:?}");
        assert_eq!(caller.vpcs_there().await, 1);
        assert_eq!(caller.last().fault, Some(fault.class()));
    }
}

#[tokio::test(start_paused = true)]
async fn reads_lag_writes_by_calls() {
    let caller = Caller::new(vec![Rule::new(Fault::Lag(Lag::Calls(2))).on(&["reads"])]);
    caller.create_vpc().await.unwrap();
    let seen = [caller.vpcs().await, caller.vpcs().await, caller.vpcs().await];
    assert_eq!(seen, [0, 0, 1]);
    let faults: Vec<Option<&str>> = caller.faults.log().iter().map(|entry| entry.fault).collect();
    assert_eq!(faults, [None, Some("lag"), Some("lag"), None]);
}

#[tokio::test(start_paused = true)]
async fn reads_and_checks_in_writes_lag_by_time() {
    let caller = Caller::new(vec![Rule::new(Fault::Lag(Lag::Time(Duration::from_secs(5))))]);
    let vpc = caller.create_vpc().await.unwrap();
    let subnet = || caller.ec2().create_subnet().vpc_id(&vpc).cidr_block("10.0.0.0/24").send();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(caller.vpcs().await, 0);
    let error = told(subnet().await.unwrap_err());
    assert_eq!(error, format!("InvalidVpcID.NotFound: The vpc ID '{vpc}' does not exist"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(caller.vpcs().await, 1);
    subnet().await.unwrap();
    // What was refused for what it did not see has changed nothing.
    let there = config(SandboxClient::new(Arc::clone(&caller.sandbox)), 1);
    assert_eq!(aws_sdk_ec2::Client::new(&there).describe_subnets().send().await.unwrap().subnets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_expire_in_mid_run() {
    let expired = Rule::new(Fault::ExpiredCredentials).from(Duration::from_secs(60));
    let caller = Caller::new(vec![expired]);
    caller.create_vpc().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = caller.create_vpc().await.unwrap_err();
    assert_eq!(error, "RequestExpired: Request has expired.");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_told_and_made_up_for() {
    let late = Caller::new(vec![Rule::new(Fault::ClockSkew { minutes: 10 })]);
    let error = told(late.iam().get_role().role_name("web").send().await.unwrap_err());
    assert!(error.starts_with("SignatureDoesNotMatch: Signature expired: 20"), "{error}");
    let error = late.create_vpc().await.unwrap_err();
    assert_eq!(error, "RequestExpired: Request has expired.");
    let early = Caller::new(vec![Rule::new(Fault::ClockSkew { minutes: -10 })]);
    let error = told(early.ecs().list_clusters().send().await.unwrap_err());
    assert!(error.starts_with("InvalidSignatureException: Signature not yet current: 20"), "{error}");
    let within = Caller::new(vec![Rule::new(Fault::ClockSkew { minutes: 4 })]);
    within.create_vpc().await.unwrap();
    assert_eq!(within.last().fault, None);

    // The SDK reads the service's time from the first answer and signs by it.
    let again = Caller::at(sandbox(), vec![Rule::new(Fault::ClockSkew { minutes: 10 })], 2);
    again.ecs().create_cluster().cluster_name("edge").send().await.unwrap();
    let faults: Vec<Option<&str>> = again.faults.log().iter().map(|entry| entry.fault).collect();
    assert_eq!(faults, [Some("clockSkew"), None]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_sees_each_call_and_can_kill_its_caller() {
    for (verdict, there, carried_out) in [(Verdict::HangBefore, 1, None), (Verdict::HangAfter, 2, Some("200"))] {
        let caller = Caller::new(Vec::new());
        let seen = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&seen);
        caller.faults.on_call(Box::new(move |occasion| {
            count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(occasion.is_read, occasion.operation == "DescribeVpcs");
            let is_second = occasion.write == 2 && !occasion.is_read;
            assert!(!is_second || occasion.input["CidrBlock"] == "10.0.0.0/16");
            if is_second { verdict } else { Verdict::Pass }
        }));
        let run = async {
            caller.create_vpc().await.unwrap();
            caller.vpcs().await;
            caller.create_vpc().await
        };
        tokio::select! {
            biased;
            () = caller.faults.hung() => {}
            _ = run => panic!("it goes on"),
        }
        assert_eq!(caller.last().carried_out.as_deref(), carried_out);
        assert_eq!(caller.vpcs_there().await, there);
        // The dead make no calls.
        let late = tokio::time::timeout(Duration::from_secs(100), caller.create_vpc()).await;
        assert!(late.map_or(true, |made| made.is_err()));
        assert_eq!((caller.vpcs_there().await, seen.load(Ordering::Relaxed)), (there, 3));
        caller.faults.revive();
        assert_eq!(caller.vpcs().await, there);
        assert_eq!(caller.faults.calls(), (4, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn empty_buckets_throttle_and_refill() {
    let sandbox = sandbox();
    let faults = Arc::new(Faults::new(FaultRules { token_buckets: true, ..FaultRules::default() }));
    let client = SandboxClient::with_faults(Arc::clone(&sandbox), Arc::clone(&faults));
    let caller = Caller { sandbox, faults, config: config(client, 1) };
    for number in 0..20 {
        caller.ecs().create_cluster().cluster_name(format!("c{number}")).send().await.unwrap();
    }
    let error = told(caller.ecs().create_cluster().cluster_name("c20").send().await.unwrap_err());
    assert_eq!(error, "ThrottlingException: Rate exceeded");
    assert_eq!(caller.last().fault, Some("tokenBucket"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    caller.ecs().create_cluster().cluster_name("c20").send().await.unwrap();
}

/// A run that meets faults by chance: the bytes of its log.
fn by_chance(seed: u64) -> Vec<u8> {
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let rules = "
            seed: 1
            rules:
              - {fault: throttle, probability: 0.3}
              - {fault: lost, operations: [writes], probability: 0.2}
              - {fault: slow, seconds: 0.7, probability: 0.2}
              - {fault: garbled, operations: ['ec2:Describe*'], probability: 0.2}
              - {fault: lag, behind: {seconds: 3}, probability: 0.5}
        ";
        let rules = FaultRules { seed, ..FaultRules::parse(rules).unwrap() };
        let sandbox = sandbox();
        let faults = Arc::new(Faults::new(rules));
        let client = SandboxClient::with_faults(Arc::clone(&sandbox), Arc::clone(&faults));
        // The SDK counts its repeats for the whole process, which would make one run depend on another.
        let caller = Caller { sandbox, faults, config: config(client, 1) };
        for _ in 0..20 {
            caller.create_vpc().await.ok();
            caller.ec2().describe_vpcs().send().await.ok();
        }
        caller.faults.log_bytes()
    })
}

#[test]
fn a_seed_replays_byte_for_byte() {
    let first = by_chance(3);
    let text = String::from_utf8(first.clone()).unwrap();
    for class in ["throttle", "lost", "slow", "garbled", "lag"] {
        assert!(text.contains(&format!(r#""fault":"{class}""#)), "{class} in {text}");
    }
    assert_eq!(text.lines().next().unwrap().split(',').nth(2), Some(r#""operation":"ec2:CreateVpc""#));
    assert!(first == by_chance(3), "the same seed gave another run");
    assert_ne!(first, by_chance(4));
}

#[test]
fn a_hundred_runs_of_forty_calls_take_seconds() {
    let start = std::time::Instant::now();
    for _ in 0..100 {
        by_chance(1);
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
