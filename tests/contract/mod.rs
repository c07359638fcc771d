//! One contract, many answerers: `suite.py` asks with boto3 what AWS documents; the sandbox and moto are asked.
//!
//! Where an answerer departs from AWS, a file in `deviations/` says so, one name a line with the reason. A deviation
//! that appears or goes fails the run, so the files stay true. The sandbox's file is to stay empty, and every operation
//! of the sandbox is called by some check.

mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::support::python::{Moto, run_script, sandbox_server};

#[derive(Deserialize)]
struct Finding {
    name: String,
    ok: bool,
    got: String,
}

#[test]
fn sandbox() {
    let server = sandbox_server();
    let findings = compare("sandbox", &server.endpoint);
    let called: BTreeSet<&str> = findings.iter().filter_map(|finding| finding.name.strip_prefix("shape.")).collect();
    let mut unchecked = farpost::sandbox::operations();
    unchecked.retain(|operation| !called.contains(operation.replace(':', ".").as_str()));
    assert!(unchecked.is_empty(), "operations of the sandbox that no check calls: {unchecked:?}");
}

#[test]
fn moto() {
    let server = Moto::start();
    compare("moto", &server.endpoint);
}

/// Runs the suite and holds what it finds against the listed deviations.
fn compare(answerer: &str, endpoint: &str) -> Vec<Finding> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract");
    let output = run_script(&folder.join("suite.py"), &["--endpoint", endpoint], &[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "the suite failed: {}", String::from_utf8_lossy(&output.stderr));
    let findings: Vec<Finding> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(findings.len() >= 150, "only {} checks ran", findings.len());

    let path = folder.join("deviations").join(format!("{answerer}.txt"));
    let listed = std::fs::read_to_string(&path).unwrap();
    let known = deviations(&listed);
    let failed =
        findings.iter().filter(|finding| !finding.ok).map(|finding| (finding.name.as_str(), finding.got.as_str()));
    let failed: BTreeMap<&str, &str> = failed.collect();
    let new =
        failed.iter().filter(|(name, _)| !known.contains_key(**name)).map(|(name, got)| format!("new: {name}: {got}"));
    let gone = known.keys().filter(|name| !failed.contains_key(*name)).map(|name| {
        let exists = findings.iter().any(|finding| finding.name == *name);
        format!("gone: {name}: {}", if exists { "it passes now" } else { "there is no such check" })
    });
    let changes: Vec<String> = new.chain(gone).collect();
    assert!(
        changes.is_empty(),
        "{answerer} departs from AWS otherwise than {} says:\n{}",
        path.display(),
        changes.join("\n")
    );
    findings
}

/// Names and reasons of a file with `name # why` lines.
fn deviations(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, why) = line.split_once(" # ").unwrap_or_else(|| panic!("{line:?} does not say why"));
            (name.trim(), why)
        })
        .collect()
}
