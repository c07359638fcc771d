//! What the examples do not show: further cases, and what is fine.

use serde_json::{Value, json};

use super::mappings::ends;
use crate::diagnostic::Severity;
use crate::rules::tests::findings;

fn told(text: &str) -> Vec<String> {
    let found = findings(text).into_iter().filter(|one| one.severity != Severity::Note);
    found.map(|one| one.code.into_owned()).collect()
}

/// The findings of a definition whose two containers have these port mappings.
fn ports(mode: &str, first: Value, second: Value) -> Vec<String> {
    let container =
        |name: &str, ports: Value| json!({"name": name, "image": "i:1", "memory": 64, "portMappings": ports});
    let spec = json!({"networkMode": mode, "containerDefinitions": [container("a", first), container("b", second)]});
    told(&format!("kind: TaskDefinition\nmetadata: {{name: till}}\nspec: {spec}\n"))
}

fn port(inside: i32, outside: i32) -> Value {
    json!({"containerPort": inside, "hostPort": outside})
}

#[test]
fn ports_follow_the_network_mode() {
    assert_eq!(ports("bridge", json!([port(80, 0)]), json!([port(80, 0)])), [""; 0]);
    assert_eq!(ports("bridge", json!([port(80, 8080)]), json!([port(80, 8080)])), ["PORT-05"]);
    assert_eq!(ports("bridge", json!([port(80, 8080), port(81, 8080)]), json!([])), ["PORT-05"]);
    assert_eq!(ports("host", json!([port(80, 81)]), json!([port(82, 82)])), ["PORT-02"]);
    assert_eq!(ports("awsvpc", json!([port(80, 80)]), json!([port(80, 0)])), ["PORT-06"]);
    assert_eq!(ports("none", json!([port(80, 80)]), json!([])), ["PORT-01"]);
    assert_eq!(ports("host", json!([port(22, 22)]), json!([])), ["PORT-07"]);
    assert_eq!(ports("awsvpc", json!([port(22, 22)]), json!([])), [""; 0]);
    let udp = json!({"containerPort": 80, "hostPort": 8080, "protocol": "udp"});
    assert_eq!(ports("bridge", json!([port(80, 8080)]), json!([udp])), [""; 0]);
}

#[test]
fn ranges_of_ports() {
    assert_eq!(ends("8000-8010"), Some((8000, 8010)));
    for wrong in ["8000", "0-5", "9-8", "8-8", "1-65536", "a-b"] {
        assert_eq!(ends(wrong), None, "{wrong}");
    }
    let range = |text: &str| json!({"containerPortRange": text});
    assert_eq!(ports("bridge", json!([range("80-90")]), json!([range("85-95")])), [""; 0]);
    assert_eq!(ports("awsvpc", json!([range("80-90")]), json!([range("85-95")])), ["PORT-10"]);
    assert_eq!(ports("bridge", json!([range("80-90"), port(90, 0)]), json!([])), ["PORT-10"]);
    assert_eq!(ports("host", json!([range("80-90")]), json!([])), ["PORT-10"]);
    let both = json!({"containerPortRange": "80-90", "containerPort": 80});
    assert_eq!(ports("bridge", json!([both]), json!([])), ["PORT-10"]);
}

#[test]
fn tcp_and_udp_on_one_port_are_fine_until_a_load_balancer_names_it() {
    let text = |port: i32| {
        format!(
            "
kind: TaskDefinition
metadata: {{name: dns}}
spec:
  containerDefinitions:
    - name: dns
      image: coredns/coredns:1.12.4
      memory: 64
      portMappings: [{{containerPort: 53}}, {{containerPort: 53, protocol: udp}}, {{containerPort: 8181}}]
---
kind: Service
metadata: {{name: dns}}
spec:
  cluster: stores
  taskDefinition: ${{TaskDefinition.dns}}
  launchType: EC2
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/dns/0123456789abcdef
      containerName: dns
      containerPort: {port}
"
        )
    };
    assert_eq!(told(&text(8181)), [""; 0]);
    assert_eq!(told(&text(53)), ["PORT-04"]);
}

#[test]
fn ports_that_the_declared_hosts_keep_are_those_of_their_settings() {
    let text = |setting: &str, port: i32| {
        format!(
            "
kind: Cluster
metadata: {{name: stores}}
spec: {{}}
---
kind: Instance
metadata: {{name: host}}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {{httpTokens: required}}
  ecsConfig: {{ECS_CLUSTER: '${{Cluster.stores.name}}', ECS_RESERVED_PORTS: {setting}}}
---
kind: TaskDefinition
metadata: {{name: till}}
spec:
  containerDefinitions:
    - {{name: app, image: 'nginx:1.29', memory: 64, portMappings: [{{containerPort: 80, hostPort: {port}}}]}}
---
kind: Task
metadata: {{name: till}}
spec: {{cluster: '${{Cluster.stores}}', taskDefinition: '${{TaskDefinition.till}}', launchType: EC2}}
"
        )
    };
    assert_eq!(told(&text("[22, 8080]", 8080)), ["PORT-07"]);
    assert_eq!(told(&text("'[22, 8080]'", 8080)), ["PORT-07"]);
    assert_eq!(told(&text("[22, 8080]", 8081)), [""; 0]);
    assert_eq!(told(&text("[2022]", 22)), [""; 0]);
}
