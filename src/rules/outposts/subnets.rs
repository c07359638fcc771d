//! OUT-01, OUT-02, OUT-14, OUT-15, OUT-18 and OUT-25: subnets on Outposts and their routes.

use std::collections::BTreeMap;

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::hosts::{outpost_of, subnet_of};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "OUT-01",
        severity: Error,
        title: "what is not the ARN of an Outpost",
        why: "CreateSubnet refuses it. An Outpost's id is op- and 17 hexadecimal digits; samples in the documentation have \
              16 letters.",
        source: "AWS Outposts API, OutpostArn",
        check: Check::Each("Subnet", arn),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-xxxxxxxxxxxxxxxx
  availabilityZoneId: euc1-az1
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
",
    },
    Rule {
        id: "OUT-02",
        severity: Error,
        title: "a subnet whose Outpost is elsewhere, or that does not say its zone",
        why: "An Outpost belongs to one Region and one zone, and CreateSubnet wants both said right: \"You must also \
              specify the Availability Zone of the Outpost subnet\". Another account is a warning: Outposts can be shared.",
        source: "Amazon EC2 API, CreateSubnet.OutpostArn",
        check: Check::All(place),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
",
    },
    Rule {
        id: "OUT-14",
        severity: Error,
        title: "what only racks have, on an Outposts server",
        why: "A server has instance storage and local network interfaces; it has no EBS data volumes, no local gateway and \
              no customer-owned addresses. A subnet with enableLniAtDeviceIndex is one on a server.",
        source: "AWS Outposts User Guide for servers; Amazon EC2 API, ModifySubnetAttribute.EnableLniAtDeviceIndex",
        check: Check::All(servers),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
  enableLniAtDeviceIndex: 1
---
kind: RouteTable
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  routes:
    - {destinationCidrBlock: 192.168.0.0/16, localGatewayId: lgw-0123456789abcdef0}
  subnetIds: ['${Subnet.floor}']
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: RouteTable
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  routes:
    - {destinationCidrBlock: 192.168.0.0/16, localGatewayId: lgw-0123456789abcdef0}
  subnetIds: ['${Subnet.floor}']
",
    },
    Rule {
        id: "OUT-15",
        severity: Error,
        title: "customer-owned addresses without a pool, or without an Outpost",
        why: "ModifySubnetAttribute wants the pool together with mapCustomerOwnedIpOnLaunch, and only subnets on an Outpost \
              have either. A pool alone is taken; addresses of it are then given one by one.",
        source: "Amazon EC2 API, ModifySubnetAttribute.MapCustomerOwnedIpOnLaunch",
        check: Check::Each("Subnet", owned_addresses),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
  mapCustomerOwnedIpOnLaunch: true
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
  mapCustomerOwnedIpOnLaunch: true
  customerOwnedIpv4Pool: ipv4pool-coip-0123456789abcdef0
",
    },
    Rule {
        id: "OUT-18",
        severity: Warning,
        title: "customer-owned addresses in a subnet without a route to the local gateway",
        why: "The building's network reaches such addresses through the Outpost's local gateway. A subnet whose route table \
              does not lead there is not announced to it, and answers go another way.",
        source: "AWS Outposts User Guide for racks, Local gateway route tables",
        check: Check::All(way_to_building),
        bad: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
  mapCustomerOwnedIpOnLaunch: true
  customerOwnedIpv4Pool: ipv4pool-coip-0123456789abcdef0
---
kind: RouteTable
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  routes:
    - {destinationCidrBlock: 0.0.0.0/0, gatewayId: igw-0123456789abcdef0}
  subnetIds: ['${Subnet.floor}']
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
  mapCustomerOwnedIpOnLaunch: true
  customerOwnedIpv4Pool: ipv4pool-coip-0123456789abcdef0
---
kind: RouteTable
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  routes:
    - {destinationCidrBlock: 0.0.0.0/0, gatewayId: igw-0123456789abcdef0}
    - {destinationCidrBlock: 192.168.0.0/16, localGatewayId: lgw-0123456789abcdef0}
  subnetIds: ['${Subnet.floor}']
",
    },
    Rule {
        id: "OUT-25",
        severity: Error,
        title: "local network interfaces in a subnet that is not on an Outpost",
        why: "Local network interfaces connect instances on an Outposts server with the building's network; a subnet in \
              the Region has none: \"InvalidParameterValue\". Their device index is 1 or more: the first interface is the \
              VPC's.",
        source: "Amazon EC2 API, ModifySubnetAttribute.EnableLniAtDeviceIndex",
        check: Check::Each("Subnet", local_interfaces),
        bad: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24, enableLniAtDeviceIndex: 1}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: vpc-0123456789abcdef0
  cidrBlock: 10.17.1.0/24
  enableLniAtDeviceIndex: 1
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
",
    },
];

/// Region and account in the ARN of an Outpost: `arn:PARTITION:outposts:REGION:ACCOUNT:outpost/op-` and 17 hexadecimal
/// digits.
fn parts(text: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", _, "outposts", region, account, resource] = parts[..] else { return None };
    let id = resource.strip_prefix("outpost/op-")?;
    let is_arn = !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && id.len() == 17
        && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_arn.then_some((region, account))
}

fn arn(subnet: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = subnet.get("outpostArn");
    if let Some(text) = node.text().filter(|text| parts(text).is_none()) {
        hits.add(node, format!("`{text}` is not the ARN of an Outpost"))
            .help("arn:aws:outposts:REGION:ACCOUNT:outpost/op- and 17 hexadecimal digits");
    }
}

fn place(declared: &Declared<'_>, hits: &mut Hits) {
    let mut zones: BTreeMap<(&str, &str), Node<'_>> = BTreeMap::new();
    for subnet in declared.of("Subnet").filter(|subnet| subnet.get("outpostArn").is_given()) {
        let node = subnet.get("outpostArn");
        region_and_account(node, declared, hits);
        let zone = ["availabilityZone", "availabilityZoneId"];
        if !zone.into_iter().any(|member| subnet.get(member).is_given()) {
            hits.add(node, "a subnet on an Outpost needs the zone that the Outpost is homed in")
                .help("add availabilityZoneId; `aws outposts get-outpost` shows it");
        }
        for member in zone {
            let own = subnet.get(member);
            let (Some(outpost), Some(text)) = (node.text(), own.text()) else { continue };
            let first = *zones.entry((outpost, member)).or_insert(own);
            if !first.is(text) {
                let message = format!("an Outpost has one zone, and {} says another", first.address());
                hits.add(own, message).help("`aws outposts get-outpost` shows it").beside(first, "the other one");
            }
        }
    }
}

fn region_and_account(node: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let Some((region, account)) = node.text().and_then(parts) else { return };
    let stack = declared.stack;
    if stack.region.is_empty() {
        return;
    }
    if region != stack.region {
        hits.add(node, format!("the Outpost belongs to {region}, and the stack is in {}", stack.region))
            .help("a subnet is on Outposts of its own Region");
    } else if account != stack.account {
        hits.add_as(Warning, node, format!("the Outpost is account {account}'s, and the stack's is {}", stack.account))
            .help("that is right where the Outpost is shared with the stack's account");
    }
}

fn servers(declared: &Declared<'_>, hits: &mut Hits) {
    let is_server = |subnet: Node<'_>| outpost_of(subnet).is_some() && subnet.get("enableLniAtDeviceIndex").is_given();
    for subnet in declared.of("Subnet").filter(|subnet| is_server(*subnet)) {
        for member in ["customerOwnedIpv4Pool", "mapCustomerOwnedIpOnLaunch"] {
            let node = subnet.get(member);
            if node.is_given() && node.flag() != Some(false) {
                hits.add(node, "an Outposts server has no customer-owned addresses")
                    .help("its instances have addresses of the building through local network interfaces")
                    .beside(subnet.get("enableLniAtDeviceIndex"), "only servers have these");
                break;
            }
        }
    }
    for host in declared.of("Instance") {
        let Some(subnet) = subnet_of(host, declared).filter(|subnet| is_server(*subnet)) else { continue };
        for device in host.get("blockDeviceMappings").items() {
            if device.get("ebs").is_given() && !device.get("deviceName").is_any(super::hosts::ROOTS) {
                hits.add(device, "an Outposts server has no EBS data volumes")
                    .help("take an instance type with instance storage, as c6id")
                    .beside(subnet.get("enableLniAtDeviceIndex"), "its subnet is on a server");
            }
        }
    }
    for table in declared.of("RouteTable") {
        let mut subnets = table.get("subnetIds").items().filter_map(|one| declared.target(one));
        let Some(subnet) = subnets.find(|subnet| is_server(*subnet)) else { continue };
        for node in table.get("routes").items().map(|route| route.get("localGatewayId")) {
            if node.is_given() {
                hits.add(node, format!("{} is on an Outposts server, which has no local gateway", subnet.address()))
                    .help("its instances reach the building through local network interfaces")
                    .beside(subnet.get("enableLniAtDeviceIndex"), "only servers have these");
            }
        }
    }
}

fn owned_addresses(subnet: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let (pool, map) = (subnet.get("customerOwnedIpv4Pool"), subnet.get("mapCustomerOwnedIpOnLaunch"));
    if !subnet.get("outpostArn").is_given() {
        let given = [pool, map].into_iter().find(|node| node.is_given() && node.flag() != Some(false));
        if let Some(node) = given {
            hits.add(node, "only a subnet on an Outpost has customer-owned addresses").help("add outpostArn");
        }
    } else if map.is_true() && !pool.is_given() {
        hits.add(map, "customer-owned addresses need a pool").help("add customerOwnedIpv4Pool");
    }
}

fn way_to_building(declared: &Declared<'_>, hits: &mut Hits) {
    let mut tables: BTreeMap<&str, Node<'_>> = BTreeMap::new();
    let mut main: BTreeMap<&str, Node<'_>> = BTreeMap::new();
    for table in declared.of("RouteTable") {
        tables.extend(table.get("subnetIds").items().filter_map(|one| Some((one.written()?, table))));
        main.extend(table.get("vpcId").written().filter(|_| table.get("main").is_true()).map(|vpc| (vpc, table)));
    }
    for subnet in declared.of("Subnet").filter(|subnet| subnet.get("mapCustomerOwnedIpOnLaunch").is_true()) {
        let of_subnet = tables.get(format!("${{Subnet.{}.id}}", subnet.address().name).as_str());
        let of_vpc = || main.get(subnet.get("vpcId").written()?);
        let Some(table) = of_subnet.or_else(of_vpc).filter(|_| outpost_of(subnet).is_some()) else { continue };
        if !table.get("routes").items().any(|route| route.get("localGatewayId").is_given()) {
            let message = format!("{} has no route to the local gateway", table.address());
            hits.add(subnet.get("mapCustomerOwnedIpOnLaunch"), message)
                .help("add a route for the building's addresses with localGatewayId: lgw-…")
                .beside(*table, "its route table");
        }
    }
}

fn local_interfaces(subnet: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = subnet.get("enableLniAtDeviceIndex");
    if node.is_given() && !subnet.get("outpostArn").is_given() {
        hits.add(node, "only a subnet on an Outpost has local network interfaces").help("add outpostArn");
    } else if node.number().is_some_and(|index| index < 1) {
        hits.add(node, "a local network interface cannot be the first one, eth0").help("1 for eth1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::findings;

    #[test]
    fn arns_of_outposts() {
        let arn = "arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0";
        assert_eq!(parts(arn), Some(("us-west-2", "123456789012")));
        assert_eq!(parts("arn:aws:outposts:us-west-2:123456789012:outpost/op-xxxxxxxxxxxxxxxx"), None);
        assert_eq!(parts("op-0123456789abcdef0"), None);
    }

    fn codes(members: &str) -> Vec<String> {
        let example = format!(
            "kind: Subnet\nmetadata: {{name: floor}}\nspec: {{vpcId: vpc-0123456789abcdef0, cidrBlock: 10.1.0.0/24, \
             {members}}}\n"
        );
        findings(&example).iter().map(|one| format!("{} {}", one.severity, one.code)).collect()
    }

    #[test]
    fn outposts_are_where_their_subnets_are() {
        let zone = "availabilityZoneId: euc1-az1, outpostArn: 'arn:aws:outposts:";
        let on = |place: &str| codes(&format!("{zone}{place}:outpost/op-0123456789abcdef0'"));
        assert_eq!(on("eu-central-1:123456789012"), [""; 0]);
        assert_eq!(on("us-west-2:123456789012"), ["error OUT-02"]);
        assert_eq!(on("eu-central-1:210987654321"), ["warning OUT-02"]);
    }

    #[test]
    fn what_only_outposts_have() {
        assert_eq!(codes("mapCustomerOwnedIpOnLaunch: true"), ["error OUT-15"]);
        assert_eq!(codes("mapCustomerOwnedIpOnLaunch: false"), [""; 0]);
        assert_eq!(codes("enableLniAtDeviceIndex: 1"), ["error OUT-25"]);
    }
}
