//! Farpost in a world that fails: processes that die anywhere, calls that go wrong, accounts that others change.
//!
//! Everything runs in this process on virtual time: an account is a sandbox, a process of farpost is a future over a
//! [`tap::Tap`], and a seed says the rest.

mod account;
mod audit;
mod chaos;
mod coverage;
mod fuzz;
mod inventory;
mod kill_matrix;
mod process;
mod scenarios;
mod stacks;
mod tap;

use std::future::Future;

/// Runs a simulation: a thread's one runtime, virtual time, and chance by a seed.
fn simulate<T>(seed: u64, work: impl Future<Output = T>) -> T {
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work)
}
