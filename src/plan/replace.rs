//! In which order an object and what replaces it come and go.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::build::{Draft, Planner};
use super::{Action, Change, Plan, Reason};
use crate::address::Address;
use crate::desired::Resource;
use crate::kinds::{About, Found, Others, Together};
use crate::manifest::ReplaceOrder;

/// Which of the two is there first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "first")]
pub enum Order {
    /// The new one is made, what refers to the old one is led to it, and then the old one is deleted.
    Create {
        /// Where AWS has no room for both, the old one goes first all the same.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        if_room: bool,
        /// Room is scarce there, so that one is replaced after the other.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        in_turn: bool,
    },
    /// The old one is deleted, and then the new one is made.
    Delete { because: String },
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { if_room: false, .. } => f.write_str("create first, then delete"),
            Self::Create { in_turn: false, .. } => {
                f.write_str("create first, then delete; the other way round where there is no room for both")
            }
            Self::Create { .. } => f.write_str(
                "one after the other, create first, then delete; the other way round where there is no slot for both",
            ),
            Self::Delete { because } => write!(f, "delete first: {because}"),
        }
    }
}

impl Change {
    /// Whether what replaces the object is made before it is deleted.
    pub fn creates_first(&self) -> bool {
        matches!(self.order, Some(Order::Create { .. }))
    }

    /// Whether the object goes after what replaces it is there.
    pub(super) fn goes_late(&self) -> bool {
        self.creates_first() || matches!(self.reason, Reason::Superseded(_))
    }
}

impl Plan {
    /// The ids of what goes late and takes references of this kind along when it is deleted: they stay until then.
    pub fn leaving(&self, about: &About) -> Vec<&str> {
        leaving(&self.changes, about)
    }
}

pub(super) fn leaving<'a>(changes: &'a [Change], about: &About) -> Vec<&'a str> {
    let goes = |change: &&Change| change.goes_late() && about.lets_go_of.contains(&change.address.kind.as_str());
    changes.iter().filter(goes).filter_map(|change| Some(change.live.as_ref()?.id.as_str())).collect()
}

/// `wanted` with those items of live lists that name something that is leaving.
pub fn keep(wanted: &Value, live: &Value, leaving: &[&str]) -> Value {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            let member = |(name, value): (&String, &Value)| {
                let kept = live.get(name).map_or_else(|| value.clone(), |live| keep(value, live, leaving));
                (name.clone(), kept)
            };
            Value::Object(wanted.iter().map(member).collect())
        }
        (Value::Array(wanted), Value::Array(live)) => {
            let kept = live.iter().filter(|item| !wanted.contains(item) && names(item, leaving)).cloned();
            wanted.iter().cloned().chain(kept).collect()
        }
        (wanted, _) => wanted.clone(),
    }
}

fn names(value: &Value, ids: &[&str]) -> bool {
    match value {
        Value::String(text) => ids.contains(&text.as_str()),
        Value::Array(items) => items.iter().any(|item| names(item, ids)),
        Value::Object(members) => members.values().any(|member| names(member, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl Planner<'_> {
    /// In which order an object is replaced that has to be. `full` and `key` are those of the new one.
    pub(super) fn order(
        &self,
        resource: &Resource,
        (full, key): (&Value, Option<&str>),
        live: &Found,
        reason: &Reason,
        draft: &Draft,
    ) -> Order {
        let first = |because: String| Order::Delete { because };
        if let Reason::Holds(gone) = reason {
            return first(format!("{gone} goes before it is made anew"));
        }
        // What it needs goes before that is made anew, and would not while it is there.
        if let Some(needed) = self.needs_that_go(&resource.address, draft) {
            return first(format!("{needed} goes before it is made anew"));
        }
        if let Some(holder) = self.holder(&resource.address, key) {
            let whose = if holder.id == live.id { "the old one has its name" } else { "another has its name" };
            return first(format!("{whose} ({})", holder.id));
        }
        let wish = resource.lifecycle.replace;
        if wish == Some(ReplaceOrder::DeleteFirst) {
            return first("its lifecycle says so".to_owned());
        }
        let others = Others { survey: self.survey, desired: self.desired };
        match resource.kind.together(live, full, &others) {
            Together::IfAsked(_) if wish == Some(ReplaceOrder::CreateFirst) => {
                Order::Create { if_room: false, in_turn: false }
            }
            Together::No(because) | Together::IfAsked(because) => first(because),
            Together::Yes => Order::Create { if_room: false, in_turn: false },
            Together::IfRoom { scarce } => Order::Create { if_room: true, in_turn: scarce },
        }
    }

    /// What an object needs or needed, by way of whatever, and is deleted before it is made anew.
    fn needs_that_go(&self, address: &Address, draft: &Draft) -> Option<Address> {
        let goes: BTreeSet<&Address> = draft
            .changes
            .iter()
            .filter(|change| change.action == Action::Replace && !change.creates_first())
            .map(|change| &change.address)
            .collect();
        if goes.is_empty() {
            return None;
        }
        let mut seen = BTreeSet::from([address]);
        let mut open = vec![address];
        while let Some(next) = open.pop() {
            let declared = self.desired.get(next).into_iter().flat_map(|resource| &resource.needs);
            for needed in declared.chain(self.live.needs.get(next).into_iter().flatten()) {
                if goes.contains(needed) {
                    return Some(needed.clone());
                }
                if seen.insert(needed) {
                    open.push(needed);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_names_something_that_leaves_stays_for_now() {
        let wanted = json!({"ingress": [{"from": "sg-new"}], "subnetIds": ["subnet-b"], "vpcId": "vpc-1"});
        let live = json!({
            "ingress": [{"from": "sg-old"}, {"from": "sg-other"}], "subnetIds": ["subnet-a"], "vpcId": "vpc-0",
            "egress": [{"to": "sg-old"}],
        });
        assert_eq!(
            keep(&wanted, &live, &["sg-old", "subnet-a"]),
            json!({
                "ingress": [{"from": "sg-new"}, {"from": "sg-old"}], "subnetIds": ["subnet-b", "subnet-a"],
                "vpcId": "vpc-1",
            })
        );
        assert_eq!(keep(&wanted, &live, &[]), wanted);
    }

    #[test]
    fn the_order_is_said() {
        let first = Order::Create { if_room: false, in_turn: false };
        assert_eq!(first.to_string(), "create first, then delete");
        assert_eq!(serde_json::to_value(&first).unwrap(), json!({"first": "create"}));
        let turns = Order::Create { if_room: true, in_turn: true };
        assert_eq!(serde_json::to_value(&turns).unwrap(), json!({"first": "create", "ifRoom": true, "inTurn": true}));
        assert!(turns.to_string().starts_with("one after the other"));
        let because = Order::Delete { because: "the old one has its name (edge)".to_owned() };
        assert_eq!(because.to_string(), "delete first: the old one has its name (edge)");
    }
}
