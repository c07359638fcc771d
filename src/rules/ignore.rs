//! Findings that somebody has looked at and lives with: `farpost/ignore: "SG-03: bastion, ticket 17"` among the
//! annotations of an object, or of the Stack for all of them. One line for each reason.

use std::collections::BTreeMap;

use super::{Check, by_id, near};
use crate::address::Address;
use crate::desired::Desired;
use crate::diagnostic::{Diagnostic, Label};
use crate::manifest::Source;

/// The annotation.
pub(crate) const ANNOTATION: &str = "farpost/ignore";

/// Whether a rule is suppressed for an object, or for everything.
pub(super) fn is_suppressed(desired: &Desired, address: Option<&Address>, rule: &str) -> bool {
    let own = address.and_then(|address| desired.get(address)).map(|resource| &resource.document.annotations);
    own.is_some_and(|annotations| names(annotations, rule))
        || desired.stack.ignore.as_ref().is_some_and(|(text, _)| suppresses(text, rule))
}

/// What is suppressed, and what was wrong with how it was written.
pub(super) struct Ignores {
    entries: Vec<Entry>,
    findings: Vec<Diagnostic>,
}

struct Entry {
    rule: String,
    /// None: on the stack, for everything.
    kind_and_name: Option<(String, String)>,
    label: Label,
    is_used: bool,
}

/// The lines of an annotation: ids and the reason.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(':').map_or((line, line, ""), |(ids, reason)| (line, ids, reason.trim())))
}

/// Whether the annotations of an object suppress a rule, with a reason.
fn names(annotations: &BTreeMap<String, String>, rule: &str) -> bool {
    annotations.get(ANNOTATION).is_some_and(|text| suppresses(text, rule))
}

fn suppresses(text: &str, rule: &str) -> bool {
    lines(text).any(|(_, ids, reason)| !reason.is_empty() && ids.split(',').any(|id| id.trim() == rule))
}

impl Ignores {
    pub(super) fn new(desired: &Desired) -> Self {
        let mut ignores = Self { entries: Vec::new(), findings: Vec::new() };
        let users: Vec<&str> = desired.rules.iter().map(|rule| rule.name.as_str()).collect();
        if let Some((text, source)) = &desired.stack.ignore {
            ignores.read(text, source, None, &users);
        }
        for resource in desired.resources().values().filter(|resource| resource.address.name == resource.document.name)
        {
            if let Some(text) = resource.document.annotations.get(ANNOTATION) {
                let of = Some((&resource.address.kind, &resource.address.name));
                ignores.read(text, &resource.document.source, of, &users);
            }
        }
        ignores
    }

    fn read(&mut self, text: &str, source: &Source, of: Option<(&String, &String)>, users: &[&str]) {
        for (line, ids, reason) in lines(text) {
            let start = line.as_ptr().addr() - text.as_ptr().addr();
            let label = source.within(POINTER, start..start + line.len());
            let mut error = |code, message: String, help: String| {
                self.findings.push(Diagnostic::error(code, message).at(label.clone()).help(help));
            };
            if reason.is_empty() {
                let help = format!("write why: `{ANNOTATION}: \"{}: …\"`", ids.trim());
                error("ignore-without-reason", format!("`{line}` gives no reason"), help);
                continue;
            }
            for id in ids.split(',').map(str::trim) {
                match by_id(id) {
                    // A rule of the user's own, which may be asked of plans only: never told as unused.
                    None if users.contains(&id) => self.entries.push(Entry {
                        rule: id.to_owned(),
                        kind_and_name: of.map(|(kind, name)| (kind.clone(), name.clone())),
                        label: label.clone(),
                        is_used: true,
                    }),
                    None => {
                        let help = near(id).map(|near| format!("did you mean `{near}`?"));
                        let help = help.unwrap_or_else(|| "`farpost lint --rules` lists them".to_owned());
                        error("unknown-rule", format!("no rule is called `{id}`"), help);
                    }
                    Some(rule) if !rule.check.is_optional() => {
                        let message = format!("{} cannot be ignored: nothing works with it", rule.id);
                        error("ignore-impossible", message, "mend what it finds".to_owned());
                    }
                    Some(rule) => self.entries.push(Entry {
                        rule: rule.id.to_owned(),
                        kind_and_name: of.map(|(kind, name)| (kind.clone(), name.clone())),
                        label: label.clone(),
                        // Whether a plan has something to find is not known here.
                        is_used: matches!(rule.check, Check::Plan(_)),
                    }),
                }
            }
        }
    }

    /// Whether findings of the rule about this object are suppressed.
    pub(super) fn covers(&mut self, rule: &str, address: &Address) -> bool {
        let mut is_covered = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.rule == rule) {
            let is_meant =
                entry.kind_and_name.as_ref().is_none_or(|(kind, name)| *kind == address.kind && *name == address.name);
            entry.is_used |= is_meant;
            is_covered |= is_meant;
        }
        is_covered
    }

    /// What was wrong with them, and those that suppress nothing any more.
    pub(super) fn into_findings(self) -> Vec<Diagnostic> {
        let unused = self.entries.into_iter().filter(|entry| !entry.is_used).map(|entry| {
            Diagnostic::warning("unused-ignore", format!("{} has nothing to find here any more", entry.rule))
                .at(entry.label)
                .help(format!("take it out of {ANNOTATION}"))
        });
        self.findings.into_iter().chain(unused).collect()
    }
}

/// Where the annotation stands in a document.
const POINTER: &str = "/metadata/annotations/farpost~1ignore";
