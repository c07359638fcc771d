//! Every class of fault meets every call that farpost makes, once each: the run among faults or the one after it
//! converges, and the account is as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use farpost::kinds::KINDS;
use farpost::sandbox::faults::{Fault, FaultRules, Faults, Lag, Rule};

use super::inventory::{Census, difference};
use super::scenarios::{Scenario, scenarios};

/// One of each class.
const FAULTS: &[Fault] = &[
    Fault::Throttle { retry_after: Some(1) },
    Fault::InternalError,
    Fault::Unavailable,
    Fault::Timeout,
    Fault::Reset,
    Fault::Lost,
    Fault::Truncated,
    Fault::Garbled,
    Fault::Slow(Duration::from_secs(15)),
    Fault::ExpiredCredentials,
    Fault::ClockSkew { minutes: 10 },
    Fault::Denied,
    Fault::Lag(Lag::Calls(3)),
];

/// Why a fault does not meet an operation, where it does not.
fn excused(fault: &Fault, operation: &str) -> Option<&'static str> {
    match fault {
        // What is asked before anything was written has nothing to lag behind.
        Fault::Lag(_)
            if operation.contains(":Describe") || operation.contains(":List") || operation.contains(":Get") =>
        {
            Some("the first such call of a run may come before every write")
        }
        Fault::Lag(_) => Some("a write lags only where it needs what another one has just made"),
        _ => None,
    }
}

/// Operations of kinds that no example makes.
const NOT_REACHED: &[&str] = &[];

/// The sandbox's name of an operation: `tagging:GetResources` is `tag:GetResources` in IAM.
fn in_sandbox(operation: &str) -> String {
    operation.replace("tag:", "tagging:")
}

#[test]
#[ignore = "not run to its end yet: docs/reliability.md"]
fn every_fault_meets_every_call() {
    let begun = Instant::now();
    let scenarios = scenarios();
    // Where each operation is met with the least effort.
    let mut cheapest: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut expected: Vec<Census> = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        let played = scenario.play(0, &[]).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        expected.push(played.census);
        let effort = played.calls.len();
        for called in played.calls {
            let place = cheapest.entry(called.operation).or_insert((effort, index));
            *place = (*place).min((effort, index));
        }
    }
    let pairs: Vec<(&String, usize, &Fault)> = cheapest
        .iter()
        .flat_map(|(operation, (_, scenario))| FAULTS.iter().map(move |fault| (operation, *scenario, fault)))
        .collect();
    let (failures, met) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((operation, scenario, fault)) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let rule = Rule::new(**fault).on(&[in_sandbox(operation).as_str()]).calls(&[1]);
                    let faults =
                        Arc::new(Faults::new(FaultRules { seed: 1, rules: vec![rule], ..FaultRules::default() }));
                    let of: &Scenario = &scenarios[*scenario];
                    let ended = of.play_among(3, &faults);
                    if faults.counts().keys().any(|(class, of)| *class == fault.class() && *of == in_sandbox(operation))
                    {
                        met.lock().unwrap().insert((fault.class(), (*operation).clone()));
                    }
                    let ended = ended.and_then(|played| match difference(&expected[*scenario], &played.census) {
                        Some(difference) => Err(difference),
                        None => Ok(()),
                    });
                    if let Err(error) = ended {
                        let mut failures = failures.lock().unwrap();
                        failures.push(format!("{} at {operation} in {}\n{error}", fault.class(), of.name));
                    }
                }
            });
        }
    });
    let (failures, met) = (failures.into_inner().unwrap(), met.into_inner().unwrap());
    println!(
        "coverage of faults: {} of {} pairs of {} faults and {} operations in {:.0} s, {} failed",
        met.len(),
        pairs.len(),
        FAULTS.len(),
        cheapest.len(),
        begun.elapsed().as_secs_f64(),
        failures.len()
    );
    assert!(failures.is_empty(), "{} pairs:\n{}", failures.len(), failures.join("\n\n"));
    let missed: Vec<String> = pairs
        .iter()
        .filter(|(operation, _, fault)| {
            !met.contains(&(fault.class(), (*operation).clone())) && excused(fault, operation).is_none()
        })
        .map(|(operation, _, fault)| format!("{} at {operation}", fault.class()))
        .collect();
    assert!(missed.is_empty(), "these faults never struck:\n{}", missed.join("\n"));
    let known: BTreeSet<&str> = KINDS.iter().flat_map(|kind| kind.about().calls).copied().collect();
    let not_reached: Vec<&str> =
        known.into_iter().filter(|call| !cheapest.contains_key(*call) && !NOT_REACHED.contains(call)).collect();
    assert!(not_reached.is_empty(), "no example makes these calls:\n{}", not_reached.join("\n"));
}
