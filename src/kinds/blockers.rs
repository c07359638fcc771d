//! Who keeps something from being deleted, in words for people.

use std::collections::BTreeMap;
use std::fmt;

use super::STACK_TAG;

/// How many are named.
const NAMED: usize = 5;

/// Something that AWS refuses to delete an object over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// `network interface eni-1 of instance i-1`.
    pub what: String,
    pub fate: Fate,
}

/// What will become of a blocker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It belongs to somebody else, who alone takes it away.
    Foreign,
    /// Nothing tells.
    Unknown,
    /// It is this stack's.
    Ours,
    /// It is on its way out.
    Passing,
}

impl Fate {
    /// Of an object with these tags, seen from a stack.
    pub(super) fn of(tags: &BTreeMap<String, String>, stack: &str) -> Self {
        if tags.get(STACK_TAG).is_some_and(|owner| owner == stack) { Self::Ours } else { Self::Foreign }
    }
}

impl Blocker {
    pub(super) fn new(what: impl Into<String>, fate: Fate) -> Self {
        Self { what: what.into(), fate }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        f.write_str(match self.fate {
            Fate::Foreign => " (not of this stack)",
            Fate::Unknown => "",
            Fate::Ours => " (of this stack)",
            Fate::Passing => " (goes by itself)",
        })
    }
}

/// All of them on one line: first those that never go by themselves.
pub fn told(blockers: &[Blocker]) -> String {
    let mut sorted: Vec<&Blocker> = blockers.iter().collect();
    sorted.sort_by_key(|blocker| blocker.fate);
    let mut parts: Vec<String> = sorted.iter().take(NAMED).map(ToString::to_string).collect();
    if sorted.len() > NAMED {
        parts.push(format!("{} more", sorted.len() - NAMED));
    }
    let mut text = format!("still in use by: {}", parts.join("; "));
    if sorted.first().is_some_and(|blocker| blocker.fate == Fate::Foreign) {
        text.push_str("; what is not of this stack is for its owner to take away");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_stay_come_first_and_not_all_are_named() {
        let mut all: Vec<Blocker> =
            (0..6).map(|number| Blocker::new(format!("task {number}"), Fate::Passing)).collect();
        assert!(told(&all[..1]).ends_with("task 0 (goes by itself)"));
        all.push(Blocker::new("instance i-1", Fate::Foreign));
        let text = told(&all);
        assert!(text.starts_with("still in use by: instance i-1 (not of this stack); task 0"), "{text}");
        assert!(text.contains("; 2 more; what is not of this stack"), "{text}");
    }
}
