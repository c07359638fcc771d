//! RunInstances.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use aws_smithy_types::base64;
use serde_json::Value;

use super::{Instance, MetadataOptions, Phase, profile, reservation};
use crate::sandbox::ec2::image;
use crate::sandbox::ec2::input::{bad_value, combination, flag, number, required, text, word};
use crate::sandbox::ec2::instance_type::{self, InstanceType};
use crate::sandbox::ec2::kinds::{INSTANCE, NETWORK_INTERFACE, SECURITY_GROUP, SUBNET, VOLUME};
use crate::sandbox::ec2::network_interface::{NetworkInterface, hardware_address};
use crate::sandbox::ec2::security_group::no_default_vpc;
use crate::sandbox::ec2::subnet::Subnet;
use crate::sandbox::ec2::tags::{self, Tags};
use crate::sandbox::ec2::volume::{self, Device};
use crate::sandbox::ec2::{Entry, key_pair, token};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(in crate::sandbox::ec2) const OPERATIONS: &[Entry] = &[(
    "RunInstances",
    "ImageId! InstanceType! MinCount! MaxCount! KeyName SubnetId SecurityGroupId SecurityGroup PrivateIpAddress \
     IamInstanceProfile.Name IamInstanceProfile.Arn UserData ClientToken Monitoring.Enabled EbsOptimized \
     DisableApiTermination DisableApiStop InstanceInitiatedShutdownBehavior CreditSpecification.CpuCredits \
     MaintenanceOptions.AutoRecovery Placement.AvailabilityZone Placement.AvailabilityZoneId Placement.Tenancy \
     Placement.GroupName MetadataOptions.HttpTokens MetadataOptions.HttpPutResponseHopLimit \
     MetadataOptions.HttpEndpoint MetadataOptions.HttpProtocolIpv6 MetadataOptions.InstanceMetadataTags \
     BlockDeviceMapping.DeviceName BlockDeviceMapping.Ebs.DeleteOnTermination BlockDeviceMapping.Ebs.Iops \
     BlockDeviceMapping.Ebs.VolumeSize BlockDeviceMapping.Ebs.VolumeType BlockDeviceMapping.Ebs.KmsKeyId \
     BlockDeviceMapping.Ebs.Throughput BlockDeviceMapping.Ebs.Encrypted BlockDeviceMapping.Ebs.SnapshotId \
     NetworkInterface.DeviceIndex NetworkInterface.AssociatePublicIpAddress NetworkInterface.SubnetId \
     NetworkInterface.SecurityGroupId NetworkInterface.PrivateIpAddress NetworkInterface.DeleteOnTermination \
     NetworkInterface.Description TAGS",
    run,
)];

/// What EC2 lets user data be, decoded.
pub(super) const USER_DATA_LIMIT: usize = 16_384;

fn run(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    if let Some(id) = token::seen(&state.ec2.tokens, call)? {
        return again(state, id);
    }
    let image = image::named(state, required(call, "ImageId")?)?;
    let kind = instance_type::named(required(call, "InstanceType")?)?;
    if kind.architecture != image.architecture {
        return Err(bad_value(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.",
            kind.architecture, image.architecture
        )));
    }
    let key_name = call.text("KeyName").map(str::to_owned);
    if let Some(name) = &key_name
        && !state.ec2.key_pairs.values().any(|pair| pair.name == *name)
    {
        return Err(key_pair::missing(name));
    }
    let network = network(state, call)?;
    let subnet = network.subnet.clone();
    let wanted = count(call, &network)?;
    let profile = profile::requested(state, call)?;
    let user_data = call.text("UserData").map(str::to_owned);
    if let Some(data) = &user_data {
        check_user_data(data)?;
    }
    if let Some(group) = text(&call.input["Placement"], "GroupName") {
        let message = format!("The Placement Group '{group}' is unknown.");
        return Err(AwsError::invalid("InvalidPlacementGroup.Unknown", message));
    }
    let tenancy = tenancy(state, call, &subnet)?;
    let devices = volume::requested(call, &image, subnet.outpost_arn.is_some())?;
    let metadata = metadata(call, image.is_recent())?;
    let cpu_credits = cpu_credits(call, &kind)?;
    let tags = tags::specified_by_type(call, &[&INSTANCE, &VOLUME, &NETWORK_INTERFACE])?;
    let launches = capacity(state, &subnet, &kind, wanted)?;
    let free = state.ec2.free_addresses(&subnet);
    if free < launches {
        let message = format!(
            "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
            subnet.subnet_id
        );
        return Err(AwsError::invalid("InsufficientFreeAddressesInSubnet", message));
    }
    let due = call.now + state.takes(10.0);
    let shutdown = word(&call.input, "InstanceInitiatedShutdownBehavior", &["stop", "terminate"])?;
    let recovery = word(&call.input["MaintenanceOptions"], "AutoRecovery", &["default", "disabled"])?;
    let plan = Instance {
        instance_id: String::new(),
        reservation_id: format!("r-0{}", state.hex(16)),
        launch_index: 0,
        client_token: call.text("ClientToken").map(str::to_owned),
        image_id: image.id.clone(),
        instance_type: kind.name.clone(),
        architecture: image.architecture.clone(),
        key_name,
        launched: call.now,
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        zone: subnet.zone.clone(),
        outpost_arn: subnet.outpost_arn.clone(),
        tenancy,
        phase: Phase::Pending,
        due: Some(due),
        running_since: None,
        ended: None,
        monitoring: flag(&call.input["Monitoring"], "Enabled")?.unwrap_or(false),
        ebs_optimized: flag(&call.input, "EbsOptimized")?.unwrap_or(false),
        disable_api_termination: flag(&call.input, "DisableApiTermination")?.unwrap_or(false),
        disable_api_stop: flag(&call.input, "DisableApiStop")?.unwrap_or(false),
        shutdown_behavior: shutdown.unwrap_or_else(|| "stop".to_owned()),
        cpu_credits,
        auto_recovery: recovery.unwrap_or_else(|| "default".to_owned()),
        metadata,
        user_data,
        network_interface_id: None,
    };
    for launch_index in 0..launches {
        let mut instance = plan.clone();
        instance.instance_id = state.id("i");
        instance.launch_index = launch_index;
        start(state, call, instance, &network, &devices, &tags)?;
    }
    if let Some(arn) = profile {
        let launched = state.ec2.instances.values().filter(|instance| instance.reservation_id == plan.reservation_id);
        for id in launched.map(|instance| instance.instance_id.clone()).collect::<Vec<String>>() {
            profile::associate(state, call.now, &id, &arn);
        }
    }
    token::keep(&mut state.ec2.tokens, call, &plan.reservation_id);
    Ok(launched(state, &plan.reservation_id))
}

/// The reservation as RunInstances answers it.
fn launched(state: &State, id: &str) -> Value {
    let mut instances: Vec<&Instance> =
        state.ec2.instances.values().filter(|instance| instance.reservation_id == id).collect();
    instances.sort_by_key(|instance| instance.launch_index);
    reservation(state, id, instances.into_iter().map(|instance| instance.wire(state)).collect())
}

/// The answer to a client token that was used before.
fn again(state: &State, id: &str) -> Result<Value, AwsError> {
    let mut instances = state.ec2.instances.values().filter(|instance| instance.reservation_id == id);
    if instances.all(|instance| instance.phase.is_ending()) {
        return Err(AwsError::invalid(
            "IdempotentInstanceTerminated",
            "The request to launch the instance uses the same client token as a previous request for which the instance has been terminated.",
        ));
    }
    Ok(launched(state, id))
}

/// Where an instance is to be, as requested for itself or for its interface.
struct Network {
    subnet: Subnet,
    groups: Vec<String>,
    public: bool,
    private_ip: Option<Ipv4Addr>,
    description: String,
    delete_on_termination: bool,
}

fn network(state: &State, call: &Call) -> Result<Network, AwsError> {
    let interfaces = call.list("NetworkInterface");
    let own = if interfaces.is_empty() { &call.input } else { &interfaces[0] };
    if !interfaces.is_empty() {
        for (member, what) in [
            ("SubnetId", "subnet ID"),
            ("SecurityGroupId", "security groups"),
            ("SecurityGroup", "security groups"),
            ("PrivateIpAddress", "private address"),
        ] {
            if !call.input[member].is_null() {
                let article = if what.ends_with('s') { "instance-level" } else { "an instance-level" };
                return Err(combination(format!(
                    "Network interfaces and {article} {what} may not be specified on the same request"
                )));
            }
        }
        if interfaces.len() > 1 || number(own, "DeviceIndex")?.unwrap_or(0) != 0 {
            return Err(AwsError::invalid(
                "UnsupportedOperation",
                "the sandbox gives an instance one network interface, at device index 0",
            ));
        }
    }
    if !call.list("SecurityGroup").is_empty() {
        return Err(no_default_vpc());
    }
    let subnet_id = text(own, "SubnetId").ok_or_else(no_default_vpc)?;
    let subnet = SUBNET.find(&state.ec2.subnets, subnet_id)?.clone();
    let placement = &call.input["Placement"];
    for (member, actual) in [("AvailabilityZone", &subnet.zone.name), ("AvailabilityZoneId", &subnet.zone.id)] {
        if text(placement, member).is_some_and(|zone| zone != actual) {
            let message = format!("The availability zone of the request is not that of the subnet: {actual}");
            return Err(combination(message));
        }
    }
    let listed = own["SecurityGroupId"].as_array().map_or(&[][..], Vec::as_slice);
    let mut groups = Vec::new();
    for id in listed.iter().filter_map(Value::as_str) {
        check_group(state, id, &subnet)?;
        groups.push(id.to_owned());
    }
    if groups.is_empty() {
        let mut siblings = state.ec2.security_groups.values().filter(|group| group.vpc_id == subnet.vpc_id);
        groups.extend(siblings.find(|group| group.is_default()).map(|group| group.group_id.clone()));
    }
    check_group_count(groups.len())?;
    let private_ip = text(own, "PrivateIpAddress").map(|address| private_ip(state, address, &subnet)).transpose()?;
    Ok(Network {
        groups,
        public: flag(own, "AssociatePublicIpAddress")?.unwrap_or(subnet.map_public),
        private_ip,
        description: text(own, "Description").unwrap_or("").to_owned(),
        delete_on_termination: flag(own, "DeleteOnTermination")?.unwrap_or(true),
        subnet,
    })
}

/// A group of an instance is of its VPC.
pub(super) fn check_group(state: &State, id: &str, subnet: &Subnet) -> Result<(), AwsError> {
    if SECURITY_GROUP.find(&state.ec2.security_groups, id)?.vpc_id != subnet.vpc_id {
        let message = format!("Security group {id} and subnet {} belong to different networks.", subnet.subnet_id);
        return Err(AwsError::invalid("InvalidParameter", message));
    }
    Ok(())
}

pub(super) fn check_group_count(count: usize) -> Result<(), AwsError> {
    if count > 5 {
        let message = "The maximum number of security groups per interface has been reached.";
        return Err(AwsError::invalid("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    Ok(())
}

fn private_ip(state: &State, address: &str, subnet: &Subnet) -> Result<Ipv4Addr, AwsError> {
    let parsed: Option<Ipv4Addr> = address.parse().ok();
    let Some((parsed, net)) = parsed.zip(subnet.net()).filter(|(parsed, net)| net.contains(parsed)) else {
        return Err(bad_value(format!("Address {address} does not fall within the subnet's address range")));
    };
    let offset = u32::from(parsed) - u32::from(net.network());
    if offset < 4 || parsed == net.broadcast() {
        return Err(bad_value(format!("Address {address} is in subnet's reserved address range")));
    }
    if state.ec2.holds(&subnet.subnet_id, parsed) {
        return Err(AwsError::invalid("InvalidIPAddress.InUse", format!("Address {address} is in use.")));
    }
    Ok(parsed)
}

/// At least and at most how many.
fn count(call: &Call, network: &Network) -> Result<(usize, usize), AwsError> {
    let read = |member: &str| match number(&call.input, member)? {
        Some(count @ 1..=10_000) => Ok(count.unsigned_abs() as usize),
        other => Err(bad_value(format!("Value ({}) for parameter {member} is invalid.", other.unwrap_or(0)))),
    };
    let (least, most) = (read("MinCount")?, read("MaxCount")?);
    if least > most {
        return Err(combination("MinCount may not be greater than MaxCount"));
    }
    if most > 1 && network.private_ip.is_some() {
        return Err(combination("A private IP address may not be specified for more than one instance"));
    }
    Ok((least, most))
}

pub(super) fn check_user_data(data: &str) -> Result<(), AwsError> {
    let decoded = base64::decode(data)
        .map_err(|_| AwsError::invalid("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."))?;
    if decoded.len() > USER_DATA_LIMIT {
        return Err(bad_value(format!("User data is limited to {USER_DATA_LIMIT} bytes")));
    }
    Ok(())
}

fn tenancy(state: &State, call: &Call, subnet: &Subnet) -> Result<String, AwsError> {
    let asked = word(&call.input["Placement"], "Tenancy", &["default", "dedicated"])?;
    let vpc = state.ec2.vpcs.get(&subnet.vpc_id).map_or("default", |vpc| vpc.tenancy.as_str());
    Ok(asked.filter(|_| vpc == "default").unwrap_or_else(|| vpc.to_owned()))
}

fn metadata(call: &Call, recent: bool) -> Result<MetadataOptions, AwsError> {
    // Recent images ask for session tokens, and for a hop more as containers need it.
    let mut options = MetadataOptions {
        pending_until: None,
        tokens: if recent { "required" } else { "optional" }.to_owned(),
        hop_limit: if recent { 2 } else { 1 },
        endpoint: "enabled".to_owned(),
        ipv6: "disabled".to_owned(),
        tags: "disabled".to_owned(),
    };
    let asked = &call.input["MetadataOptions"];
    if !asked.is_null() {
        change_metadata(&mut options, asked)?;
        // Being applied until the instance runs.
        options.pending_until = Some(call.now);
    }
    Ok(options)
}

pub(super) fn change_metadata(options: &mut MetadataOptions, asked: &Value) -> Result<(), AwsError> {
    let switch = &["enabled", "disabled"];
    if let Some(tokens) = word(asked, "HttpTokens", &["optional", "required"])? {
        options.tokens = tokens;
    }
    if let Some(endpoint) = word(asked, "HttpEndpoint", switch)? {
        options.endpoint = endpoint;
    }
    if let Some(ipv6) = word(asked, "HttpProtocolIpv6", switch)? {
        options.ipv6 = ipv6;
    }
    if let Some(tags) = word(asked, "InstanceMetadataTags", switch)? {
        options.tags = tags;
    }
    match number(asked, "HttpPutResponseHopLimit")? {
        Some(limit @ 1..=64) => options.hop_limit = limit,
        Some(other) => {
            let message =
                format!("Value ({other}) for parameter HttpPutResponseHopLimit is invalid. Valid values are 1 to 64");
            return Err(bad_value(message));
        }
        None => {}
    }
    Ok(())
}

fn cpu_credits(call: &Call, kind: &InstanceType) -> Result<Option<String>, AwsError> {
    let asked = word(&call.input["CreditSpecification"], "CpuCredits", &["standard", "unlimited"])?;
    if asked.is_some() && !kind.burstable {
        let message =
            format!("The CreditSpecification parameter is not supported for the instance type {}.", kind.name);
        return Err(combination(message));
    }
    Ok(kind.burstable.then(|| asked.unwrap_or_else(|| "unlimited".to_owned())))
}

/// How many of the wanted instances there is room for. Only Outposts are small.
pub(super) fn capacity(
    state: &State,
    subnet: &Subnet,
    kind: &InstanceType,
    (least, most): (usize, usize),
) -> Result<usize, AwsError> {
    let Some(arn) = &subnet.outpost_arn else { return Ok(most) };
    let outpost = state.world.outposts.iter().find(|outpost| outpost.arn == *arn);
    let Some(slots) = outpost.and_then(|outpost| outpost.slots.get(&kind.name)) else {
        let message =
            format!("Your requested instance type ({}) is not supported in your requested Outpost ({arn}).", kind.name);
        return Err(AwsError::invalid("Unsupported", message));
    };
    let taken = state.ec2.instances.values().filter(|instance| {
        instance.takes_slot() && instance.instance_type == kind.name && instance.outpost_arn.as_ref() == Some(arn)
    });
    let free = (*slots as usize).saturating_sub(taken.count());
    if free < least {
        let message =
            format!("We currently do not have sufficient {} capacity in the Outpost you requested ({arn}).", kind.name);
        return Err(AwsError::new(500, "InsufficientInstanceCapacity", message));
    }
    Ok(free.min(most))
}

/// Makes one instance with its interface and volumes.
fn start(
    state: &mut State,
    call: &Call,
    mut instance: Instance,
    network: &Network,
    devices: &[Device],
    tags: &BTreeMap<String, Tags>,
) -> Result<(), AwsError> {
    let of = |resource: &str| tags.get(resource).cloned().unwrap_or_default();
    let subnet = &network.subnet;
    let Some(private_ip) = network.private_ip.or_else(|| state.ec2.next_address(subnet)) else {
        return Err(AwsError::invalid("InsufficientFreeAddressesInSubnet", "The subnet has no free addresses."));
    };
    let mac = hardware_address(state);
    let interface = NetworkInterface {
        interface_id: state.id("eni"),
        instance_id: instance.instance_id.clone(),
        attachment_id: state.id("eni-attach"),
        attached: call.now,
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        zone: subnet.zone.clone(),
        outpost_arn: subnet.outpost_arn.clone(),
        groups: network.groups.clone(),
        private_ip: private_ip.to_string(),
        public_ip: network.public.then(|| state.ec2.public_address()),
        wants_public: network.public,
        mac,
        description: network.description.clone(),
        delete_on_termination: network.delete_on_termination,
        source_dest_check: true,
        borrower: None,
    };
    let id = interface.interface_id.clone();
    state.ec2.tag(&id, of("network-interface"));
    state.ec2.network_interfaces.insert(id.clone(), interface);
    instance.network_interface_id = Some(id);
    for device in devices {
        volume::attach(state, call.now, &instance, device, of("volume"));
    }
    state.ec2.tag(&instance.instance_id, of("instance"));
    state.ec2.instances.insert(instance.instance_id.clone(), instance);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::ec2::testing::{Account, IMAGE, OUTPOST};

    #[test]
    fn an_instance_runs_after_a_while() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let mut input = Account::launch(&region);
        input["UserData"] = base64::encode("#!/bin/sh\n").into();
        input["TagSpecification"] = json!([
            {"ResourceType": "instance", "Tag": [{"Key": "Name", "Value": "host"}]},
            {"ResourceType": "volume", "Tag": [{"Key": "of", "Value": "host"}]},
        ]);
        input["MetadataOptions"] = json!({"HttpTokens": "required", "HttpPutResponseHopLimit": "3"});
        let made = account.ok("RunInstances", input);
        let instance = &made["instancesSet"][0];
        assert_eq!(instance["instanceState"], json!({"code": 0, "name": "pending"}));
        assert_eq!(instance["privateIpAddress"], "10.0.1.4");
        assert_eq!(instance["privateDnsName"], "ip-10-0-1-4.us-west-2.compute.internal");
        assert_eq!(instance["metadataOptions"]["state"], "pending");
        let id = instance["instanceId"].as_str().unwrap().to_owned();
        account.wait(10);
        let seen = account.seen(&id);
        assert_eq!(seen["instanceState"]["name"], "running");
        assert_eq!(
            (&seen["metadataOptions"]["state"], &seen["metadataOptions"]["httpPutResponseHopLimit"]),
            (&json!("applied"), &json!(3))
        );
        assert_eq!(seen["tagSet"], json!([{"key": "Name", "value": "host"}]));
        assert!(seen.get("userData").is_none());
        let data = account.ok("DescribeInstanceAttribute", json!({"InstanceId": id, "Attribute": "userData"}));
        assert_eq!(data["userData"]["value"], base64::encode("#!/bin/sh\n"));
        let subnet = account.ok("DescribeSubnets", json!({"SubnetId": [region]}));
        assert_eq!(subnet["subnetSet"][0]["availableIpAddressCount"], 250);
        let interface = account.ok("DescribeNetworkInterfaces", json!({}))["networkInterfaceSet"][0].clone();
        assert_eq!(interface["attachment"]["instanceId"], id);
        assert_eq!(account.error("DeleteSubnet", json!({"SubnetId": region})).code, "DependencyViolation");
        let group = interface["groupSet"][0]["groupId"].clone();
        assert_eq!(account.error("DeleteSecurityGroup", json!({"GroupId": group})).code, "CannotDelete");
    }

    #[test]
    fn the_same_token_launches_once() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let mut input = Account::launch(&region);
        input["ClientToken"] = "token-1".into();
        let made = account.ok("RunInstances", input.clone());
        account.wait(10);
        let again = account.ok("RunInstances", input.clone());
        assert_eq!(again["reservationId"], made["reservationId"]);
        assert_eq!(again["instancesSet"][0]["instanceState"]["name"], "running");
        input["InstanceType"] = "c5.xlarge".into();
        assert_eq!(account.error("RunInstances", input.clone()).code, "IdempotentParameterMismatch");
        let id = made["instancesSet"][0]["instanceId"].clone();
        account.ok("TerminateInstances", json!({"InstanceId": [id]}));
        input["InstanceType"] = "c5.large".into();
        assert_eq!(account.error("RunInstances", input).code, "IdempotentInstanceTerminated");
    }

    #[test]
    fn an_outpost_has_so_many_slots() {
        let mut account = Account::new();
        let (_, outpost) = account.subnets();
        let mut input = Account::launch(&outpost);
        input["InstanceType"] = "m5.xlarge".into();
        input["MaxCount"] = "5".into();
        let made = account.ok("RunInstances", input.clone());
        let launched = made["instancesSet"].as_array().unwrap().clone();
        assert_eq!((launched.len(), &launched[0]["outpostArn"]), (2, &json!(OUTPOST)));
        let error = account.error("RunInstances", input.clone());
        assert_eq!((error.status, error.code.as_str()), (500, "InsufficientInstanceCapacity"));
        // What was refused left nothing.
        assert_eq!(
            account.ok("DescribeNetworkInterfaces", json!({}))["networkInterfaceSet"].as_array().unwrap().len(),
            2
        );
        account.ok("TerminateInstances", json!({"InstanceId": [launched[0]["instanceId"]]}));
        assert_eq!(account.error("RunInstances", input.clone()).code, "InsufficientInstanceCapacity");
        account.wait(20);
        account.ok("RunInstances", input.clone());
        input["InstanceType"] = "c5.xlarge".into();
        let error = account.error("RunInstances", input);
        assert_eq!((error.status, error.code.as_str()), (400, "Unsupported"));
    }

    #[test]
    fn requests_are_checked() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let mut code = |changes: Value| {
            let mut input = Account::launch(&region);
            for (name, value) in changes.as_object().unwrap() {
                input[name] = value.clone();
            }
            account.error("RunInstances", input).code
        };
        assert_eq!(code(json!({"ImageId": "ami-00000000000000000"})), "InvalidAMIID.NotFound");
        assert_eq!(code(json!({"InstanceType": "x9.tiny"})), "InvalidParameterValue");
        assert_eq!(code(json!({"InstanceType": "m6g.large"})), "InvalidParameterValue");
        assert_eq!(code(json!({"KeyName": "none"})), "InvalidKeyPair.NotFound");
        assert_eq!(code(json!({"SubnetId": "subnet-00000000000000000"})), "InvalidSubnetID.NotFound");
        assert_eq!(code(json!({"SecurityGroupId": ["sg-00000000000000000"]})), "InvalidGroup.NotFound");
        assert_eq!(code(json!({"IamInstanceProfile": {"Name": "none"}})), "InvalidParameterValue");
        assert_eq!(code(json!({"UserData": base64::encode(vec![b'x'; 16_385])})), "InvalidParameterValue");
        assert_eq!(code(json!({"UserData": "%"})), "InvalidUserData.Malformed");
        assert_eq!(code(json!({"PrivateIpAddress": "10.0.9.9"})), "InvalidParameterValue");
        assert_eq!(code(json!({"NetworkInterface": [{"DeviceIndex": "0"}]})), "InvalidParameterCombination");
        assert_eq!(code(json!({"MinCount": "2"})), "InvalidParameterCombination");
        assert_eq!(code(json!({"Placement": {"GroupName": "none"}})), "InvalidPlacementGroup.Unknown");
        assert_eq!(code(json!({"CreditSpecification": {"CpuCredits": "standard"}})), "InvalidParameterCombination");
        assert_eq!(
            code(json!({"BlockDeviceMapping": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": "8"}}]})),
            "InvalidBlockDeviceMapping"
        );
    }

    #[test]
    fn an_interface_may_ask_for_a_public_address() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let vpc = account.ok("DescribeVpcs", json!({}))["vpcSet"][0]["vpcId"].clone();
        let on = json!({"Value": "true"});
        account.ok("ModifyVpcAttribute", json!({"VpcId": vpc, "EnableDnsHostnames": on}));
        let gateway = account.ok("CreateInternetGateway", json!({}))["internetGateway"]["internetGatewayId"].clone();
        let pair = json!({"InternetGatewayId": gateway, "VpcId": vpc});
        account.ok("AttachInternetGateway", pair.clone());
        let interface = json!({"DeviceIndex": "0", "SubnetId": region, "AssociatePublicIpAddress": "true", "PrivateIpAddress": "10.0.1.77"});
        let mut input = json!({"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": "1", "MaxCount": "1"});
        assert_eq!(account.error("RunInstances", input.clone()).code, "VPCIdNotSpecified");
        input["NetworkInterface"] = json!([interface]);
        let made = account.ok("RunInstances", input.clone())["instancesSet"][0].clone();
        assert_eq!(made["privateIpAddress"], "10.0.1.77");
        let name = made["dnsName"].as_str().unwrap();
        assert!(name.starts_with("ec2-") && name.ends_with(".us-west-2.compute.amazonaws.com"), "{name}");
        assert_eq!(account.error("RunInstances", input).code, "InvalidIPAddress.InUse");
        assert_eq!(account.error("DetachInternetGateway", pair.clone()).code, "DependencyViolation");
        account.ok("TerminateInstances", json!({"InstanceId": [made["instanceId"]]}));
        account.wait(20);
        account.ok("DetachInternetGateway", pair);
    }
}
