//! Which revisions there are: what the tagging service says, what ECS says, and what follows from both.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types as sdk;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::lower::{Revision, RevisionName};
use crate::address::Address;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{RESOURCE_TAG, STACK_TAG, Scope};

/// How many calls at once. ECS lets reads share about twenty a second.
pub(super) const AT_ONCE: usize = 8;
/// How far down from a family's newest revision ours is looked for when the tagging service does not know it yet.
const DEPTH: usize = 10;

/// Revisions of ours by declared object and family, the oldest first.
pub(super) type Ours = BTreeMap<(Address, String), Vec<(RevisionName, BTreeMap<String, String>)>>;

/// What the tagging service knows of our revisions, active or not. It lags by seconds.
pub(super) async fn ours(aws: &Aws, scope: &Scope<'_>) -> Result<Ours, Fault> {
    let mut ours = Ours::new();
    for one in scope.shared.tagged(aws, &scope.place.stack).await? {
        let address = one.tags.get(RESOURCE_TAG).and_then(|text| text.parse::<Address>().ok());
        let (Some(address), Some(name)) = (address, RevisionName::of_arn(&one.arn)) else { continue };
        if address.kind == "TaskDefinition" {
            ours.entry((address, name.family.clone())).or_default().push((name, one.tags.clone()));
        }
    }
    ours.values_mut().for_each(|revisions| revisions.sort_by_key(|(name, _)| name.number));
    Ok(ours)
}

/// The ARNs of the revisions that carry the tags of one declared object, active or not.
pub(super) async fn tagged_as(aws: &Aws, stack: &str, resource: &str) -> Result<BTreeSet<String>, Fault> {
    let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    let pages = aws
        .tagging()
        .get_resources()
        .tag_filters(filter(STACK_TAG, stack))
        .tag_filters(filter(RESOURCE_TAG, resource))
        .resource_type_filters("ecs:task-definition")
        .resources_per_page(100)
        .into_paginator()
        .items()
        .send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("tag:GetResources"))?;
    Ok(found.into_iter().filter_map(|one| one.resource_arn).collect())
}

/// One revision, or the newest active one of a family; none when there is none. A revision that was deregistered just
/// now may still be answered as the newest of its family.
pub(crate) async fn describe(aws: &Aws, reference: &str) -> Result<Option<Revision>, Fault> {
    let call = aws.ecs().describe_task_definition().task_definition(reference);
    match call.include(sdk::TaskDefinitionField::Tags).send().await.map_err(fault("ecs:DescribeTaskDefinition")) {
        Ok(answer) => Ok(answer.task_definition().and_then(|definition| Revision::of_sdk(definition, answer.tags()))),
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The newest active revision of a family that is the stack's, or, when none is, the newest active one.
pub(super) async fn newest(
    aws: &Aws,
    family: &str,
    stack: &str,
    known: &[RevisionName],
) -> Result<Option<Revision>, Fault> {
    let Some(first) = describe(aws, family).await? else { return Ok(None) };
    if first.is_active && first.is_of(stack) {
        return Ok(Some(first));
    }
    // Somebody else registered after us, or we never did, or what was answered is inactive.
    let mut active = active_of(aws, family).await?;
    active.sort_by_key(|name| std::cmp::Reverse(name.number));
    let is_known = |name: &RevisionName| known.contains(name);
    let near: Vec<&RevisionName> = active.iter().take(DEPTH).chain(active.iter().find(|name| is_known(name))).collect();
    for name in near.into_iter().filter(|name| **name != first.name) {
        if let Some(revision) = describe(aws, &name.arn).await?
            && revision.is_active
            && revision.is_of(stack)
        {
            return Ok(Some(revision));
        }
    }
    Ok(first.is_active.then_some(first))
}

/// The active revisions of a family.
pub(super) async fn active_of(aws: &Aws, family: &str) -> Result<Vec<RevisionName>, Fault> {
    // Despite its name the prefix is the whole name of a family.
    let pages = aws.ecs().list_task_definitions().family_prefix(family).status(sdk::TaskDefinitionStatus::Active);
    let arns = pages.sort(sdk::SortOrder::Desc).into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let names = arns.map_err(fault("ecs:ListTaskDefinitions"))?;
    Ok(names.iter().filter_map(|arn| RevisionName::of_arn(arn)).filter(|name| name.family == family).collect())
}

/// The active revisions of the account, as far as a few pages reach.
#[derive(Debug, Default)]
pub(super) struct Active {
    arns: BTreeSet<String>,
    families: BTreeSet<String>,
    is_all: bool,
}

impl Active {
    pub(super) async fn list(aws: &Aws, pages_at_most: usize) -> Result<Self, Fault> {
        let mut active = Self::default();
        let call = aws.ecs().list_task_definitions().status(sdk::TaskDefinitionStatus::Active);
        let mut pages = call.into_paginator().page_size(100).send();
        for _ in 0..pages_at_most {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(fault("ecs:ListTaskDefinitions"))?;
            active.is_all = page.next_token().is_none();
            active.arns.extend(page.task_definition_arns.unwrap_or_default());
            if active.is_all {
                break;
            }
        }
        active.families =
            active.arns.iter().filter_map(|arn| RevisionName::of_arn(arn)).map(|name| name.family).collect();
        Ok(active)
    }

    /// Whether a family may have active revisions.
    pub(super) fn may_have_family(&self, family: &str) -> bool {
        !self.is_all || self.families.contains(family)
    }

    /// Whether a revision is active; none when it was not read that far.
    pub(super) fn has(&self, name: &RevisionName) -> Option<bool> {
        (self.is_all || self.arns.contains(&name.arn)).then(|| self.arns.contains(&name.arn))
    }
}

/// Does `work` for each, a few at once, and gathers what it finds.
pub(super) async fn each<T, R, F>(items: Vec<T>, work: impl Fn(T) -> F) -> Result<Vec<R>, Fault>
where
    F: Future<Output = Result<Option<R>, Fault>>,
{
    let answers: Vec<Option<R>> = stream::iter(items).map(work).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}
