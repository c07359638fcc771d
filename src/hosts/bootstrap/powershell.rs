//! The PowerShell script for Windows: fixed text with the facts of a host in it.

use super::{id_command, place_of, read_command};
use crate::hosts::quote::{comment, powershell};
use crate::hosts::{Host, agent};

const SCRIPT: &str = include_str!("bootstrap.ps1");

/// A setting that is only for Linux.
const LINUX_ONLY: (&str, &str) = ("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "true");

pub(super) fn write(host: &Host, activation_id: &str) -> String {
    let header = format!(
        "# Brings a host into the ECS cluster {cluster} ({region}) as {address}. `farpost host bootstrap` wrote it.\n\
         # The activation code is not in this file. It is read when the script runs, from {place}.\n",
        cluster = comment(&host.cluster),
        region = comment(&host.region),
        address = host.address,
        place = place_of(host.code.as_ref()),
    );
    SCRIPT.replacen("#@HEADER\n", &header, 1).replacen("#@FACTS\n", &facts(host, activation_id), 1)
}

fn facts(host: &Host, activation_id: &str) -> String {
    let code = host.code.as_ref();
    let facts = [
        ("Resource", host.address.to_string()),
        ("Cluster", host.cluster.clone()),
        ("Region", host.region.clone()),
        ("KnownActivationId", activation_id.to_owned()),
        ("CodeFrom", code.map(|code| code.place.name().to_owned()).unwrap_or_default()),
        ("CodeName", code.map(|code| code.name.clone()).unwrap_or_default()),
        ("SystemName", host.system.map(|system| system.name.clone()).unwrap_or_default()),
        ("SystemBuild", host.system.map(|system| system.build.clone()).unwrap_or_default()),
    ];
    let mut out = String::new();
    for (name, value) in facts {
        out.push_str(&format!("${name} = {}\n", powershell(&comment(&value))));
    }
    for (name, command) in [("ReadCode", read_command as fn(&_, &_) -> _), ("ReadId", id_command)] {
        let command = code.and_then(|code| command(code, &host.region)).unwrap_or_default();
        let words: Vec<String> = command.iter().skip(1).map(|word| powershell(word)).collect();
        out.push_str(&format!("${name} = @({})\n", words.join(", ")));
    }
    out.push_str("$AgentSettings = [ordered]@{\n");
    for (name, value) in agent::settings(host) {
        // Credentials for tasks in the network of the host are a matter of Linux.
        if (name.as_str(), value.as_str()) != LINUX_ONLY {
            out.push_str(&format!("    {} = {}\n", powershell(&name), powershell(&comment(&value))));
        }
    }
    out.push_str("}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::trial::host;

    #[test]
    fn the_facts_are_quoted_for_powershell() {
        let host = host(r#"{"operatingSystem": "windows-2022", "attributes": {"site": "o'slo"}}"#);
        let script = write(&host, "an-id");
        for line in [
            "$Cluster = 'stores'",
            "$KnownActivationId = 'an-id'",
            "$SystemBuild = '20348'",
            "$ReadCode = @('ssm', 'get-parameter', '--region', 'eu-north-1', '--name', '/ecs-anywhere/stores/code', \
             '--with-decryption', '--query', 'Parameter.Value', '--output', 'text')",
            "    'ECS_INSTANCE_ATTRIBUTES' = '{\"site\":\"o''slo\"}'",
            "& $Installer -Region $Region -Cluster $Cluster -ActivationID $id -ActivationCode $code",
        ] {
            assert!(script.contains(line), "{line} is not in:\n{script}");
        }
        assert!(!script.contains("#@") && !script.contains("NETWORK_HOST"), "{script}");
        // One is text: that of JSON.
        assert_eq!(script.matches('{').count(), script.matches('}').count() + 1, "braces");
    }
}
