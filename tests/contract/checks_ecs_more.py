"""ECS: tasks by hand, their interfaces, attributes, agents, deployments, capacity providers; errors by their words."""

from case import check
from checks_ec2 import subnet, vpc
from checks_ecs import cluster, container, definition
from checks_ecs_services import ground, host, one, service

FARGATE = {"networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"]}


def awsvpc(*subnets, **more):
    return {"awsvpcConfiguration": {"subnets": list(subnets)} | more}


def run_on_fargate(t, subnet_id):
    arguments = {"cluster": t.name("cluster"), "taskDefinition": t.name("family"), "launchType": "FARGATE"}
    arn = t.ecs.run_task(networkConfiguration=awsvpc(subnet_id), **arguments)["tasks"][0]["taskArn"]
    t.later(t.ecs.stop_task, cluster=t.name("cluster"), task=arn)
    return arn


def task(t, arn):
    return t.ecs.describe_tasks(cluster=t.name("cluster"), tasks=[arn])["tasks"][0]


@check("ecs.cluster.inactive")
def _(t):
    ground(t)
    t.ecs.delete_cluster(cluster=t.name("cluster"))
    t.fails("ClusterNotFoundException", service, status=400, message="The referenced cluster was inactive.", t=t)


@check("ecs.account-setting.default-and-delete")
def _(t):
    t.later(t.ecs.delete_account_setting, name="awsvpcTrunking")
    t.has(t.ecs.put_account_setting_default(name="awsvpcTrunking", value="enabled"), {"setting": {"name": "awsvpcTrunking", "value": "enabled"}})
    got = t.ecs.list_account_settings(name="awsvpcTrunking", effectiveSettings=True)["settings"]
    t.has(got, [{"value": "enabled"}])
    t.has(t.ecs.delete_account_setting(name="awsvpcTrunking"), {"setting": {"name": "awsvpcTrunking"}})
    got = t.ecs.list_account_settings(name="awsvpcTrunking", effectiveSettings=True)["settings"]
    t.has(got, [{"value": "disabled"}])


@check("ecs.definition.tags-not-empty")
def _(t):
    t.fails("ClientException", definition, status=400, message="Tags can not be empty.", t=t, tags=[])


@check("ecs.definition.secrets-need-an-execution-role")
def _(t):
    secret = {"name": "KEY", "valueFrom": "arn:aws:ssm:us-west-2:123456789012:parameter/key"}
    t.fails("ClientException", definition, status=400, message="you must also specify a value for 'executionRoleArn'", t=t, containers=[container(secrets=[secret])])


@check("ecs.definition.fargate-logs-need-an-execution-role")
def _(t):
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-west-2", "awslogs-stream-prefix": "p"}}
    message = "Fargate requires task definition to have execution role ARN to support log driver awslogs."
    t.fails("ClientException", definition, status=400, message=message, t=t, containers=[container(logConfiguration=logs)], **FARGATE)


@check("ecs.service.missing-subnet")
def _(t):
    ground(t, networkMode="awsvpc")
    missing = "subnet-0123456789abcdef0"
    message = f"Error retrieving subnet information for [{missing}]: The subnet ID '{missing}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
    t.fails("InvalidParameterException", service, status=400, message=message, t=t, networkConfiguration=awsvpc(missing))


@check("ecs.service.missing-group")
def _(t):
    ground(t, networkMode="awsvpc")
    net = subnet(t, vpc(t)["VpcId"])["SubnetId"]
    missing = "sg-0123456789abcdef0"
    message = f"Error retrieving security group information for [{missing}]: The security group '{missing}' does not exist (ErrorCode: InvalidGroup.NotFound)"
    t.fails("InvalidParameterException", service, status=400, message=message, t=t, networkConfiguration=awsvpc(net, securityGroups=[missing]))


@check("ecs.service.no-subnets")
def _(t):
    ground(t, networkMode="awsvpc")
    t.fails("InvalidParameterException", service, status=400, message="subnets can not be empty.", t=t, networkConfiguration=awsvpc())


@check("ecs.service.unknown-words")
def _(t):
    cluster(t)
    listed = t.raw("ecs").list_services
    t.fails("InvalidParameterException", listed, status=400, message="launch type should be one of [EC2,FARGATE", cluster=t.name("cluster"), launchType="OUTPOST")
    t.fails("InvalidParameterException", listed, status=400, message="Scheduling strategy should be one of [REPLICA,DAEMON]", cluster=t.name("cluster"), schedulingStrategy="ONCE")


@check("ecs.service.deployments-and-revisions")
def _(t):
    ground(t)
    arn = service(t)["serviceArn"]
    listed = t.ecs.list_service_deployments(cluster=t.name("cluster"), service=arn)["serviceDeployments"]
    t.eq(len(listed), 1, "deployments")
    t.has(listed[0], {"serviceArn": arn, "clusterArn": listed[0]["clusterArn"]})
    got = t.ecs.describe_service_deployments(serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]])
    t.has(got["serviceDeployments"], [{"serviceArn": arn, "serviceDeploymentArn": listed[0]["serviceDeploymentArn"]}])
    revision = listed[0]["targetServiceRevisionArn"]
    got = t.ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    t.has(got, [{"serviceArn": arn, "serviceRevisionArn": revision, "launchType": "EC2", "taskDefinition": one(t)["taskDefinition"]}])


@check("ecs.service.not-active")
def _(t):
    ground(t)
    service(t)
    arguments = {"cluster": t.name("cluster"), "service": t.name("service")}
    t.ecs.delete_service(**arguments)
    t.fails("ServiceNotActiveException", t.ecs.update_service, status=400, message="Service was not ACTIVE.", desiredCount=1, **arguments)


@check("ecs.service.update-unknown")
def _(t):
    cluster(t)
    t.fails("ServiceNotFoundException", t.ecs.update_service, status=400, cluster=t.name("cluster"), service=t.name("none"), desiredCount=1)


@check("ecs.capacity-providers.of-fargate")
def _(t):
    got = t.ecs.describe_capacity_providers(capacityProviders=["FARGATE", "FARGATE_SPOT"])["capacityProviders"]
    t.eq(sorted((one["name"], one["status"]) for one in got), [("FARGATE", "ACTIVE"), ("FARGATE_SPOT", "ACTIVE")])


@check("ecs.capacity-providers.missing")
def _(t):
    got = t.ecs.describe_capacity_providers(capacityProviders=[t.name("none")])
    t.eq(got["capacityProviders"], [], "found")
    t.has(got["failures"], [{"reason": "MISSING"}])


@check("ecs.task.list")
def _(t):
    ground(t)
    _, instance = host(t)
    names = {"cluster": t.name("cluster")}
    arn = t.ecs.run_task(taskDefinition=t.name("family"), startedBy="me", launchType="EC2", **names)["tasks"][0]["taskArn"]
    t.later(t.ecs.stop_task, task=arn, **names)
    t.eq(t.ecs.list_tasks(**names)["taskArns"], [arn], "all")
    t.eq(t.ecs.list_tasks(family=t.name("family"), **names)["taskArns"], [arn], "by family")
    t.eq(t.ecs.list_tasks(startedBy="me", **names)["taskArns"], [arn], "by starter")
    t.eq(t.ecs.list_tasks(containerInstance=instance, **names)["taskArns"], [arn], "by instance")
    t.eq(t.ecs.list_tasks(launchType="FARGATE", **names)["taskArns"], [], "by launch type")
    t.eq(t.ecs.list_tasks(desiredStatus="STOPPED", **names)["taskArns"], [], "stopped ones")


@check("ecs.task.start-on-an-instance")
def _(t):
    ground(t)
    _, instance = host(t)
    names = {"cluster": t.name("cluster")}
    got = t.ecs.start_task(taskDefinition=t.name("family"), containerInstances=[instance], **names)
    t.later(t.ecs.stop_task, task=got["tasks"][0]["taskArn"], **names)
    t.has(got, {"failures": [], "tasks": [{"containerInstanceArn": instance, "desiredStatus": "RUNNING"}]})


@check("ecs.task.describe-none")
def _(t):
    cluster(t)
    t.fails("InvalidParameterException", t.ecs.describe_tasks, status=400, message="Tasks cannot be empty.", cluster=t.name("cluster"), tasks=[])


@check("ecs.task.stop-missing")
def _(t):
    cluster(t)
    t.fails("InvalidParameterException", t.ecs.stop_task, status=400, message="The referenced task was not found.", cluster=t.name("cluster"), task="0123456789abcdef0123456789abcdef")


@check("ecs.task.interface")
def _(t):
    ground(t, **FARGATE)
    net = subnet(t, vpc(t)["VpcId"])["SubnetId"]
    arn = run_on_fargate(t, net)
    t.until(lambda: task(t, arn)["lastStatus"] == "RUNNING", "RUNNING")
    attachment = task(t, arn)["attachments"][0]
    t.has(attachment, {"type": "ElasticNetworkInterface", "status": "ATTACHED"})
    details = {one["name"]: one["value"] for one in attachment["details"]}
    t.eq(details["subnetId"], net, "subnet")
    got = t.ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])["NetworkInterfaces"]
    t.has(got, [{"SubnetId": net, "PrivateIpAddress": details["privateIPv4Address"], "MacAddress": details["macAddress"], "Status": "in-use"}])


@check("ecs.task.interface-holds-its-subnet")
def _(t):
    ground(t, **FARGATE)
    net = subnet(t, vpc(t)["VpcId"])["SubnetId"]
    arn = run_on_fargate(t, net)
    t.fails("DependencyViolation", t.ec2.delete_subnet, status=400, SubnetId=net)
    t.ecs.stop_task(cluster=t.name("cluster"), task=arn)
    t.until(lambda: task(t, arn)["lastStatus"] == "STOPPED", "STOPPED")
    t.ec2.delete_subnet(SubnetId=net)


@check("ecs.host.attribute-deleted")
def _(t):
    ground(t)
    _, arn = host(t)
    attribute = {"name": "site", "targetType": "container-instance", "targetId": arn}
    t.ecs.put_attributes(cluster=t.name("cluster"), attributes=[attribute | {"value": "12"}])
    t.has(t.ecs.delete_attributes(cluster=t.name("cluster"), attributes=[attribute]), {"attributes": [{"name": "site"}]})
    t.eq(t.ecs.list_attributes(cluster=t.name("cluster"), targetType="container-instance", attributeName="site")["attributes"], [])


@check("ecs.host.newest-agent")
def _(t):
    ground(t)
    _, arn = host(t)
    codes = ("NoUpdateAvailableException",)
    t.fails(codes, t.ecs.update_container_agent, status=400, cluster=t.name("cluster"), containerInstance=arn)


@check("ecs.host.state-words")
def _(t):
    cluster(t)
    arguments = {"cluster": t.name("cluster"), "containerInstances": ["a" * 32]}
    call = t.raw("ecs").update_container_instances_state
    message = "status should be one of [ACTIVE,"
    t.fails("InvalidParameterException", lambda: call(status="REGISTERING", **arguments), status=400, message=message)


@check("ecs.host.at-most-ten-states")
def _(t):
    cluster(t)
    arguments = {"cluster": t.name("cluster"), "containerInstances": [f"{number:032x}" for number in range(11)]}
    t.fails("InvalidParameterException", lambda: t.ecs.update_container_instances_state(status="DRAINING", **arguments), message="can have at most 10 items")


@check("ecs.host.bad-identity")
def _(t):
    cluster(t)
    arguments = {"instanceIdentityDocument": "nonsense", "instanceIdentityDocumentSignature": "none"}
    t.fails("ClientException", t.ecs.register_container_instance, status=400, cluster=t.name("cluster"), **arguments)
