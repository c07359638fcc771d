//! In which order: what a change needs comes before it, what needs it goes before it is deleted.
//!
//! Edges come from the declared references (value and containment), from what kinds need at run time, and, for what
//! is deleted, from the references of the live objects, so that things that are declared nowhere any more are still
//! taken down in the right order.
//!
//! A removal is *late* when what replaces the object is made first: it comes after everything that refers to the old
//! object has been led to the new one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Change, Order, Step, Work};
use crate::address::Address;
use crate::kinds::{Readiness, by_name};

/// Who needs whom.
pub(super) type Needs = BTreeMap<Address, BTreeSet<Address>>;

/// What the objects that exist need.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// What they refer to.
    pub(super) references: Needs,
    /// That, and what they need at run time.
    pub(super) needs: Needs,
}

/// The steps of the changes. `declared` says what the new objects need, `live` what the present ones hold on to.
pub(super) fn steps(changes: &[Change], declared: &Needs, live: &Live) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut plan = Parts::default();
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
            let step = add(Work::Delete);
            plan.remove.entry(&change.address).or_default().push(step);
            if change.goes_late() {
                plan.late.insert(step);
            }
        }
        if let Some(work) = makes {
            plan.make.entry(&change.address).or_default().push(add(work));
        }
        if let (Some(Order::Create { if_room, in_turn }), Some(Work::Create)) = (&change.order, makes) {
            plan.if_room.extend(if_room.then_some(&change.address));
            plan.in_turn.extend(in_turn.then_some(&change.address));
        }
    }
    plan.keep_early(changes);
    let mut after: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (address, makes) in &plan.make {
        for step in makes {
            let before = after.entry(*step).or_default();
            before.extend(nearest(address, declared, &plan.make));
            before.extend(plan.removals(address).filter(|step| !plan.late.contains(step)));
        }
    }
    let users = reversed(&live.needs);
    for (address, removes) in &plan.remove {
        for step in removes {
            let before = after.entry(*step).or_default();
            before.extend(nearest(address, &users, &plan.remove));
            if plan.late.contains(step) {
                before.extend(plan.makes(address));
                continue;
            }
            // Whoever is updated lets go of it in that update.
            for user in users.get(address).into_iter().flatten() {
                if !plan.remove.contains_key(user) && !declared.get(user).is_some_and(|needs| needs.contains(*address))
                {
                    before.extend(plan.makes(user));
                }
            }
        }
    }
    for (step, mut before) in after {
        before.remove(&step);
        steps[step].after = before.into_iter().collect();
    }
    plan.lead_users_over(&mut steps, &reversed(&live.references));
    plan.prepare_for_no_room(&mut steps, &users);
    plan.make_room(&mut steps);
    plan.take_turns(&mut steps);
    without_cycles(steps)
}

#[derive(Default)]
struct Parts<'a> {
    /// Steps that leave an object there: one for each address at most.
    make: BTreeMap<&'a Address, Vec<usize>>,
    /// Steps that delete; one address may have left over what it was before.
    remove: BTreeMap<&'a Address, Vec<usize>>,
    late: BTreeSet<usize>,
    /// What is made first as far as there is room.
    if_room: Vec<&'a Address>,
    /// What is replaced one after the other.
    in_turn: Vec<&'a Address>,
}

impl<'a> Parts<'a> {
    fn makes(&self, address: &Address) -> impl Iterator<Item = usize> {
        self.make.get(address).into_iter().flatten().copied()
    }

    fn removals(&self, address: &Address) -> impl Iterator<Item = usize> {
        self.remove.get(address).into_iter().flatten().copied()
    }

    /// What is left over of an object that is now deleted first has to go before that, too.
    fn keep_early(&mut self, changes: &[Change]) {
        let early = |change: &&Change| matches!(change.order, Some(Order::Delete { .. }));
        for change in changes.iter().filter(early) {
            for step in self.remove.get(&change.address).into_iter().flatten() {
                self.late.remove(step);
            }
        }
    }

    /// A late removal waits for whoever refers to the old object, directly or by way of something that is changed. A
    /// user whose reference goes with the deletion takes the new one in first, so that whoever moves over finds the
    /// way prepared.
    fn lead_users_over(&self, steps: &mut [Step], users: &Needs) {
        for (address, removes) in &self.remove {
            for remove in removes.iter().filter(|step| self.late.contains(step)) {
                let direct: Vec<&Address> = users.get(*address).into_iter().flatten().collect();
                let keeps = |user: &&&Address| {
                    by_name(&user.kind).is_some_and(|kind| kind.about().lets_go_of.contains(&address.kind.as_str()))
                };
                let (keepers, movers): (Vec<&Address>, Vec<&Address>) =
                    direct.iter().copied().partition(|user| keeps(&user));
                for keeper in keepers.iter().flat_map(|user| self.makes(user)) {
                    for mover in movers.iter().flat_map(|user| self.makes(user)) {
                        put_after(steps, mover, keeper);
                    }
                }
                let mut seen: BTreeSet<&Address> = BTreeSet::new();
                let mut open = direct;
                while let Some(user) = open.pop() {
                    if seen.insert(user) && !self.remove.contains_key(user) {
                        self.makes(user).for_each(|make| put_after(steps, *remove, make));
                        open.extend(users.get(user).into_iter().flatten());
                    }
                }
            }
        }
    }

    /// Where there turns out to be no room, the old object goes first; what must go before it has gone by then.
    fn prepare_for_no_room(&self, steps: &mut [Step], users: &Needs) {
        for address in &self.if_room {
            for make in self.makes(address) {
                for gone in nearest(address, users, &self.remove) {
                    put_after(steps, make, gone);
                }
            }
        }
    }

    /// A new object may need the room of one of its kind that goes: an address range, a slot, a name. So the one that
    /// goes is first, unless it can only go after the new one is there.
    fn make_room(&self, steps: &mut [Step]) {
        // What waits for nothing that is made never will: this adds to what is made only.
        let waits_for_any = |remove: usize| waits_for(steps, remove, |step| steps[step].work != Work::Delete);
        let going: Vec<(&Address, usize, bool)> = self
            .remove
            .iter()
            .flat_map(|(gone, removes)| removes.iter().map(move |remove| (*gone, *remove)))
            .filter(|(_, remove)| !self.late.contains(remove))
            .map(|(gone, remove)| (gone, remove, waits_for_any(remove)))
            .collect();
        for (new, make) in self.make.iter().flat_map(|(new, makes)| makes.iter().map(move |make| (*new, *make))) {
            if steps[make].work != Work::Create {
                continue;
            }
            let mut before = std::mem::take(&mut steps[make].after);
            let going = going.iter().filter(|(gone, ..)| gone.kind == new.kind);
            let first =
                going.filter(|(_, remove, may_wait)| !may_wait || !waits_for(steps, *remove, |step| step == make));
            before.extend(first.map(|(_, remove, _)| *remove));
            before.sort_unstable();
            before.dedup();
            steps[make].after = before;
        }
    }

    /// Room for one more is enough for all of them.
    fn take_turns(&self, steps: &mut [Step]) {
        for pair in self.in_turn.windows(2).filter(|pair| pair[0].kind == pair[1].kind) {
            for gone in self.removals(pair[0]) {
                self.makes(pair[1]).for_each(|make| put_after(steps, make, gone));
            }
        }
    }
}

/// Lets `later` wait for `earlier`, unless that waits for `later`.
fn put_after(steps: &mut [Step], later: usize, earlier: usize) {
    if !steps[later].after.contains(&earlier) && !waits_for(steps, earlier, |step| step == later) {
        steps[later].after.push(earlier);
        steps[later].after.sort_unstable();
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
fn nearest(address: &Address, needs: &Needs, steps: &BTreeMap<&Address, Vec<usize>>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut seen: BTreeSet<&Address> = BTreeSet::new();
    let mut open: Vec<&Address> = needs.get(address).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if !seen.insert(next) {
            continue;
        }
        match steps.get(next) {
            Some(steps) => found.extend(steps),
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
