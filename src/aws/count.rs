//! Counts the calls of a run, so that their number can be reported and asserted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Calls by `service:Operation`, where a service is called as in IAM's actions.
pub type Counts = BTreeMap<String, u64>;

#[derive(Debug, Clone, Default)]
pub(super) struct CountCalls(Arc<Mutex<Counts>>);

impl CountCalls {
    pub(super) fn so_far(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
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
        if let Some(call) = config.load::<Metadata>() {
            let name = format!("{}:{}", prefix(call.service()), call.name());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
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
