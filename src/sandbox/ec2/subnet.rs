//! Subnets, in the region and on Outposts.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{bad_value, cidr, combination, flag, missing_parameter, number, one_attribute, required, word};
use super::kinds::{SUBNET, VPC};
use super::listing::{Filter, Listing, PAGES};
use super::{Ec2, Entry, tags, zone};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::world::Zone;

pub(super) const OPERATIONS: &[Entry] = &[
    ("CreateSubnet", "VpcId! CidrBlock! AvailabilityZone AvailabilityZoneId OutpostArn TAGS", create),
    ("DescribeSubnets", "SubnetId FILTERS PAGES", describe),
    ("DeleteSubnet", "SubnetId!", delete),
    (
        "ModifySubnetAttribute",
        "SubnetId! MapPublicIpOnLaunch.Value MapCustomerOwnedIpOnLaunch.Value CustomerOwnedIpv4Pool \
         AssignIpv6AddressOnCreation.Value EnableDns64.Value PrivateDnsHostnameTypeOnLaunch \
         EnableResourceNameDnsARecordOnLaunch.Value EnableResourceNameDnsAAAARecordOnLaunch.Value \
         EnableLniAtDeviceIndex DisableLniAtDeviceIndex.Value",
        modify_attribute,
    ),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Subnet {
    pub(super) subnet_id: String,
    pub(super) vpc_id: String,
    pub(super) cidr: String,
    pub(super) zone: Zone,
    pub(super) outpost_arn: Option<String>,
    pub(super) map_public: bool,
    map_customer_owned: bool,
    customer_owned_pool: Option<String>,
    hostname_type: String,
    dns_a_record: bool,
    local_interface_index: Option<i64>,
}

impl Subnet {
    pub(super) fn net(&self) -> Option<Ipv4Net> {
        self.cidr.parse().ok()
    }

    fn wire(&self, state: &State, subnet_state: &str) -> Value {
        json!({
            "subnetId": self.subnet_id,
            "subnetArn": state.arn("ec2", &format!("subnet/{}", self.subnet_id)),
            "vpcId": self.vpc_id,
            "ownerId": state.world.account,
            "state": subnet_state,
            "cidrBlock": self.cidr,
            "ipv6CidrBlockAssociationSet": [],
            "ipv6Native": false,
            "availabilityZone": self.zone.name,
            "availabilityZoneId": self.zone.id,
            "outpostArn": self.outpost_arn,
            "availableIpAddressCount": state.ec2.free_addresses(self),
            "defaultForAz": false,
            "mapPublicIpOnLaunch": self.map_public,
            "mapCustomerOwnedIpOnLaunch": self.map_customer_owned,
            "customerOwnedIpv4Pool": self.customer_owned_pool,
            "assignIpv6AddressOnCreation": false,
            "enableDns64": false,
            "enableLniAtDeviceIndex": self.local_interface_index,
            "privateDnsNameOptionsOnLaunch": {
                "hostnameType": self.hostname_type,
                "enableResourceNameDnsARecord": self.dns_a_record,
                "enableResourceNameDnsAAAARecord": false,
            },
            "tagSet": state.ec2.tag_set(&self.subnet_id),
        })
    }
}

impl Ec2 {
    /// EC2 keeps the first four addresses of a subnet and its last.
    pub(super) fn free_addresses(&self, subnet: &Subnet) -> usize {
        let size = subnet.net().map_or(0, |net| 1_usize << (32 - net.prefix_len()));
        let used = self.network_interfaces.values().filter(|interface| interface.subnet_id == subnet.subnet_id).count();
        size.saturating_sub(5 + used)
    }
}

fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let vpc_id = required(call, "VpcId")?;
    let text = required(call, "CidrBlock")?;
    let vpc = VPC.find(&state.ec2.vpcs, vpc_id)?;
    let net = cidr(text, "cidrBlock")?;
    let sized = (16..=28).contains(&net.prefix_len());
    if !sized || !vpc.nets().iter().any(|block| block.contains(&net)) {
        return Err(AwsError::invalid("InvalidSubnet.Range", format!("The CIDR '{text}' is invalid.")));
    }
    let siblings = state.ec2.subnets.values().filter(|subnet| subnet.vpc_id == vpc_id);
    if siblings.filter_map(Subnet::net).any(|other| other.contains(&net) || net.contains(&other)) {
        let message = format!("The CIDR '{text}' conflicts with another subnet");
        return Err(AwsError::invalid("InvalidSubnet.Conflict", message));
    }
    let zone = zone::named(state, call.text("AvailabilityZone"), call.text("AvailabilityZoneId"))?;
    let outpost_arn = call.text("OutpostArn").map(str::to_owned);
    if let Some(arn) = &outpost_arn {
        check_outpost(state, arn, zone.as_ref())?;
    }
    let Some(zone) = zone.or_else(|| state.world.availability_zones.first().cloned()) else {
        return Err(bad_value("The region has no availability zones."));
    };
    let tags = tags::specified(call, &SUBNET)?;
    let subnet = Subnet {
        subnet_id: state.id("subnet"),
        vpc_id: vpc_id.to_owned(),
        cidr: net.to_string(),
        zone,
        outpost_arn,
        map_public: false,
        map_customer_owned: false,
        customer_owned_pool: None,
        hostname_type: "ip-name".to_owned(),
        dns_a_record: false,
        local_interface_index: None,
    };
    state.ec2.tag(&subnet.subnet_id, tags);
    state.ec2.subnets.insert(subnet.subnet_id.clone(), subnet.clone());
    Ok(json!({"subnet": subnet.wire(state, "pending")}))
}

/// A subnet on an Outpost is in the Outpost's zone, and the request has to say so.
fn check_outpost(state: &State, arn: &str, zone: Option<&Zone>) -> Result<(), AwsError> {
    let Some(outpost) = state.world.outposts.iter().find(|outpost| outpost.arn == arn) else {
        return Err(bad_value(format!(
            "Value ({arn}) for parameter outpostArn is invalid. The Outpost does not exist."
        )));
    };
    match zone {
        None => Err(missing_parameter("AvailabilityZone")),
        Some(zone) if zone.id != outpost.availability_zone_id => Err(bad_value(format!(
            "Value ({}) for parameter availabilityZone is invalid. The Outpost {arn} is in the availability zone {}.",
            zone.name, outpost.availability_zone_id
        ))),
        Some(_) => Ok(()),
    }
}

const FILTERS: &[Filter] = &[
    ("availability-zone", "availabilityZone"),
    ("availabilityZone", "availabilityZone"),
    ("availability-zone-id", "availabilityZoneId"),
    ("availabilityZoneId", "availabilityZoneId"),
    ("available-ip-address-count", "availableIpAddressCount"),
    ("cidr-block", "cidrBlock"),
    ("cidr", "cidrBlock"),
    ("cidrBlock", "cidrBlock"),
    ("customer-owned-ipv4-pool", "customerOwnedIpv4Pool"),
    ("default-for-az", "defaultForAz"),
    ("defaultForAz", "defaultForAz"),
    ("enable-dns64", "enableDns64"),
    ("enable-lni-at-device-index", "enableLniAtDeviceIndex"),
    ("ipv6-native", "ipv6Native"),
    ("map-customer-owned-ip-on-launch", "mapCustomerOwnedIpOnLaunch"),
    ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
    ("outpost-arn", "outpostArn"),
    ("owner-id", "ownerId"),
    ("private-dns-name-options-on-launch.hostname-type", "privateDnsNameOptionsOnLaunch.hostnameType"),
    (
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
        "privateDnsNameOptionsOnLaunch.enableResourceNameDnsARecord",
    ),
    (
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
        "privateDnsNameOptionsOnLaunch.enableResourceNameDnsAAAARecord",
    ),
    ("state", "state"),
    ("subnet-arn", "subnetArn"),
    ("subnet-id", "subnetId"),
    ("vpc-id", "vpcId"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let rows = state.ec2.subnets.iter().map(|(id, subnet)| (id.clone(), subnet.wire(state, "available"))).collect();
    Listing { set: "subnetSet", ids: Some(("SubnetId", &SUBNET)), filters: FILTERS, pages: PAGES }.answer(call, rows)
}

fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "SubnetId")?;
    let ec2 = &mut state.ec2;
    SUBNET.find(&ec2.subnets, id)?;
    if ec2.network_interfaces.values().any(|interface| interface.subnet_id == id) {
        let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
        return Err(AwsError::invalid("DependencyViolation", message));
    }
    ec2.route_tables.values_mut().for_each(|table| table.forget_subnet(id));
    ec2.subnets.remove(id);
    ec2.tags.remove(id);
    Ok(json!({"return": true}))
}

fn modify_attribute(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let subnet = SUBNET.find_mut(&mut state.ec2.subnets, required(call, "SubnetId")?)?;
    let member = one_attribute(
        call,
        &[
            "MapPublicIpOnLaunch",
            "MapCustomerOwnedIpOnLaunch",
            "AssignIpv6AddressOnCreation",
            "EnableDns64",
            "PrivateDnsHostnameTypeOnLaunch",
            "EnableResourceNameDnsARecordOnLaunch",
            "EnableResourceNameDnsAAAARecordOnLaunch",
            "EnableLniAtDeviceIndex",
            "DisableLniAtDeviceIndex",
        ],
    )?;
    let pool = call.text("CustomerOwnedIpv4Pool");
    if pool.is_some() && member != "MapCustomerOwnedIpOnLaunch" {
        return Err(combination("CustomerOwnedIpv4Pool goes with MapCustomerOwnedIpOnLaunch only"));
    }
    let on = flag(&call.input[member], "Value")?;
    let on_outpost = subnet.outpost_arn.is_some();
    match member {
        "MapPublicIpOnLaunch" => subnet.map_public = on.unwrap_or(false),
        "MapCustomerOwnedIpOnLaunch" if !on_outpost => {
            return Err(combination(format!("The subnet '{}' is not on an Outpost", subnet.subnet_id)));
        }
        "MapCustomerOwnedIpOnLaunch" => {
            let on = on.unwrap_or(false);
            if on && pool.is_none() {
                return Err(combination("MapCustomerOwnedIpOnLaunch must be specified with CustomerOwnedIpv4Pool"));
            }
            subnet.map_customer_owned = on;
            subnet.customer_owned_pool = pool.filter(|_| on).map(str::to_owned);
        }
        "PrivateDnsHostnameTypeOnLaunch" => {
            let kind = word(&call.input, member, &["ip-name", "resource-name"])?;
            subnet.hostname_type = kind.unwrap_or_else(|| "ip-name".to_owned());
        }
        "EnableResourceNameDnsARecordOnLaunch" => subnet.dns_a_record = on.unwrap_or(false),
        "EnableLniAtDeviceIndex" | "DisableLniAtDeviceIndex" if !on_outpost => {
            return Err(combination(format!("The subnet '{}' is not on an Outpost", subnet.subnet_id)));
        }
        "EnableLniAtDeviceIndex" => subnet.local_interface_index = number(&call.input, member)?,
        "DisableLniAtDeviceIndex" => subnet.local_interface_index = None,
        // No subnet of the sandbox has an IPv6 block.
        needs_ipv6 => {
            if on == Some(true) {
                return Err(bad_value(format!(
                    "Invalid value 'true' for {needs_ipv6}. Must be false unless the Subnet has an associated IPv6 CIDR block."
                )));
            }
        }
    }
    Ok(json!({"return": true}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::{Account, OUTPOST};

    #[test]
    fn a_subnet_on_an_outpost_needs_its_zone() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        let mut input = json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24", "OutpostArn": OUTPOST});
        assert_eq!(account.error("CreateSubnet", input.clone()).code, "MissingParameter");
        input["AvailabilityZone"] = "us-west-2a".into();
        assert_eq!(account.error("CreateSubnet", input.clone()).code, "InvalidParameterValue");
        input["AvailabilityZone"] = "us-west-2b".into();
        let made = account.ok("CreateSubnet", input.clone());
        assert_eq!(made["subnet"]["outpostArn"], OUTPOST);
        assert_eq!(made["subnet"]["availabilityZoneId"], "usw2-az1");
        assert_eq!(made["subnet"]["availableIpAddressCount"], 251);
        let found = account.ok("DescribeSubnets", json!({"Filter": [{"Name": "outpost-arn", "Value": [OUTPOST]}]}));
        assert_eq!(found["subnetSet"][0]["subnetId"], made["subnet"]["subnetId"]);
        input["CidrBlock"] = "10.0.2.0/24".into();
        input["OutpostArn"] = OUTPOST.replace("abcdef0", "abcdef1").into();
        assert_eq!(account.error("CreateSubnet", input).code, "InvalidParameterValue");
    }

    #[test]
    fn ranges_are_checked() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        account.ok("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24", "AvailabilityZoneId": "usw2-az2"}));
        let mut code = |cidr: &str| account.error("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": cidr})).code;
        assert_eq!(code("10.1.0.0/24"), "InvalidSubnet.Range");
        assert_eq!(code("10.0.9.0/29"), "InvalidSubnet.Range");
        assert_eq!(code("10.0.0.0/20"), "InvalidSubnet.Conflict");
        assert_eq!(code("10.0.0"), "InvalidParameterValue");
        assert_eq!(account.error("DeleteVpc", json!({"VpcId": vpc})).code, "DependencyViolation");
    }

    #[test]
    fn attributes_go_one_at_a_time_but_for_customer_owned_addresses() {
        let mut account = Account::new();
        let (region, outpost) = account.subnets();
        let on = json!({"Value": "true"});
        account.ok("ModifySubnetAttribute", json!({"SubnetId": region, "MapPublicIpOnLaunch": on}));
        let two = json!({"SubnetId": region, "MapPublicIpOnLaunch": on, "EnableResourceNameDnsARecordOnLaunch": on});
        assert_eq!(account.error("ModifySubnetAttribute", two).code, "InvalidParameterCombination");
        let pool = "ipv4pool-coip-0123456789abcdef0";
        let owned =
            |subnet: &str| json!({"SubnetId": subnet, "MapCustomerOwnedIpOnLaunch": on, "CustomerOwnedIpv4Pool": pool});
        assert_eq!(account.error("ModifySubnetAttribute", owned(&region)).code, "InvalidParameterCombination");
        account.ok("ModifySubnetAttribute", owned(&outpost));
        let seen = account.ok("DescribeSubnets", json!({"SubnetId": [outpost]}));
        assert_eq!(seen["subnetSet"][0]["mapCustomerOwnedIpOnLaunch"], true);
        assert_eq!(seen["subnetSet"][0]["customerOwnedIpv4Pool"], pool);
        let lone = json!({"SubnetId": outpost, "MapCustomerOwnedIpOnLaunch": on});
        assert_eq!(account.error("ModifySubnetAttribute", lone).code, "InvalidParameterCombination");
        let ipv6 = json!({"SubnetId": region, "AssignIpv6AddressOnCreation": on});
        assert_eq!(account.error("ModifySubnetAttribute", ipv6).code, "InvalidParameterValue");
    }
}
