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
use super::tap::is_change;

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
];

const LAG: Fault = Fault::Lag(Lag::Time(Duration::from_secs(8)));

/// What is in the way was there long before.
const IN_THE_WAY: &str = "asked about what somebody else has in the way, which is there long before";

/// Reads that never come close after a write.
const TOO_LATE_TO_LAG: &[(&str, &str)] = &[
    ("ec2:DescribeInstanceTypeOfferings", "of what an Outpost offers, which nobody here makes"),
    ("ec2:DescribeNetworkInterfaces", IN_THE_WAY),
    ("ec2:DescribeSecurityGroupRules", IN_THE_WAY),
    ("ec2:DescribeVpcEndpoints", IN_THE_WAY),
    ("ecs:ListClusters", IN_THE_WAY),
    ("ecs:ListServices", IN_THE_WAY),
    ("sts:GetCallerIdentity", "asked before anything else, about nothing that was made"),
    ("iam:ListInstanceProfiles", "asked in surveys alone"),
    ("ecs:ListTagsForResource", "asked in surveys alone, of what an earlier process has left"),
    ("ec2:DescribeVolumes", "asked in surveys alone, and an instance takes longer to start than answers lag"),
];

/// Writes that need what was made a moment ago, of which at least so many must be refused for that. Others, a deletion
/// for instance, find what they need however old the answer is.
const WRITES_THAT_LAG: usize = 12;

/// Why a fault does not meet an operation, where it does not.
fn excused(fault: &Fault, operation: &str) -> bool {
    let Fault::Lag(_) = fault else { return false };
    is_change(operation) || TOO_LATE_TO_LAG.iter().any(|(read, _)| *read == operation)
}

/// The sandbox's name of an operation: `tagging:GetResources` is `tag:GetResources` in IAM.
fn in_sandbox(operation: &str) -> String {
    operation.replace("tag:", "tagging:")
}

#[test]
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
        // The first process is the one among faults.
        for called in played.calls.into_iter().take(played.first) {
            let place = cheapest.entry(called.operation).or_insert((effort, index));
            *place = (*place).min((effort, index));
        }
    }
    // A fault at the first call of an operation, and each scenario with answers that lag throughout: what lags behind
    // what is no matter of a single call. Where reads lag, no write comes too early; so they lag alone, too.
    let strikes = cheapest.iter().flat_map(|(operation, (_, scenario))| {
        FAULTS.iter().map(|fault| (*scenario, Rule::new(*fault).on(&[in_sandbox(operation).as_str()]).calls(&[1])))
    });
    let lags =
        (0..scenarios.len()).flat_map(|scenario| ["*", "writes"].map(|what| (scenario, Rule::new(LAG).on(&[what]))));
    let runs: Vec<(usize, Rule)> = strikes.chain(lags).collect();
    let (failures, met) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((scenario, rule)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let rules = FaultRules { seed: 1, rules: vec![rule.clone()], ..FaultRules::default() };
                    let faults = Arc::new(Faults::new(rules));
                    let of: &Scenario = &scenarios[*scenario];
                    let ended = of.play_among(3, &faults);
                    met.lock().unwrap().extend(faults.counts().into_keys());
                    let ended = ended.and_then(|played| match difference(&expected[*scenario], &played.census) {
                        Some(difference) => Err(difference),
                        None => Ok(()),
                    });
                    if let Err(error) = ended {
                        failures.lock().unwrap().push(format!("{rule:?} in {}\n{error}", of.name));
                    }
                }
            });
        }
    });
    let (failures, met) = (failures.into_inner().unwrap(), met.into_inner().unwrap());
    println!(
        "coverage of faults: {} pairs of {} faults and {} operations in {} runs and {:.0} s, {} failed",
        met.len(),
        FAULTS.len() + 1,
        cheapest.len(),
        runs.len(),
        begun.elapsed().as_secs_f64(),
        failures.len()
    );
    let pairs = cheapest.keys().flat_map(|operation| FAULTS.iter().chain([&LAG]).map(move |fault| (fault, operation)));
    let missed: Vec<String> = pairs
        .filter(|(fault, operation)| {
            !met.contains(&(fault.class(), in_sandbox(operation))) && !excused(fault, operation)
        })
        .map(|(fault, operation)| format!("{} at {operation}", fault.class()))
        .collect();
    let known: BTreeSet<&str> = KINDS.iter().flat_map(|kind| kind.about().calls).copied().collect();
    let not_reached: Vec<&str> = known.into_iter().filter(|call| !cheapest.contains_key(*call)).collect();
    let all = [
        (failures, "did not end well"),
        (missed, "never struck"),
        (not_reached.into_iter().map(str::to_owned).collect(), "are calls that no scenario makes"),
    ];
    for (what, why) in &all {
        println!("{} {why}:\n{}", what.len(), what.join("\n"));
    }
    let refused = met.iter().filter(|(class, operation)| *class == LAG.class() && is_change(operation)).count();
    println!("{refused} writes were refused because they lagged");
    assert!(refused >= WRITES_THAT_LAG);
    assert!(all.iter().all(|(what, _)| what.is_empty()), "see above");
}
