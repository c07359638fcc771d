//! A subnet of the API in the manifest's words.

use aws_sdk_ec2::types;

use super::spec::{HostnameType, PrivateDnsNameOptions, SubnetSpec};
use crate::aws::ec2::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

pub(super) fn lower(subnet: &types::Subnet) -> Found<SubnetSpec> {
    let text = |value: Option<&str>| value.map(str::to_owned);
    let id = subnet.subnet_id().unwrap_or_default().to_owned();
    let mut attributes = Attributes::from([("id".to_owned(), id.clone())]);
    attributes.extend(subnet.subnet_arn().map(|arn| ("arn".to_owned(), arn.to_owned())));
    attributes.extend(subnet.availability_zone().map(|zone| ("availabilityZone".to_owned(), zone.to_owned())));
    Found {
        id,
        key: None,
        spec: SubnetSpec {
            vpc_id: subnet.vpc_id().unwrap_or_default().to_owned(),
            cidr_block: subnet.cidr_block().unwrap_or_default().to_owned(),
            availability_zone: text(subnet.availability_zone()),
            availability_zone_id: text(subnet.availability_zone_id()),
            outpost_arn: text(subnet.outpost_arn()),
            map_public_ip_on_launch: subnet.map_public_ip_on_launch(),
            map_customer_owned_ip_on_launch: subnet.map_customer_owned_ip_on_launch(),
            customer_owned_ipv4_pool: text(subnet.customer_owned_ipv4_pool()),
            enable_dns64: subnet.enable_dns64(),
            enable_lni_at_device_index: subnet.enable_lni_at_device_index(),
            private_dns_name_options_on_launch: subnet.private_dns_name_options_on_launch().map(|options| {
                PrivateDnsNameOptions {
                    hostname_type: Some(match options.hostname_type() {
                        Some(types::HostnameType::ResourceName) => HostnameType::ResourceName,
                        _ => HostnameType::IpName,
                    }),
                    enable_resource_name_dns_a_record: options.enable_resource_name_dns_a_record(),
                    enable_resource_name_dns_aaaa_record: options.enable_resource_name_dns_aaaa_record(),
                }
            }),
        },
        attributes,
        tags: tags_of(subnet.tags()),
        readiness: match subnet.state() {
            Some(types::SubnetState::Available) => Readiness::Ready,
            state => Readiness::Pending(format!("state {}", state.map_or("unknown", |state| state.as_str()))),
        },
        detail: serde_json::Value::Null,
    }
}
