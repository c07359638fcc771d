//! Starting a service's tasks where they find a place.

use serde_json::{Value, json};

use super::Turn;
use crate::sandbox::ecs::fargate_refusal;
use crate::sandbox::ecs::placement::{self, Miss, Request};
use crate::sandbox::ecs::service_checks::launch_type_of;
use crate::sandbox::ecs::shapes::items;
use crate::sandbox::ecs::tags::Tags;
use crate::sandbox::ecs::task_definitions::Definition;
use crate::sandbox::ecs::task_life::{Launch, Needs, launch};

impl Turn<'_> {
    pub(super) fn request<'a>(
        &'a self,
        definition: &'a Definition,
        launch_type: &'a str,
        constraints: &'a [Value],
        strategy: &'a [Value],
        needs: Needs,
    ) -> Request<'a> {
        Request { definition, launch_type, group: &self.service.group, needs, constraints, strategy }
    }

    /// Starts tasks, as many as find a place; on one instance only when that is given.
    pub(super) fn start(&mut self, primary: &str, definition: &Definition, count: usize, on: Option<String>) {
        let waits = self.service.failures > 0 && self.service.retry_at.is_some_and(|at| at > self.now);
        if count == 0 || waits {
            return;
        }
        let mut started = Vec::new();
        let mut refusal = None;
        for _ in 0..count {
            match self.start_one(primary, definition, on.as_deref()) {
                Ok(id) => started.push(format!("(task {id})")),
                Err(message) => {
                    refusal = Some(message);
                    break;
                }
            }
        }
        if !started.is_empty() {
            self.service.steady = false;
            self.tell(&format!("has started {} tasks: {}.", started.len(), started.join(" ")));
        }
        if let Some(message) = refusal {
            self.service.steady = false;
            self.complain(&message);
        }
    }

    fn start_one(&mut self, primary: &str, definition: &Definition, on: Option<&str>) -> Result<String, String> {
        let spec = self.service.spec.clone();
        let launch_type = launch_type_of(&spec).to_owned();
        let constraints = items(spec.get("placementConstraints"));
        let strategy = items(spec.get("placementStrategy"));
        let request =
            self.request(definition, &launch_type, constraints, strategy, Needs::of(definition, &Value::Null));
        let instance = if launch_type == "FARGATE" {
            if let Some(reason) = fargate_refusal(self.state, spec.get("networkConfiguration")) {
                return Err(format!("was unable to place a task. Reason: {reason}"));
            }
            None
        } else if let Some(id) = on {
            let instance = self.cluster.instances.get(id).ok_or_else(|| placement::explain(&[]))?;
            if let Some(reason) = placement::refusal(self.cluster, instance, &request) {
                return Err(placement::explain(&[Miss { id: id.to_owned(), arn: instance.arn.clone(), reason }]));
            }
            Some(id.to_owned())
        } else {
            Some(placement::place(self.cluster, &request).map_err(|misses| placement::explain(&misses))?)
        };
        let fargate = launch_type == "FARGATE";
        let version = match spec.get("platformVersion").and_then(Value::as_str) {
            Some("LATEST") | None => "1.4.0",
            Some(version) => version,
        };
        let new = Launch {
            definition,
            launch_type: &launch_type,
            capacity_provider: self.provider(items(spec.get("capacityProviderStrategy"))),
            platform_version: fargate.then(|| version.to_owned()),
            instance,
            group: self.service.group.clone(),
            started_by: primary.to_owned(),
            service: Some((self.service.name.clone(), primary.to_owned())),
            overrides: Value::Null,
            network: spec.get("networkConfiguration"),
            tags: self.task_tags(definition),
            execute_command: spec.get("enableExecuteCommand") == Some(&json!(true)),
        };
        self.changed = true;
        Ok(launch(self.state, self.cluster, new, self.now))
    }

    /// The capacity provider that is furthest behind its base, then its weight.
    fn provider(&self, strategy: &[Value]) -> Option<String> {
        let count = |item: &Value| {
            let name = item["capacityProvider"].as_str();
            let tasks = self.tasks().filter(|task| task.is_wanted() && task.capacity_provider.as_deref() == name);
            i64::try_from(tasks.count()).unwrap_or(i64::MAX)
        };
        let behind_base = strategy.iter().find(|item| count(item) < item["base"].as_i64().unwrap_or(0));
        let by_weight = || {
            let weighted = strategy.iter().filter(|item| item["weight"].as_i64() > Some(0));
            weighted.min_by_key(|item| (count(item) + 1) * 1000 / item["weight"].as_i64().unwrap_or(1).max(1))
        };
        let chosen = behind_base.or_else(by_weight).or(strategy.first())?;
        chosen["capacityProvider"].as_str().map(str::to_owned)
    }

    fn task_tags(&self, definition: &Definition) -> Tags {
        let mut tags = match self.service.spec.get("propagateTags").and_then(Value::as_str) {
            Some("SERVICE") => self.service.tags.clone(),
            Some("TASK_DEFINITION") => definition.tags.clone(),
            _ => Tags::new(),
        };
        if self.service.spec.get("enableECSManagedTags") == Some(&json!(true)) {
            tags.insert("aws:ecs:clusterName".into(), self.cluster.name.clone());
            tags.insert("aws:ecs:serviceName".into(), self.service.name.clone());
        }
        tags
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{edge, events, service};
    use crate::sandbox::ecs::fixture::{Fixture, registration};

    #[test]
    fn what_cannot_be_placed_is_told() {
        let mut aws = edge();
        let port = json!({"name": "c", "image": "nginx", "memory": 64, "portMappings": [{"containerPort": 80, "hostPort": 80}]});
        aws.ok("RegisterTaskDefinition", json!({"family": "port", "containerDefinitions": [port]}));
        service(&mut aws, json!({"taskDefinition": "port", "desiredCount": 3}));
        aws.wait(100.0);
        let stuck = aws.service("s");
        assert_eq!(
            (&stuck["runningCount"], &stuck["deployments"][0]["rolloutState"]),
            (&json!(2), &json!("IN_PROGRESS"))
        );
        let told = events(&stuck);
        assert!(told.contains("is already using a port required by your task"), "{told}");
        assert!(told.matches("unable to place").count() <= 3, "{told}");
        let mut empty = Fixture::new();
        empty.ok("CreateCluster", json!({"clusterName": "edge"}));
        empty.define("web", "nginx");
        service(&mut empty, json!({}));
        empty.wait(5.0);
        assert!(events(&empty.service("s")).contains("No Container Instances were found in your cluster."));
    }

    #[test]
    fn external_services_stay_on_external_instances() {
        let mut aws = edge();
        service(&mut aws, json!({"launchType": "EXTERNAL", "desiredCount": 1}));
        aws.wait(10.0);
        assert_eq!(aws.service("s")["runningCount"], 0);
        aws.ok("RegisterContainerInstance", registration("mi-1", &["ecs.capability.external"]));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["runningCount"], 1);
        assert_eq!(aws.service("s")["deployments"][0]["rolloutState"], "COMPLETED");
    }

    #[test]
    fn fargate_needs_no_instances() {
        let mut aws = Fixture::new();
        aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        aws.ok(
            "RegisterTaskDefinition",
            json!({
                "family": "fg", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"],
                "containerDefinitions": [{"name": "c", "image": "nginx"}],
            }),
        );
        let network = json!({"awsvpcConfiguration": {"subnets": [aws.subnet()]}});
        service(&mut aws, json!({"taskDefinition": "fg", "launchType": "FARGATE", "networkConfiguration": network}));
        aws.wait(60.0);
        assert_eq!(aws.service("s")["deployments"][0]["rolloutState"], "COMPLETED");
    }
}
