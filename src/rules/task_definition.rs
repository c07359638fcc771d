//! TD: task definitions, shape and sizes.

use super::workload::{containers, is_essential};
use super::{Check, Declared, Group, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static GROUP: Group = Group { title: "Task definitions", rules: &[RULES], left_out: &[] };

static RULES: &[Rule] = &[
    Rule {
        id: "TD-02",
        severity: Error,
        title: "two containers of one name",
        why: "RegisterTaskDefinition refuses it: container names must be unique within a task definition.",
        source: "Amazon ECS API, ContainerDefinition.name",
        check: Check::Each("TaskDefinition", unique_names),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: app, image: 'busybox:1.37', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: logs, image: 'busybox:1.37', memory: 64}
",
    },
    Rule {
        id: "TD-05",
        severity: Error,
        title: "no container is essential",
        why: "RegisterTaskDefinition refuses it: a task ends with its essential containers, so it needs one.",
        source: "Amazon ECS API, ContainerDefinition.essential",
        check: Check::Each("TaskDefinition", essential),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, essential: false}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
];

fn unique_names(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mut seen: Vec<Node<'_>> = Vec::new();
    for name in containers(definition).map(|container| container.get("name")) {
        let Some(text) = name.text() else { continue };
        match seen.iter().find(|first| first.is(text)) {
            Some(first) => {
                hits.add(name, format!("a second container `{text}`")).beside(*first, "the first");
            }
            None => seen.push(name),
        }
    }
}

fn essential(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let list = definition.get("containerDefinitions");
    if list.says_something() && !containers(definition).any(is_essential) {
        hits.add(list, "no container is essential")
            .help("leave `essential` out of the container whose end ends the task");
    }
}
