//! What the tests of this module share: an account at a pace of one, and a clock.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call, Service};
use crate::sandbox::world::World;

/// A call of an ECS operation.
pub(super) fn call(operation: &str, input: Value) -> Call {
    Call {
        service: Service::Ecs,
        operation: operation.into(),
        input,
        region: "us-west-2".into(),
        now: Timestamp::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    }
}

/// The `RegisterContainerInstance` of an agent in the cluster `edge`.
pub(in crate::sandbox) fn registration(ec2_id: &str, attributes: &[&str]) -> Value {
    let ports =
        json!({"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2375", "2376", "51678", "51679"]});
    let mut attributes: Vec<Value> = attributes.iter().map(|name| json!({"name": name})).collect();
    for name in [
        "com.amazonaws.ecs.capability.docker-remote-api.1.18",
        "ecs.capability.task-eni",
        "ecs.capability.task-cpu-mem-limit",
    ] {
        attributes.push(json!({"name": name}));
    }
    json!({
        "cluster": "edge",
        "instanceIdentityDocument": json!({"instanceId": ec2_id}).to_string(),
        "totalResources": [
            {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": 3800},
            ports,
        ],
        "versionInfo": {"agentVersion": "1.102.0", "dockerVersion": "DockerVersion: 25.0.13"},
        "attributes": attributes,
    })
}

pub(super) struct Fixture {
    pub(super) state: State,
    pub(super) now: Timestamp,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let world = World { pace: 1.0, ..World::default() };
        Self { state: State::new(world), now: call("", Value::Null).now }
    }

    /// A cluster `edge` with the instances `i-1` and `i-2`.
    pub(super) fn edge() -> Self {
        let mut aws = Self::new();
        aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        aws.ok("RegisterContainerInstance", registration("i-1", &[]));
        aws.ok("RegisterContainerInstance", registration("i-2", &[]));
        aws
    }

    pub(super) fn wait(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    fn perform(&mut self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let call = Call { now: self.now, ..call(operation, input) };
        self.state.advance(self.now);
        let (_, perform) = super::OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap();
        perform(&mut self.state, &call)
    }

    /// A call of another service, with the time that all of AWS shares.
    pub(super) fn other(&mut self, service: Service, operation: &str, input: Value) -> Value {
        self.try_other(service, operation, input).unwrap()
    }

    pub(super) fn try_other(&mut self, service: Service, operation: &str, input: Value) -> Result<Value, AwsError> {
        let call = Call { service, now: self.now, ..call(operation, input) };
        self.state.advance(self.now);
        crate::sandbox::operation(&call).unwrap()(&mut self.state, &call)
    }

    /// A subnet of a new VPC, by its id.
    pub(super) fn subnet(&mut self) -> Value {
        let vpc = self.other(Service::Ec2, "CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}))["vpc"]["vpcId"].clone();
        let input = json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24"});
        self.other(Service::Ec2, "CreateSubnet", input)["subnet"]["subnetId"].clone()
    }

    #[track_caller]
    pub(super) fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.perform(operation, input).unwrap()
    }

    #[track_caller]
    pub(super) fn error(&mut self, operation: &str, input: Value) -> AwsError {
        self.perform(operation, input).unwrap_err()
    }

    /// The code that an operation is refused with.
    #[track_caller]
    pub(super) fn refused(&mut self, operation: &str, input: Value) -> String {
        self.error(operation, input).code
    }

    /// Registers a task definition of one container.
    pub(super) fn define(&mut self, family: &str, image: &str) {
        let container = json!({"name": "c", "image": image, "memory": 64});
        self.ok("RegisterTaskDefinition", json!({"family": family, "containerDefinitions": [container]}));
    }

    /// A service of the cluster `edge`.
    pub(super) fn service(&mut self, name: &str) -> Value {
        self.ok("DescribeServices", json!({"cluster": "edge", "services": [name]}))["services"][0].clone()
    }

    /// The ARN of the container instance of an EC2 instance.
    pub(super) fn instance(&mut self, ec2_id: &str) -> String {
        let filter = format!("ec2InstanceId == {ec2_id}");
        let found = self.ok("ListContainerInstances", json!({"cluster": "edge", "filter": filter}));
        found["containerInstanceArns"][0].as_str().unwrap().to_owned()
    }
}
