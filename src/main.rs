//! The `farpost` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    farpost::cli::run(std::env::args_os())
}
