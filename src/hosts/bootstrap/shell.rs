//! The shell script: fixed text with the facts of a host before it.

use super::{id_command, place_of, read_command};
use crate::hosts::quote::{comment, shell};
use crate::hosts::{Code, Host, agent};

const SCRIPT: &str = include_str!("bootstrap.sh");

pub(super) fn write(host: &Host, activation_id: &str) -> String {
    SCRIPT.replacen("#@HEADER\n", &header(host), 1).replacen("#@FACTS\n", &facts(host, activation_id), 1)
}

fn header(host: &Host) -> String {
    let Host { address, cluster, region, code, .. } = host;
    let (cluster, region) = (comment(cluster), comment(region));
    let mut out = format!(
        "# Brings a host into the ECS cluster {cluster} ({region}) as {address}.\n\
         # `farpost host bootstrap` wrote it. Write it anew when the manifests change. See what it does with --dry-run.\n\
         #\n\
         # The activation code is not in this file. It is read when the script runs, from {}.\n",
        place_of(code.as_ref())
    );
    let command = |command: fn(&Code, &str) -> Option<Vec<String>>| {
        let words = command(code.as_ref()?, &host.region)?;
        Some(words.iter().map(|word| plain(&comment(word))).collect::<Vec<_>>().join(" "))
    };
    if let (Some(read_code), Some(read_id)) = (command(read_command), command(id_command)) {
        out.push_str(&format!(
            "# Give it AWS credentials for this run alone, which it uses for nothing else:\n\
             #   sudo --preserve-env=AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_SESSION_TOKEN bash FILE\n\
             # or read the code on a machine that has credentials anyway, and hand it over:\n\
             #   id=$({read_id})\n\
             #   {read_code} |\n\
             #     ssh HOST sudo bash FILE --activation-id \"${{id##* }}\" --code-file -\n",
        ));
    }
    out
}

/// A word of a command, in quotes where it needs them.
fn plain(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=+,@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { shell(word) }
}

fn facts(host: &Host, activation_id: &str) -> String {
    let system = host.system;
    let release = system.map(|system| &system.os_release);
    let code = host.code.as_ref();
    let facts = [
        ("resource", host.address.to_string()),
        ("cluster", host.cluster.clone()),
        ("region", host.region.clone()),
        ("activation_id", activation_id.to_owned()),
        ("code_from", code.map(|code| code.place.name().to_owned()).unwrap_or_default()),
        ("code_name", code.map(|code| code.name.clone()).unwrap_or_default()),
        ("system_name", system.map(|system| system.name.clone()).unwrap_or_default()),
        ("system_id", release.map(|release| release.id.clone()).unwrap_or_default()),
        ("system_version", release.map(|release| release.version_id.clone()).unwrap_or_default()),
        ("machine", host.architecture.map(|one| one.machine().to_owned()).unwrap_or_default()),
        ("docker_source", host.docker_install_source.clone()),
        ("gpu", if host.gpu { "yes" } else { "no" }.to_owned()),
    ];
    let mut out = String::new();
    for (name, value) in facts {
        out.push_str(directive(&value));
        out.push_str(&format!("{name}={}\n", shell(&comment(&value))));
    }
    let lines = agent::lines(host);
    out.push_str(directive(&lines.concat()));
    out.push_str("agent_settings=(\n");
    for line in lines {
        out.push_str(&format!("  {}\n", shell(&comment(&line))));
    }
    out.push_str(")\n");
    out
}

/// shellcheck doubts that a text in single quotes is meant as it is; it is.
fn directive(text: &str) -> &'static str {
    if text.contains(['$', '`']) { "# shellcheck disable=SC2016\n" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::trial::host;

    #[test]
    fn the_facts_of_a_host() {
        let host = host(
            r#"{"operatingSystem": "ubuntu-22.04", "architecture": "arm64", "gpu": true,
                "attributes": {"site": "o'slo"},
                "ecsConfig": {"ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached", "ECS_CLUSTER": "other", "ECS_RESERVED_PORTS": [22]}}"#,
        );
        assert_eq!(
            facts(&host, "an-id"),
            r#"resource='ExternalInstance/till-1'
cluster='stores'
region='eu-north-1'
activation_id='an-id'
code_from='parameter'
code_name='/ecs-anywhere/stores/code'
system_name='Ubuntu 22.04'
system_id='ubuntu'
system_version='22.04'
machine='aarch64'
docker_source='all'
gpu='yes'
agent_settings=(
  'ECS_CONTAINER_INSTANCE_TAGS={"farpost/resource":"ExternalInstance/till-1","farpost/stack":"shops"}'
  'ECS_ENABLE_TASK_IAM_ROLE=true'
  'ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true'
  'ECS_IMAGE_PULL_BEHAVIOR=prefer-cached'
  'ECS_INSTANCE_ATTRIBUTES={"site":"o'\''slo"}'
  'ECS_RESERVED_PORTS=[22]'
)
"#
        );
    }

    #[test]
    fn the_markers_are_gone() {
        let script = write(&host("{}"), "");
        assert!(script.starts_with("#!/usr/bin/env bash\n# Brings a host into the ECS cluster stores (eu-north-1)"));
        assert!(!script.contains("#@"), "a marker is left");
        assert!(script.contains(
            "#   aws ssm get-parameter --region eu-north-1 --name /ecs-anywhere/stores/code --with-decryption"
        ));
    }
}
