//! Internet gateways.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{bad_value, required};
use super::kinds::{INTERNET_GATEWAY, VPC};
use super::listing::{Filter, Listing, PAGES};
use super::{Entry, tags};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("CreateInternetGateway", "TAGS", create),
    ("DescribeInternetGateways", "InternetGatewayId FILTERS PAGES", describe),
    ("AttachInternetGateway", "InternetGatewayId! VpcId!", attach),
    ("DetachInternetGateway", "InternetGatewayId! VpcId!", detach),
    ("DeleteInternetGateway", "InternetGatewayId!", delete),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InternetGateway {
    gateway_id: String,
    /// Where it is attached.
    pub(super) vpc_id: Option<String>,
}

impl InternetGateway {
    fn wire(&self, state: &State) -> Value {
        let attachments: Vec<Value> =
            self.vpc_id.iter().map(|vpc| json!({"vpcId": vpc, "state": "available"})).collect();
        json!({
            "internetGatewayId": self.gateway_id,
            "ownerId": state.world.account,
            "attachmentSet": attachments,
            "tagSet": state.ec2.tag_set(&self.gateway_id),
        })
    }
}

fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let tags = tags::specified(call, &INTERNET_GATEWAY)?;
    let gateway = InternetGateway { gateway_id: state.id("igw"), vpc_id: None };
    state.ec2.tag(&gateway.gateway_id, tags);
    state.ec2.internet_gateways.insert(gateway.gateway_id.clone(), gateway.clone());
    Ok(json!({"internetGateway": gateway.wire(state)}))
}

const FILTERS: &[Filter] = &[
    ("attachment.state", "attachmentSet.state"),
    ("attachment.vpc-id", "attachmentSet.vpcId"),
    ("internet-gateway-id", "internetGatewayId"),
    ("owner-id", "ownerId"),
];

fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let rows = state.ec2.internet_gateways.iter().map(|(id, gateway)| (id.clone(), gateway.wire(state))).collect();
    let ids = Some(("InternetGatewayId", &INTERNET_GATEWAY));
    Listing { set: "internetGatewaySet", ids, filters: FILTERS, pages: PAGES }.answer(call, rows)
}

fn attach(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (id, vpc_id) = (required(call, "InternetGatewayId")?, required(call, "VpcId")?);
    let ec2 = &mut state.ec2;
    let gateway = INTERNET_GATEWAY.find(&ec2.internet_gateways, id)?;
    VPC.find(&ec2.vpcs, vpc_id)?;
    if let Some(held) = &gateway.vpc_id {
        let message = format!("resource {id} is already attached to network {held}");
        return Err(AwsError::invalid("Resource.AlreadyAssociated", message));
    }
    if ec2.internet_gateways.values().any(|other| other.vpc_id.as_deref() == Some(vpc_id)) {
        return Err(bad_value(format!("Network {vpc_id} already has an internet gateway attached")));
    }
    INTERNET_GATEWAY.find_mut(&mut ec2.internet_gateways, id)?.vpc_id = Some(vpc_id.to_owned());
    Ok(json!({"return": true}))
}

fn detach(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let (id, vpc_id) = (required(call, "InternetGatewayId")?, required(call, "VpcId")?);
    let ec2 = &mut state.ec2;
    VPC.find(&ec2.vpcs, vpc_id)?;
    let gateway = INTERNET_GATEWAY.find_mut(&mut ec2.internet_gateways, id)?;
    if gateway.vpc_id.as_deref() != Some(vpc_id) {
        let message = format!("resource {id} is not attached to network {vpc_id}");
        return Err(AwsError::invalid("Gateway.NotAttached", message));
    }
    let interfaces = &ec2.network_interfaces;
    if interfaces.values().any(|interface| interface.vpc_id == vpc_id && interface.public_ip.is_some()) {
        let message = format!(
            "Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        );
        return Err(AwsError::invalid("DependencyViolation", message));
    }
    gateway.vpc_id = None;
    Ok(json!({"return": true}))
}

fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let id = required(call, "InternetGatewayId")?;
    let gateway = INTERNET_GATEWAY.find(&state.ec2.internet_gateways, id)?;
    if gateway.vpc_id.is_some() {
        let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
        return Err(AwsError::invalid("DependencyViolation", message));
    }
    state.ec2.internet_gateways.remove(id);
    state.ec2.tags.remove(id);
    Ok(json!({"return": true}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn attachments() {
        let mut account = Account::new();
        let (vpc, other) = (account.vpc("10.0.0.0/16"), account.vpc("10.1.0.0/16"));
        let mut make =
            || account.ok("CreateInternetGateway", json!({}))["internetGateway"]["internetGatewayId"].clone();
        let (one, two) = (make(), make());
        let pair = |gateway: &Value, vpc: &str| json!({"InternetGatewayId": gateway, "VpcId": vpc});
        assert_eq!(account.error("DetachInternetGateway", pair(&one, &vpc)).code, "Gateway.NotAttached");
        account.ok("AttachInternetGateway", pair(&one, &vpc));
        assert_eq!(account.error("AttachInternetGateway", pair(&one, &other)).code, "Resource.AlreadyAssociated");
        let error = account.error("AttachInternetGateway", pair(&two, &vpc));
        assert_eq!(error.message, format!("Network {vpc} already has an internet gateway attached"));
        let filter = json!({"Filter": [{"Name": "attachment.vpc-id", "Value": [vpc]}]});
        let seen = account.ok("DescribeInternetGateways", filter);
        assert_eq!(seen["internetGatewaySet"][0]["attachmentSet"], json!([{"vpcId": vpc, "state": "available"}]));
        assert_eq!(
            account.error("DeleteInternetGateway", json!({"InternetGatewayId": one})).code,
            "DependencyViolation"
        );
        account.ok("DetachInternetGateway", pair(&one, &vpc));
        account.ok("DeleteInternetGateway", json!({"InternetGatewayId": one}));
        let error = account.error("DeleteInternetGateway", json!({"InternetGatewayId": one}));
        assert_eq!(error.code, "InvalidInternetGatewayID.NotFound");
    }
}
