//! The file behind a sandbox: a snapshot of the state, and beside it a journal of the calls since.
//!
//! A call is answered when its line is in the journal, so a process that is killed loses nothing that was answered;
//! only a machine that loses power may. A snapshot is written beside the file and renamed: it is the old one or the
//! new one, never half. It has a number of its own and the journal names it, so a journal beside another snapshot is
//! void. A last line without its end is a call that nobody was answered. What a call makes of a state depends on
//! nothing but the two, so reading the calls again gives the state that was.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::state::State;
use super::wire::Call;

/// Below this a journal is not worth a new snapshot.
const SMALL: u64 = 256 * 1024;

/// Why a sandbox could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use the sandbox file {path}", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the sandbox file {path} is in use by another process; wait for it or name another file", path = .path.display())]
    Locked { path: PathBuf },
    #[error("the sandbox file {path} does not hold a sandbox; delete it to start afresh", path = .path.display())]
    Content { path: PathBuf, source: serde_json::Error },
}

/// The files, and the lock that keeps a second process away from them.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// None until something changes: who only reads writes nothing.
    journal: Option<Journal>,
    _lock: File,
}

#[derive(Debug)]
struct Journal {
    file: File,
    length: u64,
    /// When it is longer than the snapshot that it follows, a new snapshot is due.
    most: u64,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<(Self, Option<State>), OpenError> {
        let fault = |source| OpenError::File { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        let lock = File::create(beside(path, "lock")).map_err(fault)?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => OpenError::Locked { path: path.to_owned() },
            std::fs::TryLockError::Error(source) => fault(source),
        })?;
        let content = |path: PathBuf| move |source| OpenError::Content { path, source };
        let mut kept: Option<State> = match read(path).map_err(fault)? {
            Some(text) => Some(serde_json::from_slice(&text).map_err(content(path.to_owned()))?),
            None => None,
        };
        let journal = beside(path, "journal");
        if let Some(state) = &mut kept
            && let Some(text) = read(&journal).map_err(fault)?
        {
            replay(state, &text).map_err(content(journal))?;
        }
        Ok((Self { path: path.to_owned(), journal: None, _lock: lock }, kept))
    }

    /// Keeps a call and what it has made of the state, whatever happens to the process from here on.
    pub(super) fn keep(&mut self, state: &mut State, call: &Call) -> io::Result<()> {
        match self.journal.take_if(|journal| journal.length <= journal.most) {
            // One that failed is not put back: it may hold half a line, so the next call begins a new one.
            Some(mut journal) => {
                journal.append(call)?;
                self.journal = Some(journal);
                Ok(())
            }
            None => self.snapshot(state),
        }
    }

    /// Puts the state into the one file; without this the next process would read the journal again.
    pub(super) fn close(&mut self, state: &mut State) -> io::Result<()> {
        if self.journal.is_some() {
            self.snapshot(state)?;
            self.journal = None;
            std::fs::remove_file(beside(&self.path, "journal"))?;
        }
        Ok(())
    }

    fn snapshot(&mut self, state: &mut State) -> io::Result<()> {
        state.snapshot = fastrand::u64(..);
        let text = serde_json::to_vec(state)?;
        let new = beside(&self.path, "new");
        std::fs::write(&new, &text)?;
        std::fs::rename(&new, &self.path)?;
        let mut file = File::create(beside(&self.path, "journal"))?;
        writeln!(file, "{}", state.snapshot)?;
        let most = u64::try_from(text.len()).unwrap_or(u64::MAX).max(SMALL);
        self.journal = Some(Journal { file, length: 0, most });
        Ok(())
    }
}

impl Journal {
    fn append(&mut self, call: &Call) -> io::Result<()> {
        let mut line = serde_json::to_vec(call)?;
        line.push(b'\n');
        self.length += u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.file.write_all(&line)
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Does the calls of a journal again, if it follows this state.
fn replay(state: &mut State, journal: &[u8]) -> serde_json::Result<()> {
    // The last part is empty, or a line that was not finished.
    let mut lines: Vec<&[u8]> = journal.split(|byte| *byte == b'\n').collect();
    lines.pop();
    let Some((number, calls)) = lines.split_first() else { return Ok(()) };
    if *number != state.snapshot.to_string().as_bytes() {
        return Ok(());
    }
    for line in calls {
        let call: Call = serde_json::from_slice(line)?;
        state.advance(call.now);
        if !call.is_read()
            && let Some(operation) = super::operation(&call)
        {
            // What was refused is refused again.
            operation(state, &call).ok();
        }
    }
    Ok(())
}

/// The files as a killed process leaves them.
#[cfg(test)]
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).ok();
    std::fs::copy(beside(from, "journal"), beside(to, "journal")).ok();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::sandbox::Sandbox;
    use crate::sandbox::ecs::fixture::registration;
    use crate::sandbox::wire::Service;
    use crate::sandbox::world::World;

    /// A sandbox at a pace of one, whose calls are ten seconds apart.
    struct Account {
        folder: tempfile::TempDir,
        sandbox: Sandbox,
        now: Timestamp,
    }

    impl Account {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let world = World { pace: 1.0, ..World::default() };
            let sandbox = Sandbox::open(&folder.path().join("s.json"), world).unwrap();
            Self { folder, sandbox, now: Timestamp::UNIX_EPOCH + Duration::from_secs(1_700_000_000) }
        }

        fn call(&mut self, operation: &str, input: Value) {
            self.now += Duration::from_secs(10);
            let call = Call {
                service: Service::Ecs,
                operation: operation.to_owned(),
                input,
                region: "us-west-2".to_owned(),
                now: self.now,
            };
            self.sandbox.perform(&call).unwrap();
        }

        fn serve(&mut self) {
            let container = json!({"name": "c", "image": "nginx", "memory": 64});
            self.call("CreateCluster", json!({"clusterName": "edge"}));
            self.call("RegisterContainerInstance", registration("i-1", &[]));
            self.call("RegisterTaskDefinition", json!({"family": "web", "containerDefinitions": [container]}));
            self.call("RunTask", json!({"cluster": "edge", "taskDefinition": "web"}));
            let service = json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 1});
            self.call("CreateService", service);
            for _ in 0..20 {
                self.call("DescribeServices", json!({"cluster": "edge", "services": ["s"]}));
            }
            self.call("UpdateService", json!({"cluster": "edge", "service": "s", "desiredCount": 2}));
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn state(&self) -> Value {
            serde_json::to_value(&self.sandbox.lock().0).unwrap()
        }

        /// What the next process reads, if this one dies now.
        fn left(&self) -> Value {
            copy(&self.path("s.json"), &self.path("copy.json"));
            read_back(&self.path("copy.json"))
        }
    }

    fn read_back(path: &Path) -> Value {
        serde_json::to_value(Store::open(path).unwrap().1.unwrap()).unwrap()
    }

    #[test]
    fn a_process_that_dies_leaves_every_call_that_was_answered() {
        let mut account = Account::new();
        account.serve();
        let journal = std::fs::read_to_string(account.path("s.json.journal")).unwrap();
        assert!(journal.lines().count() > 4, "{journal}");
        assert_eq!(account.left(), account.state());
    }

    #[test]
    fn a_line_without_its_end_never_was() {
        let mut account = Account::new();
        account.serve();
        let before = account.state();
        let whole = std::fs::read(account.path("s.json.journal")).unwrap().len();
        account.call("UpdateService", json!({"cluster": "edge", "service": "s", "desiredCount": 3}));
        let journal = std::fs::read(account.path("s.json.journal")).unwrap();
        for length in [whole, whole + 1, journal.len() - 1] {
            copy(&account.path("s.json"), &account.path("torn.json"));
            std::fs::write(account.path("torn.json.journal"), &journal[..length]).unwrap();
            assert_eq!(read_back(&account.path("torn.json")), before, "{length} of {}", journal.len());
        }
        assert_eq!(account.left(), account.state());
    }

    #[test]
    fn a_journal_that_follows_another_snapshot_is_void() {
        let mut account = Account::new();
        account.serve();
        let old = std::fs::read(account.path("s.json.journal")).unwrap();
        {
            let (state, store) = &mut *account.sandbox.lock();
            store.as_mut().unwrap().snapshot(state).unwrap();
        }
        std::fs::write(account.path("s.json.journal"), old).unwrap();
        assert_eq!(account.left(), account.state());
        std::fs::remove_file(account.path("copy.json")).unwrap();
        assert!(Store::open(&account.path("copy.json")).unwrap().1.is_none());
    }

    #[test]
    fn a_long_journal_becomes_a_snapshot_and_a_closed_one_goes() {
        let mut account = Account::new();
        account.serve();
        let first = std::fs::read(account.path("s.json")).unwrap();
        let length = |account: &Account| std::fs::metadata(account.path("s.json.journal")).unwrap().len();
        let container = json!({"name": "c", "image": "nginx", "memory": 64, "command": ["x".repeat(4000)]});
        let mut longest = 0;
        for _ in 0..100 {
            account.call("RegisterTaskDefinition", json!({"family": "big", "containerDefinitions": [container]}));
            longest = longest.max(length(&account));
        }
        assert!(longest < SMALL + 10_000 && length(&account) < longest, "{longest}");
        assert_ne!(std::fs::read(account.path("s.json")).unwrap(), first);
        let Account { folder, sandbox, .. } = account;
        drop(sandbox);
        assert!(!folder.path().join("s.json.journal").exists());
        let kept = read_back(&folder.path().join("s.json"));
        assert_eq!(kept["ecs"]["families"]["big"]["last"], 100);
    }

    #[test]
    fn what_was_not_understood_is_not_taken_for_a_sandbox() {
        let mut account = Account::new();
        account.serve();
        let number = account.state()["snapshot"].clone();
        copy(&account.path("s.json"), &account.path("bad.json"));
        std::fs::write(account.path("bad.json.journal"), format!("{number}\n{{}}\n")).unwrap();
        let error = Store::open(&account.path("bad.json")).unwrap_err();
        assert!(error.to_string().contains("bad.json.journal does not hold a sandbox"), "{error}");
    }
}
