//! The one-off task.
pub mod spec;
