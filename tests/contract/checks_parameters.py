"""Systems Manager: parameters that are put, changed, listed, tagged and deleted."""

from case import check


def put(t, what="x", **more):
    """A parameter below the check's own path, by its name."""
    name = f"/{t.prefix}/{what}"
    t.later(t.ssm.delete_parameter, Name=name)
    t.ssm.put_parameter(**{"Name": name, "Value": "v", "Type": "String"} | more)
    return name


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def listed(t, *filters, **more):
    got = t.ssm.describe_parameters(ParameterFilters=list(filters), **more)
    return [one["Name"] for one in got["Parameters"]]


@check("ssm.put.versions")
def _(t):
    name = f"/{t.prefix}/x"
    t.later(t.ssm.delete_parameter, Name=name)
    first = t.ssm.put_parameter(Name=name, Value="one", Type="String")
    t.has(first, {"Version": 1, "Tier": "Standard"})
    t.eq(t.ssm.put_parameter(Name=name, Value="two", Overwrite=True)["Version"], 2)
    t.has(t.ssm.get_parameter(Name=name)["Parameter"], {"Name": name, "Type": "String", "Value": "two", "Version": 2})
    t.eq(t.ssm.get_parameter(Name=f"{name}:1")["Parameter"]["Value"], "one", "the first version")


@check("ssm.put.exists")
def _(t):
    name = put(t)
    t.fails("ParameterAlreadyExists", t.ssm.put_parameter, status=400, Name=name, Value="w", Type="String")


@check("ssm.put.needs-a-type")
def _(t):
    t.fails("ValidationException", t.ssm.put_parameter, message="A parameter type is required", Name=f"/{t.prefix}/x", Value="v")


@check("ssm.put.empty")
def _(t):
    t.fails("ValidationException", t.ssm.put_parameter, Name=f"/{t.prefix}/x", Value="", Type="String")


@check("ssm.put.too-large")
def _(t):
    t.fails("ValidationException", t.ssm.put_parameter, Name=f"/{t.prefix}/x", Value="v" * 4097, Type="String")


@check("ssm.put.key-without-secure-string")
def _(t):
    t.fails("ValidationException", t.ssm.put_parameter, Name=f"/{t.prefix}/x", Value="v", Type="String", KeyId="alias/aws/ssm")


@check("ssm.put.fully-qualified")
def _(t):
    t.fails("ValidationException", t.ssm.put_parameter, message="fully qualified", Name="a/b", Value="v", Type="String")


@check("ssm.put.reserved")
def _(t):
    t.fails("AccessDeniedException", t.ssm.put_parameter, Name="/aws/x/y", Value="v", Type="String")
    t.fails("ValidationException", t.ssm.put_parameter, Name="ssm-x", Value="v", Type="String")


@check("ssm.put.bad-name")
def _(t):
    t.fails("ValidationException", t.ssm.put_parameter, Name=f"/{t.prefix}/a b", Value="v", Type="String")


@check("ssm.put.at-most-fifteen-levels")
def _(t):
    name = f"/{t.prefix}" + "/a" * 15
    t.fails("HierarchyLevelLimitExceededException", t.ssm.put_parameter, Name=name, Value="v", Type="String")


@check("ssm.put.tags-or-overwrite")
def _(t):
    name = put(t)
    t.fails("ValidationException", t.ssm.put_parameter, message="tags and overwrite", Name=name, Value="w", Overwrite=True, Tags=tags(a="1"))


@check("ssm.put.advanced-stays")
def _(t):
    name = put(t, Tier="Advanced")
    t.fails("ValidationException", t.ssm.put_parameter, Name=name, Value="w", Overwrite=True, Tier="Standard")


@check("ssm.secure-string")
def _(t):
    name = put(t, Value="open sesame", Type="SecureString")
    closed = t.ssm.get_parameter(Name=name)["Parameter"]
    t.eq(closed["Type"], "SecureString")
    assert "sesame" not in closed["Value"] and closed["Value"], closed["Value"]
    t.eq(t.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"], "open sesame", "decrypted")
    t.eq(t.ssm.get_parameters(Names=[name], WithDecryption=True)["Parameters"][0]["Value"], "open sesame", "of several")
    described = t.ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]
    t.has(described, {"KeyId": "alias/aws/ssm", "Type": "SecureString", "Tier": "Standard", "DataType": "text"})
    assert "Value" not in described, described


@check("ssm.describe-parameters.by-name")
def _(t):
    one, two = put(t, "one"), put(t, "two")
    t.eq(listed(t, {"Key": "Name", "Values": [one]}), [one], "Equals")
    t.eq(sorted(listed(t, {"Key": "Name", "Option": "BeginsWith", "Values": [f"/{t.prefix}/"]})), sorted([one, two]), "BeginsWith")
    t.eq(listed(t, {"Key": "Name", "Values": [f"/{t.prefix}"]}), [], "a part")


@check("ssm.describe-parameters.by-path")
def _(t):
    one, below = put(t, "one"), put(t, "a/below")
    t.eq(listed(t, {"Key": "Path", "Values": [f"/{t.prefix}"]}), [one], "one level")
    both = listed(t, {"Key": "Path", "Option": "Recursive", "Values": [f"/{t.prefix}"]})
    t.eq(sorted(both), sorted([one, below]), "recursive")


@check("ssm.describe-parameters.by-tag")
def _(t):
    one = put(t, "one", Tags=tags(**{t.name("key"): "a"}))
    put(t, "two", Tags=tags(**{t.name("key"): "b"}))
    t.eq(listed(t, {"Key": "tag:" + t.name("key"), "Values": ["a"]}), [one])


@check("ssm.describe-parameters.no-public-ones")
def _(t):
    pages = t.ssm.get_paginator("describe_parameters").paginate()
    names = [one["Name"] for page in pages for one in page["Parameters"]]
    t.eq([name for name in names if name.startswith("/aws/service/")], [])


@check("ssm.describe-parameters.pages")
def _(t):
    names = [put(t, f"p{number}") for number in range(3)]
    mine = {"Key": "Path", "Values": [f"/{t.prefix}"]}
    first = t.ssm.describe_parameters(ParameterFilters=[mine], MaxResults=2)
    rest = t.ssm.describe_parameters(ParameterFilters=[mine], MaxResults=2, NextToken=first["NextToken"])
    t.eq(sorted(one["Name"] for page in (first, rest) for one in page["Parameters"]), names)
    assert "NextToken" not in rest, rest


@check("ssm.describe-parameters.bad-filters")
def _(t):
    t.fails(("InvalidFilterKey", "ValidationException"), t.raw("ssm").describe_parameters, ParameterFilters=[{"Key": "Colour", "Values": ["x"]}])
    t.fails("InvalidFilterOption", t.ssm.describe_parameters, ParameterFilters=[{"Key": "Name", "Option": "Like", "Values": ["x"]}])


@check("ssm.delete-parameter")
def _(t):
    name = put(t)
    t.ssm.delete_parameter(Name=name)
    t.fails("ParameterNotFound", t.ssm.get_parameter, Name=name)
    t.fails("ParameterNotFound", t.ssm.delete_parameter, status=400, Name=name)


@check("ssm.delete-parameters")
def _(t):
    name = put(t)
    got = t.ssm.delete_parameters(Names=[name, "/no/such/parameter"])
    t.has(got, {"DeletedParameters": [name], "InvalidParameters": ["/no/such/parameter"]})


@check("ssm.tags.of-a-parameter")
def _(t):
    resource = {"ResourceType": "Parameter", "ResourceId": put(t, Tags=tags(a="1", b="2"))}
    t.ssm.add_tags_to_resource(**resource, Tags=tags(b="3", c="4"))
    t.ssm.remove_tags_from_resource(**resource, TagKeys=["a", "never"])
    got = {tag["Key"]: tag["Value"] for tag in t.ssm.list_tags_for_resource(**resource)["TagList"]}
    t.eq(got, {"b": "3", "c": "4"})


@check("ssm.tags.missing")
def _(t):
    missing = {"ResourceType": "Parameter", "ResourceId": "/no/such/parameter"}
    t.fails("InvalidResourceId", t.ssm.list_tags_for_resource, status=400, **missing)
    t.fails("InvalidResourceId", t.ssm.add_tags_to_resource, status=400, Tags=tags(a="1"), **missing)
    t.fails("InvalidResourceId", t.ssm.remove_tags_from_resource, status=400, TagKeys=["a"], **missing)


@check("ssm.tags.not-of-activations")
def _(t):
    unknown = {"ResourceType": "Activation", "ResourceId": "00000000-0000-0000-0000-000000000000"}
    t.fails(("InvalidResourceType", "ValidationException"), t.raw("ssm").add_tags_to_resource, Tags=tags(a="1"), **unknown)


@check("ssm.tags.at-most-fifty")
def _(t):
    resource = {"ResourceType": "Parameter", "ResourceId": put(t, Tags=tags(a="1"))}
    t.fails("TooManyTagsError", t.ssm.add_tags_to_resource, Tags=tags(**{f"k{number}": "" for number in range(50)}), **resource)


@check("ssm.tags.tagging-service")
def _(t):
    name = put(t, Tags=tags(**{t.name("key"): "a"}))
    account = t.sts.get_caller_identity()["Account"]
    arn = f"arn:aws:ssm:us-west-2:{account}:parameter{name}"
    found = t.tagging.get_resources(TagFilters=[{"Key": t.name("key")}], ResourceTypeFilters=["ssm:parameter"])
    t.eq([one["ResourceARN"] for one in found["ResourceTagMappingList"]], [arn])
    t.eq(t.tagging.tag_resources(ResourceARNList=[arn], Tags={"more": "1"})["FailedResourcesMap"], {})
    t.eq(t.tagging.untag_resources(ResourceARNList=[arn], TagKeys=[t.name("key")])["FailedResourcesMap"], {})
    t.eq(t.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"], tags(more="1"))
