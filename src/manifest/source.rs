//! Where each field of a document was written.

use std::ops::Range;
use std::sync::Arc;

use super::yaml::{Data, Node};
use crate::diagnostic::{Label, SourceFile};

/// The places of a document's fields, looked up by JSON pointer (`/spec/ingress/0/fromPort`,
/// `/metadata/name`). Under `/spec` they may lie in the file that `specFrom` names.
#[derive(Clone, Debug)]
pub struct Source {
    manifest: Arc<Tree>,
    spec_from: Option<Arc<Tree>>,
}

/// A parsed document and the file it is in.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) file: Arc<SourceFile>,
    pub(super) root: Node,
}

/// What a pointer leads to, as far as it could be followed.
struct Found<'a> {
    tree: &'a Tree,
    node: &'a Node,
    key: Option<&'a Range<usize>>,
    complete: bool,
}

impl Source {
    pub(super) fn new(file: &Arc<SourceFile>, root: Node) -> Self {
        Self { manifest: Arc::new(Tree { file: Arc::clone(file), root }), spec_from: None }
    }

    pub(super) fn set_spec_from(&mut self, file: &Arc<SourceFile>, root: Node) {
        self.spec_from = Some(Arc::new(Tree { file: Arc::clone(file), root }));
    }

    /// The manifest's file.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.manifest.file
    }

    /// The file that holds the spec: the manifest, or what `specFrom` names.
    pub fn spec_file(&self) -> &Arc<SourceFile> {
        self.spec_from.as_ref().map_or(&self.manifest.file, |tree| &tree.file)
    }

    /// The whole value, from its first byte to its last.
    pub fn value(&self, pointer: &str) -> Option<Label> {
        let found = self.find(pointer);
        found.complete.then(|| Label::new(&found.tree.file, found.node.span.clone()))
    }

    /// The key in front of the value; list items have none.
    pub fn key(&self, pointer: &str) -> Option<Label> {
        let found = self.find(pointer);
        let key = found.key.filter(|_| found.complete)?;
        Some(Label::new(&found.tree.file, key.clone()))
    }

    /// Where to put a caret for this field: a plain value itself, the key of a list or map. For a
    /// field that was not written, the nearest one around it that was.
    pub fn label(&self, pointer: &str) -> Label {
        let found = self.find(pointer);
        let span = match (&found.node.data, found.key) {
            (Data::List(_) | Data::Map(_) | Data::Null, Some(key)) => key.clone(),
            (Data::List(_) | Data::Map(_), None) => first_written(found.node),
            _ => found.node.span.clone(),
        };
        one_line(&found.tree.file, span)
    }

    /// Like [`Source::label`], but at the key wherever there is one.
    pub fn key_label(&self, pointer: &str) -> Label {
        self.key(pointer).unwrap_or_else(|| self.label(pointer))
    }

    /// Bytes `range` of the string at `pointer`, as written. Escapes and folding make the written
    /// text differ from the value; then the whole value is returned.
    pub fn within(&self, pointer: &str, range: Range<usize>) -> Label {
        let found = self.find(pointer);
        let file = &found.tree.file;
        let whole = || one_line(file, found.node.span.clone());
        let Some(value) = found.node.text().filter(|_| found.complete) else { return whole() };
        let Some(wanted) = value.get(range.clone()).filter(|wanted| !wanted.is_empty()) else {
            return whole();
        };
        let written = file.text().get(found.node.span.clone()).unwrap_or_default();
        let before = value[..range.start].matches(wanted).count();
        match written.match_indices(wanted).nth(before) {
            Some((index, _)) => {
                let start = found.node.span.start + index;
                one_line(file, start..start + wanted.len())
            }
            None => whole(),
        }
    }

    /// Where an editor finds the value: the file, the byte at which the document begins in it, and the pointer from
    /// there.
    pub fn editable(&self, pointer: &str) -> (Arc<SourceFile>, usize, String) {
        let below = pointer.strip_prefix("/spec").filter(|below| below.is_empty() || below.starts_with('/'));
        let (tree, pointer) = match (&self.spec_from, below) {
            (Some(spec), Some(below)) => (spec, below),
            _ => (&self.manifest, pointer),
        };
        (Arc::clone(&tree.file), tree.root.span.start, pointer.to_owned())
    }

    /// Whether a list, map or value was written there.
    pub fn has(&self, pointer: &str) -> bool {
        self.find(pointer).complete
    }

    fn find(&self, pointer: &str) -> Found<'_> {
        let mut tree = &*self.manifest;
        let mut rest = pointer;
        let mut key = None;
        if let (Some(spec), Some(below)) = (&self.spec_from, pointer.strip_prefix("/spec"))
            && (below.is_empty() || below.starts_with('/'))
        {
            tree = spec;
            rest = below;
        }
        let mut node = &tree.root;
        for token in rest.split('/').skip(1) {
            let next = match &node.data {
                Data::Map(entries) => {
                    let name = unescape(token);
                    entries.iter().find(|entry| entry.key == name).map(|e| (Some(&e.key_span), &e.value))
                }
                Data::List(items) => {
                    token.parse::<usize>().ok().and_then(|index| items.get(index)).map(|item| (None, item))
                }
                _ => None,
            };
            let Some((next_key, next_node)) = next else {
                return Found { tree, node, key, complete: false };
            };
            (key, node) = (next_key, next_node);
        }
        Found { tree, node, key, complete: true }
    }
}

/// One step of a JSON pointer from a key.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A list item or a document has no key: its first key or plain value stands for it.
fn first_written(node: &Node) -> Range<usize> {
    match &node.data {
        Data::Map(entries) => entries
            .iter()
            .map(|entry| entry.key_span.clone())
            .min_by_key(|span| span.start)
            .unwrap_or(node.span.clone()),
        Data::List(items) => items.first().map_or(node.span.clone(), first_written),
        _ => node.span.clone(),
    }
}

/// Carets under several lines are hard to read: keep the first.
fn one_line(file: &Arc<SourceFile>, span: Range<usize>) -> Label {
    let end = file.line_range(span.start).end.max(span.start);
    Label::new(file, span.start..span.end.min(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml;

    fn source(text: &str) -> Source {
        let file = SourceFile::new("t.yaml", text);
        let (mut nodes, findings) = yaml::parse(&file);
        assert_eq!(findings, []);
        Source::new(&file, nodes.remove(0))
    }

    fn written(label: &Label) -> &str {
        label.written()
    }

    #[test]
    fn pointers_find_values_keys_and_the_nearest_place() {
        let source = source("spec:\n  a/b:\n    - {x: 1, y: [2, 3]}\n  s: |\n    one\n    two\n  e:\n");
        assert_eq!(written(&source.value("/spec/a~1b/0/y/1").unwrap()), "3");
        assert_eq!(written(&source.key("/spec/a~1b/0/y").unwrap()), "y");
        assert_eq!(source.key("/spec/a~1b/0"), None);
        assert_eq!(written(&source.label("/spec/a~1b/0")), "x", "an item stands at its first key");
        assert_eq!(written(&source.label("/spec/a~1b")), "a/b");
        assert_eq!(written(&source.label("/spec/a~1b/0/nope/deeper")), "x");
        assert_eq!(written(&source.label("/spec/s")), "one");
        assert_eq!(written(&source.label("/spec/e")), "e", "null: the key");
        assert_eq!(written(&source.key_label("/spec/a~1b/0/x")), "x");
        assert_eq!(source.value("/nope"), None);
        assert!(source.has("/spec/e") && !source.has("/spec/f"));
    }

    #[test]
    fn parts_of_a_string_are_found_as_written() {
        let source = source("a: \"x ${A.b} ${A.b}\"\nb: |\n  one\n  ${A.b}\nc: \"\\u0024{A.b}\"\n");
        assert_eq!(source.within("/a", 9..15).start().column, 14);
        assert_eq!(source.within("/b", 4..10).start().line, 4);
        assert_eq!(written(&source.within("/c", 0..6)), "\"\\u0024{A.b}\"");
    }

    #[test]
    fn the_spec_may_lie_in_another_file() {
        let mut source = source("metadata: {name: a}\nspecFrom: s.json\n");
        let file = SourceFile::new("s.json", "{\"cpu\": \"1\"}");
        let (mut nodes, _) = yaml::parse(&file);
        source.set_spec_from(&file, nodes.remove(0));
        let label = source.label("/spec/cpu");
        assert_eq!((label.file.path(), written(&label)), ("s.json", "\"1\""));
        assert_eq!(source.label("/specFrom").file.path(), "t.yaml");
        assert_eq!(source.label("/metadata/name").file.path(), "t.yaml");
        assert_eq!(source.spec_file().path(), "s.json");
    }
}
