//! Two writers and one stack, as processes: on one machine, on two, and one of them killed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::Value;

use crate::support::command::{Ran, STACK, Tree};
use crate::support::python::{Moto, SandboxServer, sandbox_server};
use crate::support::s3;

const BUCKET: &str = "leases";
const KEY: &str = "farpost/test.lease";
/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const APPLY: &[&str] = &["apply", "manifests", "--yes"];

/// Enough objects that an apply is still at work when it is looked at.
fn groups() -> String {
    (0..60).map(|number| format!("---\n{}", group(number))).collect()
}

fn group(number: u32) -> String {
    format!(
        "apiVersion: farpost/v1\nkind: LogGroup\nmetadata: {{name: g{number}}}\nspec: {{logGroupName: /g/{number}, \
         retentionInDays: 7}}\n"
    )
}

/// A stack with a lease.
fn leased() -> String {
    STACK.replace("us-west-2}", &format!("us-west-2, lease: {{bucket: {BUCKET}}}}}"))
}

/// An endpoint with a bucket, and what a person sees in it.
struct Account {
    endpoint: String,
    runtime: tokio::runtime::Runtime,
    s3: Client,
}

impl Account {
    fn new(endpoint: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let account = Self { endpoint: endpoint.to_owned(), runtime, s3: s3::client(endpoint) };
        account.runtime.block_on(s3::make_bucket(&account.s3, BUCKET));
        account
    }

    /// What the lease says, if there is one.
    fn lease(&self) -> Option<Value> {
        let answer = self.runtime.block_on(self.s3.get_object().bucket(BUCKET).key(KEY).send()).ok()?;
        let body = self.runtime.block_on(answer.body.collect()).unwrap();
        Some(serde_json::from_slice(&body.into_bytes()).unwrap())
    }

    fn put(&self, text: String) {
        let body = ByteStream::from(text.into_bytes());
        self.runtime.block_on(self.s3.put_object().bucket(BUCKET).key(KEY).body(body).send()).unwrap();
    }

    /// A run on a machine; each has its own state.
    fn command(&self, tree: &Tree, machine: &str, arguments: &[&str]) -> Command {
        let mut command = tree.command(&[arguments, &["--endpoint-url", &self.endpoint]].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        command.env("XDG_STATE_HOME", tree.path("..").join(machine));
        command
    }

    fn run(&self, tree: &Tree, machine: &str, arguments: &[&str]) -> Ran {
        self.command(tree, machine, arguments).output().unwrap().into()
    }

    /// An apply that stands still in the middle, until it is told to go on.
    fn standing(&self, tree: &Tree, machine: &str, is_there: impl Fn() -> bool) -> Child {
        let mut command = self.command(tree, machine, APPLY);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !is_there() {
            assert!(Instant::now() < deadline && process.try_wait().unwrap().is_none(), "it never was at work");
            std::thread::sleep(Duration::from_millis(2));
        }
        signal(&process, "-STOP");
        process
    }
}

fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &process.id().to_string()]).status().unwrap().success());
}

/// Whether the lease and the lock are taken for certain.
fn is_at_work(server: &SandboxServer) -> bool {
    server.sandbox.calls().contains_key("logs:CreateLogGroup")
}

fn writes(server: &SandboxServer) -> BTreeMap<String, u64> {
    let calls = server.sandbox.calls().into_iter();
    calls.filter(|(name, _)| [":Create", ":Put", ":Delete", ":Tag"].iter().any(|verb| name.contains(verb))).collect()
}

/// The writes of a process that stands still, once what it had sent before has arrived.
fn writes_at_rest(server: &SandboxServer) -> BTreeMap<String, u64> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = (writes(server), Instant::now());
    while seen.1.elapsed() < Duration::from_secs(1) {
        assert!(Instant::now() < deadline, "it did not stand still");
        std::thread::sleep(Duration::from_millis(20));
        let now = writes(server);
        if now != seen.0 {
            seen = (now, Instant::now());
        }
    }
    seen.0
}

#[test]
fn who_comes_second_waits_or_is_refused() {
    let server = sandbox_server();
    let account = Account::new(&server.endpoint);
    let tree = Tree::new(&[("stack.yaml", &leased()), ("groups.yaml", &groups())]);
    let first = account.standing(&tree, "one", || is_at_work(&server));
    let before = writes_at_rest(&server);
    let id = format!("process {}", first.id());
    // All at once, so that the first is not stopped for so long that it loses the lease.
    let lease = "s3://leases/farpost/test.lease";
    let refused: &[(&str, &[&str], &str)] = &[
        ("two", APPLY, lease),
        ("three", &["destroy", "manifests", "--stack", "test", "--yes"], lease),
        ("four", &["destroy", "--stack", "test", "--lease", lease, "--yes", "--region", "us-west-2"], lease),
        // On the same machine it is the lock that is in the way.
        ("one", APPLY, "this machine"),
    ];
    let looking = [&["plan", "manifests"][..], &["lint", "manifests"], &["status", "manifests"]];
    std::thread::scope(|scope| {
        for (machine, arguments, place) in refused {
            let arguments = [*arguments, &["--lock-timeout", "0s"]].concat();
            let (tree, account, id) = (&tree, &account, &id);
            scope.spawn(move || {
                account.run(tree, machine, &arguments).ends_with(3).complains(&[
                    "the stack test is held by",
                    id,
                    place,
                ]);
            });
        }
        for arguments in looking {
            let (tree, account) = (&tree, &account);
            scope.spawn(move || {
                // `status` ends with 1 while something is missing.
                let ran = account.run(tree, "two", arguments);
                assert!(ran.code < 2 && !ran.stderr.contains("held by"), "{}", ran.stderr);
            });
        }
    });
    // A conditional write that is refused is counted and writes nothing.
    let mut after = writes(&server);
    after.insert("s3:PutObject".to_owned(), before["s3:PutObject"]);
    assert_eq!(after, before);

    let mut second = account.command(&tree, "two", APPLY);
    let mut second = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("waiting: the lease of test is held by") && line.contains(&id), "{line}");
    signal(&first, "-CONT");
    Ran::from(first.wait_with_output().unwrap()).ends_with(0).prints(&["Converged"]);
    said.read_to_string(&mut line).unwrap();
    Ran::from(second.wait_with_output().unwrap()).ends_with(0).prints(&["No changes"]);
    let lease = account.lease().unwrap();
    assert_eq!((&lease["number"], lease["released"].is_string()), (&2.into(), true), "{lease:#}");
    assert_eq!(writes(&server)["logs:CreateLogGroup"], 60);
}

#[test]
fn a_holder_that_was_killed_is_followed_without_a_human() {
    let server = sandbox_server();
    let account = Account::new(&server.endpoint);
    let tree = Tree::new(&[("stack.yaml", &leased()), ("groups.yaml", &groups())]);
    let mut first = account.standing(&tree, "one", || is_at_work(&server));
    signal(&first, "-KILL");
    first.wait().unwrap();
    // Its own machine knows that it is dead.
    let began = Instant::now();
    let mut second = account.standing(&tree, "one", || account.lease().unwrap()["number"] == 2);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    signal(&second, "-KILL");
    second.wait().unwrap();
    // Another one waits until it has seen nothing for a minute.
    let began = Instant::now();
    account.run(&tree, "two", APPLY).ends_with(0).prints(&["Converged"]).complains(&["waiting: the lease"]);
    assert!(began.elapsed() > Duration::from_secs(60), "{:?}", began.elapsed());
    let lease = account.lease().unwrap();
    assert_eq!((&lease["number"], lease["released"].is_string()), (&3.into(), true), "{lease:#}");
    // What the dead ones were creating was found, or made.
    let creating = lease["creating"].as_object().into_iter().flatten();
    assert!(creating.into_iter().all(|(_, begun)| begun["made"] == true), "{lease:#}");
}

#[test]
fn who_is_told_to_stop_gives_the_lease_up() {
    let server = sandbox_server();
    let account = Account::new(&server.endpoint);
    let tree = Tree::new(&[("stack.yaml", &leased()), ("groups.yaml", &groups())]);
    let first = account.standing(&tree, "one", || is_at_work(&server));
    signal(&first, "-TERM");
    let told = Instant::now();
    signal(&first, "-CONT");
    Ran::from(first.wait_with_output().unwrap()).ends_with(1).complains(&["stopping"]);
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert!(account.lease().unwrap()["released"].is_string());
    account.run(&tree, "two", &[APPLY, &["--lock-timeout", "0s"]].concat()).ends_with(0).prints(&["Converged"]);
}

#[test]
fn without_a_lease_processes_of_one_machine_wait_for_each_other() {
    let server = sandbox_server();
    let account = Account::new(&server.endpoint);
    let tree = Tree::new(&[("stack.yaml", STACK), ("groups.yaml", &groups())]);
    let mut first = account.standing(&tree, "one", || is_at_work(&server));
    let refused = [APPLY, &["--lock-timeout", "0s"]].concat();
    account.run(&tree, "one", &refused).ends_with(3).complains(&["this machine", &format!("process {}", first.id())]);
    signal(&first, "-KILL");
    first.wait().unwrap();
    account.run(&tree, "one", &refused).ends_with(0).prints(&["Converged"]);
    assert!(!server.sandbox.calls().contains_key("s3:PutObject"));
    let files: Vec<PathBuf> =
        std::fs::read_dir(tree.path("../one/farpost")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

/// The sandbox's own file is for one process; who waits for the lock gets it.
#[test]
fn an_apply_waits_for_another_one_in_its_sandbox() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("groups.yaml", &groups())]);
    let runs: Vec<Child> = (0..3)
        .map(|_| {
            let sandbox = format!("--sandbox={}", tree.sandbox().display());
            let mut command = tree.command(&[APPLY, &[sandbox.as_str()]].concat());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<Ran> =
        runs.into_iter().map(|run| Ran::from(run.wait_with_output().unwrap()).ends_with(0)).collect();
    assert_eq!(outputs.iter().filter(|ran| ran.stdout.contains("Converged")).count(), 1);
    assert_eq!(outputs.iter().filter(|ran| ran.stdout.contains("No changes")).count(), 2);
}

#[test]
fn what_stands_in_the_way_of_a_lease_is_told() {
    let server = sandbox_server();
    let account = Account::new(&server.endpoint);
    let with = |lease: &str| {
        let stack = STACK.replace("us-west-2}", &format!("us-west-2, lease: {lease}}}"));
        Tree::new(&[("stack.yaml", &stack), ("group.yaml", &group(1))])
    };
    account
        .run(&with("{bucket: none}"), "one", APPLY)
        .ends_with(1)
        .complains(&["the bucket none, where the lease of the stack is to be, does not exist", "aws s3 mb s3://none"]);
    account
        .run(&with("{bucket: leases, expectedBucketOwner: \"210987654321\"}"), "one", APPLY)
        .ends_with(1)
        .complains(&["does not belong to the account 210987654321", "expectedBucketOwner"]);
    account.put("a letter".to_owned());
    let tree = with("{bucket: leases}");
    let refused = account.run(&tree, "one", &[APPLY, &["-o", "json"]].concat()).ends_with(3).json();
    assert_eq!(refused["refusals"][0]["code"], "not-a-lease", "{refused:#}");
    account.run(&tree, "one", &["plan", "manifests"]).ends_with(0);
    account.run(&with("{bucket: Leases}"), "one", &["lint", "manifests"]).ends_with(1).prints(&["bucket"]);
    // Nobody's lease is taken in a wrong account.
    let other = STACK.replace("123456789012", "210987654321").replace("us-west-2}", "us-west-2, lease: {bucket: x-y}}");
    let tree = Tree::new(&[("stack.yaml", &other), ("group.yaml", &group(1))]);
    account.run(&tree, "one", APPLY).ends_with(3).complains(&["belongs to account 210987654321"]);
    assert!(!server.sandbox.calls().contains_key("logs:CreateLogGroup"));
}

#[test]
fn a_watch_holds_the_lease_while_it_writes_and_no_longer() {
    let server = sandbox_server();
    let account = Account::new(&server.endpoint);
    let tree = Tree::new(&[("stack.yaml", &leased()), ("group.yaml", &group(1))]);
    let arguments = ["watch", "manifests", "--lock-timeout", "0s", "--interval", "1"];
    let mut watch = account.command(&tree, "one", &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut says = |part: &str| assert!(lines.any(|line| line.contains(part)), "{part} was not said");
    says("converged");
    // It is given up a moment after that was said.
    says("in sync");
    let mut lease = account.lease().unwrap();
    assert!(lease["released"].is_string(), "{lease:#}");
    // Somebody else takes it, and a file changes.
    lease.as_object_mut().unwrap().remove("released");
    (lease["holder"]["who"], lease["holder"]["id"]) = ("ops@elsewhere".into(), "0123".into());
    account.put(lease.to_string());
    tree.write("more.yaml", &group(2));
    says("held by ops@elsewhere");
    lease["released"] = lease["acquired"].clone();
    account.put(lease.to_string());
    says("converged");
    signal(&watch, "-TERM");
    watch.wait().unwrap();
    assert_eq!(writes(&server)["logs:CreateLogGroup"], 2);
}

#[test]
fn moto_keeps_a_lease_as_well() {
    let moto = Moto::start();
    let account = Account::new(&moto.endpoint);
    let tree = Tree::new(&[("stack.yaml", &leased()), ("groups.yaml", &groups())]);
    let first = account.standing(&tree, "one", || account.lease().is_some());
    let refused = [APPLY, &["--lock-timeout", "0s"]].concat();
    account.run(&tree, "two", &refused).ends_with(3).complains(&[&format!("process {}", first.id())]);
    signal(&first, "-CONT");
    Ran::from(first.wait_with_output().unwrap()).ends_with(0).prints(&["Converged"]);
    account.run(&tree, "two", &refused).ends_with(0).prints(&["No changes"]);
    let lease = account.lease().unwrap();
    assert_eq!((&lease["number"], lease["released"].is_string()), (&2.into(), true), "{lease:#}");
}
