"""Secrets Manager."""

import re
import uuid

from case import check


def secret(t, what="x", **more):
    """A secret, as CreateSecret answers."""
    name = t.name(what)
    t.later(t.secretsmanager.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)
    return t.secretsmanager.create_secret(Name=name, **more)


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


@check("secrets.create")
def _(t):
    got = secret(t, SecretString="v", Description="d", Tags=tags(a="1"))
    account = t.sts.get_caller_identity()["Account"]
    assert re.fullmatch(f"arn:aws:secretsmanager:us-west-2:{account}:secret:{t.name('x')}-[A-Za-z0-9]{{6}}", got["ARN"]), got["ARN"]
    described = t.secretsmanager.describe_secret(SecretId=t.name("x"))
    t.has(described, {"ARN": got["ARN"], "Name": t.name("x"), "Description": "d", "Tags": tags(a="1"), "VersionIdsToStages": {got["VersionId"]: ["AWSCURRENT"]}})


@check("secrets.by-name-arn-and-part-of-it")
def _(t):
    arn = secret(t, SecretString="v")["ARN"]
    for id in (t.name("x"), arn, arn[:-7]):
        t.eq(t.secretsmanager.get_secret_value(SecretId=id)["SecretString"], "v", id)


@check("secrets.create.exists")
def _(t):
    secret(t, SecretString="v")
    t.fails("ResourceExistsException", t.secretsmanager.create_secret, status=400, Name=t.name("x"), SecretString="v")


@check("secrets.create.idempotent")
def _(t):
    token = str(uuid.uuid4())
    first = secret(t, SecretString="v", ClientRequestToken=token)
    t.eq(first["VersionId"], token)
    again = t.secretsmanager.create_secret(Name=t.name("x"), SecretString="v", ClientRequestToken=token)
    t.eq(again["ARN"], first["ARN"], "the same once more")
    t.fails("ResourceExistsException", t.secretsmanager.create_secret, Name=t.name("x"), SecretString="w", ClientRequestToken=token)


@check("secrets.create.text-or-binary")
def _(t):
    t.fails("InvalidParameterException", t.secretsmanager.create_secret, Name=t.name("x"), SecretString="v", SecretBinary=b"v")


@check("secrets.create.bad-name")
def _(t):
    t.fails(("InvalidParameterException", "ValidationException"), t.secretsmanager.create_secret, Name="a b")


@check("secrets.create.short-token")
def _(t):
    t.fails("InvalidParameterException", t.raw("secretsmanager").create_secret, Name=t.name("x"), SecretString="v", ClientRequestToken="short")


@check("secrets.binary")
def _(t):
    secret(t, SecretBinary=b"\x00\x01")
    got = t.secretsmanager.get_secret_value(SecretId=t.name("x"))
    t.eq(got["SecretBinary"], b"\x00\x01")
    assert "SecretString" not in got, got


@check("secrets.without-a-value")
def _(t):
    assert "VersionId" not in secret(t), "a version without a value"
    t.fails("ResourceNotFoundException", t.secretsmanager.get_secret_value, message="AWSCURRENT", SecretId=t.name("x"))


@check("secrets.put-value")
def _(t):
    first = secret(t, SecretString="one")["VersionId"]
    put = t.secretsmanager.put_secret_value(SecretId=t.name("x"), SecretString="two")
    t.eq(put["VersionStages"], ["AWSCURRENT"])
    t.has(t.secretsmanager.get_secret_value(SecretId=t.name("x")), {"SecretString": "two", "VersionId": put["VersionId"]})
    before = t.secretsmanager.get_secret_value(SecretId=t.name("x"), VersionStage="AWSPREVIOUS")
    t.has(before, {"SecretString": "one", "VersionId": first, "VersionStages": ["AWSPREVIOUS"]})
    t.eq(t.secretsmanager.get_secret_value(SecretId=t.name("x"), VersionId=first)["SecretString"], "one", "by id")


@check("secrets.put-value.idempotent")
def _(t):
    secret(t)
    token = str(uuid.uuid4())
    for _number in range(2):
        t.eq(t.secretsmanager.put_secret_value(SecretId=t.name("x"), SecretString="v", ClientRequestToken=token)["VersionId"], token)
    t.fails("ResourceExistsException", t.secretsmanager.put_secret_value, SecretId=t.name("x"), SecretString="w", ClientRequestToken=token)


@check("secrets.put-value.needs-one")
def _(t):
    secret(t)
    t.fails(("InvalidRequestException", "InvalidParameterException"), t.secretsmanager.put_secret_value, SecretId=t.name("x"))


@check("secrets.update")
def _(t):
    secret(t, SecretString="one", Description="d")
    got = t.secretsmanager.update_secret(SecretId=t.name("x"), Description="e")
    t.eq(got["Name"], t.name("x"))
    t.eq(t.secretsmanager.describe_secret(SecretId=t.name("x"))["Description"], "e")
    t.secretsmanager.update_secret(SecretId=t.name("x"), SecretString="two")
    t.eq(t.secretsmanager.get_secret_value(SecretId=t.name("x"))["SecretString"], "two")


@check("secrets.missing")
def _(t):
    for call in (t.secretsmanager.describe_secret, t.secretsmanager.get_secret_value, t.secretsmanager.delete_secret, t.secretsmanager.restore_secret):
        t.fails("ResourceNotFoundException", call, status=400, SecretId=t.name("none"))


@check("secrets.delete.waits")
def _(t):
    secret(t, SecretString="v")
    got = t.secretsmanager.delete_secret(SecretId=t.name("x"), RecoveryWindowInDays=7)
    assert "DeletionDate" in got, got
    for call in (t.secretsmanager.get_secret_value, t.secretsmanager.delete_secret):
        t.fails("InvalidRequestException", call, status=400, SecretId=t.name("x"))
    t.fails("InvalidRequestException", t.secretsmanager.put_secret_value, SecretId=t.name("x"), SecretString="w")
    t.fails("InvalidRequestException", t.secretsmanager.create_secret, message="already scheduled for deletion", Name=t.name("x"), SecretString="w")
    assert "DeletedDate" in t.secretsmanager.describe_secret(SecretId=t.name("x"))


@check("secrets.delete.window")
def _(t):
    secret(t, SecretString="v")
    for days in (6, 31):
        t.fails("InvalidParameterException", t.secretsmanager.delete_secret, SecretId=t.name("x"), RecoveryWindowInDays=days)
    t.fails("InvalidParameterException", t.secretsmanager.delete_secret, SecretId=t.name("x"), RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)


@check("secrets.delete.at-once")
def _(t):
    secret(t, SecretString="v")
    t.secretsmanager.delete_secret(SecretId=t.name("x"), ForceDeleteWithoutRecovery=True)
    t.fails("ResourceNotFoundException", t.secretsmanager.describe_secret, SecretId=t.name("x"))
    t.secretsmanager.delete_secret(SecretId=t.name("x"), ForceDeleteWithoutRecovery=True)


@check("secrets.restore")
def _(t):
    secret(t, SecretString="v")
    t.secretsmanager.delete_secret(SecretId=t.name("x"))
    t.secretsmanager.restore_secret(SecretId=t.name("x"))
    t.eq(t.secretsmanager.get_secret_value(SecretId=t.name("x"))["SecretString"], "v")


@check("secrets.list")
def _(t):
    secret(t, "one", SecretString="v", Tags=tags(**{t.name("key"): "a"}))
    secret(t, "two", Tags=tags(**{t.name("key"): "b"}))

    def names(**more):
        return sorted(one["Name"] for one in t.secretsmanager.list_secrets(**more)["SecretList"])

    both = [t.name("one"), t.name("two")]
    t.eq(names(Filters=[{"Key": "name", "Values": [t.name()[:-1]]}]), both, "by the beginning of the name")
    t.eq(names(Filters=[{"Key": "tag-key", "Values": [t.name("key")]}]), both, "by the key of a tag")
    t.eq(names(Filters=[{"Key": "tag-key", "Values": [t.name("key")]}, {"Key": "tag-value", "Values": ["b"]}]), [t.name("two")], "by key and value")
    t.secretsmanager.delete_secret(SecretId=t.name("one"))
    mine = [{"Key": "name", "Values": [t.name("one")]}]
    t.eq(names(Filters=mine), [], "one that waits for its deletion")
    t.eq(names(Filters=mine, IncludePlannedDeletion=True), [t.name("one")], "asked for")


@check("secrets.list.pages")
def _(t):
    for number in range(3):
        secret(t, f"p{number}")
    mine = [{"Key": "name", "Values": [t.name("p")]}]
    first = t.secretsmanager.list_secrets(Filters=mine, MaxResults=2)
    rest = t.secretsmanager.list_secrets(Filters=mine, MaxResults=2, NextToken=first["NextToken"])
    t.eq(sorted(one["Name"] for page in (first, rest) for one in page["SecretList"]), [t.name(f"p{number}") for number in range(3)])


@check("secrets.tags")
def _(t):
    secret(t, Tags=tags(a="1"))
    t.secretsmanager.tag_resource(SecretId=t.name("x"), Tags=tags(b="2"))
    t.secretsmanager.untag_resource(SecretId=t.name("x"), TagKeys=["a", "never"])
    t.eq(t.secretsmanager.describe_secret(SecretId=t.name("x"))["Tags"], tags(b="2"))


@check("secrets.tags.tagging-service")
def _(t):
    arn = secret(t, Tags=tags(**{t.name("key"): "a"}))["ARN"]
    found = t.tagging.get_resources(TagFilters=[{"Key": t.name("key")}], ResourceTypeFilters=["secretsmanager:secret"])
    t.eq([one["ResourceARN"] for one in found["ResourceTagMappingList"]], [arn])
    t.eq(t.tagging.tag_resources(ResourceARNList=[arn], Tags={"more": "1"})["FailedResourcesMap"], {})
    t.eq(t.tagging.untag_resources(ResourceARNList=[arn], TagKeys=[t.name("key")])["FailedResourcesMap"], {})
    t.eq(t.secretsmanager.describe_secret(SecretId=t.name("x"))["Tags"], tags(more="1"))
