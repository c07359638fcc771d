//! Counts the calls of a run, so that their number can be reported and asserted, and says when AWS does not answer:
//! the SDK tries again for a minute or more, and says nothing meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

use super::fault::chain;

/// How many attempts at a call fail before that is said.
const FAILURES: u32 = 2;
/// How long nothing more is said after that.
const QUIET: Duration = Duration::from_secs(10);

/// Calls by `service:Operation`, where a service is called as in IAM's actions.
pub type Counts = BTreeMap<String, u64>;

#[derive(Debug, Clone, Default)]
pub(super) struct CountCalls {
    counts: Arc<Mutex<Counts>>,
    told: Arc<Mutex<Option<Instant>>>,
}

impl CountCalls {
    pub(super) fn so_far(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is time to say something, and notes that it is said.
    fn is_time(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = told.is_none_or(|moment| moment.elapsed() > QUIET);
        if is_time {
            *told = Some(Instant::now());
        }
        is_time
    }
}

/// `ec2:DescribeVpcs`.
pub(super) fn operation(config: &ConfigBag) -> Option<String> {
    let call = config.load::<Metadata>()?;
    Some(format!("{}:{}", prefix(call.service()), call.name()))
}

#[dyn_dispatch_hint]
impl Intercept for CountCalls {
    fn name(&self) -> &'static str {
        "CountCalls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(name) = operation(config) {
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let why = match context.response().map(|response| response.status().as_u16()) {
            None => error.as_connector_error().map_or_else(|| "no answer in time".to_owned(), |error| chain(error)),
            Some(status) if status >= 500 => format!("status {status}"),
            // AWS refuses, which the caller judges.
            Some(_) => return Ok(()),
        };
        let attempts = config.load::<RequestAttempts>().map_or(0, RequestAttempts::attempts);
        if attempts >= FAILURES && self.is_time() {
            let call = operation(config).unwrap_or_default();
            tracing::warn!("{call}: {attempts} attempts failed so far: {why}");
        }
        Ok(())
    }
}

/// What IAM's actions call a service of the SDK.
fn prefix(service: &str) -> String {
    match service {
        "Resource Groups Tagging API" => "tag".to_owned(),
        "CloudWatch Logs" => "logs".to_owned(),
        _ => service.to_lowercase().replace(' ', ""),
    }
}
