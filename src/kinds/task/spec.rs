//! A run of a task as the manifest writes it: the members of RunTask.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types as sdk;

use crate::kinds::mirror::{BuildError, Choice, Member, drop_default, sort_set};
use crate::kinds::service::spec_network::{
    CapacityProviderStrategyItem, EbsTagSpecification, NetworkConfiguration, PlacementConstraint, PlacementStrategy,
};
use crate::kinds::service::spec_normalise::{normalise_capacity, normalise_network, normalise_placement, short_name};
use crate::kinds::tags::Tags;
use crate::kinds::task_definition::spec::{EphemeralStorage, complete_role};
use crate::kinds::task_definition::spec_container::{EnvironmentFile, KeyValuePair, ResourceRequirement};
use crate::kinds::task_definition::spec_units::Units;
use crate::mirror;

mirror! {
    /// Runs a task once.
    struct TaskSpec {
        /// Cluster, by name or ARN. Default: the cluster named `default`.
        #[schemars(extend("x-ref" = "Cluster", "x-ref-attribute" = "name"))]
        cluster: Option<String>,
        /// Task definition: ARN, `family:revision`, or a family for its latest revision.
        #[schemars(extend("x-ref" = "TaskDefinition", "x-ref-attribute" = "arn"))]
        task_definition: String,
        /// Tasks to run, at most 10. Default: 1.
        count: Option<i32>,
        /// What the task runs on, in place of capacity providers. Default: the cluster's strategy, or EC2.
        launch_type: Option<Choice<sdk::LaunchType>>,
        /// Capacity providers that the task runs on, in place of a launch type.
        capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
        /// Subnets and security groups, needed with network mode awsvpc.
        network_configuration: Option<NetworkConfiguration>,
        /// What is different from the task definition.
        overrides: Option<TaskOverride>,
        /// Where the task may run, at most 10.
        placement_constraints: Option<Vec<PlacementConstraint>>,
        /// Where the task runs for preference, at most 5.
        placement_strategy: Option<Vec<PlacementStrategy>>,
        /// Fargate platform. Default: LATEST.
        platform_version: Option<String>,
        /// Name of the task group. Default: `family:<family>`.
        group: Option<String>,
        /// Whose tags the task gets: TASK_DEFINITION or NONE. Default: NONE.
        propagate_tags: Option<Choice<sdk::PropagateTags>>,
        /// Whether ECS tags the task with its cluster. Default: false.
        #[serde(rename = "enableECSManagedTags")]
        enable_ecs_managed_tags: Option<bool>,
        /// Whether commands can be run in the containers (ECS Exec). Default: false.
        enable_execute_command: Option<bool>,
        /// What volumes with `configuredAtLaunch` are.
        volume_configurations: Option<Vec<TaskVolumeConfiguration>>,
        /// Your own reference for the request.
        reference_id: Option<String>,
        /// Who started the task, at most 128 characters; tasks can be listed by it. Default: farpost/STACK/NAME.
        started_by: Option<String>,
        /// Tags of the task. AWS tags no task that has stopped, so a change counts for the next run.
        tags: Option<Tags>,
    }

    /// What is different from the task definition.
    struct TaskOverride: sdk::TaskOverride {
        /// Containers.
        container_overrides: Option<Vec<ContainerOverride>>,
        /// CPU of the task: units (`256`) or virtual CPUs (`0.25 vCPU`).
        cpu: Option<Units>,
        /// Elastic Inference accelerators.
        inference_accelerator_overrides: Option<Vec<InferenceAcceleratorOverride>>,
        /// Role with which the agent pulls images, writes logs and reads secrets.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        execution_role_arn: Option<String>,
        /// Memory of the task: MiB (`512`) or GB (`0.5 GB`).
        memory: Option<Units>,
        /// Role that the containers act as.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        task_role_arn: Option<String>,
        /// Disk of a Fargate task.
        ephemeral_storage: Option<EphemeralStorage>,
    }

    /// What is different for a container.
    struct ContainerOverride: sdk::ContainerOverride {
        /// Name of the container.
        name: String,
        /// Arguments, in place of the task definition's.
        command: Option<Vec<String>>,
        /// Environment variables, added or replaced.
        environment: Option<Vec<KeyValuePair>>,
        /// Files in S3 with environment variables.
        environment_files: Option<Vec<EnvironmentFile>>,
        /// CPU units.
        cpu: Option<i32>,
        /// Hard limit of memory in MiB.
        memory: Option<i32>,
        /// Memory in MiB that is reserved.
        memory_reservation: Option<i32>,
        /// GPUs and other accelerators.
        resource_requirements: Option<Vec<ResourceRequirement>>,
    }

    /// Another Elastic Inference accelerator.
    struct InferenceAcceleratorOverride: sdk::InferenceAcceleratorOverride {
        /// Name in the task definition.
        device_name: Option<String>,
        /// Type of accelerator.
        device_type: Option<String>,
    }

    /// What a volume with `configuredAtLaunch` is.
    struct TaskVolumeConfiguration: sdk::TaskVolumeConfiguration
        = sdk::TaskVolumeConfiguration::builder().name("").build()? => {
        /// Name of the volume in the task definition.
        name: String,
        /// A new EBS volume for the task.
        #[serde(rename = "managedEBSVolume")]
        managed_ebs_volume: Option<TaskManagedEbsVolume>,
    }

    /// A new EBS volume for a task.
    struct TaskManagedEbsVolume: sdk::TaskManagedEbsVolumeConfiguration
        = sdk::TaskManagedEbsVolumeConfiguration::builder().role_arn("").build()? => {
        /// Whether it is encrypted. Default: the account's setting.
        encrypted: Option<bool>,
        /// Key for the encryption. Default: the account's.
        kms_key_id: Option<String>,
        /// Volume type, such as gp3.
        volume_type: Option<String>,
        /// Size in GiB; needed without a snapshot.
        #[serde(rename = "sizeInGiB")]
        size_in_gib: Option<i32>,
        /// Snapshot that it starts with.
        snapshot_id: Option<String>,
        /// MiB a second at which the snapshot is loaded, 100 to 300.
        volume_initialization_rate: Option<i32>,
        /// I/O operations a second.
        iops: Option<i32>,
        /// MiB a second. gp3 only.
        throughput: Option<i32>,
        /// Tags of the volume.
        tag_specifications: Option<Vec<EbsTagSpecification>>,
        /// Role with which ECS makes and attaches it.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        role_arn: String,
        /// Whether it ends with the task. Default: it does.
        termination_policy: Option<TaskManagedEbsVolumeTerminationPolicy>,
        /// File system that it gets. Default: XFS on Linux, NTFS on Windows.
        filesystem_type: Option<Choice<sdk::TaskFilesystemType>>,
    }

    /// Whether a volume ends with the task.
    struct TaskManagedEbsVolumeTerminationPolicy: sdk::TaskManagedEbsVolumeTerminationPolicy
        = sdk::TaskManagedEbsVolumeTerminationPolicy::builder().delete_on_termination(true).build()? => {
        /// Whether it does.
        delete_on_termination: bool,
    }
}

impl TaskSpec {
    /// The call that runs the task. The caller sets the token.
    pub fn run(&self, client: &Client) -> Result<RunTaskFluentBuilder, BuildError> {
        Ok(client
            .run_task()
            .set_cluster(self.cluster.clone())
            .task_definition(&self.task_definition)
            .set_count(self.count)
            .set_launch_type(self.launch_type.put()?)
            .set_capacity_provider_strategy(self.capacity_provider_strategy.put()?)
            .set_network_configuration(self.network_configuration.put()?)
            .set_overrides(self.overrides.put()?)
            .set_placement_constraints(self.placement_constraints.put()?)
            .set_placement_strategy(self.placement_strategy.put()?)
            .set_platform_version(self.platform_version.clone())
            .set_group(self.group.clone())
            .set_propagate_tags(self.propagate_tags.put()?)
            .set_enable_ecs_managed_tags(self.enable_ecs_managed_tags)
            .set_enable_execute_command(self.enable_execute_command)
            .set_volume_configurations(self.volume_configurations.put()?)
            .set_reference_id(self.reference_id.clone())
            .set_started_by(self.started_by.clone())
            .set_tags(self.tags.put()?))
    }

    /// Brings the spec into its canonical form.
    pub fn normalise(&mut self) {
        self.tidy();
        short_name(&mut self.cluster, ":cluster/");
        let mut definition = Some(std::mem::take(&mut self.task_definition));
        short_name(&mut definition, ":task-definition/");
        self.task_definition = definition.unwrap_or_default();
        drop_default(&mut self.cluster, "default");
        drop_default(&mut self.count, 1);
        drop_default(&mut self.platform_version, "LATEST");
        drop_default(&mut self.propagate_tags, "NONE");
        drop_default(&mut self.enable_ecs_managed_tags, false);
        drop_default(&mut self.enable_execute_command, false);
        if let Some(network) = &mut self.network_configuration {
            normalise_network(network);
        }
        if let Some(overrides) = &mut self.overrides {
            sort_set(&mut overrides.container_overrides);
            sort_set(&mut overrides.inference_accelerator_overrides);
        }
        normalise_capacity(&mut self.capacity_provider_strategy);
        normalise_placement(&mut self.placement_strategy);
        sort_set(&mut self.placement_constraints);
        sort_set(&mut self.volume_configurations);
        self.tidy();
    }

    /// Writes out roles given by name alone, which mean roles of the own account.
    pub fn complete_roles(&mut self, partition: &str, account: &str) {
        if let Some(overrides) = &mut self.overrides {
            complete_role(&mut overrides.task_role_arn, partition, account);
            complete_role(&mut overrides.execution_role_arn, partition, account);
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::run_task::RunTaskInput;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::kinds::mirror::{Mirror, arbitrary, members_of};

    #[test]
    fn no_member_of_the_api_is_missing() {
        let own = members_of::<TaskSpec>();
        let api: Vec<_> = RunTaskInput::SCHEMA.members().iter().filter_map(|member| member.member_name()).collect();
        let missing: Vec<_> = api.iter().filter(|name| !own.iter().any(|own| own == *name)).collect();
        assert_eq!(missing, [&"clientToken"]);
        assert_eq!(TaskSpec::gaps(), [""; 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn overrides_and_volumes_come_back_as_they_were_sent(seed: u64) {
            let spec: TaskSpec = arbitrary::spec(seed, true);
            let client = Client::from_conf(aws_sdk_ecs::Config::builder().behavior_version_latest().build());
            let input = spec.run(&client).unwrap().as_input().clone().build().unwrap();
            prop_assert_eq!(input.overrides.as_ref().map(TaskOverride::from_sdk), spec.overrides);
            prop_assert_eq!(input.volume_configurations.map(|sent| Vec::from_sdk(&sent)), spec.volume_configurations);
            prop_assert_eq!(input.task_definition, Some(spec.task_definition));
            prop_assert_eq!(input.count, spec.count);
        }

        #[test]
        fn normalising_twice_changes_nothing(seed: u64) {
            let mut once: TaskSpec = arbitrary::spec(seed, false);
            once.normalise();
            let mut twice = once.clone();
            twice.normalise();
            prop_assert_eq!(twice, once);
        }
    }

    #[test]
    fn one_task_on_the_latest_platform_is_what_aws_runs_anyway() {
        let mut spec: TaskSpec = serde_json::from_value(json!({
            "cluster": "default", "taskDefinition": "till", "count": 1, "platformVersion": "LATEST",
            "propagateTags": "NONE", "overrides": {"containerOverrides": []},
        }))
        .unwrap();
        spec.normalise();
        assert_eq!(spec, TaskSpec { task_definition: "till".to_owned(), ..Default::default() });
    }
}
