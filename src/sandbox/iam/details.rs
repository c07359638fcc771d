//! GetAccountAuthorizationDetails: everything of an account in one paged read.

use serde_json::{Value, json};

use super::{Iam, Policy, Role, catalogue, date, document, input, managed, profiles, role_policies, roles, tag_list};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

const KINDS: &[&str] = &["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

pub(super) fn get(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let filter = call.texts("Filter");
    if let Some(unknown) = filter.iter().find(|kind| !KINDS.contains(kind)) {
        return Err(input::invalid(format!(
            "1 validation error detected: Value '[{unknown}]' at 'filter' failed to satisfy constraint: Member must \
             satisfy constraint: [Member must satisfy enum value set: [{}]]",
            KINDS.join(", ")
        )));
    }
    let wanted = |kind: &str| filter.is_empty() || filter.contains(&kind);
    let (iam, partition) = (&state.iam, state.partition());
    // One sequence over all kinds, so that one marker pages through it; `true` is a role.
    let mut rows: Vec<(String, (bool, Value))> = Vec::new();
    if wanted("Role") {
        rows.extend(iam.roles.iter().map(|(key, role)| (format!("role/{key}"), (true, role_details(iam, role)))));
    }
    if wanted("LocalManagedPolicy") {
        let details = |policy| (false, policy_details(iam, policy));
        rows.extend(iam.policies.iter().map(|(key, policy)| (format!("policy/{key}"), details(policy))));
    }
    if wanted("AWSManagedPolicy") {
        // Of AWS's policies only those in use are told.
        let used = catalogue::entries().iter().filter(|entry| iam.uses(&entry.arn(partition)) != (0, 0));
        rows.extend(used.map(|entry| (format!("aws/{}", entry.name), (false, entry_details(iam, entry, partition)))));
    }
    let (rows, marker) = input::cut(call, rows)?;
    let (roles, policies): (Vec<_>, Vec<_>) = rows.into_iter().map(|(_, row)| row).partition(|(is_role, _)| *is_role);
    let plain = |rows: Vec<(bool, Value)>| rows.into_iter().map(|(_, row)| row).collect::<Vec<Value>>();
    Ok(json!({
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": plain(roles),
        "Policies": plain(policies),
        "IsTruncated": marker.is_some(),
        "Marker": marker,
    }))
}

fn role_details(iam: &Iam, role: &Role) -> Value {
    let key = role.name.to_lowercase();
    let holders = iam.profiles.values().filter(|profile| profile.role.as_ref() == Some(&key));
    let inline = role.inline.iter();
    json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": date(role.created),
        "AssumeRolePolicyDocument": document::encode(&role.trust),
        "InstanceProfileList": holders.map(|profile| profiles::brief(iam, profile)).collect::<Vec<_>>(),
        "RolePolicyList": inline
            .map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": document::encode(text)}))
            .collect::<Vec<_>>(),
        "AttachedManagedPolicies": role.attached.iter().map(|arn| role_policies::attached(arn)).collect::<Vec<_>>(),
        "PermissionsBoundary": roles::boundary(role),
        "Tags": tag_list(&role.tags),
        "RoleLastUsed": {},
    })
}

fn policy_details(iam: &Iam, policy: &Policy) -> Value {
    let mut output = managed::brief(iam, policy);
    if let Some(description) = &policy.description {
        output["Description"] = json!(description);
    }
    let newest_first = policy.versions.iter().rev();
    output["PolicyVersionList"] = newest_first.map(|version| managed::version_answer(policy, version, true)).collect();
    output
}

fn entry_details(iam: &Iam, entry: &catalogue::Entry, partition: &str) -> Value {
    let mut output = managed::aws_brief(iam, entry, partition);
    output["PolicyVersionList"] = json!([{
        "Document": document::encode(&entry.document.to_string()),
        "VersionId": entry.version,
        "IsDefaultVersion": true,
        "CreateDate": date(entry.updated),
    }]);
    output
}
