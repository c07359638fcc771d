//! A security group of the API in the manifest's words, and rules the way back.

use aws_sdk_ec2::types::{self, IpPermission, UserIdGroupPair};

use super::rule::{Direction, Rule};
use super::spec::{SecurityGroupSpec, key};
use crate::aws::ec2::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

pub(super) fn lower(group: &types::SecurityGroup) -> Found<SecurityGroupSpec> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let (id, name, vpc_id) = (text(group.group_id()), text(group.group_name()), text(group.vpc_id()));
    let mut attributes = Attributes::from([("id".to_owned(), id.clone()), ("name".to_owned(), name.clone())]);
    attributes.extend(group.security_group_arn().map(|arn| ("arn".to_owned(), arn.to_owned())));
    let rules = |permissions: &[IpPermission], direction: Direction| -> Vec<Rule> {
        permissions.iter().flat_map(|permission| lower_rules(permission, direction, &id)).collect()
    };
    Found {
        key: Some(key(&vpc_id, &name)),
        spec: SecurityGroupSpec {
            group_name: Some(name),
            description: group.description().map(str::to_owned),
            vpc_id,
            ingress: Some(rules(group.ip_permissions(), Direction::Ingress)),
            egress: Some(rules(group.ip_permissions_egress(), Direction::Egress)),
        },
        attributes,
        tags: tags_of(group.tags()),
        readiness: Readiness::Ready,
        detail: serde_json::Value::Null,
        id,
    }
}

/// A rule for each source.
pub(super) fn lower_rules(permission: &IpPermission, direction: Direction, own: &str) -> Vec<Rule> {
    let bare = |description: Option<&str>| Rule {
        description: description.map(str::to_owned),
        ..Rule::new(permission.ip_protocol().unwrap_or_default(), permission.from_port(), permission.to_port())
    };
    let mut rules = Vec::new();
    for range in permission.ip_ranges() {
        rules.push(Rule { cidr_ip: range.cidr_ip().map(str::to_owned), ..bare(range.description()) });
    }
    for range in permission.ipv6_ranges() {
        rules.push(Rule { cidr_ipv6: range.cidr_ipv6().map(str::to_owned), ..bare(range.description()) });
    }
    for list in permission.prefix_list_ids() {
        rules.push(bare(list.description()).with_prefix_list(direction, list.prefix_list_id().unwrap_or_default()));
    }
    for pair in permission.user_id_group_pairs() {
        let rule = bare(pair.description());
        rules.push(match pair.group_id() {
            Some(group) if group == own => Rule { own_group: Some(true), ..rule },
            group => Rule { security_group_owner_id: pair.user_id().map(str::to_owned), ..rule }
                .with_group(direction, group.unwrap_or_default()),
        });
    }
    rules
}

/// An atom as the calls take it.
pub(super) fn permission(atom: &Rule, own: &str) -> IpPermission {
    let description = atom.description.clone();
    let mut permission = IpPermission::builder()
        .ip_protocol(atom.ip_protocol.canonical())
        .set_from_port(atom.from_port)
        .set_to_port(atom.to_port);
    if let Some(block) = &atom.cidr_ip {
        permission =
            permission.ip_ranges(types::IpRange::builder().cidr_ip(block).set_description(description.clone()).build());
    }
    if let Some(block) = &atom.cidr_ipv6 {
        permission = permission
            .ipv6_ranges(types::Ipv6Range::builder().cidr_ipv6(block).set_description(description.clone()).build());
    }
    if let Some(list) = atom.prefix_list() {
        permission = permission.prefix_list_ids(
            types::PrefixListId::builder().prefix_list_id(list).set_description(description.clone()).build(),
        );
    }
    let own = atom.own_group.is_some_and(|is_own| is_own).then_some(own);
    if let Some(group) = own.or(atom.group()) {
        permission = permission.user_id_group_pairs(
            UserIdGroupPair::builder()
                .group_id(group)
                .set_user_id(atom.security_group_owner_id.clone())
                .set_description(description)
                .build(),
        );
    }
    permission.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "123456789012";

    fn live() -> types::SecurityGroup {
        let pair = |group: &str| UserIdGroupPair::builder().group_id(group).user_id(ACCOUNT).build();
        types::SecurityGroup::builder()
            .group_id("sg-1")
            .group_name("Web")
            .vpc_id("vpc-1")
            .description("Web")
            .ip_permissions(
                IpPermission::builder()
                    .ip_protocol("tcp")
                    .from_port(443)
                    .to_port(443)
                    .ip_ranges(types::IpRange::builder().cidr_ip("10.0.0.0/8").description("office").build())
                    .user_id_group_pairs(pair("sg-1"))
                    .user_id_group_pairs(pair("sg-2"))
                    .build(),
            )
            .ip_permissions_egress(
                IpPermission::builder()
                    .ip_protocol("-1")
                    .ip_ranges(types::IpRange::builder().cidr_ip("0.0.0.0/0").build())
                    .build(),
            )
            .build()
    }

    #[test]
    fn each_source_is_a_rule_and_its_own_group_is_itself() {
        let found = lower(&live());
        assert_eq!(found.key.as_deref(), Some("vpc-1/web"));
        let mut spec = found.spec;
        spec.normalise(ACCOUNT);
        let ingress = spec.rules(Direction::Ingress);
        assert_eq!(ingress.len(), 3);
        assert_eq!(ingress.iter().filter(|rule| rule.own_group == Some(true)).count(), 1);
        assert!(ingress.iter().all(|rule| rule.security_group_owner_id.is_none()));
        assert_eq!(spec.rules(Direction::Egress), [Rule::everywhere()]);
    }

    #[test]
    fn what_is_sent_is_read_back_the_same() {
        let mut spec = lower(&live()).spec;
        spec.normalise(ACCOUNT);
        for atom in spec.rules(Direction::Ingress) {
            let again = lower_rules(&permission(atom, "sg-1"), Direction::Ingress, "sg-1");
            assert_eq!(again, std::slice::from_ref(atom));
        }
    }
}
