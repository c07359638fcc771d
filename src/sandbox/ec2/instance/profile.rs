//! Instance profiles of instances.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Phase;
use crate::sandbox::ec2::input::{bad_value, combination, missing_parameter, required, text};
use crate::sandbox::ec2::kinds::INSTANCE;
use crate::sandbox::ec2::listing::{Filter, PAGES, filtered, page};
use crate::sandbox::ec2::{Entry, timestamp};
use crate::sandbox::iam;
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(in crate::sandbox::ec2) const OPERATIONS: &[Entry] = &[
    ("DescribeIamInstanceProfileAssociations", "AssociationId FILTERS PAGES", describe),
    ("AssociateIamInstanceProfile", "InstanceId! IamInstanceProfile.Arn IamInstanceProfile.Name", associate_operation),
    ("ReplaceIamInstanceProfileAssociation", "AssociationId! IamInstanceProfile.Arn IamInstanceProfile.Name", replace),
    ("DisassociateIamInstanceProfile", "AssociationId!", disassociate),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox::ec2) struct ProfileAssociation {
    association_id: String,
    pub(in crate::sandbox::ec2) instance_id: String,
    pub(in crate::sandbox::ec2) profile_arn: String,
    since: Timestamp,
}

impl ProfileAssociation {
    pub(super) fn wire_profile(&self) -> Value {
        // The id of the profile is IAM's to know, and it is not asked for it.
        json!({"arn": self.profile_arn})
    }

    fn wire(&self, association_state: &str) -> Value {
        json!({
            "associationId": self.association_id,
            "instanceId": self.instance_id,
            "iamInstanceProfile": self.wire_profile(),
            "state": association_state,
            "timestamp": timestamp(self.since),
        })
    }
}

/// The ARN of the profile that a request names, when it names one.
pub(super) fn requested(state: &State, call: &Call) -> Result<Option<String>, AwsError> {
    let asked = &call.input["IamInstanceProfile"];
    let (parameter, what, given) = match (text(asked, "Name"), text(asked, "Arn")) {
        (None, None) => return Ok(None),
        (Some(name), None) => ("iamInstanceProfile.name", "name", name),
        (None, Some(arn)) => ("iamInstanceProfile.arn", "ARN", arn),
        (Some(_), Some(_)) => {
            let message =
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'";
            return Err(combination(message));
        }
    };
    match iam::usable_profile(state, given, call.now) {
        Some(arn) => Ok(Some(arn)),
        None => Err(bad_value(format!(
            "Value ({given}) for parameter {parameter} is invalid. Invalid IAM Instance Profile {what}"
        ))),
    }
}

pub(super) fn associate(state: &mut State, now: Timestamp, instance_id: &str, arn: &str) -> ProfileAssociation {
    let association = ProfileAssociation {
        association_id: state.id("iip-assoc"),
        instance_id: instance_id.to_owned(),
        profile_arn: arn.to_owned(),
        since: now,
    };
    state.ec2.profile_associations.insert(association.association_id.clone(), association.clone());
    association
}

fn find<'a>(state: &'a State, id: &str) -> Result<&'a ProfileAssociation, AwsError> {
    state
        .ec2
        .profile_associations
        .get(id)
        .ok_or_else(|| AwsError::invalid("NoSuchAssociation", format!("An invalid association-id of '{id}' was given")))
}

fn associate_operation(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "InstanceId")?;
    let phase = INSTANCE.find(&state.ec2.instances, id)?.phase;
    let arn = requested(state, call)?.ok_or_else(|| missing_parameter("IamInstanceProfile"))?;
    if !matches!(phase, Phase::Pending | Phase::Running | Phase::Stopping | Phase::Stopped) {
        let message = format!("The instance '{id}' is not in the 'running' or 'stopped' states.");
        return Err(AwsError::invalid("IncorrectInstanceState", message));
    }
    if state.ec2.profile_associations.values().any(|held| held.instance_id == id) {
        let message = format!("There is an existing association for instance {id}");
        return Err(AwsError::invalid("IncorrectState", message));
    }
    let association = associate(state, call.now, id, &arn);
    Ok(json!({"iamInstanceProfileAssociation": association.wire("associating")}))
}

/// Only while the instance runs.
fn replace(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "AssociationId")?;
    let instance_id = find(state, id)?.instance_id.clone();
    let arn = requested(state, call)?.ok_or_else(|| missing_parameter("IamInstanceProfile"))?;
    if INSTANCE.find(&state.ec2.instances, &instance_id)?.phase != Phase::Running {
        let message = format!("The instance '{instance_id}' is not in the 'running' state.");
        return Err(AwsError::invalid("IncorrectInstanceState", message));
    }
    state.ec2.profile_associations.remove(id);
    let association = associate(state, call.now, &instance_id, &arn);
    Ok(json!({"iamInstanceProfileAssociation": association.wire("associating")}))
}

fn disassociate(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "AssociationId")?;
    let wire = find(state, id)?.wire("disassociating");
    state.ec2.profile_associations.remove(id);
    Ok(json!({"iamInstanceProfileAssociation": wire}))
}

const FILTERS: &[Filter] = &[("instance-id", "instanceId"), ("state", "state")];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let ids = call.texts("AssociationId");
    for id in &ids {
        find(state, id)?;
    }
    let all = state.ec2.profile_associations.iter().filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()));
    let rows = all.map(|(id, association)| (id.clone(), association.wire("associated"))).collect();
    page(call, "iamInstanceProfileAssociationSet", &PAGES, filtered(call, FILTERS, rows)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    const ARN: &str = "arn:aws:iam::123456789012:instance-profile/host";

    // Profiles themselves are IAM's; its tests and those over the wire put both together.
    #[test]
    fn associations_show_with_the_instance_and_go_with_it() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let id = account.instance(&region);
        let made = associate(&mut account.state, Timestamp::UNIX_EPOCH, &id, ARN);
        assert_eq!(account.seen(&id)["iamInstanceProfile"]["arn"], ARN);
        let filter = json!({"Filter": [{"Name": "instance-id", "Value": [id]}]});
        let seen = account.ok("DescribeIamInstanceProfileAssociations", filter.clone());
        assert_eq!(seen["iamInstanceProfileAssociationSet"][0]["state"], "associated");
        let unknown = json!({"AssociationId": made.association_id, "IamInstanceProfile": {"Name": "none"}});
        let error = account.error("ReplaceIamInstanceProfileAssociation", unknown);
        assert_eq!(
            error.message,
            "Value (none) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
        );
        account.ok("DisassociateIamInstanceProfile", json!({"AssociationId": made.association_id}));
        let error = account.error("DisassociateIamInstanceProfile", json!({"AssociationId": made.association_id}));
        assert_eq!(error.code, "NoSuchAssociation");
        associate(&mut account.state, Timestamp::UNIX_EPOCH, &id, ARN);
        account.ok("TerminateInstances", json!({"InstanceId": [id]}));
        account.wait(20);
        let seen = account.ok("DescribeIamInstanceProfileAssociations", filter);
        assert_eq!(seen["iamInstanceProfileAssociationSet"], json!([]));
    }
}
