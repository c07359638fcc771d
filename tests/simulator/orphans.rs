//! A run dies amid a create, and whoever comes next wants none of it: nothing is left behind, however late AWS shows it.

use std::sync::Arc;
use std::time::Duration;

use farpost::plan::Goal;
use farpost::sandbox::faults::{Fault, FaultRules, Faults, Lag, Rule};

use super::account::{Account, folder};
use super::inventory::{Item, items};
use super::process::{Ending, Start, run};
use super::stacks::Stack;
use super::tap::{Fate, Side};

/// How long answers are from before what was made.
const LAG: Lag = Lag::Time(Duration::from_secs(25));

/// What stays declared when nothing else does.
const LITTLE: &str = "apiVersion: farpost/v1\nkind: Stack\nmetadata: {name: store-17}\n\
                      spec: {account: \"123456789012\", region: us-west-2}\n---\n\
                      apiVersion: farpost/v1\nkind: LogGroup\nmetadata: {name: kept}\nspec: {logGroupName: /kept}\n";

#[test]
fn what_a_dead_run_made_is_found_by_who_does_not_want_it() {
    let (stack, little) = (Stack::example("outposts").desired(), Stack::text(LITTLE.to_owned()).desired());
    let mut wrong = Vec::new();
    let mut tried = 0;
    for at in 0.. {
        let mut was_killed = false;
        for (next, goal) in [(&stack, Goal::Destroy), (&little, Goal::Converge)] {
            fastrand::seed(0);
            let (account, machine) = (Account::new(), folder());
            account.sandbox.remember(LAG);
            let start = Start::new(&stack, Goal::Converge).fate(Fate::Dies(at, Side::After));
            was_killed = matches!(run(&account, start.on(machine.path().to_owned())).ending, Ending::Killed);
            let rules =
                FaultRules { seed: 0, rules: vec![Rule::new(Fault::Lag(LAG)).on(&["reads"])], ..FaultRules::default() };
            let start = Start::new(next, goal).on(machine.path().to_owned()).among(Some(Arc::new(Faults::new(rules))));
            let ran = run(&account, start);
            // What is on its way out takes its time.
            account.live(async { tokio::time::sleep(Duration::from_secs(600)).await });
            // A task that was stopped is told of for an hour.
            let is_ours = |item: &Item| {
                item.owner.as_ref().is_some_and(|owner| owner != "LogGroup/kept")
                    && item.content["last_status"] != "STOPPED"
            };
            let left: Vec<String> =
                items(&account.content()).iter().filter(|item| is_ours(item)).map(|item| item.id.clone()).collect();
            if !matches!(ran.ending, Ending::Converged) || !left.is_empty() {
                wrong.push(format!("{at}, {goal:?}: {left:?}, {:.300}", format!("{:?}", ran.ending)));
            }
            tried += 1;
        }
        if !was_killed {
            break;
        }
    }
    println!("orphans: {tried} runs after one that died, {} failed", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tasks end by themselves before their host does.
#[test]
fn no_host_goes_while_a_task_still_stops() {
    fastrand::seed(0);
    let two = Stack::example("kinds/service.yaml").edit("minimumHealthyPercent: 50", "minimumHealthyPercent: 0");
    let one = two.clone().edit("  count: 2\n", "  count: 1\n").edit("desiredCount: 2", "desiredCount: 1");
    let account = Account::new();
    let mut calls = Vec::new();
    for stack in [two, one] {
        let ran = run(&account, Start::new(&stack.desired(), Goal::Converge));
        assert!(matches!(ran.ending, Ending::Converged), "{:#?}", ran.ending);
        calls = ran.calls;
    }
    let end = calls.iter().position(|call| call.operation == "ec2:TerminateInstances").unwrap();
    let looks: Vec<bool> = calls[..end]
        .iter()
        .filter(|call| call.operation == "ecs:DescribeTasks")
        .map(|call| {
            call.answer.contains("\"lastStatus\":\"STOPPED\"") && !call.answer.contains("\"lastStatus\":\"RUNNING\"")
        })
        .collect();
    // It ran, and then it did not.
    assert_eq!((looks.first(), looks.last()), (Some(&false), Some(&true)), "{looks:?}");
}
