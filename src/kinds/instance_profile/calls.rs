//! The calls that an instance profile needs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::RoleDetail;
use futures_util::future::try_join_all;

use super::lower::lower;
use super::spec::InstanceProfileSpec;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::iam::{notice, or_gone, sdk_tags, tags_of};
use crate::kinds::{Blocker, Changed, Fate, Found, Progress, Purpose, STACK_TAG, Scope, Target, successor};

/// Profiles that are asked for at once, when it may be all of an account.
const AT_ONCE: usize = 20;

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<InstanceProfileSpec>>, Fault> {
    let names = match scope.purpose {
        Purpose::Settle(name) => vec![name.to_owned()],
        Purpose::Survey | Purpose::Deep | Purpose::Find => candidates(aws, scope).await?,
    };
    let found = try_join_all(names.iter().map(|name| get(aws, name))).await?;
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    // One that was replaced may hold no role any more.
    let replaced = found.iter().flat_map(|one| successor::marks(&one.tags));
    let replaced: BTreeSet<String> =
        replaced.filter(|name| found.iter().all(|one| one.id != *name)).map(str::to_owned).collect();
    let left = try_join_all(replaced.iter().map(|name| get(aws, name))).await?;
    found.extend(left.into_iter().flatten().filter(|one| one.tags.get(STACK_TAG) == Some(&scope.place.stack)));
    // An interrupted deletion leaves one without a role, which no role leads to; the role goes after it.
    let is_left = || async {
        let roles = scope.shared.roles(aws).await?;
        Ok::<_, Fault>(aws.has_unfinished("InstanceProfile") || roles.iter().any(|role| is_alone(role, scope)))
    };
    let may_be_emptied = scope.purpose == Purpose::Survey && is_left().await?;
    if scope.purpose == Purpose::Deep || may_be_emptied {
        found.extend(strays(aws, scope, &found, may_be_emptied).await?);
    }
    Ok(found)
}

/// Whether a role of this stack is meant for instances and is in no profile.
fn is_alone(role: &RoleDetail, scope: &Scope<'_>) -> bool {
    let trust = role.assume_role_policy_document().unwrap_or_default();
    role.instance_profile_list().is_empty() && trust.contains("ec2.amazonaws.com") && is_ours(role, scope)
}

fn is_ours(role: &RoleDetail, scope: &Scope<'_>) -> bool {
    tags_of(role.tags()).get(STACK_TAG).is_some_and(|stack| *stack == scope.place.stack)
}

/// Profiles of this stack that are neither declared nor hold a role of this stack: IAM tells tags only of one profile
/// a call, so each one of the account is asked.
async fn strays(
    aws: &Aws,
    scope: &Scope<'_>,
    seen: &[Found<InstanceProfileSpec>],
    only_empty: bool,
) -> Result<Vec<Found<InstanceProfileSpec>>, Fault> {
    let pages = aws.iam().list_instance_profiles().max_items(1000).into_paginator().items().send();
    let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("iam:ListInstanceProfiles"))?;
    let mut names = all
        .into_iter()
        .filter(|profile| !only_empty || profile.roles.is_empty())
        .map(|profile| profile.instance_profile_name);
    let mut found = Vec::new();
    loop {
        let some: Vec<String> =
            names.by_ref().filter(|name| seen.iter().all(|one| one.id != *name)).take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(found);
        }
        let more = try_join_all(some.iter().map(|name| get(aws, name))).await?.into_iter().flatten();
        found.extend(more.filter(|one| one.tags.get(STACK_TAG) == Some(&scope.place.stack)));
    }
}

/// The declared profiles, and those that hold a role of this stack, each once.
async fn candidates(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<String>, Fault> {
    // By key, as IAM tells names apart.
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for wanted in scope.wanted {
        let name = wanted.spec["instanceProfileName"].as_str().unwrap_or(&wanted.address.name);
        names.insert(name.to_lowercase(), name.to_owned());
    }
    for role in scope.shared.roles(aws).await? {
        // Who looks for one knows its name.
        let is_ours = scope.purpose != Purpose::Find && is_ours(role, scope);
        for profile in role.instance_profile_list() {
            let name = profile.instance_profile_name();
            let key = name.to_lowercase();
            // The name as IAM has it stands for the one that is declared.
            if is_ours || names.contains_key(&key) {
                names.insert(key, name.to_owned());
            }
        }
    }
    Ok(names.into_values().collect())
}

async fn get(aws: &Aws, name: &str) -> Result<Option<Found<InstanceProfileSpec>>, Fault> {
    let call = aws.iam().get_instance_profile().instance_profile_name(name).send();
    match call.await.map_err(fault("iam:GetInstanceProfile")) {
        Ok(answer) => Ok(answer.instance_profile().inspect(|profile| notice(aws, profile.create_date())).map(lower)),
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}

pub(super) async fn create(aws: &Aws, target: &Target<InstanceProfileSpec>) -> Result<String, Fault> {
    let name = target.spec.name(&target.address.name);
    let call = aws
        .iam()
        .create_instance_profile()
        .instance_profile_name(name)
        .set_path(target.spec.path.clone())
        .set_tags(Some(sdk_tags(&target.tags)));
    call.send().await.map_err(fault("iam:CreateInstanceProfile"))?;
    Ok(name.to_owned())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<InstanceProfileSpec>,
    live: &Found<InstanceProfileSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    if !changed.has("role") {
        return Ok(Progress::Done);
    }
    if let Some(role) = &live.spec.role {
        remove_role(aws, &live.id, role).await?;
    }
    if let Some(role) = &target.full.role {
        let call = || aws.iam().add_role_to_instance_profile().instance_profile_name(&live.id).role_name(role).send();
        match aws.eventually(|| async { call().await.map_err(fault("iam:AddRoleToInstanceProfile")) }).await {
            // There is room for one, and an answer that lags does not show it.
            Err(fault) if fault.cause == Cause::Quota => {
                return Ok(Progress::Waiting("a role is in it that is not visible yet".to_owned()));
            }
            answer => drop(answer?),
        }
    }
    Ok(Progress::Done)
}

async fn remove_role(aws: &Aws, profile: &str, role: &str) -> Result<(), Fault> {
    let call = aws.iam().remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send();
    or_gone(call.await.map_err(fault("iam:RemoveRoleFromInstanceProfile")))
}

pub(super) async fn delete(aws: &Aws, live: &Found<InstanceProfileSpec>) -> Result<Progress, Fault> {
    if let Some(role) = &live.spec.role {
        remove_role(aws, &live.id, role).await?;
    }
    let call = aws.iam().delete_instance_profile().instance_profile_name(&live.id).send();
    call.await.map_err(fault("iam:DeleteInstanceProfile"))?;
    Ok(Progress::Done)
}

/// The role that somebody has put into it since it was emptied.
pub(super) async fn blockers(aws: &Aws, live: &Found<InstanceProfileSpec>) -> Result<Vec<Blocker>, Fault> {
    let role = get(aws, &live.id).await?.and_then(|found| found.spec.role);
    Ok(role.map(|role| Blocker::new(format!("role {role} in it"), Fate::Unknown)).into_iter().collect())
}

pub(super) async fn retag(
    aws: &Aws,
    live: &Found<InstanceProfileSpec>,
    set: &BTreeMap<String, String>,
    remove: &[String],
) -> Result<(), Fault> {
    // What goes, goes first: the tag that names our keys is among what is set, and must not forget one that is there.
    if !remove.is_empty() {
        let call = aws.iam().untag_instance_profile().instance_profile_name(&live.id);
        call.set_tag_keys(Some(remove.to_vec())).send().await.map_err(fault("iam:UntagInstanceProfile"))?;
    }
    if !set.is_empty() {
        let call = aws.iam().tag_instance_profile().instance_profile_name(&live.id).set_tags(Some(sdk_tags(set)));
        call.send().await.map_err(fault("iam:TagInstanceProfile"))?;
    }
    Ok(())
}
