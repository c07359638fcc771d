"""ECS Anywhere: activations, managed nodes and external instances.

An admin call of the sandbox plays the vendor's installer; other answerers have none, so no machine ever registers there.
"""

import json
import re
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

from case import check
from checks_ecs import cluster, definition

TRUST = {"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}
POLICIES = ("AmazonSSMManagedInstanceCore", "service-role/AmazonEC2ContainerServiceforEC2Role")


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def role(t, what="nodes", trust=TRUST, policies=POLICIES):
    name = t.name(what)
    t.later(t.iam.delete_role, RoleName=name)
    t.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    for policy in policies:
        arn = f"arn:aws:iam::aws:policy/{policy}"
        t.later(t.iam.detach_role_policy, RoleName=name, PolicyArn=arn)
        t.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    return name


def activation(t, iam_role=None, **more):
    """An activation, as CreateActivation answers. A fresh role is not seen at once."""
    iam_role = iam_role or role(t)
    end = time.monotonic() + 5
    while True:
        try:
            made = t.ssm.create_activation(IamRole=iam_role, **more)
            break
        except t.ssm.exceptions.ClientError as failure:
            if "Nonexistent role" not in str(failure) or time.monotonic() > end:
                raise
            time.sleep(0.1)
    t.later(t.ssm.delete_activation, ActivationId=made["ActivationId"])
    return made


def admin(t, path, **body):
    """What an admin call answers: status and body."""
    request = urllib.request.Request(t.ssm.meta.endpoint_url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as failure:
        try:
            return failure.code, json.loads(failure.read())
        except ValueError:
            return failure.code, {"code": "no admin calls", "message": ""}


def install(t, made, what="till", **more):
    arguments = {
        "activationId": made["ActivationId"],
        "activationCode": made["ActivationCode"],
        "cluster": t.name("cluster"),
        "computerName": t.name(what),
    } | more
    return admin(t, "/_sandbox/hosts", **arguments)


def host(t, made=None, what="till", **more):
    """A machine in the check's cluster, which is there: what it is known as."""
    status, got = install(t, made or activation(t), what, **more)
    assert status == 200, f"{status} {got}"
    t.later(t.ssm.deregister_managed_instance, InstanceId=got["instanceId"])
    t.later(t.ecs.deregister_container_instance, cluster=t.name("cluster"), containerInstance=got["containerInstanceArn"], force=True)
    return got


def external(t, **more):
    """A task definition for external instances."""
    containers = [{"name": "c", "image": "nginx", "memory": 64}]
    return definition(t, networkMode="bridge", requiresCompatibilities=["EXTERNAL"], containerDefinitions=containers, **more)["taskDefinitionArn"]


def service(t, count=1, **more):
    arguments = {"cluster": t.name("cluster"), "serviceName": t.name("s"), "taskDefinition": external(t), "launchType": "EXTERNAL", "desiredCount": count}
    t.later(t.ecs.delete_service, cluster=t.name("cluster"), service=t.name("s"), force=True)
    return t.ecs.create_service(**arguments | more)["service"]


def seen(t):
    return t.ecs.describe_services(cluster=t.name("cluster"), services=[t.name("s")])["services"][0]


def instance(t, got):
    return t.ecs.describe_container_instances(cluster=t.name("cluster"), containerInstances=[got["containerInstanceArn"]])["containerInstances"][0]


def node(t, got):
    found = t.ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [got["instanceId"]]}])
    return found["InstanceInformationList"][0]


def serving(t, **more):
    """A host and a service of one task on it, which runs."""
    cluster(t)
    got = host(t)
    service(t, **more)
    t.until(lambda: seen(t)["runningCount"] == 1, "a running task")
    return got


@check("ssm.activation.create")
def _(t):
    made = activation(t, Description="d", DefaultInstanceName="till", RegistrationLimit=3, Tags=tags(a="1"))
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["ActivationId"]), made
    assert 20 <= len(made["ActivationCode"]) <= 250, made
    mine = [{"FilterKey": "ActivationIds", "FilterValues": [made["ActivationId"]]}]
    got = t.ssm.describe_activations(Filters=mine)["ActivationList"]
    wanted = {"ActivationId": made["ActivationId"], "Description": "d", "DefaultInstanceName": "till", "IamRole": t.name("nodes"), "RegistrationLimit": 3, "RegistrationsCount": 0, "Expired": False, "Tags": tags(a="1")}
    t.has(got, [wanted])
    life = got[0]["ExpirationDate"] - got[0]["CreatedDate"]
    assert abs(life - timedelta(days=1)) < timedelta(seconds=5), f"a life of {life} by default"
    assert "ActivationCode" not in got[0], "the code is shown once"


@check("ssm.activation.needs-a-role")
def _(t):
    other = role(t, "tasks", TRUST | {"Principal": {"Service": "ecs-tasks.amazonaws.com"}}, ())
    for name in (t.name("none"), other):
        t.fails("ValidationException", t.ssm.create_activation, status=400, message="Nonexistent role or missing ssm service principal", IamRole=name)


@check("ssm.activation.limits")
def _(t):
    name = role(t)
    now = datetime.now(timezone.utc)
    for more in (
        {"RegistrationLimit": 0},
        {"RegistrationLimit": 1001},
        {"ExpirationDate": now - timedelta(hours=1)},
        {"ExpirationDate": now + timedelta(days=31)},
        {"Tags": tags(**{"aws:x": "1"})},
    ):
        t.fails(("ValidationException", "InvalidParameters"), t.raw("ssm").create_activation, status=400, IamRole=name, **more)


@check("ssm.activation.filters")
def _(t):
    name = role(t)
    one = activation(t, name, DefaultInstanceName=t.name("one"))["ActivationId"]
    activation(t, name, DefaultInstanceName=t.name("two"))

    def ids(*filters):
        filters = [{"FilterKey": key, "FilterValues": values} for key, values in filters]
        return [each["ActivationId"] for each in t.ssm.describe_activations(Filters=filters)["ActivationList"]]

    t.eq(ids(("DefaultInstanceName", [t.name("one")])), [one])
    t.eq(len(ids(("IamRole", [name]))), 2, "by role")
    t.eq(ids(("IamRole", [name]), ("ActivationIds", [one])), [one], "joined")
    t.fails(("InvalidFilter", "ValidationException"), t.raw("ssm").describe_activations, Filters=[{"FilterKey": "Colour", "FilterValues": ["x"]}])


@check("ssm.activation.pages")
def _(t):
    name = role(t)
    made = sorted(activation(t, name)["ActivationId"] for _number in range(3))
    mine = [{"FilterKey": "IamRole", "FilterValues": [name]}]
    first = t.ssm.describe_activations(Filters=mine, MaxResults=2)
    rest = t.ssm.describe_activations(Filters=mine, MaxResults=2, NextToken=first["NextToken"])
    t.eq(sorted(one["ActivationId"] for page in (first, rest) for one in page["ActivationList"]), made)


@check("ssm.activation.delete")
def _(t):
    id = activation(t)["ActivationId"]
    t.ssm.delete_activation(ActivationId=id)
    t.fails(("InvalidActivation", "InvalidActivationId"), t.ssm.delete_activation, status=400, ActivationId=id)
    t.fails(("InvalidActivationId", "ValidationException"), t.ssm.delete_activation, ActivationId="nonsense")


@check("ssm.activation.not-in-the-tagging-service")
def _(t):
    activation(t, Tags=tags(**{t.name("key"): "a"}))
    t.eq(t.tagging.get_resources(TagFilters=[{"Key": t.name("key")}])["ResourceTagMappingList"], [])


@check("ssm.node.registers")
def _(t):
    cluster(t)
    made = activation(t, DefaultInstanceName="till", Tags=tags(site="oslo"))
    got = host(t, made, operatingSystem="ubuntu-22.04", ipAddress="192.0.2.7")
    assert re.fullmatch("mi-[0-9a-f]{17}", got["instanceId"]), got
    wanted = {"InstanceId": got["instanceId"], "PingStatus": "Online", "PlatformType": "Linux", "PlatformName": "Ubuntu", "PlatformVersion": "22.04", "ActivationId": made["ActivationId"], "IamRole": t.name("nodes"), "ResourceType": "ManagedInstance", "Name": "till", "IPAddress": "192.0.2.7", "ComputerName": t.name("till")}
    t.has(node(t, got), wanted)
    resource = {"ResourceType": "ManagedInstance", "ResourceId": got["instanceId"]}
    t.eq(t.ssm.list_tags_for_resource(**resource)["TagList"], tags(site="oslo"), "the activation's tags")
    mine = [{"FilterKey": "ActivationIds", "FilterValues": [made["ActivationId"]]}]
    t.eq(t.ssm.describe_activations(Filters=mine)["ActivationList"][0]["RegistrationsCount"], 1)


@check("ssm.node.filters")
def _(t):
    cluster(t)
    made = activation(t, RegistrationLimit=2, Tags=tags(**{t.name("key"): "a"}))
    one, two = host(t, made, "one"), host(t, made, "two")
    t.ssm.add_tags_to_resource(ResourceType="ManagedInstance", ResourceId=two["instanceId"], Tags=tags(**{t.name("more"): "b"}))

    def ids(**more):
        return sorted(each["InstanceId"] for each in t.ssm.describe_instance_information(**more)["InstanceInformationList"])

    both = sorted([one["instanceId"], two["instanceId"]])
    t.eq(ids(Filters=[{"Key": "ActivationIds", "Values": [made["ActivationId"]]}]), both, "ActivationIds")
    t.eq(ids(Filters=[{"Key": "tag:" + t.name("key"), "Values": ["a"]}]), both, "tag")
    t.eq(ids(Filters=[{"Key": "tag-key", "Values": [t.name("more")]}]), [two["instanceId"]], "tag-key")
    t.eq(ids(Filters=[{"Key": "ResourceType", "Values": ["EC2Instance"]}, {"Key": "IamRole", "Values": [t.name("nodes")]}]), [], "joined")
    t.eq(ids(InstanceInformationFilterList=[{"key": "InstanceIds", "valueSet": [one["instanceId"]]}]), [one["instanceId"]], "the old list")


@check("ssm.node.bad-filters")
def _(t):
    ask = t.raw("ssm").describe_instance_information
    t.fails(("InvalidFilterKey", "ValidationException"), ask, Filters=[{"Key": "Colour", "Values": ["x"]}])
    t.fails("ValidationException", ask, MaxResults=4)


@check("ssm.node.pages")
def _(t):
    cluster(t)
    made = activation(t, RegistrationLimit=6)
    ids = sorted(host(t, made, f"h{number}")["instanceId"] for number in range(6))
    mine = [{"Key": "ActivationIds", "Values": [made["ActivationId"]]}]
    first = t.ssm.describe_instance_information(Filters=mine, MaxResults=5)
    rest = t.ssm.describe_instance_information(Filters=mine, MaxResults=5, NextToken=first["NextToken"])
    t.eq(sorted(one["InstanceId"] for page in (first, rest) for one in page["InstanceInformationList"]), ids)


@check("ssm.node.role")
def _(t):
    cluster(t)
    got = host(t)
    other = role(t, "other")

    def change():
        try:
            t.ssm.update_managed_instance_role(InstanceId=got["instanceId"], IamRole=other)
            return True
        except t.ssm.exceptions.ClientError as failure:
            assert "Nonexistent role" in str(failure), failure

    t.until(change, "the role")
    t.eq(node(t, got)["IamRole"], other)
    t.fails("ValidationException", t.ssm.update_managed_instance_role, InstanceId=got["instanceId"], IamRole=t.name("none"))


@check("ssm.node.missing")
def _(t):
    missing = "mi-00000000000000000"
    t.fails("InvalidInstanceId", t.ssm.deregister_managed_instance, status=400, InstanceId=missing)
    t.fails("InvalidInstanceId", t.ssm.update_managed_instance_role, status=400, InstanceId=missing, IamRole=role(t))
    t.fails("InvalidResourceId", t.ssm.list_tags_for_resource, ResourceType="ManagedInstance", ResourceId=missing)


@check("ssm.node.deregister")
def _(t):
    cluster(t)
    got = host(t)
    t.ssm.deregister_managed_instance(InstanceId=got["instanceId"])
    t.fails("InvalidInstanceId", t.ssm.deregister_managed_instance, InstanceId=got["instanceId"])
    t.eq(instance(t, got)["agentConnected"], False, "agentConnected")


@check("ssm.node.tagging-service")
def _(t):
    cluster(t)
    got = host(t, activation(t, Tags=tags(**{t.name("key"): "a"})), tags={t.name("key"): "b"})
    account = t.sts.get_caller_identity()["Account"]
    found = t.tagging.get_resources(TagFilters=[{"Key": t.name("key")}])["ResourceTagMappingList"]
    of_ssm = f"arn:aws:ssm:us-west-2:{account}:managed-instance/{got['instanceId']}"
    t.eq(sorted(one["ResourceARN"] for one in found), sorted([of_ssm, got["containerInstanceArn"]]))
    for type, arn in (("ssm:managed-instance", of_ssm), ("ecs:container-instance", got["containerInstanceArn"])):
        found = t.tagging.get_resources(TagFilters=[{"Key": t.name("key")}], ResourceTypeFilters=[type])
        t.eq([one["ResourceARN"] for one in found["ResourceTagMappingList"]], [arn], type)


@check("ecs.external.registers")
def _(t):
    cluster(t)
    got = host(t, architecture="arm64", attributes={"site": "oslo"}, tags={"a": "1"}, cpu=4096, memory=7000)
    seen = t.ecs.describe_container_instances(cluster=t.name("cluster"), containerInstances=[got["containerInstanceArn"]], include=["TAGS"])["containerInstances"][0]
    t.has(seen, {"ec2InstanceId": got["instanceId"], "status": "ACTIVE", "agentConnected": True, "tags": [{"key": "a", "value": "1"}]})
    held = {one["name"]: one.get("value") for one in seen["attributes"]}
    t.has(held, {"ecs.capability.external": None, "ecs.os-type": "linux", "ecs.os-family": "LINUX", "ecs.cpu-architecture": "arm64", "site": "oslo"})
    for name in ("ecs.availability-zone", "ecs.instance-type", "ecs.ami-id", "ecs.vpc-id", "ecs.subnet-id", "ecs.capability.task-eni"):
        assert name not in held, f"{name} on an external instance"
    sizes = {one["name"]: one["integerValue"] for one in seen["registeredResources"] if one["type"] == "INTEGER"}
    t.eq(sizes, {"CPU": 4096, "MEMORY": 7000})
    listed = t.ecs.list_container_instances(cluster=t.name("cluster"), filter="attribute:ecs.capability.external exists")
    t.eq(listed["containerInstanceArns"], [got["containerInstanceArn"]])


@check("ecs.external.wrong-codes")
def _(t):
    cluster(t)
    made = activation(t)

    def refused(**more):
        status, got = install(t, made, **more)
        return status, got["code"]

    t.eq(refused(activationId="nonsense"), (400, "InvalidActivationId"))
    t.eq(refused(activationCode="x" * 20), (400, "InvalidActivation"))
    host(t, made)
    t.eq(refused(what="other"), (400, "RegistrationLimitExceeded"), "exhausted")
    t.ssm.delete_activation(ActivationId=made["ActivationId"])
    t.eq(refused(what="other"), (400, "InvalidActivation"), "deleted")
    made = activation(t, t.name("nodes"), ExpirationDate=datetime.now(timezone.utc) + timedelta(seconds=1))
    time.sleep(1.2)
    t.eq(refused(what="other"), (400, "ActivationExpired"), "expired")


@check("ecs.external.no-cluster")
def _(t):
    status, got = install(t, activation(t), cluster=t.name("none"))
    t.eq((status, got["code"]), (400, "ClientException"))


@check("ecs.external.one-cluster")
def _(t):
    cluster(t)
    cluster(t, "y")
    made = activation(t, RegistrationLimit=2)
    got = host(t, made)
    status, _again = install(t, made, cluster=t.name("y"))
    assert status == 409, f"a host in two clusters: {status}"
    t.ecs.deregister_container_instance(cluster=t.name("cluster"), containerInstance=got["containerInstanceArn"])
    status, moved = install(t, made, cluster=t.name("y"))
    t.eq(status, 200, "after it was deregistered")
    assert moved["instanceId"] != got["instanceId"], "it is another node"
    t.ecs.deregister_container_instance(cluster=t.name("y"), containerInstance=moved["containerInstanceArn"])


@check("ecs.external.attributes-and-tags")
def _(t):
    cluster(t)
    got = host(t)
    target = {"targetType": "container-instance", "targetId": got["containerInstanceArn"]}
    t.ecs.put_attributes(cluster=t.name("cluster"), attributes=[{"name": "site", "value": "oslo"} | target])
    listed = t.ecs.list_attributes(cluster=t.name("cluster"), targetType="container-instance", attributeName="site")["attributes"]
    t.has(listed, [{"name": "site", "value": "oslo"}])
    t.ecs.tag_resource(resourceArn=got["containerInstanceArn"], tags=[{"key": "a", "value": "1"}])
    t.eq(t.ecs.list_tags_for_resource(resourceArn=got["containerInstanceArn"])["tags"], [{"key": "a", "value": "1"}])


@check("ecs.external.agent-is-not-updated")
def _(t):
    cluster(t)
    got = host(t)
    t.fails(("InvalidParameterException", "ClientException"), t.ecs.update_container_agent, cluster=t.name("cluster"), containerInstance=got["containerInstanceArn"])


@check("ecs.external.service")
def _(t):
    got = serving(t)
    t.until(lambda: seen(t)["deployments"][0]["rolloutState"] == "COMPLETED", "the end of the deployment")
    t.has(seen(t), {"launchType": "EXTERNAL", "runningCount": 1})
    task = t.ecs.list_tasks(cluster=t.name("cluster"), launchType="EXTERNAL")["taskArns"]
    t.has(t.ecs.describe_tasks(cluster=t.name("cluster"), tasks=task)["tasks"], [{"launchType": "EXTERNAL", "containerInstanceArn": got["containerInstanceArn"], "lastStatus": "RUNNING"}])


@check("ecs.external.task")
def _(t):
    cluster(t)
    got = host(t)
    ran = t.ecs.run_task(cluster=t.name("cluster"), taskDefinition=external(t), launchType="EXTERNAL")
    t.has(ran, {"failures": [], "tasks": [{"launchType": "EXTERNAL", "containerInstanceArn": got["containerInstanceArn"]}]})


@check("ecs.external.not-for-ec2-tasks")
def _(t):
    cluster(t)
    host(t)
    name = definition(t, containerDefinitions=[{"name": "c", "image": "nginx", "memory": 64}])["taskDefinitionArn"]
    try:
        got = t.ecs.run_task(cluster=t.name("cluster"), taskDefinition=name, launchType="EC2")
    except t.ecs.exceptions.InvalidParameterException as failure:
        assert "No Container Instances were found" in str(failure), failure
        return
    t.eq(got["tasks"], [], "tasks")


@check("ecs.external.refused-services")
def _(t):
    cluster(t)
    name = external(t)
    balancer = {"targetGroupArn": "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/g/0123456789abcdef", "containerName": "c", "containerPort": 80}
    for more in (
        {"loadBalancers": [balancer]},
        {"serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-west-2:123456789012:service/srv-1"}]},
        {"serviceConnectConfiguration": {"enabled": True, "namespace": "n"}},
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}},
        {"availabilityZoneRebalancing": "ENABLED"},
        {"platformVersion": "LATEST"},
    ):
        codes = ("InvalidParameterException", "ClientException")
        t.fails(codes, t.ecs.create_service, cluster=t.name("cluster"), serviceName=t.name("s"), taskDefinition=name, launchType="EXTERNAL", desiredCount=1, **more)


@check("ecs.external.refused-definitions")
def _(t):
    plain = {"name": "c", "image": "nginx", "memory": 64}

    def refused(container=plain, **more):
        arguments = {"family": t.name("f"), "requiresCompatibilities": ["EXTERNAL"], "containerDefinitions": [container]}
        t.fails("ClientException", t.ecs.register_task_definition, **arguments | more)

    mounted = plain | {"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
    refused(networkMode="awsvpc")
    refused(mounted, volumes=[{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}])
    refused(mounted, volumes=[{"name": "v", "configuredAtLaunch": True}])
    refused(proxyConfiguration={"containerName": "c", "properties": [{"name": "AppPorts", "value": "80"}]})


@check("ecs.external.definition-of-another-mode")
def _(t):
    cluster(t)
    containers = [{"name": "c", "image": "nginx", "memory": 64}]
    name = definition(t, networkMode="awsvpc", containerDefinitions=containers)["taskDefinitionArn"]
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    codes = ("InvalidParameterException", "ClientException")
    t.fails(codes, t.ecs.create_service, cluster=t.name("cluster"), serviceName=t.name("s"), taskDefinition=name, launchType="EXTERNAL", desiredCount=1, networkConfiguration=network)


@check("ecs.external.disconnected")
def _(t):
    got = serving(t)
    t.eq(admin(t, f"/_sandbox/hosts/{got['instanceId']}/disconnect")[0], 200)
    t.has(instance(t, got), {"agentConnected": False, "status": "ACTIVE", "runningTasksCount": 1})
    t.eq(node(t, got)["PingStatus"], "ConnectionLost")
    t.has(seen(t), {"runningCount": 1, "pendingCount": 0}, "the service keeps its task")
    ran = t.ecs.run_task(cluster=t.name("cluster"), taskDefinition=external(t), launchType="EXTERNAL")
    t.has(ran, {"tasks": [], "failures": [{"reason": "AGENT"}]}, "nothing new is placed")
    t.eq(admin(t, f"/_sandbox/hosts/{got['instanceId']}/connect")[0], 200)
    t.eq(instance(t, got)["agentConnected"], True)
    t.eq(node(t, got)["PingStatus"], "Online")


@check("ecs.external.stop-while-disconnected")
def _(t):
    got = serving(t)
    admin(t, f"/_sandbox/hosts/{got['instanceId']}/disconnect")
    task = t.ecs.list_tasks(cluster=t.name("cluster"))["taskArns"][0]

    def task_now():
        return t.ecs.describe_tasks(cluster=t.name("cluster"), tasks=[task])["tasks"][0]

    t.ecs.update_service(cluster=t.name("cluster"), service=t.name("s"), desiredCount=0)
    t.until(lambda: task_now()["desiredStatus"] == "STOPPED", "the wish to stop")
    time.sleep(0.8)
    t.eq(task_now()["lastStatus"], "RUNNING", "nobody has heard of its end")
    admin(t, f"/_sandbox/hosts/{got['instanceId']}/connect")
    t.until(lambda: task_now()["lastStatus"] == "STOPPED", "its end")


@check("ecs.external.drains")
def _(t):
    got = serving(t)
    arn = got["containerInstanceArn"]
    t.fails(("InvalidParameterException", "ClientException"), t.ecs.deregister_container_instance, cluster=t.name("cluster"), containerInstance=arn)
    other = host(t, activation(t, t.name("nodes")), "other")
    changed = t.ecs.update_container_instances_state(cluster=t.name("cluster"), containerInstances=[arn], status="DRAINING")
    t.has(changed, {"failures": [], "containerInstances": [{"status": "DRAINING"}]})
    t.until(lambda: instance(t, got)["runningTasksCount"] == 0, "an empty host")
    t.until(lambda: instance(t, other)["runningTasksCount"] == 1, "the task on the other host")
    t.has(t.ecs.deregister_container_instance(cluster=t.name("cluster"), containerInstance=arn)["containerInstance"], {"status": "INACTIVE", "agentConnected": False})
    t.eq(node(t, got)["PingStatus"], "Online", "Systems Manager knows it still")


@check("ecs.external.logs-need-an-execution-role")
def _(t):
    cluster(t)
    host(t)
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-west-2"}}
    containers = [{"name": "c", "image": "nginx", "memory": 64, "logConfiguration": logs}]
    name = definition(t, requiresCompatibilities=["EXTERNAL"], containerDefinitions=containers)["taskDefinitionArn"]
    task = t.ecs.run_task(cluster=t.name("cluster"), taskDefinition=name, launchType="EXTERNAL")["tasks"][0]["taskArn"]

    def reason():
        return t.ecs.describe_tasks(cluster=t.name("cluster"), tasks=[task])["tasks"][0].get("stoppedReason", "")

    t.until(reason, "its end")
    assert "logging driver" in reason(), reason()


@check("ecs.external.gpu")
def _(t):
    cluster(t)
    made = activation(t, RegistrationLimit=2)
    host(t, made, "plain")
    containers = [{"name": "c", "image": "nginx", "memory": 64, "resourceRequirements": [{"type": "GPU", "value": "1"}]}]
    name = definition(t, requiresCompatibilities=["EXTERNAL"], containerDefinitions=containers)["taskDefinitionArn"]
    run = {"cluster": t.name("cluster"), "taskDefinition": name, "launchType": "EXTERNAL"}
    t.has(t.ecs.run_task(**run), {"tasks": [], "failures": [{"reason": "RESOURCE:GPU"}]})
    got = host(t, made, "gpu", gpu=True)
    task = t.ecs.run_task(**run)["tasks"][0]
    t.eq(task["containerInstanceArn"], got["containerInstanceArn"])
    t.eq(len(task["containers"][0]["gpuIds"]), 1, "GPUs")
    held = {one["name"]: one.get("stringSetValue") for one in instance(t, got)["remainingResources"]}
    t.eq(held["GPU"], [], "GPUs that are left")
