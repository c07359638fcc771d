//! The `farpost` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    farpost::cli::panics_tell_their_place();
    farpost::cli::run(std::env::args_os())
}
