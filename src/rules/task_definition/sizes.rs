//! TD-08 to TD-14: CPU and memory of the containers and of the task.

use crate::diagnostic::Severity::Error;
use crate::rules::parts::{is_for_fargate, units};
use crate::rules::workload::{containers, is_windows};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// The least memory of a container in MiB.
const LEAST_MEMORY: i64 = 6;
/// CPU units of a task that is not on Fargate.
const LEAST_CPU: i64 = 128;
const MOST_CPU: i64 = 196_608;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-08",
        severity: Error,
        title: "nothing says how much memory a container has",
        why: "RegisterTaskDefinition refuses it when the task has no memory either: \"At least one of 'memory' or \
              'memoryReservation' must be specified\".",
        source: "Amazon ECS API, ContainerDefinition.memory",
        check: Check::Each("TaskDefinition", some_memory),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29'}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-09",
        severity: Error,
        title: "more memory is reserved than a container may use",
        why: "RegisterTaskDefinition refuses it: \"'memory' must be greater than or equal to 'memoryReservation'\". The \
              API reference says greater; AWS takes equal as well.",
        source: "Amazon ECS API, ContainerDefinition.memory",
        check: Check::Each("TaskDefinition", reservation),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, memoryReservation: 128}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 128, memoryReservation: 64}
",
    },
    Rule {
        id: "TD-10",
        severity: Error,
        title: "less memory than Docker gives any container",
        why: "Docker reserves 6 MiB for a container (4 MiB before Docker 20.10) and refuses to start one with less.",
        source: "Amazon ECS API, ContainerDefinition.memory",
        check: Check::Each("TaskDefinition", least_memory),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 4}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-11",
        severity: Error,
        title: "the containers need more memory than the task has",
        why: "RegisterTaskDefinition refuses it: what is reserved for the containers (memoryReservation, or else memory) \
              has to fit into the task's memory, and so has the limit of each.",
        source: "Amazon ECS API, ContainerDefinition.memory",
        check: Check::Each("TaskDefinition", memory_of_task),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  memory: 0.5 GB
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 384}
    - {name: logs, image: 'busybox:1.37', memory: 256}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  memory: 0.5 GB
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 384}
    - {name: logs, image: 'busybox:1.37', memory: 128}
",
    },
    Rule {
        id: "TD-12",
        severity: Error,
        title: "the containers reserve more CPU than the task has",
        why: "RegisterTaskDefinition refuses it: \"The sum of all container 'cpu' values cannot be greater than the \
              task-level 'cpu' value\".",
        source: "Amazon ECS API, ContainerDefinition.cpu",
        check: Check::Each("TaskDefinition", cpu_of_task),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  cpu: 0.25 vCPU
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', cpu: 192, memory: 64}
    - {name: logs, image: 'busybox:1.37', cpu: 128, memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  cpu: 0.25 vCPU
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', cpu: 192, memory: 64}
    - {name: logs, image: 'busybox:1.37', cpu: 64, memory: 64}
",
    },
    Rule {
        id: "TD-13",
        severity: Error,
        title: "a task on instances with less than 128 or more than 196608 CPU units",
        why: "On EC2 and EXTERNAL a task has 0.125 to 192 vCPU, or says nothing. Fargate's sizes are another rule's.",
        source: "Amazon ECS API, RegisterTaskDefinition: cpu",
        check: Check::Each("TaskDefinition", range_of_cpu),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  cpu: 64
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  cpu: 128
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-14",
        severity: Error,
        title: "not a size of a task",
        why: "CPU is a number of units, or a number and vCPU; memory is a number of MiB, or a number and GB. AWS answers \
              \"Invalid 'cpu' setting for task\" to anything else.",
        source: "Amazon ECS API, RegisterTaskDefinition: cpu and memory",
        check: Check::Schema(&[
            ("TaskDefinition", &["/cpu", "/memory"]),
            ("Task", &["/overrides/cpu", "/overrides/memory"]),
        ]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  memory: 512 MB
  containerDefinitions:
    - {name: app, image: 'nginx:1.29'}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  memory: 0.5 GB
  containerDefinitions:
    - {name: app, image: 'nginx:1.29'}
",
    },
];

/// What a finding calls a container.
fn title(container: Node<'_>) -> &str {
    container.get("name").written().unwrap_or_default()
}

fn some_memory(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if definition.get("memory").is_given() {
        return;
    }
    for container in containers(definition) {
        if !container.get("memory").is_given() && !container.get("memoryReservation").is_given() {
            hits.add(container, format!("container `{}` has no memory, and neither has the task", title(container)))
                .help("add memory or memoryReservation to it, or memory to the task");
        }
    }
}

fn reservation(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in containers(definition) {
        let (limit, reserved) = (container.get("memory"), container.get("memoryReservation"));
        if let (Some(most), Some(least)) = (limit.number(), reserved.number())
            && least > most
        {
            let message = format!("container `{}` reserves {least} MiB and may use {most} MiB", title(container));
            hits.add(reserved, message).beside(limit, "the limit").help("raise memory, or lower memoryReservation");
        }
    }
}

fn least_memory(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in containers(definition) {
        for size in [container.get("memory"), container.get("memoryReservation")] {
            if let Some(mib) = size.number().filter(|mib| *mib < LEAST_MEMORY) {
                let message =
                    format!("container `{}` has {mib} MiB; Docker needs {LEAST_MEMORY} MiB", title(container));
                hits.add(size, message);
            }
        }
    }
}

fn memory_of_task(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let size = definition.get("memory");
    let Some(task) = units(size) else { return };
    let mut sum = 0;
    for container in containers(definition) {
        let (limit, reserved) = (container.get("memory"), container.get("memoryReservation"));
        if let Some((node, mib)) =
            [limit, reserved].into_iter().filter_map(|node| Some((node, node.number()?))).find(|(_, mib)| *mib > task)
        {
            let message = format!("container `{}` has {mib} MiB, and the task has {task} MiB", title(container));
            hits.add(node, message).beside(size, "the task's memory");
            return;
        }
        sum += reserved.number().or(limit.number()).unwrap_or(0);
    }
    if sum > task {
        hits.add(size, format!("the containers need {sum} MiB, and the task has {task} MiB"));
    }
}

fn cpu_of_task(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let size = definition.get("cpu");
    let Some(task) = units(size) else { return };
    let sum: i64 = containers(definition).filter_map(|container| container.get("cpu").number()).sum();
    if sum > task {
        hits.add(size, format!("the containers reserve {sum} CPU units, and the task has {task}"));
    }
}

fn range_of_cpu(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let size = definition.get("cpu");
    let Some(task) = units(size).filter(|task| !(LEAST_CPU..=MOST_CPU).contains(task)) else { return };
    if !is_for_fargate(definition, declared) && !is_windows(definition) {
        hits.add(
            size,
            format!("the task has {task} CPU units; AWS takes {LEAST_CPU} to {MOST_CPU} (0.125 to 192 vCPU)"),
        )
        .help("leave cpu out, and the containers' shares are what counts");
    }
}
