//! Who keeps a lease: writes it again in time, and writes down what is being created. The only one who writes, so that
//! its ETag is always known.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::held::{Core, Lost};
use super::local::Local;
use super::object::{Condition, Object, Seen, Written};
use super::record::Record;
use super::{HEARTBEAT, Moment};

/// The pause before another try to renew.
const AGAIN: Duration = Duration::from_secs(2);

/// What the keeper is asked for.
pub(super) enum Command {
    /// Something is to be put on record.
    Record,
    /// Give it up, and say when.
    Release(oneshot::Sender<()>),
}

/// The lease in S3.
pub(super) struct Remote {
    pub(super) object: Object,
    pub(super) etag: String,
    pub(super) renewed: Moment,
}

pub(super) struct Keeper {
    core: Arc<Core>,
    record: Record,
    local: Local,
    remote: Option<Remote>,
}

impl Keeper {
    pub(super) fn new(core: Arc<Core>, record: Record, local: Local, remote: Option<Remote>) -> Self {
        Self { core, record, local, remote }
    }

    /// Runs until it is told to give up, or nobody holds it any more.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        // It may have been taken some time ago, when the answer was lost.
        let mut beat = self.remote.as_ref().map_or_else(Instant::now, |remote| remote.renewed.instant) + HEARTBEAT;
        loop {
            let command = tokio::select! {
                biased;
                command = commands.recv() => command,
                () = tokio::time::sleep_until(beat), if self.remote.is_some() && self.core.lost().is_none() => {
                    self.record().await;
                    beat = Instant::now() + HEARTBEAT;
                    continue;
                }
            };
            match command {
                // Those that asked during a write are all in the next one.
                Some(Command::Record) if self.core.has_news() => {
                    self.record().await;
                    beat = Instant::now() + HEARTBEAT;
                }
                Some(Command::Record) => {}
                None => return,
                Some(Command::Release(done)) => {
                    if self.release().await {
                        done.send(()).ok();
                    }
                    return;
                }
            }
        }
    }

    /// Writes everything that is to be on record, and so renews the lease.
    async fn record(&mut self) {
        if self.core.lost().is_none()
            && let Err(lost) = self.try_record().await
        {
            self.core.lose(lost);
        }
    }

    async fn try_record(&mut self) -> Result<(), Lost> {
        let (creating, asked) = self.core.to_record();
        let is_news = self.record.creating != creating;
        self.record.creating = creating;
        if is_news && let Err(error) = self.local.write(&self.record) {
            if self.remote.is_none() {
                return Err(Lost::NotWritten(error.to_string()));
            }
            tracing::warn!(%error, "the lock file was not written; the lease holds it");
        }
        self.renew().await?;
        self.core.is_recorded(asked);
        Ok(())
    }

    /// Gives up; whether that is known to have happened.
    async fn release(&mut self) -> bool {
        let is_ours = self.core.lost().is_none();
        (self.record.creating, _) = self.core.to_record();
        self.record.released = Some((self.core.clock)());
        let is_given_up = is_ours && self.renew().await.is_ok();
        if let Err(error) = self.local.write(&self.record) {
            tracing::debug!(%error, "the lock file was not written");
        }
        self.local.unlock();
        is_given_up
    }

    /// Writes the lease until that is known to have succeeded, or it is lost.
    async fn renew(&mut self) -> Result<(), Lost> {
        let Some(remote) = &mut self.remote else { return Ok(()) };
        // The first of the writes that look alike: one of them may be the one that is found.
        let mut first: Option<Moment> = None;
        self.record.beat += 1;
        loop {
            self.core.check()?;
            let now = Moment::now(&self.core.clock);
            self.record.heartbeat = now.wall;
            let first = *first.get_or_insert(now);
            match remote.object.write(&self.record, Condition::Unchanged(&remote.etag)).await {
                Written::Yes(etag) => {
                    remote.etag = etag;
                    self.core.is_renewed(now);
                    // It may have taken so long that it came too late.
                    return self.core.check();
                }
                Written::No => {}
                Written::Unknown(fault) => self.core.failed(&fault),
                Written::Refused(trouble) => self.core.failed(trouble.fault()),
            }
            match remote.object.look().await {
                Seen::Lease(seen, etag) if seen.holder == self.record.holder && seen.number == self.record.number => {
                    remote.etag = etag;
                    if seen.beat == self.record.beat {
                        self.core.is_renewed(first);
                        return self.core.check();
                    }
                }
                Seen::Lease(other, _) => return Err(Lost::TakenOver(other.held_by())),
                Seen::Nothing | Seen::Other => return Err(Lost::Gone),
                Seen::Unknown(fault) => self.core.failed(&fault),
                Seen::Refused(trouble) => self.core.failed(trouble.fault()),
            }
            tokio::time::sleep(AGAIN.mul_f64(0.5 + fastrand::f64())).await;
        }
    }
}
