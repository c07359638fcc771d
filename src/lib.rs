//! Farpost keeps Amazon ECS at the edge in the state that a git repository declares.
//!
//! The path of data is the list of stages, in this order:
//!
//! - [`manifest`]: text → documents with a place for every field ([`diagnostic`]: findings with places)
//! - [`desired`]: documents → a checked graph
//! - [`observed`]: AWS → what exists, in the manifest's own types
//! - [`plan`]: desired × observed → what has to happen, as data
//! - [`apply`]: plan → events, by the one who holds the [`lease`]
//! - [`rules`]: what is known to be wrong or unwise, checked on the graph
//! - [`report`]: all of these → text, Markdown, JSON, SVG
//!
//! [`watch`] goes through them again and again; [`kinds`] holds what is special about each resource; [`aws`] what all
//! kinds share when they call AWS; [`cluster_query`] is the language of placement constraints; [`sandbox`] is an AWS to
//! try it on; [`hosts`] writes what machines outside AWS need; [`cli`] is the command. [`docs`] and [`schema`] make
//! reference pages and JSON Schemas from the kinds. `docs/architecture.md` has the invariants.

pub mod address;
pub mod apply;
pub mod aws;
pub mod cli;
pub mod cluster_query;
pub mod desired;
pub mod diagnostic;
mod digest;
pub mod docs;
mod git;
pub mod hosts;
pub mod kinds;
pub mod lease;
pub mod manifest;
pub mod observed;
pub mod plan;
pub mod report;
pub mod rules;
pub mod sandbox;
pub mod schema;
pub mod watch;
