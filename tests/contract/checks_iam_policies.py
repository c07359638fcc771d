"""Managed policies: tags, who uses them, AWS's own documents; deletions in the words of IAM."""

from case import check
from checks_iam import AWS, READ, attach, join, policy, profile, put, role


@check("iam.managed.tags")
def _(t):
    arn = policy(t)["Arn"]
    t.iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    t.iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    t.eq(t.iam.list_policy_tags(PolicyArn=arn)["Tags"], [{"Key": "b", "Value": "2"}])


@check("iam.managed.entities")
def _(t):
    arn = policy(t)["Arn"]
    made = role(t)
    attach(t, made["RoleName"], arn)
    got = t.iam.list_entities_for_policy(PolicyArn=arn)
    t.has(got, {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": [{"RoleName": made["RoleName"], "RoleId": made["RoleId"]}]})
    t.eq(t.iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="User")["PolicyRoles"], [], "users only")


@check("iam.managed.every-listed-document-of-aws")
def _(t):
    for name in ("ReadOnlyAccess", "SecurityAudit", "job-function/ViewOnlyAccess", "PowerUserAccess"):
        got = t.iam.get_policy(PolicyArn=AWS + name)["Policy"]
        version = t.iam.get_policy_version(PolicyArn=AWS + name, VersionId=got["DefaultVersionId"])["PolicyVersion"]
        t.eq((version["IsDefaultVersion"], version["VersionId"]), (True, got["DefaultVersionId"]), name)
        assert version["Document"]["Statement"], name


@check("iam.managed.missing-in-words")
def _(t):
    arn = f"arn:aws:iam::{t.sts.get_caller_identity()['Account']}:policy/no-such"
    t.fails("NoSuchEntity", t.iam.get_policy, status=404, message=f"Policy {arn} was not found.", PolicyArn=arn)
    role(t)
    arguments = {"RoleName": t.name("role"), "PolicyArn": arn}
    t.fails("NoSuchEntity", t.iam.attach_role_policy, status=404, message=f"Policy {arn} does not exist or is not attachable.", **arguments)
    t.fails("NoSuchEntity", t.iam.detach_role_policy, status=404, message=f"Policy {arn} was not found.", **arguments)


@check("iam.role.delete-in-order")
def _(t):
    name = role(t)["RoleName"]
    profile(t)
    join(t, t.name("profile"), name)
    attach(t, name, AWS + "ReadOnlyAccess")
    put(t, name, document=READ)

    def refused(message):
        t.fails("DeleteConflict", t.iam.delete_role, status=409, message=message, RoleName=name)

    refused("Cannot delete entity, must remove roles from instance profile first.")
    t.iam.remove_role_from_instance_profile(InstanceProfileName=t.name("profile"), RoleName=name)
    refused("Cannot delete entity, must detach all policies first.")
    t.iam.detach_role_policy(RoleName=name, PolicyArn=AWS + "ReadOnlyAccess")
    refused("Cannot delete entity, must delete policies first.")
    t.iam.delete_role_policy(RoleName=name, PolicyName="inline")
    t.iam.delete_role(RoleName=name)


@check("iam.names-taken")
def _(t):
    role(t)
    profile(t)
    policy(t)
    code = "EntityAlreadyExists"
    t.fails(code, role, status=409, message=f"Role with name {t.name('role')} already exists.", t=t)
    t.fails(code, profile, status=409, message=f"Instance Profile {t.name('profile')} already exists.", t=t)
    message = f"A policy called {t.name('policy')} already exists. Duplicate names are not allowed."
    t.fails(code, policy, status=409, message=message, t=t)
