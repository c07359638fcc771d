//! Findings as SARIF 2.1.0 (OASIS), which code-scanning services read.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Label};
use crate::rules;

/// A log of one run with all findings.
pub fn log(findings: &[Diagnostic]) -> Value {
    let mut indexes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut descriptors = Vec::new();
    for finding in findings {
        indexes.entry(&finding.code).or_insert_with(|| {
            descriptors.push(descriptor(&finding.code));
            descriptors.len() - 1
        });
    }
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, indexes[&*finding.code])).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "farpost",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }]
    })
}

fn descriptor(code: &str) -> Value {
    match rules::by_id(code) {
        Some(rule) => json!({
            "id": code,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.why},
            "help": {"text": format!("{}\n\nSource: {}", rule.why, rule.source)},
            "defaultConfiguration": {"level": rule.severity},
        }),
        None => json!({"id": code, "shortDescription": {"text": code.replace('-', " ")}}),
    }
}

fn result(finding: &Diagnostic, index: usize) -> Value {
    let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": format!("{}{help}", finding.message)},
    });
    if let Some(label) = &finding.primary {
        result["locations"] = json!([{"physicalLocation": place(label)}]);
        if let Some(text) = &finding.suggestion {
            result["fixes"] = json!([{
                "description": {"text": format!("write {text}")},
                "artifactChanges": [{
                    "artifactLocation": {"uri": uri(label.file.path())},
                    "replacements": [{"deletedRegion": region(label), "insertedContent": {"text": text}}],
                }],
            }]);
        }
    }
    if !finding.related.is_empty() {
        let places: Vec<Value> = finding
            .related
            .iter()
            .enumerate()
            .map(|(id, label)| json!({"id": id, "physicalLocation": place(label), "message": {"text": label.text}}))
            .collect();
        result["relatedLocations"] = json!(places);
    }
    result
}

fn place(label: &Label) -> Value {
    json!({"artifactLocation": {"uri": uri(label.file.path())}, "region": region(label)})
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

fn region(label: &Label) -> Region {
    let (start, end) = (label.start(), label.end());
    Region { start_line: start.line, start_column: start.column, end_line: end.line, end_column: end.column }
}

/// A path as a URI reference; relative paths stay relative, as code-scanning services want them.
fn uri(path: &str) -> String {
    const ESCAPED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'`')
        .add(b':');
    percent_encoding::utf8_percent_encode(path.strip_prefix("./").unwrap_or(path), ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    #[test]
    fn a_log_is_what_the_standard_says() {
        let file = SourceFile::new("stores/a b#1.yaml", "x: 1\ny: tpc\n");
        let findings = [
            Diagnostic::error("unknown-value", "`tpc` is not one of tcp, udp")
                .at(Label::new(&file, 8..11))
                .related(Label::new(&file, 0..1).saying("first"))
                .help("did you mean `tcp`?")
                .suggest("tcp"),
            Diagnostic::warning("TD-02", "two of them").at(Label::new(&file, 0..1)),
            Diagnostic::note("unknown-value", "no place"),
        ];
        let log = log(&findings);
        let mut schema: Value =
            serde_json::from_str(include_str!("../../tests/sarif/sarif-schema-2.1.0.json")).unwrap();
        // Their pattern has a bracket too many, and the member is not written here.
        for holder in ["run", "toolComponent"] {
            schema["definitions"][holder]["properties"]["language"].as_object_mut().unwrap().remove("pattern");
        }
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
        assert_eq!(wrong, [""; 0]);
        let run = &log["runs"][0];
        assert_eq!(
            run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "stores/a%20b%231.yaml"
        );
        assert_eq!(run["results"][0]["locations"][0]["physicalLocation"]["region"]["startColumn"], 4);
        assert_eq!(run["results"][0]["level"], "error");
        assert_eq!(run["results"][2]["ruleIndex"], 0);
        assert_eq!(run["tool"]["driver"]["rules"][1]["shortDescription"]["text"], "two containers of one name");
        assert!(validator.validate(&json!({"version": "2.1.0", "runs": [{"tool": {}}]})).is_err(), "it can fail");
    }
}
