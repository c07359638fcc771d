use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::operation;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call, Service};
use crate::sandbox::world::World;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct Account {
    state: State,
    now: jiff::Timestamp,
}

impl Account {
    fn new() -> Self {
        let now = jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self { state: State::new(World::default()), now }
    }

    fn ask(&mut self, name: &str, input: Value) -> Result<Value, AwsError> {
        let (service, region) = (Service::SecretsManager, "us-west-2".to_owned());
        let call = Call { service, operation: name.into(), input, region, now: self.now };
        operation(&call).unwrap()(&mut self.state, &call)
    }

    #[track_caller]
    fn ok(&mut self, name: &str, input: Value) -> Value {
        self.ask(name, input).unwrap()
    }

    /// The code that an operation is refused with.
    #[track_caller]
    fn refused(&mut self, name: &str, input: Value) -> String {
        self.ask(name, input).unwrap_err().code
    }

    fn names(&mut self, input: Value) -> Vec<String> {
        let found = self.ok("ListSecrets", input);
        let list = found["SecretList"].as_array().unwrap();
        list.iter().map(|one| one["Name"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_secret_is_found_by_name_arn_and_part_of_it() {
    let mut aws = Account::new();
    let made = aws.ok("CreateSecret", json!({"Name": "store/code-1", "SecretString": "x"}));
    let arn = made["ARN"].as_str().unwrap().to_owned();
    let (start, suffix) = arn.rsplit_once('-').unwrap();
    assert_eq!(start, "arn:aws:secretsmanager:us-west-2:123456789012:secret:store/code-1");
    assert!(suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{suffix}");
    for id in ["store/code-1", arn.as_str(), start] {
        let got = aws.ok("GetSecretValue", json!({"SecretId": id}));
        assert_eq!((&got["SecretString"], &got["VersionId"]), (&json!("x"), &made["VersionId"]), "{id}");
    }
    let other = json!({"SecretId": format!("{start}-AAAAAA")});
    assert_eq!(aws.refused("GetSecretValue", other), "ResourceNotFoundException");
    assert_eq!(aws.refused("DescribeSecret", json!({"SecretId": "store"})), "ResourceNotFoundException");
}

#[test]
fn a_token_makes_creating_idempotent() {
    let mut aws = Account::new();
    let create = |value: &str| json!({"Name": "a", "SecretString": value, "ClientRequestToken": TOKEN});
    let made = aws.ok("CreateSecret", create("x"));
    assert_eq!(made["VersionId"], TOKEN);
    assert_eq!(aws.ok("CreateSecret", create("x")), made);
    assert_eq!(aws.refused("CreateSecret", create("y")), "ResourceExistsException");
    assert_eq!(aws.refused("CreateSecret", json!({"Name": "a", "SecretString": "x"})), "ResourceExistsException");
    let short = json!({"Name": "b", "SecretString": "x", "ClientRequestToken": "short"});
    assert_eq!(aws.refused("CreateSecret", short), "InvalidParameterException");
    let both = json!({"Name": "b", "SecretString": "x", "SecretBinary": "eA=="});
    assert_eq!(aws.refused("CreateSecret", both), "InvalidParameterException");
    assert_eq!(aws.refused("CreateSecret", json!({"Name": "a b"})), "InvalidParameterException");
}

#[test]
fn versions_take_stages_from_each_other() {
    let mut aws = Account::new();
    aws.ok("CreateSecret", json!({"Name": "a"}));
    assert_eq!(aws.refused("GetSecretValue", json!({"SecretId": "a"})), "ResourceNotFoundException");
    for value in ["one", "two", "three"] {
        let put = aws.ok("PutSecretValue", json!({"SecretId": "a", "SecretString": value}));
        assert_eq!(put["VersionStages"], json!(["AWSCURRENT"]));
    }
    let mut value = |more: Value| {
        let mut input = json!({"SecretId": "a"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        aws.ok("GetSecretValue", input)["SecretString"].clone()
    };
    assert_eq!(value(json!({})), "three");
    assert_eq!(value(json!({"VersionStage": "AWSPREVIOUS"})), "two");
    let described = aws.ok("DescribeSecret", json!({"SecretId": "a"}));
    assert_eq!(described["VersionIdsToStages"].as_object().unwrap().len(), 2);
    assert!(!described.to_string().contains("three"));
    let token = |value: &str| json!({"SecretId": "a", "SecretString": value, "ClientRequestToken": TOKEN});
    aws.ok("PutSecretValue", token("four"));
    aws.ok("PutSecretValue", token("four"));
    assert_eq!(aws.refused("PutSecretValue", token("five")), "ResourceExistsException");
    assert_eq!(aws.refused("PutSecretValue", json!({"SecretId": "a"})), "InvalidRequestException");
    aws.ok("UpdateSecret", json!({"SecretId": "a", "Description": "of the stores"}));
    assert_eq!(aws.ok("DescribeSecret", json!({"SecretId": "a"}))["Description"], "of the stores");
    assert_eq!(aws.ok("GetSecretValue", json!({"SecretId": "a"}))["SecretString"], "four");
}

#[test]
fn a_deleted_secret_waits_and_can_come_back() {
    let mut aws = Account::new();
    aws.ok("CreateSecret", json!({"Name": "a", "SecretString": "x"}));
    let name = json!({"SecretId": "a"});
    let window = |days: i64| json!({"SecretId": "a", "RecoveryWindowInDays": days});
    assert_eq!(aws.refused("DeleteSecret", window(6)), "InvalidParameterException");
    assert_eq!(aws.refused("DeleteSecret", window(31)), "InvalidParameterException");
    let both = json!({"SecretId": "a", "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": true});
    assert_eq!(aws.refused("DeleteSecret", both), "InvalidParameterException");
    let due = aws.ok("DeleteSecret", window(7))["DeletionDate"].as_f64().unwrap();
    assert_eq!(due - super::epoch(aws.now), 7.0 * 24.0 * 3600.0);
    for operation in ["GetSecretValue", "DeleteSecret"] {
        assert_eq!(aws.refused(operation, name.clone()), "InvalidRequestException", "{operation}");
    }
    let put = json!({"SecretId": "a", "SecretString": "y"});
    assert_eq!(aws.refused("PutSecretValue", put), "InvalidRequestException");
    assert_eq!(aws.refused("CreateSecret", json!({"Name": "a"})), "InvalidRequestException");
    assert!(aws.ok("DescribeSecret", name.clone())["DeletedDate"].is_number());
    assert!(aws.names(json!({})).is_empty());
    assert_eq!(aws.names(json!({"IncludePlannedDeletion": true})), ["a"]);
    aws.ok("RestoreSecret", name.clone());
    assert_eq!(aws.ok("GetSecretValue", name.clone())["SecretString"], "x");
    aws.ok("DeleteSecret", window(7));
    aws.now += Duration::from_secs(7 * 24 * 3600);
    assert_eq!(aws.refused("RestoreSecret", name.clone()), "ResourceNotFoundException");
    aws.ok("CreateSecret", json!({"Name": "a", "SecretString": "new"}));
    let force = json!({"SecretId": "a", "ForceDeleteWithoutRecovery": true});
    aws.ok("DeleteSecret", force.clone());
    assert_eq!(aws.refused("DescribeSecret", name), "ResourceNotFoundException");
    assert_eq!(aws.ok("DeleteSecret", force)["Name"], "a");
}

#[test]
fn secrets_are_listed_by_name_and_tag_in_pages() {
    let mut aws = Account::new();
    for (name, owner) in [("a/one", "x"), ("a/two", "y"), ("b", "x")] {
        aws.ok("CreateSecret", json!({"Name": name, "Tags": [{"Key": "owner", "Value": owner}]}));
        aws.now += Duration::from_secs(1);
    }
    let filter = |key: &str, value: &str| json!({"Filters": [{"Key": key, "Values": [value]}], "SortOrder": "asc"});
    assert_eq!(aws.names(filter("name", "a/")), ["a/one", "a/two"]);
    assert_eq!(aws.names(filter("name", "!a/")), ["b"]);
    assert_eq!(aws.names(filter("tag-value", "x")), ["a/one", "b"]);
    assert_eq!(aws.names(filter("tag-key", "other")), [""; 0]);
    assert_eq!(aws.names(json!({})), ["b", "a/two", "a/one"]);
    let first = aws.ok("ListSecrets", json!({"MaxResults": 2}));
    assert_eq!(aws.names(json!({"MaxResults": 2, "NextToken": first["NextToken"]})), ["a/one"]);
    assert_eq!(aws.refused("ListSecrets", json!({"NextToken": "zz"})), "InvalidNextTokenException");
    assert_eq!(aws.refused("ListSecrets", filter("colour", "x")), "InvalidParameterException");
}

#[test]
fn tags_come_and_go() {
    let mut aws = Account::new();
    aws.ok("CreateSecret", json!({"Name": "a", "Tags": [{"Key": "a", "Value": "1"}]}));
    aws.ok("TagResource", json!({"SecretId": "a", "Tags": [{"Key": "b", "Value": "2"}]}));
    aws.ok("UntagResource", json!({"SecretId": "a", "TagKeys": ["a"]}));
    let tags = aws.ok("DescribeSecret", json!({"SecretId": "a"}))["Tags"].clone();
    assert_eq!(tags, json!([{"Key": "b", "Value": "2"}]));
    let many: Vec<Value> = (0..50).map(|number| json!({"Key": format!("k{number}"), "Value": ""})).collect();
    assert_eq!(aws.refused("TagResource", json!({"SecretId": "a", "Tags": many})), "InvalidParameterException");
    let reserved = json!([{"Key": "aws:a", "Value": ""}]);
    assert_eq!(aws.refused("TagResource", json!({"SecretId": "a", "Tags": reserved})), "InvalidParameterException");
}
