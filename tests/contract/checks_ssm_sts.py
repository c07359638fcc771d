"""Systems Manager parameters and STS."""

import json

from case import check

IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"


@check("sts.caller-identity")
def _(t):
    got = t.sts.get_caller_identity()
    t.eq(len(got["Account"]), 12, "length of the account")
    assert got["Arn"].startswith("arn:aws:") and got["Account"] in got["Arn"], got["Arn"]
    assert got["UserId"], "no UserId"


@check("ssm.get-parameter.image")
def _(t):
    got = t.ssm.get_parameter(Name=IMAGE)["Parameter"]
    t.has(got, {"Name": IMAGE, "Type": "String"})
    assert got["Value"].startswith("ami-"), got["Value"]
    assert got["Version"] >= 1


@check("ssm.get-parameter.public-arn-has-no-account")
def _(t):
    got = t.ssm.get_parameter(Name=IMAGE)["Parameter"]["ARN"]
    t.eq(got, f"arn:aws:ssm:us-west-2::parameter{IMAGE}", "ARN")


@check("ssm.get-parameter.data-type")
def _(t):
    assert t.ssm.get_parameter(Name=IMAGE)["Parameter"]["DataType"] in ("text", "aws:ec2:image")


@check("ssm.get-parameter.whole-recommendation")
def _(t):
    got = json.loads(t.ssm.get_parameter(Name=IMAGE.removesuffix("/image_id"))["Parameter"]["Value"])
    t.eq(got["image_id"], t.ssm.get_parameter(Name=IMAGE)["Parameter"]["Value"], "image_id")
    assert {"schema_version", "image_name", "os", "ecs_runtime_version", "ecs_agent_version"} <= set(got), got


@check("ssm.get-parameter.missing")
def _(t):
    t.fails("ParameterNotFound", t.ssm.get_parameter, status=400, Name="/no/such/parameter")


@check("ssm.get-parameter.version-selector")
def _(t):
    version = t.ssm.get_parameter(Name=IMAGE)["Parameter"]["Version"]
    got = t.ssm.get_parameter(Name=f"{IMAGE}:{version}")["Parameter"]
    t.has(got, {"Name": IMAGE, "Version": version, "Selector": f":{version}"})


@check("ssm.get-parameter.missing-version")
def _(t):
    t.fails("ParameterVersionNotFound", t.ssm.get_parameter, Name=f"{IMAGE}:99999")


@check("ssm.get-parameters.missing-are-listed")
def _(t):
    got = t.ssm.get_parameters(Names=[IMAGE, "/no/such/parameter"])
    t.eq([one["Name"] for one in got["Parameters"]], [IMAGE], "found")
    t.eq(got["InvalidParameters"], ["/no/such/parameter"], "invalid")


@check("ssm.get-parameters.at-most-ten")
def _(t):
    t.fails("ValidationException", t.raw("ssm").get_parameters, Names=[f"/a{n}" for n in range(11)])


@check("ssm.get-parameters-by-path.recursive")
def _(t):
    path = "/aws/service/ecs/optimized-ami/amazon-linux-2023"
    pages = t.ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    below = [one["Name"] for page in pages for one in page["Parameters"]]
    assert IMAGE in below and len(below) == len(set(below)), below


@check("ssm.get-parameters-by-path.one-level")
def _(t):
    path = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended"
    names = [one["Name"] for one in t.ssm.get_parameters_by_path(Path=path)["Parameters"]]
    assert IMAGE in names, names
    upper = "/aws/service/ecs/optimized-ami"
    t.eq([one["Name"] for one in t.ssm.get_parameters_by_path(Path=upper)["Parameters"]], [], "one level above")


@check("ssm.image-parameter-names-an-image")
def _(t):
    image = t.ssm.get_parameter(Name=IMAGE)["Parameter"]["Value"]
    got = t.ec2.describe_images(ImageIds=[image])["Images"]
    t.has(got, [{"ImageId": image, "Architecture": "x86_64", "State": "available"}])
