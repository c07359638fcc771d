//! An embedded AWS for trying out, tests and replay.
//!
//! It sits below the real SDK clients: requests and answers pass through AWS's wire formats, in process
//! ([`client`]), or over loopback ([`server`]), where boto3 and the AWS CLI work too. It does what AWS
//! documents for the operations that farpost's kinds call; it knows nothing of farpost. What it lacks, it
//! refuses by name.
//!
//! Reading order: `wire` turns HTTP into a call and back; `state` holds everything that exists and `store` keeps it
//! in a file; one module a service holds the operations.

pub mod client;
mod content;
mod ec2;
mod ecs;
pub mod hosts;
mod iam;
mod logs;
mod secrets;
pub mod server;
mod ssm;
mod state;
mod store;
mod sts;
mod tagging;
mod wire;
pub mod world;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use jiff::Timestamp;

use self::state::State;
pub use self::store::OpenError;
use self::store::Store;
use self::wire::{AwsError, Call, Service};
use self::world::World;

/// One embedded AWS account in one region.
#[derive(Debug)]
pub struct Sandbox {
    /// The state, and the file that it is kept in.
    kept: Mutex<(State, Option<Store>)>,
    calls: Mutex<BTreeMap<String, u64>>,
    record: Option<Mutex<File>>,
}

impl Sandbox {
    /// A sandbox that lives as long as the value does.
    pub fn in_memory(world: World) -> Self {
        Self { kept: Mutex::new((State::new(world), None)), calls: Mutex::default(), record: None }
    }

    /// A sandbox kept in a file, which is created from `world` when it does not exist. A file that exists keeps
    /// the world it was created with. The file is locked until the value is dropped.
    pub fn open(path: &Path, world: World) -> Result<Self, OpenError> {
        let (store, kept) = Store::open(path)?;
        let state = kept.unwrap_or_else(|| State::new(world));
        Ok(Self { kept: Mutex::new((state, Some(store))), calls: Mutex::default(), record: None })
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
        self.lock().0.world.region.clone()
    }

    /// The account that it is.
    pub fn account(&self) -> String {
        self.lock().0.world.account.clone()
    }

    /// How often each operation was asked for since this value was made, by `service:Operation`.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock_calls().clone()
    }

    fn perform(&self, call: &Call) -> Result<serde_json::Value, AwsError> {
        let operation = operation(call).ok_or_else(|| AwsError::unknown_operation(call))?;
        let (state, store) = &mut *self.lock();
        let elsewhere = call.region != state.world.region && !call.service.is_global();
        if elsewhere && !tagging::is_asked_for_iam(state, call) {
            return Err(AwsError::new(
                400,
                "InvalidRegion",
                format!("this sandbox is {} only, the request is for {}", state.world.region, call.region),
            ));
        }
        let moved = if call.is_read() { state.advance_to_look(call.now) } else { state.advance(call.now) };
        let output = operation(state, call);
        if let Some(store) = store
            && (moved || !call.is_read())
        {
            store.keep(state, call).map_err(|error| {
                AwsError::new(500, "InternalError", format!("the sandbox file was not written: {error}"))
            })?;
        }
        output
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (State, Option<Store>)> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether a process that died now would leave files that hold all of it: what is read from a copy of them must
    /// be what is here.
    #[cfg(test)]
    pub(crate) fn outlives_its_process(&self, path: &Path) -> bool {
        let copy = tempfile::tempdir().unwrap().keep().join("sandbox.json");
        let (state, _) = &mut *self.lock();
        store::copy(path, &copy);
        let (_store, kept) = Store::open(&copy).unwrap();
        let mut kept = kept.unwrap_or_else(|| State::new(state.world.clone()));
        // Looks at which nothing had happened are not kept, and what is due by now may wait for the next one.
        let now = Timestamp::now();
        for state in [&mut *state, &mut kept] {
            state.advance(now);
        }
        let text = |state: &State| serde_json::to_value(state).unwrap();
        let is_same = text(state) == text(&kept);
        std::fs::remove_dir_all(copy.parent().unwrap()).unwrap();
        is_same
    }

    fn lock_calls(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // After a panic the journal knows better than the state, which may be half changed.
        if let Ok((state, Some(store))) = self.kept.get_mut().map(|(state, store)| (state, store.as_mut()))
            && let Err(error) = store.close(state)
        {
            tracing::warn!(%error, "the sandbox file was not put in order; the next use does it");
        }
    }
}

/// An operation of a service: reads its input from the call, changes the state, returns the answer in the shape
/// of the wire format (member names as on the wire, lists as arrays).
type Operation = fn(&mut State, &Call) -> Result<serde_json::Value, AwsError>;

/// What it can do: the operations of every service, as `service:Operation`.
pub fn operations() -> Vec<String> {
    let services = Service::ALL.into_iter();
    let names = |service: Service| table(service).iter().map(move |(name, _)| format!("{}:{name}", service.name()));
    services.flat_map(names).collect()
}

fn table(service: Service) -> &'static [(&'static str, Operation)] {
    match service {
        Service::Ec2 => ec2::OPERATIONS,
        Service::Ecs => ecs::OPERATIONS,
        Service::Iam => iam::OPERATIONS,
        Service::Logs => logs::OPERATIONS,
        Service::SecretsManager => secrets::OPERATIONS,
        Service::Ssm => ssm::OPERATIONS,
        Service::Sts => sts::OPERATIONS,
        Service::Tagging => tagging::OPERATIONS,
        Service::Hosts => hosts::OPERATIONS,
    }
}

fn operation(call: &Call) -> Option<Operation> {
    table(call.service).iter().find(|(name, _)| *name == call.operation).map(|(_, operation)| *operation)
}
