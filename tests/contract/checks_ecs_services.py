"""ECS services, tasks and container instances."""

from case import check
from checks_ec2_instances import launch, net
from checks_ecs import cluster, container, definition
from checks_iam import FOR_EC2, attach, join, profile, role, trust

import json


def service(t, what="service", **more):
    arguments = {"cluster": t.name("cluster"), "serviceName": t.name(what), "taskDefinition": t.name("family"), "desiredCount": 0, "launchType": "EC2"}
    arguments = {name: value for name, value in (arguments | more).items() if value is not None}
    got = t.ecs.create_service(**arguments)["service"]
    t.later(t.ecs.delete_service, cluster=t.name("cluster"), service=t.name(what), force=True)
    return got


def ground(t, **more):
    cluster(t)
    return definition(t, **more)


def one(t, what="service"):
    return t.ecs.describe_services(cluster=t.name("cluster"), services=[t.name(what)])["services"][0]


def host(t, **more):
    """An EC2 instance that registers with the cluster of the check."""
    role(t, AssumeRolePolicyDocument=json.dumps(trust({"Service": "ec2.amazonaws.com"})))
    attach(t, t.name("role"), FOR_EC2)
    profile(t)
    join(t, t.name("profile"), t.name("role"))
    data = f"#!/bin/bash\necho ECS_CLUSTER={t.name('cluster')} >> /etc/ecs/ecs.config\n"
    arguments = {"IamInstanceProfile": {"Name": t.name("profile")}, "UserData": data} | more
    id = launch(t, net(t), **arguments)["Instances"][0]["InstanceId"]
    arns = t.until(lambda: t.ecs.list_container_instances(cluster=t.name("cluster"))["containerInstanceArns"], "a container instance")
    t.later(t.ecs.deregister_container_instance, cluster=t.name("cluster"), containerInstance=arns[0], force=True)
    return id, arns[0]


@check("ecs.service.create")
def _(t):
    arn = ground(t)["taskDefinitionArn"]
    got = service(t)
    account = t.sts.get_caller_identity()["Account"]
    t.has(got, {"serviceArn": f"arn:aws:ecs:us-west-2:{account}:service/{t.name('cluster')}/{t.name('service')}"})
    t.has(got, {"status": "ACTIVE", "taskDefinition": arn, "launchType": "EC2", "schedulingStrategy": "REPLICA"})
    t.has(got, {"desiredCount": 0, "runningCount": 0, "pendingCount": 0})


@check("ecs.service.defaults")
def _(t):
    ground(t)
    got = service(t)
    t.has(got, {"enableECSManagedTags": False, "enableExecuteCommand": False, "propagateTags": "NONE"})
    t.has(got["deploymentConfiguration"], {"maximumPercent": 200, "minimumHealthyPercent": 100})
    t.has(got["deployments"], [{"status": "PRIMARY"}])


@check("ecs.service.execute-command-needs-a-task-role")
def _(t):
    ground(t)
    t.fails("InvalidParameterException", service, message="taskRoleArn", t=t, enableExecuteCommand=True)


@check("ecs.service.fields-kept")
def _(t):
    ground(t, taskRoleArn=role(t)["Arn"])
    arguments = {
        "placementStrategy": [{"type": "spread", "field": "instanceId"}],
        "placementConstraints": [{"type": "distinctInstance"}],
        "enableExecuteCommand": True,
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "availabilityZoneRebalancing": "DISABLED",
    }
    service(t, **arguments, deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50})
    t.has(one(t), arguments | {"deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50}})


@check("ecs.service.missing-cluster")
def _(t):
    definition(t)
    t.fails("ClusterNotFoundException", service, status=400, t=t)


@check("ecs.service.missing-definition")
def _(t):
    cluster(t)
    t.fails("ClientException", service, t=t, taskDefinition="no-such:1")


@check("ecs.service.inactive-definition")
def _(t):
    arn = ground(t)["taskDefinitionArn"]
    t.ecs.deregister_task_definition(taskDefinition=arn)
    t.fails(("ClientException", "InvalidParameterException"), service, t=t, taskDefinition=arn)


@check("ecs.service.not-idempotent")
def _(t):
    ground(t)
    service(t)
    t.fails("InvalidParameterException", service, message="not idempotent", t=t, desiredCount=1)


@check("ecs.service.client-token")
def _(t):
    ground(t)
    first = service(t, clientToken=t.name())
    t.eq(service(t, clientToken=t.name())["serviceArn"], first["serviceArn"], "arn")


@check("ecs.service.daemon-has-no-count")
def _(t):
    ground(t)
    t.fails("InvalidParameterException", service, t=t, schedulingStrategy="DAEMON", desiredCount=1)


@check("ecs.service.awsvpc-needs-network")
def _(t):
    ground(t, networkMode="awsvpc")
    t.fails("InvalidParameterException", service, t=t)


@check("ecs.service.launch-type-or-strategy")
def _(t):
    ground(t)
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    t.fails("InvalidParameterException", service, t=t, capacityProviderStrategy=strategy)


def handed_over(t):
    """A service whose deployments CodeDeploy makes."""
    ground(t, containers=[{"name": "app", "image": "nginx", "memory": 128, "portMappings": [{"containerPort": 80}]}])
    group = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/a/0123456789abcdef"
    balancers = [{"targetGroupArn": group, "containerName": "app", "containerPort": 80}]
    return service(t, deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=balancers)


@check("ecs.service.code-deploy-has-task-sets")
def _(t):
    handed_over(t)
    got = one(t)
    t.has(got, {"deploymentController": {"type": "CODE_DEPLOY"}, "deployments": [], "taskSets": [{"status": "PRIMARY"}]})
    t.eq(got["taskSets"][0]["taskDefinition"], got["taskDefinition"], "task definition")


@check("ecs.service.code-deploy-deploys-by-itself")
def _(t):
    handed_over(t)
    who = {"cluster": t.name("cluster"), "service": t.name("service")}
    said = "on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment."
    t.fails("InvalidParameterException", t.ecs.update_service, message=said, taskDefinition=t.name("family"), **who)
    t.fails("InvalidParameterException", t.ecs.update_service, message=said, forceNewDeployment=True, **who)
    t.eq(t.ecs.update_service(desiredCount=0, healthCheckGracePeriodSeconds=9, **who)["service"]["healthCheckGracePeriodSeconds"], 9, "grace")


@check("ecs.service.external-controller-has-no-definition")
def _(t):
    ground(t)
    by = {"deploymentController": {"type": "EXTERNAL"}, "launchType": None}
    t.fails("InvalidParameterException", service, message="TaskDefinition must be blank", t=t, **by)
    got = service(t, taskDefinition=None, **by)
    t.has(got, {"deploymentController": {"type": "EXTERNAL"}, "deployments": []})


@check("ecs.service.back-to-a-launch-type")
def _(t):
    cluster(t, capacityProviders=["FARGATE"])
    definition(t, networkMode="awsvpc", cpu="256", memory="512", requiresCompatibilities=["FARGATE"])
    network = {"awsvpcConfiguration": {"subnets": [net(t)]}}
    service(t, launchType=None, capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}], networkConfiguration=network)
    t.ecs.update_service(cluster=t.name("cluster"), service=t.name("service"), capacityProviderStrategy=[], forceNewDeployment=True)
    got = one(t)
    t.eq((got.get("launchType"), got.get("capacityProviderStrategy", [])), ("FARGATE", []), "launch type")


@check("ecs.service.external")
def _(t):
    ground(t, requiresCompatibilities=["EXTERNAL"], networkMode="bridge")
    t.eq(service(t, launchType="EXTERNAL")["launchType"], "EXTERNAL", "launch type")


@check("ecs.service.missing-is-a-failure")
def _(t):
    cluster(t)
    got = t.ecs.describe_services(cluster=t.name("cluster"), services=["no-such"])
    t.eq(got["services"], [], "services")
    t.has(got["failures"], [{"reason": "MISSING"}])


@check("ecs.service.at-most-ten-described")
def _(t):
    cluster(t)
    names = [f"s{n}" for n in range(11)]
    t.fails("InvalidParameterException", t.ecs.describe_services, cluster=t.name("cluster"), services=names)


@check("ecs.service.listed-ten-a-page")
def _(t):
    ground(t)
    for n in range(11):
        service(t, f"s{n}")
    page = t.ecs.list_services(cluster=t.name("cluster"))
    t.eq(len(page["serviceArns"]), 10, "first page")
    rest = t.ecs.list_services(cluster=t.name("cluster"), nextToken=page["nextToken"])
    t.eq((len(rest["serviceArns"]), rest.get("nextToken")), (1, None), "second page")


@check("ecs.service.update-keeps-what-is-absent")
def _(t):
    ground(t, taskRoleArn=role(t)["Arn"])
    service(t, enableExecuteCommand=True, placementConstraints=[{"type": "distinctInstance"}])
    got = t.ecs.update_service(cluster=t.name("cluster"), service=t.name("service"), desiredCount=0)["service"]
    t.has(got, {"enableExecuteCommand": True, "placementConstraints": [{"type": "distinctInstance"}]})
    got = t.ecs.update_service(cluster=t.name("cluster"), service=t.name("service"), placementConstraints=[])["service"]
    t.eq(got["placementConstraints"], [], "emptied")


@check("ecs.service.update-definition-deploys")
def _(t):
    ground(t)
    first = service(t)["deployments"][0]["id"]
    second = definition(t)["taskDefinitionArn"]
    got = t.ecs.update_service(cluster=t.name("cluster"), service=t.name("service"), taskDefinition=t.name("family"))["service"]
    primary = next(one for one in got["deployments"] if one["status"] == "PRIMARY")
    t.eq((got["taskDefinition"], primary["taskDefinition"]), (second, second), "definitions")
    assert primary["id"] != first, "no new deployment"


@check("ecs.service.count-does-not-deploy")
def _(t):
    ground(t)
    first = service(t)["deployments"][0]["id"]
    got = t.ecs.update_service(cluster=t.name("cluster"), service=t.name("service"), desiredCount=1)["service"]
    t.eq([one["id"] for one in got["deployments"]], [first], "deployments")


@check("ecs.service.update-missing")
def _(t):
    cluster(t)
    t.fails("ServiceNotFoundException", t.ecs.update_service, cluster=t.name("cluster"), service="no-such", desiredCount=0)


@check("ecs.service.delete-scaled")
def _(t):
    ground(t)
    service(t, desiredCount=1)
    message = "scaled above 0"
    t.fails("InvalidParameterException", t.ecs.delete_service, message=message, cluster=t.name("cluster"), service=t.name("service"))


@check("ecs.service.delete")
def _(t):
    ground(t)
    service(t)
    got = t.ecs.delete_service(cluster=t.name("cluster"), service=t.name("service"))["service"]
    assert got["status"] in ("DRAINING", "INACTIVE"), got["status"]
    t.until(lambda: one(t)["status"] == "INACTIVE", "INACTIVE")
    t.eq(t.ecs.list_services(cluster=t.name("cluster"))["serviceArns"], [], "still listed")


@check("ecs.service.holds-its-cluster")
def _(t):
    ground(t)
    service(t, desiredCount=1)
    t.fails("ClusterContainsServicesException", t.ecs.delete_cluster, status=400, cluster=t.name("cluster"))


@check("ecs.service.tags")
def _(t):
    ground(t)
    service(t, tags=[{"key": "a", "value": "b"}])
    got = t.ecs.describe_services(cluster=t.name("cluster"), services=[t.name("service")], include=["TAGS"])["services"][0]
    t.eq(got["tags"], [{"key": "a", "value": "b"}], "tags")


@check("ecs.service.reaches-its-count")
def _(t):
    ground(t)
    host(t)
    service(t, desiredCount=1)
    t.until(lambda: one(t)["runningCount"] == 1, "one running task")
    t.until(lambda: one(t)["deployments"][0].get("rolloutState") == "COMPLETED", "COMPLETED")
    t.eq(len(one(t)["deployments"]), 1, "deployments")


@check("ecs.service.no-room-is-an-event")
def _(t):
    ground(t)
    service(t, desiredCount=1)
    t.until(lambda: [event for event in one(t)["events"] if "unable to place a task" in event["message"]], "the event")


@check("ecs.host.registers")
def _(t):
    ground(t)
    id, arn = host(t)
    got = t.ecs.describe_container_instances(cluster=t.name("cluster"), containerInstances=[arn])["containerInstances"][0]
    t.has(got, {"ec2InstanceId": id, "status": "ACTIVE", "agentConnected": True, "runningTasksCount": 0})
    resources = {one["name"]: one.get("integerValue") for one in got["registeredResources"]}
    t.eq(resources["CPU"], 2048, "CPU of a c5.large")
    attributes = {one["name"]: one.get("value") for one in got["attributes"]}
    t.eq(attributes.get("ecs.instance-type"), "c5.large", "ecs.instance-type")


@check("ecs.host.drains")
def _(t):
    ground(t)
    _, arn = host(t)
    arguments = {"cluster": t.name("cluster"), "containerInstances": [arn]}
    got = t.ecs.update_container_instances_state(**arguments, status="DRAINING")["containerInstances"]
    t.has(got, [{"status": "DRAINING"}])


@check("ecs.host.attributes")
def _(t):
    ground(t)
    _, arn = host(t)
    wanted = {"name": "site", "value": "12", "targetType": "container-instance", "targetId": arn}
    t.ecs.put_attributes(cluster=t.name("cluster"), attributes=[wanted])
    got = t.ecs.list_attributes(cluster=t.name("cluster"), targetType="container-instance", attributeName="site")["attributes"]
    t.has(got, [{"name": "site", "value": "12"}])


@check("ecs.host.holds-its-cluster")
def _(t):
    ground(t)
    host(t)
    t.fails("ClusterContainsContainerInstancesException", t.ecs.delete_cluster, cluster=t.name("cluster"))


@check("ecs.task.run")
def _(t):
    ground(t)
    _, arn = host(t)
    got = t.ecs.run_task(cluster=t.name("cluster"), taskDefinition=t.name("family"), startedBy="me", launchType="EC2")
    t.eq(got["failures"], [], "failures")
    task = got["tasks"][0]
    t.has(task, {"containerInstanceArn": arn, "desiredStatus": "RUNNING", "startedBy": "me", "launchType": "EC2", "group": f"family:{t.name('family')}"})

    def status():
        return t.ecs.describe_tasks(cluster=t.name("cluster"), tasks=[task["taskArn"]])["tasks"][0]["lastStatus"]

    t.until(lambda: status() == "RUNNING", "RUNNING")
    stopped = t.ecs.stop_task(cluster=t.name("cluster"), task=task["taskArn"], reason="enough")["task"]
    t.eq(stopped["desiredStatus"], "STOPPED", "desired status")
    t.until(lambda: status() == "STOPPED", "STOPPED")


@check("ecs.task.client-token")
def _(t):
    ground(t)
    host(t)
    arguments = {"cluster": t.name("cluster"), "taskDefinition": t.name("family"), "clientToken": t.name(), "launchType": "EC2"}
    first = t.ecs.run_task(**arguments)["tasks"][0]["taskArn"]
    t.later(t.ecs.stop_task, cluster=t.name("cluster"), task=first)
    t.eq(t.ecs.run_task(**arguments)["tasks"][0]["taskArn"], first, "the same token")


@check("ecs.task.no-room-is-a-failure")
def _(t):
    ground(t, containers=[container(memory=900000)])
    host(t)
    got = t.ecs.run_task(cluster=t.name("cluster"), taskDefinition=t.name("family"), launchType="EC2")
    t.eq(got["tasks"], [], "tasks")
    t.has(got["failures"], [{"reason": "RESOURCE:MEMORY"}])


@check("ecs.task.no-hosts")
def _(t):
    ground(t)
    arguments = {"cluster": t.name("cluster"), "taskDefinition": t.name("family"), "launchType": "EC2"}
    t.fails("InvalidParameterException", t.ecs.run_task, message="No Container Instances were found in your cluster", **arguments)


@check("ecs.task.at-most-ten")
def _(t):
    ground(t)
    arguments = {"cluster": t.name("cluster"), "taskDefinition": t.name("family"), "launchType": "EC2"}
    t.fails("InvalidParameterException", t.ecs.run_task, count=11, **arguments)


@check("ecs.task.missing-is-a-failure")
def _(t):
    cluster(t)
    got = t.ecs.describe_tasks(cluster=t.name("cluster"), tasks=["0123456789abcdef0123456789abcdef"])
    t.eq(got["tasks"], [], "tasks")
    t.has(got["failures"], [{"reason": "MISSING"}])
