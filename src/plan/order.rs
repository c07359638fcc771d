//! In which order: what a change needs comes before it, what needs it goes before it is deleted.
//!
//! Edges come from the declared references (value and containment), from what kinds need at run time, and, for what
//! is deleted, from the references of the live objects, so that things that are declared nowhere any more are still
//! taken down in the right order.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Change, Step, Work};
use crate::address::Address;
use crate::kinds::Readiness;

/// Who needs whom.
pub(super) type Needs = BTreeMap<Address, BTreeSet<Address>>;

/// The steps of the changes. `declared` says what the new objects need, `live` what the present ones hold on to.
pub(super) fn steps(changes: &[Change], declared: &Needs, live: &Needs) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut make: BTreeMap<&Address, usize> = BTreeMap::new();
    let mut remove: BTreeMap<&Address, usize> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let pending =
            |found: &crate::kinds::Found| !matches!(found.readiness, Readiness::Ready | Readiness::Unknown(_));
        let (deletes, makes) = match change.action {
            Action::Create => (false, Some(Work::Create)),
            Action::Update => (false, Some(Work::Update)),
            Action::Replace => (true, Some(Work::Create)),
            Action::Delete => (true, None),
            Action::None if change.desired.is_some() && change.live.as_ref().is_some_and(pending) => {
                (false, Some(Work::Await))
            }
            Action::None => (false, None),
        };
        let mut add = |work| {
            steps.push(Step { address: change.address.clone(), change: index, work, after: Vec::new() });
            steps.len() - 1
        };
        if deletes {
            remove.insert(&change.address, add(Work::Delete));
        }
        if let Some(work) = makes {
            make.insert(&change.address, add(work));
        }
    }
    let mut after: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (address, step) in &make {
        let before = after.entry(*step).or_default();
        before.extend(nearest(address, declared, &make));
        before.extend(remove.get(address));
    }
    let users = reversed(live);
    for (address, step) in &remove {
        let before = after.entry(*step).or_default();
        before.extend(nearest(address, &users, &remove));
        // Whoever is updated lets go of it in that update.
        for user in users.get(address).into_iter().flatten() {
            if !remove.contains_key(user) && !declared.get(user).is_some_and(|needs| needs.contains(*address)) {
                before.extend(make.get(user));
            }
        }
    }
    for (step, mut before) in after {
        before.remove(&step);
        steps[step].after = before.into_iter().collect();
    }
    make_room(&mut steps, &make, &remove);
    without_cycles(steps)
}

/// A new object may need the room of one of its kind that goes: an address range, a slot, a name. So the one that goes
/// is first, unless it can only go after the new one is there.
fn make_room(steps: &mut [Step], make: &BTreeMap<&Address, usize>, remove: &BTreeMap<&Address, usize>) {
    // What waits for nothing that is made never will: this adds to what is made only.
    let waits_for_any = |remove: usize| waits_for(steps, remove, |step| steps[step].work != Work::Delete);
    let going: Vec<(&Address, usize, bool)> =
        remove.iter().map(|(gone, remove)| (*gone, *remove, waits_for_any(*remove))).collect();
    for (new, make) in make {
        if steps[*make].work != Work::Create {
            continue;
        }
        let mut before = std::mem::take(&mut steps[*make].after);
        let going = going.iter().filter(|(gone, ..)| gone.kind == new.kind);
        let first = going.filter(|(_, remove, may_wait)| !may_wait || !waits_for(steps, *remove, |step| step == *make));
        before.extend(first.map(|(_, remove, _)| *remove));
        before.sort_unstable();
        before.dedup();
        steps[*make].after = before;
    }
}

/// Whether `step` is or comes after one that `is_it`, by way of whatever.
fn waits_for(steps: &[Step], step: usize, is_it: impl Fn(usize) -> bool) -> bool {
    let mut seen = vec![false; steps.len()];
    let mut open = vec![step];
    while let Some(next) = open.pop() {
        if is_it(next) {
            return true;
        }
        if !std::mem::replace(&mut seen[next], true) {
            open.extend(&steps[next].after);
        }
    }
    false
}

/// The steps of what `address` needs; what has no step is looked through.
fn nearest(address: &Address, needs: &Needs, steps: &BTreeMap<&Address, usize>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut seen: BTreeSet<&Address> = BTreeSet::new();
    let mut open: Vec<&Address> = needs.get(address).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if !seen.insert(next) {
            continue;
        }
        match steps.get(next) {
            Some(step) => drop(found.insert(*step)),
            None => open.extend(needs.get(next).into_iter().flatten()),
        }
    }
    found
}

/// Who is needed by whom.
pub(super) fn reversed(needs: &Needs) -> Needs {
    let mut users = Needs::new();
    for (user, needed) in needs {
        for needed in needed {
            users.entry(needed.clone()).or_default().insert(user.clone());
        }
    }
    users
}

/// Live objects may hold on to each other in a circle (two security groups that name each other). The kinds undo such
/// holds themselves; here a circle is opened at a deletion, so that every step can start.
fn without_cycles(mut steps: Vec<Step>) -> Vec<Step> {
    let mut settled: Vec<bool> = vec![false; steps.len()];
    loop {
        let ready: Vec<usize> = (0..steps.len())
            .filter(|step| !settled[*step] && steps[*step].after.iter().all(|before| settled[*before]))
            .collect();
        if ready.is_empty() {
            let Some(stuck) = (0..steps.len())
                .filter(|step| !settled[*step])
                .min_by_key(|step| (steps[*step].work != Work::Delete, steps[*step].after.len()))
            else {
                return steps;
            };
            let kept = steps[stuck].after.iter().copied().filter(|before| settled[*before]).collect();
            steps[stuck].after = kept;
            continue;
        }
        for step in ready {
            settled[step] = true;
        }
    }
}
