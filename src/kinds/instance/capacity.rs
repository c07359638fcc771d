//! What an Outpost that has no room offers, for whoever must choose another type.
//!
//! How many slots are free only the Outposts API and the Outpost's owner know; what EC2 tells is which types it offers
//! and what runs on it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, InstanceStateName, LocationType};

use crate::aws::{Aws, Cause, Fault, fault};

/// The same fault, with what the subnet's Outpost offers in words. What cannot be asked is left out.
pub(super) async fn in_words(aws: &Aws, subnet: &str, mut fault: Fault) -> Fault {
    if fault.cause == Cause::Capacity
        && let Ok(Some(told)) = offered(aws, subnet).await
    {
        fault.message = format!("{}; {told}", fault.message.trim_end_matches('.'));
    }
    fault
}

async fn offered(aws: &Aws, subnet: &str) -> Result<Option<String>, Fault> {
    let answer = aws.ec2().describe_subnets().filters(named("subnet-id", subnet)).send().await;
    let answer = answer.map_err(fault("ec2:DescribeSubnets"))?;
    let Some(outpost) = answer.subnets().first().and_then(|subnet| subnet.outpost_arn()) else { return Ok(None) };
    let types = aws.ec2().describe_instance_type_offerings().location_type(LocationType::Outpost);
    let types = types.filters(named("location", outpost)).into_paginator().items().send();
    let types = types.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeInstanceTypeOfferings"))?;
    let mut running: BTreeMap<&str, usize> = BTreeMap::new();
    for offering in &types {
        running.insert(offering.instance_type().map_or("", |name| name.as_str()), 0);
    }
    let there = aws.ec2().describe_instances().filters(named("outpost-arn", outpost)).into_paginator().items().send();
    let there = there.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeInstances"))?;
    for instance in there.iter().flat_map(|reservation| reservation.instances()) {
        let state = instance.state().and_then(|state| state.name());
        let has_slot = !matches!(state, Some(InstanceStateName::Terminated | InstanceStateName::Stopped));
        if let Some(count) = running.get_mut(instance.instance_type().map_or("", |name| name.as_str()))
            && has_slot
        {
            *count += 1;
        }
    }
    let each: Vec<String> = running.iter().map(|(name, count)| format!("{name} ({count} running)")).collect();
    Ok((!each.is_empty()).then(|| format!("the Outpost offers {}", each.join(", "))))
}

fn named(filter: &str, value: &str) -> Filter {
    Filter::builder().name(filter).values(value).build()
}
