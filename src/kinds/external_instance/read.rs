//! Finding hosts: those that carry the tags of the stack by a few calls for all of them, and those that are to be taken
//! in by what the manifest says of them.
//!
//! A container instance carries our tags, and they travel with its description. Its managed node carries them too, and
//! one more (`farpost/external`), by which one question finds the nodes that have been taken in; whose a node is and
//! which further tags it has would cost a call each, so only a close look asks.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::ContainerInstanceField;
use aws_sdk_ssm::types::{InstanceInformation, InstanceInformationStringFilter, ResourceTypeForTagging};

use super::lower::{Host, alike, left_over, lower, parts};
use super::spec::{ExternalInstanceSpec, Match};
use super::{CLUSTER_TAG, EXTERNAL_TAG};
use crate::address::Address;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::activation::calls::has_role_of_hosts;
use crate::kinds::{Found, Owner, Purpose, RESOURCE_TAG, STACK_TAG, Scope, is_open, owner};

const KIND: &str = "ExternalInstance";
/// How many container instances one call describes.
const AT_ONCE: usize = 100;
const EXTERNAL: &str = "attribute:ecs.capability.external exists";

type Spec = ExternalInstanceSpec;
type Tags = BTreeMap<String, String>;
type Nodes = BTreeMap<String, InstanceInformation>;

/// A declared host.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    pub(super) address: Address,
    pub(super) key: Option<String>,
    pub(super) spec: Spec,
}

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<Spec>>, Fault> {
    let sought: Vec<Sought> = scope
        .wanted
        .iter()
        .filter_map(|wanted| {
            let spec = serde_json::from_value(wanted.spec.clone()).ok()?;
            Some(Sought { address: wanted.address.clone(), key: wanted.key.clone(), spec })
        })
        .collect();
    let mut found = match scope.purpose {
        Purpose::Settle(id) => read_one(aws, &scope.place.stack, id, sought.first()).await?,
        Purpose::Survey | Purpose::Deep | Purpose::Find => read_all(aws, scope, &sought).await?,
    };
    // Where nobody declares attributes, any are right. Members of a map that are not declared any more are not.
    for one in &mut found {
        let Owner::Us(address) = one.owner(&scope.place.stack) else { continue };
        if sought.iter().any(|sought| sought.address == address && sought.spec.attributes.is_none()) {
            one.spec.attributes = None;
        }
    }
    Ok(found)
}

async fn read_all(aws: &Aws, scope: &Scope<'_>, sought: &[Sought]) -> Result<Vec<Found<Spec>>, Fault> {
    let mut clusters = clusters_of(sought);
    if scope.purpose != Purpose::Find {
        // One that was moved is in another cluster than its manifest says.
        let tagged = scope.shared.tagged(aws, &scope.place.stack).await?;
        let ours = tagged.iter().filter(|one| one.is_a("ecs:container-instance"));
        clusters.extend(ours.filter_map(|one| Some(one.arn.rsplit('/').nth(1)?.to_owned())));
    }
    if sought.is_empty() && clusters.is_empty() && !has_role_of_hosts(scope) {
        // What is left of an interrupted deletion is a node alone. Who may not ask for nodes, or has an endpoint without
        // them, has taken none in.
        let is_destroyed = scope.purpose != Purpose::Find && scope.declared.is_empty();
        if !is_destroyed || !may_ask(aws, &scope.place.stack).await {
            return Ok(Vec::new());
        }
    }
    let look = Look::new(aws, &scope.place.stack, clusters).await?;
    let mut found = look.ours(scope.purpose, sought).await?;
    found.extend(look.unclaimed(sought, &found).await?);
    Ok(found)
}

fn clusters_of(sought: &[Sought]) -> BTreeSet<String> {
    sought.iter().map(|one| one.spec.cluster.clone()).filter(|cluster| !is_open(cluster)).collect()
}

/// The hosts that one declaration means: those of ours, or those that can be taken in.
pub(super) async fn find(aws: &Aws, stack: &str, sought: Sought) -> Result<Vec<Found<Spec>>, Fault> {
    let sought = [sought];
    let look = Look::new(aws, stack, clusters_of(&sought)).await?;
    let mut found = look.ours(Purpose::Find, &sought).await?;
    found.extend(look.unclaimed(&sought, &found).await?);
    found.retain(|one| {
        one.owner(stack) == Owner::Us(sought[0].address.clone()) && one.spec.cluster == sought[0].spec.cluster
    });
    Ok(found)
}

/// What is there.
struct Look<'a> {
    aws: &'a Aws,
    stack: &'a str,
    /// The external instances of the clusters, by node.
    hosts: BTreeMap<String, Host>,
    /// The nodes that have been taken into the stack.
    claimed: Nodes,
    /// Such nodes that are in none of the clusters, with their tags.
    apart: Vec<(String, Tags)>,
}

impl<'a> Look<'a> {
    async fn new(aws: &'a Aws, stack: &'a str, mut clusters: BTreeSet<String>) -> Result<Self, Fault> {
        let claimed = async { nodes(aws, &format!("tag:{EXTERNAL_TAG}"), stack).await };
        let (first, claimed) = tokio::try_join!(hosts_of(aws, &clusters), claimed)?;
        let mut look = Self { aws, stack, hosts: first, claimed, apart: Vec::new() };
        let apart: Vec<String> = look.claimed.keys().filter(|node| !look.hosts.contains_key(*node)).cloned().collect();
        for node in apart {
            let Some(tags) = node_tags(aws, &node).await? else { continue };
            let more: BTreeSet<String> = tags
                .get(CLUSTER_TAG)
                .into_iter()
                .filter(|cluster| clusters.insert((*cluster).clone()))
                .cloned()
                .collect();
            look.hosts.extend(hosts_of(aws, &more).await?);
            look.apart.push((node, tags));
        }
        look.apart.retain(|(node, _)| !look.hosts.contains_key(node));
        Ok(look)
    }

    /// What carries our tags. A node that only Systems Manager knows is what an interrupted deletion has left, unless its
    /// host is declared: then it has still to join its cluster.
    async fn ours(&self, purpose: Purpose<'_>, sought: &[Sought]) -> Result<Vec<Found<Spec>>, Fault> {
        let mut found = Vec::new();
        for (node, host) in &self.hosts {
            let Owner::Us(address) = owner(&host.tags, self.stack) else { continue };
            if address.kind != KIND {
                continue;
            }
            let mut one = lower(host, self.claimed.get(node));
            // The index of tags may not know it yet; and a node that is gone from Systems Manager has nothing to tag.
            if !self.claimed.contains_key(node)
                && node_tags(self.aws, node).await?.is_some_and(|tags| !is_claimed(&tags, self.stack, &address))
            {
                one.spec.unclaimed = Some(format!("{node} does not carry the tags of the stack in Systems Manager"));
            }
            if purpose == Purpose::Deep
                && let Some(tags) = node_tags(self.aws, node).await?
            {
                one.tags = alike(&host.tags, &tags);
            }
            found.push(one);
        }
        for (node, tags) in &self.apart {
            let is_declared = |address: &Address| sought.iter().any(|one| one.address == *address);
            let is_left = match owner(tags, self.stack) {
                Owner::Us(address) => address.kind == KIND && !is_declared(&address),
                Owner::Stack(_) | Owner::Nobody => false,
            };
            if is_left {
                let cluster = tags.get(CLUSTER_TAG).map(String::as_str).unwrap_or_default();
                found.push(left_over(cluster, node, tags.clone()));
            }
        }
        Ok(found)
    }

    /// Hosts that are meant by declarations of which there is nothing yet.
    async fn unclaimed(&self, sought: &[Sought], found: &[Found<Spec>]) -> Result<Vec<Found<Spec>>, Fault> {
        let is_there = |address: &Address| found.iter().any(|one| one.owner(self.stack) == Owner::Us(address.clone()));
        let missing: Vec<&Sought> = sought.iter().filter(|one| !is_there(&one.address)).collect();
        let is_free =
            |host: &Host| !matches!(owner(&host.tags, self.stack), Owner::Us(address) if address.kind == KIND);
        if missing.is_empty() || !self.hosts.values().any(is_free) {
            return Ok(Vec::new());
        }
        let known = nodes(self.aws, "ResourceType", "ManagedInstance").await?;
        let mut more = Vec::new();
        for one in missing {
            let tagged = match one.spec.matching.as_ref().and_then(|matching| matching.tag.as_ref()) {
                Some(tag) => nodes(self.aws, &format!("tag:{}", tag.key), &tag.value).await?,
                None => Nodes::new(),
            };
            let in_cluster = self.hosts.values().filter(|host| host.cluster == one.spec.cluster && is_free(host));
            for host in in_cluster.filter(|host| is_meant(one, host, known.get(host.node()), &tagged)) {
                more.push(taken_in(self.stack, one, lower(host, known.get(host.node()))));
            }
        }
        Ok(more)
    }
}

/// Whether the tags of a managed node say that it has been taken into the stack as this host.
fn is_claimed(tags: &Tags, stack: &str, address: &Address) -> bool {
    owner(tags, stack) == Owner::Us(address.clone()) && tags.get(EXTERNAL_TAG).is_some_and(|of| of == stack)
}

/// A host as it would be ours. One of another stack is left to that, and shows whose it is.
fn taken_in(stack: &str, sought: &Sought, mut found: Found<Spec>) -> Found<Spec> {
    if let Owner::Stack(_) = found.owner(stack) {
        found.key.clone_from(&sought.key);
        return found;
    }
    let name = found.attributes.get("computerName").map_or_else(String::new, |name| format!(" ({name})"));
    let node = found.attributes.get("id").map(String::as_str).unwrap_or_default();
    found.spec.unclaimed = Some(format!("{node}{name} has registered and does not carry the tags of the stack"));
    found.tags.insert(STACK_TAG.to_owned(), stack.to_owned());
    found.tags.insert(RESOURCE_TAG.to_owned(), sought.address.to_string());
    found
}

/// Whether a declaration means a host.
fn is_meant(sought: &Sought, host: &Host, info: Option<&InstanceInformation>, tagged: &Nodes) -> bool {
    let name = info.and_then(|info| info.name());
    let Some(matching) = &sought.spec.matching else { return name == Some(sought.address.name.as_str()) };
    let Match { instance_name, tag, instance_id, computer_name } = matching;
    let is_computer = |wanted: &str| {
        let computer = info.and_then(|info| info.computer_name()).unwrap_or_default();
        let first = computer.split('.').next().unwrap_or_default();
        computer.eq_ignore_ascii_case(wanted) || (!wanted.contains('.') && first.eq_ignore_ascii_case(wanted))
    };
    if let Some(tag) = tag {
        return host.tags.get(&tag.key) == Some(&tag.value) || tagged.contains_key(host.node());
    }
    instance_name.as_deref().is_some_and(|wanted| name == Some(wanted))
        || instance_id.as_deref().is_some_and(|wanted| host.node() == wanted)
        || computer_name.as_deref().is_some_and(is_computer)
}

/// One host with all there is to know of it; while it is being deleted also what only Systems Manager knows.
async fn read_one(aws: &Aws, stack: &str, id: &str, sought: Option<&Sought>) -> Result<Vec<Found<Spec>>, Fault> {
    let Some((cluster, node)) = parts(id) else { return Ok(Vec::new()) };
    let filter = format!("ec2InstanceId == {node}");
    let (hosts, tags, mut known) = tokio::try_join!(
        async { if cluster.is_empty() { Ok(Vec::new()) } else { hosts(aws, cluster, &filter).await } },
        node_tags(aws, node),
        async { nodes(aws, "InstanceIds", node).await }
    )?;
    let info = known.remove(node);
    let Some(host) = hosts.into_iter().find(|host| host.node() == node) else {
        let left = tags.filter(|tags| sought.is_none() && tags.get(EXTERNAL_TAG).is_some_and(|of| of == stack));
        return Ok(left.map(|tags| left_over(cluster, node, tags)).into_iter().collect());
    };
    let mut found = lower(&host, info.as_ref());
    let Some(sought) = sought else { return Ok(vec![found]) };
    if owner(&host.tags, stack) != Owner::Us(sought.address.clone()) {
        return Ok(vec![taken_in(stack, sought, found)]);
    }
    if let Some(tags) = tags {
        found.tags = alike(&host.tags, &tags);
        if !is_claimed(&tags, stack, &sought.address) {
            found.spec.unclaimed = Some(format!("{node} does not carry the tags of the stack in Systems Manager"));
        }
    }
    Ok(vec![found])
}

/// The external instances of clusters, by node.
async fn hosts_of(aws: &Aws, clusters: &BTreeSet<String>) -> Result<BTreeMap<String, Host>, Fault> {
    let all = futures_util::future::try_join_all(clusters.iter().map(|cluster| hosts(aws, cluster, EXTERNAL))).await?;
    Ok(all.into_iter().flatten().map(|host| (host.node().to_owned(), host)).collect())
}

/// The container instances of a cluster that fit a filter, with their tags.
async fn hosts(aws: &Aws, cluster: &str, filter: &str) -> Result<Vec<Host>, Fault> {
    let list = aws.ecs().list_container_instances().cluster(cluster).filter(filter).into_paginator().items().send();
    let arns = match list.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListContainerInstances")) {
        Ok(arns) => arns,
        Err(fault) if fault.is_gone() => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let mut hosts = Vec::new();
    for some in arns.chunks(AT_ONCE) {
        let call = aws.ecs().describe_container_instances().cluster(cluster).include(ContainerInstanceField::Tags);
        let answer = call.set_container_instances(Some(some.to_vec())).send().await;
        let found = answer.map_err(fault("ecs:DescribeContainerInstances"))?.container_instances.unwrap_or_default();
        let is_there = |one: &aws_sdk_ecs::types::ContainerInstance| {
            one.status() != Some("INACTIVE") && one.ec2_instance_id().is_some_and(|id| id.starts_with("mi-"))
        };
        hosts.extend(found.into_iter().filter(is_there).map(|one| Host::new(cluster, one)));
    }
    Ok(hosts)
}

/// Whether nodes can be asked for at all.
async fn may_ask(aws: &Aws, stack: &str) -> bool {
    let answer = nodes(aws, &format!("tag:{EXTERNAL_TAG}"), stack).await;
    !matches!(answer, Err(Fault { cause: Cause::Denied | Cause::UnknownOperation, .. }))
}

/// The managed nodes that fit a filter, by id.
async fn nodes(aws: &Aws, key: &str, value: &str) -> Result<Nodes, Fault> {
    const OPERATION: &str = "ssm:DescribeInstanceInformation";
    let filter = InstanceInformationStringFilter::builder().key(key).values(value).build();
    let filter = filter.map_err(|error| Fault::found(OPERATION, Cause::Invalid, error.to_string()))?;
    let pages = aws.ssm().describe_instance_information().filters(filter).max_results(50).into_paginator();
    match pages.items().send().collect::<Result<Vec<_>, _>>().await.map_err(fault(OPERATION)) {
        Ok(found) => Ok(found.into_iter().filter_map(|one| Some((one.instance_id.clone()?, one))).collect()),
        Err(fault) if fault.is_gone() => Ok(Nodes::new()),
        Err(fault) => Err(fault),
    }
}

/// The tags of a managed node; none when there is no such node.
async fn node_tags(aws: &Aws, node: &str) -> Result<Option<Tags>, Fault> {
    let call = aws.ssm().list_tags_for_resource().resource_type(ResourceTypeForTagging::ManagedInstance);
    match call.resource_id(node).send().await.map_err(fault("ssm:ListTagsForResource")) {
        Ok(answer) => {
            let tags = answer.tag_list.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
            Ok(Some(tags.filter(|(key, _)| !key.starts_with("aws:")).collect()))
        }
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}
