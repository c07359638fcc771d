//! `farpost lint`

use std::process::ExitCode;

use super::failure::findings_text;
use super::output::{FORMAT_VERSION, LintOutput};
use super::session::Manifests;
use super::{Failure, Global, Output, json, print, talk};
use crate::diagnostic;
use crate::report::count;

/// Check manifests without AWS and without credentials
///
/// All findings at once, each with file, line and column.
#[derive(Debug, clap::Args)]
pub struct LintArgs {
    #[command(flatten)]
    manifests: Manifests,
}

pub(super) fn lint(global: &Global, args: &LintArgs) -> Result<ExitCode, Failure> {
    let (desired, findings) = args.manifests.check();
    match global.output {
        Output::Json => {
            print(&json(&LintOutput {
                format_version: FORMAT_VERSION,
                findings: diagnostic::machine::json(&findings),
            }));
        }
        Output::Github => print(&findings_text(&findings, global)),
        Output::Text | Output::Markdown => {
            talk(&findings_text(&findings, global));
            let errors = findings.iter().filter(|finding| finding.severity == diagnostic::Severity::Error).count();
            let warnings = findings.len() - errors;
            let objects =
                desired.as_ref().map(|desired| format!("{}: ", count(desired.len(), "object"))).unwrap_or_default();
            print(&format!("{objects}{}, {}\n", count(errors, "error"), count(warnings, "warning")));
        }
    }
    Ok(if desired.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
