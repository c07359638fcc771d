//! The calls that a role needs.

use std::collections::BTreeMap;

use aws_sdk_iam::types::RoleDetail;
use futures_util::future::try_join_all;

use super::lower::{Policies, arns, inline, lower, policies};
use super::spec::RoleSpec;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::iam::{notice, or_gone, sdk_tags, tags_of};
use crate::kinds::{Blocker, Changed, Fate, Found, Progress, Purpose, STACK_TAG, Scope, Target};

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<RoleSpec>>, Fault> {
    if let Purpose::Settle(name) = scope.purpose {
        return Ok(read_one(aws, name).await?.into_iter().collect());
    }
    let ours = scope.shared.roles(aws).await?.iter().filter(|detail| is_wanted(detail, scope));
    let found = try_join_all(ours.map(|detail| async {
        let name = detail.role_name().unwrap_or_default();
        Ok::<_, Fault>(get(aws, name).await?.map(|role| lower(&role, policies(detail))))
    }));
    Ok(found.await?.into_iter().flatten().collect())
}

fn is_wanted(detail: &RoleDetail, scope: &Scope<'_>) -> bool {
    let key = detail.role_name().unwrap_or_default().to_lowercase();
    let tags = tags_of(detail.tags());
    let is_ours = || tags.get(STACK_TAG) == Some(&scope.place.stack) && scope.seeks(&tags);
    let is_named = || scope.wanted.iter().any(|wanted| wanted.key.as_deref() == Some(key.as_str()));
    let is_of_a_service = detail.path().is_some_and(|path| path.starts_with("/aws-service-role/"));
    (is_ours() || is_named()) && !is_of_a_service
}

async fn get(aws: &Aws, name: &str) -> Result<Option<aws_sdk_iam::types::Role>, Fault> {
    match aws.iam().get_role().role_name(name).send().await.map_err(fault("iam:GetRole")) {
        Ok(answer) => Ok(answer.role.inspect(|role| notice(aws, role.create_date()))),
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// One role with its policies by the direct calls, which lag behind a change less than the details of the account.
async fn read_one(aws: &Aws, name: &str) -> Result<Option<Found<RoleSpec>>, Fault> {
    let Some(role) = get(aws, name).await? else { return Ok(None) };
    match tokio::try_join!(inline_names(aws, name), attached(aws, name)) {
        Ok((names, attached)) => {
            let documents = try_join_all(names.iter().map(|policy| async move {
                let call = aws.iam().get_role_policy().role_name(name).policy_name(policy);
                let answer = call.send().await.map_err(fault("iam:GetRolePolicy"))?;
                Ok::<_, Fault>(inline(policy, answer.policy_document()))
            }));
            match documents.await {
                Ok(inline) => Ok(Some(lower(&role, Policies { inline, attached }))),
                Err(fault) if fault.is_gone() => Ok(None),
                Err(fault) => Err(fault),
            }
        }
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn inline_names(aws: &Aws, role: &str) -> Result<Vec<String>, Fault> {
    let pages = aws.iam().list_role_policies().role_name(role).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("iam:ListRolePolicies"))
}

async fn attached(aws: &Aws, role: &str) -> Result<Vec<String>, Fault> {
    let pages = aws.iam().list_attached_role_policies().role_name(role).into_paginator().items().send();
    let attached = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("iam:ListAttachedRolePolicies"))?;
    Ok(arns(&attached))
}

pub(super) async fn create(aws: &Aws, target: &Target<RoleSpec>) -> Result<String, Fault> {
    let spec = &target.spec;
    let name = spec.name(&target.address.name);
    let call = || {
        aws.iam()
            .create_role()
            .role_name(name)
            .set_path(spec.path.clone())
            .assume_role_policy_document(spec.assume_role_policy_document.text())
            .set_description(spec.description.clone().filter(|text| !text.is_empty()))
            .set_max_session_duration(spec.max_session_duration)
            .set_permissions_boundary(spec.permissions_boundary.clone())
            .set_tags(Some(sdk_tags(&target.tags)))
            .send()
    };
    aws.eventually(|| async { call().await.map_err(fault("iam:CreateRole")) }).await?;
    Ok(name.to_owned())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<RoleSpec>,
    live: &Found<RoleSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let (full, role) = (&target.full, live.id.as_str());
    if changed.has("assumeRolePolicyDocument") {
        let document = target.spec.assume_role_policy_document.text();
        let call = || aws.iam().update_assume_role_policy().role_name(role).policy_document(&document).send();
        aws.eventually(|| async { call().await.map_err(fault("iam:UpdateAssumeRolePolicy")) }).await?;
    }
    if changed.has("description") || changed.has("maxSessionDuration") {
        // They travel together: what is left out is reset, so an ignored one goes along as it is.
        let description = if changed.has("description") { &full.description } else { &live.spec.description };
        let seconds =
            if changed.has("maxSessionDuration") { full.max_session_duration } else { live.spec.max_session_duration };
        let call = || {
            aws.iam()
                .update_role()
                .role_name(role)
                .description(description.as_deref().unwrap_or_default())
                .set_max_session_duration(seconds)
                .send()
        };
        aws.eventually(|| async { call().await.map_err(fault("iam:UpdateRole")) }).await?;
    }
    if changed.has("permissionsBoundary") {
        bound(aws, role, full.permissions_boundary.as_deref()).await?;
    }
    // What is new is given before what is old is taken, so that running tasks never lack both.
    attach(aws, target, live, changed).await?;
    put_inline(aws, target, live, changed).await?;
    Ok(Progress::Done)
}

async fn bound(aws: &Aws, role: &str, boundary: Option<&str>) -> Result<(), Fault> {
    let Some(boundary) = boundary else {
        let call = aws.iam().delete_role_permissions_boundary().role_name(role).send();
        return or_gone(call.await.map_err(fault("iam:DeleteRolePermissionsBoundary")));
    };
    let call = || aws.iam().put_role_permissions_boundary().role_name(role).permissions_boundary(boundary).send();
    aws.eventually(|| async { call().await.map_err(fault("iam:PutRolePermissionsBoundary")) }).await?;
    Ok(())
}

async fn attach(aws: &Aws, target: &Target<RoleSpec>, live: &Found<RoleSpec>, changed: &Changed) -> Result<(), Fault> {
    if !changed.has("managedPolicyArns") {
        return Ok(());
    }
    let (wanted, there) = (target.full.attached(), live.spec.attached());
    let new: Vec<&String> = wanted.iter().filter(|arn| !there.contains(arn)).collect();
    let old: Vec<&String> = there.iter().filter(|arn| !wanted.contains(arn)).collect();
    match attach_all(aws, &live.id, &new).await {
        // A full role has no room for both. What does not come instead comes back.
        Err(fault) if fault.cause == Cause::Quota && !old.is_empty() => {
            detach_all(aws, &live.id, &old).await?;
            let attached = attach_all(aws, &live.id, &new).await;
            if attached.is_err() {
                attach_all(aws, &live.id, &old).await.ok();
            }
            attached
        }
        attached => {
            attached?;
            detach_all(aws, &live.id, &old).await
        }
    }
}

async fn attach_all(aws: &Aws, role: &str, arns: &[&String]) -> Result<(), Fault> {
    for arn in arns {
        let call = || aws.iam().attach_role_policy().role_name(role).policy_arn(*arn).send();
        aws.eventually(|| async { call().await.map_err(fault("iam:AttachRolePolicy")) }).await?;
    }
    Ok(())
}

async fn detach_all(aws: &Aws, role: &str, arns: &[&String]) -> Result<(), Fault> {
    for arn in arns {
        detach(aws, role, arn).await?;
    }
    Ok(())
}

async fn detach(aws: &Aws, role: &str, arn: &str) -> Result<(), Fault> {
    let call = aws.iam().detach_role_policy().role_name(role).policy_arn(arn).send();
    or_gone(call.await.map_err(fault("iam:DetachRolePolicy")))
}

async fn put_inline(
    aws: &Aws,
    target: &Target<RoleSpec>,
    live: &Found<RoleSpec>,
    changed: &Changed,
) -> Result<(), Fault> {
    let differs = |name: &str| {
        changed.has(&format!("inlinePolicies[{name}]")) || changed.0.contains(&"inlinePolicies".to_owned())
    };
    let (wanted, there) = (target.spec.inline(), live.spec.inline());
    let new: Vec<(&str, String)> =
        wanted.iter().filter(|(name, _)| differs(name)).map(|(name, document)| (*name, document.text())).collect();
    let old: Vec<(&str, String)> = there
        .iter()
        .filter(|(name, _)| differs(name) && !wanted.contains_key(*name))
        .map(|(name, document)| (*name, document.text()))
        .collect();
    match put_all(aws, &live.id, &new).await {
        // As of policies that are attached: all inline policies together have so many characters.
        Err(fault) if fault.cause == Cause::Quota && !old.is_empty() => {
            delete_all(aws, &live.id, &old).await?;
            let put = put_all(aws, &live.id, &new).await;
            if put.is_err() {
                put_all(aws, &live.id, &old).await.ok();
            }
            put
        }
        put => {
            put?;
            delete_all(aws, &live.id, &old).await
        }
    }
}

async fn put_all(aws: &Aws, role: &str, policies: &[(&str, String)]) -> Result<(), Fault> {
    for (name, text) in policies {
        let call = || aws.iam().put_role_policy().role_name(role).policy_name(*name).policy_document(text).send();
        aws.eventually(|| async { call().await.map_err(fault("iam:PutRolePolicy")) }).await?;
    }
    Ok(())
}

async fn delete_all(aws: &Aws, role: &str, policies: &[(&str, String)]) -> Result<(), Fault> {
    for (name, _) in policies {
        delete_inline(aws, role, name).await?;
    }
    Ok(())
}

async fn delete_inline(aws: &Aws, role: &str, policy: &str) -> Result<(), Fault> {
    let call = aws.iam().delete_role_policy().role_name(role).policy_name(policy).send();
    or_gone(call.await.map_err(fault("iam:DeleteRolePolicy")))
}

/// IAM deletes a role only when nothing is left on it; what is there is read now, as it may be more than we know of.
pub(super) async fn delete(aws: &Aws, live: &Found<RoleSpec>) -> Result<Progress, Fault> {
    let role = live.id.as_str();
    let (policies, arns, profiles) =
        tokio::try_join!(inline_names(aws, role), attached(aws, role), profiles_of(aws, role))?;
    for profile in profiles {
        let call = aws.iam().remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send();
        or_gone(call.await.map_err(fault("iam:RemoveRoleFromInstanceProfile")))?;
    }
    for arn in arns {
        detach(aws, role, &arn).await?;
    }
    for policy in policies {
        delete_inline(aws, role, &policy).await?;
    }
    if live.spec.permissions_boundary.is_some() {
        bound(aws, role, None).await?;
    }
    aws.iam().delete_role().role_name(role).send().await.map_err(fault("iam:DeleteRole"))?;
    Ok(Progress::Done)
}

/// What has come to it since everything was taken from it.
pub(super) async fn blockers(aws: &Aws, live: &Found<RoleSpec>) -> Result<Vec<Blocker>, Fault> {
    let role = live.id.as_str();
    let (policies, arns, profiles) =
        tokio::try_join!(inline_names(aws, role), attached(aws, role), profiles_of(aws, role))?;
    let named = |what: &str, names: Vec<String>| {
        names.into_iter().map(|name| Blocker::new(format!("{what} {name}"), Fate::Unknown)).collect::<Vec<_>>()
    };
    let profiles = named("instance profile", profiles).into_iter();
    Ok(profiles.chain(named("attached policy", arns)).chain(named("inline policy", policies)).collect())
}

async fn profiles_of(aws: &Aws, role: &str) -> Result<Vec<String>, Fault> {
    let pages = aws.iam().list_instance_profiles_for_role().role_name(role).into_paginator().items().send();
    let profiles = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("iam:ListInstanceProfilesForRole"))?;
    Ok(profiles.into_iter().map(|profile| profile.instance_profile_name).collect())
}

pub(super) async fn retag(
    aws: &Aws,
    live: &Found<RoleSpec>,
    set: &BTreeMap<String, String>,
    remove: &[String],
) -> Result<(), Fault> {
    // What goes, goes first: the tag that names our keys is among what is set, and must not forget one that is there.
    if !remove.is_empty() {
        let call = aws.iam().untag_role().role_name(&live.id).set_tag_keys(Some(remove.to_vec()));
        call.send().await.map_err(fault("iam:UntagRole"))?;
    }
    if !set.is_empty() {
        let call = aws.iam().tag_role().role_name(&live.id).set_tags(Some(sdk_tags(set)));
        call.send().await.map_err(fault("iam:TagRole"))?;
    }
    Ok(())
}
