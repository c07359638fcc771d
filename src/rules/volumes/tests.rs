//! What the examples do not show.

use serde_json::{Value, json};

use crate::rules::tests::findings;

fn told(text: &str) -> Vec<String> {
    findings(text).into_iter().map(|one| one.code.into_owned()).collect()
}

/// The findings of a definition with one container that mounts `/data` of this volume.
fn volume(mut volume: Value) -> Vec<String> {
    volume["name"] = json!("v");
    let spec = json!({"volumes": [volume], "containerDefinitions": [
        {"name": "a", "image": "i:1", "memory": 64, "mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}]},
    ]});
    told(&format!("kind: TaskDefinition\nmetadata: {{name: till}}\nspec: {spec}\n"))
}

#[test]
fn what_aws_answers_for_a_volume_is_fine() {
    assert_eq!(volume(json!({"host": {}, "dockerVolumeConfiguration": {"scope": "task"}})), [""; 0]);
    let efs = json!({"fileSystemId": "fs-01234567", "rootDirectory": "/", "transitEncryption": "DISABLED",
        "authorizationConfig": {"iam": "DISABLED"}});
    assert_eq!(volume(json!({"host": {}, "efsVolumeConfiguration": efs, "configuredAtLaunch": false})), [""; 0]);
}

#[test]
fn mounts() {
    let spec = |mounts: Value, volumes: Value| {
        let container = json!({"name": "a", "image": "i:1", "memory": 64, "mountPoints": mounts});
        let spec = json!({"volumes": volumes, "containerDefinitions": [container]});
        told(&format!("kind: TaskDefinition\nmetadata: {{name: till}}\nspec: {spec}\n"))
    };
    let mount = |path: &str| json!({"sourceVolume": "v", "containerPath": path});
    assert_eq!(spec(json!([mount("/a"), mount("/a")]), json!([{"name": "v"}])), ["VOL-03"]);
    assert_eq!(spec(json!([mount("C:\\a"), mount("\\\\.\\pipe\\docker")]), json!([{"name": "v"}])), [""; 0]);
    assert_eq!(spec(json!([mount("/a")]), json!([{"name": "v"}, {"name": "v"}])), ["VOL-02"]);
    assert_eq!(spec(json!([{"containerPath": "/a"}]), json!([])), ["VOL-02"]);
}

#[test]
fn ebs_volumes() {
    let ebs = |members: Value| {
        let mut volume = json!({"roleArn": "arn:aws:iam::123456789012:role/infrastructure"});
        volume.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let spec = json!({"cluster": "stores", "taskDefinition": "till:7", "launchType": "FARGATE",
            "volumeConfigurations": [{"name": "v", "managedEBSVolume": volume}]});
        told(&format!("kind: Task\nmetadata: {{name: till}}\nspec: {spec}\n"))
    };
    assert_eq!(ebs(json!({"sizeInGiB": 1})), [""; 0]);
    assert_eq!(ebs(json!({})), ["VOL-07"]);
    assert_eq!(ebs(json!({"snapshotId": "snap-1", "volumeInitializationRate": 100})), [""; 0]);
    assert_eq!(ebs(json!({"sizeInGiB": 8, "volumeType": "gp3", "iops": 3000, "throughput": 1000})), [""; 0]);
    assert_eq!(ebs(json!({"sizeInGiB": 8, "volumeType": "gp3", "iops": 2999})), ["VOL-07"]);
    assert_eq!(ebs(json!({"sizeInGiB": 8, "volumeType": "gp3", "throughput": 1001})), ["VOL-07"]);
    assert_eq!(ebs(json!({"sizeInGiB": 8, "volumeType": "gp2", "throughput": 125})), ["VOL-07"]);
    assert_eq!(ebs(json!({"sizeInGiB": 8, "volumeType": "io2"})), ["VOL-07"]);
    assert_eq!(ebs(json!({"sizeInGiB": 8, "volumeType": "gp4"})), ["VOL-07"]);
    assert_eq!(ebs(json!({"sizeInGiB": 8, "volumeType": "standard"})), ["VOL-07"]);
}

#[test]
fn directories_that_each_host_has_are_no_data() {
    let service = |path: &str, mount: &str, more: &str| {
        told(&format!(
            "
kind: TaskDefinition
metadata: {{name: agent}}
spec:
  containerDefinitions:
    - {{name: app, image: 'nginx:1.29', memory: 64, mountPoints: [{{sourceVolume: v, containerPath: /v{mount}}}]}}
  volumes: [{{name: v, host: {{sourcePath: {path}}}}}]
---
kind: Service
metadata: {{name: agent}}
spec:
  cluster: stores
  taskDefinition: ${{TaskDefinition.agent}}
  launchType: EC2
  availabilityZoneRebalancing: DISABLED
  {more}
"
        ))
    };
    let two = "desiredCount: 2";
    assert_eq!(service("/srv/data", "", two), ["VOL-09"]);
    assert_eq!(service("/srv/data", ", readOnly: true", two), [""; 0]);
    assert_eq!(service("/var/run/docker.sock", "", two), [""; 0]);
    assert_eq!(service("/etc", "", two), [""; 0]);
    assert_eq!(service("/etcetera", "", two), ["VOL-09"]);
}
