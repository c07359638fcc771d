//! Why a command failed, how that is told, and the code it exits with.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::output::{ErrorOutput, FORMAT_VERSION, FailureOutput};
use super::{Global, Output, print, talk};
use crate::aws::{Fault, told};
use crate::diagnostic::{self, Diagnostic};
use crate::observed::{SurveyError, WrongAccount};
use crate::plan::Refusal;
use crate::report::style;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The manifests are wrong.
    Findings(Vec<Diagnostic>),
    /// There are no manifests, or some that were named are not there: a guard, since what is not declared is deleted.
    Vanished(Vec<Diagnostic>),
    /// Calls to AWS failed; nothing was changed.
    Faults(Vec<Fault>),
    /// A guard stands in the way; nothing was changed.
    Refused(Vec<Refusal>),
    /// Something was asked that is not possible; message and help.
    Wrong(String, Option<String>),
}

impl Failure {
    pub const USAGE: u8 = 64;
    pub const REFUSED: u8 = 3;
    pub const CHANGES: u8 = 2;
    pub const DEFERRED: u8 = 4;

    /// A failure with nothing to advise.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::Wrong(message.into(), None)
    }

    /// A failure and what to do about it.
    pub fn because(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Wrong(message.into(), Some(help.into()))
    }

    /// Tells the user and returns the code to exit with.
    pub(super) fn report(&self, global: &Global) -> ExitCode {
        if global.output == Output::Json {
            print(&super::json(&self.as_json()));
        } else {
            talk(&self.as_text(global));
            if let Self::Faults(_) = self {
                talk("Nothing was changed.\n");
            }
        }
        match self {
            Self::Refused(_) | Self::Vanished(_) => Self::REFUSED.into(),
            Self::Findings(_) | Self::Faults(_) | Self::Wrong(..) => ExitCode::FAILURE,
        }
    }

    /// The same for people.
    pub(super) fn as_text(&self, global: &Global) -> String {
        match self {
            Self::Findings(findings) => findings_text(findings, global),
            Self::Vanished(findings) => {
                let head = style::paint(style::ERROR, "refused[no-manifests]");
                let findings = findings_text(findings, global);
                format!("{findings}{head}: without all of the manifests nothing is compared and nothing is deleted\n")
            }
            Self::Refused(refusals) => crate::report::plan::refusals(refusals),
            Self::Faults(faults) => {
                let mut out = String::new();
                for (text, hint) in told(faults) {
                    writeln!(out, "{} {text}", style::paint(style::ERROR, "error:")).ok();
                    if let Some(hint) = hint {
                        writeln!(out, "  {} {hint}", style::paint(style::HINT, "help:")).ok();
                    }
                }
                out
            }
            Self::Wrong(message, help) => {
                let help = help.as_ref().map(|help| format!("  {} {help}\n", style::paint(style::HINT, "help:")));
                format!("{} {message}\n{}", style::paint(style::ERROR, "error:"), help.unwrap_or_default())
            }
        }
    }

    pub(super) fn as_json(&self) -> FailureOutput<'_> {
        let mut output =
            FailureOutput { format_version: FORMAT_VERSION, findings: Vec::new(), refusals: &[], errors: Vec::new() };
        match self {
            Self::Findings(findings) | Self::Vanished(findings) => {
                output.findings = diagnostic::machine::json(findings);
            }
            Self::Refused(refusals) => output.refusals = refusals,
            Self::Faults(faults) => output.errors.extend(faults.iter().map(|fault| ErrorOutput {
                operation: Some(fault.operation),
                code: Some(fault.code.as_str()).filter(|code| !code.is_empty()),
                message: &fault.message,
                help: fault.hint(),
            })),
            Self::Wrong(message, help) => {
                output.errors.push(ErrorOutput { operation: None, code: None, message, help: help.clone() });
            }
        }
        output
    }
}

/// Findings with their places and a count.
pub(super) fn findings_text(findings: &[Diagnostic], global: &Global) -> String {
    if global.output == Output::Github {
        return diagnostic::machine::github(findings);
    }
    // The stream takes the codes out where there is no colour.
    diagnostic::text::render(findings, true)
}

impl From<SurveyError> for Failure {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Faults(faults) => Self::Faults(faults),
            SurveyError::Account(wrong) => Self::Refused(vec![wrong.into()]),
        }
    }
}

impl From<WrongAccount> for Refusal {
    fn from(wrong: WrongAccount) -> Self {
        Self {
            address: None,
            code: format!("wrong-{}", wrong.what),
            message: wrong.to_string(),
            help: "use --profile or other credentials, or mend the Stack document".to_owned(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Faults(vec![fault])
    }
}
