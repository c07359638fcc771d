//! Task definitions that are written differently and mean the same, and those of the samples.

use serde_json::{Value, json};

use super::trial::Trial;
use farpost::kinds::by_name;

const BASE: &str = "
apiVersion: farpost/v1
kind: TaskDefinition
metadata:
  name: it
spec:
  containerDefinitions: []
";

/// Registers the first spelling; the others must then leave nothing to do.
fn mean_the_same(spellings: &[Value]) {
    let trial = Trial::with_base(by_name("TaskDefinition").unwrap(), BASE);
    let mut documents = trial.base();
    for (number, spelling) in spellings.iter().enumerate() {
        documents[0]["spec"] = spelling.clone();
        if number == 0 {
            trial.converge(&documents).unwrap();
        }
        for deep in [false, true] {
            let plan = trial.plan(&documents, deep).unwrap();
            assert!(plan.is_empty(), "{spelling}\n{:#?}", plan.pending().collect::<Vec<_>>());
        }
    }
}

fn container(members: Value) -> Value {
    let mut container = json!({"name": "till", "image": "till:7", "memory": 64});
    container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    container
}

#[test]
fn order_of_environment_secrets_and_ports_means_nothing() {
    let spelling = |turned: bool| {
        let mut lists = [
            json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
            json!([{"name": "C", "valueFrom": "arn:aws:ssm:us-west-2:123456789012:parameter/c"},
                {"name": "D", "valueFrom": "arn:aws:ssm:us-west-2:123456789012:parameter/d"}]),
            json!([{"containerPort": 80}, {"containerPort": 443, "protocol": "tcp"}]),
        ];
        if turned {
            lists.iter_mut().for_each(|list| list.as_array_mut().unwrap().reverse());
        }
        let [environment, secrets, ports] = lists;
        let members = json!({"environment": environment, "secrets": secrets, "portMappings": ports});
        json!({"executionRoleArn": "pull", "containerDefinitions": [container(members)]})
    };
    mean_the_same(&[spelling(false), spelling(true)]);
}

#[test]
fn order_of_mounts_links_and_the_like_means_nothing() {
    let spelling = |turned: bool| {
        let mut members = json!({
            "links": ["side", "log"],
            "mountPoints": [{"sourceVolume": "a", "containerPath": "/a"}, {"sourceVolume": "b", "containerPath": "/b"}],
            "volumesFrom": [{"sourceContainer": "side"}, {"sourceContainer": "log"}],
            "dependsOn": [{"containerName": "side", "condition": "START"}, {"containerName": "log", "condition": "START"}],
            "ulimits": [{"name": "core", "softLimit": 1, "hardLimit": 1}, {"name": "nofile", "softLimit": 9, "hardLimit": 9}],
        });
        let mut containers = vec![
            json!({"name": "side", "image": "side:7", "memory": 64}),
            json!({"name": "log", "image": "log:7", "memory": 64}),
        ];
        if turned {
            members.as_object_mut().unwrap().values_mut().for_each(|list| list.as_array_mut().unwrap().reverse());
        }
        containers.push(container(members));
        if turned {
            containers.reverse();
        }
        json!({"containerDefinitions": containers, "volumes": [{"name": "a"}, {"name": "b"}]})
    };
    mean_the_same(&[spelling(false), spelling(true)]);
}

#[test]
fn order_of_commands_and_servers_counts() {
    for list in ["command", "entryPoint", "dnsServers", "dnsSearchDomains", "dockerSecurityOptions"] {
        let trial = Trial::with_base(by_name("TaskDefinition").unwrap(), BASE);
        let mut documents = trial.base();
        let items = match list {
            "dnsServers" => ["10.0.0.2", "10.0.0.3"],
            "dockerSecurityOptions" => ["no-new-privileges", "apparmor:till"],
            _ => ["b.example", "a.example"],
        };
        documents[0]["spec"] = json!({"containerDefinitions": [container(json!({list: items}))]});
        trial.converge(&documents).unwrap();
        documents[0]["spec"] = json!({"containerDefinitions": [container(json!({list: [items[1], items[0]]}))]});
        assert!(!trial.plan(&documents, false).unwrap().is_empty(), "{list}");
    }
}

#[test]
fn what_aws_fills_in_may_be_written_out() {
    let check = |more: Value| {
        let mut check = json!({"command": ["CMD-SHELL", "true"]});
        check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check
    };
    let spelling =
        |members: Value, network: Value| json!({"containerDefinitions": [container(members)], "networkMode": network});
    mean_the_same(&[
        json!({"containerDefinitions": [container(json!({"healthCheck": check(json!({}))}))]}),
        spelling(
            json!({"cpu": 0, "essential": true, "privileged": false, "readonlyRootFilesystem": false,
                "healthCheck": check(json!({"interval": 30, "timeout": 5, "retries": 3}))}),
            json!("bridge"),
        ),
        spelling(
            json!({"healthCheck": check(json!({})), "environment": [], "secrets": [], "portMappings": [], "mountPoints": [],
                "volumesFrom": [], "links": [], "dependsOn": [], "ulimits": [], "dnsServers": [], "dockerLabels": {},
                "linuxParameters": {"capabilities": {"add": [], "drop": []}}}),
            json!("bridge"),
        ),
    ]);
}

#[test]
fn units_have_many_spellings() {
    let spelling = |cpu: Value, memory: Value| {
        json!({"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": cpu, "memory": memory,
            "containerDefinitions": [container(json!({}))]})
    };
    mean_the_same(&[
        spelling(json!(256), json!(512)),
        spelling(json!("256"), json!("512")),
        spelling(json!("0.25 vCPU"), json!("0.5 GB")),
        spelling(json!(".25 vcpu"), json!("0.5GB")),
    ]);
}

#[test]
fn the_port_of_the_host_may_go_without_saying() {
    let spelling = |mode: &str, port: Value| json!({"networkMode": mode, "containerDefinitions": [container(json!({"portMappings": [port]}))]});
    for mode in ["awsvpc", "host"] {
        mean_the_same(&[
            spelling(mode, json!({"containerPort": 80})),
            spelling(mode, json!({"containerPort": 80, "hostPort": 80})),
        ]);
    }
    mean_the_same(&[
        spelling("bridge", json!({"containerPort": 80})),
        spelling("bridge", json!({"containerPort": 80, "hostPort": 0, "protocol": "tcp"})),
    ]);
}

#[test]
fn samples_register_and_then_nothing_is_left() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/task-definitions");
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut document = json!({"apiVersion": "farpost/v1", "kind": "TaskDefinition", "metadata": {"name": name}});
        let mut spec: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        // Two of them have what AWS refuses, for the tests of the lint rules.
        match name {
            "ec2-bridge" => spec["executionRoleArn"] = json!("pull"),
            "fargate-windows" => {
                spec["volumes"] = json!([]);
                spec["containerDefinitions"][0]["mountPoints"] = json!([]);
            }
            _ => {
                document["specFrom"] = json!(format!("task-definitions/{name}.json"));
                documents.push(document);
                continue;
            }
        }
        document["spec"] = spec;
        documents.push(document);
    }
    assert!(documents.len() >= 5, "the samples are somewhere else");
    Trial::with_base(by_name("TaskDefinition").unwrap(), BASE).converge(&documents).unwrap();
}
