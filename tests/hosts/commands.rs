//! `farpost host` on real manifests, and the whole way of a host into a sandbox.

use std::process::Stdio;

use serde_json::Value;

use super::{Machine, is_sound};
use crate::support::command::{Ran, STACK, Tree};
use crate::support::python::aws_cli;

fn tree() -> Tree {
    Tree::of_example("anywhere")
}

#[test]
fn every_form_is_written() {
    let tree = tree();
    for (format, begin) in [
        ("sh", "#!/usr/bin/env bash\n"),
        ("cloud-init", "#cloud-config\n"),
        ("vagrant", "# -*- mode: ruby -*-\n"),
        ("ansible", "---\n"),
    ] {
        let ran =
            tree.run(&["host", "bootstrap", "ExternalInstance/till-1", "manifests", "--format", format]).ends_with(0);
        assert!(ran.stdout.starts_with(begin) && ran.stderr.is_empty(), "{format}:\n{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(r#""farpost/resource":"ExternalInstance/till-1""#), "{format}:\n{}", ran.stdout);
    }
    let file = tree.path("../bootstrap.sh");
    let out = ["host", "bootstrap", "ExternalInstance/till-2", "manifests", "--out", file.to_str().unwrap()];
    tree.run(&out).ends_with(0).complains(&["wrote "]);
    let rights = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(rights & 0o111, (rights & 0o444) >> 2, "who may read it may run it: {rights:o}");
    is_sound(&std::fs::read_to_string(file).unwrap());
    tree.write("till-2.yaml", &tree.text("till-2.yaml").replace("ubuntu-22.04", "windows-2022"));
    let windows = tree.run(&["host", "bootstrap", "ExternalInstance/till-2", "manifests"]).ends_with(0);
    windows.prints(&[
        "#Requires -Version 5.1\n",
        "$SystemBuild = '20348'\n",
        "-ActivationID $id -ActivationCode $code",
    ]);
}

#[test]
fn wrong_questions_are_answered() {
    let tree = tree();
    let asked = |address: &str| tree.run(&["host", "bootstrap", address, "manifests"]);
    asked("ExternalInstance/till-9")
        .ends_with(1)
        .complains(&["is not declared", "did you mean ExternalInstance/till-1?"]);
    asked("Cluster/anywhere").ends_with(1).complains(&["Cluster/anywhere is no host", "ExternalInstance/till-1"]);
    asked("till-1").ends_with(64).complains(&["is not an address"]);
    tree.run(&["host", "cost", "manifests", "--price", "-1"]).ends_with(64);
    tree.run(&["host", "cost", "manifests", "--price=nan"]).ends_with(64);
    let elsewhere = tree.run(&["host", "check", "manifests", "--region", "eu-west-1"]).ends_with(1);
    elsewhere.complains(&["belongs to region us-west-2; eu-west-1 was asked for"]);
    let alone = Tree::new(&[("stack.yaml", STACK)]);
    let none = alone.run(&["host", "bootstrap", "ExternalInstance/a", "manifests"]).ends_with(1);
    none.complains(&["the stack declares no host"]);
}

#[test]
fn endpoints_and_costs_of_a_stack() {
    let tree = tree();
    let text = tree.run(&["host", "endpoints", "manifests"]).ends_with(0);
    text.prints(&[
        "ecs-a-*.us-west-2.amazonaws.com",
        "logs.us-west-2.amazonaws.com",
        "public.ecr.aws",
        "archive.ubuntu.com",
    ]);
    let asked = tree.run(&["host", "endpoints", "manifests", "--format", "json"]).ends_with(0).json();
    assert_eq!(asked, tree.run(&["host", "endpoints", "manifests", "-o", "json"]).ends_with(0).json());
    fits("host-endpoints", &asked);
    assert_eq!(asked["regions"], serde_json::json!(["us-west-2"]));
    tree.run(&["host", "endpoints", "manifests", "--format", "squid"])
        .ends_with(0)
        .prints(&["http_access deny farpost_hosts"]);
    let rules = tree
        .run(&["host", "endpoints", "manifests", "--format", "nftables"])
        .ends_with(0)
        .prints(&["table inet farpost {"]);
    fills_sets(&rules.stdout);

    let cost = tree.run(&["host", "cost", "manifests", "-o", "json"]).ends_with(0).json();
    fits("host-cost", &cost);
    assert_eq!((cost["total"].as_f64(), cost["priceFrom"].as_str()), (Some(14.97), Some("default")));
    tree.run(&["host", "cost", "manifests", "--hours", "10", "--price", "0.5"]).ends_with(0).prints(&["= USD 10.00\n"]);
    tree.write(
        "stack.yaml",
        &tree.text("stack.yaml").replace("spec:\n", "spec:\n  externalInstanceHourlyPrice: 0.02\n"),
    );
    tree.run(&["host", "cost", "manifests"])
        .ends_with(0)
        .prints(&["USD 0.02 = USD 29.20\n", "from the Stack document"]);
}

fn fits(name: &str, output: &Value) {
    let path = format!("{}/schemas/output/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(output).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{output:#}");
}

/// The commands in the comments of the ruleset do what they say.
fn fills_sets(rules: &str) {
    let machine = Machine::new();
    machine.command("getent", "[ \"$2\" = public.ecr.aws ] && echo '192.0.2.7 STREAM x'; true");
    machine.command("nft", "");
    let file = machine.path("rules.nft");
    std::fs::write(&file, rules).unwrap();
    let commands: String = rules
        .lines()
        .skip_while(|line| !line.starts_with("#   awk"))
        .take_while(|line| line.starts_with("#   "))
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    let script = commands.replace("THIS_FILE", &format!("'{}'", file.display()));
    machine.run(&script, &[], "").ends_with(0);
    assert!(machine.calls().contains("getent ahostsv4 ecs.us-west-2.amazonaws.com\n"), "{}", machine.calls());
    assert!(
        machine.calls().contains("nft add element inet farpost tcp_443 { 192.0.2.7 timeout 1h }\n"),
        "{}",
        machine.calls()
    );
}

/// A sandbox that serves while this lives.
struct Served {
    process: std::process::Child,
    url: String,
    tree: Tree,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Served {
    fn start() -> Self {
        let tree = tree();
        let mut process = tree.command(&["sandbox", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(process.stdout.take().unwrap()), &mut line).unwrap();
        Self { process, url: line.trim().to_owned(), tree }
    }

    fn farpost(&self, arguments: &[&str]) -> Ran {
        let mut command = self.tree.command(&[arguments, &["--endpoint-url", &self.url]].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        command.output().unwrap().into()
    }
}

/// The script as it is written brings a host into a sandbox: the AWS CLI reads code and id there, the stand-in of the
/// vendor's installer registers with what it got, and the next apply finds the host by the tags in its settings.
#[test]
fn a_host_comes_into_its_cluster() {
    let served = Served::start();
    let url = &served.url;
    let first = served.farpost(&["apply", "manifests", "--yes"]).ends_with(4);
    first.prints(&["farpost host bootstrap ExternalInstance/till-1"]);

    for host in ["till-1", "till-2"] {
        let script =
            served.tree.run(&["host", "bootstrap", &format!("ExternalInstance/{host}"), "manifests"]).ends_with(0);
        let machine = Machine::new();
        let here = machine.directory.path().display().to_string();
        let config = machine.root().join("etc/ecs/ecs.config").display().to_string();
        machine.command(
            "aws",
            &format!(
                "AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x exec '{}' --endpoint-url {url} \"$@\"",
                aws_cli().display()
            ),
        );
        machine.command("gpg", "echo '[GNUPG:] VALIDSIG x F34C3DDAE72926B079BEAEC6BCE9D9A42D51784F'");
        machine.command("iptables", "case \"$*\" in *-C*) exit 1 ;; esac");
        let installer = format!(
            "set -e\n\
             while [ \"$1\" ]; do case \"$1\" in --activation-id) id=$2 ;; --activation-code) code=$2 ;; --cluster) cluster=$2 ;; esac; shift; done\n\
             attributes=$(sed -n 's/^ECS_INSTANCE_ATTRIBUTES=//p' '{config}')\n\
             tags=$(sed -n 's/^ECS_CONTAINER_INSTANCE_TAGS=//p' '{config}')\n\
             printf '{{\"activationId\": \"%s\", \"activationCode\": \"%s\", \"cluster\": \"%s\", \"computerName\": \"{host}\", \
             \"attributes\": %s, \"tags\": %s}}' \"$id\" \"$code\" \"$cluster\" \"$attributes\" \"$tags\" |\n\
             \x20 command curl register\n\
             touch '{here}/started'\n"
        );
        std::fs::write(machine.path("installer"), installer).unwrap();
        machine.command("curl", &format!(
            "case \"$*\" in\n\
             register) PATH=${{PATH#*:}} exec curl --silent --show-error --fail-with-body --data @- {url}/_sandbox/hosts ;;\n\
             *51678*) [ -e '{here}/started' ] && echo '{{\"Cluster\":\"anywhere\",\"ContainerInstanceArn\":\"arn\"}}' || exit 7 ;;\n\
             *-o*ecs-anywhere-install.sh\\ *) while [ \"$1\" != -o ]; do shift; done; cp '{here}/installer' \"$2\" ;;\n\
             *) while [ \"$1\" != -o ]; do shift; done; echo x >\"$2\" ;;\nesac"
        ));
        machine
            .run(&script.stdout, &[], "")
            .ends_with(0)
            .prints(&[&format!("in the cluster anywhere as ExternalInstance/{host}.")]);
    }
    served.farpost(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    served.farpost(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0);
    served.farpost(&["status", "manifests"]).ends_with(0).prints(&["till-1", "till-2"]);
}
