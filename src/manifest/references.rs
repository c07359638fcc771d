//! References between resources: `${Kind.name}` and `${Kind.name.attribute}` inside any string.
//!
//! They are read from parsed values, never from text, so what they are replaced with can never become
//! syntax. `$${` stands for a literal `${`. What does not begin as `${Word.` is no reference and stays as it is:
//! `${HOME}`, `${aws:username}`.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::source::escape;
use super::{Document, suggest};
use crate::diagnostic::{Diagnostic, quote};

/// A resource, or one of its attributes, named by another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The kind, for instance `Vpc`.
    pub kind: String,
    /// The `metadata.name`.
    pub name: String,
    /// Which output of it; absent: the one that the field needs.
    pub attribute: Option<String>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}.{}", self.kind, self.name)?;
        if let Some(attribute) = &self.attribute {
            write!(f, ".{attribute}")?;
        }
        f.write_str("}")
    }
}

/// A reference and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// JSON pointer of the string, starting with the base that [`occurrences`] was given.
    pub pointer: String,
    /// Bytes in the string.
    pub range: Range<usize>,
    /// What is referred to.
    pub reference: Reference,
}

/// Something that starts like a reference and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// JSON pointer of the string.
    pub pointer: String,
    /// Bytes in the string.
    pub range: Range<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// Why a text is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No `}` follows.
    Unclosed,
    /// Not `Kind.name` or `Kind.name.attribute`.
    Form,
}

/// A string taken apart.
enum Piece<'a> {
    Literal(&'a str),
    /// `$$`
    Dollar,
    Reference(Range<usize>, Reference),
    Malformed(Range<usize>, Problem),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut literal = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('$') {
        let dollar = at + found;
        let after = &text[dollar + 1..];
        let (piece, length) = if after.starts_with("${") {
            (Piece::Dollar, 2)
        } else if let Some(inside) = after.strip_prefix('{').filter(|inside| is_meant(inside)) {
            match inside.find(['}', '\n']).filter(|end| inside[*end..].starts_with('}')) {
                None => (Piece::Malformed(dollar..dollar + 2, Problem::Unclosed), 2),
                Some(end) => {
                    let range = dollar..dollar + 2 + end + 1;
                    let length = range.len();
                    match parse(&inside[..end]) {
                        Ok(reference) => (Piece::Reference(range, reference), length),
                        Err(problem) => (Piece::Malformed(range, problem), length),
                    }
                }
            }
        } else {
            at = dollar + 1;
            continue;
        };
        if literal < dollar {
            pieces.push(Piece::Literal(&text[literal..dollar]));
        }
        pieces.push(piece);
        at = dollar + length;
        literal = at;
    }
    if literal < text.len() {
        pieces.push(Piece::Literal(&text[literal..]));
    }
    pieces
}

/// Whether what follows `${` is meant as a reference: a word with a capital and a dot. Everything else is text of
/// somebody else's: `${HOME}` of a shell, `${aws:username}` of a policy.
fn is_meant(inside: &str) -> bool {
    let end = inside.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(inside.len());
    inside.starts_with(|letter: char| letter.is_ascii_uppercase()) && inside[end..].starts_with('.')
}

fn parse(inside: &str) -> Result<Reference, Problem> {
    let word = |part: &str, more: &[char]| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    let mut parts = inside.split('.');
    let (Some(kind), Some(name), attribute, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Problem::Form);
    };
    if !word(kind, &[]) || !word(name, &['_', '-']) || attribute.is_some_and(|a| !word(a, &['_', '-'])) {
        return Err(Problem::Form);
    }
    Ok(Reference { kind: kind.to_owned(), name: name.to_owned(), attribute: attribute.map(str::to_owned) })
}

/// The reference that a string consists of, if it is exactly one.
pub fn whole(text: &str) -> Option<Reference> {
    let mut pieces = pieces(text);
    match (pieces.pop(), pieces.is_empty()) {
        (Some(Piece::Reference(_, reference)), true) => Some(reference),
        _ => None,
    }
}

/// Whether a string holds at least one reference, so that its final text is not known yet.
pub fn contains(text: &str) -> bool {
    text.contains("${") && pieces(text).iter().any(|piece| matches!(piece, Piece::Reference(..)))
}

/// All references in a value, and what looks like one. Pointers start with `base`.
pub fn occurrences(value: &Value, base: &str) -> (Vec<Occurrence>, Vec<Malformed>) {
    let mut found = (Vec::new(), Vec::new());
    visit(value, &mut base.to_owned(), &mut found);
    found
}

fn visit(value: &Value, pointer: &mut String, found: &mut (Vec<Occurrence>, Vec<Malformed>)) {
    let length = pointer.len();
    match value {
        Value::String(text) if text.contains("${") => {
            for piece in pieces(text) {
                match piece {
                    Piece::Reference(range, reference) => {
                        found.0.push(Occurrence { pointer: pointer.clone(), range, reference });
                    }
                    Piece::Malformed(range, problem) => {
                        found.1.push(Malformed { pointer: pointer.clone(), range, problem });
                    }
                    Piece::Literal(_) | Piece::Dollar => {}
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                visit(item, pointer, found);
                pointer.truncate(length);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                pointer.push('/');
                pointer.push_str(&escape(key));
                visit(item, pointer, found);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

/// The references of a document's spec, and findings for those that are malformed or name an unknown
/// kind. Pointers start with `/spec`.
pub fn references(document: &Document, kinds: &[&str]) -> (Vec<Occurrence>, Vec<Diagnostic>) {
    let (mut found, malformed) = occurrences(&document.spec, "/spec");
    let mut findings: Vec<Diagnostic> = malformed.iter().map(|bad| bad.finding(document)).collect();
    found.retain(|occurrence| {
        let kind = occurrence.reference.kind.as_str();
        if kinds.contains(&kind) {
            return true;
        }
        let label = document.source.within(&occurrence.pointer, occurrence.range.clone());
        let mut finding =
            Diagnostic::error("unknown-kind", format!("reference to unknown kind {}", quote(kind))).at(label);
        finding = match suggest::closest(kind, kinds.iter().copied()) {
            Some(near) => {
                let right = Reference { kind: near.to_owned(), ..occurrence.reference.clone() };
                finding.help(format!("did you mean `{right}`?")).suggest(right.to_string())
            }
            None => finding.help(format!(
                "kinds are {}; write `$${{…}}` for a literal `${{…}}`",
                suggest::list(kinds.iter().copied())
            )),
        };
        findings.push(finding);
        false
    });
    (found, findings)
}

impl Malformed {
    fn finding(&self, document: &Document) -> Diagnostic {
        let (message, help) = match self.problem {
            Problem::Unclosed => ("reference without a closing `}`", "close it, or write `$${` for a literal `${`"),
            Problem::Form => (
                "not a reference to a resource",
                "references are `${Kind.name}` or `${Kind.name.attribute}`; write `$${` for a literal `${`",
            ),
        };
        Diagnostic::error("bad-reference", message)
            .at(document.source.within(&self.pointer, self.range.clone()))
            .help(help)
    }
}

/// Replaces references that `resolve` knows. A string that is exactly one reference takes the value's
/// type; otherwise the value's text is spliced in. A string with a reference left unresolved (or
/// malformed) stays a template: what is unresolved stays as written, `$${` too, and a spliced `${` becomes
/// `$${`, so that it can be substituted again. A string without any is final, `$${` become `${`, and
/// must not be substituted again.
pub fn substitute(value: &Value, resolve: &dyn Fn(&Reference) -> Option<Value>) -> Value {
    match value {
        Value::String(text) if text.contains('$') => substitute_text(text, resolve),
        Value::Array(items) => Value::Array(items.iter().map(|item| substitute(item, resolve)).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, item)| (key.clone(), substitute(item, resolve))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn substitute_text(text: &str, resolve: &dyn Fn(&Reference) -> Option<Value>) -> Value {
    let resolved: Vec<(Piece<'_>, Option<Value>)> = pieces(text)
        .into_iter()
        .map(|piece| match &piece {
            Piece::Reference(_, reference) => {
                let value = resolve(reference);
                (piece, value)
            }
            _ => (piece, None),
        })
        .collect();
    if let [(Piece::Reference(..), Some(value))] = resolved.as_slice() {
        return value.clone();
    }
    let template = resolved.iter().any(|(piece, value)| match piece {
        Piece::Reference(..) => value.is_none(),
        Piece::Malformed(..) => true,
        Piece::Literal(_) | Piece::Dollar => false,
    });
    let mut output = String::with_capacity(text.len());
    for (piece, value) in resolved {
        match (piece, value) {
            (Piece::Literal(literal), _) => output.push_str(literal),
            (Piece::Dollar, _) => output.push_str(if template { "$$" } else { "$" }),
            (Piece::Reference(range, _), None) | (Piece::Malformed(range, _), _) => {
                output.push_str(&text[range]);
            }
            (Piece::Reference(..), Some(value)) => {
                let spliced = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                output.push_str(&if template { spliced.replace("${", "$${") } else { spliced });
            }
        }
    }
    Value::String(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reference(kind: &str, name: &str, attribute: Option<&str>) -> Reference {
        Reference { kind: kind.into(), name: name.into(), attribute: attribute.map(Into::into) }
    }

    #[test]
    fn references_are_found_with_pointer_and_bytes() {
        let value = json!({"a/b": ["é ${Vpc.edge} and ${Role.task-x.arn}", 1], "c": "$${Vpc.no} $HOME ${HOME} ${aws:x.y} $$ $"});
        let (found, malformed) = occurrences(&value, "/spec");
        assert_eq!(malformed, []);
        assert_eq!(
            found,
            [
                Occurrence { pointer: "/spec/a~1b/0".into(), range: 3..14, reference: reference("Vpc", "edge", None) },
                Occurrence {
                    pointer: "/spec/a~1b/0".into(),
                    range: 19..37,
                    reference: reference("Role", "task-x", Some("arn"))
                },
            ]
        );
        assert_eq!(found[1].reference.to_string(), "${Role.task-x.arn}");
    }

    #[test]
    fn malformed_references_are_sorted_by_cause() {
        let value = json!([
            "${Vpc.a",
            "${}",
            "${HOME}",
            "${A.b.c.d}",
            "${A.b c}",
            "${A..b}",
            "${VAR:-x}",
            "${A.\n}",
            "${A.-b}"
        ]);
        let (found, malformed) = occurrences(&value, "");
        assert_eq!(found, []);
        let problems: Vec<_> = malformed.iter().map(|bad| bad.problem).collect();
        use Problem::{Form, Unclosed};
        assert_eq!(problems, [Unclosed, Form, Form, Form, Unclosed, Form]);
        assert_eq!(malformed[1].range, 0..10);
    }

    #[test]
    fn a_string_that_is_one_reference_takes_the_values_type() {
        let resolve = |r: &Reference| match r.name.as_str() {
            "n" => Some(json!(3)),
            "s" => Some(json!("p$x${Vpc.n}")),
            _ => None,
        };
        let value = json!({"a": "${Vpc.n}", "b": "x-${Vpc.n}-$${5}", "c": ["${Vpc.gone}"], "d": "${Vpc.s}!"});
        assert_eq!(
            substitute(&value, &resolve),
            json!({"a": 3, "b": "x-3-${5}", "c": ["${Vpc.gone}"], "d": "p$x${Vpc.n}!"})
        );
    }

    #[test]
    fn partly_resolved_strings_stay_templates() {
        let first = |r: &Reference| (r.name == "a").then(|| json!("${Vpc.b}$"));
        let second = |r: &Reference| (r.name == "b").then(|| json!("B"));
        let once = substitute(&json!("${Vpc.a} ${Vpc.b} $${X.y}"), &first);
        assert_eq!(once, json!("$${Vpc.b}$ ${Vpc.b} $${X.y}"));
        assert_eq!(substitute(&once, &second), json!("${Vpc.b}$ B ${X.y}"));
    }

    #[test]
    fn whole_and_contains_tell_references_from_text() {
        assert_eq!(whole("${Vpc.a}"), Some(reference("Vpc", "a", None)));
        assert_eq!(whole("${Vpc.a} "), None);
        assert_eq!(whole("${Vpc.a}${Vpc.b}"), None);
        assert!(contains("x ${Vpc.a}"));
        assert!(!contains("$${Vpc.a}") && !contains("${HOME}"));
    }
}
