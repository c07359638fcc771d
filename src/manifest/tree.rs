//! Where the files beside a manifest come from: the file system, or a revision in git.
//!
//! `specFrom` never leaves the tree that was given on the command line, neither by `..` nor by a
//! symbolic link, because manifests may come from somebody else's repository.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::diagnostic::quote;

/// Largest file that is read.
pub const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// Reads files that manifests name.
pub trait Tree {
    /// The bytes of `path`, which lies lexically under `root`. A symbolic link that leads out of
    /// `root` must be refused. At most [`MAX_BYTES`] + 1 bytes are needed.
    fn read(&self, path: &Path, root: &Path) -> Result<Vec<u8>, ReadError>;
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nothing is there.
    #[error("no such file")]
    Missing,
    /// A symbolic link leads out of the tree.
    #[error("a symbolic link leads out of the directory that was given")]
    Outside,
    /// A directory, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            std::io::ErrorKind::PermissionDenied => Self::Other("permission denied".to_owned()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// The files on disk.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem;

impl Tree for FileSystem {
    fn read(&self, path: &Path, root: &Path) -> Result<Vec<u8>, ReadError> {
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        let real = path.canonicalize()?;
        if !real.starts_with(root.canonicalize()?) {
            return Err(ReadError::Outside);
        }
        if !real.metadata()?.is_file() {
            return Err(ReadError::NotAFile);
        }
        read_limited(File::open(real)?)
    }
}

/// Files that a function knows, for instance of a git revision.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<F>(pub F);

impl<F: Fn(&Path) -> Option<Vec<u8>>> Tree for Lookup<F> {
    fn read(&self, path: &Path, _root: &Path) -> Result<Vec<u8>, ReadError> {
        (self.0)(path).ok_or(ReadError::Missing)
    }
}

/// Reads one byte more than is allowed, so that too much is noticed and an endless source ends.
pub(super) fn read_limited(source: impl Read) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Something wrong with a file as a whole: code, message (to follow the path) and help.
pub(super) struct Unusable {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// Bytes as text without a byte-order mark.
pub(super) fn decode(mut bytes: Vec<u8>) -> Result<String, Unusable> {
    let unusable = |code, message: String, help| Err(Unusable { code, message, help });
    if bytes.len() as u64 > MAX_BYTES {
        return unusable("file-too-large", "larger than 5 MiB".to_owned(), "manifests are small; is this one?");
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return unusable("not-utf8", "encoded as UTF-16".to_owned(), "save it as UTF-8");
    }
    if bytes.contains(&0) {
        return unusable("binary-file", "a binary file".to_owned(), "manifests are text; leave this file out");
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).or_else(|error| {
        let offset = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        unusable("not-utf8", format!("not UTF-8 on line {line}"), "save it as UTF-8")
    })
}

/// The path that `written` means in a manifest at `manifest`, if it stays under `root`; else what is
/// wrong with it, and help.
pub(super) fn resolve(manifest: &Path, root: &Path, written: &str) -> Result<PathBuf, (String, &'static str)> {
    const RELATIVE: &str = "give a path relative to this manifest, inside the directory given to the command";
    if written.contains('\\') {
        return Err((format!("{} has backslashes", quote(written)), "write `/` between directories"));
    }
    let drive = written.as_bytes().get(1) == Some(&b':') && written.as_bytes()[0].is_ascii_alphabetic();
    if written.starts_with('/') || drive {
        return Err((format!("{} is an absolute path", quote(written)), RELATIVE));
    }
    if written.is_empty() || written.ends_with('/') || written.contains('\0') {
        return Err((format!("{} does not name a file", quote(written)), RELATIVE));
    }
    let parent = manifest.parent().unwrap_or(Path::new(""));
    let mut below: PathBuf = parent.strip_prefix(root).unwrap_or(Path::new("")).to_path_buf();
    for component in Path::new(written).components() {
        match component {
            Component::Normal(name) => below.push(name),
            Component::CurDir => {}
            _ if below.pop() => {}
            _ => return Err((format!("{} leads out of the directory that was given", quote(written)), RELATIVE)),
        }
    }
    Ok(root.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_under_the_root() {
        let resolve = |written: &str| resolve(Path::new("r/a/m.yaml"), Path::new("r"), written);
        assert_eq!(resolve("s.json"), Ok(PathBuf::from("r/a/s.json")));
        assert_eq!(resolve("./../b/./s.json"), Ok(PathBuf::from("r/b/s.json")));
        for (written, message) in [
            ("../../s.json", "`../../s.json` leads out of the directory that was given"),
            ("x/../../../r/s.json", "`x/../../../r/s.json` leads out of the directory that was given"),
            ("/etc/passwd", "`/etc/passwd` is an absolute path"),
            ("C:/s.json", "`C:/s.json` is an absolute path"),
            ("..\\s.json", "`..\\s.json` has backslashes"),
            ("", "`` does not name a file"),
            ("x/", "`x/` does not name a file"),
        ] {
            assert_eq!(resolve(written).map_err(|(message, _)| message), Err(message.to_owned()));
        }
    }

    #[test]
    fn bytes_must_be_text() {
        let code = |bytes: &[u8]| decode(bytes.to_vec()).map_err(|bad| (bad.code, bad.message));
        assert_eq!(code(b"\xef\xbb\xbfa: 1"), Ok("a: 1".to_owned()));
        assert_eq!(code(b"a\0"), Err(("binary-file", "a binary file".to_owned())));
        assert_eq!(code(b"\xff\xfea\0"), Err(("not-utf8", "encoded as UTF-16".to_owned())));
        assert_eq!(code(b"a\nb\xff"), Err(("not-utf8", "not UTF-8 on line 2".to_owned())));
        assert_eq!(code(&vec![b' '; MAX_BYTES as usize + 1]).unwrap_err().0, "file-too-large");
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_must_not_leave_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(directory.path().join("secret"), "s").unwrap();
        std::fs::write(root.join("inside"), "i").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("out")).unwrap();
        std::os::unix::fs::symlink("inside", root.join("in")).unwrap();
        assert_eq!(FileSystem.read(&root.join("out"), &root), Err(ReadError::Outside));
        assert_eq!(FileSystem.read(&root.join("in"), &root), Ok(b"i".to_vec()));
        assert_eq!(FileSystem.read(&root.join("none"), &root), Err(ReadError::Missing));
        assert_eq!(FileSystem.read(&root, &root), Err(ReadError::NotAFile));
    }
}
