//! What every Describe operation does alike: pick by id, filter, page.

use std::ops::RangeInclusive;

use aws_smithy_types::base64;
use serde_json::{Map, Value};

use super::input::{bad_value, combination, number, text};
use super::kinds::Kind;
use crate::sandbox::wire::{AwsError, Call};

/// A filter's name, and where the row holds what it compares: member names, `.` between; lists count each item.
pub(super) type Filter = (&'static str, &'static str);

/// The usual bounds of `MaxResults`.
pub(super) const PAGES: RangeInclusive<usize> = 5..=1000;

/// How an operation lists.
pub(super) struct Listing<'a> {
    /// The list's name in the answer.
    pub(super) set: &'a str,
    /// The request's member for ids, and their kind.
    pub(super) ids: Option<(&'a str, &'a Kind)>,
    pub(super) filters: &'a [Filter],
    pub(super) pages: RangeInclusive<usize>,
}

impl Listing<'_> {
    /// The answer of a Describe operation from all rows, each with the id that orders it.
    pub(super) fn answer(&self, call: &Call, rows: Vec<(String, Value)>) -> Result<Value, AwsError> {
        let rows = match self.ids {
            Some((member, kind)) => pick(call, member, kind, rows)?,
            None => rows,
        };
        let rows = filtered(call, self.filters, rows)?;
        page(call, self.set, &self.pages, rows)
    }
}

/// The rows whose ids the request names; all when it names none.
pub(super) fn pick(
    call: &Call,
    member: &str,
    kind: &Kind,
    rows: Vec<(String, Value)>,
) -> Result<Vec<(String, Value)>, AwsError> {
    let ids = call.texts(member);
    if ids.is_empty() {
        return Ok(rows);
    }
    ids.iter().try_for_each(|id| kind.check_form(id))?;
    let missing: Vec<&str> = ids.iter().copied().filter(|id| !rows.iter().any(|(row, _)| row == id)).collect();
    if !missing.is_empty() {
        return Err(kind.missing(&missing));
    }
    Ok(rows.into_iter().filter(|(id, _)| ids.contains(&id.as_str())).collect())
}

/// The rows that pass every filter of the request.
pub(super) fn filtered(
    call: &Call,
    filters: &[Filter],
    mut rows: Vec<(String, Value)>,
) -> Result<Vec<(String, Value)>, AwsError> {
    for filter in call.list("Filter") {
        let name = text(filter, "Name").ok_or_else(|| bad_value("The filter 'null' is invalid"))?;
        let values: Vec<&str> = filter["Value"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if values.is_empty() {
            return Err(bad_value(format!("The filter '{name}' must have at least one value")));
        }
        let wanted = |candidates: Vec<String>| {
            candidates.iter().any(|candidate| values.iter().any(|pattern| matches(pattern, candidate)))
        };
        if let Some(key) = name.strip_prefix("tag:") {
            rows.retain(|(_, row)| {
                let tags = row["tagSet"].as_array().into_iter().flatten();
                wanted(tags.filter(|tag| tag["key"] == key).flat_map(|tag| found(tag, "value")).collect())
            });
            continue;
        }
        let path = match filters.iter().find(|(known, _)| *known == name) {
            Some((_, path)) => path,
            None if name == "tag-key" => "tagSet.key",
            None => return Err(bad_value(format!("The filter '{name}' is invalid"))),
        };
        rows.retain(|(_, row)| wanted(found(row, path)));
    }
    Ok(rows)
}

/// One page of rows in the order of their ids, under the name `set`.
pub(super) fn page(
    call: &Call,
    set: &str,
    bounds: &RangeInclusive<usize>,
    mut rows: Vec<(String, Value)>,
) -> Result<Value, AwsError> {
    let most = match number(&call.input, "MaxResults")? {
        None => *bounds.end(),
        Some(asked) => match usize::try_from(asked) {
            Ok(asked) if bounds.contains(&asked) => asked,
            _ => {
                let bound = if asked > 0 && asked.unsigned_abs() > *bounds.end() as u64 {
                    format!("less than or equal to {}", bounds.end())
                } else {
                    format!("greater than or equal to {}", bounds.start())
                };
                let message =
                    format!("Value ( {asked} ) for parameter maxResults is invalid. Expecting a value {bound}.");
                return Err(bad_value(message));
            }
        },
    };
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(token) = call.text("NextToken") {
        let last = base64::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let last = last.and_then(|text| text.strip_prefix("after ").map(str::to_owned));
        let Some(last) = last else {
            return Err(AwsError::invalid("InvalidNextToken", format!("The token '{token}' is invalid")));
        };
        rows.retain(|(id, _)| *id > last);
    }
    // Without MaxResults everything comes at once, up to what one answer holds.
    let more = rows.len() > most;
    rows.truncate(most);
    let mut answer = Map::new();
    if let (true, Some((last, _))) = (more, rows.last()) {
        answer.insert("nextToken".to_owned(), base64::encode(format!("after {last}")).into());
    }
    answer.insert(set.to_owned(), rows.into_iter().map(|(_, row)| row).collect());
    Ok(Value::Object(answer))
}

/// Some operations take ids or pages, not both.
pub(super) fn ids_or_pages(call: &Call, member: &str) -> Result<(), AwsError> {
    if !call.list(member).is_empty() && call.text("MaxResults").is_some() {
        let message = format!("The parameter {member} cannot be used with the parameter maxResults");
        return Err(combination(message));
    }
    Ok(())
}

/// The texts at a path.
fn found(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(|item| found(item, path)).collect(),
        Value::Object(_) if !path.is_empty() => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            found(&value[name], rest)
        }
        Value::String(text) => vec![text.clone()],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// `*` stands for any text, `?` for any character, `\` takes away what the next one means.
fn matches(pattern: &str, text: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = characters.as_str();
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..]))
        }
        Some(first) => {
            let mut remaining = text.chars();
            let Some(actual) = remaining.next() else { return false };
            let expected = if first == '\\' { characters.next() } else { Some(first) };
            let any = first == '?';
            (any || expected == Some(actual)) && matches(characters.as_str(), remaining.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn wildcards() {
        assert!(matches("we*-?", "web-1"));
        assert!(!matches("we*-?", "web-10"));
        assert!(matches(r"a\*b", "a*b"));
        assert!(!matches(r"a\*b", "axb"));
    }

    #[test]
    fn pages_cover_everything_once() {
        let mut account = Account::new();
        let made: Vec<Value> = (0..12).map(|_| account.ok("CreateInternetGateway", json!({}))).collect();
        let mut seen = Vec::new();
        let mut input = json!({"MaxResults": "5"});
        let mut pages = 0;
        loop {
            let answer = account.ok("DescribeInternetGateways", input.clone());
            seen.extend(answer["internetGatewaySet"].as_array().unwrap().clone());
            pages += 1;
            let Some(token) = answer["nextToken"].as_str() else { break };
            input["NextToken"] = token.into();
        }
        let mut ids: Vec<&str> = seen.iter().map(|row| row["internetGatewayId"].as_str().unwrap()).collect();
        ids.dedup();
        assert_eq!((pages, ids.len()), (3, made.len()));
        for (bad, code) in [("4", "InvalidParameterValue"), ("1001", "InvalidParameterValue")] {
            assert_eq!(account.error("DescribeInternetGateways", json!({"MaxResults": bad})).code, code);
        }
        let error = account.error("DescribeInternetGateways", json!({"NextToken": "bm9uc2Vuc2U="}));
        assert_eq!(error.code, "InvalidNextToken");
        assert_eq!(account.error("DescribeRouteTables", json!({"MaxResults": "101"})).code, "InvalidParameterValue");
    }

    #[test]
    fn filters_by_value_tag_and_wildcard() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        account.ok("CreateTags", json!({"ResourceId": [vpc], "Tag": [{"Key": "Name", "Value": "edge-1"}]}));
        account.vpc("10.1.0.0/16");
        let mut count = |name: &str, value: &str| {
            let input = json!({"Filter": [{"Name": name, "Value": [value]}]});
            account.ok("DescribeVpcs", input)["vpcSet"].as_array().unwrap().len()
        };
        assert_eq!(count("tag:Name", "edge-*"), 1);
        assert_eq!(count("tag-key", "Name"), 1);
        assert_eq!(count("cidr", "10.?.0.0/16"), 2);
        assert_eq!(count("is-default", "true"), 0);
        let error = account.error("DescribeVpcs", json!({"Filter": [{"Name": "colour", "Value": ["red"]}]}));
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("InvalidParameterValue", "The filter 'colour' is invalid")
        );
    }
}
