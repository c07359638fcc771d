//! SHA-256 as text, and of JSON whatever the order of its members.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The digest of a text: 64 hexadecimal digits.
pub(crate) fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a value; objects count as sets of members.
pub(crate) fn of_value(value: &Value) -> String {
    let mut text = String::new();
    write_sorted(&mut text, value);
    hex(&text)
}

fn write_sorted(out: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            out.push('{');
            for name in names {
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write_sorted(out, &members[name]);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_sorted(out, item);
                out.push(',');
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_order_does_not_count_but_list_order_does() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(of_value(&value(r#"{"a":1,"b":[1,2]}"#)), of_value(&value(r#"{"b":[1,2],"a":1}"#)));
        assert_ne!(of_value(&value(r#"{"b":[1,2]}"#)), of_value(&value(r#"{"b":[2,1]}"#)));
    }
}
