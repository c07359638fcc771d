//! Tasks in the network mode `awsvpc`: each has a network interface of its own in EC2 from its start to its end.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::container_instances::Instance;
use super::errors::invalid;
use super::shapes::items;
use crate::sandbox::ec2::borrowed::{self, Borrowed, Wanted};
use crate::sandbox::state::State;
use crate::sandbox::wire::AwsError;

fn texts(awsvpc: &Value, member: &str) -> Vec<String> {
    items(awsvpc.get(member)).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Refuses subnets and security groups that do not exist, in the words that ECS has of EC2.
pub(super) fn check(state: &State, network: Option<&Value>) -> Result<(), AwsError> {
    let Some(awsvpc) = network.map(|network| &network["awsvpcConfiguration"]) else { return Ok(()) };
    let (subnets, groups) = (texts(awsvpc, "subnets"), texts(awsvpc, "securityGroups"));
    let refuse = |what: &str, ids: &[String], error: AwsError| {
        let ids = ids.join(", ");
        invalid(format!(
            "Error retrieving {what} information for [{ids}]: {} (ErrorCode: {})",
            error.message, error.code
        ))
    };
    for id in &subnets {
        borrowed::subnet_exists(state, id).map_err(|error| refuse("subnet", &subnets, error))?;
    }
    for id in &groups {
        borrowed::group_exists(state, id).map_err(|error| refuse("security group", &groups, error))?;
    }
    Ok(())
}

/// What a task is attached to, and the interface that was made for it.
pub(super) struct Attached {
    pub(super) attachments: Value,
    pub(super) interface: Option<String>,
    /// The zone of its subnet.
    pub(super) zone: Option<String>,
}

/// Makes the interface of a task: in a subnet of its instance's zone when there is one, in the first otherwise.
pub(super) fn attach(
    state: &mut State,
    network: Option<&Value>,
    instance: Option<&Instance>,
    now: Timestamp,
) -> Attached {
    let awsvpc = network.map(|network| &network["awsvpcConfiguration"]).unwrap_or(&Value::Null);
    let subnets = texts(awsvpc, "subnets");
    let home = instance.and_then(|instance| instance.attributes.get("ecs.availability-zone").cloned().flatten());
    let near = |id: &&String| home.is_some() && borrowed::zone_of(state, id) == home;
    let subnet = subnets.iter().find(near).or(subnets.first()).cloned().unwrap_or_default();
    let id = state.hex(32);
    let id = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
    let wanted = Wanted {
        subnet_id: &subnet,
        groups: texts(awsvpc, "securityGroups"),
        public: awsvpc["assignPublicIp"] == "ENABLED",
        description: state.arn("ecs", &format!("attachment/{id}")),
        instance_id: instance.map(|instance| instance.ec2_id.clone()),
    };
    let made = borrowed::borrow(state, wanted, now);
    let mut details = vec![json!({"name": "subnetId", "value": subnet})];
    if let Some(Borrowed { interface_id, mac, private_ip, private_name }) = &made {
        let more = [
            ("networkInterfaceId", interface_id),
            ("macAddress", mac),
            ("privateDnsName", private_name),
            ("privateIPv4Address", private_ip),
        ];
        details.extend(more.map(|(name, value)| json!({"name": name, "value": value})));
    }
    Attached {
        attachments: json!([
            {"id": id, "type": "ElasticNetworkInterface", "status": "PRECREATED", "details": details}
        ]),
        interface: made.map(|made| made.interface_id),
        zone: borrowed::zone_of(state, &subnet),
    }
}

/// The attachments as they are shown: what EC2 gave is not known before it is asked.
pub(super) fn shown(attachments: &Value) -> Value {
    let mut shown = attachments.clone();
    for attachment in shown.as_array_mut().into_iter().flatten() {
        if attachment["status"] == "PRECREATED"
            && let Some(details) = attachment["details"].as_array_mut()
        {
            details.truncate(1);
        }
    }
    shown
}

/// The interfaces that a container of the task has, which are the task's.
pub(super) fn interfaces(attachments: &Value) -> Value {
    let attached = items(Some(attachments)).iter().filter(|attachment| attachment["status"] == "ATTACHED");
    attached
        .filter_map(|attachment| {
            let details = items(attachment.get("details"));
            let address = details.iter().find(|detail| detail["name"] == "privateIPv4Address")?;
            Some(json!({"attachmentId": attachment["id"], "privateIpv4Address": address["value"]}))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::ecs::fixture::Fixture;
    use crate::sandbox::wire::Service;

    fn detail(task: &Value, name: &str) -> Value {
        let details = task["attachments"][0]["details"].as_array().unwrap();
        details.iter().find(|detail| detail["name"] == name).map_or(Value::Null, |detail| detail["value"].clone())
    }

    #[test]
    fn a_task_holds_its_interface_and_that_its_subnet() {
        let mut aws = Fixture::edge();
        let subnet = aws.subnet();
        let container = json!({"name": "c", "image": "nginx", "memory": 64});
        let definition = json!({"family": "web", "networkMode": "awsvpc", "containerDefinitions": [container]});
        aws.ok("RegisterTaskDefinition", definition);
        let network = json!({"awsvpcConfiguration": {"subnets": [subnet]}});
        let run = json!({"cluster": "edge", "taskDefinition": "web", "networkConfiguration": network});
        let fresh = aws.ok("RunTask", run)["tasks"][0].clone();
        assert_eq!((&detail(&fresh, "subnetId"), &detail(&fresh, "networkInterfaceId")), (&subnet, &Value::Null));
        aws.wait(10.0);
        let task = aws.ok("DescribeTasks", json!({"cluster": "edge", "tasks": [fresh["taskArn"]]}))["tasks"][0].clone();
        let interface = detail(&task, "networkInterfaceId");
        let seen = aws.other(Service::Ec2, "DescribeNetworkInterfaces", json!({"NetworkInterfaceId": [interface]}));
        let seen = &seen["networkInterfaceSet"][0];
        assert_eq!((&seen["subnetId"], &seen["requesterManaged"]), (&subnet, &json!(true)));
        assert_eq!(seen["groupSet"][0]["groupName"], "default");
        assert_eq!(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"], seen["privateIpAddress"]);
        let mut code = |operation: &str, input: Value| aws.try_other(Service::Ec2, operation, input).unwrap_err().code;
        assert_eq!(code("DeleteSubnet", json!({"SubnetId": subnet})), "DependencyViolation");
        assert_eq!(
            code("DeleteNetworkInterface", json!({"NetworkInterfaceId": interface})),
            "InvalidNetworkInterface.InUse"
        );
        aws.ok("StopTask", json!({"cluster": "edge", "task": fresh["taskArn"]}));
        aws.wait(60.0);
        aws.other(Service::Ec2, "DeleteSubnet", json!({"SubnetId": subnet}));
    }

    #[test]
    fn what_does_not_exist_is_told_in_the_words_of_ec2() {
        let mut aws = Fixture::edge();
        let subnet = aws.subnet();
        let container = json!({"name": "c", "image": "nginx", "memory": 64});
        let definition = json!({"family": "web", "networkMode": "awsvpc", "containerDefinitions": [container]});
        aws.ok("RegisterTaskDefinition", definition);
        let mut message = |awsvpc: Value| {
            let network = json!({"awsvpcConfiguration": awsvpc});
            let service = json!({
                "cluster": "edge", "serviceName": "s", "taskDefinition": "web", "networkConfiguration": network,
                "desiredCount": 0,
            });
            aws.error("CreateService", service).message
        };
        let none = "subnet-00000000000000000";
        assert_eq!(
            message(json!({"subnets": [subnet, none]})),
            format!(
                "Error retrieving subnet information for [{}, {none}]: The subnet ID '{none}' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
                subnet.as_str().unwrap()
            )
        );
        assert_eq!(
            message(json!({"subnets": [subnet], "securityGroups": ["sg-00000000000000000"]})),
            "Error retrieving security group information for [sg-00000000000000000]: The security group 'sg-00000000000000000' does not exist (ErrorCode: InvalidGroup.NotFound)"
        );
    }
}
