//! What `-o json` prints fits the schemas that are published for it.

use serde_json::Value;

use crate::support::command::{STACK, Tree};

const VPC: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: edge}\nspec: {cidrBlock: 10.0.0.0/16}\n";

fn fits(name: &str, output: &Value) {
    let path = format!("{}/schemas/output/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(output).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{output:#}");
    assert!(output["formatVersion"] == 1 || name == "audit");
}

/// Each call that changes something is in the audit, and nothing of what was sent.
#[test]
fn what_is_written_is_recorded() {
    let tree = Tree::of_example("outposts");
    std::fs::create_dir(tree.path("../audit")).unwrap();
    let audited = |command: &[&str]| tree.in_sandbox(&[command, &["--yes", "--audit", "audit"]].concat()).ends_with(0);
    audited(&["apply", "manifests"]);
    let files = || -> Vec<std::path::PathBuf> {
        let found = std::fs::read_dir(tree.path("../audit")).unwrap();
        found.map(|entry| entry.unwrap().path()).collect()
    };
    let text = files().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<String>();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(|line| fits("audit", line));
    for (operation, resource) in [
        ("ec2:CreateVpc", "Vpc/edge"),
        ("ec2:RunInstances", "Instance/outpost"),
        ("iam:CreateRole", "Role/ecs-instance"),
        ("ecs:CreateService", "Service/web"),
    ] {
        let of = |line: &&Value| line["operation"] == operation && line["outcome"] == "done";
        let found = lines.iter().find(of).unwrap_or_else(|| panic!("{operation} in\n{text}"));
        assert!(found["resource"].as_str().unwrap().starts_with(resource.split('/').next().unwrap()), "{found}");
        assert!(found["requestId"].is_string(), "{found}");
    }
    assert!(!text.contains("Describe") && !text.contains("10.0."), "{text}");
    // A second run has nothing to write; a third deletes.
    audited(&["apply", "manifests"]);
    audited(&["destroy", "manifests", "--stack", "store-17"]);
    let all = files().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<String>();
    assert!(all.lines().count() > lines.len() && all.contains("ec2:DeleteVpc"), "{all}");
    tree.in_sandbox(&["apply", "manifests", "--yes", "--audit", "no/such/folder/file"])
        .ends_with(1)
        .complains(&["no/such/folder/file", "nothing was changed"]);
}

#[test]
fn every_json_output_fits_its_schema() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", VPC)]);
    fits("lint", &tree.run(&["lint", "manifests", "-o", "json"]).ends_with(0).json());
    fits("failure", &tree.run(&["plan", "manifests", "-o", "json"]).ends_with(1).json());
    fits("plan", &tree.in_sandbox(&["plan", "manifests", "-o", "json"]).ends_with(0).json());
    let applied = tree.in_sandbox(&["apply", "manifests", "--yes", "-o", "json", "--log-format", "json"]).ends_with(0);
    fits("apply", &applied.json());
    let events: Vec<Value> = applied.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last().unwrap()["event"], "done");
    fits("status", &tree.in_sandbox(&["status", "manifests", "-o", "json"]).ends_with(0).json());
    let plan = tree.in_sandbox(&["plan", "manifests", "-o", "json"]).ends_with(0).json();
    fits("plan", &plan);
    assert!(plan["calls"]["tag:GetResources"].as_u64().unwrap() >= 1);
    tree.write("vpc.yaml", &VPC.replace("cidrBlock", "cidrBlok"));
    fits("lint", &tree.run(&["lint", "manifests", "-o", "json"]).ends_with(1).json());
    fits("failure", &tree.in_sandbox(&["plan", "manifests", "-o", "json"]).ends_with(1).json());
}
