//! Deleting a security group, and finding out who does not let go of it.

use aws_sdk_ec2::types::{Filter, NetworkInterface};

use super::calls::{Rules, describe};
use super::rule::{Direction, Rule};
use super::spec::SecurityGroupSpec;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Found, Progress, STACK_TAG};

/// How many network interfaces are named.
const NAMED: usize = 3;

/// Deletes the group. When something holds it: takes back the rules of this stack's groups that name it, or says
/// what holds it.
pub(super) async fn delete(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Progress, Fault> {
    let refused = match try_delete(aws, &live.id).await {
        Err(fault) if fault.cause == Cause::InUse => fault,
        answer => return answer,
    };
    let users = release(aws, live).await?;
    if users.has_released {
        match try_delete(aws, &live.id).await {
            Err(fault) if fault.cause == Cause::InUse => {}
            answer => return answer,
        }
    }
    let filter = Filter::builder().name("group-id").values(&live.id).build();
    let pages = aws.ec2().describe_network_interfaces().filters(filter).into_paginator().items().send();
    let interfaces = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeNetworkInterfaces"))?;
    let mut holders = users.others;
    holders.extend(interfaces.iter().take(NAMED).map(describe_interface));
    if interfaces.len() > NAMED {
        holders.push(format!("{} more network interfaces", interfaces.len() - NAMED));
    }
    Ok(Progress::Waiting(match holders[..] {
        [] => refused.message,
        _ => format!("held by {}", holders.join(", ")),
    }))
}

async fn try_delete(aws: &Aws, id: &str) -> Result<Progress, Fault> {
    let call = aws.ec2().delete_security_group().group_id(id);
    call.send().await.map_err(fault("ec2:DeleteSecurityGroup"))?;
    Ok(Progress::Done)
}

/// The groups with rules that name a group.
struct Users {
    /// Whether rules were taken back.
    has_released: bool,
    /// Those that are not this stack's, which stay as they are.
    others: Vec<String>,
}

async fn release(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Users, Fault> {
    let mut users = Users { has_released: false, others: Vec::new() };
    let directions =
        [(Direction::Ingress, "ip-permission.group-id"), (Direction::Egress, "egress.ip-permission.group-id")];
    for (direction, filter) in directions {
        let filter = Filter::builder().name(filter).values(&live.id).build();
        let groups = describe(aws, filter).await?;
        for group in groups.iter().filter(|group| group.id != live.id) {
            if group.tags.get(STACK_TAG) != live.tags.get(STACK_TAG) {
                let name = group.spec.group_name.as_deref().unwrap_or_default();
                let other = format!("rules of security group {} ({name}), which is not this stack's", group.id);
                if !users.others.contains(&other) {
                    users.others.push(other);
                }
                continue;
            }
            let rules = naming(group, direction, &live.id);
            Rules { aws, group: &group.id, direction }.revoke(&rules).await?;
            users.has_released = true;
        }
    }
    Ok(users)
}

/// The rules of `group` that name `other`.
fn naming(group: &Found<SecurityGroupSpec>, direction: Direction, other: &str) -> Vec<Rule> {
    let rules = group.spec.rules(direction).iter();
    rules.filter(|rule| rule.group() == Some(other)).cloned().collect()
}

fn describe_interface(interface: &NetworkInterface) -> String {
    let id = interface.network_interface_id().unwrap_or_default();
    let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
    match (instance, interface.description().filter(|text| !text.is_empty())) {
        (Some(instance), _) => format!("network interface {id} of instance {instance}"),
        (None, Some(description)) => format!("network interface {id} ({description})"),
        (None, None) => format!("network interface {id}"),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    #[test]
    fn who_holds_a_group_is_named_as_far_as_aws_says() {
        let of_instance = NetworkInterface::builder()
            .network_interface_id("eni-1")
            .description("Primary")
            .attachment(NetworkInterfaceAttachment::builder().instance_id("i-1").build())
            .build();
        assert_eq!(describe_interface(&of_instance), "network interface eni-1 of instance i-1");
        let of_balancer = NetworkInterface::builder().network_interface_id("eni-2").description("ELB app/web").build();
        assert_eq!(describe_interface(&of_balancer), "network interface eni-2 (ELB app/web)");
    }
}
