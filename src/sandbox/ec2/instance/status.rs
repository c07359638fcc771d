//! The status checks of instances: under way for a while after the start, passed from then on.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Instance, Phase};
use crate::sandbox::ec2::Entry;
use crate::sandbox::ec2::input::flag;
use crate::sandbox::ec2::kinds::INSTANCE;
use crate::sandbox::ec2::listing::{Filter, Listing, PAGES, ids_or_pages};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(in crate::sandbox::ec2) const OPERATIONS: &[Entry] =
    &[("DescribeInstanceStatus", "InstanceId IncludeAllInstances FILTERS PAGES", describe)];

/// How many seconds AWS takes for the first checks.
const FIRST_CHECKS: f64 = 120.0;

const FILTERS: &[Filter] = &[
    ("availability-zone", "availabilityZone"),
    ("availability-zone-id", "availabilityZoneId"),
    ("instance-state-code", "instanceState.code"),
    ("instance-state-name", "instanceState.name"),
    ("instance-status.reachability", "instanceStatus.details.status"),
    ("instance-status.status", "instanceStatus.status"),
    ("system-status.reachability", "systemStatus.details.status"),
    ("system-status.status", "systemStatus.status"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    ids_or_pages(call, "InstanceId")?;
    let all = flag(&call.input, "IncludeAllInstances")?.unwrap_or(false);
    let shown = state.ec2.instances.iter().map(|(id, instance)| (id.clone(), instance.status(state, call.now)));
    let ids = Some(("InstanceId", &INSTANCE));
    let listing = Listing { set: "instanceStatusSet", ids, filters: FILTERS, pages: PAGES };
    if all {
        return listing.answer(call, shown.collect());
    }
    // Those that do not run are left out in silence, those that do not exist are not.
    let rows = crate::sandbox::ec2::listing::pick(call, "InstanceId", &INSTANCE, shown.collect())?;
    let running = rows.into_iter().filter(|(_, row)| row["instanceState"]["name"] == "running").collect();
    Listing { ids: None, ..listing }.answer(call, running)
}

impl Instance {
    fn status(&self, state: &State, now: Timestamp) -> Value {
        let passed = self.running_since.is_some_and(|since| since + state.takes(FIRST_CHECKS) <= now);
        let (status, reachability) = match (self.phase, passed) {
            (Phase::Running, true) => ("ok", Some("passed")),
            (Phase::Running, false) | (Phase::Pending, _) => ("initializing", Some("initializing")),
            _ => ("not-applicable", None),
        };
        let details: Vec<Value> =
            reachability.iter().map(|status| json!({"name": "reachability", "status": status})).collect();
        let check = json!({"status": status, "details": details});
        json!({
            "instanceId": self.instance_id,
            "availabilityZone": self.zone.name,
            "availabilityZoneId": self.zone.id,
            "outpostArn": self.outpost_arn,
            "instanceState": self.phase.wire(),
            "instanceStatus": check,
            "systemStatus": check,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn checks_pass_after_a_while() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let id = account.ok("RunInstances", Account::launch(&region))["instancesSet"][0]["instanceId"].clone();
        let rows = |account: &mut Account, all: &str| {
            let input = json!({"InstanceId": [id], "IncludeAllInstances": all});
            account.ok("DescribeInstanceStatus", input)["instanceStatusSet"].clone()
        };
        assert_eq!(rows(&mut account, "false"), json!([]));
        assert_eq!(rows(&mut account, "true")[0]["instanceState"]["name"], "pending");
        account.wait(15);
        assert_eq!(rows(&mut account, "false")[0]["systemStatus"]["status"], "initializing");
        account.wait(150);
        assert_eq!(rows(&mut account, "false")[0]["instanceStatus"]["details"][0]["status"], "passed");
        let filter = json!({"Filter": [{"Name": "instance-status.status", "Value": ["impaired"]}]});
        assert_eq!(account.ok("DescribeInstanceStatus", filter)["instanceStatusSet"], json!([]));
        let missing = json!({"InstanceId": ["i-00000000000000000"]});
        assert_eq!(account.error("DescribeInstanceStatus", missing).code, "InvalidInstanceID.NotFound");
    }
}
