//! Network interfaces that keep something from being deleted, in words.

use aws_sdk_ec2::types::{Filter, NetworkInterface};

use crate::aws::{Aws, Fault, fault};

/// How many are named.
const NAMED: usize = 3;

/// The interfaces that a filter finds: `group-id`, `subnet-id`, `vpc-id`.
pub(super) async fn holders(aws: &Aws, filter: &str, id: &str) -> Result<Vec<String>, Fault> {
    let filter = Filter::builder().name(filter).values(id).build();
    let pages = aws.ec2().describe_network_interfaces().filters(filter).into_paginator().items().send();
    let interfaces = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeNetworkInterfaces"))?;
    let mut holders: Vec<String> = interfaces.iter().take(NAMED).map(describe).collect();
    if interfaces.len() > NAMED {
        holders.push(format!("{} more network interfaces", interfaces.len() - NAMED));
    }
    Ok(holders)
}

fn describe(interface: &NetworkInterface) -> String {
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
    fn who_holds_is_named_as_far_as_aws_says() {
        let of_instance = NetworkInterface::builder()
            .network_interface_id("eni-1")
            .description("Primary")
            .attachment(NetworkInterfaceAttachment::builder().instance_id("i-1").build())
            .build();
        assert_eq!(describe(&of_instance), "network interface eni-1 of instance i-1");
        let of_balancer = NetworkInterface::builder().network_interface_id("eni-2").description("ELB app/web").build();
        assert_eq!(describe(&of_balancer), "network interface eni-2 (ELB app/web)");
    }
}
