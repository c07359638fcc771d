//! A service of the API in the manifest's words.

use aws_sdk_ecs::types::{self, Deployment};
use serde_json::json;

use super::readiness::{primary, readiness};
use super::spec::ServiceSpec;
use crate::aws::Awaited;
use crate::aws::ecs::tags_of;
use crate::kinds::cluster::namespace;
use crate::kinds::{Attributes, Found};

/// The ARN in its long form, which has the cluster in it; accounts of old may still be answered the short one.
pub(super) fn long_arn(service: &types::Service) -> String {
    let cluster = service.cluster_arn().unwrap_or_default().replacen(":cluster/", ":service/", 1);
    format!("{cluster}/{}", service.service_name().unwrap_or_default())
}

/// Cluster and name in a long ARN.
pub(super) fn parts(arn: &str) -> Option<(&str, &str)> {
    arn.split_once(":service/")?.1.split_once('/')
}

/// Whether what is declared names this task definition. A family without a revision names all of its revisions.
pub(super) fn is_definition(declared: &str, arn: &str) -> bool {
    let has_revision = declared.rsplit('/').next().unwrap_or(declared).contains(':');
    declared == arn
        || (!has_revision
            && arn.rsplit_once(':').is_some_and(|(family, revision)| {
                family == declared && revision.bytes().all(|byte| byte.is_ascii_digit())
            }))
}

/// `wanted` is the declared service, where one is known.
pub(super) fn lower(
    service: &types::Service,
    wanted: Option<&ServiceSpec>,
    revision: Option<&types::ServiceRevision>,
) -> Found<ServiceSpec> {
    let id = long_arn(service);
    let name = service.service_name().unwrap_or_default().to_owned();
    let (cluster, _) = parts(&id).unwrap_or_default();
    let tags = tags_of(service.tags());
    let mut spec = ServiceSpec::from_sdk_service(service);
    spec.tags = None;
    spec.cluster = Some(cluster.to_owned());
    if let Some(revision) = revision {
        spec.add_revision(revision);
    }
    let definition = wanted.and_then(|wanted| wanted.task_definition.as_deref());
    if let (Some(live), Some(wanted)) = (&mut spec.task_definition, definition)
        && is_definition(wanted, live)
    {
        wanted.clone_into(live);
    }
    if let Some(live) = &mut spec.service_connect_configuration {
        let wanted = wanted.and_then(|wanted| wanted.service_connect_configuration.as_ref());
        if let Some(wanted) = wanted {
            namespace::as_declared(&mut live.namespace, wanted.namespace.as_deref(), &tags);
        }
    }
    Found {
        key: Some(format!("{cluster}/{name}")),
        attributes: Attributes::from([
            ("arn".to_owned(), service.service_arn().unwrap_or(&id).to_owned()),
            ("name".to_owned(), name),
        ]),
        id,
        spec,
        tags,
        readiness: readiness(service, None, &Awaited::default()),
        detail: json!({"status": service.status(), "primary": primary(service).and_then(Deployment::id)}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITION: &str = "arn:aws:ecs:us-west-2:123456789012:task-definition/till";

    fn service() -> types::Service {
        types::Service::builder()
            .service_arn("arn:aws:ecs:us-west-2:123456789012:service/till")
            .service_name("till")
            .cluster_arn("arn:aws:ecs:us-west-2:123456789012:cluster/edge")
            .task_definition(format!("{DEFINITION}:7"))
            .build()
    }

    fn definition_seen(wanted: Option<&str>) -> String {
        let wanted = ServiceSpec { task_definition: wanted.map(str::to_owned), ..ServiceSpec::default() };
        lower(&service(), Some(&wanted), None).spec.task_definition.unwrap()
    }

    #[test]
    fn ids_are_long_also_where_arns_are_short() {
        let found = lower(&service(), None, None);
        assert_eq!(found.id, "arn:aws:ecs:us-west-2:123456789012:service/edge/till");
        assert_eq!(found.key.as_deref(), Some("edge/till"));
        assert_eq!(found.attributes["arn"], "arn:aws:ecs:us-west-2:123456789012:service/till");
        assert_eq!(parts(&found.id), Some(("edge", "till")));
    }

    #[test]
    fn a_declared_family_stands_for_each_of_its_revisions() {
        let live = format!("{DEFINITION}:7");
        assert_eq!(definition_seen(Some(DEFINITION)), DEFINITION);
        assert_eq!(definition_seen(Some(&live)), live);
        assert_eq!(definition_seen(Some(&format!("{DEFINITION}:8"))), live);
        assert_eq!(definition_seen(Some(&DEFINITION[..DEFINITION.len() - 1])), live);
        assert_eq!(definition_seen(None), live);
    }
}
