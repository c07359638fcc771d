//! TD-18 to TD-20: the health checks of containers.

use crate::diagnostic::Severity::{Error, Note};
use crate::rules::workload::containers;
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-18",
        severity: Error,
        title: "a health check that does not begin with CMD or CMD-SHELL",
        why: "RegisterTaskDefinition refuses it: the first word says how the rest is run. CMD is followed by the program \
              and its arguments one by one, CMD-SHELL by one line for the container's shell; NONE turns off a check that \
              the image has.",
        source: "Amazon ECS API, HealthCheck.command",
        check: Check::Each("TaskDefinition", commands),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      healthCheck: {command: ['curl -f http://localhost/ || exit 1']}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      healthCheck: {command: [CMD-SHELL, 'curl -f http://localhost/ || exit 1']}
",
    },
    Rule {
        id: "TD-19",
        severity: Error,
        title: "a time or a count of a health check that AWS does not take",
        why: "The interval is 5 to 300 seconds, the timeout 2 to 60, the retries 1 to 10, the startPeriod 0 to 300.",
        source: "Amazon ECS API, HealthCheck",
        check: Check::Schema(&[(
            "TaskDefinition",
            &[
                "/containerDefinitions/*/healthCheck/interval",
                "/containerDefinitions/*/healthCheck/timeout",
                "/containerDefinitions/*/healthCheck/retries",
                "/containerDefinitions/*/healthCheck/startPeriod",
            ],
        )]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      healthCheck: {command: [CMD, 'true'], interval: 2}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      healthCheck: {command: [CMD, 'true'], interval: 5}
",
    },
    Rule {
        id: "TD-20",
        severity: Note,
        title: "a health check may take longer than the time between two",
        why: "Docker counts the interval from the end of one check to the next, so checks never overlap; but a container \
              that hangs is found unhealthy only after the retries times interval and timeout together. The defaults are \
              an interval of 30 seconds, a timeout of 5 and 3 retries.",
        source: "Amazon ECS API, HealthCheck.timeout and .interval; Docker, daemon/health.go",
        check: Check::Each("TaskDefinition", timeouts),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      healthCheck: {command: [CMD, 'true'], interval: 10, timeout: 60}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      healthCheck: {command: [CMD, 'true'], interval: 10, timeout: 5}
",
    },
];

fn commands(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for command in containers(definition).map(|container| container.at("healthCheck.command")) {
        if !command.is_given() {
            continue;
        }
        let help = "CMD and arguments one by one, or CMD-SHELL and one line for the shell";
        match command.items().next() {
            None => {
                hits.add(command, "the health check has no command").help(help);
            }
            Some(first) => {
                if let Some(text) = first.text().filter(|text| !["CMD", "CMD-SHELL", "NONE"].contains(text)) {
                    hits.add(first, format!("the command of the health check begins with `{text}`")).help(help);
                }
            }
        }
    }
}

fn timeouts(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for check in containers(definition).map(|container| container.get("healthCheck")) {
        let number = |member: &str, default| check.get(member).number().unwrap_or(default);
        let (interval, timeout, retries) = (number("interval", 30), number("timeout", 5), number("retries", 3));
        if check.is_given() && timeout > interval {
            let seconds = retries * (interval + timeout);
            let message = format!(
                "a check may take {timeout} seconds and comes every {interval}: a container that hangs is noticed after \
                 {seconds} seconds"
            );
            hits.add(check.get("timeout"), message);
        }
    }
}
