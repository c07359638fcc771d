//! A route table of the API in the manifest's words.

use aws_sdk_ec2::types::{self, RouteOrigin, RouteState, RouteTableAssociationStateCode as AssociationState};
use serde::{Deserialize, Serialize};

use super::spec::{Route, RouteTableSpec, SubnetId};
use crate::aws::ec2::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

/// An association of a route table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Association {
    pub(super) id: String,
    /// None for a gateway's, and for the one that makes it the VPC's main table.
    pub(super) subnet: Option<String>,
    pub(super) main: bool,
}

/// `declared` decides in which of two ways a route is shown that AWS answers in both.
pub(super) fn lower(table: &types::RouteTable, declared: Option<&RouteTableSpec>) -> Found<RouteTableSpec> {
    let id = table.route_table_id().unwrap_or_default().to_owned();
    let there: Vec<&types::RouteTableAssociation> = table
        .associations()
        .iter()
        .filter(|one| one.main() != Some(true))
        .filter(|one| !matches!(state(one), Some(AssociationState::Disassociated | AssociationState::Disassociating)))
        .collect();
    let main = table.associations().iter().find(|one| one.main() == Some(true));
    let associations: Vec<Association> = there
        .iter()
        .copied()
        .chain(main)
        .map(|one| Association {
            id: one.route_table_association_id().unwrap_or_default().to_owned(),
            subnet: one.subnet_id().map(str::to_owned),
            main: one.main() == Some(true),
        })
        .collect();
    Found {
        attributes: Attributes::from([("id".to_owned(), id.clone())]),
        id,
        key: None,
        spec: RouteTableSpec {
            vpc_id: table.vpc_id().unwrap_or_default().to_owned(),
            routes: Some(
                table.routes().iter().filter(|route| is_ours(route)).map(|one| lower_route(one, declared)).collect(),
            ),
            subnet_ids: Some(associations.iter().filter_map(|one| one.subnet.clone().map(SubnetId)).collect()),
            main: Some(main.is_some()),
        },
        tags: tags_of(table.tags()),
        readiness: there
            .iter()
            .map(|one| readiness(one))
            .find(|one| *one != Readiness::Ready)
            .unwrap_or(Readiness::Ready),
        detail: serde_json::to_value(associations).unwrap_or_default(),
    }
}

fn state(association: &types::RouteTableAssociation) -> Option<&AssociationState> {
    association.association_state()?.state()
}

fn readiness(association: &types::RouteTableAssociation) -> Readiness {
    let with = association.subnet_id().or(association.gateway_id()).unwrap_or_default();
    match state(association) {
        Some(AssociationState::Associating) => Readiness::Pending(format!("{with} is being associated")),
        Some(AssociationState::Failed) => {
            let why = association.association_state().and_then(|state| state.status_message()).unwrap_or_default();
            Readiness::Failed(format!("{with} could not be associated: {why}"))
        }
        _ => Readiness::Ready,
    }
}

/// Whether somebody made the route, not AWS.
fn is_ours(route: &types::Route) -> bool {
    let gateway = route.gateway_id().unwrap_or_default();
    let of_endpoint = gateway.starts_with("vpce-") && route.destination_prefix_list_id().is_some();
    let by_aws = matches!(
        route.origin(),
        Some(RouteOrigin::CreateRouteTable | RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement)
    );
    gateway != "local" && !of_endpoint && !by_aws
}

fn lower_route(route: &types::Route, declared: Option<&RouteTableSpec>) -> Route {
    let text = |value: Option<&str>| value.map(str::to_owned);
    let mut lowered = Route {
        destination_cidr_block: text(route.destination_cidr_block()),
        destination_ipv6_cidr_block: text(route.destination_ipv6_cidr_block()),
        destination_prefix_list_id: text(route.destination_prefix_list_id()),
        gateway_id: text(route.gateway_id()),
        nat_gateway_id: text(route.nat_gateway_id()),
        instance_id: text(route.instance_id()),
        network_interface_id: text(route.network_interface_id()),
        transit_gateway_id: text(route.transit_gateway_id()),
        local_gateway_id: text(route.local_gateway_id()),
        egress_only_internet_gateway_id: text(route.egress_only_internet_gateway_id()),
        vpc_peering_connection_id: text(route.vpc_peering_connection_id()),
        carrier_gateway_id: text(route.carrier_gateway_id()),
        core_network_arn: text(route.core_network_arn()),
        state: (route.state() == Some(&RouteState::Blackhole)).then(|| "blackhole".to_owned()),
    };
    // AWS answers an instance with its interface, whichever of them the route was made with.
    if lowered.instance_id.is_some() && lowered.network_interface_id.is_some() {
        let same = declared
            .and_then(|spec| spec.routes.iter().flatten().find(|one| one.destination() == lowered.destination()));
        if same.is_some_and(|route| route.network_interface_id.is_some()) {
            lowered.instance_id = None;
        } else {
            lowered.network_interface_id = None;
        }
    }
    lowered
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{RouteTableAssociation, RouteTableAssociationState};

    use super::*;

    fn route(destination: &str) -> types::builders::RouteBuilder {
        types::Route::builder()
            .destination_cidr_block(destination)
            .origin(RouteOrigin::CreateRoute)
            .state(RouteState::Active)
    }

    fn association(id: &str, subnet: &str, state: AssociationState) -> RouteTableAssociation {
        RouteTableAssociation::builder()
            .route_table_association_id(id)
            .subnet_id(subnet)
            .association_state(RouteTableAssociationState::builder().state(state).build())
            .build()
    }

    fn table(routes: Vec<types::Route>, associations: Vec<RouteTableAssociation>) -> types::RouteTable {
        types::RouteTable::builder()
            .route_table_id("rtb-1")
            .vpc_id("vpc-1")
            .set_routes(Some(routes))
            .set_associations(Some(associations))
            .build()
    }

    #[test]
    fn what_aws_put_there_is_left_out() {
        let routes = vec![
            route("10.0.0.0/16").gateway_id("local").origin(RouteOrigin::CreateRouteTable).build(),
            route("10.8.0.0/16").gateway_id("vgw-1").origin(RouteOrigin::EnableVgwRoutePropagation).build(),
            types::Route::builder().destination_prefix_list_id("pl-1").gateway_id("vpce-1").build(),
            route("0.0.0.0/0").gateway_id("igw-1").build(),
        ];
        let found = lower(&table(routes, Vec::new()), None);
        let routes = found.spec.routes.unwrap();
        assert_eq!(routes.iter().map(Route::destination).collect::<Vec<_>>(), ["0.0.0.0/0"]);
        assert_eq!(routes[0].state, None);
    }

    #[test]
    fn a_route_to_nowhere_differs_from_what_is_declared() {
        let routes = vec![route("0.0.0.0/0").gateway_id("igw-1").state(RouteState::Blackhole).build()];
        let live = serde_json::to_value(lower(&table(routes, Vec::new()), None).spec).unwrap();
        assert_eq!(live["routes"][0]["state"], "blackhole");
    }

    #[test]
    fn an_instance_is_shown_as_it_was_declared() {
        let live =
            || table(vec![route("10.9.0.0/16").instance_id("i-1").network_interface_id("eni-1").build()], vec![]);
        let by_default = lower(&live(), None).spec.routes.unwrap();
        assert_eq!((by_default[0].instance_id.as_deref(), &by_default[0].network_interface_id), (Some("i-1"), &None));
        let declared = Route {
            destination_cidr_block: Some("10.9.0.0/16".to_owned()),
            network_interface_id: Some("eni-1".to_owned()),
            ..Route::default()
        };
        let declared =
            RouteTableSpec { vpc_id: String::new(), routes: Some(vec![declared]), subnet_ids: None, main: None };
        let routes = lower(&live(), Some(&declared)).spec.routes.unwrap();
        assert_eq!((&routes[0].instance_id, routes[0].network_interface_id.as_deref()), (&None, Some("eni-1")));
    }

    #[test]
    fn associations_keep_their_ids_and_the_main_one_is_apart() {
        let main = RouteTableAssociation::builder().route_table_association_id("a-0").main(true).build();
        let associations = vec![
            main,
            association("a-1", "subnet-1", AssociationState::Associated),
            association("a-2", "subnet-2", AssociationState::Disassociating),
            association("a-3", "subnet-3", AssociationState::Associating),
        ];
        let found = lower(&table(Vec::new(), associations), None);
        let subnets = ["subnet-1", "subnet-3"].map(|id| SubnetId(id.to_owned()));
        assert_eq!(found.spec.subnet_ids.as_deref(), Some(&subnets[..]));
        assert_eq!(found.detail[1], serde_json::json!({"id": "a-3", "subnet": "subnet-3", "main": false}));
        assert_eq!((found.spec.main, &found.detail[2]["id"]), (Some(true), &"a-0".into()));
        assert!(matches!(found.readiness, Readiness::Pending(_)));
    }
}
