//! What tasks need of their roles.

use super::super::permissions::{may, role};
use super::super::workload::{containers, is_for};
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "IAM-01",
        severity: Error,
        title: "what needs an execution role has none",
        why: "ECS itself, and not the container, reads secrets, logs in to registries and fetches files, and does so with \
              the execution role: \"When you are specifying container secrets, you must also specify a value for \
              'executionRoleArn'\". On Fargate and on external instances it writes the logs of awslogs with it too, on Fargate it \
              also pulls images from ECR.",
        source: "Amazon ECS Developer Guide, Amazon ECS task execution IAM role",
        check: Check::Each("TaskDefinition", execution_role),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      secrets: [{name: DATABASE, valueFrom: /till/database}]
",
        good: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: ${Role.pull}
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      secrets: [{name: DATABASE, valueFrom: /till/database}]
---",
            pull_role!(),
            "  inlinePolicies:
    secrets:
      Version: '2012-10-17'
      Statement: {Effect: Allow, Action: ssm:GetParameters, Resource: 'arn:aws:ssm:*:*:parameter/till/*'}
"
        ),
    },
    Rule {
        id: "IAM-02",
        severity: Warning,
        title: "containers that use AWS without a task role",
        why: "The proxy of App Mesh gets its configuration with the task role. Where there is no instance metadata to get \
              credentials from, on Fargate and on external instances, so does everything that calls AWS, for which a \
              variable such as AWS_REGION is the sign.",
        source: "Amazon ECS Developer Guide, Amazon ECS task IAM role",
        check: Check::Each("TaskDefinition", task_role),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  containerDefinitions:
    - name: app
      image: nginx:1.29
      environment: [{name: AWS_REGION, value: eu-central-1}]
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  taskRoleArn: arn:aws:iam::123456789012:role/till
  containerDefinitions:
    - name: app
      image: nginx:1.29
      environment: [{name: AWS_REGION, value: eu-central-1}]
",
    },
    Rule {
        id: "IAM-09",
        severity: Warning,
        title: "an execution role that may not do what the task needs",
        why: "Pulling from ECR, writing logs and reading secrets are all done with the execution role. What it may not do \
              shows when a task starts, as a ResourceInitializationError or CannotPullContainerError. Only declared roles \
              are looked at, and only policies whose content is known.",
        source: "Amazon ECS Developer Guide, Amazon ECS task execution IAM role",
        check: Check::Each("TaskDefinition", enough),
        bad: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: ${Role.pull}
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      secrets: [{name: DATABASE, valueFrom: /till/database}]
---",
            pull_role!()
        ),
        good: concat!(
            "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: ${Role.pull}
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      secrets: [{name: DATABASE, valueFrom: /till/database}]
---",
            pull_role!(),
            "  inlinePolicies:
    secrets:
      Version: '2012-10-17'
      Statement: {Effect: Allow, Action: ssm:GetParameters, Resource: 'arn:aws:ssm:*:*:parameter/till/*'}
"
        ),
    },
];

/// What the execution role is for.
struct Need<'a> {
    at: Node<'a>,
    what: String,
    actions: &'static [&'static str],
}

const PULL: &[&str] = &["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const LOG: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];
const SECRET: &[&str] = &["secretsmanager:GetSecretValue"];
const PARAMETER: &[&str] = &["ssm:GetParameters"];
const FILE: &[&str] = &["s3:GetObject"];

/// What a container needs the execution role for on every launch type.
fn needs_everywhere<'a>(container: Node<'a>) -> Vec<Need<'a>> {
    let mut needs = Vec::new();
    let secrets = container.get("secrets").items().map(|secret| (secret, "the secret"));
    let of_driver = container.at("logConfiguration.secretOptions").items().map(|one| (one, "the log driver's option"));
    for (secret, what) in secrets.chain(of_driver) {
        let is_secret = secret.get("valueFrom").written().is_some_and(|text| text.contains(":secretsmanager:"));
        let name = secret.get("name").written().unwrap_or_default();
        let actions = if is_secret { SECRET } else { PARAMETER };
        needs.push(Need { at: secret, what: format!("{what} {name}"), actions });
    }
    let registry = container.get("repositoryCredentials");
    if registry.is_given() {
        needs.push(Need { at: registry, what: "the login of a private registry".to_owned(), actions: SECRET });
    }
    for file in container.get("environmentFiles").items() {
        let name = file.get("value").written().unwrap_or_default();
        needs.push(Need { at: file, what: format!("the file {name}"), actions: FILE });
    }
    for file in container.get("credentialSpecs").items() {
        let arn = file.written().and_then(|text| text.split_once(":arn:")).map(|(_, arn)| arn).unwrap_or_default();
        let actions = if arn.contains(":s3:") { FILE } else { PARAMETER };
        if arn.contains(":s3:") || arn.contains(":ssm:") {
            needs.push(Need { at: file, what: "a credential spec".to_owned(), actions });
        }
    }
    needs
}

fn logs(container: Node<'_>) -> Option<Need<'_>> {
    let driver = container.at("logConfiguration.logDriver");
    driver.is("awslogs").then(|| Need { at: driver, what: "the log driver awslogs".to_owned(), actions: LOG })
}

fn image(container: Node<'_>) -> Option<Need<'_>> {
    let image = container.get("image");
    let is_private = image.written().is_some_and(|image| image.contains(".dkr.ecr.") || image.contains(".dkr-ecr."));
    is_private.then(|| Need { at: image, what: "an image from ECR".to_owned(), actions: PULL })
}

fn execution_role(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if definition.get("executionRoleArn").is_given() {
        return;
    }
    let is_fargate = is_for(definition, "FARGATE", declared);
    let is_external = is_for(definition, "EXTERNAL", declared);
    for container in containers(definition) {
        let logs = logs(container).filter(|_| is_fargate || is_external);
        // The role of an external instance lets it pull from ECR itself.
        let image = image(container).filter(|_| is_fargate);
        for need in needs_everywhere(container).into_iter().chain(logs).chain(image) {
            hits.add(need.at, format!("{} needs an executionRoleArn", need.what)).help(format!(
                "name a role that ecs-tasks.amazonaws.com may assume and that may {}",
                need.actions.join(", ")
            ));
        }
    }
}

fn enough(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let named = definition.get("executionRoleArn");
    let Some(role) = role(named, declared) else { return };
    let writes_logs = is_for(definition, "FARGATE", declared) || is_for(definition, "EXTERNAL", declared);
    let mut missing: Vec<(&str, String)> = Vec::new();
    for container in containers(definition) {
        let others = logs(container).filter(|_| writes_logs).into_iter().chain(image(container));
        for need in needs_everywhere(container).into_iter().chain(others) {
            for action in need.actions {
                if !missing.iter().any(|(known, _)| known == action) && may(role, action) == Some(false) {
                    missing.push((action, need.what.clone()));
                }
            }
        }
    }
    if missing.is_empty() {
        return;
    }
    let list: Vec<String> = missing.iter().map(|(action, what)| format!("{action} for {what}")).collect();
    let actions: Vec<&str> = missing.iter().map(|(action, _)| *action).collect();
    hits.add(named, format!("{} lacks {}", role.address(), list.join(", ")))
        .help(format!("allow {} in a policy of the role", actions.join(", ")))
        .beside(role, "the role");
}

fn task_role(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if definition.get("taskRoleArn").is_given() {
        return;
    }
    let proxy = definition.get("proxyConfiguration");
    if proxy.is_given() {
        hits.add(proxy, "the proxy of App Mesh needs a taskRoleArn")
            .help("a role that may appmesh:StreamAggregatedResources");
    }
    if !is_for(definition, "FARGATE", declared) && !is_for(definition, "EXTERNAL", declared) {
        return;
    }
    for container in containers(definition) {
        let variables = || container.get("environment").items().chain(container.get("secrets").items());
        let named = |names: &[&str]| variables().find(|variable| variable.get("name").is_any(names));
        // Credentials in variables or files are no good practice, but they are credentials.
        let has_others = named(&["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"]).is_some()
            || container.get("environmentFiles").says_something();
        if let Some(variable) = named(&["AWS_REGION", "AWS_DEFAULT_REGION"]).filter(|_| !has_others) {
            let name = variable.get("name").written().unwrap_or_default();
            hits.add(variable, format!("{name} is set, and there are no credentials to call AWS with"))
                .help("add taskRoleArn: a role that ecs-tasks.amazonaws.com may assume");
        }
    }
}
