//! `diff --base`: what a branch changes, without AWS.

use std::process::Command;

use crate::support::command::{STACK, Tree};

const VPC: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: edge}\nspec: {cidrBlock: 10.0.0.0/16}\n";

fn git(tree: &Tree, arguments: &[&str]) {
    let run = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(tree.path(""))
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn changes_against_a_revision() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", VPC)]);
    git(&tree, &["init", "-q"]);
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "first"]);
    tree.run(&["diff", "manifests", "--base", "main", "--detailed-exitcode"]).ends_with(0).prints(&["0 changes"]);
    tree.write("vpc.yaml", &VPC.replace("10.0.0.0/16", "10.1.0.0/16, enableDnsHostnames: true"));
    tree.write("more.yaml", &VPC.replace("edge", "second"));
    let ran = tree.run(&["diff", "manifests", "--base", "main", "--detailed-exitcode"]).ends_with(2);
    ran.prints(&[
        "± Vpc/edge",
        "cidrBlock: 10.0.0.0/16 → 10.1.0.0/16",
        "enableDnsHostnames: false → true",
        "+ Vpc/second",
    ]);
    tree.run(&["diff", "manifests", "--base", "main", "-o", "markdown"])
        .ends_with(0)
        .prints(&["| `Vpc/second` | added |"]);
    tree.remove("more.yaml");
    tree.remove("vpc.yaml");
    tree.run(&["diff", "manifests", "--base", "main", "-o", "json"]).ends_with(0).prints(&["\"removed\""]);
}

#[test]
fn a_revision_that_is_none() {
    let tree = Tree::new(&[("stack.yaml", STACK)]);
    tree.run(&["diff", "manifests", "--base", "main"]).ends_with(1).complains(&["git"]);
    git(&tree, &["init", "-q"]);
    tree.run(&["diff", "manifests", "--base", "nowhere"]).ends_with(1).complains(&["git", "nowhere"]);
    tree.run(&["diff", "manifests", "--base=--output=x"]).ends_with(1).complains(&["begins with a dash"]);
}

#[test]
fn from_inside_the_directory() {
    let definition = "apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {name: app}\nspecFrom: app.json\n";
    let json = r#"{"containerDefinitions": [{"name": "web", "image": "httpd:2.4", "memory": 16}]}"#;
    let tree = Tree::new(&[("stack.yaml", STACK), ("app.yaml", definition), ("app.json", json)]);
    git(&tree, &["init", "-q"]);
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "first"]);
    tree.write("app.json", &json.replace("16", "32"));
    for path in [".", "./"] {
        let ran = tree.command(&["diff", path, "--base", "main"]).current_dir(tree.path("")).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && told.contains("memory: 16 → 32"), "{told}");
    }
}
