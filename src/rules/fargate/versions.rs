//! What needs which platform version of Fargate.

use super::super::parts::units;
use super::super::workload::{all_runners, containers, definition, is_windows, launch_type, runners};
use super::runs::spot_of;
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "FG-04",
        severity: Error,
        title: "a size for which the platform version is too old",
        why: "Tasks with 8 virtual CPUs and more run on platform version 1.4.0 and later, with Linux alone.",
        source: "Amazon ECS API, RegisterTaskDefinition.memory",
        check: Check::All(big),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 8192
  memory: 16384
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]",
            run_on_fargate!(),
            "
  platformVersion: 1.3.0
"
        ),
        good: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 8192
  memory: 16384
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]",
            run_on_fargate!(),
            "
  platformVersion: LATEST
"
        ),
    },
    Rule {
        id: "FG-18",
        severity: Error,
        title: "containers that wait for each other on an old platform version",
        why: "dependsOn, startTimeout and stopTimeout need platform version 1.3.0.",
        source: "Amazon ECS API, ContainerDefinition.dependsOn",
        check: Check::All(order),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29', stopTimeout: 60}]",
            run_on_fargate!(),
            "
  platformVersion: 1.2.0
"
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
  containerDefinitions: [{name: app, image: 'nginx:1.29', stopTimeout: 60}]",
            run_on_fargate!(),
            "
  platformVersion: LATEST
"
        ),
    },
    Rule {
        id: "FG-20",
        severity: Warning,
        title: "a platform version that is written down",
        why: "AWS retires platform versions: tasks of a retired one are stopped, and new ones do not start. LATEST, which \
              is also what counts when nothing is said, never retires.",
        source: "Amazon ECS Developer Guide, Fargate platform versions",
        check: Check::All(pinned),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]",
            run_on_fargate!(),
            "
  platformVersion: 1.3.0
"
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
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]",
            run_on_fargate!(),
            "
  platformVersion: LATEST
"
        ),
    },
];

/// A platform version.
type Version = [u32; 3];

const V1_3: Version = [1, 3, 0];
const V1_4: Version = [1, 4, 0];

/// Something that a platform version must be new enough for.
struct Need<'a> {
    rule: &'static str,
    at: Node<'a>,
    what: &'static str,
    since: Version,
}

/// What a service or a one-off task needs of the platform. Windows has one version.
fn needs<'a>(runner: Node<'a>, declared: &Declared<'a>) -> Vec<Need<'a>> {
    let mut needs = Vec::new();
    let mut need = |rule, at: Node<'a>, what, since| {
        if at.says_something() {
            needs.push(Need { rule, at, what, since });
        }
    };
    if let Some(provider) = spot_of(runner, declared) {
        need("FG-16", provider, "FARGATE_SPOT", V1_3);
    }
    let Some(definition) = definition(runner, declared).filter(|definition| !is_windows(*definition)) else {
        return needs;
    };
    let cpu = definition.get("cpu");
    if units(cpu).is_some_and(|units| units >= 8192) {
        need("FG-04", cpu, "8 virtual CPUs and more", V1_4);
    }
    let (processes, processor) = (definition.get("pidMode"), definition.at("runtimePlatform.cpuArchitecture"));
    if processes.is("task") {
        need("FG-08", processes, "pidMode task", V1_4);
    }
    if processor.is("ARM64") {
        need("FG-16", processor, "ARM64", V1_4);
    }
    need("FG-09", definition.get("ephemeralStorage"), "ephemeralStorage", V1_4);
    for container in containers(definition) {
        need("FG-08", container.get("systemControls"), "systemControls", V1_4);
        need("FG-11", container.at("linuxParameters.capabilities.add"), "an added capability", V1_4);
        need("FG-18", container.get("dependsOn"), "dependsOn", V1_3);
        need("FG-18", container.get("startTimeout"), "startTimeout", V1_3);
        need("FG-18", container.get("stopTimeout"), "stopTimeout", V1_3);
    }
    needs
}

/// The platform version of a service or a one-off task on Fargate, when it is a number.
fn version(runner: Node<'_>, declared: &Declared<'_>) -> Option<Version> {
    let parts: Option<Vec<u32>> =
        runner.get("platformVersion").text()?.split('.').map(|part| part.parse().ok()).collect();
    (launch_type(runner, declared) == Some("FARGATE")).then_some(parts?)?.try_into().ok()
}

/// Tells where a platform version is too old for what a rule is about; of one task definition, or of all.
pub(super) fn too_old(rule: &str, only: Option<Node<'_>>, declared: &Declared<'_>, hits: &mut Hits) {
    let runners: Vec<Node<'_>> = match only {
        Some(definition) => runners(definition, declared),
        None => all_runners(declared).collect(),
    };
    for runner in runners {
        let Some(version) = version(runner, declared) else { continue };
        for need in needs(runner, declared).into_iter().filter(|need| need.rule == rule && version < need.since) {
            let [old, new] = [version, need.since].map(|version| version.map(|part| part.to_string()).join("."));
            hits.add(
                runner.get("platformVersion"),
                format!("{} needs platform version {new}, and it is {old}", need.what),
            )
            .help("write LATEST, or take platformVersion out")
            .beside(need.at, "what needs it");
        }
    }
}

fn big(declared: &Declared<'_>, hits: &mut Hits) {
    too_old("FG-04", None, declared, hits);
}

fn order(declared: &Declared<'_>, hits: &mut Hits) {
    too_old("FG-18", None, declared, hits);
}

fn pinned(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let Some(version) = version(runner, declared) else { continue };
        // What LATEST means on Linux is nothing to leave.
        if version >= [1, 4, 0] {
            continue;
        }
        // Where it is too old for something, that is worse, and told already.
        if needs(runner, declared).iter().all(|need| version >= need.since) {
            let text = version.map(|part| part.to_string()).join(".");
            hits.add(runner.get("platformVersion"), format!("platform version {text} will be retired"))
                .help("write LATEST, or take platformVersion out");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    #[test]
    fn old_platforms() {
        let codes = |definition: &str, version: &str| {
            let example = concat!(
                "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  MORE",
                run_on_fargate!(),
                "
  platformVersion: VERSION
"
            );
            let found = findings(&example.replace("MORE", definition).replace("VERSION", version));
            found.into_iter().map(|one| one.code.into_owned()).collect::<Vec<_>>()
        };
        let container = "containerDefinitions: [{name: app, image: 'nginx:1.29'";
        for (definition, rule) in [
            (format!("pidMode: task\n  {container}}}]"), "FG-08"),
            (format!("{container}, systemControls: [{{namespace: net.core.somaxconn, value: '1'}}]}}]"), "FG-08"),
            (format!("ephemeralStorage: {{sizeInGiB: 30}}\n  {container}}}]"), "FG-09"),
            (format!("{container}, linuxParameters: {{capabilities: {{add: [SYS_PTRACE]}}}}}}]"), "FG-11"),
            (format!("runtimePlatform: {{cpuArchitecture: ARM64}}\n  {container}}}]"), "FG-16"),
        ] {
            assert_eq!(codes(&definition, "1.3.0"), [rule], "{definition}");
            assert_eq!(codes(&definition, "LATEST"), [""; 0], "{definition}");
        }
    }
}
