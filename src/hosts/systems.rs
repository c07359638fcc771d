//! The operating systems that ECS Anywhere runs on, and those that it ran on once: data with a source and a date.

use std::sync::LazyLock;

use serde::Deserialize;

/// The table of operating systems.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Systems {
    /// Where AWS lists them.
    pub source: String,
    /// When that was read.
    pub date: String,
    pub systems: Vec<System>,
}

/// An operating system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct System {
    /// What a manifest calls it: `ubuntu-22.04`.
    pub id: String,
    /// What people call it: Ubuntu 22.04.
    pub name: String,
    pub family: Family,
    /// `x86_64`, `arm64`.
    pub architectures: Vec<String>,
    /// The values of `dockerInstallSource` that work on it.
    pub docker_install_sources: Vec<String>,
    pub status: Status,
    /// Since when AWS lists it; empty where that is not known.
    pub since: String,
    /// Why it is not supported any more.
    #[serde(default)]
    pub reason: String,
    /// How `/etc/os-release` tells it.
    #[serde(default)]
    pub os_release: Release,
    /// How Windows tells it.
    #[serde(default)]
    pub build: String,
    /// Names of the hosts that its packages come from.
    pub repositories: Vec<String>,
    /// A Vagrant box of it; empty where none is known.
    #[serde(default)]
    pub vagrant_box: String,
    #[serde(default)]
    pub notes: String,
}

/// How packages are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Deb,
    Rpm,
    Suse,
    Windows,
    Other,
}

/// Whether AWS supports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// AWS lists it.
    Supported,
    /// AWS listed it once; its maker has ended it since. The installer still takes it.
    Dropped,
    /// AWS says, or the installer does, that it does not work.
    Ended,
}

/// Fields of `/etc/os-release`; an empty one is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Release {
    /// `ID`.
    pub id: String,
    /// `VERSION_ID`, or the part of it before a dot.
    pub version_id: String,
    /// A part of `NAME`.
    pub name: String,
}

impl System {
    /// The source that is right when a manifest names none.
    pub fn docker_install_source(&self) -> &str {
        self.docker_install_sources.first().map_or("all", String::as_str)
    }
}

static SYSTEMS: LazyLock<Systems> =
    // A test reads the file.
    LazyLock::new(|| serde_json::from_str(include_str!("systems.json")).unwrap_or_default());

/// All of them.
pub fn systems() -> &'static Systems {
    &SYSTEMS
}

/// The one with this id.
pub fn system(id: &str) -> Option<&'static System> {
    SYSTEMS.systems.iter().find(|system| system.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        let table: Systems = serde_json::from_str(include_str!("systems.json")).unwrap();
        assert!(table.source.starts_with("https://docs.aws.amazon.com/") && table.date.len() == 10);
        let ids: BTreeSet<&str> = table.systems.iter().map(|system| system.id.as_str()).collect();
        assert_eq!(ids.len(), table.systems.len(), "an id is there twice");
        for system in &table.systems {
            let id = &system.id;
            assert!(system.architectures.iter().all(|one| ["x86_64", "arm64"].contains(&one.as_str())), "{id}");
            let sources = ["all", "docker", "distro", "none"];
            assert!(system.docker_install_sources.iter().all(|one| sources.contains(&one.as_str())), "{id}");
            assert_eq!(system.status == Status::Supported, system.reason.is_empty(), "{id}: a reason");
            assert_eq!(system.family == Family::Windows, !system.build.is_empty(), "{id}: a build");
            assert_eq!(system.family == Family::Windows, system.os_release.id.is_empty(), "{id}: an ID");
            assert!(system.os_release.id != "rhel" || system.docker_install_sources == ["none"], "{id}");
            let fields = [&system.name, &system.reason, &system.notes, &system.os_release.name];
            assert!(fields.iter().all(|text| !text.contains(['|', '\n'])), "{id}: a bar would break the check script");
        }
    }

    #[test]
    fn what_the_sources_disagree_about() {
        let status = |id: &str| system(id).unwrap().status;
        for id in ["debian-9", "centos-8", "bottlerocket"] {
            assert_eq!(status(id), Status::Ended, "{id}");
        }
        for id in ["centos-7", "centos-stream-8"] {
            assert_eq!(status(id), Status::Dropped, "{id}");
        }
        for id in ["ubuntu-22.04", "debian-10", "fedora-33", "windows-20h2", "sles-15"] {
            assert_eq!(status(id), Status::Supported, "{id}");
        }
        assert_eq!(system("plan9"), None);
    }
}
