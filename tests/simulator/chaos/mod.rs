//! Random stacks, faults, hands and ends against a model of what should exist.
//!
//! A sequence is a few epochs. In each the manifests change, others meddle, some processes run among faults and are
//! killed or stopped, and then nothing goes wrong any more: within two runs everything is as declared, and a third has
//! nothing to do.

mod drift;
mod generate;
mod model;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use farpost::aws::Aws;
use farpost::plan::Goal;
use farpost::sandbox::faults::{Fault, FaultRules, Faults, Lag, Rule};
use fastrand::Rng;

use self::drift::Foreign;
use self::model::{Declared, expected, found};
use super::account::{Account, folder};
use super::audit;
use super::process::{Ending, Ran, Start, plan_only, run};
use super::stacks::Stack;
use super::tap::{Fate, Side};

/// How many sequences are enough for every day.
const SEQUENCES: u64 = 500;
/// How many are enough to sleep well.
const LONG: u64 = 10_000;

/// The variable that plays one sequence again.
const SEED: &str = "FARPOST_CHAOS_SEED";

#[test]
fn what_is_declared_is_what_is_there_in_the_end() {
    play_all("chaos", SEQUENCES);
}

#[test]
#[ignore = "an hour; cargo test -- --ignored chaos_long"]
fn chaos_long() {
    play_all("chaos_long", LONG);
}

#[track_caller]
fn play_all(name: &str, sequences: u64) {
    if let Some(seed) = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()) {
        let mut story = Vec::new();
        let ended = play(seed, &mut story);
        println!("{}\n{ended:?}", story.join("\n"));
        assert!(ended.is_ok(), "{SEED}={seed}: {ended:?}");
        return;
    }
    let begun = Instant::now();
    let (next, processes) = (AtomicU64::new(0), AtomicU64::new(0));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= sequences {
                        break;
                    }
                    let mut story = Vec::new();
                    match play(seed, &mut story) {
                        Ok(count) => drop(processes.fetch_add(count, Ordering::Relaxed)),
                        Err(error) => {
                            let failure = format!("{SEED}={seed}:\n{}\n{error}", story.join("\n"));
                            println!("{failure}\n");
                            failures.lock().unwrap().push(failure);
                        }
                    }
                }
            });
        }
    });
    let (failures, seconds) = (failures.into_inner().unwrap(), begun.elapsed().as_secs_f64());
    println!(
        "{name}: {sequences} sequences, {} processes in {seconds:.0} s, {} failed",
        processes.into_inner(),
        failures.len()
    );
    let shown = failures.iter().take(8).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{} sequences failed:\n{shown}", failures.len());
}

/// One sequence; how many processes it took.
fn play(seed: u64, story: &mut Vec<String>) -> Result<u64, String> {
    fastrand::seed(seed);
    let mut sequence = Sequence::new(seed);
    let ended = sequence
        .play()
        .map_err(|error| format!("{error}\nthe last that changed anything:\n{}", sequence.last.join("\n")));
    story.append(&mut sequence.story);
    ended.map(|()| sequence.processes)
}

struct Sequence {
    chance: Rng,
    account: Account,
    stranger: Arc<Aws>,
    foreign: Foreign,
    story: Vec<String>,
    /// What the last process changed.
    last: Vec<String>,
    processes: u64,
    /// Where all of them run.
    machine: tempfile::TempDir,
}

impl Sequence {
    fn new(seed: u64) -> Self {
        let account = Account::new();
        account.sandbox.remember(Lag::Time(LAG));
        let stranger = Arc::new(account.live(account.stranger()));
        let foreign = account.live(Foreign::plant(&account, &stranger));
        let machine = folder();
        Self {
            chance: Rng::with_seed(seed),
            account,
            stranger,
            foreign,
            story: Vec::new(),
            last: Vec::new(),
            processes: 0,
            machine,
        }
    }

    fn play(&mut self) -> Result<(), String> {
        let size = self.chance.usize(1..=5);
        let mut declared = self.sound(|chance| generate::stack(chance, size));
        let mut before = declared.clone();
        for epoch in 0..self.chance.usize(1..=2) {
            if epoch > 0 {
                before = declared.clone();
                declared = self.sound(|chance| generate::edited(before.clone(), chance));
            }
            let addresses: Vec<String> = declared.things.iter().map(model::Thing::address).collect();
            self.tell(format!("epoch {epoch}: site {} {}", declared.site, addresses.join(" ")));
            self.epoch(&declared, &before, Goal::Converge)?;
        }
        if self.chance.bool() {
            self.tell("destroy".to_owned());
            let nothing = Declared::default();
            self.epoch_to(&declared, &declared, Goal::Destroy, &nothing)?;
        }
        self.foreign.check(&self.account)
    }

    /// The first of random stacks that the rule book lets through.
    fn sound(&mut self, make: impl Fn(&mut Rng) -> Declared) -> Declared {
        loop {
            let declared = make(&mut self.chance);
            if Stack::text(generate::manifests(&declared)).checked().is_ok() {
                return declared;
            }
        }
    }

    fn epoch(&mut self, declared: &Declared, before: &Declared, goal: Goal) -> Result<(), String> {
        self.epoch_to(declared, before, goal, declared)
    }

    /// Trouble, and then none: what `wanted` says is there.
    fn epoch_to(
        &mut self,
        declared: &Declared,
        before: &Declared,
        goal: Goal,
        wanted: &Declared,
    ) -> Result<(), String> {
        let desired = Stack::text(generate::manifests(declared)).desired();
        if self.chance.u8(..3) == 0 {
            for _ in 0..self.chance.usize(1..=2) {
                let what = self.account.live(drift::meddle(&self.account, &self.stranger, &mut self.chance));
                if let Some(what) = what {
                    self.tell(format!("somebody else: {what}"));
                }
            }
        }
        if self.chance.u8(..4) == 0 {
            // What is on its way is there, or gone.
            self.account.live(async { tokio::time::sleep(SETTLED).await });
            let start = || Start::new(&desired, goal);
            let (one, other) = (plan_only(&self.account, &start())?, plan_only(&self.account, &start())?);
            if one != other {
                let lines = |text: &str, than: &str| {
                    text.lines().filter(|line| !than.lines().any(|other| other == *line)).collect::<Vec<_>>().join("\n")
                };
                let (one, other) = (lines(&one, &other), lines(&other, &one));
                return Err(format!("the same account has two plans, which differ in:\n{one}\n---\n{other}"));
            }
        }
        for _ in 0..self.chance.usize(..=2) {
            let fate = match self.chance.u8(..4) {
                0 => Fate::Lives,
                1 => Fate::Stops(self.chance.usize(..12)),
                side => Fate::Dies(self.chance.usize(..12), if side == 2 { Side::Before } else { Side::After }),
            };
            let rules = rules(&mut self.chance);
            self.tell(format!("{fate:?} among {rules:?}"));
            let rules = FaultRules { seed: self.chance.u64(..), rules, ..FaultRules::default() };
            let faults = Arc::new(Faults::new(rules));
            let start = Start { faults: Some(faults), ..Start::new(&desired, goal).fate(fate) };
            let ran = self.run(start, before, declared)?;
            self.tell(format!("  {} changing calls, {}", ran.changes().count(), short(&ran.ending)));
        }
        let mut converged = false;
        for _ in 0..2 {
            let ran = self.run(Start::new(&desired, goal), before, declared)?;
            self.tell(format!("calm: {} changing calls, {}", ran.changes().count(), short(&ran.ending)));
            match ran.ending {
                Ending::Converged => {
                    converged = true;
                    break;
                }
                Ending::Failed(_) => {}
                ending => return Err(format!("without any trouble: {ending:#?}")),
            }
        }
        if !converged {
            return Err("it does not converge within two calm runs".to_owned());
        }
        let again = self.run(Start::new(&desired, goal), before, declared)?;
        if let (Ending::Converged, Some(call)) = (&again.ending, again.changes().next()) {
            return Err(format!("a second apply changes something: {call:?}"));
        }
        let (should, is) = (expected(wanted), found(&self.account.content(), "chaos"));
        if should != is {
            let only = |these: &[String], those: &[String]| {
                these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>().join("\n    ")
            };
            let (missing, more) = (only(&should, &is), only(&is, &should));
            return Err(format!("should be there:\n    {missing}\nis there:\n    {more}\n(all: {is:#?})"));
        }
        self.foreign.check(&self.account)
    }

    fn run(&mut self, start: Start<'_>, before: &Declared, declared: &Declared) -> Result<Ran, String> {
        self.processes += 1;
        let has_faults = start.faults.is_some();
        let was = self.account.content();
        let ran = run(&self.account, start.on(self.machine.path().to_owned()));
        if let Ending::Failed(error) = &ran.ending
            && (error.contains("panicked") || error.contains("never ended"))
        {
            return Err(error.clone());
        }
        if let Ending::Refused(error) = &ran.ending
            && !has_faults
        {
            return Err(format!("it refuses: {error}"));
        }
        let changes: Vec<String> =
            ran.changes().map(|call| format!("{:?} {} {}", call.status, call.operation, call.body)).collect();
        if !changes.is_empty() {
            self.last = changes;
        }
        audit::calls_are_planned(&ran, &was, &self.account.content())?;
        let refers = |user: &str, used: &str| {
            [before, declared].iter().all(|declared| {
                let thing = |address: &str| declared.things.iter().find(|thing| thing.address() == address);
                thing(user).zip(thing(used)).is_none_or(|(user, used)| user.refers_to(used))
            }) && before.things.iter().any(|thing| thing.address() == user)
                && before.things.iter().any(|thing| thing.address() == used)
        };
        audit::deletes_are_in_order(&ran, &refers)?;
        Ok(ran)
    }

    fn tell(&mut self, line: String) {
        self.story.push(line);
    }
}

fn short(ending: &Ending) -> String {
    let text = format!("{ending:?}");
    text.chars().take(600).collect()
}

/// Longer than an instance takes to end.
const SETTLED: Duration = Duration::from_secs(600);

/// How long reads lag at most.
const LAG: Duration = Duration::from_secs(8);

/// What goes wrong with the calls of one process.
fn rules(chance: &mut Rng) -> Vec<Rule> {
    const PATTERNS: &[&str] =
        &["*", "reads", "writes", "ec2:*", "ecs:*", "iam:*", "ec2:writes", "ecs:writes", "logs:*"];
    (0..chance.usize(..=2))
        .map(|_| {
            let fault = match chance.u8(..14) {
                0 => Fault::Throttle { retry_after: None },
                1 => Fault::Throttle { retry_after: Some(2) },
                2 => Fault::InternalError,
                3 => Fault::Unavailable,
                4 => Fault::Timeout,
                5 => Fault::Reset,
                6 => Fault::Lost,
                7 => Fault::Truncated,
                8 => Fault::Garbled,
                9 => Fault::Slow(Duration::from_secs(chance.u64(1..15))),
                10 => Fault::ExpiredCredentials,
                11 => Fault::ClockSkew { minutes: chance.i64(-20..20) },
                12 => Fault::Denied,
                _ => Fault::Lag(Lag::Time(LAG / chance.u32(1..=4))),
            };
            let pattern = PATTERNS[chance.usize(..PATTERNS.len())];
            let rule = Rule::new(fault).on(&[pattern]);
            match chance.u8(..3) {
                0 => rule.calls(&[chance.u64(1..20)]),
                1 => rule.probability(0.05),
                _ => rule.probability(0.3).times(chance.u64(1..6)),
            }
        })
        .collect()
}
