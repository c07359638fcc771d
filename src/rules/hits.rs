//! What a rule found, before it is known how bad the stack takes it.

use std::ops::Range;

use serde_json::Value;

use super::node::Node;
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Edit, Fix, Label, Severity};
use crate::manifest::source::escape;

/// What one rule found in one run.
pub struct Hits {
    rule: &'static str,
    severity: Severity,
    found: Vec<Hit>,
}

/// One finding and whose it is.
pub(crate) struct Hit {
    pub(crate) address: Address,
    pub(crate) diagnostic: Diagnostic,
}

impl Hits {
    pub(super) fn new(rule: &'static str, severity: Severity) -> Self {
        Self { rule, severity, found: Vec::new() }
    }

    pub(super) fn into_found(self) -> Vec<Hit> {
        self.found
    }

    /// Something is wrong at a node, or with something missing in it. The message is one sentence without a full stop,
    /// with the figures or names in it; the object's address is put in front.
    pub fn add(&mut self, node: Node<'_>, message: impl AsRef<str>) -> &mut Self {
        self.push(node, self.severity, message.as_ref())
    }

    /// As [`Hits::add`], with another severity than the rule's own: for a rule that tells a case apart.
    pub fn add_as(&mut self, severity: Severity, node: Node<'_>, message: impl AsRef<str>) -> &mut Self {
        self.push(node, severity, message.as_ref())
    }

    fn push(&mut self, node: Node<'_>, severity: Severity, message: &str) -> &mut Self {
        let message = format!("{}: {message}", node.address());
        let label = label(node);
        let diagnostic = Diagnostic::new(severity, self.rule, message).at(label);
        self.found.push(Hit { address: node.address().clone(), diagnostic });
        self
    }

    /// Moves the last finding to a part of the text at its node: these bytes of the value.
    pub fn within(&mut self, node: Node<'_>, range: Range<usize>) -> &mut Self {
        let document = &node.resource().document;
        let pointer = node.pointer();
        let written = pointer.strip_prefix("/spec").and_then(|below| document.spec.pointer(below));
        // References are written in full by now, which moves what follows them.
        if written.and_then(Value::as_str) == node.written() {
            let label = document.source.within(&pointer, range);
            self.last(|diagnostic| diagnostic.primary = Some(label));
        }
        self
    }

    /// Says what to do about the last finding.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.last(|diagnostic| diagnostic.help = Some(help.into()))
    }

    /// Names another place that the last finding is about as well, also in another object.
    pub fn beside(&mut self, node: Node<'_>, text: impl Into<String>) -> &mut Self {
        let label = label(node).saying(text);
        self.last(|diagnostic| diagnostic.related.push(label))
    }

    /// Names the value that belongs at a member of a node, which may be absent; only where it is certain to be meant, since
    /// `lint --fix` writes it.
    pub fn fix(&mut self, node: Node<'_>, member: &str, value: impl Into<Value>) -> &mut Self {
        self.mend(node, member, Edit::Set(value.into()))
    }

    /// Says that a member of a node can go; only where nothing is lost by it, since `lint --fix` takes it out.
    pub fn fix_by_removing(&mut self, node: Node<'_>, member: &str) -> &mut Self {
        self.mend(node, member, Edit::Remove)
    }

    fn mend(&mut self, node: Node<'_>, member: &str, edit: Edit) -> &mut Self {
        let pointer = format!("{}/{}", node.pointer(), escape(member));
        let (file, document, pointer) = node.resource().document.source.editable(&pointer);
        self.last(|diagnostic| {
            diagnostic.fix = Some(Fix { path: file.path().to_owned(), document, pointer, edit });
        })
    }

    fn last(&mut self, change: impl FnOnce(&mut Diagnostic)) -> &mut Self {
        if let Some(last) = self.found.last_mut() {
            change(&mut last.diagnostic);
        }
        self
    }
}

fn label(node: Node<'_>) -> Label {
    let source = &node.resource().document.source;
    match node.pointer().as_str() {
        // The whole spec is a bad place for a caret: the object's name says which it is.
        "/spec" => source.label("/metadata/name"),
        pointer => source.label(pointer),
    }
}
