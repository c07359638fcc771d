//! Where a stack has a lease, the use of a saved plan is noted for every machine.

use super::{APPLY, SAVE, vpc};
use crate::support::command::{Ran, STACK, Tree};
use crate::support::s3;
use crate::support::served::Served;

/// A run on a machine of this name, with a state of its own.
fn on(machine: &str, served: &Served, tree: &Tree, arguments: &[&str]) -> Ran {
    let mut command = tree.command(&[arguments, &["--endpoint-url", &served.url]].concat());
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
    command.env("XDG_STATE_HOME", tree.path("..").join(machine)).output().unwrap().into()
}

/// The state is again what the plan was made of, and the machine has never heard of the plan.
#[test]
fn another_machine_knows_that_a_plan_was_applied() {
    let home = Tree::new(&[]);
    let served = Served::start(&home);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let s3 = s3::client(&served.url);
    runtime.block_on(s3::make_bucket(&s3, "leases"));
    let stack = STACK.replace("us-west-2}", "us-west-2, lease: {bucket: leases}}");
    let tree = Tree::new(&[("stack.yaml", &stack), ("vpcs.yaml", &vpc("a", ""))]);
    let apply = ["apply", "manifests", "--yes"];
    on("one", &served, &tree, &apply).ends_with(0);
    tree.write("vpcs.yaml", &vpc("a", ", enableDnsSupport: false"));
    on("one", &served, &tree, SAVE).ends_with(0);
    on("one", &served, &tree, APPLY).ends_with(0).prints(&["~ Vpc/a", "Converged"]);
    tree.write("vpcs.yaml", &vpc("a", ""));
    on("one", &served, &tree, &apply).ends_with(0);
    let ran = on("two", &served, &tree, APPLY).ends_with(3);
    ran.complains(&["already-applied", "from another machine at 20"]);
    on("two", &served, &tree, &["plan", "manifests", "--detailed-exitcode"]).ends_with(0).prints(&["No changes"]);
    // What is noted is small, and beside the lease.
    let listed = s3.list_objects_v2().bucket("leases").send();
    let listed = runtime.block_on(listed).unwrap();
    let keys: Vec<&str> = listed.contents().iter().filter_map(|one| one.key()).collect();
    assert!(keys.iter().any(|key| key.starts_with("farpost/test.lease.plans/")), "{keys:?}");
}
