//! Values as a person reads them.

use serde_json::Value;

/// Longer values are cut on one line; the JSON output has them whole.
const LONGEST: usize = 160;

/// A value on one line. A reference that has no value yet says so.
pub fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) if is_one_reference(text) => {
            format!("(known after apply: {})", &text[2..text.len() - 1])
        }
        Value::String(text) if text.is_empty() || text.trim() != text || text.contains('\n') => format!("{text:?}"),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let safe: String = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    match safe.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &safe[..end]),
        None => safe,
    }
}

fn is_one_reference(text: &str) -> bool {
    // Without a dot it is no reference: the program that gets it reads it.
    text.starts_with("${") && text.ends_with('}') && text.matches("${").count() == 1 && text.contains('.')
}

/// The leaves of a value with their paths, which begin with `path`.
pub fn flat(path: &str, value: &Value) -> Vec<(String, String)> {
    let joined = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().flat_map(|(name, value)| flat(&joined(name), value)).collect()
        }
        // A spec without fields has no line.
        Value::Object(_) if path.is_empty() => Vec::new(),
        Value::Array(items) if items.iter().any(Value::is_object) => items
            .iter()
            .enumerate()
            .flat_map(|(index, item)| {
                let name = ["name", "key", "policyName"].iter().find_map(|name| item[*name].as_str());
                flat(&format!("{path}[{}]", name.map_or_else(|| index.to_string(), str::to_owned)), item)
            })
            .collect(),
        value => vec![(path.to_owned(), shown(value))],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stay_on_their_line() {
        assert_eq!(shown(&json!("a\nb")), r#""a\nb""#);
        assert_eq!(shown(&json!("${Vpc.edge.id}")), "(known after apply: Vpc.edge.id)");
        assert_eq!(shown(&json!("${HOME}")), "${HOME}");
        assert_eq!(flat("", &json!({})), []);
        assert_eq!(flat("", &json!({"labels": {}})), [("labels".to_owned(), "{}".to_owned())]);
        assert_eq!(shown(&json!("x\u{1b}[31m")), "x\u{fffd}[31m");
    }

    #[test]
    fn leaves_have_paths_by_name() {
        let value = json!({"env": [{"name": "A", "value": "1"}], "command": ["x"]});
        assert_eq!(
            flat("", &value),
            [("env[A].name", "A"), ("env[A].value", "1"), ("command", r#"["x"]"#)]
                .map(|(path, value)| (path.to_owned(), value.to_owned()))
        );
    }
}
