//! What a manifest may say of a VPC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::ec2::canonical_cidr;

/// Why IPv6 blocks cannot be declared.
pub(crate) const NO_IPV6: &str = "AWS chooses the IPv6 block of a VPC, so no manifest can say before what its subnets \
    get of it: farpost's networks are IPv4 (rules and routes may name IPv6 blocks)";

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-left-out" = {
    "amazonProvidedIpv6CidrBlock": NO_IPV6, "ipv6CidrBlock": NO_IPV6, "ipv6CidrBlocks": NO_IPV6, "ipv6Pool": NO_IPV6,
    "ipv6IpamPoolId": NO_IPV6, "ipv6NetmaskLength": NO_IPV6, "ipv6CidrBlockNetworkBorderGroup": NO_IPV6
}))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcSpec {
    /// The IPv4 addresses of the VPC, /16 to /28. A change needs a new VPC.
    pub cidr_block: String,
    /// Whether Amazon's DNS server answers in the VPC. Absent: true.
    pub enable_dns_support: Option<bool>,
    /// Whether instances with public addresses get public DNS names; needs DNS support. Absent: false.
    pub enable_dns_hostnames: Option<bool>,
    /// Whether CloudWatch gets metrics of the addresses in use. Absent: left as it is, which is false at first.
    pub enable_network_address_usage_metrics: Option<bool>,
    /// Whether instances share hardware. Absent: default. A change to dedicated needs a new VPC.
    pub instance_tenancy: Option<Tenancy>,
}

/// Whether instances share hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tenancy {
    /// Each instance decides for itself.
    Default,
    /// Every instance gets hardware of its own.
    Dedicated,
}

impl VpcSpec {
    pub(super) fn normalise(&mut self) {
        let Self {
            cidr_block,
            enable_dns_support,
            enable_dns_hostnames,
            enable_network_address_usage_metrics: _,
            instance_tenancy,
        } = self;
        *cidr_block = canonical_cidr(cidr_block);
        enable_dns_support.get_or_insert(true);
        enable_dns_hostnames.get_or_insert(false);
        instance_tenancy.get_or_insert(Tenancy::Default);
    }
}
