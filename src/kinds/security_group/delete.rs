//! Deleting a security group, and finding out who does not let go of it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;

use super::calls::{Rules, describe};
use super::rule::{Direction, Rule};
use super::spec::SecurityGroupSpec;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Blocker, Fate, Found, Progress, STACK_TAG, interfaces};

/// Where rules name a group.
const NAMED_IN: [(Direction, &str); 2] =
    [(Direction::Ingress, "ip-permission.group-id"), (Direction::Egress, "egress.ip-permission.group-id")];

/// Deletes the group. When something holds it, takes back the rules of this stack's groups that name it and tries
/// again.
pub(super) async fn delete(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Progress, Fault> {
    match try_delete(aws, &live.id).await {
        Err(fault) if fault.cause == Cause::InUse && release(aws, live).await? => try_delete(aws, &live.id).await,
        answer => answer,
    }
}

async fn try_delete(aws: &Aws, id: &str) -> Result<Progress, Fault> {
    let call = aws.ec2().delete_security_group().group_id(id);
    call.send().await.map_err(fault("ec2:DeleteSecurityGroup"))?;
    Ok(Progress::Done)
}

/// Whether rules of this stack's groups were taken back.
async fn release(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<bool, Fault> {
    let mut has_released = false;
    for (direction, group) in naming(aws, live).await? {
        if group.tags.get(STACK_TAG) == live.tags.get(STACK_TAG) {
            let rules = group.spec.rules(direction).iter();
            let rules: Vec<Rule> = rules.filter(|rule| rule.group() == Some(&live.id)).cloned().collect();
            Rules { aws, group: &group.id, direction }.revoke(&rules).await?;
            has_released = true;
        }
    }
    Ok(has_released)
}

/// The groups with rules that name a group, itself left out.
async fn naming(
    aws: &Aws,
    live: &Found<SecurityGroupSpec>,
) -> Result<Vec<(Direction, Found<SecurityGroupSpec>)>, Fault> {
    let mut found = Vec::new();
    for (direction, filter) in NAMED_IN {
        let groups = describe(aws, Filter::builder().name(filter).values(&live.id).build()).await?;
        found.extend(groups.into_iter().filter(|group| group.id != live.id).map(|group| (direction, group)));
    }
    Ok(found)
}

/// Rules of groups that are not this stack's, by id, and network interfaces that carry the group.
pub(super) async fn blockers(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Vec<Blocker>, Fault> {
    let groups: BTreeMap<String, Found<SecurityGroupSpec>> =
        naming(aws, live).await?.into_iter().map(|(_, group)| (group.id.clone(), group)).collect();
    let mut blockers = Vec::new();
    for (id, group) in groups {
        let rules = rules_naming(aws, &id, &live.id).await?;
        let name = group.spec.group_name.as_deref().unwrap_or_default();
        let what = match rules.len() {
            1 => format!("rule {} of security group {id} ({name})", rules[0]),
            _ => format!("rules {} of security group {id} ({name})", rules.join(", ")),
        };
        let stack = live.tags.get(STACK_TAG).map_or("", String::as_str);
        blockers.push(Blocker::new(what, Fate::of(&group.tags, stack)));
    }
    blockers.extend(interfaces::holders(aws, "group-id", &live.id, &live.tags).await?);
    Ok(blockers)
}

/// The ids of the rules of `group` that name `other`.
async fn rules_naming(aws: &Aws, group: &str, other: &str) -> Result<Vec<String>, Fault> {
    let filter = Filter::builder().name("group-id").values(group).build();
    let pages = aws.ec2().describe_security_group_rules().filters(filter).into_paginator().items().send();
    let rules = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeSecurityGroupRules"))?;
    let named = rules
        .iter()
        .filter(|rule| rule.referenced_group_info().and_then(|referenced| referenced.group_id()) == Some(other));
    Ok(named.filter_map(|rule| rule.security_group_rule_id().map(str::to_owned)).collect())
}
