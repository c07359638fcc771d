//! VPCs, their address blocks and attributes.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{bad_value, cidr, combination, flag, one_attribute, required, word};
use super::kinds::VPC;
use super::listing::{Filter, Listing, PAGES};
use super::{Entry, route_table, security_group, tags};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("CreateVpc", "CidrBlock! InstanceTenancy TAGS", create),
    ("DescribeVpcs", "VpcId FILTERS PAGES", describe),
    ("DeleteVpc", "VpcId!", delete),
    (
        "ModifyVpcAttribute",
        "VpcId! EnableDnsHostnames.Value EnableDnsSupport.Value EnableNetworkAddressUsageMetrics.Value",
        modify_attribute,
    ),
    ("DescribeVpcAttribute", "VpcId! Attribute!", describe_attribute),
    ("ModifyVpcTenancy", "VpcId! InstanceTenancy!", modify_tenancy),
    ("AssociateVpcCidrBlock", "VpcId! CidrBlock!", associate_block),
    ("DisassociateVpcCidrBlock", "AssociationId!", disassociate_block),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Vpc {
    pub(super) vpc_id: String,
    /// The first is the one that the VPC was made with.
    blocks: Vec<Block>,
    pub(super) tenancy: String,
    dhcp_options_id: String,
    dns_support: bool,
    pub(super) dns_hostnames: bool,
    usage_metrics: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Block {
    association_id: String,
    cidr: String,
}

impl Block {
    fn wire(&self, block_state: &str) -> Value {
        json!({
            "associationId": self.association_id,
            "cidrBlock": self.cidr,
            "cidrBlockState": {"state": block_state},
        })
    }
}

impl Vpc {
    pub(super) fn nets(&self) -> Vec<Ipv4Net> {
        self.blocks.iter().filter_map(|block| block.cidr.parse().ok()).collect()
    }

    fn wire(&self, state: &State, vpc_state: &str) -> Value {
        let primary = self.blocks.first().map(|block| &block.cidr);
        let blocks: Vec<Value> = self.blocks.iter().map(|block| block.wire("associated")).collect();
        json!({
            "vpcId": self.vpc_id,
            "ownerId": state.world.account,
            "state": vpc_state,
            "cidrBlock": primary,
            "cidrBlockAssociationSet": blocks,
            "ipv6CidrBlockAssociationSet": [],
            "dhcpOptionsId": self.dhcp_options_id,
            "instanceTenancy": self.tenancy,
            "isDefault": false,
            "tagSet": state.ec2.tag_set(&self.vpc_id),
        })
    }
}

/// A block of the sizes that VPCs may have.
fn block(text: &str) -> Result<Ipv4Net, AwsError> {
    let net = cidr(text, "cidrBlock")?;
    if !(16..=28).contains(&net.prefix_len()) {
        return Err(AwsError::invalid("InvalidVpc.Range", format!("The CIDR '{text}' is invalid.")));
    }
    Ok(net)
}

/// A VPC comes with a main route table and a default security group.
fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let net = block(required(call, "CidrBlock")?)?;
    let tenancy = word(&call.input, "InstanceTenancy", &["default", "dedicated"])?;
    let tags = tags::specified(call, &VPC)?;
    if state.ec2.dhcp_options_id.is_none() {
        state.ec2.dhcp_options_id = Some(state.id("dopt"));
    }
    let vpc_id = state.id("vpc");
    let vpc = Vpc {
        vpc_id: vpc_id.clone(),
        blocks: vec![Block { association_id: state.id("vpc-cidr-assoc"), cidr: net.to_string() }],
        tenancy: tenancy.unwrap_or_else(|| "default".to_owned()),
        dhcp_options_id: state.ec2.dhcp_options_id.clone().unwrap_or_default(),
        dns_support: true,
        dns_hostnames: false,
        usage_metrics: false,
    };
    state.ec2.vpcs.insert(vpc_id.clone(), vpc.clone());
    state.ec2.tag(&vpc_id, tags);
    route_table::create_main(state, &vpc_id);
    security_group::create_default(state, &vpc_id);
    Ok(json!({"vpc": vpc.wire(state, "pending")}))
}

const FILTERS: &[Filter] = &[
    ("vpc-id", "vpcId"),
    ("cidr", "cidrBlock"),
    ("cidr-block-association.association-id", "cidrBlockAssociationSet.associationId"),
    ("cidr-block-association.cidr-block", "cidrBlockAssociationSet.cidrBlock"),
    ("cidr-block-association.state", "cidrBlockAssociationSet.cidrBlockState.state"),
    ("dhcp-options-id", "dhcpOptionsId"),
    ("ipv6-cidr-block-association.association-id", "ipv6CidrBlockAssociationSet.associationId"),
    ("ipv6-cidr-block-association.ipv6-cidr-block", "ipv6CidrBlockAssociationSet.ipv6CidrBlock"),
    ("ipv6-cidr-block-association.ipv6-pool", "ipv6CidrBlockAssociationSet.ipv6Pool"),
    ("ipv6-cidr-block-association.state", "ipv6CidrBlockAssociationSet.ipv6CidrBlockState.state"),
    ("is-default", "isDefault"),
    ("owner-id", "ownerId"),
    ("state", "state"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let rows = state.ec2.vpcs.iter().map(|(id, vpc)| (id.clone(), vpc.wire(state, "available"))).collect();
    Listing { set: "vpcSet", ids: Some(("VpcId", &VPC)), filters: FILTERS, pages: PAGES }.answer(call, rows)
}

/// What the VPC came with goes with it; anything else holds it back.
fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "VpcId")?;
    let ec2 = &mut state.ec2;
    VPC.find(&ec2.vpcs, id)?;
    let held = ec2.subnets.values().any(|subnet| subnet.vpc_id == id)
        || ec2.internet_gateways.values().any(|gateway| gateway.vpc_id.as_deref() == Some(id))
        || ec2.route_tables.values().any(|table| table.vpc_id == id && !table.is_main())
        || ec2.security_groups.values().any(|group| group.vpc_id == id && !group.is_default());
    if held {
        let message = format!("The vpc '{id}' has dependencies and cannot be deleted.");
        return Err(AwsError::invalid("DependencyViolation", message));
    }
    ec2.route_tables.retain(|table_id, table| {
        let stays = table.vpc_id != id;
        if !stays {
            ec2.tags.remove(table_id);
        }
        stays
    });
    let groups: Vec<String> =
        ec2.security_groups.values().filter(|group| group.vpc_id == id).map(|group| group.group_id.clone()).collect();
    groups.iter().for_each(|group| security_group::remove(ec2, group));
    ec2.vpcs.remove(id);
    ec2.tags.remove(id);
    Ok(json!({"return": true}))
}

fn modify_attribute(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let vpc = VPC.find_mut(&mut state.ec2.vpcs, required(call, "VpcId")?)?;
    let members = ["EnableDnsHostnames", "EnableDnsSupport", "EnableNetworkAddressUsageMetrics"];
    let member = one_attribute(call, &members)?;
    let value = flag(&call.input[member], "Value")?.ok_or_else(|| bad_value(format!("{member} has no value")))?;
    match member {
        "EnableDnsSupport" => vpc.dns_support = value,
        "EnableDnsHostnames" if value && !vpc.dns_support => {
            return Err(combination("DNS hostnames can be enabled only when DNS support is enabled for the VPC"));
        }
        "EnableDnsHostnames" => vpc.dns_hostnames = value,
        _ => vpc.usage_metrics = value,
    }
    Ok(json!({"return": true}))
}

fn describe_attribute(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let vpc = VPC.find(&state.ec2.vpcs, required(call, "VpcId")?)?;
    let attribute = required(call, "Attribute")?;
    let value = match attribute {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => vpc.usage_metrics,
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid. Unknown VPC attribute.");
            return Err(bad_value(message));
        }
    };
    Ok(json!({"vpcId": vpc.vpc_id, attribute: {"value": value}}))
}

/// Only from `dedicated` to `default`.
fn modify_tenancy(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let vpc = VPC.find_mut(&mut state.ec2.vpcs, required(call, "VpcId")?)?;
    if let Some(tenancy) = word(&call.input, "InstanceTenancy", &["default"])? {
        vpc.tenancy = tenancy;
    }
    Ok(json!({"return": true}))
}

fn associate_block(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "VpcId")?;
    let text = required(call, "CidrBlock")?;
    let association_id = state.id("vpc-cidr-assoc");
    let vpc = VPC.find_mut(&mut state.ec2.vpcs, id)?;
    let net = block(text)?;
    if vpc.nets().iter().any(|other| other.contains(&net) || net.contains(other)) {
        let message = format!("The CIDR '{text}' conflicts with another CIDR block of the VPC.");
        return Err(AwsError::invalid("InvalidVpc.Range", message));
    }
    let block = Block { association_id, cidr: net.to_string() };
    let wire = block.wire("associating");
    vpc.blocks.push(block);
    Ok(json!({"vpcId": id, "cidrBlockAssociation": wire}))
}

fn disassociate_block(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "AssociationId")?;
    let ec2 = &mut state.ec2;
    let found = ec2.vpcs.values_mut().find_map(|vpc| {
        let place = vpc.blocks.iter().position(|block| block.association_id == id)?;
        Some((vpc, place))
    });
    let Some((vpc, place)) = found else {
        let message = format!("The vpc CIDR block association ID '{id}' does not exist");
        return Err(AwsError::invalid("InvalidVpcCidrBlockAssociationID.NotFound", message));
    };
    if place == 0 {
        let message = format!(
            "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC"
        );
        return Err(AwsError::invalid("OperationNotPermitted", message));
    }
    let net = vpc.nets()[place];
    let subnets = ec2.subnets.values().filter(|subnet| subnet.vpc_id == vpc.vpc_id);
    if subnets.filter_map(|subnet| subnet.net()).any(|subnet| net.contains(&subnet)) {
        let message = format!("The vpc {} currently has a subnet within CIDR block {net}", vpc.vpc_id);
        return Err(AwsError::invalid("InvalidCidrBlock.InUse", message));
    }
    let block = vpc.blocks.remove(place);
    Ok(json!({"vpcId": vpc.vpc_id, "cidrBlockAssociation": block.wire("disassociating")}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn a_vpc_brings_its_children_and_takes_them_along() {
        let mut account = Account::new();
        let tags = json!([{"ResourceType": "vpc", "Tag": [{"Key": "Name", "Value": "edge"}]}]);
        let made = account.ok("CreateVpc", json!({"CidrBlock": "10.0.0.9/16", "TagSpecification": tags}));
        assert_eq!(made["vpc"]["state"], "pending");
        assert_eq!(made["vpc"]["cidrBlock"], "10.0.0.0/16");
        let id = made["vpc"]["vpcId"].as_str().unwrap().to_owned();
        let seen = account.ok("DescribeVpcs", json!({"VpcId": [id]}));
        assert_eq!(seen["vpcSet"][0]["state"], "available");
        assert_eq!(seen["vpcSet"][0]["tagSet"], json!([{"key": "Name", "value": "edge"}]));
        let tables = account.ok("DescribeRouteTables", json!({}));
        assert_eq!(tables["routeTableSet"][0]["associationSet"][0]["main"], true);
        let groups = account.ok("DescribeSecurityGroups", json!({}));
        assert_eq!(groups["securityGroupInfo"][0]["groupName"], "default");
        account.ok("DeleteVpc", json!({"VpcId": id}));
        assert_eq!(account.ok("DescribeRouteTables", json!({}))["routeTableSet"], json!([]));
        assert_eq!(account.ok("DescribeSecurityGroupRules", json!({}))["securityGroupRuleSet"], json!([]));
        let error = account.error("DeleteVpc", json!({"VpcId": id}));
        assert_eq!(error.message, format!("The vpc ID '{id}' does not exist"));
        assert_eq!(account.error("DescribeVpcs", json!({"VpcId": ["vpc-x"]})).code, "InvalidVpcID.Malformed");
    }

    #[test]
    fn attributes_go_one_at_a_time() {
        let mut account = Account::new();
        let id = account.vpc("10.0.0.0/16");
        let on = json!({"Value": "true"});
        let off = json!({"Value": "false"});
        let error =
            account.error("ModifyVpcAttribute", json!({"VpcId": id, "EnableDnsSupport": on, "EnableDnsHostnames": on}));
        assert_eq!(error.code, "InvalidParameterCombination");
        account.ok("ModifyVpcAttribute", json!({"VpcId": id, "EnableDnsSupport": off}));
        let error = account.error("ModifyVpcAttribute", json!({"VpcId": id, "EnableDnsHostnames": on}));
        assert_eq!(error.code, "InvalidParameterCombination");
        account.ok("ModifyVpcAttribute", json!({"VpcId": id, "EnableNetworkAddressUsageMetrics": on}));
        let mut read = |attribute: &str| {
            account.ok("DescribeVpcAttribute", json!({"VpcId": id, "Attribute": attribute}))[attribute]["value"].clone()
        };
        assert_eq!(read("enableDnsSupport"), false);
        assert_eq!(read("enableNetworkAddressUsageMetrics"), true);
    }

    #[test]
    fn more_blocks() {
        let mut account = Account::new();
        let id = account.vpc("10.0.0.0/16");
        let overlap = account.error("AssociateVpcCidrBlock", json!({"VpcId": id, "CidrBlock": "10.0.1.0/24"}));
        assert_eq!(overlap.code, "InvalidVpc.Range");
        let made = account.ok("AssociateVpcCidrBlock", json!({"VpcId": id, "CidrBlock": "10.1.0.0/16"}));
        let association = made["cidrBlockAssociation"]["associationId"].clone();
        let subnet = account.ok("CreateSubnet", json!({"VpcId": id, "CidrBlock": "10.1.2.0/24"}));
        let error = account.error("DisassociateVpcCidrBlock", json!({"AssociationId": association}));
        assert_eq!(error.code, "InvalidCidrBlock.InUse");
        account.ok("DeleteSubnet", json!({"SubnetId": subnet["subnet"]["subnetId"]}));
        account.ok("DisassociateVpcCidrBlock", json!({"AssociationId": association}));
        let first = account.ok("DescribeVpcs", json!({}))["vpcSet"][0]["cidrBlockAssociationSet"].clone();
        assert_eq!(first.as_array().unwrap().len(), 1);
        let error = account.error("DisassociateVpcCidrBlock", json!({"AssociationId": first[0]["associationId"]}));
        assert_eq!(error.code, "OperationNotPermitted");
    }
}
