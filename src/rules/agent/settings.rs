//! AGT-03, AGT-04, AGT-06, AGT-07, AGT-13 and AGT-14: what stands in `ecsConfig`.

use serde_json::Value;

use super::known::SETTINGS;
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::instance::AgentValue;
use crate::kinds::is_open;
use crate::manifest::suggest::closest;
use crate::rules::TYPOGRAPHIC;
use crate::rules::hosts::every_host;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "AGT-03",
        severity: Error,
        title: "a way to pull images that the agent does not know",
        why: "ECS_IMAGE_PULL_BEHAVIOR is default, always, once or prefer-cached. The agent takes anything else for \
              default, which asks the registry each time a task starts.",
        source: "aws/amazon-ecs-agent, README, Environment Variables",
        check: Check::All(pulls),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer_cached}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: prefer-cached}
",
    },
    Rule {
        id: "AGT-04",
        severity: Error,
        title: "tags of a container instance that ECS does not take",
        why: "ECS_CONTAINER_INSTANCE_TAGS is one JSON object of texts, with up to 50 tags, keys of 1 to 128 characters \
              that do not begin with aws:, and values of up to 256. With anything else the agent does not start, or is \
              refused when it registers.",
        source: "aws/amazon-ecs-agent, README, Environment Variables; Amazon ECS API, Tag",
        check: Check::All(tags),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_CONTAINER_INSTANCE_TAGS: {rack: 7}}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_CONTAINER_INSTANCE_TAGS: {rack: '7'}}
",
    },
    Rule {
        id: "AGT-06",
        severity: Error,
        title: "tags that are to come from where the agent does not look, or may not",
        why: "ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM is none or ec2_instance. With ec2_instance the agent asks EC2 \
              for the tags, so the role of the instance has to allow ec2:DescribeTags; where a declared role does not, that \
              is a warning.",
        source: "aws/amazon-ecs-agent, README, Environment Variables",
        check: Check::All(propagation),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM: ec2}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM: ec2_instance}
",
    },
    Rule {
        id: "AGT-07",
        severity: Error,
        title: "attributes of a container instance that are no object of texts",
        why: "ECS_INSTANCE_ATTRIBUTES is one JSON object of texts. With anything else the agent does not start. What names \
              and values may be is PLC-09's.",
        source: "aws/amazon-ecs-agent, README, Environment Variables; Amazon ECS API, Attribute",
        check: Check::All(attributes),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_INSTANCE_ATTRIBUTES: {rack: 7}}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_INSTANCE_ATTRIBUTES: {rack: '7'}}
",
    },
    Rule {
        id: "AGT-13",
        severity: Warning,
        title: "a setting that the agent does not know",
        why: "The agent and ecs-init read the settings that they know and pass over the rest without a word: a slip of the \
              pen is a setting that does nothing.",
        source: "aws/amazon-ecs-agent, README, Environment Variables",
        check: Check::All(known_names),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOUR: once}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_IMAGE_PULL_BEHAVIOR: once}
",
    },
    Rule {
        id: "AGT-14",
        severity: Error,
        title: "a setting that is no line which the agent can read",
        why: "/etc/ecs/ecs.config is a file of NAME=value, one line each, and lists are JSON. Another line makes the agent \
              not start, or is lost.",
        source: "Amazon ECS Developer Guide, Amazon ECS container agent configuration",
        check: Check::All(lines),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_RESERVED_PORTS: '22'}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_RESERVED_PORTS: [22]}
",
    },
];

/// A setting as the agent gets it.
struct Setting<'a> {
    name: &'a str,
    node: Node<'a>,
    /// Text that is JSON is what it says.
    value: Value,
    line: String,
}

/// The settings of all hosts, but for those that are not known yet, or have another rule's finding.
fn settings<'a>(declared: &Declared<'a>) -> Vec<Setting<'a>> {
    let nodes = every_host(declared).flat_map(|host| host.get("ecsConfig").members());
    let settings = nodes.filter_map(|(name, node)| {
        let written = node.written().unwrap_or_default();
        if written.contains(|letter| TYPOGRAPHIC.iter().any(|(wrong, _)| *wrong == letter)) {
            return None;
        }
        let mut value = AgentValue(node.value()?.clone());
        value.normalise();
        let line = value.line();
        Some(Setting { name, node, value: value.0, line }).filter(|one| !is_open(&one.line))
    });
    settings.collect()
}

fn called<'a>(name: &'static str, declared: &Declared<'a>) -> impl Iterator<Item = Setting<'a>> {
    settings(declared).into_iter().filter(move |setting| setting.name == name)
}

fn pulls(declared: &Declared<'_>, hits: &mut Hits) {
    const WAYS: [&str; 4] = ["default", "always", "once", "prefer-cached"];
    for setting in called("ECS_IMAGE_PULL_BEHAVIOR", declared) {
        if !WAYS.contains(&setting.line.as_str()) {
            hits.add(setting.node, format!("`{}` is not a way to pull images", setting.line)).help(WAYS.join(", "));
        }
    }
}

fn is_map_of_text(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.values().all(Value::is_string))
}

fn texts(value: &Value) -> impl Iterator<Item = (&str, &str)> {
    value.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

fn tags(declared: &Declared<'_>, hits: &mut Hits) {
    for Setting { node, value, .. } in called("ECS_CONTAINER_INSTANCE_TAGS", declared) {
        if !is_map_of_text(&value) {
            hits.add(node, "tags are an object of texts")
                .help("as {environment: Outpost}; numbers need quotation marks");
            continue;
        }
        let number = texts(&value).count();
        if number > 50 {
            hits.add(node, format!("{number} tags; a container instance has 50 at most"));
        }
        for (key, value) in texts(&value) {
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
                hits.add(node, format!("tag `{key}`: keys have 1 to 128 characters, values up to 256"));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                hits.add(node, format!("tag `{key}`: keys that begin with aws: are AWS's own"));
            }
        }
    }
}

fn propagation(declared: &Declared<'_>, hits: &mut Hits) {
    for setting in called("ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM", declared) {
        match setting.line.as_str() {
            "none" => {}
            "ec2_instance" => {
                let profile = declared.target(setting.node.whole().get("iamInstanceProfile"));
                let role = profile.and_then(|profile| declared.target(profile.get("role")));
                if let Some(role) = role.filter(|role| lacks_describe_tags(*role)) {
                    let message =
                        format!("{} does not allow ec2:DescribeTags, by which the agent asks", role.address());
                    hits.add_as(Warning, setting.node, message)
                        .help("allow it on Resource \"*\"")
                        .beside(role.get("inlinePolicies"), "what the role allows");
                }
            }
            other => {
                hits.add(setting.node, format!("`{other}` is not where tags can come from"))
                    .help("none or ec2_instance");
            }
        }
    }
}

/// Whether a role's policies, all of which are known, allow other things only.
fn lacks_describe_tags(role: Node<'_>) -> bool {
    const WITHOUT: [&str; 3] =
        ["/AmazonSSMManagedInstanceCore", "/AmazonEC2ContainerRegistryReadOnly", "/CloudWatchAgentServerPolicy"];
    let inline = role.get("inlinePolicies");
    let mut managed = role.get("managedPolicyArns").items();
    let is_without = |arn: Node<'_>| arn.text().is_some_and(|arn| WITHOUT.iter().any(|name| arn.ends_with(name)));
    inline.says_something() && managed.all(is_without) && inline.value().is_some_and(|value| !may_allow(value))
}

/// Whether an action of a policy covers ec2:DescribeTags, or there is something that cannot be told.
fn may_allow(policies: &Value) -> bool {
    match policies {
        Value::Object(members) => members.iter().any(|(name, member)| match name.as_str() {
            "NotAction" => true,
            "Action" => match member {
                Value::Array(actions) => actions.iter().any(covers),
                action => covers(action),
            },
            _ => may_allow(member),
        }),
        Value::Array(items) => items.iter().any(may_allow),
        // A document as text.
        Value::String(text) => text.trim_start().starts_with('{'),
        _ => false,
    }
}

fn covers(action: &Value) -> bool {
    let action = action.as_str().unwrap_or("*").to_ascii_lowercase();
    match action.split_once('*') {
        Some((start, _)) => "ec2:describetags".starts_with(start),
        None => action == "ec2:describetags" || is_open(&action),
    }
}

fn attributes(declared: &Declared<'_>, hits: &mut Hits) {
    for Setting { node, value, .. } in called("ECS_INSTANCE_ATTRIBUTES", declared) {
        if !is_map_of_text(&value) {
            hits.add(node, "attributes are an object of texts").help("as {site: oslo}; numbers need quotation marks");
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn known_names(declared: &Declared<'_>, hits: &mut Hits) {
    for host in every_host(declared) {
        for (name, node) in host.get("ecsConfig").members() {
            if is_name(name) && SETTINGS.binary_search(&name).is_err() {
                hits.add(node, format!("the ECS agent knows no setting {name}"));
                if let Some(near) = closest(name, SETTINGS.iter().copied()) {
                    hits.help(format!("did you mean {near}?"));
                }
            }
        }
    }
}

fn lines(declared: &Declared<'_>, hits: &mut Hits) {
    for Setting { name, node, value, line } in settings(declared) {
        if !is_name(name) {
            hits.add(node, format!("`{name}` is not the name of a setting")).help("capitals, digits and _");
        } else if line.contains(['\n', '\r']) {
            hits.add(node, "a setting is one line").help("in YAML, > instead of | joins lines");
        } else if LISTS.contains(&name) && !value.is_array() {
            hits.add(node, format!("{name} is a list")).help(format!("write [{line}]"));
        }
    }
}

/// Settings that are lists in JSON.
const LISTS: [&str; 3] = ["ECS_AVAILABLE_LOGGING_DRIVERS", "ECS_RESERVED_PORTS", "ECS_RESERVED_PORTS_UDP"];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::tests::findings;

    /// What is found about a sound instance with one more setting.
    fn codes(name: &str, value: Value) -> Vec<String> {
        let spec = json!({"imageId": "ami-0123456789abcdef0", "instanceType": "c5.large",
            "subnetId": "subnet-0123456789abcdef0", "iamInstanceProfile": "ecsInstanceRole",
            "ecsConfig": {"ECS_CLUSTER": "stores", name: value}});
        let found = findings(&format!("kind: Instance\nmetadata: {{name: host}}\nspec: {spec}\n"));
        found.iter().map(|one| one.code.to_string()).collect()
    }

    #[test]
    fn settings_of_the_agent() {
        let tags = "ECS_CONTAINER_INSTANCE_TAGS";
        assert_eq!(codes(tags, json!({"environment": "Outpost"})), [""; 0]);
        assert_eq!(codes(tags, json!("{\"environment\": \"Outpost\"}")), [""; 0]);
        for wrong in [json!("environment=Outpost"), json!({"rack": 7}), json!({"aws:rack": "7"}), json!("{\"a\":")] {
            assert_eq!(codes(tags, wrong.clone()), ["AGT-04"], "{wrong}");
        }
        assert_eq!(codes(tags, json!("{“environment”: “Outpost”}")), ["LEX-01"]);
        assert_eq!(codes("ECS_RESERVED_MEMORY", json!("1\n2")), ["AGT-14"]);
        assert_eq!(codes("ECS_RESERVED_MEMORY", json!(64)), [""; 0]);
        assert_eq!(codes("ecs_reserved_memory", json!(64)), ["AGT-14"]);
        assert_eq!(codes("ECS_AVAILABLE_LOGGING_DRIVERS", json!("[\"awslogs\"]")), [""; 0]);
        let attributes = "ECS_INSTANCE_ATTRIBUTES";
        assert_eq!(codes(attributes, json!({"site": "oslo north"})), [""; 0]);
        assert_eq!(codes(attributes, json!(["oslo"])), ["AGT-07"]);
    }

    #[test]
    fn a_role_has_to_allow_the_agent_to_ask_for_tags() {
        let policy = |action: &str| json!([{"policyName": "a", "policyDocument": {"Statement": [{"Action": action}]}}]);
        assert!(!may_allow(&policy("ecs:RegisterContainerInstance")));
        for action in ["ec2:DescribeTags", "ec2:Describe*", "ec2:*", "*", "EC2:describetags"] {
            assert!(may_allow(&policy(action)), "{action}");
        }
    }

    #[test]
    fn settings_are_sorted_so_that_they_are_found() {
        assert!(SETTINGS.is_sorted());
    }
}
