//! A document as data, without the places where it was written: what a saved plan keeps of the manifests, and what the
//! digest of a set of manifests is made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::yaml::{Data, Node};
use super::{API_VERSION, Document, Lifecycle, Source, Timeouts};
use crate::diagnostic::SourceFile;

/// What one document declares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.annotations`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// `lifecycle.timeouts`, in seconds.
    #[serde(default, skip_serializing_if = "Timeouts::is_empty")]
    pub timeouts: Timeouts,
    /// As written, with what `specFrom` names in it and without null members.
    pub spec: Value,
}

impl From<&Document> for Declaration {
    fn from(document: &Document) -> Self {
        Self {
            kind: document.kind.clone(),
            name: document.name.clone(),
            annotations: document.annotations.clone(),
            lifecycle: document.lifecycle.clone(),
            timeouts: document.lifecycle.timeouts,
            spec: document.spec.clone(),
        }
    }
}

impl Declaration {
    /// The document again. Whatever is found in it is found at the start of `path`.
    pub fn into_document(self, path: &str) -> Document {
        let Self { kind, name, annotations, lifecycle, timeouts, spec } = self;
        let lifecycle = Lifecycle { timeouts, ..lifecycle };
        let file = SourceFile::new(path, "");
        let source = Source::new(&file, Node { data: Data::Null, span: 0..0 });
        let api_version = API_VERSION.to_owned();
        Document { kind, name, api_version, annotations, spec, intact: true, lifecycle, source }
    }
}

/// The digest of a set of manifests: of what is declared, whatever the files, their order, comments, and the order of
/// members. The order of lists counts.
pub fn digest(declarations: &[Declaration]) -> String {
    let mut sorted: Vec<&Declaration> = declarations.iter().collect();
    sorted.sort_by_key(|one| (&one.kind, &one.name));
    crate::digest::of_value(&serde_json::to_value(sorted).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::kind_names;
    use crate::manifest::{FileSystem, ManifestText, load_text};

    fn of(files: &[&str]) -> String {
        let text = |text: &&str| ManifestText { path: "m/a.yaml".into(), root: "m".into(), text: (*text).to_owned() };
        let (documents, findings) = load_text(files.iter().map(text).collect(), &FileSystem, &kind_names());
        assert!(findings.is_empty(), "{findings:?}");
        digest(&documents.iter().map(Declaration::from).collect::<Vec<_>>())
    }

    const A: &str =
        "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {cidrBlock: 10.0.0.0/16, tags: {b: c}}\n";
    const B: &str = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: a}\nspec: {}\n";

    #[test]
    fn only_what_is_declared_counts() {
        let apart = of(&[A, B]);
        assert_eq!(apart, of(&[&format!("# here\n{B}---\n{A}")]), "one file, another order, a comment");
        let written_otherwise = "kind: Vpc\napiVersion: farpost/v1\nmetadata:\n  name: \"a\"\nspec:\n  tags:\n    b: c\n  \
                                 cidrBlock: 10.0.0.0/16\n  enableDnsSupport: null\n";
        assert_eq!(apart, of(&[written_otherwise, B]));
        for (what, other) in [
            ("a value", A.replace("/16", "/17")),
            ("a tag", A.replace("b: c", "b: d")),
            ("a name", A.replace("name: a", "name: b")),
            ("a default that is written out", A.replace("10.0.0.0/16", "10.0.0.0/16, enableDnsSupport: true")),
            ("a lifecycle", format!("{A}lifecycle: {{preventDestroy: true}}\n")),
            ("a timeout", format!("{A}lifecycle: {{timeouts: 5m}}\n")),
        ] {
            assert_ne!(apart, of(&[&other, B]), "{what}");
        }
        assert_ne!(apart, of(&[A]));
    }

    #[test]
    fn a_document_survives_being_data() {
        let spec = serde_json::json!({"cidrBlock": "10.0.0.0/16", "n": 1.5, "s": "a$${b}\u{7}"});
        let before = Declaration {
            kind: "Vpc".to_owned(),
            name: "a".to_owned(),
            annotations: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            lifecycle: Lifecycle { prevent_destroy: true, ..Lifecycle::default() },
            timeouts: Timeouts { create: Some(60), ..Timeouts::default() },
            spec,
        };
        let text = serde_json::to_string(&before).unwrap();
        let read: Declaration = serde_json::from_str(&text).unwrap();
        let document = read.into_document("plan.json");
        assert_eq!(document.lifecycle.timeouts.create, Some(60));
        assert_eq!(document.lifecycle.prevent_destroy, before.lifecycle.prevent_destroy);
        let again = Declaration::from(&document);
        assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&before).unwrap());
        assert_eq!(document.source.label("/spec/cidrBlock").span, 0..0);
    }
}
