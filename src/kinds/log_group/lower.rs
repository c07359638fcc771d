//! A log group of the API in the manifest's words.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::types;

use super::spec::LogGroupSpec;
use crate::kinds::{Attributes, Found, Readiness};

/// `wanted` is the declared log group, where one is known.
pub(super) fn lower(
    group: &types::LogGroup,
    tags: BTreeMap<String, String>,
    wanted: Option<&LogGroupSpec>,
) -> Found<LogGroupSpec> {
    let name = group.log_group_name().unwrap_or_default().to_owned();
    // Under a policy of the account's, AWS answers that one's time and does not tell the log group's own.
    let is_ruled = group.retention_policy_name().is_some();
    let retention =
        if is_ruled { wanted.and_then(|wanted| wanted.retention_in_days) } else { group.retention_in_days() };
    Found {
        key: Some(name.clone()),
        spec: LogGroupSpec {
            log_group_name: Some(name.clone()),
            retention_in_days: retention,
            log_group_class: group.log_group_class().map(|class| class.as_str().to_owned()),
            kms_key_id: group.kms_key_id().map(str::to_owned),
            deletion_protection_enabled: Some(group.deletion_protection_enabled().unwrap_or(false)),
        },
        attributes: Attributes::from([("name".to_owned(), name.clone()), ("arn".to_owned(), arn(group))]),
        id: name,
        tags,
        readiness: Readiness::Ready,
        detail: serde_json::Value::Null,
    }
}

/// The ARN without `:*`, as the calls for tags take it.
pub(super) fn arn(group: &types::LogGroup) -> String {
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default();
    arn.trim_end_matches(":*").to_owned()
}

/// The name of a log group by its ARN; none when it is the ARN of something else.
pub(super) fn name_of(arn: &str) -> Option<&str> {
    let (_, name) = arn.split_once(":log-group:")?;
    Some(name.trim_end_matches(":*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:logs:us-west-2:123456789012:log-group:/ecs/till";

    #[test]
    fn the_arn_has_no_star_whichever_member_tells_it() {
        let old = types::LogGroup::builder().log_group_name("/ecs/till").arn(format!("{ARN}:*"));
        let new = old.clone().log_group_arn(ARN);
        assert_eq!((arn(&old.clone().build()), arn(&new.build())), (ARN.to_owned(), ARN.to_owned()));
        let found = lower(&old.build(), BTreeMap::new(), None);
        assert_eq!(
            (&*found.id, found.key.as_deref(), &*found.attributes["arn"]),
            ("/ecs/till", Some("/ecs/till"), ARN)
        );
        assert_eq!(found.spec.deletion_protection_enabled, Some(false));
    }

    #[test]
    fn names_are_read_from_arns_of_log_groups_alone() {
        assert_eq!(name_of(ARN), Some("/ecs/till"));
        assert_eq!(name_of(&format!("{ARN}:*")), Some("/ecs/till"));
        assert_eq!(name_of("arn:aws:ecs:us-west-2:123456789012:cluster/edge"), None);
    }

    #[test]
    fn the_time_of_an_account_policy_is_not_the_log_groups() {
        let group = types::LogGroup::builder().log_group_name("a").retention_in_days(30);
        let wanted = LogGroupSpec { retention_in_days: Some(7), ..LogGroupSpec::default() };
        let retention = |group, wanted| lower(&group, BTreeMap::new(), wanted).spec.retention_in_days;
        assert_eq!(retention(group.clone().build(), Some(&wanted)), Some(30));
        let ruled = group.retention_policy_name("all");
        assert_eq!(retention(ruled.clone().build(), Some(&wanted)), Some(7));
        assert_eq!(retention(ruled.build(), None), None);
    }
}
