//! CIDR blocks as manifests have them.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::{Hits, Node};
use crate::diagnostic::Severity::Warning;

/// A family of addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Ipv4,
    Ipv6,
}

/// The block at a member, less the bits beyond its prefix; None where there is none or it is not known yet.
pub(super) fn block(node: Node<'_>) -> Option<IpNet> {
    node.text()?.parse::<IpNet>().ok().map(|block| block.trunc())
}

/// The same of IPv4.
pub(super) fn block_v4(node: Node<'_>) -> Option<Ipv4Net> {
    match block(node)? {
        IpNet::V4(block) => Some(block),
        IpNet::V6(_) => None,
    }
}

/// Tells what is no block of the family, and what has bits beyond its prefix.
pub(super) fn check(family: Family, parent: Node<'_>, member: &str, hits: &mut Hits) {
    let node = parent.get(member);
    let Some(text) = node.text() else { return };
    let parsed = text.parse::<IpNet>();
    match (family, parsed) {
        (Family::Ipv4, Ok(block @ IpNet::V4(_))) | (Family::Ipv6, Ok(block @ IpNet::V6(_))) => {
            if block.trunc() != block {
                let stored = block.trunc().to_string();
                hits.add_as(Warning, node, format!("AWS stores `{text}` as {stored}"))
                    .help(format!("write {stored}, if that is what is meant"))
                    .fix(parent, member, stored);
            }
        }
        _ => {
            let (name, example, length) = match family {
                Family::Ipv4 => ("IPv4", "10.0.0.0/16", 32),
                Family::Ipv6 => ("IPv6", "2001:db8::/56", 128),
            };
            hits.add(node, format!("`{text}` is not an {name} CIDR block, as {example}"));
            match (family, text.parse::<IpAddr>()) {
                (Family::Ipv4, Ok(one @ IpAddr::V4(_))) | (Family::Ipv6, Ok(one @ IpAddr::V6(_))) => {
                    hits.help(format!("for this one address: {one}/{length}"));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    /// The codes of what is found about a route to a destination.
    fn codes(destination: &str) -> Vec<String> {
        let example = format!(
            "kind: RouteTable\nmetadata: {{name: out}}\nspec:\n  vpcId: vpc-0123456789abcdef0\n  routes:\n    \
             - {{{destination}, gatewayId: vgw-0123456789abcdef0}}\n"
        );
        findings(&example).iter().map(|one| format!("{} {}", one.severity, one.code)).collect()
    }

    #[test]
    fn blocks_are_of_one_family_and_have_no_bits_to_spare() {
        assert_eq!(codes("destinationCidrBlock: 10.8.0.0/16"), [""; 0]);
        assert_eq!(codes("destinationCidrBlock: 0.0.0.0/0"), [""; 0]);
        assert_eq!(codes("destinationCidrBlock: '::/0'"), ["error VPC-07"]);
        assert_eq!(codes("destinationCidrBlock: 10.0.0.1"), ["error VPC-07"]);
        assert_eq!(codes("destinationCidrBlock: 10.0.0/8"), ["error VPC-07"]);
        assert_eq!(codes("destinationIpv6CidrBlock: '2001:db8::1/64'"), ["warning VPC-07"]);
        assert_eq!(codes("destinationIpv6CidrBlock: 10.0.0.0/8"), ["error VPC-07"]);
    }
}
