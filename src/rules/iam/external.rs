//! The role that hosts of ECS Anywhere get from their activation.

use super::super::permissions::{Statement, each, lacks, of_service, role, trust, trusts};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};

pub(super) static RULES: &[Rule] = &[Rule {
    id: "IAM-05",
    severity: Error,
    title: "a role with which no external host can register",
    why: "Hosts of ECS Anywhere get their role from Systems Manager: ssm.amazonaws.com must be let in, and the role needs \
          what AmazonSSMManagedInstanceCore and AmazonEC2ContainerServiceforEC2Role allow. A service-linked role cannot be \
          given. A trust policy without a condition on aws:SourceAccount or aws:SourceArn is a warning.",
    source: "Amazon ECS Developer Guide, Amazon ECS Anywhere IAM role; AWS Systems Manager API, CreateActivation.IamRole",
    check: Check::Each("Activation", hosts),
    bad: "
kind: Activation
metadata: {name: stores}
spec: {iamRole: '${Role.anywhere.name}', code: {parameter: /ecs-anywhere/stores/code}}
---
kind: Role
metadata: {name: anywhere}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      Effect: Allow
      Principal: {Service: ssm.amazonaws.com}
      Action: sts:AssumeRole
      Condition: {StringEquals: {'aws:SourceAccount': '123456789012'}}
  managedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']
",
    good: "
kind: Activation
metadata: {name: stores}
spec: {iamRole: '${Role.anywhere.name}', code: {parameter: /ecs-anywhere/stores/code}}
---
kind: Role
metadata: {name: anywhere}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      Effect: Allow
      Principal: {Service: ssm.amazonaws.com}
      Action: sts:AssumeRole
      Condition: {StringEquals: {'aws:SourceAccount': '123456789012'}}
  managedPolicyArns:
    - arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
    - arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role
",
}];

/// What the agents of Systems Manager and of ECS cannot do without, by the policy that allows it.
const AGENTS: &[(&str, &[&str])] = &[
    (
        "AmazonSSMManagedInstanceCore",
        &["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel"],
    ),
    (
        "service-role/AmazonEC2ContainerServiceforEC2Role",
        &[
            "ecs:RegisterContainerInstance",
            "ecs:DiscoverPollEndpoint",
            "ecs:Poll",
            "ecs:SubmitTaskStateChange",
            "ecs:SubmitContainerStateChange",
        ],
    ),
];

fn hosts(activation: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let named = activation.get("iamRole");
    let is_linked = |text: &str| text.contains("aws-service-role") || text.starts_with("AWSServiceRoleFor");
    if named.text().is_some_and(is_linked) {
        hits.add(named, "a service-linked role cannot be given to hosts").help("declare a Role and name it here");
    }
    let Some(role) = role(named, declared) else { return };
    let policy = role.get("assumeRolePolicyDocument");
    match trusts(role, "ssm") {
        None => {}
        Some(false) => {
            hits.add(named, format!("{} does not trust ssm.amazonaws.com", role.address()))
                .help("let ssm.amazonaws.com in, in Principal.Service of its assumeRolePolicyDocument")
                .beside(policy, "whom it trusts");
        }
        Some(true) => {
            let (account, region) = (&declared.stack.account, &declared.stack.region);
            for Statement { place, value } in trust(role).statements() {
                let services = each(&value["Principal"]["Service"]);
                let is_meant = services.iter().any(|name| name.as_str().and_then(of_service) == Some("ssm"));
                let condition = value["Condition"].to_string().to_ascii_lowercase();
                if is_meant && value["Effect"] == "Allow" && !condition.contains("\"aws:source") {
                    let message =
                        "any account's hosts can have the role from Systems Manager: no condition names the account";
                    hits.add_as(Warning, place, message);
                    // A stack that could not be read has no account to name.
                    if !account.is_empty() {
                        hits.help(format!(
                            "add Condition: {{StringEquals: {{aws:SourceAccount: \"{account}\"}}, ArnEquals: \
                             {{aws:SourceArn: arn:{}:ssm:{region}:{account}:*}}}}",
                            crate::aws::partition(region)
                        ));
                    }
                }
            }
        }
    }
    for (policy, actions) in AGENTS {
        let missing = lacks(role, actions);
        if !missing.is_empty() {
            let arn = format!("arn:{}:iam::aws:policy/{policy}", crate::aws::partition(&declared.stack.region));
            hits.add(named, format!("hosts with {} may not {}", role.address(), missing.join(", ")))
                .help(format!("add {arn} to the role's managedPolicyArns"))
                .beside(role, "the role");
        }
    }
}
