//! The `farpost` command, run as a user would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of manifests with a sandbox file of its own.
pub(crate) struct Tree {
    directory: tempfile::TempDir,
}

/// What a run of the command said and ended with.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A stack in the sandbox's account.
pub(crate) const STACK: &str = "apiVersion: farpost/v1\nkind: Stack\nmetadata: {name: test}\n\
                                spec: {account: \"123456789012\", region: us-west-2}\n";

impl Tree {
    /// A tree with these files, relative to it.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self { directory: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            tree.write(name, text);
        }
        tree
    }

    /// A tree with a copy of an example directory.
    pub(crate) fn of_example(name: &str) -> Self {
        let tree = Self::new(&[]);
        std::fs::create_dir_all(tree.path("")).unwrap();
        for entry in std::fs::read_dir(example(name)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, tree.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        tree
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("manifests").join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// The file of the sandbox.
    pub(crate) fn sandbox(&self) -> PathBuf {
        self.directory.path().join("sandbox.json")
    }

    /// What farpost keeps on its machine.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.directory.path().join("state/farpost").join(name)
    }

    /// A command in the directory that holds `manifests`, away from any account.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        std::fs::create_dir_all(self.path("")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_farpost"));
        command.args(arguments).current_dir(self.directory.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", self.directory.path()).env("NO_COLOR", "1");
        command.env("XDG_STATE_HOME", self.directory.path().join("state"));
        command
    }

    #[must_use = "assert what it ended with"]
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// The same in the tree's sandbox.
    #[must_use = "assert what it ended with"]
    pub(crate) fn in_sandbox(&self, arguments: &[&str]) -> Ran {
        let sandbox = format!("--sandbox={}", self.sandbox().display());
        self.run(&[arguments, &[sandbox.as_str()]].concat())
    }
}

/// A directory below `examples/`.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// It ended with this code; else everything it said is shown.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard error holds each of these.
    #[track_caller]
    pub(crate) fn complains(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in:\n{}", self.stderr);
        }
        self
    }

    /// Standard output holds each of these.
    #[track_caller]
    pub(crate) fn prints(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part), "{part:?} is not in:\n{}", self.stdout);
        }
        self
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in:\n{}", self.stdout))
    }
}
