//! `farpost lint`

use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::findings_text;
use super::fix;
use super::output::{FORMAT_VERSION, LintOutput, RuleOutput, RulesOutput};
use super::session::Manifests;
use super::{Failure, Global, Output, json, print, talk};
use crate::diagnostic::{self, Diagnostic, Severity};
use crate::report::{self, count};
use crate::rules;

/// Check manifests without AWS and without credentials
///
/// All findings at once, each with file, line and column. Exits with 1 when there is an error.
#[derive(Debug, clap::Args)]
pub struct LintArgs {
    /// Files and directories with manifests
    #[arg(value_name = "PATH", required_unless_present_any = ["rules", "explain"])]
    paths: Vec<PathBuf>,
    /// Write into the files what mends a finding for certain; comments stay
    #[arg(long, conflicts_with_all = ["rules", "explain"])]
    fix: bool,
    /// Exit with 1 for warnings, too
    #[arg(long)]
    strict: bool,
    /// List the rules instead
    #[arg(long, conflicts_with_all = ["paths", "explain"])]
    rules: bool,
    /// Explain a rule instead
    #[arg(long, value_name = "RULE", conflicts_with = "paths")]
    explain: Option<String>,
}

pub(super) fn lint(global: &Global, args: &LintArgs) -> Result<ExitCode, Failure> {
    if args.rules {
        return Ok(list(global));
    }
    if let Some(id) = &args.explain {
        return explain(global, id);
    }
    let manifests = Manifests { paths: args.paths.clone() };
    let (mut desired, mut findings) = manifests.check();
    if args.fix {
        let fixed = fix::fix(&findings)?;
        talk(&fixed.text());
        if fixed.changes > 0 {
            (desired, findings) = manifests.check();
        }
    }
    show(global, &findings, desired.as_ref().map(crate::desired::Desired::len));
    let is_bad = |finding: &Diagnostic| args.strict && finding.severity == Severity::Warning;
    let is_fine = desired.is_some() && !findings.iter().any(is_bad);
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(global: &Global, findings: &[Diagnostic], objects: Option<usize>) {
    match global.output {
        Output::Json => {
            let findings = diagnostic::machine::json(findings);
            print(&json(&LintOutput { format_version: FORMAT_VERSION, findings }));
        }
        Output::Sarif => print(&json(&report::sarif::log(findings))),
        Output::Github => print(&findings_text(findings, global)),
        Output::Text | Output::Markdown => {
            print(&findings_text(findings, global));
            let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
            let mut told = vec![count(of(Severity::Error), "error"), count(of(Severity::Warning), "warning")];
            if of(Severity::Note) > 0 {
                told.push(count(of(Severity::Note), "note"));
            }
            let objects = objects.map(|objects| format!("{}: ", count(objects, "object"))).unwrap_or_default();
            print(&format!("{objects}{}\n", told.join(", ")));
        }
    }
}

fn list(global: &Global) -> ExitCode {
    match global.output {
        Output::Json => {
            let rules = rules::all().map(RuleOutput::new).collect();
            print(&json(&RulesOutput { format_version: FORMAT_VERSION, rules }));
        }
        _ => print(&rules::page::list()),
    }
    ExitCode::SUCCESS
}

fn explain(global: &Global, id: &str) -> Result<ExitCode, Failure> {
    let Some(rule) = rules::by_id(id) else {
        if let Some((id, why)) = rules::page::left_out(id) {
            return Err(Failure::wrong(format!("{id} is not checked: {why}")));
        }
        let near = rules::near(id).map(|near| format!("did you mean {near}?"));
        let help = near.unwrap_or_else(|| "`farpost lint --rules` lists them".to_owned());
        return Err(Failure::because(format!("no rule is called {}", diagnostic::quote(id)), help));
    };
    match global.output {
        Output::Json => print(&json(&RuleOutput::new(rule))),
        _ => print(&rules::page::explain(rule)),
    }
    Ok(ExitCode::SUCCESS)
}
