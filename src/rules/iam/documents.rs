//! The grammar of policy documents.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::permissions::{Document, Statement, each, inline, trust};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::is_open;
use crate::kinds::policy::{STATEMENT_MEMBERS, Use};
use crate::manifest::suggest::closest;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "IAM-10",
        severity: Error,
        title: "a policy document that IAM does not take",
        why: "IAM refuses it with MalformedPolicyDocument: a document is JSON with Version and Statement; a statement has \
              Effect, Action, and Resource where it allows something, or Principal where it says who may take on a role. \
              Without Version it is a policy of 2008, in which variables are plain text; that is a warning.",
        source: "IAM User Guide, grammar of the IAM JSON policy language",
        check: Check::Each("Role", grammar),
        bad: "
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole, Resource: '*'}
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
        id: "IAM-13",
        severity: Warning,
        title: "a role that may do everything",
        why: "AWS takes it. Whoever gets into a container or a host with this role has the whole account.",
        source: "IAM User Guide, security best practices: grant least privilege",
        check: Check::Each("Role", everything),
        bad: "
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
  inlinePolicies:
    all:
      Version: '2012-10-17'
      Statement: {Effect: Allow, Action: '*', Resource: '*'}
",
        good: "
kind: Role
metadata: {name: till}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
  inlinePolicies:
    all:
      Version: '2012-10-17'
      Statement: {Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::till/*'}
",
    },
];

fn grammar(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    document(&trust(role), Use::Trust, hits);
    for (_, policy) in inline(role) {
        document(&policy, Use::Permissions, hits);
    }
}

fn document(policy: &Document<'_>, purpose: Use, hits: &mut Hits) {
    let place = policy.place;
    let Some(value) = &policy.value else {
        if place.is_given() {
            hits.add(place, "the policy document is not JSON").help("write it as YAML; no quoting is needed then");
        }
        return;
    };
    let Value::Object(members) = &**value else {
        hits.add(place, "a policy document is an object with Version and Statement");
        return;
    };
    unknown_members(members, &["Version", "Id", "Statement"], place, hits);
    match members.get("Version").map(Value::as_str) {
        Some(Some("2012-10-17" | "2008-10-17")) => {}
        Some(_) => {
            hits.add(place.get("Version"), "Version is 2012-10-17, or the old 2008-10-17");
        }
        None => {
            let message =
                "without Version this is a policy of 2008, in which variables such as aws:username are plain text";
            hits.add_as(Warning, place, message).help("add Version: \"2012-10-17\"");
        }
    }
    let statements = policy.statements();
    if statements.is_empty() {
        hits.add(place, "a policy document needs at least one Statement");
    }
    let mut names = BTreeSet::new();
    for one in &statements {
        let Value::Object(members) = &one.value else {
            hits.add(one.place, "a statement is an object");
            continue;
        };
        statement(one, members, purpose, hits);
        let name = members.get("Sid").and_then(Value::as_str).unwrap_or_default();
        if !is_open(name) && !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            hits.add(one.place.get("Sid"), format!("Sid `{name}` may hold letters and digits only"));
        }
        if !name.is_empty() && !names.insert(name) {
            hits.add(one.place.get("Sid"), format!("Sid `{name}` is there twice"));
        }
    }
}

fn statement(one: &Statement<'_>, members: &Map<String, Value>, purpose: Use, hits: &mut Hits) {
    let at = one.place;
    unknown_members(members, STATEMENT_MEMBERS, at, hits);
    match members.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(other) => {
            hits.add(at.get("Effect"), format!("Effect is Allow or Deny, not `{other}`"));
        }
        None => {
            hits.add(at, "a statement needs an Effect: Allow or Deny");
        }
    }
    let has = |name: &str| members.contains_key(name);
    if has("Action") == has("NotAction") {
        hits.add(at, "a statement has either Action or NotAction");
    }
    for name in ["Action", "NotAction"] {
        for action in each(&one.value[name]) {
            let action = action.as_str().unwrap_or_default();
            if !is_open(action) && action != "*" && !action.contains(':') {
                hits.add(at.get(name), format!("`{action}` is not an action"))
                    .help("actions are written service:Operation, as logs:PutLogEvents");
            }
        }
    }
    match purpose {
        Use::Trust => {
            if has("Principal") == has("NotPrincipal") {
                hits.add(at, "a trust policy says in Principal who may take on the role");
            }
            for name in ["Resource", "NotResource"].into_iter().filter(|name| has(name)) {
                hits.add(at.get(name), format!("a trust policy has no {name}: the role itself is meant"));
                if at.get(name).is_given() {
                    hits.fix_by_removing(at, name);
                }
            }
        }
        Use::Permissions => {
            for name in ["Principal", "NotPrincipal"].into_iter().filter(|name| has(name)) {
                hits.add(at.get(name), format!("a policy of a role has no {name}: the role itself is meant"));
            }
            if has("Resource") == has("NotResource") {
                hits.add(at, "a statement has either Resource or NotResource");
            }
        }
    }
}

fn unknown_members(members: &Map<String, Value>, known: &[&str], at: Node<'_>, hits: &mut Hits) {
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        hits.add(at.get(name), format!("a policy has no member `{name}` here"));
        if let Some(near) = closest(name, known.iter().copied()) {
            hits.help(format!("did you mean {near}?"));
        }
    }
}

fn everything(role: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for (_, policy) in inline(role) {
        for Statement { place, value } in policy.statements() {
            let is_all = |member: &str| each(&value[member]).iter().any(|item| item == "*");
            if value["Effect"] == "Allow" && is_all("Action") && is_all("Resource") && value["Condition"].is_null() {
                hits.add(place, "this allows everything on everything")
                    .help("name the actions that are needed, and what they are needed on");
            }
        }
    }
    for arn in role.get("managedPolicyArns").items() {
        if arn.text().is_some_and(|arn| arn.ends_with(":iam::aws:policy/AdministratorAccess")) {
            hits.add(arn, "AdministratorAccess allows everything on everything")
                .help("attach policies for what is needed");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    /// What is found in a role with this trust policy and this inline policy, as YAML.
    fn found(trust: &str, policy: &str) -> Vec<String> {
        let text = format!(
            "kind: Role\nmetadata: {{name: till}}\nspec:\n  assumeRolePolicyDocument: {trust}\n  inlinePolicies: {{a: {policy}}}\n"
        );
        let codes = findings(&text).into_iter();
        codes.map(|one| format!("{} {}", one.code, one.message.split_once(": ").unwrap().1)).collect()
    }

    const TRUST: &str = "{Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, \
        Action: sts:AssumeRole}]}";

    fn allow(statement: &str) -> String {
        format!("{{Version: '2012-10-17', Statement: [{statement}]}}")
    }

    #[test]
    fn sound_policies_have_no_findings() {
        let logs = "{Sid: Logs, Effect: Allow, Action: ['logs:PutLogEvents'], Resource: '*'}";
        assert_eq!(found(TRUST, &allow(logs)), [""; 0]);
        let text =
            r#"'{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}}'"#;
        assert_eq!(found(TRUST, text), [""; 0]);
    }

    #[test]
    fn what_iam_refuses() {
        let cases = [
            ("'{not json'", vec!["the policy document is not JSON"]),
            ("'[]'", vec!["a policy document is an object with Version and Statement"]),
            (
                "{Version: '2012-10-18', Statement: []}",
                vec!["Version is 2012-10-17, or the old 2008-10-17", "a policy document needs at least one Statement"],
            ),
            (
                "{Version: '2012-10-17', Statement: {effect: Allow, Action: GetObject, Resource: '*', Sid: a-b}}",
                vec![
                    "a policy has no member `effect` here",
                    "a statement needs an Effect: Allow or Deny",
                    "`GetObject` is not an action",
                    "Sid `a-b` may hold letters and digits only",
                ],
            ),
            (
                "{Version: '2012-10-17', Statement: {Effect: Allow, Action: 's3:GetObject', Principal: '*'}}",
                vec![
                    "a policy of a role has no Principal: the role itself is meant",
                    "a statement has either Resource or NotResource",
                ],
            ),
        ];
        for (policy, expected) in cases {
            let mut found = found(TRUST, policy);
            let mut expected: Vec<String> = expected.into_iter().map(|message| format!("IAM-10 {message}")).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{policy}");
        }
    }
}
