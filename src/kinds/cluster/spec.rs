//! A cluster as the manifest writes it: the members of CreateCluster.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::create_cluster::builders::CreateClusterFluentBuilder;
use aws_sdk_ecs::operation::put_cluster_capacity_providers::builders::PutClusterCapacityProvidersFluentBuilder;
use aws_sdk_ecs::operation::update_cluster::builders::UpdateClusterFluentBuilder;
use aws_sdk_ecs::types as sdk;

use crate::kinds::mirror::{BuildError, Choice, Member, Mirror, drop_default, items_refer, sort_set};
use crate::kinds::service::spec_network::CapacityProviderStrategyItem;
use crate::kinds::service::spec_normalise::normalise_capacity;
use crate::kinds::tags::Tags;
use crate::mirror;

mirror! {
    /// Holds container instances, services and tasks.
    struct ClusterSpec {
        /// Name. Default: the name in `metadata`. A change replaces the cluster.
        cluster_name: Option<String>,
        /// Settings; `containerInsights` is the only one. Absent: the account's setting when the cluster is made.
        settings: Option<Vec<ClusterSetting>>,
        /// Encryption and logging of ECS Exec, and of storage that AWS manages.
        configuration: Option<ClusterConfiguration>,
        /// Namespace of services that use Service Connect and name none. AWS answers its ARN; a tag keeps which ARN the
        /// declared name led to.
        service_connect_defaults: Option<ClusterServiceConnectDefaults>,
        /// Capacity providers that services and tasks may use, by name. The manifest owns the whole list.
        #[schemars(transform = items_refer("CapacityProvider", "name"))]
        capacity_providers: Option<Vec<String>>,
        /// Capacity providers for services and tasks that say neither providers nor a launch type.
        default_capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
        /// Tags of the cluster.
        tags: Option<Tags>,
    }

    /// A setting.
    struct ClusterSetting: sdk::ClusterSetting {
        /// containerInsights.
        name: Option<Choice<sdk::ClusterSettingName>>,
        /// disabled, enabled or enhanced. Default: the account's setting, at first disabled.
        value: Option<String>,
    }

    /// Encryption and logging.
    struct ClusterConfiguration: sdk::ClusterConfiguration {
        /// ECS Exec.
        execute_command_configuration: Option<ExecuteCommandConfiguration>,
        /// Storage that AWS manages.
        managed_storage_configuration: Option<ManagedStorageConfiguration>,
    }

    /// ECS Exec.
    struct ExecuteCommandConfiguration: sdk::ExecuteCommandConfiguration {
        /// Key that encrypts the session.
        kms_key_id: Option<String>,
        /// Not at all (NONE), with the task's awslogs (DEFAULT), or as `logConfiguration` says (OVERRIDE). Default: DEFAULT.
        logging: Option<Choice<sdk::ExecuteCommandLogging>>,
        /// Where logs go with OVERRIDE.
        log_configuration: Option<ExecuteCommandLogConfiguration>,
    }

    /// Where the logs of ECS Exec go.
    struct ExecuteCommandLogConfiguration: sdk::ExecuteCommandLogConfiguration {
        /// Log group; it must exist.
        #[schemars(extend("x-ref" = "LogGroup", "x-ref-attribute" = "name"))]
        cloud_watch_log_group_name: Option<String>,
        /// Whether that log must be encrypted. Default: false.
        cloud_watch_encryption_enabled: Option<bool>,
        /// Bucket; it must exist.
        s3_bucket_name: Option<String>,
        /// Whether that log must be encrypted. Default: false.
        s3_encryption_enabled: Option<bool>,
        /// Folder in the bucket.
        s3_key_prefix: Option<String>,
    }

    /// Storage that AWS manages.
    struct ManagedStorageConfiguration: sdk::ManagedStorageConfiguration {
        /// Key for volumes of managed instances.
        kms_key_id: Option<String>,
        /// Key for the disks of Fargate tasks.
        fargate_ephemeral_storage_kms_key_id: Option<String>,
    }

    /// Namespace of services that name none.
    struct ClusterServiceConnectDefaults: sdk::ClusterServiceConnectDefaultsRequest
        = sdk::ClusterServiceConnectDefaultsRequest::builder().namespace("").build()? => {
        /// Name or ARN of the Cloud Map namespace; a name that does not exist is made.
        namespace: String,
    }
}

impl ClusterSpec {
    /// The call that creates the cluster. The caller sets a name that the manifest leaves to `metadata`.
    pub fn create(&self, client: &Client) -> Result<CreateClusterFluentBuilder, BuildError> {
        Ok(client
            .create_cluster()
            .set_cluster_name(self.cluster_name.clone())
            .set_settings(self.settings.put()?)
            .set_configuration(self.configuration.put()?)
            .set_service_connect_defaults(self.service_connect_defaults.put()?)
            .set_capacity_providers(self.capacity_providers.clone())
            .set_default_capacity_provider_strategy(self.default_capacity_provider_strategy.put()?)
            .set_tags(self.tags.put()?))
    }

    /// The call that sets settings, configuration and namespace, as far as they differ from what is there. What the
    /// manifest no longer says is set to AWS's default.
    pub fn update(&self, client: &Client, live: &Self) -> Result<UpdateClusterFluentBuilder, BuildError> {
        let (mut wanted, mut live) = (self.clone(), live.clone());
        wanted.normalise();
        live.normalise();
        let mut call = client.update_cluster().set_cluster(self.cluster_name.clone());
        if wanted.settings != live.settings {
            let disabled =
                ClusterSetting { name: Some("containerInsights".into()), value: Some("disabled".to_owned()) };
            call = call.set_settings(wanted.settings.or(Some(vec![disabled])).put()?);
        }
        if wanted.configuration != live.configuration {
            let mut configuration = wanted.configuration.unwrap_or_default();
            let exec = configuration.execute_command_configuration.get_or_insert_default();
            exec.logging.get_or_insert_with(|| "DEFAULT".into());
            // What is left out stays as it is.
            if live.configuration.is_some_and(|live| live.managed_storage_configuration.is_some()) {
                configuration.managed_storage_configuration.get_or_insert_default();
            }
            call = call.configuration(configuration.to_sdk()?);
        }
        if wanted.service_connect_defaults != live.service_connect_defaults {
            // An empty name removes the default.
            call = call.service_connect_defaults(wanted.service_connect_defaults.unwrap_or_default().to_sdk()?);
        }
        Ok(call)
    }

    /// The call that replaces the capacity providers and the default strategy, both as a whole.
    pub fn put_capacity_providers(
        &self,
        client: &Client,
    ) -> Result<PutClusterCapacityProvidersFluentBuilder, BuildError> {
        Ok(client
            .put_cluster_capacity_providers()
            .set_cluster(self.cluster_name.clone())
            .set_capacity_providers(Some(self.capacity_providers.clone().unwrap_or_default()))
            .set_default_capacity_provider_strategy(
                self.default_capacity_provider_strategy.put()?.or_else(|| Some(Vec::new())),
            ))
    }

    /// A cluster as AWS answers it.
    pub fn from_sdk_cluster(sdk: &sdk::Cluster) -> Self {
        let namespace = sdk.service_connect_defaults.as_ref().and_then(|defaults| defaults.namespace.clone());
        Self {
            cluster_name: sdk.cluster_name.clone(),
            settings: Member::take(sdk.settings.as_ref()),
            configuration: Member::take(sdk.configuration.as_ref()),
            service_connect_defaults: namespace.map(|namespace| ClusterServiceConnectDefaults { namespace }),
            capacity_providers: sdk.capacity_providers.clone(),
            default_capacity_provider_strategy: Member::take(sdk.default_capacity_provider_strategy.as_ref()),
            tags: Member::take(sdk.tags.as_ref()),
        }
    }

    /// Brings the spec into its canonical form. That AWS answers the namespace as an ARN is for the caller to resolve.
    pub fn normalise(&mut self) {
        self.tidy();
        if let Some(exec) =
            self.configuration.as_mut().and_then(|configuration| configuration.execute_command_configuration.as_mut())
        {
            drop_default(&mut exec.logging, "DEFAULT");
            if let Some(log) = &mut exec.log_configuration {
                drop_default(&mut log.cloud_watch_encryption_enabled, false);
                drop_default(&mut log.s3_encryption_enabled, false);
            }
        }
        drop_default(&mut self.service_connect_defaults, ClusterServiceConnectDefaults::default());
        sort_set(&mut self.settings);
        sort_set(&mut self.capacity_providers);
        normalise_capacity(&mut self.default_capacity_provider_strategy);
        self.tidy();
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::mirror::{arbitrary, members_of};

    fn client() -> Client {
        Client::from_conf(aws_sdk_ecs::Config::builder().behavior_version_latest().build())
    }

    fn spec(value: Value) -> ClusterSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn no_member_of_the_api_is_missing() {
        let own = members_of::<ClusterSpec>();
        let api: Vec<_> =
            CreateClusterInput::SCHEMA.members().iter().filter_map(|member| member.member_name()).collect();
        assert_eq!(own.len(), api.len());
        assert!(api.iter().all(|name| own.iter().any(|own| own == name)), "{api:?}");
        assert_eq!(ClusterSpec::gaps(), [""; 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sent_comes_back(seed: u64) {
            let spec: ClusterSpec = arbitrary::spec(seed, true);
            let input = spec.create(&client()).unwrap().as_input().clone().build().unwrap();
            let namespace = input.service_connect_defaults.map(|defaults| {
                sdk::ClusterServiceConnectDefaults::builder().namespace(defaults.namespace).build()
            });
            let answer = sdk::Cluster::builder()
                .set_cluster_name(input.cluster_name)
                .set_settings(input.settings)
                .set_configuration(input.configuration)
                .set_service_connect_defaults(namespace)
                .set_capacity_providers(input.capacity_providers)
                .set_default_capacity_provider_strategy(input.default_capacity_provider_strategy)
                .set_tags(input.tags)
                .build();
            prop_assert_eq!(ClusterSpec::from_sdk_cluster(&answer), spec);
        }

        #[test]
        fn normalising_twice_changes_nothing_nor_does_the_order_of_sets(seed: u64, other: u64) {
            let mut once: ClusterSpec = arbitrary::spec(seed, false);
            let mut shuffled =
                arbitrary::shuffle(&once, other, &["settings", "capacityProviders", "defaultCapacityProviderStrategy"]);
            once.normalise();
            shuffled.normalise();
            prop_assert_eq!(&shuffled, &once);
            shuffled.normalise();
            prop_assert_eq!(shuffled, once);
        }
    }

    #[test]
    fn what_aws_fills_in_equals_nothing() {
        let mut cluster = spec(json!({
            "clusterName": "edge", "settings": [],
            "configuration": {"executeCommandConfiguration": {"logging": "DEFAULT", "logConfiguration":
                {"cloudWatchEncryptionEnabled": false, "s3EncryptionEnabled": false}}},
            "capacityProviders": [], "defaultCapacityProviderStrategy": [],
        }));
        cluster.normalise();
        assert_eq!(cluster, spec(json!({"clusterName": "edge"})));
    }

    #[test]
    fn what_the_manifest_dropped_is_reset() {
        let live = spec(json!({
            "clusterName": "edge", "settings": [{"name": "containerInsights", "value": "enabled"}],
            "configuration": {"executeCommandConfiguration": {"logging": "NONE"}},
            "serviceConnectDefaults": {"namespace": "store"},
        }));
        let wanted = spec(json!({"clusterName": "edge"}));
        let input = wanted.update(&client(), &live).unwrap().as_input().clone().build().unwrap();
        assert_eq!(input.settings.unwrap()[0].value.as_deref(), Some("disabled"));
        let exec = input.configuration.unwrap().execute_command_configuration.unwrap();
        assert_eq!(exec.logging, Some(sdk::ExecuteCommandLogging::Default));
        assert_eq!(input.service_connect_defaults.unwrap().namespace, "");

        let input = wanted.put_capacity_providers(&client()).unwrap().as_input().clone().build().unwrap();
        assert_eq!(input.capacity_providers, Some(Vec::new()));
        assert_eq!(input.default_capacity_provider_strategy, Some(Vec::new()));
    }
}
