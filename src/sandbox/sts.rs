//! STS: who is calling.

use serde_json::{Value, json};

use super::Operation;
use super::state::State;
use super::wire::{AwsError, Call};
use super::world::World;

pub(super) const OPERATIONS: &[(&str, Operation)] = &[("GetCallerIdentity", get_caller_identity)];

/// The sandbox has no users: every caller is the account's administrator, in a role session as people sign in.
pub(super) fn caller(state: &State) -> String {
    let World { account, .. } = &state.world;
    format!("arn:{}:sts::{account}:assumed-role/Administrator/sandbox", state.partition())
}

fn get_caller_identity(state: &mut State, _: &Call) -> Result<Value, AwsError> {
    Ok(json!({
        "Arn": caller(state),
        "UserId": "AROAFARPOSTSANDBOX001:sandbox",
        "Account": state.world.account,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_in_the_worlds_account_and_partition() {
        let world = World { account: "210987654321".into(), region: "us-gov-west-1".into(), ..World::default() };
        let call = Call {
            service: crate::sandbox::wire::Service::Sts,
            operation: "GetCallerIdentity".into(),
            input: Value::Null,
            region: "us-gov-west-1".into(),
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let identity = get_caller_identity(&mut State::new(world), &call).unwrap();
        assert_eq!(identity["Account"], "210987654321");
        assert_eq!(identity["Arn"], "arn:aws-us-gov:sts::210987654321:assumed-role/Administrator/sandbox");
    }
}
