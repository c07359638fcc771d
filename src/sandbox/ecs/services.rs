//! Services: what they are, and the operations that create, show and delete them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::clusters::{Cluster, active, namespace_arn};
use super::deployments::Deployment;
use super::paging::{listed, page};
use super::rollouts::Rollout;
use super::service_checks::{
    check, deployment_configuration, launch_type_of, needs_bake_time, no_rebalancing, placement_strategy, strategy_of,
};
use super::shapes::{Input, items};
use super::tags::{self, Tags};
use super::task_definitions::{Definition, usable};
use super::{controllers, epoch, errors};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::sandbox) struct Service {
    pub(super) name: String,
    /// The group of its tasks: `service:NAME`.
    pub(super) group: String,
    pub(super) arn: String,
    pub(super) cluster_arn: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub(super) status: String,
    pub(super) created_at: Timestamp,
    pub(super) inactive_since: Option<Timestamp>,
    /// How many tasks there should be; of a daemon, as many as there are instances for it.
    pub(super) desired: i64,
    /// The members of the API, with defaults.
    pub(super) spec: Map<String, Value>,
    /// The primary deployment is the first.
    pub(super) deployments: Vec<Deployment>,
    /// The last deployment that completed.
    pub(super) completed: Option<Deployment>,
    pub(super) rollouts: Vec<Rollout>,
    /// Newest first.
    events: Vec<Event>,
    pub(super) tags: Tags,
    /// The input that made it, for telling a repetition from another service of its name.
    request: Value,
    pub(super) steady: bool,
    /// Consecutive tasks that failed, and when the scheduler tries again.
    pub(super) failures: i64,
    pub(super) retry_at: Option<Timestamp>,
    /// When it last complained, so that it does not do so all the time.
    pub(super) complained_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Event {
    id: String,
    at: Timestamp,
    message: String,
}

/// Members of `spec` that only its deployments show.
const OF_DEPLOYMENTS: &[&str] = &[
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
    "role",
];

impl Service {
    pub(super) fn is_daemon(&self) -> bool {
        self.spec.get("schedulingStrategy").and_then(Value::as_str) == Some("DAEMON")
    }

    pub(super) fn launch_type(&self) -> &str {
        launch_type_of(&self.spec)
    }

    /// Whether a task definition is the service's or one of its deployments'.
    pub(super) fn uses(&self, definition: &str) -> bool {
        self.status != "INACTIVE"
            && (self.spec.get("taskDefinition").is_some_and(|used| used == definition)
                || self.deployments.iter().any(|deployment| deployment.definition() == definition))
    }

    /// Adds `(service NAME) message` to its events.
    pub(super) fn tell(&mut self, state: &mut State, now: Timestamp, message: &str) {
        let id = state.hex(32);
        let id = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
        self.events.insert(0, Event { id, at: now, message: format!("(service {}) {message}", self.name) });
        self.events.truncate(100);
    }

    pub(super) fn show(&self, cluster: &Cluster, with_tags: bool) -> Value {
        let count = |status: &str, deployment: Option<&str>| {
            let mine = cluster.tasks.values().filter(|task| task.service.as_deref() == Some(&self.name));
            mine.filter(|task| {
                task.counts_as() == status && (deployment.is_none() || task.deployment.as_deref() == deployment)
            })
            .count()
        };
        let mut shown = self.spec.clone();
        for member in OF_DEPLOYMENTS {
            shown.shift_remove(*member);
        }
        // A service of another controller has task sets in place of deployments.
        let is_ecs = controllers::of(&self.spec) == controllers::ECS;
        if let Some(deployment) = self.deployments.first().filter(|_| !is_ecs) {
            let count = |status: &str| count(status, Some(&deployment.id));
            let set = controllers::task_set(self, deployment, count("RUNNING"), count("PENDING"));
            shown.insert("taskSets".into(), json!([set]));
        }
        let deployments: Vec<Value> = self
            .deployments
            .iter()
            .filter(|_| is_ecs)
            .enumerate()
            .map(|(index, deployment)| {
                let mut shown = deployment.show(if index == 0 { "PRIMARY" } else { "ACTIVE" });
                shown["runningCount"] = json!(count("RUNNING", Some(&deployment.id)));
                shown["pendingCount"] = json!(count("PENDING", Some(&deployment.id)));
                shown["desiredCount"] = json!(if index == 0 { self.desired } else { 0 });
                shown
            })
            .collect();
        let events: Vec<Value> = self
            .events
            .iter()
            .map(|event| json!({"id": event.id, "createdAt": epoch(event.at), "message": event.message}))
            .collect();
        let more = json!({
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster_arn,
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": count("RUNNING", None),
            "pendingCount": count("PENDING", None),
            "deployments": deployments,
            "events": events,
            "createdAt": epoch(self.created_at),
        });
        shown.extend(more.as_object().cloned().unwrap_or_default());
        if with_tags {
            shown.insert("tags".into(), tags::show(&self.tags));
        }
        if let Some(rollout) = self.rollouts.last().filter(|_| is_ecs) {
            shown.insert("currentServiceDeployment".into(), json!(rollout.arn));
            let revision = json!({
                "arn": rollout.revision,
                "requestedTaskCount": self.desired,
                "runningTaskCount": count("RUNNING", self.deployments.first().map(|deployment| deployment.id.as_str())),
                "pendingTaskCount": count("PENDING", self.deployments.first().map(|deployment| deployment.id.as_str())),
            });
            shown.insert("currentServiceRevisions".into(), json!([revision]));
        }
        Value::Object(shown)
    }
}

impl Cluster {
    /// The service that a name or ARN means.
    pub(super) fn find_service(&self, reference: &str) -> Option<&Service> {
        self.services.get(reference.rsplit('/').next().unwrap_or(reference))
    }
}

/// Fills in what depends on other members, when creating and when updating.
pub(super) fn settle(
    state: &mut State,
    spec: &mut Map<String, Value>,
    definition: &Definition,
    default_namespace: Option<&str>,
) -> Result<(), AwsError> {
    let fargate = launch_type_of(spec) == "FARGATE";
    spec.insert("taskDefinition".into(), json!(definition.arn()));
    if fargate {
        spec.entry("platformVersion").or_insert_with(|| json!("LATEST"));
        spec.insert("platformFamily".into(), json!("Linux"));
    }
    if let Some(Value::Object(awsvpc)) =
        spec.get_mut("networkConfiguration").map(|network| network["awsvpcConfiguration"].take())
    {
        let mut kept = json!({"securityGroups": [], "assignPublicIp": "DISABLED"});
        if let Some(kept) = kept.as_object_mut() {
            kept.extend(awsvpc);
        }
        spec.insert("networkConfiguration".into(), json!({"awsvpcConfiguration": kept}));
    }
    super::task_network::check(state, spec.get("networkConfiguration"))?;
    let given = placement_strategy(items(spec.get("placementStrategy")))?;
    spec.insert("placementStrategy".into(), given);
    let linked = definition.is_awsvpc()
        || !items(spec.get("loadBalancers")).is_empty()
        || !items(spec.get("serviceRegistries")).is_empty();
    let role = match spec.get("role").and_then(Value::as_str) {
        Some(role) if role.starts_with("arn:") => Some(role.to_owned()),
        Some(role) => Some(state.arn("iam", &format!("role/{role}"))),
        None if linked => Some(state.arn("iam", "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")),
        None => None,
    };
    match role {
        Some(role) => spec.insert("roleArn".into(), json!(role)),
        None => spec.shift_remove("roleArn"),
    };
    if let Some(connect) = spec.get_mut("serviceConnectConfiguration")
        && connect["enabled"] == true
        && !connect["namespace"].is_string()
    {
        let Some(namespace) = default_namespace else {
            return Err(errors::invalid(
                "Service Connect needs a namespace: the service names none and the cluster has no default.",
            ));
        };
        connect["namespace"] = json!(namespace);
    }
    if let Some(connect) = spec.get_mut("serviceConnectConfiguration")
        && let Some(name) = connect["namespace"].as_str().filter(|name| !name.starts_with("arn:")).map(str::to_owned)
    {
        connect["namespace"] = json!(namespace_arn(state, &name));
    }
    Ok(())
}

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let name = input.text("serviceName").unwrap_or("").to_owned();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || name.len() > 255 || !name.chars().all(allowed) {
        return Err(errors::invalid(
            "Service name can not be blank and can have up to 255 letters, numbers, underscores, and hyphens.",
        ));
    }
    if input.text("clientToken").is_some_and(|token| token.len() > 36) {
        return Err(errors::invalid("idempotency token longer than 36."));
    }
    let request = Value::Object(input.0.clone());
    if let Some(service) = cluster.services.get(&name) {
        match service.status.as_str() {
            "ACTIVE" if service.request == request => return Ok(json!({"service": service.show(cluster, true)})),
            "ACTIVE" => return Err(errors::invalid("Creation of service was not idempotent.")),
            "DRAINING" => return Err(errors::invalid("Unable to Start a service that is still Draining.")),
            _ => {}
        }
    }
    if cluster.services.values().filter(|service| service.status != "INACTIVE").count() >= 5000 {
        return Err(errors::client("The maximum number of services per cluster has been reached."));
    }
    let strategy = strategy_of(&input.0, cluster)?;
    let (cluster_name, cluster_arn, namespace) = (cluster.name.clone(), cluster.arn.clone(), cluster.namespace.clone());
    controllers::check_create(&input.0)?;
    let is_external = controllers::of(&input.0) == controllers::EXTERNAL;
    let definition = match input.text("taskDefinition") {
        Some(reference) => Some(usable(state, reference)?),
        None if is_external => None,
        None => return Err(errors::invalid("TaskDefinition can not be blank.")),
    };
    let daemon = input.text("schedulingStrategy") == Some("DAEMON");
    let mut spec = input.0.clone();
    for member in ["cluster", "serviceName", "clientToken", "desiredCount", "tags", "capacityProviderStrategy"] {
        spec.shift_remove(member);
    }
    match strategy {
        // What a task set runs on is its own matter.
        _ if is_external => None,
        Some(strategy) => spec.insert("capacityProviderStrategy".into(), strategy),
        None => spec.entry("launchType").or_insert_with(|| json!("EC2")).as_null().map(|()| Value::Null),
    };
    for (member, default) in [
        ("loadBalancers", json!([])),
        ("serviceRegistries", json!([])),
        ("placementConstraints", json!([])),
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({"type": "ECS"})),
        ("healthCheckGracePeriodSeconds", json!(0)),
        ("enableECSManagedTags", json!(false)),
        ("propagateTags", json!("NONE")),
        ("enableExecuteCommand", json!(false)),
    ] {
        spec.entry(member).or_insert(default);
    }
    needs_bake_time(input.get("deploymentConfiguration"))?;
    let configuration = deployment_configuration(None, input.get("deploymentConfiguration"), daemon);
    spec.insert("deploymentConfiguration".into(), configuration);
    let desired = input.whole("desiredCount");
    if !daemon && desired.is_none() && !is_external {
        return Err(errors::invalid("DesiredCount is missing"));
    }
    if let Some(definition) = &definition {
        check(&spec, definition, desired)?;
    }
    if launch_type_of(&spec) == "FARGATE"
        && let Some(reason) = super::fargate_refusal(state, spec.get("networkConfiguration"))
    {
        return Err(errors::invalid(reason));
    }
    let tags = tags::read(input.list("tags"))?;
    if let Some(definition) = &definition {
        settle(state, &mut spec, definition, namespace.as_deref())?;
    }
    if !spec.contains_key("availabilityZoneRebalancing") && !is_external {
        let word = if no_rebalancing(&spec).is_none() { "ENABLED" } else { "DISABLED" };
        spec.insert("availabilityZoneRebalancing".into(), json!(word));
    }
    let mut service = Service {
        arn: state.arn("ecs", &format!("service/{cluster_name}/{name}")),
        cluster_arn,
        status: "ACTIVE".into(),
        created_at: call.now,
        inactive_since: None,
        desired: desired.unwrap_or(0),
        spec,
        deployments: Vec::new(),
        completed: None,
        rollouts: Vec::new(),
        events: Vec::new(),
        tags,
        request,
        steady: false,
        failures: 0,
        retry_at: None,
        complained_at: None,
        group: format!("service:{name}"),
        name: name.clone(),
    };
    if !is_external {
        service.deploy(state, call.now);
    }
    let cluster = active(state, &input)?;
    let shown = service.show(cluster, true);
    cluster.services.insert(name, service);
    Ok(json!({"service": shown}))
}

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let name = active(state, &input)?.name.clone();
    let prefix = state.arn("ecs", &format!("service/{name}/"));
    let cluster = active(state, &input)?;
    let wanted = input.texts("services");
    if wanted.is_empty() {
        return Err(errors::invalid("Services cannot be empty."));
    }
    if wanted.len() > 10 {
        return Err(errors::too_many("service names", 10));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        match cluster.find_service(reference) {
            Some(service) => found.push(service.show(cluster, input.includes("TAGS"))),
            None => {
                let name = reference.rsplit('/').next().unwrap_or(reference);
                failures.push(json!({"arn": format!("{prefix}{name}"), "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"services": found, "failures": failures}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let wanted = |service: &&Service| {
        service.status != "INACTIVE"
            && input.text("launchType").is_none_or(|wanted| service.launch_type() == wanted)
            && input.text("schedulingStrategy").is_none_or(|wanted| service.is_daemon() == (wanted == "DAEMON"))
            && input.text("resourceManagementType") != Some("ECS")
    };
    let arns = cluster.services.values().filter(wanted).map(|service| service.arn.clone());
    let (arns, next) = page(&input, arns.collect(), 10, 100)?;
    Ok(listed("serviceArns", arns, next))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let name = input.text("service").unwrap_or("").rsplit('/').next().unwrap_or("").to_owned();
    let service = cluster
        .services
        .get_mut(&name)
        .filter(|service| service.status != "INACTIVE")
        .ok_or_else(errors::service_not_found)?;
    if service.desired > 0 && !service.is_daemon() && !input.flag("force").unwrap_or(false) {
        return Err(errors::invalid("The service cannot be stopped while it is scaled above 0."));
    }
    service.status = "DRAINING".into();
    service.desired = 0;
    service.steady = false;
    let shown = cluster.services.get(&name).map(|service| service.show(cluster, false));
    Ok(json!({"service": shown}))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::Fixture;

    fn edge() -> Fixture {
        let mut aws = Fixture::edge();
        aws.define("web", "nginx");
        let awsvpc = json!({
            "family": "vpc", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": "c", "image": "nginx"}],
        });
        aws.ok("RegisterTaskDefinition", awsvpc);
        aws
    }

    fn input(change: Value) -> Value {
        let mut input = json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 1});
        for (member, value) in change.as_object().unwrap() {
            input[member] = value.clone();
        }
        input
    }

    #[test]
    fn defaults_are_filled_in() {
        let made = edge().ok("CreateService", input(json!({})))["service"].clone();
        assert_eq!(made["taskDefinition"], "arn:aws:ecs:us-west-2:123456789012:task-definition/web:1");
        assert_eq!(made["launchType"], "EC2");
        assert_eq!(made["schedulingStrategy"], "REPLICA");
        assert_eq!(made["propagateTags"], "NONE");
        assert_eq!(made["availabilityZoneRebalancing"], "ENABLED");
        assert_eq!(made["deploymentConfiguration"]["maximumPercent"], 200);
        assert_eq!(made["deployments"][0]["rolloutState"], "IN_PROGRESS");
        assert!(made.get("platformVersion").is_none() && made.get("roleArn").is_none());
        let mut aws = edge();
        let network = json!({"awsvpcConfiguration": {"subnets": [aws.subnet()]}});
        let fargate = json!({"taskDefinition": "vpc", "launchType": "FARGATE", "networkConfiguration": network});
        let made = aws.ok("CreateService", input(fargate))["service"].clone();
        assert_eq!(made["platformVersion"], "LATEST");
        assert_eq!(made["deployments"][0]["platformVersion"], "1.4.0");
        assert_eq!(made["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "DISABLED");
        assert!(made["roleArn"].as_str().unwrap().ends_with("AWSServiceRoleForECS"));
    }

    #[test]
    fn refusals() {
        let message = |change: Value| edge().error("CreateService", input(change)).message;
        assert!(message(json!({"taskDefinition": "vpc"})).contains("must be provided"));
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        assert!(message(json!({"networkConfiguration": network})).contains("not valid for the given networkMode"));
        assert!(message(json!({"desiredCount": null})).contains("DesiredCount is missing"));
        assert!(message(json!({"schedulingStrategy": "DAEMON"})).contains("desired count"));
        assert!(message(json!({"launchType": "EC2", "platformVersion": "LATEST"})).contains("platform version"));
        assert!(message(json!({"taskDefinition": "gone"})).contains("not found"));
        let both = json!({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]});
        assert!(message(both).contains("both a launch type"));
        let external = json!({"launchType": "EXTERNAL", "serviceRegistries": [{"registryArn": "x"}]});
        assert!(message(external).contains("EXTERNAL"));
        let percent = json!({"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}});
        assert!(message(percent).contains("block deployments"));
        assert!(message(json!({"launchType": "FARGATE"})).contains("awsvpc"));
        let mut aws = edge();
        assert_eq!(aws.refused("CreateService", input(json!({"cluster": "gone"}))), "ClusterNotFoundException");
        aws.ok("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"}));
        assert_eq!(
            aws.error("CreateService", input(json!({"taskDefinition": "web:1"}))).message,
            "TaskDefinition is inactive"
        );
    }

    #[test]
    fn creating_again() {
        let mut aws = edge();
        let first = aws.ok("CreateService", input(json!({"clientToken": "t"})));
        let again = aws.ok("CreateService", input(json!({"clientToken": "t"})));
        assert_eq!(first["service"]["deployments"][0]["id"], again["service"]["deployments"][0]["id"]);
        let other = aws.error("CreateService", input(json!({"desiredCount": 2})));
        assert_eq!(other.message, "Creation of service was not idempotent.");
        let delete = json!({"cluster": "edge", "service": "s"});
        aws.wait(60.0);
        assert!(aws.error("DeleteService", delete.clone()).message.contains("scaled above 0"));
        aws.ok("UpdateService", json!({"cluster": "edge", "service": "s", "desiredCount": 0}));
        assert_eq!(aws.ok("DeleteService", delete)["service"]["status"], "DRAINING");
        assert_eq!(
            aws.error("CreateService", input(json!({}))).message,
            "Unable to Start a service that is still Draining."
        );
        aws.wait(30.0);
        let gone = aws.service("s");
        assert_eq!(gone["status"], "INACTIVE");
        assert_eq!(aws.ok("CreateService", input(json!({})))["service"]["status"], "ACTIVE");
    }

    #[test]
    fn lists_in_tens() {
        let mut aws = edge();
        for number in 0..12 {
            aws.ok("CreateService", input(json!({"serviceName": format!("s{number}"), "desiredCount": 0})));
        }
        let page = aws.ok("ListServices", json!({"cluster": "edge"}));
        assert_eq!(page["serviceArns"].as_array().unwrap().len(), 10);
        let rest = aws.ok("ListServices", json!({"cluster": "edge", "nextToken": page["nextToken"]}));
        assert_eq!(rest["serviceArns"].as_array().unwrap().len(), 2);
        let none = aws.ok("ListServices", json!({"cluster": "edge", "launchType": "EXTERNAL"}));
        assert_eq!(none["serviceArns"], json!([]));
        let many: Vec<String> = (0..11).map(|number| format!("s{number}")).collect();
        assert_eq!(
            aws.refused("DescribeServices", json!({"cluster": "edge", "services": many})),
            "InvalidParameterException"
        );
        let missing = aws.ok("DescribeServices", json!({"cluster": "edge", "services": ["x"]}));
        assert_eq!(missing["failures"][0]["reason"], "MISSING");
    }
}
