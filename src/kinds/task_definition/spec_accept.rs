//! Takes what people paste as a task definition: the output of describe-task-definition, or the skeleton of
//! register-task-definition with its `null` members.

use serde_json::{Map, Value};

use super::spec::TaskDefinitionSpec;

/// Members that only answers have.
const READ_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// A member that was left out of what the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Name of the member.
    pub member: String,
}

impl TaskDefinitionSpec {
    /// Reduces a pasted document to the members of the spec and names those that it left out. Members that are `null`
    /// are absent and not worth a mention.
    pub fn accept(value: &mut Value) -> Vec<Dropped> {
        drop_nulls(value);
        let Value::Object(members) = value else {
            return Vec::new();
        };
        let mut dropped = unwrap(members);
        for name in READ_ONLY {
            if members.shift_remove(name).is_some() {
                dropped.push(name);
            }
        }
        dropped.into_iter().map(|member| Dropped { member: member.to_owned() }).collect()
    }
}

/// Replaces `{taskDefinition: {..}, tags: [..]}` by its content.
fn unwrap(members: &mut Map<String, Value>) -> Vec<&'static str> {
    if !members.get("taskDefinition").is_some_and(Value::is_object) {
        return Vec::new();
    }
    if let Some(Value::Object(mut inner)) = members.shift_remove("taskDefinition") {
        // What stands beside it is kept, so that nothing is lost in silence: tags belong here, the rest is unknown.
        inner.append(members);
        *members = inner;
    }
    vec!["taskDefinition"]
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_output_of_describe_becomes_a_spec() {
        let mut value = json!({
            "taskDefinition": {
                "taskDefinitionArn": "arn:aws:ecs:us-west-2:123456789012:task-definition/till:7",
                "family": "till", "revision": 7, "status": "ACTIVE", "volumes": [],
                "containerDefinitions": [{"name": "till", "image": "till:7", "cpu": 0, "command": null}],
                "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
                "compatibilities": ["EC2"], "registeredAt": "2026-11-01T00:00:00Z", "registeredBy": "arn:aws:iam::1:root",
            },
            "tags": [{"key": "store", "value": "17"}],
        });
        let dropped = TaskDefinitionSpec::accept(&mut value);
        let names: Vec<_> = dropped.iter().map(|dropped| dropped.member.as_str()).collect();
        assert_eq!(
            names,
            [
                "taskDefinition",
                "taskDefinitionArn",
                "revision",
                "status",
                "requiresAttributes",
                "compatibilities",
                "registeredAt",
                "registeredBy"
            ]
        );
        let spec: TaskDefinitionSpec = serde_json::from_value(value).unwrap();
        assert_eq!(spec.family.as_deref(), Some("till"));
        assert_eq!(spec.tags.unwrap().0["store"], "17");
    }

    #[test]
    fn a_skeleton_loses_only_its_nulls_and_a_misspelt_member_stays_to_be_reported() {
        let mut value = json!({
            "family": "till", "cpu": null, "familiy": "x", "containerDefinitions": [{"name": "a", "image": "b", "user": null}],
        });
        assert_eq!(TaskDefinitionSpec::accept(&mut value), []);
        assert_eq!(
            value,
            json!({"family": "till", "familiy": "x", "containerDefinitions": [{"name": "a", "image": "b"}]})
        );
        assert!(serde_json::from_value::<TaskDefinitionSpec>(value).is_err());
    }
}
