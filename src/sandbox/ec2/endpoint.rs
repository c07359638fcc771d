//! Endpoints of a VPC. The sandbox makes none, and says so to whoever asks what is in a VPC.

use serde_json::Value;

use super::Entry;
use super::listing::{Filter, Listing, PAGES};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[("DescribeVpcEndpoints", "FILTERS PAGES", describe)];

const FILTERS: &[Filter] = &[
    ("service-name", "serviceName"),
    ("vpc-endpoint-id", "vpcEndpointId"),
    ("vpc-endpoint-state", "state"),
    ("vpc-endpoint-type", "vpcEndpointType"),
    ("vpc-id", "vpcId"),
];

fn describe(_: &mut State, call: &Call) -> Result<Value, AwsError> {
    Listing { set: "vpcEndpointSet", ids: None, filters: FILTERS, pages: PAGES }.answer(call, Vec::new())
}
