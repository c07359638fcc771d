//! What was before the last writes, for reads that lag behind them.
//!
//! AWS's answers come from copies that may not have heard of the last writes. Here a copy of the state is kept from
//! before each write that somebody may still be asked not to see. What happens by itself is not held back: a read
//! lags only while there is a write that it must not see.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::state::State;
use super::wire::AwsError;

/// How far a call is behind the writes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// A write is not seen by so many calls after it.
    Calls(u64),
    /// A write is not seen for so long.
    Time(Duration),
}

/// The states that calls may be answered from.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The longest lags that there may be; nothing is kept while both are zero.
    most_calls: u64,
    most_time: Duration,
    /// How many calls there were.
    calls: u64,
    before: VecDeque<Before>,
}

/// What was before a write.
#[derive(Debug)]
struct Before {
    call: u64,
    at: Timestamp,
    state: State,
}

impl History {
    /// From now on, what calls that lag so far need is kept.
    pub(super) fn reach(&mut self, lag: Lag) {
        match lag {
            Lag::Calls(calls) => self.most_calls = self.most_calls.max(calls),
            Lag::Time(time) => self.most_time = self.most_time.max(time),
        }
    }

    /// One more call.
    pub(super) fn count(&mut self) {
        self.calls += 1;
    }

    /// A write is about to be carried out.
    pub(super) fn keep(&mut self, state: &State, now: Timestamp) {
        if self.most_calls == 0 && self.most_time.is_zero() {
            return;
        }
        let (calls, most) = (self.calls, [Lag::Calls(self.most_calls), Lag::Time(self.most_time)]);
        while self.before.pop_front_if(|before| !most.iter().any(|lag| before.is_hidden(*lag, calls, now))).is_some() {}
        self.before.push_back(Before { call: self.calls, at: now, state: state.clone() });
    }

    /// The write that was about to be carried out was refused.
    pub(super) fn drop_last(&mut self) {
        if self.before.back().is_some_and(|before| before.call == self.calls) {
            self.before.pop_back();
        }
    }

    /// The state that the present call sees; none when there is no write that it must not see.
    pub(super) fn seen(&mut self, lag: Lag, now: Timestamp) -> Option<&mut State> {
        let calls = self.calls;
        self.before.iter_mut().find(|before| before.is_hidden(lag, calls, now)).map(|before| &mut before.state)
    }
}

impl Before {
    /// Whether its write is not seen by a call.
    fn is_hidden(&self, lag: Lag, call: u64, now: Timestamp) -> bool {
        match lag {
            Lag::Calls(calls) => self.call + calls >= call,
            Lag::Time(time) => self.at.checked_add(time).is_ok_and(|seen| now < seen),
        }
    }
}

/// Whether a call was refused because something does not exist, as far as who refused it knew.
pub(super) fn is_missing(error: &AwsError) -> bool {
    const CODES: &[&str] = &["NotFound", "NotFoundException", "NoSuchEntity", "NoSuchEntityException", "NoSuchBucket"];
    const TEXTS: &[&str] = &[
        "does not exist",
        "not found",
        "Not existing InstanceId",
        "Invalid IAM Instance Profile",
        "Unable to describe task definition",
    ];
    let AwsError { code, message, .. } = error;
    CODES.iter().any(|end| code.ends_with(end)) || TEXTS.iter().any(|text| message.contains(text))
}
