//! OUT-04 to OUT-06, OUT-09 and OUT-21: services and tasks on Outposts.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Note, Warning};
use crate::rules::hosts::{Clusters, outpost_of, subnet_of};
use crate::rules::images::Ecr;
use crate::rules::workload::{containers, definition, launch_type, network};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "OUT-04",
        severity: Error,
        title: "Fargate on an Outpost",
        why: "Fargate is not available on Outposts: tasks of launch type FARGATE, or of its capacity providers, do not start in a \
              subnet that is on one.",
        source: "AWS documentation, Amazon ECS on AWS Outposts, Considerations",
        check: Check::All(fargate),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  executionRoleArn: arn:aws:iam::123456789012:role/execution
  containerDefinitions:
    - {name: app, image: 'nginx:1.29'}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: FARGATE
  desiredCount: 1
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.floor}']}}
",
        good: "
kind: Subnet
metadata: {name: region}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.2.0/24}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  executionRoleArn: arn:aws:iam::123456789012:role/execution
  containerDefinitions:
    - {name: app, image: 'nginx:1.29'}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: FARGATE
  desiredCount: 1
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.region}']}}
",
    },
    Rule {
        id: "OUT-05",
        severity: Error,
        title: "a service that is pinned to one Outpost and has its addresses elsewhere",
        why: "In the network mode awsvpc a task has an address of one of the service's subnets, and runs where that subnet is. A \
              service that is kept to an Outpost by ecs.outpost-arn needs a subnet of that Outpost, or ECS never finds a \
              place.",
        source: "AWS documentation, Amazon ECS on AWS Outposts; Amazon ECS Developer Guide, Amazon ECS container instance attributes",
        check: Check::All(pinned_elsewhere),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Subnet
metadata: {name: region}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.2.0/24}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.region}']}}
  placementConstraints:
    - type: memberOf
      expression: attribute:ecs.outpost-arn == arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Subnet
metadata: {name: region}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.2.0/24}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.floor}']}}
  placementConstraints:
    - type: memberOf
      expression: attribute:ecs.outpost-arn == arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
",
    },
    Rule {
        id: "OUT-06",
        severity: Warning,
        title: "a service that may run in the Region or on the Outpost, as it happens",
        why: "The cluster has hosts in both. Unless a constraint says where, ECS places tasks by room: what belongs to the building \
              may run in the Region, and the other way round.",
        source: "Amazon ECS Developer Guide, Amazon ECS container instance attributes, ecs.outpost-arn",
        check: Check::All(unpinned),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Subnet
metadata: {name: region}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.2.0/24}
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
kind: Instance
metadata: {name: cloud}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.region}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
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
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Subnet
metadata: {name: region}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.2.0/24}
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
kind: Instance
metadata: {name: cloud}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.region}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  placementConstraints:
    - type: memberOf
      expression: attribute:ecs.outpost-arn == arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
",
    },
    Rule {
        id: "OUT-09",
        severity: Note,
        title: "an image from ECR for hosts on an Outpost",
        why: "ECR runs in the Region. A host that has not had the image before cannot get it while the link is down, and each new \
              image crosses the link once for each host, also with prefer-cached.",
        source: "AWS documentation, Amazon ECS on AWS Outposts, Considerations",
        check: Check::All(images),
        bad: "
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
    - {name: app, image: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/till:7', memory: 64}
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
    - {name: app, image: 'registry.branch.example:5000/till:7', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
",
    },
    Rule {
        id: "OUT-21",
        severity: Warning,
        title: "tasks that are spread over zones where there is one",
        why: "An Outpost has one Availability Zone: spreading over zones, and rebalancing between them, decide nothing there, and \
              all tasks may run on one host.",
        source: "AWS documentation, Amazon ECS on AWS Outposts; Amazon ECS API, PlacementStrategy",
        check: Check::All(one_zone),
        bad: "
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
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  placementStrategy: [{type: spread, field: 'attribute:ecs.availability-zone'}]
",
        good: "
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
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  placementStrategy: [{type: spread, field: instanceId}]
",
    },
];

/// The services and one-off tasks.
fn runners<'a>(declared: &Declared<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    declared.of("Service").chain(declared.of("Task"))
}

/// The subnets that tasks in awsvpc get their addresses from.
fn subnets_of<'a>(runner: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    runner.at("networkConfiguration.awsvpcConfiguration.subnets").items()
}

fn fargate(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in runners(declared).filter(|runner| launch_type(*runner, declared) == Some("FARGATE")) {
        for item in subnets_of(runner) {
            let Some(subnet) = declared.target(item).filter(|subnet| outpost_of(*subnet).is_some()) else { continue };
            hits.add(item, format!("{} is on an Outpost, where there is no Fargate", subnet.address()))
                .help("run it on instances there (launchType: EC2), or in a subnet in the Region")
                .beside(subnet.get("outpostArn"), "the Outpost");
        }
    }
}

/// The placement constraints of a service or a task, and of what it runs.
fn constraints<'a>(runner: Node<'a>, declared: &Declared<'a>) -> Vec<Node<'a>> {
    let of_task = definition(runner, declared).map(|task| task.get("placementConstraints"));
    let all = [Some(runner.get("placementConstraints")), of_task].into_iter().flatten();
    all.flat_map(|list| list.items()).collect()
}

/// The Outpost that an expression keeps tasks on, when it says nothing else.
fn pinned(expression: &str) -> Option<&str> {
    let rest = expression.trim().strip_prefix("attribute:ecs.outpost-arn")?.trim_start();
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix("equals "))?;
    let value = value.trim().trim_matches(['"', '\'']);
    value.starts_with("arn:").then_some(value).filter(|value| !value.contains(char::is_whitespace))
}

fn pinned_elsewhere(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in runners(declared) {
        if definition(runner, declared).is_none_or(|task| network(task) != Some("awsvpc")) {
            continue;
        }
        let subnets: Option<Vec<Node<'_>>> = subnets_of(runner).map(|item| declared.target(item)).collect();
        let Some(subnets) = subnets.filter(|subnets| !subnets.is_empty()) else { continue };
        for node in constraints(runner, declared).into_iter().map(|constraint| constraint.get("expression")) {
            let Some(outpost) = node.text().and_then(pinned) else { continue };
            if !subnets.iter().any(|subnet| outpost_of(*subnet).is_some_and(|one| one == outpost)) {
                hits.add(node, "the tasks are kept to an Outpost that none of the service's subnets is on")
                    .help("name a subnet of that Outpost in networkConfiguration")
                    .beside(runner.at("networkConfiguration.awsvpcConfiguration.subnets"), "the subnets");
            }
        }
    }
}

/// The Outpost that a host is declared on; Some(None) in the Region, None where that is not known.
pub(super) fn outpost_of_host<'a>(host: Node<'_>, declared: &Declared<'a>) -> Option<Option<&'a str>> {
    subnet_of(host, declared).map(outpost_of)
}

fn unpinned(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_use() {
        let find = |is_on: bool| {
            let is_so = |host: &&Node<'_>| outpost_of_host(**host, declared).is_some_and(|one| one.is_some() == is_on);
            hosts.iter().find(is_so)
        };
        let (Some(there), Some(here)) = (find(true), find(false)) else { continue };
        for runner in runners {
            let is_everywhere = runner.get("schedulingStrategy").is("DAEMON");
            let says_where = constraints(*runner, declared).into_iter().any(|one| one.get("type").is("memberOf"));
            // In awsvpc the subnets decide.
            let has_subnets = subnets_of(*runner).next().is_some();
            if !is_everywhere && !says_where && !has_subnets {
                let message = format!("its tasks run on {} or on {}, as it happens", there.address(), here.address());
                hits.add(*runner, message)
                    .help("add a placementConstraint: type memberOf, expression attribute:ecs.outpost-arn == ARN, or exists")
                    .beside(there.get("subnetId"), "on an Outpost")
                    .beside(here.get("subnetId"), "in the Region");
            }
        }
    }
}

/// The declared task definitions that services and tasks run, each once.
fn definitions<'a>(runners: &[Node<'a>], declared: &Declared<'a>) -> Vec<Node<'a>> {
    let mut found: Vec<Node<'a>> = runners.iter().filter_map(|runner| definition(*runner, declared)).collect();
    found.sort_by_key(|task| task.address());
    found.dedup_by_key(|task| task.address());
    found
}

fn images(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_use() {
        let is_there = |host: &&Node<'_>| outpost_of_host(**host, declared).flatten().is_some();
        if !hosts.iter().all(|host| is_there(&host)) {
            continue;
        }
        for task in definitions(runners, declared) {
            let images = containers(task).map(|container| container.get("image"));
            let from_ecr: Vec<Node<'_>> = images.filter(|image| image.text().and_then(Ecr::of).is_some()).collect();
            if let [first, others @ ..] = &from_ecr[..] {
                hits.add(
                    *first,
                    "the image is in the Region: a host that has not had it cannot get it without the link",
                )
                .help("let each host pull a new image before it is needed, or keep a registry in the building");
                for other in others {
                    hits.beside(*other, "this one too");
                }
            }
        }
    }
}

const ZONE: &str = "attribute:ecs.availability-zone";

fn one_zone(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_use() {
        let outposts: Option<Vec<&str>> = hosts.iter().map(|host| outpost_of_host(*host, declared).flatten()).collect();
        if outposts.is_none_or(|outposts| outposts.windows(2).any(|pair| pair[0] != pair[1])) {
            continue;
        }
        for runner in runners {
            let rebalancing = runner.get("availabilityZoneRebalancing");
            let spread: Vec<Node<'_>> =
                runner.get("placementStrategy").items().filter(|one| one.get("type").is("spread")).collect();
            let node = match spread[..] {
                _ if rebalancing.is("ENABLED") => rebalancing,
                // Another one after it decides.
                [only] if only.get("field").is(ZONE) => only.get("field"),
                _ => continue,
            };
            hits.add(node, "all hosts of the cluster are on one Outpost, which has one zone")
                .help("spread over instanceId, or over an attribute that tells racks apart")
                .beside(hosts[0].get("subnetId"), "on the Outpost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::findings;

    #[test]
    fn what_says_where_it_runs_is_left_alone() {
        let host = |name: &str, subnet: &str| {
            format!(
                "kind: Instance\nmetadata: {{name: {name}}}\nspec:\n  imageId: ami-0123456789abcdef0\n  \
                 instanceType: c5.large\n  subnetId: ${{Subnet.{subnet}}}\n  iamInstanceProfile: ecsInstanceRole\n  \
                 ecsConfig: {{ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: once}}\n---\n"
            )
        };
        let subnets = "kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: Subnet
metadata: {name: region}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.2.0/24}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
";
        let found = |hosts: &str, more: &str| -> bool {
            let service = format!(
                "kind: Service\nmetadata: {{name: till}}\nspec: {{cluster: stores, taskDefinition: '${{TaskDefinition.till}}', \
                 launchType: EC2, {more}}}\n"
            );
            findings(&format!("{subnets}{hosts}{service}")).iter().any(|one| one.code == "OUT-06")
        };
        let both = host("there", "floor") + &host("here", "region");
        assert!(found(&both, "desiredCount: 1"));
        assert!(!found(&host("there", "floor"), "desiredCount: 1"));
        assert!(!found(&both, "schedulingStrategy: DAEMON"));
        let site = "desiredCount: 1, placementConstraints: [{type: memberOf, expression: 'attribute:site == oslo'}]";
        assert!(!found(&both, site));
    }

    #[test]
    fn only_plain_expressions_name_an_outpost() {
        let arn = "arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0";
        assert_eq!(pinned(&format!("attribute:ecs.outpost-arn == {arn}")), Some(arn));
        assert_eq!(pinned(&format!("attribute:ecs.outpost-arn equals \"{arn}\"")), Some(arn));
        assert_eq!(pinned(&format!("attribute:ecs.outpost-arn == {arn} or attribute:site == oslo")), None);
        assert_eq!(pinned(&format!("not (attribute:ecs.outpost-arn == {arn})")), None);
        assert_eq!(pinned("attribute:ecs.outpost-arn exists"), None);
    }
}
