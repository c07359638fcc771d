//! EXT: what tasks on external instances cannot have.

use crate::diagnostic::Severity::{Error, Note, Warning};
use crate::rules::workload::{
    all_runners, containers, definition, is_daemon, is_for, is_windows, launch_type, network,
};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EXT-01",
        severity: Error,
        title: "a load balancer for tasks on external instances",
        why: "Elastic Load Balancing does not reach hosts outside AWS, and AWS refuses the service. Tasks there are for work \
              that goes out or processes data; what has to come in needs a way of your own.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::Each("Service", balancers),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EXTERNAL
  desiredCount: 1
  loadBalancers: [{loadBalancerName: front, containerName: app, containerPort: 80}]
",
        good: "
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: 'till:7', launchType: EXTERNAL, desiredCount: 1}
",
    },
    Rule {
        id: "EXT-02",
        severity: Error,
        title: "service discovery for tasks on external instances",
        why: "Cloud Map, Service Connect and VPC Lattice need addresses in a VPC, and AWS refuses them for launch type \
              EXTERNAL.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::Each("Service", discovery),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EXTERNAL
  desiredCount: 1
  serviceConnectConfiguration: {enabled: true, namespace: stores}
",
        good: "
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: 'till:7', launchType: EXTERNAL, desiredCount: 1}
",
    },
    Rule {
        id: "EXT-03",
        severity: Error,
        title: "a network mode that external instances do not have",
        why: "awsvpc gives each task a network interface of a VPC, which a host outside AWS cannot have. Linux tasks there use \
              bridge, host or none; Windows tasks leave networkMode out. On Windows, bridge is a warning, because AWS's samples have it.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::Each("TaskDefinition", own_interface),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  networkMode: bridge
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "EXT-04",
        severity: Error,
        title: "capacity providers for tasks on external instances",
        why: "No capacity provider reaches hosts outside AWS. A service or task for them names launchType EXTERNAL; otherwise its \
              own strategy, or the default one of its cluster, puts it elsewhere.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::All(providers),
        bad: "
kind: Cluster
metadata: {name: stores}
spec:
  capacityProviders: [racks]
  defaultCapacityProviderStrategy: [{capacityProvider: racks, weight: 1}]
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
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
spec:
  capacityProviders: [racks]
  defaultCapacityProviderStrategy: [{capacityProvider: racks, weight: 1}]
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
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
        id: "EXT-05",
        severity: Error,
        title: "volumes of AWS on external instances",
        why: "Volumes from EFS, S3 Files and EBS are mounted inside AWS, which does not support them for launch type EXTERNAL.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::Each("TaskDefinition", file_systems),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      mountPoints: [{sourceVolume: data, containerPath: /data}]
  volumes:
    - {name: data, efsVolumeConfiguration: {fileSystemId: fs-0123456789abcdef0}}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      mountPoints: [{sourceVolume: data, containerPath: /data}]
  volumes:
    - {name: data}
",
    },
    Rule {
        id: "EXT-06",
        severity: Error,
        title: "an App Mesh proxy on external instances",
        why: "AWS does not support App Mesh for launch type EXTERNAL, and the proxy needs network mode awsvpc, which external \
              instances do not have either.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::Each("TaskDefinition", proxy),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  networkMode: awsvpc
  taskRoleArn: arn:aws:iam::123456789012:role/mesh
  proxyConfiguration:
    containerName: envoy
    properties:
      - {name: IgnoredUID, value: '1337'}
      - {name: AppPorts, value: '80'}
      - {name: ProxyIngressPort, value: '15000'}
      - {name: ProxyEgressPort, value: '15001'}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: envoy, image: 'envoyproxy/envoy:v1.36.2', memory: 64, user: '1337'}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  networkMode: bridge
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: envoy, image: 'envoyproxy/envoy:v1.36.2', memory: 64, user: '1337'}
",
    },
    Rule {
        id: "EXT-12",
        severity: Note,
        title: "ports of tasks on external instances that callers cannot find",
        why: "Nothing of AWS leads callers to a task outside AWS. A port that the host chooses is another one after each start, \
              and several tasks with one port are at as many addresses: callers need a way of their own to find them.",
        source: "Amazon ECS Developer Guide, Amazon ECS clusters for external instances",
        check: Check::Each("Service", published),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EXTERNAL, desiredCount: 1}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
---
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EXTERNAL, desiredCount: 1}
",
    },
    Rule {
        id: "EXT-18",
        severity: Error,
        title: "rebalancing over zones on external instances",
        why: "Hosts outside AWS are in no Availability Zone, and AWS refuses to rebalance tasks on them.",
        source: "Amazon ECS Developer Guide, Balancing an Amazon ECS service across Availability Zones; aws/aws-cdk#32259",
        check: Check::Each("Service", rebalancing),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EXTERNAL
  desiredCount: 1
  availabilityZoneRebalancing: ENABLED
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EXTERNAL
  desiredCount: 1
  availabilityZoneRebalancing: DISABLED
",
    },
    Rule {
        id: "EXT-20",
        severity: Error,
        title: "a network configuration on external instances",
        why: "Subnets, security groups and public addresses are for tasks with network mode awsvpc, which external instances do \
              not have. AWS refuses it: \"Network Configuration is not valid for the given networkMode of this task definition.\" \
              Where the task definition is declared, NET-02 says so.",
        source: "Amazon ECS API, CreateService and RunTask, networkConfiguration",
        check: Check::All(network_configuration),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  launchType: EXTERNAL
  desiredCount: 1
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
",
        good: "
kind: Service
metadata: {name: till}
spec: {cluster: stores, taskDefinition: 'till:7', launchType: EXTERNAL, desiredCount: 1}
",
    },
];

fn is_external(runner: Node<'_>, declared: &Declared<'_>) -> bool {
    launch_type(runner, declared) == Some("EXTERNAL")
}

fn balancers(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let balancers = service.get("loadBalancers");
    if balancers.says_something() && is_external(service, declared) {
        hits.add(balancers, "launch type EXTERNAL takes no load balancers").help("take loadBalancers out");
    }
}

fn discovery(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if !is_external(service, declared) {
        return;
    }
    for member in ["serviceRegistries", "vpcLatticeConfigurations", "gatewayConnectors"] {
        let node = service.get(member);
        if node.says_something() {
            hits.add(node, format!("launch type EXTERNAL takes no {member}")).help(format!("take {member} out"));
        }
    }
    let connect = service.get("serviceConnectConfiguration");
    if connect.get("enabled").is_true() {
        hits.add(connect, "launch type EXTERNAL takes no Service Connect").help("take serviceConnectConfiguration out");
    }
}

fn own_interface(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let mode = definition.get("networkMode");
    let Some(text) = mode.text().filter(|_| is_for(definition, "EXTERNAL", declared)) else { return };
    // With a proxy, EXT-06 says it.
    if text == "awsvpc" && !definition.get("proxyConfiguration").is_given() {
        let modes = if is_windows(definition) { "leave networkMode out" } else { "write bridge, host or none" };
        hits.add(mode, "external instances do not have network mode awsvpc").help(modes);
    } else if is_windows(definition) && ["host", "none"].contains(&text) {
        hits.add(mode, format!("Windows tasks on external instances do not have network mode {text}"))
            .help("leave networkMode out");
    } else if is_windows(definition) && text == "bridge" {
        let message = "Windows tasks on external instances have Docker's own network, which on Windows is not bridge";
        hits.add_as(Warning, mode, message).help("leave networkMode out");
    }
}

fn providers(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared).filter(|runner| !runner.get("launchType").is_given()) {
        let Some(definition) = definition(runner, declared) else { continue };
        let list = definition.get("requiresCompatibilities");
        if !list.says_something() || !list.items().all(|item| item.is("EXTERNAL")) {
            continue;
        }
        let own = runner.get("capacityProviderStrategy");
        let cluster = declared.target(runner.get("cluster"));
        let default = cluster.map(|cluster| cluster.get("defaultCapacityProviderStrategy"));
        let message = format!("{} is for external instances, which no capacity provider reaches", definition.address());
        if own.says_something() {
            hits.add(own, message).beside(list, "what it is for");
        } else if let Some(default) = default.filter(|default| default.says_something()) {
            hits.add(runner, format!("{message}, and the cluster's default is one"))
                .beside(default, "the cluster's default")
                .beside(list, "what it is for");
        } else {
            continue;
        }
        hits.help("write launchType: EXTERNAL, and no capacityProviderStrategy");
    }
}

fn file_systems(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    for volume in definition.get("volumes").items() {
        for (member, what) in [
            ("efsVolumeConfiguration", "EFS"),
            ("s3filesVolumeConfiguration", "S3 Files"),
            ("configuredAtLaunch", "EBS"),
        ] {
            let node = volume.get(member);
            if node.is_given() && node.flag() != Some(false) && is_for(definition, "EXTERNAL", declared) {
                hits.add(node, format!("external instances do not mount volumes from {what}"))
                    .help("keep the data on the host, or in a volume that Docker has a driver for");
            }
        }
    }
}

fn proxy(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let proxy = definition.get("proxyConfiguration");
    if proxy.is_given() && is_for(definition, "EXTERNAL", declared) {
        hits.add(proxy, "external instances have no App Mesh")
            .help("take proxyConfiguration out, and use networkMode bridge, host or none");
    }
}

fn published(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(definition) = definition(service, declared).filter(|_| is_external(service, declared)) else { return };
    let Some(mode @ ("bridge" | "host" | "default")) = network(definition) else { return };
    let count = service.get("desiredCount").number().unwrap_or(1);
    let mappings = containers(definition).flat_map(|container| container.get("portMappings").items());
    for mapping in mappings {
        let Some(port) = mapping.get("containerPort").number() else { continue };
        let fixed =
            if mode == "host" { Some(port) } else { mapping.get("hostPort").number().filter(|port| *port != 0) };
        let message = match fixed {
            None => format!(
                "port {port} of the container gets another port of the host with each start, and nothing tells which"
            ),
            Some(port) if count > 1 && !is_daemon(service) => {
                format!("port {port} opens on {count} hosts, and nothing spreads requests over them")
            }
            Some(_) => continue,
        };
        hits.add(service, message).beside(mapping, "the port");
        hits.help(match fixed {
            None => "give it a hostPort, if somebody calls it from outside",
            Some(_) => "callers need a list of the hosts, or a proxy in front of them",
        });
        return;
    }
}

fn rebalancing(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let member = service.get("availabilityZoneRebalancing");
    if member.is("ENABLED") && is_external(service, declared) {
        hits.add(member, "external instances are in no Availability Zone").help("write DISABLED, or take it out").fix(
            service,
            "availabilityZoneRebalancing",
            "DISABLED",
        );
    }
}

fn network_configuration(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared).filter(|runner| is_external(*runner, declared)) {
        let node = runner.get("networkConfiguration");
        if node.says_something() && definition(runner, declared).is_none() {
            hits.add(node, "launch type EXTERNAL takes no networkConfiguration").help("take networkConfiguration out");
        }
    }
}
