//! What this run remembers of the services that it changes: which deployment its call started, and what the tasks of a
//! deployment told when they were last asked.
//!
//! A step only looks and acts; this is the one thing that a look cannot tell, because the deployment of somebody else
//! looks the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_smithy_types::DateTime;
use tokio::time::Instant;

/// By the ARN of the service.
#[derive(Debug, Default)]
pub struct Deployments(Mutex<BTreeMap<String, Memory>>);

#[derive(Debug, Default)]
struct Memory {
    awaited: Awaited,
    /// How many answers were lost one after the other.
    lost: u32,
    told: Option<Told>,
}

/// Which deployment a service is judged by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Awaited {
    pub which: Which,
    /// The newest event of the service when it was changed: what is older says nothing of the change.
    pub last_event: Option<String>,
}

/// Which deployment is waited for.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Which {
    /// Whichever is primary: this run started none.
    #[default]
    Primary,
    /// The one that a call of this run started.
    Ours { id: String, begun: Option<DateTime> },
    /// The answer to a call was lost. This one was primary before it.
    NotThis(Option<String>),
}

/// What the tasks of a service told.
#[derive(Debug, Clone)]
pub struct Told {
    /// What it is true for: a service that has not changed in this is not asked about again.
    pub of: String,
    pub at: Instant,
    pub lines: Vec<String>,
}

impl Deployments {
    /// Forgets what an earlier run started.
    pub(super) fn clear(&self) {
        self.all().clear();
    }

    /// Says what the service is judged by from now on.
    pub fn wait_for(&self, service: &str, awaited: Awaited) {
        let mut all = self.all();
        let memory = all.entry(service.to_owned()).or_default();
        (memory.awaited, memory.lost) = (awaited, 0);
    }

    /// Says that the answer to a call was lost before which this deployment was primary; how many were so far.
    pub fn lost(&self, service: &str, before: Option<String>) -> u32 {
        let mut all = self.all();
        let memory = all.entry(service.to_owned()).or_default();
        if memory.lost == 0 {
            memory.awaited = Awaited { which: Which::NotThis(before), last_event: None };
        }
        memory.lost += 1;
        memory.lost
    }

    /// What the service is judged by.
    pub fn awaited(&self, service: &str) -> Awaited {
        self.all().get(service).map(|memory| memory.awaited.clone()).unwrap_or_default()
    }

    /// What was told last.
    pub fn told(&self, service: &str) -> Option<Told> {
        self.all().get(service)?.told.clone()
    }

    pub fn tell(&self, service: &str, told: Told) {
        self.all().entry(service.to_owned()).or_default().told = Some(told);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_keeps_what_was_primary_before_the_first_of_them() {
        let deployments = Deployments::default();
        assert_eq!(deployments.awaited("s").which, Which::Primary);
        assert_eq!(deployments.lost("s", Some("ecs-svc/1".to_owned())), 1);
        assert_eq!(deployments.lost("s", Some("ecs-svc/2".to_owned())), 2);
        assert_eq!(deployments.awaited("s").which, Which::NotThis(Some("ecs-svc/1".to_owned())));
        let ours = Which::Ours { id: "ecs-svc/2".to_owned(), begun: None };
        deployments.wait_for("s", Awaited { which: ours.clone(), last_event: None });
        assert_eq!(deployments.awaited("s").which, ours);
        assert_eq!(deployments.lost("s", None), 1);
        deployments.clear();
        assert_eq!(deployments.awaited("s"), Awaited::default());
    }
}
