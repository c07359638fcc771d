//! VPC-07 to VPC-09 and VPC-11: route tables and internet gateways.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::blocks::{self, Family, block};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::is_open;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "VPC-07",
        severity: Error,
        title: "a route that is not from one destination to one target",
        why: "CreateRoute takes one destination and one target of the right sort, each destination once \
              (\"RouteAlreadyExists\"), and not the VPC's own block, which has its local route. Bits beyond a prefix are a \
              warning: AWS stores the block without them.",
        source: "Amazon EC2 API, CreateRoute",
        check: Check::Each("RouteTable", routes),
        bad: "
kind: RouteTable
metadata: {name: out}
spec:
  vpcId: vpc-0123456789abcdef0
  routes:
    - {destinationCidrBlock: 0.0.0.0/0, gatewayId: igw-0123456789abcdef0, natGatewayId: nat-0123456789abcdef0}
",
        good: "
kind: RouteTable
metadata: {name: out}
spec:
  vpcId: vpc-0123456789abcdef0
  routes:
    - {destinationCidrBlock: 0.0.0.0/0, gatewayId: igw-0123456789abcdef0}
",
    },
    Rule {
        id: "VPC-08",
        severity: Error,
        title: "a subnet in two route tables, or in one of another VPC",
        why: "A subnet has one route table, of its own VPC: \"Resource.AlreadyAssociated\". Of two tables that claim it, \
              each run would take it from the other. Twice in one list is a warning.",
        source: "Amazon EC2 API, AssociateRouteTable",
        check: Check::All(associations),
        bad: "
kind: RouteTable
metadata: {name: one}
spec: {vpcId: vpc-0123456789abcdef0, subnetIds: [subnet-0123456789abcdef0]}
---
kind: RouteTable
metadata: {name: two}
spec: {vpcId: vpc-0123456789abcdef0, subnetIds: [subnet-0123456789abcdef0]}
",
        good: "
kind: RouteTable
metadata: {name: one}
spec: {vpcId: vpc-0123456789abcdef0, subnetIds: [subnet-0123456789abcdef0]}
---
kind: RouteTable
metadata: {name: two}
spec: {vpcId: vpc-0123456789abcdef0, subnetIds: [subnet-0123456789abcdef1]}
",
    },
    Rule {
        id: "VPC-09",
        severity: Error,
        title: "two internet gateways of one VPC",
        why: "A VPC takes one: AttachInternetGateway refuses the second with \"InvalidParameterValue\" \
              (\"Resource.AlreadyAssociated\" in older texts).",
        source: "Amazon EC2 API, AttachInternetGateway",
        check: Check::All(gateways),
        bad: "
kind: InternetGateway
metadata: {name: one}
spec: {vpcId: vpc-0123456789abcdef0}
---
kind: InternetGateway
metadata: {name: two}
spec: {vpcId: vpc-0123456789abcdef0}
",
        good: "
kind: InternetGateway
metadata: {name: one}
spec: {vpcId: vpc-0123456789abcdef0}
---
kind: InternetGateway
metadata: {name: two}
spec: {vpcId: vpc-0123456789abcdef1}
",
    },
    Rule {
        id: "VPC-11",
        severity: Error,
        title: "two main route tables of one VPC",
        why: "A VPC has one main table. Of two that claim the place, each run would take it from the other.",
        source: "Amazon EC2 API, ReplaceRouteTableAssociation",
        check: Check::All(main_tables),
        bad: "
kind: RouteTable
metadata: {name: one}
spec: {vpcId: vpc-0123456789abcdef0, main: true}
---
kind: RouteTable
metadata: {name: two}
spec: {vpcId: vpc-0123456789abcdef0, main: true}
",
        good: "
kind: RouteTable
metadata: {name: one}
spec: {vpcId: vpc-0123456789abcdef0, main: true}
---
kind: RouteTable
metadata: {name: two}
spec: {vpcId: vpc-0123456789abcdef0}
",
    },
];

const DESTINATIONS: [&str; 3] = ["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"];

/// The targets with how their ids begin.
const TARGETS: &[(&str, &[&str])] = &[
    ("gatewayId", &["igw-", "vgw-", "vpce-", "local"]),
    ("natGatewayId", &["nat-"]),
    ("instanceId", &["i-"]),
    ("networkInterfaceId", &["eni-"]),
    ("transitGatewayId", &["tgw-"]),
    ("localGatewayId", &["lgw-"]),
    ("egressOnlyInternetGatewayId", &["eigw-"]),
    ("vpcPeeringConnectionId", &["pcx-"]),
    ("carrierGatewayId", &["cagw-"]),
    ("coreNetworkArn", &["arn:"]),
];

fn routes(table: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let vpc = declared.target(table.get("vpcId"));
    let own = vpc.and_then(|vpc| block(vpc.get("cidrBlock")));
    let mut seen: BTreeMap<String, Node<'_>> = BTreeMap::new();
    for route in table.get("routes").items() {
        one_destination(route, hits);
        one_target(route, hits);
        let Some(destination) = DESTINATIONS.into_iter().map(|member| route.get(member)).find(|one| one.is_given())
        else {
            continue;
        };
        let Some(text) = destination.text() else { continue };
        let parsed = text.parse::<IpNet>().ok().map(|block| block.trunc());
        if parsed.is_some() && parsed == own && !route.get("gatewayId").is("local") {
            hits.add(destination, format!("{text} is the VPC's own block, which has its local route"))
                .help("take the route out, or name a part of the block");
        }
        let key = parsed.map_or_else(|| text.to_owned(), |block| block.to_string());
        match seen.get(&key) {
            Some(first) => {
                hits.add(destination, format!("a second route for {key}")).beside(*first, "the first");
            }
            None => {
                seen.insert(key, destination);
            }
        }
    }
}

fn one_destination(route: Node<'_>, hits: &mut Hits) {
    let given: Vec<&str> = DESTINATIONS.into_iter().filter(|member| route.get(member).is_given()).collect();
    match given[..] {
        [_] => {}
        [] => {
            hits.add(route, "the route does not say where to")
                .help("add destinationCidrBlock: 0.0.0.0/0 for everything that no other route is for");
        }
        _ => {
            hits.add(route, format!("a route is for one destination, and this has {}", given.join(", ")))
                .help("write a route for each");
        }
    }
    blocks::check(Family::Ipv4, route, "destinationCidrBlock", hits);
    blocks::check(Family::Ipv6, route, "destinationIpv6CidrBlock", hits);
}

fn one_target(route: Node<'_>, hits: &mut Hits) {
    let given: Vec<&(&str, &[&str])> = TARGETS.iter().filter(|(member, _)| route.get(member).is_given()).collect();
    match given[..] {
        [(member, prefixes)] => {
            let node = route.get(member);
            if let Some(value) = node.text()
                && !prefixes.iter().any(|prefix| value.starts_with(prefix))
            {
                hits.add(node, format!("`{value}` is nothing that {member} takes: {}…", prefixes.join("…, ")))
                    .help("each sort of target has a member of its own");
            }
        }
        [] => {
            hits.add(route, "the route has no target").help("add one, as gatewayId: ${InternetGateway.NAME}");
        }
        _ => {
            let members: Vec<&str> = given.iter().map(|(member, _)| *member).collect();
            hits.add(route, format!("a route has one target, and this has {}", members.join(", ")))
                .help("keep the one that packets shall take");
        }
    }
}

fn associations(declared: &Declared<'_>, hits: &mut Hits) {
    let mut claimed: BTreeMap<&str, (Node<'_>, Node<'_>)> = BTreeMap::new();
    for table in declared.of("RouteTable") {
        for item in table.get("subnetIds").items() {
            let Some(id) = item.written() else { continue };
            another_vpc(table, item, declared, hits);
            match claimed.get(id) {
                Some((first, place)) if first.address() == table.address() => {
                    hits.add_as(Warning, item, "this subnet is in the list already")
                        .help("take it out")
                        .beside(*place, "here it is");
                }
                Some((first, place)) => {
                    let name = declared.target(item).map_or_else(|| id.to_owned(), |one| one.address().to_string());
                    hits.add(item, format!("{} has {name} as well, and a subnet has one route table", first.address()))
                        .help("take it out of one of them")
                        .beside(*place, format!("{} has it here", first.address()));
                }
                None => {
                    claimed.insert(id, (table, item));
                }
            }
        }
    }
}

fn another_vpc(table: Node<'_>, item: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some(subnet) = declared.target(item) else { return };
    if are_different(table.get("vpcId"), subnet.get("vpcId")) {
        hits.add(item, format!("{} is in another VPC", subnet.address()))
            .help("a route table serves subnets of its own VPC")
            .beside(subnet.get("vpcId"), "the subnet's VPC")
            .beside(table.get("vpcId"), "the table's VPC");
    }
}

/// Whether two VPCs are certainly not the same one: both are declared, or both are given by id.
pub(super) fn are_different(one: Node<'_>, other: Node<'_>) -> bool {
    match (one.written(), other.written()) {
        (Some(one), Some(other)) => one != other && is_open(one) == is_open(other),
        _ => false,
    }
}

fn gateways(declared: &Declared<'_>, hits: &mut Hits) {
    for (first, second) in second_ones(declared.of("InternetGateway").map(|gateway| gateway.get("vpcId"))) {
        hits.add(second, format!("{} is attached to this VPC already, and a VPC takes one", first.address()))
            .help("let the routes go through one gateway")
            .beside(first, "the first");
    }
}

fn main_tables(declared: &Declared<'_>, hits: &mut Hits) {
    let tables = declared.of("RouteTable").filter(|table| table.get("main").is_true());
    for (first, second) in second_ones(tables.map(|table| table.get("vpcId"))) {
        hits.add(second.whole().get("main"), format!("{} is the VPC's main table already", first.address()))
            .help("take main out of one of them")
            .beside(first.whole().get("main"), "the first");
    }
}

/// Those that say what one before has said, with that one.
fn second_ones<'a>(nodes: impl Iterator<Item = Node<'a>>) -> Vec<(Node<'a>, Node<'a>)> {
    let mut first: BTreeMap<&str, Node<'a>> = BTreeMap::new();
    let mut found = Vec::new();
    for node in nodes {
        let Some(text) = node.written() else { continue };
        match first.get(text) {
            Some(one) => found.push((*one, node)),
            None => {
                first.insert(text, node);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn messages(routes: &str) -> Vec<String> {
        let example = format!(
            "kind: Vpc\nmetadata: {{name: branch}}\nspec: {{cidrBlock: 10.17.0.0/16}}\n---\nkind: RouteTable\n\
             metadata: {{name: out}}\nspec:\n  vpcId: ${{Vpc.branch}}\n  routes: [{routes}]\n"
        );
        findings(&example).iter().map(|one| one.message.to_string()).collect()
    }

    #[test]
    fn routes_have_one_of_each() {
        assert_eq!(messages("{destinationCidrBlock: 10.17.0.0/16, gatewayId: local}"), [""; 0]);
        assert_eq!(messages("{destinationCidrBlock: 10.17.4.0/24, natGatewayId: nat-1}"), [""; 0]);
        for (routes, message) in [
            ("{gatewayId: igw-1}", "does not say where to"),
            ("{destinationCidrBlock: 0.0.0.0/0}", "has no target"),
            ("{destinationCidrBlock: 0.0.0.0/0, natGatewayId: igw-1}", "nothing that natGatewayId takes"),
            ("{destinationCidrBlock: 0.0.0.0/0, destinationPrefixListId: pl-1, gatewayId: igw-1}", "one destination"),
            ("{destinationCidrBlock: 10.17.0.0/16, natGatewayId: nat-1}", "the VPC's own block"),
            (
                "{destinationCidrBlock: 10.1.0.0/16, gatewayId: vgw-1}, {destinationCidrBlock: 10.1.0.0/16, natGatewayId: nat-1}",
                "a second route for 10.1.0.0/16",
            ),
        ] {
            let found = messages(routes);
            assert!(found.len() == 1 && found[0].contains(message), "{routes}: {found:?}");
        }
    }

    #[test]
    fn a_subnet_belongs_to_tables_of_its_vpc() {
        let example = "
kind: Vpc
metadata: {name: one}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Vpc
metadata: {name: two}
spec: {cidrBlock: 10.18.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.one}', cidrBlock: 10.17.1.0/24}
---
kind: RouteTable
metadata: {name: out}
spec: {vpcId: '${Vpc.two}', subnetIds: ['${Subnet.floor}', '${Subnet.floor}']}
";
        let found: Vec<String> = findings(example).iter().map(|one| one.message.to_string()).collect();
        // Twice in another VPC, once in the list already.
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
