//! Network, CPU, memory and disk of tasks on Fargate.

use super::super::parts::units;
use super::super::workload::{is_for, is_windows, network, runners};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "FG-01",
        severity: Error,
        title: "Fargate in another network mode than awsvpc",
        why: "A task on Fargate has a network interface of its own and no host: \"Fargate only supports network mode \
              'awsvpc'.\" Without networkMode it is bridge.",
        source: "Amazon ECS API, RegisterTaskDefinition.networkMode",
        check: Check::Each("TaskDefinition", needs_awsvpc),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
    },
    Rule {
        id: "FG-02",
        severity: Error,
        title: "a size that Fargate does not have",
        why: "Fargate has certain sizes of CPU and for each of them certain sizes of memory: \"No Fargate configuration \
              exists for given values\".",
        source: "Amazon ECS API, RegisterTaskDefinition.memory",
        check: Check::Each("TaskDefinition", size),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 4096
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 512
  memory: 4096
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
    },
    Rule {
        id: "FG-03",
        severity: Error,
        title: "a task on Fargate without a size",
        why: "There is no host whose size could be shared: \"Fargate requires that 'cpu' be defined at the task level\", \
              and memory alike.",
        source: "Amazon ECS API, RegisterTaskDefinition.cpu",
        check: Check::Each("TaskDefinition", has_size),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
    },
    Rule {
        id: "FG-05",
        severity: Error,
        title: "a size that Fargate does not have for Windows",
        why: "Tasks with Windows have 1, 2 or 4 virtual CPUs on Fargate.",
        source: "Amazon ECS API, RegisterTaskDefinition.memory; Amazon ECS Developer Guide, Windows containers on Fargate",
        check: Check::Each("TaskDefinition", windows_size),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 512
  memory: 2048
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 1024
  memory: 2048
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022'}]
",
    },
    Rule {
        id: "FG-09",
        severity: Error,
        title: "a disk that Fargate does not have",
        why: "A task on Fargate has 20 GiB; ephemeralStorage makes it 21 to 200 GiB from platform version 1.4.0 on, and \
              elsewhere AWS refuses it.",
        source: "Amazon ECS API, EphemeralStorage.sizeInGiB",
        check: Check::Each("TaskDefinition", disk),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  ephemeralStorage: {sizeInGiB: 20}
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  ephemeralStorage: {sizeInGiB: 21}
  containerDefinitions: [{name: app, image: 'nginx:1.29'}]
",
    },
];

/// The memory in MiB that Fargate offers for each CPU size: first, last, step. Of 256, 1536 is left out.
pub(in crate::rules) const SIZES: &[(i64, i64, i64, i64)] = &[
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
    (32_768, 61_440, 249_856, 4096),
];

fn needs_awsvpc(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(mode) = network(definition).filter(|mode| *mode != "awsvpc") else { return };
    if !is_for(definition, "FARGATE", declared) {
        return;
    }
    let place = definition.get("networkMode");
    hits.add(place, format!("Fargate needs networkMode awsvpc, and it is {mode}")).help("write networkMode: awsvpc");
    if !place.is_given() {
        hits.fix(definition, "networkMode", "awsvpc");
    }
}

fn has_size(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if is_for(definition, "FARGATE", declared) {
        for member in ["cpu", "memory"] {
            if !definition.get(member).is_given() {
                hits.add(definition, format!("Fargate needs {member} for the task"))
                    .help("the smallest size is cpu: 256 with memory: 512");
            }
        }
    }
}

fn size(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let (at_cpu, at_memory) = (definition.get("cpu"), definition.get("memory"));
    let (Some(cpu), Some(memory)) = (units(at_cpu), units(at_memory)) else { return };
    // For Windows the next rule has a shorter list of CPU sizes.
    let is_windows = is_windows(definition);
    if !is_for(definition, "FARGATE", declared) || (is_windows && !ON_WINDOWS.contains(&cpu)) {
        return;
    }
    let Some((_, first, last, step)) = SIZES.iter().find(|(size, ..)| *size == cpu) else {
        let sizes: Vec<String> = SIZES.iter().map(|(size, ..)| size.to_string()).collect();
        hits.add(at_cpu, format!("Fargate has no size of {cpu} CPU units"))
            .help(format!("it has {}", sizes.join(", ")));
        return;
    };
    if (*first..=*last).contains(&memory) && (memory - first) % step == 0 && (cpu, memory) != (256, 1536) {
        return;
    }
    hits.add(at_memory, format!("Fargate has no size of {cpu} CPU units with {memory} MiB")).beside(at_cpu, "the CPU");
    hits.help(match cpu {
        256 => "with 256 CPU units it has 512, 1024 and 2048 MiB".to_owned(),
        _ => format!("with {cpu} CPU units it has {first} to {last} MiB in steps of {step}"),
    });
}

/// The CPU sizes that Fargate has for Windows.
const ON_WINDOWS: &[i64] = &[1024, 2048, 4096];

fn windows_size(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let place = definition.get("cpu");
    let Some(cpu) = units(place).filter(|cpu| !ON_WINDOWS.contains(cpu)) else { return };
    if is_windows(definition) && is_for(definition, "FARGATE", declared) {
        hits.add(place, format!("Fargate has no size of {cpu} CPU units for Windows"))
            .help("it has 1024, 2048 and 4096");
    }
}

fn disk(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let disk = definition.get("ephemeralStorage");
    if !disk.is_given() {
        return;
    }
    let size = disk.get("sizeInGiB");
    if let Some(number) = size.number().filter(|number| !(21..=200).contains(number)) {
        hits.add(size, format!("{number} GiB; a disk has 21 to 200"))
            .help("without ephemeralStorage a task has 20 GiB");
    }
    let compatible = definition.get("requiresCompatibilities");
    let is_told = compatible.says_something() || !runners(definition, declared).is_empty();
    let may_be = compatible.items().any(|one| one.text().is_none_or(|one| one == "FARGATE"));
    if is_told && !may_be && !is_for(definition, "FARGATE", declared) {
        hits.add(disk, "only tasks on Fargate have a disk of their own").help("take ephemeralStorage out");
        hits.fix_by_removing(definition, "ephemeralStorage");
    }
    super::versions::too_old("FG-09", Some(definition), declared, hits);
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn codes(sizes: &str) -> Vec<String> {
        let text = format!(
            "kind: TaskDefinition\nmetadata: {{name: till}}\nspec:\n  requiresCompatibilities: [FARGATE]\n  networkMode: \
             awsvpc\n  {sizes}\n  containerDefinitions: [{{name: app, image: 'nginx:1.29', memory: 64}}]\n"
        );
        findings(&text).into_iter().map(|one| one.code.into_owned()).collect()
    }

    #[test]
    fn sizes() {
        for (sizes, expected) in [
            ("cpu: .25 vCPU\n  memory: 0.5 GB", &[][..]),
            ("cpu: 256\n  memory: 1.5 GB", &["FG-02"]),
            ("cpu: 300\n  memory: 1 GB", &["FG-02"]),
            ("memory: 1 GB", &["FG-03"]),
            ("cpu: 256", &["FG-03"]),
            ("cpu: 8192\n  memory: 20 GB", &[]),
            ("cpu: 32768\n  memory: 64 GB", &[]),
            ("cpu: 32768\n  memory: 62 GB", &["FG-02"]),
            (
                "cpu: 256\n  memory: 512\n  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}",
                &["FG-05"],
            ),
        ] {
            assert_eq!(codes(sizes), expected, "{sizes}");
        }
    }
}
