//! What happened to each call, and how often each fault met each operation.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// A server that runs for long goes on counting when it stops logging.
const LONGEST: usize = 1_000_000;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Counted from one.
    pub call: u64,
    pub time: Timestamp,
    /// `ec2:CreateSubnet`.
    pub operation: String,
    /// The class of the fault that it met.
    pub fault: Option<&'static str>,
    /// What came of it where it was carried out (`200`, `400 InvalidVpcID.NotFound`); none where it was not.
    pub carried_out: Option<String>,
    /// What the caller was told: a status, `half of 200`, `connection dropped` or `nothing`.
    pub answer: String,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Vec<Entry>,
    counts: BTreeMap<(&'static str, String), u64>,
}

impl Log {
    /// A call came: the place of its entry, none when the log is full.
    pub(super) fn begin(&mut self, call: u64, time: Timestamp, operation: String) -> Place {
        let entry = (self.entries.len() < LONGEST).then_some(self.entries.len());
        if entry.is_some() {
            let operation = operation.clone();
            let entry = Entry { call, time, operation, fault: None, carried_out: None, answer: String::new() };
            self.entries.push(entry);
        }
        Place { entry, operation }
    }

    /// What came of it.
    pub(super) fn finish(
        &mut self,
        place: Place,
        fault: Option<&'static str>,
        carried_out: Option<String>,
        answer: String,
    ) {
        if let Some(entry) = place.entry.and_then(|entry| self.entries.get_mut(entry)) {
            (entry.fault, entry.carried_out, entry.answer) = (fault, carried_out, answer);
        }
        if let Some(fault) = fault {
            *self.counts.entry((fault, place.operation)).or_default() += 1;
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn counts(&self) -> &BTreeMap<(&'static str, String), u64> {
        &self.counts
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            serde_json::to_writer(&mut bytes, entry).ok();
            bytes.push(b'\n');
        }
        bytes
    }
}

/// Where a call stands in the log.
#[derive(Debug)]
pub(super) struct Place {
    entry: Option<usize>,
    operation: String,
}
