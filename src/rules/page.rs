//! The book as text: one rule, the list, and the page of the documentation.

use std::fmt::Write as _;

use super::{Check, GROUPS, Rule, all};
use crate::diagnostic::Severity;

/// What one rule says, for a terminal.
pub fn explain(rule: &Rule) -> String {
    let mut out = format!("{} ({}): {}\n\n{}\n", rule.id, rule.severity, rule.title, rule.why);
    writeln!(out, "\nSource: {}", rule.source).ok();
    if !rule.check.is_optional() {
        out.push_str("Its findings cannot be ignored: nothing works with them.\n");
    }
    if matches!(rule.check, Check::Plan(_)) {
        out.push_str("It is asked of plans, not of manifests.\n");
        return out;
    }
    for (what, example) in [("Wrong", rule.bad), ("Right", rule.good)] {
        writeln!(out, "\n{what}:\n").ok();
        for line in example.trim().lines() {
            writeln!(out, "{}", format!("    {line}").trim_end()).ok();
        }
    }
    out
}

/// Why a rule of the book is not checked.
pub fn left_out(id: &str) -> Option<(&'static str, &'static str)> {
    let mut left_out = GROUPS.iter().flat_map(|group| group.left_out);
    left_out.find(|(of, _)| of.eq_ignore_ascii_case(id)).copied()
}

/// One line a rule.
pub fn list() -> String {
    let mut out = String::new();
    for rule in all() {
        writeln!(out, "{:8} {:8} {}", rule.id, rule.severity.as_str(), rule.title).ok();
    }
    out
}

/// The page of the documentation.
pub fn page() -> String {
    let count = |severity| all().filter(|rule| rule.severity == severity).count();
    let mut out = format!(
        "# Rules\n\n\
         What `farpost lint` knows to be wrong or unwise before anything is called: {} rules, {} errors, {} warnings and \
         {} notes. An error is what AWS refuses or what can never work; a warning is very likely not meant; a note is worth \
         knowing. `farpost lint --explain EXT-03` tells one with examples, `farpost lint --rules` lists them. \
         [lint.md](lint.md) says how to suppress one, how to change its severity, and how to write rules of your own.\n",
        all().count(),
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note),
    );
    for group in GROUPS {
        writeln!(out, "\n## {}", group.title).ok();
        let rules: Vec<&Rule> = group.rules.iter().copied().flatten().collect();
        if !rules.is_empty() {
            out.push_str("\n| id | severity | what | source |\n|---|---|---|---|\n");
        }
        for rule in rules {
            let bound = match rule.check {
                Check::Schema(_) => " (in the schema)",
                Check::Plan(_) => " (in plans)",
                _ => "",
            };
            let (title, source) = (cell(rule.title), cell(rule.source));
            writeln!(out, "| {} | {}{bound} | {title} | {source} |", rule.id, rule.severity).ok();
        }
        if !group.left_out.is_empty() {
            out.push_str("\nNot checked:\n\n| id | why |\n|---|---|\n");
        }
        for (id, why) in group.left_out {
            writeln!(out, "| {id} | {} |", cell(why)).ok();
        }
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
