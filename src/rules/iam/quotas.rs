//! How much of everything IAM takes.

use super::super::permissions::{inline, trust};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "IAM-11",
        severity: Error,
        title: "more than IAM takes in a role",
        why: "Without white space, a trust policy has at most 2048 characters (4096 with a raised quota), the inline \
              policies of a role 10240 together; 10 managed policies are attached (20 with a raised quota), and a \
              description has 1000 characters. Between the quota and what it can be raised to this is a warning.",
        source: "IAM User Guide, IAM and AWS STS quotas",
        check: Check::Each("Role", sizes),
        bad: "
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns:
    - arn:aws:iam::123456789012:policy/p1
    - arn:aws:iam::123456789012:policy/p2
    - arn:aws:iam::123456789012:policy/p3
    - arn:aws:iam::123456789012:policy/p4
    - arn:aws:iam::123456789012:policy/p5
    - arn:aws:iam::123456789012:policy/p6
    - arn:aws:iam::123456789012:policy/p7
    - arn:aws:iam::123456789012:policy/p8
    - arn:aws:iam::123456789012:policy/p9
    - arn:aws:iam::123456789012:policy/p10
    - arn:aws:iam::123456789012:policy/p11
",
        good: "
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns:
    - arn:aws:iam::123456789012:policy/p1
    - arn:aws:iam::123456789012:policy/p2
",
    },
    Rule {
        id: "IAM-12",
        severity: Error,
        title: "an instance profile with more than one role",
        why: "An instance profile holds one role. The quota cannot be raised.",
        source: "IAM User Guide, IAM and AWS STS quotas",
        check: Check::Schema(&[("InstanceProfile", &["/role"])]),
        bad: "
kind: InstanceProfile
metadata: {name: host}
spec: {role: [till, host]}
",
        good: "
kind: InstanceProfile
metadata: {name: host}
spec: {role: host}
",
    },
    Rule {
        id: "IAM-14",
        severity: Error,
        title: "sessions of a role that are too short or too long",
        why: "CreateRole takes a maxSessionDuration of 3600 to 43200 seconds: one to twelve hours.",
        source: "AWS Identity and Access Management API, CreateRole.MaxSessionDuration",
        check: Check::Each("Role", sessions),
        bad: "
kind: Role
metadata: {name: till}
spec:
  maxSessionDuration: 60
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
",
        good: "
kind: Role
metadata: {name: till}
spec:
  maxSessionDuration: 3600
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
",
    },
];

/// What IAM takes, and what it takes at the very most.
struct Quota {
    usual: usize,
    most: usize,
}

const TRUST: Quota = Quota { usual: 2048, most: 4096 };
const INLINE: Quota = Quota { usual: 10_240, most: 10_240 };
const ATTACHED: Quota = Quota { usual: 10, most: 20 };
const DESCRIPTION: Quota = Quota { usual: 1000, most: 1000 };

fn sizes(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let attached = role.get("managedPolicyArns");
    let description = role.get("description");
    let letters = description.text().map_or(0, |text| text.chars().count());
    let inline_size = inline(role).iter().map(|(_, document)| document.size()).sum();
    let all = [
        (role.get("assumeRolePolicyDocument"), trust(role).size(), TRUST, "characters in the trust policy"),
        (role.get("inlinePolicies"), inline_size, INLINE, "characters in the inline policies together"),
        (attached, attached.items().len(), ATTACHED, "managed policies"),
        (description, letters, DESCRIPTION, "characters in the description"),
    ];
    for (place, size, Quota { usual, most }, what) in all {
        if size > most {
            hits.add(place, format!("{size} {what}; IAM takes {most} at the very most"));
        } else if size > usual {
            hits.add_as(Warning, place, format!("{size} {what}; without a raised quota IAM takes {usual}"));
        } else {
            continue;
        }
        if what.contains("polic") {
            hits.help("bring some together in a managed policy");
        }
    }
}

fn sessions(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let longest = role.get("maxSessionDuration");
    if let Some(seconds) = longest.number().filter(|seconds| !(3600..=43_200).contains(seconds)) {
        hits.add(longest, format!("{seconds} seconds; sessions last from 3600 to 43200")).help("write 3600 to 43200");
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    #[test]
    fn inline_policies_share_one_limit() {
        let resources: Vec<String> = (0..200).map(|n| format!("'arn:aws:s3:::bucket-number-{n:05}/*'")).collect();
        let document = format!(
            "{{Version: '2012-10-17', Statement: {{Effect: Allow, Action: 's3:GetObject', Resource: [{}]}}}}",
            resources.join(", ")
        );
        let codes = |policies: &str| {
            let text = format!(
                "kind: Role\nmetadata: {{name: till}}\nspec:\n  assumeRolePolicyDocument:\n    Version: '2012-10-17'\n    \
                 Statement: {{Effect: Allow, Principal: {{Service: ec2.amazonaws.com}}, Action: sts:AssumeRole}}\n  \
                 inlinePolicies: {policies}\n"
            );
            findings(&text).into_iter().map(|one| one.code.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(codes(&format!("{{a: {document}}}")), [""; 0]);
        assert_eq!(codes(&format!("{{a: {document}, b: {document}}}")), ["IAM-11"]);
    }
}
