//! A `farpost sandbox` as a process, and processes of farpost that talk to it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::command::{Ran, Tree};

/// What credentials are told to no one. They look like real ones.
pub(crate) const SECRET_KEY: &str = "cAnArYsEcReTkEy0Zx9Wv8Ut7Sr6Qp5On4Ml3Kj2";
pub(crate) const SESSION_TOKEN: &str = "cAnArYsEsSiOnToKeN0Hg1Fe2Dc3Ba4Zy5Xw6Vu7Ts8Rq9Po==";

pub(crate) struct Served {
    process: Child,
    pub(crate) url: String,
    pub(crate) tree: Tree,
    folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Served {
    /// Serves an account for an example. Its own work takes no time.
    pub(crate) fn start(example: &str) -> Self {
        Self::among("rules: []\n", example)
    }

    /// The same, with calls that go wrong.
    pub(crate) fn among(faults: &str, example: &str) -> Self {
        let (tree, folder) = (Tree::of_example(example), tempfile::tempdir().unwrap());
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(folder.path().join("world.yaml"), "pace: 0\n").unwrap();
        std::fs::write(folder.path().join("faults.yaml"), faults).unwrap();
        let options = [
            ("--state", path("state.json")),
            ("--world", path("world.yaml")),
            ("--record", path("record")),
            ("--faults", path("faults.yaml")),
        ];
        let mut command = tree.command(&["sandbox", "--port", "0"]);
        command.args(options.iter().flat_map(|(option, path)| [option, path.as_str()]));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, url: line.trim().to_owned(), tree, folder }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let place = ["--endpoint-url", self.url.as_str(), "--region", "us-west-2"];
        let mut command = self.tree.command(&[arguments, &place].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_SESSION_TOKEN", SESSION_TOKEN);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[must_use = "assert what it ended with"]
    pub(crate) fn farpost(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    fn record(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    /// How many calls came so far that change something.
    pub(crate) fn changes(&self) -> usize {
        let is_read = |name: &str| ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb));
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["operation"].as_str().is_some_and(|name| !is_read(name))).count()
    }

    /// How many calls of an operation came so far.
    pub(crate) fn count(&self, operation: &str) -> usize {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["operation"] == operation).count()
    }

    /// What was put into parameters.
    pub(crate) fn kept(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let bodies = lines
            .filter(|line| line["operation"] == "PutParameter")
            .filter_map(|line| serde_json::from_str::<Value>(line["body"].as_str()?).ok());
        bodies.filter_map(|body| body["Value"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until so many calls have changed something; false when the process ended before.
    pub(crate) fn wait_for(&self, changes: usize, process: &mut Child) -> bool {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.changes() < changes {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "{changes} changing calls never came");
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Ends the sandbox; everything that is in it.
    pub(crate) fn content(mut self) -> Value {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
        self.process.wait().unwrap();
        serde_json::from_slice(&std::fs::read(self.folder.path().join("state.json")).unwrap()).unwrap()
    }
}
