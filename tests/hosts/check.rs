//! The check script on a machine of stubs.

use farpost::hosts::check::{For, write};
use serde_json::{Value, json};

use super::{Machine, is_sound, parameter, stack};

fn script() -> String {
    write(For::Stack(&stack(json!({"operatingSystem": "ubuntu-22.04"}), parameter())))
}

/// A machine on which nothing is wrong, with a network that answers.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.command("curl", "case \"$*\" in *-D*) LC_ALL=C date -u '+Date: %a, %d %b %Y %H:%M:%S GMT' ;; esac");
    machine.command("df", "printf 'h\\nd 9 9 9999999 1%% /\\n'");
    machine
}

/// The result of each check, by name.
fn results(machine: &Machine, arguments: &[&str], code: i32) -> Value {
    let ran = machine.run(&script(), &[&["--json"], arguments].concat(), "").ends_with(code);
    let told = ran.json();
    assert_eq!(told["ok"], code == 0, "{told:#}");
    assert_eq!(told["formatVersion"], 1);
    let checks = told["checks"].as_array().unwrap();
    checks
        .iter()
        .map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn scripts_are_sound() {
    is_sound(&script());
    is_sound(&write(For::Region(None)));
    assert!(write(For::Region(Some("us-west-2"))).contains("\nregion='us-west-2'\n"));
}

#[test]
fn a_good_host_passes() {
    let machine = machine();
    let told = results(&machine, &[], 0);
    for name in [
        "system",
        "architecture",
        "root",
        "systemd",
        "packages",
        "docker",
        "selinux",
        "cgroups",
        "iptables",
        "credentials",
        "leftovers",
        "ports",
        "space",
        "dns",
        "clock",
    ] {
        assert_eq!(told[name]["result"], "ok", "{name}: {told:#}");
    }
    for name in ["ecs.eu-north-1.amazonaws.com", "ecs-a-1.eu-north-1.amazonaws.com", "registry-1.docker.io"] {
        assert_eq!(told[format!("endpoint {name}")]["result"], "ok", "{name}: {told:#}");
    }
    assert_eq!(told["system"]["message"], "Ubuntu 22.04 is supported");
    machine
        .run(&script(), &[], "")
        .ends_with(0)
        .prints(&["ok    system: Ubuntu 22.04 is supported\n", "\n0 failed, 0 warnings, "]);
}

#[test]
fn each_thing_that_is_wrong_fails() {
    let tcp = "  sl  local_address rem_address   st\n   0: 00000000:1F90 00000000:0000 0A\n";
    let wrong: &[(&str, &str, &str, &str)] = &[
        ("system", "etc/os-release", "ID=debian\nVERSION_ID=\"9\"\n", "2022-06-30"),
        ("system", "etc/os-release", "ID=centos\nVERSION_ID=\"8\"\nNAME=\"CentOS Linux\"\n", "2021-12-31"),
        ("selinux", "sys/fs/selinux/enforce", "1", "permissive"),
        ("credentials", "root/.aws/credentials", "x", "/root/.aws/credentials"),
        ("credentials", "home/me/.aws/credentials", "x", "/home/me/.aws/credentials"),
        ("credentials", "etc/environment", "AWS_ACCESS_KEY_ID=x\n", "/etc/environment"),
        ("leftovers", "var/lib/ecs/data/agent.db", "x", "agent.db"),
        ("leftovers", "etc/ecs/ecs.config", "ECS_CLUSTER=other\n", "ECS_CLUSTER=other"),
        ("ports", "proc/net/tcp", tcp, "8080"),
    ];
    for (name, file, content, told) in wrong {
        let machine = machine();
        machine.file(file, content);
        let check = &results(&machine, &["--no-network"], 1)[*name];
        assert_eq!(check["result"], "fail", "{name}: {check:#}");
        assert!(check.to_string().contains(told), "{name}: {check:#}");
    }
    let machine = machine();
    machine.remove("run/systemd");
    machine.command("uname", "echo armv7l");
    let told = results(&machine, &["--no-network"], 1);
    assert_eq!([&told["systemd"]["result"], &told["architecture"]["result"]], ["fail", "fail"]);
}

#[test]
fn systems_are_told_apart() {
    for (release, result, message) in [
        ("ID=centos\nVERSION_ID=8\nNAME=\"CentOS Stream\"\n", "warn", "CentOS Stream 8 is not on AWS's list any more"),
        ("ID=\"rhel\"\nVERSION_ID=\"8.6\"\n", "ok", "Red Hat Enterprise Linux 8 is supported"),
        ("ID=opensuse-tumbleweed\nVERSION_ID=20261101\n", "ok", "openSUSE Tumbleweed is supported"),
        (
            "ID=nixos\nVERSION_ID=26\nPRETTY_NAME='NixOS 26'\n",
            "warn",
            "NixOS 26 is not on the list of supported systems",
        ),
    ] {
        let machine = machine();
        machine.file("etc/os-release", release);
        let told = results(&machine, &["--no-network"], 0);
        assert_eq!(
            (&told["system"]["result"], &told["system"]["message"]),
            (&json!(result), &json!(message)),
            "{release}"
        );
    }
}

#[test]
fn a_network_that_does_not_let_through_fails() {
    let machine = machine();
    machine.command("curl", "case \"$*\" in *ssmmessages*) exit 28 ;; *s3-r-w*) exit 7 ;; *//ecs.*) exit 60 ;; esac");
    let told = results(&machine, &[], 1);
    let of = |name: &str| &told[format!("endpoint {name}.eu-north-1.amazonaws.com")];
    assert_eq!(
        (&of("ssmmessages")["result"], of("ssmmessages")["message"].as_str().unwrap().starts_with("no answer in time")),
        (&json!("fail"), true)
    );
    assert!(of("ecs")["message"].as_str().unwrap().starts_with("TLS failed"));
    // Not everything needs it.
    assert_eq!(of("s3-r-w")["result"], "warn");
    machine.command("getent", "exit 2");
    assert_eq!(results(&machine, &[], 1)["dns"]["result"], "fail");
}

#[test]
fn a_clock_that_is_off_fails() {
    let machine = machine();
    machine.command("curl", "case \"$*\" in *-D*) echo 'date: Sun, 01 Mar 2020 10:00:00 GMT' ;; esac");
    assert_eq!(results(&machine, &[], 1)["clock"]["result"], "fail");
}

#[test]
fn without_manifests_the_region_is_an_option() {
    let machine = machine();
    let script = write(For::Region(None));
    let told = machine.run(&script, &["--json"], "").ends_with(0).json();
    let skipped = told["checks"].as_array().unwrap().iter().find(|check| check["name"] == "endpoints").unwrap();
    assert_eq!(skipped["result"], "skip");
    machine
        .run(&script, &["--json", "--region", "cn-north-1"], "")
        .ends_with(0)
        .prints(&["endpoint ecs-a-1.cn-north-1.amazonaws.com.cn"]);
    machine.run(&script, &["--what"], "").ends_with(64).complains(&["there is no option --what"]);
}
