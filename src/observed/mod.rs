//! What exists: everything of ours, and whatever has a name that we declare.
//!
//! Collecting does not stop at the first failure; but a survey with a failed read proves nothing about absence, so
//! it is not planned on. Nor is one of another account: whose it is, is known before anything else is read.

mod shared;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

pub use self::shared::{Shared, TaggedArn};
use crate::address::Address;
use crate::aws::{Aws, Cause, Fault, told};
use crate::kinds::{About, AnyKind, Found, KINDS, Owner, Place, Purpose, Scope, Wanted, successor};

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

    /// The object that stands for a declared one; not what it replaced, which may still be there.
    pub fn current(&self, stack: &str, address: &Address) -> Option<&Found> {
        let found = self.of(&address.kind);
        let replaced = successor::replaced(found);
        let owner = Owner::Us(address.clone());
        found.iter().find(|one| one.owner(stack) == owner && !replaced.contains(one.id.as_str()))
    }

    /// Every object with the name of its kind.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Found)> {
        self.found.iter().flat_map(|(kind, found)| found.iter().map(move |one| (kind.as_str(), one)))
    }
}

/// The declared objects, by kind.
pub type WantedByKind = BTreeMap<String, Vec<Wanted>>;

/// Why there is no survey.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The credentials are for another account than the stack's; nothing more was read.
    #[error(transparent)]
    Account(WrongAccount),
    /// Every read that failed.
    #[error("{}", told(.0).into_iter().map(|(text, _)| text).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Fault>),
}

/// The credentials are for another account, or another partition of AWS, than the stack's.
#[derive(Debug, thiserror::Error)]
#[error("the stack {stack} belongs to {what} {wanted}; the credentials are for {found}")]
pub struct WrongAccount {
    /// `account` or `partition`.
    pub what: &'static str,
    stack: String,
    wanted: String,
    found: String,
}

/// Reads every kind, as few calls as there can be, all kinds at once but for those that need another's answer.
///
/// Where a run before ended amid a create of what nobody wants any more, it reads until AWS shows that, or would: nobody
/// else will look for it.
///
/// # Errors
/// The account is another one, or reads failed.
pub async fn survey(
    aws: &Aws,
    place: &Place,
    wanted: &WantedByKind,
    purpose: Purpose<'_>,
) -> Result<Survey, SurveyError> {
    let mut look = 0;
    loop {
        let survey = read(aws, place, wanted, purpose).await?;
        let Some(address) = hidden(aws, place, wanted, &survey) else { return Ok(survey) };
        if look == 0 {
            tracing::warn!("an earlier run ended while it was creating {address}; looking until AWS would show it");
        }
        tokio::time::sleep(aws.patience.pause(look)).await;
        look += 1;
    }
}

/// What an earlier run may have created a moment ago, nobody wants and AWS does not show.
fn hidden(aws: &Aws, place: &Place, wanted: &WantedByKind, survey: &Survey) -> Option<Address> {
    let held = aws.held()?;
    let is_wanted = |address: &Address| {
        wanted.get(&address.kind).is_some_and(|wanted| wanted.iter().any(|one| one.address == *address))
    };
    let is_there =
        |address: &Address| survey.all().any(|(_, found)| found.owner(&place.stack) == Owner::Us(address.clone()));
    let unfinished =
        held.unfinished().into_iter().filter(|(_, begun)| !held.may_hide(begun, aws.patience.settles).is_zero());
    unfinished.map(|(address, _)| address).find(|address| !is_wanted(address) && !is_there(address))
}

async fn read(aws: &Aws, place: &Place, wanted: &WantedByKind, purpose: Purpose<'_>) -> Result<Survey, SurveyError> {
    let shared = Shared::default();
    check_account(aws, place, &shared).await?;
    let tagged = shared.tagged(aws, &place.stack).await.map_err(|fault| SurveyError::Faults(vec![fault]))?;
    let all_wanted = wanted;
    let mut survey = Survey::default();
    let mut faults = Vec::new();
    let mut left: Vec<&dyn AnyKind> = KINDS.to_vec();
    // What was made a moment ago the tagging service may not know.
    let on_record = aws.held().map(|held| held.unfinished()).unwrap_or_default();
    let on_record: BTreeSet<String> = on_record.into_keys().map(|address| address.kind).collect();
    while !left.is_empty() {
        let (now, later): (Vec<&dyn AnyKind>, Vec<&dyn AnyKind>) =
            left.iter().partition(|kind| left.iter().all(|other| !kind.about().is_read_after(other.about().kind)));
        let reads = now
            .iter()
            .filter(|kind| {
                let about = kind.about();
                on_record.contains(about.kind) || !is_idle(about, wanted, purpose, tagged)
            })
            .map(|kind| async {
                let name = kind.about().kind;
                let wanted = wanted.get(name).map_or(&[][..], Vec::as_slice);
                let (declared, known) = (all_wanted, &survey);
                let scope = Scope { place, wanted, purpose, declared, known, shared: &shared };
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
    if faults.is_empty() { Ok(survey) } else { Err(SurveyError::Faults(faults)) }
}

/// Refuses another account than the stack's, and another partition than that of its region: the same twelve digits can
/// be an account in both. The ARN of anything of ours tells them; AWS is asked only where there is nothing yet.
///
/// # Errors
/// It is another account or partition, or AWS does not tell.
pub async fn check_account(aws: &Aws, place: &Place, shared: &Shared) -> Result<(), SurveyError> {
    let faults = |fault| SurveyError::Faults(vec![fault]);
    let tagged = shared.tagged(aws, &place.stack).await;
    let told = tagged.as_ref().ok().and_then(|tagged| tagged.iter().find_map(|one| whose(&one.arn)));
    let (account, partition) = match (told, &tagged) {
        (Some(told), _) => told,
        // Who may not ask for tags may be in the wrong account, which is the better thing to say.
        (None, Err(fault)) if fault.cause != Cause::Denied => return Err(faults(fault.clone())),
        (None, _) => {
            let caller = aws.caller().await.map_err(faults)?;
            // What only looks like AWS may tell no ARN.
            let partition = whose(&caller.arn).map_or_else(|| place.partition().to_owned(), |(_, partition)| partition);
            (caller.account, partition)
        }
    };
    let wrong = |what, wanted: &str, found: String| {
        let (stack, wanted) = (place.stack.clone(), wanted.to_owned());
        Err(SurveyError::Account(WrongAccount { what, stack, wanted, found }))
    };
    if partition != place.partition() {
        return wrong("partition", &format!("{} ({})", place.partition(), place.region), partition);
    }
    if account != place.account {
        return wrong("account", &place.account, account);
    }
    tagged.map(drop).map_err(faults)
}

/// The account and the partition in an ARN.
fn whose(arn: &str) -> Option<(String, String)> {
    let mut parts = arn.split(':');
    let (partition, account) = (parts.nth(1)?, parts.nth(2)?);
    (!account.is_empty()).then(|| (account.to_owned(), partition.to_owned()))
}

/// Whether a kind need not be read: nothing of it is declared, and nothing of its type carries the stack's tag. A kind
/// that is read after another may learn of objects from that one, and a deep read takes nobody's word.
fn is_idle(about: &About, wanted: &WantedByKind, purpose: Purpose<'_>, tagged: &[TaggedArn]) -> bool {
    let is_declared = wanted.get(about.kind).is_some_and(|wanted| !wanted.is_empty());
    let is_tagged = |wanted: &str| tagged.iter().any(|one| one.is_a(wanted));
    purpose == Purpose::Survey
        && !is_declared
        && about.read_after.is_empty()
        && about.tagged_as.is_some_and(|wanted| !is_tagged(wanted))
}
