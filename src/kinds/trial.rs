//! Kinds driven through the whole engine against the sandbox, for tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::apply::{Event, Outcome, Wait, apply_waiting};
use crate::aws::{Access, Aws, Patience};
use crate::desired::{Desired, STACK_KIND, check};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kinds::{KINDS, Purpose};
use crate::manifest::{FileSystem, ManifestText, load_text};
use crate::observed::{Survey, survey};
use crate::plan::{Goal, Guards, Plan, plan};
use crate::sandbox::Sandbox;
use crate::sandbox::client::SandboxClient;
use crate::sandbox::world::World;

/// An account in a sandbox of its own.
pub(super) struct Trial {
    pub(super) aws: Arc<Aws>,
    pub(super) events: Vec<Event>,
    /// Who is told each event while it happens.
    pub(super) tell: Option<mpsc::UnboundedSender<Event>>,
    pub(super) wait: Wait,
    meddling: Meddling,
    losing: Losing,
    pub(super) sandbox: Arc<Sandbox>,
    folder: tempfile::TempDir,
}

/// An answer of AWS that the sandbox would not give.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    /// What EC2 says to a call that it refuses.
    pub(super) fn refusal(code: &str, message: &str) -> Self {
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        Self { status: 400, body: format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>") }
    }
}

type Meddling = Arc<Mutex<Option<Arc<dyn Fn(&str) -> Option<Answer> + Send + Sync>>>>;

/// Operations whose next answer is lost.
type Losing = Arc<Mutex<Vec<String>>>;

/// A sandbox that somebody may answer for.
#[derive(Clone)]
struct Meddled {
    sandbox: SandboxClient,
    meddling: Meddling,
    losing: Losing,
}

impl std::fmt::Debug for Meddled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.sandbox.fmt(f)
    }
}

impl HttpClient for Meddled {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Meddled {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let meddle = self.meddling.lock().unwrap().clone();
        let body = request.body().bytes().unwrap_or_default();
        let action = body.strip_prefix(b"Action=").and_then(|rest| rest.split(|byte| *byte == b'&').next());
        let action = action.and_then(|action| std::str::from_utf8(action).ok());
        let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let action = action.or(target).map(str::to_owned);
        let mut losing = self.losing.lock().unwrap();
        if let Some(place) = losing.iter().position(|lost| Some(lost) == action.as_ref()) {
            losing.remove(place);
            let answer = self.sandbox.call(request);
            return HttpConnectorFuture::new(async move {
                answer.await?;
                let status = 500.try_into().unwrap();
                Ok(aws_smithy_runtime_api::http::Response::new(status, r#"{"__type":"InternalServerError"}"#.into()))
            });
        }
        match action.and_then(|action| meddle?(&action)) {
            Some(answer) => {
                let status = answer.status.try_into().unwrap();
                let response = aws_smithy_runtime_api::http::Response::new(status, answer.body.into());
                HttpConnectorFuture::ready(Ok(response))
            }
            None => self.sandbox.call(request),
        }
    }
}

/// Whatever a kind does must be in the sandbox's file at any moment.
impl Drop for Trial {
    fn drop(&mut self) {
        let is_kept = || self.sandbox.outlives_its_process(&self.folder.path().join("sandbox.json"));
        assert!(std::thread::panicking() || is_kept(), "the sandbox's file does not hold what the sandbox does");
    }
}

impl Trial {
    pub(super) async fn new() -> Self {
        Self::at_pace(0.001).await
    }

    /// An account where AWS's own work takes long enough to be seen, also on a machine that has other things to do.
    pub(super) async fn at_pace(pace: f64) -> Self {
        Self::in_world(World { pace, ..World::default() }).await
    }

    pub(super) async fn in_world(world: World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Arc::new(Sandbox::open(&folder.path().join("sandbox.json"), world).unwrap());
        let meddling = Meddling::default();
        let losing = Losing::default();
        let client = SandboxClient::new(Arc::clone(&sandbox));
        let client = Meddled { sandbox: client, meddling: Arc::clone(&meddling), losing: Arc::clone(&losing) };
        let http = SharedHttpClient::new(client);
        let access = Access { region: Some("us-west-2".to_owned()), ..Access::default() };
        let patience = Patience {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(5),
            settles: Duration::from_millis(10),
        };
        let aws = Aws::connect(&access, Some(http), patience).await.unwrap();
        let (aws, events, wait) = (Arc::new(aws), Vec::new(), Wait::Stable);
        Self { aws, events, tell: None, wait, meddling, losing, sandbox, folder }
    }

    /// The next call of an operation is carried out, and its answer is lost.
    pub(super) fn lose(&self, operation: &str) {
        self.losing.lock().unwrap().push(operation.to_owned());
    }

    /// From now on calls are first shown to `meddle`, by operation; where it says something,
    /// that is the answer, and the sandbox does not learn of the call.
    pub(super) fn meddle(&self, meddle: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) {
        *self.meddling.lock().unwrap() = Some(Arc::new(meddle));
    }

    pub(super) fn stop_meddling(&self) {
        *self.meddling.lock().unwrap() = None;
    }

    pub(super) async fn survey(&self, desired: &Desired) -> Survey {
        survey(&self.aws, &desired.place(), &desired.wanted(), Purpose::Survey).await.unwrap()
    }

    pub(super) async fn plan(&self, text: &str) -> Plan {
        let desired = declared(text);
        plan(&desired, &self.survey(&desired).await, Goal::Converge, Guards::default(), self.aws.counts())
    }

    /// Applies manifests and proves that nothing is left to do afterwards.
    pub(super) async fn converge(&mut self, text: &str) {
        let plan = self.plan(text).await;
        assert!(plan.refusals.is_empty(), "{:#?}", plan.refusals);
        let outcome = self.carry_out(plan).await;
        assert!(outcome.is_complete(), "{outcome:#?}");
        let left = self.plan(text).await;
        assert!(left.is_empty(), "{:#?}", left.pending().collect::<Vec<_>>());
    }

    /// Deletes everything of the stack and proves that it is gone.
    pub(super) async fn destroy(&mut self, text: &str) {
        let nothing = Desired::nothing(declared(text).stack);
        let survey = self.survey(&nothing).await;
        let plan = plan(&nothing, &survey, Goal::Destroy, Guards::default(), self.aws.counts());
        let outcome = self.carry_out(plan).await;
        assert!(outcome.is_complete(), "{outcome:#?}");
        let left: Vec<_> =
            self.survey(&nothing).await.all().map(|(kind, found)| (kind.to_owned(), found.clone())).collect();
        assert!(left.is_empty(), "{left:#?}");
    }

    pub(super) async fn carry_out(&mut self, plan: Plan) -> Outcome {
        let (events, mut seen) = mpsc::unbounded_channel::<Event>();
        let listen = async {
            while let Some(event) = seen.recv().await {
                if let Some(tell) = &self.tell {
                    tell.send(event.clone()).ok();
                }
                self.events.push(event);
            }
        };
        let stop = CancellationToken::new();
        tokio::join!(apply_waiting(Arc::clone(&self.aws), plan, self.wait, events, stop), listen).0
    }
}

/// The manifests of a text, which must be free of errors.
pub(super) fn declared(text: &str) -> Desired {
    let (desired, findings) = checked(text);
    assert!(findings.iter().all(|finding| finding.severity != Severity::Error), "{findings:#?}");
    desired.unwrap()
}

/// What is wrong with the manifests of a text.
pub(super) fn findings(text: &str) -> Vec<Diagnostic> {
    checked(text).1
}

/// The manifests of a text as far as they are sound, and what is wrong with them.
pub(super) fn checked(text: &str) -> (Option<Desired>, Vec<Diagnostic>) {
    let mut kinds: Vec<&str> = KINDS.iter().map(|kind| kind.about().kind).collect();
    kinds.push(STACK_KIND);
    // Beside the examples, whose `specFrom` names files there.
    let text =
        ManifestText { path: "examples/kinds/trial.yaml".into(), root: "examples".into(), text: text.to_owned() };
    let (documents, mut findings) = load_text(vec![text], &FileSystem, &kinds);
    let (desired, more) = check(documents);
    findings.extend(more);
    (desired, findings)
}

/// An example of the repository.
pub(super) fn example(name: &str) -> String {
    let path = format!("{}/examples/kinds/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}
