//! Rules: which calls meet which fault, and when.

use std::path::Path;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Fault, Lag};
use crate::sandbox::wire::Call;

/// What goes wrong with the calls of one caller; `farpost sandbox --faults FILE` reads it from YAML.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FaultRules {
    /// What is drawn by chance is drawn from it.
    pub seed: u64,
    /// Whether calls of EC2 and ECS are throttled when the buckets that AWS documents for an account are empty.
    pub token_buckets: bool,
    /// A call meets the first that strikes; one that lets it see what was may be added to another.
    pub rules: Vec<Rule>,
}

impl FaultRules {
    /// Reads rules from YAML.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| error.without_snippet().to_string())
    }

    /// Reads rules from a file.
    ///
    /// # Errors
    /// The file cannot be read, or does not hold rules; the message says where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A fault and the calls that it meets: those of some operations, when all that the rule says of the call is so.
#[derive(Debug, Clone)]
pub struct Rule {
    /// At least one fits.
    pub operations: Vec<Pattern>,
    pub fault: Fault,
    /// By chance, with this probability.
    pub probability: Option<f64>,
    /// The calls of these numbers, counted from one among those that the patterns fit.
    pub calls: Vec<u64>,
    /// From the call of this number on, counted in the same way.
    pub from_call: u64,
    /// At most so often.
    pub times: Option<u64>,
    /// From then on, since the start.
    pub from: Duration,
    /// Until then, since the start.
    pub until: Option<Duration>,
}

impl Rule {
    /// A fault that every call meets.
    pub fn new(fault: Fault) -> Self {
        Self {
            operations: vec![Pattern::from("*")],
            fault,
            probability: None,
            calls: Vec::new(),
            from_call: 1,
            times: None,
            from: Duration::ZERO,
            until: None,
        }
    }

    /// Only the calls that one of these patterns fits.
    #[must_use]
    pub fn on(mut self, patterns: &[&str]) -> Self {
        self.operations = patterns.iter().map(|pattern| Pattern::from(*pattern)).collect();
        self
    }

    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    #[must_use]
    pub fn calls(mut self, numbers: &[u64]) -> Self {
        self.calls = numbers.to_vec();
        self
    }

    #[must_use]
    pub fn from_call(mut self, number: u64) -> Self {
        self.from_call = number;
        self
    }

    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    #[must_use]
    pub fn from(mut self, from: Duration) -> Self {
        self.from = from;
        self
    }

    #[must_use]
    pub fn until(mut self, until: Duration) -> Self {
        self.until = Some(until);
        self
    }
}

/// Which operations: `ec2:CreateSubnet`, `ec2:Describe*`, `ec2:writes`, `reads`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    service: String,
    operation: String,
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        let (service, operation) = text.split_once(':').unwrap_or(("*", text));
        Self { service: service.to_owned(), operation: operation.to_owned() }
    }
}

impl Pattern {
    fn fits(&self, service: &str, operation: &str, is_read: bool) -> bool {
        let is_of = match self.operation.as_str() {
            "reads" => is_read,
            "writes" => !is_read,
            pattern => matches(pattern, operation),
        };
        is_of && matches(&self.service, service)
    }

    /// Whether there is anything that it fits.
    fn is_known(&self) -> bool {
        let is_kind = ["reads", "writes"].contains(&self.operation.as_str());
        let operations = crate::sandbox::operations();
        let mut known = operations.iter().filter_map(|name| name.split_once(':'));
        known.any(|(service, operation)| {
            matches(&self.service, service) && (is_kind || matches(&self.operation, operation))
        })
    }
}

/// A star at the end fits whatever follows.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pattern = Self::from(text.as_str());
        if !pattern.is_known() {
            let message = "the sandbox has no such operation; \
                           it looks like ec2:CreateSubnet, ec2:Describe*, ec2:writes, reads or *";
            return Err(D::Error::custom(format!("`{text}`: {message}")));
        }
        Ok(pattern)
    }
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    fault: Class,
    #[serde(default)]
    operations: Option<Vec<Pattern>>,
    probability: Option<f64>,
    #[serde(default)]
    calls: Vec<u64>,
    from_call: Option<u64>,
    times: Option<u64>,
    /// In seconds.
    #[serde(default)]
    from: f64,
    until: Option<f64>,
    /// Of `throttle`, in seconds.
    retry_after: Option<u32>,
    /// Of `clockSkew`.
    minutes: Option<i64>,
    /// Of `slow`.
    seconds: Option<f64>,
    /// Of `lag`.
    behind: Option<Behind>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Class {
    Throttle,
    InternalError,
    Unavailable,
    Timeout,
    Reset,
    Lost,
    Truncated,
    Garbled,
    Slow,
    ExpiredCredentials,
    ClockSkew,
    Denied,
    Lag,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Behind {
    Calls(u64),
    Seconds(f64),
}

impl Written {
    fn rule(self) -> Result<Rule, String> {
        let fault = self.fault()?;
        if self.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err("probability is a number from 0 to 1".to_owned());
        }
        if self.calls.contains(&0) || self.from_call == Some(0) {
            return Err("calls are counted from 1".to_owned());
        }
        if self.operations.as_ref().is_some_and(Vec::is_empty) {
            return Err("operations is empty: leave it out for all of them".to_owned());
        }
        let until = self.until.map(|until| duration("until", until)).transpose()?;
        Ok(Rule {
            operations: self.operations.unwrap_or_else(|| vec![Pattern::from("*")]),
            probability: self.probability,
            calls: self.calls,
            from_call: self.from_call.unwrap_or(1),
            times: self.times,
            from: duration("from", self.from)?,
            until,
            fault,
        })
    }

    fn fault(&self) -> Result<Fault, String> {
        let own = [
            ("retryAfter", self.retry_after.is_some(), Class::Throttle, "throttle"),
            ("minutes", self.minutes.is_some(), Class::ClockSkew, "clockSkew"),
            ("seconds", self.seconds.is_some(), Class::Slow, "slow"),
            ("behind", self.behind.is_some(), Class::Lag, "lag"),
        ];
        if let Some((member, _, _, class)) = own.iter().find(|(_, given, class, _)| *given && *class != self.fault) {
            return Err(format!("{member} is for the fault {class} only"));
        }
        Ok(match self.fault {
            Class::Throttle => Fault::Throttle { retry_after: self.retry_after },
            Class::InternalError => Fault::InternalError,
            Class::Unavailable => Fault::Unavailable,
            Class::Timeout => Fault::Timeout,
            Class::Reset => Fault::Reset,
            Class::Lost => Fault::Lost,
            Class::Truncated => Fault::Truncated,
            Class::Garbled => Fault::Garbled,
            Class::ExpiredCredentials => Fault::ExpiredCredentials,
            Class::Denied => Fault::Denied,
            Class::Slow => {
                let seconds = self.seconds.ok_or("the fault slow needs `seconds: 3`")?;
                Fault::Slow(duration("seconds", seconds)?)
            }
            Class::ClockSkew => {
                let minutes = self.minutes.ok_or("the fault clockSkew needs `minutes: 10`, or -10")?;
                Fault::ClockSkew { minutes }
            }
            Class::Lag => {
                let behind = self.behind.ok_or("the fault lag needs `behind: {calls: 2}` or `behind: {seconds: 5}`")?;
                Fault::Lag(match behind {
                    Behind::Calls(calls) => Lag::Calls(calls),
                    Behind::Seconds(seconds) => Lag::Time(duration("behind", seconds)?),
                })
            }
        })
    }
}

fn duration(member: &str, seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{member} is a number of seconds from 0 on"))
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?.rule().map_err(D::Error::custom)
    }
}

/// A rule, and what it has seen so far.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) rule: Rule,
    seen: u64,
    struck: u64,
}

impl Running {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, seen: 0, struck: 0 }
    }

    /// Whether it is about such calls; if so, the call is counted.
    pub(super) fn counts(&mut self, call: &Call) -> bool {
        let (service, is_read) = (call.service.name(), call.is_read());
        let fits = self.rule.operations.iter().any(|pattern| pattern.fits(service, &call.operation, is_read));
        self.seen += u64::from(fits);
        fits
    }

    /// Whether the call that was counted last meets the fault.
    pub(super) fn strikes(&mut self, elapsed: Duration, random: &mut fastrand::Rng) -> bool {
        let rule = &self.rule;
        let is_due = (rule.calls.is_empty() || rule.calls.contains(&self.seen))
            && self.seen >= rule.from_call
            && rule.times.is_none_or(|times| self.struck < times)
            && elapsed >= rule.from
            && rule.until.is_none_or(|until| elapsed < until);
        let strikes = is_due && rule.probability.is_none_or(|probability| random.f64() < probability);
        self.struck += u64::from(strikes);
        strikes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sandbox::wire::Service;

    /// Which of so many calls of an operation, a second apart, meet a fault of these rules.
    fn struck(rules: &str, operation: &str, calls: u64) -> Vec<u64> {
        let rules = FaultRules::parse(rules).unwrap();
        let mut random = fastrand::Rng::with_seed(rules.seed);
        let mut rules: Vec<Running> = rules.rules.into_iter().map(Running::new).collect();
        let call = Call {
            service: Service::Ec2,
            operation: operation.to_owned(),
            input: Value::Null,
            region: String::new(),
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let mut meets = |second| {
            let elapsed = Duration::from_secs(second);
            rules.iter_mut().any(|rule| rule.counts(&call) && rule.strikes(elapsed, &mut random))
        };
        (1..=calls).filter(|second| meets(*second)).collect()
    }

    #[test]
    fn rules_strike_when_all_that_they_say_is_so() {
        let calls = |rule: &str| struck(&format!("rules: [{{fault: reset, {rule}}}]"), "CreateVpc", 8);
        assert_eq!(calls("calls: [2, 5]"), [2, 5]);
        assert_eq!(calls("times: 3"), [1, 2, 3]);
        assert_eq!(calls("fromCall: 6"), [6, 7, 8]);
        assert_eq!(calls("from: 2.5, until: 5"), [3, 4]);
        assert_eq!(calls("from: 3, times: 2"), [3, 4]);
        assert_eq!(calls("probability: 0"), [0; 0]);
        let chance = calls("probability: 0.5");
        assert!(chance.len() > 1 && chance.len() < 8 && chance == calls("probability: 0.5"), "{chance:?}");
        assert_eq!(calls("operations: [reads]"), [0; 0]);
    }

    #[test]
    fn patterns_fit_operations_services_and_what_changes_something() {
        let fits =
            |pattern: &str, service, operation, is_read| Pattern::from(pattern).fits(service, operation, is_read);
        assert!(fits("*", "iam", "CreateRole", false));
        assert!(fits("ec2:*", "ec2", "CreateVpc", false) && !fits("ec2:*", "ecs", "CreateVpc", false));
        assert!(fits("ec2:Describe*", "ec2", "DescribeVpcs", true));
        assert!(!fits("ec2:CreateVpc", "ec2", "CreateVpcEndpoint", false));
        assert!(fits("writes", "ecs", "RunTask", false) && !fits("writes", "ecs", "ListTasks", true));
        assert!(fits("ecs:reads", "ecs", "ListTasks", true) && !fits("ecs:reads", "ec2", "DescribeVpcs", true));
        assert!(fits("DescribeVpcs", "ec2", "DescribeVpcs", true));
    }

    #[test]
    fn a_wrong_file_is_told_with_its_place() {
        let cases = [
            ("rules:\n  - {fault: throtle}\n", "throtle", "2", "13"),
            ("rules:\n  - fault: throttle\n    operations: [ec2:CreateSubnett]\n", "no such operation", "3", "18"),
            ("rules:\n  - fault: reset\n    retryAfter: 2\n", "retryAfter is for the fault throttle only", "2", "5"),
            ("rules:\n  - fault: lag\n", "behind: {calls: 2}", "2", "5"),
            ("rules:\n  - fault: reset\n    probability: 2\n", "a number from 0 to 1", "2", "5"),
            ("rules:\n  - fault: reset\n    calls: [0]\n", "counted from 1", "2", "5"),
            ("sede: 3\n", "sede", "1", "1"),
        ];
        for (text, message, line, column) in cases {
            let error = FaultRules::parse(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
            assert!(error.contains(&format!("line {line}, column {column}")), "{text}: {error}");
        }
    }

    /// The first block of the page's chapter is what it says that it is.
    #[test]
    fn the_example_of_the_page_is_read() {
        let page = include_str!("../../../docs/sandbox.md");
        let (_, chapter) = page.split_once("## Faults").unwrap();
        let example = chapter.split("```").nth(1).unwrap().trim_start_matches("yaml");
        let rules = FaultRules::parse(example).unwrap();
        assert!(rules.token_buckets && rules.seed == 7);
        let faults: Vec<&str> = rules.rules.iter().map(|rule| rule.fault.class()).collect();
        assert_eq!(faults, ["throttle", "lost", "expiredCredentials", "lag"]);
        assert_eq!(rules.rules[3].fault, Fault::Lag(Lag::Time(Duration::from_secs(5))));
    }
}
