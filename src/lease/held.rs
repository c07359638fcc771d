//! A stack that is ours to write, as those see it who write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::keeper::{Command, Keeper, Remote};
use super::local::Local;
use super::record::{Begun, Record, SHOWN, Unfinished};
use super::{Clock, FENCED, Moment};
use crate::address::Address;

/// How long giving up may take.
const RELEASE: Duration = Duration::from_secs(5);
/// How often it is looked whether too much time has gone by.
const LOOK: Duration = Duration::from_secs(1);

/// Why nothing may be written any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the lease was taken over by {0}")]
    TakenOver(String),
    #[error("the lease is gone: somebody deleted or replaced its object")]
    Gone,
    #[error("the lease could not be renewed for {0} s, so that somebody else may have it by now{1}")]
    NotRenewed(u64, String),
    #[error("what is being created could not be written down: {0}")]
    NotWritten(String),
    #[error("the lease was given up")]
    Released,
}

/// A stack that is ours to write: its lock, and its lease if it has one. Clones are the same one; it is given up with
/// [`Held::release`], and by dropping the last of them, which leaves the lease to expire.
#[derive(Debug, Clone)]
pub struct Held {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    core: Arc<Core>,
    commands: mpsc::UnboundedSender<Command>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    number: u64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper() {
            keeper.abort();
        }
    }
}

impl Inner {
    fn keeper(&self) -> Option<JoinHandle<()>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the writers and the keeper share.
pub(super) struct Core {
    state: Mutex<State>,
    /// The number of the last request that is on record; also sent when all is lost.
    written: watch::Sender<u64>,
    pub(super) clock: Clock,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    creating: Unfinished,
    inherited: Unfinished,
    /// Numbers the requests to record something.
    asked: u64,
    lost: Option<Lost>,
    /// The last renewal of the lease; none when there is no lease.
    renewed: Option<Moment>,
    /// Why the last try to renew it failed.
    why: String,
}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be on record, and the request up to which that is everything.
    pub(super) fn to_record(&self) -> (Unfinished, u64) {
        let state = self.state();
        let mut creating = state.inherited.clone();
        creating.extend(state.creating.clone());
        (creating, state.asked)
    }

    pub(super) fn is_recorded(&self, asked: u64) {
        self.written.send_replace(asked);
    }

    pub(super) fn is_renewed(&self, at: Moment) {
        let mut state = self.state();
        state.renewed = Some(at);
        state.why.clear();
    }

    pub(super) fn lose(&self, lost: Lost) {
        self.state().lost.get_or_insert(lost);
        self.written.send_modify(|_| {});
    }

    pub(super) fn lost(&self) -> Option<Lost> {
        self.state().lost.clone()
    }

    /// Whether there is a request that is not on record.
    pub(super) fn has_news(&self) -> bool {
        self.state().asked > *self.written.borrow()
    }

    /// Notes why a try to renew it failed.
    pub(super) fn failed(&self, why: &impl std::fmt::Display) {
        tracing::info!("the lease was not renewed: {why}");
        self.state().why = format!(": {why}");
    }

    /// Whether it is ours. Once it was not, it never is again.
    pub(super) fn check(&self) -> Result<(), Lost> {
        let mut state = self.state();
        if let (None, Some(renewed)) = (&state.lost, state.renewed) {
            let elapsed = renewed.elapsed(&self.clock);
            if elapsed >= FENCED {
                state.lost = Some(Lost::NotRenewed(elapsed.as_secs(), state.why.clone()));
            }
        }
        state.lost.clone().map_or(Ok(()), Err)
    }
}

impl Held {
    pub(super) fn new(
        record: Record,
        inherited: Unfinished,
        local: Local,
        remote: Option<Remote>,
        clock: Clock,
    ) -> Self {
        let renewed = remote.as_ref().map(|remote| remote.renewed);
        let state = State { creating: BTreeMap::new(), inherited, asked: 0, lost: None, renewed, why: String::new() };
        let core = Arc::new(Core { state: Mutex::new(state), written: watch::Sender::new(0), clock });
        let (commands, receiver) = mpsc::unbounded_channel();
        let number = record.number;
        let keeper = Keeper::new(Arc::clone(&core), record, local, remote);
        let keeper = tokio::spawn(keeper.run(receiver));
        Self { inner: Arc::new(Inner { core, commands, keeper: Mutex::new(Some(keeper)), number }) }
    }

    /// Whether anything may be written still; asked right before each write. Once it fails it always does.
    ///
    /// # Errors
    /// The lease is lost, or may be.
    pub fn check(&self) -> Result<(), Lost> {
        self.inner.core.check()
    }

    /// Waits until nothing may be written any more, and says why.
    pub async fn lost(&self) -> Lost {
        let mut written = self.inner.core.written.subscribe();
        loop {
            if let Err(lost) = self.check() {
                return lost;
            }
            tokio::select! {
                biased;
                // A keeper that is gone says nothing more, and time goes on.
                changed = written.changed() => if changed.is_err() { tokio::time::sleep(LOOK).await },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// For how much longer AWS may not show that, where what was asked for shows after `settles`.
    pub fn may_hide(&self, begun: &Begun, settles: Duration) -> Duration {
        let most = if begun.made { settles.min(SHOWN) } else { settles };
        most.saturating_sub(begun.age((self.inner.core.clock)()))
    }

    /// Which holder of the lease this one is, counted from the first; 1 when there is no lease.
    pub fn number(&self) -> u64 {
        self.inner.number
    }

    /// Puts on record that something is about to be created in a way that could make it twice. Returns when the record
    /// outlives this process.
    ///
    /// # Errors
    /// It may not be created: the lease is lost, or there is no record.
    pub async fn creating(&self, address: &Address, run: &str) -> Result<(), Lost> {
        let core = &self.inner.core;
        core.check()?;
        let mut written = core.written.subscribe();
        let asked = {
            let begun = Begun { at: (core.clock)(), run: run.to_owned(), made: false };
            let mut state = core.state();
            state.creating.insert(address.clone(), begun);
            state.asked += 1;
            state.asked
        };
        // Without a keeper it was given up, which the check tells.
        self.inner.commands.send(Command::Record).ok();
        loop {
            core.check()?;
            if *written.borrow_and_update() >= asked {
                return Ok(());
            }
            if written.changed().await.is_err() {
                return Err(Lost::Released);
            }
        }
    }

    /// Says that it is there under its id. It stays on record while answers may be from before that. Recorded with the next
    /// write.
    pub fn made(&self, address: &Address) {
        let state = &mut *self.inner.core.state();
        [&mut state.creating, &mut state.inherited]
            .into_iter()
            .filter_map(|all| all.get_mut(address))
            .for_each(|begun| begun.made = true);
    }

    /// Says that it is not there, for certain: it was refused, or is deleted. Recorded with the next write.
    pub fn unmade(&self, address: &Address) {
        let mut state = self.inner.core.state();
        state.creating.remove(address);
        state.inherited.remove(address);
    }

    /// What a holder before may have created without knowing. Whoever wants to create one of these
    /// looks for it until AWS shows everything that was made by now, and then says [`Held::made`] or [`Held::unmade`].
    pub fn unfinished(&self) -> BTreeMap<Address, Begun> {
        self.inner.core.state().inherited.clone()
    }

    /// Gives the lease and the lock up. What is neither [`made`](Held::made) nor [`unmade`](Held::unmade) is left to the next holder.
    ///
    /// # Errors
    /// It was lost before, or S3 did not answer in time: then it expires by itself.
    pub async fn release(self) -> Result<(), Lost> {
        self.release_within(RELEASE).await
    }

    /// As [`Held::release`], for who has no more time than this.
    ///
    /// # Errors
    /// As there.
    pub async fn release_within(self, time: Duration) -> Result<(), Lost> {
        let (sender, receiver) = oneshot::channel();
        self.inner.commands.send(Command::Release(sender)).ok();
        let ended = tokio::time::timeout(time, receiver).await;
        // The lock goes with the keeper.
        if let Some(keeper) = self.inner.keeper() {
            keeper.abort();
            keeper.await.ok();
        }
        let lost = self.inner.core.lost();
        self.inner.core.lose(Lost::Released);
        match (ended, lost) {
            (_, Some(lost)) => Err(lost),
            (Ok(Ok(())), None) => Ok(()),
            (Ok(Err(_)) | Err(_), None) => {
                Err(Lost::NotRenewed(time.as_secs(), ": S3 did not answer when it was given up".to_owned()))
            }
        }
    }
}
