//! What a plan refuses of single objects, and with which words.

use serde_json::Value;

use super::build::{Draft, Planner};
use super::{Action, Change, Refusal};
use crate::address::Address;
use crate::kinds::{Found, Owner, by_name};

impl Planner<'_> {
    pub(super) fn not_ours(&self, address: &Address, named: &Found) -> Refusal {
        let (message, help) = match named.owner(&self.place.stack) {
            Owner::Us(other) => (
                format!("{} exists as {other} of this stack", named.id),
                "one object cannot be declared twice; to rename a declaration, change its farpost/resource tag"
                    .to_owned(),
            ),
            Owner::Stack(stack) => (
                format!("{} exists and belongs to the stack {stack}", named.id),
                format!(
                    "choose another name, or remove it from that stack first; if the Stack was renamed, name it {stack} again"
                ),
            ),
            Owner::Nobody => (
                format!("{} exists and belongs to no stack of farpost's", named.id),
                format!(
                    "to hand it to farpost, tag it farpost/stack={} and farpost/resource={address}; or choose another name",
                    self.place.stack
                ),
            ),
        };
        Refusal { address: Some(address.clone()), code: "not-ours".to_owned(), message, help }
    }

    /// Refuses to make what AWS takes no second of while the first, which nobody declares any more, is there: the one could
    /// not come before the other goes, and nothing that needs it could let the other go.
    pub(super) fn refuse_renamed(&self, draft: &mut Draft) {
        let of = |action: Action| draft.changes.iter().filter(move |change| change.action == action);
        let mut refusals = Vec::new();
        for new in of(Action::Create) {
            let (Some(kind), Some(desired)) = (by_name(&new.address.kind), &new.desired) else { continue };
            let exclusive = kind.about().exclusive;
            if exclusive.is_empty() {
                continue;
            }
            let desired = draft.resolved(desired);
            let desired = kind.normalise(&desired, &self.place).unwrap_or(desired);
            let is_alike = |live: &&Found| exclusive.iter().all(|field| live.spec[*field] == desired[*field]);
            let olds = of(Action::Delete).filter(|old| old.address.kind == new.address.kind);
            let old = olds.filter_map(|old| old.live.as_ref()).find(is_alike);
            refusals.extend(old.map(|old| self.not_ours(&new.address, old)));
        }
        draft.refusals.extend(refusals);
    }
}

pub(super) fn found_twice(address: &Address, twins: &[&Found]) -> Refusal {
    let ids: Vec<&str> = twins.iter().map(|one| one.id.as_str()).collect();
    Refusal {
        address: Some(address.clone()),
        code: "found-twice".to_owned(),
        message: format!("more than one object says that it is {address}: {}", ids.join(", ")),
        help: "delete the one that is not in use, or remove its farpost/resource tag".to_owned(),
    }
}

/// Why an object that is protected, or that holds what would be lost with it, must stay.
pub(super) fn protected(change: &Change) -> Option<Refusal> {
    let switch = by_name(&change.address.kind)?.about().protected_by?;
    let live = change.live.as_ref()?;
    let says = |spec: &Value, value: bool| spec.get(switch).and_then(Value::as_bool) == Some(value);
    let what = match change.action {
        Action::Delete => "deleted",
        Action::Replace => "replaced",
        Action::Create | Action::Update | Action::None => return None,
    };
    let id = &live.id;
    let (message, help) = if says(&live.spec, true) {
        (format!("{id} would be {what}, and its {switch} forbids it"), format!("apply {switch}: false first"))
    } else if change.action == Action::Replace && !change.desired.as_ref().is_some_and(|spec| says(spec, false)) {
        (format!("{id} would be replaced, and what is in it would be lost"), format!("write {switch}: false"))
    } else {
        return None;
    };
    let help = format!("{help}, if this is meant");
    Some(Refusal { address: Some(change.address.clone()), code: "protected".to_owned(), message, help })
}

pub(super) fn prevented(address: &Address, id: &str, what: &str) -> Refusal {
    Refusal {
        address: Some(address.clone()),
        code: "prevent-destroy".to_owned(),
        message: format!("{id} would be {what}, and lifecycle.preventDestroy forbids it"),
        help: "take the line out of the manifest and apply that first, if this is meant".to_owned(),
    }
}
