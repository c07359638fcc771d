//! The one integration-test binary: a module a folder.

mod commands;
mod contract;
mod reference;
mod support;
mod watch;
