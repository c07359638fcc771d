//! EXT: the external instances themselves.

use std::collections::BTreeMap;

use crate::diagnostic::Severity::Error;
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EXT-09",
        severity: Error,
        title: "one host that is declared twice",
        why: "Two declarations that look for the same name, id or tag find the same host. It belongs to one cluster at a time \
              and carries the marks of one declaration, so that they would take it from each other with every apply.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::All(twice),
        bad: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, match: {computerName: pc-17}}
---
kind: ExternalInstance
metadata: {name: till-2}
spec: {cluster: depots, match: {computerName: pc-17}}
",
        good: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, match: {computerName: pc-17}}
---
kind: ExternalInstance
metadata: {name: till-2}
spec: {cluster: depots, match: {computerName: pc-18}}
",
    },
    Rule {
        id: "EXT-26",
        severity: Error,
        title: "an id that no external instance has",
        why: "Systems Manager calls a host mi- and 17 digits of 0-9 and a-f. Ids that begin with i- are EC2 instances, which are \
              of kind Instance.",
        source: "AWS Systems Manager API, InstanceInformation.InstanceId",
        check: Check::Schema(&[("ExternalInstance", &["/match/instanceId"])]),
        bad: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, match: {instanceId: i-0123456789abcdef0}}
",
        good: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, match: {instanceId: mi-0123456789abcdef0}}
",
    },
    Rule {
        id: "EXT-27",
        severity: Error,
        title: "a setting of the agent that another field says",
        why: "What `farpost host bootstrap` writes into ecs.config has the cluster, the attributes and the tags from the fields \
              of these names. Said twice, one of them would not count.",
        source: "farpost's own: docs/kinds/external-instance.md",
        check: Check::Each("ExternalInstance", written_twice),
        bad: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, ecsConfig: {ECS_CLUSTER: depots}}
",
        good: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, ecsConfig: {ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}}
",
    },
];

/// What a declaration looks for, as the stack's other declarations would say it. None: not known yet.
fn sought(host: Node<'_>) -> Option<String> {
    let matching = host.get("match");
    for member in ["instanceName", "instanceId", "computerName"] {
        let node = matching.get(member);
        if node.is_given() {
            return Some(format!("{member} {}", node.text()?));
        }
    }
    let tag = matching.get("tag");
    if tag.is_given() {
        return Some(format!("tag {}={}", tag.get("key").text()?, tag.get("value").text()?));
    }
    Some(format!("instanceName {}", host.address().name))
}

fn twice(declared: &Declared<'_>, hits: &mut Hits) {
    let mut first: BTreeMap<String, Node<'_>> = BTreeMap::new();
    for host in declared.of("ExternalInstance") {
        let Some(sought) = sought(host) else { continue };
        let matching = host.get("match");
        let place = if matching.is_given() { matching } else { host };
        let Some(other) = first.get(&sought) else {
            first.insert(sought, place);
            continue;
        };
        let clusters = [host, other.whole()].map(|one| one.get("cluster").written().unwrap_or_default());
        let and_moves = if clusters[0] == clusters[1] { "" } else { ", in another cluster" };
        hits.add(place, format!("{} looks for the same host{and_moves}: {sought}", other.address()))
            .beside(*other, "the first")
            .help("take one of them out, or say by `match` which host each of them is");
    }
}

/// Settings that are written from something else of the manifest.
const WRITTEN: &[(&str, &str)] =
    &[("ECS_CLUSTER", "cluster"), ("ECS_INSTANCE_ATTRIBUTES", "attributes"), ("ECS_CONTAINER_INSTANCE_TAGS", "tags")];

fn written_twice(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (setting, field) in WRITTEN {
        let node = host.get("ecsConfig").get(setting);
        if node.is_given() {
            hits.add(node, format!("{setting} is written from `{field}`"))
                .help(format!("take it out, and write `{field}`"));
        }
    }
}
