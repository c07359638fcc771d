//! The list as text, and as rules for nftables and Squid.

use std::collections::BTreeSet;

use super::{Endpoint, Endpoints, Need, Phase};
use crate::hosts::quote::comment;

/// What fills the sets: `$2` to `$4` of a line are `name`, port and name.
const FILL: &str = r##"#   awk '$1 == "#" && $2 == "name" { print $3, $4 }' THIS_FILE | while read -r port name; do
#     getent ahostsv4 "$name" | awk '{ print $1 }' | sort -u | while read -r address; do
#       nft add element inet farpost "tcp_$port" "{ $address timeout 1h }"
#     done
#   done
"##;

impl Phase {
    fn title(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Tasks => "For tasks",
            Self::Installation => "For the installation and updates",
        }
    }
}

impl Endpoints {
    /// For people.
    pub fn text(&self) -> String {
        let regions: Vec<&str> = self.regions.iter().map(String::as_str).collect();
        let mut out = format!("What hosts of the stack {} must reach ({})\n", self.stack, regions.join(", "));
        let width = self.endpoints.iter().map(|endpoint| endpoint.name.len()).max().unwrap_or_default();
        for phase in [Phase::Always, Phase::Tasks, Phase::Installation] {
            let mut of_phase = self.endpoints.iter().filter(|endpoint| endpoint.phase == phase).peekable();
            if of_phase.peek().is_some() {
                out.push_str(&format!("\n{}\n", phase.title()));
            }
            for Endpoint { name, port, need, purpose, .. } in of_phase {
                let optional = if *need == Need::Optional { "optional: " } else { "" };
                out.push_str(&format!("  {name:width$}  tcp {port:<4}  {optional}{purpose}\n"));
            }
        }
        out.push_str("\nBeside these: DNS, and NTP, because AWS refuses signatures that are five minutes off.\n");
        for note in &self.notes {
            out.push_str(&format!("note: {note}\n"));
        }
        out
    }

    /// A ruleset for `nft -f` on the gateway of the hosts: sets of addresses, and a chain that lets them through.
    /// Packets carry no names, so the sets are empty and filled from DNS, again and again, by commands in the comments.
    pub fn nftables(&self) -> String {
        let mut out = format!(
            "#!/usr/sbin/nft -f\n\
             # Egress of hosts of the stack {stack}, written by `farpost host endpoints`, for the gateway they go through.\n\
             #\n\
             # nftables matches addresses, not names, and AWS's addresses change within minutes. So the sets below are\n\
             # empty. These commands fill them from the names in this file; run them each minute on the gateway, which must\n\
             # ask the same resolver as the hosts:\n\
             #\n\
             {FILL}\
             #\n\
             # Many names share addresses with others (all of S3, all of a CDN), so that more gets through than the list\n\
             # says. A proxy sees names: --format squid. Only IPv4 is let through, which all of these names have.\n",
            stack = comment(&self.stack)
        );
        out.push_str("#\n");
        for Endpoint { name, port, purpose, .. } in self.endpoints.iter().filter(|one| !one.is_wildcard()) {
            out.push_str(&format!("# name {port} {name}  {}\n", comment(purpose)));
        }
        let wildcards: Vec<&Endpoint> = self.endpoints.iter().filter(|endpoint| endpoint.is_wildcard()).collect();
        if !wildcards.is_empty() {
            out.push_str(
                "#\n\
                 # DNS does not answer for wildcards. The agent's are numbered (ecs-a-1, ecs-t-1, …), and the numbers are\n\
                 # AWS's own; add the prefixes of the region and of service AMAZON in\n\
                 # https://ip-ranges.amazonaws.com/ip-ranges.json. For others only a proxy helps:\n\
                 #\n",
            );
            for Endpoint { name, port, purpose, .. } in wildcards {
                out.push_str(&format!("# wildcard {port} {name}  {}\n", comment(purpose)));
            }
        }
        out.push_str(
            "\ntable inet farpost {\n\
             \t# Where the hosts are.\n\
             \tset hosts {\n\
             \t\ttype ipv4_addr\n\
             \t\tflags interval\n\
             \t\telements = { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }\n\
             \t}\n\n",
        );
        let ports: BTreeSet<u16> = self.endpoints.iter().map(|endpoint| endpoint.port).collect();
        for port in &ports {
            out.push_str(&format!("\tset tcp_{port} {{\n\t\ttype ipv4_addr\n\t\tflags interval,timeout\n\t}}\n\n"));
        }
        out.push_str("\tchain allowed {\n\t\tudp dport { 53, 123 } accept\n\t\ttcp dport 53 accept\n");
        for port in &ports {
            out.push_str(&format!("\t\tip daddr @tcp_{port} tcp dport {port} accept\n"));
        }
        out.push_str(
            "\t}\n\n\
             \tchain forward {\n\
             \t\ttype filter hook forward priority filter; policy accept;\n\
             \t\tct state established,related accept\n\
             \t\tip saddr @hosts ip daddr @hosts accept\n\
             \t\tip saddr @hosts jump allowed\n\
             \t\tip saddr @hosts drop\n\
             \t}\n\
             }\n",
        );
        out
    }

    /// Access rules for Squid, which sees names: those of CONNECT for TLS. Wildcards within a name are regular
    /// expressions there.
    pub fn squid(&self) -> String {
        let mut out = format!(
            "# Egress of hosts of the stack {}, written by `farpost host endpoints`. Include it in squid.conf before\n\
             # `http_access deny all`, and set farpost_hosts to where the hosts are.\n\
             acl farpost_hosts src 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16\n\
             acl farpost_connect method CONNECT\n",
            comment(&self.stack)
        );
        let ports: BTreeSet<u16> = self.endpoints.iter().map(|endpoint| endpoint.port).collect();
        for port in &ports {
            out.push_str(&format!("\nacl farpost_port_{port} port {port}\n"));
            for endpoint in self.endpoints.iter().filter(|one| one.port == *port) {
                let Endpoint { name, purpose, .. } = endpoint;
                // Squid complains of a name that another one has in it.
                if self.endpoints.iter().any(|other| other.port == *port && other.covers(endpoint)) {
                    continue;
                }
                out.push_str(&format!("# {}\n", comment(purpose)));
                match name.strip_prefix("*.") {
                    Some(rest) if !rest.contains('*') => {
                        out.push_str(&format!("acl farpost_names_{port} dstdomain .{rest}\n"));
                    }
                    _ if name.contains('*') => {
                        let pattern = name.replace('.', r"\.").replace('*', "[^.]*");
                        out.push_str(&format!("acl farpost_patterns_{port} dstdom_regex -n ^{pattern}$\n"));
                    }
                    _ => out.push_str(&format!("acl farpost_names_{port} dstdomain {name}\n")),
                }
            }
        }
        out.push('\n');
        for port in &ports {
            // Squid refuses a list that was never begun.
            let has = |start: &str| out.contains(&format!("acl {start}_{port} "));
            let method = if *port == 80 { "" } else { " farpost_connect" };
            let rules: Vec<String> = ["farpost_names", "farpost_patterns"]
                .into_iter()
                .filter(|start| has(start))
                .map(|start| format!("http_access allow farpost_hosts{method} farpost_port_{port} {start}_{port}\n"))
                .collect();
            out.push_str(&rules.concat());
        }
        out.push_str("http_access deny farpost_hosts\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::endpoints::of_stack;
    use crate::hosts::trial::{ACTIVATION, stack};

    fn shop() -> Endpoints {
        let host =
            r#"{"cluster": "stores", "activation": "${Activation.stores.id}", "operatingSystem": "ubuntu-22.04"}"#;
        let task =
            r#"{"requiresCompatibilities": ["EXTERNAL"], "containerDefinitions": [{"image": "public.ecr.aws/a/b"}]}"#;
        of_stack(&stack(&[
            ("ExternalInstance/till-1", host),
            ("Activation/stores", ACTIVATION),
            ("TaskDefinition/web", task),
        ]))
    }

    #[test]
    fn squid_sees_names_and_wildcards() {
        let text = shop().squid();
        for line in [
            "acl farpost_names_443 dstdomain ecs.eu-north-1.amazonaws.com\n",
            "acl farpost_patterns_443 dstdom_regex -n ^ecs-a-[^.]*\\.eu-north-1\\.amazonaws\\.com$\n",
            "acl farpost_names_443 dstdomain .cloudfront.net\n",
            "acl farpost_names_80 dstdomain archive.ubuntu.com\n",
            "http_access allow farpost_hosts farpost_connect farpost_port_443 farpost_names_443\n",
            "http_access allow farpost_hosts farpost_port_80 farpost_names_80\n",
            "http_access deny farpost_hosts\n",
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        assert!(!text.contains("allow farpost_hosts farpost_port_80 farpost_patterns_80"), "{text}");
    }

    #[test]
    fn nftables_says_what_it_cannot_do() {
        let text = shop().nftables();
        assert!(text.contains("\n# wildcard 443 ecs-a-*.eu-north-1.amazonaws.com  ECS"), "{text}");
        assert!(text.contains("\t\tip daddr @tcp_443 tcp dport 443 accept\n"), "{text}");
        assert!(text.contains("\n# name 443 ecs.eu-north-1.amazonaws.com  ECS"), "{text}");
        // Names stand in comments alone.
        assert!(text.lines().filter(|line| line.contains("amazonaws")).all(|line| line.starts_with('#')));
    }

    #[test]
    fn text_is_sorted_by_when_it_is_needed() {
        let text = shop().text();
        let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in:\n{text}"));
        assert!(place("\nAlways\n") < place("\nFor tasks\n"), "{text}");
        assert!(place("\nFor tasks\n") < place("\nFor the installation"), "{text}");
        assert!(text.contains("tcp 80    packages of Ubuntu 22.04"), "{text}");
    }
}
