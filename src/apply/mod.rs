//! Plan → events: does what the plan says, in its order, as much at once as may be.
//!
//! Takes no decisions. One failure stops only what depends on it. A step is level-triggered: it looks, takes the
//! next call that brings the object nearer to what is wanted, and looks again, so that a step that was cut off
//! anywhere can be taken up again.

mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::object::Stopped;
use crate::address::Address;
use crate::aws::{Aws, Cause, Fault, in_the_name_of};
use crate::kinds::Attributes;
use crate::lease::{Begun, Held};
use crate::plan::{Action, Change, Plan, Step, Work};

/// How many objects are worked on at once. EC2's and ECS's buckets for changes refill at a few a second. Those that
/// are only waited for do not count.
const CONCURRENCY: usize = 8;
/// How many of those that are waited for are looked at together.
const LOOKS: usize = 20;

/// Something that happened while applying, for whoever shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum Event {
    Started {
        address: Address,
        work: Work,
    },
    /// The object is not where it should be yet; the text says what is missing.
    Waiting {
        address: Address,
        why: String,
    },
    Done {
        address: Address,
        work: Work,
        id: String,
        seconds: f64,
        /// What is missing yet, where it was not waited for.
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<String>,
    },
    Failed {
        address: Address,
        work: Work,
        why: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// It was right, and waits for something: capacity, or a host that has not registered.
        deferred: bool,
    },
    /// Not tried, because of something else.
    Skipped {
        address: Address,
        work: Work,
        because: String,
    },
}

/// How it ended.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub done: Vec<Address>,
    pub failed: Vec<Failure>,
    pub skipped: Vec<Address>,
    /// What of the done is not ready yet and was not waited for, and what each is missing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub left: BTreeMap<Address, String>,
    /// Whether it was stopped before its end: by the user, or because nothing could be written any more.
    pub interrupted: bool,
    /// Why it was stopped, where that was not the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// A step that failed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub address: Address,
    pub work: Work,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether it was right, and AWS has no room for it now or what it needs is not there yet: the same step can succeed
    /// later.
    pub deferred: bool,
}

impl Outcome {
    /// Whether everything was done but what had to be left for later, and what depends on that.
    pub fn is_deferred(&self) -> bool {
        !self.interrupted && !self.failed.is_empty() && self.failed.iter().all(|failure| failure.deferred)
    }

    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.interrupted
    }
}

/// How long what was created or changed is waited for, unless something else needs it: then until it is ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Wait {
    /// Until AWS has accepted it and answers it as it is declared
    None,
    /// Services and tasks until their deployment has a task that runs; everything else until it is ready
    Started,
    /// Until it is ready
    #[default]
    Stable,
}

/// What all steps of a run share.
#[derive(Debug)]
struct Run {
    aws: Arc<Aws>,
    plan: Plan,
    known: Mutex<BTreeMap<Address, Attributes>>,
    events: mpsc::UnboundedSender<Event>,
    stop: CancellationToken,
    wait: Wait,
    /// What was not waited for, and what it was missing.
    left: Mutex<BTreeMap<Address, String>>,
    /// Steps whose object is not there, and is for somebody else to bring.
    absent: Mutex<BTreeSet<usize>>,
    /// Who may begin.
    turns: Semaphore,
    /// Who may look again.
    looks: Semaphore,
    /// The right to write; none in tests that need none.
    held: Option<Held>,
    /// What a run that died had begun to create.
    unfinished: BTreeMap<Address, Begun>,
    /// The objects whose creation ended, and whether they are there.
    ended: Mutex<BTreeMap<Address, bool>>,
}

/// How long calls in flight may take to end once the run is told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Carries a plan out. When `stop` is cancelled, nothing new is started, waits are left, and calls in flight end or,
/// after a few seconds, are given up: the next run looks whether they took effect.
pub async fn apply(
    aws: Arc<Aws>,
    plan: Plan,
    events: mpsc::UnboundedSender<Event>,
    stop: CancellationToken,
) -> Outcome {
    apply_waiting(aws, plan, Wait::Stable, events, stop).await
}

/// The same, with less waiting.
pub async fn apply_waiting(
    aws: Arc<Aws>,
    plan: Plan,
    wait: Wait,
    events: mpsc::UnboundedSender<Event>,
    stop: CancellationToken,
) -> Outcome {
    aws.start_run(&stop);
    let held = aws.held();
    let unfinished = held.as_ref().map(Held::unfinished).unwrap_or_default();
    if !unfinished.is_empty() {
        // What the run before made may not show yet.
        aws.created();
    }
    let known = Mutex::new(plan.known.clone());
    let (turns, looks) = (Semaphore::new(CONCURRENCY), Semaphore::new(LOOKS));
    // A run that cannot go on stops itself, not whatever else its caller does.
    let stop = stop.child_token();
    let (left, absent) = (Mutex::default(), Mutex::default());
    let run = Arc::new(Run {
        aws,
        plan,
        known,
        events,
        stop,
        wait,
        left,
        absent,
        turns,
        looks,
        held,
        unfinished,
        ended: Mutex::default(),
    });
    let mut queue = Queue::new(&run.plan.steps);
    let mut states = vec![StepState::Open; run.plan.steps.len()];
    let mut outcome = Outcome::default();
    let mut tasks: JoinSet<(usize, Result<String, Stopped>, Duration)> = JoinSet::new();
    let given_up = given_up(run.stop.clone());
    tokio::pin!(given_up);
    loop {
        if !run.stop.is_cancelled() {
            for index in queue.ready.drain(..) {
                states[index] = StepState::Running;
                tasks.spawn(perform(Arc::clone(&run), index));
            }
        }
        let joined = tokio::select! {
            biased;
            joined = tasks.join_next() => joined,
            () = &mut given_up => break,
        };
        let Some(joined) = joined else { break };
        // A panic in a step is a bug of ours; the other steps go on and the run ends as failed.
        let Ok((index, result, took)) = joined else {
            tracing::error!("a step ended unexpectedly");
            outcome.interrupted = true;
            continue;
        };
        match &result {
            Ok(_) => queue.done(index, &|_| true),
            Err(Stopped::Fault(fault)) if fault.cause == Cause::Absent => {
                run.absent().insert(index);
                // What does not refer to it can be made without it.
                queue.done(index, &|next| !refers(&run.plan, next, &run.plan.steps[index].address));
            }
            Err(Stopped::Fault(fault)) if ends_the_run(fault.cause) => {
                outcome.because.get_or_insert_with(|| fault.to_string());
                run.stop.cancel();
            }
            Err(_) => {}
        }
        finish(&run, index, result, took, &mut states, &mut outcome);
    }
    tasks.abort_all();
    for index in 0..states.len() {
        if states[index] == StepState::Running && run.stop.is_cancelled() {
            let why = "AWS had not answered, so whether it took effect is not known; the next run looks";
            finish(&run, index, Err(Stopped::Interrupted(why.to_owned())), GRACE, &mut states, &mut outcome);
        }
    }
    outcome.interrupted |= run.stop.is_cancelled();
    for (index, _) in states.iter().enumerate().filter(|(_, state)| **state == StepState::Open) {
        skip(&run, index, &states, &mut outcome);
    }
    if let Some(held) = &run.held {
        settle(held, &run.plan);
        for (address, is_there) in &*run.ended.lock().unwrap_or_else(PoisonError::into_inner) {
            if *is_there { held.made(address) } else { held.unmade(address) }
        }
    }
    outcome
}

/// Takes off the record what a run before left unfinished and the plan has found to be there. What is still waited for
/// stays until that has ended.
pub fn settle(held: &Held, plan: &Plan) {
    let unfinished = held.unfinished();
    let is_awaited =
        |address: &Address| plan.steps.iter().any(|step| step.work == Work::Await && step.address == *address);
    let is_there = |change: &&Change| matches!(change.action, Action::None | Action::Update);
    for change in plan.changes.iter().filter(is_there).filter(|change| unfinished.contains_key(&change.address)) {
        if !is_awaited(&change.address) {
            held.made(&change.address);
        }
    }
}

/// Whether every other call would fail in the same way.
fn ends_the_run(cause: Cause) -> bool {
    matches!(cause, Cause::Credentials | Cause::MayNotWrite)
}

/// When there is no more waiting for calls in flight.
async fn given_up(stop: CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepState {
    Open,
    Running,
    Done,
    Failed,
}

/// Which steps can start, and how many steps each of the others still waits for.
struct Queue {
    ready: Vec<usize>,
    missing: Vec<usize>,
    /// Who waits for a step.
    waiting: Vec<Vec<usize>>,
}

impl Queue {
    fn new(steps: &[Step]) -> Self {
        let mut waiting = vec![Vec::new(); steps.len()];
        for (index, step) in steps.iter().enumerate() {
            step.after.iter().for_each(|before| waiting[*before].push(index));
        }
        let missing: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
        let ready = (0..steps.len()).filter(|index| missing[*index] == 0).collect();
        Self { ready, missing, waiting }
    }

    /// Lets go on those of whoever waits for a step that `may`.
    fn done(&mut self, index: usize, may: &dyn Fn(usize) -> bool) {
        for next in std::mem::take(&mut self.waiting[index]).into_iter().filter(|next| may(*next)) {
            self.missing[next] -= 1;
            if self.missing[next] == 0 {
                self.ready.push(next);
            }
        }
    }
}

/// Whether what a step makes has a reference to `address` in it.
fn refers(plan: &Plan, step: usize, address: &Address) -> bool {
    let change = &plan.changes[plan.steps[step].change];
    let text =
        |value: &serde_json::Value| value.to_string().contains(&format!("${{{}.{}.", address.kind, address.name));
    change.desired.as_ref().is_some_and(text) || text(&serde_json::json!(change.tags))
}

/// A step from its turn to its end, and how long it took.
async fn perform(run: Arc<Run>, index: usize) -> (usize, Result<String, Stopped>, Duration) {
    let turn = run.turns.acquire().await.ok();
    let begun = tokio::time::Instant::now();
    if run.stop.is_cancelled() {
        return (index, Err(Stopped::Interrupted("not started".to_owned())), begun.elapsed());
    }
    let step = &run.plan.steps[index];
    send(&run, Event::Started { address: step.address.clone(), work: step.work });
    let result = in_the_name_of(step.address.clone(), object::work(&run, index, turn)).await;
    (index, result, begun.elapsed())
}

fn finish(
    run: &Run,
    index: usize,
    result: Result<String, Stopped>,
    took: Duration,
    states: &mut [StepState],
    outcome: &mut Outcome,
) {
    let step = &run.plan.steps[index];
    let (address, work) = (step.address.clone(), step.work);
    match result {
        Ok(id) => {
            states[index] = StepState::Done;
            outcome.done.push(address.clone());
            // One that is deleted to be made again is not done with.
            if work != Work::Delete || run.plan.changes[step.change].action == Action::Delete {
                run.has_ended(&address, work != Work::Delete);
            }
            let left = run.left().get(&address).cloned();
            outcome.left.extend(left.clone().map(|why| (address.clone(), why)));
            send(run, Event::Done { address, work, id, seconds: took.as_secs_f64(), left });
        }
        Err(stopped) => {
            states[index] = StepState::Failed;
            let deferred = match &stopped {
                Stopped::Fault(fault) => matches!(fault.cause, Cause::Capacity | Cause::Absent),
                Stopped::Deferred(_) => true,
                Stopped::Because(..) | Stopped::Interrupted(_) => false,
            };
            let (message, hint) = match stopped {
                Stopped::Fault(fault) => (fault.to_string(), fault.hint()),
                Stopped::Because(message, hint) => (message, hint),
                Stopped::Deferred(message) => (message, None),
                Stopped::Interrupted(message) => (format!("interrupted: {message}"), None),
            };
            let (of, why, why_hint) = (address.clone(), message.clone(), hint.clone());
            send(run, Event::Failed { address: of, work, why, hint: why_hint, deferred });
            outcome.failed.push(Failure { address, work, message, hint, deferred });
        }
    }
}

fn skip(run: &Run, index: usize, states: &[StepState], outcome: &mut Outcome) {
    let step = &run.plan.steps[index];
    let cause = step.after.iter().find(|before| states[**before] != StepState::Done);
    let because = match cause {
        Some(before) if states[*before] == StepState::Failed => format!("{} failed", run.plan.steps[*before].address),
        Some(before) => format!("{} was not done", run.plan.steps[*before].address),
        None => "interrupted".to_owned(),
    };
    outcome.skipped.push(step.address.clone());
    send(run, Event::Skipped { address: step.address.clone(), work: step.work, because });
}

/// Whoever shows events may have gone; the work goes on.
fn send(run: &Run, event: Event) {
    run.events.send(event).ok();
}

impl Run {
    /// Puts on record that a create is about to be sent, or a deletion whose remains are hard to find, so that whoever
    /// comes after a crash knows what to look for.
    async fn is_creating(&self, address: &Address) -> Result<(), Stopped> {
        let Some(held) = &self.held else { return Ok(()) };
        // What an earlier run began may be taken up with its tokens.
        let run = self.aws.run_of(&address.to_string());
        held.creating(address, &run).await.map_err(|lost| Stopped::Interrupted(format!("nothing was sent: {lost}")))
    }

    /// How the create ended is known: AWS shows the object, or refused it. Whoever comes after a crash may be answered from
    /// before that, so it stays on record until the run ends.
    fn has_ended(&self, address: &Address, is_there: bool) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone(), is_there);
    }

    fn absent(&self) -> std::sync::MutexGuard<'_, BTreeSet<usize>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, String>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Attributes>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
