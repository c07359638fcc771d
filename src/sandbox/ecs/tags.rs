//! Tags of clusters, services, tasks, task definitions and container instances.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::errors;
use super::shapes::Input;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(in crate::sandbox) type Tags = BTreeMap<String, String>;

/// What `tags` members hold, within AWS's limits.
pub(super) fn read(list: &[Value]) -> Result<Tags, AwsError> {
    let mut tags = Tags::new();
    for tag in list {
        let key = tag["key"].as_str().unwrap_or("");
        let value = tag["value"].as_str().unwrap_or("");
        if key.is_empty() || key.chars().count() > 128 {
            return Err(errors::invalid(format!("Tag keys must have 1 to 128 characters: '{key}'")));
        }
        if value.chars().count() > 256 {
            return Err(errors::invalid(format!("The value of the tag '{key}' has more than 256 characters.")));
        }
        if [key, value].iter().any(|text| text.to_ascii_lowercase().starts_with("aws:")) {
            return Err(errors::invalid(
                "Tag keys and values can not start with aws:. This prefix is reserved for AWS internal use.",
            ));
        }
        let allowed = |letter: char| letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter);
        if !key.chars().chain(value.chars()).all(allowed) {
            return Err(errors::invalid(format!("Some characters of the tag '{key}' are not valid.")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(errors::invalid(format!("Duplicate tag keys found: {key}. Tag keys must be unique.")));
        }
    }
    within_limit(&tags)?;
    Ok(tags)
}

fn within_limit(tags: &Tags) -> Result<(), AwsError> {
    let own = tags.keys().filter(|key| !key.starts_with("aws:")).count();
    if own > 50 { Err(errors::invalid("Too many tags: a resource can have 50 at most.")) } else { Ok(()) }
}

pub(super) fn show(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// Every resource that has tags, for the Resource Groups Tagging API.
pub(in crate::sandbox) fn tagged(state: &State) -> Vec<(String, Tags)> {
    let ecs = &state.ecs;
    let mut found = Vec::new();
    for cluster in ecs.clusters.values().filter(|cluster| cluster.status == "ACTIVE") {
        found.push((cluster.arn.clone(), cluster.tags.clone()));
        let services = cluster.services.values().filter(|service| service.status != "INACTIVE");
        found.extend(services.map(|service| (service.arn.clone(), service.tags.clone())));
        let tasks = cluster.tasks.values().filter(|task| task.last_status != "STOPPED");
        found.extend(tasks.map(|task| (task.arn.clone(), task.tags.clone())));
        let instances = cluster.instances.values().filter(|instance| instance.status != "INACTIVE");
        found.extend(instances.map(|instance| (instance.arn.clone(), instance.tags.clone())));
    }
    for family in ecs.families.values() {
        let definitions = family.revisions.values().filter(|definition| definition.status() != "DELETE_IN_PROGRESS");
        found.extend(definitions.map(|definition| (definition.arn().to_owned(), definition.tags.clone())));
    }
    found.retain(|(_, tags)| !tags.is_empty());
    found
}

/// The tags of the resource with an ARN.
pub(in crate::sandbox) fn of<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Tags, AwsError> {
    let prefix = state.arn("ecs", "");
    let Some(resource) = arn.strip_prefix(&prefix) else {
        return Err(errors::invalid(format!("Invalid identifier: Unexpected ARN {arn}")));
    };
    let parts: Vec<&str> = resource.split('/').collect();
    let ecs = &mut state.ecs;
    if let ["task-definition", reference] = parts.as_slice() {
        return reference
            .split_once(':')
            .and_then(|(family, revision)| Some((family, revision.parse::<u64>().ok()?)))
            .and_then(|(family, revision)| ecs.families.get_mut(family)?.revisions.get_mut(&revision))
            .map(|definition| &mut definition.tags)
            .ok_or_else(|| errors::invalid("The specified task definition was not found."));
    }
    let gone = |what: &str| {
        errors::invalid(format!(
            "The specified {what} is inactive or was not found. Specify an active {what} and try again."
        ))
    };
    let cluster_name = match parts.as_slice() {
        ["cluster", name] | ["service" | "task" | "container-instance", name, _] => *name,
        // Short ARNs have no cluster in them, and cannot be tagged.
        ["service" | "task" | "container-instance", _] => {
            return Err(errors::invalid(
                "Long arn format must be enabled for tagging. Specify the long ARN of the resource and try again.",
            ));
        }
        _ => return Err(errors::invalid(format!("Invalid identifier: Unexpected resource type in {arn}"))),
    };
    let cluster = ecs
        .clusters
        .get_mut(cluster_name)
        .filter(|cluster| cluster.status == "ACTIVE")
        .ok_or_else(|| if parts[0] == "cluster" { gone("cluster") } else { errors::cluster_not_found() })?;
    match parts.as_slice() {
        ["service", _, name] => cluster
            .services
            .get_mut(*name)
            .filter(|service| service.status != "INACTIVE")
            .map(|service| &mut service.tags)
            .ok_or_else(|| gone("service")),
        ["task", _, id] => cluster.tasks.get_mut(*id).map(|task| &mut task.tags).ok_or_else(|| gone("task")),
        ["container-instance", _, id] => cluster
            .instances
            .get_mut(*id)
            .filter(|instance| instance.status != "INACTIVE")
            .map(|instance| &mut instance.tags)
            .ok_or_else(|| gone("container instance")),
        _ => Ok(&mut cluster.tags),
    }
}

/// Adds or overwrites tags.
pub(in crate::sandbox) fn add(state: &mut State, arn: &str, more: Tags) -> Result<(), AwsError> {
    let tags = of(state, arn)?;
    let mut merged = tags.clone();
    merged.extend(more);
    within_limit(&merged)?;
    *tags = merged;
    Ok(())
}

pub(super) fn tag_resource(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let more = read(input.list("tags"))?;
    add(state, input.text("resourceArn").unwrap_or(""), more)?;
    Ok(json!({}))
}

pub(super) fn untag_resource(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let tags = of(state, input.text("resourceArn").unwrap_or(""))?;
    for key in input.texts("tagKeys") {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::invalid("Tags that start with aws: can not be removed."));
        }
        tags.remove(key);
    }
    Ok(json!({}))
}

pub(super) fn list_tags(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    Ok(json!({"tags": show(of(state, input.text("resourceArn").unwrap_or(""))?)}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;

    const CLUSTER: &str = "arn:aws:ecs:us-west-2:123456789012:cluster/a";

    #[test]
    fn tags_come_and_go() {
        let mut aws = Fixture::new();
        aws.ok("CreateCluster", json!({"clusterName": "a", "tags": [{"key": "x", "value": "1"}]}));
        let more = json!([{"key": "x", "value": "2"}, {"key": "y", "value": ""}]);
        aws.ok("TagResource", json!({"resourceArn": CLUSTER, "tags": more}));
        assert_eq!(aws.ok("ListTagsForResource", json!({"resourceArn": CLUSTER}))["tags"], more);
        aws.ok("UntagResource", json!({"resourceArn": CLUSTER, "tagKeys": ["x", "never"]}));
        let left = aws.ok("ListTagsForResource", json!({"resourceArn": CLUSTER}));
        assert_eq!(left["tags"], json!([{"key": "y", "value": ""}]));
    }

    #[test]
    fn limits_hold() {
        let mut aws = Fixture::new();
        aws.ok("CreateCluster", json!({"clusterName": "a"}));
        let mut refused = |tags| aws.refused("TagResource", json!({"resourceArn": CLUSTER, "tags": tags}));
        assert_eq!(refused(json!([{"key": "aws:x", "value": ""}])), "InvalidParameterException");
        assert_eq!(refused(json!([{"key": "a", "value": ""}, {"key": "a", "value": ""}])), "InvalidParameterException");
        let many: Vec<_> = (0..51).map(|number| json!({"key": format!("k{number}"), "value": ""})).collect();
        assert_eq!(refused(json!(many)), "InvalidParameterException");
        assert_eq!(
            aws.refused("TagResource", json!({"resourceArn": format!("{CLUSTER}2"), "tags": []})),
            "InvalidParameterException"
        );
    }
}
