"""What holds what in EC2's network, and what every account and VPC has from the start."""

from case import check
from checks_ec2 import allow, gateway, group, subnet, table, vpc
from checks_ec2_instances import launch, running


def routes(t, id):
    return {one["DestinationCidrBlock"]: one for one in t.ec2.describe_route_tables(RouteTableIds=[id])["RouteTables"][0]["Routes"]}


def way_out(t, vpc_id):
    """A table whose default route leads to a gateway."""
    igw, rtb = gateway(t, vpc_id), table(t, vpc_id)["RouteTableId"]
    t.ec2.create_route(RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
    t.later(t.ec2.delete_route, RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0")
    return igw, rtb


def main_table(t, vpc_id):
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
    return t.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]


@check("ec2.vpc-endpoint.a-new-vpc-has-none")
def _(t):
    filters = [{"Name": "vpc-id", "Values": [vpc(t)["VpcId"]]}]
    t.eq(t.ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"], [], "endpoints")


@check("ec2.route.blackhole-when-detached")
def _(t):
    id = vpc(t)["VpcId"]
    igw, rtb = way_out(t, id)
    t.ec2.detach_internet_gateway(InternetGatewayId=igw, VpcId=id)
    t.has(routes(t, rtb)["0.0.0.0/0"], {"GatewayId": igw, "State": "blackhole"}, "detached")
    t.ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=id)
    t.has(routes(t, rtb)["0.0.0.0/0"], {"State": "active"}, "attached again")


@check("ec2.route.blackhole-when-deleted")
def _(t):
    id = vpc(t)["VpcId"]
    igw, rtb = way_out(t, id)
    t.ec2.detach_internet_gateway(InternetGatewayId=igw, VpcId=id)
    t.ec2.delete_internet_gateway(InternetGatewayId=igw)
    t.has(routes(t, rtb)["0.0.0.0/0"], {"GatewayId": igw, "State": "blackhole"})


@check("ec2.route.replace")
def _(t):
    id = vpc(t)["VpcId"]
    old, rtb = way_out(t, id)
    t.ec2.detach_internet_gateway(InternetGatewayId=old, VpcId=id)
    new = gateway(t, id)
    t.ec2.replace_route(RouteTableId=rtb, DestinationCidrBlock="0.0.0.0/0", GatewayId=new)
    t.has(routes(t, rtb)["0.0.0.0/0"], {"GatewayId": new, "State": "active"})


@check("ec2.gateway.mapped-addresses")
def _(t):
    id = vpc(t)["VpcId"]
    igw = gateway(t, id)
    net = subnet(t, id)["SubnetId"]
    t.ec2.modify_subnet_attribute(SubnetId=net, MapPublicIpOnLaunch={"Value": True})
    instance = launch(t, net)["Instances"][0]["InstanceId"]
    running(t, instance)
    message = f"Network {id} has some mapped public address(es)"
    t.fails("DependencyViolation", t.ec2.detach_internet_gateway, status=400, message=message, InternetGatewayId=igw, VpcId=id)


@check("ec2.table.main-not-disassociated")
def _(t):
    association = main_table(t, vpc(t)["VpcId"])["Associations"][0]["RouteTableAssociationId"]
    t.fails("InvalidParameterValue", t.ec2.disassociate_route_table, status=400, AssociationId=association)


@check("ec2.table.main-replaced")
def _(t):
    id = vpc(t)["VpcId"]
    old, new = main_table(t, id), table(t, id)["RouteTableId"]
    association = old["Associations"][0]["RouteTableAssociationId"]
    back = t.ec2.replace_route_table_association(AssociationId=association, RouteTableId=new)["NewAssociationId"]
    t.eq(main_table(t, id)["RouteTableId"], new, "main table")
    t.fails("DependencyViolation", t.ec2.delete_route_table, status=400, RouteTableId=new)
    t.ec2.replace_route_table_association(AssociationId=back, RouteTableId=old["RouteTableId"])
    t.ec2.delete_route_table(RouteTableId=new)


@check("ec2.vpc.remove-second-cidr")
def _(t):
    id = vpc(t)["VpcId"]
    first = t.ec2.describe_vpcs(VpcIds=[id])["Vpcs"][0]["CidrBlockAssociationSet"][0]["AssociationId"]
    second = t.ec2.associate_vpc_cidr_block(VpcId=id, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]["AssociationId"]
    got = t.ec2.disassociate_vpc_cidr_block(AssociationId=second)
    t.has(got, {"VpcId": id, "CidrBlockAssociation": {"AssociationId": second, "CidrBlock": "10.1.0.0/16"}})
    t.fails(("OperationNotPermitted", "InvalidParameterValue"), t.ec2.disassociate_vpc_cidr_block, AssociationId=first)


@check("ec2.vpc.tenancy-to-default-only")
def _(t):
    id = vpc(t, InstanceTenancy="dedicated")["VpcId"]
    t.eq(t.ec2.modify_vpc_tenancy(VpcId=id, InstanceTenancy="default")["ReturnValue"], True)
    t.eq(t.ec2.describe_vpcs(VpcIds=[id])["Vpcs"][0]["InstanceTenancy"], "default")


@check("ec2.rule.egress")
def _(t):
    sg = group(t, vpc(t)["VpcId"])
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    t.eq(t.ec2.revoke_security_group_egress(GroupId=sg, IpPermissions=[everything])["Return"], True)
    t.eq(t.ec2.describe_security_groups(GroupIds=[sg])["SecurityGroups"][0]["IpPermissionsEgress"], [], "after revoking")
    got = t.ec2.authorize_security_group_egress(GroupId=sg, IpPermissions=[allow()])["SecurityGroupRules"]
    t.has(got, [{"GroupId": sg, "IsEgress": True, "FromPort": 443, "CidrIpv4": "10.0.0.0/8"}])


@check("ec2.vpc.network-acl")
def _(t):
    id = vpc(t)["VpcId"]
    net = subnet(t, id)["SubnetId"]
    got = t.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [id]}])["NetworkAcls"]
    t.has(got, [{"VpcId": id, "IsDefault": True, "Associations": [{"SubnetId": net, "NetworkAclId": got[0]["NetworkAclId"]}]}])
    rules = sorted((one["Egress"], one["RuleNumber"], one["RuleAction"], one["Protocol"]) for one in got[0]["Entries"])
    wanted = [(False, 100, "allow", "-1"), (False, 32767, "deny", "-1"), (True, 100, "allow", "-1"), (True, 32767, "deny", "-1")]
    t.eq(rules, wanted, "entries")


@check("ec2.vpc.dhcp-options")
def _(t):
    id = vpc(t)["DhcpOptionsId"]
    got = t.ec2.describe_dhcp_options(DhcpOptionsIds=[id])["DhcpOptions"][0]
    values = {one["Key"]: [value["Value"] for value in one["Values"]] for one in got["DhcpConfigurations"]}
    t.eq(values, {"domain-name": ["us-west-2.compute.internal"], "domain-name-servers": ["AmazonProvidedDNS"]})


@check("ec2.regions")
def _(t):
    got = t.ec2.describe_regions(RegionNames=["us-west-2"])["Regions"]
    t.has(got, [{"RegionName": "us-west-2", "Endpoint": "ec2.us-west-2.amazonaws.com", "OptInStatus": "opt-in-not-required"}])


@check("ec2.regions.unknown")
def _(t):
    t.fails("InvalidParameterValue", t.ec2.describe_regions, status=400, RegionNames=["mars-1"])


@check("ec2.account-attributes")
def _(t):
    got = t.ec2.describe_account_attributes(AttributeNames=["supported-platforms"])["AccountAttributes"]
    names = [value["AttributeValue"] for value in got[0]["AttributeValues"]]
    t.eq((got[0]["AttributeName"], "VPC" in names), ("supported-platforms", True))


@check("ec2.key.create")
def _(t):
    t.later(t.ec2.delete_key_pair, KeyName=t.name())
    got = t.ec2.create_key_pair(KeyName=t.name())
    assert got["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----\n"), got["KeyMaterial"][:40]
    assert got["KeyMaterial"].rstrip().endswith("-----END RSA PRIVATE KEY-----"), got["KeyMaterial"][-40:]
    # "The SHA-1 digest of the DER encoded private key": twenty bytes.
    t.eq(len(got["KeyFingerprint"].split(":")), 20, "bytes of the fingerprint")
    found = t.ec2.describe_key_pairs(KeyNames=[t.name()])["KeyPairs"]
    t.has(found, [{"KeyPairId": got["KeyPairId"], "KeyType": "rsa", "KeyFingerprint": got["KeyFingerprint"]}])
    t.fails("InvalidKeyPair.Duplicate", t.ec2.create_key_pair, status=400, KeyName=t.name())


def one_rule(t, sg):
    got = t.ec2.authorize_security_group_ingress(GroupId=sg, IpPermissions=[allow(Description="old")])
    return got["SecurityGroupRules"][0]["SecurityGroupRuleId"]


def rule(t, id):
    return t.ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"][0]


@check("ec2.rule.modify")
def _(t):
    sg = group(t, vpc(t)["VpcId"])
    id = one_rule(t, sg)
    new = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "CidrIpv4": "192.0.2.0/24", "Description": "new"}
    t.ec2.modify_security_group_rules(GroupId=sg, SecurityGroupRules=[{"SecurityGroupRuleId": id, "SecurityGroupRule": new}])
    t.has(rule(t, id), {"FromPort": 8443, "CidrIpv4": "192.0.2.0/24", "Description": "new"})


@check("ec2.rule.describe-ingress")
def _(t):
    sg = group(t, vpc(t)["VpcId"])
    id = one_rule(t, sg)
    t.ec2.update_security_group_rule_descriptions_ingress(GroupId=sg, IpPermissions=[allow(Description="new")])
    t.eq(rule(t, id)["Description"], "new")


@check("ec2.rule.describe-egress")
def _(t):
    sg = group(t, vpc(t)["VpcId"])
    id = t.ec2.authorize_security_group_egress(GroupId=sg, IpPermissions=[allow()])["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    t.ec2.update_security_group_rule_descriptions_egress(GroupId=sg, IpPermissions=[allow(Description="new")])
    t.eq(rule(t, id)["Description"], "new")
