//! Deleting a security group, and finding out who does not let go of it.

use aws_sdk_ec2::types::Filter;

use super::calls::{Rules, describe};
use super::rule::{Direction, Rule};
use super::spec::SecurityGroupSpec;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{Found, Progress, STACK_TAG, interfaces};

/// Deletes the group. When something holds it: takes back the rules of this stack's groups that name it, or says
/// what holds it.
pub(super) async fn delete(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Progress, Fault> {
    let refused = match try_delete(aws, &live.id).await {
        Err(fault) if fault.cause == Cause::InUse => fault,
        answer => return answer,
    };
    let users = release(aws, live).await?;
    if users.has_released {
        match try_delete(aws, &live.id).await {
            Err(fault) if fault.cause == Cause::InUse => {}
            answer => return answer,
        }
    }
    let mut holders = users.others;
    holders.extend(interfaces::holders(aws, "group-id", &live.id).await?);
    Ok(Progress::Waiting(match holders[..] {
        [] => refused.message,
        _ => format!("held by {}", holders.join(", ")),
    }))
}

async fn try_delete(aws: &Aws, id: &str) -> Result<Progress, Fault> {
    let call = aws.ec2().delete_security_group().group_id(id);
    call.send().await.map_err(fault("ec2:DeleteSecurityGroup"))?;
    Ok(Progress::Done)
}

/// The groups with rules that name a group.
struct Users {
    /// Whether rules were taken back.
    has_released: bool,
    /// Those that are not this stack's, which stay as they are.
    others: Vec<String>,
}

async fn release(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Users, Fault> {
    let mut users = Users { has_released: false, others: Vec::new() };
    let directions =
        [(Direction::Ingress, "ip-permission.group-id"), (Direction::Egress, "egress.ip-permission.group-id")];
    for (direction, filter) in directions {
        let filter = Filter::builder().name(filter).values(&live.id).build();
        let groups = describe(aws, filter).await?;
        for group in groups.iter().filter(|group| group.id != live.id) {
            if group.tags.get(STACK_TAG) != live.tags.get(STACK_TAG) {
                let name = group.spec.group_name.as_deref().unwrap_or_default();
                let other = format!("rules of security group {} ({name}), which is not this stack's", group.id);
                if !users.others.contains(&other) {
                    users.others.push(other);
                }
                continue;
            }
            let rules = naming(group, direction, &live.id);
            Rules { aws, group: &group.id, direction }.revoke(&rules).await?;
            users.has_released = true;
        }
    }
    Ok(users)
}

/// The rules of `group` that name `other`.
fn naming(group: &Found<SecurityGroupSpec>, direction: Direction, other: &str) -> Vec<Rule> {
    let rules = group.spec.rules(direction).iter();
    rules.filter(|rule| rule.group() == Some(other)).cloned().collect()
}
