//! What the tests of EC2 share: an account to call.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call, Service};
use crate::sandbox::world::World;

pub(super) const OUTPOST: &str = "arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0";
pub(super) const IMAGE: &str = "ami-0a1ec5f00d2023001";

/// A fresh account, in real time from a fixed start.
pub(super) struct Account {
    pub(super) state: State,
    now: Timestamp,
}

impl Account {
    pub(super) fn new() -> Self {
        let world = World { pace: 1.0, ..World::default() };
        Self { state: State::new(world), now: Timestamp::UNIX_EPOCH }
    }

    pub(super) fn call(&mut self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let call = Call {
            service: Service::Ec2,
            operation: operation.into(),
            input,
            region: "us-west-2".into(),
            now: self.now,
        };
        let (_, run) = super::OPERATIONS.iter().find(|(name, _)| *name == operation).expect("the operation exists");
        super::advance(&mut self.state, self.now);
        // State goes through its file between any two calls.
        let text = serde_json::to_string(&self.state).expect("state is serialisable");
        self.state = serde_json::from_str(&text).expect("state is readable");
        run(&mut self.state, &call)
    }

    pub(super) fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
    }

    pub(super) fn error(&mut self, operation: &str, input: Value) -> AwsError {
        self.call(operation, input).expect_err("the call is refused")
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        super::advance(&mut self.state, self.now);
    }

    pub(super) fn vpc(&mut self, cidr: &str) -> String {
        let made = self.ok("CreateVpc", json!({"CidrBlock": cidr}));
        made["vpc"]["vpcId"].as_str().expect("an id").to_owned()
    }

    /// A VPC with a subnet in the region and one on the Outpost.
    pub(super) fn subnets(&mut self) -> (String, String) {
        let vpc = self.vpc("10.0.0.0/16");
        let region = self.ok("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24"}));
        let input = json!({
            "VpcId": vpc, "CidrBlock": "10.0.2.0/24", "OutpostArn": OUTPOST, "AvailabilityZone": "us-west-2b",
        });
        let outpost = self.ok("CreateSubnet", input);
        let id = |made: Value| made["subnet"]["subnetId"].as_str().expect("an id").to_owned();
        (id(region), id(outpost))
    }

    pub(super) fn group(&mut self, vpc: &str, name: &str) -> String {
        let input = json!({"GroupName": name, "GroupDescription": "hosts", "VpcId": vpc});
        self.ok("CreateSecurityGroup", input)["groupId"].as_str().expect("an id").to_owned()
    }

    /// The input of a launch of one instance.
    pub(super) fn launch(subnet: &str) -> Value {
        json!({"ImageId": IMAGE, "InstanceType": "c5.large", "MinCount": "1", "MaxCount": "1", "SubnetId": subnet})
    }

    /// Launches one instance.
    pub(super) fn instance(&mut self, subnet: &str) -> String {
        let made = self.ok("RunInstances", Self::launch(subnet));
        made["instancesSet"][0]["instanceId"].as_str().expect("an id").to_owned()
    }

    /// The instance as DescribeInstances shows it.
    pub(super) fn seen(&mut self, id: &str) -> Value {
        self.ok("DescribeInstances", json!({"InstanceId": [id]}))["reservationSet"][0]["instancesSet"][0].clone()
    }
}
