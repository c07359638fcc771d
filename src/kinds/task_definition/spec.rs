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
        #[schemars(length(min = 1, max = 10))]
        container_definitions: Vec<ContainerDefinition>,
        /// Volumes that the containers may mount.
        volumes: Option<Vec<Volume>>,
        /// Where tasks may run, at most 10 expressions. Not on Fargate.
        #[schemars(length(max = 10))]
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
        /// Elastic Inference accelerators of the task. AWS takes none any more.
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
    #[expect(deprecated, reason = "inference accelerators are still in use")]
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

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::kinds::mirror::{arbitrary, members_of};

    const SAMPLES: [(&str, &str); 5] = [
        ("ec2-bridge", include_str!("../../../tests/task-definitions/ec2-bridge.json")),
        ("ec2-gpu-volumes", include_str!("../../../tests/task-definitions/ec2-gpu-volumes.json")),
        ("external", include_str!("../../../tests/task-definitions/external.json")),
        ("fargate-firelens", include_str!("../../../tests/task-definitions/fargate-firelens.json")),
        ("fargate-windows", include_str!("../../../tests/task-definitions/fargate-windows.json")),
    ];

    /// The revision that AWS would answer for this call, had it no defaults to fill in.
    #[expect(deprecated, reason = "inference accelerators are still in use")]
    fn registered(spec: &TaskDefinitionSpec) -> TaskDefinitionSpec {
        let config = aws_sdk_ecs::Config::builder().behavior_version_latest().build();
        let call = spec.register(&Client::from_conf(config)).unwrap();
        let input = call.as_input().clone().build().unwrap();
        let answer = sdk::TaskDefinition::builder()
            .set_family(input.family)
            .set_task_role_arn(input.task_role_arn)
            .set_execution_role_arn(input.execution_role_arn)
            .set_network_mode(input.network_mode)
            .set_container_definitions(input.container_definitions)
            .set_volumes(input.volumes)
            .set_placement_constraints(input.placement_constraints)
            .set_requires_compatibilities(input.requires_compatibilities)
            .set_cpu(input.cpu)
            .set_memory(input.memory)
            .set_pid_mode(input.pid_mode)
            .set_ipc_mode(input.ipc_mode)
            .set_proxy_configuration(input.proxy_configuration)
            .set_inference_accelerators(input.inference_accelerators)
            .set_ephemeral_storage(input.ephemeral_storage)
            .set_runtime_platform(input.runtime_platform)
            .set_enable_fault_injection(input.enable_fault_injection)
            .build();
        let mut spec = TaskDefinitionSpec::from_sdk_task_definition(&answer);
        spec.tags = Member::take(input.tags.as_ref());
        spec
    }

    #[test]
    fn no_member_of_the_api_is_missing() {
        let own = members_of::<TaskDefinitionSpec>();
        let api: Vec<_> =
            RegisterTaskDefinitionInput::SCHEMA.members().iter().filter_map(|member| member.member_name()).collect();
        assert!(api.len() > 15, "{api:?}");
        assert_eq!(api.iter().filter(|name| !own.iter().any(|own| own == *name)).collect::<Vec<_>>(), [&""; 0]);
        assert_eq!(TaskDefinitionSpec::gaps(), [""; 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sent_comes_back(seed: u64) {
            let mut spec: TaskDefinitionSpec = arbitrary::spec(seed, true);
            for container in &mut spec.container_definitions {
                if let Some(labels) = &mut container.docker_labels { labels.sort_keys(); }
            }
            prop_assert_eq!(registered(&spec), spec);
        }
    }

    #[test]
    fn samples_keep_every_member_on_the_way_to_aws_and_back() {
        for (name, text) in SAMPLES {
            let mut written: Value = serde_json::from_str(text).unwrap();
            assert_eq!(TaskDefinitionSpec::accept(&mut written), [], "{name}");
            let schema = schemars::schema_for!(TaskDefinitionSpec).to_value();
            let errors: Vec<_> = jsonschema::validator_for(&schema)
                .unwrap()
                .iter_errors(&written)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(errors, [""; 0], "{name}");
            let spec: TaskDefinitionSpec = serde_json::from_value(written.clone()).unwrap();
            // Nothing that was written is lost in the spec itself, whatever its form.
            let kept = serde_json::to_value(&spec).unwrap();
            for member in written.as_object().unwrap().keys() {
                assert!(kept.get(member).is_some(), "{name}: {member}");
            }
            let (mut sent, mut answered) = (spec.clone(), registered(&spec));
            sent.normalise();
            answered.normalise();
            assert_eq!(answered, sent, "{name}");
        }
    }

    #[test]
    fn roles_by_name_are_those_of_the_account() {
        let mut spec = TaskDefinitionSpec {
            task_role_arn: Some("till".to_owned()),
            execution_role_arn: Some("${Role.pull}".to_owned()),
            ..Default::default()
        };
        spec.complete_roles("aws-us-gov", "123456789012");
        assert_eq!(spec.task_role_arn.as_deref(), Some("arn:aws-us-gov:iam::123456789012:role/till"));
        assert_eq!(spec.execution_role_arn.as_deref(), Some("${Role.pull}"));
    }

    #[test]
    fn references_are_marked_in_the_schema() {
        let schema = schemars::schema_for!(TaskDefinitionSpec).to_value();
        assert_eq!(schema["properties"]["taskRoleArn"]["x-ref"], "Role");
        assert_eq!(schema["properties"]["taskRoleArn"]["x-ref-attribute"], "arn");
    }
}
