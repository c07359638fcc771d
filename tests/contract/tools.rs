//! The AWS CLI against the sandbox, and the check of recorded requests.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::python::{aws_cli, isolate, run_script, sandbox_server};

#[test]
fn the_aws_cli_reads_what_it_wrote() {
    let server = sandbox_server();
    let aws = |arguments: &[&str]| -> Value {
        let mut command = Command::new(aws_cli());
        let output = isolate(&mut command)
            .args(["--endpoint-url", &server.endpoint, "--output", "json"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    };
    let cluster = aws(&["ecs", "create-cluster", "--cluster-name", "edge"]);
    assert_eq!(aws(&["ecs", "list-clusters"])["clusterArns"], json!([cluster["cluster"]["clusterArn"]]));
    let vpc = aws(&["ec2", "create-vpc", "--cidr-block", "10.0.0.0/16"]);
    let id = vpc["Vpc"]["VpcId"].as_str().unwrap();
    assert_eq!(aws(&["ec2", "describe-vpcs", "--vpc-ids", id])["Vpcs"][0]["CidrBlock"], "10.0.0.0/16");
    let profile = ["--instance-profile-name", "node"];
    aws(&[&["iam", "create-instance-profile"], &profile[..]].concat());
    let got = aws(&[&["iam", "get-instance-profile"], &profile[..]].concat());
    assert_eq!(got["InstanceProfile"]["Arn"], "arn:aws:iam::123456789012:instance-profile/node");
    assert_eq!(server.sandbox.calls()["iam:GetInstanceProfile"], 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("note.txt");
    std::fs::write(&file, "one").unwrap();
    let file = file.to_str().unwrap();
    aws(&["s3", "mb", "s3://farpost-notes"]);
    aws(&["s3", "cp", "--quiet", file, "s3://farpost-notes/a/b"]);
    let more = ["--bucket", "farpost-notes", "--key", "a/c", "--body", file, "--if-none-match", "*"];
    let put = aws(&[&["s3api", "put-object"], &more[..]].concat());
    let listed = aws(&["s3api", "list-objects-v2", "--bucket", "farpost-notes", "--prefix", "a/"]);
    let etags: Vec<&Value> = listed["Contents"].as_array().unwrap().iter().map(|object| &object["ETag"]).collect();
    assert_eq!(etags, [&put["ETag"]; 2]);
    aws(&["s3", "cp", "--quiet", "s3://farpost-notes/a/b", &format!("{file}.copy")]);
    assert_eq!(std::fs::read_to_string(format!("{file}.copy")).unwrap(), "one");
    aws(&["s3", "rm", "--quiet", "--recursive", "s3://farpost-notes"]);
    aws(&["s3", "rb", "s3://farpost-notes"]);
}

#[test]
fn requests_are_held_against_the_models() {
    let requests = [
        (true, json!({"service": "ec2", "operation": "CreateSubnet", "form": "VpcId=v&Tag=&CidrBlock=c"})),
        (
            false,
            json!({"service": "ec2", "operation": "DescribeSubnets", "form": "Filter.1.Name=a&Filter.1.Value.1=b"}),
        ),
        (true, json!({"service": "ec2", "operation": "CreateSubnet", "form": "CidrBlock=c"})),
        (true, json!({"service": "ec2", "operation": "RunInstances", "form": "MinCount=1&MaxCount=many"})),
        (
            false,
            json!({"service": "iam", "operation": "TagRole", "form": "RoleName=r&Tags.member.1.Key=k&Tags.member.1.Value="}),
        ),
        (true, json!({"service": "iam", "operation": "TagRole", "form": "RoleName=r&Tags.1.Key=k&Tags.1.Value=v"})),
        (
            false,
            json!({"service": "ecs", "operation": "CreateService", "body": {"serviceName": "s", "launchType": "EXTERNAL"}}),
        ),
        (
            true,
            json!({"service": "ecs", "operation": "CreateService", "body": {"serviceName": "s", "launchType": "OUTPOST"}}),
        ),
        (true, json!({"service": "ecs", "operation": "CreateService", "body": {"serviceName": 1}})),
        (true, json!({"service": "ecs", "operation": "CreateServices", "body": {}})),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests.jsonl");
    std::fs::write(&file, requests.iter().map(|(_, request)| format!("{request}\n")).collect::<String>()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/validate_requests.py");
    let output = run_script(&script, &[file.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let found: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].clone()).collect();
    let numbered = requests.iter().zip(1..);
    let wrong: Vec<Value> = numbered.filter(|((bad, _), _)| *bad).map(|(_, number)| json!(number)).collect();
    assert_eq!(found, wrong, "{printed}");
}
