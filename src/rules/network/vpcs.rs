//! VPC-01 to VPC-06, VPC-10 and VPC-12: VPCs and subnets.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use super::blocks::{self, Family, block, block_v4};
use super::{Check, Declared, Hits, Node, Rule};
use crate::address::Address;
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::workload::{definition, network};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "VPC-01",
        severity: Error,
        title: "a VPC's block that is none, or of a size that AWS does not take",
        why: "CreateVpc refuses what is no IPv4 block, and blocks other than /16 to /28 (\"InvalidVpc.Range\"). Bits \
              beyond the prefix are a warning: AWS stores the block without them.",
        source: "Amazon EC2 API, CreateVpc.CidrBlock",
        check: Check::Each("Vpc", size),
        bad: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.0.0.0/8}
",
        good: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.0.0.0/16}
",
    },
    Rule {
        id: "VPC-02",
        severity: Error,
        title: "a subnet's block that is none, of a wrong size, or outside its VPC's",
        why: "CreateSubnet takes /16 to /28 within the VPC's addresses and refuses the rest: \"InvalidSubnet.Range\". \
              Bits beyond the prefix are a warning: AWS stores the block without them.",
        source: "Amazon EC2 API, CreateSubnet.CidrBlock",
        check: Check::Each("Subnet", within),
        bad: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.branch}', cidrBlock: 10.18.1.0/24}
",
        good: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.branch}', cidrBlock: 10.17.1.0/24}
",
    },
    Rule {
        id: "VPC-03",
        severity: Error,
        title: "two subnets of a VPC that overlap",
        why: "CreateSubnet refuses the second one: \"InvalidSubnet.Conflict\".",
        source: "Amazon EC2 API, CreateSubnet.CidrBlock",
        check: Check::All(overlaps),
        bad: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.0.0/20}
---
kind: Subnet
metadata: {name: roof}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.0.0/24}
---
kind: Subnet
metadata: {name: roof}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24}
",
    },
    Rule {
        id: "VPC-04",
        severity: Warning,
        title: "a subnet with fewer addresses than what is declared in it needs",
        why: "AWS keeps five addresses of each subnet. What finds none free fails with \
              \"InsufficientFreeAddressesInSubnet\". Counted are instances and, in network mode awsvpc, tasks of services \
              that have no other subnet; a deployment needs more.",
        source: "Amazon EC2 API, CreateSubnet.CidrBlock",
        check: Check::All(room),
        bad: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/28}
---
kind: Instance
metadata: {name: host}
spec:
  count: 12
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/27}
---
kind: Instance
metadata: {name: host}
spec:
  count: 12
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "VPC-05",
        severity: Warning,
        title: "addresses that Docker takes for its own bridge",
        why: "Docker gives its bridge on every host 172.17.0.0/16. What has such an address in the VPC, or behind a route, \
              cannot be reached from the host or from its containers.",
        source: "Docker, Engine, bridge network driver, default address pools",
        check: Check::All(docker),
        bad: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 172.17.0.0/16}
",
        good: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 172.18.0.0/16}
",
    },
    Rule {
        id: "VPC-06",
        severity: Error,
        title: "a zone that is given twice, or is not in the stack's Region",
        why: "CreateSubnet takes the zone by name or by id, not both, and knows the zones of its Region only: \
              \"InvalidParameterValue\". An id means the same zone in every account, a name does not.",
        source: "Amazon EC2 API, CreateSubnet.AvailabilityZoneId",
        check: Check::Each("Subnet", zone),
        bad: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24, availabilityZone: us-west-2a}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24, availabilityZone: eu-central-1a}
",
    },
    Rule {
        id: "VPC-10",
        severity: Error,
        title: "DNS hostnames without DNS support",
        why: "ModifyVpcAttribute refuses it: host names come from the resolver that enableDnsSupport turns on.",
        source: "Amazon EC2 API, ModifyVpcAttribute.EnableDnsHostnames",
        check: Check::Each("Vpc", host_names),
        bad: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16, enableDnsHostnames: true, enableDnsSupport: false}
",
        good: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16, enableDnsHostnames: true, enableDnsSupport: true}
",
    },
    Rule {
        id: "VPC-12",
        severity: Warning,
        title: "DNS64 where nothing has an IPv6 address",
        why: "DNS64 answers for interfaces with IPv6 addresses. Farpost's subnets are IPv4, so it serves nobody unless \
              somebody else gives the subnet an IPv6 block.",
        source: "Amazon EC2 API, ModifySubnetAttribute.EnableDns64",
        check: Check::Each("Subnet", dns64),
        bad: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24, enableDns64: true}
",
        good: "
kind: Subnet
metadata: {name: floor}
spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.17.1.0/24}
",
    },
];

fn size(parent: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = parent.get("cidrBlock");
    match block_v4(node).filter(|block| !(16..=28).contains(&block.prefix_len())) {
        Some(block) => {
            let message = format!("`{block}` is outside the sizes that AWS takes, /16 to /28");
            hits.add(node, message).help(format!("as {}/16", block.network()));
        }
        None => blocks::check(Family::Ipv4, parent, "cidrBlock", hits),
    }
}

fn within(subnet: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    size(subnet, declared, hits);
    let node = subnet.get("cidrBlock");
    let Some(vpc) = declared.target(subnet.get("vpcId")) else { return };
    let (Some(own), Some(outer)) = (block_v4(node), block_v4(vpc.get("cidrBlock"))) else { return };
    if !outer.contains(&own) && (16..=28).contains(&own.prefix_len()) {
        hits.add(node, format!("{own} is not within {outer} of {}", vpc.address()))
            .help("choose a part of the VPC's addresses")
            .beside(vpc.get("cidrBlock"), "the VPC's addresses");
    }
}

fn overlaps(declared: &Declared<'_>, hits: &mut Hits) {
    let mut by_vpc: BTreeMap<&str, Vec<(Ipv4Net, Node<'_>)>> = BTreeMap::new();
    for subnet in declared.of("Subnet") {
        let node = subnet.get("cidrBlock");
        if let (Some(vpc), Some(block)) = (subnet.get("vpcId").written(), block_v4(node)) {
            by_vpc.entry(vpc).or_default().push((block, node));
        }
    }
    for mut subnets in by_vpc.into_values() {
        // Of one start the larger first, so that what lies within another comes after it.
        subnets.sort_by_key(|(block, node)| (block.network(), block.prefix_len(), node.address()));
        let mut outer: Option<(Ipv4Net, Node<'_>)> = None;
        for (block, node) in subnets {
            match outer.filter(|(outer, _)| outer.contains(&block)) {
                Some((larger, first)) => {
                    let message = format!("{block} overlaps {larger} of {}", first.address());
                    hits.add(node, message)
                        .help("give each subnet addresses of its own")
                        .beside(first, "the other one");
                }
                None => outer = Some((block, node)),
            }
        }
    }
}

fn room(declared: &Declared<'_>, hits: &mut Hits) {
    let mut needed: BTreeMap<Address, (i64, Vec<Node<'_>>)> = BTreeMap::new();
    let mut count = |subnet: Node<'_>, number: i64, user| {
        let entry = needed.entry(subnet.address().clone()).or_default();
        entry.0 += number;
        entry.1.push(user);
    };
    for instance in declared.of("Instance") {
        if let Some(subnet) = declared.target(instance.get("subnetId")) {
            count(subnet, instance.get("count").number().unwrap_or(1), instance.get("subnetId"));
        }
    }
    for service in declared.of("Service") {
        let subnets = service.at("networkConfiguration.awsvpcConfiguration.subnets");
        let is_awsvpc = definition(service, declared).is_some_and(|one| network(one) == Some("awsvpc"));
        let only = subnets.items().next().filter(|_| subnets.items().len() == 1 && is_awsvpc);
        let number = service.get("desiredCount").number();
        if let (Some(only), Some(number)) = (only, number)
            && let Some(subnet) = declared.target(only)
        {
            count(subnet, number, only);
        }
    }
    for (address, (number, users)) in needed {
        let Some(subnet) = declared.get(&address) else { continue };
        let node = subnet.get("cidrBlock");
        let Some(block) = block_v4(node).filter(|block| (16..=28).contains(&block.prefix_len())) else { continue };
        let usable = (1_i64 << (32 - block.prefix_len())) - 5;
        if number > usable {
            let message = format!("{block} has {usable} addresses for use, and {number} are needed");
            hits.add(node, message).help("choose a larger block, or spread them over more subnets");
            for user in users {
                hits.beside(user, "needs addresses of it");
            }
        }
    }
}

fn docker(declared: &Declared<'_>, hits: &mut Hits) {
    let Ok(bridge) = "172.17.0.0/16".parse::<IpNet>() else { return };
    let vpcs = declared.of("Vpc").map(|vpc| vpc.get("cidrBlock"));
    let routes = declared.of("RouteTable").flat_map(|table| {
        let routes: Vec<Node<'_>> = table.get("routes").items().map(|one| one.get("destinationCidrBlock")).collect();
        routes
    });
    for node in vpcs.chain(routes) {
        // A wider route is for many other addresses too.
        if let Some(block) = block(node).filter(|block| bridge.contains(block)) {
            hits.add(node, format!("{block} is among {bridge}, which Docker takes for its bridge on every host"))
                .help("choose other addresses, or give Docker others: `bip` in /etc/docker/daemon.json of each host");
        }
    }
}

fn zone(subnet: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let (by_name, by_id) = (subnet.get("availabilityZone"), subnet.get("availabilityZoneId"));
    if by_name.is_given() && by_id.is_given() {
        hits.add(by_id, "a zone is given by name and by id")
            .help("keep availabilityZoneId; names differ between accounts")
            .beside(by_name, "by name");
        return;
    }
    let region = declared.stack.region.as_str();
    if region.is_empty() {
        return;
    }
    if let Some(name) = by_name.text() {
        // Local and Wavelength Zones: us-west-2-lax-1a.
        let rest = name.strip_prefix(region);
        if !rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '-')) {
            hits.add(by_name, format!("`{name}` is no zone of {region}, where the stack is"))
                .help(format!("as {region}a; `aws ec2 describe-availability-zones` lists them"));
        }
    }
    if let (Some(id), Some(code)) = (by_id.text(), zone_code(region))
        && !id.strip_prefix(&code).is_some_and(|rest| rest.starts_with('-'))
    {
        hits.add(by_id, format!("`{id}` is no zone of {region}, where the stack is"))
            .help(format!("as {code}-az1; `aws ec2 describe-availability-zones` lists them"));
    }
}

/// What ids of zones begin with in a Region: `usw2` in us-west-2. None for a Region that is named otherwise.
fn zone_code(region: &str) -> Option<String> {
    let mut words = region.split('-');
    let mut code = words.next().filter(|area| area.len() == 2)?.to_owned();
    for word in words {
        code.push_str(match word {
            "north" => "n",
            "south" => "s",
            "east" => "e",
            "west" => "w",
            "central" => "c",
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "gov" => "g",
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
            _ => return None,
        });
    }
    Some(code)
}

fn host_names(vpc: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let names = vpc.get("enableDnsHostnames");
    if names.is_true() && vpc.get("enableDnsSupport").flag() == Some(false) {
        hits.add(names, "DNS hostnames need DNS support")
            .help("leave enableDnsSupport out, which means true")
            .beside(vpc.get("enableDnsSupport"), "support is off");
    }
}

fn dns64(subnet: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = subnet.get("enableDns64");
    if node.is_true() {
        hits.add(node, "DNS64 is for interfaces with IPv6 addresses, and there are none")
            .help("leave it out, unless somebody else gives the subnet an IPv6 block");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::findings;

    #[test]
    fn zones_have_the_code_of_their_region() {
        let code = |region: &str| zone_code(region).unwrap_or_default();
        assert_eq!(code("us-west-2"), "usw2");
        assert_eq!(code("eu-central-1"), "euc1");
        assert_eq!(code("ap-southeast-2"), "apse2");
        assert_eq!(code("us-gov-east-1"), "usge1");
        assert_eq!(code("us-iso-east-1"), "");
    }

    fn codes(subnet: &str) -> Vec<String> {
        let example = format!(
            "kind: Subnet\nmetadata: {{name: floor}}\nspec: {{vpcId: vpc-0123456789abcdef0, cidrBlock: {subnet}}}\n"
        );
        findings(&example).iter().map(|one| format!("{} {}", one.severity, one.code)).collect()
    }

    #[test]
    fn zones_are_the_regions() {
        assert_eq!(codes("10.1.0.0/24, availabilityZone: eu-central-1-ham-1a"), [""; 0]);
        assert_eq!(codes("10.1.0.0/24, availabilityZone: eu-central-1"), ["error VPC-06"]);
        assert_eq!(codes("10.1.0.0/24, availabilityZoneId: euc1-az2"), [""; 0]);
        assert_eq!(codes("10.1.0.0/24, availabilityZoneId: euc2-az2"), ["error VPC-06"]);
        assert_eq!(
            codes("10.1.0.0/24, availabilityZoneId: euc1-az2, availabilityZone: eu-central-1a"),
            ["error VPC-06"]
        );
    }

    #[test]
    fn blocks_of_subnets() {
        assert_eq!(codes("10.1.0.5/24"), ["warning VPC-02"]);
        assert_eq!(codes("10.1.0.0/30"), ["error VPC-02"]);
        assert_eq!(codes("10.1.0.0"), ["error VPC-02"]);
        assert_eq!(codes("'2001:db8::/64'"), ["error VPC-02"]);
    }

    #[test]
    fn only_routes_to_dockers_own_addresses_are_told() {
        let to = |block: &str| {
            let example = format!(
                "kind: RouteTable\nmetadata: {{name: out}}\nspec:\n  vpcId: vpc-0123456789abcdef0\n  routes:\n    \
                 - {{destinationCidrBlock: {block}, gatewayId: vgw-0123456789abcdef0}}\n"
            );
            findings(&example).len()
        };
        assert_eq!((to("172.17.4.0/24"), to("172.16.0.0/12"), to("172.18.0.0/16")), (1, 0, 0));
    }
}
