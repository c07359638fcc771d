//! Every changing call of every example is one at which the process dies: before it, after it, and after it where the
//! next process is answered from the past. The next process converges, and the account is as if nothing had happened.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use farpost::desired::Desired;
use farpost::plan::Goal;
use serde_json::Value;

use super::account::Account;
use super::inventory::{Census, difference};
use super::process::{Ending, Start, run};
use super::simulate;
use super::stacks::Stack;
use super::tap::{Fate, Side};

/// What is done to an account.
struct Scenario {
    name: String,
    /// What the account holds before.
    content: Value,
    desired: Desired,
    goal: Goal,
    /// Hosts outside AWS that register as soon as they can.
    hosts: Vec<String>,
}

/// Where a process dies.
#[derive(Debug, Clone, Copy)]
struct Kill {
    at: usize,
    side: Side,
    /// Whether the next process reads what was, for a while.
    lag: bool,
}

impl Scenario {
    fn new(name: &str, content: &Value, stack: &Stack, goal: Goal) -> Self {
        let desired = stack.desired();
        let is_host = |resource: &&farpost::desired::Resource| resource.address.kind == "ExternalInstance";
        let hosts = desired.in_order().filter(is_host).map(|resource| resource.address.name.clone()).collect();
        Self { name: name.to_owned(), content: content.clone(), desired, goal, hosts }
    }

    /// Runs until it converges; how many changing calls that took, and the account afterwards. Each kill is met by a
    /// process of its own, at the call that is left of it.
    fn play(&self, seed: u64, kills: &[Kill]) -> Result<(usize, Account), String> {
        simulate(seed, async {
            let account = Account::from(&self.content);
            let mut kills = kills.iter().copied().peekable();
            let (mut changes, mut since, mut patience) = (0, 0, 4 + kills.len());
            let mut lag = false;
            loop {
                let fate = match kills.peek() {
                    Some(kill) => Fate::Dies(kill.at - since, kill.side),
                    None => Fate::Lives,
                };
                let start = Start::new(&self.desired, self.goal).fate(fate).lag(lag);
                lag = false;
                let ran = run(&account, start).await;
                changes += ran.changes().count();
                since += ran.changes().count();
                match ran.ending {
                    Ending::Converged => return Ok((changes, account)),
                    Ending::Killed => {
                        lag = kills.next().is_some_and(|kill| kill.lag);
                        since = 0;
                    }
                    Ending::Deferred if !self.hosts.is_empty() => account.install(&self.hosts),
                    ending => return Err(format!("{ending:#?}")),
                }
                patience -= 1;
                if patience == 0 {
                    return Err("it does not converge".to_owned());
                }
            }
        })
    }
}

/// An example with what can be done to it.
fn scenarios() -> Vec<Scenario> {
    let nothing = Account::empty().content();
    let mut scenarios = Vec::new();
    let mut life = |name: &str, stack: &Stack, updated: Option<Stack>, replaced: Option<Stack>| {
        let create = Scenario::new(&format!("{name}: create"), &nothing, stack, Goal::Converge);
        let (_, account) = create.play(0, &[]).unwrap_or_else(|error| panic!("{}: {error}", create.name));
        let there = account.content();
        scenarios.push(create);
        for (what, changed) in [("update", updated), ("replace", replaced)] {
            if let Some(changed) = changed {
                scenarios.push(Scenario::new(&format!("{name}: {what}"), &there, &changed, Goal::Converge));
            }
        }
        scenarios.push(Scenario::new(&format!("{name}: delete"), &there, stack, Goal::Destroy));
    };
    let outposts = Stack::example("outposts");
    let updated = outposts
        .clone()
        .edit("enableDnsHostnames: true", "enableDnsHostnames: false")
        .edit("fromPort: 80, toPort: 80", "fromPort: 443, toPort: 443")
        .edit("logs:PutLogEvents]", "logs:PutLogEvents, logs:DescribeLogStreams]")
        .edit("value: disabled", "value: enabled")
        .edit("rollback: true", "rollback: false")
        .edit("exit 0", "exit 0; true")
        .edit("tags: {environment: outpost}", "tags: {site: oslo}");
    let replaced = outposts
        .clone()
        .edit("10.0.3.0/24", "10.0.4.0/24")
        .edit("description: Container instances on the Outpost\n  vpcId", "description: Hosts\n  vpcId");
    life("outposts", &outposts, Some(updated), Some(replaced));
    let anywhere = Stack::example("anywhere");
    let updated = anywhere
        .clone()
        .edit("retentionInDays: 30", "retentionInDays: 60")
        .edit("nginx:1.29", "nginx:1.28")
        .edit("site: oslo", "site: bergen")
        .edit("attribute:site == oslo", "attribute:site == bergen")
        .edit("environment: anywhere", "environment: edge");
    let replaced = anywhere
        .clone()
        .edit("/ecs-anywhere/nginx", "/ecs-anywhere/web")
        .edit("description: Hosts of the quick start", "description: Hosts of Oslo")
        .without("till-2.yaml");
    life("anywhere", &anywhere, Some(updated), Some(replaced));
    let service = Stack::example("kinds/service.yaml");
    let replaced = service.clone().edit("instanceType: c5.large", "instanceType: m5.xlarge");
    let updated = service.clone().edit("nginx:1.29", "nginx:1.28");
    life("kinds/service", &service, Some(updated), Some(replaced));
    for name in ["cluster", "log-group", "role", "security-group", "route-table", "task-definition", "activation", "vpc"] {
        life(&format!("kinds/{name}"), &Stack::example(&format!("kinds/{name}.yaml")), None, None);
    }
    scenarios
}

/// A point of the matrix: which scenario, and where its processes die.
struct Point {
    scenario: usize,
    kills: Vec<Kill>,
}

const SIDES: [(Side, bool); 3] = [(Side::Before, false), (Side::After, false), (Side::After, true)];

#[test]
fn a_process_may_die_anywhere() {
    let begun = Instant::now();
    let scenarios = scenarios();
    let mut expected: Vec<Census> = Vec::new();
    let mut points = Vec::new();
    for (scenario, of) in scenarios.iter().enumerate() {
        let (changes, account) = of.play(0, &[]).unwrap_or_else(|error| panic!("{}: {error}", of.name));
        println!("{}: {changes} changing calls", of.name);
        expected.push(account.census());
        for at in 0..changes {
            points.extend(SIDES.map(|(side, lag)| Point { scenario, kills: vec![Kill { at, side, lag }] }));
        }
        // Two in a row, a sample.
        let mut chance = fastrand::Rng::with_seed(scenario as u64);
        for _ in 0..changes / 4 {
            let kill = |chance: &mut fastrand::Rng, most: usize| {
                let (side, lag) = SIDES[chance.usize(..SIDES.len())];
                Kill { at: chance.usize(..most), side, lag }
            };
            let first = kill(&mut chance, changes);
            let second = kill(&mut chance, (changes - first.at).max(1));
            points.push(Point { scenario, kills: vec![first, second] });
        }
    }
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scenario = &scenarios[point.scenario];
                    let ended = scenario.play(7, &point.kills).and_then(|(_, account)| {
                        difference(&expected[point.scenario], &account.census()).map_or(Ok(()), Err)
                    });
                    if let Err(error) = ended {
                        failures.lock().unwrap().push(format!("{} {:?}\n{error}", scenario.name, point.kills));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("kill matrix: {} points in {seconds:.0} s, {} failed", points.len(), failures.len());
    assert!(points.len() >= 500, "only {} points", points.len());
    assert!(failures.is_empty(), "{} of {} points:\n{}", failures.len(), points.len(), failures.join("\n\n"));
}
