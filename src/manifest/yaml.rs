//! The one place that knows the YAML library: text → trees in which every key and value has its bytes.
//!
//! A stream is cut at its document markers first, so that a broken document does not hide the next.
//! JSON is read the same way; it is a subset. Choices that keep a manifest from changing its meaning:
//! `on` and `yes` are strings, so is `0755`, unknown tags and duplicate keys are errors.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Spanned, UserMessageFormatter};

use crate::diagnostic::{Diagnostic, Label, SourceFile, quote};

/// Deepest nesting of lists and maps. Real manifests stay below ten; the parser recurses.
pub const MAX_DEPTH: usize = 32;
/// Most values in one document.
pub const MAX_NODES: usize = 100_000;
/// Most values that aliases may add to one document.
pub const MAX_ALIASED: usize = 10_000;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub data: Data,
    /// Its bytes in the file; of a list or map, from its first to its last value.
    pub span: Range<usize>,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of YAML's own types")]
pub enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The key's bytes in the file.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The member of a map with this key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The members of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing was written.
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// The plain value. Members that are null are left out: null means absent in a manifest.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Data::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for entry in entries.iter().filter(|entry| !entry.value.is_null()) {
                    map.insert(entry.key.clone(), entry.value.to_value());
                }
                Value::Object(map)
            }
        }
    }

    /// What the value is, in the words of JSON Schema.
    pub fn type_name(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "boolean",
            Data::Number(_) => "number",
            Data::Text(_) => "string",
            Data::List(_) => "list",
            Data::Map(_) => "map",
        }
    }
}

/// Reads every document of a file. Documents without content are left out; of a broken one there is
/// a finding instead.
pub fn parse(file: &Arc<SourceFile>) -> (Vec<Node>, Vec<Diagnostic>) {
    let mut documents = Vec::new();
    let mut findings = Vec::new();
    for slice in split(file.text()) {
        match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&file.text()[slice.clone()], options()) {
            Ok(raw) => {
                let node = Converter { file, base: slice.start, findings: &mut findings }.node(raw);
                if !node.is_null() {
                    documents.push(node);
                }
            }
            Err(error) => findings.push(syntax_error(file, slice, error.without_snippet())),
        }
    }
    (documents, findings)
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        // Duplicates are passed on, so that all are reported and with both places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// The bytes of each document with content. YAML forbids `---` and `...` at the start of a line inside
/// any scalar, so lines are enough to find them; directives belong to the document after them.
fn split(text: &str) -> Vec<Range<usize>> {
    let mut documents = Vec::new();
    let (mut start, mut content, mut offset) = (0, false, 0);
    for line in text.split_inclusive('\n') {
        let marker = |mark: &str| {
            line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        };
        let end = offset + line.len();
        if marker("...") {
            if content {
                documents.push(start..offset);
            }
            (start, content) = (end, false);
        } else if marker("---") {
            if content {
                documents.push(start..offset);
                start = offset;
            }
            let rest = line[3..].trim();
            content = !rest.is_empty() && !rest.starts_with('#');
        } else {
            let trimmed = line.trim();
            content |= !trimmed.is_empty() && !trimmed.starts_with('#') && !line.starts_with('%');
        }
        offset = end;
    }
    if content {
        documents.push(start..offset);
    }
    documents
}

/// What the library hands over, before positions are made absolute.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Number::from_f64(value).map_or(Raw::Null, Raw::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

struct Converter<'a> {
    file: &'a Arc<SourceFile>,
    base: usize,
    findings: &'a mut Vec<Diagnostic>,
}

impl Converter<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let mut span = self.span(raw.defined);
        let data = match raw.value {
            Raw::Null => Data::Null,
            Raw::Bool(value) => Data::Bool(value),
            Raw::Number(number) => self.number(number, &span),
            Raw::Text(text) => Data::Text(text),
            Raw::List(items) => Data::List(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Map(entries) => Data::Map(self.entries(entries)),
        };
        // The library gives only the start of a container.
        let last = match &data {
            Data::List(items) => items.last().map(|item| item.span.end),
            Data::Map(entries) => entries.last().map(|entry| entry.value.span.end),
            _ => None,
        };
        span.end = span.end.max(last.unwrap_or(span.end));
        Node { data, span }
    }

    /// An integer too long for 64 bits (an identifier, most likely) comes as a rounded float: keep the
    /// digits instead.
    fn number(&self, number: Number, span: &Range<usize>) -> Data {
        let written = self.file.text().get(span.clone()).unwrap_or_default();
        if number.is_f64() && written.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit()) {
            return Data::Text(written.to_owned());
        }
        Data::Number(number)
    }

    fn entries(&mut self, raw: Vec<(Spanned<String>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(raw.len());
        for (key, value) in raw {
            let key_span = self.span(key.defined);
            let entry = Entry { key: key.value, key_span, value: self.node(value) };
            match seen.get(&entry.key) {
                Some(first) => self.findings.push(
                    Diagnostic::error("duplicate-key", format!("duplicate key {}", quote(&entry.key)))
                        .at(Label::new(self.file, entry.key_span).saying("written again here"))
                        .related(Label::new(self.file, entries[*first].key_span.clone()).saying("first written here"))
                        .help("remove one of the two; which one was meant cannot be known"),
                ),
                None => {
                    seen.insert(entry.key.clone(), entries.len());
                    entries.push(entry);
                }
            }
        }
        entries
    }

    fn span(&self, location: Location) -> Range<usize> {
        let limit = self.file.text().len();
        let start = self.base + location.span().byte_offset().unwrap_or(0) as usize;
        let end = start + location.span().byte_len().unwrap_or(0) as usize;
        start.min(limit)..end.min(limit)
    }
}

fn syntax_error(file: &Arc<SourceFile>, document: Range<usize>, error: &Error) -> Diagnostic {
    let base = document.start;
    let location = match error {
        Error::AliasError { locations, .. } => Some(locations.reference_location),
        other => other.location(),
    };
    let start = location.map_or(base, |location| {
        let line = file.position(base).line + (location.line() as usize).saturating_sub(1);
        file.offset(line, location.column() as usize)
    });
    // What is missing at the end is missing after the last thing written, not on an empty line below.
    let written = file.text()[document].trim_end();
    let last = written.chars().next_back().map_or(0, char::len_utf8);
    let start = start.min(base + written.len() - last);
    let line = file.line_range(start);
    let length = file.text()[start..line.end].chars().next().map_or(0, char::len_utf8);
    let (code, message, help) = describe(error, &file.text()[line]);
    let mut finding = Diagnostic::error(code, message).at(Label::new(file, start..start + length));
    finding.help = help.map(str::to_owned);
    finding
}

/// Code, message and help of a parser's complaint.
fn describe(error: &Error, line: &str) -> (&'static str, String, Option<&'static str>) {
    const TOO_LARGE: &str = "split the document, or write the values out instead of using aliases";
    match error {
        Error::AliasError { error, .. } => describe(error, line),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            ("alias-expansion", format!("aliases add more than {MAX_ALIASED} values to this document"), Some(TOO_LARGE))
        }
        Error::Budget { .. } => {
            ("document-too-large", format!("more than {MAX_NODES} values in one document"), Some(TOO_LARGE))
        }
        Error::UnknownAnchor { .. } => (
            "unknown-anchor",
            "alias to an anchor that is not in this document".to_owned(),
            Some("an anchor is `&name` before the value, in the same document; text that starts with `*` needs quotes"),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("alias-expansion", "alias inside the value that it stands for".to_owned(), None)
        }
        Error::NullIntoString { .. } => ("yaml-syntax", "a key cannot be null".to_owned(), Some("quote the key")),
        Error::Unexpected { expected, .. } if expected.contains("string") => {
            ("yaml-syntax", "a key must be a string".to_owned(), Some("lists and maps cannot be keys"))
        }
        Error::NonFiniteFloat { value, .. } => {
            ("yaml-syntax", format!("{} is not a finite number", quote(value)), Some("quote it if text is meant"))
        }
        Error::UnsupportedTag { tag, .. } => (
            "unknown-tag",
            format!("YAML tag {} is not supported", quote(tag)),
            Some("write a reference to another resource as `${Kind.name.attribute}`"),
        ),
        other => parser_message(other, line),
    }
}

fn too_deep() -> (&'static str, String, Option<&'static str>) {
    (
        "too-deep",
        format!("nested deeper than {MAX_DEPTH} levels"),
        Some("no resource needs this; is a bracket not closed?"),
    )
}

/// Complaints of the scanner come as text; the usual causes are worth a hint.
fn parser_message(error: &Error, line: &str) -> (&'static str, String, Option<&'static str>) {
    let rendered = error.render_with_formatter(&UserMessageFormatter);
    let message = rendered.split(" at line ").next().unwrap_or(&rendered);
    if message.contains("recursion limit") {
        return too_deep();
    }
    if message.contains("tabs disallowed") {
        return (
            "yaml-syntax",
            "tab used for indentation".to_owned(),
            Some("indent with spaces; YAML does not allow tabs there"),
        );
    }
    let help = if line.contains("${") && (line.contains('{') && line.contains('}')) && line.matches('{').count() > 1 {
        Some("inside `{…}` or `[…]` a reference needs quotes: \"${Kind.name}\"")
    } else if message.contains("mapping values are not allowed") {
        Some("quote a value that contains `: `, and indent the keys of one map alike")
    } else if message.contains("illegal placement of ':'") {
        Some("is a `[`, `{` or quote above not closed?")
    } else if message.contains("unexpected character") {
        Some("quote a value that starts with this character")
    } else if message.contains("did not find expected") {
        Some("indent the keys of one map, and the `-` of one list, alike")
    } else if message.contains("unclosed quote") {
        Some("close the quote")
    } else {
        None
    };
    ("yaml-syntax", message.to_owned(), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Value> {
        let (nodes, findings) = parse(&SourceFile::new("t.yaml", text));
        assert_eq!(findings, []);
        nodes.iter().map(Node::to_value).collect()
    }

    /// line, column, code, message, help of the only finding
    fn finding(text: &str) -> (usize, usize, &'static str, String, String) {
        let (_, mut findings) = parse(&SourceFile::new("t.yaml", text));
        assert_eq!(findings.len(), 1, "{findings:?}");
        let finding = findings.remove(0);
        let start = finding.primary.as_ref().unwrap().start();
        (start.line, start.column, finding.fixed_code(), finding.message, finding.help.unwrap_or_default())
    }

    #[test]
    fn scalars_keep_their_meaning() {
        let text = "a: on\nb: no\nc: 22:22\nd: 0755\ne: 1_000\nf: 123456789012345678901234567890\n\
                    g: 18446744073709551615\nh: -9223372036854775808\ni: 1.5\nj: true\nk: 2020-01-01\n\
                    l: 'true'\nm: 0x1F\nn: ~\no: !!str 1\n";
        assert_eq!(
            values(text),
            [serde_json::json!({
                "a": "on", "b": "no", "c": "22:22", "d": "0755", "e": "1_000",
                "f": "123456789012345678901234567890", "g": 18_446_744_073_709_551_615_u64,
                "h": i64::MIN, "i": 1.5, "j": true, "k": "2020-01-01", "l": "true", "m": 31, "o": "1"
            })]
        );
    }

    #[test]
    fn aliases_and_merges_are_resolved_and_keep_the_place_of_the_definition() {
        let text = "x: &a {b: 1, c: 2}\ny:\n  <<: *a\n  c: 3\n";
        let file = SourceFile::new("t.yaml", text);
        let (nodes, findings) = parse(&file);
        assert_eq!(findings, []);
        assert_eq!(nodes[0].to_value()["y"], serde_json::json!({"c": 3, "b": 1}));
        let merged = nodes[0].get("y").unwrap().value.get("b").unwrap();
        assert_eq!(merged.key_span, text.find("b: 1").unwrap()..text.find(": 1").unwrap());
    }

    #[test]
    fn documents_are_cut_at_markers_only() {
        let text = "%YAML 1.2\n---\na: |\n  ---\n  x\n--- # next\n\n---\n# nothing\n...\n--- {b: 1}\n---x: 1\n";
        let cut: Vec<_> = split(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(cut, ["%YAML 1.2\n---\na: |\n  ---\n  x\n", "--- {b: 1}\n---x: 1\n"]);
        assert_eq!(
            values("%YAML 1.2\n---\na: 1\n---\r\nb: 2\r\n...\n"),
            [serde_json::json!({"a": 1}), serde_json::json!({"b": 2})]
        );
        assert_eq!(values("# only a comment\n"), [] as [Value; 0]);
        assert_eq!(values("~\n"), [] as [Value; 0]);
    }

    #[test]
    fn places_count_from_the_start_of_the_file() {
        let text = "a: 1\n---\né: ü\nb:\n  - c: 'd'\n";
        let (nodes, _) = parse(&SourceFile::new("t.yaml", text));
        let list = &nodes[1].get("b").unwrap().value;
        let Data::List(items) = &list.data else { panic!() };
        assert_eq!(&text[items[0].get("c").unwrap().value.span.clone()], "'d'");
        assert_eq!(&text[list.span.clone()], "- c: 'd'");
    }

    #[test]
    fn json_with_tabs_and_escapes_is_read() {
        assert_eq!(
            values("{\n\t\"a\":1,\t\"b\": \"\\ud83d\\ude00\\/\",\n\t\"c\": [true, null]\n}"),
            [serde_json::json!({"a": 1, "b": "😀/", "c": [true, null]})]
        );
    }

    #[test]
    fn a_broken_document_hides_no_other() {
        let file = SourceFile::new("t.yaml", "a: 1\n---\nb: [\n---\nc: 3\nc: 4\n---\nd: 'x\n");
        let (nodes, findings) = parse(&file);
        assert_eq!(nodes.len(), 2);
        let lines: Vec<_> = findings.iter().map(|f| f.primary.as_ref().unwrap().start().line).collect();
        assert_eq!(lines, [3, 6, 8]);
    }

    #[test]
    fn duplicate_keys_name_both_places() {
        let file = SourceFile::new("t.yaml", "m:\n  a: 1\n  b: 2\n  a: 3\n  b: 4\n");
        let (nodes, findings) = parse(&file);
        assert_eq!(nodes[0].to_value(), serde_json::json!({"m": {"a": 1, "b": 2}}));
        assert_eq!(findings.len(), 2);
        assert_eq!(findings[0].message, "duplicate key `a`");
        assert_eq!(findings[0].primary.as_ref().unwrap().start().line, 4);
        assert_eq!(findings[0].related[0].start().line, 2);
    }

    #[test]
    fn limits_are_reported_where_they_are_hit() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..10 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(",");
            bomb += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        let (line, _, code, message, _) = finding(&bomb);
        assert_eq!((line, code), (5, "alias-expansion"));
        assert_eq!(message, "aliases add more than 10000 values to this document");

        let deep = (1, 33, "too-deep", "nested deeper than 32 levels".to_owned());
        let (line, column, code, message, _) = finding(&"[".repeat(100_000));
        assert_eq!((line, column, code, message), deep);
        let (_, _, code, _, _) = finding(&"- ".repeat(2_000));
        assert_eq!(code, "too-deep");
        let (_, _, code, _, _) = finding(&format!("[{}]", "1,".repeat(MAX_NODES + 1)));
        assert_eq!(code, "document-too-large");
        let (_, _, code, _, _) = finding("a: &x [*x]\n");
        assert_eq!(code, "alias-expansion");
    }

    #[test]
    fn syntax_errors_say_where_what_and_how_to_mend_it() {
        let table = [
            ("a:\n\tb: 1\n", 2, 2, "tab used for indentation", "indent with spaces"),
            ("a: [1, 2\nb: 3\n", 2, 2, "illegal placement of ':' indicator", "not closed?"),
            ("a: b: c\n", 1, 5, "mapping values are not allowed in this context", "quote a value"),
            ("a: *no\n", 1, 4, "alias to an anchor that is not in this document", "same document"),
            ("a: 'x", 1, 4, "unclosed quote", "close the quote"),
            ("a: @x", 1, 4, "unexpected character: `@'", "quote a value"),
            ("a: .nan", 1, 4, "`.nan` is not a finite number", "quote it"),
            ("? [a]\n: 1", 1, 3, "a key must be a string", "cannot be keys"),
            ("~: z\n", 1, 1, "a key cannot be null", "quote the key"),
            (
                "a: {b: ${X.y}}",
                1,
                9,
                "while parsing a flow mapping, did not find expected ',' or '}'",
                "\"${Kind.name}\"",
            ),
            ("a:\n  - b\n - c", 3, 2, "while parsing a block mapping, did not find expected key", "alike"),
        ];
        for (text, line, column, message, help) in table {
            let found = finding(text);
            assert_eq!((found.0, found.1, found.3.as_str()), (line, column, message), "{text:?}");
            assert!(found.4.contains(help), "{text:?}: {}", found.4);
        }
        let found = finding("a: !Ref edge\n");
        assert_eq!((found.0, found.2), (1, "unknown-tag"));
        assert!(found.4.contains("${Kind.name.attribute}"));
    }
}
