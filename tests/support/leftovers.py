"""Prints everything that carries a stack's tag: leftovers.py ENDPOINT STACK"""

import sys

import boto3
import botocore.exceptions

endpoint, stack = sys.argv[1:]


def client(service):
    return boto3.client(service, endpoint_url=endpoint)


def is_ours(tags):
    pairs = {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags or []}
    return pairs.get("farpost/stack") == stack


def unless_unknown(call, member):
    """What a call lists; nothing where the server does not know it (moto and activations)."""
    try:
        return call()[member]
    except botocore.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 501) or "not implemented" in str(error):
            return []
        raise


def left():
    ec2, iam, ecs, logs = client("ec2"), client("iam"), client("ecs"), client("logs")
    for operation, member, name in [
        ("describe_vpcs", "Vpcs", "VpcId"),
        ("describe_subnets", "Subnets", "SubnetId"),
        ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("describe_route_tables", "RouteTables", "RouteTableId"),
        ("describe_security_groups", "SecurityGroups", "GroupId"),
        ("describe_key_pairs", "KeyPairs", "KeyName"),
    ]:
        for found in getattr(ec2, operation)()[member]:
            if is_ours(found.get("Tags")):
                yield found[name]
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if is_ours(instance.get("Tags")) and instance["State"]["Name"] != "terminated":
                yield instance["InstanceId"]
    for role in iam.list_roles()["Roles"]:
        if is_ours(iam.list_role_tags(RoleName=role["RoleName"])["Tags"]):
            yield role["Arn"]
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        found = iam.get_instance_profile(InstanceProfileName=profile["InstanceProfileName"])["InstanceProfile"]
        if is_ours(found.get("Tags")):
            yield profile["Arn"]
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            arn = group["arn"].removesuffix(":*")
            if is_ours([{"key": key, "value": value} for key, value in logs.list_tags_for_resource(resourceArn=arn)["tags"].items()]):
                yield arn
    ssm, secrets = client("ssm"), client("secretsmanager")
    for found in unless_unknown(ssm.describe_activations, "ActivationList"):
        if is_ours(found.get("Tags")):
            yield found["ActivationId"]
    for found in unless_unknown(ssm.describe_instance_information, "InstanceInformationList"):
        node = found["InstanceId"]
        if is_ours(ssm.list_tags_for_resource(ResourceType="ManagedInstance", ResourceId=node)["TagList"]):
            yield node
    for found in unless_unknown(ssm.describe_parameters, "Parameters"):
        name = found["Name"]
        if is_ours(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]):
            yield name
    for found in unless_unknown(secrets.list_secrets, "SecretList"):
        if is_ours(found.get("Tags")):
            yield found["ARN"]
    for cluster in ecs.list_clusters()["clusterArns"]:
        found = ecs.describe_clusters(clusters=[cluster], include=["TAGS"])["clusters"][0]
        if is_ours(found["tags"]) and found["status"] != "INACTIVE":
            yield cluster
        for host in ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]:
            yield host
        for service in ecs.list_services(cluster=cluster)["serviceArns"]:
            yield service
        for task in ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"]:
            yield task
    for definition in ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]:
        if is_ours(ecs.describe_task_definition(taskDefinition=definition, include=["TAGS"])["tags"]):
            yield definition


for name in left():
    print(name)
