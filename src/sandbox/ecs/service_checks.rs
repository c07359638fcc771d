//! What `CreateService`, `UpdateService` and `RunTask` refuse, and the defaults that the server fills in.

use serde_json::{Map, Value, json};

use super::clusters::{Cluster, strategy};
use super::errors::{client, invalid, too_many, unsupported};
use super::query::Expression;
use super::shapes::items;
use super::task_definitions::Definition;
use crate::sandbox::wire::AwsError;

type Members = Map<String, Value>;

pub(super) fn text<'a>(members: &'a Members, member: &str) -> &'a str {
    members.get(member).and_then(Value::as_str).unwrap_or("")
}

/// Network configuration goes with `awsvpc` and with nothing else.
pub(super) fn network(definition: &Definition, given: Option<&Value>) -> Result<(), AwsError> {
    let given = given.map(|network| &network["awsvpcConfiguration"]).filter(|awsvpc| awsvpc.is_object());
    let Some(awsvpc) = given else {
        return if definition.is_awsvpc() {
            Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."))
        } else {
            Ok(())
        };
    };
    if !definition.is_awsvpc() {
        return Err(invalid("Network Configuration is not valid for the given networkMode of this task definition."));
    }
    let count = items(awsvpc.get("subnets")).len();
    if count == 0 {
        return Err(invalid("subnets can not be empty."));
    }
    if count > 16 {
        return Err(too_many("subnets", 16));
    }
    if items(awsvpc.get("securityGroups")).len() > 5 {
        return Err(too_many("securityGroups", 5));
    }
    Ok(())
}

/// The capacity provider strategy of an input: what it says, else the default of the cluster unless there is a
/// launch type.
pub(super) fn strategy_of(input: &Members, cluster: &Cluster) -> Result<Option<Value>, AwsError> {
    let given = items(input.get("capacityProviderStrategy"));
    let has_launch_type = input.contains_key("launchType");
    if !given.is_empty() && has_launch_type {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ));
    }
    if !given.is_empty() {
        return strategy(given, &cluster.capacity_providers).map(Some);
    }
    let default = Some(cluster.strategy.clone()).filter(|strategy| *strategy != json!([]));
    Ok(if has_launch_type { None } else { default })
}

/// What a launch type asks of the definition and of the other members.
pub(super) fn launch_type(definition: &Definition, launch_type: &str, members: &Members) -> Result<(), AwsError> {
    if launch_type == "MANAGED_INSTANCES" {
        return Err(unsupported("the sandbox has no managed instances"));
    }
    if !definition.allows(launch_type) {
        return Err(invalid(format!("Task definition does not support launch_type {launch_type}.")));
    }
    let has = |member: &str| members.get(member).is_some_and(|value| *value != json!([]));
    if launch_type != "FARGATE" {
        if has("platformVersion") {
            return Err(invalid(format!(
                "The platform version must be null when specifying an {launch_type} launch type."
            )));
        }
        let public = members
            .get("networkConfiguration")
            .is_some_and(|network| network["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED");
        if public {
            return Err(invalid("Assign public IP is not supported for this launch type."));
        }
    }
    match launch_type {
        "FARGATE" => {
            if !definition.is_awsvpc() {
                return Err(invalid("Fargate only supports network mode 'awsvpc'."));
            }
            let size = |member: &str| definition.text(member).parse().unwrap_or(0);
            if !super::definition_checks::is_fargate_size(size("cpu"), size("memory")) {
                return Err(invalid("Task definition does not support launch_type FARGATE."));
            }
            if has("placementConstraints") || has("placementStrategy") {
                return Err(invalid(
                    "Placement constraints and strategies are not supported with FARGATE launch type.",
                ));
            }
            let version = text(members, "platformVersion");
            if !["", "LATEST", "1.4.0", "1.3.0"].contains(&version) {
                return Err(AwsError::invalid(
                    "PlatformUnknownException",
                    "The specified platform version does not exist.",
                ));
            }
        }
        "EXTERNAL" => {
            if definition.is_awsvpc() {
                return Err(invalid("The EXTERNAL launch type does not support networkMode 'awsvpc'."));
            }
            for (member, words) in [
                ("loadBalancers", "load balancers"),
                ("serviceRegistries", "service registries"),
                ("vpcLatticeConfigurations", "VPC Lattice"),
            ] {
                if has(member) {
                    return Err(invalid(format!("The EXTERNAL launch type does not support {words}.")));
                }
            }
            if members.get("serviceConnectConfiguration").is_some_and(|connect| connect["enabled"] == true) {
                return Err(invalid("The EXTERNAL launch type does not support Service Connect."));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Placement strategies as the server shows them.
pub(super) fn placement_strategy(given: &[Value]) -> Result<Value, AwsError> {
    if given.len() > 5 {
        return Err(invalid("placementStrategy can have 5 elements at most."));
    }
    let mut kept = Vec::new();
    for item in given {
        let kind = item["type"].as_str().unwrap_or("");
        let field = item["field"].as_str().unwrap_or("");
        kept.push(match kind {
            "random" => json!({"type": kind}),
            "binpack" if ["cpu", "memory"].contains(&field.to_ascii_lowercase().as_str()) => {
                json!({"type": kind, "field": field.to_ascii_uppercase()})
            }
            "spread" if field == "host" => json!({"type": kind, "field": "instanceId"}),
            "spread" if field == "instanceId" || field.starts_with("attribute:") => {
                json!({"type": kind, "field": field})
            }
            _ => return Err(invalid(format!("The field '{field}' is not valid for the placement strategy '{kind}'."))),
        });
    }
    Ok(Value::Array(kept))
}

fn constraints(definition: &Definition, members: &Members) -> Result<(), AwsError> {
    let given = items(members.get("placementConstraints"));
    if given.len() + items(definition.value.get("placementConstraints")).len() > 10 {
        return Err(invalid(
            "A task can have 10 placement constraints at most, those of its task definition included.",
        ));
    }
    for constraint in given {
        match (constraint["type"].as_str().unwrap_or(""), constraint["expression"].as_str()) {
            ("distinctInstance", None | Some("")) => {}
            ("distinctInstance", Some(_)) => {
                return Err(invalid("The distinctInstance placement constraint can not have an expression."));
            }
            (_, expression) => {
                Expression::parse(expression.unwrap_or("")).map_err(invalid)?;
            }
        }
    }
    Ok(())
}

/// A deployment of two colours says for how long both of them run.
pub(super) fn needs_bake_time(given: Option<&Value>) -> Result<(), AwsError> {
    let Some(given) = given.filter(|given| given["strategy"] == "BLUE_GREEN") else { return Ok(()) };
    match given.get("bakeTimeInMinutes") {
        Some(_) => Ok(()),
        None => Err(invalid("bakeTimeInMinutes must be provided with the deployment strategy BLUE_GREEN.")),
    }
}

/// Deployment configuration: what is given over what was, over the defaults.
pub(super) fn deployment_configuration(before: Option<&Value>, given: Option<&Value>, daemon: bool) -> Value {
    let mut configuration = json!({
        "deploymentCircuitBreaker": {
            "enable": false,
            "rollback": false,
            "resetOnHealthyTask": true,
            "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
        },
        "maximumPercent": if daemon { 100 } else { 200 },
        "minimumHealthyPercent": if daemon { 0 } else { 100 },
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    });
    for layer in [before, given].into_iter().flatten() {
        for (member, value) in layer.as_object().into_iter().flatten() {
            if member == "deploymentCircuitBreaker" {
                for (member, value) in value.as_object().into_iter().flatten() {
                    configuration["deploymentCircuitBreaker"][member] = value.clone();
                }
            } else {
                configuration[member] = value.clone();
            }
        }
    }
    let strategy = configuration["strategy"].as_str().unwrap_or("").to_owned();
    for (of, member, defaults) in [
        ("LINEAR", "linearConfiguration", json!({"stepPercent": 10.0, "stepBakeTimeInMinutes": 6})),
        ("CANARY", "canaryConfiguration", json!({"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10})),
    ] {
        let is_given = given.is_some_and(|given| given.get(member).is_some());
        if strategy == of {
            let mut filled = defaults;
            if let (Some(filled), Some(given)) = (filled.as_object_mut(), configuration[member].as_object()) {
                filled.extend(given.clone());
            }
            configuration[member] = filled;
        } else if !is_given && let Some(members) = configuration.as_object_mut() {
            // What was of another strategy goes with it.
            members.shift_remove(member);
        }
    }
    configuration
}

/// Holds a complete service against the rules. `desired` is what the call says, if anything.
pub(super) fn check(members: &Members, definition: &Definition, desired: Option<i64>) -> Result<(), AwsError> {
    let daemon = text(members, "schedulingStrategy") == "DAEMON";
    let on_fargate = launch_type_of(members) == "FARGATE";
    network(definition, members.get("networkConfiguration"))?;
    launch_type(definition, launch_type_of(members), members)?;
    constraints(definition, members)?;
    if desired.is_some_and(|desired| desired < 0) {
        return Err(invalid("DesiredCount can not be lesser than 0."));
    }
    let configuration = members.get("deploymentConfiguration").unwrap_or(&Value::Null);
    let (least, most) = (whole(configuration, "minimumHealthyPercent"), whole(configuration, "maximumPercent"));
    if daemon {
        if desired.is_some() {
            return Err(invalid(
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again.",
            ));
        }
        if members.get("placementStrategy").is_some_and(|strategy| *strategy != json!([])) {
            return Err(invalid(
                "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and try again.",
            ));
        }
        if on_fargate || members.contains_key("capacityProviderStrategy") {
            return Err(invalid(
                "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling strategy.",
            ));
        }
        if most > 100 {
            return Err(invalid(
                "The daemon scheduling strategy does not support values above 100 for maximumPercent.",
            ));
        }
    }
    if !(0..=100).contains(&least) {
        return Err(invalid("minimumHealthyPercent must be at most 100 and at least 0."));
    }
    if most < 100 {
        return Err(invalid("maximumPercent must be at least 100."));
    }
    if least == 100 && most == 100 {
        return Err(invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    let strategy = configuration["strategy"].as_str().unwrap_or("ROLLING");
    if strategy != "ROLLING" && daemon {
        return Err(invalid("The daemon scheduling strategy supports rolling deployments only."));
    }
    for (member, of) in
        [("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY"), ("earlySuccessCriteria", "ROLLING")]
    {
        if strategy != of && configuration.get(member).is_some_and(|value| value["enable"] != false) {
            return Err(invalid(format!("{member} is only valid with the deployment strategy {of}.")));
        }
    }
    for balancer in items(members.get("loadBalancers")) {
        let name = balancer["containerName"].as_str().unwrap_or("");
        let container = definition.containers().iter().find(|container| container["name"] == name);
        let Some(container) = container else {
            return Err(invalid(format!("The container {name} does not exist in the task definition.")));
        };
        let port = &balancer["containerPort"];
        if !items(container.get("portMappings")).iter().any(|mapping| mapping["containerPort"] == *port) {
            return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
        }
    }
    if items(members.get("serviceRegistries")).len() > 1 {
        return Err(invalid("A service can have one service registry at most."));
    }
    if let Some(role) = members.get("role").and_then(Value::as_str)
        && role.starts_with("arn:")
        && !(role.contains(":iam::") && role.contains(":role/"))
    {
        return Err(invalid("The service role is not valid."));
    }
    let at_launch = |name: &Value| {
        items(definition.value.get("volumes"))
            .iter()
            .any(|volume| volume["configuredAtLaunch"] == true && volume["name"] == *name)
    };
    if let Some(volume) = items(members.get("volumeConfigurations")).iter().find(|volume| !at_launch(&volume["name"])) {
        return Err(invalid(format!(
            "The volume {} is not configured at launch in the task definition.",
            volume["name"]
        )));
    }
    if members.get("enableExecuteCommand") == Some(&json!(true)) && definition.text("taskRoleArn").is_empty() {
        return Err(invalid(
            "The service couldn't be created because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.",
        ));
    }
    if members.get("availabilityZoneRebalancing") == Some(&json!("ENABLED"))
        && let Some(why) = no_rebalancing(members)
    {
        return Err(invalid(format!(
            "The service couldn't be created because Availability Zone Rebalancing does not support {why}."
        )));
    }
    if definition.status() != "ACTIVE" {
        return Err(client("TaskDefinition is inactive"));
    }
    Ok(())
}

/// Why a service cannot rebalance over zones, if it cannot.
pub(super) fn no_rebalancing(members: &Members) -> Option<&'static str> {
    let first = items(members.get("placementStrategy")).first();
    let on_zone =
        |constraint: &Value| constraint["expression"].as_str().unwrap_or("").contains("ecs.availability-zone");
    if text(members, "schedulingStrategy") == "DAEMON" {
        return Some("DAEMON as scheduling strategy");
    }
    if launch_type_of(members) == "EXTERNAL" {
        return Some("the EXTERNAL launch type");
    }
    if whole(members.get("deploymentConfiguration").unwrap_or(&Value::Null), "maximumPercent") <= 100 {
        return Some("a maximumPercent of 100 or less");
    }
    if items(members.get("loadBalancers")).iter().any(|balancer| balancer["loadBalancerName"].is_string()) {
        return Some("Classic Load Balancers");
    }
    if items(members.get("placementConstraints")).iter().any(on_zone) {
        return Some("placement constraints on Availability Zones");
    }
    first
        .is_some_and(|item| item["type"] != "spread" || item["field"] != "attribute:ecs.availability-zone")
        .then_some("placement strategies that do not spread over Availability Zones first")
}

fn whole(value: &Value, member: &str) -> i64 {
    value[member].as_i64().unwrap_or(0)
}

/// The launch type that tasks get: Fargate with a capacity provider strategy, as there are no other providers.
pub(super) fn launch_type_of(members: &Members) -> &str {
    if members.contains_key("capacityProviderStrategy") {
        return "FARGATE";
    }
    match text(members, "launchType") {
        "" => "EC2",
        launch_type => launch_type,
    }
}
