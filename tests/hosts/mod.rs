//! What farpost writes for hosts outside AWS: scripts that shellcheck passes and bash runs, and files that others read.

mod bootstrap;
mod check;
mod files;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use farpost::hosts::bootstrap::Format;
use farpost::hosts::{Declarations, Declared, Host};
use farpost::kinds::Place;
use serde_json::{Value, json};

use crate::support::command::Ran;

/// A host with this spec, in a stack with its cluster and its activation.
fn stack(spec: Value, code: Value) -> Declarations {
    let mut host = json!({"cluster": "stores", "activation": "${Activation.stores.id}"});
    host.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let task = json!({"requiresCompatibilities": ["EXTERNAL"], "networkMode": "bridge", "containerDefinitions": [
        {"image": "nginx", "portMappings": [{"containerPort": 80, "hostPort": 8080}]}
    ]});
    let service = json!({"launchType": "EXTERNAL", "cluster": "stores", "taskDefinition": "${TaskDefinition.web}"});
    let declared = |address: &str, spec: &Value| {
        let tags = BTreeMap::from([
            ("farpost/stack".to_owned(), "shops".to_owned()),
            ("farpost/resource".to_owned(), address.to_owned()),
        ]);
        Declared { written: spec.clone(), spec: spec.clone(), tags }
    };
    let objects = [
        ("ExternalInstance/till-1", host),
        ("Activation/stores", json!({"iamRole": "anywhere", "code": code})),
        ("TaskDefinition/web", task),
        ("Service/web", service),
    ];
    Declarations {
        place: Place { account: "123456789012".into(), region: "eu-north-1".into(), stack: "shops".into() },
        hourly_price: None,
        objects: objects.iter().map(|(address, spec)| (address.parse().unwrap(), declared(address, spec))).collect(),
    }
}

fn parameter() -> Value {
    json!({"parameter": "/ecs-anywhere/stores/code"})
}

fn written(spec: Value, code: Value, format: Format) -> String {
    let stack = stack(spec, code);
    let host = Host::read(&stack, &"ExternalInstance/till-1".parse().unwrap()).unwrap();
    farpost::hosts::bootstrap::write(&host, format, None).unwrap()
}

/// A spec that says everything, with text that quoting must survive.
fn hostile() -> Value {
    json!({
        "operatingSystem": "ubuntu-22.04",
        "architecture": "x86_64",
        "attributes": {"site": "o'slo $(touch /tmp/farpost-was-here) `id` \"x\" \\ {{ 1 }} {% endraw %} #{1}"},
        "ecsConfig": {"ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached", "ECS_LOGLEVEL": "in\nfo"},
        "gpu": true
    })
}

/// A directory that stands for a host: `root` is its files, `bin` commands that go before the machine's own.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    /// Ubuntu 22.04 as root, with everything that the scripts look for. `calls` holds what was called.
    fn new() -> Self {
        let machine = Self { directory: tempfile::tempdir().unwrap() };
        machine.file(
            "etc/os-release",
            "NAME=\"Ubuntu\"\nID=ubuntu\nVERSION_ID=\"22.04\"\nPRETTY_NAME=\"Ubuntu 22.04.5 LTS\"\n",
        );
        machine.file("run/systemd/system/x", "");
        machine.file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        machine.command("id", "echo 0");
        machine.command("uname", "echo x86_64");
        machine.command("timeout", "shift; exec \"$@\"");
        for name in ["apt-get", "iptables", "sysctl", "systemctl", "nvidia-smi", "sudo", "lsb_release", "openssl"] {
            machine.command(name, "");
        }
        machine.command("docker", "");
        machine.command("getent", "");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn root(&self) -> PathBuf {
        self.path("root")
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn remove(&self, name: &str) {
        let path = self.root().join(name);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    /// A command that notes how it was called and then does this.
    fn command(&self, name: &str, does: &str) {
        let path = self.path("bin").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let calls = self.path("calls");
        let text = format!("#!/bin/bash\necho \"{name} $*\" >>'{}'\n{does}\n", calls.display());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    /// Runs a script with bash on this host, and this on its standard input.
    fn run(&self, script: &str, arguments: &[&str], input: &str) -> Ran {
        let path = self.path("script/run.sh");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, script).unwrap();
        let inherited = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command.arg(&path).args(["--root", self.root().to_str().unwrap()]).args(arguments);
        command.env_clear().env("PATH", format!("{}:{inherited}", self.path("bin").display()));
        command.env("TMPDIR", self.directory.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        child.wait_with_output().unwrap().into()
    }

    /// Every file of the host, but the commands and scripts, that holds this text.
    fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut left = vec![self.directory.path().to_owned()];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text)
                    && !path.starts_with(self.path("bin"))
                {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// shellcheck has nothing to say of a script, and bash reads it.
#[track_caller]
fn is_sound(script: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("script.sh");
    std::fs::write(&path, script).unwrap();
    let told = run("shellcheck", &["--severity=style"], &path).unwrap_or_else(|| {
        panic!("shellcheck is not installed, and these tests need it: apt-get install -y shellcheck")
    });
    assert!(told.code == 0, "shellcheck:\n{}", told.stdout);
    let told = run("bash", &["-n"], &path).unwrap();
    assert!(told.code == 0, "bash:\n{}", told.stderr);
}

/// Runs a program on a file; none when there is no such program.
fn run(program: &str, arguments: &[&str], file: &Path) -> Option<Ran> {
    match Command::new(program).args(arguments).arg(file).output() {
        Ok(output) => Some(output.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}
