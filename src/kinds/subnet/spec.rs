//! What a manifest may say of a subnet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::ec2::canonical_cidr;
use crate::kinds::vpc::NO_IPV6;

/// A subnet. On an Outpost it needs the Outpost's zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-left-out" = {
    "ipv6CidrBlock": NO_IPV6, "assignIpv6AddressOnCreation": NO_IPV6, "ipv6Native": NO_IPV6,
    "ipv6IpamPoolId": NO_IPV6, "ipv6NetmaskLength": NO_IPV6
}))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubnetSpec {
    /// The VPC. A change needs a new subnet.
    #[schemars(extend("x-ref" = "Vpc", "x-ref-attribute" = "id"))]
    pub vpc_id: String,
    /// The IPv4 addresses, within the VPC's, /16 to /28; AWS keeps five. A change needs a new subnet.
    pub cidr_block: String,
    /// The zone by name: us-west-2a. Absent: AWS chooses. Names differ between accounts; an id does not. A change
    /// needs a new subnet.
    pub availability_zone: Option<String>,
    /// The zone by id: usw2-az1. Instead of its name. A change needs a new subnet.
    pub availability_zone_id: Option<String>,
    /// The Outpost that the subnet is on; then the zone must be the Outpost's. A change needs a new subnet.
    pub outpost_arn: Option<String>,
    /// Whether instances get a public IPv4 address. Absent: false.
    pub map_public_ip_on_launch: Option<bool>,
    /// Whether network interfaces get an address from the customer-owned pool. Absent: false. Only on an Outpost.
    pub map_customer_owned_ip_on_launch: Option<bool>,
    /// The pool of customer-owned addresses: ipv4pool-coip-…. Only on an Outpost.
    pub customer_owned_ipv4_pool: Option<String>,
    /// Whether DNS64 answers for IPv4-only destinations. Absent: false. It serves interfaces with IPv6 addresses, which
    /// only somebody else can give the subnet.
    pub enable_dns64: Option<bool>,
    /// The device index (1 for eth1) of local network interfaces. Absent: none. Only on an Outposts server.
    pub enable_lni_at_device_index: Option<i32>,
    /// How instances are named in DNS.
    pub private_dns_name_options_on_launch: Option<PrivateDnsNameOptions>,
}

/// How instances are named in DNS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateDnsNameOptions {
    /// By address or by instance id. Absent: ip-name.
    pub hostname_type: Option<HostnameType>,
    /// Whether names of instance ids get A records. Absent: false.
    pub enable_resource_name_dns_a_record: Option<bool>,
    /// Whether names of instance ids get AAAA records. Absent: false.
    #[serde(rename = "enableResourceNameDnsAAAARecord")]
    pub enable_resource_name_dns_aaaa_record: Option<bool>,
}

/// What host names are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostnameType {
    /// ip-10-0-3-17.
    IpName,
    /// i-0123456789abcdef0.
    ResourceName,
}

impl SubnetSpec {
    pub(super) fn normalise(&mut self) {
        self.cidr_block = canonical_cidr(&self.cidr_block);
        self.map_public_ip_on_launch.get_or_insert(false);
        self.map_customer_owned_ip_on_launch.get_or_insert(false);
        self.enable_dns64.get_or_insert(false);
        let options = self.private_dns_name_options_on_launch.get_or_insert_default();
        options.hostname_type.get_or_insert(HostnameType::IpName);
        options.enable_resource_name_dns_a_record.get_or_insert(false);
        options.enable_resource_name_dns_aaaa_record.get_or_insert(false);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_left_out_is_explained() {
        let text = crate::kinds::trial::example("subnet")
            .replace("  cidrBlock: 10.17.1.0/24\n", "  cidrBlock: 10.17.1.0/24\n  ipv6CidrBlock: 2001:db8::/64\n");
        let findings = crate::kinds::trial::findings(&text);
        assert_eq!(findings.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["unknown-field"]);
        assert!(findings[0].help.as_deref().unwrap().contains("IPv4"), "{findings:#?}");
    }
}
