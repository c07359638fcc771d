//! The examples as stacks, and what can be done with them.

use std::path::{Path, PathBuf};

use farpost::desired::{Desired, check, kind_names};
use farpost::diagnostic::{Diagnostic, Severity};
use farpost::manifest::{FileSystem, ManifestText, load_text};

use crate::support::command::example;

/// Manifests that may differ from their files.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    root: PathBuf,
    texts: Vec<(PathBuf, String)>,
}

impl Stack {
    /// The manifests of a directory below `examples/`, or a single file there.
    pub(crate) fn example(name: &str) -> Self {
        let path = example(name);
        let (root, paths): (PathBuf, Vec<PathBuf>) = if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            (path.clone(), entries.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect())
        } else {
            (path.parent().unwrap().to_owned(), vec![path])
        };
        let mut texts: Vec<(PathBuf, String)> =
            paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
        texts.sort();
        Self { root, texts }
    }

    /// Manifests that no file has.
    pub(crate) fn text(text: String) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        Self { texts: vec![(root.join("simulated.yaml"), text)], root }
    }

    /// The same with another text somewhere, which must be there.
    #[track_caller]
    pub(crate) fn edit(mut self, from: &str, to: &str) -> Self {
        let mut found = false;
        for (_, text) in &mut self.texts {
            found |= text.contains(from);
            *text = text.replace(from, to);
        }
        assert!(found, "{from:?} is nowhere in {}", self.root.display());
        self
    }

    /// The same without a file.
    #[track_caller]
    pub(crate) fn without(mut self, file: &str) -> Self {
        let before = self.texts.len();
        self.texts.retain(|(path, _)| !path.ends_with(file));
        assert!(self.texts.len() < before, "there is no {file}");
        self
    }

    #[track_caller]
    pub(crate) fn desired(&self) -> Desired {
        self.checked().unwrap_or_else(|findings| panic!("{findings:#?}\n{}", self.texts[0].1))
    }

    /// What it declares, or the errors in it.
    pub(crate) fn checked(&self) -> Result<Desired, Vec<Diagnostic>> {
        let texts = self.texts.iter().map(|(path, text)| ManifestText {
            path: path.clone(),
            root: self.root.clone(),
            text: text.clone(),
        });
        let (documents, mut findings) = load_text(texts.collect(), &FileSystem, &kind_names());
        let (desired, more) = check(documents);
        findings.extend(more);
        findings.retain(|finding| finding.severity == Severity::Error);
        desired.ok_or(findings)
    }
}
