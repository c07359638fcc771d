//! Refusals for the lack of a permission, which name who, what and, where there is one, which resource.

use super::words::Words;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::{Sandbox, sts};

/// What the service says to a caller whose policies do not allow a call.
pub(super) fn refusal(words: &Words, sandbox: &Sandbox, call: &Call) -> AwsError {
    let (caller, place) = {
        let (state, _) = &*sandbox.lock();
        (sts::caller(state), Place { partition: state.partition(), account: state.world.account.clone() })
    };
    let action = action(call);
    let resource = place.resource(call).map_or_else(String::new, |resource| match call.service.name() {
        "s3" => format!(" on resource: \"{resource}\""),
        _ => format!(" on resource: {resource}"),
    });
    let what = format!(
        "User: {caller} is not authorized to perform: {action}{resource} because no identity-based policy allows the \
         {action} action"
    );
    let (status, code) = words.denied;
    let message = match call.service.name() {
        // EC2 adds what only sts:DecodeAuthorizationMessage can read, to calls that change something.
        "ec2" if call.is_read() => format!("You are not authorized to perform this operation. {what}"),
        "ec2" => format!(
            "You are not authorized to perform this operation. {what}. Encoded authorization failure message: {}",
            encoded(call)
        ),
        _ => what,
    };
    AwsError::new(status, code, message)
}

/// The action that a policy must allow for an operation.
fn action(call: &Call) -> String {
    let operation = call.operation.as_str();
    match (call.service.name(), operation) {
        ("tagging", _) => format!("tag:{operation}"),
        ("s3", "HeadBucket" | "ListObjects" | "ListObjectsV2") => "s3:ListBucket".into(),
        ("s3", "HeadObject") => "s3:GetObject".into(),
        ("s3", "DeleteObjects") => "s3:DeleteObject".into(),
        (service, _) => format!("{service}:{operation}"),
    }
}

/// Looks like AWS's: text without meaning, the same for the same call.
fn encoded(call: &Call) -> String {
    crate::digest::hex(&format!("{} {}", call.operation, call.input)).repeat(4)
}

/// Where ARNs are.
struct Place {
    partition: &'static str,
    account: String,
}

impl Place {
    /// The resource that the call is about; `*` where the service has none for it, none where it does not say.
    fn resource(&self, call: &Call) -> Option<String> {
        let service = call.service.name();
        if service == "s3" {
            let key = call.text("Key").map_or_else(String::new, |key| format!("/{key}"));
            return Some(format!("arn:{}:s3:::{}{key}", self.partition, call.text("Bucket").unwrap_or("")));
        }
        let path = match service {
            "ec2" => Some(ec2_path(call)?),
            "ecs" => ecs_path(call),
            "iam" => {
                let kinds = [("RoleName", "role/"), ("InstanceProfileName", "instance-profile/"), ("PolicyArn", "")];
                Some(first(call, &kinds).unwrap_or_else(|| "*".to_owned()))
            }
            "logs" => {
                let groups = [("logGroupName", "log-group:"), ("logGroupNamePrefix", "log-group:")];
                Some(format!("{}:log-stream:", first(call, &groups).unwrap_or_else(|| "log-group:".to_owned())))
            }
            "ssm" => match call.operation.contains("Parameter") {
                true => {
                    first(call, &[("Name", "parameter/"), ("Names", "parameter/")]).map(|path| path.replace("//", "/"))
                }
                false => first(call, &[("InstanceId", "managed-instance/"), ("IamRole", "role/")]),
            },
            "secretsmanager" => first(call, &[("SecretId", "secret:"), ("Name", "secret:")]),
            "sts" => return None,
            _ => None,
        };
        let Some(path) = path.filter(|path| !path.is_empty()) else { return Some("*".to_owned()) };
        if path.starts_with("arn:") {
            return Some(path);
        }
        let region = if call.service.is_global() { "" } else { &call.region };
        Some(format!("arn:{}:{service}:{region}:{}:{path}", self.partition, self.account))
    }
}

/// What the first of these members that is there names, after what stands before it in an ARN.
fn first(call: &Call, members: &[(&str, &str)]) -> Option<String> {
    let named = |(member, before): &(&str, &str)| {
        let name = call.text(member).or_else(|| call.texts(member).first().copied())?;
        Some(if name.starts_with("arn:") { name.to_owned() } else { format!("{before}{name}") })
    };
    members.iter().find_map(named)
}

/// What a call of EC2 makes, or the first thing that it names; its looks are at everything.
fn ec2_path(call: &Call) -> Option<String> {
    const MADE: &[(&str, &str)] = &[
        ("CreateVpc", "vpc"),
        ("CreateSubnet", "subnet"),
        ("CreateInternetGateway", "internet-gateway"),
        ("CreateRouteTable", "route-table"),
        ("CreateSecurityGroup", "security-group"),
        ("CreateKeyPair", "key-pair"),
        ("ImportKeyPair", "key-pair"),
        ("CreateVolume", "volume"),
        ("RunInstances", "instance"),
    ];
    const NAMED: &[(&str, &str)] = &[
        ("vpc-", "vpc"),
        ("subnet-", "subnet"),
        ("igw-", "internet-gateway"),
        ("rtb-", "route-table"),
        ("sg-", "security-group"),
        ("sgr-", "security-group-rule"),
        ("key-", "key-pair"),
        ("i-", "instance"),
        ("eni-", "network-interface"),
        ("vol-", "volume"),
    ];
    if call.is_read() {
        return None;
    }
    if let Some((_, kind)) = MADE.iter().find(|(operation, _)| *operation == call.operation) {
        return Some(format!("{kind}/*"));
    }
    let members = call.input.as_object()?;
    let ids = members.values().filter_map(|value| value.as_str().or_else(|| value.as_array()?.first()?.as_str()));
    let path = |id: &str| {
        let (_, kind) = NAMED.iter().find(|(prefix, _)| id.starts_with(prefix))?;
        Some(format!("{kind}/{id}"))
    };
    Some(ids.filter_map(path).next().unwrap_or_default())
}

fn ecs_path(call: &Call) -> Option<String> {
    let cluster = first(call, &[("cluster", "cluster/"), ("clusterName", "cluster/"), ("clusters", "cluster/")]);
    let service = first(call, &[("serviceName", ""), ("service", ""), ("services", "")]);
    if let Some(service) = service {
        let cluster = cluster.as_deref().and_then(|cluster| cluster.rsplit('/').next()).unwrap_or("default");
        return Some(if service.starts_with("arn:") { service } else { format!("service/{cluster}/{service}") });
    }
    if let Some(family) = call.text("family") {
        return Some(format!("task-definition/{family}:*"));
    }
    first(call, &[("taskDefinition", "task-definition/"), ("resourceArn", "")]).or(cluster)
}
