"""What goes with an EC2 instance: interfaces, volumes, its profile, status checks, credits, monitoring."""

from botocore.exceptions import ClientError

from case import check
from checks_ec2 import OUTPOST
from checks_ec2_instances import describe, image, launch, net, running, state
from checks_iam import join, profile, role


def one(t, **more):
    """The id of an instance that runs."""
    id = launch(t, net(t), **more)["Instances"][0]["InstanceId"]
    running(t, id)
    return id


def with_role(t, what="profile"):
    profile(t, what)
    join(t, t.name(what), role(t, what)["RoleName"])
    return t.name(what)


def after_delay(t, call, **arguments):
    """EC2 knows a new instance profile after some seconds only."""

    def probe():
        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidParameterValue":
                raise

    return t.until(probe, "a profile that EC2 knows")


def associations(t, id):
    got = t.ec2.describe_iam_instance_profile_associations(Filters=[{"Name": "instance-id", "Values": [id]}])
    return [one for one in got["IamInstanceProfileAssociations"] if one["State"] != "disassociated"]


@check("ec2.interface.of-an-instance")
def _(t):
    id = one(t)
    mine = describe(t, id)["NetworkInterfaces"][0]
    got = t.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [id]}])["NetworkInterfaces"]
    t.has(got, [{"NetworkInterfaceId": mine["NetworkInterfaceId"], "Status": "in-use", "RequesterManaged": False}])
    t.has(got[0]["Attachment"], {"InstanceId": id, "DeviceIndex": 0, "DeleteOnTermination": True, "Status": "attached"})
    t.eq(got[0]["PrivateIpAddress"], mine["PrivateIpAddress"], "address")


@check("ec2.interface.in-use-stays")
def _(t):
    interface = describe(t, one(t))["NetworkInterfaces"][0]["NetworkInterfaceId"]
    codes = ("InvalidParameterValue", "InvalidNetworkInterface.InUse")
    t.fails(codes, t.ec2.delete_network_interface, status=400, NetworkInterfaceId=interface)


@check("ec2.interface.outlives-its-instance")
def _(t):
    where = net(t)
    arguments = {"ImageId": image(t), "InstanceType": "c5.large", "MinCount": 1, "MaxCount": 1}
    interfaces = [{"DeviceIndex": 0, "SubnetId": where, "DeleteOnTermination": False}]
    made = t.ec2.run_instances(NetworkInterfaces=interfaces, **arguments)["Instances"][0]
    interface = made["NetworkInterfaces"][0]["NetworkInterfaceId"]
    t.later(t.ec2.delete_network_interface, NetworkInterfaceId=interface)
    t.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    t.until(lambda: state(t, made["InstanceId"]) == "terminated", "terminated")
    got = t.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    t.has(got, [{"Status": "available"}])
    t.ec2.delete_network_interface(NetworkInterfaceId=interface)
    t.fails("InvalidNetworkInterfaceID.NotFound", t.ec2.describe_network_interfaces, NetworkInterfaceIds=[interface])


@check("ec2.volume.of-an-instance")
def _(t):
    id = one(t)
    volume = describe(t, id)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    got = t.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [id]}])["Volumes"]
    t.has(got, [{"VolumeId": volume, "State": "in-use", "Attachments": [{"InstanceId": id, "State": "attached"}]}])
    t.fails("VolumeInUse", t.ec2.delete_volume, status=400, VolumeId=volume)


@check("ec2.volume.modify")
def _(t):
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 40, "VolumeType": "gp3"}}
    volume = describe(t, one(t, BlockDeviceMappings=[mapping]))["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    got = t.ec2.modify_volume(VolumeId=volume, Size=50)["VolumeModification"]
    t.has(got, {"VolumeId": volume, "OriginalSize": 40, "TargetSize": 50})
    seen = t.ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"]
    t.has(seen, [{"VolumeId": volume, "TargetSize": 50}])
    t.until(lambda: t.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] == 50, "the new size")


@check("ec2.volume.never-smaller")
def _(t):
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 40, "VolumeType": "gp3"}}
    volume = describe(t, one(t, BlockDeviceMappings=[mapping]))["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    t.fails("InvalidParameterValue", t.ec2.modify_volume, status=400, VolumeId=volume, Size=35)


@check("ec2.profile.associate-replace-disassociate")
def _(t):
    id = one(t)
    first, second = with_role(t, "first"), with_role(t, "second")
    got = after_delay(t, t.ec2.associate_iam_instance_profile, IamInstanceProfile={"Name": first}, InstanceId=id)
    association = got["IamInstanceProfileAssociation"]
    t.eq(association["InstanceId"], id, "instance")
    again = t.ec2.associate_iam_instance_profile
    t.fails(("IncorrectState", "IncorrectInstanceState"), again, status=400, IamInstanceProfile={"Name": first}, InstanceId=id)
    t.until(lambda: [one["State"] for one in associations(t, id)] == ["associated"], "associated")
    replace = t.ec2.replace_iam_instance_profile_association
    after_delay(t, replace, IamInstanceProfile={"Name": second}, AssociationId=association["AssociationId"])
    t.until(lambda: [one["IamInstanceProfile"]["Arn"].split("/")[-1] for one in associations(t, id) if one["State"] == "associated"] == [second], "the second")
    t.ec2.disassociate_iam_instance_profile(AssociationId=associations(t, id)[-1]["AssociationId"])
    t.until(lambda: not associations(t, id), "no association")


@check("ec2.status.of-running-ones")
def _(t):
    id = one(t)
    got = t.ec2.describe_instance_status(InstanceIds=[id])["InstanceStatuses"]
    t.has(got, [{"InstanceId": id, "InstanceState": {"Name": "running", "Code": 16}}])
    assert got[0]["InstanceStatus"]["Status"] in ("initializing", "ok"), got[0]["InstanceStatus"]
    t.until(lambda: t.ec2.describe_instance_status(InstanceIds=[id])["InstanceStatuses"][0]["SystemStatus"]["Status"] == "ok", "ok")


@check("ec2.status.others-only-when-asked-for")
def _(t):
    id = one(t)
    t.ec2.stop_instances(InstanceIds=[id])
    t.until(lambda: state(t, id) == "stopped", "stopped")
    t.eq(t.ec2.describe_instance_status(InstanceIds=[id])["InstanceStatuses"], [])
    got = t.ec2.describe_instance_status(InstanceIds=[id], IncludeAllInstances=True)["InstanceStatuses"]
    t.has(got, [{"InstanceId": id, "InstanceStatus": {"Status": "not-applicable"}}])


@check("ec2.instance.reboot")
def _(t):
    id = one(t)
    t.ec2.reboot_instances(InstanceIds=[id])
    t.eq(state(t, id), "running")
    t.fails("InvalidInstanceID.NotFound", t.ec2.reboot_instances, status=400, InstanceIds=["i-0123456789abcdef0"])


@check("ec2.instance.monitoring")
def _(t):
    id = one(t)
    got = t.ec2.monitor_instances(InstanceIds=[id])["InstanceMonitorings"]
    t.eq((got[0]["InstanceId"], got[0]["Monitoring"]["State"] in ("pending", "enabled")), (id, True), "monitored")
    t.until(lambda: describe(t, id)["Monitoring"]["State"] == "enabled", "enabled")
    got = t.ec2.unmonitor_instances(InstanceIds=[id])["InstanceMonitorings"]
    t.eq((got[0]["InstanceId"], got[0]["Monitoring"]["State"] in ("disabling", "disabled")), (id, True), "not monitored")


@check("ec2.instance.credits")
def _(t):
    id = one(t, InstanceType="t3.micro")
    got = t.ec2.describe_instance_credit_specifications(InstanceIds=[id])["InstanceCreditSpecifications"]
    t.has(got, [{"InstanceId": id, "CpuCredits": "unlimited"}])


@check("ec2.offerings.of-an-outpost")
def _(t):
    filters = [{"Name": "location", "Values": [OUTPOST]}]
    got = t.ec2.describe_instance_type_offerings(LocationType="outpost", Filters=filters)["InstanceTypeOfferings"]
    assert {"InstanceType": "c5.large", "LocationType": "outpost", "Location": OUTPOST} in got, got


@check("ec2.offerings.of-the-region")
def _(t):
    filters = [{"Name": "instance-type", "Values": ["c5.large"]}]
    got = t.ec2.describe_instance_type_offerings(Filters=filters)["InstanceTypeOfferings"]
    t.eq(got, [{"InstanceType": "c5.large", "LocationType": "region", "Location": "us-west-2"}])


@check("ec2.instance.credits-changed")
def _(t):
    id = one(t, InstanceType="t3.micro")
    wanted = [{"InstanceId": id, "CpuCredits": "standard"}]
    got = t.ec2.modify_instance_credit_specification(InstanceCreditSpecifications=wanted)
    t.has(got, {"SuccessfulInstanceCreditSpecifications": [{"InstanceId": id}], "UnsuccessfulInstanceCreditSpecifications": []})
    t.eq(t.ec2.describe_instance_credit_specifications(InstanceIds=[id])["InstanceCreditSpecifications"], wanted)


@check("ec2.instance.metadata-options-changed")
def _(t):
    id = one(t)
    got = t.ec2.modify_instance_metadata_options(InstanceId=id, HttpTokens="required", HttpPutResponseHopLimit=3)
    t.has(got, {"InstanceId": id, "InstanceMetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 3}})
    t.until(lambda: describe(t, id)["MetadataOptions"]["State"] == "applied", "applied")
