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

/// For a list of which a call takes no more than so many, in the words that AWS has for all of them.
pub(super) fn too_many(list: &str, most: usize) -> AwsError {
    invalid(format!("{list} can have at most {most} items."))
}

/// `UnsupportedFeatureException`, also for what this sandbox lacks.
pub(super) fn unsupported(message: impl Into<String>) -> AwsError {
    AwsError::invalid("UnsupportedFeatureException", message)
}

pub(super) fn cluster_not_found() -> AwsError {
    AwsError::invalid("ClusterNotFoundException", "Cluster not found.")
}

/// For a cluster that was deleted, which stays visible for a while.
pub(super) fn cluster_inactive() -> AwsError {
    AwsError::invalid("ClusterNotFoundException", "The referenced cluster was inactive.")
}

pub(super) fn service_not_found() -> AwsError {
    AwsError::invalid("ServiceNotFoundException", "Service not found.")
}
