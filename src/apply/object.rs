//! One step: brings one object to what is wanted, by looking and acting in turns.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::SemaphorePermit;

use super::{Event, Run, send};
use crate::address::Address;
use crate::aws::{Cause, Fault};
use crate::kinds::{
    AnyKind, Changed, Found, Owner, Progress, Purpose, Readiness, Scope, Target, Wanted, blockers, by_name,
};
use crate::manifest::substitute;
use crate::observed::{Shared, Survey, WantedByKind};
use crate::plan::{Action, Change, Order, Step, Work, carry_over, diff, keep, tags};

/// Why a step ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    Fault(Fault),
    /// AWS did not refuse, and it will not come right; message and hint.
    Because(String, Option<String>),
    /// It comes right once something is there that no call brings.
    Deferred(String),
    Interrupted(String),
}

/// How often a create that got no answer is tried, after looking each time.
const CREATES: u32 = 3;
/// How many of the longest pauses something is waited for that needs an object which is not there.
const LITTLE: u32 = 18;
/// After how many of the longest pauses it is asked again what keeps something from being deleted.
const SELDOM: u32 = 3;
/// How often a create that is throttled is tried.
const THROTTLED: u32 = 8;
/// How long AWS may take to answer a read as an accepted change has made it.
const READ_BACK: Duration = Duration::from_secs(120);

struct Object<'a> {
    run: &'a Run,
    step: &'a Step,
    change: &'a Change,
    kind: &'static dyn AnyKind,
    deadline: Instant,
    /// Its place among those that are worked on; while it waits, somebody else has it.
    turn: Mutex<Option<SemaphorePermit<'a>>>,
}

/// Does the work of a step; the id of the object it was done on.
pub(super) async fn work<'a>(run: &'a Run, index: usize, turn: Option<SemaphorePermit<'a>>) -> Result<String, Stopped> {
    let step = &run.plan.steps[index];
    let change = &run.plan.changes[step.change];
    let Some(kind) = by_name(&step.address.kind) else {
        return Err(Stopped::Because(format!("this farpost has no kind {}", step.address.kind), None));
    };
    let deadline = Instant::now() + Duration::from_secs(kind.about().patience_minutes * 60);
    Object { run, step, change, kind, deadline, turn: Mutex::new(turn) }.work().await
}

impl<'a> Object<'a> {
    fn hold(&self, turn: Option<SemaphorePermit<'a>>) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    async fn work(&self) -> Result<String, Stopped> {
        match self.step.work {
            Work::Create => self.converge(None).await,
            Work::Update | Work::Await => self.converge(self.change.live.clone()).await,
            Work::Delete => self.delete().await,
        }
    }

    async fn converge(&self, live: Option<Found>) -> Result<String, Stopped> {
        let target = self.target()?;
        let id = match &live {
            Some(live) => live.id.clone(),
            None => self.create_in_place_of(&self.heir(&target)?).await?,
        };
        let leaving = self.run.plan.leaving(self.kind.about());
        let (begun, little) = (Instant::now(), self.run.aws.patience.longest * LITTLE);
        let mut retagged = false;
        // Whether a call asked for the change already: then only reading is left, or a kind would be changed twice.
        let mut asked: Option<(Instant, Readiness)> = None;
        let mut look = 0;
        loop {
            let Some(live) = self.read(&id).await? else {
                self.pause(&mut look, "not visible yet").await?;
                continue;
            };
            let about = self.kind.about();
            let wanted = self.for_now(&target, &live, &leaving);
            let changes = diff(about, &wanted, &live.spec, &self.change.ignored).into_iter();
            let mut missing: Vec<String> = changes.map(|change| change.path).collect();
            let (set, gone) = tags::difference(&target.tags, &live.tags);
            if about.fixed_tags {
                missing.extend(tags::changes(&target.tags, &live.tags).into_iter().map(|change| change.path));
            }
            let is_tagged = (set.is_empty() && gone.is_empty()) || about.forgets_tags || about.fixed_tags;
            if !is_tagged && !retagged {
                self.kind.retag(&self.run.aws, &live, &set, &gone).await?;
                retagged = true;
            }
            if !missing.is_empty() && asked.is_none() {
                let changed = Changed(missing);
                let full = carry_over(&wanted, &live.spec, &target.ignored);
                let target = Target { full, ..target.clone() };
                match self.kind.update(&self.run.aws, &target, &live, &changed).await? {
                    Progress::Done => asked = Some((Instant::now(), live.readiness)),
                    Progress::Waiting(why) => self.pause(&mut look, &why).await?,
                }
                continue;
            }
            if let Some((moment, before)) = asked.as_ref().filter(|_| !missing.is_empty()) {
                // It failed since, and AWS went back to what was. An old failure may only be an old answer.
                if let Readiness::Failed(why) = &live.readiness
                    && (live.readiness != *before || moment.elapsed() > READ_BACK)
                {
                    return Err(Stopped::Because(why.clone(), None));
                }
                if moment.elapsed() > READ_BACK {
                    let fields = missing.join(", ");
                    let message = format!("AWS accepted the change and still answers differently in {fields}");
                    return Err(Stopped::Because(message, None));
                }
                self.pause(&mut look, "the change is not visible yet").await?;
                continue;
            }
            match &live.readiness {
                Readiness::Ready | Readiness::Unknown(_) => {
                    self.run.known().insert(self.step.address.clone(), live.attributes);
                    return Ok(live.id);
                }
                Readiness::Pending(why) => match self.absent().filter(|_| begun.elapsed() > little) {
                    Some(absent) => return Err(Stopped::Deferred(format!("{why}; {absent} is not there yet"))),
                    None => self.pause(&mut look, why).await?,
                },
                Readiness::Deferred(why) => return Err(Stopped::Deferred(why.clone())),
                Readiness::Failed(why) => return Err(Stopped::Because(why.clone(), None)),
            }
        }
    }

    /// What it needs and is for somebody else to bring.
    fn absent(&self) -> Option<Address> {
        let absent = self.run.absent();
        let first = self.step.after.iter().find(|before| absent.contains(before))?;
        Some(self.run.plan.steps[*first].address.clone())
    }

    /// Creates the object, unless a create that got no answer, now or in a run before, has made it.
    async fn create(&self, target: &Target) -> Result<String, Stopped> {
        let mut tries = 0;
        loop {
            tries += 1;
            let fault = match self.kind.create(&self.run.aws, target).await {
                Ok(id) => return Ok(id),
                Err(fault) => fault,
            };
            // It was refused before anything was made; the clients for creates without a token repeat nothing.
            if fault.cause == Cause::Throttled && tries < THROTTLED {
                send(
                    self.run,
                    Event::Waiting { address: target.address.clone(), why: format!("{fault}; trying again") },
                );
                self.sleep(self.run.aws.patience.pause(tries)).await?;
                continue;
            }
            if !matches!(fault.cause, Cause::NoAnswer | Cause::AlreadyExists) {
                return Err(fault.into());
            }
            // What was created is not visible at once.
            self.sleep(self.run.aws.patience.longest).await?;
            match self.look(target).await? {
                Some(found) if found.owner(&target.place.stack) == Owner::Us(target.address.clone()) => {
                    return Ok(found.id);
                }
                Some(found) if fault.cause == Cause::AlreadyExists => {
                    let message = format!("{fault}; {} exists and does not belong to this stack", found.id);
                    return Err(Stopped::Because(message, Some("choose another name, or remove it first".to_owned())));
                }
                _ if fault.cause == Cause::AlreadyExists || tries >= CREATES => return Err(fault.into()),
                _ => send(
                    self.run,
                    Event::Waiting { address: target.address.clone(), why: format!("{fault}; trying again") },
                ),
            }
        }
    }

    /// What is wanted until everything that is leaving has left: those of its references to that which go with it.
    fn for_now(&self, target: &Target, live: &Found, leaving: &[&str]) -> Value {
        if leaving.is_empty() {
            return target.full.clone();
        }
        let kept = keep(&target.full, &live.spec, leaving);
        self.kind.normalise(&kept, &target.place).unwrap_or(kept)
    }

    /// Creates the object. Where AWS has no room for it beside the one that it replaces, that one goes first, if the plan
    /// says so.
    async fn create_in_place_of(&self, target: &Target) -> Result<String, Stopped> {
        let fault = match self.create(target).await {
            Err(Stopped::Fault(fault)) if self.may_make_room(&fault) => fault,
            answer => return answer,
        };
        let why = format!("no room beside the old one, which goes first ({fault})");
        send(self.run, Event::Waiting { address: target.address.clone(), why });
        self.delete().await?;
        self.create(target).await
    }

    fn may_make_room(&self, fault: &Fault) -> bool {
        let is_full = matches!(fault.cause, Cause::Capacity | Cause::Quota);
        is_full && matches!(self.change.order, Some(Order::Create { if_room: true, .. }))
    }

    /// What is created in place of another begins with what the other had, where that is nobody's to declare.
    fn heir(&self, target: &Target) -> Result<Target, Stopped> {
        let Some(live) = self.change.live.as_ref().filter(|_| self.change.action == Action::Replace) else {
            return Ok(target.clone());
        };
        let inherited = self.kind.about().inherited_by(&target.full, &target.ignored);
        let spec = carry_over(&target.spec, &live.spec, &inherited);
        let full = self.kind.normalise(&spec, &target.place).map_err(|error| Stopped::Because(error, None))?;
        Ok(Target { spec, full, ..target.clone() })
    }

    async fn delete(&self) -> Result<String, Stopped> {
        let Some(mut live) = self.change.live.clone() else { return Ok(String::new()) };
        let most = self.deadline.saturating_duration_since(Instant::now()).as_secs().div_ceil(60);
        let mut look = 0;
        let mut asked = false;
        let mut held = None;
        loop {
            if !asked {
                match self.kind.delete(&self.run.aws, &live).await {
                    Ok(Progress::Done) => asked = true,
                    Ok(Progress::Waiting(why)) => {
                        self.pause(&mut look, &format!("{why}; for at most {most} minutes")).await?;
                    }
                    Err(fault) if fault.is_gone() => asked = true,
                    Err(fault) if fault.cause == Cause::InUse => {
                        let why = self.held(&live, &fault, &mut held).await;
                        self.pause(&mut look, &why).await?;
                    }
                    Err(fault) => return Err(fault.into()),
                }
            }
            match self.read_as(&live.id, &[]).await? {
                None => return Ok(live.id),
                Some(found) => live = found,
            }
            if asked {
                let why = match &live.readiness {
                    Readiness::Pending(why) => why.clone(),
                    Readiness::Ready | Readiness::Failed(_) | Readiness::Unknown(_) | Readiness::Deferred(_) => {
                        "AWS accepted the deletion and still lists it".to_owned()
                    }
                };
                self.pause(&mut look, &why).await?;
            }
        }
    }

    /// What keeps the object, asked at once and then now and again.
    async fn held(&self, live: &Found, fault: &Fault, known: &mut Option<(tokio::time::Instant, String)>) -> String {
        let is_fresh = |since: &tokio::time::Instant| since.elapsed() < self.run.aws.patience.longest * SELDOM;
        if let Some((_, why)) = known.as_ref().filter(|(since, _)| is_fresh(since)) {
            return why.clone();
        }
        let why = match self.kind.blockers(&self.run.aws, live).await {
            Ok(blockers) if !blockers.is_empty() => blockers::told(&blockers),
            Ok(_) => format!("still in use: {}", fault.message),
            Err(denied) => format!("still in use: {}; what by could not be found out ({denied})", fault.message),
        };
        *known = Some((tokio::time::Instant::now(), why.clone()));
        why
    }

    /// The declared object with the references that are known by now.
    fn target(&self) -> Result<Target, Stopped> {
        let place = &self.run.plan.place;
        let desired = self.change.desired.clone().unwrap_or(Value::Null);
        let (spec, tags) = {
            let known = self.run.known();
            let spec = substitute(&desired, &|reference| {
                let attribute = reference.attribute.as_deref()?;
                known.get(&Address::from(reference))?.get(attribute).cloned().map(Value::String)
            });
            (spec, tags::resolved(&self.change.tags, &known))
        };
        let full = self.kind.normalise(&spec, place).map_err(|error| Stopped::Because(error, None))?;
        Ok(Target {
            address: self.step.address.clone(),
            spec,
            full,
            ignored: self.change.ignored.clone(),
            tags,
            place: place.clone(),
        })
    }

    async fn read(&self, id: &str) -> Result<Option<Found>, Stopped> {
        let target = self.target()?;
        let key = self.kind.key(&target.address.name, &target.full, &target.place);
        self.read_as(id, &[Wanted { key, address: target.address, spec: target.full }]).await
    }

    /// An object that is deleted is read as nothing that is wanted: what it refers to may be gone, and nothing is compared.
    async fn read_as(&self, id: &str, wanted: &[Wanted]) -> Result<Option<Found>, Stopped> {
        let found = self.scoped(Purpose::Settle(id), wanted).await?;
        Ok(found.into_iter().find(|one| one.id == id))
    }

    /// The object by tag or key, as a survey would find it.
    async fn look(&self, target: &Target) -> Result<Option<Found>, Stopped> {
        let key = self.kind.key(&target.address.name, &target.full, &target.place);
        let wanted = [Wanted { address: target.address.clone(), key: key.clone(), spec: target.full.clone() }];
        let mut found = self.scoped(Purpose::Find, &wanted).await?;
        // What it replaces says the same of itself. An id that is a name comes back with the name.
        if self.change.creates_first() || self.kind.about().id_prefix.is_some() {
            found.retain(|one| !self.change.replaces.contains(&one.id));
        }
        let is_ours = |one: &Found| one.owner(&target.place.stack) == Owner::Us(target.address.clone());
        let named = |one: &Found| key.is_some() && one.key == key;
        Ok(found.iter().find(|one| is_ours(one)).or_else(|| found.iter().find(|one| named(one))).cloned())
    }

    async fn scoped(&self, purpose: Purpose<'_>, wanted: &[Wanted]) -> Result<Vec<Found>, Fault> {
        let (known, shared, declared) = (Survey::default(), Shared::default(), WantedByKind::new());
        let place = &self.run.plan.place;
        let scope = Scope { place, wanted, purpose, declared: &declared, known: &known, shared: &shared };
        self.run.aws.eventually(|| self.kind.read(&self.run.aws, &scope)).await
    }

    /// Says what it waits for and waits, until the deadline of the kind.
    async fn pause(&self, look: &mut u32, why: &str) -> Result<(), Stopped> {
        if Instant::now() > self.deadline {
            let minutes = self.kind.about().patience_minutes;
            let message = format!("gave up after {minutes} minutes: {why}");
            return Err(Stopped::Because(message, Some("run the same command again to go on waiting".to_owned())));
        }
        send(self.run, Event::Waiting { address: self.step.address.clone(), why: why.to_owned() });
        let pause = self.run.aws.patience.pause(*look);
        *look += 1;
        self.hold(None);
        self.sleep(pause).await?;
        let turn = tokio::select! {
            turn = self.run.looks.acquire() => turn.ok(),
            () = self.run.stop.cancelled() => return Err(interrupted()),
        };
        self.hold(turn);
        Ok(())
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.run.stop.cancelled() => Err(interrupted()),
        }
    }
}

fn interrupted() -> Stopped {
    Stopped::Interrupted("it was being waited for".to_owned())
}
