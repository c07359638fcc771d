//! Who and where this process is, for whoever has to wait for it.

use std::env::var;

/// `user@host`.
pub(super) fn user_at_host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| var("HOSTNAME").ok()).or_else(|| var("HOST").ok()).unwrap_or_default();
    let host = host.trim();
    format!("{}@{}", user(), if host.is_empty() { "unknown" } else { host })
}

/// The user's name, as far as the environment tells it.
pub(super) fn user() -> String {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(|name| var(name).ok()).find(|name| !name.is_empty());
    named.unwrap_or_else(|| "unknown".to_owned())
}

/// What tells one start of the machine from another; none where the system does not say.
pub(super) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
