"""IAM: roles, policies, instance profiles, authorization details."""

import json
from datetime import datetime, timezone

from case import check

AWS = "arn:aws:iam::aws:policy/"
FOR_EC2 = AWS + "service-role/AmazonEC2ContainerServiceforEC2Role"
EXECUTION = AWS + "service-role/AmazonECSTaskExecutionRolePolicy"
READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


def trust(principal=None, **more):
    statement = {"Effect": "Allow", "Principal": principal or {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement | more]}


def role(t, what="role", **more):
    arguments = {"RoleName": t.name(what), "AssumeRolePolicyDocument": json.dumps(trust())} | more
    got = t.iam.create_role(**arguments)["Role"]
    t.later(t.iam.delete_role, RoleName=arguments["RoleName"])
    return got


def profile(t, what="profile", **more):
    got = t.iam.create_instance_profile(InstanceProfileName=t.name(what), **more)["InstanceProfile"]
    t.later(t.iam.delete_instance_profile, InstanceProfileName=t.name(what))
    return got


def policy(t, what="policy", document=READ, **more):
    got = t.iam.create_policy(PolicyName=t.name(what), PolicyDocument=json.dumps(document), **more)["Policy"]
    t.later(t.iam.delete_policy, PolicyArn=got["Arn"])
    return got


def attach(t, name, arn):
    t.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    t.later(t.iam.detach_role_policy, RoleName=name, PolicyArn=arn)


def put(t, name, what="inline", document=READ):
    t.iam.put_role_policy(RoleName=name, PolicyName=what, PolicyDocument=json.dumps(document))
    t.later(t.iam.delete_role_policy, RoleName=name, PolicyName=what)


def join(t, profile_name, role_name):
    t.iam.add_role_to_instance_profile(InstanceProfileName=profile_name, RoleName=role_name)
    t.later(t.iam.remove_role_from_instance_profile, InstanceProfileName=profile_name, RoleName=role_name)


def all_pages(call, member, **arguments):
    rows, marker = [], {}
    while True:
        page = call(**arguments, **marker)
        rows += page[member]
        if not page["IsTruncated"]:
            return rows
        marker = {"Marker": page["Marker"]}


@check("iam.role.create")
def _(t):
    got = role(t, Description="d", Tags=[{"Key": "a", "Value": "b"}])
    account = t.sts.get_caller_identity()["Account"]
    t.has(got, {"Path": "/", "RoleName": t.name("role"), "Arn": f"arn:aws:iam::{account}:role/{t.name('role')}"})
    t.has(got, {"Description": "d", "Tags": [{"Key": "a", "Value": "b"}], "AssumeRolePolicyDocument": trust()})


@check("iam.role.id-has-21-characters")
def _(t):
    got = role(t)["RoleId"]
    assert got.startswith("AROA") and len(got) == 21, got


@check("iam.role.created-now")
def _(t):
    age = datetime.now(timezone.utc) - role(t)["CreateDate"]
    assert abs(age.total_seconds()) < 120, age


@check("iam.role.defaults")
def _(t):
    role(t)
    got = t.iam.get_role(RoleName=t.name("role"))["Role"]
    t.has(got, {"Path": "/", "MaxSessionDuration": 3600, "RoleLastUsed": {}})
    for absent in ("Description", "Tags", "PermissionsBoundary"):
        assert absent not in got, f"{absent} is there"


@check("iam.role.path-is-in-the-arn")
def _(t):
    assert role(t, Path="/edge/site/")["Arn"].endswith(f":role/edge/site/{t.name('role')}")


@check("iam.role.name-taken")
def _(t):
    role(t)
    t.fails("EntityAlreadyExists", role, status=409, message=f"Role with name {t.name('role')} already exists.", t=t)


@check("iam.role.name-taken-in-other-case")
def _(t):
    role(t, "Role")
    t.fails("EntityAlreadyExists", t.iam.create_role, RoleName=t.name("rOLE"), AssumeRolePolicyDocument=json.dumps(trust()))


@check("iam.role.bad-name")
def _(t):
    t.fails("ValidationError", t.iam.create_role, status=400, RoleName="a b", AssumeRolePolicyDocument=json.dumps(trust()))


@check("iam.role.name-too-long")
def _(t):
    t.fails("ValidationError", t.raw("iam").create_role, RoleName="a" * 65, AssumeRolePolicyDocument=json.dumps(trust()))


@check("iam.role.bad-path")
def _(t):
    t.fails("ValidationError", role, t=t, Path="edge")


@check("iam.role.session-too-short")
def _(t):
    t.fails("ValidationError", t.raw("iam").create_role, RoleName=t.name(), AssumeRolePolicyDocument=json.dumps(trust()), MaxSessionDuration=60)


@check("iam.role.session-too-long")
def _(t):
    t.fails("ValidationError", role, t=t, MaxSessionDuration=43201)


@check("iam.role.missing")
def _(t):
    t.fails("NoSuchEntity", t.iam.get_role, status=404, message="The role with name no-such cannot be found.", RoleName="no-such")


@check("iam.trust.not-json")
def _(t):
    t.fails("MalformedPolicyDocument", role, status=400, t=t, AssumeRolePolicyDocument="{not json")


@check("iam.trust.no-principal")
def _(t):
    document = trust()
    del document["Statement"][0]["Principal"]
    t.fails("MalformedPolicyDocument", role, t=t, AssumeRolePolicyDocument=json.dumps(document))


@check("iam.trust.resource-prohibited")
def _(t):
    document = json.dumps(trust(Resource="*"))
    t.fails("MalformedPolicyDocument", role, message="Has prohibited field Resource", t=t, AssumeRolePolicyDocument=document)


@check("iam.trust.unknown-service")
def _(t):
    document = json.dumps(trust({"Service": "ecs-tasks"}))
    t.fails("MalformedPolicyDocument", role, message="Invalid principal in policy", t=t, AssumeRolePolicyDocument=document)


@check("iam.trust.principal-must-exist")
def _(t):
    account = t.sts.get_caller_identity()["Account"]
    document = json.dumps(trust({"AWS": f"arn:aws:iam::{account}:role/no-such-role"}))
    t.fails("MalformedPolicyDocument", role, message="Invalid principal in policy", t=t, AssumeRolePolicyDocument=document)


@check("iam.trust.other-actions")
def _(t):
    document = json.dumps(trust(Action="s3:GetObject"))
    t.fails("MalformedPolicyDocument", role, t=t, AssumeRolePolicyDocument=document)


@check("iam.trust.too-large")
def _(t):
    document = json.dumps(trust(Condition={"StringEquals": {"aws:SourceAccount": ["1" * 12] * 150}}))
    t.fails("LimitExceeded", role, status=409, t=t, AssumeRolePolicyDocument=document)


@check("iam.trust.update")
def _(t):
    role(t)
    new = trust({"Service": "ec2.amazonaws.com"})
    t.iam.update_assume_role_policy(RoleName=t.name("role"), PolicyDocument=json.dumps(new))
    t.eq(t.iam.get_role(RoleName=t.name("role"))["Role"]["AssumeRolePolicyDocument"], new, "trust")


@check("iam.trust.update-checks")
def _(t):
    role(t)
    t.fails("MalformedPolicyDocument", t.iam.update_assume_role_policy, RoleName=t.name("role"), PolicyDocument="[]")


@check("iam.role.update")
def _(t):
    role(t, Description="old")
    t.iam.update_role(RoleName=t.name("role"), MaxSessionDuration=7200)
    t.has(t.iam.get_role(RoleName=t.name("role"))["Role"], {"Description": "old", "MaxSessionDuration": 7200})
    t.iam.update_role(RoleName=t.name("role"), Description="new")
    t.has(t.iam.get_role(RoleName=t.name("role"))["Role"], {"Description": "new", "MaxSessionDuration": 7200})


@check("iam.role.update-description")
def _(t):
    role(t)
    t.eq(t.iam.update_role_description(RoleName=t.name("role"), Description="x")["Role"]["Description"], "x")


@check("iam.role.tags")
def _(t):
    role(t, Tags=[{"Key": "a", "Value": "1"}])
    t.iam.tag_role(RoleName=t.name("role"), Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    t.iam.untag_role(RoleName=t.name("role"), TagKeys=["b", "none"])
    t.eq(t.iam.list_role_tags(RoleName=t.name("role"))["Tags"], [{"Key": "a", "Value": "3"}], "tags")


@check("iam.role.tags-twice-one-key")
def _(t):
    t.fails("InvalidInput", role, t=t, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])


@check("iam.role.tags-reserved")
def _(t):
    t.fails("InvalidInput", role, t=t, Tags=[{"Key": "aws:x", "Value": "1"}])


@check("iam.role.list-without-tags")
def _(t):
    role(t, Path=f"/{t.name()}/", Tags=[{"Key": "a", "Value": "1"}])
    got = t.iam.list_roles(PathPrefix=f"/{t.name()}/")["Roles"]
    t.eq([one["RoleName"] for one in got], [t.name("role")], "names")
    assert "Tags" not in got[0], "tags in the list"


@check("iam.role.list-pages")
def _(t):
    for letter in "abc":
        role(t, letter, Path=f"/{t.name()}/")
    page = t.iam.list_roles(PathPrefix=f"/{t.name()}/", MaxItems=2)
    t.eq((len(page["Roles"]), page["IsTruncated"]), (2, True), "first page")
    rows = all_pages(t.iam.list_roles, "Roles", PathPrefix=f"/{t.name()}/", MaxItems=2)
    t.eq(sorted(one["RoleName"] for one in rows), [t.name(letter) for letter in "abc"], "names")


@check("iam.boundary.set-and-clear")
def _(t):
    role(t, PermissionsBoundary=AWS + "PowerUserAccess")
    got = t.iam.get_role(RoleName=t.name("role"))["Role"]["PermissionsBoundary"]
    t.eq(got["PermissionsBoundaryArn"], AWS + "PowerUserAccess", "boundary")
    t.iam.put_role_permissions_boundary(RoleName=t.name("role"), PermissionsBoundary=AWS + "AdministratorAccess")
    t.iam.delete_role_permissions_boundary(RoleName=t.name("role"))
    assert "PermissionsBoundary" not in t.iam.get_role(RoleName=t.name("role"))["Role"]


@check("iam.boundary.missing-policy")
def _(t):
    role(t)
    t.fails("NoSuchEntity", t.iam.put_role_permissions_boundary, RoleName=t.name("role"), PermissionsBoundary=AWS + "NoSuch")


@check("iam.inline.round-trip")
def _(t):
    role(t)
    put(t, t.name("role"))
    got = t.iam.get_role_policy(RoleName=t.name("role"), PolicyName="inline")
    t.has(got, {"RoleName": t.name("role"), "PolicyName": "inline", "PolicyDocument": READ})
    t.eq(t.iam.list_role_policies(RoleName=t.name("role"))["PolicyNames"], ["inline"], "names")


@check("iam.inline.replaces")
def _(t):
    role(t)
    put(t, t.name("role"))
    other = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    put(t, t.name("role"), document=other)
    t.eq(t.iam.get_role_policy(RoleName=t.name("role"), PolicyName="inline")["PolicyDocument"], other, "document")


@check("iam.inline.missing")
def _(t):
    role(t)
    name = t.name("role")
    t.fails("NoSuchEntity", t.iam.get_role_policy, message="The role policy with name no cannot be found.", RoleName=name, PolicyName="no")
    t.fails("NoSuchEntity", t.iam.delete_role_policy, status=404, RoleName=name, PolicyName="no")


def inline_fault(name, statement, message=None):
    @check(f"iam.inline.{name}")
    def _(t):
        role(t)
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arguments = {"RoleName": t.name("role"), "PolicyName": "p", "PolicyDocument": document}
        t.later(t.iam.delete_role_policy, RoleName=t.name("role"), PolicyName="p")
        t.fails("MalformedPolicyDocument", t.iam.put_role_policy, status=400, message=message, **arguments)


inline_fault("no-action", {"Effect": "Allow", "Resource": "*"}, "Policy statement must contain actions.")
inline_fault("no-resource", {"Effect": "Allow", "Action": "s3:*"}, "Policy statement must contain resources.")
inline_fault("no-effect", {"Action": "s3:*", "Resource": "*"})
inline_fault("principal", {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}, "should not specify a principal")
inline_fault("action-without-vendor", {"Effect": "Allow", "Action": "GetObject", "Resource": "*"}, "must be prefaced by a vendor")
inline_fault("resource-no-arn", {"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}, "must be in ARN format")
inline_fault("unknown-member", {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Actions": "x"})


@check("iam.inline.too-large")
def _(t):
    role(t)
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [f"arn:aws:s3:::bucket-{n:04}/*" for n in range(450)]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    t.later(t.iam.delete_role_policy, RoleName=t.name("role"), PolicyName="p")
    t.fails("LimitExceeded", t.iam.put_role_policy, status=409, RoleName=t.name("role"), PolicyName="p", PolicyDocument=document)


@check("iam.attach.round-trip")
def _(t):
    role(t)
    attach(t, t.name("role"), FOR_EC2)
    attach(t, t.name("role"), FOR_EC2)
    got = t.iam.list_attached_role_policies(RoleName=t.name("role"))["AttachedPolicies"]
    t.eq(got, [{"PolicyName": "AmazonEC2ContainerServiceforEC2Role", "PolicyArn": FOR_EC2}], "attached")


@check("iam.attach.missing-policy")
def _(t):
    role(t)
    t.fails("NoSuchEntity", t.iam.attach_role_policy, status=404, RoleName=t.name("role"), PolicyArn=AWS + "NoSuchPolicy")


@check("iam.attach.at-most-ten")
def _(t):
    role(t)
    for n in range(10):
        attach(t, t.name("role"), policy(t, f"p{n}")["Arn"])
    arn = policy(t, "p10")["Arn"]
    t.later(t.iam.detach_role_policy, RoleName=t.name("role"), PolicyArn=arn)
    arguments = {"RoleName": t.name("role"), "PolicyArn": arn}
    t.fails("LimitExceeded", t.iam.attach_role_policy, status=409, message="PoliciesPerRole: 10", **arguments)


@check("iam.detach.not-attached")
def _(t):
    role(t)
    t.fails("NoSuchEntity", t.iam.detach_role_policy, RoleName=t.name("role"), PolicyArn=EXECUTION)


@check("iam.delete-role.attached")
def _(t):
    role(t)
    attach(t, t.name("role"), EXECUTION)
    t.fails("DeleteConflict", t.iam.delete_role, status=409, message="must detach all policies first", RoleName=t.name("role"))


@check("iam.delete-role.inline")
def _(t):
    role(t)
    put(t, t.name("role"))
    t.fails("DeleteConflict", t.iam.delete_role, status=409, message="must delete policies first", RoleName=t.name("role"))


@check("iam.delete-role.in-profile")
def _(t):
    role(t)
    profile(t)
    join(t, t.name("profile"), t.name("role"))
    message = "must remove roles from instance profile first"
    t.fails("DeleteConflict", t.iam.delete_role, status=409, message=message, RoleName=t.name("role"))


@check("iam.delete-role.gone")
def _(t):
    role(t)
    t.iam.delete_role(RoleName=t.name("role"))
    t.fails("NoSuchEntity", t.iam.delete_role, status=404, RoleName=t.name("role"))


@check("iam.managed.execution-role-document")
def _(t):
    version = t.iam.get_policy(PolicyArn=EXECUTION)["Policy"]["DefaultVersionId"]
    got = t.iam.get_policy_version(PolicyArn=EXECUTION, VersionId=version)["PolicyVersion"]
    actions = got["Document"]["Statement"][0]["Action"]
    assert {"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "logs:CreateLogStream", "logs:PutLogEvents"} <= set(actions), actions


@check("iam.managed.create")
def _(t):
    got = policy(t, Path="/edge/", Description="d")
    t.has(got, {"Path": "/edge/", "DefaultVersionId": "v1", "AttachmentCount": 0, "IsAttachable": True})
    assert got["Arn"].endswith(f":policy/edge/{t.name('policy')}") and got["PolicyId"].startswith("ANPA"), got
    t.eq(t.iam.get_policy(PolicyArn=got["Arn"])["Policy"]["Description"], "d", "description")


@check("iam.managed.name-taken")
def _(t):
    policy(t)
    t.fails("EntityAlreadyExists", policy, status=409, t=t)


@check("iam.managed.malformed")
def _(t):
    t.fails("MalformedPolicyDocument", policy, t=t, document={"Version": "2012-10-17"})


@check("iam.managed.versions")
def _(t):
    arn = policy(t)["Arn"]
    got = t.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(READ), SetAsDefault=True)["PolicyVersion"]
    t.later(t.iam.delete_policy_version, PolicyArn=arn, VersionId="v1")
    t.has(got, {"VersionId": "v2", "IsDefaultVersion": True})
    rows = t.iam.list_policy_versions(PolicyArn=arn)["Versions"]
    t.eq({one["VersionId"]: one["IsDefaultVersion"] for one in rows}, {"v1": False, "v2": True}, "versions")
    t.iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    t.eq(t.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v1", "default")


@check("iam.managed.at-most-five-versions")
def _(t):
    arn = policy(t)["Arn"]
    for n in range(2, 6):
        t.later(t.iam.delete_policy_version, PolicyArn=arn, VersionId=f"v{n}")
        t.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(READ))
    t.fails("LimitExceeded", t.iam.create_policy_version, status=409, PolicyArn=arn, PolicyDocument=json.dumps(READ))


@check("iam.managed.delete-default-version")
def _(t):
    t.fails("DeleteConflict", t.iam.delete_policy_version, PolicyArn=policy(t)["Arn"], VersionId="v1")


@check("iam.managed.delete-attached")
def _(t):
    arn = policy(t)["Arn"]
    role(t)
    attach(t, t.name("role"), arn)
    t.eq(t.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1, "attachments")
    t.fails("DeleteConflict", t.iam.delete_policy, message="Cannot delete a policy attached to entities.", PolicyArn=arn)


@check("iam.managed.delete-with-versions")
def _(t):
    arn = policy(t)["Arn"]
    t.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(READ))
    t.later(t.iam.delete_policy_version, PolicyArn=arn, VersionId="v2")
    t.fails("DeleteConflict", t.iam.delete_policy, message="more than one version", PolicyArn=arn)


@check("iam.managed.missing")
def _(t):
    account = t.sts.get_caller_identity()["Account"]
    t.fails("NoSuchEntity", t.iam.get_policy, status=404, PolicyArn=f"arn:aws:iam::{account}:policy/no-such")


@check("iam.managed.list-local")
def _(t):
    arn = policy(t)["Arn"]
    rows = all_pages(t.iam.list_policies, "Policies", Scope="Local")
    assert arn in [one["Arn"] for one in rows]
    assert not [one for one in rows if one["Arn"].startswith(AWS)], "AWS's policies among the local ones"


@check("iam.profile.create")
def _(t):
    got = profile(t, Tags=[{"Key": "a", "Value": "b"}])
    t.has(got, {"Path": "/", "InstanceProfileName": t.name("profile"), "Roles": [], "Tags": [{"Key": "a", "Value": "b"}]})
    assert got["InstanceProfileId"].startswith("AIPA") and len(got["InstanceProfileId"]) == 21, got
    assert got["Arn"].endswith(f":instance-profile/{t.name('profile')}"), got["Arn"]


@check("iam.profile.name-taken")
def _(t):
    profile(t)
    t.fails("EntityAlreadyExists", profile, status=409, message=f"Instance Profile {t.name('profile')} already exists.", t=t)


@check("iam.profile.missing")
def _(t):
    t.fails("NoSuchEntity", t.iam.get_instance_profile, message="Instance Profile no cannot be found.", InstanceProfileName="no")


@check("iam.profile.role")
def _(t):
    role(t)
    profile(t)
    join(t, t.name("profile"), t.name("role"))
    got = t.iam.get_instance_profile(InstanceProfileName=t.name("profile"))["InstanceProfile"]
    t.has(got["Roles"], [{"RoleName": t.name("role"), "AssumeRolePolicyDocument": trust()}])
    rows = t.iam.list_instance_profiles_for_role(RoleName=t.name("role"))["InstanceProfiles"]
    t.eq([one["InstanceProfileName"] for one in rows], [t.name("profile")], "profiles of the role")


@check("iam.profile.one-role")
def _(t):
    role(t)
    role(t, "other")
    profile(t)
    join(t, t.name("profile"), t.name("role"))
    arguments = {"InstanceProfileName": t.name("profile"), "RoleName": t.name("other")}
    t.fails("LimitExceeded", t.iam.add_role_to_instance_profile, status=409, message="PerInstanceProfile: 1", **arguments)


@check("iam.profile.missing-role")
def _(t):
    profile(t)
    arguments = {"InstanceProfileName": t.name("profile"), "RoleName": "no-such"}
    t.fails("NoSuchEntity", t.iam.add_role_to_instance_profile, status=404, message="The role with name", **arguments)


@check("iam.profile.delete-with-role")
def _(t):
    role(t)
    profile(t)
    join(t, t.name("profile"), t.name("role"))
    arguments = {"InstanceProfileName": t.name("profile")}
    t.fails("DeleteConflict", t.iam.delete_instance_profile, message="must remove roles from instance profile first", **arguments)


@check("iam.profile.list-without-tags")
def _(t):
    profile(t, Path=f"/{t.name()}/", Tags=[{"Key": "a", "Value": "b"}])
    got = t.iam.list_instance_profiles(PathPrefix=f"/{t.name()}/")["InstanceProfiles"]
    t.eq([one["InstanceProfileName"] for one in got], [t.name("profile")], "names")
    assert "Tags" not in got[0], "tags in the list"


@check("iam.profile.tags")
def _(t):
    name = t.name("profile")
    profile(t)
    t.iam.tag_instance_profile(InstanceProfileName=name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    t.iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["a"])
    t.eq(t.iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"], [{"Key": "b", "Value": "2"}], "tags")


@check("iam.details.role")
def _(t):
    role(t, Tags=[{"Key": "a", "Value": "b"}], PermissionsBoundary=AWS + "PowerUserAccess")
    profile(t)
    join(t, t.name("profile"), t.name("role"))
    put(t, t.name("role"))
    attach(t, t.name("role"), EXECUTION)
    rows = all_pages(t.iam.get_account_authorization_details, "RoleDetailList", Filter=["Role"])
    got = next(one for one in rows if one["RoleName"] == t.name("role"))
    t.has(got, {"AssumeRolePolicyDocument": trust(), "Tags": [{"Key": "a", "Value": "b"}]})
    t.has(got, {"RolePolicyList": [{"PolicyName": "inline", "PolicyDocument": READ}]})
    t.has(got, {"AttachedManagedPolicies": [{"PolicyArn": EXECUTION}]})
    t.has(got, {"InstanceProfileList": [{"InstanceProfileName": t.name("profile")}]})
    t.has(got, {"PermissionsBoundary": {"PermissionsBoundaryArn": AWS + "PowerUserAccess"}, "RoleLastUsed": {}})


@check("iam.details.local-policy")
def _(t):
    arn = policy(t)["Arn"]
    rows = all_pages(t.iam.get_account_authorization_details, "Policies", Filter=["LocalManagedPolicy"])
    got = next(one for one in rows if one["Arn"] == arn)
    t.has(got["PolicyVersionList"], [{"VersionId": "v1", "IsDefaultVersion": True, "Document": READ}])


@check("iam.details.pages")
def _(t):
    for letter in "abc":
        role(t, letter)
    page = t.iam.get_account_authorization_details(Filter=["Role"], MaxItems=1)
    t.eq((len(page["RoleDetailList"]), page["IsTruncated"]), (1, True), "first page")
    rows = all_pages(t.iam.get_account_authorization_details, "RoleDetailList", Filter=["Role"], MaxItems=1)
    names = [one["RoleName"] for one in rows]
    assert {t.name("a"), t.name("b"), t.name("c")} <= set(names) and len(names) == len(set(names)), names


@check("iam.max-items-out-of-range")
def _(t):
    t.fails("ValidationError", t.raw("iam").list_roles, status=400, MaxItems=1001)


@check("iam.service-linked-role")
def _(t):
    try:
        got = t.iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]
        t.has(got, {"RoleName": "AWSServiceRoleForECS", "Path": "/aws-service-role/ecs.amazonaws.com/"})
    except t.iam.exceptions.InvalidInputException:
        pass  # the first cluster makes it, and checks share the account
    error = t.fails("InvalidInput", t.iam.create_service_linked_role, status=400, AWSServiceName="ecs.amazonaws.com")
    assert "has been taken in this account" in error["Error"]["Message"], error
    t.fails("UnmodifiableEntity", t.iam.delete_role, status=400, RoleName="AWSServiceRoleForECS")
