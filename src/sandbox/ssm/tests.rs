use std::time::Duration;

use serde_json::{Value, json};

use super::{activations, register};
use crate::sandbox::operation;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call, Service};
use crate::sandbox::world::World;

const AL2023: &str = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id";

/// An account at a pace of one with a parameter of the world's and a role for nodes.
struct Account {
    state: State,
    now: jiff::Timestamp,
}

impl Account {
    fn new() -> Self {
        let mut world = World { pace: 1.0, ..World::default() };
        world.parameters.insert("/site/name".into(), "shop 12".into());
        let now = jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self { state: State::new(world), now }
    }

    fn with_role() -> Self {
        let mut aws = Self::new();
        aws.role("nodes", "ssm.amazonaws.com");
        aws.pass(10);
        aws
    }

    fn role(&mut self, name: &str, service: &str) {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        });
        let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string()});
        self.ask(Service::Iam, "CreateRole", input).unwrap();
        let policy = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
        self.ask(Service::Iam, "AttachRolePolicy", json!({"RoleName": name, "PolicyArn": policy})).unwrap();
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn ask(&mut self, service: Service, name: &str, input: Value) -> Result<Value, AwsError> {
        let call = Call { service, operation: name.into(), input, region: "us-west-2".into(), now: self.now };
        operation(&call).unwrap()(&mut self.state, &call)
    }

    #[track_caller]
    fn ok(&mut self, name: &str, input: Value) -> Value {
        self.ask(Service::Ssm, name, input).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, name: &str, input: Value) -> AwsError {
        self.ask(Service::Ssm, name, input).unwrap_err()
    }

    fn register(&mut self, activation: &Value, code: &Value) -> Result<String, AwsError> {
        let machine = super::Machine {
            computer_name: "till".into(),
            ip_address: "192.0.2.1".into(),
            platform_type: "Linux".into(),
            platform_name: "Ubuntu".into(),
            platform_version: "22.04".into(),
        };
        register(&mut self.state, activation.as_str().unwrap(), code.as_str().unwrap(), machine, self.now)
    }
}

#[test]
fn a_parameter_is_found_by_name_version_and_arn() {
    let mut aws = Account::new();
    let by_name = aws.ok("GetParameter", json!({"Name": AL2023}))["Parameter"].clone();
    assert_eq!(by_name["Value"], "ami-0a1ec5f00d2023001");
    let arn = by_name["ARN"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:ssm:us-west-2::parameter{AL2023}"));
    let by_arn = aws.ok("GetParameter", json!({"Name": format!("{arn}:1")}))["Parameter"].clone();
    assert_eq!((&by_arn["Name"], &by_arn["Selector"]), (&json!(AL2023), &json!(":1")));
    let own = aws.ok("GetParameter", json!({"Name": "/site/name"}));
    assert_eq!(own["Parameter"]["ARN"], "arn:aws:ssm:us-west-2:123456789012:parameter/site/name");
    aws.ok("PutParameter", json!({"Name": "flat", "Value": "1", "Type": "String"}));
    let flat = aws.ok("GetParameter", json!({"Name": "arn:aws:ssm:us-west-2:123456789012:parameter/flat"}));
    assert_eq!(flat["Parameter"]["Name"], "flat");
}

#[test]
fn what_is_missing_is_an_error_for_one_and_a_list_for_many() {
    let mut aws = Account::new();
    assert_eq!(aws.refused("GetParameter", json!({"Name": "/no"})).code, "ParameterNotFound");
    let version = aws.refused("GetParameter", json!({"Name": format!("{AL2023}:7")}));
    assert_eq!(version.code, "ParameterVersionNotFound");
    let many = aws.ok("GetParameters", json!({"Names": ["/no", AL2023]}));
    assert_eq!(many["InvalidParameters"], json!(["/no"]));
    assert_eq!(many["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(aws.refused("GetParameters", json!({"Names": ["/a", "/a"]})).code, "ValidationException");
}

#[test]
fn a_path_lists_its_children_or_all_below_in_pages() {
    let mut aws = Account::new();
    let path = "/aws/service/ecs/optimized-ami";
    assert_eq!(aws.ok("GetParametersByPath", json!({"Path": path}))["Parameters"], json!([]));
    let first = aws.ok("GetParametersByPath", json!({"Path": path, "Recursive": true, "MaxResults": 4}));
    assert_eq!(first["Parameters"].as_array().unwrap().len(), 4);
    let input = json!({"Path": path, "Recursive": true, "MaxResults": 4, "NextToken": first["NextToken"]});
    let second = aws.ok("GetParametersByPath", input);
    assert_eq!((second["Parameters"].as_array().unwrap().len(), &second["NextToken"]), (2, &Value::Null));
}

#[test]
fn a_secure_string_is_opaque_until_it_is_decrypted() {
    let mut aws = Account::new();
    let put = json!({"Name": "/a/code", "Value": "open sesame", "Type": "SecureString"});
    assert_eq!(aws.ok("PutParameter", put.clone()), json!({"Version": 1, "Tier": "Standard"}));
    assert_eq!(aws.refused("PutParameter", put).code, "ParameterAlreadyExists");
    let closed = aws.ok("GetParameter", json!({"Name": "/a/code"}))["Parameter"].clone();
    assert_eq!(closed["Type"], "SecureString");
    let text = closed["Value"].as_str().unwrap();
    assert!(text.starts_with("AQICAH") && text.len() > 100, "{text}");
    let open = json!({"Name": "/a/code", "WithDecryption": true});
    assert_eq!(aws.ok("GetParameter", open)["Parameter"]["Value"], "open sesame");
    let again = json!({"Name": "/a/code", "Value": "2", "Overwrite": true});
    assert_eq!(aws.ok("PutParameter", again)["Version"], 2);
    let many = aws.ok("GetParameters", json!({"Names": ["/a/code", "/a/code:1"], "WithDecryption": true}));
    let values: Vec<&Value> = many["Parameters"].as_array().unwrap().iter().map(|one| &one["Value"]).collect();
    assert_eq!(values, ["2", "open sesame"]);
    let listed =
        aws.ok("DescribeParameters", json!({"ParameterFilters": [{"Key": "KeyId", "Values": ["alias/aws/ssm"]}]}));
    assert_eq!(listed["Parameters"][0]["Name"], "/a/code");
    assert!(!listed.to_string().contains("sesame"));
    aws.ok("DeleteParameter", json!({"Name": "/a/code"}));
    assert_eq!(aws.refused("DeleteParameter", json!({"Name": "/a/code"})).code, "ParameterNotFound");
}

#[test]
fn parameters_are_held_to_the_rules() {
    let mut aws = Account::new();
    let mut code = |input: Value| aws.refused("PutParameter", input).code;
    assert_eq!(code(json!({"Name": "/a", "Value": "x"})), "ValidationException");
    assert_eq!(code(json!({"Name": "a/b", "Value": "x", "Type": "String"})), "ValidationException");
    assert_eq!(code(json!({"Name": "/aws/b", "Value": "x", "Type": "String"})), "AccessDeniedException");
    assert_eq!(code(json!({"Name": "ssm-b", "Value": "x", "Type": "String"})), "ValidationException");
    assert_eq!(code(json!({"Name": "/a b", "Value": "x", "Type": "String"})), "ValidationException");
    assert_eq!(code(json!({"Name": "/a", "Value": "", "Type": "String"})), "ValidationException");
    let deep = "/a".repeat(16);
    assert_eq!(code(json!({"Name": deep, "Value": "x", "Type": "String"})), "HierarchyLevelLimitExceededException");
    assert_eq!(code(json!({"Name": "/a", "Value": "x", "Type": "String", "KeyId": "k"})), "ValidationException");
    assert_eq!(code(json!({"Name": "/a", "Value": "x".repeat(4097), "Type": "String"})), "ValidationException");
    let tags = json!([{"Key": "a", "Value": "b"}]);
    let both = json!({"Name": "/a", "Value": "x", "Type": "String", "Tags": tags, "Overwrite": true});
    assert_eq!(code(both), "ValidationException");
    let large = json!({"Name": "/a", "Value": "x".repeat(4097), "Type": "String", "Tier": "Intelligent-Tiering"});
    assert_eq!(aws.ok("PutParameter", large)["Tier"], "Advanced");
    let back = json!({"Name": "/a", "Value": "x", "Tier": "Standard", "Overwrite": true});
    assert_eq!(aws.refused("PutParameter", back).code, "ValidationException");
}

#[test]
fn parameters_of_the_world_can_be_changed_and_deleted_but_the_public_ones() {
    let mut aws = Account::new();
    let listed = aws.ok("DescribeParameters", json!({}));
    assert_eq!(listed["Parameters"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(
        aws.ok("ListTagsForResource", json!({"ResourceType": "Parameter", "ResourceId": "/site/name"}))["TagList"],
        json!([])
    );
    let put = json!({"Name": "/site/name", "Value": "shop 13", "Overwrite": true});
    assert_eq!(aws.ok("PutParameter", put)["Version"], 2);
    let several = aws.ok("DeleteParameters", json!({"Names": ["/site/name", AL2023]}));
    assert_eq!(several, json!({"DeletedParameters": ["/site/name"], "InvalidParameters": [AL2023]}));
    assert_eq!(
        aws.ok("GetParameters", json!({"Names": ["/site/name", AL2023]}))["InvalidParameters"],
        json!(["/site/name"])
    );
}

#[test]
fn parameters_are_listed_by_name_path_and_tag() {
    let mut aws = Account::new();
    for (name, owner) in [("/a/one", "x"), ("/a/b/two", "y"), ("three", "x")] {
        let tags = json!([{"Key": "owner", "Value": owner}]);
        aws.ok("PutParameter", json!({"Name": name, "Value": "v", "Type": "String", "Tags": tags}));
    }
    let mut names = |filter: Value| -> Vec<String> {
        let found = aws.ok("DescribeParameters", json!({"ParameterFilters": [filter]}))["Parameters"].clone();
        found.as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!({"Key": "Name", "Values": ["/a/one"]})), ["/a/one"]);
    assert_eq!(names(json!({"Key": "Name", "Option": "BeginsWith", "Values": ["/a/"]})), ["/a/b/two", "/a/one"]);
    assert_eq!(names(json!({"Key": "Path", "Values": ["/a"]})), ["/a/one"]);
    assert_eq!(names(json!({"Key": "Path", "Option": "Recursive", "Values": ["/a"]})), ["/a/b/two", "/a/one"]);
    assert_eq!(names(json!({"Key": "tag:owner", "Values": ["x"]})), ["/a/one", "three"]);
    assert_eq!(names(json!({"Key": "tag:owner"})), ["/a/b/two", "/a/one", "three"]);
    let bad = json!({"ParameterFilters": [{"Key": "Nome", "Values": ["x"]}]});
    assert_eq!(aws.refused("DescribeParameters", bad).code, "InvalidFilterKey");
    let bad = json!({"ParameterFilters": [{"Key": "Name", "Option": "Like", "Values": ["x"]}]});
    assert_eq!(aws.refused("DescribeParameters", bad).code, "InvalidFilterOption");
}

#[test]
fn an_activation_needs_a_role_that_ssm_may_assume() {
    let mut aws = Account::new();
    aws.role("nodes", "ssm.amazonaws.com");
    aws.role("tasks", "ecs-tasks.amazonaws.com");
    let create = |role: &str| json!({"IamRole": role});
    let fresh = aws.refused("CreateActivation", create("nodes"));
    let text =
        "Nonexistent role or missing ssm service principal in trust policy: arn:aws:iam::123456789012:role/nodes";
    assert_eq!((fresh.code.as_str(), fresh.message.as_str()), ("ValidationException", text));
    aws.pass(10);
    aws.ok("CreateActivation", create("nodes"));
    for role in ["tasks", "nobody", "arn:aws:iam::123456789012:role/nodes"] {
        assert!(aws.refused("CreateActivation", create(role)).message.starts_with("Nonexistent role"), "{role}");
    }
    assert!(aws.refused("CreateActivation", create(&"r".repeat(65))).message.contains("less than or equal to 64"));
}

#[test]
fn an_activation_is_within_limits_and_its_code_is_shown_once() {
    let mut aws = Account::with_role();
    let day = 24.0 * 3600.0;
    let now = super::epoch(aws.now);
    for more in [
        json!({"RegistrationLimit": 0}),
        json!({"RegistrationLimit": 1001}),
        json!({"ExpirationDate": now - 1.0}),
        json!({"ExpirationDate": now + 30.5 * day}),
        json!({"DefaultInstanceName": "a*b"}),
        json!({"Tags": [{"Key": "aws:a", "Value": ""}]}),
    ] {
        let mut input = json!({"IamRole": "nodes"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(aws.refused("CreateActivation", input).code, "ValidationException", "{more}");
    }
    let made = aws.ok("CreateActivation", json!({"IamRole": "nodes"}));
    let code = made["ActivationCode"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 20);
    let all = aws.ok("DescribeActivations", json!({}));
    assert!(!all.to_string().contains(&code));
    let one = &all["ActivationList"][0];
    assert_eq!((&one["RegistrationLimit"], &one["RegistrationsCount"]), (&json!(1), &json!(0)));
    assert_eq!((one["ExpirationDate"].as_f64(), &one["Expired"]), (Some(now + day), &json!(false)));
    assert!(!serde_json::to_string(&aws.state).unwrap().contains(&code));
}

#[test]
fn activations_are_filtered_paged_and_deleted() {
    let mut aws = Account::with_role();
    let mut ids = Vec::new();
    for name in ["till", "till", "scale"] {
        let made = aws.ok("CreateActivation", json!({"IamRole": "nodes", "DefaultInstanceName": name}));
        ids.push(made["ActivationId"].clone());
        aws.pass(1);
    }
    let filter = |key: &str, value: &Value| json!({"Filters": [{"FilterKey": key, "FilterValues": [value]}]});
    let mut count = |input: Value| aws.ok("DescribeActivations", input)["ActivationList"].as_array().unwrap().len();
    assert_eq!(count(filter("DefaultInstanceName", &json!("till"))), 2);
    assert_eq!(count(filter("ActivationIds", &ids[2])), 1);
    assert_eq!(count(filter("IamRole", &json!("other"))), 0);
    let first = aws.ok("DescribeActivations", json!({"MaxResults": 2}));
    let rest = aws.ok("DescribeActivations", json!({"MaxResults": 2, "NextToken": first["NextToken"]}));
    assert_eq!((first["ActivationList"].as_array().unwrap().len(), &rest["NextToken"]), (2, &Value::Null));
    assert_eq!(rest["ActivationList"][0]["ActivationId"], ids[2]);
    aws.ok("DeleteActivation", json!({"ActivationId": ids[0]}));
    assert_eq!(aws.refused("DeleteActivation", json!({"ActivationId": ids[0]})).code, "InvalidActivation");
    assert_eq!(aws.refused("DeleteActivation", json!({"ActivationId": "x"})).code, "InvalidActivationId");
    assert_eq!(aws.refused("DescribeActivations", json!({"NextToken": "zz"})).code, "InvalidNextToken");
    assert_eq!(aws.refused("DescribeActivations", filter("Name", &json!("x"))).code, "ValidationException");
}

#[test]
fn machines_register_until_the_activation_is_used_up_or_old() {
    let mut aws = Account::with_role();
    let tags = json!([{"Key": "site", "Value": "oslo"}]);
    let input = json!({"IamRole": "nodes", "RegistrationLimit": 2, "DefaultInstanceName": "till", "Tags": tags});
    let made = aws.ok("CreateActivation", input);
    let (id, code) = (&made["ActivationId"], &made["ActivationCode"]);
    let mut code_of = |id: &Value, code: &Value| aws.register(id, code).unwrap_err().code;
    assert_eq!(code_of(&json!("nonsense"), code), "InvalidActivationId");
    assert_eq!(code_of(id, &json!("x".repeat(20))), "InvalidActivation");
    assert_eq!(code_of(&json!("00000000-0000-0000-0000-000000000000"), code), "InvalidActivation");
    let node = aws.register(id, code).unwrap();
    assert!(node.starts_with("mi-") && node.len() == 20, "{node}");
    aws.register(id, code).unwrap();
    assert_eq!(aws.register(id, code).unwrap_err().code, "RegistrationLimitExceeded");
    let listed = aws.ok("DescribeActivations", json!({}))["ActivationList"][0].clone();
    assert_eq!(listed["RegistrationsCount"], 2);
    let found = aws.ok("DescribeInstanceInformation", json!({"Filters": [{"Key": "tag:site", "Values": ["oslo"]}]}));
    assert_eq!(found["InstanceInformationList"].as_array().unwrap().len(), 2);
    let one = json!({"InstanceInformationFilterList": [{"key": "InstanceIds", "valueSet": [node]}]});
    let one = aws.ok("DescribeInstanceInformation", one)["InstanceInformationList"][0].clone();
    assert_eq!((&one["PingStatus"], &one["Name"]), (&json!("Online"), &json!("till")));
    assert_eq!((&one["ResourceType"], &one["ActivationId"]), (&json!("ManagedInstance"), id));

    let old = aws.ok("CreateActivation", json!({"IamRole": "nodes"}));
    aws.pass(25 * 3600);
    let late = aws.register(&old["ActivationId"], &old["ActivationCode"]).unwrap_err();
    assert_eq!(late.code, "ActivationExpired");
    let listed = aws.ok("DescribeActivations", json!({}));
    assert_eq!(listed["ActivationList"][1]["Expired"], true);
    aws.ok("DeleteActivation", json!({"ActivationId": old["ActivationId"]}));
    let gone =
        activations::consume(&mut aws.state, old["ActivationId"].as_str().unwrap(), "x", jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(gone.map(|_| ()).unwrap_err().code, "InvalidActivation");
}

#[test]
fn nodes_have_tags_and_a_role_and_are_deregistered() {
    let mut aws = Account::with_role();
    aws.role("other", "ssm.amazonaws.com");
    aws.pass(10);
    let made = aws.ok("CreateActivation", json!({"IamRole": "nodes"}));
    let node = aws.register(&made["ActivationId"], &made["ActivationCode"]).unwrap();
    let resource = json!({"ResourceType": "ManagedInstance", "ResourceId": node});
    let with = |more: Value| {
        let mut input = resource.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]);
    aws.ok("AddTagsToResource", with(json!({"Tags": tags})));
    aws.ok("RemoveTagsFromResource", with(json!({"TagKeys": ["a"]})));
    let left = aws.ok("ListTagsForResource", resource.clone())["TagList"].clone();
    assert_eq!(left, json!([{"Key": "b", "Value": "2"}]));
    let many: Vec<Value> = (0..50).map(|number| json!({"Key": format!("k{number}"), "Value": ""})).collect();
    assert_eq!(aws.refused("AddTagsToResource", with(json!({"Tags": many}))).code, "TooManyTagsError");
    let activation = json!({"ResourceType": "Activation", "ResourceId": made["ActivationId"], "Tags": tags});
    assert_eq!(aws.refused("AddTagsToResource", activation).code, "InvalidResourceType");
    let nothing = json!({"ResourceType": "ManagedInstance", "ResourceId": "mi-00000000000000000"});
    assert_eq!(aws.refused("ListTagsForResource", nothing).code, "InvalidResourceId");

    aws.ok("UpdateManagedInstanceRole", json!({"InstanceId": node, "IamRole": "other"}));
    let found = aws.ok("DescribeInstanceInformation", json!({"Filters": [{"Key": "IamRole", "Values": ["other"]}]}));
    assert_eq!(found["InstanceInformationList"][0]["InstanceId"], json!(node));
    let bad = json!({"InstanceId": node, "IamRole": "nobody"});
    assert_eq!(aws.refused("UpdateManagedInstanceRole", bad).code, "ValidationException");
    aws.ok("DeregisterManagedInstance", json!({"InstanceId": node}));
    assert_eq!(aws.refused("DeregisterManagedInstance", json!({"InstanceId": node})).code, "InvalidInstanceId");
    assert_eq!(aws.refused("ListTagsForResource", resource).code, "InvalidResourceId");
}

#[test]
fn filters_of_nodes_are_checked() {
    let mut aws = Account::new();
    let mut code = |input: Value| aws.refused("DescribeInstanceInformation", input).code;
    let filter = |key: &str, value: &str| json!({"Filters": [{"Key": key, "Values": [value]}]});
    assert_eq!(code(filter("Nonsense", "x")), "InvalidFilterKey");
    assert_eq!(code(filter("PingStatus", "x")), "InvalidInstanceInformationFilterValue");
    assert_eq!(code(filter("InstanceIds", "x")), "InvalidInstanceId");
    assert_eq!(code(json!({"MaxResults": 4})), "ValidationException");
    let old = json!({"InstanceInformationFilterList": [{"key": "tag:a", "valueSet": ["x"]}]});
    assert_eq!(code(old), "InvalidFilterKey");
}
