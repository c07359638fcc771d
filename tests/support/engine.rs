//! Farpost's engine against a sandbox, without a command line: survey, plan, apply.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use farpost::apply::{Outcome, apply};
use farpost::aws::{Access, Aws, Patience};
use farpost::desired::{Desired, STACK_KIND, check};
use farpost::kinds::{KINDS, Purpose};
use farpost::manifest::{FileSystem, ManifestText, load_text};
use farpost::observed::survey;
use farpost::plan::{Goal, Guards, Plan, plan};
use farpost::sandbox::Sandbox;
use farpost::sandbox::client::SandboxClient;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Who plans and applies. What goes wrong is text, so that a table of cases can be run to its end.
pub(crate) struct Engine {
    runtime: tokio::runtime::Runtime,
    aws: Arc<Aws>,
}

impl Engine {
    pub(crate) fn new(sandbox: &Arc<Sandbox>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = SharedHttpClient::new(SandboxClient::new(Arc::clone(sandbox)));
        let access = Access { region: Some(sandbox.region()), ..Access::default() };
        let patience = Patience {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(5),
            settles: Duration::from_millis(10),
        };
        let aws = runtime.block_on(Aws::connect(&access, Some(http), patience)).unwrap();
        Self { runtime, aws: Arc::new(aws) }
    }

    /// What applying these manifests would do.
    pub(crate) fn plan(&self, text: &str, purpose: Purpose<'_>) -> Result<Plan, String> {
        let desired = declared(text)?;
        let (place, wanted) = (desired.place(), desired.wanted());
        let seen = survey(&self.aws, &place, &wanted, purpose);
        let seen = self.runtime.block_on(seen).map_err(|faults| format!("reading failed: {faults:?}"))?;
        let plan = plan(&desired, &seen, Goal::Converge, Guards { max_deletes: Some(100) }, self.aws.counts());
        if plan.refusals.is_empty() { Ok(plan) } else { Err(format!("the plan was refused: {:#?}", plan.refusals)) }
    }

    /// Applies a plan; everything in it must succeed within a time that only a wait without an end takes.
    pub(crate) fn carry_out(&self, plan: Plan) -> Result<(), String> {
        self.aws.start_run(&CancellationToken::new());
        let (events, _seen) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let work = apply(Arc::clone(&self.aws), plan, events, cancel);
        let limit = Duration::from_secs(20);
        let outcome = self.runtime.block_on(async { tokio::time::timeout(limit, work).await });
        let outcome: Outcome = outcome.map_err(|_| format!("applying took longer than {limit:?}"))?;
        if outcome.is_complete() { Ok(()) } else { Err(format!("applying failed: {outcome:#?}")) }
    }
}

/// The manifests of a text. Warnings are no matter here.
fn declared(text: &str) -> Result<Desired, String> {
    let mut kinds: Vec<&str> = KINDS.iter().map(|kind| kind.about().kind).collect();
    kinds.push(STACK_KIND);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let text = ManifestText { path: root.join("trial.yaml"), root, text: text.to_owned() };
    let (documents, mut findings) = load_text(vec![text], &FileSystem, &kinds);
    let (desired, more) = check(documents);
    findings.extend(more);
    desired.ok_or_else(|| {
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        format!("the manifests are wrong: {}", messages.join("; "))
    })
}
