//! CP, ASG, LT: capacity providers, Auto Scaling groups, launch templates.

use super::workload::all_runners;
use super::{Check, Declared, Group, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};

const NO_PROVIDER: &str = "there is no kind for capacity providers yet";
const NO_GROUP: &str = "there is no kind for Auto Scaling groups yet";
const NO_TEMPLATE: &str = "there is no kind for launch templates yet";

pub(super) static GROUP: Group = Group {
    title: "Capacity providers, Auto Scaling groups, launch templates",
    rules: &[RULES],
    left_out: &[
        ("CP-05", NO_PROVIDER),
        ("CP-06", NO_PROVIDER),
        ("CP-07", NO_PROVIDER),
        ("CP-08", NO_PROVIDER),
        ("CP-09", NO_PROVIDER),
        ("CP-11", NO_GROUP),
        ("ASG-01", NO_GROUP),
        ("ASG-02", NO_GROUP),
        ("ASG-03", NO_GROUP),
        ("ASG-04", NO_GROUP),
        ("ASG-05", NO_GROUP),
        ("LT-01", NO_TEMPLATE),
        ("LT-02", NO_TEMPLATE),
        ("LT-03", NO_TEMPLATE),
    ],
};

static RULES: &[Rule] = &[
    Rule {
        id: "CP-01",
        severity: Error,
        title: "Fargate and instances in one strategy",
        why: "A capacity provider strategy holds either FARGATE and FARGATE_SPOT, or capacity providers of Auto Scaling \
              groups; AWS refuses a mixture.",
        source: "Amazon ECS API, CapacityProviderStrategyItem; Amazon ECS Developer Guide, capacity providers",
        check: Check::All(no_mixture),
        bad: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [FARGATE, floor]
  defaultCapacityProviderStrategy:
    - {capacityProvider: FARGATE, weight: 1}
    - {capacityProvider: floor, weight: 1}
",
        good: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [FARGATE, floor]
  defaultCapacityProviderStrategy:
    - {capacityProvider: floor, weight: 1}
",
    },
    Rule {
        id: "CP-02",
        severity: Error,
        title: "weights or bases that place no task",
        why: "The weight of a capacity provider is 0 when none is given, and with a weight of 0 it places nothing: \"There \
              are no capacity providers in the capacity provider strategy with a weight value greater than zero\". \
              Weights are 0 to 1000, bases 0 to 100000, and one provider alone may have a base.",
        source: "Amazon ECS API, CapacityProviderStrategyItem.weight and CapacityProviderStrategyItem.base",
        check: Check::All(weights),
        bad: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [FARGATE, FARGATE_SPOT]
  defaultCapacityProviderStrategy: [{capacityProvider: FARGATE}, {capacityProvider: FARGATE_SPOT}]
",
        good: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [FARGATE, FARGATE_SPOT]
  defaultCapacityProviderStrategy: [{capacityProvider: FARGATE}, {capacityProvider: FARGATE_SPOT, weight: 1}]
",
    },
    Rule {
        id: "CP-03",
        severity: Error,
        title: "a strategy names a capacity provider that the cluster does not have",
        why: "\"The specified capacity provider strategy cannot contain a capacity provider that is not associated with \
              the cluster\". FARGATE and FARGATE_SPOT have to be in capacityProviders of the cluster as well.",
        source: "Amazon ECS API, PutClusterCapacityProviders",
        check: Check::All(associated),
        bad: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [FARGATE]
  defaultCapacityProviderStrategy: [{capacityProvider: FARGATE_SPOT, weight: 1}]
",
        good: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [FARGATE, FARGATE_SPOT]
  defaultCapacityProviderStrategy: [{capacityProvider: FARGATE_SPOT, weight: 1}]
",
    },
    Rule {
        id: "CP-04",
        severity: Error,
        title: "more capacity providers than a strategy or a cluster takes",
        why: "\"A capacity provider strategy can contain a maximum of 20 capacity providers\", and a cluster has 20 at most.",
        source: "Amazon ECS API, CreateService.capacityProviderStrategy; Amazon ECS service quotas",
        check: Check::All(number),
        bad: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16, p17, p18, p19, p20, p21]
",
        good: "
kind: Cluster
metadata: {name: shop}
spec:
  capacityProviders: [p1, p2, p3, p4]
",
    },
    Rule {
        id: "CP-10",
        severity: Warning,
        title: "launch type EC2 in a cluster that scales by capacity providers",
        why: "Tasks with a launch type are placed on the instances that are there; a capacity provider does not count \
              them, so that no instance is added when they do not fit.",
        source: "Amazon ECS API, RunTask.launchType",
        check: Check::All(beside_scaling),
        bad: "
kind: Cluster
metadata: {name: shop}
spec: {capacityProviders: [floor]}
---
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  launchType: EC2
",
        good: "
kind: Cluster
metadata: {name: shop}
spec: {capacityProviders: [floor]}
---
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/till:7
  capacityProviderStrategy: [{capacityProvider: floor, weight: 1}]
",
    },
];

/// The most capacity providers of a strategy, and of a cluster.
const MOST: usize = 20;

/// Every strategy that is declared, with the cluster that it is for where that is declared.
fn strategies<'a>(declared: &Declared<'a>) -> Vec<(Node<'a>, Option<Node<'a>>)> {
    let of_clusters =
        declared.of("Cluster").map(|cluster| (cluster.get("defaultCapacityProviderStrategy"), Some(cluster)));
    let of_runners = all_runners(declared)
        .map(|runner| (runner.get("capacityProviderStrategy"), declared.target(runner.get("cluster"))));
    of_clusters.chain(of_runners).filter(|(strategy, _)| strategy.says_something()).collect()
}

fn is_fargate(provider: Node<'_>) -> bool {
    provider.is_any(&["FARGATE", "FARGATE_SPOT"])
}

fn no_mixture(declared: &Declared<'_>, hits: &mut Hits) {
    for (strategy, _) in strategies(declared) {
        let providers = || strategy.items().map(|item| item.get("capacityProvider"));
        let own = providers().find(|provider| !is_fargate(*provider) && provider.text().is_some());
        let (Some(fargate), Some(own)) = (providers().find(|provider| is_fargate(*provider)), own) else { continue };
        let [first, second] = [fargate, own].map(|provider| provider.text().unwrap_or_default());
        hits.add(own, format!("a strategy with {first} cannot have {second}"))
            .help("keep Fargate's capacity providers, or keep those of Auto Scaling groups")
            .beside(fargate, "Fargate");
    }
}

fn weights(declared: &Declared<'_>, hits: &mut Hits) {
    for (strategy, _) in strategies(declared) {
        let is_known =
            |item: &Node<'_>, member: &str| item.get(member).text().is_none() || item.get(member).number().is_some();
        for item in strategy.items() {
            for (member, most) in [("weight", 1000), ("base", 100_000)] {
                let value = item.get(member);
                if let Some(number) = value.number().filter(|number| !(0..=most).contains(number)) {
                    hits.add(value, format!("a {member} of {number}; it is 0 to {most}"));
                }
            }
        }
        let weighs = |item: Node<'_>| item.get("weight").number().is_some_and(|weight| weight != 0);
        if !strategy.items().any(weighs) && strategy.items().all(|item| is_known(&item, "weight")) {
            hits.add(strategy, "every weight is 0, so no capacity provider places a task")
                .help("give one of them weight: 1; the weight is 0 when none is given");
        }
        let bases = strategy.items().map(|item| item.get("base"));
        let mut with_base = bases.filter(|base| base.number().is_some_and(|base| base > 0));
        if let (Some(first), Some(second)) = (with_base.next(), with_base.next()) {
            hits.add(second, "a second capacity provider with a base").beside(first, "the first");
        }
    }
}

fn associated(declared: &Declared<'_>, hits: &mut Hits) {
    for (strategy, cluster) in strategies(declared) {
        let Some(cluster) = cluster else { continue };
        let has = cluster.get("capacityProviders");
        for provider in strategy.items().map(|item| item.get("capacityProvider")) {
            let Some(name) = provider.written() else { continue };
            let is_open = provider.text().is_none() || has.items().any(|one| one.text().is_none());
            if has.items().any(|one| one.is(name)) || is_open {
                continue;
            }
            hits.add(provider, format!("{} has no capacity provider {name}", cluster.address()))
                .help(format!("add {name} to capacityProviders of the cluster"));
            if strategy.address() != cluster.address() {
                hits.beside(has, "what it has");
            }
        }
    }
}

fn number(declared: &Declared<'_>, hits: &mut Hits) {
    let clusters = declared.of("Cluster").map(|cluster| (cluster.get("capacityProviders"), "a cluster"));
    let strategies = strategies(declared).into_iter().map(|(strategy, _)| (strategy, "a strategy"));
    for (list, what) in clusters.chain(strategies) {
        let count = list.items().len();
        if count > MOST {
            hits.add(list, format!("{count} capacity providers; {what} takes {MOST}"));
        }
    }
}

fn beside_scaling(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in all_runners(declared) {
        let launch_type = runner.get("launchType");
        let Some(cluster) = declared.target(runner.get("cluster")).filter(|_| launch_type.is("EC2")) else { continue };
        let mut providers = cluster.get("capacityProviders").items();
        if let Some(provider) = providers.find(|provider| provider.text().is_some() && !is_fargate(*provider)) {
            let name = provider.text().unwrap_or_default();
            hits.add(launch_type, format!("with launch type EC2, {name} does not scale for these tasks"))
                .help(format!("write capacityProviderStrategy: [{{capacityProvider: {name}, weight: 1}}] instead"))
                .beside(provider, "the cluster's capacity provider");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    #[test]
    fn strategies_of_runs() {
        let codes = |strategy: &str| {
            let found = findings(&format!(
                "kind: Task\nmetadata: {{name: count}}\nspec:\n  cluster: ${{Cluster.shop}}\n  taskDefinition: till:7\n  \
                 capacityProviderStrategy: {strategy}\n---\nkind: Cluster\nmetadata: {{name: shop}}\nspec: \
                 {{capacityProviders: [a, b]}}\n"
            ));
            found
                .into_iter()
                .map(|one| one.code.into_owned())
                .filter(|code| code.starts_with("CP-"))
                .collect::<Vec<_>>()
        };
        assert_eq!(codes("[{capacityProvider: a, weight: 1}, {capacityProvider: b, base: 1}]"), [""; 0]);
        assert_eq!(codes("[{capacityProvider: a, weight: 1, base: 1}, {capacityProvider: b, base: 1}]"), ["CP-02"]);
        assert_eq!(codes("[{capacityProvider: a, weight: 1001}]"), ["CP-02"]);
        assert_eq!(codes("[{capacityProvider: c, weight: 1}]"), ["CP-03"]);
        assert_eq!(codes("[{capacityProvider: FARGATE, weight: 1}, {capacityProvider: a}]"), ["CP-03", "CP-01"]);
    }
}
