"""CloudWatch Logs: log groups."""

from case import check

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = KEY.replace("1234abcd", "4321abcd")


def group(t, what="x", **members):
    """Makes a log group that goes when the check ends; its name."""
    name = f"/contract/{t.name(what)}"
    t.logs.create_log_group(logGroupName=name, **members)
    t.later(t.logs.delete_log_group, logGroupName=name)
    return name


def describe(t, name):
    found = [one for one in t.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] if one["logGroupName"] == name]
    assert len(found) == 1, f"{len(found)} log groups of this name"
    return found[0]


def arn(t, name):
    return describe(t, name)["arn"].removesuffix(":*")


def names(groups):
    return [one["logGroupName"] for one in groups]


@check("logs.group.defaults")
def _(t):
    name = group(t)
    got = describe(t, name)
    t.has(got, {"logGroupName": name, "storedBytes": 0, "metricFilterCount": 0})
    assert got["creationTime"] > 1_000_000_000_000, got["creationTime"]
    for absent in ("retentionInDays", "kmsKeyId"):
        assert absent not in got, f"{absent} is there"


@check("logs.group.arns")
def _(t):
    name = group(t)
    got = describe(t, name)
    ending = f":log-group:{name}"
    assert got["arn"].startswith("arn:aws:logs:us-west-2:") and got["arn"].endswith(f"{ending}:*"), got["arn"]
    t.eq(got["logGroupArn"] + ":*", got["arn"], "logGroupArn")


@check("logs.group.class-defaults-to-standard")
def _(t):
    t.eq(describe(t, group(t)).get("logGroupClass"), "STANDARD", "logGroupClass")


@check("logs.group.class")
def _(t):
    t.eq(describe(t, group(t, logGroupClass="INFREQUENT_ACCESS")).get("logGroupClass"), "INFREQUENT_ACCESS", "logGroupClass")


@check("logs.group.unknown-class")
def _(t):
    t.fails("InvalidParameterException", t.raw("logs").create_log_group, logGroupName=t.name(), logGroupClass="CHEAP")


@check("logs.group.twice")
def _(t):
    name = group(t)
    t.fails("ResourceAlreadyExistsException", t.logs.create_log_group, status=400, logGroupName=name)


@check("logs.group.name-pattern")
def _(t):
    for bad in ("a b", "a:b", "a*"):
        t.fails("InvalidParameterException", t.raw("logs").create_log_group, status=400, logGroupName=bad)


@check("logs.group.name-length")
def _(t):
    t.fails("InvalidParameterException", t.raw("logs").create_log_group, logGroupName="a" * 513)


@check("logs.group.name-of-aws")
def _(t):
    t.fails("InvalidParameterException", t.logs.create_log_group, logGroupName=f"aws/{t.name()}")


@check("logs.group.names-tell-case-apart")
def _(t):
    one, other = group(t, "case"), group(t, "Case")
    t.eq(describe(t, one)["logGroupName"], one)
    t.eq(describe(t, other)["logGroupName"], other)


@check("logs.group.delete")
def _(t):
    name = group(t)
    t.logs.delete_log_group(logGroupName=name)
    t.eq(t.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"], [], "after the deletion")
    t.fails("ResourceNotFoundException", t.logs.delete_log_group, status=400, logGroupName=name)


@check("logs.describe.sorted")
def _(t):
    made = [group(t, what) for what in ("b", "a", "C")]
    got = names(t.logs.describe_log_groups(logGroupNamePrefix=f"/contract/{t.prefix}")["logGroups"])
    t.eq(got, sorted(made), "names")


@check("logs.describe.pages")
def _(t):
    made = [group(t, f"g{number}") for number in range(5)]
    pages = t.logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=f"/contract/{t.prefix}", PaginationConfig={"PageSize": 2}
    )
    parts = [names(page["logGroups"]) for page in pages]
    t.eq([len(part) for part in parts], [2, 2, 1], "lengths of the pages")
    t.eq(sum(parts, []), made, "names")


@check("logs.describe.page-size")
def _(t):
    t.fails("InvalidParameterException", t.raw("logs").describe_log_groups, limit=51)


@check("logs.describe.page-size-of-none")
def _(t):
    t.fails("InvalidParameterException", t.raw("logs").describe_log_groups, limit=0)


@check("logs.describe.bad-token")
def _(t):
    t.fails("InvalidParameterException", t.logs.describe_log_groups, nextToken="never-given-out")


@check("logs.describe.pattern")
def _(t):
    name = group(t, "needle")
    group(t, "hay")
    got = t.logs.describe_log_groups(logGroupNamePattern=f"{t.prefix}-need")["logGroups"]
    t.eq(names(got), [name], "names")
    t.eq(sorted(set(got[0]) - {"logGroupArn"}), ["arn", "creationTime", "logGroupName"], "members")


@check("logs.describe.pattern-or-prefix")
def _(t):
    t.fails("InvalidParameterException", t.logs.describe_log_groups, logGroupNamePattern="a", logGroupNamePrefix="a")


@check("logs.describe.identifiers")
def _(t):
    one, other, _ = group(t, "one"), group(t, "other"), group(t, "third")
    got = t.logs.describe_log_groups(logGroupIdentifiers=[other, one])["logGroups"]
    t.eq(names(got), [one, other], "names")


@check("logs.describe.identifiers-leave-out-what-is-missing")
def _(t):
    one = group(t, "one")
    group(t, "other")
    got = t.logs.describe_log_groups(logGroupIdentifiers=[one, "/contract/never"])["logGroups"]
    t.eq(names(got), [one], "names")


@check("logs.describe.identifiers-alone")
def _(t):
    t.fails("InvalidParameterException", t.logs.describe_log_groups, logGroupIdentifiers=["a"], logGroupNamePrefix="a")


@check("logs.describe.class")
def _(t):
    cheap = group(t, "cheap", logGroupClass="INFREQUENT_ACCESS")
    group(t, "standard")
    got = t.logs.describe_log_groups(logGroupNamePrefix=f"/contract/{t.prefix}", logGroupClass="INFREQUENT_ACCESS")
    t.eq(names(got["logGroups"]), [cheap], "names")


@check("logs.retention.put-and-delete")
def _(t):
    name = group(t)
    t.logs.put_retention_policy(logGroupName=name, retentionInDays=14)
    t.eq(describe(t, name)["retentionInDays"], 14, "retentionInDays")
    t.logs.delete_retention_policy(logGroupName=name)
    assert "retentionInDays" not in describe(t, name), "retentionInDays is there"


@check("logs.retention.certain-times-only")
def _(t):
    name = group(t)
    for days in (0, 2, 31, 4000):
        t.fails("InvalidParameterException", t.logs.put_retention_policy, status=400, logGroupName=name, retentionInDays=days)


@check("logs.retention.every-time")
def _(t):
    name = group(t)
    for days in (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653):
        t.logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        t.eq(describe(t, name)["retentionInDays"], days, "retentionInDays")


@check("logs.retention.missing-group")
def _(t):
    t.fails("ResourceNotFoundException", t.logs.put_retention_policy, logGroupName="/contract/never", retentionInDays=1)
    t.fails("ResourceNotFoundException", t.logs.delete_retention_policy, logGroupName="/contract/never")


@check("logs.key.at-creation")
def _(t):
    t.eq(describe(t, group(t, kmsKeyId=KEY))["kmsKeyId"], KEY, "kmsKeyId")


@check("logs.key.associate-and-disassociate")
def _(t):
    name = group(t)
    t.logs.associate_kms_key(logGroupName=name, kmsKeyId=KEY)
    t.eq(describe(t, name)["kmsKeyId"], KEY, "kmsKeyId")
    t.logs.associate_kms_key(resourceIdentifier=arn(t, name), kmsKeyId=OTHER_KEY)
    t.eq(describe(t, name)["kmsKeyId"], OTHER_KEY, "kmsKeyId")
    t.logs.disassociate_kms_key(logGroupName=name)
    assert "kmsKeyId" not in describe(t, name), "kmsKeyId is there"


@check("logs.key.name-or-identifier")
def _(t):
    name = group(t)
    t.fails(
        "InvalidParameterException",
        t.logs.associate_kms_key,
        logGroupName=name,
        resourceIdentifier=arn(t, name),
        kmsKeyId=KEY,
    )


@check("logs.key.missing-group")
def _(t):
    t.fails("ResourceNotFoundException", t.logs.associate_kms_key, logGroupName="/contract/never", kmsKeyId=KEY)
    t.fails("ResourceNotFoundException", t.logs.disassociate_kms_key, logGroupName="/contract/never")


@check("logs.protection.holds")
def _(t):
    name = group(t, deletionProtectionEnabled=True)
    t.later(t.logs.put_log_group_deletion_protection, logGroupIdentifier=name, deletionProtectionEnabled=False)
    t.eq(describe(t, name).get("deletionProtectionEnabled"), True, "deletionProtectionEnabled")
    t.fails("ValidationException", t.logs.delete_log_group, status=400, logGroupName=name)


@check("logs.protection.put")
def _(t):
    name = group(t)
    t.eq(describe(t, name).get("deletionProtectionEnabled", False), False, "deletionProtectionEnabled")
    for on in (True, False):
        t.logs.put_log_group_deletion_protection(logGroupIdentifier=arn(t, name), deletionProtectionEnabled=on)
        t.eq(describe(t, name).get("deletionProtectionEnabled"), on, "deletionProtectionEnabled")
    t.logs.delete_log_group(logGroupName=name)


@check("logs.protection.missing-group")
def _(t):
    t.fails(
        "ResourceNotFoundException",
        t.logs.put_log_group_deletion_protection,
        logGroupIdentifier="/contract/never",
        deletionProtectionEnabled=True,
    )


@check("logs.tags.at-creation")
def _(t):
    name = group(t, tags={"team": "tills", "empty": ""})
    t.eq(t.logs.list_tags_for_resource(resourceArn=arn(t, name))["tags"], {"team": "tills", "empty": ""}, "tags")


@check("logs.tags.come-and-go")
def _(t):
    name = group(t)
    resource = arn(t, name)
    t.eq(t.logs.list_tags_for_resource(resourceArn=resource)["tags"], {}, "tags")
    t.logs.tag_resource(resourceArn=resource, tags={"a": "1", "b": "2"})
    t.logs.tag_resource(resourceArn=resource, tags={"a": "3"})
    t.eq(t.logs.list_tags_for_resource(resourceArn=resource)["tags"], {"a": "3", "b": "2"}, "tags")
    t.logs.untag_resource(resourceArn=resource, tagKeys=["a", "never"])
    t.eq(t.logs.list_tags_for_resource(resourceArn=resource)["tags"], {"b": "2"}, "tags")


@check("logs.tags.arn-without-star")
def _(t):
    name = group(t)
    t.fails("InvalidParameterException", t.raw("logs").list_tags_for_resource, resourceArn=describe(t, name)["arn"])


@check("logs.tags.reserved-prefix")
def _(t):
    name = group(t)
    t.fails("InvalidParameterException", t.logs.tag_resource, resourceArn=arn(t, name), tags={"aws:x": "1"})


@check("logs.tags.at-most-fifty")
def _(t):
    name = group(t, tags={"one": "1"})
    many = {f"k{number}": "" for number in range(50)}
    t.fails("TooManyTagsException", t.logs.tag_resource, resourceArn=arn(t, name), tags=many)


@check("logs.tags.missing-group")
def _(t):
    gone = f"arn:aws:logs:us-west-2:{ACCOUNT}:log-group:/contract/never"
    t.fails("ResourceNotFoundException", t.logs.list_tags_for_resource, resourceArn=gone)
    t.fails("ResourceNotFoundException", t.logs.tag_resource, resourceArn=gone, tags={"a": "1"})


@check("logs.tags.tagging-service")
def _(t):
    name = group(t, tags={"contract": t.prefix})
    got = t.tagging.get_resources(
        TagFilters=[{"Key": "contract", "Values": [t.prefix]}], ResourceTypeFilters=["logs:log-group"]
    )["ResourceTagMappingList"]
    t.eq([one["ResourceARN"] for one in got], [arn(t, name)], "ARNs")
    t.eq(got[0]["Tags"], [{"Key": "contract", "Value": t.prefix}], "tags")
    t.logs.delete_log_group(logGroupName=name)
