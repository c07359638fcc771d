//! The examples of every rule, and the book against the list of ids.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::desired;
use crate::manifest::{self, FileSystem, ManifestText};

/// The findings of manifests that are written as examples are.
pub(super) fn findings(example: &str) -> Vec<Diagnostic> {
    let stack = "kind: Stack\nmetadata: {name: shop}\nspec: {account: '123456789012', region: eu-central-1}\n";
    let has_stack = example.contains("kind: Stack\n");
    let documents = example.trim_start().split("\n---\n").chain((!has_stack).then_some(stack));
    let text: String = documents.map(|text| format!("---\napiVersion: farpost/v1\n{}\n", text.trim())).collect();
    let file = ManifestText { path: PathBuf::from("example.yaml"), root: PathBuf::from("."), text };
    let (documents, mut findings) = manifest::load_text(vec![file], &FileSystem, &desired::kind_names());
    findings.extend(desired::check(documents).1);
    crate::diagnostic::sort(&mut findings);
    findings
}

fn told(findings: &[Diagnostic]) -> String {
    crate::diagnostic::text::render(findings, false)
}

#[test]
fn bad_examples_have_exactly_their_finding_and_good_ones_none() {
    let mut wrong = Vec::new();
    for rule in all() {
        let bad = findings(rule.bad);
        match &bad[..] {
            [only] if only.code == rule.id => {
                if only.primary.is_none() {
                    wrong.push(format!("{}: the finding has no place", rule.id));
                }
            }
            _ => wrong.push(format!("{}: the bad example has\n{}", rule.id, told(&bad))),
        }
        let good = findings(rule.good);
        if !good.is_empty() {
            wrong.push(format!("{}: the good example has\n{}", rule.id, told(&good)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_are_told_in_full_and_once() {
    let mut ids = BTreeSet::new();
    for rule in all() {
        assert!(ids.insert(rule.id), "{} is there twice", rule.id);
        for text in [rule.title, rule.why, rule.source] {
            assert!(!text.trim().is_empty() && text.trim() == text, "{}: {text:?}", rule.id);
        }
        assert!(rule.title.len() <= 80 && !rule.title.ends_with('.'), "{}: {}", rule.id, rule.title);
        assert!(rule.why.ends_with('.'), "{}: {}", rule.id, rule.why);
    }
}
