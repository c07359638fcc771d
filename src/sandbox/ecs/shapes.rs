//! Input of ECS calls, held against the API model: `shapes.txt` has one line a structure, with its members and
//! their types; `*` marks a required member, `a|b` an enumeration. As in the AWS JSON protocol, unknown members
//! and nulls are ignored, and a wrong type is a `SerializationException`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::errors;
use crate::sandbox::wire::{AwsError, Call};

/// The members of an input that the model knows, with the types it gives them.
#[derive(Debug, Clone)]
pub(super) struct Input(pub(super) Map<String, Value>);

impl Input {
    /// The input of a call, checked.
    pub(super) fn read(call: &Call) -> Result<Self, AwsError> {
        let name = format!("{}Request", call.operation);
        let kind = Kind::Structure(name);
        let problem = Checker { operation: &call.operation };
        match problem.value(&kind, &call.input, "")? {
            Value::Object(members) => Ok(Self(members)),
            _ => Ok(Self(Map::new())),
        }
    }

    pub(super) fn get(&self, member: &str) -> Option<&Value> {
        self.0.get(member)
    }

    /// A text, none when absent or empty.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.get(member)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn whole(&self, member: &str) -> Option<i64> {
        self.get(member)?.as_i64()
    }

    pub(super) fn flag(&self, member: &str) -> Option<bool> {
        self.get(member)?.as_bool()
    }

    /// A list, empty when absent.
    pub(super) fn list(&self, member: &str) -> &[Value] {
        items(self.get(member))
    }

    pub(super) fn texts(&self, member: &str) -> Vec<&str> {
        self.list(member).iter().filter_map(Value::as_str).collect()
    }

    /// Whether an `include` list has `word`.
    pub(super) fn includes(&self, word: &str) -> bool {
        self.texts("include").contains(&word)
    }
}

/// The items of an optional list.
pub(super) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[derive(Debug, Clone)]
enum Kind {
    Text,
    Choice(Vec<String>),
    Flag,
    Whole,
    Number,
    List(Box<Kind>),
    Table(Box<Kind>),
    Structure(String),
}

#[derive(Debug)]
struct Member {
    name: String,
    required: bool,
    kind: Kind,
}

fn kind(text: &str) -> Kind {
    let inner = || Box::new(kind(text.get(1..text.len() - 1).unwrap_or("")));
    match text {
        "text" => Kind::Text,
        "flag" => Kind::Flag,
        "whole" => Kind::Whole,
        "number" => Kind::Number,
        _ if text.starts_with('[') => Kind::List(inner()),
        _ if text.starts_with('{') => Kind::Table(inner()),
        _ if text.contains('|') => {
            Kind::Choice(text.split('|').filter(|word| !word.is_empty()).map(str::to_owned).collect())
        }
        _ => Kind::Structure(text.to_owned()),
    }
}

fn shapes() -> &'static BTreeMap<&'static str, Vec<Member>> {
    static SHAPES: OnceLock<BTreeMap<&'static str, Vec<Member>>> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let member = |text: &str| {
            let (name, type_name) = text.split_once(':').unwrap_or((text, "text"));
            Member { name: name.trim_end_matches('*').to_owned(), required: name.ends_with('*'), kind: kind(type_name) }
        };
        include_str!("shapes.txt")
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                Some((words.next()?, words.map(member).collect()))
            })
            .collect()
    })
}

struct Checker<'a> {
    operation: &'a str,
}

impl Checker<'_> {
    fn value(&self, kind: &Kind, value: &Value, path: &str) -> Result<Value, AwsError> {
        let wrong = |wanted: &str| {
            let got = match value {
                Value::Bool(true) => "TRUE_VALUE",
                Value::Bool(false) => "FALSE_VALUE",
                Value::Number(_) => "NUMBER_VALUE",
                Value::String(_) => "STRING_VALUE",
                Value::Array(_) => "Start of list",
                Value::Object(_) => "Start of structure or map",
                Value::Null => "NULL_VALUE",
            };
            let place = if path.is_empty() { String::new() } else { format!(" ({path})") };
            Err(AwsError::invalid("SerializationException", format!("{got} can not be converted to {wanted}{place}")))
        };
        match (kind, value) {
            (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Bool(_)) | (Kind::Number, Value::Number(_)) => {
                Ok(value.clone())
            }
            (Kind::Whole, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(value.clone()),
            // 3.0 is a whole number on the wire.
            (Kind::Whole, Value::Number(number)) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
                Ok(Value::from(number.as_f64().unwrap_or_default() as i64))
            }
            (Kind::Choice(words), Value::String(word)) => {
                if words.contains(word) {
                    return Ok(value.clone());
                }
                // Two members have words of their own; people have quoted them.
                let message = match path {
                    "launchType" => format!("launch type should be one of [{}]", words.join(",")),
                    "schedulingStrategy" => format!("Scheduling strategy should be one of [{}]", words.join(",")),
                    _ => format!(
                        "1 validation error detected: Value '{word}' at '{path}' failed to satisfy constraint: \
                         Member must satisfy enum value set: [{}]",
                        words.join(", ")
                    ),
                };
                Err(self.refusal(message))
            }
            (Kind::List(inner), Value::Array(values)) => {
                let mut kept = Vec::with_capacity(values.len());
                for (index, value) in values.iter().enumerate() {
                    kept.push(self.value(inner, value, &format!("{path}[{index}]"))?);
                }
                Ok(Value::Array(kept))
            }
            (Kind::Table(inner), Value::Object(values)) => {
                let mut kept = Map::new();
                for (key, value) in values {
                    kept.insert(key.clone(), self.value(inner, value, &format!("{path}.{key}"))?);
                }
                Ok(Value::Object(kept))
            }
            (Kind::Structure(name), Value::Object(values)) => self.structure(name, values, path),
            (Kind::Text | Kind::Choice(_), _) => wrong("a String"),
            (Kind::Flag, _) => wrong("a Boolean"),
            (Kind::Whole, _) => wrong("an Integer"),
            (Kind::Number, _) => wrong("a Number"),
            (Kind::List(_), _) => wrong("a List"),
            (Kind::Table(_), _) => wrong("a Map"),
            (Kind::Structure(_), _) => wrong("a Structure"),
        }
    }

    fn structure(&self, name: &str, values: &Map<String, Value>, path: &str) -> Result<Value, AwsError> {
        let mut kept = Map::new();
        for member in shapes().get(name).map_or(&[][..], Vec::as_slice) {
            let place = if path.is_empty() { member.name.clone() } else { format!("{path}.{}", member.name) };
            match values.get(&member.name).filter(|value| !value.is_null()) {
                Some(value) => {
                    kept.insert(member.name.clone(), self.value(&member.kind, value, &place)?);
                }
                None if member.required => {
                    return Err(self.refusal(format!("Invalid request: {place} can not be null or empty.")));
                }
                None => {}
            }
        }
        Ok(Value::Object(kept))
    }

    fn refusal(&self, message: String) -> AwsError {
        if self.operation.ends_with("TaskDefinition") { errors::client(message) } else { errors::invalid(message) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::call;
    use super::*;

    #[test]
    fn what_the_model_does_not_know_is_ignored() {
        let input = Input::read(&call("RunTask", json!({"taskDefinition": "a", "nonsense": 1, "cluster": null})));
        assert_eq!(Value::Object(input.unwrap().0), json!({"taskDefinition": "a"}));
    }

    #[test]
    fn wrong_types_words_and_gaps_are_refused() {
        let code = |input| Input::read(&call("RunTask", input)).unwrap_err().code;
        assert_eq!(code(json!({"taskDefinition": 5})), "SerializationException");
        assert_eq!(code(json!({"taskDefinition": "a", "count": "1"})), "SerializationException");
        assert_eq!(code(json!({"taskDefinition": "a", "launchType": "FARGATE_SPOT"})), "InvalidParameterException");
        assert_eq!(code(json!({})), "InvalidParameterException");
        let nested = json!({"taskDefinition": "a", "networkConfiguration": {"awsvpcConfiguration": {}}});
        let error = Input::read(&call("RunTask", nested)).unwrap_err();
        assert!(error.message.contains("networkConfiguration.awsvpcConfiguration.subnets"), "{}", error.message);
    }
}
