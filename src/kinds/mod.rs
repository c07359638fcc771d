//! One folder per resource kind.
pub mod cluster;
pub mod mirror;
pub mod service;
pub mod tags;
pub mod task;
pub mod task_definition;
