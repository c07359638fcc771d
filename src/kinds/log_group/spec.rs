//! What a manifest may say of a log group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kinds::{Findings, is_open};

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

/// What PutRetentionPolicy takes.
const RETENTIONS: &[i32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
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

    pub(super) fn lint(&self, findings: &mut Findings) {
        if let Some(days) = self.retention_in_days {
            self.lint_retention(days, findings);
        }
        if let Some(key) = self.kms_key_id.as_deref().filter(|key| !is_open(key)) {
            let is_key = key.starts_with("arn:") && key.contains(":kms:") && key.contains(":key/");
            if !is_key {
                findings.error("/kmsKeyId", "kms-key", format!("`{key}` is not the ARN of a key"));
                findings
                    .help("CloudWatch Logs takes no bare id and no alias: arn:aws:kms:us-west-2:123456789012:key/…");
            }
        }
    }

    fn lint_retention(&self, days: i32, findings: &mut Findings) {
        if self.log_group_class.as_deref() == Some(DELIVERY) {
            findings.error("/retentionInDays", "retention", "the class DELIVERY has a retention of its own");
            findings.help("take the line out");
        } else if !RETENTIONS.contains(&days) {
            findings.error(
                "/retentionInDays",
                "retention",
                format!("AWS keeps logs for certain times, not for {days} days"),
            );
            findings.help(match RETENTIONS.iter().find(|longer| **longer > days) {
                Some(longer) => format!("the next longer time is {longer}"),
                None => "the longest time is 3653; to keep them for ever, take the line out".to_owned(),
            });
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

    fn findings(value: Value) -> Vec<(String, Option<String>)> {
        let mut findings = Findings::default();
        spec(value).lint(&mut findings);
        findings.0.into_iter().map(|one| (one.pointer, one.help)).collect()
    }

    #[test]
    fn a_time_that_aws_does_not_know_is_named_with_the_next() {
        assert_eq!(findings(json!({"retentionInDays": 30})), []);
        let help = |days: i32| findings(json!({"retentionInDays": days})).pop().unwrap().1.unwrap();
        assert_eq!(help(31), "the next longer time is 60");
        assert_eq!(help(0), "the next longer time is 1");
        assert!(help(4000).contains("3653"));
    }

    #[test]
    fn delivery_has_a_retention_of_its_own() {
        let wrong = findings(json!({"logGroupClass": "DELIVERY", "retentionInDays": 7}));
        assert_eq!(wrong[0].0, "/retentionInDays");
        let mut live = spec(json!({"logGroupClass": "DELIVERY", "retentionInDays": 2}));
        live.normalise();
        assert_eq!(live, spec(json!({"logGroupClass": "DELIVERY"})));
        let mut other = spec(json!({"logGroupClass": "STANDARD", "retentionInDays": 7}));
        other.normalise();
        assert_eq!(other.retention_in_days, Some(7));
    }

    #[test]
    fn a_key_is_an_arn() {
        assert_eq!(findings(json!({"kmsKeyId": "arn:aws:kms:us-west-2:123456789012:key/1234"})), []);
        for bad in ["1234", "alias/logs", "arn:aws:kms:us-west-2:123456789012:alias/logs"] {
            assert_eq!(findings(json!({"kmsKeyId": bad}))[0].0, "/kmsKeyId", "{bad}");
        }
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
