//! What an update of a service does beside what its fields say: what it cannot do in place, and which tasks it starts
//! anew.

use serde_json::Value;

use super::spec::ServiceSpec;
use crate::kinds::{Changed, covers};
use crate::plan::FieldChange;

/// Members whose change AWS applies to new tasks only, so that a deployment is forced.
pub(super) static FORCED: [&str; 2] = ["capacityProviderStrategy", "launchType"];

/// Members whose change starts a deployment.
static DEPLOYS: [&str; 10] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
];

/// Whether the change of these fields starts a deployment. One that takes a service from CodeDeploy does, too.
pub(super) fn deploys(changed: &Changed) -> bool {
    DEPLOYS.iter().chain(&FORCED).chain(&["deploymentController"]).any(|member| changed.has(member))
}

/// What UpdateService changes of a service whose deployments CodeDeploy makes.
const BESIDE_CODE_DEPLOY: [&str; 9] = [
    "desiredCount",
    "deploymentConfiguration",
    "deploymentController",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
    "tags",
];

/// Corrects which changes need a new service.
pub(super) fn judge(fields: &mut [FieldChange], live: &ServiceSpec) {
    for field in fields {
        match field.path.as_str() {
            "launchType" => field.forces_replacement = !goes_back_to(live, field.after.as_ref()),
            // UpdateService can set a network and has no word for none.
            "networkConfiguration" | "networkConfiguration.awsvpcConfiguration" if field.after.is_none() => {
                field.forces_replacement = true;
            }
            // CodeDeploy hands a service over to ECS; nothing else changes hands.
            path if covers(&["deploymentController"], path) => {
                field.forces_replacement = live.controller() != "CODE_DEPLOY" || names_other_than_ecs(&field.after);
            }
            _ => {}
        }
    }
}

/// Whether a service leaves its capacity providers for this launch type when its strategy is emptied.
fn goes_back_to(live: &ServiceSpec, launch_type: Option<&Value>) -> bool {
    let providers = live.capacity_provider_strategy.as_deref().unwrap_or_default();
    let on_fargate = providers.iter().filter(|item| item.capacity_provider.starts_with("FARGATE")).count();
    match launch_type.and_then(Value::as_str) {
        _ if providers.is_empty() => false,
        Some("FARGATE") => on_fargate == providers.len(),
        Some("EC2") => on_fargate == 0,
        _ => false,
    }
}

fn names_other_than_ecs(after: &Option<Value>) -> bool {
    let Some(after) = after else { return false };
    after.get("type").unwrap_or(after) != "ECS"
}

/// What happens to the running tasks.
pub(super) fn remarks(fields: &[FieldChange], live: &ServiceSpec) -> Vec<String> {
    let among = |members: &'static [&'static str]| -> Vec<&'static str> {
        let changes = |member: &&str| fields.iter().any(|field| covers(&[member], &field.path));
        members.iter().copied().filter(changes).collect()
    };
    if live.controller() == "CODE_DEPLOY" && !fields.iter().any(|field| covers(&["deploymentController"], &field.path))
    {
        let refused: Vec<&str> =
            fields.iter().map(|field| field.path.as_str()).filter(|path| !covers(&BESIDE_CODE_DEPLOY, path)).collect();
        return match refused.as_slice() {
            [] => Vec::new(),
            refused => vec![format!(
                "its deployments are CodeDeploy's, and AWS refuses to change {} in any other way; leave it to CodeDeploy \
                 with lifecycle.ignoreChanges",
                refused.join(", ")
            )],
        };
    }
    let mut remarks = Vec::new();
    let forced = among(&FORCED);
    if !forced.is_empty() {
        remarks.push(format!(
            "forces a new deployment, because AWS would leave the running tasks where they are: {}",
            forced.join(", ")
        ));
    }
    let deploys = among(&DEPLOYS);
    if !deploys.is_empty() && forced.is_empty() {
        remarks.push(format!("starts a deployment, which replaces the running tasks: {}", deploys.join(", ")));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(path: &str, after: Value) -> FieldChange {
        let after = Some(after).filter(|value| !value.is_null());
        FieldChange { path: path.to_owned(), before: None, after, forces_replacement: true }
    }

    fn forces(path: &str, after: Value, live: Value) -> bool {
        let mut fields = [field(path, after)];
        judge(&mut fields, &serde_json::from_value(live).unwrap());
        fields[0].forces_replacement
    }

    #[test]
    fn an_empty_strategy_is_the_way_back_to_a_launch_type() {
        let on = |names: &[&str]| {
            let items: Vec<Value> = names.iter().map(|name| json!({"capacityProvider": name})).collect();
            json!({"capacityProviderStrategy": items})
        };
        assert!(!forces("launchType", json!("FARGATE"), on(&["FARGATE", "FARGATE_SPOT"])));
        assert!(!forces("launchType", json!("EC2"), on(&["edge"])));
        assert!(forces("launchType", json!("EC2"), on(&["FARGATE"])));
        assert!(forces("launchType", json!("FARGATE"), on(&["edge"])));
        assert!(forces("launchType", json!("EXTERNAL"), on(&["edge"])));
        assert!(forces("launchType", json!("FARGATE"), json!({"launchType": "EC2"})));
    }

    #[test]
    fn a_controller_is_for_life_unless_it_is_code_deploy() {
        let of = |name: &str| json!({"deploymentController": {"type": name}});
        assert!(!forces("deploymentController", json!(null), of("CODE_DEPLOY")));
        assert!(!forces("deploymentController.type", json!("ECS"), of("CODE_DEPLOY")));
        assert!(forces("deploymentController.type", json!("EXTERNAL"), of("CODE_DEPLOY")));
        assert!(forces("deploymentController", json!(null), of("EXTERNAL")));
        assert!(forces("deploymentController", json!({"type": "CODE_DEPLOY"}), json!({})));
    }

    #[test]
    fn a_network_can_be_changed_and_not_be_taken_away() {
        assert!(forces("networkConfiguration", json!(null), json!({})));
        let mut added = [FieldChange { forces_replacement: false, ..field("networkConfiguration", json!({})) }];
        judge(&mut added, &ServiceSpec::default());
        assert!(!added[0].forces_replacement);
    }

    #[test]
    fn what_happens_to_the_tasks_is_said() {
        let say = |paths: &[&str], live: Value| {
            let fields: Vec<FieldChange> = paths.iter().map(|path| field(path, json!("x"))).collect();
            remarks(&fields, &serde_json::from_value(live).unwrap())
        };
        assert_eq!(say(&["desiredCount", "tags.team"], json!({})), [""; 0]);
        let deploys = say(&["networkConfiguration.awsvpcConfiguration.subnets[]", "taskDefinition"], json!({}));
        assert_eq!(
            deploys,
            ["starts a deployment, which replaces the running tasks: taskDefinition, networkConfiguration"]
        );
        let forced = say(&["capacityProviderStrategy[]", "taskDefinition"], json!({}));
        assert!(forced.len() == 1 && forced[0].starts_with("forces a new deployment"), "{forced:?}");
        let handed = json!({"deploymentController": {"type": "CODE_DEPLOY"}});
        assert!(
            say(&["taskDefinition", "desiredCount"], handed.clone())[0].contains("refuses to change taskDefinition in")
        );
        assert_eq!(say(&["desiredCount"], handed), [""; 0]);
    }
}
