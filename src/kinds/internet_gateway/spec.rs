//! What a manifest may say of an internet gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An internet gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InternetGatewaySpec {
    /// The VPC that it is attached to; a VPC takes one. A change detaches it from one VPC and attaches it to the
    /// other.
    // Absent only in live state, while it is attached to nothing.
    #[schemars(required, extend("x-ref" = "Vpc", "x-ref-attribute" = "id"))]
    pub vpc_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use crate::kinds::by_name;

    #[test]
    fn manifests_must_name_the_vpc() {
        let schema = by_name("InternetGateway").unwrap().schema();
        assert_eq!(schema["required"], serde_json::json!(["vpcId"]));
        assert_eq!(schema["properties"]["vpcId"]["type"], "string");
        assert_eq!(schema["properties"]["vpcId"]["x-ref"], "Vpc");
    }
}
