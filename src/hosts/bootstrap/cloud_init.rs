//! cloud-init: the shell script as a file, run once at the first start.

use super::{indented, place_of, shell};
use crate::hosts::quote::yaml;
use crate::hosts::{Family, Host};

/// Where the script is put.
pub const PATH: &str = "/opt/farpost/bootstrap.sh";

pub(super) fn write(host: &Host, activation_id: &str) -> String {
    let script = shell::write(host, activation_id);
    let mut out = format!(
        "#cloud-config\n\
         # {address} in the ECS cluster {cluster}, written by `farpost host bootstrap`.\n\
         #\n\
         # The activation code is not in here: it is kept in {place}.\n\
         # Have what makes the machine put it into /opt/farpost/activation-code, which is removed when it is read. Without\n\
         # it the run ends with an error (/var/log/cloud-init-output.log) before anything is changed; hand it over then:\n\
         #   … | ssh HOST sudo bash {PATH} --code-file -\n",
        address = host.address,
        cluster = yaml(&host.cluster),
        place = place_of(host.code.as_ref()),
    );
    let packages = packages(host);
    if !packages.is_empty() {
        out.push_str("package_update: true\npackages:\n");
        for package in packages {
            out.push_str(&format!("  - {package}\n"));
        }
    }
    out.push_str(&format!(
        "write_files:\n  - path: {PATH}\n    owner: root:root\n    permissions: \"0700\"\n    content: |\n{}\
         runcmd:\n  - [bash, {PATH}]\n",
        indented(&script, 6)
    ));
    out
}

/// What the installer calls. The script installs the same where it is missing; cloud-init does it earlier, with its
/// own retries.
fn packages(host: &Host) -> &'static [&'static str] {
    match host.system.map(|system| system.family) {
        Some(Family::Deb) => &["ca-certificates", "curl", "gnupg", "iptables", "lsb-release", "openssl", "sudo"],
        Some(Family::Rpm) => &["ca-certificates", "gnupg2", "iptables", "openssl", "tar"],
        Some(Family::Suse) => &["ca-certificates", "curl", "gpg2", "iptables", "openssl", "tar"],
        _ => &[],
    }
}
