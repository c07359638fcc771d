"""The Resource Groups Tagging API."""

from botocore.exceptions import ClientError

from case import check
from checks_ec2 import import_key, tags, vpc
from checks_ecs import cluster, definition


def labels(**pairs):
    return [{"key": key, "value": value} for key, value in pairs.items()]


def clusters(t, *values):
    """Clusters, one a value, tagged with the check's own key, so that others' resources do not count."""
    return [cluster(t, f"c{number}", tags=labels(**{t.name("key"): value, "all": "1"}))["clusterArn"] for number, value in enumerate(values)]


def found(t, *values, **more):
    filters = [{"Key": t.name("key"), "Values": list(values)}] + more.pop("filters", [])
    got = t.tagging.get_resources(TagFilters=filters, **more)
    return sorted(one["ResourceARN"] for one in got["ResourceTagMappingList"])


@check("tagging.resources.by-tag")
def _(t):
    one, two = clusters(t, "a", "b")
    t.eq(found(t, "a"), [one])
    got = t.tagging.get_resources(TagFilters=[{"Key": t.name("key"), "Values": ["b"]}])["ResourceTagMappingList"]
    t.eq(got[0]["ResourceARN"], two)
    t.eq(sorted(got[0]["Tags"], key=lambda tag: tag["Key"]), sorted([{"Key": "all", "Value": "1"}, {"Key": t.name("key"), "Value": "b"}], key=lambda tag: tag["Key"]))


@check("tagging.resources.values-are-alternatives")
def _(t):
    made = clusters(t, "a", "b", "c")
    t.eq(found(t, "a", "b"), sorted(made[:2]))


@check("tagging.resources.no-values-mean-any")
def _(t):
    made = clusters(t, "a", "b")
    t.eq(found(t), sorted(made))


@check("tagging.resources.filters-are-joined")
def _(t):
    arn = clusters(t, "a")[0]
    t.eq(found(t, "a", filters=[{"Key": "all", "Values": ["1"]}]), [arn], "both hold")
    t.eq(found(t, "a", filters=[{"Key": "all", "Values": ["2"]}]), [], "one does not hold")


@check("tagging.resources.by-type")
def _(t):
    arn = clusters(t, "a")[0]
    other = definition(t, tags=labels(**{t.name("key"): "a"}))["taskDefinitionArn"]
    t.eq(found(t, ResourceTypeFilters=["ecs:cluster"]), [arn], "ecs:cluster")
    t.eq(found(t, ResourceTypeFilters=["ecs:task-definition"]), [other], "ecs:task-definition")
    t.eq(found(t, ResourceTypeFilters=["ecs"]), sorted([arn, other]), "ecs")
    t.eq(found(t, ResourceTypeFilters=["ec2"]), [], "ec2")
    t.eq(found(t, ResourceTypeFilters=["ecs:cluster", "ecs:task-definition"]), sorted([arn, other]), "both types")


@check("tagging.resources.ec2")
def _(t):
    id = vpc(t, TagSpecifications=tags("vpc", **{t.name("key"): "a"}))["VpcId"]
    key = import_key(t, TagSpecifications=tags("key-pair", **{t.name("key"): "a"}))["KeyPairId"]
    account = t.sts.get_caller_identity()["Account"]
    prefix = f"arn:aws:ec2:us-west-2:{account}"
    t.eq(found(t, ResourceTypeFilters=["ec2:vpc"]), [f"{prefix}:vpc/{id}"], "ec2:vpc")
    t.eq(found(t, ResourceTypeFilters=["ec2:key-pair"]), [f"{prefix}:key-pair/{key}"], "ec2:key-pair")
    t.eq(found(t, ResourceTypeFilters=["ec2"]), [f"{prefix}:key-pair/{key}", f"{prefix}:vpc/{id}"], "ec2")


@check("tagging.resources.iam-in-us-east-1")
def _(t):
    t.later(t.iam.delete_instance_profile, InstanceProfileName=t.name())
    arn = t.iam.create_instance_profile(InstanceProfileName=t.name(), Tags=[{"Key": t.name("key"), "Value": "a"}])["InstanceProfile"]["Arn"]
    filters = {"TagFilters": [{"Key": t.name("key"), "Values": ["a"]}]}
    global_ones = t.tagging_us_east_1.get_resources(ResourceTypeFilters=["iam:instance-profile"], **filters)
    t.eq([one["ResourceARN"] for one in global_ones["ResourceTagMappingList"]], [arn], "in us-east-1")
    t.eq(t.tagging.get_resources(**filters)["ResourceTagMappingList"], [], "elsewhere")


@check("tagging.resources.pages")
def _(t):
    arns = clusters(t, "a", "a", "a")
    filters = [{"Key": t.name("key")}]
    first = t.tagging.get_resources(TagFilters=filters, ResourcesPerPage=2)
    t.eq(len(first["ResourceTagMappingList"]), 2, "first page")
    assert first["PaginationToken"], "no token though there is more"
    second = t.tagging.get_resources(TagFilters=filters, ResourcesPerPage=2, PaginationToken=first["PaginationToken"])
    t.eq(second["PaginationToken"], "", "token of the last page")
    seen = [one["ResourceARN"] for page in (first, second) for one in page["ResourceTagMappingList"]]
    t.eq(sorted(seen), sorted(arns), "both pages")


@check("tagging.resources.bad-token")
def _(t):
    t.fails(("InvalidParameterException", "PaginationTokenExpiredException"), t.tagging.get_resources, status=400, PaginationToken="nonsense")


@check("tagging.resources.page-size")
def _(t):
    t.fails("InvalidParameterException", t.raw("tagging").get_resources, status=400, ResourcesPerPage=0)
    t.fails("InvalidParameterException", t.raw("tagging").get_resources, status=400, ResourcesPerPage=101)


@check("tagging.resources.tags-per-page")
def _(t):
    t.fails("InvalidParameterException", t.tagging.get_resources, TagsPerPage=50)
    t.eq(len(t.tagging.get_resources(TagFilters=[{"Key": t.name("key")}], TagsPerPage=100)["ResourceTagMappingList"]), 0)


@check("tagging.resources.by-arn")
def _(t):
    one, two, _ = clusters(t, "a", "b", "c")
    got = t.tagging.get_resources(ResourceARNList=[one, two])["ResourceTagMappingList"]
    t.eq(sorted(mapping["ResourceARN"] for mapping in got), sorted([one, two]))


@check("tagging.resources.arns-exclude-other-filters")
def _(t):
    arn = clusters(t, "a")[0]
    for other in (
        {"TagFilters": [{"Key": "all"}]},
        {"ResourceTypeFilters": ["ecs"]},
        {"ResourcesPerPage": 5},
        {"TagsPerPage": 100},
        {"PaginationToken": "x"},
    ):
        try:
            t.fails("InvalidParameterException", t.tagging.get_resources, status=400, ResourceARNList=[arn], **other)
        except AssertionError as failure:
            raise AssertionError(f"{list(other)[0]}: {failure}") from None


@check("tagging.resources.too-many-filters")
def _(t):
    filters = [{"Key": f"k{number}"} for number in range(51)]
    t.fails("InvalidParameterException", t.raw("tagging").get_resources, status=400, TagFilters=filters)


@check("tagging.resources.too-many-values")
def _(t):
    filters = [{"Key": "k", "Values": [str(number) for number in range(21)]}]
    t.fails("InvalidParameterException", t.raw("tagging").get_resources, status=400, TagFilters=filters)


@check("tagging.resources.gone-when-deleted")
def _(t):
    clusters(t, "a")
    t.ecs.delete_cluster(cluster=t.name("c0"))
    t.eq(found(t, ResourceTypeFilters=["ecs:cluster"]), [])


@check("tagging.keys-and-values")
def _(t):
    clusters(t, "a", "b")
    keys = [key for page in t.tagging.get_paginator("get_tag_keys").paginate() for key in page["TagKeys"]]
    assert t.name("key") in keys, keys
    values = [value for page in t.tagging.get_paginator("get_tag_values").paginate(Key=t.name("key")) for value in page["TagValues"]]
    t.eq(sorted(values), ["a", "b"])


@check("tagging.values-need-a-key")
def _(t):
    t.fails(("InvalidParameterException", "ValidationException"), t.raw("tagging").get_tag_values)


@check("tagging.tag-and-untag.ecs")
def _(t):
    arn = clusters(t, "a")[0]
    t.eq(t.tagging.tag_resources(ResourceARNList=[arn], Tags={"more": "1"})["FailedResourcesMap"], {})
    t.eq(t.tagging.untag_resources(ResourceARNList=[arn], TagKeys=["all"])["FailedResourcesMap"], {})
    got = {tag["key"]: tag["value"] for tag in t.ecs.list_tags_for_resource(resourceArn=arn)["tags"]}
    t.eq(got, {t.name("key"): "a", "more": "1"})


@check("tagging.tag-and-untag.ec2")
def _(t):
    id = vpc(t, TagSpecifications=tags("vpc", a="1"))["VpcId"]
    account = t.sts.get_caller_identity()["Account"]
    arn = f"arn:aws:ec2:us-west-2:{account}:vpc/{id}"
    t.eq(t.tagging.tag_resources(ResourceARNList=[arn], Tags={"b": "2"})["FailedResourcesMap"], {})
    t.eq(t.tagging.untag_resources(ResourceARNList=[arn], TagKeys=["a"])["FailedResourcesMap"], {})
    t.eq(t.ec2.describe_vpcs(VpcIds=[id])["Vpcs"][0]["Tags"], [{"Key": "b", "Value": "2"}])


@check("tagging.tag-and-untag.logs")
def _(t):
    name = t.name("group")
    t.logs.create_log_group(logGroupName=name, tags={"a": "1"})
    t.later(t.logs.delete_log_group, logGroupName=name)
    account = t.sts.get_caller_identity()["Account"]
    arn = f"arn:aws:logs:us-west-2:{account}:log-group:{name}"
    t.eq(t.tagging.tag_resources(ResourceARNList=[arn], Tags={"b": "2"})["FailedResourcesMap"], {})
    t.eq(t.tagging.untag_resources(ResourceARNList=[arn], TagKeys=["a"])["FailedResourcesMap"], {})
    t.eq(t.logs.list_tags_for_resource(resourceArn=arn)["tags"], {"b": "2"})


@check("tagging.tag.missing-fails-alone")
def _(t):
    arn = clusters(t, "a")[0]
    missing = arn.replace(t.name("c0"), t.name("none"))
    try:
        got = t.tagging.tag_resources(ResourceARNList=[arn, missing], Tags={"more": "1"})["FailedResourcesMap"]
    except ClientError as failure:
        raise AssertionError(f"the whole call failed: {failure}") from None
    t.eq(list(got), [missing], "failed")
    t.has(got[missing], {"StatusCode": 400, "ErrorCode": "InvalidParameterException"})


@check("tagging.tag.reserved")
def _(t):
    t.fails("InvalidParameterException", t.tagging.tag_resources, ResourceARNList=clusters(t, "a"), Tags={"aws:x": "1"})


@check("tagging.tag.at-most-twenty")
def _(t):
    arns = [f"arn:aws:ecs:us-west-2:123456789012:cluster/n{number}" for number in range(21)]
    t.fails("InvalidParameterException", t.raw("tagging").tag_resources, ResourceARNList=arns, Tags={"a": "1"})
