//! What exists: everything of ours, and whatever has a name that we declare.
//!
//! Collecting does not stop at the first failure; but a survey with a failed read proves nothing about absence, so
//! it is not planned on.

mod shared;

use std::collections::BTreeMap;

use futures_util::future::join_all;

pub use self::shared::{Shared, TaggedArn};
use crate::aws::{Aws, Fault};
use crate::kinds::{AnyKind, Found, KINDS, Place, Purpose, Scope, Wanted};

/// What was found, by kind.
#[derive(Debug, Default, Clone)]
pub struct Survey {
    found: BTreeMap<String, Vec<Found>>,
}

impl Survey {
    /// The objects of a kind.
    pub fn of(&self, kind: &str) -> &[Found] {
        self.found.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Every object with the name of its kind.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Found)> {
        self.found.iter().flat_map(|(kind, found)| found.iter().map(move |one| (kind.as_str(), one)))
    }
}

/// The declared objects, by kind.
pub type WantedByKind = BTreeMap<String, Vec<Wanted>>;

/// Reads every kind, as few calls as there can be, all kinds at once but for those that need another's answer.
///
/// # Errors
/// Every read that failed.
pub async fn survey(
    aws: &Aws,
    place: &Place,
    wanted: &WantedByKind,
    purpose: Purpose<'_>,
) -> Result<Survey, Vec<Fault>> {
    let shared = Shared::default();
    let mut survey = Survey::default();
    let mut faults = Vec::new();
    let mut left: Vec<&dyn AnyKind> = KINDS.to_vec();
    while !left.is_empty() {
        let (now, later): (Vec<&dyn AnyKind>, Vec<&dyn AnyKind>) =
            left.iter().partition(|kind| left.iter().all(|other| !kind.about().is_read_after(other.about().kind)));
        let reads = now.iter().map(|kind| async {
            let name = kind.about().kind;
            let wanted = wanted.get(name).map_or(&[][..], Vec::as_slice);
            let scope = Scope { place, wanted, purpose, known: &survey, shared: &shared };
            (name, kind.read(aws, &scope).await)
        });
        for (name, answer) in join_all(reads).await {
            match answer {
                Ok(found) => drop(survey.found.insert(name.to_owned(), found)),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() || now.is_empty() {
            break;
        }
        left = later;
    }
    if faults.is_empty() { Ok(survey) } else { Err(faults) }
}
