//! Hints from the file system, and what the files say whatever the hints were.

use std::path::{Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// Says that something may have changed. Reading is none of it; what exactly happened is not asked.
pub(super) struct Hints {
    receiver: mpsc::UnboundedReceiver<()>,
    _watcher: RecommendedWatcher,
}

impl Hints {
    pub(super) fn new(paths: &[PathBuf]) -> Result<Self, notify::Error> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                sender.send(()).ok();
            }
        })?;
        for path in paths {
            // The folder of a file is watched, because editors replace files.
            let (path, mode) = match path.parent() {
                Some(folder) if path.is_file() => {
                    (if folder.as_os_str().is_empty() { Path::new(".") } else { folder }, RecursiveMode::NonRecursive)
                }
                _ => (path.as_path(), RecursiveMode::Recursive),
            };
            watcher.watch(path, mode)?;
        }
        Ok(Self { receiver, _watcher: watcher })
    }

    /// The next hint; never again when the watcher has died.
    pub(super) async fn next(&mut self) {
        if self.receiver.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// A digest of every file below the paths that a manifest can be made of.
pub(super) fn fingerprint(paths: &[PathBuf]) -> String {
    let mut files = Vec::new();
    for path in paths {
        collect(path, 0, &mut files);
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.as_os_str().as_encoded_bytes());
        digest.update([0]);
        match std::fs::read(&file) {
            Ok(bytes) => digest.update(Sha256::digest(&bytes)),
            Err(error) => digest.update(error.to_string().as_bytes()),
        }
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Trees of manifests are shallower than this; a loop of links ends here.
const DEEPEST: usize = 32;

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    if path.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            if depth < DEEPEST && !is_hidden(&entry.path()) {
                collect(&entry.path(), depth + 1, files);
            }
        }
    } else if depth == 0
        || path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known))
    {
        files.push(path.to_owned());
    }
}
