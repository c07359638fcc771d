//! External hosts: what a machine outside AWS needs to become part of a cluster, from what is declared. Everything here
//! is pure: manifests in, text out. The scripts run on the host; farpost never does.
//!
//! [`systems()`] is the table of operating systems, [`Declarations`] what of a stack concerns hosts, [`Host`] one of them.

pub mod agent;
pub mod bootstrap;
pub mod check;
pub mod cost;
mod declarations;
pub mod endpoints;
mod host;
pub mod quote;
mod systems;
#[cfg(test)]
pub(crate) mod trial;

pub use self::declarations::{Declarations, Declared};
pub use self::host::{Architecture, Code, CodePlace, Host, Trouble};
pub use self::systems::{Family, Release, Status, System, Systems, system, systems};

/// The kind of a declared host.
pub const HOST_KIND: &str = "ExternalInstance";
/// The kind of what a host registers with.
pub const ACTIVATION_KIND: &str = "Activation";
