//! Commands in containers: ECS Exec.

use super::super::permissions::{lacks, role};
use super::super::workload::{all_runners, containers, definition, is_windows, runners};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Note, Warning};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EXE-01",
        severity: Error,
        title: "ECS Exec without a task role that may open the channel",
        why: "The agent of ECS Exec in the container speaks to Systems Manager with the task role, which needs \
              ssmmessages:CreateControlChannel, CreateDataChannel, OpenControlChannel and OpenDataChannel. Without a task \
              role AWS refuses the service and the run.",
        source: "Amazon ECS Developer Guide, ECS Exec",
        check: Check::All(channel),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, linuxParameters: {initProcessEnabled: true}}
---
kind: Cluster
metadata: {name: shop}
spec: {}",
            run_on_ec2!(),
            "  enableExecuteCommand: true
"
        ),
        good: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: ${Role.till}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, linuxParameters: {initProcessEnabled: true}}
---
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      Effect: Allow
      Principal: {Service: ecs-tasks.amazonaws.com}
      Action: sts:AssumeRole
      Condition: {StringEquals: {'aws:SourceAccount': '123456789012'}}
  inlinePolicies:
    exec:
      Version: '2012-10-17'
      Statement: {Effect: Allow, Action: 'ssmmessages:*', Resource: '*'}
---
kind: Cluster
metadata: {name: shop}
spec: {}",
            run_on_ec2!(),
            "  enableExecuteCommand: true
"
        ),
    },
    Rule {
        id: "EXE-02",
        severity: Warning,
        title: "ECS Exec in a container that cannot take it well",
        why: "The agent of ECS Exec writes into the container's root file system, so it cannot start in a read-only one. \
              Where the containers of a task share their processes (pidMode task), commands can be run in one of them \
              only. Without an init process (initProcessEnabled) what commands leave behind stays a zombie.",
        source: "Amazon ECS Developer Guide, ECS Exec",
        check: Check::Each("TaskDefinition", restrictions),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: arn:aws:iam::123456789012:role/till
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      readonlyRootFilesystem: true
      linuxParameters: {initProcessEnabled: true}
---
kind: Cluster
metadata: {name: shop}
spec: {}",
            run_on_ec2!(),
            "  enableExecuteCommand: true
"
        ),
        good: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: arn:aws:iam::123456789012:role/till
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      linuxParameters: {initProcessEnabled: true}
---
kind: Cluster
metadata: {name: shop}
spec: {}",
            run_on_ec2!(),
            "  enableExecuteCommand: true
"
        ),
    },
    Rule {
        id: "EXE-03",
        severity: Error,
        title: "where the logs of ECS Exec go is said by halves",
        why: "CreateCluster refuses it: \"A CloudWatch log group name or S3 bucket name must be specified when overriding \
              the default log configuration\", and the other way round \"You must set logging to 'OVERRIDE' when you \
              supply a log configuration\".",
        source: "Amazon ECS API, ExecuteCommandConfiguration.logging",
        check: Check::Each("Cluster", logs_of_commands),
        bad: "
kind: Cluster
metadata: {name: shop}
spec:
  configuration:
    executeCommandConfiguration:
      logging: OVERRIDE
",
        good: "
kind: Cluster
metadata: {name: shop}
spec:
  configuration:
    executeCommandConfiguration:
      logging: OVERRIDE
      logConfiguration: {cloudWatchLogGroupName: '${LogGroup.exec}'}
---
kind: LogGroup
metadata: {name: exec}
spec: {retentionInDays: 30}
",
    },
];

/// What the agent of ECS Exec does.
const CHANNEL: &[&str] = &[
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

fn channel(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let switch = runner.get("enableExecuteCommand");
        let Some(definition) = definition(runner, declared).filter(|_| switch.is_true()) else { continue };
        let own = runner.at("overrides.taskRoleArn");
        let named = if own.is_given() { own } else { definition.get("taskRoleArn") };
        if !named.is_given() {
            hits.add(switch, format!("ECS Exec needs a task role, and {} has none", definition.address()))
                .help("add taskRoleArn: a role that ecs-tasks.amazonaws.com may assume and that may ssmmessages:*")
                .beside(definition, "the task definition");
            continue;
        }
        let Some(role) = role(named, declared) else { continue };
        let missing = lacks(role, CHANNEL);
        if !missing.is_empty() {
            hits.add(switch, format!("for ECS Exec {} lacks {}", role.address(), missing.join(", ")))
                .help("allow these to the task role on the resource *")
                .beside(role, "the task role");
        }
    }
}

fn restrictions(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let runners = runners(definition, declared);
    let Some(runner) = runners.iter().find(|runner| runner.get("enableExecuteCommand").is_true()) else { return };
    let switch = runner.get("enableExecuteCommand");
    let pids = definition.get("pidMode");
    if pids.is("task") && containers(definition).len() > 1 {
        hits.add(pids, "with pidMode task, ECS Exec reaches one container of the task only")
            .beside(switch, "commands are to be run");
    }
    for container in containers(definition) {
        let name = container.get("name").written().unwrap_or_default();
        let read_only = container.get("readonlyRootFilesystem");
        if read_only.is_true() {
            hits.add(read_only, format!("ECS Exec cannot start in `{name}`: its root file system is read-only"))
                .help("take readonlyRootFilesystem out, or do without enableExecuteCommand")
                .beside(switch, "commands are to be run");
        } else if !is_windows(definition) && !container.at("linuxParameters.initProcessEnabled").is_true() {
            hits.add_as(
                Note,
                container,
                format!("what commands leave behind in `{name}` stays: it has no init process"),
            )
            .help("add linuxParameters: {initProcessEnabled: true}")
            .beside(switch, "commands are to be run");
        }
    }
}

fn logs_of_commands(cluster: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let commands = cluster.at("configuration.executeCommandConfiguration");
    let (logging, log) = (commands.get("logging"), commands.get("logConfiguration"));
    if logging.is("OVERRIDE") {
        if !log.get("cloudWatchLogGroupName").is_given() && !log.get("s3BucketName").is_given() {
            hits.add(logging, "OVERRIDE needs to be told where the logs go")
                .help("add logConfiguration with cloudWatchLogGroupName or s3BucketName");
        }
    } else if log.is_given() && (logging.text().is_some() || !logging.is_given()) {
        let now = logging.written().unwrap_or("DEFAULT");
        hits.add(log, format!("logConfiguration needs logging OVERRIDE, and it is {now}"));
        hits.help("write logging: OVERRIDE, or take logConfiguration out");
        if !logging.is_given() {
            hits.fix(commands, "logging", "OVERRIDE");
        }
    }
}
