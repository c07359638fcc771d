//! Who may take on the roles of hosts and tasks.

use serde_json::{Value, json};

use super::super::permissions::{Statement, each, instance_role, lacks, of_service, role, trust, trusts};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Note, Warning};
use crate::kinds::is_open;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "IAM-03",
        severity: Error,
        title: "the role of an instance profile does not trust EC2",
        why: "An instance gets credentials of the role only when the trust policy lets in ec2.amazonaws.com. Without them \
              the agent cannot register.",
        source: "Amazon ECS Developer Guide, Amazon ECS container instance IAM role",
        check: Check::Each("InstanceProfile", profile),
        bad: "
kind: InstanceProfile
metadata: {name: host}
spec: {role: '${Role.host}'}
---
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}
",
        good: "
kind: InstanceProfile
metadata: {name: host}
spec: {role: '${Role.host}'}
---
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
",
    },
    Rule {
        id: "IAM-04",
        severity: Error,
        title: "a container instance whose role lets no agent register",
        why: "The agent registers the instance, polls for tasks and reports their states with the role of the instance \
              profile. The managed policy AmazonEC2ContainerServiceforEC2Role allows all of it.",
        source: "Amazon ECS Developer Guide, Amazon ECS container instance IAM role",
        check: Check::Each("Role", agent),
        bad: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore']
---
kind: InstanceProfile
metadata: {name: host}
spec: {role: '${Role.host}'}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: [sg-0123456789abcdef0]
  iamInstanceProfile: ${InstanceProfile.host}
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
",
        good: concat!(
            shop!(),
            "
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
"
        ),
    },
    Rule {
        id: "IAM-07",
        severity: Error,
        title: "the role of a task does not trust tasks of this account",
        why: "Task roles and execution roles are taken on by ecs-tasks.amazonaws.com; with a trust policy that does not \
              let it in, no task starts. A condition on aws:SourceAccount or aws:SourceArn keeps ECS from being used by \
              other accounts as a deputy; without one this is a warning.",
        source: "Amazon ECS Developer Guide, Amazon ECS task IAM role",
        check: Check::Each("Role", tasks),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: ${Role.till}
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64}]
---
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: ${Role.till}
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64}]
---
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      Effect: Allow
      Principal: {Service: ecs-tasks.amazonaws.com}
      Action: sts:AssumeRole
      Condition:
        StringEquals: {'aws:SourceAccount': '123456789012'}
        ArnLike: {'aws:SourceArn': 'arn:aws:ecs:eu-central-1:123456789012:*'}
",
    },
    Rule {
        id: "IAM-08",
        severity: Error,
        title: "a condition on the source that can never hold",
        why: "What ECS and Systems Manager do for this stack comes from its account and its Region. A condition on \
              aws:SourceAccount or aws:SourceArn that names others lets nobody in.",
        source: "Amazon ECS Developer Guide, Amazon ECS task IAM role",
        check: Check::Each("Role", source),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: ${Role.till}
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64}]
---
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      Effect: Allow
      Principal: {Service: ecs-tasks.amazonaws.com}
      Action: sts:AssumeRole
      Condition:
        ArnLike: {'aws:SourceArn': 'arn:aws:ecs:us-east-1:123456789012:*'}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  taskRoleArn: ${Role.till}
  containerDefinitions: [{name: app, image: 'nginx:1.29', memory: 64}]
---
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      Effect: Allow
      Principal: {Service: ecs-tasks.amazonaws.com}
      Action: sts:AssumeRole
      Condition:
        ArnLike: {'aws:SourceArn': 'arn:aws:ecs:eu-central-1:123456789012:*'}
",
    },
    Rule {
        id: "IAM-16",
        severity: Error,
        title: "a trust policy names a service that there is not",
        why: "IAM refuses a trust policy with a service that it does not know: \"Invalid principal in policy\".",
        source: "IAM User Guide, AWS service principals",
        check: Check::Each("Role", services),
        bad: "
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-task.amazonaws.com}, Action: sts:AssumeRole}
",
        good: "
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
",
    },
    Rule {
        id: "IAM-17",
        severity: Warning,
        title: "a managed policy for somebody whom the role does not trust",
        why: "AWS takes it. The policy is made for hosts, for tasks or for ECS itself, and the trust policy lets in \
              somebody else, so that one of the two is a slip.",
        source: "AWS Managed Policy Reference Guide",
        check: Check::Each("Role", made_for),
        bad: "
kind: Role
metadata: {name: pull}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy']
",
        good: "
kind: Role
metadata: {name: pull}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy']
",
    },
];

fn profile(profile: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let named = profile.get("role");
    let Some(role) = role(named, declared) else { return };
    if trusts(role, "ec2") == Some(false) {
        hits.add(named, format!("{} does not trust ec2.amazonaws.com", role.address()))
            .help("let ec2.amazonaws.com in, in Principal.Service of its assumeRolePolicyDocument")
            .beside(role.get("assumeRolePolicyDocument"), "whom it trusts");
    }
}

/// Without these no agent works.
const AGENT: &[&str] = &[
    "ecs:RegisterContainerInstance",
    "ecs:DiscoverPollEndpoint",
    "ecs:Poll",
    "ecs:SubmitTaskStateChange",
    "ecs:SubmitContainerStateChange",
];

fn agent(role: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let is_container_instance = |instance: &Node<'_>| {
        instance.at("ecsConfig.ECS_CLUSTER").is_given()
            || instance.get("userData").written().is_some_and(|script| script.contains("ECS_CLUSTER="))
    };
    let profiles = declared.users(role, "InstanceProfile");
    let instance = profiles.flat_map(|profile| declared.users(profile, "Instance").collect::<Vec<_>>()).find(|one| {
        is_container_instance(one) && instance_role(*one, declared).is_some_and(|its| its.address() == role.address())
    });
    let Some(instance) = instance else { return };
    let missing = lacks(role, AGENT);
    if missing.is_empty() {
        return;
    }
    let partition = crate::aws::partition(&declared.stack.region);
    let policy = format!("arn:{partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role");
    let attached = role.get("managedPolicyArns");
    hits.add(attached, format!("the agent of {} may not {}", instance.address(), missing.join(", ")))
        .help(format!("add {policy} to managedPolicyArns"))
        .beside(instance.get("iamInstanceProfile"), "the instance has the role from here");
    if !attached.is_given() {
        hits.fix(role, "managedPolicyArns", json!([policy]));
    }
}

/// Where tasks get a role.
fn of_tasks<'a>(role: Node<'a>, declared: &Declared<'a>) -> Option<Node<'a>> {
    let members = [
        ("TaskDefinition", "taskRoleArn"),
        ("TaskDefinition", "executionRoleArn"),
        ("Task", "overrides.taskRoleArn"),
        ("Task", "overrides.executionRoleArn"),
    ];
    members.into_iter().find_map(|(kind, member)| {
        let mut places = declared.users(role, kind).map(|user| user.at(member));
        places.find(|place| declared.target(*place).is_some_and(|target| target.address() == role.address()))
    })
}

fn tasks(role: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(place) = of_tasks(role, declared) else { return };
    let policy = role.get("assumeRolePolicyDocument");
    match trusts(role, "ecs-tasks") {
        None => {}
        Some(false) => {
            hits.add(policy, "tasks get the role, and it does not trust ecs-tasks.amazonaws.com")
                .help("let ecs-tasks.amazonaws.com in, in Principal.Service")
                .beside(place, "tasks get it from here");
        }
        Some(true) => {
            for Statement { place: at, value } in trust(role).statements() {
                let is_meant = each(&value["Principal"]["Service"])
                    .iter()
                    .any(|name| name.as_str().and_then(of_service) == Some("ecs-tasks"));
                if !is_meant || value["Effect"] != "Allow" || !sources(&value).is_empty() {
                    continue;
                }
                let (account, region) = (&declared.stack.account, &declared.stack.region);
                let arn = format!("arn:{}:ecs:{region}:{account}:*", crate::aws::partition(region));
                hits.add_as(Note, at, "any account's tasks can have the role from ECS: no condition names the account");
                // A stack that could not be read has no account to name.
                if account.is_empty() {
                    continue;
                }
                hits.help(format!("add Condition: {{StringEquals: {{aws:SourceAccount: \"{account}\"}}}}"));
                let is_alone = each(&value["Principal"]["Service"]).len() == 1 && value["Condition"].is_null();
                if is_alone && at.get("Effect").is_given() {
                    let condition = json!({
                        "StringEquals": {"aws:SourceAccount": account},
                        "ArnLike": {"aws:SourceArn": arn},
                    });
                    hits.fix(at, "Condition", condition);
                }
            }
        }
    }
}

/// A condition on where a call comes from: the operator, the key in lower case, the values.
fn sources(statement: &Value) -> Vec<(&str, String, &[Value])> {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    let keys = operators.flat_map(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(move |(key, values)| (operator.as_str(), key.to_ascii_lowercase(), each(values)))
    });
    keys.filter(|(_, key, _)| key == "aws:sourceaccount" || key == "aws:sourcearn").collect()
}

fn source(role: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let (account, region) = (declared.stack.account.as_str(), declared.stack.region.as_str());
    let is_of_tasks = of_tasks(role, declared).is_some();
    let is_of_hosts = declared.users(role, "Activation").next().is_some();
    if account.is_empty() {
        return;
    }
    for Statement { place, value } in trust(role).statements() {
        let names = each(&value["Principal"]["Service"]);
        let is_only = |wanted: &str| {
            !names.is_empty() && names.iter().all(|name| name.as_str().and_then(of_service) == Some(wanted))
        };
        let service = match (is_only("ecs-tasks") && is_of_tasks, is_only("ssm") && is_of_hosts) {
            (true, _) => "ecs",
            (_, true) => "ssm",
            _ => continue,
        };
        for (operator, key, values) in sources(&value) {
            let is_positive = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"]
                .iter()
                .any(|known| operator.starts_with(known) || operator.ends_with(known));
            let texts: Option<Vec<&str>> =
                values.iter().map(|value| value.as_str().filter(|text| !is_open(text))).collect();
            let Some(texts) = texts.filter(|texts| is_positive && !texts.is_empty()) else { continue };
            let may_hold = |text: &&str| match key.as_str() {
                "aws:sourceaccount" => fits(text, account),
                _ => arn_fits(text, service, region, account),
            };
            if texts.iter().any(may_hold) {
                continue;
            }
            let at = place.get("Condition").get(operator);
            let wanted = match key.as_str() {
                "aws:sourceaccount" => account.to_owned(),
                _ => format!("arn:{}:{service}:{region}:{account}:*", crate::aws::partition(region)),
            };
            hits.add(at, format!("{} is never where this stack's calls come from", texts.join(", ")))
                .help(format!("write {wanted}"));
        }
    }
}

/// Whether a part of an ARN can be what a pattern says; patterns within a part are taken as they can.
fn fits(pattern: &str, part: &str) -> bool {
    pattern == part || pattern.contains(['*', '?'])
}

fn arn_fits(pattern: &str, service: &str, region: &str, account: &str) -> bool {
    let parts: Vec<&str> = pattern.split(':').collect();
    match parts[..] {
        ["arn", _, of, in_region, in_account, ..] => {
            fits(of, service) && fits(in_region, region) && fits(in_account, account)
        }
        // `*`, or `arn:aws:ecs:*`: an early `*` is the rest as well.
        _ => pattern.contains('*'),
    }
}

fn services(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for Statement { place, value } in trust(role).statements() {
        let names = each(&value["Principal"]["Service"]);
        let at = place.get("Principal").get("Service");
        for name in names.iter().filter_map(Value::as_str).filter(|name| !is_open(name) && *name != "*") {
            match of_service(name) {
                None => {
                    hits.add(at, format!("`{name}` is not the name of a service"))
                        .help("names of services end in .amazonaws.com, as ecs-tasks.amazonaws.com");
                }
                Some("ecs-task" | "ecstasks" | "ecs-tasks-role" | "ecstask") => {
                    hits.add(at, format!("there is no service `{name}`")).help("did you mean ecs-tasks.amazonaws.com?");
                    if at.text().is_some() {
                        hits.fix(place.get("Principal"), "Service", "ecs-tasks.amazonaws.com");
                    }
                }
                Some(_) => {}
            }
        }
    }
}

/// Managed policies that serve only roles which one of these services may take on.
const MADE_FOR: &[(&str, &[&str])] = &[
    ("AmazonEC2ContainerServiceforEC2Role", &["ec2", "ssm"]),
    ("AmazonECSTaskExecutionRolePolicy", &["ecs-tasks"]),
    ("AmazonECSInfrastructureRolePolicyForVolumes", &["ecs"]),
    ("AmazonSSMManagedInstanceCore", &["ec2", "ssm", "ecs-tasks"]),
];

fn made_for(role: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    // These are told already, of the trust policy itself.
    let is_told = declared.users(role, "InstanceProfile").next().is_some() && trusts(role, "ec2") == Some(false)
        || of_tasks(role, declared).is_some() && trusts(role, "ecs-tasks") == Some(false);
    if is_told {
        return;
    }
    for arn in role.get("managedPolicyArns").items() {
        let name = arn.text().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
        let Some((_, services)) = MADE_FOR.iter().find(|(policy, _)| *policy == name) else { continue };
        if services.iter().all(|service| trusts(role, service) == Some(false)) {
            let services: Vec<String> = services.iter().map(|name| format!("{name}.amazonaws.com")).collect();
            hits.add(arn, format!("this policy is for {}, which the role does not trust", services.join(" or ")))
                .help("check Principal in assumeRolePolicyDocument")
                .beside(role.get("assumeRolePolicyDocument"), "whom it trusts");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostic, Edit};
    use crate::rules::tests::findings;

    /// What is found of a task's role whose trust policy has this statement.
    fn trusted(statement: &str) -> Vec<Diagnostic> {
        findings(&format!(
            "kind: TaskDefinition\nmetadata: {{name: till}}\nspec:\n  taskRoleArn: ${{Role.till}}\n  containerDefinitions: \
             [{{name: app, image: 'nginx:1.29', memory: 64}}]\n---\nkind: Role\nmetadata: {{name: till}}\nspec:\n  \
             assumeRolePolicyDocument: {{Version: '2012-10-17', Statement: {statement}}}\n"
        ))
    }

    #[test]
    fn a_trust_without_a_source_can_be_mended_by_itself() {
        let found = trusted("{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: 'sts:AssumeRole'}");
        assert_eq!(found.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["IAM-07"]);
        assert_eq!(found[0].severity, Note);
        let fix = found[0].fix.as_ref().unwrap();
        assert_eq!(fix.pointer, "/spec/assumeRolePolicyDocument/Statement/Condition");
        let Edit::Set(condition) = &fix.edit else { panic!("{:?}", fix.edit) };
        assert_eq!(condition["StringEquals"]["aws:SourceAccount"], "123456789012");
        assert_eq!(condition["ArnLike"]["aws:SourceArn"], "arn:aws:ecs:eu-central-1:123456789012:*");
    }

    #[test]
    fn trust_that_is_not_known_is_not_doubted() {
        for statement in [
            "{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}",
            "{Effect: Allow, Principal: {Service: '*.amazonaws.com'}, NotAction: 'iam:*'}",
        ] {
            let found = trusted(statement);
            assert!(!found.iter().any(|one| one.code == "IAM-07" && one.severity == Error), "{statement}");
        }
    }

    #[test]
    fn sources_of_calls() {
        let fits = |pattern: &str| arn_fits(pattern, "ecs", "eu-central-1", "123456789012");
        for good in ["*", "arn:aws:ecs:*", "arn:aws:ecs:eu-central-1:123456789012:*", "arn:*:ecs:eu-*:*:task/*"] {
            assert!(fits(good), "{good}");
        }
        for bad in ["arn:aws:ecs:us-east-1:123456789012:*", "arn:aws:ssm:*:*:*", "arn:aws:ecs:*:210987654321:*", "x"] {
            assert!(!fits(bad), "{bad}");
        }
    }
}
