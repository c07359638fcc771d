//! Farpost keeps Amazon ECS at the edge in the state that a git repository declares.
pub mod address;
pub mod apply;
pub mod aws;
pub mod cli;
pub mod desired;
pub mod diagnostic;
mod digest;
pub mod docs;
mod git;
pub mod kinds;
pub mod manifest;
pub mod observed;
pub mod plan;
pub mod report;
pub mod sandbox;
pub mod schema;
pub mod watch;
