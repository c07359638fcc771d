//! Answers that a new object causes until it is visible everywhere, by operation: they pass.
//!
//! Sources: the retry lists of Terraform's AWS provider for each operation, and the API references' notes on eventual
//! consistency: EC2 takes up to five minutes, IAM and ECS two.

use std::time::Duration;

use super::Fault;

const EC2: Duration = Duration::from_secs(300);
const IAM: Duration = Duration::from_secs(120);
const ECS: Duration = Duration::from_secs(120);

/// No answer lags longer.
pub(super) const LONGEST: Duration = EC2;

/// How the operation begins, the code, a part of the message, and for how long after a change.
const NOT_YET: &[(&str, &str, &str, Duration)] = &[
    ("ec2:", "InvalidVpcID.NotFound", "", EC2),
    ("ec2:", "InvalidSubnetID.NotFound", "", EC2),
    ("ec2:", "InvalidGroup.NotFound", "", EC2),
    ("ec2:", "InvalidInternetGatewayID.NotFound", "", EC2),
    ("ec2:", "InvalidGatewayID.NotFound", "", EC2),
    ("ec2:", "InvalidRouteTableID.NotFound", "", EC2),
    ("ec2:", "InvalidInstanceID.NotFound", "", EC2),
    ("ec2:RunInstances", "InvalidKeyPair.NotFound", "", EC2),
    ("ec2:", "InvalidParameterValue", "Invalid IAM Instance Profile", IAM),
    ("ec2:", "InvalidParameterValue", "has no associated IAM Roles", IAM),
    ("iam:", "NoSuchEntity", "", IAM),
    ("iam:", "NoSuchEntityException", "", IAM),
    ("iam:CreateRole", "MalformedPolicyDocument", "Invalid principal in policy", IAM),
    ("iam:CreateRole", "MalformedPolicyDocumentException", "Invalid principal in policy", IAM),
    ("iam:UpdateAssumeRolePolicy", "MalformedPolicyDocument", "Invalid principal in policy", IAM),
    ("iam:UpdateAssumeRolePolicy", "MalformedPolicyDocumentException", "Invalid principal in policy", IAM),
    ("ecs:", "ClusterNotFoundException", "", ECS),
    ("ecs:", "ClientException", "Cluster not found", ECS),
    ("ecs:", "ClientException", "unable to assume", ECS),
    ("ecs:", "ClientException", "Role is not valid", ECS),
    ("ecs:", "InvalidParameterException", "Unable to assume the service linked role", ECS),
    (
        "ecs:",
        "InvalidParameterException",
        "verify that the ECS service role being passed has the proper permissions",
        ECS,
    ),
    ("ecs:", "InvalidParameterException", "ECS was unable to assume the role", ECS),
    ("ecs:CreateService", "InvalidParameterException", "Unable to Start a service that is still Draining", ECS),
    ("logs:", "ResourceNotFoundException", "log group does not exist", IAM),
    ("ssm:CreateActivation", "ValidationException", "Nonexistent role", IAM),
    ("ssm:CreateActivation", "InvalidParameters", "Nonexistent role", IAM),
];

/// For how long after a change such a fault may be nothing but a late answer.
pub(super) fn patience(fault: &Fault) -> Option<Duration> {
    let fits = |(operation, code, text, _): &&(&str, &str, &str, Duration)| {
        fault.operation.starts_with(operation) && fault.says(code, text)
    };
    NOT_YET.iter().find(fits).map(|(.., patience)| *patience)
}
