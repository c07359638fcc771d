"""EC2 instances: running, reading, changing and ending them."""

import base64

from case import check
from checks_ec2 import OUTPOST, group, outpost_zone, subnet, tags, vpc
from checks_iam import join, profile, role
from checks_ssm_sts import IMAGE


def image(t):
    return t.ssm.get_parameter(Name=IMAGE)["Parameter"]["Value"]


def net(t, **more):
    return subnet(t, vpc(t)["VpcId"], **more)["SubnetId"]


def launch(t, subnet_id, **more):
    arguments = {"ImageId": image(t), "InstanceType": "c5.large", "SubnetId": subnet_id, "MinCount": 1, "MaxCount": 1} | more
    got = t.ec2.run_instances(**arguments)
    ids = [one["InstanceId"] for one in got["Instances"]]
    t.later(gone, t=t, ids=ids)
    return got


def gone(t, ids):
    t.ec2.terminate_instances(InstanceIds=ids)
    t.until(lambda: all(state(t, id) == "terminated" for id in ids), "terminated")


def describe(t, id):
    return t.ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]


def state(t, id):
    return describe(t, id)["State"]["Name"]


def running(t, id):
    t.until(lambda: state(t, id) == "running", "running")


@check("ec2.instance.launch")
def _(t):
    where = net(t)
    got = launch(t, where, TagSpecifications=tags("instance", a="b"))
    assert got["ReservationId"].startswith("r-"), got["ReservationId"]
    one = got["Instances"][0]
    t.has(one, {"InstanceType": "c5.large", "SubnetId": where, "State": {"Code": 0, "Name": "pending"}, "Architecture": "x86_64"})
    t.has(one, {"Tags": [{"Key": "a", "Value": "b"}], "AmiLaunchIndex": 0})
    running(t, one["InstanceId"])


@check("ec2.instance.private-address-in-subnet")
def _(t):
    address = launch(t, net(t))["Instances"][0]["PrivateIpAddress"]
    assert address.startswith("10.0.1."), address


@check("ec2.instance.outpost")
def _(t):
    where = net(t, OutpostArn=OUTPOST, AvailabilityZone=outpost_zone(t))
    id = launch(t, where)["Instances"][0]["InstanceId"]
    t.eq(describe(t, id).get("OutpostArn"), OUTPOST, "OutpostArn")


@check("ec2.instance.outpost-capacity")
def _(t):
    where = net(t, OutpostArn=OUTPOST, AvailabilityZone=outpost_zone(t))
    t.fails("InsufficientInstanceCapacity", launch, status=500, t=t, subnet_id=where, MinCount=50, MaxCount=50)


@check("ec2.instance.outpost-unsupported-type")
def _(t):
    where = net(t, OutpostArn=OUTPOST, AvailabilityZone=outpost_zone(t))
    t.fails(("Unsupported", "InsufficientInstanceCapacity"), launch, t=t, subnet_id=where, InstanceType="r5.24xlarge")


@check("ec2.instance.missing-image")
def _(t):
    t.fails("InvalidAMIID.NotFound", launch, status=400, t=t, subnet_id=net(t), ImageId="ami-0123456789abcdef0")


@check("ec2.instance.missing-subnet")
def _(t):
    t.fails("InvalidSubnetID.NotFound", launch, t=t, subnet_id="subnet-0123456789abcdef0")


@check("ec2.instance.unknown-type")
def _(t):
    t.fails("InvalidParameterValue", launch, t=t, subnet_id=net(t), InstanceType="c99.nano")


@check("ec2.instance.missing-group")
def _(t):
    t.fails("InvalidGroup.NotFound", launch, t=t, subnet_id=net(t), SecurityGroupIds=["sg-0123456789abcdef0"])


@check("ec2.instance.missing-key")
def _(t):
    t.fails("InvalidKeyPair.NotFound", launch, t=t, subnet_id=net(t), KeyName="no-such-key")


@check("ec2.instance.missing-profile")
def _(t):
    t.fails("InvalidParameterValue", launch, message="Invalid IAM Instance Profile", t=t, subnet_id=net(t), IamInstanceProfile={"Name": "no-such"})


@check("ec2.instance.profile")
def _(t):
    role(t)
    arn = profile(t)["Arn"]
    join(t, t.name("profile"), t.name("role"))
    id = launch(t, net(t), IamInstanceProfile={"Name": t.name("profile")})["Instances"][0]["InstanceId"]
    t.eq(describe(t, id)["IamInstanceProfile"]["Arn"], arn, "profile")


@check("ec2.instance.client-token")
def _(t):
    where = net(t)
    one = launch(t, where, ClientToken=t.name())["Instances"][0]["InstanceId"]
    t.eq(launch(t, where, ClientToken=t.name())["Instances"][0]["InstanceId"], one, "the same token")


@check("ec2.instance.client-token-other-request")
def _(t):
    where = net(t)
    launch(t, where, ClientToken=t.name())
    t.fails("IdempotentParameterMismatch", launch, t=t, subnet_id=where, ClientToken=t.name(), InstanceType="m5.xlarge")


@check("ec2.instance.user-data")
def _(t):
    id = launch(t, net(t), UserData="#!/bin/sh\ntrue")["Instances"][0]["InstanceId"]
    got = t.ec2.describe_instance_attribute(InstanceId=id, Attribute="userData")["UserData"]["Value"]
    t.eq(base64.b64decode(got), b"#!/bin/sh\ntrue", "user data")


@check("ec2.instance.default-group")
def _(t):
    got = launch(t, net(t))["Instances"][0]["SecurityGroups"]
    t.eq([one["GroupName"] for one in got], ["default"], "groups")


@check("ec2.instance.groups")
def _(t):
    id = vpc(t)["VpcId"]
    mine, where = group(t, id), subnet(t, id)["SubnetId"]
    got = launch(t, where, SecurityGroupIds=[mine])["Instances"][0]["SecurityGroups"]
    t.eq([one["GroupId"] for one in got], [mine], "groups")
    t.fails("DependencyViolation", t.ec2.delete_security_group, GroupId=mine)


@check("ec2.instance.holds-its-subnet")
def _(t):
    where = net(t)
    launch(t, where)
    t.fails("DependencyViolation", t.ec2.delete_subnet, SubnetId=where)


@check("ec2.instance.metadata-options")
def _(t):
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    id = launch(t, net(t), MetadataOptions=options)["Instances"][0]["InstanceId"]
    t.has(describe(t, id)["MetadataOptions"], options | {"HttpEndpoint": "enabled"})


@check("ec2.instance.stop-and-start")
def _(t):
    id = launch(t, net(t))["Instances"][0]["InstanceId"]
    running(t, id)
    got = t.ec2.stop_instances(InstanceIds=[id])["StoppingInstances"]
    t.has(got, [{"InstanceId": id, "CurrentState": {"Name": "stopping"}, "PreviousState": {"Name": "running"}}])
    t.until(lambda: state(t, id) == "stopped", "stopped")
    t.has(t.ec2.start_instances(InstanceIds=[id])["StartingInstances"], [{"CurrentState": {"Name": "pending"}, "PreviousState": {"Name": "stopped"}}])
    running(t, id)


@check("ec2.instance.terminate")
def _(t):
    id = launch(t, net(t))["Instances"][0]["InstanceId"]
    running(t, id)
    got = t.ec2.terminate_instances(InstanceIds=[id])["TerminatingInstances"]
    t.has(got, [{"InstanceId": id, "CurrentState": {"Code": 32, "Name": "shutting-down"}}])
    t.until(lambda: state(t, id) == "terminated", "terminated")
    t.fails("IncorrectInstanceState", t.ec2.start_instances, InstanceIds=[id])


@check("ec2.instance.missing")
def _(t):
    t.fails("InvalidInstanceID.NotFound", t.ec2.describe_instances, status=400, InstanceIds=["i-0123456789abcdef0"])


@check("ec2.instance.malformed-id")
def _(t):
    t.fails("InvalidInstanceID.Malformed", t.ec2.describe_instances, InstanceIds=["instance"])


@check("ec2.instance.filter-by-tag-and-state")
def _(t):
    id = launch(t, net(t), TagSpecifications=tags("instance", mine=t.name()))["Instances"][0]["InstanceId"]
    running(t, id)
    filters = [{"Name": "tag:mine", "Values": [t.name()]}, {"Name": "instance-state-name", "Values": ["running", "pending"]}]
    rows = [one["InstanceId"] for r in t.ec2.describe_instances(Filters=filters)["Reservations"] for one in r["Instances"]]
    t.eq(rows, [id], "instances")


@check("ec2.instance.type-only-when-stopped")
def _(t):
    id = launch(t, net(t))["Instances"][0]["InstanceId"]
    running(t, id)
    t.fails("IncorrectInstanceState", t.ec2.modify_instance_attribute, InstanceId=id, InstanceType={"Value": "m5.xlarge"})


@check("ec2.instance.groups-and-check-of-its-interface")
def _(t):
    id = launch(t, net(t))["Instances"][0]["InstanceId"]
    running(t, id)
    seen = lambda: t.ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
    vpc, interface = seen()["VpcId"], seen()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    group = t.ec2.create_security_group(GroupName=t.name(), Description="d", VpcId=vpc)["GroupId"]
    t.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[group])
    t.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck={"Value": False})
    t.eq([one["GroupId"] for one in seen()["SecurityGroups"]], [group], "groups")
    t.eq(seen()["SourceDestCheck"], False, "SourceDestCheck")


@check("ec2.interface.missing")
def _(t):
    t.fails(
        "InvalidNetworkInterfaceID.NotFound",
        t.ec2.modify_network_interface_attribute,
        NetworkInterfaceId="eni-0123456789abcdef0",
        SourceDestCheck={"Value": False},
    )


@check("ec2.instance.termination-protection")
def _(t):
    id = launch(t, net(t), DisableApiTermination=True)["Instances"][0]["InstanceId"]
    running(t, id)
    try:
        t.fails("OperationNotPermitted", t.ec2.terminate_instances, InstanceIds=[id])
    finally:
        t.ec2.modify_instance_attribute(InstanceId=id, DisableApiTermination={"Value": False})


@check("ec2.instance-type")
def _(t):
    got = t.ec2.describe_instance_types(InstanceTypes=["c5.large"])["InstanceTypes"][0]
    t.has(got, {"VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 4096}})
    assert "x86_64" in got["ProcessorInfo"]["SupportedArchitectures"]


@check("ec2.instance-type.unknown")
def _(t):
    t.fails(("InvalidInstanceType", "InvalidParameterValue"), t.ec2.describe_instance_types, InstanceTypes=["c99.nano"])


@check("ec2.image.missing")
def _(t):
    t.fails("InvalidAMIID.NotFound", t.ec2.describe_images, ImageIds=["ami-0123456789abcdef0"])
