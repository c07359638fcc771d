//! That a saved plan is used: noted once, before its first write, so that nobody uses it again from this machine.
//!
//! The fingerprints refuse a second use by themselves wherever the first one changed something, from any machine. This
//! is for what came back to what it was in between.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use jiff::Timestamp;

use super::refused;
use crate::cli::{Failure, Global};
use crate::plan::saved::SavedPlan;

/// The place where the use of one plan is noted.
#[derive(Debug)]
pub(in crate::cli) struct Claim {
    path: PathBuf,
    stack: String,
}

impl Claim {
    /// # Errors
    /// There is no directory for it.
    pub(super) fn new(global: &Global, saved: &SavedPlan) -> Result<Self, Failure> {
        let directory = match &global.sandbox {
            Some(file) => {
                let mut name = file.file_name().unwrap_or_default().to_owned();
                name.push(".plans");
                file.with_file_name(name)
            }
            None => state_directory()?.join("farpost").join("plans"),
        };
        Ok(Self { path: directory.join(&saved.id), stack: saved.plan.place.stack.clone() })
    }

    /// # Errors
    /// The plan was used.
    pub(super) fn refuse_used(&self) -> Result<(), Failure> {
        let Ok(when) = std::fs::read_to_string(&self.path) else { return Ok(()) };
        let when = when.split_whitespace().next().unwrap_or("an unknown time").to_owned();
        let message = format!("this plan of {} was applied already, from this machine at {when}", self.stack);
        let help =
            "a saved plan is applied once, also where that was cut off; plan again: farpost plan PATH --out FILE";
        Err(refused("already-applied", &message, help))
    }

    /// Notes the use; of several at once, one does.
    ///
    /// # Errors
    /// Another one did, or it cannot be noted.
    pub(super) fn take(&self) -> Result<(), Failure> {
        let note = || {
            self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            let mut file = OpenOptions::new().write(true).create_new(true).open(&self.path)?;
            writeln!(file, "{} {}", Timestamp::now(), self.stack)?;
            file.sync_all()
        };
        match note() {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.refuse_used().and(Err(Failure::wrong("another farpost has begun to apply this plan")))
            }
            Err(error) => {
                let message = format!("cannot note in {} that the plan is used: {error}", self.path.display());
                Err(Failure::because(message, "make that directory writable; XDG_STATE_HOME says where it is"))
            }
        }
    }
}

/// Where programs keep what outlives a run, as the XDG base directories have it.
fn state_directory() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let found = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local").join("state")));
    found.ok_or_else(|| {
        let message = "there is no directory to note in that the plan is used: HOME is not set";
        Failure::because(message, "set HOME or XDG_STATE_HOME")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_one_takes_it() {
        let directory = tempfile::tempdir().unwrap();
        let claim = Claim { path: directory.path().join("a/b"), stack: "edge".to_owned() };
        claim.refuse_used().unwrap();
        let won = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| claim.take().is_ok())).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
        assert!(matches!(claim.refuse_used(), Err(Failure::Refused(refusals)) if refusals[0].message.contains("edge")));
    }
}
