//! The operations on tasks: run, start, stop, describe, list.

use serde_json::{Value, json};

use super::clusters::{Cluster, active};
use super::paging::{listed, page};
use super::placement::{self, Request};
use super::shapes::{Input, items};
use super::tags::{self, Tags};
use super::task_definitions::{Definition, find};
pub(in crate::sandbox) use super::task_life::Task;
use super::task_life::{Launch, Needs, launch};
use super::{errors, service_checks, task_network};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// What `RunTask` and `StartTask` have in common, checked.
struct Order {
    cluster: String,
    definition: Definition,
    group: String,
    tags: Tags,
    overrides: Value,
}

fn order(state: &mut State, input: &Input, now: jiff::Timestamp) -> Result<Order, AwsError> {
    let cluster = active(state, input)?;
    let (name, cluster_arn) = (cluster.name.clone(), cluster.arn.clone());
    let reference = input.text("taskDefinition").unwrap_or("");
    let definition = find(state, reference).cloned().ok_or_else(|| errors::client("TaskDefinition not found."))?;
    if definition.status() != "ACTIVE" {
        return Err(errors::client(
            "The specified task definition is inactive. You must specify an active task definition.",
        ));
    }
    if input.text("startedBy").is_some_and(|text| text.len() > 128) {
        return Err(errors::invalid("startedBy can have 128 characters at most."));
    }
    let overrides = input.get("overrides").cloned().unwrap_or(Value::Null);
    if overrides.to_string().len() > 8192 {
        return Err(errors::invalid("Overrides can have 8192 characters at most."));
    }
    for item in items(overrides.get("containerOverrides")) {
        let wanted = item["name"].as_str().unwrap_or("");
        if !definition.containers().iter().any(|container| container["name"] == wanted) {
            return Err(errors::invalid(format!(
                "Override for container named {wanted} is not a container in the TaskDefinition."
            )));
        }
    }
    service_checks::network(&definition, input.get("networkConfiguration"))?;
    task_network::check(state, input.get("networkConfiguration"))?;
    let mut all = Tags::new();
    match input.text("propagateTags") {
        Some("SERVICE") => {
            return Err(errors::invalid(
                "propagateTags SERVICE is not valid for a task that is not part of a service.",
            ));
        }
        Some("TASK_DEFINITION") => all.extend(definition.tags.clone()),
        _ => {}
    }
    all.extend(tags::read(input.list("tags"))?);
    if input.flag("enableECSManagedTags").unwrap_or(false) {
        let name = cluster_arn.rsplit('/').next().unwrap_or("").to_owned();
        all.insert("aws:ecs:clusterName".into(), name);
    }
    if input.flag("enableExecuteCommand").unwrap_or(false) && definition.text("taskRoleArn").is_empty() {
        return Err(errors::invalid(
            "The execute command feature was not enabled: the task definition has no task role.",
        ));
    }
    state.ecs.runs.retain(|_, run| run.at + std::time::Duration::from_secs(24 * 3600) > now);
    let group = input.text("group").map_or_else(|| format!("family:{}", definition.text("family")), str::to_owned);
    if group.starts_with("service:") && group.len() > 8 && input.text("group").is_some() {
        return Err(errors::invalid("The group of a task can not begin with 'service:'."));
    }
    Ok(Order { cluster: name, definition, group, tags: all, overrides })
}

impl Order {
    fn launch<'a>(&'a self, input: &'a Input, launch_type: &'a str) -> Launch<'a> {
        Launch {
            definition: &self.definition,
            launch_type,
            capacity_provider: None,
            platform_version: None,
            instance: None,
            group: self.group.clone(),
            started_by: input.text("startedBy").unwrap_or("").to_owned(),
            service: None,
            overrides: self.overrides.clone(),
            network: input.get("networkConfiguration"),
            tags: self.tags.clone(),
            execute_command: input.flag("enableExecuteCommand").unwrap_or(false),
        }
    }
}

pub(super) fn run(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let order = order(state, &input, call.now)?;
    let mut request = input.0.clone();
    let token = request.shift_remove("clientToken").and_then(|token| token.as_str().map(str::to_owned));
    let count = input.whole("count").unwrap_or(1);
    if !(1..=10).contains(&count) {
        return Err(errors::invalid("Count must be between 1 and 10."));
    }
    if let Some(token) = &token {
        if token.len() > 64 {
            return Err(errors::invalid("clientToken can have 64 characters at most."));
        }
        if let Some(run) = state.ecs.runs.get(token) {
            if run.request == Value::Object(request) {
                return Ok(repeat(state, &order.cluster, &run.tasks));
            }
            return Err(AwsError {
                members: json!({"resourceIds": run.tasks}),
                ..AwsError::invalid(
                    "ConflictException",
                    "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request.",
                )
            });
        }
    }
    let cluster = active(state, &input)?;
    let strategy = service_checks::strategy_of(&input.0, cluster)?;
    let provider = super::shapes::items(strategy.as_ref())
        .first()
        .and_then(|item| item["capacityProvider"].as_str())
        .map(str::to_owned);
    let launch_type = match &provider {
        Some(_) => "FARGATE",
        None => input.text("launchType").unwrap_or("EC2"),
    };
    service_checks::launch_type(&order.definition, launch_type, &input.0)?;
    let answer = start(state, &input, &order, launch_type, provider, count, call)?;
    if let Some(token) = token {
        let tasks =
            items(answer.get("tasks")).iter().filter_map(|task| task["taskArn"].as_str().map(str::to_owned)).collect();
        let run = super::Run { at: call.now, request: Value::Object(request), tasks };
        state.ecs.runs.insert(token, run);
    }
    Ok(answer)
}

fn repeat(state: &State, cluster: &str, tasks: &[String]) -> Value {
    let ids = tasks.iter().filter_map(|arn| arn.rsplit('/').next());
    let found = |id: &str| state.ecs.clusters.get(cluster)?.tasks.get(id).map(|task| task.show(true));
    json!({"tasks": ids.filter_map(found).collect::<Vec<_>>(), "failures": []})
}

fn start(
    state: &mut State,
    input: &Input,
    order: &Order,
    launch_type: &str,
    provider: Option<String>,
    count: i64,
    call: &Call,
) -> Result<Value, AwsError> {
    let mut cluster = std::mem::take(active(state, input)?);
    let result = start_in(state, &mut cluster, input, order, launch_type, provider, count, call);
    state.ecs.clusters.insert(order.cluster.clone(), cluster);
    result
}

#[expect(clippy::too_many_arguments, reason = "the cluster is apart from the state while tasks are placed in it")]
fn start_in(
    state: &mut State,
    cluster: &mut Cluster,
    input: &Input,
    order: &Order,
    launch_type: &str,
    provider: Option<String>,
    count: i64,
    call: &Call,
) -> Result<Value, AwsError> {
    if launch_type != "FARGATE" && placement::candidates(cluster, launch_type).next().is_none() {
        return Err(errors::invalid("No Container Instances were found in your cluster."));
    }
    if launch_type == "FARGATE"
        && let Some(reason) = super::fargate_refusal(state, input.get("networkConfiguration"))
    {
        return Err(errors::invalid(reason));
    }
    let strategy = service_checks::placement_strategy(input.list("placementStrategy"))?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let request = Request {
            definition: &order.definition,
            launch_type,
            group: &order.group,
            needs: Needs::of(&order.definition, &order.overrides),
            constraints: input.list("placementConstraints"),
            strategy: items(Some(&strategy)),
        };
        let instance = if launch_type == "FARGATE" {
            None
        } else {
            match placement::place(cluster, &request) {
                Ok(id) => Some(id),
                Err(misses) => {
                    failures =
                        misses.iter().map(|miss| json!({"arn": miss.arn, "reason": miss.reason.code()})).collect();
                    break;
                }
            }
        };
        let version = (launch_type == "FARGATE").then(|| "1.4.0".to_owned());
        let new = Launch {
            capacity_provider: provider.clone(),
            platform_version: version,
            instance,
            ..order.launch(input, launch_type)
        };
        let id = launch(state, cluster, new, call.now);
        tasks.extend(cluster.tasks.get(&id).map(|task| task.show(true)));
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

/// `StartTask`: one task on each of the named instances, whatever the scheduler would think of it, as long as the
/// instance has room.
pub(super) fn start_task(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let order = order(state, &input, call.now)?;
    let wanted = input.texts("containerInstances");
    if wanted.is_empty() {
        return Err(errors::invalid("Container instances cannot be empty."));
    }
    if wanted.len() > 10 {
        return Err(errors::too_many("instanceIds", 10));
    }
    let prefix = state.arn("ecs", &format!("container-instance/{}/", order.cluster));
    let mut cluster = std::mem::take(active(state, &input)?);
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let found = cluster.find_instance(reference).filter(|instance| instance.status != "INACTIVE");
        let Some(instance) = found else {
            let id = reference.rsplit('/').next().unwrap_or(reference);
            failures.push(json!({"arn": format!("{prefix}{id}"), "reason": "MISSING"}));
            continue;
        };
        let launch_type = if instance.is_external() { "EXTERNAL" } else { "EC2" };
        let request = Request {
            definition: &order.definition,
            launch_type,
            group: &order.group,
            needs: Needs::of(&order.definition, &order.overrides),
            constraints: &[],
            strategy: &[],
        };
        if let Some(reason) = placement::refusal(&cluster, instance, &request) {
            failures.push(json!({"arn": instance.arn, "reason": reason.code()}));
            continue;
        }
        let new = Launch { instance: Some(instance.id.clone()), ..order.launch(&input, launch_type) };
        let id = launch(state, &mut cluster, new, call.now);
        tasks.extend(cluster.tasks.get(&id).map(|task| task.show(true)));
    }
    state.ecs.clusters.insert(order.cluster.clone(), cluster);
    Ok(json!({"tasks": tasks, "failures": failures}))
}

pub(super) fn stop(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let grace = state.takes(3.0);
    let cluster = active(state, &input)?;
    let id = input.text("task").unwrap_or("").rsplit('/').next().unwrap_or("");
    let reason = input.text("reason").unwrap_or("Task stopped by user");
    let task = cluster.tasks.get_mut(id).ok_or_else(|| errors::invalid("The referenced task was not found."))?;
    if task.last_status != "STOPPED" {
        task.stop(call.now, "UserInitiated", reason, grace);
    }
    Ok(json!({"task": task.show(false)}))
}

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let name = active(state, &input)?.name.clone();
    let prefix = state.arn("ecs", &format!("task/{name}/"));
    let cluster = active(state, &input)?;
    let wanted = input.texts("tasks");
    if wanted.is_empty() {
        return Err(errors::invalid("Tasks cannot be empty."));
    }
    if wanted.len() > 100 {
        return Err(errors::too_many("taskIds", 100));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let id = reference.rsplit('/').next().unwrap_or(reference);
        match cluster.tasks.get(id) {
            Some(task) => found.push(task.show(input.includes("TAGS"))),
            None => failures.push(json!({"arn": format!("{prefix}{id}"), "reason": "MISSING"})),
        }
    }
    Ok(json!({"tasks": found, "failures": failures}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let last = |text: &str| text.rsplit('/').next().unwrap_or("").to_owned();
    let service = input.text("serviceName").map(last);
    if let Some(name) = &service
        && !cluster.services.contains_key(name)
    {
        return Err(errors::service_not_found());
    }
    let instance = input.text("containerInstance").map(last);
    if input.text("startedBy").is_some() && (service.is_some() || input.text("family").is_some()) {
        return Err(errors::invalid("startedBy can be the only filter of a request."));
    }
    // PENDING is a desired status that no task ever has.
    let desired = input.text("desiredStatus").unwrap_or("RUNNING");
    let arns = cluster
        .tasks
        .values()
        .filter(|task| task.desired_status == desired)
        .filter(|task| service.is_none() || task.service == service)
        .filter(|task| instance.is_none() || task.instance == instance)
        .filter(|task| input.text("family").is_none_or(|family| task.family == family))
        .filter(|task| input.text("startedBy").is_none_or(|by| task.started_by == by))
        .filter(|task| input.text("launchType").is_none_or(|launch_type| task.launch_type == launch_type))
        .map(|task| task.arn.clone());
    let (arns, next) = page(&input, arns.collect(), 100, 100)?;
    Ok(listed("taskArns", arns, next))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;

    fn edge() -> Fixture {
        let mut aws = Fixture::edge();
        aws.define("web", "nginx");
        aws.define("job", "busybox:exit-0");
        aws.define("lost", "nginx:does-not-exist");
        aws
    }

    #[test]
    fn one_off_tasks_run_and_end() {
        let mut aws = edge();
        let ran = aws.ok("RunTask", json!({"cluster": "edge", "taskDefinition": "job", "startedBy": "me"}));
        let arn = ran["tasks"][0]["taskArn"].clone();
        assert_eq!(ran["tasks"][0]["lastStatus"], "PENDING");
        let get = json!({"cluster": "edge", "tasks": [arn]});
        aws.wait(6.0);
        assert_eq!(aws.ok("DescribeTasks", get.clone())["tasks"][0]["lastStatus"], "RUNNING");
        aws.wait(3.0);
        let task = aws.ok("DescribeTasks", get.clone())["tasks"][0].clone();
        assert_eq!((&task["lastStatus"], &task["stopCode"]), (&json!("STOPPED"), &json!("EssentialContainerExited")));
        assert_eq!(task["containers"][0]["exitCode"], 0);
        let stopped = json!({"cluster": "edge", "desiredStatus": "STOPPED", "startedBy": "me"});
        assert_eq!(aws.ok("ListTasks", stopped)["taskArns"], json!([arn]));
        aws.wait(3700.0);
        assert_eq!(aws.ok("DescribeTasks", get)["failures"][0]["reason"], "MISSING");
    }

    #[test]
    fn images_that_are_not_there() {
        let mut aws = edge();
        let ran = aws.ok("RunTask", json!({"cluster": "edge", "taskDefinition": "lost"}));
        aws.wait(6.0);
        let task = aws.ok("DescribeTasks", json!({"cluster": "edge", "tasks": [ran["tasks"][0]["taskArn"]]}))["tasks"]
            [0]
        .clone();
        assert_eq!(task["stopCode"], "TaskFailedToStart");
        assert!(task["stoppedReason"].as_str().unwrap().starts_with("CannotPullContainerError"));
        assert!(task["containers"][0].get("exitCode").is_none());
    }

    #[test]
    fn tokens_repeat_or_conflict() {
        let mut aws = edge();
        let mut input = json!({"cluster": "edge", "taskDefinition": "web", "clientToken": "t"});
        let first = aws.ok("RunTask", input.clone());
        assert_eq!(aws.ok("RunTask", input.clone())["tasks"][0]["taskArn"], first["tasks"][0]["taskArn"]);
        input["count"] = json!(2);
        assert_eq!(aws.refused("RunTask", input), "ConflictException");
        assert_eq!(aws.ok("ListTasks", json!({"cluster": "edge"}))["taskArns"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_does_not_fit_is_a_failure() {
        let mut aws = edge();
        aws.ok(
            "RegisterTaskDefinition",
            json!({"family": "big", "containerDefinitions": [{"name": "c", "image": "nginx", "memory": 64, "cpu": 4096}]}),
        );
        let ran = aws.ok("RunTask", json!({"cluster": "edge", "taskDefinition": "big"}));
        assert_eq!(ran["tasks"], json!([]));
        assert_eq!(ran["failures"][0]["reason"], "RESOURCE:CPU");
        let port = json!({"name": "c", "image": "nginx", "memory": 64, "portMappings": [{"containerPort": 80, "hostPort": 80}]});
        aws.ok("RegisterTaskDefinition", json!({"family": "port", "containerDefinitions": [port]}));
        let ran = aws.ok("RunTask", json!({"cluster": "edge", "taskDefinition": "port", "count": 3}));
        assert_eq!(ran["tasks"].as_array().unwrap().len(), 2);
        assert_eq!(ran["failures"][0]["reason"], "RESOURCE:PORTS");
    }

    #[test]
    fn refusals() {
        let mut aws = edge();
        let mut refused = |change: serde_json::Value| {
            let mut input = json!({"cluster": "edge", "taskDefinition": "web"});
            input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            aws.refused("RunTask", input)
        };
        assert_eq!(refused(json!({"count": 11})), "InvalidParameterException");
        assert_eq!(refused(json!({"cluster": "gone"})), "ClusterNotFoundException");
        assert_eq!(refused(json!({"taskDefinition": "gone"})), "ClientException");
        assert_eq!(refused(json!({"propagateTags": "SERVICE"})), "InvalidParameterException");
        assert_eq!(refused(json!({"launchType": "EXTERNAL"})), "InvalidParameterException");
        assert_eq!(refused(json!({"overrides": {"containerOverrides": [{"name": "x"}]}})), "InvalidParameterException");
    }

    #[test]
    fn tasks_start_where_told_and_stop() {
        let mut aws = edge();
        let arn = aws.instance("i-2");
        let started =
            aws.ok("StartTask", json!({"cluster": "edge", "taskDefinition": "web", "containerInstances": [arn, "x"]}));
        assert_eq!(started["tasks"][0]["containerInstanceArn"], arn);
        assert_eq!(started["failures"][0]["reason"], "MISSING");
        let stop = json!({"cluster": "edge", "task": started["tasks"][0]["taskArn"], "reason": "enough"});
        assert_eq!(aws.ok("StopTask", stop)["task"]["desiredStatus"], "STOPPED");
        aws.wait(5.0);
        let task =
            aws.ok("DescribeTasks", json!({"cluster": "edge", "tasks": [started["tasks"][0]["taskArn"]]}))["tasks"][0]
                .clone();
        assert_eq!((&task["stopCode"], &task["stoppedReason"]), (&json!("UserInitiated"), &json!("enough")));
        assert_eq!(aws.refused("StopTask", json!({"cluster": "edge", "task": "nope"})), "InvalidParameterException");
    }
}
