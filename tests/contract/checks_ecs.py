"""ECS clusters, task definitions, tags and account settings."""

from case import check


def cluster(t, what="cluster", **more):
    got = t.ecs.create_cluster(clusterName=t.name(what), **more)["cluster"]
    t.later(t.ecs.delete_cluster, cluster=t.name(what))
    return got


def container(**more):
    return {"name": "app", "image": "nginx", "memory": 128} | more


def definition(t, what="family", containers=None, **more):
    arguments = {"family": t.name(what), "containerDefinitions": containers or [container()]} | more
    got = t.ecs.register_task_definition(**arguments)["taskDefinition"]
    t.later(t.ecs.deregister_task_definition, taskDefinition=got["taskDefinitionArn"])
    return got


@check("ecs.cluster.create")
def _(t):
    got = cluster(t, tags=[{"key": "a", "value": "b"}])
    account = t.sts.get_caller_identity()["Account"]
    arn = f"arn:aws:ecs:us-west-2:{account}:cluster/{t.name('cluster')}"
    t.has(got, {"clusterArn": arn, "clusterName": t.name("cluster"), "status": "ACTIVE", "tags": [{"key": "a", "value": "b"}]})
    t.has(got, {"registeredContainerInstancesCount": 0, "runningTasksCount": 0, "pendingTasksCount": 0, "activeServicesCount": 0})


@check("ecs.cluster.create-again-returns-it")
def _(t):
    first = cluster(t, tags=[{"key": "a", "value": "b"}])
    t.eq(cluster(t)["clusterArn"], first["clusterArn"], "arn")
    got = t.ecs.describe_clusters(clusters=[t.name("cluster")], include=["TAGS"])["clusters"][0]
    t.eq(got["tags"], [{"key": "a", "value": "b"}], "tags stay")


@check("ecs.cluster.bad-name")
def _(t):
    t.fails("InvalidParameterException", t.ecs.create_cluster, status=400, clusterName="bad name!")


@check("ecs.cluster.settings")
def _(t):
    cluster(t, settings=[{"name": "containerInsights", "value": "enabled"}])
    got = t.ecs.describe_clusters(clusters=[t.name("cluster")], include=["SETTINGS"])["clusters"][0]
    t.eq(got["settings"], [{"name": "containerInsights", "value": "enabled"}], "settings")


@check("ecs.cluster.settings-only-when-asked")
def _(t):
    cluster(t, settings=[{"name": "containerInsights", "value": "enabled"}], tags=[{"key": "a", "value": "b"}])
    got = t.ecs.describe_clusters(clusters=[t.name("cluster")])["clusters"][0]
    t.eq((got.get("settings", []), got.get("tags", [])), ([], []), "settings and tags")


@check("ecs.cluster.update-settings")
def _(t):
    cluster(t)
    new = [{"name": "containerInsights", "value": "enhanced"}]
    t.eq(t.ecs.update_cluster_settings(cluster=t.name("cluster"), settings=new)["cluster"]["settings"], new, "settings")


@check("ecs.cluster.bad-setting")
def _(t):
    t.fails("InvalidParameterException", cluster, t=t, settings=[{"name": "containerInsights", "value": "perhaps"}])


@check("ecs.cluster.update-configuration")
def _(t):
    cluster(t)
    new = {"executeCommandConfiguration": {"logging": "NONE"}}
    t.ecs.update_cluster(cluster=t.name("cluster"), configuration=new)
    got = t.ecs.describe_clusters(clusters=[t.name("cluster")], include=["CONFIGURATIONS"])["clusters"][0]
    t.has(got["configuration"], new)


@check("ecs.cluster.missing-is-a-failure")
def _(t):
    got = t.ecs.describe_clusters(clusters=["no-such"])
    t.eq(got["clusters"], [], "clusters")
    t.has(got["failures"], [{"reason": "MISSING"}])
    assert got["failures"][0]["arn"].endswith(":cluster/no-such"), got["failures"]


@check("ecs.cluster.delete")
def _(t):
    arn = cluster(t)["clusterArn"]
    t.eq(t.ecs.delete_cluster(cluster=arn)["cluster"]["status"], "INACTIVE", "status")
    assert arn not in t.ecs.list_clusters()["clusterArns"], "still listed"


@check("ecs.cluster.delete-missing")
def _(t):
    t.fails("ClusterNotFoundException", t.ecs.delete_cluster, status=400, cluster="no-such")


@check("ecs.cluster.name-reusable")
def _(t):
    cluster(t)
    t.ecs.delete_cluster(cluster=t.name("cluster"))
    t.eq(cluster(t)["status"], "ACTIVE", "status")


@check("ecs.cluster.pages")
def _(t):
    for letter in "abc":
        cluster(t, letter)
    rows, more = [], {}
    while True:
        page = t.ecs.list_clusters(maxResults=2, **more)
        assert len(page["clusterArns"]) <= 2, page
        rows += page["clusterArns"]
        if not page.get("nextToken"):
            break
        more = {"nextToken": page["nextToken"]}
    assert len(rows) == len(set(rows)) and len([arn for arn in rows if f"/{t.prefix}-" in arn]) == 3, rows


@check("ecs.cluster.capacity-providers")
def _(t):
    cluster(t)
    strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    arguments = {"capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": strategy}
    got = t.ecs.put_cluster_capacity_providers(cluster=t.name("cluster"), **arguments)["cluster"]
    t.has(got, arguments)


@check("ecs.cluster.tags")
def _(t):
    arn = cluster(t)["clusterArn"]
    t.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    t.ecs.untag_resource(resourceArn=arn, tagKeys=["a"])
    t.eq(t.ecs.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "b", "value": "2"}], "tags")


@check("ecs.tags.missing-resource")
def _(t):
    account = t.sts.get_caller_identity()["Account"]
    arn = f"arn:aws:ecs:us-west-2:{account}:cluster/no-such"
    codes = ("ClusterNotFoundException", "InvalidParameterException", "ResourceNotFoundException")
    t.fails(codes, t.ecs.tag_resource, resourceArn=arn, tags=[{"key": "a", "value": "1"}])


@check("ecs.tags.reserved")
def _(t):
    arn = cluster(t)["clusterArn"]
    t.fails("InvalidParameterException", t.ecs.tag_resource, resourceArn=arn, tags=[{"key": "aws:a", "value": "1"}])


@check("ecs.definition.register")
def _(t):
    got = definition(t)
    account = t.sts.get_caller_identity()["Account"]
    t.has(got, {"taskDefinitionArn": f"arn:aws:ecs:us-west-2:{account}:task-definition/{t.name('family')}:1"})
    t.has(got, {"family": t.name("family"), "revision": 1, "status": "ACTIVE"})


@check("ecs.definition.defaults")
def _(t):
    got = definition(t)["containerDefinitions"][0]
    t.has(got, {"essential": True, "cpu": 0, "environment": [], "mountPoints": [], "portMappings": [], "volumesFrom": []})


@check("ecs.definition.port-defaults-bridge")
def _(t):
    got = definition(t, networkMode="bridge", containers=[container(portMappings=[{"containerPort": 80}])])
    t.eq(got["containerDefinitions"][0]["portMappings"], [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}])


@check("ecs.definition.port-defaults-host")
def _(t):
    got = definition(t, networkMode="host", containers=[container(portMappings=[{"containerPort": 80}])])
    t.eq(got["containerDefinitions"][0]["portMappings"], [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}])


@check("ecs.definition.port-defaults-awsvpc")
def _(t):
    got = definition(t, networkMode="awsvpc", containers=[container(portMappings=[{"containerPort": 80}])])
    t.eq(got["containerDefinitions"][0]["portMappings"], [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}])


@check("ecs.definition.health-check-defaults")
def _(t):
    got = definition(t, containers=[container(healthCheck={"command": ["CMD", "true"]})])["containerDefinitions"][0]
    t.has(got["healthCheck"], {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3})


@check("ecs.definition.external-keeps-network-mode")
def _(t):
    got = definition(t, networkMode="bridge", requiresCompatibilities=["EXTERNAL"])
    t.has(got, {"networkMode": "bridge", "requiresCompatibilities": ["EXTERNAL"]})
    assert "EXTERNAL" in got["compatibilities"], got["compatibilities"]


@check("ecs.definition.external-refuses-awsvpc")
def _(t):
    arguments = {"networkMode": "awsvpc", "requiresCompatibilities": ["EXTERNAL"]}
    t.fails("ClientException", definition, status=400, t=t, **arguments)


@check("ecs.definition.revisions-count-up")
def _(t):
    definition(t)
    t.eq(definition(t)["revision"], 2, "second")
    t.ecs.deregister_task_definition(taskDefinition=f"{t.name('family')}:2")
    t.eq(definition(t)["revision"], 3, "after the second is gone")


@check("ecs.definition.latest-active")
def _(t):
    definition(t)
    definition(t)
    t.ecs.deregister_task_definition(taskDefinition=f"{t.name('family')}:2")
    got = t.ecs.describe_task_definition(taskDefinition=t.name("family"))["taskDefinition"]
    t.eq(got["revision"], 1, "revision")


@check("ecs.definition.inactive-is-readable")
def _(t):
    definition(t)
    got = t.ecs.deregister_task_definition(taskDefinition=f"{t.name('family')}:1")["taskDefinition"]
    t.eq(got["status"], "INACTIVE", "status")
    got = t.ecs.describe_task_definition(taskDefinition=f"{t.name('family')}:1")["taskDefinition"]
    t.eq(got["status"], "INACTIVE", "status")
    t.fails("ClientException", t.ecs.describe_task_definition, taskDefinition=t.name("family"))


@check("ecs.definition.missing")
def _(t):
    message = "Unable to describe task definition"
    t.fails("ClientException", t.ecs.describe_task_definition, status=400, message=message, taskDefinition="no-such")


@check("ecs.definition.tags")
def _(t):
    definition(t, tags=[{"key": "a", "value": "b"}])
    got = t.ecs.describe_task_definition(taskDefinition=t.name("family"), include=["TAGS"])
    t.eq(got["tags"], [{"key": "a", "value": "b"}], "tags")
    assert not t.ecs.describe_task_definition(taskDefinition=t.name("family")).get("tags"), "tags unasked"


@check("ecs.definition.bad-family")
def _(t):
    t.fails("ClientException", t.ecs.register_task_definition, family="bad name!", containerDefinitions=[container()])


@check("ecs.definition.no-memory")
def _(t):
    t.fails("ClientException", definition, t=t, containers=[{"name": "app", "image": "nginx"}])


@check("ecs.definition.container-names-unique")
def _(t):
    t.fails("ClientException", definition, t=t, containers=[container(), container()])


@check("ecs.definition.one-essential")
def _(t):
    t.fails("ClientException", definition, t=t, containers=[container(essential=False)])


@check("ecs.definition.unknown-volume")
def _(t):
    mount = {"sourceVolume": "no-such", "containerPath": "/data"}
    t.fails("ClientException", definition, t=t, containers=[container(mountPoints=[mount])])


@check("ecs.definition.awsvpc-host-port-differs")
def _(t):
    ports = [{"containerPort": 80, "hostPort": 8080}]
    t.fails("ClientException", definition, t=t, networkMode="awsvpc", containers=[container(portMappings=ports)])


@check("ecs.definition.fargate-needs-awsvpc")
def _(t):
    arguments = {"networkMode": "bridge", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    t.fails("ClientException", definition, t=t, **arguments)


@check("ecs.definition.fargate-sizes")
def _(t):
    arguments = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "8192"}
    t.fails("ClientException", definition, t=t, **arguments)


@check("ecs.definition.units-become-numbers")
def _(t):
    got = definition(t, cpu="0.5 vCPU", memory="1GB")
    t.eq((got["cpu"], got["memory"]), ("512", "1024"), "cpu and memory")


@check("ecs.definition.depends-on-unknown")
def _(t):
    depends = [{"containerName": "no-such", "condition": "START"}]
    t.fails("ClientException", definition, t=t, containers=[container(dependsOn=depends)])


@check("ecs.definition.list-by-family")
def _(t):
    definition(t)
    definition(t)
    arns = t.ecs.list_task_definitions(familyPrefix=t.name("family"), sort="DESC")["taskDefinitionArns"]
    t.eq([arn.rsplit("/")[-1] for arn in arns], [f"{t.name('family')}:2", f"{t.name('family')}:1"], "arns")


@check("ecs.definition.families")
def _(t):
    definition(t)
    t.eq(t.ecs.list_task_definition_families(familyPrefix=t.prefix)["families"], [t.name("family")], "families")


@check("ecs.definition.delete-needs-inactive")
def _(t):
    arn = definition(t)["taskDefinitionArn"]
    got = t.ecs.delete_task_definitions(taskDefinitions=[arn])
    t.eq((got["taskDefinitions"], len(got["failures"])), ([], 1), "refused")


@check("ecs.definition.delete-inactive")
def _(t):
    arn = definition(t)["taskDefinitionArn"]
    t.ecs.deregister_task_definition(taskDefinition=arn)
    got = t.ecs.delete_task_definitions(taskDefinitions=[arn])
    t.has(got["taskDefinitions"], [{"taskDefinitionArn": arn, "status": "DELETE_IN_PROGRESS"}])


@check("ecs.account-setting.defaults")
def _(t):
    got = t.ecs.list_account_settings(effectiveSettings=True)["settings"]
    assert {"serviceLongArnFormat", "taskLongArnFormat", "containerInsights"} <= {one["name"] for one in got}, got


@check("ecs.account-setting.bad-value")
def _(t):
    t.fails("InvalidParameterException", t.ecs.put_account_setting, name="containerInsights", value="perhaps")
