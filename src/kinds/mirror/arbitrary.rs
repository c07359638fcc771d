//! Values for property tests, made from the JSON schema so that every member is tried.

use fastrand::Rng;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A value that the schema allows, the same for the same seed. `full` ones have every member.
pub(crate) fn spec<T: JsonSchema + DeserializeOwned>(seed: u64, full: bool) -> T {
    let root = schemars::schema_for!(T).to_value();
    let value = Maker { rng: Rng::with_seed(seed), root: &root, full }.value(&root);
    assert!(jsonschema::is_valid(&root, &value), "{value}");
    serde_json::from_value(value).unwrap()
}

/// Shuffles the lists under these names, at any depth.
pub(crate) fn shuffle<T: Serialize + DeserializeOwned>(spec: &T, seed: u64, names: &[&str]) -> T {
    let mut value = serde_json::to_value(spec).unwrap();
    shuffle_value(&mut value, &mut Rng::with_seed(seed), names);
    serde_json::from_value(value).unwrap()
}

fn shuffle_value(value: &mut Value, rng: &mut Rng, names: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| shuffle_value(item, rng, names)),
        Value::Object(members) => {
            for (name, member) in members {
                shuffle_value(member, rng, names);
                if let Value::Array(items) = member
                    && names.contains(&name.as_str())
                {
                    rng.shuffle(items);
                }
            }
        }
        _ => {}
    }
}

struct Maker<'a> {
    rng: Rng,
    root: &'a Value,
    full: bool,
}

impl Maker<'_> {
    fn value(&mut self, schema: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let root = self.root;
            return self.value(root.pointer(name.trim_start_matches('#')).unwrap());
        }
        if let Some(forms) = schema["anyOf"].as_array() {
            let forms: Vec<_> = forms.iter().filter(|form| form["type"] != "null").collect();
            let form = self.rng.choice(forms).unwrap();
            return self.value(form);
        }
        if let Some(values) = schema["enum"].as_array() {
            let values = values.iter().filter(|value| !value.is_null());
            return self.rng.choice(values.collect::<Vec<_>>()).unwrap().clone();
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        match kind {
            Some("string") if schema["pattern"].is_string() => json!("0.5 GB"),
            Some("string") => self.text().into(),
            Some("integer") => {
                let (low, high) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
                json!(self.rng.i64(low.unwrap_or(1)..=high.unwrap_or(999)))
            }
            Some("number") => json!(self.rng.f64()),
            Some("boolean") => json!(self.rng.bool()),
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or(u64::from(self.full));
                let length = self.rng.u64(least..4);
                (0..length).map(|_| self.value(&schema["items"])).collect()
            }
            Some("object") if schema["properties"].is_object() => self.members(schema),
            Some("object") => {
                let length = self.rng.usize(usize::from(self.full)..4);
                (0..length).map(|_| (self.text(), json!("value"))).collect()
            }
            _ => json!({"any": [1, -1, 0.5, "text", true, null]}),
        }
    }

    fn members(&mut self, schema: &Value) -> Value {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut members = Map::new();
        for (name, member) in schema["properties"].as_object().unwrap() {
            if self.full || required.iter().any(|required| required == name) || self.rng.bool() {
                members.insert(name.clone(), self.value(member));
            }
        }
        Value::Object(members)
    }

    fn text(&mut self) -> String {
        (0..8).map(|_| self.rng.alphanumeric()).collect()
    }
}
