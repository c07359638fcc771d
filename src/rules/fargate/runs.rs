//! Services and one-off tasks on Fargate.

use super::super::workload::{all_runners, definition, is_for, is_windows, launch_type};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "FG-06",
        severity: Error,
        title: "placement on Fargate",
        why: "Fargate chooses where a task runs: placement constraints and strategies are refused, in a task definition \
              as in a service or a run.",
        source: "Amazon ECS API, PlacementConstraint",
        check: Check::All(placement),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  placementConstraints: [{type: memberOf, expression: 'attribute:ecs.os-type == linux'}]
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
        id: "FG-13",
        severity: Error,
        title: "a DAEMON service on Fargate",
        why: "A DAEMON service runs one task on every container instance, and Fargate has none.",
        source: "Amazon ECS API, CreateService.schedulingStrategy",
        check: Check::Each("Service", daemon),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  launchType: FARGATE
  schedulingStrategy: DAEMON
  availabilityZoneRebalancing: DISABLED
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  launchType: FARGATE
  desiredCount: 2
  availabilityZoneRebalancing: DISABLED
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {}
",
    },
    Rule {
        id: "FG-14",
        severity: Error,
        title: "a platform version elsewhere than on Fargate",
        why: "\"The platform version must be null when specifying an EC2 launch type\", also when it is LATEST.",
        source: "Amazon ECS API, CreateService.platformVersion",
        check: Check::All(version_elsewhere),
        bad: "
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  platformVersion: LATEST
---
kind: Cluster
metadata: {name: shop}
spec: {}
",
        good: "
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
---
kind: Cluster
metadata: {name: shop}
spec: {}
",
    },
    Rule {
        id: "FG-15",
        severity: Error,
        title: "FARGATE_SPOT, or another word that is no launch type",
        why: "Launch types are EC2, FARGATE and EXTERNAL. Spot capacity of Fargate is a capacity provider: \
              capacityProviderStrategy names it, in place of launchType.",
        source: "Amazon ECS API, CreateService.launchType",
        check: Check::Schema(&[("Service", &["/launchType"]), ("Task", &["/launchType"])]),
        bad: "
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  launchType: FARGATE_SPOT
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {capacityProviders: [FARGATE_SPOT]}
",
        good: "
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  capacityProviderStrategy: [{capacityProvider: FARGATE_SPOT, weight: 1}]
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {capacityProviders: [FARGATE_SPOT]}
",
    },
    Rule {
        id: "FG-16",
        severity: Error,
        title: "Spot capacity of Fargate for what it does not run",
        why: "FARGATE_SPOT runs Linux alone, on platform version 1.3.0 and later, and on ARM64 1.4.0 and later.",
        source: "Amazon ECS API, CapacityProviderStrategyItem; Amazon ECS Developer Guide, Fargate capacity providers",
        check: Check::All(spot),
        bad: "
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  capacityProviderStrategy: [{capacityProvider: FARGATE_SPOT, weight: 1}]
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {capacityProviders: [FARGATE, FARGATE_SPOT]}
---
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
        good: "
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  capacityProviderStrategy: [{capacityProvider: FARGATE, weight: 1}]
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {capacityProviders: [FARGATE, FARGATE_SPOT]}
---
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
        id: "FG-19",
        severity: Error,
        title: "a Classic Load Balancer in front of Fargate",
        why: "\"Classic Load Balancers are not supported with Fargate\": the tasks have addresses of their own, and it \
              knows instances alone. Whether a target group takes addresses no manifest tells yet.",
        source: "Amazon ECS API, CreateService.loadBalancers",
        check: Check::Each("Service", classic_balancer),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  launchType: FARGATE
  desiredCount: 2
  availabilityZoneRebalancing: DISABLED
  loadBalancers: [{loadBalancerName: till, containerName: app, containerPort: 80}]
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  launchType: FARGATE
  desiredCount: 2
  availabilityZoneRebalancing: DISABLED
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}
---
kind: Cluster
metadata: {name: shop}
spec: {}
",
    },
];

/// The capacity providers that a service or a one-off task uses: its own, or the cluster's default ones.
pub(super) fn strategy<'a>(runner: Node<'a>, declared: &Declared<'a>) -> Option<Node<'a>> {
    if runner.get("launchType").is_given() {
        return None;
    }
    let own = runner.get("capacityProviderStrategy");
    let default = || declared.target(runner.get("cluster")).map(|one| one.get("defaultCapacityProviderStrategy"));
    if own.says_something() { Some(own) } else { default().filter(|strategy| strategy.says_something()) }
}

/// FARGATE_SPOT, where a service or a one-off task uses it.
pub(super) fn spot_of<'a>(runner: Node<'a>, declared: &Declared<'a>) -> Option<Node<'a>> {
    let mut items = strategy(runner, declared)?.items().map(|item| item.get("capacityProvider"));
    items.find(|provider| provider.is("FARGATE_SPOT"))
}

fn placement(declared: &Declared<'_>, hits: &mut Hits) {
    let definitions = declared.of("TaskDefinition").filter(|definition| is_for(*definition, "FARGATE", declared));
    let runners = all_runners(declared).filter(|runner| launch_type(*runner, declared) == Some("FARGATE"));
    for node in definitions.chain(runners) {
        for (member, what) in
            [("placementConstraints", "placement constraints"), ("placementStrategy", "placement strategies")]
        {
            if node.get(member).says_something() {
                hits.add(node.get(member), format!("Fargate does not support {what}"))
                    .help(format!("take {member} out"));
            }
        }
    }
}

fn daemon(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let strategy = service.get("schedulingStrategy");
    if strategy.is("DAEMON") && launch_type(service, declared) == Some("FARGATE") {
        hits.add(strategy, "Fargate has no instances that a DAEMON service could run on")
            .help("write schedulingStrategy: REPLICA and a desiredCount");
    }
}

fn version_elsewhere(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let version = runner.get("platformVersion");
        let named = runner.get("launchType");
        // What an undeclared cluster has as its default is not known.
        let is_known = named.is_given() || declared.target(runner.get("cluster")).is_some();
        let launch_type = launch_type(runner, declared);
        if let Some(other @ ("EC2" | "EXTERNAL")) = launch_type.filter(|_| is_known && version.is_given()) {
            hits.add(version, format!("only Fargate has platform versions, and the launch type is {other}"))
                .help("take platformVersion out")
                .fix_by_removing(runner, "platformVersion");
        }
    }
}

fn spot(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let Some(provider) = spot_of(runner, declared) else { continue };
        if let Some(definition) = definition(runner, declared).filter(|definition| is_windows(*definition)) {
            hits.add(provider, format!("FARGATE_SPOT does not run Windows, which {} wants", definition.address()))
                .help("use FARGATE")
                .beside(definition.at("runtimePlatform.operatingSystemFamily"), "Windows");
        }
    }
    super::versions::too_old("FG-16", None, declared, hits);
}

fn classic_balancer(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if launch_type(service, declared) != Some("FARGATE") {
        return;
    }
    for balancer in service.get("loadBalancers").items() {
        let name = balancer.get("loadBalancerName");
        if name.is_given() {
            hits.add(name, "Fargate does not support Classic Load Balancers")
                .help("use a target group of type ip: targetGroupArn");
        }
    }
}
