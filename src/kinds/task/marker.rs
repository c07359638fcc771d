//! The tag on a task definition's revision that says what ran from it, and the one on a cluster of ours that says where
//! to look when the definition is somebody else's.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spec::TaskSpec;

/// The longest key of a tag, and the longest `startedBy`.
const LONGEST: usize = 128;
const RAN: &str = "farpost/ran/";
/// The longest value of a tag.
const LONGEST_VALUE: usize = 256;

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    /// Whether it succeeded; otherwise it was begun.
    pub(super) is_done: bool,
    /// Of what ran.
    pub(super) digest: String,
    pub(super) cluster: String,
    /// By what its tasks can be listed, where the manifest says that.
    pub(super) started_by: Option<String>,
}

impl Marker {
    pub(super) fn of(tags: &BTreeMap<String, String>, key: &str) -> Option<Self> {
        let mut words = tags.get(key)?.split(' ');
        let is_done = match words.next()? {
            "done" => true,
            "started" => false,
            _ => return None,
        };
        let (digest, cluster) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Self { is_done, digest, cluster, started_by: words.next().map(str::to_owned) })
    }

    pub(super) fn value(&self) -> String {
        let text = format!("{} {} {}", if self.is_done { "done" } else { "started" }, self.digest, self.cluster);
        with_starter(text, self.started_by.as_deref())
    }
}

/// What a cluster of ours remembers of a run from a definition of others, which no survey reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    /// `till:7`
    pub(super) revision: String,
    pub(super) started_by: Option<String>,
}

impl Trace {
    pub(super) fn of(tags: &BTreeMap<String, String>, key: &str) -> Option<Self> {
        let mut words = tags.get(key)?.split(' ').map(str::to_owned);
        Some(Self { revision: words.next()?, started_by: words.next() })
    }

    pub(super) fn value(&self) -> String {
        with_starter(self.revision.clone(), self.started_by.as_deref())
    }
}

/// What does not fit is not remembered.
fn with_starter(text: String, started_by: Option<&str>) -> String {
    match started_by {
        Some(word) if text.len() + 1 + word.len() <= LONGEST_VALUE => format!("{text} {word}"),
        _ => text,
    }
}

/// The key of a declaration's tag.
pub(super) fn key(stack: &str, name: &str) -> String {
    short(format!("{RAN}{stack}/{name}"))
}

/// The declarations of a stack that tags speak of. Keys that had to be shortened tell no name.
pub(super) fn names(tags: &BTreeMap<String, String>, stack: &str) -> Vec<String> {
    let prefix = format!("{RAN}{stack}/");
    let names = tags.keys().filter(|key| key.len() < LONGEST).filter_map(|key| key.strip_prefix(&prefix));
    names.map(str::to_owned).collect()
}

/// By what the tasks of a declaration can be listed, when the manifest does not say.
pub(super) fn started_by(stack: &str, name: &str) -> String {
    short(format!("farpost/{stack}/{name}"))
}

fn short(text: String) -> String {
    if text.len() < LONGEST {
        return text;
    }
    let digest = &crate::digest::hex(&text)[..32];
    let beginning: String = text.chars().take(LONGEST - 33).collect();
    format!("{beginning}-{digest}")
}

/// The digest of what runs: the normalised spec with the revision that it resolves to.
pub(super) fn digest(spec: &TaskSpec, revision: &str) -> String {
    let spec = TaskSpec { task_definition: revision.to_owned(), tags: None, ..spec.clone() };
    let value: Value = serde_json::to_value(spec).unwrap_or_default();
    crate::digest::of_value(&value)[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_come_back_from_tags() {
        let (mut marker, mut tags) = (
            Marker { is_done: true, digest: "00ff".to_owned(), cluster: "edge".to_owned(), started_by: None },
            BTreeMap::new(),
        );
        for started_by in [None, Some("nightly/7".to_owned())] {
            marker.started_by = started_by.clone();
            tags = BTreeMap::from([(key("branch-17", "migrate"), marker.value())]);
            assert_eq!(Marker::of(&tags, "farpost/ran/branch-17/migrate"), Some(marker.clone()));
            let trace = Trace { revision: "till:7".to_owned(), started_by };
            let on_cluster = BTreeMap::from([("k".to_owned(), trace.value())]);
            assert_eq!(Trace::of(&on_cluster, "k"), Some(trace));
        }
        assert_eq!(Marker::of(&tags, "farpost/ran/branch-17/other"), None);
        assert_eq!(names(&tags, "branch-17"), ["migrate"]);
        assert_eq!(names(&tags, "branch"), [""; 0]);
    }

    #[test]
    fn long_names_are_shortened_and_stay_apart() {
        let long = "x".repeat(128);
        let one = started_by("branch-17", &format!("{long}a"));
        assert_eq!(one.len(), 128);
        assert_ne!(one, started_by("branch-17", &format!("{long}b")));
    }

    #[test]
    fn the_digest_follows_the_revision_and_the_spec() {
        let spec = TaskSpec { task_definition: "till".to_owned(), ..TaskSpec::default() };
        let other = TaskSpec { count: Some(2), ..spec.clone() };
        let of = digest(&spec, "till:1");
        assert_eq!(of.len(), 32);
        assert!(of != digest(&spec, "till:2") && of != digest(&other, "till:1"));
    }
}
