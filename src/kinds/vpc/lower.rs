//! A VPC of the API in the manifest's words.

use aws_sdk_ec2::types;

use super::spec::{Tenancy, VpcSpec};
use crate::aws::ec2::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

/// The three attributes that `DescribeVpcs` leaves out.
#[derive(Debug, Clone, Copy)]
pub(super) struct VpcAttributes {
    pub(super) dns_support: bool,
    pub(super) dns_hostnames: bool,
    /// None when nobody asked.
    pub(super) usage_metrics: Option<bool>,
}

pub(super) fn lower(vpc: &types::Vpc, attributes: VpcAttributes) -> Found<VpcSpec> {
    let id = vpc.vpc_id().unwrap_or_default().to_owned();
    let VpcAttributes { dns_support, dns_hostnames, usage_metrics } = attributes;
    Found {
        attributes: Attributes::from([("id".to_owned(), id.clone())]),
        id,
        key: None,
        spec: VpcSpec {
            cidr_block: vpc.cidr_block().unwrap_or_default().to_owned(),
            enable_dns_support: Some(dns_support),
            enable_dns_hostnames: Some(dns_hostnames),
            enable_network_address_usage_metrics: usage_metrics,
            instance_tenancy: Some(match vpc.instance_tenancy() {
                Some(types::Tenancy::Dedicated) => Tenancy::Dedicated,
                _ => Tenancy::Default,
            }),
        },
        tags: tags_of(vpc.tags()),
        readiness: match vpc.state() {
            Some(types::VpcState::Available) => Readiness::Ready,
            state => Readiness::Pending(format!("state {}", state.map_or("unknown", |state| state.as_str()))),
        },
        detail: serde_json::Value::Null,
    }
}
