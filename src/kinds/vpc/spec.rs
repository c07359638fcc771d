//! What a manifest may say of a VPC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::ec2::canonical_cidr;
use crate::kinds::{Findings, is_open};

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

    pub(super) fn lint(&self, findings: &mut Findings) {
        lint_cidr(&self.cidr_block, "/cidrBlock", findings);
        if self.enable_dns_hostnames == Some(true) && self.enable_dns_support == Some(false) {
            findings.error("/enableDnsHostnames", "dns-hostnames-need-support", "DNS hostnames need DNS support");
            findings.help("set enableDnsSupport: true");
        }
    }
}

/// An IPv4 block of the size that VPCs and subnets take.
pub(crate) fn lint_cidr(text: &str, pointer: &str, findings: &mut Findings) {
    if is_open(text) {
        return;
    }
    match text.parse::<ipnet::Ipv4Net>() {
        Err(_) => findings.error(pointer, "cidr", format!("`{text}` is not an IPv4 CIDR block, as 10.0.0.0/16")),
        Ok(block) if !(16..=28).contains(&block.prefix_len()) => {
            findings.error(pointer, "cidr-size", format!("`{text}` is outside the sizes that AWS takes, /16 to /28"));
        }
        Ok(block) if block.trunc() != block => {
            findings.warning(pointer, "cidr-host-bits", format!("AWS stores `{text}` as {}", block.trunc()));
        }
        Ok(_) => {}
    }
}
