//! Where the tasks of a service run and what reaches them: capacity, placement, network, load balancers, volumes.

use aws_sdk_ecs::types as sdk;

use crate::kinds::mirror::{Choice, items_refer};
use crate::kinds::tags::Tags;
use crate::mirror;

mirror! {
    /// A capacity provider's part of the tasks.
    struct CapacityProviderStrategyItem: sdk::CapacityProviderStrategyItem
        = sdk::CapacityProviderStrategyItem::builder().capacity_provider("").build()? => {
        /// Name of the capacity provider.
        capacity_provider: String,
        /// Its share of the tasks above the bases, relative to the others' weights. Default: 0.
        weight: Option<i32>,
        /// Tasks that it gets first; only one provider may have a base. Default: 0.
        base: Option<i32>,
    }

    /// Where tasks may run.
    struct PlacementConstraint: sdk::PlacementConstraint {
        /// Every task on another instance (distinctInstance), or only on those of an expression (memberOf).
        r#type: Option<Choice<sdk::PlacementConstraintType>>,
        /// Expression in the cluster query language, for memberOf.
        expression: Option<String>,
    }

    /// Where tasks run for preference.
    struct PlacementStrategy: sdk::PlacementStrategy {
        /// Anywhere (random), evenly over a field (spread), or on as few instances as possible (binpack).
        r#type: Option<Choice<sdk::PlacementStrategyType>>,
        /// For spread `instanceId` or an attribute such as `attribute:ecs.availability-zone`; for binpack `cpu` or `memory`.
        field: Option<String>,
    }

    /// Network of tasks whose network mode is awsvpc.
    struct NetworkConfiguration: sdk::NetworkConfiguration {
        /// Subnets, security groups and public address.
        awsvpc_configuration: Option<AwsVpcConfiguration>,
    }

    /// Subnets, security groups and public address of tasks.
    struct AwsVpcConfiguration: sdk::AwsVpcConfiguration
        = sdk::AwsVpcConfiguration::builder().subnets("").build()? => {
        /// Subnets, at most 16, of one VPC.
        #[schemars(length(min = 1, max = 16), transform = items_refer("Subnet", "id"))]
        subnets: Vec<String>,
        /// Security groups, at most 5. Default: the VPC's default group.
        #[schemars(length(max = 5), transform = items_refer("SecurityGroup", "id"))]
        security_groups: Option<Vec<String>>,
        /// Whether tasks get a public address. Fargate only. Default: DISABLED.
        assign_public_ip: Option<Choice<sdk::AssignPublicIp>>,
    }

    /// A load balancer's target group that the tasks register with.
    struct LoadBalancer: sdk::LoadBalancer {
        /// ARN of the target group.
        target_group_arn: Option<String>,
        /// Name of a classic load balancer.
        load_balancer_name: Option<String>,
        /// Container that takes the traffic.
        container_name: Option<String>,
        /// Its port.
        container_port: Option<i32>,
        /// What a deployment that shifts traffic needs.
        advanced_configuration: Option<AdvancedConfiguration>,
    }

    /// What a deployment that shifts traffic needs from a load balancer.
    struct AdvancedConfiguration: sdk::AdvancedConfiguration {
        /// ARN of the target group for the other colour.
        alternate_target_group_arn: Option<String>,
        /// ARN of the listener rule, or of the listener of a network load balancer, for production traffic.
        production_listener_rule: Option<String>,
        /// ARN of the same for test traffic.
        test_listener_rule: Option<String>,
        /// Role with which ECS changes the load balancer.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        role_arn: Option<String>,
    }

    /// A Cloud Map service that the tasks register with.
    struct ServiceRegistry: sdk::ServiceRegistry {
        /// Its ARN.
        registry_arn: Option<String>,
        /// Port for SRV records of tasks in awsvpc.
        port: Option<i32>,
        /// Container for SRV records of tasks in bridge or host.
        container_name: Option<String>,
        /// Its port.
        container_port: Option<i32>,
    }

    /// What a volume with `configuredAtLaunch` is.
    struct ServiceVolumeConfiguration: sdk::ServiceVolumeConfiguration
        = sdk::ServiceVolumeConfiguration::builder().name("").build()? => {
        /// Name of the volume in the task definition.
        name: String,
        /// A new EBS volume for each task.
        #[serde(rename = "managedEBSVolume")]
        managed_ebs_volume: Option<ServiceManagedEbsVolume>,
    }

    /// A new EBS volume for each task.
    struct ServiceManagedEbsVolume: sdk::ServiceManagedEbsVolumeConfiguration
        = sdk::ServiceManagedEbsVolumeConfiguration::builder().role_arn("").build()? => {
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
        /// File system that it gets. Default: XFS on Linux, NTFS on Windows.
        filesystem_type: Option<Choice<sdk::TaskFilesystemType>>,
    }

    /// Tags of an EBS volume.
    struct EbsTagSpecification: sdk::EbsTagSpecification
        = sdk::EbsTagSpecification::builder().resource_type("".into()).build()? => {
        /// volume.
        resource_type: Choice<sdk::EbsResourceType>,
        /// Tags.
        tags: Option<Tags>,
        /// Whose tags it gets as well. Default: nobody's.
        propagate_tags: Option<Choice<sdk::PropagateTags>>,
    }
}
