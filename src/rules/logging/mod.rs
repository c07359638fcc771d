//! LOG, SEC, EXE: logs, secrets and commands in containers.

mod awslogs;
mod commands;
mod drivers;
mod log_group;
mod secrets;

use super::{Check, Declared, Group, Hits, Node, Rule};

pub(super) static GROUP: Group = Group {
    title: "Logs, secrets and commands in containers",
    rules: &[awslogs::RULES, drivers::RULES, log_group::RULES, secrets::RULES, commands::RULES],
    left_out: &[],
};

/// An option of a container's log driver, or the secret that gives it.
fn log_option<'a>(container: Node<'a>, option: &str) -> Node<'a> {
    let log = container.get("logConfiguration");
    let secret = log.get("secretOptions").items().find(|secret| secret.get("name").is(option));
    secret.map_or_else(|| log.get("options").get(option), |secret| secret.get("valueFrom"))
}

#[cfg(test)]
mod tests;
