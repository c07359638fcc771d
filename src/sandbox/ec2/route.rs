//! Routes: destination, target and whether the target is still there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Entry;
use super::input::{bad_value, cidr, cidr6, combination, missing_parameter, required};
use super::kinds::{INSTANCE, NETWORK_INTERFACE, ROUTE_TABLE, well_formed};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const CREATE: &str = "RouteTableId! DestinationCidrBlock DestinationIpv6CidrBlock DestinationPrefixListId GatewayId \
    NatGatewayId InstanceId NetworkInterfaceId LocalGatewayId TransitGatewayId VpcPeeringConnectionId \
    EgressOnlyInternetGatewayId CarrierGatewayId";

pub(super) const OPERATIONS: &[Entry] = &[
    ("CreateRoute", CREATE, create),
    ("ReplaceRoute", CREATE, replace),
    ("DeleteRoute", "RouteTableId! DestinationCidrBlock DestinationIpv6CidrBlock DestinationPrefixListId", delete),
];

/// The request's member, the answer's member, the prefix of ids, how errors call it.
const TARGETS: &[(&str, &str, &str, &str)] = &[
    ("GatewayId", "gatewayId", "igw-", "InvalidGatewayID"),
    ("InstanceId", "instanceId", "i-", "InvalidInstanceID"),
    ("NetworkInterfaceId", "networkInterfaceId", "eni-", "InvalidNetworkInterfaceID"),
    ("NatGatewayId", "natGatewayId", "nat-", "InvalidNatGatewayID"),
    ("LocalGatewayId", "localGatewayId", "lgw-", "InvalidLocalGatewayID"),
    ("TransitGatewayId", "transitGatewayId", "tgw-", "InvalidTransitGatewayID"),
    ("VpcPeeringConnectionId", "vpcPeeringConnectionId", "pcx-", "InvalidVpcPeeringConnectionID"),
    ("EgressOnlyInternetGatewayId", "egressOnlyInternetGatewayId", "eigw-", "InvalidEgressOnlyInternetGatewayID"),
    ("CarrierGatewayId", "carrierGatewayId", "cagw-", "InvalidCarrierGatewayID"),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Route {
    /// The answer's member for the destination, and the destination.
    destination: (String, String),
    /// The same for the target.
    target: (String, String),
}

impl Route {
    pub(super) fn wire(&self, state: &State, vpc_id: &str) -> Value {
        let ec2 = &state.ec2;
        let (member, id) = (self.target.0.as_str(), self.target.1.as_str());
        let mut wire = json!({"origin": "CreateRoute"});
        wire[&self.destination.0] = self.destination.1.clone().into();
        wire[member] = id.into();
        let instance = match member {
            "instanceId" => ec2.instances.get(id),
            "networkInterfaceId" => {
                ec2.network_interfaces.get(id).and_then(|interface| ec2.instances.get(&interface.instance_id))
            }
            _ => None,
        };
        if let Some(instance) = instance.filter(|instance| instance.network_interface_id.is_some()) {
            wire["instanceId"] = instance.instance_id.clone().into();
            wire["instanceOwnerId"] = state.world.account.clone().into();
            wire["networkInterfaceId"] = instance.network_interface_id.clone().into();
        }
        let active = match member {
            "gatewayId" => {
                ec2.internet_gateways.get(id).is_some_and(|gateway| gateway.vpc_id.as_deref() == Some(vpc_id))
            }
            "instanceId" | "networkInterfaceId" => instance.is_some_and(|instance| instance.is_up()),
            // The sandbox has none of the other targets: it takes their word for it.
            _ => true,
        };
        wire["state"] = if active { "active" } else { "blackhole" }.into();
        wire
    }
}

/// The one destination of a request: the answer's member, the text, how errors call it.
fn destination(call: &Call) -> Result<(String, String, &'static str), AwsError> {
    let v4 = call.text("DestinationCidrBlock");
    let v6 = call.text("DestinationIpv6CidrBlock");
    let list = call.text("DestinationPrefixListId");
    match (v4, v6, list) {
        (Some(v4), None, None) => {
            let net = cidr(v4, "destinationCidrBlock")?;
            Ok(("destinationCidrBlock".to_owned(), net.to_string(), "destination-cidr-block"))
        }
        (None, Some(v6), None) => {
            let net = cidr6(v6, "destinationIpv6CidrBlock")?;
            Ok(("destinationIpv6CidrBlock".to_owned(), net.to_string(), "destination-ipv6-cidr-block"))
        }
        (None, None, Some(list)) if well_formed(list, "pl-") => {
            Ok(("destinationPrefixListId".to_owned(), list.to_owned(), "destination-prefix-list-id"))
        }
        (None, None, Some(list)) => {
            let message = format!("The prefix list ID '{list}' does not exist");
            Err(AwsError::invalid("InvalidPrefixListID.NotFound", message))
        }
        (None, None, None) => Err(missing_parameter("DestinationCidrBlock")),
        _ => Err(combination("The request must contain exactly one destination")),
    }
}

fn target(state: &State, call: &Call, vpc_id: &str) -> Result<(String, String), AwsError> {
    let given: Vec<_> = TARGETS.iter().filter_map(|target| Some((target, call.text(target.0)?))).collect();
    let (&(request, member, prefix, code), id) = match given.as_slice() {
        [one] => *one,
        [] => {
            let message = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, \
                 vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId, \
                 carrierGatewayId or instanceId";
            return Err(AwsError::invalid("MissingParameter", message));
        }
        _ => return Err(combination("The request must contain exactly one target")),
    };
    let ec2 = &state.ec2;
    match request {
        "InstanceId" => {
            INSTANCE.find(&ec2.instances, id)?;
        }
        "NetworkInterfaceId" => {
            NETWORK_INTERFACE.find(&ec2.network_interfaces, id)?;
        }
        "GatewayId" => {
            let Some(gateway) = ec2.internet_gateways.get(id) else {
                return Err(AwsError::invalid(
                    "InvalidGatewayID.NotFound",
                    format!("The gateway ID '{id}' does not exist"),
                ));
            };
            if gateway.vpc_id.as_deref() != Some(vpc_id) {
                let table = call.text("RouteTableId").unwrap_or_default();
                let message = format!("route table {table} and network gateway {id} belong to different networks");
                return Err(bad_value(message));
            }
        }
        _ if !well_formed(id, prefix) => {
            let noun = member.trim_end_matches("Id");
            let message = format!("The {noun} ID '{id}' does not exist");
            return Err(AwsError::invalid(&format!("{code}.NotFound"), message));
        }
        _ => {}
    }
    Ok((member.to_owned(), id.to_owned()))
}

/// Whether a destination is one of the VPC's own blocks, whose routes EC2 made.
fn is_local(state: &State, vpc_id: &str, destination: &str) -> bool {
    let nets = state.ec2.vpcs.get(vpc_id).map(|vpc| vpc.nets()).unwrap_or_default();
    nets.iter().any(|net| net.to_string() == destination)
}

fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "RouteTableId")?;
    let (table_vpc, taken) = {
        let table = ROUTE_TABLE.find(&state.ec2.route_tables, id)?;
        (table.vpc_id.clone(), table.routes.len())
    };
    let (member, to, _) = destination(call)?;
    let target = target(state, call, &table_vpc)?;
    let exists = is_local(state, &table_vpc, &to);
    let table = ROUTE_TABLE.find_mut(&mut state.ec2.route_tables, id)?;
    if exists || table.routes.contains_key(&to) {
        let message = format!("The route identified by {to} already exists.");
        return Err(AwsError::invalid("RouteAlreadyExists", message));
    }
    // 500 since 2024, without the local routes.
    if taken >= 500 {
        let message = "The maximum number of routes has been reached for the route table.";
        return Err(AwsError::invalid("RouteLimitExceeded", message));
    }
    table.routes.insert(to.clone(), Route { destination: (member, to), target });
    Ok(json!({"return": true}))
}

fn replace(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "RouteTableId")?;
    let vpc_id = ROUTE_TABLE.find(&state.ec2.route_tables, id)?.vpc_id.clone();
    let (_, to, _) = destination(call)?;
    let target = target(state, call, &vpc_id)?;
    match ROUTE_TABLE.find_mut(&mut state.ec2.route_tables, id)?.routes.get_mut(&to) {
        Some(route) => route.target = target,
        None => {
            let message = format!("There is no route defined for '{to}' in the route table. Use CreateRoute instead.");
            return Err(bad_value(message));
        }
    }
    Ok(json!({"return": true}))
}

fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "RouteTableId")?;
    let vpc_id = ROUTE_TABLE.find(&state.ec2.route_tables, id)?.vpc_id.clone();
    let (_, to, name) = destination(call)?;
    if is_local(state, &vpc_id, &to) {
        return Err(bad_value(format!("cannot remove local route {to} in route table {id}")));
    }
    match ROUTE_TABLE.find_mut(&mut state.ec2.route_tables, id)?.routes.remove(&to) {
        Some(_) => Ok(json!({"return": true})),
        None => {
            let message = format!("no route with {name} {to} in route table {id}");
            Err(AwsError::invalid("InvalidRoute.NotFound", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    fn routes(account: &mut Account, table: &Value) -> Value {
        account.ok("DescribeRouteTables", json!({"RouteTableId": [table]}))["routeTableSet"][0]["routeSet"].clone()
    }

    #[test]
    fn a_route_goes_black_when_its_gateway_is_detached() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        let table = account.ok("CreateRouteTable", json!({"VpcId": vpc}))["routeTable"]["routeTableId"].clone();
        let gateway = account.ok("CreateInternetGateway", json!({}))["internetGateway"]["internetGatewayId"].clone();
        let route = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway});
        assert_eq!(account.error("CreateRoute", route.clone()).code, "InvalidParameterValue");
        account.ok("AttachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}));
        account.ok("CreateRoute", route.clone());
        assert_eq!(
            account.error("CreateRoute", route.clone()).message,
            "The route identified by 0.0.0.0/0 already exists."
        );
        assert_eq!(routes(&mut account, &table)[0]["gatewayId"], "local");
        assert_eq!(routes(&mut account, &table)[1]["state"], "active");
        account.ok("DetachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}));
        assert_eq!(routes(&mut account, &table)[1]["state"], "blackhole");

        let local = "lgw-0123456789abcdef0";
        let replaced = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "LocalGatewayId": local});
        account.ok("ReplaceRoute", replaced);
        assert_eq!(routes(&mut account, &table)[1]["localGatewayId"], local);
        let destination = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"});
        account.ok("DeleteRoute", destination.clone());
        assert_eq!(account.error("DeleteRoute", destination).code, "InvalidRoute.NotFound");
        assert_eq!(account.error("ReplaceRoute", route).code, "InvalidParameterValue");
    }

    #[test]
    fn local_routes_stay_and_requests_are_checked() {
        let mut account = Account::new();
        let vpc = account.vpc("10.0.0.0/16");
        let table = account.ok("CreateRouteTable", json!({"VpcId": vpc}))["routeTable"]["routeTableId"].clone();
        let local = json!({"RouteTableId": table, "DestinationCidrBlock": "10.0.0.0/16"});
        assert_eq!(account.error("DeleteRoute", local.clone()).code, "InvalidParameterValue");
        assert_eq!(account.error("CreateRoute", local).code, "MissingParameter");
        let mut input = json!({"RouteTableId": table, "NatGatewayId": "nat-1"});
        assert_eq!(account.error("CreateRoute", input.clone()).code, "MissingParameter");
        input["DestinationCidrBlock"] = "10.9.8.7/8".into();
        assert_eq!(account.error("CreateRoute", input.clone()).code, "InvalidNatGatewayID.NotFound");
        input["NatGatewayId"] = "nat-0123456789abcdef0".into();
        account.ok("CreateRoute", input);
        assert_eq!(routes(&mut account, &table)[1]["destinationCidrBlock"], "10.0.0.0/8");
    }
}
