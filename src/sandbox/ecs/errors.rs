//! The exceptions of ECS.

use crate::sandbox::wire::AwsError;

/// `ClientException`.
pub(super) fn client(message: impl Into<String>) -> AwsError {
    AwsError::invalid("ClientException", message)
}

/// `InvalidParameterException`.
pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::invalid("InvalidParameterException", message)
}

/// `UnsupportedFeatureException`, also for what this sandbox lacks.
pub(super) fn unsupported(message: impl Into<String>) -> AwsError {
    AwsError::invalid("UnsupportedFeatureException", message)
}

pub(super) fn cluster_not_found() -> AwsError {
    AwsError::invalid("ClusterNotFoundException", "Cluster not found.")
}

pub(super) fn service_not_found() -> AwsError {
    AwsError::invalid("ServiceNotFoundException", "Service not found.")
}
