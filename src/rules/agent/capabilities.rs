//! AGT-08 and AGT-11: what agents are told to do without, beside what runs on their hosts.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Warning;
use crate::rules::hosts::{Clusters, setting, word};
use crate::rules::images::tag;
use crate::rules::workload::{containers, definition, network};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "AGT-08",
        severity: Warning,
        title: "an agent that is told to do without what a task needs",
        why: "With ECS_ENABLE_TASK_IAM_ROLE: false (in the network mode host ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST) the \
              instance has not the capability to give tasks roles, and ECS places no task there that has one: \"unable to \
              place a task because no container instance met all of its requirements\". The log drivers of hosts are \
              LOG-06's.",
        source: "aws/amazon-ecs-agent, README, Environment Variables; Amazon ECS Developer Guide, Task IAM role",
        check: Check::All(capabilities),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_ENABLE_TASK_IAM_ROLE: false}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: arn:aws:iam::123456789012:role/till
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EC2, desiredCount: 1}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_ENABLE_TASK_IAM_ROLE: true}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: arn:aws:iam::123456789012:role/till
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EC2, desiredCount: 1}
",
    },
    Rule {
        id: "AGT-11",
        severity: Warning,
        title: "an image whose tag moves, on hosts that keep what they have",
        why: "With prefer-cached or once the agent asks the registry only for images that the host does not have. When the \
              tag moves, hosts go on with what they pulled under that name before, each with its own. The tag latest, and \
              none, are TD-34's.",
        source: "aws/amazon-ecs-agent, README, Environment Variables",
        check: Check::All(moving_tags),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:stable', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EC2, desiredCount: 1}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EC2, desiredCount: 1}
",
    },
];

/// The settings that turn off what a task needs, with where the need stands.
fn needs(task: Node<'_>) -> Vec<(&'static str, Node<'_>)> {
    let role = task.get("taskRoleArn");
    let mut needs = vec![("ECS_ENABLE_TASK_IAM_ROLE", role)];
    if network(task) == Some("host") {
        needs.push(("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", role));
    }
    needs.retain(|(_, node)| node.is_given());
    needs
}

fn capabilities(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_use() {
        for task in definitions(runners, declared) {
            for (name, place) in needs(task) {
                // What is not said is as the image has it, and one host that can is enough.
                if !hosts.iter().all(|host| word(setting(*host, name)).is_some_and(|word| word == "false")) {
                    continue;
                }
                hits.add(place, format!("the task has a role, and every host of its cluster has {name}: false"))
                    .help("leave the setting out: the images that ECS recommends have it true");
                for host in hosts {
                    hits.beside(setting(*host, name), "turned off");
                }
            }
        }
    }
}

/// The declared task definitions that services and tasks run, each once.
fn definitions<'a>(runners: &[Node<'a>], declared: &Declared<'a>) -> Vec<Node<'a>> {
    let mut found: Vec<Node<'a>> = runners.iter().filter_map(|runner| definition(*runner, declared)).collect();
    found.sort_by_key(|task| task.address());
    found.dedup_by_key(|task| task.address());
    found
}

/// Tags that people move, by habit; `latest` is another rule's.
const MOVING: &[&str] = &[
    "stable",
    "main",
    "master",
    "trunk",
    "edge",
    "nightly",
    "dev",
    "develop",
    "development",
    "test",
    "testing",
    "qa",
    "staging",
    "prod",
    "production",
    "release",
    "current",
    "newest",
];

fn moving_tags(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_use() {
        let keeps = |host: &&Node<'_>| setting(**host, "ECS_IMAGE_PULL_BEHAVIOR").is_any(&["prefer-cached", "once"]);
        let Some(host) = hosts.iter().find(keeps) else { continue };
        let behavior = setting(*host, "ECS_IMAGE_PULL_BEHAVIOR");
        for task in definitions(runners, declared) {
            for node in containers(task).map(|container| container.get("image")) {
                let Some(tag) = node.text().and_then(tag).filter(|tag| MOVING.contains(tag)) else { continue };
                let message = format!("the tag {tag} moves, and {} keeps what it has", host.address());
                hits.add(node, message)
                    .help("name a version or a digest, which never means anything else")
                    .beside(behavior, "asks no registry for what is there");
            }
        }
    }
}
