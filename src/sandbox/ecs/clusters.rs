//! Clusters and the capacity providers they name.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::container_instances::Instance;
use super::paging::{listed, page};
use super::services::Service;
use super::shapes::Input;
use super::tags::{self, Tags};
use super::tasks::Task;
use super::{accounts, errors};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::sandbox) struct Cluster {
    pub(super) arn: String,
    pub(super) name: String,
    /// `ACTIVE` or `INACTIVE`.
    pub(super) status: String,
    pub(super) inactive_since: Option<Timestamp>,
    settings: Value,
    configuration: Option<Value>,
    /// The default namespace of Service Connect.
    pub(super) namespace: Option<String>,
    pub(super) capacity_providers: Vec<String>,
    pub(super) strategy: Value,
    pub(super) tags: Tags,
    pub(super) services: IndexMap<String, Service>,
    pub(super) instances: IndexMap<String, Instance>,
    pub(super) tasks: IndexMap<String, Task>,
}

/// The capacity providers that AWS brings along. Those of one's own belong to Auto Scaling groups, which the
/// sandbox has none of.
const PROVIDERS: &[&str] = &["FARGATE", "FARGATE_SPOT"];

/// The name in a cluster's name or ARN; `default` when absent.
pub(super) fn cluster_name(state: &State, reference: Option<&str>) -> Result<String, AwsError> {
    let reference = reference.unwrap_or("default");
    if !reference.starts_with("arn:") {
        return Ok(reference.to_owned());
    }
    match reference.strip_prefix(&state.arn("ecs", "cluster/")) {
        Some(name) => Ok(name.to_owned()),
        None => {
            Err(errors::invalid(format!("Invalid identifier: {reference} is no cluster of this account and region.")))
        }
    }
}

/// The active cluster that the input's `cluster` names.
pub(super) fn active<'a>(state: &'a mut State, input: &Input) -> Result<&'a mut Cluster, AwsError> {
    let name = cluster_name(state, input.text("cluster"))?;
    let cluster = state.ecs.clusters.get_mut(&name).ok_or_else(errors::cluster_not_found)?;
    if cluster.status == "ACTIVE" { Ok(cluster) } else { Err(errors::cluster_inactive()) }
}

pub(super) fn create(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let name = input.text("clusterName").unwrap_or("default").to_owned();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.len() > 255 || !name.chars().all(allowed) {
        return Err(errors::invalid("Identifier has invalid characters or is longer than 255."));
    }
    if let Some(cluster) = state.ecs.clusters.get(&name).filter(|cluster| cluster.status == "ACTIVE") {
        return Ok(json!({"cluster": cluster.show(&Part::ALL)}));
    }
    let settings = settings(state, &input)?;
    let capacity_providers = providers(&input)?;
    let strategy = strategy(input.list("defaultCapacityProviderStrategy"), &capacity_providers)?;
    let cluster = Cluster {
        arn: state.arn("ecs", &format!("cluster/{name}")),
        status: "ACTIVE".into(),
        inactive_since: None,
        settings,
        configuration: input.get("configuration").cloned(),
        namespace: namespace(state, &input),
        capacity_providers,
        strategy,
        tags: tags::read(input.list("tags"))?,
        services: IndexMap::new(),
        instances: IndexMap::new(),
        tasks: IndexMap::new(),
        name: name.clone(),
    };
    let answer = json!({"cluster": cluster.show(&Part::ALL)});
    state.ecs.clusters.insert(name, cluster);
    Ok(answer)
}

pub(super) fn describe(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let mut wanted = input.texts("clusters");
    if wanted.len() > 100 {
        return Err(errors::invalid("Clusters cannot have more than 100 elements."));
    }
    if wanted.is_empty() {
        wanted.push("default");
    }
    let parts: Vec<Part> = Part::ALL.into_iter().filter(|part| input.includes(part.name())).collect();
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let name = cluster_name(state, Some(reference))?;
        match state.ecs.clusters.get(&name) {
            Some(cluster) => found.push(cluster.show(&parts)),
            None => {
                failures.push(json!({"arn": state.arn("ecs", &format!("cluster/{name}")), "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"clusters": found, "failures": failures}))
}

pub(super) fn list(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let active = state.ecs.clusters.values().filter(|cluster| cluster.status == "ACTIVE");
    let (arns, next) = page(&input, active.map(|cluster| cluster.arn.clone()).collect(), 100, 100)?;
    Ok(listed("clusterArns", arns, next))
}

/// `UpdateCluster` and `UpdateClusterSettings`: what is given replaces what was.
pub(super) fn update(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    active(state, &input)?;
    let settings = settings(state, &input)?;
    let namespace = namespace(state, &input);
    let cluster = active(state, &input)?;
    if input.get("settings").is_some() {
        cluster.settings = settings;
    }
    if let Some(Value::Object(given)) = input.get("configuration") {
        let mut kept = cluster.configuration.take().and_then(|kept| kept.as_object().cloned()).unwrap_or_default();
        kept.extend(given.clone());
        cluster.configuration = Some(Value::Object(kept));
    }
    if input.get("serviceConnectDefaults").is_some() {
        cluster.namespace = namespace;
    }
    Ok(json!({"cluster": cluster.show(&Part::ALL)}))
}

pub(super) fn put_capacity_providers(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let providers = providers(&input)?;
    let used = |service: &Service| {
        super::shapes::items(service.spec.get("capacityProviderStrategy"))
            .iter()
            .filter_map(|item| item["capacityProvider"].as_str())
            .any(|used| {
                cluster.capacity_providers.iter().any(|kept| kept == used) && !providers.iter().any(|kept| kept == used)
            })
    };
    if cluster.services.values().any(|service| service.status != "INACTIVE" && used(service)) {
        return Err(AwsError::invalid(
            "ResourceInUseException",
            "The specified capacity provider is in use and cannot be removed.",
        ));
    }
    cluster.strategy = strategy(input.list("defaultCapacityProviderStrategy"), &providers)?;
    cluster.capacity_providers = providers;
    Ok(json!({"cluster": cluster.show(&Part::ALL)}))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let cluster = active(state, &input)?;
    let contains =
        |what: &str, message: &str| Err(AwsError::invalid(&format!("ClusterContains{what}Exception"), message));
    if cluster.instances.values().any(|instance| instance.status != "INACTIVE") {
        return contains(
            "ContainerInstances",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        );
    }
    if cluster.services.values().any(|service| service.status != "INACTIVE") {
        return contains("Services", "The Cluster cannot be deleted while Services are active.");
    }
    if cluster.tasks.values().any(|task| task.last_status != "STOPPED") {
        return contains("Tasks", "The Cluster cannot be deleted while Tasks are active.");
    }
    cluster.status = "INACTIVE".into();
    cluster.inactive_since = Some(call.now);
    cluster.tags.clear();
    Ok(json!({"cluster": cluster.show(&Part::ALL)}))
}

pub(super) fn describe_capacity_providers(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let input = Input::read(call)?;
    let wanted: Vec<String> = match input.texts("capacityProviders") {
        names if names.is_empty() => PROVIDERS.iter().map(|name| (*name).to_owned()).collect(),
        names => names.into_iter().map(str::to_owned).collect(),
    };
    let (names, next) = page(&input, wanted, 10, 10)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let short = name.rsplit('/').next().unwrap_or(&name);
        let arn = state.arn("ecs", &format!("capacity-provider/{short}"));
        if PROVIDERS.contains(&short) {
            let provider =
                json!({"capacityProviderArn": arn, "name": short, "status": "ACTIVE", "type": short, "tags": []});
            found.push(provider);
        } else {
            failures.push(json!({"arn": arn, "reason": "MISSING"}));
        }
    }
    let mut answer = listed("capacityProviders", found, next);
    answer["failures"] = json!(failures);
    Ok(answer)
}

fn settings(state: &State, input: &Input) -> Result<Value, AwsError> {
    let given = input.list("settings");
    for setting in given {
        let value = setting["value"].as_str().unwrap_or("");
        if !["enabled", "disabled", "enhanced"].contains(&value) {
            return Err(errors::invalid(format!("Invalid value {value} for the cluster setting containerInsights.")));
        }
    }
    Ok(match given {
        [] => json!([{"name": "containerInsights", "value": accounts::effective(state, "containerInsights")}]),
        _ => given.to_vec().into(),
    })
}

/// A namespace is kept as an ARN, made up when a name was given: Cloud Map is not in the sandbox.
fn namespace(state: &mut State, input: &Input) -> Option<String> {
    let given = input.get("serviceConnectDefaults")?["namespace"].as_str().filter(|name| !name.is_empty())?;
    Some(if given.starts_with("arn:") { given.to_owned() } else { namespace_arn(state, given) })
}

pub(super) fn namespace_arn(state: &mut State, name: &str) -> String {
    let known = state.ecs.namespaces.get(name).cloned();
    known.unwrap_or_else(|| {
        let id = state.hex(16);
        let arn = state.arn("servicediscovery", &format!("namespace/ns-{id}"));
        state.ecs.namespaces.insert(name.to_owned(), arn.clone());
        arn
    })
}

fn providers(input: &Input) -> Result<Vec<String>, AwsError> {
    let mut names: Vec<String> = Vec::new();
    for given in input.texts("capacityProviders") {
        let name = given.rsplit('/').next().unwrap_or(given);
        if !PROVIDERS.contains(&name) {
            return Err(errors::invalid(format!(
                "The specified capacity provider was not found. Specify a valid name or ARN and try again: {name}"
            )));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// A capacity provider strategy of the providers that a cluster has.
pub(super) fn strategy(items: &[Value], known: &[String]) -> Result<Value, AwsError> {
    if items.len() > 20 {
        return Err(errors::invalid("A capacity provider strategy can contain a maximum of 20 capacity providers."));
    }
    let mut kept = Vec::new();
    for item in items {
        let name = item["capacityProvider"].as_str().unwrap_or("");
        let (weight, base) = (item["weight"].as_i64().unwrap_or(0), item["base"].as_i64().unwrap_or(0));
        if !known.iter().any(|known| known == name) {
            return Err(errors::invalid(format!(
                "The specified capacity provider '{name}' is not associated with the cluster."
            )));
        }
        if !(0..=1000).contains(&weight) || !(0..=100_000).contains(&base) {
            return Err(errors::invalid("The weight must be between 0 and 1000, the base between 0 and 100000."));
        }
        kept.push(json!({"capacityProvider": name, "weight": weight, "base": base}));
    }
    let based = kept.iter().filter(|item| item["base"].as_i64() > Some(0)).count();
    if based > 1 {
        return Err(errors::invalid("Only one capacity provider in a strategy can have a base."));
    }
    if kept.len() > 1 && kept.iter().all(|item| item["weight"] == 0) {
        return Err(errors::invalid("At least one capacity provider must have a weight greater than zero."));
    }
    Ok(Value::Array(kept))
}

/// What `DescribeClusters` shows only when asked for.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Attachments,
    Configurations,
    Settings,
    Statistics,
    Tags,
}

impl Part {
    const ALL: [Self; 5] = [Self::Attachments, Self::Configurations, Self::Settings, Self::Statistics, Self::Tags];

    fn name(self) -> &'static str {
        match self {
            Self::Attachments => "ATTACHMENTS",
            Self::Configurations => "CONFIGURATIONS",
            Self::Settings => "SETTINGS",
            Self::Statistics => "STATISTICS",
            Self::Tags => "TAGS",
        }
    }
}

impl Cluster {
    fn show(&self, parts: &[Part]) -> Value {
        let has = |part| parts.contains(&part);
        let count = |status: &str| self.tasks.values().filter(|task| task.counts_as() == status).count();
        let mut shown = json!({
            "clusterArn": self.arn,
            "clusterName": self.name,
            "status": self.status,
            "registeredContainerInstancesCount":
                self.instances.values().filter(|instance| instance.status != "INACTIVE").count(),
            "runningTasksCount": count("RUNNING"),
            "pendingTasksCount": count("PENDING"),
            "activeServicesCount": self.services.values().filter(|service| service.status == "ACTIVE").count(),
            "statistics": if has(Part::Statistics) { self.statistics() } else { json!([]) },
            "tags": if has(Part::Tags) { tags::show(&self.tags) } else { json!([]) },
            "settings": if has(Part::Settings) { self.settings.clone() } else { json!([]) },
            "capacityProviders": self.capacity_providers,
            "defaultCapacityProviderStrategy": self.strategy,
        });
        let mut more = Map::new();
        if has(Part::Attachments) && !self.capacity_providers.is_empty() {
            more.insert("attachments".into(), json!([]));
            more.insert("attachmentsStatus".into(), json!("UPDATE_COMPLETE"));
        }
        if let Some(configuration) = self.configuration.as_ref().filter(|_| has(Part::Configurations)) {
            more.insert("configuration".into(), configuration.clone());
        }
        if let Some(namespace) = &self.namespace {
            more.insert("serviceConnectDefaults".into(), json!({"namespace": namespace}));
        }
        if let Some(shown) = shown.as_object_mut() {
            shown.extend(more);
        }
        shown
    }

    fn statistics(&self) -> Value {
        let mut statistics = Vec::new();
        let mut add = |name: String, count: usize| statistics.push(json!({"name": name, "value": count.to_string()}));
        for (launch_type, word) in [("EC2", "EC2"), ("FARGATE", "Fargate"), ("EXTERNAL", "External")] {
            for (status, name) in [("RUNNING", "running"), ("PENDING", "pending")] {
                let of = |task: &&Task| task.launch_type == launch_type && task.counts_as() == status;
                add(format!("{name}{word}TasksCount"), self.tasks.values().filter(of).count());
            }
            for (status, name) in [("ACTIVE", "active"), ("DRAINING", "draining")] {
                let of = |service: &&Service| service.launch_type() == launch_type && service.status == status;
                add(format!("{name}{word}ServiceCount"), self.services.values().filter(of).count());
            }
        }
        Value::Array(statistics)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;

    #[test]
    fn creating_twice_keeps_the_first() {
        let mut aws = Fixture::new();
        let first = aws.ok(
            "CreateCluster",
            json!({"clusterName": "edge", "tags": [{"key": "a", "value": "b"}], "serviceConnectDefaults": {"namespace": "n"}}),
        );
        let second = aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        assert_eq!(first, second);
        assert_eq!(second["cluster"]["tags"], json!([{"key": "a", "value": "b"}]));
        assert_eq!(aws.refused("CreateCluster", json!({"clusterName": "a b"})), "InvalidParameterException");
        assert_eq!(aws.ok("CreateCluster", json!({}))["cluster"]["clusterName"], "default");
    }

    #[test]
    fn parts_are_shown_when_asked_for() {
        let mut aws = Fixture::new();
        aws.ok(
            "CreateCluster",
            json!({
                "clusterName": "edge",
                "tags": [{"key": "a", "value": "b"}],
                "configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}},
            }),
        );
        let bare = aws.ok("DescribeClusters", json!({"clusters": ["edge", "gone"]}));
        assert_eq!(bare["clusters"][0]["tags"], json!([]));
        assert_eq!(bare["clusters"][0]["settings"], json!([]));
        assert!(bare["clusters"][0].get("configuration").is_none());
        assert_eq!(bare["failures"][0]["reason"], "MISSING");
        let full = aws.ok(
            "DescribeClusters",
            json!({"clusters": ["edge"], "include": ["TAGS", "SETTINGS", "CONFIGURATIONS", "STATISTICS"]}),
        );
        let cluster = &full["clusters"][0];
        assert_eq!(cluster["settings"], json!([{"name": "containerInsights", "value": "disabled"}]));
        assert_eq!(cluster["configuration"]["executeCommandConfiguration"]["logging"], "DEFAULT");
        assert_eq!(cluster["statistics"].as_array().unwrap().len(), 12);
    }

    #[test]
    fn updates_and_capacity_providers() {
        let mut aws = Fixture::new();
        aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        let settings = json!([{"name": "containerInsights", "value": "enabled"}]);
        let updated = aws.ok("UpdateClusterSettings", json!({"cluster": "edge", "settings": settings}));
        assert_eq!(updated["cluster"]["settings"], settings);
        let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 2}]);
        let put = json!({"cluster": "edge", "capacityProviders": ["FARGATE_SPOT"], "defaultCapacityProviderStrategy": strategy});
        let put = aws.ok("PutClusterCapacityProviders", put);
        assert_eq!(
            put["cluster"]["defaultCapacityProviderStrategy"],
            json!([{"capacityProvider": "FARGATE_SPOT", "weight": 2, "base": 0}])
        );
        let unknown = json!({"cluster": "edge", "capacityProviders": ["mine"], "defaultCapacityProviderStrategy": []});
        assert_eq!(aws.refused("PutClusterCapacityProviders", unknown), "InvalidParameterException");
        assert_eq!(aws.refused("UpdateCluster", json!({"cluster": "gone"})), "ClusterNotFoundException");
        let known = aws.ok("DescribeCapacityProviders", json!({}));
        assert_eq!(known["capacityProviders"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn deleted_clusters_fade_and_their_names_return() {
        let mut aws = Fixture::new();
        aws.ok("CreateCluster", json!({"clusterName": "edge", "tags": [{"key": "a", "value": "b"}]}));
        assert_eq!(aws.ok("DeleteCluster", json!({"cluster": "edge"}))["cluster"]["status"], "INACTIVE");
        assert_eq!(aws.ok("ListClusters", json!({}))["clusterArns"], json!([]));
        assert_eq!(aws.ok("DescribeClusters", json!({"clusters": ["edge"]}))["clusters"][0]["status"], "INACTIVE");
        assert_eq!(aws.refused("DeleteCluster", json!({"cluster": "edge"})), "ClusterNotFoundException");
        let again = aws.ok("CreateCluster", json!({"clusterName": "edge"}));
        assert_eq!((&again["cluster"]["status"], &again["cluster"]["tags"]), (&json!("ACTIVE"), &json!([])));
        aws.ok("DeleteCluster", json!({"cluster": "edge"}));
        aws.wait(2.0 * 3600.0);
        assert_eq!(aws.ok("DescribeClusters", json!({"clusters": ["edge"]}))["failures"][0]["reason"], "MISSING");
    }

    #[test]
    fn full_clusters_are_not_deleted() {
        let mut aws = Fixture::edge();
        assert_eq!(
            aws.refused("DeleteCluster", json!({"cluster": "edge"})),
            "ClusterContainsContainerInstancesException"
        );
    }
}
