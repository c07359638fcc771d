//! An embedded AWS for trying out, tests and replay.
//!
//! It sits below the real SDK clients: requests and answers pass through AWS's wire formats, in process
//! ([`client`]), or over loopback ([`server`]), where boto3 and the AWS CLI work too. It does what AWS
//! documents for the operations that farpost's kinds call; it knows nothing of farpost. What it lacks, it
//! refuses by name.
//!
//! Reading order: `wire` turns HTTP into a call and back; `state` holds everything that exists;
//! one module a service holds the operations.

pub mod client;
mod ec2;
mod ecs;
mod iam;
mod logs;
pub mod server;
mod ssm;
mod state;
mod sts;
mod tagging;
mod wire;
pub mod world;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use jiff::Timestamp;

use self::state::State;
use self::wire::{AwsError, Call, Service};
use self::world::World;

/// One embedded AWS account in one region.
#[derive(Debug)]
pub struct Sandbox {
    state: Mutex<State>,
    store: Option<Store>,
    calls: Mutex<BTreeMap<String, u64>>,
    record: Option<Mutex<File>>,
}

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

impl Sandbox {
    /// A sandbox that lives as long as the value does.
    pub fn in_memory(world: World) -> Self {
        Self { state: Mutex::new(State::new(world)), store: None, calls: Mutex::default(), record: None }
    }

    /// A sandbox kept in a file, which is created from `world` when it does not exist. A file that exists keeps
    /// the world it was created with. The file is locked until the value is dropped.
    pub fn open(path: &Path, world: World) -> Result<Self, OpenError> {
        let (store, kept) = Store::open(path)?;
        let state = kept.unwrap_or_else(|| State::new(world));
        Ok(Self { state: Mutex::new(state), store: Some(store), calls: Mutex::default(), record: None })
    }

    /// Answers one AWS request. Never fails: whatever is wrong becomes the error answer that AWS would give.
    pub fn answer(&self, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let now = Timestamp::now();
        let call = match wire::decode(request, now) {
            Ok(call) => call,
            Err((service, error)) => return wire::encode_error(service, &error),
        };
        *self.lock_calls().entry(format!("{}:{}", call.service.name(), call.operation)).or_default() += 1;
        if let Some(record) = &self.record {
            let line = serde_json::json!({
                "service": call.service.name(),
                "operation": call.operation,
                call.service.body_name(): String::from_utf8_lossy(request.body()),
            });
            let mut file = record.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            writeln!(file, "{line}").ok();
        }
        match self.perform(&call) {
            Ok(output) => wire::encode(&call, &output),
            Err(error) => wire::encode_error(call.service, &error),
        }
    }

    /// Writes every request that is understood to a file, a JSON object a line.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn record(&mut self, path: &Path) -> io::Result<()> {
        self.record = Some(Mutex::new(File::create(path)?));
        Ok(())
    }

    /// The region that it is.
    pub fn region(&self) -> String {
        self.lock_state().world.region.clone()
    }

    /// The account that it is.
    pub fn account(&self) -> String {
        self.lock_state().world.account.clone()
    }

    /// How often each operation was asked for since this value was made, by `service:Operation`.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock_calls().clone()
    }

    fn perform(&self, call: &Call) -> Result<serde_json::Value, AwsError> {
        let operation = operation(call).ok_or_else(|| AwsError::unknown_operation(call))?;
        let mut state = self.lock_state();
        if call.region != state.world.region && !call.service.is_global() {
            return Err(AwsError::new(
                400,
                "InvalidRegion",
                format!("this sandbox is {} only, the request is for {}", state.world.region, call.region),
            ));
        }
        let moved = state.advance(call.now);
        let output = operation(&mut state, call);
        if let Some(store) = &self.store
            && (moved || !call.is_read())
        {
            store.save(&state).map_err(|error| {
                AwsError::new(500, "InternalError", format!("the sandbox file was not written: {error}"))
            })?;
        }
        output
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock_calls(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An operation of a service: reads its input from the call, changes the state, returns the answer in the shape
/// of the wire format (member names as on the wire, lists as arrays).
type Operation = fn(&mut State, &Call) -> Result<serde_json::Value, AwsError>;

fn operation(call: &Call) -> Option<Operation> {
    let table: &[(&str, Operation)] = match call.service {
        Service::Ec2 => ec2::OPERATIONS,
        Service::Ecs => ecs::OPERATIONS,
        Service::Iam => iam::OPERATIONS,
        Service::Logs => logs::OPERATIONS,
        Service::Ssm => ssm::OPERATIONS,
        Service::Sts => sts::OPERATIONS,
        Service::Tagging => tagging::OPERATIONS,
    };
    table.iter().find(|(name, _)| *name == call.operation).map(|(_, operation)| *operation)
}

/// The file behind a sandbox, and the lock that keeps a second process away from it.
#[derive(Debug)]
struct Store {
    path: PathBuf,
    _lock: File,
}

impl Store {
    fn open(path: &Path) -> Result<(Self, Option<State>), OpenError> {
        let fault = |source| OpenError::File { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = File::create(name).map_err(fault)?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => OpenError::Locked { path: path.to_owned() },
            std::fs::TryLockError::Error(source) => fault(source),
        })?;
        let kept = match std::fs::read(path) {
            Ok(text) => Some(
                serde_json::from_slice(&text).map_err(|source| OpenError::Content { path: path.to_owned(), source })?,
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fault(error)),
        };
        Ok((Self { path: path.to_owned(), _lock: lock }, kept))
    }

    /// Writes beside the file and renames, so that a killed process leaves the old or the new state, never half.
    fn save(&self, state: &State) -> io::Result<()> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        std::fs::write(&name, serde_json::to_vec(state)?)?;
        std::fs::rename(&name, &self.path)
    }
}
