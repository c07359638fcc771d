//! The operations together, as a caller sees them. What AWS answers in detail is in `tests/contract/`.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::sandbox::wire::{Call, Service};
use crate::sandbox::world::World;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const FOR_EC2: &str = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role";

struct Account {
    state: State,
    now: Timestamp,
}

impl Account {
    fn new() -> Self {
        let now = "2026-11-01T10:00:00.25Z".parse().unwrap();
        Self { state: State::new(World { pace: 1.0, ..World::default() }), now }
    }

    fn ask(&mut self, name: &str, input: Value) -> Result<Value, AwsError> {
        let (service, region) = (Service::Iam, "us-east-1".to_owned());
        let call = Call { service, operation: name.into(), input, region, now: self.now };
        let (_, operation) = OPERATIONS.iter().find(|(other, _)| *other == name).unwrap();
        operation(&mut self.state, &call)
    }

    fn role(&mut self, name: &str) -> Value {
        self.ask("CreateRole", json!({"RoleName": name, "AssumeRolePolicyDocument": TRUST})).unwrap()["Role"].clone()
    }

    fn fault(&mut self, name: &str, input: Value) -> String {
        self.ask(name, input).unwrap_err().code
    }
}

#[test]
fn a_profile_serves_after_ten_seconds_with_a_role_that_may_register() {
    let mut account = Account::new();
    account.role("node");
    let profile = account.ask("CreateInstanceProfile", json!({"InstanceProfileName": "node"})).unwrap();
    let arn = profile["InstanceProfile"]["Arn"].as_str().unwrap().to_owned();
    let later = account.now + Duration::from_secs(10);
    assert_eq!(usable_profile(&account.state, "node", later), None, "it has no role yet");
    account.ask("AddRoleToInstanceProfile", json!({"InstanceProfileName": "node", "RoleName": "node"})).unwrap();
    assert_eq!(usable_profile(&account.state, "node", account.now + Duration::from_secs(9)), None);
    assert_eq!(usable_profile(&account.state, "NODE", later), Some(arn.clone()));
    assert_eq!(usable_profile(&account.state, &arn, later), Some(arn.clone()));

    let action = "ecs:RegisterContainerInstance";
    assert!(!profile_allows(&account.state, &arn, action));
    account.ask("AttachRolePolicy", json!({"RoleName": "node", "PolicyArn": FOR_EC2})).unwrap();
    assert!(profile_allows(&account.state, &arn, action));
    let boundary = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    account.ask("PutRolePermissionsBoundary", json!({"RoleName": "node", "PermissionsBoundary": boundary})).unwrap();
    assert!(!profile_allows(&account.state, &arn, action), "the boundary allows S3 only");
}

#[test]
fn a_role_is_deleted_only_when_nothing_hangs_on_it() {
    let mut account = Account::new();
    account.role("web");
    let policy = json!({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}).to_string();
    account.ask("PutRolePolicy", json!({"RoleName": "web", "PolicyName": "p", "PolicyDocument": policy})).unwrap();
    account.ask("AttachRolePolicy", json!({"RoleName": "web", "PolicyArn": FOR_EC2})).unwrap();
    account.ask("CreateInstanceProfile", json!({"InstanceProfileName": "web"})).unwrap();
    account.ask("AddRoleToInstanceProfile", json!({"InstanceProfileName": "web", "RoleName": "web"})).unwrap();
    let steps = [
        (
            "must remove roles",
            "RemoveRoleFromInstanceProfile",
            json!({"RoleName": "web", "InstanceProfileName": "web"}),
        ),
        ("must detach", "DetachRolePolicy", json!({"RoleName": "web", "PolicyArn": FOR_EC2})),
        ("must delete policies", "DeleteRolePolicy", json!({"RoleName": "web", "PolicyName": "p"})),
    ];
    for (hindrance, remedy, input) in steps {
        let error = account.ask("DeleteRole", json!({"RoleName": "web"})).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (409, "DeleteConflict"));
        assert!(error.message.contains(hindrance), "{}", error.message);
        account.ask(remedy, input).unwrap();
    }
    account.ask("DeleteRole", json!({"RoleName": "web"})).unwrap();
    let gone = account.ask("GetRole", json!({"RoleName": "web"})).unwrap_err();
    assert_eq!((gone.status, gone.message.as_str()), (404, "The role with name web cannot be found."));
}

#[test]
fn names_are_unique_whatever_their_case() {
    let mut account = Account::new();
    let role = account.role("Web");
    assert_eq!(role["RoleId"].as_str().unwrap().len(), 21);
    assert_eq!(role["CreateDate"], "2026-11-01T10:00:00Z");
    let again = json!({"RoleName": "WEB", "AssumeRolePolicyDocument": TRUST});
    assert_eq!(account.fault("CreateRole", again), "EntityAlreadyExists");
}

#[test]
fn pages_follow_one_another_without_gap() {
    let mut account = Account::new();
    for name in ["a", "b", "c", "d", "e"] {
        account.role(name);
    }
    let document = json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}).to_string();
    account.ask("CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": document})).unwrap();
    let (mut names, mut marker) = (Vec::new(), Value::Null);
    loop {
        let page = account.ask("GetAccountAuthorizationDetails", json!({"MaxItems": "2", "Marker": marker})).unwrap();
        let rows = page["RoleDetailList"].as_array().unwrap().iter().map(|role| role["RoleName"].clone());
        names
            .extend(rows.chain(page["Policies"].as_array().unwrap().iter().map(|policy| policy["PolicyName"].clone())));
        marker = page["Marker"].clone();
        assert_eq!(page["IsTruncated"], json!(!marker.is_null()));
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(json!(names), json!(["a", "b", "c", "d", "e", "p"]));
    assert_eq!(account.fault("ListRoles", json!({"MaxItems": "0"})), "ValidationError");
}

#[test]
fn policies_keep_five_versions_and_never_reuse_a_number() {
    let mut account = Account::new();
    let document = json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}).to_string();
    let policy = account.ask("CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": document})).unwrap();
    let arn = policy["Policy"]["Arn"].clone();
    for _ in 0..4 {
        let input = json!({"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": "true"});
        account.ask("CreatePolicyVersion", input).unwrap();
    }
    let another = json!({"PolicyArn": arn, "PolicyDocument": document});
    assert_eq!(account.fault("CreatePolicyVersion", another.clone()), "LimitExceeded");
    assert_eq!(account.fault("DeletePolicyVersion", json!({"PolicyArn": arn, "VersionId": "v5"})), "DeleteConflict");
    account.ask("DeletePolicyVersion", json!({"PolicyArn": arn, "VersionId": "v4"})).unwrap();
    assert_eq!(account.ask("CreatePolicyVersion", another).unwrap()["PolicyVersion"]["VersionId"], "v6");
    assert_eq!(account.fault("DeletePolicy", json!({"PolicyArn": arn})), "DeleteConflict");
}

#[test]
fn a_service_linked_role_is_made_once_and_is_awss_to_change() {
    let mut account = Account::new();
    let input = json!({"AWSServiceName": "ecs.amazonaws.com"});
    let role = account.ask("CreateServiceLinkedRole", input.clone()).unwrap()["Role"].clone();
    let arn = "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS";
    assert_eq!(role["Arn"], arn);
    assert!(role_exists(&account.state, arn));
    assert_eq!(account.fault("CreateServiceLinkedRole", input), "InvalidInput");
    assert_eq!(account.fault("DeleteRole", json!({"RoleName": "AWSServiceRoleForECS"})), "UnmodifiableEntity");
}
