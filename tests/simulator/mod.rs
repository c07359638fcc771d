//! Farpost in a world that fails: processes that die anywhere, calls that go wrong, accounts that others change.
//!
//! Nearly everything runs in this process on virtual time: an account is a sandbox, a process of farpost is a runtime
//! of its own over a [`tap::Tap`], which is dropped with all that is on it, and a seed says the rest.

#![expect(clippy::print_stdout, reason = "how much was tried is for docs/reliability.md")]

mod account;
mod appliers;
mod audit;
mod buckets;
mod canary;
mod chaos;
mod coverage;
mod fuzz;
mod inventory;
mod kill_matrix;
mod killed;
mod orphans;
mod others;
mod process;
mod proof;
mod scale;
mod scenarios;
mod served;
mod stacks;
mod tap;
