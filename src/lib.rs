//! farpost
pub mod sandbox;
