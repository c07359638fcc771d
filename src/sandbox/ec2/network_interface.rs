//! Network interfaces: the one that each instance has, and those that ECS made for tasks ([`super::borrowed`]).

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::borrowed::Borrower;
use super::input::required;
use super::kinds::NETWORK_INTERFACE;
use super::listing::{Filter, Listing, PAGES, ids_or_pages};
use super::subnet::Subnet;
use super::{Ec2, Entry, timestamp};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::world::Zone;

pub(super) const OPERATIONS: &[Entry] = &[
    ("DescribeNetworkInterfaces", "NetworkInterfaceId FILTERS PAGES", describe),
    ("DeleteNetworkInterface", "NetworkInterfaceId!", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NetworkInterface {
    pub(super) interface_id: String,
    /// Empty once it outlived its instance.
    pub(super) instance_id: String,
    pub(super) attachment_id: String,
    pub(super) attached: Timestamp,
    pub(super) vpc_id: String,
    pub(super) subnet_id: String,
    pub(super) zone: Zone,
    pub(super) outpost_arn: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) private_ip: String,
    pub(super) public_ip: Option<String>,
    /// Whether it gets a public address whenever its instance starts.
    pub(super) wants_public: bool,
    pub(super) mac: String,
    pub(super) description: String,
    pub(super) delete_on_termination: bool,
    pub(super) source_dest_check: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) borrower: Option<Borrower>,
}

impl NetworkInterface {
    pub(super) fn wire_groups(&self, ec2: &Ec2) -> Value {
        let name = |id: &String| ec2.security_groups.get(id).map(|group| &group.name);
        self.groups.iter().map(|id| json!({"groupId": id, "groupName": name(id)})).collect()
    }

    /// Whether it is attached to something: its instance or what it was made for.
    fn is_attached(&self) -> bool {
        self.borrower.is_some() || !self.instance_id.is_empty()
    }

    /// The public name; empty without a public address or where the VPC gives no names.
    pub(super) fn public_name(&self, state: &State) -> String {
        let named = state.ec2.vpcs.get(&self.vpc_id).is_some_and(|vpc| vpc.dns_hostnames);
        match &self.public_ip {
            Some(address) if named => {
                format!("ec2-{}.{}.compute.amazonaws.com", address.replace('.', "-"), state.world.region)
            }
            _ => String::new(),
        }
    }

    pub(super) fn wire(&self, state: &State) -> Value {
        let association = self.public_ip.as_ref().map(
            |address| json!({"publicIp": address, "publicDnsName": self.public_name(state), "ipOwnerId": "amazon"}),
        );
        let private_name = private_name(state, &self.private_ip);
        let attachment = self.is_attached().then(|| {
            let instance_id = match &self.borrower {
                Some(borrower) => borrower.instance_id.as_ref(),
                None => Some(&self.instance_id),
            };
            json!({
                "attachmentId": self.attachment_id,
                "instanceId": instance_id,
                "instanceOwnerId": instance_id.map(|_| &state.world.account),
                "attachTime": timestamp(self.attached),
                "deleteOnTermination": self.delete_on_termination,
                "deviceIndex": u8::from(self.borrower.is_some()),
                "networkCardIndex": 0,
                "status": "attached",
            })
        });
        json!({
            "networkInterfaceId": self.interface_id,
            "interfaceType": "interface",
            "status": if attachment.is_some() { "in-use" } else { "available" },
            "ownerId": state.world.account,
            "requesterManaged": self.borrower.is_some(),
            "description": self.description,
            "vpcId": self.vpc_id,
            "subnetId": self.subnet_id,
            "availabilityZone": self.zone.name,
            "availabilityZoneId": self.zone.id,
            "outpostArn": self.outpost_arn,
            "macAddress": self.mac,
            "privateIpAddress": self.private_ip,
            "privateDnsName": private_name,
            "privateIpAddressesSet": [{
                "privateIpAddress": self.private_ip, "privateDnsName": private_name,
                "primary": true, "association": association,
            }],
            "association": association,
            "attachment": attachment,
            "groupSet": self.wire_groups(&state.ec2),
            "ipv6AddressesSet": [],
            "sourceDestCheck": self.source_dest_check,
            "tagSet": state.ec2.tag_set(&self.interface_id),
        })
    }
}

/// What only the answer about interfaces tells, not the one about instances.
const NOT_ON_INSTANCE: &[&str] =
    &["availabilityZone", "availabilityZoneId", "outpostArn", "requesterManaged", "tagSet"];

impl NetworkInterface {
    /// As the answer about its instance has it.
    pub(super) fn wire_on_instance(&self, state: &State) -> Value {
        let mut wire = self.wire(state);
        if let Some(members) = wire.as_object_mut() {
            members.retain(|name, _| !NOT_ON_INSTANCE.contains(&name.as_str()));
        }
        if let Some(attachment) = wire["attachment"].as_object_mut() {
            attachment.retain(|name, _| name != "instanceId" && name != "instanceOwnerId");
        }
        wire
    }
}

/// An address of the hardware that no other interface has.
pub(super) fn hardware_address(state: &mut State) -> String {
    let digits = state.hex(10);
    let pairs: Vec<&str> = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]).collect();
    format!("02:{}", pairs.join(":"))
}

/// The name inside the VPC that an address has.
pub(super) fn private_name(state: &State, address: &str) -> String {
    let host = address.replace('.', "-");
    match state.world.region.as_str() {
        "us-east-1" => format!("ip-{host}.ec2.internal"),
        region => format!("ip-{host}.{region}.compute.internal"),
    }
}

impl Ec2 {
    /// Whether an interface in the subnet has the address.
    pub(super) fn holds(&self, subnet_id: &str, address: Ipv4Addr) -> bool {
        let address = address.to_string();
        self.network_interfaces.values().any(|held| held.subnet_id == subnet_id && held.private_ip == address)
    }

    /// How many interfaces are attached to an instance.
    pub(super) fn interfaces_on(&self, instance: &str) -> usize {
        let of_task = |borrower: &Borrower| borrower.instance_id.as_deref() == Some(instance);
        let is_on = |one: &&NetworkInterface| one.instance_id == instance || one.borrower.as_ref().is_some_and(of_task);
        self.network_interfaces.values().filter(is_on).count()
    }

    /// The lowest free address of a subnet.
    pub(super) fn next_address(&self, subnet: &Subnet) -> Option<Ipv4Addr> {
        let net = subnet.net()?;
        let usable = u32::from(net.network()) + 4..u32::from(net.broadcast());
        usable.map(Ipv4Addr::from).find(|address| !self.holds(&subnet.subnet_id, *address))
    }

    /// A public address that nobody else has: of the range that is kept for tests.
    pub(super) fn public_address(&mut self) -> String {
        self.public_addresses += 1;
        let first = u32::from(Ipv4Addr::new(198, 18, 0, 0));
        Ipv4Addr::from(first + self.public_addresses % (1 << 17)).to_string()
    }
}

const FILTERS: &[Filter] = &[
    ("addresses.association.public-ip", "privateIpAddressesSet.association.publicIp"),
    ("addresses.primary", "privateIpAddressesSet.primary"),
    ("addresses.private-ip-address", "privateIpAddressesSet.privateIpAddress"),
    ("association.ip-owner-id", "association.ipOwnerId"),
    ("association.public-dns-name", "association.publicDnsName"),
    ("association.public-ip", "association.publicIp"),
    ("attachment.attachment-id", "attachment.attachmentId"),
    ("attachment.delete-on-termination", "attachment.deleteOnTermination"),
    ("attachment.device-index", "attachment.deviceIndex"),
    ("attachment.instance-id", "attachment.instanceId"),
    ("attachment.instance-owner-id", "attachment.instanceOwnerId"),
    ("attachment.status", "attachment.status"),
    ("availability-zone", "availabilityZone"),
    ("availability-zone-id", "availabilityZoneId"),
    ("description", "description"),
    ("group-id", "groupSet.groupId"),
    ("group-name", "groupSet.groupName"),
    ("interface-type", "interfaceType"),
    ("mac-address", "macAddress"),
    ("network-interface-id", "networkInterfaceId"),
    ("owner-id", "ownerId"),
    ("private-dns-name", "privateDnsName"),
    ("private-ip-address", "privateIpAddress"),
    ("requester-managed", "requesterManaged"),
    ("source-dest-check", "sourceDestCheck"),
    ("status", "status"),
    ("subnet-id", "subnetId"),
    ("vpc-id", "vpcId"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    ids_or_pages(call, "NetworkInterfaceId")?;
    let rows = state.ec2.network_interfaces.iter().map(|(id, interface)| (id.clone(), interface.wire(state))).collect();
    let ids = Some(("NetworkInterfaceId", &NETWORK_INTERFACE));
    Listing { set: "networkInterfaceSet", ids, filters: FILTERS, pages: PAGES }.answer(call, rows)
}

/// For an interface that outlived its instance.
fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "NetworkInterfaceId")?;
    let ec2 = &mut state.ec2;
    if NETWORK_INTERFACE.find(&ec2.network_interfaces, id)?.is_attached() {
        let message = format!("Network interface '{id}' is currently in use.");
        return Err(AwsError::invalid("InvalidNetworkInterface.InUse", message));
    }
    ec2.network_interfaces.remove(id);
    ec2.tags.remove(id);
    Ok(json!({"return": true}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::{Account, OUTPOST};

    #[test]
    fn an_interface_may_outlive_its_instance() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let mut input = Account::launch(&region);
        input["NetworkInterface"] = json!([{"DeviceIndex": "0", "SubnetId": region, "DeleteOnTermination": "false"}]);
        if let Some(members) = input.as_object_mut() {
            members.shift_remove("SubnetId");
        }
        let made = account.ok("RunInstances", input)["instancesSet"][0].clone();
        let id = made["networkInterfaceSet"][0]["networkInterfaceId"].clone();
        let one = json!({"NetworkInterfaceId": id});
        assert_eq!(account.error("DeleteNetworkInterface", one.clone()).code, "InvalidNetworkInterface.InUse");
        account.ok("TerminateInstances", json!({"InstanceId": [made["instanceId"]]}));
        account.wait(20);
        assert_eq!(account.error("DeleteSubnet", json!({"SubnetId": region})).code, "DependencyViolation");
        account.ok("DeleteNetworkInterface", one);
        account.ok("DeleteSubnet", json!({"SubnetId": region}));
    }

    #[test]
    fn addresses_are_given_from_the_fifth_on() {
        let mut account = Account::new();
        let (region, outpost) = account.subnets();
        for _ in 0..2 {
            account.instance(&region);
        }
        account.instance(&outpost);
        let filter = json!({"Filter": [{"Name": "subnet-id", "Value": [region]}]});
        let seen = account.ok("DescribeNetworkInterfaces", filter)["networkInterfaceSet"].clone();
        let mut addresses: Vec<&str> =
            seen.as_array().unwrap().iter().map(|row| row["privateIpAddress"].as_str().unwrap()).collect();
        addresses.sort_unstable();
        assert_eq!(addresses, ["10.0.1.4", "10.0.1.5"]);
        let filter = json!({"Filter": [{"Name": "subnet-id", "Value": [outpost]}]});
        let seen = account.ok("DescribeNetworkInterfaces", filter)["networkInterfaceSet"][0].clone();
        assert_eq!((&seen["outpostArn"], &seen["status"]), (&json!(OUTPOST), &json!("in-use")));
        let error =
            account.error("DescribeNetworkInterfaces", json!({"NetworkInterfaceId": ["eni-00000000000000000"]}));
        assert_eq!(error.code, "InvalidNetworkInterfaceID.NotFound");
    }
}
