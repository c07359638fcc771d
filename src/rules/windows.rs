//! WIN, GPU: Windows and GPUs.

use std::collections::BTreeSet;

use super::cluster_hosts::Hosts;
use super::workload::{all_runners, containers, definition, is_for, is_windows, network};
use super::{Check, Declared, Group, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Note, Warning};

pub(super) static GROUP: Group = Group { title: "Windows and GPUs", rules: &[WINDOWS, GPUS], left_out: &[] };

static WINDOWS: &[Rule] = &[
    Rule {
        id: "WIN-01",
        severity: Error,
        title: "something that Windows containers do not have",
        why: "These are features of Linux: links, users by number, privileged, readonlyRootFilesystem, dnsServers, \
              dnsSearchDomains, extraHosts, linuxParameters, ulimits, systemControls, disableNetworking, pidMode and \
              ipcMode.",
        source: "Amazon ECS API, ContainerDefinition; Amazon ECS Developer Guide, task definition differences for Windows",
        check: Check::Each("TaskDefinition", of_linux),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      memory: 512
      readonlyRootFilesystem: true
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      memory: 512
",
    },
    Rule {
        id: "WIN-02",
        severity: Error,
        title: "a network mode that Windows does not have",
        why: "Windows containers on EC2 run with awsvpc, or with Docker's own network, which is chosen by leaving \
              networkMode out. There are no host and none; bridge is a warning, because AWS's samples have it. What \
              external instances take is EXT-03's, and Fargate FG-01's.",
        source: "Amazon ECS API, RegisterTaskDefinition.networkMode",
        check: Check::Each("TaskDefinition", network_mode),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: none
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022', memory: 512}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022', memory: 512}]
",
    },
    Rule {
        id: "WIN-03",
        severity: Warning,
        title: "sizes of a task that Windows ignores",
        why: "CPU and memory of the task are ignored for Windows containers, but on Fargate: what counts is what the \
              containers say.",
        source: "Amazon ECS API, RegisterTaskDefinition.cpu",
        check: Check::Each("TaskDefinition", ignored_sizes),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  cpu: 512
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022', memory: 512}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022', cpu: 512, memory: 512}]
",
    },
    Rule {
        id: "WIN-04",
        severity: Error,
        title: "tasks of one operating system and instances of another",
        why: "A task is placed where the attribute ecs.os-family is what its runtimePlatform says: Windows Server 2022 Core \
              is neither Linux, nor 2019, nor 2022 Full. The operating system of an instance is known where its image is \
              named by a public parameter. Of volumes that one system alone has, VOL-08 and EFS-12 tell.",
        source: "Amazon ECS API, RuntimePlatform.operatingSystemFamily",
        check: Check::All(systems),
        bad: concat!(
            shop!(),
            "
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
---
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022', memory: 512}]",
            run_on_ec2!()
        ),
        good: concat!(
            shop!(),
            "
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
---
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: LINUX}
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 512}]",
            run_on_ec2!()
        ),
    },
    Rule {
        id: "WIN-05",
        severity: Error,
        title: "Windows on ARM",
        why: "ECS runs Windows containers on X86_64 alone.",
        source: "Amazon ECS API, RuntimePlatform.cpuArchitecture",
        check: Check::Each("TaskDefinition", processor),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE, cpuArchitecture: ARM64}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022', memory: 512}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE, cpuArchitecture: X86_64}
  containerDefinitions: [{name: app, image: 'mcr.microsoft.com/windows/nanoserver:ltsc2022', memory: 512}]
",
    },
    Rule {
        id: "WIN-06",
        severity: Note,
        title: "a gMSA on hosts that must reach a domain",
        why: "Hosts of ECS Anywhere log in to Active Directory themselves: to a directory in AWS over Direct Connect, or to \
              one on the premises. While the domain is out of reach, tasks with a credential spec do not start.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances; using gMSAs for Windows containers",
        check: Check::Each("TaskDefinition", domain),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      memory: 512
      credentialSpecs: ['credentialspec:arn:aws:s3:::till/gmsa.json']
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      memory: 512
",
    },
];

static GPUS: &[Rule] = &[
    Rule {
        id: "GPU-01",
        severity: Error,
        title: "GPUs on Fargate",
        why: "Fargate has no GPUs: RegisterTaskDefinition refuses them.",
        source: "Amazon ECS Developer Guide, task definitions for GPU workloads",
        check: Check::Each("TaskDefinition", on_fargate),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions: [{name: app, image: 'nginx:1.29', resourceRequirements: [{type: GPU, value: '1'}]}]
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
        id: "GPU-02",
        severity: Error,
        title: "a number of GPUs that is no whole number",
        why: "A container has whole GPUs to itself: the value is 1 or more, or ALL on Managed Instances.",
        source: "Amazon ECS API, ResourceRequirement.value",
        check: Check::All(whole),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64, resourceRequirements: [{type: GPU, value: '0.5'}]}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64, resourceRequirements: [{type: GPU, value: '1'}]}]
",
    },
    Rule {
        id: "GPU-03",
        severity: Warning,
        title: "no instance of the cluster has GPUs",
        why: "Tasks with GPUs are placed on instances of the p and g families. How many GPUs a type has, and whether an \
              image has the drivers, AWS alone knows.",
        source: "Amazon ECS Developer Guide, task definitions for GPU workloads",
        check: Check::All(on_instances),
        bad: concat!(
            shop!(),
            "
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64, resourceRequirements: [{type: GPU, value: '1'}]}]",
            run_on_ec2!()
        ),
        good: concat!(
            shop!(),
            "
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id
  instanceType: g4dn.xlarge
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64, resourceRequirements: [{type: GPU, value: '1'}]}]",
            run_on_ec2!()
        ),
    },
    Rule {
        id: "GPU-04",
        severity: Error,
        title: "GPUs in Windows containers",
        why: "The agent hands out GPUs to Linux containers alone. On Windows a container gets one as a device class, which \
              a task definition cannot say.",
        source: "Amazon ECS Developer Guide, task definitions for GPU workloads",
        check: Check::Each("TaskDefinition", on_windows),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      memory: 512
      resourceRequirements: [{type: GPU, value: '1'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {operatingSystemFamily: WINDOWS_SERVER_2022_CORE}
  containerDefinitions:
    - name: app
      image: mcr.microsoft.com/windows/nanoserver:ltsc2022
      memory: 512
",
    },
];

fn of_linux(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if !is_windows(definition) {
        return;
    }
    let mut refuse = |place: Node<'_>, member: &str| {
        if place.says_something() && place.flag() != Some(false) {
            hits.add(place, format!("Windows containers do not have {member}")).help(format!("take {member} out"));
        }
    };
    refuse(definition.get("pidMode"), "pidMode");
    refuse(definition.get("ipcMode"), "ipcMode");
    for container in containers(definition) {
        for member in ["linuxParameters", "privileged", "readonlyRootFilesystem", "systemControls", "ulimits"] {
            refuse(container.get(member), member);
        }
        // With awsvpc, or outside of bridge, they do not go with any system, and other rules say so.
        if network(definition) != Some("awsvpc") {
            for member in ["disableNetworking", "dnsSearchDomains", "dnsServers", "extraHosts"] {
                refuse(container.get(member), member);
            }
        }
        if network(definition) == Some("bridge") {
            refuse(container.get("links"), "links");
        }
    }
    for container in containers(definition) {
        let user = container.get("user");
        let is_of_linux = |user: &str| user == "root" || user.contains(':') || user.bytes().all(|b| b.is_ascii_digit());
        if let Some(name) = user.text().filter(|user| is_of_linux(user)) {
            hits.add(user, format!("`{name}` is a user of Linux")).help("take user out");
        }
    }
}

fn network_mode(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let place = definition.get("networkMode");
    let is_elsewhere = || ["FARGATE", "EXTERNAL"].iter().any(|other| is_for(definition, other, declared));
    let Some(mode @ ("host" | "none" | "bridge")) = place.text().filter(|_| is_windows(definition) && !is_elsewhere())
    else {
        return;
    };
    match mode {
        "bridge" => hits.add_as(Warning, place, "Windows containers have no network mode bridge: Docker's own is nat"),
        _ => hits.add(place, format!("Windows containers have no network mode {mode}")),
    };
    hits.help("take networkMode out, or write awsvpc");
}

fn ignored_sizes(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_windows(definition) || is_for(definition, "FARGATE", declared) {
        return;
    }
    for member in ["cpu", "memory"] {
        let size = definition.get(member);
        if size.is_given() {
            hits.add(size, format!("{member} of the task is ignored for Windows containers"))
                .help(format!("give {member} to the containers"));
        }
    }
}

/// The operating system of an instance, as task definitions call it, where its image is named by a public parameter.
fn system(instance: Node<'_>) -> Option<String> {
    let parameter = instance.get("imageId").text()?.strip_prefix("resolve:ssm:")?;
    if parameter.starts_with("/aws/service/ecs/optimized-ami/") || parameter.starts_with("/aws/service/bottlerocket/") {
        return Some("LINUX".to_owned());
    }
    // Windows_Server-2022-English-Core-ECS_Optimized
    let image = parameter.strip_prefix("/aws/service/ami-windows-latest/Windows_Server-")?;
    let mut parts = image.split('/').next()?.split('-');
    let (year, edition) = (parts.next()?, parts.nth(1)?);
    ["Core", "Full"].contains(&edition).then(|| format!("WINDOWS_SERVER_{year}_{}", edition.to_uppercase()))
}

fn systems(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    let mut seen = BTreeSet::new();
    for runner in all_runners(declared) {
        let Some(definition) = definition(runner, declared) else { continue };
        let family = definition.at("runtimePlatform.operatingSystemFamily");
        let Some(wanted) = family.text() else { continue };
        let hosts = hosts.instances_of(runner, declared);
        let Some(host) = hosts.first() else { continue };
        let is_other = |host: &Node<'_>| system(*host).is_some_and(|system| system != wanted);
        if hosts.iter().all(is_other) && seen.insert(definition.address()) {
            let message = format!("no instance that {} can run on has {wanted}", runner.address());
            hits.add(family, message)
                .help("take the image that fits, or write what the instances have")
                .beside(host.get("imageId"), "one of the instances");
        }
    }
}

fn processor(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let processor = definition.at("runtimePlatform.cpuArchitecture");
    if is_windows(definition) && processor.is("ARM64") {
        hits.add(processor, "Windows containers run on X86_64 alone").help("write cpuArchitecture: X86_64");
    }
}

fn domain(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_for(definition, "EXTERNAL", declared) {
        return;
    }
    for container in containers(definition) {
        let options = container.get("dockerSecurityOptions").items();
        let mut of_docker =
            options.filter(|option| option.written().is_some_and(|text| text.starts_with("credentialspec")));
        let spec = container.get("credentialSpecs").items().next().or_else(|| of_docker.next());
        if let Some(spec) = spec {
            hits.add(spec, "the hosts log in to Active Directory, and no task starts while it is out of reach")
                .help("see that they reach a domain controller over Direct Connect or on the premises");
        }
    }
}

/// What containers of a task definition, or of an override, want of GPUs.
fn gpus<'a>(container: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    container.get("resourceRequirements").items().filter(|requirement| requirement.get("type").is("GPU"))
}

fn on_fargate(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if is_for(definition, "FARGATE", declared) {
        for gpu in containers(definition).flat_map(gpus) {
            hits.add(gpu, "Fargate has no GPUs").help("use launch type EC2 and instances of the p or g family");
        }
    }
}

fn whole(declared: &Declared<'_>, hits: &mut Hits) {
    let of_definitions = declared.of("TaskDefinition").flat_map(containers);
    let of_tasks = declared.of("Task").flat_map(|task| task.at("overrides.containerOverrides").items());
    for gpu in of_definitions.chain(of_tasks).flat_map(gpus) {
        let value = gpu.get("value");
        let Some(text) = value.text().filter(|text| *text != "ALL") else { continue };
        if gpu.get("sharingStrategy").is_given() || text.parse::<u32>().is_ok_and(|number| number > 0) {
            continue;
        }
        hits.add(value, format!("`{text}` GPUs; a container has whole ones, 1 or more")).help("write \"1\"");
    }
}

/// Whether instances of this type have GPUs.
fn has_gpus(instance_type: &str) -> bool {
    let mut letters = instance_type.bytes();
    matches!(letters.next(), Some(b'p' | b'g'))
        && letters.next().is_some_and(|letter| letter.is_ascii_digit() || letter == b'r')
}

fn on_instances(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    let mut seen = BTreeSet::new();
    for runner in all_runners(declared) {
        let Some(definition) = definition(runner, declared) else { continue };
        let Some(gpu) = containers(definition).flat_map(gpus).next() else { continue };
        let hosts = hosts.instances_of(runner, declared);
        let Some(host) = hosts.first() else { continue };
        let has_none = |host: &Node<'_>| host.get("instanceType").text().is_some_and(|one| !has_gpus(one));
        if hosts.iter().all(has_none) && seen.insert(definition.address()) {
            hits.add(gpu, format!("no instance that {} can run on has GPUs", runner.address()))
                .help("use instances of the p or g family with the ECS-optimized image for GPUs")
                .beside(host.get("instanceType"), "one of the instances");
        }
    }
}

fn on_windows(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if is_windows(definition) && !is_for(definition, "FARGATE", declared) {
        for gpu in containers(definition).flat_map(gpus) {
            hits.add(gpu, "the agent gives no GPUs to Windows containers").help("take it out");
        }
    }
}
