//! What `RegisterTaskDefinition` refuses, in AWS's words where they are known.

mod launch_types;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::errors::client;
use super::shapes::{Input, items};
use crate::sandbox::wire::AwsError;

type Checked = Result<(), AwsError>;

/// The memory, in MiB, that Fargate offers for each cpu size: first, last, step. The smallest size has a list.
const FARGATE: &[(i64, i64, i64, i64)] = &[
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
    (32_768, 61_440, 249_856, 4096),
];

/// Whether Fargate has a size.
pub(super) fn is_fargate_size(cpu: i64, memory: i64) -> bool {
    FARGATE.iter().any(|&(size, first, last, step)| {
        // 256 goes 512, 1024, 2048: not every step.
        size == cpu && (first..=last).contains(&memory) && (memory - first) % step == 0 && (cpu, memory) != (256, 1536)
    })
}

/// Checks an input; writes `cpu` and `memory` in units.
pub(super) fn check(input: &mut Input) -> Checked {
    let family = input.text("family").unwrap_or("");
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if family.is_empty() {
        return Err(client("Family should not be null or empty."));
    }
    if family.len() > 255 || !family.chars().all(allowed) {
        return Err(client(format!(
            "Invalid family: '{family}'. It can have up to 255 letters, numbers, hyphens, and underscores."
        )));
    }
    if json!(input.0).to_string().len() > 64 * 1024 {
        return Err(client("The task definition is larger than 64 KiB."));
    }
    if input.get("inferenceAccelerators").is_some() {
        return Err(client("Unsupported field 'inferenceAccelerators'."));
    }
    let cpu = size(input, "cpu", "vcpu")?;
    let memory = size(input, "memory", "gb")?;
    let definition = Draft {
        network: input.text("networkMode").unwrap_or("bridge").to_owned(),
        cpu,
        memory,
        fargate: input.texts("requiresCompatibilities").contains(&"FARGATE"),
        external: input.texts("requiresCompatibilities").contains(&"EXTERNAL"),
        containers: input.list("containerDefinitions").to_vec(),
        volumes: input.list("volumes").to_vec(),
    };
    for (member, value) in [("cpu", cpu), ("memory", memory)] {
        if let Some(value) = value {
            input.0.insert(member.to_owned(), json!(value.to_string()));
        }
    }
    for member in ["taskRoleArn", "executionRoleArn"] {
        if let Some(role) = input.text(member)
            && role.starts_with("arn:")
            && !(role.contains(":iam::") && role.contains(":role/"))
        {
            return Err(client("Role is not valid"));
        }
    }
    definition.whole(input)?;
    definition.execution_role(input)?;
    for container in &definition.containers {
        definition.container(container)?;
    }
    definition.ports()?;
    definition.dependencies()?;
    definition.volumes_check()?;
    if definition.fargate {
        definition.fargate_check(input)?;
    }
    if definition.external {
        definition.external_check(input)?;
    }
    Ok(())
}

/// `1 vCPU` → 1024, `0.5 GB` → 512.
fn size(input: &Input, member: &str, unit: &str) -> Result<Option<i64>, AwsError> {
    let Some(text) = input.text(member) else { return Ok(None) };
    let bad = || {
        client(format!(
            "Invalid '{member}' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        ))
    };
    let lower = text.trim().to_ascii_lowercase();
    let units = match lower.strip_suffix(unit) {
        Some(number) => {
            let number: f64 = number.trim().parse().map_err(|_| bad())?;
            (number * 1024.0).round() as i64
        }
        None => lower.parse().map_err(|_| bad())?,
    };
    if units > 0 { Ok(Some(units)) } else { Err(bad()) }
}

struct Draft {
    network: String,
    cpu: Option<i64>,
    memory: Option<i64>,
    fargate: bool,
    external: bool,
    containers: Vec<Value>,
    volumes: Vec<Value>,
}

fn name_of(container: &Value) -> &str {
    container["name"].as_str().unwrap_or("")
}

impl Draft {
    fn named(&self, name: &str) -> Option<&Value> {
        self.containers.iter().find(|container| name_of(container) == name)
    }

    fn whole(&self, input: &Input) -> Checked {
        if self.containers.is_empty() {
            return Err(client("Container list cannot be empty."));
        }
        if self.containers.len() > 10 {
            return Err(client("A task definition can have 10 containers at most."));
        }
        let mut names = BTreeSet::new();
        if !self.containers.iter().all(|container| names.insert(name_of(container))) {
            return Err(client("Container names must be unique within a task definition."));
        }
        if self.containers.iter().all(|container| container["essential"] == false) {
            return Err(client("Invalid setting for container. At least one container must be essential."));
        }
        if input.list("placementConstraints").len() > 10 {
            return Err(client("A task definition can have 10 placement constraints at most."));
        }
        for constraint in input.list("placementConstraints") {
            let expression = constraint["expression"].as_str().unwrap_or("");
            super::query::Expression::parse(expression).map_err(client)?;
        }
        let sum: i64 = self.containers.iter().filter_map(|container| container["cpu"].as_i64()).sum();
        if self.cpu.is_some_and(|cpu| sum > cpu) {
            return Err(client(
                "The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value.",
            ));
        }
        let sum: i64 = self
            .containers
            .iter()
            .filter_map(|container| container["memoryReservation"].as_i64().or(container["memory"].as_i64()))
            .sum();
        if self.memory.is_some_and(|memory| sum > memory) {
            return Err(client(
                "The sum of all container 'memory' values cannot be greater than the task-level 'memory' value.",
            ));
        }
        if !self.fargate && self.cpu.is_some_and(|cpu| !(128..=196_608).contains(&cpu)) {
            return Err(client(
                "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
            ));
        }
        if let Some(proxy) = input.get("proxyConfiguration") {
            if self.network != "awsvpc" {
                return Err(client("proxyConfiguration is only supported with networkMode 'awsvpc'."));
            }
            if self.named(proxy["containerName"].as_str().unwrap_or("")).is_none() {
                return Err(client("The container of proxyConfiguration does not exist in the task definition."));
            }
        }
        Ok(())
    }

    fn container(&self, container: &Value) -> Checked {
        let name = name_of(container);
        let bad = |message: String| Err(client(format!("Invalid setting for container '{name}'. {message}")));
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if name.is_empty() || name.len() > 255 || !name.chars().all(allowed) {
            return bad("The container name can have up to 255 letters, numbers, hyphens, and underscores.".into());
        }
        if container["image"].as_str().unwrap_or("").trim().is_empty() {
            return Err(client("Container.image should not be null or empty."));
        }
        let (memory, reservation) = (container["memory"].as_i64(), container["memoryReservation"].as_i64());
        if self.memory.is_none() && memory.is_none() && reservation.is_none() {
            return bad("At least one of 'memory' or 'memoryReservation' must be specified.".into());
        }
        if [memory, reservation].into_iter().flatten().any(|size| size < 6) {
            return bad("'memory' and 'memoryReservation' must be at least 6 MiB.".into());
        }
        if let (Some(memory), Some(reservation)) = (memory, reservation)
            && memory < reservation
        {
            return bad("'memory' must be greater than or equal to 'memoryReservation'.".into());
        }
        let mut variables = BTreeSet::new();
        for (member, what) in [("environment", "environment variable"), ("secrets", "secret")] {
            for item in items(container.get(member)) {
                if !variables.insert(item["name"].as_str().unwrap_or("")) {
                    return bad(format!(
                        "The {what} name must be unique and not shared with any new or existing environment variables."
                    ));
                }
            }
        }
        if let Some(check) = container.get("healthCheck") {
            let first = check["command"][0].as_str().unwrap_or("");
            if !["CMD", "CMD-SHELL", "NONE"].contains(&first) {
                return bad("The health check command must begin with CMD or CMD-SHELL.".into());
            }
            for (member, low, high) in
                [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)]
            {
                if check[member].as_i64().is_some_and(|value| !(low..=high).contains(&value)) {
                    return bad(format!("healthCheck {member} must be between {low} and {high}."));
                }
            }
        }
        for limit in items(container.get("ulimits")) {
            if limit["softLimit"].as_i64() > limit["hardLimit"].as_i64() {
                return bad("The soft limit of a ulimit can not be greater than its hard limit.".into());
            }
        }
        if items(container.get("environmentFiles")).len() > 10 {
            return bad("A container can have 10 environment files at most.".into());
        }
        let links = items(container.get("links"));
        if !links.is_empty() && self.network != "bridge" {
            return bad(format!("Links are not supported on container when networkMode={}.", self.network));
        }
        for link in links {
            let target = link.as_str().unwrap_or("").split(':').next().unwrap_or("");
            if target == name || self.named(target).is_none() {
                return bad(format!("Unable to link to container '{target}' because it does not exist."));
            }
        }
        if self.network == "awsvpc" {
            for (member, words) in [
                ("hostname", "Hostname is"),
                ("extraHosts", "Extra hosts are"),
                ("dnsServers", "DNS servers are"),
                ("dnsSearchDomains", "DNS search domains are"),
                ("disableNetworking", "Disable Networking is"),
            ] {
                let given = container.get(member).is_some_and(|value| *value != json!([]) && *value != json!(false));
                if given {
                    return bad(format!("{words} not supported on container when networkMode=awsvpc."));
                }
            }
        }
        Ok(())
    }

    fn ports(&self) -> Checked {
        let mut used = BTreeSet::new();
        let mut names = BTreeSet::new();
        for container in &self.containers {
            let name = name_of(container);
            let bad = |message: String| Err(client(format!("Invalid setting for container '{name}'. {message}")));
            let mut inside = BTreeSet::new();
            for mapping in items(container.get("portMappings")) {
                if self.network == "none" {
                    return bad("Port mappings are not supported when networkMode=none.".into());
                }
                if let Some(label) = mapping["name"].as_str()
                    && !names.insert(label)
                {
                    return bad(format!("The port mapping name '{label}' is used multiple times in task."));
                }
                let (port, host) = (mapping["containerPort"].as_i64(), mapping["hostPort"].as_i64());
                let protocol = mapping["protocol"].as_str().unwrap_or("tcp");
                if let Some(range) = mapping["containerPortRange"].as_str() {
                    let ends = range
                        .split_once('-')
                        .and_then(|(low, high)| Some((low.parse::<i64>().ok()?, high.parse().ok()?)));
                    if port.is_some() || host.is_some() {
                        return bad("You cannot specify both single port and port range.".into());
                    }
                    if !["bridge", "awsvpc"].contains(&self.network.as_str()) {
                        return bad("A containerPortRange needs networkMode bridge or awsvpc.".into());
                    }
                    if !ends.is_some_and(|(low, high): (i64, i64)| {
                        (1..=65_535).contains(&low) && low < high && high <= 65_535
                    }) {
                        return bad(format!("Invalid 'containerPortRange' setting: {range}."));
                    }
                    continue;
                }
                let Some(port) = port.filter(|port| (1..=65_535).contains(port)) else {
                    return bad("Invalid 'containerPort' setting: it must be between 1 and 65535.".into());
                };
                if host.is_some_and(|host| !(0..=65_535).contains(&host)) {
                    return bad("Invalid 'hostPort' setting: it must be between 0 and 65535.".into());
                }
                if !inside.insert((port, protocol)) {
                    return bad(format!("The container port {port} is used multiple times in task."));
                }
                let shared = self.network == "awsvpc" || self.network == "host";
                if shared && host.is_some_and(|host| host != port && host != 0) {
                    return bad(format!(
                        "When networkMode={}, the host ports and container ports in port mappings must match.",
                        self.network
                    ));
                }
                let outside = if shared { port } else { host.unwrap_or(0) };
                if outside != 0 && !used.insert((outside, protocol.to_owned())) {
                    return bad(format!("The host port {outside} is used multiple times in task."));
                }
            }
        }
        Ok(())
    }

    fn dependencies(&self) -> Checked {
        for container in &self.containers {
            for dependency in items(container.get("dependsOn")) {
                let target = dependency["containerName"].as_str().unwrap_or("");
                let Some(other) = self.named(target).filter(|_| target != name_of(container)) else {
                    return Err(client(format!("Cannot depend on container {target} because it does not exist")));
                };
                match dependency["condition"].as_str().unwrap_or("") {
                    "HEALTHY" if other.get("healthCheck").is_none() => {
                        return Err(client(
                            "A dependency container with HEALTHY condition must have health check configured",
                        ));
                    }
                    "COMPLETE" | "SUCCESS" if other["essential"] != false => {
                        return Err(client(
                            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
                        ));
                    }
                    _ => {}
                }
            }
            for source in items(container.get("volumesFrom")) {
                let target = source["sourceContainer"].as_str().unwrap_or("");
                if target == name_of(container) || self.named(target).is_none() {
                    return Err(client(format!(
                        "Invalid 'volumesFrom.sourceContainer' setting: {target} does not exist."
                    )));
                }
            }
        }
        // What depends on nothing that is left can start; what never can is in a cycle.
        let mut waiting: Vec<&Value> = self.containers.iter().collect();
        loop {
            let names: Vec<&str> = waiting.iter().map(|container| name_of(container)).collect();
            let before = waiting.len();
            waiting.retain(|container| {
                let mut needed =
                    items(container.get("dependsOn")).iter().filter_map(|item| item["containerName"].as_str());
                needed.any(|name| names.contains(&name))
            });
            if waiting.is_empty() {
                return Ok(());
            }
            if waiting.len() == before {
                return Err(client("There is a circular dependency between the containers of the task definition."));
            }
        }
    }

    fn volumes_check(&self) -> Checked {
        const SOURCES: [&str; 6] = [
            "host",
            "dockerVolumeConfiguration",
            "efsVolumeConfiguration",
            "fsxWindowsFileServerVolumeConfiguration",
            "s3filesVolumeConfiguration",
            "configuredAtLaunch",
        ];
        let mut names = BTreeSet::new();
        for volume in &self.volumes {
            let name = volume["name"].as_str().unwrap_or("");
            if name.is_empty() || !names.insert(name) {
                return Err(client(format!("Volume names must be unique and not empty: '{name}'.")));
            }
            let sources = SOURCES.iter().filter(|source| {
                volume.get(**source).is_some_and(|value| *value != json!({}) && *value != json!(false))
            });
            if sources.count() > 1 {
                return Err(client(format!("The volume '{name}' can have one configuration only.")));
            }
            let docker = &volume["dockerVolumeConfiguration"];
            if docker["autoprovision"] == true && docker["scope"] != "shared" {
                return Err(client("Autoprovision is only supported for volumes of scope 'shared'."));
            }
        }
        if self.volumes.iter().filter(|volume| volume["configuredAtLaunch"] == true).count() > 1 {
            return Err(client("A task definition can have one volume that is configured at launch."));
        }
        let mut mounted = BTreeSet::new();
        for container in &self.containers {
            let mut paths = BTreeSet::new();
            for mount in items(container.get("mountPoints")) {
                let source = mount["sourceVolume"].as_str().unwrap_or("");
                if !names.contains(source) {
                    return Err(client(format!(
                        "Invalid setting for container '{}'. Unknown volume '{source}'.",
                        name_of(container)
                    )));
                }
                let path = mount["containerPath"].as_str().unwrap_or("");
                if path.is_empty() || !paths.insert(path) {
                    return Err(client(format!(
                        "Invalid setting for container '{}'. Duplicate or empty mount point '{path}'.",
                        name_of(container)
                    )));
                }
                mounted.insert(source);
            }
        }
        let loose: Vec<&str> = names.into_iter().filter(|name| !mounted.contains(name)).collect();
        if loose.is_empty() {
            Ok(())
        } else {
            Err(client(format!("Volumes [{}] are not referenced by any of the containers.", loose.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::Fixture;
    use super::is_fargate_size;

    fn refused(change: impl Fn(&mut Value), expected: &str) {
        let mut input = json!({
            "family": "web",
            "containerDefinitions": [
                {"name": "a", "image": "nginx", "memory": 64},
                {"name": "b", "image": "nginx", "memory": 64, "essential": false},
            ],
        });
        Fixture::new().ok("RegisterTaskDefinition", input.clone());
        change(&mut input);
        let error = Fixture::new().error("RegisterTaskDefinition", input);
        assert_eq!(error.code, "ClientException");
        assert!(error.message.contains(expected), "{}", error.message);
    }

    #[test]
    fn what_aws_refuses() {
        refused(|input| input["family"] = json!("a b"), "Invalid family");
        refused(|input| input["containerDefinitions"] = json!([]), "cannot be empty");
        refused(|input| input["containerDefinitions"][1]["name"] = json!("a"), "unique");
        refused(|input| input["containerDefinitions"][0]["essential"] = json!(false), "essential");
        refused(|input| input["containerDefinitions"][0]["memory"] = json!(null), "At least one of 'memory'");
        refused(|input| input["containerDefinitions"][0]["memoryReservation"] = json!(128), "greater than or equal");
        refused(|input| input["networkMode"] = json!("overlay"), "enum value set");
        refused(|input| input["cpu"] = json!("lots"), "'cpu'");
        refused(|input| input["taskRoleArn"] = json!("arn:aws:s3:::x"), "Role is not valid");
        refused(|input| input["volumes"] = json!([{"name": "v"}]), "not referenced");
        refused(
            |input| {
                input["containerDefinitions"][0]["mountPoints"] = json!([{"sourceVolume": "v", "containerPath": "/"}]);
            },
            "Unknown volume 'v'",
        );
        refused(
            |input| {
                input["containerDefinitions"][0]["dependsOn"] = json!([{"containerName": "c", "condition": "START"}]);
            },
            "does not exist",
        );
        refused(
            |input| {
                input["containerDefinitions"][0]["dependsOn"] = json!([{"containerName": "b", "condition": "HEALTHY"}]);
            },
            "health check",
        );
        refused(
            |input| {
                input["containerDefinitions"][0]["dependsOn"] = json!([{"containerName": "b", "condition": "START"}]);
                input["containerDefinitions"][1]["dependsOn"] = json!([{"containerName": "a", "condition": "START"}]);
            },
            "circular",
        );
        refused(
            |input| {
                input["networkMode"] = json!("host");
                input["containerDefinitions"][0]["portMappings"] = json!([{"containerPort": 80, "hostPort": 81}]);
            },
            "must match",
        );
        refused(
            |input| {
                input["containerDefinitions"][0]["portMappings"] = json!([{"containerPort": 80, "hostPort": 80}]);
                input["containerDefinitions"][1]["portMappings"] = json!([{"containerPort": 81, "hostPort": 80}]);
            },
            "multiple times",
        );
        refused(|input| input["requiresCompatibilities"] = json!(["FARGATE"]), "awsvpc");
        refused(
            |input| {
                input["requiresCompatibilities"] = json!(["EXTERNAL"]);
                input["networkMode"] = json!("awsvpc");
            },
            "EXTERNAL",
        );
    }

    #[test]
    fn fargate_sizes() {
        assert!(is_fargate_size(256, 512) && is_fargate_size(256, 2048) && is_fargate_size(1024, 8192));
        assert!(!is_fargate_size(256, 1536) && !is_fargate_size(256, 4096) && !is_fargate_size(300, 512));
        assert!(!is_fargate_size(8192, 17_408));
    }
}
