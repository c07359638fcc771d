//! PLC: attributes of hosts.

use super::is_built_in;
use crate::diagnostic::Severity::Error;
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// The most attributes of the user's own that a host has, and the characters of a name or a value.
const MOST_ATTRIBUTES: usize = 10;
const LONGEST_ATTRIBUTE: usize = 128;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PLC-09",
        severity: Error,
        title: "an attribute that a host cannot have",
        why: "A name is 1 to 128 letters, digits and - _ . / \\, a value likewise, with @ : and spaces inside. A host has 10 \
              attributes of the user's own. PutAttributes refuses others. Those of an Instance are settings of its agent, \
              and AGT-07 looks at them.",
        source: "Amazon ECS API, Attribute and PutAttributes",
        check: Check::Each("ExternalInstance", attributes),
        bad: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, attributes: {rack row: front}}
",
        good: "
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, attributes: {rack-row: front}}
",
    },
    Rule {
        id: "PLC-10",
        severity: Error,
        title: "an attribute of ECS's own among those of the user",
        why: "Names that begin with ecs. or com.amazonaws. are those of ECS and its agent, and nobody else can set them.",
        source: "Amazon ECS Developer Guide, Amazon ECS container instance attributes",
        check: Check::All(reserved),
        bad: "
kind: Instance
metadata: {name: front}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: shop, ECS_INSTANCE_ATTRIBUTES: {ecs.rack: front}}
",
        good: "
kind: Instance
metadata: {name: front}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: shop, ECS_INSTANCE_ATTRIBUTES: {rack: front}}
",
    },
];

/// The attributes of the user's own that hosts are declared with: the map, or the text that is one in JSON.
fn own_attributes<'a>(declared: &Declared<'a>) -> Vec<Node<'a>> {
    let instances = declared.of("Instance").map(|instance| instance.at("ecsConfig.ECS_INSTANCE_ATTRIBUTES"));
    let externals = declared.of("ExternalInstance").map(|host| host.get("attributes"));
    instances.chain(externals).filter(|node| node.is_given()).collect()
}

/// The names and values of attributes, with where each stands.
fn named_attributes(node: Node<'_>) -> Vec<(String, Option<String>, Node<'_>)> {
    if let Some(text) = node.text() {
        let parsed: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
        return parsed.into_iter().map(|(name, value)| (name, value.as_str().map(str::to_owned), node)).collect();
    }
    node.members().map(|(name, value)| (name.to_owned(), value.text().map(str::to_owned), value)).collect()
}

fn attributes(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let is_fit = |text: &str, marks: &str| {
        (1..=LONGEST_ATTRIBUTE).contains(&text.chars().count())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter))
    };
    let node = host.get("attributes");
    let all = named_attributes(node);
    if all.len() > MOST_ATTRIBUTES {
        hits.add(node, format!("{} attributes; a host has {MOST_ATTRIBUTES} of the user's own", all.len()));
    }
    for (name, value, place) in all {
        if !is_fit(&name, "-_./\\") {
            hits.add(place, format!("`{name}` cannot be the name of an attribute"))
                .help(format!("1 to {LONGEST_ATTRIBUTE} letters, digits and - _ . / \\"));
        }
        if let Some(value) = value.filter(|value| !is_fit(value, "-_./\\@: ") || value.trim() != value) {
            hits.add(place, format!("`{value}` cannot be the value of the attribute `{name}`"))
                .help(format!("1 to {LONGEST_ATTRIBUTE} letters, digits and - _ . / \\ @ :, with spaces inside"));
        }
    }
}

fn reserved(declared: &Declared<'_>, hits: &mut Hits) {
    for (name, _, place) in own_attributes(declared).into_iter().flat_map(named_attributes) {
        if is_built_in(&name) {
            hits.add(place, format!("`{name}` is an attribute of ECS itself, which nobody else can set"))
                .help("choose a name that does not begin with ecs. or com.amazonaws.");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn ids(attributes: &str) -> Vec<String> {
        let text = format!(
            "kind: ExternalInstance\nmetadata: {{name: till-1}}\nspec: {{cluster: stores, attributes: {{{attributes}}}}}\n"
        );
        let ids = findings(&text).into_iter().map(|finding| finding.code.to_string());
        ids.filter(|id| id.starts_with("PLC-")).collect()
    }

    #[test]
    fn names_and_values_are_those_of_ecs() {
        assert!(ids("site: oslo, 'rack/row': b 7, zone: '${Cluster.stores.name}'").is_empty());
        assert_eq!(ids("ecs.os-type: x"), ["PLC-10"]);
        for wrong in ["a b: x", "site: ''", "site: ' x'", "site: é", "site: 'a,b'"] {
            assert_eq!(ids(wrong), ["PLC-09"], "{wrong}");
        }
        let many: Vec<String> = (0..11).map(|index| format!("a{index}: x")).collect();
        assert_eq!(ids(&many.join(", ")), ["PLC-09"]);
    }

    #[test]
    fn attributes_in_json_are_read_too() {
        let text = "kind: Instance\nmetadata: {name: rack}\nspec:\n  imageId: ami-0123456789abcdef0\n  instanceType: c5.large\n  \
                    subnetId: subnet-0123456789abcdef0\n  iamInstanceProfile: host\n  ecsConfig:\n    ECS_CLUSTER: shop\n    \
                    ECS_INSTANCE_ATTRIBUTES: '{\"ecs.rack\": \"a\", \"site\": \"b\"}'\n";
        let ids: Vec<String> = findings(text).into_iter().map(|finding| finding.code.to_string()).collect();
        assert!(ids.contains(&"PLC-10".to_owned()), "{ids:?}");
    }
}
