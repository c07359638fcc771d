//! What a manifest may say of a log group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A log group of CloudWatch Logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogGroupSpec {
    /// The name in AWS, unique in account and Region: /ecs/till. Absent: the name of the document. A change needs a new
    /// log group, and what is in the old one is lost.
    pub log_group_name: Option<String>,
    /// How many days events are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
    /// 2557, 2922, 3288 or 3653. Absent: for ever. A shorter time deletes older events. A policy of the account's goes
    /// before it. The class DELIVERY has a time of its own.
    pub retention_in_days: Option<i32>,
    /// What can be done with the logs, and what they cost. Absent: left as it is, which is STANDARD at first. A change
    /// needs a new log group, and what is in the old one is lost.
    #[schemars(extend("enum" = ["STANDARD", "INFREQUENT_ACCESS", "ESSENTIALS", "DELIVERY"]))]
    pub log_group_class: Option<String>,
    /// The ARN of the KMS key, which must be symmetric, that encrypts what arrives from now on. Absent: CloudWatch Logs'
    /// own encryption.
    pub kms_key_id: Option<String>,
    /// Whether AWS, and farpost before it, refuses to delete the log group with its logs. Absent: left as it is, which
    /// is false at first. Only with false, written out, is the log group ever replaced.
    pub deletion_protection_enabled: Option<bool>,
}

/// Log groups of this class keep events for a day or two, whatever one says.
const DELIVERY: &str = "DELIVERY";

impl LogGroupSpec {
    pub(super) fn name<'a>(&'a self, document: &'a str) -> &'a str {
        self.log_group_name.as_deref().unwrap_or(document)
    }

    pub(super) fn normalise(&mut self) {
        if self.log_group_class.as_deref() == Some(DELIVERY) {
            self.retention_in_days = None;
        }
    }
}

/// What `aws logs describe-log-groups` answers beside the spec.
const READ_ONLY: &[&str] = &[
    "arn",
    "logGroupArn",
    "creationTime",
    "storedBytes",
    "metricFilterCount",
    "dataProtectionStatus",
    "inheritedProperties",
    "bearerTokenAuthenticationEnabled",
    "retentionPolicyName",
];

/// Takes a log group of an answer of `aws logs describe-log-groups` as well.
pub(super) fn accept(spec: &mut Value) -> Vec<String> {
    let Some(members) = spec.as_object_mut() else { return Vec::new() };
    if members.contains_key("retentionPolicyName") {
        // It is the account's, not the log group's.
        members.shift_remove("retentionInDays");
    }
    let dropped = READ_ONLY.iter().filter(|name| members.shift_remove(**name).is_some());
    dropped.map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(value: Value) -> LogGroupSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn delivery_has_a_retention_of_its_own() {
        let mut live = spec(json!({"logGroupClass": "DELIVERY", "retentionInDays": 2}));
        live.normalise();
        assert_eq!(live, spec(json!({"logGroupClass": "DELIVERY"})));
        let mut other = spec(json!({"logGroupClass": "STANDARD", "retentionInDays": 7}));
        other.normalise();
        assert_eq!(other.retention_in_days, Some(7));
    }

    #[test]
    fn an_answer_of_the_cli_can_be_pasted() {
        let mut pasted = json!({"logGroupName": "/ecs/till", "creationTime": 1, "metricFilterCount": 0,
            "arn": "arn:aws:logs:us-west-2:123456789012:log-group:/ecs/till:*", "storedBytes": 0, "retentionInDays": 7,
            "logGroupArn": "arn:aws:logs:us-west-2:123456789012:log-group:/ecs/till", "logGroupClass": "STANDARD"});
        assert_eq!(accept(&mut pasted), ["arn", "logGroupArn", "creationTime", "storedBytes", "metricFilterCount"]);
        assert_eq!(pasted, json!({"logGroupName": "/ecs/till", "retentionInDays": 7, "logGroupClass": "STANDARD"}));
        let mut ruled = json!({"logGroupName": "a", "retentionInDays": 7, "retentionPolicyName": "all"});
        accept(&mut ruled);
        assert_eq!(ruled, json!({"logGroupName": "a"}));
    }
}
