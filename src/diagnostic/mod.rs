//! Findings for people and machines: what is wrong, where exactly, and what to write instead.
//!
//! A [`Diagnostic`] is plain data; [`text`] and [`machine`] turn a list of them into a terminal
//! report, JSON or GitHub workflow commands.

pub mod machine;
pub mod text;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How bad a finding is. Only errors stop a run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The manifests cannot be used as they are.
    Error,
    /// Probably not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word that reports show.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that was read, under the name by which the user knows it.
pub struct SourceFile {
    path: String,
    text: String,
    line_starts: OnceLock<Vec<usize>>,
    /// What is not shown, in bytes.
    hidden: Mutex<Vec<Range<usize>>>,
}

impl SourceFile {
    /// `path` as the user would write it; `text` without a byte-order mark.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let (path, text) = (path.into(), text.into());
        Arc::new(Self { path, text, line_starts: OnceLock::new(), hidden: Mutex::default() })
    }

    /// Never shows these bytes: they are a secret.
    pub fn hide(&self, bytes: Range<usize>) {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }

    /// A part of the text as it may be shown, of the same length.
    pub fn shown(&self, bytes: Range<usize>) -> String {
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let is_hidden = |place: usize| hidden.iter().any(|range| range.contains(&(bytes.start + place)));
        let text = &self.text[bytes.clone()];
        let letters = text.char_indices().map(|(place, letter)| match is_hidden(place) && !letter.is_whitespace() {
            true => "*".repeat(letter.len_utf8()),
            false => letter.to_string(),
        });
        letters.collect()
    }

    /// The path as the user would write it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both from 1, the column in characters. Offsets beyond the
    /// end or inside a character are moved back to the nearest boundary.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.boundary(offset);
        let starts = self.line_starts();
        let index = starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let column = self.text[starts[index]..offset].chars().count() + 1;
        Position { line: index + 1, column }
    }

    /// Bytes of the line that holds `offset`, without its line end.
    pub fn line_range(&self, offset: usize) -> Range<usize> {
        let starts = self.line_starts();
        let offset = self.boundary(offset);
        let index = starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = starts[index];
        let end = starts.get(index + 1).map_or(self.text.len(), |next| next - 1);
        let trimmed = self.text[start..end].trim_end_matches(['\r', '\n']);
        start..start + trimmed.len()
    }

    /// Byte offset of a line and column counted from 1 (the column in characters).
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let starts = self.line_starts();
        let Some(start) = line.checked_sub(1).and_then(|index| starts.get(index)) else {
            return self.text.len();
        };
        let range = self.line_range(*start);
        let line_text = &self.text[range.clone()];
        line_text.char_indices().nth(column.saturating_sub(1)).map_or(range.end, |(index, _)| start + index)
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            let after_newline = self.text.match_indices('\n').map(|(index, _)| index + 1);
            std::iter::once(0).chain(after_newline).collect()
        })
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.path, self.text.len())
    }
}

/// Line and column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// A piece of a file and what to say about it.
#[derive(Clone, Debug)]
pub struct Label {
    /// Where.
    pub file: Arc<SourceFile>,
    /// Bytes in the file's text.
    pub span: Range<usize>,
    /// Said beside the caret; may be empty.
    pub text: String,
}

impl Label {
    /// A place with nothing said beside it.
    pub fn new(file: &Arc<SourceFile>, span: Range<usize>) -> Self {
        Self { file: Arc::clone(file), span, text: String::new() }
    }

    /// Sets what is said beside the caret.
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The text it covers.
    pub fn written(&self) -> &str {
        self.file.text().get(self.span.clone()).unwrap_or_default()
    }

    /// Where it starts.
    pub fn start(&self) -> Position {
        self.file.position(self.span.start)
    }

    /// Where it ends (exclusive).
    pub fn end(&self) -> Position {
        self.file.position(self.span.end.max(self.span.start))
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.file.path == other.file.path && self.span == other.span && self.text == other.text
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Which finding it is: the id of a rule, `EXT-03`, or a kebab-case name, `unknown-field`.
    pub code: Cow<'static, str>,
    /// One sentence without a full stop.
    pub message: String,
    /// The place that is wrong; absent when no file is to blame.
    pub primary: Option<Label>,
    /// Other places that explain it.
    pub related: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// Text that would be right in place of the primary label's text.
    pub suggestion: Option<String>,
    /// A change that mends it for certain: `lint --fix` makes it.
    pub fix: Option<Fix>,
}

/// A change to a file that mends what a finding is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// The path of the file as the user would write it.
    pub path: String,
    /// The byte at which the document begins in the file.
    pub document: usize,
    /// A JSON pointer into the document.
    pub pointer: String,
    /// What to do there.
    pub edit: Edit,
}

/// What is done with a value in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// It becomes this; where nothing is, it is added.
    Set(serde_json::Value),
    /// It goes, with its key.
    Remove,
}

impl Diagnostic {
    /// A finding without a place.
    pub fn new(severity: Severity, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            severity,
            code: code.into(),
            message: message.into(),
            primary: None,
            related: Vec::new(),
            help: None,
            suggestion: None,
            fix: None,
        }
    }

    /// An error without a place.
    pub fn error(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning without a place.
    pub fn warning(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note without a place.
    pub fn note(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    /// Sets the place that is wrong.
    pub fn at(mut self, label: Label) -> Self {
        self.primary = Some(label);
        self
    }

    /// Adds a place that explains it.
    pub fn related(mut self, label: Label) -> Self {
        self.related.push(label);
        self
    }

    /// Sets what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the text that would be right in place of the primary label's text.
    pub fn suggest(mut self, replacement: impl Into<String>) -> Self {
        self.suggestion = Some(replacement.into());
        self
    }

    /// The code of a finding that is not one of a user's own rule.
    #[cfg(test)]
    pub(crate) fn fixed_code(&self) -> &'static str {
        let Cow::Borrowed(code) = self.code else { panic!("{self:?}") };
        code
    }

    fn sort_key(&self) -> (Option<&str>, usize, usize, Severity, &str, &str) {
        let (path, start, end) = match &self.primary {
            Some(label) => (Some(label.file.path()), label.span.start, label.span.end),
            None => (None, 0, 0),
        };
        (path, start, end, self.severity, &self.code, &self.message)
    }
}

/// Puts findings in reading order (file, then offset; those without a place first) and drops exact
/// repeats, which a value used through several aliases would give.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|left, right| left.sort_key().cmp(&right.sort_key()));
    diagnostics.dedup();
}

/// Whether any finding is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// User text between backticks for a message: one line, at most 60 characters, nothing that could
/// steer a terminal.
pub fn quote(text: &str) -> String {
    const LIMIT: usize = 60;
    let mut quoted = String::from("`");
    for (index, character) in text.chars().enumerate() {
        if index == LIMIT {
            quoted.push('…');
            break;
        }
        if character.is_control() {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('`');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_may_end_in_crlf() {
        let file = SourceFile::new("a.yaml", "é: 1\r\nkey: ü x\r\n");
        let second = file.text().find('x').unwrap();
        assert_eq!(file.position(second), Position { line: 2, column: 8 });
        assert_eq!(&file.text()[file.line_range(second)], "key: ü x");
        assert_eq!(file.offset(2, 8), second);
        assert_eq!(file.position(1), Position { line: 1, column: 1 }, "inside é");
        assert_eq!(file.position(9_999), Position { line: 3, column: 1 });
        assert_eq!(file.offset(99, 1), file.text().len());
        assert_eq!(file.offset(1, 99), 5, "clamped before the line end");
    }

    #[test]
    fn sorting_is_by_file_then_offset_and_drops_repeats() {
        let first = SourceFile::new("a.yaml", "one two");
        let second = SourceFile::new("b.yaml", "one two");
        let at = |file, span| Diagnostic::error("x", "m").at(Label::new(file, span));
        let mut list = vec![
            at(&second, 0..3),
            at(&first, 4..7),
            at(&first, 0..3),
            at(&first, 0..3),
            Diagnostic::error("no-place", "m"),
        ];
        sort(&mut list);
        let order: Vec<_> =
            list.iter().map(|d| d.primary.as_ref().map(|label| (label.file.path(), label.span.start))).collect();
        assert_eq!(order, [None, Some(("a.yaml", 0)), Some(("a.yaml", 4)), Some(("b.yaml", 0))]);
    }

    #[test]
    fn quoting_defuses_control_characters_and_length() {
        assert_eq!(quote("a\u{1b}[2Jb\n"), "`a\\u{1b}[2Jb\\n`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 63);
    }
}
