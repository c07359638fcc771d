//! NET: whether what is in a subnet gets anywhere, as far as declared route tables tell.

use crate::diagnostic::Severity::Warning;
use crate::rules::parts::{default_route, is_to_internet, route_table};
use crate::rules::workload::{all_runners, definition as definition_of, launch_type, network};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "NET-07",
        severity: Warning,
        title: "tasks on instances whose only way out needs a public address",
        why: "A task with awsvpc on EC2 has no public address, and an internet gateway passes on nothing else: whatever \
              the containers send out of the VPC is lost. They need a NAT gateway or VPC endpoints. (Images and logs are \
              the instance's own matter, which may have a public address.) Looked at are subnets whose route table is \
              declared.",
        source: "Amazon ECS Developer Guide, Task networking with the awsvpc network mode",
        check: Check::All(no_address),
        bad: "
kind: Vpc
metadata: {name: store}
spec: {cidrBlock: 10.1.0.0/16}
---
kind: InternetGateway
metadata: {name: store}
spec: {vpcId: '${Vpc.store}'}
---
kind: Subnet
metadata: {name: store}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.1.0/24, availabilityZoneId: euc1-az1}
---
kind: RouteTable
metadata: {name: store}
spec:
  vpcId: ${Vpc.store}
  subnetIds: ['${Subnet.store}']
  routes: [{destinationCidrBlock: 0.0.0.0/0, gatewayId: '${InternetGateway.store}'}]
---
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
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.store}']}}
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
kind: RouteTable
metadata: {name: store}
spec:
  vpcId: ${Vpc.store}
  subnetIds: ['${Subnet.store}']
  routes: [{destinationCidrBlock: 0.0.0.0/0, natGatewayId: nat-0123456789abcdef0}]
---
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
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.store}']}}
",
    },
    Rule {
        id: "NET-09",
        severity: Warning,
        title: "a public address where nothing leads to the Internet",
        why: "A public address works through an internet gateway. In a subnet whose declared route table has no route to \
              one, it costs money and reaches nothing. A route to the local gateway of an Outpost counts as a way.",
        source: "Amazon VPC User Guide, Internet gateways; Amazon ECS Developer Guide, Amazon ECS on AWS Outposts",
        check: Check::All(no_gateway),
        bad: "
kind: Vpc
metadata: {name: store}
spec: {cidrBlock: 10.1.0.0/16}
---
kind: Subnet
metadata: {name: store}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.1.0/24, availabilityZoneId: euc1-az1, mapPublicIpOnLaunch: true}
---
kind: RouteTable
metadata: {name: store}
spec:
  vpcId: ${Vpc.store}
  subnetIds: ['${Subnet.store}']
  routes: [{destinationCidrBlock: 0.0.0.0/0, natGatewayId: nat-0123456789abcdef0}]
",
        good: "
kind: Vpc
metadata: {name: store}
spec: {cidrBlock: 10.1.0.0/16}
---
kind: InternetGateway
metadata: {name: store}
spec: {vpcId: '${Vpc.store}'}
---
kind: Subnet
metadata: {name: store}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.1.0/24, availabilityZoneId: euc1-az1, mapPublicIpOnLaunch: true}
---
kind: RouteTable
metadata: {name: store}
spec:
  vpcId: ${Vpc.store}
  subnetIds: ['${Subnet.store}']
  routes: [{destinationCidrBlock: 0.0.0.0/0, gatewayId: '${InternetGateway.store}'}]
",
    },
    Rule {
        id: "NET-11",
        severity: Warning,
        title: "tasks on Fargate that cannot fetch their image",
        why: "Fargate fetches images, secrets and log streams over the task's own interface. In a subnet without a way out \
              (a NAT gateway, or an internet gateway and assignPublicIp), and without endpoints for ecr.api, ecr.dkr, s3, \
              logs and what else it needs, every task ends with CannotPullContainerError or \
              ResourceInitializationError. Endpoints are not known here, so this is a warning; looked at are subnets whose \
              route table is declared.",
        source: "Amazon ECS Developer Guide, Amazon ECS interface VPC endpoints",
        check: Check::All(no_image),
        bad: "
kind: Vpc
metadata: {name: store}
spec: {cidrBlock: 10.1.0.0/16}
---
kind: InternetGateway
metadata: {name: store}
spec: {vpcId: '${Vpc.store}'}
---
kind: Subnet
metadata: {name: store}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.1.0/24, availabilityZoneId: euc1-az1}
---
kind: RouteTable
metadata: {name: store}
spec:
  vpcId: ${Vpc.store}
  subnetIds: ['${Subnet.store}']
  routes: [{destinationCidrBlock: 0.0.0.0/0, gatewayId: '${InternetGateway.store}'}]
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: FARGATE
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.store}']}}
",
        good: "
kind: Vpc
metadata: {name: store}
spec: {cidrBlock: 10.1.0.0/16}
---
kind: InternetGateway
metadata: {name: store}
spec: {vpcId: '${Vpc.store}'}
---
kind: Subnet
metadata: {name: store}
spec: {vpcId: '${Vpc.store}', cidrBlock: 10.1.1.0/24, availabilityZoneId: euc1-az1}
---
kind: RouteTable
metadata: {name: store}
spec:
  vpcId: ${Vpc.store}
  subnetIds: ['${Subnet.store}']
  routes: [{destinationCidrBlock: 0.0.0.0/0, gatewayId: '${InternetGateway.store}'}]
---
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: FARGATE
  networkConfiguration: {awsvpcConfiguration: {subnets: ['${Subnet.store}'], assignPublicIp: ENABLED}}
",
    },
];

/// The declared subnets of a service or a run with their declared route tables.
fn subnets<'a>(runner: Node<'a>, declared: &Declared<'a>) -> Vec<(Node<'a>, Node<'a>)> {
    let items = runner.at("networkConfiguration.awsvpcConfiguration.subnets").items();
    items.filter_map(|item| Some((item, route_table(declared.target(item)?, declared)?))).collect()
}

fn no_address(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let mode = definition_of(runner, declared).and_then(network);
        let is_public = runner.at("networkConfiguration.awsvpcConfiguration.assignPublicIp").is("ENABLED");
        if mode != Some("awsvpc") || launch_type(runner, declared) != Some("EC2") || is_public {
            continue;
        }
        for (item, table) in subnets(runner, declared) {
            if let Some(route) = default_route(table).filter(|route| is_to_internet(*route)) {
                hits.add(
                    item,
                    "the way out of this subnet is an internet gateway, and tasks on EC2 have no public address",
                )
                .beside(route, "the route")
                .help("use a subnet with a route to a NAT gateway, if the containers are to get out of the VPC");
            }
        }
    }
}

/// The declared route table of a subnet, when nothing in it leads to an internet gateway.
fn lost<'a>(subnet: Node<'a>, declared: &Declared<'a>) -> Option<Node<'a>> {
    let table = route_table(subnet, declared)?;
    let is_way = |route: Node<'_>| is_to_internet(route) || route.get("localGatewayId").is_given();
    table.get("routes").items().all(|route| !is_way(route)).then_some(table)
}

fn no_gateway(declared: &Declared<'_>, hits: &mut Hits) {
    let mut tell = |place: Node<'_>, table: Node<'_>| {
        let message = format!("a public address, and {} has no route to an internet gateway", table.address());
        hits.add(place, message).beside(table.get("routes"), "the routes");
    };
    for subnet in declared.of("Subnet") {
        let place = subnet.get("mapPublicIpOnLaunch");
        if let Some(table) = lost(subnet, declared).filter(|_| place.is_true()) {
            tell(place, table);
        }
    }
    for instance in declared.of("Instance") {
        let place = instance.get("associatePublicIpAddress");
        let subnet = declared.target(instance.get("subnetId")).filter(|_| place.is_true());
        if let Some(table) = subnet.and_then(|subnet| lost(subnet, declared)) {
            tell(place, table);
        }
    }
    for runner in all_runners(declared) {
        let place = runner.at("networkConfiguration.awsvpcConfiguration.assignPublicIp");
        if !place.is("ENABLED") || launch_type(runner, declared) != Some("FARGATE") {
            continue;
        }
        let items = runner.at("networkConfiguration.awsvpcConfiguration.subnets").items();
        if let Some(table) = items.filter_map(|item| declared.target(item)).find_map(|subnet| lost(subnet, declared)) {
            tell(place, table);
        }
    }
}

fn no_image(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        if launch_type(runner, declared) != Some("FARGATE") {
            continue;
        }
        let is_public = runner.at("networkConfiguration.awsvpcConfiguration.assignPublicIp").is("ENABLED");
        for (item, table) in subnets(runner, declared) {
            match default_route(table) {
                Some(route) if is_to_internet(route) && !is_public => {
                    hits.add(
                        item,
                        "the way out of this subnet is an internet gateway, and the tasks have no public address",
                    )
                    .beside(route, "the route")
                    .help("assignPublicIp: ENABLED, or a subnet with a route to a NAT gateway, or VPC endpoints");
                }
                None if !table.get("routes").says_something() => {
                    hits.add(item, format!("{} has no routes, so nothing leads out of this subnet", table.address()))
                        .beside(table, "the route table")
                        .help("add a route to a NAT gateway; VPC endpoints from elsewhere do as well");
                }
                _ => {}
            }
        }
    }
}
