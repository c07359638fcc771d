//! OUT-22: whether a deployment finds room on the hosts of an Outpost.

use super::services::outpost_of_host;
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Warning;
use crate::rules::hosts::Clusters;
use crate::rules::workload::{containers, definition};

pub(super) static RULES: &[Rule] = &[Rule {
    id: "OUT-22",
    severity: Warning,
    title: "a deployment that needs more room than the hosts on the Outpost have",
    why: "With minimumHealthyPercent 100 ECS starts a new task before it stops an old one, and an Outpost does not grow. Where \
              the declared hosts have no room for one more the deployment waits for ever. Counted are CPU and memory of the \
              instance types, less nothing for the system and other services.",
    source: "Amazon ECS API, DeploymentConfiguration.minimumHealthyPercent; AWS documentation, Amazon ECS on AWS Outposts",
    check: Check::All(room),
    bad: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 3000}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
",
    good: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 1500}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
",
}];

/// CPU units and MiB of an instance type, or a little more; None for families that are not made that evenly.
fn size_of(kind: &str) -> Option<(i64, i64)> {
    let (family, size) = kind.split_once('.')?;
    let letters: String = family.chars().take_while(char::is_ascii_lowercase).collect();
    let gib_each = match letters.as_str() {
        "c" => 2,
        "m" => 4,
        "r" => 8,
        _ => return None,
    };
    let processors = match size {
        "medium" => 1,
        "large" => 2,
        "xlarge" => 4,
        size => i64::from(size.strip_suffix("xlarge")?.parse::<u16>().ok()?) * 4,
    };
    Some((processors * 1024, processors * gib_each * 1024))
}

/// CPU units and MiB that a task takes of a host.
fn needs_of(task: Node<'_>) -> Option<(i64, i64)> {
    let sum = |whole: &str, of: fn(Node<'_>) -> Option<i64>| match task.get(whole) {
        node if node.is_given() => node.number(),
        _ => containers(task).map(of).sum(),
    };
    let cpu = sum("cpu", |container| Some(container.get("cpu").number().unwrap_or(0)));
    let memory = sum("memory", |container| {
        let reserved = container.get("memoryReservation");
        if reserved.is_given() { reserved.number() } else { container.get("memory").number() }
    });
    Some((cpu?, memory.filter(|memory| *memory > 0)?))
}

fn room(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_declared_use() {
        let sizes: Option<Vec<(i64, (i64, i64))>> = hosts
            .iter()
            .map(|host| {
                outpost_of_host(*host, declared).flatten()?;
                let count = host.get("count");
                let count = if count.is_given() { count.number()? } else { 1 };
                Some((count, size_of(host.get("instanceType").text()?)?))
            })
            .collect();
        let Some(sizes) = sizes else { continue };
        for runner in runners.iter().filter(|runner| starts_before_it_stops(**runner)) {
            let Some(needed) = definition(*runner, declared).and_then(needs_of) else { continue };
            let (Some(wanted), (cpu, memory)) = (runner.get("desiredCount").number(), needed) else { continue };
            let fit = |(count, (units, mib)): &(i64, (i64, i64))| {
                let by_cpu = if cpu > 0 { units / cpu } else { i64::MAX };
                count * by_cpu.min(mib / memory)
            };
            let slots: i64 = sizes.iter().map(fit).sum();
            if wanted > 0 && slots < wanted + 1 {
                let message = format!(
                    "the hosts of its cluster have room for {slots} tasks of {cpu} CPU units and {memory} MiB, and a \
                     deployment needs {}",
                    wanted + 1
                );
                hits.add(runner.get("desiredCount"), message)
                    .help("let an old task go first: minimumHealthyPercent below 100; or declare another host");
                for host in hosts {
                    hits.beside(host.get("instanceType"), "its room");
                }
            }
        }
    }
}

/// Whether a rolling deployment of a service keeps all old tasks until there is a new one.
fn starts_before_it_stops(runner: Node<'_>) -> bool {
    let deployment = runner.get("deploymentConfiguration");
    let (least, most) = (deployment.get("minimumHealthyPercent"), deployment.get("maximumPercent"));
    let is_rolling = !deployment.get("strategy").is_given() || deployment.get("strategy").is("ROLLING");
    let by_ecs = !runner.get("deploymentController").is_given() || runner.at("deploymentController.type").is("ECS");
    runner.address().kind == "Service"
        && is_rolling
        && by_ecs
        && !runner.get("schedulingStrategy").is("DAEMON")
        && (!least.is_given() || least.number().is_some_and(|percent| percent >= 100))
        && (!most.is_given() || most.number().is_some_and(|percent| percent > 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_even_families() {
        assert_eq!(size_of("c5.large"), Some((2048, 4096)));
        assert_eq!(size_of("m5.4xlarge"), Some((16_384, 65_536)));
        assert_eq!(size_of("r5d.24xlarge"), Some((98_304, 786_432)));
        assert_eq!(size_of("g4dn.xlarge"), None);
        assert_eq!(size_of("c5.metal"), None);
    }
}
