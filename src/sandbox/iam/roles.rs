//! Roles: trust, settings, boundary and tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Role, conflict, date, document, input, no_entity, role_exists, tag_list, unique_id};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const LONGEST_NAME: usize = 64;
const LARGEST_TRUST: usize = 2048;
const SHORTEST_SESSION: u32 = 3600;
const SERVICE_PATH: &str = "/aws-service-role/";

/// The services that ECS has roles made for: host name, role name, managed policy.
const SERVICE_LINKED: &[(&str, &str, &str)] =
    &[("ecs.amazonaws.com", "AWSServiceRoleForECS", "AmazonECSServiceRolePolicy")];

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::name(call, "RoleName", LONGEST_NAME)?;
    let path = input::path(call)?;
    let trust = input::required(call, "AssumeRolePolicyDocument", 131_072)?;
    let description = input::description(call)?;
    let max_session = input::max_session(call)?.unwrap_or(SHORTEST_SESSION);
    let tags = input::tags(call)?;
    if path.starts_with(SERVICE_PATH) {
        return Err(input::invalid(format!("The path {SERVICE_PATH} is kept for service-linked roles.")));
    }
    if state.iam.roles.contains_key(&name.to_lowercase()) {
        return Err(conflict("EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    check_trust(state, trust)?;
    let boundary = call.text("PermissionsBoundary").map(|arn| check_boundary(state, arn)).transpose()?;
    let role = Role {
        id: unique_id(state, "AROA"),
        arn: state.arn("iam", &format!("role{path}{name}")),
        name: name.into(),
        path,
        created: call.now,
        trust: trust.into(),
        description,
        max_session,
        boundary,
        tags,
        inline: BTreeMap::new(),
        attached: Vec::new(),
    };
    let output = json!({"Role": whole(&role)});
    state.iam.roles.insert(name.to_lowercase(), role);
    Ok(output)
}

pub(super) fn get(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = state.iam.role(input::name(call, "RoleName", LONGEST_NAME)?)?;
    let mut output = whole(role);
    // Nothing here is ever assumed, which AWS says with an empty element.
    output["RoleLastUsed"] = json!({});
    Ok(json!({"Role": output}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let below = state.iam.roles.iter().filter(|(_, role)| role.path.starts_with(prefix));
    input::page(call, "Roles", below.map(|(key, role)| (key.clone(), brief(role))).collect())
}

pub(super) fn update(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let max_session = input::max_session(call)?;
    let description = input::description(call)?;
    let role = changeable(state, call)?;
    // An empty description is one to clear, an absent one is to stay.
    if call.input.get("Description").is_some() {
        role.description = description;
    }
    if let Some(seconds) = max_session {
        role.max_session = seconds;
    }
    Ok(json!({}))
}

pub(super) fn update_description(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let description = input::description(call)?;
    let role = changeable(state, call)?;
    role.description = description;
    Ok(json!({"Role": brief(role)}))
}

pub(super) fn update_trust(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let trust = input::required(call, "PolicyDocument", 131_072)?;
    changeable(state, call)?;
    check_trust(state, trust)?;
    changeable(state, call)?.trust = trust.into();
    Ok(json!({}))
}

pub(super) fn put_boundary(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = input::required(call, "PermissionsBoundary", 2048)?;
    changeable(state, call)?;
    let boundary = check_boundary(state, arn)?;
    changeable(state, call)?.boundary = Some(boundary);
    Ok(json!({}))
}

pub(super) fn delete_boundary(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = changeable(state, call)?;
    if role.boundary.take().is_none() {
        return Err(no_entity(format!("Role {} does not have a permissions boundary.", role.name)));
    }
    Ok(json!({}))
}

pub(super) fn tag(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let tags = input::tags(call)?;
    input::merge_tags(&mut state.iam.role_mut(input::name(call, "RoleName", LONGEST_NAME)?)?.tags, tags)?;
    Ok(json!({}))
}

pub(super) fn untag(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    input::remove_tags(&mut state.iam.role_mut(input::name(call, "RoleName", LONGEST_NAME)?)?.tags, call);
    Ok(json!({}))
}

pub(super) fn list_tags(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    input::answer_tags(call, &state.iam.role(input::name(call, "RoleName", LONGEST_NAME)?)?.tags)
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = changeable(state, call)?;
    let (has_attached, has_inline, key) =
        (!role.attached.is_empty(), !role.inline.is_empty(), role.name.to_lowercase());
    let in_profile = state.iam.profiles.values().any(|profile| profile.role.as_ref() == Some(&key));
    let hindrance = match (in_profile, has_attached, has_inline) {
        (true, ..) => "Cannot delete entity, must remove roles from instance profile first.",
        (_, true, _) => "Cannot delete entity, must detach all policies first.",
        (.., true) => "Cannot delete entity, must delete policies first.",
        _ => {
            state.iam.roles.remove(&key);
            return Ok(json!({}));
        }
    };
    Err(conflict("DeleteConflict", hindrance))
}

pub(super) fn create_service_linked(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let service = input::required(call, "AWSServiceName", 128)?;
    let Some((_, name, policy)) = SERVICE_LINKED.iter().find(|(host, ..)| *host == service) else {
        return Err(AwsError::invalid("InvalidInput", format!("the sandbox has no service-linked role for {service}")));
    };
    if call.text("CustomSuffix").is_some() {
        return Err(AwsError::invalid("InvalidInput", format!("Custom suffix is not allowed for {service}")));
    }
    let description = input::description(call)?;
    if state.iam.roles.contains_key(&name.to_lowercase()) {
        let message =
            format!("Service role name {name} has been taken in this account, please try a different suffix.");
        return Err(AwsError::invalid("InvalidInput", message));
    }
    let path = format!("{SERVICE_PATH}{service}/");
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}],
    });
    let role = Role {
        id: unique_id(state, "AROA"),
        arn: state.arn("iam", &format!("role{path}{name}")),
        name: (*name).into(),
        path,
        created: call.now,
        trust: trust.to_string(),
        description,
        max_session: SHORTEST_SESSION,
        boundary: None,
        tags: Vec::new(),
        inline: BTreeMap::new(),
        attached: vec![format!("arn:{}:iam::aws:policy{SERVICE_PATH}{policy}", state.partition())],
    };
    let output = json!({"Role": brief(&role)});
    state.iam.roles.insert(name.to_lowercase(), role);
    Ok(output)
}

/// The role that the call names, unless only AWS may change it.
pub(super) fn changeable<'state>(state: &'state mut State, call: &Call) -> Result<&'state mut Role, AwsError> {
    let role = state.iam.role_mut(input::name(call, "RoleName", LONGEST_NAME)?)?;
    if role.path.starts_with(SERVICE_PATH) {
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
            role.name
        );
        return Err(AwsError::invalid("UnmodifiableEntity", message));
    }
    Ok(role)
}

fn check_trust(state: &State, trust: &str) -> Result<(), AwsError> {
    document::check_trust(trust, &state.world.account, |arn| role_exists(state, arn))?;
    if document::size(trust) > LARGEST_TRUST {
        return Err(conflict("LimitExceeded", format!("Cannot exceed quota for ACLSizePerRole: {LARGEST_TRUST}")));
    }
    Ok(())
}

fn check_boundary(state: &State, arn: &str) -> Result<String, AwsError> {
    if !state.iam.is_managed_policy(arn) {
        return Err(no_entity(format!("Scope ARN: {arn} does not exist or is not attachable.")));
    }
    Ok(arn.into())
}

/// A role as lists have it: without boundary and tags.
pub(super) fn brief(role: &Role) -> Value {
    let mut output = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": date(role.created),
        "AssumeRolePolicyDocument": document::encode(&role.trust),
    });
    if let Some(description) = &role.description {
        output["Description"] = json!(description);
    }
    output["MaxSessionDuration"] = json!(role.max_session);
    output
}

fn whole(role: &Role) -> Value {
    let mut output = brief(role);
    if let Some(boundary) = boundary(role) {
        output["PermissionsBoundary"] = boundary;
    }
    if !role.tags.is_empty() {
        output["Tags"] = tag_list(&role.tags);
    }
    output
}

pub(super) fn boundary(role: &Role) -> Option<Value> {
    let arn = role.boundary.as_ref()?;
    Some(json!({"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn}))
}
