//! What a manifest may say of a subnet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::ec2::canonical_cidr;
use crate::kinds::vpc::{NO_IPV6, lint_cidr};
use crate::kinds::{Findings, is_open};

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

    pub(super) fn lint(&self, findings: &mut Findings) {
        lint_cidr(&self.cidr_block, "/cidrBlock", findings);
        if self.availability_zone.is_some() && self.availability_zone_id.is_some() {
            findings.error("/availabilityZoneId", "zone-twice", "a zone is given by name and by id");
            findings.help("keep availabilityZoneId; names differ between accounts");
        }
        if self.enable_dns64 == Some(true) {
            findings.warning(
                "/enableDns64",
                "dns64",
                "DNS64 is for interfaces with IPv6 addresses, and there are none",
            );
            findings.help("leave it out, unless somebody else gives the subnet an IPv6 block");
        }
        let Some(outpost) = &self.outpost_arn else {
            let only_there = [
                ("/customerOwnedIpv4Pool", self.customer_owned_ipv4_pool.is_some()),
                ("/mapCustomerOwnedIpOnLaunch", self.map_customer_owned_ip_on_launch == Some(true)),
                ("/enableLniAtDeviceIndex", self.enable_lni_at_device_index.is_some()),
            ];
            for (pointer, _) in only_there.into_iter().filter(|(_, given)| *given) {
                findings.error(pointer, "outpost-only", "this exists only in a subnet on an Outpost");
                findings.help("add outpostArn");
            }
            return;
        };
        if !is_open(outpost) && !is_outpost_arn(outpost) {
            findings.error("/outpostArn", "outpost-arn", format!("`{outpost}` is not the ARN of an Outpost"));
            findings.help("arn:aws:outposts:REGION:ACCOUNT:outpost/op- and 17 hexadecimal digits");
        }
        if self.availability_zone.is_none() && self.availability_zone_id.is_none() {
            findings.error(
                "/outpostArn",
                "outpost-zone",
                "a subnet on an Outpost needs the zone that the Outpost is homed in",
            );
            findings.help("add availabilityZoneId; `aws outposts get-outpost` shows it");
        }
        if self.map_customer_owned_ip_on_launch == Some(true) && self.customer_owned_ipv4_pool.is_none() {
            findings.error("/mapCustomerOwnedIpOnLaunch", "coip-pool", "customer-owned addresses need a pool");
            findings.help("add customerOwnedIpv4Pool");
        }
    }
}

/// `arn:PARTITION:outposts:REGION:ACCOUNT:outpost/op-` and 17 hexadecimal digits.
fn is_outpost_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", _, "outposts", region, account, resource] = parts[..] else { return false };
    let id = resource.strip_prefix("outpost/op-").unwrap_or_default();
    !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && id.len() == 17
        && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_explained() {
        let text = crate::kinds::trial::example("subnet")
            .replace("  cidrBlock: 10.17.1.0/24\n", "  cidrBlock: 10.17.1.0/24\n  ipv6CidrBlock: 2001:db8::/64\n");
        let findings = crate::kinds::trial::findings(&text);
        assert_eq!(findings.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["unknown-field"]);
        assert!(findings[0].help.as_deref().unwrap().contains("IPv4"), "{findings:#?}");
        let dns64 = text.replace("ipv6CidrBlock: 2001:db8::/64", "enableDns64: true");
        let findings = crate::kinds::trial::findings(&dns64);
        assert_eq!(findings.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["dns64"]);
    }

    #[test]
    fn outpost_arns() {
        assert!(is_outpost_arn("arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0"));
        assert!(!is_outpost_arn("arn:aws:outposts:us-west-2:123456789012:outpost/op-xxxxxxxxxxxxxxxx"));
        assert!(!is_outpost_arn("op-0123456789abcdef0"));
    }
}
