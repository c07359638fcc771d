"""What hands other than farpost's do on moto: hands.py ENDPOINT agents|everything|meddle|delete-key

agents       plays the ECS agents, which moto lacks, until it is ended
everything   prints what there is in the account, a line each
meddle       changes objects of the stack, as drift
delete-key   deletes the key pair by its name
"""

import base64
import json
import sys
import time

import boto3

endpoint, what = sys.argv[1:]
ec2, ecs, iam = (boto3.client(service, endpoint_url=endpoint) for service in ("ec2", "ecs", "iam"))
CLUSTER = "edge"


def instances():
    for reservation in ec2.describe_instances()["Reservations"]:
        yield from reservation["Instances"]


def container_instances():
    """By EC2 instance, what is registered in the cluster."""
    arns = ecs.list_container_instances(cluster=CLUSTER)["containerInstanceArns"]
    if not arns:
        return {}
    found = ecs.describe_container_instances(cluster=CLUSTER, containerInstances=arns)["containerInstances"]
    return {one["ec2InstanceId"]: one["containerInstanceArn"] for one in found}


def is_told_to_join(instance):
    data = ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"].get("Value", "")
    return f"ECS_CLUSTER={CLUSTER}" in base64.b64decode(data).decode().splitlines()


def agents():
    joined = set()
    while True:
        running = {one["InstanceId"] for one in instances() if one["State"]["Name"] == "running"}
        for id in running - joined:
            if is_told_to_join(id):
                document = json.dumps({"instanceId": id, "region": "us-west-2", "accountId": "123456789012"})
                ecs.register_container_instance(cluster=CLUSTER, instanceIdentityDocument=document)
            joined.add(id)
        # As AWS does it when a running instance is terminated.
        for id in joined - running:
            gone = container_instances().get(id)
            if gone:
                ecs.deregister_container_instance(cluster=CLUSTER, containerInstance=gone, force=True)
            joined.discard(id)
        time.sleep(0.2)


def everything():
    # Network interfaces are left out: moto keeps those of terminated instances.
    for operation, member, name in [
        ("describe_vpcs", "Vpcs", "VpcId"),
        ("describe_subnets", "Subnets", "SubnetId"),
        ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("describe_route_tables", "RouteTables", "RouteTableId"),
        ("describe_security_groups", "SecurityGroups", "GroupId"),
        ("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"),
        ("describe_key_pairs", "KeyPairs", "KeyName"),
        ("describe_volumes", "Volumes", "VolumeId"),
        ("describe_addresses", "Addresses", "AllocationId"),
    ]:
        for found in getattr(ec2, operation)()[member]:
            yield found[name]
    for instance in instances():
        if instance["State"]["Name"] != "terminated":
            yield instance["InstanceId"]
    for role in iam.list_roles()["Roles"]:
        yield role["Arn"]
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        yield profile["Arn"]
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        yield policy["Arn"]
    # What was deleted stays listed as inactive.
    for cluster in ecs.list_clusters()["clusterArns"]:
        if ecs.describe_clusters(clusters=[cluster])["clusters"][0]["status"] != "INACTIVE":
            yield cluster
            yield from ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
            yield from ecs.list_tasks(cluster=cluster)["taskArns"]
            for service in ecs.list_services(cluster=cluster)["serviceArns"]:
                if ecs.describe_services(cluster=cluster, services=[service])["services"][0]["status"] != "INACTIVE":
                    yield service
    yield from ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]


def tagged(operation, member, name):
    """The object of the stack that is declared by this name."""
    filters = [{"Name": "tag:farpost/resource", "Values": [name]}]
    return getattr(ec2, operation)(Filters=filters)[member][0]


def meddle():
    """What tests/moto/mod.rs expects to be mended; the stack has its second form."""
    vpc = tagged("describe_vpcs", "Vpcs", "Vpc/edge")["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "environment", "Value": "somebody's"}])
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    subnet = tagged("describe_subnets", "Subnets", "Subnet/floor")["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})
    table = tagged("describe_route_tables", "RouteTables", "RouteTable/floor")
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    gateway = tagged("describe_internet_gateways", "InternetGateways", "InternetGateway/edge")["InternetGatewayId"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="198.51.100.0/24", GatewayId=gateway)
    ec2.disassociate_route_table(AssociationId=table["Associations"][0]["RouteTableAssociationId"])
    hosts = tagged("describe_security_groups", "SecurityGroups", "SecurityGroup/hosts")["GroupId"]
    world = {"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=hosts, IpPermissions=[world])
    store = tagged("describe_security_groups", "SecurityGroups", "SecurityGroup/store")
    ec2.revoke_security_group_ingress(GroupId=store["GroupId"], IpPermissions=store["IpPermissions"])
    iam.delete_role_policy(RoleName="hosts", PolicyName="logs")
    iam.attach_role_policy(RoleName="web", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    ecs.deregister_task_definition(taskDefinition="check:2")
    ecs.update_service(cluster=CLUSTER, service="web", desiredCount=0)
    ecs.update_cluster(cluster=CLUSTER, settings=[{"name": "containerInsights", "value": "enhanced"}])
    ec2.delete_key_pair(KeyName="hosts")
    filters = [{"Name": "tag:farpost/resource", "Values": ["Instance/host"]}]
    found = ec2.describe_instances(Filters=filters)["Reservations"]
    live = [one for some in found for one in some["Instances"] if one["State"]["Name"] == "running"]
    ec2.terminate_instances(InstanceIds=[live[0]["InstanceId"]])


def delete_key():
    ec2.delete_key_pair(KeyName="hosts")


if what == "agents":
    agents()
elif what == "everything":
    print(*everything(), sep="\n")
elif what == "meddle":
    meddle()
else:
    delete_key()
