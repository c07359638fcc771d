//! TD-21 to TD-23: what a network mode rules out, links, and volumes of other containers.

use crate::diagnostic::Severity::Error;
use crate::manifest::suggest::closest;
use crate::rules::parts::{circle, container};
use crate::rules::workload::{containers, is_windows, network};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-21",
        severity: Error,
        title: "with awsvpc, a container with a host name or name servers of its own",
        why: "RegisterTaskDefinition refuses it, also on EC2: \"DNS servers are not supported on container when \
              networkMode=awsvpc\". The same goes for dnsSearchDomains, extraHosts, hostname and disableNetworking: the \
              containers share the network of the task, which the VPC configures.",
        source: "Amazon ECS API, ContainerDefinition.hostname and .extraHosts",
        check: Check::Each("TaskDefinition", awsvpc),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dnsServers: [10.0.0.2]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-22",
        severity: Error,
        title: "a link that cannot be made",
        why: "RegisterTaskDefinition takes links with networkMode bridge only, and to other containers of the task. \
              Linked containers start one after the other, so links in a circle never start.",
        source: "Amazon ECS API, ContainerDefinition.links",
        check: Check::Each("TaskDefinition", links),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, links: ['databse:db']}
    - {name: database, image: 'mariadb:11.8', memory: 256}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, links: ['database:db']}
    - {name: database, image: 'mariadb:11.8', memory: 256}
",
    },
    Rule {
        id: "TD-23",
        severity: Error,
        title: "volumes of a container that has none to give",
        why: "volumesFrom names another container of the task. It starts first, so containers that take each other's \
              volumes never start.",
        source: "Amazon ECS API, VolumeFrom.sourceContainer; amazon-ecs-agent, dependency graph",
        check: Check::Each("TaskDefinition", volumes),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, volumesFrom: [{sourceContainer: pages}]}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, volumesFrom: [{sourceContainer: pages}]}
    - {name: pages, image: 'busybox:1.37', memory: 64}
",
    },
];

fn awsvpc(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if network(definition) != Some("awsvpc") {
        return;
    }
    for container in containers(definition) {
        for member in ["hostname", "extraHosts", "dnsServers", "dnsSearchDomains", "disableNetworking"] {
            let value = container.get(member);
            if value.says_something() && value.flag() != Some(false) {
                hits.add(value, format!("{member} does not go with networkMode awsvpc"))
                    .help(format!("take {member} out, or use another networkMode"))
                    .beside(definition.get("networkMode"), "the mode");
            }
        }
    }
}

/// Says that a container names another one that is not there, or itself.
pub(in crate::rules) fn check_name(own: Node<'_>, place: Node<'_>, target: &str, hits: &mut Hits) -> bool {
    let definition = own.whole();
    if own.get("name").is(target) {
        hits.add(place, format!("container `{target}` refers to itself"));
        return false;
    }
    if container(definition, target).is_some() {
        return true;
    }
    // A name that is not known yet may be this one.
    if containers(definition).any(|one| one.get("name").text().is_none()) {
        return false;
    }
    hits.add(place, format!("no container is called `{target}`"));
    let names = containers(definition).filter(|one| one.get("name").written() != own.get("name").written());
    if let Some(near) = closest(target, names.filter_map(|one| one.get("name").text())) {
        hits.help(format!("did you mean `{near}`?"));
    }
    false
}

/// The containers that a container is linked to.
pub(in crate::rules) fn linked<'a>(container: Node<'a>) -> impl Iterator<Item = (Node<'a>, &'a str)> {
    let items = container.get("links").items();
    items.filter_map(|link| Some((link, link.text()?.split(':').next().unwrap_or_default())))
}

/// The containers whose volumes a container takes.
pub(in crate::rules) fn sources<'a>(container: Node<'a>) -> impl Iterator<Item = (Node<'a>, &'a str)> {
    let items = container.get("volumesFrom").items().map(|item| item.get("sourceContainer"));
    items.filter_map(|source| Some((source, source.text()?)))
}

/// `a → b → a`, in quotation marks.
pub(in crate::rules) fn chain(path: &[&str]) -> String {
    path.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ")
}

fn links(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mode = network(definition);
    // Windows containers have no links at all, which is another rule's.
    if is_windows(definition) {
        return;
    }
    for own in containers(definition) {
        let links = own.get("links");
        if let Some(mode) = mode.filter(|mode| links.says_something() && *mode != "bridge") {
            hits.add(links, format!("links need networkMode bridge, and it is {mode}"))
                .beside(definition.get("networkMode"), "the mode");
            continue;
        }
        for (place, target) in linked(own) {
            check_name(own, place, target, hits);
        }
    }
    let path = circle(definition, |own| linked(own).map(|(_, name)| name).collect());
    if let Some(path) = path.filter(|_| mode == Some("bridge")) {
        let place = container(definition, path[0]).map_or(definition, |own| own.get("links"));
        hits.add(place, format!("links in a circle: {}", chain(&path))).help("take one of the links out");
    }
}

fn volumes(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for own in containers(definition) {
        for (place, target) in sources(own) {
            check_name(own, place, target, hits);
        }
        for item in own.get("volumesFrom").items().filter(|item| !item.get("sourceContainer").is_given()) {
            hits.add(item, "volumes of which container?").help("add sourceContainer");
        }
    }
    if let Some(path) = circle(definition, |own| sources(own).map(|(_, name)| name).collect()) {
        let place = container(definition, path[0]).map_or(definition, |own| own.get("volumesFrom"));
        hits.add(place, format!("containers take each other's volumes: {}", chain(&path)));
    }
}
