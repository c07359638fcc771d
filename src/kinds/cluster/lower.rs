//! A cluster of the API in the manifest's words.

use aws_sdk_ecs::types;
use serde::{Deserialize, Serialize};

use super::namespace;
use super::spec::{ClusterSetting, ClusterSpec};
use crate::aws::ecs::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

/// What is in a cluster, which is what keeps it from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contents {
    pub(crate) active_services: i32,
    pub(crate) instances: i32,
    /// Running and pending.
    pub(crate) tasks: i32,
}

/// `wanted` is the declared cluster, where one is known.
pub(super) fn lower(cluster: &types::Cluster, wanted: Option<&ClusterSpec>) -> Found<ClusterSpec> {
    let name = cluster.cluster_name().unwrap_or_default().to_owned();
    let tags = tags_of(cluster.tags());
    let mut spec = ClusterSpec::from_sdk_cluster(cluster);
    spec.tags = None;
    let insights = || ClusterSetting { name: Some("containerInsights".into()), value: Some("disabled".to_owned()) };
    spec.settings.get_or_insert_with(|| vec![insights()]);
    let declared = wanted.and_then(|wanted| wanted.service_connect_defaults.as_ref());
    if let (Some(live), Some(declared)) = (&mut spec.service_connect_defaults, declared) {
        let mut namespace = Some(std::mem::take(&mut live.namespace));
        namespace::as_declared(&mut namespace, Some(&declared.namespace), &tags);
        live.namespace = namespace.unwrap_or_default();
    }
    let contents = Contents {
        active_services: cluster.active_services_count(),
        instances: cluster.registered_container_instances_count(),
        tasks: cluster.running_tasks_count() + cluster.pending_tasks_count(),
    };
    Found {
        attributes: Attributes::from([
            ("name".to_owned(), name.clone()),
            ("arn".to_owned(), cluster.cluster_arn().unwrap_or_default().to_owned()),
        ]),
        key: Some(name.clone()),
        id: name,
        spec,
        tags,
        readiness: readiness(cluster),
        detail: serde_json::to_value(contents).unwrap_or_default(),
    }
}

fn readiness(cluster: &types::Cluster) -> Readiness {
    match (cluster.status().unwrap_or("unknown"), cluster.attachments_status()) {
        ("ACTIVE", Some("UPDATE_FAILED")) => {
            Readiness::Failed("the capacity providers could not be attached (UPDATE_FAILED)".to_owned())
        }
        ("ACTIVE", Some(status)) if status.ends_with("IN_PROGRESS") => {
            Readiness::Pending(format!("capacity providers are being attached ({status})"))
        }
        ("ACTIVE", _) => Readiness::Ready,
        ("FAILED", _) => Readiness::Failed("the cluster could not be made (FAILED)".to_owned()),
        (status, _) => Readiness::Pending(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_of_the_status_and_of_the_attachments() {
        let of = |status: &str, attachments: Option<&str>| {
            let cluster = types::Cluster::builder().status(status);
            readiness(&cluster.set_attachments_status(attachments.map(str::to_owned)).build())
        };
        assert_eq!(of("ACTIVE", None), Readiness::Ready);
        assert_eq!(of("ACTIVE", Some("UPDATE_COMPLETE")), Readiness::Ready);
        assert!(matches!(of("ACTIVE", Some("UPDATE_IN_PROGRESS")), Readiness::Pending(_)));
        assert!(matches!(of("ACTIVE", Some("UPDATE_FAILED")), Readiness::Failed(_)));
        assert!(matches!(of("PROVISIONING", None), Readiness::Pending(_)));
        assert!(matches!(of("FAILED", None), Readiness::Failed(_)));
    }
}
