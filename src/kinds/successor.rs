//! An object and what replaces it, while both exist.
//!
//! What is made in place of another carries that one's id in a tag from its first moment, so that a run that is cut off
//! leaves no doubt which of two objects of one name is meant. Before the id stands a number that is one higher than
//! the other's: names come back, and then each of two could say that it replaces the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Found, RESOURCE_TAG, STACK_TAG};
use crate::address::Address;
use crate::desired::Desired;
use crate::manifest::references::whole;
use crate::observed::Survey;

/// The tag that says what an object replaces: `1 sg-0a1b sg-2c3d`.
pub const REPLACES_TAG: &str = "farpost/replaces";

/// The longest value of a tag.
const LONGEST: usize = 256;
/// The longest id that stands in a tag as it is.
const LONGEST_ID: usize = 60;

/// Whether an object and what replaces it can exist side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Together {
    Yes,
    /// As far as AWS has room for both. Where room is scarce, one is replaced after the other.
    IfRoom {
        scarce: bool,
    },
    /// They may get in each other's way, for this reason: not unless it is asked for.
    IfAsked(String),
    /// What is in the way.
    No(String),
}

/// What else there is, for a kind that has to know.
#[derive(Debug, Clone, Copy)]
pub struct Others<'a> {
    pub survey: &'a Survey,
    pub desired: &'a Desired,
}

impl Others<'_> {
    /// The declared spec of what a text refers to, else the live one of what has that id.
    pub(super) fn spec_of(&self, kind: &str, text: &str) -> Option<&Value> {
        if let Some(reference) = whole(text) {
            return self.desired.get(&Address::from(&reference)).map(|resource| &resource.spec);
        }
        self.survey.of(kind).iter().find(|one| one.id == text).map(|one| &one.spec)
    }

    /// Whether a subnet is on an Outpost, as far as is known.
    pub(super) fn is_on_outpost(&self, subnet: &str) -> bool {
        self.spec_of("Subnet", subnet).is_some_and(|spec| spec["outpostArn"].is_string())
    }
}

/// What the tag of something says that replaces these: the one that is replaced now is the first.
pub fn value<'a>(replaced: impl IntoIterator<Item = &'a Found>) -> String {
    let replaced: Vec<&Found> = replaced.into_iter().collect();
    let mut text = (1 + replaced.iter().map(|one| number(&one.tags)).max().unwrap_or(0)).to_string();
    for mark in replaced.iter().map(|one| mark(&one.id)) {
        if text.len() + 1 + mark.len() > LONGEST {
            break;
        }
        text.push(' ');
        text.push_str(&mark);
    }
    text
}

/// The ids of those among `found`, all of one kind, that another of the same name replaces.
pub fn replaced<S>(found: &[Found<S>]) -> BTreeSet<&str> {
    let whose = |one: &Found<S>| (one.tags.get(STACK_TAG).cloned(), one.tags.get(RESOURCE_TAG).cloned());
    let by: Vec<(&Found<S>, Vec<&str>)> =
        found.iter().filter_map(|one| Some((one, one.tags.get(REPLACES_TAG)?.split(' ').skip(1).collect()))).collect();
    if by.is_empty() {
        return BTreeSet::new();
    }
    let is_replaced = |old: &Found<S>| {
        let mark = mark(&old.id);
        by.iter().any(|(new, marks)| {
            number(&new.tags) > number(&old.tags) && marks.contains(&mark.as_str()) && whose(new) == whose(old)
        })
    };
    found.iter().filter(|one| is_replaced(one)).map(|one| one.id.as_str()).collect()
}

/// What an object says that it replaces, for kinds that find objects by name only.
pub(super) fn marks(tags: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    tags.get(REPLACES_TAG).into_iter().flat_map(|value| value.split(' ').skip(1))
}

fn number(tags: &BTreeMap<String, String>) -> u32 {
    tags.get(REPLACES_TAG).and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// An id as it may stand in a tag.
pub(super) fn mark(id: &str) -> String {
    let may_stand = |letter: char| letter.is_ascii_alphanumeric() || "+-=._:/@".contains(letter);
    match id.len() <= LONGEST_ID && id.chars().all(may_stand) {
        true => id.to_owned(),
        false => crate::digest::hex(id)[..16].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Attributes, Readiness};

    fn found(id: &str, replaces: Option<&str>) -> Found {
        let mut tags = BTreeMap::from([
            (STACK_TAG.to_owned(), "store".to_owned()),
            (RESOURCE_TAG.to_owned(), "Role/till".to_owned()),
        ]);
        tags.extend(replaces.map(|value| (REPLACES_TAG.to_owned(), value.to_owned())));
        Found {
            id: id.to_owned(),
            key: None,
            spec: serde_json::Value::Null,
            attributes: Attributes::new(),
            tags,
            readiness: Readiness::Ready,
            detail: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_one_that_is_named_by_a_newer_one_is_replaced() {
        let old = found("a", None);
        let new = found("b", Some(&value([&old])));
        assert_eq!(replaced(&[old.clone(), new.clone()]), BTreeSet::from(["a"]));
        // The name comes back while the second is there.
        let again = found("a", Some(&value([&new])));
        assert_eq!(again.tags[REPLACES_TAG], "2 b");
        assert_eq!(replaced(&[new, again]), BTreeSet::from(["b"]));
    }

    #[test]
    fn a_chain_leaves_one() {
        let old = found("a", None);
        let new = found("b", Some(&value([&old])));
        let newest = found("c", Some(&value([&new, &old])));
        assert_eq!(replaced(&[old, new, newest]), BTreeSet::from(["a", "b"]));
    }

    #[test]
    fn others_of_that_id_are_left_alone() {
        let mut other = found("a", None);
        other.tags.insert(RESOURCE_TAG.to_owned(), "Role/office".to_owned());
        let new = found("b", Some("1 a"));
        assert_eq!(replaced(&[other, new]), BTreeSet::new());
    }

    #[test]
    fn what_may_not_stand_in_a_tag_is_digested() {
        assert_eq!(mark("sg-0a1b"), "sg-0a1b");
        for id in ["a,b", "/aws/ecs#1", &"x".repeat(61), "two words"] {
            assert_eq!(mark(id).len(), 16, "{id}");
        }
        let many: Vec<Found> = (0..30).map(|number| found(&format!("sg-{number:017x}"), None)).collect();
        assert!(value(&many).len() <= LONGEST);
    }
}
