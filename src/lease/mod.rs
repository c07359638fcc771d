//! One writer a stack: a lock among the processes of a machine, and a lease in S3 among machines.
//!
//! Who writes holds both from before it looks until it is done ([`Lease::acquire`]). The lease is an object that is
//! written under conditions only. Its holder writes it again every few seconds; one that has not changed for a minute,
//! by the clock of whoever watched it, is taken over. A holder that could not renew it in time takes itself for
//! replaced before anybody else does ([`Held::check`]), so no two ever write together. No clock of another machine is
//! believed.
//!
//! The lock and the lease also remember which creates are under way ([`Held::creating`]): a process that dies leaves
//! that to the next one, which then looks longer before it creates again.

mod held;
mod keeper;
mod local;
mod machine;
mod object;
mod record;
mod take;
#[cfg(test)]
mod tests;
mod trouble;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use jiff::Timestamp;
use tokio::time::Instant;

pub use self::held::{Held, Lost};
use self::local::Local;
pub use self::local::folder;
use self::object::Object;
pub use self::record::Begun;
use self::record::{Holder, Record};
pub use self::trouble::NotTaken;
use crate::desired::LeasePlace;
use crate::kinds::Place;

/// How often the holder writes the lease, when all is well.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// After how long without a change a lease is taken over.
pub const EXPIRY: Duration = Duration::from_secs(60);
/// After how long without a renewal its holder writes nothing any more. What is left until [`EXPIRY`] is for calls that
/// were sent before.
pub const FENCED: Duration = Duration::from_secs(40);
/// How long writers wait for each other when nobody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Tells the wall clock; virtual in tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is to be taken, and how.
#[derive(Clone)]
pub struct Lease {
    pub place: Place,
    /// What tells one account 123456789012 from another: the file of a sandbox, or the address of an endpoint; empty for
    /// AWS itself.
    pub world: String,
    /// Where locks of this machine are kept.
    pub folder: PathBuf,
    /// The lease in S3; none when the stack has none.
    pub object: Option<LeasePlace>,
    /// How long to wait while somebody else holds it.
    pub patience: Duration,
    pub clock: Clock,
    /// Hears whom it waits for, a line each.
    pub say: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("place", &self.place).field("object", &self.object).finish_non_exhaustive()
    }
}

/// A moment by the clock that stands still while a machine sleeps, and by the one that does not.
#[derive(Debug, Clone, Copy)]
struct Moment {
    instant: Instant,
    wall: Timestamp,
}

impl Moment {
    fn now(clock: &Clock) -> Self {
        Self { instant: Instant::now(), wall: clock() }
    }

    /// How long ago it was by whichever clock says longer.
    fn elapsed(self, clock: &Clock) -> Duration {
        let wall = Duration::try_from(clock().duration_since(self.wall)).unwrap_or_default();
        self.instant.elapsed().max(wall)
    }
}

/// The machine's lock is held; the lease is not taken yet.
#[derive(Debug)]
pub struct Locked {
    lease: Lease,
    local: Local,
    until: Instant,
}

impl Lease {
    /// Takes the lock of this machine, and then the lease if the stack has one.
    ///
    /// # Errors
    /// Somebody else holds one of them, or the lease cannot be taken at all.
    pub async fn acquire(self, s3: &Client) -> Result<Held, NotTaken> {
        self.lock().await?.take(s3).await
    }

    /// Takes the lock of this machine. Nothing outside of it is touched.
    ///
    /// # Errors
    /// Another process holds it, or there is no place for it.
    pub async fn lock(self) -> Result<Locked, NotTaken> {
        let until = Instant::now() + self.patience;
        let local = Local::lock(&self, until).await?;
        Ok(Locked { lease: self, local, until })
    }
}

impl Locked {
    /// Takes the lease, if the stack has one.
    ///
    /// # Errors
    /// Somebody else holds it, or it cannot be taken at all.
    pub async fn take(self, s3: &Client) -> Result<Held, NotTaken> {
        let Self { lease, mut local, until } = self;
        let clock = Arc::clone(&lease.clock);
        let mut record = Record::new(&lease.place, Holder::here(), clock());
        let mut inherited = local.unfinished(false);
        let mut remote = None;
        if let Some(place) = &lease.object {
            let object = Object::new(s3.clone(), place.clone());
            let dead = local.dead_holder();
            let taken = take::take(&lease, &object, &mut record, dead.as_deref(), until).await?;
            if let Some(before) = taken.before {
                let own = std::mem::replace(&mut inherited, local.unfinished(true));
                for (address, mut begun) in before {
                    // What this machine began is dated by its own clock.
                    if own.get(&address) != Some(&begun) {
                        begun.distrust_clock(clock());
                    }
                    inherited.insert(address, begun);
                }
            }
            remote = Some(keeper::Remote { object, etag: taken.etag, renewed: taken.at });
        }
        record::forget_old(&mut inherited, clock());
        record.creating.clone_from(&inherited);
        local.begin(&record, remote.is_some()).map_err(|error| local.trouble(error))?;
        Ok(Held::new(record, inherited, local, remote, clock))
    }
}
