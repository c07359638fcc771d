//! One life of farpost: survey, plan, apply, and a second look, until it ends or is ended.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use farpost::apply::{Outcome, apply};
use farpost::aws::{Access, Aws, Patience};
use farpost::desired::Desired;
use farpost::kinds::Purpose;
use farpost::lease::{Held, Lease, NotTaken};
use farpost::observed::survey;
use farpost::plan::{Goal, Guards, Plan, plan};
use farpost::sandbox::client::SandboxClient;
use farpost::sandbox::faults::Faults;
use tokio::sync::mpsc;

use super::account::Account;
use super::tap::{Called, Fate, Tap};

/// How a process ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// What is declared is there, and planning again finds nothing to do.
    Converged,
    /// Everything but what waits for somebody else.
    Deferred,
    /// It says that it did not succeed, and why.
    Failed(String),
    /// It refused to do anything.
    Refused(String),
    /// It was told to stop, and did.
    Stopped,
    Killed,
}

/// A process that is over.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ending: Ending,
    /// What it meant to do; none when it did not come so far.
    pub(crate) plan: Option<Plan>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) calls: Vec<Called>,
}

impl Ran {
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Called> {
        self.calls.iter().filter(|called| called.is_change())
    }
}

/// What a process is started with.
pub(crate) struct Start<'a> {
    pub(crate) desired: &'a Desired,
    pub(crate) goal: Goal,
    pub(crate) fate: Fate,
    /// Milliseconds that a call takes each way.
    pub(crate) way: Range<u64>,
    pub(crate) faults: Option<Arc<Faults>>,
    /// The folder of its machine's locks.
    pub(crate) machine: Option<PathBuf>,
}

impl<'a> Start<'a> {
    pub(crate) fn new(desired: &'a Desired, goal: Goal) -> Self {
        Self { desired, goal, fate: Fate::Lives, way: 5..40, faults: None, machine: None }
    }

    pub(crate) fn fate(self, fate: Fate) -> Self {
        Self { fate, ..self }
    }

    pub(crate) fn on(self, machine: PathBuf) -> Self {
        Self { machine: Some(machine), ..self }
    }

    pub(crate) fn among(self, faults: Option<Arc<Faults>>) -> Self {
        Self { faults, ..self }
    }
}

/// Longer than all waits of a run together.
const FOR_EVER: Duration = Duration::from_secs(6 * 3600);

/// Lives one life.
pub(crate) fn run(account: &Account, start: Start<'_>) -> Ran {
    account.live(run_beside(account, start))
}

/// Lives one life among others.
pub(crate) async fn run_beside(account: &Account, start: Start<'_>) -> Ran {
    let tap = wire(account, &start);
    let (mut planned, mut outcome) = (None, None);
    let ending = {
        let life = tokio::time::timeout(FOR_EVER, live(&tap, account, &start, &mut planned, &mut outcome));
        tokio::select! {
            biased;
            () = tap.dead().cancelled() => Ending::Killed,
            ended = life => ended.unwrap_or_else(|_| Ending::Failed("it never ended".to_owned())),
        }
    };
    Ran { ending, plan: planned, outcome, calls: tap.calls() }
}

/// What a process would plan, as text.
pub(crate) fn plan_only(account: &Account, start: &Start<'_>) -> Result<String, String> {
    account.live(async {
        let tap = wire(account, start);
        let aws = connect(&start.desired.stack.region, SharedHttpClient::new(tap)).await?;
        let plan = first_plan(&aws, start).await?;
        Ok(serde_json::to_string_pretty(&plan).unwrap())
    })
}

fn wire(account: &Account, start: &Start<'_>) -> Tap {
    let sandbox = Arc::clone(&account.sandbox);
    let below = match &start.faults {
        Some(faults) => SandboxClient::with_faults(sandbox, Arc::clone(faults)),
        None => SandboxClient::new(sandbox),
    };
    Tap::new(SharedHttpClient::new(below), start.fate, start.way.clone())
}

pub(crate) async fn connect(region: &str, http: SharedHttpClient) -> Result<Aws, String> {
    let access = Access { region: Some(region.to_owned()), ..Access::default() };
    Aws::connect(&access, Some(http), Patience::AWS).await.map_err(|fault| fault.to_string())
}

async fn live(
    tap: &Tap,
    account: &Account,
    start: &Start<'_>,
    planned: &mut Option<Plan>,
    told: &mut Option<Outcome>,
) -> Ending {
    let aws = match connect(&start.desired.stack.region, SharedHttpClient::new(tap.clone())).await {
        Ok(aws) => Arc::new(aws),
        Err(error) => return Ending::Failed(error),
    };
    let held = match hold(&aws, account, start).await {
        Ok(held) => held,
        Err(not_taken) => return Ending::Failed(not_taken.to_string()),
    };
    let ending = write(&aws, tap, start, planned, told).await;
    if let Some(held) = held {
        // It expires by itself.
        held.release().await.ok();
    }
    ending
}

/// Takes what has to be taken before a stack is written to, as the commands do.
async fn hold(aws: &Aws, account: &Account, start: &Start<'_>) -> Result<Option<Held>, NotTaken> {
    let Some(machine) = &start.machine else { return Ok(None) };
    let sandbox = Arc::clone(&account.sandbox);
    let lease = Lease {
        place: start.desired.place(),
        world: String::new(),
        folder: machine.clone(),
        object: start.desired.stack.lease.clone(),
        patience: FOR_EVER,
        clock: Arc::new(move || sandbox.now()),
        say: Arc::new(|_| {}),
    };
    let held = lease.acquire(aws.s3()).await?;
    aws.write_as(held.clone());
    Ok(Some(held))
}

async fn write(
    aws: &Arc<Aws>,
    tap: &Tap,
    start: &Start<'_>,
    planned: &mut Option<Plan>,
    told: &mut Option<Outcome>,
) -> Ending {
    let plan = match first_plan(aws, start).await {
        Ok(plan) => plan,
        Err(error) => return Ending::Failed(error),
    };
    *planned = Some(plan.clone());
    if !plan.refusals.is_empty() {
        return Ending::Refused(format!("{:#?}", plan.refusals));
    }
    let (events, mut seen) = mpsc::unbounded_channel();
    let outcome = apply(Arc::clone(aws), plan, events, tap.stop().clone()).await;
    let panicked = outcome.interrupted && outcome.because.is_none() && !tap.stop().is_cancelled();
    let ending = match &outcome {
        _ if panicked => Ending::Failed("a step panicked".to_owned()),
        Outcome { because: Some(because), .. } => Ending::Failed(because.clone()),
        _ if tap.stop().is_cancelled() => Ending::Stopped,
        outcome if outcome.is_deferred() => Ending::Deferred,
        outcome if !outcome.is_complete() => {
            let mut said = Vec::new();
            while let Ok(event) = seen.try_recv() {
                said.push(serde_json::to_string(&event).unwrap());
            }
            let last = said.len().saturating_sub(12);
            Ending::Failed(format!("{:#?}\n{}", outcome.failed, said[last..].join("\n")))
        }
        _ => match make_plan(aws, start, Purpose::Survey).await {
            Err(error) => Ending::Failed(error),
            Ok(left) if left.is_empty() => Ending::Converged,
            Ok(left) => Ending::Failed(format!("left over: {:#?}", left.pending().collect::<Vec<_>>())),
        },
    };
    *told = Some(outcome);
    ending
}

/// As the commands do: before everything goes, a close look.
async fn first_plan(aws: &Aws, start: &Start<'_>) -> Result<Plan, String> {
    let purpose = if start.goal == Goal::Destroy { Purpose::Deep } else { Purpose::Survey };
    make_plan(aws, start, purpose).await
}

async fn make_plan(aws: &Aws, start: &Start<'_>, purpose: Purpose<'_>) -> Result<Plan, String> {
    let desired = start.desired;
    let (place, wanted) = match start.goal {
        Goal::Converge => (desired.place(), desired.wanted()),
        Goal::Destroy => (desired.place(), Default::default()),
    };
    let seen = survey(aws, &place, &wanted, purpose).await.map_err(|error| error.to_string())?;
    Ok(plan(desired, &seen, start.goal, Guards { max_deletes: Some(usize::MAX) }, aws.counts()))
}
