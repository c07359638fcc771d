//! The Resource Groups Tagging API: the tags of everything, by one call.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Operation;
use super::ecs::tags::{self, Tags};
use super::state::State;
use super::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("GetResources", get_resources),
    ("GetTagKeys", get_tag_keys),
    ("GetTagValues", get_tag_values),
    ("TagResources", tag_resources),
    ("UntagResources", untag_resources),
];

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::invalid("InvalidParameterException", message)
}

/// Everything that has tags, by ARN in order.
fn tagged(state: &State) -> Vec<(String, Tags)> {
    let mut found = tags::tagged(state);
    found.extend(super::ec2::tagged(state));
    found.extend(super::logs::tagged(state));
    found.retain(|(_, tags)| !tags.is_empty());
    found.sort();
    found
}

/// Whether an ARN is of a type such as `ecs:service`, or of a whole service such as `ec2`.
fn is_of_type(arn: &str, wanted: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2).unwrap_or("");
    let resource = parts.nth(2).unwrap_or("");
    match wanted.split_once(':') {
        Some((name, kind)) => name == service && resource.split(['/', ':']).next() == Some(kind),
        None => wanted == service,
    }
}

fn get_resources(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arns = call.texts("ResourceARNList");
    let (filters, types) = (call.list("TagFilters"), call.texts("ResourceTypeFilters"));
    let others = !filters.is_empty() || !types.is_empty() || call.text("PaginationToken").is_some();
    if !arns.is_empty() && others {
        return Err(invalid(
            "ResourceARNList can not be used with TagFilters, ResourceTypeFilters or PaginationToken.",
        ));
    }
    if arns.len() > 100 || types.len() > 100 || filters.len() > 50 {
        return Err(invalid("Too many ARNs, resource types or tag filters."));
    }
    let size = whole(call, "ResourcesPerPage", 50, 1, 100)?;
    // Counted only when asked for; otherwise resources alone make a page.
    let per_page = match &call.input["TagsPerPage"] {
        Value::Null => usize::MAX,
        _ => whole(call, "TagsPerPage", 100, 100, 500)?,
    };
    let fits = |tags: &Tags| {
        filters.iter().all(|filter| {
            let values = filter["Values"].as_array().map_or(&[][..], Vec::as_slice);
            let value = tags.get(filter["Key"].as_str().unwrap_or(""));
            value.is_some_and(|value| values.is_empty() || values.iter().any(|wanted| wanted == value))
        })
    };
    let found: Vec<(String, Tags)> = tagged(state)
        .into_iter()
        .filter(|(arn, _)| arns.is_empty() || arns.contains(&arn.as_str()))
        .filter(|(arn, _)| types.is_empty() || types.iter().any(|wanted| is_of_type(arn, wanted)))
        .filter(|(_, tags)| fits(tags))
        .collect();
    let from = match call.text("PaginationToken") {
        None => 0,
        Some(token) => found.iter().position(|(arn, _)| token_of(arn) == token).ok_or_else(|| {
            AwsError::invalid("PaginationTokenExpiredException", "The pagination token is not valid any more.")
        })?,
    };
    let mut shown = Vec::new();
    let (mut count, mut next) = (0, String::new());
    for (arn, tags) in &found[from..] {
        count += tags.len();
        if shown.len() == size || (count > per_page && !shown.is_empty()) {
            next = token_of(arn);
            break;
        }
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        shown.push(json!({"ResourceARN": arn, "Tags": tags}));
    }
    Ok(json!({"ResourceTagMappingList": shown, "PaginationToken": next}))
}

fn token_of(arn: &str) -> String {
    arn.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn whole(call: &Call, member: &str, default: i64, least: i64, most: i64) -> Result<usize, AwsError> {
    let value = match &call.input[member] {
        Value::Null => default,
        value => value
            .as_i64()
            .ok_or_else(|| AwsError::invalid("SerializationException", format!("{member} must be an Integer")))?,
    };
    if !(least..=most).contains(&value) {
        return Err(invalid(format!("{member} must be between {least} and {most}.")));
    }
    usize::try_from(value).map_err(|_| invalid(format!("{member} must be positive.")))
}

fn get_tag_keys(state: &mut State, _: &Call) -> Result<Value, AwsError> {
    let keys: BTreeSet<String> = tagged(state).into_iter().flat_map(|(_, tags)| tags.into_keys()).collect();
    Ok(json!({"TagKeys": keys, "PaginationToken": ""}))
}

fn get_tag_values(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let key = call.text("Key").ok_or_else(|| invalid("Key can not be empty."))?;
    let values: BTreeSet<String> = tagged(state).into_iter().filter_map(|(_, mut tags)| tags.remove(key)).collect();
    Ok(json!({"TagValues": values, "PaginationToken": ""}))
}

/// The ARNs that a call is about; those of ECS only, as EC2 tags are changed by `CreateTags`.
fn each(
    state: &mut State,
    call: &Call,
    mut change: impl FnMut(&mut State, &str) -> Result<(), AwsError>,
) -> Result<Value, AwsError> {
    let arns = call.texts("ResourceARNList");
    if arns.is_empty() || arns.len() > 20 {
        return Err(invalid("ResourceARNList must have between 1 and 20 ARNs."));
    }
    let prefix = state.arn("ecs", "");
    let mut failed = serde_json::Map::new();
    for arn in arns {
        let result = if arn.starts_with(&prefix) {
            change(state, arn)
        } else {
            Err(AwsError::new(
                400,
                "InvalidParameterException",
                "the sandbox changes tags of ECS resources only by this API",
            ))
        };
        if let Err(error) = result {
            let code = if error.status < 500 { "InvalidParameterException" } else { "InternalServiceException" };
            failed.insert(
                arn.to_owned(),
                json!({"StatusCode": error.status, "ErrorCode": code, "ErrorMessage": error.message}),
            );
        }
    }
    Ok(json!({"FailedResourcesMap": failed}))
}

fn tag_resources(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let given = call.input["Tags"].as_object().cloned().unwrap_or_default();
    if given.is_empty() || given.len() > 50 {
        return Err(invalid("Tags must have between 1 and 50 entries."));
    }
    if given.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(invalid("Tag keys can not start with aws:."));
    }
    let more: Tags = given.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or("").to_owned())).collect();
    each(state, call, |state, arn| tags::add(state, arn, more.clone()))
}

fn untag_resources(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let keys = call.texts("TagKeys");
    each(state, call, |state, arn| {
        let tags = tags::of(state, arn)?;
        tags.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::wire::Service;
    use super::super::world::World;
    use super::super::{ecs, operation};
    use super::*;

    fn perform(state: &mut State, service: Service, name: &str, input: Value) -> Value {
        let call =
            Call { service, operation: name.into(), input, region: "us-west-2".into(), now: Timestamp::UNIX_EPOCH };
        operation(&call).unwrap()(state, &call).unwrap()
    }

    #[test]
    fn resources_are_found_by_type_and_tag() {
        let mut state = State::new(World::default());
        assert!(!ecs::OPERATIONS.is_empty());
        let tag = |value: &str| json!([{"key": "owner", "value": value}]);
        for (name, value) in [("a", "x"), ("b", "y"), ("c", "x")] {
            perform(&mut state, Service::Ecs, "CreateCluster", json!({"clusterName": name, "tags": tag(value)}));
        }
        perform(&mut state, Service::Ecs, "CreateCluster", json!({"clusterName": "bare"}));
        let container = json!([{"name": "c", "image": "i", "memory": 64}]);
        let definition = json!({"family": "f", "containerDefinitions": container, "tags": tag("x")});
        perform(&mut state, Service::Ecs, "RegisterTaskDefinition", definition);
        let mut count = |input: Value| {
            let found = perform(&mut state, Service::Tagging, "GetResources", input);
            (
                found["ResourceTagMappingList"].as_array().unwrap().len(),
                found["PaginationToken"].as_str().unwrap().to_owned(),
            )
        };
        assert_eq!(count(json!({})), (4, String::new()));
        assert_eq!(count(json!({"ResourceTypeFilters": ["ecs:cluster"]})).0, 3);
        assert_eq!(count(json!({"ResourceTypeFilters": ["ecs:task-definition"]})).0, 1);
        assert_eq!(count(json!({"TagFilters": [{"Key": "owner", "Values": ["x"]}]})).0, 3);
        let (first, token) = count(json!({"ResourcesPerPage": 3}));
        assert_eq!((first, count(json!({"ResourcesPerPage": 3, "PaginationToken": token})).0), (3, 1));
        assert_eq!(perform(&mut state, Service::Tagging, "GetTagKeys", json!({}))["TagKeys"], json!(["owner"]));
    }

    #[test]
    fn many_tags_make_pages_shorter_only_when_asked_to() {
        let mut state = State::new(World::default());
        let tags = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]);
        for number in 0..60 {
            let cluster = json!({"clusterName": format!("c{number}"), "tags": tags});
            perform(&mut state, Service::Ecs, "CreateCluster", cluster);
        }
        let mut count = |input: Value| {
            let found = perform(&mut state, Service::Tagging, "GetResources", input);
            found["ResourceTagMappingList"].as_array().unwrap().len()
        };
        assert_eq!(count(json!({"ResourcesPerPage": 100})), 60);
        assert_eq!(count(json!({"TagsPerPage": 100})), 50);
    }

    #[test]
    fn tags_are_changed_one_by_one() {
        let mut state = State::new(World::default());
        perform(&mut state, Service::Ecs, "CreateCluster", json!({"clusterName": "a"}));
        let arn = "arn:aws:ecs:us-west-2:123456789012:cluster/a";
        let input =
            json!({"ResourceARNList": [arn, "arn:aws:ecs:us-west-2:123456789012:cluster/b"], "Tags": {"k": "v"}});
        let answer = perform(&mut state, Service::Tagging, "TagResources", input);
        assert_eq!(answer["FailedResourcesMap"].as_object().unwrap().len(), 1);
        assert_eq!(tagged(&state).len(), 1);
        perform(&mut state, Service::Tagging, "UntagResources", json!({"ResourceARNList": [arn], "TagKeys": ["k"]}));
        assert_eq!(tagged(&state), []);
    }
}
