//! The calls that change a service.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::DEFAULT_CLUSTER;
use super::lower::{long_arn, parts};
use super::spec::ServiceSpec;
use crate::aws::ecs::{retag, sdk_tags, unfit};
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::cluster::namespace;
use crate::kinds::{Changed, Found, Progress, Target};

/// Minutes until waiting for a service gives up: the time that deployments and draining take at most in practice.
pub(super) const PATIENCE_MINUTES: u64 = 20;

pub(super) async fn create(aws: &Aws, target: &Target<ServiceSpec>) -> Result<String, Fault> {
    let mut spec = target.spec.clone();
    spec.service_name.get_or_insert_with(|| target.address.name.clone());
    spec.cluster.get_or_insert_with(|| DEFAULT_CLUSTER.to_owned());
    if !spec.is_daemon() {
        // AWS wants a first value, also where scaling policies write it afterwards.
        spec.desired_count.get_or_insert(1);
    }
    let mut tags = target.tags.clone();
    tags.extend(namespace::tag(declared_namespace(&spec)));
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
            Ok(answer) => return Ok(answer.service().map(long_arn).unwrap_or_default()),
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

fn declared_namespace(spec: &ServiceSpec) -> Option<&str> {
    spec.service_connect_configuration.as_ref()?.namespace.as_deref()
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<ServiceSpec>,
    live: &Found<ServiceSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let operation = "ecs:UpdateService";
    let invalid = |error: serde_json::Error| Fault::found(operation, Cause::Invalid, error.to_string());
    let wanted = changed.over(&live.spec, &target.full).map_err(invalid)?;
    let (cluster, name) = place_of(live)?;
    let mut call = wanted.update(aws.ecs(), &live.spec).map_err(unfit(operation))?.cluster(cluster).service(name);
    if changed.has("capacityProviderStrategy") {
        // Without it the tasks that run would stay where they are.
        call = call.force_new_deployment(true);
    }
    match aws.eventually(|| async { call.clone().send().await.map_err(fault(operation)) }).await {
        Ok(_) => {}
        Err(fault) if fault.cause == Cause::InUse => return Ok(Progress::Waiting(fault.message)),
        Err(fault) => return Err(fault),
    }
    if changed.has("serviceConnectConfiguration") {
        let tags: BTreeMap<_, _> = namespace::tag(declared_namespace(&wanted)).into_iter().collect();
        retag(aws, &live.id, &tags, &[]).await?;
    }
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
