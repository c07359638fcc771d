//! Takes the lease: at once when it is free, and else when it is given up, or nothing of its holder was seen for
//! [`EXPIRY`].

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::object::{Condition, Object, Seen, Written};
use super::record::{Record, Unfinished};
use super::trouble::Trouble;
use super::{EXPIRY, Lease, Moment, NotTaken};
use crate::aws::{Cause, Fault};

/// How often a lease that is held is looked at.
const POLL: Duration = Duration::from_secs(5);
/// The pause before another try when somebody wrote at the same moment; up to twice this.
const CONFLICT: Duration = Duration::from_millis(200);
/// How long calls without an answer are repeated.
const TROUBLE: Duration = Duration::from_secs(30);
/// The pause between them.
const AGAIN: Duration = Duration::from_secs(2);

/// A lease that was taken.
pub(super) struct Taken {
    pub(super) etag: String,
    /// When the write began that took it.
    pub(super) at: Moment,
    /// What the holder before left unfinished; none when there was none before.
    pub(super) before: Option<Unfinished>,
}

/// What is there now.
struct Standing {
    record: Record,
    etag: String,
    /// Since when it was seen to be unchanged.
    since: Instant,
}

impl Standing {
    fn is_free(&self, dead: Option<&str>) -> bool {
        self.record.released.is_some() || dead == Some(self.record.holder.id.as_str()) || self.since.elapsed() >= EXPIRY
    }
}

/// Takes the lease for the holder of `record`. `dead` is the id of a holder that is known not to live.
pub(super) async fn take(
    lease: &Lease,
    object: &Object,
    record: &mut Record,
    dead: Option<&str>,
    until: Instant,
) -> Result<Taken, NotTaken> {
    let refused = |trouble: &Trouble| NotTaken::refused(trouble, &object.place, &lease.place.region);
    let mut standing: Option<Standing> = None;
    let mut last_said: Option<String> = None;
    let mut silent: Option<Instant> = None;
    // When the first write began that may have taken it without an answer.
    let mut begun: Option<(Moment, Option<Unfinished>)> = None;
    loop {
        if standing.as_ref().is_none_or(|standing| standing.is_free(dead)) {
            let now = Moment::now(&lease.clock);
            let before = standing.as_ref().map(|standing| standing.record.creating.clone());
            prepare(record, standing.as_ref(), now.wall);
            let condition = standing.as_ref().map_or(Condition::Absent, |one| Condition::Unchanged(&one.etag));
            match object.write(record, condition).await {
                Written::Yes(etag) => return Ok(Taken { etag, at: now, before }),
                Written::No => {
                    if silent.get_or_insert_with(Instant::now).elapsed() >= TROUBLE {
                        let message = "other writers keep being faster";
                        let fault = Fault::found("s3:PutObject", Cause::AlreadyExists, message);
                        return Err(refused(&Trouble::Fault(fault)));
                    }
                    pause(CONFLICT).await;
                }
                Written::Unknown(fault) => {
                    begun.get_or_insert((now, before));
                    bear(&mut silent, fault, &refused).await?;
                }
                Written::Refused(trouble) => return Err(refused(&trouble)),
            }
        } else if let Some(standing) = &standing {
            let holder = standing.record.held_by();
            if Instant::now() >= until {
                let place = format!("s3://{}/{}", object.place.bucket, object.place.key);
                return Err(NotTaken::Busy { stack: lease.place.stack.clone(), holder, place });
            }
            if last_said.as_ref() != Some(&holder) {
                (lease.say)(&format!("waiting: the lease of {} is held by {holder}\n", lease.place.stack));
                last_said = Some(holder);
            }
            let expiry = standing.since + EXPIRY;
            tokio::time::sleep_until((Instant::now() + POLL).min(until).min(expiry)).await;
        }
        match object.look().await {
            Seen::Nothing => standing = None,
            Seen::Lease(seen, etag) if seen.is_held_by(&record.holder) => {
                let (at, before) = begun.unwrap_or((Moment::now(&lease.clock), None));
                *record = *seen;
                return Ok(Taken { etag, at, before });
            }
            Seen::Lease(seen, etag) if seen.is_of(&lease.place) => {
                if seen.released.is_none() {
                    silent = None;
                }
                let since = standing.as_ref().filter(|known| known.etag == etag).map(|known| known.since);
                if since.is_none() {
                    // Somebody wrote since: what was sent before that did not take it.
                    begun = None;
                }
                let since = since.unwrap_or_else(Instant::now);
                standing = Some(Standing { record: *seen, etag, since });
            }
            Seen::Lease(other, _) => {
                let message = format!(
                    "s3://{}/{} is the lease of the stack {} in account {}, {}",
                    object.place.bucket, object.place.key, other.stack, other.account, other.region
                );
                return Err(NotTaken::NotOurs { message });
            }
            Seen::Other => {
                let message = format!("s3://{}/{} is there and is not a lease", object.place.bucket, object.place.key);
                return Err(NotTaken::NotOurs { message });
            }
            Seen::Unknown(fault) => bear(&mut silent, fault, &refused).await?,
            Seen::Refused(trouble) => return Err(refused(&trouble)),
        }
    }
}

/// Makes the record what is to be written over what stands there.
fn prepare(record: &mut Record, standing: Option<&Standing>, now: Timestamp) {
    record.number = standing.map_or(1, |standing| standing.record.number.saturating_add(1));
    record.creating = standing.map(|standing| standing.record.creating.clone()).unwrap_or_default();
    record.beat += 1;
    (record.acquired, record.heartbeat) = (now, now);
}

async fn pause(time: Duration) {
    tokio::time::sleep(time.mul_f64(1.0 + fastrand::f64())).await;
}

/// Waits before a call is repeated that had no answer, and gives up after a while.
async fn bear(
    silent: &mut Option<Instant>,
    fault: Fault,
    refused: &impl Fn(&Trouble) -> NotTaken,
) -> Result<(), NotTaken> {
    let since = *silent.get_or_insert_with(Instant::now);
    if since.elapsed() >= TROUBLE {
        return Err(refused(&Trouble::Fault(fault)));
    }
    tracing::debug!(%fault, "the lease: no answer, looking again");
    pause(AGAIN).await;
    Ok(())
}
