//! Network interfaces that another service makes for what it runs, and takes away again. They count like all others
//! (addresses, groups, subnets), but only that service detaches and deletes them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::kinds::{SECURITY_GROUP, SUBNET};
use super::network_interface::{NetworkInterface, hardware_address, private_name};
use crate::sandbox::state::State;
use crate::sandbox::wire::AwsError;

/// What a borrowed interface is attached to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Borrower {
    /// None when the host is not the account's own, as on Fargate.
    pub(super) instance_id: Option<String>,
}

/// An interface that is wanted.
pub(in crate::sandbox) struct Wanted<'a> {
    pub(in crate::sandbox) subnet_id: &'a str,
    /// Those of the VPC's default group when empty.
    pub(in crate::sandbox) groups: Vec<String>,
    pub(in crate::sandbox) public: bool,
    pub(in crate::sandbox) description: String,
    pub(in crate::sandbox) instance_id: Option<String>,
}

/// An interface that was made.
pub(in crate::sandbox) struct Borrowed {
    pub(in crate::sandbox) interface_id: String,
    pub(in crate::sandbox) mac: String,
    pub(in crate::sandbox) private_ip: String,
    pub(in crate::sandbox) private_name: String,
}

/// Makes an interface; none when the subnet does not exist or has no free address.
pub(in crate::sandbox) fn borrow(state: &mut State, wanted: Wanted<'_>, now: Timestamp) -> Option<Borrowed> {
    let subnet = state.ec2.subnets.get(wanted.subnet_id)?.clone();
    let private_ip = state.ec2.next_address(&subnet)?.to_string();
    let mut groups = wanted.groups;
    if groups.is_empty() {
        let default =
            |(_, group): &(&String, &super::SecurityGroup)| group.vpc_id == subnet.vpc_id && group.is_default();
        groups.extend(state.ec2.security_groups.iter().find(default).map(|(id, _)| id.clone()));
    }
    let interface = NetworkInterface {
        interface_id: state.id("eni"),
        instance_id: String::new(),
        attachment_id: state.id("eni-attach"),
        attached: now,
        public_ip: wanted.public.then(|| state.ec2.public_address()),
        wants_public: false,
        mac: hardware_address(state),
        vpc_id: subnet.vpc_id,
        subnet_id: subnet.subnet_id,
        zone: subnet.zone,
        outpost_arn: subnet.outpost_arn,
        groups,
        private_ip,
        description: wanted.description,
        delete_on_termination: false,
        source_dest_check: true,
        borrower: Some(Borrower { instance_id: wanted.instance_id }),
    };
    let borrowed = Borrowed {
        interface_id: interface.interface_id.clone(),
        mac: interface.mac.clone(),
        private_ip: interface.private_ip.clone(),
        private_name: private_name(state, &interface.private_ip),
    };
    state.ec2.network_interfaces.insert(interface.interface_id.clone(), interface);
    Some(borrowed)
}

/// Takes a borrowed interface away.
pub(in crate::sandbox) fn give_back(state: &mut State, interface_id: &str) {
    state.ec2.network_interfaces.remove(interface_id);
    state.ec2.tags.remove(interface_id);
}

/// The zone of a subnet, by name; none when there is no such subnet.
pub(in crate::sandbox) fn zone_of(state: &State, subnet_id: &str) -> Option<String> {
    state.ec2.subnets.get(subnet_id).map(|subnet| subnet.zone.name.clone())
}

/// EC2's error about a subnet that does not exist.
pub(in crate::sandbox) fn subnet_exists(state: &State, id: &str) -> Result<(), AwsError> {
    SUBNET.find(&state.ec2.subnets, id).map(|_| ())
}

/// EC2's error about a security group that does not exist.
pub(in crate::sandbox) fn group_exists(state: &State, id: &str) -> Result<(), AwsError> {
    SECURITY_GROUP.find(&state.ec2.security_groups, id).map(|_| ())
}
