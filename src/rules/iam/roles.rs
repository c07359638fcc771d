//! Roles and profiles themselves, and the role of a service.

use std::collections::BTreeSet;

use super::super::permissions::inline;
use super::super::workload::{definition, network};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "IAM-15",
        severity: Warning,
        title: "a role for load balancers where the service-linked one is used",
        why: "The role of a service is for its load balancers alone. Services with service discovery or with several \
              target groups always use the service-linked role, and naming that one says nothing.",
        source: "Amazon ECS API, CreateService.role",
        check: Check::Each("Service", role_of_service),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  availabilityZoneRebalancing: DISABLED
  role: arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
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
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  availabilityZoneRebalancing: DISABLED
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80}]}
---
kind: Cluster
metadata: {name: shop}
spec: {}
",
    },
    Rule {
        id: "IAM-18",
        severity: Error,
        title: "what should be the ARN of a policy is none",
        why: "AttachRolePolicy and the permissions boundary take ARNs of managed policies, also of AWS's own.",
        source: "AWS Identity and Access Management API, AttachRolePolicy.PolicyArn",
        check: Check::Each("Role", policy_arns),
        bad: "
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns: [AmazonEC2ContainerServiceforEC2Role]
",
        good: "
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role']
",
    },
    Rule {
        id: "IAM-19",
        severity: Warning,
        title: "an instance profile without a role",
        why: "AWS takes it, and instances get no credentials from it: their agents cannot register.",
        source: "AWS Identity and Access Management API, AddRoleToInstanceProfile",
        check: Check::Each("InstanceProfile", profile_has_role),
        bad: "
kind: InstanceProfile
metadata: {name: host}
spec: {path: /edge/}
",
        good: "
kind: InstanceProfile
metadata: {name: host}
spec: {path: /edge/, role: host}
",
    },
    Rule {
        id: "IAM-20",
        severity: Error,
        title: "a role below the path of service-linked roles",
        why: "Roles below /aws-service-role/ are made by their services, and CreateRole refuses the path.",
        source: "IAM User Guide, service-linked roles",
        check: Check::Each("Role", own_path),
        bad: "
kind: Role
metadata: {name: host}
spec:
  path: /aws-service-role/ecs.amazonaws.com/
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}
",
        good: "
kind: Role
metadata: {name: host}
spec:
  path: /edge/
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}
",
    },
    Rule {
        id: "IAM-21",
        severity: Error,
        title: "two inline policies of one name",
        why: "A role has its inline policies by name: the second would be written over the first.",
        source: "AWS Identity and Access Management API, PutRolePolicy.PolicyName",
        check: Check::Each("Role", unique_policies),
        bad: "
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}
  inlinePolicies:
    - policyName: read
      policyDocument:
        Version: '2012-10-17'
        Statement: {Effect: Allow, Action: s3:GetObject, Resource: 'arn:aws:s3:::till/*'}
    - policyName: read
      policyDocument:
        Version: '2012-10-17'
        Statement: {Effect: Allow, Action: s3:GetObject, Resource: 'arn:aws:s3:::stock/*'}
",
        good: "
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}
  inlinePolicies:
    - policyName: read
      policyDocument:
        Version: '2012-10-17'
        Statement: {Effect: Allow, Action: s3:GetObject, Resource: ['arn:aws:s3:::till/*', 'arn:aws:s3:::stock/*']}
",
    },
];

fn role_of_service(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let role = service.get("role");
    // Without a load balancer, and with awsvpc, AWS refuses it, and LB-13 says so.
    let is_awsvpc = definition(service, declared).and_then(network) == Some("awsvpc");
    if !role.is_given() || is_awsvpc || !service.get("loadBalancers").says_something() {
        return;
    }
    let is_linked = role.text().is_some_and(|role| {
        role.contains("aws-service-role/") || role.rsplit('/').next() == Some("AWSServiceRoleForECS")
    });
    let why = if is_linked {
        "this is the service-linked role, which is used when none is named"
    } else if service.get("serviceRegistries").says_something() {
        "with serviceRegistries the service-linked role is used"
    } else {
        return;
    };
    hits.add(role, why).help("take role out").fix_by_removing(service, "role");
}

fn policy_arns(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let boundary = role.get("permissionsBoundary");
    for arn in role.get("managedPolicyArns").items().chain(Some(boundary)) {
        let Some(text) = arn.text() else { continue };
        if !(text.starts_with("arn:") && text.contains(":iam::") && text.contains(":policy/")) {
            hits.add(arn, format!("`{text}` is not the ARN of a policy"))
                .help("as arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role");
        }
    }
}

fn profile_has_role(profile: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if !profile.get("role").is_given() {
        hits.add(profile, "instances get nothing from a profile without a role").help("add role: ${Role.NAME}");
    }
}

fn own_path(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let path = role.get("path");
    if path.written().is_some_and(|path| path.starts_with("/aws-service-role/")) {
        hits.add(path, "roles below /aws-service-role/ are made by their services").help("choose another path");
    }
}

fn unique_policies(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mut names = BTreeSet::new();
    for (name, document) in inline(role) {
        if !names.insert(name) {
            hits.add(document.place, format!("a second inline policy `{name}`")).help("give it a name of its own");
        }
    }
}
