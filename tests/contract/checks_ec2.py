"""EC2's network: VPCs, subnets (on an Outpost too), gateways, routes, security groups, key pairs, tags."""

import base64

from case import check

OUTPOST = "arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0"
OUTPOST_ZONE_ID = "usw2-az1"


def tags(kind, **pairs):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}]


def vpc(t, cidr="10.0.0.0/16", **more):
    got = t.ec2.create_vpc(CidrBlock=cidr, **more)["Vpc"]
    t.later(t.ec2.delete_vpc, VpcId=got["VpcId"])
    return got


def subnet(t, vpc_id, cidr="10.0.1.0/24", **more):
    got = t.ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr, **more)["Subnet"]
    t.later(t.ec2.delete_subnet, SubnetId=got["SubnetId"])
    return got


def group(t, vpc_id, what="group", **more):
    arguments = {"GroupName": t.name(what), "Description": "contract", "VpcId": vpc_id} | more
    got = t.ec2.create_security_group(**arguments)
    t.later(t.ec2.delete_security_group, GroupId=got["GroupId"])
    return got["GroupId"]


def gateway(t, vpc_id=None):
    got = t.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    t.later(t.ec2.delete_internet_gateway, InternetGatewayId=got)
    if vpc_id:
        t.ec2.attach_internet_gateway(InternetGatewayId=got, VpcId=vpc_id)
        t.later(t.ec2.detach_internet_gateway, InternetGatewayId=got, VpcId=vpc_id)
    return got


def table(t, vpc_id, **more):
    got = t.ec2.create_route_table(VpcId=vpc_id, **more)["RouteTable"]
    t.later(t.ec2.delete_route_table, RouteTableId=got["RouteTableId"])
    return got


def allow(port=443, cidr="10.0.0.0/8", **more):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr} | more]}


def outpost_zone(t):
    zones = t.ec2.describe_availability_zones()["AvailabilityZones"]
    return next(zone["ZoneName"] for zone in zones if zone["ZoneId"] == OUTPOST_ZONE_ID)


@check("ec2.zones")
def _(t):
    zones = t.ec2.describe_availability_zones()["AvailabilityZones"]
    assert "us-west-2a" in [zone["ZoneName"] for zone in zones]
    t.has(zones[0], {"RegionName": "us-west-2", "State": "available", "ZoneType": "availability-zone"})


@check("ec2.vpc.create")
def _(t):
    got = vpc(t, TagSpecifications=tags("vpc", Name="n"))
    t.has(got, {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "default", "IsDefault": False})
    t.has(got, {"Tags": [{"Key": "Name", "Value": "n"}], "OwnerId": t.sts.get_caller_identity()["Account"]})
    t.has(got["CidrBlockAssociationSet"], [{"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}}])


@check("ec2.vpc.available")
def _(t):
    got = vpc(t)
    t.until(lambda: t.ec2.describe_vpcs(VpcIds=[got["VpcId"]])["Vpcs"][0]["State"] == "available", "available")


@check("ec2.vpc.cidr-canonical")
def _(t):
    t.eq(vpc(t, "10.1.2.3/16")["CidrBlock"], "10.1.0.0/16", "cidr")


@check("ec2.vpc.cidr-too-large")
def _(t):
    t.fails("InvalidVpc.Range", t.ec2.create_vpc, status=400, CidrBlock="10.0.0.0/15")


@check("ec2.vpc.cidr-too-small")
def _(t):
    t.fails("InvalidVpc.Range", t.ec2.create_vpc, CidrBlock="10.0.0.0/29")


@check("ec2.vpc.cidr-malformed")
def _(t):
    t.fails("InvalidParameterValue", t.ec2.create_vpc, CidrBlock="10.0.0/16")


@check("ec2.vpc.missing")
def _(t):
    t.fails("InvalidVpcID.NotFound", t.ec2.describe_vpcs, status=400, VpcIds=["vpc-0123456789abcdef0"])


@check("ec2.vpc.filter-without-match")
def _(t):
    t.eq(t.ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": ["vpc-0123456789abcdef0"]}])["Vpcs"], [], "vpcs")


@check("ec2.vpc.filter-by-tag")
def _(t):
    got = vpc(t, TagSpecifications=tags("vpc", **{"farpost:key": t.name()}))
    for filters in ([{"Name": "tag:farpost:key", "Values": [t.name()]}], [{"Name": "tag:farpost:key", "Values": [t.name()[:3] + "*"]}]):
        t.eq([one["VpcId"] for one in t.ec2.describe_vpcs(Filters=filters)["Vpcs"]], [got["VpcId"]], str(filters))


@check("ec2.vpc.unknown-filter")
def _(t):
    t.fails("InvalidParameterValue", t.ec2.describe_vpcs, status=400, Filters=[{"Name": "no-such", "Values": ["x"]}])


@check("ec2.vpc.attributes-default")
def _(t):
    id = vpc(t)["VpcId"]
    t.eq(t.ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsSupport")["EnableDnsSupport"], {"Value": True})
    t.eq(t.ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsHostnames")["EnableDnsHostnames"], {"Value": False})


@check("ec2.vpc.attributes-modify")
def _(t):
    id = vpc(t)["VpcId"]
    t.ec2.modify_vpc_attribute(VpcId=id, EnableDnsHostnames={"Value": True})
    t.eq(t.ec2.describe_vpc_attribute(VpcId=id, Attribute="enableDnsHostnames")["EnableDnsHostnames"], {"Value": True})


@check("ec2.vpc.attributes-one-at-a-time")
def _(t):
    id = vpc(t)["VpcId"]
    arguments = {"EnableDnsHostnames": {"Value": True}, "EnableDnsSupport": {"Value": True}}
    t.fails(("InvalidParameterCombination", "InvalidParameterValue"), t.ec2.modify_vpc_attribute, VpcId=id, **arguments)


@check("ec2.vpc.default-children")
def _(t):
    id = vpc(t)["VpcId"]
    here = [{"Name": "vpc-id", "Values": [id]}]
    groups = t.ec2.describe_security_groups(Filters=here)["SecurityGroups"]
    t.eq([one["GroupName"] for one in groups], ["default"], "groups")
    tables = t.ec2.describe_route_tables(Filters=here)["RouteTables"]
    t.has(tables[0]["Associations"], [{"Main": True}])
    t.has(tables[0]["Routes"], [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active", "Origin": "CreateRouteTable"}])


@check("ec2.vpc.delete-with-subnet")
def _(t):
    id = vpc(t)["VpcId"]
    subnet(t, id)
    t.fails("DependencyViolation", t.ec2.delete_vpc, status=400, VpcId=id)


@check("ec2.vpc.delete-with-group")
def _(t):
    id = vpc(t)["VpcId"]
    group(t, id)
    t.fails("DependencyViolation", t.ec2.delete_vpc, VpcId=id)


@check("ec2.vpc.delete-twice")
def _(t):
    id = vpc(t)["VpcId"]
    t.ec2.delete_vpc(VpcId=id)
    t.fails("InvalidVpcID.NotFound", t.ec2.delete_vpc, VpcId=id)


@check("ec2.vpc.dry-run")
def _(t):
    t.fails("DryRunOperation", t.ec2.create_vpc, status=412, CidrBlock="10.0.0.0/16", DryRun=True)


@check("ec2.vpc.second-cidr")
def _(t):
    id = vpc(t)["VpcId"]
    got = t.ec2.associate_vpc_cidr_block(VpcId=id, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]
    t.eq(got["CidrBlock"], "10.1.0.0/16")
    blocks = t.ec2.describe_vpcs(VpcIds=[id])["Vpcs"][0]["CidrBlockAssociationSet"]
    t.eq(sorted(one["CidrBlock"] for one in blocks), ["10.0.0.0/16", "10.1.0.0/16"], "blocks")


@check("ec2.vpc.pages")
def _(t):
    for n in range(6):
        vpc(t, TagSpecifications=tags("vpc", batch=t.name()))
    mine = [{"Name": "tag:batch", "Values": [t.name()]}]
    page = t.ec2.describe_vpcs(Filters=mine, MaxResults=5)
    t.eq(len(page["Vpcs"]), 5, "first page")
    rest = t.ec2.describe_vpcs(Filters=mine, MaxResults=5, NextToken=page["NextToken"])
    t.eq((len(rest["Vpcs"]), rest.get("NextToken")), (1, None), "second page")


@check("ec2.vpc.page-size-out-of-range")
def _(t):
    t.fails("InvalidParameterValue", t.raw("ec2").describe_vpcs, MaxResults=4)


@check("ec2.subnet.create")
def _(t):
    id = vpc(t)["VpcId"]
    got = subnet(t, id, AvailabilityZone="us-west-2a", TagSpecifications=tags("subnet", a="b"))
    t.has(got, {"VpcId": id, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-west-2a", "AvailableIpAddressCount": 251})
    t.has(got, {"MapPublicIpOnLaunch": False, "DefaultForAz": False, "AssignIpv6AddressOnCreation": False})
    t.has(got, {"Tags": [{"Key": "a", "Value": "b"}]})
    assert got["SubnetArn"].endswith(f":subnet/{got['SubnetId']}"), got["SubnetArn"]
    assert "OutpostArn" not in got, "OutpostArn"


@check("ec2.subnet.name-options-default")
def _(t):
    got = subnet(t, vpc(t)["VpcId"])["PrivateDnsNameOptionsOnLaunch"]
    t.has(got, {"HostnameType": "ip-name", "EnableResourceNameDnsARecord": False, "EnableResourceNameDnsAAAARecord": False})


@check("ec2.subnet.zone-by-id")
def _(t):
    got = subnet(t, vpc(t)["VpcId"], AvailabilityZoneId=OUTPOST_ZONE_ID)
    t.has(got, {"AvailabilityZoneId": OUTPOST_ZONE_ID, "AvailabilityZone": outpost_zone(t)})


@check("ec2.subnet.unknown-zone")
def _(t):
    t.fails("InvalidParameterValue", subnet, t=t, vpc_id=vpc(t)["VpcId"], AvailabilityZone="us-west-2z")


@check("ec2.subnet.outside-vpc")
def _(t):
    t.fails("InvalidSubnet.Range", subnet, t=t, vpc_id=vpc(t)["VpcId"], cidr="10.1.0.0/24")


@check("ec2.subnet.too-small")
def _(t):
    t.fails("InvalidSubnet.Range", subnet, t=t, vpc_id=vpc(t)["VpcId"], cidr="10.0.0.0/29")


@check("ec2.subnet.overlap")
def _(t):
    id = vpc(t)["VpcId"]
    subnet(t, id, "10.0.0.0/23")
    t.fails("InvalidSubnet.Conflict", subnet, status=400, t=t, vpc_id=id, cidr="10.0.1.0/24")


@check("ec2.subnet.missing-vpc")
def _(t):
    t.fails("InvalidVpcID.NotFound", subnet, t=t, vpc_id="vpc-0123456789abcdef0")


@check("ec2.subnet.missing")
def _(t):
    t.fails("InvalidSubnetID.NotFound", t.ec2.describe_subnets, SubnetIds=["subnet-0123456789abcdef0"])


@check("ec2.subnet.outpost")
def _(t):
    id = vpc(t)["VpcId"]
    got = subnet(t, id, OutpostArn=OUTPOST, AvailabilityZone=outpost_zone(t))
    t.eq(got.get("OutpostArn"), OUTPOST, "OutpostArn")
    found = t.ec2.describe_subnets(Filters=[{"Name": "outpost-arn", "Values": [OUTPOST]}, {"Name": "vpc-id", "Values": [id]}])
    t.eq([one["SubnetId"] for one in found["Subnets"]], [got["SubnetId"]], "by outpost-arn")


@check("ec2.subnet.outpost-needs-zone")
def _(t):
    t.fails(("MissingParameter", "InvalidParameterValue", "InvalidParameterCombination"), subnet, t=t, vpc_id=vpc(t)["VpcId"], OutpostArn=OUTPOST)


@check("ec2.subnet.outpost-in-its-zone")
def _(t):
    other = "us-west-2a" if outpost_zone(t) != "us-west-2a" else "us-west-2b"
    codes = ("InvalidParameterValue", "InvalidParameterCombination")
    t.fails(codes, subnet, t=t, vpc_id=vpc(t)["VpcId"], OutpostArn=OUTPOST, AvailabilityZone=other)


@check("ec2.subnet.modify")
def _(t):
    id = subnet(t, vpc(t)["VpcId"])["SubnetId"]
    t.ec2.modify_subnet_attribute(SubnetId=id, MapPublicIpOnLaunch={"Value": True})
    t.eq(t.ec2.describe_subnets(SubnetIds=[id])["Subnets"][0]["MapPublicIpOnLaunch"], True)


@check("ec2.subnet.delete-twice")
def _(t):
    id = subnet(t, vpc(t)["VpcId"])["SubnetId"]
    t.ec2.delete_subnet(SubnetId=id)
    t.fails("InvalidSubnetID.NotFound", t.ec2.delete_subnet, SubnetId=id)


@check("ec2.gateway.attach")
def _(t):
    id = vpc(t)["VpcId"]
    got = gateway(t, id)
    found = t.ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [id]}])["InternetGateways"]
    t.has(found, [{"InternetGatewayId": got, "Attachments": [{"VpcId": id, "State": "available"}]}])


@check("ec2.gateway.attached-twice")
def _(t):
    id = vpc(t)["VpcId"]
    got = gateway(t, id)
    t.fails("Resource.AlreadyAssociated", t.ec2.attach_internet_gateway, InternetGatewayId=got, VpcId=vpc(t)["VpcId"])


@check("ec2.gateway.one-per-vpc")
def _(t):
    id = vpc(t)["VpcId"]
    gateway(t, id)
    t.fails(("InvalidParameterValue", "Resource.AlreadyAssociated"), t.ec2.attach_internet_gateway, InternetGatewayId=gateway(t), VpcId=id)


@check("ec2.gateway.detach-not-attached")
def _(t):
    t.fails("Gateway.NotAttached", t.ec2.detach_internet_gateway, InternetGatewayId=gateway(t), VpcId=vpc(t)["VpcId"])


@check("ec2.gateway.delete-attached")
def _(t):
    t.fails("DependencyViolation", t.ec2.delete_internet_gateway, InternetGatewayId=gateway(t, vpc(t)["VpcId"]))


@check("ec2.gateway.missing")
def _(t):
    t.fails("InvalidInternetGatewayID.NotFound", t.ec2.delete_internet_gateway, InternetGatewayId="igw-0123456789abcdef0")


@check("ec2.route.create")
def _(t):
    id = vpc(t)["VpcId"]
    igw, rtb = gateway(t, id), table(t, id)["RouteTableId"]
    t.eq(t.ec2.create_route(RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)["Return"], True)
    t.later(t.ec2.delete_route, RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0")
    routes = t.ec2.describe_route_tables(RouteTableIds=[rtb])["RouteTables"][0]["Routes"]
    got = next(one for one in routes if one.get("DestinationCidrBlock") == "0.0.0.0/0")
    t.has(got, {"GatewayId": igw, "Origin": "CreateRoute", "State": "active"})


@check("ec2.route.twice")
def _(t):
    id = vpc(t)["VpcId"]
    igw, rtb = gateway(t, id), table(t, id)["RouteTableId"]
    t.ec2.create_route(RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
    t.later(t.ec2.delete_route, RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0")
    # The same route again is accepted; another target for the destination is not.
    other = gateway(t)
    codes = ("RouteAlreadyExists", "InvalidParameterValue")
    t.fails(codes, t.ec2.create_route, RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0", GatewayId=other)


@check("ec2.route.missing-target")
def _(t):
    rtb = table(t, vpc(t)["VpcId"])["RouteTableId"]
    arguments = {"RouteTableId": rtb, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0123456789abcdef0"}
    t.fails(("InvalidInternetGatewayID.NotFound", "InvalidGatewayID.NotFound"), t.ec2.create_route, **arguments)


@check("ec2.route.delete-missing")
def _(t):
    rtb = table(t, vpc(t)["VpcId"])["RouteTableId"]
    t.fails("InvalidRoute.NotFound", t.ec2.delete_route, RouteTableId=rtb, DestinationCidrBlock="192.0.2.0/24")


@check("ec2.route.replace-missing")
def _(t):
    id = vpc(t)["VpcId"]
    arguments = {"DestinationCidrBlock": "192.0.2.0/24", "GatewayId": gateway(t, id)}
    codes = ("InvalidParameterValue", "InvalidRoute.NotFound")
    t.fails(codes, t.ec2.replace_route, RouteTableId=table(t, id)["RouteTableId"], **arguments)


@check("ec2.route.local-stays")
def _(t):
    rtb = table(t, vpc(t)["VpcId"])["RouteTableId"]
    t.fails("InvalidParameterValue", t.ec2.delete_route, RouteTableId=rtb, DestinationCidrBlock="10.0.0.0/16")


@check("ec2.table.associate")
def _(t):
    id = vpc(t)["VpcId"]
    net, rtb = subnet(t, id)["SubnetId"], table(t, id)["RouteTableId"]
    got = t.ec2.associate_route_table(RouteTableId=rtb, SubnetId=net)
    t.later(t.ec2.disassociate_route_table, AssociationId=got["AssociationId"])
    t.has(got, {"AssociationState": {"State": "associated"}})
    found = t.ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [net]}])["RouteTables"]
    t.has(found[0]["Associations"], [{"SubnetId": net, "Main": False, "RouteTableAssociationId": got["AssociationId"]}])
    t.fails("DependencyViolation", t.ec2.delete_route_table, RouteTableId=rtb)


@check("ec2.table.associate-other-table")
def _(t):
    id = vpc(t)["VpcId"]
    net = subnet(t, id)["SubnetId"]
    got = t.ec2.associate_route_table(RouteTableId=table(t, id)["RouteTableId"], SubnetId=net)["AssociationId"]
    t.later(t.ec2.disassociate_route_table, AssociationId=got)
    other = table(t, id)["RouteTableId"]
    t.fails("Resource.AlreadyAssociated", t.ec2.associate_route_table, RouteTableId=other, SubnetId=net)
    new = t.ec2.replace_route_table_association(AssociationId=got, RouteTableId=other)["NewAssociationId"]
    t.later(t.ec2.disassociate_route_table, AssociationId=new)
    assert new != got, "the association keeps its id"


@check("ec2.table.main-stays")
def _(t):
    id = vpc(t)["VpcId"]
    main = t.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [id]}])["RouteTables"][0]["RouteTableId"]
    t.fails("DependencyViolation", t.ec2.delete_route_table, RouteTableId=main)


@check("ec2.group.create")
def _(t):
    id = vpc(t)["VpcId"]
    got = t.ec2.describe_security_groups(GroupIds=[group(t, id)])["SecurityGroups"][0]
    t.has(got, {"GroupName": t.name("group"), "Description": "contract", "VpcId": id, "IpPermissions": []})
    t.has(got["IpPermissionsEgress"], [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])


@check("ec2.group.name-taken")
def _(t):
    id = vpc(t)["VpcId"]
    group(t, id)
    t.fails("InvalidGroup.Duplicate", group, status=400, t=t, vpc_id=id)


@check("ec2.group.name-reserved")
def _(t):
    id = vpc(t)["VpcId"]
    arguments = {"GroupName": "sg-mine", "Description": "d", "VpcId": id}
    t.fails("InvalidParameterValue", t.ec2.create_security_group, **arguments)


@check("ec2.group.missing")
def _(t):
    t.fails("InvalidGroup.NotFound", t.ec2.describe_security_groups, GroupIds=["sg-0123456789abcdef0"])


@check("ec2.group.default-stays")
def _(t):
    here = [{"Name": "vpc-id", "Values": [vpc(t)["VpcId"]]}]
    id = t.ec2.describe_security_groups(Filters=here)["SecurityGroups"][0]["GroupId"]
    t.fails("CannotDelete", t.ec2.delete_security_group, GroupId=id)


@check("ec2.group.delete-referenced")
def _(t):
    id = vpc(t)["VpcId"]
    one, other = group(t, id, "one"), group(t, id, "other")
    permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": one}]}
    t.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[permission])
    t.later(t.ec2.revoke_security_group_ingress, GroupId=other, IpPermissions=[permission])
    t.fails("DependencyViolation", t.ec2.delete_security_group, GroupId=one)


@check("ec2.rule.authorize")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    got = t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[allow(Description="d")])
    t.eq(got["Return"], True)
    want = {"GroupId": id, "IsEgress": False, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "10.0.0.0/8"}
    t.has(got["SecurityGroupRules"], [want | {"Description": "d"}])
    assert got["SecurityGroupRules"][0]["SecurityGroupRuleId"].startswith("sgr-")


@check("ec2.rule.listed")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[allow(80), allow(443)])
    rules = t.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [id]}])["SecurityGroupRules"]
    t.eq(sorted((one["IsEgress"], one["FromPort"]) for one in rules), [(False, 80), (False, 443), (True, -1)], "rules")


@check("ec2.rule.twice")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[allow()])
    t.fails("InvalidPermission.Duplicate", t.ec2.authorize_security_group_ingress, GroupId=id, IpPermissions=[allow()])


@check("ec2.rule.merged-in-group")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[allow(cidr="10.0.0.0/8"), allow(cidr="192.168.0.0/16")])
    got = t.ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"][0]["IpPermissions"]
    t.eq([sorted(one["CidrIp"] for one in permission["IpRanges"]) for permission in got], [["10.0.0.0/8", "192.168.0.0/16"]], "ranges")


@check("ec2.rule.cidr-canonical")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    got = t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[allow(cidr="10.1.2.3/16")])
    t.eq(got["SecurityGroupRules"][0]["CidrIpv4"], "10.1.0.0/16", "cidr")


@check("ec2.rule.bad-cidr")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    codes = ("InvalidParameterValue", "InvalidPermission.Malformed")
    t.fails(codes, t.ec2.authorize_security_group_ingress, GroupId=id, IpPermissions=[allow(cidr="10.0.0.0/99")])


@check("ec2.rule.missing-group")
def _(t):
    t.fails("InvalidGroup.NotFound", t.ec2.authorize_security_group_ingress, GroupId="sg-0123456789abcdef0", IpPermissions=[allow()])


@check("ec2.rule.revoke-by-id")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    got = t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[allow(80), allow(443)])["SecurityGroupRules"]
    first = next(one for one in got if one["FromPort"] == 80)["SecurityGroupRuleId"]
    t.eq(t.ec2.revoke_security_group_ingress(GroupId=id, SecurityGroupRuleIds=[first])["Return"], True)
    left = t.ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"][0]["IpPermissions"]
    t.eq([one["FromPort"] for one in left], [443], "ports left")
    codes = "InvalidSecurityGroupRuleId.NotFound"
    t.fails(codes, t.ec2.revoke_security_group_ingress, GroupId=id, SecurityGroupRuleIds=[first])


@check("ec2.rule.self-reference")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": id}]}
    t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[permission])
    t.ec2.delete_security_group(GroupId=id)  # a group may refer to itself and be deleted


@check("ec2.rule.tags")
def _(t):
    id = group(t, vpc(t)["VpcId"])
    arguments = {"TagSpecifications": tags("security-group-rule", a="b")}
    got = t.ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[allow()], **arguments)["SecurityGroupRules"]
    rules = t.ec2.describe_security_group_rules(SecurityGroupRuleIds=[got[0]["SecurityGroupRuleId"]])["SecurityGroupRules"]
    t.has(rules, [{"Tags": [{"Key": "a", "Value": "b"}]}])


def import_key(t, **more):
    """A public key of type ed25519; nobody has its private one."""
    parts = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", bytes(range(32))))
    got = t.ec2.import_key_pair(KeyName=t.name(), PublicKeyMaterial=b"ssh-ed25519 " + base64.b64encode(parts) + b" me", **more)
    t.later(t.ec2.delete_key_pair, KeyName=t.name())
    return got


@check("ec2.key.import")
def _(t):
    got = import_key(t, TagSpecifications=tags("key-pair", a="b"))
    t.has(got, {"KeyName": t.name(), "Tags": [{"Key": "a", "Value": "b"}]})
    assert got["KeyPairId"].startswith("key-"), got["KeyPairId"]
    found = t.ec2.describe_key_pairs(KeyNames=[t.name()])["KeyPairs"]
    t.has(found, [{"KeyName": t.name(), "KeyType": "ed25519", "KeyPairId": got["KeyPairId"]}])


@check("ec2.key.name-taken")
def _(t):
    import_key(t)
    t.fails("InvalidKeyPair.Duplicate", import_key, status=400, t=t)


@check("ec2.key.malformed")
def _(t):
    t.fails("InvalidKey.Format", t.ec2.import_key_pair, KeyName=t.name(), PublicKeyMaterial=b"no key")


@check("ec2.key.missing")
def _(t):
    t.fails("InvalidKeyPair.NotFound", t.ec2.describe_key_pairs, KeyNames=["no-such-key"])


@check("ec2.key.delete-missing-is-fine")
def _(t):
    t.ec2.delete_key_pair(KeyName="no-such-key")


@check("ec2.tags.set-and-remove")
def _(t):
    id = vpc(t, TagSpecifications=tags("vpc", a="1"))["VpcId"]
    t.ec2.create_tags(Resources=[id], Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
    t.ec2.delete_tags(Resources=[id], Tags=[{"Key": "a", "Value": "other"}, {"Key": "b"}])
    got = t.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]
    t.eq(got, [{"Key": "a", "ResourceId": id, "ResourceType": "vpc", "Value": "2"}], "tags")


@check("ec2.tags.reserved-prefix")
def _(t):
    t.fails("InvalidParameterValue", t.ec2.create_tags, Resources=[vpc(t)["VpcId"]], Tags=[{"Key": "aws:x", "Value": "1"}])


@check("ec2.tags.missing-resource")
def _(t):
    t.fails("InvalidVpcID.NotFound", t.ec2.create_tags, Resources=["vpc-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "1"}])


@check("ec2.tags.wrong-resource-type")
def _(t):
    t.fails("InvalidParameterValue", vpc, t=t, TagSpecifications=tags("subnet", a="1"))
