//! How services find each other: Service Connect, VPC Lattice and gateways.

use aws_sdk_ecs::types as sdk;

use crate::kinds::mirror::Choice;
use crate::kinds::task_definition::spec_container::LogConfiguration;
use crate::mirror;

mirror! {
    /// Service Connect: names for services in a namespace, through a proxy in every task.
    struct ServiceConnectConfiguration: sdk::ServiceConnectConfiguration {
        /// Whether the service uses it.
        enabled: bool,
        /// Name or ARN of the Cloud Map namespace. Default: the cluster's.
        namespace: Option<String>,
        /// Ports that others may reach. A service that only calls others has none.
        services: Option<Vec<ServiceConnectService>>,
        /// Where the proxy's log goes.
        log_configuration: Option<LogConfiguration>,
        /// How the proxy logs requests.
        access_log_configuration: Option<ServiceConnectAccessLogConfiguration>,
        /// Settings of the proxy's container.
        container_configurations: Option<Vec<ServiceConnectContainerConfiguration>>,
    }

    /// A port that others may reach.
    struct ServiceConnectService: sdk::ServiceConnectService
        = sdk::ServiceConnectService::builder().port_name("").build()? => {
        /// Name of a port mapping in the task definition.
        port_name: String,
        /// Name of the Cloud Map service. Default: that of the port.
        discovery_name: Option<String>,
        /// Names and ports that callers use.
        client_aliases: Option<Vec<ServiceConnectClientAlias>>,
        /// Port on which the proxy listens. Default: chosen in awsvpc.
        ingress_port_override: Option<i32>,
        /// How long a request may take.
        timeout: Option<TimeoutConfiguration>,
        /// Encryption between proxies.
        tls: Option<ServiceConnectTlsConfiguration>,
    }

    /// A name and a port that callers use.
    struct ServiceConnectClientAlias: sdk::ServiceConnectClientAlias
        = sdk::ServiceConnectClientAlias::builder().port(0).build()? => {
        /// Port.
        port: i32,
        /// Name. Default: `<discovery name>.<namespace>`.
        dns_name: Option<String>,
        /// Which requests are test traffic during a deployment.
        test_traffic_rules: Option<ServiceConnectTestTrafficRules>,
    }

    /// Which requests are test traffic.
    struct ServiceConnectTestTrafficRules: sdk::ServiceConnectTestTrafficRules {
        /// Header that they carry.
        header: Option<ServiceConnectTestTrafficHeader>,
    }

    /// A header of test traffic.
    struct ServiceConnectTestTrafficHeader: sdk::ServiceConnectTestTrafficHeaderRules
        = sdk::ServiceConnectTestTrafficHeaderRules::builder().name("").build()? => {
        /// Its name.
        name: String,
        /// Its value. Default: any.
        value: Option<ServiceConnectTestTrafficHeaderMatch>,
    }

    /// A value of a header.
    struct ServiceConnectTestTrafficHeaderMatch: sdk::ServiceConnectTestTrafficHeaderMatchRules
        = sdk::ServiceConnectTestTrafficHeaderMatchRules::builder().exact("").build()? => {
        /// The whole value.
        exact: String,
    }

    /// How long a request may take.
    struct TimeoutConfiguration: sdk::TimeoutConfiguration {
        /// Seconds without data; 0 is no limit. Default: 300, or 3600 for TCP.
        idle_timeout_seconds: Option<i32>,
        /// Seconds until the answer; 0 is no limit. Not for TCP. Default: 15.
        per_request_timeout_seconds: Option<i32>,
    }

    /// Encryption between proxies.
    struct ServiceConnectTlsConfiguration: sdk::ServiceConnectTlsConfiguration {
        /// Who signs the certificates.
        issuer_certificate_authority: Option<ServiceConnectTlsCertificateAuthority>,
        /// Key that protects the private keys.
        kms_key: Option<String>,
        /// Role with which ECS gets the certificates.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        role_arn: Option<String>,
    }

    /// Who signs certificates.
    struct ServiceConnectTlsCertificateAuthority: sdk::ServiceConnectTlsCertificateAuthority {
        /// ARN of the AWS Private CA.
        aws_pca_authority_arn: Option<String>,
    }

    /// How the proxy logs requests.
    struct ServiceConnectAccessLogConfiguration: sdk::ServiceConnectAccessLogConfiguration
        = sdk::ServiceConnectAccessLogConfiguration::builder().format("".into()).build()? => {
        /// Format of a line.
        format: Choice<sdk::ServiceConnectAccessLoggingFormat>,
        /// Whether query parameters are logged. Default: DISABLED.
        include_query_parameters: Option<Choice<sdk::ServiceConnectIncludeQueryParameters>>,
    }

    /// Settings of the proxy's container.
    union ServiceConnectContainerConfiguration: sdk::ServiceConnectContainerConfiguration {
        /// How much it logs.
        log_level = LogLevel: Option<Choice<sdk::ServiceConnectContainerLogLevel>>,
    }

    /// A VPC Lattice target group that the tasks register with.
    struct VpcLatticeConfiguration: sdk::VpcLatticeConfiguration
        = sdk::VpcLatticeConfiguration::builder().role_arn("").target_group_arn("").port_name("").build()? => {
        /// Role with which ECS registers the tasks.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        role_arn: String,
        /// ARN of the target group.
        target_group_arn: String,
        /// Name of a port mapping in the task definition.
        port_name: String,
        /// What a deployment that shifts traffic needs.
        advanced_configuration: Option<VpcLatticeAdvancedConfiguration>,
    }

    /// What a deployment that shifts traffic needs from VPC Lattice.
    struct VpcLatticeAdvancedConfiguration: sdk::VpcLatticeAdvancedConfiguration {
        /// ARN of the target group for the other colour.
        alternate_target_group_arn: Option<String>,
        /// ARN of the listener rule for production traffic.
        production_listener_rule: Option<String>,
        /// ARN of the listener rule for test traffic.
        test_listener_rule: Option<String>,
    }

    /// A port that gateways of the cluster offer.
    struct GatewayConnector: sdk::GatewayConnector
        = sdk::GatewayConnector::builder().port_name("").build()? => {
        /// Name of a port mapping in the task definition.
        port_name: String,
        /// How the load balancer checks the tasks.
        health_check: Option<GatewayConnectorHealthCheck>,
        /// Which ways in it applies to. Default: all.
        filters: Option<GatewayConnectorFilters>,
    }

    /// How a gateway's load balancer checks the tasks.
    struct GatewayConnectorHealthCheck: sdk::GatewayConnectorHealthCheck {
        /// Protocol.
        health_check_protocol: Option<Choice<sdk::GatewayConnectorHealthCheckProtocol>>,
        /// Port.
        health_check_port: Option<i32>,
        /// Path.
        health_check_path: Option<String>,
        /// Seconds until a check has failed.
        health_check_timeout_seconds: Option<i32>,
        /// Seconds between checks.
        health_check_interval_seconds: Option<i32>,
        /// Successes in a row until a task is healthy.
        healthy_threshold_count: Option<i32>,
        /// Failures in a row until it is not.
        unhealthy_threshold_count: Option<i32>,
        /// Answers that are a success.
        matcher: Option<GatewayConnectorHealthCheckMatcher>,
    }

    /// Answers that are a success.
    struct GatewayConnectorHealthCheckMatcher: sdk::GatewayConnectorHealthCheckMatcher {
        /// HTTP status codes, such as `200-299`.
        http_code: Option<String>,
        /// gRPC status codes.
        grpc_code: Option<String>,
    }

    /// Ways in.
    struct GatewayConnectorFilters: sdk::GatewayConnectorFilters {
        /// From the internet or from inside.
        access_types: Option<Vec<Choice<sdk::AccessType>>>,
    }
}
