//! Findings for a terminal: message, place, the line with a caret, and help.
//!
//! Only the labelled line is handed to the renderer, cut around the caret when it is long, so that a
//! finding in a minified megabyte costs and prints no more than any other.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label, Severity};

/// Characters of a line kept on either side of the caret.
const CONTEXT: usize = 60;
/// Lines up to this many characters are shown whole.
const WHOLE_LINE: usize = 140;

/// The findings as text, each followed by an empty line. `color` adds ANSI escapes.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut output = String::new();
    for diagnostic in diagnostics {
        output.push_str(&render_one(diagnostic, &renderer));
        output.push_str("\n\n");
    }
    output
}

fn render_one(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(printable(&diagnostic.message)).id(&*diagnostic.code);
    let primary = diagnostic.primary.iter().map(|label| (label, AnnotationKind::Primary));
    let related = diagnostic.related.iter().map(|label| (label, AnnotationKind::Context));
    let mut group = Group::with_title(title);
    let mut corrections = Vec::new();
    for (label, kind) in primary.chain(related) {
        let window = Window::around(label);
        let start = label.start();
        let path = printable(label.file.path());
        if window.column != start.column {
            let place = |column| format!("{path}:{}:{column}\n", start.line);
            corrections.push((place(window.column), place(start.column)));
        }
        let label_text = (!label.text.is_empty()).then(|| printable(&label.text));
        group = group.element(
            Snippet::source(window.text)
                .path(path)
                .line_start(start.line)
                .annotation(kind.span(window.span).label(label_text)),
        );
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    let mut report = renderer.render(&[group]);
    // The renderer takes columns from the text it is given, which for a cut line are wrong.
    for (wrong, right) in corrections {
        report = report.replacen(&wrong, &right, 1);
    }
    report
}

/// One line of a file, possibly cut, and the label's bytes in it.
struct Window {
    text: String,
    span: Range<usize>,
    /// Column of the label in the cut text.
    column: usize,
}

impl Window {
    fn around(label: &Label) -> Self {
        let file = &label.file;
        let line = file.line_range(label.span.start);
        let line_text = file.shown(line.clone());
        let line_text = line_text.as_str();
        let start = label.span.start.clamp(line.start, line.end) - line.start;
        let end = label.span.end.clamp(line.start + start, line.end) - line.start;
        let (start, end) = (floor(line_text, start), floor(line_text, end));

        let mut text = String::new();
        let (from, to) = if line_text.len() <= WHOLE_LINE {
            (0, line_text.len())
        } else {
            let before = line_text[..start].char_indices().rev().take(CONTEXT).last();
            let shown_end = line_text[start..end].char_indices().nth(CONTEXT).map_or(end, |(index, _)| start + index);
            let after = line_text[shown_end..].char_indices().nth(CONTEXT);
            (before.map_or(start, |(index, _)| index), after.map_or(line_text.len(), |(index, _)| shown_end + index))
        };
        if from > 0 {
            text.push('…');
        }
        text.push_str(&printable(&line_text[from..start]));
        let span_start = text.len();
        text.push_str(&printable(&line_text[start..end.min(to)]));
        let span_end = text.len();
        text.push_str(&printable(&line_text[end.min(to)..to]));
        if to < line_text.len() {
            text.push('…');
        }
        let column = text[..span_start].chars().count() + 1;
        Self { text, span: span_start..span_end, column }
    }
}

fn floor(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// The text without anything that a terminal would act on: control characters become their visible
/// pictures, and characters that reorder text become a replacement character.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}'),
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => '\u{fffd}',
            _ => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;

    #[test]
    fn a_finding_shows_code_place_caret_related_place_and_help() {
        let file = SourceFile::new("infra/web.yaml", "spec:\n  cidr: 10.0.0.0/8\n  name: é\n");
        let finding = Diagnostic::error("unknown-field", "unknown field `cidr`")
            .at(Label::new(&file, 8..12).saying("not known"))
            .related(Label::new(&file, 0..4).saying("in here"))
            .help("did you mean `cidrBlock`?");
        let expected = "\
error[unknown-field]: unknown field `cidr`
 --> infra/web.yaml:2:3
  |
2 |   cidr: 10.0.0.0/8
  |   ^^^^ not known
  |
 ::: infra/web.yaml:1:1
  |
1 | spec:
  | ---- in here
  |
  = help: did you mean `cidrBlock`?

";
        assert_eq!(render(&[finding], false), expected);
    }

    #[test]
    fn a_minified_megabyte_is_cut_around_the_caret() {
        let text = format!("{{{}\"oops\": 1, {}}}", "\"a\": 1, ".repeat(70_000), "x".repeat(500_000));
        let start = text.find("\"oops\"").unwrap();
        let file = SourceFile::new("big.json", text);
        let finding = Diagnostic::error("x", "m").at(Label::new(&file, start..start + 6));
        let report = render(&[finding], false);
        assert!(report.len() < 1_000, "{report}");
        assert!(report.contains("big.json:1:560002"), "{report}");
        assert!(report.contains("\"oops\": 1"), "{report}");
        assert!(report.contains("^^^^^^"), "{report}");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let file = SourceFile::new("a\u{1b}.yaml", "a: \u{1b}[2Jx\u{202e}\n");
        let finding = Diagnostic::error("x", "m \u{7}").at(Label::new(&file, 3..8).saying("l\u{9b}")).help("h\u{8}");
        let report = render(&[finding], false);
        assert!(!report.contains(|c: char| c.is_control() && c != '\n'), "{report:?}");
        assert!(!report.contains('\u{202e}'), "{report:?}");
        assert!(report.contains("␛[2J"), "{report}");
    }

    #[test]
    fn color_is_only_added_when_asked_for() {
        let finding = Diagnostic::warning("x", "m");
        assert_eq!(render(std::slice::from_ref(&finding), false), "warning[x]: m\n\n");
        assert!(render(&[finding], true).contains("\u{1b}["));
    }
}
