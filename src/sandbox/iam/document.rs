//! Policy documents: what IAM accepts, how it returns them, and a plain evaluation.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::sandbox::wire::AwsError;

/// RFC 3986: only unreserved characters stay as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A document as answers hold it.
pub(super) fn encode(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

/// How IAM measures documents: white space does not count.
pub(super) fn size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

fn malformed(message: impl Into<String>) -> AwsError {
    AwsError::invalid("MalformedPolicyDocument", message)
}

fn syntax() -> AwsError {
    malformed("Syntax errors in policy.")
}

const DOCUMENT_MEMBERS: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT_MEMBERS: &[&str] =
    &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"];

/// Checks what any document must be; returns its statements.
fn statements(text: &str) -> Result<Vec<Map<String, Value>>, AwsError> {
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return Err(malformed("This policy contains invalid Json"));
    };
    let Value::Object(members) = document else { return Err(syntax()) };
    if members.keys().any(|member| !DOCUMENT_MEMBERS.contains(&member.as_str())) {
        return Err(syntax());
    }
    if !matches!(members.get("Version").map(Value::as_str), None | Some(Some("2012-10-17" | "2008-10-17"))) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let statements = match members.get("Statement") {
        Some(Value::Array(items)) if !items.is_empty() => items.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(syntax()),
    };
    let mut seen: Vec<String> = Vec::new();
    let mut checked = Vec::new();
    for statement in statements {
        let Value::Object(statement) = statement else { return Err(syntax()) };
        check_statement(&statement)?;
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or("");
        if !sid.is_empty() {
            if seen.iter().any(|other| other == sid) {
                return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
            }
            seen.push(sid.into());
        }
        checked.push(statement);
    }
    Ok(checked)
}

fn check_statement(statement: &Map<String, Value>) -> Result<(), AwsError> {
    if statement.keys().any(|member| !STATEMENT_MEMBERS.contains(&member.as_str())) {
        return Err(syntax());
    }
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err(syntax());
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")] {
        if statement.contains_key(one) && statement.contains_key(other) {
            return Err(syntax());
        }
    }
    for member in ["Action", "NotAction", "Resource", "NotResource"] {
        if statement.get(member).is_some_and(|value| texts(value).is_none()) {
            return Err(syntax());
        }
    }
    if let Some(sid) = statement.get("Sid")
        && sid.as_str().is_none()
    {
        return Err(syntax());
    }
    check_condition(statement.get("Condition"))
}

/// `{operator: {key: value or values}}`.
fn check_condition(condition: Option<&Value>) -> Result<(), AwsError> {
    let Some(condition) = condition else { return Ok(()) };
    let Value::Object(operators) = condition else { return Err(syntax()) };
    for keys in operators.values() {
        let Value::Object(keys) = keys else { return Err(syntax()) };
        let plain = |value: &Value| value.is_string() || value.is_boolean() || value.is_number();
        let good = |value: &Value| plain(value) || value.as_array().is_some_and(|values| values.iter().all(plain));
        if !keys.values().all(good) {
            return Err(syntax());
        }
    }
    Ok(())
}

/// A document that grants permissions: of an inline or a managed policy.
pub(super) fn check_permissions(text: &str) -> Result<(), AwsError> {
    for statement in statements(text)? {
        if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
            return Err(malformed("Policy document should not specify a principal."));
        }
        let actions = list(&statement, "Action", "NotAction");
        if actions.is_empty() {
            return Err(malformed("Policy statement must contain actions."));
        }
        let resources = list(&statement, "Resource", "NotResource");
        if resources.is_empty() {
            return Err(malformed("Policy statement must contain resources."));
        }
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or("");
        if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(malformed(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
            ));
        }
        for action in actions {
            let prefixed = action.split_once(':').is_some_and(|(vendor, name)| !vendor.is_empty() && !name.is_empty());
            if action != "*" && !prefixed {
                return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
            }
        }
        for resource in resources {
            let arn = resource.starts_with("arn:") || resource.starts_with("arn*") || resource.starts_with("${");
            if !arn && !resource.trim_matches('*').is_empty() {
                return Err(malformed(format!("Resource {resource} must be in ARN format or \"*\".")));
            }
        }
    }
    Ok(())
}

/// A trust policy. `role_exists` says whether an ARN of a role in this account names one.
pub(super) fn check_trust(text: &str, account: &str, role_exists: impl Fn(&str) -> bool) -> Result<(), AwsError> {
    for statement in statements(text)? {
        let Some(principal) = statement.get("Principal").or(statement.get("NotPrincipal")) else {
            return Err(malformed("Missing required field Principal"));
        };
        for field in ["Resource", "NotResource"] {
            if statement.contains_key(field) {
                return Err(malformed("Has prohibited field Resource"));
            }
        }
        let actions = list(&statement, "Action", "NotAction");
        if actions.is_empty() {
            return Err(malformed("Missing required field Action"));
        }
        if actions.iter().any(|action| !action.to_lowercase().starts_with("sts:")) {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
        check_principal(principal, account, &role_exists)?;
    }
    Ok(())
}

fn check_principal(principal: &Value, account: &str, role_exists: &impl Fn(&str) -> bool) -> Result<(), AwsError> {
    if principal.as_str() == Some("*") {
        return Ok(());
    }
    let Value::Object(kinds) = principal else { return Err(syntax()) };
    if kinds.is_empty() {
        return Err(malformed("Missing required field Principal cannot be empty!"));
    }
    for (kind, names) in kinds {
        let Some(names) = texts(names) else { return Err(syntax()) };
        if names.is_empty() {
            return Err(malformed("Missing required field Principal cannot be empty!"));
        }
        for name in names {
            let known = match kind.as_str() {
                "Service" => is_service(name),
                "AWS" => is_aws_principal(name, account, role_exists),
                "Federated" => name.contains('.') || name.starts_with("arn:"),
                "CanonicalUser" => !name.is_empty(),
                _ => return Err(syntax()),
            };
            if !known {
                return Err(malformed(format!("Invalid principal in policy: \"{}\":\"{name}\"", kind.to_uppercase())));
            }
        }
    }
    Ok(())
}

fn is_service(name: &str) -> bool {
    let host = name.strip_suffix(".amazonaws.com").or_else(|| name.strip_suffix(".amazonaws.com.cn"));
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    })
}

fn is_aws_principal(name: &str, account: &str, role_exists: &impl Fn(&str) -> bool) -> bool {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if name == "*" || is_account(name) {
        return true;
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let ["arn", _, "iam" | "sts", "", owner, resource] = parts[..] else { return false };
    if !is_account(owner) {
        return false;
    }
    // Other accounts cannot be looked into; in this one, what is named must exist.
    match resource.split_once('/') {
        None => resource == "root",
        Some(("role", _)) => owner != account || role_exists(name),
        Some(("user" | "federated-user", _)) => owner != account,
        Some(("assumed-role", session)) => session.contains('/'),
        Some(_) => false,
    }
}

/// The texts of the first of two members that is there.
fn list<'a>(statement: &'a Map<String, Value>, member: &str, otherwise: &str) -> Vec<&'a str> {
    statement.get(member).or(statement.get(otherwise)).and_then(texts).unwrap_or_default()
}

/// A text or a list of texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Whether a trust policy lets a service assume its role. Conditions are taken as met.
pub(super) fn trusts(text: &str, service: &str) -> bool {
    let Ok(statements) = statements(text) else { return false };
    statements.iter().any(|statement| {
        let services = statement.get("Principal").and_then(|principal| texts(principal.get("Service")?));
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && services.is_some_and(|services| services.contains(&service))
            && list(statement, "Action", "Action")
                .iter()
                .any(|action| ["sts:assumerole", "sts:*", "*"].contains(&action.to_lowercase().as_str()))
    })
}

/// Whether the documents together allow an action: some statement allows it and none denies it.
///
/// The resource is unknown here, so a statement counts as soon as its resources could be of the action's service.
/// A condition cannot be judged: one on an `Allow` is taken as met, one on a `Deny` as not met.
pub(super) fn allows(documents: &[Value], action: &str) -> bool {
    let mut allowed = false;
    for document in documents {
        let statements = match &document["Statement"] {
            Value::Array(items) => items.iter().collect(),
            statement => vec![statement],
        };
        for statement in statements.into_iter().filter_map(Value::as_object) {
            if !applies(statement, action) {
                continue;
            }
            match statement.get("Effect").and_then(Value::as_str) {
                Some("Deny") if !statement.contains_key("Condition") && reaches(statement, action, true) => {
                    return false;
                }
                Some("Allow") => allowed |= reaches(statement, action, false),
                _ => {}
            }
        }
    }
    allowed
}

fn applies(statement: &Map<String, Value>, action: &str) -> bool {
    let action = action.to_lowercase();
    let named = |member: &str| {
        statement
            .get(member)
            .and_then(texts)
            .map(|patterns| patterns.iter().any(|pattern| matches(&pattern.to_lowercase(), &action)))
    };
    named("Action").or(named("NotAction").map(|named| !named)).unwrap_or(false)
}

/// Whether a statement's resources can be those of an action; `wholly` asks whether they are all of them.
fn reaches(statement: &Map<String, Value>, action: &str, wholly: bool) -> bool {
    let service = action.split(':').next().unwrap_or("");
    let Some(resources) = statement.get("Resource").and_then(texts) else { return !wholly };
    resources.iter().any(|resource| {
        if *resource == "*" {
            return true;
        }
        let parts: Vec<&str> = resource.splitn(6, ':').collect();
        !wholly && parts.get(2).is_none_or(|part| matches(part, service))
    })
}

/// `*` stands for any characters, `?` for one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        if at < pattern.len() && pattern[at] == '*' {
            star = Some((at, place));
            at += 1;
        } else if at < pattern.len() && (pattern[at] == '?' || pattern[at] == text[place]) {
            at += 1;
            place += 1;
        } else if let Some((star_at, taken)) = star {
            star = Some((star_at, taken + 1));
            at = star_at + 1;
            place = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trust_fault(document: &Value) -> Option<String> {
        let exists = |arn: &str| arn.ends_with("/there");
        check_trust(&document.to_string(), "123456789012", exists).err().map(|error| error.message)
    }

    #[test]
    fn trust_policies_need_a_principal_that_can_be() {
        let with = |principal: Value| {
            trust_fault(
                &json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}}),
            )
        };
        assert_eq!(with(json!({"Service": "ecs-tasks.amazonaws.com"})), None);
        assert_eq!(with(json!("*")), None);
        assert_eq!(with(json!({"AWS": ["123456789012", "arn:aws:iam::123456789012:role/there"]})), None);
        assert_eq!(with(json!({"Service": "ecs"})).unwrap(), r#"Invalid principal in policy: "SERVICE":"ecs""#);
        assert!(with(json!({"AWS": "arn:aws:iam::123456789012:role/gone"})).unwrap().starts_with("Invalid principal"));
        assert_eq!(
            trust_fault(&json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]})).unwrap(),
            "Missing required field Principal"
        );
        assert_eq!(
            trust_fault(&json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}]})).unwrap(),
            "Has prohibited field Resource"
        );
        assert_eq!(check_trust("{", "1", |_| true).unwrap_err().message, "This policy contains invalid Json");
    }

    #[test]
    fn permission_documents_are_checked_to_the_statement() {
        let fault = |statement: Value| {
            let document = json!({"Version": "2012-10-17", "Statement": [statement]});
            check_permissions(&document.to_string()).err().map(|error| error.message)
        };
        assert_eq!(fault(json!({"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "arn:aws:s3:::b/*"})), None);
        assert!(fault(json!({"Effect": "Allow", "Action": "s3:Get*"})).unwrap().contains("resources"));
        assert!(fault(json!({"Effect": "Allow", "Resource": "*"})).unwrap().contains("actions"));
        assert!(fault(json!({"Effect": "allow", "Action": "*", "Resource": "*"})).unwrap().contains("Syntax"));
        assert!(fault(json!({"Effect": "Allow", "Action": "GetObject", "Resource": "*"})).unwrap().contains("vendor"));
        assert!(
            fault(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"})).unwrap().contains("ARN format")
        );
        assert!(
            fault(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}))
                .unwrap()
                .contains("principal")
        );
    }

    #[test]
    fn evaluation_knows_wildcards_denials_and_other_services_resources() {
        let document = |effect: &str, action: Value, resource: &str| json!({"Statement": [{"Effect": effect, "Action": action, "Resource": resource}]});
        let action = "ecs:RegisterContainerInstance";
        let allow = document("Allow", json!(["ecr:*", "ecs:Reg*Instance"]), "*");
        assert!(allows(std::slice::from_ref(&allow), action));
        assert!(!allows(&[allow.clone(), document("Deny", json!("ECS:*"), "*")], action));
        assert!(allows(&[allow, document("Deny", json!("ecs:*"), "arn:aws:ecs:*:*:cluster/other")], action));
        assert!(!allows(&[document("Allow", json!("*"), "arn:aws:s3:::bucket/*")], action));
        assert!(allows(&[json!({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}})], action));
        assert!(!allows(&[], action));
    }

    #[test]
    fn documents_are_encoded_to_rfc_3986() {
        assert_eq!(encode(r#"{"a": "x-_.~*/"}"#), "%7B%22a%22%3A%20%22x-_.~%2A%2F%22%7D");
        assert_eq!(size("{ \"a\":\n 1 }"), 7);
    }
}
