//! Changing an instance in place. Each call makes what can be made now; what needs the instance stopped is done in
//! steps, each of which starts from what is there.

use aws_sdk_ec2::operation::modify_instance_attribute::builders::ModifyInstanceAttributeFluentBuilder as Modify;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, Filter, IamInstanceProfileAssociationState,
    InstanceCreditSpecificationRequest, InstanceMetadataEndpointState, InstanceMetadataProtocolState,
    InstanceMetadataTagsState,
};

use super::calls::{http_tokens, profile, sdk_credits, sdk_shutdown_behavior, toggle};
use super::spec::InstanceSpec;
use super::{agent, remembered};
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::iam::or_gone;
use crate::kinds::{Changed, Found, Progress, Target};

pub(super) async fn update(
    aws: &Aws,
    target: &Target<InstanceSpec>,
    live: &Found<InstanceSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let (full, id) = (&target.full, live.id.as_str());
    // While it starts, half of the calls are refused.
    if live.detail["state"] == "pending" {
        return Ok(Progress::Waiting("starting".to_owned()));
    }
    let mut memory = live.clone();
    let names = remembered::apart_from_default(full);
    remembered::remember(aws, &mut memory, &(&names | &remembered::named(&live.tags))).await?;
    for change in attribute_changes(full, changed) {
        let call = || change(aws.ec2().modify_instance_attribute().instance_id(id));
        aws.eventually(|| async { call().send().await.map_err(fault("ec2:ModifyInstanceAttribute")) }).await?;
    }
    change_interface(aws, live, full, changed).await?;
    remembered::remember(aws, &mut memory, &names).await?;
    if changed.has("metadataOptions") {
        change_metadata(aws, id, full).await?;
    }
    if changed.has("monitoring") {
        if full.monitoring == Some(true) {
            aws.ec2().monitor_instances().instance_ids(id).send().await.map_err(fault("ec2:MonitorInstances"))?;
        } else {
            aws.ec2().unmonitor_instances().instance_ids(id).send().await.map_err(fault("ec2:UnmonitorInstances"))?;
        }
    }
    if changed.has("creditSpecification") {
        change_credits(aws, id, full).await?;
    }
    if changed.has("iamInstanceProfile")
        && let Progress::Waiting(why) = change_profile(aws, live, full.iam_instance_profile.as_deref()).await?
    {
        return Ok(Progress::Waiting(why));
    }
    change_power(aws, target, live, changed).await
}

/// EC2 takes one attribute a call.
fn attribute_changes<'a>(
    full: &'a InstanceSpec,
    changed: &Changed,
) -> Vec<Box<dyn Fn(Modify) -> Modify + Send + Sync + 'a>> {
    let mut calls: Vec<Box<dyn Fn(Modify) -> Modify + Send + Sync>> = Vec::new();
    if changed.has("disableApiTermination") {
        calls.push(Box::new(|call| call.disable_api_termination(flag(full.disable_api_termination))));
    }
    if changed.has("disableApiStop") {
        calls.push(Box::new(|call| call.disable_api_stop(flag(full.disable_api_stop))));
    }
    if let Some(behavior) = full.instance_initiated_shutdown_behavior
        && changed.has("instanceInitiatedShutdownBehavior")
    {
        let value = AttributeValue::builder().value(sdk_shutdown_behavior(behavior).as_str()).build();
        calls.push(Box::new(move |call| call.instance_initiated_shutdown_behavior(value.clone())));
    }
    calls
}

/// What is of the interface that the instance was launched with. EC2 changes it by the instance only while that has no
/// other, and ECS attaches others for tasks.
async fn change_interface(
    aws: &Aws,
    live: &Found<InstanceSpec>,
    full: &InstanceSpec,
    changed: &Changed,
) -> Result<(), Fault> {
    const OPERATION: &str = "ec2:ModifyNetworkInterfaceAttribute";
    let of_interface = ["securityGroupIds", "sourceDestCheck"].iter().any(|field| changed.has(field));
    let Some(interface) = live.detail["interface"].as_str().filter(|_| of_interface) else { return Ok(()) };
    let call = || aws.ec2().modify_network_interface_attribute().network_interface_id(interface);
    if changed.has("securityGroupIds") {
        let call = || call().set_groups(full.security_group_ids.clone());
        aws.eventually(|| async { call().send().await.map_err(fault(OPERATION)) }).await?;
    }
    if changed.has("sourceDestCheck") {
        call().source_dest_check(flag(full.source_dest_check)).send().await.map_err(fault(OPERATION))?;
    }
    Ok(())
}

fn flag(value: Option<bool>) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(value.unwrap_or_default()).build()
}

pub(super) async fn allow_termination(aws: &Aws, id: &str) -> Result<(), Fault> {
    let call = aws.ec2().modify_instance_attribute().instance_id(id).disable_api_termination(flag(Some(false)));
    call.send().await.map_err(fault("ec2:ModifyInstanceAttribute"))?;
    Ok(())
}

async fn change_metadata(aws: &Aws, id: &str, full: &InstanceSpec) -> Result<(), Fault> {
    let Some(options) = &full.metadata_options else { return Ok(()) };
    let call = aws
        .ec2()
        .modify_instance_metadata_options()
        .instance_id(id)
        .set_http_tokens(options.http_tokens.map(http_tokens))
        .set_http_endpoint(options.http_endpoint.map(|state| InstanceMetadataEndpointState::from(toggle(state))))
        .set_http_put_response_hop_limit(options.http_put_response_hop_limit)
        .set_http_protocol_ipv6(
            options.http_protocol_ipv6.map(|state| InstanceMetadataProtocolState::from(toggle(state))),
        )
        .set_instance_metadata_tags(
            options.instance_metadata_tags.map(|state| InstanceMetadataTagsState::from(toggle(state))),
        );
    call.send().await.map_err(fault("ec2:ModifyInstanceMetadataOptions"))?;
    Ok(())
}

async fn change_credits(aws: &Aws, id: &str, full: &InstanceSpec) -> Result<(), Fault> {
    const OPERATION: &str = "ec2:ModifyInstanceCreditSpecification";
    let Some(credits) = &full.credit_specification else { return Ok(()) };
    let one = InstanceCreditSpecificationRequest::builder()
        .instance_id(id)
        .cpu_credits(sdk_credits(credits.cpu_credits))
        .build();
    let call = aws.ec2().modify_instance_credit_specification().instance_credit_specifications(one);
    let answer = call.send().await.map_err(fault(OPERATION))?;
    match answer.unsuccessful_instance_credit_specifications().first().and_then(|one| one.error()) {
        Some(error) => Err(Fault::found(OPERATION, Cause::Invalid, error.message().unwrap_or("refused"))),
        None => Ok(()),
    }
}

/// A running instance swaps its profile in one call; one that is stopped loses the old one first.
async fn change_profile(aws: &Aws, live: &Found<InstanceSpec>, name: Option<&str>) -> Result<Progress, Fault> {
    let id = live.id.as_str();
    let filter = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::builder().name(name).set_values(Some(values)).build()
    };
    let call = aws
        .ec2()
        .describe_iam_instance_profile_associations()
        .filters(filter("instance-id", &[id]))
        .filters(filter("state", &["associating", "associated", "disassociating"]));
    let answer = call.send().await.map_err(fault("ec2:DescribeIamInstanceProfileAssociations"))?;
    let all = answer.iam_instance_profile_associations();
    let (going, there): (Vec<_>, Vec<_>) =
        all.iter().partition(|one| one.state() == Some(&IamInstanceProfileAssociationState::Disassociating));
    let there = there.first().and_then(|one| one.association_id());
    let letting_go = || Ok(Progress::Waiting("letting its profile go".to_owned()));
    match (there, name) {
        (None, _) if !going.is_empty() => return letting_go(),
        (Some(association), Some(name)) if live.detail["state"] == "running" => {
            let call = || {
                let call = aws.ec2().replace_iam_instance_profile_association().association_id(association);
                call.iam_instance_profile(profile(name)).send()
            };
            let replace =
                aws.eventually(|| async { call().await.map_err(fault("ec2:ReplaceIamInstanceProfileAssociation")) });
            match replace.await {
                // It was replaced already, and the list has not heard of it.
                Err(fault) if fault.is_gone() => return letting_go(),
                answer => drop(answer?),
            }
        }
        (None, Some(name)) => {
            let call = || {
                aws.ec2().associate_iam_instance_profile().instance_id(id).iam_instance_profile(profile(name)).send()
            };
            match aws.eventually(|| async { call().await.map_err(fault("ec2:AssociateIamInstanceProfile")) }).await {
                // The old one is there still, though it is not listed any more.
                Err(fault) if fault.cause == Cause::InUse => return letting_go(),
                answer => drop(answer?),
            }
        }
        (Some(association), name) => {
            let call = aws.ec2().disassociate_iam_instance_profile().association_id(association).send();
            or_gone(call.await.map_err(fault("ec2:DisassociateIamInstanceProfile")))?;
            if name.is_some() {
                return letting_go();
            }
        }
        (None, None) => {}
    }
    Ok(Progress::Done)
}

/// Stops and starts, and changes in between what can only be changed then.
async fn change_power(
    aws: &Aws,
    target: &Target<InstanceSpec>,
    live: &Found<InstanceSpec>,
    changed: &Changed,
) -> Result<Progress, Fault> {
    let (full, id) = (&target.full, live.id.as_str());
    let must_rest = changed.has("ebsOptimized");
    let should_run = full.running != Some(false);
    match live.detail["state"].as_str().unwrap_or_default() {
        "running" if must_rest || (changed.has("running") && !should_run) => stop(aws, live).await,
        "stopping" => Ok(Progress::Waiting("stopping".to_owned())),
        "stopped" if must_rest => {
            let call = aws.ec2().modify_instance_attribute().instance_id(id).ebs_optimized(flag(full.ebs_optimized));
            call.send().await.map_err(fault("ec2:ModifyInstanceAttribute"))?;
            // It comes here again, without this difference, to be started.
            Ok(Progress::Waiting("changed while it is stopped".to_owned()))
        }
        "stopped" if changed.has("running") && should_run => start(aws, live).await,
        _ => Ok(Progress::Done),
    }
}

async fn stop(aws: &Aws, live: &Found<InstanceSpec>) -> Result<Progress, Fault> {
    if let Some(cluster) = live.spec.cluster()
        && let Some(container_instance) = agent::find(aws, cluster, &live.id).await?
        && let Progress::Waiting(why) = agent::drain(aws, cluster, &container_instance).await?
    {
        return Ok(Progress::Waiting(why));
    }
    match stop_now(aws, &live.id).await {
        Err(fault) if fault.code == "OperationNotPermitted" => {
            // The manifest asks for it. What it says of the protection is made true again at the next look.
            let call = aws.ec2().modify_instance_attribute().instance_id(&live.id).disable_api_stop(flag(Some(false)));
            call.send().await.map_err(crate::aws::fault("ec2:ModifyInstanceAttribute"))?;
            stop_now(aws, &live.id).await?;
        }
        answer => answer?,
    }
    Ok(Progress::Waiting("stopping".to_owned()))
}

async fn stop_now(aws: &Aws, id: &str) -> Result<(), Fault> {
    aws.ec2().stop_instances().instance_ids(id).send().await.map_err(fault("ec2:StopInstances"))?;
    Ok(())
}

async fn start(aws: &Aws, live: &Found<InstanceSpec>) -> Result<Progress, Fault> {
    if let Some(cluster) = live.spec.cluster()
        && let Some(container_instance) = agent::find(aws, cluster, &live.id).await?
    {
        agent::activate(aws, cluster, &container_instance).await?;
    }
    aws.ec2().start_instances().instance_ids(&live.id).send().await.map_err(fault("ec2:StartInstances"))?;
    Ok(Progress::Waiting("starting".to_owned()))
}
