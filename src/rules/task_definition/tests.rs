//! What the examples do not show: cases of rules about task definitions, and definitions that are fine.

use serde_json::{Value, json};

use super::environment::is_secret;
use super::platform::processor_of;
use super::shape::wrong_image;
use crate::diagnostic::Severity;
use crate::rules::tests::findings;

/// `TD-15 /spec/…`-like codes of a definition, without notes.
fn codes(spec: &Value) -> Vec<String> {
    let text = format!("kind: TaskDefinition\nmetadata: {{name: till}}\nspec: {spec}\n");
    let found = findings(&text).into_iter().filter(|one| one.severity != Severity::Note);
    found.map(|one| one.code.into_owned()).collect()
}

/// Two fine containers, with members added to the definition and to the first container.
fn changed(whole: Value, first: Value) -> Vec<String> {
    let mut spec = json!({"containerDefinitions": [
        {"name": "a", "image": "nginx:1", "memory": 64},
        {"name": "b", "image": "nginx:1", "memory": 64, "essential": false},
    ]});
    spec["containerDefinitions"][0].as_object_mut().unwrap().extend(first.as_object().unwrap().clone());
    spec.as_object_mut().unwrap().extend(whole.as_object().unwrap().clone());
    codes(&spec)
}

#[test]
fn sample_definitions_have_no_error() {
    let samples = [
        ("ec2-gpu-volumes", include_str!("../../../tests/task-definitions/ec2-gpu-volumes.json")),
        ("external", include_str!("../../../tests/task-definitions/external.json")),
        ("fargate-firelens", include_str!("../../../tests/task-definitions/fargate-firelens.json")),
    ];
    for (name, text) in samples {
        let spec: Value = serde_json::from_str(text).unwrap();
        let text = format!("kind: TaskDefinition\nmetadata: {{name: till}}\nspec: {spec}\n");
        let errors: Vec<_> = findings(&text).into_iter().filter(|one| one.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

#[test]
fn cases_of_sizes() {
    assert_eq!(changed(json!({}), json!({})), [""; 0]);
    assert_eq!(changed(json!({}), json!({"memory": 64, "memoryReservation": 64})), [""; 0]);
    assert_eq!(changed(json!({"memory": "100"}), json!({})), ["TD-11"]);
    assert_eq!(changed(json!({"memory": "100"}), json!({"memory": 500, "memoryReservation": 8})), ["TD-11"]);
    assert_eq!(changed(json!({"memory": "${Cluster.x.name}"}), json!({"memory": null})), ["REF-03"]);
    assert_eq!(changed(json!({"cpu": "256"}), json!({"cpu": 257})), ["TD-12"]);
    assert_eq!(changed(json!({"cpu": "193 vCPU"}), json!({})), ["TD-13"]);
}

#[test]
fn cases_of_networks() {
    let one = |mode: &str, members: Value| changed(json!({"networkMode": mode}), members);
    assert_eq!(one("awsvpc", json!({"links": ["b"], "hostname": "x"})), ["TD-22", "TD-21"]);
    assert_eq!(one("awsvpc", json!({"extraHosts": [], "disableNetworking": false})), [""; 0]);
    assert_eq!(one("bridge", json!({"links": ["b:web", "c"]})), ["TD-22"]);
    assert_eq!(one("bridge", json!({"links": ["a"]})), ["TD-22"]);
    assert_eq!(one("bridge", json!({"volumesFrom": [{"sourceContainer": "a"}]})), ["TD-23"]);
    let turn = |member: &str, of: fn(&str) -> Value| {
        codes(&json!({"containerDefinitions": [
            {"name": "a", "image": "nginx:1", "memory": 64, member: [of("b")]},
            {"name": "b", "image": "nginx:1", "memory": 64, member: [of("c")]},
            {"name": "c", "image": "nginx:1", "memory": 64, member: [of("b")]},
        ]}))
    };
    assert_eq!(turn("links", |name| json!(name)), ["TD-22"]);
    assert_eq!(turn("volumesFrom", |name| json!({"sourceContainer": name})), ["TD-23"]);
}

#[test]
fn cases_of_containers() {
    let one = |members: Value| changed(json!({}), members);
    assert_eq!(one(json!({"healthCheck": {"command": []}})), ["TD-18"]);
    assert_eq!(one(json!({"healthCheck": {"command": ["NONE"]}})), [""; 0]);
    assert_eq!(one(json!({"healthCheck": {"command": ["CMD", "true"], "retries": 11}})), ["TD-19"]);
    assert_eq!(one(json!({"ulimits": [{"name": "core", "softLimit": 1, "hardLimit": -1}]})), [""; 0]);
    assert_eq!(one(json!({"ulimits": [{"name": "core", "softLimit": -1, "hardLimit": 1}]})), ["TD-24"]);
    assert_eq!(one(json!({"restartPolicy": {"enabled": false, "restartAttemptPeriod": 1}})), [""; 0]);
    assert_eq!(one(json!({"linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}})), ["TD-29"]);
    assert_eq!(one(json!({"image": "localhost:5000/till"})), ["TD-34"]);
    assert_eq!(one(json!({"image": "localhost:5000/till:7"})), [""; 0]);
    let files: Vec<Value> =
        (0..11).map(|n| json!({"type": "s3", "value": format!("arn:aws:s3:::b/{n}.env")})).collect();
    let role = json!({"executionRoleArn": "arn:aws:iam::123456789012:role/pull"});
    assert_eq!(changed(role, json!({"environmentFiles": files})), ["TD-17"]);
    assert_eq!(
        changed(
            json!({"placementConstraints": vec![json!({"type": "memberOf",
        "expression": "attribute:a == b"}); 11]}),
            json!({})
        ),
        ["TD-31"]
    );
}

#[test]
fn names_of_images() {
    for fine in ["nginx", "nginx:1.29", "public.ecr.aws/nginx/nginx:1.29", "localhost:5000/a_b/c-d:e#f"] {
        assert_eq!(wrong_image(fine), None, "{fine}");
    }
    let digest = "ab".repeat(32);
    assert_eq!(wrong_image(&format!("nginx:1.29@sha256:{digest}")), None);
    assert_eq!(wrong_image(&format!("{}:1", "a".repeat(253))), None);
    for wrong in ["", "@sha256:", "nginx 1.29", "nginx:1+2", "nginx@sha512:ab", "nginx@1"] {
        assert!(wrong_image(wrong).is_some(), "{wrong}");
    }
    assert!(wrong_image(&"a".repeat(256)).is_some());
}

#[test]
fn processors_by_the_names_of_types() {
    for graviton in ["a1.large", "t4g.nano", "c7gn.large", "im4gn.large", "is4gen.large", "x2gd.large", "g5g.xlarge"] {
        assert_eq!(processor_of(graviton), Some("ARM64"), "{graviton}");
    }
    for other in ["c5.large", "g4dn.xlarge", "g6.xlarge", "m7i-flex.large", "p4d.24xlarge", "x2iedn.xlarge"] {
        assert_eq!(processor_of(other), Some("X86_64"), "{other}");
    }
    for unknown in ["mac2.metal", "u-6tb1.112xlarge", "p6e-gb200.36xlarge"] {
        assert_eq!(processor_of(unknown), None, "{unknown}");
    }
}

#[test]
fn what_looks_like_a_secret() {
    for (name, value) in [
        ("DB_PASSWORD", "hunter2"),
        ("API_KEY", "abc"),
        ("X", "AKIAIOSFODNN7EXAMPLE"),
        ("DATABASE_URL", "postgres://till:hunter2@db/till"),
        ("DATABASE", "Server=db;User Id=till;Password=hunter2;"),
    ] {
        assert!(is_secret(name, value), "{name}");
    }
    for (name, value) in [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "/run/secrets/db"),
        ("DB_PASSWORD", "${Stack.password}"),
        ("TOKEN_TTL", "900"),
        ("USE_TOKEN", "true"),
        ("DATABASE_URL", "postgres://till@db/till"),
        ("DATABASE", "Server=db;Password={0};"),
        ("HELP", "use --forgot-password=1 to start"),
        ("MONKEY", "banana"),
    ] {
        assert!(!is_secret(name, value), "{name}");
    }
}

#[test]
fn a_secret_is_not_shown_and_found_in_overrides_too() {
    let found = findings(
        "
kind: Task
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: till:7
  overrides: {containerOverrides: [{name: app, environment: [{name: DB_PASSWORD, value: hunter2}]}]}
",
    );
    assert_eq!(found.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["TD-16"]);
    assert!(!found[0].message.contains("hunter2"), "{found:?}");
}
