//! Finding services: what is declared by name, what is ours by tag, and the rest only where a cluster holds more.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::OUTSIDE;
use super::account;
use super::calls::REVISION_TAG;
use super::lower::{is_definition, long_arn, lower, parts};
use super::readiness::{has_started, primary, readiness};
use super::spec::ServiceSpec;
use crate::aws::ecs::tags_of;
use crate::aws::{Awaited, Aws, Fault, Services, Which, fault};
use crate::kinds::cluster::Contents;
use crate::kinds::{Found, Purpose, Readiness, Scope, Wanted};

/// How many revisions one call describes.
const REVISIONS_AT_ONCE: usize = 20;
/// How many calls are under way together.
const CONCURRENCY: usize = 4;

/// Names of services by cluster.
type Names = BTreeMap<String, BTreeSet<String>>;

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<ServiceSpec>>, Fault> {
    let settles = matches!(scope.purpose, Purpose::Settle(_));
    let mut services = Vec::new();
    let mut names = Names::new();
    let mut add = |cluster: &str, name: &str| {
        names.entry(cluster.to_owned()).or_default().insert(name.to_owned());
    };
    match scope.purpose {
        Purpose::Settle(id) => {
            if let Some((cluster, name)) = parts(id) {
                services.extend(aws.services().describe_one(cluster, name).await?);
            }
        }
        // What is declared is asked for by name, because the tagging service lags behind; it knows the rest.
        Purpose::Survey | Purpose::Deep | Purpose::Find => {
            let tagged = scope.shared.tagged(aws, &scope.place.stack).await?;
            tagged.iter().filter_map(|one| parts(&one.arn)).for_each(|(cluster, name)| add(cluster, name));
            let keys = scope.wanted.iter().filter_map(|wanted| wanted.key.as_deref()?.split_once('/'));
            keys.for_each(|(cluster, name)| add(cluster, name));
        }
    }
    if !settles {
        services = describe(aws, &names).await?;
        let more = unknown(aws, scope, &names, &services).await?;
        services.extend(describe(aws, &more).await?);
    }
    services.retain(|service| service.status() != Some("INACTIVE"));
    // What is declared and drains is as good as gone; creating it waits for the name.
    let by_key: BTreeMap<&str, &Wanted> =
        scope.wanted.iter().filter_map(|wanted| Some((wanted.key.as_deref()?, wanted))).collect();
    let wanted_of = |service: &types::Service| {
        let arn = long_arn(service);
        by_key.get(arn.split_once(":service/")?.1).copied()
    };
    let is_wanted = |service: &types::Service| wanted_of(service).is_some();
    services.retain(|service| settles || service.status() != Some("DRAINING") || !is_wanted(service));
    let declared: Vec<Option<ServiceSpec>> = services
        .iter()
        .map(|service| wanted_of(service).and_then(|wanted| serde_json::from_value(wanted.spec.clone()).ok()))
        .collect();
    let revisions = revisions(aws, scope, &services, &declared).await?;
    let mut found: Vec<Found<ServiceSpec>> = services
        .iter()
        .zip(&declared)
        .map(|(service, declared)| {
            let revision = service.service_arn().and_then(|arn| revisions.get(arn));
            lower(service, declared.as_ref(), revision)
        })
        .collect();
    if let (Purpose::Settle(_), [service], [one]) = (scope.purpose, services.as_slice(), found.as_mut_slice()) {
        settle(aws, service, declared.first().and_then(Option::as_ref), one).await?;
    }
    Ok(found)
}

/// What is said of a service only while it is waited for.
async fn settle(
    aws: &Aws,
    service: &types::Service,
    declared: Option<&ServiceSpec>,
    found: &mut Found<ServiceSpec>,
) -> Result<(), Fault> {
    let wanted = declared.and_then(|declared| declared.task_definition.as_deref());
    let awaited = awaited(aws, service, wanted);
    found.detail["started"] = has_started(service, &awaited).into();
    let (cluster, _) = parts(&found.id).unwrap_or_default();
    if declared.is_some_and(ServiceSpec::runs_outside)
        && let Readiness::Pending(why) = readiness(service, wanted, &awaited)
        && !has_host(aws, cluster).await?
    {
        let why = format!("{why}; no host outside AWS is connected to the cluster {cluster}");
        found.readiness = Readiness::Deferred(why);
        return Ok(());
    }
    found.readiness = account::readiness(aws, service, wanted, &awaited).await;
    Ok(())
}

/// Which deployment a service is judged by.
fn awaited(aws: &Aws, service: &types::Service, wanted: Option<&str>) -> Awaited {
    let id = long_arn(service);
    let awaited = aws.deployments().awaited(&id);
    let Which::NotThis(before) = &awaited.which else { return awaited };
    // The answer to a call of ours was lost. A primary deployment that was not there before, of the definition that is
    // wanted, does what the call asked for: taken as ours, whoever has started it. While there is none the service still
    // differs, and is updated again.
    let is_new = |primary: &&types::Deployment| {
        let definition = primary.task_definition().unwrap_or_default();
        primary.id() != before.as_deref() && wanted.is_none_or(|wanted| is_definition(wanted, definition))
    };
    let Some(ours) = primary(service).filter(is_new) else { return awaited };
    let which = Which::Ours { id: ours.id().unwrap_or_default().to_owned(), begun: ours.created_at().copied() };
    let awaited = Awaited { which, last_event: None };
    aws.deployments().wait_for(&id, awaited.clone());
    awaited
}

impl ServiceSpec {
    /// Whether its tasks run on hosts outside AWS.
    pub(super) fn runs_outside(&self) -> bool {
        self.launch_type.as_ref().is_some_and(|launch_type| *launch_type == OUTSIDE)
    }
}

/// Whether a cluster has a host outside AWS that tasks could be placed on.
async fn has_host(aws: &Aws, cluster: &str) -> Result<bool, Fault> {
    let filter = "attribute:ecs.capability.external exists and agentConnected == true";
    let call = aws.ecs().list_container_instances().cluster(cluster).filter(filter);
    let call = call.status(types::ContainerInstanceStatus::Active).max_results(1).send();
    let answer = call.await.map_err(fault("ecs:ListContainerInstances"))?;
    Ok(!answer.container_instance_arns().is_empty())
}

async fn describe(aws: &Aws, names: &Names) -> Result<Vec<types::Service>, Fault> {
    let calls = names.iter().flat_map(|(cluster, names)| {
        let names: Vec<String> = names.iter().cloned().collect();
        let chunks: Vec<_> = names.chunks(Services::AT_ONCE).map(|names| (cluster.clone(), names.to_vec())).collect();
        chunks
    });
    let answers = stream::iter(calls.collect::<Vec<_>>())
        .map(|(cluster, names)| aws.services().describe(cluster, names))
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>();
    Ok(answers.await?.into_iter().flatten().collect())
}

/// Services that nobody declares and the tagging service has not told of yet: looked for in clusters of ours that count
/// more services than were found.
async fn unknown(aws: &Aws, scope: &Scope<'_>, asked: &Names, services: &[types::Service]) -> Result<Names, Fault> {
    let mut more = Names::new();
    for cluster in scope.known.of("Cluster") {
        let count = serde_json::from_value::<Contents>(cluster.detail.clone()).map_or(0, |held| held.active_services);
        let arn = cluster.attributes.get("arn").map(String::as_str);
        let known = services.iter().filter(|one| one.cluster_arn() == arn && one.status() == Some("ACTIVE")).count();
        let is_ours = cluster.tags.get(crate::kinds::STACK_TAG) == Some(&scope.place.stack);
        if !is_ours || usize::try_from(count).unwrap_or(0) <= known {
            continue;
        }
        let pages = aws.ecs().list_services().cluster(&cluster.id).max_results(100).into_paginator().items().send();
        let arns = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListServices"))?;
        let names = arns.iter().filter_map(|arn| arn.rsplit('/').next()).map(str::to_owned);
        let new: BTreeSet<String> =
            names.filter(|name| !asked.get(&cluster.id).is_some_and(|asked| asked.contains(name))).collect();
        if !new.is_empty() {
            more.insert(cluster.id.clone(), new);
        }
    }
    Ok(more)
}

/// What AWS tells of a service only with its revision, by the service's ARN: asked for where it is declared, where a
/// tag says that it was, and by a deep read everywhere.
async fn revisions(
    aws: &Aws,
    scope: &Scope<'_>,
    services: &[types::Service],
    declared: &[Option<ServiceSpec>],
) -> Result<BTreeMap<String, types::ServiceRevision>, Fault> {
    let declares = |spec: &ServiceSpec| spec.gateway_connectors.is_some() || spec.monitoring.is_some();
    let declared_once = |service: &types::Service| tags_of(service.tags()).contains_key(REVISION_TAG);
    let mut arns = Vec::new();
    for (service, spec) in services.iter().zip(declared) {
        // Of what is not declared nothing is compared.
        let Some(spec) = spec else { continue };
        if scope.purpose == Purpose::Deep || declares(spec) || declared_once(service) {
            arns.extend(revisions_of(service));
        }
    }
    let mut newest = describe_revisions(aws, &arns).await?;
    // A deep plan may have seen what nobody declares. That it cannot be read is no obstacle to what is declared.
    if let (Purpose::Settle(_), [service], [Some(_)], []) = (scope.purpose, services, declared, arns.as_slice())
        && readiness(service, None, &Awaited::default()) == Readiness::Ready
    {
        match describe_revisions(aws, &revisions_of(service)).await {
            Ok(more) => newest = more,
            Err(fault) => tracing::debug!(%fault, "no service revision"),
        }
    }
    Ok(newest)
}

fn revisions_of(service: &types::Service) -> Vec<String> {
    service.current_service_revisions().iter().filter_map(|revision| revision.arn().map(str::to_owned)).collect()
}

async fn describe_revisions(aws: &Aws, arns: &[String]) -> Result<BTreeMap<String, types::ServiceRevision>, Fault> {
    let mut newest: BTreeMap<String, types::ServiceRevision> = BTreeMap::new();
    for arns in arns.chunks(REVISIONS_AT_ONCE) {
        let call = aws.ecs().describe_service_revisions().set_service_revision_arns(Some(arns.to_vec()));
        let answer = call.send().await.map_err(fault("ecs:DescribeServiceRevisions"))?;
        for revision in answer.service_revisions.unwrap_or_default() {
            let Some(service) = revision.service_arn().map(str::to_owned) else { continue };
            let is_newer = newest.get(&service).is_none_or(|known| revision.created_at() > known.created_at());
            if is_newer {
                newest.insert(service, revision);
            }
        }
    }
    Ok(newest)
}
