//! Managed policies and their versions: the customer's, and AWS's to read.

use serde_json::{Value, json};

use super::role_policies::policy_arn;
use super::{Iam, Policy, Version, catalogue, conflict, date, document, input, no_entity, tag_list, unique_id};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const LONGEST_NAME: usize = 128;
const LARGEST: usize = 6144;
const MOST_VERSIONS: usize = 5;

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = input::name(call, "PolicyName", LONGEST_NAME)?;
    let path = input::path(call)?;
    let document = checked_document(call)?;
    let description = input::description(call)?;
    let tags = input::tags(call)?;
    if state.iam.policies.contains_key(&name.to_lowercase()) {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(conflict("EntityAlreadyExists", message));
    }
    let policy = Policy {
        id: unique_id(state, "ANPA"),
        arn: state.arn("iam", &format!("policy{path}{name}")),
        name: name.into(),
        path,
        created: call.now,
        updated: call.now,
        description,
        tags,
        versions: vec![Version { number: 1, document, created: call.now }],
        default: 1,
        issued: 1,
    };
    let mut output = brief(&state.iam, &policy);
    if !policy.tags.is_empty() {
        output["Tags"] = tag_list(&policy.tags);
    }
    state.iam.policies.insert(name.to_lowercase(), policy);
    Ok(json!({"Policy": output}))
}

pub(super) fn get(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = policy_arn(call)?;
    if let Some(entry) = catalogue::find(arn) {
        return Ok(json!({"Policy": aws_brief(&state.iam, entry, state.partition())}));
    }
    let policy = named(&state.iam, arn)?;
    let mut output = brief(&state.iam, policy);
    if let Some(description) = &policy.description {
        output["Description"] = json!(description);
    }
    if !policy.tags.is_empty() {
        output["Tags"] = tag_list(&policy.tags);
    }
    Ok(json!({"Policy": output}))
}

/// Lists carry neither description nor tags.
pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (iam, partition) = (&state.iam, state.partition());
    let scope = call.text("Scope").unwrap_or("All");
    if !["All", "AWS", "Local"].contains(&scope) {
        return Err(input::invalid(format!(
            "1 validation error detected: Value '{scope}' at 'scope' failed to satisfy constraint: Member must satisfy \
             enum value set: [All, Local, AWS]"
        )));
    }
    let usage = call.text("PolicyUsageFilter");
    if !matches!(usage, None | Some("PermissionsPolicy" | "PermissionsBoundary")) {
        return Err(input::invalid("the policy usage filter is PermissionsPolicy or PermissionsBoundary"));
    }
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let attached_only = call.text("OnlyAttached") == Some("true");
    let mut rows = Vec::new();
    if scope != "AWS" {
        rows.extend(iam.policies.values().map(|policy| (policy.path.as_str(), policy.arn.clone(), brief(iam, policy))));
    }
    if scope != "Local" {
        let entries = catalogue::entries().iter();
        rows.extend(entries.map(|entry| (entry.path.as_str(), entry.arn(partition), aws_brief(iam, entry, partition))));
    }
    let wanted = |arn: &str| {
        let (attached, boundary) = iam.uses(arn);
        let used = match usage {
            Some("PermissionsPolicy") => attached > 0,
            Some(_) => boundary > 0,
            None => true,
        };
        used && (!attached_only || attached + boundary > 0)
    };
    rows.retain(|(path, arn, _)| path.starts_with(prefix) && wanted(arn));
    input::page(call, "Policies", rows.into_iter().map(|(_, arn, policy)| (arn, policy)).collect())
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let policy = changeable(state, call)?;
    let (arn, versions, key) = (policy.arn.clone(), policy.versions.len(), policy.name.to_lowercase());
    let (attached, boundary) = state.iam.uses(&arn);
    if attached + boundary > 0 {
        return Err(conflict("DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    if versions > 1 {
        return Err(conflict(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ));
    }
    state.iam.policies.remove(&key);
    Ok(json!({}))
}

pub(super) fn create_version(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let document = checked_document(call)?;
    let policy = changeable(state, call)?;
    if policy.versions.len() >= MOST_VERSIONS {
        return Err(conflict(
            "LimitExceeded",
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing \
             version.",
        ));
    }
    policy.issued += 1;
    let number = policy.issued;
    policy.versions.push(Version { number, document, created: call.now });
    policy.updated = call.now;
    if call.text("SetAsDefault") == Some("true") {
        policy.default = number;
    }
    Ok(json!({"PolicyVersion": {
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": policy.default == number,
        "CreateDate": date(call.now),
    }}))
}

pub(super) fn get_version(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = policy_arn(call)?;
    if let Some(entry) = catalogue::find(arn) {
        let asked = input::required(call, "VersionId", 64)?;
        if asked != entry.version {
            return Err(no_version(arn, asked));
        }
        return Ok(json!({"PolicyVersion": {
            "Document": document::encode(&entry.document.to_string()),
            "VersionId": entry.version,
            "IsDefaultVersion": true,
            "CreateDate": date(entry.updated),
        }}));
    }
    let policy = named(&state.iam, arn)?;
    let number = version_number(call, policy)?;
    let version = policy.version(number).ok_or_else(|| no_version(arn, &format!("v{number}")))?;
    Ok(json!({"PolicyVersion": version_answer(policy, version, true)}))
}

pub(super) fn list_versions(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = policy_arn(call)?;
    if let Some(entry) = catalogue::find(arn) {
        let row = json!({"VersionId": entry.version, "IsDefaultVersion": true, "CreateDate": date(entry.updated)});
        return input::page(call, "Versions", vec![(entry.version.clone(), row)]);
    }
    let policy = named(&state.iam, arn)?;
    // The newest comes first.
    let newest_first = policy.versions.iter().rev();
    let rows = newest_first.map(|version| (version.number.to_string(), version_answer(policy, version, false)));
    input::page(call, "Versions", rows.collect())
}

pub(super) fn set_default_version(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let policy = changeable(state, call)?;
    policy.default = version_number(call, policy)?;
    policy.updated = call.now;
    Ok(json!({}))
}

pub(super) fn delete_version(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let policy = changeable(state, call)?;
    let number = version_number(call, policy)?;
    if number == policy.default {
        return Err(conflict("DeleteConflict", "Cannot delete the default version of a policy."));
    }
    policy.versions.retain(|version| version.number != number);
    policy.updated = call.now;
    Ok(json!({}))
}

pub(super) fn tag(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let tags = input::tags(call)?;
    input::merge_tags(&mut changeable(state, call)?.tags, tags)?;
    Ok(json!({}))
}

pub(super) fn untag(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    input::remove_tags(&mut changeable(state, call)?.tags, call);
    Ok(json!({}))
}

pub(super) fn list_tags(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    input::answer_tags(call, &named(&state.iam, policy_arn(call)?)?.tags)
}

/// Only roles can be attached to, so the lists of users and groups are empty.
pub(super) fn list_entities(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = policy_arn(call)?;
    if !state.iam.is_managed_policy(arn) {
        return Err(no_policy(arn));
    }
    if !matches!(call.text("EntityFilter"), None | Some("Role")) {
        return Ok(json!({"PolicyRoles": [], "PolicyGroups": [], "PolicyUsers": [], "IsTruncated": false}));
    }
    let as_boundary = call.text("PolicyUsageFilter") == Some("PermissionsBoundary");
    let users = state.iam.roles.iter().filter(|(_, role)| match as_boundary {
        true => role.boundary.as_deref() == Some(arn),
        false => role.attached.iter().any(|other| other == arn),
    });
    let rows = users.map(|(key, role)| (key.clone(), json!({"RoleName": role.name, "RoleId": role.id})));
    let mut output = input::page(call, "PolicyRoles", rows.collect())?;
    output["PolicyGroups"] = json!([]);
    output["PolicyUsers"] = json!([]);
    Ok(output)
}

fn checked_document(call: &Call) -> Result<String, AwsError> {
    let text = input::required(call, "PolicyDocument", 131_072)?;
    document::check_permissions(text)?;
    if document::size(text) > LARGEST {
        return Err(conflict("LimitExceeded", format!("Cannot exceed quota for PolicySize: {LARGEST}")));
    }
    Ok(text.into())
}

fn named<'iam>(iam: &'iam Iam, arn: &str) -> Result<&'iam Policy, AwsError> {
    iam.policy_by_arn(arn).ok_or_else(|| no_policy(arn))
}

/// The policy that the call names, unless it is AWS's.
fn changeable<'state>(state: &'state mut State, call: &Call) -> Result<&'state mut Policy, AwsError> {
    let arn = policy_arn(call)?;
    if catalogue::find(arn).is_some() {
        let message = format!("not authorized to perform: iam:{} on resource: policy {arn}", call.operation);
        return Err(AwsError::new(403, "AccessDenied", message));
    }
    state.iam.policies.values_mut().find(|policy| policy.arn == arn).ok_or_else(|| no_policy(arn))
}

fn version_number(call: &Call, policy: &Policy) -> Result<u32, AwsError> {
    let asked = input::required(call, "VersionId", 64)?;
    let number = asked.strip_prefix('v').and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        input::invalid(format!(
            "1 validation error detected: Value '{asked}' at 'versionId' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?"
        ))
    })?;
    policy.version(number).map(|version| version.number).ok_or_else(|| no_version(&policy.arn, asked))
}

fn no_policy(arn: &str) -> AwsError {
    no_entity(format!("Policy {arn} was not found."))
}

fn no_version(arn: &str, version: &str) -> AwsError {
    no_entity(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

/// A policy as lists have it.
pub(super) fn brief(iam: &Iam, policy: &Policy) -> Value {
    let (attached, boundary) = iam.uses(&policy.arn);
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.default),
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": boundary,
        "IsAttachable": true,
        "CreateDate": date(policy.created),
        "UpdateDate": date(policy.updated),
    })
}

pub(super) fn aws_brief(iam: &Iam, entry: &catalogue::Entry, partition: &str) -> Value {
    let arn = entry.arn(partition);
    let (attached, boundary) = iam.uses(&arn);
    json!({
        "PolicyName": entry.name,
        "PolicyId": entry.id(),
        "Arn": arn,
        "Path": entry.path,
        "DefaultVersionId": entry.version,
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": boundary,
        "IsAttachable": entry.is_attachable(),
        "CreateDate": date(entry.created),
        "UpdateDate": date(entry.updated),
    })
}

pub(super) fn version_answer(policy: &Policy, version: &Version, with_document: bool) -> Value {
    let document = with_document.then(|| document::encode(&version.document));
    json!({
        "Document": document,
        "VersionId": format!("v{}", version.number),
        "IsDefaultVersion": version.number == policy.default,
        "CreateDate": date(version.created),
    })
}
