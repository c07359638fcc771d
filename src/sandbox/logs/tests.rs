//! Calls of CloudWatch Logs, one after another.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::operation;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call, Service};
use crate::sandbox::world::World;

const ARN: &str = "arn:aws:logs:us-west-2:123456789012:log-group:/ecs/till";

struct Account(State);

impl Account {
    fn with(names: &[&str]) -> Self {
        let mut account = Self(State::new(World::default()));
        for name in names {
            account.ok("CreateLogGroup", json!({"logGroupName": name}));
        }
        account
    }

    fn ask(&mut self, name: &str, input: Value) -> Result<Value, AwsError> {
        let (service, region) = (Service::Logs, "us-west-2".to_owned());
        let call = Call { service, operation: name.into(), input, region, now: Timestamp::UNIX_EPOCH };
        operation(&call).unwrap()(&mut self.0, &call)
    }

    fn ok(&mut self, name: &str, input: Value) -> Value {
        self.ask(name, input).unwrap()
    }

    fn refused(&mut self, name: &str, input: Value) -> String {
        self.ask(name, input).unwrap_err().code
    }

    fn names(&mut self, input: Value) -> Vec<String> {
        let answer = self.ok("DescribeLogGroups", input);
        let groups = answer["logGroups"].as_array().unwrap();
        groups.iter().map(|group| group["logGroupName"].as_str().unwrap().to_owned()).collect()
    }

    fn one(&mut self) -> Value {
        self.ok("DescribeLogGroups", json!({"logGroupIdentifiers": ["/ecs/till"]}))["logGroups"][0].clone()
    }
}

#[test]
fn a_new_group_has_what_aws_fills_in() {
    let mut aws = Account::with(&["/ecs/till"]);
    let expected = json!({
        "logGroupName": "/ecs/till", "creationTime": 0, "arn": format!("{ARN}:*"), "logGroupArn": ARN,
        "metricFilterCount": 0, "storedBytes": 0, "logGroupClass": "STANDARD", "deletionProtectionEnabled": false,
    });
    assert_eq!(aws.one(), expected);
    let again = aws.refused("CreateLogGroup", json!({"logGroupName": "/ecs/till"}));
    assert_eq!(again, "ResourceAlreadyExistsException");
    let text = serde_json::to_string(&aws.0).unwrap();
    aws.0 = serde_json::from_str(&text).unwrap();
    assert_eq!(aws.one(), expected);
}

#[test]
fn names_classes_and_tags_are_checked_at_the_creation() {
    let mut aws = Account::with(&[]);
    for wrong in [
        json!({}),
        json!({"logGroupName": ""}),
        json!({"logGroupName": "a b"}),
        json!({"logGroupName": "aws/x"}),
        json!({"logGroupName": "a".repeat(513)}),
        json!({"logGroupName": "a", "logGroupClass": "CHEAP"}),
        json!({"logGroupName": "a", "kmsKeyId": "1234"}),
        json!({"logGroupName": "a", "tags": {}}),
        json!({"logGroupName": "a", "tags": {"aws:x": ""}}),
    ] {
        assert_eq!(aws.refused("CreateLogGroup", wrong.clone()), "InvalidParameterException", "{wrong}");
    }
    assert_eq!(aws.refused("CreateLogGroup", json!({"logGroupName": 1})), "SerializationException");
    assert_eq!(aws.names(json!({})), [""; 0]);
}

#[test]
fn retention_and_key_come_and_go() {
    let mut aws = Account::with(&["/ecs/till"]);
    let key = "arn:aws:kms:us-west-2:123456789012:key/1";
    aws.ok("PutRetentionPolicy", json!({"logGroupName": "/ecs/till", "retentionInDays": 30}));
    aws.ok("AssociateKmsKey", json!({"resourceIdentifier": ARN, "kmsKeyId": key}));
    let one = aws.one();
    assert_eq!((&one["retentionInDays"], &one["kmsKeyId"]), (&json!(30), &json!(key)));
    let wrong = aws.refused("PutRetentionPolicy", json!({"logGroupName": "/ecs/till", "retentionInDays": 31}));
    assert_eq!(wrong, "InvalidParameterException");
    let both = json!({"logGroupName": "/ecs/till", "resourceIdentifier": ARN});
    assert_eq!(aws.refused("DisassociateKmsKey", both), "InvalidParameterException");
    aws.ok("DeleteRetentionPolicy", json!({"logGroupName": "/ecs/till"}));
    aws.ok("DisassociateKmsKey", json!({"logGroupName": "/ecs/till"}));
    let one = aws.one();
    assert_eq!((&one["retentionInDays"], &one["kmsKeyId"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_protected_group_stays() {
    let mut aws = Account::with(&["/ecs/till"]);
    let protect = |on: bool| json!({"logGroupIdentifier": ARN, "deletionProtectionEnabled": on});
    aws.ok("PutLogGroupDeletionProtection", protect(true));
    assert_eq!(aws.refused("DeleteLogGroup", json!({"logGroupName": "/ecs/till"})), "ValidationException");
    aws.ok("PutLogGroupDeletionProtection", protect(false));
    aws.ok("DeleteLogGroup", json!({"logGroupName": "/ecs/till"}));
    for (call, input) in [
        ("DeleteLogGroup", json!({"logGroupName": "/ecs/till"})),
        ("PutRetentionPolicy", json!({"logGroupName": "/ecs/till", "retentionInDays": 1})),
        ("PutLogGroupDeletionProtection", protect(true)),
        ("ListTagsForResource", json!({"resourceArn": ARN})),
    ] {
        assert_eq!(aws.refused(call, input), "ResourceNotFoundException", "{call}");
    }
}

#[test]
fn groups_are_found_by_prefix_part_identifier_and_class_in_order_of_name() {
    let mut aws = Account::with(&["b", "/ecs/till", "/ecs/Till", "/ecs/tills"]);
    aws.ok("CreateLogGroup", json!({"logGroupName": "cheap", "logGroupClass": "INFREQUENT_ACCESS"}));
    assert_eq!(aws.names(json!({})), ["/ecs/Till", "/ecs/till", "/ecs/tills", "b", "cheap"]);
    assert_eq!(aws.names(json!({"logGroupNamePrefix": "/ecs/till"})), ["/ecs/till", "/ecs/tills"]);
    assert_eq!(aws.names(json!({"logGroupNamePattern": "ill"})).len(), 3);
    assert_eq!(aws.names(json!({"logGroupIdentifiers": [ARN, "b", "gone"]})), ["/ecs/till", "b"]);
    assert_eq!(aws.names(json!({"logGroupClass": "ESSENTIALS"})), ["cheap"]);
    let short = aws.ok("DescribeLogGroups", json!({"logGroupNamePattern": "cheap"}));
    assert_eq!(short["logGroups"][0]["logGroupClass"], Value::Null);
    for wrong in [
        json!({"logGroupNamePattern": "a", "logGroupNamePrefix": "a"}),
        json!({"logGroupIdentifiers": ["b"], "logGroupNamePrefix": "b"}),
        json!({"limit": 51}),
        json!({"limit": 0}),
        json!({"nextToken": "never"}),
    ] {
        assert_eq!(aws.refused("DescribeLogGroups", wrong.clone()), "InvalidParameterException", "{wrong}");
    }
}

#[test]
fn pages_join_up() {
    let names: Vec<String> = (10..17).map(|number| format!("g{number}")).collect();
    let mut aws = Account::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let input = json!({"limit": 3, "nextToken": token});
        let answer = aws.ok("DescribeLogGroups", input.clone());
        seen.extend(aws.names(input));
        token = answer["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, names);
}

#[test]
fn tags_are_kept_by_the_arn_without_star() {
    let mut aws = Account::with(&[]);
    aws.ok("CreateLogGroup", json!({"logGroupName": "/ecs/till", "tags": {"a": "1"}}));
    aws.ok("TagResource", json!({"resourceArn": ARN, "tags": {"a": "2", "b": ""}}));
    assert_eq!(aws.ok("ListTagsForResource", json!({"resourceArn": ARN})), json!({"tags": {"a": "2", "b": ""}}));
    aws.ok("UntagResource", json!({"resourceArn": ARN, "tagKeys": ["b", "never"]}));
    assert_eq!(super::tagged(&aws.0)[0].1.len(), 1);
    let star = json!({"resourceArn": format!("{ARN}:*")});
    assert_eq!(aws.refused("ListTagsForResource", star), "InvalidParameterException");
    let many: serde_json::Map<_, _> = (0..50).map(|number| (format!("k{number}"), json!(""))).collect();
    assert_eq!(aws.refused("TagResource", json!({"resourceArn": ARN, "tags": many})), "TooManyTagsException");
}
