//! Whether a service can run beside the one that it replaces.

use serde_json::Value;

use super::DEFAULT_CLUSTER;
use super::spec::ServiceSpec;
use crate::kinds::{Found, Others, Together, by_name};

pub(super) fn together(old: &Found<ServiceSpec>, new: &ServiceSpec, others: &Others<'_>) -> Together {
    let connect = new.service_connect_configuration.as_ref().filter(|connect| connect.enabled);
    if connect.is_some_and(|connect| connect.services.as_ref().is_some_and(|services| !services.is_empty())) {
        return Together::IfAsked("the old one has its names in Service Connect".to_owned());
    }
    let cluster = |spec: &ServiceSpec| spec.cluster.clone().unwrap_or_else(|| DEFAULT_CLUSTER.to_owned());
    let is_on_fargate = new.launch_type.as_ref().is_some_and(|launch_type| *launch_type == "FARGATE");
    // Hosts are in one cluster each.
    if cluster(&old.spec) != cluster(new) || is_on_fargate {
        return Together::Yes;
    }
    match new.task_definition.as_deref().and_then(|definition| definition_of(definition, others)) {
        Some(definition) if has_fixed_ports(&definition) => {
            Together::IfAsked("the tasks of the old one have the same ports of the hosts".to_owned())
        }
        Some(_) => Together::Yes,
        None => Together::IfAsked("which ports of the hosts its tasks have is not known".to_owned()),
    }
}

/// The definition that a text refers to or names: `${TaskDefinition.till.arn}`, `till:7`, an ARN.
fn definition_of(text: &str, others: &Others<'_>) -> Option<Value> {
    const KIND: &str = "TaskDefinition";
    if let Some(spec) = others.spec_of(KIND, text) {
        let kind = by_name(KIND)?;
        return Some(kind.normalise(spec, &others.desired.place()).unwrap_or_else(|_| spec.clone()));
    }
    let name = text.rsplit('/').next().unwrap_or(text);
    let family = name.split(':').next().unwrap_or(name);
    others.spec_of(KIND, family).cloned()
}

/// Whether no two tasks of a definition fit on one host for their ports.
fn has_fixed_ports(definition: &Value) -> bool {
    let mode = definition["networkMode"].as_str().unwrap_or("bridge");
    let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|one| one["portMappings"].as_array().into_iter().flatten());
    match mode {
        "awsvpc" | "none" => false,
        "host" => ports.next().is_some(),
        _ => ports.any(|port| port["hostPort"].as_i64().unwrap_or(0) != 0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_of_hosts_are_fixed_where_they_are_named() {
        let with = |mode: &str, port: Value| {
            has_fixed_ports(&json!({"networkMode": mode, "containerDefinitions": [{"portMappings": [port]}]}))
        };
        assert!(with("bridge", json!({"containerPort": 80, "hostPort": 80})));
        assert!(with("host", json!({"containerPort": 80})));
        assert!(!with("bridge", json!({"containerPort": 80, "hostPort": 0})));
        assert!(!with("awsvpc", json!({"containerPort": 80, "hostPort": 80})));
        assert!(!has_fixed_ports(&json!({"networkMode": "host", "containerDefinitions": [{}]})));
    }
}
