//! User data from a spec and back.

use std::collections::BTreeMap;

use super::spec::AgentValue;

/// What the script begins with; the here-document is quoted, so that the shell changes nothing in it.
const BEFORE: &str = "#!/bin/bash\ncat >> /etc/ecs/ecs.config <<'FARPOST'\n";
const AFTER: &str = "FARPOST\n";

/// The settings of the agent.
pub(super) type AgentConfig = BTreeMap<String, AgentValue>;

/// The script that writes the agent's settings and then does what the user's does. None when there is nothing to do.
pub(super) fn generate(config: Option<&AgentConfig>, script: Option<&str>) -> Option<String> {
    let mut text = String::new();
    if let Some(config) = config.filter(|config| !config.is_empty()) {
        text.push_str(BEFORE);
        for (name, value) in config {
            text.push_str(&format!("{name}={}\n", value.line()));
        }
        text.push_str(AFTER);
    }
    if let Some(script) = script.filter(|script| !script.is_empty()) {
        text.push_str(script);
        text.push('\n');
    }
    Some(text).filter(|text| !text.is_empty())
}

/// The agent's settings and the rest, when [`generate`] made the text; otherwise all of it is the user's script.
pub(super) fn parse(text: &str) -> (Option<AgentConfig>, Option<String>) {
    let script =
        |text: &str| Some(text.trim_end_matches(['\n', '\r'])).filter(|text| !text.is_empty()).map(str::to_owned);
    let ours = text.strip_prefix(BEFORE).and_then(|rest| rest.split_once(AFTER)).and_then(|(lines, rest)| {
        let config: Option<AgentConfig> = lines
            .lines()
            .map(|line| line.split_once('=').map(|(name, value)| (name.to_owned(), AgentValue::from(value))))
            .collect();
        Some((config?, rest))
    });
    match ours {
        Some((config, rest)) => (Some(config), script(rest)),
        None => (None, script(text)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn config(value: serde_json::Value) -> AgentConfig {
        let mut config: AgentConfig = serde_json::from_value(value).unwrap();
        config.values_mut().for_each(AgentValue::normalise);
        config
    }

    #[test]
    fn settings_are_lines_and_json_is_one_of_them() {
        let config = config(json!({
            "ECS_CLUSTER": "edge",
            "ECS_RESERVED_MEMORY": 256,
            "ECS_CONTAINER_INSTANCE_TAGS": {"site": "store \"17\"", "environment": "Outpost"},
            "ECS_AVAILABLE_LOGGING_DRIVERS": ["json-file", "awslogs"],
            "ECS_ENABLE_TASK_ENI": true
        }));
        let text = generate(Some(&config), Some("echo ready")).unwrap();
        let expected = "#!/bin/bash\n\
            cat >> /etc/ecs/ecs.config <<'FARPOST'\n\
            ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"awslogs\"]\n\
            ECS_CLUSTER=edge\n\
            ECS_CONTAINER_INSTANCE_TAGS={\"environment\":\"Outpost\",\"site\":\"store \\\"17\\\"\"}\n\
            ECS_ENABLE_TASK_ENI=true\n\
            ECS_RESERVED_MEMORY=256\n\
            FARPOST\n\
            echo ready\n";
        assert_eq!(text, expected);
        assert_eq!(parse(&text), (Some(config), Some("echo ready".to_owned())));
    }

    #[test]
    fn what_others_wrote_is_a_script() {
        let text = "#!/bin/bash\necho ECS_CLUSTER=edge >> /etc/ecs/ecs.config\n";
        assert_eq!(parse(text), (None, Some(text.trim_end().to_owned())));
        assert_eq!(parse("\n"), (None, None));
        assert_eq!(generate(None, None), None);
    }

    proptest! {
        #[test]
        fn there_and_back(
            settings in proptest::collection::btree_map("ECS_[A-Z_]{1,12}", "[ -~]{0,30}", 0..5),
            script in proptest::option::of("[ -~\n]{0,60}[!-~]"),
        ) {
            let mut settings: AgentConfig =
                settings.into_iter().map(|(name, value)| (name, AgentValue::from(value.as_str()))).collect();
            settings.values_mut().for_each(AgentValue::normalise);
            let (config, rest) = parse(&generate(Some(&settings), script.as_deref()).unwrap_or_default());
            prop_assert_eq!(config.unwrap_or_default(), settings);
            prop_assert_eq!(rest, script);
        }
    }
}
