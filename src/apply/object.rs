//! One step: brings one object to what is wanted, by looking and acting in turns.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::{Event, Run, Wait, send};
use crate::address::Address;
use crate::aws::{Cause, Fault, is_looked_for};
use crate::kinds::{
    AnyKind, Changed, Found, Owner, Progress, Purpose, Readiness, Scope, Target, Wanted, blockers, by_name,
};
use crate::manifest::{durations, substitute};
use crate::observed::{Shared, Survey, WantedByKind};
use crate::plan::{Action, Change, FieldChange, Order, Step, Work, carry_over, diff, keep, tags};

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

/// How long a step goes on, by cause, when calls fail that the clients have repeated already or must not repeat: it looks
/// each time before it acts again. What is not here ends the step.
const PERSISTENCE: &[(Cause, Duration)] = &[
    (Cause::Throttled, Duration::from_secs(600)),
    (Cause::NoAnswer, Duration::from_secs(180)),
    (Cause::AlreadyExists, Duration::from_secs(60)),
];
/// How many of the longest pauses something is waited for that needs an object which is not there.
const LITTLE: u32 = 18;
/// After how many of the longest pauses it is asked again what keeps something from being deleted.
const SELDOM: u32 = 3;
/// How long AWS may take to answer a read as an accepted change has made it.
const READ_BACK: Duration = Duration::from_secs(120);

/// A change that was asked for.
struct Asked {
    moment: Instant,
    /// How the object was.
    before: Readiness,
    /// What was to be changed, and from what.
    of: BTreeSet<(String, String)>,
    /// If AWS did not answer, and so may not have heard: until when it has to show what was asked for.
    uncertain_until: Option<Instant>,
}

impl Asked {
    fn new(before: Readiness, fields: &[FieldChange], uncertain_until: Option<Instant>) -> Self {
        Self { moment: Instant::now(), before, of: fields.iter().map(sort_of).collect(), uncertain_until }
    }

    /// Whether it is time to ask again: no answer came, and what was asked for does not show; or something else is to be
    /// changed, which an answer that lagged did not show then.
    fn is_over(&self, live: &Readiness, fields: &[FieldChange]) -> bool {
        match self.uncertain_until {
            Some(until) => Instant::now() > until,
            None => {
                !matches!(live, Readiness::Failed(_)) && fields.iter().any(|field| !self.of.contains(&sort_of(field)))
            }
        }
    }

    /// This one, when another was asked for before: what that was for counts as asked for, too.
    fn after(mut self, before: Option<Self>) -> Self {
        self.of.extend(before.into_iter().flat_map(|before| before.of));
        self
    }
}

fn sort_of(field: &FieldChange) -> (String, String) {
    (field.path.clone(), field.before.as_ref().map(ToString::to_string).unwrap_or_default())
}

/// Since when calls of a step fail, by cause.
#[derive(Default)]
struct Trouble(Vec<(Cause, Instant)>);

impl Trouble {
    fn lasts(&mut self, cause: Cause) -> Duration {
        match self.0.iter().find(|(known, _)| *known == cause) {
            Some((_, since)) => since.elapsed(),
            None => {
                self.0.push((cause, Instant::now()));
                Duration::ZERO
            }
        }
    }
}

struct Object<'a> {
    run: &'a Run,
    step: &'a Step,
    change: &'a Change,
    kind: &'static dyn AnyKind,
    /// How long the work may take, and until when that is.
    timeout: Duration,
    deadline: Instant,
    /// Whether other steps wait for it.
    is_needed: bool,
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
    let declared = match step.work {
        Work::Create => change.timeouts.create,
        Work::Update | Work::Await => change.timeouts.update,
        Work::Delete => change.timeouts.delete,
    };
    let timeout = Duration::from_secs(declared.unwrap_or(kind.about().patience_minutes * 60));
    let deadline = Instant::now() + timeout;
    let is_needed = run.plan.steps.iter().any(|other| other.after.contains(&index));
    Object { run, step, change, kind, timeout, deadline, is_needed, turn: Mutex::new(turn) }.work().await
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
        let mut asked: Option<Asked> = None;
        // An update that makes something new, as a revision, is as a create.
        let makes_anew = !self.kind.about().moving.is_empty() && self.step.work == Work::Update;
        let begun_before = if makes_anew { self.begun_before() } else { Duration::ZERO };
        let mut trouble = Trouble::default();
        let mut look = 0;
        loop {
            let Some(live) = self.read(&id).await? else {
                self.pause(&mut look, "not visible yet").await?;
                continue;
            };
            let about = self.kind.about();
            let wanted = self.for_now(&target, &live, &leaving);
            let mut missing = diff(about, &wanted, &live.spec, &self.change.ignored);
            let (set, gone) = tags::difference(&target.tags, &live.tags);
            if about.fixed_tags {
                missing.extend(tags::changes(&target.tags, &live.tags));
            }
            let is_tagged = (set.is_empty() && gone.is_empty()) || about.forgets_tags || about.fixed_tags;
            if !is_tagged && !retagged {
                match self.kind.retag(&self.run.aws, &live, &set, &gone).await {
                    Ok(()) => retagged = true,
                    Err(fault) => {
                        self.endure(fault, &mut trouble, &mut look).await?;
                        continue;
                    }
                }
            }
            if !missing.is_empty() && asked.is_none() && !begun_before.is_zero() {
                asked = Some(Asked::new(live.readiness.clone(), &missing, Some(begun + begun_before)));
            }
            // Once a call asked for the change only reading is left, or a kind would be changed twice.
            if !missing.is_empty() && asked.as_ref().is_none_or(|asked| asked.is_over(&live.readiness, &missing)) {
                let changed = Changed(missing.iter().map(|field| field.path.clone()).collect());
                let full = carry_over(&wanted, &live.spec, &target.ignored);
                let target = Target { full, ..target.clone() };
                if makes_anew {
                    self.run.is_creating(&target.address).await?;
                }
                match self.kind.update(&self.run.aws, &target, &live, &changed).await {
                    Ok(Progress::Done) => asked = Some(Asked::new(live.readiness, &missing, None).after(asked)),
                    Ok(Progress::Waiting(why)) => self.pause(&mut look, &why).await?,
                    Err(fault) => {
                        if fault.cause == Cause::NoAnswer {
                            let until = Instant::now() + self.run.aws.patience.settles;
                            asked = Some(Asked::new(live.readiness, &missing, Some(until)).after(asked));
                        }
                        self.endure(fault, &mut trouble, &mut look).await?;
                    }
                }
                continue;
            }
            if let Some(asked) = asked.as_ref().filter(|_| !missing.is_empty()) {
                // It failed since, and AWS went back to what was. An old failure may only be an old answer.
                if let Readiness::Failed(why) = &live.readiness
                    && (live.readiness != asked.before || asked.moment.elapsed() > READ_BACK)
                {
                    return Err(Stopped::Because(why.clone(), None));
                }
                if asked.moment.elapsed() > READ_BACK {
                    let fields: Vec<&str> = missing.iter().map(|field| field.path.as_str()).collect();
                    let fields = fields.join(", ");
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
                Readiness::Pending(why) if self.may_be_left(&live) => {
                    self.run.left().insert(self.step.address.clone(), why.clone());
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

    /// Whether it is not waited for any longer. What others need always is.
    fn may_be_left(&self, live: &Found) -> bool {
        match self.run.wait {
            _ if self.is_needed => false,
            Wait::None => true,
            Wait::Started => live.detail["started"] == true,
            Wait::Stable => false,
        }
    }

    /// What it needs and is for somebody else to bring.
    fn absent(&self) -> Option<Address> {
        let absent = self.run.absent();
        let first = self.step.after.iter().find(|before| absent.contains(before))?;
        Some(self.run.plan.steps[*first].address.clone())
    }

    /// Creates the object, unless it is there: made by a call that got no answer, now or in a run before.
    async fn create(&self, target: &Target) -> Result<String, Stopped> {
        let aws = &self.run.aws;
        let mut wait = self.begun_before();
        let (mut trouble, mut look) = (Trouble::default(), 0);
        let mut must_look = wait > Duration::ZERO || self.kind.about().calls.iter().any(|call| is_looked_for(call));
        let mut last: Option<Fault> = None;
        loop {
            if must_look && let Some(id) = self.look_for(target, wait, last.as_ref()).await? {
                self.run.has_ended(&target.address, true);
                return Ok(id);
            }
            if let Some(fault) = last.take().filter(|fault| fault.cause == Cause::AlreadyExists) {
                return Err(fault.into());
            }
            self.run.is_creating(&target.address).await?;
            let fault = match self.kind.create(aws, target).await {
                Ok(id) => return Ok(id),
                Err(fault) => fault,
            };
            if fault.cause == Cause::AlreadyExists {
                must_look = true;
                wait = aws.patience.settles;
            } else {
                must_look = fault.cause == Cause::NoAnswer;
                wait = if must_look { aws.patience.settles } else { Duration::ZERO };
                if !must_look {
                    self.run.has_ended(&target.address, false);
                }
                self.endure(fault.clone(), &mut trouble, &mut look).await?;
            }
            last = Some(fault);
        }
    }

    /// For how long what an earlier run has begun to create may not show yet. Within that, this run sends the same tokens.
    fn begun_before(&self) -> Duration {
        let aws = &self.run.aws;
        // Where what that run made is there, beside what it replaced, this is another.
        let unfinished = self.run.unfinished.get(&self.step.address).filter(|_| self.change.replaces.len() < 2);
        let Some(begun) = unfinished else { return Duration::ZERO };
        let settles = aws.patience.settles;
        let wait = self.run.held.as_ref().map_or(settles, |held| held.may_hide(begun, settles));
        // Later than that, or where it is known to have been made, the token may stand for what is gone by now.
        if !wait.is_zero() && !begun.made {
            aws.resume(&self.step.address.to_string(), &begun.run);
        }
        wait
    }

    /// The id of the object, if it is there and ours. Before that is denied AWS has `wait` to show it.
    async fn look_for(
        &self,
        target: &Target,
        wait: Duration,
        fault: Option<&Fault>,
    ) -> Result<Option<String>, Stopped> {
        let begun = Instant::now();
        let mut look = 0;
        loop {
            match self.look(target).await? {
                // What is to be replaced is gone, whatever a late answer says.
                Some(found) if fault.is_none() && self.is_replaced(&found) => {}
                Some(found) if found.owner(&target.place.stack) == Owner::Us(target.address.clone()) => {
                    return Ok(Some(found.id));
                }
                Some(found) => {
                    let said = fault.map(|fault| format!("{fault}; ")).unwrap_or_default();
                    let message = format!("{said}{} exists and does not belong to this stack", found.id);
                    return Err(Stopped::Because(message, Some("choose another name, or remove it first".to_owned())));
                }
                None => {}
            }
            if begun.elapsed() >= wait {
                return Ok(None);
            }
            let why = match fault {
                Some(fault) => format!("{fault}; looking whether it was made"),
                None => "an earlier run may have made it; looking".to_owned(),
            };
            self.pause(&mut look, &why).await?;
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

    fn is_replaced(&self, found: &Found) -> bool {
        self.change.action == Action::Replace && self.change.live.as_ref().is_some_and(|live| live.id == found.id)
    }

    /// What a failed call means for the step: it goes on after a while, or ends.
    async fn endure(&self, fault: Fault, trouble: &mut Trouble, look: &mut u32) -> Result<(), Stopped> {
        // The deadline of the step is that of what is in use.
        let may_pass = match PERSISTENCE.iter().find(|(cause, _)| *cause == fault.cause) {
            Some((cause, persistence)) => trouble.lasts(*cause) < *persistence,
            None => fault.cause == Cause::InUse,
        };
        if !may_pass || Instant::now() > self.deadline {
            return Err(fault.into());
        }
        self.pause(look, &format!("{fault}; trying again")).await
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
        if self.kind.about().leaves_unseen {
            self.run.is_creating(&self.step.address).await?;
        }
        let most = durations::words(self.timeout);
        let (mut trouble, mut look) = (Trouble::default(), 0);
        let mut asked = false;
        let mut held = None;
        loop {
            if !asked {
                match self.kind.delete(&self.run.aws, &live).await {
                    Ok(Progress::Done) => asked = true,
                    Ok(Progress::Waiting(why)) => {
                        self.pause(&mut look, &format!("{why}; for at most {most}")).await?;
                    }
                    Err(fault) if fault.is_gone() => asked = true,
                    Err(fault) if fault.cause == Cause::InUse => {
                        let why = self.held(&live, &fault, &mut held).await;
                        self.pause(&mut look, &why).await?;
                    }
                    Err(fault) => self.endure(fault, &mut trouble, &mut look).await?,
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
    async fn held(&self, live: &Found, fault: &Fault, known: &mut Option<(Instant, String)>) -> String {
        let is_fresh = |since: &Instant| since.elapsed() < self.run.aws.patience.longest * SELDOM;
        if let Some((_, why)) = known.as_ref().filter(|(since, _)| is_fresh(since)) {
            return why.clone();
        }
        let why = match self.kind.blockers(&self.run.aws, live).await {
            Ok(blockers) if !blockers.is_empty() => blockers::told(&blockers),
            Ok(_) => format!("still in use: {}", fault.message),
            Err(denied) => format!("still in use: {}; what by could not be found out ({denied})", fault.message),
        };
        *known = Some((Instant::now(), why.clone()));
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
        let (known, declared) = (Survey::default(), WantedByKind::new());
        let shared = Shared::about(&self.step.address);
        let place = &self.run.plan.place;
        let scope = Scope { place, wanted, purpose, declared: &declared, known: &known, shared: &shared };
        self.run.aws.eventually(|| self.kind.read(&self.run.aws, &scope)).await
    }

    /// Says what it waits for and waits, until the deadline.
    async fn pause(&self, look: &mut u32, why: &str) -> Result<(), Stopped> {
        if Instant::now() > self.deadline {
            let message = format!("gave up after {}: {why}", durations::words(self.timeout));
            let help = "run the same command again to go on waiting; lifecycle.timeouts gives it longer";
            return Err(Stopped::Because(message, Some(help.to_owned())));
        }
        send(self.run, Event::Waiting { address: self.step.address.clone(), why: why.to_owned() });
        let pause = self.run.aws.patience.pause(*look);
        *look += 1;
        self.hold(None);
        self.sleep(pause).await?;
        let turn = tokio::select! {
            biased;
            turn = self.run.looks.acquire() => turn.ok(),
            () = self.run.stop.cancelled() => return Err(interrupted()),
        };
        self.hold(turn);
        Ok(())
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.run.stop.cancelled() => Err(interrupted()),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}

fn interrupted() -> Stopped {
    Stopped::Interrupted("it was being waited for".to_owned())
}
