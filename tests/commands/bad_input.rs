//! Every bad manifest: exit 1, the place, what to do, and no call to AWS.

use crate::support::command::{STACK, Tree};

/// Lints the files and plans them without any account: both must fail with these words, before any call.
fn refused(files: &[(&str, &str)], words: &[&str]) {
    let tree = Tree::new(files);
    tree.run(&["lint", "manifests"]).ends_with(1).prints(words);
    let planned =
        tree.run(&["plan", "manifests", "--endpoint-url", "http://127.0.0.1:9"]).ends_with(1).complains(words);
    assert!(!planned.stderr.contains("sts:"), "AWS was called:\n{}", planned.stderr);
}

fn vpc(spec: &str) -> String {
    format!("apiVersion: farpost/v1\nkind: Vpc\nmetadata: {{name: edge}}\nspec:\n  {spec}\n")
}

#[test]
fn unknown_field() {
    let text = vpc("cidrBlok: 10.0.0.0/16");
    refused(
        &[("stack.yaml", STACK), ("vpc.yaml", &text)],
        &["unknown field `cidrBlok`", "manifests/vpc.yaml:5:3", "did you mean `cidrBlock`?"],
    );
}

#[test]
fn wrong_type_and_everything_else_at_once() {
    let text = vpc("cidrBlock: 7\n  enableDnsSupport: maybe");
    refused(&[("stack.yaml", STACK), ("vpc.yaml", &text)], &["manifests/vpc.yaml:5:14", "manifests/vpc.yaml:6:21"]);
}

#[test]
fn duplicate_key() {
    let text = vpc("cidrBlock: 10.0.0.0/16\n  cidrBlock: 10.1.0.0/16");
    refused(&[("stack.yaml", STACK), ("vpc.yaml", &text)], &["cidrBlock", "manifests/vpc.yaml:6:3"]);
}

#[test]
fn references_to_nothing() {
    let text = "apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: a}\n\
                spec: {vpcId: \"${Vpc.egde}\", cidrBlock: 10.0.0.0/24}\n";
    let edge = vpc("cidrBlock: 10.0.0.0/16");
    refused(
        &[("stack.yaml", STACK), ("subnet.yaml", text), ("vpc.yaml", &edge)],
        &["Vpc/egde is not declared", "manifests/subnet.yaml:4:", "did you mean ${Vpc.edge}?"],
    );
}

#[test]
fn a_reference_of_the_wrong_kind() {
    let text = "apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: a}\n\
                spec: {vpcId: \"${Subnet.b}\", cidrBlock: 10.0.0.0/24}\n---\n\
                apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: b}\n\
                spec: {vpcId: vpc-0123456789abcdef0, cidrBlock: 10.0.1.0/24}\n";
    refused(&[("stack.yaml", STACK), ("subnet.yaml", text)], &["this takes a Vpc, and ${Subnet.b} is a Subnet"]);
}

#[test]
fn a_literal_that_is_nothing() {
    let text = "apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: a}\n\
                spec: {vpcId: egde, cidrBlock: 10.0.0.0/24}\n";
    let edge = vpc("cidrBlock: 10.0.0.0/16");
    refused(
        &[("stack.yaml", STACK), ("subnet.yaml", text), ("vpc.yaml", &edge)],
        &["neither a declared Vpc nor an id", "did you mean ${Vpc.edge}?"],
    );
}

#[test]
fn a_name_that_differs_in_case() {
    let text = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: MyCluster}\nspec: {}\n---\n\
                apiVersion: farpost/v1\nkind: Service\nmetadata: {name: web}\n\
                spec: {cluster: mycluster, taskDefinition: web, desiredCount: 1}\n";
    refused(&[("stack.yaml", STACK), ("app.yaml", text)], &["`MyCluster` is", "upper and lower case"]);
}

#[test]
fn a_circle_names_everything_in_it() {
    let group = |name: &str, other: &str| {
        format!(
            "apiVersion: farpost/v1\nkind: SecurityGroup\nmetadata: {{name: {name}}}\nspec:\n  vpcId: vpc-0123456789abcdef0\n  \
             ingress:\n    - {{ipProtocol: tcp, fromPort: 80, toPort: 80, sourceSecurityGroupId: \"${{SecurityGroup.{other}}}\"}}\n---\n"
        )
    };
    let text = group("a", "b") + &group("b", "c") + &group("c", "a");
    refused(
        &[("stack.yaml", STACK), ("groups.yaml", &text)],
        &["SecurityGroup/a → SecurityGroup/b → SecurityGroup/c → SecurityGroup/a", "manifests/groups.yaml:7:"],
    );
}

#[test]
fn two_manifests_of_one_object() {
    let text = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: a}\nspec: {clusterName: same}\n---\n\
                apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: b}\nspec: {clusterName: same}\n";
    refused(&[("stack.yaml", STACK), ("clusters.yaml", text)], &["Cluster/a and Cluster/b are one object in AWS"]);
    let twice = vpc("cidrBlock: 10.0.0.0/16");
    refused(
        &[("stack.yaml", STACK), ("one.yaml", &twice), ("two.yaml", &twice)],
        &["`Vpc/edge` is declared twice", "manifests/one.yaml", "manifests/two.yaml"],
    );
}

#[test]
fn no_stack_two_stacks_nothing_at_all() {
    refused(&[("vpc.yaml", &vpc("cidrBlock: 10.0.0.0/16"))], &["no Stack is declared"]);
    refused(
        &[("a.yaml", STACK), ("b.yaml", &STACK.replace("test", "other"))],
        &["a second Stack", "the first is here"],
    );
    let tree = Tree::new(&[("notes.txt", "")]);
    tree.run(&["lint", "manifests"]).ends_with(1).prints(&["no manifests in `manifests`"]);
    tree.run(&["plan", "manifests"]).ends_with(3).complains(&["no manifests in `manifests`"]);
    Tree::new(&[]).run(&["lint", "nowhere"]).ends_with(1).prints(&["nowhere"]);
}

#[test]
fn files_that_are_no_manifests() {
    refused(&[("stack.yaml", STACK), ("binary.yaml", "\u{7f}ELF\0\0")], &["manifests/binary.yaml", "binary"]);
    let large = format!("# {}\n", "x".repeat(10 * 1024 * 1024));
    refused(&[("stack.yaml", STACK), ("large.yaml", &large)], &["manifests/large.yaml", "larger than 5 MiB"]);
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (letter, before) in ('b'..='j').zip('a'..='i') {
        bomb.push_str(&format!("{letter}: &{letter} [{}]\n", vec![format!("*{before}"); 9].join(", ")));
    }
    refused(&[("stack.yaml", STACK), ("bomb.yaml", &bomb)], &["manifests/bomb.yaml:"]);
    refused(&[("stack.yaml", STACK), ("deep.yaml", &"[".repeat(100_000))], &["manifests/deep.yaml:"]);
}

#[test]
fn links_that_lead_nowhere_or_round() {
    let tree = Tree::new(&[("stack.yaml", STACK)]);
    std::os::unix::fs::symlink("gone.yaml", tree.path("dangling.yaml")).unwrap();
    std::os::unix::fs::symlink(".", tree.path("round")).unwrap();
    tree.run(&["lint", "manifests"]).ends_with(1).prints(&["manifests/dangling.yaml", "round"]);
}

#[test]
fn a_directory_named_as_a_manifest_is_read_as_a_directory() {
    Tree::new(&[("stack.yaml", STACK), ("odd.yaml/vpc.yaml", &vpc("cidrBlock: 10.0.0.0/16"))])
        .run(&["lint", "manifests"])
        .ends_with(0)
        .prints(&["1 object: 0 errors"]);
}

#[test]
fn findings_as_json_have_places() {
    let text = vpc("cidrBlok: 10.0.0.0/16");
    let found = Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", &text)])
        .run(&["lint", "manifests", "-o", "json"])
        .ends_with(1)
        .json();
    let unknown = found["findings"].as_array().unwrap().iter().find(|one| one["code"] == "unknown-field").unwrap();
    assert_eq!((&unknown["line"], &unknown["column"]), (&5.into(), &3.into()));
    assert_eq!(unknown["file"], "manifests/vpc.yaml");
}

#[test]
fn findings_are_told_whatever_the_form_of_logs() {
    let text = vpc("cidrBlok: 10.0.0.0/16");
    Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", &text)])
        .run(&["plan", "manifests", "--log-format", "json"])
        .ends_with(1)
        .complains(&["unknown field `cidrBlok`", "manifests/vpc.yaml:5:3"]);
}

#[test]
fn wrong_usage_is_64() {
    let tree = Tree::new(&[]);
    tree.run(&["plann"]).ends_with(64).complains(&["plan"]);
    tree.run(&["plan"]).ends_with(64).complains(&["PATH"]);
    tree.run(&["--version"]).ends_with(0).prints(&["farpost 0.1.0"]);
}
