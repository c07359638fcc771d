//! IAM policy documents: one form for equal meanings, and what IAM would refuse.
//!
//! IAM gives documents back percent-encoded, and lists of one as they were sent. Comparing is done on a form in which
//! every set is a sorted list, action names (whose case has no meaning) are in lower case, and statements stand in the
//! order of their content. What is sent to IAM is the document as declared.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a document is for, which decides what it must and must not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Who may take on a role.
    Trust,
    /// What may be done.
    Permissions,
}

/// A policy document: an object, or JSON text of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyDocument(pub Value);

impl JsonSchema for PolicyDocument {
    fn schema_name() -> Cow<'static, str> {
        "PolicyDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An IAM policy document, as an object or as JSON text.",
            "type": ["object", "string"]
        })
    }
}

/// What a policy without a version is read as.
const VERSION_WHEN_ABSENT: &str = "2008-10-17";

/// The members of a statement, in the order in which people write them.
pub(crate) const STATEMENT_MEMBERS: &[&str] =
    &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

impl PolicyDocument {
    /// The document of an answer of IAM, which is percent-encoded.
    pub fn decode(text: &str) -> Self {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        // Some endpoints answer with plain JSON, in which a percent sign is a percent sign.
        let parsed = serde_json::from_str(text).or_else(|_| serde_json::from_str(&decoded));
        Self(parsed.unwrap_or_else(|_| Value::String(decoded.into_owned())))
    }

    /// The document as IAM takes it: JSON without white space.
    pub fn text(&self) -> String {
        match self.parsed() {
            Some(Value::String(text)) => text,
            Some(value) => value.to_string(),
            None => self.0.as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Whether a reference in it is not resolved yet.
    pub fn is_open(&self) -> bool {
        super::is_open(&self.0.to_string())
    }

    /// The JSON, also of a text. None when the text is not JSON.
    fn parsed(&self) -> Option<Value> {
        match &self.0 {
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        }
    }

    /// Brings equal meanings into one form. What is not a policy stays as it is, for the lint or IAM to refuse.
    pub fn normalise(&mut self, purpose: Use, partition: &str) {
        let Some(Value::Object(mut document)) = self.parsed() else { return };
        if document.get("Id").is_some_and(|id| id.as_str() == Some("")) {
            document.shift_remove("Id");
        }
        document.entry("Version").or_insert_with(|| VERSION_WHEN_ABSENT.into());
        if let Some(statements) = document.get_mut("Statement") {
            let mut list: Vec<Value> = as_list(statements.take())
                .into_iter()
                .map(|statement| match statement {
                    Value::Object(members) => Value::Object(statement_form(members, purpose, partition)),
                    other => other,
                })
                .collect();
            list.sort_by_cached_key(Value::to_string);
            list.dedup();
            *statements = Value::Array(list);
        }
        document.sort_keys();
        self.0 = Value::Object(document);
    }
}

fn statement_form(members: Map<String, Value>, purpose: Use, partition: &str) -> Map<String, Value> {
    let mut form: Vec<(String, Value)> = members
        .into_iter()
        .filter(|(name, value)| !(name == "Sid" && value.as_str() == Some("")))
        .map(|(name, value)| {
            let value = match name.as_str() {
                "Action" | "NotAction" => set(as_list(value).into_iter().map(lower_case)),
                "Resource" | "NotResource" => set(as_list(value)),
                "Principal" | "NotPrincipal" => principal_form(value, purpose, partition),
                "Condition" => condition_form(value),
                _ => value,
            };
            (name, value)
        })
        .collect();
    form.sort_by_key(|(name, _)| {
        let place = STATEMENT_MEMBERS.iter().position(|member| member == name);
        (place.unwrap_or(STATEMENT_MEMBERS.len()), name.clone())
    });
    form.into_iter().collect()
}

fn principal_form(value: Value, purpose: Use, partition: &str) -> Value {
    // Everybody, with an account or without one. Elsewhere than in trust policies the two are not the same.
    if purpose == Use::Trust && value.as_str() == Some("*") {
        return serde_json::json!({"AWS": ["*"]});
    }
    let Value::Object(kinds) = value else { return value };
    let mut form: Map<String, Value> = kinds
        .into_iter()
        .map(|(kind, names)| {
            let is_aws = kind == "AWS";
            let names =
                as_list(names).into_iter().map(|name| if is_aws { account_root(name, partition) } else { name });
            (kind, set(names))
        })
        .collect();
    form.sort_keys();
    Value::Object(form)
}

/// An account's number means its root user.
fn account_root(name: Value, partition: &str) -> Value {
    let digits = match &name {
        Value::String(text) => text.clone(),
        Value::Number(number) => format!("{:0>12}", number.to_string()),
        _ => return name,
    };
    if digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("arn:{partition}:iam::{digits}:root").into();
    }
    name
}

fn condition_form(value: Value) -> Value {
    let Value::Object(operators) = value else { return value };
    let mut form: Map<String, Value> = operators
        .into_iter()
        .map(|(operator, keys)| {
            let Value::Object(keys) = keys else { return (operator, keys) };
            let mut keys: Map<String, Value> =
                keys.into_iter().map(|(key, values)| (key, set(as_list(values).into_iter().map(as_text)))).collect();
            keys.sort_keys();
            (operator, Value::Object(keys))
        })
        .collect();
    form.sort_keys();
    Value::Object(form)
}

fn as_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        one => vec![one],
    }
}

fn lower_case(value: Value) -> Value {
    match value {
        // The name of what a reference refers to keeps its case.
        Value::String(text) if !super::is_open(&text) => Value::String(text.to_lowercase()),
        other => other,
    }
}

fn as_text(value: Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        other => other,
    }
}

fn set(items: impl IntoIterator<Item = Value>) -> Value {
    let mut items: Vec<Value> = items.into_iter().collect();
    items.sort_by_cached_key(Value::to_string);
    items.dedup();
    Value::Array(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(value: Value, purpose: Use) -> Value {
        let mut document = PolicyDocument(value);
        document.normalise(purpose, "aws");
        document.0
    }

    #[test]
    fn ways_to_write_one_trust_policy() {
        let long = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "",
                "Action": ["sts:AssumeRole", "sts:assumerole"],
                "Principal": {"AWS": ["arn:aws:iam::123456789012:root"], "Service": ["ecs-tasks.amazonaws.com"]},
                "Condition": {"Bool": {"aws:SecureTransport": ["true"]}},
                "Effect": "Allow"
            }]
        });
        let short = json!({
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com", "AWS": "123456789012"},
                "Action": "sts:AssumeRole",
                "Condition": {"Bool": {"aws:SecureTransport": true}}
            },
            "Version": "2012-10-17"
        });
        let text = Value::String(serde_json::to_string_pretty(&short).unwrap());
        let form = canonical(long, Use::Trust);
        assert_eq!(form, canonical(short, Use::Trust));
        assert_eq!(form, canonical(text, Use::Trust));
        assert_eq!(form["Statement"][0]["Action"], json!(["sts:assumerole"]));
    }

    #[test]
    fn everybody_is_one_thing_in_a_trust_policy_only() {
        let policy = |principal: Value| json!({"Statement": [{"Effect": "Allow", "Principal": principal}]});
        assert_eq!(canonical(policy(json!("*")), Use::Trust), canonical(policy(json!({"AWS": "*"})), Use::Trust));
        assert_ne!(
            canonical(policy(json!("*")), Use::Permissions),
            canonical(policy(json!({"AWS": "*"})), Use::Permissions)
        );
    }

    #[test]
    fn a_policy_without_a_version_is_not_one_of_2012() {
        let statement = json!([{"Effect": "Deny", "Action": "*", "Resource": "*"}]);
        let with = |version: &str| canonical(json!({"Version": version, "Statement": statement}), Use::Permissions);
        let without = canonical(json!({"Statement": statement}), Use::Permissions);
        assert_eq!(without, with("2008-10-17"));
        assert_ne!(without, with("2012-10-17"));
    }

    #[test]
    fn answers_are_percent_encoded() {
        let encoded =
            "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Resource%22%3A%22a%2Bb%25%22%7D%5D%7D";
        assert_eq!(PolicyDocument::decode(encoded).0["Statement"][0]["Resource"], "a+b%");
        assert_eq!(PolicyDocument::decode(r#"{"Version":"%41"}"#).0["Version"], "%41");
    }

    fn scalar_or_list(items: &'static [&'static str]) -> impl Strategy<Value = Value> {
        prop_oneof![
            proptest::sample::select(items).prop_map(Value::from),
            proptest::sample::subsequence(items, 1..=items.len()).prop_map(|list| json!(list)),
        ]
    }

    prop_compose! {
        fn statement()(
            sid in proptest::option::of(proptest::sample::select(&["", "Logs", "Pull"][..])),
            effect in proptest::sample::select(&["Allow", "Deny"][..]),
            principal in prop_oneof![
                Just(json!("*")),
                scalar_or_list(&["123456789012", "arn:aws:iam::123456789012:role/a", "*"]).prop_map(|aws| json!({"AWS": aws})),
                scalar_or_list(&["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]).prop_map(|service| json!({"Service": service})),
            ],
            action in scalar_or_list(&["sts:AssumeRole", "logs:PutLogEvents", "ecr:*", "STS:assumerole"]),
            values in proptest::collection::vec(prop_oneof![Just(json!(true)), Just(json!(7)), Just(json!("x"))], 1..4),
        ) -> Value {
            let mut statement = json!({
                "Effect": effect,
                "Principal": principal,
                "Action": action,
                "Condition": {"StringEquals": {"b:key": values, "a:key": "1"}, "Bool": {"c:key": false}}
            });
            if let Some(sid) = sid {
                statement["Sid"] = sid.into();
            }
            statement
        }
    }

    /// The same meaning with members, sets and statements the other way round and single items as lists.
    fn turned(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                Value::Object(members.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect())
            }
            Value::Array(items) => Value::Array(items.iter().rev().chain(items.first()).map(turned).collect()),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn order_and_repetition_have_no_meaning(statements in proptest::collection::vec(statement(), 1..4)) {
            let policy = json!({"Version": "2012-10-17", "Statement": statements});
            let form = canonical(policy.clone(), Use::Trust);
            prop_assert_eq!(canonical(turned(&policy), Use::Trust), form.clone());
            prop_assert_eq!(canonical(form.clone(), Use::Trust), form);
        }
    }
}
