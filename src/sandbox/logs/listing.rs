//! DescribeLogGroups, by prefix, part of the name, identifiers or class, in pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::input::{IDENTIFIER, NAME, check, class, text, violation, whole};
use super::{LogGroup, invalid};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const LARGEST_PAGE: i64 = 50;
const MOST_IDENTIFIERS: usize = 50;

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (prefix, class) = (text(call, "logGroupNamePrefix", &NAME)?, class(call)?);
    // It may be empty, and is then none.
    let pattern = match call.text("logGroupNamePattern") {
        None => None,
        Some(_) => text(call, "logGroupNamePattern", &NAME)?,
    };
    let identifiers = call.texts("logGroupIdentifiers");
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive parameters."));
    }
    if !identifiers.is_empty() && (prefix.is_some() || pattern.is_some() || class.is_some()) {
        return Err(invalid("logGroupIdentifiers can not be used with another filter."));
    }
    if identifiers.len() > MOST_IDENTIFIERS {
        let constraint = "Member must have length less than or equal to 50";
        return Err(violation(identifiers.len(), "logGroupIdentifiers", constraint));
    }
    for identifier in &identifiers {
        check(identifier, "logGroupIdentifiers", &IDENTIFIER)?;
    }
    let own = state.arn("logs", "log-group:");
    let asked: BTreeSet<&str> = identifiers.iter().map(|one| one.strip_prefix(&own).unwrap_or(one)).collect();
    let fits = |name: &str, group: &LogGroup| {
        (asked.is_empty() || asked.contains(name))
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.is_none_or(|part| name.contains(part))
            && class.is_none_or(|class| is_of_class(group, class))
    };
    let found: Vec<(&String, &LogGroup)> = state.logs.groups.iter().filter(|(name, group)| fits(name, group)).collect();
    let (shown, next) = page(call, &found)?;
    let shown: Vec<Value> = shown.iter().map(|(name, group)| show(name, group, pattern.is_some())).collect();
    let mut answer = json!({"logGroups": shown});
    if let Some(token) = next {
        answer["nextToken"] = token.into();
    }
    Ok(answer)
}

/// "If you specify either INFREQUENT_ACCESS or ESSENTIALS, the results include log groups in both."
fn is_of_class(group: &LogGroup, wanted: &str) -> bool {
    let cheap = ["INFREQUENT_ACCESS", "ESSENTIALS"];
    group.class == wanted || (cheap.contains(&wanted) && cheap.contains(&group.class.as_str()))
}

type Page<'a> = (&'a [(&'a String, &'a LogGroup)], Option<String>);

/// A token is the name that the next page begins with, in hexadecimal.
fn page<'a>(call: &Call, found: &'a [(&'a String, &'a LogGroup)]) -> Result<Page<'a>, AwsError> {
    let limit = whole(call, "limit")?.unwrap_or(LARGEST_PAGE);
    if limit < 1 {
        return Err(violation(limit, "limit", "Member must have value greater than or equal to 1"));
    }
    if limit > LARGEST_PAGE {
        return Err(violation(limit, "limit", "Member must have value less than or equal to 50"));
    }
    let token = |name: &str| name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let start = match call.text("nextToken") {
        None => 0,
        Some(given) => found
            .iter()
            .position(|(name, _)| token(name) == given)
            .ok_or_else(|| invalid("The specified nextToken is invalid."))?,
    };
    let rest = &found[start..];
    let size = usize::try_from(limit).unwrap_or(usize::MAX).min(rest.len());
    Ok((&rest[..size], rest.get(size).map(|(name, _)| token(name))))
}

/// With a pattern the answer is short.
fn show(name: &str, group: &LogGroup, is_short: bool) -> Value {
    let LogGroup { arn, created, class, retention, key, is_protected, tags: _ } = group;
    let mut shown = json!({"logGroupName": name, "creationTime": created, "arn": format!("{arn}:*")});
    if is_short {
        return shown;
    }
    shown["logGroupArn"] = json!(arn);
    shown["metricFilterCount"] = json!(0);
    shown["storedBytes"] = json!(0);
    shown["logGroupClass"] = json!(class);
    shown["deletionProtectionEnabled"] = json!(is_protected);
    // Whatever was put: Terraform's provider documents that the class DELIVERY forces two days.
    if let Some(days) = if class == "DELIVERY" { &Some(2) } else { retention } {
        shown["retentionInDays"] = json!(days);
    }
    if let Some(key) = key {
        shown["kmsKeyId"] = json!(key);
    }
    shown
}
