//! The one integration-test binary: a module a folder.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod anywhere;
mod budget;
mod commands;
mod contract;
mod fields;
mod guards;
mod hosts;
mod interrupt;
mod lease;
mod moto;
mod reference;
mod saved;
mod simulator;
mod speed;
mod support;
mod watch;
