//! What an account has without asking for it, to read only: its region, its limits, the DHCP options of its VPCs and
//! the network ACL that every VPC has.

use serde_json::{Value, json};

use super::Entry;
use super::input::bad_value;
use super::kinds::{DHCP_OPTIONS, NETWORK_ACL};
use super::listing::{Filter, Listing, PAGES, filtered};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("DescribeRegions", "RegionName AllRegions FILTERS", regions),
    ("DescribeAccountAttributes", "AttributeName", attributes),
    ("DescribeDhcpOptions", "DhcpOptionsId FILTERS PAGES", dhcp_options),
    ("DescribeNetworkAcls", "NetworkAclId FILTERS PAGES", network_acls),
];

/// The region that the sandbox is; it knows of no other.
fn regions(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let region = state.world.region.clone();
    let names = call.texts("RegionName");
    if let Some(strange) = names.iter().find(|name| **name != region) {
        return Err(bad_value(format!("Invalid region: [{strange}]")));
    }
    let row = json!({
        "regionName": region, "regionEndpoint": format!("ec2.{region}.amazonaws.com"),
        "optInStatus": "opt-in-not-required",
    });
    let filters = &[("endpoint", "regionEndpoint"), ("opt-in-status", "optInStatus"), ("region-name", "regionName")];
    let rows: Vec<Value> = filtered(call, filters, vec![(region, row)])?.into_iter().map(|(_, row)| row).collect();
    Ok(json!({"regionInfo": rows}))
}

/// The default quotas; the sandbox holds nobody to those of addresses and instances.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("supported-platforms", "VPC"),
    ("default-vpc", "none"),
    ("max-instances", "20"),
    ("max-elastic-ips", "5"),
    ("vpc-max-elastic-ips", "5"),
    ("vpc-max-security-groups-per-interface", "5"),
];

fn attributes(_: &mut State, call: &Call) -> Result<Value, AwsError> {
    let names = call.texts("AttributeName");
    if let Some(strange) = names.iter().find(|name| !ATTRIBUTES.iter().any(|(known, _)| known == *name)) {
        return Err(bad_value(format!("Value ({strange}) for parameter attributeName is invalid. Unknown attribute.")));
    }
    let wanted = ATTRIBUTES.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let rows: Vec<Value> = wanted
        .map(|(name, value)| json!({"attributeName": name, "attributeValueSet": [{"attributeValue": value}]}))
        .collect();
    Ok(json!({"accountAttributeSet": rows}))
}

fn dhcp_options(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let domain = match state.world.region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    };
    let rows = state.ec2.dhcp_options_id.iter().map(|id| {
        let row = json!({
            "dhcpOptionsId": id,
            "ownerId": state.world.account,
            "dhcpConfigurationSet": [
                {"key": "domain-name", "valueSet": [{"value": domain}]},
                {"key": "domain-name-servers", "valueSet": [{"value": "AmazonProvidedDNS"}]},
            ],
            "tagSet": [],
        });
        (id.clone(), row)
    });
    const FILTERS: &[Filter] = &[
        ("dhcp-options-id", "dhcpOptionsId"),
        ("key", "dhcpConfigurationSet.key"),
        ("owner-id", "ownerId"),
        ("value", "dhcpConfigurationSet.valueSet.value"),
    ];
    let ids = Some(("DhcpOptionsId", &DHCP_OPTIONS));
    Listing { set: "dhcpOptionsSet", ids, filters: FILTERS, pages: PAGES }.answer(call, rows.collect())
}

const ACL_FILTERS: &[Filter] = &[
    ("association.association-id", "associationSet.networkAclAssociationId"),
    ("association.network-acl-id", "associationSet.networkAclId"),
    ("association.subnet-id", "associationSet.subnetId"),
    ("default", "default"),
    ("entry.cidr", "entrySet.cidrBlock"),
    ("entry.egress", "entrySet.egress"),
    ("entry.protocol", "entrySet.protocol"),
    ("entry.rule-action", "entrySet.ruleAction"),
    ("entry.rule-number", "entrySet.ruleNumber"),
    ("network-acl-id", "networkAclId"),
    ("owner-id", "ownerId"),
    ("vpc-id", "vpcId"),
];

/// The digits of an id, under another prefix: what belongs to one thing only needs no number of its own.
fn derived(prefix: &str, id: &str) -> String {
    format!("{prefix}{}", id.split_once('-').map_or(id, |(_, digits)| digits))
}

fn network_acls(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let entry = |number: u32, action: &str, egress: bool| {
        json!({
            "ruleNumber": number, "protocol": "-1", "ruleAction": action, "egress": egress, "cidrBlock": "0.0.0.0/0",
        })
    };
    let entries: Vec<Value> = [true, false]
        .into_iter()
        .flat_map(|egress| [entry(100, "allow", egress), entry(32767, "deny", egress)])
        .collect();
    let rows = state.ec2.vpcs.keys().map(|vpc_id| {
        let id = derived("acl-", vpc_id);
        let subnets = state.ec2.subnets.values().filter(|subnet| subnet.vpc_id == *vpc_id);
        let associations: Vec<Value> = subnets
            .map(|subnet| {
                json!({
                    "networkAclAssociationId": derived("aclassoc-", &subnet.subnet_id),
                    "networkAclId": id,
                    "subnetId": subnet.subnet_id,
                })
            })
            .collect();
        let row = json!({
            "networkAclId": id, "vpcId": vpc_id, "ownerId": state.world.account, "default": true,
            "entrySet": entries, "associationSet": associations, "tagSet": [],
        });
        (id, row)
    });
    let ids = Some(("NetworkAclId", &NETWORK_ACL));
    Listing { set: "networkAclSet", ids, filters: ACL_FILTERS, pages: PAGES }.answer(call, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn every_vpc_has_an_acl_for_all_its_subnets() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let filter = json!({"Filter": [{"Name": "association.subnet-id", "Value": [region]}]});
        let seen = account.ok("DescribeNetworkAcls", filter)["networkAclSet"].clone();
        assert_eq!(seen.as_array().unwrap().len(), 1);
        assert_eq!((&seen[0]["default"], seen[0]["entrySet"].as_array().unwrap().len()), (&json!(true), 4));
        let error = account.error("DescribeNetworkAcls", json!({"NetworkAclId": ["acl-00000000000000000"]}));
        assert_eq!(error.code, "InvalidNetworkAclID.NotFound");
    }

    #[test]
    fn dhcp_options_are_those_of_the_vpcs() {
        let mut account = Account::new();
        assert_eq!(account.ok("DescribeDhcpOptions", json!({}))["dhcpOptionsSet"], json!([]));
        account.vpc("10.0.0.0/16");
        let used = account.ok("DescribeVpcs", json!({}))["vpcSet"][0]["dhcpOptionsId"].clone();
        let seen = account.ok("DescribeDhcpOptions", json!({"DhcpOptionsId": [used]}));
        let name = &seen["dhcpOptionsSet"][0]["dhcpConfigurationSet"][0]["valueSet"][0]["value"];
        assert_eq!(name, "us-west-2.compute.internal");
    }

    #[test]
    fn there_is_one_region_and_the_default_limits() {
        let mut account = Account::new();
        assert_eq!(account.ok("DescribeRegions", json!({}))["regionInfo"][0]["regionName"], "us-west-2");
        let error = account.error("DescribeRegions", json!({"RegionName": ["mars-1"]}));
        assert_eq!(error.message, "Invalid region: [mars-1]");
        let asked = json!({"AttributeName": ["supported-platforms"]});
        let seen = account.ok("DescribeAccountAttributes", asked)["accountAttributeSet"].clone();
        assert_eq!(
            seen,
            json!([{"attributeName": "supported-platforms", "attributeValueSet": [{"attributeValue": "VPC"}]}])
        );
    }
}
