//! The token buckets that AWS documents for the APIs of EC2 and ECS, of an account in a region.
//!
//! Of other services AWS publishes no figures, so they have none here.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::sandbox::wire::Call;

/// How many tokens fit, and how many come in a second.
type Size = (f64, f64);

/// ECS: the operations of a family share a bucket.
const ECS: &[(&str, Size, &[&str])] = &[
    (
        "cluster modify",
        (20.0, 1.0),
        &["CreateCluster", "DeleteCluster", "PutClusterCapacityProviders", "UpdateCluster", "UpdateClusterSettings"],
    ),
    ("cluster read", (50.0, 20.0), &["DescribeClusters", "ListClusters"]),
    ("task definition modify", (20.0, 1.0), &["DeregisterTaskDefinition", "RegisterTaskDefinition"]),
    (
        "task definition read",
        (50.0, 20.0),
        &["DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"],
    ),
    ("task definition deletion", (5.0, 1.0), &["DeleteTaskDefinitions"]),
    (
        "capacity provider modify",
        (10.0, 1.0),
        &["CreateCapacityProvider", "DeleteCapacityProvider", "UpdateCapacityProvider"],
    ),
    ("capacity provider read", (50.0, 20.0), &["DescribeCapacityProviders"]),
    ("tag modify", (20.0, 10.0), &["TagResource", "UntagResource"]),
    ("tag read", (50.0, 20.0), &["ListTagsForResource"]),
    ("setting modify", (10.0, 1.0), &["DeleteAccountSetting", "PutAccountSetting", "PutAccountSettingDefault"]),
    ("setting read", (50.0, 20.0), &["ListAccountSettings"]),
    (
        "cluster resource modify",
        (100.0, 40.0),
        &[
            "DeleteAttributes",
            "DeregisterContainerInstance",
            "ExecuteCommand",
            "PutAttributes",
            "RunTask",
            "StartTask",
            "StopTask",
            "UpdateContainerAgent",
            "UpdateContainerInstancesState",
        ],
    ),
    (
        "cluster resource read",
        (100.0, 20.0),
        &["DescribeContainerInstances", "DescribeTasks", "ListAttributes", "ListContainerInstances", "ListTasks"],
    ),
    (
        "agent modify",
        (200.0, 120.0),
        &[
            "RegisterContainerInstance",
            "SubmitAttachmentStateChanges",
            "SubmitContainerStateChange",
            "SubmitTaskStateChange",
        ],
    ),
    ("service modify", (50.0, 5.0), &["CreateService", "DeleteService", "UpdateService"]),
    ("service read", (100.0, 20.0), &["DescribeServices", "ListServices"]),
    ("service deployment", (50.0, 20.0), &["DescribeServiceDeployments", "ListServiceDeployments"]),
    ("service revision", (50.0, 20.0), &["DescribeServiceRevisions"]),
];

/// EC2: each operation has a bucket of its own, of the size of its category. These are in none.
const EC2_OWN: &[(&str, Size)] = &[
    ("AssociateIamInstanceProfile", (100.0, 5.0)),
    ("CreateDefaultSubnet", (1.0, 1.0)),
    ("CreateDefaultVpc", (1.0, 1.0)),
    ("CreateNetworkInterface", (100.0, 5.0)),
    ("CreateTags", (100.0, 10.0)),
    ("CreateVolume", (100.0, 5.0)),
    ("DeleteNetworkInterface", (100.0, 5.0)),
    ("DeleteTags", (100.0, 10.0)),
    ("DeleteVolume", (100.0, 5.0)),
    ("DescribeSecurityGroupReferences", (20.0, 5.0)),
    ("DescribeStaleSecurityGroups", (20.0, 5.0)),
    ("DisassociateIamInstanceProfile", (100.0, 5.0)),
    ("ModifyInstanceMetadataOptions", (100.0, 5.0)),
    ("ModifyNetworkInterfaceAttribute", (100.0, 5.0)),
    ("RunInstances", (5.0, 2.0)),
    ("StartInstances", (5.0, 2.0)),
    ("TerminateInstances", (100.0, 5.0)),
];
const EC2_NON_MUTATING: Size = (100.0, 20.0);
const EC2_MUTATING: Size = (50.0, 5.0);

/// Those that have a smaller bucket for calls without a filter and without pages.
const EC2_UNFILTERED: &[&str] = &[
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeVolumes",
];
const EC2_UNFILTERED_SIZE: Size = (50.0, 10.0);

/// Those that take a token for each instance, too.
const EC2_INSTANCES: &[(&str, Size)] = &[
    ("RunInstances", (1000.0, 2.0)),
    ("TerminateInstances", (1000.0, 20.0)),
    ("StartInstances", (1000.0, 2.0)),
    ("StopInstances", (1000.0, 20.0)),
];

/// How full the buckets of an account are; one that was not used is full.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Buckets(BTreeMap<String, (f64, Timestamp)>);

impl Buckets {
    /// Takes the tokens of a call, or none if there are too few.
    pub(in crate::sandbox) fn take(&mut self, call: &Call) -> bool {
        let costs = costs(call);
        let mut levels = Vec::new();
        for (name, (most, refill), cost) in costs {
            let (tokens, at) = self.0.get(&name).copied().unwrap_or((most, call.now));
            let passed = call.now.duration_since(at).as_secs_f64().max(0.0);
            let tokens = (tokens + passed * refill).min(most);
            if tokens < cost {
                return false;
            }
            levels.push((name, (tokens - cost, call.now)));
        }
        self.0.extend(levels);
        true
    }
}

/// The buckets that a call takes from, and how much.
fn costs(call: &Call) -> Vec<(String, Size, f64)> {
    let operation = call.operation.as_str();
    let find = |table: &[(&str, Size)]| table.iter().find(|(name, _)| *name == operation).map(|(_, size)| *size);
    match call.service.name() {
        "ecs" => ECS
            .iter()
            .filter(|(_, _, operations)| operations.contains(&operation))
            .map(|(family, size, _)| (format!("ecs {family}"), *size, 1.0))
            .collect(),
        "ec2" => {
            let is_bare = ["Filter", "MaxResults", "NextToken"].iter().all(|member| call.input[*member].is_null());
            let name = format!("ec2 {operation}");
            let request = match find(EC2_OWN) {
                Some(size) => (name, size, 1.0),
                None if is_bare && EC2_UNFILTERED.contains(&operation) => {
                    (format!("{name} unfiltered"), EC2_UNFILTERED_SIZE, 1.0)
                }
                None if call.is_read() => (name, EC2_NON_MUTATING, 1.0),
                None => (name, EC2_MUTATING, 1.0),
            };
            let instances =
                find(EC2_INSTANCES).map(|size| (format!("ec2 {operation} instances"), size, instances(call)));
            [Some(request), instances].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// How many instances a call of EC2 is about.
fn instances(call: &Call) -> f64 {
    let wanted = call.text("MaxCount").and_then(|count| count.parse().ok());
    wanted.unwrap_or_else(|| f64::from(u32::try_from(call.list("InstanceId").len()).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::sandbox::wire::Service;

    fn call(service: Service, operation: &str, input: Value, seconds: f64) -> Call {
        let now = Timestamp::UNIX_EPOCH + Duration::from_secs_f64(seconds);
        Call { service, operation: operation.into(), input, region: "us-west-2".into(), now }
    }

    /// How many calls pass at a moment.
    fn burst(buckets: &mut Buckets, service: Service, operation: &str, input: &Value, seconds: f64) -> usize {
        (0..2000).take_while(|_| buckets.take(&call(service, operation, input.clone(), seconds))).count()
    }

    #[test]
    fn a_family_of_ecs_shares_a_bucket_that_refills() {
        let mut buckets = Buckets::default();
        let nothing = json!({});
        assert_eq!(burst(&mut buckets, Service::Ecs, "RegisterTaskDefinition", &nothing, 0.0), 20);
        assert_eq!(burst(&mut buckets, Service::Ecs, "DeregisterTaskDefinition", &nothing, 0.5), 0);
        assert_eq!(burst(&mut buckets, Service::Ecs, "DeregisterTaskDefinition", &nothing, 3.0), 3);
        assert_eq!(burst(&mut buckets, Service::Ecs, "RegisterTaskDefinition", &nothing, 1000.0), 20);
        assert_eq!(burst(&mut buckets, Service::Ecs, "DescribeServices", &nothing, 0.0), 100);
        assert_eq!(burst(&mut buckets, Service::Iam, "CreateRole", &nothing, 0.0), 2000);
    }

    #[test]
    fn each_operation_of_ec2_has_its_own_and_bare_looks_a_smaller_one() {
        let mut buckets = Buckets::default();
        let ec2 = Service::Ec2;
        assert_eq!(burst(&mut buckets, ec2, "CreateSubnet", &json!({}), 0.0), 50);
        assert_eq!(burst(&mut buckets, ec2, "CreateVpc", &json!({}), 0.0), 50);
        assert_eq!(burst(&mut buckets, ec2, "DescribeInstances", &json!({}), 0.0), 50);
        let paged = json!({"MaxResults": "100"});
        assert_eq!(burst(&mut buckets, ec2, "DescribeInstances", &paged, 0.0), 100);
    }

    #[test]
    fn instances_take_tokens_too_and_a_refused_call_takes_none() {
        let mut buckets = Buckets::default();
        let many = json!({"MinCount": "1", "MaxCount": "600"});
        assert_eq!(burst(&mut buckets, Service::Ec2, "RunInstances", &many, 0.0), 1);
        let one = json!({"MinCount": "1", "MaxCount": "1"});
        assert_eq!(burst(&mut buckets, Service::Ec2, "RunInstances", &one, 0.0), 4);
    }
}
