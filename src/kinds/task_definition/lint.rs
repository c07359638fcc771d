//! What RegisterTaskDefinition refuses and a schema cannot say: the definition as a whole.

use super::spec::TaskDefinitionSpec;
use super::spec_units::Units;
use super::{lint_containers, lint_fargate};
use crate::kinds::{Findings, is_open};

pub(super) fn lint(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    if let Some(family) = &spec.family {
        name(family, "/family", "family", findings);
    }
    for (index, container) in spec.container_definitions.iter().enumerate() {
        name(&container.name, &format!("/containerDefinitions/{index}/name"), "container", findings);
    }
    lint_containers::lint(spec, findings);
    if spec.requires("FARGATE") {
        lint_fargate::lint(spec, findings);
    }
    if spec.requires("EXTERNAL") {
        external(spec, findings);
    }
    execution_role(spec, findings);
}

impl TaskDefinitionSpec {
    pub(super) fn requires(&self, launch_type: &str) -> bool {
        self.requires_compatibilities.iter().flatten().any(|one| *one == launch_type)
    }

    /// The network mode, Docker's own when none is given.
    pub(super) fn network(&self) -> &str {
        self.network_mode.as_ref().map_or("bridge", |mode| mode.as_str())
    }

    pub(super) fn is_windows(&self) -> bool {
        let family = self.runtime_platform.as_ref().and_then(|platform| platform.operating_system_family.as_ref());
        family.is_some_and(|family| family.as_str().starts_with("WINDOWS"))
    }
}

/// The amount, when it is one already.
pub(super) fn amount(units: Option<&Units>) -> Option<i64> {
    units?.as_str().parse().ok()
}

fn name(text: &str, pointer: &str, what: &str, findings: &mut Findings) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !is_open(text) && (text.is_empty() || text.len() > 255 || !text.bytes().all(allowed)) {
        findings.error(pointer, "task-definition-name", format!("`{text}` cannot be the name of a {what}"));
        findings.help("1 to 255 letters, digits, hyphens and underscores");
    }
}

fn external(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    let mut refuse = |pointer: String, what: &str| {
        findings.error(pointer, "external-unsupported", format!("external instances do not support {what}"));
    };
    if spec.network() == "awsvpc" {
        refuse("/networkMode".to_owned(), "networkMode awsvpc");
    }
    if spec.proxy_configuration.is_some() {
        refuse("/proxyConfiguration".to_owned(), "a proxy");
    }
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        if volume.efs_volume_configuration.is_some() || volume.configured_at_launch == Some(true) {
            refuse(format!("/volumes/{index}"), "volumes from EFS or configured at launch");
        }
    }
}

/// What the agent does with the execution role. Secrets without one are refused; the rest fails when a task starts.
fn execution_role(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    if spec.execution_role_arn.is_some() {
        return;
    }
    let without_instance = spec.requires("FARGATE") || spec.requires("EXTERNAL");
    for (index, container) in spec.container_definitions.iter().enumerate() {
        let at = |member: &str| format!("/containerDefinitions/{index}/{member}");
        let log = container.log_configuration.as_ref();
        if container.secrets.as_ref().is_some_and(|secrets| !secrets.is_empty()) {
            findings.error(at("secrets"), "execution-role", "secrets need an executionRoleArn, which reads them");
        }
        let mut warn = |member: &str, what: &str| {
            findings.warning(at(member), "execution-role", format!("{what} needs an executionRoleArn"));
            findings.help("a role with AmazonECSTaskExecutionRolePolicy, which ecs-tasks.amazonaws.com may assume");
        };
        if log.is_some_and(|log| log.secret_options.as_ref().is_some_and(|options| !options.is_empty())) {
            warn("logConfiguration/secretOptions", "a secret option of the log driver");
        }
        if container.repository_credentials.is_some() {
            warn("repositoryCredentials", "a private registry");
        }
        if without_instance && log.is_some_and(|log| log.log_driver == "awslogs") {
            warn("logConfiguration/logDriver", "awslogs away from EC2");
        }
        if without_instance && container.image.contains(".dkr.ecr.") {
            warn("image", "an image from ECR away from EC2");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lints(spec: Value) -> Vec<String> {
        let spec: TaskDefinitionSpec = serde_json::from_value(spec).unwrap();
        let mut findings = Findings::default();
        lint(&spec, &mut findings);
        findings.0.iter().map(|finding| format!("{} {}", finding.code, finding.pointer)).collect()
    }

    /// Two fine containers, with members changed.
    fn changed(whole: Value, first: Value) -> Vec<String> {
        let mut spec = json!({"containerDefinitions": [
            {"name": "a", "image": "nginx:1", "memory": 64},
            {"name": "b", "image": "nginx:1", "memory": 64, "essential": false},
        ]});
        spec["containerDefinitions"][0].as_object_mut().unwrap().extend(first.as_object().unwrap().clone());
        spec.as_object_mut().unwrap().extend(whole.as_object().unwrap().clone());
        lints(spec)
    }

    #[test]
    fn what_is_fine_has_no_finding() {
        assert_eq!(changed(json!({}), json!({})), [""; 0]);
    }

    #[test]
    fn the_definition_as_a_whole() {
        let first = "/containerDefinitions/0";
        let cases = [
            (changed(json!({"family": "a b"}), json!({})), "task-definition-name /family".to_owned()),
            (
                changed(json!({}), json!({"secrets": [{"name": "A", "valueFrom": "p"}]})),
                format!("execution-role {first}/secrets"),
            ),
            (
                changed(json!({"requiresCompatibilities": ["EXTERNAL"], "networkMode": "awsvpc"}), json!({})),
                "external-unsupported /networkMode".to_owned(),
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, [expected]);
        }
    }
}
