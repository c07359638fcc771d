//! Reading instances, in as few calls as the purpose allows.

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::describe_instance_attribute::DescribeInstanceAttributeOutput;
use aws_sdk_ec2::types::{Filter, Instance, InstanceAttributeName, Volume};
use futures_util::future::try_join_all;

use super::lower::{as_launched, credits, fill_user_data, lower, shutdown_behavior, volumes};
use super::spec::{CreditSpecification, InstanceSpec};
use super::{agent, remembered};
use crate::aws::ec2::filter;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::iam::name_of;
use crate::kinds::{Found, HASH_TAG, Owner, Purpose, Readiness, Scope};

/// Values that one filter takes.
const FILTER_VALUES: usize = 200;
/// Instances that one question for credits takes.
const CREDITS: usize = 1000;

/// An instance, as far as it is known, and what is wanted of it.
struct Look<'a> {
    instance: &'a Instance,
    found: Found<InstanceSpec>,
    wanted: Option<InstanceSpec>,
}

/// What one call tells of many instances.
struct Together {
    volumes: Vec<Volume>,
    credits: BTreeMap<String, CreditSpecification>,
}

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<InstanceSpec>>, Fault> {
    let mut states = vec!["pending", "running", "stopping", "stopped"];
    if let Purpose::Settle(_) = scope.purpose {
        states.push("shutting-down");
        // An instance that was just launched and ended tells why; one that is being deleted is gone.
        states.extend(scope.wanted.first().map(|_| "terminated"));
    }
    let states = states.into_iter().map(str::to_owned).collect();
    let state = Filter::builder().name("instance-state-name").set_values(Some(states)).build();
    let reservations = aws
        .ec2()
        .describe_instances()
        .filters(filter(scope, "instance-id"))
        .filters(state)
        .into_paginator()
        .items()
        .send();
    let reservations = reservations.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeInstances"))?;
    let looks: Vec<Look<'_>> = reservations
        .iter()
        .flat_map(|reservation| reservation.instances())
        .map(|instance| {
            let found = lower(instance, scope.place);
            let wanted = match found.owner(&scope.place.stack) {
                Owner::Us(address) => scope.wanted.iter().find(|wanted| wanted.address == address),
                Owner::Stack(_) | Owner::Nobody => None,
            };
            let wanted = wanted.and_then(|wanted| serde_json::from_value(wanted.spec.clone()).ok());
            Look { instance, found, wanted }
        })
        .collect();
    let together = together(aws, scope.purpose, &looks).await?;
    try_join_all(looks.into_iter().map(|look| look.finish(aws, scope, &together))).await
}

/// Volumes and credits of all instances for which they count.
async fn together(aws: &Aws, purpose: Purpose<'_>, looks: &[Look<'_>]) -> Result<Together, Fault> {
    let is_deep = purpose == Purpose::Deep;
    let ids = |counts: fn(&InstanceSpec) -> bool, applies: &dyn Fn(&Look<'_>) -> bool| -> Vec<String> {
        let asked =
            looks.iter().filter(|look| !look.has_ended() && (is_deep || look.wanted.as_ref().is_some_and(counts)));
        asked.filter(|look| applies(look)).map(|look| look.found.id.clone()).collect()
    };
    let with_volumes =
        ids(|wanted| wanted.block_device_mappings.is_some(), &|look| !look.takes_declared_volumes(purpose));
    // Types that do not burst have no credits.
    let bursts = |look: &Look<'_>| look.found.spec.instance_type.starts_with('t');
    let with_credits = ids(|wanted| wanted.credit_specification.is_some(), &bursts);
    let (volumes, credits) = tokio::try_join!(volumes_of(aws, &with_volumes), credits_of(aws, &with_credits))?;
    Ok(Together { volumes, credits })
}

async fn volumes_of(aws: &Aws, instances: &[String]) -> Result<Vec<Volume>, Fault> {
    let mut found = Vec::new();
    for some in instances.chunks(FILTER_VALUES) {
        let filter = Filter::builder().name("attachment.instance-id").set_values(Some(some.to_vec())).build();
        let pages = aws.ec2().describe_volumes().filters(filter).into_paginator().items().send();
        found.extend(pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeVolumes"))?);
    }
    Ok(found)
}

async fn credits_of(aws: &Aws, instances: &[String]) -> Result<BTreeMap<String, CreditSpecification>, Fault> {
    const OPERATION: &str = "ec2:DescribeInstanceCreditSpecifications";
    let mut found = BTreeMap::new();
    for some in instances.chunks(CREDITS) {
        let call = || aws.ec2().describe_instance_credit_specifications().set_instance_ids(Some(some.to_vec())).send();
        let answer = aws.eventually(|| async { call().await.map_err(fault(OPERATION)) }).await?;
        found.extend(
            answer
                .instance_credit_specifications()
                .iter()
                .filter_map(|one| Some((one.instance_id()?.to_owned(), credits(one.cpu_credits()?)))),
        );
    }
    Ok(found)
}

impl Look<'_> {
    fn has_ended(&self) -> bool {
        matches!(self.found.detail["state"].as_str(), Some("shutting-down" | "terminated"))
    }

    /// Whether somebody may have changed its user data since it was launched: that takes a stop.
    fn has_rested(&self) -> bool {
        let first = self.instance.network_interfaces().iter().filter_map(|card| card.attachment());
        let attached = first.filter(|one| one.device_index() == Some(0)).find_map(|one| one.attach_time());
        let is_up = matches!(self.found.detail["state"].as_str(), Some("pending" | "running"));
        // The first interface is as old as the instance; the launch time is that of the last start.
        !is_up || attached.zip(self.instance.launch_time()).is_none_or(|(first, last)| last.secs() > first.secs())
    }

    /// The wanted spec, where the instance was launched from it.
    fn launched_from(&self) -> Option<&InstanceSpec> {
        let hash = self.found.tags.get(HASH_TAG);
        self.wanted.as_ref().filter(|wanted| hash == Some(&wanted.digest()))
    }

    /// Whether its volumes are those that were asked for at its launch without a look at them: while somebody waits
    /// for it, and while it starts, when AWS may not list them yet.
    fn takes_declared_volumes(&self, purpose: Purpose<'_>) -> bool {
        let is_starting = self.found.detail["state"] == "pending";
        (is_starting || matches!(purpose, Purpose::Settle(_))) && self.launched_from().is_some()
    }

    async fn finish(mut self, aws: &Aws, scope: &Scope<'_>, together: &Together) -> Result<Found<InstanceSpec>, Fault> {
        if self.has_ended() {
            return Ok(self.found);
        }
        self.name_profile();
        self.fill_what_launch_decided(aws, scope.purpose, together).await?;
        self.found.spec.credit_specification = together.credits.get(&self.found.id).cloned();
        self.fill_readiness(aws, scope).await?;
        self.fill_attributes(aws, scope.purpose).await?;
        Ok(self.found)
    }

    /// A profile that is wanted by name is compared by name.
    fn name_profile(&mut self) {
        let wanted = self.wanted.as_ref().and_then(|wanted| wanted.iam_instance_profile.as_deref());
        if wanted.is_none_or(|wanted| !wanted.starts_with("arn:")) {
            let profile = self.found.spec.iam_instance_profile.take();
            self.found.spec.iam_instance_profile = profile.map(|arn| name_of(&arn).to_owned());
        }
    }

    /// What was asked for at the launch has its digest in a tag. While the digests agree, what cannot have changed
    /// since is not read again.
    async fn fill_what_launch_decided(
        &mut self,
        aws: &Aws,
        purpose: Purpose<'_>,
        together: &Together,
    ) -> Result<(), Fault> {
        let is_deep = purpose == Purpose::Deep;
        let has_rested = self.has_rested();
        let as_wanted = self.launched_from().cloned();
        let mut devices = volumes(&self.found.id, &together.volumes);
        // No instance that runs has none: those of one that was just launched may not be listed yet.
        let are_declared = self.takes_declared_volumes(purpose) || devices.is_empty();
        let found = &mut self.found;
        found.spec.block_device_mappings = match &as_wanted {
            Some(wanted) if are_declared => wanted.block_device_mappings.clone(),
            wanted => {
                let asked = wanted.as_ref().and_then(|wanted| wanted.block_device_mappings.as_deref());
                as_launched(&mut devices, asked.unwrap_or_default());
                Some(devices).filter(|devices| !devices.is_empty())
            }
        };
        let as_wanted = as_wanted.as_ref();
        match as_wanted.filter(|_| !is_deep && !has_rested) {
            Some(wanted) => {
                found.spec.ecs_config = wanted.ecs_config.clone();
                found.spec.user_data = wanted.user_data.clone();
            }
            None => {
                let answer = attribute(aws, &found.id, InstanceAttributeName::UserData).await?;
                fill_user_data(&mut found.spec, answer.user_data().and_then(|data| data.value()));
            }
        }
        if let Some(wanted) = as_wanted.filter(|_| !is_deep) {
            found.spec.associate_public_ip_address = wanted.associate_public_ip_address;
        }
        Ok(())
    }

    /// Whether it takes tasks, when somebody waits for it, or did until that run ended.
    async fn fill_readiness(&mut self, aws: &Aws, scope: &Scope<'_>) -> Result<(), Fault> {
        let found = &mut self.found;
        let is_waited_for = matches!(scope.purpose, Purpose::Settle(_))
            || matches!(found.owner(&scope.place.stack), Owner::Us(address) if aws.is_unfinished(&address));
        if let (true, Some(_), Readiness::Ready) = (is_waited_for, &self.wanted, &found.readiness)
            && let Some(cluster) = found.spec.cluster()
            && found.detail["state"] == "running"
        {
            let container_instance = agent::find(aws, cluster, &found.id).await?;
            let launched = self.instance.launch_time().map_or(i64::MAX, |time| time.secs());
            found.readiness = agent::readiness(cluster, container_instance.as_ref(), launched);
            let arn = container_instance.and_then(|one| one.container_instance_arn);
            found.attributes.extend(arn.map(|arn| ("containerInstanceArn".to_owned(), arn)));
        }
        Ok(())
    }

    /// What costs a call each. A last look asks for all, because a close look may have found any of them.
    async fn fill_attributes(&mut self, aws: &Aws, purpose: Purpose<'_>) -> Result<(), Fault> {
        let found = &mut self.found;
        let is_last = matches!(purpose, Purpose::Settle(_)) && found.readiness == Readiness::Ready;
        let asked = match &self.wanted {
            Some(_) if purpose == Purpose::Deep || is_last => remembered::all(),
            Some(wanted) => &remembered::apart_from_default(wanted) | &remembered::named(&found.tags),
            None => remembered::Names::new(),
        };
        if asked.contains("disableApiTermination") {
            let answer = attribute(aws, &found.id, InstanceAttributeName::DisableApiTermination).await?;
            found.spec.disable_api_termination = answer.disable_api_termination().and_then(|value| value.value());
        }
        if asked.contains("disableApiStop") {
            let answer = attribute(aws, &found.id, InstanceAttributeName::DisableApiStop).await?;
            found.spec.disable_api_stop = answer.disable_api_stop().and_then(|value| value.value());
        }
        if asked.contains("instanceInitiatedShutdownBehavior") {
            let answer = attribute(aws, &found.id, InstanceAttributeName::InstanceInitiatedShutdownBehavior).await?;
            let value = answer.instance_initiated_shutdown_behavior().and_then(|value| value.value());
            found.spec.instance_initiated_shutdown_behavior = value.map(shutdown_behavior);
        }
        Ok(())
    }
}

async fn attribute(aws: &Aws, id: &str, name: InstanceAttributeName) -> Result<DescribeInstanceAttributeOutput, Fault> {
    let call = || aws.ec2().describe_instance_attribute().instance_id(id).attribute(name.clone()).send();
    aws.eventually(|| async { call().await.map_err(fault("ec2:DescribeInstanceAttribute")) }).await
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::InstanceState;
    use aws_sdk_ec2::types::InstanceStateName::{self, Pending, Running};

    use super::*;
    use crate::kinds::Place;

    #[test]
    fn declared_volumes_stand_for_those_of_an_instance_that_starts() {
        let place = Place { account: "123456789012".into(), region: "us-west-2".into(), stack: "store".into() };
        let takes = |state: InstanceStateName, purpose: Purpose<'_>, is_launched_from_it: bool| {
            let state = InstanceState::builder().name(state).build();
            let instance = Instance::builder().instance_id("i-1").state(state).build();
            let mut found = lower(&instance, &place);
            let wanted = found.spec.clone();
            let hash = if is_launched_from_it { wanted.digest() } else { "another".to_owned() };
            found.tags.insert(HASH_TAG.to_owned(), hash);
            Look { instance: &instance, found, wanted: Some(wanted) }.takes_declared_volumes(purpose)
        };
        assert!(takes(Pending, Purpose::Survey, true));
        assert!(!takes(Pending, Purpose::Survey, false));
        assert!(!takes(Running, Purpose::Survey, true));
        assert!(takes(Running, Purpose::Settle("i-1"), true));
        assert!(!takes(Running, Purpose::Settle("i-1"), false));
    }
}
