//! The service.
pub mod spec;
pub mod spec_connect;
pub mod spec_deployment;
pub mod spec_network;
pub mod spec_normalise;
