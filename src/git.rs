//! Manifests of a git revision, read with the git command: it knows every kind of repository there is.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::manifest::tree::ReadError;
use crate::manifest::{ManifestText, Tree};

/// The files of a revision below some paths.
#[derive(Debug, Default)]
pub(crate) struct Revision {
    pub(crate) manifests: Vec<ManifestText>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Git did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("git was not found; `diff --base` needs it")]
    Missing,
    #[error("git could not be run: {0}")]
    Run(std::io::Error),
    #[error("git: {0}")]
    Said(String),
    #[error("`{0}` is not a revision: it begins with a dash")]
    Dash(String),
}

impl Tree for Revision {
    fn read(&self, path: &Path, _: &Path) -> Result<Vec<u8>, ReadError> {
        self.files.get(&plain(path)).cloned().ok_or(ReadError::Missing)
    }
}

/// Reads what `paths` held at a revision. Every file is kept, so that `specFrom` finds its own.
pub(crate) fn read(paths: &[PathBuf], revision: &str) -> Result<Revision, GitError> {
    if revision.starts_with('-') {
        return Err(GitError::Dash(revision.to_owned()));
    }
    let mut read = Revision::default();
    for path in paths {
        let (folder, name) = if path.is_dir() {
            (path.clone(), None)
        } else {
            (path.parent().map(Path::to_owned).unwrap_or_default(), path.file_name())
        };
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        for (relative, bytes) in files(&folder, revision)? {
            let shown = if folder == Path::new(".") { PathBuf::from(&relative) } else { folder.join(&relative) };
            let is_manifest = is_manifest(&relative) && name.is_none_or(|name| Path::new(&relative) == Path::new(name));
            if let (true, Ok(text)) = (is_manifest, std::str::from_utf8(&bytes)) {
                read.manifests.push(ManifestText { path: shown.clone(), root: folder.clone(), text: text.to_owned() });
            }
            read.files.insert(plain(&shown), bytes);
        }
    }
    Ok(read)
}

/// `./stack/task.json` is `stack/task.json`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

fn is_manifest(path: &str) -> bool {
    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
    !is_hidden && (path.ends_with(".yaml") || path.ends_with(".yml"))
}

/// The files below a folder at a revision, relative to it.
fn files(folder: &Path, revision: &str) -> Result<Vec<(String, Vec<u8>)>, GitError> {
    let listing = git(folder, &["ls-tree", "-r", "-z", "--name-only", revision, "--", "."], &[])?;
    let listing = String::from_utf8_lossy(&listing).into_owned();
    let wanted = |name: &&str| [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) && !name.contains('\n');
    let names: Vec<&str> = listing.split('\0').filter(wanted).collect();
    let questions: String = names.iter().map(|name| format!("{revision}:./{name}\n")).collect();
    let answers = git(folder, &["cat-file", "--batch"], questions.as_bytes())?;
    let mut rest = answers.as_slice();
    let mut files = Vec::new();
    for name in names {
        // `<id> blob <size>`, a line end, the bytes, a line end.
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { break };
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let size = head.split(' ').nth(2).and_then(|size| size.parse::<usize>().ok());
        let Some(size) = size.filter(|size| *size < rest.len()) else { continue };
        files.push((name.to_owned(), rest[..size].to_vec()));
        rest = &rest[size + 1..];
    }
    Ok(files)
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(
            |error| if error.kind() == std::io::ErrorKind::NotFound { GitError::Missing } else { GitError::Run(error) },
        )?;
    // Asked from a thread of its own, so that neither side waits for the other to read.
    let stdin = child.stdin.take();
    let input = input.to_vec();
    let asking = std::thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            stdin.write_all(&input).ok();
        }
    });
    let mut stderr = child.stderr.take();
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.as_mut() {
        stdout.read_to_end(&mut output).map_err(GitError::Run)?;
    }
    asking.join().ok();
    let mut said = String::new();
    if let Some(stderr) = stderr.as_mut() {
        stderr.read_to_string(&mut said).ok();
    }
    let status = child.wait().map_err(GitError::Run)?;
    if status.success() {
        Ok(output)
    } else {
        Err(GitError::Said(said.trim().trim_start_matches("fatal: ").to_owned()))
    }
}
