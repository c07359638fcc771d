//! Running and stopped instances as the ECS agent on them would tell of them.

use jiff::Timestamp;

use crate::sandbox::state::State;

/// An instance, seen from inside.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Host {
    pub(in crate::sandbox) instance_id: String,
    pub(in crate::sandbox) instance_type: String,
    pub(in crate::sandbox) image_id: String,
    /// `x86_64` or `arm64`.
    pub(in crate::sandbox) architecture: String,
    pub(in crate::sandbox) subnet_id: String,
    pub(in crate::sandbox) vpc_id: String,
    /// The zone by name.
    pub(in crate::sandbox) availability_zone: String,
    pub(in crate::sandbox) outpost_arn: Option<String>,
    /// ECS cpu units: 1024 a vCPU.
    pub(in crate::sandbox) cpu: u32,
    /// MiB, less what the operating system keeps (as the agent registers it).
    pub(in crate::sandbox) memory: u32,
    /// Decoded user data.
    pub(in crate::sandbox) user_data: String,
    pub(in crate::sandbox) profile_arn: Option<String>,
    /// The agent that is on the image, if one is.
    pub(in crate::sandbox) agent_version: Option<String>,
    /// Since when it is in the state `running`; none when it is not (pending, stopping, stopped).
    pub(in crate::sandbox) running_since: Option<Timestamp>,
    pub(in crate::sandbox) private_ip: String,
}

/// Every instance that is not terminated or shutting down.
pub(in crate::sandbox) fn hosts(_state: &State) -> Vec<Host> {
    Vec::new()
}
