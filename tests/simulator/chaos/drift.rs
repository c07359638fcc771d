//! What others do to an account: to the stack's objects behind farpost's back, and to objects of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_ec2::types::{AttributeBooleanValue, IpPermission, IpRange, ResourceType, Tag, TagSpecification};
use farpost::aws::Aws;
use fastrand::Rng;
use serde_json::Value;

use super::model::tag;
use crate::simulator::account::Account;
use crate::simulator::inventory::{Item, items};

/// What belongs to nobody, or to somebody else, and must stay as it is.
#[derive(Debug)]
pub(crate) struct Foreign(BTreeMap<(String, String), String>);

impl Foreign {
    /// Plants objects that look like the stack's, but are not.
    pub(crate) async fn plant(account: &Account, aws: &Aws) -> Self {
        let tagged = |kind: ResourceType, stack: &str| {
            let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
            TagSpecification::builder()
                .resource_type(kind)
                .tags(tag("farpost/stack", stack))
                .tags(tag("farpost/resource", "Vpc/vpc0"))
                .tags(tag("site", "1"))
                .build()
        };
        let call = aws.ec2().create_vpc().cidr_block("10.0.0.0/16");
        let vpc = call.tag_specifications(tagged(ResourceType::Vpc, "chaos-2")).send().await.unwrap();
        let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
        aws.ec2().create_subnet().vpc_id(&vpc).cidr_block("10.0.1.0/24").send().await.unwrap();
        let group = aws.ec2().create_security_group().vpc_id(&vpc).group_name("securitygroup9").description("d");
        group.send().await.unwrap();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        aws.iam().create_role().role_name("role9").assume_role_policy_document(trust).send().await.unwrap();
        aws.ecs().create_cluster().cluster_name("cluster9").send().await.unwrap();
        aws.logs().create_log_group().log_group_name("/chaos/loggroup9").send().await.unwrap();
        let planted = items(&account.content());
        Self(planted.into_iter().map(|item| ((item.collection, item.id), item.content.to_string())).collect())
    }

    /// Every planted object is there, as it was byte for byte.
    pub(crate) fn check(&self, account: &Account) -> Result<(), String> {
        let now: BTreeMap<(String, String), String> = items(&account.content())
            .into_iter()
            .map(|item| ((item.collection, item.id), item.content.to_string()))
            .collect();
        for (key, was) in &self.0 {
            match now.get(key) {
                None => return Err(format!("{key:?}, which is somebody else's, is gone")),
                Some(is) if is != was => return Err(format!("{key:?} is somebody else's, and was\n{was}, is\n{is}")),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Somebody changes one of the stack's objects; what, for the story. None when nothing fits.
pub(crate) async fn meddle(account: &Account, aws: &Arc<Aws>, chance: &mut Rng) -> Option<String> {
    let all = items(&account.content());
    let ours: Vec<&Item> = all.iter().filter(|item| tag(item, "farpost/stack").as_deref() == Some("chaos")).collect();
    if ours.is_empty() {
        return None;
    }
    let item = ours[chance.usize(..ours.len())];
    let (id, one) = (item.id.as_str(), &item.content);
    let owner = item.owner.clone().unwrap_or_default();
    let said = |what: &str| Some(format!("{what} {owner}"));
    // What fails because of something else is no drift.
    match item.collection.as_str() {
        "ec2/vpcs" => {
            let names = AttributeBooleanValue::builder().value(chance.bool()).build();
            aws.ec2().modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(names).send().await.ok()?;
            said("names of")
        }
        "ec2/subnets" | "ec2/internet_gateways" => {
            let tag = Tag::builder().key("site").value("elsewhere").build();
            aws.ec2().create_tags().resources(id).tags(tag).send().await.ok()?;
            said("tag of")
        }
        "ec2/security_groups" => {
            let range = IpRange::builder().cidr_ip("192.0.2.0/24").build();
            let rule = IpPermission::builder().ip_protocol("udp").from_port(53).to_port(53).ip_ranges(range).build();
            aws.ec2().authorize_security_group_ingress().group_id(id).ip_permissions(rule).send().await.ok()?;
            said("a rule more of")
        }
        "ec2/route_tables" => {
            let call = aws.ec2().delete_route().route_table_id(id).destination_cidr_block("0.0.0.0/0");
            call.send().await.ok()?;
            said("a route less of")
        }
        "ec2/instances" => {
            aws.ec2().terminate_instances().instance_ids(id).send().await.ok()?;
            said("the end of")
        }
        "ec2/key_pairs" => {
            aws.ec2().delete_key_pair().key_pair_id(id).send().await.ok()?;
            said("the end of")
        }
        "iam/roles" if chance.bool() => {
            aws.iam().delete_role_policy().role_name(text(one, "name")).policy_name("p").send().await.ok()?;
            said("no policy in")
        }
        "iam/roles" => {
            let arn = "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess";
            aws.iam().attach_role_policy().role_name(text(one, "name")).policy_arn(arn).send().await.ok()?;
            said("a policy more of")
        }
        "logs/groups" if chance.bool() => {
            aws.logs().delete_log_group().log_group_name(id).send().await.ok()?;
            said("the end of")
        }
        "logs/groups" => {
            aws.logs().put_retention_policy().log_group_name(id).retention_in_days(365).send().await.ok()?;
            said("retention of")
        }
        "ecs/clusters/services" => {
            let cluster = text(one, "cluster_arn");
            aws.ecs().update_service().cluster(cluster).service(id).desired_count(3).send().await.ok()?;
            said("count of")
        }
        "ecs/families/revisions" => {
            let arn = text(&one["value"], "taskDefinitionArn");
            aws.ecs().deregister_task_definition().task_definition(arn).send().await.ok()?;
            said("the end of")
        }
        "ssm/activations" => {
            aws.ssm().delete_activation().activation_id(id).send().await.ok()?;
            said("the end of")
        }
        _ => None,
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}
