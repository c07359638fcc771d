//! PLC: strategies.

use super::is_built_in;
use crate::diagnostic::Severity::Error;
use crate::rules::workload::all_runners;
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// The most strategies.
const MOST_STRATEGIES: usize = 5;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "PLC-02",
        severity: Error,
        title: "too many placement strategies",
        why: "AWS refuses it: \"Maximum number of strategies is 5\".",
        source: "Amazon ECS API, CreateService and RunTask, placementStrategy",
        check: Check::All(too_many_strategies),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy:
    - {type: spread, field: 'attribute:ecs.availability-zone'}
    - {type: spread, field: 'attribute:room'}
    - {type: spread, field: 'attribute:rack'}
    - {type: spread, field: 'attribute:power'}
    - {type: spread, field: instanceId}
    - {type: binpack, field: memory}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy:
    - {type: spread, field: 'attribute:ecs.availability-zone'}
    - {type: spread, field: 'attribute:room'}
    - {type: spread, field: 'attribute:rack'}
    - {type: spread, field: 'attribute:power'}
    - {type: binpack, field: memory}
",
    },
    Rule {
        id: "PLC-05",
        severity: Error,
        title: "binpack by something other than cpu or memory",
        why: "AWS refuses it: \"binpack field 'X' is invalid\". It fills the hosts by what is left of cpu or memory.",
        source: "Amazon ECS API, PlacementStrategy.field",
        check: Check::All(binpack),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy: [{type: binpack, field: instanceId}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy: [{type: binpack, field: memory}]
",
    },
    Rule {
        id: "PLC-06",
        severity: Error,
        title: "random with a field",
        why: "AWS refuses it: \"random field should not be specified.\" There is nothing that it could be random by.",
        source: "Amazon ECS API, PlacementStrategy.field, and a deployment that was refused",
        check: Check::All(random),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy: [{type: random, field: instanceId}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy: [{type: random}]
",
    },
    Rule {
        id: "PLC-07",
        severity: Error,
        title: "spread over something that hosts do not have",
        why: "spread needs a field: instanceId (or host, which is the same), or attribute: and the name of an attribute.",
        source: "Amazon ECS API, PlacementStrategy.field",
        check: Check::All(spread),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy: [{type: spread, field: ecs.availability-zone}]
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  placementStrategy: [{type: spread, field: 'attribute:ecs.availability-zone'}]
",
    },
];

/// The placement strategies of everything that is placed.
fn strategies<'a>(declared: &Declared<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    all_runners(declared).flat_map(|runner| runner.get("placementStrategy").items())
}

fn too_many_strategies(declared: &Declared<'_>, hits: &mut Hits) {
    for list in all_runners(declared).map(|runner| runner.get("placementStrategy")) {
        let count = list.items().len();
        if count > MOST_STRATEGIES {
            hits.add(list, format!("{count} strategies; AWS takes {MOST_STRATEGIES}"))
                .help("the first ones decide nearly always; leave out the last");
        }
    }
}

fn binpack(declared: &Declared<'_>, hits: &mut Hits) {
    for strategy in strategies(declared).filter(|strategy| strategy.get("type").is("binpack")) {
        let field = strategy.get("field");
        let message = match (field.is_given(), field.text()) {
            (false, _) => "binpack needs a field".to_owned(),
            (true, Some(text)) if !["cpu", "memory"].iter().any(|one| text.eq_ignore_ascii_case(one)) => {
                format!("nothing can be packed by `{text}`")
            }
            _ => continue,
        };
        let place = if field.is_given() { field } else { strategy };
        hits.add(place, message).help("write field: memory, or cpu");
    }
}

fn random(declared: &Declared<'_>, hits: &mut Hits) {
    for strategy in strategies(declared).filter(|strategy| strategy.get("type").is("random")) {
        let field = strategy.get("field");
        if field.is_given() {
            hits.add(field, "random takes no field").help("take the field out").fix_by_removing(strategy, "field");
        }
    }
}

fn spread(declared: &Declared<'_>, hits: &mut Hits) {
    for strategy in strategies(declared).filter(|strategy| strategy.get("type").is("spread")) {
        let field = strategy.get("field");
        if !field.is_given() {
            hits.add(strategy, "spread needs a field").help("write field: instanceId, or attribute: and a name");
            continue;
        }
        let Some(text) = field.text() else { continue };
        let is_field = ["instanceId", "host"].iter().any(|one| text.eq_ignore_ascii_case(one))
            || text.strip_prefix("attribute:").is_some_and(|name| !name.is_empty());
        if !is_field {
            hits.add(field, format!("hosts do not differ by `{text}`"));
            if is_built_in(text) {
                hits.help(format!("write attribute:{text}")).fix(strategy, "field", format!("attribute:{text}"));
            } else {
                hits.help("write instanceId, or attribute: and the name of an attribute");
            }
        }
    }
}
