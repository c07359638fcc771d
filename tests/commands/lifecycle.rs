//! Guards: what must not be deleted, taken over or done in one run.

use crate::support::command::{STACK, Tree};

fn vpc(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {{name: {name}}}\nspec: {{cidrBlock: 10.0.0.0/16}}\n{rest}---\n"
    )
}

#[test]
fn what_is_not_declared_any_more_goes() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &(vpc("a", "") + &vpc("b", "")))]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("vpcs.yaml", &vpc("a", ""));
    tree.in_sandbox(&["plan", "manifests"]).ends_with(0).prints(&["- Vpc/b", "not declared any more", "1 to delete"]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0).prints(&["No changes"]);
}

#[test]
fn prevent_destroy_outlives_its_manifest() {
    let guarded = vpc("a", "lifecycle: {preventDestroy: true}\n");
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &guarded)]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("vpcs.yaml", &guarded.replace("10.0.0.0/16", "10.1.0.0/16"));
    tree.in_sandbox(&["plan", "manifests"]).ends_with(3).complains(&["prevent-destroy", "would be replaced"]);
    tree.write("vpcs.yaml", &vpc("b", ""));
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(3).complains(&["prevent-destroy", "would be deleted"]);
    tree.in_sandbox(&["destroy", "manifests", "--stack", "test", "--yes"]).ends_with(3);
    // Taking the guard out is a change like any other.
    tree.write("vpcs.yaml", &vpc("a", ""));
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.in_sandbox(&["destroy", "manifests", "--stack", "test", "--yes"]).ends_with(0);
}

#[test]
fn retain_keeps_the_object() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &vpc("a", "lifecycle: {onDelete: retain}\n"))]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("vpcs.yaml", &vpc("b", ""));
    tree.in_sandbox(&["plan", "manifests"]).ends_with(0).prints(&[
        "Vpc/a",
        "stays, because its lifecycle says so",
        "1 to create",
    ]);
}

#[test]
fn ignored_fields_are_left_to_others() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &vpc("a", ""))]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    let changed = vpc("a", "lifecycle: {ignoreChanges: [enableDnsHostnames]}\n")
        .replace("10.0.0.0/16", "10.0.0.0/16, enableDnsHostnames: true");
    tree.write("vpcs.yaml", &changed);
    tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn many_deletions_need_a_word() {
    let all: String = (0..8).map(|number| vpc(&format!("v{number}"), "")).collect();
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &all)]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("vpcs.yaml", &vpc("v0", ""));
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(3).complains(&[
        "max-deletes",
        "7 of 8",
        "--max-deletes 7",
    ]);
    tree.in_sandbox(&["apply", "manifests", "--yes", "--max-deletes", "7"]).ends_with(0);
}

#[test]
fn what_others_own_is_refused() {
    let cluster = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: shared}\nspec: {}\n";
    let tree = Tree::new(&[("stack.yaml", STACK), ("cluster.yaml", cluster)]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("stack.yaml", &STACK.replace("test", "other"));
    tree.in_sandbox(&["plan", "manifests"]).ends_with(3).complains(&["not-ours", "belongs to the stack test"]);
}

#[test]
fn destroy_by_name_needs_no_manifests() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &vpc("a", ""))]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.in_sandbox(&["destroy", "--stack", "nobody", "--yes"]).ends_with(0).prints(&["No changes"]);
    tree.in_sandbox(&["destroy", "--stack", "test", "--yes"]).ends_with(0).prints(&["- Vpc/a"]);
    tree.in_sandbox(&["plan", "manifests"]).ends_with(0).prints(&["1 to create"]);
}

/// The Outpost of the sandbox has four slots for c5.large.
#[test]
fn what_finds_no_room_is_deferred_and_the_rest_is_done() {
    let tree = Tree::of_example("outposts");
    tree.remove("app.yaml");
    let hosts = tree.text("cluster.yaml");
    tree.write("cluster.yaml", &hosts.replace("count: 1", "count: 6"));
    let ran = tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(4);
    ran.prints(&[
        "2 deferred",
        "deferred: Instance/outpost",
        "InsufficientInstanceCapacity",
        "the Outpost offers ",
        "The rest is done",
    ]);
    // Room is made by asking for less.
    tree.write("cluster.yaml", &hosts.replace("count: 1", "count: 4"));
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
}

#[test]
fn a_stack_of_which_nothing_is_declared_any_more_is_not_emptied() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &vpc("a", ""))]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.remove("vpcs.yaml");
    let ran = tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(3);
    ran.complains(&["nothing-declared", "farpost destroy"]);
    tree.in_sandbox(&["apply", "manifests", "--yes", "--max-deletes", "1"]).ends_with(0);
    let ran = tree.in_sandbox(&["destroy", "--stack", "tset", "--yes"]).ends_with(0);
    ran.complains(&["nothing in 123456789012, us-west-2 belongs to a stack tset"]);
}

#[test]
fn tags_take_references() {
    let cluster = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: edge}\nspec: {}\n---\n";
    let gateway = "apiVersion: farpost/v1\nkind: InternetGateway\nmetadata: {name: g}\n\
                   spec: {vpcId: \"${Vpc.a}\", tags: {of: \"${Cluster.edge}\", in: \"the ${Vpc.a.id}\"}}\n";
    let tree = Tree::new(&[("stack.yaml", STACK), ("all.yaml", &(vpc("a", "") + cluster + gateway))]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    let plan = tree.in_sandbox(&["plan", "manifests", "-o", "json"]).ends_with(0).json();
    let change = plan["changes"].as_array().unwrap().iter().find(|one| one["address"] == "InternetGateway/g").unwrap();
    let tags = &change["live"]["tags"];
    assert_eq!(tags["of"], "edge");
    assert!(tags["in"].as_str().unwrap().starts_with("the vpc-"), "{tags}");
    // What a tag refers to is there first, and goes last.
    tree.run(&["graph", "manifests"]).ends_with(0).prints(&["n0[\"Cluster", "n1[\"InternetGateway", "n1 --> n0"]);
    tree.write("all.yaml", &(vpc("a", "") + &gateway.replace("Cluster.edge", "Cluster.egde")));
    tree.run(&["lint", "manifests"]).ends_with(1).prints(&["REF-03", "Cluster/egde is not declared"]);
    tree.write("stack.yaml", &STACK.replace("us-west-2}", "us-west-2, tags: {of: \"${Vpc.a}\"}}"));
    tree.run(&["lint", "manifests"]).ends_with(1).prints(&["reference-in-stack"]);
}
