//! Route tables and what they are associated with. Routes are in [`super::route`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{bad_value, required};
use super::kinds::{ROUTE_TABLE, SUBNET, VPC};
use super::listing::{Filter, Listing};
use super::route::Route;
use super::{Ec2, Entry, tags, token};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("CreateRouteTable", "VpcId! ClientToken TAGS", create),
    ("DescribeRouteTables", "RouteTableId FILTERS PAGES", describe),
    ("DeleteRouteTable", "RouteTableId!", delete),
    ("AssociateRouteTable", "RouteTableId! SubnetId!", associate),
    ("DisassociateRouteTable", "AssociationId!", disassociate),
    ("ReplaceRouteTableAssociation", "AssociationId! RouteTableId!", replace_association),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RouteTable {
    table_id: String,
    pub(super) vpc_id: String,
    /// All but the local ones, by destination.
    pub(super) routes: BTreeMap<String, Route>,
    associations: Vec<Association>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Association {
    association_id: String,
    /// None makes the table the VPC's main one.
    subnet_id: Option<String>,
}

impl RouteTable {
    /// Whether subnets without a table of their own use it.
    pub(super) fn is_main(&self) -> bool {
        self.associations.iter().any(|association| association.subnet_id.is_none())
    }

    pub(super) fn forget_subnet(&mut self, id: &str) {
        self.associations.retain(|association| association.subnet_id.as_deref() != Some(id));
    }

    fn wire(&self, state: &State) -> Value {
        let ec2 = &state.ec2;
        let local = ec2.vpcs.get(&self.vpc_id).map(|vpc| vpc.nets()).unwrap_or_default().into_iter().map(|net| {
            json!({
                "destinationCidrBlock": net.to_string(), "gatewayId": "local",
                "origin": "CreateRouteTable", "state": "active",
            })
        });
        let routes: Vec<Value> =
            local.chain(self.routes.values().map(|route| route.wire(state, &self.vpc_id))).collect();
        let associations: Vec<Value> = self
            .associations
            .iter()
            .map(|association| {
                json!({
                    "routeTableAssociationId": association.association_id,
                    "routeTableId": self.table_id,
                    "subnetId": association.subnet_id,
                    "main": association.subnet_id.is_none(),
                    "associationState": {"state": "associated"},
                })
            })
            .collect();
        json!({
            "routeTableId": self.table_id,
            "vpcId": self.vpc_id,
            "ownerId": state.world.account,
            "routeSet": routes,
            "associationSet": associations,
            "propagatingVgwSet": [],
            "tagSet": ec2.tag_set(&self.table_id),
        })
    }
}

/// The table that every VPC has.
pub(super) fn create_main(state: &mut State, vpc_id: &str) {
    let table = RouteTable {
        table_id: state.id("rtb"),
        vpc_id: vpc_id.to_owned(),
        routes: BTreeMap::new(),
        associations: vec![Association { association_id: state.id("rtbassoc"), subnet_id: None }],
    };
    state.ec2.route_tables.insert(table.table_id.clone(), table);
}

fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let vpc_id = required(call, "VpcId")?;
    if let Some(id) = token::seen(&state.ec2.tokens, call)?
        && let Some(table) = state.ec2.route_tables.get(id)
    {
        return Ok(json!({"routeTable": table.wire(state), "clientToken": call.text("ClientToken")}));
    }
    VPC.find(&state.ec2.vpcs, vpc_id)?;
    let tags = tags::specified(call, &ROUTE_TABLE)?;
    let table = RouteTable {
        table_id: state.id("rtb"),
        vpc_id: vpc_id.to_owned(),
        routes: BTreeMap::new(),
        associations: Vec::new(),
    };
    state.ec2.tag(&table.table_id, tags);
    state.ec2.route_tables.insert(table.table_id.clone(), table.clone());
    token::keep(&mut state.ec2.tokens, call, &table.table_id);
    Ok(json!({"routeTable": table.wire(state), "clientToken": call.text("ClientToken")}))
}

const FILTERS: &[Filter] = &[
    ("association.gateway-id", "associationSet.gatewayId"),
    ("association.main", "associationSet.main"),
    ("association.route-table-association-id", "associationSet.routeTableAssociationId"),
    ("association.route-table-id", "associationSet.routeTableId"),
    ("association.subnet-id", "associationSet.subnetId"),
    ("owner-id", "ownerId"),
    ("route-table-id", "routeTableId"),
    ("route.destination-cidr-block", "routeSet.destinationCidrBlock"),
    ("route.destination-ipv6-cidr-block", "routeSet.destinationIpv6CidrBlock"),
    ("route.destination-prefix-list-id", "routeSet.destinationPrefixListId"),
    ("route.egress-only-internet-gateway-id", "routeSet.egressOnlyInternetGatewayId"),
    ("route.gateway-id", "routeSet.gatewayId"),
    ("route.instance-id", "routeSet.instanceId"),
    ("route.nat-gateway-id", "routeSet.natGatewayId"),
    ("route.origin", "routeSet.origin"),
    ("route.state", "routeSet.state"),
    ("route.transit-gateway-id", "routeSet.transitGatewayId"),
    ("route.vpc-peering-connection-id", "routeSet.vpcPeeringConnectionId"),
    ("vpc-id", "vpcId"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let rows = state.ec2.route_tables.iter().map(|(id, table)| (id.clone(), table.wire(state))).collect();
    let ids = Some(("RouteTableId", &ROUTE_TABLE));
    Listing { set: "routeTableSet", ids, filters: FILTERS, pages: 5..=100 }.answer(call, rows)
}

fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "RouteTableId")?;
    if !ROUTE_TABLE.find(&state.ec2.route_tables, id)?.associations.is_empty() {
        let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
        return Err(AwsError::invalid("DependencyViolation", message));
    }
    state.ec2.route_tables.remove(id);
    state.ec2.tags.remove(id);
    Ok(json!({"return": true}))
}

fn associate(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (id, subnet_id) = (required(call, "RouteTableId")?, required(call, "SubnetId")?);
    let association_id = state.id("rtbassoc");
    let ec2 = &mut state.ec2;
    let vpc_id = &ROUTE_TABLE.find(&ec2.route_tables, id)?.vpc_id;
    if SUBNET.find(&ec2.subnets, subnet_id)?.vpc_id != *vpc_id {
        return Err(bad_value(format!("route table {id} and subnet {subnet_id} belong to different networks")));
    }
    let mut taken = ec2.route_tables.values().flat_map(|table| &table.associations);
    if taken.any(|association| association.subnet_id.as_deref() == Some(subnet_id)) {
        let message = format!("the specified association for route table {id} conflicts with an existing association");
        return Err(AwsError::invalid("Resource.AlreadyAssociated", message));
    }
    let association = Association { association_id: association_id.clone(), subnet_id: Some(subnet_id.to_owned()) };
    ROUTE_TABLE.find_mut(&mut ec2.route_tables, id)?.associations.push(association);
    Ok(json!({"associationId": association_id, "associationState": {"state": "associated"}}))
}

/// Takes an association out of its table.
fn take(ec2: &mut Ec2, association_id: &str) -> Result<(String, Association), AwsError> {
    for table in ec2.route_tables.values_mut() {
        let place = table.associations.iter().position(|association| association.association_id == association_id);
        if let Some(place) = place {
            return Ok((table.table_id.clone(), table.associations.remove(place)));
        }
    }
    let message = format!("The association ID '{association_id}' does not exist");
    Err(AwsError::invalid("InvalidAssociationID.NotFound", message))
}

fn disassociate(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "AssociationId")?;
    let (_, association) = take(&mut state.ec2, id)?;
    if association.subnet_id.is_none() {
        return Err(bad_value(format!("cannot disassociate the main route table association {id}")));
    }
    Ok(json!({"return": true}))
}

/// Moves a subnet, or the role of main table, to another table in one step.
fn replace_association(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (association_id, id) = (required(call, "AssociationId")?, required(call, "RouteTableId")?);
    let new_id = state.id("rtbassoc");
    let ec2 = &mut state.ec2;
    let (from, association) = take(ec2, association_id)?;
    let vpc_id = ec2.route_tables.get(&from).map(|table| table.vpc_id.clone());
    let table = ROUTE_TABLE.find_mut(&mut ec2.route_tables, id)?;
    if vpc_id.as_ref() != Some(&table.vpc_id) {
        return Err(bad_value(format!("route table {id} and route table {from} belong to different networks")));
    }
    table.associations.push(Association { association_id: new_id.clone(), ..association });
    Ok(json!({"newAssociationId": new_id, "associationState": {"state": "associated"}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn tables_and_associations() {
        let mut account = Account::new();
        let (subnet, _) = account.subnets();
        let vpc = account.ok("DescribeVpcs", json!({}))["vpcSet"][0]["vpcId"].clone();
        let input = json!({"VpcId": vpc, "ClientToken": "once"});
        let one = account.ok("CreateRouteTable", input.clone())["routeTable"]["routeTableId"].clone();
        assert_eq!(account.ok("CreateRouteTable", input)["routeTable"]["routeTableId"], one);
        let other = account.ok("CreateRouteTable", json!({"VpcId": vpc}))["routeTable"]["routeTableId"].clone();
        let tags = json!([{"ResourceType": "route-table", "Tag": [{"Key": "a", "Value": "b"}]}]);
        let changed = json!({"VpcId": vpc, "ClientToken": "once", "TagSpecification": tags});
        assert_eq!(account.error("CreateRouteTable", changed).code, "IdempotentParameterMismatch");

        let made = account.ok("AssociateRouteTable", json!({"RouteTableId": one, "SubnetId": subnet}));
        let again = account.error("AssociateRouteTable", json!({"RouteTableId": other, "SubnetId": subnet}));
        assert_eq!(again.code, "Resource.AlreadyAssociated");
        assert_eq!(account.error("DeleteRouteTable", json!({"RouteTableId": one})).code, "DependencyViolation");
        let moved = account
            .ok("ReplaceRouteTableAssociation", json!({"AssociationId": made["associationId"], "RouteTableId": other}));
        account.ok("DeleteRouteTable", json!({"RouteTableId": one}));
        let filter = json!({"Filter": [{"Name": "association.subnet-id", "Value": [subnet]}]});
        assert_eq!(account.ok("DescribeRouteTables", filter)["routeTableSet"][0]["routeTableId"], other);
        account.ok("DisassociateRouteTable", json!({"AssociationId": moved["newAssociationId"]}));
        let error = account.error("DisassociateRouteTable", json!({"AssociationId": made["associationId"]}));
        assert_eq!(error.code, "InvalidAssociationID.NotFound");
        let filter = json!({"Filter": [{"Name": "association.main", "Value": ["true"]}]});
        let main = account.ok("DescribeRouteTables", filter)["routeTableSet"][0]["associationSet"][0].clone();
        let error = account.error("DisassociateRouteTable", json!({"AssociationId": main["routeTableAssociationId"]}));
        assert_eq!(error.code, "InvalidParameterValue");
    }
}
