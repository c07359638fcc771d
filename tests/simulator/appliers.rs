//! Sixteen processes want the same stack at once from an empty account, and some die while it is theirs to write.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use farpost::plan::Goal;
use farpost::sandbox::client::SandboxClient;
use futures_util::future::join_all;

use super::account::{Account, folder};
use super::inventory::{Census, difference};
use super::process::{Ending, Start, connect, run_beside};
use super::stacks::Stack;
use super::tap::{Fate, Side};
use crate::support::s3::make_bucket;

/// How many there are, and how many of them die when they have made a few calls.
const APPLIERS: usize = 16;
const DOOMED: usize = 5;

/// What one process alone makes of it.
fn alone(stack: &Stack) -> Census {
    let account = Account::new();
    let desired = stack.desired();
    let ran = super::process::run(&account, Start::new(&desired, Goal::Converge));
    assert!(matches!(ran.ending, Ending::Converged), "{:?}", ran.ending);
    account.census()
}

/// All of them at once; `machine` says whose folder the n-th one's lock is in.
#[track_caller]
fn all_at_once(seed: u64, stack: &Stack, expected: &Census, machine: &dyn Fn(usize) -> PathBuf) -> usize {
    fastrand::seed(seed);
    let account = Account::new();
    let desired = stack.desired();
    let endings = account.live(async {
        if let Some(lease) = &desired.stack.lease {
            let http = SharedHttpClient::new(SandboxClient::new(Arc::clone(&account.sandbox)));
            let stranger = connect("us-west-2", http).await.unwrap();
            make_bucket(stranger.s3(), &lease.bucket).await;
        }
        let processes = (0..APPLIERS).map(|number| {
            let side = if number % 2 == 0 { Side::Before } else { Side::After };
            let fate = if number < DOOMED { Fate::Dies(3 + number, side) } else { Fate::Lives };
            run_beside(&account, Start::new(&desired, Goal::Converge).fate(fate).on(machine(number)))
        });
        join_all(processes).await
    });
    let mut killed = 0;
    for (number, ran) in endings.iter().enumerate() {
        match &ran.ending {
            Ending::Killed => killed += 1,
            Ending::Converged => {}
            ending => panic!("seed {seed}: process {number}: {ending:?}"),
        }
    }
    if let Some(difference) = difference(expected, &account.census()) {
        panic!("seed {seed}: not exactly one of everything:\n{difference}");
    }
    killed
}

#[test]
fn sixteen_at_once_make_one_of_everything() {
    let begun = Instant::now();
    let stack = Stack::example("outposts");
    let leased = stack.clone().edit("region: us-west-2\n", "region: us-west-2\n  lease: {bucket: farpost-leases}\n");
    let expected = alone(&stack);
    let mut killed = [0, 0];
    for seed in 0..3 {
        let machines: Vec<tempfile::TempDir> = (0..APPLIERS).map(|_| folder()).collect();
        let elsewhere = |number: usize| machines[number].path().to_owned();
        killed[0] += all_at_once(seed, &leased, &expected, &elsewhere);
        let here = |_: usize| machines[0].path().to_owned();
        killed[1] += all_at_once(seed, &stack, &expected, &here);
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "appliers: {APPLIERS} at once, 3 times on as many machines ({} killed) and 3 times on one ({} killed) in {seconds:.0} s",
        killed[0], killed[1]
    );
    assert!(killed.iter().all(|killed| *killed >= 2), "{killed:?} were killed");
}
