//! PLC: constraints, and the expressions in them.

use super::{constrained, expressions, is_built_in};
use crate::cluster_query::{Comparison, Expression, Operator};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::is_open;
use crate::manifest::suggest::{closest, list};
use crate::rules::cluster_hosts::{Host, Hosts, cluster_name};
use crate::rules::workload::{all_runners, constraints_of, definition, launch_type};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// The most constraints, and characters of an expression.
const MOST_CONSTRAINTS: usize = 10;
const LONGEST_EXPRESSION: usize = 2000;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PLC-01",
        severity: Error,
        title: "too many placement constraints",
        why: "AWS takes 10 in all: those of the service or the run, and those of its task definition.",
        source: "Amazon ECS API, CreateService and RunTask, placementConstraints",
        check: Check::All(too_many),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  placementConstraints:
    - {type: memberOf, expression: 'attribute:ecs.os-type == linux'}
    - {type: memberOf, expression: 'attribute:ecs.cpu-architecture == x86_64'}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  placementConstraints:
    - {type: distinctInstance}
    - {type: memberOf, expression: 'attribute:a exists'}
    - {type: memberOf, expression: 'attribute:b exists'}
    - {type: memberOf, expression: 'attribute:c exists'}
    - {type: memberOf, expression: 'attribute:d exists'}
    - {type: memberOf, expression: 'attribute:e exists'}
    - {type: memberOf, expression: 'attribute:f exists'}
    - {type: memberOf, expression: 'attribute:g exists'}
    - {type: memberOf, expression: 'attribute:h exists'}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  placementConstraints:
    - {type: memberOf, expression: 'attribute:ecs.os-type == linux and attribute:ecs.cpu-architecture == x86_64'}
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  placementConstraints:
    - {type: distinctInstance}
    - {type: memberOf, expression: 'attribute:a exists'}
    - {type: memberOf, expression: 'attribute:b exists'}
    - {type: memberOf, expression: 'attribute:c exists'}
    - {type: memberOf, expression: 'attribute:d exists'}
    - {type: memberOf, expression: 'attribute:e exists'}
    - {type: memberOf, expression: 'attribute:f exists'}
    - {type: memberOf, expression: 'attribute:g exists'}
    - {type: memberOf, expression: 'attribute:h exists'}
",
    },
    Rule {
        id: "PLC-03",
        severity: Error,
        title: "a placement constraint that lacks its expression, or has one too many",
        why: "memberOf needs an expression of at most 2000 characters. distinctInstance has none: \"distinctInstance \
              expression should not be specified\".",
        source: "Amazon ECS API, PlacementConstraint",
        check: Check::All(shapes),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementConstraints: [{type: distinctInstance, expression: 'attribute:rack exists'}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementConstraints: [{type: distinctInstance}, {type: memberOf, expression: 'attribute:rack exists'}]
",
    },
    Rule {
        id: "PLC-04",
        severity: Error,
        title: "an expression that is not in the cluster query language",
        why: "An expression is a subject, an operator and a value, as in `attribute:ecs.os-type == linux`; several are joined \
              by and, or, not and parentheses. Subjects are attribute:NAME, agentConnected, agentVersion, ec2InstanceId, \
              registeredAt, runningTasksCount and task:group. AWS refuses anything else.",
        source: "Amazon ECS Developer Guide, Create expressions to define container instances for Amazon ECS tasks",
        check: Check::All(grammar),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementConstraints: [{type: memberOf, expression: 'attribute:rack = front'}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementConstraints: [{type: memberOf, expression: 'attribute:rack == front'}]
",
    },
    Rule {
        id: "PLC-08",
        severity: Warning,
        title: "a constraint on an attribute that no declared host has",
        why: "A custom attribute comes from the agent's ECS_INSTANCE_ATTRIBUTES, the attributes of an ExternalInstance, or a \
              call of PutAttributes. Hosts of the cluster are declared here, and none of them has it, or has it with such a \
              value: unless somebody sets it by hand, the tasks are never placed.",
        source: "Amazon ECS Developer Guide, Amazon ECS container instance attributes",
        check: Check::All(attributes_of_hosts),
        bad: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: front}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}', ECS_INSTANCE_ATTRIBUTES: {rack: front}}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 1
  placementConstraints: [{type: memberOf, expression: 'attribute:rack == back'}]
",
        good: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: front}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}', ECS_INSTANCE_ATTRIBUTES: {rack: front}}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 1
  placementConstraints: [{type: memberOf, expression: 'attribute:rack == front'}]
",
    },
];

fn too_many(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let own = constraints_of(runner).count();
        let definition = definition(runner, declared);
        let others = definition.map_or(0, |definition| constraints_of(definition).count());
        if own + others <= MOST_CONSTRAINTS {
            continue;
        }
        let sum = own + others;
        match definition.filter(|_| others > 0) {
            None => {
                hits.add(runner.get("placementConstraints"), format!("{sum} constraints; AWS takes {MOST_CONSTRAINTS}"))
            }
            Some(definition) => {
                let message = format!(
                    "{own} constraints and {others} of {} are {sum}; AWS takes {MOST_CONSTRAINTS}",
                    definition.address()
                );
                hits.add(runner.get("placementConstraints"), message)
                    .beside(definition.get("placementConstraints"), "those of the task definition")
            }
        };
        hits.help("join expressions with `and`");
    }
}

fn shapes(declared: &Declared<'_>, hits: &mut Hits) {
    for constraint in constrained(declared).flat_map(constraints_of) {
        let expression = constraint.get("expression");
        let text = expression.written().unwrap_or("").trim();
        match constraint.get("type").written() {
            Some("distinctInstance") if !text.is_empty() => {
                hits.add(expression, "distinctInstance takes no expression")
                    .help("make two constraints of it, or take the expression out");
            }
            Some("memberOf") if text.is_empty() => {
                hits.add(constraint, "memberOf needs an expression")
                    .help("add expression, as `attribute:rack == front`");
            }
            Some("memberOf") if expression.text().is_some() && text.chars().count() > LONGEST_EXPRESSION => {
                let length = text.chars().count();
                hits.add(expression, format!("the expression has {length} characters; AWS takes {LONGEST_EXPRESSION}"));
            }
            _ => {}
        }
    }
}

fn grammar(declared: &Declared<'_>, hits: &mut Hits) {
    for expression in constrained(declared).flat_map(expressions) {
        let Some(text) = expression.text().filter(|text| !text.trim().is_empty()) else { continue };
        if let Err(mistake) = Expression::parse(text) {
            hits.add(expression, mistake.to_string()).within(expression, mistake.range.clone());
            if let Some(meant) = mistake.meant {
                hits.help(format!("did you mean `{meant}`?"));
            }
        }
    }
}

fn attributes_of_hosts(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    for runner in all_runners(declared) {
        let launch_type = launch_type(runner, declared);
        let Some(launch_type @ ("EC2" | "EXTERNAL")) = launch_type else { continue };
        let Some(cluster) = cluster_name(runner.get("cluster"), declared) else { continue };
        if hosts.cluster(&cluster).is_none() {
            continue;
        }
        let is_external = launch_type == "EXTERNAL";
        let of_type: Vec<&Host<'_>> =
            hosts.of_cluster(&cluster).iter().filter(|host| host.is_external == is_external).collect();
        if of_type.is_empty() {
            continue;
        }
        for expression in expressions(runner).chain(definition(runner, declared).into_iter().flat_map(expressions)) {
            let Some(Ok(parsed)) = expression.written().map(Expression::parse) else { continue };
            for comparison in parsed.required() {
                if let Some(reason) = matches_nothing(comparison, &of_type) {
                    missing(expression, comparison, &reason, &of_type, hits);
                }
            }
        }
    }
}

/// Why no declared host of a launch type can satisfy a comparison with an attribute of the user's own.
fn matches_nothing(comparison: &Comparison, hosts: &[&Host<'_>]) -> Option<String> {
    let name = comparison.attribute().filter(|name| !is_built_in(name) && !is_open(name))?;
    if comparison.operator.is_negative() || !hosts.iter().all(|host| host.holds(comparison) == Some(false)) {
        return None;
    }
    let mut values: Vec<String> = hosts
        .iter()
        .filter_map(|host| host.attributes.as_ref()?.get(name))
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    values.sort_unstable();
    values.dedup();
    Some(match (values.is_empty(), hosts.len()) {
        (true, 1) => format!("the declared host has no attribute `{name}`"),
        (true, count) => format!("none of the {count} declarations of hosts has an attribute `{name}`"),
        (false, _) => {
            format!("the attribute `{name}` is {} on the declared hosts", list(values.iter().map(String::as_str)))
        }
    })
}

fn missing(expression: Node<'_>, comparison: &Comparison, reason: &str, hosts: &[&Host<'_>], hits: &mut Hits) {
    let known = hosts.iter().filter_map(|host| host.attributes.as_ref()).flatten();
    let (names, values): (Vec<&str>, Vec<Option<&str>>) =
        known.map(|(name, value)| (name.as_str(), value.as_str())).unzip();
    let name = comparison.attribute().unwrap_or_default();
    let is_there = names.contains(&name);
    let range = if is_there { comparison.value_range.clone() } else { comparison.subject_range.clone() };
    hits.add(expression, reason).within(expression, range);
    let near = match (is_there, comparison.operator) {
        (true, Operator::Equal) => {
            let own = names.iter().zip(&values).filter(|(one, _)| **one == name).filter_map(|(_, value)| *value);
            comparison.values.first().and_then(|value| closest(value, own))
        }
        (true, _) => None,
        (false, _) => closest(name, names.iter().copied()),
    };
    if let Some(host) = hosts.first() {
        hits.beside(host.attributes_node, "one of the hosts");
    }
    hits.help(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "set it where the hosts are declared: ECS_INSTANCE_ATTRIBUTES of an Instance, attributes of an \
                 ExternalInstance"
            .to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn found(id: &str, text: &str) -> Vec<(String, usize, String)> {
        let all = findings(text).into_iter().filter(|finding| finding.code == id);
        all.map(|finding| {
            let label = finding.primary.unwrap();
            let column = label.file.position(label.span.start).column;
            (finding.message, column, finding.help.unwrap_or_default())
        })
        .collect()
    }

    #[test]
    fn a_mistake_is_shown_at_its_column() {
        let text = "kind: Service\nmetadata: {name: till}\nspec:\n  cluster: shop\n  taskDefinition: till:7\n  launchType: EC2\n  \
                    desiredCount: 1\n  placementConstraints:\n    - type: memberOf\n      expression: attribute:rack exists adn attribute:b exists\n";
        let found = found("PLC-04", text);
        let [(message, column, _)] = &found[..] else { panic!("{found:?}") };
        assert!(message.ends_with("`adn` stands at column 23, where `and`, `or` or the end is expected"), "{message}");
        assert_eq!(*column, 19 + 22);
    }

    #[test]
    fn what_hosts_do_not_have_is_told_with_what_they_have() {
        let text = |expression: &str, attributes: &str| {
            format!(
                "kind: Cluster\nmetadata: {{name: shop}}\nspec: {{}}\n---\nkind: Instance\nmetadata: {{name: rack}}\nspec:\n  \
                 imageId: ami-0123456789abcdef0\n  instanceType: c5.large\n  subnetId: subnet-0123456789abcdef0\n  \
                 iamInstanceProfile: host\n  ecsConfig: {{ECS_CLUSTER: shop{attributes}}}\n---\n\
                 kind: Service\nmetadata: {{name: till}}\nspec:\n  cluster: shop\n  taskDefinition: till:7\n  launchType: EC2\n  \
                 desiredCount: 1\n  placementConstraints: [{{type: memberOf, expression: '{expression}'}}]\n"
            )
        };
        let site = ", ECS_INSTANCE_ATTRIBUTES: {site: oslo}";
        let told = found("PLC-08", &text("attribute:site == olso", site));
        assert!(told[0].0.ends_with("the attribute `site` is `oslo` on the declared hosts"), "{told:?}");
        assert_eq!(told[0].2, "did you mean `oslo`?");
        let told = found("PLC-08", &text("attribute:stie == oslo", site));
        assert!(told[0].0.ends_with("the declared host has no attribute `stie`"), "{told:?}");
        assert_eq!(told[0].2, "did you mean `site`?");
        for fine in [
            "attribute:site =~ os.*",
            "attribute:site != bergen",
            "attribute:rack exists or attribute:site exists",
            "not attribute:rack exists",
            "attribute:ecs.os-type == windows",
            "attribute:site in [bergen, oslo]",
        ] {
            assert!(found("PLC-08", &text(fine, site)).is_empty(), "{fine}");
        }
        assert_eq!(found("PLC-08", &text("attribute:site exists", "")).len(), 1);
        let in_json = ", ECS_INSTANCE_ATTRIBUTES: \"{\\\"site\\\": \\\"oslo\\\"}\"";
        assert!(found("PLC-08", &text("attribute:site == oslo", in_json)).is_empty());
    }
}
