//! Answers that several kinds read from, asked for once a survey.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{EntityType, RoleDetail};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use tokio::sync::OnceCell;

use crate::address::Address;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{KINDS, RESOURCE_TAG, STACK_TAG};

/// Answers that several kinds read from.
#[derive(Debug, Default)]
pub struct Shared {
    /// The one declared object that is asked about; the whole stack when absent.
    only: Option<Address>,
    tagged: OnceCell<Vec<TaggedArn>>,
    roles: OnceCell<Vec<RoleDetail>>,
}

/// An object that carries our stack's tag.
#[derive(Debug, Clone)]
pub struct TaggedArn {
    pub arn: String,
    pub tags: BTreeMap<String, String>,
}

impl TaggedArn {
    /// Whether it is of a type such as `ec2:subnet`.
    pub fn is_a(&self, wanted: &str) -> bool {
        let mut parts = self.arn.splitn(6, ':');
        let (service, resource) = (parts.nth(2).unwrap_or_default(), parts.nth(2).unwrap_or_default());
        wanted.split_once(':') == Some((service, resource.split(['/', ':']).next().unwrap_or_default()))
    }
}

/// The types of objects that kinds name.
fn types() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|kind| kind.about().tagged_as.into_iter().chain(kind.about().also_tagged.iter().copied()))
}

impl Shared {
    /// For who looks for one object, and has no use for the rest of the stack.
    pub fn about(address: &Address) -> Self {
        Self { only: Some(address.clone()), ..Self::default() }
    }

    /// Everything that carries the stack's tag, of the types that kinds name; IAM's objects are not told of by tag.
    /// The tagging service lags behind by seconds; whoever needs certainty asks the service itself for what is missing
    /// here.
    pub async fn tagged(&self, aws: &Aws, stack: &str) -> Result<&[TaggedArn], Fault> {
        let tagged = self.tagged.get_or_try_init(|| async {
            let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
            let of_one = self.only.iter().map(|address| filter(RESOURCE_TAG, &address.to_string()));
            let filters = [filter(STACK_TAG, stack)].into_iter().chain(of_one).collect();
            let pages = aws
                .tagging()
                .get_resources()
                .set_tag_filters(Some(filters))
                .set_resource_type_filters(Some(types().map(str::to_owned).collect()))
                .resources_per_page(100)
                .into_paginator()
                .items()
                .send();
            let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("tag:GetResources"))?;
            Ok(found
                .into_iter()
                .map(|one| TaggedArn {
                    arn: one.resource_arn.unwrap_or_default(),
                    tags: one.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
                })
                .collect())
        });
        tagged.await.map(Vec::as_slice)
    }

    /// Every role of the account with its policies, tags and instance profiles: one paged call instead of four a
    /// role.
    pub async fn roles(&self, aws: &Aws) -> Result<&[RoleDetail], Fault> {
        let roles = self.roles.get_or_try_init(|| async {
            let mut roles = Vec::new();
            let mut pages = aws
                .iam()
                .get_account_authorization_details()
                .filter(EntityType::Role)
                .max_items(1000)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(fault("iam:GetAccountAuthorizationDetails"))?;
                roles.extend(page.role_detail_list.unwrap_or_default());
            }
            Ok(roles)
        });
        roles.await.map(Vec::as_slice)
    }
}
