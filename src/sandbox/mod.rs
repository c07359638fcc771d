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
pub mod clock;
mod content;
mod ec2;
mod ecs;
pub mod faults;
mod history;
pub mod hosts;
mod iam;
mod line;
mod logs;
mod s3;
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

use self::clock::Clock;
use self::faults::Buckets;
use self::history::History;
pub use self::history::Lag;
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
    clock: Clock,
    /// Locked after the state.
    history: Mutex<History>,
    buckets: Mutex<Buckets>,
}

impl Sandbox {
    /// A sandbox that lives as long as the value does.
    pub fn in_memory(world: World) -> Self {
        Self::of(State::new(world), None)
    }

    /// A sandbox kept in a file, which is created from `world` when it does not exist. A file that exists keeps
    /// the world it was created with. The file is locked until the value is dropped.
    pub fn open(path: &Path, world: World) -> Result<Self, OpenError> {
        let (store, kept) = Store::open(path)?;
        let state = kept.unwrap_or_else(|| State::new(world));
        Ok(Self::of(state, Some(store)))
    }

    fn of(state: State, store: Option<Store>) -> Self {
        Self {
            kept: Mutex::new((state, store)),
            calls: Mutex::default(),
            record: None,
            clock: Clock::wall(),
            history: Mutex::default(),
            buckets: Mutex::default(),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What time it is in it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// From now on keeps what it takes to answer calls that lag so far behind writes; who puts
    /// [`faults`] with such a rule before it need not ask for it.
    pub fn remember(&self, lag: Lag) {
        self.lock_history().reach(lag);
    }

    /// Answers one AWS request. Never fails: whatever is wrong becomes the error answer that AWS would give.
    pub fn answer(&self, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let mut answer = self.answer_whole(request);
        if request.method() == http::Method::HEAD {
            *answer.body_mut() = Bytes::new();
        }
        answer
    }

    fn answer_whole(&self, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let call = match wire::decode(request, self.now()) {
            Ok(call) => call,
            Err((service, error)) => return wire::encode_error(service, &error),
        };
        let (output, _) = self.carry_out(&call, request.body(), None);
        encode(&call, &output)
    }

    /// Does what a request asks for, `lag` behind the writes before it; and whether it was kept from seeing one.
    fn carry_out(&self, call: &Call, body: &[u8], lag: Option<Lag>) -> (Result<serde_json::Value, AwsError>, bool) {
        *self.lock_calls().entry(format!("{}:{}", call.service.name(), call.operation)).or_default() += 1;
        if let Some(record) = &self.record {
            let line = serde_json::json!({
                "service": call.service.name(),
                "operation": call.operation,
                call.service.body_name(): String::from_utf8_lossy(body),
            });
            let mut file = record.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            writeln!(file, "{line}").ok();
        }
        self.perform_behind(call, lag)
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
        self.perform_behind(call, None).0
    }

    /// Performs a call as if the last writes were not yet known everywhere, and tells whether that made a difference:
    /// a read is answered from before them, and a write is refused when it needs what they made.
    fn perform_behind(&self, call: &Call, lag: Option<Lag>) -> (Result<serde_json::Value, AwsError>, bool) {
        let Some(operation) = operation(call) else { return (Err(AwsError::unknown_operation(call)), false) };
        let (state, store) = &mut *self.lock();
        let elsewhere = call.region != state.world.region && !call.service.is_global();
        if elsewhere && !tagging::is_asked_for_iam(state, call) {
            let message = format!("this sandbox is {} only, the request is for {}", state.world.region, call.region);
            return (Err(AwsError::new(400, "InvalidRegion", message)), false);
        }
        let moved = if call.is_read() { state.advance_to_look(call.now) } else { state.advance(call.now) };
        let mut history = self.lock_history();
        history.count();
        // S3 never lags.
        let seen = lag.filter(|_| call.service != Service::S3).and_then(|lag| history.seen(lag, call.now));
        let behind = match seen {
            Some(seen) if call.is_read() => Some(operation(seen, call)),
            Some(seen) => operation(&mut seen.clone(), call).err().filter(history::is_missing).map(Err),
            None => None,
        };
        let lags = behind.is_some();
        let output = behind.unwrap_or_else(|| {
            if call.is_read() {
                return operation(state, call);
            }
            history.keep(state, call.now);
            operation(state, call).inspect_err(|_| history.drop_last())
        });
        if let Some(store) = store
            && (moved || !(call.is_read() || lags))
        {
            // What was not carried out must not be when the file is read again.
            let kept = if lags { store.keep(state, &call.to_look()) } else { store.keep(state, call) };
            if let Err(error) = kept {
                let message = format!("the sandbox file was not written: {error}");
                return (Err(AwsError::new(500, "InternalError", message)), lags);
            }
        }
        (output, lags)
    }

    fn lock_buckets(&self) -> std::sync::MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock_history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
        let now = self.now();
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

/// The answer to a call that came to this.
fn encode(call: &Call, output: &Result<serde_json::Value, AwsError>) -> http::Response<Bytes> {
    match output {
        Ok(output) => wire::encode(call, output),
        Err(error) => wire::encode_error(call.service, error),
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
        Service::S3 => s3::OPERATIONS,
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
