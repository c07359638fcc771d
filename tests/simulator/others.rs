//! What somebody else has put in the way of a stack, for a while.

use aws_sdk_ec2::types::{Filter, InstanceType, IpPermission, ResourceType, Tag, TagSpecification, UserIdGroupPair};
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, LaunchType, NetworkConfiguration, NetworkMode,
};
use farpost::aws::Aws;
use farpost::sandbox::world::World;

use super::stacks::Stack;

/// Something that is in the way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Obstacle {
    /// In the stack's network a task, and a rule that names the stack's security group; in its cluster a service.
    Guests,
    /// A security group in the stack's VPC.
    Neighbour,
    /// Instances in every slot of the Outpost.
    FullOutpost,
}

const GUEST: &str = "guest";

impl Obstacle {
    pub(crate) async fn put(self, aws: &Aws) {
        match self {
            Self::Guests => guests(aws).await,
            Self::Neighbour => {
                neighbour(aws).await;
            }
            Self::FullOutpost => full_outpost(aws).await,
        }
    }

    pub(crate) async fn take_away(self, aws: &Aws) {
        match self {
            Self::Guests => {
                for cluster in [GUEST, "edge"] {
                    aws.ecs().delete_service().cluster(cluster).service(GUEST).force(true).send().await.unwrap();
                }
                no_neighbour(aws).await;
            }
            Self::Neighbour => no_neighbour(aws).await,
            Self::FullOutpost => {
                let ids = aws.ec2().describe_instances().filters(filter("tag:Name", GUEST)).send().await.unwrap();
                let ids = ids.reservations().iter().flat_map(|reservation| reservation.instances());
                let ids = ids.filter_map(|one| one.instance_id().map(str::to_owned)).collect();
                aws.ec2().terminate_instances().set_instance_ids(Some(ids)).send().await.unwrap();
            }
        }
    }
}

/// A network and a cluster with nothing in them.
pub(crate) fn empty_network() -> Stack {
    Stack::text(
        r#"apiVersion: farpost/v1
kind: Stack
metadata: {name: network}
spec: {account: "123456789012", region: us-west-2}
---
apiVersion: farpost/v1
kind: Vpc
metadata: {name: net}
spec: {cidrBlock: 10.0.0.0/16}
---
apiVersion: farpost/v1
kind: Subnet
metadata: {name: floor}
spec: {vpcId: "${Vpc.net}", cidrBlock: 10.0.1.0/24, availabilityZone: us-west-2a}
---
apiVersion: farpost/v1
kind: SecurityGroup
metadata: {name: tills}
spec: {vpcId: "${Vpc.net}", description: Tills}
---
apiVersion: farpost/v1
kind: Cluster
metadata: {name: edge}
spec: {}
"#
        .to_owned(),
    )
}

/// A host on an Outpost.
pub(crate) fn one_host() -> Stack {
    Stack::text(
        r#"apiVersion: farpost/v1
kind: Stack
metadata: {name: host}
spec: {account: "123456789012", region: us-west-2}
---
apiVersion: farpost/v1
kind: Vpc
metadata: {name: net}
spec: {cidrBlock: 10.0.0.0/16}
---
apiVersion: farpost/v1
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: ${Vpc.net}
  cidrBlock: 10.0.1.0/24
  outpostArn: arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: usw2-az1
---
apiVersion: farpost/v1
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {volumeType: gp2, volumeSize: 30, encrypted: true}}]
"#
        .to_owned(),
    )
}

/// A code that is kept in a secret.
pub(crate) fn secret_code() -> Stack {
    Stack::example("kinds/activation.yaml").edit("parameter: /branch-17/activation-code", "secret: branch-17/code")
}

/// The secret as somebody leaves it who takes it for useless.
pub(crate) async fn delete_secret(aws: &Aws) {
    aws.secrets().delete_secret().secret_id("branch-17/code").send().await.unwrap();
}

async fn guests(aws: &Aws) {
    let subnets = aws.ec2().describe_subnets().filters(ours("Subnet/floor")).send().await.unwrap();
    let subnet = subnets.subnets()[0].subnet_id().unwrap();
    let groups = aws.ec2().describe_security_groups().filters(ours("SecurityGroup/tills")).send().await.unwrap();
    let group = groups.security_groups()[0].group_id().unwrap();
    let from = UserIdGroupPair::builder().group_id(group).build();
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(80).to_port(80).user_id_group_pairs(from).build();
    let guest = neighbour(aws).await;
    aws.ec2().authorize_security_group_ingress().group_id(&guest).ip_permissions(rule).send().await.unwrap();

    aws.ecs().create_cluster().cluster_name(GUEST).send().await.unwrap();
    let container = ContainerDefinition::builder().name(GUEST).image("nginx").build();
    let define = aws.ecs().register_task_definition().family(GUEST).container_definitions(container);
    let define = define.network_mode(NetworkMode::Awsvpc).requires_compatibilities(Compatibility::Fargate);
    define.cpu("256").memory("512").send().await.unwrap();
    let network = AwsVpcConfiguration::builder().subnets(subnet).security_groups(group).build().unwrap();
    let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
    for (cluster, count) in [(GUEST, 1), ("edge", 0)] {
        let call = aws.ecs().create_service().cluster(cluster).service_name(GUEST).task_definition(GUEST);
        let call = call.desired_count(count).launch_type(LaunchType::Fargate).network_configuration(network.clone());
        call.send().await.unwrap();
    }
}

/// The id of a security group in the stack's VPC.
async fn neighbour(aws: &Aws) -> String {
    let vpcs = aws.ec2().describe_vpcs().filters(ours("Vpc/net")).send().await.unwrap();
    let call = aws.ec2().create_security_group().vpc_id(vpcs.vpcs()[0].vpc_id().unwrap());
    call.group_name(GUEST).description(GUEST).send().await.unwrap().group_id.unwrap()
}

async fn no_neighbour(aws: &Aws) {
    let groups = aws.ec2().describe_security_groups().filters(filter("group-name", GUEST)).send().await.unwrap();
    let group = groups.security_groups()[0].group_id().unwrap();
    aws.ec2().delete_security_group().group_id(group).send().await.unwrap();
}

async fn full_outpost(aws: &Aws) {
    let outpost = &World::default().outposts[0];
    let vpc = aws.ec2().create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap().vpc.unwrap();
    let call = aws.ec2().create_subnet().vpc_id(vpc.vpc_id().unwrap()).cidr_block("10.9.1.0/24");
    let call = call.availability_zone_id(&outpost.availability_zone_id).outpost_arn(&outpost.arn);
    let subnet = call.send().await.unwrap().subnet.unwrap();
    let name = TagSpecification::builder().resource_type(ResourceType::Instance);
    let name = name.tags(Tag::builder().key("Name").value(GUEST).build()).build();
    for (kind, count) in &outpost.slots {
        let count = i32::try_from(*count).unwrap();
        let call = aws.ec2().run_instances().instance_type(InstanceType::from(kind.as_str()));
        let call = call.image_id(&World::default().images[0].id).subnet_id(subnet.subnet_id().unwrap());
        call.min_count(count).max_count(count).tag_specifications(name.clone()).send().await.unwrap();
    }
}

fn ours(resource: &str) -> Filter {
    filter("tag:farpost/resource", resource)
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}
