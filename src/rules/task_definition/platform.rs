//! TD-34 to TD-39: images and their tags, waiting, launch types, processors, the proxy.

use crate::diagnostic::Severity::{Error, Note, Warning};
use crate::rules::parts::{container, declared_hosts};
use crate::rules::workload::{all_runners, containers, definition as definition_of, launch_type, network, runners};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// What App Mesh has to be told, beside which traffic is not to go through the proxy.
const PROXY: &[&str] = &["AppPorts", "ProxyIngressPort", "ProxyEgressPort"];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-34",
        severity: Warning,
        title: "an image that is something else tomorrow",
        why: "The tag latest, and no tag, which means it, is whatever was pushed last. ECS pins the digest for one \
              deployment (versionConsistency), but the next deployment, a rollback or a host that comes back may run \
              another program with the same revision.",
        source: "Amazon ECS API, ContainerDefinition.image and .versionConsistency",
        check: Check::Each("TaskDefinition", tags),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:latest', memory: 64}
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
        id: "TD-35",
        severity: Note,
        title: "a container waits for another one without an end",
        why: "On instances the agent gives up waiting for COMPLETE, SUCCESS or HEALTHY only when the container that is \
              waited for has a startTimeout: ECS_CONTAINER_START_TIMEOUT (3 minutes) is for Docker's own start. A job \
              that hangs keeps the task PENDING, and the service neither replaces it nor tells. When a task stops, the \
              order is the reverse, with stopTimeout (30 seconds) for each container.",
        source: "Amazon ECS API, ContainerDefinition.startTimeout; amazon-ecs-agent, dependency graph",
        check: Check::Each("TaskDefinition", endless),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: prepare, condition: SUCCESS}]}
    - {name: prepare, image: 'busybox:1.37', memory: 64, essential: false}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, dependsOn: [{containerName: prepare, condition: SUCCESS}]}
    - {name: prepare, image: 'busybox:1.37', memory: 64, essential: false, startTimeout: 120}
",
    },
    Rule {
        id: "TD-36",
        severity: Error,
        title: "a task definition that is not for the launch type it is run with",
        why: "requiresCompatibilities says what AWS checks a definition against. One that lists others than FARGATE is \
              refused there: \"Task definition does not support launch_type FARGATE\". On EC2 and EXTERNAL it may run all \
              the same, unchecked: then this is a warning. Without requiresCompatibilities nothing is said.",
        source: "Amazon ECS API, RegisterTaskDefinition: requiresCompatibilities; cfn-lint E3054",
        check: Check::All(compatibility),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EXTERNAL
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2, EXTERNAL]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EXTERNAL
",
    },
    Rule {
        id: "TD-37",
        severity: Error,
        title: "no such processor or operating system",
        why: "cpuArchitecture is X86_64 or ARM64, and operatingSystemFamily one of those that ECS has.",
        source: "Amazon ECS API, RuntimePlatform",
        check: Check::Schema(&[(
            "TaskDefinition",
            &["/runtimePlatform/cpuArchitecture", "/runtimePlatform/operatingSystemFamily"],
        )]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {cpuArchitecture: aarch64}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {cpuArchitecture: ARM64}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-38",
        severity: Warning,
        title: "no declared host has the processor that a definition asks for",
        why: "ECS places a task that has runtimePlatform.cpuArchitecture only on hosts with that processor, so without \
              one it stays PENDING. Looked at are the declared instances of the service's cluster, by their type, and the \
              external instances, by their architecture; hosts from elsewhere are not known here, so this is a warning.",
        source: "Amazon ECS API, RuntimePlatform.cpuArchitecture; Amazon EC2 User Guide, Instance type names",
        check: Check::Each("TaskDefinition", processor),
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required}
  ecsConfig: {ECS_CLUSTER: '${Cluster.stores.name}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {cpuArchitecture: ARM64, operatingSystemFamily: LINUX}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
",
        good: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id
  instanceType: c7g.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required}
  ecsConfig: {ECS_CLUSTER: '${Cluster.stores.name}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  runtimePlatform: {cpuArchitecture: ARM64, operatingSystemFamily: LINUX}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
",
    },
    Rule {
        id: "TD-39",
        severity: Error,
        title: "an App Mesh proxy that cannot work",
        why: "A proxyConfiguration needs networkMode awsvpc and a container of the task, and its properties have to name \
              AppPorts, ProxyIngressPort, ProxyEgressPort, and IgnoredUID or IgnoredGID: without the last the proxy's own \
              traffic comes back to it.",
        source: "Amazon ECS API, ProxyConfiguration.properties",
        check: Check::Each("TaskDefinition", proxy),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  taskRoleArn: arn:aws:iam::123456789012:role/mesh
  proxyConfiguration:
    containerName: envoy
    properties:
      - {name: AppPorts, value: '8080'}
      - {name: ProxyIngressPort, value: '15000'}
      - {name: ProxyEgressPort, value: '15001'}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: envoy, image: 'public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.12.1-prod', memory: 256, user: '1337'}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  taskRoleArn: arn:aws:iam::123456789012:role/mesh
  proxyConfiguration:
    containerName: envoy
    properties:
      - {name: IgnoredUID, value: '1337'}
      - {name: AppPorts, value: '8080'}
      - {name: ProxyIngressPort, value: '15000'}
      - {name: ProxyEgressPort, value: '15001'}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: envoy, image: 'public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.12.1-prod', memory: 256, user: '1337'}
",
    },
];

fn tags(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for image in containers(definition).map(|container| container.get("image")) {
        let Some(text) = image.text().filter(|text| !text.is_empty() && !text.contains('@')) else { continue };
        // A colon before the last slash belongs to a registry's port.
        let name = text.rsplit('/').next().unwrap_or(text);
        let message = match name.split_once(':') {
            None => format!("`{text}` has no tag, which means latest"),
            Some((_, "latest")) => format!("`{text}` is whatever was pushed last"),
            Some(_) => continue,
        };
        hits.add(image, message).help("name a version, or pin it with @sha256:…");
    }
}

fn endless(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for own in containers(definition) {
        for dependency in own.get("dependsOn").items() {
            let condition = dependency.get("condition");
            if !condition.is_any(&["COMPLETE", "SUCCESS", "HEALTHY"]) {
                continue;
            }
            let name = dependency.get("containerName").text();
            let Some(target) = name.and_then(|name| container(definition, name)) else { continue };
            if !target.get("startTimeout").is_given() {
                let (name, condition) = (name.unwrap_or_default(), condition.written().unwrap_or_default());
                let own = own.get("name").written().unwrap_or_default();
                hits.add(dependency, format!("`{own}` waits for `{name}` to be {condition}, however long that takes"))
                    .help(format!("add startTimeout to `{name}`, in seconds"));
            }
        }
    }
}

fn compatibility(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let (Some(definition), Some(wanted)) = (definition_of(runner, declared), launch_type(runner, declared)) else {
            continue;
        };
        let list = definition.get("requiresCompatibilities");
        let is_known = list.items().all(|item| item.text().is_some());
        if !list.says_something() || !is_known || list.items().any(|item| item.is(wanted)) {
            continue;
        }
        let names: Vec<&str> = list.items().filter_map(Node::text).collect();
        let names = names.join(", ");
        let place = runner.get("taskDefinition");
        let definition = definition.address();
        if wanted == "FARGATE" {
            hits.add(place, format!("runs on FARGATE, and {definition} is for {names}"));
        } else {
            let message = format!("runs on {wanted}, and AWS has checked {definition} for {names} only");
            hits.add_as(Warning, place, message);
        }
        hits.beside(list, "what it is for").help(format!("add {wanted} to requiresCompatibilities"));
    }
}

/// The processor of an instance type, where its name tells: a g among the letters behind the generation is Graviton.
pub(super) fn processor_of(instance_type: &str) -> Option<&'static str> {
    let family = instance_type.split('.').next()?;
    let family = family.strip_suffix("-flex").unwrap_or(family);
    if family == "a1" {
        return Some("ARM64");
    }
    let generation = family.find(|letter: char| letter.is_ascii_digit())?;
    let letters = family[generation..].trim_start_matches(|letter: char| letter.is_ascii_digit());
    if family.starts_with("mac") || !family.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
        return None;
    }
    Some(if letters.contains('g') { "ARM64" } else { "X86_64" })
}

fn processor(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let wanted = definition.at("runtimePlatform.cpuArchitecture");
    let Some(text) = wanted.text() else { return };
    for runner in runners(definition, declared) {
        let hosts = declared_hosts(runner, declared);
        let of = |host: &Node<'_>| match host.address().kind.as_str() {
            "Instance" => host.get("instanceType").text().and_then(processor_of),
            _ => host.get("architecture").text().map(|name| if name == "arm64" { "ARM64" } else { "X86_64" }),
        };
        let processors: Vec<_> = hosts.iter().map(of).collect();
        if !hosts.is_empty() && processors.iter().all(|one| one.is_some_and(|one| one != text)) {
            let (runner, count) = (runner.address(), hosts.len());
            let message =
                format!("{runner} needs {text}, and none of the {count} declared hosts of its cluster has it");
            hits.add(wanted, message).beside(hosts[0], "one that has not");
            return;
        }
    }
}

fn proxy(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let proxy = definition.get("proxyConfiguration");
    if !proxy.is_given() {
        return;
    }
    if let Some(mode) = network(definition).filter(|mode| *mode != "awsvpc") {
        hits.add(proxy, format!("a proxy needs networkMode awsvpc, and it is {mode}"));
    }
    let name = proxy.get("containerName");
    if let Some(text) = name.text().filter(|text| container(definition, text).is_none()) {
        hits.add(name, format!("no container is called `{text}`"));
    }
    let properties = proxy.get("properties");
    let has = |wanted: &str| {
        properties.items().any(|one| one.get("name").is(wanted) && one.get("value").written() != Some(""))
    };
    let mut missing: Vec<&str> = PROXY.iter().copied().filter(|name| !has(name)).collect();
    if !has("IgnoredUID") && !has("IgnoredGID") {
        missing.push("IgnoredUID or IgnoredGID");
    }
    if !missing.is_empty() {
        let place = if properties.is_given() { properties } else { proxy };
        hits.add(place, format!("the proxy is not told {}", missing.join(", ")));
    }
}
