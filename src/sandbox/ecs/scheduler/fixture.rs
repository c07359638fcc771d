//! A service on the fixture's cluster, for the scheduler's tests.

use serde_json::{Value, json};

use crate::sandbox::ecs::fixture::Fixture;

/// The cluster `edge` with two instances, and the definition `web`.
pub(super) fn edge() -> Fixture {
    let mut aws = Fixture::edge();
    aws.define("web", "nginx");
    aws
}

/// Creates the service `s` of two tasks of `web`, with `change` in the request.
pub(super) fn service(aws: &mut Fixture, change: Value) {
    let mut input = json!({"cluster": "edge", "serviceName": "s", "taskDefinition": "web", "desiredCount": 2});
    input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    aws.ok("CreateService", input);
}

/// The messages of a service, one a line.
pub(super) fn events(service: &Value) -> String {
    let texts: Vec<&str> =
        service["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect();
    texts.join("\n")
}
