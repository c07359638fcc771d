//! The calls that a security group needs while it exists.

use aws_sdk_ec2::types::{Filter, IpPermission, ResourceType};

use super::lower::{lower, permission};
use super::rule::{Direction, Rule, RuleChanges};
use super::spec::SecurityGroupSpec;
use crate::aws::ec2::{filter, tag_specification};
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{Changed, Found, Progress, Purpose, Scope, Target};

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<SecurityGroupSpec>>, Fault> {
    let mut found = describe(aws, filter(scope, "group-id")).await?;
    if matches!(scope.purpose, Purpose::Settle(_)) {
        return Ok(found);
    }
    let unseen: Vec<&str> = scope.unseen(&found).into_iter().filter_map(|wanted| wanted.key.as_deref()).collect();
    let mut vpcs: Vec<String> = unseen.iter().filter_map(|key| Some(key.split_once('/')?.0.to_owned())).collect();
    vpcs.sort();
    vpcs.dedup();
    if !vpcs.is_empty() {
        // All groups of the VPC: a filter by name would tell upper and lower case apart, and names do not.
        let filter = Filter::builder().name("vpc-id").set_values(Some(vpcs)).build();
        let named = describe(aws, filter).await?;
        found.extend(named.into_iter().filter(|one| one.key.as_deref().is_some_and(|key| unseen.contains(&key))));
    }
    Ok(found)
}

/// Groups with their rules, by a filter.
pub(super) async fn describe(aws: &Aws, filter: Filter) -> Result<Vec<Found<SecurityGroupSpec>>, Fault> {
    let pages = aws.ec2().describe_security_groups().filters(filter).into_paginator().items().send();
    let groups = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeSecurityGroups"))?;
    Ok(groups.iter().map(lower).collect())
}

pub(super) async fn create(aws: &Aws, target: &Target<SecurityGroupSpec>) -> Result<String, Fault> {
    let full = &target.full;
    let call = || {
        aws.ec2()
            .create_security_group()
            .group_name(full.name(&target.address.name))
            .description(full.description.as_deref().unwrap_or(super::spec::DESCRIPTION))
            .vpc_id(&full.vpc_id)
            .tag_specifications(tag_specification(ResourceType::SecurityGroup, &target.tags))
    };
    let answer = aws.eventually(|| async { call().send().await.map_err(fault("ec2:CreateSecurityGroup")) }).await?;
    Ok(answer.group_id().unwrap_or_default().to_owned())
}

pub(super) async fn update(
    aws: &Aws,
    target: &Target<SecurityGroupSpec>,
    live: &Found<SecurityGroupSpec>,
    _: &Changed,
) -> Result<Progress, Fault> {
    for direction in [Direction::Ingress, Direction::Egress] {
        let changes = RuleChanges::between(target.full.rules(direction), live.spec.rules(direction));
        let rules = Rules { aws, group: &live.id, direction };
        match rules.authorize(&changes.authorize).await {
            // No room for both at once: then there is a moment without.
            Err(fault) if fault.code == "RulesPerSecurityGroupLimitExceeded" && !changes.revoke.is_empty() => {
                rules.revoke(&changes.revoke).await?;
                if let Err(mut fault) = rules.authorize(&changes.authorize).await {
                    // Not even then: the old rules are better than none.
                    if let Err(second) = rules.authorize(&changes.revoke).await {
                        fault.message.push_str(&format!("; the old rules could not be put back: {second}"));
                    }
                    return Err(fault);
                }
            }
            answer => {
                answer?;
                rules.revoke(&changes.revoke).await?;
            }
        }
        rules.describe(&changes.describe).await?;
    }
    Ok(Progress::Done)
}

/// The rules of one group in one direction.
pub(super) struct Rules<'a> {
    pub(super) aws: &'a Aws,
    pub(super) group: &'a str,
    pub(super) direction: Direction,
}

impl Rules<'_> {
    /// One call for all; one a rule when some of them are there already, because then the call does nothing.
    pub(super) async fn authorize(&self, rules: &[Rule]) -> Result<(), Fault> {
        match self.send_authorize(rules).await {
            Err(fault) if is_there(&fault) => {}
            answer => return answer,
        }
        for rule in rules {
            match self.send_authorize(std::slice::from_ref(rule)).await {
                Err(fault) if is_there(&fault) => {}
                answer => answer?,
            }
        }
        Ok(())
    }

    /// As [`Rules::authorize`], for rules that are gone already.
    pub(super) async fn revoke(&self, rules: &[Rule]) -> Result<(), Fault> {
        match self.send_revoke(rules).await {
            Err(fault) if is_gone(&fault) => {}
            answer => return answer,
        }
        for rule in rules {
            match self.send_revoke(std::slice::from_ref(rule)).await {
                Err(fault) if is_gone(&fault) => {}
                answer => answer?,
            }
        }
        Ok(())
    }

    async fn describe(&self, rules: &[Rule]) -> Result<(), Fault> {
        if rules.is_empty() {
            return Ok(());
        }
        let permissions = Some(self.permissions(rules));
        let ec2 = self.aws.ec2();
        match self.direction {
            Direction::Ingress => {
                let call = ec2.update_security_group_rule_descriptions_ingress().group_id(self.group);
                let answer = call.set_ip_permissions(permissions).send().await;
                answer.map(drop).map_err(fault("ec2:UpdateSecurityGroupRuleDescriptionsIngress"))
            }
            Direction::Egress => {
                let call = ec2.update_security_group_rule_descriptions_egress().group_id(self.group);
                let answer = call.set_ip_permissions(permissions).send().await;
                answer.map(drop).map_err(fault("ec2:UpdateSecurityGroupRuleDescriptionsEgress"))
            }
        }
    }

    async fn send_authorize(&self, rules: &[Rule]) -> Result<(), Fault> {
        if rules.is_empty() {
            return Ok(());
        }
        let permissions = &Some(self.permissions(rules));
        let ec2 = self.aws.ec2();
        let call = || async move {
            match self.direction {
                Direction::Ingress => {
                    let call = ec2.authorize_security_group_ingress().group_id(self.group);
                    let answer = call.set_ip_permissions(permissions.clone()).send().await;
                    answer.map(drop).map_err(fault("ec2:AuthorizeSecurityGroupIngress"))
                }
                Direction::Egress => {
                    let call = ec2.authorize_security_group_egress().group_id(self.group);
                    let answer = call.set_ip_permissions(permissions.clone()).send().await;
                    answer.map(drop).map_err(fault("ec2:AuthorizeSecurityGroupEgress"))
                }
            }
        };
        // The group itself or one that a rule names may be new.
        self.aws.eventually(call).await
    }

    async fn send_revoke(&self, rules: &[Rule]) -> Result<(), Fault> {
        if rules.is_empty() {
            return Ok(());
        }
        // The description is no part of which rule it is.
        let rules: Vec<Rule> = rules.iter().map(Rule::identity).collect();
        let permissions = Some(self.permissions(&rules));
        let ec2 = self.aws.ec2();
        match self.direction {
            Direction::Ingress => {
                let call = ec2.revoke_security_group_ingress().group_id(self.group).set_ip_permissions(permissions);
                call.send().await.map(drop).map_err(fault("ec2:RevokeSecurityGroupIngress"))
            }
            Direction::Egress => {
                let call = ec2.revoke_security_group_egress().group_id(self.group).set_ip_permissions(permissions);
                call.send().await.map(drop).map_err(fault("ec2:RevokeSecurityGroupEgress"))
            }
        }
    }

    fn permissions(&self, rules: &[Rule]) -> Vec<IpPermission> {
        rules.iter().map(|rule| permission(rule, self.group)).collect()
    }
}

fn is_there(fault: &Fault) -> bool {
    fault.code == "InvalidPermission.Duplicate"
}

fn is_gone(fault: &Fault) -> bool {
    // Another group may have gone with its rules since it was read.
    matches!(fault.code.as_str(), "InvalidPermission.NotFound" | "InvalidGroup.NotFound")
}
