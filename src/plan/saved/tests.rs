//! Saved plans as data: text and back, and what moved.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::kinds::{Found, Readiness};
use crate::manifest::{FileSystem, ManifestText, Timeouts, load_text};
use crate::observed::Survey;
use crate::plan::{Goal, Guards, Reason, plan};

/// A change of an object that exists.
pub(super) fn change(address: &str, action: Action) -> Change {
    let found = Found {
        id: "id-1".to_owned(),
        key: None,
        spec: json!({}),
        attributes: Attributes::new(),
        tags: BTreeMap::new(),
        readiness: Readiness::Ready,
        detail: Value::Null,
    };
    Change {
        address: address.parse().unwrap(),
        action,
        reason: Reason::Differs,
        fields: Vec::new(),
        desired: None,
        tags: BTreeMap::new(),
        ignored: Vec::new(),
        sensitive: Vec::new(),
        timeouts: Timeouts::default(),
        live: Some(found),
        order: None,
        replaces: Vec::new(),
    }
}

const MANIFESTS: &str = "apiVersion: farpost/v1\nkind: Stack\nmetadata: {name: test}\n\
    spec: {account: \"123456789012\", region: us-west-2, tags: {of: all}}\n---\n\
    apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {cidrBlock: 10.0.0.0/16, tags: {b: \"${Cluster.c}\"}}\n---\n\
    apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: c}\nspec: {}\n---\n\
    apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: s}\nspec: {vpcId: \"${Vpc.a}\", cidrBlock: 10.0.1.0/24}\n";

fn declared() -> Desired {
    let text = ManifestText { path: "m/a.yaml".into(), root: "m".into(), text: MANIFESTS.to_owned() };
    let (documents, findings) = load_text(vec![text], &FileSystem, &crate::desired::kind_names());
    assert!(findings.is_empty(), "{findings:?}");
    crate::desired::check(documents).0.unwrap()
}

fn planned(desired: &Desired) -> Plan {
    plan(desired, &Survey::default(), Goal::Converge, Guards::default(), BTreeMap::new())
}

fn saved() -> SavedPlan {
    let desired = declared();
    SavedPlan::new(&desired, &planned(&desired), false, Timestamp::UNIX_EPOCH)
}

#[test]
fn a_saved_plan_is_read_as_it_was_written() {
    let saved = saved();
    let text = saved.to_text();
    assert!(is_saved(text.as_bytes()) && !is_output(text.as_bytes()));
    let read = SavedPlan::from_text(text.as_bytes()).unwrap();
    assert_eq!(read.to_text(), text);
    // What it declares means the same again: the same plan comes of it, and it is the one that would be applied.
    let again = planned(&read.desired("plan.json").unwrap());
    assert_eq!(json!(again.changes), json!(saved.plan.changes));
    assert_eq!(json!(again.steps), json!(saved.plan.steps));
    assert_eq!(read.moved(&again), []);
    assert_eq!(json!(read.renewed(&again).steps), json!(saved.plan.steps));
    assert_eq!(saved.touches.len(), 3);
    assert!(saved.touches.iter().all(|touch| touch.fingerprint.is_none()), "nothing exists yet");
    assert!(saved.takes.is_empty());
}

#[test]
fn what_is_no_whole_plan_is_not_read() {
    let text = saved().to_text();
    // Wherever it is cut, it is cut short, or no plan is recognised at all; it never panics.
    for end in (0..text.len() - 1).step_by(97).chain([1, 20, 40]) {
        let cut = &text.as_bytes()[..end];
        assert!(SavedPlan::from_text(cut).is_err(), "{end}");
    }
    // Wherever a letter of it is changed, that is noticed.
    for place in (20..text.len()).step_by(53) {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
        assert!(SavedPlan::from_text(&bytes).is_err(), "{place}");
    }
    let other = text.replacen("\"farpostPlan\": 1", "\"farpostPlan\": 7", 1);
    assert_eq!(SavedPlan::from_text(other.as_bytes()).unwrap_err(), Unreadable::Format { found: "7".to_owned() });
    let other = "{\"farpostPlan\": \"two\", \"all\": \"else\"}";
    assert!(matches!(SavedPlan::from_text(other.as_bytes()), Err(Unreadable::Format { .. })));
    assert_eq!(
        SavedPlan::from_text(text.replace("10.0.0.0/16", "10.9.0.0/16").as_bytes()).unwrap_err(),
        Unreadable::Changed
    );
    assert!(matches!(SavedPlan::from_text(b"{\"farpostPlan\": 1}"), Err(Unreadable::Contradictory(_))));
    assert!(matches!(SavedPlan::from_text(b"{\"farpostPlan\": 1, "), Err(Unreadable::Garbled(_))));
    assert!(matches!(SavedPlan::from_text(b"\xff{\"farpostPlan\": 1, "), Err(Unreadable::Garbled(_))));
    let deep = format!("{{\"farpostPlan\": 1, \"a\": {}", "[".repeat(100_000));
    assert!(matches!(SavedPlan::from_text(deep.as_bytes()), Err(Unreadable::Garbled(_))));
}

/// Whoever makes a plan by hand, digest and all, gets no index out of range.
#[test]
fn a_plan_that_contradicts_itself_is_not_read() {
    type Spoil = fn(&mut SavedPlan);
    let cases: &[(&str, Spoil)] = &[
        ("a change that is not there", |saved| saved.plan.steps[0].change = 99),
        ("a step that is not there", |saved| saved.plan.steps[0].after = vec![99]),
        ("a step of another object", |saved| saved.plan.steps[0].change = saved.plan.steps[1].change),
        ("an object that is not listed", |saved| drop(saved.touches.pop())),
        ("another action", |saved| saved.touches.iter_mut().for_each(|touch| touch.action = Action::Delete)),
        ("other manifests", |saved| saved.declarations[0].name = "other".to_owned()),
        ("an id that is a path", |saved| saved.id = "../../etc/passwd".to_owned()),
        ("a refusal", |saved| {
            saved.plan.refusals.push(Refusal {
                address: None,
                code: "max-deletes".to_owned(),
                message: String::new(),
                help: String::new(),
            });
        }),
    ];
    for (what, spoil) in cases {
        let mut plan = saved();
        spoil(&mut plan);
        let read = SavedPlan::from_text(plan.to_text().as_bytes());
        assert!(matches!(read, Err(Unreadable::Contradictory(_))), "{what}: {read:?}");
    }
}

/// A fresh plan in which one thing is otherwise, and what is said of it.
#[track_caller]
fn says(then: &Change, now: &Change, words: &[&str]) {
    let mut saved = saved();
    saved.takes = BTreeMap::from([("Vpc/a".parse().unwrap(), BTreeMap::from([("id".to_owned(), "vpc-1".to_owned())]))]);
    saved.plan.changes = vec![change("Vpc/a", Action::None), then.clone()];
    saved.plan.changes[0].live.as_mut().unwrap().attributes.insert("id".to_owned(), "vpc-1".to_owned());
    saved.touches = vec![Touch::of(then)];
    saved.plan.steps.retain(|step| step.change == 1);
    saved.plan = keep::without_secrets(&saved.plan);
    let mut fresh = saved.plan.clone();
    fresh.changes[1] = now.clone();
    let refusals = saved.moved(&fresh);
    let text = crate::report::plan::refusals(&refusals);
    assert_eq!(refusals.is_empty(), words.is_empty(), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
}

fn field(path: &str, before: Value, after: Value) -> crate::plan::FieldChange {
    let some = |value: Value| (!value.is_null()).then_some(value);
    crate::plan::FieldChange {
        path: path.to_owned(),
        before: some(before),
        after: some(after),
        forces_replacement: false,
    }
}

#[test]
fn what_moved_is_named_field_by_field() {
    let mut then = change("Service/web", Action::Update);
    then.fields = vec![field("desiredCount", json!(1), json!(3))];
    says(&then, &then, &[]);
    // What nobody manages is no field of the difference: it may be anything.
    let mut busy = then.clone();
    busy.live.as_mut().unwrap().spec = json!({"runningCount": 7});
    busy.live.as_mut().unwrap().readiness = Readiness::Pending("1 of 2 tasks".to_owned());
    busy.live.as_mut().unwrap().tags.insert("of somebody".to_owned(), "else".to_owned());
    says(&then, &busy, &[]);

    let mut now = then.clone();
    now.fields = vec![field("desiredCount", json!(2), json!(3))];
    says(&then, &now, &["plan-moved", "Service/web: desiredCount: 1 → 2", "plan again"]);
    now.fields.push(field("enableExecuteCommand", json!(true), json!(false)));
    says(&then, &now, &["enableExecuteCommand: false → true"]);
    now = then.clone();
    now.live.as_mut().unwrap().id = "id-2".to_owned();
    says(&then, &now, &["id: id-1 → id-2"]);
    now = then.clone();
    now.action = Action::Replace;
    says(&then, &now, &["would replace it now, and was to update it"]);
    now = then.clone();
    now.desired = Some(json!({"desiredCount": 4}));
    says(&then, &now, &["read otherwise"]);
    now = then.clone();
    (now.action, now.fields) = (Action::None, Vec::new());
    says(&then, &now, &["already-applied", "done already", "desiredCount: 1 → 3"]);
    (now.action, now.live) = (Action::Create, None);
    says(&then, &now, &["plan-moved", "id-1 → is gone"]);
}

#[test]
fn what_is_to_be_made_must_not_exist() {
    let mut then = change("Subnet/s", Action::Create);
    then.live = None;
    says(&then, &then, &[]);
    let mut now = change("Subnet/s", Action::Update);
    says(&then, &now, &["plan-moved", "did not exist → exists as id-1"]);
    now.action = Action::None;
    says(&then, &now, &["already-applied"]);
}

#[test]
fn what_is_deleted_counts_whole() {
    let mut then = change("Vpc/old", Action::Delete);
    then.live.as_mut().unwrap().spec = json!({"cidrBlock": "10.0.0.0/16", "enableDnsSupport": true});
    says(&then, &then, &[]);
    let mut now = then.clone();
    now.live.as_mut().unwrap().spec["enableDnsSupport"] = json!(false);
    says(&then, &now, &["enableDnsSupport: true → false"]);
    now = then.clone();
    now.live.as_mut().unwrap().tags.insert("farpost/on-delete".to_owned(), "retain".to_owned());
    now.action = Action::None;
    says(&then, &now, &["tags.farpost/on-delete: nothing → retain"]);
    now.live = None;
    says(&then, &now, &["already-applied", "is gone"]);
}

/// A reading of the clock is no state.
#[test]
fn why_an_activation_is_due_may_change() {
    let mut then = change("Activation/stores", Action::Update);
    then.fields = vec![field("due", json!("it expires in fewer than 5 days"), Value::Null)];
    let mut now = then.clone();
    now.fields[0].before = Some(json!("it expires in fewer than 4 days"));
    says(&then, &now, &[]);
}

#[test]
fn a_secret_that_moved_is_not_told() {
    let path = "containerDefinitions[app].environment[KEY].value";
    let mut then = change("TaskDefinition/app", Action::Update);
    then.fields = vec![field(path, json!("s3cret"), json!("declared"))];
    let mut now = then.clone();
    now.fields[0].before = Some(json!("n3w"));
    let text = {
        says(&then, &now, &["a value that a saved plan does not keep is not what it was"]);
        let mut other = now.clone();
        other.fields[0].path = path.replace("KEY", "OTHER");
        says(&then, &other, &[&format!("{path}: changed")]);
        let mut saved = saved();
        saved.plan.changes = vec![then.clone()];
        saved.touches = vec![Touch::of(&then)];
        saved.plan = keep::without_secrets(&saved.plan);
        let mut fresh = saved.plan.clone();
        fresh.changes = vec![other];
        saved.to_text() + &crate::report::plan::refusals(&saved.moved(&fresh))
    };
    assert!(!text.contains("s3cret") && !text.contains("n3w"), "{text}");
}

/// What was replaced has the address of what replaced it, and is told from it by its id.
#[test]
fn what_is_left_over_from_a_replacement_is_an_object_of_its_own() {
    let mut old = change("Vpc/a", Action::Delete);
    old.reason = Reason::Superseded("id-2".to_owned());
    let mut new = change("Vpc/a", Action::Update);
    new.live.as_mut().unwrap().id = "id-2".to_owned();
    new.fields = vec![field("enableDnsSupport", json!(true), json!(false))];
    let mut saved = saved();
    saved.plan.changes = vec![old.clone(), new.clone()];
    saved.plan.steps.clear();
    saved.touches = vec![Touch::of(&old), Touch::of(&new)];
    assert_eq!(saved.touches[0].id.as_deref(), Some("id-1"));
    let mut fresh = saved.plan.clone();
    assert_eq!(saved.moved(&fresh), []);
    let renewed = saved.renewed(&fresh);
    assert_eq!(renewed.changes[0].live.as_ref().unwrap().id, "id-1");
    assert_eq!(renewed.changes[1].live.as_ref().unwrap().id, "id-2");
    fresh.changes.remove(0);
    assert_eq!(saved.moved(&fresh)[0].code, "partly-applied");
    assert_eq!(saved.moved(&fresh)[1].message, "id-1 → is gone");
}

#[test]
fn sensitive_values_stay_in_the_manifests() {
    let secret = MANIFESTS.replace(
        "metadata: {name: a}\nspec: {cidrBlock: 10.0.0.0/16,",
        "metadata: {name: a}\nlifecycle: {sensitive: [cidrBlock]}\nspec: {cidrBlock: 10.0.0.0/16,",
    );
    let read = |text: &str| {
        let text = ManifestText { path: "m/a.yaml".into(), root: "m".into(), text: text.to_owned() };
        let (documents, findings) = load_text(vec![text], &FileSystem, &crate::desired::kind_names());
        assert!(findings.is_empty(), "{findings:?}");
        crate::desired::check(documents).0.unwrap()
    };
    let desired = read(&secret);
    let saved = SavedPlan::new(&desired, &planned(&desired), false, Timestamp::UNIX_EPOCH);
    let text = saved.to_text();
    assert!(!saved.complete && !text.contains("10.0.0.0/16"), "{text}");
    let saved = SavedPlan::from_text(text.as_bytes()).unwrap();
    // With the manifests it is whole again.
    let again = planned(&desired);
    assert_eq!(saved.moved(&again), []);
    let declares = |plan: &Plan| json!(plan.changes).to_string().contains("10.0.0.0/16");
    assert!(declares(&saved.renewed(&again)));
    let other = read(&secret.replace("10.0.0.0/16", "10.0.0.0/17")).declarations();
    assert_ne!(manifest::digest(&other), saved.manifests);
    assert_eq!(saved.declared_otherwise(&other), ["a sensitive value is another one"]);
}

#[test]
fn what_the_plan_takes_from_others_must_be_the_same() {
    let mut saved = saved();
    let vpc: Address = "Vpc/a".parse().unwrap();
    (saved.touches, saved.plan.steps, saved.plan.changes) = (Vec::new(), Vec::new(), Vec::new());
    saved.takes = BTreeMap::from([(vpc, BTreeMap::from([("id".to_owned(), "vpc-1".to_owned())]))]);
    let mut fresh = saved.plan.clone();
    fresh.changes = vec![change("Vpc/a", Action::None)];
    fresh.changes[0].live.as_mut().unwrap().attributes.insert("id".to_owned(), "vpc-1".to_owned());
    assert_eq!(saved.moved(&fresh), []);
    fresh.changes[0].live.as_mut().unwrap().attributes.insert("id".to_owned(), "vpc-2".to_owned());
    assert_eq!(saved.moved(&fresh)[1].message, "the plan takes from it id: vpc-1 → vpc-2");
    fresh.changes.clear();
    assert!(saved.moved(&fresh)[1].message.contains("is gone"));
}

#[test]
fn part_of_it_done_is_said() {
    let saved = saved();
    let mut fresh = saved.plan.clone();
    let vpc = fresh.changes.iter_mut().find(|one| one.address.kind == "Vpc").unwrap();
    *vpc = change("Vpc/a", Action::None);
    let refusals = saved.moved(&fresh);
    assert_eq!(refusals[0].code, "partly-applied");
    assert!(refusals[0].message.starts_with("1 of the 3 objects"), "{}", refusals[0].message);
}

#[test]
fn other_manifests_are_named() {
    let saved = saved();
    let mut now = saved.declarations.clone();
    now.retain(|one| one.kind != "Cluster");
    now.iter_mut().filter(|one| one.kind == "Vpc").for_each(|one| one.spec["cidrBlock"] = json!("10.1.0.0/16"));
    now.push(Declaration { name: "t".to_owned(), ..now[0].clone() });
    let words = saved.declared_otherwise(&now);
    let kind = &now[0].kind;
    assert_eq!(
        words,
        [
            "Cluster/c is not declared any more".to_owned(),
            "Vpc/a is declared otherwise".to_owned(),
            format!("{kind}/t is new")
        ]
    );
}
