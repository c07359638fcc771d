//! TD-15 to TD-17: the variables of containers. A value that may be a secret is never shown.

use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::is_open;
use crate::rules::workload::containers;
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// Files with variables that a container may have.
const MOST_FILES: usize = 10;

/// Words that names of secrets end with.
const NAMES: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "SECRET_KEY",
    "SECRET_ACCESS_KEY",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "CREDENTIALS",
];

/// How values begin that are secrets whatever they are called.
const BEGINNINGS: &[&str] = &[
    "AKIA",
    "ASIA",
    "-----BEGIN ",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "sk-ant-",
    "AIza",
    "eyJhbGciOi",
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-15",
        severity: Error,
        title: "a variable of a container is there twice",
        why: "A name stands once among environment and secrets. RegisterTaskDefinition says of a secret: \"The secret \
              name must be unique and not shared with any new or existing environment variables\"; of two plain \
              variables it would be open which one counts.",
        source: "Amazon ECS API, ContainerDefinition.environment and .secrets",
        check: Check::Each("TaskDefinition", variables),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      environment: [{name: STORE, value: '17'}, {name: STORE, value: '18'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      environment: [{name: STORE, value: '17'}]
",
    },
    Rule {
        id: "TD-16",
        severity: Warning,
        title: "a variable without a name, or with a secret as its plain value",
        why: "Whoever may describe a task definition reads the values in environment, and they stay in old revisions for \
              good. What is under secrets is fetched when the container starts. Looked at are the value (access keys, \
              PEM blocks, known kinds of tokens, addresses with a password in them) and, with any value that is not \
              obviously harmless, the name.",
        source: "Amazon ECS API, ContainerDefinition.environment: \"We don't recommend that you use plaintext \
                 environment variables for sensitive information\"",
        check: Check::All(secrets),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      environment: [{name: DATABASE_URL, value: 'postgres://till:hunter2@db.store.example/till'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      environment: [{name: DATABASE_URL, value: 'postgres://till@db.store.example/till'}]
",
    },
    Rule {
        id: "TD-17",
        severity: Error,
        title: "a file of variables that AWS cannot use",
        why: "A container has up to ten environmentFiles, each of type s3 (which the schema says) and each the ARN of an \
              object whose name ends with .env.",
        source: "Amazon ECS API, ContainerDefinition.environmentFiles",
        check: Check::Each("TaskDefinition", files),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      environmentFiles: [{type: s3, value: 's3://store-config/till.env'}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      environmentFiles: [{type: s3, value: 'arn:aws:s3:::store-config/till.env'}]
",
    },
];

fn variables(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in containers(definition) {
        let mut seen: Vec<Node<'_>> = Vec::new();
        let places = container.get("environment").items().chain(container.get("secrets").items());
        for name in places.map(|item| item.get("name")) {
            let Some(text) = name.text() else { continue };
            match seen.iter().find(|first| first.is(text)) {
                Some(first) => {
                    hits.add(name, format!("a second variable {text}")).beside(*first, "the first");
                }
                None => seen.push(name),
            }
        }
    }
}

fn secrets(declared: &Declared<'_>, hits: &mut Hits) {
    let definitions = declared.of("TaskDefinition").flat_map(containers);
    let overrides = declared.of("Task").flat_map(|task| task.at("overrides.containerOverrides").items());
    for container in definitions.chain(overrides) {
        for item in container.get("environment").items().chain(container.get("secrets").items()) {
            let (name, value) = (item.get("name"), item.get("value"));
            let text = name.written().unwrap_or_default();
            if text.is_empty() {
                hits.add(item, "a variable without a name");
            } else if is_secret(text, value.written().unwrap_or_default()) {
                let message = format!("the value of {text} looks like a secret; anyone who may read ECS sees it");
                let help = "put it into Secrets Manager or the parameter store and name it under `secrets`";
                hits.add(value, message).help(help);
            }
        }
    }
}

/// Whether the value of a variable looks like a secret, by itself or by the name of the variable.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    // A path, a name or a switch is no secret, and what is elsewhere is not here.
    let is_elsewhere =
        is_open(value) || value.starts_with('/') || value.starts_with("arn:") || value.starts_with("file:");
    if value.is_empty() || is_elsewhere {
        return false;
    }
    if BEGINNINGS.iter().any(|beginning| value.starts_with(beginning)) || has_password(value) {
        return true;
    }
    let name = name.to_ascii_uppercase();
    let is_plain = ["true", "false", "yes", "no", "none"].contains(&value.to_ascii_lowercase().as_str())
        || value.bytes().all(|byte| byte.is_ascii_digit());
    !is_plain && NAMES.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
}

/// `postgres://user:password@host` and `Server=db;Password=x`, but neither `postgres://user@host` nor a password that
/// is put in later.
fn has_password(value: &str) -> bool {
    let is_meant = |password: &str| !password.is_empty() && !password.starts_with(['$', '{', '%', '<', '*']);
    let lower = value.to_ascii_lowercase();
    let named = ["password=", "pwd="].iter().any(|word| {
        let at = lower.find(word).filter(|at| *at == 0 || [b';', b'&', b'?', b' '].contains(&lower.as_bytes()[at - 1]));
        let rest = at.and_then(|at| value.get(at + word.len()..));
        rest.is_some_and(|rest| is_meant(rest.split([';', '&', ' ']).next().unwrap_or_default()))
    });
    let Some((_, rest)) = value.split_once("://") else { return named };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    named || password.is_some_and(|(_, password)| is_meant(password))
}

fn files(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for list in containers(definition).map(|container| container.get("environmentFiles")) {
        let count = list.items().len();
        if count > MOST_FILES {
            hits.add(list, format!("{count} environment files; a container has {MOST_FILES} at most"));
        }
        for value in list.items().map(|file| file.get("value")) {
            let Some(text) = value.text() else { continue };
            if !is_env_object(text) {
                hits.add(value, format!("`{text}` is not the ARN of an S3 object that ends with .env"))
                    .help("as arn:aws:s3:::bucket/file.env");
            }
        }
    }
}

fn is_env_object(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "s3", "", "", object] = parts[..] else { return false };
    partition.starts_with("aws") && object.contains('/') && object.ends_with(".env")
}
