//! What is done to accounts: the examples made, changed, replaced and deleted, by processes that may not live long.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use farpost::desired::Desired;
use farpost::plan::Goal;
use farpost::sandbox::faults::{Fault, FaultRules, Faults, Lag, Rule};

use super::account::{Account, Snapshot, folder};
use super::inventory::Census;
use super::others::{self, Obstacle};
use super::process::{Ending, Start, run, run_beside};
use super::stacks::Stack;
use super::tap::{Called, Fate, Side};

/// What is done to an account.
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// What the account holds before; nothing when absent.
    before: Option<Snapshot>,
    desired: Desired,
    goal: Goal,
    /// Hosts outside AWS that register as soon as they can.
    hosts: Vec<String>,
    /// What somebody takes out of the way while a process waits for it, or after it has given up.
    obstacle: Option<Obstacle>,
}

/// Where a process dies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill {
    pub(crate) at: usize,
    pub(crate) side: Side,
    /// Whether the next process reads what was, for a while.
    pub(crate) lag: bool,
}

/// Longer than anything takes to end.
const REST: Duration = Duration::from_secs(600);

/// How long that is.
const LAG: Duration = Duration::from_secs(8);

/// How long a process meets what is in its way.
const OBSTRUCTED: Duration = Duration::from_secs(120);

/// A scenario that came to its end.
pub(crate) struct Played {
    /// The calls of all its processes.
    pub(crate) calls: Vec<Called>,
    /// How many of them the first process made.
    pub(crate) first: usize,
    pub(crate) census: Census,
    pub(crate) after: Snapshot,
}

impl Played {
    pub(crate) fn changes(&self) -> usize {
        self.calls.iter().filter(|called| called.is_change()).count()
    }
}

impl Scenario {
    fn new(name: &str, before: Option<&Snapshot>, stack: &Stack, goal: Goal) -> Self {
        let desired = stack.desired();
        let is_host = |resource: &&farpost::desired::Resource| resource.address.kind == "ExternalInstance";
        let hosts = desired.in_order().filter(is_host).map(|resource| resource.address.name.clone()).collect();
        Self { name: name.to_owned(), before: before.cloned(), desired, goal, hosts, obstacle: None }
    }

    /// The same with something in the way, which is there before.
    fn obstructed(mut self, obstacle: Obstacle) -> Self {
        let account = self.before.as_ref().map_or_else(Account::new, Account::from);
        account.live(async {
            obstacle.put(&account.stranger().await).await;
            tokio::time::sleep(REST).await;
        });
        (self.before, self.obstacle) = (Some(account.snapshot()), Some(obstacle));
        self
    }

    /// Runs until it converges. Each kill is met by a process of its own, which is the last of the scenario's that may
    /// not succeed.
    pub(crate) fn play(&self, seed: u64, kills: &[Kill]) -> Result<Played, String> {
        fastrand::seed(seed);
        self.live(kills, None)
    }

    /// The same with faults at the calls of the first process; the second has none, and succeeds.
    pub(crate) fn play_among(&self, seed: u64, faults: &Arc<Faults>) -> Result<Played, String> {
        fastrand::seed(seed);
        self.live(&[], Some(Arc::clone(faults)))
    }

    fn live(&self, kills: &[Kill], mut faults: Option<Arc<Faults>>) -> Result<Played, String> {
        let account = self.before.as_ref().map_or_else(Account::new, Account::from);
        if kills.iter().any(|kill| kill.lag) {
            account.sandbox.remember(Lag::Time(LAG));
        }
        // One machine, whose record of creates outlives its processes.
        let machine = folder();
        let mut obstacle = self.obstacle;
        let mut kills = kills.iter().copied().peekable();
        let (mut calls, mut since, was_killed) = (Vec::new(), 0, kills.len() > 0);
        let mut first = None;
        for _ in 0..8 {
            let fate = kills.peek().map_or(Fate::Lives, |kill| Fate::Dies(kill.at.saturating_sub(since), kill.side));
            let troubled = faults.is_some();
            let start =
                Start::new(&self.desired, self.goal).fate(fate).among(faults.take()).on(machine.path().to_owned());
            let ran = account.live(async {
                let mut life = pin!(run_beside(&account, start));
                let Some(there) = obstacle else { return life.await };
                tokio::select! {
                    biased;
                    ran = &mut life => return ran,
                    () = tokio::time::sleep(OBSTRUCTED) => {}
                }
                obstacle = None;
                there.take_away(&account.stranger().await).await;
                life.await
            });
            since += ran.changes().count();
            calls.extend(ran.calls);
            first.get_or_insert(calls.len());
            match ran.ending {
                Ending::Converged => {
                    // What is on its way out when nothing is left to do is gone by then.
                    account.live(async { tokio::time::sleep(REST).await });
                    let rested = run(&account, Start::new(&self.desired, self.goal).on(machine.path().to_owned()));
                    if rested.changes().next().is_some() || !matches!(rested.ending, Ending::Converged) {
                        return Err(format!("it does not stay converged: {:#?}", rested.ending));
                    }
                    let (census, after) = (account.census(), account.snapshot());
                    let first = first.unwrap_or_default();
                    return Ok(Played { calls, first, census, after });
                }
                Ending::Killed => {
                    let is_behind = kills.next().is_some_and(|kill| kill.lag);
                    let rules = vec![Rule::new(Fault::Lag(Lag::Time(LAG))).on(&["reads"])];
                    faults = is_behind
                        .then(|| Arc::new(Faults::new(FaultRules { seed: 0, rules, ..FaultRules::default() })));
                    since = 0;
                }
                Ending::Deferred if obstacle.is_some() => account.live(async {
                    let Some(there) = obstacle.take() else { return };
                    there.take_away(&account.stranger().await).await;
                    tokio::time::sleep(REST).await;
                }),
                Ending::Deferred if !self.hosts.is_empty() => account.install(&self.hosts),
                // Among faults it may fail; that it reads what was is no excuse.
                Ending::Failed(_) | Ending::Refused(_) if troubled && !was_killed => {}
                ending => return Err(format!("{ending:#?}")),
            }
        }
        Err("it does not converge".to_owned())
    }
}

/// The examples, and what is done to them.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    let mut life = |name: &str, stack: &Stack, updated: Option<Stack>, replaced: Option<Stack>| {
        let create = Scenario::new(&format!("{name}: create"), None, stack, Goal::Converge);
        let there = create.play(0, &[]).unwrap_or_else(|error| panic!("{}: {error}", create.name)).after;
        scenarios.push(create);
        if let Some(updated) = updated {
            let update = Scenario::new(&format!("{name}: update"), Some(&there), &updated, Goal::Converge);
            let changed = update.play(0, &[]).unwrap_or_else(|error| panic!("{}: {error}", update.name)).after;
            scenarios.push(update);
            scenarios.push(Scenario::new(&format!("{name}: back"), Some(&changed), stack, Goal::Converge));
        }
        if let Some(replaced) = replaced {
            scenarios.push(Scenario::new(&format!("{name}: replace"), Some(&there), &replaced, Goal::Converge));
        }
        scenarios.push(Scenario::new(&format!("{name}: delete"), Some(&there), stack, Goal::Destroy));
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
        .edit("    site: bergen\n", "    site: bergen\n    floor: first\n")
        .edit("  operatingSystem: ubuntu-22.04\n", "  operatingSystem: ubuntu-22.04\n  tags: {till: first}\n")
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
    life("wide", &wide(0), Some(wide(1)), None);
    for name in
        ["cluster", "log-group", "role", "security-group", "route-table", "task-definition", "activation", "vpc"]
    {
        life(&format!("kinds/{name}"), &Stack::example(&format!("kinds/{name}.yaml")), None, None);
    }
    let slow = outposts.clone().edit("exit 0", "sleep 60; exit 0");
    let running = until(&slow, "ecs:RunTask");
    scenarios.push(Scenario::new("outposts: another task", Some(&running), &outposts, Goal::Converge));
    scenarios.push(Scenario::new("outposts: delete amid a task", Some(&running), &slow, Goal::Destroy));
    scenarios.extend(obstructed());
    scenarios
}

/// Somebody else is in the way.
fn obstructed() -> Vec<Scenario> {
    let there = |stack: &Stack| {
        let made = Scenario::new("there", None, stack, Goal::Converge).play(0, &[]);
        made.unwrap_or_else(|error| panic!("{error}")).after
    };
    let network = others::empty_network();
    let made = there(&network);
    let delete = |name: &str| Scenario::new(name, Some(&made), &network, Goal::Destroy);
    let host = Scenario::new("full Outpost: create", None, &others::one_host(), Goal::Converge);
    let code = others::secret_code();
    let account = Account::from(&there(&code));
    account.live(async { others::delete_secret(&account.stranger().await).await });
    vec![
        delete("guests: delete").obstructed(Obstacle::Guests),
        delete("neighbour: delete").obstructed(Obstacle::Neighbour),
        host.obstructed(Obstacle::FullOutpost),
        Scenario::new("deleted secret: renew", Some(&account.snapshot()), &code, Goal::Converge),
    ]
}

/// The account when a process that makes a stack has died after this call.
fn until(stack: &Stack, operation: &str) -> Snapshot {
    let (account, desired) = (Account::new(), stack.desired());
    let start = || Start::new(&desired, Goal::Converge);
    fastrand::seed(0);
    let calls = run(&Account::new(), start()).calls;
    let at = calls.iter().filter(|call| call.is_change()).position(|call| call.operation == operation).unwrap();
    fastrand::seed(0);
    let ran = run(&account, start().fate(Fate::Dies(at, Side::After)));
    assert!(ran.calls.iter().any(|call| call.operation == operation), "it died before {operation}");
    account.snapshot()
}

/// What the examples leave untouched, in one of two versions.
fn wide(version: usize) -> Stack {
    let mut text = String::new();
    for (index, part) in include_str!("wide.yaml").split(['«', '»']).enumerate() {
        // Every other part is a choice.
        text += if index % 2 == 0 { part } else { part.split('|').nth(version).unwrap() };
    }
    Stack::text(text)
}
