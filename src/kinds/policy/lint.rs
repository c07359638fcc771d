//! What IAM refuses in a policy document, said before it is asked.

use serde_json::{Map, Value};

use super::{PolicyDocument, STATEMENT_MEMBERS, Use, as_list};
use crate::kinds::{Findings, is_open};
use crate::manifest::suggest::closest;

impl PolicyDocument {
    /// How many characters IAM counts: all but white space.
    pub fn size(&self) -> usize {
        self.text().chars().filter(|letter| !letter.is_whitespace()).count()
    }

    /// The services that a trust policy lets in.
    pub fn services(&self) -> Vec<String> {
        let Some(document) = self.parsed() else { return Vec::new() };
        let statements = as_list(document["Statement"].clone());
        let allowed = statements.iter().filter(|statement| statement["Effect"] == "Allow");
        let names = allowed.flat_map(|statement| as_list(statement["Principal"]["Service"].clone()));
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// Checks the grammar. `pointer` is where the document stands.
    pub fn lint(&self, purpose: Use, pointer: &str, findings: &mut Findings) {
        let Some(document) = self.parsed() else {
            findings.error(pointer, "policy-json", "the policy document is not JSON");
            findings.help("write it as YAML; no quoting is needed then");
            return;
        };
        let Value::Object(document) = document else {
            findings.error(pointer, "policy-json", "a policy document is an object with Version and Statement");
            return;
        };
        // Places inside of JSON text are not places in the manifest.
        let below = |rest: &str| if self.0.is_string() { pointer.to_owned() } else { format!("{pointer}{rest}") };
        unknown_members(&document, &["Version", "Id", "Statement"], &below(""), findings);
        match document.get("Version").map(Value::as_str) {
            Some(Some("2012-10-17" | "2008-10-17")) => {}
            Some(_) => {
                findings.error(below("/Version"), "policy-version", "Version is 2012-10-17, or the old 2008-10-17");
            }
            None => {
                findings.warning(
                    pointer,
                    "policy-version",
                    "without Version this is a policy of 2008, in which variables such as aws:username are plain text",
                );
                findings.help("add Version: \"2012-10-17\"");
            }
        }
        let statements = document.get("Statement").cloned().map(as_list).unwrap_or_default();
        if statements.is_empty() {
            findings.error(pointer, "policy-statement", "a policy document needs at least one Statement");
        }
        let is_list = document.get("Statement").is_some_and(Value::is_array);
        let mut sids: Vec<String> = Vec::new();
        for (index, statement) in statements.iter().enumerate() {
            let at = below(&if is_list { format!("/Statement/{index}") } else { "/Statement".to_owned() });
            let Value::Object(statement) = statement else {
                findings.error(at, "policy-statement", "a statement is an object");
                continue;
            };
            lint_statement(statement, purpose, &at, findings);
            let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default().to_owned();
            if !is_open(&sid) && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                findings.error(&at, "policy-sid", format!("Sid `{sid}` may hold letters and digits only"));
            }
            if !sid.is_empty() && sids.contains(&sid) {
                findings.error(&at, "policy-sid", format!("Sid `{sid}` is there twice"));
            }
            sids.push(sid);
        }
    }
}

fn lint_statement(statement: &Map<String, Value>, purpose: Use, at: &str, findings: &mut Findings) {
    unknown_members(statement, STATEMENT_MEMBERS, at, findings);
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(other) => findings.error(at, "policy-effect", format!("Effect is Allow or Deny, not `{other}`")),
        None => findings.error(at, "policy-effect", "a statement needs an Effect: Allow or Deny"),
    }
    let has = |name: &str| statement.contains_key(name);
    if has("Action") == has("NotAction") {
        findings.error(at, "policy-action", "a statement has either Action or NotAction");
    }
    for name in ["Action", "NotAction"].into_iter().filter(|name| has(name)) {
        for action in as_list(statement[name].clone()) {
            let action = action.as_str().unwrap_or_default();
            if !is_open(action) && action != "*" && !action.contains(':') {
                findings.error(at, "policy-action", format!("`{action}` is not an action"));
                findings.help("actions are written service:Operation, as logs:PutLogEvents");
            }
        }
    }
    match purpose {
        Use::Trust => {
            if has("Principal") == has("NotPrincipal") {
                findings.error(at, "policy-principal", "a trust policy says in Principal who may take on the role");
            }
            if has("Resource") || has("NotResource") {
                findings.error(at, "policy-resource", "a trust policy has no Resource: the role itself is meant");
            }
            lint_services(statement, at, findings);
        }
        Use::Permissions => {
            if has("Principal") || has("NotPrincipal") {
                findings.error(at, "policy-principal", "a policy of a role has no Principal: the role itself is meant");
            }
            if has("Resource") == has("NotResource") {
                findings.error(at, "policy-resource", "a statement has either Resource or NotResource");
            }
            let everything = |name: &str| {
                statement.get(name).cloned().map(as_list).is_some_and(|list| list.iter().any(|item| item == "*"))
            };
            if everything("Action") && everything("Resource") && statement.get("Effect").is_some_and(|e| e == "Allow") {
                findings.warning(at, "policy-all", "this allows everything on everything");
            }
        }
    }
}

/// Services that roles of the edge trust.
const SERVICES: &[&str] = &[
    "ec2.amazonaws.com",
    "ecs.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "events.amazonaws.com",
    "scheduler.amazonaws.com",
    "ssm.amazonaws.com",
];

fn lint_services(statement: &Map<String, Value>, at: &str, findings: &mut Findings) {
    let services = statement.get("Principal").map(|principal| as_list(principal["Service"].clone()));
    for service in services.unwrap_or_default() {
        let Some(service) = service.as_str().filter(|name| !is_open(name) && !SERVICES.contains(name)) else {
            continue;
        };
        let is_service =
            service == "*" || service.ends_with(".amazonaws.com") || service.ends_with(".amazonaws.com.cn");
        if !is_service {
            findings.error(at, "policy-service", format!("`{service}` is not the name of a service"));
            findings.help("names of services end in .amazonaws.com, as ecs-tasks.amazonaws.com");
        } else if service == "ecs-task.amazonaws.com" || service == "ecstasks.amazonaws.com" {
            findings.error(at, "policy-service", format!("there is no service `{service}`"));
            findings.help("did you mean ecs-tasks.amazonaws.com?");
        }
    }
}

fn unknown_members(members: &Map<String, Value>, known: &[&str], at: &str, findings: &mut Findings) {
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        findings.error(at, "policy-member", format!("a policy has no member `{name}` here"));
        if let Some(near) = closest(name, known.iter().copied()) {
            findings.help(format!("did you mean {near}?"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(document: Value, purpose: Use) -> Vec<&'static str> {
        let mut findings = Findings::default();
        PolicyDocument(document).lint(purpose, "/document", &mut findings);
        findings.0.into_iter().map(|finding| finding.code).collect()
    }

    fn policy(statement: Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    #[test]
    fn sound_policies_have_no_findings() {
        let trust =
            json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
        assert!(codes(policy(trust), Use::Trust).is_empty());
        let logs = json!({"Sid": "Logs", "Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "*"});
        assert!(codes(policy(logs), Use::Permissions).is_empty());
    }

    #[test]
    fn each_use_has_its_grammar() {
        let trust = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"});
        assert_eq!(codes(policy(trust), Use::Trust), ["policy-principal", "policy-resource"]);
        let inline = json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*"});
        assert_eq!(codes(policy(inline), Use::Permissions), ["policy-principal", "policy-resource"]);
    }

    #[test]
    fn what_iam_refuses() {
        assert_eq!(codes(json!("{not json"), Use::Trust), ["policy-json"]);
        assert_eq!(
            codes(json!({"Version": "2012-10-18", "Statement": []}), Use::Trust),
            ["policy-version", "policy-statement"]
        );
        let wrong = json!({"effect": "Allow", "Action": "GetObject", "Resource": "*", "Sid": "a-b"});
        assert_eq!(
            codes(policy(wrong), Use::Permissions),
            ["policy-member", "policy-effect", "policy-action", "policy-sid"]
        );
        let typo =
            json!({"Effect": "Allow", "Principal": {"Service": "ecs-task.amazonaws.com"}, "Action": "sts:AssumeRole"});
        assert_eq!(codes(policy(typo), Use::Trust), ["policy-service"]);
    }
}
