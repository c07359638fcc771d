//! Secrets that are planted, and looked for in everything that farpost says or writes. What a panic says is tested where
//! that is written (`src/cli/bug.rs`).

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::served::{SECRET_KEY, SESSION_TOKEN, Served};
use crate::support::command::Ran;

/// Values of variables: one that is said to be sensitive, what it is later, and one that looks like it.
const PIN: &str = "canary-pin-4711";
const OTHER_PIN: &str = "canary-pin-4712";
const PASSWORD: &str = "canary-password-4713";

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
    // Also what is a variable of a container, whether somebody said so or it looks like a secret.
    let text = served.tree.text("app.yaml");
    let variables = format!(
        "      environment: [{{name: PIN, value: {PIN}}}, {{name: DB_PASSWORD, value: {PASSWORD}}}]\n      cpu: 256\n"
    );
    let lifecycle = "lifecycle: {sensitive: ['containerDefinitions[nginx].environment[PIN]']}\n";
    let text = text.replacen("spec:\n  requires", &format!("{lifecycle}spec:\n  requires"), 1);
    let text = text.replace("      cpu: 256\n", &variables);
    served.tree.write("app.yaml", &text);
    note("lint", served.tree.run(&["lint", "manifests"]));
    note("lint, SARIF", served.tree.run(&["lint", "manifests", "-o", "sarif"]));
    let apply: &[&str] = &["apply", "manifests", "--yes", "--audit", "audit.jsonl"];
    note("plan", served.farpost(&["plan", "manifests", "-vvv"]));
    assert_eq!(note("apply", served.farpost(&[apply, &["-vvv"][..]].concat())), 4);
    note("apply again", served.farpost(&[apply, &["-vvv", "--log-format", "json", "-o", "json"][..]].concat()));
    note("deep plan", served.farpost(&["plan", "manifests", "--deep", "-vvv", "-o", "json"]));
    note("markdown", served.farpost(&["plan", "manifests", "-o", "markdown"]));
    note("status", served.farpost(&["status", "manifests", "-vvv"]));
    // Another value, a difference between two trees, and a declaration that is gone.
    let (first, second) = (served.tree.text("app.yaml"), served.tree.text("app.yaml").replace(PIN, OTHER_PIN));
    served.tree.write("app.yaml", &second);
    note("changed", served.farpost(&["plan", "manifests"]));
    note("changed, JSON", served.farpost(&["plan", "manifests", "-o", "json"]));
    note("changed, Markdown", served.farpost(&["plan", "manifests", "-o", "markdown"]));
    note("saved", served.farpost(&["plan", "manifests", "--out", "plan.json"]));
    served.tree.remove("app.yaml");
    note("gone, JSON", served.farpost(&["plan", "manifests", "-o", "json", "--max-deletes", "9"]));
    served.tree.write("app.yaml", &first);
    // The activation is made anew, and with it a code.
    let text = served.tree.text("cluster.yaml");
    served.tree.write("cluster.yaml", &text.replace("Hosts of the quick start", "Hosts"));
    note("replace", served.farpost(&[apply, &["-vvv"][..]].concat()));
    note("destroy", served.farpost(&["destroy", "manifests", "--stack", "anywhere", "--yes", "-vvv", "-o", "json"]));
    // Manifests say what they say.
    served.tree.remove("app.yaml");
    files(served.tree.path("").parent().unwrap(), &mut said);
    let codes = served.kept();
    assert!(codes.len() >= 2, "two activations were made: {codes:?}");
    let mut secrets: Vec<&str> = codes.iter().map(String::as_str).collect();
    secrets.extend([SECRET_KEY, SESSION_TOKEN, PIN, OTHER_PIN, PASSWORD]);
    for (what, text) in &said {
        for secret in &secrets {
            assert!(!text.contains(secret), "{what} tells {secret}:\n{text}");
        }
    }
    // Or there would be nothing to find them in.
    assert!(said.iter().any(|(_, text)| text.contains("CreateActivation")));
}

/// Answers that break off amid a code: nothing of what is left of them is told.
#[test]
fn half_an_answer_is_told_to_nobody() {
    const FAULTS: &str =
        "rules: [{fault: truncated, operations: ['ssm:CreateActivation', 'ssm:PutParameter'], times: 2}]";
    let served = Served::among(FAULTS, "anywhere");
    let apply: &[&str] = &["apply", "manifests", "--yes", "-vvv"];
    let ran = [served.farpost(apply), served.farpost(apply)];
    assert_eq!(ran[1].code, 4, "{}{}", ran[1].stdout, ran[1].stderr);
    let kept = served.kept();
    let state = served.content().to_string();
    let digest = |text: &[u8]| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // The sandbox knows codes by their digests only; of each that was kept it has, or had, one.
    assert!(kept.iter().any(|code| state.contains(&digest(code.as_bytes()))), "{kept:?}");
    let mut tried = 0;
    for ran in &ran {
        let said = [ran.stdout.as_str(), ran.stderr.as_str()].join("\n");
        for code in &kept {
            assert!(!said.contains(code), "{code} in:\n{said}");
        }
        let is_code = |window: &&[u8]| window.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
        for window in said.as_bytes().windows(20).filter(is_code) {
            tried += 1;
            let text = String::from_utf8_lossy(window);
            assert!(!state.contains(&digest(window)), "the code {text} is told in:\n{said}");
        }
    }
    assert!(tried > 100, "{tried}");
}
