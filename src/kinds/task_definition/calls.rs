//! The calls that a task definition needs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types as sdk;

use super::lower::{RevisionName, digest, found};
use super::registered::{Active, active_of, describe, each, newest, ours, tagged_as};
use super::{TaskDefinition, TaskDefinitionSpec};
use crate::address::Address;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{
    Found, HASH_TAG, Kind as _, Owner, Progress, Purpose, RESOURCE_TAG, STACK_TAG, Scope, Target, Wanted, successor,
    without_nulls,
};
use crate::plan::carry_over;

/// Up to so many definitions, a survey asks for each instead of trusting digests: certain, and no more calls than
/// listing what is active.
const FEW: usize = 3;
/// How many pages of a hundred active revisions a survey reads to know which are active.
const PAGES: usize = 3;
/// So many families that nobody knows are worth a page of their own: most often they are not there yet.
const UNKNOWN_A_PAGE: usize = 20;

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<TaskDefinitionSpec>>, Fault> {
    let stack = scope.place.stack.as_str();
    if let Purpose::Settle(family) = scope.purpose {
        let revision = newest(aws, family, stack, &[]).await?;
        return Ok(revision
            .filter(|revision| revision.is_of(stack))
            .map(|revision| revision.found())
            .into_iter()
            .collect());
    }
    let ours = ours(aws, scope).await?;
    let mut survey = Survey { aws, stack, active: Active::default() };
    // By family, the revisions of ours that the tagging service knows.
    let mut known: Vec<(String, Vec<RevisionName>)> = Vec::new();
    let mut same: Vec<(&Wanted, RevisionName, BTreeMap<String, String>)> = Vec::new();
    for wanted in scope.wanted {
        let family = wanted.key.clone().unwrap_or_default();
        let revisions = ours.get(&(wanted.address.clone(), family.clone())).map_or(&[][..], Vec::as_slice);
        match revisions.last().filter(|(_, tags)| is_same(wanted, &family, tags)) {
            Some((name, tags)) if scope.purpose == Purpose::Survey => same.push((wanted, name.clone(), tags.clone())),
            _ => known.push((family, revisions.iter().map(|(name, _)| name.clone()).collect())),
        }
    }
    let by_address: BTreeMap<&Address, &Wanted> = scope.wanted.iter().map(|wanted| (&wanted.address, wanted)).collect();
    let is_wanted = |address: &Address, family: &String| {
        by_address.get(address).is_some_and(|wanted| wanted.key.as_ref() == Some(family))
    };
    let others: Vec<Vec<RevisionName>> = ours
        .iter()
        .filter(|((address, family), _)| !is_wanted(address, family))
        .map(|(_, revisions)| revisions.iter().map(|(name, _)| name.clone()).collect())
        .collect();
    let unknown = known.iter().filter(|(_, revisions)| revisions.is_empty()).count();
    let needed = if same.len() + others.len() > FEW { PAGES } else { 0 };
    let pages = needed.max(unknown / UNKNOWN_A_PAGE);
    if pages > 0 {
        survey.active = Active::list(aws, pages).await?;
        known.retain(|(family, revisions)| !revisions.is_empty() || survey.active.may_have_family(family));
    }
    let few = same.len() <= FEW;
    let mut all = Vec::new();
    for (wanted, name, tags) in same {
        // What the list did not reach is taken to be as its tags say.
        if few || survey.active.has(&name) == Some(false) {
            known.push((name.family.clone(), vec![name]));
        } else {
            all.push(found(&name, spec_of(wanted), tags));
        }
    }
    let survey = &survey;
    all.extend(each(known, |(family, names)| survey.declared(family, names)).await?);
    // A family that a declared object had before counts while nothing of the family that it wants is there, or while
    // that says that it replaces it.
    let taken: BTreeMap<String, BTreeSet<String>> = all
        .iter()
        .filter_map(|one| {
            Some((one.tags.get(RESOURCE_TAG)?.clone(), successor::marks(&one.tags).map(str::to_owned).collect()))
        })
        .collect();
    let others = each(others, |names| survey.undeclared(names)).await?;
    all.extend(others.into_iter().filter(|one| {
        let by = one.tags.get(RESOURCE_TAG).and_then(|tag| taken.get(tag));
        by.is_none_or(|replaced| replaced.contains(&successor::mark(&one.id)))
    }));
    Ok(all)
}

/// Whether the digest in a revision's tags is that of the declared spec.
fn is_same(wanted: &Wanted, family: &str, tags: &BTreeMap<String, String>) -> bool {
    tags.get(HASH_TAG).is_some_and(|hash| *hash == digest(&spec_of(wanted), family))
}

fn spec_of(wanted: &Wanted) -> TaskDefinitionSpec {
    serde_json::from_value(wanted.spec.clone()).unwrap_or_default()
}

struct Survey<'a> {
    aws: &'a Aws,
    stack: &'a str,
    active: Active,
}

impl Survey<'_> {
    /// What stands under the name of a declared family, whosoever it is.
    async fn declared(
        &self,
        family: String,
        known: Vec<RevisionName>,
    ) -> Result<Option<Found<TaskDefinitionSpec>>, Fault> {
        Ok(newest(self.aws, &family, self.stack, &known).await?.map(|revision| revision.found()))
    }

    /// The newest active of revisions of one family that no declaration names.
    async fn undeclared(&self, names: Vec<RevisionName>) -> Result<Option<Found<TaskDefinitionSpec>>, Fault> {
        let Some(last) = names.last() else { return Ok(None) };
        if names.iter().all(|name| self.active.has(name) == Some(false)) {
            return Ok(None);
        }
        let active = active_of(self.aws, &last.family).await?;
        let Some(name) = names.iter().rev().find(|name| active.contains(name)) else { return Ok(None) };
        let revision = describe(self.aws, &name.arn).await?;
        Ok(revision
            .filter(|revision| revision.is_active && revision.is_of(self.stack))
            .map(|revision| revision.found()))
    }
}

/// Registers a revision, unless the newest says the same already: another run of ours may have been faster. What is left
/// to others is as in the newest active revision, whosoever registered it.
pub(super) async fn register(aws: &Aws, target: &Target<TaskDefinitionSpec>) -> Result<String, Fault> {
    let family = TaskDefinition::key(&target.address.name, &target.full, &target.place).unwrap_or_default();
    let (mut spec, mut full) = (target.spec.clone(), target.full.clone());
    if let Some(mut latest) = describe(aws, &family).await?
        && latest.is_active
    {
        let owner = latest.owner(&target.place.stack);
        TaskDefinition::normalise(&mut latest.spec, &target.place);
        if !target.ignored.is_empty() {
            full = with_others(&full, &latest.spec, &target.ignored)?;
            spec = full.clone();
        }
        if owner == Owner::Us(target.address.clone()) && digest(&latest.spec, &family) == digest(&full, &family) {
            return Ok(family);
        }
    }
    let wanted = digest(&full, &family);
    let mut tags = target.tags.clone();
    tags.insert(HASH_TAG.to_owned(), wanted);
    let call = || {
        let call = spec.register(aws.ecs())?;
        Ok(call.family(&family).set_tags(Some(sdk_tags(&tags))))
    };
    let unfit = |error: aws_smithy_types::error::operation::BuildError| {
        Fault::found("ecs:RegisterTaskDefinition", Cause::Invalid, error.to_string())
    };
    aws.eventually(|| async { call().map_err(unfit)?.send().await.map_err(fault("ecs:RegisterTaskDefinition")) })
        .await?;
    Ok(family)
}

/// The spec with what is left to others as it is in `live`.
fn with_others(
    wanted: &TaskDefinitionSpec,
    live: &TaskDefinitionSpec,
    ignored: &[String],
) -> Result<TaskDefinitionSpec, Fault> {
    let unfit = |error: serde_json::Error| {
        Fault::found(
            "ecs:RegisterTaskDefinition",
            Cause::Invalid,
            format!("what ignoreChanges leaves to others: {error}"),
        )
    };
    let value = |spec| serde_json::to_value(spec).map(without_nulls).map_err(unfit);
    serde_json::from_value(carry_over(&value(wanted)?, &value(live)?, ignored)).map_err(unfit)
}

/// Deregisters every active revision of ours in the family. What runs from one goes on running.
pub(super) async fn delete(aws: &Aws, live: &Found<TaskDefinitionSpec>) -> Result<Progress, Fault> {
    let tag = |key: &str| live.tags.get(key).map_or("", String::as_str);
    let (stack, resource) = (tag(STACK_TAG), tag(RESOURCE_TAG));
    let tagged = &tagged_as(aws, stack, resource).await?;
    each(active_of(aws, &live.id).await?, |name| async move {
        // The tagging service lags, so that what it does not know is asked for one by one.
        let is_ours = tagged.contains(&name.arn)
            || describe(aws, &name.arn).await?.is_some_and(|revision| {
                let is = |key: &str, value: &str| revision.tags.get(key).is_some_and(|found| found == value);
                is(STACK_TAG, stack) && is(RESOURCE_TAG, resource)
            });
        if is_ours {
            let call = aws.ecs().deregister_task_definition().task_definition(&name.arn).send();
            call.await.map_err(fault("ecs:DeregisterTaskDefinition"))?;
        }
        Ok(None::<()>)
    })
    .await?;
    Ok(Progress::Done)
}

/// Sets and removes tags of a revision.
pub(crate) async fn retag(
    aws: &Aws,
    arn: &str,
    set: &BTreeMap<String, String>,
    remove: &[String],
) -> Result<(), Fault> {
    // What goes, goes first: the tag that names our keys is among what is set, and must not forget one that is there.
    if !remove.is_empty() {
        let call = aws.ecs().untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec()));
        call.send().await.map_err(fault("ecs:UntagResource"))?;
    }
    if !set.is_empty() {
        let call = aws.ecs().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(set)));
        call.send().await.map_err(fault("ecs:TagResource"))?;
    }
    Ok(())
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<sdk::Tag> {
    tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect()
}
