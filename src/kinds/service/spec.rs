//! A service as the manifest writes it: the members of CreateService.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::create_service::builders::CreateServiceFluentBuilder;
use aws_sdk_ecs::operation::update_service::builders::UpdateServiceFluentBuilder;
use aws_sdk_ecs::types as sdk;

use super::spec_connect::{GatewayConnector, ServiceConnectConfiguration, VpcLatticeConfiguration};
use super::spec_deployment::{DeploymentConfiguration, DeploymentController, MonitoringConfiguration};
use super::spec_network::{
    CapacityProviderStrategyItem, LoadBalancer, NetworkConfiguration, PlacementConstraint, PlacementStrategy,
    ServiceRegistry, ServiceVolumeConfiguration,
};
use crate::kinds::mirror::{BuildError, Choice, Member, Mirror};
use crate::kinds::tags::Tags;
use crate::kinds::task_definition::spec::complete_role;
use crate::mirror;

mirror! {
    /// Keeps tasks of one definition running in a cluster.
    struct ServiceSpec {
        /// Cluster, by name or ARN. Default: the cluster named `default`.
        #[schemars(extend("x-ref" = "Cluster", "x-ref-attribute" = "name"))]
        cluster: Option<String>,
        /// Name, unique in the cluster. Default: the name in `metadata`.
        service_name: Option<String>,
        /// Task definition that the tasks follow: a reference, an ARN, or `family:revision`. A family alone is whatever
        /// revision is the newest when the service is made; newer ones are not noticed. Not managed when absent, as
        /// controller EXTERNAL wants it.
        #[schemars(extend("x-ref" = "TaskDefinition", "x-ref-attribute" = "arn"))]
        task_definition: Option<String>,
        /// Whether tasks are moved when zones become uneven. Not managed when absent: AWS chooses at creation.
        availability_zone_rebalancing: Option<Choice<sdk::AvailabilityZoneRebalancing>>,
        /// Target groups and classic load balancers.
        load_balancers: Option<Vec<LoadBalancer>>,
        /// Cloud Map services; AWS takes one.
        service_registries: Option<Vec<ServiceRegistry>>,
        /// Tasks that run. Not managed when absent, so that scaling policies may change it; a new service then begins
        /// with 1, and one that replaces another with the other's count. With `lifecycle.ignoreChanges: [desiredCount]`
        /// it is the number to begin with. Not for DAEMON.
        #[schemars(range(min = 0))]
        desired_count: Option<i32>,
        /// What the tasks run on, in place of capacity providers. Not managed when absent. A change replaces the service,
        /// except back from capacity providers of the same sort: that forces a new deployment.
        launch_type: Option<Choice<sdk::LaunchType>>,
        /// Capacity providers that the tasks run on, in place of a launch type. Default: the cluster's strategy. A change
        /// forces a new deployment, because AWS would leave the running tasks where they are.
        capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
        /// Fargate platform. Not managed when absent: AWS takes LATEST. Not for EC2 and EXTERNAL.
        platform_version: Option<String>,
        /// Role for load balancers when the network mode is not awsvpc. Default: the service-linked role.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        role: Option<String>,
        /// How new tasks replace old ones.
        deployment_configuration: Option<DeploymentConfiguration>,
        /// Where tasks may run, at most 10.
        placement_constraints: Option<Vec<PlacementConstraint>>,
        /// Where tasks run for preference, at most 5, the first counts most.
        placement_strategy: Option<Vec<PlacementStrategy>>,
        /// Subnets and security groups, needed with network mode awsvpc. Taking it out replaces the service.
        network_configuration: Option<NetworkConfiguration>,
        /// Seconds after a start in which failed load-balancer checks do not count. Default: 0.
        health_check_grace_period_seconds: Option<i32>,
        /// A number of tasks (REPLICA), or one on every instance (DAEMON). Default: REPLICA. A change replaces the service.
        scheduling_strategy: Option<Choice<sdk::SchedulingStrategy>>,
        /// Who carries out deployments. Default: ECS. A change replaces the service, except from CODE_DEPLOY to ECS.
        deployment_controller: Option<DeploymentController>,
        /// Whether ECS tags tasks with cluster and service. Default: false.
        #[serde(rename = "enableECSManagedTags")]
        enable_ecs_managed_tags: Option<bool>,
        /// Whose tags the tasks get. Default: NONE.
        propagate_tags: Option<Choice<sdk::PropagateTags>>,
        /// Whether commands can be run in the containers (ECS Exec). Default: false.
        enable_execute_command: Option<bool>,
        /// Names for services in a namespace.
        service_connect_configuration: Option<ServiceConnectConfiguration>,
        /// What volumes with `configuredAtLaunch` are.
        volume_configurations: Option<Vec<ServiceVolumeConfiguration>>,
        /// VPC Lattice target groups.
        vpc_lattice_configurations: Option<Vec<VpcLatticeConfiguration>>,
        /// Ports that gateways of the cluster offer. AWS answers them only with the service revision, so what others set
        /// and nobody ever declared shows with `--deep`.
        gateway_connectors: Option<Vec<GatewayConnector>>,
        /// Metrics of the service. AWS answers it only with the service revision, so what others set and nobody ever
        /// declared shows with `--deep`.
        monitoring: Option<MonitoringConfiguration>,
        /// Tags of the service.
        tags: Option<Tags>,
    }
}

impl ServiceSpec {
    /// Members whose absence leaves to AWS, or to another writer, what the value is.
    pub const UNMANAGED_WHEN_ABSENT: [&str; 9] = [
        // The name in `metadata`, which the key of the kind compares.
        "serviceName",
        "taskDefinition",
        "availabilityZoneRebalancing",
        "desiredCount",
        "launchType",
        "capacityProviderStrategy",
        "platformVersion",
        "role",
        // AWS fills in the default group of the VPC.
        "networkConfiguration.awsvpcConfiguration.securityGroups",
    ];

    /// The call that creates the service. The caller sets a name that the manifest leaves to `metadata`, and the token.
    pub fn create(&self, client: &Client) -> Result<CreateServiceFluentBuilder, BuildError> {
        Ok(client
            .create_service()
            .set_cluster(self.cluster.clone())
            .set_service_name(self.service_name.clone())
            .set_task_definition(self.task_definition.clone())
            .set_availability_zone_rebalancing(self.availability_zone_rebalancing.put()?)
            .set_load_balancers(self.load_balancers.put()?)
            .set_service_registries(self.service_registries.put()?)
            .set_desired_count(self.desired_count)
            .set_launch_type(self.launch_type.put()?)
            .set_capacity_provider_strategy(self.capacity_provider_strategy.put()?)
            .set_platform_version(self.platform_version.clone())
            .set_role(self.role.clone())
            .set_deployment_configuration(self.deployment_configuration.put()?)
            .set_placement_constraints(self.placement_constraints.put()?)
            .set_placement_strategy(self.placement_strategy.put()?)
            .set_network_configuration(self.network_configuration.put()?)
            .set_health_check_grace_period_seconds(self.health_check_grace_period_seconds)
            .set_scheduling_strategy(self.scheduling_strategy.put()?)
            .set_deployment_controller(self.deployment_controller.put()?)
            .set_enable_ecs_managed_tags(self.enable_ecs_managed_tags)
            .set_propagate_tags(self.propagate_tags.put()?)
            .set_enable_execute_command(self.enable_execute_command)
            .set_service_connect_configuration(self.service_connect_configuration.put()?)
            .set_volume_configurations(self.volume_configurations.put()?)
            .set_vpc_lattice_configurations(self.vpc_lattice_configurations.put()?)
            .set_gateway_connectors(self.gateway_connectors.put()?)
            .set_monitoring(self.monitoring.put()?)
            .set_tags(self.tags.put()?))
    }

    /// The call that turns the live service into this one. To AWS an omitted member means "as it is", so it carries what
    /// differs and nothing else: an unchanged network would start a deployment, and a removed list is sent empty.
    /// What the call cannot change (launch type, scheduling strategy, role) needs a replacement, tags a call of their own.
    pub fn update(&self, client: &Client, live: &Self) -> Result<UpdateServiceFluentBuilder, BuildError> {
        let (mut wanted, mut live) = (self.clone(), live.clone());
        wanted.normalise();
        live.normalise();
        Ok(client
            .update_service()
            .set_cluster(self.cluster.clone())
            .set_service(self.service_name.clone())
            .set_task_definition(managed(&wanted.task_definition, &live.task_definition)?)
            .set_availability_zone_rebalancing(managed(
                &wanted.availability_zone_rebalancing,
                &live.availability_zone_rebalancing,
            )?)
            .set_desired_count(managed(&wanted.desired_count, &live.desired_count)?)
            .set_platform_version(if self.platform_version.is_some() {
                changed(&wanted.platform_version, &live.platform_version, || "LATEST".to_owned())?
            } else {
                None
            })
            .set_load_balancers(changed(&wanted.load_balancers, &live.load_balancers, Vec::new)?)
            .set_service_registries(changed(&wanted.service_registries, &live.service_registries, Vec::new)?)
            // An empty strategy is the way back to a launch type; without one the cluster's strategy is in use.
            .set_capacity_provider_strategy(if self.launch_type.is_some() {
                changed(&wanted.capacity_provider_strategy, &live.capacity_provider_strategy, Vec::new)?
            } else {
                managed(&wanted.capacity_provider_strategy, &live.capacity_provider_strategy)?
            })
            .set_deployment_configuration(wanted.deployment_update(&live)?)
            .set_placement_constraints(changed(&wanted.placement_constraints, &live.placement_constraints, Vec::new)?)
            .set_placement_strategy(changed(&wanted.placement_strategy, &live.placement_strategy, Vec::new)?)
            .set_network_configuration(managed(&wanted.network_configuration, &live.network_configuration)?)
            .set_health_check_grace_period_seconds(changed(
                &wanted.health_check_grace_period_seconds,
                &live.health_check_grace_period_seconds,
                || 0,
            )?)
            .set_deployment_controller(changed(&wanted.deployment_controller, &live.deployment_controller, || {
                DeploymentController { r#type: "ECS".into() }
            })?)
            .set_enable_ecs_managed_tags(changed(
                &wanted.enable_ecs_managed_tags,
                &live.enable_ecs_managed_tags,
                || false,
            )?)
            .set_propagate_tags(changed(&wanted.propagate_tags, &live.propagate_tags, || "NONE".into())?)
            .set_enable_execute_command(changed(&wanted.enable_execute_command, &live.enable_execute_command, || {
                false
            })?)
            .set_service_connect_configuration(changed(
                &wanted.service_connect_configuration,
                &live.service_connect_configuration,
                ServiceConnectConfiguration::default,
            )?)
            .set_volume_configurations(changed(&wanted.volume_configurations, &live.volume_configurations, Vec::new)?)
            .set_vpc_lattice_configurations(changed(
                &wanted.vpc_lattice_configurations,
                &live.vpc_lattice_configurations,
                Vec::new,
            )?)
            .set_gateway_connectors(changed(&wanted.gateway_connectors, &live.gateway_connectors, Vec::new)?)
            .set_monitoring(changed(&wanted.monitoring, &live.monitoring, MonitoringConfiguration::default)?))
    }

    /// The deployment configuration if it differs, with every default written out: AWS keeps members that are omitted.
    fn deployment_update(&self, live: &Self) -> Result<Option<sdk::DeploymentConfiguration>, BuildError> {
        if self.deployment_configuration == live.deployment_configuration {
            return Ok(None);
        }
        let live = live.deployment_configuration.clone().unwrap_or_default();
        let mut wanted = self.deployment_configuration.clone().unwrap_or_default();
        wanted.reset_what_is_gone(&live, self.is_daemon());
        wanted.put()
    }

    /// Who carries out deployments: ECS, CODE_DEPLOY or EXTERNAL.
    pub fn controller(&self) -> &str {
        self.deployment_controller.as_ref().map_or("ECS", |controller| controller.r#type.as_str())
    }

    /// Whether one task runs on every instance.
    pub fn is_daemon(&self) -> bool {
        self.scheduling_strategy.as_ref().is_some_and(|strategy| *strategy == "DAEMON")
    }

    /// Whether its tasks need container instances that a manifest may declare: Fargate has none, and those of ECS
    /// Anywhere are registered elsewhere.
    pub fn runs_on_instances(&self) -> bool {
        let mut providers = self.capacity_provider_strategy.iter().flatten().peekable();
        if providers.peek().is_some() {
            return providers.any(|item| !item.capacity_provider.starts_with("FARGATE"));
        }
        self.launch_type.as_ref().is_none_or(|launch_type| *launch_type == "EC2")
    }

    /// A service as AWS answers it. What only deployments show is that of the PRIMARY one.
    pub fn from_sdk_service(sdk: &sdk::Service) -> Self {
        let primary = sdk.deployments().iter().find(|deployment| deployment.status.as_deref() == Some("PRIMARY"));
        Self {
            cluster: sdk.cluster_arn.clone(),
            service_name: sdk.service_name.clone(),
            task_definition: sdk.task_definition.clone().or_else(|| {
                // What CodeDeploy deploys is in task sets.
                let primary = sdk.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
                primary.and_then(|set| set.task_definition.clone())
            }),
            availability_zone_rebalancing: Member::take(sdk.availability_zone_rebalancing.as_ref()),
            load_balancers: Member::take(sdk.load_balancers.as_ref()),
            service_registries: Member::take(sdk.service_registries.as_ref()),
            desired_count: Some(sdk.desired_count),
            launch_type: Member::take(sdk.launch_type.as_ref()),
            capacity_provider_strategy: Member::take(sdk.capacity_provider_strategy.as_ref()),
            platform_version: sdk.platform_version.clone(),
            role: sdk.role_arn.clone(),
            deployment_configuration: Member::take(sdk.deployment_configuration.as_ref()),
            placement_constraints: Member::take(sdk.placement_constraints.as_ref()),
            placement_strategy: Member::take(sdk.placement_strategy.as_ref()),
            network_configuration: Member::take(sdk.network_configuration.as_ref()),
            health_check_grace_period_seconds: sdk.health_check_grace_period_seconds,
            scheduling_strategy: Member::take(sdk.scheduling_strategy.as_ref()),
            deployment_controller: Member::take(sdk.deployment_controller.as_ref()),
            enable_ecs_managed_tags: Some(sdk.enable_ecs_managed_tags),
            propagate_tags: Member::take(sdk.propagate_tags.as_ref()),
            enable_execute_command: Some(sdk.enable_execute_command),
            service_connect_configuration: Member::take(
                primary.and_then(|deployment| deployment.service_connect_configuration.as_ref()),
            ),
            volume_configurations: Member::take(
                primary.and_then(|deployment| deployment.volume_configurations.as_ref()),
            ),
            vpc_lattice_configurations: Member::take(
                primary.and_then(|deployment| deployment.vpc_lattice_configurations.as_ref()),
            ),
            gateway_connectors: None,
            monitoring: None,
            tags: Member::take(sdk.tags.as_ref()),
        }
    }

    /// Adds what AWS answers only with DescribeServiceRevisions. Needed when the manifest has one of these members.
    pub fn add_revision(&mut self, revision: &sdk::ServiceRevision) {
        self.gateway_connectors = Member::take(revision.gateway_connectors.as_ref());
        self.monitoring = Member::take(revision.monitoring.as_ref());
    }

    /// Writes out a role given by name alone, which means a role of the own account.
    pub fn complete_roles(&mut self, partition: &str, account: &str) {
        complete_role(&mut self.role, partition, account);
    }
}

/// What the manifest says, if it says anything else than what is there.
fn managed<T: Mirror + PartialEq>(wanted: &Option<T>, live: &Option<T>) -> Result<Option<T::Sdk>, BuildError> {
    if wanted == live { Ok(None) } else { wanted.put() }
}

/// What differs from what is there, with the value that resets it where the manifest says nothing.
fn changed<T: Mirror + PartialEq>(
    wanted: &Option<T>,
    live: &Option<T>,
    reset: impl FnOnce() -> T,
) -> Result<Option<T::Sdk>, BuildError> {
    match wanted {
        _ if wanted == live => Ok(None),
        Some(value) => value.to_sdk().map(Some),
        None => reset().to_sdk().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::create_service::CreateServiceInput;
    use aws_sdk_ecs::operation::update_service::UpdateServiceInput;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::mirror::{arbitrary, members_of};

    fn client() -> Client {
        Client::from_conf(aws_sdk_ecs::Config::builder().behavior_version_latest().build())
    }

    fn spec(value: Value) -> ServiceSpec {
        serde_json::from_value(value).unwrap()
    }

    fn update(wanted: Value, live: Value) -> UpdateServiceInput {
        let call = spec(wanted).update(&client(), &spec(live)).unwrap();
        call.as_input().clone().build().unwrap()
    }

    /// The service that AWS would answer after this call, had it no defaults to fill in.
    fn created(spec: &ServiceSpec) -> ServiceSpec {
        let call = spec.create(&client()).unwrap();
        let input = call.as_input().clone().build().unwrap();
        let old = sdk::Deployment::builder().status("ACTIVE").build();
        let primary = sdk::Deployment::builder()
            .status("PRIMARY")
            .set_service_connect_configuration(input.service_connect_configuration)
            .set_volume_configurations(input.volume_configurations)
            .set_vpc_lattice_configurations(input.vpc_lattice_configurations)
            .build();
        let answer = sdk::Service::builder()
            .set_cluster_arn(input.cluster)
            .set_service_name(input.service_name)
            .set_task_definition(input.task_definition)
            .set_availability_zone_rebalancing(input.availability_zone_rebalancing)
            .set_load_balancers(input.load_balancers)
            .set_service_registries(input.service_registries)
            .set_desired_count(input.desired_count)
            .set_launch_type(input.launch_type)
            .set_capacity_provider_strategy(input.capacity_provider_strategy)
            .set_platform_version(input.platform_version)
            .set_role_arn(input.role)
            .set_deployment_configuration(input.deployment_configuration)
            .set_placement_constraints(input.placement_constraints)
            .set_placement_strategy(input.placement_strategy)
            .set_network_configuration(input.network_configuration)
            .set_health_check_grace_period_seconds(input.health_check_grace_period_seconds)
            .set_scheduling_strategy(input.scheduling_strategy)
            .set_deployment_controller(input.deployment_controller)
            .set_enable_ecs_managed_tags(input.enable_ecs_managed_tags)
            .set_propagate_tags(input.propagate_tags)
            .set_enable_execute_command(input.enable_execute_command)
            .set_tags(input.tags)
            .deployments(old)
            .deployments(primary)
            .build();
        let revision = sdk::ServiceRevision::builder()
            .set_gateway_connectors(input.gateway_connectors)
            .set_monitoring(input.monitoring)
            .build();
        let mut spec = ServiceSpec::from_sdk_service(&answer);
        spec.add_revision(&revision);
        spec
    }

    #[test]
    fn no_member_of_the_api_is_missing() {
        let own = members_of::<ServiceSpec>();
        let api: Vec<_> =
            CreateServiceInput::SCHEMA.members().iter().filter_map(|member| member.member_name()).collect();
        let missing: Vec<_> = api.iter().filter(|name| !own.iter().any(|own| own == *name)).collect();
        assert_eq!(missing, [&"clientToken"]);
        assert_eq!(ServiceSpec::gaps(), [""; 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sent_comes_back(seed: u64) {
            let mut spec: ServiceSpec = arbitrary::spec(seed, true);
            if let Some(log) = spec.service_connect_configuration.as_mut().and_then(|connect| connect.log_configuration.as_mut())
                && let Some(options) = &mut log.options
            {
                options.sort_keys();
            }
            prop_assert_eq!(created(&spec), spec);
        }

        #[test]
        fn an_update_to_what_is_there_carries_nothing(seed: u64) {
            let spec: ServiceSpec = arbitrary::spec(seed, false);
            let call = spec.update(&client(), &spec).unwrap();
            let input = call.as_input().clone().build().unwrap();
            let nothing = UpdateServiceInput::builder().set_cluster(spec.cluster).set_service(spec.service_name);
            prop_assert_eq!(input, nothing.build().unwrap());
        }
    }

    #[test]
    fn what_the_manifest_dropped_is_reset() {
        let input = update(
            json!({"serviceName": "till"}),
            json!({
                "serviceName": "till", "desiredCount": 3, "platformVersion": "1.4.0",
                "placementConstraints": [{"type": "distinctInstance"}],
                "loadBalancers": [{"targetGroupArn": "tg", "containerName": "till", "containerPort": 80}],
                "enableExecuteCommand": true, "propagateTags": "SERVICE", "healthCheckGracePeriodSeconds": 60,
                "serviceConnectConfiguration": {"enabled": true},
                "deploymentConfiguration": {"maximumPercent": 150, "alarms":
                    {"alarmNames": ["a"], "enable": true, "rollback": true}},
            }),
        );
        assert_eq!(input.placement_constraints, Some(Vec::new()));
        assert_eq!(input.load_balancers, Some(Vec::new()));
        assert_eq!(input.enable_execute_command, Some(false));
        assert_eq!(input.propagate_tags, Some(sdk::PropagateTags::None));
        assert_eq!(input.health_check_grace_period_seconds, Some(0));
        assert!(!input.service_connect_configuration.unwrap().enabled);
        let deployment = input.deployment_configuration.unwrap();
        assert_eq!(deployment.maximum_percent, Some(200));
        assert_eq!(deployment.minimum_healthy_percent, None);
        assert!(!deployment.alarms.unwrap().enable);
        // What others may write stays.
        assert_eq!(input.desired_count, None);
        assert_eq!(input.platform_version, None);
        assert_eq!(input.service_registries, None);
    }

    #[test]
    fn a_launch_type_takes_the_place_of_capacity_providers_and_nothing_takes_the_place_of_nothing() {
        let live = json!({"capacityProviderStrategy": [{"capacityProvider": "edge", "weight": 1}]});
        let input = update(json!({"launchType": "EC2"}), live.clone());
        assert_eq!(input.capacity_provider_strategy, Some(Vec::new()));
        assert_eq!(update(json!({}), live).capacity_provider_strategy, None);
    }

    #[test]
    fn every_reference_is_marked_in_the_schema() {
        let schema = schemars::schema_for!(ServiceSpec).to_value();
        let properties = &schema["properties"];
        assert_eq!(properties["cluster"]["x-ref"], "Cluster");
        assert_eq!(properties["taskDefinition"]["x-ref"], "TaskDefinition");
        assert_eq!(properties["role"]["x-ref"], "Role");
        let network = &schema["$defs"]["AwsVpcConfiguration"]["properties"];
        assert_eq!(network["subnets"]["items"]["x-ref"], "Subnet");
        assert_eq!(network["securityGroups"]["items"]["x-ref"], "SecurityGroup");
        assert_eq!(network["securityGroups"]["items"]["x-ref-attribute"], "id");
    }
}
