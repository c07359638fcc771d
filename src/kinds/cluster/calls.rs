//! The calls that a cluster needs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{Cluster, ClusterField};

use super::lower::lower;
use super::namespace;
use super::spec::ClusterSpec;
use crate::aws::ecs::{retag, sdk_tags, unfit};
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Changed, Found, Progress, Purpose, Scope, Target};

/// How many clusters one call describes.
const AT_ONCE: usize = 100;

/// Everything that a cluster has to tell.
const FIELDS: [ClusterField; 5] = [
    ClusterField::Attachments,
    ClusterField::Configurations,
    ClusterField::Settings,
    ClusterField::Statistics,
    ClusterField::Tags,
];

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<ClusterSpec>>, Fault> {
    let names: BTreeSet<String> = match scope.purpose {
        Purpose::Settle(name) => BTreeSet::from([name.to_owned()]),
        // What is declared is asked for by name, because the tagging service lags behind; it knows the rest.
        Purpose::Survey | Purpose::Deep | Purpose::Find => {
            let tagged = scope.shared.tagged(aws, &scope.place.stack).await?;
            let tagged = tagged.iter().filter_map(|one| one.arn.split_once(":cluster/")).map(|(_, name)| name);
            let declared = scope.wanted.iter().filter_map(|wanted| wanted.key.as_deref());
            tagged.chain(declared).map(str::to_owned).collect()
        }
    };
    let names: Vec<String> = names.into_iter().collect();
    let mut found = Vec::new();
    for names in names.chunks(AT_ONCE) {
        let call = aws.ecs().describe_clusters().set_clusters(Some(names.to_vec())).set_include(Some(FIELDS.to_vec()));
        let answer = call.send().await.map_err(fault("ecs:DescribeClusters"))?;
        if let Some(failure) = answer.failures().iter().find(|failure| failure.reason() != Some("MISSING")) {
            let (arn, reason) = (failure.arn().unwrap_or_default(), failure.reason().unwrap_or("no reason given"));
            return Err(Fault::found("ecs:DescribeClusters", Cause::Invalid, format!("{arn}: {reason}")));
        }
        let there = answer.clusters().iter().filter(|cluster| cluster.status() != Some("INACTIVE"));
        found.extend(there.map(|cluster| lower(cluster, declared(scope, cluster.cluster_name()).as_ref())));
    }
    Ok(found)
}

fn declared(scope: &Scope<'_>, name: Option<&str>) -> Option<ClusterSpec> {
    let wanted = scope.wanted.iter().find(|wanted| wanted.key.as_deref() == name)?;
    serde_json::from_value(wanted.spec.clone()).ok()
}

pub(super) async fn create(aws: &Aws, target: &Target<ClusterSpec>) -> Result<String, Fault> {
    let spec = &target.spec;
    let name = spec.cluster_name.clone().unwrap_or_else(|| target.address.name.clone());
    let call = spec.create(aws.ecs()).map_err(unfit("ecs:CreateCluster"))?;
    let call = call.cluster_name(&name).set_tags(Some(sdk_tags(&target.tags)));
    let answer = aws.eventually(|| async { call.clone().send().await.map_err(fault("ecs:CreateCluster")) }).await?;
    if let (Some(wanted), Some(cluster)) = (declared_namespace(spec), answer.cluster()) {
        learn(aws, wanted, cluster, cluster.cluster_arn().unwrap_or_default()).await?;
    }
    Ok(name)
}

/// Keeps which namespace a name led to. Whether AWS told.
async fn learn(aws: &Aws, wanted: &str, cluster: &Cluster, arn: &str) -> Result<bool, Fault> {
    let live = cluster.service_connect_defaults().and_then(|defaults| defaults.namespace());
    let tags: BTreeMap<_, _> = namespace::tag(Some(wanted), live).into_iter().collect();
    retag(aws, arn, &tags, &[]).await?;
    Ok(live.is_some())
}

fn declared_namespace(spec: &ClusterSpec) -> Option<&str> {
    spec.service_connect_defaults.as_ref().map(|defaults| defaults.namespace.as_str())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<ClusterSpec>,
    live: &Found<ClusterSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let invalid = |error: serde_json::Error| Fault::found("ecs:UpdateCluster", Cause::Invalid, error.to_string());
    let wanted = changed.over(&live.spec, &target.full).map_err(invalid)?;
    if ["settings", "configuration", "serviceConnectDefaults"].iter().any(|member| changed.has(member)) {
        let call = wanted.update(aws.ecs(), &live.spec).map_err(unfit("ecs:UpdateCluster"))?.cluster(&live.id);
        let answer = aws.eventually(|| async { call.clone().send().await.map_err(fault("ecs:UpdateCluster")) }).await;
        let cluster = match answer {
            Ok(answer) => answer.cluster,
            Err(fault) if fault.cause == Cause::InUse => return Ok(Progress::Waiting(fault.message)),
            Err(fault) => return Err(fault),
        };
        if changed.has("serviceConnectDefaults")
            && let Some(namespace) = declared_namespace(&wanted)
        {
            let is_told = match &cluster {
                Some(cluster) => learn(aws, namespace, cluster, arn(live)).await?,
                None => false,
            };
            if !is_told {
                return Ok(Progress::Waiting("AWS has not told the namespace yet".to_owned()));
            }
        }
    }
    if changed.has("capacityProviders") || changed.has("defaultCapacityProviderStrategy") {
        let operation = "ecs:PutClusterCapacityProviders";
        let call = wanted.put_capacity_providers(aws.ecs()).map_err(unfit(operation))?.cluster(&live.id);
        let answer = aws.eventually(|| async { call.clone().send().await.map_err(fault(operation)) }).await;
        match answer {
            Ok(_) => {}
            // Another change of the cluster is under way: it is tried again with a fresh look.
            Err(fault) if fault.cause == Cause::InUse => return Ok(Progress::Waiting(fault.message)),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Progress::Done)
}

pub(super) async fn delete(aws: &Aws, live: &Found<ClusterSpec>) -> Result<Progress, Fault> {
    aws.ecs().delete_cluster().cluster(&live.id).send().await.map_err(fault("ecs:DeleteCluster"))?;
    Ok(Progress::Done)
}

pub(super) fn arn(live: &Found<ClusterSpec>) -> &str {
    live.attributes.get("arn").map_or("", String::as_str)
}
