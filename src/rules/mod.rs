//! The rule book: what can be known to be wrong, or unwise, before anything is called.
//!
//! A [`Rule`] is data: what it says, why, who says so, two examples, and how it is checked. One file a group, one line
//! a group in [`GROUPS`]. The examples are tests: the bad one has exactly the rule's finding, the good one has none of
//! any rule. `docs/rules.md` is made from the tables.

#[macro_use]
mod samples;

mod agent;
mod balancing;
mod capacity;
mod cluster_hosts;
mod declared;
mod dependencies;
mod external;
mod fargate;
mod hits;
mod hosts;
mod iam;
mod ignore;
mod images;
mod logging;
mod network;
mod node;
mod of_plan;
mod outposts;
pub mod page;
mod parts;
mod permissions;
mod placement;
mod ports;
mod references;
mod scaling;
mod service;
mod task_definition;
pub mod user;
mod volumes;
mod windows;
mod workload;

use jiff::Timestamp;

pub use self::declared::Declared;
pub use self::hits::Hits;
pub(crate) use self::ignore::ANNOTATION as IGNORE_ANNOTATION;
pub use self::node::Node;
pub use self::of_plan::{Remark, judge};
pub(crate) use self::references::{tag_defect, too_many_tags};
pub(crate) use self::task_definition::environment::is_secret;
use crate::desired::Desired;
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::suggest;
use crate::plan::Plan;

/// Quotation marks and dashes that word processors make, and what a shell or a JSON parser wants instead.
const TYPOGRAPHIC: &[(char, char)] =
    &[('“', '"'), ('”', '"'), ('„', '"'), ('‘', '\''), ('’', '\''), ('–', '-'), ('—', '-')];

/// The book: its groups in their order.
pub static GROUPS: &[&Group] = &[
    &references::GROUP,
    &task_definition::GROUP,
    &dependencies::GROUP,
    &ports::GROUP,
    &volumes::GROUP,
    &logging::GROUP,
    &iam::GROUP,
    &fargate::GROUP,
    &external::GROUP,
    &windows::GROUP,
    &service::GROUP,
    &placement::GROUP,
    &capacity::GROUP,
    &balancing::GROUP,
    &scaling::GROUP,
    &outposts::GROUP,
    &agent::GROUP,
    &network::GROUP,
];

/// Rules about one thing.
pub struct Group {
    pub title: &'static str,
    /// Its tables, in the order of the book.
    pub rules: &'static [&'static [Rule]],
    /// Ids of the book that are not checked, and why.
    pub left_out: &'static [(&'static str, &'static str)],
}

/// A rule of the book.
pub struct Rule {
    /// `EXT-03`. Ids are never given twice and never change their meaning.
    pub id: &'static str,
    /// An error: AWS refuses it, or it can never work. A warning: AWS takes it, and it is very likely not meant. A note:
    /// worth knowing.
    pub severity: Severity,
    /// One line: what is wrong.
    pub title: &'static str,
    /// What happens, and why.
    pub why: &'static str,
    /// Who says so: a page or a member of AWS's API reference, an issue, or our own measurement.
    pub source: &'static str,
    /// How it is checked.
    pub check: Check,
    /// Manifests with exactly this finding; `apiVersion` and, where none is given, the Stack are added. Empty for rules
    /// about plans.
    pub bad: &'static str,
    /// The same without any finding.
    pub good: &'static str,
}

/// How a rule is checked.
pub enum Check {
    /// By looking at each object of a kind.
    Each(&'static str, fn(Node<'_>, &Declared<'_>, &mut Hits)),
    /// By looking at all objects.
    All(fn(&Declared<'_>, &mut Hits)),
    /// By the JSON Schemas of kinds: what is wrong at these places below the spec. `*` is any item or key.
    Schema(&'static [(&'static str, &'static [&'static str])]),
    /// While references are followed.
    Link,
    /// By looking at a plan, at what it would do and at what it has read.
    Plan(fn(&Desired, &Plan) -> Vec<Remark>),
}

impl Check {
    /// Whether farpost can go on with what it finds; only then it can be suppressed, and its severity be changed.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Each(..) | Self::All(_) | Self::Plan(_))
    }
}

/// Every rule, in the order of the book.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    GROUPS.iter().flat_map(|group| group.rules.iter().copied().flatten())
}

/// The rule of this id, in capitals or not.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// The id of a rule that is nearly called so.
pub fn near(id: &str) -> Option<&'static str> {
    suggest::closest(&id.to_ascii_uppercase(), all().map(|rule| rule.id))
}

/// The rule of which a violation of a kind's schema at `pointer` (below the spec) is a case.
pub fn of_schema(kind: &str, pointer: &str) -> Option<&'static str> {
    let is_at = |pattern: &&str| {
        let mut steps = pointer.split('/');
        pattern.split('/').all(|wanted| steps.next().is_some_and(|step| wanted == "*" || wanted == step))
            && steps.next().is_none()
    };
    let is_meant = |rule: &&Rule| match rule.check {
        Check::Schema(kinds) => kinds.iter().any(|(of, places)| *of == kind && places.iter().any(is_at)),
        _ => false,
    };
    all().find(is_meant).map(|rule| rule.id)
}

/// What the rules find, the user's own among them, with the stack's severities and without what is suppressed.
pub(crate) fn check(desired: &Desired, now: Timestamp) -> Vec<Diagnostic> {
    let (stack, resources) = (&desired.stack, desired.resources());
    let declared = Declared::new(stack, resources);
    let mut ignores = ignore::Ignores::new(desired);
    let mut findings = Vec::new();
    for rule in all() {
        let mut hits = Hits::new(rule.id, rule.severity);
        match rule.check {
            Check::Each(kind, look) => declared.of(kind).for_each(|node| look(node, &declared, &mut hits)),
            Check::All(look) => look(&declared, &mut hits),
            Check::Schema(..) | Check::Link | Check::Plan(_) => continue,
        }
        for mut hit in hits.into_found() {
            if let Some(severity) = stack.severities.get(rule.id) {
                hit.diagnostic.severity = *severity;
            }
            if !ignores.covers(rule.id, &hit.address) {
                findings.push(hit.diagnostic);
            }
        }
    }
    for hit in user::check(desired, now) {
        if !ignores.covers(&hit.diagnostic.code, &hit.address) {
            findings.push(hit.diagnostic);
        }
    }
    findings.extend(ignores.into_findings());
    findings
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod user_tests;
