//! Command-line paths → manifest files: directories are searched, each file is read once, and what
//! cannot be read is a finding.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::ManifestText;
use super::tree::{self, ReadError, Unusable};
use crate::diagnostic::{Diagnostic, quote};

/// The name that standard input goes by in findings.
pub const STDIN: &str = "<stdin>";

/// Reads the files that `paths` name: files as they are, directories with every `*.yaml` and `*.yml`
/// below them except under names that begin with `.`, and `-` for `stdin`.
pub fn read(paths: &[PathBuf], stdin: &mut dyn Read) -> (Vec<ManifestText>, Vec<Diagnostic>) {
    let mut walk = Walk::default();
    for path in paths {
        if path.as_os_str() == "-" {
            if walk.seen.insert(PathBuf::from(STDIN)) {
                let bytes = tree::read_limited(&mut *stdin);
                walk.take(Path::new(STDIN), Path::new(""), bytes);
            }
        } else {
            walk.argument(path);
        }
    }
    (walk.texts, walk.findings)
}

#[derive(Default)]
struct Walk {
    texts: Vec<ManifestText>,
    findings: Vec<Diagnostic>,
    /// Real paths of files read and directories searched.
    seen: HashSet<PathBuf>,
    /// Manifest files met below the current argument, read or not.
    met: usize,
}

impl Walk {
    fn argument(&mut self, path: &Path) {
        let (real, metadata) = match path.canonicalize().and_then(|real| Ok((real, fs::metadata(path)?))) {
            Ok(found) => found,
            Err(error) => return self.unreadable(path, &error.into()),
        };
        if metadata.is_dir() {
            self.met = 0;
            self.directory(path, path, &real, &real, &mut Vec::new());
            if self.met == 0 {
                self.findings.push(
                    Diagnostic::error("no-manifests", format!("no manifests in {}", quote(&shown(path))))
                        .help("a directory is searched for *.yaml and *.yml; names that begin with `.` are left out"),
                );
            }
        } else if self.seen.insert(real) {
            // Not only regular files: `<(command)` names a pipe.
            let root = path.parent().unwrap_or(Path::new("")).to_path_buf();
            let bytes = fs::File::open(path).map_err(ReadError::from).and_then(tree::read_limited);
            self.take(path, &root, bytes);
        }
    }

    /// `real` and `real_root` are the canonical forms of `path` and `root`; `above` holds the canonical
    /// directories on the way here.
    fn directory(&mut self, path: &Path, root: &Path, real: &Path, real_root: &Path, above: &mut Vec<PathBuf>) {
        self.seen.insert(real.to_path_buf());
        let mut entries: Vec<PathBuf> = match fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(error) => return self.unreadable(path, &error.into()),
        };
        entries.sort();
        above.push(real.to_path_buf());
        for entry in entries {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                self.entry(&entry, &name, root, real_root, above);
            }
        }
        above.pop();
    }

    fn entry(&mut self, path: &Path, name: &str, root: &Path, real_root: &Path, above: &mut Vec<PathBuf>) {
        let manifest = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
        let (real, metadata) = match path.canonicalize().and_then(|real| Ok((real, fs::metadata(path)?))) {
            Ok(found) => found,
            // Broken links and the like matter only where a manifest was expected.
            Err(error) if manifest => {
                self.met += 1;
                return match fs::symlink_metadata(path) {
                    Ok(link) if link.is_symlink() && error.kind() == std::io::ErrorKind::NotFound => {
                        self.finding("unreadable", path, "is a symbolic link to nothing", "mend or remove the link");
                    }
                    _ => self.unreadable(path, &error.into()),
                };
            }
            Err(error) => {
                if is_loop(&error) {
                    self.link_loop(path);
                }
                return;
            }
        };
        if !metadata.is_dir() && !manifest {
            return;
        }
        if above.contains(&real) {
            return self.link_loop(path);
        }
        if !real.starts_with(real_root) {
            self.met += 1;
            return self.finding(
                "link-outside",
                path,
                "is a symbolic link out of the directory that was given",
                "give what it leads to as an argument of its own",
            );
        }
        if metadata.is_dir() {
            if !self.seen.contains(&real) {
                self.directory(path, root, &real, real_root, above);
            }
        } else {
            self.met += 1;
            if self.seen.insert(real) {
                let bytes = if metadata.is_file() {
                    fs::File::open(path).map_err(ReadError::from).and_then(tree::read_limited)
                } else {
                    Err(ReadError::NotAFile)
                };
                self.take(path, root, bytes);
            }
        }
    }

    fn take(&mut self, path: &Path, root: &Path, bytes: Result<Vec<u8>, ReadError>) {
        match bytes.map(tree::decode) {
            Ok(Ok(text)) => {
                self.texts.push(ManifestText { path: path.to_path_buf(), root: root.to_path_buf(), text });
            }
            Ok(Err(Unusable { code, message, help })) => {
                self.finding(code, path, &format!("is {message}"), help);
            }
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn unreadable(&mut self, path: &Path, error: &ReadError) {
        let text = shown(path);
        let mut finding = Diagnostic::error("unreadable", format!("cannot read {}: {error}", quote(&text)));
        if *error == ReadError::Missing && text.contains('\\') {
            finding = finding.help("write `/` between directories");
        }
        self.findings.push(finding);
    }

    fn link_loop(&mut self, path: &Path) {
        self.met += 1;
        self.finding("link-loop", path, "is a symbolic link back to a directory around it", "remove the link");
    }

    fn finding(&mut self, code: &'static str, path: &Path, what: &str, help: &str) {
        self.findings.push(Diagnostic::error(code, format!("{} {what}", quote(&shown(path)))).help(help));
    }
}

fn is_loop(error: &std::io::Error) -> bool {
    // `ErrorKind::FilesystemLoop` is not stable; this is ELOOP on Linux and on macOS.
    matches!(error.raw_os_error(), Some(40 | 62))
}

/// A path as findings show it.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Code, message and help.
    type Finding = (&'static str, String, Option<String>);

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[(&str, &[u8])]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for (path, content) in files {
                let path = tree.at(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            tree
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn read(&self, paths: &[&str]) -> (Vec<String>, Vec<Finding>) {
            let paths: Vec<PathBuf> = paths.iter().map(|path| self.at(path)).collect();
            let (texts, findings) = read(&paths, &mut std::io::empty());
            let prefix = format!("{}/", self.0.path().display());
            (
                texts.iter().map(|text| shown(&text.path).replace(&prefix, "")).collect(),
                findings.into_iter().map(|f| (f.fixed_code(), f.message.replace(&prefix, ""), f.help)).collect(),
            )
        }
    }

    #[test]
    fn directories_are_searched_in_order_without_hidden_names() {
        let tree = Tree::new(&[
            ("t/b.yaml", b"1"),
            ("t/a/z.yml", b"1"),
            ("t/a.txt", b"1"),
            ("t/.git/c.yaml", b"1"),
            ("t/.d.yaml", b"1"),
            ("t/x.yaml/y.yaml", b"1"),
            ("t/s.json", b"{}"),
        ]);
        let (files, findings) = tree.read(&["t"]);
        assert_eq!(files, ["t/a/z.yml", "t/b.yaml", "t/x.yaml/y.yaml"]);
        assert_eq!(findings, []);
        let (files, _) = tree.read(&["t/b.yaml", "t", "t/a/../b.yaml", "t/a"]);
        assert_eq!(files, ["t/b.yaml", "t/a/z.yml", "t/x.yaml/y.yaml"], "each once");
        let (files, _) = tree.read(&["t/a.txt"]);
        assert_eq!(files, ["t/a.txt"], "a file that is named is read whatever its name");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let mut large = vec![b'#'; 10 * 1024 * 1024];
        large.push(b'\n');
        let tree = Tree::new(&[
            ("t/binary.yaml", b"\x7fELF\0"),
            ("t/latin.yaml", b"a: 1\nb: \xe9\n"),
            ("t/large.yaml", &large),
        ]);
        symlink("nowhere", tree.at("t/dangling.yaml")).unwrap();
        fs::create_dir(tree.at("empty")).unwrap();
        let (files, findings) = tree.read(&["t", "none.yaml", "a\\b.yaml"]);
        assert_eq!(files, [] as [&str; 0]);
        let expected = [
            ("binary-file", "`t/binary.yaml` is a binary file", Some("manifests are text; leave this file out")),
            ("unreadable", "`t/dangling.yaml` is a symbolic link to nothing", Some("mend or remove the link")),
            ("file-too-large", "`t/large.yaml` is larger than 5 MiB", Some("manifests are small; is this one?")),
            ("not-utf8", "`t/latin.yaml` is not UTF-8 on line 2", Some("save it as UTF-8")),
            ("unreadable", "cannot read `none.yaml`: no such file", None),
            ("unreadable", "cannot read `a\\b.yaml`: no such file", Some("write `/` between directories")),
        ];
        let found: Vec<_> = findings.iter().map(|f| (f.0, f.1.as_str(), f.2.as_deref())).collect();
        assert_eq!(found, expected);
        let (_, findings) = tree.read(&["empty"]);
        assert_eq!((findings[0].0, findings[0].1.as_str()), ("no-manifests", "no manifests in `empty`"));
    }

    #[test]
    fn links_may_not_loop_or_leave() {
        let tree = Tree::new(&[("t/a/b.yaml", b"1"), ("other/c.yaml", b"1")]);
        symlink("..", tree.at("t/a/up")).unwrap();
        symlink("self", tree.at("t/self")).unwrap();
        symlink("../other", tree.at("t/out")).unwrap();
        symlink("a", tree.at("t/same")).unwrap();
        let (files, findings) = tree.read(&["t"]);
        assert_eq!(files, ["t/a/b.yaml"]);
        let found: Vec<_> = findings.iter().map(|f| (f.0, f.1.as_str())).collect();
        assert_eq!(
            found,
            [
                ("link-loop", "`t/a/up` is a symbolic link back to a directory around it"),
                ("link-outside", "`t/out` is a symbolic link out of the directory that was given"),
                ("link-loop", "`t/self` is a symbolic link back to a directory around it"),
            ]
        );
    }

    #[test]
    fn standard_input_is_read_once() {
        let (texts, findings) = read(&["-".into(), "-".into()], &mut "a: 1".as_bytes());
        assert_eq!(findings, []);
        assert_eq!(texts.len(), 1);
        assert_eq!((shown(&texts[0].path).as_str(), texts[0].text.as_str()), ("<stdin>", "a: 1"));
    }
}
