//! Where references may stand in a spec, read from its JSON Schema (`x-ref`, `x-ref-attribute`).

use serde_json::Value;

/// A member that refers to another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    path: Vec<Part>,
    /// The kind that it refers to.
    pub kind: String,
    /// The attribute that a reference without one takes.
    pub attribute: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Member(String),
    EachItem,
}

/// The positions of references in specs of this schema.
pub(super) fn positions(schema: &Value) -> Vec<Position> {
    let mut found = Vec::new();
    walk(schema, schema, &mut Vec::new(), &mut found);
    found
}

/// Specs are shallower than this; a schema that refers to itself ends here.
const DEEPEST: usize = 14;

fn walk(root: &Value, schema: &Value, path: &mut Vec<Part>, found: &mut Vec<Position>) {
    if path.len() > DEEPEST {
        return;
    }
    if let (Some(kind), Some(attribute)) = (schema["x-ref"].as_str(), schema["x-ref-attribute"].as_str()) {
        let position = Position { path: path.clone(), kind: kind.to_owned(), attribute: attribute.to_owned() };
        if !found.contains(&position) {
            found.push(position);
        }
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        walk(root, &root["$defs"][name], path, found);
    }
    for alternatives in ["anyOf", "oneOf", "allOf"] {
        for alternative in schema[alternatives].as_array().into_iter().flatten() {
            walk(root, alternative, path, found);
        }
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        path.push(Part::Member(name.clone()));
        walk(root, member, path, found);
        path.pop();
    }
    if schema["items"].is_object() {
        path.push(Part::EachItem);
        walk(root, &schema["items"], path, found);
        path.pop();
    }
}

impl Position {
    /// Shows each text at this position, with its JSON pointer.
    pub fn visit(&self, spec: &mut Value, mut see: impl FnMut(&str, &mut String)) {
        descend(&self.path, spec, &mut String::new(), &mut see);
    }

    /// The texts at this position.
    pub fn texts<'a>(&self, spec: &'a Value) -> Vec<&'a str> {
        let mut values = vec![spec];
        for part in &self.path {
            values = values
                .into_iter()
                .flat_map(|value| match part {
                    Part::Member(name) => value.get(name).into_iter().collect::<Vec<_>>(),
                    Part::EachItem => value.as_array().into_iter().flatten().collect(),
                })
                .collect();
        }
        values.into_iter().filter_map(Value::as_str).collect()
    }
}

fn descend(path: &[Part], value: &mut Value, pointer: &mut String, see: &mut impl FnMut(&str, &mut String)) {
    let Some((part, rest)) = path.split_first() else {
        if let Value::String(text) = value {
            see(pointer, text);
        }
        return;
    };
    let length = pointer.len();
    match (part, value) {
        (Part::Member(name), Value::Object(members)) => {
            if let Some(value) = members.get_mut(name) {
                pointer.push('/');
                pointer.push_str(name);
                descend(rest, value, pointer, see);
            }
        }
        (Part::EachItem, Value::Array(items)) => {
            for (index, value) in items.iter_mut().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                descend(rest, value, pointer, see);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
    pointer.truncate(length);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn positions_are_found_through_definitions_and_lists() {
        let schema = json!({
            "properties": {"network": {"anyOf": [{"$ref": "#/$defs/Network"}, {"type": "null"}]}},
            "$defs": {"Network": {"properties": {"subnets": {"items": {"x-ref": "Subnet", "x-ref-attribute": "id"}}}}}
        });
        let found = positions(&schema);
        assert_eq!(found.len(), 1);
        let mut spec = json!({"network": {"subnets": ["a", "b"]}});
        let mut seen = Vec::new();
        found[0].visit(&mut spec, |pointer, text| seen.push(format!("{pointer}={text}")));
        assert_eq!(seen, ["/network/subnets/0=a", "/network/subnets/1=b"]);
        assert_eq!(found[0].texts(&spec), ["a", "b"]);
    }
}
