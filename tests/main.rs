//! The one integration-test binary: a module a folder.

mod contract;
mod support;
