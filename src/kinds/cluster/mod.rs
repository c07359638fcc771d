//! The cluster.
pub mod spec;
