//! What the object of a lease says, and the file beside a lock.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::machine;
use crate::address::Address;
use crate::kinds::Place;

/// What the object says it is.
const FORMAT: &str = "farpost/v1";

/// After this, every look at AWS shows what was made before.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// How far apart the clocks of two machines that can sign requests may be, 5 minutes from AWS's each, and a minute in which
/// answers may lag.
const APART: Duration = Duration::from_secs(11 * 60);

/// After this, every look shows what was made and has been seen once.
pub(super) const SHOWN: Duration = Duration::from_secs(20);

/// Creates whose end is not known, or so near that answers may be from before it.
pub(super) type Unfinished = BTreeMap<Address, Begun>;

/// A create that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    pub at: Timestamp,
    /// How the run was called that began it; its idempotency tokens come from that.
    pub run: String,
    /// Whether it is known to have been made, so that only answers that lag can hide it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

impl Begun {
    /// Takes it for begun now, as far as the clock of the machine that began it may be wrong.
    pub(super) fn distrust_clock(&mut self, now: Timestamp) {
        if self.age(now) < APART {
            self.at = now;
        }
    }

    /// How long ago it was. A time that is yet to come is of a clock that was ahead.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.at)).unwrap_or_default()
    }
}

/// A lease, held or given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    lease: String,
    pub(super) stack: String,
    pub(super) account: String,
    pub(super) region: String,
    /// Counts the holders.
    pub(super) number: u64,
    /// Counts what this holder wrote, so that no two writes look the same.
    pub(super) beat: u64,
    pub(super) holder: Holder,
    pub(super) acquired: Timestamp,
    pub(super) heartbeat: Timestamp,
    /// When its holder gave it up; none while it holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) released: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) creating: Unfinished,
}

/// A process that holds a lease, or held it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    /// `user@host`.
    who: String,
    pid: u32,
    /// By chance, so that no two are the same.
    pub(super) id: String,
}

impl Holder {
    /// This process; each time another holder.
    pub(super) fn here() -> Self {
        let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        Self { who: machine::user_at_host(), pid: std::process::id(), id }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, process {}", self.who, self.pid)
    }
}

impl Record {
    pub(super) fn new(place: &Place, holder: Holder, now: Timestamp) -> Self {
        Self {
            lease: FORMAT.to_owned(),
            stack: place.stack.clone(),
            account: place.account.clone(),
            region: place.region.clone(),
            number: 1,
            beat: 0,
            holder,
            acquired: now,
            heartbeat: now,
            released: None,
            creating: BTreeMap::new(),
        }
    }

    /// The lease that an object holds; none when it holds something else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|record: &Self| record.lease == FORMAT)
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(super) fn is_of(&self, place: &Place) -> bool {
        (&self.stack, &self.account, &self.region) == (&place.stack, &place.account, &place.region)
    }

    pub(super) fn is_held_by(&self, holder: &Holder) -> bool {
        self.released.is_none() && self.holder == *holder
    }

    /// Whoever holds it and since when, for people.
    pub(super) fn held_by(&self) -> String {
        format!("{}, since {}", self.holder, self.acquired.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// Drops what is so old that looking longer tells nothing more.
pub(super) fn forget_old(unfinished: &mut Unfinished, now: Timestamp) {
    unfinished.retain(|_, begun| begun.age(now) < if begun.made { SHOWN } else { OLD });
}
