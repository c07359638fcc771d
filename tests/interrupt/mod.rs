//! What is cut off anywhere is taken up again, and nothing is made twice.

mod gate;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use self::gate::{Gate, Trouble};
use crate::support::command::{Ran, Tree};
use crate::support::python::run_script;

/// Long enough that calls overlap, short enough to wait for.
const DELAY: Duration = Duration::from_millis(15);
/// How soon a run ends that was told to.
const SOON: Duration = Duration::from_secs(5);
const APPLY: &[&str] = &["apply", "manifests", "--yes"];

fn start(tree: &Tree, gate: &Gate, arguments: &[&str]) -> Child {
    let endpoint = ["--endpoint-url", gate.endpoint.as_str(), "--region", "us-west-2"];
    let mut command = tree.command(&[arguments, &endpoint].concat());
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn farpost(tree: &Tree, gate: &Gate, arguments: &[&str]) -> Ran {
    start(tree, gate, arguments).wait_with_output().unwrap().into()
}

fn signal(process: &Child, name: &str) {
    let status = std::process::Command::new("kill").args([name, &process.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Applies again, and finds with boto3 that each object of the walkthrough is there once.
#[track_caller]
fn converges(tree: &Tree, gate: &Gate) {
    farpost(tree, gate, APPLY).ends_with(0);
    is_there_once(tree, gate);
}

#[track_caller]
fn is_there_once(tree: &Tree, gate: &Gate) {
    farpost(tree, gate, &["plan", "manifests", "--deep", "--detailed-exitcode"]).ends_with(0).prints(&["No changes"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/leftovers.py");
    let output = run_script(&script, &[&gate.endpoint, "store-17"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = String::from_utf8(output.stdout).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in found.lines() {
        let kind = match line.strip_prefix("arn:") {
            Some(arn) => arn.rsplit(':').find(|part| part.contains('/')).unwrap().split('/').next().unwrap(),
            None => line.split('-').next().unwrap(),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let expected = [
        ("aws", 1),
        ("cluster", 1),
        ("i", 1),
        ("igw", 1),
        ("instance", 0),
        ("rtb", 1),
        ("service", 1),
        ("sg", 1),
        ("subnet", 1),
        ("task", 1),
        ("task-definition", 2),
        ("vpc", 1),
    ];
    for (kind, number) in expected {
        assert_eq!(counts.get(kind).copied().unwrap_or(0), number, "{kind} in:\n{found}");
    }
}

#[test]
fn a_killed_apply_is_taken_up_again() {
    std::thread::scope(|scope| {
        for calls in [24, 40, 55, 70, 90] {
            scope.spawn(move || {
                let (tree, gate) = (Tree::of_example("outposts"), Gate::open(DELAY));
                let mut process = start(&tree, &gate, APPLY);
                gate.wait_for(calls);
                signal(&process, "-KILL");
                assert_eq!(process.wait().unwrap().code(), None, "it ended before {calls} calls");
                converges(&tree, &gate);
            });
        }
    });
}

/// A sandbox in a file is an account like another: what was told as done is there, whenever the process dies.
#[test]
fn a_sandbox_file_outlives_a_killed_apply() {
    std::thread::scope(|scope| {
        for lines in [2, 8, 16, 24] {
            scope.spawn(move || {
                let tree = Tree::of_example("outposts");
                let sandbox = format!("--sandbox={}", tree.sandbox().display());
                let mut command = tree.command(&[APPLY, &[sandbox.as_str()]].concat());
                let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
                let journal = tree.sandbox().with_added_extension("journal");
                let written = || std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
                while written() < lines {
                    assert!(process.try_wait().unwrap().is_none(), "it ended before {lines} lines");
                    std::thread::sleep(Duration::from_millis(1));
                }
                signal(&process, "-KILL");
                let ran: Ran = process.wait_with_output().unwrap().into();
                assert_eq!(ran.code, -1, "it ended before {lines} lines");
                assert!(journal.exists());
                let plan = tree.in_sandbox(&["plan", "manifests", "-o", "json"]).ends_with(0).json();
                let told = ran.stderr.lines().filter_map(|line| line.split_once(": created "));
                for (address, _) in told {
                    let mut changes = plan["changes"].as_array().unwrap().iter();
                    let change = changes.find(|change| change["address"] == address).unwrap();
                    assert_ne!(change["action"], "create", "{address} is gone: {change:#}");
                }
                tree.in_sandbox(APPLY).ends_with(0).prints(&["Converged"]);
                assert!(!journal.exists());
                tree.in_sandbox(&["plan", "manifests", "--deep", "--detailed-exitcode"]).ends_with(0);
            });
        }
    });
}

#[test]
fn a_signal_ends_an_apply_soon_and_it_says_how_far_it_came() {
    for (name, calls) in [("-TERM", 40), ("-INT", 60)] {
        let (tree, gate) = (Tree::of_example("outposts"), Gate::open(DELAY));
        let process = start(&tree, &gate, APPLY);
        gate.wait_for(calls);
        signal(&process, name);
        let told = Instant::now();
        let ran: Ran = process.wait_with_output().unwrap().into();
        assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
        ran.ends_with(1)
            .prints(&["steps done", "not done", "Interrupted"])
            .complains(&["stopping", "Vpc/edge: created"]);
        converges(&tree, &gate);
    }
}

/// Whether the call took effect is not known; the next run looks.
#[test]
fn a_signal_ends_an_apply_soon_while_aws_does_not_answer() {
    let (tree, gate) = (Tree::of_example("outposts"), Gate::open(DELAY));
    gate.trouble("CreateSubnet", Trouble::Late, 1);
    let process = start(&tree, &gate, APPLY);
    while gate.trouble_left() > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&process, "-TERM");
    let told = Instant::now();
    let ran: Ran = process.wait_with_output().unwrap().into();
    assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
    ran.ends_with(1).prints(&["Interrupted", "Subnet/outpost"]);
    converges(&tree, &gate);
}

#[test]
fn a_watch_that_is_stopped_while_it_applies_goes_on_when_it_starts_again() {
    let (tree, gate) = (Tree::of_example("outposts"), Gate::open(DELAY));
    let mut process = start(&tree, &gate, &["watch", "manifests"]);
    gate.wait_for(45);
    signal(&process, "-TERM");
    let told = Instant::now();
    process.wait().unwrap();
    assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
    let mut process = start(&tree, &gate, &["watch", "manifests"]);
    let lines = std::io::BufRead::lines(std::io::BufReader::new(process.stderr.take().unwrap()));
    let mut said = String::new();
    for line in lines.map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.contains("converged") {
            break;
        }
    }
    signal(&process, "-TERM");
    process.wait().unwrap();
    assert!(said.contains("converged"), "{said}");
    is_there_once(&tree, &gate);
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    std::thread::scope(|scope| {
        for operation in
            ["CreateVpc", "RegisterTaskDefinition", "RunInstances", "CreateService", "CreateRole", "RunTask"]
        {
            scope.spawn(move || {
                let (tree, gate) = (Tree::of_example("outposts"), Gate::open(Duration::ZERO));
                gate.trouble(operation, Trouble::Lost, 1);
                farpost(&tree, &gate, APPLY).ends_with(0).prints(&["Converged"]);
                assert_eq!(gate.trouble_left(), 0, "{operation} was not called");
                is_there_once(&tree, &gate);
            });
        }
    });
}

#[test]
fn throttled_calls_are_repeated() {
    let (tree, gate) = (Tree::of_example("outposts"), Gate::open(Duration::ZERO));
    gate.trouble("CreateSubnet", Trouble::Throttled, 3);
    farpost(&tree, &gate, APPLY).ends_with(0).prints(&["Converged"]);
    assert_eq!(gate.trouble_left(), 0);
    assert!(gate.calls() > 50, "too few calls for a walkthrough: {}", gate.calls());
    is_there_once(&tree, &gate);
}

/// IAM and EC2 tell each other of what is new with a delay.
#[test]
fn what_is_too_new_to_be_seen_is_asked_for_again() {
    const TOO_NEW: &[(&str, &str, &str)] = &[
        (
            "RunInstances",
            "InvalidParameterValue",
            "Value (edge) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        ),
        ("CreateSubnet", "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"),
        ("AttachInternetGateway", "InvalidInternetGatewayID.NotFound", "The internetGateway ID 'igw-1' does not exist"),
        ("CreateRoute", "InvalidGatewayID.NotFound", "The gateway ID 'igw-1' does not exist"),
        ("AssociateRouteTable", "InvalidRouteTableID.NotFound", "The routeTable ID 'rtb-1' does not exist"),
        ("AuthorizeSecurityGroupIngress", "InvalidGroup.NotFound", "The security group 'sg-1' does not exist"),
    ];
    std::thread::scope(|scope| {
        for (operation, code, message) in TOO_NEW {
            scope.spawn(move || {
                let (tree, gate) = (Tree::of_example("outposts"), Gate::open(Duration::ZERO));
                gate.trouble(operation, Trouble::Refused(code, message), 2);
                farpost(&tree, &gate, APPLY).ends_with(0).prints(&["Converged"]);
                assert_eq!(gate.trouble_left(), 0, "{operation} was not called");
                is_there_once(&tree, &gate);
            });
        }
    });
}
