//! Activations of the API in the manifest's words: those of one declaration together, of which one counts.

use std::collections::BTreeMap;

use aws_sdk_ssm::types;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CODE_TAG;
use super::code::Held;
use super::spec::{ActivationSpec, CodeStore, RotateBefore};
use crate::address::Address;
use crate::kinds::{Attributes, Found, Readiness};

const DAY: i64 = 24 * 60 * 60;

/// One activation of ours, and what is in the place where its code should be.
#[derive(Debug)]
pub(super) struct One {
    pub(super) activation: types::Activation,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) store: Option<CodeStore>,
    pub(super) held: Held,
}

/// An activation and where its code is, for its calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) code: Option<CodeStore>,
}

/// What the calls need beside the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Detail {
    /// The one that counts.
    pub(super) current: Kept,
    pub(super) strays: Vec<Kept>,
    /// For `farpost status`.
    pub(super) says: String,
}

impl One {
    pub(super) fn new(activation: types::Activation) -> Self {
        let pairs = activation.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
        let tags: BTreeMap<String, String> = pairs.filter(|(key, _)| !key.starts_with("aws:")).collect();
        let store = tags.get(CODE_TAG).and_then(|text| CodeStore::from_tag(text));
        Self { activation, tags, store, held: Held::Nothing }
    }

    pub(super) fn id(&self) -> &str {
        self.activation.activation_id().unwrap_or_default()
    }

    fn is_kept(&self) -> bool {
        self.held == Held::Of(self.id().to_owned())
    }

    fn created(&self) -> i64 {
        self.activation.created_date().map_or(0, aws_smithy_types::DateTime::secs)
    }

    fn expires(&self) -> i64 {
        self.activation.expiration_date().map_or(i64::MAX, aws_smithy_types::DateTime::secs)
    }

    fn has_expired(&self, now: i64) -> bool {
        self.activation.expired() || self.expires() <= now
    }

    fn limit(&self) -> i32 {
        self.activation.registration_limit().unwrap_or(1)
    }

    fn left(&self) -> i32 {
        (self.limit() - self.activation.registrations_count().unwrap_or(0)).max(0)
    }

    fn kept(&self) -> Kept {
        Kept { id: self.id().to_owned(), code: self.store.clone() }
    }

    /// How many days it was made for. AWS tells two moments, the first of which is a little after it was asked.
    fn valid_for_days(&self) -> Option<i32> {
        let seconds = self.activation.expiration_date()?.secs() - self.activation.created_date()?.secs();
        i32::try_from((seconds + DAY / 2).div_euclid(DAY).max(1)).ok()
    }

    /// Why a fresh one is to be made. `waiting` is what is to register and cannot.
    fn due(&self, rotate: Option<&RotateBefore>, waiting: Option<&str>, now: i64) -> Option<String> {
        let (limit, left) = (self.limit(), self.left());
        let spent = if self.has_expired(now) {
            Some(format!("it expired on {}", moment(self.expires())))
        } else if left == 0 {
            Some(format!("{} used", registrations(limit)))
        } else {
            None
        };
        if let Some(spent) = spent {
            // Nobody needs the code of an activation that lets nobody in.
            return match (rotate, waiting) {
                (Some(_), _) => Some(spent),
                (None, Some(waiting)) => Some(format!("{spent}, and {waiting} has not registered")),
                (None, None) => None,
            };
        }
        if let (false, Some(place)) = (self.is_kept(), self.store.as_ref().and_then(CodeStore::place)) {
            return Some(match &self.held {
                Held::Nothing => format!("its code is lost: {place} does not exist"),
                Held::Of(other) => format!("its code is lost: {place} holds that of the activation {other}"),
                Held::Other => format!("its code is lost: {place} holds something else"),
            });
        }
        if !self.is_kept() {
            return Some("its code was never stored".to_owned());
        }
        let days = self.expires().saturating_sub(now).div_euclid(DAY);
        let rotate = rotate?;
        if let Some(before) = rotate.days.filter(|before| days < i64::from(*before)) {
            return Some(format!("it expires on {}, in fewer than {before} days", moment(self.expires())));
        }
        let before = rotate.registrations.filter(|before| left < *before)?;
        Some(format!("{left} of {} left, fewer than {before}", registrations(limit)))
    }

    fn says(&self, now: i64) -> String {
        let (limit, left) = (self.limit(), self.left());
        let used = match left {
            0 if limit == 1 => "its registration is used".to_owned(),
            0 => format!("all {} used", registrations(limit)),
            _ => format!("{left} of {} left", registrations(limit)),
        };
        let verb = if self.has_expired(now) { "expired" } else { "expires" };
        format!("{}: {used}, {verb} on {}", self.id(), moment(self.expires()))
    }
}

fn registrations(limit: i32) -> String {
    if limit == 1 { "1 registration".to_owned() } else { format!("{limit} registrations") }
}

/// `2026-12-01 09:30 UTC`.
fn moment(seconds: i64) -> String {
    let text = Timestamp::from_second(seconds).map_or_else(|_| "never".to_owned(), |time| time.to_string());
    text.get(..16).map_or(text.clone(), |minutes| format!("{} UTC", minutes.replace('T', " ")))
}

/// The activations of one declaration, as one object. The one whose code is stored counts; without such a one, the
/// newest.
pub(super) fn lower(
    address: &Address,
    mut all: Vec<One>,
    wanted: Option<&ActivationSpec>,
    waiting: Option<&str>,
    now: i64,
) -> Option<Found<ActivationSpec>> {
    all.sort_by_key(|one| (one.is_kept(), one.created()));
    let current = all.pop()?;
    let strays: Vec<Kept> = all.iter().map(One::kept).collect();
    let activation = &current.activation;
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let detail = Detail { current: current.kept(), says: current.says(now), strays };
    let ids: Vec<String> = detail.strays.iter().map(|stray| stray.id.clone()).collect();
    Some(Found {
        id: address.name.clone(),
        key: None,
        spec: ActivationSpec {
            iam_role: activation.iam_role().unwrap_or_default().to_owned(),
            registration_limit: activation.registration_limit(),
            valid_for_days: current.valid_for_days().or(wanted.and_then(|wanted| wanted.valid_for_days)),
            rotate_before: wanted.and_then(|wanted| wanted.rotate_before.clone()),
            default_instance_name: text(activation.default_instance_name()),
            description: text(activation.description()),
            code: current.store.clone(),
            due: current.due(wanted.and_then(|wanted| wanted.rotate_before.as_ref()), waiting, now),
            strays: (!ids.is_empty()).then_some(ids),
        },
        attributes: Attributes::from([("id".to_owned(), current.id().to_owned())]),
        tags: current.tags.clone(),
        readiness: Readiness::Ready,
        detail: serde_json::to_value(detail).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// An activation for 30 days with 5 registrations, `day` days old, whose code is stored.
    fn one(id: &str, day: i64, used: i32) -> One {
        let activation = types::Activation::builder()
            .activation_id(id)
            .iam_role("anywhere")
            .registration_limit(5)
            .registrations_count(used)
            .created_date(DateTime::from_secs(NOW - day * DAY + 7))
            .expiration_date(DateTime::from_secs(NOW + (30 - day) * DAY))
            .tags(types::Tag::builder().key(CODE_TAG).value("parameter:/a").build().unwrap())
            .build();
        One { held: Held::Of(id.to_owned()), ..One::new(activation) }
    }

    fn rotate(days: Option<i32>, registrations: Option<i32>) -> RotateBefore {
        RotateBefore { days, registrations }
    }

    #[test]
    fn a_fresh_one_is_due_before_it_runs_out() {
        let due = |day, used, rotate: &RotateBefore| one("1", day, used).due(Some(rotate), None, NOW);
        let before = rotate(Some(5), Some(2));
        assert_eq!(due(25, 3, &before), None);
        assert_eq!(due(26, 0, &before).unwrap(), "it expires on 2027-01-19 08:00 UTC, in fewer than 5 days");
        assert_eq!(due(1, 4, &before).unwrap(), "1 of 5 registrations left, fewer than 2");
        // What is not given means the end.
        assert_eq!(due(29, 4, &rotate(None, None)), None);
        assert!(due(30, 0, &rotate(None, None)).unwrap().starts_with("it expired on 2027-01-15"));
        assert_eq!(due(1, 5, &rotate(Some(1), None)).unwrap(), "5 registrations used");
    }

    #[test]
    fn one_that_has_served_is_no_difference_until_somebody_waits() {
        for (day, used) in [(40, 2), (1, 5)] {
            assert_eq!(one("1", day, used).due(None, None, NOW), None);
            let due = one("1", day, used).due(None, Some("ExternalInstance/till"), NOW).unwrap();
            assert!(due.ends_with(", and ExternalInstance/till has not registered"), "{due}");
        }
        assert_eq!(one("1", 1, 4).due(None, Some("ExternalInstance/till"), NOW), None);
        // Nor does anybody need its code.
        let lost = One { held: Held::Nothing, ..one("1", 1, 5) };
        assert_eq!(lost.due(None, None, NOW), None);
    }

    #[test]
    fn a_lost_code_is_told() {
        let due = |held| One { held, ..one("1", 1, 0) }.due(None, None, NOW).unwrap();
        assert_eq!(due(Held::Nothing), "its code is lost: the parameter /a does not exist");
        let other = "its code is lost: the parameter /a holds that of the activation 2";
        assert_eq!(due(Held::Of("2".to_owned())), other);
        assert_eq!(due(Held::Other), "its code is lost: the parameter /a holds something else");
    }

    #[test]
    fn the_one_whose_code_is_stored_counts() {
        let address = Address::new("Activation", "stores");
        let never = One { held: Held::Of("old".to_owned()), ..one("new", 0, 0) };
        let found = lower(&address, vec![never, one("old", 3, 1)], None, None, NOW).unwrap();
        assert_eq!((&*found.id, &*found.attributes["id"]), ("stores", "old"));
        assert_eq!(found.spec.strays, Some(vec!["new".to_owned()]));
        assert_eq!((found.spec.valid_for_days, found.spec.due.clone()), (Some(30), None));
        assert_eq!(found.detail["says"], "old: 4 of 5 registrations left, expires on 2027-02-11 08:00 UTC");
    }
}
