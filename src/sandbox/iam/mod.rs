//! IAM as ECS needs it: roles, their policies, instance profiles and managed policies. Users and groups do not exist.
//!
//! [`document`] judges policy documents and evaluates them; [`catalogue`] holds AWS's managed policies; the other
//! modules hold one group of operations each.

mod catalogue;
mod details;
mod document;
mod input;
mod managed;
mod profiles;
mod role_policies;
mod roles;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Operation;
use super::state::State;
use super::wire::AwsError;

/// Everything that IAM keeps. Names are unique whatever their case, so the keys are names in lower case.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Iam {
    roles: BTreeMap<String, Role>,
    profiles: BTreeMap<String, Profile>,
    policies: BTreeMap<String, Policy>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Role {
    name: String,
    path: String,
    id: String,
    arn: String,
    created: Timestamp,
    trust: String,
    description: Option<String>,
    max_session: u32,
    boundary: Option<String>,
    tags: Tags,
    /// Documents by policy name.
    inline: BTreeMap<String, String>,
    /// ARNs, in the order of attaching.
    attached: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Profile {
    name: String,
    path: String,
    id: String,
    arn: String,
    created: Timestamp,
    /// The key of a role.
    role: Option<String>,
    tags: Tags,
}

/// A customer managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Policy {
    name: String,
    path: String,
    id: String,
    arn: String,
    created: Timestamp,
    updated: Timestamp,
    description: Option<String>,
    tags: Tags,
    /// In the order of their numbers.
    versions: Vec<Version>,
    default: u32,
    /// How many versions there ever were: a number is not used twice.
    issued: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    number: u32,
    document: String,
    created: Timestamp,
}

/// Tags in the order in which they were first set.
type Tags = Vec<(String, String)>;

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("CreateRole", roles::create),
    ("GetRole", roles::get),
    ("ListRoles", roles::list),
    ("UpdateRole", roles::update),
    ("UpdateRoleDescription", roles::update_description),
    ("UpdateAssumeRolePolicy", roles::update_trust),
    ("PutRolePermissionsBoundary", roles::put_boundary),
    ("DeleteRolePermissionsBoundary", roles::delete_boundary),
    ("TagRole", roles::tag),
    ("UntagRole", roles::untag),
    ("ListRoleTags", roles::list_tags),
    ("DeleteRole", roles::delete),
    ("CreateServiceLinkedRole", roles::create_service_linked),
    ("PutRolePolicy", role_policies::put),
    ("GetRolePolicy", role_policies::get),
    ("ListRolePolicies", role_policies::list),
    ("DeleteRolePolicy", role_policies::delete),
    ("AttachRolePolicy", role_policies::attach),
    ("DetachRolePolicy", role_policies::detach),
    ("ListAttachedRolePolicies", role_policies::list_attached),
    ("CreateInstanceProfile", profiles::create),
    ("GetInstanceProfile", profiles::get),
    ("ListInstanceProfiles", profiles::list),
    ("ListInstanceProfilesForRole", profiles::list_for_role),
    ("AddRoleToInstanceProfile", profiles::add_role),
    ("RemoveRoleFromInstanceProfile", profiles::remove_role),
    ("DeleteInstanceProfile", profiles::delete),
    ("TagInstanceProfile", profiles::tag),
    ("UntagInstanceProfile", profiles::untag),
    ("ListInstanceProfileTags", profiles::list_tags),
    ("CreatePolicy", managed::create),
    ("GetPolicy", managed::get),
    ("ListPolicies", managed::list),
    ("DeletePolicy", managed::delete),
    ("CreatePolicyVersion", managed::create_version),
    ("GetPolicyVersion", managed::get_version),
    ("ListPolicyVersions", managed::list_versions),
    ("SetDefaultPolicyVersion", managed::set_default_version),
    ("DeletePolicyVersion", managed::delete_version),
    ("TagPolicy", managed::tag),
    ("UntagPolicy", managed::untag),
    ("ListPolicyTags", managed::list_tags),
    ("ListEntitiesForPolicy", managed::list_entities),
    ("GetAccountAuthorizationDetails", details::get),
];

impl Iam {
    fn role(&self, name: &str) -> Result<&Role, AwsError> {
        self.roles.get(&name.to_lowercase()).ok_or_else(|| no_role(name))
    }

    fn role_mut(&mut self, name: &str) -> Result<&mut Role, AwsError> {
        self.roles.get_mut(&name.to_lowercase()).ok_or_else(|| no_role(name))
    }

    /// A role by its name, which may have its path in front: `service-role/NAME`.
    fn role_by_path(&self, name: &str) -> Option<&Role> {
        let (path, name) = name.rsplit_once('/').map_or((None, name), |(path, name)| (Some(path), name));
        let role = self.roles.get(&name.to_lowercase())?;
        path.is_none_or(|path| role.path.trim_matches('/') == path.trim_start_matches('/')).then_some(role)
    }

    fn profile(&self, name: &str) -> Result<&Profile, AwsError> {
        self.profiles.get(&name.to_lowercase()).ok_or_else(|| no_profile(name))
    }

    fn profile_mut(&mut self, name: &str) -> Result<&mut Profile, AwsError> {
        self.profiles.get_mut(&name.to_lowercase()).ok_or_else(|| no_profile(name))
    }

    fn policy_by_arn(&self, arn: &str) -> Option<&Policy> {
        self.policies.values().find(|policy| policy.arn == arn)
    }

    /// The document that is in force of a managed policy, AWS's or the customer's.
    fn managed_document(&self, arn: &str) -> Option<Value> {
        match self.policy_by_arn(arn) {
            Some(policy) => serde_json::from_str(&policy.version(policy.default)?.document).ok(),
            None => Some(catalogue::find(arn)?.document.clone()),
        }
    }

    /// How many roles a managed policy is attached to, and of how many it is the boundary.
    fn uses(&self, arn: &str) -> (usize, usize) {
        let attached = self.roles.values().filter(|role| role.attached.iter().any(|other| other == arn)).count();
        let boundary = self.roles.values().filter(|role| role.boundary.as_deref() == Some(arn)).count();
        (attached, boundary)
    }

    fn is_managed_policy(&self, arn: &str) -> bool {
        self.policy_by_arn(arn).is_some() || catalogue::find(arn).is_some()
    }
}

impl Policy {
    fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }
}

fn no_role(name: &str) -> AwsError {
    no_entity(format!("The role with name {name} cannot be found."))
}

fn no_profile(name: &str) -> AwsError {
    no_entity(format!("Instance Profile {name} cannot be found."))
}

fn no_entity(message: impl Into<String>) -> AwsError {
    AwsError::new(404, "NoSuchEntity", message)
}

fn conflict(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(409, code, message)
}

/// IAM's dates have no fraction of a second.
fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An id as IAM makes them: four letters for the kind and 17 more.
fn unique_id(state: &mut State, kind: &str) -> String {
    format!("{kind}{}", state.hex(17).to_uppercase())
}

fn tag_list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// The ARN of an instance profile by name or ARN, when it exists and is 10 seconds (of AWS's time) old at `now`, as
/// EC2 accepts a fresh profile only after a while, and when it has its role.
pub(super) fn usable_profile(state: &State, name_or_arn: &str, now: Timestamp) -> Option<String> {
    let profile = match name_or_arn.starts_with("arn:") {
        true => state.iam.profiles.values().find(|profile| profile.arn == name_or_arn)?,
        false => state.iam.profiles.get(&name_or_arn.to_lowercase())?,
    };
    let age = Duration::try_from(now.duration_since(profile.created)).unwrap_or_default();
    (profile.role.is_some() && age >= state.takes(10.0)).then(|| profile.arn.clone())
}

/// Whether the role in an instance profile (by ARN) may call `action` (`ecs:RegisterContainerInstance`).
pub(super) fn profile_allows(state: &State, profile_arn: &str, action: &str) -> bool {
    let iam = &state.iam;
    let profile = iam.profiles.values().find(|profile| profile.arn == profile_arn);
    let Some(role) = profile.and_then(|profile| iam.roles.get(profile.role.as_deref()?)) else { return false };
    allows(state, role, action)
}

/// The ARN of a role that a service may assume, by its name with or without its path, once the role is a few seconds
/// (of AWS's time) old: others see a fresh role only after a while. Service-linked roles are for their service alone.
pub(super) fn trusting_role(state: &State, name: &str, service: &str, now: Timestamp) -> Option<String> {
    let role = state.iam.role_by_path(name).filter(|role| !role.path.starts_with("/aws-service-role/"))?;
    let age = Duration::try_from(now.duration_since(role.created)).unwrap_or_default();
    (age >= state.takes(5.0) && document::trusts(&role.trust, service)).then(|| role.arn.clone())
}

/// Whether a role, by its name with or without its path, may call `action`.
pub(super) fn role_allows(state: &State, name: &str, action: &str) -> bool {
    state.iam.role_by_path(name).is_some_and(|role| allows(state, role, action))
}

fn allows(state: &State, role: &Role, action: &str) -> bool {
    let iam = &state.iam;
    let inline = role.inline.values().filter_map(|text| serde_json::from_str(text).ok());
    let attached = role.attached.iter().filter_map(|arn| iam.managed_document(arn));
    let granted = document::allows(&inline.chain(attached).collect::<Vec<_>>(), action);
    let within_boundary = match &role.boundary {
        Some(arn) => iam.managed_document(arn).is_some_and(|boundary| document::allows(&[boundary], action)),
        None => true,
    };
    granted && within_boundary
}

/// What the tagging API finds of IAM, by ARN: roles are not among it.
pub(super) fn tagged(state: &State) -> Vec<(String, BTreeMap<String, String>)> {
    let profiles = state.iam.profiles.values().map(|profile| (&profile.arn, &profile.tags));
    let policies = state.iam.policies.values().map(|policy| (&policy.arn, &policy.tags));
    profiles.chain(policies).map(|(arn, tags)| (arn.clone(), tags.iter().cloned().collect())).collect()
}

/// Sets and removes tags of what [`tagged`] finds.
pub(super) fn change_tags(state: &mut State, arn: &str, set: Tags, removed: &[&str]) -> Result<(), AwsError> {
    let profiles = state.iam.profiles.values_mut().map(|profile| (&profile.arn, &mut profile.tags));
    let policies = state.iam.policies.values_mut().map(|policy| (&policy.arn, &mut policy.tags));
    let found = profiles.chain(policies).find(|(held, _)| *held == arn);
    let (_, tags) = found.ok_or_else(|| no_entity(format!("{arn} cannot be found.")))?;
    tags.retain(|(key, _)| !removed.iter().any(|removed| removed.eq_ignore_ascii_case(key)));
    input::merge_tags(tags, set)
}

/// Whether a role of this ARN exists.
pub(super) fn role_exists(state: &State, role_arn: &str) -> bool {
    state.iam.roles.values().any(|role| role.arn == role_arn)
}

#[cfg(test)]
mod tests;
