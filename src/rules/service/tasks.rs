//! TSK: one-off tasks.

use std::collections::BTreeSet;

use crate::diagnostic::Severity::Error;
use crate::kinds::task_definition::spec_units::Units;
use crate::manifest::suggest::{closest, list};
use crate::rules::fargate::sizes::SIZES;
use crate::rules::workload::{containers, definition, launch_type};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TSK-01",
        severity: Error,
        title: "a run that RunTask does not take",
        why: "RunTask starts 1 to 10 tasks, keeps a startedBy of 1 to 128 letters, digits, hyphens, underscores and slashes, \
              and takes 8192 characters of overrides, counted as JSON. Overrides are for containers that the task definition \
              has.",
        source: "Amazon ECS API, RunTask, count, startedBy and overrides",
        check: Check::Each("Task", limits),
        bad: "
kind: TaskDefinition
metadata: {name: migrate}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: migrate, image: 'busybox:1.37', memory: 64}
---
kind: Task
metadata: {name: migrate}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.migrate}
  launchType: EC2
  overrides: {containerOverrides: [{name: migrat, command: [echo, hello]}]}
",
        good: "
kind: TaskDefinition
metadata: {name: migrate}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: migrate, image: 'busybox:1.37', memory: 64}
---
kind: Task
metadata: {name: migrate}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.migrate}
  launchType: EC2
  overrides: {containerOverrides: [{name: migrate, command: [echo, hello]}]}
",
    },
    Rule {
        id: "TSK-02",
        severity: Error,
        title: "overrides that come to a size which Fargate does not have",
        why: "Fargate has certain pairs of CPU and memory. With the overrides in place of what the task definition says, the \
              task has none of them, and AWS refuses it: \"No Fargate configuration exists for given values\".",
        source: "Amazon ECS Developer Guide, Task CPU and memory on Fargate; Amazon ECS API, TaskOverride",
        check: Check::Each("Task", size),
        bad: "
kind: TaskDefinition
metadata: {name: migrate}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: migrate, image: 'busybox:1.37'}
---
kind: Task
metadata: {name: migrate}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.migrate}
  launchType: FARGATE
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
  overrides: {memory: 4096}
",
        good: "
kind: TaskDefinition
metadata: {name: migrate}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - {name: migrate, image: 'busybox:1.37'}
---
kind: Task
metadata: {name: migrate}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.migrate}
  launchType: FARGATE
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
  overrides: {cpu: 512, memory: 4096}
",
    },
    Rule {
        id: "TSK-03",
        severity: Error,
        title: "a group of tasks that is a service's",
        why: "Groups that begin with `service:` are those of services; RunTask refuses them.",
        source: "Amazon ECS API, RunTask, group",
        check: Check::Each("Task", group),
        bad: "
kind: Task
metadata: {name: migrate}
spec: {cluster: shop, taskDefinition: 'migrate:7', launchType: EC2, group: 'service:till'}
",
        good: "
kind: Task
metadata: {name: migrate}
spec: {cluster: shop, taskDefinition: 'migrate:7', launchType: EC2, group: till}
",
    },
];

/// The most tasks of one run, characters of `startedBy`, and characters of all overrides.
const MOST_TASKS: i64 = 10;
const LONGEST_STARTER: usize = 128;
const MOST_OVERRIDES: usize = 8192;

fn limits(task: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let count = task.get("count");
    if let Some(number) = count.number().filter(|number| !(1..=MOST_TASKS).contains(number)) {
        hits.add(count, format!("{number} tasks; one run is 1 to {MOST_TASKS}"))
            .help("declare several Tasks, or a Service with this desiredCount");
    }
    let starter = task.get("startedBy");
    if let Some(text) = starter.text() {
        let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "-_/".contains(letter);
        if !(1..=LONGEST_STARTER).contains(&text.len()) || !text.chars().all(is_fit) {
            let message =
                format!("startedBy is 1 to {LONGEST_STARTER} letters, digits, hyphens, underscores and slashes");
            hits.add(starter, message);
        }
    }
    let overrides = task.get("overrides");
    let length = overrides.value().map_or(0, |value| value.to_string().chars().count());
    if length > MOST_OVERRIDES {
        hits.add(overrides, format!("the overrides are {length} characters as JSON; AWS takes {MOST_OVERRIDES}"))
            .help("put what is long into the image, a parameter or a file of environment variables");
    }
    let Some(definition) = definition(task, declared) else { return };
    // One of them may be called so.
    if containers(definition).any(|one| one.get("name").text().is_none()) {
        return;
    }
    let names: BTreeSet<&str> = containers(definition).filter_map(|one| one.get("name").written()).collect();
    for name in overrides.get("containerOverrides").items().map(|one| one.get("name")) {
        let Some(text) = name.text().filter(|text| !names.contains(text)) else { continue };
        let help = match closest(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write {}", list(names.iter().copied())),
        };
        hits.add(name, format!("{} has no container `{text}`", definition.address()))
            .beside(definition.get("containerDefinitions"), "its containers")
            .help(help);
    }
}

fn size(task: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let overrides = task.get("overrides");
    let changed = ["cpu", "memory"].map(|member| overrides.get(member));
    if !changed.iter().any(|node| node.is_given()) || launch_type(task, declared) != Some("FARGATE") {
        return;
    }
    let definition = definition(task, declared);
    let amount = |member: &str| {
        let changed = overrides.get(member);
        units(if changed.is_given() { changed } else { definition?.get(member) })
    };
    let (Some(cpu), Some(memory)) = (amount("cpu"), amount("memory")) else { return };
    let fits = match cpu {
        256 => [512, 1024, 2048].contains(&memory),
        _ => SIZES
            .iter()
            .any(|(of, from, to, step)| *of == cpu && (*from..=*to).contains(&memory) && (memory - from) % step == 0),
    };
    if !fits {
        let place = changed.into_iter().find(|node| node.is_given()).unwrap_or(overrides);
        hits.add(
            place,
            format!("with its overrides the task has {cpu} CPU units and {memory} MiB, which Fargate does not"),
        );
        if let Some((_, from, to, step)) = SIZES.iter().find(|(of, ..)| *of == cpu) {
            hits.help(format!("{cpu} CPU units go with {from} to {to} MiB in steps of {step}"));
        } else if cpu == 256 {
            hits.help("256 CPU units go with 512, 1024 or 2048 MiB");
        }
    }
}

/// `256`, `0.25 vCPU`, `1 GB`.
fn units(amount: Node<'_>) -> Option<i64> {
    amount.number().or_else(|| Units::from(amount.text()?).as_str().parse().ok())
}

fn group(task: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let group = task.get("group");
    if group.written().is_some_and(|text| text.starts_with("service:")) {
        hits.add(group, "a group that begins with `service:` is a service's").help("leave `service:` out, or group");
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn ids(members: &str) -> Vec<String> {
        let text = format!(
            "kind: Task\nmetadata: {{name: migrate}}\nspec: {{cluster: shop, taskDefinition: 'migrate:7', launchType: EC2, {members}}}\n"
        );
        findings(&text).into_iter().map(|finding| finding.code.to_string()).collect()
    }

    #[test]
    fn what_run_task_refuses_is_found_before() {
        assert!(ids("count: 10").is_empty());
        assert_eq!(ids("count: 11, startedBy: not me"), ["TSK-01", "TSK-01"]);
        assert_eq!(ids("startedBy: ''"), ["TSK-01"]);
        assert!(ids("startedBy: nightly/7").is_empty());
        assert!(ids("startedBy: '${Cluster.shop.name}'").iter().all(|id| id != "TSK-01"));
        let long =
            format!("overrides: {{containerOverrides: [{{name: migrate, command: [echo, {}]}}]}}", "x".repeat(9000));
        assert_eq!(ids(&long), ["TSK-01"]);
    }
}
