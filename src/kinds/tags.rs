//! Tags, written as a map or as the list of pairs that AWS uses.

use aws_sdk_ecs::types as sdk;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::mirror::{BuildError, Mirror};

/// Tags by key, in the order written.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Tags(pub IndexMap<String, String>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            #[serde(alias = "Key")]
            key: String,
            #[serde(alias = "Value", default)]
            value: String,
        }
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "tags are a map of texts, or a list of `key` and `value`")]
        enum Form {
            Map(IndexMap<String, String>),
            List(Vec<Pair>),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::Map(map) => map,
            Form::List(pairs) => pairs.into_iter().map(|pair| (pair.key, pair.value)).collect(),
        }))
    }
}

impl JsonSchema for Tags {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tags".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pair = |key: &str, value: &str| {
            json_schema!({
                "type": "object",
                "properties": {key: {"type": "string"}, value: {"type": "string"}},
                "required": [key],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": "string"}},
                {"type": "array", "items": {"anyOf": [pair("key", "value"), pair("Key", "Value")]}},
            ]
        })
    }
}

impl Mirror for Tags {
    type Sdk = Vec<sdk::Tag>;

    fn to_sdk(&self) -> Result<Self::Sdk, BuildError> {
        Ok(self.0.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect())
    }

    fn from_sdk(sdk: &Self::Sdk) -> Self {
        Self(sdk.iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default()))).collect())
    }

    fn tidy(&mut self) {
        self.0.sort_keys();
    }

    fn says_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_map_and_both_lists_are_the_same_tags() {
        let schema = jsonschema::validator_for(schemars::schema_for!(Tags).as_value()).unwrap();
        let expected = Tags([("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())].into_iter().collect());
        for form in [
            json!({"a": "1", "b": ""}),
            json!([{"key": "a", "value": "1"}, {"key": "b"}]),
            json!([{"Key": "a", "Value": "1"}, {"Key": "b"}]),
        ] {
            assert!(schema.is_valid(&form), "{form}");
            assert_eq!(serde_json::from_value::<Tags>(form).unwrap(), expected);
        }
        assert_eq!(serde_json::to_value(&expected).unwrap(), json!({"a": "1", "b": ""}));
    }

    #[test]
    fn anything_else_is_refused_with_the_forms_that_work() {
        let error = serde_json::from_value::<Tags>(json!({"a": 1})).unwrap_err();
        assert!(error.to_string().contains("map of texts"), "{error}");
    }
}
