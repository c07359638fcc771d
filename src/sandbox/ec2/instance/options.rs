//! Attributes of instances and how they change: metadata, monitoring, credits, groups.

use serde_json::{Value, json};

use super::lifecycle::named;
use super::run::{capacity, change_metadata, check_group, check_group_count, check_user_data};
use super::{Phase, living};
use crate::sandbox::ec2::image::ROOT_DEVICE;
use crate::sandbox::ec2::input::{bad_value, combination, flag, one_attribute, required, text, word};
use crate::sandbox::ec2::kinds::{INSTANCE, NETWORK_INTERFACE, SUBNET, well_formed};
use crate::sandbox::ec2::listing::{PAGES, filtered, ids_or_pages, page};
use crate::sandbox::ec2::{Entry, instance_type};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(in crate::sandbox::ec2) const OPERATIONS: &[Entry] = &[
    ("DescribeInstanceAttribute", "InstanceId! Attribute!", describe_attribute),
    (
        "ModifyInstanceAttribute",
        "InstanceId! SourceDestCheck.Value DisableApiTermination.Value DisableApiStop.Value InstanceType.Value \
         UserData.Value InstanceInitiatedShutdownBehavior.Value EbsOptimized.Value GroupId Attribute Value",
        modify_attribute,
    ),
    ("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId! SecurityGroupId SourceDestCheck.Value", modify_interface),
    (
        "ModifyInstanceMetadataOptions",
        "InstanceId! HttpTokens HttpPutResponseHopLimit HttpEndpoint HttpProtocolIpv6 InstanceMetadataTags",
        modify_metadata,
    ),
    ("MonitorInstances", "InstanceId!", |state, call| monitor(state, call, true)),
    ("UnmonitorInstances", "InstanceId!", |state, call| monitor(state, call, false)),
    (
        "ModifyInstanceCreditSpecification",
        "ClientToken InstanceCreditSpecification.InstanceId! InstanceCreditSpecification.CpuCredits",
        modify_credits,
    ),
    ("DescribeInstanceCreditSpecifications", "InstanceId FILTERS PAGES", describe_credits),
];

fn describe_attribute(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "InstanceId")?;
    let instance = INSTANCE.find(&state.ec2.instances, id)?;
    let attribute = required(call, "Attribute")?;
    let interface = instance.network_interface_id.as_ref().and_then(|id| state.ec2.network_interfaces.get(id));
    let value = match attribute {
        "instanceType" => json!({"value": instance.instance_type}),
        "userData" => match &instance.user_data {
            Some(data) => json!({"value": data}),
            None => json!({}),
        },
        "disableApiTermination" => json!({"value": instance.disable_api_termination}),
        "disableApiStop" => json!({"value": instance.disable_api_stop}),
        "instanceInitiatedShutdownBehavior" => json!({"value": instance.shutdown_behavior}),
        "ebsOptimized" => json!({"value": instance.ebs_optimized}),
        "enaSupport" => json!({"value": true}),
        "sourceDestCheck" => json!({"value": interface.is_none_or(|interface| interface.source_dest_check)}),
        "rootDeviceName" => json!({"value": ROOT_DEVICE}),
        "groupSet" => interface.map_or(json!([]), |interface| interface.wire_groups(&state.ec2)),
        "blockDeviceMapping" => {
            state.ec2.volumes.values().filter_map(|volume| volume.wire_mapping(id)).collect::<Vec<Value>>().into()
        }
        "productCodes" => json!([]),
        "enclaveOptions" => json!({"enabled": false}),
        "kernel" | "ramdisk" | "sriovNetSupport" => json!({}),
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(bad_value(message));
        }
    };
    Ok(json!({"instanceId": id, attribute: value}))
}

/// The members for attributes, and how the older style (`Attribute`, `Value`) names them.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("SourceDestCheck", "sourceDestCheck"),
    ("DisableApiTermination", "disableApiTermination"),
    ("DisableApiStop", "disableApiStop"),
    ("InstanceType", "instanceType"),
    ("UserData", "userData"),
    ("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior"),
    ("EbsOptimized", "ebsOptimized"),
];

fn modify_attribute(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "InstanceId")?;
    let phase = living(&mut state.ec2, id)?.phase;
    let mut members: Vec<&str> = ATTRIBUTES.iter().map(|(member, _)| *member).collect();
    members.extend(["GroupId", "Attribute"]);
    let given = one_attribute(call, &members)?;
    let older = given == "Attribute";
    let attribute = match call.text("Attribute") {
        Some(name) if older => match ATTRIBUTES.iter().find(|(_, older)| *older == name) {
            Some((member, _)) => *member,
            None => return Err(bad_value(format!("Value ({name}) for parameter attribute is invalid."))),
        },
        _ => given,
    };
    let holder = if older { &call.input } else { &call.input[given] };
    let on = || flag(holder, "Value")?.ok_or_else(|| bad_value(format!("{attribute} has no value")));
    if matches!(attribute, "InstanceType" | "UserData" | "EbsOptimized") && phase != Phase::Stopped {
        let message = format!("The instance '{id}' is not in the 'stopped' state.");
        return Err(AwsError::invalid("IncorrectInstanceState", message));
    }
    // Both are of an interface, and of which one is not clear where ECS has attached some for tasks.
    if matches!(attribute, "GroupId" | "SourceDestCheck") && state.ec2.interfaces_on(id) > 1 {
        let message = format!(
            "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
        );
        return Err(AwsError::invalid("InvalidInstanceID", message));
    }
    let interface = living(&mut state.ec2, id)?.network_interface_id.clone();
    match attribute {
        "GroupId" => {
            if let Some(interface) = interface {
                set_groups(state, &interface, &call.texts("GroupId"))?;
            }
        }
        "SourceDestCheck" => {
            let on = on()?;
            if let Some(interface) = interface.and_then(|id| state.ec2.network_interfaces.get_mut(&id)) {
                interface.source_dest_check = on;
            }
        }
        "InstanceType" => {
            let kind = instance_type::named(text(holder, "Value").unwrap_or(""))?;
            let (architecture, subnet_id) = {
                let instance = living(&mut state.ec2, id)?;
                (instance.architecture.clone(), instance.subnet_id.clone())
            };
            if kind.architecture != architecture {
                let message = format!(
                    "The architecture '{}' of the specified instance type does not match the architecture '{architecture}' of the instance.",
                    kind.architecture
                );
                return Err(bad_value(message));
            }
            // Whether the Outpost has the type at all; whether there is a free slot shows at the start.
            let subnet = SUBNET.find(&state.ec2.subnets, &subnet_id)?;
            capacity(state, subnet, &kind, (0, 1))?;
            let instance = living(&mut state.ec2, id)?;
            instance.cpu_credits = kind.burstable.then(|| "unlimited".to_owned());
            instance.instance_type = kind.name;
        }
        "UserData" => {
            let data = text(holder, "Value");
            data.map_or(Ok(()), check_user_data)?;
            living(&mut state.ec2, id)?.user_data = data.map(str::to_owned);
        }
        "InstanceInitiatedShutdownBehavior" => {
            if let Some(behavior) = word(holder, "Value", &["stop", "terminate"])? {
                living(&mut state.ec2, id)?.shutdown_behavior = behavior;
            }
        }
        "EbsOptimized" => living(&mut state.ec2, id)?.ebs_optimized = on()?,
        "DisableApiStop" => living(&mut state.ec2, id)?.disable_api_stop = on()?,
        _ => living(&mut state.ec2, id)?.disable_api_termination = on()?,
    }
    Ok(json!({"return": true}))
}

fn set_groups(state: &mut State, interface: &str, groups: &[&str]) -> Result<(), AwsError> {
    let subnet_id = NETWORK_INTERFACE.find(&state.ec2.network_interfaces, interface)?.subnet_id.clone();
    check_group_count(groups.len())?;
    let subnet = SUBNET.find(&state.ec2.subnets, &subnet_id)?;
    for group in groups {
        check_group(state, group, subnet)?;
    }
    if let Some(interface) = state.ec2.network_interfaces.get_mut(interface) {
        interface.groups = groups.iter().map(|group| (*group).to_owned()).collect();
    }
    Ok(())
}

fn modify_interface(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "NetworkInterfaceId")?;
    NETWORK_INTERFACE.find(&state.ec2.network_interfaces, id)?;
    match one_attribute(call, &["SecurityGroupId", "SourceDestCheck"])? {
        "SecurityGroupId" => set_groups(state, id, &call.texts("SecurityGroupId"))?,
        _ => {
            let on = flag(&call.input["SourceDestCheck"], "Value")?;
            let on = on.ok_or_else(|| bad_value("SourceDestCheck has no value"))?;
            if let Some(interface) = state.ec2.network_interfaces.get_mut(id) {
                interface.source_dest_check = on;
            }
        }
    }
    Ok(json!({"return": true}))
}

fn modify_metadata(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "InstanceId")?;
    let until = call.now + state.takes(2.0);
    let instance = living(&mut state.ec2, id)?;
    change_metadata(&mut instance.metadata, &call.input)?;
    instance.metadata.pending_until = Some(until);
    Ok(json!({"instanceId": id, "instanceMetadataOptions": instance.metadata.wire()}))
}

fn monitor(state: &mut State, call: &Call, on: bool) -> Result<Value, AwsError> {
    let mut rows = Vec::new();
    for instance in named(state, call)? {
        living(&mut state.ec2, &instance.instance_id)?.monitoring = on;
        let word = match (on, instance.monitoring) {
            (true, true) => "enabled",
            (true, false) => "pending",
            (false, true) => "disabling",
            (false, false) => "disabled",
        };
        rows.push(json!({"instanceId": instance.instance_id, "monitoring": {"state": word}}));
    }
    Ok(json!({"instancesSet": rows}))
}

/// Instances fail one by one here.
fn modify_credits(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for change in call.list("InstanceCreditSpecification") {
        let id = text(change, "InstanceId").unwrap_or("");
        let credits = word(change, "CpuCredits", &["standard", "unlimited"])?;
        let problem = match state.ec2.instances.get_mut(id) {
            None if !well_formed(id, INSTANCE.prefix) => {
                Some(("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\"")))
            }
            None => Some(("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))),
            Some(instance) if instance.phase.is_ending() => {
                Some(("IncorrectInstanceState", format!("The instance '{id}' is not running or stopped")))
            }
            Some(instance) if instance.cpu_credits.is_none() => Some((
                "InstanceCreditSpecification.NotSupported",
                format!("The instance type {} does not support credit specifications", instance.instance_type),
            )),
            Some(instance) => {
                instance.cpu_credits = Some(credits.unwrap_or_else(|| "standard".to_owned()));
                None
            }
        };
        match problem {
            None => done.push(json!({"instanceId": id})),
            Some((code, message)) => {
                failed.push(json!({"instanceId": id, "error": {"code": code, "message": message}}));
            }
        }
    }
    Ok(json!({
        "successfulInstanceCreditSpecificationSet": done,
        "unsuccessfulInstanceCreditSpecificationSet": failed,
    }))
}

/// Without ids or filters: the burstable instances that are unlimited.
fn describe_credits(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    ids_or_pages(call, "InstanceId")?;
    let asked = named(state, call)?;
    if let Some(other) = asked.iter().find(|instance| instance.cpu_credits.is_none()) {
        let message = format!("The instance '{}' does not support credit specifications", other.instance_id);
        return Err(combination(message));
    }
    let filtering = !call.list("Filter").is_empty();
    let all = state.ec2.instances.values().filter(|instance| match &instance.cpu_credits {
        None => false,
        Some(_) if !asked.is_empty() => asked.iter().any(|other| other.instance_id == instance.instance_id),
        Some(credits) => filtering || (credits == "unlimited" && !instance.phase.is_ending()),
    });
    let rows = all
        .map(|instance| {
            let row = json!({"instanceId": instance.instance_id, "cpuCredits": instance.cpu_credits});
            (instance.instance_id.clone(), row)
        })
        .collect();
    let rows = filtered(call, &[("instance-id", "instanceId")], rows)?;
    page(call, "instanceCreditSpecificationSet", &PAGES, rows)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::base64;

    use super::*;
    use crate::sandbox::ec2::borrowed::{Wanted, borrow};
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn some_attributes_need_a_stopped_instance() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let id = account.instance(&region);
        account.wait(10);
        let kind = json!({"InstanceId": id, "InstanceType": {"Value": "m5.xlarge"}});
        let data = json!({"InstanceId": id, "UserData": {"Value": base64::encode("new")}});
        assert_eq!(account.error("ModifyInstanceAttribute", kind.clone()).code, "IncorrectInstanceState");
        assert_eq!(account.error("ModifyInstanceAttribute", data.clone()).code, "IncorrectInstanceState");
        let both =
            json!({"InstanceId": id, "DisableApiStop": {"Value": "true"}, "SourceDestCheck": {"Value": "false"}});
        assert_eq!(account.error("ModifyInstanceAttribute", both).code, "InvalidParameterCombination");
        account.ok("ModifyInstanceAttribute", json!({"InstanceId": id, "SourceDestCheck": {"Value": "false"}}));
        assert_eq!(account.seen(&id)["sourceDestCheck"], false);
        account.ok("StopInstances", json!({"InstanceId": [id]}));
        account.wait(20);
        account.ok("ModifyInstanceAttribute", kind);
        account.ok("ModifyInstanceAttribute", data);
        let arm = json!({"InstanceId": id, "InstanceType": {"Value": "m6g.large"}});
        assert_eq!(account.error("ModifyInstanceAttribute", arm).code, "InvalidParameterValue");
        assert_eq!(account.seen(&id)["instanceType"], "m5.xlarge");
        let seen = account.ok("DescribeInstanceAttribute", json!({"InstanceId": id, "Attribute": "userData"}));
        assert_eq!(seen["userData"]["value"], base64::encode("new"));
    }

    #[test]
    fn groups_move_with_the_interface() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let vpc = account.ok("DescribeVpcs", json!({}))["vpcSet"][0]["vpcId"].as_str().unwrap().to_owned();
        let id = account.instance(&region);
        let group = account.group(&vpc, "web");
        account.ok("ModifyInstanceAttribute", json!({"InstanceId": id, "GroupId": [group]}));
        assert_eq!(account.seen(&id)["groupSet"], json!([{"groupId": group, "groupName": "web"}]));
        assert_eq!(account.error("DeleteSecurityGroup", json!({"GroupId": group})).code, "DependencyViolation");
        let other = account.vpc("10.1.0.0/16");
        let foreign = account.group(&other, "web");
        let error = account.error("ModifyInstanceAttribute", json!({"InstanceId": id, "GroupId": [foreign]}));
        assert_eq!(error.code, "InvalidParameter");
    }

    #[test]
    fn an_instance_with_several_interfaces_is_changed_by_interface() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let vpc = account.ok("DescribeVpcs", json!({}))["vpcSet"][0]["vpcId"].as_str().unwrap().to_owned();
        let id = account.instance(&region);
        let group = account.group(&vpc, "web");
        let wanted = Wanted {
            subnet_id: &region,
            groups: Vec::new(),
            public: false,
            description: String::new(),
            instance_id: Some(id.clone()),
        };
        borrow(&mut account.state, wanted, jiff::Timestamp::UNIX_EPOCH).unwrap();
        for change in [json!({"GroupId": [group]}), json!({"SourceDestCheck": {"Value": "false"}})] {
            let mut change = change;
            change["InstanceId"] = id.clone().into();
            let error = account.error("ModifyInstanceAttribute", change);
            assert_eq!(error.code, "InvalidInstanceID");
            assert!(error.message.starts_with("There are multiple interfaces attached"), "{}", error.message);
        }
        let interface = account.seen(&id)["networkInterfaceSet"][0]["networkInterfaceId"].clone();
        let of = |more: &str, value: Value| json!({"NetworkInterfaceId": interface, more: value});
        account.ok("ModifyNetworkInterfaceAttribute", of("SecurityGroupId", json!([group])));
        account.ok("ModifyNetworkInterfaceAttribute", of("SourceDestCheck", json!({"Value": "false"})));
        let seen = account.seen(&id);
        assert_eq!((&seen["groupSet"][0]["groupId"], &seen["sourceDestCheck"]), (&group.into(), &false.into()));
        let nothing = json!({"NetworkInterfaceId": interface});
        assert_eq!(account.error("ModifyNetworkInterfaceAttribute", nothing).code, "InvalidParameterCombination");
    }

    #[test]
    fn metadata_options_take_a_moment() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let id = account.instance(&region);
        account.wait(10);
        let answer = account.ok("ModifyInstanceMetadataOptions", json!({"InstanceId": id, "HttpTokens": "optional"}));
        assert_eq!(answer["instanceMetadataOptions"]["state"], "pending");
        assert_eq!(account.seen(&id)["metadataOptions"]["state"], "pending");
        account.wait(2);
        let seen = account.seen(&id)["metadataOptions"].clone();
        assert_eq!((&seen["state"], &seen["httpTokens"]), (&json!("applied"), &json!("optional")));
        let bad = json!({"InstanceId": id, "HttpPutResponseHopLimit": "65"});
        assert_eq!(account.error("ModifyInstanceMetadataOptions", bad).code, "InvalidParameterValue");
    }

    #[test]
    fn monitoring_and_credits() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let plain = account.instance(&region);
        let mut input = Account::launch(&region);
        input["InstanceType"] = "t3.micro".into();
        let burstable = account.ok("RunInstances", input)["instancesSet"][0]["instanceId"].clone();
        let answer = account.ok("MonitorInstances", json!({"InstanceId": [plain]}));
        assert_eq!(answer["instancesSet"][0]["monitoring"]["state"], "pending");
        assert_eq!(account.seen(&plain)["monitoring"]["state"], "enabled");
        let all = account.ok("DescribeInstanceCreditSpecifications", json!({}));
        assert_eq!(
            all["instanceCreditSpecificationSet"],
            json!([{"instanceId": burstable, "cpuCredits": "unlimited"}])
        );
        let changes = json!([
            {"InstanceId": burstable, "CpuCredits": "standard"}, {"InstanceId": plain, "CpuCredits": "standard"},
        ]);
        let answer = account.ok("ModifyInstanceCreditSpecification", json!({"InstanceCreditSpecification": changes}));
        let failed = &answer["unsuccessfulInstanceCreditSpecificationSet"][0]["error"]["code"];
        assert_eq!(failed, "InstanceCreditSpecification.NotSupported");
        let one = account.ok("DescribeInstanceCreditSpecifications", json!({"InstanceId": [burstable]}));
        assert_eq!(one["instanceCreditSpecificationSet"][0]["cpuCredits"], "standard");
    }
}
