//! The ECS agents on EC2 instances: they register when their host runs, and are gone when it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::container_instances::Instance;
use super::tags::Tags;
use crate::sandbox::ec2::hosts::{Host, hosts};
use crate::sandbox::iam;
use crate::sandbox::state::State;

/// The `ECS_...=...` lines that user data writes to `/etc/ecs/ecs.config`, by `echo` or as a here-document.
fn configuration(user_data: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in user_data.lines() {
        let Some(start) = line.find("ECS_").filter(|start| {
            // A comment, or the tail of another word, sets nothing.
            let before = &line[..*start];
            !before.trim_start().starts_with('#')
                && !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
        }) else {
            continue;
        };
        let Some((name, rest)) = line[start..].split_once('=') else { continue };
        if !name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_') {
            continue;
        }
        // In `echo ECS_CLUSTER=edge >> file` the value ends before the redirection.
        let value = rest.split(">>").next().unwrap_or("").split(" >").next().unwrap_or("").trim();
        let quoted = line[..start].ends_with(['"', '\'']);
        let value = if quoted { value.trim_end_matches(['"', '\'']) } else { value };
        let value = if value.starts_with(['{', '[']) { value } else { value.trim_matches(['"', '\'']) };
        found.insert(name.to_owned(), value.to_owned());
    }
    found
}

fn json(configuration: &BTreeMap<String, String>, name: &str) -> Value {
    configuration.get(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// When the agent of a host registers: it takes 30 seconds to come up.
fn registers_at(state: &State, host: &Host) -> Option<Timestamp> {
    Some(host.running_since? + state.takes(30.0))
}

fn find(state: &State, ec2_id: &str) -> Option<(String, String)> {
    state.ecs.clusters.values().find_map(|cluster| {
        let instance =
            cluster.instances.values().find(|instance| instance.ec2_id == ec2_id && instance.status != "INACTIVE")?;
        Some((cluster.name.clone(), instance.id.clone()))
    })
}

/// When agents register, or did.
pub(super) fn dues(state: &State) -> Vec<Timestamp> {
    let hosts = hosts(state);
    let with_agent = hosts.iter().filter(|host| host.agent_version.is_some());
    with_agent.filter_map(|host| registers_at(state, host)).collect()
}

/// Registers, connects, disconnects and deregisters agents as their hosts come and go; whether any did.
pub(super) fn advance(state: &mut State, now: Timestamp) -> bool {
    let mut changed = false;
    let hosts = hosts(state);
    for host in &hosts {
        let up = registers_at(state, host).is_some_and(|at| at <= now);
        match find(state, &host.instance_id) {
            Some((cluster, id)) => changed |= connect(state, &cluster, &id, host.running_since.is_some(), up, now),
            None if up => changed |= register(state, host, now),
            None => {}
        }
        if state.ecs.known_hosts.insert(host.instance_id.clone()) {
            changed = true;
        }
    }
    // Only hosts that were there can have gone: instances that registered by a call of their own are left alone.
    let gone: Vec<String> =
        state.ecs.known_hosts.iter().filter(|id| !hosts.iter().any(|host| host.instance_id == **id)).cloned().collect();
    for ec2_id in gone {
        state.ecs.known_hosts.remove(&ec2_id);
        state.ecs.deregistered.remove(&ec2_id);
        changed = true;
        if let Some((name, id)) = find(state, &ec2_id)
            && let Some(cluster) = state.ecs.clusters.get_mut(&name)
        {
            cluster.retire_instance(&id, now, &format!("Host EC2 (instance {ec2_id}) terminated."));
        }
    }
    changed
}

fn connect(state: &mut State, cluster: &str, id: &str, runs: bool, up: bool, now: Timestamp) -> bool {
    let Some(cluster) = state.ecs.clusters.get_mut(cluster) else { return false };
    let Some(instance) = cluster.instances.get_mut(id) else { return false };
    if instance.connected && !runs {
        instance.connected = false;
        instance.version += 1;
        let reason = format!("Host EC2 (instance {}) stopped.", instance.ec2_id);
        cluster.lose_tasks(id, now, &reason);
        return true;
    }
    if !instance.connected && up {
        instance.connected = true;
        instance.version += 1;
        return true;
    }
    false
}

/// What the vendor's installer brings to machines outside of AWS.
pub(super) const AGENT_VERSION: &str = "1.102.0";

/// Ports that agents keep for the host unless they are told otherwise.
pub(super) const RESERVED_PORTS: &[u16] = &[22, 2375, 2376, 51678, 51679];

/// The capabilities that an agent of the sandbox's images reports without values.
const CAPABILITIES: &[&str] = &[
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
    "ecs.capability.aws-appmesh",
    "ecs.capability.cni-plugin-version",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-port-range",
    "ecs.capability.container-restart-policy",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.efs",
    "ecs.capability.efsAuth",
    "ecs.capability.env-files.s3",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.firelens.fluentbit",
    "ecs.capability.firelens.fluentd",
    "ecs.capability.full-sync",
    "ecs.capability.logging-driver.awsfirelens.log-driver-buffer-limit",
    "ecs.capability.pid-ipc-namespace-sharing",
    "ecs.capability.private-registry-authentication.secretsmanager",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.storage.ebs-task-attach",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
];

/// Logging drivers of the ECS-optimized images.
const LOGGING: &[&str] =
    &["json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens", "none"];

/// What an agent can do, with the logging drivers that it is told of or those of the images.
pub(super) fn capabilities(drivers: Option<&Value>) -> BTreeMap<String, Option<String>> {
    let mut attributes: BTreeMap<String, Option<String>> =
        CAPABILITIES.iter().map(|name| ((*name).to_owned(), None)).collect();
    let drivers: Vec<String> = match super::shapes::items(drivers) {
        [] => LOGGING.iter().map(|name| (*name).to_owned()).collect(),
        named => named.iter().filter_map(Value::as_str).chain(["awsfirelens", "none"]).map(str::to_owned).collect(),
    };
    for driver in drivers {
        attributes.insert(format!("com.amazonaws.ecs.capability.logging-driver.{driver}"), None);
    }
    for minor in 17..=44 {
        attributes.insert(format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}"), None);
    }
    attributes
}

fn attributes(host: &Host, configuration: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    let mut attributes = capabilities(Some(&json(configuration, "ECS_AVAILABLE_LOGGING_DRIVERS")));
    let valued = [
        ("ecs.availability-zone", host.availability_zone.as_str()),
        ("ecs.ami-id", &host.image_id),
        ("ecs.instance-type", &host.instance_type),
        ("ecs.os-type", "linux"),
        ("ecs.os-family", "LINUX"),
        ("ecs.cpu-architecture", &host.architecture),
        ("ecs.vpc-id", &host.vpc_id),
        ("ecs.subnet-id", &host.subnet_id),
    ];
    attributes.extend(valued.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))));
    if let Some(arn) = &host.outpost_arn {
        attributes.insert("ecs.outpost-arn".into(), Some(arn.clone()));
    }
    for (name, value) in json(configuration, "ECS_INSTANCE_ATTRIBUTES").as_object().into_iter().flatten() {
        attributes.insert(name.clone(), value.as_str().map(str::to_owned));
    }
    attributes
}

fn register(state: &mut State, host: &Host, now: Timestamp) -> bool {
    let Some(agent_version) = host.agent_version.clone() else { return false };
    if state
        .ecs
        .deregistered
        .get(&host.instance_id)
        .is_some_and(|at| host.running_since.is_none_or(|since| since <= *at))
    {
        return false;
    }
    let configuration = configuration(&host.user_data);
    let allowed =
        host.profile_arn.as_ref().is_some_and(|arn| iam::profile_allows(state, arn, "ecs:RegisterContainerInstance"));
    let name = configuration.get("ECS_CLUSTER").cloned().unwrap_or_else(|| "default".to_owned());
    if !allowed || state.ecs.clusters.get(&name).is_none_or(|cluster| cluster.status != "ACTIVE") {
        return false;
    }
    let ports = |name: &str| -> Option<Vec<u16>> {
        let list = json(&configuration, name);
        list.as_array().map(|ports| ports.iter().filter_map(|port| u16::try_from(port.as_u64()?).ok()).collect())
    };
    let reserved: i64 = configuration.get("ECS_RESERVED_MEMORY").and_then(|text| text.parse().ok()).unwrap_or(0);
    let tags: Tags = json(&configuration, "ECS_CONTAINER_INSTANCE_TAGS")
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let id = state.hex(32);
    let instance = Instance {
        arn: state.arn("ecs", &format!("container-instance/{name}/{id}")),
        id: id.clone(),
        ec2_id: host.instance_id.clone(),
        status: "ACTIVE".into(),
        connected: true,
        agent_version,
        docker_version: "DockerVersion: 25.0.13".into(),
        agent_hash: "a1b2c3d4".into(),
        agent_update: None,
        registered_at: now,
        inactive_since: None,
        version: 1,
        attributes: attributes(host, &configuration),
        cpu: i64::from(host.cpu),
        memory: i64::from(host.memory) - reserved,
        reserved_tcp: ports("ECS_RESERVED_PORTS").unwrap_or_else(|| RESERVED_PORTS.to_vec()),
        reserved_udp: ports("ECS_RESERVED_PORTS_UDP").unwrap_or_default(),
        tags,
    };
    if let Some(cluster) = state.ecs.clusters.get_mut(&name) {
        cluster.instances.insert(id, instance);
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;
    use super::*;
    use crate::sandbox::wire::Service;

    fn host(user_data: &str) -> Host {
        Host {
            instance_id: "i-9".into(),
            instance_type: "c5.large".into(),
            image_id: "ami-1".into(),
            architecture: "x86_64".into(),
            subnet_id: "subnet-1".into(),
            vpc_id: "vpc-1".into(),
            availability_zone: "us-west-2a".into(),
            outpost_arn: Some("arn:outpost".into()),
            cpu: 2048,
            memory: 3800,
            user_data: user_data.into(),
            profile_arn: None,
            agent_version: Some("1.102.0".into()),
            running_since: None,
        }
    }

    #[test]
    fn configuration_is_read_from_user_data() {
        let text = "#!/bin/bash\ncat <<'EOF' >> /etc/ecs/ecs.config\nECS_CLUSTER=edge\nECS_INSTANCE_ATTRIBUTES={\"rack\":\"r1\"}\nEOF\n\
                    echo ECS_RESERVED_MEMORY=256 >> /etc/ecs/ecs.config\necho \"ECS_CONTAINER_STOP_TIMEOUT=5s\" > /x\n# ECS_CLUSTER=other\n";
        let found = configuration(text);
        assert_eq!(found["ECS_CLUSTER"], "edge");
        assert_eq!(found["ECS_RESERVED_MEMORY"], "256");
        assert_eq!(found["ECS_CONTAINER_STOP_TIMEOUT"], "5s");
        assert_eq!(super::json(&found, "ECS_INSTANCE_ATTRIBUTES")["rack"], "r1");
        let quoted = configuration("echo 'ECS_INSTANCE_ATTRIBUTES={\"rack\":\"r2\"}' >> /etc/ecs/ecs.config");
        assert_eq!(super::json(&quoted, "ECS_INSTANCE_ATTRIBUTES")["rack"], "r2");
    }

    #[test]
    fn attributes_tell_of_the_host() {
        let found = attributes(
            &host(""),
            &configuration("ECS_INSTANCE_ATTRIBUTES={\"rack\":\"r1\"}\nECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\"]"),
        );
        assert_eq!(found["ecs.outpost-arn"].as_deref(), Some("arn:outpost"));
        assert_eq!(found["rack"].as_deref(), Some("r1"));
        assert!(found.contains_key("com.amazonaws.ecs.capability.logging-driver.json-file"));
        assert!(!found.contains_key("com.amazonaws.ecs.capability.logging-driver.awslogs"));
        assert!(found.contains_key("com.amazonaws.ecs.capability.docker-remote-api.1.18"));
    }

    /// An account with the cluster `edge` and a host on the Outpost whose agent is told to join it.
    fn with_host() -> (Fixture, String, String) {
        let mut aws = Fixture::new();
        aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        let vpc = aws.other(Service::Ec2, "CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}));
        let subnet = json!({
            "VpcId": vpc["vpc"]["vpcId"], "CidrBlock": "10.0.2.0/24", "AvailabilityZone": "us-west-2b",
            "OutpostArn": aws.state.world.outposts[0].arn,
        });
        let subnet = aws.other(Service::Ec2, "CreateSubnet", subnet)["subnet"]["subnetId"].clone();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        aws.other(Service::Iam, "CreateRole", json!({"RoleName": "host", "AssumeRolePolicyDocument": trust}));
        let policy = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role";
        aws.other(Service::Iam, "AttachRolePolicy", json!({"RoleName": "host", "PolicyArn": policy}));
        aws.other(Service::Iam, "CreateInstanceProfile", json!({"InstanceProfileName": "host"}));
        let pair = json!({"InstanceProfileName": "host", "RoleName": "host"});
        aws.other(Service::Iam, "AddRoleToInstanceProfile", pair);
        aws.wait(60.0);
        let text = "#!/bin/bash\necho ECS_CLUSTER=edge >> /etc/ecs/ecs.config\n";
        let input = json!({
            "ImageId": "ami-0a1ec5f00d2023001", "InstanceType": "c5.large", "MinCount": "1", "MaxCount": "1",
            "SubnetId": subnet, "IamInstanceProfile": {"Name": "host"},
            "UserData": aws_smithy_types::base64::encode(text),
        });
        let made = aws.other(Service::Ec2, "RunInstances", input);
        let id = made["instancesSet"][0]["instanceId"].as_str().unwrap().to_owned();
        (aws, id, subnet.as_str().unwrap().to_owned())
    }

    #[test]
    fn agents_follow_their_hosts() {
        let (mut aws, id, _) = with_host();
        aws.wait(20.0);
        let count = |aws: &mut Fixture| {
            let found = aws.ok("ListContainerInstances", json!({"cluster": "edge"}));
            found["containerInstanceArns"].as_array().unwrap().len()
        };
        assert_eq!(count(&mut aws), 0);
        aws.wait(60.0);
        let arn = aws.instance(&id);
        let get = json!({"cluster": "edge", "containerInstances": [arn]});
        let instance = aws.ok("DescribeContainerInstances", get.clone())["containerInstances"][0].clone();
        assert_eq!((&instance["status"], &instance["agentConnected"]), (&json!("ACTIVE"), &json!(true)));
        assert!(instance["attributes"].to_string().contains("ecs.outpost-arn"));
        aws.define("web", "nginx");
        let service = json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 1});
        aws.ok("CreateService", service);
        aws.wait(60.0);
        assert_eq!(aws.service("s")["deployments"][0]["rolloutState"], "COMPLETED");
        aws.other(Service::Ec2, "StopInstances", json!({"InstanceId": [id]}));
        aws.wait(60.0);
        assert_eq!(aws.ok("DescribeContainerInstances", get.clone())["containerInstances"][0]["agentConnected"], false);
        assert_eq!(aws.service("s")["runningCount"], 0);
        aws.other(Service::Ec2, "StartInstances", json!({"InstanceId": [id]}));
        aws.wait(180.0);
        assert_eq!(aws.ok("DescribeContainerInstances", get.clone())["containerInstances"][0]["agentConnected"], true);
        assert_eq!(aws.service("s")["runningCount"], 1);
        aws.other(Service::Ec2, "TerminateInstances", json!({"InstanceId": [id]}));
        aws.wait(60.0);
        assert_eq!(count(&mut aws), 0);
        assert_eq!(aws.service("s")["runningCount"], 0);
    }

    #[test]
    fn deregistered_agents_stay_away() {
        let (mut aws, id, subnet) = with_host();
        aws.wait(90.0);
        let arn = aws.instance(&id);
        aws.ok("DeregisterContainerInstance", json!({"cluster": "edge", "containerInstance": arn}));
        aws.wait(90.0);
        let found = aws.ok("ListContainerInstances", json!({"cluster": "edge"}));
        assert_eq!(found["containerInstanceArns"], json!([]));
        let container = json!([{"name": "c", "image": "nginx"}]);
        let definition = json!({
            "family": "fg", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "containerDefinitions": container,
        });
        aws.ok("RegisterTaskDefinition", definition);
        let run = json!({
            "cluster": "edge", "taskDefinition": "fg", "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": [subnet]}},
        });
        assert!(aws.error("RunTask", run).message.contains("Outpost"));
    }
}
