//! NET: the network configuration of services and one-off tasks.

use std::collections::BTreeMap;

use crate::diagnostic::Severity::Error;
use crate::kinds::is_open;
use crate::rules::workload::{all_runners, definition as definition_of, launch_type, network};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "NET-01",
        severity: Error,
        title: "tasks with awsvpc and no subnets to be in",
        why: "Each task gets a network interface, and somebody has to say where: \"Network Configuration must be provided \
              when networkMode 'awsvpc' is specified\".",
        source: "Amazon ECS API, CreateService and RunTask: networkConfiguration; cfn-lint E3052",
        check: Check::All(no_subnets),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
",
    },
    Rule {
        id: "NET-02",
        severity: Error,
        title: "subnets and security groups for tasks without a network interface of their own",
        why: "Without awsvpc tasks use the network of their host, and its security groups: \"Network Configuration is not \
              valid for the given networkMode of this task definition\".",
        source: "Amazon ECS API, CreateService and RunTask: networkConfiguration",
        check: Check::All(needless),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: bridge
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: bridge
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
",
    },
    Rule {
        id: "NET-03",
        severity: Error,
        title: "no subnets, or more subnets or security groups than AWS takes",
        why: "The awsvpcConfiguration of a service or a run has 1 to 16 subnets and up to 5 security groups.",
        source: "Amazon ECS API, AwsVpcConfiguration",
        check: Check::Schema(&[("Service", PLACES), ("Task", PLACES)]),
        bad: "
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: []}}
",
        good: "
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
",
    },
    Rule {
        id: "NET-04",
        severity: Error,
        title: "subnets and security groups of several VPCs",
        why: "All subnets of a service or a run are of one VPC, and so are the security groups: AWS refuses anything else.",
        source: "Amazon ECS API, AwsVpcConfiguration",
        check: Check::All(several_vpcs),
        bad: "
kind: Vpc
metadata: {name: store}
spec: {cidrBlock: 10.1.0.0/16}
---
kind: Vpc
metadata: {name: office}
spec: {cidrBlock: 10.2.0.0/16}
---
kind: Subnet
metadata: {name: store}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.1.0/24, availabilityZoneId: euc1-az1}
---
kind: Subnet
metadata: {name: office}
spec: {vpcId: '${Vpc.office}', cidrBlock: 10.2.1.0/24, availabilityZoneId: euc1-az2}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.store}', '${Subnet.office}']}}
",
        good: "
kind: Vpc
metadata: {name: store}
spec: {cidrBlock: 10.1.0.0/16}
---
kind: Subnet
metadata: {name: store}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.1.0/24, availabilityZoneId: euc1-az1}
---
kind: Subnet
metadata: {name: office}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.2.0/24, availabilityZoneId: euc1-az2}
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.store}', '${Subnet.office}']}}
",
    },
    Rule {
        id: "NET-06",
        severity: Error,
        title: "public addresses for tasks on instances",
        why: "Only tasks on Fargate get a public address: on EC2, CreateService and RunTask refuse assignPublicIp \
              ENABLED. That the API reference has ECS services always say DISABLED is a mistake of its own.",
        source: "Amazon ECS Developer Guide, Task networking with the awsvpc network mode",
        check: Check::All(public),
        bad: "
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], assignPublicIp: ENABLED}}
",
        good: "
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EC2
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], assignPublicIp: DISABLED}}
",
    },
];

const PLACES: &[&str] =
    &["/networkConfiguration/awsvpcConfiguration/subnets", "/networkConfiguration/awsvpcConfiguration/securityGroups"];

/// Where a service or a task says how its tasks are connected.
const CONFIGURATION: &str = "networkConfiguration.awsvpcConfiguration";

fn no_subnets(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let Some(definition) = definition_of(runner, declared) else { continue };
        // What the other controller starts is a matter of its task sets.
        let by_others = runner.at("deploymentController.type").is("EXTERNAL");
        if network(definition) == Some("awsvpc") && !runner.at(CONFIGURATION).is_given() && !by_others {
            hits.add(runner.get("taskDefinition"), "its tasks have networkMode awsvpc, and no subnets are named")
                .beside(definition.get("networkMode"), "the mode")
                .help("add networkConfiguration: {awsvpcConfiguration: {subnets: [${Subnet.NAME}]}}");
        }
    }
}

fn needless(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let place = runner.get("networkConfiguration");
        let Some(definition) = definition_of(runner, declared) else { continue };
        let Some(mode) = network(definition).filter(|mode| *mode != "awsvpc") else { continue };
        if place.says_something() {
            hits.add(place, format!("its tasks have networkMode {mode}, which takes no networkConfiguration"))
                .beside(definition.get("networkMode"), "the mode")
                .help("take networkConfiguration out, or use networkMode awsvpc");
        }
    }
}

fn several_vpcs(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let configuration = runner.at(CONFIGURATION);
        let items = configuration.get("subnets").items().chain(configuration.get("securityGroups").items());
        // The first object of each VPC, in the order of the file.
        let mut vpcs: BTreeMap<&str, Node<'_>> = BTreeMap::new();
        let mut first: Option<(&str, Node<'_>)> = None;
        for item in items {
            let Some(vpc) = declared.target(item).and_then(|object| object.get("vpcId").written()) else { continue };
            let (other, place) = *first.get_or_insert((vpc, item));
            if other != vpc && is_open(other) == is_open(vpc) && vpcs.insert(vpc, item).is_none() {
                let name =
                    |item: Node<'_>| declared.target(item).map(|one| one.address().to_string()).unwrap_or_default();
                hits.add(item, format!("{} and {} are of different VPCs", name(place), name(item)))
                    .beside(place, "the first");
            }
        }
    }
}

fn public(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let place = runner.at(CONFIGURATION).get("assignPublicIp");
        if place.is("ENABLED") && launch_type(runner, declared) == Some("EC2") {
            hits.add(place, "tasks on instances get no public address").help("DISABLED, or leave it out");
        }
    }
}
