//! NAM-08: names of port mappings.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;
use crate::rules::workload::containers;

pub(super) static RULES: &[Rule] = &[Rule {
    id: "NAM-08",
    severity: Error,
    title: "a name that a port mapping cannot have, or that another one has",
    why: "Names of ports have 1 to 64 lower-case letters, digits, underscores and hyphens, and do not begin with a hyphen; a \
          task definition has each once: \"port mapping name is already used\".",
    source: "Amazon ECS API, PortMapping.name",
    check: Check::Each("TaskDefinition", port_names),
    bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, name: Web}]}
",
    good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, name: web}]}
",
}];

fn port_names(task: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mut seen: Vec<Node<'_>> = Vec::new();
    let mappings = containers(task).flat_map(|container| container.get("portMappings").items());
    for node in mappings.map(|mapping| mapping.get("name")) {
        let Some(name) = node.text() else { continue };
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) || name.starts_with('-') {
            hits.add(node, format!("`{name}` cannot be the name of a port"))
                .help("1 to 64 lower-case letters, digits, underscores and hyphens, no hyphen at its start");
        } else if let Some(first) = seen.iter().find(|one| one.is(name)) {
            hits.add(node, format!("a second port `{name}`"))
                .help("give it a name of its own")
                .beside(*first, "the first");
        } else {
            seen.push(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    #[test]
    fn ports_have_names_of_their_own() {
        let example = "kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, name: web}]}
    - {name: side, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 81, name: web}]}
";
        let codes: Vec<String> = findings(example).iter().map(|one| one.code.to_string()).collect();
        assert_eq!(codes, ["NAM-08"]);
    }
}
