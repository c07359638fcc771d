//! Manifests: files → documents, with file, line and column for every field.
//!
//! [`load`] never fails; it returns what could be read and findings for the rest. What a spec may
//! hold is checked by [`schema`], references in it are found by [`references`].

mod declaration;
pub mod durations;
mod envelope;
pub mod references;
pub mod schema;
pub mod source;
pub mod suggest;
pub mod tree;
pub mod walk;
pub mod yaml;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::{self, Diagnostic, Label, SourceFile, quote};

pub use declaration::{Declaration, digest};
pub use envelope::API_VERSION;
pub use references::{Reference, substitute};
pub use schema::{SpecSchema, check_spec};
pub use source::Source;
pub use tree::{FileSystem, Lookup, Tree};

/// One resource as declared.
#[derive(Clone, Debug)]
pub struct Document {
    /// One of the known kinds.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// What `apiVersion` says.
    pub api_version: String,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// The spec without null members. References are not resolved.
    pub spec: Value,
    /// False: the spec could not be read and is empty here; there is a finding that says why. The
    /// document still counts as declared.
    pub intact: bool,
    /// How changes to it are handled.
    pub lifecycle: Lifecycle,
    /// Where everything was written.
    pub source: Source,
}

/// The `lifecycle` member of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    /// A plan that would delete or replace it stops.
    pub prevent_destroy: bool,
    /// What happens when it is no longer declared.
    pub on_delete: OnDelete,
    /// Paths of fields in which differences are left alone.
    pub ignore_changes: Vec<String>,
    /// Paths of fields whose values are shown to nobody.
    pub sensitive: Vec<String>,
    /// Which is there first when it is replaced. None: what can be.
    pub replace: Option<ReplaceOrder>,
    /// How long each sort of work may take.
    #[serde(skip)]
    pub timeouts: Timeouts,
}

/// Which is there first when a resource is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReplaceOrder {
    /// The new one, where no name forbids it.
    CreateFirst,
    /// The old one.
    DeleteFirst,
}

/// How long work on a resource may take, in seconds; none: as long as its kind takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Timeouts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<u64>,
    /// Changes, and going on waiting for what an earlier run has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<u64>,
}

impl Timeouts {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to a resource that is no longer declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnDelete {
    /// It is deleted.
    #[default]
    Delete,
    /// It is left as it is and no longer managed.
    Retain,
}

/// A manifest file that was read.
#[derive(Clone, Debug)]
pub struct ManifestText {
    /// As the user would write it.
    pub path: PathBuf,
    /// The directory that `specFrom` may not leave; a prefix of `path`.
    pub root: PathBuf,
    /// Its text, without a byte-order mark.
    pub text: String,
}

/// Reads the manifests in files and directories (`-` is standard input). Findings are sorted.
pub fn load(paths: &[PathBuf], kinds: &[&str]) -> (Vec<Document>, Vec<Diagnostic>) {
    let (texts, mut findings) = walk::read(paths, &mut std::io::stdin());
    let (documents, more) = load_text(texts, &FileSystem, kinds);
    findings.extend(more);
    diagnostic::sort(&mut findings);
    (documents, findings)
}

/// The same for texts that were read elsewhere, such as from a git revision; `tree` is where
/// `specFrom` is looked up. Findings are sorted.
pub fn load_text(texts: Vec<ManifestText>, tree: &dyn Tree, kinds: &[&str]) -> (Vec<Document>, Vec<Diagnostic>) {
    let mut documents = Vec::new();
    let mut findings = Vec::new();
    for ManifestText { path, root, text } in texts {
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let file = SourceFile::new(walk::shown(&path), text);
        let (nodes, errors) = yaml::parse(&file);
        if nodes.is_empty() && errors.is_empty() {
            // Comments were left there by somebody; a file with nothing at all may be one that was cut off.
            let (code, message) = if file.text().trim().is_empty() {
                ("blank-manifest", "this file is empty")
            } else {
                ("empty-manifest", "nothing is declared in this file")
            };
            findings.push(Diagnostic::warning(code, message).at(Label::new(&file, 0..0)));
        }
        findings.extend(errors);
        let context = envelope::Context { file: &file, path: &path, root: &root, tree, kinds };
        for node in nodes {
            documents.extend(context.read(node, &mut findings));
        }
    }
    findings.extend(duplicates(&documents));
    diagnostic::sort(&mut findings);
    (documents, findings)
}

fn duplicates(documents: &[Document]) -> Vec<Diagnostic> {
    let mut first: HashMap<(&str, &str), &Document> = HashMap::with_capacity(documents.len());
    let mut findings = Vec::new();
    for document in documents {
        let key = (document.kind.as_str(), document.name.as_str());
        if let Some(earlier) = first.get(&key) {
            let name = quote(&format!("{}/{}", document.kind, document.name));
            findings.push(
                Diagnostic::error("duplicate-resource", format!("{name} is declared twice"))
                    .at(document.source.label("/metadata/name").saying("declared again here"))
                    .related(earlier.source.label("/metadata/name").saying("first declared here"))
                    .help("rename or remove one of the two"),
            );
        } else {
            first.insert(key, document);
        }
    }
    findings
}

#[cfg(test)]
mod tests;
