//! `farpost diff`

use std::process::ExitCode;

use super::output::{DiffOutput, FORMAT_VERSION};
use super::session::Manifests;
use super::{Failure, Global, Output, json, print, talk};
use crate::desired::compare::compare;
use crate::desired::kind_names;
use crate::desired::{self, Desired};
use crate::diagnostic;
use crate::git;
use crate::manifest::load_text;
use crate::report;

/// Show what a branch changes against a git revision, without AWS
///
/// Compares the manifests as they are on disk with the same paths at the revision.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    #[command(flatten)]
    manifests: Manifests,
    /// The git revision to compare with, as main or HEAD~1
    #[arg(long, value_name = "REV")]
    base: String,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(super) fn diff(global: &Global, args: &DiffArgs) -> Result<ExitCode, Failure> {
    let after = args.manifests.load(global)?;
    let before = at_revision(&args.manifests, &args.base)?;
    let differences = compare(before.as_ref(), &after);
    match global.output {
        Output::Json => {
            print(&json(&DiffOutput { format_version: FORMAT_VERSION, base: &args.base, changes: &differences }));
        }
        Output::Markdown => print(&report::differences::markdown(&args.base, &differences)),
        Output::Text | Output::Github | Output::Sarif => print(&report::differences::text(&args.base, &differences)),
    }
    if before.is_none() {
        talk(&format!("note: {} has no manifests at these paths; everything is new\n", args.base));
    }
    let has_changes = args.detailed_exitcode && !differences.is_empty();
    Ok(if has_changes { Failure::CHANGES.into() } else { ExitCode::SUCCESS })
}

/// What the paths declare at a revision; none when they did not exist there.
fn at_revision(manifests: &Manifests, revision: &str) -> Result<Option<Desired>, Failure> {
    let tree = git::read(&manifests.paths, revision).map_err(|error| Failure::wrong(error.to_string()))?;
    if tree.manifests.is_empty() {
        return Ok(None);
    }
    let (documents, mut findings) = load_text(tree.manifests.clone(), &tree, &kind_names());
    let is_broken = diagnostic::has_errors(&findings);
    let (desired, more) = desired::check(documents);
    findings.extend(more);
    match desired.filter(|_| !is_broken) {
        Some(desired) => Ok(Some(desired)),
        None => {
            talk(&format!("The manifests at {revision} have errors of their own:\n"));
            Err(Failure::Findings(findings))
        }
    }
}
