//! Log drivers: where there are which, and what they do to a task at the edge.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::cluster_hosts::Hosts;
use super::super::workload::{all_runners, containers, definition, is_for, runners};
use super::{Check, Declared, Hits, Node, Rule, log_option};
use crate::diagnostic::Severity::{Error, Warning};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "LOG-05",
        severity: Error,
        title: "a log driver that Fargate does not have",
        why: "RegisterTaskDefinition refuses it for Fargate, which has awslogs, splunk and awsfirelens.",
        source: "Amazon ECS API, LogConfiguration.logDriver",
        check: Check::Each("TaskDefinition", on_fargate),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - name: app
      image: nginx:1.29
      logConfiguration: {logDriver: json-file}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - name: app
      image: nginx:1.29
      logConfiguration: {logDriver: splunk, options: {splunk-url: 'https://logs.example.com:8088'}}
",
    },
    Rule {
        id: "LOG-06",
        severity: Warning,
        title: "no instance of the cluster has the log driver",
        why: "An instance registers one attribute for each driver in ECS_AVAILABLE_LOGGING_DRIVERS. Without it a task \
              that logs so is never placed: \"missing com.amazonaws.ecs.capability.logging-driver\". The ECS-optimized \
              images of Linux have json-file, syslog, awslogs, fluentd, journald and none.",
        source: "aws/amazon-ecs-agent, README, ECS_AVAILABLE_LOGGING_DRIVERS",
        check: Check::All(on_instances),
        bad: concat!(
            shop!(),
            "
    ECS_AVAILABLE_LOGGING_DRIVERS: [json-file, awslogs]
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration: {logDriver: gelf, options: {gelf-address: 'udp://10.0.3.7:12201'}}",
            run_on_ec2!()
        ),
        good: concat!(
            shop!(),
            "
    ECS_AVAILABLE_LOGGING_DRIVERS: [json-file, awslogs, gelf]
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration: {logDriver: gelf, options: {gelf-address: 'udp://10.0.3.7:12201'}}",
            run_on_ec2!()
        ),
    },
    Rule {
        id: "LOG-07",
        severity: Warning,
        title: "a task at the edge waits for its logs",
        why: "With mode blocking a container's writes to its output wait until CloudWatch Logs has taken them. On an \
              Outpost or an external instance the way there goes over a link that may be cut, and then the application \
              stands still with it.",
        source: "Amazon ECS API, LogConfiguration.options; AWS Outposts User Guide, service link",
        check: Check::All(waits_for_logs),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: ${LogGroup.till}
          awslogs-region: eu-central-1
          awslogs-stream-prefix: till
          mode: blocking
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: ${LogGroup.till}
          awslogs-region: eu-central-1
          awslogs-stream-prefix: till
          mode: non-blocking
          max-buffer-size: 25m
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
    },
];

/// What Fargate has.
const ON_FARGATE: &[&str] = &["awslogs", "splunk", "awsfirelens"];
/// What the ECS-optimized images of Linux have, when nobody says otherwise.
const ON_LINUX_IMAGES: &[&str] = &["json-file", "syslog", "awslogs", "fluentd", "journald", "none"];

fn on_fargate(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "FARGATE", declared) {
        return;
    }
    for driver in containers(definition).map(|container| container.at("logConfiguration.logDriver")) {
        if let Some(name) = driver.text().filter(|name| !ON_FARGATE.contains(name)) {
            hits.add(driver, format!("Fargate has no log driver {name}"))
                .help(format!("it has {}", ON_FARGATE.join(", ")));
        }
    }
}

fn on_instances(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    let mut seen = BTreeSet::new();
    for runner in all_runners(declared) {
        let Some(definition) = definition(runner, declared) else { continue };
        let hosts = hosts.instances_of(runner, declared);
        let Some(first) = hosts.first() else { continue };
        for driver in containers(definition).map(|container| container.at("logConfiguration.logDriver")) {
            // The router of FireLens is a container of the task.
            let Some(name) = driver.text().filter(|name| *name != "awsfirelens") else { continue };
            let is_missing = hosts.iter().all(|host| has_driver(*host, name) == Some(false));
            if is_missing && seen.insert((definition.address(), name)) {
                hits.add(driver, format!("no instance that {} can run on has the log driver {name}", runner.address()))
                    .help(format!("add {name} to ECS_AVAILABLE_LOGGING_DRIVERS in ecsConfig, or use another driver"))
                    .beside(first.get("ecsConfig"), "one of the instances");
            }
        }
    }
}

/// Whether the agent of an instance offers a log driver. None: that depends on its image.
fn has_driver(instance: Node<'_>, driver: &str) -> Option<bool> {
    let offered = instance.at("ecsConfig.ECS_AVAILABLE_LOGGING_DRIVERS");
    let in_list = |list: &[Value]| list.iter().any(|one| one == driver);
    match offered.value() {
        Some(Value::Array(list)) => Some(in_list(list)),
        Some(Value::String(text)) => Some(in_list(&serde_json::from_str::<Vec<Value>>(text).ok()?)),
        Some(_) => None,
        // User data can say the same in the agent's own file.
        None if instance.get("userData").is_given() => None,
        None => {
            let is_known = instance.get("imageId").text()?.contains("/aws/service/ecs/optimized-ami/");
            is_known.then(|| ON_LINUX_IMAGES.contains(&driver))
        }
    }
}

fn waits_for_logs(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    let is_on_outpost = |host: &Node<'_>| {
        declared.target(host.get("subnetId")).is_some_and(|subnet| subnet.get("outpostArn").is_given())
    };
    for definition in declared.of("TaskDefinition") {
        let modes: Vec<Node<'_>> = containers(definition)
            .filter(|container| container.at("logConfiguration.logDriver").is("awslogs"))
            .map(|container| log_option(container, "mode"))
            .filter(|mode| mode.is("blocking"))
            .collect();
        let is_at_edge = || {
            is_for(definition, "EXTERNAL", declared)
                || runners(definition, declared)
                    .into_iter()
                    .any(|runner| hosts.instances_of(runner, declared).iter().any(is_on_outpost))
        };
        if modes.is_empty() || !is_at_edge() {
            continue;
        }
        for mode in modes {
            hits.add(mode, "with mode blocking the application stands still while the link to the Region is cut")
                .help("write mode: non-blocking, and as max-buffer-size what may wait: 25m");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn codes(image: &str, driver: &str) -> Vec<String> {
        let example = concat!(
            shop!(),
            "
  imageId: IMAGE
  instanceType: c5.large
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, logConfiguration: {logDriver: DRIVER}}",
            run_on_ec2!()
        );
        let found = findings(&example.replace("IMAGE", image).replace("DRIVER", driver));
        found.into_iter().map(|finding| finding.code.into_owned()).filter(|code| code == "LOG-06").collect()
    }

    #[test]
    fn an_image_tells_which_drivers_there_are() {
        let linux = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id";
        assert_eq!(codes(linux, "gelf"), ["LOG-06"]);
        assert_eq!(codes(linux, "journald"), [""; 0]);
        assert_eq!(codes("ami-0123456789abcdef0", "gelf"), [""; 0]);
    }
}
