//! Whether a failed call is sent again, and when: sorted by cause, each cause with a deadline of its own, with pauses of
//! full jitter that double, or as long as AWS asks for in `Retry-After`.
//!
//! A call that makes something and carries no idempotency token is not sent again unless AWS refused it for its rate:
//! whoever sent it looks first.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_runtime_api::client::retries::{ErrorKind, RequestAttempts};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tokio::time::Instant;

use super::count::operation;
use super::fault::{Cause, of_answer};

/// The mean of the first pause is half of this; the next ones double.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer, unless AWS asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// How long AWS may ask to be left alone; beyond that the call fails, and says so.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// How long calls are repeated, by cause; what is not here is not repeated.
const DEADLINES: &[(Cause, Duration)] =
    &[(Cause::Throttled, Duration::from_secs(180)), (Cause::NoAnswer, Duration::from_secs(60))];

/// What makes an object at each call, and takes no idempotency token (or none that farpost could know again).
const LOOKED_FOR: &[&str] = &[
    "ec2:CreateInternetGateway",
    "ec2:CreateKeyPair",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateVpc",
    "ec2:ImportKeyPair",
    "ecs:CreateCluster",
    "ecs:RegisterTaskDefinition",
    "iam:CreateInstanceProfile",
    "iam:CreateRole",
    "logs:CreateLogGroup",
    "ssm:CreateActivation",
];

/// Whether the operation makes an object at each call, so that one must look before it is sent again.
pub fn is_looked_for(operation: &str) -> bool {
    LOOKED_FOR.contains(&operation)
}

/// Decides for every client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeat;

/// When the first attempt at a call began.
#[derive(Debug)]
struct Begun(Instant);

impl Storable for Begun {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for Repeat {
    fn name(&self) -> &'static str {
        "Repeat"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Begun(Instant::now()));
        Ok(())
    }

    /// The SDK goes by the configuration that it finds after an attempt: this says whether there is one more.
    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(_)) = context.output_or_error() else { return Ok(()) };
        let cause = context.response().map_or(Cause::NoAnswer, |response| of_answer(response).1);
        let spent = config.load::<Begun>().map_or(Duration::ZERO, |begun| begun.0.elapsed());
        let asked = context.response().and_then(retry_after).unwrap_or_default();
        let call = operation(config).unwrap_or_default();
        let made = config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        // One more: what else reads this number plans for that many attempts.
        let attempts = if is_repeated(&call, cause, spent, asked) { made + 1 } else { made };
        let decided = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE.max(asked));
        config.interceptor_state().store_put(decided);
        Ok(())
    }
}

/// Whether a call that failed so is sent again, `spent` after it was first sent, when AWS asks to wait for `asked`.
fn is_repeated(call: &str, cause: Cause, spent: Duration, asked: Duration) -> bool {
    let deadline = DEADLINES.iter().find(|(of, _)| *of == cause).map_or(Duration::ZERO, |(_, deadline)| *deadline);
    let is_safe = cause == Cause::Throttled || !is_looked_for(call);
    is_safe && spent < deadline && asked <= LONGEST_ASKED
}

impl ClassifyRetry for Repeat {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        // Without an answer the SDK knows best: a connection that failed is tried again, missing credentials are not.
        let Some(response) = context.response().filter(|_| context.is_failed()) else {
            return RetryAction::NoActionIndicated;
        };
        let kind = match of_answer(response).1 {
            Cause::Throttled => ErrorKind::ThrottlingError,
            Cause::NoAnswer => ErrorKind::TransientError,
            _ => return RetryAction::RetryForbidden,
        };
        match retry_after(response) {
            Some(pause) => RetryAction::retryable_error_with_explicit_delay(kind, pause),
            None => RetryAction::retryable_error(kind),
        }
    }

    fn name(&self) -> &'static str {
        "Repeat"
    }

    /// The last word: the SDK takes `LimitExceededException` for a matter of rates.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// How long the answer asks to wait: `Retry-After` in seconds, AWS's own header in milliseconds.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let number = |name| response.headers().get(name)?.trim().parse::<u64>().ok();
    let seconds = number("retry-after").map(Duration::from_secs);
    seconds.or_else(|| number("x-amz-retry-after").map(Duration::from_millis))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_smithy_runtime_api::client::http::SharedHttpClient;

    use super::*;
    use crate::aws::{Access, Aws, Patience};
    use crate::sandbox::Sandbox;
    use crate::sandbox::client::SandboxClient;
    use crate::sandbox::clock::Clock;
    use crate::sandbox::faults::{Fault, FaultRules, Faults, Rule};
    use crate::sandbox::world::World;

    /// What a call comes to when the first `times` of its attempts meet `fault`: the cause if it fails, the attempts, and
    /// the seconds that it took.
    async fn attempts(fault: Fault, times: u64, create: bool) -> (Option<Cause>, u64, u64) {
        let clock = Clock::starting_at("2026-11-01T00:00:00Z".parse().unwrap());
        let sandbox = Arc::new(Sandbox::in_memory(World::default()).with_clock(clock));
        let rules = FaultRules { seed: 1, rules: vec![Rule::new(fault).times(times)], ..FaultRules::default() };
        let faults = Arc::new(Faults::new(rules));
        let http = SharedHttpClient::new(SandboxClient::with_faults(sandbox, Arc::clone(&faults)));
        let access = Access { region: Some("us-west-2".to_owned()), ..Access::default() };
        let aws = Aws::connect(&access, Some(http), Patience::AWS).await.unwrap();
        fastrand::seed(1);
        let begun = Instant::now();
        let failed = match create {
            true => {
                aws.ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.map_err(super::super::fault("")).err()
            }
            false => aws.ec2().describe_vpcs().send().await.map_err(super::super::fault("")).err(),
        };
        (failed.map(|fault| fault.cause), faults.calls().0, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_repeated_by_cause() {
        let throttled = Fault::Throttle { retry_after: None };
        assert!(matches!(attempts(throttled, 4, false).await, (None, 5, 1..30)));
        // As long as AWS asks for, and not beyond reason.
        assert!(matches!(attempts(Fault::Throttle { retry_after: Some(30) }, 1, false).await, (None, 2, 30)));
        assert_eq!(
            attempts(Fault::Throttle { retry_after: Some(600) }, 9, false).await,
            (Some(Cause::Throttled), 1, 0)
        );
        let (cause, many, seconds) = attempts(throttled, 999, false).await;
        assert!(cause == Some(Cause::Throttled) && many > 10 && (180..220).contains(&seconds), "{many} in {seconds} s");
        for broken in [Fault::InternalError, Fault::Unavailable, Fault::Reset, Fault::Truncated, Fault::Garbled] {
            assert!(matches!(attempts(broken, 3, false).await, (None, 4, 0..30)), "{broken:?}");
        }
        let (cause, many, seconds) = attempts(Fault::Unavailable, 999, false).await;
        assert!(cause == Some(Cause::NoAnswer) && many > 5 && (60..90).contains(&seconds), "{many} in {seconds} s");
        assert!(matches!(attempts(Fault::Timeout, 1, false).await, (None, 2, 20..30)));
        assert_eq!(attempts(Fault::Denied, 9, false).await, (Some(Cause::Denied), 1, 0));
        assert_eq!(attempts(Fault::ExpiredCredentials, 9, false).await, (Some(Cause::Credentials), 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_without_a_token_is_repeated_only_when_it_was_refused() {
        assert!(matches!(attempts(Fault::Throttle { retry_after: None }, 2, true).await, (None, 3, _)));
        for unclear in
            [Fault::InternalError, Fault::Reset, Fault::Lost, Fault::Truncated, Fault::Garbled, Fault::Timeout]
        {
            let (cause, many, _) = attempts(unclear, 1, true).await;
            assert_eq!((cause, many), (Some(Cause::NoAnswer), 1), "{unclear:?}");
        }
    }

    #[test]
    fn each_cause_has_its_deadline_and_creates_without_a_token_are_looked_for() {
        let (soon, minute) = (Duration::from_secs(1), Duration::from_secs(61));
        let cases = [
            ("ec2:DescribeVpcs", Cause::Throttled, minute, 0, true),
            ("ec2:DescribeVpcs", Cause::Throttled, minute * 3, 0, false),
            ("ec2:DescribeVpcs", Cause::NoAnswer, soon, 0, true),
            ("ec2:DescribeVpcs", Cause::NoAnswer, minute, 0, false),
            ("ec2:DescribeVpcs", Cause::Denied, soon, 0, false),
            ("ec2:CreateVpc", Cause::NoAnswer, soon, 0, false),
            ("ec2:CreateVpc", Cause::Throttled, soon, 0, true),
            ("ecs:CreateService", Cause::NoAnswer, soon, 0, true),
            ("ecs:CreateService", Cause::Throttled, soon, 100, true),
            ("ecs:CreateService", Cause::Throttled, soon, 1000, false),
        ];
        for (call, cause, spent, asked, expected) in cases {
            let is = is_repeated(call, cause, spent, Duration::from_secs(asked));
            assert_eq!(is, expected, "{call} {cause:?} after {spent:?}, asked {asked}");
        }
    }

    #[test]
    fn aws_may_ask_for_a_pause() {
        let answer = |name: &'static str, value: &'static str| {
            let mut response = HttpResponse::new(503.try_into().unwrap(), "".into());
            response.headers_mut().insert(name, value);
            retry_after(&response)
        };
        assert_eq!(answer("Retry-After", "7"), Some(Duration::from_secs(7)));
        assert_eq!(answer("x-amz-retry-after", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(answer("Retry-After", "soon"), None);
        assert_eq!(answer("date", "7"), None);
    }
}
