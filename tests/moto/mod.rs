//! farpost against moto, an account that others wrote: apply, change, drift, destroy, and a plan that finds nothing
//! after each.
//!
//! What moto gets wrong is left out; `stack.yaml` says what that is. Two things the test does in moto's stead: it plays
//! the agents of the hosts, and it deletes the key pair, which moto does by name only, where farpost gives the id.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::command::{Ran, Tree};
use crate::support::python::{Moto, isolate, python, run_script};

const STACK: &str = include_str!("stack.yaml");

/// What the second form of the stack says otherwise.
const CHANGES: &[(&str, &str)] = &[
    ("tags: {environment: test}", "tags: {environment: test, owner: ops}"),
    ("mapPublicIpOnLaunch: false", "mapPublicIpOnLaunch: true"),
    ("routes: [{", "routes: [{destinationCidrBlock: 203.0.113.0/24, gatewayId: \"${InternetGateway.edge}\"}, {"),
    ("subnetIds: [\"${Subnet.floor}\"]", "subnetIds: [\"${Subnet.floor}\", \"${Subnet.office}\"]"),
    ("description: SSH", "description: shell"),
    ("fromPort: 80, toPort: 80", "fromPort: 80, toPort: 443"),
    ("egress: []", "egress: [{ipProtocol: udp, fromPort: 53, toPort: 53, cidrIp: 10.0.0.2/32}]"),
    ("description: Hosts\n  assume", "description: Hosts of the floor\n  maxSessionDuration: 7200\n  assume"),
    ("logs:PutLogEvents", "[logs:CreateLogStream, logs:PutLogEvents]"),
    ("forEC2Role]", "forEC2Role, arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore]"),
    ("[\"${SecurityGroup.hosts}\"]", "[\"${SecurityGroup.hosts}\", \"${SecurityGroup.store}\"]"),
    ("httpPutResponseHopLimit: 2", "httpPutResponseHopLimit: 3"),
    ("value: enabled", "value: disabled"),
    ("busybox:1.36", "busybox:1.37"),
    ("desiredCount: 1", "desiredCount: 2"),
];

/// What a plan shows of the drift that `hands.py meddle` makes.
const DRIFT: &[&str] = &[
    "enableDnsHostnames: false → true",
    "tags.environment: somebody's → test",
    "mapPublicIpOnLaunch: false → true",
    "routes[0.0.0.0/0]: (none) →",
    "routes[198.51.100.0/24]:",
    "subnetIds[]: (none) → subnet-",
    "\"fromPort\":23,\"toPort\":23,\"cidrIp\":\"0.0.0.0/0\"} → (none)",
    "ingress[]: (none) → {\"ipProtocol\":\"tcp\",\"fromPort\":5432",
    "inlinePolicies[logs]: (none) →",
    "managedPolicyArns[]: arn:aws:iam::aws:policy/AdministratorAccess → (none)",
    "settings[containerInsights].value: enhanced → disabled",
    "containerDefinitions[check].image: busybox:1.36 → busybox:1.37",
    "desiredCount: 0 → 2",
    "+ KeyPair/hosts",
    "+ Instance/host",
    // What is there is not to be known after apply.
    "subnetId: subnet-",
    "ECS_CLUSTER: edge",
    "Plan: 2 to create, 10 to update; 4 unchanged.",
];

#[test]
fn a_stack_comes_changes_is_mended_and_goes() {
    let moto = Account::start();
    let before = moto.everything();
    let agents = moto.agents();
    let tree = Tree::new(&[("stack.yaml", STACK)]);

    moto.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0);
    moto.is_as_declared(&tree);
    assert!(moto.everything().difference(&before).count() >= 25, "the check sees less than was made");

    let mut changed = STACK.to_owned();
    for (from, to) in CHANGES {
        assert_eq!(changed.matches(from).count(), 1, "{from}");
        changed = changed.replace(from, to);
    }
    tree.write("stack.yaml", &changed);
    moto.farpost(&tree, &["plan", "manifests", "--detailed-exitcode"]).ends_with(2).prints(&["Plan: 16 to update;"]);
    moto.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0);
    moto.is_as_declared(&tree);

    moto.hands("meddle");
    moto.farpost(&tree, &["plan", "manifests", "--detailed-exitcode"]).ends_with(2).prints(DRIFT);
    moto.farpost(&tree, &["apply", "manifests", "--yes"]).ends_with(0);
    moto.is_as_declared(&tree);

    moto.hands("delete-key");
    moto.farpost(&tree, &["destroy", "manifests", "--stack", "moto", "--yes"]).ends_with(0);
    assert_eq!(moto.everything(), before);
    moto.farpost(&tree, &["destroy", "manifests", "--stack", "moto", "--yes"]).ends_with(0).prints(&["No changes"]);
    agents.still_run();
}

/// How long any run of the command may take; each takes seconds.
const LONGEST: Duration = Duration::from_secs(180);

struct Account {
    moto: Moto,
}

impl Account {
    /// Of each service one task runs at once, so that services become steady.
    fn start() -> Self {
        Self { moto: Moto::with(&[("MOTO_ECS_SERVICE_RUNNING", "1")]) }
    }

    /// Runs the command; one that waits for what never comes ends with an assertion.
    fn farpost(&self, tree: &Tree, arguments: &[&str]) -> Ran {
        let endpoint = ["--endpoint-url", &self.moto.endpoint, "--verbose"];
        let mut command = tree.command(&[arguments, &endpoint].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let id = child.id().to_string();
        let (ended, end) = std::sync::mpsc::channel::<()>();
        // Told to stop, it says what it was waiting for.
        let clock = std::thread::spawn(move || {
            if end.recv_timeout(LONGEST).is_err_and(|why| why == std::sync::mpsc::RecvTimeoutError::Timeout) {
                Command::new("kill").args(["-TERM", &id]).status().ok();
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(ended);
        clock.join().unwrap();
        output.into()
    }

    #[track_caller]
    fn is_as_declared(&self, tree: &Tree) {
        for deep in [&[][..], &["--deep"]] {
            let plan = [&["plan", "manifests", "--detailed-exitcode"], deep].concat();
            self.farpost(tree, &plan).ends_with(0).prints(&["No changes", "16 objects as declared"]);
        }
    }

    /// What there is, as boto3 lists it.
    fn everything(&self) -> BTreeSet<String> {
        self.hands("everything").lines().map(str::to_owned).collect()
    }

    fn hands(&self, what: &str) -> String {
        let output = run_script(&hands(), &[&self.moto.endpoint, what], &[]);
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn agents(&self) -> Agents {
        let mut command = Command::new(python());
        isolate(&mut command).arg(hands()).args([&self.moto.endpoint, "agents"]);
        Agents(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

fn hands() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/moto/hands.py")
}

/// The process that plays the agents; dropping it ends it.
struct Agents(Child);

impl Agents {
    fn still_run(mut self) {
        if self.0.try_wait().unwrap().is_some() {
            let mut said = String::new();
            self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the agents ended: {said}");
        }
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
