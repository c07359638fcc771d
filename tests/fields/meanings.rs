//! Services and clusters that are written differently and mean the same, and orders that mean something.

use serde_json::{Value, json};

use super::table::read;
use super::trial::Trial;
use farpost::kinds::by_name;

/// Applies the first spelling; the others must then leave nothing to do. A spelling is laid over the base of the table.
fn mean_the_same(kind: &str, spellings: &[Value]) {
    let trial = Trial::new(by_name(kind).unwrap(), &read(kind));
    let mut first = true;
    for spelling in spellings {
        let documents = spelled(&trial, spelling);
        if std::mem::take(&mut first) {
            trial.converge(&documents).unwrap();
        }
        for deep in [false, true] {
            let plan = trial.plan(&documents, deep).unwrap();
            assert!(plan.is_empty(), "{spelling}\n{:#?}", plan.pending().collect::<Vec<_>>());
        }
    }
}

/// Applies one spelling; the other must then be a change.
fn mean_different_things(kind: &str, one: &Value, other: &Value) {
    let trial = Trial::new(by_name(kind).unwrap(), &read(kind));
    trial.converge(&spelled(&trial, one)).unwrap();
    assert!(!trial.plan(&spelled(&trial, other), false).unwrap().is_empty(), "{other}");
}

fn spelled(trial: &Trial, spelling: &Value) -> Vec<Value> {
    let mut documents = trial.base();
    let spec = &mut documents.last_mut().unwrap()["spec"];
    for (member, value) in spelling.as_object().unwrap() {
        match value {
            Value::Null => drop(spec.as_object_mut().unwrap().shift_remove(member)),
            value => spec[member] = value.clone(),
        }
    }
    documents
}

#[test]
fn what_aws_fills_in_for_a_service_may_be_written_out() {
    let network = |more: Value| {
        let mut network = json!({"subnets": ["${Subnet.a}"]});
        network.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"awsvpcConfiguration": network})
    };
    mean_the_same(
        "Service",
        &[
            json!({}),
            json!({
                "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"}, "propagateTags": "NONE",
                "healthCheckGracePeriodSeconds": 0, "enableExecuteCommand": false, "enableECSManagedTags": false,
                "platformVersion": "LATEST", "networkConfiguration": network(json!({"assignPublicIp": "DISABLED"})),
                "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING",
                    "bakeTimeInMinutes": 0, "alarms": {"alarmNames": [], "enable": false, "rollback": false},
                    "deploymentCircuitBreaker": {"enable": false, "rollback": false, "resetOnHealthyTask": true,
                        "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}}},
            }),
            // Defaults of one member do not change those of another.
            json!({"deploymentConfiguration": {"maximumPercent": 200}}),
            json!({"loadBalancers": [], "serviceRegistries": [], "placementConstraints": [], "volumeConfigurations": [],
                "serviceConnectConfiguration": {"enabled": false}}),
            json!({"desiredCount": 1}),
            json!({"serviceName": "it", "cluster": "edge", "taskDefinition": "other:1"}),
            json!({"cluster": "arn:aws:ecs:us-west-2:123456789012:cluster/edge", "taskDefinition": "other",
                "role": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"}),
        ],
    );
}

#[test]
fn sets_of_a_service_have_no_order() {
    let spelling = |turned: bool| {
        let mut lists = [
            json!(["${Subnet.a}", "${Subnet.b}"]),
            json!([{"type": "distinctInstance"}, {"type": "memberOf", "expression": "agentConnected == true"}]),
        ];
        if turned {
            lists.iter_mut().for_each(|list| list.as_array_mut().unwrap().reverse());
        }
        let [subnets, constraints] = lists;
        json!({"launchType": "EC2", "desiredCount": 0, "placementConstraints": constraints,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}}})
    };
    mean_the_same("Service", &[spelling(false), spelling(true)]);
    let providers = |items: Value| json!({"launchType": null, "capacityProviderStrategy": items});
    mean_the_same(
        "Service",
        &[
            providers(
                json!([{"capacityProvider": "FARGATE", "base": 1, "weight": 1}, {"capacityProvider": "FARGATE_SPOT"}]),
            ),
            providers(json!([{"capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 0},
                {"capacityProvider": "FARGATE", "weight": 1, "base": 1}])),
        ],
    );
}

#[test]
fn placement_strategies_have_an_order_and_many_spellings() {
    let by = |items: Value| json!({"launchType": "EC2", "desiredCount": 0, "availabilityZoneRebalancing": "DISABLED", "placementStrategy": items});
    let (spread, binpack) = (json!({"type": "spread", "field": "host"}), json!({"type": "binpack", "field": "MEMORY"}));
    mean_the_same(
        "Service",
        &[
            by(json!([spread, binpack])),
            by(json!([{"type": "spread", "field": "instanceId"}, {"type": "binpack", "field": "memory"}])),
        ],
    );
    mean_different_things("Service", &by(json!([spread, binpack])), &by(json!([binpack, spread])));
}

#[test]
fn a_daemon_has_percentages_of_its_own_and_no_count() {
    let daemon = |more: Value| {
        let mut spec = json!({"launchType": "EC2", "schedulingStrategy": "DAEMON"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let written_out = json!({"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}});
    mean_the_same("Service", &[daemon(json!({})), daemon(written_out)]);
}

#[test]
fn what_aws_fills_in_for_a_cluster_may_be_written_out() {
    mean_the_same(
        "Cluster",
        &[
            json!({}),
            json!({"settings": [{"name": "containerInsights", "value": "disabled"}], "capacityProviders": [],
                "defaultCapacityProviderStrategy": [], "clusterName": "it",
                "configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}}}),
        ],
    );
    let both = |turned: bool| {
        let mut names = ["FARGATE", "FARGATE_SPOT"];
        if turned {
            names.reverse();
        }
        let strategy =
            names.map(|name| json!({"capacityProvider": name, "weight": if name == "FARGATE" { 1 } else { 0 }}));
        json!({"capacityProviders": names, "defaultCapacityProviderStrategy": strategy})
    };
    mean_the_same("Cluster", &[both(false), both(true)]);
}
