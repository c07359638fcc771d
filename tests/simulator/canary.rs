//! Secrets that are planted, and looked for in everything that farpost says or writes.

use std::path::Path;

use super::inventory::members;
use super::served::{SECRET_KEY, SESSION_TOKEN, Served};
use crate::support::command::Ran;

/// Everything below a folder, as text. Manifests say what they say.
fn files(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, texts);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
            texts.push((entry.display().to_string(), text));
        }
    }
}

#[test]
fn secrets_are_told_to_nobody() {
    let served = Served::start("anywhere");
    let mut said: Vec<(String, String)> = Vec::new();
    let mut note = |what: &str, ran: Ran| {
        said.push((format!("{what}: standard output"), ran.stdout));
        said.push((format!("{what}: standard error"), ran.stderr));
        ran.code
    };
    let apply: &[&str] = &["apply", "manifests", "--yes", "--audit", "audit.jsonl"];
    note("plan", served.farpost(&["plan", "manifests", "-vvv"]));
    assert_eq!(note("apply", served.farpost(&[apply, &["-vvv"][..]].concat())), 4);
    note("apply again", served.farpost(&[apply, &["-vvv", "--log-format", "json", "-o", "json"][..]].concat()));
    note("deep plan", served.farpost(&["plan", "manifests", "--deep", "-vvv", "-o", "json"]));
    note("markdown", served.farpost(&["plan", "manifests", "-o", "markdown"]));
    note("status", served.farpost(&["status", "manifests", "-vvv"]));
    // The activation is made anew, and with it a code.
    let text = served.tree.text("cluster.yaml");
    served.tree.write("cluster.yaml", &text.replace("Hosts of the quick start", "Hosts"));
    note("replace", served.farpost(&[apply, &["-vvv"][..]].concat()));
    files(served.tree.path("").parent().unwrap(), &mut said);
    let content = served.content();
    let codes: Vec<String> = members(&content["ssm"]["parameters"])
        .flat_map(|(_, parameter)| parameter["versions"].as_array().cloned().unwrap_or_default())
        .filter(|version| version["kind"] == "SecureString")
        .filter_map(|version| version["value"].as_str().map(str::to_owned))
        .collect();
    assert!(!codes.is_empty(), "no code was kept: {content:#}");
    let mut secrets: Vec<&str> = codes.iter().map(String::as_str).collect();
    secrets.extend([SECRET_KEY, SESSION_TOKEN]);
    for (what, text) in &said {
        for secret in &secrets {
            assert!(!text.contains(secret), "{what} tells {secret}:\n{text}");
        }
    }
    // Or there would be nothing to find them in.
    assert!(said.iter().any(|(_, text)| text.contains("CreateActivation")));
}
