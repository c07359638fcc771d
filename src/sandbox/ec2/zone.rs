//! Availability Zones, from the world.

use serde_json::{Value, json};

use super::Entry;
use super::input::bad_value;
use super::listing::{Filter, filtered};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};
use crate::sandbox::world::Zone;

pub(super) const OPERATIONS: &[Entry] =
    &[("DescribeAvailabilityZones", "ZoneName ZoneId AllAvailabilityZones FILTERS", describe)];

const FILTERS: &[Filter] = &[
    ("group-name", "groupName"),
    ("opt-in-status", "optInStatus"),
    ("region-name", "regionName"),
    ("state", "zoneState"),
    ("zone-id", "zoneId"),
    ("zone-name", "zoneName"),
    ("zone-type", "zoneType"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (names, ids) = (call.texts("ZoneName"), call.texts("ZoneId"));
    let zones = &state.world.availability_zones;
    let strange = names.iter().find(|name| !zones.iter().any(|zone| zone.name == **name));
    let strange = strange.or_else(|| ids.iter().find(|id| !zones.iter().any(|zone| zone.id == **id)));
    if let Some(strange) = strange {
        return Err(bad_value(format!("Invalid availability zone: [{strange}]")));
    }
    let region = &state.world.region;
    let rows = zones
        .iter()
        .filter(|zone| names.is_empty() || names.contains(&zone.name.as_str()))
        .filter(|zone| ids.is_empty() || ids.contains(&zone.id.as_str()))
        .map(|zone| {
            let row = json!({
                "zoneName": zone.name, "zoneId": zone.id, "zoneState": "available", "zoneType": "availability-zone",
                "regionName": region, "groupName": format!("{region}-zg-1"), "networkBorderGroup": region,
                "optInStatus": "opt-in-not-required", "messageSet": [],
            });
            (zone.name.clone(), row)
        })
        .collect();
    let rows: Vec<Value> = filtered(call, FILTERS, rows)?.into_iter().map(|(_, row)| row).collect();
    Ok(json!({"availabilityZoneInfo": rows}))
}

/// The zone that a request names, by name or by id.
pub(super) fn named(state: &State, name: Option<&str>, id: Option<&str>) -> Result<Option<Zone>, AwsError> {
    let zones = &state.world.availability_zones;
    let refuse = |parameter: &str, value: &str, known: Vec<&str>| {
        bad_value(format!(
            "Value ({value}) for parameter {parameter} is invalid. Subnets can currently only be created in the following availability zones: {}.",
            known.join(", ")
        ))
    };
    let by_name = name.map(|name| {
        let known = || zones.iter().map(|zone| zone.name.as_str()).collect();
        zones.iter().find(|zone| zone.name == name).ok_or_else(|| refuse("availabilityZone", name, known()))
    });
    let by_id = id.map(|id| {
        let known = || zones.iter().map(|zone| zone.id.as_str()).collect();
        zones.iter().find(|zone| zone.id == id).ok_or_else(|| refuse("availabilityZoneId", id, known()))
    });
    match (by_name.transpose()?, by_id.transpose()?) {
        (Some(one), Some(other)) if one.id != other.id => Err(bad_value(format!(
            "Value ({}) for parameter availabilityZoneId is invalid. It is not the id of {}.",
            other.id, one.name
        ))),
        (by_name, by_id) => Ok(by_name.or(by_id).cloned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn zones_have_names_and_ids() {
        let mut account = Account::new();
        let all = account.ok("DescribeAvailabilityZones", json!({}));
        assert_eq!(all["availabilityZoneInfo"].as_array().unwrap().len(), 4);
        let one = account.ok("DescribeAvailabilityZones", json!({"ZoneId": ["usw2-az1"]}));
        assert_eq!(one["availabilityZoneInfo"][0]["zoneName"], "us-west-2b");
        let error = account.error("DescribeAvailabilityZones", json!({"ZoneName": ["mars-1a"]}));
        assert_eq!(error.message, "Invalid availability zone: [mars-1a]");
    }
}
