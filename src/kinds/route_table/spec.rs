//! What a manifest may say of a route table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aws::ec2::{canonical_cidr, in_camel_case};

/// A route table. AWS adds the local routes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTableSpec {
    /// The VPC. A change needs a new route table.
    #[schemars(extend("x-ref" = "Vpc", "x-ref-attribute" = "id"))]
    pub vpc_id: String,
    /// Where packets go, by destination; the longest match wins. Absent: none but the local ones. A route that is
    /// not here is deleted.
    pub routes: Option<Vec<Route>>,
    /// The subnets whose packets follow these routes; a subnet has one route table, and without one the VPC's main
    /// table. Absent: none.
    pub subnet_ids: Option<Vec<SubnetId>>,
    /// Whether it is the VPC's main table, which serves the subnets that are in no table's list. Absent: false; then
    /// that is the table which AWS made with the VPC.
    pub main: Option<bool>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-ref" = "Subnet", "x-ref-attribute" = "id"))]
#[serde(transparent)]
pub struct SubnetId(pub String);

/// One route: one destination and one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The IPv4 addresses that the route is for; 0.0.0.0/0 for everything that no other route is for.
    pub destination_cidr_block: Option<String>,
    /// The IPv6 addresses that the route is for.
    pub destination_ipv6_cidr_block: Option<String>,
    /// The prefix list that the route is for: pl-….
    pub destination_prefix_list_id: Option<String>,
    /// An internet gateway, a virtual private gateway (vgw-…) or a gateway load balancer's endpoint (vpce-…).
    #[schemars(extend("x-ref" = "InternetGateway", "x-ref-attribute" = "id"))]
    pub gateway_id: Option<String>,
    /// A NAT gateway: nat-….
    pub nat_gateway_id: Option<String>,
    /// An instance that passes packets on; it needs one network interface and no source/destination check.
    #[schemars(extend("x-ref" = "Instance", "x-ref-attribute" = "id"))]
    pub instance_id: Option<String>,
    /// A network interface: eni-….
    pub network_interface_id: Option<String>,
    /// A transit gateway: tgw-….
    pub transit_gateway_id: Option<String>,
    /// The local gateway of an Outpost, to the network of the building: lgw-…. Its route table must be associated
    /// with the VPC before.
    pub local_gateway_id: Option<String>,
    /// An egress-only internet gateway, for IPv6: eigw-….
    pub egress_only_internet_gateway_id: Option<String>,
    /// A peering connection with another VPC: pcx-….
    pub vpc_peering_connection_id: Option<String>,
    /// A carrier gateway of a Wavelength zone: cagw-….
    pub carrier_gateway_id: Option<String>,
    /// The ARN of a core network.
    pub core_network_arn: Option<String>,
    /// `blackhole` in live state when the target is gone; a manifest cannot say it.
    #[schemars(skip)]
    pub state: Option<String>,
}

impl Route {
    /// What the route is for.
    pub(super) fn destination(&self) -> &str {
        let all = [&self.destination_cidr_block, &self.destination_ipv6_cidr_block, &self.destination_prefix_list_id];
        all.into_iter().flatten().next().map_or("", String::as_str)
    }

    /// Whether it is one of those that every route table has.
    fn is_local(&self) -> bool {
        self.gateway_id.as_deref() == Some("local")
    }
}

impl RouteTableSpec {
    pub(super) fn normalise(&mut self) {
        let routes = self.routes.get_or_insert_default();
        routes.retain(|route| !route.is_local());
        for route in routes.iter_mut() {
            for block in [&mut route.destination_cidr_block, &mut route.destination_ipv6_cidr_block] {
                *block = block.as_deref().map(canonical_cidr);
            }
        }
        routes.sort();
        let subnets = self.subnet_ids.get_or_insert_default();
        subnets.sort();
        subnets.dedup();
        self.main.get_or_insert(false);
    }
}

/// Takes an answer of `aws ec2 describe-route-tables` as well.
pub(super) fn accept(spec: &mut Value) -> Vec<String> {
    in_camel_case(spec);
    let Some(members) = spec.as_object_mut() else { return Vec::new() };
    let mut dropped: Vec<String> = ["routeTableId", "ownerId", "propagatingVgws"]
        .into_iter()
        .filter(|name| members.shift_remove(*name).is_some())
        .map(str::to_owned)
        .collect();
    if let Some(Value::Array(associations)) = members.shift_remove("associations") {
        dropped.push("associations".to_owned());
        let subnets: Vec<Value> = associations.iter().filter_map(|one| one.get("subnetId").cloned()).collect();
        if !subnets.is_empty() && !members.contains_key("subnetIds") {
            members.insert("subnetIds".to_owned(), subnets.into());
        }
    }
    for route in members.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(route) = route.as_object_mut() {
            accept_route(route, &mut dropped);
        }
    }
    dropped
}

/// Drops what AWS answers of a route beside its destination and target.
fn accept_route(route: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    let mut drop = |name: &str| {
        let path = format!("routes[].{name}");
        if route.shift_remove(name).is_some() && !dropped.contains(&path) {
            dropped.push(path);
        }
    };
    drop("origin");
    drop("state");
    if route.contains_key("instanceOwnerId") {
        // AWS says of an instance what its interface is.
        let mut echoes = vec!["instanceOwnerId"];
        echoes.extend(route.contains_key("instanceId").then_some("networkInterfaceId"));
        for name in echoes {
            route.shift_remove(name);
            let path = format!("routes[].{name}");
            if !dropped.contains(&path) {
                dropped.push(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(value: Value) -> RouteTableSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn order_host_bits_and_local_routes_do_not_matter() {
        let mut one = spec(json!({"vpcId": "vpc-1", "subnetIds": ["b", "a", "b"], "routes": [
            {"destinationCidrBlock": "10.9.0.1/16", "transitGatewayId": "tgw-1"},
            {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"},
            {"destinationCidrBlock": "10.0.0.0/16", "gatewayId": "local"},
        ]}));
        let mut other = spec(json!({"vpcId": "vpc-1", "subnetIds": ["a", "b"], "routes": [
            {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"},
            {"destinationCidrBlock": "10.9.0.0/16", "transitGatewayId": "tgw-1"},
        ]}));
        one.normalise();
        other.normalise();
        assert_eq!(one, other);
    }

    #[test]
    fn an_answer_of_the_cli_can_be_pasted() {
        let mut pasted = json!({
            "RouteTableId": "rtb-1", "VpcId": "vpc-1", "OwnerId": "1", "PropagatingVgws": [],
            "Associations": [{"Main": false, "SubnetId": "subnet-1", "RouteTableAssociationId": "rtbassoc-1"}],
            "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "InstanceId": "i-1", "InstanceOwnerId": "1",
                "NetworkInterfaceId": "eni-1", "Origin": "CreateRoute", "State": "active"}],
        });
        let dropped = accept(&mut pasted);
        assert_eq!(
            pasted,
            json!({"vpcId": "vpc-1", "routes": [{"destinationCidrBlock": "0.0.0.0/0", "instanceId": "i-1"}],
                "subnetIds": ["subnet-1"]})
        );
        assert!(dropped.contains(&"routes[].state".to_owned()));
    }

    #[test]
    fn a_manifest_cannot_say_the_state_of_a_route() {
        let schema = crate::kinds::by_name("RouteTable").unwrap().schema();
        let route = &schema["$defs"]["Route"];
        assert_eq!(route["additionalProperties"], false);
        assert!(route["properties"].get("state").is_none());
    }
}
