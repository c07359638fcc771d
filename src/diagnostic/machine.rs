//! Findings for programs: JSON, and the workflow commands that GitHub turns into annotations.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Diagnostic, Label, Severity};

/// A finding in the shape that `--output json` documents.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonDiagnostic<'a> {
    severity: Severity,
    code: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Option<JsonPlace<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<JsonRelated<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonPlace<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct JsonRelated<'a> {
    #[serde(flatten)]
    place: JsonPlace<'a>,
    message: &'a str,
}

fn place(label: &Label) -> JsonPlace<'_> {
    let (start, end) = (label.start(), label.end());
    JsonPlace {
        file: label.file.path(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}

/// The findings as values to serialise into a larger document.
pub fn json(diagnostics: &[Diagnostic]) -> Vec<JsonDiagnostic<'_>> {
    diagnostics
        .iter()
        .map(|diagnostic| JsonDiagnostic {
            severity: diagnostic.severity,
            code: &diagnostic.code,
            message: &diagnostic.message,
            place: diagnostic.primary.as_ref().map(place),
            related: diagnostic
                .related
                .iter()
                .map(|label| JsonRelated { place: place(label), message: &label.text })
                .collect(),
            help: diagnostic.help.as_deref(),
            suggestion: diagnostic.suggestion.as_deref(),
        })
        .collect()
}

/// The findings as GitHub workflow commands, one a line.
pub fn github(diagnostics: &[Diagnostic]) -> String {
    let mut output = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let mut properties = Vec::new();
        if let Some(label) = &diagnostic.primary {
            let (start, end) = (label.start(), label.end());
            properties.push(format!("file={}", escape_property(label.file.path())));
            properties.push(format!("line={}", start.line));
            properties.push(format!("col={}", start.column));
            // GitHub ignores columns when an annotation covers several lines.
            if end.line == start.line {
                properties.push(format!("endColumn={}", end.column));
            } else {
                properties.push(format!("endLine={}", end.line));
            }
        }
        properties.push(format!("title={}", escape_property(&diagnostic.code)));
        let mut message = diagnostic.message.clone();
        if let Some(help) = &diagnostic.help {
            message.push_str("\nhelp: ");
            message.push_str(help);
        }
        output.push_str(&format!("::{command} {}::{}\n", properties.join(","), escape_data(&message)));
    }
    output
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;

    fn finding() -> Diagnostic {
        let file = SourceFile::new("a,b.yaml", "x: 1\ny: tpc\n");
        Diagnostic::error("unknown-value", "100% wrong\n::stop")
            .at(Label::new(&file, 8..11))
            .related(Label::new(&file, 0..1).saying("first"))
            .help("did you mean `tcp`?")
            .suggest("tcp")
    }

    #[test]
    fn json_has_every_member() {
        assert_eq!(
            serde_json::to_value(json(&[finding(), Diagnostic::note("n", "m")])).unwrap(),
            serde_json::json!([
                {
                    "severity": "error", "code": "unknown-value", "message": "100% wrong\n::stop",
                    "file": "a,b.yaml", "line": 2, "column": 4, "endLine": 2, "endColumn": 7,
                    "related": [{"file": "a,b.yaml", "line": 1, "column": 1, "endLine": 1,
                                 "endColumn": 2, "message": "first"}],
                    "help": "did you mean `tcp`?", "suggestion": "tcp"
                },
                {"severity": "note", "code": "n", "message": "m"}
            ])
        );
    }

    #[test]
    fn workflow_commands_cannot_be_forged() {
        assert_eq!(
            github(&[finding(), Diagnostic::note("n", "m")]),
            "::error file=a%2Cb.yaml,line=2,col=4,endColumn=7,title=unknown-value::\
             100%25 wrong%0A::stop%0Ahelp: did you mean `tcp`?\n::notice title=n::m\n"
        );
    }
}
