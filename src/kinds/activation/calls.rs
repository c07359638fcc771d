//! The calls that an activation needs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_ssm::types::Tag;
use aws_smithy_types::DateTime;

use super::CODE_TAG;
use super::code::{self, Code, Held};
use super::lower::{Detail, Kept, One, lower};
use super::spec::{ActivationSpec, CodeStore, Place};
use crate::address::Address;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Changed, Found, Owner, Progress, Purpose, RESOURCE_TAG, Scope, Target};

const KIND: &str = "Activation";
const DAY: u64 = 24 * 60 * 60;

/// Activations are in no index of tags and cannot be filtered by one, so all of the account are listed; but not where
/// nothing says that there is one of ours.
pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<ActivationSpec>>, Fault> {
    let is_likely = !scope.wanted.is_empty() || matches!(scope.purpose, Purpose::Settle(_) | Purpose::Find);
    if !is_likely && !leaves_traces(aws, scope).await? && (scope.purpose == Purpose::Survey || !may_ask(aws).await) {
        return Ok(Vec::new());
    }
    let pages = aws.ssm().describe_activations().max_results(50).into_paginator().items().send();
    let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ssm:DescribeActivations"))?;
    let mut ours: BTreeMap<Address, Vec<One>> = BTreeMap::new();
    for one in all.into_iter().map(One::new) {
        let Owner::Us(address) = crate::kinds::owner(&one.tags, &scope.place.stack) else { continue };
        let is_asked = !matches!(scope.purpose, Purpose::Settle(name) if name != address.name);
        if address.kind == KIND && is_asked && scope.seeks(&one.tags) {
            ours.entry(address).or_default().push(one);
        }
    }
    fill_held(aws, ours.values_mut().flatten()).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let found = ours.into_iter().filter_map(|(address, all)| {
        let wanted = scope.wanted.iter().find(|wanted| wanted.address == address);
        let wanted: Option<ActivationSpec> = wanted.and_then(|wanted| serde_json::from_value(wanted.spec.clone()).ok());
        let ids: Vec<String> = all.iter().map(|one| one.id().to_owned()).collect();
        lower(&address, all, wanted.as_ref(), waiting(scope, &address, &ids).as_deref(), now)
    });
    Ok(found.collect())
}

/// Whether activations can be asked for at all. Where nothing says that there is one, a close look asks all the same, and
/// who may not ask, or has an endpoint without them, has made none.
async fn may_ask(aws: &Aws) -> bool {
    let call = aws.ssm().describe_activations().max_results(1).send();
    let answer = call.await.map_err(fault("ssm:DescribeActivations"));
    !matches!(answer, Err(Fault { cause: Cause::Denied | Cause::UnknownOperation, .. }))
}

/// Whether something of the stack shows that there may be an activation of it: what its code is kept in, or a role that
/// lets Systems Manager assume it. A file shows nothing; a deep look finds that one.
async fn leaves_traces(aws: &Aws, scope: &Scope<'_>) -> Result<bool, Fault> {
    let tagged = scope.shared.tagged(aws, &scope.place.stack).await?;
    let is_code = |tags: &BTreeMap<String, String>| {
        tags.get(RESOURCE_TAG)
            .is_some_and(|resource| resource.strip_prefix(KIND).is_some_and(|rest| rest.starts_with('/')))
    };
    let stores = tagged.iter().filter(|one| one.is_a("ssm:parameter") || one.is_a("secretsmanager:secret"));
    Ok(stores.map(|one| &one.tags).any(is_code) || has_role_of_hosts(scope))
}

/// Whether the stack has a role that lets Systems Manager assume it.
pub(in crate::kinds) fn has_role_of_hosts(scope: &Scope<'_>) -> bool {
    let is_for_hosts = |role: &Found| role.spec["assumeRolePolicyDocument"].to_string().contains("ssm.amazonaws.com");
    let is_ours = |role: &Found| matches!(role.owner(&scope.place.stack), Owner::Us(_));
    scope.known.of("Role").iter().any(|role| is_ours(role) && is_for_hosts(role))
}

/// What is to register with an activation and is not there. When one is looked at alone a plan has decided, and what
/// has been spent is to be replaced.
fn waiting(scope: &Scope<'_>, address: &Address, ids: &[String]) -> Option<String> {
    if matches!(scope.purpose, Purpose::Settle(_) | Purpose::Find) {
        return Some("a host".to_owned());
    }
    let registered: BTreeSet<Address> = scope
        .known
        .of("ExternalInstance")
        .iter()
        .filter_map(|host| match host.owner(&scope.place.stack) {
            Owner::Us(address) => Some(address),
            Owner::Stack(_) | Owner::Nobody => None,
        })
        .collect();
    let reference = format!("${{{KIND}.{}.", address.name);
    let registers_with = |spec: &serde_json::Value| {
        let with = spec["activation"].as_str().unwrap_or_default();
        with.contains(&reference) || ids.iter().any(|id| id == with)
    };
    let hosts = scope.declared.get("ExternalInstance").into_iter().flatten();
    hosts
        .filter(|host| registers_with(&host.spec) && !registered.contains(&host.address))
        .map(|host| host.address.to_string())
        .next()
}

/// Finds out what is in the places where codes should be.
async fn fill_held(aws: &Aws, all: impl Iterator<Item = &mut One>) -> Result<(), Fault> {
    let mut all: Vec<&mut One> = all.collect();
    let stores: BTreeSet<CodeStore> = all.iter().filter_map(|one| one.store.clone()).collect();
    let places = || stores.iter().filter_map(CodeStore::place);
    let names: Vec<&str> = places()
        .filter_map(|place| match place {
            Place::Parameter(name) => Some(name),
            Place::Secret(_) | Place::File(_) => None,
        })
        .collect();
    let mut parameters = code::parameters(aws, &names).await?;
    let mut held: BTreeMap<String, Held> = BTreeMap::new();
    for store in &stores {
        let what = match store.place() {
            Some(Place::Parameter(name)) => parameters.remove(name).unwrap_or(Held::Nothing),
            Some(place) => code::look(aws, place).await?,
            None => continue,
        };
        held.insert(store.as_tag(), what);
    }
    for one in &mut all {
        if let Some(what) = one.store.as_ref().and_then(|store| held.get(&store.as_tag())) {
            one.held = what.clone();
        }
    }
    Ok(())
}

pub(super) async fn create(aws: &Aws, target: &Target<ActivationSpec>) -> Result<String, Fault> {
    make(aws, target).await?;
    Ok(target.address.name.clone())
}

/// No activation may last longer.
const LONGEST: u64 = 30 * DAY;
/// By how much this machine's clock may be ahead of AWS's, which refuses a moment too late.
const DRIFT: u64 = 600;

/// Makes an activation and stores its code; where that fails, the activation is no use and goes again.
async fn make(aws: &Aws, target: &Target<ActivationSpec>) -> Result<(), Fault> {
    const OPERATION: &str = "ssm:CreateActivation";
    let spec = &target.full;
    let Some((store, place)) = spec.code.as_ref().and_then(|store| Some((store, store.place()?))) else {
        return Err(Fault::found(KIND, Cause::Invalid, "nothing says where its code is to be kept"));
    };
    let owner = code::Owner { address: &target.address, stack: &target.place.stack };
    // Beforehand, so that no code is made that cannot be kept.
    code::check(aws, place, &owner).await?;
    let seconds = u64::try_from(spec.valid_for_days.unwrap_or(1)).unwrap_or(1) * DAY;
    let seconds = seconds.min(LONGEST - DRIFT);
    let expires = DateTime::from(SystemTime::now() + std::time::Duration::from_secs(seconds));
    let mut tags = target.tags.clone();
    tags.insert(CODE_TAG.to_owned(), store.as_tag());
    let tags: Result<Vec<Tag>, _> =
        tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tags = tags.map_err(|error| Fault::found(OPERATION, Cause::Invalid, error.to_string()))?;
    let call = aws
        .ssm()
        .create_activation()
        .iam_role(&spec.iam_role)
        .set_registration_limit(spec.registration_limit)
        .expiration_date(expires)
        .set_default_instance_name(spec.default_instance_name.clone())
        .set_description(spec.description.clone())
        .set_tags(Some(tags));
    let made = aws.eventually(|| async { code::unlogged(call.clone().send()).await.map_err(fault(OPERATION)) }).await?;
    let (Some(id), Some(code)) = (made.activation_id, made.activation_code.map(Code::new)) else {
        return Err(Fault::found(OPERATION, Cause::NoAnswer, "AWS answered without a code"));
    };
    let stored = code::store(aws, place, &owner, &id, &code).await;
    if stored.is_err() {
        // When this fails too, the next look finds it and sees that its code is not stored.
        delete_activation(aws, &id).await.ok();
    }
    stored
}

/// An activation cannot be changed: a fresh one is made first, and then the old one goes.
pub(super) async fn update(
    aws: &Aws,
    target: &Target<ActivationSpec>,
    live: &Found<ActivationSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let Detail { current, strays, .. } = detail(live)?;
    for stray in &strays {
        drop_one(aws, target, stray, &[&current]).await?;
    }
    if changed.0.iter().all(|path| path.starts_with("strays")) {
        return Ok(Progress::Done);
    }
    match make(aws, target).await {
        Ok(()) => {}
        // It may have been made; then the next look finds one more, whose code was not stored.
        Err(fault) if fault.cause == Cause::NoAnswer => {
            tokio::time::sleep(aws.patience.longest).await;
            return Ok(Progress::Waiting(format!("{fault}; looking whether it was made")));
        }
        Err(fault) => return Err(fault),
    }
    let fresh = Kept { id: String::new(), code: target.full.code.clone() };
    drop_one(aws, target, &current, &[&fresh]).await?;
    Ok(Progress::Done)
}

/// Deletes an activation, and its code where none of those that stay keeps its own.
async fn drop_one(aws: &Aws, target: &Target<ActivationSpec>, one: &Kept, stay: &[&Kept]) -> Result<(), Fault> {
    let place = one.code.as_ref().and_then(CodeStore::place);
    if let Some(place) = place.filter(|_| stay.iter().all(|other| other.code != one.code)) {
        let owner = code::Owner { address: &target.address, stack: &target.place.stack };
        code::forget(aws, place, &owner, &[&one.id]).await?;
    }
    delete_activation(aws, &one.id).await
}

pub(super) async fn delete(aws: &Aws, live: &Found<ActivationSpec>) -> Result<Progress, Fault> {
    let Detail { current, strays, .. } = detail(live)?;
    let tag = |key: &str| live.tags.get(key).map(String::as_str).unwrap_or_default();
    let Ok(address) = tag(RESOURCE_TAG).parse::<Address>() else { return Ok(Progress::Done) };
    let owner = code::Owner { address: &address, stack: tag(crate::kinds::STACK_TAG) };
    let all: Vec<&Kept> = strays.iter().chain([&current]).collect();
    let ids: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    // The codes first: what is left after an interruption is found by its activation.
    for one in &all {
        if let Some(place) = one.code.as_ref().and_then(CodeStore::place) {
            code::forget(aws, place, &owner, &ids).await?;
        }
    }
    for id in ids {
        delete_activation(aws, id).await?;
    }
    Ok(Progress::Done)
}

async fn delete_activation(aws: &Aws, id: &str) -> Result<(), Fault> {
    match aws.ssm().delete_activation().activation_id(id).send().await.map_err(fault("ssm:DeleteActivation")) {
        Err(fault) if !fault.is_gone() => Err(fault),
        _ => Ok(()),
    }
}

fn detail(live: &Found<ActivationSpec>) -> Result<Detail, Fault> {
    serde_json::from_value(live.detail.clone())
        .map_err(|error| Fault::found(KIND, Cause::Invalid, format!("a plan of another farpost: {error}")))
}
