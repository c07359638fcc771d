//! SG-08 and SG-09: how many rules and groups, and groups of other VPCs.

use super::groups::{DIRECTIONS, atoms};
use super::routes::are_different;
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::security_group::rule::Rule as GroupRule;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "SG-08",
        severity: Error,
        title: "more rules or groups than a network interface takes",
        why: "A group has 60 rules in a direction and family, an interface 5 groups, until the quotas are raised, which is \
              a warning; 16 groups and 1000 rules over all groups of an interface are the end: \
              \"RulesPerSecurityGroupLimitExceeded\", \"SecurityGroupsPerInterfaceLimitExceeded\".",
        source: "Amazon VPC User Guide, Amazon VPC quotas, Security groups",
        check: Check::All(quotas),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: [sg-01, sg-02, sg-03, sg-04, sg-05, sg-06]
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: [sg-01, sg-02, sg-03, sg-04, sg-05]
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "SG-09",
        severity: Error,
        title: "a rule that names a security group of another VPC",
        why: "A rule can name groups of its own VPC, and of VPCs that it has a peering connection or a transit gateway \
              with: \"InvalidGroup.NotFound\". Said only where no declared route of the VPC leads through either.",
        source: "Amazon EC2 API, UserIdGroupPair",
        check: Check::All(foreign_groups),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, sourceSecurityGroupId: '${SecurityGroup.door}'}
---
kind: SecurityGroup
metadata: {name: door}
spec: {vpcId: vpc-0123456789abcdef1}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, sourceSecurityGroupId: '${SecurityGroup.door}'}
---
kind: SecurityGroup
metadata: {name: door}
spec: {vpcId: vpc-0123456789abcdef0}
",
    },
];

/// Until the quota is raised: rules of a group in a direction for each family, and groups of an interface.
const RULES_OF_GROUP: usize = 60;
const GROUPS_OF_INTERFACE: usize = 5;
/// However far quotas are raised.
const MOST_GROUPS: usize = 16;
const MOST_RULES: usize = 1000;

fn quotas(declared: &Declared<'_>, hits: &mut Hits) {
    for group in declared.of("SecurityGroup") {
        for direction in DIRECTIONS {
            let atoms = atoms(group, direction);
            for (family, of_other) in [
                ("IPv4", (|atom| atom.cidr_ipv6.is_some()) as fn(&GroupRule) -> bool),
                ("IPv6", |atom| atom.cidr_ip.is_some()),
            ] {
                // A group or a prefix list counts for both families.
                let count = atoms.iter().filter(|atom| !of_other(atom)).count();
                if count > RULES_OF_GROUP {
                    let member = direction.1;
                    let message = format!(
                        "{count} rules of {member} for {family}; AWS takes {RULES_OF_GROUP} unless the quota is raised"
                    );
                    hits.add_as(Warning, group.get(member), message)
                        .help("raise the quota L-0EA8095F, name larger blocks, or use a prefix list");
                }
            }
        }
    }
    for host in declared.of("Instance") {
        let list = host.get("securityGroupIds");
        let groups: Vec<Node<'_>> = list.items().filter_map(|one| declared.target(one)).collect();
        let rules: usize = groups
            .iter()
            .map(|group| DIRECTIONS.map(|one| atoms(*group, one).len()).into_iter().max().unwrap_or(0))
            .sum();
        match list.items().len() {
            count if count > MOST_GROUPS => {
                hits.add(
                    list,
                    format!("{count} security groups; a network interface has {MOST_GROUPS} at the very most"),
                );
            }
            count if count > GROUPS_OF_INTERFACE => {
                let message = format!(
                    "{count} security groups; a network interface has {GROUPS_OF_INTERFACE} unless the quota is raised"
                );
                hits.add_as(Warning, list, message).help("put rules that always go together into one group");
            }
            _ if rules > MOST_RULES => {
                let message = format!("its groups have {rules} rules together; an interface takes {MOST_RULES}");
                hits.add(list, message).help("name larger blocks, or use prefix lists");
            }
            _ => {}
        }
    }
}

fn foreign_groups(declared: &Declared<'_>, hits: &mut Hits) {
    let connected: Vec<&str> = declared
        .of("RouteTable")
        .filter(|table| {
            let mut routes = table.get("routes").items();
            routes
                .any(|route| route.get("vpcPeeringConnectionId").is_given() || route.get("transitGatewayId").is_given())
        })
        .filter_map(|table| table.get("vpcId").written())
        .collect();
    for group in declared.of("SecurityGroup") {
        let vpc = group.get("vpcId");
        if vpc.written().is_none_or(|vpc| connected.contains(&vpc)) {
            continue;
        }
        for node in DIRECTIONS.into_iter().flat_map(|(_, member)| group.get(member).items()) {
            let flat = ["sourceSecurityGroupId", "destinationSecurityGroupId"].map(|member| node.get(member));
            let pairs = node.get("userIdGroupPairs").items().map(|pair| pair.get("groupId"));
            for named in flat.into_iter().chain(pairs) {
                let Some(other) = declared.target(named) else { continue };
                if are_different(vpc, other.get("vpcId")) {
                    hits.add(named, format!("{} is in another VPC", other.address()))
                        .help("name its addresses instead (cidrIp), or connect the VPCs")
                        .beside(other.get("vpcId"), "its VPC")
                        .beside(vpc, "the VPC of this group");
                }
            }
        }
    }
}
