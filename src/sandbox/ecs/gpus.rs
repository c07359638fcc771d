//! GPUs: which an instance has left, and how many a container wants.

use serde_json::{Value, json};

use super::clusters::Cluster;
use super::container_instances::Instance;
use super::shapes::items;

/// How many a container of a definition wants, with what the call says of it.
pub(super) fn wanted(container: &Value, given: &Value) -> usize {
    let requirements = given.get("resourceRequirements").or(container.get("resourceRequirements"));
    let requirement = items(requirements).iter().find(|requirement| requirement["type"] == "GPU");
    requirement.and_then(|requirement| requirement["value"].as_str()?.parse().ok()).unwrap_or(0)
}

/// Those of an instance that no task on it has.
pub(super) fn free(cluster: &Cluster, instance: &Instance) -> Vec<String> {
    let taken: Vec<&String> = cluster.tasks_on(&instance.id).flat_map(|task| task.gpus()).collect();
    instance.gpus.iter().filter(|gpu| !taken.contains(gpu)).cloned().collect()
}

/// As an instance's resource; one that has none does not have the resource either.
pub(super) fn resource(instance: &Instance, gpus: &[String]) -> Option<Value> {
    (!instance.gpus.is_empty()).then(|| {
        json!({
            "name": "GPU", "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0,
            "stringSetValue": gpus,
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{Fixture, registration};

    #[test]
    fn a_gpu_is_for_one_task_at_a_time() {
        let mut aws = Fixture::edge();
        let gpu = json!([{"type": "GPU", "value": "1"}]);
        let container = json!({"name": "c", "image": "nginx", "memory": 64, "resourceRequirements": gpu});
        aws.ok("RegisterTaskDefinition", json!({"family": "draw", "containerDefinitions": [container]}));
        let run = json!({"cluster": "edge", "taskDefinition": "draw"});
        assert_eq!(aws.ok("RunTask", run.clone())["failures"][0]["reason"], "RESOURCE:GPU");
        let mut with_gpu = registration("i-9", &[]);
        let set = json!({"name": "GPU", "type": "STRINGSET", "stringSetValue": ["GPU-0a", "GPU-0b"]});
        with_gpu["totalResources"].as_array_mut().unwrap().push(set);
        aws.ok("RegisterContainerInstance", with_gpu);
        let task = aws.ok("RunTask", run.clone())["tasks"][0].clone();
        assert_eq!(task["containers"][0]["gpuIds"], json!(["GPU-0a"]));
        let arn = aws.instance("i-9");
        let shown = aws.ok("DescribeContainerInstances", json!({"cluster": "edge", "containerInstances": [arn]}));
        let shown = &shown["containerInstances"][0];
        assert_eq!(shown["remainingResources"][4]["stringSetValue"], json!(["GPU-0b"]));
        assert_eq!(shown["registeredResources"][4]["stringSetValue"], json!(["GPU-0a", "GPU-0b"]));
        aws.ok("RunTask", run.clone());
        assert_eq!(aws.ok("RunTask", run.clone())["tasks"], json!([]));
        let none = json!([{"name": "c", "resourceRequirements": []}]);
        let mut without = run;
        without["overrides"] = json!({"containerOverrides": none});
        assert_eq!(aws.ok("RunTask", without)["failures"], json!([]));
    }
}
