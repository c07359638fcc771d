//! The walkthrough from nothing to a running service and back, as the README says it.

use std::path::Path;
use std::process::Command;

use crate::support::command::{Tree, example};
use crate::support::python::{aws_cli, isolate, run_script};

#[test]
fn two_processes_share_a_sandbox_file() {
    let tree = Tree::of_example("outposts");
    let applied = tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    applied.prints(&["Converged: planning again finds nothing to do."]);
    tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0).prints(&["No changes"]);
    tree.in_sandbox(&["plan", "manifests", "--deep", "--detailed-exitcode"]).ends_with(0);
    let status = tree.in_sandbox(&["status", "manifests", "-o", "json"]).ends_with(0).json();
    assert!(status["objects"].as_array().unwrap().iter().all(|object| object["readiness"] == "ready"), "{status:#}");
    tree.in_sandbox(&["destroy", "manifests", "--stack", "store-17", "--yes"]).ends_with(0).prints(&["Converged"]);
    let left = tree.in_sandbox(&["destroy", "--stack", "store-17", "--yes"]).ends_with(0);
    left.prints(&["No changes"]);
}

/// A `farpost sandbox` with everything of the walkthrough in it, looked at from outside.
#[test]
fn the_aws_cli_and_boto3_see_what_was_declared() {
    let tree = Tree::of_example("outposts");
    let served = Served::start(&tree);
    let ran = served.farpost(&tree, &["apply", "manifests", "--yes"]);
    ran.ends_with(0).prints(&["Converged"]);

    let subnets = served.aws(&["ec2", "describe-subnets"]);
    let outpost = "arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0";
    assert_eq!(subnets["Subnets"][0]["OutpostArn"], outpost);
    let instance = &served.aws(&["ec2", "describe-instances"])["Reservations"][0]["Instances"][0];
    assert_eq!(instance["OutpostArn"], outpost);
    let groups = served.aws(&["ec2", "describe-security-groups", "--filters", "Name=group-name,Values=MyOutpostSG"]);
    let mut ports: Vec<i64> = groups["SecurityGroups"][0]["IpPermissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            assert_eq!(rule["IpRanges"][0]["CidrIp"], "10.0.3.0/24");
            rule["FromPort"].as_i64().unwrap()
        })
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, [22, 80]);
    let profile = served.aws(&["iam", "get-instance-profile", "--instance-profile-name", "outpost"]);
    assert_eq!(profile["InstanceProfile"]["Roles"][0]["RoleName"], "ecsRole");
    let id = instance["InstanceId"].as_str().unwrap();
    let data = served.aws(&["ec2", "describe-instance-attribute", "--instance-id", id, "--attribute", "userData"]);
    let data = aws_smithy_types::base64::decode(data["UserData"]["Value"].as_str().unwrap()).unwrap();
    let data = String::from_utf8(data).unwrap();
    for line in [
        "ECS_CLUSTER=MyCluster",
        "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached",
        r#"ECS_CONTAINER_INSTANCE_TAGS={"environment":"Outpost"}"#,
    ] {
        assert!(data.contains(line), "{line} is not in\n{data}");
    }
    let tasks = served.aws(&["ecs", "list-tasks", "--cluster", "MyCluster", "--service-name", "outpost-service"]);
    let task = tasks["taskArns"][0].as_str().unwrap();
    let task = &served.aws(&["ecs", "describe-tasks", "--cluster", "MyCluster", "--tasks", task])["tasks"][0];
    assert_eq!(task["lastStatus"], "RUNNING");

    served.farpost(&tree, &["plan", "manifests", "--detailed-exitcode"]).ends_with(0).prints(&["No changes"]);
    served.farpost(&tree, &["destroy", "--stack", "store-17", "--yes"]).ends_with(0).prints(&["Converged"]);
    served.nothing_is_left("store-17");
    served.requests_are_valid();
}

/// A log group from nothing to nothing, with a change behind farpost's back between.
#[test]
fn the_aws_cli_and_boto3_see_a_log_group_and_its_end() {
    let text = std::fs::read_to_string(example("kinds/log-group.yaml")).unwrap();
    let tree = Tree::new(&[("logs.yaml", &text)]);
    let served = Served::start(&tree);
    served.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let described = served.aws(&["logs", "describe-log-groups", "--log-group-name-prefix", "/branch-17/"]);
    assert_eq!(described["logGroups"][0]["retentionInDays"], 90);
    let arn = described["logGroups"][0]["logGroupArn"].as_str().unwrap();
    let tags = served.aws(&["logs", "list-tags-for-resource", "--resource-arn", arn]);
    assert_eq!((&tags["tags"]["building"], &tags["tags"]["farpost/stack"]), (&"17".into(), &"branch-17".into()));

    served.aws(&["logs", "delete-retention-policy", "--log-group-name", "/branch-17/till"]);
    let drift = served.farpost(&tree, &["plan", "manifests", "--detailed-exitcode"]).ends_with(2);
    drift.prints(&["LogGroup/till", "retentionInDays"]);
    served.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);

    tree.write("logs.yaml", &text.replace("deletionProtectionEnabled: false", "deletionProtectionEnabled: true"));
    served.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let destroy = ["destroy", "--stack", "branch-17", "--yes"];
    served.farpost(&tree, &destroy).ends_with(3);
    tree.write("logs.yaml", &text);
    served.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0);
    served.farpost(&tree, &destroy).ends_with(0).prints(&["Converged"]);
    served.nothing_is_left("branch-17");
    served.requests_are_valid();
}

/// A `farpost sandbox` process that records what it is asked.
struct Served {
    process: std::process::Child,
    url: String,
    record: std::path::PathBuf,
}

impl Served {
    fn start(tree: &Tree) -> Self {
        let record = tree.path("../requests.jsonl");
        let mut command = tree.command(&["sandbox", "--port", "0", "--record", record.to_str().unwrap()]);
        let mut process = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(process.stdout.take().unwrap()), &mut line).unwrap();
        Self { process, url: line.trim().to_owned(), record }
    }

    fn farpost(&self, tree: &Tree, arguments: &[&str]) -> crate::support::command::Ran {
        let mut command = tree.command(&[arguments, &["--endpoint-url", &self.url, "--region", "us-west-2"]].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        command.output().unwrap().into()
    }

    fn aws(&self, arguments: &[&str]) -> serde_json::Value {
        let mut command = Command::new(aws_cli());
        isolate(&mut command).args(["--endpoint-url", &self.url, "--output", "json"]).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        // Some calls answer nothing.
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Asks with boto3 for everything that carries the stack's tag.
    fn nothing_is_left(&self, stack: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/leftovers.py");
        let output = run_script(&script, &[&self.url, stack], &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "");
    }

    /// Every request that was made is one that botocore's models allow.
    fn requests_are_valid(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/validate_requests.py");
        let output = run_script(&script, &[self.record.to_str().unwrap()], &[]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(std::fs::read_to_string(&self.record).unwrap().lines().count() > 50, "too little was recorded");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
