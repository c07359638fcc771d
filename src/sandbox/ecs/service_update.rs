//! `UpdateService`: what is omitted stays, an empty list removes, and some members start a deployment.

use serde_json::{Map, Value, json};

use super::clusters::{active, strategy};
use super::service_checks::{check, deployment_configuration, launch_type_of, needs_bake_time};
use super::services::settle;
use super::shapes::Input;
use super::task_definitions::{find, usable};
use super::{controllers, errors};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// Members that start a deployment when they change.
const DEPLOYS: &[&str] = &[
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
];

/// Members that are taken as they are.
const PLAIN: &[&str] = &[
    "availabilityZoneRebalancing",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "healthCheckGracePeriodSeconds",
    "deploymentController",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "loadBalancers",
    "propagateTags",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
];

pub(super) fn update(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let name = input.text("service").unwrap_or("").rsplit('/').next().unwrap_or("").to_owned();
    let service = cluster.services.get(&name).ok_or_else(errors::service_not_found)?;
    if service.status != "ACTIVE" {
        return Err(AwsError::invalid("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let before = service.spec.clone();
    controllers::check_update(&before, &input)?;
    let namespace = cluster.namespace.clone();
    let mut spec = before.clone();
    for member in PLAIN {
        if let Some(value) = input.get(member) {
            spec.insert((*member).to_owned(), value.clone());
        }
    }
    needs_bake_time(input.get("deploymentConfiguration"))?;
    let configuration = deployment_configuration(
        spec.get("deploymentConfiguration"),
        input.get("deploymentConfiguration"),
        service.is_daemon(),
    );
    spec.insert("deploymentConfiguration".into(), configuration);
    if let Some(Value::Array(given)) = input.get("capacityProviderStrategy") {
        let strategy = strategy(given, &cluster.capacity_providers)?;
        if given.is_empty() {
            // Back to the launch type that the providers stand for; the sandbox has those of Fargate alone.
            let launch_type = if spec.shift_remove("capacityProviderStrategy").is_some() { "FARGATE" } else { "EC2" };
            spec.entry("launchType").or_insert_with(|| json!(launch_type));
        } else {
            spec.shift_remove("launchType");
            spec.insert("capacityProviderStrategy".into(), strategy);
        }
        // Moves between launch types leave what belongs to the old one behind.
        if launch_type_of(&spec) != "FARGATE" {
            spec.shift_remove("platformVersion");
            spec.shift_remove("platformFamily");
        }
    }
    let force = input.flag("forceNewDeployment").unwrap_or(false);
    let is_external = controllers::of(&before) == controllers::EXTERNAL;
    let definition = match input.text("taskDefinition") {
        _ if is_external => None,
        Some(reference) => Some(usable(state, reference)?),
        None => {
            let current = spec.get("taskDefinition").and_then(Value::as_str).unwrap_or("");
            let found = find(state, current).cloned();
            let mut definition = found.ok_or_else(|| errors::client("TaskDefinition not found."))?;
            // A service keeps running on a definition that became inactive.
            definition.value["status"] = json!("ACTIVE");
            Some(definition)
        }
    };
    let desired = input.whole("desiredCount");
    if let Some(definition) = &definition {
        check(&spec, definition, desired).map_err(|mut error| {
            error.message = error.message.replace("couldn't be created", "couldn't be updated");
            error
        })?;
        settle(state, &mut spec, definition, namespace.as_deref())?;
    }
    let changed = |member: &&&str| differs(&before, &spec, member);
    let is_handed_over = controllers::of(&before) != controllers::of(&spec);
    let deploys = force || is_handed_over || DEPLOYS.iter().any(|member| changed(&member));
    let Some(mut service) = active(state, &input)?.services.get(&name).cloned() else {
        return Err(errors::service_not_found());
    };
    service.spec = spec;
    if let Some(desired) = desired
        && desired != service.desired
    {
        service.desired = desired;
        service.steady = false;
    }
    if deploys {
        service.deploy(state, call.now);
    }
    let cluster = active(state, &input)?;
    let shown = service.show(cluster, true);
    cluster.services.insert(name, service);
    Ok(json!({"service": shown}))
}

fn differs(before: &Map<String, Value>, after: &Map<String, Value>, member: &str) -> bool {
    let given = |members: &Map<String, Value>| members.get(member).filter(|value| **value != json!([])).cloned();
    given(before) != given(after)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::Fixture;

    fn serving() -> Fixture {
        let mut aws = Fixture::edge();
        aws.define("web", "nginx");
        let constraint = json!([{"type": "memberOf", "expression": "agentConnected == true"}]);
        aws.ok(
            "CreateService",
            json!({
                "cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 1,
                "placementConstraints": constraint,
            }),
        );
        aws.wait(60.0);
        aws
    }

    fn deployment_after(change: Value) -> (bool, Value) {
        let mut aws = serving();
        let before = aws.service("s")["deployments"][0]["id"].clone();
        let mut input = json!({"cluster": "edge", "service": "s"});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let after = aws.ok("UpdateService", input)["service"].clone();
        (after["deployments"][0]["id"] != before, after)
    }

    #[test]
    fn only_some_members_deploy() {
        let (deployed, after) = deployment_after(json!({"desiredCount": 2, "enableECSManagedTags": true}));
        assert!(!deployed);
        assert_eq!(after["desiredCount"], 2);
        assert_eq!(after["placementConstraints"].as_array().unwrap().len(), 1);
        let (deployed, after) = deployment_after(json!({"placementConstraints": []}));
        assert!(!deployed);
        assert_eq!(after["placementConstraints"], json!([]));
        assert!(deployment_after(json!({"forceNewDeployment": true})).0);
        assert!(!deployment_after(json!({"taskDefinition": "web:1"})).0);
        let (_, after) = deployment_after(json!({"deploymentConfiguration": {"minimumHealthyPercent": 50}}));
        assert_eq!(after["deploymentConfiguration"]["maximumPercent"], 200);
    }

    #[test]
    fn refusals() {
        let mut aws = serving();
        assert_eq!(
            aws.refused("UpdateService", json!({"cluster": "edge", "service": "x"})),
            "ServiceNotFoundException"
        );
        let bad = json!({"cluster": "edge", "service": "s", "desiredCount": -1});
        assert_eq!(aws.refused("UpdateService", bad), "InvalidParameterException");
        aws.ok("DeleteService", json!({"cluster": "edge", "service": "s", "force": true}));
        assert_eq!(
            aws.refused("UpdateService", json!({"cluster": "edge", "service": "s"})),
            "ServiceNotActiveException"
        );
    }
}
