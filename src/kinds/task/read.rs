//! Whether a task ran, runs, or has to.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::Task;
use super::attempts::{Attempt, State, Whose, attempts, is_stopped};
use super::lower::{Parts, bare, cluster, id, parts};
use super::marker::{Marker, Trace, digest, key, names};
use super::spec::TaskSpec;
use crate::address::Address;
use crate::aws::{Aws, Fault, fault};
use crate::kinds::task_definition::{FAMILY_REVISION, describe};
use crate::kinds::{Found, Kind as _, Purpose, Readiness, STACK_TAG, Scope, Wanted, is_open};
use crate::manifest::substitute;

/// The last part of an id when the task ran in another life.
const RAN: &str = "ran";

/// The revision that a task runs.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) arn: String,
    /// `till:7`
    pub(super) revision: String,
    tags: BTreeMap<String, String>,
}

impl Definition {
    /// Asks ECS.
    pub(super) async fn ask(aws: &Aws, reference: &str) -> Result<Option<Self>, Fault> {
        let found = describe(aws, reference).await?.map(|revision| {
            let attributes = revision.found();
            let get = |name: &str| attributes.attributes.get(name).cloned().unwrap_or_default();
            Self { arn: get("arn"), revision: get(FAMILY_REVISION), tags: attributes.tags }
        });
        Ok(found)
    }

    /// From what was read already.
    fn known(scope: &Scope<'_>, reference: &str) -> Option<Self> {
        let found = scope.known.of("TaskDefinition").iter();
        let mut of = found.filter(|one| one.attributes.get(FAMILY_REVISION).is_some_and(|text| text == reference));
        let found = of.next()?;
        let arn = found.attributes.get("arn")?.clone();
        Some(Self { arn, revision: reference.to_owned(), tags: found.tags.clone() })
    }

    /// The stack that it belongs to.
    pub(super) fn stack(&self) -> Option<&str> {
        self.tags.get(STACK_TAG).map(String::as_str)
    }

    /// Whether a run of this content was begun and not recorded as done.
    pub(super) fn is_begun(&self, key: &str, digest: &str) -> bool {
        Marker::of(&self.tags, key).is_some_and(|marker| !marker.is_done && marker.digest == digest)
    }

    /// What was read may come from the tagging service, which lags.
    async fn refresh(&mut self, aws: &Aws) -> Result<(), Fault> {
        let call = aws.ecs().list_tags_for_resource().resource_arn(&self.arn).send();
        let tags = call.await.map_err(fault("ecs:ListTagsForResource"))?.tags.unwrap_or_default();
        self.tags = tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
        Ok(())
    }
}

/// A declared task and what it comes down to.
struct Declared<'a> {
    stack: &'a str,
    address: &'a Address,
    spec: TaskSpec,
    definition: Definition,
    digest: String,
    /// The ARNs of what carries a tag of it: revisions, and the cluster.
    records: Vec<String>,
}

pub(super) async fn read(aws: &Aws, scope: &Scope<'_>) -> Result<Vec<Found<TaskSpec>>, Fault> {
    if let Purpose::Settle(id) = scope.purpose {
        return Ok(settle(aws, scope, id).await?.into_iter().collect());
    }
    let declared = try_join_all(scope.wanted.iter().map(|wanted| survey(aws, scope, wanted))).await?;
    let mut found: Vec<_> = declared.into_iter().flatten().collect();
    found.extend(undeclared(scope));
    Ok(found)
}

async fn survey(aws: &Aws, scope: &Scope<'_>, wanted: &Wanted) -> Result<Option<Found<TaskSpec>>, Fault> {
    let stack = scope.place.stack.as_str();
    let spec = substitute(&wanted.spec, &|reference| {
        let found = scope.known.current(stack, &Address::from(reference))?;
        found.attributes.get(reference.attribute.as_deref()?).cloned().map(Value::String)
    });
    // What it refers to does not exist, so it cannot have run.
    if has_reference(&spec) {
        return Ok(None);
    }
    let Some(mut spec) = serde_json::from_value::<TaskSpec>(spec).ok() else { return Ok(None) };
    Task::normalise(&mut spec, scope.place);
    let known = Definition::known(scope, &spec.task_definition);
    let is_stale = known.is_some();
    let definition = match known {
        Some(definition) => Some(definition),
        None => Definition::ask(aws, &spec.task_definition).await?,
    };
    let Some(definition) = definition else { return Ok(None) };
    let digest = digest(&spec, &definition.revision);
    let mut records = records(scope, &wanted.address.name);
    if !records.contains(&definition.arn) {
        records.push(definition.arn.clone());
    }
    let mut task = Declared { stack, address: &wanted.address, spec, definition, digest, records };
    if task.has_run() {
        return Ok(Some(task.found(RAN, Readiness::Ready)));
    }
    if is_stale {
        task.definition.refresh(aws).await?;
        if task.has_run() {
            return Ok(Some(task.found(RAN, Readiness::Ready)));
        }
    }
    let attempts = attempts(aws, cluster(&task.spec), task.whose()).await?;
    if let Some(attempt) = attempts.iter().rev().find(|attempt| attempt.digest == task.digest) {
        match attempt.state(aws).await? {
            State::Runs(why) => return Ok(Some(task.found(&attempt.id, Readiness::Pending(why)))),
            State::Succeeded if task.definition.is_begun(&task.key(), &task.digest) => {
                let why = "it ran, which has to be recorded yet".to_owned();
                return Ok(Some(task.found(&attempt.id, Readiness::Pending(why))));
            }
            // What failed has to run again, and what ran in a life that was ended does not count.
            State::Failed(_) | State::Succeeded => {}
        }
    }
    let has_other = task.marker().is_some_and(|marker| marker.is_done);
    Ok(has_other.then(|| task.unrecorded(RAN, false)))
}

/// The revisions and clusters of ours that carry a tag of this task.
fn records(scope: &Scope<'_>, name: &str) -> Vec<String> {
    let key = key(&scope.place.stack, name);
    let holders = ["TaskDefinition", "Cluster"].into_iter().flat_map(|kind| scope.known.of(kind));
    let holders = holders.filter(|one| one.tags.contains_key(&key));
    holders.filter_map(|one| one.attributes.get("arn").cloned()).collect()
}

/// Tasks that ran from revisions of ours, or in a cluster of ours, and are not declared any more.
fn undeclared(scope: &Scope<'_>) -> Vec<Found<TaskSpec>> {
    let stack = scope.place.stack.as_str();
    // By name; what the revision says is more than what the cluster remembers.
    let mut left: BTreeMap<String, TaskSpec> = BTreeMap::new();
    for definition in scope.known.of("TaskDefinition") {
        let revision = definition.attributes.get(FAMILY_REVISION).cloned().unwrap_or_default();
        for name in names(&definition.tags, stack) {
            let Some(marker) = Marker::of(&definition.tags, &key(stack, &name)) else { continue };
            let (cluster, started_by) = (Some(marker.cluster), marker.started_by);
            let task_definition = revision.clone();
            left.insert(name, TaskSpec { cluster, task_definition, started_by, ..TaskSpec::default() });
        }
    }
    for cluster in scope.known.of("Cluster").iter().filter(|one| one.tags.get(STACK_TAG).is_some_and(|of| of == stack))
    {
        for name in names(&cluster.tags, stack) {
            let Some(trace) = Trace::of(&cluster.tags, &key(stack, &name)) else { continue };
            let (task_definition, started_by) = (trace.revision, trace.started_by);
            let spec =
                TaskSpec { cluster: Some(cluster.id.clone()), task_definition, started_by, ..TaskSpec::default() };
            left.entry(name).or_insert(spec);
        }
    }
    left.retain(|name, _| scope.wanted.iter().all(|wanted| wanted.address.name != *name));
    let found = left.into_iter().map(|(name, spec)| {
        let arn = scope.place.arn("ecs", &format!("task-definition/{}", spec.task_definition));
        let mut records = records(scope, &name);
        if !records.contains(&arn) {
            records.push(arn.clone());
        }
        let definition = Definition { arn, revision: spec.task_definition.clone(), tags: BTreeMap::new() };
        let address = Address::new("Task", name);
        let task = Declared { stack, address: &address, spec, definition, digest: String::new(), records };
        task.found(RAN, Readiness::Ready)
    });
    found.collect()
}

/// The one task that is waited for. Of several attempts the one of this run counts, then the one of the id, then one of a run
/// that died, which this run takes for its own.
async fn settle(aws: &Aws, scope: &Scope<'_>, id: &str) -> Result<Option<Found<TaskSpec>>, Fault> {
    let stack = scope.place.stack.as_str();
    let Some(Parts { cluster, name, attempt: attempt_id, started_by }) = parts(id) else { return Ok(None) };
    let Some(wanted) = scope.wanted.first() else {
        let attempts = attempts(aws, cluster, Whose { stack, name, started_by }).await?;
        // It is being deleted, and is gone when nothing runs any more.
        let left = attempts.iter().flat_map(|attempt| &attempt.tasks).filter(|task| !is_stopped(task)).count();
        let address = Address::new("Task", name);
        let readiness = Readiness::Pending(format!("{left} tasks are stopping"));
        let found = || bare(stack, &address, id.to_owned(), TaskSpec::default(), readiness, Value::Null);
        return Ok((left > 0).then(found));
    };
    let Some(spec) = serde_json::from_value::<TaskSpec>(wanted.spec.clone()).ok() else { return Ok(None) };
    let Some(definition) = Definition::ask(aws, &spec.task_definition).await? else { return Ok(None) };
    let digest = digest(&spec, &definition.revision);
    let records = vec![definition.arn.clone()];
    let task = Declared { stack, address: &wanted.address, spec, definition, digest, records };
    let attempts = attempts(aws, cluster, task.whose()).await?;
    let own = own_attempts(aws, &wanted.address);
    let (has_run, is_begun) = (task.has_run(), task.definition.is_begun(&task.key(), &task.digest));
    let is_own = attempt_id.starts_with(&own);
    // What this run has started under another id, which is that of what is updated.
    let counts = |attempt: &&Attempt| match is_own {
        true => attempt.id == attempt_id,
        false => attempt.id == attempt_id || attempt.id.starts_with(&own),
    };
    let same = || attempts.iter().rev().filter(|attempt| attempt.digest == task.digest);
    let (mut attempt, mut state) = (same().find(counts), None);
    if let Some(attempt) = attempt {
        state = Some(attempt.state(aws).await?);
    } else if !is_own {
        for other in same() {
            let of_other = other.state(aws).await?;
            if !matches!(of_other, State::Failed(_)) {
                (attempt, state) = (Some(other), Some(of_other));
                break;
            }
        }
    }
    let mut found = match state {
        Some(State::Runs(why)) => task.found(attempt_id, Readiness::Pending(why)),
        Some(State::Failed(why)) => task.found(attempt_id, Readiness::Failed(why)),
        _ if has_run => task.found(attempt_id, Readiness::Ready),
        Some(State::Succeeded) if is_begun => task.unrecorded(attempt_id, true),
        // What this run has just started is not visible yet.
        None if is_own => return Ok(None),
        Some(State::Succeeded) | None => task.unrecorded(attempt_id, false),
    };
    found.detail["started"] = attempt.is_some_and(Attempt::has_started).into();
    id.clone_into(&mut found.id);
    Ok(Some(found))
}

impl Declared<'_> {
    fn whose(&self) -> Whose<'_> {
        Whose { stack: self.stack, name: &self.address.name, started_by: self.spec.started_by.as_deref() }
    }

    fn key(&self) -> String {
        key(self.stack, &self.address.name)
    }

    fn marker(&self) -> Option<Marker> {
        Marker::of(&self.definition.tags, &self.key())
    }

    fn has_run(&self) -> bool {
        self.marker().is_some_and(|marker| marker.is_done && marker.digest == self.digest)
    }

    fn found(&self, attempt: &str, readiness: Readiness) -> Found<TaskSpec> {
        let id = id(&self.spec, &self.address.name, attempt);
        let detail = json!({"records": self.records});
        bare(self.stack, self.address, id, self.spec.clone(), readiness, detail)
    }

    /// With this content it has not run yet, or nothing says so yet.
    fn unrecorded(&self, attempt: &str, has_succeeded: bool) -> Found<TaskSpec> {
        let mut found = self.found(attempt, Readiness::Ready);
        found.spec.count = Some(0);
        found.detail["hasSucceeded"] = has_succeeded.into();
        found
    }
}

/// How the attempts of this run are called.
pub(super) fn own_attempts(aws: &Aws, address: &Address) -> String {
    format!("{}-", &aws.token(&address.to_string())[..16])
}

fn has_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => is_open(text),
        Value::Array(items) => items.iter().any(has_reference),
        Value::Object(members) => members.values().any(has_reference),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
