//! What is around the command: credentials, variables, disks, the target that it was given.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use crate::support::command::{Ran, STACK, Tree};

const GROUP: &str = "apiVersion: farpost/v1\nkind: LogGroup\nmetadata: {name: g}\nspec: {logGroupName: /g}\n";

fn tree() -> Tree {
    Tree::new(&[("stack.yaml", STACK), ("g.yaml", GROUP)])
}

/// Whose signature the first call has, and how the run ended.
fn signer(profile: &str) -> (String, Ran) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 16384];
            let length = stream.read(&mut buffer).unwrap_or(0);
            tell.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).ok();
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
        }
    });
    let tree = tree();
    tree.write("../credentials", "[good]\naws_access_key_id = AKIAGOODPROFILE\naws_secret_access_key = y\n");
    let mut command = tree.command(&["plan", "manifests", "--profile", profile, "--endpoint-url", &url]);
    command.env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT").env("AWS_SECRET_ACCESS_KEY", "x");
    command.env("AWS_SHARED_CREDENTIALS_FILE", tree.path("../credentials")).env("AWS_CONFIG_FILE", "/dev/null");
    let ran = command.output().unwrap().into();
    (told.try_recv().unwrap_or_default(), ran)
}

#[test]
fn a_profile_that_is_named_is_the_one_that_is_used() {
    let (request, _) = signer("good");
    assert!(request.contains("Credential=AKIAGOODPROFILE/"), "{request}");
    let (request, ran) = signer("nope");
    assert_eq!(request, "");
    ran.ends_with(1).complains(&["nope"]);
}

#[test]
fn a_disk_that_is_full_is_no_success() {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    for arguments in [&["schema"][..], &["lint", "manifests", "-o", "json"]] {
        let ran: Ran = tree().command(arguments).stdout(full()).output().unwrap().into();
        ran.ends_with(1).complains(&["standard output cannot be written"]);
    }
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let tree = tree();
    let sandbox = format!("--sandbox={}", tree.sandbox().display());
    let mut command = tree.command(&["apply", "manifests", "--yes", &sandbox]);
    let ran: Ran = command.env("FARPOST_AUDIT", "").output().unwrap().into();
    ran.ends_with(0).prints(&["Converged"]);
}

/// Without the target the same command would be about an account.
#[test]
fn a_command_to_copy_leads_to_the_same_place() {
    let tree = tree();
    let target = format!("--sandbox={}", tree.sandbox().display());
    tree.in_sandbox(&["destroy", "manifests", "--yes"])
        .ends_with(3)
        .complains(&[&format!("farpost destroy manifests --stack test --yes {target}")]);
    tree.in_sandbox(&["plan", "manifests", "--out", "a plan.json"])
        .ends_with(0)
        .complains(&[&format!("farpost apply 'a plan.json' {target}")]);
}

#[test]
fn what_was_sensitive_is_not_told_when_its_manifest_is_gone() {
    const DEFINITION: &str = "apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {name: d}\nspec: \
                              {requiresCompatibilities: [EC2], containerDefinitions: [{name: c, image: nginx, memory: 64, \
                              command: [run, --token, s3cr3t-w0rd]}]}\n\
                              lifecycle: {sensitive: [\"containerDefinitions[c].command\"]}\n";
    let tree = tree();
    tree.write("d.yaml", DEFINITION);
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.remove("d.yaml");
    let plan = tree.in_sandbox(&["plan", "manifests", "-o", "json", "--out", "p.json"]).ends_with(0);
    assert!(plan.stdout.contains("TaskDefinition") && !plan.stdout.contains("s3cr3t"), "{}", plan.stdout);
    let saved = tree.text("../p.json");
    assert!(saved.contains("TaskDefinition") && !saved.contains("s3cr3t"), "{saved}");
    let destroyed = tree.in_sandbox(&["destroy", "--stack", "test", "--yes", "-o", "json"]).ends_with(0);
    assert!(
        destroyed.stdout.contains("TaskDefinition") && !destroyed.stdout.contains("s3cr3t"),
        "{}",
        destroyed.stdout
    );
}

#[test]
fn a_destroy_has_the_patience_that_the_manifests_give_it() {
    let tree = tree();
    tree.write("g.yaml", &format!("{GROUP}lifecycle: {{timeouts: {{delete: 7m}}}}\n"));
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    let plan = tree.in_sandbox(&["destroy", "manifests", "--stack", "test", "--yes", "-o", "json"]).ends_with(0).json();
    assert_eq!(plan["plan"]["changes"][0]["timeouts"]["delete"], 420, "{plan:#}");
}
