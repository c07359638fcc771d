//! NAM-01, NAM-03 and NAM-05 to NAM-07: names that AWS takes.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;
use crate::kinds::is_open;
use crate::rules::images::Ecr;
use crate::rules::workload::containers;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "NAM-01",
        severity: Error,
        title: "a name that ECS does not take",
        why: "Clusters, services, families, containers and volumes have names of 1 to 255 letters, digits, hyphens and \
              underscores: \"InvalidParameterException\", \"ClientException: … should match\".",
        source: "Amazon ECS API, CreateCluster.clusterName and ContainerDefinition.name",
        check: Check::All(ecs_names),
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {clusterName: stores of oslo}
",
        good: "
kind: Cluster
metadata: {name: stores}
spec: {clusterName: stores-of-oslo}
",
    },
    Rule {
        id: "NAM-03",
        severity: Error,
        title: "a name or description that a security group cannot have",
        why: "A group's name is not default and does not begin with sg-; name and descriptions have up to 255 letters and \
              digits of ASCII, spaces and ._-:/()#,@[]+=&;{}!$*: \"InvalidParameterValue\".",
        source: "Amazon EC2 API, CreateSecurityGroup.GroupName",
        check: Check::Each("SecurityGroup", group_names),
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec: {vpcId: vpc-0123456789abcdef0, groupName: sg-hosts}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec: {vpcId: vpc-0123456789abcdef0, groupName: hosts}
",
    },
    Rule {
        id: "NAM-05",
        severity: Error,
        title: "a name or path that IAM does not take",
        why: "Names have letters, digits and + = , . @ _ -, of roles up to 64, of instance profiles and policies up to 128; \
              a path begins and ends with a slash and has up to 512 characters: \"ValidationError\".",
        source: "IAM API, CreateRole.RoleName and CreateInstanceProfile.Path",
        check: Check::All(iam_names),
        bad: "
kind: InstanceProfile
metadata: {name: host}
spec: {role: ecsInstanceRole, path: edge}
",
        good: "
kind: InstanceProfile
metadata: {name: host}
spec: {role: ecsInstanceRole, path: /edge/}
",
    },
    Rule {
        id: "NAM-06",
        severity: Error,
        title: "an image of ECR whose repository cannot have that name",
        why: "Repositories have 2 to 256 lower-case letters and digits, with . _ - and / between them. No other one can \
              exist, so the task never starts (\"CannotPullContainerError\").",
        source: "Amazon ECR API, CreateRepository.repositoryName",
        check: Check::Each("TaskDefinition", repositories),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/Till:7', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/till:7', memory: 64}
",
    },
    Rule {
        id: "NAM-07",
        severity: Error,
        title: "a name that a log group cannot have",
        why: "Log groups have 1 to 512 letters and digits of ASCII and . _ - / #; names that begin with aws/ are AWS's own; \
              and AWS cannot tag one with a # in it, by whose tags farpost knows its own.",
        source: "Amazon CloudWatch Logs API, CreateLogGroup.logGroupName",
        check: Check::All(log_groups),
        bad: "
kind: LogGroup
metadata: {name: till}
spec: {logGroupName: 'till logs', retentionInDays: 30}
",
        good: "
kind: LogGroup
metadata: {name: till}
spec: {logGroupName: /ecs/till, retentionInDays: 30}
",
    },
];

fn ecs_names(declared: &Declared<'_>, hits: &mut Hits) {
    for (kind, member, what) in [
        ("Cluster", "clusterName", "cluster"),
        ("Service", "serviceName", "service"),
        ("TaskDefinition", "family", "family"),
    ] {
        declared.of(kind).for_each(|node| ecs_name(node.get(member), what, hits));
    }
    for task in declared.of("TaskDefinition") {
        containers(task).for_each(|container| ecs_name(container.get("name"), "container", hits));
        task.get("volumes").items().for_each(|volume| ecs_name(volume.get("name"), "volume", hits));
    }
}

fn ecs_name(node: Node<'_>, what: &str, hits: &mut Hits) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if let Some(name) = node.text().filter(|name| !(1..=255).contains(&name.len()) || !name.bytes().all(fits)) {
        hits.add(node, format!("`{name}` cannot be the name of a {what}"))
            .help("1 to 255 letters, digits, hyphens and underscores");
    }
}

/// What names and descriptions of security groups may hold beside letters and digits.
const PUNCTUATION: &str = " ._-:/()#,@[]+=&;{}!$*";

fn group_names(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let given = group.get("groupName");
    let (node, name) = match given.is_given() {
        true => (given, given.text()),
        false => (group, Some(group.address().name.as_str())),
    };
    match name {
        Some(name) if name.is_empty() || name.starts_with("sg-") || name.eq_ignore_ascii_case("default") => {
            hits.add(node, format!("a security group cannot be called `{name}`"))
                .help("a name that is not default and does not begin with sg-, in groupName");
        }
        _ => group_text(given, "name", hits),
    }
    let description = group.get("description");
    if description.is("") {
        hits.add(description, "AWS takes no empty description of a group").help("leave it out");
    }
    group_text(description, "description", hits);
    for rule in ["ingress", "egress"].into_iter().flat_map(|member| group.get(member).items()) {
        group_text(rule.get("description"), "rule's description", hits);
        for list in ["ipRanges", "ipv6Ranges", "prefixListIds", "userIdGroupPairs"] {
            rule.get(list).items().for_each(|one| group_text(one.get("description"), "rule's description", hits));
        }
    }
}

fn group_text(node: Node<'_>, what: &str, hits: &mut Hits) {
    let Some(text) = node.text() else { return };
    let length = text.chars().count();
    if length > 255 {
        hits.add(node, format!("a {what} has at most 255 characters, and this has {length}"));
    } else if let Some(wrong) = text.chars().find(|one| !one.is_ascii_alphanumeric() && !PUNCTUATION.contains(*one)) {
        hits.add(node, format!("AWS takes no {wrong:?} in a {what}"))
            .help(format!("letters and digits of ASCII, spaces and {}", PUNCTUATION.trim()));
    }
}

fn iam_names(declared: &Declared<'_>, hits: &mut Hits) {
    for role in declared.of("Role") {
        let (given, own) = (role.get("roleName"), role.address().name.as_str());
        match given.is_given() {
            true => iam_name(given, given.written(), 64, hits),
            false => iam_name(role, Some(own), 64, hits),
        }
        iam_path(role.get("path"), hits);
        let inline = role.get("inlinePolicies");
        for policy in inline.items() {
            iam_name(policy.get("policyName"), policy.get("policyName").written(), 128, hits);
        }
        for (name, document) in inline.members() {
            iam_name(document, Some(name), 128, hits);
        }
    }
    for profile in declared.of("InstanceProfile") {
        let (given, role) = (profile.get("instanceProfileName"), profile.get("role"));
        iam_name(given, given.written(), 128, hits);
        iam_path(profile.get("path"), hits);
        iam_name(role, role.written().map(last), 64, hits);
    }
    for host in declared.of("Instance") {
        let profile = host.get("iamInstanceProfile");
        iam_name(profile, profile.written().map(last), 128, hits);
    }
}

/// The name at the end of an ARN; a name stays as it is.
fn last(text: &str) -> &str {
    if text.starts_with("arn:") && !is_open(text) { text.rsplit('/').next().unwrap_or(text) } else { text }
}

fn iam_name(node: Node<'_>, name: Option<&str>, longest: usize, hits: &mut Hits) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    let is_wrong = |name: &&str| !(1..=longest).contains(&name.len()) || !name.bytes().all(fits);
    if let Some(name) = name.filter(|name| !is_open(name)).filter(is_wrong) {
        hits.add(node, format!("`{name}` is not a name that IAM takes"))
            .help(format!("1 to {longest} letters, digits and + = , . @ _ -"));
    }
}

fn iam_path(node: Node<'_>, hits: &mut Hits) {
    let Some(path) = node.text() else { return };
    let is_plain = path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if !path.starts_with('/') || !path.ends_with('/') || path.len() > 512 || !is_plain {
        hits.add(node, format!("`{path}` is not a path: it begins and ends with a slash")).help("as /edge/");
    }
}

fn repositories(task: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for node in containers(task).map(|container| container.get("image")) {
        let Some(image) = node.text().and_then(Ecr::of) else { continue };
        if !is_repository(image.repository) {
            hits.add(node, format!("`{}` cannot be the name of a repository", image.repository))
                .help("2 to 256 lower-case letters and digits, with . _ - and / between them");
        }
    }
}

fn is_repository(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| part.split(['.', '_', '-']).all(|word| !word.is_empty() && word.bytes().all(is_word));
    (2..=256).contains(&name.len()) && name.split('/').all(is_part)
}

fn log_groups(declared: &Declared<'_>, hits: &mut Hits) {
    for group in declared.of("LogGroup") {
        let node = group.get("logGroupName");
        match node.text() {
            Some(name) if name.starts_with("aws/") => {
                hits.add(node, "names that begin with aws/ are AWS's own").help("as /ecs/till");
            }
            Some(name) if name.contains('#') => {
                hits.add(node, "AWS cannot tag a log group whose name has a # in it")
                    .help("farpost knows its objects by their tags; choose a name without #");
            }
            _ => log_group(node, hits),
        }
    }
    for task in declared.of("TaskDefinition") {
        for log in containers(task).map(|container| container.get("logConfiguration")) {
            if log.get("logDriver").is("awslogs") {
                log_group(log.get("options").get("awslogs-group"), hits);
            }
        }
    }
    for cluster in declared.of("Cluster") {
        let exec = cluster.at("configuration.executeCommandConfiguration.logConfiguration");
        log_group(exec.get("cloudWatchLogGroupName"), hits);
    }
}

fn log_group(node: Node<'_>, hits: &mut Hits) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#".contains(&byte);
    if let Some(name) = node.text().filter(|name| !(1..=512).contains(&name.len()) || !name.bytes().all(fits)) {
        hits.add(node, format!("`{name}` is not a name that a log group can have"))
            .help("1 to 512 ASCII letters, digits and . _ - / #");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::findings;

    fn codes(example: &str) -> Vec<String> {
        findings(example).iter().map(|one| one.code.to_string()).collect()
    }

    #[test]
    fn groups_have_names_of_aws_alphabet() {
        let named = |name: &str, more: &str| {
            let head = format!("kind: SecurityGroup\nmetadata: {{name: {name}}}\nspec: {{vpcId: vpc-0123456789abcdef0");
            codes(&format!("{head}{more}}}\n"))
        };
        assert_eq!(named("web", ", groupName: web (edge)"), [""; 0]);
        assert_eq!(named("web", ", groupName: wéb"), ["NAM-03"]);
        assert_eq!(named("web", &format!(", groupName: {}", "x".repeat(256))), ["NAM-03"]);
        assert_eq!(named("web", ", description: \"Dana's\""), ["NAM-03"]);
        assert_eq!(named("web", ", description: ''"), ["NAM-03"]);
        // Also where the name is the document's.
        assert_eq!(named("default", ""), ["NAM-03"]);
        assert_eq!(named("sg-web", ""), ["NAM-03"]);
        assert_eq!(named("sg-web", ", groupName: web"), [""; 0]);
    }

    #[test]
    fn log_groups_are_those_that_aws_takes_and_can_tag() {
        let named = |name: &str| {
            codes(&format!(
                "kind: LogGroup\nmetadata: {{name: till}}\nspec: {{logGroupName: '{name}', retentionInDays: 7}}\n"
            ))
        };
        for good in ["/ecs/till", "a", "x.y_z-1", &"a".repeat(512)] {
            assert_eq!(named(good), [""; 0], "{good}");
        }
        for bad in ["", "a b", "a:b", "é", "aws/lambda/x", "a#b", &"a".repeat(513)] {
            assert_eq!(named(bad), ["NAM-07"], "{bad}");
        }
    }

    #[test]
    fn repositories_have_lower_case_words() {
        for good in ["till", "edge/till", "a.b-c_d/e9", "ab"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in ["a", "Till", "till/", "/till", "a..b", "-till", ""] {
            assert!(!is_repository(bad), "{bad}");
        }
    }

    #[test]
    fn profiles_are_named_too() {
        let profile =
            |members: &str| codes(&format!("kind: InstanceProfile\nmetadata: {{name: host}}\nspec: {{{members}}}\n"));
        assert_eq!(profile("role: not a name"), ["NAM-05"]);
        assert_eq!(profile("role: 'arn:aws:iam::123456789012:role/edge/host'"), [""; 0]);
        assert_eq!(profile("role: host, instanceProfileName: 'a b'"), ["NAM-05"]);
    }
}
