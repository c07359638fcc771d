//! The Resource Groups Tagging API: the tags of everything, by one call.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Operation;
use super::ecs::tags::{self, Tags};
use super::state::State;
use super::wire::{AwsError, Call, Service};
use super::{ec2, iam, logs, secrets, ssm};

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

/// The region that answers for IAM, whose resources are in none.
fn region_of_iam(state: &State) -> &'static str {
    match state.partition() {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// Whether a call in another region than the sandbox's is one about IAM.
pub(super) fn is_asked_for_iam(state: &State, call: &Call) -> bool {
    call.service == Service::Tagging && call.region == region_of_iam(state)
}

/// Everything that has tags in the region of the call, by ARN in order.
fn tagged(state: &State, call: &Call) -> Vec<(String, Tags)> {
    let mut found = Vec::new();
    if call.region == state.world.region {
        found.extend(tags::tagged(state));
        found.extend(ec2::tagged(state));
        found.extend(logs::tagged(state));
        found.extend(secrets::tagged(state, call.now));
        found.extend(ssm::tagged(state));
    }
    if is_asked_for_iam(state, call) {
        found.extend(iam::tagged(state));
    }
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
    let excluded = ["TagFilters", "ResourceTypeFilters", "PaginationToken", "ResourcesPerPage", "TagsPerPage"];
    let other = excluded.into_iter().find(|other| match &call.input[*other] {
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        value => !value.is_null(),
    });
    if let (false, Some(other)) = (arns.is_empty(), other) {
        return Err(invalid(format!("ResourceARNList can not be used with {other}.")));
    }
    if arns.len() > 100 || types.len() > 100 || filters.len() > 50 {
        return Err(invalid("Too many ARNs, resource types or tag filters."));
    }
    for filter in filters {
        let length = filter["Key"].as_str().unwrap_or("").chars().count();
        if !(1..=128).contains(&length) {
            return Err(invalid("The key of a tag filter has 1 to 128 characters."));
        }
        if filter["Values"].as_array().is_some_and(|values| values.len() > 20) {
            return Err(invalid("A tag filter can have 20 values at most."));
        }
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
    let found: Vec<(String, Tags)> = tagged(state, call)
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

fn get_tag_keys(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let keys: BTreeSet<String> = tagged(state, call).into_iter().flat_map(|(_, tags)| tags.into_keys()).collect();
    Ok(json!({"TagKeys": keys, "PaginationToken": ""}))
}

fn get_tag_values(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let key = call.text("Key").ok_or_else(|| invalid("Key can not be empty."))?;
    let values: BTreeSet<String> =
        tagged(state, call).into_iter().filter_map(|(_, mut tags)| tags.remove(key)).collect();
    Ok(json!({"TagValues": values, "PaginationToken": ""}))
}

/// Sets and removes tags of each resource that a call names; what cannot be changed is in the answer.
fn change_each(state: &mut State, call: &Call, set: &Tags, removed: &[&str]) -> Result<Value, AwsError> {
    let arns = call.texts("ResourceARNList");
    if arns.is_empty() || arns.len() > 20 {
        return Err(invalid("ResourceARNList must have between 1 and 20 ARNs."));
    }
    let mut failed = serde_json::Map::new();
    for arn in arns {
        let set = set.clone();
        let home = call.region == state.world.region;
        let result = match arn.split(':').nth(2) {
            Some("ecs") if home => tags::of(state, arn)
                .map(|tags| tags.retain(|key, _| !removed.contains(&key.as_str())))
                .and_then(|()| tags::add(state, arn, set)),
            Some("ec2") if home => ec2::change_tags(state, arn, set, removed),
            Some("logs") if home => logs::change_tags(state, arn, set.into_iter().collect(), removed),
            Some("ssm") if home => ssm::change_tags(state, arn, set, removed),
            Some("secretsmanager") if home => secrets::change_tags(state, arn, set, removed, call.now),
            Some("iam") if is_asked_for_iam(state, call) => {
                iam::change_tags(state, arn, set.into_iter().collect(), removed)
            }
            _ => Err(invalid(format!("the sandbox has no resource {arn} with tags in {}", call.region))),
        };
        if let Err(error) = result {
            let code = if error.status < 500 { "InvalidParameterException" } else { "InternalServiceException" };
            let status = if error.status < 500 { 400 } else { 500 };
            failed.insert(
                arn.to_owned(),
                json!({"StatusCode": status, "ErrorCode": code, "ErrorMessage": error.message}),
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
    let set: Tags = given.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or("").to_owned())).collect();
    change_each(state, call, &set, &[])
}

fn untag_resources(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let keys = call.texts("TagKeys");
    if keys.is_empty() || keys.len() > 50 {
        return Err(invalid("TagKeys must have between 1 and 50 keys."));
    }
    change_each(state, call, &Tags::new(), &keys)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::world::World;
    use super::super::{ecs, operation};
    use super::*;

    fn perform(state: &mut State, service: Service, name: &str, input: Value) -> Value {
        perform_in("us-west-2", state, service, name, input)
    }

    fn perform_in(region: &str, state: &mut State, service: Service, name: &str, input: Value) -> Value {
        let call = Call { service, operation: name.into(), input, region: region.into(), now: Timestamp::UNIX_EPOCH };
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
        let found = |state: &mut State| {
            perform(state, Service::Tagging, "GetResources", json!({}))["ResourceTagMappingList"].clone()
        };
        assert_eq!(found(&mut state).as_array().unwrap().len(), 1);
        perform(&mut state, Service::Tagging, "UntagResources", json!({"ResourceARNList": [arn], "TagKeys": ["k"]}));
        assert_eq!(found(&mut state), json!([]));
    }

    #[test]
    fn iam_is_in_one_region() {
        let mut state = State::new(World::default());
        let tags = json!([{"Key": "a", "Value": "1"}]);
        let made = json!({"InstanceProfileName": "node", "Tags": tags});
        perform(&mut state, Service::Iam, "CreateInstanceProfile", made);
        let arn = "arn:aws:iam::123456789012:instance-profile/node";
        let mut ask =
            |region: &str, name: &str, input: Value| perform_in(region, &mut state, Service::Tagging, name, input);
        let listed = |answer: Value| answer["ResourceTagMappingList"].clone();
        assert_eq!(listed(ask("us-west-2", "GetResources", json!({}))), json!([]));
        let filter = json!({"ResourceTypeFilters": ["iam:instance-profile"]});
        assert_eq!(
            listed(ask("us-east-1", "GetResources", filter)),
            json!([{"ResourceARN": arn, "Tags": [{"Key": "a", "Value": "1"}]}])
        );
        let change = json!({"ResourceARNList": [arn], "Tags": {"b": "2"}});
        assert!(ask("us-west-2", "TagResources", change.clone())["FailedResourcesMap"].get(arn).is_some());
        assert_eq!(ask("us-east-1", "TagResources", change)["FailedResourcesMap"], json!({}));
        assert_eq!(ask("us-east-1", "GetTagKeys", json!({}))["TagKeys"], json!(["a", "b"]));
    }
}
