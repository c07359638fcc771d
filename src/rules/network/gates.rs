//! SG-04, SG-06 and SG-07: what the security groups of hosts let through, beside what runs there.

use super::groups::{DIRECTIONS, atoms, covers};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Warning;
use crate::kinds::security_group::rule::Rule as GroupRule;
use crate::rules::hosts::{Clusters, outpost_of, setting, subnet_of};
use crate::rules::workload::{containers, definition, network};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "SG-04",
        severity: Warning,
        title: "a port that is published on hosts of an Outpost and let in by no rule",
        why: "In the network modes bridge and host a task has the security groups of its host. A port that no rule of \
              theirs is for reaches nobody outside of the host, whatever the building's network does.",
        source: "AWS documentation, Amazon ECS on AWS Outposts; Amazon ECS API, PortMapping.hostPort",
        check: Check::All(published),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 22, cidrIp: 10.0.3.0/24}
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
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{containerPort: 80, hostPort: 8080}]
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 22, cidrIp: 10.0.3.0/24}
    - {ipProtocol: tcp, fromPort: 8080, cidrIp: 10.0.3.0/24}
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
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{containerPort: 80, hostPort: 8080}]
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  deploymentConfiguration: {minimumHealthyPercent: 0, maximumPercent: 100}
",
    },
    Rule {
        id: "SG-06",
        severity: Warning,
        title: "ports that Docker chooses behind a load balancer, and hosts let none in",
        why: "Without hostPort Docker takes a port from 32768 up (49153 in old versions), another one for each task. The \
              load balancer reaches it only where the host's security groups let it in; else its targets stay unhealthy \
              and ECS replaces the tasks for ever.",
        source: "Amazon ECS API, PortMapping.hostPort",
        check: Check::All(dynamic),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 80, sourceSecurityGroupId: sg-0123456789abcdef0}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{containerPort: 80}]
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 32768, toPort: 65535, sourceSecurityGroupId: sg-0123456789abcdef0}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      portMappings: [{containerPort: 80}]
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
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
        id: "SG-07",
        severity: Warning,
        title: "a host that may not talk to ECS",
        why: "The agent registers, and pulls images, over HTTPS. A group whose egress is there and does not let port 443 \
              out keeps the instance from ever joining its cluster. An egress that is not written is AWS's default: \
              everything.",
        source: "Amazon EC2 API, CreateSecurityGroup; Amazon ECS Developer Guide, Amazon ECS container agent",
        check: Check::All(closed),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  egress: []
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  egress:
    - {ipProtocol: tcp, fromPort: 443, cidrIp: 0.0.0.0/0}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: ['${SecurityGroup.hosts}']
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
];

/// The ports that Docker chooses from.
const CHOSEN: (i32, i32) = (32_768, 65_535);

/// The security groups of a host, when all of them are declared and there is one.
fn groups<'a>(host: Node<'_>, declared: &Declared<'a>) -> Option<Vec<Node<'a>>> {
    let groups: Vec<Node<'a>> =
        host.get("securityGroupIds").items().map(|one| declared.target(one)).collect::<Option<_>>()?;
    Some(groups).filter(|groups| !groups.is_empty())
}

/// All rules of a direction over some groups; None while one of them is not known in full.
fn rules_of(groups: &[Node<'_>], direction: usize) -> Option<Vec<GroupRule>> {
    let of = DIRECTIONS[direction];
    let is_read = |group: &Node<'_>| group.get(of.1).items().all(|rule| super::groups::read(rule).is_some());
    groups.iter().all(is_read).then(|| groups.iter().flat_map(|group| atoms(*group, of)).collect())
}

fn lets_in(rules: &[GroupRule], protocol: &str, port: i32) -> bool {
    rules.iter().any(|rule| {
        let of = rule.ip_protocol.canonical();
        of == "-1" || (of == protocol && covers(rule, port))
    })
}

/// The ports that a task has on its host by its definition, with their protocols.
fn fixed_ports<'a>(task: Node<'a>) -> Vec<(i32, &'a str, Node<'a>)> {
    let member = match network(task) {
        Some("host") => "containerPort",
        Some("bridge") => "hostPort",
        _ => return Vec::new(),
    };
    let mappings = containers(task).flat_map(|container| container.get("portMappings").items());
    let ports = mappings.filter_map(|mapping| {
        let port = i32::try_from(mapping.get(member).number()?).ok().filter(|port| *port != 0)?;
        let protocol = mapping.get("protocol");
        Some((port, if protocol.is_given() { protocol.text()? } else { "tcp" }, mapping))
    });
    ports.collect()
}

fn published(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_use() {
        let is_outpost = |host: &&Node<'_>| subnet_of(**host, declared).is_some_and(|one| outpost_of(one).is_some());
        let gates: Vec<(Node<'_>, Vec<GroupRule>)> = hosts
            .iter()
            .filter(is_outpost)
            .filter_map(|host| Some((*host, rules_of(&groups(*host, declared)?, 0)?)))
            .collect();
        for runner in runners {
            let Some(task) = definition(*runner, declared) else { continue };
            for (port, protocol, mapping) in fixed_ports(task) {
                let Some((host, _)) = gates.iter().find(|(_, rules)| !lets_in(rules, protocol, port)) else { continue };
                hits.add(mapping, format!("no security group of {} lets {protocol} port {port} in", host.address()))
                    .help("add a rule of ingress for it, with the addresses of the Outpost or of the building")
                    .beside(host.get("securityGroupIds"), "its groups");
            }
        }
    }
}

fn dynamic(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = Clusters::new(declared);
    for (hosts, runners) in clusters.in_use() {
        let reaches = |rule: &GroupRule| {
            let ports = rule.from_port.zip(rule.to_port);
            let of = rule.ip_protocol.canonical();
            of == "-1" || (of == "tcp" && ports.is_some_and(|(from, to)| from <= CHOSEN.1 && CHOSEN.0 <= to))
        };
        let is_shut = |host: &&Node<'_>| {
            let rules = groups(**host, declared).and_then(|groups| rules_of(&groups, 0));
            rules.is_some_and(|rules| !rules.iter().any(reaches))
        };
        let Some(host) = hosts.iter().find(is_shut) else { continue };
        for runner in runners {
            let Some(task) = definition(*runner, declared).filter(|task| network(*task) == Some("bridge")) else {
                continue;
            };
            for balancer in runner.get("loadBalancers").items() {
                let container = containers(task).find(|one| {
                    let name = one.get("name").written();
                    name.is_some() && name == balancer.get("containerName").written()
                });
                let mapping = container.and_then(|one| {
                    let port = balancer.get("containerPort").number();
                    one.get("portMappings").items().find(|mapping| mapping.get("containerPort").number() == port)
                });
                let Some(mapping) = mapping.filter(|one| matches!(one.get("hostPort").number(), None | Some(0))) else {
                    continue;
                };
                if mapping.get("hostPort").is_given() && mapping.get("hostPort").number().is_none() {
                    continue;
                }
                let message = format!(
                    "Docker chooses the port of each task, and no security group of {} lets any from {} up in",
                    host.address(),
                    CHOSEN.0
                );
                hits.add(balancer, message)
                    .help(format!(
                        "add a rule of ingress from the load balancer's group for ports {} to {}",
                        CHOSEN.0, CHOSEN.1
                    ))
                    .beside(mapping, "no hostPort")
                    .beside(host.get("securityGroupIds"), "the groups of the host");
            }
        }
    }
}

fn closed(declared: &Declared<'_>, hits: &mut Hits) {
    // Behind a proxy it is the proxy's port.
    let has_proxy =
        |host: &Node<'_>| ["HTTP_PROXY", "HTTPS_PROXY"].into_iter().any(|name| setting(*host, name).is_given());
    for host in declared.of("Instance").filter(|host| !has_proxy(host)) {
        let Some(groups) =
            groups(host, declared).filter(|groups| groups.iter().all(|one| one.get("egress").is_given()))
        else {
            continue;
        };
        if rules_of(&groups, 1).is_some_and(|rules| !lets_in(&rules, "tcp", 443)) {
            let names: Vec<String> = groups.iter().map(|group| group.address().to_string()).collect();
            hits.add(host.get("securityGroupIds"), format!("{} lets nothing out on port 443", names.join(", ")))
                .help("add a rule of egress for tcp port 443, to 0.0.0.0/0 or to the VPC's endpoints");
            for group in groups {
                hits.beside(group.get("egress"), "what may go out");
            }
        }
    }
}
