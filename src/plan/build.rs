//! Decides, object by object in dependency order, what has to happen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::order::{Live, Needs, reversed, steps};
use super::refuse::{found_twice, prevented, protected};
use super::replace::{keep, leaving};
use super::tags::{self, ON_DELETE_TAG};
use super::{Action, Change, FORMAT_VERSION, Note, Order, Plan, Reason, Refusal, diff};
use crate::address::Address;
use crate::aws::Counts;
use crate::desired::{Desired, Resource};
use crate::kinds::{About, Attributes, Found, KINDS, Owner, Place, REPLACES_TAG, Readiness, by_name, successor};
use crate::manifest::substitute;
use crate::observed::Survey;

/// What the plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Make AWS what the manifests say.
    Converge,
    /// Delete everything of the stack.
    Destroy,
}

/// What a plan must not exceed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guards {
    /// The most objects that may be deleted or replaced. None: a fifth of what is there, at least five.
    pub max_deletes: Option<usize>,
}

/// What has to happen to bring `survey` to `desired`. For [`Goal::Destroy`] only the place of `desired` counts.
pub fn plan(desired: &Desired, survey: &Survey, goal: Goal, guards: Guards, calls: Counts) -> Plan {
    let place = desired.place();
    let mut ours: BTreeMap<Address, Vec<&Found>> = BTreeMap::new();
    let mut superseded: BTreeMap<Address, Vec<&Found>> = BTreeMap::new();
    let mut named: BTreeMap<(&str, &str), &Found> = BTreeMap::new();
    for kind in KINDS.iter().map(|kind| kind.about().kind) {
        let replaced = successor::replaced(survey.of(kind));
        for found in survey.of(kind) {
            if let Owner::Us(address) = found.owner(&place.stack)
                && address.kind == kind
            {
                let list = if replaced.contains(found.id.as_str()) { &mut superseded } else { &mut ours };
                list.entry(address).or_default().push(found);
            }
            if let Some(key) = &found.key {
                named.entry((kind, key)).or_insert(found);
            }
        }
    }
    let live = live_needs(survey, &place.stack);
    let planner = Planner { desired, survey, ours, superseded, named, live, place, goal };
    let mut must_go = BTreeSet::new();
    let mut held = BTreeMap::new();
    loop {
        let draft = planner.draft(&held);
        // What is deleted must be let go of by everything that AWS lets hold on to it; that may cascade.
        let more: BTreeMap<Address, Address> =
            planner.holders(&draft).into_iter().filter(|(holder, _)| must_go.insert(holder.clone())).collect();
        if more.is_empty() {
            return planner.finish(draft, guards, calls);
        }
        held.extend(more);
    }
}

pub(super) struct Planner<'a> {
    pub(super) desired: &'a Desired,
    pub(super) survey: &'a Survey,
    /// What is there by the address in its tags.
    ours: BTreeMap<Address, Vec<&'a Found>>,
    /// What is there, and was replaced by one of `ours`.
    superseded: BTreeMap<Address, Vec<&'a Found>>,
    /// What is there by kind and key.
    pub(super) named: BTreeMap<(&'a str, &'a str), &'a Found>,
    /// What that needs.
    pub(super) live: Live,
    pub(super) place: Place,
    goal: Goal,
}

#[derive(Default)]
pub(super) struct Draft {
    pub(super) changes: Vec<Change>,
    pub(super) refusals: Vec<Refusal>,
    notes: Vec<Note>,
    known: BTreeMap<Address, Attributes>,
}

impl Draft {
    /// With the references whose attributes are known.
    pub(super) fn resolved(&self, spec: &Value) -> Value {
        substitute(spec, &|reference| {
            let attribute = reference.attribute.as_deref()?;
            self.known.get(&Address::from(reference))?.get(attribute).cloned().map(Value::String)
        })
    }
}

impl Planner<'_> {
    fn draft(&self, held: &BTreeMap<Address, Address>) -> Draft {
        let mut draft = Draft::default();
        if self.goal == Goal::Converge {
            for resource in self.desired.in_order() {
                self.decide(resource, held, &mut draft);
            }
        }
        self.prune(&mut draft);
        self.refuse_renamed(&mut draft);
        // In the order of the kinds, which is roughly the order of the work.
        let place = |kind: &str| KINDS.iter().position(|one| one.about().kind == kind);
        draft.changes.sort_by_cached_key(|change| (place(&change.address.kind), change.address.clone()));
        draft
    }

    fn decide(&self, resource: &Resource, held: &BTreeMap<Address, Address>, draft: &mut Draft) {
        let (address, kind) = (&resource.address, resource.kind);
        let spec = draft.resolved(&resource.spec);
        // The documents were checked, so this can fail only where a reference put something unfit into a field.
        let full = kind.normalise(&spec, &self.place).unwrap_or_else(|_| spec.clone());
        let foretold = kind.foretell(&address.name, &full, &self.place);
        let tags = self.tags(resource, &draft.known);
        let mut change = Change {
            address: address.clone(),
            action: Action::Create,
            reason: Reason::Missing,
            fields: Vec::new(),
            desired: Some(resource.spec.clone()),
            tags,
            ignored: resource.lifecycle.ignore_changes.clone(),
            sensitive: resource.lifecycle.sensitive.clone(),
            timeouts: resource.lifecycle.timeouts,
            live: None,
            order: None,
            replaces: self.left_over(address).iter().map(|old| old.id.clone()).collect(),
        };
        let key = kind.key(&address.name, &full, &self.place);
        match self.find(address, key.as_deref()) {
            Err(refusal) => draft.refusals.push(refusal),
            Ok(None) => {
                // What is declared is shown whole, also what AWS never learns.
                let about = About { local: &[], ..*kind.about() };
                change.fields = diff(&about, &spec, &Value::Object(serde_json::Map::new()), &[]);
                change.fields.iter_mut().for_each(|field| field.forces_replacement = false);
                draft.known.insert(address.clone(), foretold);
                draft.changes.push(change);
            }
            Ok(Some(live)) => {
                if let (false, Some(value)) = (self.left_over(address).is_empty(), live.tags.get(REPLACES_TAG)) {
                    change.tags.insert(REPLACES_TAG.to_owned(), value.clone());
                }
                change.fields =
                    diff(kind.about(), &self.for_now(resource, &full, live, draft), &live.spec, &change.ignored);
                kind.judge(&mut change.fields, &live.spec);
                let mut forcing: Vec<String> = change
                    .fields
                    .iter()
                    .filter(|field| field.forces_replacement)
                    .map(|field| field.path.clone())
                    .collect();
                if key.is_some() && live.key.is_some() && key != live.key && forcing.is_empty() {
                    forcing.push("name".to_owned());
                }
                // Tags alone move nothing, where they can be changed: an ARN that comes with a new revision stays.
                let mut moves = !change.fields.is_empty();
                if !kind.about().forgets_tags {
                    change.fields.extend(tags::changes(&change.tags, &live.tags));
                }
                moves |= kind.about().fixed_tags && !change.fields.is_empty();
                (change.action, change.reason) = if !forcing.is_empty() {
                    (Action::Replace, Reason::CannotUpdate(forcing))
                } else if let Some(gone) = held.get(address) {
                    (Action::Replace, Reason::Holds(gone.clone()))
                } else if !change.fields.is_empty() {
                    (Action::Update, Reason::Differs)
                } else if let Some(anew) = lost(resource, draft) {
                    (Action::Update, Reason::Follows(anew))
                } else if let Readiness::Pending(why) | Readiness::Failed(why) | Readiness::Deferred(why) =
                    &live.readiness
                {
                    (Action::None, Reason::NotReady(why.clone()))
                } else {
                    (Action::None, Reason::Unchanged)
                };
                if change.action == Action::Replace {
                    // The old one is not given up for a name that cannot be had.
                    let holder = self.holder(address, key.as_deref());
                    let others = holder.filter(|holder| !matches!(holder.owner(&self.place.stack), Owner::Us(_)));
                    draft.refusals.extend(others.map(|holder| self.not_ours(address, holder)));
                    change.order = Some(self.order(resource, (&full, key.as_deref()), live, &change.reason, draft));
                    let all: Vec<&Found> = [live].into_iter().chain(self.left_over(address).iter().copied()).collect();
                    change.replaces = all.iter().map(|old| old.id.clone()).collect();
                    if !kind.about().forgets_tags && !kind.about().fixed_tags {
                        change.tags.insert(REPLACES_TAG.to_owned(), successor::value(all));
                    }
                }
                if change.action == Action::Update {
                    let remarks = kind.remarks(&change.fields, &live.spec).into_iter();
                    draft.notes.extend(remarks.map(|message| Note { address: Some(address.clone()), message }));
                }
                if let Readiness::Unknown(why) = &live.readiness {
                    draft.notes.push(Note { address: Some(address.clone()), message: why.clone() });
                }
                let mut attributes = live.attributes.clone();
                match change.action {
                    Action::Replace => attributes = foretold,
                    Action::Update if moves => {
                        attributes.retain(|name, _| !kind.about().moving.contains(&name.as_str()));
                    }
                    Action::Update | Action::Create | Action::Delete | Action::None => {}
                }
                draft.known.insert(address.clone(), attributes);
                change.live = Some(live.clone());
                draft.changes.push(change);
            }
        }
    }

    /// The live object of an address, or why it may not be touched.
    fn find(&self, address: &Address, key: Option<&str>) -> Result<Option<&Found>, Refusal> {
        let ours = self.ours.get(address).map_or(&[][..], Vec::as_slice);
        match ours {
            [one] => return Ok(Some(one)),
            [] => {}
            _ => return Err(found_twice(address, ours)),
        }
        match self.holder(address, key) {
            Some(named) => Err(self.not_ours(address, named)),
            None => Ok(None),
        }
    }

    /// What has the name that something is to have.
    pub(super) fn holder(&self, address: &Address, key: Option<&str>) -> Option<&Found> {
        self.named.get(&(address.kind.as_str(), key?)).copied()
    }

    /// What carries our stack's tag and is not declared.
    fn prune(&self, draft: &mut Draft) {
        for (kind, live) in self.survey.all() {
            let Owner::Us(address) = live.owner(&self.place.stack) else { continue };
            let is_declared = self.goal == Goal::Converge && self.desired.get(&address).is_some();
            if address.kind != kind {
                continue;
            }
            if is_declared {
                if self.left_over(&address).iter().any(|old| old.id == live.id) {
                    draft.changes.push(self.leftover(address, live));
                }
                continue;
            }
            let twins = self.ours.get(&address).map_or(&[][..], Vec::as_slice);
            if twins.len() > 1 {
                // Consoles copy tags: one of them may be somebody's.
                if twins.first().is_some_and(|first| first.id == live.id) {
                    draft.refusals.push(found_twice(&address, twins));
                }
                continue;
            }
            let (action, reason) = match (live.tags.get(ON_DELETE_TAG).map(String::as_str), self.goal) {
                (Some("retain"), _) => (Action::None, Reason::Retained),
                (Some("prevent"), _) => {
                    draft.refusals.push(prevented(&address, &live.id, "deleted"));
                    (Action::None, Reason::Retained)
                }
                (_, Goal::Converge) => (Action::Delete, Reason::NotDeclared),
                (_, Goal::Destroy) => (Action::Delete, Reason::Destroy),
            };
            if reason == Reason::Retained && live.tags.get(ON_DELETE_TAG).is_some_and(|value| value == "retain") {
                let message = format!("{} stays, because its lifecycle says so", live.id);
                draft.notes.push(Note { address: Some(address.clone()), message });
            }
            draft.changes.push(self.gone(address, action, reason, live));
        }
    }

    /// What is there, and was replaced by what is now taken for the declared object.
    fn left_over(&self, address: &Address) -> &[&Found] {
        self.superseded.get(address).map_or(&[], Vec::as_slice)
    }

    /// That something was replaced has been decided, shown and agreed to.
    fn leftover(&self, address: Address, live: &Found) -> Change {
        let by = self.ours.get(&address).and_then(|ours| Some(ours.first()?.id.clone())).unwrap_or_default();
        self.gone(address, Action::Delete, Reason::Superseded(by), live)
    }

    fn gone(&self, address: Address, action: Action, reason: Reason, live: &Found) -> Change {
        let lifecycle = self.desired.lifecycle(&address);
        Change {
            sensitive: lifecycle.map(|lifecycle| lifecycle.sensitive.clone()).unwrap_or_default(),
            timeouts: lifecycle.map(|lifecycle| lifecycle.timeouts).unwrap_or_default(),
            address,
            action,
            reason,
            fields: Vec::new(),
            desired: None,
            tags: BTreeMap::new(),
            ignored: Vec::new(),
            live: Some(live.clone()),
            order: None,
            replaces: Vec::new(),
        }
    }

    /// What is wanted of an object until what is leaving has left.
    fn for_now(&self, resource: &Resource, full: &Value, live: &Found, draft: &Draft) -> Value {
        let about = resource.kind.about();
        if about.lets_go_of.is_empty() {
            return full.clone();
        }
        let mut ids = leaving(&draft.changes, about);
        let left_over = self.superseded.iter().filter(|(old, _)| about.lets_go_of.contains(&old.kind.as_str()));
        ids.extend(left_over.flat_map(|(_, old)| old).map(|old| old.id.as_str()));
        match &ids[..] {
            [] => full.clone(),
            ids => {
                let kept = keep(full, &live.spec, ids);
                resource.kind.normalise(&kept, &self.place).unwrap_or(kept)
            }
        }
    }

    /// Objects that stay as they are or change in place, and hold on to something that must be deleted.
    fn holders(&self, draft: &Draft) -> BTreeMap<Address, Address> {
        let users = reversed(&self.live.needs);
        let mut holders = BTreeMap::new();
        let goes_first =
            |change: &&Change| change.action == Action::Replace && matches!(change.order, Some(Order::Delete { .. }));
        for gone in draft.changes.iter().filter(goes_first) {
            let is_held = by_name(&gone.address.kind).is_some_and(|kind| kind.about().held_by_users);
            let holds = |user: &&Address| {
                is_held
                    && by_name(&user.kind)
                        .is_none_or(|kind| !kind.about().lets_go_of.contains(&gone.address.kind.as_str()))
            };
            for user in users.get(&gone.address).into_iter().flatten().filter(holds) {
                let stays = draft.changes.iter().any(|change| {
                    change.address == *user
                        && matches!(change.action, Action::None | Action::Update)
                        && change.desired.is_some()
                });
                if stays {
                    holders.insert(user.clone(), gone.address.clone());
                }
            }
        }
        holders
    }

    fn finish(&self, draft: Draft, guards: Guards, calls: Counts) -> Plan {
        let Draft { changes, mut refusals, mut notes, known } = draft;
        for change in &changes {
            let prevent = change.tags.get(ON_DELETE_TAG).is_some_and(|value| value == "prevent");
            if change.action == Action::Replace && prevent {
                let id = change.live.as_ref().map_or("", |live| &live.id);
                refusals.push(prevented(&change.address, id, "replaced"));
            }
            refusals.extend(protected(change));
            notes.extend(takes_over(change));
        }
        let owned = self.survey.all().filter(|(_, one)| matches!(one.owner(&self.place.stack), Owner::Us(_))).count();
        let going = changes.iter().filter(|change| matches!(change.action, Action::Delete | Action::Replace)).count();
        let most = guards.max_deletes.unwrap_or((owned / 5).max(5));
        if self.goal == Goal::Converge && self.desired.is_empty() && going > 0 && guards.max_deletes.is_none() {
            refusals.push(Refusal {
                address: None,
                code: "nothing-declared".to_owned(),
                message: format!("nothing but the Stack is declared, so all {going} of its objects would be deleted"),
                help: format!("if that is meant, use `farpost destroy`, or pass --max-deletes {going}"),
            });
        } else if self.goal == Goal::Converge && going > most {
            refusals.push(Refusal {
                address: None,
                code: "max-deletes".to_owned(),
                message: format!(
                    "{going} of {owned} objects would be deleted or replaced; at most {most} may be in one run"
                ),
                help: format!("if that is meant, pass --max-deletes {going}"),
            });
        }
        refusals.extend(self.blank_refusal(&changes, guards));
        notes.extend(self.elsewhere_note(&changes));
        notes.extend(self.dropped_notes());
        let declared: Needs =
            self.desired.in_order().map(|resource| (resource.address.clone(), resource.needs.clone())).collect();
        let steps = steps(&changes, &declared, &self.live);
        Plan {
            format_version: FORMAT_VERSION,
            place: self.place.clone(),
            changes,
            steps,
            refusals,
            notes,
            known,
            calls,
        }
    }

    /// A file with nothing in it may be one that a checkout or a copy has not finished.
    fn blank_refusal(&self, changes: &[Change], guards: Guards) -> Option<Refusal> {
        let gone: Vec<&Change> = changes.iter().filter(|change| change.reason == Reason::NotDeclared).collect();
        let file = self.desired.blank.first().filter(|_| guards.max_deletes.is_none())?;
        let first = gone.first()?;
        Some(Refusal {
            address: None,
            code: "blank-manifest".to_owned(),
            message: format!(
                "{file} is empty, and {} of the stack would be deleted because nothing declares it: {}{}",
                if gone.len() == 1 { "an object".to_owned() } else { format!("{} objects", gone.len()) },
                first.address,
                if gone.len() > 1 { ", …" } else { "" }
            ),
            help: format!("if that is meant, remove the file, or pass --max-deletes {}", gone.len()),
        })
    }

    /// IAM is the same in every region. A stack of which nothing else is here may have moved.
    fn elsewhere_note(&self, changes: &[Change]) -> Option<Note> {
        let is_global = |change: &&Change| matches!(&*change.address.kind, "Role" | "InstanceProfile");
        let (global, regional): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(is_global);
        let moved = self.goal == Goal::Converge
            && global.iter().any(|change| change.live.is_some())
            && !regional.is_empty()
            && regional.iter().all(|change| change.action == Action::Create);
        let message = format!(
            "nothing of the stack but IAM's is in {}: if the stack's region was changed, what is in the old one stays \
             there, until `farpost destroy` with the manifests of then",
            self.place.region
        );
        moved.then_some(Note { address: None, message })
    }

    fn dropped_notes(&self) -> Vec<Note> {
        let dropped = self.desired.in_order().filter(|resource| !resource.dropped.is_empty());
        dropped
            .map(|resource| Note {
                address: Some(resource.address.clone()),
                message: format!("read-only members were dropped: {}", resource.dropped.join(", ")),
            })
            .collect()
    }

    fn tags(&self, resource: &Resource, known: &BTreeMap<Address, Attributes>) -> BTreeMap<String, String> {
        let mut tags = self.desired.stack.tags.clone();
        tags.extend(tags::resolved(&resource.tags, known));
        tags::remember(&tags.clone(), &mut tags);
        tags.insert(crate::kinds::STACK_TAG.to_owned(), self.place.stack.clone());
        tags.insert(crate::kinds::RESOURCE_TAG.to_owned(), resource.address.to_string());
        if let Some(on_delete) = resource.on_delete() {
            tags.insert(ON_DELETE_TAG.to_owned(), on_delete.to_owned());
        }
        tags
    }
}

/// What the live objects of ours hold on to, read from the places where references may stand, and what their kinds need
/// at run time.
fn live_needs(survey: &Survey, stack: &str) -> Live {
    let ours: Vec<(Address, &Found)> = survey
        .all()
        .filter_map(|(_, found)| match found.owner(stack) {
            Owner::Us(address) => Some((address, found)),
            Owner::Stack(_) | Owner::Nobody => None,
        })
        .collect();
    let mut by_attribute: BTreeMap<(&str, &str), Address> = BTreeMap::new();
    for (address, found) in &ours {
        for value in found.attributes.values() {
            by_attribute.insert((kind_name(&address.kind), value), address.clone());
        }
    }
    let with_id = |found: &Found| {
        let mut spec = found.spec.clone();
        if let Some(members) = spec.as_object_mut() {
            members.insert("id".to_owned(), found.id.clone().into());
        }
        spec
    };
    let specs: BTreeMap<Address, Value> =
        ours.iter().map(|(address, found)| (address.clone(), with_id(found))).collect();
    let mut live = Live::default();
    for (address, found) in &ours {
        let Some(kind) = by_name(&address.kind) else { continue };
        let references = live.references.entry(address.clone()).or_default();
        for position in crate::desired::positions_of(kind) {
            let texts = position.texts(&found.spec);
            references
                .extend(texts.iter().filter_map(|text| by_attribute.get(&(kind_name(&position.kind), *text)).cloned()));
        }
        references.remove(address);
        let needs = live.needs.entry(address.clone()).or_default();
        needs.extend(references.iter().cloned());
        needs.extend(kind.runtime_needs(&found.spec, &specs));
        needs.remove(address);
    }
    live
}

/// What a resource refers to, is made anew and takes the reference along while it is deleted.
fn lost(resource: &Resource, draft: &Draft) -> Option<Address> {
    let loses = resource.kind.about().loses;
    let first = |change: &&Change| change.action == Action::Replace && !change.creates_first();
    let anew = draft.changes.iter().filter(first).map(|change| &change.address);
    anew.into_iter().find(|one| loses.contains(&one.kind.as_str()) && resource.needs.contains(one)).cloned()
}

fn kind_name(name: &str) -> &'static str {
    KINDS.iter().map(|kind| kind.about().kind).find(|kind| *kind == name).unwrap_or("")
}

/// What an object that replaces another takes over from it. Only this plan knows of it, so it is said beforehand.
fn takes_over(change: &Change) -> Option<Note> {
    let (live, desired) = (change.live.as_ref()?, change.desired.as_ref()?);
    let about = by_name(&change.address.kind).filter(|_| change.action == Action::Replace)?.about();
    let inherited = about.inherited_by(desired, &change.ignored).into_iter();
    let kept: Vec<String> =
        inherited.filter_map(|path| live.spec.get(&path).map(|value| format!("{path}: {value}"))).collect();
    let mut message = format!("keeps {} of what it replaces", kept.join(", "));
    if !change.creates_first() {
        message
            .push_str("; a run that is cut off between deleting and creating forgets it, unless the manifest says it");
    }
    (!kept.is_empty()).then(|| Note { address: Some(change.address.clone()), message })
}
