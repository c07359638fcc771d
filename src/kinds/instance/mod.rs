//! An EC2 instance that runs ECS tasks: a container instance.
//!
//! `ecsConfig` becomes `/etc/ecs/ecs.config`; the user data that writes the file is made from it, always the same from
//! the same spec. Live user data of that form is read back into `ecsConfig`, so that a difference shows by key.
//!
//! `DescribeInstances` tells neither user data nor volumes, and a public address only while there is one. What was
//! declared of them has its digest in a tag. While the digests agree, user data are read only of an instance that was
//! stopped since its launch, which is what changing them takes. Volumes and credits are read for all instances in one
//! call, where they are declared. Three attributes cost a call each (`remembered.rs`). An image that is given by
//! parameter (`resolve:ssm:…`) is remembered in a tag too: a newer image behind the parameter replaces nothing by
//! itself, another parameter does. To take the newest image, change anything that replaces, or delete the instance.
//!
//! cloud-init runs once, and the agent refuses to come back with another instance type ("Container instance type
//! changes are not supported"), so both need a new instance. Stopping, for what can only be changed then, and deleting
//! drain the container instance first and wait for its tasks.

pub(super) mod agent;
mod calls;
mod capacity;
mod lower;
mod read;
mod remembered;
mod spec;
mod update;
mod user_data;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::spec::{
    AgentValue, BlockDevice, CpuCredits, CreditSpecification, Ebs, HttpTokens, InstanceSpec, MetadataOptions,
    Placement, ShutdownBehavior, Tenancy, Toggle,
};
use super::{About, Changed, Found, Kind, Others, Place, Progress, Scope, Target, Together, of_kind};
use crate::address::Address;
use crate::aws::{Aws, Fault};
use crate::manifest::references::whole;

/// Bytes of user data, before base64.
pub(crate) const USER_DATA_SIZE: usize = 16_384;

/// The bytes of the user data that are made from a declared spec; 0 for what cannot be read.
pub(crate) fn user_data_size(spec: &Value) -> usize {
    let Ok(mut spec) = serde_json::from_value::<InstanceSpec>(spec.clone()) else { return 0 };
    spec.normalise();
    spec.script().map_or(0, |text| text.len())
}

/// The tag that remembers the parameter that an image was given by.
const IMAGE_TAG: &str = "farpost/image";

#[derive(Debug)]
pub struct Instance;

impl Kind for Instance {
    type Spec = InstanceSpec;

    const ABOUT: About = About {
        kind: "Instance",
        summary: "An EC2 instance, in the Region or on an Outpost, that joins a cluster and runs its tasks.",
        id_prefix: Some("i-"),
        attributes: &[
            ("id", "The id: i-…"),
            ("arn", "The ARN"),
            ("privateIpAddress", "The private IPv4 address"),
            ("publicIpAddress", "The public IPv4 address, while it has one"),
            ("containerInstanceArn", "The ARN in ECS, once it has registered"),
        ],
        replace: &[
            "imageId",
            "instanceType",
            "subnetId",
            "keyName",
            "ecsConfig",
            "userData",
            "associatePublicIpAddress",
            "privateIpAddress",
            "placement",
            "blockDeviceMappings",
        ],
        unmanaged: &[
            "securityGroupIds",
            "associatePublicIpAddress",
            "privateIpAddress",
            "metadataOptions",
            "blockDeviceMappings",
            "ebsOptimized",
            "creditSpecification",
            "placement.availabilityZone",
            "placement.hostId",
        ],
        tagged_as: Some("ec2:instance"),
        calls: &[
            "ec2:RunInstances",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeSubnets",
            "ec2:DescribeInstanceAttribute",
            "ec2:DescribeInstanceCreditSpecifications",
            "ec2:DescribeVolumes",
            "ec2:DescribeIamInstanceProfileAssociations",
            "ec2:AssociateIamInstanceProfile",
            "ec2:ReplaceIamInstanceProfileAssociation",
            "ec2:DisassociateIamInstanceProfile",
            "ec2:ModifyInstanceAttribute",
            "ec2:ModifyNetworkInterfaceAttribute",
            "ec2:ModifyInstanceMetadataOptions",
            "ec2:ModifyInstanceCreditSpecification",
            "ec2:MonitorInstances",
            "ec2:UnmonitorInstances",
            "ec2:StopInstances",
            "ec2:StartInstances",
            "ec2:TerminateInstances",
            "ec2:CreateTags",
            "ec2:DeleteTags",
            "ecs:ListContainerInstances",
            "ecs:DescribeContainerInstances",
            "ecs:UpdateContainerInstancesState",
            "ecs:DeregisterContainerInstance",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
        ],
        permissions: &["iam:PassRole", "ssm:GetParameters"],
        patience_minutes: 20,
        ..About::DEFAULT
    };

    fn normalise(spec: &mut InstanceSpec, _: &Place) {
        spec.normalise();
    }

    fn copies(spec: &InstanceSpec) -> usize {
        spec.count.map_or(1, |count| usize::from(count.max(1)))
    }

    /// Without the routes of its subnet the agent reaches nobody; without its cluster it registers nowhere.
    fn runtime_needs(spec: &InstanceSpec, others: &BTreeMap<Address, Value>) -> Vec<Address> {
        let lists = |other: &Value| {
            let subnets = other["subnetIds"].as_array();
            subnets.is_some_and(|ids| ids.iter().any(|id| *id == *spec.subnet_id))
        };
        // A subnet in no list follows the main table of its VPC.
        let is_listed = of_kind(others, "RouteTable").any(|(_, other)| lists(other));
        let declared = whole(&spec.subnet_id).map(|reference| Address::from(&reference));
        let is_subnet =
            |address: &Address, other: &Value| Some(address) == declared.as_ref() || other["id"] == *spec.subnet_id;
        let subnet = of_kind(others, "Subnet").find(|(address, other)| is_subnet(address, other));
        let vpc = subnet.filter(|_| !is_listed).map(|(_, subnet)| &subnet["vpcId"]);
        let routes = |other: &Value| lists(other) || (other["main"] == true && vpc == Some(&other["vpcId"]));
        let registers_in = |address: &Address, other: &Value| {
            let name = other["clusterName"].as_str().unwrap_or(&address.name);
            spec.cluster().is_some_and(|cluster| cluster == name)
        };
        let tables = of_kind(others, "RouteTable").filter(|(_, other)| routes(other));
        let clusters = of_kind(others, "Cluster").filter(|(address, other)| registers_in(address, other));
        clusters.chain(tables).map(|(address, _)| address.clone()).collect()
    }

    fn together(old: &Found<InstanceSpec>, new: &InstanceSpec, others: &Others<'_>) -> Together {
        let address = new.private_ip_address.as_ref().filter(|address| {
            old.spec.private_ip_address.as_ref() == Some(*address) && old.spec.subnet_id == new.subnet_id
        });
        match address {
            Some(address) => Together::No(format!("the old one has the address {address}")),
            None => Together::IfRoom { scarce: others.is_on_outpost(&new.subnet_id) },
        }
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<InstanceSpec>>, Fault> {
        read::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<InstanceSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<InstanceSpec>,
        live: &Found<InstanceSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        update::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<InstanceSpec>) -> Result<Progress, Fault> {
        calls::delete(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<InstanceSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ec2::retag(aws, &live.id, set, remove).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_instance_needs_its_routes_and_its_cluster() {
        let spec: InstanceSpec = serde_json::from_value(json!({
            "imageId": "ami-0123456789abcdef0", "instanceType": "c5.large", "subnetId": "${Subnet.floor.id}",
            "ecsConfig": {"ECS_CLUSTER": "edge"}
        }))
        .unwrap();
        let others = BTreeMap::from([
            (Address::new("RouteTable", "out"), json!({"subnetIds": ["${Subnet.floor.id}"]})),
            (Address::new("RouteTable", "other"), json!({"subnetIds": ["${Subnet.roof.id}"]})),
            (Address::new("Cluster", "edge"), json!({})),
            (Address::new("Cluster", "named"), json!({"clusterName": "edge"})),
            (Address::new("Cluster", "west"), json!({})),
        ]);
        let needs: Vec<String> = Instance::runtime_needs(&spec, &others).iter().map(Address::to_string).collect();
        assert_eq!(needs, ["Cluster/edge", "Cluster/named", "RouteTable/out"]);
        // Without a table of its own it is the VPC's main one.
        let others = BTreeMap::from([
            (Address::new("Subnet", "floor"), json!({"vpcId": "${Vpc.a.id}"})),
            (Address::new("RouteTable", "main"), json!({"vpcId": "${Vpc.a.id}", "main": true})),
            (Address::new("RouteTable", "elsewhere"), json!({"vpcId": "${Vpc.b.id}", "main": true})),
        ]);
        assert_eq!(Instance::runtime_needs(&spec, &others), [Address::new("RouteTable", "main")]);
        // So it is among live objects, which know each other by id.
        let spec = InstanceSpec { subnet_id: "subnet-1".to_owned(), ..spec };
        let others = BTreeMap::from([
            (Address::new("Subnet", "floor"), json!({"id": "subnet-1", "vpcId": "vpc-1"})),
            (Address::new("Subnet", "roof"), json!({"id": "subnet-2", "vpcId": "vpc-2"})),
            (Address::new("RouteTable", "main"), json!({"id": "rtb-1", "vpcId": "vpc-1", "main": true})),
            (Address::new("RouteTable", "elsewhere"), json!({"id": "rtb-2", "vpcId": "vpc-2", "main": true})),
        ]);
        assert_eq!(Instance::runtime_needs(&spec, &others), [Address::new("RouteTable", "main")]);
    }
}
