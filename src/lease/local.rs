//! The lock among the processes of a machine: a file that the kernel unlocks when its holder dies, and beside it a file
//! that says who that was and which creates were under way.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::record::{Record, Unfinished};
use super::{Lease, NotTaken, machine};
use crate::digest;

/// How often a lock that is held is tried again.
const POLL: Duration = Duration::from_millis(500);

/// The file beside a lock.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    record: Record,
    /// Whether the record is in S3 too, where whoever came after reads it.
    shared: bool,
    /// The start of the machine that it was written in.
    boot: Option<String>,
}

/// A lock that is held, until this is dropped.
#[derive(Debug)]
pub(super) struct Local {
    lock: File,
    path: PathBuf,
    before: Option<Kept>,
    shared: bool,
}

/// Where locks are kept: what XDG says, the state folder of the user's home, or the system's folder for what is
/// temporary. A user without `HOME`, as in a system's unit, has the home that the system knows of.
pub fn folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| home().map(|home| home.join(".local/state")));
    let wanted = state.map(|state| state.join("farpost"));
    let fallback = std::env::temp_dir().join(format!("farpost-{}", machine::user()));
    match wanted {
        Some(wanted) if std::fs::create_dir_all(&wanted).is_ok() => wanted,
        Some(wanted) => {
            tracing::warn!("{} cannot be made; locks are kept in {}", wanted.display(), fallback.display());
            fallback
        }
        None => fallback,
    }
}

impl Local {
    /// Takes the lock, and waits for it until `until`.
    pub(super) async fn lock(lease: &Lease, until: Instant) -> Result<Self, NotTaken> {
        let place = &lease.place;
        let name = digest::of_value(&serde_json::json!([lease.world, place.account, place.region, place.stack]));
        let path = lease.folder.join(format!("{}.lock", &name[..32]));
        let trouble = |source| NotTaken::Local { path: path.clone(), source };
        std::fs::create_dir_all(&lease.folder).map_err(trouble)?;
        let lock = File::options().create(true).append(true).open(&path).map_err(trouble)?;
        let path = path.with_extension("json");
        let mut is_told = false;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(std::fs::TryLockError::Error(source)) => return Err(NotTaken::Local { path, source }),
                Err(std::fs::TryLockError::WouldBlock) => {}
            }
            let holder = read(&path).map_or_else(|| "another process".to_owned(), |kept| kept.record.held_by());
            if Instant::now() >= until {
                return Err(NotTaken::Busy { stack: place.stack.clone(), holder, place: "this machine".to_owned() });
            }
            if !is_told {
                is_told = true;
                (lease.say)(&format!("waiting: {} is being worked on from this machine by {holder}\n", place.stack));
            }
            tokio::time::sleep(POLL.min(until.saturating_duration_since(Instant::now()))).await;
        }
        let before = read(&path);
        Ok(Self { lock, path, before, shared: false })
    }

    /// What the last holder on this machine left unfinished: all, or what nobody else was told of.
    pub(super) fn unfinished(&self, only_own: bool) -> Unfinished {
        let kept = self.before.as_ref().filter(|kept| !(only_own && kept.shared));
        kept.map(|kept| kept.record.creating.clone()).unwrap_or_default()
    }

    /// The id of the last holder on this machine, which is certain to be dead: it held this lock, which the kernel gave
    /// to us since this machine started.
    pub(super) fn dead_holder(&self) -> Option<String> {
        let kept = self.before.as_ref()?;
        let is_this_start = kept.boot.is_some() && kept.boot == machine::boot();
        is_this_start.then(|| kept.record.holder.id.clone())
    }

    /// Says who holds it from here on.
    pub(super) fn begin(&mut self, record: &Record, shared: bool) -> io::Result<()> {
        self.shared = shared;
        self.before = None;
        self.write(record)
    }

    /// Writes the file, and returns when it outlives a loss of power.
    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        let kept = Kept { record: record.clone(), shared: self.shared, boot: machine::boot() };
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(&kept)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Lets the next process have it.
    pub(super) fn unlock(&self) {
        // When it fails, the kernel does it as soon as this process ends.
        self.lock.unlock().ok();
    }

    pub(super) fn trouble(&self, source: io::Error) -> NotTaken {
        NotTaken::Local { path: self.path.clone(), source }
    }
}

/// What stands beside a lock; a file that is not one of ours says nothing.
fn read(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
