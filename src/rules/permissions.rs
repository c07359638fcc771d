//! What declared roles may do and who may take them on, as far as the manifests tell: a policy that only AWS knows
//! makes the answer unknown, and then a rule says nothing.

use std::borrow::Cow;

use serde_json::Value;

use super::declared::Declared;
use super::node::Node;
use crate::kinds::is_open;

/// A policy document where it stands: an object, or JSON text of one.
pub(super) struct Document<'a> {
    pub(super) place: Node<'a>,
    /// None: not JSON.
    pub(super) value: Option<Cow<'a, Value>>,
}

/// A statement of a policy document.
pub(super) struct Statement<'a> {
    /// Where it stands; the whole document where that is text, since places in a text are not places in the manifest.
    pub(super) place: Node<'a>,
    pub(super) value: Value,
}

impl<'a> Document<'a> {
    pub(super) fn new(place: Node<'a>) -> Self {
        let value = place.value().and_then(|value| match value {
            Value::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
            value => Some(Cow::Borrowed(value)),
        });
        Self { place, value }
    }

    pub(super) fn statements(&self) -> Vec<Statement<'a>> {
        let written = self.place.get("Statement");
        match written.value() {
            Some(Value::Array(_)) => {
                let items = written.items().filter_map(|item| Some((item, item.value()?)));
                items.map(|(place, value)| Statement { place, value: value.clone() }).collect()
            }
            Some(one) => vec![Statement { place: written, value: one.clone() }],
            None => {
                let statements = self.value.as_ref().map_or(&[][..], |document| each(&document["Statement"]));
                statements.iter().map(|one| Statement { place: self.place, value: one.clone() }).collect()
            }
        }
    }

    /// How many characters IAM counts: all but white space.
    pub(super) fn size(&self) -> usize {
        match self.place.value() {
            Some(Value::String(text)) if self.value.is_none() => count(text),
            _ => self.value.as_ref().map_or(0, |value| count(&value.to_string())),
        }
    }
}

fn count(text: &str) -> usize {
    text.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// One or many: IAM takes a list or its only item.
pub(super) fn each(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// Who may take on a role.
pub(super) fn trust(role: Node<'_>) -> Document<'_> {
    Document::new(role.get("assumeRolePolicyDocument"))
}

/// The policies that are part of a role, with their names.
pub(super) fn inline(role: Node<'_>) -> Vec<(&str, Document<'_>)> {
    let policies = role.get("inlinePolicies");
    let listed = policies
        .items()
        .map(|item| (item.get("policyName").written().unwrap_or_default(), Document::new(item.get("policyDocument"))));
    listed.chain(policies.members().map(|(name, document)| (name, Document::new(document)))).collect()
}

/// The declared role that a member names.
pub(super) fn role<'a>(member: Node<'_>, declared: &Declared<'a>) -> Option<Node<'a>> {
    declared.target(member).filter(|target| target.address().kind == "Role")
}

/// The declared role of a declared instance, which its profile hands out.
pub(super) fn instance_role<'a>(instance: Node<'_>, declared: &Declared<'a>) -> Option<Node<'a>> {
    role(declared.target(instance.get("iamInstanceProfile"))?.get("role"), declared)
}

/// Whether a role may carry out an action on something. None: that depends on what only AWS knows.
pub(super) fn may(role: Node<'_>, action: &str) -> Option<bool> {
    let lifecycle = &role.resource().lifecycle;
    let mut is_known = !lifecycle
        .ignore_changes
        .iter()
        .any(|path| path.starts_with("managedPolicyArns") || path.starts_with("inlinePolicies"));
    let mut is_allowed = false;
    for arn in role.get("managedPolicyArns").items() {
        match arn.text().and_then(managed) {
            Some(actions) => is_allowed |= actions.iter().any(|pattern| matches(pattern, action)),
            None => is_known = false,
        }
    }
    for (_, document) in inline(role) {
        is_known &= document.value.is_some();
        for Statement { value, .. } in document.statements() {
            match covers(&value, action) {
                None => is_known = false,
                Some(false) => {}
                Some(true) if value["Effect"] == "Allow" => is_allowed = true,
                Some(true) => {
                    let is_everywhere = each(&value["Resource"]).iter().any(|resource| resource == "*");
                    if value["Effect"] == "Deny" && is_everywhere && value["Condition"].is_null() {
                        return Some(false);
                    }
                }
            }
        }
    }
    match (is_allowed, is_known) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// Those of the actions that a role certainly may not carry out.
pub(super) fn lacks<'a>(role: Node<'_>, actions: &[&'a str]) -> Vec<&'a str> {
    actions.iter().copied().filter(|action| may(role, action) == Some(false)).collect()
}

/// Whether a statement is about an action. None: a reference in it is open.
fn covers(statement: &Value, action: &str) -> Option<bool> {
    let about = |member: &str| -> Option<bool> {
        let mut is_open_somewhere = false;
        for pattern in each(&statement[member]).iter().filter_map(Value::as_str) {
            if is_open(pattern) {
                is_open_somewhere = true;
            } else if matches(pattern, action) {
                return Some(true);
            }
        }
        (!is_open_somewhere).then_some(false)
    };
    match statement["NotAction"].is_null() {
        true => about("Action"),
        false => about("NotAction").map(|is_excepted| !is_excepted),
    }
}

/// Whether a role lets a service take it on: `ecs-tasks`. None: a reference in it is open, or it lets in everybody.
pub(super) fn trusts(role: Node<'_>, service: &str) -> Option<bool> {
    let document = trust(role);
    document.value.as_ref()?;
    let mut is_known = true;
    for Statement { value, .. } in document.statements() {
        if value["Effect"] != "Allow" || covers(&value, "sts:AssumeRole") == Some(false) {
            continue;
        }
        is_known &= value["NotPrincipal"].is_null() && value["Principal"] != "*";
        for name in each(&value["Principal"]["Service"]).iter().filter_map(Value::as_str) {
            is_known &= !is_open(name) && !name.contains('*');
            if of_service(name) == Some(service) {
                return Some(true);
            }
        }
    }
    is_known.then_some(false)
}

/// `ecs-tasks` of `ecs-tasks.amazonaws.com`, also in China.
pub(super) fn of_service(principal: &str) -> Option<&str> {
    principal.strip_suffix(".cn").unwrap_or(principal).strip_suffix(".amazonaws.com")
}

/// Whether a name is one that a pattern of IAM means: `*` is any text, `?` any letter; the case has no meaning.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<u8>, Vec<u8>) =
        (pattern.to_ascii_lowercase().into_bytes(), name.to_ascii_lowercase().into_bytes());
    // Where the last `*` was, and how much of the name it has taken.
    let (mut at, mut in_name, mut star) = (0, 0, None);
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                in_name = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// What a managed policy of AWS allows, where we know it.
fn managed(arn: &str) -> Option<&'static [&'static str]> {
    let (_, path) = arn.split_once(":iam::aws:policy/")?;
    let name = path.rsplit('/').next()?;
    MANAGED.iter().find(|(policy, _)| *policy == name).map(|(_, actions)| *actions)
}

/// The managed policies of AWS that roles of hosts and tasks usually have.
const MANAGED: &[(&str, &[&str])] = &[
    ("AdministratorAccess", &["*"]),
    (
        "AmazonEC2ContainerServiceforEC2Role",
        &[
            "ec2:DescribeTags",
            "ecs:CreateCluster",
            "ecs:DeregisterContainerInstance",
            "ecs:DiscoverPollEndpoint",
            "ecs:Poll",
            "ecs:RegisterContainerInstance",
            "ecs:StartTelemetrySession",
            "ecs:UpdateContainerInstancesState",
            "ecs:Submit*",
            "ecs:TagResource",
            "ecs:ListTagsForResource",
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchGetImage",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
    ),
    (
        "AmazonECSTaskExecutionRolePolicy",
        &[
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchGetImage",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
    ),
    (
        "AmazonSSMManagedInstanceCore",
        &[
            "ssm:DescribeAssociation",
            "ssm:GetDeployablePatchSnapshotForInstance",
            "ssm:GetDocument",
            "ssm:DescribeDocument",
            "ssm:GetManifest",
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:ListAssociations",
            "ssm:ListInstanceAssociations",
            "ssm:PutInventory",
            "ssm:PutComplianceItems",
            "ssm:PutConfigurePackageResult",
            "ssm:UpdateAssociationStatus",
            "ssm:UpdateInstanceAssociationStatus",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
            "ec2messages:*",
        ],
    ),
    (
        "AmazonEC2ContainerRegistryReadOnly",
        &[
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:GetRepositoryPolicy",
            "ecr:Describe*",
            "ecr:List*",
            "ecr:BatchGetImage",
            "ecr:GetLifecyclePolicy*",
        ],
    ),
    ("AmazonEC2ContainerRegistryFullAccess", &["ecr:*", "cloudtrail:LookupEvents"]),
    (
        "AmazonS3ReadOnlyAccess",
        &["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"],
    ),
    ("AmazonS3FullAccess", &["s3:*", "s3-object-lambda:*"]),
    ("AmazonSSMReadOnlyAccess", &["ssm:Describe*", "ssm:Get*", "ssm:List*"]),
    ("CloudWatchLogsFullAccess", &["logs:*", "cloudwatch:GenerateQuery*"]),
    (
        "CloudWatchAgentServerPolicy",
        &[
            "cloudwatch:PutMetricData",
            "ec2:DescribeVolumes",
            "ec2:DescribeTags",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
            "logs:DescribeLogStreams",
            "logs:DescribeLogGroups",
            "logs:CreateLogStream",
            "logs:CreateLogGroup",
            "xray:*",
            "ssm:GetParameter",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_actions() {
        for (pattern, name) in [
            ("*", "ecs:Poll"),
            ("ecs:*", "ecs:Poll"),
            ("ECS:poll", "ecs:Poll"),
            ("ecs:Submit*", "ecs:SubmitTaskStateChange"),
            ("ecs:*State*", "ecs:SubmitTaskStateChange"),
            ("ecs:P?ll", "ecs:Poll"),
            ("**", ""),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("ecs:Po", "ecs:Poll"), ("ecs:Poll?", "ecs:Poll"), ("ecr:*", "ecs:Poll"), ("*x", "ecs:Poll"), ("", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn statements_about_an_action() {
        let about = |statement: Value| covers(&statement, "logs:CreateLogGroup");
        assert_eq!(about(serde_json::json!({"Action": "logs:Create*"})), Some(true));
        assert_eq!(about(serde_json::json!({"Action": ["logs:Put*", "ecs:*"]})), Some(false));
        assert_eq!(about(serde_json::json!({"NotAction": "iam:*"})), Some(true));
        assert_eq!(about(serde_json::json!({"NotAction": ["logs:*"]})), Some(false));
        assert_eq!(about(serde_json::json!({"Action": "logs:${LogGroup.a.name}"})), None);
    }

    #[test]
    fn services_by_their_principal() {
        assert_eq!(of_service("ecs-tasks.amazonaws.com"), Some("ecs-tasks"));
        assert_eq!(of_service("ec2.amazonaws.com.cn"), Some("ec2"));
        assert_eq!(of_service("arn:aws:iam::123456789012:root"), None);
    }
}
