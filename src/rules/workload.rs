//! What a task definition, its services and their cluster come to together: launch type, network, hosts.

use super::declared::Declared;
use super::node::Node;

/// Where the tasks of a service run, or of a one-off task: its launch type, or the kind of its capacity providers, or
/// of the cluster's default ones. None: capacity providers of the user's own, or a cluster that is not declared here.
pub(super) fn launch_type<'a>(service: Node<'a>, declared: &Declared<'a>) -> Option<&'a str> {
    if let Some(launch_type) = service.get("launchType").text() {
        return Some(launch_type);
    }
    let own = service.get("capacityProviderStrategy");
    let cluster = declared.target(service.get("cluster"));
    let default = cluster.map(|cluster| cluster.get("defaultCapacityProviderStrategy"));
    let Some(strategy) = Some(own).into_iter().chain(default).find(|strategy| strategy.says_something()) else {
        // A cluster that is not declared here may have a default of its own.
        return cluster.map(|_| "EC2");
    };
    let is_fargate = strategy.items().any(|item| item.get("capacityProvider").is_any(&["FARGATE", "FARGATE_SPOT"]));
    is_fargate.then_some("FARGATE")
}

/// The task definition that a service or a one-off task runs, when it is declared.
pub(super) fn definition<'a>(service: Node<'a>, declared: &Declared<'a>) -> Option<Node<'a>> {
    declared.target(service.get("taskDefinition"))
}

/// The services and one-off tasks that run a task definition.
pub(super) fn runners<'a>(definition: Node<'a>, declared: &Declared<'a>) -> Vec<Node<'a>> {
    let users = ["Service", "Task"].into_iter().flat_map(|kind| declared.users(definition, kind));
    users
        .filter(|user| {
            declared.target(user.get("taskDefinition")).is_some_and(|one| one.address() == definition.address())
        })
        .collect()
}

/// Whether a task definition is for this launch type: it says so, or something declared runs it so.
pub(super) fn is_for(definition: Node<'_>, launch_type: &str, declared: &Declared<'_>) -> bool {
    definition.get("requiresCompatibilities").items().any(|item| item.is(launch_type))
        || runners(definition, declared)
            .into_iter()
            .any(|runner| self::launch_type(runner, declared) == Some(launch_type))
}

/// The network mode of a task definition; Docker's own, which is `bridge` on Linux and `default` on Windows, when none
/// is given. None: not known yet.
pub(super) fn network(definition: Node<'_>) -> Option<&str> {
    let mode = definition.get("networkMode");
    match mode.is_given() {
        true => mode.text(),
        false if is_windows(definition) => Some("default"),
        false => Some("bridge"),
    }
}

/// Whether the containers of a task definition are Windows containers.
pub(super) fn is_windows(definition: Node<'_>) -> bool {
    definition.at("runtimePlatform.operatingSystemFamily").written().is_some_and(|family| family.starts_with("WINDOWS"))
}

/// The containers of a task definition.
pub(super) fn containers<'a>(definition: Node<'a>) -> impl DoubleEndedIterator<Item = Node<'a>> + ExactSizeIterator {
    definition.get("containerDefinitions").items()
}

/// Whether the task ends when the container does.
pub(super) fn is_essential(container: Node<'_>) -> bool {
    container.get("essential").flag() != Some(false)
}

/// The placement constraints of a service, a one-off task or a task definition.
pub(super) fn constraints_of<'a>(node: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    node.get("placementConstraints").items()
}

/// The services and one-off tasks.
pub(super) fn all_runners<'a>(declared: &Declared<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    declared.of("Service").chain(declared.of("Task"))
}

/// Whether a service runs one task on every host.
pub(super) fn is_daemon(service: Node<'_>) -> bool {
    service.get("schedulingStrategy").is("DAEMON")
}

/// Who carries out the deployments of a service: ECS, CODE_DEPLOY or EXTERNAL.
pub(super) fn controller(service: Node<'_>) -> &str {
    service.at("deploymentController.type").written().unwrap_or("ECS")
}

/// A port of the host that a task takes for itself.
pub(super) struct FixedPort<'a> {
    pub(super) port: i64,
    pub(super) is_udp: bool,
    /// The port mapping.
    pub(super) node: Node<'a>,
}

/// The ports of the host that a task of this definition takes, where it shares them with others.
pub(super) fn fixed_ports(definition: Node<'_>) -> Vec<FixedPort<'_>> {
    let member = match network(definition) {
        Some("host") => "containerPort",
        Some("bridge" | "default") => "hostPort",
        _ => return Vec::new(),
    };
    let mappings = containers(definition).flat_map(|container| container.get("portMappings").items());
    mappings
        .filter_map(|node| {
            let port = node.get(member).number().filter(|port| *port != 0)?;
            Some(FixedPort { port, is_udp: node.get("protocol").is("udp"), node })
        })
        .collect()
}
