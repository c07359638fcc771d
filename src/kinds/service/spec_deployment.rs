//! How a service replaces its tasks.

use aws_sdk_ecs::types as sdk;
use serde_json::Value;

use crate::kinds::mirror::Choice;
use crate::mirror;

mirror! {
    /// How new tasks replace old ones.
    struct DeploymentConfiguration: sdk::DeploymentConfiguration {
        /// Whether a deployment whose tasks do not start is stopped.
        deployment_circuit_breaker: Option<DeploymentCircuitBreaker>,
        /// Most tasks during a deployment, in percent of those wanted. Default: 200, for DAEMON 100.
        #[schemars(range(min = 100))]
        maximum_percent: Option<i32>,
        /// Fewest healthy tasks during a deployment, in percent of those wanted. Default: 100, for DAEMON 0.
        #[schemars(range(min = 0, max = 100))]
        minimum_healthy_percent: Option<i32>,
        /// CloudWatch alarms that fail a deployment.
        alarms: Option<DeploymentAlarms>,
        /// In place (ROLLING), or beside the old tasks with traffic moved at once or in steps. Default: ROLLING.
        strategy: Option<Choice<sdk::DeploymentStrategy>>,
        /// Minutes for which old and new tasks both run after the traffic has moved. Default: 0.
        bake_time_in_minutes: Option<i32>,
        /// Functions called, or pauses made, during a deployment.
        lifecycle_hooks: Option<Vec<DeploymentLifecycleHook>>,
        /// Steps of strategy LINEAR.
        linear_configuration: Option<LinearConfiguration>,
        /// First step of strategy CANARY.
        canary_configuration: Option<CanaryConfiguration>,
        /// When a deployment counts as done before every task runs.
        early_success_criteria: Option<DeploymentEarlySuccessCriteria>,
    }

    /// Stops a deployment whose tasks do not start.
    struct DeploymentCircuitBreaker: sdk::DeploymentCircuitBreaker {
        /// Whether it does.
        enable: bool,
        /// Whether the last deployment that worked comes back.
        rollback: bool,
        /// Whether one healthy task sets the count of failures back. Default: true.
        reset_on_healthy_task: Option<bool>,
        /// Failures that stop the deployment. Default: BOUNDED_PERCENT 50.
        threshold_configuration: Option<ThresholdConfiguration>,
    }

    /// Failures that stop a deployment.
    struct ThresholdConfiguration: sdk::ThresholdConfiguration
        = sdk::ThresholdConfiguration::builder().r#type("".into()).value(0).build()? => {
        /// Whether the value counts tasks or is a percentage of them, with or without bounds.
        r#type: Choice<sdk::ThresholdType>,
        /// Count or percentage.
        value: i32,
    }

    /// CloudWatch alarms that fail a deployment.
    struct DeploymentAlarms: sdk::DeploymentAlarms
        = sdk::DeploymentAlarms::builder().alarm_names("").rollback(false).enable(false).build()? => {
        /// Names of the alarms.
        alarm_names: Vec<String>,
        /// Whether the last deployment that worked comes back.
        rollback: bool,
        /// Whether they are watched.
        enable: bool,
    }

    /// A function called, or a pause made, during a deployment.
    struct DeploymentLifecycleHook: sdk::DeploymentLifecycleHook {
        /// Function or pause. Default: AWS_LAMBDA.
        target_type: Option<Choice<sdk::DeploymentLifecycleHookTargetType>>,
        /// ARN of the function.
        hook_target_arn: Option<String>,
        /// Role with which ECS calls it.
        #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "arn"))]
        role_arn: Option<String>,
        /// Stages of the deployment at which it is called.
        lifecycle_stages: Option<Vec<Choice<sdk::DeploymentLifecycleHookStage>>>,
        /// What the function is told, any JSON.
        hook_details: Option<Value>,
        /// What happens if it takes too long.
        timeout_configuration: Option<DeploymentLifecycleHookTimeout>,
    }

    /// What happens if a hook takes too long.
    struct DeploymentLifecycleHookTimeout: sdk::DeploymentLifecycleHookTimeoutConfiguration {
        /// Minutes.
        timeout_in_minutes: Option<i32>,
        /// Whether the deployment goes on or back.
        action: Option<Choice<sdk::DeploymentLifecycleHookAction>>,
    }

    /// Steps of equal size.
    struct LinearConfiguration: sdk::LinearConfiguration {
        /// Percent of the traffic that moves in a step. Default: 10.
        step_percent: Option<f64>,
        /// Minutes between steps. Default: 6.
        step_bake_time_in_minutes: Option<i32>,
    }

    /// A small first step, then the rest.
    struct CanaryConfiguration: sdk::CanaryConfiguration {
        /// Percent of the traffic that moves first. Default: 5.
        canary_percent: Option<f64>,
        /// Minutes until the rest. Default: 10.
        canary_bake_time_in_minutes: Option<i32>,
    }

    /// When a deployment counts as done before every task runs.
    struct DeploymentEarlySuccessCriteria: sdk::DeploymentEarlySuccessCriteria {
        /// Whether it may.
        enable: bool,
        /// Percent of the wanted tasks that must be healthy.
        healthy_percent: Option<i32>,
        /// Whether the old tasks are removed before it counts as done or afterwards.
        source_service_revision_cleanup: Option<Choice<sdk::ServiceRevisionCleanup>>,
    }

    /// Who carries out deployments.
    struct DeploymentController: sdk::DeploymentController
        = sdk::DeploymentController::builder().r#type("".into()).build()? => {
        /// ECS itself, CodeDeploy, or another program by task sets. Default: ECS.
        r#type: Choice<sdk::DeploymentControllerType>,
    }

    /// Metrics of a service.
    struct MonitoringConfiguration: sdk::MonitoringConfiguration {
        /// Metrics and how finely they are measured.
        metric_configurations: Option<Vec<MetricConfiguration>>,
    }

    /// How finely metrics are measured.
    struct MetricConfiguration: sdk::MetricConfiguration
        = sdk::MetricConfiguration::builder().metric_names("").resolution_seconds(0).build()? => {
        /// Names of the metrics.
        metric_names: Vec<String>,
        /// Seconds.
        resolution_seconds: i32,
    }
}
