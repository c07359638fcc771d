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

#[cfg(test)]
mod tests;
