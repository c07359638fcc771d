//! What the commands that write to a stack have in common: they take its lock and its lease before they look, stop when
//! they are told to or the lease is lost, and give both up.

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::session::connect_within;
use super::{Failure, Global, LogFormat, apply, talk};
use crate::aws::{Audit, Aws};
use crate::desired::Stack;
use crate::lease::{self, Held, Lease, NotTaken};
use crate::observed::{Shared, check_account};
use crate::plan::Refusal;

/// How long a sandbox's file may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// How to behave towards other writers.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Locking {
    /// How long to wait while somebody else writes to the stack, as 90s or 5m; 0s does not wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    lock_timeout: Duration,
    /// Record every call that changes something in this file, a JSON object a line; in a directory, in a file of its own
    #[arg(long, value_name = "FILE", env = "FARPOST_AUDIT")]
    audit: Option<OsString>,
}

impl Locking {
    /// Begins to record what is written to a stack, if that was asked for.
    pub(super) fn record(&self, aws: &Aws, stack: &Stack) -> Result<(), Failure> {
        // A variable that is empty is one that is not set.
        let Some(path) = self.audit.as_ref().filter(|path| !path.is_empty()).map(Path::new) else { return Ok(()) };
        let audit = Audit::open(path, &stack.name, Timestamp::now()).map_err(|error| {
            let message = format!("the audit {} cannot be written: {error}; nothing was changed", path.display());
            Failure::because(message, "name a file or a directory that you may write, with --audit")
        })?;
        aws.record(audit);
        Ok(())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "a duration is needed, such as 0s, 90s or 5m".to_owned())
}

/// What is done as the one writer of a stack.
pub(super) struct Writer {
    pub(super) aws: Arc<Aws>,
    pub(super) held: Held,
    /// Cancelled when the user stops it, and when the lease is lost.
    pub(super) stop: CancellationToken,
}

impl Writer {
    /// What comes of it, unless the run is stopped first: for what only looks, and can be left anywhere.
    pub(super) async fn unless_stopped<T>(&self, looking: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(self.held.check().map_or_else(
                |lost| Failure::because(format!("{lost}; nothing was changed"), "run the same command again"),
                |()| Failure::wrong("interrupted; nothing was changed"),
            )),
            done = looking => Ok(done),
        }
    }
}

/// Does something as the one writer of a stack.
pub(super) async fn as_writer<F>(
    global: &Global,
    stack: &Stack,
    locking: &Locking,
    work: impl FnOnce(Arc<Writer>) -> F,
) -> Result<ExitCode, Failure>
where
    F: Future<Output = Result<ExitCode, Failure>>,
{
    let locked = lease(global, stack, locking).lock().await?;
    // Whoever had the lock before may still be closing the file of the sandbox.
    let aws = connect_within(global, stack, locking.lock_timeout.min(CLOSING)).await?;
    if stack.lease.is_some() {
        // Not even a lease is written in a wrong account.
        check_account(&aws, &stack.place(), &Shared::default()).await?;
    }
    locking.record(&aws, stack)?;
    // From before there is a lease, so that no signal leaves one behind.
    let stop = CancellationToken::new();
    let signals = tokio::spawn(apply::stop_on_signal(stop.clone()));
    let held = tokio::select! {
        biased;
        held = locked.take(aws.s3()) => held?,
        () = stop.cancelled() => return Err(Failure::wrong("interrupted while waiting for the lease; nothing was changed")),
    };
    aws.write_as(held.clone());
    let guard = tokio::spawn(stop_when_lost(held.clone(), stop.clone()));
    let result = work(Arc::new(Writer { aws, held: held.clone(), stop: stop.clone() })).await;
    guard.abort();
    give_up(held, &stop).await;
    signals.abort();
    result
}

/// Gives a lease up and tells when that is not certain.
async fn give_up(held: Held, stop: &CancellationToken) {
    // Who was told to stop has five seconds for everything, and calls in flight had their share of them.
    let time = Duration::from_millis(if stop.is_cancelled() { 1500 } else { 5000 });
    if held.check().is_ok()
        && let Err(lost) = held.release_within(time).await
    {
        talk(&format!("warning: {lost}; the lease expires by itself within a minute\n"));
    }
}

async fn stop_when_lost(held: Held, stop: CancellationToken) {
    let lost = held.lost().await;
    talk(&format!("\nerror: {lost}; nothing new is started\n"));
    stop.cancel();
}

/// What has to be taken before a stack is written to.
pub(super) fn lease(global: &Global, stack: &Stack, locking: &Locking) -> Lease {
    let world = match (&global.sandbox, &global.endpoint_url) {
        (Some(file), _) => std::path::absolute(file).unwrap_or_else(|_| file.clone()).display().to_string(),
        (None, Some(url)) => url.clone(),
        (None, None) => String::new(),
    };
    let is_json = global.log_format == LogFormat::Json;
    Lease {
        place: stack.place(),
        world,
        folder: lease::folder(),
        object: stack.lease.clone(),
        patience: locking.lock_timeout,
        clock: Arc::new(Timestamp::now),
        say: Arc::new(move |line| match is_json {
            true => tracing::warn!("{}", line.trim_end()),
            false => talk(line),
        }),
    }
}

impl From<NotTaken> for Failure {
    fn from(error: NotTaken) -> Self {
        let code = match &error {
            NotTaken::Busy { .. } => "held",
            NotTaken::NotOurs { .. } => "not-a-lease",
            NotTaken::Refused { .. } | NotTaken::Local { .. } => return Self::Wrong(error.to_string(), error.help()),
        };
        Self::Refused(vec![Refusal {
            address: None,
            code: code.to_owned(),
            message: error.to_string(),
            help: error.help().unwrap_or_default(),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_elsewhere() {
        let of = |text: &str| duration(text).map(|duration| duration.as_secs());
        assert_eq!((of("0s"), of("90s"), of("5m"), of("1h30m")), (Ok(0), Ok(90), Ok(300), Ok(5400)));
        for wrong in ["", "5", "-5m", "soon"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
