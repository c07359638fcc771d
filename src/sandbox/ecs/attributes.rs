//! Custom attributes of container instances.

use serde_json::{Value, json};

use super::clusters::{Cluster, active};
use super::errors;
use super::paging::{listed, page};
use super::shapes::Input;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

/// One attribute of an input, with the id of the instance it is for.
struct Given {
    instance: String,
    name: String,
    value: Option<String>,
}

fn given(cluster: &Cluster, input: &Input) -> Result<Vec<Given>, AwsError> {
    let list = input.list("attributes");
    if list.is_empty() || list.len() > 10 {
        return Err(errors::invalid("Attributes must have between 1 and 10 elements."));
    }
    let mut found = Vec::new();
    for item in list {
        let (name, value) = check(item)?;
        let target = item["targetId"].as_str().unwrap_or("");
        let instance =
            cluster.find_instance(target).filter(|instance| instance.status != "INACTIVE").ok_or_else(|| {
                AwsError::invalid("TargetNotFoundException", format!("The specified target {target} was not found."))
            })?;
        found.push(Given { instance: instance.id.clone(), name: name.to_owned(), value: value.map(str::to_owned) });
    }
    Ok(found)
}

/// Name and value of a custom attribute, within AWS's limits.
fn check(item: &Value) -> Result<(&str, Option<&str>), AwsError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_./\\".contains(letter);
    let name = item["name"].as_str().unwrap_or("");
    let value = item["value"].as_str();
    if name.is_empty() || name.len() > 128 || !name.chars().all(allowed) {
        return Err(errors::invalid(format!("Invalid attribute name: '{name}'")));
    }
    let value_allowed = |letter: char| allowed(letter) || "@: ".contains(letter);
    if let Some(value) = value
        && (value.len() > 128 || !value.chars().all(value_allowed) || value.trim() != value)
    {
        return Err(errors::invalid(format!("Invalid attribute value: '{value}'")));
    }
    if name.starts_with("ecs.") || name.starts_with("com.amazonaws.") {
        return Err(errors::invalid(format!("The attribute {name} is reserved and can not be changed.")));
    }
    Ok((name, value))
}

/// Attributes that an agent brings from its configuration.
pub(super) fn check_several(items: &[Value]) -> Result<(), AwsError> {
    if items.len() > MOST {
        return Err(too_many());
    }
    items.iter().try_for_each(|item| check(item).map(drop))
}

/// How many custom attributes an instance can have.
const MOST: usize = 10;

fn too_many() -> AwsError {
    AwsError::invalid("AttributeLimitExceededException", "You can apply up to 10 custom attributes for each resource.")
}

fn show(arn: &str, name: &str, value: Option<&str>) -> Value {
    let mut shown = super::container_instances::attribute(name, value);
    shown["targetType"] = json!("container-instance");
    shown["targetId"] = json!(arn);
    shown
}

fn is_custom(name: &str) -> bool {
    !name.starts_with("ecs.") && !name.starts_with("com.amazonaws.")
}

pub(super) fn put(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let given = given(cluster, &input)?;
    // All or nothing: the limit is checked before anything changes.
    for item in &given {
        let Some(instance) = cluster.instances.get(&item.instance) else { continue };
        let mut names: Vec<&str> =
            instance.attributes.keys().map(String::as_str).filter(|name| is_custom(name)).collect();
        names.extend(given.iter().filter(|other| other.instance == item.instance).map(|other| other.name.as_str()));
        names.sort_unstable();
        names.dedup();
        if names.len() > MOST {
            return Err(too_many());
        }
    }
    let mut shown = Vec::new();
    for item in given {
        if let Some(instance) = cluster.instances.get_mut(&item.instance) {
            shown.push(show(&instance.arn, &item.name, item.value.as_deref()));
            instance.attributes.insert(item.name, item.value);
        }
    }
    Ok(json!({"attributes": shown}))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let mut shown = Vec::new();
    for item in given(cluster, &input)? {
        if let Some(instance) = cluster.instances.get_mut(&item.instance)
            && let Some(value) = instance.attributes.remove(&item.name)
        {
            shown.push(show(&instance.arn, &item.name, value.as_deref()));
        }
    }
    Ok(json!({"attributes": shown}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    if input.text("attributeValue").is_some() && input.text("attributeName").is_none() {
        return Err(errors::invalid("You must specify an attribute name to use the attribute value parameter."));
    }
    let mut keys = Vec::new();
    for instance in cluster.instances.values().filter(|instance| instance.status != "INACTIVE") {
        for (name, value) in &instance.attributes {
            let named = input.text("attributeName").is_none_or(|wanted| wanted == name);
            let valued = input.text("attributeValue").is_none_or(|wanted| value.as_deref() == Some(wanted));
            if named && valued {
                keys.push(format!("{} {name}", instance.id));
            }
        }
    }
    let (keys, next) = page(&input, keys, 100, 100)?;
    let shown: Vec<Value> = keys
        .iter()
        .filter_map(|key| {
            let (id, name) = key.split_once(' ')?;
            let instance = cluster.instances.get(id)?;
            Some(show(&instance.arn, name, instance.attributes.get(name)?.as_deref()))
        })
        .collect();
    Ok(listed("attributes", shown, next))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;

    #[test]
    fn attributes_come_and_go() {
        let mut aws = Fixture::edge();
        let arn = aws.instance("i-1");
        let id = arn.rsplit('/').next().unwrap().to_owned();
        let put = json!({"cluster": "edge", "attributes": [{"name": "rack", "value": "r1", "targetType": "container-instance", "targetId": id}]});
        assert_eq!(aws.ok("PutAttributes", put)["attributes"][0]["targetId"], arn);
        let listed = json!({"cluster": "edge", "targetType": "container-instance", "attributeName": "rack", "attributeValue": "r1"});
        assert_eq!(aws.ok("ListAttributes", listed.clone())["attributes"][0]["targetId"], arn);
        let gone = json!({"cluster": "edge", "attributes": [{"name": "rack", "targetId": arn}]});
        aws.ok("DeleteAttributes", gone);
        assert_eq!(aws.ok("ListAttributes", listed)["attributes"], json!([]));
    }

    #[test]
    fn limits_and_targets_are_checked() {
        let mut aws = Fixture::edge();
        let arn = aws.instance("i-1");
        let many = |from: u32, count: u32| -> serde_json::Value {
            (from..from + count).map(|number| json!({"name": format!("a{number}"), "targetId": arn})).collect()
        };
        assert_eq!(
            aws.refused("PutAttributes", json!({"cluster": "edge", "attributes": many(0, 11)})),
            "InvalidParameterException"
        );
        aws.ok("PutAttributes", json!({"cluster": "edge", "attributes": many(0, 10)}));
        assert_eq!(
            aws.refused("PutAttributes", json!({"cluster": "edge", "attributes": many(10, 1)})),
            "AttributeLimitExceededException"
        );
        let lost = json!({"cluster": "edge", "attributes": [{"name": "a", "targetId": "nope"}]});
        assert_eq!(aws.refused("PutAttributes", lost), "TargetNotFoundException");
    }
}
