//! LB, SD: load balancing and service discovery, as far as the service itself tells.

use super::workload::{containers, controller, definition, launch_type, network};
use super::{Check, Declared, Group, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;
use crate::manifest::suggest::{closest, list};

pub(super) static GROUP: Group = Group {
    title: "Load balancing and service discovery",
    rules: &[BALANCERS, REGISTRIES],
    left_out: &[
        ("LB-01", "no kind TargetGroup yet: its target type is not known"),
        ("LB-04", "no kinds TargetGroup and Listener yet"),
        ("LB-05", "no kind TargetGroup yet: its port for health checks is not known"),
        ("LB-08", "no kind TargetGroup yet: its VPC is not known"),
        ("LB-09", "no kind LoadBalancer yet"),
        ("LB-10", "no kind Listener yet"),
        ("LB-11", "no kind TargetGroup yet"),
        ("LB-12", "no kind LoadBalancer yet: its security groups are not known"),
        ("LB-14", "no kind TargetGroup yet: its protocol is not known"),
        ("LB-15", "no kind LoadBalancer yet"),
        ("SD-05", "no kind for namespaces of Cloud Map yet"),
        ("SD-06", "no kind for services of Cloud Map yet"),
        ("SD-07", "no kind for services of Cloud Map yet"),
        ("SD-08", "no kind for namespaces of Cloud Map yet"),
    ],
};

/// The most target groups of a service.
const MOST_GROUPS: usize = 5;

static BALANCERS: &[Rule] = &[
    Rule {
        id: "LB-02",
        severity: Error,
        title: "a load balancer for a container or port that the task definition does not have",
        why: "AWS refuses it: \"The container X does not exist in the task definition\", \"The container X did not have a \
              container port N defined\".",
        source: "Amazon ECS API, LoadBalancer.containerName and containerPort",
        check: Check::Each("Service", targets),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 8080
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
",
    },
    Rule {
        id: "LB-03",
        severity: Error,
        title: "a load balancer that is two, or none",
        why: "AWS refuses both names at once: \"loadBalancerName and targetGroupArn cannot both be specified\". A target group \
              belongs to an Application or Network Load Balancer, a name to a classic one.",
        source: "Amazon ECS API, LoadBalancer.loadBalancerName and targetGroupArn",
        check: Check::Each("Service", one_of_two),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  loadBalancers: [{containerName: app, containerPort: 80}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  loadBalancers: [{loadBalancerName: front, containerName: app, containerPort: 80}]
",
    },
    Rule {
        id: "LB-06",
        severity: Error,
        title: "more target groups than the service can have",
        why: "A service has 5 at most. More than one needs the controller ECS and the service-linked role, so that AWS refuses \
              another role.",
        source: "Amazon ECS Developer Guide, Registering multiple target groups with an Amazon ECS service",
        check: Check::Each("Service", many_groups),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  deploymentController: {type: CODE_DEPLOY}
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/in/0123456789abcdef
      containerName: app
      containerPort: 80
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/out/0123456789abcdef
      containerName: app
      containerPort: 8080
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/in/0123456789abcdef
      containerName: app
      containerPort: 80
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/out/0123456789abcdef
      containerName: app
      containerPort: 8080
",
    },
    Rule {
        id: "LB-07",
        severity: Error,
        title: "a classic load balancer for tasks with a network of their own",
        why: "A classic load balancer leads to instances and not to tasks, so that AWS refuses one for network mode awsvpc.",
        source: "Amazon ECS API, CreateService, loadBalancers",
        check: Check::Each("Service", classic),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
  loadBalancers: [{loadBalancerName: front, containerName: app, containerPort: 80}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  networkMode: awsvpc
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0]}}
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
",
    },
    Rule {
        id: "LB-13",
        severity: Error,
        title: "a role for load balancers where none is taken",
        why: "AWS refuses a role without a load balancer (\"IAM roles are only valid for services configured to use load \
              balancers\"), and with network mode awsvpc (\"You cannot specify an IAM role for services that require a service \
              linked role\").",
        source: "Amazon ECS API, CreateService, role",
        check: Check::Each("Service", role),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  role: arn:aws:iam::123456789012:role/balancing
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  role: arn:aws:iam::123456789012:role/balancing
  loadBalancers: [{loadBalancerName: front, containerName: app, containerPort: 80}]
",
    },
];

static REGISTRIES: &[Rule] = &[
    Rule {
        id: "SD-01",
        severity: Error,
        title: "service discovery for tasks without a network",
        why: "With network mode none a task has no address, and nothing to register; AWS refuses it.",
        source: "Amazon ECS Developer Guide, Use service discovery to connect Amazon ECS services with DNS names",
        check: Check::Each("Service", no_network),
        bad: "
kind: TaskDefinition
metadata: {name: count}
spec:
  requiresCompatibilities: [EC2]
  networkMode: none
  containerDefinitions:
    - {name: app, image: 'busybox:1.37', memory: 64}
---
kind: Service
metadata: {name: count}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.count}
  launchType: EC2
  desiredCount: 1
  serviceRegistries:
    - registryArn: arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0123456789abcdef
",
        good: "
kind: TaskDefinition
metadata: {name: count}
spec:
  requiresCompatibilities: [EC2]
  networkMode: none
  containerDefinitions:
    - {name: app, image: 'busybox:1.37', memory: 64}
---
kind: Service
metadata: {name: count}
spec: {cluster: shop, taskDefinition: '${TaskDefinition.count}', launchType: EC2, desiredCount: 1}
",
    },
    Rule {
        id: "SD-02",
        severity: Error,
        title: "more than one service registry",
        why: "AWS takes one for each service.",
        source: "Amazon ECS API, CreateService, serviceRegistries",
        check: Check::Each("Service", several),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceRegistries:
    - {registryArn: 'arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0123456789abcdef'}
    - {registryArn: 'arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-fedcba9876543210'}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceRegistries:
    - {registryArn: 'arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0123456789abcdef'}
",
    },
    Rule {
        id: "SD-03",
        severity: Error,
        title: "a service registry that is not told the port",
        why: "With network mode bridge or host, service discovery makes SRV records, which name a port: AWS wants containerName \
              and containerPort of the task definition.",
        source: "Amazon ECS API, ServiceRegistry.containerName",
        check: Check::Each("Service", registry_port),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  serviceRegistries:
    - registryArn: arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0123456789abcdef
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  serviceRegistries:
    - registryArn: arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0123456789abcdef
      containerName: app
      containerPort: 80
",
    },
    Rule {
        id: "SD-04",
        severity: Error,
        title: "a service registry that is told the port twice",
        why: "With network mode awsvpc, AWS takes port, or containerName and containerPort, for SRV records, and not both. For A \
              records it takes neither: \"The values specified for serviceRegistries do not require a value for \
              'containerPort'. Remove the value and retry.\" Which records there are, Cloud Map knows.",
        source: "Amazon ECS API, ServiceRegistry.containerName and port",
        check: Check::Each("Service", port_twice),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceRegistries:
    - registryArn: arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0123456789abcdef
      port: 80
      containerName: app
      containerPort: 80
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceRegistries:
    - registryArn: arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-0123456789abcdef
      containerName: app
      containerPort: 80
",
    },
];

fn targets(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(definition) = definition(service, declared) else { return };
    // One of them may be called so.
    if containers(definition).any(|container| container.get("name").text().is_none()) {
        return;
    }
    for one in service.get("loadBalancers").items().chain(service.get("serviceRegistries").items()) {
        let (name, port) = (one.get("containerName"), one.get("containerPort"));
        let Some(text) = name.text() else { continue };
        let names: Vec<&str> = containers(definition).filter_map(|container| container.get("name").text()).collect();
        let Some(container) = containers(definition).find(|container| container.get("name").is(text)) else {
            let help = match closest(text, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {}", list(names.iter().copied())),
            };
            hits.add(name, format!("{} has no container `{text}`", definition.address()))
                .beside(definition.get("containerDefinitions"), "its containers")
                .help(help);
            continue;
        };
        let Some(number) = port.number() else { continue };
        let mappings = container.get("portMappings");
        // Ports of a range have no mapping of their own.
        let has_range = mappings.items().any(|mapping| mapping.get("containerPortRange").is_given());
        let ports: Vec<i64> = mappings.items().filter_map(|mapping| mapping.get("containerPort").number()).collect();
        if !has_range && !ports.contains(&number) {
            let ports: Vec<String> = ports.iter().map(i64::to_string).collect();
            hits.add(port, format!("the container `{text}` has no port mapping for port {number}"))
                .beside(mappings, "its port mappings")
                .help(match ports.is_empty() {
                    true => format!("add {{containerPort: {number}}} to its portMappings"),
                    false => format!("write {}", list(ports.iter().map(String::as_str))),
                });
        }
    }
}

fn one_of_two(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for one in service.get("loadBalancers").items() {
        let (group, name) = (one.get("targetGroupArn"), one.get("loadBalancerName"));
        match (group.is_given(), name.is_given()) {
            (true, true) => {
                hits.add(name, "a target group and a classic load balancer at once")
                    .beside(group, "the target group")
                    .help("keep targetGroupArn, or keep loadBalancerName");
            }
            (false, false) => {
                hits.add(one, "neither a target group nor a classic load balancer")
                    .help("add targetGroupArn, or loadBalancerName of a classic load balancer");
            }
            _ => {}
        }
    }
}

fn many_groups(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let balancers = service.get("loadBalancers");
    let count = balancers.items().filter(|one| one.get("targetGroupArn").is_given()).count();
    if count > MOST_GROUPS {
        hits.add(balancers, format!("{count} target groups; a service has {MOST_GROUPS} at most"));
        return;
    }
    let controller = controller(service);
    // With EXTERNAL there is none at all: SVC-15.
    if count > 1 && controller == "CODE_DEPLOY" {
        hits.add(balancers, format!("{count} target groups; controller {controller} takes one"))
            .beside(service.at("deploymentController.type"), "the controller")
            .help("name the one that the deployment group of CodeDeploy begins with");
    }
    let role = service.get("role");
    if count > 1 && role.is_given() {
        hits.add(role, format!("{count} target groups need the service-linked role, so that AWS takes no other"))
            .beside(balancers, "the target groups")
            .help("take role out");
    }
}

fn classic(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(definition) = definition(service, declared) else { return };
    // What concerns Fargate is FG-19.
    if network(definition) != Some("awsvpc") || launch_type(service, declared) == Some("FARGATE") {
        return;
    }
    for name in service.get("loadBalancers").items().map(|one| one.get("loadBalancerName")) {
        if name.is_given() {
            hits.add(name, "a classic load balancer leads to instances; these tasks have addresses of their own")
                .beside(definition.get("networkMode"), "the network mode")
                .help("use a target group of an Application or Network Load Balancer, with targets of type ip");
        }
    }
}

fn role(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let role = service.get("role");
    // What AWS itself names in its answers, the service-linked role, is a matter of IAM-15.
    if !role.is_given() || role.written().is_some_and(|arn| arn.contains("/aws-service-role/")) {
        return;
    }
    if !service.get("loadBalancers").says_something() {
        hits.add(role, "the role is for load balancers, and the service has none")
            .help("take role out, or add loadBalancers");
        return;
    }
    let Some(definition) = definition(service, declared) else { return };
    if network(definition) == Some("awsvpc") {
        hits.add(role, "with network mode awsvpc, AWS uses the service-linked role and takes no other")
            .beside(definition.get("networkMode"), "the network mode")
            .help("take role out");
    }
}

fn no_network(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let registries = service.get("serviceRegistries");
    let Some(definition) = definition(service, declared).filter(|_| registries.says_something()) else { return };
    if network(definition) == Some("none") {
        hits.add(registries, "tasks without a network have no address to register")
            .beside(definition.get("networkMode"), "the network mode")
            .help("take serviceRegistries out, or use another networkMode");
    }
}

fn several(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let registries = service.get("serviceRegistries");
    let count = registries.items().len();
    if count > 1 {
        hits.add(registries, format!("{count} service registries; a service has one")).help("keep one");
    }
}

fn registry_port(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(definition) = definition(service, declared) else { return };
    let Some(mode @ ("bridge" | "host" | "default")) = network(definition) else { return };
    // What concerns external instances is EXT-02.
    if launch_type(service, declared) == Some("EXTERNAL") {
        return;
    }
    for registry in service.get("serviceRegistries").items() {
        if !registry.get("containerName").is_given() || !registry.get("containerPort").is_given() {
            hits.add(registry, format!("with network mode {mode}, AWS wants containerName and containerPort"))
                .help("add containerName and containerPort, as the task definition has them");
        }
    }
}

fn port_twice(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for registry in service.get("serviceRegistries").items() {
        let port = registry.get("port");
        let container = ["containerName", "containerPort"].map(|member| registry.get(member));
        if port.is_given() && container.iter().any(|node| node.is_given()) {
            hits.add(port, "port beside containerName and containerPort")
                .help("keep port, or keep containerName and containerPort");
        }
    }
}
