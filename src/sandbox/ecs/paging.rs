//! `maxResults` and `nextToken`.

use serde_json::{Map, Value};

use super::errors;
use super::shapes::Input;
use crate::sandbox::wire::AwsError;

/// The items of the page that the input asks for and the token of the page after it. A token holds the item that
/// the next page begins with, so that pages stay whole while things come and go.
pub(super) fn page(
    input: &Input,
    items: Vec<String>,
    default: i64,
    largest: i64,
) -> Result<(Vec<String>, Option<String>), AwsError> {
    let size = input.whole("maxResults").unwrap_or(default);
    if !(1..=largest).contains(&size) {
        return Err(errors::invalid(format!("maxResults must be between 1 and {largest}, not {size}.")));
    }
    let mut rest = items;
    if let Some(token) = input.text("nextToken") {
        let start = decode(token)
            .and_then(|first| rest.iter().position(|item| *item == first))
            .ok_or_else(|| errors::invalid("Invalid token."))?;
        rest.drain(..start);
    }
    let next = rest.get(usize::try_from(size).unwrap_or(usize::MAX)).map(|item| encode(item));
    rest.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    Ok((rest, next))
}

/// An answer that lists a page.
pub(super) fn listed<T: Into<Value>>(member: &str, items: Vec<T>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(member.to_owned(), items.into());
    if let Some(token) = next {
        answer.insert("nextToken".to_owned(), token.into());
    }
    Value::Object(answer)
}

/// Hexadecimal, so that nobody takes a token for anything but a token.
fn encode(item: &str) -> String {
    item.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(token: &str) -> Option<String> {
    let digits = |index: usize| u8::from_str_radix(token.get(index..index + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..token.len()).step_by(2).map(digits).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::call;
    use super::*;

    #[test]
    fn pages_join_up() {
        let items: Vec<String> = (0..5).map(|number| format!("item {number}")).collect();
        let mut seen = Vec::new();
        let mut token = None;
        loop {
            let input = Input::read(&call("ListClusters", json!({"maxResults": 2, "nextToken": token}))).unwrap();
            let (part, next) = page(&input, items.clone(), 100, 100).unwrap();
            seen.extend(part);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, items);
    }

    #[test]
    fn bad_tokens_and_sizes_are_refused() {
        let refused = |input| {
            let input = Input::read(&call("ListClusters", input)).unwrap();
            page(&input, vec!["a".into()], 100, 100).unwrap_err().code
        };
        assert_eq!(refused(json!({"nextToken": "x"})), "InvalidParameterException");
        assert_eq!(refused(json!({"maxResults": 101})), "InvalidParameterException");
        assert_eq!(refused(json!({"maxResults": 0})), "InvalidParameterException");
    }
}
