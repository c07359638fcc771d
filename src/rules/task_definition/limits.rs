//! TD-24 to TD-27: limits, restarts, kernel parameters and swap.

use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::parts::is_for_fargate;
use crate::rules::workload::{containers, network};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// Kernel parameters that belong to the IPC namespace; those of fs.mqueue do as well.
const IPC: &[&str] = &[
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-24",
        severity: Error,
        title: "a limit of processes that cannot be set",
        why: "RegisterTaskDefinition refuses a soft limit above the hard one: \"The soft limit of a ulimit can not be \
              greater than its hard limit.\" A limit stands once in a container. Which names there are the schema says; \
              -1 is no limit.",
        source: "Amazon ECS API, Ulimit",
        check: Check::Each("TaskDefinition", limits),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      ulimits: [{name: nofile, softLimit: 8192, hardLimit: 4096}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      ulimits: [{name: nofile, softLimit: 4096, hardLimit: 8192}]
",
    },
    Rule {
        id: "TD-25",
        severity: Error,
        title: "a restart policy that AWS does not take",
        why: "The restartAttemptPeriod is 60 to 1800 seconds, and there are up to 50 ignoredExitCodes.",
        source: "Amazon ECS API, ContainerRestartPolicy",
        check: Check::Each("TaskDefinition", restarts),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      restartPolicy: {enabled: true, restartAttemptPeriod: 10}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      restartPolicy: {enabled: true, restartAttemptPeriod: 60}
",
    },
    Rule {
        id: "TD-26",
        severity: Error,
        title: "a kernel parameter of a namespace that belongs to the host",
        why: "A container may set parameters of its own namespaces. With ipcMode host it has no IPC namespace of its own, \
              and with networkMode host no network namespace, so setting one would change the host, and Docker refuses.",
        source: "Amazon ECS API, SystemControl and RegisterTaskDefinition: ipcMode",
        check: Check::Each("TaskDefinition", parameters),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: host
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      user: '1000'
      systemControls: [{namespace: net.core.somaxconn, value: '1024'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: bridge
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      user: '1000'
      systemControls: [{namespace: net.core.somaxconn, value: '1024'}]
",
    },
    Rule {
        id: "TD-27",
        severity: Warning,
        title: "swappiness that does nothing",
        why: "swappiness is a number from 0 to 100, and counts only beside maxSwap; on Amazon Linux 2023 it never does.",
        source: "Amazon ECS API, LinuxParameters.swappiness",
        check: Check::Each("TaskDefinition", swap),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      linuxParameters: {swappiness: 10}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      linuxParameters: {swappiness: 10, maxSwap: 128}
",
    },
    Rule {
        id: "TD-40",
        severity: Error,
        title: "a kernel parameter that no container has of its own",
        why: "Containers can set net.*, fs.mqueue.* and the IPC parameters kernel.msg*, kernel.sem and kernel.shm*. All \
              others are the host's, and the runtime ends the start of the container: \"sysctl vm.max_map_count is \
              not in a separate kernel namespace\".",
        source: "Amazon ECS Developer Guide, Task definition parameters: system controls; opencontainers/runc, \
                 configs/validate",
        check: Check::Each("TaskDefinition", foreign_parameters),
        bad: "
kind: TaskDefinition
metadata: {name: search}
spec:
  containerDefinitions:
    - name: search
      image: opensearchproject/opensearch:3.2.0
      memory: 2048
      systemControls: [{namespace: vm.max_map_count, value: '262144'}]
",
        good: "
kind: TaskDefinition
metadata: {name: search}
spec:
  containerDefinitions:
    - name: search
      image: opensearchproject/opensearch:3.2.0
      memory: 2048
      systemControls: [{namespace: net.ipv4.tcp_keepalive_time, value: '300'}]
",
    },
];

fn limits(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in containers(definition) {
        let mut seen: Vec<Node<'_>> = Vec::new();
        for limit in container.get("ulimits").items() {
            let (name, soft) = (limit.get("name"), limit.get("softLimit"));
            let Some(text) = name.text() else { continue };
            if let (Some(low), Some(high)) = (soft.number(), limit.get("hardLimit").number())
                && high >= 0
                && (low > high || low < 0)
            {
                let low = if low < 0 { "no soft limit".to_owned() } else { format!("a soft limit of {low}") };
                hits.add(soft, format!("{text} has {low}, above the hard limit of {high}"));
            }
            match seen.iter().find(|first| first.is(text)) {
                Some(first) => {
                    hits.add(name, format!("a second limit of {text}")).beside(*first, "the first");
                }
                None => seen.push(name),
            }
        }
    }
}

fn restarts(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for policy in containers(definition).map(|container| container.get("restartPolicy")) {
        if !policy.get("enabled").is_true() {
            continue;
        }
        let period = policy.get("restartAttemptPeriod");
        if let Some(seconds) = period.number().filter(|seconds| !(60..=1800).contains(seconds)) {
            hits.add(period, format!("restartAttemptPeriod is {seconds} seconds; AWS takes 60 to 1800"))
                .help("the default is 300");
        }
        let codes = policy.get("ignoredExitCodes");
        if codes.items().len() > 50 {
            hits.add(codes, format!("{} exit codes are ignored; AWS takes 50", codes.items().len()));
        }
    }
}

fn parameters(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let host_ipc = definition.get("ipcMode").is("host");
    let host_network = network(definition) == Some("host");
    for name in containers(definition)
        .flat_map(|container| container.get("systemControls").items())
        .map(|control| control.get("namespace"))
    {
        let Some(text) = name.text() else { continue };
        let of_ipc = IPC.contains(&text) || text.starts_with("fs.mqueue.");
        if of_ipc && host_ipc {
            hits.add(name, format!("{text} cannot be set with ipcMode host"))
                .beside(definition.get("ipcMode"), "the mode");
        } else if text.starts_with("net.") && host_network {
            hits.add(name, format!("{text} cannot be set with networkMode host"))
                .help("set it on the host")
                .beside(definition.get("networkMode"), "the mode");
        }
    }
}

fn foreign_parameters(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let controls = containers(definition).flat_map(|container| container.get("systemControls").items());
    for name in controls.map(|control| control.get("namespace")) {
        let Some(text) = name.text() else { continue };
        // A slash between the parts means the same as a dot.
        let plain = text.replace('/', ".");
        let is_own = IPC.contains(&plain.as_str()) || plain == "kernel.domainname";
        if !is_own && !["net.", "fs.mqueue."].iter().any(|start| plain.starts_with(start)) {
            hits.add(name, format!("{text} is a parameter of the host, which no container can set"))
                .help("set it on the host, as with userData: sysctl -w");
        }
    }
}

fn swap(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    // Fargate takes neither, which is another rule's.
    if is_for_fargate(definition, declared) {
        return;
    }
    for linux in containers(definition).map(|container| container.get("linuxParameters")) {
        let swappiness = linux.get("swappiness");
        let Some(number) = swappiness.number() else { continue };
        if !(0..=100).contains(&number) {
            hits.add(swappiness, format!("swappiness is {number}; it is 0 to 100"));
        } else if !linux.get("maxSwap").is_given() {
            hits.add(swappiness, "swappiness is ignored without maxSwap").help("add maxSwap, or take swappiness out");
        }
    }
}
