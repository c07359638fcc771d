//! What RegisterTaskDefinition refuses in containers: logs.

use super::spec::TaskDefinitionSpec;
use super::spec_container::ContainerDefinition;
use crate::kinds::Findings;

pub(super) fn lint(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    for (index, container) in spec.container_definitions.iter().enumerate() {
        logs(container, &format!("/containerDefinitions/{index}"), findings);
    }
}

fn logs(container: &ContainerDefinition, at: &str, findings: &mut Findings) {
    let Some(log) = &container.log_configuration else { return };
    let has = |option: &str| {
        log.options.iter().flatten().any(|(name, _)| name == option)
            || log.secret_options.iter().flatten().any(|secret| secret.name == option)
    };
    if log.log_driver == "awslogs" {
        for option in ["awslogs-group", "awslogs-region"].into_iter().filter(|option| !has(option)) {
            let pointer = format!("{at}/logConfiguration");
            findings.error(pointer, "awslogs-option", format!("the log driver awslogs needs the option {option}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn options_of_awslogs() {
        let one = |members: Value| {
            let mut container = json!({"name": "a", "image": "i:1"});
            container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            let mut findings = Findings::default();
            let spec = json!({"containerDefinitions": [container]});
            lint(&serde_json::from_value(spec).unwrap(), &mut findings);
            findings.0.iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(
            one(json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}})),
            ["awslogs-option"]
        );
    }
}
