//! EXT: whether tasks for external instances find one.

use std::collections::BTreeSet;

use crate::cluster_query::Expression;
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::cluster_hosts::{Hosts, cluster_name};
use crate::rules::placement::expressions;
use crate::rules::workload::{all_runners, containers, definition, launch_type};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EXT-19",
        severity: Error,
        title: "a constraint on what external instances do not have",
        why: "A host outside AWS is in no zone, VPC, subnet or Outpost, and has no instance type and no image. A task whose \
              constraint asks for one of these is never placed there.",
        source: "Amazon ECS Developer Guide, Amazon ECS container instance attributes",
        check: Check::All(foreign_attributes),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EXTERNAL
  desiredCount: 1
  placementConstraints: [{type: memberOf, expression: 'attribute:ecs.instance-type == c5.large'}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EXTERNAL
  desiredCount: 1
  placementConstraints: [{type: memberOf, expression: 'attribute:ecs.cpu-architecture == x86_64'}]
",
    },
    Rule {
        id: "EXT-21",
        severity: Warning,
        title: "no launch type in a cluster that has external instances as well",
        why: "A service or task that says neither a launch type nor capacity providers runs on EC2 instances, never on external \
              ones, although its task definition is for both.",
        source: "Amazon ECS API, CreateService and RunTask, launchType",
        check: Check::All(no_launch_type),
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.stores}'}
---
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: '${Cluster.stores}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2, EXTERNAL]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: '${Cluster.stores}', taskDefinition: '${TaskDefinition.till}', desiredCount: 1}
",
        good: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.stores}'}
---
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: '${Cluster.stores}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2, EXTERNAL]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.till}
  launchType: EXTERNAL
  desiredCount: 1
",
    },
    Rule {
        id: "EXT-22",
        severity: Error,
        title: "GPUs for tasks on external instances that offer none",
        why: "The installer sets a host up for GPUs only when it is run with --enable-gpu. Where no external instance of the \
              cluster is declared with `gpu: true`, tasks that want a GPU are never placed.",
        source: "Amazon ECS Developer Guide, Amazon ECS task definitions for GPU workloads",
        check: Check::All(gpus),
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: '${Cluster.stores}'}
---
kind: TaskDefinition
metadata: {name: faces}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions:
    - name: app
      image: store/faces:7
      memory: 64
      resourceRequirements: [{type: GPU, value: '1'}]
---
kind: Service
metadata: {name: faces}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.faces}
  launchType: EXTERNAL
  desiredCount: 1
",
        good: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: '${Cluster.stores}', gpu: true}
---
kind: TaskDefinition
metadata: {name: faces}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions:
    - name: app
      image: store/faces:7
      memory: 64
      resourceRequirements: [{type: GPU, value: '1'}]
---
kind: Service
metadata: {name: faces}
spec:
  cluster: ${Cluster.stores}
  taskDefinition: ${TaskDefinition.faces}
  launchType: EXTERNAL
  desiredCount: 1
",
    },
];

/// Attributes that come from EC2.
const OF_EC2: &[&str] = &[
    "ecs.ami-id",
    "ecs.availability-zone",
    "ecs.awsvpc-trunk-id",
    "ecs.instance-type",
    "ecs.outpost-arn",
    "ecs.subnet-id",
    "ecs.vpc-id",
];

fn foreign_attributes(declared: &Declared<'_>, hits: &mut Hits) {
    let mut seen = BTreeSet::new();
    for runner in all_runners(declared).filter(|runner| launch_type(*runner, declared) == Some("EXTERNAL")) {
        foreign_in(runner, hits);
        if let Some(definition) = definition(runner, declared).filter(|one| seen.insert(one.address().clone())) {
            foreign_in(definition, hits);
        }
    }
}

fn foreign_in(constrained: Node<'_>, hits: &mut Hits) {
    for expression in expressions(constrained) {
        let Some(Ok(parsed)) = expression.written().map(Expression::parse) else { continue };
        for comparison in parsed.required() {
            let Some(name) = comparison.attribute().filter(|name| OF_EC2.contains(name)) else { continue };
            if !comparison.operator.is_negative() {
                hits.add(expression, format!("no external instance has the attribute `{name}`"))
                    .within(expression, comparison.subject_range.clone())
                    .help("give the hosts an attribute of your own, and ask for that");
            }
        }
    }
}

fn no_launch_type(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    for runner in all_runners(declared).filter(|runner| !runner.get("launchType").is_given()) {
        let Some(definition) = definition(runner, declared) else { continue };
        let list = definition.get("requiresCompatibilities");
        let is_for_both = ["EC2", "EXTERNAL"].iter().all(|one| list.items().any(|item| item.is(one)));
        let Some(cluster) = cluster_name(runner.get("cluster"), declared) else { continue };
        // Without its cluster it is not known what that has for a default.
        if !is_for_both || hosts.cluster(&cluster).is_none() || launch_type(runner, declared) != Some("EC2") {
            continue;
        }
        let (outside, inside): (Vec<_>, Vec<_>) = hosts.of_cluster(&cluster).iter().partition(|host| host.is_external);
        if outside.is_empty() || inside.is_empty() {
            continue;
        }
        let count =
            |hosts: Vec<&crate::rules::cluster_hosts::Host<'_>>| hosts.iter().map(|host| host.count).sum::<i64>();
        let first = outside.first().map(|host| host.node);
        let message = format!(
            "without a launch type it runs on the {} EC2 instances of the cluster, and never on the {} external ones",
            count(inside),
            count(outside),
        );
        hits.add(runner, message).help("write launchType: EXTERNAL, or EC2 if that is meant");
        if let Some(first) = first {
            hits.beside(first, "an external instance");
        }
    }
}

fn gpus(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    for runner in all_runners(declared).filter(|runner| launch_type(*runner, declared) == Some("EXTERNAL")) {
        let Some(definition) = definition(runner, declared) else { continue };
        let mut requirements =
            containers(definition).flat_map(|container| container.get("resourceRequirements").items());
        let Some(gpu) = requirements.find(|requirement| requirement.get("type").is("GPU")) else { continue };
        let Some(cluster) = cluster_name(runner.get("cluster"), declared) else { continue };
        let outside = || hosts.of_cluster(&cluster).iter().filter(|host| host.is_external);
        let Some(first) = outside().next().filter(|_| !outside().any(|host| host.node.get("gpu").is_true())) else {
            continue;
        };
        let count = outside().count();
        let message =
            format!("its tasks want GPUs, and none of the {count} external instances declared has `gpu: true`");
        // Where others can register, one of them may have GPUs.
        let severity = if hosts.all_of(&cluster, "EXTERNAL").is_some() { Error } else { Warning };
        hits.add_as(severity, runner, message)
            .beside(gpu, "wanted here")
            .beside(first.node, "one of the hosts")
            .help("write gpu: true where the host with the GPUs is declared");
    }
}
