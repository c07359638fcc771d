//! The examples of every rule, and the book against the list of ids.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::desired;
use crate::manifest::{self, FileSystem, ManifestText};

/// The findings of manifests that are written as examples are.
pub(super) fn findings(example: &str) -> Vec<Diagnostic> {
    read(example).1
}

/// What manifests declare that are written as examples are.
pub(crate) fn read(example: &str) -> (Option<Desired>, Vec<Diagnostic>) {
    let stack = "kind: Stack\nmetadata: {name: shop}\nspec: {account: '123456789012', region: eu-central-1}\n";
    let has_stack = example.contains("kind: Stack\n");
    let documents = example.trim_start().split("\n---\n").chain((!has_stack).then_some(stack));
    let text: String = documents.map(|text| format!("---\napiVersion: farpost/v1\n{}\n", text.trim())).collect();
    let file = ManifestText { path: PathBuf::from("example.yaml"), root: PathBuf::from("."), text };
    let (documents, mut findings) = manifest::load_text(vec![file], &FileSystem, &desired::kind_names());
    let (desired, more) = desired::check(documents);
    findings.extend(more);
    crate::diagnostic::sort(&mut findings);
    (desired, findings)
}

fn told(findings: &[Diagnostic]) -> String {
    crate::diagnostic::text::render(findings, false)
}

#[test]
fn bad_examples_have_exactly_their_finding_and_good_ones_none() {
    let mut wrong = Vec::new();
    for rule in all().filter(|rule| !matches!(rule.check, Check::Plan(_))) {
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

/// Every id of the book is checked or left out with a reason, and not both. Ids beyond the book are our own.
#[test]
fn the_book_is_whole() {
    let book: BTreeSet<&str> = include_str!("book.txt").lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(book.len(), 352);
    let checked: BTreeSet<&str> = all().map(|rule| rule.id).collect();
    let left_out: Vec<&str> = GROUPS.iter().flat_map(|group| group.left_out).map(|(id, _)| *id).collect();
    let both: Vec<&&str> = left_out.iter().filter(|id| checked.contains(*id)).collect();
    assert!(both.is_empty(), "checked and left out: {both:?}");
    let unknown: Vec<&&str> = left_out.iter().filter(|id| !book.contains(*id)).collect();
    assert!(unknown.is_empty(), "left out and not in the book: {unknown:?}");
    let missing: Vec<&&str> = book.iter().filter(|id| !checked.contains(*id) && !left_out.contains(id)).collect();
    assert!(missing.is_empty(), "neither checked nor left out: {missing:?}");
    assert!(GROUPS.iter().flat_map(|group| group.left_out).all(|(_, why)| why.len() > 10));
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

/// Two definitions with two containers of one name each; annotations on the first and on the stack.
fn suppressed(on_first: &str, stack: &str) -> Vec<(String, Severity, usize)> {
    let definition = |name: &str, more: &str| {
        format!(
            "kind: TaskDefinition\nmetadata: {{name: {name}{more}}}\nspec:\n  containerDefinitions:\n    \
             - {{name: a, image: 'nginx:1.29', memory: 64}}\n    - {{name: a, image: 'nginx:1.29', memory: 64}}\n"
        )
    };
    let stack = format!("kind: Stack\n{stack}");
    let example = [stack.as_str(), &definition("one", on_first), &definition("two", "")].join("---\n");
    let told = findings(&example).into_iter().map(|finding| {
        let line = finding.primary.map_or(0, |label| label.start().line);
        (finding.code.into_owned(), finding.severity, line)
    });
    told.collect()
}

const STACK: &str = "metadata: {name: shop}\nspec: {account: '123456789012', region: eu-central-1}\n";

#[test]
fn findings_are_suppressed_with_a_reason_where_it_stands() {
    let found = |annotation: &str| suppressed(&format!(", annotations: {{farpost/ignore: {annotation}}}"), STACK);
    let (first, second) = (("TD-02".to_owned(), Severity::Error, 13), ("TD-02".to_owned(), Severity::Error, 21));
    assert_eq!(suppressed("", STACK), [first.clone(), second.clone()]);
    assert_eq!(found("'TD-02: both are the same, ticket 17'"), std::slice::from_ref(&second));
    assert_eq!(found("'td-02, TD-05: both are the same'")[0].0, "unused-ignore");
    let codes = |annotation: &str| found(annotation).into_iter().map(|one| one.0).collect::<Vec<_>>();
    assert_eq!(codes("TD-02"), ["ignore-without-reason", "TD-02", "TD-02"]);
    assert_eq!(codes("'TD-99: no'"), ["unknown-rule", "TD-02", "TD-02"]);
    assert_eq!(codes("'TD-05: no'"), ["unused-ignore", "TD-02", "TD-02"]);
    // Of several lines, the one that is wrong is shown.
    let lines = found("\"TD-02: the same\\nTD-98, TD-99: no\"");
    assert_eq!(lines.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["unknown-rule", "unknown-rule", "TD-02"]);
    let block = format!(
        "kind: Stack\nmetadata:\n  name: shop\n  annotations:\n    farpost/ignore: |\n      TD-34: ok\n      TD-99: no\n{}",
        STACK.lines().nth(1).unwrap()
    );
    let wrong = findings(&block).into_iter().find(|one| one.code == "unknown-rule").unwrap();
    assert_eq!(wrong.primary.unwrap().written(), "TD-99: no");
    let everywhere = STACK.replace("{name: shop}", "{name: shop, annotations: {farpost/ignore: 'TD-02: a test'}}");
    assert_eq!(suppressed("", &everywhere), []);
}

#[test]
fn a_stack_says_how_bad_findings_are() {
    let with =
        |severities: &str| suppressed("", &STACK.replace("region:", &format!("severities: {severities}, region:")));
    let severities: Vec<Severity> = with("{TD-02: note}").into_iter().map(|one| one.1).collect();
    assert_eq!(severities, [Severity::Note; 2]);
    assert_eq!(with("{TD-2: note}")[0].0, "unknown-rule");
    assert_eq!(with("{TD-02: ignore}")[0].0, "unknown-value");
}
