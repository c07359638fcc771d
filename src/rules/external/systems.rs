//! EXT: operating systems of external instances, held against the table of those that AWS lists.

use crate::diagnostic::Severity::{Error, Warning};
use crate::hosts::{Status, System, system, systems};
use crate::manifest::suggest::closest;
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EXT-10",
        severity: Error,
        title: "an operating system that ECS Anywhere does not run on",
        why: "AWS lists the systems and processors that it supports, and takes those off the list that their makers have \
              ended. On others the installer refuses, or the agent gets no updates. What is not in the table at all is a \
              warning: the installer may still run on it.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances, supported operating systems",
        check: Check::Each("ExternalInstance", supported),
        bad: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, operatingSystem: centos-8}
",
        good: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, operatingSystem: centos-stream-9}
",
    },
    Rule {
        id: "EXT-11",
        severity: Error,
        title: "a source of Docker that the operating system does not have",
        why: "The installer takes Docker from Docker's repositories or the distribution's. Neither has it for Red Hat Enterprise \
              Linux, where it must be there before (none), and the distribution's does not for CentOS and Fedora: the installer \
              stops.",
        source: "Amazon ECS Developer Guide, Registering an external instance; ecs-anywhere-install.sh",
        check: Check::Each("ExternalInstance", docker),
        bad: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, operatingSystem: rhel-9, dockerInstallSource: docker}
",
        good: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, operatingSystem: rhel-9, dockerInstallSource: none}
",
    },
];

fn declared_system(host: Node<'_>) -> Option<&'static System> {
    system(host.get("operatingSystem").text()?)
}

fn supported(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = host.get("operatingSystem");
    let Some(id) = node.text() else { return };
    let Some(system) = system(id) else {
        let table = systems();
        let near = closest(id, table.systems.iter().map(|system| system.id.as_str()));
        let message = format!("`{id}` is not among the operating systems that AWS lists ({})", table.date);
        hits.add_as(Warning, node, message);
        hits.help(near.map_or_else(|| format!("see {}", table.source), |near| format!("did you mean `{near}`?")));
        return;
    };
    match system.status {
        Status::Ended => {
            hits.add(node, format!("{} does not work any more: {}", system.name, system.reason));
        }
        Status::Dropped => {
            hits.add_as(Warning, node, format!("{} is on its way out: {}", system.name, system.reason));
        }
        Status::Supported => {}
    }
    let processor = host.get("architecture");
    if let Some(text) = processor.text().filter(|text| !system.architectures.iter().any(|one| one == text)) {
        let known = system.architectures.join(", ");
        hits.add(processor, format!("AWS supports {} on {known}, and not on {text}", system.name))
            .beside(node, "the operating system");
    }
}

fn docker(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let source = host.get("dockerInstallSource");
    let (Some(system), Some(text)) = (declared_system(host), source.text()) else { return };
    if system.docker_install_sources.iter().any(|one| one == text) {
        return;
    }
    let known = system.docker_install_sources.join(", ");
    hits.add(source, format!("on {} the installer takes Docker from {known}, and not from {text}", system.name))
        .beside(host.get("operatingSystem"), "the operating system")
        .help(match known.as_str() {
            "none" => "install Docker first, and write dockerInstallSource: none".to_owned(),
            _ => format!("write one of {known}, or leave it out"),
        });
}
