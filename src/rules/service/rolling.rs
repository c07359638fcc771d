//! SVC: whether a rolling deployment can ever go on.
//!
//! While a deployment rolls, at most ⌊count × maximumPercent⌋ tasks run or start, and at least ⌈count ×
//! minimumHealthyPercent⌉ stay. It goes on when an old task may stop first, or when a new one may start first and finds
//! a host. Where a task takes a port of its host, or the service wants every task on another host, a host takes one.

use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::cluster_hosts::{Host, Hosts, cluster_name};
use crate::rules::workload::{FixedPort, constraints_of, controller, definition, fixed_ports, is_daemon, launch_type};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "SVC-05",
        severity: Error,
        title: "a deployment that can neither stop a task nor start one",
        why: "AWS rounds minimumHealthyPercent up and maximumPercent down to whole tasks. It refuses 100 and 100 (\"Both \
              maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.\") and takes other \
              pairs that come to the same with a small count, as 100 and 150 for one task: then every deployment waits \
              for ever, and so does the draining of an instance.",
        source: "Amazon ECS API, DeploymentConfiguration, minimumHealthyPercent and maximumPercent",
        check: Check::All(stuck_by_percent),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 1
  deploymentConfiguration: {minimumHealthyPercent: 100, maximumPercent: 150}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 1
  deploymentConfiguration: {minimumHealthyPercent: 100, maximumPercent: 200}
",
    },
    Rule {
        id: "SVC-06",
        severity: Error,
        title: "percentages of a deployment out of their range",
        why: "AWS refuses it: minimumHealthyPercent is 0 to 100 (\"minimumHealthyPercent must be at most 100\"), and \
              maximumPercent is 100 at least.",
        source: "Amazon ECS API, DeploymentConfiguration, minimumHealthyPercent and maximumPercent",
        check: Check::Schema(&[(
            "Service",
            &["/deploymentConfiguration/minimumHealthyPercent", "/deploymentConfiguration/maximumPercent"],
        )]),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  deploymentConfiguration: {maximumPercent: 50, minimumHealthyPercent: 0}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  deploymentConfiguration: {maximumPercent: 100, minimumHealthyPercent: 50}
",
    },
    Rule {
        id: "SVC-07",
        severity: Warning,
        title: "a deployment whose new tasks find their port taken on every host",
        why: "Every host that the tasks can run on has one already, and with it the port. None of them may stop before a \
              new one runs, and no new one finds a host: \"The closest matching container-instance is already using a \
              port required by your task.\" The deployment waits for ever. Only told where all hosts of the cluster are \
              declared.",
        source: "Amazon ECS Developer Guide, Amazon ECS service event messages",
        check: Check::All(stuck_by_ports),
        bad: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  count: 3
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 3
",
        good: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  count: 3
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 3
  deploymentConfiguration: {minimumHealthyPercent: 60, maximumPercent: 100}
",
    },
    Rule {
        id: "SVC-08",
        severity: Warning,
        title: "more tasks than hosts for a port of the host",
        why: "A port of a host goes to one task, be it by hostPort or by network mode host. The tasks beyond the number of \
              hosts are never placed, and the service never becomes steady. Only told where all hosts of the cluster are \
              declared.",
        source: "Amazon ECS API, PortMapping.hostPort",
        check: Check::All(too_many_for_ports),
        bad: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: 100}
",
        good: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  count: 2
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, portMappings: [{containerPort: 80, hostPort: 8080}]}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 2
  deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: 100}
",
    },
    Rule {
        id: "SVC-09",
        severity: Warning,
        title: "too few hosts for distinctInstance",
        why: "With distinctInstance every task has a host of its own. Tasks beyond the number of hosts are never placed, \
              and where every host has one and none may stop first, no deployment goes on. Only told where all hosts of \
              the cluster are declared.",
        source: "Amazon ECS Developer Guide, Define which container instances Amazon ECS uses for tasks",
        check: Check::All(too_few_for_distinct),
        bad: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  count: 2
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 3
  placementConstraints: [{type: distinctInstance}]
",
        good: "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Instance
metadata: {name: rack}
spec:
  count: 4
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: host
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig: {ECS_CLUSTER: '${Cluster.shop}'}
---
kind: Service
metadata: {name: till}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 3
  placementConstraints: [{type: distinctInstance}]
",
    },
];

/// How a service is deployed in place.
#[derive(Clone, Copy)]
pub(super) struct Rollout {
    pub(super) least_percent: i64,
    pub(super) most_percent: i64,
}

impl Rollout {
    /// None: somebody else deploys it, or beside the old tasks, or it is not known yet.
    fn of(service: Node<'_>) -> Option<Self> {
        let configuration = service.get("deploymentConfiguration");
        let strategy = configuration.get("strategy");
        if controller(service) != "ECS" || strategy.is_given() && !strategy.is("ROLLING") {
            return None;
        }
        let default = if is_daemon(service) { (0, 100) } else { (100, 200) };
        let percent = |member: &str, default: i64| {
            let given = configuration.get(member);
            if given.is_given() { given.number() } else { Some(default) }
        };
        Some(Self {
            least_percent: percent("minimumHealthyPercent", default.0)?,
            most_percent: percent("maximumPercent", default.1)?,
        })
    }

    /// The tasks that must stay of so many.
    fn least(self, count: i64) -> i64 {
        count.saturating_mul(self.least_percent).saturating_add(99).div_euclid(100)
    }

    /// The tasks that may run and start.
    fn most(self, count: i64) -> i64 {
        count.saturating_mul(self.most_percent).div_euclid(100)
    }

    pub(super) fn may_stop_first(self, count: i64) -> bool {
        self.least(count) < count
    }

    pub(super) fn may_start_first(self, count: i64) -> bool {
        self.most(count) > count
    }
}

/// The tasks of a REPLICA service, where nobody else counts them.
fn count_of(service: Node<'_>) -> Option<i64> {
    let ignored = &service.resource().lifecycle.ignore_changes;
    let count = service.get("desiredCount").number()?;
    (count > 0 && !is_daemon(service) && !ignored.iter().any(|path| path == "desiredCount")).then_some(count)
}

fn stuck_by_percent(declared: &Declared<'_>, hits: &mut Hits) {
    let hosts = Hosts::of(declared);
    for service in declared.of("Service") {
        let Some(rollout) = Rollout::of(service) else { continue };
        let configuration = service.get("deploymentConfiguration");
        if rollout.least_percent == 100 && rollout.most_percent == 100 {
            hits.add(configuration, "minimumHealthyPercent 100 and maximumPercent 100 let no task stop and none start")
                .help(if is_daemon(service) {
                    "write minimumHealthyPercent: 0"
                } else {
                    "write a smaller minimumHealthyPercent (stop first) or a larger maximumPercent (start first)"
                });
            continue;
        }
        let (count, what) = if is_daemon(service) {
            let launch_type = launch_type(service, declared).unwrap_or("");
            let eligible = hosts.eligible(service, definition(service, declared), launch_type, declared);
            (eligible.filter(|count| *count > 0), "on as many hosts")
        } else {
            (count_of(service), "wanted")
        };
        let Some(count) = count else { continue };
        if rollout.may_stop_first(count) || rollout.may_start_first(count) {
            continue;
        }
        let Rollout { least_percent, most_percent } = rollout;
        let message = format!(
            "of {} {what}, {} must stay (minimumHealthyPercent {least_percent}, rounded up) and {} may run \
             (maximumPercent {most_percent}, rounded down): none can stop and none can start",
            tasks(count),
            rollout.least(count),
            rollout.most(count),
        );
        let (stop, start) = ((count - 1) * 100 / count, ((count + 1) * 100 + count - 1) / count);
        let help = match is_daemon(service) {
            true => format!("write minimumHealthyPercent: {stop} or less"),
            false => format!(
                "write minimumHealthyPercent: {stop} or less to stop first, or maximumPercent: {start} or more to start first"
            ),
        };
        hits.add(configuration, message).help(help);
    }
}

/// A service that has a host for each of its tasks, or none.
struct Spread<'a> {
    service: Node<'a>,
    rollout: Option<Rollout>,
    /// Tasks that are wanted.
    count: i64,
    /// Hosts that they can run on.
    eligible: i64,
    ports: Vec<FixedPort<'a>>,
    hosts: Vec<&'a Host<'a>>,
    /// What one of the hosts is called.
    one: &'static str,
}

/// Looks at each service whose every host is known, when a host takes one of its tasks.
fn each_spread(declared: &Declared<'_>, mut look: impl FnMut(&Spread<'_>)) {
    let hosts = Hosts::of(declared);
    for service in declared.of("Service") {
        let Some(count) = count_of(service) else { continue };
        let definition = definition(service, declared);
        let ports = definition.map(fixed_ports).unwrap_or_default();
        let is_distinct = constraints_of(service).any(|constraint| constraint.get("type").is("distinctInstance"));
        if ports.is_empty() && !is_distinct {
            continue;
        }
        let Some(launch_type) = launch_type(service, declared) else { continue };
        let Some(cluster) = cluster_name(service.get("cluster"), declared) else { continue };
        let Some(eligible) = hosts.eligible(service, definition, launch_type, declared) else { continue };
        let all = hosts.all_of(&cluster, launch_type).unwrap_or_default();
        let one = if launch_type == "EXTERNAL" { "external instance" } else { "instance" };
        look(&Spread { service, rollout: Rollout::of(service), count, eligible, ports, hosts: all, one });
    }
}

impl Spread<'_> {
    /// Whether every host has a task, none of which may stop before the next one runs.
    fn is_stuck(&self) -> bool {
        let Self { count, eligible, .. } = *self;
        self.rollout.is_some_and(|rollout| {
            count == eligible && !rollout.may_stop_first(count) && rollout.may_start_first(count)
        })
    }

    /// `port 8080`, `ports 80 and 443`.
    fn ports(&self) -> String {
        let mut ports: Vec<String> =
            self.ports.iter().map(|port| format!("{}{}", port.port, if port.is_udp { "/udp" } else { "" })).collect();
        ports.dedup();
        match ports.pop() {
            Some(only) if ports.is_empty() => format!("port {only}"),
            Some(last) => format!("ports {} and {last}", ports.join(", ")),
            None => "a port".to_owned(),
        }
    }

    fn hosts_in_words(&self) -> String {
        format!("{} {}{}", self.eligible, self.one, if self.eligible == 1 { "" } else { "s" })
    }

    fn name_hosts(&self, hits: &mut Hits) {
        for host in self.hosts.iter().take(3) {
            let noun = if host.count == 1 { "host" } else { "hosts" };
            hits.beside(host.node, format!("{} {noun}", host.count));
        }
    }

    fn stop_first(&self) -> String {
        let percent = (self.count - 1) * 100 / self.count;
        format!(
            "write deploymentConfiguration: {{minimumHealthyPercent: {percent}, maximumPercent: 100}}, which stops one first"
        )
    }
}

fn stuck_by_ports(declared: &Declared<'_>, hits: &mut Hits) {
    each_spread(declared, |spread| {
        let (count, eligible) = (spread.count, spread.eligible);
        let Some(port) = spread.ports.first().filter(|_| spread.is_stuck()) else { return };
        let message = match eligible {
            1 => format!("the only {} has {} taken; its task must stay and none more fits", spread.one, spread.ports()),
            _ => format!(
                "{count} of {eligible} {}s have {} taken; at least {} must stay and none more fits",
                spread.one,
                spread.ports(),
                tasks(count),
            ),
        };
        let place = spread.service.get("deploymentConfiguration");
        let place = if place.is_given() { place } else { spread.service.get("desiredCount") };
        hits.add(place, message).beside(port.node, "a port of the host");
        spread.name_hosts(hits);
        hits.help(format!("{}, or declare another host", spread.stop_first()));
    });
}

fn too_many_for_ports(declared: &Declared<'_>, hits: &mut Hits) {
    each_spread(declared, |spread| {
        let (count, eligible) = (spread.count, spread.eligible);
        let Some(port) = spread.ports.first().filter(|_| count > eligible) else { return };
        let message = format!(
            "{} want {} each, and {} can have it: {} never placed",
            tasks(count),
            spread.ports(),
            spread.hosts_in_words(),
            are(count - eligible),
        );
        hits.add(spread.service.get("desiredCount"), message).beside(port.node, "a port of the host");
        spread.name_hosts(hits);
        hits.help("want fewer tasks, declare more hosts, or leave hostPort out, so that each task gets another");
    });
}

fn too_few_for_distinct(declared: &Declared<'_>, hits: &mut Hits) {
    each_spread(declared, |spread| {
        let (count, eligible) = (spread.count, spread.eligible);
        if !spread.ports.is_empty() {
            // SVC-07 and SVC-08 say it with the port.
            return;
        }
        let place = spread.service.get("placementConstraints");
        if count > eligible {
            let message = format!(
                "distinctInstance wants a host for each of {}, and there is room on {}: {} never placed",
                tasks(count),
                spread.hosts_in_words(),
                are(count - eligible),
            );
            hits.add(place, message);
            spread.name_hosts(hits);
            hits.help("want fewer tasks, or declare more hosts");
        } else if spread.is_stuck() {
            let message = match eligible {
                1 => {
                    format!("the only {} has a task; with distinctInstance it must stay and none more fits", spread.one)
                }
                _ => format!(
                    "{count} of {eligible} {}s have a task; with distinctInstance at least {} must stay and none more fits",
                    spread.one,
                    tasks(count),
                ),
            };
            hits.add(place, message);
            spread.name_hosts(hits);
            hits.help(format!("{}, or declare another host", spread.stop_first()));
        }
    });
}

fn tasks(count: i64) -> String {
    if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") }
}

fn are(count: i64) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}
