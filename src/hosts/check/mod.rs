//! The script that tells on a host whether it can be one. It needs bash and what every system has.

use super::quote::{comment, shell};
use super::{Declarations, Family, HOST_KIND, Host, Status, endpoints, systems};

const SCRIPT: &str = include_str!("check.sh");

/// What the script is made for.
#[derive(Debug, Clone, Copy)]
pub enum For<'a> {
    /// The hosts of a stack.
    Stack(&'a Declarations),
    /// Any host of a region; without one the script takes it as an option.
    Region(Option<&'a str>),
}

/// The script.
pub fn write(whom: For<'_>) -> String {
    SCRIPT.replacen("#@HEADER\n", &header(whom), 1).replacen("#@FACTS\n", &facts(whom), 1)
}

fn header(whom: For<'_>) -> String {
    let whom = match whom {
        For::Stack(stack) => format!("the stack {}", comment(&stack.place.stack)),
        For::Region(Some(region)) => format!("any cluster in {}", comment(region)),
        For::Region(None) => "any cluster".to_owned(),
    };
    format!(
        "# Tells whether this host can be an external instance for {whom}.\n\
         # `farpost host check` wrote it. It changes nothing; run it as root on the host.\n"
    )
}

fn facts(whom: For<'_>) -> String {
    let (region, list, hosts) = match whom {
        For::Stack(stack) => {
            let hosts = stack.of_kind(HOST_KIND).filter_map(|(address, _)| Host::read(stack, address).ok()).collect();
            (stack.place.region.clone(), endpoints::of_stack(stack).endpoints, hosts)
        }
        For::Region(region) => (
            region.unwrap_or_default().to_owned(),
            // The script puts the region in.
            endpoints::of_region("@REGION@", "@SUFFIX@"),
            Vec::<Host>::new(),
        ),
    };
    let mut out = format!("region={}\n", shell(&region));
    let without = !hosts.is_empty() && hosts.iter().all(|host| host.docker_install_source == "none");
    out.push_str(&format!("docker_source={}\n", if without { "none" } else { "''" }));
    let mut ports: Vec<u16> = hosts.iter().flat_map(|host| host.ports.clone()).collect();
    ports.sort_unstable();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    out.push_str(&format!("ports=({})\n", ports.join(" ")));
    let table = systems();
    out.push_str(&format!("systems_source={}\nsystems_date={}\n", shell(&table.source), shell(&table.date)));
    out.push_str("# ID, VERSION_ID, part of NAME, status, name, note\nsystems=(\n");
    for system in table.systems.iter().filter(|system| system.family != Family::Windows) {
        let release = &system.os_release;
        let status = match system.status {
            Status::Supported => "supported",
            Status::Dropped => "dropped",
            Status::Ended => "ended",
        };
        let note = if system.reason.is_empty() { &system.notes } else { &system.reason };
        let row = [&release.id, &release.version_id, &release.name, status, &system.name, note].join("|");
        out.push_str(&format!("  {}\n", shell(&row)));
    }
    out.push_str(")\n# name, need, purpose\nendpoints=(\n");
    for endpoint in list {
        if let Some(name) = endpoint.sample() {
            let purpose = comment(&endpoint.purpose).replace('|', "/");
            out.push_str(&format!("  {}\n", shell(&format!("{name}|{}|{purpose}", endpoint.need.name()))));
        }
    }
    out.push_str(")\n");
    out
}
