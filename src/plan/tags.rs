//! Tags: which of an object's are ours, and what has to happen to them.
//!
//! An object remembers in a tag which keys were declared for it, so that a key that is taken out of the manifest is
//! taken off the object, and keys of others are left alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::FieldChange;
use crate::address::Address;
use crate::kinds::Attributes;
use crate::manifest::{Reference, substitute};

/// The tag that says what happens when the manifest goes: `retain` keeps the object, `prevent` refuses the plan.
pub const ON_DELETE_TAG: &str = "farpost/on-delete";
/// The tag that remembers which keys were declared.
const KEYS_TAG: &str = "farpost/tag-keys";
/// Between the keys; every service allows these letters in a value.
const BETWEEN: &str = " + ";
/// The longest value that AWS takes.
const LONGEST: usize = 256;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Adds the tag that remembers the declared keys. What does not fit is not remembered, and then never taken off.
pub fn remember(declared: &Tags, all: &mut Tags) {
    let mut text = String::new();
    for key in declared.keys().filter(|key| !key.contains(BETWEEN)) {
        let between = if text.is_empty() { "" } else { BETWEEN };
        if text.len() + between.len() + key.len() > LONGEST {
            break;
        }
        text.push_str(between);
        text.push_str(key);
    }
    if !text.is_empty() {
        all.insert(KEYS_TAG.to_owned(), text);
    }
}

/// The tag that remembers keys, of an object whose tags are kept in two places: what either of them remembers is ours. Where
/// they do not remember the same, the text is none that anybody wants. None when neither remembers any.
pub fn remembered_by_either(one: &Tags, other: &Tags) -> Option<(String, String)> {
    let (one, other) = (one.get(KEYS_TAG), other.get(KEYS_TAG));
    let keys: BTreeSet<&str> = [one, other].into_iter().flatten().flat_map(|text| text.split(BETWEEN)).collect();
    let end = if one == other { "" } else { BETWEEN };
    (!keys.is_empty()).then(|| (KEYS_TAG.to_owned(), Vec::from_iter(keys).join(BETWEEN) + end))
}

/// What has to be set and what taken off to bring `live` to `desired`.
pub fn difference(desired: &Tags, live: &Tags) -> (Tags, Vec<String>) {
    let set = desired.iter().filter(|(key, value)| live.get(*key) != Some(value));
    let set = set.map(|(key, value)| (key.clone(), value.clone())).collect();
    let declared_before = live.get(KEYS_TAG).into_iter().flat_map(|keys| keys.split(BETWEEN));
    let ours = declared_before.chain([ON_DELETE_TAG, KEYS_TAG]);
    let gone = ours.filter(|key| live.contains_key(*key) && !desired.contains_key(*key));
    (set, gone.map(str::to_owned).collect())
}

/// The same as changes of fields.
pub fn changes(desired: &Tags, live: &Tags) -> Vec<FieldChange> {
    let (set, gone) = difference(desired, live);
    let change = |key: &String, after: Option<&String>| FieldChange {
        path: format!("tags.{key}"),
        before: live.get(key).cloned().map(Value::String),
        after: after.cloned().map(Value::String),
        forces_replacement: false,
    };
    let set = set.iter().map(|(key, value)| change(key, Some(value)));
    set.chain(gone.iter().map(|key| change(key, None))).collect()
}

/// Tags with the references resolved whose answer is known; the others stay as they are written.
pub fn resolved(tags: &Tags, known: &BTreeMap<Address, Attributes>) -> Tags {
    let value_of = |reference: &Reference| {
        let attribute = reference.attribute.as_deref()?;
        known.get(&Address::from(reference))?.get(attribute).cloned().map(Value::String)
    };
    let resolve = |text: &String| match substitute(&Value::String(text.clone()), &value_of) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let is_open = |text: &String| crate::manifest::references::contains(text);
    tags.iter().map(|(key, text)| (key.clone(), if is_open(text) { resolve(text) } else { text.clone() })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_was_declared_and_is_no_more_is_taken_off() {
        let mut live = tags(&[("team", "a"), ("cost centre", "7"), ("of others", "x")]);
        remember(&tags(&[("team", "a"), ("cost centre", "7")]), &mut live);
        let mut desired = tags(&[("team", "b")]);
        remember(&desired.clone(), &mut desired);
        let (set, gone) = difference(&desired, &live);
        assert_eq!(set, tags(&[("team", "b"), (KEYS_TAG, "team")]));
        assert_eq!(gone, ["cost centre"]);
    }

    #[test]
    fn guards_are_taken_off() {
        let (_, gone) = difference(&Tags::new(), &tags(&[(ON_DELETE_TAG, "prevent")]));
        assert_eq!(gone, [ON_DELETE_TAG]);
    }
}
