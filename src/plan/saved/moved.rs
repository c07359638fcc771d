//! Whether what a plan was made of is still so: fingerprints, and in words what moved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::{Value, json};

use super::SavedPlan;
use super::keep::{NOT_KEPT, hidden};
use crate::address::Address;
use crate::digest;
use crate::kinds::{Attributes, Found, by_name, covers};
use crate::manifest::references::occurrences;
use crate::plan::{Action, Change, Plan, Reason, Refusal, SENSITIVE, diff};

/// How long a value is shown.
const LONGEST: usize = 80;
/// How many fields of an object are named.
const MOST: usize = 8;

/// The changes that do something, if only waiting.
pub(super) fn touched(plan: &Plan) -> Vec<&Change> {
    let stepped: BTreeSet<usize> = plan.steps.iter().map(|step| step.change).collect();
    let changes = plan.changes.iter().enumerate();
    let is_touched = |(index, change): &(usize, &Change)| change.action != Action::None || stepped.contains(index);
    changes.filter(is_touched).map(|(_, change)| change).collect()
}

/// Whether it is the deletion of what was replaced, beside the change of what it was replaced by.
pub(super) fn is_left_over(change: &Change) -> bool {
    matches!(change.reason, Reason::Superseded(_))
}

/// Whether two changes are of one object: of one address, and, of what was replaced, of one id.
pub(super) fn is_same(one: &Change, other: &Change) -> bool {
    let id = |change: &Change| change.live.as_ref().map(|live| live.id.clone()).filter(|_| is_left_over(change));
    one.address == other.address && is_left_over(one) == is_left_over(other) && id(one) == id(other)
}

/// The attributes of objects that stay which the new objects are made with.
pub(super) fn taken(plan: &Plan, touched: &[&Change]) -> BTreeMap<Address, Attributes> {
    let live: BTreeMap<&Address, &Found> = plan
        .changes
        .iter()
        .filter(|change| matches!(change.action, Action::None | Action::Update))
        .filter_map(|change| Some((&change.address, change.live.as_ref()?)))
        .collect();
    let mut taken: BTreeMap<Address, Attributes> = BTreeMap::new();
    for change in touched {
        let texts = json!([change.desired, change.tags]);
        for one in occurrences(&texts, "").0 {
            let (address, Some(attribute)) = (Address::from(&one.reference), one.reference.attribute) else { continue };
            if let Some(value) = live.get(&address).and_then(|live| live.attributes.get(&attribute)) {
                taken.entry(address).or_default().insert(attribute, value.clone());
            }
        }
    }
    taken
}

/// The digest of what a change was decided on; none when there was no object.
pub(super) fn fingerprint(change: &Change) -> Option<String> {
    fingerprint_for(change, change.action)
}

/// The digest of what counts of the object of a change for this action.
fn fingerprint_for(change: &Change, action: Action) -> Option<String> {
    let live = change.live.as_ref()?;
    Some(digest::of_value(&json!({"id": live.id, "key": live.key, "fields": managed(change, action)})))
}

/// The live values of the managed fields that are not as declared. The others are as declared, or nobody's.
fn managed(change: &Change, action: Action) -> BTreeMap<String, Value> {
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    let mut add = |path: &str, before: Option<&Value>| {
        // In a list without names several items can have one path.
        let before = before.filter(|_| is_declarable(&change.address.kind, path)).cloned().unwrap_or(Value::Null);
        let entry = fields.entry(path.to_owned()).or_insert_with(|| json!([]));
        if let Some(items) = entry.as_array_mut() {
            items.push(before);
        }
    };
    change.fields.iter().for_each(|field| add(&field.path, field.before.as_ref()));
    if let (Action::Delete, Some(live), Some(kind)) = (action, &change.live, by_name(&change.address.kind)) {
        // Nothing is declared of it any more, so everything counts that a manifest could say.
        let nothing = Value::Object(serde_json::Map::new());
        diff(kind.about(), &nothing, &live.spec, &[]).iter().for_each(|one| add(&one.path, one.before.as_ref()));
        for (key, value) in live.tags.iter().filter(|(key, _)| is_ours(key)) {
            add(&format!("tags.{key}"), Some(&Value::String(value.clone())));
        }
    }
    fields
}

/// Whether it is a tag that says whose the object is, and what may be done to it.
fn is_ours(key: &str) -> bool {
    key.starts_with("farpost/") && !key.starts_with("farpost/ran/")
}

/// Whether a manifest could say it. What farpost notes in a spec by itself, such as why an activation is due, is a
/// reading of the clock and of counts.
fn is_declarable(kind: &str, path: &str) -> bool {
    static MEMBERS: LazyLock<Mutex<BTreeMap<String, BTreeSet<String>>>> = LazyLock::new(Mutex::default);
    let mut all = MEMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    let members = all.entry(kind.to_owned()).or_insert_with(|| {
        let schema = by_name(kind).map(|kind| kind.schema()).unwrap_or_default();
        schema["properties"].as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
    });
    covers(&["tags", "name"], path) || path.split(['.', '[']).next().is_some_and(|first| members.contains(first))
}

/// How an object stands to what the plan would do to it.
enum Now {
    /// As it was.
    Same,
    /// As the plan would make it.
    Made(String),
    /// Otherwise, in words.
    Moved(String),
}

pub(super) fn refusals(saved: &SavedPlan, fresh: &Plan) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let (mut made, mut moved) = (0, 0);
    let refuse = |address: &Address, message: String| Refusal {
        address: Some(address.clone()),
        code: "plan-moved".to_owned(),
        message,
        help: "plan again".to_owned(),
    };
    let mut guarded: BTreeSet<&Address> = BTreeSet::new();
    for (then, touch) in touched(&saved.plan).into_iter().zip(&saved.touches) {
        let address = &touch.address;
        let guard = fresh.refusals.iter().filter(|refusal| refusal.address.as_ref() == Some(address));
        let guard: Vec<Refusal> = guard.cloned().collect();
        if !guard.is_empty() {
            moved += 1;
            if guarded.insert(address) {
                refusals.extend(guard);
            }
            continue;
        }
        let now = fresh.changes.iter().find(|now| is_same(now, then));
        match compare(then, touch.fingerprint.as_deref(), now) {
            Now::Same => {}
            Now::Made(message) => {
                made += 1;
                refusals.push(refuse(address, message));
            }
            Now::Moved(message) => {
                moved += 1;
                refusals.push(refuse(address, message));
            }
        }
    }
    for (address, attributes) in saved.takes.iter().filter(|(address, _)| !saved.touches(address)) {
        let now = fresh.changes.iter().find(|now| now.address == *address && !is_left_over(now));
        let live = now.and_then(|change| change.live.as_ref());
        let Some(live) = live else {
            moved += 1;
            refusals.push(refuse(address, "is gone, and the plan takes its attributes from it".to_owned()));
            continue;
        };
        let differs = attributes.iter().filter(|(name, value)| live.attributes.get(*name) != Some(*value));
        let words: Vec<String> = differs
            .map(|(name, value)| {
                let now = live.attributes.get(name).map_or("nothing", String::as_str);
                format!("{name}: {value} → {now}")
            })
            .collect();
        if !words.is_empty() {
            moved += 1;
            refusals.push(refuse(address, format!("the plan takes from it {}", words.join(", "))));
        }
    }
    if refusals.is_empty() {
        return refusals;
    }
    let all = saved.touches.len();
    let (code, message) = match (made, moved) {
        (made, 0) if made == all => {
            ("already-applied", "everything that this plan would do is done already".to_owned())
        }
        (0, _) => ("plan-moved", format!("what this plan was made of is not so any more (plan {})", saved.made)),
        (made, _) => (
            "partly-applied",
            format!("{made} of the {all} objects of this plan are as it would make them: part of it is done"),
        ),
    };
    let help = "plan again: farpost plan PATH --out FILE".to_owned();
    refusals.insert(0, Refusal { address: None, code: code.to_owned(), message, help });
    refusals
}

fn compare(then: &Change, fingerprint: Option<&str>, now: Option<&Change>) -> Now {
    let live = now.and_then(|now| now.live.as_ref());
    let (before, now) = match (&then.live, now, live) {
        // It was to be made.
        (None, Some(now), Some(live)) => {
            let exists = format!("did not exist → exists as {}", live.id);
            return if now.action == Action::None { Now::Made(exists) } else { Now::Moved(exists) };
        }
        (None, Some(now), None) => return decided(then, now),
        (None, None, _) => return Now::Moved("is not declared any more".to_owned()),
        (Some(before), _, None) => {
            let gone = format!("{} → is gone", before.id);
            return if then.action == Action::Delete { Now::Made(gone) } else { Now::Moved(gone) };
        }
        (Some(before), Some(now), Some(_)) => (before, now),
        (Some(_), None, Some(_)) => return Now::Same,
    };
    if fingerprint_for(now, then.action).as_deref() == fingerprint && now.action == then.action {
        return decided(then, now);
    }
    let id = live.map_or("", |live| live.id.as_str());
    let mut words = Vec::new();
    if before.id != id {
        words.push(format!("id: {} → {id}", before.id));
    }
    // Neither side tells what the file does not keep.
    let now = &hidden(now);
    let (old, new) = (managed(then, then.action), managed(now, then.action));
    let mut unsaid = false;
    for path in old.keys().chain(new.keys().filter(|path| !old.contains_key(*path))) {
        let declared = || then.fields.iter().chain(&now.fields).find(|one| one.path == *path)?.after.clone();
        let value = |fields: &BTreeMap<String, Value>| match fields.get(path) {
            Some(value) => shown(Some(value)),
            None if then.action == Action::Delete => "nothing".to_owned(),
            // It is as declared where it does not differ.
            None => shown(declared().map(|value| json!([value])).as_ref()),
        };
        let (before, after) = (value(&old), value(&new));
        let is_hidden = [&before, &after].iter().any(|text| text.contains(NOT_KEPT) || text.contains(SENSITIVE));
        if old.get(path) == new.get(path) {
            unsaid |= is_hidden;
        } else if is_hidden {
            words.push(format!("{path}: changed"));
        } else {
            words.push(format!("{path}: {before} → {after}"));
        }
    }
    let is_made = now.action == Action::None && matches!(then.action, Action::Update | Action::Replace);
    if now.action != then.action && !is_made {
        words.push(otherwise(then, now));
    }
    if words.is_empty() {
        let what = if unsaid { "a value that a saved plan does not keep" } else { "what AWS says of it" };
        words.push(format!("{what} is not what it was"));
    }
    let more = words.len().saturating_sub(MOST);
    words.truncate(MOST);
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    if is_made { Now::Made(words.join("; ")) } else { Now::Moved(words.join("; ")) }
}

/// What is planned now in place of what was.
fn otherwise(then: &Change, now: &Change) -> String {
    let verb = |action: Action| if action == Action::None { "leave" } else { action.word() };
    format!("farpost would {} it now, and was to {} it", verb(now.action), verb(then.action))
}

/// With the same state, whether the same is decided: another version of farpost may decide otherwise.
fn decided(then: &Change, now: &Change) -> Now {
    if now.action != then.action {
        return Now::Moved(otherwise(then, now));
    }
    if now.order != then.order {
        let words = |change: &Change| change.order.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        return Now::Moved(format!("in which order it is replaced: {} → {}", words(then), words(now)));
    }
    // The file does not hold everything; that the manifests are the same was checked on the whole of them.
    let shown = hidden(now);
    let same = shown.desired == then.desired && shown.tags == then.tags && shown.ignored == then.ignored;
    if same { Now::Same } else { Now::Moved("what is declared of it is read otherwise now".to_owned()) }
}

/// The values of a path, on one line.
fn shown(values: Option<&Value>) -> String {
    let values = values.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let words: Vec<String> = values
        .iter()
        .map(|value| match value {
            Value::Null => "nothing".to_owned(),
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
        })
        .collect();
    let text = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).collect::<String>() + "…" } else { text }
}
