//! Saved plans as users have them: `plan --out`, `apply FILE`, in another job, later, once.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::command::{Ran, STACK, Tree, example};
use crate::support::served::Served;

mod leased;
mod signed;

const SAVE: &[&str] = &["plan", "manifests", "--out", "plan.json"];
const APPLY: &[&str] = &["apply", "plan.json", "--yes"];

fn vpc(name: &str, more: &str) -> String {
    format!(
        "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {{name: {name}}}\nspec: {{cidrBlock: 10.0.0.0/16{more}}}\n---\n"
    )
}

fn subnet() -> &'static str {
    "apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: s}\nspec: {vpcId: \"${Vpc.a}\", cidrBlock: 10.0.1.0/24}\n"
}

fn tree() -> Tree {
    Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &vpc("a", ""))])
}

fn plan_of(tree: &Tree) -> Value {
    serde_json::from_str(&tree.text("../plan.json")).unwrap()
}

#[test]
fn a_plan_is_applied_in_another_place_exactly_and_once() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("all.yaml", &(vpc("a", "") + subnet()))]);
    let saved = tree.in_sandbox(SAVE).ends_with(0).prints(&["2 to create"]);
    saved.complains(&["saved to plan.json", "farpost apply plan.json"]);
    let mode = tree.path("../plan.json").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner may read it");
    is_described(&plan_of(&tree));
    // In the other place there are no manifests.
    let text = tree.text("all.yaml");
    tree.remove("all.yaml");
    tree.remove("stack.yaml");
    tree.in_sandbox(&["apply", "plan.json"]).ends_with(1).complains(&["nobody to ask", "--yes"]);
    let applied = tree.in_sandbox(APPLY).ends_with(0);
    applied.prints(&["+ Vpc/a", "+ Subnet/s", "Converged"]).complains(&["plan "]);
    tree.in_sandbox(APPLY).ends_with(3).complains(&["already-applied", "from this machine"]);
    tree.write("stack.yaml", STACK);
    tree.write("all.yaml", &text);
    tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0).prints(&["No changes"]);
    // A plan of nothing is one, too, and can be applied as often as anyone likes.
    tree.in_sandbox(SAVE).ends_with(0).prints(&["No changes"]);
    tree.in_sandbox(APPLY).ends_with(0).prints(&["No changes"]);
    tree.in_sandbox(APPLY).ends_with(0);
}

/// The published schema describes the file.
#[track_caller]
fn is_described(plan: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/output/saved-plan.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(plan).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// From the state alone, without any note of what was done: another machine.
#[test]
fn what_was_done_is_refused_from_anywhere() {
    let tree = tree();
    tree.in_sandbox(SAVE).ends_with(0);
    tree.in_sandbox(APPLY).ends_with(0);
    std::fs::remove_dir_all(tree.state("plans")).unwrap();
    let ran = tree.in_sandbox(APPLY).ends_with(3);
    ran.complains(&["already-applied", "everything that this plan would do is done already", "exists as vpc-"]);
}

/// The state is again what the plan was made of, so that nothing but the note can tell.
#[test]
fn what_came_back_to_what_it_was_is_not_changed_twice() {
    let tree = tree();
    let apply = ["apply", "manifests", "--yes"];
    tree.in_sandbox(&apply).ends_with(0);
    tree.write("vpcs.yaml", &vpc("a", ", enableDnsSupport: false"));
    tree.in_sandbox(SAVE).ends_with(0);
    tree.in_sandbox(APPLY).ends_with(0).prints(&["~ Vpc/a"]);
    tree.write("vpcs.yaml", &vpc("a", ""));
    tree.in_sandbox(&apply).ends_with(0);
    tree.in_sandbox(APPLY).ends_with(3).complains(&["already-applied"]);
    tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn manifests_beside_it_must_be_the_same_whatever_their_form() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("all.yaml", &(vpc("a", "") + subnet()))]);
    tree.in_sandbox(SAVE).ends_with(0);
    tree.remove("all.yaml");
    tree.write("of/subnet.yaml", &format!("# moved\n{}", subnet()));
    tree.write("vpc.yaml", &vpc("a", ""));
    let apply = ["apply", "plan.json", "manifests", "--yes"];
    tree.write("vpc.yaml", &vpc("a", ", enableDnsSupport: false"));
    tree.write("more.yaml", &vpc("b", ""));
    let ran = tree.in_sandbox(&apply).ends_with(3);
    ran.complains(&["manifests-moved", "Vpc/a is declared otherwise", "Vpc/b is new"]);
    tree.write("vpc.yaml", &vpc("a", ""));
    tree.remove("more.yaml");
    tree.in_sandbox(&apply).ends_with(0).prints(&["Converged"]);
}

#[test]
fn another_account_and_another_region_are_refused() {
    let tree = tree();
    tree.in_sandbox(SAVE).ends_with(0);
    tree.in_sandbox(&[APPLY, &["--region", "eu-west-1"]].concat()).ends_with(3).complains(&["wrong-region"]);
    let other =
        Tree::new(&[("stack.yaml", &STACK.replace("123456789012", "210987654321")), ("vpcs.yaml", &vpc("a", ""))]);
    other.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    std::fs::copy(tree.path("../plan.json"), other.path("../plan.json")).unwrap();
    other.in_sandbox(APPLY).ends_with(3).complains(&["wrong-account", "123456789012", "210987654321"]);
}

/// What nobody manages is no reason to plan again, what the plan does not touch is not either; what it touches is.
#[test]
fn only_what_the_plan_touches_counts() {
    let home = Tree::new(&[]);
    let served = Served::start(&home);
    let all = vpc("a", "") + &vpc("b", "") + subnet();
    let tree = Tree::new(&[("stack.yaml", STACK), ("all.yaml", &all)]);
    served.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("all.yaml", &all.replace("10.0.1.0/24}", "10.0.1.0/24, mapPublicIpOnLaunch: true}"));
    served.farpost(&tree, SAVE).ends_with(0).prints(&["1 to update"]);
    // Somebody else's tag on what is touched, and a change of what is not.
    let plan = plan_of(&tree);
    let ids = &plan["plan"]["changes"];
    let id = |address: &str| {
        let change = ids.as_array().unwrap().iter().find(|one| one["address"] == address).unwrap();
        change["live"]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(plan["touches"].as_array().unwrap().len(), 1);
    assert_eq!(plan["takes"]["Vpc/a"]["id"], id("Vpc/a").as_str());
    served.ec2(&format!("Action=CreateTags&ResourceId.1={}&Tag.1.Key=seen&Tag.1.Value=yes", id("Subnet/s")));
    served.ec2(&format!("Action=ModifyVpcAttribute&VpcId={}&EnableDnsSupport.Value=false", id("Vpc/b")));
    let before = served.writes().len();
    let ran = served.farpost(&tree, APPLY).ends_with(0).prints(&["~ Subnet/s", "Vpc/b: not part of this plan"]);
    ran.complains(&["not part of this plan, and not as declared: Vpc/b"]);
    assert_eq!(served.writes().split_off(before), ["ModifySubnetAttribute"]);
    served
        .farpost(&tree, &["plan", "manifests", "--detailed-exitcode"])
        .ends_with(2)
        .prints(&["~ Vpc/b", "1 to update"]);
}

/// A service that is scaled by others while a plan waits for its approval.
#[test]
fn running_counts_do_not_count() {
    let home = Tree::new(&[]);
    let served = Served::start(&home);
    let tree = Tree::of_example("outposts");
    let app = tree.text("app.yaml").replace(
        "metadata: {name: outpost-service}\n",
        "metadata: {name: outpost-service}\nlifecycle: {ignoreChanges: [desiredCount]}\n",
    );
    tree.write("app.yaml", &app);
    served.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("app.yaml", &app.replace("rollback: true}", "rollback: false}"));
    served.farpost(&tree, SAVE).ends_with(0).prints(&["~ Service/outpost-service", "1 to update"]);
    let service = serde_json::json!({"cluster": "MyCluster", "service": "outpost-service", "desiredCount": 0});
    served.ecs("UpdateService", &service);
    served.farpost(&tree, APPLY).ends_with(0).prints(&["Converged"]);
    let described = serde_json::json!({"cluster": "MyCluster", "services": ["outpost-service"]});
    let described = served.ecs("DescribeServices", &described);
    assert!(described.contains("\"desiredCount\":0"), "what others scaled stays: {described}");
    served.farpost(&tree, APPLY).ends_with(3).complains(&["already-applied"]);
}

/// The plan of every example, from nothing: what is saved is what is applied, and it is used up.
#[test]
fn the_plan_of_every_example_can_be_saved() {
    let mut examples = vec![example("outposts"), example("anywhere")];
    let kinds = std::fs::read_dir(example("kinds")).unwrap().map(|entry| entry.unwrap().path());
    examples.extend(kinds.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")));
    assert!(examples.len() > 15);
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = examples.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    save_and_apply(path);
                }
            });
        }
    });
}

fn save_and_apply(example: &Path) {
    let name = example.display();
    let tree = Tree::new(&[]);
    let shown = example.to_str().unwrap();
    let check = |ran: Ran, codes: &[i32]| {
        assert!(codes.contains(&ran.code), "{name}: ended with {}\n{}{}", ran.code, ran.stdout, ran.stderr);
        ran
    };
    if example.ends_with("kinds/task.yaml") {
        // Its cluster is somebody else's.
        let cluster = "---\napiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: edge}\nspec: {}\n";
        tree.write("others.yaml", &format!("{}{cluster}", STACK.replace("name: test", "name: others")));
        check(tree.in_sandbox(&["apply", "manifests", "--yes"]), &[0]);
    }
    check(tree.in_sandbox(&["plan", shown, "--out", "plan.json"]), &[0]);
    is_described(&plan_of(&tree));
    // A host that nobody has registered is left for later.
    let ran = check(tree.in_sandbox(&["apply", "plan.json", shown, "--yes"]), &[0, 4]);
    assert!(ran.code == 4 || ran.stdout.contains("Converged"), "{name}: {}", ran.stdout);
    check(tree.in_sandbox(&["apply", "plan.json", shown, "--yes"]), &[3]);
    // Without the note, the state itself tells.
    std::fs::remove_dir_all(tree.state("plans")).unwrap();
    let again = check(tree.in_sandbox(&["apply", "plan.json", shown, "--yes"]), &[3]);
    let is_told = ["already-applied", "partly-applied", "plan-moved"].iter().any(|code| again.stderr.contains(code));
    assert!(is_told, "{name}: {}", again.stderr);
}

#[test]
fn live_secrets_are_not_in_the_file() {
    let definition = |value: &str| {
        format!(
            "apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {{name: app}}\nspec:\n  containerDefinitions:\n    \
             - name: app\n      image: public.ecr.aws/docker/library/busybox:1.36\n      memory: 64\n      \
             environment:\n        - {{name: API_MODE, value: {value}}}\n"
        )
    };
    let tree = Tree::new(&[("stack.yaml", STACK), ("app.yaml", &definition("canary-old"))]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("app.yaml", &definition("canary-new"));
    tree.in_sandbox(SAVE).ends_with(0);
    let text = tree.text("../plan.json");
    assert!(text.contains("canary-new"), "what is declared is in the manifests, too");
    assert!(!text.contains("canary-old"), "what AWS has is nobody's to keep");
    tree.in_sandbox(APPLY).ends_with(0).prints(&["Converged"]);
}

/// What is declared as sensitive is not in the file either, so the manifests come along.
#[test]
fn sensitive_values_stay_in_the_manifests() {
    let app = "apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {name: app}\n\
               lifecycle: {sensitive: [\"containerDefinitions[app].environment[MODE]\"]}\nspec:\n  containerDefinitions:\n    \
               - name: app\n      image: public.ecr.aws/docker/library/busybox:1.36\n      memory: 64\n      \
               environment:\n        - {name: MODE, value: canary-value}\n";
    let tree = Tree::new(&[("stack.yaml", STACK), ("app.yaml", app)]);
    tree.in_sandbox(SAVE).ends_with(0);
    assert!(!tree.text("../plan.json").contains("canary-value"));
    let ran = tree.in_sandbox(APPLY).ends_with(1);
    ran.complains(&["does not hold the sensitive values", "farpost apply plan.json PATH"]);
    let with = ["apply", "plan.json", "manifests", "--yes"];
    tree.write("app.yaml", &app.replace("canary-value", "other-value"));
    let ran = tree.in_sandbox(&with).ends_with(3);
    assert!(!ran.stderr.contains("canary-value") && !ran.stderr.contains("other-value"), "{}", ran.stderr);
    ran.complains(&["manifests-moved", "a sensitive value is another one"]);
    tree.write("app.yaml", app);
    let ran = tree.in_sandbox(&with).ends_with(0).prints(&["Converged"]);
    assert!(!ran.stdout.contains("canary-value") && !ran.stderr.contains("canary-value"), "{}", ran.stdout);
}

#[test]
fn what_is_refused_is_not_saved_and_what_is_no_plan_is_not_overwritten() {
    let guarded = vpc("a", "").replace("---", "lifecycle: {preventDestroy: true}\n---");
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpcs.yaml", &guarded)]);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("vpcs.yaml", &guarded.replace("10.0.", "10.1."));
    tree.in_sandbox(SAVE).ends_with(3).complains(&["prevent-destroy", "plan.json was not written"]);
    assert!(!tree.path("../plan.json").exists());
    tree.write("../plan.json", "notes\n");
    let ran = tree.in_sandbox(SAVE).ends_with(1);
    ran.complains(&["plan.json exists and is no saved plan; it is not overwritten", "another name"]);
    assert_eq!(tree.text("../plan.json"), "notes\n");
    let ran = tree.in_sandbox(&["plan", "manifests", "--out", "no/such/plan.json"]).ends_with(1);
    ran.complains(&["there is no directory no/such"]);
    tree.in_sandbox(&["plan", "manifests", "--sign", "key"]).ends_with(64).complains(&["--out"]);
}

#[test]
fn files_that_are_no_whole_plan_say_what_to_do() {
    let tree = tree();
    tree.in_sandbox(SAVE).ends_with(0);
    let whole = tree.text("../plan.json");
    let refused = |text: &str, words: &[&str]| {
        tree.write("../plan.json", text);
        tree.in_sandbox(APPLY).ends_with(3).complains(words);
    };
    refused(&whole[..whole.len() / 2], &["plan-file", "cut short or garbled", "plan again"]);
    refused(&whole[..30], &["plan-file", "plan again"]);
    refused("", &["is empty: neither manifests nor a saved plan", "interrupted copy"]);
    refused(
        &whole.replacen("\"farpostPlan\": 1", "\"farpostPlan\": 9", 1),
        &["plan-file", "a plan in format 9", "knows format 1", "the one that made it"],
    );
    refused(&whole.replace("10.0.0.0", "10.5.0.0"), &["plan-file", "changed after it was written"]);
    refused("{\"farpostPlan\": 1, \"plan\": 7}", &["plan-file", "contradicts itself"]);
    // A file of 300 MB that takes no room on the disk.
    tree.write("../plan.json", &whole);
    let file = std::fs::OpenOptions::new().write(true).open(tree.path("../plan.json")).unwrap();
    file.set_len(300 * 1024 * 1024).unwrap();
    tree.in_sandbox(APPLY).ends_with(3).complains(&["larger than 256 MiB", "plan again"]);
    std::fs::remove_file(tree.path("../plan.json")).unwrap();
    // What is for reading, two plans, a plan where manifests are asked for, and what is neither.
    let shown = tree.in_sandbox(&["plan", "manifests", "-o", "json"]).ends_with(0);
    tree.write("../shown.json", &shown.stdout);
    tree.in_sandbox(&["apply", "shown.json", "--yes"]).ends_with(1).complains(&["-o json", "--out FILE"]);
    tree.write("../one.json", &whole);
    tree.write("../two.json", &whole);
    tree.in_sandbox(&["apply", "one.json", "two.json", "--yes"]).ends_with(1).complains(&["saved plans both"]);
    tree.in_sandbox(&["plan", "one.json"]).ends_with(1).complains(&["is a saved plan", "farpost apply one.json"]);
    tree.write("../garbage", "\u{1}\u{2}{]");
    tree.in_sandbox(&["apply", "garbage", "--yes"]).ends_with(1);
    tree.in_sandbox(&["apply", "nowhere.json", "--yes"]).ends_with(3).complains(&["cannot read `nowhere.json`"]);
    // Whole again, it is applied.
    tree.in_sandbox(&["apply", "one.json", "--yes"]).ends_with(0);
}

/// A plan is its content: under another name, through a link, and after a new plan was saved over it.
#[test]
fn a_plan_is_known_by_its_content() {
    let tree = tree();
    tree.in_sandbox(SAVE).ends_with(0);
    let first = plan_of(&tree)["id"].clone();
    tree.in_sandbox(SAVE).ends_with(0);
    assert_ne!(plan_of(&tree)["id"], first, "each is one of its own");
    std::os::unix::fs::symlink("plan.json", tree.path("../link.yaml")).unwrap();
    tree.in_sandbox(&["apply", "link.yaml", "--yes"]).ends_with(0).prints(&["Converged"]);
    std::fs::copy(tree.path("../plan.json"), tree.path("../copy")).unwrap();
    tree.in_sandbox(&["apply", "copy", "--yes"]).ends_with(3).complains(&["already-applied"]);
}

/// Runs ssh-keygen, which the tests of signatures make keys with.
fn ssh_keygen(tree: &Tree, arguments: &[&str]) {
    let output = Command::new("ssh-keygen").args(arguments).current_dir(tree.path("..")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
