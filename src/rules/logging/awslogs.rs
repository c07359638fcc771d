//! The log driver awslogs: which options it needs, and what they mean together.

use std::collections::BTreeSet;

use super::super::cluster_hosts::Hosts;
use super::super::permissions::{instance_role, may, role};
use super::super::workload::{all_runners, containers, definition, is_for};
use super::{Check, Declared, Hits, Node, Rule, log_option};
use crate::diagnostic::Severity::{Error, Warning};
use crate::manifest::suggest::closest;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "LOG-01",
        severity: Error,
        title: "awslogs without its group or its Region",
        why: "RegisterTaskDefinition refuses it: \"Log driver awslogs requires options: awslogs-group\". Both options are \
              required, on every launch type.",
        source: "Amazon ECS API, LogConfiguration.options",
        check: Check::Each("TaskDefinition", needed),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-stream-prefix: till}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-stream-prefix: till, awslogs-region: eu-central-1}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
    },
    Rule {
        id: "LOG-02",
        severity: Error,
        title: "an option that awslogs does not have",
        why: "RegisterTaskDefinition refuses options of the log driver awslogs that ECS does not know, also those that \
              Docker itself would take.",
        source: "Amazon ECS API, LogConfiguration.options; the extensions of cfn-lint's schema of log configurations",
        check: Check::Each("TaskDefinition", known_options),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
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
          awslogs-date-format: '%Y-%m-%d'
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
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
          awslogs-datetime-format: '%Y-%m-%d'
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
    },
    Rule {
        id: "LOG-03",
        severity: Error,
        title: "a date and a pattern both begin an event of awslogs",
        why: "Docker starts no container with both: awslogs-datetime-format and awslogs-multiline-pattern are two ways \
              to tell where an event of several lines begins.",
        source: "Amazon ECS API, LogConfiguration.options",
        check: Check::Each("TaskDefinition", one_beginning),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
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
          awslogs-datetime-format: '%Y-%m-%d'
          awslogs-multiline-pattern: '^INFO'
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
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
          awslogs-multiline-pattern: '^INFO'
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
    },
    Rule {
        id: "LOG-04",
        severity: Error,
        title: "awslogs on Fargate without a prefix for its streams",
        why: "The option awslogs-stream-prefix is required on Fargate: there is no container instance whose ids could \
              name the streams.",
        source: "Amazon ECS API, LogConfiguration.options",
        check: Check::Each("TaskDefinition", prefix_on_fargate),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  containerDefinitions:
    - name: app
      image: nginx:1.29
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-region: eu-central-1}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  containerDefinitions:
    - name: app
      image: nginx:1.29
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-region: eu-central-1, awslogs-stream-prefix: till}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
    },
    Rule {
        id: "LOG-08",
        severity: Warning,
        title: "awslogs writes to a log group that is not declared",
        why: "When the log group is not there, tasks stop before their containers start, with a \
              ResourceInitializationError. Only AWS knows whether somebody else has made it.",
        source: "Amazon ECS API, LogConfiguration.options",
        check: Check::Each("TaskDefinition", group_is_declared),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: /ecs/till, awslogs-region: eu-central-1, awslogs-stream-prefix: till}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: /ecs/till, awslogs-region: eu-central-1, awslogs-stream-prefix: till}
---
kind: LogGroup
metadata: {name: till}
spec: {logGroupName: /ecs/till, retentionInDays: 30}
",
    },
    Rule {
        id: "LOG-09",
        severity: Error,
        title: "awslogs is to make its log group, and the role may not",
        why: "The option awslogs-create-group needs logs:CreateLogGroup, which AmazonECSTaskExecutionRolePolicy and \
              AmazonEC2ContainerServiceforEC2Role do not include. On Fargate and on external instances it is the \
              execution role that writes logs, on EC2 the role of the instance.",
        source: "Amazon ECS API, LogConfiguration.options",
        check: Check::All(group_can_be_made),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  executionRoleArn: ${Role.pull}
  containerDefinitions:
    - name: app
      image: nginx:1.29
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: /ecs/till
          awslogs-region: eu-central-1
          awslogs-stream-prefix: till
          awslogs-create-group: 'true'
---",
            pull_role!()
        ),
        good: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  executionRoleArn: ${Role.pull}
  containerDefinitions:
    - name: app
      image: nginx:1.29
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: /ecs/till
          awslogs-region: eu-central-1
          awslogs-stream-prefix: till
          awslogs-create-group: 'true'
---",
            pull_role!(),
            "
  inlinePolicies:
    groups:
      Version: '2012-10-17'
      Statement: {Effect: Allow, Action: logs:CreateLogGroup, Resource: 'arn:aws:logs:*:*:log-group:/ecs/*'}
"
        ),
    },
    Rule {
        id: "LOG-11",
        severity: Warning,
        title: "awslogs writes to another Region",
        why: "AWS takes it, and what the containers log then leaves the Region, which costs money and time. Where it is \
              a slip, the log group is missing there and no task starts.",
        source: "Amazon ECS API, LogConfiguration.options",
        check: Check::Each("TaskDefinition", own_region),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-region: us-east-1, awslogs-stream-prefix: till}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-region: eu-central-1, awslogs-stream-prefix: till}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
    },
    Rule {
        id: "LOG-12",
        severity: Warning,
        title: "streams of awslogs are named after ids of containers",
        why: "Without awslogs-stream-prefix a stream is named after the id that Docker gave the container, which is \
              known on its instance alone. With it the name is PREFIX/CONTAINER/TASK, and the console finds it.",
        source: "Amazon ECS API, LogConfiguration.options",
        check: Check::Each("TaskDefinition", prefix_elsewhere),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-region: eu-central-1}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: '${LogGroup.till}', awslogs-region: eu-central-1, awslogs-stream-prefix: till}
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
",
    },
];

/// The options of awslogs, with those that all drivers have.
const OPTIONS: &[&str] = &[
    "awslogs-create-group",
    "awslogs-datetime-format",
    "awslogs-group",
    "awslogs-multiline-pattern",
    "awslogs-region",
    "awslogs-stream-prefix",
    "max-buffer-size",
    "mode",
];

/// The containers that log with awslogs.
fn with_awslogs<'a>(definition: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    containers(definition).filter(|container| container.at("logConfiguration.logDriver").is("awslogs"))
}

fn needed(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    for container in with_awslogs(definition) {
        for option in ["awslogs-group", "awslogs-region"] {
            if log_option(container, option).is_given() {
                continue;
            }
            let log = container.get("logConfiguration");
            hits.add(log, format!("the log driver awslogs needs the option {option}"));
            if option == "awslogs-group" {
                hits.help("declare a LogGroup and write awslogs-group: ${LogGroup.NAME}");
            } else if !declared.stack.region.is_empty() && log.get("options").is_given() {
                hits.help(format!("write awslogs-region: {}", declared.stack.region));
                hits.fix(log.get("options"), option, declared.stack.region.as_str());
            }
        }
    }
}

fn known_options(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in with_awslogs(definition) {
        let log = container.get("logConfiguration");
        let secret = log.get("secretOptions").items().map(|secret| secret.get("name"));
        let secret = secret.filter_map(|name| Some((name.text()?, name)));
        for (name, place) in log.get("options").members().chain(secret) {
            if OPTIONS.contains(&name) {
                continue;
            }
            hits.add(place, format!("the log driver awslogs has no option {name}"));
            match closest(name, OPTIONS.iter().copied()) {
                Some(near) => hits.help(format!("did you mean {near}?")),
                None => hits.help(format!("it has {}", OPTIONS.join(", "))),
            };
        }
    }
}

fn one_beginning(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in with_awslogs(definition) {
        let date = log_option(container, "awslogs-datetime-format");
        let pattern = log_option(container, "awslogs-multiline-pattern");
        if date.is_given() && pattern.is_given() {
            hits.add(pattern, "awslogs-multiline-pattern and awslogs-datetime-format exclude each other")
                .help("keep the one that tells where an event begins")
                .beside(date, "the date format");
        }
    }
}

fn prefix_on_fargate(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if is_for(definition, "FARGATE", declared) {
        prefix(definition, "Fargate needs the option awslogs-stream-prefix", hits);
    }
}

fn prefix_elsewhere(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "FARGATE", declared) {
        prefix(definition, "without awslogs-stream-prefix no stream tells which task it is of", hits);
    }
}

fn prefix(definition: Node<'_>, message: &str, hits: &mut Hits) {
    for container in with_awslogs(definition) {
        let options = container.at("logConfiguration.options");
        if options.is_given() && !log_option(container, "awslogs-stream-prefix").is_given() {
            let name = definition.address().name.as_str();
            hits.add(options, message).help(format!("add awslogs-stream-prefix: {name}"));
            hits.fix(options, "awslogs-stream-prefix", name);
        }
    }
}

fn group_is_declared(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    for container in with_awslogs(definition) {
        let group = container.at("logConfiguration.options").get("awslogs-group");
        let region = log_option(container, "awslogs-region");
        let create = log_option(container, "awslogs-create-group");
        // What names a declared log group is a reference by now.
        let Some(name) = group.text() else { continue };
        let is_elsewhere = region.text().is_none_or(|region| region != declared.stack.region);
        if is_elsewhere || (create.is_given() && !create.is("false")) {
            continue;
        }
        hits.add(group, format!("no log group {name} is declared, and awslogs is not to make it"))
            .help(format!("declare a LogGroup with logGroupName: {name}, or add awslogs-create-group: \"true\""));
    }
}

fn group_can_be_made(declared: &Declared<'_>, hits: &mut Hits) {
    const ACTION: &str = "logs:CreateLogGroup";
    let making = |container: &Node<'_>| log_option(*container, "awslogs-create-group").is("true");
    let refused = |hits: &mut Hits, container: Node<'_>, role: Node<'_>| {
        let at = log_option(container, "awslogs-create-group");
        hits.add(at, format!("{} may not {ACTION}", role.address()))
            .help(format!("allow it {ACTION}, or declare a LogGroup and take awslogs-create-group out"))
            .beside(role, "the role");
    };
    for definition in declared.of("TaskDefinition") {
        let by_execution_role = is_for(definition, "FARGATE", declared) || is_for(definition, "EXTERNAL", declared);
        let Some(role) = role(definition.get("executionRoleArn"), declared).filter(|_| by_execution_role) else {
            continue;
        };
        if may(role, ACTION) == Some(false) {
            with_awslogs(definition).filter(making).for_each(|container| refused(hits, container, role));
        }
    }
    let hosts = Hosts::of(declared);
    let mut seen = BTreeSet::new();
    for runner in all_runners(declared) {
        let Some(definition) = definition(runner, declared) else { continue };
        if !with_awslogs(definition).any(|container| making(&container)) {
            continue;
        }
        let roles = hosts.instances_of(runner, declared).into_iter().map(|host| instance_role(host, declared));
        let Some(roles) = roles.collect::<Option<Vec<_>>>() else { continue };
        let is_refused = roles.iter().all(|role| may(*role, ACTION) == Some(false));
        if let Some(role) = roles.first().filter(|_| is_refused && seen.insert(definition.address())) {
            with_awslogs(definition).filter(making).for_each(|container| refused(hits, container, *role));
        }
    }
}

fn own_region(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let own = declared.stack.region.as_str();
    for container in with_awslogs(definition) {
        let region = log_option(container, "awslogs-region");
        let Some(other) = region.text().filter(|other| *other != own && !own.is_empty()) else { continue };
        hits.add(region, format!("logs go to {other}, and the stack is in {own}"));
        hits.help(format!("write awslogs-region: {own}"));
        // A declared log group is in the stack's Region.
        if declared.target(log_option(container, "awslogs-group")).is_some() {
            hits.fix(container.at("logConfiguration.options"), "awslogs-region", own);
        }
    }
}
