//! What brings a host into its cluster: a shell script, and the same script wrapped for cloud-init, Vagrant and Ansible;
//! for Windows a PowerShell script. None of them holds the activation code: they read it where it is kept, when they run.

mod ansible;
mod cloud_init;
mod powershell;
mod shell;
mod vagrant;

pub use self::cloud_init::PATH;
use super::{Code, CodePlace, Family, Host, Status, Trouble};

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Shell,
    CloudInit,
    Vagrant,
    Ansible,
    PowerShell,
}

impl Format {
    /// The one that fits the host's operating system.
    pub fn of(host: &Host) -> Self {
        if host.is_windows() { Self::PowerShell } else { Self::Shell }
    }
}

/// Writes it. The id of the activation is no secret; without it the script asks for it when it runs.
///
/// # Errors
/// The host's operating system and the format do not fit each other, or the installer does not do what is declared.
pub fn write(host: &Host, format: Format, activation_id: Option<&str>) -> Result<String, Trouble> {
    check(host, format)?;
    let activation_id = activation_id.or(host.activation_id.as_deref()).unwrap_or_default();
    Ok(match format {
        Format::Shell => shell::write(host, activation_id),
        Format::CloudInit => cloud_init::write(host, activation_id),
        Format::Vagrant => vagrant::write(host, activation_id)?,
        Format::Ansible => ansible::write(host, activation_id),
        Format::PowerShell => powershell::write(host, activation_id),
    })
}

fn check(host: &Host, format: Format) -> Result<(), Trouble> {
    let trouble = |message: String, help: &str| Err(Trouble { message, help: help.to_owned() });
    let address = &host.address;
    let Some(system) = host.system else { return Ok(()) };
    let name = &system.name;
    if system.status == Status::Ended {
        return trouble(
            format!("{address} runs {name}, which is not supported: {}", system.reason),
            "take another one",
        );
    }
    match (system.family, format) {
        (Family::Windows, Format::PowerShell) => {}
        (Family::Windows, _) => return trouble(format!("{address} runs {name}"), "take --format powershell"),
        (_, Format::PowerShell) => return trouble(format!("{address} runs {name}"), "take --format sh"),
        _ => {}
    }
    let source = &host.docker_install_source;
    if !system.docker_install_sources.contains(source) {
        let message = format!("the installer does not install Docker from `{source}` on {name}");
        let sources = system.docker_install_sources.join(", ");
        return trouble(message, &format!("dockerInstallSource may be {sources}"));
    }
    let machine = host.architecture.map(|one| if one == super::Architecture::Arm { "arm64" } else { "x86_64" });
    if let Some(machine) = machine.filter(|machine| !system.architectures.iter().any(|one| one == machine)) {
        let message = format!("ECS Anywhere does not run on {name} for {machine}");
        return trouble(message, "change architecture or operatingSystem");
    }
    Ok(())
}

/// The command that reads the code on a machine with AWS credentials; a file needs none.
fn read_command(code: &Code, region: &str) -> Option<Vec<String>> {
    let words: &[&str] = match code.place {
        CodePlace::Parameter => {
            let rest = ["--with-decryption", "--query", "Parameter.Value", "--output", "text"];
            &[&["aws", "ssm", "get-parameter", "--region", region, "--name", &code.name], &rest[..]].concat()
        }
        CodePlace::Secret => {
            let rest = ["--query", "SecretString", "--output", "text"];
            &[&["aws", "secretsmanager", "get-secret-value", "--region", region, "--secret-id", &code.name], &rest[..]]
                .concat()
        }
        CodePlace::File => return None,
    };
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

/// The command that reads a description, which ends with the id of the activation.
fn id_command(code: &Code, region: &str) -> Option<Vec<String>> {
    let filter = format!("Key=Name,Values={}", code.name);
    let words: Vec<&str> = match code.place {
        CodePlace::Parameter => {
            let query = "Parameters[0].Description";
            vec![
                "aws",
                "ssm",
                "describe-parameters",
                "--region",
                region,
                "--parameter-filters",
                &filter,
                "--query",
                query,
            ]
        }
        CodePlace::Secret => {
            let name = &code.name;
            vec![
                "aws",
                "secretsmanager",
                "describe-secret",
                "--region",
                region,
                "--secret-id",
                name,
                "--query",
                "Description",
            ]
        }
        CodePlace::File => return None,
    };
    Some(words.into_iter().chain(["--output", "text"]).map(str::to_owned).collect())
}

/// `the parameter /a/code`
fn place_of(code: Option<&Code>) -> String {
    match code {
        Some(code) => format!("the {} {}", code.place.name(), super::quote::comment(&code.name)),
        None => "wherever it is kept, which no manifest says".to_owned(),
    }
}

/// Lines, each after some spaces; empty ones stay empty.
fn indented(text: &str, spaces: usize) -> String {
    let margin = " ".repeat(spaces);
    let mut out = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            out.push_str(&margin);
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::trial::host;

    const ALL: [Format; 4] = [Format::Shell, Format::CloudInit, Format::Vagrant, Format::Ansible];

    fn refused(more: &str, format: Format) -> String {
        let trouble = write(&host(more), format, None).unwrap_err();
        format!("{}; {}", trouble.message, trouble.help)
    }

    #[test]
    fn what_the_installer_does_not_do_is_refused() {
        let rhel = refused(r#"{"operatingSystem": "rhel-9", "dockerInstallSource": "all"}"#, Format::Shell);
        assert!(rhel.contains("`all` on Red Hat Enterprise Linux 9") && rhel.ends_with("may be none"), "{rhel}");
        assert!(refused(r#"{"operatingSystem": "debian-9"}"#, Format::Shell).contains("2022-06-30"));
        assert!(refused(r#"{"operatingSystem": "bottlerocket"}"#, Format::CloudInit).contains("not supported"));
        assert!(refused(r#"{"operatingSystem": "windows-2022"}"#, Format::Shell).contains("powershell"));
        assert!(refused(r#"{"operatingSystem": "ubuntu-22.04"}"#, Format::PowerShell).contains("--format sh"));
        let arm = refused(r#"{"operatingSystem": "windows-2022", "architecture": "arm64"}"#, Format::PowerShell);
        assert!(arm.contains("arm64"), "{arm}");
    }

    #[test]
    fn the_source_of_docker_is_right_for_the_system() {
        let source = |id: &str| host(&format!(r#"{{"operatingSystem": "{id}"}}"#)).docker_install_source;
        assert_eq!([source("rhel-8"), source("ubuntu-22.04"), source("fedora-40")], ["none", "all", "all"]);
    }

    #[test]
    fn every_form_reads_the_code_where_it_is_kept() {
        for format in ALL {
            let text = write(&host("{}"), format, Some("11111111-2222-3333-4444-555555555555")).unwrap();
            assert!(text.contains("/ecs-anywhere/stores/code"), "{format:?}:\n{text}");
            assert!(text.contains("11111111-2222-3333-4444-555555555555"), "{format:?}:\n{text}");
        }
        let windows = host(r#"{"operatingSystem": "windows-2022"}"#);
        let text = write(&windows, Format::of(&windows), None).unwrap();
        assert!(text.contains("/ecs-anywhere/stores/code"), "{text}");
    }
}
