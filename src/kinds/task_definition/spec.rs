//! A task definition as the manifest writes it: the members of RegisterTaskDefinition.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder;
use aws_sdk_ecs::types as sdk;

use super::spec_container::{ContainerDefinition, KeyValuePair};
use super::spec_units::Units;
use super::spec_volume::Volume;
use crate::kinds::mirror::{BuildError, Choice, Member};
use crate::kinds::tags::Tags;
use crate::mirror;

mirror! {
    /// What a task runs. A change registers a new revision; revisions never change.
    struct TaskDefinitionSpec {
        /// Family that the revisions belong to. Default: the name in `metadata`.
        family: Option<String>,
        /// Role that the containers act as.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        task_role_arn: Option<String>,
        /// Role with which the agent pulls images, writes logs and reads secrets.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        execution_role_arn: Option<String>,
        /// Network of the containers; Fargate needs awsvpc. Default: bridge on Linux, Docker's `default` on Windows.
        network_mode: Option<Choice<sdk::NetworkMode>>,
        /// Containers of the task, at most 10. The manifest owns the whole list.
        container_definitions: Vec<ContainerDefinition>,
        /// Volumes that the containers may mount.
        volumes: Option<Vec<Volume>>,
        /// Where tasks may run, at most 10 expressions. Not on Fargate.
        placement_constraints: Option<Vec<TaskDefinitionPlacementConstraint>>,
        /// Launch types that AWS checks the definition against. Default: EC2.
        requires_compatibilities: Option<Vec<Choice<sdk::Compatibility>>>,
        /// CPU of the task: units (`256`) or virtual CPUs (`0.25 vCPU`). Fargate needs it.
        cpu: Option<Units>,
        /// Memory of the task: MiB (`512`) or GB (`0.5 GB`). Fargate needs it.
        memory: Option<Units>,
        /// Whose processes the containers see. Default: only their own.
        pid_mode: Option<Choice<sdk::PidMode>>,
        /// Whose shared memory the containers use. Default: as Docker is set on the instance.
        ipc_mode: Option<Choice<sdk::IpcMode>>,
        /// App Mesh proxy.
        proxy_configuration: Option<ProxyConfiguration>,
        /// Elastic Inference accelerators of the task.
        inference_accelerators: Option<Vec<InferenceAccelerator>>,
        /// Disk of a Fargate task. Default: 20 GiB.
        ephemeral_storage: Option<EphemeralStorage>,
        /// Operating system and processor. Fargate needs it for anything but Linux on X86_64.
        runtime_platform: Option<RuntimePlatform>,
        /// Whether AWS Fault Injection Service may act on the task. Default: false.
        enable_fault_injection: Option<bool>,
        /// Tags of the revision; not inherited by the next.
        tags: Option<Tags>,
    }

    /// Where tasks may run.
    struct TaskDefinitionPlacementConstraint: sdk::TaskDefinitionPlacementConstraint {
        /// memberOf.
        r#type: Option<Choice<sdk::TaskDefinitionPlacementConstraintType>>,
        /// Expression in the cluster query language.
        expression: Option<String>,
    }

    /// App Mesh proxy.
    struct ProxyConfiguration: sdk::ProxyConfiguration
        = sdk::ProxyConfiguration::builder().container_name("").build()? => {
        /// APPMESH.
        r#type: Option<Choice<sdk::ProxyConfigurationType>>,
        /// Container that is the proxy.
        container_name: String,
        /// Ports, addresses and users, as the proxy names them.
        properties: Option<Vec<KeyValuePair>>,
    }

    /// An Elastic Inference accelerator.
    struct InferenceAccelerator: sdk::InferenceAccelerator
        = sdk::InferenceAccelerator::builder().device_name("").device_type("").build()? => {
        /// Name that a container's resource requirement uses.
        device_name: String,
        /// Type of accelerator.
        device_type: String,
    }

    /// Disk of a Fargate task.
    struct EphemeralStorage: sdk::EphemeralStorage {
        /// Size in GiB, 21 to 200.
        #[serde(rename = "sizeInGiB")]
        size_in_gib: i32,
    }

    /// Operating system and processor.
    struct RuntimePlatform: sdk::RuntimePlatform {
        /// Processor. Default: X86_64.
        cpu_architecture: Option<Choice<sdk::CpuArchitecture>>,
        /// Operating system; instances and tasks of one service must agree. Default: LINUX.
        operating_system_family: Option<Choice<sdk::OsFamily>>,
    }
}

impl TaskDefinitionSpec {
    /// The call that registers a revision: what the manifest says and nothing else. The caller sets a family that the
    /// manifest leaves to `metadata`.
    pub fn register(&self, client: &Client) -> Result<RegisterTaskDefinitionFluentBuilder, BuildError> {
        Ok(client
            .register_task_definition()
            .set_family(self.family.clone())
            .set_task_role_arn(self.task_role_arn.clone())
            .set_execution_role_arn(self.execution_role_arn.clone())
            .set_network_mode(self.network_mode.put()?)
            .set_container_definitions(self.container_definitions.put()?)
            .set_volumes(self.volumes.put()?)
            .set_placement_constraints(self.placement_constraints.put()?)
            .set_requires_compatibilities(self.requires_compatibilities.put()?)
            .set_cpu(self.cpu.put()?)
            .set_memory(self.memory.put()?)
            .set_pid_mode(self.pid_mode.put()?)
            .set_ipc_mode(self.ipc_mode.put()?)
            .set_proxy_configuration(self.proxy_configuration.put()?)
            .set_inference_accelerators(self.inference_accelerators.put()?)
            .set_ephemeral_storage(self.ephemeral_storage.put()?)
            .set_runtime_platform(self.runtime_platform.put()?)
            .set_enable_fault_injection(self.enable_fault_injection)
            .set_tags(self.tags.put()?))
    }

    /// A revision as AWS answers it. Its tags are another member of the answer.
    pub fn from_sdk_task_definition(sdk: &sdk::TaskDefinition) -> Self {
        Self {
            family: sdk.family.clone(),
            task_role_arn: sdk.task_role_arn.clone(),
            execution_role_arn: sdk.execution_role_arn.clone(),
            network_mode: Member::take(sdk.network_mode.as_ref()),
            container_definitions: Member::take(sdk.container_definitions.as_ref()),
            volumes: Member::take(sdk.volumes.as_ref()),
            placement_constraints: Member::take(sdk.placement_constraints.as_ref()),
            requires_compatibilities: Member::take(sdk.requires_compatibilities.as_ref()),
            cpu: Member::take(sdk.cpu.as_ref()),
            memory: Member::take(sdk.memory.as_ref()),
            pid_mode: Member::take(sdk.pid_mode.as_ref()),
            ipc_mode: Member::take(sdk.ipc_mode.as_ref()),
            proxy_configuration: Member::take(sdk.proxy_configuration.as_ref()),
            inference_accelerators: Member::take(sdk.inference_accelerators.as_ref()),
            ephemeral_storage: Member::take(sdk.ephemeral_storage.as_ref()),
            runtime_platform: Member::take(sdk.runtime_platform.as_ref()),
            enable_fault_injection: sdk.enable_fault_injection,
            tags: None,
        }
    }

    /// Writes out roles given by name alone, which mean roles of the own account.
    pub fn complete_roles(&mut self, partition: &str, account: &str) {
        complete_role(&mut self.task_role_arn, partition, account);
        complete_role(&mut self.execution_role_arn, partition, account);
    }
}

/// Turns the name of a role into its ARN; an ARN and a reference stay.
pub(crate) fn complete_role(role: &mut Option<String>, partition: &str, account: &str) {
    if let Some(name) = role
        && !name.starts_with("arn:")
        && !name.contains("${")
    {
        *name = format!("arn:{partition}:iam::{account}:role/{}", name.trim_start_matches('/'));
    }
}
