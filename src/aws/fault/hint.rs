//! What the user can do about a failed call.

use super::{Cause, Fault};

/// The best thing to say: by AWS's words, by the quota, by the missing permission, else by cause.
pub(super) fn of(fault: &Fault) -> Option<String> {
    let by_words = || {
        let fits = |(code, text, _): &&(&str, &str, &str)| {
            (code.is_empty() || *code == fault.code) && fault.message.contains(text)
        };
        BY_WORDS.iter().find(fits).map(|(_, _, hint)| (*hint).to_owned())
    };
    by_words().or_else(|| by_cause(fault))
}

fn by_cause(fault: &Fault) -> Option<String> {
    let hint = match fault.cause {
        Cause::Throttled => "AWS is throttling this account; try again later",
        Cause::NoAnswer => {
            "check the network and the endpoint, then run the same command again: it looks before it creates"
        }
        Cause::Denied => return Some(missing_permission(fault)),
        Cause::Credentials => "log in again, or pass --profile; to try farpost without an account use --sandbox",
        Cause::Capacity => "free a slot, choose an instance type the Outpost has, or lower the count",
        Cause::Absent => "run the script that this writes on the host, then run the same command again",
        Cause::Quota => return Some(quota(fault)),
        Cause::UnknownOperation => "the endpoint does not implement this operation; check --endpoint-url",
        Cause::MayNotWrite => "somebody else writes to this stack now; run the same command again when they are done",
        Cause::NotFound | Cause::AlreadyExists | Cause::InUse | Cause::Invalid => return None,
    };
    Some(hint.to_owned())
}

/// Which action on what the caller's policies must allow. AWS says both, if not encoded.
fn missing_permission(fault: &Fault) -> String {
    let message = fault.message.as_str();
    let after = |text: &str| {
        let (_, rest) = message.split_once(text)?;
        rest.split_whitespace().next().map(|word| word.trim_end_matches(['.', ',']).trim_matches('"'))
    };
    let action = after("not authorized to perform: ").unwrap_or(fault.operation);
    let resource = after("on resource: ").map(|resource| format!(" on {resource}")).unwrap_or_default();
    let caller = after("User: ").map_or_else(|| "the caller".to_owned(), str::to_owned);
    let mut hint =
        format!("allow {action}{resource} to {caller}; `farpost explain KIND` lists the actions that a kind needs");
    let denied = [
        "explicit deny in a service control policy",
        "explicit deny in an identity-based policy",
        "permissions boundary",
    ];
    if let Some(by) = denied.iter().find(|by| message.contains(**by)) {
        hint.push_str(&format!("; it is refused by {}", by.trim_start_matches("explicit deny in ")));
    }
    if message.contains("Encoded authorization failure message") {
        hint.push_str("; `aws sts decode-authorization-message` shows why");
    }
    hint
}

/// Quotas by the code that AWS answers at each: what it is called in Service Quotas, and its code where we have it.
const QUOTAS: &[(&str, &str)] = &[
    ("VpcLimitExceeded", "VPCs per Region (L-F678F1CE)"),
    ("SubnetLimitExceeded", "Subnets per VPC"),
    ("InternetGatewayLimitExceeded", "Internet gateways per Region"),
    ("RouteTableLimitExceeded", "Route tables per VPC"),
    ("RouteLimitExceeded", "Routes per route table"),
    ("SecurityGroupLimitExceeded", "VPC security groups per Region"),
    ("SecurityGroupsPerInterfaceLimitExceeded", "Security groups per network interface"),
    ("RulesPerSecurityGroupLimitExceeded", "Inbound or outbound rules per security group (L-0EA8095F)"),
    ("AddressLimitExceeded", "EC2-VPC Elastic IPs (L-0263D0A3)"),
    ("InstanceLimitExceeded", "Running On-Demand instances"),
    ("VcpuLimitExceeded", "Running On-Demand Standard instances, in vCPUs (L-1216C47A)"),
    ("KeyPairLimitExceeded", "Key pairs"),
];

fn quota(fault: &Fault) -> String {
    match QUOTAS.iter().find(|(code, _)| *code == fault.code) {
        Some((_, name)) => format!("the quota is \"{name}\": raise it in Service Quotas, or remove what is not needed"),
        None => {
            let service = fault.operation.split(':').next().unwrap_or_default();
            format!("a quota of {service} is reached: raise it in Service Quotas, or remove what is not needed")
        }
    }
}

/// Texts that users meet, by code and part of the message.
const BY_WORDS: &[(&str, &str, &str)] = &[
    (
        "InsufficientInstanceCapacity",
        "",
        "the Outpost or zone has no free slot of this type; free one or use another type",
    ),
    (
        "",
        "Unable to assume the service linked role",
        "create it once: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
    ),
    (
        "RulesPerSecurityGroupLimitExceeded",
        "",
        "a group has room for 60 rules in and 60 out, IPv4 and IPv6 counted apart; join address blocks, name a prefix \
         list, spread the rules over two groups, or raise the quota L-0EA8095F",
    ),
    (
        "",
        "No Container Instances were found in your cluster",
        "the cluster has no host that tasks can be placed on; one outside AWS registers by what `farpost host bootstrap` writes",
    ),
    ("", "iam:PassRole", "the caller needs iam:PassRole on that role"),
    ("InvalidClientTokenId", "", "the access key is not valid in this partition or was deleted"),
    ("ExpiredToken", "", EXPIRED),
    ("ExpiredTokenException", "", EXPIRED),
    ("RequestTimeTooSkewed", "", SKEWED),
    (
        "RequestExpired",
        "",
        "either the session's credentials ended: log in again; or this machine's clock and AWS's are minutes apart: set \
         the clock (timedatectl set-ntp true). Then run the same command again; it goes on where it stopped",
    ),
    ("RequestInTheFuture", "", SKEWED),
    ("", "Signature expired", SKEWED),
    ("", "Signature not yet current", SKEWED),
];

const EXPIRED: &str =
    "the session's credentials ended: log in again, then run the same command again; it goes on where it stopped";
const SKEWED: &str =
    "this machine's clock and AWS's are minutes apart: set the clock (timedatectl set-ntp true), then run it again";

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(code: &str, message: &str, cause: Cause) -> String {
        let mut fault = Fault::found("ec2:CreateVpc", cause, message);
        code.clone_into(&mut fault.code);
        of(&fault).unwrap_or_default()
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = hint(
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecs:CreateCluster on resource: \
             arn:aws:ecs:us-west-2:123456789012:cluster/edge because no identity-based policy allows the ecs:CreateCluster action",
            Cause::Denied,
        );
        assert!(
            told.starts_with(
                "allow ecs:CreateCluster on arn:aws:ecs:us-west-2:123456789012:cluster/edge to arn:aws:iam::123456789012:user/ci"
            ),
            "{told}"
        );
        let told = hint(
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. Encoded authorization failure message: abc",
            Cause::Denied,
        );
        assert!(told.starts_with("allow ec2:CreateVpc to the caller") && told.contains("decode-authorization-message"));
        assert!(
            hint("VpcLimitExceeded", "The maximum number of VPCs has been reached.", Cause::Quota)
                .contains("L-F678F1CE")
        );
        assert!(hint("SignatureDoesNotMatch", "Signature expired: 20261122T", Cause::Credentials).contains("clock"));
        assert_eq!(hint("InvalidParameterValue", "bad", Cause::Invalid), "");
    }
}
