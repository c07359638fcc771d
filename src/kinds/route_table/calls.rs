//! The calls that a route table needs.

use aws_sdk_ec2::types::{self, Filter, ResourceType};
use serde::Deserialize;

use super::lower::{Association, lower};
use super::spec::{Route, RouteTableSpec, SubnetId};
use crate::aws::ec2::{filter, tag_specification};
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Blocker, Changed, Fate, Found, Owner, Progress, STACK_TAG, Scope, Target};

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<RouteTableSpec>>, Fault> {
    let tables = describe(aws, filter(scope, "route-table-id")).await?;
    let stack = &scope.place.stack;
    Ok(tables
        .iter()
        .map(|table| {
            let found = lower(table, None);
            let Owner::Us(address) = found.owner(stack) else { return found };
            let declared = scope.wanted.iter().find(|wanted| wanted.address == address);
            let declared = declared.and_then(|wanted| RouteTableSpec::deserialize(&wanted.spec).ok());
            lower(table, declared.as_ref())
        })
        .collect())
}

async fn describe(aws: &Aws, filter: Filter) -> Result<Vec<types::RouteTable>, Fault> {
    let pages = aws.ec2().describe_route_tables().filters(filter).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeRouteTables"))
}

pub(super) async fn create(aws: &Aws, target: &Target<RouteTableSpec>) -> Result<String, Fault> {
    let call = || {
        aws.ec2()
            .create_route_table()
            .client_token(aws.token(&target.address.to_string()))
            .vpc_id(&target.spec.vpc_id)
            .tag_specifications(tag_specification(ResourceType::RouteTable, &target.tags))
    };
    let answer = aws.eventually(|| async { call().send().await.map_err(fault("ec2:CreateRouteTable")) }).await?;
    Ok(answer.route_table().and_then(|table| table.route_table_id()).unwrap_or_default().to_owned())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<RouteTableSpec>,
    live: &Found<RouteTableSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let id = &live.id;
    let routes = RouteChanges::between(&target.full, &live.spec);
    let subnets = target.full.subnet_ids.as_deref().unwrap_or_default();
    let live_subnets = live.spec.subnet_ids.as_deref().unwrap_or_default();
    // What is new comes first, so that no subnet is without a way for longer than it must.
    for route in routes.create {
        match create_route(aws, id, route).await {
            Err(fault) if fault.code == "RouteAlreadyExists" => replace_route(aws, id, route).await?,
            answer => answer?,
        }
    }
    for route in routes.replace {
        match replace_route(aws, id, route).await {
            Err(fault) if fault.code == "InvalidRoute.NotFound" => create_route(aws, id, route).await?,
            answer => answer?,
        }
    }
    let new: Vec<&SubnetId> = subnets.iter().filter(|subnet| !live_subnets.contains(subnet)).collect();
    associate(aws, id, &new).await?;
    let place = match changed.has("main").then_some(target.full.main) {
        Some(Some(true)) => make_main(aws, &target.full.vpc_id, id).await?,
        Some(_) => give_main_back(aws, live).await?,
        None => Progress::Done,
    };
    if let Progress::Waiting(_) = place {
        return Ok(place);
    }
    for route in routes.delete {
        delete_route(aws, id, route).await?;
    }
    for association in associations(live) {
        let is_gone = association.subnet.is_some_and(|subnet| !subnets.contains(&SubnetId(subnet)));
        if is_gone {
            disassociate(aws, &association.id).await?;
        }
    }
    Ok(Progress::Done)
}

/// What has to happen to the routes.
#[derive(Debug, PartialEq)]
struct RouteChanges<'a> {
    create: Vec<&'a Route>,
    replace: Vec<&'a Route>,
    delete: Vec<&'a Route>,
}

impl<'a> RouteChanges<'a> {
    fn between(wanted: &'a RouteTableSpec, live: &'a RouteTableSpec) -> Self {
        let of = |spec: &'a RouteTableSpec| -> Vec<&'a Route> { spec.routes.iter().flatten().collect() };
        let (wanted, live) = (of(wanted), of(live));
        let same = |among: &[&'a Route], route: &Route| {
            among.iter().find(|one| one.destination() == route.destination()).copied()
        };
        Self {
            create: wanted.iter().filter(|route| same(&live, route).is_none()).copied().collect(),
            replace: wanted
                .iter()
                .filter(|route| same(&live, route).is_some_and(|live| live != **route))
                .copied()
                .collect(),
            delete: live.iter().filter(|route| same(&wanted, route).is_none()).copied().collect(),
        }
    }
}

/// The builders of both calls have the same members and no trait in common.
macro_rules! with_target {
    ($call:expr, $table:expr, $route:expr) => {{
        let (gateway, endpoint) = match &$route.gateway_id {
            Some(id) if id.starts_with("vpce-") => (None, Some(id.clone())),
            id => (id.clone(), None),
        };
        $call
            .route_table_id($table)
            .set_destination_cidr_block($route.destination_cidr_block.clone())
            .set_destination_ipv6_cidr_block($route.destination_ipv6_cidr_block.clone())
            .set_destination_prefix_list_id($route.destination_prefix_list_id.clone())
            .set_gateway_id(gateway)
            .set_vpc_endpoint_id(endpoint)
            .set_nat_gateway_id($route.nat_gateway_id.clone())
            .set_instance_id($route.instance_id.clone())
            .set_network_interface_id($route.network_interface_id.clone())
            .set_transit_gateway_id($route.transit_gateway_id.clone())
            .set_local_gateway_id($route.local_gateway_id.clone())
            .set_egress_only_internet_gateway_id($route.egress_only_internet_gateway_id.clone())
            .set_vpc_peering_connection_id($route.vpc_peering_connection_id.clone())
            .set_carrier_gateway_id($route.carrier_gateway_id.clone())
            .set_core_network_arn($route.core_network_arn.clone())
    }};
}

async fn create_route(aws: &Aws, table: &str, route: &Route) -> Result<(), Fault> {
    let call = || with_target!(aws.ec2().create_route(), table, route);
    aws.eventually(|| async { call().send().await.map_err(fault("ec2:CreateRoute")) }).await.map(drop)
}

async fn replace_route(aws: &Aws, table: &str, route: &Route) -> Result<(), Fault> {
    let call = || with_target!(aws.ec2().replace_route(), table, route);
    aws.eventually(|| async { call().send().await.map_err(fault("ec2:ReplaceRoute")) }).await.map(drop)
}

async fn delete_route(aws: &Aws, table: &str, route: &Route) -> Result<(), Fault> {
    let call = aws
        .ec2()
        .delete_route()
        .route_table_id(table)
        .set_destination_cidr_block(route.destination_cidr_block.clone())
        .set_destination_ipv6_cidr_block(route.destination_ipv6_cidr_block.clone())
        .set_destination_prefix_list_id(route.destination_prefix_list_id.clone());
    unless_gone(call.send().await.map_err(fault("ec2:DeleteRoute")))
}

/// Associates subnets, taking each over from the table that it has now without a moment in between.
async fn associate(aws: &Aws, table: &str, subnets: &[&SubnetId]) -> Result<(), Fault> {
    if subnets.is_empty() {
        return Ok(());
    }
    let ids = subnets.iter().map(|subnet| subnet.0.clone()).collect();
    let filter = Filter::builder().name("association.subnet-id").set_values(Some(ids)).build();
    let elsewhere: Vec<Association> =
        describe(aws, filter).await?.iter().flat_map(|table| associations(&lower(table, None))).collect();
    for SubnetId(subnet) in subnets {
        if let Some(old) = elsewhere.iter().find(|one| one.subnet.as_ref() == Some(subnet)) {
            match replace_association(aws, &old.id, table).await {
                // The other table has let go of it meanwhile.
                Err(fault) if fault.code == "InvalidAssociationID.NotFound" => {}
                answer => {
                    answer?;
                    continue;
                }
            }
        }
        let call = || aws.ec2().associate_route_table().subnet_id(subnet).route_table_id(table).send();
        aws.eventually(|| async { call().await.map_err(fault("ec2:AssociateRouteTable")) }).await?;
    }
    Ok(())
}

/// All tables of a VPC.
async fn of_vpc(aws: &Aws, vpc: &str) -> Result<Vec<types::RouteTable>, Fault> {
    describe(aws, Filter::builder().name("vpc-id").values(vpc).build()).await
}

/// Takes the place of the VPC's main table.
async fn make_main(aws: &Aws, vpc: &str, table: &str) -> Result<Progress, Fault> {
    let tables = of_vpc(aws, vpc).await?;
    let main = tables.iter().flat_map(|one| associations(&lower(one, None))).find(|association| association.main);
    let Some(main) = main else {
        return Err(Fault::found(
            REPLACE,
            Cause::Invalid,
            format!("{vpc} has no main route table to take the place of"),
        ));
    };
    move_main(aws, &main.id, table).await
}

/// Gives the place of the VPC's main table to one that is as the one that AWS made with the VPC, or makes such a one:
/// a VPC is never without, and its last one goes with it.
async fn give_main_back(aws: &Aws, live: &Found<RouteTableSpec>) -> Result<Progress, Fault> {
    let Some(main) = associations(live).into_iter().find(|association| association.main) else {
        return Ok(Progress::Done);
    };
    let vpc = &live.spec.vpc_id;
    let tables = of_vpc(aws, vpc).await?;
    // Nobody named the one that AWS made.
    match tables.iter().filter(|table| is_bare(table)).min_by_key(|table| table.tags().len()) {
        Some(other) => move_main(aws, &main.id, other.route_table_id().unwrap_or_default()).await,
        None => {
            // Without tags, as AWS's own: it is no stack's.
            let token = aws.token(&format!("the main route table of {vpc}"));
            let call = aws.ec2().create_route_table().client_token(token).vpc_id(vpc).send();
            let answer = call.await.map_err(fault("ec2:CreateRouteTable"))?;
            let other = answer.route_table().and_then(|table| table.route_table_id()).unwrap_or_default();
            move_main(aws, &main.id, other).await
        }
    }
}

/// Whether subnets that come to follow it get nowhere but within the VPC, and nobody has a use for it.
fn is_bare(table: &types::RouteTable) -> bool {
    let is_local = |route: &types::Route| route.gateway_id() == Some("local");
    let is_used = !table.associations().is_empty() || !table.propagating_vgws().is_empty();
    let is_owned = table.tags().iter().any(|tag| tag.key() == Some(STACK_TAG));
    !is_used && !is_owned && table.routes().iter().all(is_local)
}

/// Moves the place of the VPC's main table. Each move gives it another id, so that of two tables, one of which gives
/// it back while the other takes it, the later one has to look again.
async fn move_main(aws: &Aws, association: &str, table: &str) -> Result<Progress, Fault> {
    match replace_association(aws, association, table).await {
        Err(fault) if fault.cause == Cause::NotFound => {
            Ok(Progress::Waiting("the VPC's main route table has just changed".to_owned()))
        }
        answer => answer.map(|()| Progress::Done),
    }
}

const REPLACE: &str = "ec2:ReplaceRouteTableAssociation";

async fn replace_association(aws: &Aws, association: &str, table: &str) -> Result<(), Fault> {
    let call = aws.ec2().replace_route_table_association().association_id(association).route_table_id(table);
    call.send().await.map(drop).map_err(fault(REPLACE))
}

pub(super) async fn delete(aws: &Aws, live: &Found<RouteTableSpec>) -> Result<Progress, Fault> {
    if let Progress::Waiting(why) = give_main_back(aws, live).await? {
        return Ok(Progress::Waiting(why));
    }
    for association in associations(live).iter().filter(|association| !association.main) {
        disassociate(aws, &association.id).await?;
    }
    let call = aws.ec2().delete_route_table().route_table_id(&live.id);
    call.send().await.map_err(fault("ec2:DeleteRouteTable"))?;
    Ok(Progress::Done)
}

/// What it is still associated with. Its subnets were let go, so that these came since.
pub(super) async fn blockers(aws: &Aws, live: &Found<RouteTableSpec>) -> Result<Vec<Blocker>, Fault> {
    let tables = describe(aws, Filter::builder().name("route-table-id").values(&live.id).build()).await?;
    let associations = tables.iter().flat_map(|table| table.associations());
    Ok(associations
        .map(|one| {
            let id = one.route_table_association_id().unwrap_or_default();
            let what = match (one.main(), one.subnet_id().or(one.gateway_id())) {
                (Some(true), _) => format!("VPC {}, whose main table it is ({id})", live.spec.vpc_id),
                (_, Some(with)) => format!("association {id} with {with}"),
                (_, None) => format!("association {id}"),
            };
            Blocker::new(what, Fate::Unknown)
        })
        .collect())
}

async fn disassociate(aws: &Aws, association: &str) -> Result<(), Fault> {
    let call = aws.ec2().disassociate_route_table().association_id(association);
    unless_gone(call.send().await.map_err(fault("ec2:DisassociateRouteTable")))
}

fn unless_gone<T>(answer: Result<T, Fault>) -> Result<(), Fault> {
    match answer {
        Err(fault) if fault.cause == Cause::NotFound => Ok(()),
        answer => answer.map(drop),
    }
}

fn associations(found: &Found<RouteTableSpec>) -> Vec<Association> {
    Vec::deserialize(&found.detail).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: &str, gateway: &str) -> Route {
        Route {
            destination_cidr_block: Some(destination.to_owned()),
            gateway_id: Some(gateway.to_owned()),
            ..Route::default()
        }
    }

    fn spec(routes: Vec<Route>) -> RouteTableSpec {
        RouteTableSpec { vpc_id: "vpc-1".to_owned(), routes: Some(routes), subnet_ids: None, main: None }
    }

    #[test]
    fn a_table_with_any_use_is_not_bare() {
        let route = |gateway: &str| types::Route::builder().gateway_id(gateway).build();
        let table = || types::RouteTable::builder().route_table_id("rtb-1").routes(route("local"));
        let tagged = |key: &str| types::Tag::builder().key(key).value("x").build();
        let serves = types::RouteTableAssociation::builder().gateway_id("igw-1").build();
        let cases = [
            (table(), true),
            (table().tags(tagged("Name")), true),
            (table().routes(route("igw-1")), false),
            (table().routes(types::Route::builder().nat_gateway_id("nat-1").build()), false),
            (table().associations(serves), false),
            (table().propagating_vgws(types::PropagatingVgw::builder().gateway_id("vgw-1").build()), false),
            (table().tags(tagged(STACK_TAG)), false),
        ];
        for (table, expected) in cases {
            let table = table.build();
            assert_eq!(is_bare(&table), expected, "{table:#?}");
        }
    }

    #[test]
    fn routes_are_told_apart_by_destination() {
        let wanted =
            spec(vec![route("0.0.0.0/0", "igw-1"), route("10.1.0.0/16", "vgw-1"), route("10.2.0.0/16", "vgw-1")]);
        let mut dead = route("10.2.0.0/16", "vgw-1");
        dead.state = Some("blackhole".to_owned());
        let live = spec(vec![route("0.0.0.0/0", "igw-2"), dead, route("10.3.0.0/16", "vgw-1")]);
        let changes = RouteChanges::between(&wanted, &live);
        let destinations =
            |routes: &[&Route]| -> Vec<String> { routes.iter().map(|route| route.destination().to_owned()).collect() };
        assert_eq!(destinations(&changes.create), ["10.1.0.0/16"]);
        assert_eq!(destinations(&changes.replace), ["0.0.0.0/0", "10.2.0.0/16"]);
        assert_eq!(destinations(&changes.delete), ["10.3.0.0/16"]);
    }
}
