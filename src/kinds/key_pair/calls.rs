//! The calls that a key pair needs.

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{Filter, ResourceType};

use super::lower::{key_pair_id, lower};
use super::spec::KeyPairSpec;
use crate::aws::ec2::{filter, tag_specification};
use crate::aws::{Aws, Fault, fault};
use crate::kinds::{Found, Progress, Purpose, Scope, Target};

/// How many values a filter takes.
const VALUES: usize = 200;

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<KeyPairSpec>>, Fault> {
    let mut found = describe(aws, filter(scope, "key-name")).await?;
    if let Purpose::Settle(name) = scope.purpose {
        // A filter reads * and ? as wildcards.
        found.retain(|one| one.id == name);
        return Ok(found);
    }
    let unseen: Vec<String> = scope.unseen(&found).into_iter().filter_map(|wanted| wanted.key.clone()).collect();
    for names in unseen.chunks(VALUES) {
        let filter = Filter::builder().name("key-name").set_values(Some(names.to_vec())).build();
        found.extend(describe(aws, filter).await?.into_iter().filter(|one| names.contains(&one.id)));
    }
    Ok(found)
}

/// Key pairs by a filter; unlike names, a filter that fits nothing is no error.
async fn describe(aws: &Aws, filter: Filter) -> Result<Vec<Found<KeyPairSpec>>, Fault> {
    let call = aws.ec2().describe_key_pairs().filters(filter).include_public_key(true);
    let answer = call.send().await.map_err(fault("ec2:DescribeKeyPairs"))?;
    Ok(answer.key_pairs().iter().map(lower).collect())
}

pub(super) async fn create(aws: &Aws, target: &Target<KeyPairSpec>) -> Result<String, Fault> {
    let name = target.full.name(&target.address.name);
    aws.ec2()
        .import_key_pair()
        .key_name(name)
        .public_key_material(Blob::new(target.full.public_key_material.as_bytes()))
        .tag_specifications(tag_specification(ResourceType::KeyPair, &target.tags))
        .send()
        .await
        .map_err(fault("ec2:ImportKeyPair"))?;
    Ok(name.to_owned())
}

/// By id, so that it is this key pair and not another of its name.
pub(super) async fn delete(aws: &Aws, live: &Found<KeyPairSpec>) -> Result<Progress, Fault> {
    let call = aws.ec2().delete_key_pair().key_pair_id(key_pair_id(live));
    call.send().await.map_err(fault("ec2:DeleteKeyPair"))?;
    Ok(Progress::Done)
}
