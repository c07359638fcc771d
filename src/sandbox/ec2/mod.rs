//! Amazon EC2: networks, security groups, keys, instances.
//!
//! Each module holds one kind of resource: its record, its operations and their tests. What all share is in
//! [`input`] (reading requests), [`kinds`] (ids), [`listing`] (Describe) and [`tags`].

pub(super) mod borrowed;
mod defaults;
mod endpoint;
mod gateway;
pub(super) mod hosts;
mod image;
mod input;
mod instance;
mod instance_type;
mod key_pair;
mod kinds;
mod listing;
mod network_interface;
mod route;
mod route_table;
mod rsa;
mod security_group;
mod security_group_rule;
mod subnet;
mod tags;
#[cfg(test)]
mod testing;
mod token;
mod volume;
mod vpc;
mod zone;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::gateway::InternetGateway;
use self::instance::{Instance, ProfileAssociation};
use self::key_pair::KeyPair;
use self::network_interface::NetworkInterface;
use self::route_table::RouteTable;
use self::security_group::SecurityGroup;
use self::security_group_rule::Rule;
use self::subnet::Subnet;
use self::tags::Tags;
pub(in crate::sandbox) use self::tags::{change as change_tags, tagged};
use self::token::Tokens;
use self::volume::Volume;
use self::vpc::Vpc;
use super::Operation;
use super::state::State;
use super::wire::{AwsError, Call};

/// Everything that exists in EC2, by id.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Ec2 {
    vpcs: BTreeMap<String, Vpc>,
    subnets: BTreeMap<String, Subnet>,
    internet_gateways: BTreeMap<String, InternetGateway>,
    route_tables: BTreeMap<String, RouteTable>,
    security_groups: BTreeMap<String, SecurityGroup>,
    rules: BTreeMap<String, Rule>,
    key_pairs: BTreeMap<String, KeyPair>,
    instances: BTreeMap<String, Instance>,
    network_interfaces: BTreeMap<String, NetworkInterface>,
    volumes: BTreeMap<String, Volume>,
    profile_associations: BTreeMap<String, ProfileAssociation>,
    tags: BTreeMap<String, Tags>,
    tokens: Tokens,
    /// The account's one set of DHCP options, made with its first VPC.
    dhcp_options_id: Option<String>,
    /// Counts public addresses that were given out.
    public_addresses: u32,
}

/// Name, members that it understands ([`input::check`]), what it does.
type Entry = (&'static str, &'static str, Operation);

const GROUPS: &[&[Entry]] = &[
    vpc::OPERATIONS,
    defaults::OPERATIONS,
    zone::OPERATIONS,
    endpoint::OPERATIONS,
    subnet::OPERATIONS,
    gateway::OPERATIONS,
    route_table::OPERATIONS,
    route::OPERATIONS,
    security_group::OPERATIONS,
    security_group_rule::OPERATIONS,
    key_pair::OPERATIONS,
    image::OPERATIONS,
    instance_type::OPERATIONS,
    instance::RUN_OPERATIONS,
    instance::OPERATIONS,
    instance::STATUS_OPERATIONS,
    instance::LIFECYCLE_OPERATIONS,
    instance::PROFILE_OPERATIONS,
    instance::OPTION_OPERATIONS,
    network_interface::OPERATIONS,
    volume::OPERATIONS,
    tags::OPERATIONS,
];

const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

/// Every operation leads to [`perform`].
pub(super) const OPERATIONS: &[(&str, Operation)] = &{
    let mut all = [("", perform as Operation); COUNT];
    let (mut place, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut entry = 0;
        while entry < GROUPS[group].len() {
            all[place].0 = GROUPS[group][entry].0;
            place += 1;
            entry += 1;
        }
        group += 1;
    }
    all
};

/// Checks the request, then does it. What fails, or is a dry run, changes nothing.
fn perform(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let entry = GROUPS.iter().flat_map(|group| *group).find(|(name, _, _)| *name == call.operation);
    let Some((_, members, run)) = entry else { return Err(AwsError::unknown_operation(call)) };
    input::check(call, members)?;
    let dry = input::flag(&call.input, "DryRun")?.unwrap_or(false);
    if call.is_read() && !dry {
        return run(state, call);
    }
    let before = state.ec2.clone();
    let output = run(state, call);
    if dry || output.is_err() {
        state.ec2 = before;
    }
    if dry && output.is_ok() {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(AwsError::new(412, "DryRunOperation", message));
    }
    output
}

/// Moves instances and volumes on to where they are at `now`.
pub(super) fn advance(state: &mut State, now: Timestamp) -> bool {
    let instances = instance::advance(state, now);
    let volumes = volume::advance(state, now);
    instances || volumes
}

/// When something happens to instances and volumes by itself, after `now`.
pub(super) fn next_change(state: &State, now: Timestamp) -> Timestamp {
    let dues = instance::dues(state).chain(volume::dues(state));
    dues.filter(|due| *due > now).min().unwrap_or(Timestamp::MAX)
}

/// A time as EC2 writes it.
fn timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// Whether a subnet is on an Outpost.
pub(in crate::sandbox) fn is_on_outpost(state: &State, subnet_id: &str) -> bool {
    state.ec2.subnets.get(subnet_id).is_some_and(|subnet| subnet.outpost_arn.is_some())
}
