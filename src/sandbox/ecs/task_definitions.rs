//! Task definitions: families, revisions and their life from `ACTIVE` to gone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::definition_defaults::complete;
use super::paging::{listed, page};
use super::shapes::Input;
use super::tags::{self, Tags};
use super::task_life::Task;
use super::{definition_checks, epoch, errors};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::sandbox) struct Family {
    /// The number of the newest revision that ever was; numbers are not used twice.
    last: u64,
    pub(super) revisions: BTreeMap<u64, Definition>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Definition {
    /// As `DescribeTaskDefinition` shows it.
    pub(super) value: Value,
    pub(super) tags: Tags,
}

impl Definition {
    pub(super) fn status(&self) -> &str {
        self.text("status")
    }

    pub(super) fn arn(&self) -> &str {
        self.text("taskDefinitionArn")
    }

    pub(super) fn text(&self, member: &str) -> &str {
        self.value[member].as_str().unwrap_or("")
    }

    /// The network mode, `bridge` when none was given.
    pub(super) fn network_mode(&self) -> &str {
        match self.text("networkMode") {
            "" => "bridge",
            mode => mode,
        }
    }

    pub(super) fn is_awsvpc(&self) -> bool {
        self.network_mode() == "awsvpc"
    }

    pub(super) fn containers(&self) -> &[Value] {
        super::shapes::items(self.value.get("containerDefinitions"))
    }

    /// Whether `requiresCompatibilities` leaves room for a launch type.
    pub(super) fn allows(&self, launch_type: &str) -> bool {
        let required = super::shapes::items(self.value.get("requiresCompatibilities"));
        required.is_empty() || required.iter().any(|allowed| allowed == launch_type)
    }
}

/// The definition that `family`, `family:revision` or an ARN names; a family stands for its newest active revision.
pub(super) fn find<'a>(state: &'a State, reference: &str) -> Option<&'a Definition> {
    let name = match reference.strip_prefix("arn:") {
        Some(_) => reference.strip_prefix(&state.arn("ecs", "task-definition/"))?,
        None => reference,
    };
    match name.split_once(':') {
        Some((family, revision)) => state.ecs.families.get(family)?.revisions.get(&revision.parse().ok()?),
        None => {
            let revisions = &state.ecs.families.get(name)?.revisions;
            revisions.values().rev().find(|definition| definition.status() == "ACTIVE")
        }
    }
}

fn find_mut<'a>(state: &'a mut State, reference: &str) -> Option<&'a mut Definition> {
    let definition = find(state, reference)?;
    let (family, revision) = (definition.text("family").to_owned(), definition.value["revision"].as_u64()?);
    state.ecs.families.get_mut(&family)?.revisions.get_mut(&revision)
}

/// The definition for new tasks; it must be active.
pub(super) fn usable(state: &State, reference: &str) -> Result<Definition, AwsError> {
    let definition = find(state, reference).ok_or_else(|| errors::client("TaskDefinition not found."))?;
    if definition.status() == "ACTIVE" {
        Ok(definition.clone())
    } else {
        Err(errors::client("TaskDefinition is inactive"))
    }
}

pub(super) fn register(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let mut input = Input::read(call)?;
    // Every other call takes an empty list for none.
    if call.input["tags"] == json!([]) {
        return Err(errors::client("Tags can not be empty."));
    }
    let tags = tags::read(input.list("tags"))?;
    input.0.shift_remove("tags");
    definition_checks::check(&mut input)?;
    let name = input.text("family").unwrap_or("").to_owned();
    let revision = state.ecs.families.get(&name).map_or(0, |family| family.last) + 1;
    let mut value = complete(input);
    value["taskDefinitionArn"] = json!(state.arn("ecs", &format!("task-definition/{name}:{revision}")));
    value["revision"] = json!(revision);
    value["status"] = json!("ACTIVE");
    value["registeredAt"] = epoch(call.now);
    value["registeredBy"] = json!(state.arn("iam", "root"));
    let answer = json!({"taskDefinition": value, "tags": tags::show(&tags)});
    let family = state.ecs.families.entry(name).or_default();
    family.last = revision;
    family.revisions.insert(revision, Definition { value, tags });
    Ok(answer)
}

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let reference = input.text("taskDefinition").unwrap_or("");
    let definition = find(state, reference).ok_or_else(|| errors::client("Unable to describe task definition."))?;
    let mut answer = json!({"taskDefinition": definition.value});
    if input.includes("TAGS") {
        answer["tags"] = tags::show(&definition.tags);
    }
    Ok(answer)
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let status = input.text("status").unwrap_or("ACTIVE");
    // Despite its name, familyPrefix is the whole name of one family here.
    let mut found: Vec<&Definition> = state
        .ecs
        .families
        .iter()
        .filter(|(name, _)| input.text("familyPrefix").is_none_or(|wanted| wanted == *name))
        .flat_map(|(_, family)| family.revisions.values())
        .filter(|definition| definition.status() == status)
        .collect();
    if input.text("sort") == Some("DESC") {
        found.reverse();
    }
    let arns = found.into_iter().map(|definition| definition.arn().to_owned()).collect();
    let (arns, next) = page(&input, arns, 100, 100)?;
    Ok(listed("taskDefinitionArns", arns, next))
}

pub(super) fn list_families(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let status = input.text("status").unwrap_or("ALL");
    let fits = |family: &Family| {
        let has_active = family.revisions.values().any(|definition| definition.status() == "ACTIVE");
        match status {
            "ACTIVE" => has_active,
            "INACTIVE" => !has_active && !family.revisions.is_empty(),
            _ => !family.revisions.is_empty(),
        }
    };
    let names = state
        .ecs
        .families
        .iter()
        .filter(|(name, family)| fits(family) && name.starts_with(input.text("familyPrefix").unwrap_or("")))
        .map(|(name, _)| name.clone());
    let (families, next) = page(&input, names.collect(), 100, 100)?;
    Ok(listed("families", families, next))
}

pub(super) fn deregister(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let reference = input.text("taskDefinition").unwrap_or("");
    if !reference.rsplit('/').next().unwrap_or("").contains(':') {
        return Err(errors::invalid("Invalid revision number. Number: null"));
    }
    let definition =
        find_mut(state, reference).ok_or_else(|| errors::client("The specified task definition does not exist."))?;
    if definition.status() == "ACTIVE" {
        definition.value["status"] = json!("INACTIVE");
        definition.value["deregisteredAt"] = epoch(call.now);
    }
    Ok(json!({"taskDefinition": definition.value}))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let wanted = input.texts("taskDefinitions");
    if wanted.is_empty() || wanted.len() > 10 {
        return Err(errors::invalid("Task definitions must have between 1 and 10 elements."));
    }
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let failure = |reason: &str| json!({"arn": reference, "reason": reason});
        if !reference.rsplit('/').next().unwrap_or("").contains(':') {
            failures.push(failure(
                "The specified task definition identifier is invalid. Specify a valid name or ARN and try again.",
            ));
            continue;
        }
        match find_mut(state, reference) {
            None => failures.push(failure("MISSING")),
            Some(definition) if definition.status() == "ACTIVE" => {
                failures.push(failure("The specified task definition is still in ACTIVE status. Please deregister the target and try again."));
            }
            Some(definition) => {
                if definition.status() == "INACTIVE" {
                    definition.value["status"] = json!("DELETE_IN_PROGRESS");
                    definition.value["deleteRequestedAt"] = epoch(call.now);
                }
                deleted.push(definition.value.clone());
                state.ecs.deletes_definitions = true;
            }
        }
    }
    Ok(json!({"taskDefinitions": deleted, "failures": failures}))
}

/// Drops the revisions that are being deleted and that nothing uses any more; whether there were any.
pub(super) fn purge(state: &mut State) -> bool {
    let ecs = &mut state.ecs;
    if !ecs.deletes_definitions {
        return false;
    }
    let (mut changed, mut left) = (false, false);
    for family in ecs.families.values_mut() {
        let before = family.revisions.len();
        family.revisions.retain(|_, definition| {
            let is_used = || {
                ecs.clusters.values().any(|cluster| {
                    let runs = |task: &Task| task.last_status != "STOPPED" && task.definition == definition.arn();
                    cluster.tasks.values().any(runs)
                        || cluster.services.values().any(|service| service.uses(definition.arn()))
                })
            };
            let is_leaving = definition.status() == "DELETE_IN_PROGRESS";
            let stays = !is_leaving || is_used();
            left |= is_leaving && stays;
            stays
        });
        changed |= family.revisions.len() != before;
    }
    ecs.deletes_definitions = left;
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;

    fn one(name: &str) -> serde_json::Value {
        json!({"family": name, "containerDefinitions": [{"name": "c", "image": "nginx", "memory": 64}]})
    }

    #[test]
    fn revisions_count_up_for_ever() {
        let mut aws = Fixture::new();
        assert_eq!(aws.ok("RegisterTaskDefinition", one("web"))["taskDefinition"]["revision"], 1);
        assert_eq!(aws.ok("RegisterTaskDefinition", one("web"))["taskDefinition"]["revision"], 2);
        aws.ok("DeregisterTaskDefinition", json!({"taskDefinition": "web:2"}));
        aws.ok("DeleteTaskDefinitions", json!({"taskDefinitions": ["web:2"]}));
        aws.wait(60.0);
        assert_eq!(aws.refused("DescribeTaskDefinition", json!({"taskDefinition": "web:2"})), "ClientException");
        assert_eq!(aws.ok("DescribeTaskDefinition", json!({"taskDefinition": "web"}))["taskDefinition"]["revision"], 1);
        assert_eq!(aws.ok("RegisterTaskDefinition", one("web"))["taskDefinition"]["revision"], 3);
    }

    #[test]
    fn tags_and_missing_ones() {
        let mut aws = Fixture::new();
        let mut tagged = one("web");
        tagged["tags"] = json!([{"key": "a", "value": "b"}]);
        aws.ok("RegisterTaskDefinition", tagged);
        let bare = aws.ok("DescribeTaskDefinition", json!({"taskDefinition": "web:1"}));
        assert!(bare.get("tags").is_none());
        let full = aws.ok("DescribeTaskDefinition", json!({"taskDefinition": "web:1", "include": ["TAGS"]}));
        assert_eq!(full["tags"], json!([{"key": "a", "value": "b"}]));
        let arn = full["taskDefinition"]["taskDefinitionArn"].clone();
        assert_eq!(arn, "arn:aws:ecs:us-west-2:123456789012:task-definition/web:1");
        aws.ok("DescribeTaskDefinition", json!({"taskDefinition": arn}));
        let error = aws.error("DescribeTaskDefinition", json!({"taskDefinition": "gone"}));
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("ClientException", "Unable to describe task definition.")
        );
    }

    #[test]
    fn lists() {
        let mut aws = Fixture::new();
        for name in ["web", "web", "web", "website"] {
            aws.ok("RegisterTaskDefinition", one(name));
        }
        aws.ok("DeregisterTaskDefinition", json!({"taskDefinition": "web:2"}));
        let short = |answer: serde_json::Value| -> Vec<String> {
            let arns = answer["taskDefinitionArns"].as_array().unwrap().clone();
            arns.iter().map(|arn| arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
        };
        assert_eq!(short(aws.ok("ListTaskDefinitions", json!({"familyPrefix": "web"}))), ["web:1", "web:3"]);
        assert_eq!(short(aws.ok("ListTaskDefinitions", json!({"sort": "DESC"}))), ["website:1", "web:3", "web:1"]);
        assert_eq!(short(aws.ok("ListTaskDefinitions", json!({"status": "INACTIVE"}))), ["web:2"]);
        let first = aws.ok("ListTaskDefinitions", json!({"maxResults": 2}));
        let rest = aws.ok("ListTaskDefinitions", json!({"maxResults": 2, "nextToken": first["nextToken"]}));
        assert_eq!(short(rest), ["website:1"]);
        assert_eq!(
            aws.ok("ListTaskDefinitionFamilies", json!({"familyPrefix": "web"}))["families"],
            json!(["web", "website"])
        );
        let failed = aws.ok("DeleteTaskDefinitions", json!({"taskDefinitions": ["web:1", "web:9"]}));
        assert_eq!(failed["failures"].as_array().unwrap().len(), 2);
    }
}
