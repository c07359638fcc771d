//! ECS Anywhere from nothing to nothing, as `examples/anywhere` says it: a `farpost sandbox`, the commands of farpost
//! and of the AWS CLI, and the admin calls that play the hosts.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::command::{Ran, Tree, example};
use crate::support::python::{aws_cli, isolate, run_script};

/// A `farpost sandbox`, and everything that was ever printed while it ran.
struct Served {
    process: std::process::Child,
    url: String,
    tree: Tree,
    printed: std::cell::RefCell<String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Served {
    fn start() -> Self {
        let tree = Tree::of_example("anywhere");
        let mut command = tree.command(&["sandbox", "--port", "0"]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(process.stdout.take().unwrap()), &mut line).unwrap();
        Self { process, url: line.trim().to_owned(), tree, printed: std::cell::RefCell::default() }
    }

    fn farpost(&self, arguments: &[&str]) -> Ran {
        let place = ["--endpoint-url", &self.url, "--region", "us-west-2", "-vvv"];
        let mut command = self.tree.command(&[arguments, &place].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        let ran: Ran = command.output().unwrap().into();
        self.printed.borrow_mut().push_str(&format!("{}{}", ran.stdout, ran.stderr));
        ran
    }

    fn aws(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(aws_cli());
        isolate(&mut command).args(["--endpoint-url", &self.url, "--region", "us-west-2", "--output", "json"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap() }
    }

    /// An admin call of the sandbox.
    fn admit(&self, path: &str, body: &Value) -> Value {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail-with-body", "--data", &body.to_string()]);
        let output = command.arg(format!("{}/_sandbox/hosts{path}", self.url)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Plays what `farpost host bootstrap` writes, on a computer of that name; the id of the node.
    fn install(&self, name: &str) -> String {
        let activation = self.aws(&["ssm", "describe-activations"]);
        let answer = self.admit(
            "",
            &json!({
                "activationId": activation["ActivationList"][0]["ActivationId"],
                "activationCode": self.code(),
                "cluster": "anywhere",
                "computerName": name,
                "tags": {"farpost/stack": "anywhere", "farpost/resource": format!("ExternalInstance/{name}")},
            }),
        );
        answer["instanceId"].as_str().unwrap().to_owned()
    }

    fn code(&self) -> String {
        let name = "/ecs-anywhere/anywhere/code";
        let answer = self.aws(&["ssm", "get-parameter", "--name", name, "--with-decryption"]);
        answer["Parameter"]["Value"].as_str().unwrap().to_owned()
    }

    fn hosts(&self) -> Vec<Value> {
        let list = self.aws(&["ecs", "list-container-instances", "--cluster", "anywhere"]);
        let arns: Vec<&str> =
            list["containerInstanceArns"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        if arns.is_empty() {
            return Vec::new();
        }
        let describe = ["ecs", "describe-container-instances", "--cluster", "anywhere", "--container-instances"];
        let described = self.aws(&[&describe, arns.as_slice()].concat());
        described["containerInstances"].as_array().unwrap().clone()
    }

    fn service(&self) -> Value {
        let described = self.aws(&["ecs", "describe-services", "--cluster", "anywhere", "--services", "nginx"]);
        described["services"][0].clone()
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.tree.text(file);
        assert!(text.contains(from), "{file}: {from}");
        self.tree.write(file, &text.replace(from, to));
    }
}

#[test]
fn the_quick_start_from_nothing_to_nothing() {
    let served = Served::start();
    // Everything but what a host has to do itself.
    let first = served.farpost(&["apply", "manifests", "--yes"]).ends_with(4);
    // While it runs, too, what is deferred is no error.
    let said = |start: &str| first.stderr.lines().any(|line| line.starts_with(start));
    assert!(said("deferred: ExternalInstance/till-1: ") && !said("error:"), "{}", first.stderr);
    first.prints(&[
        "farpost host bootstrap ExternalInstance/till-1",
        "farpost host bootstrap ExternalInstance/till-2",
        "Service/nginx",
    ]);
    assert_eq!(served.service()["status"], "ACTIVE");

    // The first host is enough for the service, and the second still no error.
    let till = served.install("till-1");
    served.farpost(&["apply", "manifests", "--yes"]).ends_with(4).prints(&["1 deferred"]);
    assert_eq!(served.service()["deployments"][0]["rolloutState"], "COMPLETED");
    let second = served.install("till-2");
    served.farpost(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    served.farpost(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0);
    served.farpost(&["plan", "manifests", "--deep", "--detailed-exitcode"]).ends_with(0);
    served.farpost(&["status", "manifests"]).ends_with(0).prints(&["3 of 5 registrations left", "till-1"]);

    // An attribute and a constraint say the second host; the task goes there with the next deployment.
    served.edit("app.yaml", "attribute:site == oslo", "attribute:site == bergen");
    served.edit("till-2.yaml", "site: oslo", "site: bergen");
    served.farpost(&["plan", "manifests", "--detailed-exitcode"]).ends_with(2).prints(&["attributes.site"]);
    served.farpost(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    served.aws(&["ecs", "update-service", "--cluster", "anywhere", "--service", "nginx", "--force-new-deployment"]);
    served.farpost(&["apply", "manifests", "--yes"]).ends_with(0);
    let tasks_of = |node: &str| {
        served.hosts().iter().find(|host| host["ec2InstanceId"] == node).unwrap()["runningTasksCount"].clone()
    };
    assert_eq!((tasks_of(&till), tasks_of(&second)), (json!(0), json!(1)));

    // The line to a host breaks: nothing happens.
    served.admit(&format!("/{till}/disconnect"), &json!({}));
    let cut = served.farpost(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0);
    cut.prints(&["No changes", "its agent is not connected"]);
    served.farpost(&["apply", "manifests", "--yes"]).ends_with(0);
    served.farpost(&["status", "manifests"]).ends_with(1).prints(&["unknown: its agent is not connected"]);
    assert_eq!(served.hosts().len(), 2);
    served.admit(&format!("/{till}/connect"), &json!({}));
    served.farpost(&["status", "manifests"]).ends_with(0);

    // The second host goes: its task moves first.
    served.tree.remove("till-2.yaml");
    served.edit("app.yaml", "attribute:site == bergen", "attribute:site == oslo");
    served.farpost(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    assert_eq!((served.hosts().len(), tasks_of(&till)), (1, json!(1)));
    let nodes = served.aws(&["ssm", "describe-instance-information"]);
    assert_eq!(nodes["InstanceInformationList"].as_array().unwrap().len(), 1);

    let code = served.code();
    served.farpost(&["destroy", "manifests", "--stack", "anywhere", "--yes"]).ends_with(0).prints(&["Converged"]);
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/leftovers.py");
    let left = run_script(&script, &[&served.url, "anywhere"], &[]);
    assert_eq!((String::from_utf8_lossy(&left.stdout), left.status.success()), ("".into(), true), "{left:?}");
    // What AWS told once, nobody was told again; not even the most talkative log.
    assert!(!served.printed.borrow().contains(&code));
    assert!(code.len() >= 20 && served.printed.borrow().contains("DescribeActivations"));
}

/// Every command that the example's README has in it, as a reader would type them.
#[test]
fn the_readme_does_what_it_says() {
    let readme = std::fs::read_to_string(example("anywhere/README.md")).unwrap();
    let commands: Vec<&str> = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(commands.len() > 5, "{readme}");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("readme.sh");
    // A shell that ends at the first command that fails; exit 4 is what the README says of the first apply.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = commands.join("\n").replace("4566", &port.to_string());
    std::fs::write(&script, format!("set -eu\ntrap 'kill $(jobs -p)' EXIT\n{text}")).unwrap();
    let copied = Command::new("cp").args(["-r", example("anywhere").to_str().unwrap()]).arg(folder.path()).status();
    assert!(copied.unwrap().success());
    let mut command = Command::new("bash");
    isolate(&mut command).arg(&script).current_dir(folder.path());
    let farpost = std::path::Path::new(env!("CARGO_BIN_EXE_farpost")).parent().unwrap();
    let path = [farpost, aws_cli().parent().unwrap()].map(|one| one.to_str().unwrap().to_owned()).join(":");
    command.env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()));
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    for part in [
        "till-1 has not registered in the cluster anywhere",
        "COMPLETED",
        "unknown: its agent is not connected",
        "Converged",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}
