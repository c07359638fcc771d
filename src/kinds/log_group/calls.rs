//! The calls that a log group needs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::lower::{arn, lower, name_of};
use super::spec::LogGroupSpec;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Changed, Found, Progress, Purpose, STACK_TAG, Scope, Target};

/// How many log groups one call describes.
const AT_ONCE: usize = 50;
/// How many calls for tags are under way at once.
const CONCURRENCY: usize = 5;

type Tags = BTreeMap<String, String>;

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<LogGroupSpec>>, Fault> {
    let known = known_tags(aws, scope).await?;
    let names: BTreeSet<String> = match scope.purpose {
        Purpose::Settle(name) => BTreeSet::from([name.to_owned()]),
        // What is declared is asked for by name, because the tagging service lags behind; it knows the rest.
        Purpose::Survey | Purpose::Deep | Purpose::Find => {
            let declared = scope.wanted.iter().filter_map(|wanted| wanted.key.clone());
            known.keys().cloned().chain(declared).collect()
        }
    };
    let groups = describe(aws, names.into_iter().collect()).await?;
    // Its tags are those of a moment ago: not good enough at a close look, nor after this run changed something.
    let is_current = scope.purpose == Purpose::Survey && !aws.is_propagating();
    let with_tags = |group: LogGroup| {
        let told = known.get(group.log_group_name().unwrap_or_default()).filter(|_| is_current).cloned();
        async move {
            let tags = match told {
                Some(tags) => Some(tags),
                None => tags_of(aws, &arn(&group)).await?,
            };
            Ok::<_, Fault>(tags.map(|tags| (group, tags)))
        }
    };
    let groups: Vec<Option<(LogGroup, Tags)>> =
        stream::iter(groups).map(with_tags).buffered(CONCURRENCY).try_collect().await?;
    let found = groups.into_iter().flatten().map(|(group, tags)| {
        let declared = declared(scope, group.log_group_name());
        lower(&group, tags, declared.as_ref())
    });
    // A container's log driver may have made another group of this name since; that one is nobody's.
    let is_settled = |one: &Found<LogGroupSpec>| {
        !matches!(scope.purpose, Purpose::Settle(_)) || one.tags.get(STACK_TAG) == Some(&scope.place.stack)
    };
    Ok(found.filter(is_settled).collect())
}

/// The log groups of the stack as far as the tagging service knows them, by name.
async fn known_tags(aws: &Aws, scope: &Scope<'_>) -> Result<BTreeMap<String, Tags>, Fault> {
    if matches!(scope.purpose, Purpose::Settle(_)) {
        return Ok(BTreeMap::new());
    }
    let tagged = scope.shared.tagged(aws, &scope.place.stack).await?;
    Ok(tagged.iter().filter_map(|one| Some((name_of(&one.arn)?.to_owned(), own(one.tags.clone())))).collect())
}

fn declared(scope: &Scope<'_>, name: Option<&str>) -> Option<LogGroupSpec> {
    let wanted = scope.wanted.iter().find(|wanted| wanted.key.as_deref() == name)?;
    serde_json::from_value(wanted.spec.clone()).ok()
}

/// The log groups of these names that exist.
async fn describe(aws: &Aws, names: Vec<String>) -> Result<Vec<LogGroup>, Fault> {
    let mut groups = Vec::new();
    for names in names.chunks(AT_ONCE) {
        let call = aws.logs().describe_log_groups().set_log_group_identifiers(Some(names.to_vec()));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(fault("logs:DescribeLogGroups"))?;
            // An endpoint that does not know the filter answers all there are.
            let asked = |group: &LogGroup| names.iter().any(|name| group.log_group_name() == Some(name));
            groups.extend(page.log_groups.unwrap_or_default().into_iter().filter(asked));
        }
    }
    Ok(groups)
}

/// Tags by the one call that knows them as they are; none when the log group is gone.
async fn tags_of(aws: &Aws, arn: &str) -> Result<Option<Tags>, Fault> {
    let call = aws.logs().list_tags_for_resource().resource_arn(arn).send();
    match call.await.map_err(fault("logs:ListTagsForResource")) {
        Ok(answer) => Ok(Some(own(answer.tags.unwrap_or_default()))),
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Without those that AWS keeps for itself.
fn own(tags: impl IntoIterator<Item = (String, String)>) -> Tags {
    tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect()
}

/// Retention has a call of its own, which follows as an update.
pub(super) async fn create(aws: &Aws, target: &Target<LogGroupSpec>) -> Result<String, Fault> {
    let spec = &target.full;
    let name = spec.name(&target.address.name);
    let call = aws
        .logs()
        .create_log_group()
        .log_group_name(name)
        .set_log_group_class(spec.log_group_class.as_deref().map(LogGroupClass::from))
        .set_kms_key_id(spec.kms_key_id.clone())
        .set_deletion_protection_enabled(spec.deletion_protection_enabled)
        .set_tags(Some(target.tags.clone().into_iter().collect::<HashMap<_, _>>()));
    match call.send().await.map_err(fault("logs:CreateLogGroup")) {
        Ok(_) => Ok(name.to_owned()),
        // Somebody makes or deletes one of this name right now: as with no answer, look before trying again.
        Err(fault) if fault.cause == Cause::InUse => Err(Fault { cause: Cause::NoAnswer, ..fault }),
        Err(fault) => Err(fault),
    }
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<LogGroupSpec>,
    live: &Found<LogGroupSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    match aws.eventually(|| change(aws, &target.full, live, changed)).await {
        Ok(()) => Ok(Progress::Done),
        // Another change of the log group is under way: it is tried again with a fresh look.
        Err(fault) if fault.cause == Cause::InUse => Ok(Progress::Waiting(fault.message)),
        Err(fault) => Err(fault),
    }
}

async fn change(aws: &Aws, wanted: &LogGroupSpec, live: &Found<LogGroupSpec>, changed: &Changed) -> Result<(), Fault> {
    let (logs, name) = (aws.logs(), &live.id);
    if changed.has("deletionProtectionEnabled")
        && let Some(enabled) = wanted.deletion_protection_enabled
    {
        // By ARN: the API's reference says that a name will do, and AWS wants the ARN.
        let call = logs.put_log_group_deletion_protection().log_group_identifier(arn_of(live));
        let call = call.deletion_protection_enabled(enabled).send();
        call.await.map_err(fault("logs:PutLogGroupDeletionProtection"))?;
    }
    if changed.has("retentionInDays") {
        match wanted.retention_in_days {
            Some(days) => {
                let call = logs.put_retention_policy().log_group_name(name).retention_in_days(days).send();
                call.await.map_err(fault("logs:PutRetentionPolicy"))?;
            }
            None => {
                let call = logs.delete_retention_policy().log_group_name(name).send();
                call.await.map_err(fault("logs:DeleteRetentionPolicy"))?;
            }
        }
    }
    if changed.has("kmsKeyId") {
        match &wanted.kms_key_id {
            Some(key) => {
                let call = logs.associate_kms_key().log_group_name(name).kms_key_id(key).send();
                call.await.map_err(fault("logs:AssociateKmsKey"))?;
            }
            None => {
                let call = logs.disassociate_kms_key().log_group_name(name).send();
                call.await.map_err(fault("logs:DisassociateKmsKey"))?;
            }
        }
    }
    Ok(())
}

pub(super) async fn delete(aws: &Aws, live: &Found<LogGroupSpec>) -> Result<Progress, Fault> {
    let call = aws.logs().delete_log_group().log_group_name(&live.id).send();
    call.await.map_err(fault("logs:DeleteLogGroup"))?;
    Ok(Progress::Done)
}

pub(super) async fn retag(
    aws: &Aws,
    live: &Found<LogGroupSpec>,
    set: &BTreeMap<String, String>,
    remove: &[String],
) -> Result<(), Fault> {
    // What goes, goes first: the tag that names our keys is among what is set, and must not forget one that is there.
    if !remove.is_empty() {
        let call = aws.logs().untag_resource().resource_arn(arn_of(live)).set_tag_keys(Some(remove.to_vec()));
        call.send().await.map_err(fault("logs:UntagResource"))?;
    }
    if !set.is_empty() {
        let call = aws.logs().tag_resource().resource_arn(arn_of(live));
        let call = call.set_tags(Some(set.clone().into_iter().collect()));
        aws.eventually(|| async { call.clone().send().await.map_err(fault("logs:TagResource")) }).await?;
    }
    // The tagging service does not know it yet.
    aws.created();
    Ok(())
}

fn arn_of(live: &Found<LogGroupSpec>) -> &str {
    live.attributes.get("arn").map_or("", String::as_str)
}
