//! Rules that look at a plan: at what it would do, and at what was read while it was made. They make no call.

use jiff::Timestamp;
use serde_json::Value;

use super::{Check, Rule, ignore, user};
use crate::address::Address;
use crate::desired::Desired;
use crate::diagnostic::Severity::{Error, Warning};
use crate::plan::{Action, Note, Plan, Refusal};

/// Registrations that ECS takes at once; after that it takes one a second.
const BURST: usize = 20;

pub(super) static REGISTRATIONS: &[Rule] = &[Rule {
    id: "QTA-02",
    severity: Warning,
    title: "more task definitions in one run than ECS registers at once",
    why: "ECS takes 20 registrations at once and one a second after that; the rest of a large run waits for its turn.",
    source: "Amazon ECS API Reference, request throttling: RegisterTaskDefinition",
    check: Check::Plan(registrations),
    bad: "",
    good: "",
}];

pub(super) static AGENTS: &[Rule] = &[Rule {
    id: "DEP-06",
    severity: Warning,
    title: "the agent of an external instance is too old for dependencies between containers",
    why: "Agents before 1.26.0 know no dependsOn, startTimeout and stopTimeout: ECS places no such task there. On an \
          external instance nobody updates the agent but you.",
    source: "Amazon ECS API, ContainerDefinition.dependsOn",
    check: Check::Plan(old_agents),
    bad: "",
    good: "",
}];

pub(super) static SIZES: &[Rule] = &[Rule {
    id: "SVC-10",
    severity: Error,
    title: "a task is larger than every external instance of its cluster",
    why: "A task is placed on one instance, whole. One that asks for more CPU or memory than the largest registered \
          instance has can never be placed, and its deployment never ends.",
    source: "Amazon ECS Developer Guide, how Amazon ECS places tasks on container instances",
    check: Check::Plan(too_large),
    bad: "",
    good: "",
}];

/// What a rule says of a plan.
pub struct Remark {
    pub(super) address: Option<Address>,
    pub(super) message: String,
    pub(super) help: String,
}

/// Asks the rules that look at plans, the user's own among them: an error refuses the plan, anything else is noted.
pub fn judge(desired: &Desired, plan: &mut Plan, now: Timestamp) {
    let mut found = Vec::new();
    for rule in super::all() {
        let Check::Plan(look) = rule.check else { continue };
        let severity = desired.stack.severities.get(rule.id).copied().unwrap_or(rule.severity);
        let remarks = look(desired, plan).into_iter();
        let remarks = remarks.filter(|remark| !ignore::is_suppressed(desired, remark.address.as_ref(), rule.id));
        found.extend(remarks.map(|remark| (rule.id, severity, remark)));
    }
    for (id, severity, Remark { address, message, help }) in found {
        if severity == Error {
            plan.refusals.push(Refusal { address, code: id.to_owned(), message, help });
        } else {
            plan.notes.push(Note { address, message: format!("{severity} {id}: {message}; {help}") });
        }
    }
    user::judge(desired, plan, now);
}

fn registrations(_: &Desired, plan: &Plan) -> Vec<Remark> {
    let is_registered = |action| matches!(action, Action::Create | Action::Update | Action::Replace);
    let changes = plan.changes.iter().filter(|change| change.address.kind == "TaskDefinition");
    let count = changes.filter(|change| is_registered(change.action)).count();
    let over = count.saturating_sub(BURST);
    let message =
        format!("{count} task definitions are registered; ECS takes {BURST} at once and one a second after that");
    let help = format!("the run takes {over} s at least");
    if over > 0 { vec![Remark { address: None, message, help }] } else { Vec::new() }
}

/// An external instance that is registered, as the plan read it.
struct Host<'a> {
    address: &'a Address,
    cluster: &'a str,
    attributes: &'a crate::kinds::Attributes,
}

impl Host<'_> {
    fn number(&self, attribute: &str) -> Option<i64> {
        self.attributes.get(attribute)?.parse().ok()
    }
}

fn hosts(plan: &Plan) -> Vec<Host<'_>> {
    let live = plan.changes.iter().filter(|change| change.address.kind == "ExternalInstance");
    live.filter_map(|change| {
        let live = change.live.as_ref()?;
        let cluster = live.spec.get("cluster")?.as_str()?;
        Some(Host { address: &change.address, cluster, attributes: &live.attributes })
    })
    .collect()
}

/// A service of launch type EXTERNAL: its address, the name of its cluster, the spec of its task definition.
fn external_services<'a>(desired: &'a Desired, plan: &Plan) -> Vec<(&'a Address, String, &'a Value)> {
    let services =
        desired.in_order().filter(|one| one.address.kind == "Service" && one.spec["launchType"] == "EXTERNAL");
    services
        .filter_map(|service| {
            let cluster = service.spec.get("cluster")?.as_str()?;
            let cluster = match target(desired, cluster) {
                Some(declared) => plan.known.get(declared)?.get("name")?.clone(),
                None => cluster.to_owned(),
            };
            let definition = target(desired, service.spec.get("taskDefinition")?.as_str()?)?;
            Some((&service.address, cluster, &desired.get(definition)?.spec))
        })
        .collect()
}

/// The declared object that a whole reference names.
fn target<'a>(desired: &'a Desired, text: &str) -> Option<&'a Address> {
    let address = Address::from(&crate::manifest::references::whole(text)?);
    desired.get(&address).map(|resource| &resource.address)
}

fn containers(definition: &Value) -> impl Iterator<Item = &Value> {
    definition["containerDefinitions"].as_array().into_iter().flatten()
}

fn old_agents(desired: &Desired, plan: &Plan) -> Vec<Remark> {
    let needs = ["dependsOn", "startTimeout", "stopTimeout"];
    let services = external_services(desired, plan);
    let mut remarks = Vec::new();
    for host in hosts(plan) {
        let Some(version) = host.attributes.get("agentVersion").filter(|version| is_before(version, (1, 26))) else {
            continue;
        };
        let uses =
            |definition: &Value| containers(definition).any(|one| needs.iter().any(|name| one.get(name).is_some()));
        let users = services.iter().filter(|(_, cluster, definition)| cluster == host.cluster && uses(definition));
        for (service, ..) in users {
            remarks.push(Remark {
                address: Some(host.address.clone()),
                message: format!("its agent is {version}; {service} uses dependsOn or timeouts, which need 1.26.0"),
                help: "update the agent on the host".to_owned(),
            });
        }
    }
    remarks
}

fn is_before(version: &str, than: (u32, u32)) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < than,
        _ => false,
    }
}

fn too_large(desired: &Desired, plan: &Plan) -> Vec<Remark> {
    let hosts = hosts(plan);
    // A host that is declared and has not registered may be the large one.
    let is_complete = |cluster: &str| {
        let declared = plan.changes.iter().filter(|change| change.address.kind == "ExternalInstance");
        let mut of_cluster = hosts.iter().filter(|host| host.cluster == cluster).peekable();
        of_cluster.peek().is_some() && declared.into_iter().all(|change| change.live.is_some())
    };
    let mut remarks = Vec::new();
    for (service, cluster, definition) in external_services(desired, plan) {
        if !is_complete(&cluster) {
            continue;
        }
        for (what, wanted) in [("cpu", cpu(definition)), ("memory", memory(definition))] {
            let sizes =
                hosts.iter().filter(|host| host.cluster == cluster).map(|host| Some((host.number(what)?, host)));
            let Some(sizes) = sizes.collect::<Option<Vec<_>>>() else { continue };
            let Some((most, host)) = sizes.into_iter().max_by_key(|(size, _)| *size) else { continue };
            let unit = if what == "cpu" { "CPU units" } else { "MiB of memory" };
            if let Some(wanted) = wanted.filter(|wanted| *wanted > most) {
                remarks.push(Remark {
                    address: Some(service.clone()),
                    message: format!("a task needs {wanted} {unit}; the largest host, {}, has {most}", host.address),
                    help: "make the task smaller, or register a larger host".to_owned(),
                });
            }
        }
    }
    remarks
}

fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The CPU units that a task reserves, when they are known.
fn cpu(definition: &Value) -> Option<i64> {
    match definition.get("cpu") {
        Some(cpu) => number(Some(cpu)),
        None => Some(containers(definition).filter_map(|one| number(one.get("cpu"))).sum()),
    }
}

/// The MiB that a task reserves, when they are known.
fn memory(definition: &Value) -> Option<i64> {
    match definition.get("memory") {
        Some(memory) => number(Some(memory)),
        None => containers(definition).map(|one| number(one.get("memoryReservation").or(one.get("memory")))).sum(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::Counts;
    use crate::kinds::{Found, Readiness};
    use crate::observed::Survey;
    use crate::plan::{Goal, Guards, plan};

    fn judged(example: &str, hosts: &[(&str, &str, i64)]) -> Plan {
        let (desired, findings) = crate::rules::tests::read(example);
        assert!(desired.is_some(), "{}", crate::diagnostic::text::render(&findings, false));
        let desired = desired.unwrap();
        let mut plan = plan(&desired, &Survey::default(), Goal::Converge, Guards::default(), Counts::default());
        for (name, version, cpu) in hosts {
            let is_meant =
                |change: &&mut crate::plan::Change| change.address.to_string() == format!("ExternalInstance/{name}");
            let change = plan.changes.iter_mut().find(is_meant).unwrap();
            let attributes = [("agentVersion", (*version).to_owned()), ("cpu", cpu.to_string())];
            change.live = Some(Found {
                id: format!("stores/mi-{name}"),
                key: None,
                spec: json!({"cluster": "stores"}),
                attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
                tags: Default::default(),
                readiness: Readiness::Ready,
                detail: Value::Null,
            });
        }
        judge(&desired, &mut plan, Timestamp::UNIX_EPOCH);
        plan
    }

    const STORES: &str = "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: '${Cluster.stores.name}'}
---
kind: ExternalInstance
metadata: {name: till-2}
spec: {cluster: '${Cluster.stores.name}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EXTERNAL]
  containerDefinitions:
    - {name: setup, image: 'busybox:1.37', cpu: 512, memory: 64, essential: false}
    - {name: till, image: 'nginx:1.29', cpu: 1024, memory: 128, dependsOn: [{containerName: setup, condition: SUCCESS}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.stores.name}
  taskDefinition: ${TaskDefinition.till.arn}
  launchType: EXTERNAL
  desiredCount: 1
";

    #[test]
    fn old_agents_and_small_hosts_are_told_when_the_plan_knows_them() {
        let plan = judged(STORES, &[("till-1", "1.25.3", 1024), ("till-2", "1.102.0", 1280)]);
        let notes: Vec<&str> = plan.notes.iter().map(|note| note.message.as_str()).collect();
        let wanted = "warning DEP-06: its agent is 1.25.3; Service/till uses dependsOn or timeouts, which need 1.26.0; \
                      update the agent on the host";
        assert_eq!(notes, [wanted]);
        let [refusal] = &plan.refusals[..] else { panic!("{:?}", plan.refusals) };
        assert_eq!(refusal.code, "SVC-10");
        assert_eq!(refusal.message, "a task needs 1536 CPU units; the largest host, ExternalInstance/till-2, has 1280");
        assert!(judged(STORES, &[("till-1", "1.26.0", 2048), ("till-2", "1.26.0", 1024)]).refusals.is_empty());
        let one_is_missing = judged(STORES, &[("till-1", "1.26.0", 1024)]);
        assert!(one_is_missing.refusals.is_empty(), "the other may be the large one");
        let ignored = STORES.replacen(
            "{name: till}\nspec:\n  cluster",
            "{name: till, annotations: {farpost/ignore: 'SVC-10: soon'}}\nspec:\n  cluster",
            1,
        );
        assert!(judged(&ignored, &[("till-1", "1.26.0", 1024), ("till-2", "1.26.0", 1024)]).refusals.is_empty());
    }

    #[test]
    fn more_registrations_than_ecs_takes_at_once_are_told() {
        let definitions = |count: usize| {
            let one = |index| {
                format!(
                    "kind: TaskDefinition\nmetadata: {{name: t{index}}}\nspec:\n  containerDefinitions:\n    - {{name: a, \
                     image: 'nginx:1.29', memory: 64}}\n"
                )
            };
            (0..count).map(one).collect::<Vec<_>>().join("---\n")
        };
        let notes = |count| judged(&definitions(count), &[]).notes;
        assert!(notes(20).is_empty());
        assert!(notes(23)[0].message.contains("the run takes 3 s at least"), "{:?}", notes(23));
    }
}
