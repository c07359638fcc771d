//! Starting, stopping, terminating, and what time does.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::run::capacity;
use super::{Instance, Phase};
use crate::sandbox::ec2::kinds::INSTANCE;
use crate::sandbox::ec2::{Ec2, Entry, instance_type};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(in crate::sandbox::ec2) const OPERATIONS: &[Entry] = &[
    ("StartInstances", "InstanceId!", start),
    ("StopInstances", "InstanceId! Force SkipOsShutdown", stop),
    ("RebootInstances", "InstanceId!", reboot),
    ("TerminateInstances", "InstanceId! Force SkipOsShutdown", terminate),
];

/// Every instance that a request names, all of which have to exist.
pub(super) fn named(state: &State, call: &Call) -> Result<Vec<Instance>, AwsError> {
    let ids = call.texts("InstanceId");
    ids.iter().try_for_each(|id| INSTANCE.check_form(id))?;
    let all = &state.ec2.instances;
    let missing: Vec<&str> = ids.iter().copied().filter(|id| !all.contains_key(*id)).collect();
    if !missing.is_empty() {
        return Err(INSTANCE.missing(&missing));
    }
    let mut found: Vec<Instance> = Vec::new();
    for instance in ids.iter().filter_map(|id| all.get(*id)) {
        if !found.iter().any(|other| other.instance_id == instance.instance_id) {
            found.push(instance.clone());
        }
    }
    Ok(found)
}

fn wrong_state(id: &str, verb: &str) -> AwsError {
    let message = format!("The instance '{id}' is not in a state from which it can be {verb}.");
    AwsError::invalid("IncorrectInstanceState", message)
}

fn changes(state: &State, before: &[Instance]) -> Value {
    let rows: Vec<Value> = before
        .iter()
        .map(|instance| {
            let now = state.ec2.instances.get(&instance.instance_id).map_or(instance.phase, |now| now.phase);
            json!({
                "instanceId": instance.instance_id,
                "previousState": instance.phase.wire(),
                "currentState": now.wire(),
            })
        })
        .collect();
    json!({"instancesSet": rows})
}

/// A stopped instance on an Outpost gave up its slot and needs one again.
fn start(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let before = named(state, call)?;
    let due = call.now + state.takes(10.0);
    for instance in &before {
        match instance.phase {
            Phase::Pending | Phase::Running => continue,
            Phase::Stopped => {}
            _ => return Err(wrong_state(&instance.instance_id, "started")),
        }
        let subnet = state.ec2.subnets.get(&instance.subnet_id).cloned();
        if let Some((subnet, kind)) = subnet.zip(instance_type::find(&instance.instance_type)) {
            capacity(state, &subnet, &kind, (1, 1))?;
        }
        let ec2 = &mut state.ec2;
        let address = ec2.public_address();
        let interface = instance.network_interface_id.as_ref().and_then(|id| ec2.network_interfaces.get_mut(id));
        if let Some(interface) = interface.filter(|interface| interface.wants_public) {
            interface.public_ip = Some(address);
        }
        if let Some(instance) = ec2.instances.get_mut(&instance.instance_id) {
            instance.phase = Phase::Pending;
            instance.due = Some(due);
            // Later than before, to the second: it tells a start from the launch, also where a stop takes no time.
            instance.launched = call.now.max(instance.launched + Duration::from_secs(1));
            instance.ended = None;
        }
    }
    Ok(changes(state, &before))
}

fn stop(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let before = named(state, call)?;
    let due = call.now + state.takes(20.0);
    for instance in &before {
        let id = &instance.instance_id;
        match instance.phase {
            Phase::Stopping | Phase::Stopped => continue,
            Phase::Running => {}
            _ => return Err(wrong_state(id, "stopped")),
        }
        if instance.disable_api_stop {
            let message = format!(
                "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
            );
            return Err(AwsError::invalid("OperationNotPermitted", message));
        }
        end(&mut state.ec2, id, Phase::Stopping, call.now, due);
    }
    Ok(changes(state, &before))
}

/// What runs keeps running as far as the API shows it.
fn reboot(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    match named(state, call)?.iter().find(|instance| !instance.is_up()) {
        Some(instance) => Err(wrong_state(&instance.instance_id, "rebooted")),
        None => Ok(json!({"return": true})),
    }
}

fn terminate(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let before = named(state, call)?;
    let due = call.now + state.takes(20.0);
    for instance in &before {
        let id = &instance.instance_id;
        if instance.disable_api_termination {
            let message = format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
            );
            return Err(AwsError::invalid("OperationNotPermitted", message));
        }
        if !instance.phase.is_ending() {
            end(&mut state.ec2, id, Phase::ShuttingDown, call.now, due);
        }
    }
    Ok(changes(state, &before))
}

fn end(ec2: &mut Ec2, id: &str, phase: Phase, now: Timestamp, due: Timestamp) {
    if let Some(instance) = ec2.instances.get_mut(id) {
        instance.phase = phase;
        instance.due = Some(due);
        instance.running_since = None;
        let code = "Client.UserInitiatedShutdown";
        instance.ended = Some((now, code.to_owned(), format!("{code}: User initiated shutdown")));
    }
}

/// Lets instances reach the states that they are on the way to.
pub(in crate::sandbox::ec2) fn advance(state: &mut State, now: Timestamp) -> bool {
    let mut moved = false;
    while step(state, now) {
        moved = true;
    }
    moved
}

/// When something happens to instances by itself, or did.
pub(in crate::sandbox::ec2) fn dues(state: &State) -> impl Iterator<Item = Timestamp> {
    state.ec2.instances.values().flat_map(|instance| instance.due.into_iter().chain(instance.metadata.pending_until))
}

fn step(state: &mut State, now: Timestamp) -> bool {
    // Even where nothing takes time: who waits for the end must be able to see it.
    let gone_after = state.takes(3600.0).max(Duration::from_secs(10));
    let ec2 = &mut state.ec2;
    let mut moved = false;
    let due = |instance: &&mut Instance| instance.due.is_some_and(|due| due <= now);
    for instance in ec2.instances.values_mut() {
        if instance.phase != Phase::Pending && instance.metadata.pending_until.is_some_and(|until| until <= now) {
            instance.metadata.pending_until = None;
            moved = true;
        }
    }
    let mut ended = Vec::new();
    let mut vanished = Vec::new();
    let mut stopped = Vec::new();
    for instance in ec2.instances.values_mut().filter(due) {
        moved = true;
        let since = instance.due.take();
        match instance.phase {
            Phase::Pending => {
                instance.phase = Phase::Running;
                instance.running_since = since;
                instance.metadata.pending_until = None;
            }
            Phase::Stopping => {
                instance.phase = Phase::Stopped;
                stopped.extend(instance.network_interface_id.clone());
            }
            Phase::ShuttingDown => {
                instance.phase = Phase::Terminated;
                instance.due = since.map(|since| since + gone_after);
                instance.network_interface_id = None;
                ended.push(instance.instance_id.clone());
            }
            Phase::Terminated => vanished.push(instance.instance_id.clone()),
            Phase::Running | Phase::Stopped => {}
        }
    }
    // An address that was given at launch goes when the instance stops.
    for id in &stopped {
        if let Some(interface) = ec2.network_interfaces.get_mut(id) {
            interface.public_ip = None;
        }
    }
    for id in &ended {
        release(ec2, id);
    }
    for id in &vanished {
        ec2.instances.remove(id);
        ec2.tags.remove(id);
    }
    moved
}

/// Frees what a terminated instance held.
fn release(ec2: &mut Ec2, instance_id: &str) {
    let interfaces =
        ec2.network_interfaces.values().filter(|held| held.instance_id == instance_id).map(|held| &held.interface_id);
    let interfaces: Vec<String> = interfaces.cloned().collect();
    let mut kept = Vec::new();
    for id in interfaces {
        if let Some(interface) = ec2.network_interfaces.remove(&id) {
            if interface.delete_on_termination {
                ec2.tags.remove(&id);
            } else {
                kept.push(interface);
            }
        }
    }
    for mut interface in kept {
        interface.instance_id = String::new();
        interface.public_ip = None;
        ec2.network_interfaces.insert(interface.interface_id.clone(), interface);
    }
    let volumes: Vec<String> = ec2
        .volumes
        .values_mut()
        .filter(|volume| volume.instance_id.as_deref() == Some(instance_id))
        .map(|volume| {
            volume.instance_id = None;
            volume.volume_id.clone()
        })
        .collect();
    for id in volumes {
        if ec2.volumes.get(&id).is_some_and(|volume| volume.delete_on_termination) {
            ec2.volumes.remove(&id);
            ec2.tags.remove(&id);
        }
    }
    ec2.profile_associations.retain(|_, association| association.instance_id != instance_id);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn stop_and_start() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let id = account.instance(&region);
        let one = json!({"InstanceId": [id]});
        assert_eq!(account.error("StopInstances", one.clone()).code, "IncorrectInstanceState");
        account.wait(10);
        let answer = account.ok("StopInstances", one.clone());
        assert_eq!(answer["instancesSet"][0]["previousState"]["name"], "running");
        assert_eq!(answer["instancesSet"][0]["currentState"]["name"], "stopping");
        assert_eq!(account.error("StartInstances", one.clone()).code, "IncorrectInstanceState");
        account.wait(20);
        assert_eq!(account.seen(&id)["instanceState"]["name"], "stopped");
        account.ok("StartInstances", one.clone());
        account.wait(10);
        assert_eq!(account.seen(&id)["instanceState"]["name"], "running");
    }

    #[test]
    fn a_stopped_instance_can_lose_its_slot() {
        let mut account = Account::new();
        let (_, outpost) = account.subnets();
        let mut input = Account::launch(&outpost);
        input["MaxCount"] = "4".into();
        let made = account.ok("RunInstances", input.clone());
        let id = made["instancesSet"][0]["instanceId"].clone();
        account.wait(10);
        account.ok("StopInstances", json!({"InstanceId": [id]}));
        account.wait(20);
        account.ok("RunInstances", input);
        let error = account.error("StartInstances", json!({"InstanceId": [id]}));
        assert_eq!((error.status, error.code.as_str()), (500, "InsufficientInstanceCapacity"));
    }

    #[test]
    fn termination_frees_everything_and_shows_for_an_hour() {
        let mut account = Account::new();
        let (region, _) = account.subnets();
        let id = account.instance(&region);
        let one = json!({"InstanceId": [id]});
        let protect = |on: &str| json!({"InstanceId": id, "DisableApiTermination": {"Value": on}});
        account.ok("ModifyInstanceAttribute", protect("true"));
        assert_eq!(account.error("TerminateInstances", one.clone()).code, "OperationNotPermitted");
        account.ok("ModifyInstanceAttribute", protect("false"));
        let answer = account.ok("TerminateInstances", one.clone());
        assert_eq!(answer["instancesSet"][0]["currentState"], json!({"code": 32, "name": "shutting-down"}));
        account.wait(20);
        let seen = account.seen(&id);
        assert_eq!((&seen["instanceState"]["name"], &seen["vpcId"]), (&json!("terminated"), &Value::Null));
        assert_eq!(account.ok("DescribeVolumes", json!({}))["volumeSet"], json!([]));
        account.ok("DeleteSubnet", json!({"SubnetId": region}));
        account.wait(3600);
        assert_eq!(account.error("DescribeInstances", one.clone()).code, "InvalidInstanceID.NotFound");
        // However long nobody looked.
        let (other, _) = account.subnets();
        let id = account.instance(&other);
        account.ok("TerminateInstances", json!({"InstanceId": [id]}));
        account.wait(86_400);
        assert_eq!(account.ok("DescribeInstances", json!({}))["reservationSet"], json!([]));
        assert_eq!(account.error("TerminateInstances", one).code, "InvalidInstanceID.NotFound");
    }
}
