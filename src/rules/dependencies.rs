//! DEP: container dependencies.

use super::of_plan::AGENTS;
use super::parts::{circle, container};
use super::task_definition::{chain, check_name, linked, sources};
use super::workload::{containers, is_essential};
use super::{Check, Declared, Group, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static GROUP: Group = Group { title: "Container dependencies", rules: &[RULES, AGENTS], left_out: &[] };

static RULES: &[Rule] = &[
    Rule {
        id: "DEP-01",
        severity: Error,
        title: "a container waits for one that is not there",
        why: "RegisterTaskDefinition refuses it: \"Cannot depend on container X because it does not exist\"; and so it \
              does when a container waits for itself.",
        source: "Amazon ECS API, ContainerDependency.containerName",
        check: Check::Each("TaskDefinition", targets),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: databse, condition: START}]}
    - {name: database, image: 'mariadb:11.8', memory: 256}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: database, condition: START}]}
    - {name: database, image: 'mariadb:11.8', memory: 256}
",
    },
    Rule {
        id: "DEP-02",
        severity: Error,
        title: "containers wait for each other in a circle",
        why: "None of them can ever start: the agent finds the circle and stops the task. Links and volumesFrom count, \
              since they make the agent wait as well.",
        source: "Amazon ECS API, ContainerDefinition.dependsOn; amazon-ecs-agent, dependency graph",
        check: Check::Each("TaskDefinition", circles),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: database, condition: START}]}
    - {name: database, image: 'mariadb:11.8', memory: 256, dependsOn: [{containerName: app, condition: START}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: database, condition: START}]}
    - {name: database, image: 'mariadb:11.8', memory: 256}
",
    },
    Rule {
        id: "DEP-03",
        severity: Error,
        title: "a container waits for the end of an essential one",
        why: "When an essential container ends, the task does. RegisterTaskDefinition refuses it: \"A dependency \
              container with SUCCESS or COMPLETE condition cannot be an essential container\".",
        source: "Amazon ECS API, ContainerDependency.condition",
        check: Check::Each("TaskDefinition", ends),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: prepare, condition: SUCCESS}]}
    - {name: prepare, image: 'busybox:1.37', memory: 64, startTimeout: 120}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: prepare, condition: SUCCESS}]}
    - {name: prepare, image: 'busybox:1.37', memory: 64, startTimeout: 120, essential: false}
",
    },
    Rule {
        id: "DEP-04",
        severity: Error,
        title: "a container waits for the health of one that is never checked",
        why: "RegisterTaskDefinition refuses it: \"A dependency container with HEALTHY condition must have health check \
              configured\". The HEALTHCHECK of an image does not count.",
        source: "Amazon ECS API, ContainerDependency.condition",
        check: Check::Each("TaskDefinition", health),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: database, condition: HEALTHY}]}
    - {name: database, image: 'mariadb:11.8', memory: 256, startTimeout: 120}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: database, condition: HEALTHY}]}
    - name: database
      image: mariadb:11.8
      memory: 256
      startTimeout: 120
      healthCheck: {command: [CMD-SHELL, 'healthcheck.sh --connect']}
",
    },
    Rule {
        id: "DEP-05",
        severity: Error,
        title: "no such condition of a dependency",
        why: "A container can wait for another one to run (START), to have ended (COMPLETE), to have ended well (SUCCESS) \
              or to be healthy (HEALTHY).",
        source: "Amazon ECS API, ContainerCondition",
        check: Check::Schema(&[("TaskDefinition", &["/containerDefinitions/*/dependsOn/*/condition"])]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: database, condition: RUNNING}]}
    - {name: database, image: 'mariadb:11.8', memory: 256}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: database, condition: START}]}
    - {name: database, image: 'mariadb:11.8', memory: 256}
",
    },
];

/// The containers that a container waits for, with the items that say so.
fn needed<'a>(container: Node<'a>) -> impl Iterator<Item = (Node<'a>, &'a str)> {
    let items = container.get("dependsOn").items();
    items.filter_map(|item| Some((item, item.get("containerName").text()?)))
}

fn targets(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for own in containers(definition) {
        for (item, name) in needed(own) {
            check_name(own, item.get("containerName"), name, hits);
        }
    }
}

fn circles(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    // Circles of links or of volumes alone are told by their own rules.
    let is_told = circle(definition, |own| linked(own).map(|(_, name)| name).collect()).is_some()
        || circle(definition, |own| sources(own).map(|(_, name)| name).collect()).is_some();
    let all = |own| needed(own).chain(linked(own)).chain(sources(own)).map(|(_, name)| name).collect();
    if let Some(path) = circle(definition, all).filter(|_| !is_told) {
        // The first one of them that has a dependsOn to point at.
        let places = path.iter().filter_map(|name| Some(container(definition, name)?.get("dependsOn")));
        let place = places.into_iter().find(|place| place.is_given()).unwrap_or(definition);
        hits.add(place, format!("containers wait for each other: {}", chain(&path)));
    }
}

/// Calls with each dependency of each container that is there: the item, its condition, and the container.
fn each<'a>(definition: Node<'a>, mut look: impl FnMut(Node<'a>, &'a str, Node<'a>)) {
    for own in containers(definition) {
        for (item, name) in needed(own).filter(|(_, name)| !own.get("name").is(name)) {
            if let (Some(condition), Some(target)) = (item.get("condition").text(), container(definition, name)) {
                look(item.get("condition"), condition, target);
            }
        }
    }
}

fn ends(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    each(definition, |place, condition, target| {
        if ["COMPLETE", "SUCCESS"].contains(&condition) && is_essential(target) {
            let name = target.get("name").written().unwrap_or_default();
            hits.add(place, format!("`{name}` is essential: when it ends, the task does, and {condition} is too late"))
                .beside(target, "the essential container")
                .help(format!("set essential: false on `{name}`"));
        }
    });
}

fn health(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    each(definition, |place, condition, target| {
        let check = target.get("healthCheck");
        let is_off = check.get("command").items().next().is_some_and(|first| first.is("NONE"));
        if condition == "HEALTHY" && (!check.is_given() || is_off) {
            let name = target.get("name").written().unwrap_or_default();
            hits.add(place, format!("`{name}` has no healthCheck, so it never becomes HEALTHY"))
                .beside(target, "the container")
                .help("a HEALTHCHECK in the image does not count; add healthCheck to the container");
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::rules::tests::findings;

    fn codes(first: Value, second: Value) -> Vec<String> {
        let mut containers =
            [json!({"name": "a", "image": "i:1", "memory": 64}), json!({"name": "b", "image": "i:1", "memory": 64})];
        for (container, members) in containers.iter_mut().zip([first, second]) {
            container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        }
        let spec = json!({"containerDefinitions": containers});
        let found = findings(&format!("kind: TaskDefinition\nmetadata: {{name: till}}\nspec: {spec}\n"));
        found.into_iter().map(|one| one.code.into_owned()).collect()
    }

    #[test]
    fn circles_of_several_kinds_are_told_once() {
        let on = |name: &str| json!({"dependsOn": [{"containerName": name, "condition": "START"}]});
        assert_eq!(codes(on("b"), json!({})), [""; 0]);
        assert_eq!(codes(on("a"), json!({})), ["DEP-01"]);
        assert_eq!(codes(on("b"), on("a")), ["DEP-02"]);
        assert_eq!(codes(on("b"), json!({"links": ["a"]})), ["DEP-02"]);
        assert_eq!(codes(json!({"links": ["b"]}), json!({"volumesFrom": [{"sourceContainer": "a"}]})), ["DEP-02"]);
        assert_eq!(codes(json!({"links": ["b"]}), json!({"links": ["a"]})), ["TD-22"]);
    }
}
