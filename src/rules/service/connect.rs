//! SVC: the names under which services find each other.

use crate::diagnostic::Severity::Error;
use crate::manifest::suggest::{closest, list};
use crate::rules::workload::{containers, definition, network};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "SVC-25",
        severity: Error,
        title: "Service Connect that AWS refuses",
        why: "It offers ports by the names that the task definition gives them (\"portName(X) does not refer to any named \
              PortMapping in the container definitions\"), under one alias each (\"2 clientAliases exceeds the max limit \
              of 1\"), in a namespace of the service or its cluster (\"Namespace is missing\"). An alias is a DNS name in \
              lower case of at most 127 characters. The proxy needs a network of the task's own: awsvpc or bridge.",
        source: "Amazon ECS API, ServiceConnectConfiguration and ServiceConnectService",
        check: Check::Each("Service", connect),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{name: http, containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  serviceConnectConfiguration:
    enabled: true
    namespace: shop
    services: [{portName: web, clientAliases: [{port: 80, dnsName: till}]}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{name: http, containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  serviceConnectConfiguration:
    enabled: true
    namespace: shop
    services: [{portName: http, clientAliases: [{port: 80, dnsName: till}]}]
",
    },
    Rule {
        id: "SVC-29",
        severity: Error,
        title: "a port that the task definition does not name",
        why: "VPC Lattice target groups and gateways lead to a port by the name that its port mapping has. AWS refuses a \
              name that no port mapping has.",
        source: "Amazon ECS API, VpcLatticeConfiguration.portName and GatewayConnector.portName",
        check: Check::Each("Service", named_ports),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{name: http, containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  vpcLatticeConfigurations:
    - roleArn: arn:aws:iam::123456789012:role/lattice
      targetGroupArn: arn:aws:vpc-lattice:eu-central-1:123456789012:targetgroup/tg-0123456789abcdef0
      portName: htttp
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{name: http, containerPort: 80}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  vpcLatticeConfigurations:
    - roleArn: arn:aws:iam::123456789012:role/lattice
      targetGroupArn: arn:aws:vpc-lattice:eu-central-1:123456789012:targetgroup/tg-0123456789abcdef0
      portName: http
",
    },
];

/// Characters of an alias.
const LONGEST_ALIAS: usize = 127;

fn connect(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let configuration = service.get("serviceConnectConfiguration");
    if !configuration.get("enabled").is_true() {
        return;
    }
    let services = configuration.get("services");
    for one in services.items() {
        port_name(one.get("portName"), service, declared, hits);
        let aliases = one.get("clientAliases");
        let count = aliases.items().len();
        if count > 1 {
            hits.add(aliases, format!("{count} clientAliases; AWS takes 1 for each port"))
                .help("keep one alias, or name the port twice in the task definition");
        }
        for name in aliases.items().map(|alias| alias.get("dnsName")) {
            let Some(text) = name.text() else { continue };
            let is_fit =
                |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-.".contains(letter);
            let is_name =
                (1..=LONGEST_ALIAS).contains(&text.len()) && text.chars().all(is_fit) && !text.starts_with('-');
            if !is_name {
                hits.add(name, format!("`{text}` cannot be the name of an alias"))
                    .help(format!("1 to {LONGEST_ALIAS} lower-case letters, digits, _ - and ., no - at the beginning"));
            }
        }
    }
    let cluster = declared.target(service.get("cluster")).map(|cluster| cluster.get("serviceConnectDefaults"));
    if let Some(defaults) =
        cluster.filter(|defaults| !defaults.is_given() && !configuration.get("namespace").is_given())
    {
        hits.add(configuration, "neither the service nor its cluster has a namespace for Service Connect")
            .beside(defaults.whole(), "the cluster has no serviceConnectDefaults")
            .help("add namespace here, or serviceConnectDefaults to the cluster");
    }
    let Some(definition) = definition(service, declared) else { return };
    if let Some(mode @ ("host" | "none")) = network(definition) {
        hits.add(configuration, format!("Service Connect does not work with network mode {mode}"))
            .beside(definition.get("networkMode"), "the network mode")
            .help("use networkMode awsvpc or bridge");
    }
}

fn named_ports(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    for member in ["vpcLatticeConfigurations", "gatewayConnectors"] {
        for one in service.get(member).items() {
            port_name(one.get("portName"), service, declared, hits);
        }
    }
}

/// Tells of a port that no mapping of the service's declared definition is named after.
fn port_name(node: Node<'_>, service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let (Some(text), Some(definition)) = (node.text(), definition(service, declared)) else { return };
    let mappings = containers(definition).flat_map(|container| container.get("portMappings").items());
    let names: Vec<Node<'_>> = mappings.map(|mapping| mapping.get("name")).filter(|name| name.is_given()).collect();
    // A name that is not known yet may be this one.
    if names.iter().any(|name| name.is(text) || name.text().is_none()) {
        return;
    }
    let known: Vec<&str> = names.iter().filter_map(|name| name.text()).collect();
    let help = match closest(text, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("add `name: {text}` to the port mapping"),
        None => format!("write {}", list(known)),
    };
    hits.add(node, format!("no port mapping of {} is named `{text}`", definition.address()))
        .beside(definition.get("containerDefinitions"), "its containers")
        .help(help);
}
