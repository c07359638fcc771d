//! An instance profile of the API in the manifest's words.

use aws_sdk_iam::types;

use super::spec::InstanceProfileSpec;
use crate::kinds::iam::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

pub(super) fn lower(profile: &types::InstanceProfile) -> Found<InstanceProfileSpec> {
    let name = profile.instance_profile_name().to_owned();
    Found {
        id: name.clone(),
        key: Some(name.to_lowercase()),
        attributes: Attributes::from([
            ("name".to_owned(), name.clone()),
            ("arn".to_owned(), profile.arn().to_owned()),
            ("id".to_owned(), profile.instance_profile_id().to_owned()),
        ]),
        spec: InstanceProfileSpec {
            instance_profile_name: Some(name),
            path: Some(profile.path().to_owned()),
            role: profile.roles().first().map(|role| role.role_name().to_owned()),
        },
        tags: tags_of(profile.tags()),
        readiness: Readiness::Ready,
        detail: serde_json::Value::Null,
    }
}
