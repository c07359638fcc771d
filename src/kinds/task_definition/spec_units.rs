//! Amounts of CPU and memory as task definitions write them: `256`, `"256"`, `.25 vCPU`, `0.5 GB`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::kinds::mirror::{BuildError, Mirror};

/// CPU units (1024 are one virtual CPU) or MiB of memory, always kept as the plain number in text that AWS answers.
/// Text that is no amount is kept as written, so that the JSON schema can show where it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Units(String);

impl Units {
    /// The amount as AWS answers it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Units {
    fn from(text: &str) -> Self {
        Self(canonical(text).unwrap_or_else(|| text.to_owned()))
    }
}

/// The plain number for an amount with or without a unit.
fn canonical(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let number = ["vcpu", "gb"].iter().find_map(|unit| lower.strip_suffix(unit));
    let Some(number) = number else {
        return lower.parse::<u32>().ok().map(|units| units.to_string());
    };
    let units = number.trim_end().parse::<f64>().ok()? * 1024.0;
    (units.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&units)).then(|| format!("{units:.0}"))
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "an amount is a whole number, or text such as \"256\", \"0.25 vCPU\" or \"0.5 GB\""
        )]
        enum Form {
            Number(u32),
            Text(String),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Number(number) => Self(number.to_string()),
            Form::Text(text) => Self::from(text.as_str()),
        })
    }
}

impl JsonSchema for Units {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Units".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {
                    "type": "string",
                    "pattern": r"^\s*([0-9]+|([0-9]+|[0-9]*\.[0-9]+)\s*([vV][cC][pP][uU]|[gG][bB]))\s*$|\$\{",
                },
            ]
        })
    }
}

impl Mirror for Units {
    type Sdk = String;

    fn to_sdk(&self) -> Result<String, BuildError> {
        Ok(self.0.clone())
    }

    fn from_sdk(sdk: &String) -> Self {
        Self::from(sdk.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_spelling_becomes_the_number_that_aws_answers() {
        let schema = jsonschema::validator_for(schemars::schema_for!(Units).as_value()).unwrap();
        for (written, expected) in [
            (json!(256), "256"),
            (json!("0256"), "256"),
            (json!(" 1 vCPU"), "1024"),
            (json!(".25 vcpu"), "256"),
            (json!("1GB"), "1024"),
            (json!("0.5 GB"), "512"),
            (json!("${Store.cpu}"), "${Store.cpu}"),
        ] {
            assert!(schema.is_valid(&written), "{written}");
            assert_eq!(serde_json::from_value::<Units>(written).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_by_the_schema_or_at_once() {
        let schema = jsonschema::validator_for(schemars::schema_for!(Units).as_value()).unwrap();
        for text in ["half", "1 TB", "-1", ""] {
            assert!(!schema.is_valid(&json!(text)), "{text}");
            assert_eq!(serde_json::from_value::<Units>(json!(text)).unwrap().as_str(), text);
        }
        for value in [json!(0.5), json!(-1), Value::Bool(true)] {
            let error = serde_json::from_value::<Units>(value).unwrap_err();
            assert!(error.to_string().contains("0.25 vCPU"), "{error}");
        }
    }
}
