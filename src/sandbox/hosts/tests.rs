use std::sync::Arc;

use super::*;
use crate::sandbox::server::Server;
use crate::sandbox::world::World;

/// An account in which nothing takes time, with the clusters `shops` and `depot` and a role for hosts.
fn account() -> Sandbox {
    let sandbox = Sandbox::in_memory(World { pace: 0.0, ..World::default() });
    prepare(&sandbox);
    sandbox
}

fn prepare(sandbox: &Sandbox) {
    for name in ["shops", "depot"] {
        ask(sandbox, Service::Ecs, "CreateCluster", json!({"clusterName": name}));
    }
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    let role = json!({"RoleName": "hosts", "AssumeRolePolicyDocument": trust.to_string()});
    ask(sandbox, Service::Iam, "CreateRole", role);
    for policy in ["AmazonSSMManagedInstanceCore", "service-role/AmazonEC2ContainerServiceforEC2Role"] {
        let arn = format!("arn:aws:iam::aws:policy/{policy}");
        ask(sandbox, Service::Iam, "AttachRolePolicy", json!({"RoleName": "hosts", "PolicyArn": arn}));
    }
}

fn ask(sandbox: &Sandbox, service: Service, operation: &str, input: Value) -> Value {
    let (region, now) = (sandbox.region(), Timestamp::now());
    sandbox.perform(&Call { service, operation: operation.into(), input, region, now }).unwrap()
}

fn activate(sandbox: &Sandbox, limit: u32) -> HostRegistration {
    let input = json!({"IamRole": "hosts", "RegistrationLimit": limit});
    let made = ask(sandbox, Service::Ssm, "CreateActivation", input);
    serde_json::from_value(json!({
        "activationId": made["ActivationId"], "activationCode": made["ActivationCode"],
        "cluster": "shops", "computerName": "till-1",
    }))
    .unwrap()
}

fn used(sandbox: &Sandbox) -> Value {
    ask(sandbox, Service::Ssm, "DescribeActivations", json!({}))["ActivationList"][0]["RegistrationsCount"].clone()
}

fn node(sandbox: &Sandbox, host: &RegisteredHost) -> Value {
    let filter = json!({"Filters": [{"Key": "InstanceIds", "Values": [host.instance_id]}]});
    ask(sandbox, Service::Ssm, "DescribeInstanceInformation", filter)["InstanceInformationList"][0].clone()
}

fn instance(sandbox: &Sandbox, host: &RegisteredHost) -> Value {
    let input = json!({"cluster": "shops", "containerInstances": [host.container_instance_arn]});
    ask(sandbox, Service::Ecs, "DescribeContainerInstances", input)["containerInstances"][0].clone()
}

/// A service of one task on external instances.
fn serve(sandbox: &Sandbox) {
    let container = json!({"name": "c", "image": "nginx", "memory": 64});
    let definition =
        json!({"family": "web", "containerDefinitions": [container], "requiresCompatibilities": ["EXTERNAL"]});
    ask(sandbox, Service::Ecs, "RegisterTaskDefinition", definition);
    let service = json!({
        "cluster": "shops", "serviceName": "s", "taskDefinition": "web", "desiredCount": 1, "launchType": "EXTERNAL",
    });
    ask(sandbox, Service::Ecs, "CreateService", service);
}

fn service(sandbox: &Sandbox) -> Value {
    let input = json!({"cluster": "shops", "services": ["s"]});
    ask(sandbox, Service::Ecs, "DescribeServices", input)["services"][0].clone()
}

#[test]
fn a_host_registers_once_and_runs_a_service() {
    let sandbox = account();
    let till = activate(&sandbox, 2);
    serve(&sandbox);
    assert_eq!(service(&sandbox)["runningCount"], 0);
    let host = sandbox.register_host(&till).unwrap();
    assert_eq!(sandbox.register_host(&till).unwrap(), host);
    assert_eq!(used(&sandbox), 1);
    let held = instance(&sandbox, &host);
    assert_eq!((&held["ec2InstanceId"], &held["agentConnected"]), (&json!(host.instance_id), &json!(true)));
    let names: Vec<&str> =
        held["attributes"].as_array().unwrap().iter().filter_map(|attribute| attribute["name"].as_str()).collect();
    assert!(names.contains(&"ecs.capability.external") && !names.contains(&"ecs.availability-zone"), "{names:?}");
    let now = service(&sandbox);
    assert_eq!((&now["runningCount"], &now["deployments"][0]["rolloutState"]), (&json!(1), &json!("COMPLETED")));
}

#[test]
fn a_host_is_in_one_cluster_at_a_time() {
    let sandbox = account();
    let till = activate(&sandbox, 2);
    let host = sandbox.register_host(&till).unwrap();
    let moved = HostRegistration { cluster: "depot".into(), ..till };
    let refusal = sandbox.register_host(&moved).unwrap_err();
    assert_eq!((refusal.status, refusal.code.as_str()), (409, "AlreadyRegistered"));
    assert!(refusal.message.contains("cluster shops"), "{refusal}");
    let input = json!({"cluster": "shops", "containerInstance": host.container_instance_arn});
    ask(&sandbox, Service::Ecs, "DeregisterContainerInstance", input);
    let other = sandbox.register_host(&moved).unwrap();
    assert_ne!(other.instance_id, host.instance_id);
    assert_eq!(node(&sandbox, &host)["PingStatus"], "ConnectionLost");
    assert_eq!(used(&sandbox), 2);
    let third = HostRegistration { computer_name: "till-2".into(), ..moved };
    assert_eq!(sandbox.register_host(&third).unwrap_err().code, "RegistrationLimitExceeded");
}

#[test]
fn a_host_without_a_cluster_or_permission_is_a_node_and_goes_on_from_there() {
    let sandbox = account();
    let till = activate(&sandbox, 1);
    let lost = HostRegistration { cluster: "nowhere".into(), ..till.clone() };
    let refusal = sandbox.register_host(&lost).unwrap_err();
    assert_eq!(refusal.code, "ClientException");
    assert_eq!(used(&sandbox), 1);
    let arn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role";
    ask(&sandbox, Service::Iam, "DetachRolePolicy", json!({"RoleName": "hosts", "PolicyArn": arn}));
    let refusal = sandbox.register_host(&till).unwrap_err();
    assert_eq!(refusal.code, "AccessDeniedException");
    assert!(refusal.message.contains("ecs:RegisterContainerInstance on resource"), "{refusal}");
    ask(&sandbox, Service::Iam, "AttachRolePolicy", json!({"RoleName": "hosts", "PolicyArn": arn}));
    sandbox.register_host(&till).unwrap();
    assert_eq!(used(&sandbox), 1);
}

#[test]
fn what_a_host_brings_is_checked_and_shown() {
    let sandbox = account();
    let till = activate(&sandbox, 2);
    let bad = HostRegistration { architecture: "riscv64".into(), ..till.clone() };
    assert_eq!(sandbox.register_host(&bad).unwrap_err().code, "ValidationException");
    let windows = HostRegistration {
        operating_system: "windows-2022".into(),
        attributes: BTreeMap::from([("site".into(), "oslo".into())]),
        tags: BTreeMap::from([("owner".into(), "shop".into())]),
        ..till
    };
    let host = sandbox.register_host(&windows).unwrap();
    let shown = instance(&sandbox, &host)["attributes"].to_string();
    assert!(shown.contains("WINDOWS_SERVER_2022_CORE") && shown.contains("oslo"), "{shown}");
    let node = node(&sandbox, &host);
    assert_eq!((&node["PlatformType"], &node["PlatformVersion"]), (&json!("Windows"), &json!("10.0.20348")));
    let tags = json!({"resourceArn": host.container_instance_arn});
    assert_eq!(ask(&sandbox, Service::Ecs, "ListTagsForResource", tags)["tags"][0]["key"], "owner");
    let reserved = HostRegistration {
        computer_name: "till-2".into(),
        attributes: BTreeMap::from([("ecs.site".into(), "oslo".into())]),
        ..windows
    };
    assert_eq!(sandbox.register_host(&reserved).unwrap_err().code, "InvalidParameterException");
}

#[test]
fn a_host_that_is_cut_off_keeps_its_task_and_takes_no_other() {
    let sandbox = account();
    let till = activate(&sandbox, 2);
    let host = sandbox.register_host(&till).unwrap();
    serve(&sandbox);
    assert_eq!(service(&sandbox)["runningCount"], 1);
    sandbox.disconnect_host(&host.instance_id).unwrap();
    let held = instance(&sandbox, &host);
    assert_eq!((&held["agentConnected"], &held["runningTasksCount"]), (&json!(false), &json!(1)));
    assert_eq!(node(&sandbox, &host)["PingStatus"], "ConnectionLost");
    let more = json!({"cluster": "shops", "service": "s", "desiredCount": 2});
    ask(&sandbox, Service::Ecs, "UpdateService", more);
    assert_eq!(service(&sandbox)["runningCount"], 1);
    let none = json!({"cluster": "shops", "service": "s", "desiredCount": 0});
    ask(&sandbox, Service::Ecs, "UpdateService", none);
    assert_eq!(service(&sandbox)["runningCount"], 1);
    sandbox.connect_host(&host.instance_id).unwrap();
    assert_eq!(service(&sandbox)["runningCount"], 0);
    assert_eq!(node(&sandbox, &host)["PingStatus"], "Online");
    assert_eq!(sandbox.disconnect_host("mi-00000000000000000").unwrap_err().code, "InvalidInstanceId");
}

#[test]
fn a_deregistered_node_is_not_heard_of_any_more() {
    let sandbox = account();
    let host = sandbox.register_host(&activate(&sandbox, 1)).unwrap();
    ask(&sandbox, Service::Ssm, "DeregisterManagedInstance", json!({"InstanceId": host.instance_id}));
    assert_eq!(instance(&sandbox, &host)["agentConnected"], false);
    assert_eq!(sandbox.connect_host(&host.instance_id).unwrap_err().code, "InvalidInstanceId");
    let input = json!({"cluster": "shops", "containerInstance": host.container_instance_arn});
    assert_eq!(
        ask(&sandbox, Service::Ecs, "DeregisterContainerInstance", input)["containerInstance"]["status"],
        "INACTIVE"
    );
}

#[test]
fn a_draining_host_hands_its_task_over() {
    let sandbox = account();
    let till = activate(&sandbox, 2);
    let host = sandbox.register_host(&till).unwrap();
    serve(&sandbox);
    service(&sandbox);
    let other = sandbox.register_host(&HostRegistration { computer_name: "till-2".into(), ..till }).unwrap();
    let drain = json!({
        "cluster": "shops", "containerInstances": [host.container_instance_arn], "status": "DRAINING",
    });
    ask(&sandbox, Service::Ecs, "UpdateContainerInstancesState", drain);
    service(&sandbox);
    assert_eq!(instance(&sandbox, &host)["runningTasksCount"], 0);
    assert_eq!(instance(&sandbox, &other)["runningTasksCount"], 1);
}

#[test]
fn hosts_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.json");
    let sandbox = Sandbox::open(&path, World { pace: 0.0, ..World::default() }).unwrap();
    prepare(&sandbox);
    let host = sandbox.register_host(&activate(&sandbox, 1)).unwrap();
    sandbox.disconnect_host(&host.instance_id).unwrap();
    assert!(sandbox.outlives_its_process(&path));
    drop(sandbox);
    let again = Sandbox::open(&path, World::default()).unwrap();
    assert_eq!(node(&again, &host)["PingStatus"], "ConnectionLost");
    assert_eq!(instance(&again, &host)["agentConnected"], false);
}

#[tokio::test]
async fn the_server_takes_admin_calls() {
    let sandbox = Arc::new(account());
    let till = activate(&sandbox, 1);
    let server = Server::start(sandbox.clone(), 0).await.unwrap();
    let ask = async |method: &str, path: &str, body: &str| -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let registered = ask("POST", "/_sandbox/hosts", &json!(till).to_string()).await;
    assert!(registered.starts_with("HTTP/1.1 200") && registered.contains("\"instanceId\":\"mi-"), "{registered}");
    let id = sandbox.register_host(&till).unwrap().instance_id;
    let cut = ask("POST", &format!("/_sandbox/hosts/{id}/disconnect"), "").await;
    assert!(cut.starts_with("HTTP/1.1 200") && cut.ends_with("{}\n"), "{cut}");
    let unknown = ask("POST", "/_sandbox/hosts/mi-1/connect", "").await;
    assert!(unknown.starts_with("HTTP/1.1 400") && unknown.contains("InvalidInstanceId"), "{unknown}");
    let vague = ask("POST", "/_sandbox/hosts", r#"{"activationId": "x"}"#).await;
    assert!(vague.contains("missing field `activationCode`"), "{vague}");
    assert!(ask("POST", "/_sandbox/nothing", "").await.starts_with("HTTP/1.1 404"));
    assert!(ask("GET", "/_sandbox/hosts", "").await.starts_with("HTTP/1.1 405"));
}

#[test]
fn logs_for_aws_take_an_execution_role() {
    let sandbox = account();
    sandbox.register_host(&activate(&sandbox, 1)).unwrap();
    let logs = json!({"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-west-2"}});
    let container = json!({"name": "c", "image": "nginx", "memory": 64, "logConfiguration": logs});
    let last = |definition: Value| {
        ask(&sandbox, Service::Ecs, "RegisterTaskDefinition", definition);
        let run = json!({"cluster": "shops", "taskDefinition": "logs", "launchType": "EXTERNAL"});
        let task = ask(&sandbox, Service::Ecs, "RunTask", run)["tasks"][0]["taskArn"].clone();
        let input = json!({"cluster": "shops", "tasks": [task]});
        ask(&sandbox, Service::Ecs, "DescribeTasks", input)["tasks"][0].clone()
    };
    let failed = last(json!({"family": "logs", "containerDefinitions": [container]}));
    assert_eq!(failed["lastStatus"], "STOPPED");
    assert!(failed["stoppedReason"].as_str().unwrap().contains("logging driver"), "{failed}");
    let role = "arn:aws:iam::123456789012:role/logs";
    let runs = last(json!({"family": "logs", "containerDefinitions": [container], "executionRoleArn": role}));
    assert_eq!(runs["lastStatus"], "RUNNING");
}
