//! The watch loop as a process: files change, AWS changes, files break, the process ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::support::command::{STACK, Tree};
use crate::support::python::{SandboxServer, run_script, sandbox_server};

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const VPC: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: edge}\nspec: {cidrBlock: 10.0.0.0/16}\n";

/// A running `farpost watch` and everything that it has said.
struct Watching {
    process: Child,
    said: Arc<(Mutex<Vec<String>>, Condvar)>,
    read: usize,
}

impl Watching {
    fn start(tree: &Tree, server: &SandboxServer, more: &[&str]) -> Self {
        let arguments =
            [&["watch", "manifests", "--endpoint-url", &server.endpoint, "--log-format", "json"], more].concat();
        let mut command = tree.command(&arguments);
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let said: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
        let (lines, heard) = (BufReader::new(process.stderr.take().unwrap()).lines(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.0.lock().unwrap().push(line);
                heard.1.notify_all();
            }
        });
        Self { process, said, read: 0 }
    }

    /// Waits for a line with this in it, after the last one that was waited for.
    #[track_caller]
    fn says(&mut self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.said.0.lock().unwrap();
        loop {
            if let Some(found) = said[self.read..].iter().position(|line| line.contains(part)) {
                self.read += found + 1;
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{part:?} was not said; what was said:\n{}", said.join("\n"));
            said = self.said.1.wait_timeout(said, left).unwrap().0;
        }
    }

    fn terminate(&mut self) -> Duration {
        let began = Instant::now();
        let id = self.process.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        began.elapsed()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Calls one operation of EC2 with boto3 and prints what it answers.
fn boto3(server: &SandboxServer, call: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let script =
        format!("import boto3\nec2 = boto3.client('ec2', endpoint_url='{}')\nprint({call})\n", server.endpoint);
    std::fs::write(file.path(), script).unwrap();
    let output = run_script(file.path(), &[], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const VPC_ID: &str = "ec2.describe_vpcs()['Vpcs'][0]['VpcId']";

/// What manifests are made of may be in files that nobody watches.
#[test]
fn a_changed_file_with_a_spec_is_applied() {
    let server = sandbox_server();
    let group = "apiVersion: farpost/v1\nkind: LogGroup\nmetadata: {name: g}\nspecFrom: .parts/g.json\n";
    let tree = Tree::new(&[("stack.yaml", STACK), ("g.yaml", group)]);
    tree.write(".parts/g.json", "{\"logGroupName\": \"/g\", \"retentionInDays\": 7}");
    let mut watching = Watching::start(&tree, &server, &["--interval", "1"]);
    watching.says("converged");
    watching.says("in sync");
    tree.write(".parts/g.json", "{\"logGroupName\": \"/g\", \"retentionInDays\": 14}");
    watching.says("converged");
    assert_eq!(server.sandbox.calls()["logs:PutRetentionPolicy"], 2);
    watching.terminate();
}

#[test]
fn files_change_aws_changes_files_break() {
    let server = sandbox_server();
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", VPC)]);
    let mut watch = Watching::start(&tree, &server, &["--interval", "2"]);
    watch.says("converged");

    // An edit is applied.
    tree.write("vpc.yaml", &VPC.replace("/16}", "/16, enableDnsHostnames: true}"));
    watch.says("the files changed");
    watch.says("converged");
    let hostnames =
        format!("ec2.describe_vpc_attribute(VpcId={VPC_ID}, Attribute='enableDnsHostnames')['EnableDnsHostnames']");
    assert!(boto3(&server, &hostnames).contains("True"));

    // A change behind our back is corrected.
    boto3(&server, &format!("ec2.modify_vpc_attribute(VpcId={VPC_ID}, EnableDnsHostnames={{'Value': False}})"));
    watch.says("\"watch\":\"drift\"");
    watch.says("converged");
    assert!(boto3(&server, &hostnames).contains("True"));

    // A broken file changes nothing, and the finding is shown.
    tree.write("vpc.yaml", &VPC.replace("cidrBlock", "cidrBlok"));
    watch.says("cidrBlok");
    watch.says("the last good ones stay");
    watch.says("in sync");

    // Nothing left is refused.
    tree.remove("vpc.yaml");
    watch.says("declare nothing any more");
    watch.says("in sync");
    assert!(boto3(&server, "len(ec2.describe_vpcs()['Vpcs'])").contains('1'));
    tree.remove("stack.yaml");
    watch.says("the last good ones stay");

    // Mended, it goes on.
    tree.write("stack.yaml", STACK);
    tree.write("vpc.yaml", VPC);
    watch.says("converged");
    assert!(boto3(&server, &hostnames).contains("False"));
    assert!(watch.terminate() < Duration::from_secs(5));
}

#[test]
fn drift_is_only_reported_when_asked() {
    let server = sandbox_server();
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", VPC)]);
    let mut watch = Watching::start(&tree, &server, &["--interval", "1", "--drift", "report"]);
    watch.says("converged");
    boto3(&server, &format!("ec2.modify_vpc_attribute(VpcId={VPC_ID}, EnableDnsSupport={{'Value': False}})"));
    watch.says("\"corrected\":false");
    watch.says("\"corrected\":false");
    let support =
        format!("ec2.describe_vpc_attribute(VpcId={VPC_ID}, Attribute='enableDnsSupport')['EnableDnsSupport']");
    assert!(boto3(&server, &support).contains("False"));
}

#[test]
fn reading_wakes_nobody() {
    let server = sandbox_server();
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", VPC)]);
    let mut watch = Watching::start(&tree, &server, &["--interval", "3600"]);
    watch.says("converged");
    for _ in 0..20 {
        std::fs::read(tree.path("vpc.yaml")).unwrap();
        // At once: a file that is being written is empty for a moment.
        std::fs::write(tree.path(".vpc"), VPC).unwrap();
        std::fs::rename(tree.path(".vpc"), tree.path("vpc.yaml")).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(2));
    let said = watch.said.0.lock().unwrap();
    assert_eq!(said.iter().filter(|line| line.contains("\"watch\":\"run\"")).count(), 1, "{said:#?}");
}
