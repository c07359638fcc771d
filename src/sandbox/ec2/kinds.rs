//! The kinds of EC2 ids: how they look and what EC2 says of one that is malformed or does not exist.

use std::collections::BTreeMap;

use crate::sandbox::wire::AwsError;

/// A kind of resource that has ids.
#[derive(Debug, PartialEq)]
pub(super) struct Kind {
    /// As in `TagSpecification` and in ARNs.
    pub(super) resource_type: &'static str,
    pub(super) prefix: &'static str,
    /// As EC2's messages call it: "The vpc ID 'vpc-1' does not exist".
    noun: &'static str,
    missing: &'static str,
    malformed: &'static str,
}

const fn kind(
    resource_type: &'static str,
    prefix: &'static str,
    noun: &'static str,
    missing: &'static str,
    malformed: &'static str,
) -> Kind {
    Kind { resource_type, prefix, noun, missing, malformed }
}

pub(super) const VPC: Kind = kind("vpc", "vpc-", "vpc ID", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed");
pub(super) const SUBNET: Kind =
    kind("subnet", "subnet-", "subnet ID", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed");
pub(super) const INTERNET_GATEWAY: Kind = kind(
    "internet-gateway",
    "igw-",
    "internetGateway ID",
    "InvalidInternetGatewayID.NotFound",
    "InvalidInternetGatewayId.Malformed",
);
pub(super) const ROUTE_TABLE: Kind =
    kind("route-table", "rtb-", "routeTable ID", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed");
pub(super) const SECURITY_GROUP: Kind =
    kind("security-group", "sg-", "security group", "InvalidGroup.NotFound", "InvalidGroupId.Malformed");
pub(super) const SECURITY_GROUP_RULE: Kind = kind(
    "security-group-rule",
    "sgr-",
    "security group rule ID",
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidSecurityGroupRuleId.Malformed",
);
pub(super) const KEY_PAIR: Kind =
    kind("key-pair", "key-", "key pair ID", "InvalidKeyPair.NotFound", "InvalidKeyPairID.Malformed");
pub(super) const INSTANCE: Kind =
    kind("instance", "i-", "instance ID", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed");
pub(super) const NETWORK_INTERFACE: Kind = kind(
    "network-interface",
    "eni-",
    "networkInterface ID",
    "InvalidNetworkInterfaceID.NotFound",
    "InvalidNetworkInterfaceId.Malformed",
);
pub(super) const VOLUME: Kind = kind("volume", "vol-", "volume", "InvalidVolume.NotFound", "InvalidVolumeID.Malformed");
pub(super) const IMAGE: Kind = kind("image", "ami-", "image id", "InvalidAMIID.NotFound", "InvalidAMIID.Malformed");

pub(super) const NETWORK_ACL: Kind =
    kind("network-acl", "acl-", "networkAcl ID", "InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed");
pub(super) const DHCP_OPTIONS: Kind =
    kind("dhcp-options", "dopt-", "dhcpOption ID", "InvalidDhcpOptionID.NotFound", "InvalidDhcpOptionId.Malformed");

/// What can be tagged.
pub(super) const TAGGABLE: &[&Kind] = &[
    &VPC,
    &SUBNET,
    &INTERNET_GATEWAY,
    &ROUTE_TABLE,
    &SECURITY_GROUP,
    &SECURITY_GROUP_RULE,
    &KEY_PAIR,
    &INSTANCE,
    &NETWORK_INTERFACE,
    &VOLUME,
];

impl Kind {
    /// The error for ids of this kind that do not exist.
    pub(super) fn missing(&self, ids: &[&str]) -> AwsError {
        let noun = self.noun;
        let message = match ids {
            _ if *self == IMAGE => format!("The image id '[{}]' does not exist", ids.join(", ")),
            [one] => format!("The {noun} '{one}' does not exist"),
            several => format!("The {noun}s '{}' do not exist", several.join(", ")),
        };
        AwsError::invalid(self.missing, message)
    }

    /// Refuses what does not look like an id of this kind.
    pub(super) fn check_form(&self, id: &str) -> Result<(), AwsError> {
        if well_formed(id, self.prefix) {
            return Ok(());
        }
        Err(AwsError::invalid(self.malformed, format!("Invalid id: \"{id}\" (expecting \"{}...\")", self.prefix)))
    }

    /// The record of an id, or EC2's error.
    pub(super) fn find<'a, T>(&self, all: &'a BTreeMap<String, T>, id: &str) -> Result<&'a T, AwsError> {
        self.check_form(id)?;
        all.get(id).ok_or_else(|| self.missing(&[id]))
    }

    /// The same, to change it.
    pub(super) fn find_mut<'a, T>(&self, all: &'a mut BTreeMap<String, T>, id: &str) -> Result<&'a mut T, AwsError> {
        self.check_form(id)?;
        all.get_mut(id).ok_or_else(|| self.missing(&[id]))
    }
}

/// `prefix` and eight digits, as EC2 gave out long ago, or seventeen.
pub(super) fn well_formed(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix)
        .is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
