//! A security group with its rules.
//!
//! Rules are owned whole: one that is not declared is revoked, the rule that AWS gives every new group for everything
//! outbound included. They compare one by one in a canonical form (`rule.rs`), so neither order nor how EC2 groups
//! them shows. What is new is authorised before what is old is revoked.

mod accept;
mod calls;
mod delete;
mod lower;
pub(crate) mod rule;
mod spec;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::rule::{IpProtocol, Rule};
pub use self::spec::SecurityGroupSpec;
use super::{About, Attributes, Blocker, Changed, Found, Kind, Place, Progress, Scope, Target, is_open};
use crate::aws::{Aws, Fault};

#[derive(Debug)]
pub struct SecurityGroup;

impl Kind for SecurityGroup {
    type Spec = SecurityGroupSpec;

    const ABOUT: About = About {
        kind: "SecurityGroup",
        summary: "Which packets network interfaces let in and out, by protocol, port and where they are from.",
        id_prefix: Some("sg-"),
        attributes: &[("id", "The id: sg-…"), ("name", "The name, unique in the VPC"), ("arn", "The ARN")],
        replace: &["groupName", "description", "vpcId"],
        // Absent it is the name of the document, which the key of the object compares.
        unmanaged: &["groupName"],
        held_by_users: true,
        // `delete.rs` revokes the rules that name a group.
        lets_go_of: &["SecurityGroup"],
        tagged_as: Some("ec2:security-group"),
        instead_of_itself: Some("for packets of the group's own members, write self: true in the rule"),
        calls: &[
            "ec2:CreateSecurityGroup",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeInstances",
            "ecs:ListClusters",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ec2:DescribeSecurityGroupRules",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:DeleteSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        // Network interfaces of tasks and load balancers outlive them by many minutes.
        patience_minutes: 20,
        ..About::DEFAULT
    };

    fn accept(spec: &mut Value) -> Vec<String> {
        accept::accept(spec)
    }

    fn normalise(spec: &mut SecurityGroupSpec, place: &Place) {
        spec.normalise(&place.account);
    }

    fn foretell(name: &str, spec: &SecurityGroupSpec, _: &Place) -> Attributes {
        Attributes::from([("name".to_owned(), spec.name(name).to_owned())])
    }

    fn key(name: &str, spec: &SecurityGroupSpec, _: &Place) -> Option<String> {
        (!is_open(&spec.vpc_id)).then(|| spec::key(&spec.vpc_id, spec.name(name)))
    }

    async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<SecurityGroupSpec>>, Fault> {
        calls::read(aws, scope).await
    }

    async fn create(aws: &Aws, target: &Target<SecurityGroupSpec>) -> Result<String, Fault> {
        calls::create(aws, target).await
    }

    async fn update(
        aws: &Aws,
        target: &Target<SecurityGroupSpec>,
        live: &Found<SecurityGroupSpec>,
        changed: &Changed,
    ) -> Result<Progress, Fault> {
        calls::update(aws, target, live, changed).await
    }

    async fn delete(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Progress, Fault> {
        delete::delete(aws, live).await
    }

    async fn blockers(aws: &Aws, live: &Found<SecurityGroupSpec>) -> Result<Vec<Blocker>, Fault> {
        delete::blockers(aws, live).await
    }

    async fn retag(
        aws: &Aws,
        live: &Found<SecurityGroupSpec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        crate::aws::ec2::retag(aws, &live.id, set, remove).await
    }
}
