//! Running and stopped instances as the ECS agent on them would tell of them.

use aws_smithy_types::base64;
use jiff::Timestamp;

use super::instance_type;
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
}

/// Every instance that is not terminated or shutting down.
pub(in crate::sandbox) fn hosts(state: &State) -> Vec<Host> {
    let ec2 = &state.ec2;
    let living = ec2.instances.values().filter(|instance| !instance.phase.is_ending());
    living
        .map(|instance| {
            let kind = instance_type::find(&instance.instance_type);
            let (vcpus, memory) = kind.map_or((0, 0), |kind| (kind.vcpus, kind.memory));
            let association = ec2.profile_associations.values().find(|held| held.instance_id == instance.instance_id);
            let image = state.world.images.iter().find(|image| image.id == instance.image_id);
            let user_data = instance.user_data.as_ref().and_then(|data| base64::decode(data).ok());
            Host {
                instance_id: instance.instance_id.clone(),
                instance_type: instance.instance_type.clone(),
                image_id: instance.image_id.clone(),
                architecture: instance.architecture.clone(),
                subnet_id: instance.subnet_id.clone(),
                vpc_id: instance.vpc_id.clone(),
                availability_zone: instance.zone.name.clone(),
                outpost_arn: instance.outpost_arn.clone(),
                cpu: vcpus * 1024,
                // The kernel keeps about a twentieth.
                memory: memory / 20 * 19,
                user_data: String::from_utf8_lossy(&user_data.unwrap_or_default()).into_owned(),
                profile_arn: association.map(|association| association.profile_arn.clone()),
                agent_version: image.and_then(|image| image.ecs_agent.clone()),
                running_since: instance.running_since,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::ec2::testing::{Account, OUTPOST};

    #[test]
    fn hosts_are_the_living_instances() {
        let mut account = Account::new();
        let (_, outpost) = account.subnets();
        let mut input = Account::launch(&outpost);
        input["UserData"] = base64::encode("ECS_CLUSTER=edge").into();
        let id = account.ok("RunInstances", input)["instancesSet"][0]["instanceId"].clone();
        assert_eq!(hosts(&account.state)[0].running_since, None);
        account.wait(15);
        let host = hosts(&account.state).remove(0);
        assert_eq!(host.running_since, Some(Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(10)));
        assert_eq!((host.cpu, host.memory, host.user_data.as_str()), (2048, 3876, "ECS_CLUSTER=edge"));
        assert_eq!((host.outpost_arn.as_deref(), host.availability_zone.as_str()), (Some(OUTPOST), "us-west-2b"));
        assert_eq!(host.agent_version.as_deref(), Some("1.102.0"));
        account.ok("TerminateInstances", json!({"InstanceId": [id]}));
        assert!(hosts(&account.state).is_empty());
    }
}
