//! The calls that change a service.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ecs::types;
use tokio::time::Instant;

use super::DEFAULT_CLUSTER;
use super::lower::{long_arn, parts};
use super::readiness::primary;
use super::spec::ServiceSpec;
use super::update::{FORCED, deploys};
use crate::aws::ecs::{retag, sdk_tags, unfit};
use crate::aws::{Awaited, Aws, Cause, Fault, Which, fault};
use crate::kinds::cluster::namespace;
use crate::kinds::{Changed, Found, Progress, Target};

/// Minutes until waiting for a service gives up: the time that deployments and draining take at most in practice.
pub(super) const PATIENCE_MINUTES: u64 = 20;

pub(super) async fn create(aws: &Aws, target: &Target<ServiceSpec>) -> Result<String, Fault> {
    let mut spec = target.spec.clone();
    spec.service_name.get_or_insert_with(|| target.address.name.clone());
    spec.cluster.get_or_insert_with(|| DEFAULT_CLUSTER.to_owned());
    if spec.is_daemon() {
        spec.desired_count = None;
    } else if spec.controller() != "EXTERNAL" {
        // AWS wants a first value, also where scaling policies write it afterwards.
        spec.desired_count.get_or_insert(1);
    }
    let mut tags = target.tags.clone();
    tags.extend(revision_tag(&spec));
    let call = spec
        .create(aws.ecs())
        .map_err(unfit("ecs:CreateService"))?
        .client_token(aws.token(&target.address.to_string()))
        .set_tags(Some(sdk_tags(&tags)));
    let begun = Instant::now();
    let mut look = 0;
    loop {
        let answer = aws.eventually(|| async { call.clone().send().await.map_err(fault("ecs:CreateService")) }).await;
        match answer {
            Ok(answer) => {
                let Some(service) = answer.service() else { return Ok(String::new()) };
                let id = long_arn(service);
                aws.deployments().wait_for(&id, started(service, true));
                let tags: BTreeMap<_, _> = namespace_tag(&spec, service).into_iter().collect();
                retag(aws, &id, &tags, &[]).await?;
                return Ok(id);
            }
            // The one before it still has its name.
            Err(fault)
                if fault.message.contains("still Draining")
                    && begun.elapsed() < Duration::from_secs(PATIENCE_MINUTES * 60) =>
            {
                tracing::debug!(%fault, look, "waiting for the name");
                tokio::time::sleep(aws.patience.pause(look)).await;
                look += 1;
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// How often an update is sent whose answer is lost.
const UPDATES: u32 = 3;

/// What a service is judged by after a call that this is the answer to, and that may have started a deployment.
fn started(answered: &types::Service, deploys: bool) -> Awaited {
    let ours = primary(answered).filter(|_| deploys).and_then(|ours| {
        let id = ours.id()?.to_owned();
        Some(Which::Ours { id, begun: ours.created_at().copied() })
    });
    let last_event = answered.events().first().and_then(types::ServiceEvent::id).map(str::to_owned);
    Awaited { which: ours.unwrap_or_default(), last_event }
}

/// The tag of a service that declares what only its revisions tell, so that they are read also when it does not any
/// more.
pub(super) const REVISION_TAG: &str = "farpost/of-revision";

fn revision_tag(spec: &ServiceSpec) -> Option<(String, String)> {
    let members = [("gatewayConnectors", spec.gateway_connectors.is_some()), ("monitoring", spec.monitoring.is_some())];
    let declared: Vec<&str> = members.into_iter().filter(|(_, is)| *is).map(|(member, _)| member).collect();
    (!declared.is_empty()).then(|| (REVISION_TAG.to_owned(), declared.join(" ")))
}

/// The tag that keeps which namespace Service Connect was led to, as a call answers it.
fn namespace_tag(spec: &ServiceSpec, answered: &types::Service) -> Option<(String, String)> {
    let wanted = spec.service_connect_configuration.as_ref().filter(|connect| connect.enabled)?;
    let live = ServiceSpec::from_sdk_service(answered).service_connect_configuration?;
    namespace::tag(wanted.namespace.as_deref(), live.namespace.as_deref())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<ServiceSpec>,
    live: &Found<ServiceSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let operation = "ecs:UpdateService";
    let invalid = |error: serde_json::Error| Fault::found(operation, Cause::Invalid, error.to_string());
    let mut wanted = changed.over(&live.spec, &target.full).map_err(invalid)?;
    if changed.has("launchType") {
        // What has a launch type has no providers; there is no other way to say so.
        wanted.capacity_provider_strategy = None;
    }
    let (cluster, name) = place_of(live)?;
    let mut call = wanted.update(aws.ecs(), &live.spec).map_err(unfit(operation))?.cluster(cluster).service(name);
    if FORCED.iter().any(|member| changed.has(member)) {
        call = call.force_new_deployment(true);
    }
    let answer = match aws.eventually(|| async { call.clone().send().await.map_err(fault(operation)) }).await {
        Ok(answer) => answer,
        Err(fault) if fault.cause == Cause::InUse => return Ok(Progress::Waiting(fault.message)),
        // Whether it took effect is seen by looking: then nothing differs any more, and the deployment is ours.
        Err(fault) if fault.cause == Cause::NoAnswer => {
            let before = live.detail["primary"].as_str().map(str::to_owned);
            if aws.deployments().lost(&live.id, before) < UPDATES {
                return Ok(Progress::Waiting(format!("{fault}; looking whether it took effect")));
            }
            return Err(fault);
        }
        Err(fault) => return Err(fault),
    };
    if let Some(service) = answer.service() {
        aws.deployments().wait_for(&live.id, started(service, deploys(changed)));
    }
    let of_namespace = answer.service().filter(|_| changed.has("serviceConnectConfiguration"));
    let of_namespace = of_namespace.and_then(|service| namespace_tag(&wanted, service));
    let tags = of_namespace.into_iter().chain(revision_tag(&target.full));
    let tags: BTreeMap<_, _> = tags.filter(|(key, value)| live.tags.get(key) != Some(value)).collect();
    let gone = live.tags.contains_key(REVISION_TAG) && revision_tag(&target.full).is_none();
    let gone: Vec<String> = gone.then(|| REVISION_TAG.to_owned()).into_iter().collect();
    retag(aws, &live.id, &tags, &gone).await?;
    Ok(Progress::Done)
}

/// A service that drains goes by itself once its tasks have stopped; reading tells how many still run.
pub(super) async fn delete(aws: &Aws, live: &Found<ServiceSpec>) -> Result<Progress, Fault> {
    if live.detail["status"] == "DRAINING" {
        return Ok(Progress::Done);
    }
    let (cluster, name) = place_of(live)?;
    // With force AWS scales to nothing itself, in the same call, so that no scaling policy can come in between.
    let call = aws.ecs().delete_service().cluster(cluster).service(name).force(!live.spec.is_daemon());
    call.send().await.map_err(fault("ecs:DeleteService"))?;
    Ok(Progress::Done)
}

fn place_of(live: &Found<ServiceSpec>) -> Result<(&str, &str), Fault> {
    parts(&live.id).ok_or_else(|| {
        let message = format!("`{}` is not the ARN of a service", live.id);
        Fault::found("ecs:DescribeServices", Cause::Invalid, message)
    })
}
