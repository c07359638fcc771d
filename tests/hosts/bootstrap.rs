//! The shell script: dry, and for real on a machine of stubs.

use farpost::hosts::bootstrap::Format;
use serde_json::json;

use super::{Machine, hostile, is_sound, parameter, written};

/// What must be seen nowhere.
const CODE: &str = "canaryCODEcanary1234";
const ID: &str = "0a1b2c3d-0000-4000-8000-0123456789ab";
const METADATA: &str =
    r#"{"Cluster":"stores","ContainerInstanceArn":"arn:aws:ecs:eu-north-1:1:container-instance/stores/1"}"#;

/// An installer that looks at how it was called, and then stands for an agent that has started.
fn installer(machine: &Machine) -> String {
    let path = machine.directory.path().display();
    format!(
        "set -e\n\
         process=$BASHPID\n\
         tr '\\0' ' ' </proc/$process/cmdline >'{path}/cmdline'\n\
         tr '\\0' '\\n' </proc/$process/environ >'{path}/environ'\n\
         while :; do case \"$1\" in '') break ;; --activation-code) code=$2; shift 2 ;; *) echo \"$1\" >>'{path}/arguments'; shift ;; esac; done\n\
         [ \"$code\" = '{CODE}' ] && touch '{path}/got-the-code'\n\
         [ -z \"$UNSET_BY_THE_INSTALLER\" ]\n\
         touch '{path}/started'\n\
         echo installed\n"
    )
}

/// A machine with an AWS that tells the code, and a vendor whose installer starts an agent.
fn machine() -> Machine {
    let machine = Machine::new();
    let path = machine.directory.path().display().to_string();
    std::fs::write(machine.path("installer"), installer(&machine)).unwrap();
    machine.command(
        "curl",
        &format!(
            "for last; do :; done\ncase \"$*\" in\n\
             *51678*) [ -e '{path}/started' ] && echo '{METADATA}' || exit 7 ;;\n\
             *-o*ecs-anywhere-install.sh\\ *) while [ \"$1\" != -o ]; do shift; done; cp '{path}/installer' \"$2\" ;;\n\
             *) while [ \"$1\" != -o ]; do shift; done; echo x >\"$2\" ;;\nesac"
        ),
    );
    machine.command(
        "gpg",
        "case \"$*\" in *--verify*) echo '[GNUPG:] VALIDSIG D64B 2026-01-01 1 0 4 0 1 10 00 F34C3DDAE72926B079BEAEC6BCE9D9A42D51784F' ;; esac",
    );
    machine.command(
        "aws",
        &format!(
            "[ \"$AWS_ACCESS_KEY_ID$1\" ] && case \"$*\" in\n\
             *get-parameter*|*get-secret-value*) echo '{CODE}' ;;\n\
             *describe-*) echo 'farpost: code of activation {ID}' ;;\nesac"
        ),
    );
    machine.command("iptables", "case \"$*\" in *-C*) exit 1 ;; esac");
    machine
}

fn text(machine: &Machine, name: &str) -> String {
    std::fs::read_to_string(machine.path(name)).unwrap_or_default()
}

#[test]
fn scripts_are_sound() {
    let systems = farpost::hosts::systems().systems.iter().filter(|system| {
        system.status != farpost::hosts::Status::Ended && system.family != farpost::hosts::Family::Windows
    });
    let first = systems.clone().next().unwrap().id.clone();
    for system in systems {
        let script = written(json!({"operatingSystem": system.id}), parameter(), Format::Shell);
        // They differ in values alone, so one is enough for the slow one.
        if system.id == first {
            is_sound(&script);
        }
        assert!(script.contains(&format!("docker_source='{}'", system.docker_install_source())), "{}", system.id);
    }
    is_sound(&written(hostile(), json!({"secret": "it's $HOME"}), Format::Shell));
    is_sound(&written(json!({}), json!({"file": "codes/stores.json"}), Format::Shell));
}

#[test]
fn a_dry_run_calls_nothing() {
    let machine = machine();
    let script = written(hostile(), parameter(), Format::Shell);
    let ran = machine.run(&script, &["--dry-run", "--activation-id", ID], "").ends_with(0);
    let ran = ran.prints(&[
        "+ aws ssm get-parameter --region eu-north-1 --name /ecs-anywhere/stores/code --with-decryption",
        "+ write /etc/ecs/ecs.config, mode 0600:\n",
        "    ECS_IMAGE_PULL_BEHAVIOR=prefer-cached\n",
        "    ECS_ENABLE_TASK_IAM_ROLE=true\n",
        "\"farpost/resource\":\"ExternalInstance/till-1\"",
        "    ECS_LOGLEVEL=in fo\n",
        "$(touch /tmp/farpost-was-here)",
        "+ sysctl -w net.ipv4.conf.all.route_localnet=1\n",
        "+ iptables -t nat -A PREROUTING -p tcp -d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679\n",
        "+ iptables -t nat -A OUTPUT -d 169.254.170.2 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679\n",
        "https://amazon-ecs-agent.s3.amazonaws.com/ecs-anywhere-install-latest.sh\n",
        "--region eu-north-1 --cluster stores --docker-install-source all --enable-gpu --activation-id",
        "+ curl -fsS http://localhost:51678/v1/metadata\n",
    ]);
    assert_eq!(ran.stderr, "", "nothing stands in the way");
    let order = ["ecs.config", "sysctl -w", "ecs-anywhere-install.sh --region"].map(|what| ran.stdout.find(what));
    assert!(order.is_sorted(), "the settings come before the installer: {order:?}");
    let calls = machine.calls();
    let innocent = ["id ", "uname ", "nvidia-smi "];
    let guilty: Vec<&str> = calls.lines().filter(|call| !innocent.iter().any(|name| call.starts_with(name))).collect();
    assert!(guilty.is_empty(), "a dry run called {guilty:?}");
    assert!(!machine.root().join("etc/ecs").exists() && !std::path::Path::new("/tmp/farpost-was-here").exists());
}

#[test]
fn a_dry_run_needs_neither_root_nor_a_code() {
    let machine = machine();
    machine.command("id", "echo 1000");
    for code in [parameter(), json!({"secret": "code"}), json!({"file": "code.json"})] {
        let script = written(json!({}), code, Format::Shell);
        machine.run(&script, &["--dry-run"], "").ends_with(0).prints(&["--activation-code CODE"]);
    }
    machine.run(&written(json!({}), parameter(), Format::Shell), &[], "").ends_with(1).complains(&["this needs root"]);
}

#[test]
fn the_code_gets_to_the_installer_and_nowhere_else() {
    for (code, asked) in
        [(parameter(), "aws ssm get-parameter"), (json!({"secret": "s"}), "aws secretsmanager get-secret")]
    {
        let machine = machine();
        let script = written(hostile(), code, Format::Shell);
        let ran = machine.run(&script, &[], "").ends_with(0);
        let ran = ran.prints(&["installed\n", "This host is in the cluster stores as ExternalInstance/till-1.\n"]);
        assert!(machine.path("got-the-code").exists());
        assert!(machine.calls().contains(asked), "{}", machine.calls());
        assert!(
            text(&machine, "arguments").contains(&format!("--activation-id\n{ID}\n")),
            "{}",
            text(&machine, "arguments")
        );
        assert!(!text(&machine, "cmdline").is_empty() && !text(&machine, "environ").is_empty());
        for seen in [&ran.stdout, &ran.stderr, &machine.calls(), &script] {
            assert!(!seen.contains(CODE), "{seen}");
        }
        std::fs::remove_file(machine.path("installer")).unwrap();
        assert_eq!(machine.files_with(CODE), Vec::<std::path::PathBuf>::new());
        let config = machine.root().join("etc/ecs/ecs.config");
        assert!(std::fs::read_to_string(&config).unwrap().contains("ECS_INSTANCE_ATTRIBUTES={\"site\":\"o'slo $("));
        let rights = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(config).unwrap().permissions());
        assert_eq!(rights & 0o777, 0o600);
        // Again: the host is where it should be.
        let calls = machine.calls();
        machine.run(&script, &[], "").ends_with(0).prints(&["already. Nothing to do."]);
        assert!(!machine.calls()[calls.len()..].contains("aws "), "{}", machine.calls());
    }
}

#[test]
fn the_code_may_be_handed_over() {
    let both = format!("{{\"activationId\":\"{ID}\",\"activationCode\":\"{CODE}\"}}\n");
    // On standard input, bare and with its id.
    for (arguments, input) in
        [(vec!["--code-file", "-"], both.as_str()), (vec!["--code-file", "-", "--activation-id", ID], CODE)]
    {
        let machine = machine();
        machine.run(&written(json!({}), parameter(), Format::Shell), &arguments, input).ends_with(0);
        assert!(machine.path("got-the-code").exists() && !machine.calls().contains("aws ssm"));
        assert!(text(&machine, "arguments").contains(ID));
    }
    // Without the id it is asked for.
    let alone = machine().run(&written(json!({}), json!({"file": "x"}), Format::Shell), &["--code-file", "-"], CODE);
    alone.ends_with(1).complains(&["the id of the activation is not known here", "describe-activations"]);
    // In a file beside the script, which is then gone.
    for (name, code) in [("activation-code", parameter()), ("stores.json", json!({"file": "codes/stores.json"}))] {
        let machine = machine();
        std::fs::create_dir_all(machine.path("script")).unwrap();
        std::fs::write(machine.path("script").join(name), &both).unwrap();
        machine.run(&written(json!({}), code, Format::Shell), &[], "").ends_with(0);
        assert!(machine.path("got-the-code").exists() && !machine.path("script").join(name).exists(), "{name}");
    }
    let missing = machine().run(&written(json!({}), json!({"file": "codes/stores.json"}), Format::Shell), &[], "");
    missing.ends_with(1).complains(&["stores.json", "beside this script"]);
}

#[test]
fn what_stands_in_the_way_is_told_before_anything_changes() {
    let leftovers = [
        ("var/lib/ecs/data/agent.db", "", "an ECS agent was here before"),
        ("usr/libexec/amazon-ecs-init", "", "--clean"),
        ("var/lib/amazon/ssm/Vault/Store/RegistrationKey", "{}", "--resume"),
        ("sys/fs/selinux/enforce", "1", "SELinux is enforcing"),
        ("root/.aws/credentials", "[default]", "credentials of the host's own"),
        ("etc/os-release", "ID=fedora\nPRETTY_NAME=Fedora\n", "was written for Ubuntu 22.04, and the host is Fedora"),
    ];
    let script = written(json!({"operatingSystem": "ubuntu-22.04"}), parameter(), Format::Shell);
    for (name, content, told) in leftovers {
        let machine = machine();
        machine.file(name, content);
        machine.run(&script, &[], "").ends_with(1).complains(&[told]);
        assert!(!machine.root().join("etc/ecs").exists() && !machine.calls().contains("aws ssm"), "{name}");
        machine.run(&script, &["--dry-run"], "").ends_with(0).complains(&["a real run stops here"]);
    }
    let machine = machine();
    machine.remove("run/systemd");
    machine.command("uname", "echo riscv64");
    let dry = machine.run(&script, &["--dry-run"], "").ends_with(0);
    dry.complains(&["does not run systemd", "the host is riscv64"]);
}

#[test]
fn a_host_of_another_cluster_is_left_alone() {
    let machine = machine();
    machine.file("../started", "");
    let script = written(json!({"cluster": "other"}), parameter(), Format::Shell);
    machine.run(&script, &[], "").ends_with(1).complains(&["this host is in the cluster stores", "--clean"]);
}

#[test]
fn a_wrong_signature_stops_it() {
    for (gpg, told) in [
        ("case \"$*\" in *--verify*) exit 1 ;; esac", "signature of the vendor's installer is wrong"),
        ("echo '[GNUPG:] VALIDSIG 00 2026-01-01 1 0 4 0 1 10 00 0000'", "signed with another key"),
    ] {
        let machine = machine();
        machine.command("gpg", gpg);
        let script = written(json!({}), parameter(), Format::Shell);
        machine.run(&script, &[], "").ends_with(1).complains(&[told]);
        assert!(!machine.path("arguments").exists(), "the installer ran");
        machine.run(&script, &["--skip-signature"], "").ends_with(0);
    }
}

#[test]
fn an_installer_that_fails_is_told_and_can_go_on() {
    let machine = machine();
    std::fs::write(machine.path("installer"), "set -e\nfalse\ntouch never\n").unwrap();
    let script = written(json!({}), parameter(), Format::Shell);
    machine.run(&script, &[], "").ends_with(1).complains(&["the vendor's installer ended with 1", "--resume"]);
    // Registered with SSM by then; the rest is done without the code.
    machine.file("var/lib/amazon/ssm/Vault/Store/RegistrationKey", "{}");
    let installer = installer(&machine).replace(&format!("[ \"$code\" = '{CODE}' ] &&"), "");
    std::fs::write(machine.path("installer"), installer).unwrap();
    let before = machine.calls().len();
    machine.run(&script, &["--resume"], "").ends_with(0);
    assert!(
        text(&machine, "arguments").contains("--skip-registration\n") && !machine.calls()[before..].contains("aws ssm")
    );
}

#[test]
fn an_agent_that_does_not_come_is_told() {
    let machine = machine();
    std::fs::write(machine.path("installer"), "echo nothing\n").unwrap();
    let script = written(json!({}), parameter(), Format::Shell);
    let ran = machine.run(&script, &["--wait", "1"], "").ends_with(1);
    ran.complains(&["not in the cluster stores after 1 seconds", "ecs-agent.log", "host check --region eu-north-1"]);
}

#[test]
fn cleaning_takes_away_what_agents_left() {
    let machine = machine();
    let script = written(json!({}), parameter(), Format::Shell);
    let ran = machine.run(&script, &["--clean", "--dry-run"], "").ends_with(0);
    ran.prints(&[
        "+ systemctl stop ecs amazon-ssm-agent\n",
        " remove -y amazon-ecs-init amazon-ssm-agent\n",
        "+ rm -rf /var/lib/ecs /etc/ecs /var/lib/amazon/ssm /var/log/ecs /var/log/amazon/ssm\n",
    ]);
    assert_eq!(machine.calls(), "");
}
