//! Log groups themselves.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "LOG-10",
        severity: Error,
        title: "a time for which CloudWatch Logs keeps nothing",
        why: "PutRetentionPolicy takes certain numbers of days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, \
              731, 1096, 1827, 2192, 2557, 2922, 3288 and 3653. Without one, events are kept for ever.",
        source: "Amazon CloudWatch Logs API, PutRetentionPolicy.retentionInDays",
        check: Check::Each("LogGroup", retention),
        bad: "
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 31}
",
        good: "
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 60}
",
    },
    Rule {
        id: "LOG-13",
        severity: Error,
        title: "a retention for a log group of the class DELIVERY",
        why: "Log groups of this class keep events for a day or two, and AWS refuses another time.",
        source: "Amazon CloudWatch Logs API, CreateLogGroup.logGroupClass",
        check: Check::Each("LogGroup", delivery),
        bad: "
kind: LogGroup
metadata: {name: till}
spec: {logGroupClass: DELIVERY, retentionInDays: 7}
",
        good: "
kind: LogGroup
metadata: {name: till}
spec: {logGroupClass: DELIVERY}
",
    },
    Rule {
        id: "LOG-14",
        severity: Error,
        title: "the key of a log group is not the ARN of a key",
        why: "CloudWatch Logs takes neither the bare id of a key nor an alias.",
        source: "Amazon CloudWatch Logs API, CreateLogGroup.kmsKeyId",
        check: Check::Each("LogGroup", key),
        bad: "
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30, kmsKeyId: alias/logs}
",
        good: "
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30, kmsKeyId: 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'}
",
    },
];

/// What PutRetentionPolicy takes.
const RETENTIONS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

fn retention(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let days = group.get("retentionInDays");
    let Some(number) = days.number().filter(|number| !RETENTIONS.contains(number)) else { return };
    if group.get("logGroupClass").is("DELIVERY") {
        return;
    }
    hits.add(days, format!("CloudWatch Logs keeps events for certain times, not for {number} days"));
    hits.help(match RETENTIONS.iter().find(|longer| **longer > number) {
        Some(longer) => format!("the next longer time is {longer}"),
        None => "the longest time is 3653; to keep them for ever, take the line out".to_owned(),
    });
}

fn delivery(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let days = group.get("retentionInDays");
    if days.is_given() && group.get("logGroupClass").is("DELIVERY") {
        hits.add(days, "the class DELIVERY has a retention of its own").help("take retentionInDays out");
        hits.fix_by_removing(group, "retentionInDays");
    }
}

fn key(group: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let key = group.get("kmsKeyId");
    let Some(text) = key.text() else { return };
    if !(text.starts_with("arn:") && text.contains(":kms:") && text.contains(":key/")) {
        hits.add(key, format!("`{text}` is not the ARN of a key"))
            .help("CloudWatch Logs takes no bare id and no alias: arn:aws:kms:us-west-2:123456789012:key/…");
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn found(spec: &str) -> Vec<(String, String)> {
        let all = findings(&format!("kind: LogGroup\nmetadata: {{name: till}}\nspec: {spec}\n"));
        all.into_iter().map(|one| (one.code.into_owned(), one.help.unwrap_or_default())).collect()
    }

    #[test]
    fn a_time_that_aws_does_not_know_is_named_with_the_next() {
        let help = |days: i32| found(&format!("{{retentionInDays: {days}}}")).pop().unwrap();
        assert_eq!(help(31), ("LOG-10".to_owned(), "the next longer time is 60".to_owned()));
        assert_eq!(help(0).1, "the next longer time is 1");
        assert!(help(4000).1.contains("3653"));
    }

    #[test]
    fn a_key_is_an_arn_of_a_key() {
        for bad in ["'1234'", "alias/logs", "'arn:aws:kms:us-west-2:123456789012:alias/logs'"] {
            assert_eq!(found(&format!("{{retentionInDays: 7, kmsKeyId: {bad}}}")).pop().unwrap().0, "LOG-14", "{bad}");
        }
    }
}
