//! The task definition.
pub mod spec;
pub mod spec_accept;
pub mod spec_container;
pub mod spec_normalise;
pub mod spec_units;
pub mod spec_volume;
