//! More is wanted than the token buckets of an account hold, as AWS documents them: a run slows down, and does it all.

use std::sync::Arc;

use farpost::plan::Goal;
use farpost::sandbox::faults::{FaultRules, Faults};

use super::account::Account;
use super::process::{Ending, Start, run};
use super::stacks::Stack;

/// The bucket of `CreateSubnet` has 50 tokens, that of task definitions 20 and one more a second.
const MANY: usize = 80;

/// So many of a kind, numbered where there is a `#`.
fn many(kind: &str, spec: &str) -> Stack {
    let mut text = "apiVersion: farpost/v1\nkind: Stack\nmetadata: {name: many}\n\
                    spec: {account: \"123456789012\", region: us-west-2}\n---\n\
                    apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: net}\nspec: {cidrBlock: 10.0.0.0/16}\n"
        .to_owned();
    for number in 0..MANY {
        let spec = spec.replace('#', &number.to_string());
        text +=
            &format!("---\napiVersion: farpost/v1\nkind: {kind}\nmetadata: {{name: n{number}}}\nspec: {{{spec}}}\n");
    }
    Stack::text(text)
}

#[test]
fn a_run_that_asks_for_more_than_an_account_may_takes_its_time() {
    fastrand::seed(0);
    let subnets = many("Subnet", "vpcId: \"${Vpc.net}\", cidrBlock: 10.0.#.0/24, availabilityZone: us-west-2a");
    let definitions = |image: &str| {
        let container = format!("{{name: c, image: \"{image}\", memory: 64}}");
        many("TaskDefinition", &format!("requiresCompatibilities: [EC2], containerDefinitions: [{container}]"))
    };
    let (first, second) = (definitions("nginx:1"), definitions("nginx:2"));
    let account = Account::new();
    for (stack, goal, operation) in [
        (&subnets, Goal::Converge, "ec2:CreateSubnet"),
        (&subnets, Goal::Destroy, "ec2:DeleteSubnet"),
        (&first, Goal::Converge, "ecs:RegisterTaskDefinition"),
        (&second, Goal::Converge, "ecs:RegisterTaskDefinition"),
        (&second, Goal::Destroy, "ecs:DeregisterTaskDefinition"),
    ] {
        let (faults, begun) =
            (Arc::new(Faults::new(FaultRules { token_buckets: true, ..FaultRules::default() })), account.sandbox.now());
        let ran = run(&account, Start::new(&stack.desired(), goal).among(Some(Arc::clone(&faults))));
        assert!(matches!(ran.ending, Ending::Converged), "{:#?}", ran.ending);
        let throttled = faults.counts().get(&("tokenBucket", operation.to_owned())).copied().unwrap_or_default();
        let asked = ran.calls.iter().filter(|called| called.operation == operation).count();
        let took = account.sandbox.now().duration_since(begun).as_secs();
        println!("{operation}: {throttled} of {asked} throttled, {took} s of virtual time");
        assert!(throttled > 0 && asked - throttled as usize >= MANY);
    }
    let left = account.census();
    assert!(left.is_empty(), "{left:#?}");
}
