//! Faults before a sandbox: calls that are throttled, fail, are lost, or see what was.
//!
//! Each is as the service does it on its wire. Which call meets which fault is told by rules (`rule`), drawn from a
//! seed, or by a hook; the same calls meet the same faults. `words` holds the errors of the services, `denied`
//! the refusals that name what may not be done, `buckets` the limits that AWS documents, and `log` what happened.

mod buckets;
mod denied;
mod log;
mod rule;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

pub(super) use self::buckets::Buckets;
pub use self::log::Entry;
use self::log::Log;
pub use self::rule::{FaultRules, Pattern, Rule};
pub use super::Lag;
use super::Sandbox;
use super::wire::{self, AwsError, Call};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Refused for coming too soon; the answer may say after how many seconds to come again.
    Throttle { retry_after: Option<u32> },
    /// Refused with the service's internal error.
    InternalError,
    /// Refused with 503, as by a service that is overloaded.
    Unavailable,
    /// Not carried out, and nothing is ever answered.
    Timeout,
    /// Not carried out, and the connection is dropped.
    Reset,
    /// Carried out, and the connection is dropped before the answer.
    Lost,
    /// Carried out, and the connection is dropped amid the answer.
    Truncated,
    /// Carried out, and the answer is no text of AWS's.
    Garbled,
    /// Carried out, and answered after this long.
    Slow(Duration),
    /// Refused, as the credentials are not valid any more.
    ExpiredCredentials,
    /// The service's clock is this many minutes ahead of what it should be. A request whose signature is too old or too
    /// young by it is refused; answers tell the time, so that a client can make up for it.
    ClockSkew { minutes: i64 },
    /// Refused for the lack of a permission.
    Denied,
    /// Answered from what was before the last writes, when there are such.
    Lag(Lag),
}

impl Fault {
    /// Its name in files of rules, in the log and in the counts.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Throttle { .. } => "throttle",
            Self::InternalError => "internalError",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Lost => "lost",
            Self::Truncated => "truncated",
            Self::Garbled => "garbled",
            Self::Slow(_) => "slow",
            Self::ExpiredCredentials => "expiredCredentials",
            Self::ClockSkew { .. } => "clockSkew",
            Self::Denied => "denied",
            Self::Lag(_) => "lag",
        }
    }
}

/// A call that is about to be carried out, as a hook sees it.
#[derive(Debug)]
pub struct Occasion<'a> {
    /// `ec2`.
    pub service: &'a str,
    /// `CreateSubnet`.
    pub operation: &'a str,
    /// Whether it changes nothing.
    pub is_read: bool,
    /// The number of the call, counted from one.
    pub call: u64,
    /// How many calls that change something there were, this one included.
    pub write: u64,
    pub time: Timestamp,
    /// Since the faults were put before the sandbox.
    pub elapsed: Duration,
    /// The members of the request.
    pub input: &'a Value,
    pub body: &'a [u8],
}

/// What a hook says to a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The rules decide.
    Pass,
    Fault(Fault),
    /// The caller dies before the call is carried out: nothing is answered to it, nor is what it sends afterwards, and
    /// nothing of that is carried out, until [`Faults::revive`].
    HangBefore,
    /// The same, after the call was carried out.
    HangAfter,
}

/// Is asked about each call.
pub type Hook = Box<dyn FnMut(&Occasion<'_>) -> Verdict + Send>;

/// Faults of one caller. Several can be put before one sandbox.
pub struct Faults {
    inner: Mutex<Inner>,
    hook: Mutex<Option<Hook>>,
    hung: Notify,
}

struct Inner {
    random: fastrand::Rng,
    rules: Vec<rule::Running>,
    started: Option<Timestamp>,
    calls: u64,
    writes: u64,
    token_buckets: bool,
    /// The caller is dead.
    hangs: bool,
    log: Log,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.lock();
        f.debug_struct("Faults").field("rules", &inner.rules).field("calls", &inner.calls).finish_non_exhaustive()
    }
}

impl Faults {
    pub fn new(rules: FaultRules) -> Self {
        let inner = Inner {
            random: fastrand::Rng::with_seed(rules.seed),
            rules: rules.rules.into_iter().map(rule::Running::new).collect(),
            started: None,
            calls: 0,
            writes: 0,
            token_buckets: rules.token_buckets,
            hangs: false,
            log: Log::default(),
        };
        Self { inner: Mutex::new(inner), hook: Mutex::new(None), hung: Notify::new() }
    }

    /// Asks `hook` about each call before the rules are asked. It must not use these faults.
    ///
    /// Calls lag only behind writes that the sandbox was told to remember ([`Sandbox::remember`]).
    pub fn on_call(&self, hook: Hook) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(hook);
    }

    /// Waits for the next [`Verdict::HangBefore`] or [`Verdict::HangAfter`], or returns at once when there was one
    /// since the last wait.
    pub async fn hung(&self) {
        self.hung.notified().await;
    }

    /// From now on calls are carried out again.
    pub fn revive(&self) {
        self.lock().hangs = false;
    }

    /// What happened to each call, in the order of the calls.
    pub fn log(&self) -> Vec<Entry> {
        self.lock().log.entries().to_vec()
    }

    /// The log, a JSON object a line: the same for the same seed, calls and times.
    pub fn log_bytes(&self) -> Vec<u8> {
        self.lock().log.bytes()
    }

    /// How often each fault met each operation (`service:Operation`).
    pub fn counts(&self) -> BTreeMap<(&'static str, String), u64> {
        self.lock().log.counts().clone()
    }

    /// How many calls there were, and how many of them meant to change something.
    pub fn calls(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.calls, inner.writes)
    }

    /// A number from the seed.
    pub(super) fn draw(&self) -> u64 {
        self.lock().random.u64(..)
    }

    /// Puts these before a sandbox: from now on its time counts, and it remembers what they need.
    pub(super) fn start(&self, sandbox: &Sandbox) {
        let mut inner = self.lock();
        inner.started.get_or_insert_with(|| sandbox.now());
        for rule in &inner.rules {
            if let Fault::Lag(lag) = rule.rule.fault {
                sandbox.remember(lag);
            }
        }
    }

    /// Answers a request, or does not.
    pub(super) fn answer(&self, sandbox: &Sandbox, request: &http::Request<Bytes>) -> Delivery {
        let now = sandbox.now();
        let Ok(call) = wire::decode(request, now) else { return Delivery::whole(sandbox.answer(request)) };
        let Some(course) = self.decide(&call, request) else { return Delivery::now(Answer::Never) };
        let (mut delivery, carried_out, class) = self.carry_out(sandbox, &call, request, &course);
        if request.method() == http::Method::HEAD
            && let Answer::Whole(response) | Answer::Part(response) = &mut delivery.answer
        {
            *response.body_mut() = Bytes::new();
        }
        if let Some(fault) = class {
            tracing::debug!(fault, operation = %name(&call), call = course.number, "fault");
        }
        let hangs = matches!(course.fault, Some(Kind::Hang { .. }));
        self.lock().log.finish(course.place, class, carried_out, delivery.answer.told());
        if hangs {
            self.hung.notify_one();
        }
        delivery
    }

    /// What is to become of a call; none when its caller is dead.
    fn decide(&self, call: &Call, request: &http::Request<Bytes>) -> Option<Course> {
        let (number, write, started) = {
            let mut inner = self.lock();
            if inner.hangs {
                return None;
            }
            inner.calls += 1;
            inner.writes += u64::from(!call.is_read());
            (inner.calls, inner.writes, *inner.started.get_or_insert(call.now))
        };
        let elapsed = Duration::try_from(call.now.duration_since(started)).unwrap_or_default();
        let verdict = match &mut *self.hook.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Verdict::Pass,
            Some(hook) => hook(&Occasion {
                service: call.service.name(),
                operation: &call.operation,
                is_read: call.is_read(),
                call: number,
                write,
                time: call.now,
                elapsed,
                input: &call.input,
                body: request.body(),
            }),
        };
        let mut inner = self.lock();
        let place = inner.log.begin(number, call.now, name(call));
        let mut course = Course { number, place, fault: None, lag: None, skew: None };
        match verdict {
            Verdict::Pass => {}
            Verdict::Fault(fault) => course.take(fault),
            Verdict::HangBefore | Verdict::HangAfter => {
                inner.hangs = true;
                course.fault = Some(Kind::Hang { carried_out: verdict == Verdict::HangAfter });
            }
        }
        let Inner { random, rules, .. } = &mut *inner;
        for rule in rules {
            // A rule counts its calls also when another has struck already.
            if rule.counts(call) && course.has_room_for(&rule.rule.fault) && rule.strikes(elapsed, random) {
                course.take(rule.rule.fault);
            }
        }
        Some(course)
    }

    /// Lets it happen: what the caller is told, what the sandbox made of the call if it got there, and the fault that
    /// the call met.
    fn carry_out(
        &self,
        sandbox: &Sandbox,
        call: &Call,
        request: &http::Request<Bytes>,
        course: &Course,
    ) -> (Delivery, Option<String>, Option<&'static str>) {
        let words = words::of(call.service.name());
        let clock = course.skew.map(|minutes| words::wrong_clock(request, call.now, minutes));
        let refuse = |error: &AwsError| tell_time(clock, wire::encode_error(call.service, error));
        if let Some(error) = clock.and_then(|clock| words::skewed(words, request, clock)) {
            return (Delivery::whole(refuse(&error)), None, Some("clockSkew"));
        }
        let refusal = match course.fault {
            Some(Kind::Fault(Fault::Throttle { .. })) => Some(words::said(words.throttle)),
            Some(Kind::Fault(Fault::InternalError)) => Some(words::said(words.internal)),
            Some(Kind::Fault(Fault::Unavailable)) => Some(words::said(words.unavailable)),
            Some(Kind::Fault(Fault::ExpiredCredentials)) => Some(words::said(words.expired)),
            Some(Kind::Fault(Fault::Denied)) => Some(denied::refusal(words, sandbox, call)),
            _ => None,
        };
        if let Some(error) = refusal {
            let mut response = refuse(&error);
            if let Some(Kind::Fault(Fault::Throttle { retry_after: Some(seconds) })) = course.fault {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            return (Delivery::whole(response), None, course.class());
        }
        match course.fault {
            Some(Kind::Fault(Fault::Timeout)) => return (Delivery::now(Answer::Timeout), None, course.class()),
            Some(Kind::Fault(Fault::Reset)) => return (Delivery::now(Answer::Reset), None, course.class()),
            Some(Kind::Hang { carried_out: false }) => return (Delivery::now(Answer::Never), None, course.class()),
            _ => {}
        }
        if self.lock().token_buckets && !sandbox.lock_buckets().take(call) {
            return (Delivery::whole(refuse(&words::said(words.throttle))), None, Some("tokenBucket"));
        }
        let (output, lags) = sandbox.carry_out(call, request.body(), course.lag);
        let response = tell_time(clock, super::encode(call, &output));
        let done = match &output {
            Ok(_) => response.status().as_u16().to_string(),
            Err(error) => format!("{} {}", error.status, error.code),
        };
        let delivery = match course.fault {
            Some(Kind::Fault(Fault::Lost)) => Delivery::now(Answer::Reset),
            Some(Kind::Fault(Fault::Truncated)) => Delivery::now(truncated(response)),
            Some(Kind::Fault(Fault::Garbled)) => Delivery::whole(self.garbled(response)),
            Some(Kind::Fault(Fault::Slow(after))) => Delivery { after, answer: Answer::Whole(response) },
            Some(Kind::Hang { .. }) => Delivery::now(Answer::Never),
            _ => Delivery::whole(response),
        };
        let class = course.class().or(lags.then_some("lag"));
        (delivery, Some(done), class)
    }

    /// The same head, and as many bytes that are neither XML nor JSON.
    fn garbled(&self, response: http::Response<Bytes>) -> http::Response<Bytes> {
        let mut inner = self.lock();
        response.map(|body| body.iter().map(|_| inner.random.u8(0x80..)).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A service whose clock is wrong says what time it takes it to be.
fn tell_time(clock: Option<Timestamp>, mut response: http::Response<Bytes>) -> http::Response<Bytes> {
    if let Some(date) = clock.and_then(|clock| http::HeaderValue::from_str(&words::http_date(clock)).ok()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn name(call: &Call) -> String {
    format!("{}:{}", call.service.name(), call.operation)
}

/// The first half of an answer whose head announces the whole; of one without a body, nothing.
fn truncated(mut response: http::Response<Bytes>) -> Answer {
    let length = response.body().len();
    if length == 0 {
        return Answer::Reset;
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Answer::Part(response.map(|body| body.slice(..length / 2)))
}

/// What is to become of a call.
struct Course {
    number: u64,
    place: log::Place,
    fault: Option<Kind>,
    lag: Option<Lag>,
    /// By how many minutes the service's clock is wrong.
    skew: Option<i64>,
}

/// What ends a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Fault(Fault),
    Hang { carried_out: bool },
}

impl Course {
    /// A call that sees what was can be lost, too; else it meets one fault.
    fn has_room_for(&self, fault: &Fault) -> bool {
        match fault {
            Fault::Lag(_) => self.lag.is_none(),
            Fault::ClockSkew { .. } => self.skew.is_none(),
            _ => self.fault.is_none(),
        }
    }

    fn take(&mut self, fault: Fault) {
        match fault {
            Fault::Lag(lag) => self.lag = Some(lag),
            Fault::ClockSkew { minutes } => self.skew = Some(minutes),
            fault => self.fault = Some(Kind::Fault(fault)),
        }
    }

    fn class(&self) -> Option<&'static str> {
        self.fault.map(|fault| match fault {
            Kind::Fault(fault) => fault.class(),
            Kind::Hang { carried_out: false } => "hangBefore",
            Kind::Hang { carried_out: true } => "hangAfter",
        })
    }
}

/// What the caller is given, and when.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) after: Duration,
    pub(super) answer: Answer,
}

impl Delivery {
    fn now(answer: Answer) -> Self {
        Self { after: Duration::ZERO, answer }
    }

    pub(super) fn whole(response: http::Response<Bytes>) -> Self {
        Self::now(Answer::Whole(response))
    }
}

#[derive(Debug)]
pub(super) enum Answer {
    Whole(http::Response<Bytes>),
    /// An answer that announces more than it has; then the connection is dropped.
    Part(http::Response<Bytes>),
    /// The connection is dropped.
    Reset,
    /// Nothing, until the caller's time is up.
    Timeout,
    /// Nothing, and there is no caller that waits for it.
    Never,
}

impl Answer {
    /// As the log has it.
    fn told(&self) -> String {
        match self {
            Self::Whole(response) => response.status().as_u16().to_string(),
            Self::Part(response) => format!("half of {}", response.status().as_u16()),
            Self::Reset => "connection dropped".into(),
            Self::Timeout | Self::Never => "nothing".into(),
        }
    }
}
