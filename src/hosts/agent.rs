//! The settings of the ECS agent on a host: the lines of `/etc/ecs/ecs.config`, less `ECS_CLUSTER`, which the vendor's
//! installer appends.

use std::collections::BTreeMap;

use serde_json::json;

use super::Host;

/// Settings by name. What the manifest says in `ecsConfig` wins, but for the tags and attributes, which are joined.
pub fn settings(host: &Host) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::from([
        // Tasks get their roles' credentials from the agent; hosts outside EC2 have no other.
        ("ECS_ENABLE_TASK_IAM_ROLE".to_owned(), "true".to_owned()),
        ("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST".to_owned(), "true".to_owned()),
    ]);
    for (name, value) in &host.settings {
        settings.insert(name.clone(), value.clone());
    }
    settings.remove("ECS_CLUSTER");
    join(&mut settings, "ECS_INSTANCE_ATTRIBUTES", &host.attributes);
    join(&mut settings, "ECS_CONTAINER_INSTANCE_TAGS", &host.tags);
    settings
}

/// Adds members to a setting that is a JSON object. One that is no object is the user's own business.
fn join(settings: &mut BTreeMap<String, String>, name: &str, more: &BTreeMap<String, String>) {
    if more.is_empty() {
        return;
    }
    let written = settings.get(name).map_or("{}", String::as_str);
    let Ok(mut members) = serde_json::from_str::<BTreeMap<String, String>>(written) else { return };
    members.extend(more.clone());
    settings.insert(name.to_owned(), json!(members).to_string());
}

/// As lines of the file.
pub fn lines(host: &Host) -> Vec<String> {
    settings(host).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}
