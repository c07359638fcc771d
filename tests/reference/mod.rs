//! Generated pages and schemas: they say what the kinds say. `UPDATE=1 cargo test reference` writes them anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use farpost::desired::STACK_KIND;
use farpost::docs::{self, kebab};
use farpost::kinds::KINDS;
use farpost::sandbox::Sandbox;
use farpost::sandbox::world::World;
use farpost::schema;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn kinds() -> Vec<&'static str> {
    std::iter::once(STACK_KIND).chain(KINDS.iter().map(|kind| kind.about().kind)).collect()
}

/// The file holds this text; with UPDATE=1 it is made to.
fn holds(path: &Path, text: &str, stale: &mut Vec<PathBuf>) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    } else if std::fs::read_to_string(path).unwrap_or_default() != text {
        stale.push(path.to_owned());
    }
}

#[test]
fn pages_and_schemas_are_up_to_date() {
    let mut stale = Vec::new();
    for kind in kinds() {
        let page = format!("<!-- Generated: UPDATE=1 cargo test reference -->\n\n{}", docs::page(kind).unwrap());
        holds(&root().join(format!("docs/kinds/{}.md", kebab(kind))), &page, &mut stale);
        let schema = serde_json::to_string_pretty(&schema::document(kind).unwrap()).unwrap() + "\n";
        holds(&root().join(format!("schemas/{kind}.json")), &schema, &mut stale);
    }
    let schema = serde_json::to_string_pretty(&schema::manifest()).unwrap() + "\n";
    holds(&root().join("schemas/manifest.json"), &schema, &mut stale);
    for (name, schema) in farpost::cli::output::schemas() {
        let schema = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        holds(&root().join(format!("schemas/output/{name}.json")), &schema, &mut stale);
    }
    holds(&root().join("docs/commands.md"), &commands(), &mut stale);
    assert!(stale.is_empty(), "run `UPDATE=1 cargo test reference`; these are stale: {stale:#?}");
}

/// The help of every command, as a page.
fn commands() -> String {
    let mut command = farpost::cli::command_line().term_width(100);
    let mut page = "<!-- Generated: UPDATE=1 cargo test reference -->\n\n# Commands\n".to_owned();
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let mut section = |name: &str, help: String| {
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    };
    section("farpost", command.render_long_help().to_string());
    for name in names.iter().filter(|name| *name != "help") {
        let sub = command.find_subcommand_mut(name).unwrap();
        section(&format!("farpost {name}"), sub.render_long_help().to_string());
        for inner in sub.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
            section(&format!("farpost {name} {}", inner.get_name()), inner.render_long_help().to_string());
        }
    }
    page
}

/// Adding a kind means one folder, one example and one line in the table; what is missing is named.
#[test]
fn every_kind_is_complete() {
    let mut missing = Vec::new();
    let sandbox = Sandbox::in_memory(World::default());
    let changelog = std::fs::read_to_string(root().join("docs/changelog.md")).unwrap();
    for kind in KINDS {
        let about = kind.about();
        let folder = root().join("src/kinds").join(kebab(about.kind).replace('-', "_"));
        for file in ["mod.rs", "spec.rs", "lower.rs", "calls.rs"] {
            if !folder.join(file).exists() {
                missing.push(folder.join(file).display().to_string());
            }
        }
        let example = root().join(format!("examples/kinds/{}.yaml", kebab(about.kind)));
        let table = root().join(format!("tests/fields/{}.yaml", kebab(about.kind)));
        missing.extend([example, table].iter().filter(|path| !path.exists()).map(|path| path.display().to_string()));
        if !changelog.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == about.kind) {
            missing.push(format!("{} in docs/changelog.md", about.kind));
        }
        let unknown = about.calls.iter().filter(|call| !sandbox_knows(&sandbox, call));
        missing.extend(unknown.map(|call| format!("{}: {call} in the sandbox", about.kind)));
        for (what, is_missing) in [
            ("a summary", about.summary.is_empty()),
            ("attributes", about.attributes.is_empty()),
            ("calls", about.calls.is_empty()),
        ] {
            if is_missing {
                missing.push(format!("{}: {what} in ABOUT", about.kind));
            }
        }
        if farpost::manifest::SpecSchema::new(kind.schema()).is_err() {
            missing.push(format!("{}: a schema that compiles", about.kind));
        }
        let undescribed = undescribed(&kind.schema());
        missing.extend(undescribed.into_iter().map(|field| format!("{}: a doc comment on {field}", about.kind)));
        let members: BTreeSet<String> = kind.schema()["properties"].as_object().unwrap().keys().cloned().collect();
        for path in about.replace.iter().chain(about.unmanaged) {
            let first = path.split(['.', '[']).next().unwrap();
            if !members.contains(first) {
                missing.push(format!("{}: ABOUT names {path}, which is no field", about.kind));
            }
        }
    }
    assert!(missing.is_empty(), "missing: {missing:#?}");
}

/// Whether the sandbox has an operation, such as `ecs:CreateCluster`, whatever it answers to an empty request.
fn sandbox_knows(sandbox: &Sandbox, call: &str) -> bool {
    let (service, operation) = call.split_once(':').unwrap();
    // Actions of the tagging service have another name than its signatures.
    let service = if service == "tag" { "tagging" } else { service };
    let scope = format!("AWS4-HMAC-SHA256 Credential=AKID/20261122/us-west-2/{service}/aws4_request");
    // One format reads the header, the others the form.
    ["{}".to_owned(), format!("Action={operation}")].into_iter().any(|body| {
        let request = http::Request::post("/")
            .header("authorization", &scope)
            .header("x-amz-target", format!("Service.{operation}"))
            .body(bytes::Bytes::from(body))
            .unwrap();
        let answer = sandbox.answer(&request).into_body();
        let said = String::from_utf8_lossy(&answer);
        ["InvalidAction", "UnknownOperationException", "SerializationException"].iter().all(|code| !said.contains(code))
    })
}

/// Fields at the top of a spec without a description.
fn undescribed(schema: &serde_json::Value) -> Vec<String> {
    let properties = schema["properties"].as_object().unwrap();
    properties.iter().filter(|(_, field)| !field["description"].is_string()).map(|(name, _)| name.clone()).collect()
}

/// Folders below `src/kinds` that the table does not know.
#[test]
fn every_folder_is_a_kind() {
    let known: BTreeSet<String> = KINDS.iter().map(|kind| kebab(kind.about().kind).replace('-', "_")).collect();
    for entry in std::fs::read_dir(root().join("src/kinds")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_kind = path.join("calls.rs").exists();
        assert!(!is_kind || known.contains(&name), "{name} is not in KINDS");
    }
}

/// The retired HTTP and TLS stacks, whose advisories will not be mended, are not in the lock file.
#[test]
fn retired_stacks_are_not_locked() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for (name, version) in [("hyper", "0.14."), ("rustls", "0.21."), ("h2", "0.3.")] {
        assert!(
            !lock.contains(&format!("name = \"{name}\"\nversion = \"{version}")),
            "{name} {version} is in Cargo.lock"
        );
    }
}

/// Every example is free of findings.
#[test]
fn examples_are_clean() {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root().join("examples/kinds")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.push(root().join("examples/outposts"));
    for path in paths {
        let (documents, mut findings) = farpost::manifest::load(std::slice::from_ref(&path), &kinds());
        let (desired, more) = farpost::desired::check(documents);
        findings.extend(more);
        let text = farpost::diagnostic::text::render(&findings, false);
        assert!(desired.is_some() && findings.is_empty(), "{}:\n{text}", path.display());
    }
}
