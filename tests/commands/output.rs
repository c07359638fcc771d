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
    assert_eq!(output["formatVersion"], 1);
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
