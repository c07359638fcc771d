//! What is in an account, told so that two accounts can be compared: ids become the names of what they are ids of, and
//! what nobody declares and time alone decides is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How many there are of each thing, where a thing is its kind, its name and everything that is known of it.
pub(crate) type Census = BTreeMap<String, usize>;

/// Something that exists in an account.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Where the sandbox keeps it: `ec2/vpcs`.
    pub(crate) collection: String,
    /// The key that it is kept by: an id or a name.
    pub(crate) id: String,
    /// The declared object that its tags name.
    pub(crate) owner: Option<String>,
    pub(crate) content: Value,
}

pub(crate) fn members(value: &Value) -> impl DoubleEndedIterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Everything that exists, ours or not; what is over (terminated instances, stopped tasks of services, retired
/// revisions) is not among it.
pub(crate) fn items(content: &Value) -> Vec<Item> {
    let mut items = Vec::new();
    for (service, collections) in members(content).filter(|(name, _)| SERVICES.contains(&name.as_str())) {
        for (name, kept) in members(collections).filter(|(name, _)| COLLECTIONS.contains(&name.as_str())) {
            for (id, one) in members(kept) {
                add(&mut items, content, &format!("{service}/{name}"), id, one);
            }
        }
    }
    items
}

const SERVICES: &[&str] = &["ec2", "ecs", "iam", "logs", "ssm", "secrets"];

/// What is kept by id or name, in every service.
const COLLECTIONS: &[&str] = &[
    "vpcs",
    "subnets",
    "internet_gateways",
    "route_tables",
    "security_groups",
    "rules",
    "key_pairs",
    "instances",
    "network_interfaces",
    "volumes",
    "profile_associations",
    "clusters",
    "families",
    "roles",
    "profiles",
    "policies",
    "groups",
    "activations",
    "nodes",
    "parameters",
    "secrets",
];

fn add(items: &mut Vec<Item>, content: &Value, collection: &str, id: &str, one: &Value) {
    let is_over = match collection {
        "ec2/instances" => one["phase"] == "Terminated",
        "ecs/clusters" | "ecs/clusters/services" | "ecs/clusters/instances" => one["status"] == "INACTIVE",
        "ecs/families/revisions" => one["value"]["status"] != "ACTIVE",
        // A run that is declared is there for good.
        "ecs/clusters/tasks" => one["last_status"] == "STOPPED" && owner(one, &Value::Null).is_none(),
        "secrets/secrets" => !one["deletion"].is_null(),
        _ => false,
    };
    let mut content_of = one.clone();
    for part in ["services", "instances", "tasks", "revisions"] {
        let Some(parts) = content_of.as_object_mut().and_then(|of| of.shift_remove(part)) else { continue };
        for (inner, part_of) in members(&parts) {
            add(items, content, &format!("{collection}/{part}"), inner, part_of);
        }
    }
    // A family is no more than its revisions.
    if !is_over && collection != "ecs/families" {
        let owner = owner(one, &content["ec2"]["tags"][id]);
        let tags = &content["ec2"]["tags"][id];
        if let (Some(members), false) = (content_of.as_object_mut(), tags.is_null()) {
            members.insert("tags".to_owned(), tags.clone());
        }
        items.push(Item { collection: collection.to_owned(), id: id.to_owned(), owner, content: content_of });
    }
}

/// Tags are kept as a map, or in the order in which they were set.
fn owner(one: &Value, tags: &Value) -> Option<String> {
    let name = "farpost/resource";
    let listed = one["tags"].as_array().and_then(|tags| tags.iter().find(|tag| tag[0] == name));
    let owner = tags[name].as_str().or_else(|| one["tags"][name].as_str()).or_else(|| listed?[1].as_str())?;
    Some(owner.to_owned())
}

/// Everything that exists, counted. Two accounts with the same census differ in ids, times and history alone.
pub(crate) fn census(content: &Value) -> Census {
    let items = items(content);
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for item in &items {
        let kind = item.collection.rsplit('/').next().unwrap_or_default();
        let name = item.owner.clone().unwrap_or_else(|| format!("<{kind}>"));
        names.insert(&item.id, name);
    }
    let mut census = Census::new();
    for item in &items {
        // Numbers of revisions are history.
        let id = if item.collection.ends_with("revisions") { "N".to_owned() } else { told(&item.id, &names) };
        let line = format!("{} {id} {}", item.collection, plain(&item.content, &names));
        *census.entry(line).or_default() += 1;
    }
    census
}

/// What time and chance decide, or what is history.
const UNTOLD: &[&str] = &[
    // EC2
    "client_token",
    "reservation_id",
    "launch_index",
    "private_ip",
    "public_ip",
    "mac",
    "fingerprint",
    "running_since",
    // ECS: what a service went through, and how far its container instance was counted
    "deployments",
    "completed",
    "rollouts",
    "events",
    "request",
    "instance",
    "instance_arn",
    "last_status",
    "desired_status",
    "stop_code",
    "stopping_at",
    "stopped_at",
    "stopped_reason",
    "started_at",
    "healthy",
    "healthy_at",
    "zone",
    "interface",
    "registeredAt",
    "failures",
    "complained_at",
    "retry_at",
    "version",
    "containers",
    "deployment",
    "started_by",
    "farpost/attempt",
    "last",
    "revision",
    "credited",
    "counted",
    "next_at",
    // IAM
    "id",
    // Systems Manager
    "code_digest",
    "value_of",
    "cipher",
    "number",
    "versions",
    // A mark of history.
    "farpost/replaces",
];

fn plain(value: &Value, names: &BTreeMap<&str, String>) -> Value {
    match value {
        Value::Object(members) => {
            let told_of = |name: &String| !UNTOLD.contains(&name.as_str()) && !name.starts_with("farpost/ran/");
            let mut plain: Map<String, Value> = members
                .iter()
                .filter(|(name, value)| told_of(name) && !is_time(value) && !is_of_code(value))
                .map(|(name, value)| (told(name, names), self::plain(value, names)))
                .collect();
            plain.sort_keys();
            Value::Object(plain)
        }
        Value::Array(values) => {
            let mut plain: Vec<Value> =
                values.iter().filter(|value| !is_time(value)).map(|value| self::plain(value, names)).collect();
            plain.sort_by_cached_key(Value::to_string);
            Value::Array(plain)
        }
        Value::String(text) => Value::String(told(text, names)),
        other => other.clone(),
    }
}

/// What a parameter says of the activation whose code it holds.
fn is_of_code(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("farpost: code of activation"))
}

fn is_time(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z'),
        Value::Number(number) => number.as_i64().is_some_and(|number| number > 1_000_000_000_000),
        _ => false,
    }
}

/// A text with names in place of ids, and without numbers of revisions.
fn told(text: &str, names: &BTreeMap<&str, String>) -> String {
    if let Some(name) = names.get(text).filter(|_| text.contains('-') || is_hex(text)) {
        return name.clone();
    }
    let text = match text.split_once(":task-definition/") {
        // The end of a secret's ARN is made by chance.
        None if text.contains(":secret:") => text.rsplit_once('-').map_or(text, |(before, _)| before).to_owned(),
        Some((before, rest)) => {
            let (family, number) = rest.split_once(':').unwrap_or((rest, ""));
            format!("{before}:task-definition/{family}{}", if number.is_empty() { "" } else { ":N" })
        }
        None => text.to_owned(),
    };
    let mut out = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        out.push_str(if is_hex(&word) { "#" } else { &word });
        word.clear();
        if letter != '\0' {
            out.push(letter);
        }
    }
    out
}

/// Whether a word is one of the sandbox's own making.
fn is_hex(word: &str) -> bool {
    word.len() >= 8
        && word.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word != "123456789012"
}

/// What two accounts do not have in common.
pub(crate) fn difference(expected: &Census, found: &Census) -> Option<String> {
    let mut lines = Vec::new();
    for (line, number) in expected {
        let here = found.get(line).copied().unwrap_or(0);
        if here < *number {
            lines.push(format!("  missing {}: {line}", number - here));
        }
    }
    for (line, number) in found {
        let there = expected.get(line).copied().unwrap_or(0);
        if there < *number {
            lines.push(format!("  too many {}: {line}", number - there));
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
