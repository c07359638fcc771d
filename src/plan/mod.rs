//! What has to happen: desired × observed → [`Plan`], as data.
//!
//! Pure and deterministic. Every decision is made here; [`crate::apply`] obeys. The plan serialises, so that it can
//! be shown, kept and checked.

mod build;
mod diff;
mod order;
mod refuse;
mod replace;
pub mod saved;
mod sensitive;
pub mod tags;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::build::{Goal, Guards, plan};
pub use self::diff::{FieldChange, carry_over, diff};
pub use self::replace::{Order, keep};
pub(crate) use self::sensitive::sensitive_pointers;
pub use self::sensitive::{SENSITIVE, hide_fields};
use crate::address::Address;
use crate::aws::Counts;
use crate::kinds::{Attributes, Found, Place};
use crate::manifest::{Timeouts, substitute};

/// The version of the plan's shape, for whoever reads it as JSON.
pub const FORMAT_VERSION: u32 = 1;

/// What has to happen to make AWS what the manifests say.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub format_version: u32,
    pub place: Place,
    /// One for each object that is declared or was found to be ours, by address.
    pub changes: Vec<Change>,
    /// The same, as work: an index into `changes` and what must be done before.
    pub steps: Vec<Step>,
    /// Why the plan must not be applied; empty when it may.
    pub refusals: Vec<Refusal>,
    pub notes: Vec<Note>,
    /// The attributes of what exists already, which references take their values from.
    pub known: BTreeMap<Address, Attributes>,
    /// How many calls reading took, by operation.
    pub calls: Counts,
}

impl Plan {
    /// The changes that change something.
    pub fn pending(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action != Action::None)
    }

    pub fn is_empty(&self) -> bool {
        self.pending().next().is_none()
    }

    /// What a change declares, with the values that are known by now in place of its references.
    pub fn declared(&self, change: &Change) -> Option<Value> {
        let spec = change.desired.as_ref()?;
        Some(substitute(spec, &|reference| {
            let attribute = reference.attribute.as_deref()?;
            self.known.get(&Address::from(reference))?.get(attribute).cloned().map(Value::String)
        }))
    }

    /// How many changes of each action there are.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }
}

/// What happens to one object, and why.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub address: Address,
    pub action: Action,
    pub reason: Reason,
    pub fields: Vec<FieldChange>,
    /// The declared spec with its references; absent when it is not declared any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub desired: Option<Value>,
    /// All tags that the object is to carry.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub tags: BTreeMap<String, String>,
    /// Paths that `lifecycle.ignoreChanges` leaves to others.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ignored: Vec<String>,
    /// Paths whose values are shown to nobody, by `lifecycle.sensitive`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sensitive: Vec<String>,
    /// How long the work may take, in seconds, where its lifecycle says so.
    #[serde(skip_serializing_if = "Timeouts::is_empty", default)]
    pub timeouts: Timeouts,
    /// What exists today.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live: Option<Found>,
    /// Of a replacement: which of the two is there first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<Order>,
    /// The ids of what was or is replaced and may still be there: never taken for the declared object.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub replaces: Vec<String>,
}

/// What is done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Create,
    Update,
    /// Make another in place of it: [`Change::order`] says which comes first.
    Replace,
    Delete,
    None,
}

impl Action {
    /// How it is written in front of an address.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "±",
            Self::Delete => "-",
            Self::None => " ",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::None => "unchanged",
        }
    }
}

/// Why; for people, never for decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "code", content = "of")]
pub enum Reason {
    Unchanged,
    /// It exists and is not ready yet.
    NotReady(String),
    /// It does not exist.
    Missing,
    /// Fields differ and can be changed in place.
    Differs,
    /// These fields differ and cannot be changed in place.
    CannotUpdate(Vec<String>),
    /// This must be deleted first, and AWS refuses while the object refers to it.
    Holds(Address),
    /// This is made anew, and deleting it takes the object's reference to it away.
    Follows(Address),
    /// It carries our stack's tag and is not declared any more.
    NotDeclared,
    /// This replaces it, by a run that was cut off.
    Superseded(String),
    /// Everything goes.
    Destroy,
    /// It is kept, because its lifecycle says so.
    Retained,
}

/// A piece of work.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub address: Address,
    /// Index into [`Plan::changes`].
    pub change: usize,
    pub work: Work,
    /// Indexes of steps that must be done before.
    pub after: Vec<usize>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    Create,
    Update,
    /// Nothing but waiting until it is ready.
    Await,
    Delete,
}

/// Why a plan must not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Address>,
    /// `not-ours`, `found-twice`, `prevent-destroy`, `protected`, `max-deletes`, `nothing-declared`, `blank-manifest`;
    /// docs/guards.md has all of them.
    pub code: String,
    pub message: String,
    pub help: String,
}

/// Something that is good to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Address>,
    pub message: String,
}
