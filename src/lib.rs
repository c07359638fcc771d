//! farpost
pub mod kinds;
pub mod sandbox;
