//! A plan that is kept in a file, to be applied later: exactly that plan, and only while what it was made of is still
//! so.
//!
//! Beside the plan the file holds what was declared, and of each object that the plan would touch a fingerprint of the
//! fields that were compared. [`SavedPlan::moved`] says what is different now. This module makes no call and writes no
//! file.

mod keep;
mod moved;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::text::{LARGEST, Unreadable, is_output, is_saved};
use super::{Action, Change, Note, Plan, Refusal};
use crate::address::Address;
use crate::desired::Desired;
use crate::diagnostic::Diagnostic;
use crate::kinds::Attributes;
use crate::manifest::{self, Declaration, Document};

/// The version of the file's shape. What a plan means to [`crate::apply`] is part of it.
pub const SAVED_VERSION: u32 = 1;

/// A plan and all that is needed to apply it, or to say why it cannot be applied any more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// The version of this shape; also what such a file is recognised by.
    pub farpost_plan: u32,
    /// SHA-256 of the file with 64 zeros in this place, against accidents. What is against tampering is a signature.
    pub digest: String,
    /// The version of farpost that made it.
    pub farpost: String,
    /// Random; by it a plan is known that was applied already.
    pub id: String,
    /// When it was made.
    pub made: String,
    /// Whether AWS was read with nothing left out.
    pub deep: bool,
    /// SHA-256 of what is declared, whatever the files, their order and their comments.
    pub manifests: String,
    /// Each object that the plan would touch, in the order of its changes.
    pub touches: Vec<Touch>,
    /// The attributes of other objects that it would use: ids, ARNs, names.
    pub takes: BTreeMap<Address, Attributes>,
    /// Whether all that is declared is in this file. Sensitive values are not; with those, the manifests are needed.
    pub complete: bool,
    /// What is declared, less what is sensitive.
    pub declarations: Vec<Declaration>,
    /// The plan as it may be shown. Live values of environment variables and user data are not kept either.
    pub plan: Plan,
}

/// How an object was that a plan would touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Touch {
    pub address: Address,
    /// Of what was replaced and is still there: which one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    pub action: Action,
    /// SHA-256 of its id and of the managed fields that differ from what is declared; null when it did not exist.
    pub fingerprint: Option<String>,
}

impl SavedPlan {
    /// What has to be kept of a plan without refusals.
    pub fn new(desired: &Desired, plan: &Plan, deep: bool, now: Timestamp) -> Self {
        let all = desired.declarations();
        let declarations = keep::declared(&all);
        let touched = moved::touched(plan);
        Self {
            farpost_plan: SAVED_VERSION,
            digest: text::NO_DIGEST.to_owned(),
            farpost: env!("CARGO_PKG_VERSION").to_owned(),
            id: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
            made: now.to_string(),
            deep,
            manifests: manifest::digest(&all),
            touches: touched.iter().map(|change| Touch::of(change)).collect(),
            takes: moved::taken(plan, &touched),
            complete: declarations == all,
            declarations,
            plan: keep::without_secrets(plan),
        }
    }

    /// What was declared, checked again as manifests are.
    ///
    /// # Errors
    /// It is wrong by now: a rule of this version finds an error in it.
    pub fn desired(&self, path: &str) -> Result<Desired, Vec<Diagnostic>> {
        let documents: Vec<Document> = self.declarations.iter().map(|one| one.clone().into_document(path)).collect();
        let (desired, findings) = crate::desired::check(documents);
        desired.ok_or(findings)
    }

    /// Which of the declarations differ from those of other manifests, in words.
    pub fn declared_otherwise(&self, now: &[Declaration]) -> Vec<String> {
        let now = &keep::declared(now);
        fn by_address(all: &[Declaration]) -> BTreeMap<Address, &Declaration> {
            all.iter().map(|one| (Address::new(&one.kind, &one.name), one)).collect()
        }
        let (then, now) = (by_address(&self.declarations), by_address(now));
        let mut words = Vec::new();
        for (address, one) in &then {
            match now.get(address) {
                None => words.push(format!("{address} is not declared any more")),
                Some(other) if other != one => words.push(format!("{address} is declared otherwise")),
                Some(_) => {}
            }
        }
        words.extend(now.keys().filter(|address| !then.contains_key(*address)).map(|new| format!("{new} is new")));
        if words.is_empty() {
            words.push("a sensitive value is another one".to_owned());
        }
        words
    }

    /// Why the plan must not be applied to what `fresh` found: one refusal for all of it and one for each object that
    /// moved. `fresh` is the plan that the same declarations make now.
    pub fn moved(&self, fresh: &Plan) -> Vec<Refusal> {
        moved::refusals(self, fresh)
    }

    /// This plan with what was read just now in place of what was read then: what nobody manages may have changed.
    pub fn renewed(&self, fresh: &Plan) -> Plan {
        let mut plan = self.plan.clone();
        let mut notes = Vec::new();
        for change in &mut plan.changes {
            let Some(now) = fresh.changes.iter().find(|now| moved::is_same(now, change)) else { continue };
            if self.touches(&change.address) || now.action == change.action {
                *change = now.clone();
            } else {
                notes.push(left_alone(&change.address, now.action));
            }
        }
        let is_new = |now: &&Change| !plan.changes.iter().any(|change| moved::is_same(now, change));
        notes.extend(fresh.pending().filter(is_new).map(|change| left_alone(&change.address, change.action)));
        plan.notes = fresh.notes.iter().filter(|note| self.concerns(note)).cloned().chain(notes).collect();
        plan.known.clone_from(&fresh.known);
        for (address, attributes) in &self.takes {
            plan.known.entry(address.clone()).or_default().extend(attributes.clone());
        }
        plan.calls = fresh.calls.clone();
        plan
    }

    /// Of a later plan, what is about the objects of this one; the rest of its changes as addresses.
    pub fn part_of(&self, mut later: Plan) -> (Plan, Vec<Address>) {
        let (own, others): (Vec<Change>, Vec<Change>) =
            std::mem::take(&mut later.changes).into_iter().partition(|one| self.touches(&one.address));
        later.changes = own;
        later.steps = Vec::new();
        later.notes.retain(|note| self.concerns(note));
        let others = others.into_iter().filter(|change| change.action != Action::None);
        (later, others.map(|change| change.address).collect())
    }

    fn concerns(&self, note: &Note) -> bool {
        note.address.as_ref().is_some_and(|address| self.touches(address))
    }

    fn touches(&self, address: &Address) -> bool {
        self.touches.iter().any(|touch| touch.address == *address)
    }
}

impl Touch {
    fn of(change: &Change) -> Self {
        let id = change.live.as_ref().map(|live| live.id.clone()).filter(|_| moved::is_left_over(change));
        let fingerprint = moved::fingerprint(change);
        Self { address: change.address.clone(), id, action: change.action, fingerprint }
    }
}

/// The note on an object that differs by now and is not in the plan.
fn left_alone(address: &Address, action: Action) -> Note {
    let would = if action == Action::None { "leave" } else { action.word() };
    let message = format!("not part of this plan, which leaves it as it is; a new plan would {would} it");
    Note { address: Some(address.clone()), message }
}

#[cfg(test)]
mod tests;
