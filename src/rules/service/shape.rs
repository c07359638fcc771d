//! SVC: what members of a service exclude each other.

use crate::diagnostic::Severity::{Error, Note, Warning};
use crate::manifest::references::whole;
use crate::manifest::suggest::closest;
use crate::rules::cluster_hosts::{Hosts, cluster_name};
use crate::rules::workload::{all_runners, constraints_of, containers, controller, definition, is_daemon, launch_type};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "SVC-01",
        severity: Error,
        title: "a launch type beside capacity providers",
        why: "AWS refuses it: \"Specifying both a launch type and capacity provider strategy is not supported. Remove \
              one and try again.\" A launch type names hosts that are there; capacity providers can add some.",
        source: "Amazon ECS API, CreateService and RunTask, capacityProviderStrategy",
        check: Check::All(launch_type_twice),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  capacityProviderStrategy: [{capacityProvider: racks, weight: 1}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  capacityProviderStrategy: [{capacityProvider: racks, weight: 1}]
",
    },
    Rule {
        id: "SVC-02",
        severity: Error,
        title: "a count of tasks below 0",
        why: "AWS refuses it: \"DesiredCount can not be lesser than 0\". A count that is left out is 1 when the service \
              is made, and left to others from then on.",
        source: "Amazon ECS API, CreateService, desiredCount",
        check: Check::Schema(&[("Service", &["/desiredCount"])]),
        bad: "
kind: Service
metadata: {name: till}
spec: {cluster: shop, taskDefinition: 'till:7', launchType: EC2, desiredCount: -1}
",
        good: "
kind: Service
metadata: {name: till}
spec: {cluster: shop, taskDefinition: 'till:7', launchType: EC2, desiredCount: 0}
",
    },
    Rule {
        id: "SVC-03",
        severity: Error,
        title: "a DAEMON service with what only a REPLICA service has",
        why: "A DAEMON service runs one task on every instance. AWS refuses a count of tasks, also 0 (\"The daemon \
              scheduling strategy does not support a desired count for services. Remove the desired count value and \
              try again\"), placement strategies, and a maximumPercent above 100.",
        source: "Amazon ECS API, CreateService, schedulingStrategy; hashicorp/terraform-provider-aws#4825",
        check: Check::Each("Service", daemon),
        bad: "
kind: Service
metadata: {name: logs}
spec: {cluster: shop, taskDefinition: 'logs:7', launchType: EC2, schedulingStrategy: DAEMON, desiredCount: 0}
",
        good: "
kind: Service
metadata: {name: logs}
spec: {cluster: shop, taskDefinition: 'logs:7', launchType: EC2, schedulingStrategy: DAEMON}
",
    },
    Rule {
        id: "SVC-04",
        severity: Error,
        title: "a DAEMON service that somebody else deploys",
        why: "AWS refuses it: the controllers CODE_DEPLOY and EXTERNAL deploy REPLICA services only.",
        source: "Amazon ECS API, CreateService, schedulingStrategy",
        check: Check::Each("Service", daemon_controller),
        bad: "
kind: Service
metadata: {name: logs}
spec:
  cluster: shop
  schedulingStrategy: DAEMON
  deploymentController: {type: EXTERNAL}
",
        good: "
kind: Service
metadata: {name: logs}
spec:
  cluster: shop
  desiredCount: 1
  deploymentController: {type: EXTERNAL}
",
    },
    Rule {
        id: "SVC-16",
        severity: Error,
        title: "rebalancing over zones for a service that cannot have it",
        why: "AWS refuses it: \"The service couldn't be created because Availability Zone Rebalancing does not support \
              DAEMON as scheduling strategy. Update scheduling strategy and try again.\", and likewise with a \
              maximumPercent of 100 or less, a classic load balancer, a constraint on zones, or a first placement \
              strategy other than spread over zones: it starts a task in the other zone before it stops one.",
        source: "Amazon ECS Developer Guide, Balancing a service across Availability Zones; aws/aws-cdk#32259",
        check: Check::Each("Service", impossible_rebalancing),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  availabilityZoneRebalancing: ENABLED
  placementStrategy: [{type: binpack, field: memory}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  availabilityZoneRebalancing: ENABLED
  placementStrategy:
    - {type: spread, field: 'attribute:ecs.availability-zone'}
    - {type: binpack, field: memory}
",
    },
    Rule {
        id: "SVC-17",
        severity: Note,
        title: "whether tasks move between zones is left to AWS",
        why: "The hosts of the cluster are in several zones, and AWS turns rebalancing on for a new service that says \
              nothing: it stops tasks in one zone and starts them in another when they become uneven, also between an \
              Outpost and its Region. A service from before that feature has it off.",
        source: "Amazon ECS API, CreateService, availabilityZoneRebalancing",
        check: Check::All(silent_rebalancing),
        bad: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Subnet
metadata: {name: a}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.0.1.0/24, availabilityZone: eu-central-1a}
---
kind: Subnet
metadata: {name: b}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.0.2.0/24, availabilityZone: eu-central-1b}
---
kind: Instance
metadata: {name: front}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.a}
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: Instance
metadata: {name: back}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.b}
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: Service
metadata: {name: till}
spec: {cluster: '${Cluster.shop}', taskDefinition: 'till:7', launchType: EC2, desiredCount: 2}
",
        good: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Subnet
metadata: {name: a}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.0.1.0/24, availabilityZone: eu-central-1a}
---
kind: Subnet
metadata: {name: b}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.0.2.0/24, availabilityZone: eu-central-1b}
---
kind: Instance
metadata: {name: front}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.a}
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: Instance
metadata: {name: back}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.b}
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  availabilityZoneRebalancing: DISABLED
",
    },
    Rule {
        id: "SVC-18",
        severity: Warning,
        title: "a grace period for health checks where there are none",
        why: "healthCheckGracePeriodSeconds counts for load balancers, VPC Lattice and health checks of containers. \
              The service has none of them, so nothing is waited for.",
        source: "Amazon ECS API, CreateService, healthCheckGracePeriodSeconds",
        check: Check::Each("Service", grace_period),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  healthCheckGracePeriodSeconds: 60
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      healthCheck: {command: [CMD-SHELL, curl -f http://localhost/]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  healthCheckGracePeriodSeconds: 60
",
    },
    Rule {
        id: "SVC-19",
        severity: Error,
        title: "a volume for tasks that the task definition does not have",
        why: "AWS refuses it: volumeConfigurations says what volumes are that the task definition has with \
              configuredAtLaunch, by their names.",
        source: "Amazon ECS API, ServiceVolumeConfiguration.name",
        check: Check::All(volumes),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  volumeConfigurations:
    - name: data
      managedEBSVolume: {sizeInGiB: 10, roleArn: 'arn:aws:iam::123456789012:role/volumes'}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      mountPoints: [{sourceVolume: data, containerPath: /data}]
  volumes: [{name: data, configuredAtLaunch: true}]
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  volumeConfigurations:
    - name: data
      managedEBSVolume: {sizeInGiB: 10, roleArn: 'arn:aws:iam::123456789012:role/volumes'}
",
    },
    Rule {
        id: "SVC-20",
        severity: Warning,
        title: "a revision by number of a task definition that is declared here",
        why: "Each change of the declared definition registers a new revision. What names one by its number stays with \
              it, and the change never runs.",
        source: "Amazon ECS API, CreateService and RunTask, taskDefinition",
        check: Check::All(pinned_revision),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: shop, taskDefinition: 'till:3', launchType: EC2, desiredCount: 2}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: shop, taskDefinition: '${TaskDefinition.till}', launchType: EC2, desiredCount: 2}
",
    },
    Rule {
        id: "SVC-27",
        severity: Error,
        title: "a DAEMON service on capacity providers",
        why: "AWS refuses it: \"Specifying a capacity provider strategy is not supported when you create a service \
              using the DAEMON scheduling strategy.\" The cluster's default strategy counts, too, when the service \
              names no launch type.",
        source: "aws/containers-roadmap#692",
        check: Check::Each("Service", daemon_providers),
        bad: "
kind: Service
metadata: {name: logs}
spec:
  cluster: shop
  taskDefinition: logs:7
  schedulingStrategy: DAEMON
  capacityProviderStrategy: [{capacityProvider: racks, weight: 1}]
",
        good: "
kind: Service
metadata: {name: logs}
spec: {cluster: shop, taskDefinition: 'logs:7', schedulingStrategy: DAEMON, launchType: EC2}
",
    },
];

fn launch_type_twice(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let (launch_type, strategy) = (runner.get("launchType"), runner.get("capacityProviderStrategy"));
        if launch_type.is_given() && strategy.says_something() {
            hits.add(launch_type, "AWS takes a launch type or capacity providers, not both")
                .beside(strategy, "the capacity providers")
                .help("keep capacityProviderStrategy, or keep launchType");
        }
    }
}

fn daemon(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if !is_daemon(service) {
        return;
    }
    let count = service.get("desiredCount");
    if count.is_given() {
        hits.add(count, "a DAEMON service runs one task on every instance; AWS refuses a count")
            .help("take desiredCount out, or use schedulingStrategy: REPLICA");
    }
    let strategy = service.get("placementStrategy");
    if strategy.says_something() {
        hits.add(strategy, "a DAEMON service runs on every instance, so that there is nothing to place")
            .help("take placementStrategy out, or use schedulingStrategy: REPLICA");
    }
    let most = service.at("deploymentConfiguration.maximumPercent");
    if let Some(percent) = most.number().filter(|percent| *percent > 100) {
        let message = format!("maximumPercent {percent} would be more than one task on an instance; DAEMON takes 100");
        hits.add(most, message)
            .help("take maximumPercent out: a DAEMON service stops a task before it starts the next");
    }
}

fn daemon_controller(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let controller = controller(service);
    if is_daemon(service) && ["CODE_DEPLOY", "EXTERNAL"].contains(&controller) {
        hits.add(
            service.get("schedulingStrategy"),
            format!("controller {controller} takes scheduling strategy REPLICA only"),
        )
        .beside(service.at("deploymentController.type"), "the controller");
    }
}

/// Why a service cannot rebalance, and the member that says so.
fn no_rebalancing(service: Node<'_>) -> Option<(Node<'_>, &'static str)> {
    let most = service.at("deploymentConfiguration.maximumPercent");
    let first = service.get("placementStrategy").items().next();
    if is_daemon(service) {
        return Some((service.get("schedulingStrategy"), "a DAEMON service"));
    }
    if most.number().is_some_and(|percent| percent <= 100) {
        return Some((most, "a maximumPercent of 100 or less"));
    }
    if let Some(balancer) = service.get("loadBalancers").items().find(|one| one.get("loadBalancerName").is_given()) {
        return Some((balancer, "a classic load balancer"));
    }
    let on_zones = |constraint: &Node<'_>| {
        constraint.get("expression").written().is_some_and(|text| text.contains("ecs.availability-zone"))
    };
    if let Some(constraint) = constraints_of(service).find(on_zones) {
        return Some((constraint, "a constraint on zones"));
    }
    let is_open = |item: &Node<'_>| item.get("field").is_given() && item.get("field").text().is_none();
    let spreads =
        |item: &Node<'_>| item.get("type").is("spread") && item.get("field").is("attribute:ecs.availability-zone");
    let other = first.filter(|item| !is_open(item) && !spreads(item))?;
    Some((other, "a first placement strategy other than spread over attribute:ecs.availability-zone"))
}

fn impossible_rebalancing(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let member = service.get("availabilityZoneRebalancing");
    // What concerns external hosts is EXT-18.
    if !member.is("ENABLED") || launch_type(service, declared) == Some("EXTERNAL") {
        return;
    }
    if let Some((because, what)) = no_rebalancing(service) {
        hits.add(member, format!("AWS does not rebalance {what}")).beside(because, "because of this");
        hits.help("take availabilityZoneRebalancing out, or what stands against it");
    }
}

fn silent_rebalancing(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    for service in declared.of("Service") {
        let is_concerned = !service.get("availabilityZoneRebalancing").is_given()
            && launch_type(service, declared) == Some("EC2")
            && controller(service) == "ECS"
            && no_rebalancing(service).is_none();
        let Some(cluster) =
            cluster_name(service.get("cluster"), declared).filter(|name| is_concerned && hosts.cluster(name).is_some())
        else {
            continue;
        };
        let zones = hosts.zones(&cluster);
        if zones.len() > 1 {
            let message =
                format!("AWS may move tasks between {}, since nothing says whether it should", zones.join(", "));
            hits.add(service, message).help("write availabilityZoneRebalancing: ENABLED or DISABLED");
        }
    }
}

fn grace_period(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let period = service.get("healthCheckGracePeriodSeconds");
    let Some(seconds) = period.number().filter(|seconds| *seconds > 0) else { return };
    let has_balancer = ["loadBalancers", "vpcLatticeConfigurations", "gatewayConnectors"]
        .into_iter()
        .any(|member| service.get(member).says_something());
    let Some(definition) = definition(service, declared).filter(|_| !has_balancer) else { return };
    if !containers(definition).any(|container| container.get("healthCheck").is_given()) {
        hits.add(period, format!("{seconds} seconds of grace for health checks, and nothing checks the health"))
            .help("take it out, or give the main container a healthCheck")
            .fix_by_removing(service, "healthCheckGracePeriodSeconds");
    }
}

fn volumes(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let Some(definition) = definition(runner, declared) else { continue };
        let volumes = definition.get("volumes");
        let at_launch: Vec<&str> = volumes
            .items()
            .filter(|volume| volume.get("configuredAtLaunch").is_true())
            .filter_map(|volume| volume.get("name").written())
            .collect();
        for name in runner.get("volumeConfigurations").items().map(|volume| volume.get("name")) {
            let Some(text) = name.text().filter(|text| !at_launch.contains(text)) else { continue };
            let near = closest(text, at_launch.iter().copied());
            let help = near.map_or_else(
                || format!("add {{name: {text}, configuredAtLaunch: true}} to its volumes"),
                |near| format!("did you mean `{near}`?"),
            );
            hits.add(name, format!("{} has no volume `{text}` with configuredAtLaunch", definition.address()))
                .beside(volumes, "its volumes")
                .help(help);
        }
    }
}

fn pinned_revision(declared: &Declared<'_>, hits: &mut Hits) {
    let families: std::collections::BTreeMap<&str, Node<'_>> = declared
        .of("TaskDefinition")
        .map(|definition| (definition.get("family").text().unwrap_or(&definition.address().name), definition))
        .collect();
    for runner in all_runners(declared) {
        let member = runner.get("taskDefinition");
        let Some(text) = member.text().filter(|text| whole(text).is_none()) else { continue };
        let name = text.split_once(":task-definition/").map_or(text, |(_, name)| name);
        let Some((family, revision)) = name.split_once(':') else { continue };
        if let Some(definition) = families.get(family).filter(|_| revision.parse::<u32>().is_ok()) {
            hits.add(member, format!("revision {revision} stays what it is when {} changes", definition.address()))
                .beside(*definition, "declared here")
                .help(format!("write ${{TaskDefinition.{}}}", definition.address().name));
        }
    }
}

fn daemon_providers(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_daemon(service) {
        return;
    }
    let own = service.get("capacityProviderStrategy");
    if own.says_something() {
        hits.add(own, "a DAEMON service takes no capacity providers")
            .help("use launchType: EC2, or EXTERNAL, in place of capacityProviderStrategy");
        return;
    }
    let default = declared.target(service.get("cluster")).map(|cluster| cluster.get("defaultCapacityProviderStrategy"));
    if let Some(default) = default.filter(|default| default.says_something() && !service.get("launchType").is_given()) {
        hits.add(
            service.get("schedulingStrategy"),
            "a DAEMON service takes no capacity providers, also not the cluster's default ones",
        )
        .beside(default, "the cluster's default")
        .help("write launchType: EC2, or EXTERNAL");
    }
}
