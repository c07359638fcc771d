//! LEX-01: what word processors make of quotation marks.

use super::{Check, Declared, Hits, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::TYPOGRAPHIC;
use crate::rules::hosts::every_host;

pub(super) static RULES: &[Rule] = &[Rule {
    id: "LEX-01",
    severity: Error,
    title: "typographic quotation marks or dashes where a shell or a parser reads",
    why: "What was copied from a page or a document has “ ” ‘ ’ – for \" ' -. To a shell, to JSON and to the agent these \
          are letters like others: settings do not parse, words fall apart, options are not found. In a script it is a \
          warning, since a text that is printed may have them.",
    source: "POSIX Shell Command Language, Quoting; RFC 8259, Strings",
    check: Check::All(typographic),
    bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_CONTAINER_INSTANCE_TAGS: '{“environment”: “Outpost”}'}
",
    good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_CONTAINER_INSTANCE_TAGS: '{\"environment\": \"Outpost\"}'}
",
}];

/// Of [`TYPOGRAPHIC`], those that have no place in a script even as text that is printed.
const QUOTES: usize = 5;

fn typographic(declared: &Declared<'_>, hits: &mut Hits) {
    for host in every_host(declared) {
        let config = host.get("ecsConfig");
        for (name, node) in config.members() {
            let Some(text) = node.written() else { continue };
            let Some((wrong, right)) = TYPOGRAPHIC.iter().find(|(wrong, _)| text.contains(*wrong)) else { continue };
            hits.add(node, format!("`{wrong}` is a typographic character; the agent wants {right}"))
                .help(format!("replace it by {right}, or write the value as YAML"));
            let plain: String = text.chars().map(plain).collect();
            if plain.starts_with(['{', '[']) && serde_json::from_str::<serde_json::Value>(&plain).is_ok() {
                hits.fix(config, name, plain);
            }
        }
        let script = host.get("userData");
        let lines = script.written().unwrap_or_default().lines();
        for line in lines.filter(|line| !line.trim_start().starts_with('#')) {
            if let Some((wrong, right)) = TYPOGRAPHIC[..QUOTES].iter().find(|(wrong, _)| line.contains(*wrong)) {
                let message = format!("`{wrong}` is a typographic character; shells want {right}");
                hits.add_as(Warning, script, message).help(format!("in the line: {}", line.trim()));
                break;
            }
        }
    }
}

fn plain(letter: char) -> char {
    TYPOGRAPHIC.iter().find(|(wrong, _)| *wrong == letter).map_or(letter, |(_, right)| *right)
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    #[test]
    fn a_value_that_becomes_json_is_mended() {
        let example = "kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_CONTAINER_INSTANCE_TAGS: '{“a”: “b”}', ECS_LOGLEVEL: ‘info’}
  userData: |
    # “fine here”
    echo “hello”
";
        let found = findings(example);
        let told: Vec<(String, bool)> = found.iter().map(|one| (one.severity.to_string(), one.fix.is_some())).collect();
        let expected = [("error".to_owned(), true), ("error".to_owned(), false), ("warning".to_owned(), false)];
        assert_eq!(told, expected);
    }
}
