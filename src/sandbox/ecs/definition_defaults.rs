//! What the server adds to a task definition: defaults, compatibilities and the attributes that an instance needs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::definition_checks::is_fargate_size;
use super::shapes::{Input, items};

/// A checked input as `DescribeTaskDefinition` shows it, but for ARN, revision, status and times.
pub(super) fn complete(input: Input) -> Value {
    let mut value = Value::Object(input.0);
    let network = value["networkMode"].as_str().unwrap_or("bridge").to_owned();
    for member in ["volumes", "placementConstraints"] {
        fill(&mut value, member, json!([]));
    }
    fill(&mut value, "enableFaultInjection", json!(false));
    for container in list(&mut value, "containerDefinitions") {
        complete_container(container, &network);
    }
    for volume in list(&mut value, "volumes") {
        complete_volume(volume);
    }
    let attributes: Vec<Value> =
        required_attributes(&value, &network).into_iter().map(|name| json!({"name": name})).collect();
    if !attributes.is_empty() {
        value["requiresAttributes"] = json!(attributes);
    }
    value["compatibilities"] = json!(compatibilities(&value, &network));
    value
}

fn fill(value: &mut Value, member: &str, default: Value) {
    if let Value::Object(members) = value {
        members.entry(member).or_insert(default);
    }
}

fn list<'a>(value: &'a mut Value, member: &str) -> &'a mut [Value] {
    value.get_mut(member).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

fn complete_container(container: &mut Value, network: &str) {
    fill(container, "cpu", json!(0));
    fill(container, "essential", json!(true));
    if container.get("firelensConfiguration").is_some() {
        fill(container, "user", json!("0"));
    }
    for member in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
        fill(container, member, json!([]));
    }
    for mapping in list(container, "portMappings") {
        fill(mapping, "protocol", json!("tcp"));
        if mapping.get("containerPortRange").is_some() {
            continue;
        }
        if network == "awsvpc" || network == "host" {
            mapping["hostPort"] = mapping["containerPort"].clone();
        } else {
            fill(mapping, "hostPort", json!(0));
        }
    }
    if let Some(check) = container.get_mut("healthCheck") {
        for (member, default) in [("interval", 30), ("timeout", 5), ("retries", 3)] {
            fill(check, member, json!(default));
        }
    }
}

fn complete_volume(volume: &mut Value) {
    if let Some(efs) = volume.get_mut("efsVolumeConfiguration") {
        fill(efs, "rootDirectory", json!("/"));
        fill(efs, "transitEncryption", json!("DISABLED"));
        if let Some(authorization) = efs.get_mut("authorizationConfig") {
            fill(authorization, "iam", json!("DISABLED"));
        }
    }
    if volume.as_object().map(Map::len) == Some(1) {
        fill(volume, "host", json!({}));
    }
}

fn compatibilities(value: &Value, network: &str) -> Vec<&'static str> {
    let number = |member: &str| value[member].as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let volumes = items(value.get("volumes"));
    let has = |member: &str| volumes.iter().any(|volume| volume.get(member).is_some());
    let containers = items(value.get("containerDefinitions"));
    let mut found = vec!["EC2"];
    let on_hosts_only = containers.iter().any(|container| container["privileged"] == true)
        || volumes.iter().any(|volume| volume["host"]["sourcePath"].is_string())
        || has("dockerVolumeConfiguration")
        || !items(value.get("placementConstraints")).is_empty();
    if network == "awsvpc" && is_fargate_size(number("cpu"), number("memory")) && !on_hosts_only {
        found.push("FARGATE");
    }
    let from_aws = has("efsVolumeConfiguration") || has("s3filesVolumeConfiguration");
    let at_launch = volumes.iter().any(|volume| volume["configuredAtLaunch"] == true);
    if network != "awsvpc" && !from_aws && !at_launch && value.get("proxyConfiguration").is_none() {
        found.insert(0, "EXTERNAL");
    }
    found
}

const DOCKER: &str = "com.amazonaws.ecs.capability.docker-remote-api.";

/// What the agent on an instance must be able to do for the task.
fn required_attributes(value: &Value, network: &str) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    let mut need = |name: &str| needed.insert(name.to_owned());
    let execution_role = value["executionRoleArn"].is_string();
    if value["taskRoleArn"].is_string() {
        need("com.amazonaws.ecs.capability.task-iam-role");
        if network == "host" {
            need("com.amazonaws.ecs.capability.task-iam-role-network-host");
        }
    }
    if network == "awsvpc" {
        need("ecs.capability.task-eni");
    }
    if value["cpu"].is_string() || value["memory"].is_string() {
        need("ecs.capability.task-cpu-mem-limit");
    }
    if value["pidMode"].is_string() || value["ipcMode"].is_string() {
        need("ecs.capability.pid-ipc-namespace-sharing");
    }
    if value["proxyConfiguration"].is_object() {
        need("ecs.capability.aws-appmesh");
    }
    for volume in items(value.get("volumes")) {
        if volume["efsVolumeConfiguration"].is_object() {
            need("ecs.capability.efs");
            if volume["efsVolumeConfiguration"]["authorizationConfig"].is_object() {
                need("ecs.capability.efsAuth");
            }
        }
        if let Some(docker) = volume.get("dockerVolumeConfiguration") {
            let driver = docker["driver"].as_str().unwrap_or("local");
            need(&format!("ecs.capability.docker-plugin.{driver}"));
            need(&format!("{DOCKER}1.25"));
        }
    }
    for container in items(value.get("containerDefinitions")) {
        for (member, attribute) in [
            ("healthCheck", "ecs.capability.container-health-check"),
            ("repositoryCredentials", "ecs.capability.private-registry-authentication.secretsmanager"),
            ("restartPolicy", "ecs.capability.container-restart-policy"),
        ] {
            if container[member].is_object() {
                need(attribute);
            }
        }
        for (member, attribute) in
            [("dependsOn", "ecs.capability.container-ordering"), ("environmentFiles", "ecs.capability.env-files.s3")]
        {
            if !items(container.get(member)).is_empty() {
                need(attribute);
            }
        }
        if container["privileged"] == true {
            need("com.amazonaws.ecs.capability.privileged-container");
        }
        if container["healthCheck"].is_object() {
            need(&format!("{DOCKER}1.24"));
        }
        if container["memoryReservation"].is_number() {
            need(&format!("{DOCKER}1.21"));
        }
        if container["linuxParameters"]["initProcessEnabled"] == true {
            need(&format!("{DOCKER}1.25"));
        }
        if let Some(log) = container.get("logConfiguration") {
            let driver = log["logDriver"].as_str().unwrap_or("");
            need(&format!("com.amazonaws.ecs.capability.logging-driver.{driver}"));
            need(&format!("{DOCKER}{}", if driver == "awslogs" { "1.19" } else { "1.18" }));
            if driver == "awslogs" && execution_role {
                need("ecs.capability.execution-role-awslogs");
            }
        }
        if let Some(router) = container["firelensConfiguration"]["type"].as_str() {
            need(&format!("ecs.capability.firelens.{router}"));
        }
        if container["image"].as_str().is_some_and(|image| image.contains(".dkr.ecr.")) {
            need("com.amazonaws.ecs.capability.ecr-auth");
            if execution_role {
                need("ecs.capability.execution-role-ecr-pull");
            }
        }
        for secret in items(container.get("secrets")) {
            let from = secret["valueFrom"].as_str().unwrap_or("");
            let store = if from.contains(":secretsmanager:") { "asm" } else { "ssm" };
            need(&format!("ecs.capability.secrets.{store}.environment-variables"));
        }
        need(&format!("{DOCKER}1.18"));
    }
    needed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;

    #[test]
    fn the_server_fills_in() {
        let input = json!({
            "family": "web",
            "cpu": "0.25 vCPU",
            "memory": "0.5GB",
            "volumes": [{"name": "v"}],
            "containerDefinitions": [{
                "name": "c",
                "image": "nginx",
                "portMappings": [{"containerPort": 80}],
                "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}],
                "healthCheck": {"command": ["CMD", "true"]},
                "logConfiguration": {"logDriver": "awslogs"},
            }],
        });
        let mut aws = Fixture::new();
        let made = aws.ok("RegisterTaskDefinition", input.clone())["taskDefinition"].clone();
        assert_eq!((&made["cpu"], &made["memory"]), (&json!("256"), &json!("512")));
        let container = &made["containerDefinitions"][0];
        assert_eq!(container["portMappings"], json!([{"containerPort": 80, "protocol": "tcp", "hostPort": 0}]));
        assert_eq!(container["healthCheck"]["interval"], 30);
        assert_eq!((&container["cpu"], &container["essential"]), (&json!(0), &json!(true)));
        assert_eq!(container["environment"], json!([]));
        assert_eq!(made["volumes"][0]["host"], json!({}));
        assert_eq!(made["compatibilities"], json!(["EXTERNAL", "EC2"]));
        let attributes = made["requiresAttributes"].to_string();
        for name in ["logging-driver.awslogs", "docker-remote-api.1.19", "container-health-check"] {
            assert!(attributes.contains(name), "{name}");
        }
        let mut awsvpc = input;
        awsvpc["networkMode"] = json!("awsvpc");
        let made = aws.ok("RegisterTaskDefinition", awsvpc)["taskDefinition"].clone();
        assert_eq!(made["containerDefinitions"][0]["portMappings"][0]["hostPort"], 80);
        assert_eq!(made["compatibilities"], json!(["EC2", "FARGATE"]));
        assert!(made["requiresAttributes"].to_string().contains("task-eni"));
    }
}
