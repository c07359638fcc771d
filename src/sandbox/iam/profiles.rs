//! Instance profiles: what puts a role on an EC2 instance.

use serde_json::{Value, json};

use super::roles::{self, LONGEST_NAME as LONGEST_ROLE_NAME};
use super::{Iam, Profile, conflict, date, input, no_entity, tag_list, unique_id};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const LONGEST_NAME: usize = 128;

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::name(call, "InstanceProfileName", LONGEST_NAME)?;
    let path = input::path(call)?;
    let tags = input::tags(call)?;
    if state.iam.profiles.contains_key(&name.to_lowercase()) {
        return Err(conflict("EntityAlreadyExists", format!("Instance Profile {name} already exists.")));
    }
    let profile = Profile {
        id: unique_id(state, "AIPA"),
        arn: state.arn("iam", &format!("instance-profile{path}{name}")),
        name: name.into(),
        path,
        created: call.now,
        role: None,
        tags,
    };
    let output = json!({"InstanceProfile": whole(&state.iam, &profile)});
    state.iam.profiles.insert(name.to_lowercase(), profile);
    Ok(output)
}

pub(super) fn get(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let profile = state.iam.profile(input::name(call, "InstanceProfileName", LONGEST_NAME)?)?;
    Ok(json!({"InstanceProfile": whole(&state.iam, profile)}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let below = state.iam.profiles.iter().filter(|(_, profile)| profile.path.starts_with(prefix));
    input::page(
        call,
        "InstanceProfiles",
        below.map(|(key, profile)| (key.clone(), brief(&state.iam, profile))).collect(),
    )
}

pub(super) fn list_for_role(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = state.iam.role(input::name(call, "RoleName", LONGEST_ROLE_NAME)?)?.name.to_lowercase();
    let with_role = state.iam.profiles.iter().filter(|(_, profile)| profile.role.as_ref() == Some(&role));
    let rows = with_role.map(|(key, profile)| (key.clone(), brief(&state.iam, profile))).collect();
    input::page(call, "InstanceProfiles", rows)
}

pub(super) fn add_role(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let profile_name = input::name(call, "InstanceProfileName", LONGEST_NAME)?;
    state.iam.profile(profile_name)?;
    let role = roles::changeable(state, call)?.name.to_lowercase();
    let profile = state.iam.profile_mut(profile_name)?;
    if profile.role.is_some() {
        let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
        return Err(conflict("LimitExceeded", message));
    }
    profile.role = Some(role);
    Ok(json!({}))
}

pub(super) fn remove_role(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = input::name(call, "RoleName", LONGEST_ROLE_NAME)?;
    let profile = state.iam.profile_mut(input::name(call, "InstanceProfileName", LONGEST_NAME)?)?;
    if profile.role.as_ref() != Some(&role.to_lowercase()) {
        return Err(no_entity(format!("The role with name {role} cannot be found.")));
    }
    profile.role = None;
    Ok(json!({}))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let profile = state.iam.profile(input::name(call, "InstanceProfileName", LONGEST_NAME)?)?;
    if profile.role.is_some() {
        return Err(conflict("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first."));
    }
    let key = profile.name.to_lowercase();
    state.iam.profiles.remove(&key);
    Ok(json!({}))
}

pub(super) fn tag(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let tags = input::tags(call)?;
    let profile = state.iam.profile_mut(input::name(call, "InstanceProfileName", LONGEST_NAME)?)?;
    input::merge_tags(&mut profile.tags, tags)?;
    Ok(json!({}))
}

pub(super) fn untag(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let profile = state.iam.profile_mut(input::name(call, "InstanceProfileName", LONGEST_NAME)?)?;
    input::remove_tags(&mut profile.tags, call);
    Ok(json!({}))
}

pub(super) fn list_tags(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    input::answer_tags(call, &state.iam.profile(input::name(call, "InstanceProfileName", LONGEST_NAME)?)?.tags)
}

/// A profile as lists have it: without tags.
pub(super) fn brief(iam: &Iam, profile: &Profile) -> Value {
    let roles: Vec<Value> = profile.role.iter().filter_map(|key| iam.roles.get(key)).map(roles::brief).collect();
    json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": date(profile.created),
        "Roles": roles,
    })
}

fn whole(iam: &Iam, profile: &Profile) -> Value {
    let mut output = brief(iam, profile);
    if !profile.tags.is_empty() {
        output["Tags"] = tag_list(&profile.tags);
    }
    output
}
