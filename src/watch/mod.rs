//! Files + clock + signals → the same stages, again and again.
//!
//! Level-triggered: why a run happens is told and never decides what it does. One run at a time; hints that come
//! during a run make one more run. A broken or emptied tree keeps the last good one.

mod files;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::files::{Hints, fingerprint};
use crate::apply::{Outcome, Wait, apply_waiting, settle};
use crate::aws::Aws;
use crate::desired::Desired;
use crate::diagnostic::{self, Diagnostic};
use crate::lease::Held;
use crate::observed::survey;
use crate::plan::{Goal, Guards, Plan, plan};
use crate::report::progress::{Telling, tell};

/// After a file changed, how long it must be quiet: editors and git write in bursts.
const QUIET: Duration = Duration::from_millis(300);
/// The first pause after a failed run; each further failure doubles it.
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// How long giving the lease up may take. Who is told to stop has five seconds for everything.
const GIVING_UP: Duration = Duration::from_millis(1500);

/// What to do when AWS differs and the manifests did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    Correct,
    Report,
}

/// Connects for a stack; a message when it cannot.
pub type Connect = Box<dyn Fn(&Desired) -> BoxFuture<'static, Result<Arc<Aws>, String>> + Send + Sync>;

/// Takes the lock and the lease of a stack; a message when somebody else has them.
pub type Hold = Box<dyn Fn(&Desired, Arc<Aws>) -> BoxFuture<'static, Result<Held, String>> + Send + Sync>;

/// How to watch.
pub struct Settings {
    pub paths: Vec<PathBuf>,
    /// How often AWS is looked at when nothing changes; each pause is up to a tenth longer.
    pub interval: Duration,
    pub drift: Drift,
    pub guards: Guards,
    pub wait: Wait,
    pub telling: Telling,
    /// Reads and checks the manifests.
    pub load: Box<dyn Fn() -> (Option<Desired>, Vec<Diagnostic>) + Send + Sync>,
    /// Connects for a stack; a message when it cannot.
    pub connect: Connect,
    /// Makes this the one writer of the stack, for a run that has something to write.
    pub hold: Hold,
    /// Tells one line.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
}

/// Why a run happens; for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Start,
    Files,
    Interval,
    Retry,
}

impl Cause {
    fn words(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Files => "the files changed",
            Self::Interval => "interval",
            Self::Retry => "retry",
        }
    }
}

/// Watches until `stop` is cancelled.
///
/// # Errors
/// The paths cannot be watched.
pub async fn watch(settings: Settings, stop: CancellationToken) -> Result<(), notify::Error> {
    let mut hints = Hints::new(&settings.paths)?;
    let mut watch = Watch { settings, stop, good: None, applied: None, seen: None, failures: 0, aws: None };
    let mut cause = Cause::Start;
    loop {
        watch.run(cause).await;
        if watch.stop.is_cancelled() {
            watch.say("stopped", json!({}));
            return Ok(());
        }
        cause = watch.wait(&mut hints).await;
    }
}

struct Watch {
    settings: Settings,
    stop: CancellationToken,
    /// The last manifests that had no error, and the digest of what they declare.
    good: Option<(Desired, String)>,
    /// The digest of what AWS was last brought to.
    applied: Option<String>,
    /// The fingerprint of the files at the last run.
    seen: Option<String>,
    failures: u32,
    aws: Option<Arc<Aws>>,
}

impl Watch {
    /// Sleeps until there is a reason to look again.
    async fn wait(&self, hints: &mut Hints) -> Cause {
        let (pause, cause) = match self.failures {
            0 => (self.settings.interval, Cause::Interval),
            failures => {
                let doubled = FIRST_BACKOFF.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST_BACKOFF);
                (doubled.min(self.settings.interval.max(FIRST_BACKOFF)), Cause::Retry)
            }
        };
        let until = Instant::now() + pause.mul_f64(1.0 + fastrand::f64() / 10.0);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return cause,
                () = tokio::time::sleep_until(until) => return cause,
                () = hints.next() => {
                    // A burst is one hint; and what changed nothing is none, so that reading wakes nobody.
                    while tokio::time::timeout(QUIET, hints.next()).await.is_ok() {}
                    if Some(fingerprint(&self.settings.paths)) != self.seen {
                        return Cause::Files;
                    }
                }
            }
        }
    }

    async fn run(&mut self, cause: Cause) {
        if self.stop.is_cancelled() {
            return;
        }
        self.say("run", json!({"because": cause.words()}));
        self.seen = Some(fingerprint(&self.settings.paths));
        self.read();
        let Some((desired, digest)) = self.good.take() else {
            self.failures = 0;
            return;
        };
        let result = self.reconcile(&desired, &digest).await;
        match result {
            Ok(()) => self.failures = 0,
            Err(_) if self.stop.is_cancelled() => {}
            Err(message) => {
                self.failures += 1;
                // Credentials may have been renewed in a way that only a new connection sees.
                self.aws = None;
                self.say("failed", json!({"why": message, "failures": self.failures}));
            }
        }
        self.good = Some((desired, digest));
    }

    /// Reads the manifests; keeps the last good ones when these are not. Also where no file that is watched has changed:
    /// they may be made of others.
    fn read(&mut self) {
        let (desired, findings) = (self.settings.load)();
        match desired {
            Some(desired) if desired.is_empty() && self.good.as_ref().is_some_and(|(good, _)| !good.is_empty()) => {
                self.say("kept", json!({"why": "the manifests declare nothing any more; the last good ones stay. To delete the stack, use farpost destroy"}));
            }
            Some(desired) => {
                let is_other_stack = self.good.as_ref().is_some_and(|(good, _)| good.place() != desired.place());
                if is_other_stack {
                    self.say("kept", json!({"why": "the stack, its account or its region changed; stop and start farpost watch for that"}));
                    return;
                }
                let digest = crate::manifest::digest(&desired.declarations());
                self.good = Some((desired, digest));
            }
            None => {
                (self.settings.say)(&diagnostic::text::render(&findings, true));
                let why = if self.good.is_some() {
                    "the manifests have errors; the last good ones stay"
                } else {
                    "the manifests have errors; nothing is done until they are mended"
                };
                self.say("kept", json!({"why": why, "findings": findings.len()}));
            }
        }
    }

    async fn reconcile(&mut self, desired: &Desired, digest: &str) -> Result<(), String> {
        let aws = match &self.aws {
            Some(aws) => Arc::clone(aws),
            None => (self.settings.connect)(desired).await?,
        };
        self.aws = Some(Arc::clone(&aws));
        let plan = self.plan(&aws, desired).await?;
        if !plan.refusals.is_empty() {
            return Err(refused(&plan));
        }
        if plan.steps.is_empty() {
            self.applied = Some(digest.to_owned());
            self.say("in sync", json!({"objects": plan.changes.len()}));
            return Ok(());
        }
        let changes: Vec<String> =
            plan.pending().map(|change| format!("{} {}", change.action.word(), change.address)).collect();
        let is_drift = self.applied.as_deref() == Some(digest);
        if is_drift && self.settings.drift == Drift::Report {
            self.say("drift", json!({"changes": changes, "corrected": false}));
            return Ok(());
        }
        // Only who holds the lease may write, and what was planned before is worth nothing then.
        let held = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(()),
            held = (self.settings.hold)(desired, Arc::clone(&aws)) => held?,
        };
        let result = self.write(&aws, desired, digest, &held, is_drift).await;
        // Also of a lease that was lost: the lock of this machine goes with it.
        let is_lost = held.check().is_err();
        if let Err(lost) = held.release_within(GIVING_UP).await
            && !is_lost
        {
            tracing::warn!("{lost}; the lease expires by itself within a minute");
        }
        result
    }

    /// Plans again and carries that out.
    async fn write(
        &mut self,
        aws: &Arc<Aws>,
        desired: &Desired,
        digest: &str,
        held: &Held,
        is_drift: bool,
    ) -> Result<(), String> {
        let plan = self.plan(aws, desired).await?;
        if !plan.refusals.is_empty() {
            return Err(refused(&plan));
        }
        if plan.steps.is_empty() {
            settle(held, &plan);
            self.applied = Some(digest.to_owned());
            self.say("in sync", json!({"objects": plan.changes.len()}));
            return Ok(());
        }
        let changes: Vec<String> =
            plan.pending().map(|change| format!("{} {}", change.action.word(), change.address)).collect();
        self.say(if is_drift { "drift" } else { "applying" }, json!({"changes": changes}));
        let outcome = self.apply(aws, plan, held).await;
        if self.stop.is_cancelled() {
            return Ok(());
        }
        held.check().map_err(|lost| lost.to_string())?;
        if outcome.is_deferred() {
            // Nothing is wrong: the next run looks whether there is room, or the host, by then.
            let why: Vec<String> =
                outcome.failed.iter().map(|failure| format!("{}: {}", failure.address, failure.message)).collect();
            self.say("deferred", json!({"why": why}));
            return Ok(());
        }
        if let Some(failure) = outcome.failed.first() {
            let more = if outcome.failed.len() > 1 {
                format!(" and {} more", outcome.failed.len() - 1)
            } else {
                String::new()
            };
            return Err(format!("{}: {}{more}", failure.address, failure.message));
        }
        let left = self.plan(aws, desired).await?;
        if !left.is_empty() {
            let left: Vec<String> = left.pending().map(|change| change.address.to_string()).collect();
            return Err(format!("not converged: {}", left.join(", ")));
        }
        self.applied = Some(digest.to_owned());
        if !outcome.left.is_empty() {
            let left: Vec<String> = outcome.left.iter().map(|(address, why)| format!("{address}: {why}")).collect();
            self.say("not waited for", json!({"why": left}));
            return Ok(());
        }
        self.say("converged", json!({"steps": outcome.done.len()}));
        Ok(())
    }

    async fn plan(&self, aws: &Aws, desired: &Desired) -> Result<Plan, String> {
        let (place, wanted) = (desired.place(), desired.wanted());
        let found = tokio::select! {
            biased;
            found = survey(aws, &place, &wanted, crate::kinds::Purpose::Survey) => found,
            // Reading changes nothing, so it can be left anywhere.
            () = self.stop.cancelled() => return Err("stopped".to_owned()),
        };
        let found = found.map_err(|error| error.to_string())?;
        let mut plan = plan(desired, &found, Goal::Converge, self.settings.guards, aws.counts());
        crate::rules::judge(desired, &mut plan, jiff::Timestamp::now());
        Ok(plan)
    }

    async fn apply(&self, aws: &Arc<Aws>, plan: Plan, held: &Held) -> Outcome {
        let (sender, receiver) = mpsc::unbounded_channel();
        let teller = tokio::spawn(tell(self.settings.telling, receiver));
        let stop = self.stop.child_token();
        let guard = tokio::spawn({
            let (held, stop) = (held.clone(), stop.clone());
            async move {
                held.lost().await;
                stop.cancel();
            }
        });
        let outcome = apply_waiting(Arc::clone(aws), plan, self.settings.wait, sender, stop).await;
        guard.abort();
        teller.await.ok();
        outcome
    }

    /// One line with the time, or one JSON object.
    fn say(&self, what: &str, facts: serde_json::Value) {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let line = if self.settings.telling == Telling::Json {
            let mut object = json!({"time": now.to_string(), "watch": what});
            if let (Some(object), Some(facts)) = (object.as_object_mut(), facts.as_object()) {
                object.extend(facts.clone());
            }
            format!("{object}\n")
        } else {
            let facts: Vec<String> = facts
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| match value {
                    serde_json::Value::String(text) => text.clone(),
                    serde_json::Value::Array(items) => {
                        items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", ")
                    }
                    // The names are those of counts: steps, findings.
                    value => match value.as_u64() {
                        Some(1) => format!("1 {}", name.trim_end_matches('s')),
                        _ => format!("{value} {name}"),
                    },
                })
                .collect();
            format!("{now} {what}: {}\n", facts.join(", ")).replace(": \n", "\n")
        };
        (self.settings.say)(&line);
    }
}

fn refused(plan: &Plan) -> String {
    let refusals: Vec<&str> = plan.refusals.iter().map(|refusal| refusal.message.as_str()).collect();
    format!("refused: {}", refusals.join("; "))
}
