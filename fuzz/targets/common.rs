//! What is fuzzed: one function a target, for cargo-fuzz and for the bounded run in `cargo test`.
//!
//! Each takes any bytes and must come to an end without a panic; what it finds wrong with an input it keeps to itself.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Response;
use farpost::aws::{Access, Aws, Fault, Patience};
use farpost::cluster_query::Expression;
use farpost::desired::{Desired, check, kind_names};
use farpost::kinds::policy::{PolicyDocument, Use};
use farpost::kinds::{Found, Purpose, Scope, by_name};
use farpost::manifest::tree::ReadError;
use farpost::manifest::{ManifestText, Tree, load_text, references};
use farpost::observed::{Shared, Survey, survey};
use farpost::plan::{Goal, Guards, Plan, plan};
use farpost::report;
use farpost::sandbox::Sandbox;
use farpost::sandbox::client::SandboxClient;
use farpost::sandbox::world::World;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Services whose answers must be whole. Of JSON the SDK takes what it can, also where a byte is amiss.
const XML: [&str; 3] = ["ec2:", "iam:", "sts:"];

/// A target by name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name, which is also the name of their corpus.
pub const TARGETS: &[Target] = &[
    ("manifests", manifests),
    ("references", references),
    ("policy_documents", policy_documents),
    ("plan_files", plan_files),
    ("aws_answers", aws_answers),
];

/// The sandbox is fast.
const MOMENT: Duration = Duration::from_millis(1);

/// A tree that has no other files.
struct NoFiles;

impl Tree for NoFiles {
    fn read(&self, _: &Path, _: &Path) -> Result<Vec<u8>, ReadError> {
        Err(ReadError::Missing)
    }
}

/// Manifests as text, up to a plan for an empty account and everything that shows it.
pub fn manifests(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let Some(desired) = declared(text) else { return };
    let made = plan(&desired, &Survey::default(), Goal::Converge, Guards::default(), Default::default());
    show(&made);
    report::graph::mermaid(&desired);
    report::graph::dot(&desired);
}

fn declared(text: String) -> Option<Desired> {
    let text = ManifestText { path: "fuzz/fuzz.yaml".into(), root: "fuzz".into(), text };
    let (documents, findings) = load_text(vec![text], &NoFiles, &kind_names());
    let (desired, more) = check(documents);
    farpost::diagnostic::text::render(&[findings, more].concat(), false);
    desired
}

fn show(plan: &Plan) {
    report::plan::text(plan);
    report::plan::summary(plan);
    report::markdown::plan(plan);
}

/// References in texts, and the query language of placement constraints.
pub fn references(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    references::whole(&text);
    references::contains(&text);
    let value = serde_json::from_slice(data).unwrap_or_else(|_| json!({"a": [text, {"b": text}], "c": text}));
    let (found, _) = references::occurrences(&value, "/spec");
    for one in found {
        assert!(one.pointer.starts_with("/spec"), "{one:?}");
    }
    // Two dollars are one.
    if !text.contains("$$") {
        let same = references::substitute(&value, &|_| None);
        assert_eq!(same, value, "what is not resolved stays as it is");
    }
    references::substitute(&value, &|reference| Some(Value::String(reference.name.clone())));
    if let Ok(expression) = Expression::parse(&text) {
        expression.comparisons();
        expression.required();
        expression.holds(&|_| None);
    }
}

/// Policy documents as IAM answers them and as manifests say them.
pub fn policy_documents(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for purpose in [Use::Trust, Use::Permissions] {
        for mut document in [PolicyDocument::decode(&text), PolicyDocument(Value::String(text.to_string()))] {
            document.text();
            document.is_open();
            document.normalise(purpose, "aws");
            let once = document.clone();
            document.normalise(purpose, "aws");
            assert_eq!(document, once, "the form of a form is itself");
        }
    }
    let document = serde_json::from_slice(data).unwrap_or_else(|_| Value::String(text.into_owned()));
    let stack = json!({
        "apiVersion": "farpost/v1", "kind": "Stack", "metadata": {"name": "fuzz"},
        "spec": {"account": "123456789012", "region": "us-west-2"},
    });
    let role = json!({
        "apiVersion": "farpost/v1", "kind": "Role", "metadata": {"name": "fuzz"},
        "spec": {
            "assumeRolePolicyDocument": document,
            "inlinePolicies": [{"policyName": "fuzz", "policyDocument": document}],
        },
    });
    declared(format!("{stack}\n---\n{role}\n"));
}

/// Plans in files.
pub fn plan_files(data: &[u8]) {
    if let Ok(plan) = serde_json::from_slice::<Plan>(data) {
        show(&plan);
    }
}

/// An answer of AWS, through the SDK's client, as a kind reads it. The first line of the input says which: the kind and
/// the operation, as `Vpc ec2:DescribeVpcs`; the rest is the body. Nothing is learned from an answer that is not whole.
pub fn aws_answers(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (first, body) = (String::from_utf8_lossy(&data[..end]).into_owned(), data.get(end + 1..).unwrap_or_default());
    let Some((kind, operation)) = first.split_once(' ') else { return };
    if by_name(kind).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (found, asked) = runtime.block_on(async {
        let (aws, asked) = garbled(operation, body).await;
        (read(&aws, kind).await, asked)
    });
    let was_asked = *asked.lock().unwrap();
    assert!(
        found.is_err()
            || !was_asked
            || !XML.iter().any(|service| operation.starts_with(service))
            || is_whole(operation, body),
        "{} was believed half of an answer: {}",
        operation,
        String::from_utf8_lossy(body)
    );
}

/// Everything of a kind that is in the walkthrough's account.
pub async fn read(aws: &Aws, kind: &str) -> Result<Vec<Found>, Fault> {
    let Some(kind) = by_name(kind) else { return Ok(Vec::new()) };
    let wanted = account().desired.wanted();
    let of_kind = wanted.get(kind.about().kind).map_or(&[][..], Vec::as_slice);
    let (place, known, shared) = (account().desired.place(), Survey::default(), Shared::default());
    let (purpose, declared) = (Purpose::Deep, &wanted);
    let scope = Scope { place: &place, wanted: of_kind, purpose, declared, known: &known, shared: &shared };
    kind.read(aws, &scope).await
}

/// Whether the body is one whole document of the operation's format.
pub fn is_whole(operation: &str, body: &[u8]) -> bool {
    let is_xml = ["ec2:", "iam:", "sts:"].iter().any(|service| operation.starts_with(service));
    if is_xml {
        std::str::from_utf8(body).is_ok_and(is_whole_xml)
    } else {
        serde_json::from_slice::<Value>(body).is_ok()
    }
}

/// Whether every element is closed, and there is one at least.
fn is_whole_xml(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let (mut rest, mut elements) = (text, 0);
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        if let Some(comment) = tag.strip_prefix("!--") {
            let Some(end) = comment.find("-->") else { return false };
            rest = &comment[end + 3..];
            continue;
        }
        let Some(end) = tag.find('>') else { return false };
        let (inside, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        if inside.starts_with(['?', '!']) {
            continue;
        }
        elements += 1;
        match (inside.strip_prefix('/'), inside.strip_suffix('/')) {
            (Some(name), _) if open.pop() != Some(name.trim_end()) => return false,
            (Some(_), _) | (None, Some(_)) => {}
            (None, None) => open.push(inside.split_whitespace().next().unwrap_or_default()),
        }
    }
    elements > 0 && open.is_empty()
}

/// The walkthrough's account, in which one answer at a time is another.
struct Account {
    content: Value,
    desired: Desired,
}

fn account() -> &'static Account {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    // On a thread of its own, as whoever asks may be on a runtime.
    ACCOUNT.get_or_init(|| std::thread::spawn(converged).join().unwrap())
}

fn converged() -> Account {
    let desired = walkthrough();
    let sandbox = Arc::new(Sandbox::in_memory(World { pace: 0.0, ..World::default() }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let http = SharedHttpClient::new(SandboxClient::new(Arc::clone(&sandbox)));
        let aws = Arc::new(connect(http).await);
        let seen = survey(&aws, &desired.place(), &desired.wanted(), Purpose::Survey).await.unwrap();
        let made = plan(&desired, &seen, Goal::Converge, Guards::default(), Default::default());
        let (events, _seen) = mpsc::unbounded_channel();
        let outcome = farpost::apply::apply(aws, made, events, Default::default()).await;
        assert!(outcome.is_complete(), "{outcome:#?}");
    });
    Account { content: sandbox.content(), desired }
}

/// `examples/outposts`.
fn walkthrough() -> Desired {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if here.ends_with("fuzz") { here.parent().unwrap() } else { here };
    let (documents, findings) = farpost::manifest::load(&[root.join("examples/outposts")], &kind_names());
    assert!(!farpost::diagnostic::has_errors(&findings), "{findings:#?}");
    check(documents).0.unwrap()
}

pub async fn connect(http: SharedHttpClient) -> Aws {
    let access = Access { region: Some("us-west-2".to_owned()), ..Access::default() };
    let patience = Patience { first: MOMENT, longest: MOMENT * 5, settles: MOMENT };
    Aws::connect(&access, Some(http), patience).await.unwrap()
}

/// A sandbox that holds the walkthrough.
pub fn sandbox() -> Arc<Sandbox> {
    let sandbox = Arc::new(Sandbox::in_memory(World { pace: 0.0, ..World::default() }));
    sandbox.set_content(&account().content).unwrap();
    sandbox
}

type Asked = Arc<std::sync::Mutex<bool>>;

/// The account, with this for an answer to `operation`; and whether it was asked for.
async fn garbled(operation: &str, body: &[u8]) -> (Aws, Asked) {
    let sandbox = sandbox();
    let asked = Asked::default();
    let garbled = Garbled {
        sandbox: SandboxClient::new(sandbox),
        operation: operation.rsplit(':').next().unwrap_or_default().to_owned(),
        body: Arc::new(body.to_owned()),
        asked: Arc::clone(&asked),
    };
    (connect(SharedHttpClient::new(garbled)).await, asked)
}

#[derive(Debug, Clone)]
struct Garbled {
    sandbox: SandboxClient,
    operation: String,
    body: Arc<Vec<u8>>,
    asked: Asked,
}

impl HttpClient for Garbled {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Garbled {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        let action = body.strip_prefix(b"Action=").and_then(|rest| rest.split(|byte| *byte == b'&').next());
        let action = action.and_then(|action| std::str::from_utf8(action).ok());
        let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        if target.or(action) != Some(self.operation.as_str()) {
            return self.sandbox.call(request);
        }
        *self.asked.lock().unwrap() = true;
        let status = 200.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(Response::new(status, self.body.as_ref().clone().into())))
    }
}
