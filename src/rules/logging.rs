//! LOG, SEC, EXE: logs, secrets and commands in containers.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Logs, secrets and commands in containers", rules: &[], left_out: &[] };
