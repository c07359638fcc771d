//! Deployment controllers other than ECS: what they take, what `UpdateService` refuses for them, and the task set that
//! stands where a service of ECS has a deployment.
//!
//! CodeDeploy itself is not in the sandbox, nor are the operations of task sets: a service of CODE_DEPLOY keeps the task
//! set that it was created with, and one of EXTERNAL has none.

use serde_json::{Map, Value, json};

use super::deployments::Deployment;
use super::errors::{invalid, unsupported};
use super::service_checks::text;
use super::services::Service;
use super::shapes::{Input, items};
use crate::sandbox::wire::AwsError;

pub(super) const ECS: &str = "ECS";
pub(super) const CODE_DEPLOY: &str = "CODE_DEPLOY";
pub(super) const EXTERNAL: &str = "EXTERNAL";

/// Members of a service that a task set has in its place.
const OF_TASK_SETS: &[(&str, &str)] = &[
    ("taskDefinition", "TaskDefinition must be blank"),
    ("launchType", "LaunchType must be blank"),
    ("capacityProviderStrategy", "CapacityProviderStrategy must be empty or null"),
    ("platformVersion", "PlatformVersion must be blank"),
    ("networkConfiguration", "NetworkConfiguration must be empty or null"),
    ("loadBalancers", "LoadBalancers must be empty or null"),
    ("serviceRegistries", "ServiceRegistries must be empty or null"),
];

/// Members that a service of another controller gets with a new task set only, and how AWS calls them.
const BY_DEPLOYMENT: &[(&str, &str)] = &[
    ("taskDefinition", "task definition"),
    ("networkConfiguration", "network parameters"),
    ("platformVersion", "platform version"),
    ("loadBalancers", "load balancers"),
    ("serviceRegistries", "service registries"),
    ("capacityProviderStrategy", "capacity provider strategy"),
    ("serviceConnectConfiguration", "service connect configuration"),
    ("volumeConfigurations", "volume configurations"),
    ("vpcLatticeConfigurations", "VPC Lattice configurations"),
    ("gatewayConnectors", "gateway connectors"),
];

/// The controller of a service's members, or of an input.
pub(super) fn of(members: &Map<String, Value>) -> &str {
    members.get("deploymentController").and_then(|controller| controller["type"].as_str()).unwrap_or(ECS)
}

fn has(members: &Map<String, Value>, member: &str) -> bool {
    members.get(member).is_some_and(|value| !value.is_null() && *value != json!([]))
}

/// What `CreateService` refuses because of the controller.
pub(super) fn check_create(input: &Map<String, Value>) -> Result<(), AwsError> {
    let controller = of(input);
    if ![ECS, CODE_DEPLOY, EXTERNAL].contains(&controller) {
        return Err(invalid(format!("{controller} is not a valid deployment controller type.")));
    }
    if controller == EXTERNAL
        && let Some((_, message)) = OF_TASK_SETS.iter().find(|(member, _)| has(input, member))
    {
        return Err(invalid(*message));
    }
    if controller == CODE_DEPLOY && items(input.get("loadBalancers")).is_empty() {
        return Err(invalid("The service requires an Application Load Balancer or Network Load Balancer."));
    }
    if controller != ECS && text(input, "schedulingStrategy") == "DAEMON" {
        return Err(invalid(format!(
            "The deployment controller {controller} does not support the DAEMON scheduling strategy."
        )));
    }
    Ok(())
}

/// What `UpdateService` refuses because of the controller. `before` are the members of the service.
pub(super) fn check_update(before: &Map<String, Value>, input: &Input) -> Result<(), AwsError> {
    let controller = of(before);
    let wanted = input.get("deploymentController").and_then(|controller| controller["type"].as_str());
    match (controller, wanted.unwrap_or(controller)) {
        (ECS, ECS) | (CODE_DEPLOY, ECS) => return Ok(()),
        (before, after) if before != after => {
            return Err(unsupported(format!(
                "the sandbox does not turn a service of controller {before} into one of {after}"
            )));
        }
        _ => {}
    }
    let (article, instead) = match controller {
        CODE_DEPLOY => ("a", "Use AWS CodeDeploy to trigger a new deployment."),
        _ => ("an", "Use CreateTaskSet to create a new task set."),
    };
    let refused = BY_DEPLOYMENT.iter().find(|(member, _)| input.get(member).is_some());
    if let Some((_, words)) = refused {
        return Err(invalid(format!(
            "Unable to update {words} on services with {article} {controller} deployment controller. {instead}"
        )));
    }
    if input.flag("forceNewDeployment") == Some(true) {
        return Err(invalid(format!(
            "Cannot force a new deployment on services with {article} {controller} deployment controller. {instead}"
        )));
    }
    Ok(())
}

/// The task set of a service of CODE_DEPLOY.
pub(super) fn task_set(service: &Service, deployment: &Deployment, running: usize, pending: usize) -> Value {
    let mut shown = deployment.show("PRIMARY");
    let is_steady = deployment.state == "COMPLETED";
    if let Some(members) = shown.as_object_mut() {
        let gone = [
            "rolloutState",
            "rolloutStateReason",
            "failedTasks",
            "serviceConnectConfiguration",
            "volumeConfigurations",
        ];
        for member in gone.into_iter().chain(["vpcLatticeConfigurations"]) {
            members.shift_remove(member);
        }
    }
    let id = deployment.id.rsplit('/').next().unwrap_or_default();
    let path = service.arn.split_once(":service/").map_or("", |(_, path)| path);
    let arn = service.arn.split_once(":service/").map_or("", |(account, _)| account);
    shown["taskSetArn"] = json!(format!("{arn}:task-set/{path}/ecs-svc/{id}"));
    shown["serviceArn"] = json!(service.arn);
    shown["clusterArn"] = json!(service.cluster_arn);
    shown["computedDesiredCount"] = json!(service.desired);
    shown["runningCount"] = json!(running);
    shown["pendingCount"] = json!(pending);
    shown["scale"] = json!({"value": 100.0, "unit": "PERCENT"});
    shown["stabilityStatus"] = json!(if is_steady { "STEADY_STATE" } else { "STABILIZING" });
    shown["loadBalancers"] = service.spec.get("loadBalancers").cloned().unwrap_or_else(|| json!([]));
    shown["serviceRegistries"] = service.spec.get("serviceRegistries").cloned().unwrap_or_else(|| json!([]));
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::Fixture;

    const GROUP: &str = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/a/0123456789abcdef";

    fn edge() -> Fixture {
        let mut aws = Fixture::edge();
        let container = json!({"name": "c", "image": "nginx", "memory": 64, "portMappings": [{"containerPort": 80}]});
        aws.ok("RegisterTaskDefinition", json!({"family": "web", "containerDefinitions": [container]}));
        aws
    }

    fn handed_over() -> Value {
        json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 1,
            "deploymentController": {"type": "CODE_DEPLOY"},
            "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "c", "containerPort": 80}]})
    }

    #[test]
    fn a_service_of_code_deploy_has_a_task_set() {
        let mut aws = edge();
        aws.ok("CreateService", handed_over());
        aws.wait(60.0);
        let service = aws.service("s");
        assert_eq!((&service["deployments"], &service["runningCount"]), (&json!([]), &json!(1)));
        let set = &service["taskSets"][0];
        assert_eq!((&set["status"], &set["stabilityStatus"]), (&json!("PRIMARY"), &json!("STEADY_STATE")));
        assert_eq!(set["taskDefinition"], service["taskDefinition"]);
        let update = |change: Value| {
            let mut input = json!({"cluster": "edge", "service": "s"});
            input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            input
        };
        for change in
            [json!({"taskDefinition": "web"}), json!({"loadBalancers": []}), json!({"forceNewDeployment": true})]
        {
            let message = aws.error("UpdateService", update(change)).message;
            assert!(message.contains("with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy"), "{message}");
        }
        let more = json!({"desiredCount": 2, "healthCheckGracePeriodSeconds": 5, "propagateTags": "SERVICE"});
        aws.ok("UpdateService", update(more));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["runningCount"], 2);
        // It can be handed over to ECS, which then deploys.
        aws.ok("UpdateService", update(json!({"deploymentController": {"type": "ECS"}})));
        aws.wait(60.0);
        let service = aws.service("s");
        assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
        assert!(service.get("taskSets").is_none());
        let back = update(json!({"deploymentController": {"type": "CODE_DEPLOY"}}));
        assert_eq!(aws.refused("UpdateService", back), "UnsupportedFeatureException");
        aws.ok("DeleteService", json!({"cluster": "edge", "service": "s", "force": true}));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["status"], "INACTIVE");
    }

    #[test]
    fn a_service_of_another_program_is_an_empty_frame() {
        let mut aws = edge();
        let external = json!({"cluster": "edge", "serviceName": "s", "deploymentController": {"type": "EXTERNAL"}});
        let with = |member: &str, value: Value| {
            let mut input = external.clone();
            input[member] = value;
            input
        };
        assert_eq!(
            aws.error("CreateService", with("taskDefinition", json!("web"))).message,
            "TaskDefinition must be blank"
        );
        assert!(aws.error("CreateService", with("schedulingStrategy", json!("DAEMON"))).message.contains("DAEMON"));
        aws.ok("CreateService", with("desiredCount", json!(2)));
        aws.wait(60.0);
        let service = aws.service("s");
        assert_eq!((&service["deployments"], &service["runningCount"]), (&json!([]), &json!(0)));
        assert!(service.get("taskDefinition").is_none());
        let update = json!({"cluster": "edge", "service": "s", "taskDefinition": "web"});
        assert!(aws.error("UpdateService", update).message.contains("an EXTERNAL deployment controller"));
        aws.ok("UpdateService", json!({"cluster": "edge", "service": "s", "desiredCount": 1}));
        aws.ok("DeleteService", json!({"cluster": "edge", "service": "s", "force": true}));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["status"], "INACTIVE");
    }

    #[test]
    fn code_deploy_needs_a_load_balancer() {
        let mut input = handed_over();
        input["loadBalancers"] = json!([]);
        assert!(edge().error("CreateService", input).message.contains("requires an Application Load Balancer"));
    }
}
